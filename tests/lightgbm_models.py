"""Genuine LightGBM models of every kind, and ways to damage one. Trains in the process that imports it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import lightgbm as lgb
import numpy as np

from ctcore.train import ModelFiles
from ctcore.train._lightgbm import write_canary

FEATURES = 6


def rows(rng, size=600):
    """Numbers, one with ties, one with missing values, one of categories, one constant."""
    x = rng.normal(size=(size, FEATURES))
    x[:, 1] = rng.integers(0, 10, size)
    x[rng.random(size) < 0.2, 2] = np.nan
    x[:, 3] = rng.integers(0, 70, size)
    x[:, 4] = 1.0
    x[rng.random(size) < 0.5, 5] = 0.0
    return x


def positive(y):
    return np.abs(y) + 0.1


def share(y):
    return 1 / (1 + np.exp(-y))


def grades(y):
    return np.digitize(y, [-1, 0, 1]).astype(float)


KINDS = [
    # settings, label, and what else the data set is told
    ({"objective": "regression"}, None, {}),
    ({"objective": "binary"}, lambda y: (y > 0).astype(float), {}),
    ({"objective": "multiclass", "num_class": 4}, grades, {}),
    ({"objective": "lambdarank"}, grades, {"group": [20] * 30}),
    ({"objective": "regression", "min_data_per_group": 3, "cat_smooth": 1}, None, {"categorical_feature": [1, 3]}),
    ({"objective": "regression", "linear_tree": True}, None, {}),
    ({"objective": "quantile", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, None, {}),
    ({"objective": "poisson", "boosting": "dart"}, positive, {}),
    ({"objective": "tweedie", "zero_as_missing": True}, positive, {}),
    ({"objective": "cross_entropy", "use_missing": False}, share, {}),
    ({"objective": "multiclassova", "num_class": 4}, grades, {}),
    ({"objective": "rank_xendcg"}, grades, {"group": [20] * 30}),
    ({"objective": "fair", "monotone_constraints": [1, 0, 0, 0, -1, 0]}, None, {}),
    ({"objective": "mape", "extra_trees": True}, positive, {}),
    ({"objective": "regression", "max_bin": 15, "path_smooth": 1.0}, np.zeros_like, {}),  # trees of one leaf
]


def genuine(seed):
    """Train a small model whose kind goes with the seed."""
    rng = np.random.default_rng(seed)
    settings, label, told = KINDS[seed % len(KINDS)]
    x = rows(rng)
    # That a value is missing tells more than its amount: splits on nothing else have an infinite threshold.
    y = x[:, 0] + np.sin(x[:, 3]) + 3 * np.isnan(x[:, 2]) + 0.1 * rng.normal(size=len(x))
    settings = settings | {"num_leaves": int(rng.integers(2, 40)), "min_data_in_leaf": 3}
    settings |= {"verbosity": -1, "num_threads": 1, "seed": seed, "deterministic": True}
    names = [f"größe_{i}" if seed % 3 == 0 else f"f{i}" for i in range(FEATURES)]
    data = lgb.Dataset(x, label=label(y) if label else y, feature_name=names, params=settings, **told)
    return of_booster(lgb.train(settings, data, num_boost_round=int(rng.integers(1, 30))))


def of_booster(booster):
    """Give a booster as a registered model's files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        booster.save_model(str(folder / "model.txt"))
        write_canary(folder)
        return ModelFiles({path.name: path.read_bytes() for path in folder.iterdir()}, "lightgbm", {})


def damaged(text, rng):
    """Damage a text; every other time its sizes are put right again, as one would who means harm."""
    text = damaged_somewhere(text, rng)
    return resized(text) if rng.random() < 0.5 else text


def resized(text):
    sizes = b" ".join(b"%d" % len(tree) for tree in re.findall(rb"Tree=.*?\n\n\n", text, re.DOTALL))
    return re.sub(rb"tree_sizes=[^\n]*", b"tree_sizes=" + sizes, text)


def damaged_somewhere(text, rng):
    """Damage a text in one of ten ways."""
    text, size = bytearray(text), len(text)
    at, other = (int(value) for value in rng.integers(0, size, 2))
    low, high = min(at, other), min(max(at, other), min(at, other) + 200)
    lines = bytes(text).split(b"\n")
    line, second = (int(value) for value in rng.integers(0, len(lines), 2))
    way = rng.integers(0, 10)
    if way == 0:
        text[at] ^= 1 << int(rng.integers(0, 8))
    elif way == 1:
        return bytes(text[:at])
    elif way == 2:
        del text[low:high]
    elif way == 3:
        text[at:at] = text[low:high]
    elif way == 4:
        lines[line], lines[second] = lines[second], lines[line]
        return b"\n".join(lines)
    elif way == 5:
        del lines[line]
        return b"\n".join(lines)
    elif way in (6, 7, 8):  # one number becomes another
        spans = numbers(bytes(text))
        start, end = spans[int(rng.integers(0, len(spans)))]
        if way == 6:
            place = int(rng.integers(start, end))
            text[place] = ord(str(rng.integers(0, 10)))
        elif way == 7:
            extreme = [
                b"-1",
                b"0",
                b"1",
                b"99999999999",
                b"-99999999999",
                b"1e308",
                b"nan",
                b"-inf",
                b"4294967295",
                b"",
            ]
            text[start:end] = extreme[int(rng.integers(0, len(extreme)))]
        else:
            first, last = spans[int(rng.integers(0, len(spans)))]
            text[start:end] = text[first:last]
    else:
        text[low:high] = bytes(rng.integers(32, 127, high - low, dtype=np.uint8))
    return bytes(text)


def numbers(text):
    """Give where the numbers of the header and of the trees lie."""
    spans, start = [], None
    for place, byte in enumerate(text[: text.index(b"end of trees")]):
        inside = chr(byte) in "0123456789.-+e"
        if inside and start is None:
            start = place
        elif not inside and start is not None:
            spans.append((start, place))
            start = None
    return spans
