"""A list of sources to register, one after the other. A document that people write.

Its keys are the options of `firsthand register` with underscores: `--origin-field` is
`origin_field`. What takes pairs there, such as `--origin-map 0=human,1=ai`, is an object here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from registry.core.dataset import Access, DatasetRef, Origin, Role, Visibility
from registry.core.evidence import DateInterval, DateKind
from registry.core.explain import explained
from registry.core.sketch import EVALUATION_WINDOW, WINDOW, guaranteed_tokens, window_of
from registry.core.source import Format, OnBadInput, Orient, ReadOptions
from registry.errors import InvalidInputError, RegistryError


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected the name of a dataset, such as `team/name`")
    try:
        ref = DatasetRef.parse(value)
    except RegistryError as error:
        raise ValueError(f"{error.message}; {error.hint}") from error
    if ref.version is not None:
        raise ValueError(f"`{value}` names a version; versions are numbered by the registry")
    return str(ref.dataset)


def _truth(value: Any) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError("expected `true` or `false`")


def _several(value: Any) -> Any:
    """Accept one text where a list of them may stand."""
    return [value] if isinstance(value, str) else value


def _dates(value: Any) -> str:
    text = str(value)
    try:
        DateInterval.parse(DateKind.AUTHORED, text)
    except RegistryError as error:
        raise ValueError(f"{error.message}; {error.hint}") from error
    return text


Text = Annotated[str, Field(min_length=1)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Texts = Annotated[list[Text], BeforeValidator(_several), Field(min_length=1)]
Dates = Annotated[str, BeforeValidator(_dates)]
Origins = Annotated[dict[Text, Origin], Field(min_length=1)]


class Entry(BaseModel):
    """One dataset: where its files are, how they are read, and what is said about them.

    Attributes:
        name: The dataset, `name` or `team/name`.
        paths: Files, folders, patterns and URIs; paths are relative to this file.
        origin: What made all of the texts. Not said: unknown, not assessed.
        generators: The models that wrote them.
        origin_field: The field that says per record what made it.
        origin_map: What its values mean.
        generator_field: The field that names the model.
        text_field: The field of the text, or several, which are joined by newlines.
        split_field: Several documents per record: for each field, the origin of its documents.
        origin_by_field: One document per record from several fields, each with its own origin.
        format: What the files are, or the members of archives.
        lines: Text files hold one document per line.
        paragraphs: Text files hold one document per run of non-blank lines.
        orient: JSON files hold a list of records, or an object of parallel lists.
        encoding: The encoding of text, CSV, TSV and JSON.
        on_bad_input: What to do with records and text files that are not valid.
        date_field: For each kind of date, the field that holds it.
        authored: When all of it was written.
        published: When all of it was published.
        captured: When copies of it were made.
        collected: When it was gathered.
        language: The language of all of it.
        language_field: The field that names the language.
        license: The license of all of it.
        source: Where it came from, as URLs.
        owner: Who owns the texts.
        access: How you came by them.
        crawler: The crawler that fetched them.
        opt_out_policy: Which opt-outs were respected.
        opt_out_date: As of when.
        personal_data: Whether there is any, and of what kind.
        purchase: From whom they were bought.
        first_use: When they were first used for training.
        url_field: The field with each document's address.
        visibility: Who may see a new dataset.
        role: What the version is used as.
        keep: Keep the texts, so that they outlive these files.
        passages: Find every shared run of so many tokens: 25, and 13 for evaluation sets.
        no_passages: Find whole documents only: no runs of tokens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, BeforeValidator(_name)]
    paths: Texts
    origin: Origin | None = None
    generators: Texts | None = None
    origin_field: Text | None = None
    origin_map: Origins | None = None
    generator_field: Text | None = None
    text_field: Texts | None = None
    split_field: Origins | None = None
    origin_by_field: Origins | None = None
    format: Format | None = None
    lines: Truth = False
    paragraphs: Truth = False
    orient: Orient = Orient.RECORDS
    encoding: Text | None = None
    on_bad_input: OnBadInput = OnBadInput.FAIL
    date_field: Annotated[dict[DateKind, Text], Field(min_length=1)] | None = None
    authored: Dates | None = None
    published: Dates | None = None
    captured: Dates | None = None
    collected: Dates | None = None
    language: Text | None = None
    language_field: Text | None = None
    license: Text | None = None
    source: Texts | None = None
    owner: Text | None = None
    access: Access | None = None
    crawler: Text | None = None
    opt_out_policy: Text | None = None
    opt_out_date: Text | None = None
    personal_data: Text | None = None
    purchase: Text | None = None
    first_use: Text | None = None
    url_field: Text | None = None
    visibility: Visibility = Visibility.PRIVATE
    role: Literal[Role.EVALUATION] | None = None
    keep: Truth = False
    passages: Annotated[int, Field(ge=8, le=1000)] | None = None
    no_passages: Truth = False

    @model_validator(mode="after")
    def _passages_or_none(self) -> Self:
        if self.no_passages and self.passages is not None:
            raise ValueError("`passages` and `no_passages` contradict each other")
        most = guaranteed_tokens(EVALUATION_WINDOW)
        if self.role is not None and (self.no_passages or (self.passages or 0) > most):
            which = "no_passages" if self.no_passages else "passages"
            raise ValueError(
                f"an evaluation set is found by any {most} tokens: leave out `{which}`"
            )
        return self

    def window(self) -> int | None:
        """Return what its passages are the least of, or None if it has none."""
        if self.no_passages:
            return None
        return WINDOW if self.passages is None else window_of(self.passages)

    def options(self) -> ReadOptions:
        """Return how its files become documents.

        Raises:
            InvalidInputError: Options that cannot stand together.
        """
        return ReadOptions(
            format=self.format,
            lines=self.lines,
            paragraphs=self.paragraphs,
            orient=self.orient,
            encoding=self.encoding,
            on_bad_input=self.on_bad_input,
            text_fields=tuple(self.text_field or ()),
            split_fields=tuple((self.split_field or {}).items()),
            origin_by_field=tuple((self.origin_by_field or {}).items()),
            origin_field=self.origin_field,
            origin_map=tuple((self.origin_map or {}).items()),
            generator_field=self.generator_field,
            language_field=self.language_field,
            date_fields=tuple((self.date_field or {}).items()),
        )

    def dates(self) -> tuple[DateInterval, ...]:
        """Return the dates of the whole dataset."""
        given = ((kind, getattr(self, kind)) for kind in DateKind)
        return tuple(DateInterval.parse(kind, text) for kind, text in given if text)


