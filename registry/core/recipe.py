"""Recipes: what a training set is asked to be. A document that people write, so errors explain.

Numbers are kept exactly: a share is a decimal, never a float, because a guarantee is checked in
integers.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from registry.core.dataset import DatasetRef, Origin
from registry.core.digest import MAX_INT, digest_of
from registry.core.evidence import instant_range
from registry.core.explain import explained
from registry.errors import InvalidInputError, RegistryError

MAX_DECIMALS: Final = 6


class Unit(StrEnum):
    """What sizes and shares are counted in."""

    BYTES = "bytes"
    WORDS = "words"
    DOCUMENTS = "documents"
    TOKENS = "tokens"


def _ref(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected the name of a dataset, such as `gsm8k@1`")
    try:
        return str(DatasetRef.parse(value))
    except RegistryError as error:
        raise ValueError(f"{error.message}; {error.hint}") from error


def _date(value: Any) -> str:
    try:
        instant_range(str(value))
    except RegistryError as error:
        raise ValueError(f"{error.message}; {error.hint}") from error
    return str(value)


_WHOLE = re.compile(r"0|[1-9][0-9_]{0,40}")
_SIZE = re.compile(
    r"(0|[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9_]{0,40})(?:\.([0-9]{1,40}))?\s*([kKMGT]?)(i?)(B?)"
)
_SHARE = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?\s*%?")
_POWERS: Final = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def _amount(value: Any) -> int:
    """Read `2000000`, `2_000_000`, `2 MB`, `1.5 GiB` or `3M`."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected a whole number, or one with a unit such as `2 MB`")
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("expected a whole number, or one with a unit such as `2 MB`")
    whole, fraction, prefix, binary, _ = match.groups()
    scale = (1024 if binary else 1000) ** _POWERS[prefix]
    digits = Fraction(f"{re.sub('[_,]', '', whole)}.{fraction or 0}")
    if scale == 1 and digits.denominator != 1:
        raise ValueError("expected a whole number, or one with a unit such as `2 MB`")
    amount = int(digits * scale)
    if not 0 < amount <= MAX_INT:
        raise ValueError(f"expected a number from 1 to {MAX_INT:,}")
    return amount


def _count(value: Any) -> int:
    """Read `20` or `10_000`; what YAML readers disagree about, such as `010`, is refused."""
    plain = isinstance(value, str) and _WHOLE.fullmatch(value.strip())
    if isinstance(value, bool) or not (plain or isinstance(value, int)):
        raise ValueError(f"expected a whole number from 0 to {MAX_INT:,}, such as 20 or 10_000")
    count = int(value)
    if not 0 <= count <= MAX_INT:
        raise ValueError(f"expected a whole number from 0 to {MAX_INT:,}")
    return count


def _share(value: Any) -> str:
    """Return a share as a decimal text; accepts `0.8`, `"80%"` and 1."""
    text = str(value).strip()
    percent = text.endswith("%")
    try:
        if isinstance(value, bool) or not _SHARE.fullmatch(text):
            raise ValueError
        share = Fraction(text.rstrip("% ")) / (100 if percent else 1)
    except ValueError as error:
        raise ValueError("expected a share from 0 to 1, such as 0.8 or 80%") from error
    if not 0 <= share <= 1:
        raise ValueError(f"`{text}` is not a share from 0 to 1; write 0.8 or 80% for four fifths")
    scaled = share * 10**MAX_DECIMALS
    if scaled.denominator != 1:
        raise ValueError(f"`{text}` has more than {MAX_DECIMALS} decimals")
    digits = f"{int(scaled):0{MAX_DECIMALS + 1}d}"
    return f"{digits[:-MAX_DECIMALS]}.{digits[-MAX_DECIMALS:]}".rstrip("0").rstrip(".")


def _truth(value: Any) -> bool:
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _sets(value: Any) -> bool | list[str]:
    if isinstance(value, bool) or value in ("true", "false"):
        return _truth(value)
    if not isinstance(value, list) or not value:
        raise ValueError("expected true, false, or names of evaluation sets, such as `[gsm8k@1]`")
    return [_ref(item) for item in value]


Ref = Annotated[str, BeforeValidator(_ref)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Sets = Annotated[
    bool | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)],
    BeforeValidator(_sets),
]
Date = Annotated[str, BeforeValidator(_date)]
Amount = Annotated[int, BeforeValidator(_amount)]
Share = Annotated[str, BeforeValidator(_share)]
Count = Annotated[int, BeforeValidator(_count), Field(ge=0, le=MAX_INT)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Part):
    """How many words a document may have."""

    at_least: Count = 0
    at_most: Count | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("`at_least` is more than `at_most`")
        return self


