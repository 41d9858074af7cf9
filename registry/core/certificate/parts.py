"""The parts of a certificate's predicate: who signs, what share, where from, at which state."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final, Self

from registry.core.manifest import ORIGIN_NAMES, Tally
from registry.core.merkle import HASH_SIZE
from registry.core.note import NoteKey
from registry.core.strict import ObjectReader
from registry.errors import InvalidInputError, VerificationError

NOT_ASSESSED: Final = "not_assessed"
UNITS: Final = ("bytes", "words", "documents", "tokens")
GRADE_NAMES: Final = ("E0", "E1", "E2", "E3", "E4", "E5", "E6")
_SHARE: Final = re.compile(r"[01](?:\.[0-9]{1,18})?")


def mismatch(message: str) -> VerificationError:
    """Return the error for signed numbers that contradict one another."""
    return VerificationError(message, code="E_CLAIM_MISMATCH")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, in their own words, and the key they sign with."""

    name: str
    url: str | None
    key: str

    @classmethod
    def parse(cls, value: Any, code: str = "E_ENVELOPE") -> Self:
        """Read an issuer."""
        got = ObjectReader(value, "the issuer", code, {"key", "name", "url"})
        return cls(got.text("name"), got.optional_text("url"), got.text("key"))


@dataclass(frozen=True, slots=True)
class HumanFraction:
    """The declared human share, exactly: `numerator` of `denominator` units.

    Attributes:
        of: The unit, one of `bytes words documents tokens`.
        count: The origins that count.
        numerator: Units that count.
        denominator: All units.
        at_least: The share that was asked for, as a decimal, or None.
    """

    of: str
    count: tuple[str, ...]
    numerator: int
    denominator: int
    at_least: str | None

    @property
    def value(self) -> Fraction:
        """Return the share; that of an empty snapshot is 0."""
        return Fraction(self.numerator, self.denominator) if self.denominator else Fraction(0)

    def to_json(self) -> dict[str, Any]:
        """Return the three numbers that always stand together; two are not assessed yet."""
        return {
            "asked": self.at_least,
            "audited": NOT_ASSESSED,
            "count": list(self.count),
            "declared": {"denominator": self.denominator, "numerator": self.numerator},
            "evidenced": NOT_ASSESSED,
            "of": self.of,
        }

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read the fraction and check that it keeps what was asked.

        Raises:
            VerificationError: `E_ENVELOPE`, or `E_FRACTION` when the share is below what the
                certificate says was asked for.
        """
        code, what = "E_ENVELOPE", "the human fraction"
        keys = {"asked", "audited", "count", "declared", "evidenced", "of"}
        got = ObjectReader(value, what, code, keys)
        got.constant("audited", NOT_ASSESSED, "E_VERSION")
        got.constant("evidenced", NOT_ASSESSED, "E_VERSION")
        share = ObjectReader(got.take("declared"), what, code, {"denominator", "numerator"})
        made = cls(
            got.text("of"),
            got.texts("count"),
            share.count("numerator"),
            share.count("denominator"),
            got.optional_text("asked"),
        )
        if made.of not in UNITS or not set(made.count) <= set(ORIGIN_NAMES):
            raise got.bad("has an unknown unit or origin")
        if len(set(made.count)) != len(made.count):
            raise got.bad("counts an origin twice")
        if made.numerator > made.denominator:
            raise VerificationError("the human share is larger than the whole", code="E_FRACTION")
        if made.at_least is not None:
            # `Fraction` also reads `1e999999999`, and would compute it.
            if not _SHARE.fullmatch(made.at_least) or (asked := Fraction(made.at_least)) > 1:
                raise got.bad("has no decimal from 0 to 1 in `asked`")
            if made.value < asked:
                raise VerificationError(
                    f"the certificate says {float(made.value):.4%} human, "
                    f"below the {float(asked):.4%} it says was asked for",
                    code="E_FRACTION",
                )
        return made


def counted(origins: dict[str, Tally], of: str, count: tuple[str, ...]) -> int | None:
    """Return the units that count towards the human share, or None where rows do not say.

    A mixed document counts with its human bytes, and as no whole document.
    """
    if of == "documents":
        return sum(origins[name].documents for name in count if name in origins)
    if of != "bytes":
        return None
    whole = sum(origins[name].bytes for name in count if name in origins and name != "mixed")
    parts = origins.get("mixed", Tally()).human_bytes if "human" in count else 0
    return whole + parts


def parse_grade(got: ObjectReader, key: str) -> str:
    """Return a grade of dates.

    Raises:
        VerificationError: The reader's code.
    """
    grade = got.text(key)
    if grade not in GRADE_NAMES:
        raise got.bad(f"has no grade from E0 to E6 in `{key}`")
    return grade


@dataclass(frozen=True, slots=True)
class Amount:
    """How many documents, and their bytes."""

    documents: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        """Return the sums."""
        return Amount(self.documents + other.documents, self.bytes + other.bytes)


Grades = dict[str, dict[str, Amount]]
"""Documents and bytes by origin and date grade."""


def parse_grades(value: Any) -> Grades:
    """Read how many documents of each origin have dates of which grade.

    Raises:
        VerificationError: `E_ENVELOPE`.
    """
    code, what = "E_ENVELOPE", "the matrix of grades"
    if not isinstance(value, dict) or not set(value) <= set(ORIGIN_NAMES):
        raise VerificationError(f"{what} is of something else than origins", code=code)
    made: Grades = {}
    for origin, row in value.items():
        if not isinstance(row, dict) or not set(row) <= set(GRADE_NAMES):
            raise VerificationError(f"{what} has something else than grades", code=code)
        made[origin] = {}
        for grade, cell in row.items():
            got = ObjectReader(cell, what, code, {"bytes", "documents"})
            made[origin][grade] = Amount(got.count("documents"), got.count("bytes"))
    return made


def check_grades(grades: Grades, origins: dict[str, Tally]) -> None:
    """Refuse grades that do not add up to the origins.

    Raises:
        VerificationError: `E_CLAIM_MISMATCH`.
    """
    for name in origins.keys() | grades.keys():
        tally = origins.get(name, Tally())
        found = sum(grades.get(name, {}).values(), Amount())
        if found != Amount(tally.documents, tally.bytes):
            raise mismatch(f"the grades of `{name}` do not add up to its documents and bytes")


def lowest_grade(grades: Grades) -> str:
    """Return the lowest grade that some document has; `E0` if there is none."""
    found = (grade for row in grades.values() for grade, cell in row.items() if cell.documents)
    return min(found, default=GRADE_NAMES[0])


@dataclass(frozen=True, slots=True)
class LogState:
    """The state of the issuer's log that the inputs were read at.

    Attributes:
        origin: Which log it is.
        size: How many entries it had.
        root: The root over them, in hexadecimal.
    """

    origin: str
    size: int
    root: str

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {"checkpoint": {"root": self.root, "size": self.size}, "origin": self.origin}

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read a state; its origin must be one that a checkpoint can have."""
        code, what = "E_ENVELOPE", "the log"
        got = ObjectReader(value, what, code, {"checkpoint", "origin"})
        state = ObjectReader(got.take("checkpoint"), what, code, {"root", "size"})
        origin = got.text("origin")
        try:
            NoteKey(origin, bytes(HASH_SIZE))
        except (InvalidInputError, UnicodeError) as error:
            raise got.bad("has no name of a log in `origin`") from error
        return cls(origin, state.count("size"), state.digest("root"))