class SourcesFile(BaseModel):
    """What to register.

    Attributes:
        defaults: Keys that every source has unless it says otherwise; `null` there takes one back.
        sources: The sources, in order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: Annotated[list[Entry], Field(min_length=1)]
    defaults: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("sources"), list):
            return value
        defaults = value.get("defaults") or {}
        if not isinstance(defaults, dict):
            raise ValueError("`defaults` is not an object of keys")
        odd = sorted(set(defaults) - set(Entry.model_fields) | {"name", "paths"} & set(defaults))
        if odd:
            raise ValueError(f"`defaults` cannot have the key `{odd[0]}`")
        return {**value, "sources": [_joined(defaults, entry) for entry in value["sources"]]}

    @model_validator(mode="after")
    def _no_name_twice(self) -> Self:
        names = [entry.name for entry in self.sources]
        doubled = {name for name in names if names.count(name) > 1}
        if doubled:
            raise ValueError(f"`{min(doubled)}` is named twice; give all its paths in one source")
        return self


def _joined(defaults: dict[str, Any], entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {key: value for key, value in {**defaults, **entry}.items() if value is not None}


def parse(value: Any, *, name: str) -> SourcesFile:
    """Read a list of sources.

    Args:
        value: What a YAML or JSON parser returned.
        name: The file, for messages.

    Raises:
        InvalidInputError: With the place, what is wrong, and the nearest key.
    """
    if not isinstance(value, dict) or "sources" not in value:
        raise InvalidInputError(
            f"`{name}` is no list of sources: expected the key `sources`",
            hint="docs/sources.md has examples",
        )
    try:
        return SourcesFile.model_validate(value)
    except ValidationError as error:
        raise explained(
            error, name, what="a list of sources", page="docs/sources.md", keys=_known_keys
        ) from error


def _known_keys(path: tuple[int | str, ...]) -> list[str]:
    return list((Entry if path else SourcesFile).model_fields)
