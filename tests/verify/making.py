"""What the tests of the verifier share: the key, and what a refusal looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import verify
from registry.core.attest import PublicKey
from registry.errors import (
    VerificationError,
)
from registry.verify import Level, Verdict, footer
from tests.snapshots import SIGNER, Snapshot

KEY = SIGNER.public
CONTENT = Level.CONTENT


def codes(path: Path, *, key: PublicKey | None = KEY, level: Level = Level.FILES) -> list[str]:
    """The reason codes of everything that fails, in order."""
    report = verify.examine(path, key=key, level=level)
    assert report.failures
    assert report.verdict is Verdict.REFUSED
    assert report.exit_code == 3
    assert report.to_json()["declared"] is None
    with pytest.raises(VerificationError) as caught:
        report.require()
    assert caught.value.code == report.failures[0].code
    return [failure.code for failure in report.failures]


def refused(snap: Snapshot, code: str, *, content: str | None = "same") -> None:
    """Expect this code first at level FILES, and this one (or the same) at CONTENT."""
    assert codes(snap.path)[0] == code
    if content == "same":
        content = code
    if content is None:
        assert verify.examine(snap.path, key=KEY, level=CONTENT).exit_code == 0
    else:
        assert codes(snap.path, level=CONTENT)[0] == content


def footer_of(path: Path) -> footer.Footer:
    with path.open("rb") as file:
        return footer.read_footer(file, path.stat().st_size)


def patched(path: Path, at: int, new: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    path.write_bytes(bytes(data))


def places(data: bytes, piece: bytes, start: int) -> list[int]:
    found = []
    while (start := data.find(piece, start)) >= 0:
        found.append(start)
        start += 1
    return found
