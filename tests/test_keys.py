from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry import home, key_files, keys, ledger
from registry.core.attest import Signer
from registry.core.digest import sha256_hex
from registry.core.note import NoteSigner, SignatureType
from registry.core.trust import Trust
from registry.db.models import KeyRevocation, KeyRole, SigningKey, TrustRole
from registry.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from registry.query.trust import keys as all_keys
from tests.world import World

WITNESS = str(
    NoteSigner("w.example/w", Ed25519PrivateKey.from_private_bytes(bytes(32)),
               SignatureType.COSIGNATURE).public
)  # fmt: skip
LOG = str(NoteSigner("log.example", Ed25519PrivateKey.from_private_bytes(bytes(32))).public)


def rotate(world: World, role: KeyRole = KeyRole.CERTIFICATE, words: str | None = None) -> Any:
    return keys.rotate(world.database, world.settings, role, passphrase=words, clock=world.clock)


def revoke(world: World, keyid: str, since: dt.datetime | None = None) -> Any:
    return keys.revoke(
        world.database,
        world.settings,
        keyid,
        since=since or world.clock.now,
        reason="a laptop was lost",
        revoked_by="tester",
        clock=world.clock,
    )


def add(world: World, role: TrustRole, key: str | bytes, name: str | None = None) -> Any:
    data = key.encode() if isinstance(key, str) else key
    return keys.add(
        world.database,
        world.settings,
        role,
        data,
        name=name,
        added_by="tester",
        clock=world.clock,
    )


def trusted(world: World) -> Trust:
    """Return the trust file, which must be the one that the newest entry of a key names."""
    data = world.settings.trust_file.read_bytes()
    with world.database.read() as session:
        named = [entry["facts"].get("trust") for _, entry in ledger.entries(session)]
        origin = home.log_origin(world.settings, session)
        assert keys.trust(session, origin).to_bytes() == data
    assert [it for it in named if it][-1] == sha256_hex(data)
    return Trust.parse(data, name="trust.json")


def test_a_rotation_ends_the_old_key_and_keeps_what_it_signed(world: World) -> None:
    old = world.signer.public.keyid
    done = rotate(world)
    signer = home.load_signer(world.settings)
    assert (done.before, done.keyid, done.lost) == (old, signer.public.keyid, False)
    assert world.settings.public_key_file.read_text("ascii") == signer.public.pem
    folder = world.settings.keys
    assert sorted(path.name for path in folder.iterdir()) == [".lock", f"{old}.key", "issuer.key"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in [folder, *folder.iterdir()])
    kept = Signer.parse((folder / f"{old}.key").read_bytes(), name="old")
    assert kept.public == world.signer.public
    found = trusted(world)
    first, second = found.certificates
    assert (first.key.keyid, second.key.keyid) == (old, done.keyid)
    assert first.window.not_after == world.clock.now
    assert not second.window.bounded
    assert first.window.refusal(world.clock.now) is None
    assert first.window.refusal(world.clock.now + dt.timedelta(seconds=1)) == "E_UNKNOWN_KEY"
    assert [(it.key.public, it.window) for it in found.logs] == [
        (it.key.raw, it.window) for it in found.certificates
    ]
    assert world.problems() == []


def test_a_log_key_takes_over_the_log_and_nothing_else(world: World) -> None:
    with world.database.read() as session:
        before = home.load_log_signer(world.settings, session)
    assert before.public.public == world.signer.public.raw
    assert before.name == f"firsthand/{world.signer.public.keyid[:16]}"
    made = rotate(world, KeyRole.LOG)
    rotate(world)
    with world.database.read() as session:
        signer = home.load_log_signer(world.settings, session)
    assert home.load_signer(world.settings, KeyRole.LOG).public.keyid == made.keyid
    assert signer.public.public != before.public.public
    assert signer.name == before.name
    found = trusted(world)
    assert [key.key.public for key in found.logs] == [before.public.public, signer.public.public]
    assert [key.window.bounded for key in found.logs] == [True, False]
    assert len(found.certificates) == 2
    assert rotate(world, KeyRole.LOG).before == made.keyid
    assert (world.settings.keys / f"{made.keyid}.key").is_file()
    assert world.problems() == []


def test_a_revoked_key_signs_nothing_until_it_is_rotated(world: World) -> None:
    world.register("essays", ["One.", "Two."], origin="human")
    since = world.clock.now - dt.timedelta(days=9)
    done = revoke(world, world.signer.public.keyid[:12], since)
    assert done.stops == ("certificate", "log")
    assert trusted(world).certificates[0].window.revoked_from == since
    with pytest.raises(ConflictError, match="is revoked from 2025-") as refused:
        home.load_signer(world.settings)
    assert refused.value.hint == "make a new one: `firsthand keys rotate --role certificate`"
    with world.database.read() as session, pytest.raises(ConflictError, match="is revoked"):
        home.load_log_signer(world.settings, session)
    with pytest.raises(ConflictError, match="is revoked"):
        world.export({"sources": ["essays"]})
    rotate(world)
    world.signer = home.load_signer(world.settings)
    world.issuer = home.issuer(world.settings, world.signer)
    world.export({"sources": ["essays"]}, "other")
    window = trusted(world).certificates[0].window
    assert (window.revoked_from, window.not_after is not None) == (since, True)
    assert world.problems() == []


