"""The journey by way of an object store that fails now and then, as networks do."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry import verify
from registry.db.models import Intent
from registry.errors import RegistryError
from registry.places import parse
from tests.objects import Bucket
from tests.world import World

RECIPE: Any = {"sources": ["letters"], "size": {"at_most": 300, "unit": "documents"}}


@pytest.fixture
def worlds(migrated_file: Path, tmp_path: Path) -> Iterator[Callable[[], World]]:
    """As many registries as asked for."""
    made: list[World] = []

    def make() -> World:
        folder = tmp_path / f"world-{len(made)}"
        folder.mkdir()
        database = folder / "registry.db"
        database.write_bytes(migrated_file.read_bytes())
        made.append(World(f"sqlite:///{database}", folder).__enter__())
        return made[-1]

    yield make
    for world in made:
        world.__exit__()


def fill(bucket: Bucket) -> str:
    """Put files of several formats under a prefix and return its URI."""
    texts = [f"Letter {number}, which is here." for number in range(400)]
    lines = [orjson.dumps({"text": text}) for text in texts]
    bucket.put("in/a.jsonl", b"\n".join(lines[:100]))
    bucket.put("in/b/b.jsonl.gz", gzip.compress(b"\n".join(lines[100:200])))
    table = io.BytesIO()
    pq.write_table(pa.table({"text": texts[200:300]}), table, row_group_size=40)
    bucket.put("in/b/c.parquet", table.getvalue())
    bucket.put("in/d.jsonl", b"\n".join(lines[300:]))
    bucket.put("in/README.md", "About these letters.")
    return f"{bucket.uri}/in"


def root_of(bucket: Bucket, prefix: str) -> str:
    return sha256_hex(bucket.get(f"{prefix}/manifest.json"))


def download(bucket: Bucket, prefix: str, folder: Path) -> Path:
    """Copy what is under a prefix into a folder, as a stranger would."""
    for key in bucket.keys(f"{prefix}/"):
        target = folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(bucket.get(key))
    return folder / prefix


def is_verified(bucket: Bucket, prefix: str, folder: Path, world: World) -> bool:
    """Return whether a prefix has a certificate; then everything that it says is there, too."""
    if f"{prefix}/certificate.json" not in bucket.keys(f"{prefix}/"):
        return False
    verify.snapshot(download(bucket, prefix, folder), key=world.signer.public)
    return True


def waiting(world: World) -> int:
    """Return how many writers left something to the next command."""
    with world.database.read() as session:
        return session.query(Intent).count()


@pytest.mark.parametrize("seed", range(20))
def test_with_failing_requests_all_is_right_or_nothing_is_there(
    bucket: Bucket, worlds: Callable[[], World], tmp_path: Path, seed: int
) -> None:
    source = fill(bucket)
    calm, world = worlds(), worlds()
    expected = calm.register("letters", paths=[source])
    root = calm.export(RECIPE).snapshot_root
    out = parse(f"{bucket.uri}/out")
    faults = bucket.store.fail(rate=0.05 if seed % 2 else 0.3, seed=seed)

    def attempt(work: Callable[[], Any]) -> Any:
        for number in range(20):
            try:
                return work()
            except RegistryError as error:
                assert error.hint
                assert error.message.isprintable()
                assert waiting(world) or world.problems() == []
                is_verified(bucket, "out", tmp_path / f"try-{number}", world)
        raise AssertionError("it never worked")

    registered = attempt(lambda: world.register("letters", paths=[source]))
    exported = attempt(lambda: world.export(RECIPE, out))
    assert registered.version.content_root == expected.version.content_root
    assert exported.snapshot_root == root
    assert is_verified(bucket, "out", tmp_path / "end", world)
    assert attempt(lambda: world.export(RECIPE, out)).existed
    assert (world.problems(), waiting(world)) == ([], 0)
    assert faults.happened
