from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core import merkle


def rfc6962(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962 §2.1, word for word, over data entries."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = rfc6962(leaves[:split]), rfc6962(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_every_tree_up_to_300_leaves_is_that_of_the_standard() -> None:
    leaves = [f"leaf {at}".encode() for at in range(300)]
    builder = merkle.TreeBuilder()
    for size in range(301):
        assert builder.root() == rfc6962(leaves[:size]), size
        assert builder.size == size
        if size < 300:
            builder.add(merkle.leaf_hash(leaves[size]))


def test_the_published_vectors_of_certificate_transparency_hold() -> None:
    # google/certificate-transparency, the reference tree of eight leaves.
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
              "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    for size, root in enumerate(roots, start=1):
        hashes = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in leaves[:size]]
        assert merkle.tree_root(hashes).hex() == root


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 511, 512, 513, 2000])
def test_a_content_root_is_a_tree_over_leaves_of_256_hashes(count: int) -> None:
    hashes = sorted(hashlib.sha256(str(at).encode()).digest() for at in range(count))
    leaves = [
        b"firsthand content-leaf v1\n" + b"".join(hashes[at : at + 256])
        for at in range(0, count, 256)
    ]
    assert merkle.content_root(b"".join(hashes)) == rfc6962(leaves)
    assert merkle.content_root(memoryview(b"".join(hashes))) == rfc6962(leaves)


def test_a_content_root_needs_whole_hashes() -> None:
    with pytest.raises(ValueError, match="33 bytes"):
        merkle.content_root(b"x" * 33)


@given(st.lists(st.binary(min_size=32, max_size=32)))
def test_a_snapshots_record_root_is_the_tree_over_its_shards(roots: list[bytes]) -> None:
    leaves = [b"firsthand shard-leaf v1\n" + root for root in roots]
    assert merkle.shards_root(roots) == rfc6962(leaves)


def test_structures_cannot_be_passed_off_as_one_another() -> None:
    data = b"x" * 32
    made = {
        merkle.content_root(data),
        merkle.shards_root([data]),
        merkle.leaf_hash(merkle.RECORD_LEAF, data),
        merkle.leaf_hash(data),
    }
    assert len(made) == 4
