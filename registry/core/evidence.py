"""When texts existed: typed date intervals, their grades, and how they combine.

Dates are claims. An interval says that the thing it names happened between two instants; what
counts for "existed before" is only the later end.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from registry.errors import InvalidInputError

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


class DateKind(StrEnum):
    """What happened at a date."""

    AUTHORED = "authored"
    PUBLISHED = "published"
    CAPTURED = "captured"
    COLLECTED = "collected"

    @property
    def bounds_below(self) -> bool:
        """Return whether the text cannot be older than the start of the interval."""
        return self is DateKind.AUTHORED


class Grade(StrEnum):
    """How many independent parties would have to lie for a date to be wrong (docs/trust.md)."""

    E0 = "E0"
    E1 = "E1"
    E2 = "E2"
    E3 = "E3"
    E4 = "E4"
    E5 = "E5"
    E6 = "E6"


class EvidenceKind(StrEnum):
    """What kind of evidence it is (docs/trust.md)."""

    NOTE = "note"
    CONTRACT = "contract"
    PLATFORM = "platform"
    LABELS = "labels"
    TRACED = "traced"
    AUTHOR = "author"
    RFC3161 = "rfc3161"
    ARCHIVE = "archive"
    GIT = "git"


@dataclass(frozen=True, slots=True)
class DateInterval:
    """Something happened in [not_before, not_after], both in microseconds since 1970 UTC.

    Integers reach beyond what `datetime` can hold: a poem of the year 618 is no special case.
    """

    kind: DateKind
    not_before: int
    not_after: int

    def __post_init__(self) -> None:
        """Refuse an interval that ends before it begins."""
        if self.not_after < self.not_before:
            raise InvalidInputError(
                f"the {self.kind} dates end before they begin",
                hint="write the earlier date first",
            )

    @classmethod
    def parse(cls, kind: DateKind, text: str) -> Self:
        """Read `2021`, `2021-05`, `2021-05-17`, an RFC 3339 time, or two of them joined by `..`.

        A shorter date stands for all the time it covers: `2021-01..2021-11` ends with the last
        microsecond of November.

        Raises:
            InvalidInputError: Not a date, or the end lies before the beginning.
        """
        first, dots, last = text.partition("..")
        begin, end = instant_range(first)
        if dots:
            end = instant_range(last)[1]
        return cls(kind, begin, end)

    def to_json(self) -> dict[str, str]:
        """Return the interval as JSON; times are text: integers would leave JSON's range."""
        return {
            "kind": str(self.kind),
            "not_after": iso_time(self.not_after),
            "not_before": iso_time(self.not_before),
        }

    @classmethod
    def from_json(cls, value: dict[str, str]) -> Self:
        """Read back what `to_json` wrote."""
        begin, end = (
            _micros(dt.datetime.fromisoformat(value[name])) for name in ("not_before", "not_after")
        )
        return cls(DateKind(value["kind"]), begin, end)

    def __str__(self) -> str:
        """Return the interval as `begin..end` in days."""
        begin, end = iso_date(self.not_before), iso_date(self.not_after)
        return begin if begin == end else f"{begin}..{end}"


_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:[T ](?P<time>\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)"
    r"\s?(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?)?)?)?"
)


def instant_range(text: str) -> tuple[int, int]:
    """Return the first and last microsecond since 1970 UTC that a date or time stands for.

    A time without a zone could have been meant in any: it stands for itself, 14 hours earlier
    to 14 hours later, so that "before" never claims more than every zone allows.

    Raises:
        InvalidInputError: Not a date between the years 0001 and 9999.
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise InvalidInputError(
            f"`{text[:40]}` is not a date",
            hint="write 2021, 2021-05, 2021-05-17 or 2021-05-17T10:00:00Z",
        )
    try:
        begin, end = _range(match)
        if begin < FIRST or end > LAST:
            raise ValueError("it lies, in some time zone, outside the years 0001 to 9999")
        return begin, end
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(
            f"`{text[:40]}` is not a date: {error}",
            hint="check year, month, day and time",
        ) from error


def _range(match: re.Match[str]) -> tuple[int, int]:
    year, month, day = match["year"], match["month"], match["day"]
    if match["time"]:
        clock = match["time"] if len(match["time"]) > 5 else match["time"] + ":00"
        whole, _, fraction = clock.partition(".")
        moment = dt.datetime.fromisoformat(f"{year}-{month}-{day}T{whole}").replace(tzinfo=dt.UTC)
        begin = _micros(moment) + int((fraction + "000000")[:6])
        end = begin if fraction else begin + 999_999
        zone = match["zone"]
        if zone is None:
            return begin - _ZONE_SLACK, end + _ZONE_SLACK
        shift = _zone_shift(zone)
        return begin - shift, end - shift
    first = dt.date(int(year), int(month or 1), int(day or 1))
    last_month = int(month or 12)
    last_day = int(day) if day else calendar.monthrange(int(year), last_month)[1]
    last = dt.date(int(year), last_month, last_day)
    return _day_start(first), _day_start(last) + _DAY - 1


FIRST: Final = (dt.datetime.min.replace(tzinfo=dt.UTC) - EPOCH) // _MICROSECOND
"""The first instant that can be written as a date, in microseconds since 1970 UTC."""
LAST: Final = (dt.datetime.max.replace(tzinfo=dt.UTC) - EPOCH) // _MICROSECOND
"""The last one."""
_DAY: Final = 86_400_000_000
_ZONE_SLACK: Final = 14 * 3_600_000_000


def _zone_shift(zone: str) -> int:
    if zone in ("Z", "UTC"):
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(f"`{zone}` is not a time zone")
    shift = (hours * 60 + minutes) * 60_000_000
    return shift if zone[0] == "+" else -shift


def _day_start(day: dt.date) -> int:
    return (day - EPOCH.date()).days * _DAY


def _micros(moment: dt.datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def to_micros(moment: dt.datetime) -> int:
    """Return microseconds since 1970 UTC.

    Raises:
        InvalidInputError: The time has no zone.
    """
    if moment.tzinfo is None:
        raise InvalidInputError("a time without a zone", hint="use UTC")
    return _micros(moment)


def iso_time(micros: int) -> str:
    """Return an RFC 3339 time in UTC, with microseconds only where there are any."""
    moment = EPOCH + dt.timedelta(microseconds=micros)
    return moment.isoformat().replace("+00:00", "Z")


def iso_date(micros: int) -> str:
    """Return the UTC day, `2021-05-17`."""
    return iso_time(micros)[:10]
