"""After a backup came back: history goes on, what was lost is told, and nothing else is excused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry import ledger
from registry.core.entry import EntryKind, parse_leaf
from registry.core.merkle import leaf_hash
from registry.db.models import LogCheckpoint, LogEntry, LogSalt, LogState
from registry.errors import VerificationError
from registry.log_files import LogFolder
from tests.log.story import Story, dump, restore, restore_folder


def told_by(story: Story, position: int) -> dict[str, object]:
    with story.world.database.read() as session:
        entry = parse_leaf(session.get_one(LogEntry, position).leaf)
    assert entry.kind == EntryKind.LOG_RECOVERED
    assert entry.rows == ()
    return dict(entry.facts)


def test_nothing_to_recover_is_no_entry(story: Story) -> None:
    story.register("essays")
    story.advance()
    done = story.recover()
    assert (done.position, done.lost, story.world.log_size()) == (None, (), 2)


@pytest.mark.parametrize("grew", [False, True])
def test_entries_are_put_back_from_the_folder(story: Story, grew: bool) -> None:
    story.register("essays")
    story.advance()
    saved = dump(story.world.database)
    story.register("more", "still-more")
    story.world.claim("more", "ai")
    story.advance()
    old = story.head()
    restore(story.world.database, saved)
    if grew:
        story.register("other", "others")
    done = story.recover()
    assert [(it.position, it.kind) for it in done.lost] == [
        (2, "version.registered"),
        (3, "version.registered"),
        (4, "claim.added"),
    ]
    assert done.moved == (2 if grew else 0)
    assert not done.forked
    story.extends(old)
    assert story.fsck() == []
    assert done.position is not None
    facts = told_by(story, done.position)
    assert facts["lost"] == [[2, 5]]
    assert facts["heads"] == [{"root": old.root.hex(), "size": 5}]
    assert facts["kinds"] == {"claim.added": 1, "version.registered": 2}
    assert facts["fork"] is False
    # What was lost can be done again, also under the ids that the lost rows had.
    story.register("more")
    story.world.claim("more", "ai")
    story.advance()
    story.extends(old)
    assert story.fsck() == []
    assert story.recover().position is None


def test_entries_are_put_back_from_a_published_copy(story: Story, tmp_path: Path) -> None:
    story.register("essays")
    story.advance()
    saved, folder = dump(story.world.database), tmp_path / "saved"
    shutil.copytree(story.folder, folder)
    story.register("more")
    story.advance()
    story.publish(tmp_path / "copy")
    old = story.head()
    restore(story.world.database, saved)
    restore_folder(story.folder, folder)
    with pytest.raises(VerificationError, match="were not found") as caught:
        story.recover()
    assert caught.value.code == "E_ROLLBACK"
    assert "--from DIR" in str(caught.value.hint)
    done = story.recover(copy=tmp_path / "copy")
    assert [it.position for it in done.lost] == [2]
    assert done.rebuilt or story.files()
    story.extends(old)
    assert story.fsck() == []


def test_a_copy_helps_a_machine_that_never_signed(story: Story, tmp_path: Path) -> None:
    """Everything came back, and the machine is new: only who kept a copy can tell."""
    saved, folder = dump(story.world.database), tmp_path / "saved"
    story.advance()
    shutil.copytree(story.folder, folder)
    saved = dump(story.world.database)
    story.register("essays")
    story.advance()
    old = story.head()
    story.publish(tmp_path / "copy")
    restore(story.world.database, saved)
    restore_folder(story.folder, folder)
    shutil.rmtree(story.state)
    story.refuse()
    done = story.recover(copy=tmp_path / "copy")
    assert [it.position for it in done.lost] == [1]
    story.extends(old)
    assert story.fsck() == []


@pytest.mark.parametrize("damage", ["entry", "missing", "other"])
def test_a_copy_that_was_bent_is_not_believed(story: Story, tmp_path: Path, damage: str) -> None:
    saved = dump(story.world.database)
    story.register("essays")
    story.advance()
    story.publish(tmp_path / "copy")
    restore(story.world.database, saved)
    shutil.rmtree(story.folder)
    bundle = tmp_path / "copy/tile/entries/000.p/2"
    if damage == "entry":
        data = bundle.read_bytes()
        bundle.write_bytes(data.replace(b"version.registered", b"version.registerer"))
    elif damage == "missing":
        bundle.unlink()
    else:
        (tmp_path / "copy/checkpoint").write_bytes(b"other/log\n2\n" + b"A" * 43 + b"=\n\n")
    before = dump(story.world.database)
    with pytest.raises(VerificationError):
        story.recover(copy=tmp_path / "copy")
    assert dump(story.world.database) == before


def test_a_folder_from_a_backup_is_made_again(story: Story, tmp_path: Path) -> None:
    story.advance()
    shutil.copytree(story.folder, tmp_path / "saved")
    story.register("essays")
    story.advance()
    old, files = story.head(), story.files()
    restore_folder(story.folder, tmp_path / "saved")
    done = story.recover()
    assert (done.rebuilt, done.lost, done.moved) == (True, (), 0)
    assert done.position == 2
    assert told_by(story, 2)["tiles"] is True
    story.extends(old)
    assert story.fsck() == []
    made = story.files()
    assert {name: made[name] for name in files if name != "checkpoint"} == {
        name: data for name, data in files.items() if name != "checkpoint"
    }


def test_a_fork_is_a_choice_that_is_logged(story: Story) -> None:
    story.register("essays")
    story.advance()
    saved, folder = dump(story.world.database), story.world.folder / "saved"
    shutil.copytree(story.folder, folder)
    story.register("more")
    story.advance()
    lost = story.head()
    restore(story.world.database, saved)
    restore_folder(story.folder, folder)
    with pytest.raises(VerificationError, match="were not found"):
        story.recover()
    done = story.recover(accept_fork=True, reason="0" * 64)
    assert done.forked == (lost,)
    assert (done.position, done.lost) == (2, ())
    facts = told_by(story, 2)
    assert facts["fork"] is True
    assert facts["heads"] == [{"root": lost.root.hex(), "size": lost.size}]
    assert facts["reason"] == "0" * 64
    assert story.fsck() == []
    story.register("again")
    story.advance()
    with pytest.raises(VerificationError) as caught:
        story.extends(lost)
    assert caught.value.code in ("E_CONSISTENCY", "E_SPLIT_VIEW")


def test_choosing_a_fork_makes_none_where_the_entries_are_found(story: Story) -> None:
    saved = dump(story.world.database)
    story.register("essays")
    story.advance()
    old = story.head()
    restore(story.world.database, saved)
    assert story.recover(accept_fork=True, reason="0" * 64).forked == ()
    story.extends(old)
    assert story.fsck() == []


def test_an_entry_deleted_in_sql_comes_back_with_what_it_bound(story: Story) -> None:
    story.register("essays", "more")
    story.advance()
    old = story.head()
    with story.world.database.write() as session:
        salts = session.scalars(sa.select(LogSalt).where(LogSalt.position == 1)).all()
        kept = [(salt.name, salt.salt) for salt in salts]
        for salt in salts:
            session.delete(salt)
        session.flush()
        session.execute(sa.delete(LogEntry).where(LogEntry.position == 1))
    assert kept
    with pytest.raises(VerificationError) as caught:
        story.advance()
    assert caught.value.code == "E_ROLLBACK"
    done = story.recover()
    assert [it.position for it in done.lost] == [1]
    assert done.moved == 0
    story.extends(old)
    # Its rows are still there, and nobody can say any more that they are what was logged.
    assert any("is in no log entry" in item for item in story.fsck())
    assert not any("row 2" in item for item in story.fsck())


def test_a_gap_that_was_never_signed_is_closed_and_told(story: Story) -> None:
    story.advance()
    with story.world.database.write() as session:
        session.get_one(LogState, 1).size += 3
    done = story.recover()
    assert done.position == 1
    assert story.fsck() == []


# What is excused, and what is not.


def lose(story: Story) -> int:
    """Lose an entry in the middle of the log, and recover."""
    story.register("essays")
    story.advance()
    saved = dump(story.world.database)
    story.register("more")
    story.advance()
    restore(story.world.database, saved)
    done = story.recover()
    assert done.position == 3
    return done.position


def test_a_row_of_a_lost_entry_must_not_be_there(story: Story) -> None:
    lose(story)
    with story.world.database.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO selections (id, digest, texts) VALUES (9, 'x', 1)"))
    assert story.fsck() == ["selections row 9: is in no log entry"]


def test_a_salt_of_a_lost_entry_must_not_be_there(story: Story) -> None:
    lose(story)
    with story.world.database.write() as session:
        session.add(LogSalt(position=2, name="datasets/2", salt=b"s" * 32))
    assert any("a recovery lost entry 2, and the row's salt is here" in it for it in story.fsck())


def test_rows_of_other_entries_are_not_excused(story: Story) -> None:
    lose(story)
    with story.world.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE dataset_versions SET documents = 7"))
    assert story.fsck() == ["dataset_versions row 1: was changed after it was logged"]


def test_recoveries_are_told_by_fsck(story: Story) -> None:
    position = lose(story)
    with story.world.database.read() as session:
        told = [str(item) for item in ledger.exemptions(session)]
    assert told == [f"entry {position}: a recovery, which lost the rows of entry 2"]


def test_recovering_twice_from_two_backups(story: Story) -> None:
    story.register("essays")
    story.advance()
    oldest = story.head()
    saved = dump(story.world.database)
    story.register("more")
    story.advance()
    restore(story.world.database, saved)
    story.recover()
    story.register("again")
    story.advance()
    head = story.head()
    restore(story.world.database, saved)
    done = story.recover()
    assert [it.kind for it in done.lost] == [
        "version.registered", "log.recovered", "version.registered",
    ]  # fmt: skip
    story.extends(oldest)
    story.extends(head)
    assert story.fsck() == []
    with story.world.database.read() as session:
        rows = session.scalars(sa.select(LogCheckpoint).order_by(LogCheckpoint.size)).all()
        leaves = session.scalars(sa.select(LogEntry.leaf).order_by(LogEntry.position)).all()
    published = dict(LogFolder(story.folder).entries(0, len(leaves), rows[-1].size))
    assert [leaf_hash(it) for it in leaves] == [leaf_hash(it) for it in published.values()]
