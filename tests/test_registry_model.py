"""The whole registry against a dictionary, by a state machine; and names that try to get out."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ctcore.errors import ArgumentError, ConflictError, CtcoreError, NotFoundError, RefusedError, StoreError
from ctcore.registry import Registry
from ctcore.verdict import Verdict

DAY = timedelta(days=1)


class Against(RuleBasedStateMachine):
    """Each rule does a thing to the registry and to a plain model of it; both must answer the same."""

    numbers = st.integers(min_value=1, max_value=6)

    def __init__(self):
        super().__init__()
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
        self.folder = tempfile.mkdtemp(prefix="ctcore-test-", dir=where)
        self.now = datetime(2024, 1, 1, tzinfo=UTC)
        self.contents, self.proofs, self.stack, self.moves = [], set(), [], []
        self.quarantined, self.pins, self.approved, self.rollout = set(), set(), {}, None
        self.open()

    def open(self):
        self.registry = Registry(self.folder, actor="test", clock=lambda: self.now)

    def teardown(self):
        shutil.rmtree(self.folder)

    @property
    def production(self):
        return self.stack[-1] if self.stack else None

    def known(self, number):
        return number <= len(self.contents)

    def refused(self, error, call, *arguments, **options):
        with pytest.raises(error):
            call("m", *arguments, **options)

    def may_serve(self, number, expect, approvals):
        people = {by for by, ends in self.approved.get(number, []) if ends > self.now}
        return (
            self.rollout is None
            and expect == self.production
            and number not in self.quarantined
            and not self.registry.version("m", number).collected
            and (number, expect) in self.proofs
            and len(people) >= approvals
        )

    @rule(content=st.integers(0, 7))
    def register(self, content):
        version = self.registry.register("m", {"model.txt": b"%d" % content}, run="r", kind="test")
        if content not in self.contents:
            self.contents.append(content)
        assert version.number == self.contents.index(content) + 1

    @rule(number=numbers, verdict=st.sampled_from(["pass", "warn", "fail"]))
    def prove(self, number, verdict):
        against = None if self.production is None else self.registry.version("m", self.production).digest
        evidence = {"kind": "gate", "verdict": verdict, "against": against, "record": {}}
        if not self.known(number):
            self.refused(NotFoundError, self.registry.add_evidence, number, **evidence)
            return
        self.registry.add_evidence("m", number, **evidence)
        if verdict != "fail":
            self.proofs.add((number, self.production))

    @rule(number=numbers, late=st.booleans(), approvals=st.sampled_from([0, 0, 0, 1, 2]))
    def promote(self, number, late, approvals):
        expect = self.production if not late else 5
        if not self.known(number):
            self.refused(NotFoundError, self.registry.promote, number, expect=expect, approvals=approvals)
        elif number == self.production:
            self.registry.promote("m", number, expect=expect, approvals=approvals)
        elif not self.may_serve(number, expect, approvals):
            self.refused(ConflictError, self.registry.promote, number, expect=expect, approvals=approvals)
        else:
            self.registry.promote("m", number, expect=expect, approvals=approvals)
            self.stack.append(number)
            self.moves.append(number)

    @rule(number=numbers, by=st.sampled_from(["ann", "bob"]), days=st.integers(1, 3))
    def approve(self, number, by, days):
        if not self.known(number):
            self.refused(NotFoundError, self.registry.approve, number, by=by, lasts=days * DAY)
            return
        self.registry.approve("m", number, by=by, lasts=days * DAY)
        self.approved.setdefault(number, []).append((by, self.now + days * DAY))

    @rule(number=numbers, by=st.sampled_from(["ann", "bob", None]))
    def revoke(self, number, by):
        given = self.approved.get(number, [])
        if not any(by in (None, each) for each, _ in given):
            self.refused(NotFoundError, self.registry.revoke, number, by=by)
            return
        self.registry.revoke("m", number, by=by)
        self.approved[number] = [each for each in given if by not in (None, each[0])]

    @rule()
    def rollback(self):
        gone = {each.number for each in self.registry.state("m").versions if each.collected}
        before = [each for each in self.stack[:-1] if each not in {*self.quarantined, *gone, self.production}]
        if not before:
            self.refused(NotFoundError, self.registry.rollback, cause="test")
            return
        assert self.registry.rollback("m", cause="test") == before[-1]
        self.quarantined.add(self.production)
        while self.stack[-1] != before[-1]:
            self.stack.pop()
        self.moves.append(before[-1])
        if self.rollout:
            self.rollout = None

    @rule(number=numbers)
    def quarantine(self, number):
        if not self.known(number):
            self.refused(NotFoundError, self.registry.quarantine, number, cause="test")
        elif number == self.production:
            self.refused(ConflictError, self.registry.quarantine, number, cause="test")
        else:
            self.registry.quarantine("m", number, cause="test")
            self.quarantined.add(number)

    @rule(number=numbers, pinned=st.booleans())
    def pin(self, number, pinned):
        if not self.known(number):
            self.refused(NotFoundError, self.registry.pin, number, pinned=pinned)
            return
        if pinned and self.registry.version("m", number).collected and number not in self.pins:
            self.refused(RefusedError, self.registry.pin, number, pinned=True)
            return
        self.registry.pin("m", number, pinned=pinned)
        (self.pins.add if pinned else self.pins.discard)(number)

    @rule(number=numbers)
    def start_rollout(self, number):
        if not self.known(number):
            self.refused(NotFoundError, self.registry.start_rollout, number, plan={}, expect=self.production)
        elif number == self.production or not self.may_serve(number, self.production, 0):
            self.refused(ConflictError, self.registry.start_rollout, number, plan={}, expect=self.production)
        else:
            self.rollout = (self.registry.start_rollout("m", number, plan={}, expect=self.production), number)

    @rule(event=st.sampled_from(["step", "hold", "resume", "abort", "promote"]))
    def rollout_event(self, event):
        name, number = self.rollout or ("0" * 32, None)
        if self.rollout is None or (event == "promote" and number in self.quarantined):
            self.refused(ConflictError, self.registry.add_rollout_event, name, event, cause="test")
            return
        self.registry.add_rollout_event("m", name, event, cause="test")
        if event == "abort":
            self.quarantined.add(number)
        if event == "promote":
            self.stack.append(number)
            self.moves.append(number)
        if event in ("abort", "promote"):
            self.rollout = None

    @rule(days=st.integers(0, 9))
    def collect(self, days):
        """Nothing that is kept goes; what goes comes back when it is registered again."""
        self.now += days * DAY
        self.registry.gc(grace=2 * DAY, served=3 * DAY, newest=2)

    @rule()
    def reopen(self):
        self.open()

    @invariant()
    def the_same(self):
        state = self.registry.state("m")
        assert state.fault is None
        assert state.production == self.production
        assert [number for number, _ in state.served] == self.moves
        assert set(state.pins) == self.pins
        assert set(state.quarantined) == {state.version(number).digest for number in self.quarantined}
        assert (state.rollout.id if state.rollout else None) == (self.rollout[0] if self.rollout else None)
        kept = {self.production, state.previous, *self.pins, len(self.contents), *(self.rollout or ())[1:]}
        going = {
            each.number
            for each in state.versions
            if each.collected or each.number in (state.plan or {"versions": []})["versions"]
        }
        assert not {each.number for each in state.versions if each.collected} & kept
        for version, content in zip(state.versions, self.contents, strict=True):
            if version.number in kept or version.number not in going:
                assert self.registry.files(version) == {"model.txt": b"%d" % content}


TestAgainst = Against.TestCase
TestAgainst.settings = settings(
    max_examples=int(os.environ.get("CTCORE_EXAMPLES", "60")), stateful_step_count=40, deadline=None
)


# ---------------------------------------------------------------- path tricks


def tricks():
    """Names that have got out of somebody's folder before, and their relatives."""
    outside = ["../x", "..", ".", "", "/etc/passwd", "~", "~root", "a/../../x", "./x", "x/.", "x/..", "//x", "a//b"]
    outside += [
        "..\\x",
        "a\\..\\x",
        "\\\\host\\share",
        "C:\\x",
        "c:x",
        "x\0",
        "\0",
        "x\n",
        "\nx",
        "x\r",
        "\tx",
        " x",
        "x ",
    ]
    outside += ["%2e%2e", "%2e%2e%2fx", "%252e%252e%252fx", "..%2f", "..%5c", "%00", "..%c0%af", "%u002e"]
    outside += [
        "\u2024\u2024",
        "\uff0e\uff0e",
        "\u2025",
        "\u202ex",
        "x\u200b",
        "\u2215x",
        "\uff0fx",
        "cafe\u0301",
        "caf\u00e9",
    ]
    outside += [
        "x\u2044y",
        "\ufeffx",
        "I\u0307",
        "\u017f",
        "\u212a",
        "\ud7ff",
        ".git",
        ".hidden",
        ".x.tmp",
        "-x",
        "-",
    ]
    outside += [
        "..a",
        "a..b",
        "a..",
        "...",
        "x" * 65,
        "x" * 300,
        "X",
        "Model",
        "MODEL",
        "a b",
        "a;b",
        "$(x)",
        "`x`",
        "a|b",
    ]
    outside += [
        "a*",
        "a?",
        "[a]",
        "{a}",
        "a:b",
        "a'b",
        'a"b',
        "<a>",
        "a&b",
        "a#b",
        "a@b",
        "a=b",
        "a,b",
        "a+b",
        "a!b",
        "a%b",
    ]
    prefixes = ["", "m/", "m/../", "models/m/../../", "blobs/sha256/../../"]
    found = list(dict.fromkeys(before + name for before, name in itertools.product(prefixes, outside)))
    assert len(found) >= 300
    return found


