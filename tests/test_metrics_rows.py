"""Classification and regression against scikit-learn, with weights and ties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from ctcore import metrics
from ctcore.errors import ArgumentError


def two_classes(seed, rows=2_000):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, rows)
    probability = np.clip(np.round(0.3 * target + rng.uniform(0, 0.7, rows), 2), 0, 1)
    assert len(np.unique(probability)) < 0.3 * rows  # most rows are tied
    return target, probability, rng.integers(0, 5, rows) + rng.uniform(0, 1, rows)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_two_classes_equal_scikit_learn(weighted):
    target, probability, weight = two_classes(1)
    ours, theirs = ({"weight": weight}, {"sample_weight": weight}) if weighted else ({}, {})
    for mine, other in [
        (metrics.roc_auc, sk.roc_auc_score),
        (metrics.pr_auc, sk.average_precision_score),
        (metrics.log_loss, sk.log_loss),
        (metrics.brier, sk.brier_score_loss),
    ]:
        value = mine(target, probability, **ours)
        assert mine(target == 1, probability, **ours) == value
        assert value == pytest.approx(other(target, probability, **theirs), rel=1e-12), mine.__name__
    found = metrics.confusion(target, probability, threshold=0.4, **ours)
    predicted = probability >= 0.4
    for name, other in [
        ("accuracy", sk.accuracy_score),
        ("precision", sk.precision_score),
        ("recall", sk.recall_score),
        ("f1", sk.f1_score),
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("mcc", sk.matthews_corrcoef),
    ]:
        assert getattr(found, name) == pytest.approx(other(target, predicted, **theirs), rel=1e-12), name
    specificity = sk.recall_score(target, predicted, pos_label=0, **theirs)
    assert found.specificity == pytest.approx(specificity, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_equals_scikit_learn(weighted):
    rng = np.random.default_rng(2)
    target, prediction = rng.normal(1, 3, (2, 5_000))
    weight = rng.uniform(0, 2, 5_000)
    ours, theirs = ({"weight": weight}, {"sample_weight": weight}) if weighted else ({}, {})
    for mine, other in [
        (metrics.mae, sk.mean_absolute_error),
        (metrics.mse, sk.mean_squared_error),
        (metrics.rmse, sk.root_mean_squared_error),
        (metrics.mape, sk.mean_absolute_percentage_error),
        (metrics.r2, sk.r2_score),
    ]:
        assert mine(target, prediction, **ours) == pytest.approx(other(target, prediction, **theirs), rel=1e-12)
    value = metrics.quantile_loss(target, prediction, quantile=0.9, **ours)
    assert value == pytest.approx(sk.mean_pinball_loss(target, prediction, alpha=0.9, **theirs), rel=1e-12)


def test_calibration_error_equals_its_definition():
    rng = np.random.default_rng(3)
    probability = rng.permutation(np.linspace(0, 1, 1_000))
    target = (rng.uniform(size=1_000) < probability**2).astype(int)
    order = np.argsort(probability)
    bins = np.split(order, 20)
    expected = np.mean([abs(probability[rows].mean() - target[rows].mean()) for rows in bins])
    assert metrics.ece(target, probability, bins=20) == pytest.approx(expected, rel=1e-12)
    again = metrics.ece(target, probability, bins=20, weight=np.full(1_000, 0.1))
    assert again == pytest.approx(expected, rel=1e-9)
    tied = np.round(probability, 1)
    assert metrics.ece(target[::-1], tied[::-1]) == pytest.approx(metrics.ece(target, tied), rel=1e-12)


def test_scaling_weights_changes_nothing():
    target, probability, weight = two_classes(4)
    for metric in (metrics.roc_auc, metrics.pr_auc, metrics.log_loss, metrics.brier, metrics.ece):
        value = metric(target, probability, weight=weight)
        assert metric(target, probability, weight=weight * 8) == pytest.approx(value, rel=1e-12), metric.__name__


def test_what_has_no_value_is_nan_or_an_error():
    assert math.isnan(metrics.roc_auc([1, 1], [0.1, 0.2]))
    assert math.isnan(metrics.pr_auc([0, 0], [0.1, 0.2]))
    assert math.isnan(metrics.r2([1.0, 1.0], [0.1, 0.2]))
    assert math.isnan(metrics.confusion([0, 0], [0.1, 0.2]).precision)
    for call, words in [
        (lambda: metrics.mape([0.0], [1.0]), "other than 0"),
        (lambda: metrics.brier([1], [1.5]), r"probability in \[0, 1\], found 1.5"),
        (lambda: metrics.log_loss([1], [-0.5]), "found -0.5 in row 0"),
        (lambda: metrics.roc_auc([2], [0.5]), "must be 0 or 1, found 2"),
        (lambda: metrics.roc_auc([1], [np.nan]), "NaN"),
        (lambda: metrics.quantile_loss([1.0], [1.0], quantile=2), "quantile"),
        (lambda: metrics.mae([1.0], [1.0], weight=[-1.0]), "weight"),
    ]:
        with pytest.raises(ArgumentError, match=words):
            call()
