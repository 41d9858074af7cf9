"""Texts of a version by a condition over its document table, such as `language = 'vi'`.

DuckDB evaluates the condition, in memory, over this one table: no files, no network, no other
table, no settings. A condition that says something else each time is refused: the list that it
gives is what counts, and somebody may want to make it again.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.source import ReadOptions
from registry.db.models import DatasetVersion, Location
from registry.errors import InvalidInputError, UnavailableError
from registry.lifecycle.selections import Chosen
from registry.query import catalogue

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SECONDS: Final = 60.0
"""How long a condition may take."""
MAX_LENGTH: Final = 10_000
_TABLE: Final = "documents"
_CONFIG: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": "2GB",
    "temp_directory": "",
    "threads": "2",
}
_CHANGING: Final = re.compile(
    r"random|setseed|uuid.*|gen_random_uuid|now|today|current_.*|get_current_.*|transaction_.*|"
    r"txid_current|nextval|currval|getvariable|version|pg_.*|has_.*_privilege|in_search_path|"
    r"sleep.*|write_log|parse_.*_log|getenv"
)
_KINDS: Final = {"SUBQUERY": "a query inside it", "WINDOW": "a window", "PARAMETER": "a parameter"}
_ONE: Final = "write one condition, such as `language = 'vi' AND words > 100`"


def by_condition(
    session: Session,
    store: Store,
    version: DatasetVersion,
    condition: str,
    *,
    seconds: float = SECONDS,
) -> Chosen:
    """Return the texts of a version whose document meets a condition.

    Of documents with one text, any that meets it brings the text along.

    Args:
        session: A reading session.
        store: The registry's storage.
        version: The version.
        condition: SQL that is true or false of a row.
        seconds: How long it may take.

    Raises:
        InvalidInputError: It is not one condition, names a column that the table does not have,
            asks for more than the table, or no document meets it.
        UnavailableError: It took too long.
        ConflictError: The document table is missing or was changed.
    """
    if len(condition) > MAX_LENGTH:
        raise InvalidInputError(f"the condition has more than {MAX_LENGTH:,} characters", hint=_ONE)
    if not condition.strip():
        raise InvalidInputError("the condition is empty", hint=_ONE)
    table = _table(store, catalogue.locations(session, version)[0])
    with _connection() as connection:
        _check(connection, condition)
        rows = _rows(connection, table, condition, seconds)
    if not len(rows):
        raise InvalidInputError(
            f"no document of `{catalogue.ref_of(version).short}` meets the condition",
            hint=f"its columns are {_listed(table)}",
        )
    found = documents.hashes_of(table.column("_hash"))[rows]
    return Chosen(np.unique(found), {"where_sql": condition})


def _connection() -> DuckDBPyConnection:
    import duckdb

    return duckdb.connect(":memory:", config=dict(_CONFIG))


def _check(connection: DuckDBPyConnection, condition: str) -> None:
    """Refuse what is not one condition over the one table.

    Raises:
        InvalidInputError: It is not.
    """
    asked = connection.execute("SELECT json_serialize_sql($1)", [_query(condition)]).fetchall()
    parsed: dict[str, Any] = json.loads(asked[0][0])
    if parsed["error"]:
        said = str(parsed.get("error_message", "it cannot be read")).strip().splitlines()[0]
        raise InvalidInputError(f"the condition cannot be read: {said}", hint=_ONE)
    nodes = [statement["node"] for statement in parsed["statements"]]
    node = nodes[0]
    if (
        len(nodes) != 1
        or node["type"] != "SELECT_NODE"
        or node["modifiers"]
        or node["cte_map"]["map"]
        or node["group_expressions"]
        or node["having"] is not None
        or node["qualify"] is not None
        or node["sample"] is not None
        or node["from_table"]["type"] != "BASE_TABLE"
        or node["from_table"]["sample"] is not None
    ):
        raise InvalidInputError("the text is more than one condition", hint=_ONE)
    for part in _parts(node["where_clause"]):
        kind = part.get("class")
        if kind in _KINDS:
            raise InvalidInputError(
                f"the condition has {_KINDS[kind]}",
                hint="it may only look at the columns of one document",
            )
        name = str(part.get("function_name", "")).lower()
        if kind == "FUNCTION" and _CHANGING.fullmatch(name):
            raise InvalidInputError(
                f"`{name}` does not depend on the document alone",
                hint="it may only look at the columns of one document",
            )


def _rows(
    connection: DuckDBPyConnection, table: pa.Table, condition: str, seconds: float
) -> np.ndarray[Any, np.dtype[np.int64]]:
    import duckdb

    connection.register(_TABLE, table.drop_columns(["_hash"]))
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    late = threading.Timer(seconds, connection.interrupt)
    late.start()
    try:
        found = connection.execute(_query(condition)).fetchnumpy()["row"]
    except duckdb.InterruptException as error:
        raise UnavailableError(
            f"the condition took longer than {seconds:g} seconds", hint="write a simpler one"
        ) from error
    except duckdb.BinderException as error:
        raise _not_bound(table, str(error)) from error
    except duckdb.Error as error:
        said = str(error).strip().splitlines()[0]
        raise InvalidInputError(
            f"the condition cannot be evaluated: {said}", hint=f"its columns are {_listed(table)}"
        ) from error
    finally:
        late.cancel()
    return np.sort(np.asarray(found, np.int64)) - 1


def _not_bound(table: pa.Table, said: str) -> InvalidInputError:
    wrong = re.search(r'Referenced (?:column|table) "([^"]+)"', said)
    problem = f"there is no column `{wrong[1]}`" if wrong else said.strip().splitlines()[0]
    return InvalidInputError(
        f"{problem} in the condition" if wrong else f"the condition cannot be evaluated: {problem}",
        hint=f"the columns are {_listed(table)}",
    )


def _query(condition: str) -> str:
    # The condition is looked at before this is run, and has a line of its own for its comments.
    return f'SELECT "row" FROM {_TABLE} WHERE (\n{condition}\n)'  # noqa: S608


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _parts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _parts(part)


def _listed(table: pa.Table) -> str:
    return ", ".join(f"`{name}`" for name in table.schema.names if name != "_hash")


def _table(store: Store, place: Location) -> pa.Table:
    """Return the document table as people ask about it: names of files and fields, times.

    Raises:
        ConflictError: It is missing or was changed.
    """
    raw = documents.load(store.documents(place.uid), digest=place.table_digest)
    files = pa.array([file["name"] for file in place.files], pa.string())
    columns: dict[str, Any] = {
        "row": pa.array(np.arange(1, raw.num_rows + 1)),
        "content_hash": pa.array(
            [bytes(it).ljust(32, b"\0").hex() for it in documents.hashes_of(raw["content_hash"])],
            pa.string(),
        ),
        "file": files.take(raw["file"]),
        "record": pc.add(raw["record"], 1),
    }
    fields = [path for path, _ in ReadOptions.from_json(place.options).split_fields]
    if fields:
        columns["field"] = pa.array(fields, pa.string()).take(raw["part"])
    for name in raw.schema.names:
        if name not in ("content_hash", "file", "record", "part"):
            columns[name] = raw[name]
    columns["_hash"] = raw["content_hash"]
    return pa.table(columns)
