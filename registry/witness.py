"""Be a witness of somebody else's log, by file: cosign its checkpoints while it only grows.

No registry and no network are needed. A witness remembers, per log, the last head it cosigned, in a
file beside its key. That file is durable before a cosignature is given out: a witness that
forgets could be shown two histories. Whoever restores it from a backup makes it forget.
"""

from __future__ import annotations

import base64
import datetime as dt
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry import key_files
from registry.blobs import write_file
from registry.core.attest import PublicKey
from registry.core.checkpoint import Checkpoint
from registry.core.digest import canonical, from_base64, is_sha256_hex, parse_canonical
from registry.core.note import MAX_SIGNATURES, Note, NoteKey, NoteSigner, SignatureType
from registry.core.proof import MOST_LEAVES, check_consistency, consistency
from registry.core.trust import MAX_TRUST, Trust
from registry.errors import (
    ConflictError,
    InvalidInputError,
    RegistryError,
    UnavailableError,
    VerificationError,
)
from registry.log_files import LogFolder
from registry.plain_files import read_small

STATE_SUFFIX: Final = ".state"
TRUST_FILE: Final = "trust.json"
_STATE_TYPE: Final = "firsthand-witness/v1"
_LARGEST_STATE: Final = 1 << 24
_HEAD: Final = "PRIVATE+KEY+"
_SEED_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness remembers of a log.

    Attributes:
        keys: The keys that it takes checkpoints from.
        size: How many entries the log had when it was cosigned last.
        root: The root over them.
    """

    keys: tuple[NoteKey, ...]
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint that a witness vouches for.

    Attributes:
        note: The checkpoint with all its signatures, the new one last.
        checkpoint: What it says.
        before: What the witness had cosigned before, or None if it is new to it.
        first_use: Whether the log's key is believed because it came with the log.
        pinned: The keys that checkpoints of this log are taken from now on.
        time: When it was cosigned.
    """

    note: Note
    checkpoint: Checkpoint
    before: Seen | None
    first_use: bool
    pinned: tuple[NoteKey, ...]
    time: dt.datetime


