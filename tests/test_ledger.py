"""The log: gapless, bound to every row, and silent about what it must not know."""

from __future__ import annotations

import datetime as dt
import secrets
import subprocess
import sys
import threading
from typing import Any, Final

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from registry import ledger
from registry.core.claim import Property
from registry.core.dataset import Access, Origin, Role
from registry.core.entry import FOLDED, MAX_LEAF, EntryKind, row_digest
from registry.core.evidence import DateInterval, DateKind, EvidenceKind, Grade
from registry.db.base import Base
from registry.db.models import (
    ErasedText,
    Evidence,
    KeyRevocation,
    LogEntry,
    LogSalt,
    LogState,
    Namespace,
    Relocation,
    Supersession,
    Timestamp,
    TrustedKey,
    TrustRole,
    Withdrawal,
)
from registry.db.session import Database
from registry.errors import ConflictError, InvalidInputError
from registry.register import Acquired
from tests.conftest import REPOSITORY
from tests.world import START, World

FOLDED_COLUMNS: Final = [(table, name) for table, names in FOLDED.items() for name in names]

NOT_FOLDED: Final = {
    "cosignatures", "intents", "log_checkpoints", "log_entries", "log_salts", "log_state", "segments",
    "sketch_tables", "version_overlaps",
}  # fmt: skip
"""Tables that say nothing about the catalogue: who writes files now, the log itself, signatures."""


def fill(world: World) -> None:
    """Put a row into every table that the log binds."""
    world.register(
        "team/essays",
        [{"text": "By a person.", "lang": "en", "by": "h"}, {"text": "By another.", "by": "h"}],
        origin_field="by",
        origin_map={"h": Origin.HUMAN},
        language_field="lang",
        license="MIT",
        dates=(DateInterval.parse(DateKind.COLLECTED, "2021-05"),),
        sources=("https://example.org/essays",),
        acquired=Acquired(owner="Some university", access=Access.PUBLIC),
    )
    world.register("chat", ["By a model."], origin=Origin.AI, generators=("gpt-2",))
    world.claim("team/essays", Origin.ASSISTED, where=["By another."], reason="it says so")
    world.derive("chat", "team/essays", note="prompted with it")
    world.role("chat", Role.EVALUATION)
    world.keep("team/essays")
    world.dedup("team/essays", "chat", name="clean")
    world.export({"sources": ["team/essays", "chat"]})
    world.resolve(world.dispute("team/essays", Origin.AI, evidence="5" * 64), "rejected")
    with world.database.write() as session:
        now = world.clock()
        rows = [
            Supersession(snapshot_id=1, certificate_digest="0" * 64, superseded_at=now),
            TrustedKey(
                keyid="1" * 64, role=TrustRole.ARCHIVE, name="an archive", key="1" * 64,
                added_by="me", added_at=now,
            ),
            KeyRevocation(
                keyid="2" * 64, revoked_from=now, reason="lost", revoked_by="me", revoked_at=now
            ),
            Evidence(
                version_id=1, kind=EvidenceKind.NOTE, concerns=Property.ORIGIN, grade=Grade.E0,
                documents=2, issuer="us", digest="4" * 64, value={}, added_by="me", added_at=now,
            ),
            Withdrawal(
                version_id=2, reason="asked to", erased=True, withdrawn_by="me", withdrawn_at=now
            ),
            ErasedText(withdrawal_id=1, salt=b"salt", digest="6" * 64),
            Relocation(
                location_id=1, base="/elsewhere", files=[], relocated_by="me", relocated_at=now
            ),
            Timestamp(log_size=3, digest="3" * 64, token=b"a token", time=now, attached_at=now),
        ]  # fmt: skip
        for row in rows:
            # One after the other: they refer to one another by number.
            session.add(row)
            session.flush()
        ledger.append(session, EntryKind.KEY_TRUSTED, now=now, facts={}, rows=rows)


def discrepancies(world: World) -> list[str]:
    with world.database.read() as session:
        return [str(item) for item in ledger.discrepancies(session)]


def positions(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(sa.select(LogEntry.position).order_by(LogEntry.position)))


def append_one(database: Database, name: str, *, fail: bool = False) -> None:
    """Record a namespace, the smallest thing there is, or change one's mind at the end."""
    with database.write() as session:
        row = Namespace(name=name, visibility="private", created_at=START)
        session.add(row)
        ledger.append(
            session, EntryKind.CLAIM_ADDED, now=START + dt.timedelta(days=1), facts={}, rows=[row]
        )
        if fail:
            raise RuntimeError("changed my mind")


