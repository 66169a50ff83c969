"""The border: inputs it takes and refuses, forked children, Ctrl-C, threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow as pa
import pytest

from ctcore import _core, drift, metrics, validate
from ctcore.errors import ArgumentError, ColumnTypeError


def test_what_cannot_be_read_names_the_fix():
    strided = np.arange(10.0)[::2]
    with pytest.raises(TypeError, match="ascontiguousarray"):
        _core.mean(strided)
    with pytest.raises(TypeError, match="found object"):
        _core.mean(object())
    with pytest.raises(ColumnTypeError):
        _core.mean(pa.array(["a"]))
    assert metrics.mae(np.arange(10.0)[::2], np.zeros(5)) == 4.0  # the Python face makes it contiguous


def test_wrong_words_are_refused_with_the_choices():
    with pytest.raises(ArgumentError, match='"average", "input", "pessimistic", "optimistic"; found "avg"'):
        metrics.ndcg([1], [1.0], ties="avg")
    with pytest.raises(ArgumentError, match="gain"):
        metrics.ndcg([1], [1.0], gain="exponential")
    with pytest.raises(ArgumentError, match="method"):
        drift.ks([1.0], [1.0], method="best")


def test_inputs_are_not_changed():
    values = np.array([3.0, np.nan, 1.0, np.inf])
    kept = values.copy()
    drift.psi(values, values)
    drift.ks(values, values)
    np.testing.assert_array_equal(values, kept)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_works():
    """The parent's pool has no threads in the child: work given to it would wait for ever."""
    grades, scores, sizes = np.ones(2_000_000, np.uint8), np.random.default_rng(0).random(2_000_000), [100] * 20_000
    expected = metrics.ndcg(grades, scores, group=sizes, k=10)
    child = os.fork()
    if child == 0:
        os._exit(0 if metrics.ndcg(grades, scores, group=sizes, k=10) == expected else 1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hung")


def test_the_gil_is_released():
    """While one thread computes, Python goes on counting in another."""
    values = np.random.default_rng(0).random(6_000_000)
    ticks, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    before = ticks[0]
    drift.ks(values, values, method="asymptotic")
    during = ticks[0] - before
    stop.set()
    counter.join()
    assert during > 10


def test_ctrl_c_ends_a_scan():
    code = """
import pyarrow as pa, numpy as np
from ctcore import _core
batch = pa.record_batch({"x": np.arange(65536.0)})
def forever():
    print("begun", flush=True)
    while True:
        yield batch
_core.scan(pa.RecordBatchReader.from_batches(batch.schema, forever()), {}, [])
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begun\n"
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert child.returncode != 0


@pytest.mark.parametrize(("number", "handler", "ending"), [("SIGINT", "", "KeyboardInterrupt"), ("SIGTERM", "7", "")])
def test_a_signal_ends_one_long_call(number, handler, ending):
    """The exact p-value of two samples of a million takes an hour. A handler's own exception comes through as it is."""
    code = f"""
import signal, sys
import numpy as np
from ctcore import drift
if {handler!r}:
    signal.signal(signal.{number}, lambda *_: sys.exit(int({handler!r})))
values = np.arange(1e6)
print("begun", flush=True)
drift.ks(values, values + 500, method="exact")
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begun\n"
    time.sleep(1)
    child.send_signal(getattr(signal, number))
    _, errors = child.communicate(timeout=20)
    assert ending in errors
    assert child.returncode == (int(handler) if handler else -signal.SIGINT)


def test_a_broken_stream_is_an_error():
    schema = pa.schema({"x": pa.float64()})

    def broken():
        yield pa.record_batch({"x": [1.0]})
        raise ValueError("the disk went away")

    reader = pa.RecordBatchReader.from_batches(schema, broken())
    with pytest.raises(ValueError, match="the disk went away"):
        validate.check(reader, validate.Contract(id="x", version="1", table="t", columns=(), rules=()))
