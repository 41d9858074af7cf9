"""Verify a snapshot folder, or a shard that travels alone."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.core.attest import MAX_ENVELOPE, PublicKey
from registry.core.certificate import Certificate
from registry.core.digest import sha256_hex
from registry.core.manifest import MAX_MANIFEST
from registry.core.trust import Trust
from registry.errors import (
    InvalidInputError,
    NotFoundError,
    RegistryError,
    UnavailableError,
    VerificationError,
)
from registry.plain_files import names_in, read_small
from registry.verify import lone
from registry.verify.files import DATA, Progress, check_shards
from registry.verify.history import Asked, History
from registry.verify.opening import key_beside, opened, require_key
from registry.verify.proof import PROOF
from registry.verify.report import Findings, Level, Report
from registry.verify.stamps import Stamps

CERTIFICATE: Final = "certificate.json"
MANIFEST: Final = "manifest.json"


def snapshot(
    path: str | os.PathLike[str],
    *,
    key: PublicKey | None = None,
    trust: Trust | None = None,
    level: Level = Level.FILES,
    checkpoint: bytes | None = None,
    log: str | os.PathLike[str] | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Return the report of a snapshot folder that is valid, and of no other.

    Args:
        path: The folder with `certificate.json`, `manifest.json` and `data/`.
        key: The signer's public key, from a source you trust. Without it or `trust` nothing can be
            valid.
        trust: Instead of a key, all whom you trust.
        level: How deep to look.
        checkpoint: A checkpoint of the signer's log that you kept.
        log: The folder of a newer copy of that log.
        on_progress: Called now and then with bytes done and bytes in all.

    Raises:
        VerificationError: Something does not hold; the code is that of the first failure.
        InvalidInputError: No trusted key was given, or the path is no folder.
        NotFoundError: There is nothing at the path.
        UnavailableError: Something could not be read or decided.
    """
    folder = Path(path)
    if not stat.S_ISDIR(_mode(folder)):
        raise InvalidInputError(
            f"`{folder}` is not a folder", hint="for a shard that travels alone use `verify.shard`"
        )
    return examine(
        folder,
        key=key,
        trust=trust,
        level=level,
        checkpoint=checkpoint,
        log=log,
        on_progress=on_progress,
    ).require()


