"""`firsthand log checkpoint`, `show`, `fsck`, `publish` and `recover`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from cli.output import block, clean, count, emit, json_option, plural, say, tell
from cli.signed_log import advance, checkpoint_of, note_of, size_with

if TYPE_CHECKING:
    from cli.context import Opened
    from registry.checkpoints import Recovery


@click.command()
@json_option
@click.pass_obj
def checkpoint(home: str | None, as_json: bool) -> None:
    """Sign the log as it is now, if there is news, and print the checkpoint.

    The checkpoint is a signed note: the log's name, how many entries it has, their root, and
    below the signatures of the log and of its witnesses. The files that belong to it are in the
    folder `log` of the registry's home.

    Exit codes: 0 signed, 3 the log is not what was signed before (E_ROLLBACK).
    """
    from cli.context import opened
    from registry.core.evidence import iso_time, to_micros

    with opened(home) as registry:
        row = advance(registry)
        note = note_of(registry, row)
    if as_json:
        found = checkpoint_of(note)
        emit(
            {
                "origin": found.origin,
                "size": found.size,
                "root": found.root.hex(),
                "signed_at": iso_time(to_micros(row.signed_at)),
                "note": note.decode("utf-8"),
            }
        )
        return
    say(note.decode("utf-8").rstrip("\n"))


@click.command()
@click.argument("position", metavar="N", type=click.IntRange(min=0))
@json_option
@click.pass_obj
def show(home: str | None, position: int, as_json: bool) -> int:
    """Show an entry of the log, and whether the rows that it binds are as they were.

    N counts from 0.

    Exit codes: 0 all rows are as they were logged, 3 they are not.
    """
    from cli.context import opened
    from registry import ledger
    from registry.core.entry import parse_leaf
    from registry.core.evidence import iso_time, to_micros
    from registry.core.merkle import leaf_hash
    from registry.db.models import LogEntry
    from registry.errors import NotFoundError

    with opened(home) as registry, registry.database.read() as session:
        row = session.get(LogEntry, position)
        if row is None:
            raise NotFoundError(
                f"the log has no entry {position}",
                hint=f"it has {ledger.size(session):,} entries, counted from 0",
            )
        entry = parse_leaf(row.leaf)
        rows = ledger.bound_by(session, position, entry)
        signed = size_with(registry, position)
    time = iso_time(to_micros(entry.time))
    if as_json:
        emit(
            {
                "position": position,
                "kind": entry.kind,
                "time": time,
                "facts": dict(entry.facts),
                "rows": [
                    item.binding.to_json() | {"problem": item.problem, "excused": item.excused}
                    for item in rows
                ],
                "leaf_hash": leaf_hash(row.leaf).hex(),
                "checkpoint": signed,
            }
        )
    else:
        lines = [("entry", f"{position}  {clean(entry.kind)}"), ("time", time)]
        lines += [("facts", f"{clean(k)}: {clean(str(v))}") for k, v in entry.facts.items()][:1]
        lines += [("", f"{clean(k)}: {clean(str(v))}") for k, v in entry.facts.items()][1:]
        said = "as it was logged"
        for number, item in enumerate(rows):
            name = f"{item.binding.table} row {item.binding.id}"
            lines.append(("" if number else "rows", f"{name}: {item.problem or said}"))
        where = f"in the checkpoint of {count(signed)}" if signed else "in no checkpoint yet"
        for line in block([*lines, ("signed", where)]):
            say(line)
    return 3 if any(item.problem and not item.excused for item in rows) else 0


@click.command()
@json_option
@click.pass_obj
def fsck(home: str | None, as_json: bool) -> int:
    """Replay the log: compare every row with its entry, and every entry with what was signed.

    Rows that were erased or lost are accepted where an entry of the log names them, and told.

    Exit codes: 0 all is as it was logged and signed, 3 it is not: each row and entry is named.
    """
    from cli.context import opened
    from registry import checkpoints, ledger
    from registry.home import log_origin
    from registry.settings import state_folder

    with opened(home) as registry, registry.database.read() as session:
        rows = [str(item) for item in ledger.discrepancies(session)]
        files = checkpoints.problems(
            session,
            registry.settings.log_folder,
            origin=log_origin(registry.settings, session),
            state=state_folder(),
        )
        accepted = [str(item) for item in ledger.exemptions(session)]
        entries = ledger.size(session)
    if as_json:
        emit({"log_size": entries, "rows": rows, "signed": files, "accepted": accepted})
    else:
        for problem in [*rows, *files]:
            say(clean(problem))
        for item in accepted:
            say(f"accepted: {clean(item)}")
        if not rows and not files:
            say(f"every row is as logged, and every entry as signed ({entries:,} entries)")
    return 3 if rows or files else 0


@click.command()
@click.argument("to", metavar="DEST")
@click.option(
    "--hashes-only",
    is_flag=True,
    help="Leave the entries out: proofs can be checked, and nobody reads what happened when.",
)
@json_option
@click.pass_obj
def publish(home: str | None, to: str, hashes_only: bool, as_json: bool) -> None:
    """Copy the log to a folder or an object store that any web host can serve.

    DEST is a folder or a URI such as `s3://bucket/log`. Only what is new is copied, the
    checkpoint last. A checkpoint is signed first if there is news. The trust file goes along, for
    those who see the log for the first time.

    Exit codes: 0 published, 3 another log, or a newer one, is at DEST: it is not touched.
    """
    from cli.context import opened
    from registry import checkpoints, places

    place = places.parse(to)
    with opened(home) as registry:
        advance(registry)
        done = checkpoints.publish(
            registry.database,
            registry.settings.log_folder,
            place,
            trust=registry.settings.trust_file,
            hashes_only=hashes_only,
        )
    if as_json:
        emit(
            {
                "to": str(done.to),
                "origin": done.checkpoint.origin,
                "size": done.checkpoint.size,
                "root": done.checkpoint.root.hex(),
                "cosignatures": done.cosignatures,
                "written": done.written,
                "hashes_only": done.hashes_only,
            }
        )
        return
    what = "hashes of " if hashes_only else ""
    say(
        f"{what}{plural(done.checkpoint.size, 'entry', 'entries')} at {clean(str(done.to))}: "
        f"{plural(done.written, 'file')} written"
    )


@click.command()
@click.option(
    "--from",
    "copy",
    metavar="DIR",
    help="A published copy of this log, which has the entries that are missing here.",
)
@click.option(
    "--accept-fork",
    is_flag=True,
    help="If the entries are nowhere: give up what was signed. Needs `--reason`.",
)
@click.option("--reason", metavar="TEXT", help="Why; kept here, and committed to in the log.")
@json_option
@click.pass_obj
def recover(
    home: str | None, copy: str | None, accept_fork: bool, reason: str | None, as_json: bool
) -> None:
    """Go on after the database, or the folder of the log, came back from a backup.

    Entries that the database lost are put back from the folder, or from DIR: history continues
    without a fork. What they had bound is lost; it is listed, so that it can be done again, and
    an entry of the log says so.

    Exit codes: 0 recovered, or nothing to recover; 3 entries are missing and were not found.
    """
    from pathlib import Path

    from cli.context import clock, opened
    from cli.signed_log import log_signer
    from registry import checkpoints
    from registry.settings import state_folder

    if accept_fork and not (reason or "").strip():
        raise click.UsageError("`--accept-fork` needs a `--reason`")
    with opened(home) as registry:
        done = checkpoints.recover(
            registry.database,
            registry.settings.log_folder,
            log_signer(registry),
            state=state_folder(),
            now=clock(),
            copy=None if copy is None else Path(copy),
            accept_fork=accept_fork,
            reason=None if reason is None else _kept(registry, reason),
            tell=tell,
        )
    if as_json:
        emit(_recovery(done))
        return
    for line in _told(done):
        say(line)


def _told(done: Recovery) -> list[str]:
    """Return what a recovery did, for people."""
    from registry.core.evidence import iso_time, to_micros

    head = f"{plural(done.checkpoint.size, 'entry', 'entries')} are signed"
    if done.position is None:
        return [f"nothing to recover; {head}"]
    lines = [f"recovered, as entry {done.position} says; {head}"]
    if done.rebuilt:
        lines.append("the folder of the log was made again from the database")
    if done.moved:
        moved = plural(done.moved, "entry", "entries")
        lines.append(f"{moved} of the database come after those that were put back")
    if done.lost:
        kinds = Counter(item.kind for item in done.lost)
        lines.append(f"lost: the rows of {plural(len(done.lost), 'entry', 'entries')}; do again")
        lines += [f"  {number} × {clean(kind)}" for kind, number in sorted(kinds.items())]
        lines += [
            f"  entry {item.position}  {iso_time(to_micros(item.time))}  {clean(item.kind)}"
            for item in done.lost
        ]
    for gone in done.forked:
        lines.append(
            f"FORK: {gone.size:,} entries with root {gone.root.hex()} were signed, and are given up"
        )
    if done.forked:
        lines.append(
            "witnesses, and everybody who has a checkpoint or a proof of those, will refuse this "
            "log from now on; tell them why"
        )
    return lines


def _recovery(done: Recovery) -> dict[str, Any]:
    from registry.core.evidence import iso_time, to_micros

    return {
        "position": done.position,
        "origin": done.checkpoint.origin,
        "size": done.checkpoint.size,
        "root": done.checkpoint.root.hex(),
        "lost": [
            {"position": it.position, "kind": it.kind, "time": iso_time(to_micros(it.time))}
            for it in done.lost
        ],
        "moved": done.moved,
        "rebuilt": done.rebuilt,
        "forked": [{"size": it.size, "root": it.root.hex()} for it in done.forked],
    }


def _kept(registry: Opened, reason: str) -> str:
    """Keep a reason here, and return what the log commits to it with."""
    import json
    import secrets

    from registry import settings
    from registry.blobs import write_file
    from registry.core.digest import commitment
    from registry.core.entry import SALT_SIZE

    salt = secrets.token_bytes(SALT_SIZE)
    value = {"by": settings.actor(), "reason": reason}
    digest = commitment(value, salt)
    data = json.dumps(value | {"salt": salt.hex()}, ensure_ascii=False, indent=2) + "\n"
    target = registry.settings.home / "recoveries" / f"{digest}.json"
    write_file(target, data.encode("utf-8"), mode=0o600)
    return digest
