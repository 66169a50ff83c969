"""Lineage: one record for every run, what is derived from it, and a run made again."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from conftest import SmallProject, rows
from ctcore import config, cycle, data, lineage
from ctcore.errors import ArgumentError, NotFoundError, StoreError
from ctcore.registry import Registry, sha256
from ctcore.reproduce import reproduce
from ctcore.verdict import Verdict
from test_cli import ctcore

CAUSE = {"type": "manual", "user": "ann", "reason": "a look"}


def run(folder, cause=CAUSE, registry=None):
    loaded = config.load(folder)
    return cycle.run(loaded, as_of=data.instant("2024-02-05", loaded.zone), cause=cause, registry=registry)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A project under git that has run once."""
    project = SmallProject(tmp_path_factory.mktemp("project"))
    project.write("requirements.txt", "ctcore==0.1.0\n")
    project.write(".gitignore", "registry/\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=project.folder, check=True)
    return project.folder, run(project.folder)


def test_a_manual_and_an_automatic_run_differ_in_cause_times_and_ids_alone(done, tmp_path):
    folder, manual = done
    other = run(folder, {"type": "drift", "evidence": "0" * 64}, Registry(tmp_path / "registry"))

    def stripped(record):
        kept = {key: value for key, value in record.items() if key not in ("cause", "started", "ended", "cost")}
        text = json.loads(json.dumps(kept))
        del text["steps"]["train"]["seconds"]
        return text

    assert manual.record["cause"] == CAUSE
    assert manual.record.keys() == other.record.keys()
    assert stripped(manual.record) == stripped(other.record)


def test_the_record_names_all_that_went_in(done):
    folder, report = done
    record = report.record
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
    assert record["code"]["commit"] == commit.stdout.strip()
    assert record["code"]["dirty"] is None
    assert record["code"]["lock"] == {"file": "requirements.txt", "sha256": sha256(b"ctcore==0.1.0\n")}
    assert {"ctcore", "lightgbm", "numpy", "pyarrow", "python"} <= record["surroundings"].keys()
    assert record["inputs"]["files"]["contract.yaml"] == sha256((folder / "contract.yaml").read_bytes())
    (file,) = record["inputs"]["data"]["rows"]["source"]["files"]
    assert file["sha256"] == sha256((folder / "rows.parquet").read_bytes())
    assert record["started"] <= record["ended"]
    assert record["cost"]["cpu_seconds"] > 0
    (folder / "features.py").write_text((folder / "features.py").read_text() + "\n# changed\n")
    try:
        assert len(lineage.code(folder)["dirty"]) == 64
    finally:
        subprocess.run(["git", "checkout", "-q", "features.py"], cwd=folder, check=True)
    assert lineage.code(folder)["dirty"] is None


def test_outside_of_git_the_commit_is_not_known(tmp_path):
    assert lineage.code(tmp_path) == {"commit": None, "dirty": None, "lock": None}


def test_the_card_tells_who_approved_and_what_served(done):
    folder, _ = done
    registry = Registry(folder / "registry", actor="bob")
    registry.approve("ranker", 1, lasts=timedelta(days=1))
    registry.revoke("ranker", 1)
    card = lineage.card(registry, "ranker", 1)
    kinds = [each["action"] for each in card["events"]]
    assert kinds[0] == "register"
    assert kinds[-2:] == ["approve", "revoke"]
    assert "set_ref" in kinds
    assert card["approvals"] == []
    with pytest.raises(NotFoundError):
        lineage.card(registry, "ranker", 9)
    other = registry.register("other", {"model.txt": b"x"}, run="by hand", kind="test")
    bare = lineage.card(registry, "other", other.number)  # made by no run: what is known is shown
    assert (bare["metrics"], bare["cause"]) == ([], None)
    with pytest.raises(NotFoundError, match="made by no run"):
        lineage.provenance(registry, "other", 1)


def test_provenance_is_an_in_toto_statement(done):
    folder, report = done
    registry = Registry(folder / "registry")
    statement = lineage.provenance(registry, "ranker", 1)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    subjects = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    files = registry.files(registry.version("ranker", 1))
    assert subjects == {name: sha256(data) for name, data in files.items()}
    assert "model.txt" in subjects
    definition = statement["predicate"]["buildDefinition"]
    digests = {each["uri"]: each["digest"] for each in definition["resolvedDependencies"]}
    assert digests["data:rows.parquet"]["sha256"] == sha256((folder / "rows.parquet").read_bytes())
    assert "gitCommit" in digests["git+."]
    assert definition["externalParameters"]["cause"] == CAUSE
    assert statement["predicate"]["runDetails"]["metadata"]["invocationId"] == report.run
    json.dumps(statement, allow_nan=False)


def test_open_lineage_events(done, tmp_path):
    _, report = done
    start, end = lineage.events(report.record)
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"]
    assert end["inputs"][0]["name"] == "rows.parquet"
    (output,) = end["outputs"]
    assert output["facets"]["datasetType"]["datasetType"] == "MODEL"
    tests = {each["name"]: each for each in end["run"]["facets"]["test"]["tests"]}
    assert tests["gate.ndcg@5.floor"]["status"] == "pass"
    assert tests["gate.ndcg@5.floor"]["expected"] == "0.1"
    assertions = end["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert any(each["assertion"] == "time.present" and each["success"] for each in assertions)
    for facet in (*output["facets"].values(), *end["run"]["facets"].values()):
        assert facet["_producer"] == "urn:ctcore"
        assert facet["_schemaURL"].startswith(("https://openlineage.io/spec/facets/1-", "urn:ctcore:"))
    lineage.send([start, end], str(tmp_path / "events.jsonl"))
    lineage.send([start], str(tmp_path / "events.jsonl"))
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "COMPLETE", "START"]
    with pytest.raises(ArgumentError, match="a file or to an http"):
        lineage.send([start], "ftp://x/y")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.send_response(302 if "away" in self.path else 201)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_open_lineage_events_over_http(done):
    _, report = done
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.received = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        lineage.send(lineage.events(report.record), f"{url}/api/v1/lineage")
        assert [each["eventType"] for _, each in server.received] == ["START", "COMPLETE"]
        with pytest.raises(StoreError, match=r"could not be sent to 127\.0\.0\.1"):
            lineage.send(lineage.events(report.record)[:1], f"{url}/away")
        assert len(server.received) == 3  # the redirect was not followed
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with pytest.raises(StoreError, match="could not be sent"):
        lineage.send(lineage.events(report.record), url)


# ---------------------------------------------------------------- again


def copied(done, tmp_path, *, without_models=True):
    """A fresh folder with the project and its registry, the model's own bytes absent."""
    folder, report = done
    shutil.copytree(folder, tmp_path / "again", ignore=shutil.ignore_patterns(".git"))
    if without_models:
        for digest in report.record["steps"]["train"]["files"].values():
            (tmp_path / "again/registry/blobs/sha256" / digest[:2] / digest).unlink()
    return tmp_path / "again", report.run


def test_a_run_is_reproduced_without_its_model(done, tmp_path):
    folder, key = copied(done, tmp_path)
    before = sorted(path for path in (folder / "registry").rglob("*") if path.is_file())
    report = reproduce(config.load(folder), Registry(folder / "registry"), key)
    assert report.verdict is Verdict.PASS
    assert report.found == report.recorded
    assert before == sorted(path for path in (folder / "registry").rglob("*") if path.is_file())
    found = ctcore("reproduce", key[:12], "--format", "json", cwd=folder)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["found"] == report.recorded


def test_an_input_that_has_changed_is_named(done, tmp_path):
    folder, key = copied(done, tmp_path)
    project = SmallProject.__new__(SmallProject)
    project.folder = folder

    def changed():
        report = reproduce(config.load(folder), Registry(folder / "registry"), key)
        assert report.verdict is Verdict.FAIL
        assert report.found is None
        return {check.id for check in report.checks if check.verdict is Verdict.FAIL}

    project.toml("num_leaves = 7", "num_leaves = 8")
    assert changed() == {"inputs.files.ctcore.toml", "inputs.settings.train.parameters.num_leaves"}
    assert ctcore("reproduce", key, cwd=folder).returncode == 1
    project.toml("num_leaves = 8", "num_leaves = 7")
    project.write("features.py", (folder / "features.py").read_text() + "\n")
    assert changed() == {"inputs.files.features.py"}
    shutil.copy(done[0] / "features.py", folder)
    project.rows(rows(seed=1))
    assert "inputs.data.rows.source.files.rows.parquet.sha256" in changed()
    (folder / "rows.parquet").unlink()
    assert changed() == {"inputs.data"}


def test_only_runs_that_made_a_model_are_reproduced(done, tmp_path):
    folder, _ = copied(done, tmp_path)
    loaded, registry = config.load(folder), Registry(folder / "registry")
    with pytest.raises(NotFoundError, match="0 runs begin with"):
        reproduce(loaded, registry, "0000")
    with pytest.raises(ArgumentError, match="at least 4 digits"):
        reproduce(loaded, registry, "../..")


def test_the_lineage_command(done):
    folder, report = done
    for form, key in (("record", "run"), ("slsa", "_type")):
        found = ctcore("models", "lineage", "1", "--as", form, cwd=folder)
        assert found.returncode == 0, found.stderr
        assert key in json.loads(found.stdout)
    assert report.run in ctcore("models", "lineage", "1", cwd=folder).stdout
    found = ctcore("models", "lineage", "1", "--as", "openlineage", "--to", "registry/events", cwd=folder)
    assert "2 events" in found.stdout
    assert ctcore("models", "lineage", "1", "--to", "x", cwd=folder).returncode == 2
