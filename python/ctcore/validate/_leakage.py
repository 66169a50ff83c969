"""Leakage: what in the rows tells more of the label than will be known when it is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError, ColumnTypeError
from ctcore.validate import _contamination, _repeats
from ctcore.validate._columns import Columns, column_types, unchanged
from ctcore.validate._facts import SPANS, Facts, timely, visits
from ctcore.validate._repeats import Hashes
from ctcore.validate._rows import Asked, Rows, read
from ctcore.verdict import Check, Report, Verdict, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime, timedelta

_ENOUGH = 0.08  # of an area under the curve: with a larger standard error chance alone reaches 0.9 now and then
_SURE = 1e-4  # the probability of a jump by chance, one-sided: for a dozen spans about five standard errors
_ROW_ORDER = 0.6
_ALONE = 0.7  # a feature this far and this much further than all others is looked at twice


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakagePolicy:
    """How much is too much. The areas under the curve are of one feature alone against the label."""

    max_auc: float = 0.98
    """Above this a feature is the label by another name: fail."""
    warn_auc: float = 0.9
    """Above this a feature deserves a look."""
    max_eta_squared: float = 0.95
    """The share of the label's variance that one feature may explain."""
    max_missing_auc: float = 0.75
    """Above this "has no value" tells the label: warn, and fail above ``max_auc``."""
    max_jump: float = 0.1
    """How much more predictive a feature may become, once this is beyond chance."""
    max_overlap: float = 0.01
    """The share of the holdout's rows that may be rows of the window, beyond what the window repeats by itself."""
    accepted: tuple[str, ...] = ()
    """Features that a person has looked at: they may be as predictive as they are, and may have become so."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name != "accepted" and not 0 < value <= 1:
                raise ArgumentError(f"leakage: {each.name} must be above 0 and at most 1, found {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePower:
    """What one feature alone says about the label."""

    name: str
    auc: float
    """The area under the curve in all rows: for any shape of relation, cross-fitted. NaN where all labels are equal."""
    standard_error: float
    spearman: float
    """Spearman's rank correlation, signed; NaN for categories."""
    eta_squared: float
    """The share of the variance of the label's ranks that lies between the feature's cells."""
    missing_auc: float
    missing: int
    spans: tuple[float, ...]
    """``auc`` span by span, the newest last; NaN where a span has too few rows."""
    spread: float
    """The standard deviation of the spans before the newest."""

    @property
    def error(self) -> float:
        """The standard error of ``auc``, and of what it would be in another window."""
        return max(self.standard_error, self.spread / math.sqrt(max(len(self.spans) - 1, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakageReport(Report):
    """What was looked for, and each finding."""

    kind: ClassVar[str] = "leakage"
    features: tuple[FeaturePower, ...] = ()
    """What each feature says about the label, the most predictive first: what the next report may compare with."""

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON values, without NaN."""
        features = [{each.name: getattr(power, each.name) for each in fields(power)} for power in self.features]
        return super(LeakageReport, self).to_dict() | {"features": plain(features)}


def leakage(
    data: Any,
    *,
    label: str,
    features: Collection[str] | None = None,
    categorical: Collection[str] = (),
    time: str | None = None,
    query: str | None = None,
    holdout: Any = None,
    previous: LeakageReport | Mapping[str, Any] | None = None,
    now: datetime | None = None,
    zone: str = "UTC",
    span: timedelta | None = None,
    label_time: str | None = None,
    label_window: timedelta | None = None,
    feature_times: Collection[str] = (),
    decision: str | None = None,
    keys: Collection[str] = (),
    policy: LeakagePolicy | None = None,
) -> LeakageReport:
    """Look for leakage and contamination in the rows that a model is to learn from.

    Each question has a check; where a feature, column or key gives the answer "no", a check of its own names it
    (``leakage.jump.dep_delay``). ``docs/leakage.md`` has the list with thresholds and sources.

    - ``predictive``, ``missing``, ``row_order``, ``decision``: something tells the label too well on its own.
    - ``jump``: a feature tells far more in the newest span than in the spans before it, or in these rows than in those
      of ``previous``; or is new, and tells far more than any feature of ``previous`` did.
    - ``label``, ``relation``, ``hours``, ``rows``, ``outage``, ``unit``: the newest span is unlike those before it as
      only a broken batch is.
    - ``future``, ``point_in_time``, ``maturity``: time stamps that cannot be.
    - ``duplicates``, ``near_duplicates``, ``conflicts``: rows that occur more than once.
    - ``overlap``, ``time_order``, ``keys``: rows, times and keys of the holdout that are in the data as well.

    The report of files is that of their table, however they are cut. Of files memory holds some 130 bytes a row, one
    feature (or small ones up to 64 MiB) and the few batches in which all columns are hashed together.

    Parameters
    ----------
    data : pyarrow.Table or ctcore.data.Source
        The rows to learn from. The label must be a number in every row.
    label : str
        Its column: two values, grades or an amount. More than 16 different values are counted in 16 classes.
    features : collection of str, optional
        The columns that the model reads; all others without it.
    categorical : collection of str
        Features whose numbers are names.
    time : str, optional
        The timestamp column. Without it what needs time is ``not_run``, and does not count.
    query : str, optional
        For rankings: label and features are then seen less their query's mean, as a ranking sees them.
    holdout : pyarrow.Table or ctcore.data.Source, optional
        The rows to be judged on. Where they are the newest they are the newest span's.
    previous : LeakageReport or its dict, optional
        What was found in the last model's rows.
    now : datetime, optional
        The instant that the rows and their time stamps must not be after. The newest span ends there, or
        ``label_window`` before it: younger rows have no label yet.
    zone : str
        The time zone in which days begin and hours are counted.
    span : timedelta, optional
        The length of the spans, in whole days; a thirteenth of the rows' time without it.
    label_time : str, optional
        When each label was read off.
    label_window : timedelta, optional
        How long a label takes until it is final, on the wall clock of ``zone``: rows whose label was read off earlier
        than that fail, and so do those without a ``label_time``. Without that column, rows younger than that at
        ``now``.
    feature_times : collection of str
        Columns that say when a feature was known.
    decision : str, optional
        What an earlier model had decided or predicted for the row.
    keys : collection of str
        Columns of which the holdout may share no value with the data, such as a patient's id.
    policy : LeakagePolicy, optional

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> from ctcore import validate
    >>> rng = np.random.default_rng(0)
    >>> label = rng.integers(0, 2, 2000)
    >>> table = pa.table({"label": label, "good": label + rng.normal(0, 3, 2000), "outcome": 10 * label})
    >>> report = validate.leakage(table, label="label")
    >>> [check.message for check in report.checks if check.verdict == "fail"]
    ['outcome alone tells the label with an AUC of 1.000 and an eta squared of 1.000; at most 0.98 and 0.95 ...']
    """
    asked, unreadable = ask(
        data,
        label=label,
        features=features,
        categorical=categorical,
        time=time,
        query=query,
        now=now,
        zone=zone,
        label_time=label_time,
        label_window=label_window,
        feature_times=feature_times,
        decision=decision,
        keys=keys,
    )
    columns = Columns.of(data, holdout, dict.fromkeys([*asked.known, *asked.judged, *asked.features]))
    rows, queries = read(columns, asked, now=now, span=span)
    hashes, sizes = Hashes.of(columns, asked, near=holdout is not None)
    unchanged(rows.count, len(hashes.whole) // 16)
    policy = policy or LeakagePolicy()
    repeated = list(_repeats.duplicates(rows, hashes, max_overlap=policy.max_overlap))
    del hashes  # as large as six columns
    facts = Facts.of(rows, timely(rows), visits(columns, rows, queries, sizes))
    return judge(facts, repeated, unreadable=unreadable, previous=previous, policy=policy)


def ask(
    data: Any,
    *,
    label: str,
    features: Collection[str] | None,
    categorical: Collection[str],
    time: str | None,
    query: str | None,
    now: datetime | None,
    zone: str,
    label_time: str | None,
    label_window: timedelta | None,
    feature_times: Collection[str],
    decision: str | None,
    keys: Collection[str],
) -> tuple[Asked, dict[str, str]]:
    """Say what is asked of which columns, and why some cannot be."""
    timed = {"now": now, "label_time": label_time, "label_window": label_window, "feature_times": feature_times or None}
    idle = [name for name, value in timed.items() if value is not None] if time is None else []
    if idle:
        raise ArgumentError(f"{idle[0]}: is judged by when each row happened; name that column: time")
    asked = Asked(
        label=label,
        features=(),
        categorical=tuple(sorted(categorical)),
        time=time,
        query=query,
        zone=zone,
        label_time=label_time,
        label_window=label_window,
        feature_times=tuple(feature_times),
        decision=decision,
        keys=tuple(keys),
    )
    types = column_types(data)
    others = {*asked.known, *asked.judged}
    wanted = [name for name in types if name not in others] if features is None else list(features)
    unreadable = {name: why for name in wanted if (why := _unreadable(name, types)) is not None}
    readable = tuple(name for name in wanted if name not in unreadable)
    if not readable:
        raise ArgumentError("features: there is none that holds numbers or categories")
    return replace(asked, features=readable), unreadable


def judge(
    facts: Facts,
    repeated: list[Check],
    *,
    unreadable: Mapping[str, str],
    previous: LeakageReport | Mapping[str, Any] | None,
    policy: LeakagePolicy,
) -> LeakageReport:
    """Judge what was counted of rows."""
    rows = facts.rows
    powers = sorted((_power(name, found) for name, found in facts.powers.items()), key=lambda it: -_known(it.auc))
    checks = [
        *(not_asked(f"leakage.readable.{name}", why) for name, why in unreadable.items()),
        *_predictive(rows, powers, policy),
        *_jump(rows, powers, policy),
        *_since(powers, previous, policy),
        *_row_order(rows),
        *_decision(facts, policy),
        *_contamination.checks(facts),
        *repeated,
        *_repeats.keys(facts),
    ]
    return LeakageReport(checks=tuple(checks), features=tuple(powers))


def _unreadable(name: str, types: Mapping[str, Any]) -> str | None:
    """Give why a feature has no values to count, if so: a list, an image, a struct."""
    import pyarrow as pa  # noqa: PLC0415 - heavy

    if name not in types:
        return None  # whoever puts the columns together says so
    empty = pa.schema([(name, types[name])]).empty_table()[name]
    try:
        _core.Labelled(np.zeros(0), np.zeros(0, np.int64)).count(name, empty)
    except ColumnTypeError as error:
        return str(error)
    return None


def _known(value: float) -> float:
    return 0.5 if math.isnan(value) else value


def _power(name: str, found: Mapping[str, Any]) -> FeaturePower:
    whole = found["whole"]
    areas = tuple(each["auc"] if each["null_error"] <= _ENOUGH else math.nan for each in found["spans"])
    before = [area for area in areas[:-1] if not math.isnan(area)]
    spread = float(np.std(before, ddof=1)) if len(before) > 1 else 0.0
    return FeaturePower(
        name=name,
        **{key: whole[key] for key in ("auc", "standard_error", "spearman", "eta_squared", "missing_auc", "missing")},
        spans=areas,
        spread=spread,
    )


def _predictive(rows: Rows, powers: list[FeaturePower], policy: LeakagePolicy) -> Iterator[Check]:
    n = rows.count
    if not rows.enough(_ENOUGH):
        message = f"{n:,} rows are too few to tell a leak from chance; some 200 of each label would do"
        for id_ in ("leakage.predictive", "leakage.missing"):
            yield Check(id=id_, verdict=Verdict.INSUFFICIENT, message=message, n=n)
        return
    judged = [power for power in powers if power.name not in policy.accepted]
    found = []
    for power in judged:
        fails = power.auc >= policy.max_auc or power.eta_squared >= policy.max_eta_squared
        if not fails and power.auc < policy.warn_auc:
            continue
        found.append(power)
        yield Check(
            id=f"leakage.predictive.{power.name}",
            verdict=Verdict.FAIL if fails else Verdict.WARN,
            message=f"{power.name} alone tells the label with an AUC of {power.auc:.3f} and an eta squared of "
            f"{power.eta_squared:.3f}; at most {policy.max_auc:g} and {policy.max_eta_squared:g} can be believed. If "
            f"it is known before the label is, name it in accepted",
            value=power.auc,
            threshold=policy.max_auc,
            n=n,
        )
    if not found and judged and judged[0].auc >= _ALONE:
        second = judged[1].auc if len(judged) > 1 else 0.5
        if judged[0].auc - second > policy.max_jump:
            found.append(judged[0])
            yield Check(
                id=f"leakage.predictive.{judged[0].name}",
                verdict=Verdict.WARN,
                message=f"{judged[0].name} alone tells the label with an AUC of {judged[0].auc:.3f}, the next feature "
                f"with {second:.3f}. If it is known before the label is, name it in accepted",
                value=judged[0].auc,
                threshold=_ALONE,
                n=n,
            )
    if not found:
        best = f"the most predictive, {judged[0].name}, with an AUC of {judged[0].auc:.3f}" if judged else "none"
        message = f"{len(judged)} features were looked at alone; {best}"
        value = judged[0].auc if judged else None
        yield Check(
            id="leakage.predictive", verdict=Verdict.PASS, message=message, value=value, threshold=policy.max_auc, n=n
        )
    yield from _missing(n, judged, policy)


def _missing(n: int, judged: list[FeaturePower], policy: LeakagePolicy) -> Iterator[Check]:
    telling = [power for power in judged if power.missing_auc >= policy.max_missing_auc]
    for power in telling:
        yield Check(
            id=f"leakage.missing.{power.name}",
            verdict=Verdict.FAIL if power.missing_auc >= policy.max_auc else Verdict.WARN,
            message=f"that {power.name} has no value ({power.missing:,} rows) tells the label with an AUC of "
            f"{power.missing_auc:.3f}; is it filled in after the label is known?",
            value=power.missing_auc,
            threshold=policy.max_missing_auc,
            n=n,
        )
    if not telling:
        yield Check(id="leakage.missing", verdict=Verdict.PASS, message="no missing value tells the label", n=n)


def _jump(rows: Rows, powers: list[FeaturePower], policy: LeakagePolicy) -> Iterator[Check]:
    if rows.time is None:
        yield not_asked("leakage.jump", "no time column was given")
        return
    judged, jumps = 0, 0
    for power in powers:
        before = [area for area in power.spans[:-1] if not math.isnan(area)]
        newest = power.spans[-1]
        if len(before) < SPANS or math.isnan(newest):
            continue
        judged += 1
        middle = float(np.mean(before))
        spread = max(power.spread, power.standard_error * math.sqrt(len(power.spans)))
        error = spread * math.sqrt(1 + 1 / len(before))
        jump = newest - middle
        chance = _core.t_sf(jump / error, len(before) - 1) if error > 0 else 0.0
        if jump <= policy.max_jump or chance >= _SURE or power.name in policy.accepted:
            continue
        jumps += 1
        yield Check(
            id=f"leakage.jump.{power.name}",
            verdict=Verdict.FAIL,
            message=f"{power.name} alone told the label with an AUC of {middle:.3f} in the {len(before)} spans before "
            f"{rows.newest_begins}, and of {newest:.3f} since; a change in the pipeline lets it see the label",
            value=jump,
            lower=jump - 2 * error,
            upper=jump + 2 * error,
            threshold=policy.max_jump,
            n=rows.count,
        )
    if not judged:
        message = f"{len(powers[0].spans) if powers else 0} spans with rows enough are needed, {SPANS + 1} at least"
        yield Check(id="leakage.jump", verdict=Verdict.INSUFFICIENT, message=message, n=rows.count)
    elif not jumps:
        message = f"none of {judged} features became far more predictive since {rows.newest_begins}"
        yield Check(id="leakage.jump", verdict=Verdict.PASS, message=message, threshold=policy.max_jump, n=rows.count)


def _since(
    powers: list[FeaturePower], previous: LeakageReport | Mapping[str, Any] | None, policy: LeakagePolicy
) -> Iterator[Check]:
    if previous is None:
        yield not_asked("leakage.since", "there is no earlier report to compare with")
        return
    before = {power.name: power for power in _powers(previous)}
    best = max(before.values(), key=lambda power: _known(power.auc), default=None)
    jumps = 0
    for power in powers:
        earlier = before.get(power.name, best)
        if earlier is None or power.name in policy.accepted:
            continue
        jump, error = power.auc - earlier.auc, math.hypot(power.error, earlier.error)
        if not (jump > policy.max_jump and jump > 5 * error):
            continue
        jumps += 1
        was = f"had {earlier.auc:.3f} in the last model's rows"
        if power.name not in before:
            was = f"is new: the best of the last model's features, {earlier.name}, had {earlier.auc:.3f}"
        yield Check(
            id=f"leakage.since.{power.name}",
            verdict=Verdict.FAIL,
            message=f"{power.name} alone tells the label with an AUC of {power.auc:.3f} and {was}. If it is known "
            f"before the label is, name it in accepted",
            value=jump,
            lower=jump - 2 * error,
            upper=jump + 2 * error,
            threshold=policy.max_jump,
        )
    if not jumps:
        message = f"no feature is far more predictive than in the last model's rows, {len(before)} features"
        yield Check(id="leakage.since", verdict=Verdict.PASS, message=message, threshold=policy.max_jump)


def _powers(previous: LeakageReport | Mapping[str, Any]) -> list[FeaturePower]:
    if isinstance(previous, LeakageReport):
        return list(previous.features)
    if previous.get("kind") != "leakage" or "features" not in previous:
        raise ArgumentError(f'previous: expected a report of kind "leakage", found kind {previous.get("kind")!r}')

    def number(value: Any) -> Any:
        return math.nan if value is None else value

    return [
        FeaturePower(
            **{name: number(value) for name, value in stored.items() if name != "spans"},
            spans=tuple(map(number, stored["spans"])),
        )
        for stored in previous["features"]
    ]


def _row_order(rows: Rows) -> Iterator[Check]:
    found = rows.power(rows.labelled.count("the row number", np.arange(rows.count)))["whole"]
    if not found["null_error"] <= _ENOUGH:
        return
    telling = found["auc"] >= _ROW_ORDER
    message = f"the order of the rows tells the label with an AUC of {found['auc']:.3f}"
    if telling:
        message += "; they are sorted by it, or the label drifts through the file: no split by row number is fair"
    yield Check(
        id="leakage.row_order",
        verdict=Verdict.WARN if telling else Verdict.PASS,
        message=message,
        value=found["auc"],
        threshold=_ROW_ORDER,
        n=rows.count,
    )


def _decision(facts: Facts, policy: LeakagePolicy) -> Iterator[Check]:
    n = facts.rows.count
    for decision, found in facts.decided.items():
        auc = found["auc"]
        verdict = Verdict.FAIL if auc >= policy.max_auc else Verdict.WARN if auc >= policy.warn_auc else Verdict.PASS
        message = f"the earlier decision {decision} tells the label with an AUC of {auc:.3f}"
        if verdict is not Verdict.PASS:
            message += ": the label is the model's own word; learn from outcomes that it did not decide"
        if not found["null_error"] <= _ENOUGH:
            verdict, message = Verdict.INSUFFICIENT, f"{n:,} rows are too few to judge {decision}"
        yield Check(id="leakage.decision", verdict=verdict, message=message, value=auc, threshold=policy.max_auc, n=n)


def not_asked(id_: str, why: str) -> Check:
    """Say that something could not be looked at, by no fault of the data."""
    return Check(id=id_, verdict=Verdict.NOT_RUN, message=f"{id_} was not judged: {why}", required=False)
