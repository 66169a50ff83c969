"""The commands on the registry: ``ctcore models ...``, ``ctcore registry ...`` and ``ctcore reproduce``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ctcore.cli._answer import EXIT_CODES, answer, colour, format_option, project_option, talk
from ctcore.errors import ArgumentError, NotFoundError, RefusedError
from ctcore.verdict import exit_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctcore.registry import Registry

_model = click.option("--model", metavar="NAME", help="A model of the registry; the project's own without it.")
_version = click.argument("version", metavar="VERSION")


@click.group(epilog=EXIT_CODES, invoke_without_command=True, short_help="List the versions, show, promote, roll back.")
@project_option
@format_option
@click.pass_context
def models(context: click.Context, project: str, format_: str) -> int | None:
    """List the versions of the project's registry, or do something with one.

    The list shows metric, gain, cause, data window, and which version serves.
    """
    if context.invoked_subcommand:
        return None
    return int(context.invoke(list_, project=project, format_=format_))


@models.command("list", epilog=EXIT_CODES, short_help="List the versions, and what serves.")
@project_option
@format_option
def list_(project: str, format_: str) -> int:
    """List the versions: metric, gain, cause, data window, and which one serves."""
    from ctcore import cycle  # noqa: PLC0415 - heavy
    from ctcore import report as reports  # noqa: PLC0415

    registry, _ = _opened(project, None)
    found = cycle.listing(registry)
    for name in registry.models():
        _faulty(registry, name)
    text: dict[str, Any] = {"format": 1, "kind": "models", "models": found}
    answer(format_, lambda: text, lambda: reports.models_text(found, root=registry.root, colour=colour()))
    return 0


@models.command(epilog=EXIT_CODES)
@_version
@_model
@project_option
@format_option
def show(version: str, model: str | None, project: str, format_: str) -> int:
    """Show the model card of a version.

    Metrics with their intervals, data window, contract, drift, gates, who approved it, when it served. VERSION is a
    number, or `production`, `previous` or `candidate`.
    """
    from ctcore import lineage  # noqa: PLC0415 - heavy
    from ctcore import report as reports  # noqa: PLC0415

    registry, name = _opened(project, model)
    card = lineage.card(registry, name, _number(registry, name, version))
    answer(format_, lambda: card, lambda: reports.card_text(card, colour=colour()))
    return 0


@models.command(epilog=EXIT_CODES, short_help="Tell what differs between two versions.")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@_model
@project_option
@format_option
def diff(old: str, new: str, model: str | None, project: str, format_: str) -> int:
    """Show what tells version NEW from version OLD: parameters, data, features, metrics, trees."""
    from ctcore import lineage  # noqa: PLC0415 - heavy
    from ctcore import report as reports  # noqa: PLC0415

    registry, name = _opened(project, model)
    found = lineage.diff(registry, name, _number(registry, name, old), _number(registry, name, new))
    answer(format_, lambda: found, lambda: reports.diff_text(found, colour=colour()))
    return 0


@models.command(epilog=EXIT_CODES)
@_version
@click.option("--approvals", default=0, show_default=True, help="How many people must have approved it.")
@_model
@project_option
def promote(version: str, approvals: int, model: str | None, project: str) -> int:
    """Make a version production.

    Only evidence promotes: the version needs a gate that passed against the model that serves now, and a signature
    where the project's `model.public_key` asks for one.
    """
    from ctcore import config  # noqa: PLC0415 - heavy

    registry, name = _opened(project, model)
    number = _number(registry, name, version)
    serving = registry.state(name).production
    public_key = config.load(project).public_key
    if public_key:
        registry.verify_signature(name, number, key=public_key)
    _loads(registry, name, number)
    registry.promote(name, number, expect=serving, approvals=approvals)
    return _said(f"version {number} of {name} serves" + (f", in place of version {serving}" if serving else ""))


@models.command(epilog=EXIT_CODES, short_help="Serve again what served before.")
@click.option("--cause", required=True, help="Why; it is kept in the log.")
@_model
@project_option
def rollback(cause: str, model: str | None, project: str) -> int:
    """Make production what served before it, and quarantine what is rolled back. It needs no gate."""
    registry, name = _opened(project, model)
    state = registry.state(name)
    serving = state.production
    if state.previous:
        _loads(registry, name, state.previous)
    number = registry.rollback(name, cause=cause, expect=serving)
    return _said(f"version {number} of {name} serves again; version {serving} is quarantined")


@models.command(epilog=EXIT_CODES)
@_version
@click.option("--by", metavar="NAME", help="Who approves; the user without it.")
@click.option("--lasts", default="1d", show_default=True, metavar="DURATION", help="When the approval ends.")
@_model
@project_option
def approve(version: str, by: str | None, lasts: str, model: str | None, project: str) -> int:
    """Approve a version for production, for a time."""
    from ctcore import data  # noqa: PLC0415 - heavy

    registry, name = _opened(project, model)
    number = _number(registry, name, version)
    registry.approve(name, number, by=by, lasts=data.duration(lasts))
    return _said(f"version {number} of {name} is approved by {by or registry.actor} for {lasts}")


@models.command(epilog=EXIT_CODES)
@_version
@click.option("--by", metavar="NAME", help="Whose approval; all without it.")
@_model
@project_option
def revoke(version: str, by: str | None, model: str | None, project: str) -> int:
    """Take back the approvals of a version."""
    registry, name = _opened(project, model)
    number = _number(registry, name, version)
    registry.revoke(name, number, by=by)
    return _said(f"version {number} of {name} is no longer approved" + (f" by {by}" if by else ""))


@models.command(epilog=EXIT_CODES)
@_version
@click.option("--cause", required=True, help="Why; it is kept in the log.")
@_model
@project_option
def quarantine(version: str, cause: str, model: str | None, project: str) -> int:
    """Bar a version from serving, whatever evidence it has."""
    registry, name = _opened(project, model)
    number = _number(registry, name, version)
    registry.quarantine(name, number, cause=cause)
    return _said(f"version {number} of {name} is quarantined")


@models.command(epilog=EXIT_CODES)
@_version
@click.option("--remove", is_flag=True, help="Take the pin away.")
@_model
@project_option
def pin(version: str, remove: bool, model: str | None, project: str) -> int:
    """Keep a version's files for good."""
    registry, name = _opened(project, model)
    number = _number(registry, name, version)
    registry.pin(name, number, pinned=not remove)
    return _said(f"version {number} of {name} is {'no longer pinned' if remove else 'pinned'}")


