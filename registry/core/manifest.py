"""The manifest: the logical content of a snapshot. Its digest is the snapshot root.

It holds roots, counts and columns, and no file digests: those name one set of files and stand
beside it in the certificate. All of it is known before a byte of a shard is written.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from registry.core.digest import HASH_SUITE, canonical, parse_canonical, sha256_hex
from registry.core.merkle import shards_root
from registry.core.strict import ObjectReader
from registry.errors import VerificationError

MANIFEST_TYPE: Final = "firsthand-manifest/v1"
MAX_MANIFEST: Final = 16 * 2**20
ORIGIN_NAMES: Final = ("human", "assisted", "mixed", "unknown", "programmatic", "ai")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the shards: its name and its canonical type (`text bytes integer time`)."""

    name: str
    type: str

    @classmethod
    def parse(cls, value: Any, code: str) -> Self:
        """Read one column."""
        got = ObjectReader(value, "a column", code, {"name", "type"})
        return cls(got.text("name"), got.text("type"))


@dataclass(frozen=True, slots=True)
class Tally:
    """What the rows of one origin add up to."""

    documents: int = 0
    bytes: int = 0
    human_bytes: int = 0

    @classmethod
    def parse(cls, value: Any, code: str) -> Self:
        """Read one tally."""
        got = ObjectReader(value, "a tally", code, {"bytes", "documents", "human_bytes"})
        return cls(got.count("documents"), got.count("bytes"), got.count("human_bytes"))

    def __add__(self, other: Tally) -> Tally:
        """Return the sums."""
        return Tally(
            self.documents + other.documents,
            self.bytes + other.bytes,
            self.human_bytes + other.human_bytes,
        )


def parse_origins(value: dict[str, Any], code: str) -> dict[str, Tally]:
    """Read the tallies by origin.

    A text of origin `human` is human to the last byte, a `mixed` one in part, any other not at all.

    Raises:
        VerificationError: With the given code; an origin is unknown, or its human bytes are not
            what they can be.
    """
    odd = set(value) - set(ORIGIN_NAMES)
    if odd:
        raise VerificationError(f"`{min(odd)[:40]}` is not an origin", code=code)
    made = {name: Tally.parse(tally, code) for name, tally in value.items()}
    for name, tally in made.items():
        least, most = (tally.bytes if name == "human" else 0), tally.bytes
        if name not in ("human", "mixed"):
            most = 0
        if not least <= tally.human_bytes <= most:
            raise VerificationError(
                f"{tally.human_bytes:,} human bytes among {tally.bytes:,} bytes of origin `{name}`",
                code=code,
            )
    return made


