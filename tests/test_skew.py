"""Training / serving skew: what is joined, what differs, and what is said of it."""

from __future__ import annotations

import doctest
import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather
from scipy import stats

from conftest import ROOT, ctcore
from ctcore import data, validate
from ctcore.binomial import exact_interval
from ctcore.errors import ArgumentError, ColumnTypeError, DataError
from ctcore.verdict import Verdict

NAN, INF = math.nan, math.inf


def compared(training, serving, **options):
    """What becomes of a column ``x``: its check, and how it differs."""
    left, right = (pa.table({"id": range(len(column)), "x": column}) for column in (_array(training), _array(serving)))
    report = validate.skew(left, right, key=["id"], **options)
    json.dumps(report.to_dict(), allow_nan=False)
    return report.checks[-1], report.columns[0]


def _array(values):
    return values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)


# ------------------------------------------------------------ what differs


@pytest.mark.parametrize(
    ("training", "serving", "differing"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0),
        ([1.0, 2.0, 3.0], [1.0 + 1e-7, 2.0, 3.1], 1),
        ([1e9, 1e-12, 0.0], [1e9 + 1, 0.0, 1e-8], 1),  # the last lies more than 1e-9 apart
        ([NAN, NAN, INF, -INF, None, None], [NAN, 1.0, INF, INF, None, NAN], 3),
        ([1, 2, 3], [1.0, 2.0, 3.5], 1),
        ([10**15, 2], [10**15 + 1, 2], 1),  # whole numbers are names as often as amounts: exact
        (pa.array([2**64 - 1, 5], pa.uint64()), pa.array([-1, 5], pa.int64()), 1),
        (pa.array([1, 2], pa.int8()), pa.array([1, 2], pa.uint32()), 0),
        ([Decimal("1.50"), Decimal("2.00")], [1.5, 2.25], 1),
        (np.float32([0.1, 0.2]), [0.1, 0.2], 0),  # single precision is no skew
        (["a", "b", None], ["a", "B", None], 1),
        (["a", "b", None], pa.array(["a", "b", "c"], pa.large_string()), 1),
        (["a", "b", "a"], pa.array(["a", "b", "b"]).dictionary_encode(), 1),
        ([True, False, None], [True, True, None], 1),
        ([b"a", b"b"], pa.array([b"a", b"c"], pa.binary(1)), 1),
        ([None, None], [None, 1.5], 1),
        (pa.nulls(2), pa.nulls(2), 0),
        ([datetime(2024, 1, 1), datetime(2024, 1, 2)], pa.array([1704067200, 0], pa.timestamp("s")), 1),
        (
            pa.array([0, 1], pa.timestamp("us", "UTC")),
            pa.array([0, 1000], pa.timestamp("ns", "Europe/Berlin")),
            0,
        ),
        (pa.array([0, 1], pa.date32()), pa.array([0, 86_400_000], pa.date64()), 0),
        (pa.array([0, 1], pa.time32("s")), pa.array([0, 2_000_000], pa.time64("us")), 1),
        (pa.array([0, 1], pa.duration("s")), pa.array([0, 1000], pa.duration("ms")), 0),
    ],
)  # fmt: skip
def test_what_differs(training, serving, differing):
    assert compared(training, serving)[1].differing == differing
    assert compared(serving, training)[1].differing == differing


def test_nulls_of_either_side_are_told_apart():
    _, found = compared([1.0, None, 3.0, None], [None, 2.0, 3.0, None])
    assert (found.differing, found.only_in_training, found.only_in_serving) == (2, 1, 1)
    assert [(each.training, each.serving) for each in found.examples] == [(1.0, None), (None, 2.0)]


@pytest.mark.parametrize(
    ("training", "serving"),
    [
        ([1.0, 2.0], ["1.0", "2.0"]),
        ([True, False], [1, 0]),
        (pa.array([0, 1], pa.timestamp("us")), pa.array([0, 1], pa.timestamp("us", "UTC"))),
        (["a", "b"], [b"a", b"b"]),
    ],
)
def test_another_kind_fails_as_a_whole(training, serving):
    check, _ = compared(training, serving)
    assert check.verdict is Verdict.FAIL
    assert "in training and" in check.message


def test_what_cannot_be_compared_says_so():
    check, _ = compared([[1.0], [2.0]], [[1.0], [2.0]])
    assert (check.verdict, check.required) == (Verdict.NOT_RUN, True)
    assert "columns of their own" in check.message
    seconds = pa.array([2**60, 0], pa.timestamp("s"))
    assert compared(seconds, pa.array([1, 0], pa.timestamp("ns")))[0].verdict is Verdict.NOT_RUN


