"""`ctcore check-drift`: its options, and each form of its report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import ctcore
from ctcore import drift, report
from ctcore.verdict import Verdict


def table(first, days, *, shift=0.0, cash=0.31, rows=300, seed=0):
    rng = np.random.default_rng([seed, first])
    n = days * rows
    when = np.repeat([date(2024, 1, 1) + timedelta(days=first + day) for day in range(days)], rows)
    payment = np.where(rng.random(n) < cash, "cash", "card")
    quiet = rng.normal(size=n)
    return pa.table(
        {"when": pa.array(when), "fare": rng.normal(10 + shift, 2, n), "payment_type": payment, "quiet": quiet}
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drift")
    pq.write_table(table(0, 20), folder / "before.parquet")
    pq.write_table(table(20, 10, shift=2, cash=0.12), folder / "after.parquet")
    pq.write_table(table(20, 10), folder / "same.parquet")
    return folder


def test_the_text_has_the_worst_first_in_words(files):
    found = ctcore("check-drift", "before.parquet", "after.parquet", cwd=files)
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert "effect [interval] / tolerance" in found.stdout
    places = {
        name: next(i for i, line in enumerate(lines) if line.strip().startswith(name)) for name in ("fare", "quiet")
    }
    assert places["fare"] < places["quiet"]
    assert re.search(r"'cash' 3\d% -> 1\d%", found.stdout)
    assert "moved on, as time does" not in found.stdout  # the clock is no drift, and no news
    assert len(lines) < 40


def test_options_reach_the_verdict(files):
    arguments = ["--columns", "fare,quiet", "--statistic", "fare=ks", "--statistic", "hellinger", "--tolerance", "0.5"]
    found = ctcore("check-drift", "before.parquet", "after.parquet", *arguments, "--format", "json", cwd=files)
    columns = {column["name"]: column for column in json.loads(found.stdout)["columns"]}
    assert {name: column["primary"] for name, column in columns.items()} == {"fare": "ks", "quiet": "hellinger"}
    assert {check["threshold"] for column in columns.values() for check in column["checks"]} == {0.01, 0.5}
    assert found.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["after.parquet", "--tolerance", "fair=1"], "no column 'fair'; did you mean \"fare\""),
        (["after.parquet", "--tolerance", "fare=much"], "must be a number, found 'much'"),
        (["after.parquet", "--statistic", "pis"], "there is no 'pis'; did you mean \"psi\""),
        (["after.parquet", "--statistic", "payment_type=ks"], "holds categories, which ks does not judge"),
        (["after.parquet", "--every", "1d"], "--time-column"),
        (["after.parquet", "--time-column", "when", "--every", "daily"], "a duration is"),
        (["before.parquet"], "must not share rows"),
        (["before.parquet", "--columns", "fare", "--output", "no/such/folder.html"], "there is no folder"),
        (["after.parquet", "--model", "ranker"], "has no ctcore.toml"),
    ],
)
def test_what_cannot_be_is_2_and_says_what_would_be(files, arguments, words):
    found = ctcore("check-drift", "before.parquet", *arguments, cwd=files)
    assert (found.returncode, found.stdout) == (2, "")
    assert words in found.stderr


def test_a_timeline_is_in_every_form(files):
    arguments = ["before.parquet", "after.parquet", "--time-column", "when", "--every", "1d"]
    text = ctcore("check-drift", *arguments, cwd=files)
    assert "20 days" in text.stdout
    assert "over time" in text.stdout
    assert "10 of 10, first 2024-01-21" in text.stdout
    spans = json.loads(ctcore("check-drift", *arguments, "--format", "json", cwd=files).stdout)["timeline"]["spans"]
    assert [span["start"][:10] for span in spans][::9] == ["2024-01-21", "2024-01-30"]
    page = ctcore("check-drift", *arguments, "--format", "html", "--output", "page.html", cwd=files)
    assert page.returncode == 1
    assert "over time" in page.stdout
    assert "page.html" in page.stderr
    html = (files / "page.html").read_text()
    assert html.count('aria-label="timeline"') == 3
    assert "<script" not in html


def test_junit_is_what_ci_reads(files):
    found = ctcore("check-drift", "before.parquet", "after.parquet", "--format", "junit", cwd=files)
    suite = ET.fromstring(found.stdout)  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("5", "3")
    cases = {case.get("name"): case for case in suite}
    assert "is above the tolerance" in cases["fare"].find("failure").get("message")
    assert list(cases["quiet"]) == []


def test_fail_on_warn(tmp_path):
    rng = np.random.default_rng(3)
    names = [f"x{index}" for index in range(10)]
    pq.write_table(pa.table({name: rng.normal(size=4000) for name in names}), tmp_path / "a.parquet")
    moved = {name: rng.normal(1.0 if name == "x0" else 0.0, size=4000) for name in names}
    pq.write_table(pa.table(moved), tmp_path / "b.parquet")
    assert ctcore("check-drift", "a.parquet", "b.parquet", cwd=tmp_path).returncode == 0
    assert ctcore("check-drift", "a.parquet", "b.parquet", "--fail-on", "warn", cwd=tmp_path).returncode == 1


def test_a_page_of_200_columns_is_below_a_megabyte():
    rng = np.random.default_rng(0)

    def wide(first, days):
        when = np.repeat([date(2024, 1, 1) + timedelta(days=first + day) for day in range(days)], 40)
        numbers = {f"a_column_with_a_name_{index}": rng.normal(size=len(when)) for index in range(150)}
        words = {f"category_{index}": rng.choice([f"value {i}" for i in range(40)], len(when)) for index in range(50)}
        return pa.table({"when": pa.array(when)} | numbers | words)

    reference, current = wide(0, 20), wide(20, 20)
    found = drift.compare(reference, current)
    found = replace(found, timeline=drift.timeline(drift.profile(reference), current, "when"))
    page = report.drift_html(found)
    assert page.count("<details") == 201
    assert page.count('aria-label="both distributions"') == 201
    assert page.count('aria-label="timeline"') == 200
    assert len(page.encode()) < 1_000_000
    text = report.drift_text(found, colour=False)
    assert "more columns" in text
    assert len(text.splitlines()) < 80


def test_names_and_values_are_no_markup():
    wicked = "<script>alert(1)</script>"
    before = pa.table({wicked: ["[red]a[/]", "b\x00", wicked] * 300, "x": np.arange(900.0)})
    after = pa.table({wicked: ["[red]a[/]"] * 900, "x": np.arange(900.0)})
    found = drift.compare(before, after)
    assert "<script" not in report.drift_html(found)
    suite = ET.fromstring(report.drift_junit(found))  # noqa: S314 - our own
    assert suite[1].get("name") == wicked
    assert "[red]a[/]" in report.drift_text(found, colour=False)


def test_one_bad_column_is_in_every_form():
    rng = np.random.default_rng(0)
    before = pa.table({"good": rng.normal(size=500), "bad": pa.array([{"a": 1}] * 500), "empty": pa.nulls(500)})
    found = drift.compare(before, before.slice(0, 400))
    assert [column.name for column in found.columns] == ["good", "empty", "bad"]
    for form in (report.drift_html(found), report.drift_junit(found), report.drift_text(found, colour=False)):
        assert all(name in form for name in ("good", "bad", "empty"))
    assert found.columns[2].verdict is Verdict.NOT_RUN


def test_a_model_weighs_columns_and_its_predictions_are_compared(project):
    assert ctcore("run", "--as-of", "2024-02-05", cwd=project.folder).returncode == 0
    rng = np.random.default_rng(0)

    def rows(shift):
        n = 3_000
        return pa.table({"a": rng.normal(shift, size=n), "b": rng.normal(size=n), "unused": rng.normal(shift, size=n)})

    pq.write_table(rows(0.0), project.folder / "reference.parquet")
    pq.write_table(rows(1.0), project.folder / "current.parquet")
    arguments = ["reference.parquet", "current.parquet", "--model", "ranker", "--format", "json"]
    found = ctcore("check-drift", *arguments, cwd=project.folder)
    assert found.returncode == 1, found.stderr
    report = json.loads(found.stdout)
    assert "of the importance" in report["checks"][0]["message"]
    assert {column["name"]: column["verdict"] for column in report["columns"]} == {
        "a": "fail",
        "b": "pass",
        "unused": "fail",
        "prediction": "fail",
    }
    without = pq.read_table(project.folder / "current.parquet").drop_columns(["b"])
    pq.write_table(without, project.folder / "current.parquet")
    found = ctcore("check-drift", *arguments, cwd=project.folder)
    assert "predictions are not compared: the data lacks b" in found.stderr
    wrong = ctcore("check-drift", *arguments[:2], "--model", "rancor", cwd=project.folder)
    assert (wrong.returncode, 'did you mean "ranker"?' in wrong.stderr) == (2, True)
