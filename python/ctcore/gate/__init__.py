"""The promotion gate: what follows from the evidence. Pure: no file, no clock, no chance.

``metrics.compare`` measures; :func:`decide` decides. A decision can be made again from the record of its evidence,
under another policy: that is how a replay tells what each proof would have cost.
"""

from ctcore.gate._decide import Evidence, GateReport, decide, queries_to_decide, smallest_provable
from ctcore.gate._policy import GatePolicy, Proof

__all__ = ["Evidence", "GatePolicy", "GateReport", "Proof", "decide", "queries_to_decide", "smallest_provable"]
