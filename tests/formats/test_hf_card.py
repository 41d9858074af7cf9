from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import yaml

from registry.core.certificate import (
    Amount,
    Certificate,
    HumanFraction,
    Input,
    Issuer,
    LogState,
    Policy,
)
from registry.core.manifest import Manifest, ShardEntry, Tally
from registry.core.merkle import shards_root
from registry.formats.hf_card import card

ROOT = hashlib.sha256(b"x").hexdigest()
ORIGINS = {"human": Tally(999, 89_999, 89_999), "ai": Tally(1, 10_001, 0)}
MANIFEST = Manifest(
    plan=ROOT,
    content_root=ROOT,
    record_root=shards_root([bytes.fromhex(ROOT)]).hex(),
    columns=(),
    distinct=1000,
    empty=0,
    origins=ORIGINS,
    shards=(ShardEntry("data/part-00000.parquet", 1000, ROOT),),
)
CERTIFICATE = Certificate(
    manifest=MANIFEST,
    files={"data/part-00000.parquet": ROOT},
    issuer=Issuer("# <script> [x](y)", None, "key"),
    issued_at="2027-03-01T12:00:00Z",
    human_fraction=HumanFraction("bytes", ("human",), 89_999, 100_000, "0.8"),
    words={"human": 1},
    inputs=(Input("local/essays", 2, ROOT, 1000, 100_000, "E1", ("MIT",), 1),),
    grades={"human": {"E1": Amount(999, 89_999)}, "ai": {"E1": Amount(1, 10_001)}},
    log=LogState("acme.example/log", 3, ROOT),
    policy=Policy(),
    exact_duplicates_left_out=0,
    contested=0,
    builder={},
)


def with_license(license: str) -> str:
    return card(replace(CERTIFICATE, inputs=(replace(CERTIFICATE.inputs[0], licenses=(license,)),)))


def test_the_front_matter_loads_just_the_shards() -> None:
    _, front, _ = card(CERTIFICATE).split("---\n", 2)
    assert yaml.safe_load(front) == {
        "pretty_name": f"Snapshot {MANIFEST.root[:12]}",
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "data/*.parquet"}],
            }
        ],
    }


def test_the_share_is_rounded_down_and_called_declared() -> None:
    text = card(CERTIFICATE)
    assert "**Declared** human share: 89.99 % of bytes (counting human)." in text
    assert "Evidenced: not assessed. Audited: not assessed." in text
    nearly = HumanFraction("bytes", ("human",), 2**53 - 2, 2**53 - 1, None)
    assert "99.99 %" in card(replace(CERTIFICATE, human_fraction=nearly))
    nothing = HumanFraction("words", ("human", "assisted"), 0, 0, None)
    assert "0.00 % of words (counting human, assisted)" in card(
        replace(CERTIFICATE, human_fraction=nothing)
    )


def test_what_it_does_not_prove_is_said() -> None:
    text = card(CERTIFICATE)
    assert "the certificate does not cover it" in text
    assert "This does not prove that any text was written by a person" in text
    assert f"Snapshot root: `{MANIFEST.root}`" in text
    assert "| local/essays@2 | 1,000 | MIT |" in text


@pytest.mark.parametrize(
    "license",
    ["x | 100 % | audited", "a\n\n# Audited: 100 %", "a\r---\nlicense: mit", "`x`", "<img src=x>",
     "[MIT](https://evil.example)", "![x](y)", "a\\| b", "**audited**", "&lt;b&gt;", "\x1b[2J",
     "\u202ehuman", "a\u2028# b", "https://evil.example"],
)  # fmt: skip
def test_a_license_cannot_leave_its_cell(license: str) -> None:
    plain = with_license("MIT").splitlines()
    text = with_license(license)
    lines = text.split("\n")
    assert len(lines) == len(plain) + 1
    (row,) = (line for line in lines if line.startswith("| local/essays@2"))
    assert len([at for at in range(len(row)) if row[at] == "|" and not _escaped(row, at)]) == 4
    cell = row.split(" | ", 2)[2].removesuffix(" |")
    for at, character in enumerate(cell):
        assert character not in "`*_~[]<>|&" or _escaped(cell, at)
    assert "://" not in cell
    assert text.replace("\n", "").isprintable()


def _escaped(text: str, at: int) -> bool:
    slashes = 0
    while at > slashes and text[at - slashes - 1] == "\\":
        slashes += 1
    return slashes % 2 == 1
