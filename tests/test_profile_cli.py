"""`ctcore profile`, and profiles where data is asked for."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import ctcore
from ctcore import data, drift
from ctcore.errors import DataError, DataNotFoundError


def answer(*arguments):
    done = ctcore(*arguments)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def files(tmp_path):
    """Two files of a reference, and a current file that moved."""
    rng = np.random.default_rng(0)

    def write(name, shift):
        names = np.array(["cash", "card"])[(rng.random(4_000) < 0.3 + shift).astype(int)]
        values = rng.normal(shift, size=4_000)
        table = pa.table({"fare": pa.array(values, mask=values > 2.5), "payment": names, "tags": [[1]] * 4_000})
        pq.write_table(table, tmp_path / name, row_group_size=700)

    write("day1.parquet", 0.0)
    write("day2.parquet", 0.0)
    write("today.parquet", 0.5)
    return tmp_path


def test_a_profile_stands_for_its_data(files):
    profile = files / "reference.json"
    code, out, err = answer("profile", files / "day*.parquet", "-o", profile)
    assert (code, err) == (0, f"the profile is {profile}\n")
    assert "8,000 rows, 2 columns" in out
    assert "'cash' 7" in out
    assert "tags: no profile: tags: a column of type List" in out
    assert "quantiles are known to" in out
    today = files / "today.json"
    assert answer("profile", files / "today.parquet", "--like", profile, "-o", today)[0] == 0
    answers = [
        answer("check-drift", reference, current, "--columns", "fare,payment", "--format", "json")
        for reference in (files / "day*.parquet", profile)
        for current in (files / "today.parquet", today)
        if (reference, current) != (files / "day*.parquet", today)
    ]
    assert len(answers) == 3
    first = json.loads(answers[0][1])
    assert {column["verdict"] for column in first["columns"]} == {"fail"}
    for code, out, err in answers:
        assert (code, err) == (1, "")
        assert json.loads(out) == first


def test_files_are_read_again_where_profiles_cannot_tell(files):
    profile = files / "reference.json"
    answer("profile", files / "day1.parquet", "-o", profile)

    def fare(reference, tolerance):
        arguments = ("--columns", "fare", "--statistic", "auc", "--tolerance", tolerance, "--format", "json")
        _, out, err = answer("check-drift", reference, files / "today.parquet", *arguments)
        assert err == ""
        column = json.loads(out)["columns"][0]
        return column, next(check for check in column["checks"] if check["id"] == "drift.fare.auc")

    column, decided = fare(profile, "0.02")
    assert (decided["verdict"], column["refined"]) == ("fail", False)
    column, open_ = fare(profile, decided["value"])
    assert (open_["verdict"], column["refined"]) == ("insufficient", False)
    column, read = fare(files / "day1.parquet", decided["value"])
    assert (read["verdict"], column["refined"]) == ("warn", True)
    assert "more rows would not help (by its rows: profiles leave it between" in read["message"]


def test_days_merge_to_the_whole(files):
    whole = drift.profile(data.source(files / "day*.parquet"))
    days = [drift.profile(data.source(files / f"day{day}.parquet"), like=whole) for day in (1, 2)]
    merged = days[0].merge(days[1])
    assert merged.columns["payment"] == whole.columns["payment"]
    assert merged.columns["fare"]["quantiles"] == whole.columns["fare"]["quantiles"]


def test_what_is_wrong_is_said(files):
    profile = files / "reference.json"
    assert answer("profile", files / "day1.parquet", "-o", profile)[0] == 0
    for arguments, said in (
        (["profile", files / "none.parquet"], "no such file"),
        (
            ["profile", files / "day1.parquet", "--columns", "far"],
            "no column can be profiled; far: the column",
        ),
        (["profile", files / "day1.parquet", "--columns", "tags"], "no column can be profiled; tags"),
        (["profile", files / "day1.parquet", "-o", files / "x.parquet"], "must end in .json"),
        (["check-drift", files / "none.json", files / "today.parquet"], "none.json: no such file"),
        (["check-drift", files / "today.parquet", profile], "not on the cells of the reference"),
    ):
        code, out, err = answer(*arguments)
        assert (code, out) == (2, ""), arguments
        assert said in err
    profile.write_text(profile.read_text().replace('"rows":4000', '"rows":4001'))
    code, _, err = answer("check-drift", profile, files / "today.parquet")
    assert code == 2
    assert "reference.json: profile: it was changed after it was made" in err
    with pytest.raises(DataNotFoundError, match="no such file"):
        data.read_profile(files / "nowhere.json")
    with pytest.raises(DataError, match=r"end in \.json"):
        data.write_profile(drift.profile({"x": [1.0]}), files / "x.csv")
    assert [each.name for each in files.iterdir() if each.name.startswith(".")] == []


def test_json_is_the_profile_itself(files):
    code, out, _ = answer("profile", files / "day1.parquet", "--columns", "fare", "--format", "json")
    assert code == 0
    assert drift.Profile.from_dict(json.loads(out)).column_names == ["fare"]
