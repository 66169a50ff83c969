"""Data validation: a contract, one pass, an answer for every rule.

A contract is an ODCS 3.1 document (Open Data Contract Standard). ``contract`` reads one, ``check`` judges data by it.
``leakage`` looks for what no contract can say: features that know the label, rows that are where they must not be.
``feedback`` looks at what a model does to the data that it will learn from.
"""

from ctcore.validate._check import ValidationReport, check
from ctcore.validate._contamination import overlap, row_hashes
from ctcore.validate._contract import ColumnRule, Contract, contract
from ctcore.validate._feedback import FeedbackPolicy, FeedbackReport, Generation, feedback
from ctcore.validate._leakage import FeaturePower, LeakagePolicy, LeakageReport, leakage

__all__ = [
    "ColumnRule",
    "Contract",
    "FeaturePower",
    "FeedbackPolicy",
    "FeedbackReport",
    "Generation",
    "LeakagePolicy",
    "LeakageReport",
    "ValidationReport",
    "check",
    "contract",
    "feedback",
    "leakage",
    "overlap",
    "row_hashes",
]
