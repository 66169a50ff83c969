"""Speed beside the peers, in one run: medians of the same inputs, and that the numbers are equal first.

`make bench` runs it. Timings depend on the machine; the ratios are what is claimed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytrec_eval
from ranx import Qrels, Run
from ranx import evaluate as ranx_evaluate
from scipy import stats
from sklearn.metrics import ndcg_score
from timing import in_turns, once, timed

from ctcore import _core, data, drift, metrics

warnings.filterwarnings("ignore")


def vectorised_ndcg(relevance, score, k):
    """What a careful numpy user would write for queries of equal length, without ties."""
    top = np.argpartition(-score, k, axis=1)[:, :k]
    order = np.take_along_axis(top, np.argsort(-np.take_along_axis(score, top, 1), axis=1), 1)
    discount = 1 / np.log2(np.arange(2, k + 2))
    dcg = np.take_along_axis(relevance, order, 1) @ discount
    ideal = -np.sort(-relevance, axis=1)[:, :k] @ discount
    return np.mean(np.divide(dcg, ideal, out=np.zeros_like(dcg), where=ideal > 0))


def row(work, ours, peer, peer_time, bar):
    ratio = peer_time / ours
    print(f"| {work} | {ours * 1e3:.2f} ms | {peer} | {peer_time * 1e3:.1f} ms | {ratio:.1f}x | {bar} |", flush=True)


def trec_from_arrays(relevance, score):
    """What a user of arrays does: ids, dictionaries of both, evaluation."""
    documents = [f"d{d}" for d in range(relevance.shape[1])]
    both = [
        {str(q): dict(zip(documents, each, strict=True)) for q, each in enumerate(rows.tolist())}
        for rows in (relevance, score)
    ]
    return pytrec_eval.RelevanceEvaluator(both[0], {"ndcg_cut.10"}).evaluate(both[1])


MANY = ("ndcg", "dcg", "map", "mrr", "precision", "recall", "f1", "hit_rate", "success", "rbp", "err")


def ndcg_rows(queries=20_000, documents=50):
    rng = np.random.default_rng(0)
    relevance = rng.integers(0, 5, (queries, documents))
    score = rng.permuted(np.tile(np.arange(documents, dtype=np.float64), (queries, 1)), axis=1)
    group = np.full(queries, documents)
    grades, flat = relevance.ravel().astype(np.uint8), score.ravel().astype(np.float32)
    ours, value = timed(lambda: metrics.ndcg(grades, flat, group=group, k=10), repeats=15)

    name = f"NDCG@10, {queries:,} queries x {documents}"
    numpy_time, numpy_value = timed(lambda: vectorised_ndcg(relevance, score, 10), repeats=5)
    sk_time, sk_value = timed(lambda: ndcg_score(relevance, score, k=10), repeats=1)

    ids = {str(q): {f"d{d}": int(relevance[q, d]) for d in range(documents)} for q in range(queries)}
    runs = {str(q): {f"d{d}": float(score[q, d]) for d in range(documents)} for q in range(queries)}
    qrels, run = Qrels(ids), Run(runs)
    ranx_time, ranx_value = timed(lambda: ranx_evaluate(qrels, run, "ndcg@10"), repeats=3)
    evaluator = pytrec_eval.RelevanceEvaluator(ids, {"ndcg_cut.10"})
    trec_time, trec = timed(lambda: evaluator.evaluate(runs), repeats=1)
    arrays_time, _ = timed(lambda: trec_from_arrays(relevance, score), repeats=1)
    trec_value = np.mean([each["ndcg_cut_10"] for each in trec.values()])

    for peer, other in (("numpy", numpy_value), ("sklearn", sk_value), ("ranx", ranx_value), ("trec", trec_value)):
        assert abs(value - other) < 1e-12, (peer, value, other)
    print(f"equal to 1e-12 in all five: {value!r}", file=sys.stderr)
    row(name, ours, f"ranx {version('ranx')} (warm)", ranx_time, "60x")
    trec_name = f"pytrec_eval-terrier {version('pytrec-eval-terrier')}"
    row(name, ours, f"{trec_name}, from arrays as ours", arrays_time, "100x")
    row(name, ours, f"{trec_name}, its dictionaries ready", trec_time, "100x")
    row(name, ours, f"scikit-learn {version('scikit-learn')}", sk_time, "150x")
    row(name, ours, f"numpy {version('numpy')}, vectorised", numpy_time, "3x")


def many_queries_rows(large=500_000):
    rng = np.random.default_rng(1)
    grades = rng.integers(0, 5, large * 100, dtype=np.uint8)
    scores = rng.random(large * 100, dtype=np.float32)
    sizes = np.full(large, 100)
    names = [f"{name}@{k}" for name in MANY for k in (1, 3, 5, 10)] + ["r_precision"]
    works = (
        lambda: metrics.ndcg(grades, scores, group=sizes, k=10, gain="exp2"),
        lambda: metrics.evaluate(grades, scores, metrics=names, group=sizes, gain="exp2"),
    )
    ours, many = in_turns(*works, repeats=11)
    rate = large * 100 / ours / 1e6
    print(f"| NDCG@10, {large:,} queries x 100 (f32, u8) | {ours * 1e3:.0f} ms | | | {rate:.0f} M rows/s | 300 |")
    print(
        f"| {len(MANY) + 1} metrics, all but R-precision at 4 cutoffs, of these | {many * 1e3:.0f} ms | "
        f"NDCG@10 alone | {ours * 1e3:.0f} ms | {many / ours:.1f}x | at most 3x |",
        flush=True,
    )


# VmHWM, not ru_maxrss: that one starts with the memory of the process that forked.
NDCG = """
import ctypes, re
import numpy as np
from ctcore import metrics
memory = lambda name: int(re.search(name + r":\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024
rng = np.random.default_rng(1)
grades, scores = rng.integers(0, 5, 50_000_000, dtype=np.uint8), rng.random(50_000_000, dtype=np.float32)
sizes = np.full(500_000, 100)
metrics.ndcg(grades[:100], scores[:100], k=10)
ctypes.CDLL(None).malloc_trim(0)
open("/proc/self/clear_refs", "w").write("5")  # the peak is that from here on
before = memory("VmRSS")
metrics.ndcg(grades, scores, group=sizes, k=10)
print(1 + (memory("VmHWM") - before) / (grades.nbytes + scores.nbytes + sizes.nbytes))
"""


def memory_row():
    ratio = float(subprocess.run([sys.executable, "-c", NDCG], check=True, capture_output=True, text=True).stdout)
    print(f"| its peak memory, as a multiple of the input | {ratio:.2f}x | | | | below 2x |", flush=True)


def bootstrap_row(queries=100_000):
    rng = np.random.default_rng(0)
    production = rng.uniform(0.4, 1, queries)
    advantage = production * rng.normal(0.01, 0.1, queries)
    options = {"margin": 0.01, "confidence": 0.95, "resamples": 2_000, "seed": 0, "method": "bootstrap"}
    ours, found = timed(lambda: _core.paired(advantage, production, np.arange(queries), **options), repeats=3)
    assert found["lower"] < 0.01 < found["upper"]
    print(f"| paired bootstrap, 2,000 resamples of {queries:,} queries | {ours * 1e3:.0f} ms | | | | 1 s |", flush=True)


def ks_row(n=10_000_000):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=n), rng.normal(0.001, size=n)
    ours, found = timed(lambda: drift.ks(a, b, method="asymptotic"), repeats=3)
    theirs, expected = timed(lambda: stats.ks_2samp(a, b, method="asymp"), repeats=1)
    assert abs(found.statistic - expected.statistic) < 1e-12
    row(f"exact two-sample KS, {n:,} x {n:,}", ours, f"scipy {version('scipy')}", theirs, "25x")


def rank_row(n=1_000_000):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=n), rng.normal(0.001, size=n)

    def scipy():
        found = stats.ks_2samp(a, b, method="asymp"), stats.cramervonmises_2samp(a, b), stats.mannwhitneyu(a, b)
        return *found, stats.wasserstein_distance(a, b), stats.energy_distance(a, b)

    ours, found = timed(lambda: drift.rank_statistics(a, b, method="asymptotic"), repeats=3)
    theirs, (ks, von_mises, u, wasserstein, energy) = timed(scipy, repeats=1)
    assert abs(found.ks.statistic - ks.statistic) < 1e-12
    assert abs(found.cramer_von_mises.statistic - von_mises.statistic) < 1e-9  # scipy's sums cancel at this size
    assert found.mann_whitney.statistic == u.statistic
    assert abs(found.wasserstein.statistic - wasserstein) < 1e-12
    assert abs(found.energy.statistic - energy) < 1e-12
    name = f"KS, CvM, MW, Wasserstein, energy (and Kuiper, AD), {n:,} x {n:,}"
    row(name, ours, f"scipy {version('scipy')}, the five", theirs, "25x")


def profile_row(n=10_000_000):
    rng = np.random.default_rng(0)
    stored = drift.profile(pa.table({"x": rng.normal(size=1_000_000)})).columns["x"]
    current = rng.normal(0.1, size=n)
    edges = np.array([-np.inf, *np.nextafter(stored["edges"], np.inf), np.inf])
    ours, found = timed(lambda: drift.cell_statistics(stored, current), repeats=5)
    by_edges, counts = timed(lambda: np.histogram(current, edges)[0], repeats=3)
    by_width, _ = timed(lambda: np.histogram(current, 10), repeats=3)
    assert _core.count_cells("current", current, stored["edges"]) == counts.tolist()
    assert found.psi == drift.psi(stored, current)
    assert found.jensen_shannon == drift.jensen_shannon(stored, current)
    name = f"PSI, Jensen-Shannon (and KL, Hellinger, TV) against a stored profile, {n:,}"
    row(name, ours, f"numpy {version('numpy')} histogram, same edges", by_edges, "20x")
    row(name, ours, f"numpy {version('numpy')} histogram, equal width", by_width, "20x")


def table(rows, seed):
    """Twenty columns of the kinds that tables have."""
    rng = np.random.default_rng(seed)
    columns = {f"real{i}": rng.normal(i, 1 + i, rows) for i in range(8)}
    columns |= {f"amount{i}": np.round(rng.lognormal(sigma=1 + i, size=rows), 2) for i in range(4)}
    columns |= {f"count{i}": rng.poisson(3 + 100 * i, rows) for i in range(3)}
    for i, kinds in enumerate((3, 40, 5_000)):
        columns[f"word{i}"] = pa.array([f"word {j}" for j in range(kinds)]).take(pa.array(rng.zipf(1.5, rows) % kinds))
    columns["flag"] = rng.random(rows) < 0.2
    columns["at"] = pa.array(np.sort(rng.integers(0, 10**15, rows))).cast(pa.timestamp("us"))
    return pa.table(columns)


CHECK = """
import re, sys
from ctcore import data, drift
report = drift.compare(*map(data.source, sys.argv[1:]))
peak = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())
print(report.reference_rows, int(peak[1]) // 1024)
"""


def check_drift_rows(rows=5_000_000):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name / "0.parquet" for name in ("reference", "current")]
        for seed, path in enumerate(paths):
            path.parent.mkdir()
            pq.write_table(table(rows, seed), path)
        words = [f"word{i}" for i in range(3)]
        read = lambda: [pq.read_table(path, read_dictionary=words) for path in paths]  # noqa: E731
        compare = lambda: drift.compare(*map(data.source, paths))  # noqa: E731
        theirs, tables = timed(read, repeats=3)
        columns = tables[0].num_columns
        del tables
        ours, _ = timed(compare, repeats=3)
        # One after the other read_table writes into memory that it has just freed; in turns the system may have to
        # give it anew, and clears it first.
        turns = in_turns(compare, read, repeats=5)
        name = f"drift of two Parquet files, {rows:,} x {columns}"
        peer = f"pyarrow {pa.__version__} read_table of both"
        for how, (our, their) in {"": (ours, theirs), ", in turns": turns}.items():
            print(f"| {name}{how} | {our:.2f} s | {peer} | {their:.2f} s | {our / their:.2f}x its time | at most 2x |")
        for copies in (1, 10):
            for path in paths:
                for copy in range(1, copies):
                    os.link(path, path.with_name(f"{copy}.parquet"))
            command = [sys.executable, "-c", CHECK, *(str(path.parent) for path in paths)]
            read_rows, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            print(f"| its peak memory, {int(read_rows):,} rows a side | {peak} MB | | | | 600 MB |", flush=True)


def start_rows():
    # pip compiles what it installs, and numpy came by pip: a tree that is worked in compiles at its first import.
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def typical(*arguments):
        command = [sys.executable, *arguments]
        run = lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=compiled)  # noqa: E731
        return median(once(run) for _ in range(9))

    ours, numpy = typical("-c", "import ctcore.metrics"), typical("-c", "import numpy")
    print(f"| import ctcore.metrics | {ours * 1e3:.0f} ms | import numpy | {numpy * 1e3:.0f} ms | ", end="")
    print(f"{ours / numpy:.2f}x | at most 1.3x |")
    print(f"| ctcore --help | {typical('-m', 'ctcore', '--help') * 1e3:.0f} ms | | | | 200 ms |")


if __name__ == "__main__":
    print(f"ctcore {_core.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print("| work | ctcore | peer | peer's time | ratio | bar |\n|---|---|---|---|---|---|")
    ndcg_rows()
    many_queries_rows()
    memory_row()
    bootstrap_row()
    ks_row()
    rank_row()
    profile_row()
    check_drift_rows()
    start_rows()
