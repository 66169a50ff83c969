"""A contract proposed from a sample: bounds that the next batch should keep, not the sample's extremes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import _core
from ctcore.arrow import importable
from ctcore.errors import DataError
from ctcore.validate._nested import values
from ctcore.validate._rule import of_items

if TYPE_CHECKING:
    import pyarrow as pa

_VOCABULARY = 50
"""The most values of a column that is described by its vocabulary."""
_DISTINCT_SHARE = 0.05
"""A vocabulary's values are few among the rows that hold them."""
_RISK = 0.001
"""The chance that a batch like the sample breaks one bound."""
_FARTHEST = 10
"""Times the largest distance of the sample that a bound may lie away: the index of a short tail is a guess."""
_ARROW = (
    (("Int", "UInt"), "integer"),
    (("Float", "Decimal"), "number"),
    (("Boolean",), "boolean"),
    (("Timestamp",), "timestamp"),
    (("Date",), "date"),
    (("Time",), "time"),
    (("Utf8", "LargeUtf8"), "string"),
    (("List", "LargeList", "FixedSizeList"), "array"),
    (("Struct",), "object"),
)


def infer(data: Any, *, name: str = "rows", batch_rows: int | None = None) -> dict[str, Any]:
    """Propose a contract for batches like this sample, as a document of the standard.

    A sample's extremes are no bounds: of ``n`` rows drawn alike, one in ``n`` lies beyond them. Each bound is set so
    that a batch of the same distribution breaks it with a chance of about 1 in 1,000:

    - **Numbers**: Weissman's estimate (1978) of the quantile that a batch exceeds with that chance, from Hill's tail
      index of the ``sqrt(n)`` largest distances from the median, on each side; rounded outward to two digits. It lies
      near the extreme where a tail is light and far beyond it where it is heavy. What is never negative stays so.
    - **Vocabularies** (at most 50 values, none of them rare on the whole) and **nulls**: the share of unseen values (by
      the count ``c`` of values seen once, after Good) and of nulls has the Poisson bound of ``c``, 3/n where ``c = 0``
      ("rule of three"); the rule tolerates what a batch may then hold. A column of nulls alone must stay one.
    - **Time stamps** begin no earlier than half a span before the sample, and lie within the window of a check.
    - **Fields of structs** are proposed as columns are, null where their struct is; **items of lists** likewise, by the
      items of a batch and the share of the rows that hold them. What lists hold in lists, and maps (which the standard
      has from 3.2 on), are not entered.

    Parameters
    ----------
    data : pyarrow.Table
        The sample: good rows, a few batches of them.
    name : str
        The table's name.
    batch_rows : int, optional
        Rows of a batch that the contract will judge; the sample's without it.

    Raises
    ------
    DataError
        There are no rows, or no column that the standard has a type for.

    Examples
    --------
    >>> import pyarrow as pa
    >>> found = infer(pa.table({"x": [0, 1] * 500}))["schema"][0]["properties"][0]
    >>> found["logicalType"], found["quality"][1]["arguments"]
    ('integer', {'validValues': [0, 1]})
    """
    if not data.num_rows:
        raise DataError("data: there are no rows to learn from")
    sample = _Sample(data, batch_rows or data.num_rows)
    low = max(1, sample.batch // 2)
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": name,
        "name": name,
        "version": "0.1.0",
        "status": "draft",
        "schema": [
            {
                "name": name,
                "properties": [{"name": column} | sample.propose(column) for column in data.column_names],
                "quality": [{"id": "rows", "metric": "rowCount", "mustBeBetween": [low, 4 * low]}],
                "customProperties": [{"property": "ctNewColumns", "value": "warning"}],
            }
        ],
    }


class _Sample:
    """The sample, and what the scan knows of its columns and of what lies inside of them."""

    def __init__(self, data: pa.Table, batch: int) -> None:
        self.data, self.rows, self.batch = data, data.num_rows, batch
        types = _core.scan(data.slice(0, 0), {}, [])
        self.types: dict[str, str] = dict(types["nested"]) | dict(types["schema"])
        self.items = [name for name in self.types if of_items(name) and name not in data.column_names]
        rules = [{"test": "not_null", "columns": [name], "items": [name]} for name in self.items]
        scanned = _core.scan(importable(data), dict.fromkeys(self.types, (True, True)), rules)
        self.facts: dict[str, dict[str, Any]] = scanned["columns"]
        self.nulls = {name: facts["nulls"] for name, facts in self.facts.items()}
        self.nulls |= {name: rule.get("count", 0) for name, rule in zip(self.items, scanned["rules"], strict=True)}
        """Rows that are null, or hold an item that is."""

    def propose(self, name: str) -> dict[str, Any]:
        """Describe a column, or what lies inside of one, and what lies inside of it."""
        arrow, facts, column = self.types[name], self.facts[name], values(self.data, name)
        inner = arrow.partition(", ")[2] if arrow.startswith("Dictionary(") else arrow
        type_ = next((logical for starts, logical in _ARROW if inner.startswith(starts)), None)
        if type_ is None:
            return {}
        found: dict[str, Any] = {"logicalType": type_}
        quality = [_nulls(self.nulls[name], self.rows, self.batch)]
        there = facts["rows"] - facts["nulls"]
        if there and type_ in ("integer", "string", "boolean"):
            quality += _vocabulary(column, there, self.rows if name in self.items else there, self.batch)
        if there and len(quality) == 1:
            if type_ in ("integer", "number"):
                batch = round(self.batch * facts["rows"] / self.rows)
                found["logicalTypeOptions"] = _bounds(column, facts, whole=type_ == "integer", batch=batch)
            elif type_ == "string" and facts["max_length"] is not None:
                found["logicalTypeOptions"] = {"maxLength": 2 * facts["max_length"]}
            elif type_ in ("timestamp", "date"):
                found["logicalTypeOptions"] = _first(facts, whole=type_ == "date")
        bad = facts["nans"] + facts["positive_infinities"] + facts["negative_infinities"]
        if bad:
            found["customProperties"] = [{"property": "ctNonFinite", "value": "allowed"}]
        found["quality"] = quality
        return found | self._inside(name, type_, column.type)

    def _inside(self, name: str, logical: str, arrow: pa.DataType) -> dict[str, Any]:
        """Describe what lies inside of a struct or a list, but for a name that a column has as its own."""
        within = self.types.keys() - set(self.data.column_names)
        if logical == "array" and (item := f"{name}[]") in within and (items := self.propose(item)):
            return {"items": items}
        fields = {field.name: f"{name}.{field.name}" for field in arrow} if logical == "object" else {}
        known = {field: inner for field, inner in fields.items() if inner in within}
        properties = [{"name": field} | self.propose(inner) for field, inner in known.items()]
        return {"properties": properties} if properties else {}


