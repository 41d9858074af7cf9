"""Verify a snapshot folder, or a shard that travels alone."""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from registry.core.attest import MAX_ENVELOPE, PublicKey, Statement
from registry.core.certificate import Certificate, Issuer, ShardStatement, open_envelope
from registry.core.manifest import MAX_MANIFEST, ShardEntry
from registry.core.rowproof import MAX_PROOF, parse_proof
from registry.errors import (
    InvalidInputError,
    NotFoundError,
    RegistryError,
    UnavailableError,
    VerificationError,
)
from registry.plain_files import names_in, open_plain, read_small, sha256_of, unreadable
from registry.verify import proofs
from registry.verify.report import Findings, Level, Obstacle, Report, SignedBy

if TYPE_CHECKING:
    from registry.verify.content import ShardReader, Totals

Progress = Callable[[int, int], None]
"""Called with the bytes of shard files done so far, and of how many."""

CERTIFICATE: Final = "certificate.json"
MANIFEST: Final = "manifest.json"
DATA: Final = "data"
_MAX_KEY: Final = 64 * 2**10


def snapshot(
    path: str | os.PathLike[str],
    *,
    key: PublicKey | None,
    level: Level = Level.FILES,
    on_progress: Progress | None = None,
) -> Report:
    """Return the report of a snapshot folder that is valid, and of no other.

    Args:
        path: The folder with `certificate.json`, `manifest.json` and `data/`.
        key: The signer's public key, from a source you trust. Without one nothing can be valid.
        level: How deep to look.
        on_progress: Called now and then with bytes done and bytes in all.

    Raises:
        VerificationError: Something does not hold; the code is that of the first failure.
        InvalidInputError: No trusted key was given, or the path is no folder.
        NotFoundError: There is nothing at the path.
        UnavailableError: Something could not be read.
    """
    folder = Path(path)
    if not stat.S_ISDIR(_mode(folder)):
        raise InvalidInputError(
            f"`{folder}` is not a folder", hint="for a shard that travels alone use `verify.shard`"
        )
    return _snapshot(folder, key, level, on_progress or _ignore).require()


