"""The registry: what it promises to one writer, to many, and to one that is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from ctcore.errors import ArgumentError, ConflictError, NotFoundError, RefusedError, StoreError
from ctcore.registry import Entry, Lease, LocalStore, Registry, State, _log, canonical, seal, sha256, unseal
from ctcore.registry._log import entry_name
from ctcore.verdict import Verdict


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


# ---------------------------------------------------------------- approvals, rollbacks, rollouts


def at(tmp_path, moment):
    return Registry(tmp_path / "registry", actor="test", clock=lambda: moment[0])


def test_approvals_count_people_and_end(tmp_path):
    registry_with(tmp_path)
    moment = [datetime(2024, 1, 1, tzinfo=UTC)]
    registry = at(tmp_path, moment)
    registry.add_evidence("m", 1, kind="gate", verdict="pass", against=None, record={})
    day = timedelta(days=1)
    with pytest.raises(ConflictError, match="approvals of 0 people that are valid, and needs those of 1"):
        registry.promote("m", 1, expect=None, approvals=1)
    registry.approve("m", 1, by="ann", lasts=day)
    registry.approve("m", 1, by="ann", lasts=day)
    registry.approve("m", 1, by="bob", lasts=day, scope="staging")
    with pytest.raises(ConflictError, match="1 people"):
        registry.promote("m", 1, expect=None, approvals=2)
    registry.approve("m", 1, by="bob", lasts=day)
    moment[0] += day
    with pytest.raises(ConflictError, match="0 people"):
        registry.promote("m", 1, expect=None, approvals=1)
    registry.approve("m", 1, by="ann", lasts=day)
    registry.revoke("m", 1, by="ann")
    with pytest.raises(NotFoundError, match="no approval by ann"):
        registry.revoke("m", 1, by="ann")
    with pytest.raises(ConflictError, match="0 people"):
        registry.promote("m", 1, expect=None, approvals=1)
    registry.approve("m", 1, by="ann", lasts=day)
    registry.promote("m", 1, expect=None, approvals=1)
    assert registry.state("m").production == 1
    with pytest.raises(ArgumentError, match="lasts"):
        registry.approve("m", 1, lasts=timedelta(0))


def test_a_rollback_goes_to_what_served_before_not_to_the_number_before(tmp_path):
    registry = registry_with(tmp_path, versions=5)
    for number, expect in ((1, None), (4, 1), (2, 4), (5, 2)):
        promote(registry, number, expect=expect)
    assert registry.rollback("m", cause="errors") == 2
    assert registry.rollback("m", cause="errors") == 4
    state = registry.state("m")
    assert [version for version, _ in state.served] == [1, 4, 2, 5, 2, 4]
    assert set(state.quarantined) == {state.version(5).digest, state.version(2).digest}
    with pytest.raises(ConflictError, match="version 5 of m is quarantined"):
        promote(registry, 5, expect=4)
    with pytest.raises(ConflictError, match="version 4 and no more version 5"):
        registry.rollback("m", cause="late", expect=5)
    assert registry.rollback("m", cause="errors") == 1
    with pytest.raises(NotFoundError, match="nothing that may serve has served before"):
        registry.rollback("m", cause="errors")


def test_a_rollback_skips_what_is_quarantined_and_proves_the_files(tmp_path):
    registry = registry_with(tmp_path, versions=3)
    for number, expect in ((1, None), (2, 1), (3, 2)):
        promote(registry, number, expect=expect)
    registry.quarantine("m", 2, cause="found later")
    with pytest.raises(ConflictError, match="roll it back"):
        registry.quarantine("m", 3, cause="x")
    entries = len(log(registry))
    (model,) = registry.root.glob(f"blobs/sha256/*/{sha256(b'model 0')}")
    model.chmod(0o600)
    model.write_bytes(b"model x")
    with pytest.raises(StoreError, match="is damaged"):
        registry.rollback("m", cause="errors")
    assert len(log(registry)) == entries
    model.write_bytes(b"model 0")
    assert registry.rollback("m", cause="errors") == 1


def test_a_rollout_ends_in_production_or_in_quarantine(tmp_path):
    registry = registry_with(tmp_path, versions=3)
    promote(registry, 1, expect=None)
    digest = registry.version("m", 1).digest
    with pytest.raises(ConflictError, match="no evidence"):
        registry.start_rollout("m", 2, plan={}, expect=1)
    for number in (2, 3):
        registry.add_evidence("m", number, kind="gate", verdict="pass", against=digest, record={})
    first = registry.start_rollout("m", 2, plan={"steps": [1, 100]}, expect=1)
    assert registry.state("m").candidate == 2
    with pytest.raises(ConflictError, match="a rollout of version 2 of m is under way"):
        registry.promote("m", 3, expect=1)
    registry.add_rollout_event("m", first, "step", cause="1%")
    with pytest.raises(ArgumentError, match="must be one of"):
        registry.add_rollout_event("m", first, "jump", cause="")
    registry.add_rollout_event("m", first, "abort", cause="errors")
    state = registry.state("m")
    assert (state.rollout, state.production) == (None, 1)
    assert state.quarantined == (state.version(2).digest,)
    with pytest.raises(ConflictError, match="not under way"):
        registry.add_rollout_event("m", first, "step", cause="late")
    second = registry.start_rollout("m", 3, plan={}, expect=1)
    registry.add_rollout_event("m", second, "promote", cause="24 h")
    state = registry.state("m")
    assert (state.rollout, state.production, state.previous) == (None, 3, 1)
    # a rollback during a rollout ends it
    fourth = registry.register("m", {"model.txt": b"4"}, run="r", kind="test").number
    against = registry.version("m", 3).digest
    registry.add_evidence("m", fourth, kind="gate", verdict="pass", against=against, record={})
    registry.start_rollout("m", fourth, plan={}, expect=3)
    assert registry.rollback("m", cause="errors") == 1
    assert registry.state("m").rollout is None


def test_a_holder_whose_lease_was_taken_over_writes_no_more(tmp_path, monkeypatch):
    moment = [datetime(2024, 1, 1, tzinfo=UTC)]
    registry_with(tmp_path)
    registry = at(tmp_path, moment)
    hour = timedelta(hours=1)
    old = registry.under(registry.lease("m", lasts=hour))
    old.pin("m", 1)
    moment[0] += hour
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    new = registry.under(registry.lease("m", lasts=hour))
    with pytest.raises(ConflictError, match="lease 1 of models/m was taken over by lease 2"):
        old.pin("m", 2)
    new.pin("m", 2)
    assert registry.state("m").pins == (1, 2)
    assert registry.state("m").fence == 2


# ---------------------------------------------------------------- damage


def spoil(path, data):
    path.chmod(0o600)
    path.write_bytes(data)


@pytest.mark.parametrize("tail", [b"", b'{"act', b"\0" * 300, None])
def test_a_torn_end_falls_back_says_so_and_is_repaired_by_command(tmp_path, tail):
    registry = registry_with(tmp_path, versions=3)
    promote(registry, 1, expect=None)
    last = log(registry)[-1]
    good = last.read_bytes()
    spoil(last, good[:200] if tail is None else tail)
    opened = Registry(tmp_path / "registry")
    state = opened.state("m")
    assert state.production is None
    assert len(state.versions) == 3
    assert last.name in state.fault
    with pytest.raises(StoreError, match="ctcore models repair m"):
        opened.pin("m", 1)
    assert list(opened.repair("m")) == [last.name]
    assert (tmp_path / "registry/models/m/damaged").exists()
    promote(opened, 1, expect=None)
    state = Registry(tmp_path / "registry").state("m")
    assert (state.fault, state.production) == (None, 1)
    assert opened.verify().verdict is Verdict.PASS
    assert opened.repair("m") == {}


def test_a_missing_end_is_noticed(tmp_path):
    registry = registry_with(tmp_path, versions=3)
    log(registry)[-1].unlink()
    for opened in (registry, Registry(tmp_path / "registry")):
        state = opened.state("m")
        assert len(state.versions) == 2
        assert "entries 2 to 2 were there and are missing" in state.fault
    assert registry.verify().verdict is Verdict.FAIL
    registry.repair("m")
    assert len(registry.state("m").versions) == 2
    assert Registry(tmp_path / "registry").verify().verdict is Verdict.PASS


def test_damage_that_valid_entries_follow_is_an_error(tmp_path):
    registry = registry_with(tmp_path, versions=4)
    entries = log(registry)
    kept = [path.read_bytes() for path in entries]

    def refused(words):
        with pytest.raises(StoreError, match=words):
            Registry(tmp_path / "registry").state("m")
        report = Registry(tmp_path / "registry").verify()
        assert any("00000000000000000" in check.message or "entry" in check.message for check in report.checks)
        assert report.verdict is Verdict.FAIL

    entries[1].unlink()
    refused("entry 1 is missing.*bring the entry back")
    entries[1].write_bytes(kept[2])
    refused("hash chain is broken")
    spoil(entries[1], b"")
    refused("is damaged: it is empty.*bring the entry back")
    for path, data in ((entries[1], kept[2]), (entries[2], kept[1])):
        spoil(path, data)  # swapped
    refused("hash chain is broken")
    for path, data in zip(entries, kept, strict=True):
        spoil(path, data)
    assert len(Registry(tmp_path / "registry").state("m").versions) == 4


def test_one_changed_bit_in_each_kind_of_file_is_found_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(_log, "CHECKPOINT_EVERY", 4)
    registry = registry_with(tmp_path, versions=2)
    promote(registry, 1, expect=None)
    registry.lease("m", lasts=timedelta(hours=1))
    registry.add_step("0" * 64, 1, "train", {"seconds": 1})
    # files that a collection has set aside
    later = Registry(tmp_path / "registry", clock=lambda: datetime.now(UTC) + timedelta(days=1000))
    later.gc(newest=0, served=timedelta(days=1))
    assert later.verify().verdict is Verdict.PASS
    kinds = set()
    for path in sorted(registry.root.rglob("*")):
        if not path.is_file() or not path.stat().st_size:
            continue
        data = path.read_bytes()
        for position in {0, len(data) // 3, len(data) // 2, len(data) - 2}:
            spoil(path, data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
            try:
                found = Registry(tmp_path / "registry").verify()
            except StoreError as error:  # the marker: nothing is opened
                said = str(error)
            else:
                assert found.verdict is Verdict.FAIL, path
                said = " ".join(check.message for check in found.checks)
            assert path.name in said, (path, said)
        spoil(path, data)
        kinds.add(path.relative_to(registry.root).parts[0 if path.parent == registry.root else -2][:6])
    assert later.verify().verdict is Verdict.PASS
    assert {"log", "checkp", "lease", "aside", "ctcore", "m", "1"} <= kinds


def test_future_formats_are_refused_with_a_clear_text(tmp_path):
    registry = registry_with(tmp_path, versions=1)

    def add(**changed):
        head = sha256(log(registry)[0].read_bytes())
        entry = Entry(number=1, previous=head, time="t", actor="a", transaction="x", fence=None, actions=())
        stored = unseal(entry.to_bytes()) | changed
        (registry.root / "models/m/log" / entry_name(1)).write_bytes(seal(stored))

    add(format=2)
    with pytest.raises(StoreError, match="is of format 2, this ctcore reads up to 1; update ctcore"):
        Registry(tmp_path / "registry").state("m")
    add(actions=[{"action": "teleport"}])
    with pytest.raises(StoreError, match=r"action 'teleport'.*update ctcore"):
        Registry(tmp_path / "registry").state("m")
    add(actions=[{"action": "comment", "ignorable": True}])
    assert Registry(tmp_path / "registry").state("m").entries == 2
    add(actions=[{"action": "pin"}])
    with pytest.raises(StoreError, match="has an action that cannot be"):
        Registry(tmp_path / "registry").state("m")
    marker = registry.root / "ctcore-registry.json"
    spoil(marker, seal({"format": 3, "min_reader": 1, "hash": "sha256"}))
    Registry(tmp_path / "registry")  # newer, and says that we may read it
    spoil(marker, seal({"format": 3, "min_reader": 2, "hash": "sha256"}))
    with pytest.raises(StoreError, match=r"is of format 3.*update ctcore"):
        Registry(tmp_path / "registry")


# ---------------------------------------------------------------- checkpoints


def test_a_checkpoint_saves_reading_and_is_never_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(_log, "CHECKPOINT_EVERY", 8)
    registry = registry_with(tmp_path, versions=12)
    promote(registry, 3, expect=None)
    registry.approve("m", 4, lasts=timedelta(days=1))
    promote(registry, 4, expect=3)
    truth = registry.state("m")
    assert truth.entries > 16
    checkpoints = sorted((registry.root / "models/m/checkpoints").iterdir())
    assert checkpoints
    read = []
    original = LocalStore.read
    monkeypatch.setattr(LocalStore, "read", lambda self, key: read.append(key) or original(self, key))
    assert Registry(tmp_path / "registry").state("m") == truth
    assert sum("/log/" in key for key in read) < 8
    data = checkpoints[-1].read_bytes()
    spoil(checkpoints[-1], data.replace(b'"serving"', b'"servinG"'))
    assert Registry(tmp_path / "registry").state("m") == truth
    # one that lies but names its own digest right: only verify tells
    lie = data.replace(b'"pins":[]', b'"pins":[7]')
    checkpoints[-1].unlink()
    (checkpoints[-1].parent / f"{checkpoints[-1].name[:20]}-{sha256(lie)}.json").write_bytes(lie)
    report = Registry(tmp_path / "registry").verify()
    assert [check.id for check in report.checks if check.verdict is Verdict.FAIL] == ["hints.m"]
    assert "not what the log folds to" in report.checks[1].message
    for path in (registry.root / "models/m/checkpoints").iterdir():
        path.unlink()
    (registry.root / "models/m/head.json").unlink()
    assert Registry(tmp_path / "registry").state("m") == truth


def test_every_state_survives_its_checkpoint(tmp_path):
    registry = registry_with(tmp_path, versions=3)
    promote(registry, 1, expect=None)
    against = registry.version("m", 1).digest
    registry.add_evidence("m", 2, kind="gate", verdict="pass", against=against, record={})
    registry.approve("m", 2, lasts=timedelta(days=1), by="ann")
    rollout = registry.start_rollout("m", 2, plan={"steps": [[0, 1]]}, expect=1)
    registry.add_rollout_event("m", rollout, "hold", cause="no data")
    registry.pin("m", 3)
    registry.quarantine("m", 3, cause="x")
    state = registry.state("m")
    assert State.from_dict(json.loads(canonical(state.to_dict()))) == state


# ---------------------------------------------------------------- collection


def test_collection_has_two_phases_and_keeps_what_is_of_use(tmp_path):
    moment = [datetime(2024, 1, 1, tzinfo=UTC)]
    registry = at(tmp_path, moment)
    for index in range(8):
        registry.register("m", {"model.txt": b"model %d" % index, "shared": b"same"}, run=f"{index}", kind="test")
    promote(registry, 1, expect=None)
    promote(registry, 2, expect=1)
    promote(registry, 3, expect=2)
    registry.pin("m", 4)
    orphan = registry.put(b"of a writer that was killed")
    policy = {"grace": timedelta(days=7), "served": timedelta(days=30), "newest": 2}
    moment[0] += timedelta(days=60)
    first = registry.gc(**policy)
    assert (first.planned, first.deleted, first.orphans) == ({"m": [1, 5, 6]}, {}, 1)
    assert registry.files(registry.version("m", 5))["model.txt"] == b"model 4"  # set aside, still read, given back
    registry.pin("m", 6)  # somebody wants it after all
    assert registry.gc(**policy).planned == {}
    moment[0] += timedelta(days=7)
    second = registry.gc(**policy)
    assert second.deleted == {"m": [1, 5]}
    state = registry.state("m")
    assert state.version(1).collected
    assert not state.version(6).collected
    for number in (2, 3, 4, 6, 7, 8):
        assert registry.files(state.version(number))["shared"] == b"same"
    with pytest.raises(NotFoundError):
        registry.blob(orphan)
    with pytest.raises(NotFoundError):
        registry.files(state.version(1))
    with pytest.raises(ConflictError, match="files of version 1 of m were collected"):
        promote(registry, 1, expect=3)
    assert registry.verify().verdict is Verdict.PASS
    again = registry.register("m", {"model.txt": b"model 0", "shared": b"same"}, run="x", kind="test")
    assert (again.number, again.collected) == (1, False)
    assert registry.files(again)["model.txt"] == b"model 0"
    assert registry.verify().verdict is Verdict.PASS


def set_aside(tmp_path):
    """A registry that has set aside two of three versions eight days ago, and the policy that did."""
    moment = [datetime(2024, 1, 1, tzinfo=UTC)]
    registry = at(tmp_path, moment)
    for index in range(3):
        registry.register("m", {"model.txt": b"model %d" % index}, run=f"{index}", kind="test")
    policy = {"grace": timedelta(days=7), "served": timedelta(days=30), "newest": 1}
    assert registry.gc(**policy).planned == {"m": [1, 2]}
    moment[0] += timedelta(days=8)
    return registry, policy


def test_a_blob_that_is_written_again_while_it_is_collected_stays(tmp_path):
    registry, policy = set_aside(tmp_path)
    registry.register("other", {"model.txt": b"model 0"}, run="x", kind="test")
    assert registry.gc(**policy).deleted == {"m": [2]}
    assert registry.files(registry.version("other", 1)) == {"model.txt": b"model 0"}
    assert registry.files(registry.version("m", 1)) == {"model.txt": b"model 0"}
    assert registry.verify().verdict is Verdict.PASS


def test_what_was_collected_cannot_be_pinned_until_it_is_there_again(tmp_path):
    registry, policy = set_aside(tmp_path)
    assert registry.gc(**policy).deleted == {"m": [1, 2]}
    with pytest.raises(RefusedError, match="the files of version 1 of m were collected; register them again first"):
        registry.pin("m", 1)
    registry.pin("m", 1, pinned=False)
    registry.register("m", {"model.txt": b"model 0"}, run="again", kind="test")
    registry.pin("m", 1)
    assert set(registry.state("m").pins) == {1}


def test_one_collection_at_a_time(tmp_path):
    registry = registry_with(tmp_path)
    now = registry.clock()
    with (
        Lease.take(registry.store, "gc", what="collection", now=now, lasts=timedelta(hours=1)),
        pytest.raises(ConflictError, match="another collection is under way"),
    ):
        registry.gc()


# ---------------------------------------------------------------- the disk


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
