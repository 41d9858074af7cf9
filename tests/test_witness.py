from __future__ import annotations

import base64
import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry import witness
from registry.core.attest import PublicKey
from registry.core.merkle import leaf_hash, tree_root
from registry.core.note import Note, NoteSigner
from registry.core.trust import LogKey, Trust, Window
from registry.errors import ConflictError, InvalidInputError, UnavailableError, VerificationError
from tests.checkpoints import publish, signed, write
from tests.conftest import REPOSITORY

NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
LOG = NoteSigner("acme.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = NoteSigner("acme.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
KEY = str(LOG.public).encode()


def entries(count: int, last: str = "") -> list[bytes]:
    made = [f"entry {at}".encode() for at in range(count)]
    return [*made[:-1], made[-1] + last.encode()] if last else made


class Watcher:
    """A witness in a folder, who is shown logs."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "w.key"
        self.folder = folder
        self.public = witness.create(self.key, "w.example/w")
        self.logs = 0

    def see(
        self, shown: list[bytes], *, signer: NoteSigner = LOG, log_key: bytes | None = None
    ) -> witness.Cosigned:
        """Be shown a published log."""
        self.logs += 1
        place = self.folder / f"log {self.logs}"
        return self.cosign(publish(place, shown, signer).to_bytes(), place, log_key)

    def cosign(
        self, data: bytes, place: Path | None = None, log_key: bytes | None = None
    ) -> witness.Cosigned:
        return witness.cosign(data, self.key, folder=place, log_key=log_key, now=NOW)

    @property
    def memory(self) -> Path:
        return self.key.with_name("w.key.state")


@pytest.fixture
def watcher(tmp_path: Path) -> Watcher:
    return Watcher(tmp_path)


def test_a_witness_cosigns_a_log_that_only_grows(watcher: Watcher) -> None:
    first = watcher.see(entries(3), log_key=KEY)
    assert first.before is None
    for size in (3, 4, 300, 301):
        done = watcher.see(entries(size))
        note = Note.parse(done.note.to_bytes())
        assert note.opened([LOG.public, watcher.public]) == {
            LOG.public: None,
            watcher.public: int(NOW.timestamp()),
        }
    assert done.before is not None
    assert done.before.size == 300
    assert watcher.memory.stat().st_mode & 0o777 == 0o600


def test_a_log_that_shrank_is_refused_with_both_heads(watcher: Watcher) -> None:
    watcher.see(entries(5), log_key=KEY)
    with pytest.raises(VerificationError) as refused:
        watcher.see(entries(4))
    assert refused.value.code == "E_SIZE_SHRINK"
    for count in (4, 5):
        root = base64.b64encode(tree_root(map(leaf_hash, entries(count)))).decode()
        assert f"{count} entries, root {root}" in refused.value.message
    assert watcher.see(entries(6)).before.size == 5  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("size", "code"), [(5, "E_SPLIT_VIEW"), (6, "E_CONSISTENCY"), (400, "E_CONSISTENCY")]
)
def test_another_history_is_refused_with_both_heads(watcher: Watcher, size: int, code: str) -> None:
    watcher.see(entries(5), log_key=KEY)
    before = watcher.memory.read_bytes()
    forked = [*entries(5, "another"), *entries(size)[5:]]
    with pytest.raises(VerificationError) as refused:
        watcher.see(forked)
    assert refused.value.code == code
    assert "cosigned before: 5 entries" in refused.value.message
    assert f"now: {size} entries" in refused.value.message
    assert watcher.memory.read_bytes() == before


def test_growth_needs_the_tiles(watcher: Watcher, tmp_path: Path) -> None:
    watcher.see(entries(5), log_key=KEY)
    grown = publish(tmp_path / "grown", entries(9), LOG).to_bytes()
    with pytest.raises(InvalidInputError, match="without its tiles") as wrong:
        watcher.cosign(grown)
    assert "--log DIR" in str(wrong.value.hint)
    (tmp_path / "grown/tile/0/000.p/9").unlink()
    with pytest.raises(VerificationError) as refused:
        watcher.cosign(grown, tmp_path / "grown")
    assert refused.value.code == "E_INCLUSION"
    write(tmp_path / "grown/tile/0/000.p/9", bytes(9 * 32))
    with pytest.raises(VerificationError) as refused:
        watcher.cosign(grown, tmp_path / "grown")
    assert refused.value.code == "E_CONSISTENCY"


def test_the_key_of_a_log_is_pinned(watcher: Watcher) -> None:
    with pytest.raises(InvalidInputError, match="no key of the log"):
        watcher.see(entries(3))
    assert watcher.see(entries(3), log_key=KEY).pinned == (LOG.public,)
    with pytest.raises(VerificationError) as refused:
        watcher.see(entries(4), signer=OTHER)
    assert refused.value.code == "E_NO_LOG_SIGNATURE"
    # After a rotation its owner says so, and the witness is told explicitly.
    done = watcher.see(entries(4), signer=OTHER, log_key=str(OTHER.public).encode())
    assert done.pinned == (OTHER.public,)
    with pytest.raises(VerificationError):
        watcher.see(entries(5))


def test_a_key_that_came_with_the_log_is_believed_once_and_said_so(
    watcher: Watcher, tmp_path: Path
) -> None:
    write(tmp_path / "trust.json", Trust(logs=(LogKey(LOG.public),)).to_bytes())
    assert watcher.see(entries(3)).first_use
    write(tmp_path / "trust.json", Trust(logs=(LogKey(OTHER.public),)).to_bytes())
    assert not watcher.see(entries(4)).first_use
    with pytest.raises(VerificationError) as refused:
        watcher.see(entries(5), signer=OTHER)
    assert refused.value.code == "E_NO_LOG_SIGNATURE"


def test_a_log_key_is_taken_in_every_form_in_which_it_is_published(watcher: Watcher) -> None:
    over = Window(not_after=NOW)
    trust = Trust(logs=(LogKey(OTHER.public, over), LogKey(LOG.public))).to_bytes()
    for form in (KEY, PublicKey(LOG.key.public_key()).pem.encode(), trust):
        assert watcher.see(entries(3), log_key=form).pinned == (LOG.public,)
    # A key that was rotated away signs nothing that is new to a witness.
    with pytest.raises(VerificationError) as refused:
        watcher.see(entries(3), signer=OTHER, log_key=trust)
    assert refused.value.code == "E_NO_LOG_SIGNATURE"
    other = NoteSigner("other.example/log", LOG.key).public
    for form in (str(other).encode(), str(watcher.public).encode()):
        with pytest.raises(VerificationError) as refused:
            watcher.see(entries(3), log_key=form)
        assert refused.value.code == "E_CHECKPOINT_ORIGIN"
    for form in (b"", b"\xff", b"{}", b"-----BEGIN PUBLIC KEY-----\n", b"no key"):
        with pytest.raises(InvalidInputError):
            watcher.see(entries(3), log_key=form)


def test_logs_do_not_get_into_one_anothers_way(watcher: Watcher) -> None:
    other = NoteSigner("other.example/log", OTHER.key)
    watcher.see(entries(9), log_key=KEY)
    watcher.see(entries(3), signer=other, log_key=str(other.public).encode())
    assert watcher.see(entries(10)).before.size == 9  # type: ignore[union-attr]
    assert watcher.see(entries(4), signer=other).before.size == 3  # type: ignore[union-attr]


def test_what_was_seen_is_durable_before_it_is_vouched_for(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.see(entries(3), log_key=KEY)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = watcher.memory.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UnavailableError, match="No space"):
            watcher.see(entries(4))
    assert watcher.memory.read_bytes() == before


@pytest.mark.parametrize("bent", [b"", b"{}", b"[]", b"\xff", None,
                                  b'{"logs":{"x":1},"type":"firsthand-witness/v1"}',
                                  b'{"logs":{},"type":"firsthand-witness/v2"}'])  # fmt: skip
def test_a_memory_that_is_gone_or_damaged_is_not_taken_for_new(
    watcher: Watcher, bent: bytes | None
) -> None:
    watcher.see(entries(3), log_key=KEY)
    if bent is None:
        watcher.memory.unlink()
    else:
        watcher.memory.write_bytes(bent)
    with pytest.raises((ConflictError, InvalidInputError), match="memory"):
        watcher.see(entries(3), log_key=KEY)


def test_a_key_is_never_made_over_another(watcher: Watcher, tmp_path: Path) -> None:
    before = watcher.key.read_bytes()
    with pytest.raises(ConflictError):
        witness.create(watcher.key, "w.example/w")
    assert watcher.key.read_bytes() == before
    watcher.see(entries(3), log_key=KEY)
    watcher.key.unlink()
    with pytest.raises(ConflictError):
        witness.create(watcher.key, "w.example/w")
    for name in ("", "a b", "a+b", "\x1b[2J", "x" * 201):
        with pytest.raises(InvalidInputError):
            witness.create(tmp_path / "other.key", name)
    assert not (tmp_path / "other.key").exists()


def test_a_private_key_that_is_none_or_open_is_refused(watcher: Watcher) -> None:
    good = watcher.key.read_bytes()
    for bad in (b"", b"\xff", b"PRIVATE+KEY+", good[:-9], good.replace(b"w.example", b"x.example")):
        watcher.key.write_bytes(bad)
        with pytest.raises(InvalidInputError, match="not the private key of a witness"):
            watcher.see(entries(3), log_key=KEY)
    watcher.key.write_bytes(good)
    watcher.key.chmod(0o644)
    with pytest.raises(InvalidInputError, match="read by others"):
        watcher.see(entries(3), log_key=KEY)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"\n\n", b"\n", "E_ENVELOPE"),
        (b"\n3\n", b"\n3" + b"0" * (1 << 20) + b"\n", "E_LIMIT"),
        (b"\n3\n", b"\n03\n", "E_ENVELOPE"),
        (b"\n3\n", b"\n4\n", "E_SIGNATURE"),
        (b"acme", b"a\x1bme", "E_ENVELOPE"),
    ],
    ids=range(5),
)
def test_what_is_no_checkpoint_of_the_log_is_refused(
    watcher: Watcher, old: bytes, new: bytes, code: str
) -> None:
    root = tree_root(map(leaf_hash, entries(3)))
    data = signed(LOG, 3, root).to_bytes().replace(old, new, 1)
    with pytest.raises(VerificationError) as refused:
        watcher.cosign(data, log_key=KEY)
    assert refused.value.code == code


def test_two_at_once_cannot_be_shown_two_histories(watcher: Watcher, tmp_path: Path) -> None:
    """Of ten forks of one length, shown at the same time, one is cosigned."""
    watcher.see(entries(3), log_key=KEY)
    commands = []
    for at in range(10):
        place = tmp_path / f"fork {at}"
        publish(place, [*entries(3), f"fork {at}".encode()], LOG)
        commands.append([sys.executable, "-m", "cli.main", "witness", "cosign", str(place),
                         "--key", str(watcher.key), "--json"])  # fmt: skip
    running = [
        subprocess.Popen(it, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for it in commands
    ]
    codes = [(it.communicate()[0], it.returncode) for it in running]
    assert sorted(code for _, code in codes) == [0, *[3] * 9]
    assert all(b"E_SPLIT_VIEW" in out for out, code in codes if code)
