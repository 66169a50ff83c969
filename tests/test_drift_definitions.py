"""Named definitions against what the libraries themselves give.

Golden files carry the library's version; `make parity` runs the libraries, each in an environment of its own.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from ctcore import drift
from ctcore.errors import ArgumentError, ColumnTypeError

GOLDEN = ROOT / "tests" / "golden"
PEERS = {"evidently": 100, "nannyml": 50, "deepchecks": 30, "scipy": 120}
"""Each library, and how many numbers at least its file must hold."""


def load_cases():
    """The inputs of the script that made the golden files: formulas."""
    spec = importlib.util.spec_from_file_location("make_drift", GOLDEN / "make_drift.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {**module.numbers(), **module.words()}


CASES = load_cases()


def ours(name, library, case):
    function, _, field = name.partition(".")
    options = {"method": "exact"} if name == "ks.p_value" else {}
    if (function, library) == ("ks", "evidently"):
        library = "scipy"  # Evidently gives scipy's p-value
    return getattr(getattr(drift, function)(*CASES[case], definition=library, **options), field or "statistic")


def close(name, found, expected):
    """Statistics to 1e-12; p-values to 1e-9, or to the rounding of 1 where the library subtracts from it."""
    if name.endswith("p_value"):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-10)
    if name == "jensen_shannon" and expected < 1e-7:
        return found < 1e-7  # the root of a rounding error
    return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)


def compared(library, results):
    looked, wrong = 0, []
    for name, by_case in results.items():
        for case, stored in by_case.items():
            expected, most = float(stored), max(len(side) for side in CASES[case])
            if name == "ks.p_value" and most >= 4000:
                continue  # exact paths of such sizes take seconds; scipy's own are asymptotic from 10,000 on
            looked += 1
            found = ours(name, library, case)
            if not close(name, found, expected):
                wrong.append(f"{library} {name} of {case}: {found!r}, not {expected!r}")
    assert wrong == []
    return looked


@pytest.mark.parametrize("library", PEERS)
def test_each_definition_gives_the_librarys_number(library):
    stored = json.loads((GOLDEN / f"drift_{library}.json").read_text())
    assert stored["versions"][library]
    assert compared(library, stored["results"]) >= PEERS[library]


@pytest.mark.peers
@pytest.mark.parametrize("library", PEERS)
def test_each_definition_gives_what_the_library_gives_now(library):
    """Opt-in: `make parity` makes the environments and names their folder."""
    python = Path(os.environ["CTCORE_PEERS"]) / library / "bin" / "python" if library != "scipy" else sys.executable
    made = subprocess.run([python, GOLDEN / "make_drift.py", library], capture_output=True, text=True, check=True)
    fresh = json.loads(made.stdout)
    print(f"\n{library} {fresh['versions']}: {compared(library, fresh['results'])} numbers equal")


def test_a_library_that_has_no_such_number_is_refused():
    with pytest.raises(ArgumentError, match='g_test has "ctcore", "scipy"; found \'evidently\''):
        drift.g_test(["a"], ["b"], definition="evidently")


def test_tfdv_is_its_published_formula():
    """By hand: shares (1/2, 1/2) and (1, 0): divergence .3112781244591328 of base 2."""
    words = drift.jensen_shannon(["a", "b"], ["a", "a"], definition="tfdv")
    assert words.statistic == pytest.approx(0.3112781244591328, abs=1e-15)
    assert (words.definition["form"], words.definition["log"]) == ("divergence", "2")
    assert drift.l_infinity(["a", "b"], ["a", "a"], definition="tfdv").statistic == 0.5
    values = np.arange(1000.0)
    assert drift.jensen_shannon(values, values, definition="tfdv").statistic == pytest.approx(0, abs=1e-15)
    assert drift.jensen_shannon(values, values + 5000, definition="tfdv").statistic == pytest.approx(1.0)


def test_the_divergence_of_three_libraries_is_one_number():
    a, b = CASES["lost"]
    evidently, nannyml, tfdv, own = (
        drift.jensen_shannon(a, b, definition=name).statistic for name in ("evidently", "nannyml", "tfdv", "ctcore")
    )
    assert evidently / math.sqrt(math.log(2)) == pytest.approx(nannyml, abs=1e-14)
    assert nannyml**2 == pytest.approx(tfdv, abs=1e-14)
    assert own == pytest.approx(nannyml, abs=1e-14)


def test_an_unknown_definition_names_those_there_are():
    with pytest.raises(ArgumentError, match='psi has "ctcore", "evidently", "deepchecks"; found \'whylogs\''):
        drift.psi([1.0], [1.0], definition="whylogs")
    with pytest.raises(ColumnTypeError, match="categories alone"):
        drift.psi([1.0], [1.0], definition="deepchecks")
    with pytest.raises(ColumnTypeError, match="both"):
        drift.psi([1.0], ["a"], definition="evidently")
    with pytest.raises(ArgumentError, match="current: there is no value"):
        drift.psi([1.0], [float("nan")], definition="evidently")


def test_missing_values_are_left_out_of_a_named_definition():
    a, b = CASES["normal"]
    holes = np.append(b, [np.nan, np.inf])
    assert drift.psi(a, holes, definition="evidently") == drift.psi(a, b, definition="evidently")
