"""Which fields are the text, as far as one can tell by looking, and what else the data may say.

A guess is about texts only. What made them is never guessed: options that say an origin are shown
as something to fill in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from registry.core.dataset import Origin
from registry.core.evidence import instant_range
from registry.core.source import Format, Orient, ReadOptions
from registry.errors import InvalidInputError
from registry.inspect.report import FieldSeen, Guess, Shape, Suggestion

PROMPTS: Final = ("system", "instruction", "input", "context", "prompt", "question", "query")
ASKING: Final = frozenset({"instruction", "prompt", "question", "query"})
ANSWERS: Final = (
    "output", "response", "completion", "answer", "canonical_solution", "reply", "target",
)  # fmt: skip
NAMES: Final = (
    "text", "content", "body", "document", "article", "passage", "paragraphs", "paragraph",
    "story", "poem", "abstract", "sentence", "transcript", "raw_content", "raw_text",
)  # fmt: skip
_ORIGINS: Final = frozenset(
    {"label", "origin", "fake", "generated", "is_ai", "ai", "human", "is_human", "author_type"}
)
_GENERATORS: Final = frozenset({"model", "generator", "model_name", "llm", "generated_by"})
_LANGUAGES: Final = frozenset({"lang", "language", "locale", "language_code"})
_URLS: Final = frozenset({"url", "uri", "link", "source_url", "permalink"})
_DATES: Final = re.compile(
    r"date|time|year|created|published|_at$|updated|written|captured", re.IGNORECASE
)
_IDS: Final = re.compile(r"(^|[_.\-])(id|uuid|guid|key|hash|sha1|sha256|md5)$|^_?id", re.IGNORECASE)
_SPLITS: Final = frozenset(
    {"train", "training", "test", "valid", "validation", "val", "dev", "eval"}
)
_FEW: Final = 12
_DOMINATES: Final = 3
_REPEATED: Final = 0.5


def of_records(shape: Shape, options: ReadOptions, format: Format) -> Guess | None:
    """Guess which fields are the text; None where no field can be it."""
    fields = [field for field in shape.fields if _can_be_named(field.path)]
    texts = [field for field in fields if _is_text(field) and field.files == shape.files]
    made = _text(shape, texts, options, format) or _text(
        shape, [field for field in fields if _is_text(field)], options, format
    )
    if made is None:
        only = [field.path for field in shape.fields if _is_text(field)]
        if len(only) != 1 or not only[0].isprintable():
            return None
        made = Guess(options, f"`{only[0]}` is the only field of text, and taken without its name")
    return replace(made, added=tuple(_added(shape, made.options, format)))


def of_texts(names: Sequence[str], lines: int, blank: bool, options: ReadOptions) -> Guess:
    """Guess whether text files are documents, or their lines are.

    Args:
        names: The names of the files.
        lines: Their lines that are not blank.
        blank: Whether some lines are.
        options: What is known.
    """
    others = (
        Suggestion(("--lines",), "if each line is a document"),
        Suggestion(("--paragraphs",), "if documents are separated by blank lines"),
    )
    whole = Suggestion((), "if each file is one document")
    average = lines / max(len(names), 1)
    splits = [name for name in names if set(re.split(r"[^a-z]+", name.lower())) & _SPLITS]
    if len(splits) == len(names) and average >= 20:
        reason = f"`{splits[0]}` is named as a part of a corpus, not as a document: a line is one"
        return Guess(replace(options, lines=True), reason, (whole, others[1]))
    if len(names) == 1 and average >= 20 and not blank:
        reason = "one file of many lines, none of them blank: a line is a document"
        return Guess(replace(options, lines=True), reason, (whole, others[1]))
    return Guess(options, "each text file is a document, exactly as it is", others)


def _text(
    shape: Shape, texts: list[FieldSeen], options: ReadOptions, format: Format
) -> Guess | None:
    by_path = {field.path: field for field in texts}
    if format is Format.WARC:
        return Guess(options, "the text of each record of a web archive")
    if "text" in by_path:
        return Guess(options, "there is a field `text`", tuple(_others(texts, ("text",))))
    if talk := _conversation(by_path, options):
        return talk
    if asked := _answered(shape, by_path, options):
        return asked
    for name in NAMES:
        if name in by_path:
            chosen = replace(options, text_fields=(name,))
            return Guess(chosen, f"a field called `{name}`", tuple(_others(texts, (name,))))
    return _longest(shape, texts, options)


def _conversation(by_path: dict[str, FieldSeen], options: ReadOptions) -> Guess | None:
    for path in by_path:
        found = re.fullmatch(r"(.+)\[-1\]\.(content|value|text)", path)
        if found is None:
            continue
        first = f"{found[1]}[0].{found[2]}"
        each = f"{first}=ORIGIN,{path}=ORIGIN"
        return Guess(
            replace(options, text_fields=(path,)),
            f"`{found[1]}` is a conversation; this is its last message, the others are not read",
            (
                Suggestion(("--text-field", first), "the first message"),
                Suggestion(
                    ("--split-field", each),
                    "both as documents of their own, if you know what made each",
                ),
            ),
        )
    return None


def _answered(shape: Shape, by_path: dict[str, FieldSeen], options: ReadOptions) -> Guess | None:
    """Find prompts and what answers them."""
    prompts = [name for name in PROMPTS if name in by_path]
    answer = next((name for name in ANSWERS if name in by_path), None)
    asked = next((name for name in prompts if name in ASKING), None)
    if answer is None or asked is None:
        return None
    together = (*prompts, answer)
    joined = ",".join(together)
    origins = ",".join(f"{name}=ORIGIN" for name in together)
    ways = [
        Suggestion(("--origin-by-field", origins), "if you know what made each part"),
        Suggestion(("--split-field", origins), "each part as a document of its own"),
    ]
    field = by_path[asked]
    if field.distinct < _REPEATED * field.records:
        return Guess(
            replace(options, text_fields=(answer,)),
            f"`{answer}` answers `{asked}`, and the same ones are asked again and again",
            (Suggestion(("--text-field", joined), "prompt and answer together"), *ways),
        )
    return Guess(
        replace(options, text_fields=together),
        f"`{answer}` answers `{asked}`: together they are one document",
        (*(Suggestion(("--text-field", name), "that part only") for name in (answer,)), *ways),
    )


def _longest(shape: Shape, texts: list[FieldSeen], options: ReadOptions) -> Guess | None:
    if not texts:
        return None
    if len(texts) == 1:
        path = texts[0].path
        fields = [field for field in shape.fields if _is_text(field)]
        every = "" if len(fields) == 1 else " that every file has and that can be named"
        reason = f"`{path}` is the only field of text{every}"
        return Guess(replace(options, text_fields=(path,)), reason)
    prose = [field for field in texts if _is_prose(field)]
    by_length = sorted(prose or texts, key=lambda field: -(field.words or 0))
    first = by_length[0]
    near = [field for field in prose if (field.words or 0) * _DOMINATES >= (first.words or 0)]
    if len(near) < 2:
        chosen = replace(options, text_fields=(first.path,))
        reason = f"`{first.path}` has the longest texts, {first.words} words on average"
        return Guess(chosen, reason, tuple(_others(texts, (first.path,))))
    paths = [field.path for field in near]
    unknown = replace(options, split_fields=tuple((path, Origin.UNKNOWN) for path in paths))
    return Guess(
        unknown,
        f"{len(paths)} fields hold texts of like length: each is a document, of unknown origin",
        (
            Suggestion(
                ("--split-field", ",".join(f"{path}=ORIGIN" for path in paths)),
                "the same documents, if you know what made each",
            ),
            Suggestion(("--text-field", ",".join(paths)), "all of a record as one document"),
        ),
    )


def _others(texts: list[FieldSeen], chosen: tuple[str, ...]) -> Iterator[Suggestion]:
    prose = [field for field in texts if field.path not in chosen and _is_prose(field)]
    for field in prose[:3]:
        yield Suggestion(("--text-field", field.path), f"{field.words} words on average")


# What the data may say besides


def _added(shape: Shape, options: ReadOptions, format: Format) -> Iterator[Suggestion]:
    used = {path for path, _ in options.split_fields} | set(options.text_fields)
    free = [field for field in shape.fields if _can_be_named(field.path) and field.path not in used]
    for field in free:
        leaf = field.path.rpartition(".")[2].lower()
        if not options.split_fields and (found := _says_origin(field, leaf)):
            yield found
        elif leaf in _GENERATORS and _has(field, "text"):
            yield Suggestion(("--generator-field", field.path), "if it names the model")
        elif leaf in _LANGUAGES and _has(field, "text"):
            yield Suggestion(("--language-field", field.path), "if it names the language")
        elif leaf in _URLS and _has(field, "text"):
            yield Suggestion(("--url-field", field.path), "if it is where the text came from")
    for path in date_fields(shape):
        kind = "captured" if format is Format.WARC and path == "date" else "KIND"
        why = "when the crawler fetched it" if kind == "captured" else (
            "KIND is authored, published, captured or collected"
        )  # fmt: skip
        yield Suggestion(("--date-field", f"{kind}={path}"), why)


def _says_origin(field: FieldSeen, leaf: str) -> Suggestion | None:
    if not 1 <= field.distinct <= _FEW or len(field.examples) < min(field.distinct, 3):
        return None
    words = {origin.value for origin in Origin}
    kinds = set(field.types) - {"null"}
    if not kinds or not kinds <= {"text", "whole number", "truth value"}:
        return None
    if set(field.examples) <= words and field.distinct <= len(words):
        return Suggestion(("--origin-field", field.path), "its values are words for origins")
    if leaf not in _ORIGINS or any("," in value or "=" in value for value in field.examples):
        return None
    values = [value.lower() if "truth value" in kinds else value for value in field.examples]
    mapped = ",".join(f"{value}=ORIGIN" for value in values)
    if field.distinct > len(field.examples):
        mapped += ",…"
    return Suggestion(
        ("--origin-field", field.path, "--origin-map", mapped),
        "if it says what made the text; what its values mean, only you can know",
    )


def date_fields(shape: Shape) -> list[str]:
    """Return the fields that seem to hold dates, at most five."""
    found = []
    for field in shape.fields:
        kinds = set(field.types) - {"null"}
        named = bool(_DATES.search(field.path.rpartition(".")[2]))
        if not kinds or not _can_be_named(field.path):
            continue
        stored = kinds <= {"time", "date"}
        written = kinds <= {"text"} or (kinds <= {"whole number"} and named)
        if stored or (written and field.examples and all(map(_is_date, field.examples))):
            found.append(field.path)
    return found[:5]


def id_field(shape: Shape) -> str | None:
    """Return the field that seems to identify a record."""
    for field in shape.fields:
        kinds = set(field.types) - {"null"}
        fits = kinds and kinds <= {"text", "whole number"} and _can_be_named(field.path)
        if fits and _IDS.search(field.path) and field.distinct * 4 > field.records:
            return field.path
    return None


def _is_date(value: str) -> bool:
    if not re.match(r"\d{4}(\D|$)", value):
        return False
    try:
        instant_range(value)
    except InvalidInputError:
        return False
    return True


def _has(field: FieldSeen, kind: str) -> bool:
    return set(field.types) - {"null"} == {kind}


def _is_text(field: FieldSeen) -> bool:
    kinds = set(field.types) - {"null"}
    return bool(kinds) and kinds <= {"text", "list of texts"}


def _is_prose(field: FieldSeen) -> bool:
    leaf = field.path.rpartition(".")[2].lower()
    if leaf in _URLS or _IDS.search(field.path) or (field.words or 0) < 3:
        return False
    return field.distinct * 4 > field.records and not all(map(_is_date, field.examples))


def _can_be_named(path: str) -> bool:
    """Return whether the command line can name a field: commas and equal signs mean something."""
    return path.isprintable() and path == path.strip() != "" and not re.search(r"[,=]", path)


def flags(options: ReadOptions) -> tuple[str, ...]:
    """Return the words that say these options to `register`."""
    words: list[str] = []
    if options.format is not None:
        words += ["--format", str(options.format)]
    words += ["--lines"] if options.lines else []
    words += ["--paragraphs"] if options.paragraphs else []
    if options.orient is not Orient.RECORDS:
        words += ["--orient", str(options.orient)]
    if options.encoding is not None:
        words += ["--encoding", options.encoding]
    if options.text_fields:
        words += ["--text-field", ",".join(options.text_fields)]
    if options.split_fields:
        pairs = ",".join(f"{path}={origin}" for path, origin in options.split_fields)
        words += ["--split-field", pairs]
    return tuple(words)
