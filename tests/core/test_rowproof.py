from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.digest import canonical, digest_of, encode_cell
from registry.core.manifest import Column, Manifest, ShardEntry, Tally
from registry.core.merkle import (
    CONTENT_LEAF,
    RECORD_LEAF,
    content_root,
    leaf_hash,
    shards_root,
    tree_root,
)
from registry.core.proof import inclusion
from registry.core.rowproof import (
    AbsenceProof,
    ContentLeaf,
    Proof,
    RowProof,
    decode_rows,
    leaf_items,
    leaves_of,
    parse_proof,
)
from registry.errors import VerificationError

COLUMNS = (
    Column("text", "text"),
    Column("content_hash", "bytes"),
    Column("origin", "text"),
    Column("human_bytes", "integer"),
    Column("license", "text"),
    Column("not_after", "time"),
)
TAGS = {"bytes": b"\x01", "text": b"\x02", "integer": b"\x03", "time": b"\x04"}


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(VerificationError) as caught:
        call(*arguments)
    return caught.value.code


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def encoding(text: str, **other: Any) -> bytes:
    row: dict[str, Any] = {
        "content_hash": hash_of(text),
        "origin": "human",
        "human_bytes": len(text.encode()),
        "license": None,
        "not_after": -1,
    } | other
    return b"".join(encode_cell(row[column.name], TAGS[column.type]) for column in COLUMNS[1:])


def chunks(items: list[bytes]) -> list[bytes]:
    return [b"".join(items[at : at + 256]) for at in range(0, len(items), 256)]


