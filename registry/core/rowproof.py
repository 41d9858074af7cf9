"""Proofs about a snapshot that travel alone: that a row is in it, or that a text is not.

A proof brings the snapshot's certificate along, and the leaves of its trees that matter. Who
checks it needs the signer's key and nothing else of the snapshot. Everything here is a rule about
values; the signature on the certificate is checked by whoever calls `check`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Final, Self, TypeAlias

from registry.core.attest import MAX_ENVELOPE
from registry.core.digest import (
    TAG_BYTES,
    TAG_INTEGER,
    TAG_NULL,
    TAG_TEXT,
    TAG_TIME,
    canonical,
    digest_of,
    from_base64,
    parse_canonical,
)
from registry.core.manifest import ORIGIN_NAMES, Column, Manifest, ShardEntry
from registry.core.merkle import CHUNK, CONTENT_LEAF, HASH_SIZE, RECORD_LEAF, leaf_hash
from registry.core.note import MAX_NOTE
from registry.core.proof import MOST_HASHES, check_inclusion
from registry.core.strict import ObjectReader
from registry.errors import VerificationError

PROOF_TYPE: Final = "firsthand-proof/v1"
SUFFIX: Final = ".proof"
MAX_PROOF: Final = 32 * 2**20
"""The largest proof that is read, in bytes; a text that does not fit is given beside it."""
DIGEST: Final = "digest"
"""The key of the SHA-256 over all other parts. It shows damage, and stops nobody who makes proofs:
without it, one flipped bit could make a proof into a true one about another row or text."""
MAX_LEAF: Final = 8 * 2**20

Cell: TypeAlias = bytes | str | int | None

_TAGS: Final = {"bytes": TAG_BYTES, "text": TAG_TEXT, "integer": TAG_INTEGER, "time": TAG_TIME}
_NUMBERS: Final = ("integer", "time")
_REQUIRED: Final = {"content_hash": "bytes", "origin": "text", "human_bytes": "integer"}


def leaves_of(items: int) -> int:
    """Return how many leaves so many content hashes or rows have."""
    return -(-items // CHUNK)


def leaf_items(index: int, items: int) -> int:
    """Return how many of so many content hashes or rows are in a leaf: all are full but the last.

    Raises:
        VerificationError: `E_ROW_PROOF`; there is no such leaf.
    """
    if not 0 <= index < leaves_of(items):
        raise _wrong(f"a tree of {leaves_of(items):,} leaves has no leaf {index:,}")
    return min(CHUNK, items - index * CHUNK)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that a proof shows to be in a snapshot.

    Attributes:
        shard: The shard it is in.
        in_shard: Its number there, from 0.
        number: Its number in the snapshot, from 0, over the shards in order.
        content_hash: The SHA-256 of its text.
        cells: What is signed about it, by column and without `text`: times are microseconds since
            1970 UTC.
    """

    shard: ShardEntry
    in_shard: int
    number: int
    content_hash: bytes
    cells: dict[str, Cell]


