from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.attest import Signer
from registry.core.note import NoteKey, NoteSigner, SignatureType
from registry.core.trust import (
    MAX_TRUST,
    TRUST_TYPE,
    Archive,
    CertificateKey,
    LogKey,
    TimestampRoot,
    Trust,
    Window,
    Witness,
)
from registry.errors import InvalidInputError

ISSUER = Signer.generate()
LOG = NoteSigner("acme.example/log", ISSUER.key).public
WITNESS = NoteSigner("witness.example/w1", Signer.generate().key, SignatureType.COSIGNATURE).public
SPRING = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
SUMMER = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
AUTUMN = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
PEM = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"

FULL = Trust(
    certificates=(CertificateKey(ISSUER.public, Window(SPRING, AUTUMN, SUMMER)),),
    logs=(LogKey(LOG),),
    witnesses=(Witness(WITNESS, Window(not_before=SPRING)),),
    quorum=1,
    timestamps=(TimestampRoot("A timestamp authority", PEM),),
    archives=(Archive("An archive", "0" * 64),),
)


def parsed(value: Any) -> Trust:
    return Trust.parse(json.dumps(value).encode(), name="trust.json")


def refusal(value: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        parsed(value)
    assert "trust.json" in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_a_trust_file_is_read_as_it_is_written() -> None:
    assert Trust.parse(FULL.to_bytes(), name="trust.json") == FULL
    assert Trust.parse(Trust().to_bytes(), name="trust.json") == Trust()


def test_what_a_file_does_not_name_is_not_trusted() -> None:
    only = parsed({"type": TRUST_TYPE})
    assert only == Trust()
    assert only.certificate_key(ISSUER.public.keyid) is None
    assert only.log_keys(LOG.name) == ()


def test_a_pinned_key_speaks_for_its_own_log_and_one_in_a_file_does_not() -> None:
    pinned = Trust.of_key(ISSUER.public)
    assert [item.key for item in pinned.log_keys("any/log")] == [
        NoteKey("any/log", ISSUER.public.raw)
    ]
    assert FULL.log_keys("any/log") == ()
    assert [item.key for item in FULL.log_keys(LOG.name)] == [LOG]


@pytest.mark.parametrize(
    ("window", "moment", "code"),
    [
        (Window(), None, None),
        (Window(), SUMMER, None),
        (Window(revoked_from=SUMMER), SUMMER - MINUTE, None),
        (Window(revoked_from=SUMMER), SUMMER, "E_KEY_REVOKED"),
        (Window(revoked_from=SUMMER), None, "E_KEY_REVOKED"),
        (Window(not_before=SPRING), SPRING, None),
        (Window(not_before=SPRING), SPRING - MINUTE, "E_UNKNOWN_KEY"),
        (Window(not_before=SPRING), None, "E_UNKNOWN_KEY"),
        (Window(not_after=AUTUMN), AUTUMN, None),
        (Window(not_after=AUTUMN), AUTUMN + MINUTE, "E_UNKNOWN_KEY"),
        (Window(not_after=AUTUMN), None, "E_UNKNOWN_KEY"),
        (Window(SPRING, AUTUMN, SUMMER), AUTUMN + MINUTE, "E_KEY_REVOKED"),
    ],
)
def test_a_key_counts_only_when_it_is_shown_to_have_signed_in_time(
    window: Window, moment: dt.datetime | None, code: str | None
) -> None:
    assert window.refusal(moment) == code


moments = st.none() | st.integers(0, 4_000_000_000).map(
    lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)
)


@given(st.builds(Window, moments, moments, moments), moments)
def test_a_bounded_key_without_a_time_never_counts(
    window: Window, moment: dt.datetime | None
) -> None:
    assert (window.refusal(None) is None) is not window.bounded
    if window.refusal(moment) is None and moment is not None:
        assert window.revoked_from is None or moment < window.revoked_from
        assert window.not_before is None or moment >= window.not_before
        assert window.not_after is None or moment <= window.not_after


