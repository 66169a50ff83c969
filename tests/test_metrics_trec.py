"""trec_eval's own test data: every number of its expected outputs that ctcore has, at its 4 decimals."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field

import numpy as np
import pytest

from conftest import ROOT
from ctcore import data, metrics
from ctcore.errors import DataError

FOLDER = ROOT / "tests" / "golden" / "trec_eval"
ROUNDING = 5.1e-5
NOT_STORED = {
    "out.test.prefs": "preferences between two documents: no measure of ours",
    "out.test.qrels_prefs": "preferences between two documents: no measure of ours",
    "prefs.comment.test": "preferences between two documents: no measure of ours",
    "prefs.rank20": "preferences between two documents: no measure of ours",
    "prefs.results.test": "preferences between two documents: no measure of ours",
    "prefs.test": "preferences between two documents: no measure of ours",
    "qrels-302.test": "the lines of query 302 in qrels.test",
    "results-302.test": "the lines of query 302 in results.test",
}
"""What else usnistgov/trec_eval has in test/."""


@dataclass(frozen=True)
class Case:
    """A call of trec_eval."""

    qrels: str
    run: str
    output: str
    compared: int
    """How many numbers of the output are ours: the measures, each of every query and of all."""
    queries: int = 3
    """With a line for each query (-q); 0: the means alone."""
    switches: dict = field(default_factory=dict)
    deepest: int | None = None
    missing: tuple = ()
    without: tuple = ()
    """RBP of several grades: trec_eval's multiplies by them, ours knows only relevant or not."""
    zscores: str | None = None


CASES = [
    Case("qrels.test", "results.test", "out.test", 13, queries=0),
    Case("qrels.test.with-comments", "results.test", "out.test", 13, queries=0),
    Case("qrels.comment.test", "results.comment.test", "out.comment.test", 13, queries=0),
    Case("qrels.test", "results.test", "out.test.a", 49, queries=0),
    Case("qrels.test", "results.test", "out.test.aq", 4 * 49),
    Case("qrels.test", "results.trunc", "out.test.aqc", 4 * 49, missing=("302",)),
    Case("qrels.test", "results.trunc", "out.test.aqcM", 4 * 49, missing=("302",), deepest=100),
    Case("qrels.rel_level", "results.test", "out.test.aql", 4 * 48, switches={"relevant_from": 2}, without=("rbp",)),
    Case("qrels.test", "results.test", "out.test.meas_params", 4 * 12),
    Case("qrels.test", "results.test", "out.test.aqZ", 4 * 49, zscores="zscores_file"),
]
ASSESSORS = ["qrels.123", "qrels.comments.123"]


def lines(name):
    return gzip.decompress((FOLDER / f"{name}.gz").read_bytes()).decode().splitlines()


def expected(name):
    found = {}
    for line in lines(name):
        measure, query, value = line.split()
        found.setdefault(query, {})[measure] = value
    return found


OURS = {
    "Rprec": "r_precision",
    "Rprec_mult_1.00": "r_precision",
    "bpref": "bpref",
    "map": "map",
    "ndcg": "ndcg",
    "ndcg_1=3,2=9,4=4.5": "ndcg",
    "rbp": "rbp",
    "recip_rank": "mrr",
    "set_F": "f1",
    "set_P": "precision",
    "set_recall": "recall",
}
GAINS = {"ndcg_1=3,2=9,4=4.5": [0, 3]}  # the file holds no other grades, and a table of ours may not fall


NOT_OURS = re.compile(
    r"runid|relstring|relstring_20"
    r"|num_(q|ret|rel|rel_ret|nonrel_judged_ret)|unj_\d+"  # counts
    r"|gm_(map|bpref)|infAP|G|binG|Rndcg|ndcg_rel|rbp_resid"
    r"|iprec_at_recall_.*|11pt_avg.*|utility.*|Rprec_mult_(?!1\.00).*"
    r"|(set_)?relative_P(_\d+)?|set_map"
)


def ours(measure):
    """Our name of trec_eval's measure, or None."""
    match = re.fullmatch(r"(P|recall|ndcg_cut|map_cut|success)_(\d+)", measure)
    names = {"P": "precision", "ndcg_cut": "ndcg", "map_cut": "map"}
    return f"{names.get(match[1], match[1])}@{match[2]}" if match else OURS.get(measure)


def evaluate(table, measures, **switches):
    """Each measure's evaluation."""
    rows = {name: table[name].to_numpy() for name in ("query", "document")}
    found = {}
    for gain in (None, *GAINS):
        names = {measure: ours(measure) for measure in measures if (measure if measure in GAINS else None) == gain}
        if names:
            relevance, also = table["relevance"].to_numpy(), {}
            if gain:  # a table has no place for the -1 of what nobody judged, which has no gain either
                relevance, also = np.maximum(relevance, 0), {"gain": GAINS[gain]}
            of_gain = metrics.evaluate(
                relevance,
                table["score"].to_numpy(),
                metrics=list(names.values()),
                preset="trec",
                **rows,
                **switches,
                **also,
            )
            found |= {measure: (of_gain[name].value, of_gain[name].per_query) for measure, name in names.items()}
    return found, list(dict.fromkeys(table["query"].to_pylist()))


