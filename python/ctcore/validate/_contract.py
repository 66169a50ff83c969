"""Contracts: the part of ODCS 3.1 that the scan judges. What it does not judge is refused, never skipped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ctcore.errors import ConfigError, did_you_mean

_TYPES = ("string", "number", "integer", "boolean", "timestamp", "date")
_TOP = ("apiVersion", "kind", "id", "name", "version", "status", "description", "schema", "slaProperties")
_OBJECT = ("name", "physicalType", "description", "properties", "quality")
_PROPERTY = ("name", "logicalType", "physicalType", "description", "required", "logicalTypeOptions", "quality")
_OPTIONS = ("minimum", "maximum")
_QUALITY = (
    "id",
    "metric",
    "description",
    "severity",
    "unit",
    "mustBeLessOrEqualTo",
    "mustBeGreaterOrEqualTo",
    "mustBeBetween",
)
_SLA = ("id", "property", "value", "unit", "element", "description")
_UNITS = {"d": "days", "day": "days", "days": "days", "h": "hours", "hour": "hours", "hours": "hours"}
_SEVERITIES = {"error": True, "warning": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """What a column must be."""

    name: str
    type: str | None = None
    """``"string"``, ``"number"``, ``"integer"``, ``"boolean"``, ``"timestamp"`` or ``"date"``."""
    required: bool = False
    """Whether every row must have a value."""
    minimum: float | None = None
    """The smallest allowed value, inclusive."""
    maximum: float | None = None
    """The largest allowed value, inclusive."""
    max_null_share: float | None = None
    """The largest allowed share of nulls, 0 to 1."""
    nulls_are_errors: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a table must be."""

    id: str
    version: str
    columns: tuple[ColumnRule, ...]
    min_rows: int | None = None
    max_rows: int | None = None
    rows_are_errors: bool = True
    freshness: timedelta | None = None
    """How old the newest row may be, inclusive."""
    freshness_column: str | None = None


def contract(document: dict[str, Any]) -> Contract:
    """Read a contract from the parsed YAML of an ODCS 3.1 document.

    Judged are: that each property is there, ``logicalType``, ``required``, ``logicalTypeOptions.minimum`` and
    ``.maximum`` (both inclusive), the quality metrics ``nullValues`` (in percent) and ``rowCount``, and the SLA
    property ``latency`` of a timestamp. Anything else in a place that could be a rule is a :class:`ConfigError`.

    >>> from ctcore import validate
    >>> validate.contract({
    ...     "apiVersion": "v3.1.0", "kind": "DataContract", "id": "x", "version": "1.0.0", "status": "active",
    ...     "schema": [{"name": "t", "properties": [{"name": "a", "logicalType": "number", "required": True}]}],
    ... }).columns
    (ColumnRule(name='a', type='number', required=True, ...),)
    """
    _keys(document, _TOP, "contract")
    if document.get("kind") != "DataContract":
        raise ConfigError(f'contract: kind must be "DataContract", found {document.get("kind")!r}')
    version = str(document.get("apiVersion", ""))
    if not version.startswith(("v3.0", "v3.1")):
        raise ConfigError(f'contract: apiVersion must be "v3.1.0" (or v3.0), found {version!r}')
    schemas = document.get("schema") or []
    if len(schemas) != 1:
        raise ConfigError(f"contract: schema must describe one table, found {len(schemas)}")
    table = schemas[0]
    _keys(table, _OBJECT, "contract: schema")
    if not isinstance(table.get("name"), str):
        raise ConfigError("contract: schema: the table needs a name")
    columns = tuple(_column(each) for each in table.get("properties") or [])
    if not columns:
        raise ConfigError("contract: schema.properties names no column")
    rows = _row_count(table.get("quality") or [])
    fresh = _freshness(document.get("slaProperties") or [], table["name"], columns)
    return Contract(
        id=str(document.get("id", "")), version=str(document.get("version", "")), columns=columns, **rows, **fresh
    )


