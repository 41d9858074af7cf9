"""Conflicts and disputes, in lines for people."""

from __future__ import annotations

from typing import Any, Final

from cli.output import clean, count, plural

MAX_SHOWN: Final = 10


def conflict_lines(found: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """Return the conflicts that a version has a side in, numbered.

    Args:
        found: How many there are, and those that are listed.
        name: The version.
    """
    rows = [("", line) for item in found["listed"][:MAX_SHOWN] for line in in_words(item)]
    if not rows:
        return []
    short = name.removeprefix("local/")
    if found["count"] > MAX_SHOWN:
        rows.append(
            ("", f"and {count(found['count'] - MAX_SHOWN)} more: firsthand conflicts {short}")
        )
    head = ("Conflicts", f"{count(found['count'])}, numbered as in `firsthand conflicts {short}`")
    return [head, *rows]


def in_words(item: dict[str, Any]) -> list[str]:
    """Return a conflict, with what both sides say."""
    own = item["claims"] is not None
    there = item["there"]
    with_whom = (
        f"claims {item['claims'][0]} and {item['claims'][1]}"
        if own
        else f"= {there['dataset'].removeprefix('local/')}@{there['version']}"
    )
    lines = [f"! {item['number']}  {item['property']}: {plural(item['texts'], 'text')} {with_whom}"]
    sides = ("", "") if own else ("here: ", "there: ")
    for case in item["cases"]:
        lines.append(
            f"     {sides[0]}{clean(case['here'])} · {sides[1]}{clean(case['there'])}"
            + ("" if own else f" ({plural(case['texts'], 'text')})")
        )
    rest = item["texts"] - sum(case["texts"] for case in item["cases"])
    if rest > 0:
        lines.append(f"     otherwise for {plural(rest, 'text')}")
    return lines


def dispute_lines(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the open disputes about a version."""
    open_ones = [item for item in record["disputes"] if item["state"] == "open"]
    if not open_ones:
        return []
    rows = [("", line) for item in open_ones for line in dispute_in_words(item)]
    head = (
        "Disputes",
        f"{count(len(open_ones))} open: the more cautious side counts until resolved",
    )
    return [head, *rows]


def dispute_in_words(item: dict[str, Any]) -> list[str]:
    """Return a dispute in lines."""
    from registry.query.words import claim_in_words

    against = "what was said" if item["challenged"] is None else f"claim {item['challenged']}"
    scope = "all documents" if item["texts"] is None else plural(item["texts"], "text")
    number = item["id"] or item["number"]
    lines = [
        f"! {number}  {item['property']} {clean(claim_in_words(item))} for {scope}, "
        f"against {against}; {item['state']}",
        f"     {clean(item['opened_by'])}, {item['opened_at'][:10]}: {clean(item['reason'])}",
    ]
    if item["evidence"]:
        lines.append(f"     evidence {item['evidence'][:16]}…")
    made = item["resolution"]
    if made is not None:
        lines.append(
            f"     {made['outcome']} by {clean(made['resolved_by'])} as {clean(made['role'])}, "
            f"{made['resolved_at'][:10]}: {clean(made['reason'])}"
        )
    return lines
