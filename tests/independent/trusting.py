"""Whom a reader trusts, signed notes, and what a log shows. From docs/trust.md, docs/keys.md and C2SP alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.independent.form import (
    MEGA,
    OpenError,
    RefusedError,
    leads,
    leaf,
    moment,
    pairs,
    parse,
    plain,
    sha256,
    tree,
    unbase64,
)

LINES = 256
MOST = 256 * 65_537  # bytes of a bundle of entries
SPKI = bytes.fromhex("302a300506032b6570032100")


def holds(raw: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def of_pem(text: str) -> bytes:
    """The 32 bytes of an Ed25519 key in PEM."""
    try:
        key = serialization.load_pem_public_key(text.encode())
    except ValueError as error:
        raise OpenError(f"not a key: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise OpenError("not an Ed25519 key")
    return key.public_bytes_raw()


@dataclass(frozen=True)
class Key:
    """A key that is trusted for something, and when."""

    raw: bytes
    name: str = ""
    kind: int = 0  # 1 signs checkpoints, 4 cosigns them
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked_from: datetime | None = None

    @property
    def keyid(self) -> str:
        return sha256(SPKI, self.raw).hex()

    @property
    def short(self) -> bytes:
        return sha256(self.name.encode(), b"\n", bytes([self.kind]), self.raw)[:4]

    def revoked(self, others: dict[str, datetime]) -> datetime | None:
        return min(filter(None, [self.revoked_from, others.get(self.keyid)]), default=None)


@dataclass
class Trust:
    """What the reader gave: a key, a trust file, or neither."""

    certificates: list[Key] = field(default_factory=list)
    logs: list[Key] = field(default_factory=list)
    witnesses: list[Key] = field(default_factory=list)
    quorum: int = 0
    pinned: bytes | None = None
    given: bool = False

    def log_keys(self, origin: str) -> list[Key]:
        pinned = [Key(self.pinned, origin, 1)] if self.pinned else []
        return [key for key in self.logs if key.name == origin] + pinned


def read_trust(key: Path | None, file: Path | None) -> Trust:
    if key:
        raw = of_pem(key.read_text(errors="replace"))
        return Trust([Key(raw)], pinned=raw, given=True)
    if not file:
        return Trust()
    try:
        told = json.loads(file.read_bytes(), object_pairs_hook=pairs)
        names = {"type", "certificates", "logs", "witnesses", "quorum", "timestamps", "archives"}
        if set(told) - names or told["type"] != "firsthand-trust/v1":
            raise OpenError("not a trust file, or with unknown keys")
        quorum, names = told.get("quorum", 0), told.get("witnesses", [])
        if type(quorum) is not int or not 0 <= quorum <= len(names):
            raise OpenError(f"a quorum of {quorum!r} of {len(names)} witnesses")
        return Trust(
            [_key(item) for item in told.get("certificates", [])],
            [_key(item, 1) for item in told.get("logs", [])],
            [_key(item, 4) for item in told.get("witnesses", [])],
            quorum,
            given=True,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RefusedError) as error:
        raise OpenError(f"{file.name}: not a trust file: {error!r}") from None


def _key(item: dict[str, str], kind: int = 0) -> Key:
    bounds: dict[str, Any] = {
        name: moment(item[name], r"Z|[+-]\d\d:\d\d") for name in item if name != "key"
    }
    if not kind:
        return Key(of_pem(item["key"]), **bounds)
    name, number, code = item["key"].split("+", 2)
    data = unbase64(code)
    key = Key(data[1:], name, kind, **bounds)
    if data[:1] != bytes([kind]) or len(data) != 33 or key.short.hex() != number:
        raise OpenError("a key of a note that is none, or of another type")
    return key


# ------------------------------------------------------------------ checkpoints


@dataclass(frozen=True)
class Checkpoint:
    """A signed note about the state of a log."""

    text: str
    origin: str
    size: int
    root: bytes
    lines: list[tuple[str, bytes, bytes]]  # name, key id, signature

    def by(self, key: Key) -> list[bytes]:
        return [line[2] for line in self.lines if line[:2] == (key.name, key.short)]


def checkpoint(data: bytes) -> Checkpoint:
    if len(data) > MEGA:
        raise RefusedError("E_LIMIT", "a checkpoint of more than 1 MiB")
    try:
        whole = data.decode()
    except ValueError:
        raise RefusedError("E_ENVELOPE", "a checkpoint that is no UTF-8") from None
    text, blank, signed = whole.rpartition("\n\n")
    text += "\n"
    head = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n", text)
    lines = re.fullmatch(r"(— [^ \n+]+ [^ \n]+\n)+", signed)
    if not blank or not head or not lines or re.search(r"[\x00-\x09\x0b-\x1f]", whole):
        raise RefusedError("E_ENVELOPE", "not a checkpoint")
    found: list[tuple[str, bytes, bytes]] = []
    if signed.count("\n") > LINES:
        raise RefusedError("E_LIMIT", "a note of too many signatures")
    for line in signed.splitlines():
        _, name, code = line.split(" ")
        body = unbase64(code)
        if len(body) < 5:
            raise RefusedError("E_ENVELOPE", "a signature of no bytes")
        if (name, body[:4]) in {line[:2] for line in found}:
            raise RefusedError("E_NONCANONICAL", f"two signatures of {name}")
        found.append((name, body[:4], body[4:]))
    root = unbase64(head[3])
    if len(root) != 32:
        raise RefusedError("E_ENVELOPE", "a root of another length")
    return Checkpoint(text, head[1], int(head[2]), root, found)


@dataclass(frozen=True)
class Signed:
    """What the signatures under a checkpoint show."""

    free: bool  # a trusted key of the log that has no end
    by: datetime | None  # there by then, say witnesses
    failures: list[tuple[str, str]]
    left: str = ""  # why it is not known who signed


def signatures(
    note: Checkpoint, trust: Trust, revoked: dict[str, datetime], at: datetime | None = None
) -> Signed:
    """Who signed a checkpoint, of those who are trusted."""
    failures: list[tuple[str, str]] = []
    times = _cosigned(note, trust, revoked, failures)
    if at and any(time < at - timedelta(hours=1) for time in times.values()):
        failures.append(("E_TIME_BRACKET", "cosigned before there was an entry"))
    enough = max(trust.quorum, 1)
    by = sorted(times.values())[enough - 1] if len(times) >= enough else None
    known = trust.log_keys(note.origin)
    shown = {_shown(note, key, key.revoked(revoked), by, failures) for key in known} - {""}
    left = ""
    if not known:
        left = "no key of the log is known"
    elif "revoked" in shown and not shown & {"free", "bounded"}:
        failures.append(("E_KEY_REVOKED", "the log's key is revoked, nothing shows it was before"))
    elif "late" in shown and not shown & {"free", "bounded"}:
        left = "the key of the log signed outside of its time, as far as is shown"
    elif not shown:
        if trust.pinned and any(name == note.origin for name, _, _ in note.lines):
            left = "another key of the log signed"
        else:
            failures.append(("E_NO_LOG_SIGNATURE", "no trusted key of the log signed"))
    if len(times) < trust.quorum:
        failures.append(("E_WITNESS_QUORUM", f"{len(times)} of {trust.quorum} witnesses"))
    return Signed("free" in shown, by, failures, left)


def _cosigned(
    note: Checkpoint,
    trust: Trust,
    revoked: dict[str, datetime],
    failures: list[tuple[str, str]],
) -> dict[bytes, datetime]:
    """When each trusted witness cosigned, inside its window."""
    times: dict[bytes, datetime] = {}
    for witness in trust.witnesses:
        for signature in note.by(witness):
            second, body = int.from_bytes(signature[:8], "big"), signature[8:]
            text = f"cosignature/v1\ntime {second}\n{note.text}".encode()
            if len(body) != 64 or not holds(witness.raw, body, text):
                failures.append(("E_SIGNATURE", f"a cosignature of {witness.name} does not hold"))
            elif second < 1 << 37:
                when = datetime.fromtimestamp(second, UTC)
                end = witness.revoked(revoked)
                early = witness.not_before and when < witness.not_before
                late = (witness.not_after and when > witness.not_after) or (end and when >= end)
                if not early and not late:
                    times[witness.raw] = min(when, times.get(witness.raw, when))
    return times


def _shown(
    note: Checkpoint,
    key: Key,
    end: datetime | None,
    by: datetime | None,
    failures: list[tuple[str, str]],
) -> str:
    """What the line of a key of the log shows; nothing if it has none."""
    lines = note.by(key)
    if not lines:
        return ""
    if not all(holds(key.raw, signature, note.text.encode()) for signature in lines):
        failures.append(("E_SIGNATURE", f"a signature of {key.name} does not hold"))
        return "broken"
    if end and not (by and by < end):
        return "revoked"
    if key.not_after and not (by and by <= key.not_after):
        return "late"
    return "bounded" if end or key.not_after else "free"


# ------------------------------------------------------------------ proofs and entries


@dataclass(frozen=True)
class LogProof:
    """A `tlog-proof`: an entry, its place, the path, the checkpoint."""

    entry: bytes
    index: int
    path: list[bytes]
    note: Checkpoint

    def inclusion(self) -> bool:
        return leads(leaf(self.entry), self.index, self.note.size, self.path) == self.note.root


def log_proof(data: bytes) -> LogProof:
    if len(data) > MEGA:
        raise RefusedError("E_LIMIT", "a proof of more than 1 MiB")
    head, blank, rest = data.partition(b"\n\n")
    lines = head.decode(errors="replace").split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1":
        raise RefusedError("E_ENVELOPE", "not a tlog-proof of version 1")
    if not blank or len(lines) < 2:
        raise RefusedError("E_ENVELOPE", "a proof without an index")
    if not lines[1].startswith("extra "):
        raise RefusedError("E_INCLUSION", "a proof without its entry")
    if not (place := re.fullmatch(r"index (0|[1-9][0-9]{0,18})", "".join(lines[2:3]))):
        raise RefusedError("E_ENVELOPE", "a proof without an index")
    if len(lines) - 3 > 63:
        raise RefusedError("E_LIMIT", "a path of more than 63 hashes")
    path = [unbase64(line) for line in lines[3:]]
    if any(len(step) != 32 for step in path):
        raise RefusedError("E_ENVELOPE", "a hash of another length")
    return LogProof(unbase64(lines[1][6:]), int(place[1]), path, checkpoint(rest))


def entry(data: bytes) -> dict[str, Any]:
    """A leaf of the log, taken apart."""
    found = parse(data, 65_535)
    if not isinstance(found, dict) or set(found) != {"kind", "time", "fold", "facts", "rows"}:
        raise RefusedError("E_ENVELOPE", "an entry with other keys")
    if not isinstance(found["facts"], dict) or not isinstance(found["rows"], list):
        raise RefusedError("E_ENVELOPE", "an entry of other kinds of values")
    moment(str(found["time"]))
    return found


# ------------------------------------------------------------------ a copy of the log


def _tile(folder: Path, number: int, width: int) -> tuple[bytes, int]:
    """A tile, and how many parts it has: a partial one may have been replaced by the whole."""
    digits = f"{number:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = folder.joinpath(*[f"x{part}" for part in parts[:-1]], parts[-1])
    if width < 256 and not path.is_file():
        return plain(path.with_name(f"{parts[-1]}.p") / str(width), MOST, "E_INCLUSION"), width
    return plain(path, MOST, "E_INCLUSION"), 256


class Copy:
    """A published copy of a log: its checkpoint, leaf hashes, and entries if it has them."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise OpenError(f"there is no folder {folder}")
        self.note = checkpoint(plain(folder / "checkpoint", MEGA, "E_INCLUSION"))
        size = self.note.size
        widths = [min(256, size - at) for at in range(0, min(size, 1 << 32), 256)]
        self.leaves: list[bytes] = []
        for number, width in enumerate(widths):
            data, parts = _tile(folder / "tile" / "0", number, width)
            if len(data) != 32 * parts:
                raise RefusedError("E_INCLUSION", "a tile of another length")
            self.leaves += [data[32 * at : 32 * at + 32] for at in range(width)]
        if tree(self.leaves) != self.note.root:
            raise RefusedError("E_INCLUSION", "the tiles are not those of the checkpoint")
        self._upper(folder / "tile")
        self.entries: list[dict[str, Any]] | None = None
        self.raw: list[bytes] = []
        if (folder / "tile" / "entries").is_dir():
            for number, width in enumerate(widths):
                data, parts = _tile(folder / "tile" / "entries", number, width)
                self.raw += self._bundle(data, parts)[:width]
            if [leaf(data) for data in self.raw] != self.leaves:
                raise RefusedError("E_INCLUSION", "an entry does not have its leaf's hash")
            self.entries = [entry(data) for data in self.raw]

    def _upper(self, folder: Path) -> None:
        """Hold the tiles of all upper levels to the leaves."""
        level, below = 0, self.leaves
        while len(below) >= 256:
            level += 1
            below = [tree(below[at : at + 256]) for at in range(0, len(below) - 255, 256)]
            for number in range(-(-len(below) // 256)):
                part = below[number * 256 : number * 256 + 256]
                data, parts = _tile(folder / str(level), number, len(part))
                if data[: 32 * len(part)] != b"".join(part) or len(data) != 32 * parts:
                    raise RefusedError("E_INCLUSION", f"a tile of level {level} is another")

    @staticmethod
    def _bundle(data: bytes, width: int) -> list[bytes]:
        found: list[bytes] = []
        at = 0
        while len(found) < width:
            size = int.from_bytes(data[at : at + 2], "big")
            if at + 2 + size > len(data):
                raise RefusedError("E_INCLUSION", "a bundle of entries ends early")
            found.append(data[at + 2 : at + 2 + size])
            at += 2 + size
        if at != len(data):
            raise RefusedError("E_INCLUSION", "a bundle of entries goes on")
        return found

    def goes_on(self, size: int, root: bytes) -> tuple[str, str] | None:
        """Why this log does not go on from an older state; None if it does."""
        if size > self.note.size:
            return "E_SIZE_SHRINK", f"the copy has {self.note.size} entries, and there were {size}"
        if size == self.note.size:
            return None if root == self.note.root else ("E_SPLIT_VIEW", "two logs of one length")
        same = tree(self.leaves[:size]) == root
        return None if same else ("E_CONSISTENCY", f"the copy does not go on from {size} entries")
