"""Make proofs about a snapshot that travel alone: that a row is in it, or that a text is not.

Offline, from the snapshot's folder; no registry, no database. What is read must give the roots
that are signed, so that no proof is handed out that would not hold; who signed them is for whoever
checks the proof, who has the key. Checking is `registry.core.rowproof`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from registry import shards
from registry.core.attest import MAX_ENVELOPE
from registry.core.certificate import Certificate, open_envelope
from registry.core.logproof import SUFFIX
from registry.core.manifest import Manifest, ShardEntry
from registry.core.merkle import CHUNK, CONTENT_LEAF, HASH_SIZE, RECORD_LEAF, leaf_hash, tree_root
from registry.core.note import MAX_NOTE
from registry.core.proof import inclusion
from registry.core.rowproof import AbsenceProof, ContentLeaf, RowProof
from registry.errors import InvalidInputError, NotFoundError, UnavailableError, VerificationError
from registry.plain_files import BLOCK, open_plain, read_small, unreadable
from registry.sorted_hashes import HashSorter

if TYPE_CHECKING:
    from typing import BinaryIO

_BATCH: Final = 8192
_TEXTS: Final = 256
"""How many texts are read at a time to find one."""
_LEAF: Final = CHUNK * HASH_SIZE
_SHOWN: Final = 10


def row(folder: str | os.PathLike[str], number: int, *, with_text: bool = False) -> RowProof:
    """Return the proof that a row is in a snapshot.

    All rows of its shard are read, without their texts.

    Args:
        folder: The snapshot, as it was exported.
        number: Which row, from 0, over the shards in order, as readers of Parquet count.
        with_text: Whether the proof tells the text.

    Raises:
        NotFoundError: There is no such row, or no snapshot.
        VerificationError: What is there is not what is signed, so nothing can be proven of it;
            `E_LIMIT`: the proof would be larger than anybody reads.
        UnavailableError: Something could not be read.
    """
    place = Path(folder)
    envelope, manifest = _certified(place)
    shard, at = _locate(manifest, number)
    entry = manifest.shards[shard]
    with _opened(place, entry, manifest) as parquet:
        leaves = _RecordLeaves(at // CHUNK)
        names = [name for name in parquet.schema_arrow.names if name != "text"]
        for batch in parquet.iter_batches(_BATCH, columns=names, use_threads=False):
            leaves.add(batch)
        hashes = leaves.finish()
        if leaves.rows != entry.rows or tree_root(hashes).hex() != entry.record_root:
            raise VerificationError(
                f"the rows of `{entry.name}` are not those of the signed record root",
                code="E_RECORD_ROOT",
                hint="`firsthand verify --level content` says more; get the shard again",
            )
        text = _text(parquet, at) if with_text else None
    proof = RowProof(
        envelope,
        _log_proof(place),
        shard,
        at,
        leaves.wanted,
        tuple(_path(hashes, at // CHUNK)),
        text,
    )
    proof.check(manifest)
    proof.to_bytes()
    return proof


def absent(folder: str | os.PathLike[str], content_hash: bytes) -> AbsenceProof:
    """Return the proof that no row of a snapshot has a text.

    The content hashes of all rows are read and sorted, in bounded memory.

    Args:
        folder: The snapshot, as it was exported.
        content_hash: The SHA-256 of the text's exact UTF-8 bytes.

    Raises:
        VerificationError: `E_PRESENT`: rows have it, and the message names them; any other code:
            what is there is not what is signed.
        NotFoundError: There is no snapshot.
        UnavailableError: Something could not be read, or there is no room to sort.
    """
    place = Path(folder)
    envelope, manifest = _certified(place)
    leaves = _ContentLeaves(content_hash)
    found = _Found(content_hash)
    sorter = HashSorter()
    try:
        for entry in manifest.shards:
            with _opened(place, entry, manifest) as parquet:
                columns = ["content_hash"]
                for batch in parquet.iter_batches(_BATCH, columns=columns, use_threads=False):
                    hashes = _hashes(batch.column(0), entry.name)
                    found.add(hashes)
                    with _sorting():
                        sorter.add(_joined(hashes))
        with _sorting():
            for piece in sorter.ordered():
                leaves.add(piece)
    finally:
        sorter.discard()
    hashes = leaves.finish()
    if leaves.items != manifest.total.documents or tree_root(hashes).hex() != manifest.content_root:
        raise VerificationError(
            "the content hashes of its rows are not those of the signed content root",
            code="E_CONTENT_ROOT",
            hint="`firsthand verify --level content` says more; get the snapshot again",
        )
    found.refuse()
    wanted = tuple(
        ContentLeaf(index, leaf, tuple(_path(hashes, index))) for index, leaf in leaves.wanted()
    )
    proof = AbsenceProof(envelope, _log_proof(place), content_hash, wanted)
    proof.check(manifest)
    proof.to_bytes()
    return proof


@contextmanager
def _sorting() -> Iterator[None]:
    """Say what a disk refuses that has no room for the hashes of many rows."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"the hashes of so many rows cannot be sorted: {error.strerror or error}",
            hint="make room for 32 bytes per row in the folder that `TMPDIR` names",
        ) from error


