"""The cycle: a whole run, what it refuses, and what is left when it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import CONTRACT, ROOT, ctcore, rows
from ctcore import config, cycle, data
from ctcore.errors import ChildError, ConfigError, ConflictError, CtcoreError, DataError, RefusedError
from ctcore.registry import Registry
from ctcore.registry._lease import _started
from ctcore.verdict import Verdict


def run(project, as_of="2024-02-05", **options):
    loaded = config.load(project.folder)
    return cycle.run(loaded, as_of=data.instant(as_of, loaded.zone), cause={"type": "manual"}, **options)


def registry(project):
    return Registry(project.folder / "registry")


def production(project):
    return registry(project).state("ranker").production


def test_the_first_model_passes_on_the_floor_alone(project):
    report = run(project)
    assert report.outcome == "promoted"
    assert report.verdict is Verdict.PASS
    assert production(project) == report.candidate == 1
    gain = next(check for check in report.checks if check.id.endswith(".gain"))
    assert "no production model to beat" in gain.message
    assert report.record["inputs"]["data"]["rows"]["source"]["files"][0]["path"] == "rows.parquet"
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_second_model_must_prove_its_gain(project):
    run(project)
    report = run(project, "2024-02-09")
    assert report.outcome == "gate"
    assert report.verdict in (Verdict.INSUFFICIENT, Verdict.FAIL)
    assert report.candidate == 2
    assert production(project) == 1
    evidence = {each["kind"]: each for each in registry(project).version("ranker", 2).evidence}
    assert evidence["gate"]["against"] == registry(project).version("ranker", 1).digest
    drift = next(check for check in report.checks if check.id == "drift.dataset")
    assert drift.verdict in (Verdict.PASS, Verdict.INSUFFICIENT, Verdict.WARN)
    assert not drift.required


def test_a_much_better_model_is_promoted_and_a_drift_is_evidence(project):
    project.rows(rows(signal=0.0))
    run(project)
    table = rows(signal=1.5)
    project.rows(table.set_column(3, "b", pa.array(np.asarray(table["b"]) + 3)))
    report = run(project, "2024-02-09")
    assert report.outcome == "promoted"
    assert production(project) == 2
    drift = next(check for check in report.checks if check.id == "drift.dataset")
    assert drift.verdict is Verdict.FAIL  # b moved by three standard deviations, and the run went on


def test_a_profile_of_another_version_ends_no_run(project, monkeypatch):
    run(project)
    monkeypatch.setattr("ctcore.drift._profile.FORMAT", 99)
    report = run(project, "2024-02-09")
    drift = next(check for check in report.checks if check.id == "drift.dataset")
    assert drift.verdict is Verdict.NOT_RUN
    assert "made by another version of ctcore" in drift.message
    assert report.outcome == "gate"


def test_a_run_that_is_done_is_not_done_again(project):
    first = run(project)
    entries = registry(project).state("ranker").entries
    again = run(project)
    assert again.again
    assert (again.run, again.outcome) == (first.run, first.outcome)
    assert registry(project).state("ranker").entries == entries


def test_a_day_under_way_is_not_seen(project):
    first = run(project)
    for moment in ("2024-02-05T15:30", "2024-02-05T23:59:59+00:00", "2024-02-06T00:30+02:00"):
        again = run(project, moment)
        assert again.again
        assert again.run == first.run


def test_the_same_inputs_give_the_same_model(project, tmp_path_factory):
    first = run(project)
    other = tmp_path_factory.mktemp("other") / "registry"
    second = run(project, registry=Registry(other))
    assert registry(project).version("ranker", 1).digest == Registry(other).version("ranker", 1).digest
    assert first.run == second.run


def test_early_windows_take_the_days_there_are_and_say_so(project):
    report = run(project, "2024-01-20")
    days = next(check for check in report.checks if check.id == "window.days")
    assert (days.verdict, days.value, days.threshold) == (Verdict.WARN, 12, 20)


def test_the_candidate_never_learns_from_the_holdout(project):
    project.write(
        "features.py",
        "def features(table, as_of):\n    return table.append_column('day', table['time'].cast('date32'))\n",
    )
    report = run(project)
    window, holdout = report.record["inputs"]["window"], report.record["inputs"]["holdout"]
    assert window[1] == holdout[0]
    assert holdout[1] == report.as_of
    assert report.record["steps"]["train"]["rows"] == 20 * 12 * 6


# ---------------------------------------------------------------- other shapes of the same cycle


def test_regression_with_a_fixed_holdout(project):
    table = rows()
    holdout = table.slice(0, 600)
    pq.write_table(holdout, project.folder / "holdout.parquet")
    project.toml('task = "ranking"', 'task = "regression"')
    project.toml('newest = "7d"', 'file = "holdout.parquet"')
    project.toml('query = "query"\n', "")
    project.toml('metric = "ndcg@5"', 'metric = "mse"')
    project.toml("floor = 0.1", "floor = 5.0")
    project.toml('window = "20d"', 'window = "60d"')
    report = run(project, "2024-02-09")
    assert report.outcome == "promoted"
    assert report.record["steps"]["train"]["rows"] == 39 * 72 - 600  # Jan 1 to Feb 8, without the holdout's rows
    assert report.record["inputs"]["data"]["holdout"]["rows"] == 600


COMMAND_TRAIN = """
import json, sys
import pyarrow as pa
table = pa.ipc.open_file(pa.OSFile(sys.argv[1])).read_all()
columns = json.load(open(sys.argv[2]))
means = {name: sum(table[name].to_pylist()) for name in columns["features"]}
open(sys.argv[3] + "/model.json", "w").write(json.dumps(means))
"""
COMMAND_PREDICT = """
import sys
import pyarrow as pa
table = pa.ipc.open_file(pa.OSFile(sys.argv[1])).read_all()
open(sys.argv[2] + "/model.json").read()
open(sys.argv[3], "w").write("\\n".join(str(value) for value in table["a"].to_pylist()))
"""


def test_a_command_trainer(project):
    project.write("fit.py", COMMAND_TRAIN)
    project.write("score.py", COMMAND_PREDICT)
    command_trainer(project, "python fit.py {rows} {columns} {model}", "python score.py {rows} {model} {scores}")
    report = run(project)
    assert report.outcome == "promoted"
    assert list(registry(project).files(registry(project).version("ranker", 1))) == ["model.json"]
    assert {"fit.py", "score.py"} <= report.record["inputs"]["files"].keys()
    second = run(project, "2024-02-09")
    gain = next(check for check in second.checks if check.id.endswith(".gain"))
    assert (gain.value, gain.verdict) == (0.0, Verdict.FAIL)  # the same scores: proven to gain less than 1%


def test_times_to_the_nanosecond(project):
    """Python's own times hold microseconds."""
    table = rows()
    ticks = pa.array(table["time"].cast(pa.int64()).to_numpy() * 1_000 + 1)
    project.rows(table.set_column(0, "time", ticks.cast(pa.timestamp("ns", "UTC"))))
    assert run(project).outcome == "promoted"


