"""Contracts: a document of the Open Data Contract Standard, compiled into a flat list of rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ctcore.errors import ConfigError, did_you_mean
from ctcore.validate._document import conform
from ctcore.validate._parts import BOUNDS, SNAKE, UNITS, boolean, bound, matches, outside, sized, vocabulary
from ctcore.validate._quality import Asked, compile_quality
from ctcore.validate._rule import LIFECYCLES, ROW_TESTS, Allowed, Column, Contract, Rule, Unjudged

_WHOLE = {
    f"{sign}{bits}": (-(2 ** (bits - 1)) if sign == "i" else 0, 2 ** (bits - (sign == "i")) - 1)
    for sign in "iu"
    for bits in (8, 16, 32, 64)
}
_FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$",
    "ipv4": r"^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.|$)){4}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$",
}
_ORDERED = (*BOUNDS, "format", "multipleOf", "timezone", "defaultTimezone")
_OPTIONS: dict[str | None, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "array": ("minItems", "maxItems", "uniqueItems"),
    "vector": ("dimensions", "elementType", "distanceMetric", "embeddingModel", "embeddingModelVersion", "normalized"),
    "object": ("minProperties", "maxProperties", "required"),
    "boolean": (),
    "map": (),
}
"""The options of a logical type; of the ordered ones :data:`_ORDERED`."""
_COLUMN_PROPERTIES = ("ctEnvironments", "ctLifecycle", "ctNonFinite", "ctOptional", "ctRole")
_TABLE_PROPERTIES = ("ctNewColumns",)
_NOT_OF_ITEMS = {
    "anomaly": "a history is of rows: chance is reckoned by their number",
    "keys": "an item is no row's key. uniqueItems asks each list by itself, the metric uniqueness all items together",
}
"""Rules that what a list holds is not asked for, and why."""


def contract(document: dict[str, Any], *, table: str | None = None) -> Contract:
    """Compile a parsed document of the Open Data Contract Standard, 3.0 to 3.2, into rules.

    The document must conform to the standard's JSON schema; a key that the standard does not know is refused. What the
    standard lets a contract ask and ctcore does not judge (SQL, other engines) becomes an answer ``not_run``. What the
    rules mean is written in ``docs/validation.md``.

    Parameters
    ----------
    document : dict
        As :func:`parse` reads it.
    table : str, optional
        The object of ``schema`` to take, where there are several.

    Raises
    ------
    ConfigError
        With the place, the value and what would be right.

    Examples
    --------
    >>> from ctcore import validate
    >>> compiled = validate.contract({
    ...     "apiVersion": "v3.1.0", "kind": "DataContract", "id": "x", "version": "1.0.0", "status": "active",
    ...     "schema": [{"name": "t", "properties": [{"name": "a", "logicalType": "number", "required": True}]}],
    ... })
    >>> [rule.id for rule in compiled.rules]
    ['a.type', 'a.nulls', 'a.finite']
    """
    conform(document)
    tables = document.get("schema") or []
    names = [each["name"] for each in tables]
    if table is None and len(tables) != 1:
        raise ConfigError(f"contract: schema must describe one table, or name one of {names}; found {len(tables)}")
    if table is not None and table not in names:
        raise ConfigError(f"contract: schema has no table {table!r}; {did_you_mean(table, names)}")
    found = tables[0] if table is None else tables[names.index(table)]
    return _Table(found, document).compile()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Property:
    """A column, or what lies inside of one: ``object.property``, ``array[]``, ``map{}.key``, ``map{}.value``."""

    given: dict[str, Any]
    name: str
    """As the contract calls it."""
    column: str
    """As the data calls it."""
    parent: _Property | None = None
    of_items: bool = False
    """Whether a row holds many of its values, or none: what lies inside of an array or a map."""

    def outer(self) -> _Property:
        """Give the innermost of those that it lies in which a row holds one of."""
        return self.parent.outer() if self.of_items and self.parent else self

    def inner(self) -> Iterator[_Property]:
        """Give what lies inside of it, and inside of that."""
        children = []
        for each in self.given.get("properties") or []:
            physical = each.get("physicalName") or each["name"]
            name, column = f"{self.name}.{each['name']}", f"{self.column}.{physical}"
            children.append(_Property(given=each, name=name, column=column, parent=self, of_items=self.of_items))
        for way, each in self._many():
            name, column = f"{self.name}{way}", f"{self.column}{way}"
            children.append(_Property(given=each, name=name, column=column, parent=self, of_items=True))
        for child in children:
            yield child
            yield from child.inner()

    def _many(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give what a row holds many of, with the way to it; not what many hold many of."""
        if self.of_items:
            return
        if self.given.get("items"):
            yield "[]", self.given["items"]
        for part, each in (self.given.get("map") or {}).items():  # ODCS 3.2
            yield f"{{}}.{part}", each


