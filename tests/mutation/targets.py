"""What gets damaged, and what must then refuse it.

A target takes damaged bytes and returns if they were believed, so that whoever damages counts what
was accepted, refused for a reason, and what raised something that nobody expected.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry import proving, verify
from registry.core.checkpoint import Checkpoint
from registry.core.logproof import LogProof
from registry.core.merkle import leaf_hash, tree_root
from registry.core.note import Note, NoteSigner
from registry.core.proof import inclusion
from registry.errors import RegistryError, VerificationError
from registry.verify import Level
from registry.verify.shown import Shown
from tests import snapshots
from tests.mutation.damage import Damage, blind, knowing, resealed
from tests.snapshots import SIGNER

ORIGIN: Final = "acme.example/log"
KEY: Final = SIGNER.public


@dataclass(frozen=True, slots=True)
class Target:
    """Bytes to damage, and a function that raises a RegistryError unless it believes them."""

    name: str
    data: bytes
    believe: Callable[[bytes], object]
    ways: tuple[Damage, ...] = (blind,)

    def damaged(self, rng: random.Random) -> bytes:
        """Return other bytes."""
        return rng.choice(self.ways)(rng, self.data)


@dataclass(slots=True)
class Score:
    """What came of damaging one target."""

    tried: int = 0
    accepted: list[bytes] = field(default_factory=list)
    untyped: list[BaseException] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def attack(self, target: Target, rng: random.Random) -> None:
        """Damage the target once."""
        data = target.damaged(rng)
        self.tried += 1
        try:
            target.believe(data)
        except VerificationError as error:
            self.reasons[error.code] = self.reasons.get(error.code, 0) + 1
        except RegistryError as error:
            name = type(error).__name__
            self.reasons[name] = self.reasons.get(name, 0) + 1
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            self.untyped.append(error)
        else:
            self.accepted.append(data)


def targets(folder: Path) -> list[Target]:
    """Return everything that is verified; files that must be are written to the folder."""
    long = [snapshots.row(f"text {at}", ("human", "ai")[at % 2]) for at in range(600)]
    made = snapshots.write(folder / "snap", [long, snapshots.rows(30)])
    row = proving.row(made.path, 333, with_text=True).to_bytes()
    last = proving.row(made.path, 629).to_bytes()
    absent = proving.absent(made.path, hashlib.sha256(b"nowhere").digest()).to_bytes()
    between = proving.absent(made.path, _between(made)).to_bytes()
    lone, proof, true = made.shards[1], _Proof(made.path), _TrueProof(made)
    return [
        Target("certificate", (made.path / "certificate.json").read_bytes(),
               _Certificate(made.path), (blind, knowing)),
        Target("checkpoint", _note().to_bytes(), _checkpoint),
        Target("log proof", _log_proof().to_bytes(), _log),
        Target("row proof", row, proof, (blind, knowing)),
        Target("absence proof", absent, proof, (blind, knowing)),
        Target("row proof, sealed", row, true, (resealed,)),
        Target("row proof, last leaf, sealed", last, true, (resealed,)),
        Target("absence proof, sealed", absent, true, (resealed,)),
        Target("absence of two leaves, sealed", between, true, (resealed,)),
        Target("shard, files", lone.read_bytes(), _Shard(made, lone, Level.FILES)),
        Target("shard, content", lone.read_bytes(), _Shard(made, lone, Level.CONTENT)),
        *tokens(folder),
    ]  # fmt: skip


def tokens(folder: Path) -> list[Target]:
    """Return timestamp tokens: none, until a reader of them is there.

    What is believed of a damaged one must be the same imprint and the same time.
    """
    return []


def _between(made: snapshots.Snapshot) -> bytes:
    """Return a hash that would be between the first two content leaves."""
    hashes = sorted(row["content_hash"] for part in made.parts for row in part)
    number = (int.from_bytes(hashes[255]) + int.from_bytes(hashes[256])) // 2
    return number.to_bytes(32)


class _Certificate:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "certificate.json"
        self._good = self._path.read_bytes()
        self._folder = folder

    def __call__(self, data: bytes) -> None:
        self._path.write_bytes(data)
        try:
            verify.snapshot(self._folder, key=KEY)
        finally:
            self._path.write_bytes(self._good)


class _Proof:
    """A proof, which is believed or not."""

    def __init__(self, snapshot: Path) -> None:
        self._path = snapshot.parent / "damaged.proof"

    def __call__(self, data: bytes) -> Shown:
        # A file that does not begin as proofs do is taken for a shard, and refused as one.
        self._path.write_bytes(data)
        shown = verify.examine(self._path, key=KEY).require().proven
        assert shown is not None
        return shown


class _TrueProof(_Proof):
    """A proof. Whoever makes proofs may make one from another, if what it shows is true."""

    def __init__(self, made: snapshots.Snapshot) -> None:
        super().__init__(made.path)
        self._rows = [row for part in made.parts for row in part]
        self._hashes = {row["content_hash"] for row in self._rows}

    def __call__(self, data: bytes) -> Shown:
        shown = super().__call__(data)
        about = bytes.fromhex(shown.content_hash)
        if shown.row is None:
            true = about not in self._hashes
        else:
            row = self._rows[shown.row.number]
            said = [shown.row.cells[name] for name in ("content_hash", "origin", "human_bytes")]
            true = said == [row["content_hash"], row["origin"], row["human_bytes"]]
            true = true and shown.text in (None, row["text"].encode())
        if true:
            raise VerificationError("another proof, and a true one", code="ANOTHER_TRUE_PROOF")
        return shown


class _Shard:
    """A shard within its snapshot. Rows that are the same in another file are no damage."""

    def __init__(self, made: snapshots.Snapshot, path: Path, level: Level) -> None:
        self._folder, self._path, self._level = made.path, path, level
        self._good = path.read_bytes()
        self._table = pq.read_table(path, partitioning=None)

    def __call__(self, data: bytes) -> None:
        self._path.write_bytes(data)
        try:
            verify.snapshot(self._folder, key=KEY, level=self._level)
            found = pq.read_table(pa.BufferReader(data), partitioning=None)
        finally:
            self._path.write_bytes(self._good)
        if self._level is Level.CONTENT and found.equals(self._table):
            raise VerificationError("the same rows, which the report says", code="SAME_ROWS")


_LOG: Final = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"l" * 32))
_LEAVES: Final = [b'{"kind":"example","number":%d}' % at for at in range(300)]
_HASHES: Final = [leaf_hash(leaf) for leaf in _LEAVES]


def _note() -> Note:
    text = Checkpoint(ORIGIN, len(_LEAVES), tree_root(_HASHES)).to_bytes()
    return Note(text, (_LOG.sign(text),))


def _log_proof() -> LogProof:
    path = inclusion(lambda begin, end: tree_root(_HASHES[begin:end]), 200, len(_LEAVES))
    return LogProof(200, tuple(path), _note(), _LEAVES[200])


def _signed(note: Note) -> None:
    if _LOG.public not in note.opened([_LOG.public]):
        raise VerificationError("no signature of the log", code="E_NO_LOG_SIGNATURE")


def _checkpoint(data: bytes) -> Checkpoint:
    note = Note.parse(data)
    _signed(note)
    return Checkpoint.parse(note.text)


def _log(data: bytes) -> Checkpoint:
    proof = LogProof.parse(data)
    _signed(proof.note)
    return proof.check()
