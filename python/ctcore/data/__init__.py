"""Data: where rows come from, which of them a run sees, and the record that lets it see them again."""

from ctcore.data._policy import DataPolicy, FeaturesPolicy, HoldoutPolicy
from ctcore.data._profile import load, read_profile, write_profile
from ctcore.data._quarantine import Quarantine, quarantine
from ctcore.data._scan import is_scan, read_leakage_scans, read_scan, read_scans, write_scan
from ctcore.data._snapshot import Snapshot, between, days, holdout_file, local_days, snapshot, without
from ctcore.data._source import Source, read_table, source
from ctcore.data._span import Spans, instant, spans
from ctcore.data._trec import Trec, read_trec
from ctcore.duration import duration

__all__ = [
    "DataPolicy",
    "FeaturesPolicy",
    "HoldoutPolicy",
    "Quarantine",
    "Snapshot",
    "Source",
    "Spans",
    "Trec",
    "between",
    "days",
    "duration",
    "holdout_file",
    "instant",
    "is_scan",
    "load",
    "local_days",
    "quarantine",
    "read_leakage_scans",
    "read_profile",
    "read_scan",
    "read_scans",
    "read_table",
    "read_trec",
    "snapshot",
    "source",
    "spans",
    "without",
    "write_profile",
    "write_scan",
]
