"""How much queries of one day share, where the data is real: running this file prints the table of docs/gate.md.

Every four weeks of the flight example the model that serves (of the 90 days before) is compared with one that is four
weeks fresher, on the 56 days after both. The design effect is that of days over these 56. Weeks of seven days are drawn
from them, so that the true gain, over all 56, is known: how often does a lower bound at 95% exceed it?
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from conftest import ROOT
from ctcore import config, metrics
from ctcore.data import between
from ctcore.project import load_function

FOLDER = ROOT / "examples" / "flight-search"
SERVED = [datetime(2013, 4, 1) + index * timedelta(days=28) for index in range(8)]
WINDOW, FRESHER, JUDGED = (timedelta(days=days) for days in (90, 28, 56))


def year(project):
    """The features of all flights; a test holds that they know nothing of later days."""
    flights = pq.read_table(FOLDER / "data" / "flights.parquet")
    return load_function("features.py:features", FOLDER)(flights, datetime(2014, 1, 1, tzinfo=project.zone))


def codes(rows):
    return rows["query"].combine_chunks().dictionary_encode().indices.to_numpy()


def trained(project, rows, **changes):
    """A model as the example trains it, as a function of rows."""
    settings = project.settings
    parameters = (
        {"objective": "lambdarank", "verbosity": -1, "deterministic": True} | settings.train.parameters | changes
    )

    def matrix(table):
        return np.column_stack([table[name].to_numpy() for name in settings.features.columns])

    data = lgb.Dataset(
        matrix(rows),
        rows["grade"].to_numpy(),
        group=np.bincount(codes(rows)),
        feature_name=list(settings.features.columns),
        categorical_feature=list(settings.features.categorical),
    )
    model = lgb.train(parameters, data)
    return lambda table: model.predict(matrix(table))


def days_of(project, rows, served, **changes):
    """For each day that is judged: by how much NDCG@10 of each query that can tell is better with the fresher model."""
    served = served.replace(tzinfo=project.zone)
    fresh = served + FRESHER
    later = between(rows, "time", fresh, fresh + JUDGED)
    one, other = (
        metrics.evaluate(
            later["grade"].to_numpy(),
            trained(project, between(rows, "time", end - WINDOW, end), **changes)(later),
            metric=project.settings.gate[0].definition,
            query=codes(later),
        )
        for end in (fresh, served)
    )
    told = metrics.informative(one)
    day = later["day"].cast(pa.int32()).to_numpy()[np.unique(codes(later), return_index=True)[1]]
    better = one.per_query - other.per_query
    return [better[told & (day == each)] for each in np.unique(day)]


def compared(days, *, clustered, method):
    """The gain over some days, as a gate would measure it: of a loss, since a loss of one row is the row itself."""
    better = np.concatenate(days)
    day = np.repeat(np.arange(len(days)), [len(each) for each in days])
    return metrics.compare(
        np.zeros(len(better)), 1 - better, np.ones(len(better)), metric="mae", margin=0.0, method=method,
        cluster=day if clustered else None,
    )  # fmt: skip


WAYS = {
    "queries as if independent": {"clustered": False, "method": "cluster_t"},
    "sign flips of days": {"clustered": True, "method": "sign_flip"},
}


def below(days, weeks):
    """The share of weeks whose lower 95% bound lies below the true gain, each way."""
    truth = compared(days, clustered=True, method="cluster_t").gain
    rng = np.random.default_rng(1)
    drawn = [[days[index] for index in rng.integers(0, len(days), 7)] for _ in range(weeks)]
    return {name: np.mean([compared(week, **way).lower <= truth for week in drawn]) for name, way in WAYS.items()}


def main(weeks):
    project = config.load(FOLDER)
    rows = year(project)
    print("| serves since | judged days | queries | gain in NDCG@10 | design effect | " + " | ".join(WAYS) + " |")
    print("|---" * (5 + len(WAYS)) + "|")
    effects, shares = [], []
    for served in SERVED:
        days = days_of(project, rows, served)
        found = compared(days, clustered=True, method="cluster_t")
        effects.append(found.design_effect)
        shares.append(list(below(days, weeks).values()))
        line = f"{served:%Y-%m-%d} | {len(days)} | {found.n_queries:,} | {found.gain:+.4f} | {effects[-1]:.1f} | "
        print(f"| {line}" + " | ".join(f"{100 * share:.1f}%" for share in shares[-1]) + " |", flush=True)
    medians = [f"{100 * share:.1f}%" for share in np.median(shares, axis=0)]
    print(f"| median | | | | {np.median(effects):.1f} | " + " | ".join(medians) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
