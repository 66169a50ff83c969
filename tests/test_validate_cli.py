"""`ctcore check-data` and `ctcore contract` as a shell sees them, and where rows go that break a contract."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ctcore
from ctcore import data, drift, report, validate
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


@pytest.fixture
def shown(files):
    """The bad rows in every format; the command's exit code is the same in each."""
    call = ("check-data", files / "bad.parquet", "--contract", files / "contract.yaml", "--format")
    done = {each: ctcore(*call, each) for each in ("text", "json", "html", "junit", "markdown")}
    assert {each.returncode for each in done.values()} == {1}
    return {name: each.stdout for name, each in done.items()}


SUMMARY = "6 rows by trips 1.0.0; 13 of 13 rules judged, exactly: 3 fail, 1 warn, 9 pass"


def test_json_says_everything(shown):
    told = json.loads(shown["json"])
    counts = {id_: each["count"] for id_, each in told["broken"].items()}
    assert counts == {
        "id.nulls": 1, "id.unique": 2, "fare.finite": 0, "fare.range": 1, "kind.known": 2, "kind.odd": 1,
    }  # fmt: skip
    assert told["broken"]["fare.range"] == {
        "count": 1, "asked": 6, "share": 1 / 6, "exact": True, "examples": [{"row": 3, "value": "900.0"}],
    }  # fmt: skip
    verdicts = {check["id"]: check["verdict"] for check in told["checks"]}
    assert {id_: verdict for id_, verdict in verdicts.items() if verdict != "pass"} == {
        "id.nulls": "fail", "id.unique": "fail", "fare.range": "fail", "kind.odd": "warn",
    }  # fmt: skip
    assert (told["verdict"], told["rows"], len(verdicts)) == ("fail", 6, 13)


def test_every_format_tells_the_same_verdicts_and_counts(shown):
    told = json.loads(shown["json"])
    messages = {check["id"]: check["message"] for check in told["checks"] if check["verdict"] != "pass"}
    bad = {check["id"]: check["verdict"] for check in told["checks"] if check["verdict"] != "pass"}
    good = [check["id"] for check in told["checks"] if check["verdict"] == "pass"]
    assert (len(bad), len(good)) == (4, 9)

    suite = ET.fromstring(shown["junit"])  # noqa: S314
    assert {key: suite.get(key) for key in ("name", "tests", "failures", "errors", "skipped")} == {
        "name": "trips 1.0.0", "tests": "13", "failures": "3", "errors": "0", "skipped": "0",
    }  # fmt: skip
    ends = {case.get("name"): case.find("failure") for case in suite.iter("testcase")}
    assert list(ends) == [check["id"] for check in told["checks"]]
    failed = {id_: end.get("message") for id_, end in ends.items() if end is not None}
    assert failed == {id_: messages[id_] for id_, verdict in bad.items() if verdict == "fail"}
    assert messages["kind.odd"] in shown["junit"]  # a warning is told, and fails nothing

    lines = shown["markdown"].splitlines()
    assert lines[0] == f"**data: fail** - {SUMMARY}"
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[4:]]
    unescaped = [[re.sub(r"\\(.)", r"\1", cell) for cell in row] for row in cells]
    assert {id_: (verdict, words) for verdict, id_, words in unescaped} == {
        id_: (bad[id_], messages[id_]) for id_ in bad
    }

    text = " ".join(shown["text"].split())
    assert f"data: fail - {SUMMARY}" in text
    rows = re.findall(r"^ (fail|warn|pass|not_run) +(\S+)", shown["text"], re.MULTILINE)
    assert rows == sorted(((bad[id_], id_) for id_ in bad), key=lambda row: row[0] != "fail")
    for message in messages.values():
        assert message.partition(":")[0] in text

    page = Page(shown["html"])
    assert page.title == "data: fail"
    assert SUMMARY in page.text
    looked, held, passed = page.tables
    assert {row[1]: row[0] for row in looked[1:]} == bad
    shares = {row[1]: float(row[3].removesuffix("%")) for row in looked[1:] if row[3]}
    assert shares == {id_: pytest.approx(100 * told["broken"][id_]["share"], abs=0.001) for id_ in bad}
    assert [row[0] for row in held[1:]] == ["id", "fare", "kind"]
    assert [row[0] for row in passed] == good


