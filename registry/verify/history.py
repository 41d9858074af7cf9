"""What the log shows of a certificate: that it is in it, since when, and what came after.

Three things may be at hand: the proof beside the certificate, a checkpoint that the caller kept,
and a copy of the log. What is missing is not known, and said so; what is there must hold.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from registry.core.certificate import Certificate
from registry.core.checkpoint import Checkpoint
from registry.core.note import Note
from registry.core.trust import CertificateKey, Trust, Window
from registry.errors import RegistryError, VerificationError
from registry.verify import copy as copies
from registry.verify import proof as proofs
from registry.verify.copy import Copy, Told
from registry.verify.found import CopySeen, LogFound
from registry.verify.heads import Head, Signatures, narrowed, signatures
from registry.verify.proof import PROOF, Proven
from registry.verify.report import Findings, Obstacle

OLDER: Final = "--checkpoint"
"""What failures about the caller's checkpoint are said to be about."""
LOG: Final = "--log"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller brings along besides the snapshot.

    Attributes:
        trust: Whom the caller believes; None if nobody.
        older: The bytes of a checkpoint that the caller kept, or None.
        log: The folder of a copy of the log, or None.
    """

    trust: Trust | None = None
    older: bytes | None = None
    log: Path | None = None


class History:
    """Everything about one certificate that has to do with the log."""

    def __init__(
        self, certificate: Certificate, digest: str, asked: Asked, findings: Findings
    ) -> None:
        """Look at nothing yet.

        Args:
            certificate: What is signed.
            digest: SHA-256 of its envelope.
            asked: What the caller brought along.
            findings: Takes what is found.
        """
        self._certificate, self._digest = certificate, digest
        self._asked, self._findings = asked, findings
        self._trust = asked.trust or Trust()
        self._named = Head(
            "the state that the certificate names",
            Checkpoint(
                certificate.log.origin, certificate.log.size, bytes.fromhex(certificate.log.root)
            ),
        )

    def check(self, folder: Path, *, keyid: str, proof: bool, stamped: Stamped) -> None:
        """Check what there is, and whether the certificate's key was good in its time.

        Args:
            folder: The snapshot.
            keyid: The key that signed the certificate.
            proof: Whether there is a proof.
            stamped: Checks the tokens about a checkpoint and gives their times.
        """
        proven = self._proof(folder) if proof else None
        older = None if self._asked.older is None else self._older(self._asked.older)
        told = None
        if self._asked.log is not None:
            told = self._copy(self._asked.log, proven, older)
        revoked = {} if told is None else told.revoked
        times = stamped(None if proven is None else proven.proof.note.text)
        signed = None
        if proven is not None:
            signed = self._signed(proven.proof.note, PROOF, times, revoked)
            self._findings.log = _found(proven, signed, self._trust)
        elif self._trust.quorum:
            self._fail(
                VerificationError(
                    f"you ask for {self._trust.quorum} witnesses, and no proof from the log holds",
                    code="E_WITNESS_QUORUM",
                    hint=f"ask the signer for `{PROOF}`",
                ),
                None,
            )
        if older is not None and self._asked.log is None:
            self._compare(older, proven)
        moment = None
        if proven is not None and signed is not None:
            moment = signed.time_of(proven.entry.time)
        self._key(self._trust.certificate_key(keyid), revoked.get(keyid), moment, proof=proof)
        if self._findings.as_of is None and proven is not None:
            self._findings.as_of = proven.entry.time

    # The parts.

    def _proof(self, folder: Path) -> Proven | None:
        with self._caught(PROOF):
            return proofs.read(folder, self._certificate, self._digest)
        return None

    def _older(self, data: bytes) -> Head | None:
        with self._caught(OLDER):
            note = Note.parse(data)
            found = Checkpoint.parse(note.text)
            found.require_origin(self._certificate.log.origin)
            signed = self._signed(note, OLDER, [], {})
            if signed is not None and signed.key is None:
                self._undecided(f"your older checkpoint says nothing: {signed.why_not}", OLDER)
            return Head("your older checkpoint", found)
        return None

    def _signed(
        self,
        note: Note,
        file: str,
        times: list[dt.datetime],
        revoked: dict[str, dt.datetime],
    ) -> Signatures | None:
        if self._asked.trust is None:
            return None
        # Witnesses are asked for where the certificate is shown to be; the newest checkpoint rarely
        # has them yet, and an older one need not have kept them.
        trust = self._trust if file == PROOF else replace(self._trust, quorum=0)
        return signatures(
            note,
            self._certificate.log.origin,
            trust,
            lambda error: self._fail(error, file),
            stamped=times,
            revoked=revoked,
        )

    def _compare(self, older: Head, proven: Proven | None) -> None:
        """Compare a checkpoint with what is known without a copy of the log."""
        known = [self._named]
        if proven is not None:
            known.append(Head("the proof", proven.head))
        for head in known:
            if head.checkpoint.size != older.checkpoint.size:
                continue
            if head.checkpoint.root == older.checkpoint.root:
                self._findings.older = older.checkpoint.size
                return
            self._fail(
                older.against(head, "E_SPLIT_VIEW", "there are two histories of one length"), OLDER
            )
            return
        self._undecided(
            f"whether the log goes on from your older checkpoint is not decided: {older}; "
            + "; ".join(map(str, known)),
            OLDER,
            hint="give a newer copy of the log with `--log DIR`",
        )

    def _copy(self, path: Path, proven: Proven | None, older: Head | None) -> Told | None:
        """Check a copy of the log; return what its entries say."""
        with self._caught(LOG):
            copy = Copy.open(path, origin=self._certificate.log.origin)
            before = [self._named]
            if proven is not None:
                before.append(Head("the proof", proven.head))
            if older is not None:
                before.append(older)
            copy.read_hashes(head.checkpoint.size for head in before)
            failed = len(self._findings.failures)
            for head in before:
                with self._caught(OLDER if head is older else LOG):
                    copy.require(head)
                    if head is older:
                        self._findings.older = head.checkpoint.size
            whole = len(self._findings.failures) == failed
            told = self._read(copy) if whole and copy.has_entries else None
            signed = self._signed(copy.note, LOG, [], {} if told is None else told.revoked)
            believed = signed is None or signed.key is not None
            if signed is not None and signed.key is None and len(self._findings.failures) == failed:
                self._undecided(f"the copy of the log says nothing: {signed.why_not}", LOG)
            if told is not None and believed:
                self._weigh(told, proven)
            self._findings.copy = CopySeen(
                size=copy.head.size,
                root=copy.head.root.hex(),
                entries=told is not None,
                newest=None if told is None else told.newest,
                claims=0 if told is None else told.claims_after(self._since(proven)),
                signed=signed is not None and believed,
            )
            if told is not None:
                self._findings.as_of = told.newest
            return told if believed else None
        return None

    def _since(self, proven: Proven | None) -> int:
        return self._certificate.log.size if proven is None else proven.proof.index + 1

    def _read(self, copy: Copy) -> Told:
        inputs = {item.log_index for item in self._certificate.inputs}
        return copies.read_entries(copy, self._digest, inputs=inputs)

    def _weigh(self, told: Told, proven: Proven | None) -> None:
        """Hold a certificate to what the entries of a copy say."""
        inputs = {item.log_index for item in self._certificate.inputs}
        for missing in sorted(inputs - told.registered):
            self._fail(
                VerificationError(
                    f"entry {missing:,} of the log registers no version, and the certificate says "
                    "so of an input",
                    code="E_INCLUSION",
                ),
                LOG,
            )
        if proven is not None and proven.proof.index not in told.found:
            self._fail(
                VerificationError(
                    f"entry {proven.proof.index:,} of the log is not that of the proof",
                    code="E_INCLUSION",
                ),
                LOG,
            )
        if not told.found:
            self._not_in(told)
        for position, time, certificate in told.superseded:
            self._fail(
                VerificationError(
                    f"log entry {position:,} of {time:%Y-%m-%d} says that certificate "
                    f"{certificate[:64]} has taken the place of this one",
                    code="E_SUPERSEDED",
                    hint="ask the signer for the newer snapshot",
                ),
                LOG,
            )

    def _not_in(self, told: Told) -> None:
        """Say that the copy does not have the certificate."""
        issued = dt.datetime.fromisoformat(self._certificate.issued_at)
        if told.newest is None or told.newest < issued:
            self._undecided(
                "the copy of the log is older than the certificate",
                LOG,
                hint="get a newer copy of the log",
            )
            return
        self._fail(
            VerificationError(
                "the certificate is not in this log, which has newer entries",
                code="E_INCLUSION",
                hint="get the newest copy of the log; if it is not there either, ask the signer",
            ),
            LOG,
        )

    def _key(
        self,
        key: CertificateKey | None,
        revoked: dt.datetime | None,
        moment: dt.datetime | None,
        *,
        proof: bool,
    ) -> None:
        if key is None:
            return
        if (error := refused(narrowed(key.window, revoked), moment, proof=proof)) is not None:
            self._fail(error, None)

    # Where findings go.

    @contextmanager
    def _caught(self, file: str) -> Iterator[None]:
        try:
            yield
        except RegistryError as error:
            self._findings.add(error, file)

    def _fail(self, error: VerificationError, file: str | None) -> None:
        self._findings.add(error, file)

    def _undecided(self, message: str, file: str, *, hint: str | None = None) -> None:
        hint = hint or "give a trust file with the log's key, with `--trust`"
        self._findings.obstacles.append(Obstacle(message, hint, file))


Stamped = Callable[[bytes | None], list[dt.datetime]]
"""Checks tokens about the text of a checkpoint and gives their times."""


def refused(window: Window, moment: dt.datetime | None, *, proof: bool) -> VerificationError | None:
    """Return why a certificate's key was not good when it signed, or None.

    Args:
        window: When the key is good.
        moment: Since when the certificate is there for certain, or None.
        proof: Whether there is a proof from the log.
    """
    code = window.refusal(moment)
    if code is None:
        return None
    when = (
        "nothing shows that it signed before"
        if moment is None
        else f"the certificate is there since {moment:%Y-%m-%d %H:%M:%S} UTC"
    )
    why = "is revoked" if code == "E_KEY_REVOKED" else "is not good for all times"
    return VerificationError(
        f"the key that signed {why}, and {when}",
        code=code,
        hint="ask the signer for a snapshot signed by a key that is good"
        if moment is not None
        else "ask the signer for a newer proof, cosigned by witnesses that you trust"
        if proof
        else f"ask the signer for the proof from the log, `{PROOF}`",
    )


def _found(proven: Proven, signed: Signatures | None, trust: Trust) -> LogFound:
    head, key = proven.head, None if signed is None else signed.key
    return LogFound(
        origin=head.origin,
        entry=proven.proof.index,
        time=proven.entry.time,
        size=head.size,
        root=head.root.hex(),
        signed=key is not None,
        why_not=None if signed is None else signed.why_not,
        witnesses=() if signed is None else signed.witnesses,
        trusted_witnesses=len({item.key.public for item in trust.witnesses}),
        quorum=trust.quorum,
        by=None if signed is None else signed.by,
    )
