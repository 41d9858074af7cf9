"""`firsthand whereis`: where a text comes from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import block, clean, count, emit, json_option, plural, probability, say, tell

if TYPE_CHECKING:
    from registry.query.whereis.question import Question

_SHOWN_WORDS = 300


@click.command()
@click.argument("text", required=False, metavar="TEXT|-")
@click.option("--file", "path", metavar="FILE", help="Ask about the text in this file.")
@click.option(
    "--hash", "digest", metavar="sha256:…", help="Ask about the text with this content hash."
)
@click.option(
    "--min-similarity",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    metavar="S",
    help="The smallest similarity of near matches, above 0 and up to 1.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="Show so many texts; of the others, say how many documents have them.",
)
@json_option
@click.pass_obj
def whereis(
    home: str | None,
    *,
    text: str | None,
    path: str | None,
    digest: str | None,
    min_similarity: float,
    limit: int,
    as_json: bool,
) -> None:
    """Say where a text comes from: equal or near documents, shared passages, who claims what.

    TEXT is a sentence or a page; `-` reads it from standard input. Equal documents are found
    without fail, similar ones with the probability that is printed, and passages of the length
    that is printed without fail. Nothing is recorded.

    The exit code is 0 also where nothing is found: this is a question, not a check. `found` in
    the JSON document tells the two apart. That nothing is found says nothing about who wrote it.
    """
    question = _question(text, path, digest)
    from cli.context import opened
    from registry.query.whereis.answer import answer_record, searched_record
    from registry.query.whereis.finder import Finder
    from registry.query.whereis.search import search

    with opened(home) as registry, registry.database.read() as session:
        from registry.core.caller import OPERATOR

        finder = Finder(registry.store)
        with finder.look(session, OPERATOR) as looking:
            (answer,), searched = search(
                looking, [question], min_similarity=min_similarity, limit=limit, thorough=True
            )
            record = answer_record(answer, searched) | {"searched": searched_record(searched)}
        finder.close()
    if as_json:
        emit(record)
        return
    for line in _screen(record):
        say(line)
    for line in _remarks(record):
        tell(line)


def _names_a_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _question(text: str | None, path: str | None, digest: str | None) -> Question:
    """Return what was asked, of which there is one thing only.

    Raises:
        InvalidInputError: It is empty, too large, not UTF-8, no hash, or cannot be read.
    """
    given = [
        name
        for name, it in (("TEXT", text), ("--file", path), ("--hash", digest))
        if it is not None
    ]
    if len(given) != 1:
        raise click.UsageError(
            f"{' and '.join(given)} are given, one of them is enough"
            if given
            else "no text is given: write one, or `-`, `--file` or `--hash`"
        )
    from registry.errors import InvalidInputError
    from registry.query.whereis.question import MOST_BYTES, Question

    if text is not None and text != "-" and _names_a_file(text):
        raise InvalidInputError(
            f"`{text}` is a file here, and was given as the text that is asked about",
            hint=f"ask about what is in it with `--file {text}`, or about these very words by "
            "writing them to standard input and `-`",
        )

    if digest is not None:
        return Question.of_hash(digest)
    if text is not None and text != "-":
        # What is no UTF-8 among the arguments stands as surrogates.
        raw = text.encode("utf-8", "surrogateescape")
        return Question.of_text(raw)
    if path is None:
        return Question.of_text(sys.stdin.buffer.read(MOST_BYTES + 1), name="standard input")
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(
            f"`{path}` cannot be read: {error.strerror or error}",
            hint="check the path and its permissions",
        ) from error
    return Question.of_text(raw, name=f"`{path}`")


def _screen(record: dict[str, Any]) -> list[str]:
    lines = []
    for number, match in enumerate(record["matches"], 1):
        lines.append(f"{number}. {_how(match)}")
        lines += block(_facts(match), indent="   ")
    lines += _rest(record)
    return lines


def _how(match: dict[str, Any]) -> str:
    if match["kind"] == "exact":
        return "exact: the same text, byte for byte"
    if match["kind"] == "normalised":
        return f"normalised: the same text {match['change']}"
    if match["kind"] == "near":
        return (
            f"near: similarity {match['similarity']:.2f} ± {match['standard_error']:.2f}"
            " (estimated)"
        )
    passage = match["passage"]
    if passage["compared"]:
        return f"passage: {plural(passage['tokens'], 'token')} in a row are the same"
    return (
        f"probable passage of about {plural(passage['tokens'], 'token')}: "
        f"{passage['pieces']} of {passage['of']} 8-token pieces agree; the text was not read"
    )


def _facts(match: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("Where" if not at else "", _where(place)) for at, place in enumerate(match["places"])]
    if match["more_documents"]:
        rows.append(("", f"and {plural(match['more_documents'], 'document')} more"))
    passage = match["passage"]
    if passage is not None and passage["words"] is not None:
        words = " ".join(passage["words"].split())
        rows.append(("Shared", f"“{clean(words, limit=_SHOWN_WORDS)}”"))
    rows.append(("Origin", _origin(match)))
    for conflict in match["conflicts"]:
        rows += _conflict(conflict)
    # Only the same bytes say since when the text that was asked about exists.
    label = "First seen" if match["kind"] == "exact" else "Earliest"
    rows.append((label, _earliest(match)))
    rows.append(("License", _named(match, "licenses") or "none is claimed"))
    languages = _named(match, "languages")
    if languages:
        rows.append(("Language", languages))
    rows += _snapshots(match)
    return rows


def _ref(item: dict[str, Any]) -> str:
    return f"{item['dataset'].removeprefix('local/')}@{item['version']}"


def _where(place: dict[str, Any]) -> str:
    source = f"{clean(place['base'])}/{clean(place['file'])}, record {count(place['record'])}"
    several = "" if place["documents"] == 1 else f" and {count(place['documents'] - 1)} more"
    return f"{_ref(place)}, document {count(place['row'])}{several} ({source})"


def _origin(match: dict[str, Any]) -> str:
    generators = sorted({name for place in match["places"] for name in place["generators"]})
    by = f" ({clean(', '.join(generators))})" if generators else ""
    kinds = {place["origin"] for place in match["places"]}
    if len(kinds) == 1:
        return f"{match['origin']}{by}, as far as anybody claims"
    each = " · ".join(f"{place['origin']} in {_ref(place)}" for place in match["places"])
    return f"{match['origin']}{by}, the most cautious of: {each}"


def _conflict(conflict: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for side in conflict["sides"]:
        generators = f" ({clean(', '.join(side['generators']))})" if side["generators"] else ""
        basis = {"correction": ", corrected", "generator": ", its record names a generator"}.get(
            side["basis"] or "", ""
        )
        if side["basis"] == "lineage":
            basis = ", generated from another version"
        rows.append(
            (
                "" if rows else "Conflict",
                f"{conflict['property']}: {clean(', '.join(side['says']))}{generators} says "
                f"{clean(', '.join(side['claimed_by']))} of {_ref(side)}{basis}",
            )
        )
    return rows


def _earliest(match: dict[str, Any]) -> str:
    date = match["earliest"]
    if date is None:
        return "no date is claimed (E0)"
    begin, end = (date["not_before"] or "")[:10], date["not_after"][:10]
    when = f"on {end}" if begin == end else f"between {begin} and {end}" if begin else f"by {end}"
    by = clean(", ".join(date["claimed_by"]))
    return f"{when} ({date['grade']}), says {by} of {_ref(date)}"


def _named(match: dict[str, Any], key: str) -> str:
    each = {_ref(place): clean(" AND ".join(place[key])) for place in match["places"] if place[key]}
    if len(set(each.values())) <= 1:
        return next(iter(each.values()), "")
    return " · ".join(f"{name} in {ref}" for ref, name in each.items())


def _snapshots(match: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for place in match["places"]:
        for item in place["snapshots"]:
            has = (
                f"has all documents of {_ref(place)}, so this text too"
                if item["has_text"]
                else f"has {plural(item['documents'], 'document')} of {_ref(place)}"
            )
            rows.append(
                (
                    "" if rows else "Snapshots",
                    f"{item['snapshot_root'][:16]}… {has}, issued {item['issued_at'][:10]}",
                )
            )
        if place["more_snapshots"]:
            rows.append(("", f"and {place['more_snapshots']:,} more of {_ref(place)}"))
    return rows


def _rest(record: dict[str, Any]) -> list[str]:
    """Return what else matches, or that nothing does, and what was searched."""
    searched = record["searched"]
    near, passages = searched["near"], searched["passages"]
    parts = []
    if record["question"]["tokens"] is not None:
        if near["documents"]:
            parts.append(
                f"near: recall {probability(near['recall'])} at {near['min_similarity']:g}"
            )
        if passages["documents"]:
            parts.append(f"passages ≥ {passages['guaranteed_tokens']} tokens guaranteed")
    how = f" ({' · '.join(parts)})" if parts else ""
    among = f"in {plural(searched['documents'], 'document')}{how}"
    if not record["found"]:
        # Part of the answer, and not a message beside it: nobody is to read one without the other.
        return [f"no match {among}", "that says nothing about who or what wrote the text"]
    kinds = {
        "exact": "equal",
        "normalised": "normalised",
        "near": "near",
        "passage": "by a passage",
    }
    more = [f"{count(number)} {kinds[kind]}" for kind, number in record["more"].items() if number]
    found = plural(len(record["matches"]), "text matches", "texts match")
    lines = [f"{found} {among}"]
    if more:
        left = plural(sum(record["more"].values()), "document")
        lines.append(f"not shown: {left} ({' · '.join(more)}); raise `--limit` to see more")
    return lines


def _remarks(record: dict[str, Any]) -> list[str]:
    """Return what could not be searched."""
    searched, tokens = record["searched"], record["question"]["tokens"]
    lines = []
    if tokens is None:
        lines.append("by a hash alone, only exact matches can be found")
    elif tokens < 8:
        lines.append(
            "in a text of fewer than 8 tokens no passage can be found, only documents that are "
            "equal or nearly so as a whole"
        )
    if tokens is not None:
        for kind, what in (("near", "sketches"), ("passages", "passages")):
            left = searched["documents"] - searched[kind]["documents"]
            if left:
                lines.append(
                    f"{plural(left, 'document')} could only be compared as a whole: no {what} of "
                    "them are in the index (`firsthand index rebuild`)"
                )
    if searched["not_indexed"]:
        left = plural(searched["not_indexed"], "document is", "documents are")
        were = "was" if searched["not_indexed"] == 1 else "were"
        lines.append(f"{left} not in the index and {were} gone through (`firsthand index rebuild`)")
    return lines
