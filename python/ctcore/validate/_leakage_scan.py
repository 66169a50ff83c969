"""What leakage is judged on, of the rows of one part: to be added to what other parts hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ctcore import _core
from ctcore.errors import ArgumentError, DataError
from ctcore.validate import _repeats
from ctcore.validate._columns import Columns, unchanged
from ctcore.validate._facts import Bad, Facts, Visit, hash_bytes, timely, visits
from ctcore.validate._held import held
from ctcore.validate._leakage import LeakagePolicy, LeakageReport, ask, judge
from ctcore.validate._repeats import Hashes
from ctcore.validate._rows import Asked, Rows, read

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

FORMAT = 1
_HASHES = ("whole", "features", "near")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakageScan:
    """What leakage is judged on, of some rows: made by :func:`leakage_scan`.

    Scans of parts (days, shards) merge to the scan of the whole without its rows, and :meth:`report` judges them as
    :func:`leakage` judges rows. Of parts that hold whole days, or of data without a time column in one part, that is
    the very same report. Where parts cut a day in two, only the halves by which a feature's cells are learned and
    judged are drawn otherwise.

    Kept are, for each feature, the rows of each day by value and label: at most 4,096 values and 256 labels, beyond
    that by the first bits of a number (neighbours are counted together) or of a category's hash. And for each row 64
    bytes, beside 16 for the query and each key: its label, its time, and hashes by which it is known again. All of it
    lies in temporary files that go when the scan does.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> from ctcore import validate
    >>> rng = np.random.default_rng(0)
    >>> label = rng.integers(0, 2, 2000)
    >>> table = pa.table({"label": label, "good": label + rng.normal(0, 3, 2000), "outcome": 10 * label})
    >>> first, second = (validate.leakage_scan(part, label="label") for part in (table[:900], table[900:]))
    >>> [check.id for check in first.merge(second).report().checks if check.verdict == "fail"]
    ['leakage.predictive.outcome']
    """

    kind: ClassVar[str] = "leakage_scan"

    asked: Asked
    now: datetime | None
    tz: str | None
    """The time zone of the time column, where it has one."""
    unreadable: Mapping[str, str]
    """Why features could not be counted, by name."""
    bad: Mapping[str, Bad]
    """Rows whose time stamps cannot be, by check."""
    rows: pa.Table
    """The label, the time and the hashes of each row."""
    counts: Mapping[str, pa.Table]
    """How often a column's values meet the label, day by day."""
    numbers: Mapping[str, pa.Table]
    """The same of numbers as they are, by which a unit is told: in rankings other than ``counts``."""

    def merge(self, *later: LeakageScan) -> LeakageScan:
        """Give the scan of these rows and of those of other scans, which follow in this order.

        Raises
        ------
        ArgumentError
            Other columns or settings were asked of them, or a query has rows in several of them: what a ranking is
            judged by is a row's value less its query's mean.
        """
        scans = (self, *later)
        seen = b""
        for each in scans if self.asked.query is not None else ():
            hashes = hash_bytes(each.rows["query"])
            if seen and (again := int(np.count_nonzero(_core.known_rows(hashes, seen)))):
                raise ArgumentError(
                    f"later: {again:,} rows of a scan are of queries ({self.asked.query}) that an earlier one has rows "
                    f"of; cut the data between queries"
                )
            seen += hashes
        return self._with(later)

    def _with(self, later: tuple[LeakageScan, ...]) -> LeakageScan:
        import pyarrow as pa  # noqa: PLC0415 - heavy

        scans = (self, *later)
        for each in later:
            _alike(self, each)
        bad = {check: _sum([each.bad[check] for each in scans]) for check in self.bad}
        counts = {name: _merged(name, [each.counts[name] for each in scans]) for name in self.counts}
        present = [each.now for each in scans if each.now is not None]
        return replace(
            self,
            now=max(present, default=None),
            bad=bad,
            rows=held(pa.concat_tables([each.rows for each in scans]).to_reader()),
            counts=counts,
            numbers={name: _numbers(name, scans, counts) for name in self.numbers},
        )

    def report(
        self,
        *,
        holdout: LeakageScan | None = None,
        previous: LeakageReport | Mapping[str, Any] | None = None,
        span: timedelta | None = None,
        policy: LeakagePolicy | None = None,
    ) -> LeakageReport:
        """Judge the rows that were scanned, as :func:`leakage` does, which says what the arguments are.

        Of ``query`` the holdout may have rows of the same ones; they are then seen less their mean in the holdout.
        """
        policy = policy or LeakagePolicy()
        whole = self if holdout is None else self._with((holdout,))
        table = whole.rows
        label = table["label"].to_numpy()
        rows = Rows(
            asked=whole.asked,
            held_out=np.arange(table.num_rows) >= self.rows.num_rows,
            label=label,
            seen=table["seen"].to_numpy() if whole.asked.query is not None else label,
            time=table["time"].to_numpy() if whole.asked.time is not None else None,
            tz=whole.tz,
            now=whole.now,
            span_length=span,
        )
        hashes = Hashes(**{kind: hash_bytes(table[kind]) for kind in _HASHES})
        repeated = list(_repeats.duplicates(rows, hashes, max_overlap=policy.max_overlap))
        del hashes
        facts = Facts.of(rows, whole.bad, _visited(whole))
        return judge(facts, repeated, unreadable=whole.unreadable, previous=previous, policy=policy)

    # ------------------------------------------------------------ files

    def tables(self) -> dict[str, pa.Table]:
        """Give what is kept as tables."""
        counts = {f"counts.{name}": table for name, table in self.counts.items()}
        own = {f"numbers.{name}": each for name, each in self.numbers.items() if each is not self.counts.get(name)}
        return {"rows": self.rows} | counts | own

    def to_dict(self) -> dict[str, Any]:
        """Give the rest as plain values."""
        window = self.asked.label_window
        asked = asdict(self.asked) | {"label_window": window and window // timedelta(microseconds=1)}
        return {
            "kind": self.kind,
            "format": FORMAT,
            "asked": asked,
            "now": self.now and self.now.isoformat(),
            "tz": self.tz,
            "unreadable": dict(self.unreadable),
            "bad": {check: asdict(bad) for check, bad in self.bad.items()},
            "numbers": list(self.numbers),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> LeakageScan:
        """Read what ``to_dict`` and ``tables`` gave."""
        if stored.get("kind") != cls.kind or stored.get("format") != FORMAT:
            raise DataError(
                f'scan: expected kind "{cls.kind}" of format {FORMAT}, found kind {stored.get("kind")!r} of format '
                f"{stored.get('format')!r}; it was made by another version of ctcore, or is something else"
            )
        asked: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored["asked"].items()
        }
        if asked["label_window"] is not None:
            asked["label_window"] = timedelta(microseconds=asked["label_window"])
        counts = {name.removeprefix("counts."): each for name, each in tables.items() if name.startswith("counts.")}
        return cls(
            asked=Asked(**asked),
            now=datetime.fromisoformat(stored["now"]) if stored["now"] else None,
            tz=stored["tz"],
            unreadable=stored["unreadable"],
            bad={check: Bad(**bad) for check, bad in stored["bad"].items()},
            rows=tables["rows"],
            counts=counts,
            numbers={name: tables.get(f"numbers.{name}", counts.get(name)) for name in stored["numbers"]},
        )


def leakage_scan(
    data: Any,
    *,
    label: str,
    features: Collection[str] | None = None,
    categorical: Collection[str] = (),
    time: str | None = None,
    query: str | None = None,
    now: datetime | None = None,
    zone: str = "UTC",
    label_time: str | None = None,
    label_window: timedelta | None = None,
    feature_times: Collection[str] = (),
    decision: str | None = None,
    keys: Collection[str] = (),
) -> LeakageScan:
    """Count what leakage is judged on, of rows that will be judged together with others: :class:`LeakageScan`.

    Parameters are those of :func:`leakage`. ``now`` is the present of these rows: their time stamps and labels are held
    against it here, and the newest span ends with the latest of all parts.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

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
    columns = Columns.of(data, None, dict.fromkeys([*asked.known, *asked.judged, *asked.features]))
    rows, queries = read(columns, asked, now=now)
    hashes, sizes = Hashes.of(columns, asked, near=True)
    unchanged(rows.count, len(hashes.whole) // 16)
    kept: dict[str, Any] = {"label": rows.label}
    kept |= {kind: _fixed(getattr(hashes, kind)) for kind in _HASHES}
    if rows.time is not None:
        kept["time"] = rows.time
    if queries is not None:
        kept |= {"seen": rows.seen, "query": _fixed(_repeats.row_hashes(data, [str(asked.query)]))}
    counts, numbers, bad = {}, {}, timely(rows)
    for name, visit in visits(columns, rows, queries, sizes):
        bad |= visit.bad
        if visit.counts is not None:
            counts[name] = _kept(visit.counts)
        if visit.numbers is not None:
            numbers[name] = counts[name] if visit.numbers is visit.counts else _kept(visit.numbers)
        if visit.key is not None:
            kept[f"key.{name}"] = visit.key
    return LeakageScan(
        asked=asked,
        now=now,
        tz=rows.tz,
        unreadable=unreadable,
        bad=bad,
        rows=held(pa.table(kept).to_reader()),
        counts=counts,
        numbers=numbers,
    )


def _visited(scan: LeakageScan) -> Iterator[tuple[str, Visit]]:
    for name in dict.fromkeys([*scan.asked.features, *scan.asked.judged]):
        counts, scaled = scan.counts.get(name), scan.numbers.get(name)
        key = scan.rows[f"key.{name}"].combine_chunks() if name in scan.asked.keys else None
        joint = _joint(counts)
        numbers = joint if scaled is counts else _joint(scaled)
        yield name, Visit(counts=joint, numbers=numbers, key=key)


def _fixed(hashes: bytes) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return pa.Array.from_buffers(pa.binary(16), len(hashes) // 16, [None, pa.py_buffer(hashes)])


def _kept(counts: _core.Joint) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - heavy

    return held(pa.Table.from_batches([pa.record_batch(counts.to_batch())]).to_reader())


def _joint(counts: pa.Table | None) -> _core.Joint | None:
    return None if counts is None else _core.Joint.of_batch(counts.to_batches()[0])


def _merged(name: str, parts: list[pa.Table]) -> pa.Table:
    return _kept(_core.Joint.merge(name, [part.to_batches()[0] for part in parts]))


def _numbers(name: str, scans: Sequence[LeakageScan], counts: Mapping[str, pa.Table]) -> pa.Table:
    if all(each.numbers[name] is each.counts[name] for each in scans):
        return counts[name]
    return _merged(name, [each.numbers[name] for each in scans])


def _sum(parts: list[Bad]) -> Bad:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def _alike(first: LeakageScan, later: LeakageScan) -> None:
    """Refuse scans of other questions."""
    ours, theirs = (asdict(each.asked) | {"now": each.now is None, "tz": each.tz} for each in (first, later))
    differ = [name for name in ours if ours[name] != theirs[name]]
    if not differ:
        return
    name = differ[0]
    if name == "now":
        raise ArgumentError("later: some scans were told the present (now), others were not")
    found = f"{ours[name]!r} and {theirs[name]!r}"
    if isinstance(ours[name], tuple):
        found = f"{', '.join(sorted({*ours[name]} ^ {*theirs[name]}))} in one alone"
    raise ArgumentError(f"later: the scans differ in {name}: {found}")
