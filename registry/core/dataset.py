"""What a dataset is called, who or what wrote its texts, and how far that was looked into.

Claims about origin live in `registry.core.claim`; this module only holds the vocabulary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from registry.errors import InvalidInputError

DEFAULT_NAMESPACE: Final = "local"
MAX_NAME_LENGTH: Final = 100
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


class Origin(StrEnum):
    """What made a text. Members are ordered from the least to the most cautious statement."""

    HUMAN = "human"
    ASSISTED = "assisted"
    MIXED = "mixed"
    UNKNOWN = "unknown"
    PROGRAMMATIC = "programmatic"
    AI = "ai"

    @property
    def caution(self) -> int:
        """Return the rank that decides between live claims: the highest rank wins."""
        return ORIGINS_BY_CAUTION.index(self)

    @property
    def digital_source_type(self) -> str | None:
        """Return the IPTC `digitalSourceType` URI, or None for `unknown`.

        Source: IPTC NewsCodes, https://cv.iptc.org/newscodes/digitalsourcetype/.
        """
        term = _IPTC_TERMS.get(self)
        return None if term is None else f"http://cv.iptc.org/newscodes/digitalsourcetype/{term}"


ORIGINS_BY_CAUTION: Final = tuple(Origin)
FIELD_ORIGINS: Final = (Origin.HUMAN, Origin.ASSISTED, Origin.PROGRAMMATIC, Origin.AI)
"""The origins a single field of a record can have, in the order of the byte-count columns."""

_IPTC_TERMS: Final = {
    Origin.HUMAN: "humanEdits",
    Origin.ASSISTED: "compositeWithTrainedAlgorithmicMedia",
    Origin.MIXED: "composite",
    Origin.PROGRAMMATIC: "algorithmicMedia",
    Origin.AI: "trainedAlgorithmicMedia",
}


class Assessment(StrEnum):
    """How far a claim was looked into."""

    NOT_ASSESSED = "not_assessed"
    DECLARED = "declared"
    AUDITED = "audited"
    DISPUTED = "disputed"


class Visibility(StrEnum):
    """Who may see a dataset."""

    PRIVATE = "private"
    INTERNAL = "internal"
    PUBLIC = "public"


class Access(StrEnum):
    """How the owner of a dataset came by its texts."""

    NOT_ASSESSED = "not_assessed"
    PUBLIC = "public"
    LICENSED = "licensed"
    CRAWLED = "crawled"
    USER = "user"
    BOUGHT = "bought"
    PRIVATE = "private"


class Role(StrEnum):
    """What a version is used as, beside being data."""

    PROTECTED = "protected"
    EVALUATION = "evaluation"


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """The name of a dataset, `team/name`, or of one version of it, `team/name@3`.

    Attributes:
        namespace: The team, `local` unless said otherwise.
        name: The dataset.
        version: The version number from 1, or None for the dataset or its latest version.
    """

    namespace: str
    name: str
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> DatasetRef:
        """Read `name`, `team/name`, `name@3` or `team/name@3`.

        Raises:
            InvalidInputError: A part is missing or has characters that names may not have.
        """
        path, at, number = text.partition("@")
        namespace, slash, name = path.rpartition("/")
        if slash and not namespace:
            raise InvalidInputError(f"{_shown(text)} has an empty namespace", hint=_NAME_HINT)
        if at and not _VERSION.fullmatch(number):
            raise InvalidInputError(
                f"{_shown(text)} has no valid version after `@`",
                hint="versions are whole numbers from 1, as in `gsm8k@2`",
            )
        return cls(
            check_name(namespace or DEFAULT_NAMESPACE, "namespace"),
            check_name(name, "dataset name"),
            int(number) if at else None,
        )

    def at(self, version: int) -> DatasetRef:
        """Return the same dataset at one version."""
        return replace(self, version=version)

    @property
    def dataset(self) -> DatasetRef:
        """Return the same dataset without a version."""
        return replace(self, version=None)

    @property
    def short(self) -> str:
        """Return the name without the default namespace, as people type it."""
        full = str(self)
        return full.removeprefix(f"{DEFAULT_NAMESPACE}/")

    def __str__(self) -> str:
        """Return the full name, `team/name` or `team/name@3`."""
        at = "" if self.version is None else f"@{self.version}"
        return f"{self.namespace}/{self.name}{at}"


_NAME_HINT: Final = (
    "names have lower-case letters, digits, `.`, `_` and `-`, "
    f"start and end with a letter or digit, and are at most {MAX_NAME_LENGTH} characters long"
)


def check_name(name: str, what: str) -> str:
    """Return the name if it is one we accept.

    Raises:
        InvalidInputError: It has other characters, is too long, or could be read as a path.
    """
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name) or ".." in name:
        raise InvalidInputError(f"{_shown(name)} is not a valid {what}", hint=_NAME_HINT)
    return name


def _shown(text: str) -> str:
    """Return a name for a message, without control characters and not longer than a line."""
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return f"`{safe[:60]}…`" if len(safe) > 60 else f"`{safe}`"
