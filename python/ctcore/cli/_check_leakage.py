"""The checks of data that need no project: leakage, feedback loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ctcore.cli._answer import EXIT_CODES, answer, colour, fail_on_option, format_option, separated
from ctcore.verdict import exit_code

if TYPE_CHECKING:
    from ctcore.verdict import Report


@click.command("check-leakage", epilog=EXIT_CODES, short_help="Tell whether rows know more than they may.")
@click.argument("data")
@click.option("--label", required=True, metavar="COLUMN", help="What the model is to predict: a number in every row.")
@click.option("--time", "time", metavar="COLUMN", help="When each row happened; much cannot be judged without it.")
@click.option("--query", metavar="COLUMN", help="For rankings: what tells queries apart.")
@click.option("--features", metavar="NAMES", help="What the model reads, separated by commas; all other columns else.")
@click.option("--categorical", metavar="NAMES", help="Features whose numbers are names.")
@click.option("--holdout", metavar="DATA", help="The rows that the model will be judged on.")
@click.option("--previous", metavar="FILE", help="What --format json gave for the last model's rows.")
@click.option("--keys", metavar="NAMES", help="Columns of which the holdout may share no value with DATA.")
@click.option("--as-of", metavar="INSTANT", help="The present: no time stamp may be at or after it.")
@click.option("--feature-times", metavar="NAMES", help="Columns that say when a feature was known.")
@click.option("--label-time", metavar="COLUMN", help="When each label was read off.")
@click.option("--label-window", metavar="DURATION", help="How long a label takes until it is final, such as 7d.")
@click.option("--decision", metavar="COLUMN", help="What an earlier model had decided or predicted.")
@click.option("--accepted", metavar="NAMES", help="Features that may be as predictive as they are.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of days and hours.")
@fail_on_option
@format_option
def check_leakage(
    data: str,
    label: str,
    time: str | None,
    query: str | None,
    features: str | None,
    categorical: str | None,
    holdout: str | None,
    previous: str | None,
    keys: str | None,
    as_of: str | None,
    feature_times: str | None,
    label_time: str | None,
    label_window: str | None,
    decision: str | None,
    accepted: str | None,
    zone: str,
    fail_on: str,
    format_: str,
) -> int:
    """Look for leakage and contamination in DATA: Parquet, CSV or Arrow IPC; a file, a folder or a pattern.

    A feature that tells the label too well alone, or far better since last week; labels that are inverted or constant,
    clocks and units that changed, rows that are lost; rows of the holdout that are in DATA as well. Each finding names
    the feature or the column and says what to look at.

    DATA and the holdout are read column by column: memory holds some 130 bytes a row and a few columns, however many
    there are. Of CSV that takes several readings; Parquet is faster.

    \b
    ctcore check-leakage rows.parquet --label clicked --time shown_at --format json > today.json
    ctcore check-leakage newer.parquet --label clicked --time shown_at --previous today.json
    """  # noqa: D301 - click's own mark for lines that stay as they are
    import json  # noqa: PLC0415 - for one option alone
    from pathlib import Path  # noqa: PLC0415

    from ctcore import validate  # noqa: PLC0415 - heavy
    from ctcore.data import duration, instant, source  # noqa: PLC0415
    from ctcore.duration import time_zone  # noqa: PLC0415
    from ctcore.errors import DataError, DataNotFoundError  # noqa: PLC0415

    earlier: Any = None
    if previous:
        try:
            earlier = json.loads(Path(previous).read_text(encoding="utf-8"))
        except OSError as error:
            raise DataNotFoundError(f"previous: cannot read {previous}: {error.strerror}") from error
        except ValueError as error:
            raise DataError(f"previous: {previous} is no JSON: {error}") from error
    found = validate.leakage(
        source(data),
        label=label,
        time=time,
        query=query,
        features=separated(features) or None,
        categorical=separated(categorical),
        holdout=source(holdout) if holdout else None,
        previous=earlier,
        keys=separated(keys),
        now=instant(as_of, time_zone(zone)) if as_of else None,
        zone=zone,
        feature_times=separated(feature_times),
        label_time=label_time,
        label_window=duration(label_window) if label_window else None,
        decision=decision,
        policy=validate.LeakagePolicy(accepted=tuple(separated(accepted))),
    )
    return _end(found, format_, fail_on)


@click.command("check-feedback", epilog=EXIT_CODES, short_help="Tell whether a model feeds on itself.")
@click.argument("log")
@click.option("--catalogue", required=True, metavar="DATA", help="All items that can be shown, in a column `item`.")
@click.option("--organic", metavar="DATA", help="What people chose without the model, in a column `item`.")
@fail_on_option
@format_option
def check_feedback(log: str, catalogue: str, organic: str | None, fail_on: str, format_: str) -> int:
    """Judge LOG, which says what was shown and what came of it, for signs of a feedback loop.

    One row for each showing, with the columns `item`, `model_version`, `shown_at`, and for what needs them
    `propensity`, `exploration`, `outcome`. Generations are the versions in the order of their first showing. What a
    missing column leaves unjudged is said, and ends with exit code 3.
    """
    import numpy as np  # noqa: PLC0415 - heavy

    from ctcore import validate  # noqa: PLC0415
    from ctcore.data import read_table  # noqa: PLC0415
    from ctcore.errors import DataError  # noqa: PLC0415

    def items(name: str, path: str) -> Any:
        table = read_table(path)
        if "item" not in table.column_names:
            raise DataError(f'{name}: {path} has no column "item"; it has {", ".join(table.column_names)}')
        return np.asarray(table["item"].to_pylist())

    chosen = items("organic", organic) if organic else None
    found = validate.feedback(read_table(log), catalogue=items("catalogue", catalogue), organic=chosen)
    return _end(found, format_, fail_on)


def _end(found: Report, format_: str, fail_on: str) -> int:
    from ctcore import report as reports  # noqa: PLC0415 - heavy

    answer(format_, found.to_dict, lambda: reports.checks_text(found.checks, colour=colour()))
    return exit_code(found.verdict, fail_on=fail_on)
