"""How far long work is, on stderr: a line that renews itself for people, events for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeVar

import click

from cli.output import clean, count, plural, size

if TYPE_CHECKING:
    from registry.intake.run import Progress

_F = TypeVar("_F", bound=Callable[..., Any])
_WIPE: Final = "\r\x1b[K"
_LINES_EVERY: Final = 0.2
_EVENTS_EVERY: Final = 1.0


def progress_option(command: _F) -> _F:
    """Add `--progress` to a command, as the argument `progress`."""
    return click.option(
        "--progress",
        type=click.Choice(["auto", "none", "json"]),
        default="auto",
        show_default=True,
        envvar="FIRSTHAND_PROGRESS",
        help="How to tell how far it is, on stderr: a line where that is a terminal, nothing, or "
        "one JSON document per line.",
    )(command)


class StageProgress(Protocol):
    """How far work in stages is: what is being made, how much of it, and how much there is."""

    @property
    def stage(self) -> str: ...  # noqa: D102
    @property
    def done(self) -> int: ...  # noqa: D102
    @property
    def of(self) -> int: ...  # noqa: D102


class Watcher(Protocol):
    """Is told how far a registration is."""

    def source(self, name: str, number: int, of: int) -> None:
        """Hear which source is begun: its number, from 1, of how many."""

    def update(self, now: Progress) -> None:
        """Hear how far it is."""

    def end(self, outcome: str) -> None:
        """Hear that the source is done: what came of it."""


def watcher(mode: str) -> Watcher:
    """Return who listens, as `--progress` says."""
    stream = sys.stderr
    if mode == "json" and stream is not None:
        return _Events(stream)
    if mode == "auto" and stream is not None and stream.isatty():
        return _Line(stream)
    return _Nobody()


class _Nobody:
    def source(self, name: str, number: int, of: int) -> None:
        pass

    def update(self, now: Progress) -> None:
        pass

    def end(self, outcome: str) -> None:
        pass


class _Clock:
    """Knows how long a source takes, and when to speak next."""

    def __init__(self, every: float) -> None:
        self._every = every
        self.restart()

    def restart(self) -> None:
        self.begun = time.monotonic()
        self._spoken = self.begun

    def is_due(self) -> bool:
        now = time.monotonic()
        if now - self._spoken < self._every:
            return False
        self._spoken = now
        return True

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self.begun, 0.001)

    def left(self, now: Progress) -> float | None:
        """Return how many seconds it will go on at the present rate, or None if nobody knows."""
        read = now.read - now.reused
        return None if read <= 0 else (now.total - now.read) * self.seconds / read


class _Line:
    """Writes over one line of a terminal again and again."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._clock = _Clock(_LINES_EVERY)
        self._prefix = ""

    def source(self, name: str, number: int, of: int) -> None:
        self._clock.restart()
        self._prefix = f"{number}/{of} {clean(name, limit=40)} · " if of > 1 else ""

    def update(self, now: Progress) -> None:
        if not self._clock.is_due():
            return
        if now.phase == "indexing":
            self._write(f"{self._prefix}indexing {plural(now.documents, 'document')}")
            return
        rate = now.bytes / self._clock.seconds
        left = self._clock.left(now)
        self._write(
            f"{self._prefix}{count(now.files)}/{plural(now.total_files, 'file')} · "
            f"{plural(now.documents, 'document')} · {size(now.bytes)} · {size(int(rate))}/s"
            + (f" · {_duration(left)} left" if left is not None else "")
        )

    def end(self, outcome: str) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        self._stream.write(_WIPE + text)
        self._stream.flush()


class _Events:
    """Writes JSON lines, whose shape is `schemas/progress.json`."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._clock = _Clock(_EVENTS_EVERY)
        self._name = ""
        self._last: Progress | None = None

    def source(self, name: str, number: int, of: int) -> None:
        self._clock.restart()
        self._name, self._last = name, None
        self._write({"event": "begin", "dataset": name, "number": number, "of": of})

    def update(self, now: Progress) -> None:
        self._last = now
        if self._clock.is_due():
            self._progress(now)

    def end(self, outcome: str) -> None:
        if self._last is not None:
            self._progress(self._last)
        self._write({"event": "end", "dataset": self._name, "outcome": outcome})

    def _progress(self, now: Progress) -> None:
        left = self._clock.left(now)
        self._write(
            {
                "event": "progress",
                "dataset": self._name,
                "phase": str(now.phase),
                "documents": now.documents,
                "bytes": now.bytes,
                "files": now.files,
                "total_files": now.total_files,
                "read_bytes": now.read,
                "total_bytes": now.total,
                "reused_bytes": now.reused,
                "seconds": round(self._clock.seconds, 3),
                "seconds_left": None if left is None else round(left, 1),
            }
        )

    def _write(self, event: dict[str, Any]) -> None:
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


@contextmanager
def stages(mode: str) -> Iterator[Callable[[StageProgress], None]]:
    """Give a function that tells how far work in stages is, as `--progress` says.

    A line is wiped in the end, however it ends.
    """
    stream = sys.stderr
    if mode == "json" and stream is not None:
        yield _Stages(stream, _EVENTS_EVERY, _stage_event).update
    elif mode == "auto" and stream is not None and stream.isatty():
        try:
            yield _Stages(stream, _LINES_EVERY, _stage_line).update
        finally:
            stream.write(_WIPE)
            stream.flush()
    else:
        yield lambda now: None


class _Stages:
    """Tells of each stage when it begins, now and then, and when it is done."""

    def __init__(
        self,
        stream: IO[str],
        every: float,
        shown: Callable[[StageProgress, float, float | None], str],
    ) -> None:
        self._stream = stream
        self._clock = _Clock(every)
        self._shown = shown
        self._stage = ""

    def update(self, now: StageProgress) -> None:
        if now.stage != self._stage:
            self._stage = now.stage
            self._clock.restart()
        elif not self._clock.is_due() and not (now.of and now.done == now.of):
            return
        seconds = self._clock.seconds
        left = (now.of - now.done) * seconds / now.done if now.done and now.of else None
        self._stream.write(self._shown(now, seconds, left))
        self._stream.flush()


def _stage_line(now: StageProgress, _: float, left: float | None) -> str:
    much = f" {count(now.done)}" if now.done else ""
    of = f"/{count(now.of)}" if now.of else ""
    return f"{_WIPE}{now.stage}{much}{of}" + (
        f" · {_duration(left)} left" if left is not None else ""
    )


def _stage_event(now: StageProgress, seconds: float, left: float | None) -> str:
    event = {
        "event": "stage",
        "stage": now.stage,
        "done": now.done,
        "of": now.of,
        "seconds": round(seconds, 3),
        "seconds_left": None if left is None else round(left, 1),
    }
    return json.dumps(event) + "\n"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
