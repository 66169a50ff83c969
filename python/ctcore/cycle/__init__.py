"""One pass: snapshot, validate, drift, leakage, feedback, train, register, contamination, evaluate, gate, promote.

Each step leaves a record that is created once. A run that died goes on at the step that has none; a step that is done
is not done again. Whatever stops leaves production untouched.
"""

from ctcore.cycle._inputs import codes, weights
from ctcore.cycle._measure import measure
from ctcore.cycle._run import Run, RunReport, remake, run
from ctcore.cycle._versions import known_until, listing, model_files

__all__ = [
    "Run",
    "RunReport",
    "codes",
    "known_until",
    "listing",
    "measure",
    "model_files",
    "remake",
    "run",
    "weights",
]
