"""Kill the real command line wherever it touches the disk or the database, and look at the ruins.

    python -m tests.faults FOLDER SCENARIO [--statements] [--every] [--one-in N] [--list]

A fresh process imports everything once, and then forks: one child runs the command and counts the
points where it could die (before and after each fsync, rename, mkdir, removal, file opened for
writing, Parquet write and commit); then, for each of them, a child runs it and kills itself there
with SIGKILL, and another one looks at what is left, lets the next command recover, repeats the
command and looks again. The hooks are put in from here; the code that runs is what users run.

Prints one line of JSON: how many points there were, and every complaint.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.orm import configure_mappers

import cli.commands.claim
import cli.commands.db
import cli.commands.dedup
import cli.commands.init
import cli.commands.keep
import cli.commands.keys
import cli.commands.log
import cli.commands.plan
import cli.commands.protect
import cli.commands.register
import cli.commands.show
import cli.commands.verify  # noqa: F401 - so that a child has nothing left to import
from cli.main import main as firsthand
from registry import (  # noqa: F401
    assemble,
    checkpoints,
    dedup,
    export,
    home,
    intents,
    keep,
    lifecycle,
    protect,
    register,
    roles,
)
from registry.blobs import Store
from registry.core.attest import PublicKey, Signer
from registry.core.checkpoint import Checkpoint
from registry.core.sketch import SketchParams, band_keys
from registry.db import upgrade  # noqa: F401
from registry.db.session import Database, sqlite_url
from registry.errors import VerificationError
from registry.log_files import LogFolder
from registry.settings import ENV_STATE, HOME_NAME
from tests.brute import differences
from tests.sampling import sample

KILLED: Final = -signal.SIGKILL
BROKEN: Final = 99

LONG: Final = "A text that is long enough to have passages: words, and more words, and some more."
TEXTS: Final = ["A text by a person.", "Another one.", "", "Another one.", LONG]
MORE: Final = [*TEXTS, "Added in the second version."]
FOURTH: Final = ["What makes the index compact itself."]


@dataclass(frozen=True)
class Scenario:
    """A command, and the registry it meets.

    Attributes:
        before: Commands that made the registry.
        command: The command that is killed; `{sources}` stands for the folder of the files.
        dies_at: What was killed before that registry came to be as it is: a command, and the
            point where it died.
        again: The exit code of the same command when it was done before.
        repeats: Whether the command, when it was done before, leaves everything as it is.
    """

    command: str
    before: tuple[str, ...] = ()
    dies_at: tuple[str, str] | None = None
    again: int = 0
    repeats: bool = True


ONE: Final = "register {sources}/one.jsonl --name one --origin human"
EXPORT: Final = "export {sources}/recipe.yaml --out snap --threads 1"
CHECKPOINT: Final = "log checkpoint"
PUBLISH: Final = "log publish public"
SCENARIOS: Final = {
    "new-dataset": Scenario(ONE),
    "new-kept": Scenario(f"{ONE} --keep"),
    "second-version": Scenario("register {sources}/two.parquet --name one", (ONE,)),
    "kept-later": Scenario(f"{ONE} --keep", (ONE,)),
    "same-again": Scenario(ONE, (ONE,)),
    "added-claim": Scenario("register {sources}/one.jsonl --name one --origin ai", (ONE,)),
    "added-labels": Scenario(
        "register {sources}/labels.csv --name one --text-field text --origin-field by", (ONE,)
    ),
    "correction": Scenario(
        "claim one --origin ai --reason because --where {sources}/hashes.txt", (ONE,), again=1
    ),
    "keep": Scenario("keep one", (ONE,)),
    "after-a-killed-keep": Scenario("keep one", (ONE,), dies_at=("keep one", "before rename 1")),
    "protect": Scenario("protect one", (f"{ONE} --keep --published 2019",)),
    "release": Scenario(
        "protect one --release --reason because",
        (f"{ONE} --keep --published 2019", "protect one"),
        again=1,
    ),
    "evaluation": Scenario(f"{ONE} --role evaluation", (ONE,)),
    "export": Scenario(EXPORT, (ONE,)),
    "export-kept": Scenario(EXPORT, (f"{ONE} --keep",)),
    "rotate": Scenario("keys rotate", (ONE,), repeats=False),
    "rotate-log": Scenario("keys rotate --role log", (ONE, "keys rotate"), repeats=False),
    "revoke": Scenario(
        "keys revoke {keyid} --from 2020-01-01 --reason because", (ONE, "keys rotate"), again=1
    ),
    "dedup": Scenario(
        "dedup one labelled --name both --budget one=100% --budget labelled=100%",
        (ONE, "register {sources}/labels.csv --name labelled --text-field text --origin-field by"),
    ),
    "log-checkpoint": Scenario(CHECKPOINT, (ONE, CHECKPOINT, "keep one")),
    "log-publish": Scenario(PUBLISH, (ONE, PUBLISH, "keep one")),
    "compacts": Scenario(
        "register {sources}/four.jsonl --name four",
        tuple(f"register {{sources}}/two.parquet --name n{number}" for number in range(3)),
    ),
    "after-a-killed-register": Scenario(
        "register {sources}/two.parquet --name one",
        (ONE,),
        dies_at=("register {sources}/two.parquet --name two --keep", "after rename 2"),
    ),
    "after-a-killed-export": Scenario(
        "register {sources}/two.parquet --name one", (ONE,), dies_at=(EXPORT, "before rename 1")
    ),
}


def write_sources(folder: Path) -> int:
    """Write the files that the commands of the scenarios read."""
    folder.mkdir()
    (folder / "one.jsonl").write_bytes(
        b"".join(orjson.dumps({"text": text}) + b"\n" for text in TEXTS)
    )
    (folder / "four.jsonl").write_bytes(
        b"".join(orjson.dumps({"text": text}) + b"\n" for text in [*FOURTH, LONG])
    )
    (folder / "labels.csv").write_text(
        "text,by\n" + "".join(f'"{text}",{"ai" if text else "human"}\n' for text in TEXTS), "utf-8"
    )
    pq.write_table(pa.table({"text": MORE}), folder / "two.parquet")
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in TEXTS[:1]]
    (folder / "hashes.txt").write_text("\n".join(digests) + "\n", "ascii")
    (folder / "recipe.yaml").write_text("sources: [one]\n", "ascii")
    for path in folder.iterdir():
        # A file that was just written to is recorded as such, which would make runs differ.
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return 0


# The hooks.


@dataclass
class Tripwire:
    """Counts the points a process passes, and kills it at one of them.

    Attributes:
        deadly: Which point is the last one, from 0; None to pass all.
        passed: The points so far, by name.
    """

    deadly: int | None = None
    passed: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def point(self, name: str) -> None:
        """Pass a point, or die."""
        if len(self.passed) == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed.append(name)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function with a point before and one after it."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._numbers[name] = number = self._numbers.get(name, 0) + 1
            self.point(f"before {name} {number}")
            result = call(*args, **kwargs)
            self.point(f"after {name} {number}")
            return result

        return wrapped

    def install(self, *, statements: bool) -> None:
        """Put the points into the libraries that the code writes with; there is no way back."""
        places: list[tuple[Any, str]] = [
            (os, "fsync"),
            (os, "rename"),
            (os, "replace"),
            (os, "mkdir"),
            (os, "unlink"),
            (os, "rmdir"),
            (os, "write"),
            (shutil, "rmtree"),
            (Path, "write_bytes"),
            (Path, "write_text"),
            (pq.ParquetWriter, "__init__"),
            (pq.ParquetWriter, "write_table"),
            (pq.ParquetWriter, "close"),
            (DefaultDialect, "do_commit"),
        ]
        for owner, name in places:
            setattr(owner, name, self.around(name.strip("_"), getattr(owner, name)))
        os.open = self._opening(os.open)
        if statements:
            event.listen(sa.Engine, "before_cursor_execute", self._statement)

    def _opening(self, call: Callable[..., int]) -> Callable[..., int]:
        """Return `os.open` with points around it where a file is made."""
        wrapped = self.around("open", call)

        def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            made = flags & os.O_CREAT
            return int((wrapped if made else call)(path, flags, *args, **kwargs))

        return opened

    def _statement(self, _c: Any, _u: Any, statement: str, *_: Any) -> None:
        word = statement.split(None, 1)[0].lower()
        self._numbers[word] = self._numbers.get(word, 0) + 1
        self.point(f"before {word} {self._numbers[word]}")


# Children.


def in_child(work: Callable[[], int], output: Path) -> int:
    """Run something in a forked child and return its exit code, negative if a signal ended it."""
    pid = os.fork()
    if pid == 0:
        code = BROKEN
        try:
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            code = work()
        except BaseException:  # noqa: BLE001 - nothing may escape into the parent's code
            traceback.print_exc()
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@dataclass(frozen=True)
class Place:
    """A folder with a registry in it, as a user's working folder would be."""

    folder: Path
    sources: Path

    def save(self) -> Path:
        """Put the folder aside, so that `restore` can bring it back."""
        saved = self.folder.with_name("saved")
        shutil.copytree(self.folder, saved)
        return saved

    def restore(self, saved: Path) -> None:
        """Bring a folder back under the same path, because the registry knows paths."""
        shutil.rmtree(self.folder)
        shutil.copytree(saved, self.folder)

    def arguments(self, command: str) -> list[str]:
        """Return a scenario's command as arguments."""
        key = self.folder / HOME_NAME / "issuer.pub"
        keyid = PublicKey.parse(key.read_bytes(), name="key").keyid if key.exists() else ""
        return [part.format(sources=self.sources, keyid=keyid) for part in command.split()]

    def run(self, command: str, wire: Tripwire | None = None, *, statements: bool = False) -> int:
        """Run a command to its end, here in this process."""
        os.chdir(self.folder)
        # Inside, so that it comes back with the rest: here nothing else is restored.
        os.environ[ENV_STATE] = str(self.folder / "state")
        if wire is not None:
            wire.install(statements=statements)
        return firsthand(self.arguments(command))

    def child(self, *commands: str) -> tuple[int, str]:
        """Run commands in a child and return the sum of their exit codes, and the output."""
        output = self.folder.with_suffix(".out")
        code = in_child(lambda: sum(self.run(command) for command in commands), output)
        return code, output.read_text("utf-8")

    def state(self) -> dict[str, Any]:
        """Return what the catalogue says, without what differs between equal runs.

        Asked with nothing but SQL and the standard library: what looks must not repair.
        """
        with contextlib.closing(sqlite3.connect(self.folder / HOME_NAME / "registry.db")) as base:
            return {name: base.execute(question).fetchall() for name, question in STATE.items()}

    def leftovers(self) -> list[str]:
        """Return what nobody owns, and what is owned and missing."""
        storage = self.folder / HOME_NAME / "storage"
        there = {
            f"{part.name}/{item.name}"
            for part in (storage.iterdir() if storage.is_dir() else [])
            # Stages of comparing are kept for a week, whoever made them.
            if part.name != "batch"
            for item in part.iterdir()
        }
        with contextlib.closing(sqlite3.connect(self.folder / HOME_NAME / "registry.db")) as base:
            owned = {name for (name,) in base.execute(OWNED)}
            found = [f"the intent {row}" for row in base.execute("SELECT kind, state FROM intents")]
        found += [f"{name} belongs to nothing" for name in sorted(there - owned)]
        found += [f"{name} is missing" for name in sorted(owned - there)]
        others = [item.name for item in self.folder.iterdir()]
        return found + [name for name in others if name not in IN_A_PLACE]

    def recover(self) -> None:
        """Do what the next command does first."""

        def work() -> int:
            database = Database(sqlite_url(self.folder / HOME_NAME / "registry.db"))
            try:
                store = Store(self.folder / HOME_NAME / "storage")
                intents.recover(database, store, now=dt.datetime.now(dt.UTC))
            finally:
                database.dispose()
            return 0

        output = self.folder.with_suffix(".out")
        if in_child(work, output) != 0:
            raise RuntimeError(output.read_text("utf-8"))

    def index(self) -> list[str]:
        """Return where the index does not say what a look at all documents says."""

        def work() -> int:
            database = Database(sqlite_url(self.folder / HOME_NAME / "registry.db"))
            store = Store(self.folder / HOME_NAME / "storage")
            try:
                with database.read() as session:
                    found = differences(session, store, [*MORE, *FOURTH])
            finally:
                database.dispose()
            sys.stdout.write("\n".join(found))
            return 1 if found else 0

        output = self.folder.with_suffix(".out")
        code = in_child(work, output)
        return [f"the index: {output.read_text('utf-8')}"] if code else []

    def logs(self) -> dict[str, bytes]:
        """Return the files of the log and of its published copy."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for folder in (self.folder / HOME_NAME / "log", self.folder / "public")
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }

    def torn(self) -> list[str]:
        """Return which log has a checkpoint without all that belongs to it."""
        found = []
        for folder in (self.folder / HOME_NAME / "log", self.folder / "public"):
            if (folder / "checkpoint").exists():
                try:
                    log = LogFolder(folder)
                    said = Checkpoint.parse(log.note().text)
                    whole = log.hashes(said.size).root() == said.root
                    entries = len(list(log.entries(0, said.size, said.size)))
                    found += [] if whole and entries == said.size else [f"{folder} is torn"]
                except VerificationError as error:
                    found.append(f"{folder}: {error}")
        return found

    def snapshot(self) -> str:
        """Say what is where the export goes: `absent`, `intact`, or what is wrong with it."""
        if not (self.folder / "snap").exists():
            return "absent"
        code, output = self.child(f"verify snap --key {HOME_NAME}/issuer.pub")
        return "intact" if code == 0 else output

    def wrong_keys(self) -> list[str]:
        """Return what is wrong with the keys after a command that finishes what was left.

        The newest key of each role must be the one in its file, the file to hand out must be its
        public half, and nothing may be lost: each key of the catalogue has its private half.
        """
        code, output = self.child("keys show")
        place = self.folder / HOME_NAME
        with contextlib.closing(sqlite3.connect(place / "registry.db")) as base:
            known = base.execute("SELECT role, keyid FROM signing_keys ORDER BY id").fetchall()
            (leaf,) = base.execute(
                "SELECT leaf FROM log_entries WHERE kind LIKE 'key.%' ORDER BY position DESC"
            ).fetchone()
        found = [output] if code else []
        private = {
            path.name: Signer.parse(path.read_bytes(), name=str(path)).public.keyid
            for path in (place / "keys").glob("*.key")
        }
        newest, ids = dict(known), {keyid for _, keyid in known}
        names = {"certificate": "issuer.key", "log": "log.key"}
        for role, keyid in newest.items():
            if private.get(names[role]) != keyid:
                found.append(f"{names[role]} is not the newest {role} key")
        if lost := ids - set(private.values()):
            found.append(f"private keys are lost: {lost}")
        handed = PublicKey.parse((place / "issuer.pub").read_bytes(), name="key").keyid
        if handed != newest["certificate"]:
            found.append("issuer.pub is another key")
        found += [
            f"{path.name} has not taken its place"
            for path in (place / "keys").glob("*.next")
            if path.stem in ids
        ]
        trust = hashlib.sha256((place / "trust.json").read_bytes()).hexdigest()
        if json.loads(leaf)["facts"]["trust"] != trust:
            found.append("trust.json is not the one that the log names")
        open_files = [p.name for p in (place / "keys").iterdir() if p.stat().st_mode & 0o077]
        return found + [f"{name} is open to others" for name in open_files]


IN_A_PLACE: Final = (HOME_NAME, "snap", "state", "public")
STATE: Final = {
    "keys": "SELECT role FROM signing_keys ORDER BY id",
    "revoked": "SELECT revoked_from, reason FROM key_revocations ORDER BY id",
    "log": "SELECT size FROM log_state",
    "entries": "SELECT position, kind FROM log_entries ORDER BY position",
    "versions": """
        SELECT d.name, v.number, v.content_root, v.documents
        FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id ORDER BY 1, 2""",
    "places": "SELECT version_id, kept, files, order_root, claims_root FROM locations ORDER BY id",
    "claims": """
        SELECT c.version_id, c.property, c.value, c.kind, s.digest
        FROM claims c LEFT JOIN selections s ON s.id = c.selection_id ORDER BY c.id""",
    "kept": "SELECT location_id, documents, bytes, digest FROM kept_texts ORDER BY id",
    "roles": "SELECT version_id, role, given, value FROM role_changes ORDER BY id",
    "snapshots": "SELECT snapshot_root FROM snapshots ORDER BY id",
    "deduplications": """
        SELECT version_id, rule, log_size, documents, exact, near, removals_digest
        FROM deduplications ORDER BY id""",
    "sketches": """
        SELECT location_id, scheme, "window", documents, sketched, digest
        FROM sketch_tables ORDER BY id""",
}
OWNED: Final = """
    SELECT 'documents/' || uid FROM locations
    UNION ALL SELECT 'vault/' || uid FROM locations WHERE kept
    UNION ALL SELECT 'vault/' || uid FROM kept_texts
    UNION ALL SELECT 'selections/' || digest FROM selections
    UNION ALL SELECT 'sketches/' || uid FROM sketch_tables t JOIN locations l ON l.id = location_id
    UNION ALL SELECT 'segments/' || substr(name, 1, 32) FROM segments
