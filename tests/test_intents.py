"""Whose files are whose: a live writer's are never touched, a dead one's always go."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from cli.context import clock
from registry import intents, verify
from registry.blobs import DOCUMENTS
from registry.core.dataset import Origin
from registry.db.models import Intent, IntentKind, IntentState
from registry.errors import ConflictError, UnavailableError
from tests.conftest import REPOSITORY
from tests.world import World

ELSEWHERE: Final = {"host": "elsewhere/1/pid:[1]", "pid": 1, "started": "1"}


def rows(world: World) -> list[Intent]:
    with world.database.read() as session:
        return list(session.scalars(sa.select(Intent)))


def change(world: World, uid: str, **values: Any) -> None:
    with world.database.write() as session:
        session.execute(sa.update(Intent).where(Intent.uid == uid).values(**values))


def recover(world: World) -> list[str]:
    return intents.recover(world.database, world.store, now=world.clock())


@pytest.fixture
def writer(world: World) -> intents.Writer:
    """A registration that has begun to write its files."""
    made = intents.open_intent(world.database, IntentKind.REGISTER, now=world.clock())
    folder = world.store.staging(made.uid) / DOCUMENTS
    folder.mkdir()
    (folder / "part-00000.parquet").write_bytes(b"half of it")
    return made


def files(world: World) -> list[str]:
    return world.stray_files()


def dead_process() -> int:
    """Return the id of a process that ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


# Who is dead.


def test_this_process_is_alive(world: World, writer: intents.Writer) -> None:
    world.clock.advance(days=30)
    assert recover(world) == []
    assert len(rows(world)) == 1
    assert files(world) == [f"staging/{writer.uid} belongs to nothing"]


def test_files_of_a_process_that_ended_are_removed(world: World, writer: intents.Writer) -> None:
    owner = rows(world)[0].owner | {"pid": dead_process()}
    change(world, writer.uid, owner=owner)
    assert recover(world) == ["removed the files of a command that was interrupted"]
    assert rows(world) == []
    assert files(world) == []
    assert recover(world) == []


def test_a_process_with_a_reused_id_is_not_the_writer(world: World, writer: intents.Writer) -> None:
    """This very process id, but a process that started at another time."""
    change(world, writer.uid, owner=rows(world)[0].owner | {"started": "12345"})
    assert len(recover(world)) == 1
    assert files(world) == []


def test_a_process_that_nobody_waited_for_is_dead(world: World, writer: intents.Writer) -> None:
    """A zombie still has its process id."""
    pid = os.posix_spawn(
        sys.executable, [sys.executable, "-c", "import signal; signal.pause()"], os.environ
    )
    try:
        owner = rows(world)[0].owner | {"pid": pid, "started": intents._started(pid)}
        change(world, writer.uid, owner=owner)
        assert recover(world) == []
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert len(recover(world)) == 1
    finally:
        os.waitpid(pid, 0)
    assert files(world) == []


def test_a_stopped_process_is_alive(world: World, writer: intents.Writer) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.pause()"], stdin=subprocess.PIPE
    ) as process:
        process.send_signal(signal.SIGSTOP)
        owner = rows(world)[0].owner
        owner |= {"pid": process.pid, "started": intents._started(process.pid)}
        change(world, writer.uid, owner=owner)
        world.clock.advance(days=30)
        assert recover(world) == []
        process.kill()
    assert files(world) == [f"staging/{writer.uid} belongs to nothing"]


def test_a_process_of_another_user_is_alive(world: World, writer: intents.Writer) -> None:
    started = intents._started(1)
    if started is None:
        pytest.skip("needs /proc")
    change(world, writer.uid, owner=rows(world)[0].owner | {"pid": 1, "started": started})
    assert recover(world) == []
    change(world, writer.uid, owner=rows(world)[0].owner | {"pid": 1, "started": "another"})
    assert len(recover(world)) == 1


def test_another_machine_is_alive_until_its_lease_runs_out(
    world: World, writer: intents.Writer
) -> None:
    change(world, writer.uid, owner=ELSEWHERE)
    world.clock.advance(seconds=intents.LEASE.total_seconds() - 60)
    assert recover(world) == []
    assert files(world) != []
    world.clock.advance(minutes=2)
    assert len(recover(world)) == 1
    assert files(world) == []