@models.command(epilog=EXIT_CODES, short_help="Sign a version's files.")
@_version
@click.option("--key", required=True, metavar="FILE", help="A private key of an elliptic curve, in PEM.")
@_model
@project_option
def sign(version: str, key: str, model: str | None, project: str) -> int:
    """Sign a version's files in the OpenSSF model-signing format; the signature is kept with its evidence."""
    registry, name = _opened(project, model)
    number = _number(registry, name, version)
    registry.sign(name, number, key=_key(key))
    return _said(f"version {number} of {name} is signed")


@models.command(epilog=EXIT_CODES, short_help="Prove every digest and every chain.")
@click.option("--key", metavar="FILE", help="A public key: what serves must be signed with its private one.")
@project_option
@format_option
def verify(key: str | None, project: str, format_: str) -> int:
    """Prove every digest and every chain of the registry, offline; with a key, the signature of what serves."""
    from ctcore import report as reports  # noqa: PLC0415 - heavy

    registry, name = _opened(project, None)
    found = registry.verify()
    if key:
        registry.verify_signature(name, _number(registry, name, "production"), key=_key(key))
    answer(format_, found.to_dict, lambda: reports.checks_text(found.checks, colour=colour()))
    return exit_code(found.verdict)


@models.command(epilog=EXIT_CODES, short_help="Take a torn end off a model's log.")
@_model
@project_option
def repair(model: str | None, project: str) -> int:
    """Take a torn end off a model's log, keeping a copy, and go on after the last valid entry.

    Look at what `verify` says first: what was acknowledged in a torn entry is given up.
    """
    registry, name = _opened(project, model)
    fault = registry.state(name).fault
    if fault is None:
        return _said(f"the log of {name} has no fault; nothing was changed")
    taken = registry.repair(name)
    return _said(f"{fault}: the log goes on without {', '.join(taken) or 'what is missing'}")


