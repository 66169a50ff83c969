"""Model files are hostile until proven: genuine ones pass, altered ones are refused, nobody dies of either."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest

import lightgbm_models as models
from ctcore import train
from ctcore.errors import ArgumentError, ChildError
from ctcore.train import ModelFiles

GENUINE = int(os.environ.get("CTCORE_MODELS", "15"))
MUTANTS = int(os.environ.get("CTCORE_MUTANTS", "200"))


def alter(model, **files):
    changed = {name.replace("_", "."): data for name, data in files.items()}
    return ModelFiles(model.files | changed, model.kind, model.about)


@pytest.fixture(scope="module")
def model():
    return models.genuine(4)


@pytest.mark.slow
def test_genuine_models_of_every_kind_are_accepted():
    with ThreadPoolExecutor(2) as pool:
        refused = {
            seed: refusal
            for seed, refusal in enumerate(pool.map(train.prove, map(models.genuine, range(GENUINE))))
            if refusal
        }
    assert refused == {}


@pytest.mark.slow
def test_a_large_model_is_accepted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 10))
    data = lgb.Dataset(x, label=x[:, 0] * x[:, 1] + rng.normal(size=len(x)))
    settings = {"num_leaves": 255, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2}
    large = models.of_booster(lgb.train(settings, data, num_boost_round=150))
    assert len(large.files["model.txt"]) > 3_000_000
    assert train.prove(large) is None


@pytest.mark.slow
def test_no_altered_model_is_accepted_that_predicts_otherwise():
    """Each mutant lies beside the canary of the genuine model; its own digest would be right."""
    rng = np.random.default_rng(1)
    originals = [models.genuine(seed) for seed in range(len(models.KINDS))]
    x = np.concatenate([models.rows(rng, 3_000), 3 * models.rows(rng, 1_000)])
    expected = [lgb.Booster(model_str=each.files["model.txt"].decode()).predict(x) for each in originals]
    mutants = []
    while len(mutants) < MUTANTS:
        which = len(mutants) % len(originals)
        text = models.damaged(originals[which].files["model.txt"], rng)
        if text != originals[which].files["model.txt"]:
            mutants.append((which, text))

    def judge(mutant):
        which, text = mutant
        started = time.monotonic()
        refusal = train.prove(alter(originals[which], model_txt=text))
        return refusal, time.monotonic() - started

    with ThreadPoolExecutor(2) as pool:
        judged = list(pool.map(judge, mutants))
    stages = Counter(refusal.stage if refusal else "accepted" for refusal, _ in judged)
    for (which, text), (refusal, _) in zip(mutants, judged, strict=True):
        if refusal is None:  # then it is safe to load here
            found = lgb.Booster(model_str=text.decode()).predict(x)
            np.testing.assert_allclose(found, expected[which], rtol=1e-12, atol=1e-12)
        elif refusal.stage == "load":
            assert "longer than its limit" not in refusal.message
    print(f"\n{MUTANTS} mutants, by what refused them: {dict(stages)}; slowest {max(s for _, s in judged):.1f} s")
    assert stages["text"] > MUTANTS / 4
    assert stages["canary"] > MUTANTS / 100


@pytest.mark.parametrize("seed", range(len(models.KINDS)))
def test_the_canary_feels_every_number_that_rows_feel(seed):
    """Of leaves, coefficients and thresholds some are changed by a hair, one at a time."""
    rng = np.random.default_rng(seed)
    genuine = models.genuine(seed)
    text = genuine.files["model.txt"].decode()
    canary = pa.ipc.open_file(genuine.files["canary.arrow"]).read_all()
    probes = np.column_stack([canary[f"x{i}"].to_numpy() for i in range(models.FEATURES)])
    x = np.concatenate([models.rows(rng, 3_000), 3 * models.rows(rng, 1_000)])
    usual, at_probes = (lgb.Booster(model_str=text).predict(rows, num_threads=1) for rows in (x, probes))
    values = [
        number.span()
        for line in re.finditer(r"^(leaf_value|leaf_const|leaf_coeff|threshold)=(.*)$", text, re.MULTILINE)
        for number in re.compile(r"-?[0-9.]+(e[-+]?[0-9]+)?(?= |$)").finditer(text, *line.span(2))
    ]
    felt = 0
    for start, end in rng.permutation(values)[:40]:
        changed = text[:start] + repr(float(text[start:end]) * 1.03 + 1e-3) + text[end:]
        changed = models.resized(changed.encode()).decode()
        booster = lgb.Booster(model_str=changed)
        if not np.allclose(booster.predict(x, num_threads=1), usual, rtol=1e-9, atol=1e-9):
            felt += 1
            found = booster.predict(probes, num_threads=1)
            same = np.allclose(found, at_probes, rtol=1e-12, atol=1e-12, equal_nan=True)
            assert not same, text[text.rindex("\n", 0, start) : end][:80]
    assert felt or seed == len(models.KINDS) - 1  # trees of one leaf, all of them 0


def test_a_leaf_that_differs_in_one_digit_is_seen(model):
    text = model.files["model.txt"]
    start = text.index(b"leaf_value=") + len(b"leaf_value=")
    digit = text.index(b".", start) + 3
    other = b"7" if text[digit : digit + 1] != b"7" else b"3"
    refusal = train.prove(alter(model, model_txt=text[:digit] + other + text[digit + 1 :]))
    assert refusal is not None
    assert refusal.stage == "canary"
    assert "predictions are off" in refusal.message


def test_a_text_that_is_cut_is_refused_before_lightgbm_sees_it(model):
    refusal = train.prove(alter(model, model_txt=model.files["model.txt"][:-400]))
    assert refusal is not None
    assert refusal.stage == "text"


def test_a_model_without_its_canary_is_refused(model):
    bare = ModelFiles({"model.txt": model.files["model.txt"]}, "lightgbm", {})
    other = models.genuine(0).files["canary.arrow"]
    for refusal in (train.prove(bare), train.prove(alter(model, canary_arrow=other[:100]))):
        assert refusal is not None
        assert (refusal.stage, "cannot be read" in refusal.message) == ("canary", True)


def test_a_child_that_dies_of_a_model_is_a_refusal(model, monkeypatch):
    """No text is known that passes the parser and kills the loader; so the child is made to die."""

    def dies(*_, **__):
        raise ChildError("the proof was killed by SIGSEGV")

    monkeypatch.setattr("ctcore.train._child.run", dies)
    refusal = train.prove(model)
    assert refusal is not None
    assert (refusal.stage, "SIGSEGV" in refusal.message) == ("load", True)


def test_a_model_that_is_too_large_is_refused_unread(model, monkeypatch):
    monkeypatch.setattr("ctcore.train._train._MODEL_BYTES", 100)
    refusal = train.prove(model)
    assert refusal is not None
    assert refusal.stage == "size"


def test_a_program_cannot_be_proven():
    with pytest.raises(ArgumentError, match="a program of its own"):
        train.prove(ModelFiles({"m": b"x"}, "command", {}))


@pytest.mark.parametrize("name", ["model.txt", "canary.arrow"])
def test_what_was_altered_does_not_predict(model, name, tmp_path):
    import pyarrow as pa  # noqa: PLC0415

    columns = {"features": [f"f{i}" for i in range(models.FEATURES)]}
    table = pa.table({feature: [1.0] for feature in columns["features"]})
    about = {"columns": columns, "predict_callable": None, "predict_command": None}
    data = model.files[name]
    for files, good in ((model.files, True), (model.files | {name: data[: len(data) // 2]}, False)):
        made = ModelFiles(files, "lightgbm", about)
        if good:
            assert len(train.predict([made], table, project=tmp_path, limits=train.ChildLimits())[0]) == 1
        else:
            with pytest.raises(ChildError, match="was refused"):
                train.predict([made], table, project=tmp_path, limits=train.ChildLimits())
