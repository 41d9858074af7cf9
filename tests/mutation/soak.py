"""Damage everything that is verified, many times: `python -m tests.mutation.soak --count 100000`.

Prints what each target was tried with, what it accepted (nothing may be), what raised an exception
that no verifier should raise (nothing may), and the peak of memory. Exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.mutation.targets import Score, Target, targets

MOST_MEMORY: Final = 256
"""MiB."""
_SLOW: Final = {"shard, content": 10}
"""How many times as costly a target is: it is damaged so many times less often."""


def attack(found: list[Target], count: int, seed: int) -> dict[str, Score]:
    """Damage the targets so many times in all, and return what came of it."""
    shares = {target.name: 1 / _SLOW.get(target.name, 1) for target in found}
    whole = sum(shares.values())
    scores = {}
    for target in found:
        rng = random.Random(f"{seed} {target.name}")
        scores[target.name] = score = Score()
        for _ in range(-int(-count * shares[target.name] // whole)):
            score.attack(target, rng)
    return scores


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(description="Damage everything that is verified.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        scores = attack(targets(Path(folder)), asked.count, asked.seed)
    print(f"{'target':<30} {'tried':>8} {'accepted':>8} {'untyped':>8}  refused because of")
    for name, score in scores.items():
        reasons = sorted(score.reasons.items(), key=lambda item: -item[1])
        said = " ".join(f"{reason}:{count}" for reason, count in reasons)
        print(
            f"{name:<30} {score.tried:>8,} {len(score.accepted):>8} {len(score.untyped):>8}  {said}"
        )
        for error in score.untyped[:3]:
            print(f"    {type(error).__name__}: {error}")
        for data in score.accepted[:3]:
            print(f"    accepted: {data[:200]!r}")
    tried = sum(score.tried for score in scores.values())
    accepted = sum(len(score.accepted) for score in scores.values())
    untyped = sum(len(score.untyped) for score in scores.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{tried:,} mutations, {accepted} accepted, {untyped} untyped exceptions, "
        f"peak {peak} MiB, {time.monotonic() - started:.0f} s, seed {asked.seed}"
    )
    return 1 if accepted or untyped or peak > MOST_MEMORY else 0


if __name__ == "__main__":
    sys.exit(main())
