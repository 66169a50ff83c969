"""`ctcore check-data` and `ctcore contract` as a shell sees them, and where rows go that break a contract."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ctcore
from ctcore import data, report, validate
from ctcore.errors import ArgumentError, DataError
from ctcore.verdict import Verdict

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, required: true, unique: true}
      - {name: fare, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 500}}
      - name: kind
        logicalType: string
        quality:
          - {id: known, metric: invalidValues, arguments: {validValues: [a, b]}, mustBeLessOrEqualTo: 60, unit: percent}
          - {id: odd, metric: nullValues, mustBe: 0, severity: warning}
    quality:
      - {id: rows, metric: rowCount, mustBeGreaterOrEqualTo: 3}
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    good = pa.table({"id": range(10), "fare": np.linspace(1, 100, 10), "kind": ["a", "b"] * 5})
    bad = pa.table(
        {"id": [0, 1, 1, 2, 2, None], "fare": [5.0, 9.0, 9.0, 900.0, 7.0, 1.0], "kind": ["a", "a", "x", None, "b", "x"]}
    )
    pq.write_table(good, tmp_path / "good.parquet")
    pq.write_table(bad, tmp_path / "bad.parquet", row_group_size=2)
    return tmp_path


def test_exit_codes(files):
    contract = ("--contract", files / "contract.yaml")
    assert ctcore("check-data", files / "good.parquet", *contract).returncode == 0
    bad = ctcore("check-data", files / "bad.parquet", *contract)
    assert bad.returncode == 1
    assert bad.stdout.index("fail") < bad.stdout.index("warn")
    assert ctcore("check-data", files / "none.parquet", *contract).returncode == 2
    assert ctcore("check-data", files / "good.parquet", "--contract", files / "none.yaml").returncode == 2
    (files / "contract.yaml").write_text(CONTRACT + "slaProperties: [{property: uptime, value: 9}]\n")
    assert ctcore("check-data", files / "good.parquet", *contract).returncode == 0
    sql = "      - {id: q, type: sql, query: select 1, mustBe: 1}\n"
    (files / "contract.yaml").write_text(CONTRACT + sql)
    undecided = ctcore("check-data", files / "good.parquet", *contract)
    assert (undecided.returncode, "runs no database" in undecided.stdout) == (3, True)
    (files / "contract.yaml").write_text(CONTRACT.replace("maximum: 500", "maximun: 500"))
    wrong = ctcore("check-data", files / "good.parquet", *contract)
    assert (wrong.returncode, "did you mean" in wrong.stderr) == (2, True)


def test_formats(files):
    contract = ("--contract", files / "contract.yaml")
    told = json.loads(ctcore("check-data", files / "bad.parquet", *contract, "--format", "json").stdout)
    assert told["broken"]["fare.range"] == {
        "count": 1, "asked": 6, "share": 1 / 6, "exact": True, "examples": [{"row": 3, "value": "900.0"}],
    }  # fmt: skip
    suite = ET.fromstring(ctcore("check-data", files / "bad.parquet", *contract, "--format", "junit").stdout)  # noqa: S314
    assert (suite.get("failures"), suite.get("tests")) == ("3", str(len(told["checks"])))
    assert (
        "| fail | fare.range |" in ctcore("check-data", files / "bad.parquet", *contract, "--format", "markdown").stdout
    )
    page = ctcore("check-data", files / "bad.parquet", *contract, "--format", "html").stdout
    assert "row 3: 900.0" in page


def test_what_the_data_says_stays_text(files):
    evil = ["<script>alert(1)</script>", "{{7*7}}", "a|b`c\x00\x1b[31m", "]]>"]
    pq.write_table(pa.table({"id": range(4), "fare": [1.0] * 4, "kind": evil}), files / "evil.parquet")
    rows = data.source(files / "evil.parquet")
    contract = validate.contract(validate.parse(CONTRACT))
    found = validate.check(rows, contract)
    assert found.broken["kind.known"].count == 4
    page = report.validation_html(found)
    assert "<script>" not in page
    assert "49" not in page.split("</style>")[1]
    assert ET.fromstring(report.validation_junit(found)).get("failures") == "1"  # noqa: S314
    assert "<script>" not in report.validation_markdown(found)
    assert "\x1b" not in report.validation_text(found, colour=False)


def test_rows_that_break_a_rule_inside_of_a_column_are_parted(tmp_path):
    rows = [{"a": {"b": 1}, "l": [1, 2]}, {"a": {"b": 9}, "l": []}, {"a": None, "l": [9]}, {"a": {"b": 2}, "l": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet", row_group_size=3)
    small = "logicalType: integer, logicalTypeOptions: {maximum: 5}"
    text = CONTRACT.partition("    properties:")[0] + (
        f"    properties: [{{name: a, logicalType: object, properties: [{{name: b, {small}}}]}}, "
        f"{{name: l, logicalType: array, items: {{{small}}}}}]\n"
    )
    source = data.source(tmp_path / "rows.parquet")
    found = validate.check(source, validate.contract(validate.parse(text)))
    parted = data.quarantine(source, found, tmp_path / "parted")
    assert (parted.clean_rows, parted.rejected_rows) == (2, 2)
    rejected = data.read_table(tmp_path / "parted" / "rejected.parquet").to_pydict()
    assert (rejected["ct_rules"], rejected["ct_row"]) == ([["a.b.range"], ["l[].range"]], [1, 2])


def test_rows_that_break_the_contract_are_parted(files):
    out = files / "parted"
    done = ctcore(
        "check-data",
        files / "bad.parquet",
        "--contract",
        files / "contract.yaml",
        "--quarantine",
        out,
        "--format",
        "json",
    )
    assert json.loads(done.stdout)["quarantine"] == {"clean": 2, "rejected": 4}
    rejected = pq.read_table(out / "rejected.parquet").select(["ct_row", "ct_rules"]).to_pylist()
    # Row 3 breaks the range; without it the key 2 of row 4 is alone again. Both rows of key 1 go.
    assert rejected == [
        {"ct_row": 1, "ct_rules": ["id.unique"]},
        {"ct_row": 2, "ct_rules": ["id.unique"]},
        {"ct_row": 3, "ct_rules": ["fare.range"]},
        {"ct_row": 5, "ct_rules": ["id.nulls"]},
    ]
    clean = pq.read_table(out / "clean.parquet")
    assert clean["id"].to_pylist() == [0, 2]
    again = ctcore("check-data", files / "bad.parquet", "--contract", files / "contract.yaml", "--quarantine", out)
    assert (again.returncode, "new or empty folder" in again.stderr) == (2, True)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.integers(0, 6), st.none() | st.floats(-5, 505), st.none() | st.sampled_from("abx"))
    ),
    st.integers(1, 5),
)
def test_every_row_is_clean_or_rejected_and_clean_rows_are(tmp_path_factory, rows, group):
    folder = tmp_path_factory.mktemp("rows")
    types = pa.schema({"id": pa.int64(), "fare": pa.float64(), "kind": pa.string()})
    table = pa.table([list(each) for each in zip(*rows, strict=True)] or [[], [], []], schema=types)
    pq.write_table(table, folder / "rows.parquet", row_group_size=group)
    contract = validate.contract(validate.parse(CONTRACT))
    source = data.source(folder / "rows.parquet")
    parted = data.quarantine(source, validate.check(source, contract), folder / "out")
    assert parted.clean_rows + parted.rejected_rows == len(rows)
    clean = validate.check(data.source(parted.clean), contract)
    for id_ in ("id.nulls", "id.unique", "fare.range"):
        assert clean.broken[id_].count == 0
    rejected = pq.read_table(parted.rejected)
    assert all(rejected["ct_rules"].to_pylist())
    assert [rows[row][0] for row in rejected["ct_row"].to_pylist()] == rejected["id"].to_pylist()


def test_a_foreign_key_and_a_window_from_the_command_line(files):
    more = "    relationships: [{from: [trips.kind], to: [kinds.code]}]\n"
    (files / "contract.yaml").write_text(CONTRACT + more)
    (files / "kinds.csv").write_text("code,name\na,first\n")
    call = ("check-data", files / "good.parquet", "--contract", files / "contract.yaml", "--format", "json")
    assert json.loads(ctcore(*call).stdout)["verdict"] == "not_run"
    told = json.loads(ctcore(*call, "--reference", f"kinds={files / 'kinds.csv'}").stdout)
    assert told["broken"]["kind.foreign_key"]["count"] == 5
    assert ctcore(*call, "--reference", "kinds").returncode == 2


def test_a_proposed_contract_holds_for_its_own_sample(files):
    proposed = ctcore("contract", "infer", files / "good.parquet", "--name", "trips")
    assert proposed.returncode == 0
    (files / "proposed.yaml").write_text(proposed.stdout)
    assert ctcore("check-data", files / "good.parquet", "--contract", files / "proposed.yaml").returncode == 0
    assert ctcore("contract", "lint", files / "proposed.yaml").returncode == 0


_TYPES = st.sampled_from(
    [
        pa.int8(),
        pa.int64(),
        pa.uint64(),
        pa.float32(),
        pa.float64(),
        pa.bool_(),
        pa.string(),
        pa.timestamp("us"),
        pa.date32(),
    ]
)


_THROUGH = {pa.timestamp("us"): pa.int64(), pa.date32(): pa.int32()}


@settings(max_examples=60, deadline=None)
@given(_TYPES, st.integers(1, 300), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_whatever_is_inferred_holds_for_the_sample(type_, rows, seed, nulls):
    rng = np.random.default_rng(seed)
    values = np.round(rng.standard_cauchy(rows) * 3).clip(0 if type_ == pa.uint64() else -100, 100)
    texts = [f"v{value}" for value in values] if type_ == pa.string() else None
    floats = values % 2 if type_ == pa.bool_() else values
    array = pa.array(texts) if texts else pa.array(floats.astype(np.int32)).cast(_THROUGH.get(type_, type_)).cast(type_)
    array = pa.array(
        [None if gone else value for gone, value in zip(rng.random(rows) < nulls, array, strict=True)], type_
    )
    table = pa.table({"x": array})
    found = validate.check(table, validate.contract(validate.infer(table)))
    assert found.verdict is Verdict.PASS, [check.message for check in found.checks if check.verdict is not Verdict.PASS]


def test_a_batch_alike_rarely_breaks_what_was_inferred():
    """1,000 rules on batches of the distribution of their sample; a bound at the extremes would break in half."""
    rng = np.random.default_rng(7)
    draws = {
        "normal": lambda n: rng.normal(size=n),
        "lognormal": lambda n: rng.lognormal(sigma=1.5, size=n),
        "uniform": lambda n: rng.uniform(size=n),
        "pareto": lambda n: rng.pareto(2.5, size=n),
    }
    broken, beyond, tried = {}, 0, 50
    for name, draw in draws.items():
        broken[name] = 0
        for _ in range(tried):
            sample, batch = draw(5_000), draw(5_000)
            contract = validate.contract(validate.infer(pa.table({"x": sample})))
            broken[name] += validate.check(pa.table({"x": batch}), contract).verdict is not Verdict.PASS
            beyond += batch.max() > sample.max() or batch.min() < sample.min()
    assert beyond > 0.6 * 4 * tried
    assert sum(broken.values()) <= 0.03 * 4 * tried, broken


def test_nothing_is_inferred_of_nothing():
    with pytest.raises(DataError, match="no rows"):
        validate.infer(pa.table({"x": pa.array([], pa.int64())}))


def test_lint(files):
    wise = validate.lint(validate.parse(CONTRACT))
    assert wise.verdict is Verdict.PASS
    unwise = CONTRACT.replace("[a, b]", "[NO, b]").replace("mustBeGreaterOrEqualTo: 3", "mustBeBetween: [1, 9]")
    unwise = unwise.replace("maximum: 500", "maximum: -5").replace("OrEqualTo: 60", "OrEqualTo: 100")
    found = {check.id: check.message for check in validate.lint(validate.parse(unwise)).checks}
    assert "quote them" in found["kind.known"] or "nothing can break it" in found["kind.known"]
    assert "nothing lies within" in found["fare.range"]
    assert "both 1 and 9 are allowed" in found["between"]
    between = "items: {quality: [{id: odd, metric: nullValues, mustBeBetween: [0, 7]}]}"
    inside = CONTRACT.replace("logicalTypeOptions: {minimum: 0, maximum: 500}", between)
    messages = [check.message for check in validate.lint(validate.parse(inside.replace("number", "array"))).checks]
    assert messages[0].startswith("trips.fare[]: mustBeBetween: both 0 and 7 are allowed here")
    fare = "{name: fare, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 500}"
    assert fare in CONTRACT
    anything = (
        "{name: fare, logicalType: number, required: true, customProperties: [{property: ctNonFinite, value: allowed}]"
    )
    found = {
        check.id: check.message for check in validate.lint(validate.parse(CONTRACT.replace(fare, anything))).checks
    }
    assert found["bounds"] == "fare: no rule looks at its numbers: in another unit they pass"
    assert "NaN is a value" in found["fare.nulls"]
    bare = CONTRACT.partition("    quality:\n      - {id: rows")[0].replace("kind, ", "kind, ")
    bare = bare.replace(
        "name: fare, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 500}",
        "name: at, logicalType: timestamp",
    )
    ids = {check.id for check in validate.lint(validate.parse(bare)).checks}
    assert {"rows", "freshness"} <= ids
    pattern = CONTRACT.replace("logicalType: string", "logicalType: string, x").replace(", x", "")
    loose = pattern.replace(
        "        logicalType: string\n", "        logicalType: string\n        logicalTypeOptions: {pattern: a}\n"
    )
    assert "searched for anywhere" in validate.lint(validate.parse(loose)).checks[0].message
    assert validate.lint(validate.parse(CONTRACT.replace("id: rows", "idd: rows"))).verdict is Verdict.FAIL
    (files / "bad.yaml").write_text(CONTRACT.replace("id: rows", "idd: rows"))
    assert ctcore("contract", "lint", files / "bad.yaml").returncode == 1


@pytest.mark.parametrize(
    ("old", "new", "verdict", "words"),
    [
        ("", "", Verdict.PASS, "promise the same"),
        ("maximum: 500", "maximum: 600", Verdict.FAIL, "fare.range promises less"),
        ("maximum: 500", "maximum: 400", Verdict.WARN, "fare.range promises more"),
        ("minimum: 0, maximum: 500", "minimum: 5, maximum: 600", Verdict.FAIL, "fare.range has changed"),
        (", required: true", "", Verdict.FAIL, "id.nulls is gone"),
        ("[a, b]", "[a, b, c]", Verdict.FAIL, "kind.known promises less"),
        ("[a, b]", "[a]", Verdict.WARN, "kind.known promises more"),
        ("OrEqualTo: 60", "OrEqualTo: 70", Verdict.FAIL, "promises less"),
        ("severity: warning", "severity: error", Verdict.WARN, "promises more"),
        ("severity: warning", "severity: info", Verdict.FAIL, "promises less"),
        ("logicalType: number", "logicalType: integer", Verdict.FAIL, "was of type number, now integer"),
        ("name: fare", "name: cost", Verdict.FAIL, "the column fare is gone"),
        (
            "unique: true",
            "unique: true, customProperties: [{property: ctOptional, value: true}]",
            Verdict.FAIL,
            "optional",
        ),
        ("unique: true}", "unique: true}\n      - {name: more}", Verdict.WARN, "the column more is new"),
    ],
)
def test_diff(files, old, new, verdict, words):
    before, after = (validate.contract(validate.parse(text)) for text in (CONTRACT, CONTRACT.replace(old, new)))
    found = validate.diff(before, after)
    assert (found.verdict, any(words in check.message for check in found.checks)) == (verdict, True)
    (files / "new.yaml").write_text(CONTRACT.replace(old, new))
    if words in ("promise the same", "fare.range promises less"):
        done = ctcore("contract", "diff", files / "contract.yaml", files / "new.yaml")
        assert done.returncode == (1 if verdict is Verdict.FAIL else 0)


def test_a_quarantine_needs_an_empty_folder(files):
    source = data.source(files / "good.parquet")
    found = validate.check(source, validate.contract(validate.parse(CONTRACT)))
    with pytest.raises(ArgumentError, match="new or empty"):
        data.quarantine(source, found, files)