def total(origins: dict[str, Tally]) -> Tally:
    """Return the sums over all origins."""
    return sum(origins.values(), Tally())


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """One shard as the manifest lists it."""

    name: str
    rows: int
    record_root: str

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read one entry; names outside `data/` are refused."""
        got = ObjectReader(value, "a shard", "E_MANIFEST", {"name", "record_root", "rows"})
        return cls(
            check_shard_name(got.text("name")),
            got.count("rows"),
            got.digest("record_root"),
        )


def shard_name(index: int) -> str:
    """Return the path of a shard inside a snapshot."""
    return f"data/part-{index:05d}.parquet"


def check_shard_name(name: str) -> str:
    """Return the name if it is a plain file directly under `data/`.

    Raises:
        VerificationError: `E_MANIFEST`; following the name could leave the snapshot.
    """
    folder, _, base = name.partition("/")
    plain = base.isascii() and base.isprintable() and not set(base) & set('/\\:*?"<>| ')
    if folder != "data" or not base or base.startswith(".") or not plain or len(base) > 120:
        raise VerificationError("a shard's name is not a plain file in `data/`", code="E_MANIFEST")
    return name


@dataclass(frozen=True, slots=True)
class Manifest:
    """The logical content of a snapshot. `root` is its identity.

    Attributes:
        plan: SHA-256 of the plan that drew these documents.
        content_root: Over the content hashes of all rows, ascending, duplicates kept.
        record_root: Over the shards' record roots, in order.
        columns: What the shards hold, in order. The record roots cover all but `text`, which its
            content hash covers.
        distinct: Different texts.
        empty: Texts of no bytes.
        origins: For each origin, what its rows add up to.
        shards: In order.
    """

    plan: str
    content_root: str
    record_root: str
    columns: tuple[Column, ...]
    distinct: int
    empty: int
    origins: dict[str, Tally]
    shards: tuple[ShardEntry, ...]

    @property
    def total(self) -> Tally:
        """Return documents, bytes and human bytes of the whole snapshot."""
        return total(self.origins)

    @property
    def root(self) -> str:
        """Return the snapshot root: SHA-256 of the canonical manifest."""
        return sha256_hex(self.to_bytes())

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON values."""
        sums = self.total
        return {
            "bytes": sums.bytes,
            "columns": [asdict(column) for column in self.columns],
            "content_root": self.content_root,
            "distinct": self.distinct,
            "documents": sums.documents,
            "empty": self.empty,
            "hash": HASH_SUITE,
            "human_bytes": sums.human_bytes,
            "origins": {name: asdict(tally) for name, tally in self.origins.items()},
            "plan": self.plan,
            "record_root": self.record_root,
            "shards": [asdict(shard) for shard in self.shards],
            "type": MANIFEST_TYPE,
        }

    def to_bytes(self) -> bytes:
        """Return the canonical JSON, the content of `manifest.json`."""
        return canonical(self.to_json())

    @classmethod
    def parse_bytes(cls, data: bytes) -> Self:
        """Read `manifest.json`.

        Raises:
            VerificationError: `E_MANIFEST`, `E_NONCANONICAL`, `E_VERSION` or `E_LIMIT`.
        """
        try:
            return cls.parse(parse_canonical(data, limit=MAX_MANIFEST))
        except VerificationError as error:
            if error.code != "E_ENVELOPE":
                raise
            raise VerificationError(error.message, code="E_MANIFEST") from error

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Read a manifest and check that it agrees with itself.

        Raises:
            VerificationError: `E_MANIFEST` or `E_VERSION`.
        """
        code = "E_MANIFEST"
        keys = {
            "bytes", "columns", "content_root", "distinct", "documents", "empty", "hash",
            "human_bytes", "origins", "plan", "record_root", "shards", "type",
        }  # fmt: skip
        got = ObjectReader(value, "the manifest", code, keys)
        got.constant("type", MANIFEST_TYPE, "E_VERSION")
        got.constant("hash", HASH_SUITE, "E_VERSION")
        made = cls(
            plan=got.digest("plan"),
            content_root=got.digest("content_root"),
            record_root=got.digest("record_root"),
            columns=tuple(Column.parse(item, code) for item in got.items("columns")),
            distinct=got.count("distinct"),
            empty=got.count("empty"),
            origins=parse_origins(got.mapping("origins"), code),
            shards=tuple(ShardEntry.parse(item) for item in got.items("shards")),
        )
        sums = made.total
        if (got.count("documents"), got.count("bytes"), got.count("human_bytes")) != (
            sums.documents,
            sums.bytes,
            sums.human_bytes,
        ):
            raise got.bad("has origins that do not add up to its totals")
        if made.distinct > sums.documents or made.empty > sums.documents:
            raise got.bad("has more distinct or empty texts than documents")
        if len({column.name for column in made.columns}) != len(made.columns):
            raise got.bad("names a column twice")
        if sum(shard.rows for shard in made.shards) != sums.documents:
            raise got.bad("has shards that do not add up to its documents")
        if len({shard.name for shard in made.shards}) != len(made.shards):
            raise got.bad("names a shard twice")
        roots = [bytes.fromhex(shard.record_root) for shard in made.shards]
        if shards_root(roots).hex() != made.record_root:
            raise got.bad("has shards that do not add up to its record root")
        return made