def _column(declared: dict[str, Any]) -> ColumnRule:
    where = f"contract: property {declared.get('name')!r}"
    _keys(declared, _PROPERTY, where)
    if not isinstance(declared.get("name"), str):
        raise ConfigError(f"{where}: every property needs a name")
    options = declared.get("logicalTypeOptions") or {}
    _keys(options, _OPTIONS, f"{where}: logicalTypeOptions")
    logical = declared.get("logicalType")
    if logical is not None and logical not in _TYPES:
        raise ConfigError(f"{where}: logicalType {logical!r} is not judged; {did_you_mean(str(logical), _TYPES)}")
    if options and logical in ("string", "boolean"):
        raise ConfigError(f"{where}: a {logical} has no minimum or maximum")
    bounds = {name: _bound(where, name, options[name]) for name in _OPTIONS if name in options}
    share, severe = None, True
    for rule in declared.get("quality") or []:
        _keys(rule, _QUALITY, f"{where}: quality")
        if rule.get("metric") != "nullValues" or rule.get("unit") != "percent" or "mustBeLessOrEqualTo" not in rule:
            raise ConfigError(f"{where}: quality knows metric nullValues with unit percent and mustBeLessOrEqualTo")
        share = float(rule["mustBeLessOrEqualTo"]) / 100
        severe = _severity(where, rule)
    return ColumnRule(
        name=str(declared["name"]),
        type=logical,
        required=bool(declared.get("required", False)),
        max_null_share=share,
        nulls_are_errors=severe,
        **bounds,
    )


def _bound(where: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{where}: logicalTypeOptions.{name} must be a number, found {value!r}")
    return float(value)


def _row_count(rules: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in rules:
        _keys(rule, _QUALITY, "contract: schema.quality")
        if rule.get("metric") != "rowCount":
            raise ConfigError(
                f"contract: schema.quality: metric {rule.get('metric')!r} is not judged; known is rowCount"
            )
        if "mustBeBetween" in rule:
            found["min_rows"], found["max_rows"] = rule["mustBeBetween"]
        if "mustBeGreaterOrEqualTo" in rule:
            found["min_rows"] = rule["mustBeGreaterOrEqualTo"]
        if "mustBeLessOrEqualTo" in rule:
            found["max_rows"] = rule["mustBeLessOrEqualTo"]
        bounds = [found.get("min_rows"), found.get("max_rows")]
        if bounds == [None, None] or not all(each is None or type(each) is int for each in bounds):
            raise ConfigError(f"contract: schema.quality: rowCount needs bounds that are whole numbers, found {rule}")
        found["rows_are_errors"] = _severity("contract: schema.quality", rule)
    return found


def _freshness(rules: list[dict[str, Any]], table: str, columns: tuple[ColumnRule, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in rules:
        _keys(rule, _SLA, "contract: slaProperties")
        if rule.get("property") != "latency" or rule.get("unit") not in _UNITS:
            raise ConfigError(
                f'contract: slaProperties knows property "latency" in units {sorted(_UNITS)}, found {rule}'
            )
        owner, _, column = str(rule.get("element", "")).rpartition(".")
        if owner not in ("", table) or column not in [each.name for each in columns]:
            raise ConfigError(
                f'contract: slaProperties: element must be "{table}.column", found {rule.get("element")!r}'
            )
        found["freshness"] = timedelta(**{_UNITS[rule["unit"]]: float(rule["value"])})
        found["freshness_column"] = column
    return found


def _severity(where: str, rule: dict[str, Any]) -> bool:
    severity = rule.get("severity", "error")
    if severity not in _SEVERITIES:
        raise ConfigError(f"{where}: severity must be one of {list(_SEVERITIES)}, found {severity!r}")
    return _SEVERITIES[severity]


def _keys(found: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in found:
        if key not in known:
            raise ConfigError(f"{where}: key {key!r} is not judged by this version; {did_you_mean(key, known)}")
