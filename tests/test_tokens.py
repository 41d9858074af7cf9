from __future__ import annotations

import datetime as dt
import importlib.util
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from registry import tokens
from registry.core.trust import TimestampRoot, Window
from registry.errors import UnavailableError, VerificationError
from tests.conftest import REPOSITORY
from tests.tsa import Authority, needs_openssl

pytestmark = needs_openssl

TEXT = b"example.com/log\n7\ncm9vdHJvb3Ryb290cm9vdHJvb3Ryb290cm9vdHJvb3Q=\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tsa") / "two", "Another")


@pytest.fixture(scope="module")
def answer(authority: Authority) -> bytes:
    return authority.reply(tokens.request(TEXT, nonce=2**63 + 5))


def root_of(authority: Authority, window: Window = Window()) -> TimestampRoot:  # noqa: B008
    return TimestampRoot("the authority", authority.root.read_text("ascii"), window)


def code(data: bytes, text: bytes, *roots: TimestampRoot) -> str:
    with pytest.raises(VerificationError) as refused:
        tokens.check_token(data, text, roots)
    return refused.value.code


def test_openssl_reads_our_request(authority: Authority) -> None:
    (authority.folder / "ours.tsq").write_bytes(tokens.request(TEXT, nonce=0x1234567890ABCDEF))
    (authority.folder / "text").write_bytes(TEXT)
    shown = authority.openssl("ts", "-query", "-in", "ours.tsq", "-text").decode()
    assert "Nonce: 0x1234567890ABCDEF" in shown
    assert "Certificate required: yes" in shown
    assert "Hash Algorithm: sha256" in shown
    theirs = authority.openssl("ts", "-query", "-data", "text", "-sha256", "-no_nonce", "-cert")
    ours = tokens.request(TEXT, nonce=7)
    assert theirs == ours.replace(b"\x02\x01\x07\x01", b"\x01").replace(b"\x30\x3c", b"\x30\x39", 1)


def test_a_token_says_when_a_checkpoint_existed(authority: Authority, answer: bytes) -> None:
    checked = tokens.check_token(answer, TEXT, [root_of(authority)])
    assert checked.chain
    assert checked.authority == "the authority"
    assert dt.timedelta(0) <= dt.datetime.now(dt.UTC) - checked.time < dt.timedelta(hours=1)
    bare = tokens.parse(answer)
    assert bare.authority == "Test TSA"
    assert tokens.response(bare.data) == answer
    assert tokens.check_token(bare.data, TEXT, [root_of(authority)]) == checked


def test_openssl_verifies_what_a_snapshot_carries(authority: Authority, answer: bytes) -> None:
    (authority.folder / "text").write_bytes(TEXT)
    carried = tokens.response(tokens.parse(answer).data)
    (authority.folder / "carried.tsr").write_bytes(carried)
    said = authority.openssl("ts", "-verify", "-in", "carried.tsr", "-data", "text", "-CAfile",
                             "root.pem")  # fmt: skip
    assert said == b"Verification: OK\n"


def test_without_a_root_the_chain_is_not_checked_and_that_is_said(answer: bytes) -> None:
    checked = tokens.check_token(answer, TEXT, [])
    assert (checked.chain, checked.authority) == (False, "Test TSA")