def everything(folder):
    return sorted(path for path in folder.rglob("*"))


def test_no_name_leads_out_of_the_registry(tmp_path):
    root = tmp_path / "deep" / "registry"
    registry = Registry(root)
    registry.register("m", {"model.txt": b"x"}, run="r", kind="test")
    (tmp_path / "x").write_text("outside")
    before = everything(tmp_path)
    tried = 0
    for name in tricks():
        calls = [
            lambda: registry.register(name, {"model.txt": b"x"}, run="r", kind="test"),  # noqa: B023 - called at once
            lambda: registry.state(name),  # noqa: B023
            lambda: registry.lease(name, lasts=DAY),  # noqa: B023
            lambda: registry.blob(name),  # noqa: B023
            lambda: registry.step(name, 1, "train"),  # noqa: B023
            lambda: registry.step("0" * 64, 1, name),  # noqa: B023
            lambda: registry.add_step(name, 1, "train", {}),  # noqa: B023
        ]
        if "/" in name or "\\" in name or not name or name[0] in ".-_~ %\0\n\t" or not name.isascii():
            calls.append(lambda: registry.register("m", {name: b"x"}, run="r", kind="test"))  # noqa: B023
        for call in calls:
            tried += 1
            with pytest.raises(ArgumentError):
                call()
    assert tried >= 2100
    assert everything(tmp_path) == before


