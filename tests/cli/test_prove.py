from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path

import pytest

from registry.core.rowproof import parse_proof
from tests import snapshots
from tests.cli.running import Cli
from tests.conftest import Golden
from tests.snapshots import SIGNER


@pytest.fixture(autouse=True)
def snap(tmp_path: Path) -> snapshots.Snapshot:
    """A snapshot here, and the signer's key."""
    Path("acme.pub").write_text(SIGNER.public.pem, "ascii")
    return snapshots.write(tmp_path / "snap")


def test_a_row_is_proven_to_somebody_who_has_the_key_alone(cli: Cli, golden: Golden) -> None:
    made = cli("prove", "snap", "--row", 3, "--with-text", "--out", "x.proof")
    assert (made.code, made.out) == (0, "")
    assert "wrote x.proof" in made.err
    shown = cli("verify", "x.proof", "--key", "acme.pub")
    assert shown.code == 0
    golden("verify-row.txt", shown.out.encode())
    found = cli("verify", "x.proof", "--key", "acme.pub", "--json").json
    assert found["kind"] == "proof"
    assert found["proven"]["row"]["number"] == 3


def test_absence_is_proven(cli: Cli, golden: Golden) -> None:
    Path("text").write_bytes(b"not in it")
    assert cli("prove", "snap", "--absent", "text", "--out", "x.proof").code == 0
    shown = cli("verify", "x.proof", "--key", "acme.pub", "--text", "text")
    assert shown.code == 0
    golden("verify-absent.txt", shown.out.encode())
    Path("text").write_bytes(b"another")
    shown = cli("verify", "x.proof", "--key", "acme.pub", "--text", "text")
    assert shown.code == 3
    assert shown.out.startswith("REFUSED   E_ROW_PROOF, do not rely on this proof")


def test_a_text_that_is_there_exits_3_and_names_its_row(cli: Cli, tmp_path: Path) -> None:
    Path("text").write_text(snapshots.rows()[3]["text"], "utf-8")
    made = cli("prove", "snap", "--absent", "text", "--out", "x.proof")
    assert made.code == 3
    assert "row 3" in made.err
    assert not Path("x.proof").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acme.pub", "snap", "text"]


def test_a_hash_is_enough(cli: Cli) -> None:
    digest = hashlib.sha256(b"not in it").hexdigest()
    assert cli("prove", "snap", "--hash", digest, "--out", "x.proof").code == 0
    assert parse_proof(Path("x.proof").read_bytes()).kind == "absent"
    assert cli("prove", "snap", "--hash", "12").code == 1


def test_a_line_break_at_the_end_is_mentioned(cli: Cli) -> None:
    Path("text").write_bytes(b"not in it\n")
    made = cli("prove", "snap", "--absent", "text", "--out", "x.proof")
    assert "ends with a line break, which is part of it" in made.err


def test_the_text_and_the_proof_can_be_piped(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from cli.main import main

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"not in it")))
    assert main(["prove", "snap", "--absent", "-"]) == 0
    proof = parse_proof(capfdbinary.readouterr().out)
    assert proof.kind == "absent"


WRONG = {
    "nothing to prove": [],
    "two things": ["--row", "1", "--hash", "0" * 64],
    "a text of what is absent": ["--hash", "0" * 64, "--with-text"],
    "a negative row": ["--row", "-1"],
    "a row in words": ["--row", "first"],
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_exits_2(cli: Cli, case: str) -> None:
    assert cli("prove", "snap", *WRONG[case]).code == 2


def test_what_cannot_be_proven_exits_1_or_3(cli: Cli) -> None:
    assert cli("prove", "nothing", "--row", 0).code == 1
    assert cli("prove", "snap", "--row", 40).code == 1
    assert cli("prove", "snap", "--absent", "nothing").code == 1
    assert cli("prove", "snap", "--row", 0, "--out", "no/such/folder").code == 1
    Path("snap/certificate.json").write_bytes(b"{}")
    assert cli("prove", "snap", "--row", 0).code == 3


def test_a_damaged_proof_exits_3_and_repeats_nothing(cli: Cli) -> None:
    cli("prove", "snap", "--row", 3, "--with-text", "--out", "x.proof")
    data = Path("x.proof").read_bytes()
    value = json.loads(data)
    Path("x.proof").write_bytes(
        data.replace(value["path"][0].encode() if value["path"] else b'"row":3', b'"row":4')
    )
    shown = cli("verify", "x.proof", "--key", "acme.pub")
    assert shown.code == 3
    assert "E_ROW_PROOF" in shown.out
    assert "Document 3" not in shown.out
    assert cli("verify", "snap", "--text", "acme.pub").code == 2
