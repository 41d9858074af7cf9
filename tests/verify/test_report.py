from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry import verify
from registry.core.attest import Signer
from registry.verify import Level
from registry.verify.content import Totals
from tests import snapshots
from tests.conftest import REPOSITORY
from tests.snapshots import OTHER, SIGNER, Snapshot
from tests.verify.making import CONTENT, KEY, codes


def test_the_report_is_a_document_with_the_words_of_the_glossary(snap: Snapshot) -> None:
    document = verify.examine(snap.path, key=KEY, level=CONTENT).to_json()
    assert json.loads(json.dumps(document)) == document
    assert list(document) == [
        "type", "verdict", "exit_code", "kind", "level", "failures", "undecided", "signer",
        "checked", "proven", "declared", "not_covered", "as_of", "log", "copy", "older_checkpoint", "tokens",
        "not_known", "notes", "not_proven",
    ]  # fmt: skip
    assert document["declared"]["documents"] == 40
    assert document["declared"]["snapshot_root"] == snap.certificate.manifest.root
    assert document["signer"]["attested_by"] == "self"
    assert "does not prove" in document["not_proven"]


def test_what_a_refused_snapshot_says_is_not_repeated(snap: Snapshot) -> None:
    document = verify.examine(snap.path, key=OTHER.public).to_json()
    assert document["declared"] is None
    assert document["signer"]["name"] is document["signer"]["url"] is None
    assert "ACME" not in json.dumps(document)
    failure = document["failures"][0]
    assert set(failure) == {"code", "message", "hint", "file"}


def test_the_totals_of_nothing_are_those_of_an_empty_snapshot() -> None:
    empty = snapshots.certificate_of(snapshots.manifest_of([]), [], {}, SIGNER)
    assert list(Totals().check(empty)) == []


BLOCKED = ("numpy", "pydantic", "sqlalchemy", "click", "rich", "fastapi", "alembic", "orjson")
PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[4].split(","):
            raise ImportError(f"{name} is not needed")

sys.meta_path.insert(0, Blocked())
from registry import verify
from registry.core.trust import Trust
from registry.verify import screen
with open(sys.argv[2], "rb") as file:
    trust = Trust.parse(file.read(), name="trust")
report = verify.snapshot(sys.argv[1], trust=trust, level=verify.Level(sys.argv[3]), log=sys.argv[5])
assert len(screen.lines(report)) > 9
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("level", list(Level))
def test_verifying_needs_cryptography_and_for_rows_pyarrow_and_nothing_else(
    tmp_path: Path, level: Level
) -> None:
    snap = snapshots.logged(tmp_path / "logged")
    (tmp_path / "trust.json").write_bytes(snap.trust(quorum=2).to_bytes())
    log = snap.log.publish(tmp_path / "log")
    done = subprocess.run(
        [
            sys.executable, "-W", "error", "-c", PROGRAM, snap.path, tmp_path / "trust.json",
            level.value, ",".join(BLOCKED), log,
        ],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded & {*BLOCKED, "sqlite3"}
    assert ("pyarrow" in loaded) == (level is CONTENT)


def test_a_new_key_is_another_signer(snap: Snapshot) -> None:
    assert codes(snap.path, key=Signer.generate().public) == ["E_UNKNOWN_KEY"]
