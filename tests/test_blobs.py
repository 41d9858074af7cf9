"""Storage: whole files or none, and names that cannot leave their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.blobs import DOCUMENTS, NOTES, VAULT, Store, make_folder, sync_tree, write_file
from registry.core.digest import SELECTION_PREFIX, sha256_hex
from registry.errors import ConflictError, UnavailableError

UID = "0123456789abcdef" * 2
OTHER = "f" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "storage")


def stage(store: Store, uid: str, part: str) -> None:
    folder = store.staging(uid) / part
    folder.mkdir()
    (folder / "part-00000.parquet").write_bytes(b"content")


def test_a_published_part_appears_whole_under_its_uid(store: Store) -> None:
    stage(store, UID, DOCUMENTS)
    stage(store, UID, VAULT)
    store.publish(UID, DOCUMENTS)
    assert [path.name for path in store.documents(UID).iterdir()] == ["part-00000.parquet"]
    assert not store.vault(UID).exists()
    store.publish(UID, VAULT)
    store.end_staging(UID)
    assert store.vault(UID).is_dir()
    assert not (store.root / "staging" / UID).exists()


def test_publishing_what_is_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(UnavailableError, match="cannot be written") as caught:
        store.publish(UID, DOCUMENTS)
    assert "nothing was recorded" in str(caught.value.hint)


def test_a_published_part_is_never_replaced(store: Store) -> None:
    stage(store, UID, DOCUMENTS)
    store.publish(UID, DOCUMENTS)
    stage(store, UID, DOCUMENTS)
    with pytest.raises(UnavailableError):
        store.publish(UID, DOCUMENTS)


def test_what_took_longer_than_a_week_is_not_dropped_when_it_is_set_aside(store: Store) -> None:
    stage(store, UID, DOCUMENTS)
    stage(store, UID, NOTES)
    store.name_work(UID, "0" * 64)
    os.utime(store.staging(UID), (1e9, 1e9))
    assert store.set_aside(UID)
    assert store.drop_unfinished(before=1e9 + 1) == 0
    assert len(store.resume(OTHER, "0" * 64)) == 1


def test_removing_takes_everything_of_one_uid_and_nothing_else(store: Store) -> None:
    for uid in (UID, OTHER):
        for part in (DOCUMENTS, VAULT):
            stage(store, uid, part)
            store.publish(uid, part)
        stage(store, uid, DOCUMENTS)
    store.remove(UID)
    store.remove(UID)
    left = sorted(str(path.relative_to(store.root)) for path in store.root.glob("*/*"))
    assert left == [f"{part}/{OTHER}" for part in (DOCUMENTS, "staging", VAULT)]


@pytest.mark.parametrize("uid", ["", "..", "../x", "a/b", UID.upper(), UID + "0", f"{UID}\n"])
def test_a_name_that_is_no_uid_is_refused_everywhere(store: Store, uid: str) -> None:
    for call in (store.staging, store.documents, store.vault, store.remove, store.end_staging):
        with pytest.raises(ValueError, match="is not a uid"):
            call(uid)
    with pytest.raises(ValueError, match="is not a uid"):
        store.publish(uid, DOCUMENTS)


# Selections.


def put(store: Store, raw: bytes) -> str:
    digest = sha256_hex(SELECTION_PREFIX + raw)
    store.put_selection(digest, raw)
    return digest


def test_a_selection_comes_back_as_it_was_stored(store: Store) -> None:
    digest = put(store, b"x" * 64)
    assert put(store, b"x" * 64) == digest
    assert store.selection(digest) == b"x" * 64
    assert store.selections() == {digest}


@pytest.mark.parametrize("changed", [b"", b"x" * 32, b"x" * 63 + b"y", b"x" * 96])
def test_a_selection_that_was_changed_is_an_error(store: Store, changed: bytes) -> None:
    """Were it read as it is, texts that a claim calls not human would count as human again."""
    digest = put(store, b"x" * 64)
    (store.root / "selections" / digest).write_bytes(changed)
    with pytest.raises(ConflictError, match="was changed"):
        store.selection(digest)


def test_a_selection_that_is_gone_is_an_error(store: Store) -> None:
    digest = put(store, b"x" * 64)
    store.drop_selections({digest, "not-there"})
    assert store.selections() == set()
    with pytest.raises(ConflictError, match="is missing"):
        store.selection(digest)


# Files.


def test_a_file_is_written_whole_and_replaces_another(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "file"
    for content in (b"one", b"two"):
        write_file(target, content)
        assert target.read_bytes() == content
    assert list(target.parent.iterdir()) == [target]


def test_a_private_file_is_private_from_the_beginning(tmp_path: Path) -> None:
    write_file(tmp_path / "key", b"secret", mode=0o600)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_file(tmp_path / "file", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_file(tmp_path / "plain" / "file", b"x")


def test_folders_are_made_durably_from_the_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a new folder stands in the one above it, so that is what must be synced."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path.stat().st_ino, (tmp_path / "a").stat().st_ino]
    make_folder(tmp_path / "a" / "b")
    assert len(synced) == 2


def test_a_tree_is_synced_with_everything_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t" / "data").mkdir(parents=True)
    (tmp_path / "t" / "data" / "file").write_bytes(b"x")
    (tmp_path / "t" / "other").write_bytes(b"x")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    sync_tree(tmp_path / "t")
    everything = [tmp_path / "t", *(tmp_path / "t").rglob("*")]
    assert sorted(synced) == sorted(path.stat().st_ino for path in everything)
    assert synced[-1] == (tmp_path / "t").stat().st_ino


def test_what_is_no_file_is_written_into_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(pipe, b"a proof")
        assert os.read(reader, 100) == b"a proof"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
