"""A transparency log in memory: entries, checkpoints, witnesses, proofs, copies; bend any of them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.core.certificate import LogState
from registry.core.checkpoint import Checkpoint
from registry.core.digest import canonical
from registry.core.logproof import LogProof
from registry.core.merkle import leaf_hash, tree_root
from registry.core.note import Note, NoteSigner, SignatureType
from registry.core.proof import inclusion
from registry.core.tiles import WIDTH, Tile, TileHashes, bundle, tiles_of

ORIGIN: Final = "acme.example/log"
START: Final = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
DAY: Final = dt.timedelta(days=1)


def key(name: str) -> Ed25519PrivateKey:
    """Return a private key that is the same for the same name, in every run."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


LOG_SIGNER: Final = NoteSigner(ORIGIN, key("the log"))
WITNESSES: Final = tuple(
    NoteSigner(f"witness{at}.example", key(f"witness {at}"), SignatureType.COSIGNATURE)
    for at in range(1, 4)
)


def leaf(
    kind: str, time: dt.datetime, facts: Mapping[str, Any], tables: Iterable[str] = ()
) -> bytes:
    """Return an entry that binds one row of each of some tables."""
    rows = [{"digest": f"{at}" * 64, "id": at, "table": name} for at, name in enumerate(tables, 1)]
    moment = time.isoformat().replace("+00:00", "Z")
    return canonical({"facts": dict(facts), "fold": 4, "kind": kind, "rows": rows, "time": moment})


@dataclass(slots=True)
class Log:
    """A log and those who sign it.

    Attributes:
        leaves: The entries.
        signer: The log's key.
        witnesses: Who cosigns.
    """

    leaves: list[bytes] = field(default_factory=list)
    signer: NoteSigner = LOG_SIGNER
    witnesses: tuple[NoteSigner, ...] = WITNESSES

    @property
    def size(self) -> int:
        """Return how many entries there are."""
        return len(self.leaves)

    def add(
        self,
        kind: str = "claim.added",
        *,
        time: dt.datetime | None = None,
        facts: Mapping[str, Any] | None = None,
        tables: Sequence[str] = ("claims",),
    ) -> int:
        """Append an entry, by default a claim a minute after the last one; return its position."""
        moment = time or START + dt.timedelta(minutes=self.size)
        self.leaves.append(leaf(kind, moment, facts or {}, tables))
        return self.size - 1

    def fork(self, at: int) -> Log:
        """Return a log that begins alike and goes on otherwise."""
        other = Log(self.leaves[:at], self.signer, self.witnesses)
        for number in range(self.size - at):
            other.add(facts={"other": number})
        return other

    def head(self, size: int | None = None, origin: str | None = None) -> Checkpoint:
        """Return the checkpoint over the first entries."""
        count = self.size if size is None else size
        root = tree_root(leaf_hash(item) for item in self.leaves[:count])
        return Checkpoint(origin or self.signer.name, count, root)

    def state(self, size: int | None = None) -> LogState:
        """Return the same as a certificate names it."""
        head = self.head(size)
        return LogState(head.origin, head.size, head.root.hex())

    def note(
        self,
        size: int | None = None,
        *,
        witnesses: Sequence[NoteSigner] = (),
        time: dt.datetime = START + DAY,
        signers: Sequence[NoteSigner] | None = None,
    ) -> Note:
        """Return a signed checkpoint, cosigned by some witnesses at a time."""
        text = self.head(size).to_bytes()
        lines = [item.sign(text) for item in ([self.signer] if signers is None else signers)]
        lines += [item.sign(text, time=int(time.timestamp())) for item in witnesses]
        return Note(text, tuple(lines))

    def proof(self, index: int, size: int | None = None, **signed: Any) -> LogProof:
        """Return the proof of an entry, with the entry; `signed` is for `note`."""
        count = self.size if size is None else size
        hashes = TileHashes(count, self._tile)
        return LogProof(
            index,
            tuple(inclusion(hashes, index, count)),
            self.note(count, **signed),
            self.leaves[index],
        )

    def _tile(self, tile: Tile) -> list[bytes]:
        step = WIDTH**tile.level
        return [
            tree_root(leaf_hash(item) for item in self.leaves[at : at + step])
            for at in range(tile.first, tile.first + tile.width * step, step)
        ]

    def publish(
        self, path: Path, size: int | None = None, *, hashes_only: bool = False, **signed: Any
    ) -> Path:
        """Write a copy of the log as static files; `signed` is for `note`."""
        count = self.size if size is None else size
        for tile in tiles_of(count):
            _write(path / tile.path, b"".join(self._tile(tile)))
            if tile.level == 0 and not hashes_only:
                begin = tile.number * WIDTH
                _write(path / tile.bundle, bundle(self.leaves[begin : begin + tile.width]))
        _write(path / "checkpoint", self.note(count, **signed).to_bytes())
        return path


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def beginning() -> Log:
    """Return a log of twelve entries, of which entries 1 and 2 register versions."""
    made = Log()
    made.add("key.created", tables=["signing_keys"])
    for _ in range(2):
        made.add("version.registered", tables=["dataset_versions", "locations"])
    for _ in range(9):
        made.add()
    return made
