"""One history, whoever signs it and whatever came back from a backup."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry import checkpoints
from registry.checkpoints import heads
from registry.core.merkle import leaf_hash, tree_root
from registry.core.note import NoteSigner
from registry.core.tiles import tiles_of
from registry.db.models import LogCheckpoint, LogEntry, LogState
from registry.errors import ConflictError, NotFoundError, UnavailableError, VerificationError
from registry.log_files import LogFolder
from tests.conftest import REPOSITORY
from tests.log.story import ORIGIN, Story, append_many, contents, dump, restore, restore_folder
from tests.world import START


def refused(story: Story) -> str:
    with pytest.raises(VerificationError) as caught:
        story.advance()
    assert caught.value.code == "E_ROLLBACK"
    assert "firsthand log recover" in str(caught.value.hint)
    with pytest.raises(VerificationError) as early:
        story.refuse()
    assert early.value.code == "E_ROLLBACK"
    return caught.value.message


def test_a_checkpoint_has_all_entries_and_is_signed_once(story: Story) -> None:
    story.register("essays")
    made = story.advance()
    assert (made.size, made.published) == (2, True)
    with story.world.database.read() as session:
        leaves = session.scalars(sa.select(LogEntry.leaf).order_by(LogEntry.position)).all()
    assert made.root == tree_root(map(leaf_hash, leaves)).hex()
    assert LogFolder(story.folder).note().opened([story.signer.public])
    again = story.advance()
    assert (again.id, again.note) == (made.id, made.note)
    story.register("more")
    before = story.head()
    assert story.advance().size == 3
    story.extends(before)
    story.refuse()
    assert story.fsck() == []
    assert story.told == []


def test_a_proof_brings_its_entry_and_holds(story: Story) -> None:
    story.register("essays")
    with pytest.raises(ConflictError, match="in no checkpoint yet"):
        checkpoints.proof_of(story.world.database, story.folder, 1)
    story.advance()
    for position in range(2):
        proof = checkpoints.proof_of(story.world.database, story.folder, position)
        assert type(proof).parse(proof.to_bytes()) == proof
        assert heads.opened(proof.note, ORIGIN, [story.signer.public]) == proof.check()
    with pytest.raises(NotFoundError, match="no entry 2"):
        checkpoints.proof_of(story.world.database, story.folder, 2)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65535, 65536, 65537])
def test_a_log_that_grew_has_the_files_of_one_that_was_made_again(
    sqlite_story: Story, size: int
) -> None:
    story = sqlite_story
    # With checkpoints on both sides of an edge, as they come.
    steps = sorted({1, max(1, size - 2), size})
    for step in steps:
        append_many(story.world.database, step - story.world.log_size(), start=step)
        story.advance()
    grown = story.files()
    assert {tile.path for tile in tiles_of(size)} <= set(grown)
    assert LogFolder(story.folder).hashes(size).root() == story.head().root
    shutil.rmtree(story.folder / "tile")
    story.advance()
    assert story.files() == grown
    assert not [name for name in grown if ".p/" in name and name.partition(".p/")[0] in grown]
    proof = checkpoints.proof_of(story.world.database, story.folder, size - 1)
    assert proof.check() == story.head()


def test_tiles_that_were_damaged_are_made_again(story: Story) -> None:
    story.register("essays")
    story.advance()
    good = story.files()
    (story.folder / "tile/0/000.p/2").write_bytes(b"\0" * 64)
    assert story.fsck() == ["log/tile/0/000.p/2: is missing, or not what it should be"]
    story.advance()
    assert story.files() == good


@pytest.mark.parametrize("grew", [False, True])
def test_a_database_from_a_backup_is_noticed(story: Story, grew: bool) -> None:
    saved = dump(story.world.database)
    story.register("essays", "more")
    story.advance()
    signed = story.head()
    restore(story.world.database, saved)
    if grew:
        story.register("another", "history", "that", "is", "longer")
    message = refused(story)
    assert f"3 entries with root {signed.root.hex()}" in message
    assert "the folder `log` remembers" in message
    assert len([item for item in story.fsck() if signed.root.hex() in item]) == 2


def test_a_folder_from_a_backup_is_noticed(story: Story, tmp_path: str) -> None:
    story.advance()
    saved = story.world.folder / "saved"
    shutil.copytree(story.folder, saved)
    story.register("essays")
    story.advance()
    restore_folder(story.folder, saved)
    assert "were published" in refused(story)
    shutil.rmtree(story.folder)
    assert "has no checkpoint" in refused(story)


@pytest.mark.parametrize("grew", [False, True])
def test_both_from_a_backup_are_noticed_on_the_machine_that_signed(
    story: Story, grew: bool
) -> None:
    story.register("essays")
    story.advance()
    saved, folder = dump(story.world.database), story.world.folder / "saved"
    shutil.copytree(story.folder, folder)
    story.register("more")
    story.advance()
    restore(story.world.database, saved)
    restore_folder(story.folder, folder)
    if grew:
        story.register("other", "others")
    assert "this machine remembers a signed log of 3 entries" in refused(story)


def test_a_backup_of_the_moment_before_a_checkpoint_loses_nothing(story: Story) -> None:
    """The same entries are there, only their checkpoint is not: it is signed again, the same."""
    story.register("essays")
    saved = dump(story.world.database)
    first = story.advance()
    restore(story.world.database, saved)
    story.refuse()
    assert story.advance().note == first.note
    assert story.fsck() == []


def test_a_machine_that_never_signed_says_so_once(story: Story) -> None:
    story.register("essays")
    story.advance()
    shutil.rmtree(story.state)
    story.advance()
    story.advance()
    assert len(story.told) == 1
    assert "cannot be noticed on this machine" in story.told[0]


def test_a_high_water_file_of_somebody_else_is_no_excuse(story: Story) -> None:
    story.advance()
    (path,) = story.state.rglob("*.checkpoint")
    path.write_bytes(path.read_bytes().replace(b"\n1\n", b"\n9\n"))
    assert "is not a checkpoint of this registry" in refused(story)


def test_a_checkpoint_of_another_key_in_the_folder_is_refused(story: Story) -> None:
    story.advance()
    note = LogFolder(story.folder).note()
    other = NoteSigner(ORIGIN, Ed25519PrivateKey.generate()).sign(note.text)
    forged = type(note)(note.text, (other,))
    (story.folder / "checkpoint").write_bytes(forged.to_bytes())
    assert "no key of the log" in refused(story)


def test_what_was_signed_and_not_published_is_finished(story: Story) -> None:
    story.register("essays")
    made = story.advance()
    for gone in (True, False):
        with story.world.database.write() as session:
            session.get_one(LogCheckpoint, made.id).published = False
        if gone:
            (story.folder / "checkpoint").unlink()
        story.register(f"more-{gone}".lower())
        made = story.advance()
        with story.world.database.read() as session:
            assert session.scalars(sa.select(LogCheckpoint.published)).all() == [True] * (
                2 + (not gone)
            )
        assert story.fsck() == []


def test_what_was_signed_and_not_recorded_is_signed_again(story: Story) -> None:
    story.register("essays")
    made = story.advance()
    with story.world.database.write() as session:
        session.delete(session.get_one(LogCheckpoint, made.id))
    (story.folder / "checkpoint").unlink()
    story.refuse()
    assert story.advance().note == made.note
    assert story.fsck() == []


def test_a_gap_that_was_never_signed_is_refused_too(story: Story) -> None:
    story.advance()
    story.register("essays")
    with story.world.database.write() as session:
        session.get_one(LogState, 1).size += 1
    with pytest.raises(ConflictError, match="the log has 2 entries, its state says 3"):
        story.advance()


def test_a_clock_step_changes_no_history(story: Story) -> None:
    story.register("essays")
    story.advance()
    before = story.head()
    story.world.clock.advance(days=-400)
    assert story.advance().size == 2
    with pytest.raises(ConflictError, match="the clock says"):
        story.register("more")
    story.world.clock.advance(days=4000)
    story.register("more")
    story.advance()
    story.world.clock.advance(days=-3600)
    assert story.advance().size == 3
    story.extends(before)
    assert story.fsck() == []


# Publishers at once.

PUBLISH: str = """
import sys
from pathlib import Path
from registry.db.session import Database
from registry.core.attest import Signer
from registry.core.note import NoteSigner
from registry import checkpoints
from tests.log.story import ORIGIN, append_many
from tests.world import SIGNER, START

