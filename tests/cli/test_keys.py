from __future__ import annotations

import os
import pty
import sys
import time
from pathlib import Path

import pytest

from registry.core.trust import Trust
from tests import checkpoints
from tests.cli.running import Cli
from tests.conftest import REPOSITORY
from tests.world import World

WORDS = "a few words"


@pytest.fixture
def home(cli: Cli, tmp_path: Path) -> Path:
    assert cli("init", "--issuer", "ACME", "--issuer-url", "https://acme.example").code == 0
    return tmp_path / ".firsthand"


def test_the_trust_file_is_printed_as_it_is_handed_out(cli: Cli, home: Path) -> None:
    ran = cli("keys", "show", "--trust")
    assert ran.out.encode() == (home / "trust.json").read_bytes()
    trust = Trust.parse(ran.out.encode(), name="out")
    assert trust.log_keys("acme.example/log")
    (home / "trust.json").unlink()
    assert cli("keys", "show").code == 0
    assert (home / "trust.json").read_bytes() == ran.out.encode()


def test_a_screen_lists_every_key_and_what_became_of_it(cli: Cli, home: Path) -> None:
    first = cli("keys", "show", "--json").json["keys"][0]["keyid"]
    ran = cli("keys", "rotate")
    assert "signs this registry's certificates and log from now on" in ran.out
    ran = cli("keys", "rotate", "--role", "log")
    assert "signs this registry's log from now on" in ran.out
    ran = cli("keys", "revoke", first[:9], "--from", "2026-01-01", "--reason", "an old laptop")
    assert "revoked from 2026-01-01T00:00:00Z" in ran.out
    assert "Stops" not in ran.out
    ran = cli("keys", "show")
    assert "Revoked  from 2026-01-01T00:00:00Z: an old laptop" in ran.out
    assert ran.out.count("Until") == 1
    now = cli("keys", "show", "--json").json["keys"][1]["keyid"]
    ran = cli("keys", "revoke", now, "--from", "now", "--reason", "a new laptop")
    assert "this registry signs no certificates until you rotate it" in ran.out
    assert cli("db", "check").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["revoke", "zz", "--from", "now", "--reason", "x"], "not the id of a key"),
        (["revoke", "00000000", "--from", "now", "--reason", "x"], "knows no key"),
        (["revoke", "00000000", "--from", "yesterday", "--reason", "x"], "is not a date"),
        (["add", "no-file", "--role", "witness"], "there is no file"),
        (["add", "a+b+c", "--role", "witness"], "not a key of a log or witness"),
        (["add", "/dev/zero", "--role", "timestamp", "--name", "x"], "is no plain file"),
        (["add", "/dev/zero", "--role", "archive", "--name", "x"], "is no plain file"),
        (["add", ".", "--role", "archive", "--name", "x"], "is no plain file"),
        (["add", "huge", "--role", "witness"], "more than 65,536 bytes"),
        (["passphrase", "--remove"], "has no passphrase"),
    ],
)
def test_what_is_refused_is_one_message(
    cli: Cli, home: Path, arguments: list[str], message: str
) -> None:
    os.truncate(os.open("huge", os.O_CREAT | os.O_RDWR), 1 << 40)
    before = cli("keys", "show", "--json").json
    ran = cli("keys", *arguments, "--json")
    assert ran.code == 1
    assert message in ran.error["message"]
    assert cli("keys", "show", "--json").json == before