class _Table:
    """One table of a document, on its way to rules."""

    def __init__(self, table: dict[str, Any], document: dict[str, Any]) -> None:
        self.table, self.document = table, document
        self.name: str = table["name"]
        self.where = f"contract: {self.name}"
        columns = [
            _Property(given=each, name=each["name"], column=each.get("physicalName") or each["name"])
            for each in table.get("properties") or []
        ]
        if not columns:
            raise ConfigError(f"{self.where}: properties names no column")
        self.properties = [each for column in columns for each in (column, *column.inner())]
        self.names = {each.name: each.column for each in self.properties}
        if len(set(self.names.values())) < len(self.properties):
            given = [each.name for each in self.properties]
            raise ConfigError(f"{self.where}: two properties are one column: {sorted(given)}")
        self.lists = {each.column: each.outer().column for each in self.properties if each.of_items}
        """For what a row holds many of the list or map that holds it."""
        self.types = {each.column: each.given.get("logicalType") for each in self.properties}
        self.unjudged: list[Unjudged] = []

    def compile(self) -> Contract:
        """Give the contract of the table."""
        rules = self._take(rule for each in self.table.get("quality") or [] for rule in self._quality(each, None))
        for each in self.properties:
            rules += self._take(self._column_rules(each))
        rules += self._take(self._primary_key())
        rules += self._take(self._foreign_key(each, each["from"]) for each in self.table.get("relationships") or [])
        rules += self._take(self._sla())
        rules = _said_once(rules)
        ids = [rule.id for rule in rules] + [each.id for each in self.unjudged]
        name, count = max(Counter(ids).items(), key=lambda item: item[1], default=("", 0))
        if count > 1:
            raise ConfigError(f"{self.where}: two rules are called {name!r}; give each an id of its own")
        new = _custom(self.table, self.where, _TABLE_PROPERTIES).get("ctNewColumns", "ignore")
        if new not in ("ignore", "warning", "error"):
            raise ConfigError(f"{self.where}: ctNewColumns must be ignore, warning or error, found {new!r}")
        return Contract(
            id=str(self.document["id"]),
            version=str(self.document["version"]),
            table=self.name,
            columns=tuple(self._columns()),
            rules=tuple(rules),
            unjudged=tuple(self.unjudged),
            new_columns=new,
        )

    def _take(self, found: Iterator[Rule | Unjudged]) -> list[Rule]:
        rules = []
        for each in map(self._of_items, found):
            if isinstance(each, Rule):
                rules.append(each)
            else:
                self.unjudged.append(each)
        return rules

    def _of_items(self, rule: Rule | Unjudged) -> Rule | Unjudged:
        """Turn a rule about what lists hold into one about the rows that hold it, or say that there is none."""
        if isinstance(rule, Unjudged):
            return rule
        columns = (*rule.columns, *(column for each in rule.when for column in each["columns"]))
        items = [column for column in dict.fromkeys(columns) if column in self.lists]
        if not items:
            return rule
        says = f"have items that {rule.says}"
        if rule.test in _NOT_OF_ITEMS:
            return Unjudged(id=rule.id, reason=_NOT_OF_ITEMS[rule.test])
        if len({self.lists[column] for column in items}) > 1:
            return Unjudged(id=rule.id, reason="which item of one list stands against which of another is not said")
        if rule.test == "measured":
            plain = not rule.when and len(rule.columns) == 1
            return rule if plain else Unjudged(id=rule.id, reason="of items neither pairs nor conditions are measured")
        if rule.test == "order":
            return replace(rule, test="ordered_items", says=says)
        if rule.test == "metric" or rule.test in ROW_TESTS:
            return replace(rule, options={**rule.options, "items": items}, says=says)
        return rule

    # ------------------------------------------------------------ columns

    def _columns(self) -> Iterator[Column]:
        """Give the columns. What lies inside of one lives where it lives, and may be missing where it may."""
        found: dict[str, Column] = {}
        for each in self.properties:
            column = self._column(each)
            if each.parent is not None:
                outer = found[each.parent.name]
                column = replace(
                    column,
                    optional=column.optional or outer.optional,
                    environments=column.environments or outer.environments,
                    lifecycle=column.lifecycle if outer.judged else outer.lifecycle,
                )
            found[each.name] = column
        yield from found.values()

    def _column(self, declared: _Property) -> Column:
        where = f"{self.where}.{declared.name}"
        custom = _custom(declared.given, where, _COLUMN_PROPERTIES)
        environments = custom.get("ctEnvironments", [])
        if not isinstance(environments, list) or not all(isinstance(each, str) for each in environments):
            raise ConfigError(f"{where}: ctEnvironments must be a list of names, found {environments!r}")
        lifecycle = custom.get("ctLifecycle", "production")
        if lifecycle not in LIFECYCLES:
            raise ConfigError(f"{where}: ctLifecycle: {did_you_mean(str(lifecycle), LIFECYCLES)}")
        return Column(
            name=declared.column,
            type=declared.given.get("logicalType"),
            optional=boolean(custom.get("ctOptional", False), f"{where}: ctOptional"),
            environments=tuple(environments),
            lifecycle=lifecycle,
            role=custom.get("ctRole"),
        )

    def _column_rules(self, declared: _Property) -> Iterator[Rule | Unjudged]:
        name, where, given = declared.column, f"{self.where}.{declared.name}", declared.given
        type_, options = given.get("logicalType"), given.get("logicalTypeOptions") or {}
        nonfinite = _custom(given, where, _COLUMN_PROPERTIES).get("ctNonFinite", "forbidden")
        if nonfinite not in ("allowed", "forbidden"):
            raise ConfigError(f"{where}: ctNonFinite must be allowed or forbidden, found {nonfinite!r}")
        if type_ is not None:
            zoned = options.get("timezone") if type_ == "timestamp" else None
            yield Rule(id=f"{name}.type", test="type", columns=(name,), options={"type": type_, "zoned": zoned})
        if given.get("required"):
            yield self._required(declared)
        if (
            type_ in ("number", None)
            and nonfinite == "forbidden"
            and not (given.get("properties") or given.get("items"))
        ):
            yield Rule(id=f"{name}.finite", test="finite", columns=(name,), says="are NaN or infinite")
        yield from self._options(name, type_, options, where)
        if given.get("enum"):  # ODCS 3.2
            yield vocabulary(f"{name}.enum", name, [each["value"] for each in given["enum"]], type_, where)
        if given.get("unique") and not given.get("primaryKey"):
            yield Rule(id=f"{name}.unique", test="keys", columns=(name,), says="repeat an earlier row")
        for relation in given.get("relationships") or []:
            yield self._foreign_key(relation, declared.name)
        for each in given.get("quality") or []:
            yield from self._quality(each, declared)
        yield from _unjudged_inside(declared)

    @staticmethod
    def _required(declared: _Property) -> Rule:
        """Ask for a value; of an object's property where there is an object."""
        name, parent = declared.column, declared.parent
        inside = parent is not None and not parent.of_items and not declared.of_items
        when = ({"test": "not_null", "columns": [parent.column]},) if parent is not None and inside else ()
        return Rule(id=f"{name}.nulls", test="not_null", columns=(name,), when=when, says="are null")

    def _options(self, name: str, type_: str | None, options: dict[str, Any], where: str) -> Iterator[Rule | Unjudged]:
        known = _OPTIONS.get(type_, _ORDERED)
        for key in options:
            if key not in known:
                hint = did_you_mean(key, known) if known else "it has no options"
                raise ConfigError(f"{where}: logicalTypeOptions.{key} says nothing about a {type_}; {hint}")
        if type_ == "string":
            yield from _text_options(name, options)
        elif type_ in ("array", "vector"):
            if options.get("uniqueItems"):
                yield Rule(id=f"{name}.uniqueItems", test="unique_items", columns=(name,), says="repeat an item")
            least, most = options.get("minItems"), options.get("maxItems")
            if type_ == "vector":
                least = most = options["dimensions"]
            if least is not None or most is not None:
                yield sized(f"{name}.length", name, least, most)
        else:
            yield from _ordered_options(name, type_, options, where)
        for key in ("minProperties", "maxProperties", "required", "normalized"):
            if options.get(key):
                yield Unjudged(id=f"{name}.{key}", reason=f"logicalTypeOptions.{key} is not judged")

    def _primary_key(self) -> Iterator[Rule]:
        keys = sorted(
            (each for each in self.properties if each.given.get("primaryKey")),
            key=lambda each: each.given.get("primaryKeyPosition", -1),
        )
        columns = tuple(each.column for each in keys)
        for each in keys:
            if not each.given.get("required"):
                yield Rule(id=f"{each.column}.nulls", test="not_null", columns=(each.column,), says="are null")
        if columns:
            yield Rule(id="primary_key", test="keys", columns=columns, says="repeat the key of an earlier row")

    def _foreign_key(self, relation: dict[str, Any], own: str | list[str]) -> Rule:
        def names(given: str | list[str]) -> list[str]:
            return [given] if isinstance(given, str) else list(given)

        where = f"{self.where}: relationships"
        columns = tuple(self._named(each.removeprefix(f"{self.name}."), where) for each in names(own))
        tables, targets = zip(*(each.rpartition(".")[::2] for each in names(relation["to"])), strict=True)
        if len(set(tables)) != 1 or len(targets) != len(columns) or not tables[0]:
            raise ConfigError(
                f'{where}: to must name as many columns of one other table as from, as "table.column"; '
                f"found {relation['to']!r}"
            )
        table = tables[0].rpartition("/")[2].rpartition(".")[2]
        options = {"table": table, "targets": targets}
        says = f"are unknown to {table}"
        return Rule(id=f"{'_'.join(columns)}.foreign_key", test="known", columns=columns, options=options, says=says)

    def _named(self, name: Any, where: str) -> str:
        found = self.names.get(name) if isinstance(name, str) else None
        if found is None:
            raise ConfigError(f"{where}: no property {name!r}; {did_you_mean(str(name), self.names)}")
        return found

    def _quality(self, given: dict[str, Any], declared: _Property | None) -> Iterator[Rule | Unjudged]:
        column = None if declared is None else declared.column
        label = given.get("id") or given.get("name") or given.get("metric") or given.get("type", "")
        place = f"{self.where}{'.' + column if column else ''}: quality {label}"
        return compile_quality(given, Asked(column=column, types=self.types, named=self._named, place=place))

    # ------------------------------------------------------------ service levels

    def _sla(self) -> Iterator[Rule | Unjudged]:
        taken = False
        for given in self.document.get("slaProperties") or []:
            asked, label = given["property"], given.get("id") or given["property"]
            if asked not in ("latency", "freshness"):
                reason = f"the service level {asked!r} says nothing about rows"
                yield Unjudged(id=f"sla.{label}", reason=reason, required=False)
                continue
            element = str(given.get("element") or self.document.get("slaDefaultElement") or "")
            column = element.removeprefix(f"{self.name}.")
            if column not in self.names and any(element.startswith(f"{name}.") for name in self._others()):
                continue
            if column not in self.names:
                raise ConfigError(f'contract: slaProperties: element must be "{self.name}.column", found {element!r}')
            unit, value = given.get("unit"), given["value"]
            if unit not in UNITS or isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(
                    f"contract: slaProperties: {asked} needs a number and a unit of {sorted(UNITS)}, found {given}"
                )
            allowed = Allowed(maximum=float(value) * UNITS[unit])
            name = f"freshness.{label}" if taken else "freshness"
            taken = True
            yield Rule(id=name, test="latency", columns=(self.names[column],), allowed=allowed)

    def _others(self) -> list[str]:
        return [each["name"] for each in self.document["schema"] if each["name"] != self.name]