@dataclass(frozen=True, slots=True)
class Policy:
    """What the issuer says it went by.

    Attributes:
        cutoff: Every document existed before this time by its latest claimed date, or None.
        minimum_date_grade: The least grade that dates had to have, or None.
    """

    cutoff: str | None = None
    minimum_date_grade: str | None = None

    def to_json(self, fraction: HumanFraction) -> dict[str, Any]:
        """Return the policy as JSON values, with what the human share says of it."""
        return {
            "asked": fraction.at_least,
            "count_as_human": list(fraction.count),
            "cutoff": self.cutoff,
            "minimum_date_grade": self.minimum_date_grade,
        }

    @classmethod
    def parse(cls, value: Any, fraction: HumanFraction) -> Self:
        """Read a policy and check that it says of the human share what that says itself.

        Raises:
            VerificationError: `E_ENVELOPE` or `E_CLAIM_MISMATCH`.
        """
        keys = {"asked", "count_as_human", "cutoff", "minimum_date_grade"}
        got = ObjectReader(value, "the policy", "E_ENVELOPE", keys)
        said = (got.optional_text("asked"), got.texts("count_as_human"))
        if said != (fraction.at_least, fraction.count):
            raise mismatch("the policy says another share or other origins than the human fraction")
        return cls(
            None if got.take("cutoff") is None else got.time("cutoff"),
            None
            if got.take("minimum_date_grade") is None
            else parse_grade(got, "minimum_date_grade"),
        )