def shard(
    path: str | os.PathLike[str],
    *,
    key: PublicKey | None,
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
    return _shard(file, key, on_progress or _ignore).require()


def proof(
    path: str | os.PathLike[str], *, key: PublicKey | None, text: bytes | None = None
) -> Report:
    """Return the report of a proof of one row, or of absence, that holds, and of no other.

    Args:
        path: The proof.
        key: The signer's public key, from a source you trust. Without one nothing can be valid.
        text: The text it should be about, if you have it.

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
    return _proof(file, key, text).require()


def examine(
    path: str | os.PathLike[str],
    *,
    key: PublicKey | None,
    level: Level = Level.FILES,
    text: bytes | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Return the report of a snapshot folder, a lone shard or a proof, whatever it says.

    For those who show reports; everyone else wants `snapshot`, `shard` or `proof`, whose answer
    cannot be overlooked. A lone shard is always read at level CONTENT. A file that begins with `{`
    is a proof, any other a shard. A text is for proofs only.

    Raises:
        InvalidInputError: A text was given, and the path is no proof.
        NotFoundError: There is nothing at the path.
        UnavailableError: The path itself cannot be read.
    """
    place = Path(path)
    folder = stat.S_ISDIR(_mode(place))
    if not folder and _is_proof(place):
        return _proof(place, key, text)
    if text is not None:
        raise InvalidInputError(
            f"`{place}` is no proof, and a text is compared with proofs only",
            hint="`firsthand prove` makes the proof of a row or of absence from a snapshot",
        )
    if folder:
        return _snapshot(place, key, level, on_progress or _ignore)
    return _shard(place, key, on_progress or _ignore)


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


def _snapshot(folder: Path, key: PublicKey | None, level: Level, on_progress: Progress) -> Report:
    findings = Findings("snapshot", level)
    present = names_in(folder, str(folder))
    certificate = _certificate(folder, key, findings)
    if certificate is None:
        return findings.report()
    findings.certificate = certificate
    manifest = certificate.manifest
    findings.files_of, findings.rows_of = len(manifest.shards), manifest.total.documents
    _check_manifest(folder, certificate, findings)
    _check_names(folder, present, certificate, findings)
    if not _reads_rows(findings) or _has_pyarrow(findings):
        _check_shards(folder, certificate, _signing_key(key, certificate), findings, on_progress)
    _no_key(findings)
    return findings.report()


def _certificate(folder: Path, key: PublicKey | None, findings: Findings) -> Certificate | None:
    try:
        data = read_small(
            folder / CERTIFICATE, CERTIFICATE, limit=MAX_ENVELOPE, missing="E_UNSIGNED"
        )
    except RegistryError as error:
        findings.add(error, CERTIFICATE)
        return None
    beside = _key_beside(folder)
    statement = _open(data, key, findings, CERTIFICATE, beside)
    if statement is None:
        return None
    try:
        return Certificate.parse(statement)
    except VerificationError as error:
        findings.add(error, CERTIFICATE)
        return None


def _open(
    data: bytes, key: PublicKey | None, findings: Findings, name: str, beside: PublicKey | None
) -> Statement | None:
    """Return the signed statement, or None after a failure that leaves nothing to go by.

    A statement signed by another key than the caller's is refused; whether it is whole is
    looked into all the same, under the key it brings along.
    """
    statement = None
    pinned = key is not None
    try:
        statement, own = open_envelope(data, key)
    except VerificationError as error:
        findings.add(error, name)
        if error.code != "E_UNKNOWN_KEY":
            return None
        pinned = False
        try:
            statement, own = open_envelope(data, None)
        except VerificationError as again:
            findings.add(again, name)
            return None
    issuer = Issuer.parse(statement.predicate.get("issuer"))
    found = [name]
    if beside is not None and beside.keyid == own.keyid:
        found.append("issuer.pub")
    findings.signer = SignedBy(own.keyid, pinned, issuer.name, issuer.url, tuple(found))
    return statement


def _key_beside(folder: Path) -> PublicKey | None:
    """Return the key somebody laid beside the snapshot; it proves nothing."""
    try:
        data = read_small(folder / "issuer.pub", "issuer.pub", limit=_MAX_KEY)
        return PublicKey.parse(data, name="issuer.pub")
    except RegistryError:
        return None


def _signing_key(key: PublicKey | None, certificate: Certificate) -> PublicKey:
    """Return the key that the certificate was opened with."""
    own = PublicKey.parse(certificate.issuer.key.encode("utf-8"), name="issuer.key")
    return key if key is not None and key.keyid == own.keyid else own


def _no_key(findings: Findings) -> None:
    signer = findings.signer
    if signer is None or signer.pinned or findings.failures:
        return
    findings.obstacles.append(
        Obstacle(
            "no trusted key was given, so who signed is not known",
            hint=f"get the signer's public key over a channel you trust, check that its id begins "
            f"with {signer.keyid[:16]}, and give it with `--key`; the key that came along "
            "proves nothing",
        )
    )


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
    findings.not_covered += [name for name in present if name not in (CERTIFICATE, MANIFEST, DATA)]
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


def _check_shards(
    folder: Path,
    certificate: Certificate,
    signing_key: PublicKey,
    findings: Findings,
    on_progress: Progress,
) -> None:
    linked = (folder / DATA).is_symlink()
    counter = _Counter(folder, certificate, findings.level, on_progress)
    content = _Content(certificate, signing_key, findings) if _reads_rows(findings) else None
    for index, entry in enumerate(certificate.manifest.shards):
        before = len(findings.failures) + len(findings.obstacles)
        try:
            if linked:
                raise VerificationError(
                    f"`{entry.name}` is missing: `data` is a link", code="E_FILE_MISSING"
                )
            with open_plain(folder / entry.name, entry.name) as file:
                size = os.fstat(file.fileno()).st_size
                signed = certificate.files[entry.name]
                same = sha256_of(file, entry.name, counter.add) == signed
                findings.bytes += size
                if content is not None:
                    content.check(index, entry, file, size, same=same, progress=counter.add)
                elif not same:
                    raise VerificationError(
                        "its SHA-256 is not the signed one",
                        code="E_FILE_DIGEST",
                        hint="get the file from the signer again; if it was only rewritten with "
                        "the same rows, `--level content` can tell",
                    )
        except RegistryError as error:
            findings.add(error, entry.name)
        except OSError as error:
            findings.add(unreadable(entry.name, error), entry.name)
        if len(findings.failures) + len(findings.obstacles) == before:
            findings.files += 1
    if content is not None:
        content.finish()


def _has_pyarrow(findings: Findings) -> bool:
    """Return whether rows can be read; without pyarrow that is what keeps us from deciding."""
    found = importlib.util.find_spec("pyarrow") is not None
    if not found:
        findings.obstacles.append(
            Obstacle(
                "rows were not read: `pyarrow` is not installed",
                hint="install it; without it, snapshots at `--level files` and proofs are checked",
            )
        )
    return found


def _reads_rows(findings: Findings) -> bool:
    return findings.level is Level.CONTENT


class _Counter:
    """Adds up the bytes done, over hashing and reading, and passes them on."""

    def __init__(
        self, folder: Path, certificate: Certificate, level: Level, on_progress: Progress
    ) -> None:
        passes = 2 if level is Level.CONTENT else 1
        self._of = passes * sum(_size(folder / entry.name) for entry in certificate.manifest.shards)
        self._done, self._on_progress = 0, on_progress

    def add(self, size: int) -> None:
        self._done = min(self._done + size, self._of)
        self._on_progress(self._done, self._of)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


class _Content:
    """Level CONTENT over the shards of a snapshot."""

    def __init__(
        self, certificate: Certificate, signing_key: PublicKey, findings: Findings
    ) -> None:
        from registry.verify.content import Totals, present

        self._present = present
        self._certificate, self._key, self._findings = certificate, signing_key, findings
        self._totals: Totals = Totals()
        self._complete = True

    def check(
        self,
        index: int,
        entry: ShardEntry,
        file: BinaryIO,
        size: int,
        *,
        same: bool,
        progress: Callable[[int], None],
    ) -> None:
        """Check one shard; what stops the reading is raised."""
        from registry.verify.content import ShardReader

        self._complete, complete = False, self._complete
        findings = self._findings
        reader = ShardReader(file, size)
        rows_before = self._totals.rows
        columns = self._certificate.manifest.columns
        wrong = list(reader.check(entry, columns, self._totals, progress=progress))
        findings.rows += self._totals.rows - rows_before
        findings.statistics += reader.statistics
        for error in wrong:
            findings.add(error, entry.name)
        self._statement(index, entry, reader, whole=not wrong)
        if not same:
            findings.notes.append(
                f"{entry.name} is another file than the signed one"
                + ("" if wrong else ", with the same rows")
            )
            findings.not_covered += _beyond_rows(entry.name, reader)
        # A text without its hash already says that the roots cannot fit.
        self._complete = complete and not wrong

    def _statement(
        self, index: int, entry: ShardEntry, reader: ShardReader, *, whole: bool
    ) -> None:
        findings = self._findings
        if reader.statement is None:
            findings.notes.append(f"{entry.name} carries no signed statement of its own")
            return
        statement, _ = open_envelope(reader.statement, self._key)
        said = ShardStatement.parse(statement)
        manifest = self._certificate.manifest
        expected = (manifest.root, index, entry, manifest.columns)
        if (said.snapshot_root, said.index, said.shard, said.columns) != expected:
            raise VerificationError(
                "its own signed statement is about another shard or snapshot",
                code="E_CLAIM_MISMATCH",
            )
        if whole and self._present(said.origins) != self._present(reader.origins):
            raise VerificationError(
                "its rows do not add up to the origins of its own signed statement",
                code="E_CLAIM_MISMATCH",
            )
        findings.shard_statements += 1

    def finish(self) -> None:
        """Compare the totals, if every row was read and fits."""
        if not self._complete or self._findings.obstacles:
            return
        inputs: dict[tuple[str, int], tuple[int, int]] = {}
        for item in self._certificate.inputs:
            documents, size = inputs.get((item.dataset, item.version), (0, 0))
            inputs[item.dataset, item.version] = (documents + item.documents, size + item.bytes)
        # A source that gave nothing is stated too, and no row can say so.
        given = {key: sums for key, sums in inputs.items() if sums != (0, 0)}
        for error in self._totals.check(self._certificate.manifest, given):
            self._findings.add(error)


def _beyond_rows(name: str, reader: ShardReader) -> list[str]:
    """Return what of a file that is not the signed one nobody vouches for."""
    found = [f"{name}: metadata other than rows and footer statistics"]
    if reader.footer.unchecked:
        found.append(f"{name}: page indexes, Bloom filters or sort order, which engines trust")
    return found


def _shard(path: Path, key: PublicKey | None, on_progress: Progress) -> Report:
    findings = Findings("shard", Level.CONTENT, files_of=1)
    if not _has_pyarrow(findings):
        return findings.report()
    from registry.verify.content import ShardReader, Totals, present

    name = path.name
    try:
        with open_plain(path, name) as file:
            size = os.fstat(file.fileno()).st_size
            reader = ShardReader(file, size)
            if reader.statement is None:
                raise VerificationError(
                    "it carries no signed statement",
                    code="E_UNSIGNED",
                    hint="verify the whole folder of the snapshot, with its `certificate.json`",
                )
            statement = _open(reader.statement, key, findings, name, None)
            if statement is None:
                return findings.report()
            said = ShardStatement.parse(statement)
            findings.statement, findings.rows_of = said, said.shard.rows
            totals = Totals()
            done = 0

            def progress(step: int) -> None:
                nonlocal done
                done = min(done + step, size)
                on_progress(done, size)

            wrong = list(reader.check(said.shard, said.columns, totals, progress=progress))
            findings.bytes, findings.rows = size, totals.rows
            findings.statistics = reader.statistics
            for error in wrong:
                findings.add(error, name)
            if present(totals.origins) != present(said.origins):
                raise VerificationError(
                    "its rows do not add up to the signed origins", code="E_CLAIM_MISMATCH"
                )
            findings.not_covered += _beyond_rows(name, reader)
            findings.not_covered.append("the other shards of the snapshot")
            findings.shard_statements = 1
            findings.files = 0 if findings.failures else 1
    except RegistryError as error:
        findings.add(error, name)
    except OSError as error:
        findings.add(unreadable(name, error), name)
    _no_key(findings)
    return findings.report()


def _is_proof(path: Path) -> bool:
    """Return whether a file begins as proofs do; what cannot be read is not looked into here."""
    try:
        with open_plain(path, path.name) as file:
            return file.read(1) == b"{"
    except (RegistryError, OSError):
        return False


def _proof(path: Path, key: PublicKey | None, text: bytes | None) -> Report:
    findings = Findings("proof", Level.CONTENT)
    name = path.name
    try:
        proof = parse_proof(read_small(path, name, limit=MAX_PROOF))
        statement = _open(proof.certificate, key, findings, name, None)
        if statement is None:
            return findings.report()
        certificate = Certificate.parse(statement)
        findings.proven = proofs.check(proof, certificate, text)
        findings.certificate = certificate
        absent = findings.proven.row is None
        findings.rows = findings.rows_of = 0 if absent else 1
        findings.not_covered.append(
            "similar texts: only these exact bytes are absent"
            if absent
            else "the rest of the snapshot"
        )
    except RegistryError as error:
        findings.add(error, name)
    _no_key(findings)
    return findings.report()