def test_the_earliest_revocation_counts_and_none_is_taken_back(world: World) -> None:
    keyid, now = world.signer.public.keyid, world.clock.now
    revoke(world, keyid, now)
    with pytest.raises(ConflictError, match="already"):
        revoke(world, keyid, now)
    earlier = now - dt.timedelta(days=1)
    revoke(world, keyid, earlier)
    with pytest.raises(ConflictError, match="already"):
        revoke(world, keyid, now - dt.timedelta(hours=1))
    assert trusted(world).certificates[0].window.revoked_from == earlier


def test_what_cannot_be_revoked(world: World) -> None:
    keyid = world.signer.public.keyid
    with pytest.raises(InvalidInputError, match="in the future"):
        revoke(world, keyid, world.clock.now + dt.timedelta(days=1))
    for wrong in ("", "zz", keyid[:7], keyid.upper(), "a" * 65, "%" * 8):
        with pytest.raises(InvalidInputError, match="not the id of a key"):
            revoke(world, wrong)
    with pytest.raises(NotFoundError, match="knows no key"):
        revoke(world, "0" * 64)
    for reason in ("", " ", "a\nb", "\x1b[2J", "x" * 2001):
        with pytest.raises(InvalidInputError, match="the reason"):
            keys.revoke(
                world.database,
                world.settings,
                keyid,
                since=world.clock.now,
                reason=reason,
                revoked_by="x",
                clock=world.clock,
            )
    with world.database.read() as session:
        assert session.scalars(sa.select(KeyRevocation)).all() == []


def test_keys_of_others_are_named_and_can_be_revoked(world: World) -> None:
    made = add(world, TrustRole.WITNESS, f" {WITNESS}\n")
    assert (made.name, made.role) == ("w.example/w", "witness")
    assert add(world, TrustRole.WITNESS, WITNESS) is None
    add(world, TrustRole.ARCHIVE, "ab" * 32, "crawl")
    found = trusted(world)
    assert [str(it.key) for it in found.witnesses] == [WITNESS]
    assert [(it.name, it.sha256) for it in found.archives] == [("crawl", "ab" * 32)]
    with pytest.raises(ConflictError, match="trusted already, as that of"):
        add(world, TrustRole.WITNESS, WITNESS, "somebody else")
    done = revoke(world, made.keyid)
    assert (done.name, done.stops) == ("w.example/w", ())
    assert trusted(world).witnesses[0].window.revoked_from is not None
    with pytest.raises(ConflictError, match="was revoked"):
        add(world, TrustRole.WITNESS, WITNESS)
    assert world.problems() == []


@pytest.mark.parametrize(
    ("role", "key", "name"),
    [
        (TrustRole.WITNESS, LOG, None),
        (TrustRole.WITNESS, WITNESS[:-2], None),
        (TrustRole.WITNESS, WITNESS.replace("w.example", "x.example"), None),
        (TrustRole.WITNESS, b"\xff\xfe", None),
        (TrustRole.WITNESS, "", None),
        (TrustRole.WITNESS, WITNESS, "a\x1b[2Jb"),
        (TrustRole.WITNESS, WITNESS, "x" * 201),
        (TrustRole.ARCHIVE, "AB" * 32, "crawl"),
        (TrustRole.ARCHIVE, "ab" * 32, None),
        (TrustRole.ARCHIVE, "ab" * 31, "crawl"),
        (TrustRole.TIMESTAMP, "no certificate", "tsa"),
        (
            TrustRole.TIMESTAMP,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "tsa",
        ),
        (TrustRole.TIMESTAMP, b"\x00" * 999, "tsa"),
    ],
)
def test_what_is_no_key_of_that_role_is_refused(
    sqlite_world: World, role: TrustRole, key: str | bytes, name: str | None
) -> None:
    size = sqlite_world.log_size()
    with pytest.raises(InvalidInputError):
        add(sqlite_world, role, key, name)
    assert sqlite_world.log_size() == size


