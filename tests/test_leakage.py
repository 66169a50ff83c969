"""Leakage: every kind is found where it is, and nothing where it is not."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from conftest import ctcore
from ctcore import _core, validate
from ctcore.errors import ArgumentError, ColumnTypeError, CtcoreError
from ctcore.verdict import Verdict

START = np.datetime64("2024-01-01T00:00", "us")


def rows(n=12_000, *, days=91, seed=0, **columns):
    """Clean rows over days: a label of two values that `good` tells a little, and noise."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, days * 86_400_000_000, n))
    label = rng.integers(0, 2, n)
    table = {
        "time": pa.array(START + time.astype("timedelta64[us]")).cast(pa.timestamp("us", "UTC")),
        "label": label,
        "good": label * 0.4 + rng.normal(size=n),
        "noise": rng.normal(size=n),
        "size": np.exp(rng.normal(size=n)) + 1,
        "word": pa.array(rng.choice(["a", "b", "c"], n)),
    }
    return pa.table(table | columns)


def day_of(table):
    return table["time"].cast("int64").to_numpy() // 86_400_000_000 - START.astype("int64") // 86_400_000_000


def put(table, name, values):
    if name not in table.column_names:
        return table.append_column(name, pa.array(values))
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def found(table, **options):
    report = validate.leakage(table, **({"label": "label", "time": "time"} | options))
    json.dumps(report.to_dict(), allow_nan=False)
    return report


def alarms(report):
    return {check.id for check in report.checks if check.verdict is Verdict.FAIL}


def check(report, id_):
    return next(each for each in report.checks if each.id == id_)


def test_clean_rows_pass_and_every_question_has_an_answer():
    report = found(rows(), previous=found(rows(seed=1)), now=datetime(2024, 4, 1, tzinfo=UTC))
    assert report.verdict is Verdict.PASS
    asked = {each.id.removeprefix("leakage.") for each in report.checks}
    kinds = {"predictive", "missing", "jump", "since", "row_order", "label", "relation", "hours", "rows", "outage"}
    assert kinds | {"unit", "future.time", "duplicates", "conflicts"} == asked
    assert report.features[0].name == "good"
    assert len(report.features[0].spans) == 13


def test_the_area_is_that_of_scikit_learn_and_its_error_that_of_delong():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, 5_000)
    score = np.round(label * 0.8 + rng.normal(size=5_000), 0)  # few values: no cell holds two
    power = _core.predictiveness(_core.Labelled(label, np.zeros(5_000, int)).count("x", score), 0, 1, 1)["whole"]
    assert power["auc"] == pytest.approx(roc_auc_score(label, score), abs=2e-3)  # the order is learned, not given
    above, below = score[label == 1], score[label == 0]
    wins = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    delong = wins.mean(axis=1).var() / len(above) + wins.mean(axis=0).var() / len(below)
    # Two halves that teach each other count as one.
    assert power["standard_error"] == pytest.approx((2 * delong) ** 0.5, rel=0.03)


# ---------------------------------------------------------------- single features


def test_a_label_by_another_name_fails_whatever_its_shape():
    table = rows()
    label = table["label"].to_numpy()
    for name, values in {
        "copy": label * 7.0,
        "opposite": 1 - label,
        "name": np.where(label == 1, "yes", "no"),
        "nearly": label + np.random.default_rng(1).normal(0, 0.2, len(label)),
        "two_sided": np.where(label == 1, 5, 0) * np.random.default_rng(1).choice([-1, 1], len(label)),
    }.items():
        report = found(put(table, name, values))
        assert alarms(report) == {f"leakage.predictive.{name}"}
        assert report.features[0].name == name


def test_an_accepted_feature_is_let_through_and_ids_earn_nothing():
    table = put(rows(), "copy", rows()["label"].to_numpy())
    accepted = found(table, policy=validate.LeakagePolicy(accepted=("copy",)))
    assert not alarms(accepted)
    table = put(rows(), "id", [f"row {row}" for row in range(12_000)])
    assert found(table).features[0].name == "good"


def test_a_regression_is_judged_by_its_variance():
    table = rows()
    amount = np.exp(table["noise"].to_numpy() + 0.02 * table["good"].to_numpy())
    assert alarms(found(put(table, "label", amount))) == {"leakage.predictive.noise"}
    half = table["noise"].to_numpy() + np.random.default_rng(2).normal(0, 0.7, 12_000)
    assert not alarms(found(put(table, "label", half)))


