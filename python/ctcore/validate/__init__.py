"""Data validation: a contract, one pass, an answer for every rule.

A contract is an ODCS 3.1 document (Open Data Contract Standard). ``contract`` reads one, ``check`` judges data by it.
"""

from ctcore.validate._check import ValidationReport, check
from ctcore.validate._contract import ColumnRule, Contract, contract

__all__ = ["ColumnRule", "Contract", "ValidationReport", "check", "contract"]