"""


@dataclass
class Report:
    """What a scenario showed.

    Attributes:
        points: The names of all points.
        kills: How many times the command was killed.
        complaints: What was wrong, with the point.
    """

    points: list[str]
    kills: int = 0
    complaints: list[str] = field(default_factory=list)


def prepare(folder: Path, scenario: Scenario) -> Place:
    """Make the registry that a scenario's command meets."""
    sources = folder / "sources"
    # In a child, like everything: a process that has started threads does not fork well.
    in_child(lambda: write_sources(sources), folder / "sources.out")
    place = Place(folder / "place", sources)
    place.folder.mkdir()
    for command in ("init --issuer Tests", *scenario.before):
        code, output = place.child(command)
        if code != 0:
            raise RuntimeError(f"{command}: {output}")
    if scenario.dies_at:
        command, name = scenario.dies_at
        saved = place.save()
        points = count(place, command, statements=False)
        place.restore(saved)
        shutil.rmtree(saved)
        code = die(place, command, points.index(name), statements=False)
        if code != KILLED:
            raise RuntimeError(f"{command} was not killed {name}")
    return place


def count(place: Place, command: str, *, statements: bool) -> list[str]:
    """Run a command with the hooks in and return the points it passed."""
    answer = place.folder.with_suffix(".points")
    output = place.folder.with_suffix(".out")

    def work() -> int:
        wire = Tripwire()
        code = place.run(command, wire, statements=statements)
        passed = list(wire.passed)
        answer.write_bytes(orjson.dumps(passed))
        return code

    code = in_child(work, output)
    if code != 0:
        raise RuntimeError(f"{command}: {output.read_text('utf-8')}")
    return list(orjson.loads(answer.read_bytes()))