def _first(facts: dict[str, Any], *, whole: bool) -> dict[str, str]:
    """The earliest time, half a span before the sample's; none where no calendar of ours reaches that far."""
    if facts["minimum"] is None:
        return {}
    span = (facts["maximum"] - facts["minimum"]) / 2
    try:
        first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=facts["minimum"] - span)
    except OverflowError:
        return {}
    return {"minimum": first.date().isoformat() if whole else first.isoformat(timespec="seconds")}


def _nulls(nulls: int, rows: int, batch: int) -> dict[str, Any]:
    """The nulls that a batch may hold: both bounds where most are null, else the upper one."""
    rule: dict[str, Any] = {"id": "nulls", "metric": "nullValues", "unit": "percent"}
    most = _percent(nulls, rows, batch)
    if nulls > rows / 2:
        least = 100 - _percent(rows - nulls, rows, batch)
        return rule | ({"mustBeBetween": [least, most]} if most < 100 else {"mustBeGreaterOrEqualTo": least})
    return rule | {"mustBeLessOrEqualTo": most}


def _vocabulary(column: Any, there: int, rows: int, batch: int) -> Iterator[dict[str, Any]]:
    """The values of a column, where they are few. What was seen once was seen in one of the rows."""
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.compute as pc  # noqa: PLC0415

    if pa.types.is_string_view(column.type):  # pyarrow counts no views
        column = column.cast(pa.string())
    counted = pc.value_counts(column.drop_null())
    if len(counted) > min(_VOCABULARY, max(2, _DISTINCT_SHARE * there)):
        return
    if pa.types.is_integer(counted.field("values").type) and pc.max(counted.field("values")).as_py() >= 2**63:
        return
    pairs = sorted(
        ((each["values"].as_py(), each["counts"].as_py()) for each in counted), key=lambda pair: str(pair[0])
    )
    once = sum(count == 1 for _, count in pairs)
    yield {
        "id": "vocabulary",
        "metric": "invalidValues",
        "unit": "percent",
        "mustBeLessOrEqualTo": _percent(once, rows, batch),
        "arguments": {"validValues": [value for value, _ in pairs]},
    }


def _percent(seen: int, rows: int, batch: int) -> float:
    """The percentage of a batch that an event seen so often in the sample may take, rounded up to two digits."""
    rate = min(1.0, _poisson_upper(seen) / rows)
    most = rate * batch + 3.09 * math.sqrt(rate * (1 - rate) * batch)  # 3.09: 1 in 1,000 of a normal distribution
    return min(100.0, _outward(100 * min(1.0, max(most, 1.0) / batch), up=True))


def _poisson_upper(count: int) -> float:
    """The 95 % upper bound of a Poisson mean of which ``count`` were seen: exactly 3.0 at 0; Byar's approximation."""
    if count == 0:
        return 3.0
    c = count + 1
    return c * (1 - 1 / (9 * c) + 1.645 / (3 * math.sqrt(c))) ** 3


def _bounds(column: Any, facts: dict[str, Any], *, whole: bool, batch: int) -> dict[str, Any]:
    values = np.asarray(column.drop_null().to_numpy(), dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return {}
    middle = float(np.median(values))
    low = middle - _reach(middle - values, batch)
    high = middle + _reach(values - middle, batch)
    low, high = _outward(low, up=False), _outward(high, up=True)
    if facts["minimum"] >= 0:
        low = max(low, 0.0)
    if facts["maximum"] <= 0:
        high = min(high, 0.0)
    return {"minimum": int(low) if whole else low, "maximum": int(high) if whole else high}


def _reach(distances: Any, batch: int) -> float:
    """How far a tail reaches: Weissman's quantile of the distances that are positive, never below the largest."""
    distances = np.sort(distances[distances > 0])
    n = distances.size
    if n == 0:
        return 0.0
    top = min(n - 1, max(10, math.isqrt(n)))
    if top < 1:
        return 2 * float(distances[-1])
    threshold = distances[n - 1 - top]
    index = min(1.0, float(np.mean(np.log(distances[n - top :] / threshold))))
    largest = float(distances[-1])
    return min(max(largest, float(threshold * (top * batch / (n * _RISK)) ** index)), _FARTHEST * largest)


def _outward(value: float, *, up: bool) -> float:
    """Round to two significant digits, away from what is inside."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = value / unit
    rounded = math.ceil(steps - 1e-9) if up else math.floor(steps + 1e-9)
    return float(f"{rounded * unit:.12g}")