def test_a_callable_trainer_and_a_callable_source(project):
    project.write(
        "train.py",
        "def fit(table, columns, folder, parameters):\n"
        "    (folder / 'model.txt').write_text(str(parameters['weight']))\n"
        "def predict(table, columns, folder):\n"
        "    return table['a'].to_numpy() * float((folder / 'model.txt').read_text())\n",
    )
    project.write(
        "source.py",
        "import pyarrow.parquet as pq, pathlib\n"
        "def load(start, end):\n"
        "    return pq.read_table(pathlib.Path(__file__).parent / 'rows.parquet')\n",
    )
    project.toml('source = "rows.parquet"', 'callable = "source.py:load"')
    project.toml(
        "parameters = {num_iterations = 5, num_leaves = 7, min_data_in_leaf = 5}",
        'trainer = "callable"\ncallable = "train.py:fit"\npredict_callable = "train.py:predict"\n'
        "parameters = {weight = 2.0}",
    )
    report = run(project)
    assert report.outcome == "promoted"
    assert len(report.record["inputs"]["data"]["rows"]["source"]["sha256"]) == 64


def test_taxi_eta_is_a_regression(project):
    source = ROOT.parent / "shared" / "data" / "taxi" / "yellow_2018_2019.parquet"
    if not source.exists():
        pytest.skip(f"the taxi data is not here: {source}")
    project.write(
        "features.py",
        "import numpy as np, pyarrow as pa, pyarrow.compute as pc\n"
        "def features(table, as_of):\n"
        "    start, end = table['pickup_datetime'], table['dropoff_datetime']\n"
        "    minutes = np.asarray(pc.subtract(end.cast('int64'), start.cast('int64'))) / 6e7\n"
        "    table = pa.table({'time': start, 'distance': table['trip_distance'], 'hour': pc.hour(start),\n"
        "        'from': table['pickup_location_id'], 'to': table['dropoff_location_id'], 'minutes': minutes,\n"
        "        'day': start.cast('date32', safe=False)})\n"
        "    return table.filter(pa.array((minutes > 0) & (minutes < 180)))\n",
    )
    project.write(
        "ctcore.toml",
        f"""
[model]
name = "eta"
task = "regression"
[data]
source = "{source}"
time_column = "pickup_datetime"
window = "150d"
[holdout]
newest = "30d"
[features]
function = "features.py:features"
label = "minutes"
columns = ["distance", "hour", "from", "to"]
[train]
parameters = {{num_iterations = 40}}
[[gate]]
metric = "mae"
margin = "1%"
cluster = "day"
floor = 15.0
""",
    )
    report = run(project, "2019-03-01")
    assert report.outcome == "promoted"
    floor = next(check for check in report.checks if check.id.endswith(".floor"))
    assert 1 < floor.value < 8  # minutes
    assert run(project, "2019-06-01").candidate == 2