_CELLS = st.none() | st.floats() | st.sampled_from([0.0, 1.0, 1.0 + 1e-7, 1.0 + 1e-5])


@settings(max_examples=80)
@given(st.lists(st.tuples(_CELLS, _CELLS), min_size=1), st.floats(0, 0.5), st.floats(0, 2))
def test_fractions_differ_where_python_says_so(cells, relative, absolute):
    def same(a, b):
        if a is None or b is None:
            return a is b
        return math.isclose(a, b, rel_tol=relative, abs_tol=absolute) or (math.isnan(a) and math.isnan(b))

    training, serving = (pa.array(side, pa.float64()) for side in zip(*cells, strict=True))
    _, found = compared(training, serving, relative=relative, absolute=absolute)
    assert found.differing == sum(not same(a, b) for a, b in cells)


@settings(max_examples=60)
@given(st.dictionaries(st.integers(0, 30), st.integers(0, 3)), st.dictionaries(st.integers(0, 30), st.integers(0, 3)))
def test_rows_are_joined_by_key_wherever_they_stand(training, serving):
    sides = [
        pa.table({"k": pa.array(list(each), pa.int64()), "x": pa.array(list(each.values()), pa.int64())})
        for each in (training, serving)
    ]
    report = validate.skew(*sides, key=["k"])
    both = training.keys() & serving.keys()
    assert report.matched == len(both)
    assert report.only_in_training == len(training.keys() - serving.keys())
    assert report.only_in_serving == len(serving.keys() - training.keys())
    differing = [each for each in training if each in both and training[each] != serving[each]]
    assert report.columns[0].differing == len(differing)
    assert [each.key for each in report.columns[0].examples] == [(each,) for each in differing[:3]]
    assert sum(rows for *_, rows in report.columns[0].pairs) <= len(differing)


# ------------------------------------------------------------ what is said of it


def test_the_worst_differences_and_the_usual_confusions_are_shown():
    hundred = np.arange(100.0)
    off = hundred.copy()
    off[[3, 50, 90]] += [1.0, 40.0, 1.0]
    check, found = compared(hundred, off)
    assert [each.key for each in found.examples] == [(50,), (3,), (90,)]
    assert (found.examples[0].training, found.examples[0].serving) == (50.0, 90.0)
    assert found.pairs == ()
    assert check.message == (
        "x: 3 of 100 rows (3.00%) differ, 1.00% may; about 200 rows would tell; "
        "id=50: 50 in training, 90 in serving; id=3: 3 in training, 4 in serving; id=90: 90 in training, 91 in serving"
    )
    codes = np.array(["DE", "FR", "US", "US", "US", "FR"] * 50)
    wrong = np.where(codes == "US", "USA", np.where(np.arange(300) % 6 == 1, "fr", codes))
    _, found = compared(codes, wrong)
    assert found.pairs == (("US", "USA", 150), ("FR", "fr", 50))


@pytest.mark.parametrize(
    ("rows", "differing", "tolerance", "verdict", "words"),
    [
        (1000, 0, 0.01, Verdict.PASS, ""),
        (1000, 4, 0.01, Verdict.PASS, ""),
        (1000, 30, 0.01, Verdict.FAIL, ""),
        (298, 0, 0.01, Verdict.INSUFFICIENT, "about 300 rows would tell"),
        (299, 0, 0.01, Verdict.PASS, ""),
        (400, 4, 0.01, Verdict.INSUFFICIENT, "another share"),
        (100_000, 1000, 0.01, Verdict.WARN, "more rows would not tell"),
        (1, 1, 0.01, Verdict.FAIL, ""),
        (5, 0, 0.0, Verdict.PASS, ""),
        (100_000, 1, 0.0, Verdict.FAIL, ""),
    ],
)
def test_the_share_is_judged_by_its_exact_interval(rows, differing, tolerance, verdict, words):
    serving = np.zeros(rows, dtype=int)
    serving[:differing] = 1
    check, _ = compared(np.zeros(rows, dtype=int), serving, tolerance=tolerance)
    assert (check.verdict, check.value, check.n) == (verdict, differing / rows, rows)
    assert words in check.message
    interval = stats.binomtest(differing, rows).proportion_ci(0.9, method="exact")
    assert exact_interval(differing, rows) == pytest.approx(tuple(interval), rel=1e-10)
    assert (check.lower, check.upper) == exact_interval(differing, rows)


