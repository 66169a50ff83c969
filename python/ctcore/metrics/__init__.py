"""Metrics of models: exact, fast, and each with its definition.

One function gives one number: ``ndcg``, ``mean_average_precision``, ``mae``, ... ``evaluate`` gives many from one
look at the rows, each with its definition, its counts, one value a query and how far ties could move it. ``compare``
measures how much better a candidate is than production on the same queries, with an interval.

Arrays may be numpy, pandas, Arrow (pyarrow, polars) or plain sequences.
"""

from ctcore.metrics._classification import Confusion, brier, confusion, ece, log_loss, pr_auc, roc_auc
from ctcore.metrics._compare import ClusterSums, Comparison, Margin, Totals, compare, informative, totals
from ctcore.metrics._definition import PRESETS, Definition
from ctcore.metrics._evaluate import Evaluation, Evaluations, evaluate
from ctcore.metrics._exposure import Exposure, exposure
from ctcore.metrics._kendall import kendall
from ctcore.metrics._off_policy import OffPolicy, off_policy
from ctcore.metrics._pointwise import mae, mape, mse, quantile_loss, r2, rmse
from ctcore.metrics._ranking import (
    bpref,
    dcg,
    err,
    f1,
    gauc,
    hit_rate,
    mean_average_precision,
    mean_reciprocal_rank,
    ndcg,
    precision,
    r_precision,
    rbp,
    recall,
    success,
)

__all__ = [
    "PRESETS",
    "ClusterSums",
    "Comparison",
    "Confusion",
    "Definition",
    "Evaluation",
    "Evaluations",
    "Exposure",
    "Margin",
    "OffPolicy",
    "Totals",
    "bpref",
    "brier",
    "compare",
    "confusion",
    "dcg",
    "ece",
    "err",
    "evaluate",
    "exposure",
    "f1",
    "gauc",
    "hit_rate",
    "informative",
    "kendall",
    "log_loss",
    "mae",
    "mape",
    "mean_average_precision",
    "mean_reciprocal_rank",
    "mse",
    "ndcg",
    "off_policy",
    "pr_auc",
    "precision",
    "quantile_loss",
    "r2",
    "r_precision",
    "rbp",
    "recall",
    "rmse",
    "roc_auc",
    "success",
    "totals",
]
