"""The shards of a snapshot folder: their digests and, at level CONTENT, their rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from registry.core.attest import PublicKey
from registry.core.certificate import Certificate, ShardStatement, open_envelope
from registry.core.manifest import ShardEntry
from registry.errors import RegistryError, VerificationError
from registry.plain_files import open_plain, sha256_of, unreadable
from registry.verify.report import Findings, Level

if TYPE_CHECKING:
    from registry.verify.content import ShardReader, Totals

Progress = Callable[[int, int], None]
"""Called with the bytes of shard files done so far, and of how many."""

DATA: Final = "data"


def check_shards(
    folder: Path,
    certificate: Certificate,
    signing_key: PublicKey,
    findings: Findings,
    on_progress: Progress,
) -> None:
    """Check every shard of a snapshot.

    Args:
        folder: The snapshot.
        certificate: What is signed.
        signing_key: Who signed it.
        findings: Takes what is found.
        on_progress: Called now and then.
    """
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
        from registry.verify.content import ShardReader, beyond_rows

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
            findings.not_covered += beyond_rows(entry.name, reader)
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
        for error in self._totals.check(self._certificate):
            self._findings.add(error)
