"""A replay whose every number is known beforehand: what each proof promotes, had proven and then gave."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from conftest import SmallProject
from ctcore import config, data, replay
from ctcore.report import replay_html, replay_text

QUERIES = 4  # a day, of two documents with grades 1 and 0: NDCG@1 is the share of queries that are ranked right
# A model is a column to rank by. For each week from 2024-01-01: on how many of the day's queries each ranks right.
RIGHT = {
    "a": [[1] * 7] * 3 + [[4] * 7] * 3 + [[4, 3, 4, 3, 4, 3, 4], [4] * 7],
    "b": [[4] * 7] * 3 + [[2, 3, 2, 3, 2, 3, 2]] * 3 + [[2] * 7, [3] * 7],
}
# A run at the end of week w learns from the weeks w - 2 and w - 1, is judged on week w, and followed by week w + 1.
# 2024-01-29 (w = 3) learns from weeks 1 and 2: b. 2024-02-05 from 2 and 3: b is right on 28 + 17 queries, a on 7 + 28.
# From 2024-02-12 on, which learns from 3 and 4, it is a.
LEARNED = ["b", "b", "a", "a"]
TRAINER = """
def right(table, column):
    values, grades = table[column].to_numpy(), table["grade"].to_numpy()
    return sum((values[::2] > values[1::2]) == (grades[::2] > grades[1::2]))
def fit(table, columns, folder, parameters):
    (folder / "column").write_text(max(["a", "b"], key=lambda column: right(table, column)))
def predict(table, columns, folder):
    return table[(folder / "column").read_text()].to_numpy()
"""


def flip(rng, right):
    """Scores of two documents, of which the first is the better one."""
    worse, better = 0.5 * rng.random(), 0.5 + 0.5 * rng.random()
    return (better, worse) if right else (worse, better)


def history():
    rng = np.random.default_rng(0)
    columns = {name: [] for name in ("time", "query", "a", "b", "grade")}
    days = [(a, b) for weeks in zip(RIGHT["a"], RIGHT["b"], strict=True) for a, b in zip(*weeks, strict=True)]
    for day, right in enumerate(days):
        for query in range(QUERIES):
            columns["time"] += [np.datetime64("2024-01-01T00:00", "us") + np.timedelta64(day, "D")] * 2
            columns["query"] += [day * QUERIES + query] * 2
            columns["grade"] += [1, 0]
            for name, count in zip("ab", right, strict=True):
                columns[name] += flip(rng, query < count)
    time = pa.array(np.array(columns.pop("time"))).cast(pa.timestamp("us", "UTC"))
    return pa.table({"time": time} | columns)


def gain(week, candidate, production):
    """The relative gain over a week, and its bounds: the 6th least and greatest of the gains of all sets of days."""
    days = [(c, p) for c, p in zip(RIGHT[candidate][week], RIGHT[production][week], strict=True)]
    sets = [chosen for size in range(1, 8) for chosen in combinations(days, size)]
    gains = sorted(Fraction(sum(c - p for c, p in chosen), sum(p for _, p in chosen)) for chosen in sets)
    assert len(gains) == 127  # the true gain lies below the 6th with probability 6 / 128, at most 5%
    return Fraction(sum(c - p for c, p in days), sum(p for _, p in days)), gains[5], gains[-6]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = SmallProject(tmp_path_factory.mktemp("replay"))
    project.rows(history())
    project.write("train.py", TRAINER)
    project.toml(
        "parameters = {num_iterations = 5, num_leaves = 7, min_data_in_leaf = 5}",
        'trainer = "callable"\ncallable = "train.py:fit"\npredict_callable = "train.py:predict"',
    )
    project.toml('window = "20d"', 'window = "14d"')
    project.toml('accepted = ["a"]', 'accepted = ["a", "b"]')
    project.toml('metric = "ndcg@5"\nmargin = "1%"', 'metric = "ndcg@1"\nmargin = "40%"\nimplausible_gain = "90%"')
    return project


@pytest.fixture(scope="module")
def found(project, tmp_path_factory):
    loaded = config.load(project.folder)
    first, last = (data.instant(text, loaded.zone) for text in ("2024-01-29", "2024-02-19"))
    every = data.duration("7d")
    registry = tmp_path_factory.mktemp("registry") / "replay"
    return replay.replay(loaded, replay.dates(first, last, every), every=every, registry=registry)


def test_the_models_are_those_that_the_test_says(found):
    assert [week.candidate for week in found.weeks] == [1, 1, 2, 2]  # a model that is learned again is the same version
    # Queries of a day that each ranks right, in the week after each run.
    shares = {
        "a": [4, 4, 25 / 7, 4],
        "b": [17 / 7, 17 / 7, 2, 3],
    }
    weekly = [shares[column][index] / QUERIES for index, column in enumerate(LEARNED)]
    assert [week.following["weekly"] for week in found.weeks] == pytest.approx(weekly, rel=1e-12)
    assert [week.following["frozen"] for week in found.weeks] == pytest.approx(np.array(shares["b"]) / 4, rel=1e-12)


def test_what_a_promotion_had_proven_and_what_the_next_week_confirmed(found):
    """Without chance: sums of the table above, and the gains of all sets of its days."""
    paths = {path.proof: path for path in found.paths}
    assert list(paths) == ["margin", "better", "not_worse", "point"]
    # On week 5, b is beaten by 28 to 17 with a lower bound of 1/3: better, not worse, 40% as measured, no proven 40%.
    # On week 6, by 25 to 14 with a lower bound of 1/2: that is proven 40%, for whom b still serves.
    judged = {"margin": ("2024-02-19", 6), "better": ("2024-02-12", 5), "not_worse": ("2024-02-12", 5)}
    for proof, (as_of, week) in (judged | {"point": ("2024-02-12", 5)}).items():
        (promotion,) = paths[proof].promotions
        measured, proven, _ = gain(week, "a", "b")
        confirmed, lower, upper = gain(week + 1, "a", "b")
        assert (promotion.as_of[:10], promotion.candidate, promotion.production) == (as_of, 2, 1)
        assert promotion.gain == pytest.approx(float(measured), rel=1e-12)
        assert promotion.proven == (None if proof == "point" else pytest.approx(float(proven), rel=1e-12))
        assert promotion.confirmed == pytest.approx(float(confirmed), rel=1e-12)
        bounds = (promotion.confirmed_lower, promotion.confirmed_upper)
        assert bounds == pytest.approx((float(lower), float(upper)), rel=1e-12)
    assert gain(5, "a", "b")[:2] == (Fraction(11, 17), Fraction(1, 3))
    assert gain(6, "a", "b") == (Fraction(11, 14), Fraction(1, 2), 1)
    assert gain(7, "a", "b") == (Fraction(1, 3),) * 3


def test_what_each_proof_costs(found):
    right = {"weekly": 17 + 17 + 25 + 28, "frozen": 17 + 17 + 14 + 21, "gated": 17 + 17 + 14 + 28}
    right["margin"] = right["gated"]
    right |= dict.fromkeys(["better", "not_worse", "point"], right["weekly"])
    assert found.means == pytest.approx({name: count / 112 for name, count in right.items()}, rel=1e-12)
    assert found.promotions == 1


TEXT = """\
ranker: ndcg@1 on the 7 days after each run
as of       gain on the holdout          outcome   frozen  weekly   gated  queries  serves
──────────────────────────────────────────────────────────────────────────────────────────
2024-01-29  -                            promoted  0.6071  0.6071  0.6071  28 (-0)      v1
2024-02-05  +0.00% [+0.00%, +0.00%]      gate      0.6071  0.6071  0.6071  28 (-0)      v1
2024-02-12  +64.71% [+33.33%, +100.00%]  gate      0.5000  0.8929  0.5000  28 (-0)      v1
2024-02-19  +78.57% [+50.00%, +100.00%]  promoted  0.7500  1.0000  1.0000  28 (-0)      v2

