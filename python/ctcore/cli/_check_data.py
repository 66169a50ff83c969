"""`ctcore check-data` and `ctcore contract`."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from ctcore.cli._answer import EXIT_CODES, answer, colour, fail_on_option, format_of, format_option, talk
from ctcore.errors import ArgumentError
from ctcore.verdict import Verdict, exit_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctcore.data import Source
    from ctcore.validate import Contract, ValidationReport

_table_option = click.option("--table", metavar="NAME", help="The table of the contract, where it describes several.")


@click.command("check-data", epilog=EXIT_CODES, short_help="Judge data by its contract.")
@click.argument("data")
@click.option(
    "--contract", required=True, metavar="FILE", help="The contract: YAML of the Open Data Contract Standard."
)
@_table_option
@click.option("--environment", metavar="NAME", help="Where the data is used: `serving` may lack the label.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="NAME=DATA",
    help="Other data that rules name: tables of foreign keys, an earlier span. May be given again.",
)
@click.option("--as-of", metavar="INSTANT", help="The present that freshness is judged at; now without it.")
@click.option("--window", nargs=2, metavar="START END", help="The span of time that the rows should lie in.")
@click.option(
    "--distrust-statistics", is_flag=True, help="Decode what the statistics in Parquet files would answer unread."
)
@click.option(
    "--history",
    metavar="FOLDER",
    help="Judge this batch by those before it, and keep what it was like there; needs --window or --as-of.",
)
@click.option("--quarantine", metavar="FOLDER", help="Part the rows into clean.parquet and rejected.parquet there.")
@click.option("--scan", "scan_file", metavar="FILE", help="Keep what was counted; the name ends in .scan.")
@fail_on_option
@format_of("text", "json", "html", "junit", "markdown")
def check_data(
    data: str,
    contract: str,
    table: str | None,
    environment: str | None,
    references: tuple[str, ...],
    as_of: str | None,
    window: tuple[str, str] | None,
    distrust_statistics: bool,
    history: str | None,
    quarantine: str | None,
    scan_file: str | None,
    fail_on: str,
    format_: str,
) -> int:
    """Judge DATA by its contract, in one pass: every rule is counted over all rows, none is sampled.

    DATA is Parquet, CSV or Arrow IPC: a file, a folder, a pattern or a URL. With `--quarantine` every row that breaks
    a failed rule goes to rejected.parquet, with the rules that it breaks, and the others to clean.parquet; then the
    rules are asked of the clean rows, and what fails of them is said.

    With `--history`, rules on the history (`check: anomaly`) judge DATA by the batches before the start of its window,
    or before `--as-of`. FOLDER is a registry, made where there is none.

    With `--scan` what was counted is kept, and scans of parts are judged as one, without their rows:

    \b
        ctcore check-data monday.parquet --contract rows.yaml --scan days/1.scan
        ctcore check-data tuesday.parquet --contract rows.yaml --scan days/2.scan
        ctcore check-data 'days/*.scan' --contract rows.yaml
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from ctcore import config, drift, report, validate  # noqa: PLC0415 - heavy
    from ctcore import data as rows  # noqa: PLC0415
    from ctcore.registry import Registry  # noqa: PLC0415

    compiled = config.read_contract(contract, table=table)
    zone = ZoneInfo("UTC")
    span = None if window is None else (rows.instant(window[0], zone), rows.instant(window[1], zone))
    now = rows.instant(as_of, zone) if as_of else datetime.now(UTC)
    if history and not (as_of or span):
        raise ArgumentError(
            "history: say when DATA is of, with --window or --as-of: a batch that is checked twice must count once"
        )
    registry, dataset = Registry(history) if history else None, f"{compiled.id}/{compiled.table}"
    past = [validate.Batch.from_dict(each) for each in registry.history(dataset)] if registry else None
    judged: dict[str, Any] = {
        "now": now,
        "window": span,
        "environment": environment,
        "references": dict(map(_reference, references)),
    }
    source = None if rows.is_scan(data) else rows.source(data)
    if source is None and quarantine:
        raise ArgumentError(f"quarantine: {data} holds no rows to part; name the files that were scanned")
    scan = rows.read_scans(data) if source is None else None
    if source is not None and scan_file:
        scan = validate.scan(source, compiled, distrust_statistics=distrust_statistics, **judged)
    found = validate.check(
        scan if source is None else source,
        compiled,
        scan=scan,
        distrust_statistics=distrust_statistics,
        history=past,
        **judged,
    )
    if scan is not None and scan_file:
        rows.write_scan(scan, scan_file)
        talk(f"the scan is {scan_file}")
    if registry:
        batch = found.batch(span[0] if span else now)
        new = registry.add_batch(dataset, batch.time, batch.to_dict())
        normal = "as refused: it will not count as normal" if batch.refused else "in the history"
        talk(f"the batch of {batch.time:%Y-%m-%d %H:%M} {'is now' if new else 'was'} {normal}")
    parted = _parted(source, found, compiled, quarantine, judged) if source is not None and quarantine else None

    def as_page(each: ValidationReport) -> str:
        names = source.schema.names if source is not None else ()
        there = [column.name for column in compiled.columns if column.name in names]
        drawn = drift.profile(source.select(there)) if source is not None and there and each.rows else None
        earlier = [batch for batch in past or () if batch.time < (span[0] if span else now)]
        return report.validation_html(each, profile=drawn, history=earlier)

    shown: dict[str, Callable[[ValidationReport], str]] = {
        "html": as_page,
        "junit": report.validation_junit,
        "markdown": report.validation_markdown,
        "text": lambda each: report.validation_text(each, colour=colour()),
    }

    def as_dict() -> dict[str, Any]:
        told = found.to_dict()
        if parted is not None:
            told["quarantine"] = parted
        return told

    answer("json" if format_ == "json" else "text", as_dict, lambda: shown[format_](found))
    return exit_code(found.verdict, fail_on=fail_on)


