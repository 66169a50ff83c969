"""Data validation: a contract, one pass, an answer for every rule.

A contract is a document of the Open Data Contract Standard (ODCS 3.1). ``parse`` and ``contract`` read one, ``check``
judges data by it, ``scan`` counts parts that are judged together; ``infer`` proposes one, ``lint`` finds what is unwise
in one, ``diff`` compares two. ``leakage`` looks for what no contract can say: features that know the label, rows that
are where they must not be. ``feedback`` looks at what a model does to the data that it will learn from. ``anomaly``
judges a batch by those before it, ``skew`` compares what serving logged with what training computed.
"""

from ctcore.validate._check import check
from ctcore.validate._contract import contract
from ctcore.validate._document import parse
from ctcore.validate._feedback import FeedbackPolicy, FeedbackReport, Generation, feedback
from ctcore.validate._history import Batch, anomaly
from ctcore.validate._infer import infer
from ctcore.validate._leakage import FeaturePower, LeakagePolicy, LeakageReport, leakage
from ctcore.validate._leakage_scan import LeakageScan, leakage_scan
from ctcore.validate._lint import diff, lint
from ctcore.validate._repeats import overlap, row_hashes
from ctcore.validate._report import Broken, ValidationReport
from ctcore.validate._rule import Allowed, Column, Contract, Rule, Unjudged
from ctcore.validate._scan import Scan, scan
from ctcore.validate._skew import ColumnSkew, Difference, SkewReport, skew

__all__ = [
    "Allowed",
    "Batch",
    "Broken",
    "Column",
    "ColumnSkew",
    "Contract",
    "Difference",
    "FeaturePower",
    "FeedbackPolicy",
    "FeedbackReport",
    "Generation",
    "LeakagePolicy",
    "LeakageReport",
    "LeakageScan",
    "Rule",
    "Scan",
    "SkewReport",
    "Unjudged",
    "ValidationReport",
    "anomaly",
    "check",
    "contract",
    "diff",
    "feedback",
    "infer",
    "leakage",
    "leakage_scan",
    "lint",
    "overlap",
    "parse",
    "row_hashes",
    "scan",
    "skew",
]
