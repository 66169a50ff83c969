"""`ctcore check-skew`."""

from __future__ import annotations

import click

from ctcore.cli._answer import EXIT_CODES, answer, colour, fail_on_option, format_option, separated
from ctcore.verdict import exit_code


@click.command("check-skew", epilog=EXIT_CODES, short_help="Compare what serving logged with training, row by row.")
@click.argument("training")
@click.argument("serving")
@click.option("--key", required=True, metavar="NAMES", help="The columns that name a row, separated by commas.")
@click.option("--columns", metavar="NAMES", help="The columns to compare; those that both sides have without it.")
@click.option(
    "--tolerance",
    type=float,
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="The share of rows that may differ.",
)
@click.option(
    "--relative", type=float, default=1e-6, show_default=True, help="How far fractions may lie apart, for their size,"
)
@click.option("--absolute", type=float, default=1e-9, show_default=True, help="or as they are.")
@fail_on_option
@format_option
def check_skew(
    training: str,
    serving: str,
    key: str,
    columns: str | None,
    tolerance: float,
    relative: float,
    absolute: float,
    fail_on: str,
    format_: str,
) -> int:
    """Join TRAINING, the rows as training computed them, with SERVING, as serving logged them, and compare each value.

    Both are Parquet, CSV or Arrow IPC: a file, a folder, a pattern or a URL. Keys on one side alone are counted; a key
    that occurs twice on a side is an error. `ctcore check-drift` compares rows that no key joins.
    """
    from ctcore import report, validate  # noqa: PLC0415 - heavy
    from ctcore.data import source  # noqa: PLC0415

    found = validate.skew(
        source(training),
        source(serving),
        key=separated(key),
        columns=separated(columns) or None,
        tolerance=tolerance,
        relative=relative,
        absolute=absolute,
    )
    answer(format_, found.to_dict, lambda: report.checks_text(found.checks, colour=colour()))
    return exit_code(found.verdict, fail_on=fail_on)
