"""The promotion gate: what follows from the evidence. Pure: no file, no clock, no chance.

``metrics.compare`` measures; :func:`decide` decides. A decision can be made again from the record of its evidence,
under another policy: that is how a replay tells what each proof would have cost.
"""

from ctcore.gate._decide import Evidence, GateReport, decide, queries_to_decide, smallest_provable
from ctcore.gate._policy import GatePolicy, Proof
from ctcore.gate._shadow import Shadow

__all__ = [
    "Evidence",
    "GatePolicy",
    "GateReport",
    "Proof",
    "Shadow",
    "decide",
    "queries_to_decide",
    "smallest_provable",
]
