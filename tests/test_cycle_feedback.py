"""Feedback loops in a run: judged on the rows that it read, before it learns from them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import ctcore
from ctcore import config, cycle, data
from ctcore.errors import ArgumentError, ConfigError, DataNotFoundError
from ctcore.registry import Registry
from ctcore.verdict import Verdict
from test_feedback import ITEMS, recommender

TOML = """
[model]
name = "shop"
task = "classification"
[data]
source = "rows.parquet"
time_column = "shown_at"
window = "35d"
[holdout]
newest = "7d"
[features]
function = "features.py:features"
label = "click"
time = "shown_at"
columns = ["appeal", "noise"]
[feedback]
catalogue = "items.parquet"
[train]
parameters = {num_iterations = 5, num_leaves = 7}
[[gate]]
metric = "roc_auc"
margin = 0.05
cluster = "day"
floor = 0.4
"""
FEATURES = """
def features(table, as_of):
    table = table.append_column("day", table["shown_at"].cast("date32"))
    return table.append_column("click", table["outcome"].cast("int8"))
"""
WEEK = 7 * 86_400_000_000


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "ctcore.toml").write_text(TOML)
    (tmp_path / "features.py").write_text(FEATURES)
    pq.write_table(pa.table({"item": np.arange(ITEMS)}), tmp_path / "items.parquet")
    return tmp_path


def showings(*, explore, generations=6, rows=3_000):
    """A version a week, from 2024-01-01 on."""
    log = recommender(explore=explore, generations=generations, rows=rows)
    n, rng = log.num_rows, np.random.default_rng(5)
    time = np.datetime64("2024-01-01", "us").astype("int64") + np.arange(n) * WEEK // rows
    log = log.set_column(2, "shown_at", pa.array(time, pa.timestamp("us", "UTC")))
    noisy = rng.normal(size=n) + 0.3 * log["outcome"].to_numpy()
    return log.append_column("appeal", pa.array(noisy)).append_column("noise", pa.array(rng.normal(size=n)))


def run(folder, as_of="2024-02-12", *, log=None):
    if log is not None:
        pq.write_table(log, folder / "rows.parquet")
    loaded = config.load(folder)
    return cycle.run(loaded, as_of=data.instant(as_of, loaded.zone), cause={"type": "manual"})


def toml(folder, old, new):
    assert old in TOML
    (folder / "ctcore.toml").write_text(TOML.replace(old, new))


def feedback(report):
    checks = [check for check in report.checks if check.id.startswith("feedback")]
    return {check.id.removeprefix("feedback."): check for check in checks}


def production(folder):
    return Registry(folder / "registry").state("shop").production


def test_a_log_that_explores_is_learned_from(shop):
    report = run(shop, log=showings(explore=0.5))
    checks = feedback(report)
    assert report.outcome == "promoted", [check.message for check in report.checks if check.verdict is Verdict.FAIL]
    assert {id_ for id_, check in checks.items() if check.verdict is not Verdict.PASS} == {"amplification"}
    kept = report.record["steps"]["feedback"]["generations"]
    assert [each["name"] for each in kept] == [f"v{number}" for number in range(6)]
    files = report.record["inputs"]["data"]["feedback.catalogue"]["source"]["files"]
    assert [each["path"] for each in files] == ["items.parquet"]


def test_a_loop_stops_the_run_before_it_learns_and_production_stays(shop):
    pq.write_table(pa.table({"item": np.arange(ITEMS)}), shop / "chosen.parquet")
    assert run(shop, log=showings(explore=0.5)).outcome == "promoted"
    toml(shop, 'catalogue = "items.parquet"', 'catalogue = "items.parquet"\norganic = "chosen.parquet"')
    report = run(shop, log=showings(explore=0.0))
    checks = feedback(report)
    assert (report.outcome, report.verdict, production(shop)) == ("feedback", Verdict.FAIL, 1)
    assert "train" not in report.record["steps"]
    assert checks["effective_catalogue"].verdict is Verdict.FAIL
    assert "the catalogue collapses; let chance choose a share" in checks["effective_catalogue"].message
    assert "100.0% of the newest labels come from what the model itself chose" in checks["self_selected"].message
    assert checks["amplification"].value > 0.3  # beside people who choose all items alike
    done = ctcore("run", "--project", shop, "--as-of", "2024-02-12")
    assert (done.returncode, "feedback.effective_catalogue" in done.stdout) == (1, True)


def test_the_project_sets_its_own_limits(shop):
    limits = "max_collapse = 1.0\nmax_self_selected = 1.0\nmin_effective = 0.0"
    toml(shop, 'catalogue = "items.parquet"', f'catalogue = "items.parquet"\n{limits}')
    log = showings(explore=0.0)
    report = run(shop, log=log.drop_columns(["propensity"]))  # the weights of a collapse are wrong for certain
    assert report.outcome == "promoted"
    assert feedback(report)["effective_catalogue"].verdict is Verdict.WARN


def test_what_the_rows_lack_is_named_and_stops_nothing(shop):
    toml(shop, 'catalogue = "items.parquet"', 'catalogue = "items.parquet"\ncolumns = {propensity = "chance"}')
    report = run(shop, log=showings(explore=0.5))
    checks = feedback(report)
    assert (report.outcome, report.verdict, production(shop)) == ("promoted", Verdict.NOT_RUN, 1)
    unjudged = {id_ for id_, check in checks.items() if check.verdict is Verdict.NOT_RUN and check.required}
    assert unjudged == {"propensity", "mean_weight", "exploration"}
    assert checks["propensity"].message == "feedback.propensity was not judged: the log has no column chance"


def test_a_log_without_its_items_is_not_judged_at_all(shop):
    report = run(shop, log=showings(explore=0.0).drop_columns(["item"]))
    checks = feedback(report)
    assert report.outcome == "promoted"
    assert {(check.verdict, check.message.partition(": ")[2]) for check in checks.values()} == {
        (Verdict.NOT_RUN, "the log has no column item")
    }
    assert len(checks) == 9


def test_columns_of_other_names(shop):
    log = showings(explore=0.0).rename_columns({"item": "article", "model_version": "ranker"})
    toml(
        shop,
        'catalogue = "items.parquet"',
        'catalogue = "items.parquet"\ncolumns = {item = "article", model_version = "ranker"}',
    )
    assert run(shop, log=log).outcome == "feedback"


def test_without_the_section_nothing_is_looked_for_and_that_is_said(shop):
    toml(shop, '[feedback]\ncatalogue = "items.parquet"\n', "")
    report = run(shop, log=showings(explore=0.0))
    (found,) = feedback(report).values()
    assert (found.verdict, found.required, report.outcome) == (Verdict.NOT_RUN, False, "promoted")
    assert "no [feedback] says where the rows tell what was shown" in found.message


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        ('"items.parquet"', '"gone.parquet"', DataNotFoundError, "gone.parquet: no such file"),
        ('"items.parquet"', '"rows.parquet"', ArgumentError, "is not in the catalogue|has no column 'item'"),
        ('catalogue = "items.parquet"', "", ConfigError, "feedback.catalogue: is missing"),
        ("[train]", "columns = {itme = 'x'}\n[train]", ConfigError, "unknown key 'itme'; did you mean \"item\""),
        ("[train]", "max_collapse = 2.0\n[train]", ConfigError, "max_collapse must be from 0 to 1, found 2.0"),
        ("[train]", "min_effective = -1.0\n[train]", ConfigError, "min_effective must be at least 0, found -1.0"),
    ],
)
def test_wrong_settings_are_a_clear_error(shop, old, new, error, words):
    toml(shop, old, new)
    if new == '"rows.parquet"':
        toml(shop, 'catalogue = "items.parquet"', 'catalogue = "few.parquet"')
        pq.write_table(pa.table({"item": [0, 1]}), shop / "few.parquet")
    with pytest.raises(error, match=words):
        run(shop, log=showings(explore=0.5, generations=6, rows=600))
    assert not (shop / "registry").exists() or production(shop) is None