def test_columns_on_one_side_are_named():
    training = pa.table({"id": [1, 2], "x": [1, 2], "label": [0, 1]})
    serving = pa.table({"id": [1, 2], "x": [1, 2], "served_at": [0, 1]})
    report = validate.skew(training, serving, key=["id"], tolerance=0)
    assert report.verdict is Verdict.PASS
    told = {check.id: check.message for check in report.checks if not check.required}
    assert told == {
        "skew.only_in_training": "label: in training alone, and not compared",
        "skew.only_in_serving": "served_at: in serving alone, and not compared",
    }
    assert [each.name for each in validate.skew(training, serving, key=["id"], columns=["x"]).columns] == ["x"]


# ------------------------------------------------------------ keys


def test_keys_of_several_columns_and_of_any_library():
    day = datetime(2024, 1, 1, tzinfo=UTC)
    training = pl.DataFrame(
        {"user": ["a", "a", "b", None], "at": [day, day + timedelta(1), day, day], "x": [1.0, 2.0, 3.0, 4.0]}
    )
    serving = pa.table(
        {
            "user": pa.array(["b", "a", "c"]).dictionary_encode(),
            "at": pa.array([day, day + timedelta(1), day], pa.timestamp("ms", "UTC")),
            "x": [3.5, 2.0, 9.0],
        }
    )
    report = validate.skew(training, serving, key=["user", "at"])
    assert (report.matched, report.only_in_training, report.only_in_serving) == (2, 1, 1)
    assert report.columns[0].differing == 1
    assert report.checks[0].message == (
        "2 keys (user, at) are on both sides; 1 in training alone and 1 rows without one, 1 in serving alone"
    )


@pytest.mark.parametrize(
    "keys",
    [
        pa.array([2**64 - 1, 2**64 - 2, 2**53, 2**53 + 1], pa.uint64()),
        pa.array([2**62, 2**62 + 1, -(2**62), 0], pa.int64()),
        pa.array([1, 2, 3, 2**60], pa.timestamp("ns")),
        pa.array([1, 2, 3, 4], pa.timestamp("ns", "UTC")),
        pa.array([1, 2, 3, 4], pa.time64("ns")),
        pa.array([1, 2, 3, 4], pa.time32("ms")),
        pa.array([1, 2, 3, 2**60], pa.duration("ns")),
        pa.array([1, 2, 3, 40_000], pa.date32()),
        pa.array(["", "a", "aa", "\0"]),
        pa.array([b"", b"\0", b"\0\0", b"\xff"], pa.binary()),
        pa.array([b"ab", b"ba", b"bb", b"aa"], pa.binary(2)),
        pa.array(["x", "y", "z", "w"]).dictionary_encode(),
    ],
    ids=lambda keys: str(keys.type),
)
def test_keys_of_every_type_are_told_apart(keys):
    rows = pa.table({"id": keys, "x": [0, 1, 2, 3]})
    report = validate.skew(rows, rows.take([3, 1, 0, 2]), key=["id"])
    assert (report.matched, report.columns[0].differing) == (4, 0)
    assert validate.skew(rows, rows.slice(1, 2), key=["id"]).only_in_training == 2
    with pytest.raises(DataError, match="serving: 1 keys occur more than once"):
        validate.skew(rows, pa.concat_tables([rows, rows.slice(2, 1)]), key=["id"])


def test_many_keys_are_matched_as_a_dictionary_would():
    rng = np.random.default_rng(5)
    training, serving = (rng.permutation(100_000)[:60_000] for _ in range(2))
    left, right = (pa.table({"id": each, "x": each * 3}) for each in (training, serving))
    right = right.set_column(1, "x", pa.array(np.where(serving % 1000 == 0, -1, serving * 3)))
    report = validate.skew(left, right, key=["id"])
    both = set(training) & set(serving)
    assert (report.matched, report.only_in_training) == (len(both), 60_000 - len(both))
    assert report.columns[0].differing == sum(each % 1000 == 0 for each in both)
    first = [int(each) for each in training if each in both and each % 1000 == 0][:3]
    assert [each.key for each in report.columns[0].examples] == [(each,) for each in first]


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow"])
def test_files_are_read_a_column_at_a_time(tmp_path, monkeypatch, form):
    training = pa.table({"id": [1, 2, 3], "x": [1.0, 2.0, 3.0], "city": ["a", "b", None]})
    serving = pa.table({"city": ["a", "c", None], "id": [1, 2, 4], "x": [1.5, 2.0, 3.0]})
    for name, table in (("training", training), ("serving", serving)):
        path = tmp_path / f"{name}.{form}"
        if form == "parquet":
            pq.write_table(table, path)
        elif form == "csv":
            pa.csv.write_csv(table, path)
        else:
            feather.write_feather(table, path)
    read, whole = [], data.Source.table

    def table(source, columns=None, **options):
        read.append(columns)
        return whole(source, columns, **options)

    monkeypatch.setattr(data.Source, "table", table)
    sides = [data.source(tmp_path / f"{name}.{form}") for name in ("training", "serving")]
    assert validate.skew(*sides, key=["id"]).to_dict() == validate.skew(training, serving, key=["id"]).to_dict()
    assert read == ([] if form == "csv" else [["id"]] * 2 + [["x"]] * 2 + [["city"]] * 2)


