"""90 checks over one Parquet file of 20 columns, beside one polars select, one DuckDB select and pyarrow's read_table.

The counts must equal DuckDB's before anything is timed. ``CTCORE_ROWS`` sets the rows, 5,000,000 without it.
``python benches/validate.py memory`` measures the peak memory of a check over 5 million rows and over
``CTCORE_MEMORY_ROWS`` instead, 20,000,000 without it, and fails where it is not flat.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from timing import timed

from ctcore import data, validate

ROWS = int(os.environ.get("CTCORE_ROWS", "5000000"))
FEW_ROWS, MANY_ROWS = 5_000_000, int(os.environ.get("CTCORE_MEMORY_ROWS", "20000000"))
FLAT = 1.2
"""Times the peak of few rows that many rows may take."""
HEAD = "apiVersion: v3.1.0\nkind: DataContract\nid: bench\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n"
WORDS = ["north", "south", "east", "west", "centre", "abroad", "unknown-1", "x"]


def write(path):
    """Eight whole numbers, eight floats (half of them with nulls), four texts, in row groups of 500,000."""
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, ROWS, 500_000):
        n = min(500_000, ROWS - start)
        columns = {f"i{k}": pa.array(rng.integers(-5, 1000 * (k + 1), n)) for k in range(8)}
        for k in range(8):
            mask = rng.random(n) < 0.02 if k % 2 else None
            columns[f"f{k}"] = pa.array(rng.normal(50, 20, n), mask=mask)
        for k in range(4):
            columns[f"s{k}"] = pa.array(np.array(WORDS)[rng.integers(0, len(WORDS), n)])
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def checks():
    """The 90 checks: the contract's properties, and the same as (id, SQL, polars) for the peers."""
    properties, peers = [], []

    def add(id_, sql, expression):
        peers.append((id_, sql, expression))

    for kind, count in (("i", 8), ("f", 8)):
        for k in range(count):
            name, c = f"{kind}{k}", pl.col(f"{kind}{k}")
            high = 900 * (k + 1) if kind == "i" else 110
            rules = "{id: r1, metric: nullValues, mustBe: 0}"
            checks_ = [
                ("q1", f"minimum: 1, maximum: {high // 2}", f"< 1 OR {name} > {high // 2}", (c < 1) | (c > high // 2))
            ]
            checks_.append(("q2", "exclusiveMinimum: 5", "<= 5", c <= 5))
            for id_, test, sql, expression in checks_:
                implementation = f"{{check: conditional, if: {{notNull: true}}, then: {{{test}}}}}"
                rules += f", {{id: {id_}, type: custom, engine: ctcore, implementation: {implementation}}}"
                add(f"{name}.{id_}", f"{name} {sql}", expression)
            logical = "integer" if kind == "i" else "number"
            options = f"logicalTypeOptions: {{minimum: 0, maximum: {high}}}"
            properties.append(f"{{name: {name}, logicalType: {logical}, {options}, quality: [{rules}]}}")
            add(f"{name}.range", f"{name} < 0 OR {name} > {high}", (c < 0) | (c > high))
            add(f"{name}.r1", f"{name} IS NULL", c.is_null())
            if kind == "f":
                add(f"{name}.finite", f"isnan({name}) OR isinf({name})", ~c.is_finite())
    for k in range(4):
        name, c = f"s{k}", pl.col(f"s{k}")
        values = WORDS[: 4 + k]
        properties.append(
            f"{{name: {name}, logicalType: string, required: true, logicalTypeOptions: {{minLength: 2, maxLength: 8, "
            f"pattern: '^[a-z]+$'}}, quality: [{{id: v, metric: invalidValues, mustBe: 0, arguments: {{validValues: "
            f"[{', '.join(values)}]}}}}]}}"
        )
        listed = ", ".join(f"'{value}'" for value in values)
        add(f"{name}.nulls", f"{name} IS NULL", c.is_null())
        add(f"{name}.length", f"length({name}) NOT BETWEEN 2 AND 8", ~c.str.len_chars().is_between(2, 8))
        add(f"{name}.pattern", f"NOT regexp_matches({name}, '^[a-z]+$')", ~c.str.contains("^[a-z]+$"))
        add(f"{name}.v", f"{name} NOT IN ({listed})", ~c.is_in(values))
    quality = []
    for a, b in (("i0", "i1"), ("f0", "f2")):
        check = f"{{check: compare, columns: [{a}, {b}], operator: '<='}}"
        rule = f"{{id: {a}{b}, type: custom, engine: ctcore, implementation: {check}}}"
        quality.append(rule)
        add(f"{a}{b}", f"{a} > {b}", pl.col(a) > pl.col(b))
    text = HEAD + f"    properties: [{', '.join(properties)}]\n    quality: [{', '.join(quality)}]\n"
    return validate.contract(validate.parse(text)), peers


def main():
    contract, peers = checks()
    assert len(peers) == 90, len(peers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write(path)
        source = data.source(path)
        counts = ", ".join(f"count(*) FILTER ({sql})" for _, sql, _ in peers)
        query = f"SELECT {counts} FROM read_parquet('{path}')"  # noqa: S608 - our own words
        connection = duckdb.connect()
        lazy = pl.scan_parquet(path).select(
            [expression.fill_null(value=False).sum().alias(id_) for id_, _, expression in peers]
        )
        expected = connection.execute(query).fetchone()
        found = validate.check(source, contract)
        ours = [found.broken[id_].count for id_, _, _ in peers]
        assert ours == list(expected), [each for each in zip(peers, ours, expected, strict=True) if each[1] != each[2]][
            :3
        ]
        assert ours == list(lazy.collect().row(0))
        print(f"{len(peers)} checks over {ROWS:,} rows x 20 columns: counts equal DuckDB {duckdb.__version__}")
        works = {
            "ctcore check": lambda: validate.check(source, contract),
            "ctcore check, distrusting statistics": lambda: validate.check(source, contract, distrust_statistics=True),
            "ctcore stream alone": lambda: [None for _ in source.batches()],
            f"polars {pl.__version__} lazy select": lazy.collect,
            "polars streaming": lambda: lazy.collect(engine="streaming"),
            f"duckdb {duckdb.__version__} select": lambda: connection.execute(query).fetchone(),
            "pyarrow read_table (dictionary)": lambda: pq.read_table(path, read_dictionary=[f"s{k}" for k in range(4)]),
        }
        times = {name: timed(work, repeats=3)[0] for name, work in works.items()}
        for name, seconds in times.items():
            print(f"| {name} | {seconds * 1e3:.0f} ms | {seconds / times['ctcore check']:.2f}x |")
        wide(Path(folder))
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, all of the above")


def wide(folder):
    """A scan of a wide table stays linear in its columns, in memory and from a file with its statistics."""
    for columns in (250, 500, 1000, 2000):
        names = [f"c{i}" for i in range(columns)]
        table = pa.table({name: np.arange(10_000.0) for name in names})
        path = folder / f"{columns}.parquet"
        pq.write_table(table, path)
        text = ", ".join(f"{{name: {n}, logicalType: number, logicalTypeOptions: {{maximum: 9000}}}}" for n in names)
        contract = validate.contract(validate.parse(HEAD + f"    properties: [{text}]\n"))
        for kind, rows in (("in memory", table), ("of a Parquet file", data.source(path))):
            seconds, _ = timed(lambda rows=rows, contract=contract: validate.check(rows, contract), repeats=3)
            each = seconds / columns * 1e6
            print(f"| {columns} columns x 10,000 rows {kind} | {seconds * 1e3:.0f} ms | {each:.0f} us a column |")


PEAK = """
import resource, sys, time
from ctcore import data, validate
path, text = sys.argv[1:]
start = time.perf_counter()
found = validate.check(data.source(path), validate.contract(validate.parse(text)), distrust_statistics=True)
seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{peak:.0f} {seconds:.1f} {found.rows} {found.verdict.value}")
"""


def memory():
    """Peak memory of one check in a process of its own, over few and over many rows in row groups of one size."""
    scanned = (
        "{name: id, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0}}, "
        "{name: x, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 100}}, "
        "{name: s, logicalType: string, required: true, logicalTypeOptions: {maxLength: 9, pattern: '^[a-z]'}}"
    )
    unique = "{name: id, logicalType: integer, unique: true}"
    rng = np.random.default_rng(0)
    peaks = {"rows": [], "keys": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        for rows in (FEW_ROWS, MANY_ROWS):
            with pq.ParquetWriter(path, pa.schema({"id": pa.int64(), "x": pa.float64(), "s": pa.string()})) as writer:
                for start in range(0, rows, 500_000):
                    x = rng.integers(0, 10_000, 500_000) / 100
                    words = np.array(WORDS)[rng.integers(0, len(WORDS), 500_000)]
                    writer.write_table(pa.table({"id": np.arange(start, start + 500_000), "x": x, "s": words}))
            for name, properties in (("rows", scanned), ("keys", unique)):
                text = HEAD + f"    properties: [{properties}]\n"
                done = subprocess.run(
                    [sys.executable, "-c", PEAK, str(path), text], check=True, capture_output=True, text=True
                )
                peak, seconds, counted, verdict = done.stdout.split()
                assert (int(counted), verdict) == (rows, "pass")
                peaks[name].append(float(peak))
                print(f"| {rows:,} rows, rules on {name} | {peak} MB peak | {seconds} s |")
    for name, (few, many) in peaks.items():
        print(
            f"peak memory of rules on {name}: {many / few:.2f} times as much at {MANY_ROWS:,} rows as at {FEW_ROWS:,}, "
            f"at most {FLAT} allowed"
        )
        assert many <= FLAT * few


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        memory()
    else:
        main()
