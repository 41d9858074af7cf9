"""What the log shows of a certificate: its proof, an older checkpoint, a newer copy, and keys."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry import verify
from registry.core.attest import Signer
from registry.core.note import Note, NoteKey, NoteSigner, SignatureType
from registry.core.trust import CertificateKey, Trust, Window, Witness
from registry.verify import Report, Verdict, screen
from tests import logs, snapshots
from tests.logs import DAY, LOG_SIGNER, START
from tests.snapshots import OTHER, SIGNER, Logged

ISSUED = dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    return snapshots.logged(tmp_path_factory.mktemp("template") / "snap")


@pytest.fixture
def snap(template: Logged, tmp_path: Path) -> Logged:
    """A snapshot in a log, cosigned by two of three witnesses, to bend."""
    shutil.copytree(template.path, tmp_path / "snap")
    made = replace(template.snapshot, path=tmp_path / "snap")
    return Logged(made, replace(template.log, leaves=[*template.log.leaves]), template.entry)


def look(snap: Logged, trust: Trust | None = None, **more: Any) -> Report:
    return verify.examine(snap.path, trust=trust or snap.trust(), **more)


def codes(report: Report) -> list[str]:
    if report.failures:
        assert report.exit_code == 3
        document = report.to_json()
        assert document["declared"] is document["log"] is document["copy"] is None
        shown = "\n".join(screen.lines(report))
        assert "ACME" not in shown
        assert shown.startswith("REFUSED")
    return [item.code for item in report.failures]


# What must pass


def test_a_proven_snapshot_says_where_and_when_it_is_in_the_log(snap: Logged) -> None:
    report = look(snap, snap.trust(quorum=2))
    assert (codes(report), report.exit_code) == ([], 0)
    assert report.log is not None
    assert (report.log.entry, report.log.signed) == (12, True)
    assert [it.name for it in report.log.witnesses] == ["witness1.example", "witness2.example"]
    assert report.as_of == ISSUED + dt.timedelta(seconds=2)
    assert report.not_covered == ("README.md",)
    shown = "\n".join(screen.lines(report))
    assert "entry 12 of the log acme.example/log, 2026-11-21 09:30 UTC by its clock" in shown
    assert "cosigned by 2 of your 3 witnesses: witness1.example on 2026-11-21" in shown
    assert "as of 2026-11-21 09:30 UTC" in shown
    assert "disputes, withdrawals or newer certificates since it was made  → --log DIR" in shown


def test_a_pinned_key_speaks_for_its_own_log(tmp_path: Path) -> None:
    solo = snapshots.logged(tmp_path / "snap", solo=True)
    report = verify.examine(solo.path, key=SIGNER.public)
    assert report.exit_code == 0
    assert report.log is not None
    assert report.log.signed
    assert "whether others saw the same log" in "\n".join(report.not_known)


def test_a_log_with_a_key_of_its_own_says_nothing_to_who_pins_the_signer(snap: Logged) -> None:
    report = verify.examine(snap.path, key=SIGNER.public)
    assert report.exit_code == 0
    assert report.log is not None
    assert not report.log.signed
    assert any("signed by another key than the one you gave" in it for it in report.not_known)


def test_without_a_proof_it_is_not_known_whether_the_log_has_it(snap: Logged) -> None:
    (snap.path / "certificate.tlog-proof").unlink()
    report = look(snap)
    assert report.exit_code == 0
    assert report.log is None
    assert report.as_of is None
    assert "whether the issuer's log has this certificate, and since when" in report.not_known


def test_without_any_trust_the_proof_is_held_to_the_certificate_all_the_same(snap: Logged) -> None:
    assert verify.examine(snap.path).verdict is Verdict.UNDECIDED
    snap.prove(snap.log.proof(11))
    assert codes(verify.examine(snap.path)) == ["E_INCLUSION"]


@pytest.mark.parametrize("later", [0, 1, 300])
def test_a_copy_of_the_log_that_goes_on_is_looked_through(
    snap: Logged, tmp_path: Path, later: int
) -> None:
    for _ in range(later):
        snap.log.add()
    log = snap.log.publish(tmp_path / "log")
    older = snap.log.note(5).to_bytes()
    report = look(snap, snap.trust(quorum=2), log=log, checkpoint=older)
    assert (codes(report), report.exit_code) == ([], 0)
    assert report.copy is not None
    assert (report.copy.size, report.copy.claims) == (14 + later, 1 + later)
    assert report.older == 5
    assert report.as_of == report.copy.newest
    shown = "\n".join(screen.lines(report))
    assert "the log goes on from your checkpoint of 5 entries" in shown
    assert "nothing in it takes the snapshot's place or revokes its key" in shown


def test_a_copy_of_hashes_only_says_what_it_could_not_show(snap: Logged, tmp_path: Path) -> None:
    snap.supersede()
    log = snap.log.publish(tmp_path / "log", hashes_only=True)
    report = look(snap, log=log)
    assert report.exit_code == 0
    assert report.copy is not None
    assert not report.copy.entries
    assert any("only hashes" in it for it in report.not_known)


def test_a_snapshot_without_its_proof_is_found_in_a_copy_of_the_log(
    snap: Logged, tmp_path: Path
) -> None:
    (snap.path / "certificate.tlog-proof").unlink()
    assert look(snap, log=snap.log.publish(tmp_path / "log")).exit_code == 0


# What must fail: the proof


def elsewhere(snap: Logged) -> None:
    snap.log.signer = NoteSigner("other.example/log", LOG_SIGNER.key)
    snap.prove()


PROOFS: dict[str, tuple[Callable[[Logged], object], str]] = {
    "of another entry": (lambda it: it.prove(it.log.proof(11)), "E_INCLUSION"),
    "of another certificate": (
        lambda it: it.prove(it.log.proof(it.supersede(supersedes="0" * 64))), "E_INCLUSION"
    ),
    "at another place": (
        lambda it: it.prove(replace(it.log.proof(it.entry), index=13)), "E_INCLUSION"
    ),
    "in another tree": (
        lambda it: it.prove(replace(it.log.proof(it.entry), note=it.log.fork(12).note())),
        "E_INCLUSION",
    ),
    "without its entry": (
        lambda it: it.prove(replace(it.log.proof(it.entry), entry=None)), "E_INCLUSION"
    ),
    "of another log": (elsewhere, "E_CHECKPOINT_ORIGIN"),
    "signed by a stranger": (
        lambda it: it.prove(signers=[NoteSigner(logs.ORIGIN, OTHER.key)]), "E_NO_LOG_SIGNATURE"
    ),
    "signed under another name": (
        lambda it: it.prove(signers=[NoteSigner("other.example/log", LOG_SIGNER.key)]),
        "E_NO_LOG_SIGNATURE",
    ),
    "signed by witnesses only": (
        lambda it: it.prove(signers=[], witnesses=it.log.witnesses), "E_NO_LOG_SIGNATURE"
    ),
    "with a wrong signature": (
        lambda it: it.prove(replace(it.log.proof(it.entry), note=wrong(it))), "E_SIGNATURE"
    ),
    "with a wrong cosignature": (
        lambda it: it.prove(replace(it.log.proof(it.entry), note=wrong(it, cosigned=True))),
        "E_SIGNATURE",
    ),
    "empty": (lambda it: write(it, b""), "E_ENVELOPE"),
    "cut": (lambda it: write(it, proof_of(it)[:-30]), "E_ENVELOPE"),
    "too long": (lambda it: write(it, b"x" * (2**20 + 1)), "E_LIMIT"),
}  # fmt: skip


def proof_of(snap: Logged) -> bytes:
    return (snap.path / "certificate.tlog-proof").read_bytes()


def write(snap: Logged, data: bytes) -> None:
    (snap.path / "certificate.tlog-proof").write_bytes(data)


def wrong(snap: Logged, *, cosigned: bool = False) -> Note:
    """The checkpoint with a signature of another one."""
    other = snap.log.note(5, witnesses=snap.log.witnesses[:1])
    good = snap.log.note()
    lines = (good.signatures[0], other.signatures[1]) if cosigned else other.signatures[:1]
    return Note(good.text, lines)


@pytest.mark.parametrize(("bend", "code"), PROOFS.values(), ids=PROOFS)
def test_a_proof_that_does_not_hold_is_refused(
    snap: Logged, bend: Callable[[Logged], object], code: str
) -> None:
    bend(snap)
    assert codes(look(snap)) == [code]


def test_a_link_in_the_place_of_the_proof_is_refused(snap: Logged, tmp_path: Path) -> None:
    shutil.move(snap.path / "certificate.tlog-proof", tmp_path / "away")
    (snap.path / "certificate.tlog-proof").symlink_to(tmp_path / "away")
    assert codes(look(snap)) == ["E_FILE_MISSING"]


def test_a_certificate_of_another_registry_brings_no_proof_along(
    snap: Logged, tmp_path: Path
) -> None:
    """Transplanted: the certificate and the proof of another snapshot of the same signer."""
    other = snapshots.logged(tmp_path / "other", [snapshots.rows(9)])
    shutil.copy(other.path / "certificate.tlog-proof", snap.path)
    assert codes(look(snap)) == ["E_INCLUSION"]


def test_an_entry_that_is_dated_before_its_certificate_is_refused(snap: Logged) -> None:
    facts = {"certificate": snap.digest}
    at = snap.log.add("snapshot.exported", time=START, facts=facts, tables=["snapshots"])
    snap.prove(snap.log.proof(at))
    assert codes(look(snap)) == ["E_TIME_BRACKET"]


def test_too_few_witnesses_are_refused(snap: Logged) -> None:
    assert codes(look(snap, snap.trust(quorum=3))) == ["E_WITNESS_QUORUM"]
    assert codes(verify.examine(snap.snapshot.shards[0], trust=snap.trust(quorum=1))) == [
        "E_WITNESS_QUORUM"
    ]
    (snap.path / "certificate.tlog-proof").unlink()
    assert codes(look(snap, snap.trust(quorum=1))) == ["E_WITNESS_QUORUM"]


def test_one_witness_under_two_names_is_one_witness(snap: Logged) -> None:
    key = logs.key("witness 1")
    twin = NoteSigner("twin.example", key, SignatureType.COSIGNATURE)
    one = snap.log.witnesses[0]
    snap.prove(witnesses=[one, twin])
    trust = replace(snap.trust(), witnesses=(Witness(one.public), Witness(twin.public)), quorum=2)
    assert codes(look(snap, trust)) == ["E_WITNESS_QUORUM"]


def test_a_witness_counts_only_in_its_time(snap: Logged) -> None:
    gone = snap.trust(quorum=2, witness=Window(not_after=ISSUED))
    assert codes(look(snap, gone)) == ["E_WITNESS_QUORUM"]
    revoked = snap.trust(quorum=2, witness=Window(revoked_from=ISSUED + DAY))
    assert codes(look(snap, revoked)) == []


# Keys, by the time that counts


def test_a_key_that_was_revoked_later_stays_good_for_what_the_log_has(snap: Logged) -> None:
    trust = snap.trust(signer=Window(revoked_from=ISSUED + DAY))
    assert codes(look(snap, trust)) == []
    assert codes(look(snap, snap.trust(signer=Window(revoked_from=ISSUED)))) == ["E_KEY_REVOKED"]


def test_a_revoked_key_without_a_proof_is_not_believed(snap: Logged) -> None:
    trust = snap.trust(signer=Window(revoked_from=ISSUED + DAY))
    assert codes(verify.examine(snap.snapshot.shards[0], trust=trust)) == ["E_KEY_REVOKED"]
    (snap.path / "certificate.tlog-proof").unlink()
    report = look(snap, trust)
    assert codes(report) == ["E_KEY_REVOKED"]
    assert "certificate.tlog-proof" in (report.failures[0].hint or "")


@pytest.mark.parametrize(
    ("window", "code"),
    [
        (Window(not_before=ISSUED), None),
        (Window(not_before=ISSUED + DAY), "E_UNKNOWN_KEY"),
        (Window(not_after=ISSUED + DAY), None),
        (Window(not_after=ISSUED), "E_UNKNOWN_KEY"),
    ],
)
def test_a_key_is_good_in_its_window(snap: Logged, window: Window, code: str | None) -> None:
    assert codes(look(snap, snap.trust(signer=window))) == ([] if code is None else [code])


def test_the_log_of_a_revoked_key_needs_somebody_else_to_say_when(tmp_path: Path) -> None:
    """Who has the key could write any time into an entry; a witness cannot be told one."""
    solo = snapshots.logged(tmp_path / "snap", solo=True)
    revoked = Window(revoked_from=ISSUED + DAY)
    trust = solo.trust(signer=revoked, log=revoked)
    assert codes(look(solo, trust)) == []
    solo.prove(witnesses=solo.log.witnesses, time=ISSUED + 2 * DAY)
    assert codes(look(solo, trust)) == ["E_KEY_REVOKED", "E_KEY_REVOKED"]
    solo.prove()
    assert codes(look(solo, trust)) == ["E_KEY_REVOKED", "E_KEY_REVOKED"]


def test_a_log_key_that_ended_dates_nothing_by_itself(snap: Logged) -> None:
    snap.prove()
    ended = snap.trust(log=Window(not_after=ISSUED + DAY))
    report = look(snap, ended)
    assert (codes(report), report.log is not None and report.log.signed) == ([], False)
    bounded = snap.trust(log=Window(not_after=ISSUED + DAY), signer=Window(not_after=ISSUED + DAY))
    assert codes(look(snap, bounded)) == ["E_UNKNOWN_KEY"]
    snap.prove(witnesses=snap.log.witnesses[:1], time=ISSUED)
    assert codes(look(snap, bounded)) == []


def test_as_many_witnesses_as_are_asked_for_have_to_have_seen_it_by_then(tmp_path: Path) -> None:
    """One witness in league with a thief says an early time; two would have to."""
    solo = snapshots.logged(tmp_path / "snap", solo=True)
    revoked = Window(revoked_from=ISSUED + DAY)
    note = solo.log.note(witnesses=solo.log.witnesses[:1], time=ISSUED)
    later = solo.log.note(witnesses=solo.log.witnesses[1:2], time=ISSUED + 2 * DAY)
    both = note.with_signatures(later.signatures)
    solo.prove(replace(solo.log.proof(solo.entry), note=both))
    assert codes(look(solo, solo.trust(signer=revoked, log=revoked, quorum=1))) == []
    trust = solo.trust(signer=revoked, log=revoked, quorum=2)
    assert codes(look(solo, trust)) == ["E_KEY_REVOKED", "E_KEY_REVOKED"]


def test_a_trust_without_the_signer_does_not_know_who_signed(snap: Logged) -> None:
    trust = replace(snap.trust(), certificates=(CertificateKey(OTHER.public),))
    assert codes(look(snap, trust)) == ["E_UNKNOWN_KEY"]
    trust = replace(trust, certificates=(*trust.certificates, *snap.trust().certificates))
    assert codes(look(snap, trust)) == []
    assert codes(look(snap, Trust())) == ["E_UNKNOWN_KEY"]


# An older checkpoint


def test_an_older_checkpoint_of_the_same_tree_is_the_same_log(snap: Logged) -> None:
    assert look(snap, checkpoint=snap.log.note(14).to_bytes()).older == 14
    assert look(snap, checkpoint=snap.log.note(12).to_bytes()).older == 12


def test_an_older_checkpoint_needs_a_copy_of_the_log_to_be_compared(snap: Logged) -> None:
    report = look(snap, checkpoint=snap.log.note(5).to_bytes())
    assert report.verdict is Verdict.UNDECIDED
    shown = "\n".join(screen.lines(report))
    assert "is not decided" in shown
    assert "--log DIR" in shown


def both_heads(report: Report, *heads: Any) -> None:
    """Expect the message to name origin, size and root of these."""
    message = report.failures[0].message
    for head in heads:
        assert f"`{head.origin}`, {head.size:,} entries, root {head.root.hex()}" in message


@pytest.mark.parametrize("size", [12, 14])
def test_a_fork_of_one_length_is_a_split_view(snap: Logged, size: int) -> None:
    fork = snap.log.fork(3)
    report = look(snap, checkpoint=fork.note(size).to_bytes())
    assert codes(report) == ["E_SPLIT_VIEW"]
    both_heads(report, fork.head(size), snap.log.head(size))


@pytest.mark.parametrize(
    ("size", "code"),
    [(5, "E_CONSISTENCY"), (13, "E_CONSISTENCY"), (20, "E_SPLIT_VIEW"), (21, "E_SIZE_SHRINK")],
)
def test_a_fork_is_caught_by_an_older_checkpoint(
    snap: Logged, tmp_path: Path, size: int, code: str
) -> None:
    for _ in range(7):
        snap.log.add()
    fork = snap.log.fork(3)
    fork.add()
    log = snap.log.publish(tmp_path / "log", size=20)
    report = look(snap, checkpoint=fork.note(size).to_bytes(), log=log)
    assert codes(report)[0] == code
    both_heads(report, fork.head(size), snap.log.head(20))


def test_an_older_checkpoint_by_somebody_else_is_refused(snap: Logged) -> None:
    other = replace(snap.log, signer=NoteSigner(logs.ORIGIN, OTHER.key))
    assert codes(look(snap, checkpoint=other.note(5).to_bytes()))[0] == "E_NO_LOG_SIGNATURE"
    elsewhere = replace(snap.log, signer=NoteSigner("other.example/log", LOG_SIGNER.key))
    assert codes(look(snap, checkpoint=elsewhere.note(5).to_bytes())) == ["E_CHECKPOINT_ORIGIN"]
    assert codes(look(snap, checkpoint=b"junk")) == ["E_ENVELOPE"]


# A copy of the log


def test_a_superseded_snapshot_is_valid_alone_and_refused_with_the_log(
    snap: Logged, tmp_path: Path
) -> None:
    assert look(snap).exit_code == 0
    snap.supersede()
    log = snap.log.publish(tmp_path / "log")
    report = look(snap, log=log)
    assert codes(report) == ["E_SUPERSEDED"]
    assert "5" * 64 in report.failures[0].message
    (snap.path / "certificate.tlog-proof").unlink()
    assert codes(look(snap, log=log)) == ["E_SUPERSEDED"]


@pytest.mark.parametrize(
    ("since", "found"),
    [(ISSUED + DAY, []), (ISSUED, ["E_KEY_REVOKED"]), (START, ["E_KEY_REVOKED"])],
)
def test_a_revocation_in_the_log_counts(
    snap: Logged, tmp_path: Path, since: dt.datetime, found: list[str]
) -> None:
    moment = since.isoformat().replace("+00:00", "Z")
    facts = {"keyid": SIGNER.public.keyid, "revoked_from": moment, "role": "certificate"}
    snap.log.add("key.revoked", time=ISSUED + 2 * DAY, facts=facts, tables=["key_revocations"])
    snap.log.add("key.revoked", facts=facts | {"keyid": OTHER.public.keyid}, tables=[])
    assert codes(look(snap, log=snap.log.publish(tmp_path / "log"))) == found


def test_a_revocation_of_the_logs_own_key_counts_too(tmp_path: Path) -> None:
    solo = snapshots.logged(tmp_path / "snap", solo=True, witnesses=0)
    facts = {"keyid": SIGNER.public.keyid, "revoked_from": "2026-11-22T00:00:00Z"}
    solo.log.add("key.revoked", time=ISSUED + 2 * DAY, facts=facts, tables=["key_revocations"])
    new = NoteSigner(logs.ORIGIN, logs.key("a new key"))
    log = replace(solo.log, signer=new).publish(tmp_path / "log")
    trust = solo.trust()
    trust = replace(trust, logs=(*trust.logs, replace(trust.logs[0], key=new.public)))
    assert codes(look(solo, trust, log=log)) == ["E_KEY_REVOKED", "E_KEY_REVOKED"]


COPIES: dict[str, tuple[Callable[[Logged, Path], Path], list[str]]] = {
    "without a checkpoint": (
        lambda it, path: gone(it.log.publish(path), "checkpoint"), ["E_INCLUSION"]
    ),
    "without a tile": (lambda it, path: gone(it.log.publish(path), "tile/0/000.p/14"), ["E_INCLUSION"]),
    "without its entries": (
        lambda it, path: gone(it.log.publish(path), "tile/entries/000.p/14"), ["E_INCLUSION"]
    ),
    "with a cut tile": (
        lambda it, path: cut(it.log.publish(path), "tile/0/000.p/14"), ["E_INCLUSION"]
    ),
    "with cut entries": (
        lambda it, path: cut(it.log.publish(path), "tile/entries/000.p/14"), ["E_INCLUSION"]
    ),
    "with another entry": (
        lambda it, path: other_entry(it, it.log.publish(path)), ["E_INCLUSION"]
    ),
    "of another log": (
        lambda it, path: replace(
            it.log, signer=NoteSigner("other.example/log", LOG_SIGNER.key)
        ).publish(path),
        ["E_CHECKPOINT_ORIGIN"],
    ),
    "signed by a stranger": (
        lambda it, path: it.log.publish(path, signers=[NoteSigner(logs.ORIGIN, OTHER.key)]),
        ["E_NO_LOG_SIGNATURE"],
    ),
    "that forked before the snapshot": (
        lambda it, path: it.log.fork(12).publish(path), ["E_SPLIT_VIEW"]
    ),
    "that forked and went on": (
        lambda it, path: longer(it.log.fork(5)).publish(path), ["E_CONSISTENCY", "E_CONSISTENCY"]
    ),
    "that is shorter": (lambda it, path: it.log.publish(path, size=13), ["E_SIZE_SHRINK"]),
}  # fmt: skip


def gone(path: Path, name: str) -> Path:
    (path / name).unlink()
    return path


def cut(path: Path, name: str) -> Path:
    (path / name).write_bytes((path / name).read_bytes()[:-1])
    return path


def other_entry(snap: Logged, path: Path) -> Path:
    entries = path / "tile/entries/000.p/14"
    entries.write_bytes(entries.read_bytes().replace(b"claim.added", b"claim.aded!", 1))
    return path


def longer(log: logs.Log) -> logs.Log:
    log.add()
    return log


@pytest.mark.parametrize(("make", "found"), COPIES.values(), ids=COPIES)
def test_a_copy_of_the_log_that_does_not_hold_is_refused(
    snap: Logged, tmp_path: Path, make: Callable[[Logged, Path], Path], found: list[str]
) -> None:
    assert codes(look(snap, log=make(snap, tmp_path / "log"))) == found


def test_a_certificate_that_the_log_never_got_is_refused(snap: Logged, tmp_path: Path) -> None:
    (snap.path / "certificate.tlog-proof").unlink()
    without = snap.log.fork(12)
    without.add(time=ISSUED + DAY)
    assert codes(look(snap, log=without.publish(tmp_path / "log"))) == ["E_INCLUSION"]
    old = look(snap, log=snap.log.publish(tmp_path / "old", size=12))
    assert old.verdict is Verdict.UNDECIDED


def test_inputs_that_the_log_does_not_have_are_refused(snap: Logged, tmp_path: Path) -> None:
    bent = replace(snap.snapshot.certificate.inputs[0], log_index=4)
    inputs = (bent, *snap.snapshot.certificate.inputs[1:])
    snap.snapshot.sign(replace(snap.snapshot.certificate, inputs=inputs))
    facts = {"certificate": snap.digest}
    entry = snap.log.add("snapshot.exported", time=ISSUED + DAY, facts=facts, tables=["snapshots"])
    snap.prove(snap.log.proof(entry))
    assert look(snap).exit_code == 0
    assert codes(look(snap, log=snap.log.publish(tmp_path / "log"))) == ["E_INCLUSION"]


def test_a_copy_by_a_key_that_is_not_known_leaves_it_undecided(
    snap: Logged, tmp_path: Path
) -> None:
    """Nothing that somebody could have written into it counts, not even against the snapshot."""
    snap.supersede()
    log = snap.log.publish(tmp_path / "log")
    report = verify.examine(snap.path, key=SIGNER.public, log=log)
    assert (codes(report), report.verdict) == ([], Verdict.UNDECIDED)
    assert any("the copy of the log says nothing" in it.message for it in report.obstacles)


def test_names_in_the_log_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    odd = "a\u202eb\u009b2J.example/log"
    log = logs.beginning()
    log.signer = NoteSigner(odd, Signer.generate().key)
    made = snapshots.write(tmp_path / "snap")
    made.sign(replace(made.certificate, log=log.state()))
    logged = Logged(made, log, 0)
    facts = {"certificate": logged.digest}
    logged.entry = log.add("snapshot.exported", time=ISSUED + DAY, facts=facts, tables=[])
    logged.prove()
    report = verify.examine(made.path, key=SIGNER.public)
    assert report.log is not None
    assert all(line.isprintable() for line in screen.lines(report))


def test_a_key_of_a_log_is_no_key_of_certificates() -> None:
    key = NoteKey(logs.ORIGIN, LOG_SIGNER.public.public)
    assert Trust.parse(b'{"type": "firsthand-trust/v1"}', name="x").log_keys(key.name) == ()