def _certified(folder: Path) -> tuple[bytes, Manifest]:
    """Return the certificate's bytes and the manifest in it; who signed is not looked at."""
    if not folder.is_dir():
        raise NotFoundError(
            f"there is no snapshot at `{folder}`", hint="give the folder of a snapshot"
        )
    data = read_small(
        folder / "certificate.json", "certificate.json", limit=MAX_ENVELOPE, missing="E_UNSIGNED"
    )
    statement, _ = open_envelope(data, None)
    return data, Certificate.parse(statement).manifest


def _log_proof(folder: Path) -> bytes | None:
    """Return the proof that the certificate is in the log, where there is one."""
    name = f"certificate{SUFFIX}"
    if not (folder / name).exists():
        return None
    data = read_small(folder / name, name, limit=MAX_NOTE)
    return data if len(data) <= MAX_NOTE else None


def _locate(manifest: Manifest, number: int) -> tuple[int, int]:
    """Return which shard a row of the snapshot is in, and its number there."""
    if number < 0:
        raise InvalidInputError(f"rows count from 0, so none has the number {number}")
    at = number
    for index, entry in enumerate(manifest.shards):
        if at < entry.rows:
            return index, at
        at -= entry.rows
    raise NotFoundError(
        f"there is no row {number:,} among {manifest.total.documents:,}", hint="rows count from 0"
    )


def _path(hashes: list[bytes], index: int) -> list[bytes]:
    return inclusion(lambda begin, end: tree_root(hashes[begin:end]), index, len(hashes))


@contextmanager
def _opened(folder: Path, entry: ShardEntry, manifest: Manifest) -> Iterator[pq.ParquetFile]:
    """Open a shard that has the signed columns; what pyarrow raises on damage becomes ours."""
    with open_plain(folder / entry.name, entry.name) as file:
        try:
            parquet = _parquet(file)
            if shards.columns(parquet.schema_arrow) != manifest.columns:
                raise VerificationError(
                    f"the columns of `{entry.name}` are not those that are signed",
                    code="E_MANIFEST",
                )
            yield parquet
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise unreadable(entry.name, error) from error
            first = (str(error).splitlines() or [""])[0][:200]
            raise VerificationError(
                f"`{entry.name}` cannot be read as Parquet: {first}",
                code="E_PAGE_CRC" if "CRC" in first else "E_UNREADABLE",
                hint="get the shard again",
            ) from error


def _parquet(file: BinaryIO) -> pq.ParquetFile:
    return pq.ParquetFile(
        pa.PythonFile(file, mode="r"),
        buffer_size=BLOCK,
        pre_buffer=False,
        page_checksum_verification=True,
        arrow_extensions_enabled=False,
    )


def _text(parquet: pq.ParquetFile, number: int) -> bytes:
    """Return the text of a row of a shard; few texts are in memory at a time."""
    group = 0
    while number >= (rows := parquet.metadata.row_group(group).num_rows):
        group, number = group + 1, number - rows
    for batch in parquet.iter_batches(
        _TEXTS, row_groups=[group], columns=["text"], use_threads=False
    ):
        if number < batch.num_rows:
            found = batch.column(0).slice(number, 1)
            if pa.types.is_dictionary(found.type):
                found = found.dictionary_decode()
            return bytes(found.cast(pa.large_binary())[0].as_py() or b"")
        number -= batch.num_rows
    raise VerificationError("a row group does not have the rows it says", code="E_UNREADABLE")