def test_a_renewed_lease_holds_longer(world: World, writer: intents.Writer) -> None:
    change(world, writer.uid, owner=ELSEWHERE)
    world.clock.advance(minutes=9)
    intents.renew(world.database, writer, now=world.clock())
    world.clock.advance(minutes=9)
    assert recover(world) == []
    assert len(rows(world)) == 1


def test_renewing_costs_nothing_until_it_is_needed(world: World, writer: intents.Writer) -> None:
    before = rows(world)[0].lease_until
    intents.renew(world.database, writer, now=world.clock())
    assert rows(world)[0].lease_until == before


# Cleaning beats the writer.


def test_a_writer_that_was_taken_for_dead_cannot_go_on(
    world: World, writer: intents.Writer
) -> None:
    change(world, writer.uid, owner=ELSEWHERE)
    world.clock.advance(hours=1)
    recover(world)
    with pytest.raises(ConflictError, match="taken for dead"):
        intents.renew(world.database, writer, now=world.clock())
    for end in (intents.close, intents.commit_before_move, intents.close_without_files):
        with (
            pytest.raises(ConflictError, match="taken for dead"),
            world.database.write() as session,
        ):
            end(session, writer)


@pytest.mark.parametrize("keep", [False, True])
def test_a_registration_that_slept_too_long_leaves_nothing(world: World, *, keep: bool) -> None:
    """The machine is suspended while it reads; another one cleans up; it wakes and goes on."""

    def sleep(_: object) -> None:
        for row in rows(world):
            change(world, row.uid, owner=ELSEWHERE)
        now = world.clock.now + dt.timedelta(hours=1)
        assert len(intents.recover(world.database, world.store, now=now)) == 1

    with pytest.raises((ConflictError, UnavailableError)):
        world.register("essays", ["By a person."], keep=keep, on_progress=sleep)
    assert rows(world) == []
    assert world.log_size() == 1
    assert world.problems() == []


def test_what_a_writer_wrote_after_it_was_cleaned_goes_too(world: World) -> None:
    made = intents.open_intent(world.database, IntentKind.REGISTER, now=world.clock())
    change(world, made.uid, owner=ELSEWHERE)
    world.clock.advance(hours=1)
    recover(world)
    (world.store.staging(made.uid) / DOCUMENTS).mkdir()
    world.store.publish(made.uid, DOCUMENTS)
    assert files(world) != []
    intents.abandon(world.database, world.store, made)
    assert files(world) == []


def test_abandoning_what_was_recorded_removes_nothing(world: World) -> None:
    """Ctrl-C may arrive when the commit is done and nobody has been told."""
    world.register("essays", ["By a person."])
    uid = next((world.store.root / DOCUMENTS).iterdir()).name
    intents.abandon(world.database, world.store, intents.Writer(uid, world.clock()))
    assert world.problems() == []


def test_a_cleaner_that_died_is_cleaned_up_after(world: World, writer: intents.Writer) -> None:
    owner = rows(world)[0].owner | {"pid": dead_process()}
    change(world, writer.uid, owner=owner, state=IntentState.CLEANING)
    assert len(recover(world)) == 1
    assert rows(world) == []
    assert files(world) == []


# Two processes.

REGISTER_AND_WAIT: Final = """
import sys
from pathlib import Path
from cli.context import clock, opened
from registry import register
from registry.core.dataset import DatasetRef
from registry.core.source import ReadOptions
from registry.register import Declaration

def wait(progress):
    print("reading", flush=True)
    sys.stdin.readline()

with opened(sys.argv[1]) as registry:
    register.version(
        registry.database, registry.store, [Path(sys.argv[2])],
        Declaration(DatasetRef.parse("slow"), "tester"),
        options=ReadOptions(), clock=clock, on_progress=wait,
    )
"""