def run_of(case, folder):
    """The run's file; with -M the first documents of each query alone, by score and then by id."""
    if case.deepest is None:
        return FOLDER / f"{case.run}.gz"
    ranked = {}
    for line in lines(case.run):
        query, _, document, _, score, *_ = line.split()
        ranked.setdefault(query, []).append((float(score), document, line))
    kept = [line for each in ranked.values() for *_, line in sorted(each, reverse=True)[: case.deepest]]
    assert len(kept) < len(lines(case.run))
    (folder / case.run).write_text("\n".join(kept))
    return folder / case.run


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.qrels} {case.output}")
def test_trec_eval_on_its_own_test_data(case, tmp_path):
    found = data.read_trec(FOLDER / f"{case.qrels}.gz", run_of(case, tmp_path))
    assert found.missing == case.missing
    golden = expected(case.output)
    named = {name.removeprefix("Z") if case.zscores else name: name for name in golden["all"]}
    measures = [name for name in named if ours(name) and name not in case.without]
    evaluated, queries = evaluate(found.table, measures, **case.switches)
    assert len(queries) == int(golden["all"].get("num_q", 3))
    assert len(golden) == 1 + case.queries
    compared = 0
    for measure in measures:
        value, per_query = evaluated[measure]
        if case.zscores:
            per_query = zscores(case.zscores, measure, queries, per_query)
            value = np.mean(per_query)
        assert value == pytest.approx(float(golden["all"][named[measure]]), abs=ROUNDING), measure
        compared += 1
        for query, of_query in zip(queries, per_query, strict=True) if case.queries else ():
            expects = float(golden[query][named[measure]])
            assert of_query == pytest.approx(expects, abs=ROUNDING), (measure, query)
            compared += 1
    assert compared == case.compared


def zscores(name, measure, queries, per_query):
    """How many standard deviations each value lies above the mean of other runs on its query."""
    others = {}
    for query, of, mean, deviation in map(str.split, lines(name)):
        others[of, query] = (float(mean), float(deviation))
    found = []
    for query, value in zip(queries, per_query, strict=True):
        mean, deviation = others[measure, query]
        found.append((value - mean) / deviation if deviation else 0.0)
    return found


@pytest.mark.parametrize("qrels", ASSESSORS)
def test_trec_eval_where_several_people_judged(qrels, tmp_path):
    """Measures named avgjg: the mean over the people who judged the query, of their own judgements alone."""
    golden = expected("out.test.qrels_jg")
    names = {name: name.replace("_avgjg", "") for name in golden["all"] if ours(name.replace("_avgjg", ""))}
    judged = {}
    for line in lines(qrels):
        if not line.startswith("#"):
            judged.setdefault(line.split()[1], []).append(line)
    assert sorted(judged) == ["0", "1", "2"]
    found = {name: {} for name in names}
    for person, of_person in judged.items():
        (tmp_path / person).write_text("\n".join(of_person))
        table = data.read_trec(tmp_path / person, FOLDER / "results.test.gz").table
        evaluated, queries = evaluate(table, list(names.values()))
        for name, measure in names.items():
            for query, value in zip(queries, evaluated[measure][1], strict=True):
                found[name].setdefault(query, []).append(value)
    compared = 0
    for name in names:
        means = {query: np.mean(values) for query, values in found[name].items()}
        for query, value in (means | {"all": np.mean(list(means.values()))}).items():
            assert value == pytest.approx(float(golden[query][name]), abs=ROUNDING), (name, query)
            compared += 1
    assert compared == 4 * 11


def test_every_file_of_trec_eval_is_read_or_said_not_to_be():
    read = {name for case in CASES for name in (case.qrels, case.run, case.output, case.zscores) if name}
    read |= {*ASSESSORS, "out.test.qrels_jg"}
    stored = {path.name.removesuffix(".gz") for path in FOLDER.iterdir()} - {"LICENSE.md"}
    assert read == stored
    assert not read & set(NOT_STORED)
    assert len(read | set(NOT_STORED)) == 28
    assert sum(case.compared for case in CASES) == 1_112


def test_every_measure_of_trec_eval_is_ours_or_said_not_to_be():
    printed = {name for case in CASES if not case.zscores for name in expected(case.output)["all"]}
    unknown = {name for name in printed if not ours(name)}
    assert len(printed - unknown) == 56
    assert {name for name in unknown if not NOT_OURS.fullmatch(name)} == set()
    assert not [name for name in printed - unknown if NOT_OURS.fullmatch(name)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 0 d2", "must have at least 4 fields, found 3"),
        ("1 0 d2 high", "grade must be a number, found 'high'"),
        ("1 0 d1 2", "document d1 comes twice in query 1"),
    ],
)
def test_a_bad_line_of_a_trec_file_is_named(tmp_path, line, words):
    (tmp_path / "qrels").write_text(f"1 0 d1 1\n{line}\n")
    (tmp_path / "run").write_text("1 Q0 d1 1 0.5 me\n9 Q0 d1 1 0.5 me\n")
    with pytest.raises(DataError, match=re.escape(f"qrels:2: {words}")):
        data.read_trec(tmp_path / "qrels", tmp_path / "run")
    (tmp_path / "qrels").write_text("# judged by one\n1 0 d1 1\n1 0 d7 1\n2 0 d1 1\n")
    found = data.read_trec(tmp_path / "qrels", tmp_path / "run")
    assert (found.missing, found.unjudged) == (("2",), ("9",))
    assert found.table["score"].to_pylist() == [0.5, -np.inf, -np.inf]