def test_a_passphrase_protects_and_can_be_changed(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, path = sqlite_world, sqlite_world.settings.private_key_file
    keys.change_passphrase(world.settings, path, old=None, new="first words")
    monkeypatch.setenv("FIRSTHAND_PASSPHRASE", "first words")
    assert home.load_signer(world.settings).public == world.signer.public
    monkeypatch.setenv("FIRSTHAND_PASSPHRASE", "other words")
    with pytest.raises(InvalidInputError, match="does not open") as refused:
        home.load_signer(world.settings)
    assert "words" not in str(refused.value) + str(refused.value.hint)
    with pytest.raises(InvalidInputError, match="does not open"):
        keys.change_passphrase(world.settings, path, old="wrong", new=None)
    with pytest.raises(InvalidInputError, match="printable text"):
        keys.change_passphrase(world.settings, path, old="first words", new="")
    # Whoever forgot it can still go on: nothing of the old key is needed.
    done = rotate(world, words="second words")
    monkeypatch.setenv("FIRSTHAND_PASSPHRASE", "second words")
    assert home.load_signer(world.settings).public.keyid == done.keyid
    keys.change_passphrase(world.settings, path, old="second words", new=None)
    monkeypatch.delenv("FIRSTHAND_PASSPHRASE")
    assert home.load_signer(world.settings).public.keyid == done.keyid
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_lost_key_can_be_rotated(sqlite_world: World) -> None:
    sqlite_world.settings.private_key_file.unlink()
    assert rotate(sqlite_world).lost
    assert home.load_signer(sqlite_world.settings)


def test_another_private_key_than_the_newest_is_refused_and_not_lost(sqlite_world: World) -> None:
    world, path = sqlite_world, sqlite_world.settings.private_key_file
    other = Signer.generate()
    path.write_bytes(other.to_pem())
    with pytest.raises(ConflictError, match="is not the newest certificate key"):
        home.load_signer(world.settings)
    assert rotate(world).lost
    assert (world.settings.keys / f"{other.public.keyid}.key").read_bytes() == other.to_pem()
    path.write_bytes(world.signer.to_pem())
    with pytest.raises(ConflictError, match="is not the newest certificate key"):
        home.load_signer(world.settings)


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_folder_of_keys_that_others_can_enter_is_refused(sqlite_world: World, mode: int) -> None:
    sqlite_world.settings.keys.chmod(mode)
    with pytest.raises(InvalidInputError, match="open to others") as refused:
        home.load_signer(sqlite_world.settings)
    assert "chmod 700" in str(refused.value.hint)


def test_a_key_file_without_end_is_refused(sqlite_world: World) -> None:
    path = sqlite_world.settings.private_key_file
    os.truncate(path, 1 << 30)
    with pytest.raises(InvalidInputError, match="larger than any private key"):
        home.load_signer(sqlite_world.settings)


def test_only_one_command_changes_keys_at_a_time(sqlite_world: World) -> None:
    with key_files.locked(sqlite_world.settings.keys):
        with pytest.raises(ConflictError, match="another command"):
            rotate(sqlite_world)
        # Whoever is at it finishes itself.
        assert keys.settle(sqlite_world.database, sqlite_world.settings) == []
    assert not sqlite_world.settings.trust_file.exists()
    assert rotate(sqlite_world)


def test_a_trust_file_that_is_gone_or_another_is_made_again(sqlite_world: World) -> None:
    world = sqlite_world
    for bent in (None, b"", b"{}", b"x" * 2_000_000):
        world.settings.trust_file.unlink(missing_ok=True)
        if bent is not None:
            world.settings.trust_file.write_bytes(bent)
        keys.settle(world.database, world.settings)
        with world.database.read() as session:
            document = keys.trust(session, home.log_origin(world.settings, session))
        assert world.settings.trust_file.read_bytes() == document.to_bytes()


def test_a_home_of_the_release_before_works_on(sqlite_world: World) -> None:
    """Its config.json has no `log`, it has no trust.json, and its entries name no trust file."""
    world = sqlite_world
    world.settings.config_file.write_text(
        '{"database": null, "issuer": {"name": "x", "url": null}}'
    )
    keyid = world.signer.public.keyid
    with world.database.read() as session:
        assert home.log_origin(world.settings, session) == f"firsthand/{keyid[:16]}"
    rotate(world)
    with world.database.read() as session:
        assert home.log_origin(world.settings, session) == f"firsthand/{keyid[:16]}"
    assert len(trusted(world).certificates) == 2


@pytest.mark.parametrize(
    ("url", "given", "origin"),
    [
        ("https://acme.example/data", None, "acme.example/log"),
        ("https://acme.example:8443", None, "acme.example/log"),
        (None, None, None),
        ("acme dot example", None, None),
        ("https://[bad", None, None),
        ("https://acme.example", "logs.example/acme", "logs.example/acme"),
    ],
)
def test_the_log_has_a_name_from_the_start(
    tmp_path: Path, url: str | None, given: str | None, origin: str | None
) -> None:
    from registry.settings import Settings

    made = Settings(tmp_path / "h", "x", url, log_origin=given)
    key = home.create(made, now=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    expected = origin or f"firsthand/{key.keyid[:16]}"
    assert Settings.load(made.home, {}).log_origin == expected
    document = Trust.parse(made.trust_file.read_bytes(), name="trust")
    assert [item.key.name for item in document.logs] == [expected]


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "\x1b[2J", "x" * 201])
def test_a_log_name_that_cannot_stand_in_a_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    from registry.settings import Settings

    made = Settings(tmp_path / "h", "x", None, log_origin=name)
    with pytest.raises(InvalidInputError):
        home.create(made, now=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_leaves_the_old_key(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UnavailableError, match="No space"):
            rotate(world)
    assert home.load_signer(world.settings).public == world.signer.public
    with world.database.read() as session:
        assert len(session.scalars(sa.select(SigningKey)).all()) == 1
        assert all_keys(session).revocations == {}
    assert rotate(world)
    assert list(world.settings.keys.glob("*.next")) == []
