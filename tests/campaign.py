"""Campaigns that fork and kill: ``python campaign.py kill|fault|race|once ...`` prints what it found as JSON.

A process of its own, without threads, so that it may fork.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from ctcore.errors import ConflictError, NotFoundError, StoreError
from ctcore.registry import Registry, _store

sys.path.insert(0, str(Path(__file__).parent))
from disk import Faulty, in_place_of_os

GC = {"grace": timedelta(0), "served": timedelta(0), "newest": 4}


def prove(registry, number):
    """Leave the evidence that a gate would have left."""
    serving = registry.state("m").production
    against = None if serving is None else registry.version("m", serving).digest
    registry.add_evidence("m", number, kind="gate", verdict="pass", against=against, record={"gain": 0.1})
    return serving


def check(root, acknowledged):
    """Everything acknowledged is there, nothing is corrupt, one model serves, and the next command works at once."""
    registry = Registry(root, actor="check")
    state = registry.state("m")
    assert state.fault is None, state.fault
    names = registry.store.list("models/m/log")
    assert names == [f"{number:020d}.json" for number in range(state.entries)], "gap"
    moves = [number for number, _ in state.served]
    assert state.production == (moves[-1] if moves else None), "two productions"
    for what, number, content in acknowledged:
        if what == "register":
            version = state.version(number)
            if not version.collected:
                assert registry.files(version)["model.txt"] == content.encode(), "lost bytes"
        elif what == "move":
            assert number in moves, "lost move"
    if state.production:
        registry.files(state.version(state.production))
    newest = len(state.versions)  # never collected
    registry.pin("m", newest, pinned=newest not in state.pins)
    registry.pin("m", newest, pinned=newest in state.pins)
    return registry


# ---------------------------------------------------------------- killed


def write_for_ever(root, name, pipe):
    """Register, promote, roll back and collect until killed, and tell what begins and what was acknowledged."""

    def say(*words):
        os.write(pipe, (json.dumps(words) + "\n").encode())

    class Telling(Faulty):
        """Tells the first temporary file of an operation."""

        fresh = True

        def open(self, path, flags, *rest, **options):
            if flags & os.O_CREAT and self.fresh:
                self.fresh = False
                say("first write")
            return os.open(path, flags, *rest, **options)

    disk = Telling()
    _store.os = disk
    registry, chance = Registry(root, actor=name), random.Random(name)
    for count in range(1_000_000):
        what = chance.choice(("register", "register", "promote", "promote", "rollback", "gc"))
        disk.fresh = True
        say("begin", what)
        try:
            if what == "register":
                content = f"{name}-{count}"
                version = registry.register("m", {"model.txt": content.encode()}, run=content, kind="test")
                say("ack", "register", version.number, content)
            elif what == "promote":
                state = registry.state("m")
                free = [each for each in state.versions if each.digest not in state.quarantined and not each.collected]
                number = chance.choice(free[-3:]).number
                registry.promote("m", number, expect=prove(registry, number))
                say("ack", "move", number, "")
            elif what == "rollback":
                say("ack", "move", registry.rollback("m", cause="test"), "")
            else:
                registry.gc(**GC)
                say("ack", "gc", 0, "")
        except (NotFoundError, ConflictError):
            say("refused")  # nothing to roll back to


def kill(root, kills, seed):
    """Kill a writer again and again; count the kills between its first temporary file and the acknowledgement."""
    registry, chance = Registry(root, actor="first"), random.Random(seed)
    for index in range(3):
        registry.register("m", {"model.txt": b"model %d" % index}, run=str(index), kind="test")
    registry.promote("m", 1, expect=prove(registry, 1))
    acknowledged, inside, during = 0, 0, {}
    for number in range(kills):
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            write_for_ever(root, f"{seed}-{number}", theirs)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            lines = [pipe.readline() for _ in range(chance.randint(1, 8))]
            time.sleep(chance.uniform(0, 0.008))
            os.kill(child, signal.SIGKILL)
            lines += pipe.readlines()
        os.waitpid(child, 0)
        said = [json.loads(line) for line in lines if line.endswith(b"\n")]
        if said and said[-1][0] == "first write":
            inside += 1
            what = next(each[1] for each in reversed(said) if each[0] == "begin")
            during[what] = during.get(what, 0) + 1
        acks = [each[1:] for each in said if each[0] == "ack"]
        acknowledged += len(acks)
        checked = check(root, acks)
        if number % 100 == 99:
            report = checked.verify()
            assert report.verdict == "pass", [each.message for each in report.checks]
    report = Registry(root).verify()
    assert report.verdict == "pass", [each.message for each in report.checks]
    entries = Registry(root).state("m").entries
    return {"kills": kills, "inside": inside, "during": during, "acknowledged": acknowledged, "entries": entries}


# ---------------------------------------------------------------- a fault at every call


def publish_and_promote(root, say=lambda *_: None):
    registry = Registry(root, actor="writer")
    version = registry.register("m", {"model.txt": b"new"}, run="new", kind="test")
    say("register", version.number, "new")
    registry.promote("m", version.number, expect=prove(registry, version.number))
    say("move", version.number, "")


def fault(root):
    """Fail, or kill, at every call of a publication and a promotion."""
    template = Path(root) / "template"
    registry = Registry(template, actor="first")
    first = registry.register("m", {"model.txt": b"old"}, run="old", kind="test")
    registry.promote("m", first.number, expect=prove(registry, first.number))
    whole = Path(root) / "whole"
    shutil.copytree(template, whole)
    with in_place_of_os(_store, Faulty()) as counted:
        publish_and_promote(whole)
    found = {"calls": counted.count, "names": sorted(set(counted.names)), "points": 0, "failed": 0, "went on": 0}
    for at in range(1, counted.count + 1):
        for number in (None, errno.EIO, errno.ENOSPC):
            place = Path(root) / "point"
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(template, place)
            said, failed = broken(place, at, number)
            check(place, [["register", 1, "old"], ["move", 1, ""], *said])
            publish_and_promote(place)  # the same command again, at once
            assert Registry(place).state("m").production == 2
            found["points"] += 1
            found["failed" if failed else "went on"] += 1
    return found


def broken(place, at, number):
    """Run with one fault; give what was acknowledged, and whether the command failed."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        code = 0
        with in_place_of_os(_store, Faulty(at, number)):
            try:
                publish_and_promote(place, lambda *words: os.write(theirs, (json.dumps(words) + "\n").encode()))
            except StoreError:
                code = 5
        os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = [json.loads(line) for line in pipe.readlines()]
    status = os.waitpid(child, 0)[1]
    if number is None:
        assert os.WIFSIGNALED(status), f"call {at} did not kill"
    else:
        assert os.WIFEXITED(status), f"call {at}: {status}"
        assert os.WEXITSTATUS(status) in (0, 5), f"call {at}: {os.WEXITSTATUS(status)}"
    return said, status != 0