def create(path: Path, name: str) -> NoteKey:
    """Make a witness: a private key for us alone and an empty memory; return the public key.

    Raises:
        ConflictError: There is a key, or the memory of one.
        InvalidInputError: The name cannot stand in a note.
        UnavailableError: The disk refused.
    """
    if not name.isprintable() or len(name) > 200:
        raise InvalidInputError(
            "the name is longer than 200 characters or not plain text",
            hint="write it like an address, `example.com/witness`",
        )
    signer = NoteSigner(name, Ed25519PrivateKey.generate(), SignatureType.COSIGNATURE)
    public, memory = signer.public, _memory_of(path)
    if key_files.there(path) or (key_files.there(memory) and _remembered(memory)):
        raise ConflictError(f"there is a key at `{path}` already", hint="choose another `--out`")
    raw = bytes([SignatureType.COSIGNATURE]) + signer.key.private_bytes_raw()
    line = f"{_HEAD}{name}+{public.id.hex()}+{base64.b64encode(raw).decode('ascii')}\n"
    _remember(memory, {})
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        key_files.write(draft, line.encode())
        # A link, unlike a renaming, never takes the place of a file.
        os.link(draft, path)
    except FileExistsError as error:
        raise ConflictError(
            f"there is a key at `{path}` already", hint="choose another `--out`"
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"`{path}` cannot be written: {error.strerror}", hint="choose another `--out`"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return public


def load(path: Path) -> NoteSigner:
    """Return the private key of a witness.

    Raises:
        UnavailableError: It is missing or cannot be read.
        InvalidInputError: It is no such key, or others may read it.
    """
    bad = InvalidInputError(
        f"`{path}` is not the private key of a witness", hint="`firsthand witness init` makes one"
    )
    try:
        text = key_files.read(path, folder_too=False).decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise bad from error
    name, _, rest = text.removeprefix(_HEAD).partition("+")
    id, _, encoded = rest.partition("+")
    try:
        raw = from_base64(encoded, code="E_ENVELOPE")
    except VerificationError as error:
        raise bad from error
    right = len(raw) == 1 + _SEED_SIZE and raw[0] == SignatureType.COSIGNATURE
    if not text.startswith(_HEAD) or not right:
        raise bad
    key = Ed25519PrivateKey.from_private_bytes(raw[1:])
    signer = NoteSigner(name, key, SignatureType.COSIGNATURE)
    if signer.public.id.hex() != id:
        raise bad
    return signer


def cosign(
    data: bytes,
    key: Path,
    *,
    folder: Path | None,
    log_key: bytes | None,
    now: dt.datetime,
) -> Cosigned:
    """Vouch for a checkpoint, if its log only grew since the one before.

    Args:
        data: The checkpoint, signed by its log.
        key: The file of the witness's private key; its memory is beside it.
        folder: The published log, whose tiles show that it only grew; a `trust.json` in it or
            above it names the log's key where the witness sees the log for the first time.
        log_key: The key to take this log's checkpoints from, from now on: `NAME+ID+KEY`, a PEM
            public key, or a trust file.
        now: The witness's clock.

    Raises:
        VerificationError: `E_SIZE_SHRINK`, `E_SPLIT_VIEW`, `E_CONSISTENCY`, `E_INCLUSION` (tiles
            are missing), `E_NO_LOG_SIGNATURE`, `E_SIGNATURE`, or it is no checkpoint.
        InvalidInputError: No key of the log is known, or the witness's memory is gone.
        UnavailableError: Something cannot be read or written.
    """
    note = Note.parse(data)
    head = Checkpoint.parse(note.text)
    signer = load(key)
    with _alone(key):
        logs = dict(_remembered(_memory_of(key)))
        before = logs.get(head.origin)
        keys, first_use = _keys_for(head.origin, before, folder, log_key)
        signed = tuple(note.opened(keys))
        if not signed:
            raise VerificationError(
                f"this checkpoint is not signed by the key that is pinned for `{head.origin}`",
                code="E_NO_LOG_SIGNATURE",
                hint="if the log has a new key, get it over a channel you trust: `--log-key`",
            )
        if before is not None:
            _check_growth(before, head, folder)
        pinned = before.keys if before is not None and log_key is None else signed
        logs[head.origin] = Seen(pinned, head.size, head.root)
        moment = now.replace(microsecond=0)
        line = signer.sign(note.text, time=int(moment.timestamp()))
        others = [it for it in note.signatures if (it.name, it.id) != (line.name, line.id)]
        if len(others) >= MAX_SIGNATURES:
            raise VerificationError("the checkpoint has no room for a signature", code="E_LIMIT")
        _remember(_memory_of(key), logs)
    made = Note(note.text, (*others, line))
    return Cosigned(made, head, before, first_use, pinned, moment)


def _check_growth(before: Seen, head: Checkpoint, folder: Path | None) -> None:
    """Refuse a log that did more than grow, and name both heads."""
    try:
        path: Sequence[bytes] = []
        if 0 < before.size < head.size:
            if folder is None:
                raise InvalidInputError(
                    f"the log grew from {before.size:,} entries to {head.size:,}, and without its "
                    "tiles nothing shows that it only grew",
                    hint="give the folder of the published log: `--log DIR`",
                )
            path = consistency(LogFolder(folder).hashes(head.size), before.size, head.size)
        check_consistency(before.size, head.size, before.root, head.root, path)
    except VerificationError as error:
        raise VerificationError(
            f"{error.message}; cosigned before: {_shown(before.size, before.root)}; "
            f"now: {_shown(head.size, head.root)}",
            code=error.code,
            hint=error.hint
            or f"keep both checkpoints of `{head.origin}`: together they show what it did",
        ) from error


def _shown(size: int, root: bytes) -> str:
    return f"{size:,} entries, root {base64.b64encode(root).decode('ascii')}"


# The keys of a log.


def _keys_for(
    origin: str, before: Seen | None, folder: Path | None, log_key: bytes | None
) -> tuple[Sequence[NoteKey], bool]:
    """Return the keys that may have signed, and whether they came with the log."""
    if log_key is not None:
        return _given_keys(origin, log_key), False
    if before is not None:
        return before.keys, False
    for place in (folder, folder.absolute().parent) if folder is not None else ():
        data = _small(place / TRUST_FILE)
        if data is not None:
            return _given_keys(origin, data), True
    raise InvalidInputError(
        f"no key of the log `{origin}` is known yet",
        hint="get it from its owner: `--log-key`, with a key `NAME+ID+KEY` or the trust file",
    )


def _given_keys(origin: str, data: bytes) -> list[NoteKey]:
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            "the log's key is not text", hint="give a key `NAME+ID+KEY` or a trust file"
        ) from error
    if text.startswith("{"):
        trust = Trust.parse(data, name="--log-key")
        # What is revoked or over must not sign checkpoints that are new to a witness.
        keys = [
            item.key
            for item in trust.log_keys(origin)
            if item.window.revoked_from is None and item.window.not_after is None
        ]
    elif text.startswith("-----BEGIN"):
        keys = [NoteKey(origin, PublicKey.parse(data, name="--log-key").raw)]
    else:
        keys = [NoteKey.parse(text)]
    keys = [key for key in keys if key.type is SignatureType.NOTE and key.name == origin]
    if not keys:
        raise VerificationError(
            f"the key given is not one of the log `{origin}`", code="E_CHECKPOINT_ORIGIN"
        )
    return keys


