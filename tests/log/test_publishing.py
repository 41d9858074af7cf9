"""A copy of the log on any web host: only what is new, the checkpoint last, over nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.core.note import NoteSigner, SignatureType
from registry.db.models import Cosignature
from registry.errors import ConflictError, InvalidInputError, VerificationError
from registry.log_files import LogFolder
from registry.places import parse
from tests.log.story import Story, append_many, contents, dump, restore
from tests.objects import Bucket


def test_a_copy_has_what_a_client_needs(story: Story, tmp_path: Path) -> None:
    story.register("essays")
    story.advance()
    done = story.publish(tmp_path / "pub")
    assert (done.checkpoint, done.written) == (story.head(), 3)
    copy = LogFolder(tmp_path / "pub")
    assert copy.hashes(2).root() == done.checkpoint.root
    assert len(list(copy.entries(0, 2, 2))) == 2


def test_publishing_twice_writes_nothing_and_anew_the_same_bytes(
    sqlite_story: Story, tmp_path: Path
) -> None:
    story = sqlite_story
    append_many(story.world.database, 300)
    story.advance()
    story.publish(tmp_path / "one")
    first = contents(tmp_path / "one")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")}
    assert story.publish(tmp_path / "one").written == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")} == times
    story.publish(tmp_path / "two")
    assert contents(tmp_path / "two") == first
    append_many(story.world.database, 300, start=300)
    story.advance()
    done = story.publish(tmp_path / "one")
    # The bundle and tile that became full, the next ones, the two levels above, the checkpoint.
    assert done.written == 6
    story.publish(tmp_path / "three")
    grown, anew = contents(tmp_path / "one"), contents(tmp_path / "three")
    assert {name: grown[name] for name in anew} == anew


def test_hashes_only_keeps_the_entries_here(story: Story, tmp_path: Path) -> None:
    story.register("essays")
    story.advance()
    done = story.publish(tmp_path / "pub", hashes_only=True)
    assert done.hashes_only
    assert set(contents(tmp_path / "pub")) == {"checkpoint", "tile/0/000.p/2"}
    assert LogFolder(tmp_path / "pub").hashes(2).root() == done.checkpoint.root
    assert story.publish(tmp_path / "pub").written == 1
    assert "tile/entries/000.p/2" in contents(tmp_path / "pub")


def test_the_published_checkpoint_carries_cosignatures(story: Story, tmp_path: Path) -> None:
    story.register("essays")
    row = story.advance()
    story.publish(tmp_path / "pub")
    witness = NoteSigner(
        "witness.example/w", Ed25519PrivateKey.generate(), SignatureType.COSIGNATURE
    )
    text = LogFolder(story.folder).note().text
    now = story.world.clock()
    line = str(witness.sign(text, time=int(now.timestamp())))
    with story.world.database.write() as session:
        session.add(
            Cosignature(checkpoint_id=row.id, keyid="0" * 64, line=line, time=now, added_at=now)
        )
    done = story.publish(tmp_path / "pub")
    assert (done.cosignatures, done.written) == (1, 1)
    assert LogFolder(tmp_path / "pub").note().opened([witness.public, story.signer.public])
    story.advance()
    assert LogFolder(story.folder).note().opened([witness.public])
    assert story.fsck() == []


def test_the_log_of_somebody_else_is_not_overwritten(story: Story, tmp_path: Path) -> None:
    story.advance()
    story.publish(tmp_path / "pub")
    file = tmp_path / "pub/checkpoint"
    file.write_bytes(file.read_bytes().replace(b"test.example/log\n", b"other.example/log\n"))
    before = contents(tmp_path / "pub")
    story.register("essays")
    story.advance()
    with pytest.raises(VerificationError) as caught:
        story.publish(tmp_path / "pub")
    assert caught.value.code == "E_CHECKPOINT_ORIGIN"
    assert contents(tmp_path / "pub") == before


@pytest.mark.parametrize(
    ("more", "code"), [(0, "E_SIZE_SHRINK"), (1, "E_SPLIT_VIEW"), (2, "E_CONSISTENCY")]
)
def test_a_history_that_ours_does_not_go_on_from_is_not_overwritten(
    story: Story, tmp_path: Path, more: int, code: str
) -> None:
    saved = dump(story.world.database)
    append_many(story.world.database, 1)
    story.advance()
    story.publish(tmp_path / "pub")
    before = contents(tmp_path / "pub")
    restore(story.world.database, saved)
    shutil.rmtree(story.folder)
    shutil.rmtree(story.state)
    append_many(story.world.database, more, start=50)
    story.advance()
    with pytest.raises(VerificationError, match=r"there: 2 entries with root .*; here: ") as caught:
        story.publish(tmp_path / "pub")
    assert caught.value.code == code
    assert contents(tmp_path / "pub") == before


def test_files_of_somebody_else_are_not_overwritten(story: Story, tmp_path: Path) -> None:
    story.advance()
    other = tmp_path / "pub/tile/0/000.p/1"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"something")
    with pytest.raises(ConflictError, match="is not of this log"):
        story.publish(tmp_path / "pub")
    assert other.read_bytes() == b"something"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidInputError, match="is no folder"):
        story.publish(tmp_path / "file")
    for place in (story.folder, story.folder / "inside", story.folder.parent):
        with pytest.raises(InvalidInputError, match="where the log is kept"):
            story.publish(place)


def test_a_transfer_that_broke_off_is_finished(story: Story, tmp_path: Path) -> None:
    story.register("essays")
    story.advance()
    story.publish(tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    (tmp_path / "pub/tile/entries/000.p").mkdir(parents=True)
    data = whole["tile/entries/000.p/2"]
    (tmp_path / "pub/tile/entries/000.p/2").write_bytes(data[:7])
    story.publish(tmp_path / "pub")
    assert contents(tmp_path / "pub") == whole


def test_before_the_first_checkpoint_there_is_nothing_to_publish(
    story: Story, tmp_path: Path
) -> None:
    with pytest.raises(ConflictError, match="no checkpoint yet"):
        story.publish(tmp_path / "pub")
    assert not (tmp_path / "pub").exists()


def test_a_copy_in_an_object_store(sqlite_story: Story, bucket: Bucket) -> None:
    story = sqlite_story
    append_many(story.world.database, 256)
    story.advance()
    place = parse(f"s3://{bucket.name}/a log")
    assert story.publish(place).written == 6
    assert story.publish(place).written == 0
    append_many(story.world.database, 2, start=256)
    story.advance()
    assert story.publish(place).written == 3
