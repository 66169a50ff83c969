"""JUnit's XML, as build servers read it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENDS = {"failure": "failures", "error": "errors", "skipped": "skipped"}
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """Replace what XML does not admit and what moves a terminal's cursor: values of the data may hold it."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: how it ended, and what is said of it."""

    classname: str
    name: str
    end: str | None = None
    """``failure``, ``error``, ``skipped``, or nothing: it passed."""
    message: str = ""
    """Of a case that passed, what it wrote to its output."""


def junit(name: str, cases: Sequence[Case]) -> str:
    """Give one suite."""
    suite = ET.Element("testsuite", name=printable(name), tests=str(len(cases)))
    for end, counted in _ENDS.items():
        suite.set(counted, str(sum(case.end == end for case in cases)))
    for case in cases:
        element = ET.SubElement(suite, "testcase", classname=printable(case.classname), name=printable(case.name))
        if case.end:
            ET.SubElement(element, case.end, message=printable(case.message))
        elif case.message:
            ET.SubElement(element, "system-out").text = printable(case.message)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"