def shard(
    path: str | os.PathLike[str],
    *,
    key: PublicKey | None = None,
    trust: Trust | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Return the report of one shard that travels alone, if it is valid, by its signed footer.

    Raises:
        VerificationError: Something does not hold; the code is that of the first failure.
        InvalidInputError: No trusted key was given, or the path is no file.
        NotFoundError: There is nothing at the path.
        UnavailableError: It could not be read.
    """
    file = Path(path)
    if stat.S_ISDIR(_mode(file)):
        raise InvalidInputError(
            f"`{file}` is a folder", hint="for a whole snapshot use `verify.snapshot`"
        )
    return examine(file, key=key, trust=trust, on_progress=on_progress).require()


def examine(
    path: str | os.PathLike[str],
    *,
    key: PublicKey | None = None,
    trust: Trust | None = None,
    level: Level = Level.FILES,
    checkpoint: bytes | None = None,
    log: str | os.PathLike[str] | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Return the report of a snapshot folder or a lone shard, whatever it says.

    For those who show reports; everyone else wants `snapshot` or `shard`, whose answer cannot be
    overlooked. A lone shard is always read at level CONTENT, and no log is about it.

    Raises:
        NotFoundError: There is nothing at the path.
        InvalidInputError: Both a key and a trust were given, or a log for a lone shard.
        UnavailableError: The path itself cannot be read.
    """
    if key is not None and trust is not None:
        raise InvalidInputError("both a key and a trust were given", hint="give one of them")
    believed = trust if key is None else Trust.of_key(key)
    place = Path(path)
    if stat.S_ISDIR(_mode(place)):
        asked = Asked(believed, checkpoint, None if log is None else Path(log))
        return _snapshot(place, asked, level, on_progress or _ignore)
    if checkpoint is not None or log is not None:
        raise InvalidInputError(
            "a log is about the certificate of a whole snapshot, not about a shard",
            hint="verify the folder of the snapshot",
        )
    return lone.examine(place, believed, on_progress or _ignore)


def _ignore(done: int, of: int) -> None:
    """Report no progress."""


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(
            f"there is nothing at `{path}`", hint="give the folder of a snapshot, or one shard"
        ) from error
    except (OSError, ValueError) as error:
        raise UnavailableError(f"`{path}` cannot be read: {error}") from error


def _snapshot(folder: Path, asked: Asked, level: Level, on_progress: Progress) -> Report:
    findings = Findings("snapshot", level)
    present = names_in(folder, str(folder))
    signed = _certificate(folder, asked.trust, findings)
    if signed is None:
        return findings.report()
    certificate = signed.certificate
    findings.certificate = certificate
    manifest = certificate.manifest
    findings.files_of, findings.rows_of = len(manifest.shards), manifest.total.documents
    stamps = Stamps(folder, present, asked.trust, findings)
    History(certificate, signed.digest, asked, findings).check(
        folder, keyid=signed.key.keyid, proof=PROOF in present, stamped=stamps.check
    )
    _check_manifest(folder, certificate, findings)
    _check_names(folder, present, certificate, findings)
    check_shards(folder, certificate, signed.key, findings, on_progress)
    require_key(findings)
    return findings.report()


@dataclass(frozen=True, slots=True)
class _Signed:
    """A certificate that is signed, the digest of its envelope, and by whom."""

    certificate: Certificate
    digest: str
    key: PublicKey


def _certificate(folder: Path, trust: Trust | None, findings: Findings) -> _Signed | None:
    try:
        data = read_small(
            folder / CERTIFICATE, CERTIFICATE, limit=MAX_ENVELOPE, missing="E_UNSIGNED"
        )
    except RegistryError as error:
        findings.add(error, CERTIFICATE)
        return None
    found = opened(data, trust, findings, CERTIFICATE, beside=key_beside(folder))
    if found is None:
        return None
    try:
        return _Signed(Certificate.parse(found.statement), sha256_hex(data), found.key)
    except VerificationError as error:
        findings.add(error, CERTIFICATE)
        return None


def _check_manifest(folder: Path, certificate: Certificate, findings: Findings) -> None:
    try:
        data = read_small(folder / MANIFEST, MANIFEST, limit=MAX_MANIFEST)
        if data != certificate.manifest.to_bytes():
            raise VerificationError("it is not the signed manifest", code="E_MANIFEST")
    except RegistryError as error:
        findings.add(error, MANIFEST)


def _check_names(
    folder: Path, present: dict[str, bool], certificate: Certificate, findings: Findings
) -> None:
    """List what is outside `data/` as not covered; refuse what is extra inside."""
    known = {CERTIFICATE, MANIFEST, DATA}
    if findings.log is not None:
        known.add(PROOF)
    known |= {item.file for item in findings.tokens if item.time is not None}
    findings.not_covered += [name for name in present if name not in known]
    signed = {entry.name for entry in certificate.manifest.shards}
    if DATA not in present:
        return
    if not stat.S_ISDIR((folder / DATA).lstat().st_mode):
        findings.add(
            VerificationError(
                "`data` is not a folder of its own, but a link or a file", code="E_FILE_EXTRA"
            ),
            DATA,
        )
        return
    try:
        inside = names_in(folder / DATA, DATA)
    except UnavailableError as error:
        findings.add(error, DATA)
        return
    for base, plain in inside.items():
        name = f"{DATA}/{base}"
        if name not in signed:
            kind = "file" if plain else "folder or link"
            findings.add(
                VerificationError(
                    f"this {kind} is not part of the signed snapshot",
                    code="E_FILE_EXTRA",
                    hint="readers of `data/` would take it for part of the snapshot; remove it",
                ),
                name,
            )
