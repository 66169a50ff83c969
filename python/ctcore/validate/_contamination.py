"""Contamination: a batch that is broken, and time stamps that cannot be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore.validate._facts import FEW, SPANS, Bad, Facts
from ctcore.validate._rows import DAY, Rows
from ctcore.verdict import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

_BY_CHANCE = 1e-6
_CLUSTERED = 5  # labels of one day resemble each other: so many count as one
_HOURS = 0.25  # the share of rows that may move to other hours of the day
_OUTAGE, _LOW = 0.2, 0.5  # of the rows of the same weekday
_LOOKED_BACK = 3_653  # days in which a weekday's usual rows are looked for: ten years
_MISSING = 0.2  # the rise of a feature's share of missing values
_TURNED = -0.25  # how much of the old relation may be left, where 1 is all and -1 the opposite
_TELLING = 1 / 3  # of a standard error: more, and the opposite of a relation cannot be told from none
_UNIT = math.log(1.2)
_ALIKE = 0.02  # how far half of the deciles' ratios, as logarithms, may lie from the middle one


def checks(facts: Facts) -> Iterator[Check]:
    """Judge the newest span by those before it, and the time stamps."""
    rows = facts.rows
    if rows.time is None:
        return
    yield from _time_stamps(facts)
    if rows.spans <= SPANS:
        message = f"{rows.spans} spans of rows; the newest is judged by at least {SPANS} before it"
        yield Check(id="leakage.newest", verdict=Verdict.INSUFFICIENT, message=message, n=rows.count)
        return
    yield from _constant_label(rows)
    yield from _relation(facts)
    yield from _hours(rows)
    yield from _rows_by_day(rows)
    yield from _outage(facts)
    yield from _unit(facts)


# ---------------------------------------------------------------- time stamps


def _time_stamps(facts: Facts) -> Iterator[Check]:
    rows, asked, bad = facts.rows, facts.rows.asked, facts.bad
    for name in (asked.time, *asked.stamps):
        if (found := bad.get(f"future.{name}")) is not None:
            words = f"have a {name} at or after {rows.now:%Y-%m-%d %H:%M}, the present"
            yield none(f"leakage.future.{name}", found, words)
    for name in asked.feature_times:
        words = f"have a {name} after their {asked.time}: the feature was not known yet"
        yield none(f"leakage.point_in_time.{name}", bad[f"point_in_time.{name}"], words)
    if asked.label_window is None:
        return
    if "maturity" not in bad:
        message = "leakage.maturity was not judged: name the column label_time, or say what the present is (now)"
        yield Check(id="leakage.maturity", verdict=Verdict.NOT_RUN, message=message)
        return
    words = f"are younger than {asked.label_window}: the label is not final"
    if asked.label_time is not None:
        late = f"one less than {asked.label_window} after their {asked.time}"
        words = f"have no {asked.label_time}, or {late}: the label is not final"
    yield none("leakage.maturity", bad["maturity"], words)


def none(id_: str, bad: Bad, words: str) -> Check:
    """Judge rows of which none may be bad."""
    message = f"none of {bad.rows:,} rows {words.partition(':')[0]}"
    if bad.count:
        message = f"{bad.count:,} of {bad.rows:,} rows {words} (the first is row {bad.first:,})"
    verdict = Verdict.FAIL if bad.count else Verdict.PASS
    return Check(id=id_, verdict=verdict, message=message, value=bad.count, threshold=0, n=bad.rows)


# ---------------------------------------------------------------- the newest span against those before it


def _constant_label(rows: Rows) -> Iterator[Check]:
    """Find days of the newest span on which all labels are equal and by chance would not be."""
    day = rows.day
    constant = []
    for each in np.unique(day[rows.newest]):
        here = rows.label[day == each]
        if len(here) < FEW or (here != here[0]).any():
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


def _relation(facts: Facts) -> Iterator[Check]:
    """Judge how much of the old relation between features and label holds in the newest span.

    With ``b`` a feature's area under the curve in all spans, less a half, and ``t`` that of the newest span in the
    order that the other spans teach: ``sum(b t) / sum(b b)``, 1 where nothing changed, -1 where the labels are turned
    round.
    """
    id_ = "leakage.relation"
    rows = facts.rows
    effects, left, errors = [], [], []
    for found in facts.powers.values():
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
    if len(newest) < FEW:
        message = f"the newest span has {len(newest):,} rows; {FEW} are needed to compare their hours"
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
    last = rows.calendar.last_day
    first = max(int(rows.day.min()), last - _LOOKED_BACK)  # a stray row of another age makes no days of its own
    counts = np.bincount(rows.day[rows.day >= first] - first, minlength=last - first + 1)
    begins = rows.newest_day - first
    worst: tuple[float, int, int, float] | None = None
    judged = 0
    for each in range(max(begins, 21), len(counts)):
        usual = float(np.median(counts[each - 7 :: -7]))
        if usual < FEW:
            continue
        judged += 1
        share = float(counts[each]) / usual
        if worst is None or share < worst[0]:
            worst = (share, each + first, int(counts[each]), usual)
    if worst is None:
        message = f"no day since {rows.newest_begins} has three earlier days of its weekday with {FEW} rows"
        yield Check(id="leakage.rows", verdict=Verdict.INSUFFICIENT, message=message, required=False)
        return
    share, which, count, usual = worst
    verdict = Verdict.FAIL if share < _OUTAGE else Verdict.WARN if share < _LOW else Verdict.PASS
    message = f"{np.datetime64(which, 'D')} has {count:,} rows, {usual:,.0f} are usual on its weekday"
    if verdict is not Verdict.PASS:
        message += ": rows are lost"
    yield Check(id="leakage.rows", verdict=verdict, message=message, value=share, threshold=_OUTAGE, n=judged)


def _outage(facts: Facts) -> Iterator[Check]:
    """Find features that ceased to be recorded."""
    rows = facts.rows
    gone = []
    for name, power in facts.powers.items():
        spans = power["spans"]
        now, before = spans[-1], [span["missing"] / span["rows"] for span in spans[:-1] if span["rows"] >= FEW]
        if now["rows"] < FEW or not before:
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
            n=int(np.count_nonzero(rows.newest)),
        )
    if not gone:
        message = f"no feature ceased to be recorded since {rows.newest_begins}"
        yield Check(id="leakage.outage", verdict=Verdict.PASS, message=message, n=rows.count)


def _unit(facts: Facts) -> Iterator[Check]:
    """Find numbers that grew or shrank all by one factor, as those of another unit do.

    Most deciles must have moved by one factor, and the median much further than it moves from span to span.
    """
    rows = facts.rows
    found = []
    for name, (old, new, medians) in facts.scales.items():
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