@models.command(epilog=EXIT_CODES, short_help="Collect files that are of no more use.")
@click.option("--grace", default="7d", show_default=True, metavar="DURATION", help="How long files are set aside.")
@click.option("--served", default="90d", show_default=True, metavar="DURATION", help="Keep what served since then.")
@click.option("--newest", default=10, show_default=True, help="Keep so many of the newest versions.")
@project_option
@format_option
def gc(grace: str, served: str, newest: int, project: str, format_: str) -> int:
    """Collect the files of versions that are of no more use, in two phases.

    One call sets files aside, where readers still find them; a call after the grace deletes them. Log, manifests and
    evidence stay; so do pins, both sides of a rollout, production, and what a rollback goes back to.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from ctcore import data  # noqa: PLC0415 - heavy
    from ctcore import report as reports  # noqa: PLC0415

    registry, _ = _opened(project, None)
    found = registry.gc(grace=data.duration(grace), served=data.duration(served), newest=newest)
    done = {"format": 1, "kind": "collection"} | asdict(found)
    answer(format_, lambda: done, lambda: reports.collection_text(done, grace=grace))
    return 0


@models.command(epilog=EXIT_CODES, short_help="Write a version's files into a new folder.")
@_version
@click.argument("folder", metavar="FOLDER")
@_model
@project_option
def export(version: str, folder: str, model: str | None, project: str) -> int:
    """Write a version's files into a new FOLDER, with its model card, provenance and signatures beside it."""
    from ctcore import lineage  # noqa: PLC0415 - heavy
    from ctcore.registry import canonical  # noqa: PLC0415

    registry, name = _opened(project, model)
    number = _number(registry, name, version)
    version_ = registry.version(name, number)
    files = registry.files(version_)
    target = Path(folder)
    if target.exists():
        raise ArgumentError(f"folder: {target} is there already; name a new one")
    target.mkdir(parents=True)
    for path, data in files.items():
        (target / path).write_bytes(data)
    for index, each in enumerate(each for each in version_.evidence if each["kind"] == "signature"):
        (target.parent / f"{target.name}.{index}.sig").write_bytes(registry.blob(each["digest"]))
    documents: dict[str, Callable[[], dict[str, Any]]] = {
        "card": lambda: lineage.card(registry, name, number),
        "provenance": lambda: lineage.provenance(registry, name, number),
    }
    for what, make in documents.items():
        try:
            (target.parent / f"{target.name}.{what}.json").write_bytes(canonical(make()))
        except NotFoundError as error:
            talk(f"no {what}: {error}")
    return _said(f"version {number} of {name} is in {target}")


@models.command(epilog=EXIT_CODES, short_help="Give what a version was made of, as JSON.")
@_version
@click.option(
    "--as",
    "form",
    type=click.Choice(["record", "slsa", "openlineage"]),
    default="record",
    show_default=True,
    help="The record itself, in-toto provenance, or OpenLineage events.",
)
@click.option("--to", metavar="FILE|URL", help="Append OpenLineage events to a file, or post them to an address.")
@_model
@project_option
def lineage(version: str, form: str, to: str | None, model: str | None, project: str) -> int:
    """Give what a version was made of, as JSON: the record of its run, or a standard form derived from it."""
    from ctcore import lineage as lineages  # noqa: PLC0415 - heavy
    from ctcore.verdict import plain  # noqa: PLC0415

    registry, name = _opened(project, model)
    number = _number(registry, name, version)
    record = lineages.record_of(registry, registry.version(name, number))
    if record is None:
        raise NotFoundError(f"version {number} of {name} was made by no run; nothing is known of its origin")
    if to and form != "openlineage":
        raise ArgumentError("to: only OpenLineage events are sent; add --as openlineage")
    if form == "slsa":
        found: Any = lineages.provenance(registry, name, number)
    else:
        found = lineages.events(record) if form == "openlineage" else record
    if to:
        lineages.send(found, to)
        return _said(f"{len(found)} events of version {number} of {name} went to {to}")
    answer("json", lambda: plain(found), str)
    return 0


