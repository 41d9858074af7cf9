"""The journey by way of an object store that fails now and then, as networks do."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from registry import intents, verify
from registry.db.models import Intent
from registry.errors import ConflictError, InvalidInputError, RegistryError, UnavailableError
from registry.places import Remote, parse
from tests.objects import Bucket
from tests.world import World

RECIPE: Final[dict[str, Any]] = {
    "sources": ["letters"],
    "size": {"at_most": 300, "unit": "documents"},
}
TEXTS: Final = [f"Letter {number}, which is here." for number in range(400)]


def fill(bucket: Bucket) -> str:
    """Put files of several formats under a prefix and return its URI."""
    lines = [orjson.dumps({"text": text}) for text in TEXTS]
    bucket.put("in/a.jsonl", b"\n".join(lines[:100]))
    bucket.put("in/b/b.jsonl.gz", gzip.compress(b"\n".join(lines[100:200])))
    table = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS[200:300]}), table, row_group_size=40)
    bucket.put("in/b/c.parquet", table.getvalue())
    bucket.put("in/d.jsonl", b"\n".join(lines[300:]))
    bucket.put("in/README.md", "About these letters.")
    return f"{bucket.uri}/in"


def out(bucket: Bucket) -> Remote:
    place = parse(f"{bucket.uri}/out")
    assert isinstance(place, Remote)
    return place


def download(bucket: Bucket, folder: Path) -> Path:
    """Copy an exported snapshot into a folder, as a stranger would."""
    for key in bucket.names("out/"):
        target = folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(bucket.get(key))
    return folder / "out"


def is_sealed(bucket: Bucket, folder: Path, world: World) -> bool:
    """Return whether there is a certificate; then everything that it says is there, too."""
    if "out/certificate.json" not in bucket.names():
        return False
    verify.snapshot(download(bucket, folder), key=world.signer.public)
    return True


def waiting(world: World) -> int:
    """Return how many writers left something to the next command."""
    with world.database.read() as session:
        return session.execute(sa.select(sa.func.count(Intent.id))).scalar_one()


def through_faults(bucket: Bucket, world: World, folder: Path) -> None:
    """Register from a store and export to it, however often that takes; look at all that is left."""

    def failed(error: RegistryError, number: int) -> None:
        assert error.hint
        assert error.message.isprintable()
        assert waiting(world) or world.problems() == []
        is_sealed(bucket, folder / f"try-{number}", world)

    def attempt(work: Callable[[], Any]) -> Any:
        for number in range(50):
            try:
                return work()
            except RegistryError as error:
                failed(error, number)
        raise AssertionError("it never worked")

    registered = attempt(lambda: world.register("letters", paths=[f"{bucket.uri}/in"]))
    exported = attempt(lambda: world.export(RECIPE, out(bucket)))
    again = attempt(lambda: world.export(RECIPE, out(bucket)))
    bucket.store.fail()
    assert again.existed
    assert again.certificate == exported.certificate
    assert is_sealed(bucket, folder / "end", world)
    assert (world.problems(), waiting(world)) == ([], 0)

    texts = [{"text": text} for text in TEXTS]
    here = world.register("letters", texts)  # the same content, from this machine's disk
    assert here.version.content_root == registered.version.content_root
    assert here.version.number == 1
    with pytest.raises(ConflictError, match="is not this snapshot"):
        world.export(RECIPE | {"seed": 1}, out(bucket))


@pytest.mark.parametrize("seed", range(20))
def test_with_every_twentieth_request_failing_all_is_right(
    bucket: Bucket, sqlite_world: World, tmp_path: Path, seed: int
) -> None:
    fill(bucket)
    faults = bucket.store.fail(rate=0.05, seed=seed)
    through_faults(bucket, sqlite_world, tmp_path)
    assert faults.happened


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_with_every_third_request_failing_all_is_right_in_the_end(
    bucket: Bucket, sqlite_world: World, tmp_path: Path, seed: int
) -> None:
    fill(bucket)
    bucket.store.fail(rate=0.35, seed=seed)
    through_faults(bucket, sqlite_world, tmp_path)


# Kills.


def killed_at(bucket: Bucket, world: World, method: str, ending: str) -> None:
    """Export by a process of its own, which is killed when it sends a certain request."""
    recipe = world.folder / "recipe.json"
    recipe.write_bytes(orjson.dumps(RECIPE))
    process: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def watch(asked: str, path: str) -> None:
        if asked == method and path.partition("?")[0].endswith(ending):
            started.wait()
            os.kill(process[0].pid, signal.SIGKILL)

    bucket.store.fail(watch=watch)
    command = [sys.executable, "-c", "from cli.main import main; main()"]
    command += ["--home", str(world.home), "export", str(recipe), "--out", str(out(bucket))]
    process.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
    started.set()
    _, said = process[0].communicate(timeout=120)
    bucket.store.fail()
    assert process[0].returncode == -signal.SIGKILL, said.decode()


KILLS: Final = [
    ("PUT", "out/README.md", 0),
    ("PUT", "part-00000.parquet", 0),
    ("GET", "part-00000.parquet", 0),
    ("PUT", "manifest.json", 0),
    ("PUT", "certificate.json", 1),
    ("GET", "certificate.json", 1),
]


@pytest.mark.parametrize(("method", "ending", "recorded"), KILLS)
def test_a_kill_while_sending_is_finished_or_undone_by_the_next_command(
    bucket: Bucket, sqlite_world: World, tmp_path: Path, method: str, ending: str, recorded: int
) -> None:
    world = sqlite_world
    world.register("letters", TEXTS)
    killed_at(bucket, world, method, ending)
    assert waiting(world) == 1
    before = world.log_size()
    said = intents.recover(world.database, world.store, now=world.clock())
    assert len(said) == 1
    assert ("finished" if recorded else "removed") in said[0]
    assert (world.problems(), waiting(world), world.log_size()) == ([], 0, before)
    assert is_sealed(bucket, tmp_path / "recovered", world) == bool(recorded)
    assert recorded or bucket.names("out/") == []
    assert world.export(RECIPE, out(bucket)).existed == bool(recorded)
    assert is_sealed(bucket, tmp_path / "again", world)


# Refusals, and what goes wrong for longer.


def test_an_export_whose_certificate_does_not_arrive_is_finished_later(
    bucket: Bucket, sqlite_world: World, tmp_path: Path
) -> None:
    world = sqlite_world
    world.register("letters", TEXTS)

    def watch(method: str, path: str) -> None:
        if method == "PUT" and "certificate" in path:
            faults.rate = 1.0

    faults = bucket.store.fail(kinds=("error",), watch=watch)
    with pytest.raises(UnavailableError, match=r"certificate\.json") as caught:
        world.export(RECIPE, out(bucket))
    assert "the next command finishes it" in str(caught.value.hint)
    assert not is_sealed(bucket, tmp_path, world)
    assert waiting(world) == 1
    bucket.store.fail()
    assert world.export(RECIPE, out(bucket)).existed
    assert is_sealed(bucket, tmp_path, world)
    assert (world.problems(), waiting(world)) == ([], 0)


def test_what_could_not_be_removed_is_removed_by_the_next_command(
    bucket: Bucket, sqlite_world: World
) -> None:
    world = sqlite_world
    world.register("letters", TEXTS)

    def watch(method: str, path: str) -> None:
        if method == "PUT" and "manifest" in path:
            faults.rate = 1.0

    faults = bucket.store.fail(kinds=("reset",), watch=watch)
    with pytest.raises(UnavailableError, match=r"manifest\.json"):
        world.export(RECIPE, out(bucket))
    said = intents.recover(world.database, world.store, now=world.clock())
    assert "waits to be removed" in said[0]
    assert bucket.names("out/") == ["out/README.md", "out/data/part-00000.parquet"]
    bucket.store.fail()
    assert not world.export(RECIPE, out(bucket)).existed
    assert (world.problems(), waiting(world)) == ([], 0)


def test_a_prefix_that_holds_something_else_is_left_alone(
    bucket: Bucket, sqlite_world: World
) -> None:
    world = sqlite_world
    world.register("letters", TEXTS)
    bucket.put("out/mine.txt", "mine")
    with pytest.raises(ConflictError, match="exists and is not this snapshot"):
        world.export(RECIPE, out(bucket))
    with pytest.raises(ConflictError, match="exists and is not this snapshot"):
        world.export(RECIPE, out(bucket) / "mine.txt")
    assert bucket.names() == ["out/mine.txt"]
    assert world.problems() == []


def test_somebody_who_writes_there_meanwhile_is_noticed(
    bucket: Bucket, sqlite_world: World
) -> None:
    world = sqlite_world
    world.register("letters", TEXTS)

    def watch(method: str, path: str) -> None:
        if method == "PUT" and "manifest" in path:
            bucket.put("out/mine.txt", "mine")

    bucket.store.fail(watch=watch)
    with pytest.raises(ConflictError, match="somebody else writes"):
        world.export(RECIPE, out(bucket))
    assert bucket.names("out/") == ["out/mine.txt"]
    assert (world.problems(), waiting(world)) == ([], 0)


def test_an_exported_object_that_was_changed_is_not_taken_for_the_snapshot(
    bucket: Bucket, sqlite_world: World
) -> None:
    world = sqlite_world
    world.register("letters", TEXTS)
    world.export(RECIPE, out(bucket))
    bucket.put("out/data/part-00000.parquet", bucket.get("out/data/part-00000.parquet")[::-1])
    with pytest.raises(ConflictError, match=r"part-00000\.parquet` was changed"):
        world.export(RECIPE, out(bucket))


def test_a_whole_bucket_and_one_that_is_not_there_are_no_destination(
    bucket: Bucket, sqlite_world: World
) -> None:
    world = sqlite_world
    world.register("letters", TEXTS)
    with pytest.raises(InvalidInputError, match="whole bucket"):
        world.export(RECIPE, parse(bucket.uri))
    with pytest.raises(InvalidInputError, match="there is no store"):
        world.export(RECIPE, parse("s3://not-there/out"))
    assert (world.problems(), waiting(world)) == ([], 0)


def test_the_same_snapshot_goes_to_a_folder_and_a_bucket(
    bucket: Bucket, sqlite_world: World, tmp_path: Path
) -> None:
    world = sqlite_world
    world.register("letters", paths=[fill(bucket)])
    here, there = world.export(RECIPE), world.export(RECIPE, out(bucket))
    assert here.snapshot_root == there.snapshot_root
    copy = download(bucket, tmp_path)
    assert (here.path / "manifest.json").read_bytes() == (copy / "manifest.json").read_bytes()


# Objects that change.


def test_an_object_that_was_replaced_after_it_was_registered_is_not_exported(
    bucket: Bucket, sqlite_world: World
) -> None:
    world = sqlite_world
    world.register("letters", paths=[fill(bucket)])
    bucket.put("in/a.jsonl", bucket.get("in/a.jsonl").replace(b"Letter 7,", b"Letter x,"))
    with pytest.raises(ConflictError, match=r"record 8 of `s3://.*/in/a\.jsonl`"):
        world.export({"sources": ["letters"]})
    assert world.problems() == []


def test_a_store_that_is_down_is_no_reason_to_register_again(
    bucket: Bucket, sqlite_world: World
) -> None:
    world = sqlite_world
    world.register("letters", paths=[fill(bucket)])
    bucket.store.fail(rate=1.0, kinds=("error",))
    with pytest.raises(RegistryError, match="cannot be reached") as caught:
        world.export(RECIPE)
    assert "run the command again" in str(caught.value.hint)
