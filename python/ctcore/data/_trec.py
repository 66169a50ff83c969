"""TREC qrels and run files."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ctcore.errors import DataError, DataNotFoundError

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trec:
    """A run beside its judgements."""

    table: pa.Table
    """``query``, ``document``, ``relevance``, ``score``, one row for each document that is in the run or judged. What
    nobody judged has the grade -1; what the run does not hold has the score -infinity."""
    missing: tuple[str, ...]
    """Judged queries that the run does not hold. They are in the table: nothing was retrieved for them."""
    unjudged: tuple[str, ...]
    """Queries of the run without a judgement. They are left out: there is nothing to compare with."""


def read_trec(qrels: str | Path, run: str | Path) -> Trec:
    """Read TREC judgements and a run: ``query iteration document grade`` and ``query Q0 document rank score tag``.

    The rank, the order of the lines, lines that begin with ``#`` and what follows the last field mean nothing, as in
    trec_eval; files may be compressed (``.gz``). Evaluate the table with the preset ``"trec"``.

    Raises
    ------
    DataError
        For a line of another shape, a grade or score that is no number, and a document that comes twice in a query.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy

    judged: dict[str, dict[str, int]] = {}
    for where, (query, _, document, grade) in _lines(Path(qrels), 4):
        _add(judged, query, document, _number(where, "grade", grade, int), where)
    ranked: dict[str, dict[str, float]] = {}
    for where, (query, _, document, _, score, _) in _lines(Path(run), 6):
        _add(ranked, query, document, _number(where, "score", score, float), where)
    rows = [
        (query, document, grades.get(document, -1), ranked.get(query, {}).get(document, float("-inf")))
        for query, grades in judged.items()
        for document in grades | ranked.get(query, {})
    ]
    if not rows:
        raise DataError(f"{qrels}: holds no judgement")
    columns = dict(zip(("query", "document", "relevance", "score"), map(list, zip(*rows, strict=True)), strict=True))
    return Trec(
        pa.table(columns),
        missing=tuple(query for query in judged if query not in ranked),
        unjudged=tuple(query for query in ranked if query not in judged),
    )


def _lines(path: Path, fields: int) -> Iterator[tuple[str, list[str]]]:
    if not path.is_file():
        raise DataNotFoundError(f"{path}: no such file")
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            for number, line in enumerate(lines, 1):
                parts = [] if line.startswith("#") else line.split()
                if parts and len(parts) < fields:
                    raise DataError(
                        f"{path}:{number}: must have at least {fields} fields, found {len(parts)}: {line.strip()!r}"
                    )
                if parts:
                    yield f"{path}:{number}", parts[:fields]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _number(where: str, name: str, text: str, type_: Callable[[str], T]) -> T:
    try:
        return type_(text)
    except ValueError:
        raise DataError(f"{where}: {name} must be a number, found {text!r}") from None


def _add(queries: dict[str, dict[str, T]], query: str, document: str, value: T, where: str) -> None:
    documents = queries.setdefault(query, {})
    if document in documents:
        raise DataError(f"{where}: document {document} comes twice in query {query}")
    documents[document] = value
