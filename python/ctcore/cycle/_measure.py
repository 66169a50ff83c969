"""One gate's evidence, measured on rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ctcore import drift, gate, metrics
from ctcore.cycle._inputs import codes, since, weights
from ctcore.errors import ArgumentError

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from ctcore.config import Project


def measure(
    project: Project,
    policy: gate.GatePolicy,
    rows: pa.Table,
    scores: list[Any],
    *,
    against: str | None,
    problem: str | None = None,
    known_to_production: datetime | None = None,
    window: pa.Table | None = None,
) -> gate.Evidence:
    """Measure one gate's evidence: the candidate's scores first, then production's where there is one.

    Rows before ``known_to_production`` favour production and are left out of the comparison. The slices of ``window``
    are those that are expected.
    """
    features = project.settings.features
    definition = policy.definition
    label = rows[features.label].to_numpy()
    query = codes(rows, features.query) if features.query else None
    weight = weights(rows, policy.weight)
    evidence = gate.Evidence(
        candidate=metrics.evaluate(label, scores[0], metric=definition, query=query, weight=weight).to_dict(),
        comparison=None,
        against=against,
        problem=problem,
        distinct_scores=len(np.unique(scores[0])),
        calibration_error=None
        if policy.max_calibration_error is None
        else metrics.ece(label, scores[0], weight=weight),
    )
    if len(scores) == 1:
        return evidence
    fresh = since(rows, features.time, known_to_production)
    left_out = int(np.count_nonzero(~fresh))
    if not fresh.any():
        problem = "it learned from every row of the holdout, or won its own gate on it; wait for newer days"
        return replace(evidence, problem=problem, left_out=left_out)
    columns = {name: np.asarray(rows[name].to_pylist(), dtype=str)[fresh] for name in policy.slices}
    try:
        comparison = metrics.compare(
            label[fresh],
            scores[0][fresh],
            scores[1][fresh],
            metric=definition,
            query=None if query is None else query[fresh],
            cluster=codes(rows, policy.cluster)[fresh] if policy.cluster else None,
            slices=columns,
            weight=None if weight is None else weight[fresh],
            margin=policy.unit,
            confidence=policy.confidence,
        )
    except ArgumentError as error:
        return replace(evidence, problem=str(error), left_out=left_out)
    expected = {
        f"{name}={each}" for name in policy.slices if window is not None for each in window[name].unique().to_pylist()
    }
    return replace(
        evidence,
        comparison=comparison,
        left_out=left_out,
        missing=tuple(sorted(expected - comparison.slices.keys())),
        score_psi=drift.psi(scores[1], scores[0]).statistic if policy.max_score_psi is not None else None,
    )
