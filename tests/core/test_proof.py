from __future__ import annotations

import hashlib
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import merkle, proof
from registry.errors import VerificationError

LEAVES = [merkle.leaf_hash(f"leaf {at}".encode()) for at in range(300)]


@cache
def root(begin: int, end: int) -> bytes:
    """The tree of RFC 6962 §2.1 over some leaves, word for word."""
    if end - begin == 1:
        return LEAVES[begin]
    width = 1
    while width * 2 < end - begin:
        width *= 2
    left, right = root(begin, begin + width), root(begin + width, end)
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(size: int) -> bytes:
    return root(0, size) if size else hashlib.sha256(b"").digest()


def test_every_leaf_of_every_tree_up_to_300_has_a_proof_that_holds() -> None:
    for size in range(1, 301):
        for index in range(size):
            path = proof.inclusion(root, index, size)
            proof.check_inclusion(index, size, root_of(size), LEAVES[index], path)
            assert len(path) <= (size - 1).bit_length()


def test_a_proof_holds_for_no_other_leaf_place_or_size() -> None:
    for size in range(1, 40):
        for index in range(size):
            path = proof.inclusion(root, index, size)
            for other in range(size):
                if other != index:
                    refuses_inclusion(other, size, root_of(size), LEAVES[index], path)
                    refuses_inclusion(index, size, root_of(size), LEAVES[other], path)
            refuses_inclusion(index, size, root_of(size + 1), LEAVES[index], path)
            refuses_inclusion(index, size, root_of(size), LEAVES[index], [*path, LEAVES[0]])
            if path:
                refuses_inclusion(index, size, root_of(size), LEAVES[index], path[:-1])


def refuses_inclusion(index: int, size: int, whole: bytes, leaf: bytes, path: list[bytes]) -> None:
    with pytest.raises(VerificationError) as refused:
        proof.check_inclusion(index, size, whole, leaf, path)
    assert refused.value.code == "E_INCLUSION"


def test_every_tree_up_to_300_goes_on_from_every_smaller_one() -> None:
    for new in range(301):
        for old in range(new + 1):
            path = proof.consistency(root, old, new)
            proof.check_consistency(old, new, root_of(old), root_of(new), path)


def test_no_tree_goes_on_from_another_history() -> None:
    forked = merkle.leaf_hash(b"another entry")
    for new in range(2, 40):
        for old in range(1, new):
            path = proof.consistency(root, old, new)
            for code, asked in {
                "E_CONSISTENCY": (old, new, forked, root_of(new), path),
                "E_SIZE_SHRINK": (new, old, root_of(new), root_of(old), path),
            }.items():
                with pytest.raises(VerificationError) as refused:
                    proof.check_consistency(*asked)
                assert refused.value.code == code, (old, new)
            with pytest.raises(VerificationError):
                proof.check_consistency(old, new, root_of(old), forked, path)
            with pytest.raises(VerificationError):
                proof.check_consistency(old, new, root_of(old), root_of(new), [*path, forked])
    with pytest.raises(VerificationError) as refused:
        proof.check_consistency(7, 7, root_of(7), forked, [])
    assert refused.value.code == "E_SPLIT_VIEW"


def test_the_published_proofs_of_certificate_transparency_hold() -> None:
    # google/certificate-transparency, the reference tree of eight leaves.
    texts = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
             "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
    leaves = [merkle.leaf_hash(bytes.fromhex(text)) for text in texts]

    def over(begin: int, end: int) -> bytes:
        return merkle.tree_root(leaves[begin:end])

    assert [item.hex() for item in proof.inclusion(over, 0, 8)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [item.hex() for item in proof.inclusion(over, 5, 8)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [item.hex() for item in proof.consistency(over, 6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@settings(max_examples=300)
@given(st.data())
def test_a_changed_bit_of_a_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    path = changed(data, proof.inclusion(root, index, size))
    with pytest.raises(VerificationError):
        proof.check_inclusion(index, size, root_of(size), LEAVES[index], path)
    path = changed(data, proof.consistency(root, old, size))
    with pytest.raises(VerificationError):
        proof.check_consistency(old, size, root_of(old), root_of(size), path)


def changed(data: st.DataObject, path: list[bytes]) -> list[bytes]:
    """Return a proof with another bit somewhere."""
    bit = data.draw(st.integers(0, 256 * len(path) - 1))
    at, byte = bit // 256, bit % 256 // 8
    made = bytearray(path[at])
    made[byte] ^= 1 << bit % 8
    return [*path[:at], bytes(made), *path[at + 1 :]]


def test_what_no_tree_can_have_is_refused_before_it_is_computed() -> None:
    for size, path in ((1 << 63, []), (-1, []), (300, [LEAVES[0]] * 64), (300, [b"short"])):
        with pytest.raises(VerificationError) as refused:
            proof.root_of_inclusion(0, size, LEAVES[0], path)
        assert refused.value.code in {"E_LIMIT", "E_INCLUSION"}
    with pytest.raises(ValueError, match="no leaf 3"):
        proof.inclusion(root, 3, 3)
    with pytest.raises(ValueError, match="does not go on"):
        proof.consistency(root, 4, 3)
