from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.core.logproof import LogProof
from registry.core.note import Note
from tests.cli.running import Cli
from tests.log.story import dump, restore
from tests.world import World


@pytest.fixture(autouse=True)
def home(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(world.home))
    world.register("essays", ["By a person."], origin="human")


def test_a_checkpoint_is_printed_as_it_is_published(cli: Cli, world: World) -> None:
    ran = cli("log", "checkpoint")
    assert ran.code == 0
    assert ran.out.encode() == (world.home / "log" / "checkpoint").read_bytes()
    assert Note.parse(ran.out.encode()).text.startswith(b"firsthand/")
    assert cli("log", "checkpoint", "--json").json["note"] == ran.out


def test_a_proof_is_of_what_was_asked_for(cli: Cli, world: World, tmp_path: Path) -> None:
    world.export({"sources": ["essays"]}, "snap")
    snap = world.folder / "snap"
    assert cli("log", "prove", snap).code == 0
    proof = LogProof.parse((snap / "certificate.tlog-proof").read_bytes())
    proof.check()
    assert json.loads(proof.entry or b"")["kind"] == "snapshot.exported"
    (snap / "certificate.tlog-proof").unlink()
    assert cli("log", "prove", snap / "certificate.json", "--json").json["position"] == 2
    assert (snap / "certificate.tlog-proof").exists()
    printed = cli("log", "prove", "essays@1").out
    assert LogProof.parse(printed.encode()).index == 1
    assert cli("log", "prove", "1", "--out", tmp_path / "one").code == 0
    assert (tmp_path / "one").read_text() == printed


def test_a_pipe_is_written_to_and_stays_one(cli: Cli, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert cli("log", "prove", "1", "--out", pipe).code == 0
        assert LogProof.parse(os.read(reader, 1 << 20)).index == 1
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_what_is_not_in_the_log_is_not_proven(cli: Cli, tmp_path: Path) -> None:
    for ref in ("77", "nothing@1", tmp_path):
        ran = cli("log", "prove", ref, "--json")
        assert ran.code == 1
        assert ran.error["type"] == "NotFoundError"
    (tmp_path / "certificate.json").write_text("{}")
    assert "not in this registry's log" in cli("log", "prove", tmp_path).err


def test_an_entry_with_a_changed_row_is_shown_as_such(cli: Cli, world: World) -> None:
    assert cli("log", "show", "1").code == 0
    with world.database.write() as session:
        session.execute(sa.text("UPDATE dataset_versions SET documents = 7"))
    ran = cli("log", "show", "1")
    assert ran.code == 3
    assert "dataset_versions row 1: was changed after it was logged" in ran.out
    assert "datasets row 1: as it was logged" in ran.out
    fsck = cli("log", "fsck", "--json")
    assert fsck.code == 3
    assert fsck.json["rows"] == ["dataset_versions row 1: was changed after it was logged"]


def test_a_rollback_exits_3_and_a_fork_is_said_loudly(cli: Cli, world: World) -> None:
    saved = dump(world.database)
    world.register("more", ["By another."])
    cli("log", "checkpoint")
    restore(world.database, saved)
    shutil.rmtree(world.home / "log")
    ran = cli("log", "checkpoint", "--json")
    assert ran.code == 3
    assert ran.json["error"]["code"] == "E_ROLLBACK"
    assert "error: E_ROLLBACK: " in ran.err
    assert cli("log", "recover").code == 3
    assert cli("log", "recover", "--accept-fork").code == 2
    reason = "no backup of the log was kept"
    ran = cli("log", "recover", "--accept-fork", "--reason", reason)
    assert ran.code == 0
    assert "FORK: 3 entries with root" in ran.out
    assert "will refuse this log from now on" in ran.out
    (kept,) = (world.home / "recoveries").iterdir()
    assert json.loads(kept.read_text())["reason"] == reason
    shown = cli("log", "show", "2", "--json").json
    assert shown["facts"]["reason"] == kept.stem
    assert reason not in json.dumps(shown)
    assert "accepted: entry 2: a recovery" in cli("log", "fsck").out


def test_what_was_lost_is_listed(cli: Cli, world: World) -> None:
    saved = dump(world.database)
    world.register("more", ["By another."])
    cli("log", "checkpoint")
    restore(world.database, saved)
    ran = cli("log", "recover")
    assert ran.code == 0
    assert "lost: the rows of 1 entry; do again" in ran.out
    assert "entry 2  2025-" in ran.out
    assert "nothing to recover" in cli("log", "recover").out
