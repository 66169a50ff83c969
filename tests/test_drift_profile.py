"""Profiles: one pass, bounded memory, exact merges, and what is said of what is not exact."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctcore import _core, drift
from ctcore.drift._primary import Against, cells_between, pooling
from ctcore.drift._shares import judge_share, out_of_range
from ctcore.drift._statistics import cell_bounds, cell_counts
from ctcore.drift._tolerances import CATEGORIES, NUMBERS, RANKS
from ctcore.errors import ArgumentError, DataError
from ctcore.verdict import Verdict


def table(rows, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, size=rows)
    x[rng.random(rows) < 0.02] = np.nan
    names = np.array(["a", "b", "c", "d"])[np.minimum(rng.geometric(0.5, rows) - 1, 3)]
    return pa.table(
        {
            "x": pa.array(x, mask=rng.random(rows) < 0.03),
            "skewed": rng.lognormal(sigma=3, size=rows),
            "count": rng.integers(0, 10, rows),
            "c": pa.array(names).dictionary_encode(),
            "plain": pa.array(names),
            "flag": rng.random(rows) < 0.3,
        }
    )


class Stream:
    """A table that can be read once, in batches of some size."""

    def __init__(self, data, size):
        self.data, self.size = data, size

    def __arrow_c_stream__(self, requested_schema=None):
        batches = self.data.combine_chunks().to_batches(max_chunksize=self.size)
        reader = pa.RecordBatchReader.from_batches(self.data.schema, batches)
        return reader.__arrow_c_stream__(requested_schema)


def test_a_stream_gives_the_same_bits_for_any_threads_and_batches():
    data = table(10 * 65_536 + 17)
    whole = drift.profile(data).to_json()
    try:
        for threads, size in ((1, 999_999), (2, 65_537), (7, 4_096)):
            _core.set_threads(threads)
            assert drift.profile(Stream(data, size)).to_json() == whole, (threads, size)
    finally:
        _core.set_threads(None)
    assert drift.profile(pl.from_arrow(data.select(["x", "count"]))).columns["x"] == json.loads(whole)["columns"]["x"]


def test_streams_are_judged_as_tables_are():
    before, after = table(60_000), table(50_000, seed=1, shift=0.5)
    by_table = drift.compare(before, after)
    by_stream = drift.compare(Stream(before, 10_000), Stream(after, 777))
    by_profile = drift.compare(drift.profile(before), drift.profile(after, like=drift.profile(before)))
    mixed = drift.compare(before, Stream(after, 777))
    assert len(by_table.columns) == 6
    for other in (by_stream, by_profile, mixed):
        assert other.checks == by_table.checks
        assert (other.reference_rows, other.current_rows) == (60_000, 50_000)
        for one, two in zip(by_table.columns, other.columns, strict=True):
            assert (one.name, one.checks, one.words) == (two.name, two.checks, two.words)
            if one.kind == "number":
                assert two.statistics["ks_low"] <= one.statistics["ks"] <= two.statistics["ks_high"]
    assert by_table.columns[0].verdict is Verdict.FAIL


@pytest.mark.parametrize("statistic", RANKS)
def test_statistics_of_values_are_decided_within_the_bounds_of_profiles(statistic):
    """The interval takes in what the cells leave open and what chance could do; it is wider than that of the rows."""
    ks = drift.Tolerances(numbers=statistic)
    for shift, verdict in ((0.0, Verdict.PASS), (0.5, Verdict.FAIL)):
        before, after = table(30_000).select(["x"]), table(30_000, seed=1, shift=shift).select(["x"])
        by_rows = drift.compare(before, after, tolerances=ks).columns[0].decision
        by_profile = drift.compare(Stream(before, 999), Stream(after, 999), tolerances=ks).columns[0].decision
        assert by_rows.verdict is by_profile.verdict is verdict
        assert by_profile.lower <= by_rows.lower <= by_rows.upper <= by_profile.upper
        assert by_profile.upper - by_profile.lower < 1.5 * (by_rows.upper - by_rows.lower)
    few = drift.compare(Stream(before.slice(0, 50), 9), Stream(after.slice(0, 50), 9), tolerances=ks).columns[0]
    assert few.decision.verdict is Verdict.INSUFFICIENT
    assert "rows a side would show it" in few.decision.message
    with pytest.raises(ArgumentError, match="current: a profile or stream has lost its days"):
        drift.compare(before, Stream(after, 999), time_column="x")


class Files:
    """A table that can be read again, and remembers which columns were."""

    def __init__(self, data):
        self.data, self.read = data, []

    def batches(self):
        return self.data.to_reader(9_999)

    def table(self, columns):
        self.read += columns
        return self.data.select(columns)

    def __arrow_c_stream__(self, requested_schema=None):
        return self.batches().__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("statistic", RANKS)
def test_what_profiles_leave_open_is_read_from_its_rows(statistic):
    """The tolerance lies between the lower ends of the rows' and of the profiles' interval."""
    rng = np.random.default_rng(3)
    before = pa.table({"x": rng.normal(size=60_000), "y": rng.normal(size=60_000)})
    after = pa.table({"x": rng.normal(0.3, size=60_000), "y": rng.normal(size=60_000)})

    def judged(reference, current, tolerance):
        own = drift.Tolerances(numbers=statistic, columns={"x": tolerance}, false_discovery_rate=1.0)
        return drift.compare(reference, current, tolerances=own).columns

    tolerance = 0.08
    for _ in range(4):
        tolerance = judged(before, after, tolerance)[0].decision.lower * (1 - 1e-5)
    by_rows = judged(before, after, tolerance)[0]
    assert (by_rows.verdict, by_rows.refined) == (Verdict.FAIL, False)
    sides = Files(before), Files(after)
    x, y = judged(*sides, tolerance)
    assert [side.read for side in sides] == [["x"], ["x"]]  # and no other column
    assert (x.verdict, x.refined, y.refined) == (Verdict.FAIL, True, False)
    assert "by its rows: profiles leave it between" in x.decision.message
    for key in ("value", "lower", "upper", "n"):
        assert getattr(x.decision, key) == getattr(by_rows.decision, key)
    assert x.to_dict()["refined"] is True
    # Rows of one side alone do not help; then nothing is said to be at the tolerance either.
    profile = drift.profile(before)
    for current in (after, Files(after), drift.profile(after, like=profile)):
        x = judged(profile, current, tolerance)[0]
        assert (x.verdict, x.refined) == (Verdict.INSUFFICIENT, False)
        assert "by profiles, which leave it between" in x.decision.message
        assert x.decision.message.endswith("give the data of both sides")


# ----------------------------------------------------------------- counts that are known between bounds

CHUNK = 65_536


def late_crowds():
    """Numbers of which each chunk but the first crowds in a place where hardly any were, and names that come and go."""
    rng = np.random.default_rng(5)
    numbers = [rng.normal(size=CHUNK)]
    numbers += [rng.normal(place, 1e-5, size=CHUNK) for place in (2.5, -2.2, 3.1)]
    names = [np.repeat(np.array([f"{chunk} {i}" for i in range(CHUNK // 4)], dtype=object), 4) for chunk in range(4)]
    for chunk, each in enumerate(names):
        each[: CHUNK // 2] = [f"often {i % (20 * (chunk + 1))}" for i in range(CHUNK // 2)]
    names[0][-80:] = [f"often {i}" for i in range(80)]  # most of them are forgotten before they come again
    return pa.table({"x": np.concatenate(numbers), "c": np.concatenate(names)})


def thinned(data, kept, seed=0):
    """Some of the rows, fewer of the first half of the data."""
    rng = np.random.default_rng(seed)
    share = np.where(np.arange(data.num_rows) < data.num_rows // 2, kept, 1.0)
    return data.filter(pa.array(rng.random(data.num_rows) < share))


@pytest.fixture(scope="module")
def crowds():
    data = late_crowds()
    return data, drift.profile(data)


def test_counts_that_are_not_exact_lie_within_their_bounds(crowds):
    data, stored = crowds
    exact = drift.profile(data, like=stored)
    for name in ("x", "c"):
        counts, known = (cell_counts(profile.columns[name], exact.columns[name])[0] for profile in (stored, exact))
        least, most = cell_bounds(stored.columns[name])
        assert counts != known, "nothing was open"
        assert all(low <= count <= high for low, count, high in zip(least, known, most, strict=True))
        assert all(low <= count <= high for low, count, high in zip(least, counts, most, strict=True))
        assert cell_bounds(exact.columns[name]) is None


@pytest.mark.parametrize("kept", [0.5, 0.9])
@pytest.mark.parametrize(("name", "statistics"), [("x", set(NUMBERS) - set(RANKS)), ("c", CATEGORIES)])
def test_statistics_of_cells_lie_within_the_bounds_of_profiles(crowds, kept, name, statistics):
    data, stored = crowds
    current = drift.profile(thinned(data, kept), like=stored).columns[name]
    exact = drift.profile(data, like=stored).columns[name]
    told, now, _ = cell_counts(stored.columns[name], current)
    bounds, frozen = cell_bounds(stored.columns[name]), name == "x"
    groups = pooling(told, now, frozen=frozen)
    truth = groups.of(cell_counts(exact, current)[0])
    for statistic in statistics:
        known = Against(*_core.cells_against(statistic, truth, groups.of(now), 0.08))
        found, _, between = cells_between(statistic, told, now, bounds, 0.08, frozen=frozen)
        assert known.statistic in between, (statistic, known, between)
        assert found.lower <= known.lower <= known.upper <= found.upper, (statistic, known, found)
        assert between.low < between.high or known.statistic == 0, statistic


def test_what_a_profile_leaves_open_of_cells_is_counted_again_or_said(crowds):
    data, stored = crowds
    after = thinned(data, 0.5)
    for name in ("x", "c"):

        def judged(reference, tolerance, name=name):
            own = drift.Tolerances(columns={name: tolerance}, false_discovery_rate=1.0)
            return drift.compare(reference, after, tolerances=own, columns=[name]).columns[0]

        tolerance = 0.05
        for _ in range(4):
            tolerance = judged(data, tolerance).decision.lower * (1 - 1e-7)
        by_rows = judged(data, tolerance)
        assert by_rows.decision.verdict is Verdict.FAIL
        # Counted again where there are rows: tables, and files, column by column.
        exact = drift.profile(data, like=stored)
        assert judged(exact, tolerance).decision == judged(Files(data), tolerance).decision == by_rows.decision
        for reference in (stored, Stream(data, 9_999)):
            open_ = judged(reference, tolerance).decision
            assert open_.verdict is Verdict.INSUFFICIENT
            assert "cannot be told from the tolerance" in open_.message
            assert open_.message.partition("; ")[2].startswith("give the data of the reference")
            assert open_.lower <= by_rows.decision.lower <= by_rows.decision.upper <= open_.upper
        assert judged(stored, tolerance / 2).decision.verdict is Verdict.FAIL


def test_an_unseen_share_takes_in_what_was_forgotten(crowds):
    """Rows of a category that was forgotten once are among the rest of the reference, and not of current data."""
    data, stored = crowds
    exact = drift.profile(data, like=stored).columns["c"]["rest"]
    hits, least = stored.columns["c"]["rest"], cell_bounds(stored.columns["c"])[0][-1]
    assert least <= exact < hits
    n = data.num_rows

    def judged(reference, few, tolerance):
        return judge_share("c", "unseen", (reference, exact), (n, n), tolerance, least=few)

    sure, known, told = (judged(*each, 0.01) for each in ((hits, least), (exact, None), (hits, None)))
    assert sure.lower <= known.lower <= known.upper <= sure.upper
    assert told.upper < known.upper
    tolerance = (known.upper + sure.upper) / 2
    assert judged(exact, None, tolerance).verdict is Verdict.PASS
    open_ = judged(hits, least, tolerance)
    assert open_.verdict is Verdict.INSUFFICIENT
    assert f"between {least:,} and {hits:,} rows of the reference open" in open_.message
    shown = drift.compare(stored, thinned(data, 1.0), columns=["c"]).columns[0].checks[-1]
    assert (shown.id, shown.upper) == ("drift.c.unseen", sure.upper)


def test_a_stream_may_lack_columns_and_have_others():
    reference = pa.table({"a": [1.0, 2.0], "gone": [1.0, 2.0], "lists": [[1], [2]]})
    current = Stream(pa.table({"a": [1.0], "new": [1.0], "lists": [[1]]}), 10)
    found = {column.name: column for column in drift.compare(reference, current).columns}
    assert found["gone"].verdict is Verdict.FAIL
    assert found["lists"].verdict is Verdict.NOT_RUN
    assert found["new"].checks[0].verdict is Verdict.WARN
    with pytest.raises(ArgumentError, match="no column in common"):
        drift.compare(reference, Stream(pa.table({"other": [1.0]}), 10))


def test_a_profile_of_other_cells_is_refused():
    before = drift.profile(table(1_000))
    with pytest.raises(ArgumentError, match="not on the cells of the reference"):
        drift.compare(before, drift.profile(table(1_000, seed=1)))
    with pytest.raises(ArgumentError, match="same edges"):
        before.merge(drift.profile(table(1_000, seed=1)))
    with pytest.raises(ArgumentError, match='more than one column "x"'):
        drift.profile(pa.table([[1.0], [2.0]], names=["x", "x"]))
    with pytest.raises(ArgumentError, match="share: must lie"):
        before.quantile("x", 1.5)
    with pytest.raises(ArgumentError, match='did you mean "skewed"'):
        before.quantile("skewd", 0.5)
    for options, match in (({"cells": 1}, "cells: must lie"), ({"categories": 0}, "categories: must be")):
        with pytest.raises(ArgumentError, match=match):
            drift.profile(table(10), **options)


def test_some_columns_alone():
    found = drift.profile(table(100), columns=["c", "nowhere", "x"])
    assert list(found.columns) == ["c", "x"]
    assert found.skipped == {"nowhere": "the column is missing"}
    assert (found.column_names, found.num_rows) == (["c", "x"], 100)
    assert drift.profile(found, columns=["x"]).column_names == ["x"]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=5), st.integers(0, 99))
def test_days_and_shards_merge_to_the_whole_in_any_order(sizes, seed):
    reference = drift.profile(table(400, seed=100))
    parts = [table(size, seed=seed + index) for index, size in enumerate(sizes)]
    whole = drift.profile(pa.concat_tables(parts, promote_options="default").unify_dictionaries(), like=reference)
    merged = None
    for part in np.random.default_rng(seed).permutation(len(parts)):
        day = drift.profile(parts[part], like=reference)
        merged = day if merged is None else merged.merge(day)
    assert merged.num_rows == whole.num_rows
    for name, column in whole.columns.items():
        other = dict(merged.columns[name])
        for key in ("mean", "squares"):
            if key in column:
                assert other.pop(key) == pytest.approx(column[key], rel=1e-12, abs=1e-12)
        assert other == {key: value for key, value in column.items() if key not in ("mean", "squares")}


VALUES = st.one_of(
    st.floats(-1e6, 1e6), st.integers(0, 9).map(float), st.floats(0, 30).map(np.exp), st.floats(0.5, 0.500001)
)
SAMPLE = st.lists(VALUES, min_size=1, max_size=300)


@given(SAMPLE, SAMPLE, st.sampled_from([0.0, 0.1, 0.5, 0.99, 1.0]))
def test_bounds_hold_the_exact_number(a, b, share):
    before = drift.profile({"x": np.array(a)})
    after = drift.profile({"x": np.array(b)}, like=before)
    columns = before.columns["x"], after.columns["x"]
    assert drift.ks(a, b).statistic in drift.ks_bounds(*columns)
    assert drift.wasserstein(a, b).statistic in drift.wasserstein_bounds(*columns)
    assert drift.mann_whitney(a, b).auc in drift.auc_bounds(*columns)
    rank = max(int(np.ceil(share * len(b))), 1) - 1
    assert np.sort(b)[rank] in after.quantile("x", share)


@given(SAMPLE, SAMPLE)
def test_what_lies_outside_of_the_range_is_counted(a, b):
    before = drift.profile({"x": np.array(a)})
    after = drift.profile({"x": np.array(b)}, like=before).columns["x"]
    assert out_of_range(before.columns["x"]) == 0
    assert out_of_range(after) == sum(not min(a) <= value <= max(a) for value in b)


def test_the_stated_accuracy_at_a_million_rows():
    rng = np.random.default_rng(2)
    a, b = rng.lognormal(sigma=3, size=1_000_000), rng.lognormal(0.1, sigma=3, size=300_000)
    before = drift.profile({"x": a})
    column = before.columns["x"]
    assert 0 < column["quantiles"]["rank_error"] < 0.004
    assert (column["minimum"], column["maximum"]) == (a.min(), a.max())
    assert column["mean"] == pytest.approx(a.mean(), rel=1e-12)
    assert column["squares"] == pytest.approx(((a - a.mean()) ** 2).sum(), rel=1e-11)
    assert column["distinct"] == pytest.approx(1e6, rel=4 * 0.0163)
    assert column["counts"] == np.diff([0, *np.searchsorted(np.sort(a), column["edges"], "right"), len(a)]).tolist()
    assert max(column["counts"]) < 110_000
    found = drift.ks_bounds(column, drift.profile({"x": b}, like=before).columns["x"])
    assert drift.ks(a, b, method="asymptotic").statistic in found
    assert found.high - found.low < 0.005


def test_a_million_names_stay_within_bounds():
    batches = [
        pa.record_batch(
            {"c": pa.array([f"name {row}" if row % 4 else "often" for row in range(start, start + 50_000)])}
        )
        for start in range(0, 1_000_000, 50_000)
    ]
    found = drift.profile(pa.Table.from_batches(batches))
    column = found.columns["c"]
    assert column["counts"]["often"] == 250_000
    assert sum(column["counts"].values()) + column["rest"] == 1_000_000
    assert len(column["counts"]) <= 1_000
    assert column["short"] <= 1_000_000 / 8_193
    assert column["distinct"] == pytest.approx(750_001, rel=4 * 0.0163)
    assert len(found.to_json()) < 100_000


def test_nothing_of_the_stream_is_kept():
    held = []

    def batches():
        for start in range(100):
            held.append(pa.total_allocated_bytes())
            yield pa.record_batch({"x": pa.array(np.arange(65_536.0) + start).cast(pa.float32())})

    before = pa.total_allocated_bytes()
    reader = pa.RecordBatchReader.from_batches(pa.schema({"x": pa.float32()}), batches())
    assert drift.profile(reader).num_rows == 100 * 65_536
    assert len(held) == 100
    assert max(held) - before < 20 * 65_536 * 4


def test_uncertain_borders_come_back_from_a_file():
    rng = np.random.default_rng(0)
    later = 1e-4 * rng.normal(size=1_000_000)  # all in what was one cell
    found = drift.profile({"x": np.concatenate([rng.normal(size=65_536), later])})
    assert found.columns["x"]["quantiles"]["slack"]
    again = drift.Profile.from_json(found.to_json())
    assert again == found
    assert drift.compare(again, {"x": later}).to_dict() == drift.compare(found, {"x": later}).to_dict()


def test_a_file_proves_itself():
    found = drift.profile(table(3_000))
    text = found.to_json()
    assert drift.Profile.from_json(text) == found
    assert drift.Profile.from_json(text.encode()).to_json() == text
    stored = json.loads(text)
    for break_, match in (
        ({"sha256": "0" * 64}, "its sha256 is not"),
        ({"rows": 3_001}, "its sha256 is not"),
        ({"format": 1}, "format 3, found kind 'profile' of format 1"),
        ({"kind": "drift"}, "expected kind"),
        ({"columns": {"x": {"kind": "number"}}}, "damaged: ArgumentError: profile: the key"),
        ({"columns": []}, "damaged"),
    ):
        with pytest.raises(DataError, match=match):
            drift.Profile.from_json(json.dumps(stored | break_))
    for text in ("", "[]", "no json", b"\xff"):
        with pytest.raises(DataError, match="profile: "):
            drift.Profile.from_json(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("counts", [1]),
        ("edges", [3.0, 1.0]),
        ("edges", [float(1 << 60)]),
        ("registers", [99] * 4_096),
        ("registers", [1]),
        ("minimum", "low"),
        ("rows", -1),
        ("quantiles", {"edges": [1.0], "counts": [1, 2], "slack": [[0, 7, 0]]}),  # more than there are
        ("quantiles", {"edges": [1.0], "counts": [1, 2], "slack": [[9, 0, 0]]}),
        ("quantiles", {"edges": [1.0], "counts": [2**64 - 1, 2], "slack": []}),
        ("quantiles", {"edges": [], "counts": [], "slack": []}),
    ],
)
def test_a_damaged_profile_is_refused(key, value):
    stored = drift.profile(table(3_000)).to_dict()
    stored["columns"]["x"][key] = value
    with pytest.raises(DataError, match="profile: it is damaged"):
        drift.Profile.from_dict(stored)


@given(SAMPLE, SAMPLE)
def test_a_profiled_column_stands_for_its_values(a, b):
    before = drift.profile({"x": np.array(a)}).columns["x"]
    after = drift.profile({"x": np.array(b)}, like=drift.profile({"x": np.array(a)})).columns["x"]
    values = drift.cell_statistics(a, b)
    assert values == drift.cell_statistics(before, np.array(b)) == drift.cell_statistics(before, after)
    assert values.psi == drift.psi(before, after)
    assert values.hellinger == drift.hellinger(a, b)


def test_columns_on_other_cells_have_no_common_statistic():
    numbers, others = (drift.profile({"x": values}).columns["x"] for values in ([1.0, 2.0, 3.0], [4.0, 5.0]))
    names = drift.profile({"x": ["a"]}).columns["x"]
    for other in (others, names):
        with pytest.raises(ArgumentError, match="not those of the reference"):
            drift.psi(numbers, other)
