"""What a run judges its rows by: the project's references and environment, its own span, rows accepted before."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from conftest import CONTRACT, ctcore, rows
from ctcore import config, cycle, data, lineage
from ctcore.cycle._versions import accepted_before
from ctcore.errors import ConfigError, DataNotFoundError
from ctcore.registry import Registry
from ctcore.verdict import Verdict

CUSTOM = "type: custom, engine: ctcore, implementation:"
USERS = "      - {name: user, logicalType: string, relationships: [{to: users.id}]}\n"
FORECAST = (
    "      - {name: forecast, logicalType: number, required: true, "
    "customProperties: [{property: ctEnvironments, value: [serving]}]}\n"
)
MOVED = (
    f"      - {{id: moved, {CUSTOM} {{check: drift, column: b, statistic: psi, reference: previousSpan, max: 0.25}}}}\n"
)
LENGTH = (
    f"      - {{id: length, {CUSTOM} {{check: rowCountChange, reference: previousSpan, mustBeBetween: [0.8, 1.25]}}}}\n"
)
WITHIN = f"      - {{id: known, {CUSTOM} {{check: withinWindow, column: known_at}}}}\n"
NOT_YET = f"      - {{id: not_yet, {CUSTOM} {{check: notInFuture, column: known_at}}}}\n"


def run(project, as_of="2024-02-05"):
    loaded = config.load(project.folder)
    return cycle.run(loaded, as_of=data.instant(as_of, loaded.zone), cause={"type": "manual"})


def check(report, id_):
    (found,) = [each for each in report.checks if each.id == id_]
    return found


def production(project):
    return Registry(project.folder / "registry").state("ranker").production


def asked(project, *, columns="", quality=""):
    text = CONTRACT.replace("    quality:\n", columns + "    quality:\n" + quality)
    assert text != CONTRACT
    project.write("contract.yaml", text)


def setting(project, text):
    project.toml('contract = "contract.yaml"', f'contract = "contract.yaml"\n{text}')


def with_users(table, name="ann"):
    return table.append_column("user", pa.array(["bob"] * (table.num_rows - 1) + [name]))


# ---------------------------------------------------------------- references


def test_keys_are_looked_up_in_what_the_project_names(project):
    pq.write_table(pa.table({"id": ["ann", "bob"]}), project.folder / "users.parquet")
    asked(project, columns=USERS)
    setting(project, 'references = {users = "users.parquet"}')
    project.rows(with_users(rows()))
    report = run(project)
    assert (report.outcome, check(report, "user.foreign_key").verdict) == ("promoted", Verdict.PASS)
    record = report.record["inputs"]["data"]["references.users"]["source"]["files"]
    assert [each["path"] for each in record] == ["users.parquet"]
    told = {each["name"]: each["inputFacets"].keys() for each in lineage.events(report.record)[0]["inputs"]}
    assert told == {"rows.parquet": {"dataQualityAssertions"}, "users.parquet": set()}  # those rows were not judged

    project.rows(with_users(rows(), "eve"))
    broken = run(project, "2024-02-10")
    assert (broken.outcome, broken.verdict) == ("validate", Verdict.FAIL)
    found = check(broken, "user.foreign_key")
    assert found.message == "user: 1 of 1,944 rows (0.05%) are unknown to users, none allowed; row 1943: eve"
    assert production(project) == 1

    # Other references are other inputs: the run is done anew, and its record names them.
    pq.write_table(pa.table({"id": ["ann", "bob", "eve"]}), project.folder / "users.parquet")
    mended = run(project, "2024-02-10")
    assert mended.run != broken.run
    assert check(mended, "user.foreign_key").verdict is Verdict.PASS


def test_a_reference_that_nobody_names_stops_and_says_what_to_do(project):
    asked(project, columns=USERS)
    project.rows(with_users(rows()))
    report = run(project)
    assert (report.outcome, report.verdict) == ("validate", Verdict.NOT_RUN)
    assert "the data of users was not given: name it as a reference" in check(report, "user.foreign_key").message
    assert production(project) is None


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ('references = {users = "gone.parquet"}', DataNotFoundError, "gone.parquet: no such file"),
        ('references = "users.parquet"', ConfigError, "data.references: input should be a valid dictionary"),
        ("references = {users = 1}", ConfigError, "data.references.users: input should be a valid string"),
    ],
)
def test_references_that_cannot_be_read_are_an_error(project, text, error, words):
    setting(project, text)
    with pytest.raises(error, match=words):
        run(project)


def test_a_fixed_holdout_has_the_same_references_and_is_as_old_as_it_is(project):
    """No rule on age, length, span or change stops a run for rows that were chosen once."""
    pq.write_table(pa.table({"id": ["ann", "bob"]}), project.folder / "users.parquet")
    known = rows()["time"]
    asked(
        project,
        columns=USERS + "      - {name: known_at, logicalType: timestamp}\n",
        quality=MOVED + LENGTH + WITHIN + NOT_YET,
    )
    setting(project, 'references = {users = "users.parquet"}')
    project.toml('newest = "7d"', 'file = "holdout.parquet"')
    table = with_users(rows()).append_column("known_at", known)
    pq.write_table(with_users(table.slice(0, 300).drop_columns(["user"]), "eve"), project.folder / "holdout.parquet")
    project.rows(table.slice(300))
    report = run(project, "2024-02-09")
    assert report.outcome == "validate"
    bad = {each.id for each in report.checks if each.required and each.verdict not in (Verdict.PASS, Verdict.WARN)}
    assert bad - {"window.rows", "holdout.rows", "window.days", "window.label", "holdout.label"} == {
        "holdout.user.foreign_key"
    }
    assert check(report, "holdout.not_yet").verdict is Verdict.PASS
    assert not [each.id for each in report.checks if each.id in ("holdout.known", "holdout.moved", "holdout.length")]


def test_a_day_that_breaks_a_key_is_no_measure_of_later_ones(project):
    pq.write_table(pa.table({"id": ["ann", "bob"]}), project.folder / "users.parquet")
    usual = f"      - {{id: usual, {CUSTOM} {{check: anomaly, metric: rowCount}}}}\n"
    asked(project, columns=USERS, quality=usual)
    setting(project, 'references = {users = "users.parquet"}')
    table = with_users(rows(), "bob")
    eve = np.asarray(table["user"].to_pylist(), dtype=object)
    eve[(35 * 72) - 1] = "eve"  # on the newest day of the run
    project.rows(table.set_column(table.num_columns - 1, "user", pa.array(eve)))
    report = run(project)
    assert report.outcome == "validate"
    kept = Registry(project.folder / "registry").history("ranker/rows/rows")
    assert [each["refused"] for each in kept] == [False] * 26 + [True]


# ---------------------------------------------------------------- the environment


@pytest.mark.parametrize(("environment", "verdict"), [("training", Verdict.PASS), ("serving", Verdict.FAIL)])
def test_columns_of_other_environments_may_be_absent(project, environment, verdict):
    asked(project, columns=FORECAST)
    setting(project, f'environment = "{environment}"')
    report = run(project)
    assert check(report, "forecast.present").verdict is verdict
    assert report.outcome == ("promoted" if verdict is Verdict.PASS else "validate")


# ---------------------------------------------------------------- the run's own span


def test_rows_are_held_to_the_span_that_the_run_reads(project):
    asked(project, columns="      - {name: known_at, logicalType: timestamp}\n", quality=WITHIN)
    table = rows()
    project.rows(table.append_column("known_at", table["time"]))
    report = run(project)
    assert (report.outcome, check(report, "known").verdict) == ("promoted", Verdict.PASS)
    stray = table["time"].to_numpy().copy()
    stray[-1] = np.datetime64("2008-12-31")
    project.rows(table.append_column("known_at", pa.array(stray).cast(pa.timestamp("us", "UTC"))))
    report = run(project, "2024-02-10")
    assert report.outcome == "validate"
    assert "1 of 1,944 rows (0.05%) lie outside of the window" in check(report, "known").message
    assert production(project) == 1


# ---------------------------------------------------------------- what was accepted before


def test_the_first_run_has_nothing_to_compare_with_and_says_so(project):
    asked(project, quality=MOVED + LENGTH)
    report = run(project)
    assert (report.outcome, report.verdict) == ("promoted", Verdict.PASS)
    for id_ in ("moved", "length"):
        found = check(report, id_)
        assert (found.verdict, found.required) == (Verdict.NOT_RUN, False)
        assert found.message.endswith("is not judged: no earlier run's data were accepted")


def test_a_run_is_compared_with_the_last_one_whose_data_were_accepted(project):
    asked(project, quality=MOVED + LENGTH)
    table = rows(70)
    day = np.asarray(table["time"].cast("date32").cast("int32")) - 19723
    run(project)  # [2024-01-09, 2024-02-05): 27 days of 72 rows
    project.rows(table)
    same = run(project, "2024-02-09")
    assert check(same, "length").message.startswith("1,944 rows are 1.00 times the 1,944 of previousSpan")
    assert check(same, "moved").verdict is Verdict.PASS
    assert (same.outcome, production(project)) == ("gate", 1)  # its data were accepted, though it was not promoted

    half = table.filter(pa.array((day < 40) | (np.arange(len(day)) % 4 == 0)))
    project.rows(half)
    lost = run(project, "2024-02-24")
    assert lost.outcome == "validate"
    assert check(lost, "length").message.startswith("1,188 rows are 0.61 times the 1,944 of previousSpan")

    moved = table.set_column(3, "b", pa.array(np.asarray(table["b"]) + 3 * (day >= 40)))
    project.rows(moved)
    report = run(project, "2024-02-24")  # what was refused is not what it is compared with
    assert report.outcome == "validate"
    assert check(report, "length").value == 1.0
    found = check(report, "moved")
    assert (found.verdict, "from previousSpan" in found.message) == (Verdict.FAIL, True)
    assert production(project) == 1


def test_data_are_accepted_where_a_run_of_an_earlier_instant_went_on_with_them(tmp_path):
    store = Registry(tmp_path / "registry")
    for day, outcome in ((5, "promoted"), (12, "gate"), (19, "contamination"), (26, "conflict")):
        version = store.register("m", {"model.txt": str(day).encode()}, run=f"{day}", kind="lightgbm")
        record = {"inputs": {"as_of": f"2024-02-{day:02}T00:00:00+00:00"}, "outcome": outcome}
        store.add_evidence("m", version.number, kind="run", verdict="pass", against=None, record=record)

    def before(day):
        found = accepted_before(store, "m", datetime(2024, 2, day, tzinfo=UTC))
        return found and found["inputs"]["as_of"][8:10]

    assert [before(day) for day in (5, 6, 12, 19, 26, 27)] == [None, "05", "05", "12", "12", "26"]


def test_rows_that_the_source_no_longer_has_are_counted_by_the_record_and_not_looked_into(project):
    asked(project, quality=MOVED + LENGTH)
    run(project)
    table = rows()
    project.rows(table.filter(pa.array(np.asarray(table["time"].cast("date32").cast("int32")) - 19723 >= 12)))
    report = run(project, "2024-02-09")
    assert check(report, "length").verdict is Verdict.PASS
    found = check(report, "moved")
    assert (found.verdict, found.required, report.outcome) == (Verdict.NOT_RUN, True, "validate")
    assert "the source has 1,656 of the 1,944 rows that the run of 2024-02-05 read" in found.message


def test_the_projects_own_previous_span_goes_first(project):
    pq.write_table(rows(7), project.folder / "before.parquet")
    asked(project, quality=LENGTH)
    setting(project, 'references = {previousSpan = "before.parquet"}')
    report = run(project)
    assert report.outcome == "validate"
    assert "the 504 of previousSpan" in check(report, "length").message


@pytest.mark.parametrize("name", ["before.parquet", "before.csv"])
def test_the_command_counts_the_rows_of_a_reference(project, name):
    table = rows()
    project.rows(table)
    asked(project, quality=LENGTH)
    if name.endswith("csv"):
        pa.csv.write_csv(table, project.folder / name)
    else:
        pq.write_table(table, project.folder / name)
    call = ("check-data", "rows.parquet", "--contract", "contract.yaml", "--as-of", "2024-02-10")
    done = ctcore(*call, "--reference", f"previousSpan={name}", "--format", "json", cwd=project.folder)
    assert done.returncode == 0, done.stdout
    assert "2,880 rows are 1.00 times the 2,880 of previousSpan" in done.stdout