database = Database(sys.argv[1])
folder, state = Path(sys.argv[2]), Path(sys.argv[3])
for number in range(int(sys.argv[5])):
    append_many(database, 1, start=int(sys.argv[4]) + number)
    made = checkpoints.advance(
        database, folder, NoteSigner(ORIGIN, SIGNER.key), state=state, now=START
    )
    print(made.size, made.root, flush=True)
database.dispose()
"""


def race(story: Story, rounds: int, publishers: int = 2) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH, story.world.url, str(story.folder), str(story.state),
             str(10_000 * number), str(rounds)],
            cwd=REPOSITORY, stdout=subprocess.PIPE, encoding="ascii",
        )
        for number in range(publishers)
    ]  # fmt: skip
    said = [process.communicate()[0].split("\n") for process in running]
    assert [process.returncode for process in running] == [0] * publishers
    shown = {tuple(line.split()) for lines in said for line in lines if line}
    sizes = [int(size) for size, _ in shown]
    assert len(sizes) == len(set(sizes)), "two histories of one size"
    size = 1 + rounds * publishers
    assert story.head().size == size
    with story.world.database.read() as session:
        leaves = session.scalars(sa.select(LogEntry.leaf).order_by(LogEntry.position)).all()
        rows = session.scalars(sa.select(LogCheckpoint)).all()
    hashes = [leaf_hash(item) for item in leaves]
    assert len(hashes) == size
    for row in rows:
        assert row.published
        assert tree_root(hashes[: row.size]).hex() == row.root
    assert {(str(row.size), row.root) for row in rows} >= shown
    assert story.fsck() == []


def test_publishers_at_once_make_one_history(story: Story) -> None:
    race(story, 10, publishers=2)


@pytest.mark.slow
def test_a_thousand_rounds_of_publishers_make_one_history(story: Story) -> None:
    race(story, 500, publishers=2)


def test_threads_at_once_make_one_history(story: Story) -> None:
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(5):
                append_many(story.world.database, 1, start=1000 * name + number)
                checkpoints.advance(
                    story.world.database, story.folder, story.signer, state=story.state, now=START
                )
        except BaseException as error:  # noqa: BLE001 - a thread's errors would be lost
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert story.head().size == 21
    assert story.fsck() == []


# A disk that is full.

FULL: str = """
import resource, signal, sys
from pathlib import Path
from registry import checkpoints
from registry.core.note import NoteSigner
from registry.db.session import Database
from registry.errors import UnavailableError
from tests.log.story import ORIGIN
from tests.world import SIGNER, START

