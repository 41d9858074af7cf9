"""What an export has to do with the log: its proof, what it supersedes, and a log that went back."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry import checkpoints, verify
from registry.checkpoints.leaves import Leaves
from registry.core.dataset import Role
from registry.core.digest import sha256_hex
from registry.core.evidence import DateInterval, DateKind, instant_range, iso_time
from registry.db.models import Supersession
from registry.errors import ConflictError, UnavailableError, VerificationError
from registry.export import Superseded
from registry.verify import Level
from tests.world import World

MIX = {"sources": ["essays"]}


def said(path: Path) -> dict[str, Any]:
    envelope = json.loads((path / "certificate.json").read_bytes())
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert isinstance(predicate, dict)
    return predicate


def root_of(leaves: Leaves, size: int) -> str:
    root = leaves.root(size)
    assert root is not None
    return root.hex()


def essays(world: World, **more: Any) -> None:
    world.register("essays", ["By a person.", "By another."], origin="human", **more)


def test_an_export_brings_the_proof_of_its_entry(world: World) -> None:
    essays(world)
    done = world.export(MIX)
    assert done.proven
    report = verify.snapshot(
        done.path, key=world.signer.public, level=Level.CONTENT, log=world.settings.log_folder
    )
    assert report.log is not None
    assert (report.log.origin, report.log.entry, report.log.signed) == (done.log, done.entry, True)
    log = said(done.path)["log"]
    assert (log["checkpoint"]["size"], said(done.path)["inputs"][0]["log_index"]) == (2, 1)
    assert world.export(MIX).existed
    assert world.export(MIX).entry == done.entry
    assert world.problems() == []


def test_the_state_that_a_certificate_names_is_that_of_the_entries(world: World) -> None:
    """With tiles, and when they are lost."""
    essays(world)
    world.export(MIX, "one")
    for number in range(300):
        world.role("essays@1", Role.EVALUATION, given=bool(number % 2 == 0))
    second = world.export(MIX | {"exclude_evaluations": False}, "two")
    root = said(second.path)["log"]["checkpoint"]["root"]
    with world.database.read() as session:
        leaves = Leaves(session)
    assert root_of(leaves, 303) == root
    shutil.rmtree(world.settings.log_folder / "tile")
    state = world.export(MIX | {"exclude_evaluations": False, "seed": 4}, "three")
    assert said(state.path)["log"]["checkpoint"]["root"] == root_of(leaves, 304)


def test_dates_make_grades_and_the_cutoff_of_the_recipe_is_stated(world: World) -> None:
    essays(world, dates=(DateInterval.parse(DateKind.CAPTURED, "2020"),))
    cutoff = {"where": {"date_before": "2022-11-30"}}
    done = world.export(MIX | cutoff)
    assert said(done.path)["policy"]["cutoff"] == "2022-11-30T00:00:00Z"
    assert said(done.path)["policy"]["cutoff"] == iso_time(instant_range("2022-11-30")[0])
    assert said(done.path)["inputs"][0]["grade"] == "E1"
    verify.snapshot(done.path, key=world.signer.public, level=Level.CONTENT)


def test_a_snapshot_takes_the_place_of_another(world: World) -> None:
    essays(world)
    old = world.export(MIX, "old")
    new = world.export(MIX, "new", supersedes=Superseded(old.certificate, "a better one"))
    assert said(new.path)["supersedes"] == old.certificate
    assert old.certificate == sha256_hex((old.path / "certificate.json").read_bytes())
    with world.database.read() as session:
        row = session.execute(sa.select(Supersession)).scalar_one()
        assert (row.certificate_digest, row.reason) == (old.certificate, "a better one")
    log, key = world.settings.log_folder, world.signer.public
    verify.snapshot(old.path, key=key)
    verify.snapshot(new.path, key=key, log=log)
    with pytest.raises(VerificationError) as caught:
        verify.snapshot(old.path, key=key, log=log)
    assert caught.value.code == "E_SUPERSEDED"
    assert world.problems() == []
    with pytest.raises(ConflictError, match="does not supersede"):
        world.export(MIX, "old", supersedes=Superseded(new.certificate))


def test_what_cannot_be_proven_yet_appears_and_is_pending(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    essays(world)

    def busy(*_: object, **__: object) -> None:
        raise UnavailableError("another command is publishing", hint="wait")

    monkeypatch.setattr(checkpoints, "advance", busy)
    done = world.export(MIX)
    assert not done.proven
    assert not (done.path / "certificate.tlog-proof").exists()
    assert verify.snapshot(done.path, key=world.signer.public).log is None


def test_a_database_from_a_backup_exports_nothing(sqlite_world: World) -> None:
    world = sqlite_world
    essays(world)
    file = Path(str(world.database.engine.url.database))
    with world.database.write() as session:
        session.execute(sa.text("SELECT 1"))
    world.database.dispose()
    shutil.copy(file, world.folder / "backup")
    world.export(MIX, "one")
    world.database.dispose()
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    shutil.copy(world.folder / "backup", file)
    with pytest.raises(VerificationError) as caught:
        world.export(MIX, "two")
    assert caught.value.code == "E_ROLLBACK"
    assert not (world.folder / "two").exists()