def test_every_row_of_a_registry_is_in_the_log(world: World) -> None:
    fill(world)
    with world.database.read() as session:
        for table in FOLDED:
            count = sa.select(sa.func.count()).select_from(Base.metadata.tables[table])
            assert session.execute(count).scalar_one() > 0, f"{table} is not covered by these tests"
    assert discrepancies(world) == []


def test_every_column_is_folded_or_listed_as_not_folded() -> None:
    tables = Base.metadata.tables
    assert set(tables) == set(FOLDED) | NOT_FOLDED
    for table, names in FOLDED.items():
        assert names == tuple(column.name for column in tables[table].columns), table


def test_positions_have_no_gaps_after_rollbacks(world: World) -> None:
    for number in range(6):
        if number % 2:
            with pytest.raises(RuntimeError, match="changed my mind"):
                append_one(world.database, f"n{number}", fail=True)
        else:
            append_one(world.database, f"n{number}")
    assert positions(world.database) == list(range(4))  # the key's entry, and three of these
    assert discrepancies(world) == []


APPEND_MANY: Final = """
import sys
from registry.db.session import Database
from tests.test_ledger import append_one

database = Database(sys.argv[1])
for number in range(int(sys.argv[3])):
    try:
        append_one(database, f"{sys.argv[2]}{number}", fail=number % 5 == 0)
    except RuntimeError:
        pass
database.dispose()
"""


def test_positions_have_no_gaps_when_processes_append_at_once(world: World) -> None:
    appended = 20
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND_MANY, world.url, name, str(appended)], cwd=REPOSITORY
        )
        for name in ("a", "b")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert positions(world.database) == list(range(1 + 2 * appended * 4 // 5))
    assert discrepancies(world) == []


def test_positions_have_no_gaps_when_threads_append_at_once(world: World) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(10):
                append_one(world.database, f"{name}{number}")
        except BaseException as error:  # noqa: BLE001 - a thread's errors would be lost
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert positions(world.database) == list(range(41))
    assert discrepancies(world) == []


def test_a_digest_in_a_leaf_is_that_of_the_row_as_it_is_read_back(world: World) -> None:
    fill(world)
    with world.database.read() as session:
        salts = {(row.position, row.name): row.salt for row in session.scalars(sa.select(LogSalt))}
        for entry in session.scalars(sa.select(LogEntry)):
            for item in orjson.loads(entry.leaf)["rows"]:
                table = Base.metadata.tables[item["table"]]
                row = session.execute(sa.select(table).where(table.c.id == item["id"])).mappings()
                salt = salts[entry.position, f"{item['table']}/{item['id']}"]
                assert row_digest(item["table"], dict(row.one()), salt) == item["digest"]


# What somebody with access to the database may try.


def bent(value: Any, column: sa.Column[Any]) -> Any:
    """Return another value of the same kind, which the constraints admit where they can."""
    if isinstance(column.type, sa.Enum):
        return next((item for item in column.type.enums if item != str(value)), "other")
    match value:
        case None:
            return 1 if isinstance(column.type, sa.Integer) else "x"
        case bool() | bytes():
            return not value if isinstance(value, bool) else value + b"x"
        case int():
            return value + 1
        case dt.datetime():
            return value - dt.timedelta(days=365)
        case str():
            return f"{value}x"
        case dict():
            return value | {"more": 1}
        case list():
            return [*value, "more"]
    raise NotImplementedError(type(value))


def without_constraints(database: Database) -> sa.Connection:
    """Return a connection of somebody who may do everything: no foreign keys, no CHECKs."""
    connection = database.engine.connect()
    if database.is_sqlite:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute("PRAGMA ignore_check_constraints=ON")
        return connection
    connection.exec_driver_sql("SET session_replication_role = replica")
    for table in map(Base.metadata.tables.get, FOLDED):
        assert table is not None
        for constraint in table.constraints:
            if isinstance(constraint, sa.CheckConstraint):
                connection.exec_driver_sql(
                    f'ALTER TABLE {table.name} DROP CONSTRAINT IF EXISTS "{constraint.name}"'
                )
    connection.commit()
    return connection


def put(connection: sa.Connection, column: sa.Column[Any], id: int, value: Any) -> None:
    """Set one value behind the registry's back."""
    kind = sa.String() if isinstance(column.type, sa.Enum) else column.type
    connection.execute(
        sa.text(
            f'UPDATE {column.table.name} SET "{column.name}" = :value WHERE id = :id'
        ).bindparams(sa.bindparam("value", value, type_=kind), id=id)
    )
    connection.commit()


def last_row(connection: sa.Connection, table: sa.Table) -> dict[str, Any]:
    newest = sa.select(table).order_by(table.c.id.desc()).limit(1)
    row = connection.execute(newest).mappings().one()
    connection.rollback()
    return dict(row)


def test_any_folded_column_changed_in_sql_is_found(world: World) -> None:
    fill(world)
    unseen = []
    with without_constraints(world.database) as connection:
        for table_name, column_name in FOLDED_COLUMNS:
            column = Base.metadata.tables[table_name].c[column_name]
            row = last_row(connection, column.table)
            new = bent(row[column_name], column)
            put(connection, column, row["id"], new)
            if not any(item.startswith(f"{table_name} row") for item in discrepancies(world)):
                unseen.append(f"{table_name}.{column_name}")
            put(connection, column, new if column_name == "id" else row["id"], row[column_name])
    assert unseen == []
    assert discrepancies(world) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("claims.value", "not json"),
        ("claims.claimed_at", "yesterday"),
        ("locations.files", 7),
        ("dataset_versions.registered_at", 7),
        ("signing_keys.role", "anything"),
        ("dataset_versions.documents", "many"),
    ],
)
def test_a_value_that_cannot_even_be_read_is_found(
    sqlite_world: World, column: str, value: Any
) -> None:
    fill(sqlite_world)
    table, _, name = column.partition(".")
    with without_constraints(sqlite_world.database) as connection:
        connection.exec_driver_sql(f'UPDATE {table} SET "{name}" = ? WHERE id = 1', (value,))
        connection.commit()
    assert discrepancies(sqlite_world) == [f"{table} row 1: was changed after it was logged"]


