"""Go's sumdb, which is another implementation, reads our log and makes the same proofs of it.

It needs Go and `golang.org/x/mod/sumdb` (Debian: `golang-go golang-golang-x-mod-dev`), and is skipped
where they are not.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from registry import checkpoints
from registry.core.proof import consistency, inclusion
from registry.log_files import LogFolder
from tests.conftest import REPOSITORY
from tests.log.story import Story, append_many
from tests.world import World

LIBRARY = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")
SIZES = (1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 65535, 65536, 65537)


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in Go."""
    if shutil.which("go") is None or not LIBRARY.is_dir():
        pytest.skip("needs Go and golang.org/x/mod/sumdb")
    folder = tmp_path_factory.mktemp("go")
    made = folder / "check"
    environment = os.environ | {
        "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }  # fmt: skip
    source = REPOSITORY / "tests" / "independent" / "tlog" / "main.go"
    subprocess.run(["go", "build", "-o", str(made), str(source)], env=environment, check=True)
    return made


def text(path: list[bytes]) -> list[str]:
    return [base64.b64encode(item).decode() for item in path]


def asked(story: Story, size: int) -> dict[str, Any]:
    hashes = LogFolder(story.folder).hashes
    sizes = [it for it in SIZES if it <= size]
    return {
        "Inclusion": [
            {"Index": at, "Size": part, "Path": text(inclusion(hashes(size), at, part))}
            for part in sizes
            for at in sorted({0, part // 3, part // 2, part - 1})
        ],
        "Consistency": [
            {
                "Old": old, "New": new, "Path": text(consistency(hashes(size), old, new)),
                "OldRoot": base64.b64encode(hashes(size)(0, old)).decode(),
            }
            for new in sizes
            for old in sizes
            if old <= new
        ],
        "Travelling": [
            checkpoints.proof_of(story.world.database, story.folder, at).to_bytes().decode()
            for at in sorted({0, 1, size // 2, size - 1} & set(range(size)))
        ],
    }  # fmt: skip


@pytest.mark.parametrize("size", [1, 255, 257, 513, 65537])
def test_go_reads_our_log_and_makes_our_proofs(
    sqlite_world: World, checker: Path, tmp_path: Path, size: int
) -> None:
    story = Story(sqlite_world)
    story.advance()
    append_many(story.world.database, size - 1)
    story.advance()
    proofs = tmp_path / "proofs.json"
    proofs.write_text(json.dumps(asked(story, size)))
    done = subprocess.run(
        [str(checker), str(story.folder), str(story.signer.public), str(proofs)],
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"checkpoint of {size}, {size} entries" in done.stdout
    print(done.stdout)  # noqa: T201 - what was compared


def test_go_refuses_an_entry_that_was_bent(
    sqlite_world: World, checker: Path, tmp_path: Path
) -> None:
    story = Story(sqlite_world)
    append_many(story.world.database, 5)
    story.advance()
    proofs = tmp_path / "proofs.json"
    proofs.write_text(json.dumps(asked(story, 6)))
    bundle = story.folder / "tile/entries/000.p/6"
    bundle.write_bytes(bundle.read_bytes().replace(b'"n":3', b'"n":4'))
    done = subprocess.run(
        [str(checker), str(story.folder), str(story.signer.public), str(proofs)],
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "entry 4 has another hash" in done.stderr
