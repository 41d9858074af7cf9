from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry import verify
from registry.core.digest import canonical
from tests import snapshots
from tests.snapshots import OTHER, Snapshot
from tests.verify.making import codes, refused

CERTIFICATES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "E_ENVELOPE"),
    "not JSON": (lambda data: b"PAR1", "E_ENVELOPE"),
    "a space more": (lambda data: data + b"\n", "E_NONCANONICAL"),
    "indented": (lambda data: json.dumps(json.loads(data), indent=1).encode(), "E_NONCANONICAL"),
    "a member twice": (lambda data: data[:1] + b'"payload":"",' + data[1:], "E_NONCANONICAL"),
    "nested deeply": (lambda data: b"[" * 10_000 + b"]" * 10_000, "E_LIMIT"),
    "a huge number": (lambda data: b"9" * 4000, "E_LIMIT"),
    "16 MiB and a byte": (lambda data: b'"' + b"a" * (2**24 - 1) + b'"', "E_LIMIT"),
    "gigantic": (lambda data: b" " * (2**24 + 9), "E_LIMIT"),
    "only the payload": (lambda data: canonical({"payload": ""}), "E_ENVELOPE"),
    "a shard's statement": (lambda data: b"SHARD", "E_PREDICATE_TYPE"),
}


@pytest.mark.parametrize(("change", "code"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_a_certificate_in_another_form_is_refused(
    snap: Snapshot, change: Callable[[bytes], bytes], code: str
) -> None:
    path = snap.path / "certificate.json"
    data = change(path.read_bytes())
    path.write_bytes(snap.envelope(0) if data == b"SHARD" else data)
    refused(snap, code)
    assert codes(snap.path, key=None)[0] == code


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON value that holds no other places."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    empty = True
    for key, item in inner:
        empty = False
        yield from leaves(item, (*path, key))
    if empty:
        yield path


def changed(value: Any) -> Any:
    """Another value that looks like this one."""
    if isinstance(value, str):
        return ("0" if value[:1] != "0" else "1") + value[1:]
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
        return "x"
    return value + 1


def test_no_field_of_the_certificate_can_be_changed(snap: Snapshot) -> None:
    path = snap.path / "certificate.json"
    original = path.read_bytes()
    envelope = json.loads(original)
    statement = json.loads(snap.certificate.to_statement().to_bytes())
    places = list(leaves(statement))
    assert len(places) > 80
    for place in places:
        value = copy.deepcopy(statement)
        holder = value
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = changed(holder[place[-1]])
        data = canonical(value)
        envelope["payload"] = base64.b64encode(data).decode()
        path.write_bytes(canonical(envelope))
        assert codes(snap.path) == ["E_SIGNATURE"], place

        # Signed again by somebody else, it does not help, whatever name they give themselves.
        forged = OTHER.key.sign(b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(data), data))
        envelope["signatures"] = [
            {"keyid": OTHER.public.keyid, "sig": base64.b64encode(forged).decode()}
        ]
        path.write_bytes(canonical(envelope))
        assert codes(snap.path)[0] == "E_UNKNOWN_KEY", place
        envelope = json.loads(original)


def test_a_forger_with_a_key_of_their_own_is_an_unknown_signer(
    template: Snapshot, tmp_path: Path
) -> None:
    parts = copy.deepcopy(template.parts)
    parts[0][4] = snapshots.row(parts[0][4]["text"], "human")
    forged = snapshots.write(tmp_path / "forged", parts, signer=OTHER)
    refused(forged, "E_UNKNOWN_KEY")
    assert codes(forged.shards[0]) == ["E_UNKNOWN_KEY"]
    assert verify.examine(forged.path, key=None).exit_code == 1


def test_a_certificate_that_is_signed_and_disagrees_with_itself_is_refused(snap: Snapshot) -> None:
    snap.sign(replace(snap.certificate, inputs=()))
    refused(snap, "E_CLAIM_MISMATCH")
    fraction = replace(snap.certificate.human_fraction, at_least="0.9")
    snap.sign(replace(snap.certificate, human_fraction=fraction))
    refused(snap, "E_FRACTION")
