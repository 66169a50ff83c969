"""The commands, and what they end with: 0 passed, 1 no, 2 wrong usage or input, 3 undecided, 4 bug, 5 surroundings."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.exceptions import Exit

from ctcore import __version__
from ctcore.cli._answer import EXIT_CODES, answer, colour, format_option, project_option, talk
from ctcore.cli._check_data import check_data, contract
from ctcore.cli._check_drift import check_drift
from ctcore.cli._check_leakage import check_feedback, check_leakage
from ctcore.cli._check_skew import check_skew
from ctcore.cli._evaluate import evaluate
from ctcore.cli._models import models, registry_, reproduce
from ctcore.cli._profile import profile
from ctcore.errors import ArgumentError, CtcoreError
from ctcore.verdict import exit_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def main() -> None:
    """Run the command line and end with one of its exit codes."""
    if sys.stdout is None:  # closed by whoever started us
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for the life of the process
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)
    sys.exit(_run(sys.argv[1:]))


def _terminated(number: int, _: object) -> None:
    """End in order: children are stopped and the lease is given back."""
    sys.exit(128 + number)


def _run(arguments: list[str]) -> int:
    try:
        code = cli.main(args=arguments, prog_name="ctcore", standalone_mode=False)
    except Exit as done:
        return int(done.exit_code)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        talk("interrupted; what was acknowledged is kept, and the same command goes on")
        return 130
    except CtcoreError as error:
        talk(f"error: {error}")
        return error.exit_code
    except OSError as error:
        talk(f"error: {error}")
        return 5
    except Exception:  # noqa: BLE001 - the last resort: a bug ends with its own code
        traceback.print_exc()
        talk(f"this is a bug in ctcore {__version__}; please report it with the lines above")
        return 4
    return code if isinstance(code, int) else 0


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ctcore")
def cli() -> None:
    """Keep a machine-learning model current.

    A folder with a `ctcore.toml` describes a model: its data, features, trainer and gates. `run` does one cycle of
    retraining for it, `replay` does it over history, `models` shows what came of it. `check-drift` needs no project.
    """


cli.add_command(check_drift)
cli.add_command(check_feedback)
cli.add_command(check_leakage)
cli.add_command(check_data)
cli.add_command(check_skew)
cli.add_command(contract)
cli.add_command(evaluate)
cli.add_command(models)
cli.add_command(profile)
cli.add_command(registry_)
cli.add_command(reproduce)


@cli.command(epilog=EXIT_CODES, short_help="Do one cycle of retraining.")
@project_option
@click.option("--as-of", metavar="INSTANT", help="The present of the run, such as 2013-06-02; now without it.")
@format_option
def run(project: str, as_of: str | None, format_: str) -> int:
    """Do one cycle: snapshot, checks, drift, training, registration, evaluation, gate, promotion.

    Whatever stops leaves production as it was, and the answer says why. A run that died goes on where it stopped; a
    run that is done is not done again.
    """
    from ctcore import config, cycle, data  # noqa: PLC0415 - heavy

    loaded = config.load(project)
    moment = data.instant(as_of, loaded.zone) if as_of else datetime.now(loaded.zone)
    with _progress(1) as say:
        report = cycle.run(loaded, as_of=moment, cause={"type": "manual"}, say=lambda text: say(0, text))
    from ctcore import report as reports  # noqa: PLC0415

    answer(format_, report.to_dict, lambda: reports.run_text(report, colour=colour()))
    return exit_code(report.verdict)


@cli.command(epilog=EXIT_CODES, short_help="Run the cycle over history and compare policies.")
@project_option
@click.option("--from", "first", required=True, metavar="INSTANT", help="The first run.")
@click.option("--to", "last", required=True, metavar="INSTANT", help="The last run.")
@click.option("--every", default="7d", show_default=True, metavar="DURATION", help="The time between runs: whole days.")
@click.option(
    "--registry", metavar="FOLDER", help="Where the replay's models go, an empty folder; thrown away without it."
)
@click.option("--output", "-o", metavar="FILE", help="Write a self-contained HTML report.")
@format_option
def replay(
    project: str, first: str, last: str, every: str, registry: str | None, output: str | None, format_: str
) -> int:
    """Run the same cycle over history and compare policies on the days that follow each run.

    Never retrained, retrained and promoted every time, promoted when the gate opens, and the baseline without a model
    (`[replay] baseline` in the ctcore.toml). The project's own registry is not touched.
    """
    from ctcore import config, data  # noqa: PLC0415 - heavy
    from ctcore import replay as replays  # noqa: PLC0415
    from ctcore import report as reports  # noqa: PLC0415

    loaded = config.load(project)
    step = data.duration(every)
    moments = replays.dates(data.instant(first, loaded.zone), data.instant(last, loaded.zone), step)
    if output and not Path(output).resolve().parent.is_dir():
        raise ArgumentError(f"output: there is no folder {Path(output).resolve().parent}")
    with tempfile.TemporaryDirectory(prefix="ctcore-replay-") as scratch, _progress(len(moments)) as say:
        folder = Path(registry) if registry else Path(scratch) / "registry"
        found = replays.replay(loaded, moments, every=step, registry=folder, say=say)
    if output:
        Path(output).write_text(reports.replay_html(found), encoding="utf-8")
        talk(f"the report is {Path(output).resolve()}")
    answer(format_, found.to_dict, lambda: reports.replay_text(found, colour=colour()))
    return 0


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int, str], None]]:
    """Show progress on stderr where that is a terminal; else stay quiet."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console  # noqa: PLC0415 - needed for a terminal alone
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TimeElapsedColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done, text: progress.update(task, completed=done, description=text)
