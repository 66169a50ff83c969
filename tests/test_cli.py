"""The command line as a shell sees it: stdout, stderr, exit codes."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from conftest import ctcore
from ctcore import cli, data


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)

    def table(shift, cash):
        payment = np.where(rng.random(4000) < cash, "cash", "card")
        return pa.table({"fare": rng.normal(10 + shift, 2, 4000), "payment_type": payment})

    for name, shift, cash in (("before", 0, 0.31), ("same", 0, 0.31), ("after", 2, 0.12)):
        pq.write_table(table(shift, cash), tmp_path / f"{name}.parquet")
    pyarrow.csv.write_csv(table(2, 0.12), tmp_path / "after.csv")
    return tmp_path


def test_no_drift_is_0_and_drift_is_1(files):
    assert ctcore("check-drift", "before.parquet", "same.parquet", cwd=files).returncode == 0
    for current in ("after.parquet", "after.csv"):
        found = ctcore("check-drift", "before.parquet", current, cwd=files)
        assert found.returncode == 1
        assert "mean 1" in found.stdout
        assert "'cash' 3" in found.stdout
        assert "\x1b" not in found.stdout
        assert found.stderr == ""


def test_json_says_the_same(files):
    found = ctcore("check-drift", "before.parquet", "after.parquet", "--format", "json", cwd=files)
    report = json.loads(found.stdout, parse_constant=pytest.fail)
    assert (report["kind"], report["verdict"], report["format"]) == ("drift", "fail", 1)
    assert {column["name"]: column["verdict"] for column in report["columns"]} == {
        "fare": "fail",
        "payment_type": "fail",
    }
    assert found.returncode == 1


def test_too_few_rows_are_3(files):
    pq.write_table(pq.read_table(files / "after.parquet").slice(0, 5), files / "few.parquet")
    found = ctcore("check-drift", "before.parquet", "few.parquet", cwd=files)
    assert found.returncode == 3
    assert "rows a side would show it" in " ".join(found.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check-drift", "before.parquet", "none.parquet"], "none.parquet: no such file"),
        (["check-drift", "before.parquet"], "CURRENT"),
        (["check-drift", "before.parquet", "same.parquet", "--columns", "fair"], "no column 'fair'"),
        (["check-drif"], "check-drif"),
        (["run"], "has no ctcore.toml"),
        (["run", "--as-of", "tomorrow"], "has no ctcore.toml"),
        ([], "Usage"),
    ],
)
def test_wrong_usage_is_2(files, arguments, words):
    found = ctcore(*arguments, cwd=files)
    assert found.returncode == 2
    assert words in found.stdout + found.stderr


def test_corrupt_files_are_2(files):
    (files / "torn.parquet").write_bytes((files / "after.parquet").read_bytes()[:500])
    (files / "empty.parquet").write_bytes(b"")
    (files / "text.parquet").write_text("hello, world")
    pq.write_table(pq.read_table(files / "same.parquet"), files / "really.csv")
    for name in ("torn.parquet", "empty.parquet", "text.parquet", "really.csv"):
        found = ctcore("check-drift", "before.parquet", name, cwd=files)
        assert (found.returncode, found.stdout) == (2, "")
        assert name in found.stderr
        assert "Traceback" not in found.stderr


def test_a_bug_is_4(monkeypatch, capsys):
    monkeypatch.setattr(data, "load", lambda _: 1 / 0)
    assert cli._main._run(["check-drift", "a", "b"]) == 4
    assert "this is a bug in ctcore" in capsys.readouterr().err


def test_help_is_worth_reading():
    for command in ([], ["run"], ["replay"], ["check-drift"], ["models"]):
        found = ctcore(*command, "--help")
        assert found.returncode == 0
        assert "Exit codes" in found.stdout
    assert ctcore("--version").stdout.startswith("ctcore, version 0.")


def test_run_models_and_exit_codes(project):
    assert "holds no model yet" in ctcore("models", cwd=project.folder).stdout
    first = ctcore("run", "--as-of", "2024-02-05", cwd=project.folder)
    assert (first.returncode, first.stderr) == (0, "")
    assert "promoted: version 1 serves" in first.stdout
    second = ctcore("run", "--as-of", "2024-02-09", "--format", "json", cwd=project.folder)
    report = json.loads(second.stdout)
    assert report["outcome"] == "gate"
    assert second.returncode == {"fail": 1, "insufficient": 3}[report["verdict"]]
    listed = json.loads(ctcore("models", "--format", "json", cwd=project.folder).stdout)["models"]
    assert [(row["version"], row["production"], row["outcome"]) for row in listed] == [
        (2, False, "gate"),
        (1, True, "promoted"),
    ]
    assert "production" in ctcore("models", cwd=project.folder).stdout


def test_replay_writes_a_report_that_needs_nothing(project):
    project.write("ctcore.toml", (project.folder / "ctcore.toml").read_text() + '\n[replay]\nbaseline = "-b"\n')
    arguments = ["replay", "--from", "2024-01-15", "--to", "2024-01-29", "--every", "7d"]
    found = ctcore(*arguments, "--output", "out.html", cwd=project.folder)
    assert found.returncode == 0, found.stderr
    assert "the report is" in found.stderr
    weeks, proofs = found.stdout.split("What each proof costs")
    assert weeks.count("2024-01-") == 3
    assert all(proof in proofs for proof in ("margin", "better", "not_worse", "point"))
    page = (project.folder / "out.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert page.count("<details>") == 3
    assert not (project.folder / "registry").exists()  # the project's own registry is not touched
    assert ctcore(*arguments, "--to", "2023-01-01", cwd=project.folder).returncode == 2


def test_names_in_a_report_are_escaped(project):
    text = (project.folder / "ctcore.toml").read_text()
    evil = "<script>alert(1)</script>{{7*7}}"
    project.write("ctcore.toml", text.replace('["a", "b"]', f'["a", "{evil}"]'))
    project.write(
        "features.py",
        "def features(table, as_of):\n"
        f"    table = table.append_column({evil!r}, table['b'])\n"
        "    return table.append_column('day', table['time'].cast('date32'))\n",
    )
    project.toml("num_leaves = 7", "num_leaves = 7, feature_pre_filter = false")
    found = ctcore("replay", "--from", "2024-01-15", "--to", "2024-01-22", "--output", "out.html", cwd=project.folder)
    page = (project.folder / "out.html").read_text() if found.returncode == 0 else ""
    # LightGBM refuses such a name; whoever does not must find it escaped.
    assert "<script" not in page
    assert found.returncode in (0, 5), found.stderr


@pytest.mark.parametrize("group", [(), ("models",), ("contract",), ("registry",)])
def test_a_line_says_what_each_command_does(group):
    _, commands = ctcore(*group, "--help").stdout.split("Commands:")
    assert "..." not in commands
