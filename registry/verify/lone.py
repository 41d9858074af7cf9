"""Verify a shard that travels alone, by the signed statement in its footer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from registry.core.attest import PublicKey
from registry.core.certificate import ShardStatement
from registry.core.trust import Trust
from registry.errors import RegistryError, VerificationError
from registry.plain_files import open_plain, unreadable
from registry.verify.history import refused
from registry.verify.opening import opened, require_key
from registry.verify.report import Findings, Level, Report

Progress = Callable[[int, int], None]


def examine(path: Path, trust: Trust | None, on_progress: Progress) -> Report:
    """Return the report of a shard that travels alone; it is always read at level CONTENT."""
    from registry.verify.content import ShardReader, Totals, beyond_rows, present

    findings = Findings("shard", Level.CONTENT, files_of=1)
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
            signed = opened(reader.statement, trust, findings, name)
            if signed is None:
                return findings.report()
            _check_key(signed.key, trust, findings, name)
            said = ShardStatement.parse(signed.statement)
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
            if reader.origins != present(said.origins):
                raise VerificationError(
                    "its rows do not add up to the signed origins", code="E_CLAIM_MISMATCH"
                )
            findings.not_covered += beyond_rows(name, reader)
            findings.not_covered.append("the other shards of the snapshot")
            findings.shard_statements = 1
            findings.files = 0 if findings.failures else 1
    except RegistryError as error:
        findings.add(error, name)
    except OSError as error:
        findings.add(unreadable(name, error), name)
    require_key(findings)
    return findings.report()


def _check_key(key: PublicKey, trust: Trust | None, findings: Findings, name: str) -> None:
    """Check whether the key is good, and whether the trust asks for what no shard brings."""
    known = None if trust is None else trust.certificate_key(key.keyid)
    if known is not None and (error := refused(known.window, None, proof=False)) is not None:
        findings.add(error, name)
    if trust is not None and trust.quorum:
        findings.add(
            VerificationError(
                f"you ask for {trust.quorum} witnesses, and no proof from the log is about a shard",
                code="E_WITNESS_QUORUM",
                hint="verify the whole folder of the snapshot",
            ),
            name,
        )