@dataclass(frozen=True, slots=True)
class Input:
    """A dataset version that documents were drawn from.

    Attributes:
        dataset: `team/name`.
        version: The version's number.
        content_root: The version's identity.
        documents: How many of its documents are in the snapshot.
        bytes: Their size.
        grade: The lowest date grade among them; `E0` if there are none.
        licenses: What is claimed for them, each SPDX expression once.
        log_index: The position in the issuer's log of the entry that registered the version.
    """

    dataset: str
    version: int
    content_root: str
    documents: int
    bytes: int
    grade: str
    licenses: tuple[str, ...]
    log_index: int

    def to_json(self) -> dict[str, Any]:
        """Return the input as JSON values."""
        return asdict(self) | {"licenses": list(self.licenses)}

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read one input."""
        keys = {
            "bytes", "content_root", "dataset", "documents", "grade", "licenses", "log_index",
            "version",
        }  # fmt: skip
        got = ObjectReader(value, "an input", "E_ENVELOPE", keys)
        return cls(
            got.text("dataset"),
            got.count("version"),
            got.digest("content_root"),
            got.count("documents"),
            got.count("bytes"),
            parse_grade(got, "grade"),
            got.texts("licenses"),
            got.count("log_index"),
        )


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the texts come to with one tokenizer, as the issuer counted.

    Attributes:
        tokenizer: SHA-256 of the `tokenizer.json`.
        by_origin: Tokens of the rows of each origin.
    """

    tokenizer: str
    by_origin: dict[str, int]

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read a count of tokens."""
        code = "E_ENVELOPE"
        got = ObjectReader(value, "the tokens", code, {"by_origin", "tokenizer"})
        sums = ObjectReader(
            got.take("by_origin"), "the tokens", code, set(got.mapping("by_origin"))
        )
        return cls(
            got.digest("tokenizer"), {name: sums.count(name) for name in got.mapping("by_origin")}
        )


@dataclass(frozen=True, slots=True)
class Reissued:
    """What became of the documents of the snapshot whose place one takes, by the issuer's word.

    Attributes:
        documents: How many it had.
        withdrawn: How many of them left because they were withdrawn.
        erased: How many left because they were withdrawn, and their bytes erased.
        not_admitted: How many left because the recipe admits them no more.
        not_drawn: How many others were not drawn again.
        added: How many documents were not in it.
    """

    documents: int
    withdrawn: int
    erased: int
    not_admitted: int
    not_drawn: int
    added: int

    @property
    def left(self) -> int:
        """Return how many documents left."""
        return self.withdrawn + self.erased + self.not_admitted + self.not_drawn

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read it and check that no more left than there were.

        Raises:
            VerificationError: `E_ENVELOPE`.
        """
        names = tuple(cls.__dataclass_fields__)
        got = ObjectReader(value, "what was reissued", "E_ENVELOPE", set(names))
        made = cls(*(got.count(name) for name in names))
        if made.left > made.documents:
            raise got.bad("says that more left than there were")
        return made