def die(place: Place, command: str, deadly: int, *, statements: bool) -> int:
    """Run a command until it dies at a point, and return the exit code."""
    output = place.folder.with_suffix(".out")
    return in_child(lambda: place.run(command, Tripwire(deadly), statements=statements), output)


def examine(
    folder: Path,
    name: str,
    *,
    statements: bool = False,
    every: bool = False,
    one_in: int = 1,
    kill: bool = True,
) -> Report:
    """Kill a scenario's command at its points, and report.

    Args:
        folder: An empty folder.
        name: The scenario.
        statements: Also before every SQL statement.
        every: Also right after an operation, though nothing is written between that and the
            point before the next one.
        one_in: Of so many points of a kind one, and of every kind at least one.
        kill: Do it; otherwise only the points are counted.
    """
    scenario = SCENARIOS[name]
    place = prepare(folder, scenario)
    saved = place.save()
    old = place.state()
    points = count(place, scenario.command, statements=statements)
    new, intact, logs = place.state(), place.snapshot(), place.logs()
    report = Report(points)
    unasked = [*place.leftovers(), *place.index()]
    report.complaints += [f"without a kill: {item}" for item in unasked]
    last = len(points) - 1
    chosen = [
        (number, point)
        for number, point in enumerate(points if kill else ())
        if every or not point.startswith("after") or number == last
    ]
    for number, point in [chosen[at] for at in sample([name for _, name in chosen], one_in)]:
        report.kills += 1
        place.restore(saved)
        code = die(place, scenario.command, number, statements=statements)
        found = [] if code == KILLED else [f"ended with {code} instead of being killed"]
        found += look(place, scenario, old, new, intact)
        if scenario.command in (CHECKPOINT, PUBLISH) and place.logs() != logs:
            found.append("the published log is not that of an undisturbed run")
        report.complaints += [f"{point}: {item}" for item in found]
    return report