# ---------------------------------------------------------------- many at once


def race(root, processes, promotions):
    """Let processes promote, each two versions of its own in turn; an acknowledged promotion is one entry."""
    registry = Registry(root, actor="first")
    versions = [
        registry.register("m", {"model.txt": b"%d" % index}, run="r", kind="test") for index in range(2 * processes)
    ]
    for version in versions:
        for against in (None, *(each.digest for each in versions if each is not version)):
            registry.add_evidence("m", version.number, kind="gate", verdict="pass", against=against, record={})
    registry.promote("m", 1, expect=None)
    before = registry.state("m").entries
    children = []
    for process in range(processes):
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            acknowledged = conflicts = 0
            mine = Registry(root, actor=str(process))
            while acknowledged < promotions:
                serving = mine.state("m").production
                number = 2 * process + 1 + (serving == 2 * process + 1)
                try:
                    mine.promote("m", number, expect=serving)
                except ConflictError:
                    conflicts += 1
                    continue
                acknowledged += 1
            os.write(theirs, json.dumps([acknowledged, conflicts]).encode())
            os._exit(0)
        os.close(theirs)
        children.append((child, ours))
    found = [json.loads(os.read(ours, 1000) or b"[0, 0]") for _, ours in children]
    for child, _ in children:
        os.waitpid(child, 0)
    state = Registry(root).state("m")
    names = registry.store.list("models/m/log")
    return {
        "acknowledged": sum(each for each, _ in found),
        "conflicts": sum(each for _, each in found),
        "entries": state.entries - before,
        "gapless": names == [f"{number:020d}.json" for number in range(state.entries)],
        "moves": len(state.served) - 1,
        "verified": Registry(root).verify().verdict,
    }


def once(root):
    """Publish and promote between two marks that a tracer sees, and count the calls."""
    with in_place_of_os(_store, Faulty()) as counted:
        os.access("/ctcore-mark", os.F_OK)
        publish_and_promote(root)
        os.access("/ctcore-mark", os.F_OK)
    return {name: counted.names.count(name) for name in set(counted.names)}


def rename_for_link(folder, name, data):
    """Publish as many stores do: look whether the name is free, then rename."""
    if _store._exists(name, folder):
        return False
    with _store._temporary(folder, data) as temporary:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    return True


if __name__ == "__main__":
    what, root, *numbers = sys.argv[1:]
    if what == "race-rename":
        _store._link = rename_for_link
        what = "race"
    print(json.dumps({"kill": kill, "fault": fault, "race": race, "once": once}[what](root, *map(int, numbers))))
