"""Metrics of models: exact, fast, and each with its definition.

``ndcg``, ``mae`` and ``mse`` give a number. ``evaluate`` gives a number with its counts and one value a query (or a
row). ``compare`` measures how much better a candidate is than production on the same queries, with an interval.

Arrays may be numpy, Arrow (pyarrow, polars, duckdb, pandas with Arrow types) or plain sequences.
"""

from ctcore.metrics._compare import Comparison, compare
from ctcore.metrics._evaluate import Definition, Evaluation, evaluate, mae, mse, ndcg

__all__ = ["Comparison", "Definition", "Evaluation", "compare", "evaluate", "mae", "mse", "ndcg"]