@pytest.fixture
def slow(world: World) -> Iterator[subprocess.Popen[str]]:
    """Another process, in the middle of registering two files as `slow`."""
    source = world.folder / "slow.jsonl"
    source.write_text('{"text": "Slowly."}\n{"text": "Very slowly."}\n', "utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", REGISTER_AND_WAIT, str(world.home), str(source)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        yield process
        process.kill()


def test_a_live_registration_survives_the_recovery_of_others(
    world: World, slow: subprocess.Popen[str]
) -> None:
    world.register("quick", ["Quickly."], clock=clock)
    assert len(rows(world)) == 1
    slow.communicate("\n")
    assert slow.returncode == 0
    assert world.version("slow").documents == 2
    assert rows(world) == []
    assert world.problems() == []


def test_a_killed_registration_is_cleaned_by_the_next_one(
    world: World, slow: subprocess.Popen[str]
) -> None:
    slow.kill()
    slow.wait()
    assert len(rows(world)) == 1
    assert files(world) != []
    world.register("quick", ["Quickly."])
    assert rows(world) == []
    assert world.problems() == []
    with world.database.read() as session:
        assert "slow" not in str(session.execute(sa.text("SELECT name FROM datasets")).all())


def test_ctrl_c_leaves_nothing(world: World, slow: subprocess.Popen[str]) -> None:
    slow.send_signal(signal.SIGINT)
    slow.communicate()
    assert slow.returncode != 0
    assert rows(world) == []
    assert world.log_size() == 1
    assert world.problems() == []


# Exports.

RECIPE: Final = {"sources": ["essays"]}


def committed(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Export, and let the process end between the commit and the move; return the target."""
    world.register("essays", ["By a person.", "By another."], origin=Origin.HUMAN)
    with monkeypatch.context() as patch:
        patch.setattr(intents, "move_into_place", fail)
        with pytest.raises(RuntimeError, match="the power went off"):
            world.export(RECIPE)
    target = world.folder / "snap"
    assert not target.exists()
    for row in rows(world):
        assert row.state is IntentState.COMMITTED
        change(world, row.uid, owner=row.owner | {"pid": dead_process()})
    return target


def fail(*_: object) -> bool:
    raise RuntimeError("the power went off")


def hidden(world: World) -> list[Path]:
    return list(world.folder.glob(".snap.*"))


def test_a_committed_export_is_finished_by_the_next_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = committed(world, monkeypatch)
    assert recover(world) == [f"finished an export that was interrupted: `{target}`"]
    verify.snapshot(target, key=world.signer.public)
    assert hidden(world) == []
    assert rows(world) == []
    assert world.export(RECIPE).existed
    assert world.problems() == []


def test_a_committed_export_waits_when_its_target_was_taken_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = committed(world, monkeypatch)
    target.mkdir()
    (target / "mine.txt").write_text("do not touch", "utf-8")
    said = recover(world)
    assert len(said) == 1
    assert "appeared while an export" in said[0]
    assert str(hidden(world)[0]) in said[0]
    # Nobody else is kept from working.
    world.register("more", ["By a third."])
    assert (target / "mine.txt").read_text("utf-8") == "do not touch"
    target.rename(world.folder / "mine")
    assert recover(world) == [f"finished an export that was interrupted: `{target}`"]
    assert rows(world) == []


def test_an_export_that_somebody_moved_by_hand_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = committed(world, monkeypatch)
    hidden(world)[0].rename(target)
    assert recover(world) == []
    assert rows(world) == []
    assert world.export(RECIPE).existed


def test_a_target_that_appears_before_the_move_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register("essays", ["By a person."])
    target = world.folder / "snap"
    real = intents.commit_before_move

    def somebody_else_is_faster(*args: Any) -> None:
        target.mkdir()
        (target / "mine.txt").write_text("do not touch", "utf-8")
        real(*args)

    monkeypatch.setattr(intents, "commit_before_move", somebody_else_is_faster)
    with pytest.raises(ConflictError, match="appeared while") as caught:
        world.export(RECIPE)
    assert str(hidden(world)[0]) in str(caught.value.hint)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
    assert (hidden(world)[0] / "certificate.json").is_file()


def test_an_export_into_an_empty_folder_works(world: World) -> None:
    world.register("essays", ["By a person."])
    (world.folder / "snap").mkdir()
    assert not world.export(RECIPE).existed
    assert (world.folder / "snap" / "certificate.json").is_file()
    assert rows(world) == []
    assert world.problems() == []


def test_an_export_that_died_before_the_commit_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register("essays", ["By a person."])
    with monkeypatch.context() as patch:
        patch.setattr(intents, "commit_before_move", fail)
        patch.setattr(intents, "abandon", lambda *_: None)
        with pytest.raises(RuntimeError):
            world.export(RECIPE)
    assert len(hidden(world)) == 1
    for row in rows(world):
        change(world, row.uid, owner=row.owner | {"pid": dead_process()})
    assert len(recover(world)) == 1
    assert hidden(world) == []
    assert rows(world) == []
    assert world.log_size() == 2
