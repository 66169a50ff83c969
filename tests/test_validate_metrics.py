"""Metrics that read the rows once more, beside scipy, numpy and DuckDB's words for them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from conftest import ROOT
from ctcore import data, validate
from ctcore.errors import ConfigError
from ctcore.validate._metrics import METRICS, MOMENT_METRICS, PAIR_METRICS, RANK_METRICS, TABLE_METRICS, _Moments
from ctcore.verdict import Verdict

HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n"
COLUMNS = (
    "{name: a, logicalType: number, customProperties: [{property: ctNonFinite, value: allowed}]}, {name: b}, {name: s}"
)


def contract(*metrics, columns=COLUMNS):
    rules = ", ".join(
        f"{{id: q{number}, type: custom, engine: ctcore, implementation: {{check: metric, {each}}}}}"
        for number, each in enumerate(metrics)
    )
    return validate.contract(validate.parse(f"{HEAD}    properties: [{columns}]\n    quality: [{rules}]\n"))


def measure(rows, *metrics, columns=COLUMNS):
    """What metrics of a table are; None where they could not be judged."""
    asked = contract(*(f"{each}, mustBeGreaterOrEqualTo: -1.0e+300" for each in metrics), columns=columns)
    checks = {check.id: check for check in validate.check(rows, asked).checks}
    found = [checks[f"q{number}"] for number in range(len(metrics))]
    assert all((check.verdict is Verdict.NOT_RUN) == (check.value is None) for check in found)
    return [check.value for check in found]


@pytest.fixture(scope="module")
def table():
    """300,000 rows, more than two batches, with nulls, NaN and infinities in places of their own."""
    rng = np.random.default_rng(3)
    n = 300_000
    a = rng.lognormal(size=n)
    b = a + rng.normal(size=n)
    a[5], a[200_000], b[7] = np.nan, np.inf, -np.inf
    s = np.array(["x", "y", "z"])[(a > 1).astype(int) + (rng.random(n) < 0.3)]
    nulls = rng.random(n) < 0.1
    return pa.table({"a": pa.array(a, mask=nulls), "b": b, "s": pa.array(s, mask=rng.random(n) < 0.05)})


def finite(column):
    values = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


@pytest.fixture(params=["memory", "file"])
def rows(request, table, tmp_path):
    if request.param == "memory":
        return table
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=70_000)
    return data.source(tmp_path / "rows.parquet")


def test_moments_and_ranks_are_what_scipy_and_numpy_say(rows, table):
    values = finite(table["a"])
    values = values[~np.isnan(values)]
    skewness, kurtosis = measure(rows, "metric: skewness, column: a", "metric: kurtosis, column: a")
    assert skewness == pytest.approx(stats.skew(values), rel=1e-9)
    assert kurtosis == pytest.approx(stats.kurtosis(values), rel=1e-9)
    for share in (0, 0.001, 0.25, 0.5, 0.9, 0.999999, 1):
        (found,) = measure(rows, f"metric: quantile, column: a, share: {share}")
        assert found == np.quantile(values, share, method="inverted_cdf"), share
    low, high = np.quantile(values, [0.25, 0.75], method="inverted_cdf")
    assert measure(rows, "metric: interquartileRange, column: a") == [high - low]


def test_pairs_are_what_scipy_and_numpy_say(rows, table):
    a, b = finite(table["a"]), finite(table["b"])
    both = ~np.isnan(a) & ~np.isnan(b)
    correlation, ratio = measure(rows, "metric: correlation, columns: [a, b]", "metric: ratioOfSums, columns: [a, b]")
    assert correlation == pytest.approx(stats.pearsonr(a[both], b[both]).statistic, rel=1e-9)
    assert ratio == pytest.approx(np.nansum(a) / np.nansum(b), rel=1e-9)


def test_mutual_information_is_the_textbook_sum(table):
    rounded = pa.array(np.floor(finite(table["b"])), mask=np.isnan(finite(table["b"])))
    coarse = table.set_column(1, "b", rounded)
    there = coarse.filter(pa.compute.and_(coarse["b"].is_valid(), coarse["s"].is_valid()))
    _, counts = np.unique(
        np.stack([there[name].to_numpy().astype(str) for name in ("b", "s")]), axis=1, return_counts=True
    )
    joint = counts / counts.sum()

    def entropy(shares):
        return -np.sum(shares * np.log(shares))

    sides = [np.unique(there[name].to_numpy().astype(str), return_counts=True)[1] / len(there) for name in ("b", "s")]
    expected = sum(map(entropy, sides)) - entropy(joint)
    assert 0.1 < expected < 1
    assert measure(coarse, "metric: mutualInformation, columns: [b, s]")[0] == pytest.approx(expected, rel=1e-9)
    alone = pa.table({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "s": ["p", "p", "q", "q"]})
    found = measure(alone, "metric: mutualInformation, columns: [a, b]", "metric: mutualInformation, columns: [a, s]")
    assert found == [0, pytest.approx(np.log(2))]


def test_a_condition_picks_the_rows(rows, table):
    """Each metric of the scan, of the rows where s is x: what the scan says of those rows alone."""
    picked = table.filter(pa.compute.equal(table["s"], "x"))
    names = [each for each in METRICS if "Length" not in each]
    where = "where: {column: s, equals: x}"
    found = measure(rows, *(f"metric: {name}, column: a, {where}" for name in names))
    alone = measure(picked, *(f"metric: {name}, column: a" for name in names))
    assert found == [pytest.approx(value, rel=1e-9) for value in alone]
    whole = measure(rows, *(f"metric: {name}, column: a" for name in names))
    assert sum(a != b for a, b in zip(found, whole, strict=True)) > len(names) / 2
    every = [*(f"metric: {name}, column: a" for name in MOMENT_METRICS), "metric: quantile, column: a, share: 0.5"]
    every += [f"metric: {name}, columns: [a, b]" for name in ("correlation", "ratioOfSums")]
    found = measure(rows, *(f"{each}, {where}" for each in every))
    assert found == [pytest.approx(value, rel=1e-9) for value in measure(picked, *every)]
    assert measure(rows, f"metric: rowCount, {where}", "metric: rowCount", "metric: columnCount") == [
        picked.num_rows, table.num_rows, 3,
    ]  # fmt: skip
    assert measure(rows, "metric: rowCount, where: {column: a, isNull: true}") == [table["a"].null_count]
    several = "where: [{column: s, in: [x, y]}, {column: b, minimum: 0}, {column: a, isNull: true}]"
    s, b, a = (table[name].to_numpy() for name in ("s", "b", "a"))
    expected = sum(np.isin(s.astype(str), ["x", "y"]) & (b >= 0) & np.array(table["a"].is_null()))
    assert measure(rows, f"metric: rowCount, {several}") == [expected]
    assert np.isnan(a).sum() > expected > 0


@settings(max_examples=60)
@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(1, 7))
def test_moments_merge(values, size):
    """In parts as in one: sums of powers about the mean lose nothing by the size of a batch."""
    array = np.array(values)
    others = np.cos(array)
    merged = _Moments()
    for start in range(0, len(array), size):
        merged = merged.merge(_Moments.of(array[start : start + size], others[start : start + size]))
    whole = _Moments.of(array, others)
    assert merged.n == whole.n
    scale = np.abs(array).max(initial=1e-6)
    for name, power in (("mean", 1), ("second", 2), ("third", 3), ("fourth", 4), ("product", 1)):
        slack = 1e-9 * scale**power * max(len(array), 1)
        assert getattr(merged, name) == pytest.approx(getattr(whole, name), rel=1e-9, abs=slack), name


@settings(max_examples=80)
@given(st.lists(st.integers(-3, 3) | st.floats(-5, 5), min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_a_value_of_the_column(values, share):
    found = measure(pa.table({"a": np.array(values, float), "b": values and [0.0] * len(values)}),
                    f"metric: quantile, column: a, share: {share!r}")  # fmt: skip
    rank = max(1, int(np.ceil(share * len(values))))
    assert found == [sorted(map(float, values))[rank - 1]]


@pytest.mark.parametrize("type_", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.decimal128(20, 3)])
def test_numbers_of_every_type(type_):
    values = pa.array([1, 2, 2, 9, None], pa.float32()).cast(type_)
    found = measure(pa.table({"a": values}), "metric: skewness, column: a", "metric: quantile, column: a, share: 0.75",
                    columns="{name: a}")  # fmt: skip
    assert found == [pytest.approx(stats.skew([1, 2, 2, 9])), 2]


def test_frames_of_other_libraries_are_read_again():
    rows = {"a": [1.0, 2.0, 9.0], "b": [1, 2, 3], "s": ["x", "x", "y"]}
    for frame in (pl.DataFrame(rows), pd.DataFrame(rows)):
        found = measure(frame, "metric: skewness, column: a", "metric: sum, column: a, where: {column: s, equals: x}")
        assert found == [pytest.approx(stats.skew(rows["a"])), 3]


def test_items_and_properties_are_measured():
    table = pa.table({"o": [{"x": 1.0}, {"x": 4.0}, None], "l": [[1.0, 2.0], [9.0], None]})
    items = "{name: l, logicalType: array, items: {logicalType: number}}"
    columns = "{name: o, logicalType: object, properties: [{name: x}]}, " + items
    asked = [f"metric: {name}, column: {column}" for name in MOMENT_METRICS for column in ("o.x", "'l[]'")]
    found = measure(table, *asked, "metric: rowCount, where: {column: o.x, minimum: 2}", columns=columns)
    assert found == [
        *(pytest.approx(work(values)) for work in (stats.kurtosis, stats.skew) for values in ([1, 4], [1, 2, 9])),
        1,
    ]
    assert measure(table, "metric: mean, column: 'l[]', where: {column: o.x, minimum: 2}", columns=columns) == [None]
    assert measure(table, "metric: correlation, columns: ['l[]', o.x]", columns=columns) == [None]


def test_what_has_no_value_is_not_run():
    table = pa.table({"a": [1.0, 1.0], "b": [0.0, 0.0], "s": ["p", "q"]})
    every = (
        *(f"metric: {name}, column: a" for name in MOMENT_METRICS),
        "metric: correlation, columns: [a, b]",
        "metric: ratioOfSums, columns: [a, b]",
        "metric: skewness, column: s",
        "metric: quantile, share: 0.5, column: s",
        "metric: ratioOfSums, columns: [a, s]",
        "metric: mean, column: a, where: {column: s, equals: r}",
        "metric: mean, column: a, where: {column: s, minimum: 3}",
    )
    assert measure(table, *every) == [None] * len(every)

    def words(rows, metric):
        found = validate.check(rows, contract(f"{metric}, mustBe: 1"))
        return next(check.message for check in found.checks if check.id == "q0")

    assert "a range" in words(table, every[-1])
    assert "give a table or files, not a stream" in words(table.to_reader(), "metric: skewness, column: a")
    assert "the column s is missing" in words(table.drop_columns("s"), every[-1])
    assert measure(pa.table({"a": [0.1] * 3, "b": [1, 2, 3], "s": ["p"] * 3}), *every[:3]) == [None] * 3


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("metric: skew, column: a", 'did you mean "skewness"'),
        ("metric: quantile, column: a", "quantile takes a share"),
        ("metric: mean, column: a, share: 0.5", "quantile takes a share"),
        ("metric: quantile, column: a, share: 50", "share must lie in 0 to 1"),
        ("metric: correlation, column: a", "take two columns"),
        ("metric: correlation, columns: [a]", "columns must name two"),
        ("metric: mean, columns: [a, b]", "take two columns"),
        ("metric: columnCount, where: {column: a, isNull: true}", "leave where out"),
        ("metric: mean, column: a, where: {column: a}", "a condition has one test"),
        ("metric: mean, column: a, where: {column: z, isNull: true}", "no property 'z'"),
    ],
)
def test_metrics_that_are_not_understood_are_refused(metric, words):
    with pytest.raises(ConfigError, match=words):
        contract(f"{metric}, mustBe: 1")


def test_a_tighter_metric_promises_more():
    old, new = (contract(f"metric: skewness, column: a, mustBeLessThan: {bound}") for bound in (3, 2))
    (told,) = validate.diff(old, new).checks
    assert told.message == (
        "the rule q0 promises more: the skewness of a is less than 3 (error), "
        "now the skewness of a is less than 2 (error)"
    )


@pytest.mark.parametrize(
    ("check", "count", "asked"),
    [
        ("check: compare, columns: [a, b], operator: '<='", 2, 10),
        ("check: conditional, if: {column: s, equals: x}, then: {column: a, maximum: 3}", 2, 5),
        ("check: readsAs, column: s, type: integer", 10, 10),
        ("check: monotonic, column: b", 1, 10),
    ],
)
def test_rules_about_rows_let_as_many_break_them_as_they_say(check, count, asked):
    rows = pa.table({"a": range(10), "b": [9, 9, 9, 9, 9, 9, 9, 9, 7, 8], "s": ["x", "y"] * 5})
    rows = rows.set_column(0, "a", [[0, 1, 2, 1, 3, 1, 4, 1, 8, 9]])

    def verdict(bound):
        text = f"{HEAD}    properties: [{{name: a}}, {{name: b}}, {{name: s, logicalType: string}}]\n    quality: ["
        rule = f"{{id: q, type: custom, engine: ctcore, implementation: {{{check}, {bound}}}}}]\n"
        report = validate.check(rows, validate.contract(validate.parse(text + rule)))
        assert (report.broken["q"].count, report.broken["q"].asked) == (count, asked)
        return next(each.verdict for each in report.checks if each.id == "q")

    assert verdict(f"mustBeLessOrEqualTo: {count}") is Verdict.PASS
    assert verdict(f"mustBeLessThan: {count}") is Verdict.FAIL
    share = 100 * count / asked
    assert verdict(f"unit: percent, mustBeBetween: [{share}, 100]") is Verdict.PASS
    assert verdict(f"unit: percent, mustBeLessThan: {share}") is Verdict.FAIL


def test_the_table_of_analyzers_names_metrics_that_there_are():
    text = (ROOT / "docs" / "validation.md").read_text()
    rows = [line.strip("| \n").split(" | ") for line in text.partition("| analyzer |")[2].splitlines()[2:]]
    rows = [row for row in rows if len(row) == 2]
    names = {name for names, _ in rows for name in re.findall(r"\w+", names)}
    assert names == ANALYZERS
    known = {*METRICS, *MOMENT_METRICS, *PAIR_METRICS, *RANK_METRICS, *TABLE_METRICS}
    told = {name for _, here in rows for name in re.findall(r"`metric: (\w+)", here)}
    assert told <= known
    assert told >= {*MOMENT_METRICS, *PAIR_METRICS, *RANK_METRICS, "columnCount"}


ANALYZERS = set(  # Deequ's, of src/main/scala/com/amazon/deequ/analyzers at 0b8cea5
    re.findall(
        r"\w+",
        """
        Size ColumnCount ColumnExists Completeness Compliance PatternMatch Uniqueness UniqueValueRatio Distinctness
        CountDistinct ApproxCountDistinct DuplicateRowCount Minimum Maximum Mean Sum StandardDeviation Variance Skewness
        Kurtosis Range InterquartileRange ZerosCount ApproxQuantile ApproxQuantiles ExactQuantile KLLSketch MinLength
        MaxLength DataType Histogram HistogramBinned Entropy MutualInformation Correlation RatioOfSums CustomSql
        CustomAggregator DatasetMatchAnalyzer Distance
        """,
    )
)
