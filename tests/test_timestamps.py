from __future__ import annotations

import datetime as dt
import hashlib

import pytest
import sqlalchemy as sa

from registry import keys, ledger, timestamps, tokens
from registry.core.trust import TimestampRoot
from registry.db.models import Timestamp, TrustRole
from registry.errors import InvalidInputError, NotFoundError, VerificationError
from tests import checkpoints
from tests.test_keys import add
from tests.tsa import Authority, needs_openssl
from tests.world import World

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(autouse=True)
def today(request: pytest.FixtureRequest) -> None:
    """Let the registry's clock be that of the authority, which is the machine's."""
    name = "world" if "world" in request.fixturenames else "sqlite_world"
    request.getfixturevalue(name).clock.now = dt.datetime.now(dt.UTC)


def test_a_checkpoint_is_stamped_from_the_request_to_the_verifier(
    world: World, authority: Authority
) -> None:
    with world.database.read() as session, pytest.raises(NotFoundError, match="no checkpoint"):
        timestamps.request(session, nonce=1)
    checkpoints.sign(world.database, world.settings, now=world.clock())
    world.register("essays", ["One."], origin="human")
    note = checkpoints.sign(world.database, world.settings, now=world.clock())
    with world.database.read() as session:
        asked = timestamps.request(session, nonce=12345)
    assert asked.checkpoint.size == world.log_size()
    answer = authority.reply(asked.data)
    with world.database.write() as session:
        unchecked = timestamps.attach(session, answer, now=world.clock())
    assert (unchecked.chain, unchecked.authority, unchecked.existed) == (False, "Test TSA", False)
    add(world, TrustRole.TIMESTAMP, authority.root.read_bytes(), "our authority")
    for data in (answer, tokens.parse(answer).data):
        with world.database.write() as session:
            again = timestamps.attach(session, data, now=world.clock())
        assert (again.chain, again.authority, again.existed) == (True, "our authority", True)
    with world.database.read() as session:
        assert len(session.scalars(sa.select(Timestamp)).all()) == 1
        (carried,) = timestamps.for_checkpoint(session, asked.checkpoint.size)
        assert timestamps.for_checkpoint(session, 1) == []
        facts = [
            it["facts"] for _, it in ledger.entries(session) if it["kind"] == "timestamp.attached"
        ]
    (fact,) = facts
    assert fact["token"] == hashlib.sha256(tokens.parse(answer).data).hexdigest()
    assert fact["size"] == asked.checkpoint.size
    # What a stranger does with the snapshot: the proof's checkpoint, and the token beside it.
    root = TimestampRoot("mine", authority.root.read_text("ascii"))
    checked = tokens.check_token(carried, note.text, [root])
    assert (checked.chain, checked.time) == (True, again.time)
    assert world.problems() == []


def test_a_token_over_something_else_is_refused(world: World, authority: Authority) -> None:
    note = checkpoints.sign(world.database, world.settings, now=world.clock())
    for text in (note.text + b"x", note.to_bytes()):
        answer = authority.reply(tokens.request(text, nonce=1))
        with world.database.write() as session, pytest.raises(VerificationError) as refused:
            timestamps.attach(session, answer, now=world.clock())
        assert refused.value.code == "E_TSA_IMPRINT"
    assert world.problems() == []


def test_a_token_of_a_stranger_is_refused_once_an_authority_is_trusted(
    sqlite_world: World, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = sqlite_world
    note = checkpoints.sign(world.database, world.settings, now=world.clock())
    add(world, TrustRole.TIMESTAMP, authority.root.read_bytes(), "our authority")
    other = Authority.create(tmp_path_factory.mktemp("tsa") / "other", "Other")
    answer = other.reply(tokens.request(note.text, nonce=1))
    with world.database.write() as session, pytest.raises(VerificationError) as refused:
        timestamps.attach(session, answer, now=world.clock())
    assert refused.value.code == "E_TSA_CHAIN"


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_token_whose_time_contradicts_the_log_is_refused(
    sqlite_world: World, authority: Authority, hours: int
) -> None:
    world = sqlite_world
    signed_at = world.clock() + dt.timedelta(hours=hours)
    note = checkpoints.sign(world.database, world.settings, now=signed_at)
    answer = authority.reply(tokens.request(note.text, nonce=1))
    with world.database.write() as session, pytest.raises(VerificationError) as refused:
        timestamps.attach(session, answer, now=signed_at)
    assert refused.value.code == "E_TIME_BRACKET"


def test_only_one_root_that_has_not_expired_is_trusted(
    sqlite_world: World, authority: Authority
) -> None:
    leaf = (authority.folder / "tsa.pem").read_bytes()
    root = authority.root.read_bytes()
    for data in (leaf, root + root, (authority.folder / "plain.pem").read_bytes() + leaf):
        with pytest.raises(InvalidInputError, match="root certificate"):
            add(sqlite_world, TrustRole.TIMESTAMP, data, "tsa")
    with pytest.raises(InvalidInputError, match="say whose certificate"):
        add(sqlite_world, TrustRole.TIMESTAMP, root)
    sqlite_world.clock.advance(days=4000)
    with pytest.raises(InvalidInputError, match="expired"):
        add(sqlite_world, TrustRole.TIMESTAMP, root, "tsa")
    sqlite_world.clock.advance(days=-4000)
    assert add(sqlite_world, TrustRole.TIMESTAMP, root, "tsa")
    keys.settle(sqlite_world.database, sqlite_world.settings)
