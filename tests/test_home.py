"""Making a registry: whole or not at all, with a key that nobody else can read."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry import home, ledger
from registry.blobs import sync_tree
from registry.db import upgrade
from registry.db.models import SigningKey
from registry.errors import ConflictError, InvalidInputError, UnavailableError
from registry.settings import Settings
from tests.world import START


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "work" / ".firsthand", "Test team", "https://example.org")


def create(settings: Settings) -> str:
    settings.home.parent.mkdir(parents=True, exist_ok=True)
    return home.create(settings, now=START).keyid


def left(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.home.parent.iterdir())


def test_a_database_belongs_to_one_home(settings: Settings, database_url: str) -> None:
    first = replace(settings, database=database_url)
    second = replace(first, home=settings.home.with_name("other"))
    create(first)
    with pytest.raises(ConflictError, match="another registry") as caught:
        create(second)
    assert "one home" in str(caught.value.hint)
    assert left(settings) == [".firsthand"]


def test_a_new_registry_has_everything_and_its_log_names_the_key(settings: Settings) -> None:
    keyid = create(settings)
    assert left(settings) == [".firsthand"]
    assert sorted(path.name for path in settings.home.iterdir()) == [
        "config.json", "issuer.pub", "keys", "registry.db", "storage", "trust.json",
    ]  # fmt: skip
    assert Settings.load(settings.home, {}) == replace(settings, log_origin="example.org/log")
    database = home.open_database(settings)
    database.check_revision()
    with database.read() as session:
        assert session.scalars(sa.select(SigningKey.keyid)).all() == [keyid]
        assert [entry["kind"] for _, entry in ledger.entries(session)] == ["key.created"]
        assert list(ledger.discrepancies(session)) == []
    assert upgrade.differences(database) == []
    database.dispose()


def test_the_private_key_is_private_and_signs_for_the_public_one(settings: Settings) -> None:
    keyid = create(settings)
    assert settings.private_key_file.stat().st_mode & 0o777 == 0o600
    assert settings.private_key_file.parent.stat().st_mode & 0o777 == 0o700
    signer = home.load_signer(settings)
    assert signer.public.keyid == keyid
    assert settings.public_key_file.read_text("ascii") == signer.public.pem
    assert home.issuer(settings, signer).name == "Test team"
    assert b"PRIVATE" not in settings.public_key_file.read_bytes()


def test_two_registries_have_two_keys(settings: Settings, tmp_path: Path) -> None:
    assert create(settings) != create(replace(settings, home=tmp_path / "other" / ".firsthand"))


def test_a_registry_is_never_made_over_another(settings: Settings) -> None:
    create(settings)
    before = settings.private_key_file.read_bytes()
    with pytest.raises(ConflictError, match="a registry at"):
        create(settings)
    assert settings.private_key_file.read_bytes() == before
    assert left(settings) == [".firsthand"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_something_else_in_the_way_is_left_alone(settings: Settings, kind: str) -> None:
    settings.home.parent.mkdir()
    if kind == "file":
        settings.home.write_text("mine", "utf-8")
    else:
        settings.home.mkdir()
        (settings.home / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(ConflictError, match="is no registry"):
        create(settings)
    assert left(settings) == [".firsthand"]


def test_an_empty_folder_is_used(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    create(settings)
    assert settings.config_file.is_file()


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[31mred", "x" * 201])
def test_an_issuer_that_nobody_could_read_is_refused(settings: Settings, name: str) -> None:
    for wrong in (replace(settings, issuer_name=name), replace(settings, issuer_url=name)):
        with pytest.raises(InvalidInputError, match="the issuer's"):
            create(wrong)
    assert left(settings) == []


def test_a_database_that_cannot_be_reached_leaves_nothing(settings: Settings) -> None:
    with pytest.raises(UnavailableError, match=r"refused the upgrade|did not answer"):
        create(replace(settings, database="postgresql+psycopg:///x?host=/no/such/folder"))
    with pytest.raises(InvalidInputError, match="not a database"):
        create(replace(settings, database="mysql://host/db"))
    assert left(settings) == []


@pytest.mark.parametrize("step", ["sync_tree", "write_file", "open_database"])
def test_a_failure_half_way_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(home, step, full)
        with pytest.raises(UnavailableError, match="No space left"):
            create(settings)
    assert left(settings) == []
    create(settings)


def test_a_registry_in_a_database_of_a_team(settings: Settings, database_url: str) -> None:
    create(replace(settings, database=database_url))
    assert not settings.database_file.exists()
    database = home.open_database(Settings.load(settings.home, {}))
    database.check_revision()
    database.dispose()


def test_a_database_that_is_gone_is_not_made_anew(settings: Settings) -> None:
    create(settings)
    settings.database_file.unlink()
    with pytest.raises(UnavailableError, match="is missing") as caught:
        home.open_database(settings)
    assert caught.value.hint == "restore it from a backup"
    assert not settings.database_file.exists()


def test_a_key_that_others_can_read_is_refused(settings: Settings) -> None:
    create(settings)
    settings.private_key_file.chmod(0o640)
    with pytest.raises(InvalidInputError, match="read by others") as caught:
        home.load_signer(settings)
    assert "chmod 600" in str(caught.value.hint)


def test_a_key_that_is_gone_or_something_else_is_named(settings: Settings) -> None:
    create(settings)
    settings.private_key_file.write_bytes(b"-----BEGIN NOTHING-----")
    with pytest.raises(InvalidInputError, match="issuer"):
        home.load_signer(settings)
    settings.private_key_file.unlink()
    with pytest.raises(UnavailableError, match="cannot be read"):
        home.load_signer(settings)


def test_the_new_folder_is_synced_before_and_after_it_appears(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []
    real_rename = os.rename

    def rename(source: Path, target: Path) -> None:
        seen.append(("rename", settings.home.exists()))
        real_rename(source, target)

    def sync(folder: Path) -> None:
        seen.append(("sync", settings.home.exists()))
        sync_tree(folder)

    monkeypatch.setattr(home, "sync_tree", sync)
    monkeypatch.setattr(home, "sync_folder", lambda folder: seen.append((folder.name, True)))
    settings.home.parent.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        home.create(settings, now=START)
    assert seen[-3:] == [("sync", False), ("rename", False), ("work", True)]
