from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import verify
from registry.core.digest import canonical
from tests import snapshots
from tests.snapshots import OTHER, Snapshot
from tests.verify.making import CONTENT, codes, refused


def test_an_unsigned_folder_is_refused(snap: Snapshot) -> None:
    (snap.path / "certificate.json").unlink()
    refused(snap, "E_UNSIGNED")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert codes(tmp_path) == ["E_UNSIGNED"]


def test_a_snapshot_of_another_signer_is_refused_and_checked_all_the_same(snap: Snapshot) -> None:
    report = verify.examine(snap.path, key=OTHER.public)
    assert [it.code for it in report.failures] == ["E_UNKNOWN_KEY"]
    assert report.checked.files == 2
    assert report.signer is not None
    assert not report.signer.pinned
    (snap.path / "manifest.json").unlink()
    assert codes(snap.path, key=OTHER.public) == ["E_UNKNOWN_KEY", "E_FILE_MISSING"]


def test_a_certificate_of_another_snapshot_does_not_fit(snap: Snapshot, tmp_path: Path) -> None:
    other = snapshots.write(tmp_path / "other", [snapshots.rows(9)])
    shutil.copy(other.path / "certificate.json", snap.path)
    found = codes(snap.path)
    assert found[0] == "E_MANIFEST"
    assert set(found) == {"E_MANIFEST", "E_FILE_EXTRA", "E_FILE_DIGEST"}


def test_a_missing_shard_is_refused(snap: Snapshot) -> None:
    snap.shards[1].unlink()
    refused(snap, "E_FILE_MISSING")


def test_a_missing_manifest_is_refused(snap: Snapshot) -> None:
    (snap.path / "manifest.json").unlink()
    refused(snap, "E_FILE_MISSING")


def test_missing_data_is_refused_for_each_shard(snap: Snapshot) -> None:
    shutil.rmtree(snap.path / "data")
    assert codes(snap.path) == ["E_FILE_MISSING"] * 2


@pytest.mark.parametrize("name", ["part-00002.parquet", ".hidden", "README.md", "part-00000.crc"])
def test_an_extra_file_in_data_is_refused(snap: Snapshot, name: str) -> None:
    (snap.path / "data" / name).write_bytes(b"")
    refused(snap, "E_FILE_EXTRA")


def test_an_extra_folder_in_data_is_refused(snap: Snapshot) -> None:
    (snap.path / "data" / "more").mkdir()
    refused(snap, "E_FILE_EXTRA")


def test_an_extra_link_in_data_is_refused(snap: Snapshot) -> None:
    (snap.path / "data" / "more").symlink_to("part-00000.parquet")
    refused(snap, "E_FILE_EXTRA")


@pytest.mark.parametrize("name", ["data/part-00000.parquet", "manifest.json", "certificate.json"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_in_the_place_of_a_file_is_refused(
    snap: Snapshot, tmp_path: Path, name: str, dangling: bool
) -> None:
    shutil.move(snap.path / name, tmp_path / "away")
    (snap.path / name).symlink_to(tmp_path / ("nowhere" if dangling else "away"))
    refused(snap, "E_FILE_MISSING")


@pytest.mark.parametrize("name", ["data/part-00000.parquet", "manifest.json", "certificate.json"])
def test_a_folder_or_pipe_in_the_place_of_a_file_is_refused(snap: Snapshot, name: str) -> None:
    (snap.path / name).unlink()
    (snap.path / name).mkdir()
    refused(snap, "E_FILE_MISSING")
    (snap.path / name).rmdir()
    os.mkfifo(snap.path / name)
    refused(snap, "E_FILE_MISSING")


def test_data_behind_a_link_is_refused(snap: Snapshot, tmp_path: Path) -> None:
    shutil.move(snap.path / "data", tmp_path / "away")
    (snap.path / "data").symlink_to(tmp_path / "away")
    assert codes(snap.path) == ["E_FILE_EXTRA", "E_FILE_MISSING", "E_FILE_MISSING"]


def test_all_failures_are_listed(snap: Snapshot) -> None:
    (snap.path / "manifest.json").write_bytes(b"{}")
    (snap.path / "data" / "extra").write_bytes(b"")
    snap.shards[0].unlink()
    snap.shards[1].write_bytes(b"PAR1")
    assert codes(snap.path) == ["E_MANIFEST", "E_FILE_EXTRA", "E_FILE_MISSING", "E_FILE_DIGEST"]
    assert codes(snap.path, level=CONTENT)[-1] == "E_NOT_PARQUET"


def test_swapped_shards_are_refused(snap: Snapshot) -> None:
    one, other = (path.read_bytes() for path in snap.shards)
    snap.shards[0].write_bytes(other)
    snap.shards[1].write_bytes(one)
    refused(snap, "E_FILE_DIGEST", content="E_RECORD_ROOT")


MANIFESTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "a space more": lambda data: data + b" ",
    "indented": lambda data: json.dumps(json.loads(data), indent=1).encode(),
    "another plan": lambda data: canonical(json.loads(data) | {"plan": "1" * 64}),
    "one document more": lambda data: canonical(json.loads(data) | {"documents": 41}),
    "huge": lambda data: data + b" " * 2**24,
}


@pytest.mark.parametrize("change", MANIFESTS.values(), ids=MANIFESTS)
def test_another_manifest_beside_the_certificate_is_refused(
    snap: Snapshot, change: Callable[[bytes], bytes]
) -> None:
    path = snap.path / "manifest.json"
    path.write_bytes(change(path.read_bytes()))
    refused(snap, "E_MANIFEST")
