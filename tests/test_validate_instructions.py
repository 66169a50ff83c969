"""What a check costs, in instructions of the core by thread: a machine's load does not move them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

ROWS = 2 * 131_072
CODE = f"""
import sys
import numpy as np
import pyarrow as pa
from ctcore import _core
_core.set_threads(int(sys.argv[2]))
words = pa.array([letter * 20 + "!" for letter in "abcdefgh"])
codes = pa.array(np.random.default_rng(1).integers(0, 8, {ROWS}, dtype=np.int32))
column = pa.DictionaryArray.from_arrays(codes, words)
if sys.argv[1] == "text":
    column = column.dictionary_decode()
batch = pa.record_batch({{"s": column}})
rows = pa.Table.from_batches([batch.slice(start, 131_072) for start in range(0, {ROWS}, 131_072)])
found = _core.scan(rows, {{}}, [{{"test": "pattern", "columns": ["s"], "when": [], "pattern": "^([a-g]+)+!$"}}])
print(found["rules"][0]["count"])
"""
OF_CORE = re.compile(r"ctcore/_core|rust/ctcore|\.cargo/registry")
"""A line of callgrind names the library, or else the source."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("valgrind") is None, reason="valgrind, which counts instructions, is not installed"
    ),
]


def instructions(layout, threads, folder):
    """Those a row that callgrind counts inside of the core, of each thread; and the rows that break the rule."""
    folder = folder / f"{layout}{threads}"
    folder.mkdir()
    command = ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--fair-sched=yes",
               f"--callgrind-out-file={folder / 'out'}", sys.executable, "-c", CODE, layout, str(threads)]  # fmt: skip
    seed = {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | seed)
    of_threads = []
    for counted in sorted(folder.glob("out-*")):
        command = ["callgrind_annotate", "--threshold=100", "--auto=no", str(counted)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        found = [re.match(r"\s*([\d,]+) \(", line) for line in lines if OF_CORE.search(line)]
        of_threads.append(sum(int(each[1].replace(",", "")) for each in found if each) / ROWS)
    assert any(of_threads)
    return of_threads, int(done.stdout)


@pytest.fixture(scope="module")
def of_text(tmp_path_factory):
    return instructions("text", 1, tmp_path_factory.mktemp("text"))


def test_values_of_a_dictionary_are_judged_once_each(of_text, tmp_path):
    """A pattern of 21 letters costs hundreds of instructions; of a dictionary a row costs the look at its code."""
    text, expected = of_text
    coded, count = instructions("dictionary", 1, tmp_path)
    print(f"\n{sum(text):.0f} instructions a row of text, {sum(coded):.0f} a row of a dictionary of 8 values")
    assert count == expected
    assert sum(text) > 100
    assert 0.5 < sum(coded) < 30


def test_threads_share_the_rows(of_text, tmp_path):
    """With two threads each does a part of the same work."""
    alone, expected = of_text
    shared, count = instructions("text", 2, tmp_path)
    one, two = ([round(each) for each in found] for found in (alone, shared))
    print(f"\n{one} instructions a row with one thread, {two} with two")
    assert count == expected
    assert sum(shared) == pytest.approx(sum(alone), rel=0.3)  # each thread learns the pattern for itself
    assert sum(each > 1 for each in alone) == 1
    assert sorted(shared)[-2] > 0.2 * sum(shared)