@dataclass(frozen=True, slots=True)
class RowProof:
    """A proof that a row is in a snapshot.

    Attributes:
        certificate: The bytes of the snapshot's `certificate.json`.
        log_proof: Those of its `certificate.tlog-proof`, or None.
        shard: Which shard the row is in, from 0.
        row: Its number there, from 0.
        leaf: The encodings of all rows of the row's leaf, one after the other.
        path: The proof that the leaf is in the shard's record tree, the leaf's sibling first.
        text: The text, or None where it is not told.
    """

    kind: ClassVar[str] = "row"

    certificate: bytes
    log_proof: bytes | None
    shard: int
    row: int
    leaf: bytes
    path: tuple[bytes, ...]
    text: bytes | None

    def to_bytes(self) -> bytes:
        """Return the proof as it is written."""
        return _document(
            self,
            leaf=_base64(self.leaf),
            path=[_base64(item) for item in self.path],
            row=self.row,
            shard=self.shard,
            text=None if self.text is None else _base64(self.text),
        )

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read the JSON object of such a proof; nothing is checked yet but its form."""
        got = _reader(value, {"leaf", "path", "row", "shard", "text"})
        text = got.take("text")
        return cls(
            *_carried(got),
            got.count("shard"),
            got.count("row"),
            _bytes(got, "leaf", MAX_LEAF),
            _path(got),
            None if text is None else _bytes(got, "text", MAX_PROOF),
        )

    def check(self, manifest: Manifest) -> Row:
        """Return the row that the proof shows.

        Args:
            manifest: The manifest of the certificate, whose signature the caller checked.

        Raises:
            VerificationError: `E_ROW_PROOF`; `E_MANIFEST`: its columns cannot be those of rows;
                `E_CLAIM_MISMATCH`: the row says of itself what cannot be.
        """
        if self.shard >= len(manifest.shards):
            raise _wrong(f"the snapshot has no shard {self.shard:,}")
        entry = manifest.shards[self.shard]
        if self.row >= entry.rows:
            raise _wrong(f"the shard has no row {self.row:,}, but {entry.rows:,} rows")
        index = self.row // CHUNK
        expected = leaf_items(index, entry.rows)
        root = bytes.fromhex(entry.record_root)
        hashed = leaf_hash(RECORD_LEAF, self.leaf)
        _included(index, leaves_of(entry.rows), root, hashed, self.path)
        rows = decode_rows(self.leaf, manifest.columns)
        if len(rows) != expected:
            raise _wrong(f"the leaf has {len(rows):,} rows, expected {expected:,}")
        cells = rows[self.row % CHUNK]
        before = sum(shard.rows for shard in manifest.shards[: self.shard])
        content_hash = _check_cells(cells, self.text)
        if self.text is not None and hashlib.sha256(self.text).digest() != content_hash:
            raise _wrong("the text of the proof is not that of the row")
        return Row(entry, self.row, before + self.row, content_hash, cells)


@dataclass(frozen=True, slots=True)
class ContentLeaf:
    """A leaf of the content tree.

    Attributes:
        index: Which one, from 0.
        hashes: Its content hashes, one after the other.
        path: The proof that it is in the tree, the leaf's sibling first.
    """

    index: int
    hashes: bytes
    path: tuple[bytes, ...]

    @property
    def first(self) -> bytes:
        """Return the lowest hash."""
        return self.hashes[:HASH_SIZE]

    @property
    def last(self) -> bytes:
        """Return the highest hash."""
        return self.hashes[-HASH_SIZE:]

    def split(self) -> list[bytes]:
        """Return the hashes one by one."""
        return [self.hashes[at : at + HASH_SIZE] for at in range(0, len(self.hashes), HASH_SIZE)]

    def to_json(self) -> dict[str, Any]:
        """Return the leaf as JSON values."""
        path = [_base64(item) for item in self.path]
        return {"index": self.index, "leaf": _base64(self.hashes), "path": path}

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read a leaf."""
        got = ObjectReader(value, "a leaf of the proof", "E_ENVELOPE", {"index", "leaf", "path"})
        return cls(got.count("index"), _bytes(got, "leaf", CHUNK * HASH_SIZE), _path(got))

    def check(self, documents: int, root: bytes) -> None:
        """Refuse a leaf that is not the one of this number under a content root."""
        if len(self.hashes) != HASH_SIZE * leaf_items(self.index, documents):
            raise _wrong("a leaf does not have the number of hashes that it must have")
        hashed = leaf_hash(CONTENT_LEAF, self.hashes)
        _included(self.index, leaves_of(documents), root, hashed, self.path)
        hashes = self.split()
        if any(low > high for low, high in pairwise(hashes)):
            raise _wrong("the hashes of a leaf do not ascend")