def _unjudged_inside(declared: _Property) -> Iterator[Unjudged]:
    """Say what lies inside of a column and is not judged."""
    for key in ("items", "map"):
        if declared.given.get(key) and declared.of_items:
            yield Unjudged(id=f"{declared.column}.{key}", reason="what lists or maps hold in lists is not judged")


def _said_once(rules: list[Rule]) -> list[Rule]:
    """Leave out what is proposed of a metric's history where a rule of its own says it."""
    histories = [rule for rule in rules if rule.test == "anomaly"]
    own = {(rule.columns, rule.options["metric"]) for rule in histories if not rule.options["proposed"]}
    proposed = {rule.id for rule in histories if rule.options["proposed"]}
    return [rule for rule in rules if rule.id not in proposed or (rule.columns, rule.options["metric"]) not in own]


def _text_options(name: str, options: dict[str, Any]) -> Iterator[Rule | Unjudged]:
    least, most = options.get("minLength"), options.get("maxLength")
    if least is not None or most is not None:
        yield sized(f"{name}.length", name, least, most)
    if "pattern" in options:
        yield matches(f"{name}.pattern", name, options["pattern"])
    format_ = options.get("format")
    if format_ in _FORMATS:
        yield matches(f"{name}.format", name, _FORMATS[format_], says=f"are no {format_}")
    elif format_ is not None:
        reason = f"no rule is known for the format {format_!r}; known are {sorted(_FORMATS)}"
        yield Unjudged(id=f"{name}.format", reason=reason, required=False)


