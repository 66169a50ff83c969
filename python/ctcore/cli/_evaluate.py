"""`ctcore evaluate`: ranking metrics of a file, under one convention or under all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ctcore.cli._answer import EXIT_CODES, answer, format_option, separated
from ctcore.errors import ArgumentError, ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_METRICS = "ndcg@10,map@10,mrr,precision@10,recall@10"
_PRESETS = ("trec", "sklearn", "lightgbm", "xgboost", "ranx")


@click.command(epilog=EXIT_CODES, short_help="Compute ranking metrics of a file or a TREC run.")
@click.argument("file")
@click.option("--qrels", metavar="FILE", help="TREC judgements; FILE is then a TREC run.")
@click.option("--metrics", "names", default=_METRICS, show_default=True, metavar="NAMES", help="Separated by commas.")
@click.option("--preset", type=click.Choice(_PRESETS), help="The convention of a library.")
@click.option("--conventions", is_flag=True, help="Print the metrics under every preset, side by side.")
@click.option("--relevance", default="relevance", show_default=True, metavar="COLUMN", help="The grades.")
@click.option("--score", default="score", show_default=True, metavar="COLUMN", help="The model's scores.")
@click.option("--query", default="query", show_default=True, metavar="COLUMN", help="What tells queries apart.")
@click.option("--document", default="document", show_default=True, metavar="COLUMN", help="The documents' ids.")
@format_option
def evaluate(
    file: str,
    qrels: str | None,
    names: str,
    preset: str | None,
    conventions: bool,
    relevance: str,
    score: str,
    query: str,
    document: str,
    format_: str,
) -> int:
    """Evaluate the ranking in FILE: Parquet, CSV or Arrow IPC with a row for each document, or a TREC run.

    Without a preset, ties are averaged, gains linear, and queries without relevant documents count 0. Each number
    comes with how far the order of equal scores could move it. `--conventions` shows what LightGBM, XGBoost,
    trec_eval, scikit-learn and ranx would print for the same ranking.
    """
    from ctcore import data  # noqa: PLC0415 - heavy

    if qrels:
        read = data.read_trec(qrels, file)
        table, aside = read.table, {"missing": len(read.missing), "unjudged": len(read.unjudged)}
        relevance, score, query, document = "relevance", "score", "query", "document"
        preset = preset or "trec"
    else:
        table, aside = data.read_table(file), {}
    columns = {"relevance": relevance, "score": score, "query": query}
    rows: dict[str, Any] = {name: _column(table, name, column) for name, column in columns.items()}
    if document in table.column_names:
        rows["document"] = _column(table, "document", document)
    metrics = separated(names)
    presets = [None, *_PRESETS] if conventions else [preset]
    found = {each or "default": _evaluated(rows, metrics, each, alone=not conventions) for each in presets}
    told = {"format": 1, "kind": "evaluation", "presets": found, **aside}
    answer(format_, lambda: told, lambda: _text(found) + _aside(**aside))
    return 0


def _column(table: pa.Table, name: str, column: str) -> Any:
    if column not in table.column_names:
        hint = did_you_mean(column, table.column_names)
        raise ConfigError(f'{name}: there is no column "{column}"; {hint}. Name yours with --{name}')
    if table[column].null_count:
        raise DataError(f"{column}: {table[column].null_count:,} rows are null; every row needs one")
    return table[column].to_numpy()


def _evaluated(rows: dict[str, Any], metrics: list[str], preset: Any, *, alone: bool) -> dict[str, Any]:
    """Give the metrics under one preset, or among several why there are none."""
    from ctcore.metrics import Evaluations, evaluate  # noqa: PLC0415 - the command's own work

    rows = dict(rows)
    try:
        found: Evaluations = evaluate(rows.pop("relevance"), rows.pop("score"), metrics=metrics, preset=preset, **rows)
    except ArgumentError as error:
        if alone:
            raise
        return {"metrics": {}, "findings": [str(error)]}
    return found.to_dict()


def _text(found: dict[str, Any]) -> str:
    names = list(dict.fromkeys(name for each in found.values() for name in each["metrics"]))
    wide = max(len(name) for name in ["convention", *found])
    lines = ["  ".join(["convention".ljust(wide), *(name.rjust(max(len(name), 6)) for name in names)])]
    for preset, each in found.items():
        values = [each["metrics"].get(name, {}).get("value") for name in names]
        cells = ["-" if value is None else f"{value:.4f}" for value in values]
        cells = [cell.rjust(max(len(name), 6)) for cell, name in zip(cells, names, strict=True)]
        lines.append("  ".join([preset.ljust(wide), *cells]))
    first: dict[str, Any] = next((each for each in found.values() if each["metrics"]), {"metrics": {}})
    lines.append("")
    for name, each in first["metrics"].items():
        if each["n_tied"]:
            lines.append(
                f"{name}: equal scores in {each['n_tied']:,} of {each['n_queries']:,} queries could make it "
                f"{each['pessimistic']:.4f} to {each['optimistic']:.4f}"
            )
    for each in first["metrics"].values():
        counts = ("n_queries", "n_empty", "n_skipped", "n_single", "n_constant")
        lines.append(", ".join(f"{name[2:]} {each[name]:,}" for name in counts))
        break
    lines += [f"{preset}: {finding}" for preset, each in found.items() for finding in each["findings"]]
    return "\n".join(lines) + "\n"


def _aside(missing: int = 0, unjudged: int = 0) -> str:
    """Say which queries of a TREC run and its judgements have no partner."""
    lines = ""
    if missing:
        lines += f"{missing:,} judged queries are not in the run: they count as if nothing had been retrieved\n"
    if unjudged:
        lines += f"{unjudged:,} queries of the run were not judged, and are left out\n"
    return lines
