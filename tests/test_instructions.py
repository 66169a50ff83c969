"""What a row costs, in instructions of the core: a machine's load does not move it, as it moves every time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

QUERIES = 1_000
MANY = "ndcg,dcg,map,mrr,precision,recall,f1,hit_rate,success,rbp,err"
CODE = f"""
import sys
import numpy as np
from ctcore import _core, metrics
_core.set_threads(1)
rng = np.random.default_rng(1)
grades = rng.integers(0, 5, 100 * {QUERIES}, dtype=np.uint8)
scores = rng.permutation(100 * {QUERIES}).astype(np.float32)
sizes = np.full({QUERIES}, 100)
if sys.argv[1] == "ndcg@10":
    metrics.ndcg(grades, scores, group=sizes, k=10)
else:
    names = [f"{{name}}@{{k}}" for name in sys.argv[1].split(",") for k in (1, 3, 5, 10)]
    metrics.evaluate(grades, scores, metrics=names, group=sizes)
"""


def instructions(work, folder):
    """Those a row that callgrind counts inside of the core."""
    counted = folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counted}", sys.executable, "-c", CODE, work]
    seed = {"PYTHONHASHSEED": "0"}
    subprocess.run(command, capture_output=True, check=True, env=os.environ | seed)
    command = ["callgrind_annotate", "--threshold=100", str(counted)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    of_core = [line for line in lines if "ctcore/_core" in line]
    assert of_core
    return sum(int(re.match(r"\s*([\d,]+)", line)[1].replace(",", "")) for line in of_core) / (100 * QUERIES)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind, which counts instructions, is not installed")
def test_a_row_costs_few_instructions(tmp_path):
    one, many = instructions("ndcg@10", tmp_path), instructions(MANY, tmp_path)
    print(f"\n{one:.1f} instructions a row for ndcg@10, {many:.1f} for eleven metrics at four cutoffs")
    assert 5 < one < 55
    assert many < 3 * one