# ---------------------------------------------------------------- bad input


def test_an_unknown_key_suggests_the_nearest(project):
    project.toml("margin =", "marign =")
    with pytest.raises(ConfigError, match="gate: unknown key 'marign'; did you mean \"margin\""):
        run(project)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('margin = "1%"', 'margin = "1"', "margin must be a percentage"),
        ('window = "20d"', 'window = "20 months"', "a duration is a whole number and a unit"),
        ('task = "ranking"', 'task = "rank"', "model.task"),
        ('time_column = "time"', 'time_column = "when"', "no time column 'when'"),
        ('source = "rows.parquet"', 'source = "none.parquet"', "no such file"),
        ('function = "features.py:features"', 'function = "features.py:feature"', 'did you mean "features"'),
        ('function = "features.py:features"', 'function = "nothing.py:f"', "there is no file"),
        ('columns = ["a", "b"]', 'columns = ["a", "z"]', "gave no column 'z'"),
        ('metric = "ndcg@5"', 'metric = "ndgc@5"', 'did you mean "ndcg"'),
        ("[[gate]]", "[gate]", "gate"),
        ('memory = "2GB"', 'memory = "2 apples"', "memory must be a size"),
        ('name = "ranker"', 'name = "../ranker"', "a name is 1 to 64"),
        ('newest = "7d"', "", "give either newest or file"),
    ],
)
def test_wrong_settings_are_a_clear_error(project, old, new, words):
    project.toml(old, new)
    with pytest.raises(CtcoreError, match=words) as found:
        run(project)
    assert found.value.exit_code == 2
    assert production_or_none(project) is None


def production_or_none(project):
    return production(project) if (project.folder / "registry").exists() else None


def test_a_leak_stops_before_training_and_leaves_production(project):
    run(project)
    table = rows()
    project.rows(table.set_column(3, "b", pa.array(np.asarray(table["grade"]) + np.random.default_rng(0).random(2880))))
    report = run(project, "2024-02-09")
    assert report.outcome == "leakage"
    assert report.candidate is None
    assert production(project) == 1
    bad = {check.id for check in report.checks if check.verdict is Verdict.FAIL and check.required}
    assert bad == {"leakage.since.b"}
    assert "train" not in report.record["steps"]
    assert run(project, "2024-02-09").again


def test_a_holdout_that_production_learned_from_stops_before_it_is_evaluated(project):
    run(project)
    table = rows()
    old = data.between(table, "time", *(data.instant(day, UTC) for day in ("2024-01-10", "2024-01-13")))
    new = data.between(table, "time", *(data.instant(day, UTC) for day in ("2024-02-05", "2024-02-08")))
    copied = new.set_column(2, "a", old["a"]).set_column(3, "b", old["b"])
    before = data.between(table, "time", *(data.instant(day, UTC) for day in ("2024-01-01", "2024-02-05")))
    project.rows(pa.concat_tables([before, copied]))
    project.toml('window = "20d"', 'window = "10d"')  # the candidate did not learn from those rows
    project.toml('newest = "7d"', 'newest = "3d"')
    report = run(project, "2024-02-08")
    assert report.outcome == "contamination"
    assert production(project) == 1
    assert "evaluate" not in report.record["steps"]
    found = next(check for check in report.checks if check.id == "contamination.production")
    assert found.value == 1.0