def test_a_key_that_occurs_twice_is_an_error():
    good = pa.table({"id": ["a", "b"], "x": [1, 2]})
    twice = pa.table({"id": ["b", "a", "b", "a"], "x": [1, 2, 3, 4]})
    with pytest.raises(DataError, match="training: 2 keys occur more than once, such as id=a; name more"):
        validate.skew(twice, good, key=["id"])
    with pytest.raises(DataError, match="serving: 2 keys"):
        validate.skew(good, twice, key=["id"])
    nulls = pa.table({"id": [None, None, "a"], "x": [1, 2, 3]})
    assert validate.skew(nulls, good, key=["id"]).matched == 1


def test_no_key_in_common_decides_nothing():
    left, right = pa.table({"id": [1, 2], "x": [1, 2]}), pa.table({"id": [3, 4], "x": [1, 2]})
    report = validate.skew(left, right, key=["id"])
    assert report.verdict is Verdict.INSUFFICIENT
    assert "Nothing can be compared" in report.checks[0].message
    empty = validate.skew(left.slice(0, 0), right, key=["id"], tolerance=0)
    assert empty.verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"key": ["idd"]}, ArgumentError, "training has no column 'idd'; did you mean \"id\""),
        ({"key": []}, ArgumentError, "name the columns"),
        ({"key": ["id"], "columns": ["y"]}, ArgumentError, "columns: training has no column 'y'"),
        ({"key": ["x"]}, ColumnTypeError, "key: x is double in training and double in serving"),
        ({"key": ["id"], "tolerance": 1.0}, ArgumentError, "tolerance: must be at least 0 and below 1, found 1.0"),
        ({"key": ["id"], "relative": -1}, ArgumentError, "relative"),
        ({"key": ["id"], "absolute": NAN}, ArgumentError, "absolute"),
    ],
)
def test_what_cannot_be_used_is_refused(options, error, words):
    table = pa.table({"id": [1, 2], "x": [1.0, 2.0]})
    with pytest.raises(error, match=words):
        validate.skew(table, table, **options)
    with pytest.raises(ArgumentError, match="Arrow interface, found dict"):
        validate.skew({"id": [1]}, table, key=["id"])
    with pytest.raises(ColumnTypeError, match="of one kind"):
        validate.skew(table, pa.table({"id": ["1"], "x": [1.0]}), key=["id"])


# ------------------------------------------------------------ the command line


def test_check_skew(tmp_path):
    ids = np.arange(1000)
    training = pa.table({"id": ids, "km": ids / 3, "city": np.array(["a", "b"])[ids % 2]})
    miles = ids / 3 / 1.609
    miles[7] = 0.25
    serving = training.set_column(1, "km", pa.array(miles)).take(pa.array(ids[::-1]))
    pq.write_table(training, tmp_path / "training.parquet")
    pq.write_table(serving, tmp_path / "serving.parquet")
    call = ("check-skew", tmp_path / "training.parquet", tmp_path / "serving.parquet")
    found = ctcore(*call, "--key", "id")
    assert found.returncode == 1
    assert "km: 999 of 1,000 rows (99.90%) differ" in " ".join(found.stdout.split())
    assert ctcore(*call, "--key", "id", "--columns", "city").returncode == 0
    assert ctcore(*call, "--key", "id", "--relative", "0.9").returncode == 0
    told = json.loads(ctcore(*call, "--key", "id", "--format", "json").stdout)
    assert (told["kind"], told["verdict"], told["matched"]) == ("skew", "fail", 1000)
    assert told["columns"][0]["examples"][0] == {"key": [7], "training": 7 / 3, "serving": 0.25}
    assert ctcore(*call, "--key", "city").returncode == 2
    assert ctcore(*call, "--key", "nothing").returncode == 2


def test_the_examples_of_the_docs_run():
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, tried = doctest.testfile(str(ROOT / "docs" / "validation.md"), module_relative=False, optionflags=flags)
    assert (failed, tried >= 6) == (0, True)