class World:
    """A snapshot as two trees, made without any file."""

    def __init__(self, *shards: list[str], rows: dict[int, bytes] | None = None) -> None:
        self.texts = [text for shard in shards for text in shard]
        self.leaves = []
        at = 0
        for shard in shards:
            made = [(rows or {}).get(at + n, encoding(text)) for n, text in enumerate(shard)]
            self.leaves.append(chunks(made))
            at += len(shard)
        self.hashes = chunks(sorted(map(hash_of, self.texts)))
        roots = [
            tree_root(leaf_hash(RECORD_LEAF, leaf) for leaf in leaves) for leaves in self.leaves
        ]
        size = sum(len(text.encode()) for text in self.texts)
        self.manifest = Manifest(
            plan="0" * 64,
            content_root=content_root(b"".join(self.hashes)).hex(),
            record_root=shards_root(roots).hex(),
            columns=COLUMNS,
            distinct=len(set(self.texts)),
            empty=0,
            origins={"human": Tally(len(self.texts), size, size)},
            shards=tuple(
                ShardEntry(f"data/{n}.parquet", len(shard), root.hex())
                for n, (shard, root) in enumerate(zip(shards, roots, strict=True))
            ),
        )

    def row(self, shard: int, row: int, text: bytes | None = None) -> RowProof:
        leaves = [leaf_hash(RECORD_LEAF, leaf) for leaf in self.leaves[shard]]
        path = inclusion(lambda a, b: tree_root(leaves[a:b]), row // 256, len(leaves))
        leaf = self.leaves[shard][row // 256]
        return RowProof(b"c", None, shard, row, leaf, tuple(path), text)

    def leaf(self, index: int) -> ContentLeaf:
        leaves = [leaf_hash(CONTENT_LEAF, leaf) for leaf in self.hashes]
        path = inclusion(lambda a, b: tree_root(leaves[a:b]), index, len(leaves))
        return ContentLeaf(index, self.hashes[index], tuple(path))

    def absent(self, content_hash: bytes, *leaves: int) -> AbsenceProof:
        return AbsenceProof(b"c", b"l", content_hash, tuple(map(self.leaf, leaves)))


TEXTS = [f"text {n}" for n in range(700)]
WORLD = World(TEXTS[:600], [], TEXTS[600:])
LOW = b"\x00" * 32
HIGH = b"\xff" * 32


def test_a_row_shows_what_is_signed_about_it() -> None:
    row = WORLD.row(0, 599, b"text 599").check(WORLD.manifest)
    assert (row.number, row.in_shard, row.shard.name) == (599, 599, "data/0.parquet")
    assert row.content_hash == hash_of("text 599")
    assert row.cells["license"] is None
    assert row.cells["not_after"] == -1
    assert WORLD.row(2, 0).check(WORLD.manifest).number == 600


@given(st.integers(0, 599), st.integers(0, 599))
def test_a_row_is_proven_at_its_place_and_at_no_other(row: int, other: int) -> None:
    proof = WORLD.row(0, row)
    assert proof.check(WORLD.manifest).content_hash == hash_of(f"text {row}")
    moved = replace(proof, row=other)
    if row // 256 == other // 256:
        assert moved.check(WORLD.manifest).content_hash == hash_of(f"text {other}")
    else:
        assert code_of(moved.check, WORLD.manifest) == "E_ROW_PROOF"


ROW_ATTACKS: dict[str, dict[str, Any]] = {
    "a shard that is not there": {"shard": 3},
    "an empty shard": {"shard": 1},
    "another shard": {"shard": 2, "row": 5},
    "a row behind the last": {"row": 600},
    "no path": {"path": ()},
    "a longer path": {"path": (*WORLD.row(0, 5).path, LOW)},
    "a path of another leaf": {"path": WORLD.row(0, 300).path},
    "a path of 63 hashes": {"path": (LOW,) * 63},
    "a path of 64 hashes": {"path": (LOW,) * 64},
    "another leaf": {"leaf": WORLD.leaves[0][1]},
    "an empty leaf": {"leaf": b""},
    "a leaf with trailing bytes": {"leaf": WORLD.leaves[0][0] + b"\x00"},
    "a leaf with a row less": {"leaf": WORLD.leaves[0][0][: -len(encoding("text 255"))]},
    "two leaves as one": {"leaf": WORLD.leaves[0][0] + WORLD.leaves[0][1]},
    "an inner node as a leaf": {"leaf": LOW + HIGH, "path": WORLD.row(0, 5).path[1:]},
    "another text": {"text": b"text 6"},
    "the text with a line break": {"text": b"text 5\n"},
}


@pytest.mark.parametrize("attack", ROW_ATTACKS)
def test_a_proof_of_a_row_that_shows_something_else_is_refused(attack: str) -> None:
    assert WORLD.row(0, 5, b"text 5").check(WORLD.manifest)
    bent = replace(WORLD.row(0, 5), **ROW_ATTACKS[attack])
    # A text that cannot have its human bytes is noticed before it is hashed.
    codes = ("E_CLAIM_MISMATCH", "E_ROW_PROOF") if "line break" in attack else ("E_ROW_PROOF",)
    assert code_of(bent.check, WORLD.manifest) in codes


def one_row(encoded: bytes, manifest: Manifest | None = None) -> str:
    """Return why a snapshot of one row with this encoding, which is signed, is refused."""
    world = World(["a"], rows={0: encoded})
    return code_of(world.row(0, 0).check, manifest or world.manifest)


GOOD = encoding("a")
ENCODINGS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "E_ROW_PROOF"),
    "a cell too few": (GOOD[: len(GOOD) - 13], "E_ROW_PROOF"),
    "two rows": (GOOD + GOOD, "E_ROW_PROOF"),
    "a trailing null": (GOOD + b"\x00", "E_ROW_PROOF"),
    "a cut length": (GOOD[:3], "E_ROW_PROOF"),
    "a length beyond the end": (b"\x01\xff\xff\xff\xff" + GOOD[5:], "E_ROW_PROOF"),
    "a text for bytes": (b"\x02" + GOOD[1:], "E_ROW_PROOF"),
    "an unknown tag": (b"\x05" + GOOD[1:], "E_ROW_PROOF"),
    "a number of 7 bytes": (GOOD[:-13] + b"\x04\x00\x00\x00\x07" + b"\x00" * 7, "E_ROW_PROOF"),
    "a text that is not UTF-8": (
        encoding("a").replace(b"human", b"\xff\xfe\xfd\xfc\xfb"),
        "E_ROW_PROOF",
    ),
    "no hash": (encoding("a", content_hash=None), "E_CLAIM_MISMATCH"),
    "a hash of 31 bytes": (encoding("a", content_hash=b"a" * 31), "E_CLAIM_MISMATCH"),
    "no origin": (encoding("a", origin=None), "E_CLAIM_MISMATCH"),
    "an unknown origin": (encoding("a", origin="people"), "E_CLAIM_MISMATCH"),
    "no human bytes": (encoding("a", human_bytes=None), "E_CLAIM_MISMATCH"),
    "human bytes below zero": (encoding("a", human_bytes=-1), "E_CLAIM_MISMATCH"),
    "human bytes of a machine": (encoding("a", origin="ai"), "E_CLAIM_MISMATCH"),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_signed_rows_that_cannot_be_are_refused(name: str) -> None:
    encoded, code = ENCODINGS[name]
    assert one_row(encoded) == code


def test_columns_that_rows_cannot_have_are_refused() -> None:
    world = World(["a"])
    for columns in ((*COLUMNS, Column("x", "?")), COLUMNS[:1], COLUMNS[:3]):
        manifest = replace(world.manifest, columns=columns)
        assert code_of(world.row(0, 0).check, manifest) == "E_MANIFEST"


@given(st.binary(max_size=300))
def test_random_bytes_are_rows_or_refused(leaf: bytes) -> None:
    try:
        rows = decode_rows(leaf, COLUMNS)
    except VerificationError as error:
        if error.code != "E_ROW_PROOF":
            raise
    else:
        encoded = b"".join(
            encode_cell(row[column.name], TAGS[column.type])
            for row in rows
            for column in COLUMNS[1:]
        )
        assert encoded == leaf, "a row has two encodings"


@given(st.binary(min_size=32, max_size=32))
def test_one_set_of_leaves_proves_that_a_text_is_absent(wanted: bytes) -> None:
    proven = []
    for leaves in ((), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (1, 0), (0, 0)):
        proof = WORLD.absent(wanted, *leaves)
        try:
            proof.check(WORLD.manifest)
        except VerificationError as error:
            if error.code != "E_ROW_PROOF":
                raise
        else:
            proven.append(leaves)
    assert len(proven) == 1


@given(st.integers(0, 699), st.lists(st.integers(0, 2), max_size=2), st.data())
def test_no_leaves_prove_that_a_present_text_is_absent(
    row: int, leaves: list[int], data: st.DataObject
) -> None:
    proof = WORLD.absent(hash_of(f"text {row}"), *leaves)
    assert code_of(proof.check, WORLD.manifest) in ("E_PRESENT", "E_ROW_PROOF")
    bent = []
    for leaf in proof.leaves:
        hashes = leaf.split()
        kept = data.draw(st.permutations(hashes)) if data.draw(st.booleans()) else hashes
        kept = kept[data.draw(st.integers(0, 3)) : len(kept) - data.draw(st.integers(0, 3))]
        index = data.draw(st.integers(0, 3))
        bent.append(replace(leaf, hashes=b"".join(kept), index=index))
    assert code_of(replace(proof, leaves=tuple(bent)).check, WORLD.manifest) in (
        "E_PRESENT",
        "E_ROW_PROOF",
    )


def test_absence_at_the_edges() -> None:
    first, last = WORLD.leaf(0), WORLD.leaf(2)
    WORLD.absent(LOW, 0).check(WORLD.manifest)
    WORLD.absent(HIGH, 2).check(WORLD.manifest)
    between = (int.from_bytes(first.last) + int.from_bytes(WORLD.leaf(1).first)) // 2
    WORLD.absent(between.to_bytes(32), 0, 1).check(WORLD.manifest)
    for present in (first.first, first.last, last.first, last.last):
        for leaves in ((0,), (0, 1), (1, 2), (2,)):
            code = code_of(WORLD.absent(present, *leaves).check, WORLD.manifest)
            assert code in ("E_PRESENT", "E_ROW_PROOF")
    assert code_of(WORLD.absent(first.last, 0, 1).check, WORLD.manifest) == "E_PRESENT"
    nothing = World()
    nothing.absent(LOW).check(nothing.manifest)
    assert code_of(WORLD.absent(LOW).check, WORLD.manifest) == "E_ROW_PROOF"
    assert code_of(replace(WORLD.absent(LOW, 0)).check, nothing.manifest) == "E_ROW_PROOF"


def test_hashes_that_do_not_ascend_prove_nothing_even_where_they_are_signed() -> None:
    hashes = [HIGH, hash_of("a"), LOW]
    world = World(["a", "b", "c"])
    leaf = ContentLeaf(0, b"".join(hashes), ())
    manifest = replace(
        world.manifest, content_root=tree_root([leaf_hash(CONTENT_LEAF, leaf.hashes)]).hex()
    )
    proof = AbsenceProof(b"c", None, hash_of("b"), (leaf,))
    assert code_of(proof.check, manifest) == "E_ROW_PROOF"


def test_equal_texts_make_equal_hashes_that_fill_leaves() -> None:
    world = World(["same"] * 600)
    assert code_of(world.absent(hash_of("same"), 1).check, world.manifest) == "E_PRESENT"
    wanted = hash_of("other")
    world.absent(wanted, 0 if wanted < hash_of("same") else 2).check(world.manifest)


def test_how_many_leaves_there_are_follows_from_the_rows() -> None:
    assert [leaves_of(n) for n in (0, 1, 256, 257, 512)] == [0, 1, 1, 2, 2]
    assert [leaf_items(1, n) for n in (257, 512, 513)] == [1, 256, 256]
    for index in (-1, 2):
        assert code_of(leaf_items, index, 512) == "E_ROW_PROOF"


PROOFS: dict[str, Proof] = {
    "row": WORLD.row(0, 5),
    "row with text": WORLD.row(2, 99, b"text 699"),
    "absent": WORLD.absent(LOW, 0),
    "absent between": WORLD.absent(LOW, 0, 1),
    "absent in nothing": World().absent(LOW),
}


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_has_one_form_and_every_byte_counts(name: str) -> None:
    proof = PROOFS[name]
    data = proof.to_bytes()
    assert parse_proof(data) == proof
    for at in range(0, len(data), max(1, len(data) // 400)):
        for bit in (0, 3, 6):
            bent = bytearray(data)
            bent[at] ^= 1 << bit
            code_of(parse_proof, bytes(bent))


def sealed(value: dict[str, Any]) -> bytes:
    rest = {key: item for key, item in value.items() if key != "digest"}
    return canonical(rest | {"digest": digest_of(rest)})


DOCUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"type": "firsthand-proof/v2"}, "E_VERSION"),
    "another document": ({"type": "firsthand-manifest/v1"}, "E_ENVELOPE"),
    "no type": ({"type": None}, "E_ENVELOPE"),
    "another kind": ({"kind": "column"}, "E_ENVELOPE"),
    "the kind of the other": ({"kind": "absent"}, "E_ENVELOPE"),
    "a kind that is a list": ({"kind": []}, "E_ENVELOPE"),
    "one more key": ({"more": 1}, "E_ENVELOPE"),
    "a negative row": ({"row": -1}, "E_ENVELOPE"),
    "a row that is true": ({"row": True}, "E_ENVELOPE"),
    "no certificate": ({"certificate": None}, "E_ENVELOPE"),
    "a leaf that is no base64": ({"leaf": "?"}, "E_ENVELOPE"),
    "base64 with a bit too many": ({"leaf": "AB=="}, "E_NONCANONICAL"),
    "a path of numbers": ({"path": [1]}, "E_ENVELOPE"),
    "a path of 31 bytes": ({"path": [base64.b64encode(bytes(31)).decode()]}, "E_ENVELOPE"),
    "a path of 64 hashes": ({"path": [base64.b64encode(LOW).decode()] * 64}, "E_LIMIT"),
    "a log proof that is too long": (
        {"log_proof": base64.b64encode(bytes(2**20 + 1)).decode()},
        "E_LIMIT",
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_other_documents_are_refused(name: str) -> None:
    change, code = DOCUMENTS[name]
    value = json.loads(WORLD.row(0, 5).to_bytes())
    assert code_of(parse_proof, sealed(value | change)) == code


def test_what_is_no_proof_at_all_is_refused() -> None:
    for data in (b"", b"{}", b"[]", b"null", b"PAR1", b"[" * 40, b'{"type":"firsthand-proof/v1"}'):
        assert code_of(parse_proof, data).startswith("E_")
    value = json.loads(WORLD.absent(LOW, 0).to_bytes())
    leaf = value["leaves"][0]
    assert code_of(parse_proof, sealed(value | {"leaves": [leaf] * 3})) == "E_ENVELOPE"
    long = leaf | {"leaf": base64.b64encode(bytes(257 * 32)).decode()}
    assert code_of(parse_proof, sealed(value | {"leaves": [long]})) == "E_LIMIT"
    assert (
        code_of(parse_proof, canonical(value | {"content_hash": "0" * 63 + "1"})) == "E_ROW_PROOF"
    )


def test_a_text_that_does_not_fit_is_said_when_the_proof_is_made() -> None:
    assert code_of(WORLD.row(0, 5, bytes(25 * 2**20)).to_bytes) == "E_LIMIT"
