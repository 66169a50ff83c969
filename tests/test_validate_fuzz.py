"""Damaged files and contracts: `check` and `quarantine` answer, or refuse in words; no panic, no hang, no bomb.

Each kind runs its cases in a process of its own, whose address space and whose time for a case are limited. Run as a
program, the file is that process.
"""

from __future__ import annotations

import io
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

CASES = 300
SECONDS = 60
"""Of a case, which takes a hundredth of one, but for seed 57 of coded.parquet: a torn page of a dictionary makes Arrow
allocate 2 GB, five seconds long, before it sees the damage."""
ADDRESS_SPACE = 4 << 30
NOW = datetime(2024, 1, 2, tzinfo=UTC)
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: t
version: 1.0.0
status: active
schema:
  - name: t
    properties:
      - {name: id, logicalType: integer, required: true, unique: true, logicalTypeOptions: {minimum: 0}}
      - {name: x, logicalType: number, logicalTypeOptions: {maximum: 2}}
      - name: s
        logicalType: string
        logicalTypeOptions: {maxLength: 3, pattern: '^[a-z]+$'}
        quality:
          - {id: known, metric: invalidValues, mustBe: 0, arguments: {validValues: [ab, cd, NO]}}
          - {id: skew, type: custom, engine: ctcore, implementation: {check: metric, metric: entropy, mustBeLessThan: 9}}
      - {name: t, logicalType: timestamp, logicalTypeOptions: {maximum: "2024-01-01T00:00:00Z"}}
      - {name: l, logicalType: array, items: {logicalType: integer, logicalTypeOptions: {maximum: 5}}, customProperties: [{property: ctOptional, value: true}]}
    quality:
      - {id: rows, metric: rowCount, mustBeGreaterOrEqualTo: 1}
      - {id: mean, type: custom, engine: ctcore, implementation: {check: metric, column: x, metric: skewness, where: {column: s, equals: ab}, mustBeLessThan: 9}}
slaProperties:
  - {property: latency, value: 2, unit: d, element: t.t}
