from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import proving, verify
from registry.core.rowproof import Proof, parse_proof
from registry.errors import InvalidInputError, NotFoundError, VerificationError
from registry.verify import Report
from tests import snapshots
from tests.snapshots import OTHER, SIGNER, Snapshot

KEY = SIGNER.public


@pytest.fixture(scope="module")
def snap(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Three shards: several leaves, nothing, one leaf. Not to be changed."""
    many = [snapshots.row(f"text {at}") for at in range(600)]
    return snapshots.write(
        tmp_path_factory.mktemp("proving") / "snap", [many, [], snapshots.rows()]
    )


def verified(proof: Proof, folder: Path, text: bytes | None = None) -> Report:
    """Return what a verifier says who has the key, and nothing of the snapshot."""
    path = folder / "x.proof"
    path.write_bytes(proof.to_bytes())
    return verify.proof(path, key=KEY, text=text)


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def test_every_row_at_an_edge_is_proven_with_what_readers_find_there(
    snap: Snapshot, tmp_path: Path
) -> None:
    rows = [row for shard in snap.shards for row in pq.read_table(shard).to_pylist()]
    for number in (0, 1, 255, 256, 511, 512, 599, 600, 601, 602, 639):
        report = verified(proving.row(snap.path, number, with_text=number % 2 == 0), tmp_path)
        assert report.exit_code == 0
        shown = report.proven
        assert shown is not None
        assert shown.row is not None
        expected = rows[number]
        assert shown.row.number == number
        assert shown.content_hash == expected["content_hash"].hex()
        assert {name: shown.row.cells[name] for name in ("origin", "license", "version")} == {
            name: expected[name] for name in ("origin", "license", "version")
        }
        assert shown.text == (expected["text"].encode() if number % 2 == 0 else None)


TEXTS = st.lists(st.text(max_size=8), max_size=40)


@settings(max_examples=25)
@given(st.lists(TEXTS, max_size=3), st.data())
def test_any_row_of_any_snapshot_proves_and_any_absent_text(
    shards: list[list[str]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        made = snapshots.write(
            folder / "snap", [[snapshots.row(text) for text in part] for part in shards]
        )
        texts = [text for part in shards for text in part]
        if texts:
            number = data.draw(st.integers(0, len(texts) - 1))
            text = texts[number].encode()
            shown = verified(proving.row(made.path, number), folder, text).proven
            assert shown is not None
            assert shown.compared
        other = data.draw(st.text(max_size=8))
        if other in texts:
            with pytest.raises(VerificationError) as caught:
                proving.absent(made.path, hash_of(other))
            assert caught.value.code == "E_PRESENT"
        else:
            assert verified(proving.absent(made.path, hash_of(other)), folder).exit_code == 0


def test_a_text_that_is_there_is_named_with_its_rows(snap: Snapshot) -> None:
    with pytest.raises(VerificationError, match=r"rows 600, 602$") as caught:
        proving.absent(snap.path, snapshots.rows()[0]["content_hash"])
    assert caught.value.code == "E_PRESENT"


def test_many_rows_with_a_text_are_counted(tmp_path: Path) -> None:
    made = snapshots.write(tmp_path / "snap", [[snapshots.row("same")] * 30])
    with pytest.raises(VerificationError, match=r"rows 0, 1, .*, 9 and 20 more"):
        proving.absent(made.path, hash_of("same"))


def test_a_row_that_is_not_there_is_not_found(snap: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        proving.row(snap.path, 640)
    with pytest.raises(InvalidInputError):
        proving.row(snap.path, -1)
    with pytest.raises(NotFoundError):
        proving.row(tmp_path / "nothing", 0)


def test_no_proof_is_handed_out_of_what_is_not_signed(tmp_path: Path) -> None:
    made = snapshots.write(tmp_path / "snap")
    changed = [*made.parts[1][:-1], snapshots.row("another text")]
    made.rewrite(1, changed)

    def code(*, row: int | None = None, text: str = "nowhere") -> str:
        try:
            if row is None:
                proving.absent(made.path, hash_of(text))
            else:
                proving.row(made.path, row, with_text=True)
        except VerificationError as error:
            return error.code
        return "a proof"

    proving.row(made.path, 3)
    assert code(row=30) == "E_RECORD_ROOT"
    assert code() == "E_CONTENT_ROOT"
    assert code(text="another text") == "E_CONTENT_ROOT"
    made.rewrite(1, made.parts[1][:-1])
    assert code(row=30) == "E_RECORD_ROOT"
    # A text beside the hash of another one: the hash is what is signed.
    made.rewrite(1, [row | {"text": "x"} for row in made.parts[1]])
    assert code(row=30) in ("E_ROW_PROOF", "E_CLAIM_MISMATCH")
    shard = made.shards[1]
    shard.write_bytes(shard.read_bytes()[:-20])
    assert code(row=30) == "E_UNREADABLE"
    shard.unlink()
    assert code(row=30) == "E_FILE_MISSING"
    (made.path / "certificate.json").unlink()
    assert code(row=3) == "E_UNSIGNED"


def test_damaged_pages_make_no_proof(tmp_path: Path) -> None:
    made = snapshots.write(tmp_path / "snap")
    whole = made.shards[0].read_bytes()
    for at in range(4, len(whole), 211):
        damaged = bytearray(whole)
        damaged[at] ^= 4
        made.shards[0].write_bytes(bytes(damaged))
        for call in (
            lambda: proving.row(made.path, 7, with_text=True),
            lambda: proving.absent(made.path, bytes(32)),
        ):
            try:
                proof: Proof = call()
            except VerificationError:
                continue
            assert verified(proof, tmp_path).exit_code == 0


def test_the_verifier_wants_the_key_and_the_text_it_was_given(
    snap: Snapshot, tmp_path: Path
) -> None:
    path = tmp_path / "x.proof"
    path.write_bytes(proving.row(snap.path, 5).to_bytes())
    assert verify.examine(path, key=None).exit_code == 1
    other = verify.examine(path, key=OTHER.public)
    assert [failure.code for failure in other.failures] == ["E_UNKNOWN_KEY"]
    assert other.to_json()["proven"] is None
    report = verify.examine(path, key=KEY, text=b"text 5")
    assert report.to_json()["proven"]["text_compared"]
    wrong = verify.examine(path, key=KEY, text=b"text 5\n")
    assert [failure.code for failure in wrong.failures] == ["E_ROW_PROOF"]
    with pytest.raises(InvalidInputError):
        verify.examine(snap.path, key=KEY, text=b"text 5")
    with pytest.raises(InvalidInputError):
        verify.proof(snap.path, key=KEY)


def test_a_proof_of_absence_is_not_one_of_another_snapshot(snap: Snapshot, tmp_path: Path) -> None:
    other = snapshots.write(tmp_path / "other", [[snapshots.row("text 1")], []])
    proof = proving.absent(other.path, hash_of("text 2"))
    assert parse_proof(proof.to_bytes()) == proof
    with pytest.raises(VerificationError) as caught:
        proof.check(snap.certificate.manifest)
    assert caught.value.code == "E_ROW_PROOF"


def test_the_log_proof_travels_along(tmp_path: Path) -> None:
    made = snapshots.write(tmp_path / "snap")
    assert proving.row(made.path, 1).log_proof is None
    (made.path / "certificate.tlog-proof").write_bytes(b"a proof")
    assert proving.row(made.path, 1).log_proof == b"a proof"
    assert proving.absent(made.path, bytes(32)).log_proof == b"a proof"
