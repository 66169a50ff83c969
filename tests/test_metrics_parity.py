"""Some inputs of benches/parity.py, which makes the matrix of docs/metrics.md, with the peers that tests have."""

from __future__ import annotations

import runpy
from collections import defaultdict

import numpy as np
import pytest

from conftest import ROOT


@pytest.mark.filterwarnings("ignore")  # of constant scores, here and there
def test_every_peer_on_random_inputs():
    parity = runpy.run_path(str(ROOT / "benches" / "parity.py"), run_name="parity")
    rng, found, rows, tied = np.random.default_rng(1), defaultdict(list), 0, 0
    for _ in range(20):
        grades, scores, sizes, query, weight = parity["random_input"](rng)
        parity["trec"](grades, scores, query, found)
        parity["scikit_learn"](grades, scores, sizes, weight, found)
        parity["scipy"](grades, scores, sizes, found)
        parity["lightgbm"](grades, scores, sizes, weight, found)
        parity["numpy"](grades, scores, sizes, found)
        rows, tied = rows + len(grades), tied + parity["tied_rows"](scores, query)
    assert tied > 0.3 * rows > 100
    largest = {key: np.max(differences) for key, differences in found.items()}
    assert len(largest) == 51
    assert {key: each for key, each in largest.items() if not each < parity["APART"]} == {}