def test_what_a_token_is_refused_for(
    authority: Authority, stranger: Authority, answer: bytes
) -> None:
    good = root_of(authority)
    assert code(answer, TEXT + b"x", good) == "E_TSA_IMPRINT"
    assert code(answer, TEXT, root_of(stranger)) == "E_TSA_CHAIN"
    assert tokens.check_token(answer, TEXT, [root_of(stranger), good]).chain
    day = dt.timedelta(days=1)
    now = dt.datetime.now(dt.UTC)
    for window in (
        Window(not_after=now - day),
        Window(not_before=now + day),
        Window(revoked_from=now - day),
    ):
        assert code(answer, TEXT, root_of(authority, window)) == "E_TIME_BRACKET"
    assert tokens.check_token(answer, TEXT, [root_of(authority, Window(revoked_from=now + day))])
    for bad in ("", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ü"):
        assert code(answer, TEXT, TimestampRoot("bad", bad)) == "E_TSA_CHAIN"
    for data in (b"", b"\x30", b"0" * 99, b"\x30\x03\x02\x01\x00", answer[:-1], answer + b"\x00",
                 tokens.parse(answer).data[:-1]):  # fmt: skip
        assert code(data, TEXT, good) == "E_ENVELOPE"
    assert code(bytes(tokens.MAX_TOKEN + 1), TEXT, good) == "E_LIMIT"


def test_a_certificate_that_is_not_for_time_stamps_shows_nothing(tmp_path: Path) -> None:
    """openssl itself refuses to sign with one, so one purpose more makes it not for these alone."""
    other = Authority.create(tmp_path / "other", purpose="timeStamping, emailProtection")
    done = subprocess.run(
        ["openssl", "ts", "-query", "-digest", "00" * 32, "-sha256", "-out", "q.tsq"],
        cwd=other.folder, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    refused = subprocess.run(
        ["openssl", "ts", "-reply", "-config", "ts.cnf", "-section", "it", "-queryfile", "q.tsq"],
        cwd=other.folder, capture_output=True, check=False,
    )  # fmt: skip
    if refused.returncode == 0:
        answer = other.reply(tokens.request(TEXT, nonce=1))
        assert code(answer, TEXT, root_of(other)) == "E_TSA_CHAIN"


def test_a_refusal_of_the_authority_is_told(authority: Authority) -> None:
    # An MD5 imprint is not among the digests of its configuration.
    (authority.folder / "text").write_bytes(TEXT)
    authority.openssl("ts", "-query", "-data", "text", "-md5", "-out", "md5.tsq")
    with pytest.raises(AssertionError):
        authority.openssl("ts", "-reply", "-config", "none.cnf", "-queryfile", "md5.tsq")
    refusal = authority.reply((authority.folder / "md5.tsq").read_bytes())
    assert code(refusal, TEXT, root_of(authority)) == "E_ENVELOPE"


def test_a_token_over_another_hash_is_not_about_a_checkpoint(authority: Authority) -> None:
    (authority.folder / "text").write_bytes(TEXT)
    authority.openssl("ts", "-query", "-data", "text", "-sha512", "-cert", "-out", "512.tsq")
    answer = authority.reply((authority.folder / "512.tsq").read_bytes())
    assert code(answer, TEXT, root_of(authority)) == "E_TSA_IMPRINT"


def test_no_mutation_of_a_token_says_something_else(authority: Authority, answer: bytes) -> None:
    """2,000 of them: accepted only with the same imprint and time, and never another error."""
    root = root_of(authority)
    good = tokens.check_token(answer, TEXT, [root])
    rng = random.Random(20261129)
    seen = Counter[str]()
    for number in range(2000):
        data = bytearray(tokens.parse(answer).data if number % 2 else answer)
        at = rng.randrange(len(data))
        match number % 10:
            case 0 | 1 | 2 | 3 | 4 | 5:
                data[at] ^= 1 << rng.randrange(8)
            case 6:
                data[at] = rng.randrange(256)
            case 7:
                del data[at:]
            case 8:
                data[at : at + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
            case _:
                data += rng.randbytes(rng.randrange(1, 9))
        try:
            found = tokens.check_token(bytes(data), TEXT, [root])
        except VerificationError as error:
            seen[error.code] += 1
        else:
            assert found == good
            seen["the same"] += 1
    assert seen.keys() <= {"E_ENVELOPE", "E_TSA_CHAIN", "E_TSA_IMPRINT", "the same"}
    assert seen["the same"] < 100


def test_where_the_library_is_missing_that_is_said(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not tokens.available()
    with pytest.raises(UnavailableError, match="not installed") as refused:
        tokens.check_token(answer, TEXT, [])
    assert refused.value.hint == "pip install 'firsthand[timestamps]'"


def test_checking_tokens_loads_no_database() -> None:
    probe = "import sys, registry.tokens; print(*sys.modules)"
    command = [sys.executable, "-c", probe]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "registry.tokens" in loaded
    assert not {"sqlalchemy", "pydantic", "numpy", "click"} & loaded