def _ordered_options(name: str, type_: str | None, options: dict[str, Any], where: str) -> Iterator[Rule]:
    if any(key in options for key in BOUNDS):
        bounds = {SNAKE[key]: bound(options, key, type_, where) for key in BOUNDS if key in options}
        yield Rule(id=f"{name}.range", test="range", columns=(name,), options=bounds, says=outside(options))
    if options.get("format") in _WHOLE and type_ == "integer":
        low, high = _WHOLE[options["format"]]
        says = f"do not fit {options['format']}"
        bounds = {"minimum": low, "maximum": high}
        yield Rule(id=f"{name}.format", test="range", columns=(name,), options=bounds, says=says)
    if "multipleOf" in options:
        unit = float(options["multipleOf"])
        says = f"are no multiple of {unit:g}"
        yield Rule(id=f"{name}.multiple", test="multiple_of", columns=(name,), options={"unit": unit}, says=says)


def _custom(given: dict[str, Any], where: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Give the custom properties that are ctcore's: they begin with ``ct`` and a capital."""
    found = {}
    for each in given.get("customProperties") or []:
        name = each["property"]
        if name[:2] == "ct" and name[2:3].isupper():
            if name not in known:
                raise ConfigError(f"{where}: customProperties: unknown property {name!r}; {did_you_mean(name, known)}")
            found[name] = each["value"]
    return found