database = Database(sys.argv[1])
database.read().__enter__()  # connected, so that only what follows is limited
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), int(sys.argv[4])))
try:
    checkpoints.advance(
        database, Path(sys.argv[2]), NoteSigner(ORIGIN, SIGNER.key),
        state=Path(sys.argv[3]), now=START,
    )
except UnavailableError as error:
    print(error.message)
    sys.exit(7)
"""


@pytest.mark.parametrize("limit", [0, 10, 100, 5000])
def test_a_full_disk_leaves_a_registry_that_goes_on(story: Story, limit: int) -> None:
    append_many(story.world.database, 300)
    before = story.advance().size
    old = story.head()
    append_many(story.world.database, 40, start=300)
    done = subprocess.run(
        [sys.executable, "-c", FULL, story.world.url, str(story.folder), str(story.state), str(limit)],
        cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    assert "cannot be written" in done.stdout
    assert story.head() == old
    assert not list(story.folder.rglob(".next"))
    assert story.advance().size == before + 40
    story.extends(old)
    assert story.fsck() == []


def test_a_state_folder_that_cannot_be_made_stops_the_signer(story: Story) -> None:
    story.state.write_text("a file")
    with pytest.raises(UnavailableError):
        story.advance()
    assert not (story.folder / "checkpoint").exists()
    assert contents(story.folder).keys() <= {"tile/0/000.p/1", "tile/entries/000.p/1"}
