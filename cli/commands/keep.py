"""`firsthand keep`: put the texts of a registered version into the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.output import block, clean, count, emit, json_option, plural, say, size
from cli.progress import progress_option, stages

if TYPE_CHECKING:
    from registry.keep import Kept


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@progress_option
@json_option
@click.pass_obj
def keep(home: str | None, ref: str, progress: str, as_json: bool) -> None:
    """Put the texts of a registered version into the vault, each checked against its hash.

    So they outlive their files. They are read again from where they were registered. An
    interrupted command goes on where it ended. What the vault has already is read and checked; if
    it is damaged, the texts are kept once more.
    """
    from cli.context import clock, opened, tidy
    from registry import keep as verb
    from registry.core.dataset import DatasetRef
    from registry.settings import actor

    wanted = DatasetRef.parse(ref)
    with opened(home) as registry:
        tidy(registry)
        with stages(progress) as on_progress:
            done = verb.version(
                registry.database,
                registry.store,
                wanted,
                kept_by=actor(),
                clock=clock,
                on_progress=on_progress,
            )
    if as_json:
        emit(_document(done))
        return
    for line in _screen(done):
        say(line)


def _document(done: Kept) -> dict[str, Any]:
    from registry.query.catalogue import ref_of

    return {
        "dataset": str(ref_of(done.version).dataset),
        "version": done.version.number,
        "outcome": str(done.outcome),
        "documents": done.documents,
        "bytes": done.bytes,
        "continued": done.continued,
        "base": done.base,
        "problems": list(done.problems),
    }


def _screen(done: Kept) -> list[str]:
    from registry.query.catalogue import ref_of

    ref = ref_of(done.version)
    said = {
        "kept": "the vault has its texts now",
        "unchanged": "the vault has its texts already; all of them were checked",
        "repaired": "kept once more, because what the vault had was damaged",
    }[str(done.outcome)]
    rows = [("Texts", f"{plural(done.documents, 'document')} · {size(done.bytes)}")]
    if done.continued:
        rows.append(("", f"{count(done.continued)} of them an interrupted command had kept"))
    if str(done.outcome) != "unchanged":
        rows.append(("Read from", clean(done.base)))
        rows.append(("Checked", "every text against the hash it was registered with"))
    rows += [("Damaged", clean(problem)) for problem in done.problems]
    rows.append(("Next", f"firsthand protect {ref.short}"))
    return [f"{ref}   {said}", *block(rows)]