_UNIQUE_PER_VERSION: Final = {
    "deduplication_inputs",
    "deduplications",
    "lineage_edges",
    "mixture_exclusions",
    "mixture_inputs",
}

_UNIQUE_NUMBERS: Final = (
    "claim_id", "dispute_id", "input_id", "location_id", "number", "snapshot_id",
)  # fmt: skip


@pytest.mark.parametrize("table_name", FOLDED)
def test_a_row_added_or_deleted_in_sql_is_found(sqlite_world: World, table_name: str) -> None:
    fill(sqlite_world)
    table = Base.metadata.tables[table_name]
    with without_constraints(sqlite_world.database) as connection:
        row = last_row(connection, table)
        # Another row of the same shape, which no unique constraint is in the way of.
        added = {
            name: f"{value}x"
            if isinstance(value, str) and not isinstance(table.c[name].type, sa.Enum)
            else value
            for name, value in row.items()
        }
        added |= {name: 77 for name in _UNIQUE_NUMBERS if name in added}
        if table_name in _UNIQUE_PER_VERSION:
            added["version_id"] = 77
        added["id"] = row["id"] + 1
        connection.execute(sa.insert(table).values(added))
        connection.commit()
        assert discrepancies(sqlite_world) == [
            f"{table_name} row {added['id']}: is in no log entry"
        ]
        connection.execute(sa.delete(table).where(table.c.id.in_([row["id"], added["id"]])))
        connection.commit()
    assert discrepancies(sqlite_world) == [
        f"{table_name} row {row['id']}: is in the log and not in the table"
    ]


def test_a_log_that_was_tampered_with_is_found(world: World) -> None:
    fill(world)
    size = world.log_size()

    def found(*statements: str) -> str:
        with without_constraints(world.database) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            # Seen from inside the transaction, which is then undone.
            with Session(connection) as session:
                return "\n".join(str(item) for item in ledger.discrepancies(session))

    last = size - 1
    assert f"position {last - 1} is missing" in found(
        f"DELETE FROM log_entries WHERE position = {last - 1}"
    )
    assert f"says {size} entries, there are {last}" in found(
        f"DELETE FROM log_entries WHERE position = {last}"
    )
    assert "the salt of its log entry is missing" in found(
        f"DELETE FROM log_salts WHERE position = {last}"
    )
    assert "was changed after it was logged" in found(
        f"UPDATE log_salts SET salt = (SELECT salt FROM log_salts WHERE position = 0) "
        f"WHERE position = {last}"
    )
    assert "says `key.created`, its leaf `key.trusted`" in found(
        f"UPDATE log_entries SET kind = 'key.created' WHERE position = {last}"
    )
    unreadable = found(
        f"UPDATE log_entries SET leaf = (SELECT salt FROM log_salts LIMIT 1) WHERE position = {last}"
    )
    assert f"log_entries row {last}: a leaf of the log cannot be read" in unreadable
    assert "timestamps row 1: is in no log entry" in unreadable