def test_a_missing_value_that_tells_the_label():
    table = rows()
    label = table["label"].to_numpy()
    some = pa.array(np.ones(12_000), mask=(label == 0) & (np.random.default_rng(0).random(12_000) < 0.6))
    assert check(found(put(table, "late", some)), "leakage.missing.late").verdict is Verdict.WARN
    every = pa.array(np.ones(12_000), mask=label == 0)
    assert "leakage.missing.late" in alarms(found(put(table, "late", every)))


def test_sorted_rows_and_the_models_own_decision():
    table = rows()
    ordered = table.take(pa.array(np.argsort(table["label"].to_numpy(), kind="stable")))
    assert check(found(ordered, time=None, features=["good"]), "leakage.row_order").verdict is Verdict.WARN
    decided = put(table, "decided", np.where(np.random.default_rng(0).random(12_000) < 0.005, 0, table["label"]))
    assert alarms(found(decided, decision="decided")) == {"leakage.decision"}


# ---------------------------------------------------------------- the jump


def test_a_leak_in_the_newest_week_is_found_though_the_window_hides_it():
    table = rows(40_000)
    label, newest = table["label"].to_numpy(), day_of(table) >= 84
    noise = np.random.default_rng(5).normal(size=40_000)
    values = np.where(newest, label * 2.3, label * 0.18) + noise
    report = found(put(table, "x", values))
    power = next(power for power in report.features if power.name == "x")
    assert power.auc < 0.62  # nothing to see in the whole
    assert power.spans[-1] > 0.92
    assert alarms(report) == {"leakage.jump.x"}
    assert "before 2024-03-25" in check(report, "leakage.jump.x").message


def test_a_feature_that_the_last_model_did_not_have_or_had_otherwise():
    table = rows()
    before = found(table)
    label = table["label"].to_numpy()
    leak = label * 1.2 + np.random.default_rng(6).normal(size=12_000)
    assert alarms(found(put(table, "new", leak), previous=before)) == {"leakage.since.new"}
    assert alarms(found(put(table, "noise", leak), previous=before.to_dict())) == {"leakage.since.noise"}
    assert not alarms(found(put(table, "new", table["noise"]), previous=before))
    with pytest.raises(ArgumentError, match='expected a report of kind "leakage"'):
        found(table, previous={"kind": "drift"})


# ---------------------------------------------------------------- a broken batch


def test_labels_that_are_inverted_or_constant_in_the_newest_span():
    table = rows(40_000)
    label, newest = table["label"].to_numpy(), day_of(table) >= 84
    inverted = put(table, "label", np.where(newest, 1 - label, label))
    assert alarms(found(inverted)) == {"leakage.relation"}
    assert check(found(inverted), "leakage.relation").value < -0.5
    constant = put(table, "label", np.where(day_of(table) >= 90, 0, label))
    assert alarms(found(constant)) == {"leakage.label"}