def test_rows_of_other_features_cannot_be_recognised_and_that_is_said(project):
    run(project)
    project.toml('columns = ["a", "b"]', 'columns = ["b", "a"]')
    report = run(project, "2024-02-09")
    found = next(check for check in report.checks if check.id == "contamination.production")
    assert (found.verdict, found.required) == (Verdict.NOT_RUN, False)
    assert "it read other features" in found.message


def test_a_holdout_that_production_won_on_stops_as_well(project):
    project.rows(rows(signal=0.0))
    run(project)
    table = rows(50, signal=1.5)
    project.rows(table)
    assert run(project, "2024-02-09").outcome == "promoted"  # on the rows of 02-02 to 02-09
    spans = (("2024-02-05", "2024-02-08"), ("2024-02-09", "2024-02-12"), ("2024-01-01", "2024-02-09"))
    old, new, before = (data.between(table, "time", *(data.instant(day, UTC) for day in span)) for span in spans)
    copied = new.set_column(2, "a", old["a"]).set_column(3, "b", old["b"])
    before = before.filter(pa.array(~np.isin(before["a"].to_numpy(), old["a"].to_numpy())))  # the window has them not
    project.rows(pa.concat_tables([before, copied]))
    project.toml('newest = "7d"', 'newest = "3d"')
    report = run(project, "2024-02-12")
    assert report.outcome == "contamination"
    assert production(project) == 2


def stopped(project, as_of="2024-02-05"):
    """A run that must stop at the data, and leave production alone."""
    report = run(project, as_of)
    assert report.outcome == "validate"
    assert report.verdict is Verdict.FAIL
    assert production(project) is None
    assert report.candidate is None
    return {check.id for check in report.checks if check.verdict is Verdict.FAIL}


def test_a_missing_column_stops(project):
    project.rows(rows().drop_columns(["b"]))
    assert "b.present" in stopped(project)


def test_a_wrong_type_stops(project):
    table = rows()
    project.rows(table.set_column(2, "a", table["a"].cast(pa.string())))
    assert "a.type" in stopped(project)


def test_nan_and_range_stop(project):
    table = rows()
    values = np.asarray(table["a"]).copy()
    values[-1], values[-2] = np.nan, 99
    project.rows(table.set_column(2, "a", pa.array(values)))
    assert {"a.finite", "a.range"} <= stopped(project, "2024-02-10")


def test_what_breaks_its_contract_is_told_with_what_was_not_judged(project):
    table = rows()
    project.rows(table.set_column(2, "a", table["a"].cast(pa.string())))
    unjudged = {check.id for check in run(project).checks if check.verdict is Verdict.NOT_RUN}
    assert {"window.rows", "holdout.rows", "window.days", "window.label", "holdout.label"} <= unjudged


def test_rows_that_features_look_back_at_are_judged_too(project):
    """The window begins on 2024-01-09; the bad row is of the first."""
    project.toml('window = "20d"', 'window = "20d"\nlookback = "10d"')
    table = rows()
    values = np.asarray(table["a"]).copy()
    values[0] = 99
    project.rows(table.set_column(2, "a", pa.array(values)))
    assert "a.range" in stopped(project)


def test_labels_that_are_not_final_are_neither_learned_from_nor_judged_on(project):
    """The labels of the last three days are still open; those rows are in no window and no holdout."""
    project.toml('window = "20d"', 'window = "20d"\nlabel_maturity = "3d"')
    report = run(project)
    inputs = report.record["inputs"]
    assert [inputs["window"][1][:10], inputs["holdout"][1][:10]] == ["2024-01-26", "2024-02-02"]
    assert inputs["settings"]["data"]["label_maturity"] == "3d"
    assert report.outcome == "promoted"


def test_a_fixed_holdout_is_judged_too(project):
    table = rows()
    values = np.asarray(table["a"]).copy()
    values[5] = np.nan
    pq.write_table(table.set_column(2, "a", pa.array(values)).slice(0, 600), project.folder / "holdout.parquet")
    project.toml('newest = "7d"', 'file = "holdout.parquet"')
    project.rows(table.slice(600))
    assert stopped(project) == {"holdout.a.finite"}


def test_stale_data_stops(project):
    assert "freshness" in stopped(project, "2024-02-20")


def test_an_empty_window_stops(project):
    project.write("contract.yaml", CONTRACT.split("slaProperties")[0].replace("50", "0"))
    assert {"window.rows", "holdout.rows"} <= stopped(project, "2025-01-01")
    unjudged = {check.id for check in run(project, "2025-01-01").checks if check.verdict is Verdict.NOT_RUN}
    assert {"window.days", "window.label", "holdout.label"} <= unjudged


