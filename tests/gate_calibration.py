"""How often each proof passes, fails and stays undecided, where the truth is known.

``make calibration-gate`` prints the tables of docs/gate.md, with fixed seeds; test_gate.py runs its first weeks.
A week is seven days of queries; production's loss on a query is around 0.85, the candidate's differs from it by the
true gain, by a share that the day has in common (the design effect) and by one of the query's own.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from itertools import product
from typing import get_args

import numpy as np

from ctcore import gate, metrics
from ctcore.verdict import Verdict, worst

GAINS = (-0.02, -0.01, 0.0, 0.01, 0.02)
QUERIES = (370, 1_500, 5_000)
SPREADS = (0.06, 0.15)
DESIGN_EFFECTS = (1, 2)
PROOFS = get_args(gate.Proof)
DAYS = 7
POLICY = gate.GatePolicy(metric="mae", margin="1%", cluster="day", floor=10.0)


def week(rng, *, gain, queries, spread, design_effect, days=DAYS):
    """Losses of production and candidate, and the day of each query."""
    day = np.arange(queries) * days // queries
    shared = (design_effect - 1) / (queries / days - 1)  # the correlation within a day that makes the design effect
    noise = np.sqrt(shared) * rng.normal(size=days)[day] + np.sqrt(1 - shared) * rng.normal(size=queries)
    production = rng.uniform(0.7, 1.0, queries)
    return production * (1 - gain + spread * noise), production, day


def evidence(candidate, production, day, *, policy=POLICY, method=None, seed=0):
    """What the cycle would measure: here the prediction of a target of 0 is the loss itself."""
    target = np.zeros(len(production))
    comparison = metrics.compare(
        target,
        candidate,
        production,
        metric=policy.metric,
        margin=policy.unit,
        confidence=policy.confidence,
        cluster=day,
        method=method,
        seed=seed,
    )
    measured = {"value": comparison.candidate, "n_queries": comparison.n_queries}
    return gate.Evidence(candidate=measured, comparison=comparison, against="production")


def outcome(proof, found):
    """The verdict on the gain, and whether all checks together let the candidate serve."""
    report = gate.decide(replace(POLICY, proof=proof), found)
    gain = next(check.verdict for check in report.checks if check.id.endswith(".gain"))
    promoted = worst(check.verdict for check in report.checks if check.required) in (Verdict.PASS, Verdict.WARN)
    return gain, promoted


def rates(weeks, *, method=None, **truth):
    """For each proof the shares of pass, fail and insufficient of the gain's check, and of promotions."""
    counts = {proof: Counter() for proof in PROOFS}
    for number in range(weeks):
        rng = np.random.default_rng([number, *(round(1_000 * abs(value)) for value in truth.values())])
        found = evidence(*week(rng, **truth), method=method, seed=number)
        for proof in PROOFS:
            gain, promoted = outcome(proof, found)
            counts[proof][gain] += 1
            counts[proof]["promoted"] += promoted
    keys = (Verdict.PASS, Verdict.FAIL, Verdict.INSUFFICIENT, "promoted")
    return {proof: tuple(counts[proof][key] / weeks for key in keys) for proof in PROOFS}


def level(weeks, *, method, clustered=True, **truth):
    """How often the lower bound exceeds the true gain: at most 5% of the time, if the interval keeps its word."""
    wrong = 0
    for number in range(weeks):
        candidate, production, day = week(np.random.default_rng([number, 7]), **truth)
        found = evidence(candidate, production, day if clustered else np.arange(len(day)), method=method, seed=number)
        wrong += found.comparison.lower > truth["gain"]
    return wrong / weeks


def main(weeks):
    print(f"{weeks} weeks a cell: pass / fail / insufficient, in percent\n")
    print("| true gain | queries | sd | design effect | " + " | ".join(PROOFS) + " |")
    print("|---" * (4 + len(PROOFS)) + "|")
    yearly = {}
    for gain, queries, spread, design_effect in product(GAINS, QUERIES, SPREADS, DESIGN_EFFECTS):
        truth = {"gain": gain, "queries": queries, "spread": spread, "design_effect": design_effect}
        found = rates(weeks, **truth)
        cells = [" / ".join(f"{100 * share:.1f}" for share in found[proof][:3]) for proof in PROOFS]
        print(f"| {gain:+.0%} | {queries:,} | {spread} | {design_effect} | " + " | ".join(cells) + " |", flush=True)
        if gain == 0:
            yearly[queries, spread, design_effect] = {proof: 52 * found[proof][3] for proof in PROOFS}
    print("\nPromotions in 52 gates at a true gain of 0 (budget: 1 for margin and better)\n")
    print("| queries | sd | design effect | " + " | ".join(PROOFS) + " |")
    print("|---" * (3 + len(PROOFS)) + "|")
    for (queries, spread, design_effect), found in yearly.items():
        cells = " | ".join(f"{found[proof]:.2f}" for proof in PROOFS)
        print(f"| {queries:,} | {spread} | {design_effect} | {cells} |")
    print("\nHow often the lower 95% bound exceeds the truth, in percent (5 is right)\n")
    print("| days | sign_flip | cluster_t | bootstrap | queries as if independent |")
    print("|---|---|---|---|---|")
    for days in (7, 14, 30, 100):
        truth = {"gain": 0.0, "queries": 50 * days, "spread": 0.06, "design_effect": 2, "days": days}
        cells = [level(weeks, method=method, **truth) for method in ("sign_flip", "cluster_t", "bootstrap")]
        cells.append(level(weeks, method="cluster_t", clustered=False, **truth))
        print(f"| {days} | " + " | ".join(f"{100 * share:.1f}" for share in cells) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