def _hashes(column: pa.Array, name: str) -> pa.Array:
    """Return a column of content hashes as one of 32 bytes each."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    sizes = pc.binary_length(column)
    if column.null_count or not pc.all(pc.equal(sizes, HASH_SIZE), min_count=0).as_py():
        raise VerificationError(
            f"a content hash in `{name}` does not have 32 bytes", code="E_CONTENT_ROOT"
        )
    if pa.types.is_fixed_size_binary(column.type):
        return column
    return column.cast(pa.large_binary()).cast(pa.binary(HASH_SIZE))


def _joined(hashes: pa.Array) -> bytes:
    """Return hashes one after the other."""
    begin = hashes.offset * HASH_SIZE
    return bytes(memoryview(hashes.buffers()[1])[begin : begin + len(hashes) * HASH_SIZE])


class _Found:
    """Notes which rows have a content hash."""

    def __init__(self, content_hash: bytes) -> None:
        self._wanted = pa.scalar(content_hash, pa.binary(HASH_SIZE))
        self._rows: list[int] = []
        self._count = 0
        self._done = 0

    def add(self, hashes: pa.Array) -> None:
        alike = pc.indices_nonzero(pc.equal(hashes, self._wanted))
        self._count += len(alike)
        shown = alike[: max(0, _SHOWN - len(self._rows))].to_pylist()
        self._rows += [self._done + at for at in shown]
        self._done += len(hashes)

    def refuse(self) -> None:
        """Raise if a row has it."""
        if not self._count:
            return
        rows = ", ".join(f"{at:,}" for at in self._rows)
        more = f" and {self._count - len(self._rows):,} more" if self._count > _SHOWN else ""
        raise VerificationError(
            f"the text is in the snapshot: row{'s' if self._count > 1 else ''} {rows}{more}",
            code="E_PRESENT",
            hint="`firsthand prove --row N` proves that a row is there",
        )


class _RecordLeaves:
    """Hashes the record leaves of a shard, and keeps the bytes of one of them."""

    def __init__(self, index: int) -> None:
        self.rows = 0
        self.wanted = b""
        self._index = index
        self._hashes: list[bytes] = []
        self._parts: list[bytes] = []
        self._filled = 0

    def add(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        encoded = shards.encode_rows(batch)
        _, offsets, data = encoded.buffers()
        ends = memoryview(offsets).cast("q")[encoded.offset :]
        view, at = memoryview(data), 0
        while at < batch.num_rows:
            take = min(CHUNK - self._filled, batch.num_rows - at)
            self._parts.append(bytes(view[ends[at] : ends[at + take]]))
            self._filled, at = self._filled + take, at + take
            if self._filled == CHUNK:
                self._close()
        self.rows += batch.num_rows

    def finish(self) -> list[bytes]:
        """Return the hashes of all leaves."""
        if self._filled:
            self._close()
        return self._hashes

    def _close(self) -> None:
        leaf = b"".join(self._parts)
        if len(self._hashes) == self._index:
            self.wanted = leaf
        self._hashes.append(leaf_hash(RECORD_LEAF, leaf))
        self._parts, self._filled = [], 0


class _ContentLeaves:
    """Hashes the leaves of ascending content hashes, and keeps those around one hash."""

    def __init__(self, content_hash: bytes) -> None:
        self.items = 0
        self._wanted = content_hash
        self._below: tuple[int, bytes] | None = None
        self._above: tuple[int, bytes] | None = None
        self._hashes: list[bytes] = []
        self._rest = b""

    def add(self, hashes: bytes) -> None:
        self.items += len(hashes) // HASH_SIZE
        held = self._rest + hashes
        whole = len(held) // _LEAF * _LEAF
        for begin in range(0, whole, _LEAF):
            self._close(held[begin : begin + _LEAF])
        self._rest = held[whole:]

    def finish(self) -> list[bytes]:
        """Return the hashes of all leaves."""
        if self._rest:
            self._close(self._rest)
            self._rest = b""
        return self._hashes

    def wanted(self) -> list[tuple[int, bytes]]:
        """Return the leaf that would have the hash, or the two that it would be between."""
        below, above = self._below, self._above
        if below is None or above is None:
            return [leaf for leaf in (below, above) if leaf is not None]
        return [below] if self._wanted < below[1][-HASH_SIZE:] else [below, above]

    def _close(self, leaf: bytes) -> None:
        at = (len(self._hashes), leaf)
        if leaf[:HASH_SIZE] <= self._wanted:
            self._below = at
        elif self._above is None:
            self._above = at
        self._hashes.append(leaf_hash(CONTENT_LEAF, leaf))
