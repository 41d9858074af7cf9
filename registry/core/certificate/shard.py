"""The statement that travels in a shard's footer, so that the shard can be checked alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Self

from registry.core.attest import Statement, Subject
from registry.core.certificate.opening import check_predicate_type
from registry.core.certificate.parts import Issuer, mismatch
from registry.core.digest import HASH_SUITE
from registry.core.manifest import Column, ShardEntry, Tally, parse_origins, total
from registry.core.strict import ObjectReader

SHARD_PREDICATE_TYPE: Final = "https://firsthand.dev/certified-shard/v1"


@dataclass(frozen=True, slots=True)
class ShardStatement:
    """What the issuer states about one shard, inside its own footer.

    Attributes:
        snapshot_root: The snapshot that the shard belongs to.
        index: Its position there, from 0.
        shard: Its name, rows and record root.
        columns: What it holds, in order.
        origins: What its rows add up to.
        issuer: Who says so.
    """

    snapshot_root: str
    index: int
    shard: ShardEntry
    columns: tuple[Column, ...]
    origins: dict[str, Tally]
    issuer: Issuer

    def to_statement(self) -> Statement:
        """Return the statement that gets signed."""
        return Statement(
            (Subject(self.shard.name, self.shard.record_root),),
            SHARD_PREDICATE_TYPE,
            {
                "columns": [asdict(column) for column in self.columns],
                "hash": HASH_SUITE,
                "index": self.index,
                "issuer": asdict(self.issuer),
                "origins": {name: asdict(tally) for name, tally in self.origins.items()},
                "shard": asdict(self.shard),
                "snapshot_root": self.snapshot_root,
            },
        )

    @classmethod
    def parse(cls, statement: Statement) -> Self:
        """Read a shard statement and check that its parts agree with one another.

        Raises:
            VerificationError: `E_PREDICATE_TYPE`, `E_VERSION`, `E_ENVELOPE`, `E_MANIFEST` or
                `E_CLAIM_MISMATCH`.
        """
        check_predicate_type(statement, SHARD_PREDICATE_TYPE)
        code = "E_ENVELOPE"
        keys = {
            "columns",
            "hash",
            "index",
            "issuer",
            "origins",
            "shard",
            "snapshot_root",
        }
        got = ObjectReader(statement.predicate, "the shard statement", code, keys)
        got.constant("hash", HASH_SUITE, "E_VERSION")
        made = cls(
            got.digest("snapshot_root"),
            got.count("index"),
            ShardEntry.parse(got.take("shard")),
            tuple(Column.parse(item, code) for item in got.items("columns")),
            parse_origins(got.mapping("origins"), code),
            Issuer.parse(got.take("issuer")),
        )
        if statement.subjects != (Subject(made.shard.name, made.shard.record_root),):
            raise mismatch("the shard statement is not about its own shard")
        if total(made.origins).documents != made.shard.rows:
            raise mismatch("the shard's origins do not add up to its rows")
        return made