class Filters(_Part):
    """Which documents may be drawn; every filter given must let a document pass.

    Attributes:
        origin: Its origin, under all live claims, is one of these.
        date_before: It existed before the beginning of this day, by its latest claimed date.
        license: Every license claimed for it is one of these; one without a license is out.
        language: Every language claimed for it is one of these.
        words: It has so many words.
        anchored: Whether a protected version has the same text, or one that differs in a newline
            at its end.
        first_seen_before: Some version with the same bytes says that it existed before the
            beginning of this day.
    """

    origin: Annotated[list[Origin], Field(min_length=1)] | None = None
    date_before: Date | None = None
    license: Annotated[list[Name], Field(min_length=1)] | None = None
    language: Annotated[list[Name], Field(min_length=1)] | None = None
    words: Words | None = None
    anchored: Truth | None = None
    first_seen_before: Date | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, spell: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Spell filters out; recipes without later keys keep the digest they had without them."""
        spelled: dict[str, Any] = spell(self)
        later = ("anchored", "first_seen_before")
        return {
            key: value for key, value in spelled.items() if key not in later or value is not None
        }


class Source(_Part):
    """A dataset to draw from, and which of its documents."""

    dataset: Ref
    where: Filters = Filters()


class Size(_Part):
    """How much to draw, in whole documents.

    A plain number asks for that much and accepts what is at most 1 % below, because whole
    documents rarely add up to it.
    """

    at_most: Amount | None = None
    at_least: Amount | None = None
    unit: Unit = Unit.BYTES

    @model_validator(mode="before")
    @classmethod
    def _plain_number(cls, value: Any) -> Any:
        if isinstance(value, Size):
            return value
        if isinstance(value, dict):
            unit = value.get("unit", "bytes")
            for key in ("at_most", "at_least"):
                if unit != "bytes" and str(value.get(key)).rstrip().endswith("B"):
                    raise ValueError(f"`{key}` is in bytes, and `unit` says {unit}")
            return value
        amount = _amount(value)
        return {"at_most": amount, "at_least": -(-amount * 99 // 100)}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_most and self.at_least and self.at_least > self.at_most:
            raise ValueError("`at_least` is more than `at_most`")
        return self


class Human(_Part):
    """The human share that is asked for.

    Attributes:
        at_least: The share, from 0 to 1.
        of: What it is a share of.
        count: The origins that count. Mixed documents count with their human bytes, and only
            in a share of bytes.
    """

    at_least: Share
    of: Unit = Unit.BYTES
    count: Annotated[list[Origin], Field(min_length=1)] = [Origin.HUMAN]

    @model_validator(mode="after")
    def _countable(self) -> Self:
        odd = set(self.count) - {Origin.HUMAN, Origin.ASSISTED}
        if odd:
            raise ValueError(f"`{min(odd)}` can never count as human; choose human, assisted")
        if Origin.HUMAN not in self.count:
            raise ValueError("`count` must include human")
        return self

    @property
    def share(self) -> Fraction:
        """Return the share exactly."""
        return Fraction(self.at_least)


class Recipe(_Part):
    """What a training set is asked to be.

    Attributes:
        name: A title, or None.
        sources: Where documents may come from, in order: of equal texts the first one is drawn.
        where: Filters for all sources.
        size: How much; without it, everything that fits.
        human: The human share to keep; without it, none is kept.
        seed: Another seed draws other documents.
        exclude_evaluations: Which evaluation sets nothing may be drawn of that resembles an item
            of theirs: all, none, or those that are named.
    """

    name: Name | None = None
    sources: Annotated[list[Source], Field(min_length=1)]
    where: Filters = Filters()
    size: Size = Size()
    human: Human | None = None
    seed: Count = 0
    exclude_evaluations: Sets = True

    @model_serializer(mode="wrap")
    def _as_before(self, spell: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Spell the recipe out; one without later keys keeps the digest it had without them."""
        spelled: dict[str, Any] = spell(self)
        if self.exclude_evaluations is True:
            del spelled["exclude_evaluations"]
        return spelled

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        """Accept sources that are just names."""
        if not isinstance(value, dict):
            return value
        made = dict(value)
        if isinstance(made.get("sources"), list):
            made["sources"] = [
                {"dataset": item} if isinstance(item, str) else item for item in made["sources"]
            ]
        return made

    @model_validator(mode="after")
    def _no_source_twice(self) -> Self:
        names = [source.dataset for source in self.sources]
        doubled = {name for name in names if names.count(name) > 1}
        if doubled:
            raise ValueError(f"`{min(doubled)}` is named twice; join its filters in one source")
        if not isinstance(self.exclude_evaluations, bool):
            sets = self.exclude_evaluations
            doubled = {name for name in sets if sets.count(name) > 1}
            if doubled:
                raise ValueError(f"`exclude_evaluations` names `{min(doubled)}` twice")
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the recipe with everything spelled out, as JSON values without floats."""
        return self.model_dump(mode="json")

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the recipe's canonical JSON."""
        return digest_of(self.to_json())


def parse(value: Any, *, name: str) -> Recipe:
    """Read a recipe.

    Args:
        value: What a YAML or JSON parser returned.
        name: The file, for messages.

    Raises:
        InvalidInputError: With the place in the recipe, what is wrong, and the nearest key.
    """
    if not isinstance(value, dict):
        raise InvalidInputError(
            f"`{name}` is not a recipe: expected keys such as `sources`",
            hint="docs/recipes.md has examples",
        )
    try:
        return Recipe.model_validate(value)
    except ValidationError as error:
        raise explained(
            error, name, what="a recipe", page="docs/recipes.md", keys=_known_keys
        ) from error


def _known_keys(path: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a recipe may have at a place."""
    model: type[BaseModel] = Recipe
    parts: dict[str, type[BaseModel]] = {
        "sources": Source, "where": Filters, "size": Size, "human": Human, "words": Words,
    }  # fmt: skip
    for part in path:
        model = parts.get(str(part), model)
    return list(model.model_fields)
