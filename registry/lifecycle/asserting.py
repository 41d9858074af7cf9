"""What a claim says of texts, apart from who says it and which texts it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from registry.core.claim import Property
from registry.core.dataset import Origin
from registry.core.evidence import DateInterval
from registry.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is said of texts.

    Attributes:
        property: What it is about.
        value: What is claimed.
    """

    property: Property
    value: dict[str, Any]

    @classmethod
    def of_origin(cls, origin: Origin, generators: Sequence[str] = ()) -> Self:
        """Say what made the texts.

        Raises:
            InvalidInputError: Generators of human text, or one that is no plain text.
        """
        for name in generators:
            _check("generator", name)
        if generators and origin in (Origin.HUMAN, Origin.UNKNOWN):
            raise InvalidInputError(
                f"generators are named, but the origin is `{origin}`",
                hint="leave out `--generator`, or claim another origin",
            )
        value: dict[str, Any] = {"origin": str(origin)}
        if generators:
            value["generators"] = sorted(set(generators))
        return cls(Property.ORIGIN, value)

    @classmethod
    def of_license(cls, text: str) -> Self:
        """Say under which license the texts are.

        Raises:
            InvalidInputError: It is no plain text.
        """
        return cls(Property.LICENSE, {"license": _check("license", text)})

    @classmethod
    def of_language(cls, tag: str) -> Self:
        """Say in which language the texts are.

        Raises:
            InvalidInputError: It is no plain text.
        """
        return cls(Property.LANGUAGE, {"language": _check("language", tag)})

    @classmethod
    def of_date(cls, interval: DateInterval) -> Self:
        """Say when something happened to the texts."""
        return cls(Property.DATE, dict(interval.to_json()))


def _check(what: str, text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise InvalidInputError(
            f"the {what} is empty or has control characters", hint="write it as plain text"
        )
    return text
