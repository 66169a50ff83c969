"""Pages that need nothing else."""

from __future__ import annotations

from importlib import resources
from typing import Any


def page(template: str, **values: Any) -> str:
    """Fill in a template of this package; every value is escaped."""
    import jinja2  # noqa: PLC0415 - needed here alone

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = resources.files("ctcore.report").joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(text).render(**values)
