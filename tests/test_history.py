"""A batch judged by those before it: the interval, what counts as normal, the rules, the store, the cycle."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import history_calibration
from conftest import CONTRACT, ROOT, ctcore, rows
from ctcore import config, cycle, data, validate
from ctcore.errors import ArgumentError, ConfigError, StoreError
from ctcore.registry import Registry
from ctcore.validate import Batch, anomaly
from ctcore.validate._history import METHODS, RISK
from ctcore.verdict import Verdict

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def series(values, metric="x.mean", start=MONDAY, **more):
    """Batches of consecutive days."""
    return [
        Batch(time=start + timedelta(day), metrics={metric: float(value), **more}) for day, value in enumerate(values)
    ]


def judge(values, metric="x.mean", more=(), **options):
    """The check of the last of some consecutive days."""
    *past, last = series(values, metric, **dict(more))
    return anomaly(metric, last, past, **options)


# ------------------------------------------------------------ what is usual


def test_the_interval_is_the_textbook_prediction_interval():
    values = [3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0]
    found = judge([*values, 5.0], method="runningMean", risk=0.01)
    reach = stats.t.ppf(0.995, 7) * np.std(values, ddof=1) * math.sqrt(1 + 1 / 8)
    assert (found.verdict, found.n, found.value) == (Verdict.PASS, 8, 5.0)
    assert found.lower == pytest.approx(np.mean(values) - reach, rel=1e-12)
    assert found.upper == pytest.approx(np.mean(values) + reach, rel=1e-12)


def test_weekdays_have_means_of_their_own_and_one_spread():
    rng = np.random.default_rng(0)
    values = rng.normal(size=20) + np.resize([0, 0, 0, 0, 0, 50, 80], 20)
    found = judge([*values, 80.0], risk=0.01)  # the last day is a Sunday
    by_day = [values[day::7] for day in range(7)]
    spread = math.sqrt(sum(((each - each.mean()) ** 2).sum() for each in by_day) / (20 - 7))
    reach = stats.t.ppf(0.995, 13) * spread * math.sqrt(1 + 1 / 2)
    assert found.lower == pytest.approx(by_day[6].mean() - reach, rel=1e-12)
    assert found.upper == pytest.approx(by_day[6].mean() + reach, rel=1e-12)
    assert "of the 2 Sundays before" in found.message
    assert judge([*values, 0.0]).verdict is Verdict.FAIL
    assert judge([*values, 0.0], method="runningMean").verdict is Verdict.PASS


def test_a_rate_of_change_is_judged_by_changes():
    values = [10.0, 12.0, 11.0, 14.0, 15.0, 17.0, 16.0, 19.0, 20.0, 22.0]
    found = judge([*values, 23.0], method="rateOfChange", risk=0.01)
    changes = np.diff(values)
    reach = stats.t.ppf(0.995, 8) * changes.std(ddof=1) * math.sqrt(1 + 1 / 9)
    assert found.lower == pytest.approx(22 + changes.mean() - reach, rel=1e-12)
    assert found.upper == pytest.approx(22 + changes.mean() + reach, rel=1e-12)


def test_a_change_over_batches_that_were_left_out_takes_as_many_steps():
    values = [10.0, 12.0, 11.0, 14.0, 15.0, 17.0, 16.0, 19.0, 20.0, 22.0]
    past = series(values)
    refused = [Batch(time=MONDAY + timedelta(day), metrics={"x.mean": 500.0}, refused=True) for day in (10, 11)]
    last = Batch(time=MONDAY + timedelta(12), metrics={"x.mean": 24.0})
    found = anomaly("x.mean", last, [*past, *refused], method="rateOfChange", risk=0.01)
    changes = np.diff(values)
    reach = stats.t.ppf(0.995, 8) * changes.std(ddof=1) * math.sqrt(3 + 9 / 9)
    assert found.lower == pytest.approx(22 + 3 * changes.mean() - reach, rel=1e-12)
    assert found.upper == pytest.approx(22 + 3 * changes.mean() + reach, rel=1e-12)


def test_counts_are_relative_and_shares_are_angles():
    values = np.array([1000, 1040, 960, 1100, 900, 1000, 1080, 950, 1020])
    found = judge([*values, 1000], "rowCount", method="runningMean", risk=0.01)
    logs = np.log1p(values)
    spread = max(logs.var(ddof=1), np.mean(1 / (1 + values)))
    reach = stats.t.ppf(0.995, 8) * math.sqrt(spread * (1 + 1 / 9))
    assert found.lower == math.ceil(math.expm1(logs.mean() - reach))
    assert found.upper == math.floor(math.expm1(logs.mean() + reach))
    shares = np.array([0.9, 0.92, 0.88, 0.91, 0.85, 0.93, 0.9, 0.89, 0.94])
    found = judge([*shares, 0.9], "x.completeness", {"rowCount": 1e6}, method="runningMean", risk=0.01)
    angles = np.arcsin(np.sqrt(shares))
    reach = stats.t.ppf(0.995, 8) * angles.std(ddof=1) * math.sqrt(1 + 1 / 9)
    assert found.lower == pytest.approx(np.sin(angles.mean() - reach) ** 2, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "usual", "more", "good", "bad"),
    [
        ("x.completeness", 1.0, {"rowCount": 1e6}, 1 - 3e-6, 1 - 30e-6),  # a first null is chance
        ("rowCount", 10_000, {}, 9_900, 9_000),  # a Poisson count's spread is 1%
        ("x.mean", 0.1, {}, 0.1 + 1e-17, 0.11),  # the rounding of a sum
        ("x.mean", 5.0, {"x.standardDeviation": 2.0, "rowCount": 100}, 5.5, 9.0),
        ("x.maximum", 3.0, {}, 3.0, 3.1),
    ],
)
def test_what_never_varied_is_judged_by_what_chance_gives(metric, usual, more, good, bad):
    assert judge([usual] * 56 + [good], metric, more).verdict is Verdict.PASS
    assert judge([usual] * 56 + [bad], metric, more).verdict is Verdict.FAIL


def test_a_small_batch_may_lie_farther_away():
    past = series(10 + np.random.default_rng(0).normal(size=56) / 100, **{"x.standardDeviation": 1.0, "rowCount": 1e4})
    large, small = (
        Batch(time=MONDAY + timedelta(60), metrics={"x.mean": 10.5, "rowCount": rows}) for rows in (10_000, 10)
    )
    assert anomaly("x.mean", large, past).verdict is Verdict.FAIL
    assert anomaly("x.mean", small, past).verdict is Verdict.PASS
    few = series([1.0] * 14, "x.completeness", rowCount=10)
    batch = Batch(time=MONDAY + timedelta(20), metrics={"x.completeness": 0.995, "rowCount": 1e4})
    assert anomaly("x.completeness", batch, few).verdict is Verdict.PASS  # 140 rows do not exclude it


def test_a_bound_may_be_set_by_hand():
    def verdict(values, **options):
        return judge(values, "rowCount", **options).verdict

    week = [1000, 1000, 1000, 1000, 1000, 1000, 500]
    assert verdict([*week, 510], minimum=0.5) is Verdict.PASS  # a Monday after a Monday of 1,000
    assert verdict([*week, 490], minimum=0.5) is Verdict.FAIL
    assert verdict([*week, 490], minimum=0.5, maximum=2, method="rateOfChange") is Verdict.PASS
    assert verdict([*week, 1010], maximum=2, method="rateOfChange") is Verdict.FAIL
    assert verdict([0, 0, 1], maximum=2, method="rateOfChange") is Verdict.FAIL
    assert verdict([0, 0, 0], maximum=2, method="rateOfChange") is Verdict.PASS
    assert judge([-10.0, -4.0], minimum=0.5, method="rateOfChange").verdict is Verdict.FAIL
    assert judge([-10.0, -6.0], minimum=0.5, method="rateOfChange").verdict is Verdict.PASS
    assert verdict([490], minimum=0.5) is Verdict.INSUFFICIENT


def test_too_little_history_says_how_much_would_do():
    for method, least in (("runningMean", 8), ("rateOfChange", 9), ("sameWeekday", 14)):
        found = judge(range(least), method=method)
        assert found.verdict is Verdict.INSUFFICIENT
        assert f"{least - 1} normal batches before, and at least {least} are needed" in found.message
        assert judge(range(least + 1), method=method).verdict is not Verdict.INSUFFICIENT
    weekdays = [batch for batch in series(range(40)) if batch.time.weekday() < 5]
    sunday = Batch(time=MONDAY + timedelta(41), metrics={"x.mean": 1.0})
    assert "no normal batch before is of a Sunday" in anomaly("x.mean", sunday, weekdays).message
    mondays = [Batch(time=MONDAY + timedelta(7 * week), metrics={"x.mean": week % 3}) for week in range(9)]
    assert anomaly("x.mean", mondays[-1], mondays).verdict is Verdict.PASS  # weekly batches: eight will do


def test_what_cannot_be_judged_says_so():
    assert judge([1.0] * 20 + [math.nan]).verdict is Verdict.NOT_RUN
    assert anomaly("y.mean", Batch(time=MONDAY, metrics={}), []).verdict is Verdict.NOT_RUN
    with pytest.raises(ArgumentError, match='did you mean "sameWeekday"'):
        judge([1.0], method="sameWeekdy")
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        judge([1.0], risk=0)


# ------------------------------------------------------------ what is normal


def test_what_is_unusual_never_becomes_normal():
    rng = np.random.default_rng(3)
    calm = 100 + rng.normal(size=30)
    for method, repeats in (("sameWeekday", 60), ("runningMean", 60), ("rateOfChange", 5)):
        assert judge([*calm, *[150.0] * repeats], method=method).verdict is Verdict.FAIL
    assert judge([*calm, *[150.0] * 200], method="rateOfChange").verdict is Verdict.PASS  # a walk gets everywhere
    with_since = judge([*calm, *(150 + rng.normal(size=20))], since=date(2024, 1, 31))
    assert (with_since.verdict, with_since.n) == (Verdict.PASS, 19)
    assert "since: 2024-01-31" in judge([*calm, 150.0]).message


def test_a_refused_batch_is_not_normal():
    past = series([10.0, 11.0] * 10)
    wide = series([500.0, 900.0] * 5, start=MONDAY - timedelta(10))
    today = Batch(time=MONDAY + timedelta(20), metrics={"x.mean": 300.0})
    refused = [Batch(time=each.time, metrics=each.metrics, refused=True) for each in wide]
    assert anomaly("x.mean", today, [*wide, *past]).verdict is Verdict.PASS
    assert anomaly("x.mean", today, [*refused, *past]).verdict is Verdict.FAIL


def test_eight_weeks_of_normal_batches_are_looked_back_at():
    found = judge([*[50.0, 60.0] * 30, *[10.0, 11.0, 10.5, 9.0] * 14, 10.0], method="runningMean")
    assert found.n == 56
    past = [*[50.0, 60.0] * 4, *[10.0] * 60]  # the old ones are few and far; the new ones were anomalies once
    assert judge([*past, 10.0], method="runningMean", since=date(2024, 1, 9)).verdict is Verdict.PASS


@settings(max_examples=40)
@given(st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=40), st.randoms(), st.sampled_from(METHODS))
def test_neither_order_nor_the_future_matters(values, chance, method):
    *past, last = series(values)
    later = series(values, start=last.time)
    shuffled = [*past, *later]
    chance.shuffle(shuffled)
    assert anomaly("x.mean", last, shuffled, method=method) == anomaly("x.mean", last, past, method=method)


@settings(max_examples=60)
@given(
    st.sampled_from(["rowCount", "x.completeness", "x.mean"]),
    st.lists(st.floats(0, 1), min_size=16, max_size=40),
    st.sampled_from(METHODS),
)
def test_the_ends_are_where_the_verdict_turns(metric, values, method):
    scale = 1e6 if metric == "rowCount" else 1.0
    values = [round(scale * each, 6 if scale == 1 else 0) for each in values]
    found = judge(values, metric, {} if metric == "rowCount" else {"rowCount": 1000}, method=method)
    assert found.verdict in (Verdict.PASS, Verdict.FAIL)
    slack = 1e-9 * scale
    if found.verdict is Verdict.PASS:
        assert found.lower - slack <= found.value <= found.upper + slack
    else:
        assert found.value <= found.lower + slack or found.value >= found.upper - slack


# ------------------------------------------------------------ calibration


@pytest.mark.parametrize(("method", "days"), [("runningMean", 8), ("sameWeekday", 14), ("rateOfChange", 9)])
def test_the_level_is_exact_of_normal_noise(method, days):
    """With the fewest batches, where nothing has been left out yet; a random walk for the changes."""
    rng, tried, risk = np.random.default_rng(5), 2000, 0.05
    missed = 0
    for _ in range(tried):
        noise = rng.normal(size=days + 1)
        values = np.cumsum(noise) if method == "rateOfChange" else noise + 10 * np.resize(np.arange(7), days + 1)
        if method == "runningMean":
            values = noise
        missed += judge(values, method=method, risk=risk).verdict is Verdict.FAIL
    spread = math.sqrt(tried * risk * (1 - risk))
    assert abs(missed - tried * risk) < 3.5 * spread


@pytest.mark.parametrize(
    ("name", "method", "most"),
    [
        ("rows, 5% of noise", "sameWeekday", 1.5),
        ("the same with a weekly rhythm", "sameWeekday", 1.5),
        ("rows, 5% of noise", "runningMean", 1.5),
        ("a mean that walks at random", "rateOfChange", 1.5),
        ("completeness, 2 nulls in 100,000 rows", "sameWeekday", 1.5),
        ("completeness, 1% of nulls", "sameWeekday", 1.5),
    ],
)
def test_false_alarms_are_as_rare_as_stated(name, method, most):
    """1 in 1,000 days; the bound lies three standard deviations of this many days above that."""
    rate, judged = history_calibration.rate(name, method, repeats=60)
    assert judged > 20_000
    assert rate < most * RISK + 3 * math.sqrt(RISK / judged)


def test_half_of_the_rows_are_missed():
    assert history_calibration.found(7 * 4 + 6, 0.5, repeats=40) == 1.0
    assert history_calibration.found(7 * 8 + 6, 0.7, repeats=40) > 0.9
    assert history_calibration.found(7 * 8 + 6, 1.0, repeats=40) < 0.1


# ------------------------------------------------------------ the rule in a contract

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\n"
COLUMNS = "[{name: x, logicalType: number, required: true}, {name: s, logicalType: string}]"


def contract(*rules, columns=COLUMNS):
    listed = ", ".join(f"{{type: custom, engine: ctcore, {rule}}}" for rule in rules)
    text = f"{HEAD}schema:\n  - name: t\n    properties: {columns}\n    quality: [{listed}]\n"
    return validate.contract(validate.parse(text))


def test_without_a_metric_the_rule_is_on_all_that_every_batch_has():
    found = contract("implementation: {check: anomaly}, severity: warning").without("type", "not_null", "finite")
    assert [rule.id for rule in found.rules] == [
        "anomaly.rowCount", "anomaly.x.completeness", "anomaly.x.mean", "anomaly.s.completeness",
    ]  # fmt: skip
    assert {rule.options["risk"] for rule in found.rules} == {RISK / 4}
    one = "{name: x, logicalType: number, quality: [{type: custom, engine: ctcore, implementation: {check: anomaly}}]}"
    ids = [rule.id for rule in contract(columns=f"[{one}]").rules if rule.test == "anomaly"]
    assert ids == ["x.anomaly.completeness", "x.anomaly.mean"]


def test_a_rule_of_its_own_takes_the_place_of_the_proposed_one():
    found = contract(
        "implementation: {check: anomaly}",
        'id: rows, implementation: {check: anomaly, metric: rowCount, method: rateOfChange, since: "2024-03-10"}',
    )
    rules = {rule.id: rule for rule in found.rules if rule.test == "anomaly"}
    assert "anomaly.rowCount" not in rules
    assert rules["rows"].options["since"] == date(2024, 3, 10)
    assert rules["anomaly.x.mean"].options["risk"] == RISK / 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("metric: rowcount", 'did you mean "rowCount"'),
        ("method: sameweekday", 'did you mean "sameWeekday"'),
        ("metric: mean, column: y", "no property 'y'"),
        ("metric: mean", "no property None"),
        ("min: low", "min must be a number"),
        ("since: yesterday", "since must be a day"),
        ("deviations: 3", "unknown argument 'deviations'"),
    ],
)
def test_what_is_not_understood_is_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        contract(f"implementation: {{check: anomaly, {options}}}")


def test_a_check_judges_by_its_history_and_gives_the_next_batch():
    asked, rng = contract("implementation: {check: anomaly}"), np.random.default_rng(1)

    def table(rows, middle=0.0, nulls=0):
        return pa.table({"x": rng.normal(middle, 1, rows), "s": [None] * nulls + ["a"] * (rows - nulls)})

    history = []
    for day in range(14):
        report = validate.check(table(1000), asked, now=MONDAY + timedelta(day), history=history)
        assert report.verdict is Verdict.PASS  # too little history does not stop the first batches
        assert {check.verdict for check in report.checks if "anomaly" in check.id} == {Verdict.INSUFFICIENT}
        history.append(report.batch(MONDAY + timedelta(day)))
    assert history[0].metrics.keys() == {
        "rowCount", "x.completeness", "x.mean", "x.standardDeviation", "s.completeness",
    }  # fmt: skip

    def failed(table, rules=asked):
        report = validate.check(table, rules, now=MONDAY + timedelta(14), history=history)
        return {check.id.removeprefix("anomaly.") for check in report.checks if check.verdict is Verdict.FAIL}, report

    assert failed(table(1000))[0] == set()
    assert failed(table(300))[0] == {"rowCount"}
    assert failed(table(1000, middle=1))[0] == {"x.mean"}
    ids, report = failed(table(1000, nulls=200))
    assert ids == {"s.completeness"}
    assert (report.verdict, report.refused) == (Verdict.FAIL, False)
    warned = failed(table(300), contract("implementation: {check: anomaly}, severity: warning"))[1]
    assert (warned.verdict, warned.refused) == (Verdict.WARN, False)
    broken = pa.table({"x": [None] * 1000, "s": ["a"] * 1000}).cast(pa.schema({"x": pa.float64(), "s": pa.string()}))
    ids, report = failed(broken)
    assert (report.refused, "x.completeness" in ids) == (True, True)
    mean = next(check for check in report.checks if check.id == "anomaly.x.mean")
    assert (mean.verdict, mean.required) == (Verdict.NOT_RUN, False)


def test_a_check_without_a_time_cannot_judge():
    found = validate.check(pa.table({"x": [1.0], "s": ["a"]}), contract("implementation: {check: anomaly}"))
    assert {check.verdict for check in found.checks if "anomaly" in check.id} == {Verdict.NOT_RUN}
    assert found.verdict is Verdict.NOT_RUN


def test_every_column_is_measured_where_there_is_a_history():
    asked = validate.contract(validate.parse(CONTRACT))
    table = rows(days=2).drop_columns(["b"])
    with_history = validate.check(table, asked, now=MONDAY, history=[]).metrics
    assert {"time.completeness", "a.mean", "a.standardDeviation", "grade.mean"} <= with_history.keys()
    assert not any(name.startswith(("b.", "time.mean")) for name in with_history)
    assert with_history["a.mean"] == pytest.approx(np.mean(table["a"].to_numpy()))
    assert "query.mean" not in validate.check(table, asked, now=MONDAY).metrics


# ------------------------------------------------------------ the store


def test_a_batch_is_recorded_once_and_a_repaired_one_counts_in_its_place(tmp_path):
    registry = Registry(tmp_path / "kept")
    for day in (3, 1, 2):
        assert registry.add_batch("trips", MONDAY + timedelta(day), {"rows": day})
    assert not registry.add_batch("trips", MONDAY + timedelta(3), {"rows": 3})
    assert registry.add_batch("trips", MONDAY + timedelta(2), {"rows": 20})
    assert registry.add_batch("trips", MONDAY + timedelta(2), {"rows": 2})  # and back: the newest record counts
    assert registry.add_batch("other", MONDAY, {"rows": 99})
    assert [each["rows"] for each in Registry(tmp_path / "kept").history("trips")] == [1, 2, 3]
    assert [each["rows"] for each in registry.history("trips", newest=2)] == [2, 3]
    assert registry.history("none") == []
    files = sorted(path.name for path in (tmp_path / "kept" / "history").rglob("*.json"))
    assert files.count("20240103T000000000000Z.0003.json") == 1
    assert len(files) == 6


def test_a_damaged_history_is_named(tmp_path):
    registry = Registry(tmp_path)
    registry.add_batch("../trips", MONDAY, {"rows": 1})
    assert registry.verify().verdict is Verdict.PASS
    (path,) = (tmp_path / "history").rglob("*.json")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b'"rows":1', b'"rows":2'))
    with pytest.raises(StoreError, match=re.escape(path.name)):
        registry.history("../trips")
    assert [check.id for check in registry.verify().checks if check.verdict is Verdict.FAIL] == ["history"]


# ------------------------------------------------------------ the command line


def test_check_data_keeps_a_history(tmp_path):
    (tmp_path / "contract.yaml").write_text(
        f"{HEAD}schema:\n  - name: t\n    properties: {COLUMNS}\n    quality:\n"
        "      - {type: custom, engine: ctcore, implementation: {check: anomaly, metric: rowCount}}\n"
    )
    registry = Registry(tmp_path / "history")
    for day in range(20):
        batch = Batch(time=MONDAY + timedelta(day), metrics={"rowCount": 1000 + day % 5})
        registry.add_batch("t/t", batch.time, batch.to_dict())
    for name, count in (("half", 500), ("good", 1000)):
        pq.write_table(pa.table({"x": np.zeros(count), "s": ["a"] * count}), tmp_path / f"{name}.parquet")

    def call(name, *more):
        call = ("check-data", tmp_path / f"{name}.parquet", "--contract", tmp_path / "contract.yaml")
        return ctcore(*call, "--history", tmp_path / "history", *more)

    undated = call("good")
    assert (undated.returncode, "--window or --as-of" in undated.stderr) == (2, True)
    half = call("half", "--as-of", "2024-01-21", "--format", "json")
    assert half.returncode == 1
    (failed,) = [check for check in json.loads(half.stdout)["checks"] if check["verdict"] == "fail"]
    assert failed["message"].startswith("rowCount is 500; ")
    assert "of the 2 Sundays before" in failed["message"]
    assert "is now in the history" in half.stderr
    assert "was in the history" in call("half", "--as-of", "2024-01-21").stderr
    assert call("good", "--window", "2024-01-22", "2024-01-23").returncode == 0
    kept = registry.history("t/t")
    assert [each["metrics"]["rowCount"] for each in kept[-2:]] == [500, 1000]
    assert kept[-1]["time"].startswith("2024-01-22")
    assert "s.completeness" in kept[-1]["metrics"]


# ------------------------------------------------------------ the cycle

RULE = "      - {id: usual, type: custom, engine: ctcore, implementation: {check: anomaly, metric: rowCount%s}}\n"


def run(project, as_of):
    loaded = config.load(project.folder)
    return cycle.run(loaded, as_of=data.instant(as_of, loaded.zone), cause={"type": "manual"})


def usual(report):
    (found,) = [check for check in report.checks if check.id == "usual"]
    return found


def asked(text=RULE % ""):
    return CONTRACT.replace("      - {metric: rowCount,", text + "      - {metric: rowCount,")


def test_a_cycle_judges_its_new_days(project):
    project.write("contract.yaml", asked())
    table = rows(45)
    day = np.asarray(table["time"].cast("date32").cast("int32")) - 19723
    project.rows(table.filter(pa.array(day < 36)))
    first = run(project, "2024-02-05")
    assert first.outcome == "promoted"
    assert usual(first).message.startswith("2024-02-04: rowCount is 72; ")
    kept = Registry(project.folder / "registry").history("ranker/rows/rows")
    assert [each["time"][:10] for each in (kept[0], kept[-1])] == ["2024-01-09", "2024-02-04"]
    assert len(first.record["steps"]["validate"]["batches"]) == len(kept) == 27

    # Half of a day that is not the newest: whole days since the last run are judged.
    project.rows(table.filter(pa.array((day != 37) | (np.arange(len(day)) % 4 == 0))))
    half = run(project, "2024-02-09")
    assert half.outcome == "validate"
    assert usual(half).verdict is Verdict.FAIL
    assert usual(half).message.startswith("2024-02-07: rowCount is 18; ")
    assert Registry(project.folder / "registry").verify().verdict is Verdict.PASS

    # Repaired, the same days are judged anew and count in the place of what was there.
    project.rows(table)
    repaired = run(project, "2024-02-09")
    assert usual(repaired).verdict is Verdict.PASS
    kept = Registry(project.folder / "registry").history("ranker/rows/rows")
    assert {each["metrics"]["rowCount"] for each in kept} == {72}
    assert len(kept) == 31
    assert run(project, "2024-02-09").again


def test_a_day_without_rows_is_a_day(project):
    project.write("contract.yaml", asked())
    table = rows(45)
    run(project, "2024-02-05")
    day = np.asarray(table["time"].cast("date32").cast("int32")) - 19723
    project.rows(table.filter(pa.array(day != 37)))
    found = usual(run(project, "2024-02-10"))
    assert (found.verdict, found.value) == (Verdict.FAIL, 0)
    assert found.message.startswith("2024-02-07: rowCount is 0; ")


def test_days_that_stay_unusual_are_counted_until_the_contract_says_since(project):
    project.write("contract.yaml", asked())
    table = rows(80)
    day = np.asarray(table["time"].cast("date32").cast("int32")) - 19723
    project.rows(table.filter(pa.array((day < 36) | (np.arange(len(day)) % 3 == 0))))
    run(project, "2024-02-05")
    found = run(project, "2024-02-12")
    assert found.outcome == "validate"
    assert usual(found).message.endswith("since: 2024-02-11 (6 of the 7 new days are unusual)")
    project.write("contract.yaml", asked(RULE % ', since: "2024-02-06"'))
    began = usual(run(project, "2024-02-12"))
    assert (began.verdict, began.required) == (Verdict.INSUFFICIENT, False)


def test_without_such_a_rule_no_history_is_kept(project):
    report = run(project, "2024-02-05")
    assert report.record["steps"]["validate"]["batches"] == []
    assert not (project.folder / "registry" / "history").exists()


# ------------------------------------------------------------ a year of flights


STORMS = {"02-08", "02-09", "03-08", "05-23", "12-05", "12-08", "12-09", "12-10", "12-14", "12-17"}
HOLIDAYS = {"05-26", "07-04", "07-05", "09-01", "11-28", "11-29", "11-30", "12-24", "12-25", "12-31"}


def test_a_year_of_flights_is_unusual_on_its_storms_and_holidays():
    folder = ROOT / "examples" / "flight-search"
    rule = "      - {id: usual, type: custom, engine: ctcore, severity: warning, implementation: {check: anomaly}}\n"
    text = (folder / "contract.yaml").read_text().replace("      - {id: rows,", rule + "      - {id: rows,")
    asked = validate.contract(validate.parse(text)).without("rows", "latency")
    zone, end = config.load(folder).zone, datetime(2014, 1, 1, tzinfo=config.load(folder).zone)
    past, unusual, answers = [], [], 0
    rows_of_the_year = pq.read_table(folder / "data" / "flights.parquet")
    for day, _, flights in data.days(rows_of_the_year, "time_hour", zone, after=None, end=end):
        report = validate.check(flights, asked, now=end, window=(day, end), history=past[-84:])
        past.append(report.batch(day))
        told = [check.verdict for check in report.checks if check.id.startswith("usual")]
        answers += sum(verdict is not Verdict.INSUFFICIENT for verdict in told)
        unusual += [f"{day:%m-%d}"] * told.count(Verdict.WARN)
    assert len(past) == 365
    assert set(unusual) == STORMS | HOLIDAYS
    assert (len(unusual), answers) == (31, 5967)
