"""The house: who may import whom, what importing loads, and that both guards looked at something."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from conftest import ROOT

PACKAGE = ROOT / "python" / "ctcore"

# Floors from the ground up. A room imports rooms of floors below it, and beside it only where the table says so.
FLOORS = [
    {"errors", "verdict", "_core", "project", "duration", "binomial", "arrow"},
    {"metrics", "drift", "validate"},
    {"gate"},
    {"data", "train", "registry", "report"},
    {"config", "lineage", "cycle", "replay", "reproduce", "cli", "__main__"},
]
# Neighbours that may be seen, each for a reason.
BESIDE = {
    ("verdict", "errors"),
    ("project", "errors"),
    ("duration", "errors"),
    ("binomial", "_core"),
    ("lineage", "config"),
    ("cycle", "config"),
    ("cycle", "lineage"),
    ("replay", "config"),
    ("replay", "cycle"),
    ("__main__", "cli"),
    ("cli", "config"),
    ("cli", "cycle"),
    ("cli", "replay"),
    ("cli", "lineage"),
    ("cli", "reproduce"),
    ("reproduce", "config"),
    ("reproduce", "cycle"),
    ("reproduce", "lineage"),
}
# A report renders what the loop found: it may name those types, for type checkers alone.
RENDERED = {("report", "cycle"), ("report", "replay")}

RUST_LAYERS = [
    {"error"},
    {"num"},
    {"special", "par", "resample"},
    {"column", "rank", "profile"},
    {"drift", "metrics", "validate", "lightgbm"},
]
RUST_BESIDE = {("profile", "column"), ("profile", "rank")}


def room(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py").removesuffix(".pyi")


def floor(name):
    return next(index for index, rooms in enumerate(FLOORS) if name in rooms)


def imports(path):
    """Every room of ctcore that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ctcore":
            parts = node.module.split(".")
            names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            yield from (name for name in names if name != "__version__")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("ctcore."):
                    yield alias.name.split(".")[1]


def test_rooms_import_downwards():
    looked, found = 0, 0
    for path in PACKAGE.rglob("*.py"):
        here = room(path)
        if here == "__init__":
            continue
        looked += 1
        for there in imports(path):
            found += 1
            if there == here:
                continue
            allowed = floor(there) < floor(here) or (here, there) in BESIDE | RENDERED
            assert allowed, f"{path.relative_to(ROOT)} imports ctcore.{there}, which is not below it"
    assert looked > 20
    assert found > 60


def test_rust_modules_import_downwards():
    looked, found = 0, 0
    layer = {name: index for index, names in enumerate(RUST_LAYERS) for name in names}
    source = ROOT / "rust" / "ctcore" / "src"
    for path in source.rglob("*.rs"):
        here = path.relative_to(source).parts[0].removesuffix(".rs")
        if here == "lib":
            continue
        looked += 1
        code = path.read_text().split("#[cfg(test)]\nmod tests")[0]
        code = "\n".join(line for line in code.splitlines() if not line.lstrip().startswith("//"))
        for group in re.findall(r"crate::(\w+|\{[^}]*\})", code):
            for there in re.findall(r"\b([a-z_]+)\b", group):
                if there not in layer or there == here:
                    continue
                found += 1
                allowed = layer[there] < layer[here] or (here, there) in RUST_BESIDE
                assert allowed, f"{path.relative_to(ROOT)} uses crate::{there}, which is not below it"
    assert looked > 15
    assert found > 10


def test_threads_have_one_user():
    threads = re.compile(r"\brayon::|\bthread::(?!current|sleep)")
    users = [path.name for path in (ROOT / "rust").rglob("*.rs") if threads.search(path.read_text())]
    assert users == ["par.rs"]


def test_unsafe_has_one_user():
    unsafe = re.compile(r"\bunsafe (\{|fn|impl|extern)")
    users = [path.parts[-3] for path in (ROOT / "rust").rglob("*.rs") if unsafe.search(path.read_text())]
    assert users == ["ctcore-simd"]


def test_nothing_is_unpickled_or_evaluated():
    looked = 0
    for path in PACKAGE.rglob("*.py"):
        looked += 1
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "joblib", "cloudpickle", "dill", "marshal", "shelve"} & set(names), path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, path
    assert looked > 20


@pytest.mark.parametrize("module", ["ctcore", "ctcore.metrics", "ctcore.drift", "ctcore.validate", "ctcore.gate"])
def test_importing_is_light(module):
    heavy = {"pyarrow", "lightgbm", "click", "pydantic", "pandas", "scipy", "rich", "jinja2"}
    code = f"import sys, {module}; print(' '.join(sorted({heavy!r} & sys.modules.keys())))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []


def test_help_loads_nothing_heavy():
    """What `ctcore --help` loads is what every command waits for."""
    heavy = ("numpy", "pyarrow", "lightgbm", "pydantic", "rich", "jinja2", "asyncio", "importlib.metadata")
    code = "import sys; from ctcore.cli._main import cli; cli.main(['--help'], standalone_mode=False); "
    code += f"print('loaded:', *sorted({set(heavy)!r} & sys.modules.keys()))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Commands:" in said
    assert said.splitlines()[-1] == "loaded:"