@given(st.builds(Window, moments, moments, moments))
def test_windows_are_read_as_they_are_written(window: Window) -> None:
    trust = Trust(certificates=(CertificateKey(ISSUER.public, window),))
    assert Trust.parse(trust.to_bytes(), name="x") == trust


CASES: dict[str, tuple[Any, str]] = {
    "no object": ([], "it is not an object"),
    "no type": ({}, "has no `type`"),
    "another type": ({"type": "firsthand-trust/v2"}, "`type` is not"),
    "an unknown key": ({"type": TRUST_TYPE, "keys": []}, "unknown key `keys`"),
    "no list": ({"type": TRUST_TYPE, "logs": {}}, "`logs` is not a list"),
    "no object in a list": ({"type": TRUST_TYPE, "logs": ["x"]}, "`logs[0]` is not an object"),
    "a quorum of text": ({"type": TRUST_TYPE, "quorum": "1"}, "`quorum`"),
    "a negative quorum": ({"type": TRUST_TYPE, "quorum": -1}, "`quorum`"),
    "a quorum of true": ({"type": TRUST_TYPE, "quorum": True}, "`quorum`"),
    "a quorum of nobody": ({"type": TRUST_TYPE, "quorum": 1}, "fewer witnesses"),
    "a witness twice": (
        {"type": TRUST_TYPE, "quorum": 2, "witnesses": [{"key": str(WITNESS)}] * 2},
        "fewer witnesses",
    ),
    "a log's key as a witness": (
        {"type": TRUST_TYPE, "witnesses": [{"key": str(LOG)}]},
        "`witnesses[0]` is a key of another kind",
    ),
    "a witness's key as a log": (
        {"type": TRUST_TYPE, "logs": [{"key": str(WITNESS)}]},
        "`logs[0]` is a key of another kind",
    ),
    "a note key that was copied wrong": (
        {"type": TRUST_TYPE, "logs": [{"key": str(LOG).replace("acme", "acmf")}]},
        "`logs[0]`: the key of `acmf.example/log`",
    ),
    "no key": ({"type": TRUST_TYPE, "certificates": [{}]}, "`certificates[0]` has no `key`"),
    "a key of no PEM": (
        {"type": TRUST_TYPE, "certificates": [{"key": "x"}]},
        "`certificates[0]` has no PEM",
    ),
    "a private key": (
        {"type": TRUST_TYPE, "certificates": [{"key": ISSUER.to_pem().decode()}]},
        "`certificates[0]` has no PEM",
    ),
    "a time without a zone": (
        {
            "type": TRUST_TYPE,
            "certificates": [{"key": ISSUER.public.pem, "revoked_from": "2026-07-01T00:00:00"}],
        },
        "a time without a zone in `revoked_from`",
    ),
    "a time of words": (
        {"type": TRUST_TYPE, "certificates": [{"key": ISSUER.public.pem, "not_after": "soon"}]},
        "no time in `not_after`",
    ),
    "a time of a number": (
        {"type": TRUST_TYPE, "certificates": [{"key": ISSUER.public.pem, "not_after": 7}]},
        "no time in `not_after`",
    ),
    "a certificate of no PEM": (
        {"type": TRUST_TYPE, "timestamps": [{"name": "x", "certificate": "y"}]},
        "no PEM certificate",
    ),
    "a digest of other letters": (
        {"type": TRUST_TYPE, "archives": [{"name": "x", "sha256": "0" * 63}]},
        "no SHA-256",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_trust_file_that_is_wrong_is_refused_by_the_field(case: str) -> None:
    value, message = CASES[case]
    assert message in refusal(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{",
        b'{"type": "firsthand-trust/v1", "type": "firsthand-trust/v1"}',
        b"[" * 100_000,
        b" " * (MAX_TRUST + 1),
    ],
)
def test_what_is_no_json_document_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="cannot be used"):
        Trust.parse(data, name="trust.json")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        Trust.parse(data, name="x")
