from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.running import Cli
from tests.world import World

FIRSTHAND = Path(sys.executable).parent / "firsthand"


@contextmanager
def served(world: World, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server, and give it with its port once it listens."""
    server = subprocess.Popen(
        [FIRSTHAND, "--home", world.home, "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert server.stderr
        line = server.stderr.readline()
        assert line.startswith("listening at http://"), line
        yield server, int(line.split(" (")[0].rpartition(":")[2])
    finally:
        server.kill()
        server.communicate()


def get(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda it: it.name)
def test_it_serves_until_it_is_told_to_end(sqlite_world: World, number: signal.Signals) -> None:
    sqlite_world.register("essays", ["By a person."])
    with served(sqlite_world) as (server, port):
        status, answer = get(port, "/v1/datasets")
        assert status == 200
        assert [item["dataset"] for item in answer["items"]] == ["local/essays"]  # type: ignore[attr-defined]
        assert get(port, "/healthz")[0] == 200
        assert get(port, "/v1/datasets/local/a%00b%2f")[0] in (404, 422)
        server.send_signal(number)
        out, err = server.communicate(timeout=60)
        assert (server.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "169.254.0.1", "224.0.0.1"])
def test_other_machines_may_not_be_let_in(cli: Cli, sqlite_world: World, host: str) -> None:
    ran = cli("--home", sqlite_world.home, "serve", "--host", host)
    assert ran.code == 1
    assert f"other machines can reach `{host}`, and there are no keys yet" in ran.err
    assert "hint: leave out `--host`" in ran.err


@pytest.mark.parametrize("host", ["example.com", "", "0", "127.1", "127.0.0.1 ", "0x7f000001"])
def test_what_is_no_address_is_refused(cli: Cli, sqlite_world: World, host: str) -> None:
    ran = cli("--home", sqlite_world.home, "serve", "--host", host)
    assert ran.code == 1
    assert "is not an address" in ran.err


def test_a_port_that_is_taken_is_named(cli: Cli, sqlite_world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = cli("--home", sqlite_world.home, "serve", "--port", port)
    assert ran.code == 1
    assert f"cannot listen at `127.0.0.1` port {port}: address already in use" in ran.err
    assert "hint: choose another `--port`" in ran.err


def test_a_port_is_a_number(cli: Cli, sqlite_world: World) -> None:
    for port in ("-1", "65536", "http"):
        assert cli("--home", sqlite_world.home, "serve", "--port", port).code == 2


def test_without_a_registry_it_says_so(cli: Cli) -> None:
    ran = cli("serve")
    assert ran.code == 1
    assert "there is no registry" in ran.err


def test_without_the_extra_it_says_what_to_install(
    cli: Cli, sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    ran = cli("--home", sqlite_world.home, "serve")
    assert ran.code == 1
    assert "packages that are not installed: uvicorn" in ran.err
    assert "pip install 'firsthand[server]'" in ran.err


def test_help_and_other_commands_load_no_web(sqlite_world: World) -> None:
    code = (
        "import sys\nfrom cli.main import main\n"
        f"assert main(['--home', {str(sqlite_world.home)!r}, 'dataset', 'list']) == 0\n"
        "assert main(['serve', '--help']) == 0\n"
        "assert not {'fastapi', 'starlette', 'uvicorn', 'pydantic_core'} & set(sys.modules), 'web'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
