from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.evidence import (
    EPOCH,
    FIRST,
    LAST,
    DateInterval,
    DateKind,
    instant_range,
    iso_date,
    iso_time,
    to_micros,
)
from registry.errors import InvalidInputError

PUBLISHED = DateKind.PUBLISHED
instants = st.integers(FIRST, LAST)


def shown(text: str) -> list[str]:
    return [iso_time(instant) for instant in instant_range(text)]


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2021", "2021-01-01T00:00:00Z", "2021-12-31T23:59:59.999999Z"),
        ("2020-02", "2020-02-01T00:00:00Z", "2020-02-29T23:59:59.999999Z"),
        ("0618-01-01", "0618-01-01T00:00:00Z", "0618-01-01T23:59:59.999999Z"),
        ("2021-05-17T10:00Z", "2021-05-17T10:00:00Z", "2021-05-17T10:00:00.999999Z"),
        ("2021-05-17T10:00:00.5Z", "2021-05-17T10:00:00.500000Z", "2021-05-17T10:00:00.500000Z"),
        ("2021-05-17 10:00:00 UTC", "2021-05-17T10:00:00Z", "2021-05-17T10:00:00.999999Z"),
        ("2021-05-17T10:00:00+02:00", "2021-05-17T08:00:00Z", "2021-05-17T08:00:00.999999Z"),
        ("2021-05-17T10:00:00-0230", "2021-05-17T12:30:00Z", "2021-05-17T12:30:00.999999Z"),
        ("2021-05-17T00:00:00", "2021-05-16T10:00:00Z", "2021-05-17T14:00:00.999999Z"),
        ("9999", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    ],
)  # fmt: skip
def test_a_date_stands_for_all_the_time_it_covers(text: str, begin: str, end: str) -> None:
    assert shown(text) == [begin, end]
    assert shown(f"  {text}\n") == [begin, end]


@pytest.mark.parametrize(
    "text",
    ["", "x", "21", "20210517", "2021-5-17", "2021-13", "2021-02-30", "2021-00", "0000", "10000",
     "2021-05-17T25:00", "2021-05-17T10:00:60Z", "2021-05-17T10:00:00+25:00", "-2021", "2021-05-17T10",
     "2021-05-17T10:00:00+02:99", "2021..2022", "1e3", "9999-12-31T23:59:59", "0001-01-01T00:00:00",
     "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2021\x00", "2" * 5000],
)  # fmt: skip
def test_what_is_no_date_is_refused_in_a_short_message(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a date") as caught:
        instant_range(text)
    assert len(caught.value.message) < 160
    assert caught.value.hint


@given(st.text(max_size=40))
def test_any_text_is_a_date_within_range_or_refused(text: str) -> None:
    try:
        begin, end = instant_range(text)
    except InvalidInputError:
        return
    assert FIRST <= begin <= end <= LAST


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_with_a_zone_is_that_instant(moment: dt.datetime) -> None:
    micros = to_micros(moment)
    if FIRST <= micros <= LAST:
        assert dt.datetime.fromisoformat(iso_time(micros)) == moment.astimezone(dt.UTC)
        assert (
            iso_date(micros)
            == moment.astimezone(dt.UTC).strftime("%Y").zfill(4) + iso_time(micros)[4:10]
        )


@given(st.dates(dt.date(2, 1, 1), dt.date(9998, 1, 1)), st.times(), st.integers(-14 * 60, 14 * 60))
def test_a_time_without_a_zone_covers_every_zone(day: dt.date, time: dt.time, minutes: int) -> None:
    begin, end = instant_range(f"{day.isoformat()}T{time.isoformat('seconds')}")
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    moment = to_micros(dt.datetime.combine(day, time.replace(microsecond=0), zone))
    assert begin <= moment
    assert moment + 999_999 <= end


@given(st.sampled_from(DateKind), instants, instants)
def test_an_interval_survives_json(kind: DateKind, one: int, two: int) -> None:
    made = DateInterval(kind, min(one, two), max(one, two))
    assert DateInterval.from_json(made.to_json()) == made


def test_two_dates_make_an_interval() -> None:
    made = DateInterval.parse(PUBLISHED, "2021-01..2021-11")
    assert str(made) == "2021-01-01..2021-11-30"
    assert str(DateInterval.parse(PUBLISHED, "2021-05-17")) == "2021-05-17"
    for wrong in ("2022..2021", "2021..", "..2021", "2021..2022..2023", "2021...2022"):
        with pytest.raises(InvalidInputError):
            DateInterval.parse(PUBLISHED, wrong)
    with pytest.raises(InvalidInputError, match="end before they begin"):
        DateInterval(PUBLISHED, 1, 0)


def test_a_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(InvalidInputError, match="without a zone"):
        to_micros(dt.datetime(2021, 1, 1))  # noqa: DTZ001
    assert to_micros(EPOCH) == 0


def test_only_writing_bounds_a_text_from_below() -> None:
    assert [kind for kind in DateKind if kind.bounds_below] == [DateKind.AUTHORED]
