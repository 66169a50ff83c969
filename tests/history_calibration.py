"""How often a history cries wolf, and what it finds: running this file prints the table of the docs.

Each series is 400 days long; every day from the first that can be judged is judged by the days before it, as
`validate.anomaly` does. Rates are of days.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from ctcore.validate._history import METHODS, Batch, Series

DAYS = 400
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = np.array([1.0, 1.02, 1.01, 1.03, 1.05, 0.7, 0.5])
"""How the days of a week differ."""


def noise(rng, days):
    return rng.normal(size=days)


def correlated(rng, days, by=0.5):
    found = rng.normal(size=days)
    for day in range(1, days):
        found[day] += by * found[day - 1] if day > 1 else 0.0
    return found


SERIES = {
    "rows, 5% of noise": ("rowCount", lambda rng: 1e5 * np.exp(0.05 * noise(rng, DAYS))),
    "the same with a weekly rhythm": (
        "rowCount",
        lambda rng: 1e5 * np.exp(0.05 * noise(rng, DAYS)) * np.resize(WEEK, DAYS),
    ),
    "the same, growing 1% a week": (
        "rowCount",
        lambda rng: 1e5 * np.exp(0.05 * noise(rng, DAYS) + np.arange(DAYS) * 0.01 / 7) * np.resize(WEEK, DAYS),
    ),
    "a mean whose days are correlated by 0.5": ("x.mean", lambda rng: 10 + correlated(rng, DAYS)),
    "a mean with tails of Student's t, 3 degrees": ("x.mean", lambda rng: 10 + rng.standard_t(3, size=DAYS)),
    "a mean that walks at random": ("x.mean", lambda rng: 10 + np.cumsum(rng.normal(size=DAYS))),
    "completeness, 2 nulls in 100,000 rows": (
        "x.completeness",
        lambda rng: 1 - rng.poisson(2, size=DAYS) / 1e5,
    ),
    "completeness, 1% of nulls": ("x.completeness", lambda rng: 1 - rng.binomial(100_000, 0.01, size=DAYS) / 1e5),
}


def alarms(metric, values, method, *, start=MONDAY):
    """Give the days that are judged, and those of them that are unusual."""
    series = Series(metric, method=method)
    judged, unusual = [], []
    for day, value in enumerate(values):
        metrics = {"rowCount": 1e5, metric: float(value)}
        batch = Batch(time=start + timedelta(day), metrics=metrics)
        usual = series.usual(batch)
        if not isinstance(usual, str):
            judged.append(day)
            unusual += [] if usual.holds(metrics[metric]) else [day]
        series.add(batch)
    return judged, unusual


def rate(name, method, *, repeats, seed=0):
    """Give the share of the judged days of unchanged series that are called unusual, and how many were judged."""
    metric, draw = SERIES[name]
    found = [alarms(metric, draw(np.random.default_rng([seed, each])), method) for each in range(repeats)]
    judged = sum(len(each) for each, _ in found)
    return sum(len(each) for _, each in found) / judged, judged


def found(day, factor, *, sigma=0.05, repeats, seed=1):
    """Give how often a row count that falls by a factor is found on a day of a weekly rhythm."""
    hits = 0
    for each in range(repeats):
        values = 1e5 * np.exp(sigma * noise(np.random.default_rng([seed, each]), day + 1)) * np.resize(WEEK, day + 1)
        values[day] *= factor
        hits += day in alarms("rowCount", values, METHODS[0])[1]
    return hits / repeats


if __name__ == "__main__":
    for name in SERIES:
        told = [f"{rate(name, method, repeats=200)[0] * 1000:5.1f}" for method in METHODS]
        print(f"| {name} | {' | '.join(told)} |", flush=True)
    for weeks in (2, 4, 8, 20):
        told = [f"{found(7 * weeks + 6, factor, repeats=500):.0%}" for factor in (0.5, 0.7, 0.8, 0.9)]
        print(f"after {weeks} weeks, a Sunday at 50%, 70%, 80%, 90%: {', '.join(told)}", flush=True)
