"""A published log in a folder, as a stranger finds it: whole, cut short, mixed up, full of links."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.core.attest import Signer
from registry.core.checkpoint import Checkpoint
from registry.core.merkle import leaf_hash, tree_root
from registry.core.note import Note, NoteSigner
from registry.core.proof import check_consistency, consistency
from registry.core.tiles import Tile, bundle, tiles_of
from registry.errors import RegistryError, VerificationError
from registry.log_files import LogFolder

LOG = NoteSigner("acme.example/log", Signer.generate().key)


def entries(count: int) -> list[bytes]:
    return [b"entry %d" % at for at in range(count)]


def publish(folder: Path, leaves: list[bytes]) -> LogFolder:
    """Write a log of these entries in the plainest way."""
    hashes = [leaf_hash(leaf) for leaf in leaves]
    for tile in tiles_of(len(leaves)):
        span = 256**tile.level
        below = [
            tree_root(hashes[at : at + span])
            for at in range(tile.first, tile.first + tile.width * span, span)
        ]
        _put(folder / tile.path, b"".join(below))
        if tile.level == 0:
            _put(folder / tile.bundle, bundle(leaves[tile.first : tile.first + tile.width]))
    head = Checkpoint(LOG.name, len(leaves), tree_root(hashes)).to_bytes()
    _put(folder / "checkpoint", Note(head, (LOG.sign(head),)).to_bytes())
    return LogFolder(folder)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def code(error: pytest.ExceptionInfo[VerificationError]) -> str:
    return error.value.code


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 513])
def test_a_published_log_gives_its_entries_and_its_root(tmp_path: Path, size: int) -> None:
    log = publish(tmp_path, entries(size))
    found = Checkpoint.parse(log.note().text)
    assert log.hashes(size).root() == found.root
    assert list(log.entries(0, size, size)) == list(enumerate(entries(size)))
    assert list(log.entries(size - 1, size, size)) == [(size - 1, entries(size)[-1])]
    assert list(log.entries(size, size, size)) == []


def test_a_full_tile_answers_for_the_partial_one_that_it_took_the_place_of(tmp_path: Path) -> None:
    log = publish(tmp_path, entries(256))
    leaves = [leaf_hash(leaf) for leaf in entries(200)]
    assert log.hashes(200).root() == tree_root(leaves)
    assert [data for _, data in log.entries(190, 200, 200)] == entries(200)[190:]


def test_growth_is_shown_from_the_files_alone(tmp_path: Path) -> None:
    log = publish(tmp_path, entries(300))
    old = tree_root([leaf_hash(leaf) for leaf in entries(120)])
    hashes = log.hashes(300)
    check_consistency(120, 300, old, hashes.root(), consistency(hashes, 120, 300))


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_tile_that_is_missing_or_cut_short_is_refused(tmp_path: Path, name: str) -> None:
    log = publish(tmp_path, entries(300))
    data = (tmp_path / name).read_bytes()
    for broken in (None, data[:-1], data[:-32], data + data[:32], b""):
        (tmp_path / name).unlink(missing_ok=True)
        if broken is not None:
            (tmp_path / name).write_bytes(broken)
        with pytest.raises(VerificationError) as caught:
            log.tile(_tile(name))
        assert code(caught) in ("E_INCLUSION", "E_LIMIT"), broken


def _tile(name: str) -> Tile:
    return {
        "tile/0/000": Tile(0, 0),
        "tile/0/001.p/44": Tile(0, 1, 44),
        "tile/1/000.p/1": Tile(1, 0, 1),
    }[name]


def test_an_entry_that_was_edited_is_refused(tmp_path: Path) -> None:
    log = publish(tmp_path, entries(20))
    path = tmp_path / Tile(0, 0, 20).bundle
    path.write_bytes(path.read_bytes().replace(b"entry 7", b"entry 8"))
    with pytest.raises(VerificationError, match="entry 7 is not the one") as caught:
        list(log.entries(0, 20, 20))
    assert code(caught) == "E_INCLUSION"
    # The others can still be read one by one.
    assert list(log.entries(9, 10, 20)) == [(9, b"entry 9")]


def test_swapped_bundles_are_refused(tmp_path: Path) -> None:
    log = publish(tmp_path, entries(600))
    one, two = (tmp_path / Tile(0, at).bundle for at in (0, 1))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    with pytest.raises(VerificationError, match="entry 0 is not the one"):
        list(log.entries(0, 600, 600))


def test_links_and_folders_in_place_of_files_are_refused(tmp_path: Path) -> None:
    log = publish(tmp_path / "log", entries(5))
    secret = tmp_path / "secret"
    secret.write_bytes((tmp_path / "log/checkpoint").read_bytes())
    (tmp_path / "log/checkpoint").unlink()
    (tmp_path / "log/checkpoint").symlink_to(secret)
    with pytest.raises(VerificationError, match="symbolic link"):
        log.note()
    (tmp_path / "log/checkpoint").unlink()
    (tmp_path / "log/checkpoint").mkdir()
    with pytest.raises(RegistryError, match="no plain file"):
        log.note()


def test_a_folder_that_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="`checkpoint` is missing") as caught:
        LogFolder(tmp_path).note()
    assert code(caught) == "E_INCLUSION"


def test_huge_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    log = publish(tmp_path, entries(3))
    for name, read in (
        ("checkpoint", log.note),
        (Tile(0, 0, 3).path, lambda: log.tile(Tile(0, 0, 3))),
        (Tile(0, 0, 3).bundle, lambda: list(log.entries(0, 3, 3))),
    ):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 33)
        with pytest.raises(VerificationError) as caught:
            read()
        assert code(caught) == "E_LIMIT"
