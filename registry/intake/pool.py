"""Other processes that read units beside this one.

They are ordinary programs at the other end of a socket, not `multiprocessing` workers: those run
the main module of whoever uses this library a second time. Where a process cannot be given a
socket (Windows), there are none.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Self

from registry.errors import UnavailableError
from registry.intake.part import Asked, Step
from registry.intake.units import Unit

_PROGRAM = """
import sys
sys.path[:] = sys.argv[2:]
from registry.intake.worker import main
main(int(sys.argv[1]))
"""


def cores() -> int:
    """Return how many processes can work at the same time here."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection[Any, Any]
    unit: Unit | None = None


class Pool:
    """Some worker processes; leaving the block ends them, whatever they are at."""

    def __init__(self, workers: int, asked: Asked) -> None:
        """Start as many as are asked for, or as the system allows: there may be none."""
        self._workers: list[_Worker] = []
        if os.name != "posix":
            return
        with contextlib.suppress(OSError):
            for _ in range(workers):
                self._workers.append(_started())
        for worker in self._workers:
            with contextlib.suppress(BrokenPipeError):
                worker.connection.send(asked)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.connection.close()
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()

    @property
    def idle(self) -> bool:
        """Return whether some worker has nothing to do."""
        return any(worker.unit is None for worker in self._workers)

    @property
    def busy(self) -> bool:
        """Return whether some worker has something to do."""
        return any(worker.unit is not None for worker in self._workers)

    def give(self, unit: Unit) -> None:
        """Let an idle worker read a unit."""
        worker = next(worker for worker in self._workers if worker.unit is None)
        worker.unit = unit
        # One that has died meanwhile is noticed when it is listened to.
        with contextlib.suppress(BrokenPipeError):
            worker.connection.send(unit)

    def hear(self, seconds: float) -> Iterator[tuple[Unit, Any]]:
        """Give what workers say, waiting for the first of it: a `Step`, a `Part` or an error.

        Raises:
            UnavailableError: A worker has died.
        """
        by_connection = {worker.connection: worker for worker in self._workers if worker.unit}
        for ready in wait(list(by_connection), seconds) if by_connection else ():
            worker = by_connection[ready]  # type: ignore[index]
            unit = worker.unit
            try:
                number, said = worker.connection.recv()
            except (EOFError, OSError) as error:
                code = worker.process.wait()
                raise UnavailableError(
                    f"a process that read files ended unexpectedly (exit code {code})",
                    hint="was there too little memory? `--jobs 1` needs the least",
                ) from error
            if unit is None or number != unit.number:
                raise RuntimeError(f"a worker speaks of unit {number}")
            if not isinstance(said, Step):
                worker.unit = None
            yield unit, said


def _started() -> _Worker:
    ours, theirs = Pipe()
    try:
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), *_path()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
    except OSError:
        ours.close()
        raise
    return _Worker(process, ours)


def _path() -> list[str]:
    """Return where this process finds modules, so that the other one finds the same."""
    found = []
    for entry in sys.path:
        # What is relative to a folder that was removed is nowhere.
        with contextlib.suppress(FileNotFoundError):
            found.append(os.path.abspath(entry))
    return found
