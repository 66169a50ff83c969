"""The registry: what it promises to one writer, to many, and to one that is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ctcore.errors import ArgumentError, ConflictError, NotFoundError, StoreError
from ctcore.registry import Registry
from ctcore.registry._log import entry_name

HERE = Path(__file__).parent


def registry_with(tmp_path, versions=2):
    registry = Registry(tmp_path / "registry", actor="test")
    for index in range(versions):
        registry.register("m", {"model.txt": b"model %d" % index}, run=f"run{index}", kind="test")
    return registry


def promote(registry, number, *, expect):
    """Promote with the evidence that a gate would have left."""
    against = None if expect is None else registry.version("m", expect).digest
    registry.add_evidence("m", number, kind="gate", verdict="pass", against=against, record={"gain": 0.1})
    registry.promote("m", number, expect=expect)


def log(registry):
    return sorted((registry.root / "models/m/log").iterdir())


def test_a_version_is_its_files(tmp_path):
    registry = registry_with(tmp_path)
    again = registry.register("m", {"model.txt": b"model 1"}, run="other", kind="test")
    assert again.number == 2
    assert len(registry.state("m").versions) == 2
    assert registry.files(again) == {"model.txt": b"model 1"}
    assert registry.models() == ["m"]


def test_production_moves_only_from_where_the_evidence_was_taken(tmp_path):
    registry = registry_with(tmp_path)
    with pytest.raises(ConflictError, match="no evidence of a gate that passed"):
        registry.promote("m", 1, expect=None)
    registry.add_evidence("m", 1, kind="gate", verdict="insufficient", against=None, record={})
    with pytest.raises(ConflictError, match="no evidence of a gate that passed"):
        registry.promote("m", 1, expect=None)
    promote(registry, 1, expect=None)
    entries = len(log(registry))
    with pytest.raises(ConflictError, match="moved from nothing to version 1"):
        registry.promote("m", 2, expect=None)
    registry.promote("m", 1, expect=2)  # it serves already: nothing to do
    assert len(log(registry)) == entries
    promote(registry, 2, expect=1)
    state = registry.state("m")
    assert state.production == 2
    assert [version for version, _ in state.served] == [1, 2]


def test_evidence_is_added_once(tmp_path):
    registry = registry_with(tmp_path)
    for _ in range(2):
        digest = registry.add_evidence("m", 1, kind="gate", verdict="pass", against=None, record={"gain": 0.02})
    assert len(registry.version("m", 1).evidence) == 1
    assert registry.record(digest) == {"gain": 0.02}


@pytest.mark.parametrize(
    "name", ["", "..", "../m", "M", "a/b", ".m", "a..b", "a\\b", "a\0", "x" * 65, "%2e%2e", "naïve"]
)
def test_names_by_allow_list(tmp_path, name):
    registry = Registry(tmp_path / "registry")
    with pytest.raises(ArgumentError, match="name is 1 to 64"):
        registry.register(name, {"model.txt": b"x"}, run="r", kind="test")
    assert not (tmp_path / "registry" / "models").exists()
    with pytest.raises(ArgumentError, match="files"):
        registry.register("m", {f"../{name}": b"x"}, run="r", kind="test")


def test_what_does_not_exist_is_said(tmp_path):
    registry = registry_with(tmp_path)
    with pytest.raises(NotFoundError, match="no version 3; it has 2"):
        registry.version("m", 3)
    with pytest.raises(NotFoundError):
        registry.promote("m", 9, expect=None)
    with pytest.raises(NotFoundError, match="no blob"):
        registry.blob("0" * 64)
    with pytest.raises(ArgumentError, match="64 hexadecimal"):
        registry.blob("../../etc/passwd")


def test_every_changed_bit_is_found(tmp_path):
    registry = registry_with(tmp_path)
    promote(registry, 1, expect=None)
    flipped = 0
    for path in sorted(registry.root.rglob("*")):
        if not path.is_file() or path.name == "ctcore-registry.json":
            continue
        data = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(data[:-4] + bytes([data[-4] ^ 1]) + data[-3:])
        flipped += 1
        if path == log(registry)[-1]:
            # No entry after it names its digest: what is left is that it must parse and apply.
            path.write_bytes(data)
            continue
        with pytest.raises(StoreError):
            for version in registry.state("m").versions:
                registry.files(version)
                for each in version.evidence:
                    registry.record(each["digest"])
        path.write_bytes(data)
    assert flipped == 4 + 2 * 2 + 1  # four entries; a model and a manifest for each of two versions; evidence


def test_a_missing_or_swapped_entry_is_found(tmp_path):
    registry = registry_with(tmp_path, versions=4)
    entries = log(registry)
    kept = entries[1].read_bytes()
    entries[1].unlink()
    with pytest.raises(StoreError, match="entry 1 is missing"):
        registry.state("m")
    entries[1].write_bytes(entries[2].read_bytes())
    with pytest.raises(StoreError, match="hash chain"):
        registry.state("m")
    entries[1].write_bytes(kept)
    assert len(registry.state("m").versions) == 4


def test_a_future_format_is_refused(tmp_path):
    registry = registry_with(tmp_path, versions=1)
    entry = json.loads(log(registry)[0].read_bytes())
    (registry.root / "models/m/log" / entry_name(1)).write_text(json.dumps(entry | {"format": 2, "number": 1}))
    with pytest.raises(StoreError, match="update ctcore"):
        registry.state("m")


def test_one_run_at_a_time(tmp_path, monkeypatch):
    moment = [datetime(2024, 1, 1, tzinfo=UTC)]
    registry = Registry(tmp_path / "registry", clock=lambda: moment[0])
    hour = timedelta(hours=1)
    with registry.lease("m", lasts=hour), pytest.raises(ConflictError, match="another run of m is under way"):
        registry.lease("m", lasts=hour)
    held = registry.lease("m", lasts=hour)  # the first was given back
    moment[0] += hour
    with pytest.raises(ConflictError):
        registry.lease("m", lasts=hour)  # its time is over, but its process lives
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    assert registry.lease("m", lasts=hour).epoch == held.epoch + 1  # from elsewhere the time alone is seen


def test_the_lease_of_a_dead_process_is_free(tmp_path):
    code = (
        "from datetime import timedelta; from ctcore.registry import Registry; import sys, os\n"
        f"Registry({str(tmp_path / 'r')!r}).lease('m', lasts=timedelta(hours=9)); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert Registry(tmp_path / "r").lease("m", lasts=timedelta(hours=1)).epoch == 2


def test_many_writers_lose_nothing(tmp_path):
    registry_with(tmp_path, versions=2)

    def promote_forever(writer):
        registry, done = Registry(tmp_path / "registry", actor=f"writer{writer}"), 0
        while done < 25:
            serving = registry.state("m").production
            try:
                promote(registry, 1 if serving != 1 else 2, expect=serving)
            except ConflictError:
                continue
            done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(promote_forever, range(4))) == 100
    registry = Registry(tmp_path / "registry")
    moves = [version for version, _ in registry.state("m").served]
    # a promotion of what serves already needs no entry, so neighbours differ and none is counted twice
    assert all(a != b for a, b in pairwise(moves))
    names = [path.name for path in log(registry)]
    assert names == [entry_name(number) for number in range(len(names))]
    assert len(names) >= len(moves) + 2


def test_of_eight_promoters_with_one_expectation_one_wins(tmp_path):
    registry_with(tmp_path, versions=8)

    def contend(number):
        try:
            promote(Registry(tmp_path / "registry"), number, expect=None)
        except ConflictError as error:
            return str(error)
        return number

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(contend, range(1, 9)))
    winners = [each for each in found if isinstance(each, int)]
    assert len(winners) == 1
    assert all(f"to version {winners[0]}" in each for each in found if each != winners[0])


# ---------------------------------------------------------------- killed


def kill_during_writes(tmp_path, kills, seed=0):
    """Kill a writer again and again; count the kills between the first temporary write and the acknowledgement."""
    registry = registry_with(tmp_path, versions=2)
    promote(registry, 1, expect=None)
    chance = random.Random(seed)
    acknowledged: list[list] = []
    inside = 0
    for kill in range(kills):
        writer = subprocess.Popen(
            [sys.executable, str(HERE / "writer.py"), str(registry.root), str(kill)],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        lines = []
        assert writer.stdout is not None
        for _ in range(chance.randint(1, 6)):  # some whole transactions first
            lines.append(writer.stdout.readline())
        time.sleep(chance.uniform(0, 0.006))
        os.killpg(writer.pid, signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        words = [line.split() for line in lines if line.endswith(b"\n")]
        acknowledged += [word[1:] for word in words if word[0] == b"ack"]
        # "begin" is written before the first temporary file, "ack" after the call has returned.
        inside += sum(word[0] == b"begin" for word in words) > sum(word[0] == b"ack" for word in words)

        state = Registry(registry.root).state("m")  # the next reader works at once
        files = {version.number: registry.files(version) for version in state.versions}
        moves = [version for version, _ in state.served]
        for what, *values in acknowledged:
            if what == b"register":
                assert files[int(values[0])]["model.txt"] == values[1]
            else:
                assert int(values[0]) in moves
        assert state.production == moves[-1]
        assert [path.name for path in log(registry) if path.suffix == ".json"] == [
            entry_name(number) for number in range(state.entries)
        ]
    return inside, len(acknowledged)


def test_nothing_acknowledged_is_lost_when_writers_are_killed(tmp_path):
    kills = int(os.environ.get("CTCORE_KILLS", "40"))
    inside, acknowledged = kill_during_writes(tmp_path, kills)
    print(f"{kills} kills, {inside} between first write and acknowledgement, {acknowledged} acknowledged")
    assert inside >= kills / 2
    assert acknowledged >= kills


def test_a_full_disk_is_said_and_loses_nothing(tmp_path):
    """A real file system of 1 MB. Needs root and tmpfs; skipped, with the reason, where they are not to be had."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.strip()}")
    try:
        registry = Registry(place / "registry")
        registered = 0
        with pytest.raises(StoreError, match="the disk is full"):
            for index in range(100):
                registry.register("m", {"model.txt": os.urandom(65_536)}, run=str(index), kind="test")
                registered += 1
        assert registered > 3
        state = Registry(place / "registry").state("m")
        assert len(state.versions) == registered
        assert all(len(registry.files(version)["model.txt"]) == 65_536 for version in state.versions)
        subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)
        assert registry.register("m", {"model.txt": b"fits"}, run="x", kind="test").number == registered + 1
    finally:
        subprocess.run(["umount", str(place)], check=True)
