"""What the tests share: the command, a small project that trains in a second, and the repository's root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("ctcore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ctcore")


def ctcore(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would; no answer of it is a traceback."""
    command = [sys.executable, "-m", "ctcore", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert "Traceback" not in done.stderr
    return done


TOML = """
[model]
name = "ranker"
task = "ranking"

[data]
source = "rows.parquet"
time_column = "time"
window = "20d"
contract = "contract.yaml"

[holdout]
newest = "7d"

[features]
function = "features.py:features"
label = "grade"
query = "query"
columns = ["a", "b"]

[leakage]
accepted = ["a"]

[train]
parameters = {num_iterations = 5, num_leaves = 7, min_data_in_leaf = 5}
limits = {time = "60s", memory = "2GB"}

[[gate]]
metric = "ndcg@5"
margin = "1%"
cluster = "day"
floor = 0.1
"""

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: rows
version: 1.0.0
status: active
schema:
  - name: rows
    properties:
      - {name: time, logicalType: timestamp, required: true}
      - {name: query, logicalType: integer, required: true}
      - {name: a, logicalType: number, required: true, logicalTypeOptions: {minimum: -10, maximum: 10}}
      - {name: b, logicalType: number}
      - {name: grade, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0, maximum: 4}}
    quality:
      - {metric: rowCount, mustBeGreaterOrEqualTo: 50}
slaProperties:
  - {property: latency, value: 2, unit: d, element: rows.time}
"""

FEATURES = """
def features(table, as_of):
    days = table["time"].cast("date32")
    return table.append_column("day", days)
"""


def rows(days: int = 40, *, per_day: int = 12, documents: int = 6, seed: int = 0, signal: float = 1.0) -> pa.Table:
    """Queries over days since 2024-01-01; the grade follows column ``a``."""
    rng = np.random.default_rng(seed)
    count = days * per_day * documents
    day = np.repeat(np.arange(days), per_day * documents)
    a, b = rng.normal(size=count), rng.normal(size=count)
    grade = np.clip(np.round(2 + signal * a + 0.5 * rng.normal(size=count)), 0, 4)
    start = np.datetime64("2024-01-01T00:00", "us")
    time = start + (day * 86_400_000_000).astype("timedelta64[us]")
    return pa.table(
        {
            "time": pa.array(time).cast(pa.timestamp("us", "UTC")),
            "query": np.repeat(np.arange(days * per_day), documents),
            "a": a,
            "b": b,
            "grade": grade.astype(np.int64),
        }
    )


class SmallProject:
    """A project's folder that a test may change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("ctcore.toml", TOML)
        self.write("contract.yaml", CONTRACT)
        self.write("features.py", FEATURES)
        self.rows(rows())

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def rows(self, table: pa.Table) -> None:
        pq.write_table(table, self.folder / "rows.parquet")

    def toml(self, old: str, new: str) -> None:
        text = (self.folder / "ctcore.toml").read_text()
        assert old in text
        self.write("ctcore.toml", text.replace(old, new))


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path)