@click.command(epilog=EXIT_CODES, short_help="Train again from a run's record; is the model the same?")
@click.argument("run", metavar="RUN")
@project_option
@format_option
def reproduce(run: str, project: str, format_: str) -> int:
    """Train again from the record of a RUN, and tell whether the same model comes of it.

    RUN is a run's key or the beginning of it. Where a file, the data or a setting has changed since, it is named and
    nothing is trained. The registry is only read.
    """
    from ctcore import config  # noqa: PLC0415 - heavy
    from ctcore import report as reports  # noqa: PLC0415
    from ctcore import reproduce as reproduces  # noqa: PLC0415
    from ctcore.registry import Registry  # noqa: PLC0415

    loaded = config.load(project)
    found = reproduces.reproduce(loaded, Registry(loaded.registry), run)
    answer(format_, found.to_dict, lambda: reports.checks_text(found.checks, colour=colour()))
    return exit_code(found.verdict)


@click.group("registry", epilog=EXIT_CODES)
def registry_() -> None:
    """Look at the store that a registry would use."""


@registry_.command("check-store", epilog=EXIT_CODES)
@click.argument("url", metavar="URL")
@format_option
def check_store(url: str, format_: str) -> int:
    """Tell whether a folder or an object store can hold a registry.

    It must refuse to create what is there already. What is tried is written below `check/` and deleted again.
    Credentials and endpoint come from the environment.
    """
    from ctcore import registry as registries  # noqa: PLC0415 - heavy
    from ctcore import report as reports  # noqa: PLC0415

    found = registries.check_store(registries.open_store(url))
    answer(format_, found.to_dict, lambda: reports.checks_text(found.checks, colour=colour()))
    return exit_code(found.verdict)


def _opened(project: str, model: str | None) -> tuple[Registry, str]:
    """Open a project's registry, and say where the log of the model asked for has a fault."""
    from ctcore import config  # noqa: PLC0415 - heavy
    from ctcore.registry import Registry  # noqa: PLC0415

    loaded = config.load(project)
    registry = Registry(loaded.registry)
    name = model or loaded.settings.model.name
    if model is not None:
        if model not in registry.models():
            raise NotFoundError(f"the registry {registry.root} has no model {model!r}")
        _faulty(registry, name)
    return registry, name


def _faulty(registry: Registry, name: str) -> None:
    fault = registry.state(name).fault
    if fault:
        talk(f"warning: {fault}. What is shown ends before it; `ctcore models repair` goes on from there")


def _loads(registry: Registry, model: str, number: int) -> None:
    """Refuse a LightGBM model that does not load in a child, or does not predict there what it did at its training."""
    from ctcore import cycle, train  # noqa: PLC0415 - heavy

    files = cycle.model_files(registry, registry.version(model, number))
    refusal = train.prove(files) if files.kind == "lightgbm" else None
    if refusal:
        raise RefusedError(
            f"version {number} of {model} cannot serve: {refusal.message} ({refusal.stage}). Nothing was changed"
        )


def _number(registry: Registry, model: str, version: str) -> int:
    """Give the number of a version that is named by it, or by what it does."""
    _faulty(registry, model)
    state = registry.state(model)
    named = {"production": state.production, "previous": state.previous, "candidate": state.candidate}
    if version in named:
        number = named[version]
        if number is None:
            raise NotFoundError(f"{model} has no {version} version")
        return number
    if not version.isdecimal():
        raise ArgumentError(f"version: must be a number, production, previous or candidate, found {version!r}")
    return registry.version(model, int(version)).number


def _key(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ArgumentError(f"key: cannot read {path}: {error.strerror}") from error


def _said(text: str) -> int:
    click.echo(text)
    return 0
