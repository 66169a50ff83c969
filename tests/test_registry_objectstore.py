"""The registry on object stores: moto's S3 server, and one that ignores what it was asked."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from conftest import ctcore
from ctcore.errors import ArgumentError, ConflictError, StoreError
from ctcore.registry import Registry, check_store, open_store
from ctcore.verdict import Verdict

pytest.importorskip("obstore", reason="the extra objectstore is not installed")
pytest.importorskip("moto.server", reason="moto is not installed")

from objectstore import serve


@pytest.fixture
def s3(monkeypatch):
    server, bucket = serve(monkeypatch)
    yield f"s3://{bucket}/models"
    server.stop()


@pytest.fixture
def careless(monkeypatch):
    server, bucket = serve(monkeypatch, ignores_conditions=True)
    yield f"s3://{bucket}/models"
    server.stop()


def prove(registry, number, against):
    registry.add_evidence("m", number, kind="gate", verdict="pass", against=against, record={})


def test_the_whole_protocol_on_s3(s3):
    moment = [datetime(2024, 1, 1, tzinfo=UTC)]
    registry = Registry(s3, actor="test", clock=lambda: moment[0])
    assert registry.models() == []
    versions = [registry.register("m", {"model.txt": b"%d" % each}, run="r", kind="test") for each in range(4)]
    prove(registry, 1, None)
    registry.promote("m", 1, expect=None)
    prove(registry, 2, versions[0].digest)
    with registry.lease("m", lasts=timedelta(hours=1)) as lease, pytest.raises(ConflictError):
        registry.under(lease).promote("m", 2, expect=None)
    registry.promote("m", 2, expect=1)
    assert registry.rollback("m", cause="test") == 1
    opened = Registry(s3)
    assert opened.state("m") == registry.state("m")
    assert opened.files(opened.version("m", 3)) == {"model.txt": b"2"}
    assert opened.verify().verdict is Verdict.PASS
    assert registry.gc(newest=0, grace=timedelta(days=1)).planned == {"m": [3, 4]}
    moment[0] += timedelta(days=1)
    assert registry.gc(newest=0, grace=timedelta(days=1)).deleted == {"m": [3, 4]}
    assert opened.verify().verdict is Verdict.PASS
    last = registry.store.list("models/m/log")[-1]
    registry.store.delete(f"models/m/log/{last}")
    assert "missing" in Registry(s3).state("m").fault


def test_four_writers_of_25_promotions_each(s3):
    registry = Registry(s3, actor="first")
    versions = [registry.register("m", {"model.txt": b"%d" % each}, run="r", kind="test") for each in range(8)]
    for version in versions:
        for against in (None, *(each.digest for each in versions if each is not version)):
            prove(registry, version.number, against)
    registry.promote("m", 1, expect=None)
    before = registry.state("m").entries

    def write(process):
        mine, done = Registry(s3, actor=str(process)), 0
        while done < 25:
            serving = mine.state("m").production
            number = 2 * process + 1 + (serving == 2 * process + 1)
            try:
                mine.promote("m", number, expect=serving)
            except ConflictError:
                continue
            done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(4))) == 100
    state = Registry(s3).state("m")
    assert state.entries - before == len(state.served) - 1 == 100
    assert Registry(s3).verify().verdict is Verdict.PASS


def check_store_command(url):
    done = ctcore("registry", "check-store", url, "--format", "json")
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_a_store_that_keeps_its_word_passes(s3, tmp_path):
    for url in (s3, str(tmp_path / "folder")):
        report = check_store(open_store(url))
        assert report.verdict is Verdict.PASS, report
        assert len(report.checks) == 4
    assert check_store_command(s3)[0] == 0
    assert Registry(s3).store.list("check") == []


def test_a_store_that_ignores_the_condition_is_refused_at_first_use(careless):
    report = check_store(open_store(careless))
    assert {check.id for check in report.checks if check.verdict is Verdict.FAIL} >= {"store.create", "store.race"}
    code, answer = check_store_command(careless)
    assert (code, answer["verdict"]) == (1, "fail")
    registry = Registry(careless)
    with pytest.raises(StoreError, match="overwrites an object that it was asked only to create"):
        registry.register("m", {"model.txt": b"x"}, run="r", kind="test")
    assert registry.models() == []


@pytest.mark.usefixtures("s3")
def test_a_store_that_is_not_there_is_said():
    with pytest.raises(StoreError, match=r"cannot .* s3://nothing/x"):
        Registry("s3://nothing/x").register("m", {"model.txt": b"x"}, run="r", kind="test")
    with pytest.raises((StoreError, ArgumentError), match="teleport"):
        Registry("teleport://bucket/x")


def test_a_lost_answer_finds_its_own_object(s3):
    store = open_store(s3)
    real = store._obstore.put

    class Lossy:
        """Writes, and then says that the time is over."""

        def __getattr__(self, name):
            return getattr(real_module, name)

        @staticmethod
        def put(*arguments, **options):
            real(*arguments, **options)
            raise store._exceptions.GenericError("the time is over")

    real_module = store._obstore
    store._obstore = Lossy()
    assert store.create("a", b"mine")
    store._obstore = real_module
    assert store.read("a") == b"mine"
    assert not store.create("a", b"another's")
    assert store.create("a", b"mine")  # sent again
