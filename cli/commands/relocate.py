"""`firsthand relocate`: the files of a version are somewhere else now."""

from __future__ import annotations

import click

from cli.output import clean, emit, json_option, plural, say


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@click.argument("target", metavar="NEW-URI")
@click.option("--check", is_flag=True, help="Read every text there and compare it with its hash.")
@json_option
@click.pass_obj
def relocate(home: str | None, /, *, ref: str, target: str, check: bool, as_json: bool) -> None:
    """Say where the files of a version are now: texts are read from there from then on.

    NEW-URI is the folder or prefix that the same file names are in, or the one file. They must be
    there with the sizes that they had. Where they were before stays on record.
    """
    import tempfile
    from pathlib import Path

    from cli.context import clock, opened
    from registry import lifecycle
    from registry.core.dataset import DatasetRef
    from registry.places import parse
    from registry.query.catalogue import ref_of
    from registry.settings import actor

    wanted, place = DatasetRef.parse(ref), parse(target)
    if isinstance(place, Path):
        place = place.absolute()
    with opened(home) as registry, tempfile.TemporaryDirectory() as scratch:
        done = lifecycle.relocate(
            registry.database,
            registry.store,
            wanted,
            place,
            relocated_by=actor(),
            scratch=Path(scratch),
            clock=clock,
            check=check,
        )
    name = ref_of(done.version)
    if as_json:
        emit(
            {
                "dataset": str(name.dataset),
                "version": name.version,
                "before": done.before,
                "base": done.base,
                "files": done.files,
                "checked": done.checked,
            }
        )
        return
    say(f"{name.short}   {plural(done.files, 'file')} read from {clean(done.base)} from now on")
    say(
        "every text was compared with its hash"
        if done.checked
        else "their sizes are those that were registered; their texts were not read  → --check"
    )