"""  # noqa: E501 - a document


def table():
    rng = np.random.default_rng(0)
    rows = 40
    return pa.table(
        {
            "id": pa.array([*range(rows - 1), 3]),
            "x": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.2),
            "s": pa.array(rng.choice(["ab", "cd", "long one"], rows)),
            "t": pa.array([1_704_000_000_000_000 + row for row in range(rows)], pa.timestamp("us")),
            "l": pa.array([[row % 7] * (row % 3) for row in range(rows)]),
        }
    )


def started():
    """The undamaged bytes of each kind, by the name of its file."""
    rows, out = table(), {"contract.yaml": CONTRACT.encode()}
    out["contract.json"] = json.dumps(document()).encode()
    for name, options in (
        ("plain.parquet", {"compression": "none", "use_dictionary": False}),
        ("coded.parquet", {"compression": "zstd", "row_group_size": 13, "write_page_checksum": True}),
    ):
        file = io.BytesIO()
        pq.write_table(rows, file, **options)
        out[name] = file.getvalue()
    file = io.BytesIO()
    with pa.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows)
    out["rows.arrow"] = file.getvalue()
    file = io.BytesIO()
    pyarrow.csv.write_csv(rows.drop_columns("l"), file)
    out["rows.csv"] = file.getvalue()
    out["rows.json"] = "\n".join(json.dumps(row, default=str) for row in rows.to_pylist()).encode()
    return out


def document():
    from ctcore import validate  # noqa: PLC0415 - for the limited process as well

    return validate.parse(CONTRACT)


def damaged(content, chance):
    """Bytes with a few accidents: flipped bits, other bytes, pieces cut, doubled, moved; mostly near the end."""
    out = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(out) + 1) if chance.random() < 0.5 else max(0, len(out) - chance.randrange(400))
        length = chance.randint(1, 8)
        accident = chance.randrange(7)
        if accident == 0 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif accident == 1:
            out[at : at + length] = chance.randbytes(len(out[at : at + length]))
        elif accident == 2:
            del out[at : at + length]
        elif accident == 3:
            out[at:at] = chance.randbytes(length)
        elif accident == 4:
            out[at:at] = out[at : at + 100]
        elif accident == 5:
            out[at : at + 4] = chance.choice([b"\xff\xff\xff\x7f", b"\x00" * 4, b"\xff" * 4, b"\r\n\"'"])
        else:
            del out[chance.randrange(len(out) + 1) :]
    return bytes(out)


def run(name, folder, seeds):
    """Take cases of one kind through the reading of the contract, the check and the quarantine."""
    from ctcore import data, validate  # noqa: PLC0415 - loaded before the limit is set
    from ctcore.errors import CtcoreError  # noqa: PLC0415

    content, ends, whole = started()[name], Counter(), validate.contract(document())
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    (folder / "good.parquet").write_bytes(started()["coded.parquet"])
    for seed in seeds:
        (folder / "case").write_text(f"{name}, seed {seed}")
        bytes_ = content if seed == 0 else damaged(content, random.Random(f"{name} {seed}"))
        signal.alarm(SECONDS)
        try:
            contract, rows = whole, folder / "good.parquet"
            if name.startswith("contract"):
                contract = validate.contract(validate.parse(bytes_.decode("utf-8", "replace")))
            else:
                rows = folder / name
                rows.write_bytes(bytes_)
            source = data.source(rows)
            found = validate.check(source, contract, now=NOW, distrust_statistics=seed % 2 == 0)
            parted = data.quarantine(source, found, folder / "parted")
            assert parted.clean_rows + parted.rejected_rows == found.rows
            ends[found.verdict.value] += 1
        except CtcoreError as error:
            ends["refused" if str(error).strip() else "refused without a word"] += 1
        finally:
            signal.alarm(0)
            shutil.rmtree(folder / "parted", ignore_errors=True)
    print(json.dumps(ends))


def ran(tmp_path, *arguments):
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments), str(tmp_path)], capture_output=True, text=True, check=False
    )
    case = tmp_path / "case"
    assert done.returncode == 0, (done.returncode, case.read_text() if case.exists() else "", done.stderr[-2000:])
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", started())
def test_damaged_bytes_are_judged_or_refused(name, tmp_path):
    ends = ran(tmp_path, name, *range(CASES))
    assert sum(ends.values()) == CASES
    if name == "rows.json":  # no format of data: refused before it is read
        assert ends == {"refused": CASES}
    else:
        assert ends["fail"] >= 1  # the undamaged one breaks the contract
        assert ends["refused"] > 20
        assert set(ends) <= {"pass", "warn", "fail", "not_run", "insufficient", "refused"}


def test_rows_that_are_not_there_are_missed(tmp_path):
    """Arrow takes a torn page for the end of its column, and says nothing; the footer knows better."""
    from ctcore import data  # noqa: PLC0415 - for the limited process as well
    from ctcore.errors import DataError  # noqa: PLC0415

    content = damaged(started()["coded.parquet"], random.Random("coded.parquet 57"))
    (tmp_path / "a.parquet").write_bytes(content)
    assert pq.ParquetFile(tmp_path / "a.parquet").read_row_group(2, columns=["id"]).num_rows == 0
    with pytest.raises(DataError, match="13 rows of the row groups 2 to 2 are not there"):
        list(data.source(tmp_path / "a.parquet").batches(["id"], needed=[[], [], ["id"], []]))


def wide(path):
    """One column of 10,000 breaks its rule; the rows of the others are clean."""
    from ctcore import data, validate  # noqa: PLC0415 - for the limited process as well

    names = [f"c{number}" for number in range(10_000)]
    rules = document() | {"slaProperties": []}
    bounded = {"logicalType": "integer", "required": True, "logicalTypeOptions": {"maximum": 5}}
    rules["schema"] = [{"name": "t", "properties": [{"name": name, **bounded} for name in names]}]
    rows = pa.table({name: [1, 9 if name == "c7777" else 2] for name in names})
    write = pq.write_table if path.suffix == ".parquet" else pyarrow.csv.write_csv
    write(rows, path)
    signal.alarm(120)
    found = validate.check(data.source(path), validate.contract(rules), now=NOW)
    parted = data.quarantine(data.source(path), found, path.parent / "parted")
    bad = {check.id: check.message for check in found.checks if check.verdict.value != "pass"}
    print(json.dumps({"bad": bad, "parted": [parted.clean_rows, parted.rejected_rows], "rules": len(found.checks)}))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_ten_thousand_columns_name_the_one_that_is_wrong(kind, tmp_path):
    told = ran(tmp_path, f"wide.{kind}")
    assert told["bad"] == {"c7777.range": "c7777: 1 of 2 rows (50.00%) lie above 5, none allowed; row 1: 9"}
    assert (told["parted"], told["rules"]) == ([1, 1], 40_000)


if __name__ == "__main__":
    what, *asked, place = sys.argv[1:]
    if what.startswith("wide"):
        wide(Path(place) / what)
    else:
        run(what, Path(place), map(int, asked))