def test_clocks_rows_values_and_units():
    table = rows(20_000)
    day = day_of(table)
    office = table.filter(pa.array(table["time"].cast("int64").to_numpy() // 3_600_000_000 % 24 < 10))
    late = day_of(office) >= 84
    times = office["time"].cast("int64").to_numpy() + np.where(late, 5 * 3_600_000_000, 0)
    shifted = put(office, "time", pa.array(times, pa.timestamp("us", "UTC")))
    assert alarms(found(shifted)) == {"leakage.hours"}
    assert "+5 hours" in check(found(shifted), "leakage.hours").message
    assert alarms(found(table.filter(pa.array(day != 88)))) == {"leakage.rows"}
    now = datetime(2024, 4, 1, tzinfo=UTC)
    assert alarms(found(table.filter(pa.array(day < 89)), now=now)) == {"leakage.rows"}  # the end is missing
    gone = put(table, "size", pa.array(table["size"].to_numpy(), mask=day >= 86))
    assert alarms(found(gone)) == {"leakage.outage.size"}
    miles = put(table, "size", table["size"].to_numpy() * np.where(day >= 84, 1.609, 1))
    assert alarms(found(miles)) == {"leakage.unit.size"}


def test_time_stamps_that_cannot_be():
    table = rows()
    now = datetime(2024, 3, 31, 12, tzinfo=UTC)
    assert alarms(found(table, now=now)) == {"leakage.future.time"}
    known = table["time"].cast("int64").to_numpy()
    stamps = table.append_column("known", pa.array(known + 1, pa.timestamp("us", "UTC")))
    assert alarms(found(stamps, feature_times=["known"])) == {"leakage.point_in_time.known"}
    later = datetime(2024, 4, 1, tzinfo=UTC)
    assert alarms(found(table, now=later, label_window=timedelta(days=2))) == {"leakage.maturity"}
    window = {"label_time": "known", "label_window": timedelta(days=2)}
    assert alarms(found(stamps, **window)) == {"leakage.maturity"}
    unsaid = check(found(table, label_window=timedelta(days=2)), "leakage.maturity")
    assert (unsaid.verdict, unsaid.required) == (Verdict.NOT_RUN, True)


def test_a_label_is_final_by_the_clock_on_the_wall():
    """On 31 March the clocks of Berlin go forward: two days there are 47 hours. A label never read off is not final."""
    table = rows()
    known = table["time"].cast("int64").to_numpy() + 2 * 86_400_000_000
    switched = known >= np.datetime64("2024-03-31T02:00", "us").astype(
        "int64"
    )  # an hour that no clock shows is left out
    switched &= table["time"].cast("int64").to_numpy() < np.datetime64("2024-03-31T01:00", "us").astype("int64")
    assert switched.any()
    read = pa.array(np.where(switched, known - 3_600_000_000, known), pa.timestamp("us", "UTC"))
    window = {"label_time": "read", "label_window": timedelta(days=2), "zone": "Europe/Berlin"}
    assert check(found(table.append_column("read", read), **window), "leakage.maturity").verdict is Verdict.PASS
    assert check(found(table.append_column("read", read), **window | {"zone": "UTC"}), "leakage.maturity").value == (
        switched.sum()
    )
    never = pa.array([None, *read[1:].to_pylist()], read.type)
    assert check(found(table.append_column("read", never), **window), "leakage.maturity").value == 1


def test_the_newest_span_ends_where_labels_are_final():
    table = rows()
    old = table.filter(pa.array(day_of(table) < 84))
    late = {"now": datetime(2024, 4, 1, tzinfo=UTC), "label_window": timedelta(days=7)}
    report = found(old, **late)
    assert not alarms(report)
    assert check(report, "leakage.label").message == "the labels differ on every day since 2024-03-18"
    assert alarms(found(old, now=late["now"])) == {"leakage.rows"}  # seven days without a row


# ---------------------------------------------------------------- rows that are there twice


def parts(table, cut=84):
    day = day_of(table)
    return table.filter(pa.array(day < cut)), table.filter(pa.array(day >= cut))


def test_rows_of_the_data_in_the_holdout():
    data, holdout = parts(rows())
    assert not alarms(found(data, holdout=holdout))
    times = holdout["time"]
    copied = put(data.slice(0, holdout.num_rows), "time", times)
    half = pa.concat_tables([holdout.slice(0, 400), copied.slice(400)])
    assert alarms(found(data, holdout=half)) == {"leakage.overlap"}
    near = put(put(copied, "good", copied["good"].to_numpy() * 1.00001), "size", copied["size"])
    report = found(data, holdout=near)
    assert check(report, "leakage.near_duplicates").verdict is Verdict.WARN
    assert "leakage.overlap" not in alarms(report)
    early = found(data, holdout=put(holdout, "time", pa.concat_arrays([data["time"].slice(0, 3).combine_chunks(),
                                    times.slice(3).combine_chunks()])))  # fmt: skip
    assert check(early, "leakage.time_order").value == 3


def test_rows_of_few_values_are_no_overlap_and_keys_are_asked_for():
    rng = np.random.default_rng(0)
    few = {"good": rng.integers(0, 3, 12_000), "noise": rng.integers(0, 3, 12_000), "size": np.ones(12_000)}
    data, holdout = parts(rows(**few, patient=rng.integers(0, 10**9, 12_000)))
    features = ["good", "noise", "size", "word"]
    report = found(data, holdout=holdout, features=features, keys=["patient"])
    assert not alarms(report)
    assert check(report, "leakage.overlap").value == 0.0
    shared = put(holdout, "patient", data["patient"].slice(0, holdout.num_rows).to_numpy())
    assert alarms(found(data, holdout=shared, features=features, keys=["patient"])) == {"leakage.keys.patient"}


def test_repeated_rows_and_conflicting_labels():
    table = rows()
    twice = pa.concat_tables([table, table.slice(0, 2_000)])
    report = found(twice)
    assert check(report, "leakage.duplicates").value == pytest.approx(2_000 / 14_000)
    assert check(report, "leakage.duplicates").verdict is Verdict.WARN
    other = put(table.slice(0, 2_000), "label", 1 - table["label"].slice(0, 2_000).to_numpy())
    report = found(pa.concat_tables([table, other]))
    assert check(report, "leakage.conflicts").value == pytest.approx(4_000 / 14_000)


def test_hashes_of_parts_are_those_of_the_whole():
    table = rows(2_000)
    columns = [(name, table[name]) for name in table.column_names]
    halves = [[(name, column.slice(*part)) for name, column in columns] for part in ((0, 700), (700, 1_300))]
    assert b"".join(_core.row_hashes(half, near=False) for half in halves) == _core.row_hashes(columns, False)
    with pytest.raises(ArgumentError, match="16 bytes a row"):
        _core.repeated_rows(b"abc")


# ---------------------------------------------------------------- bad input


def test_a_column_that_cannot_be_counted_ends_no_report():
    report = found(put(rows(), "tags", [[1]] * 12_000))
    assert report.verdict is Verdict.PASS
    why = check(report, "leakage.readable.tags")
    assert (why.verdict, why.required) == (Verdict.NOT_RUN, False)
    assert "a column of type List" in why.message


ODD = [
    lambda rng, n: pa.array(rng.choice([np.nan, np.inf, -np.inf, -0.0, 1e308, 5e-324], n)),
    lambda _, n: pa.nulls(n),
    lambda rng, n: pa.array(rng.integers(0, 2**63, n), pa.uint64()),
    lambda rng, n: pa.array([None if odd else "x" * int(odd) for odd in rng.integers(0, 3, n)]).dictionary_encode(),
    lambda rng, n: pa.array(rng.integers(-(2**62), 2**62, n), pa.timestamp("ns", "Asia/Kolkata")),
    lambda rng, n: pa.array(rng.integers(0, 2, n).astype(bool)),
    lambda _, n: pa.array([b"a"] * n),
    lambda _, n: pa.array([{"a": 1}] * n),
    lambda rng, n: pa.array(rng.integers(0, 9, n).astype("int32")).cast(pa.date32()),
    lambda rng, n: pa.array(rng.integers(0, 9, n)).cast(pa.decimal128(22, 3)),
    lambda rng, n: pa.array(rng.integers(0, 9, n).astype("float16")),
]


@pytest.mark.parametrize("n", [1, 2, 30, 500])
def test_whatever_the_columns_hold_there_is_an_answer_or_an_error_of_ours(n):
    """Each odd column as a feature beside a good one, and as label, time, query and key."""
    looked = 0
    for seed, odd in enumerate(ODD):
        table = put(rows(n, seed=seed), "odd", odd(np.random.default_rng(seed), n))
        as_feature = found(table, holdout=table.slice(0, n // 2))
        looked += len(as_feature.checks)
        for role in ({"label": "odd"}, {"time": "odd"}, {"query": "odd"}, {"keys": ["odd"], "holdout": table}):
            with contextlib.suppress(CtcoreError):
                looked += len(found(table, **role).checks)
    assert looked > 200


def test_a_stray_date_of_another_age_costs_nothing():
    """Every day from there to here would be one to count."""
    table = rows(2_000)
    ages = np.array([-(9 * 10**18), 9 * 10**18])
    far = pa.array(np.concatenate([ages, table["time"].cast("int64").to_numpy()[2:]]), pa.timestamp("us", "UTC"))
    report = found(table.set_column(0, "time", far))
    assert {"leakage.rows", "leakage.newest"} & {each.id for each in report.checks}


def test_few_rows_are_no_verdict():
    report = found(rows(60))
    assert report.verdict is Verdict.INSUFFICIENT
    assert not alarms(report)


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        (lambda t: t, {"label": "lable"}, ArgumentError, "no column 'lable'; did you mean \"label\""),
        (lambda t: put(t, "label", pa.array(["a"] * t.num_rows)), {}, ColumnTypeError, "label: must hold numbers"),
        (lambda t: put(t, "label", [None] * 2 + [1] * (t.num_rows - 2)), {}, ArgumentError, "2 of 500 rows"),
        (lambda t: put(t, "time", range(500)), {}, ColumnTypeError, "time: must hold time stamps"),
        (lambda t: t.slice(0, 0), {}, ArgumentError, "there is no row"),
        (lambda t: t, {"zone": "Europe/Atlantis"}, ArgumentError, "zone: there is no zone 'Europe/Atlantis'"),
        (lambda t: t, {"now": datetime(2025, 1, 1)}, ArgumentError, "now: must have a time zone"),
        (lambda t: t, {"time": None, "feature_times": ["time"]}, ArgumentError, "feature_times: is judged by when"),
    ],
)
def test_what_cannot_be_used_is_named(change, options, error, words):
    with pytest.raises(error, match=words):
        found(change(rows(500)), **options)


def test_a_policy_out_of_range_is_refused():
    with pytest.raises(ArgumentError, match="leakage: max_jump must be above 0 and at most 1, found 2"):
        validate.LeakagePolicy(max_jump=2)


# ---------------------------------------------------------------- how often it is wrong


@pytest.mark.parametrize("n", [300, 3_000, 30_000])
def test_clean_rows_raise_no_alarm(n):
    """40 clean data sets of five features a size: not one may fail (`docs/leakage.md` has larger runs)."""
    looked = 0
    for seed in range(40 if n < 30_000 else 8):
        table = rows(n, seed=seed)
        data, holdout = parts(table)
        before = found(rows(n, seed=1_000 + seed))
        report = found(data, holdout=holdout, previous=before)
        looked += len(report.checks)
        assert not alarms(report), (seed, alarms(report))
    assert looked > 100


@pytest.mark.parametrize(("n", "effect", "share"), [(3_000, 2.3, 0.9), (12_000, 1.2, 0.9), (12_000, 0.0, 0.0)])
def test_a_jump_is_found_as_often_as_said(n, effect, share):
    caught = 0
    for seed in range(20):
        table = rows(n, seed=seed)
        newest = day_of(table) >= 84
        noise = np.random.default_rng(seed + 77).normal(size=n)
        values = np.where(newest, table["label"].to_numpy() * effect, 0) + noise
        caught += "leakage.jump.x" in alarms(found(put(table, "x", values)))
    assert caught / 20 >= share if share else caught == 0


# ---------------------------------------------------------------- the command


def test_the_command_says_what_it_found(tmp_path):
    table = rows()
    pq.write_table(table, tmp_path / "clean.parquet")
    pq.write_table(put(table, "copy", table["label"]), tmp_path / "leak.parquet")
    options = ["--label", "label", "--time", "time"]
    clean = ctcore("check-leakage", "clean.parquet", *options, "--format", "json", cwd=tmp_path)
    assert clean.returncode == 0, clean.stderr
    assert json.loads(clean.stdout)["kind"] == "leakage"
    (tmp_path / "before.json").write_text(clean.stdout)
    options += ["--previous", "before.json"]
    leak = ctcore("check-leakage", "leak.parquet", *options, cwd=tmp_path)
    assert leak.returncode == 1
    assert "leakage.predictive.copy" in leak.stdout
    assert "leakage.since.copy" in leak.stdout
    assert ctcore("check-leakage", "leak.parquet", *options, "--accepted", "copy", cwd=tmp_path).returncode == 0
    stamps = put(table, "known", pa.array(table["time"].cast("int64").to_numpy() + 1, pa.timestamp("us", "UTC")))
    pq.write_table(put(stamps, "was", table["label"]), tmp_path / "more.parquet")
    asked = {
        ("--feature-times", "known"): "leakage.point_in_time.known",
        ("--as-of", "2024-03-31T12:00"): "leakage.future.time",
        ("--label-time", "known", "--label-window", "2d"): "leakage.maturity",
        ("--as-of", "2024-04-01", "--label-window", "2d"): "leakage.maturity",
        ("--decision", "was"): "leakage.decision",
    }
    for more, id_ in asked.items():
        names = ["--features", "good,noise", "--format", "json"]
        done = ctcore("check-leakage", "more.parquet", *options[:4], *names, *more, cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        report = json.loads(done.stdout)
        assert id_ in {each["id"] for each in report["checks"] if each["verdict"] == "fail"}
    call = ("check-leakage", "more.parquet", *options[:4], "--as-of", "2024-04-01", "--zone", "Europe/Atlantis")
    nowhere = ctcore(*call, cwd=tmp_path)
    assert (nowhere.returncode, "there is no zone" in nowhere.stderr) == (2, True)
    wrong = ctcore("check-leakage", "clean.parquet", "--label", "label", "--previous", "none.json", cwd=tmp_path)
    assert (wrong.returncode, "previous: cannot read none.json" in wrong.stderr) == (2, True)
