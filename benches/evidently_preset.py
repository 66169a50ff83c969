"""The cost of Evidently's drift preset and of ``drift.compare`` on the same table, in one run.

``make bench-peers`` runs it: Evidently lives in an environment of its own, since its requirements exclude others'. Both
read the same Parquet files into memory first, each into its own kind of table, and both have seen a small one. Timed is
what then gives plain values: a statistic and a decision for each column, both distributions, the share of columns that
drifted. The statistics are Evidently's own choice for so many rows (Wasserstein over the standard deviation for
numbers, Jensen-Shannon for categories), and have to be equal; ctcore's defaults stand beside.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from timing import timed

from ctcore import _core, drift

EVIDENTLY = """
import json, os, sys, time, warnings
warnings.filterwarnings("ignore")
os.environ["DO_NOT_TRACK"] = "1"
import pandas as pd
from importlib.metadata import version
from evidently import Report
from evidently.presets import DataDriftPreset
reference, current = map(pd.read_parquet, sys.argv[1:])
preset = lambda rows: Report([DataDriftPreset()]).run(current[:rows], reference[:rows]).dict()
preset(2_000)
start = time.perf_counter()
found = preset(None)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "version": version("evidently"), "metrics": found["metrics"]}, default=str))
"""


def table(rows, seed):
    """Fifteen columns; a third of them moved by half a standard deviation where ``seed`` is 1."""
    rng = np.random.default_rng(seed)
    columns = {f"real{i}": rng.normal(i + 0.5 * seed * (i % 3 == 0), 1, rows) for i in range(8)}
    columns |= {f"amount{i}": np.round(rng.lognormal(0.5 * seed * (i == 0), 1 + i, rows), 2) for i in range(3)}
    columns |= {f"count{i}": rng.poisson(3 + 100 * i, rows) for i in range(2)}
    for i, kinds in enumerate((3, 40)):
        words = pa.array([f"word {j}" for j in range(kinds)])
        columns[f"word{i}"] = words.take(pa.array(rng.zipf(1.5 - 0.2 * seed, rows) % kinds))
    return pa.table(columns)


def ours(tables, tolerances=None):
    seconds, found = timed(lambda: drift.compare(*tables, tolerances=tolerances).to_dict())
    return seconds, found["columns"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="of the environment that has Evidently")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.parquet" for name in ("reference", "current")]
        for seed, path in enumerate(paths):
            pq.write_table(table(options.rows, seed), path)
        tables = [pq.read_table(path) for path in paths]
        same, columns = ours(tables, drift.Tolerances(numbers="wasserstein"))
        defaults, _ = ours(tables)
        command = [options.python, "-c", EVIDENTLY, *map(str, paths)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        theirs = json.loads(done.stdout.splitlines()[-1])
    equal(columns, theirs["metrics"])
    print(f"ctcore {_core.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print("| work | ctcore | peer | peer's time | ratio | bar |\n|---|---|---|---|---|---|")
    peer = f"Evidently {theirs['version']}, DataDriftPreset | {theirs['seconds']:.1f} s"
    for statistics, seconds in (("Evidently's", same), ("ctcore's", defaults)):
        work = f"drift of {options.rows:,} rows a side x {len(columns)} columns, {statistics} statistics"
        print(f"| {work} | {seconds * 1e3:.0f} ms | {peer} | {theirs['seconds'] / seconds:.0f}x | 200x |")


def equal(columns, metrics):
    """Hold that both looked at the same columns by the same statistics and found the same."""
    found = {metric["config"]["column"]: metric for metric in metrics if "column" in metric["config"]}
    assert len(columns) == 15, len(columns)
    assert found.keys() == {column["name"] for column in columns}, found.keys()
    for column in columns:
        theirs = found[column["name"]]
        decision = next(check for check in column["checks"] if check["id"].endswith(column["primary"]))
        # Evidently's Jensen-Shannon distance is in nats; the square root is taken of both.
        unit = math.sqrt(math.log(2)) if column["primary"] == "jensen_shannon" else 1.0
        assert math.isclose(decision["value"] * unit, theirs["value"], rel_tol=1e-5, abs_tol=1e-6), (decision, theirs)


if __name__ == "__main__":
    main()