def test_nothing_is_appended_to_a_log_that_lost_its_last_entry(world: World) -> None:
    world.register("essays", ["By a person."])
    with world.database.engine.begin() as connection:
        connection.execute(sa.delete(LogSalt).where(LogSalt.position == 1))
        connection.execute(sa.delete(LogEntry).where(LogEntry.position == 1))
    with pytest.raises(ConflictError, match="log entry 1 is missing"):
        world.register("more", ["By another."])
    assert world.stray_files() == []


# The clock.


def test_an_entry_before_the_last_one_is_refused_and_nothing_is_recorded(world: World) -> None:
    world.register("essays", ["By a person."])
    world.clock.advance(hours=-1)
    with pytest.raises(ConflictError, match="the clock says") as caught:
        world.register("more", ["By another."])
    assert "set the machine's clock" in str(caught.value.hint)
    with pytest.raises(ConflictError, match="the clock says"):
        world.claim("essays", Origin.AI)
    with pytest.raises(ConflictError, match="the clock says"):
        world.export({"sources": ["essays"]})
    assert world.log_size() == 2
    assert world.problems() == []
    assert not (world.folder / "snap").exists()
    world.clock.advance(hours=2)
    world.register("more", ["By another."])
    assert world.problems() == []


# What a leaf may not hold.

MARK: Final = "Zwetschge"
marked = st.text("abcdefghij ÄÖÜ-", min_size=1, max_size=12).map(lambda text: f"{MARK}{text}{MARK}")


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=marked, said=marked, number=st.integers(0, 10**9))
def test_leaves_hold_no_names_reasons_paths_or_texts(
    sqlite_world: World, text: str, said: str, number: int
) -> None:
    world, whole = sqlite_world, f"{MARK.lower()}/{MARK.lower()}-{secrets.token_hex(4)}"
    world.register(
        whole,
        [{"text": f"{text} {number}", "m": said, "l": MARK, "by": MARK}],
        folder=f"{MARK}{number}",
        file=f"{MARK}.jsonl",
        origin_field="by",
        origin_map={MARK: Origin.AI},
        generator_field="m",
        language_field="l",
        license=said,
        language=said,
        sources=(f"https://example.org/{MARK}",),
        claimed_by=said,
        acquired=Acquired(owner=said, crawler=said, personal_data=said, url_field=said),
    )
    world.claim(whole, Origin.ASSISTED, reason=said, generators=[said], claimed_by=said)
    world.claim(whole, Origin.MIXED, reason=said, where=[f"{text} {number}"], claimed_by=said)
    world.export(
        {"name": said, "sources": [{"dataset": whole, "where": {"license": [said]}}]},
        f"{MARK}-{secrets.token_hex(4)}",
    )
    with world.database.read() as session:
        for leaf in session.scalars(sa.select(LogEntry.leaf)):
            assert MARK.lower().encode() not in leaf.lower()
            assert said.encode() not in leaf
            words = set(orjson.loads(leaf)["facts"])
            assert words <= ADMITTED, words - ADMITTED


ADMITTED: Final = {
    *("bytes", "content_root", "distinct", "documents", "version", "words"),
    *("origin", "property", "certificate", "plan", "snapshot_root", "keyid", "role"),
    *("kind", "source_content_root"),
}


def test_equal_rows_have_unequal_digests(sqlite_world: World) -> None:
    for name in "ab":
        append_one(sqlite_world.database, name)
    with sqlite_world.database.read() as session:
        leaves = [orjson.loads(leaf) for leaf in session.scalars(sa.select(LogEntry.leaf))]
        salts = session.scalars(sa.select(LogSalt.salt)).all()
    assert len({row["digest"] for leaf in leaves for row in leaf["rows"]}) == 3
    assert len(set(salts)) == len(salts) == 3
    assert {len(salt) for salt in salts} == {32}


def test_a_leaf_beyond_the_limit_is_refused_and_nothing_is_recorded(world: World) -> None:
    def too_much(facts: dict[str, Any]) -> None:
        with world.database.write() as session:
            row = Namespace(name="n", visibility="private", created_at=START)
            session.add(row)
            now = START + dt.timedelta(days=1)
            ledger.append(session, EntryKind.CLAIM_ADDED, now=now, facts=facts, rows=[row])

    with pytest.raises(InvalidInputError, match="a log entry of 6"):
        too_much({"digest": "0" * MAX_LEAF})
    with world.database.read() as session:
        assert session.scalars(sa.select(Namespace)).all() == []
        assert session.get_one(LogState, 1).size == 1
    assert discrepancies(world) == []
