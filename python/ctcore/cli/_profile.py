"""`ctcore profile`: what later comparisons need of data, and nothing of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ctcore.cli._answer import EXIT_CODES, answer, colour, format_option, separated, talk
from ctcore.errors import ArgumentError

if TYPE_CHECKING:
    from ctcore.drift import Profile


@click.command(epilog=EXIT_CODES, short_help="Summarise data for later comparisons.")
@click.argument("data")
@click.option("--output", "-o", metavar="FILE", help="Write the profile; the name ends in .json.")
@click.option("--like", metavar="FILE", help="Count on the cells of this profile, so that the two can be compared.")
@click.option("--columns", metavar="NAMES", help="Profile these columns alone, separated by commas.")
@format_option
def profile(data: str, output: str | None, like: str | None, columns: str | None, format_: str) -> int:
    r"""Summarise DATA in one pass: Parquet, CSV or Arrow IPC, a file, a folder or a pattern of any size.

    The profile holds moments, quantiles, frequent categories, numbers of different and of missing values, never a
    row, and stands for the data wherever a reference is asked for:

    \b
        ctcore profile train.parquet -o reference.json
        ctcore check-drift reference.json today.parquet

    Profiles made with --like the same reference (of days, shards, machines) have exact counts and merge exactly. The
    text says what is exact and what is bounded: quantiles by about 0.2% of the rows, counts of frequent categories
    by 1 row in 8,193 where there are more than 16,384 categories, numbers of different values by 1.6% above 1,024.
    """
    from ctcore import data as files  # noqa: PLC0415 - heavy
    from ctcore import drift  # noqa: PLC0415
    from ctcore import report as reports  # noqa: PLC0415

    names = separated(columns) or None
    reference: Profile | None = files.read_profile(like) if like else None
    found = drift.profile(files.load(data, names), columns=names, like=reference)
    if not found.columns and found.skipped:
        name, reason = next(iter(found.skipped.items()))
        raise ArgumentError(f"{data}: no column can be profiled; {name}: {reason}")
    if output:
        files.write_profile(found, output)
        talk(f"the profile is {output}")
    answer(format_, found.to_dict, lambda: reports.profile_text(found, colour=colour()))
    return 0
