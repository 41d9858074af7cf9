"""What is already known of a version's documents, in lines for people."""

from __future__ import annotations

from typing import Any, Final

from cli.output import clean, count, plural

MAX_SHOWN: Final = 20
_WIDTH: Final = 10


def overlap_lines(record: dict[str, Any], documents: int, *, label: str) -> list[tuple[str, str]]:
    """Return what other datasets have of a version's documents, conflicts first.

    Args:
        record: What `registry.query.overlaps.overlap_records` returned.
        documents: How many documents the version has.
        label: What stands before the first line.
    """
    rows: list[tuple[str, str]] = []
    for found in record["listed"][:MAX_SHOWN]:
        rows.append(("", _sentence(found, documents)))
        rows += [("", f"  {line}") for line in _conflicts(found)]
    rest = record["count"] - MAX_SHOWN
    if rest > 0:
        rows.append(("", f"and {plural(rest, 'more overlap')}, see `--json`"))
    if any(found["conflicts"] for found in record["listed"]):
        rows.append(
            ("", "  both sides keep their claims; a text that either calls not human is not human")
        )
    return [(label, rows[0][1]), *rows[1:]] if rows else []


def inside_lines(repeated: dict[str, Any] | None, contested: dict[str, int]) -> list[str]:
    """Return what a version's own records say twice, or differently."""
    lines = []
    if repeated is not None and repeated["documents"] > 2:
        names = ", ".join(repeated["generators"])
        by = f", by {clean(names)}" if names else ""
        lines.append(
            f"{count(repeated['documents'])} documents are one identical text{by} "
            f"(first: document {count(repeated['row'] + 1)}, in {clean(repeated['file'])})"
        )
    if contested["texts"]:
        lines.append(
            f"{plural(contested['texts'], 'text is', 'texts are')} labelled human in one record "
            "and not in another: not human for plans"
        )
    return lines


def _sentence(found: dict[str, Any], documents: int) -> str:
    some = found["documents"]
    whose = f"{clean(found['dataset'].removeprefix('local/'))}@{found['version']}"
    how = "also in" if found["kind"] == "exact" else "nearly the same as documents of"
    # Of near ones the number of texts is that of one side only, and not always of this one.
    same = found["kind"] != "exact" or found["texts"] == some
    texts = "" if same else f" ({plural(found['texts'], 'different text')})"
    return f"{count(some)} of {plural(documents, 'document')} {_is(some)} {how} {whose}{texts}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _conflicts(found: dict[str, Any]) -> list[str]:
    lines = []
    for one in found["conflicts"]:
        for case in one["cases"]:
            lines.append(
                f"{one['property']:<{_WIDTH}} {clean(case['here'])} here, "
                f"{clean(case['there'])} there ({plural(case['texts'], 'text')})"
            )
        rest = one["texts"] - sum(case["texts"] for case in one["cases"])
        if rest > 0:
            lines.append(f"{one['property']:<{_WIDTH}} otherwise for {plural(rest, 'text')}")
    return lines
