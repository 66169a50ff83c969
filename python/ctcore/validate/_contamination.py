"""Contamination: a batch that is broken, and rows that are where they must not be."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.errors import ColumnTypeError
from ctcore.validate._rows import DAY, Rows, codes, instants, microseconds, numbers, wall_clock
from ctcore.verdict import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

_BY_CHANCE = 1e-6
_CLUSTERED = 5  # labels of one day resemble each other: so many count as one
_SPANS = 3
_FEW = 50  # rows of a day or span that are too few to be unlike others
_HOURS = 0.25  # the share of rows that may move to other hours of the day
_OUTAGE, _LOW = 0.2, 0.5  # of the rows of the same weekday
_MISSING = 0.2  # the rise of a feature's share of missing values
_TURNED = -0.25  # how much of the old relation may be left, where 1 is all and -1 the opposite
_TELLING = 1 / 3  # of a standard error: more, and the opposite of a relation cannot be told from none
_UNIT = math.log(1.2)
_ALIKE = 0.02  # how far half of the deciles' ratios, as logarithms, may lie from the middle one
_DECILES = np.arange(1, 10) / 10
_REPEATED = 0.05


def checks(rows: Rows, *, label_time: str | None, feature_times: Collection[str]) -> Iterator[Check]:
    """Judge the newest span by those before it, and the time stamps."""
    if rows.time is None:
        return
    yield from _time_stamps(rows, label_time=label_time, feature_times=feature_times)
    if rows.spans <= _SPANS:
        message = f"{rows.spans} spans of rows; the newest is judged by at least {_SPANS} before it"
        yield Check(id="leakage.newest", verdict=Verdict.INSUFFICIENT, message=message, n=rows.count)
        return
    yield from _constant_label(rows)
    yield from _relation(rows)
    yield from _hours(rows)
    yield from _rows_by_day(rows)
    yield from _outage(rows)
    yield from _unit(rows)


# ---------------------------------------------------------------- time stamps


def _time_stamps(rows: Rows, *, label_time: str | None, feature_times: Collection[str]) -> Iterator[Check]:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    assert rows.time is not None and rows.time_name is not None  # noqa: S101, PT018 - the caller looked
    zoned = rows.table.schema.field(rows.time_name).type.tz is not None
    now = None if rows.now is None else microseconds(rows.now, zoned=zoned)
    if now is not None:
        stamps = {name: instants(rows.table, name) for name in (label_time, *feature_times) if name is not None}
        for name, times in {rows.time_name: rows.time, **stamps}.items():
            words = f"have a {name} at or after {rows.now:%Y-%m-%d %H:%M}, the present"
            yield _none(f"leakage.future.{name}", times >= now, words)
    for name in feature_times:
        words = f"have a {name} after their {rows.time_name}: the feature was not known yet"
        yield _none(f"leakage.point_in_time.{name}", instants(rows.table, name) > rows.time, words)
    if rows.label_window is None:
        return
    if label_time is not None:
        never = instants(rows.table, label_time) == np.iinfo(np.int64).min
        read = rows.table[label_time]
        waited = wall_clock(read.fill_null(pa.scalar(0, read.type)), rows.zone) - rows.local
        words = f"have no {label_time}, or one less than {rows.label_window} after their {rows.time_name}"
        young = never | (waited < int(rows.label_window / timedelta(microseconds=1)))
        yield _none("leakage.maturity", young, f"{words}: the label is not final")
    elif rows.mature is not None:
        words = f"are younger than {rows.label_window}: the label is not final"
        yield _none("leakage.maturity", rows.time > microseconds(rows.mature, zoned=zoned), words)
    else:
        message = "leakage.maturity was not judged: name the column label_time, or say what the present is (now)"
        yield Check(id="leakage.maturity", verdict=Verdict.NOT_RUN, message=message)


def _none(id_: str, bad: NDArray[np.bool_], words: str) -> Check:
    count = int(np.count_nonzero(bad))
    message = f"{count:,} of {len(bad):,} rows {words}"
    if count:
        message += f" (the first is row {int(np.argmax(bad)):,})"
    else:
        message = f"none of {len(bad):,} rows {words.partition(':')[0]}"
    verdict = Verdict.FAIL if count else Verdict.PASS
    return Check(id=id_, verdict=verdict, message=message, value=count, threshold=0, n=len(bad))


# ---------------------------------------------------------------- the newest span against those before it


def _constant_label(rows: Rows) -> Iterator[Check]:
    """Find days of the newest span on which all labels are equal and by chance would not be."""
    day = rows.local // DAY
    constant = []
    for each in np.unique(day[rows.newest]):
        here = rows.label[day == each]
        if len(here) < _FEW or (here != here[0]).any():
            continue
        usual = float(np.mean(rows.label[day != each] == here[0]))
        if usual ** (len(here) / _CLUSTERED) < _BY_CHANCE:
            constant.append((each, here[0], len(here), usual))
    message = f"the labels differ on every day since {rows.newest_begins}"
    if constant:
        each, value, count, usual = constant[0]
        message = (
            f"all {count:,} labels of {np.datetime64(int(each), 'D')} are {value:g}, which {usual:.1%} of the others "
            f"are; {len(constant)} such days. Were the outcomes recorded?"
        )
    yield _found("leakage.label", constant, message, n=rows.count)


def _relation(rows: Rows) -> Iterator[Check]:
    """Judge how much of the old relation between features and label holds in the newest span.

    With ``b`` a feature's area under the curve in all spans, less a half, and ``t`` that of the newest span in the
    order that the other spans teach: ``sum(b t) / sum(b b)``, 1 where nothing changed, -1 where the labels are turned
    round.
    """
    id_ = "leakage.relation"
    effects, left, errors = [], [], []
    for name in rows.features:
        found = rows.power(name)
        newest = found["spans"][-1]
        values = (found["whole"]["auc"], found["transferred"][-1], newest["null_error"])
        if all(map(math.isfinite, values)):
            effects.append(values[0] - 0.5)
            left.append(values[1] - 0.5)
            errors.append(newest["null_error"] / math.sqrt(2))  # nothing of these rows was spent on learning
    strength = float(np.dot(effects, effects)) if effects else 0.0
    error = float(np.dot(np.abs(effects), errors)) / strength if strength else math.inf
    if error > _TELLING:
        message = "the features tell too little of the label to say whether the newest labels follow them as before"
        yield Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=rows.count, required=False)
        return
    kept = float(np.dot(effects, left)) / strength
    turned = kept < _TURNED and kept + 3 * error < 0
    message = f"{kept:.2f} of the relation between features and label is left since {rows.newest_begins}"
    if turned:
        message += ": it is turned round. Are the labels inverted?"
    yield Check(
        id=id_,
        verdict=Verdict.FAIL if turned else Verdict.PASS,
        message=message,
        value=kept,
        lower=kept - 2 * error,
        upper=kept + 2 * error,
        threshold=_TURNED,
        n=rows.count,
    )


def _hours(rows: Rows) -> Iterator[Check]:
    """Compare the hours of the day in which rows happen: the total variation distance."""
    hour = rows.local % DAY // (DAY // 24)
    newest, before = hour[rows.newest], hour[~rows.newest]
    if len(newest) < _FEW:
        message = f"the newest span has {len(newest):,} rows; {_FEW} are needed to compare their hours"
        yield Check(id="leakage.hours", verdict=Verdict.INSUFFICIENT, message=message, n=len(newest))
        return
    shares = [np.bincount(each, minlength=24) / len(each) for each in (before, newest)]
    moved = float(np.abs(shares[0] - shares[1]).sum() / 2)
    # What 24 cells of so few rows differ by anyway.
    allowed = _HOURS + 2 * math.sqrt(24 / len(newest)) / 2
    message = f"{moved:.0%} of the rows since {rows.newest_begins} are at other hours of the day than before"
    if moved > allowed:
        # The shift of the clock that explains most of it.
        shift = min(range(24), key=lambda by: float(np.abs(np.roll(shares[0], by) - shares[1]).sum()))
        message += f"; as if the clock were {shift if shift <= 12 else shift - 24:+d} hours off"
    yield Check(
        id="leakage.hours",
        verdict=Verdict.FAIL if moved > allowed else Verdict.PASS,
        message=message,
        value=moved,
        threshold=allowed,
        n=len(newest),
    )


def _rows_by_day(rows: Rows) -> Iterator[Check]:
    """Compare each whole day of the newest span with the same weekday before."""
    day = rows.local // DAY
    first = int(day.min())
    counts = np.bincount(day - first, minlength=rows.last_day - first + 1)
    begins = rows.newest_day - first
    worst: tuple[float, int, int, float] | None = None
    judged = 0
    for each in range(max(begins, 21), len(counts)):
        usual = float(np.median(counts[each - 7 :: -7]))
        if usual < _FEW:
            continue
        judged += 1
        share = float(counts[each]) / usual
        if worst is None or share < worst[0]:
            worst = (share, each + first, int(counts[each]), usual)
    if worst is None:
        message = f"no day since {rows.newest_begins} has three earlier days of its weekday with {_FEW} rows"
        yield Check(id="leakage.rows", verdict=Verdict.INSUFFICIENT, message=message, required=False)
        return
    share, which, count, usual = worst
    verdict = Verdict.FAIL if share < _OUTAGE else Verdict.WARN if share < _LOW else Verdict.PASS
    message = f"{np.datetime64(which, 'D')} has {count:,} rows, {usual:,.0f} are usual on its weekday"
    if verdict is not Verdict.PASS:
        message += ": rows are lost"
    yield Check(id="leakage.rows", verdict=verdict, message=message, value=share, threshold=_OUTAGE, n=judged)


def _outage(rows: Rows) -> Iterator[Check]:
    """Find features that ceased to be recorded."""
    newest = rows.newest
    gone = []
    for name in rows.features:
        spans = rows.power(name)["spans"]
        now, before = spans[-1], [span["missing"] / span["rows"] for span in spans[:-1] if span["rows"] >= _FEW]
        if now["rows"] < _FEW or not before:
            continue
        share = now["missing"] / now["rows"]
        if share - max(before) > _MISSING:
            gone.append((name, share, max(before)))
    for name, share, most in gone:
        yield Check(
            id=f"leakage.outage.{name}",
            verdict=Verdict.FAIL,
            message=f"{name} is missing in {share:.0%} of the rows since {rows.newest_begins}, in at most {most:.0%} "
            f"of those of any span before",
            value=share,
            threshold=most + _MISSING,
            n=int(np.count_nonzero(newest)),
        )
    if not gone:
        message = f"no feature ceased to be recorded since {rows.newest_begins}"
        yield Check(id="leakage.outage", verdict=Verdict.PASS, message=message, n=rows.count)


def _unit(rows: Rows) -> Iterator[Check]:
    """Find numbers that grew or shrank all by one factor, as those of another unit do.

    Most deciles must have moved by one factor, and the median much further than it moves from span to span.
    """
    found = []
    for name in rows.features:
        if name in rows.categorical:
            continue
        try:
            values = numbers(rows.table, name)
        except ColumnTypeError:
            continue
        spans = [values[np.isfinite(values) & (rows.span == span)] for span in range(rows.spans)]
        spans = [each for each in spans if len(each) >= _FEW] if len(spans[-1]) >= _FEW else []
        if len(spans) <= _SPANS:
            continue
        old, new = np.quantile(np.concatenate(spans[:-1]), _DECILES), np.quantile(spans[-1], _DECILES)
        medians = np.array([np.median(each) for each in spans])
        if not ((old * new > 0).all() and (medians * medians[-1] > 0).all() and np.ptp(old) > 0):
            continue
        factors = np.log(new / old)
        factor = float(np.median(factors))
        steps = np.log(np.abs(medians[:-1]))
        moved = math.log(abs(medians[-1])) - float(steps.mean())
        alike = float(np.median(np.abs(factors - factor))) < _ALIKE
        if alike and min(abs(moved), abs(factor)) > max(_UNIT, 5 * float(steps.std(ddof=1))):
            found.append((name, math.exp(factor)))
    for name, factor in found:
        yield Check(
            id=f"leakage.unit.{name}",
            verdict=Verdict.FAIL,
            message=f"{name} is {factor:.3g} times what it was, all alike, since {rows.newest_begins}: another unit?",
            value=factor,
        )
    if not found:
        message = f"no feature changed by one factor since {rows.newest_begins}"
        yield Check(id="leakage.unit", verdict=Verdict.PASS, message=message, n=rows.count)


def _found(id_: str, found: list[Any], message: str, *, n: int) -> Check:
    verdict = Verdict.FAIL if found else Verdict.PASS
    return Check(id=id_, verdict=verdict, message=message, value=len(found), threshold=0, n=n)


# ---------------------------------------------------------------- rows that occur more than once


def duplicates(rows: Rows, *, keys: Collection[str], max_overlap: float) -> Iterator[Check]:
    """Judge rows that occur again, in the data or in the holdout."""
    whole = _hashes(rows, [name for name in (*rows.features, rows.label_name, rows.time_name, rows.query_name) if name])
    data = ~rows.held_out
    again = _core.repeated_rows(whole)[data]
    yield _share("leakage.duplicates", again, "repeat an earlier row in every column", warn=_REPEATED)
    features = _hashes(rows, rows.features)
    against = _core.conflicting_rows(features, rows.label) & data
    conflicts = "have the features of another row and not its label; no model can tell them apart"
    yield _share("leakage.conflicts", against[data], conflicts, warn=_REPEATED, required=False)
    if not rows.held_out.any():
        return
    near = _hashes(rows, rows.features, near=True)
    yield _overlap("leakage.overlap", features, rows.held_out, rows.time, max_overlap)
    yield _overlap("leakage.near_duplicates", near, rows.held_out, rows.time, max_overlap)
    if rows.time is not None:
        late = rows.time[rows.held_out] <= rows.time[data].max(initial=np.iinfo(np.int64).min)
        words = "of the holdout are not after every row of the data: the model learns from their future"
        yield _none("leakage.time_order", late, words)
    for key in keys:
        values = codes(rows.table, key)
        shared = np.isin(values[rows.held_out], values[data]) & (values[rows.held_out] >= 0)
        yield _none(f"leakage.keys.{key}", shared, f"of the holdout have a {key} of the data")


def _hashes(rows: Rows, names: Collection[str], *, near: bool = False) -> bytes:
    return _core.row_hashes([(name, rows.table[name]) for name in names], near=near)


def _share(id_: str, bad: NDArray[np.bool_], words: str, *, warn: float, required: bool = True) -> Check:
    share = float(np.mean(bad)) if len(bad) else 0.0
    verdict = Verdict.WARN if share > warn else Verdict.PASS
    message = f"{np.count_nonzero(bad):,} of {len(bad):,} rows ({share:.2%}) {words}"
    return Check(id=id_, verdict=verdict, message=message, value=share, threshold=warn, n=len(bad), required=required)


def row_hashes(table: Any, columns: Collection[str], *, time: str | None = None) -> bytes:
    """Hash rows by what some columns hold: 16 bytes a row, in the order of a time column where one is given.

    SipHash 1-3 of 128 bits over the values: numbers that are equal have one hash whatever their type, every NaN is one
    value, null another; times count to the microsecond.

    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> one = validate.row_hashes(pa.table({"x": [1, 2]}), ["x"])
    >>> one[16:] == validate.row_hashes(pa.table({"x": [2.0]}), ["x"])
    True
    """
    if time is not None:
        table = table.take(np.argsort(instants(table, time), kind="stable"))
    return _core.row_hashes([(name, table[name]) for name in columns], near=False)


def overlap(data: bytes, holdout: bytes, *, max_overlap: float = 0.01) -> Check:
    """Judge the share of the holdout's rows that are rows of the data, both as hashed by :func:`row_hashes`.

    Rows of few different values repeat by themselves: what the newest rows of the data, as many as the holdout has,
    repeat of the rest of the data is taken off. Fails where what is left is above ``max_overlap``, warns above a tenth
    of it, both beyond five standard errors.

    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> data, holdout = pa.table({"x": range(100)}), pa.table({"x": range(90, 110)})
    >>> found = validate.overlap(*(validate.row_hashes(table, ["x"]) for table in (data, holdout)))
    >>> found.verdict, found.value
    (<Verdict.FAIL: 'fail'>, 0.5)
    """
    held_out = np.arange((len(data) + len(holdout)) // 16) >= len(data) // 16
    return _overlap("overlap", data + holdout, held_out, None, max_overlap)


def _overlap(
    id_: str, hashes: bytes, held_out: NDArray[np.bool_], time: NDArray[np.int64] | None, most: float
) -> Check:
    near = id_.endswith("near_duplicates")
    data, judged = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    if not (len(data) and len(judged)):
        which = "data" if len(judged) else "holdout"
        return Check(id=id_, verdict=Verdict.NOT_RUN, message=f"the {which} has no row", required=False)
    words = np.frombuffer(hashes, dtype="V16")
    among = _core.known_rows(words[judged].tobytes(), words[data].tobytes())
    share = float(np.mean(among))
    order = data if time is None else data[np.argsort(time[data], kind="stable")]
    newest = min(len(judged), len(data) // 2)
    older, newer = order[: len(order) - newest], order[len(order) - newest :]
    repeats = int(np.count_nonzero(_core.known_rows(words[newer].tobytes(), words[older].tobytes())))
    usual = repeats / max(newest, 1)
    excess, likely = share - usual, (repeats + 1) / (newest + 2)  # Laplace's: none so far is not never
    sure = excess > 5 * math.sqrt(likely * (1 - likely) * (1 / len(judged) + 1 / max(newest, 1)))
    verdict = Verdict.WARN if sure and excess > most / 10 else Verdict.PASS
    if sure and excess > most and not near:
        verdict = Verdict.FAIL
    message = (
        f"{np.count_nonzero(among):,} of {len(among):,} rows of the holdout ({share:.2%}) have the features of a row "
        f"of the data{' to three digits' if near else ''}; {usual:.2%} of its newest rows repeat older ones"
    )
    return Check(id=id_, verdict=verdict, message=message, value=excess, threshold=most, n=len(among))