def test_labels_that_are_all_equal_stop(project):
    table = rows()
    project.rows(table.set_column(4, "grade", pa.array([2] * table.num_rows)))
    assert {"window.label", "holdout.label"} <= stopped(project)


def test_queries_of_one_document_cannot_tell_models_apart(project):
    run(project)
    table = rows(seed=1)
    project.rows(table.set_column(1, "query", pa.array(np.arange(table.num_rows))))
    report = run(project, "2024-02-09")
    assert report.outcome == "gate"
    gain = next(check for check in report.checks if check.id.endswith(".gain"))
    assert gain.verdict is Verdict.INSUFFICIENT
    assert "can tell two rankings apart" in gain.message


def test_a_feature_that_production_reads_and_nobody_gives(project):
    run(project)
    project.toml('columns = ["a", "b"]', 'columns = ["a"]')
    project.write(
        "features.py",
        "def features(table, as_of):\n"
        "    return table.drop_columns(['b']).append_column('day', table['time'].cast('date32'))\n",
    )
    report = run(project, "2024-02-09")
    gain = next(check for check in report.checks if check.id.endswith(".gain"))
    assert gain.verdict is Verdict.INSUFFICIENT
    assert "production reads the feature 'b'" in gain.message
    assert production(project) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def features(table, as_of):\n    return table['nothing']\n", "failed: KeyError.*features.py, line 2|nothing"),
        ("def features(table, as_of:\n", "cannot be loaded: SyntaxError"),
        ("def features(table, as_of):\n    return 1\n", "must give a pyarrow.Table, found int"),
        (
            (
                "def features(table, as_of):\n"
                "    days = table['time'].cast('date32')\n"
                "    return table.append_column('day', days).set_column(0, 'time', days)\n"
            ),
            "must hold timestamps",
        ),
        (
            (
                "def features(table, as_of):\n"
                "    table = table.append_column('day', table['time'].cast('date32'))\n"
                "    return table.set_column(4, 'grade', table['grade'].cast('string'))\n"
            ),
            "must hold numbers",
        ),
    ],
)
def test_faults_of_the_projects_own_code_are_told_with_their_line(project, code, words):
    project.write("features.py", code)
    with pytest.raises(CtcoreError, match=words) as found:
        run(project)
    assert found.value.exit_code == 2


def test_a_file_of_the_project_hides_no_library(project):
    project.write("types.py", "raise RuntimeError('not this one')\n")
    assert run(project).outcome == "promoted"


LINGER = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("trainer", ["callable", "command"])
def test_a_run_that_is_ended_takes_what_it_started_along(project, trainer, number):
    """The command is a shell that starts another program: it goes too."""
    project.write("linger.py", LINGER)
    project.write("train.py", f"def fit(t, c, folder, p):\n    {LINGER}\ndef predict(t, c, folder): ...\n")
    if trainer == "callable":
        callable_trainer(project)
    else:
        command_trainer(project, f"sh -c '{sys.executable} linger.py; true'", "true")
    command = [sys.executable, "-m", "ctcore", "run", "--project", str(project.folder), "--as-of", "2024-02-05"]
    pid = project.folder / "pid"
    parent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(pid.read_text())
    parent.send_signal(number)
    assert parent.wait(20) == (128 + number if number == signal.SIGTERM else -number)
    while _started(child) is not None:
        assert time.monotonic() < deadline + 30
        time.sleep(0.05)


def test_a_command_that_is_not_there(project):
    command_trainer(project, "trainer-of-nobody {rows}", "true")
    with pytest.raises(ChildError, match=r"cannot start 'trainer-of-nobody'.*is it installed"):
        run(project)


