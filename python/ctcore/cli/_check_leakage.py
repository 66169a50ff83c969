"""The checks of data that need no project: leakage, feedback loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ctcore.cli._answer import EXIT_CODES, answer, colour, fail_on_option, format_option, separated, talk
from ctcore.verdict import exit_code

if TYPE_CHECKING:
    from ctcore.verdict import Report


@click.command("check-leakage", epilog=EXIT_CODES, short_help="Tell whether rows know more than they may.")
@click.argument("data")
@click.option("--label", metavar="COLUMN", help="What the model is to predict: a number in every row.")
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
@click.option("--zone", metavar="ZONE", help="The time zone of days and hours; UTC without it.")
@click.option("--scan", "scan_file", metavar="FILE", help="Keep what was counted, to be merged later: a name in .scan.")
@fail_on_option
@format_option
def check_leakage(
    data: str,
    label: str | None,
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
    zone: str | None,
    scan_file: str | None,
    fail_on: str,
    format_: str,
) -> int:
    """Look for leakage and contamination in DATA: Parquet, CSV or Arrow IPC; a file, a folder or a pattern.

    A feature that tells the label too well alone, or far better since last week; labels that are inverted or constant,
    clocks and units that changed, rows that are lost; rows of the holdout that are in DATA as well. Each finding names
    the feature or the column and says what to look at.

    DATA and the holdout are read column by column: memory holds some 130 bytes a row and a few columns, however many
    there are. Of CSV that takes several readings; Parquet is faster.

    With --scan FILE what was counted of DATA is kept, so that a part is read once: where DATA are such files (*.scan)
    their rows are judged together, as if they had been read again. Parts of whole days give the very same report. What
    is asked of the columns is said when a part is scanned, and is not said again.

    \b
    ctcore check-leakage rows.parquet --label clicked --time shown_at --format json > today.json
    ctcore check-leakage newer.parquet --label clicked --time shown_at --previous today.json
    ctcore check-leakage monday.parquet --label clicked --time shown_at --scan days/monday.scan
    ctcore check-leakage 'days/*.scan' --holdout sunday.scan
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from ctcore import data as rows  # noqa: PLC0415 - heavy
    from ctcore import validate  # noqa: PLC0415
    from ctcore.duration import time_zone  # noqa: PLC0415
    from ctcore.errors import ArgumentError  # noqa: PLC0415

    zone_named = zone or "UTC"
    asked: dict[str, Any] = {
        "label": label,
        "time": time,
        "query": query,
        "features": separated(features) or None,
        "categorical": separated(categorical),
        "keys": separated(keys),
        "now": rows.instant(as_of, time_zone(zone_named)) if as_of else None,
        "feature_times": separated(feature_times),
        "label_time": label_time,
        "label_window": rows.duration(label_window) if label_window else None,
        "decision": decision,
        "zone": zone,
    }
    judged: dict[str, Any] = {
        "previous": _earlier(previous),
        "policy": validate.LeakagePolicy(accepted=tuple(separated(accepted))),
    }
    scanned = rows.is_scan(data)
    if holdout and rows.is_scan(holdout) != scanned:
        which = "must be a scan, as DATA is" if scanned else "is a scan, DATA are rows"
        raise ArgumentError(f"holdout: {which}; found {holdout}")
    if scanned:
        said = [name for name, value in asked.items() if value]
        if said:
            raise ArgumentError(f"--{_option(said[0])}: what is asked was set when DATA was scanned; leave it out")
    elif label is None:
        raise ArgumentError("--label: name the column that the model is to predict")
    elif holdout and scan_file:
        raise ArgumentError("--scan: keeps what is counted of DATA; scan the holdout by itself")
    asked["zone"] = zone_named
    if not scanned and not scan_file:
        held_out = rows.source(holdout) if holdout else None
        found = validate.leakage(rows.source(data), holdout=held_out, **asked, **judged)
        return _end(found, format_, fail_on)
    scan = rows.read_leakage_scans(data) if scanned else validate.leakage_scan(rows.source(data), **asked)
    if scan_file:
        rows.write_scan(scan, scan_file)
        talk(f"the scan is {scan_file}")
    return _end(scan.report(holdout=rows.read_leakage_scans(holdout) if holdout else None, **judged), format_, fail_on)


def _option(name: str) -> str:
    return {"now": "as-of"}.get(name, name.replace("_", "-"))


def _earlier(path: str | None) -> Any:
    import json  # noqa: PLC0415 - for one option alone
    from pathlib import Path  # noqa: PLC0415

    from ctcore.errors import DataError, DataNotFoundError  # noqa: PLC0415

    if path is None:
        return None
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataNotFoundError(f"previous: cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"previous: {path} is no JSON: {error}") from error


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
