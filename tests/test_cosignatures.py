from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry import cosignatures, home, witness
from registry.core.note import Note
from registry.db.models import Cosignature, TrustRole
from registry.errors import InvalidInputError, NotFoundError, VerificationError
from tests import checkpoints
from tests.test_keys import add, revoke
from tests.world import World


class Pair:
    """A registry, and a witness that it trusts."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.key = folder / "w.key"
        self.public = witness.create(self.key, "w.example/w")
        self.note = checkpoints.sign(world.database, world.settings, now=world.clock())
        self.event = add(world, TrustRole.WITNESS, str(self.public))
        with world.database.read() as session:
            self.log = home.load_log_signer(world.settings, session)

    def cosigned(self, note: Note | None = None, now: dt.datetime | None = None) -> Note:
        note = note or self.note
        done = witness.load(self.key).sign(
            note.text, time=int((now or self.world.clock()).timestamp())
        )
        return note.with_signatures([done])

    def add(self, note: Note | bytes) -> cosignatures.Added:
        data = note if isinstance(note, bytes) else note.to_bytes()
        with self.world.database.write() as session:
            return cosignatures.add(session, data, origin=self.log.name, now=self.world.clock())

    def code(self, note: Note | bytes) -> str:
        with pytest.raises(VerificationError) as refused:
            self.add(note)
        return refused.value.code


@pytest.fixture
def pair(world: World, tmp_path: Path) -> Pair:
    return Pair(world, tmp_path)


def test_what_a_witness_says_is_kept_and_carried(pair: Pair) -> None:
    key = str(pair.log.public).encode()
    done = witness.cosign(
        pair.note.to_bytes(), pair.key, folder=None, log_key=key, now=pair.world.clock()
    )
    added = pair.add(done.note)
    assert (added.size, added.added, added.known) == (1, ("w.example/w",), ())
    assert added.unknown == (pair.log.name,)
    again = pair.add(pair.cosigned())
    assert (again.added, again.known) == ((), ("w.example/w",))
    with pair.world.database.read() as session:
        lines = cosignatures.of_checkpoint(session, 1)
        ((row, name),) = cosignatures.every(session)
        assert cosignatures.of_checkpoint(session, 2) == []
    assert (name, row.time) == ("w.example/w", done.time)
    carried = pair.note.with_signatures(lines)
    assert carried.opened([pair.log.public, pair.public])[pair.public] == int(done.time.timestamp())
    assert pair.world.problems() == []


def test_only_what_this_registry_signed_can_be_cosigned(pair: Pair) -> None:
    other = checkpoints.signed(pair.log, 1, b"r" * 32)
    assert pair.code(pair.cosigned(other)) == "E_SPLIT_VIEW"
    with pytest.raises(NotFoundError, match="signed no checkpoint of 9 entries"):
        pair.add(pair.cosigned(checkpoints.signed(pair.log, 9, b"r" * 32)))
    stranger = type(pair.log)("other.example/log", pair.log.key)
    assert (
        pair.code(pair.cosigned(checkpoints.signed(stranger, 1, b"r" * 32)))
        == "E_CHECKPOINT_ORIGIN"
    )
    assert pair.code(b"no checkpoint") == "E_ENVELOPE"
    assert pair.code(bytes(2 << 20)) == "E_LIMIT"


def test_lines_that_do_not_hold_are_refused(pair: Pair) -> None:
    good = pair.cosigned()
    line = good.signatures[-1]
    bent = type(line)(line.name, line.id, bytes([*line.raw[:-1], line.raw[-1] ^ 1]))
    assert pair.code(pair.note.with_signatures([bent])) == "E_SIGNATURE"
    later = pair.world.clock.now + dt.timedelta(hours=1)
    assert pair.code(pair.cosigned(now=later)) == "E_TIME_BRACKET"
    far = witness.load(pair.key).sign(pair.note.text, time=2**63 - 1)
    assert pair.code(pair.note.with_signatures([far])) == "E_TIME_BRACKET"
    twice = pair.cosigned(good)
    assert pair.code(twice) == "E_NONCANONICAL"
    with pair.world.database.read() as session:
        assert session.scalars(sa.select(Cosignature)).all() == []


def test_lines_of_strangers_and_of_revoked_witnesses_say_nothing(
    pair: Pair, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match="no line of this checkpoint"):
        pair.add(pair.note)
    witness.create(tmp_path / "other.key", "w.example/w")
    line = witness.load(tmp_path / "other.key").sign(pair.note.text, time=1)
    assert pair.add(pair.cosigned().with_signatures([line])).unknown == (
        pair.log.name, "w.example/w",
    )  # fmt: skip
    revoke(pair.world, pair.event.keyid)
    with pytest.raises(InvalidInputError, match="no line of this checkpoint"):
        pair.add(pair.cosigned())