def test_csv_where_parquet_was_said(project):
    (project.folder / "rows.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="this is not parquet, whatever its name says"):
        run(project)


def test_a_torn_parquet_file(project):
    path = project.folder / "rows.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="cannot be read"):
        run(project)


def test_nan_scores_are_an_error_that_says_whose(project):
    project.write("train.py", "def fit(t, c, folder, p): (folder / 'm').write_text('x')\n"
                              "def predict(t, c, folder): return [float('nan')] * t.num_rows\n")  # fmt: skip
    callable_trainer(project)
    with pytest.raises(CtcoreError, match="score: NaN in row 0"):
        run(project)
    assert production(project) is None


def command_trainer(project, command, predict_command):
    project.toml(
        "parameters = {num_iterations = 5, num_leaves = 7, min_data_in_leaf = 5}",
        f'trainer = "command"\ncommand = "{command}"\npredict_command = "{predict_command}"',
    )


def callable_trainer(project):
    project.toml(
        "parameters = {num_iterations = 5, num_leaves = 7, min_data_in_leaf = 5}",
        'trainer = "callable"\ncallable = "train.py:fit"\npredict_callable = "train.py:predict"',
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SystemExit('no luck today')", "failed with exit code 1.*\n.*no luck today"),
        ("import os; os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
        ("import time; time.sleep(60)", "took longer than its limit of 3s"),
        ("import numpy; x = numpy.ones(10**9); import time; time.sleep(60)", "more than its limit of 600MB"),
        ("pass", "left no model"),
    ],
)
def test_a_training_child_that_crashes_hangs_or_grows(project, body, words):
    project.write("train.py", f"def fit(t, c, folder, p):\n    {body}\ndef predict(t, c, folder): ...\n")
    callable_trainer(project)
    project.toml('limits = {time = "60s", memory = "2GB"}', 'limits = {time = "3s", memory = "600MB"}')
    if "took longer" not in words:
        project.toml('time = "3s"', 'time = "60s"')
    with pytest.raises(ChildError, match=words) as found:
        run(project)
    assert found.value.exit_code == 5
    assert production(project) is None
    # the next run works without repair
    project.toml('time = "3s"', 'time = "60s"') if "took longer" in words else None
    project.write("train.py", "def fit(t, c, folder, p): (folder / 'm').write_text('x')\n"
                              "def predict(t, c, folder): return t['a'].to_numpy()\n")  # fmt: skip
    assert run(project).outcome == "promoted"


def test_production_that_moves_meanwhile_refuses_the_promotion(project):
    project.rows(rows(signal=0.0))
    run(project)
    project.rows(rows(signal=1.5))
    store = registry(project)

    def meddle(text):
        if text == "promoting":
            other = store.register("ranker", {"model.txt": b"from elsewhere"}, run="x", kind="lightgbm")
            against = store.version("ranker", 1).digest
            store.add_evidence("ranker", other.number, kind="gate", verdict="pass", against=against, record={})
            store.promote("ranker", other.number, expect=1)

    with pytest.raises(ConflictError, match="moved from version 1 to version 3"):
        run(project, "2024-02-09", say=meddle)
    assert production(project) == 3


def test_what_must_be_signed_waits_for_its_signature(project):
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec", reason="the extra sign is not installed")
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    project.write("key.pub", public.decode())
    project.toml('name = "ranker"', 'name = "ranker"\npublic_key = "key.pub"')
    with pytest.raises(RefusedError, match="version 1 of ranker is not signed; `ctcore models sign 1"):
        run(project)
    refused = ctcore("models", "promote", "1", "--project", project.folder)
    assert (refused.returncode, "is not signed" in refused.stderr) == (1, True)
    assert production(project) is None
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    registry(project).sign("ranker", 1, key=pem)
    assert run(project).outcome == "promoted"  # the same run goes on at its last step
    assert production(project) == 1


def test_two_runs_at_once(project):
    command = [sys.executable, "-m", "ctcore", "run", "--project", str(project.folder), "--as-of", "2024-02-05"]
    first, second = (subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2))
    texts = [child.communicate()[1].decode() for child in (first, second)]
    assert sorted([first.returncode, second.returncode]) == [0, 5]
    assert any("another run of ranker" in text for text in texts)
    assert production(project) == 1


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_died(project):
    """Kill a run at many moments; the next one always ends as if nothing had happened, and trains at most once more."""
    expected = run(project, registry=Registry(project.folder / "whole"))
    command = [sys.executable, "-m", "ctcore", "run", "--project", str(project.folder), "--as-of", "2024-02-05"]
    killed = 0
    for delay in np.linspace(0.3, 4.0, 12):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(delay)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            killed += 1
        child.wait()
        state = registry(project).state("ranker")
        assert state.production in (None, 1)
    assert killed >= 4
    report = run(project)
    assert (report.run, report.outcome, report.candidate) == (expected.run, "promoted", 1)
    assert (
        registry(project).version("ranker", 1).digest == Registry(project.folder / "whole").version("ranker", 1).digest
    )
    assert len(registry(project).state("ranker").served) == 1
