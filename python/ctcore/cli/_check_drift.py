"""`ctcore check-drift`: has data moved, which columns, since when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ctcore.cli._answer import (
    EXIT_CODES,
    as_json,
    colour,
    fail_on_option,
    format_of,
    project_option,
    say,
    separated,
    talk,
)
from ctcore.errors import ArgumentError, NotFoundError, did_you_mean
from ctcore.verdict import exit_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctcore.drift import DriftReport, Tolerances

_EXAMPLES = f"""\b
Examples:
  ctcore check-drift train.parquet today.parquet
  ctcore check-drift 'days/2024-0[1-3]-*.parquet' days/2024-04-01.parquet --columns fare,payment_type
  ctcore check-drift train.csv now.csv --tolerance 0.1 --tolerance fare=0.2 --statistic fare=ks
  ctcore check-drift train.parquet april.parquet --time-column pickup --every 1d --format html -o drift.html
  ctcore check-drift train.parquet april.parquet --time-column day --span trips_7d=7d

{EXIT_CODES}"""


@click.command("check-drift", epilog=_EXAMPLES, short_help="Tell whether data has drifted.")
@click.argument("reference")
@click.argument("current")
@click.option("--columns", metavar="NAMES", help="Compare these columns alone, separated by commas.")
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="[COLUMN=]VALUE",
    help="How far a column may move, or every column; may be repeated.",
)
@click.option(
    "--statistic",
    "statistics",
    multiple=True,
    metavar="[COLUMN=]NAME",
    help="What judges a column, or every column that it can: psi, jensen_shannon, total_variation, hellinger; for "
    "numbers also ks, wasserstein, auc; for categories cramers_v. May be repeated.",
)
@click.option(
    "--time-column",
    metavar="COLUMN",
    help="Dates or time stamps: days are then the unit of chance, since rows of one day are not independent.",
)
@click.option(
    "--span",
    "spans",
    multiple=True,
    metavar="COLUMN=DURATION",
    help="With --time-column: the window of a rolling sum, as trips_7d=7d, which is judged on days so far apart; in a "
    "timeline too, whose spans must be that long. May be repeated.",
)
@click.option(
    "--every", metavar="DURATION", help="With --time-column: a timeline of CURRENT in such spans, as 1d, 12h or 1w."
)
@click.option(
    "--model",
    metavar="NAME",
    help="Weigh columns by what production of this model of the project makes of them, and compare its predictions.",
)
@project_option
@format_of("text", "json", "html", "junit", help_="What is written to --output, or to stdout without it.")
@click.option("--output", "-o", metavar="FILE", help="Write the answer there; stdout then gets the text.")
@fail_on_option
def check_drift(
    reference: str,
    current: str,
    columns: str | None,
    tolerances: Sequence[str],
    statistics: Sequence[str],
    time_column: str | None,
    spans: Sequence[str],
    every: str | None,
    model: str | None,
    project: str,
    format_: str,
    output: str | None,
    fail_on: str,
) -> int:
    """Tell whether CURRENT has drifted from REFERENCE, column by column.

    Both are Parquet, CSV or Arrow IPC (a file, a folder, a pattern or the URL of an object store), or profiles made by
    `ctcore profile`. No row may be on both sides.

    The decision is on the size of the change, not on a p-value: a column fails where the change is proven larger than
    its tolerance, passes where it is proven smaller, and is `insufficient` where there is too little data to tell,
    with the rows that would do. Judged are the distribution (PSI on ten cells for numbers, Jensen-Shannon for
    categories) and the shares of missing, out-of-range and unseen values. The data has drifted when a fifth of the
    columns have, or columns with a fifth of the model's importance. Files are read once; what that leaves undecided of
    a statistic that needs the values is read again, that column alone.
    """
    from ctcore import data, drift  # noqa: PLC0415 - heavy

    if every and not time_column:
        raise ArgumentError("every: spans need the time to cut at; name its column with --time-column")
    if spans and not time_column:
        raise ArgumentError("span: what lies apart is told by the time; name its column with --time-column")
    if output and not Path(output).resolve().parent.is_dir():
        raise ArgumentError(f"output: there is no folder {Path(output).resolve().parent}")
    opened = data.load(reference), data.load(current)
    files = [set(getattr(side, "files", ())) for side in opened]
    shared = sorted(files[0] & files[1])
    if shared:
        raise ArgumentError(f"current: {shared[0]} is in the reference too; what is compared must not share rows")
    names = separated(columns) or None
    windows = _spans(spans)
    needed = None if names is None or model else [*names, *windows, *([time_column] if time_column else [])]
    sides = tuple(_read(side, needed, rows=bool(time_column or model)) for side in opened)
    wanted = _tolerances(statistics, tolerances, _names(opened[0]))
    importance = None
    if model:
        sides, importance = _with_predictions(sides, project, model)
        names = [*names, "prediction"] if names and "prediction" in sides[0].column_names else names
    found = drift.compare(
        *sides,
        tolerances=wanted,
        columns=names,
        importance=importance,
        time_column=time_column,
        spans=windows,
    )
    if time_column and every:
        over_time = drift.timeline(
            sides[0], sides[1], time_column, every=every, tolerances=wanted, columns=names, spans=windows
        )
        found = replace(found, timeline=over_time)
    _written(found, format_, output)
    return exit_code(found.verdict, fail_on=fail_on)


def _read(side: Any, columns: list[str] | None, *, rows: bool) -> Any:
    """Read the rows where they are asked for; else leave them in their files, whatever their size."""
    from ctcore import drift  # noqa: PLC0415 - heavy

    if isinstance(side, drift.Profile):
        return side
    held = side if columns is None else side.select([name for name in side.schema.names if name in columns])
    return held.table() if rows else held


def _names(side: Any) -> list[str]:
    names: list[str] = side.schema.names if hasattr(side, "schema") else side.column_names
    return names


def _written(found: DriftReport, format_: str, output: str | None) -> None:
    from ctcore import report as reports  # noqa: PLC0415 - heavy

    whole = {
        "json": lambda: as_json(found.to_dict()),
        "text": lambda: reports.drift_text(found, colour=output is None and colour()),
        "html": lambda: reports.drift_html(found),
        "junit": lambda: reports.drift_junit(found),
    }[format_]()
    if output is None:
        say(whole)
        return
    Path(output).write_text(whole, encoding="utf-8")
    talk(f"the report is {Path(output).resolve()}")
    say(reports.drift_text(found, colour=colour()))


def _tolerances(statistics: Sequence[str], tolerances: Sequence[str], columns: list[str]) -> Tolerances:
    """Read `[COLUMN=]NAME` and `[COLUMN=]VALUE`."""
    from ctcore.drift import STATISTICS, Tolerances  # noqa: PLC0415 - heavy

    found = Tolerances()
    for column, statistic in _named(statistics, "statistic", columns):
        if column:
            found = replace(found, statistics=found.statistics | {column: statistic})
            continue
        judges = [kind for kind, known in STATISTICS.items() if statistic in known]
        if not judges:
            known = {name for names in STATISTICS.values() for name in names}
            raise ArgumentError(f"statistic: there is no {statistic!r}; {did_you_mean(statistic, known)}")
        judged: dict[str, Any] = dict.fromkeys(judges, statistic)
        found = replace(found, **judged)
    for column, text in _named(tolerances, "tolerance", columns):
        try:
            value = float(text)
        except ValueError:
            raise ArgumentError(f"tolerance: must be a number, found {text!r}") from None
        if column:
            found = replace(found, columns=found.columns | {column: value})
        else:
            primaries = [found.numbers, found.categories, *found.statistics.values()]
            for_all: dict[str, Any] = dict.fromkeys(primaries, value)
            found = replace(found, **for_all)
    return found


def _spans(spans: Sequence[str]) -> dict[str, str]:
    """Read `COLUMN=DURATION`."""
    for span in spans:
        if "=" not in span:
            raise ArgumentError(f'span: must be COLUMN=DURATION, such as "trips_7d=7d"; found {span!r}')
    return {column: length for column, _, length in (span.rpartition("=") for span in spans)}


def _named(options: Sequence[str], what: str, columns: list[str]) -> list[tuple[str | None, str]]:
    found: list[tuple[str | None, str]] = []
    for option in options:
        column, equals, value = option.rpartition("=")
        if equals and column not in columns:
            raise ArgumentError(f"{what}: the reference has no column {column!r}; {did_you_mean(column, columns)}")
        found.append((column or None, value))
    return found


def _with_predictions(sides: tuple[Any, ...], project: str, model: str) -> tuple[tuple[Any, ...], dict[str, float]]:
    """Give both sides with the predictions of what serves, where they have its features, and what those are worth."""
    from ctcore import config, cycle, lineage, train  # noqa: PLC0415 - heavy
    from ctcore.registry import Registry  # noqa: PLC0415

    loaded = config.load(project)
    registry = Registry(loaded.registry)
    if model not in registry.models():
        raise NotFoundError(
            f"the registry {registry.root} has no model {model!r}; {did_you_mean(model, registry.models())}"
        )
    number = registry.state(model).production
    if number is None:
        raise NotFoundError(f"{model} has no production version whose importance could weigh the columns")
    if any(not hasattr(side, "append_column") for side in sides):
        raise ArgumentError("model: predictions are made of rows, and a profile has none; give the data, or no --model")
    importance = lineage.importance(registry, registry.version(model, number))
    if not importance:
        raise ArgumentError(f"model: version {number} of {model} tells no feature importance; leave --model out")
    features = list(importance)
    lacking = sorted({name for side in sides for name in features if name not in side.column_names})
    if lacking:
        talk(f"predictions are not compared: the data lacks {', '.join(lacking)}")
        return sides, importance
    files = cycle.model_files(registry, registry.version(model, number))
    limits = loaded.settings.train.limits
    scored = [
        side.append_column("prediction", [train.predict([files], side, project=loaded.folder, limits=limits)[0]])
        for side in sides
    ]
    return tuple(scored), importance
