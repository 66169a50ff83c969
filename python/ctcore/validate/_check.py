"""The judgement of data by a contract: one scan, one answer for every rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ctcore.validate._history import Batch
from ctcore.validate._judge import Judge
from ctcore.validate._plan import Plan, zoned
from ctcore.validate._report import ValidationReport
from ctcore.validate._rule import Contract
from ctcore.validate._scan import Scan, run


def check(
    data: Any,
    contract: Contract,
    *,
    now: datetime | None = None,
    window: tuple[datetime, datetime] | None = None,
    environment: str | None = None,
    references: Mapping[str, Any] | None = None,
    history: Iterable[Batch] | None = None,
    distrust_statistics: bool = False,
    scan: Scan | None = None,
) -> ValidationReport:
    """Judge data by a contract, in one pass over its batches.

    Every rule has an answer: ``pass``, ``warn``, ``fail``, or ``not_run`` with the reason. A rule counts all rows; none
    is sampled. Nulls break nothing but ``required`` and the rules on nulls; NaN is no null, breaks no bound, and is
    forbidden in numbers unless ``ctNonFinite: allowed`` says otherwise; an infinity breaks the bound it lies beyond.

    Parameters
    ----------
    data : a ``ctcore.data.Source``, a :class:`Scan`, or a table, batch or stream with the Arrow interface
        The rows. A stream is read once; rules on drift need data that can be read by column. Of files only the columns
        that rules ask of are read, and of Parquet only the row groups whose statistics leave a rule open. A scan has
        counted its rows already, also for rules that read them once more.
    contract : Contract
        The rules.
    now : datetime, optional
        The instant that freshness and the future are judged at; without it such rules are ``not_run``. A column
        without a zone holds the wall clock of the zone that it is in; an instant without a zone is in UTC.
    window : (datetime, datetime), optional
        The half-open span of time that the batch should lie in, for ``withinWindow``; read as ``now`` is.
    environment : str, optional
        Where the data is used, such as ``"serving"``: columns of other environments (``ctEnvironments``) may be absent.
    references : dict, optional
        Other data by name: the tables that foreign keys point to, and what drift is measured from.
    history : iterable of Batch, optional
        What ``report.batch(time)`` gave of earlier batches, for the rules on them (:func:`anomaly`). The time of these
        rows is the start of the window, or else ``now``. With a history, also an empty one, the rows, the completeness
        of every column, and the mean and the standard deviation of every number are measured whether or not a rule
        asks, so that the history is there when a rule comes.
    distrust_statistics : bool
        Decode what Parquet statistics would answer. They are the writer's word: a wrong one hides what it denies. The
        answers are the same where they are true.
    scan : Scan, optional
        What :func:`scan` counted of these rows, which are then not counted again.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ctcore import validate
    >>> contract = validate.contract(validate.parse('''
    ... apiVersion: v3.1.0
    ... kind: DataContract
    ... id: t
    ... version: 1.0.0
    ... status: active
    ... schema:
    ...   - name: t
    ...     properties:
    ...       - {name: x, logicalType: number, required: true, logicalTypeOptions: {maximum: 10}}
    ... '''))
    >>> report = validate.check(pa.table({"x": [1.0, 99.0]}), contract)
    >>> report.verdict, [check.message for check in report.checks if check.verdict == "fail"]
    (<Verdict.FAIL: 'fail'>, ['x: 1 of 2 rows (50.00%) lie above 10, none allowed; row 1: 99.0'])
    """
    asked: Mapping[str, Mapping[str, Any]] = {}
    if isinstance(data, Scan):
        data, scan = None, data
    else:
        plan = Plan(contract, now=now, window=window, references=references, environment=environment)
        asked = plan.asked
        if scan is None:
            if history is not None:
                plan.measure()
            found = run(data, plan, distrust_statistics=distrust_statistics)
    if scan is not None:
        scan.refuse_others(contract, environment)
        found = scan
    return Judge(
        contract=contract,
        scan=found,
        asked=asked,
        data=data,
        now=None if now is None else zoned(now),
        time=zoned(window[0]) if window else None if now is None else zoned(now),
        references=references or {},
        history=tuple(history or ()),
    ).report()