def test_an_archive_is_a_digest_or_its_manifest(cli: Cli, home: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    ran = cli("keys", "add", "manifest", "--role", "archive", "--name", "crawl", "--json")
    assert ran.json["added"]["keyid"] == digest
    ran = cli("keys", "add", digest, "--role", "archive", "--name", "crawl", "--json")
    assert ran.json == {"added": None}


def test_a_passphrase_comes_from_the_environment_and_goes_nowhere_else(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_PASSPHRASE", WORDS)
    said = [cli("init", "--passphrase")]
    said.append(cli("keys", "rotate"))
    said.append(cli("keys", "rotate", "--role", "log"))
    rows = cli("keys", "show", "--json").json["keys"]
    assert [row["private"]["passphrase"] for row in rows] == [True] * 3
    monkeypatch.setenv("FIRSTHAND_PASSPHRASE", "wrong " + WORDS)
    said.append(cli("keys", "rotate"))
    assert (said[-1].code, "does not open" in said[-1].err) == (1, True)
    assert all(WORDS not in ran.out + ran.err for ran in said)
    for path in (tmp_path / ".firsthand").rglob("*"):
        assert not path.is_file() or WORDS.encode() not in path.read_bytes()


def at_a_terminal(arguments: list[str], *answers: str) -> tuple[int, str]:
    """Run a command at a terminal, answer what it asks, and return its code and the screen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = str(REPOSITORY)
        os.execv(sys.executable, [sys.executable, "-m", "cli.main", *arguments])
    screen, waiting = b"", list(answers)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            part = os.read(terminal, 1000)
        except OSError:
            break
        if not part:
            break
        screen += part
        if waiting and screen.rstrip().endswith((b":", b"more:")) and part.endswith(b": "):
            os.write(terminal, waiting.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen.decode()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_passphrase_is_typed_twice_and_not_shown(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, screen = at_a_terminal(["keys", "passphrase"], WORDS, "others")
    assert (code, "the two passphrases differ" in screen) == (1, True)
    code, screen = at_a_terminal(["keys", "passphrase"], WORDS, WORDS)
    assert code == 0, screen
    assert WORDS not in screen
    code, screen = at_a_terminal(["keys", "passphrase"], WORDS, "new words", "new words")
    assert code == 0, screen
    monkeypatch.setenv("FIRSTHAND_PASSPHRASE", "new words")
    assert cli("keys", "rotate").code == 0


def test_without_a_terminal_nothing_is_asked(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(path: str, flags: int, *more: int) -> int:
        if path == "/dev/tty":
            raise OSError(6, "No such device or address")
        return real(path, flags, *more)

    real = os.open
    monkeypatch.setattr(os, "open", none)
    ran = cli("keys", "passphrase", "--json")
    assert ran.code == 1
    assert "no terminal to ask" in ran.error["message"]
    assert ran.error["hint"].startswith("set FIRSTHAND_PASSPHRASE")


def test_a_witness_needs_no_registry(cli: Cli, tmp_path: Path, sqlite_world: World) -> None:
    note = checkpoints.sign(sqlite_world.database, sqlite_world.settings, now=sqlite_world.clock())
    (tmp_path / "log").mkdir()
    (tmp_path / "log/checkpoint").write_bytes(note.to_bytes())
    public = cli("witness", "init", "--name", "w.example/w", "--out", "w.key").out.strip()
    ran = cli("witness", "cosign", "log", "--key", "w.key", "--json")
    assert "no key of the log" in ran.error["message"]
    pem = sqlite_world.settings.public_key_file
    ran = cli("witness", "cosign", "log", "--key", "w.key", "--log-key", pem)
    assert ran.out.startswith(note.to_bytes().decode().rstrip("\n"))
    assert "this log is new to the witness" in ran.err
    (tmp_path / "cosigned").write_text(ran.out, "utf-8")
    place = ["--home", sqlite_world.home]
    ran = cli(*place, "log", "cosignatures", "add", "cosigned")
    assert (ran.code, "no line of this checkpoint" in ran.err) == (1, True)
    assert cli(*place, "keys", "add", public, "--role", "witness").code == 0
    assert "1 cosignature new" in cli(*place, "log", "cosignatures", "add", "cosigned").out
    assert "w.example/w" in cli(*place, "log", "cosignatures", "list").out
    for gone in ("nothing", "/dev/zero"):
        assert cli("witness", "cosign", gone, "--key", "w.key", "--json").code == 1


def test_a_refused_log_ends_with_3_and_both_heads(cli: Cli, tmp_path: Path) -> None:
    from tests.test_witness import LOG, entries

    cli("witness", "init", "--name", "w.example/w", "--out", "w.key")
    checkpoints.publish(tmp_path / "one", entries(5), LOG)
    checkpoints.publish(tmp_path / "two", entries(5, "forked"), LOG)
    key = str(LOG.public)
    assert cli("witness", "cosign", "one", "--key", "w.key", "--log-key", key).code == 0
    ran = cli("witness", "cosign", "two", "--key", "w.key", "--out", "cosigned")
    assert ran.code == 3
    assert ran.err.count("5 entries, root") == 2
    assert not (tmp_path / "cosigned").exists()


def test_a_request_says_how_it_is_sent(cli: Cli, tmp_path: Path, sqlite_world: World) -> None:
    place = ["--home", sqlite_world.home]
    ran = cli(*place, "timestamp", "request", "--json")
    assert "no checkpoint of the log was signed yet" in ran.error["message"]
    checkpoints.sign(sqlite_world.database, sqlite_world.settings, now=sqlite_world.clock())
    ran = cli(*place, "timestamp", "request", "--out", "my file.tsq")
    assert "--data-binary @'my file.tsq' -o 'my file.tsr' URL" in ran.out
    assert (tmp_path / "my file.tsq").read_bytes()[:1] == b"\x30"
    for name in ("my file.tsq", "nothing", "/dev/zero"):
        assert cli(*place, "timestamp", "attach", name).code != 0