@dataclass(frozen=True, slots=True)
class AbsenceProof:
    """A proof that no row of a snapshot has a text.

    Attributes:
        certificate: The bytes of the snapshot's `certificate.json`.
        log_proof: Those of its `certificate.tlog-proof`, or None.
        content_hash: The SHA-256 of the text.
        leaves: The leaf of the content tree that would have it; two if it would be between them;
            none if the snapshot has no rows.
    """

    kind: ClassVar[str] = "absent"

    certificate: bytes
    log_proof: bytes | None
    content_hash: bytes
    leaves: tuple[ContentLeaf, ...]

    def to_bytes(self) -> bytes:
        """Return the proof as it is written."""
        return _document(
            self,
            content_hash=self.content_hash.hex(),
            leaves=[leaf.to_json() for leaf in self.leaves],
        )

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read the JSON object of such a proof; nothing is checked yet but its form."""
        got = _reader(value, {"content_hash", "leaves"})
        leaves = got.items("leaves")
        if len(leaves) > 2:
            raise got.bad("has more than two leaves")
        return cls(
            *_carried(got),
            bytes.fromhex(got.digest("content_hash")),
            tuple(ContentLeaf.parse(item) for item in leaves),
        )

    def check(self, manifest: Manifest) -> None:
        """Return if the text is in no row.

        Args:
            manifest: The manifest of the certificate, whose signature the caller checked.

        Raises:
            VerificationError: `E_PRESENT`: a row has the text; `E_ROW_PROOF`.
        """
        documents, root = manifest.total.documents, bytes.fromhex(manifest.content_root)
        if not self.leaves:
            if documents:
                raise _wrong("it shows no leaf, and the snapshot has rows")
            return
        for leaf in self.leaves:
            leaf.check(documents, root)
        if any(self.content_hash in leaf.split() for leaf in self.leaves):
            raise VerificationError("a row of the snapshot has this text", code="E_PRESENT")
        low, high = self.leaves[0], self.leaves[-1]
        if len(self.leaves) == 2:
            if high.index != low.index + 1:
                raise _wrong("its two leaves are no neighbors")
            if not low.last < self.content_hash < high.first:
                raise _wrong("the text would not be between its two leaves")
            return
        # Below all hashes only if there are none before, above all only if there are none behind.
        starts = low.first < self.content_hash or low.index == 0
        ends = self.content_hash < low.last or low.index == leaves_of(documents) - 1
        if not (starts and ends):
            raise _wrong("the text would not be in its leaf, but in another one")


Proof: TypeAlias = RowProof | AbsenceProof


def parse_proof(data: bytes) -> Proof:
    """Read a proof; nothing is checked yet except that it has the one form.

    Raises:
        VerificationError: `E_LIMIT`, `E_ENVELOPE`, `E_NONCANONICAL`, `E_VERSION`, or `E_ROW_PROOF`
            if it was damaged on its way.
    """
    value = parse_canonical(data, limit=MAX_PROOF)
    kind = value.get("type") if isinstance(value, dict) else None
    family, _, version = kind.rpartition("/") if isinstance(kind, str) else ("", "", "")
    if family != PROOF_TYPE.rpartition("/")[0]:
        raise VerificationError(
            "this is not a proof of a row or of absence",
            code="E_ENVELOPE",
            hint="give the folder of a snapshot, one shard, or what `firsthand prove` wrote",
        )
    if kind != PROOF_TYPE:
        raise VerificationError(
            f"the proof is of version `{version[:40]}`, expected `{PROOF_TYPE}`", code="E_VERSION"
        )
    rest = {key: item for key, item in value.items() if key != DIGEST}
    if value.get(DIGEST) != digest_of(rest):
        raise _wrong("it was damaged: its digest is not that of its other parts")
    for known in (RowProof, AbsenceProof):
        if value.get("kind") == known.kind:
            return known.parse(value)
    raise VerificationError("the proof is neither of a row nor of absence", code="E_ENVELOPE")


def decode_rows(leaf: bytes, columns: Sequence[Column]) -> list[dict[str, Cell]]:
    """Return the rows of a record leaf, cell by cell; each has exactly one encoding.

    Raises:
        VerificationError: `E_ROW_PROOF`, or `E_MANIFEST` for columns that rows cannot have.
    """
    kinds = _kinds(columns)
    rows: list[dict[str, Cell]] = []
    at = 0
    while at < len(leaf):
        if len(rows) == CHUNK:
            raise _wrong(f"the leaf has more than {CHUNK} rows")
        cells: dict[str, Cell] = {}
        for name, kind in kinds:
            cells[name], at = _cell(leaf, at, kind)
        rows.append(cells)
    return rows


def _kinds(columns: Sequence[Column]) -> list[tuple[str, str]]:
    """Return names and types of the columns that row encodings have."""
    kinds = {column.name: column.type for column in columns if column.name != "text"}
    if not set(kinds.values()) <= set(_TAGS):
        raise VerificationError(
            "a signed column has a type that rows cannot hold", code="E_MANIFEST"
        )
    for name, kind in _REQUIRED.items():
        if kinds.get(name) != kind:
            raise VerificationError(
                f"the signed columns have no `{name}` of type {kind}", code="E_MANIFEST"
            )
    return list(kinds.items())


def _cell(leaf: bytes, at: int, kind: str) -> tuple[Cell, int]:
    """Return the cell that begins at a place, and where it ends."""
    tag = leaf[at : at + 1]
    if tag == TAG_NULL:
        return None, at + 1
    if tag != _TAGS[kind]:
        raise _wrong("a cell of the leaf has another type than its column, or none")
    begin = at + 5
    end = begin + int.from_bytes(leaf[at + 1 : begin])
    raw = leaf[begin:end]
    if begin > len(leaf) or end > len(leaf):
        raise _wrong("the leaf ends within a cell")
    if kind in _NUMBERS:
        if len(raw) != 8:
            raise _wrong("a number of the leaf does not have 8 bytes")
        return int.from_bytes(raw, signed=True), end
    if kind == "bytes":
        return raw, end
    try:
        return raw.decode("utf-8"), end
    except UnicodeDecodeError as error:
        raise _wrong("a text of the leaf is not UTF-8") from error


def _check_cells(cells: dict[str, Cell], text: bytes | None) -> bytes:
    """Return the content hash of a row; refuse a row that nobody would accept in a shard."""
    content_hash, origin, human = (cells[name] for name in _REQUIRED)
    if not isinstance(content_hash, bytes) or len(content_hash) != HASH_SIZE:
        raise _mismatch("the row has no content hash of 32 bytes")
    if origin not in ORIGIN_NAMES:
        raise _mismatch("the row has an unknown origin")
    if not isinstance(human, int):
        raise _mismatch("the row does not say how many of its bytes are human")
    fits = human >= 0 if origin in ("human", "mixed") else human == 0
    if text is not None:
        fits = fits and (human == len(text) if origin == "human" else human <= len(text))
    if not fits:
        raise _mismatch("the row has human bytes that its origin and its text cannot have")
    return content_hash


def _included(index: int, size: int, root: bytes, hashed: bytes, path: Sequence[bytes]) -> None:
    try:
        check_inclusion(index, size, root, hashed, path)
    except VerificationError as error:
        raise _wrong(f"a leaf is not in the signed tree at its place: {error.message}") from error


def _document(proof: Proof, **parts: Any) -> bytes:
    """Return the one JSON form of a proof.

    Raises:
        VerificationError: `E_LIMIT`; nobody would read it.
    """
    log_proof = None if proof.log_proof is None else _base64(proof.log_proof)
    value = parts | {
        "type": PROOF_TYPE,
        "kind": proof.kind,
        "certificate": _base64(proof.certificate),
        "log_proof": log_proof,
    }
    data = canonical(value | {DIGEST: digest_of(value)})
    if len(data) > MAX_PROOF:
        raise VerificationError(
            f"the proof would have {len(data):,} bytes, more than the limit of {MAX_PROOF:,}",
            code="E_LIMIT",
            hint="make it without its text, and hand that over beside it",
        )
    return data


def _reader(value: Any, keys: set[str]) -> ObjectReader:
    common = {"type", "kind", "certificate", "log_proof", DIGEST}
    return ObjectReader(value, "the proof", "E_ENVELOPE", common | keys)


def _carried(got: ObjectReader) -> tuple[bytes, bytes | None]:
    """Return the certificate and the log proof."""
    log_proof = got.take("log_proof")
    return (
        _bytes(got, "certificate", MAX_ENVELOPE),
        None if log_proof is None else _bytes(got, "log_proof", MAX_NOTE),
    )


def _bytes(got: ObjectReader, key: str, limit: int) -> bytes:
    raw = from_base64(got.text(key), code="E_ENVELOPE")
    if len(raw) > limit:
        raise VerificationError(
            f"`{key}` has {len(raw):,} bytes, more than the limit of {limit:,}", code="E_LIMIT"
        )
    return raw


def _path(got: ObjectReader) -> tuple[bytes, ...]:
    texts = got.texts("path")
    if len(texts) > MOST_HASHES:
        raise VerificationError(
            f"a path of {len(texts):,} hashes is longer than any tree needs", code="E_LIMIT"
        )
    path = tuple(from_base64(text, code="E_ENVELOPE") for text in texts)
    if any(len(item) != HASH_SIZE for item in path):
        raise got.bad("has a hash in `path` that does not have 32 bytes")
    return path


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _wrong(message: str) -> VerificationError:
    return VerificationError(message, code="E_ROW_PROOF")


def _mismatch(message: str) -> VerificationError:
    return VerificationError(message, code="E_CLAIM_MISMATCH")
