"""Kill publishers of the log at every point, on any database, and look at what the next one does.

    python -m tests.log.kills URL FOLDER [--statements]

Nothing is restored between kills: the log only grows, and each kill meets what the one before left.
Prints one line of JSON: how many kills there were, and every complaint.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy.orm import configure_mappers

from registry import checkpoints, ledger
from registry.core.checkpoint import Checkpoint
from registry.core.note import NoteSigner
from registry.core.proof import check_consistency, consistency
from registry.db.session import Database
from registry.log_files import LogFolder
from tests.faults import KILLED, Tripwire, in_child
from tests.log.story import ORIGIN, append_many
from tests.world import SIGNER, START

MOST: Final = 400


def main(url: str, folder: Path, *, statements: bool) -> None:
    """Kill at one point after the other (with `statements` at all of them), until the command comes to its end."""
    log, state, copy = folder / "log", folder / "state", folder / "copy"
    acknowledged = folder / "acknowledged"
    acknowledged.write_text("")
    kills, complaints = 0, []

    def advance(database: Database) -> None:
        made = checkpoints.advance(
            database, log, NoteSigner(ORIGIN, SIGNER.key), state=state, now=START
        )
        with acknowledged.open("a") as file:
            file.write(f"{made.size} {made.root}\n")
        checkpoints.publish(database, log, copy)

    def work(what: Callable[[Database], None]) -> Callable[[], int]:
        def run() -> int:
            database = Database(url)
            try:
                what(database)
            finally:
                database.dispose()
            return 0

        return run

    def look(database: Database) -> None:
        """Nothing acknowledged is lost, and every copy goes on from everything before."""
        with database.read() as session:
            found = [str(item) for item in ledger.discrepancies(session)]
            found += checkpoints.problems(session, log, origin=ORIGIN, state=state)
        for place in (log, copy):
            reader = LogFolder(place)
            head = Checkpoint.parse(reader.note().text)
            hashes = reader.hashes(head.size)
            if hashes.root() != head.root:
                found.append(f"{place} is torn")
            for line in acknowledged.read_text().splitlines():
                size, root = line.split()
                path = consistency(hashes, int(size), head.size)
                check_consistency(int(size), head.size, bytes.fromhex(root), head.root, path)
        if found:
            raise AssertionError(found)

    output = folder / "output"
    # Between a point after an operation and the one before the next, nothing is written.
    for point in range(0, MOST, 1 if statements else 2):

        def grow(database: Database, point: int = point) -> None:
            append_many(database, 1, start=point)

        def dying(point: int = point) -> int:
            Tripwire(point).install(statements=statements)
            return work(advance)()

        in_child(work(grow), output)
        code = in_child(dying, output)
        if code not in (KILLED, 0):
            complaints.append(f"point {point}: {code}: {output.read_text()}")
        kills += code == KILLED
        for what in (advance, look):
            if in_child(work(what), output) != 0:
                complaints.append(f"after point {point}: {output.read_text()}")
        if code == 0:
            break
    json.dump({"kills": kills, "complaints": complaints}, sys.stdout)


if __name__ == "__main__":
    configure_mappers()
    main(sys.argv[1], Path(sys.argv[2]).resolve(), statements="--statements" in sys.argv)