def look(
    place: Place, scenario: Scenario, old: dict[str, Any], new: dict[str, Any], intact: str
) -> list[str]:
    """Return what is wrong after a kill, after the recovery, and after the command's repetition."""
    found = []
    ruins = place.state()
    if ruins not in (old, new):
        found.append(f"the catalogue is neither old nor new: {ruins}")
    place.recover()
    done = ruins == new
    found += place.torn()
    if place.state() != ruins:
        found.append("recovering changed what the catalogue says")
    found += [f"after recovery: {item}" for item in [*place.leftovers(), *place.index()]]
    if scenario.command == EXPORT and place.snapshot() != (intact if done else "absent"):
        found.append(f"after recovery the snapshot is {place.snapshot()}, done: {done}")
    if scenario.command.startswith("keys "):
        found += [f"after recovery: {item}" for item in place.wrong_keys()]
    if done and not scenario.repeats:
        code, output = place.child(EXPORT, f"verify snap --key {HOME_NAME}/issuer.pub", "db check")
        return [*found, f"it cannot be used: {output}"] if code else found
    code, output = place.child(scenario.command, "log fsck")
    if code != (scenario.again if done else 0):
        found.append(f"repeated, then checked: {output}")
    if place.state() != new:
        found.append(f"repeating did not give the new state: {place.state()}")
    if place.snapshot() != intact:
        found.append(f"after repeating the snapshot is {place.snapshot()}")
    if scenario.command.startswith("keys "):
        found += [f"after repeating: {item}" for item in place.wrong_keys()]
    return found + [f"after repeating: {item}" for item in [*place.leftovers(), *place.index()]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Examine one scenario and print the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--statements", action="store_true")
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--one-in", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args(arguments)
    configure_mappers()
    band_keys(np.zeros((1, 128), np.uint32), SketchParams())  # loads the kernel
    report = examine(
        given.folder.resolve(),
        given.scenario,
        statements=given.statements,
        every=given.every,
        one_in=given.one_in,
        kill=not given.list,
    )
    json.dump(asdict(report), sys.stdout)


if __name__ == "__main__":
    main()
