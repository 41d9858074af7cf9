"""What a registration gave, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cli.output import block, clean, count, not_valid, plural, say, size, tell
from cli.overlaps import inside_lines, overlap_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.register import Registration, Settled

MAX_TOLD: Final = 200


def document(done: Registration, *, dry_run: bool) -> dict[str, Any]:
    """Return a registration as the document that `register --json` prints."""
    from registry.query.catalogue import ref_of
    from registry.query.protection import lacking
    from registry.query.show import index_record

    version = done.version
    return {
        "dataset": str(ref_of(version).dataset),
        "version": version.number,
        "outcome": str(done.outcome),
        "role": None if done.role is None else str(done.role),
        "role_lacking": None if done.role is None else lacking(done.index),
        "dry_run": dry_run,
        "added": list(done.added),
        "documents": version.documents,
        "distinct": version.distinct,
        "exact_duplicates": version.exact_duplicates,
        "empty": version.empty,
        "bytes": version.bytes,
        "words": version.words,
        "content_root": version.content_root,
        "files": done.files,
        "reused_files": done.reused_files,
        "skipped": list(done.skipped),
        "bad_input": {"count": done.bad_count, "listed": list(done.bad_input)},
        "same_content": [str(other) for other in done.same_content],
        "index": index_record(done.index),
        "uncompacted": done.uncompacted,
        "known": done.known,
        "uncompared": done.uncompared,
        "returned": [
            {
                "withdrawal": it.withdrawal,
                "documents": it.documents,
                "erased": it.erased,
                "of": it.words,
            }
            for it in done.returned
        ],
    }


def show(done: Registration, *, dry_run: bool) -> None:
    """Print a registration."""
    from registry.query.catalogue import ref_of
    from registry.query.show import index_record

    version = done.version
    ref = ref_of(version)
    _tell_all([f"skipped {path}" for path in done.skipped], len(done.skipped))
    _tell_all([f"left out: {why}" for why in done.bad_input], done.bad_count)
    say(f"{ref}   {headline(done, dry_run=dry_run)}")
    lines = [
        (
            "Documents",
            f"{count(version.documents)} · {count(version.distinct)} distinct · "
            f"{plural(version.exact_duplicates, 'exact duplicate')} · {count(version.empty)} empty",
        ),
        ("Text", f"{size(version.bytes)} · {plural(version.words, 'word')}"),
        ("Read from", plural(done.files, "file") + _reused(done)),
        *_left_out(done),
        ("Content root", version.content_root),
        ("Index", index_in_words(index_record(done.index))),
        *_role(done),
        *_known(done),
    ]
    if done.same_content:
        names = ", ".join(other.short for other in done.same_content)
        lines.append(("Same content", f"{names}: these very documents, registered before"))
    for it in done.returned:
        several = plural(it.documents, "document")
        lines.append(("Withdrawn", f"! {several} with texts of {clean(it.words)}"))
    if dry_run:
        lines.append(("Next", "the same command without `--dry-run`"))
    else:
        lines.append(("Next", f"firsthand show {ref.short}"))
    for line in block(lines):
        say(line)
    tell_uncompacted(done)


def _role(done: Registration) -> list[tuple[str, str]]:
    """Return the role that was asked for, and what it promises and cannot keep."""
    from registry.query.protection import lacking

    if done.role is None:
        return []
    problem = lacking(done.index)
    return [("Role", str(done.role)), *([("", clean(f"but {problem}"))] if problem else [])]


def _known(done: Registration) -> list[tuple[str, str]]:
    """Return what is known already of the documents, conflicts first."""
    if done.known is None:
        return []
    inside = inside_lines(done.known["most_repeated"], done.known["contested"])
    rows = overlap_lines(done.known["overlaps"], done.version.documents, label="Known")
    return rows + [("" if number else "Within", line) for number, line in enumerate(inside)]


def index_in_words(record: dict[str, Any] | None) -> str:
    """Return how documents of a version are found: what `index_record` says, in words."""
    if record is None:
        return "found by content only; `firsthand index rebuild` makes MinHash signatures"
    words = f"{plural(record['sketched'], 'document')} sketched"
    if record["without_tokens"]:
        words += f" · {count(record['without_tokens'])} without tokens"
    if record["passages"] is None:
        return words + " · no passages"
    return words + f" · passages of {count(record['passages'])} tokens or more"


def tell_uncompacted(done: Registration) -> None:
    """Say why the index could not be compacted, if so; what is recorded is in it all the same."""
    if done.uncompared:
        tell(f"not compared with other datasets: {clean(done.uncompared)}")
        tell("hint: the documents are registered; the next registration compares them too")
    if done.uncompacted:
        tell(f"the index was not compacted: {clean(done.uncompacted)}")
        tell("hint: nothing is missing from it; `firsthand index compact` tries again")


def show_one_of_many(settled: Settled, *, dry_run: bool) -> None:
    """Print a line for one source of a list; what is wrong with it goes to stderr."""
    from registry.query.catalogue import ref_of

    if settled.registration is None:
        say(f"{clean(settled.entry.name)}   not registered")
        if settled.error is not None:
            tell(f"error: {clean(settled.entry.name)}: {clean(settled.error.message)}")
            if settled.error.hint:
                tell(f"hint: {clean(settled.error.hint)}")
        return
    done = settled.registration
    left = f" · {count(done.bad_count)} left out" if done.bad_count else ""
    what = "unchanged" if done.outcome == "unchanged" else headline(done, dry_run=dry_run)
    say(
        f"{ref_of(done.version)}   {what} · "
        f"{plural(done.version.documents, 'document')} · {size(done.version.bytes)}{left}"
    )
    tell_uncompacted(done)


def many_document(all_settled: Sequence[Settled], *, dry_run: bool) -> dict[str, Any]:
    """Return what came of a list as the document that `register --from --json` prints."""
    return {
        "sources": [
            {
                "name": settled.entry.name,
                "registration": None
                if settled.registration is None
                else document(settled.registration, dry_run=dry_run),
                "error": None
                if settled.error is None
                else {
                    "type": type(settled.error).__name__,
                    "message": settled.error.message,
                    "hint": settled.error.hint,
                },
            }
            for settled in all_settled
        ],
        "totals": totals(all_settled),
    }


def totals(all_settled: Sequence[Settled]) -> dict[str, int]:
    """Return what the sources of a list add up to."""
    done = [settled.registration for settled in all_settled if settled.registration is not None]
    return {
        "sources": len(all_settled),
        "registered": sum(it.outcome == "registered" for it in done),
        "added": sum(it.outcome == "added" for it in done),
        "unchanged": sum(it.outcome == "unchanged" for it in done),
        "failed": len(all_settled) - len(done),
        "documents": sum(it.version.documents for it in done),
        "bytes": sum(it.version.bytes for it in done),
    }


def show_totals(all_settled: Sequence[Settled]) -> None:
    """Print what the sources of a list add up to."""
    sums = totals(all_settled)
    parts = [
        f"{count(sums[key])} {word}"
        for key, word in (
            ("registered", "registered"),
            ("added", "added to"),
            ("unchanged", "unchanged"),
            ("failed", "failed"),
        )
        if sums[key]
    ]
    say(
        f"{plural(sums['sources'], 'source')}: {', '.join(parts)} · "
        f"{plural(sums['documents'], 'document')} · {size(sums['bytes'])}"
    )


def headline(done: Registration, *, dry_run: bool) -> str:
    """Return what a registration changed, or would."""
    if done.outcome == "registered":
        return "would be registered" if dry_run else "registered"
    if done.outcome == "unchanged":
        return "is this content already, with these claims: nothing to add"
    added = clean(", ".join(done.added))
    return f"is this content already; {'would add' if dry_run else 'added'}: {added}"


def _reused(done: Registration) -> str:
    if not done.reused_files:
        return ""
    some = "" if done.reused_files == done.files else f"{count(done.reused_files)} of them "
    return f", {some}not read again: unchanged"


def _tell_all(lines: list[str], total: int) -> None:
    for line in lines[:MAX_TOLD]:
        tell(clean(line))
    if total > MAX_TOLD:
        tell(f"and {count(total - MAX_TOLD)} more, see `--json`")


def _left_out(done: Registration) -> list[tuple[str, str]]:
    if not done.bad_count:
        return []
    return [("Left out", not_valid(done.bad_count))]
