"""Somebody with all rights in SQL changes the past; what was signed and published tells."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from registry import ledger
from registry.core.entry import EntryKind, RowBinding, leaf, parse_leaf, row_digest
from registry.core.merkle import leaf_hash, tree_root
from registry.db.base import Base
from registry.db.models import (
    Claim,
    DatasetVersion,
    KeyRevocation,
    LogCheckpoint,
    LogEntry,
    LogSalt,
)
from registry.errors import ConflictError
from tests.log.story import Story
from tests.test_ledger import without_constraints
from tests.world import START


@pytest.fixture
def story(story: Story) -> Story:
    """Four versions with claims, signed and published."""
    for name in ("one", "two", "three"):
        story.world.register(name, [f"A text of {name}."], origin="human")
    story.world.claim("two", "ai")
    story.advance()
    return story


def run(story: Story, *statements: str) -> list[str]:
    with without_constraints(story.world.database) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()
    return story.fsck()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE dataset_versions SET registered_at = '2019-01-01 00:00:00' WHERE id = 2",
         "dataset_versions row 2: was changed after it was logged"),
        ("UPDATE claims SET claimed_at = '2019-01-01 00:00:00' WHERE id = 1",
         "claims row 1: was changed after it was logged"),
        ("UPDATE claims SET value = '{\"origin\": \"human\"}' WHERE id = 4",
         "claims row 4: was changed after it was logged"),
        ("UPDATE dataset_versions SET documents = 100 WHERE id = 3",
         "dataset_versions row 3: was changed after it was logged"),
        ("DELETE FROM dataset_versions WHERE id = 1",
         "dataset_versions row 1: is in the log and not in the table"),
        ("INSERT INTO selections (id, digest, texts) VALUES (1, 'x', 1)",
         "selections row 1: is in no log entry"),
    ],
)  # fmt: skip
def test_a_change_of_a_row_is_named(story: Story, statement: str, named: str) -> None:
    assert story.fsck() == []
    assert run(story, statement) == [named]


def backdate(story: Story) -> None:
    """Rewrite a version's date together with its entry, its salt and its digest."""
    with without_constraints(story.world.database) as connection:
        table = Base.metadata.tables["dataset_versions"]
        row = dict(connection.execute(sa.select(table).where(table.c.id == 2)).mappings().one())
        early = row["registered_at"] - dt.timedelta(days=900)
        connection.execute(sa.update(table).where(table.c.id == 2).values(registered_at=early))
        old = connection.execute(
            sa.select(LogEntry.leaf).where(LogEntry.position == 2)
        ).scalar_one()
        found = connection.execute(
            sa.select(LogSalt.name, LogSalt.salt).where(LogSalt.position == 2)
        )
        salts = {row.name: row.salt for row in found}
        entry = parse_leaf(old)
        rows = [
            RowBinding(
                it.table, it.id,
                row_digest(it.table, row | {"registered_at": early}, salts[it.salt_name]),
            )
            if it.table == "dataset_versions" else it
            for it in entry.rows
        ]  # fmt: skip
        made = leaf(EntryKind(entry.kind), entry.time, entry.facts, rows)
        connection.execute(sa.update(LogEntry).where(LogEntry.position == 2).values(leaf=made))
        connection.commit()


def test_a_log_rewritten_with_its_rows_is_caught_by_what_was_signed(story: Story) -> None:
    backdate(story)
    with story.world.database.read() as session:
        assert list(ledger.discrepancies(session)) == []
    found = story.fsck()
    assert "log_entries row 2: is not in the published log" in found
    assert "log_entries row 2: was published, and is not in the database" in found
    assert any(item.startswith("log_checkpoints row 1: 5 entries with root") for item in found)
    assert any("this machine remembers" in item for item in found)


def test_even_with_the_checkpoints_of_the_database(story: Story) -> None:
    """Who has the database has not the key: a root without its signature says nothing."""
    backdate(story)
    with story.world.database.write() as session:
        leaves = session.scalars(sa.select(LogEntry.leaf).order_by(LogEntry.position)).all()
        row = session.scalars(sa.select(LogCheckpoint)).one()
        row.root = tree_root(map(leaf_hash, leaves)).hex()
    found = story.fsck()
    assert "log_checkpoints row 1: does not say what its note says" in found
    with story.world.database.write() as session:
        session.execute(sa.delete(LogCheckpoint))
    assert "log_entries row 2: is not in the published log" in story.fsck()


def swap(story: Story, *, salts: bool) -> list[str]:
    """Put entries 2 and 3 into the other order."""
    moves = [(2, 90), (3, 2), (90, 3)]
    tables = ["log_entries", *(["log_salts"] if salts else [])]
    return run(
        story,
        *(
            f"UPDATE {table} SET position = {new} WHERE position = {old}"
            for table in tables
            for old, new in moves
        ),
    )


@pytest.mark.parametrize("salts", [False, True])
def test_two_entries_in_another_order_are_named(story: Story, salts: bool) -> None:
    found = swap(story, salts=salts)
    assert "log_entries row 3: was published as entry 2" in found
    assert "log_entries row 3: is dated before the entry it follows" in found
    assert any(item.startswith("log_checkpoints row 1:") for item in found)
    assert salts or any("the salt of its log entry is missing" in item for item in found)


