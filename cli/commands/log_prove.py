"""`firsthand log prove`: to somebody who has the log's key and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli.output import clean, count, emit, json_option, plural, say
from cli.signed_log import advance, checkpoint_of, size_with

if TYPE_CHECKING:
    from pathlib import Path

    from cli.context import Opened
    from registry.places import Place

_STAMP: Final = ".tsr"


@click.command()
@click.argument("ref", metavar="REF")
@click.option(
    "--out",
    metavar="FILE",
    help="Where the proof goes; default: printed, and for a snapshot its `certificate.tlog-proof`.",
)
@json_option
@click.pass_obj
def prove(home: str | None, ref: str, out: str | None, as_json: bool) -> None:
    """Prove that something is in the log, to somebody who has the log's key and nothing else.

    REF is the number of an entry; a version `name@3`, for its registration; or a snapshot, its
    folder or its `certificate.json`, whose proof is written beside it. The proof brings the entry
    along, and of the checkpoints that have it the one that most witnesses and time stamps vouch
    for; one is signed first if need be. Time stamps are written beside a snapshot's proof.
    """
    from cli.context import opened
    from registry import checkpoints, timestamps

    with opened(home) as registry:
        position, beside = _position(registry, ref)
        if size_with(registry, position) is None:
            advance(registry)
        proof = checkpoints.proof_of(registry.database, registry.settings.log_folder, position)
        found = checkpoint_of(proof.note.to_bytes())
        with registry.database.read() as session:
            stamps = timestamps.for_checkpoint(session, found.size)
    target = _written(proof.to_bytes(), out, beside)
    if out is None and beside is not None:
        _stamp(beside, stamps)
    if as_json:
        emit(
            {
                "position": position,
                "origin": found.origin,
                "size": found.size,
                "root": found.root.hex(),
                "cosignatures": len(proof.note.signatures) - 1,
                "time_stamps": len(stamps),
                "file": None if target is None else str(target),
                "proof": proof.to_bytes().decode("utf-8"),
            }
        )
    elif target is None:
        say(proof.to_bytes().decode("utf-8").rstrip("\n"))
    else:
        say(f"entry {position} is in the log of {count(found.size)}: {clean(str(target))}")
        witnesses = plural(len(proof.note.signatures) - 1, "cosignature")
        say(f"with {witnesses} and {plural(len(stamps), 'time stamp')}")


def _position(registry: Opened, ref: str) -> tuple[int, Place | None]:
    """Return the entry that is meant, and where its proof goes by default."""
    from pathlib import Path

    from registry import ledger, places
    from registry.core.dataset import DatasetRef
    from registry.errors import NotFoundError
    from registry.query import catalogue

    if ref.isascii() and ref.isdecimal():
        return int(ref), None
    place = places.parse(ref)
    if not isinstance(place, Path) or place.exists():
        return _of_snapshot(registry, place)
    with registry.database.read() as session:
        version = catalogue.version(session, DatasetRef.parse(ref))
        position = ledger.position_of(session, "dataset_versions", version.id)
    if position is None:
        raise NotFoundError(f"no entry of the log binds `{ref}`", hint="run `firsthand log fsck`")
    return position, None


def _of_snapshot(registry: Opened, place: Place) -> tuple[int, Place]:
    from registry import ledger
    from registry.core.digest import sha256_hex
    from registry.core.entry import EntryKind
    from registry.errors import NotFoundError
    from registry.places import contents

    name = "certificate.json"
    folder = place.parent if place.name == name else place
    data = contents.read(folder / name)
    if data is None:
        raise NotFoundError(f"`{place}` has no `{name}`", hint="name the folder of a snapshot")
    digest = sha256_hex(data)
    with registry.database.read() as session:
        found = [
            position
            for position, entry in ledger.entries(session)
            if entry["kind"] == EntryKind.SNAPSHOT_EXPORTED
            and entry["facts"].get("certificate") == digest
        ]
    if found:
        return found[0], folder / "certificate.tlog-proof"
    raise NotFoundError(
        f"the certificate of `{place}` is not in this registry's log",
        hint="ask the registry that issued it",
    )


def _written(data: bytes, out: str | None, beside: Place | None) -> Place | None:
    """Write a proof where it goes, and return where that is; None where it is printed."""
    from pathlib import Path

    from registry.blobs import write_file
    from registry.places import Remote, publishing

    target: Path | Remote | None = beside if out is None else Path(out).absolute()
    if isinstance(target, Remote):
        publishing.put(target, data)
    elif target is not None:
        write_file(target, data)
    return target


def _stamp(proof: Place, stamps: list[bytes]) -> None:
    """Write the time stamps of a snapshot's proof beside it, in place of those of an older one."""
    from pathlib import Path

    from registry.blobs import write_file
    from registry.places import publishing

    names = [f"certificate-{number}{_STAMP}" for number in range(1, len(stamps) + 1)]
    if isinstance(proof, Path):
        for old in proof.parent.glob(f"certificate-*{_STAMP}"):
            if old.name not in names:
                old.unlink()
    for name, data in zip(names, stamps, strict=True):
        place = proof.parent / name
        if isinstance(place, Path):
            write_file(place, data)
        else:
            publishing.put(place, data)
