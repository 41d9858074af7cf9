"""`firsthand log cosignatures …`: keep what witnesses say of the log."""

from __future__ import annotations

import click

from cli.files import given_bytes
from cli.output import block, clean, count, emit, json_option, plural, say


@click.command()
@click.argument("file", metavar="FILE")
@json_option
@click.pass_obj
def add(home: str | None, file: str, as_json: bool) -> None:
    """Take the cosignatures of a checkpoint of this registry's log, to publish them with it.

    FILE is what a witness gave back: a checkpoint that this registry signed, with more lines below
    it. Lines of witnesses that the registry trusts (`firsthand keys add --role witness`) are
    checked and kept; later proofs of that state carry them. Others say nothing.
    """
    from cli.context import clock, opened
    from registry import cosignatures
    from registry.core.note import MAX_NOTE
    from registry.home import log_origin

    data = given_bytes(file, "a cosigned checkpoint", limit=MAX_NOTE)
    with opened(home) as registry, registry.database.write() as session:
        origin = log_origin(registry.settings, session)
        done = cosignatures.add(session, data, origin=origin, now=clock())
    if as_json:
        emit(
            {
                "size": done.size,
                "added": list(done.added),
                "known": list(done.known),
                "unknown": list(done.unknown),
            }
        )
        return
    say(f"checkpoint of {count(done.size)} entries   {plural(len(done.added), 'cosignature')} new")
    rows = [("New", clean(name)) for name in done.added]
    rows += [("Known", clean(name)) for name in done.known]
    rows += [("Not trusted", clean(name)) for name in done.unknown if name != origin]
    for line in block(rows):
        say(line)


@click.command()
@json_option
@click.pass_obj
def listed(home: str | None, as_json: bool) -> None:
    """List which witnesses cosigned which checkpoint, and when."""
    from cli.context import opened
    from registry import cosignatures
    from registry.core.evidence import iso_time, to_micros

    with opened(home) as registry, registry.database.read() as session:
        rows = [
            {
                "size": row.checkpoint.size,
                "root": row.checkpoint.root,
                "witness": name,
                "keyid": row.keyid,
                "time": iso_time(to_micros(row.time)),
            }
            for row, name in cosignatures.every(session)
        ]
    if as_json:
        emit({"cosignatures": rows})
        return
    if not rows:
        say("no witness has cosigned a checkpoint of this registry yet")
    for item in rows:
        say(f"{item['size']:>12,}  {item['time']}  {clean(str(item['witness']))}")
