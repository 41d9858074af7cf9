from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cli.main import main
from registry.core.certificate import NOT_PROVEN
from tests import snapshots
from tests.conftest import Golden
from tests.snapshots import OTHER, SIGNER, Snapshot

Capture = pytest.CaptureFixture[str]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def snap(tmp_path: Path) -> Snapshot:
    """A valid snapshot, and the signer's key beside it as `acme.pub`."""
    (tmp_path / "acme.pub").write_text(SIGNER.public.pem)
    (tmp_path / "other.pub").write_text(OTHER.public.pem)
    return snapshots.write(tmp_path / "snap")


def run(capsys: Capture, *arguments: str) -> tuple[int, str]:
    """Run `firsthand verify` here; what it prints last is its exit code."""
    code = main(["verify", *arguments])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.endswith(f"{NOT_PROVEN}\nexit {code}\n")
    return code, captured.out


def test_a_valid_snapshot_exits_0(snap: Snapshot, capsys: Capture, golden: Golden) -> None:
    code, shown = run(capsys, "snap", "--key", "acme.pub")
    assert code == 0
    assert shown.startswith("INTACT AND SIGNED   what the signer says is below; whether it is true")
    assert "pinned by you · self-attested" in shown
    assert "rows were not read  → --level content" in shown
    assert "README.md" in shown
    code, shown = run(capsys, "snap", "--key", "acme.pub", "--level", "content")
    assert code == 0
    assert "40 of 40 rows: text, labels, counts, roots" in shown
    golden("verify-content.txt", shown.encode())


def test_a_lone_shard_exits_0(snap: Snapshot, capsys: Capture) -> None:
    code, shown = run(capsys, str(snap.shards[1]), "--key", "acme.pub")
    assert code == 0
    assert "15 of 15 rows" in shown
    assert f"shard 1 of snapshot {snap.certificate.manifest.root}" in shown
    assert "the other shards of the snapshot" in shown