class Page(HTMLParser):
    """The title, the text and the tables of a page, each a list of rows of cells."""

    def __init__(self, text):
        super().__init__()
        self.title, self.text, self.tables, self.within = "", "", [], []
        self.feed(text)
        self.text = " ".join(self.text.split())
        self.tables = [[[" ".join(cell.split()) for cell in row] for row in table] for table in self.tables]

    def handle_starttag(self, tag, _attributes):
        self.within.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" in self.within or "svg" in self.within:
            return
        self.text += data
        if self.within[-1:] == ["title"]:
            self.title += data
        if "td" in self.within or "th" in self.within:
            self.tables[-1][-1][-1] += data


def test_a_page_draws_what_the_columns_hold():
    rng = np.random.default_rng(0)
    fares = np.append(rng.uniform(10, 20, 970), [400.0] * 30)
    table = pa.table({"id": range(1000), "fare": fares, "kind": ["a"] * 600 + ["b"] * 390 + ["<i>"] * 10})
    found = validate.check(table, validate.contract(validate.parse(CONTRACT)), history=[])
    past = [
        validate.Batch(time=datetime(2024, 3, day, tzinfo=UTC), metrics={"rowCount": 10 * day, "fare.mean": 15.0})
        for day in (2, 1, 3)
    ]
    page = report.validation_html(found, profile=drift.profile(table), history=past)
    drawn = {
        svg[0]: re.findall(r'height="([\d.]+)"><title>(.*?)</title>', svg[1])
        for svg in re.findall(r'aria-label="([^"]*)">(.*?)</svg>', page)
    }
    assert drawn["kind, 3 values"] == [("34.0", "a: 60.00%"), ("22.1", "b: 39.00%"), ("1", "&lt;i&gt;: 1.00%")]
    bars = next(bars for title, bars in drawn.items() if title.startswith("fare, "))
    shares = [float(hint.partition(": ")[2].removesuffix("%")) for _, hint in bars]
    assert (len(bars), round(sum(shares))) == (30, 100)
    assert (shares[0], shares[-1], sum(shares[1:-1])) == (pytest.approx(97, abs=0.5), pytest.approx(3, abs=0.5), 0)
    line = next(svg for svg in re.findall(r'aria-label="rowCount, 4 batches">(.*?)</svg>', page))
    assert re.findall(r"<title>(.*?)</title>", line) == [
        "2024-03-01 00:00: 10", "2024-03-02 00:00: 20", "2024-03-03 00:00: 30", "these rows: 1,000",
    ]  # fmt: skip
    assert "<i>" not in page
    bare = report.validation_html(found)
    assert "<svg" not in bare


def test_a_page_of_the_command_draws_the_batches_before(files):
    (files / "contract.yaml").write_text(CONTRACT)
    call = ("check-data", files / "good.parquet", "--contract", files / "contract.yaml", "--history", files / "history")
    for day in (1, 2):
        assert ctcore(*call, "--as-of", f"2024-03-0{day}").returncode == 0
    page = ctcore(*call, "--as-of", "2024-03-03", "--format", "html").stdout
    assert 'aria-label="rowCount, 3 batches"' in page
    assert 'aria-label="fare.mean, 3 batches"' in page


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
    # Two rows are left where the contract asks for three: only now too few.
    assert json.loads(done.stdout)["quarantine"] == {"clean": 2, "rejected": 4, "clean_fails": ["rows"]}
    assert f"of the rows in {out / 'clean.parquet'} these fail: rows" in done.stderr
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
