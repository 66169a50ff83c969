"""From a contract's text to a document that the standard admits."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

from ctcore.errors import ConfigError, did_you_mean

_LARGEST = 4 << 20
"""Bytes of a contract. Two thousand columns take a tenth of it."""
_SCHEMAS = {"v3.0": "odcs-3.1.0.schema.json", "v3.1": "odcs-3.1.0.schema.json", "v3.2": "odcs-3.2.0.schema.json"}
"""The schema that judges a document, by its ``apiVersion``: 3.1 only adds to 3.0."""


def parse(text: str, *, name: str = "contract") -> dict[str, Any]:
    r"""Read YAML 1.2 safely: no tags, no duplicate keys, no aliases, nothing larger than 4 MiB.

    ``NO``, ``on`` and ``12:30`` stay text, as YAML 1.2 says. An alias would let a short text stand for a long document,
    so what is meant twice is written twice.

    Raises :class:`ConfigError`, naming the line.

    >>> parse("country: NO")
    {'country': 'NO'}
    >>> parse("a: 1\na: 2")
    Traceback (most recent call last):
    ctcore.errors.ConfigError: contract: found duplicate key "a" ..., line 2, column 1
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - needed where a contract is read alone
    from ruamel.yaml.composer import Composer  # noqa: PLC0415
    from ruamel.yaml.constructor import SafeConstructor  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415
    from ruamel.yaml.events import AliasEvent  # noqa: PLC0415

    class WithoutAliases(Composer):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.parser.check_event(AliasEvent):
                mark = self.parser.peek_event().start_mark
                raise ConfigError(
                    f"{name}: aliases are not read: write what it stands for, line {mark.line + 1}, "
                    f"column {mark.column + 1}"
                )
            return super().compose_node(parent, index)

    class WithoutDates(SafeConstructor):
        """YAML 1.2 has no dates: what looks like one is text."""

    WithoutDates.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
    if len(text.encode("utf-8", "surrogatepass")) > _LARGEST:
        raise ConfigError(f"{name}: a contract has at most {_LARGEST >> 20} MiB, found {len(text):,} characters")
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.Constructor = WithoutAliases, WithoutDates
    try:
        document = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{name}: {' '.join(str(error.problem or error).split())}{where}") from error
    except (YAMLError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{name} is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise ConfigError(f"{name}: is nested too deeply to be a contract") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{name}: a contract is a mapping, found {type(document).__name__}")
    if document and not all(isinstance(key, str) for key in document):
        raise ConfigError(f"{name}: keys are text, found {next(k for k in document if not isinstance(k, str))!r}")
    return document


def version_of(document: dict[str, Any]) -> str:
    """Give the version of the standard that a document is in, such as ``"v3.1"``."""
    if document.get("kind") != "DataContract":
        raise ConfigError(f'contract: kind must be "DataContract", found {document.get("kind")!r}')
    version = str(document.get("apiVersion", ""))
    if version[:4] not in _SCHEMAS:
        raise ConfigError(f'contract: apiVersion must be "v3.1.0" (or v3.0, v3.2), found {version!r}')
    return version[:4]


def conform(document: dict[str, Any]) -> None:
    """Hold a document against the standard's JSON schema.

    Raises :class:`ConfigError` with the place and what is wrong there, and for an unknown key the nearest known one.
    """
    version = version_of(document)
    validator, schema = _validator(_SCHEMAS[version])
    if version == "v3.0":
        document = {**document, "apiVersion": "v3.1.0"}
    try:
        errors = list(validator.iter_errors(document))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ConfigError(f"contract: {' '.join(str(error).split()) or 'is nested too deeply'}") from error
    for each in errors:
        unexpected = getattr(each.kind, "unexpected", [])
        known = _known(schema, each.schema_path[:-1]) if unexpected else {}
        for key in unexpected:
            if key not in known:
                place = _place(document, each.instance_path)
                raise ConfigError(f"contract: {place}: unknown key {key!r}; {did_you_mean(key, known)}")
    # A known key that is unexpected is an echo: the branch that knows it failed elsewhere.
    found = [each for each in errors if not hasattr(each.kind, "unexpected")] or errors
    if found:
        deepest = max(found, key=lambda each: len(each.instance_path))
        raise ConfigError(f"contract: {_place(document, deepest.instance_path)}: {_words(deepest)}")


_LONGEST = 300
"""Characters of a validator's message: it may quote much of the document."""


def _words(error: Any) -> str:
    if error.schema_path[-2:] == ["DataQualityOperators", "oneOf"]:
        return "a rule has one operator (mustBe, mustBeLessThan, mustBeBetween, ...), with a number or two"
    words = " ".join(error.message.split())
    return words if len(words) < _LONGEST else words[:_LONGEST] + "..."


@functools.cache
def _validator(name: str) -> tuple[Any, Any]:
    from jsonschema_rs import Draft201909Validator  # noqa: PLC0415 - where a contract is read alone

    schema = json.loads((resources.files("ctcore.validate") / "odcs" / name).read_text(encoding="utf-8"))
    return Draft201909Validator(schema), schema


def _known(schema: Any, path: list[Any]) -> set[str]:
    """Every key that the schema at a path names, in whichever branch."""
    known: set[str] = set()
    seen: set[int] = set()

    def collect(part: Any) -> None:
        if not isinstance(part, dict) or id(part) in seen:
            return
        seen.add(id(part))
        known.update(part.get("properties", {}))
        if "$ref" in part:
            collect(_at(schema, part["$ref"].removeprefix("#/").split("/")))
        for word in ("allOf", "anyOf", "oneOf"):
            for each in part.get(word, []):
                collect(each)
        for word in ("then", "else"):
            collect(part.get(word))

    collect(_at(schema, path))
    return known


def _at(schema: Any, path: list[Any]) -> Any:
    for step in path:
        schema = schema[step]
    return schema


def _place(document: Any, path: list[Any]) -> str:
    """Name a place by names where there are any: ``schema[trips].properties[fare].required``."""
    words, here = "", document
    for step in path:
        here = here[step]
        if isinstance(step, int):
            label = here.get("name") or here.get("id") if isinstance(here, dict) else None
            words += f"[{label or step}]"
        else:
            words += f".{step}" if words else str(step)
    return words or "document"
