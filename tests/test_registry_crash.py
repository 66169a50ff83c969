"""The registry when processes are killed, calls fail, the power goes, and many write at once."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from campaign import GC, check, prove, publish_and_promote
from ctcore.errors import ConflictError, CtcoreError
from ctcore.registry import Registry, _store
from disk import Faulty, Recorder, images, in_place_of_os

CAMPAIGN = Path(__file__).parent / "campaign.py"


@pytest.fixture
def memory(tmp_path):
    """A folder in memory, where what is counted is calls and not the disk's time."""
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="ctcore-test-", dir="/dev/shm") as folder:
        yield Path(folder)


def campaign(what, root, *numbers, check=True):
    command = [sys.executable, str(CAMPAIGN), what, str(root), *map(str, numbers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)
    if not check:
        return done
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


# ---------------------------------------------------------------- killed


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_writers_are_killed(tmp_path):
    """``CTCORE_KILLS=100`` is enough while one works on it."""
    kills = int(os.environ.get("CTCORE_KILLS", "1000"))
    found = campaign("kill", tmp_path / "registry", kills, 0)
    print(found)
    assert found["kills"] == kills
    assert found["inside"] >= kills / 2
    assert found["acknowledged"] >= kills / 2
    assert set(found["during"]) == {"register", "promote", "rollback", "gc"}


# ---------------------------------------------------------------- a fault at every call


@pytest.mark.slow
def test_a_fault_at_every_call_of_a_publication_and_a_promotion(memory):
    found = campaign("fault", memory)
    print(found)
    assert found["points"] == 3 * found["calls"] >= 1000
    assert found["failed"] > found["points"] / 2
    # open and close of reads, and hints, may fail without the command failing; nothing else may
    assert set(found["names"]) == {
        "open", "mkdir", "write", "fsync", "link", "unlink", "rename", "close", "listdir", "stat"
    }  # fmt: skip


def test_the_faults_reach_every_call_that_the_kernel_sees(tmp_path):
    """The calls that are counted are those that strace counts, so none goes past them."""
    names = {
        "fsync": "fsync", "linkat": "link", "unlinkat": "unlink", "renameat": "rename", "mkdirat": "mkdir",
        "openat": "open", "write": "write",
    }  # fmt: skip
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (on Debian: apt-get install strace)")
    root, log = tmp_path / "registry", tmp_path / "log"
    registry = Registry(root, actor="first")
    first = registry.register("m", {"model.txt": b"old"}, run="old", kind="test")
    registry.promote("m", first.number, expect=prove(registry, first.number))
    calls = ",".join([*names, "mkdir", "rename", "faccessat", "access", "faccessat2"])
    command = ["strace", "-o", str(log), "-e", f"trace={calls}", sys.executable, str(CAMPAIGN), "once", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip(f"tracing is not allowed here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    between = log.read_text().split("/ctcore-mark")[1]
    seen = Counter(names.get(word, word) for word in re.findall(r"^(\w+)\(", between, re.MULTILINE))
    counted = json.loads(done.stdout)
    for name in ("fsync", "link", "unlink", "rename", "mkdir", "write", "open"):
        assert seen[name] == counted.get(name, 0), (name, seen, counted)


def test_a_short_write_is_finished(tmp_path):
    class Short(Faulty):
        def write(self, descriptor, data):
            return os.write(descriptor, bytes(data[:7]))

    with in_place_of_os(_store, Short()):
        publish_and_promote(tmp_path / "registry")
    check(tmp_path / "registry", [["register", 1, "new"], ["move", 1, ""]])


def test_a_link_whose_answer_was_lost_is_found(tmp_path):
    """Over a network the link may be made and the answer be an error."""

    class Lost(Faulty):
        def link(self, *arguments, **options):
            os.link(*arguments, **options)
            raise FileExistsError(17, "there already")

    with in_place_of_os(_store, Lost()):
        publish_and_promote(tmp_path / "registry")
    state = check(tmp_path / "registry", [["register", 1, "new"], ["move", 1, ""]]).state("m")
    assert len(state.versions) == 1
    assert len(state.served) == 1


# ---------------------------------------------------------------- the power goes


def recorded(root, *, without=()):
    """Record a life: publications, promotions, a rollback, collections; give events and what was acknowledged."""
    acknowledged = []
    with in_place_of_os(_store, Recorder(root, without=without)) as disk:
        registry = Registry(root, actor="writer")
        disk.note("mkdir", "")  # the root itself is there

        def acknowledge(*words):
            acknowledged.append(words)
            disk.note("ack")

        for index in range(1, 3):
            version = registry.register("m", {"model.txt": b"%d" % index}, run=str(index), kind="test")
            acknowledge("register", version.number, str(index))
            registry.promote("m", version.number, expect=prove(registry, version.number))
            acknowledge("move", version.number, "")
        acknowledge("move", registry.rollback("m", cause="test"), "")
        for _ in range(2):
            registry.gc(**GC | {"newest": 1})
    return [event for event in disk.events if event != ("mkdir", "")], acknowledged


def after_power_cuts(root, place, *, without=(), most=None, only=None):
    """Look at every image that a power cut may leave; give how many there were and what was wrong with them."""
    events, acknowledged = recorded(root, without=without)
    looked, wrong = 0, []
    for count, files in images(events):
        looked += 1
        if most and looked > most:
            break
        shutil.rmtree(place, ignore_errors=True)
        for name, data in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
        try:
            check_image(place, acknowledged[:count])
        except (AssertionError, CtcoreError, ValueError) as error:
            wrong.append(f"after {count}: {error}")
            if only:
                break
    return looked, wrong


def check_image(place, acknowledged):
    if not acknowledged and not Registry(place).state("m").versions:
        publish_and_promote(place)  # nothing was promised yet; the command works all the same
        return
    check(place, acknowledged)


@pytest.mark.slow
def test_a_power_cut_at_any_moment_loses_nothing_acknowledged(memory):
    looked, wrong = after_power_cuts(memory / "registry", memory / "image")
    print(f"{looked} images of what a power cut may leave")
    assert wrong == []
    assert looked >= 1000


@pytest.mark.parametrize("without", ["file", "folder"])
def test_the_images_show_a_sync_that_is_left_out(memory, without):
    looked, wrong = after_power_cuts(memory / "registry", memory / "image", without=(without,), only=1)
    print(f"without syncing a {without}: image {looked} is wrong: {wrong[0][:200]}")
    assert wrong


# ---------------------------------------------------------------- many at once


@pytest.mark.slow
def test_eight_processes_promote_and_every_promotion_is_an_entry(tmp_path):
    found = campaign("race", tmp_path / "registry", 8, 200)
    print(found)
    assert found["acknowledged"] == found["entries"] == found["moves"] == 1600
    assert found["gapless"]
    assert found["conflicts"] > 0
    assert found["verified"] == "pass"


def test_the_race_shows_a_rename_in_place_of_the_link(tmp_path):
    """Looking whether a name is free and then renaming loses promotions, which the race must see."""
    done = campaign("race-rename", tmp_path / "registry", 8, 25, check=False)
    if done.returncode == 0:
        found = json.loads(done.stdout)
        assert found["entries"] < found["acknowledged"] or not found["gapless"] or found["acknowledged"] < 200
    else:
        assert "hash chain is broken" in done.stderr


def test_of_eight_promoters_with_one_expectation_one_wins_and_the_others_learn_who(tmp_path):
    registry = Registry(tmp_path / "registry")
    for number in range(1, 9):
        registry.register("m", {"model.txt": b"%d" % number}, run="r", kind="test")
        registry.add_evidence("m", number, kind="gate", verdict="pass", against=None, record={})

    def contend(number):
        try:
            Registry(tmp_path / "registry").promote("m", number, expect=None)
        except ConflictError as error:
            return str(error)
        return number

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(contend, random.Random(0).sample(range(1, 9), 8)))
    winners = [each for each in found if isinstance(each, int)]
    assert len(winners) == 1
    assert all(f"moved from nothing to version {winners[0]}" in each for each in found if each != winners[0])
