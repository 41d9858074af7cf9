"""After an erasure a text is nowhere in the registry's own files, and everything else works."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from registry import documents, lifecycle, reindex
from registry.core.dataset import DatasetRef, Origin
from registry.core.digest import sha256_hex
from registry.db.models import ErasedText, Withdrawal
from registry.errors import ConflictError
from registry.lifecycle import erasures
from registry.query.impact import by_ref
from tests.lifecycle.test_withdrawals import LONG, OTHER, found
from tests.world import World

MARKER = "The marker that must be found nowhere stands in this sentence, and only in this one."
KEPT = [
    LONG,
    f"{MARKER} It has a few words more, so that it is long enough to have passages.",
    OTHER,
]


def places(world: World) -> list[Path]:
    return erasures.folders(world.store.root, world.folder / "state", "0" * 64)


def erase(world: World, name: str, texts: list[str] | None = None) -> lifecycle.Erased:
    """Erase a version, or those of its texts that are listed, and make the index anew."""
    where = None
    if texts is not None:
        raw = b"".join(bytes.fromhex(sha256_hex(text.encode())) for text in texts)
        where = documents.as_hashes(raw)
    with world.database.read() as session:
        subject = by_ref(session, DatasetRef.parse(name), where=where)
    done = lifecycle.erase(
        world.database,
        world.store,
        subject.versions,
        reason="somebody asked",
        erased_by="tester",
        places=places(world),
        clock=world.clock,
    )
    reindex.rebuild(world.database, world.store, clock=world.clock)
    return done


def everything(world: World) -> Iterator[tuple[Path, bytes]]:
    """Give the bytes of every file below the home and of the database, Parquet decoded as well."""
    files = [path for path in world.home.rglob("*") if path.is_file()]
    if world.database.is_sqlite:
        file = Path(str(world.database.url.database))
        files += [it for it in file.parent.glob(f"{file.name}*") if it.is_file()]
    for path in files:
        yield path, path.read_bytes()
        if path.suffix == ".parquet" or path.read_bytes()[:4] == b"PAR1":
            try:
                yield path, repr(pq.read_table(path).to_pydict()).encode()
            except pa.ArrowException:
                continue


def traces(world: World, text: str) -> list[str]:
    """Return the files that hold a text, its content hash, or its hash in hexadecimal."""
    digest = hashlib.sha256(text.encode()).digest()
    wanted = (text.encode(), digest, digest.hex().encode(), repr(digest).encode()[2:-1])
    return sorted(
        {str(path) for path, data in everything(world) if any(it in data for it in wanted)}
    )


@pytest.mark.parametrize("partly", [False, True], ids=["whole", "partly"])
def test_a_text_and_its_hash_are_found_nowhere(world: World, partly: bool) -> None:
    world.register("letters", KEPT, origin=Origin.HUMAN, keep=True)
    world.register("others", ["Another text, which stays.", LONG], origin=Origin.HUMAN, keep=True)
    world.claim("letters", Origin.ASSISTED, where=[KEPT[1], OTHER])
    snapshot = world.export({"sources": ["others"]}, "snap")
    source = world.folder / "files" / "letters"
    before = traces(world, KEPT[1])
    assert before
    done = erase(world, "letters", [KEPT[1]] if partly else None)
    assert done.documents == (1 if partly else 3)
    assert traces(world, KEPT[1]) == []
    assert world.problems() == []
    assert source.exists()
    assert (snapshot.path / "certificate.json").exists()
    assert found(world, KEPT[1]) == []
    assert found(world, LONG) == (
        ["exact local/letters", "exact local/others"] if partly else ["exact local/others"]
    )
    plan = world.plan({"sources": ["letters"]})
    assert plan.documents == (2 if partly else 0)
    if partly:
        assert world.export(plan, "rest").documents == 2
        assert world.origins("letters") == {Origin.HUMAN: 1, Origin.ASSISTED: 2}


def test_what_a_model_wrote_stays_so_elsewhere(world: World) -> None:
    world.register("essays", [LONG, OTHER], origin=Origin.HUMAN)
    world.register("chat", [LONG], origin=Origin.AI)
    erase(world, "chat")
    assert world.origins("essays") == {Origin.HUMAN: 1, Origin.AI: 1}


def test_erased_texts_are_noticed_when_they_come_again(world: World) -> None:
    world.register("letters", KEPT, origin=Origin.HUMAN)
    (number,) = erase(world, "letters").withdrawals
    with pytest.raises(ConflictError, match=f"tombstone {number}: somebody asked"):
        world.register("again", [KEPT[1], "Something new."])
    done = world.register("again", [KEPT[1], "Something new."], allow_withdrawn=True)
    assert [(it.withdrawal, it.documents, it.erased) for it in done.returned] == [(number, 1, True)]


def test_an_erasure_that_was_killed_is_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register("letters", KEPT, keep=True)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("registry.lifecycle.erasing._Recording.record", die)
        with pytest.raises(Killed):
            erase(world, "letters")
    with monkeypatch.context() as patch:
        patch.setattr("registry.db.session.Database.pack", die)
        with pytest.raises(Killed):
            lifecycle.settle(world.database, world.store, places(world), clock=world.clock)
    said = lifecycle.settle(world.database, world.store, places(world), clock=world.clock)
    assert said == ["finished an erasure that was interrupted: somebody asked"]
    reindex.rebuild(world.database, world.store, clock=world.clock)
    assert traces(world, KEPT[1]) == []
    assert world.problems() == []
    assert lifecycle.settle(world.database, world.store, places(world), clock=world.clock) == []


def test_a_restored_database_is_erased_again(sqlite_world: World) -> None:
    import shutil

    world = sqlite_world
    world.register("letters", KEPT, keep=True)
    file = Path(str(world.database.url.database))
    world.database.pack()
    backup = Path(shutil.copy(file, world.folder / "backup.db"))
    erase(world, "letters")
    world.database.dispose()
    shutil.copy(backup, file)
    for more in ("-wal", "-shm"):
        file.with_name(file.name + more).unlink(missing_ok=True)
    with world.database.read() as session:
        assert session.scalars(sa.select(Withdrawal.id)).all() == []
    (said,) = lifecycle.settle(world.database, world.store, places(world), clock=world.clock)
    assert said.startswith("erased again")
    with world.database.read() as session:
        assert len(session.scalars(sa.select(ErasedText.id)).all()) == 1
    backup.unlink()
    reindex.rebuild(world.database, world.store, clock=world.clock)
    assert traces(world, KEPT[1]) == []
    assert world.problems() == []