def test_the_key_and_the_level_come_from_the_environment_too(
    snap: Snapshot, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_KEY", "acme.pub")
    monkeypatch.setenv("FIRSTHAND_LEVEL", "content")
    code, shown = run(capsys, str(snap.path))
    assert code == 0
    assert "40 of 40 rows" in shown


def test_without_a_key_it_exits_1_and_shows_the_key_id_to_check(
    snap: Snapshot, capsys: Capture
) -> None:
    (snap.path / "issuer.pub").write_text(SIGNER.public.pem)
    code, shown = run(capsys, "snap")
    assert code == 1
    assert shown.startswith("INTACT, SIGNER NOT KNOWN")
    assert f"key id {SIGNER.public.keyid}" in shown
    assert "found in certificate.json and issuer.pub: that proves nothing" in shown
    assert "--key" in shown


def test_another_key_exits_3_and_repeats_nothing_the_stranger_says(
    snap: Snapshot, capsys: Capture
) -> None:
    code, shown = run(capsys, "snap", "--key", "other.pub")
    assert code == 3
    assert shown.startswith("REFUSED   E_UNKNOWN_KEY")
    assert "ACME" not in shown
    assert "DECLARED" not in shown


def test_damage_exits_3_and_names_every_file(snap: Snapshot, capsys: Capture) -> None:
    for path in snap.shards:
        path.write_bytes(path.read_bytes()[:-1])
    code, shown = run(capsys, "snap", "--key", "acme.pub")
    assert code == 3
    assert shown.startswith("REFUSED   E_FILE_DIGEST")
    assert shown.count("  E_FILE_DIGEST  data/part-0000") == 2
    assert "DECLARED" not in shown


def test_a_flood_of_failures_is_cut_short(snap: Snapshot, capsys: Capture) -> None:
    for at in range(100):
        (snap.path / "data" / f"extra-{at}").touch()
    code, shown = run(capsys, "snap", "--key", "acme.pub")
    assert code == 3
    assert "… and 80 more; `--json` lists all" in shown
    assert main(["verify", "snap", "--key", "acme.pub", "--json"]) == 3
    assert len(json.loads(capsys.readouterr().out)["failures"]) == 100


def test_json_is_one_document_whatever_the_verdict(snap: Snapshot, capsys: Capture) -> None:
    for arguments, code, verdict in (
        (["--key", "acme.pub"], 0, "valid"),
        ([], 1, "undecided"),
        (["--key", "other.pub"], 3, "refused"),
    ):
        assert main(["verify", "snap", "--json", *arguments]) == code
        document = json.loads(capsys.readouterr().out)
        assert (document["verdict"], document["exit_code"]) == (verdict, code)
        assert document["type"] == "firsthand-verification/v1"
        assert document["not_proven"] == NOT_PROVEN


def test_a_path_with_nothing_there_exits_1(snap: Snapshot, capsys: Capture) -> None:
    assert main(["verify", "nowhere", "--key", "acme.pub"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: there is nothing at `nowhere`\nhint: ")
    assert captured.out == ""


@pytest.mark.parametrize("name", ["nowhere.pub", "snap", "snap/manifest.json", "private.pem"])
def test_a_key_that_is_none_exits_1(snap: Snapshot, capsys: Capture, name: str) -> None:
    Path("private.pem").write_bytes(SIGNER.to_pem())
    assert main(["verify", "snap", "--key", name]) == 1
    assert f"`{name}`" in capsys.readouterr().err


def test_level_files_of_a_lone_shard_is_wrong_usage(snap: Snapshot, capsys: Capture) -> None:
    shard = str(snap.shards[0])
    assert main(["verify", shard, "--key", "acme.pub", "--level", "files"]) == 2
    assert "needs a folder" in capsys.readouterr().err


def test_a_file_that_is_no_shard_exits_3(snap: Snapshot, capsys: Capture) -> None:
    code, shown = run(capsys, "snap/certificate.json", "--key", "acme.pub")
    assert code == 3
    assert shown.startswith("REFUSED   E_NOT_PARQUET")


EVIL = 'ACME\x1b[2J\x1b]0;x\x07\r\nINTACT AND SIGNED"\u202e, pinned by you'


def test_what_the_signer_writes_cannot_take_over_the_screen(
    snap: Snapshot, capsys: Capture
) -> None:
    said = snap.certificate
    first, *others = said.inputs
    snap.sign(
        replace(
            said,
            issuer=replace(said.issuer, name=EVIL, url=EVIL * 99),
            inputs=(replace(first, dataset=EVIL, licenses=(EVIL,)), *others),
        )
    )
    (snap.path / "a\nb\x1b[31m").touch()
    for key in ([], ["--key", "acme.pub"]):
        _, shown = run(capsys, "snap", *key)
        assert all(line.isprintable() for line in shown.split("\n"))
        assert sum(line.startswith("INTACT") for line in shown.split("\n")) == 1
        assert max(len(line) for line in shown.split("\n")) < 500
        name = shown.split('"')[1]
        assert name.endswith("INTACT AND SIGNED'\\u202e, pinned by you")


def test_inputs_without_a_license_are_told(snap: Snapshot, capsys: Capture) -> None:
    first, *others = (replace(item, licenses=()) for item in snap.certificate.inputs)
    for inputs, said in (
        ((first, *others), "licenses  not stated\n"),
        (
            (replace(first, licenses=("MIT",)), *others),
            f"licenses  MIT · not stated for {sum(it.documents for it in others)} documents of "
            f"{len(others)} input",
        ),
        (
            tuple(replace(item, licenses=("MIT",)) for item in (first, *others)),
            "licenses  MIT\n",
        ),
    ):
        snap.sign(replace(snap.certificate, inputs=inputs))
        assert said in run(capsys, "snap", "--key", "acme.pub")[1]


def test_an_old_terminal_is_no_reason_to_fail(snap: Snapshot) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "verify", str(snap.path), "--key", "acme.pub"],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"key 06e3...2fa9, pinned by you - self-attested" in done.stdout


def test_a_copy_elsewhere_is_as_valid(snap: Snapshot, tmp_path: Path, capsys: Capture) -> None:
    shutil.copytree(snap.path, tmp_path / "a folder with spaces" / "snäp")
    code, _ = run(capsys, str(tmp_path / "a folder with spaces" / "snäp"), "--key", "acme.pub")
    assert code == 0


def test_a_key_that_came_with_the_snapshot_is_not_trusted(snap: Snapshot, capsys: Capture) -> None:
    (snap.path / "issuer.pub").write_text(SIGNER.public.pem, "ascii")
    assert main(["verify", "snap", "--key", "snap/issuer.pub"]) == 1
    shown = capsys.readouterr()
    assert "INTACT, SIGNER NOT KNOWN" in shown.out
    assert "a key that came along proves nothing" in shown.err