def test_an_entry_that_was_inserted_is_named(story: Story) -> None:
    shifts = [
        f"UPDATE {table} SET position = position + 100 WHERE position >= 2"
        for table in ("log_entries", "log_salts")
    ]
    backs = [
        f"UPDATE {table} SET position = position - 99 WHERE position >= 100"
        for table in ("log_entries", "log_salts")
    ]
    run(story, *shifts, *backs, "UPDATE log_state SET size = size + 1")
    with story.world.database.write() as session:
        before = session.get_one(LogEntry, 1)
        moment = parse_leaf(before.leaf).time
        data = leaf(EntryKind.LINEAGE_ADDED, moment, {}, [])
        session.add(LogEntry(position=2, kind="lineage.added", leaf=data))
    with story.world.database.read() as session:
        assert list(ledger.discrepancies(session)) == []
    found = story.fsck()
    assert "log_entries row 2: is not in the published log" in found
    assert not any(item.startswith("log_entries row 3") for item in found)


def test_an_entry_that_was_removed_with_its_rows_is_named(story: Story) -> None:
    last = story.world.log_size() - 1
    found = run(
        story,
        f"DELETE FROM log_salts WHERE position = {last}",
        f"DELETE FROM log_entries WHERE position = {last}",
        "DELETE FROM claims WHERE id = 4",
        f"UPDATE log_state SET size = {last}",
    )
    assert f"log_entries row {last}: was published, and is not in the database" in found


def test_a_row_is_bound_once(story: Story) -> None:
    """Who may append can still not let an entry speak for a row that another one bound."""
    with story.world.database.write() as session:
        claim = session.get_one(Claim, 4)
        claim.value = {"origin": "human"}
        kind = EntryKind.CLAIM_ADDED
        ledger.append(session, kind, now=story.world.clock(), facts={}, rows=[claim])
    assert "claims row 4: is bound by entry 4, and by entry 5 again" in story.fsck()


def test_a_signature_of_somebody_else_is_named(story: Story) -> None:
    with story.world.database.write() as session:
        row = session.scalars(sa.select(LogCheckpoint)).one()
        row.note = row.note.replace(b"test.example/log\n", b"best.example/log\n")
    assert any(item.startswith("log_checkpoints row 1:") for item in story.fsck())


# What is erased, and logged as such.


def revoke(story: Story) -> int:
    with story.world.database.write() as session:
        now = story.world.clock()
        row = KeyRevocation(
            keyid="2" * 64, revoked_from=now, reason="Erika", revoked_by="Max", revoked_at=now
        )
        session.add(row)
        kind = EntryKind.KEY_REVOKED
        return ledger.append(session, kind, now=now, facts={}, rows=[row])


def test_a_row_that_was_erased_is_accepted_and_told(story: Story) -> None:
    position = revoke(story)
    story.advance()
    with story.world.database.write() as session:
        row = session.scalars(sa.select(KeyRevocation)).one()
        at = ledger.redact(session, [row], now=story.world.clock())
    story.advance()
    assert story.fsck() == []
    with story.world.database.read() as session:
        assert session.scalars(sa.select(KeyRevocation)).all() == []
        assert not session.scalars(sa.select(LogSalt).where(LogSalt.position == position)).all()
        assert [str(it) for it in ledger.exemptions(session)] == [f"entry {at}: 1 row erased"]
        entry = parse_leaf(session.get_one(LogEntry, at).leaf)
        assert entry.facts["rows"] == [{"id": 1, "position": position, "table": "key_revocations"}]
        (bound,) = ledger.bound_by(
            session, position, parse_leaf(session.get_one(LogEntry, position).leaf)
        )
        assert (bound.problem, bound.excused) == (f"was erased, by entry {at}", True)


def test_a_row_that_was_overwritten_is_bound_again(story: Story) -> None:
    with story.world.database.write() as session:
        claim = session.get_one(Claim, 4)
        claim.reason, claim.claimed_by = "erased", "erased"
        ledger.redact(session, [], changed=[claim], now=story.world.clock())
    assert story.fsck() == []
    assert run(story, "UPDATE claims SET reason = 'another' WHERE id = 4") == [
        "claims row 4: was changed after it was logged"
    ]


def test_nothing_but_what_was_erased_is_accepted(story: Story) -> None:
    position = revoke(story)
    with story.world.database.write() as session:
        row = session.scalars(sa.select(KeyRevocation)).one()
        at = ledger.redact(session, [row], now=story.world.clock())
    assert run(story, "DELETE FROM claims WHERE id = 4") == [
        "claims row 4: is in the log and not in the table"
    ]
    with story.world.database.write() as session:
        session.add(LogSalt(position=position, name="key_revocations/1", salt=b"s" * 32))
    assert f"key_revocations row 1: entry {at} erased it, and its salt is here" in story.fsck()


def test_an_erasure_that_names_what_was_never_bound_is_named(story: Story) -> None:
    with story.world.database.write() as session:
        ledger.append(
            session,
            EntryKind.ROWS_REDACTED,
            now=story.world.clock(),
            facts={"rows": [{"id": 77, "position": 1, "table": "claims"}]},
            rows=[],
        )
    assert story.fsck() == [
        "log_entries row 5: erases row 77 of `claims`, which entry 1 did not bind"
    ]


def erase(story: Story, row: Base | None) -> None:
    with story.world.database.write() as session:
        version = row or session.get_one(DatasetVersion, 1)
        if row is not None:
            session.add(row)
            session.flush()
        ledger.redact(session, [version], now=story.world.clock())


def test_what_others_refer_to_is_not_erased_alone(story: Story) -> None:
    with pytest.raises(ConflictError, match="other rows refer to"):
        erase(story, None)
    assert story.fsck() == []


def test_what_no_entry_bound_is_not_erased(story: Story) -> None:
    row = KeyRevocation(
        keyid="2" * 64, revoked_from=START, reason="x", revoked_by="y", revoked_at=START
    )
    with pytest.raises(ConflictError, match="in no log entry"):
        erase(story, row)
    assert story.fsck() == []