def _parted(
    source: Source, found: ValidationReport, contract: Contract, folder: str, judged: dict[str, Any]
) -> dict[str, Any]:
    """Part the rows, and ask again of the clean ones what is about all rows together."""
    from ctcore import data, validate  # noqa: PLC0415 - heavy

    parted = data.quarantine(source, found, folder)
    talk(f"{parted.clean_rows:,} rows are in {parted.clean}, {parted.rejected_rows:,} in {parted.rejected}")
    left = validate.check(data.source(parted.clean), contract.without("anomaly"), **judged)
    failing = [check.id for check in left.checks if check.required and check.verdict is Verdict.FAIL]
    if failing:
        talk(f"of the rows in {parted.clean} these fail: {', '.join(failing)}")
    return {"clean": parted.clean_rows, "rejected": parted.rejected_rows, "clean_fails": failing}


def _reference(given: str) -> tuple[str, Source]:
    from ctcore import data  # noqa: PLC0415 - heavy

    name, equals, pattern = given.partition("=")
    if not equals or not name:
        raise ArgumentError(f"reference: write NAME=DATA, found {given!r}")
    return name, data.source(pattern)


@click.group()
def contract() -> None:
    """Propose, examine and compare data contracts."""


@contract.command(epilog=EXIT_CODES, short_help="Propose a contract from good data.")
@click.argument("data")
@click.option("--name", default="rows", show_default=True, metavar="NAME", help="The table's name.")
@click.option(
    "--batch-rows", type=click.IntRange(1), metavar="N", help="Rows of a batch to come; all of DATA without it."
)
def infer(data: str, name: str, batch_rows: int | None) -> int:
    """Propose a contract from DATA, good rows of a few batches, and write it to stdout.

    Bounds are not the sample's extremes: each is set so that a batch of the same distribution breaks it about once in
    a thousand times. Read it, correct it, keep it.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - heavy

    from ctcore import data as rows  # noqa: PLC0415
    from ctcore import validate  # noqa: PLC0415

    document = validate.infer(rows.read_table(data), name=name, batch_rows=batch_rows)
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style, yaml.width = None, 120
    yaml.dump(document, text)
    answer("text", dict, text.getvalue)
    return 0


@contract.command("lint", epilog=EXIT_CODES, short_help="Say what in a contract is unwise.")
@click.argument("file")
@_table_option
@format_option
def lint_(file: str, table: str | None, format_: str) -> int:
    """Say what in the contract FILE will surprise somebody: exit code 1 where it cannot be read."""
    from ctcore import config, report, validate  # noqa: PLC0415 - heavy

    found = validate.lint(validate.parse(config.contract_text(file), name=file), table=table)
    answer(format_, found.to_dict, lambda: report.checks_text(found.checks, colour=colour()))
    return exit_code(found.verdict)


@contract.command("diff", epilog=EXIT_CODES, short_help="Tell whether a new contract breaks its readers.")
@click.argument("old")
@click.argument("new")
@_table_option
@format_option
def diff_(old: str, new: str, table: str | None, format_: str) -> int:
    """Compare two contracts for those who read the data: exit code 1 where OLD promised what NEW does not."""
    from ctcore import config, report, validate  # noqa: PLC0415 - heavy

    found = validate.diff(config.read_contract(old, table=table), config.read_contract(new, table=table))
    answer(format_, found.to_dict, lambda: report.checks_text(found.checks, colour=colour()))
    return exit_code(found.verdict)