mean                                     1 of 3    0.6161  0.7768  0.6786
The gate (proven at least 40% better) opened 1 of 3 times and cost 0.0982 against weekly.
outcome: promoted, or the step at which the run stopped.
queries: (-n) were left out, all their labels being equal.

What each proof costs, each with a production model of its own:
proof      what it asks                                  opened    mean  vs weekly  vs frozen
─────────────────────────────────────────────────────────────────────────────────────────────
margin     proven at least 40% better                         1  0.6786    -0.0982    +0.0625
better     proven better                                      1  0.7768    +0.0000    +0.1607
not_worse  proven not 40% worse, and better as measured       1  0.7768    +0.0000    +0.1607
point      40% better as measured, without proof              1  0.7768    +0.0000    +0.1607

The gain that each promotion measured and had proven, and what followed:
proof      promoted       over  measured     proven  the 7 days that followed
────────────────────────────────────────────────────────────────────────────────
margin     2024-02-19 v2  v1     +78.57%  > +50.00%  +33.33% [+33.33%, +33.33%]

better     2024-02-12 v2  v1     +64.71%  > +33.33%  +78.57% [+50.00%, +100.00%]

not_worse  2024-02-12 v2  v1     +64.71%  > +33.33%  +78.57% [+50.00%, +100.00%]

point      2024-02-12 v2  v1     +64.71%          -  +78.57% [+50.00%, +100.00%]
"""


def test_the_text_says_it_all_side_by_side(found):
    assert replay_text(found, colour=False) == TEXT


def test_the_text_fits_a_hundred_columns(found):
    """As wide as the flights: a baseline, three-digit versions, hundreds of queries."""
    wide = [
        replace(
            week,
            production=123,
            n_queries=368,
            n_constant=13,
            following=week.following | {"baseline": 0.5},
            gain=0.1099,
            lower=0.0321,
            upper=0.1837,
        )
        for week in found.weeks
    ]
    lines = replay_text(replace(found, weeks=tuple(wide)), colour=False).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("+10.99% [+3.21%, +18.37%]" in line for line in lines) == 4  # on one line each


def test_the_page_says_the_same(found):
    text = re.sub(r"\s*</?t[dr][^>]*>\s*", " ", replay_html(found))
    for words in (
        "margin 2024-02-19 v2 v1 +78.57% +50.00% +33.33% [+33.33%, +33.33%]",
        "better 2024-02-12 v2 v1 +64.71% +33.33% +78.57% [+50.00%, +100.00%]",
        "point 2024-02-12 v2 v1 +64.71% - +78.57% [+50.00%, +100.00%]",
        "margin proven at least 40% better 1 0.6786 -0.0982",
    ):
        assert words in " ".join(text.split())


def test_a_week_says_which_check_of_the_gate_stopped_it(found):
    assert "no production model to beat" in found.weeks[0].why
    assert found.weeks[1].why.startswith("proven to be less: gain over production +0.00%")
    assert found.weeks[2].why.startswith("cannot be told: gain over production +64.71%")
    assert found.weeks[3].why.startswith("proven: gain over production +78.57%")
