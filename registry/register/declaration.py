"""What a registration is asked with and what it answers, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from registry.core.dataset import (
    Access,
    DatasetRef,
    Origin,
    Role,
    Visibility,
)
from registry.core.evidence import DateInterval
from registry.core.source import ReadOptions
from registry.db.models import (
    DatasetVersion,
    SketchTable,
)
from registry.errors import InvalidInputError
from registry.query.returning import Returned

NOT_ASSESSED: Final = "not_assessed"


@dataclass(frozen=True, slots=True)
class Acquired:
    """How the texts were come by, as regulators ask it; each part until somebody says."""

    owner: str = NOT_ASSESSED
    access: Access = Access.NOT_ASSESSED
    crawler: str = NOT_ASSESSED
    opt_out_policy: str = NOT_ASSESSED
    opt_out_date: str = NOT_ASSESSED
    personal_data: str = NOT_ASSESSED
    purchase: str = NOT_ASSESSED
    first_use: str = NOT_ASSESSED
    url_field: str = NOT_ASSESSED


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the registrant says about the whole dataset. Nothing said stays unknown.

    Attributes:
        ref: The dataset's name, without a version.
        claimed_by: Who says so.
        origin: What made the texts, or None.
        generators: The models that wrote them, where the origin involves any.
        license: An SPDX expression, or None.
        language: A BCP 47 tag, or None.
        dates: Typed intervals for the whole dataset.
        sources: Where it came from, as URLs.
        acquired: How it was come by.
        visibility: Who may see the dataset; used when it is new.
        role: What the version is used as, or None; protection has to be earned.
    """

    ref: DatasetRef
    claimed_by: str
    origin: Origin | None = None
    generators: tuple[str, ...] = ()
    license: str | None = None
    language: str | None = None
    dates: tuple[DateInterval, ...] = ()
    sources: tuple[str, ...] = ()
    acquired: Acquired = field(default_factory=Acquired)
    visibility: Visibility = Visibility.PRIVATE
    role: Role | None = None

    def check(self, options: ReadOptions) -> None:
        """Refuse what contradicts itself.

        Raises:
            InvalidInputError: A version in the name, an origin said twice, generators of human
                text, or a text that is empty or has control characters.
        """
        if self.ref.version is not None:
            raise InvalidInputError(
                f"`{self.ref}` names a version; versions are numbered by the registry",
                hint=f"use `--name {self.ref.dataset.short}`",
            )
        if self.role is Role.PROTECTED:
            raise InvalidInputError(
                "a version cannot be registered as protected: it has to meet a policy",
                hint=f"register it, then run `firsthand protect {self.ref.dataset.short}`",
            )
        if self.origin is not None and options.says_origin:
            raise InvalidInputError(
                "the origin is given for all documents and also per document",
                hint="leave out `--origin`: a label that is missing must not fall back to it",
            )
        nobody = (Origin.HUMAN, Origin.UNKNOWN, None)
        if self.generators and self.origin in nobody and not options.says_origin:
            raise InvalidInputError(
                f"generators are named, but the origin is `{self.origin or 'not given'}`",
                hint="add `--origin ai`, `assisted`, `mixed` or `programmatic`",
            )
        if options.generator_field and self.generators:
            raise InvalidInputError(
                "generators are named for all documents and also per document",
                hint="leave out one of `--generator` and `--generator-field`",
            )
        said = [("license", self.license), ("language", self.language)]
        said += [("source", item) for item in self.sources]
        said += [("generator", item) for item in self.generators]
        said += [
            (name.replace("_", " "), getattr(self.acquired, name))
            for name in Acquired.__dataclass_fields__
        ]
        for what, text in said:
            if text is not None and (not text.strip() or not text.isprintable()):
                raise InvalidInputError(
                    f"the {what} is empty or has control characters", hint="write it as plain text"
                )


class Outcome(StrEnum):
    """What a registration changed."""

    REGISTERED = "registered"
    ADDED = "added"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Registration:
    """The result of a registration.

    Attributes:
        version: The version that the content is, new or known.
        outcome: What changed.
        added: For a known version: what was added to it, in words.
        skipped: Files, and members of archives, that are no input: hidden ones, cards, links.
        bad_input: Records and text files that are not valid and were left out, as `--on-bad-input
            skip` asks: place and reason of the first ones.
        bad_count: How many of those there are.
        files: How many files there are.
        reused_files: How many of them were not read, because they had not changed since.
        same_content: Other datasets' versions with exactly this content.
        index: What is known of the sketches of the version, or None if it has none.
        role: The role that was asked for, which the version has now.
        uncompacted: Why the index could not be compacted after it, or None.
        known: What other versions have of these documents (`register.known.record`); None where
            nothing was recorded.
        uncompared: Why the documents could not be compared with those of other versions, or None.
        returned: Withdrawals whose texts come again with these documents.
    """

    version: DatasetVersion
    outcome: Outcome
    added: tuple[str, ...]
    skipped: tuple[str, ...]
    bad_input: tuple[str, ...]
    bad_count: int
    files: int
    reused_files: int
    same_content: tuple[DatasetRef, ...]
    index: SketchTable | None
    role: Role | None = None
    uncompacted: str | None = None
    known: dict[str, Any] | None = None
    uncompared: str | None = None
    returned: tuple[Returned, ...] = ()
