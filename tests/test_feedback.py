"""Feedback loops: a recommender that feeds on itself is told from one that explores, and real logs are read right."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest

from conftest import ROOT, ctcore
from ctcore import metrics, validate
from ctcore.errors import ArgumentError, ColumnTypeError
from ctcore.verdict import Verdict

ITEMS = 100
EVERYTHING = {"gini", "effective_catalogue", "coverage", "amplification", "self_selected", "exploration"}
EVERYTHING |= {"propensity", "mean_weight", "on_policy_gap"}
BANDIT = ROOT.parent / "shared" / "data" / "open_bandit"


def recommender(*, explore, generations=8, rows=20_000, seed=0, weighted=True):
    """A recommender that shows items as often as they were clicked in what it showed itself.

    A share `explore` is chosen by chance. With it, clicks are weighted by propensity, and the model learns how good
    items are; without it, it learns how often it showed them, and every generation multiplies what it believes.
    """
    rng = np.random.default_rng(seed)
    appeal = rng.beta(2, 8, ITEMS)
    policy = np.full(ITEMS, 1 / ITEMS)
    log = []
    for generation in range(generations):
        propensity = (1 - explore) * policy + explore / ITEMS
        chance = rng.random(rows) < explore
        item = np.where(chance, rng.integers(0, ITEMS, rows), rng.choice(ITEMS, rows, p=policy))
        click = (rng.random(rows) < appeal[item]).astype(float)
        weight = 1 / propensity[item] if explore and weighted else np.ones(rows)
        learned = np.bincount(item, click * weight, ITEMS) + 1e-9
        policy = learned / learned.sum()
        log.append(
            pa.table(
                {
                    "item": item,
                    "model_version": [f"v{generation}"] * rows,
                    "shown_at": pa.array(np.arange(rows) + generation * rows, pa.timestamp("s")),
                    "propensity": propensity[item],
                    "exploration": chance,
                    "outcome": click,
                }
            )
        )
    return pa.concat_tables(log)


def found(log, **options):
    report = validate.feedback(log, catalogue=np.arange(ITEMS), **options)
    json.dumps(report.to_dict(), allow_nan=False)
    return report, {check.id.removeprefix("feedback."): check for check in report.checks}


def test_without_exploration_the_catalogue_collapses():
    report, checks = found(recommender(explore=0.0))
    assert checks["effective_catalogue"].verdict is Verdict.FAIL
    assert checks["gini"].verdict is Verdict.WARN
    assert checks["self_selected"].verdict is Verdict.FAIL
    assert checks["exploration"].verdict is Verdict.FAIL
    sizes = [each.effective_catalogue for each in report.generations]
    assert sizes[0] > 95
    assert sizes[-1] < 25
    assert sizes == sorted(sizes, reverse=True)


def test_with_exploration_and_weights_it_does_not():
    report, checks = found(recommender(explore=0.1))
    assert report.verdict is Verdict.PASS, [check.message for check in report.checks]
    sizes = [each.effective_catalogue for each in report.generations]
    assert min(sizes[1:]) > 0.9 * sizes[1]
    newest = report.generations[-1]
    assert newest.self_selected == pytest.approx(0.9, abs=0.02)
    assert newest.exploration == pytest.approx(0.1, abs=0.02)
    assert newest.mean_weight == pytest.approx(1.0, abs=0.02)
    assert checks["on_policy_gap"].value > 0  # what the model chooses is better than chance


def test_exploration_that_is_not_learned_from_only_slows_the_collapse():
    fast, slow = (found(recommender(explore=share, weighted=False))[0].generations[-1] for share in (0.0, 0.3))
    assert fast.effective_catalogue < slow.effective_catalogue < 90


def test_the_numbers_are_those_of_the_metrics():
    log = recommender(explore=0.1, generations=1)
    one = found(log)[0].generations[0]
    expected = metrics.exposure(log["item"].to_numpy(), catalogue=np.arange(ITEMS))
    assert (one.gini, one.coverage) == (expected.gini, expected.coverage)
    assert one.effective_catalogue == pytest.approx(np.exp(expected.entropy))
    target = np.full(log.num_rows, 1 / ITEMS)
    policy = metrics.off_policy(log["outcome"].to_numpy(), log["propensity"].to_numpy(), target=target)
    assert one.effective_sample_size == pytest.approx(policy.effective_sample_size)


def test_generations_of_unequal_size_are_compared_at_the_size_of_the_smallest():
    log = recommender(explore=1.0, generations=3)
    uneven = pa.concat_tables([log.slice(0, 20_000), log.slice(20_000, 20_000), log.slice(40_000, 800)])
    report, checks = found(uneven)
    assert checks["gini"].verdict is Verdict.PASS
    ginis = [each.gini for each in report.generations]
    assert max(ginis) - min(ginis) < 0.05  # 20,000 showings alone would have 0.04, 800 of them 0.2
    assert found(log.slice(59_000))[1]["gini"].verdict is Verdict.INSUFFICIENT  # one generation


def test_amplification_is_measured_against_what_people_choose():
    rng = np.random.default_rng(0)
    organic = rng.choice(ITEMS, 20_000, p=(share := rng.beta(2, 8, ITEMS)) / share.sum())
    collapsing, checks = found(recommender(explore=0.0), organic=organic)
    assert checks["amplification"].verdict is Verdict.WARN
    assert collapsing.generations[-1].amplification > 0.3
    steady = found(recommender(explore=0.1), organic=organic)[1]["amplification"]
    assert steady.verdict is Verdict.PASS


# ---------------------------------------------------------------- over generations


def part(log, generation):
    return log.filter(pa.compute.equal(log["model_version"], f"v{generation}"))


def with_shares(shares, *, rows=4_000):
    """A version for each share of showings that chance chooses."""
    parts = [part(recommender(explore=share, generations=i + 1, rows=rows), i) for i, share in enumerate(shares)]
    return pa.concat_tables(parts)


def test_exploration_that_is_taken_back_is_said_before_it_is_too_little():
    checks = found(with_shares([0.5, 0.4, 0.3, 0.2]))[1]
    assert (checks["self_selected"].verdict, checks["exploration"].verdict) == (Verdict.WARN, Verdict.WARN)
    assert "a share that has risen for 3 generations" in checks["self_selected"].message
    assert "the share has fallen for 3 generations" in checks["exploration"].message
    given_back = found(with_shares([0.5, 0.2, 0.3, 0.4]))[1]
    assert (given_back["self_selected"].verdict, given_back["exploration"].verdict) == (Verdict.PASS, Verdict.PASS)


def test_old_generations_are_not_held_against_what_has_been_mended_but_their_propensities_are():
    mended = found(with_shares([0.0, 0.0, 0.3]))[1]
    assert mended["self_selected"].verdict is Verdict.PASS
    assert mended["exploration"].verdict is Verdict.PASS
    log = recommender(explore=0.3, generations=4)
    wrong = log["propensity"].to_numpy() * np.where(np.asarray(log["model_version"].to_pylist()) == "v1", 0.8, 1)
    check = found(log.set_column(3, "propensity", pa.array(wrong)))[1]["mean_weight"]
    assert check.verdict is Verdict.FAIL
    assert check.message.startswith("the mean weight of v1 ")


def test_a_generation_of_few_showings_is_left_out_of_the_comparison():
    log = recommender(explore=1.0, generations=4, rows=2_000)
    cut = log.slice(1_990)  # ten showings are left of the first version
    report, checks = found(cut)
    assert checks["gini"].verdict is Verdict.PASS
    assert np.isnan(report.generations[0].gini)
    assert not np.isnan(report.generations[1].gini)
    begun = found(log.slice(0, 6_010))[1]  # ten showings of the newest
    assert begun["gini"].verdict is Verdict.INSUFFICIENT
    assert "the newest generation shows an item 0.1 times on average" in begun["gini"].message
    assert begun["exploration"].verdict is Verdict.INSUFFICIENT


def test_items_may_have_names():
    log = recommender(explore=0.1, rows=2_000)
    named = log.set_column(0, "item", pa.array([f"item {each:03}" for each in log["item"].to_pylist()]))
    report = validate.feedback(named, catalogue=[f"item {each:03}" for each in range(ITEMS)])
    assert report.generations == found(log)[0].generations


def test_few_labels_do_not_prove_that_none_was_left_to_chance():
    log = recommender(explore=0.0, generations=2, rows=1_000)
    known = np.arange(2_000) < 1_000 + 250
    few = log.set_column(5, "outcome", pa.array(np.where(known, log["outcome"].to_numpy(), np.nan)))
    assert found(few)[1]["self_selected"].verdict is Verdict.INSUFFICIENT  # 299 without one would prove 99%
    assert found(log)[1]["self_selected"].verdict is Verdict.FAIL


# ---------------------------------------------------------------- what is missing, what is wrong


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        ("propensity", {"propensity", "mean_weight", "exploration"}),
        ("exploration", {"exploration", "self_selected", "on_policy_gap"}),
        ("outcome", {"self_selected", "on_policy_gap"}),
        ("item", EVERYTHING),
        ("model_version", EVERYTHING),
        ("shown_at", EVERYTHING),
    ],
)
def test_a_missing_column_is_named(column, ids):
    report, checks = found(recommender(explore=0.1).drop_columns([column]))
    assert {id_ for id_, check in checks.items() if check.verdict is Verdict.NOT_RUN and check.required} == ids
    assert all(f"no column {column}" in checks[id_].message for id_ in ids)
    assert report.verdict is Verdict.NOT_RUN


def test_propensities_that_cannot_be_or_are_not_those_of_the_policy():
    log = recommender(explore=0.1)
    propensity = log["propensity"].to_numpy().copy()
    index = log.column_names.index("propensity")
    wrong = log.set_column(index, "propensity", pa.array(propensity * 0.8))
    assert found(wrong)[1]["mean_weight"].verdict is Verdict.FAIL
    propensity[:3] = [0.0, 1.5, np.nan]
    broken = found(log.set_column(index, "propensity", pa.array(propensity)))[1]
    assert (broken["propensity"].verdict, broken["propensity"].value) == (Verdict.FAIL, 3)
    of_few = log.append_column("candidates", pa.array([None, 0.0, *[float(ITEMS)] * (log.num_rows - 2)]))
    counted = found(of_few)[1]
    assert (counted["propensity"].verdict, counted["propensity"].value) == (Verdict.FAIL, 2)
    assert counted["mean_weight"].verdict is Verdict.PASS  # of the rows that can be weighted


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (
            lambda t: t.set_column(1, "model_version", pa.nulls(t.num_rows, pa.string())),
            ArgumentError,
            "2,000 rows are",
        ),
        (lambda t: t.set_column(0, "item", pa.array(["a"] * t.num_rows)), ColumnTypeError, "name items alike"),
        (lambda t: t.set_column(2, "shown_at", pa.array(["now"] * t.num_rows)), ColumnTypeError, "shown_at: must hold"),
        (lambda t: t.slice(0, 0), ArgumentError, "there is no row"),
        (lambda t: t.set_column(0, "item", pa.array([ITEMS] * t.num_rows)), ArgumentError, "not in the catalogue"),
        (lambda t: t.set_column(5, "outcome", pa.array(["x"] * t.num_rows)), ColumnTypeError, "outcome: must hold"),
    ],
)
def test_what_cannot_be_used_is_named(change, error, words):
    with pytest.raises(error, match=words):
        found(change(recommender(explore=0.1, generations=2, rows=1_000)))


# ---------------------------------------------------------------- how often it is wrong


@pytest.mark.parametrize("rows", [500, 2_000, 20_000])
def test_a_steady_recommender_raises_no_alarm(rows):
    alarms = 0
    for seed in range(20):
        _, checks = found(recommender(explore=1.0, rows=rows, generations=5, seed=seed))
        alarms += any(checks[id_].verdict is not Verdict.PASS for id_ in ("gini", "effective_catalogue", "coverage"))
        alarms += checks["mean_weight"].verdict is Verdict.FAIL
        alarms += checks["on_policy_gap"].verdict is Verdict.WARN
    assert alarms == 0


def test_a_collapse_is_always_found():
    for seed in range(10):
        _, checks = found(recommender(explore=0.0, rows=2_000, seed=seed))
        assert checks["effective_catalogue"].verdict is Verdict.FAIL


# ---------------------------------------------------------------- a real log


@pytest.mark.parametrize(("campaign", "items"), [("men", 34), ("women", 46), ("all", 80)])
def test_open_bandit(campaign, items):
    """ZOZO's logs of a random policy and of Thompson sampling, with their true propensities."""
    if not BANDIT.exists():
        pytest.skip(f"the Open Bandit data is not here: {BANDIT}")

    def log(name):
        table = pq.read_table(BANDIT / f"{name}_{campaign}.parquet")
        return pa.table(
            {
                "item": table["item_id"],
                "model_version": [name] * table.num_rows,
                "shown_at": table["timestamp"],
                "propensity": table["propensity_score"],
                "exploration": [name == "random"] * table.num_rows,
                "outcome": table["click"],
            }
        )

    def judged(table):
        report = validate.feedback(table, catalogue=np.arange(items))
        return report.generations[-1], {check.id.removeprefix("feedback."): check for check in report.checks}

    chance, checks = judged(log("random"))
    assert (chance.coverage, round(chance.mean_weight, 6), chance.effective_sample_size) == (1.0, 1.0, 10_000)
    assert chance.gini < 0.06
    assert {checks[id_].verdict for id_ in ("propensity", "mean_weight", "exploration")} == {Verdict.PASS}
    sampled, checks = judged(log("bts"))
    assert 0.6 < sampled.gini < 0.7
    assert sampled.effective_catalogue < items / 2 + 1
    assert checks["exploration"].verdict is Verdict.FAIL  # fewer than 1,000 effective showings of 10,000
    assert checks["mean_weight"].verdict in (Verdict.PASS, Verdict.INSUFFICIENT)


def test_the_command_judges_a_log(tmp_path):
    pq.write_table(recommender(explore=0.0, rows=2_000), tmp_path / "log.parquet")
    pq.write_table(pa.table({"item": np.arange(ITEMS)}), tmp_path / "items.parquet")
    command = ["check-feedback", "log.parquet", "--catalogue", "items.parquet"]
    found = ctcore(*command, "--format", "json", cwd=tmp_path)
    assert found.returncode == 1, found.stderr
    report = json.loads(found.stdout)
    assert (report["kind"], len(report["generations"])) == ("feedback", 8)
    pq.write_table(recommender(explore=0.0, rows=2_000).drop_columns(["shown_at"]), tmp_path / "log.parquet")
    unjudged = ctcore(*command, "--format", "json", cwd=tmp_path)
    assert (unjudged.returncode, "the log has no column shown_at" in unjudged.stdout) == (3, True)