def test_the_store_itself_stays_below_its_root(tmp_path):
    registry = Registry(tmp_path / "registry")
    registry.register("m", {"model.txt": b"x"}, run="r", kind="test")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    for name in tricks():
        for key in (f"../{name}", f"models/{name}/../../../outside/secret", f"models/../../{name}"):
            with pytest.raises((StoreError, ArgumentError)):
                registry.store.create(key, b"x")
    # links are not followed, neither folders nor files
    shutil.rmtree(tmp_path / "registry/models/m/log")
    (tmp_path / "registry/models/m/log").symlink_to(tmp_path / "outside")
    (tmp_path / "registry/models/evil").symlink_to(tmp_path / "outside")
    (tmp_path / "registry/models/m/head.json").unlink()
    (tmp_path / "registry/models/m/head.json").symlink_to(tmp_path / "outside/secret")
    for call in (
        lambda: Registry(tmp_path / "registry").state("m"),
        lambda: Registry(tmp_path / "registry").register("evil", {"a": b"x"}, run="r", kind="test"),
    ):
        with pytest.raises(CtcoreError):
            call()
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]


def test_what_is_written_is_for_its_owner_alone(tmp_path):
    registry = Registry(tmp_path / "registry")
    registry.register("m", {"model.txt": b"x"}, run="r", kind="test")
    modes = {path.stat().st_mode & 0o777 for path in Path(tmp_path / "registry").rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in Path(tmp_path / "registry").rglob("*") if path.is_dir()}
    assert modes == {0o400}
    assert folders == {0o700}
    assert registry.verify().verdict is Verdict.PASS