def _small(path: Path) -> bytes | None:
    if not key_files.there(path):
        return None
    return read_small(path, TRUST_FILE, limit=MAX_TRUST)


# The memory.


def _memory_of(key: Path) -> Path:
    return key.with_name(key.name + STATE_SUFFIX)


@contextmanager
def _alone(key: Path) -> Iterator[None]:
    """Wait until nobody else uses the key: two at once could each be shown another history."""
    try:
        handle = os.open(key, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UnavailableError(
            f"`{key}` cannot be read: {error.strerror}", hint="check its rights"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remember(path: Path, logs: Mapping[str, Seen]) -> None:
    value = {
        "logs": {
            origin: {
                "keys": [str(key) for key in seen.keys],
                "root": seen.root.hex(),
                "size": seen.size,
            }
            for origin, seen in logs.items()
        },
        "type": _STATE_TYPE,
    }
    write_file(path, canonical(value) + b"\n", mode=key_files.PRIVATE)


def _remembered(path: Path) -> dict[str, Seen]:
    """Return what a witness remembers; a memory that is gone or damaged is never taken for new."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_STATE + 1)
    except FileNotFoundError as error:
        raise InvalidInputError(
            f"the witness's memory `{path}` is missing: it could be shown another history",
            hint="find it, or make a new witness; one from a backup has forgotten what came after",
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"`{path}` cannot be read: {error.strerror}", hint="check its rights"
        ) from error
    try:
        value = parse_canonical(data.removesuffix(b"\n"), limit=_LARGEST_STATE)
        if set(value) != {"logs", "type"} or value["type"] != _STATE_TYPE:
            raise ValueError("another document")
        return {origin: _seen(item) for origin, item in value["logs"].items()}
    except (RegistryError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConflictError(
            f"the witness's memory `{path}` is damaged",
            hint="make a new witness; one from a backup has forgotten what came after",
        ) from error


def _seen(item: Any) -> Seen:
    if set(item) != {"keys", "root", "size"} or not is_sha256_hex(item["root"]):
        raise ValueError(json.dumps(item)[:80])
    size = item["size"]
    if not isinstance(size, int) or not 0 <= size <= MOST_LEAVES or not item["keys"]:
        raise ValueError(json.dumps(item)[:80])
    keys = tuple(NoteKey.parse(key) for key in item["keys"])
    return Seen(keys, size, bytes.fromhex(item["root"]))
