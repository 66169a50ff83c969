"""Lineage: what a model was made of, and what became of it.

The record of a run, canonical JSON in the registry, is the truth. The model card, the in-toto provenance and the
OpenLineage events are derived from it and from the log; nothing else is stored.
"""

from ctcore.lineage._card import card, diff, importance
from ctcore.lineage._openlineage import events, send
from ctcore.lineage._provenance import provenance
from ctcore.lineage._record import code, cpu_seconds, inputs, record_of, run_key, surroundings

__all__ = [
    "card",
    "code",
    "cpu_seconds",
    "diff",
    "events",
    "importance",
    "inputs",
    "provenance",
    "record_of",
    "run_key",
    "send",
    "surroundings",
]
