"""`firsthand index status`, `compact`, `rebuild` and `verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.output import block, clean, count, emit, json_option, plural, progress, say, size, tell

if TYPE_CHECKING:
    from registry.reindex import Checked, Rebuilt, Status


@click.command()
@json_option
@click.pass_obj
def status(home: str | None, as_json: bool) -> None:
    """Say what is in the index, what it takes on disk, and which documents are not in it."""
    from cli.context import opened
    from registry import reindex

    with opened(home) as registry:
        found = reindex.status(registry.database, registry.store)
    if as_json:
        emit(_status(found))
        return
    lines = [("documents", count(found.documents))]
    for kind in found.kinds:
        per = f", {kind.bytes / kind.documents:,.1f} bytes a document" if kind.documents else ""
        lines.append(
            (
                kind.kind,
                f"{plural(kind.documents, 'document')}, "
                f"{plural(kind.entries, 'entry', 'entries')} in {plural(kind.files, 'file')}, "
                f"{size(kind.bytes)}{per}",
            )
        )
        if kind.kind == "sketches" and kind.entries < kind.documents:
            left = plural(kind.documents - kind.entries, "document")
            lines.append(("", f"{left} without a word: only equal ones are found"))
    for line in block(lines):
        say(line)
    for one in found.missing:
        say(
            f"not indexed: {plural(one.documents, 'document')} of {one.ref.short} "
            f"by {', '.join(one.kinds)}: {clean(one.why)}"
        )
    for problem in found.damaged:
        say(f"damaged: {clean(problem)}")
    if found.documents and not found.missing and not found.damaged:
        say("all documents are indexed; `firsthand index verify` reads every block")
    if found.missing or found.damaged:
        tell("hint: run `firsthand index rebuild`")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Merge all that fits together.")
@json_option
@click.pass_obj
def compact(home: str | None, everything: bool, as_json: bool) -> None:
    """Merge small files of the index; registrations do so too. Nobody who reads it waits."""
    from cli.context import clock, opened, tidy
    from registry import merging

    with opened(home) as registry:
        tidy(registry)
        done = merging.compact(
            registry.database, registry.store, clock=clock, everything=everything
        )
    if done.problem is not None:
        raise done.problem
    if as_json:
        emit({"merged": done.merged, "made": done.made, "busy": done.busy})
    elif done.busy:
        say("another command is at work on the index; nothing was done")
    elif not done.merged:
        say("nothing to merge")
    else:
        say(f"{plural(done.merged, 'file')} became {count(done.made)}")


@click.command()
@click.option(
    "--sketches",
    is_flag=True,
    help="Sketch all documents again from their texts, also those whose sketches are whole.",
)
@json_option
@click.pass_obj
def rebuild(home: str | None, sketches: bool, as_json: bool) -> int:
    """Make the index anew from document tables and sketches; until it is done, the old one answers.

    Documents without sketches, registered by an earlier release, and those whose sketches are
    damaged are sketched again from their texts: the vault, or the files they were registered
    from. What was sketched stays when this is interrupted. Texts that cannot be had are named,
    and the rest goes on.

    Exit codes: 0 everything is indexed, 3 something could not be read.
    """
    from cli.context import clock, opened
    from registry import reindex

    with opened(home) as registry, progress("indexing") as watch:

        def update(now: reindex.Progress) -> None:
            if watch is not None and now.total:
                watch(now.documents, now.total)

        done = reindex.rebuild(
            registry.database, registry.store, clock=clock, sketches=sketches, on_progress=update
        )
    if as_json:
        emit(_rebuilt(done))
    else:
        say(
            f"{plural(done.documents, 'document')} in {plural(done.segments, 'file')}; "
            f"{count(done.sketched)} sketched again"
        )
        for one in done.unreadable:
            say(f"not indexed: {plural(one.documents, 'document')} of {one.ref.short}")
            say(f"  {clean(one.message)}")
            if one.hint:
                say(f"  {clean(one.hint)}")
    return 3 if done.unreadable else 0


@click.command()
@json_option
@click.pass_obj
def verify(home: str | None, as_json: bool) -> int:
    """Read every block of the index, and compare its entries with document tables and sketches.

    Exit codes: 0 all is as it should be, 3 something is damaged: which file, and the remedy.
    """
    import numpy as np

    from cli.context import opened
    from registry import reindex

    with opened(home) as registry, progress("verifying") as watch:
        done = reindex.check(
            registry.database, registry.store, rng=np.random.default_rng(), on_progress=watch
        )
    if as_json:
        emit(_checked(done))
    else:
        for problem in done.problems:
            say(f"{clean(problem.name)}: {clean(problem.message)}")
            say(f"  {clean(problem.hint)}")
        if not done.problems:
            say(
                f"{plural(done.files, 'file')}, {size(done.bytes)}, "
                f"{plural(done.entries, 'entry', 'entries')} of content, bands and passages: "
                "all as they should be"
            )
        if done.not_indexed:
            say(
                f"{plural(done.not_indexed, 'document')} not indexed; "
                "`firsthand index status` says which"
            )
    return 3 if done.problems else 0


def _status(found: Status) -> dict[str, Any]:
    return {
        "documents": found.documents,
        "not_indexed": found.not_indexed,
        "kinds": [
            {
                "kind": one.kind,
                "files": one.files,
                "documents": one.documents,
                "entries": one.entries,
                "bytes": one.bytes,
                "bytes_per_document": round(one.bytes / one.documents, 2)
                if one.documents
                else None,
            }
            for one in found.kinds
        ],
        "missing": [
            {
                "ref": str(one.ref),
                "location": one.base,
                "documents": one.documents,
                "kinds": [str(kind) for kind in one.kinds],
                "why": one.why,
            }
            for one in found.missing
        ],
        "damaged": list(found.damaged),
    }


def _rebuilt(done: Rebuilt) -> dict[str, Any]:
    return {
        "documents": done.documents,
        "sketched": done.sketched,
        "segments": done.segments,
        "unreadable": [
            {
                "ref": str(one.ref),
                "documents": one.documents,
                "message": one.message,
                "hint": one.hint,
            }
            for one in done.unreadable
        ],
    }


def _checked(done: Checked) -> dict[str, Any]:
    return {
        "files": done.files,
        "bytes": done.bytes,
        "entries": done.entries,
        "not_indexed": done.not_indexed,
        "problems": [
            {"name": one.name, "message": one.message, "hint": one.hint} for one in done.problems
        ],
    }
