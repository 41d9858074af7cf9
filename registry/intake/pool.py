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
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final, Self

from registry.errors import UnavailableError
from registry.intake.step import Step

if TYPE_CHECKING:
    # Whoever starts workers early has not loaded these yet.
    from registry.intake.part import Asked
    from registry.intake.units import Unit

PARALLEL_FROM: Final = 24 << 20
"""From how many bytes on disk other processes are worth starting: 24 MiB."""
_AHEAD = 2
"""How many units a worker has, so that it need not wait for the next one."""
_PROGRAM = """
import gc, sys
gc.set_threshold(50_000, 20, 100)
sys.path[:] = sys.argv[2:]
from registry.intake.worker import main
main(int(sys.argv[1]))
gc.freeze()
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
    units: deque[Unit] = field(default_factory=deque)


class Pool:
    """Some worker processes, at the service of one run after another.

    They may be started before there is work, to load what they need meanwhile. Leaving the block
    ends them, whatever they are at.
    """

    def __init__(self) -> None:
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, workers: int) -> None:
        """Have as many workers as asked for, or as the system allows: there may be none."""
        if os.name != "posix":
            return
        with contextlib.suppress(OSError):
            while len(self._workers) < workers:
                self._workers.append(_started())

    def stop(self) -> None:
        """End all workers, whatever they are at."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
        self._workers.clear()

    def employ(self, workers: int, asked: Asked) -> None:
        """Have no more workers than asked for, and tell them how to read."""
        for idle in self._workers[workers:]:
            idle.connection.close()
            idle.process.kill()
            idle.process.wait()
        del self._workers[workers:]
        self.start(workers)
        for worker in self._workers:
            # One that has died meanwhile is noticed when it is listened to.
            with contextlib.suppress(BrokenPipeError):
                worker.connection.send(asked)

    @property
    def hungry(self) -> bool:
        """Return whether some worker has less than one unit to read after the one it is at."""
        return any(len(worker.units) < _AHEAD for worker in self._workers)

    def give(self, unit: Unit) -> None:
        """Let the worker with the least to do read a unit."""
        worker = min(self._workers, key=lambda worker: len(worker.units))
        worker.units.append(unit)
        # One that has died meanwhile is noticed when it is listened to.
        with contextlib.suppress(BrokenPipeError):
            worker.connection.send(unit)

    def hear(self, seconds: float) -> Iterator[tuple[Unit, Any]]:
        """Give what workers say, waiting for the first of it: a `Step`, a `Part` or an error.

        Raises:
            UnavailableError: A worker has died.
        """
        by_connection = {worker.connection: worker for worker in self._workers if worker.units}
        for ready in wait(list(by_connection), seconds) if by_connection else ():
            worker = by_connection[ready]  # type: ignore[index]
            unit = worker.units[0]
            try:
                number, said = worker.connection.recv()
            except (EOFError, OSError) as error:
                code = worker.process.wait()
                raise UnavailableError(
                    f"a process that read files ended unexpectedly (exit code {code})",
                    hint="was there too little memory? `--jobs 1` needs the least",
                ) from error
            if number != unit.number:
                raise RuntimeError(f"a worker speaks of unit {number}")
            if not isinstance(said, Step):
                worker.units.popleft()
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
