"""Kill runs at one point after another, each of which goes on from what the one before left.

    python -m tests.batch.killed FOLDER EVERY

A fresh process forks a child for each; it never uses the SQL engine itself, whose threads a fork
would lose. Prints one line of JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
from pathlib import Path

from registry.batch import Asked, find
from registry.batch.run import Progress
from registry.batch.stages import Workspace
from tests.batch.made import LIMITS, source, story


def texts() -> list[str]:
    """What is compared."""
    return story(random.Random(7), 60)


def asked(of: list[str]) -> Asked:
    """How it is compared."""
    return Asked([source(of)], limits=LIMITS, exact=True)


def child(what: Asked, work: Path, deadly: int | None, told: Path) -> int:
    """Run in a child that dies at a point; return what its end was."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    steps = itertools.count()

    def die(_: Progress) -> None:
        at = next(steps)
        told.write_text(str(at), "ascii")
        if at == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        with Workspace(work) as space:
            find(what, space, die)
        code = 0
    finally:
        os._exit(code)


def main(work: Path, every: int) -> None:
    """Count the points, then kill a run at every so many of them."""
    what, told = asked(texts()), work.with_name("told")
    assert child(what, work.with_name("counted"), None, told) == 0
    points = int(told.read_text("ascii")) + 1
    ends, left = [], 0
    for deadly in range(0, points, every):
        ends.append(child(what, work, deadly, told))
        left += any(path.name.startswith(".") for path in work.iterdir())
    assert all(end in (0, signal.SIGKILL) for end in ends), ends
    sys.stdout.write(
        json.dumps({"points": points, "killed": ends.count(signal.SIGKILL), "left": left})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
