"""`firsthand witness …`: vouch for the logs of others, by file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.files import given_bytes
from cli.output import block, clean, count, emit, json_option, say, tell

if TYPE_CHECKING:
    from registry.witness import Cosigned


@click.command()
@click.option(
    "--name",
    metavar="NAME",
    required=True,
    help="What the witness is called, like an address: `example.com/witness`.",
)
@click.option("--out", metavar="FILE", required=True, help="Where its private key goes.")
@json_option
def init(name: str, out: str, as_json: bool) -> None:
    """Make the key of a witness, who vouches for the logs of others. Needs no registry.

    Prints the public key, `NAME+ID+KEY`: give it to those whose logs you witness. What the witness
    has seen is remembered in FILE.state. Never restore that from a backup: the witness could then
    be shown another history.
    """
    from registry import witness as verb

    key = verb.create(Path(out), name)
    if as_json:
        emit({"witness": str(key), "private_key": out, "state": out + verb.STATE_SUFFIX})
        return
    say(str(key))
    tell(f"the private key is in `{clean(out)}`, what it has seen will be in `{clean(out)}.state`")


@click.command()
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option("--key", metavar="FILE", required=True, help="The witness's private key.")
@click.option(
    "--log",
    metavar="DIR",
    help="The published log, whose tiles show that it only grew; default: the folder that "
    "CHECKPOINT is in.",
)
@click.option(
    "--log-key",
    metavar="KEY|FILE",
    help="The log's public key, `NAME+ID+KEY`, or a file with it, with a PEM key or a trust file: "
    "checkpoints of this log are taken from it alone from now on.",
)
@click.option(
    "--out", metavar="FILE", help="Where the cosigned checkpoint goes; default: it is printed."
)
@json_option
def cosign(
    checkpoint: str, key: str, log: str | None, log_key: str | None, out: str | None, as_json: bool
) -> None:
    """Cosign a checkpoint of a log, if the log only grew since the last time.

    CHECKPOINT is the file, or the folder of a published log. A cosignature says: I saw this state
    then, and every state I cosigned before is the beginning of it. A log that shrank, has another
    history of the same length, or changed what was in it is refused with both heads, exit code 3.

    A log that is new to the witness needs a key: `--log-key`, or the `trust.json` that is published
    with it, which is then believed on first use.
    """
    from cli.context import clock
    from registry import witness as verb
    from registry.blobs import write_file
    from registry.core.note import MAX_NOTE
    from registry.core.trust import MAX_TRUST
    from registry.log_files import CHECKPOINT

    place = Path(checkpoint)
    if place.is_dir():
        place = place / CHECKPOINT
    pinned = None
    if log_key is not None:
        pinned = given_bytes(log_key, "the log's key", limit=MAX_TRUST, or_text="+" in log_key)
    done = verb.cosign(
        given_bytes(str(place), "a checkpoint", limit=MAX_NOTE),
        Path(key),
        folder=Path(log) if log is not None else place.parent,
        log_key=pinned,
        now=clock(),
    )
    data = done.note.to_bytes()
    if out is not None:
        write_file(Path(out), data)
    if as_json:
        emit(_document(done, out))
        return
    if out is None:
        say(data.decode().rstrip("\n"))
    for line in block(_about(done, out)):
        tell(line)


def _document(done: Cosigned, out: str | None) -> dict[str, Any]:
    from registry.core.evidence import iso_time, to_micros

    before = done.before
    return {
        "origin": done.checkpoint.origin,
        "size": done.checkpoint.size,
        "root": done.checkpoint.root.hex(),
        "before": None if before is None else {"size": before.size, "root": before.root.hex()},
        "log_keys": [str(key) for key in done.pinned],
        "first_use": done.first_use,
        "time": iso_time(to_micros(done.time)),
        "checkpoint": done.note.to_bytes().decode(),
        "out": out,
    }


def _about(done: Cosigned, out: str | None) -> list[tuple[str, str]]:
    head = done.checkpoint
    rows = [("Cosigned", f"{clean(head.origin)}, {count(head.size)} entries")]
    if done.before is None:
        rows.append(("Before", "nothing: this log is new to the witness"))
    else:
        rows.append(("Before", f"{count(done.before.size)} entries, which these begin with"))
    rows += [("Log key", clean(str(key))) for key in done.pinned]
    if done.first_use:
        rows.append(("", "it came with the log and is believed on first use; compare it over"))
        rows.append(("", "another channel, or give it with --log-key"))
    if out is not None:
        rows.append(("Written to", clean(out)))
    return rows
