"""`firsthand prove`: write down that a row is in a snapshot, or that a text is not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cli.output import clean, size, tell

if TYPE_CHECKING:
    from pathlib import Path

    from registry.core.rowproof import Proof


@click.command()
@click.argument("snapshot", metavar="SNAP")
@click.option(
    "--row",
    "number",
    type=click.IntRange(min=0),
    help="Prove that this row is in the snapshot; rows count from 0, over the shards in order.",
)
@click.option(
    "--absent",
    "text_file",
    metavar="FILE",
    help="Prove that no row has exactly the bytes of this file; `-` is standard input.",
)
@click.option(
    "--hash",
    "digest",
    metavar="HEX",
    help="Likewise for the text with this SHA-256, which nobody has to see.",
)
@click.option("--with-text", is_flag=True, help="With `--row`: tell the text in the proof.")
@click.option("--out", metavar="FILE", help="Write the proof there; default: standard output.")
def prove(
    snapshot: str,
    number: int | None,
    text_file: str | None,
    digest: str | None,
    with_text: bool,
    out: str | None,
) -> int:
    """Prove that one row is in a snapshot, or that a text is not, for somebody who has neither.

    SNAP is the folder of a snapshot. The proof is one small file; `firsthand verify FILE --key …`
    checks it with the signer's public key and nothing else. It is about exact bytes: a text with
    one more space is another text.

    Exit codes: 0 the proof is written, 3 a text is there that should be absent, or the snapshot is
    not what was signed, 1 an error, 2 wrong usage.
    """
    given = [
        name
        for name, it in (("--row", number), ("--absent", text_file), ("--hash", digest))
        if it is not None
    ]
    if len(given) != 1:
        raise click.UsageError(
            f"{' and '.join(given)} are given, one of them is enough"
            if given
            else "say what to prove: `--row N`, `--absent FILE` or `--hash HEX`"
        )
    if with_text and number is None:
        raise click.UsageError("`--with-text` goes with `--row`: what is absent has no text here")
    from registry import proving

    proof: Proof
    if number is not None:
        proof = proving.row(snapshot, number, with_text=with_text)
    else:
        proof = proving.absent(snapshot, _content_hash(text_file, digest))
    data = proof.to_bytes()
    if out is None:
        sys.stdout.buffer.write(data)
        return 0
    _write(out, data)
    tell(f"wrote {clean(out)}, {size(len(data))}; `firsthand verify` checks it")
    return 0


def _content_hash(text_file: str | None, digest: str | None) -> bytes:
    """Return the SHA-256 of the text that should be absent."""
    from registry.core.digest import is_sha256_hex
    from registry.errors import InvalidInputError

    if digest is not None:
        if not is_sha256_hex(digest.lower()):
            raise InvalidInputError(
                f"`{clean(digest, limit=100)}` is no SHA-256",
                hint="give 64 hexadecimal digits, as `sha256sum` prints them",
            )
        return bytes.fromhex(digest)
    return _hash_of(text_file or "-")


def _hash_of(name: str) -> bytes:
    import hashlib
    from pathlib import Path

    from registry.errors import InvalidInputError, NotFoundError

    last = b""
    hasher = hashlib.sha256()
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            while block := file.read(2**20):
                hasher.update(block)
                last = block[-1:]
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file `{clean(name)}`") from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"`{clean(name)}` cannot be read: {error}") from error
    if last == b"\n":
        tell("the text ends with a line break, which is part of it")
    return hasher.digest()


def _write(name: str, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    import os
    from pathlib import Path

    from registry.errors import InvalidInputError

    path = Path(name)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        _forget(part)
        raise InvalidInputError(
            f"`{clean(name)}` cannot be written: {error.strerror or error}",
            hint="check the folder and its permissions",
        ) from error


def _forget(path: Path) -> None:
    import contextlib

    with contextlib.suppress(OSError):
        path.unlink()
