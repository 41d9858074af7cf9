"""What must be true of a version that is to be protected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from registry.core.evidence import Grade, instant_range, iso_date, iso_time
from registry.errors import InvalidInputError


class Policy(StrEnum):
    """The name of what is asked of a protected version.

    `pre-aigc`: every document existed before text by models was everywhere, is said to be human,
    and is called nothing else by any live claim; and the vault has its bytes.
    """

    PRE_AIGC = "pre-aigc"


CUTOFF: Final = "2022-11-30"
"""The day ChatGPT was released."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A policy with its parameters.

    Attributes:
        policy: The policy.
        cutoff: Microseconds since 1970 UTC: every document existed before.
        min_grade: The least grade of what says so.
    """

    policy: Policy
    cutoff: int
    min_grade: Grade

    @classmethod
    def parse(
        cls, policy: str = Policy.PRE_AIGC, cutoff: str = CUTOFF, min_grade: str = Grade.E1
    ) -> Self:
        """Read what a command was given; of a date that is a span of time, its beginning counts.

        Raises:
            InvalidInputError: There is no such policy or grade, or that is no date.
        """
        if policy not in list(Policy):
            raise InvalidInputError(
                f"there is no policy `{policy}`", hint=f"use `{'`, `'.join(Policy)}`"
            )
        if min_grade not in list(Grade):
            raise InvalidInputError(
                f"there is no grade `{min_grade}`", hint=f"grades go from {Grade.E0} to {Grade.E6}"
            )
        return cls(Policy(policy), instant_range(cutoff)[0], Grade(min_grade))

    def to_json(self) -> dict[str, Any]:
        """Return the terms as they stand in the catalogue."""
        return {
            "cutoff": iso_time(self.cutoff),
            "min_grade": str(self.min_grade),
            "policy": str(self.policy),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        return cls.parse(value["policy"], value["cutoff"], value["min_grade"])

    def __str__(self) -> str:
        """Return the terms in a few words."""
        return f"{self.policy}, before {self.before}, grade {self.min_grade} or better"

    @property
    def before(self) -> str:
        """Return the cutoff, as a day where it is one."""
        time = iso_time(self.cutoff)
        return iso_date(self.cutoff) if time.endswith("T00:00:00Z") else time
