"""Places on the command line: URIs and standard input."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.running import Cli
from tests.objects import Bucket
from tests.world import World


@pytest.fixture(autouse=True)
def home(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_from_a_bucket_to_a_bucket(cli: Cli, bucket: Bucket, sqlite_world: World) -> None:
    uri = bucket.put("in/a.jsonl", '{"text": "one"}\n{"text": "two"}\n')
    assert cli("register", uri, "--name", "letters").code == 0
    assert cli("show", "letters", "--json").json["locations"][0]["base"] == f"{bucket.uri}/in"
    Path("recipe.yaml").write_text("sources: [letters]\n", "utf-8")
    done = cli("export", "recipe.yaml", "--out", f"{bucket.uri}/out/")
    assert done.code == 0, done.err
    assert f"{bucket.uri}/out   exported" in done.out
    assert "download it, then firsthand verify DIR --key" in done.out
    again = cli("export", "recipe.yaml", "--out", f"{bucket.uri}/out", "--json").json
    assert (again["path"], again["existed"]) == (f"{bucket.uri}/out", True)
    assert sqlite_world.problems() == []


def test_a_quoted_pattern_is_expanded(cli: Cli, bucket: Bucket) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.csv"):
        bucket.put(f"in/{name}", f'{{"text": "{name}"}}\n')
    made = cli("register", f"{bucket.uri}/in/*.jsonl", "--name", "letters", "--json")
    assert (made.json["documents"], made.json["files"]) == (2, 2)


def test_credentials_in_a_uri_are_refused_and_not_repeated(cli: Cli) -> None:
    for uri in ("s3://AKIA1:hunter2@bucket/a", "s3://bucket/a?secret_key=hunter2"):
        ran = cli("register", uri, "--name", "letters", "--json")
        assert ran.code == 1
        assert "environment" in ran.error["hint"]
        assert "hunter2" not in ran.out + ran.err
        Path("recipe.yaml").write_text("sources: [letters]\n", "utf-8")
        ran = cli("export", "recipe.yaml", "--out", uri)
        assert ran.code == 1
        assert "hunter2" not in ran.out + ran.err


def test_a_server_that_does_not_answer_is_told(
    cli: Cli, bucket: Bucket, sqlite_world: World
) -> None:
    uri = bucket.put("a.jsonl", '{"text": "one"}\n')
    bucket.store.fail(rate=1.0, kinds=("reset",))
    ran = cli("register", uri, "--name", "letters", "--json")
    assert ran.code == 1
    assert ran.error["type"] == "UnavailableError"
    assert uri in ran.error["message"]
    assert sqlite_world.problems() == []


def test_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    register = ("register", "-", "--name", "letters", "--json")
    pipe(monkeypatch, b'{"text": "one"}\n')
    assert "--format" in cli(*register).error["hint"]
    assert "--keep" in cli(*register, "--format", "jsonl").error["hint"]
    made = cli(*register, "--format", "jsonl", "--keep")
    assert (made.code, made.json["documents"]) == (0, 1)
    pipe(monkeypatch, b"")
    assert "nothing came" in cli(*register, "--format", "jsonl", "--keep").error["message"]


def test_verify_asks_to_download(cli: Cli) -> None:
    ran = cli("verify", "s3://bucket/out")
    assert ran.code == 1
    assert "uses no network" in ran.err
    assert "download" in ran.err
