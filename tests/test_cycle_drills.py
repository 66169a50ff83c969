"""Drills: bad batches and leaks of every kind go into a whole run, which stops, says why, and leaves production."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import ctcore
from ctcore import config, cycle
from ctcore.registry import Registry
from ctcore.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS, PER_DAY, NEWEST = 98, 120, 91
DAY = 86_400_000_000
START = np.datetime64("2024-01-01T00:00", "us").astype("int64")
TOML = """
[model]
name = "delays"
task = "classification"
[data]
source = "rows.parquet"
time_column = "time"
window = "84d"
[holdout]
newest = "7d"
[features]
function = "features.py:features"
label = "late"
columns = ["good", "noise", "distance"]
[train]
parameters = {num_iterations = 5, num_leaves = 7}
[[gate]]
metric = "roc_auc"
margin = 0.05
cluster = "day"
floor = 0.5
"""
FEATURES = """
def features(table, as_of):
    return table.append_column("day", table["time"].cast("date32"))
"""


def flights():
    """Departures between 6 and 18 o'clock; `good` tells a little of who is late, `delay` is known too late."""
    rng = np.random.default_rng(0)
    n = DAYS * PER_DAY
    time = START + np.sort(np.repeat(np.arange(DAYS), PER_DAY) * DAY + rng.integers(DAY // 4, 3 * DAY // 4, n))
    late = rng.integers(0, 2, n)
    return pa.table(
        {
            "time": pa.array(time, pa.timestamp("us", "UTC")),
            "late": late,
            "good": late * 0.4 + rng.normal(size=n),
            "noise": rng.normal(size=n),
            "distance": np.exp(rng.normal(6, 0.5, n)),
            "delay": 2.1 * late + rng.normal(size=n),
        }
    )


def run(folder, as_of=datetime(2024, 4, 8, tzinfo=UTC)):
    return cycle.run(config.load(folder), as_of=as_of, cause={"type": "manual"})


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A project whose model of the week before serves."""
    folder = tmp_path_factory.mktemp("drills")
    (folder / "ctcore.toml").write_text(TOML)
    (folder / "features.py").write_text(FEATURES)
    pq.write_table(flights(), folder / "rows.parquet")
    assert run(folder, datetime(2024, 4, 1, tzinfo=UTC)).outcome == "promoted"
    return folder


# ---------------------------------------------------------------- what goes wrong


def micros(table):
    return table["time"].cast("int64").to_numpy()


def day(table):
    return (micros(table) - START) // DAY


def put(table, name, values):
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    if name not in table.column_names:
        return table.append_column(name, column)
    return table.set_column(table.column_names.index(name), name, column)


def stamps(values):
    return pa.array(values, pa.timestamp("us", "UTC"))


def newest(table, name, change):
    """Change a column in the newest week alone."""
    values = table[name].to_numpy()
    return put(table, name, np.where(day(table) >= NEWEST, change(values), values))


def noisy(table, scale):
    return table["delay"].to_numpy() + np.random.default_rng(1).normal(0, scale, table.num_rows)


def leaking(values):
    return lambda table: put(table, "score", values(table))


def lost(table):
    gone = (day(table) == 94) & (np.random.default_rng(1).random(table.num_rows) < 0.9)
    return table.filter(pa.array(~gone))


def without_value(table):
    good = table["good"].to_numpy().copy()
    good[day(table) >= NEWEST] = np.nan
    return put(table, "good", pa.array(good, from_pandas=True))


def again(first, change=lambda values: values):
    """The rows of some week once more, as those of the newest one."""

    def copied(table):
        days = day(table)
        old, new = (days >= first) & (days < first + 7), days >= NEWEST
        for name in ("late", "good", "noise", "distance"):
            values = table[name].to_numpy().copy()
            values[new] = change(values[old]) if name != "late" else values[old]
            table = put(table, name, values)
        return table

    return copied


def contradicted(table):
    """Every tenth row once more, with the other label."""
    part = table.filter(pa.array(np.arange(table.num_rows) % 10 == 0))
    return pa.concat_tables([table, put(part, "late", 1 - part["late"].to_numpy())]).sort_by("time")


@dataclass
class Drill:
    """What is broken, in the rows or the project, and what must be said of it."""

    check: str
    words: str
    change: Callable[[pa.Table], pa.Table] = lambda table: table
    more: str | None = None
    """A feature that the project reads from now on."""
    features: str = ""
    """More settings of its features."""
    toml: tuple[str, str] = ("", "")
    code: str = FEATURES
    outcome: str = "leakage"


DRILLS = {
    # bad batches
    "the delay as a feature": Drill(
        "leakage.since.delay", "delay alone tells the label with an AUC of 0.93", more="delay"
    ),
    "the delay by another name": Drill(
        "leakage.since.score", "is new: the best of the last model's features, good, had 0.596",
        leaking(lambda table: table["delay"].to_numpy()), "score",
    ),
    "the delay with noise": Drill(
        "leakage.since.score", "is new", leaking(lambda table: noisy(table, 1.0)), "score"
    ),
    "the delay in a product": Drill(
        "leakage.since.score", "is new",
        leaking(lambda table: table["delay"].to_numpy() * table["distance"].to_numpy()), "score",
    ),
    "labels inverted in one week": Drill(
        "leakage.relation", "since 2024-04-01: it is turned round. Are the labels inverted?",
        lambda table: newest(table, "late", lambda values: 1 - values),
    ),
    "times five hours off": Drill(
        "leakage.hours", "as if the clock were +5 hours off",
        lambda table: put(table, "time", stamps(micros(table) + 5 * DAY // 24 * (day(table) >= NEWEST))),
    ),
    "constant labels": Drill(
        "leakage.label", "all 120 labels of 2024-04-06 are 0",
        lambda table: put(table, "late", np.where(day(table) >= 96, 0, table["late"].to_numpy())),
    ),
    "kilometres for miles": Drill(
        "leakage.unit.distance", "times what it was, all alike, since 2024-04-01: another unit?",
        lambda table: newest(table, "distance", lambda values: values * 1.609344),
    ),
    "a day of which most rows are lost": Drill(
        "leakage.rows", "2024-04-04 has 11 rows, 120 are usual on its weekday: rows are lost", lost
    ),
    "two days that are lost": Drill(
        "leakage.rows", "has 0 rows, 120 are usual", lambda table: table.filter(pa.array(day(table) < 96))
    ),
    "a feature that is no longer recorded": Drill(
        "leakage.outage.good", "good is missing in 100% of the rows since 2024-04-01", without_value
    ),
    # leaks
    "the label by another name": Drill(
        "leakage.predictive.score", "at most 0.98 and 0.95 can be believed",
        leaking(lambda table: 10.0 * table["late"].to_numpy()), "score",
    ),
    "a missing value that tells the label": Drill(
        "leakage.missing.score", "is it filled in after the label is known?",
        leaking(lambda table: pa.array([1.0 if late else None for late in table["late"].to_pylist()])), "score",
    ),
    "an id that follows the label": Drill(
        "leakage.predictive.score", "score alone tells the label with an AUC of 1.000",
        leaking(lambda table: np.argsort(np.argsort(table["late"].to_numpy(), kind="stable"))), "score",
    ),
    "rows sorted by the label": Drill(
        "leakage.row_order", "they are sorted by it", lambda table: table.sort_by("late"), outcome="gate"
    ),
    "a feature that jumps in the newest week": Drill(
        "leakage.jump.noise", "a change in the pipeline lets it see the label",
        lambda table: put(
            table, "noise", np.where(day(table) >= NEWEST, table["delay"].to_numpy(), table["noise"].to_numpy())
        ),
    ),
    "a feature that is known after its row": Drill(
        "leakage.point_in_time.known", "rows have a known after their time: the feature was not known yet",
        lambda table: put(table, "known", stamps(micros(table) + 1)), features='feature_times = ["known"]',
    ),
    "a feature of the future": Drill(
        "leakage.future.known", "have a known at or after 2024-04-08 00:00, the present",
        lambda table: put(table, "known", stamps(micros(table) + DAY)), features='feature_times = ["known"]',
    ),
    "rows of the future": Drill(
        "leakage.future", "rows are at or after the present, 2024-04-08 00:00",
        code=FEATURES.replace("return table", "import pyarrow as pa\n    ticks = table['time'].cast('int64').to_numpy()"
        "\n    ticks = ticks + 10**14 * (ticks % 100 == 0)\n"
        "    table = table.set_column(0, 'time', pa.array(ticks, pa.timestamp('us', 'UTC')))\n    return table"),
    ),
    "labels that are not final": Drill(
        "leakage.maturity", "less than 2 days, 0:00:00 after their time: the label is not final",
        lambda table: put(table, "read", stamps(micros(table) + DAY)), features='label_time = "read"',
        toml=('window = "84d"', 'window = "84d"\nlabel_maturity = "2d"'),
    ),
    "labels that are the model's own decision": Drill(
        "leakage.decision", "the label is the model's own word",
        lambda table: put(table, "shown", table["late"]), features='decision = "shown"',
    ),
    "a key on both sides": Drill(
        "leakage.keys.aircraft", "of the holdout have a aircraft of the data",
        lambda table: put(table, "aircraft", np.arange(table.num_rows) % 500), features='keys = ["aircraft"]',
    ),
    "rows of the window in the holdout": Drill("leakage.overlap", "of a row of the data", again(84)),
    "nearly the rows of the window in the holdout": Drill(
        "leakage.near_duplicates", "of a row of the data to three digits", again(84, lambda values: values * 1.000001),
        outcome="gate",
    ),
    "nearly the rows that production learned from in the holdout": Drill(
        "contamination.near_duplicates", "838 of 840 rows of the holdout",
        again(28, lambda values: values * 1.000001), toml=('window = "84d"', 'window = "42d"'), outcome="gate",
    ),
    "rows that production learned from in the holdout": Drill(
        "contamination.production", "what production knows: 840 of 840 rows of the holdout (100.00%)", again(28),
        toml=('window = "84d"', 'window = "42d"'), outcome="contamination",
    ),
    "rows twice": Drill(
        "leakage.duplicates", "repeat an earlier row in every column",
        lambda table: pa.concat_tables([table, table.slice(0, 9_000)]).sort_by("time"), outcome="gate",
    ),
    "rows that contradict each other": Drill(
        "leakage.conflicts", "no model can tell them apart", contradicted, outcome="gate"
    ),
}  # fmt: skip


@pytest.mark.parametrize("drill", DRILLS.values(), ids=DRILLS)
def test_a_bad_batch_ends_the_run_and_leaves_production(served, tmp_path, drill):
    folder = broken(served, tmp_path, drill)
    report = run(folder)
    found = [check for check in report.checks if check.id == drill.check]
    assert [check.verdict for check in found] == [Verdict.WARN if drill.outcome == "gate" else Verdict.FAIL]
    assert drill.words in found[0].message
    assert report.outcome == drill.outcome
    assert ("train" in report.record["steps"]) == (drill.outcome != "leakage")
    assert (report.production, Registry(folder / "registry").state("delays").production) == (1, 1)


def broken(served, tmp_path, drill):
    folder = shutil.copytree(served, tmp_path / "project")
    text = TOML.replace(*drill.toml) if drill.toml[0] else TOML
    if drill.more:
        text = text.replace('"distance"]', f'"distance", "{drill.more}"]')
    text = text.replace('label = "late"', f'label = "late"\n{drill.features}')
    (folder / "ctcore.toml").write_text(text)
    (folder / "features.py").write_text(drill.code)
    pq.write_table(drill.change(flights()), folder / "rows.parquet")
    return folder


def test_the_same_week_without_a_fault_raises_no_alarm(served, tmp_path):
    report = run(broken(served, tmp_path, Drill("", "")))
    steps = ("leakage", "contamination")
    checks = [check for step in steps for check in report.record["steps"][step]["checks"] if check["required"]]
    assert {check["verdict"] for check in checks} == {"pass"}
    assert {check["id"] for check in checks} >= {"leakage.since", "leakage.jump", "contamination.production"}
    assert report.outcome == "gate"


def test_the_command_ends_with_1_and_names_the_leak(served, tmp_path):
    folder = broken(served, tmp_path, DRILLS["the delay by another name"])
    done = ctcore("run", "--project", folder, "--as-of", "2024-04-08", "--format", "json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["outcome"], told["production"]) == ("leakage", 1)
    assert {"leakage.since.score"} == {each["id"] for each in told["checks"] if each["verdict"] == "fail"}
