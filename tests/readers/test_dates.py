from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from registry.core.evidence import EPOCH, DateKind, instant_range, iso_time
from registry.errors import InvalidInputError
from tests.readers.making import csv_bytes, jsonl, parquet, rows, written

MICROSECOND = dt.timedelta(microseconds=1)


def bracket(row: dict[str, Any]) -> tuple[str, str] | None:
    if row["not_before"] is None:
        assert row["not_after"] is None
        return None
    found = [(row[name] - EPOCH) // MICROSECOND for name in ("not_before", "not_after")]
    return iso_time(found[0]), iso_time(found[1])


def brackets(file: Path, *kinds: tuple[DateKind, str]) -> list[tuple[str, str] | None]:
    fields = kinds or ((DateKind.AUTHORED, "d"),)
    return [bracket(row) for row in rows(file, text_fields=("text",), date_fields=fields)]


YEAR = ("2021-01-01T00:00:00Z", "2021-12-31T23:59:59.999999Z")
DAY = ("2021-05-17T00:00:00Z", "2021-05-17T23:59:59.999999Z")


def test_strings_of_any_precision(tmp_path: Path) -> None:
    written_as = {
        "2021": YEAR,
        " 2021-05-17 ": DAY,
        "2021-05-17T12:00:00+02:00": ("2021-05-17T10:00:00Z", "2021-05-17T10:00:00.999999Z"),
        "2021-05-17T10:00:00": ("2021-05-16T20:00:00Z", "2021-05-18T00:00:00.999999Z"),
        "": None,
        "  ": None,
    }
    records = [("text", "d"), *(("x", value) for value in written_as)]
    expected = list(written_as.values())
    assert brackets(written(tmp_path / "a.csv", csv_bytes(*records))) == expected
    columns = {"text": ["x"] * len(written_as), "d": list(written_as)}
    assert brackets(parquet(tmp_path / "a.parquet", columns)) == expected
    objects = [{"text": "x", "d": value} for value in written_as]
    assert brackets(jsonl(tmp_path / "a.jsonl", *objects)) == expected


def test_whole_numbers_are_years(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "a.jsonl", {"text": "", "d": 2021}, {"text": "", "d": None}, {"text": ""}
    )
    assert brackets(file) == [YEAR, None, None]
    columns = {"text": ["", ""], "d": pa.array([2021, None], pa.int16())}
    assert brackets(parquet(tmp_path / "a.parquet", columns)) == [YEAR, None]


@pytest.mark.parametrize("type_", [pa.date32(), pa.date64()], ids=str)
def test_days_of_parquet(tmp_path: Path, type_: pa.DataType) -> None:
    column = pa.array([dt.date(2021, 5, 17), None, dt.date(618, 6, 18)], type_)
    file = parquet(tmp_path / "a.parquet", {"text": ["x"] * 3, "d": column})
    assert brackets(file) == [DAY, None, ("0618-06-18T00:00:00Z", "0618-06-18T23:59:59.999999Z")]


@pytest.mark.parametrize(
    ("unit", "end"),
    [
        ("ms", "2021-05-17T10:00:00.000999Z"),
        ("us", "2021-05-17T10:00:00Z"),
        ("ns", "2021-05-17T10:00:00Z"),
    ],
)
def test_timestamps_stand_for_what_their_unit_can_tell(tmp_path: Path, unit: str, end: str) -> None:
    moment = dt.datetime(2021, 5, 17, 10, tzinfo=dt.UTC)
    column = pa.array([moment, None], pa.timestamp(unit, "Europe/Berlin"))
    file = parquet(tmp_path / "a.parquet", {"text": ["x"] * 2, "d": column})
    assert brackets(file) == [("2021-05-17T10:00:00Z", end), None]


def test_a_timestamp_without_a_zone_could_be_in_any(tmp_path: Path) -> None:
    moment = dt.datetime(2021, 5, 17, 10, 0, 0, 500_000, tzinfo=dt.UTC)
    column = pa.array([moment], pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    file = parquet(tmp_path / "a.parquet", {"text": ["x"], "d": column})
    begin, end = instant_range("2021-05-17T10:00:00.5")
    assert brackets(file) == [(iso_time(begin), iso_time(end))]


def test_a_timestamp_before_1970_is_rounded_down(tmp_path: Path) -> None:
    column = pa.array([-1], pa.timestamp("ns", "UTC"))
    file = parquet(tmp_path / "a.parquet", {"text": ["x"], "d": column})
    assert brackets(file) == [("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z")]


def test_of_several_dates_the_one_that_ends_first_counts(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "a.jsonl",
        {"text": "", "made": "2021", "found": "2021-05-17"},
        {"text": "", "made": "2021-05-17", "found": "2022"},
        {"text": "", "made": None, "found": "2021"},
        {"text": "", "made": "", "found": None},
        {"text": "", "made": "2021", "found": "2021-12-31"},
    )
    kinds = ((DateKind.AUTHORED, "made"), (DateKind.COLLECTED, "found"))
    assert brackets(file, *kinds) == [DAY, DAY, YEAR, None, YEAR]
    last_day = ("2021-12-31T00:00:00Z", "2021-12-31T23:59:59.999999Z")
    assert brackets(file, *reversed(kinds)) == [DAY, DAY, YEAR, None, last_day]


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("soon", ["a.jsonl:3", "`d`", "`soon` is not a date"]),
        ("2021-02-30", ["a.jsonl:3", "`d`", "day is out of range"]),
        (1621234567, ["a.jsonl:3", "`d`", "`1621234567` is not a date"]),
        (618, ["a.jsonl:3", "`d`", "`618` is not a date"]),
    ],
)
def test_what_is_no_date_is_named(tmp_path: Path, value: str | int, fragments: list[str]) -> None:
    file = jsonl(tmp_path / "a.jsonl", *({"text": "", "d": d} for d in ("2020", "", value, value)))
    with pytest.raises(InvalidInputError) as caught:
        brackets(file)
    for fragment in fragments:
        assert fragment in caught.value.message


@pytest.mark.parametrize(("unit", "ticks"), [("us", 2**62), ("ms", -(2**55))])
def test_a_timestamp_outside_all_years_is_named(tmp_path: Path, unit: str, ticks: int) -> None:
    column = pa.array([0, ticks], pa.int64()).cast(pa.timestamp(unit, "UTC"))
    file = parquet(tmp_path / "a.parquet", {"text": ["x"] * 2, "d": column})
    with pytest.raises(
        InvalidInputError, match=r"record 2 of .*a\.parquet.*`d`.*outside the years"
    ):
        brackets(file)
