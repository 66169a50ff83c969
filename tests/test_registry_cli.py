"""``ctcore models ...`` as a shell sees it."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from conftest import SmallProject, rows
from ctcore.registry import Registry
from test_cli import ctcore


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A project with two versions that served, and a third that was refused."""
    project = SmallProject(tmp_path_factory.mktemp("project"))
    project.rows(rows(signal=0.0))
    assert ctcore("run", "--as-of", "2024-02-05", cwd=project.folder).returncode == 0
    table = rows(signal=1.5)
    project.rows(table.set_column(3, "b", pa.array(np.asarray(table["b"]) + 3)))
    assert ctcore("run", "--as-of", "2024-02-09", cwd=project.folder).returncode == 0
    ctcore("run", "--as-of", "2024-02-10", cwd=project.folder)
    return project.folder


def said(*arguments, cwd, code=0):
    found = ctcore("models", *arguments, cwd=cwd)
    assert found.returncode == code, found.stderr + found.stdout
    return " ".join((found.stdout + found.stderr).split())


def test_show_is_a_model_card(served):
    card = json.loads(ctcore("models", "show", "production", "--format", "json", cwd=served).stdout)
    assert (card["version"], card["status"], card["cause"]["type"]) == (2, "production", "manual")
    (metric,) = card["metrics"]
    assert metric["lower"] < metric["gain"] < metric["upper"]
    assert card["window"][0].startswith("2024-01-13")
    assert len(card["contract"]["sha256"]) == 64
    assert card["drift"][0]["verdict"] == "fail"
    assert {check["verdict"] for check in card["gates"]} == {"pass"}
    assert [span["to"] for span in card["served"]] == [None]
    text = said("show", "2", cwd=served)
    for words in (
        "ranker 2: production",
        "ndcg@5",
        "2024-01-13 to",
        "contract.yaml",
        "drift.dataset",
        "gate.ndcg@5.gain",
    ):
        assert words in text


def test_diff_names_what_changed(served):
    found = json.loads(ctcore("models", "diff", "1", "2", "--format", "json", cwd=served).stdout)
    assert "rows.parquet" in found["data"]
    assert found["metrics"]["ndcg@5"][0] < found["metrics"]["ndcg@5"][1]
    assert found["trees"]
    assert found["parameters"] == {}
    assert "splits on a" in said("diff", "1", "2", cwd=served)
    same = json.loads(ctcore("models", "diff", "1", "1", "--format", "json", cwd=served).stdout)
    assert same["same_files"]
    assert not any(same[part] for part in ("parameters", "data", "features", "metrics", "trees", "code"))


def test_a_version_that_may_not_serve_is_refused_with_1(served):
    assert "no evidence of a gate" in said("promote", "3", cwd=served, code=1)
    assert "no version 9" in said("promote", "9", cwd=served, code=2)
    assert "must be a number" in said("show", "newest", cwd=served, code=2)
    assert "no model 'other'" in said("show", "1", "--model", "other", cwd=served, code=2)


def test_a_model_that_does_not_load_is_not_promoted(served):
    registry = Registry(served / "registry")
    model = registry.files(registry.version("ranker", 2)) | {"model.txt": b"tree\nnot a model"}
    manifest = registry.record(registry.version("ranker", 2).digest)
    version = registry.register("ranker", model, run="by hand", kind="lightgbm", about=manifest["about"])
    against = registry.version("ranker", 2).digest
    registry.add_evidence("ranker", version.number, kind="gate", verdict="pass", against=against, record={})
    assert "cannot serve" in said("promote", str(version.number), cwd=served, code=1)
    assert registry.state("ranker").production == 2


def test_approve_revoke_pin_verify_export(served, tmp_path):
    assert "approved by ann for 2d" in said("approve", "3", "--by", "ann", "--lasts", "2d", cwd=served)
    assert "ann until" in said("show", "3", cwd=served)
    assert "no longer approved" in said("revoke", "3", cwd=served)
    assert "no approval" in said("revoke", "3", cwd=served, code=2)
    assert "pinned" in said("pin", "1", cwd=served)
    assert "no longer pinned" in said("pin", "1", "--remove", cwd=served)
    assert "nothing to collect" in said("gc", cwd=served)
    assert "no fault" in said("repair", cwd=served)
    report = json.loads(ctcore("models", "verify", "--format", "json", cwd=served).stdout)
    assert (report["kind"], report["verdict"]) == ("verify", "pass")
    said("export", "2", str(tmp_path / "out"), cwd=served)
    assert (tmp_path / "out" / "model.txt").read_bytes().startswith(b"tree")
    assert json.loads((tmp_path / "out.card.json").read_bytes())["version"] == 2
    statement = json.loads((tmp_path / "out.provenance.json").read_bytes())
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert "is there already" in said("export", "2", str(tmp_path / "out"), cwd=served, code=2)


def test_rollback_and_quarantine(served):
    assert "version 1 of ranker serves again; version 2 is quarantined" in said("rollback", "--cause", "x", cwd=served)
    assert "nothing that may serve has served before" in said("rollback", "--cause", "x", cwd=served, code=2)
    assert "is quarantined and may not serve" in said("promote", "2", cwd=served, code=1)
    assert "version 3 of ranker is quarantined" in said("quarantine", "3", "--cause", "y", cwd=served)
    assert "roll it back" in said("quarantine", "1", "--cause", "y", cwd=served, code=5)
    card = json.loads(ctcore("models", "show", "1", "--format", "json", cwd=served).stdout)
    assert len(card["served"]) == 2


def test_damage_is_shown_with_1_and_a_torn_end_is_said(served):
    last = max((served / "registry/models/ranker/log").iterdir())
    last.chmod(0o600)
    last.write_bytes(b"")
    assert last.name in said("verify", cwd=served, code=1)
    assert "warning:" in ctcore("models", cwd=served).stderr
    assert "models repair" in said("pin", "1", cwd=served, code=5)
    assert "the log goes on without" in said("repair", cwd=served)
    said("verify", cwd=served)
    (served / "registry/ctcore-registry.json").chmod(0o600)
    (served / "registry/ctcore-registry.json").write_bytes(b"{}")
    assert "is damaged" in said("verify", cwd=served, code=5)
