"""`ctcore evaluate`."""

from __future__ import annotations

import json

from conftest import ROOT, ctcore
from ctcore import metrics
from ctcore.cli import _evaluate as command

GOLDEN = ROOT / "tests" / "golden"


def evaluate(*arguments):
    done = ctcore("evaluate", *arguments)
    return done.returncode, done.stdout, done.stderr


def test_the_command_offers_every_preset():
    """It repeats their names, since it must not load numpy to say them."""
    assert tuple(metrics.PRESETS) == command._PRESETS


def test_conventions_side_by_side():
    code, out, err = evaluate(
        GOLDEN / "lambdarank_test.csv", "--score", "score_tied", "--metrics", "ndcg@10,map@10", "--conventions"
    )
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:7]}
    assert rows["trec"] == ["0.7810", "0.6244"]
    assert rows["lightgbm"] == rows["xgboost"] == ["0.7512", "0.7711"]
    assert rows["sklearn"][0] == rows["default"][0] == "0.7830"
    assert "queries could make it" in out


def test_json_holds_the_expansion_of_the_preset():
    code, out, _ = evaluate(
        GOLDEN / "lambdarank_test.csv", "--metrics", "map@10", "--preset", "lightgbm", "--format", "json"
    )
    found = json.loads(out)["presets"]["lightgbm"]["metrics"]["map@10"]
    assert code == 0
    assert found["definition"]["preset"] == "lightgbm"
    assert found["definition"]["ap_denominator"] == "reachable"
    assert found["n_queries"] == 50


def test_a_trec_run_with_its_judgements():
    folder = GOLDEN / "trec_eval"
    code, out, _ = evaluate(
        folder / "results.test.gz", "--qrels", folder / "qrels.test.gz", "--metrics", "map,ndcg,mrr"
    )
    assert code == 0
    assert out.splitlines()[1].split() == ["trec", "0.1785", "0.4021", "0.4064"]


def test_what_cannot_be_evaluated_ends_with_2(tmp_path):
    code, out, err = evaluate(GOLDEN / "lambdarank_test.csv", "--score", "scor")
    assert (code, out) == (2, "")
    assert 'there is no column "scor"; did you mean "score"' in err
    (tmp_path / "bad.csv").write_text("query,relevance,score\n1,1,0.5\n1,0,\n")
    code, out, err = evaluate(tmp_path / "bad.csv")
    assert (code, out) == (2, "")
    assert "score: 1 rows are null" in err
    code, out, _ = evaluate(tmp_path / "bad.csv", "--metrics", "ndgc@10")
    assert (code, out) == (2, "")


def test_what_no_convention_gives_is_an_error_and_what_one_refuses_is_a_dash():
    folder = GOLDEN / "trec_eval"
    code, out, err = evaluate(GOLDEN / "lambdarank_test.csv", "--preset", "trec", "--document", "nope")
    assert (code, out) == (2, "")
    assert "needs the id of each document" in err
    code, out, _ = evaluate(
        folder / "results.test.gz", "--qrels", folder / "qrels.test.gz", "--metrics", "map", "--conventions"
    )
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:7]}
    assert code == 0
    assert rows["default"] == ["-"]  # it takes no negative grade
    assert rows["trec"] == ["0.1785"]
    assert "default: relevance: grades must be finite and at least 0, found -1" in out


def test_queries_without_a_partner_are_counted(tmp_path):
    (tmp_path / "qrels").write_text("1 0 a 1\n2 0 a 1\n3 0 a 1\n")
    (tmp_path / "run").write_text("1 Q0 a 1 0.5 t\n9 Q0 a 1 0.5 t\n")
    arguments = (tmp_path / "run", "--qrels", tmp_path / "qrels", "--metrics", "map")
    code, out, _ = evaluate(*arguments)
    assert code == 0
    assert "2 judged queries are not in the run: they count as if nothing had been retrieved" in out
    assert "1 queries of the run were not judged, and are left out" in out
    found = json.loads(evaluate(*arguments, "--format", "json")[1])
    assert (found["missing"], found["unjudged"]) == (2, 1)
