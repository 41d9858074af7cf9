"""The `README.md` of a snapshot: a Hugging Face dataset card that loads just the shards.

The card is for people and is not covered by the certificate; it says so.
"""

from __future__ import annotations

import json
from typing import Final

from registry.core.certificate import NOT_PROVEN, Certificate


def card(certificate: Certificate) -> str:
    """Return the card of a snapshot."""
    manifest, share = certificate.manifest, certificate.human_fraction
    sums = manifest.total
    name = json.dumps(f"Snapshot {manifest.root[:12]}")
    lines = [
        "---",
        f"pretty_name: {name}",
        "configs:",
        "- config_name: default",
        "  data_files:",
        "  - split: train",
        "    path: data/*.parquet",
        "---",
        "",
        f"# Snapshot {manifest.root[:12]}",
        "",
        f"{sums.documents:,} documents, {sums.bytes:,} bytes of text, in "
        f"{len(manifest.shards)} Parquet file{'s' if len(manifest.shards) != 1 else ''}.",
        "",
        "| origin | documents | bytes | of them human |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {origin} | {tally.documents:,} | {tally.bytes:,} | {tally.human_bytes:,} |"
        for origin, tally in manifest.origins.items()
    ]
    percent = share.numerator * 10_000 // share.denominator if share.denominator else 0
    lines += [
        "",
        f"**Declared** human share: {percent // 100}.{percent % 100:02d} % of {share.of} "
        f"(counting {', '.join(share.count)}). Evidenced: not assessed. Audited: not assessed.",
        "",
        "| drawn from | documents | licenses claimed |",
        "| --- | ---: | --- |",
    ]
    lines += [
        f"| {item.dataset}@{item.version} | {item.documents:,} | "
        f"{_cell(', '.join(item.licenses)) or 'none'} |"
        for item in certificate.inputs
    ]
    lines += _evaluations(certificate)
    lines += ["", _dates(certificate)]
    lines += [
        "",
        "## Check it",
        "",
        "```",
        "pip install firsthand",
        "firsthand verify . --key issuer.pub",
        "```",
        "",
        "with the public key of the signer, from a place you trust. "
        f"Snapshot root: `{manifest.root}`.",
        "",
        f"This page is for people; the certificate does not cover it. {NOT_PROVEN}",
        "",
    ]
    return "\n".join(lines)


def _dates(certificate: Certificate) -> str:
    """Return how many documents have dates of which grade."""
    sums: dict[str, int] = {}
    for row in certificate.grades.values():
        for grade, cell in row.items():
            sums[grade] = sums.get(grade, 0) + cell.documents
    shown = ", ".join(f"{grade} for {count:,}" for grade, count in sorted(sums.items()))
    return f"Grades of dates: {shown or 'none'}. A date says when a text existed, never by whom."


def _evaluations(certificate: Certificate) -> list[str]:
    """Return what was left out for evaluation sets."""
    said = certificate.evaluations
    if said is None or not said.sets:
        return []
    rows = [
        f"| {item.dataset}@{item.version} | {item.exact:,} | {item.near:,} | {item.passage:,} |"
        for item in said.sets
    ]
    head = "| left out for the evaluation set | equal | nearly equal | shared passage |"
    return ["", head, "| --- | ---: | ---: | ---: |", *rows]


def _cell(text: str) -> str:
    """Return text as it is: no character of it leaves its cell, makes a link or formats."""
    safe = "".join(c if c.isprintable() else " " for c in text)
    for character in _MARKUP:
        safe = safe.replace(character, f"\\{character}")
    return safe.replace("://", ":\\//")


_MARKUP: Final = "\\`*_~[]<>|&"
"""Characters with a meaning inside a line of Markdown, the escape itself first."""
