"""Write every case as a folder, for verifiers that are not ours.

    python -m tests.must_fail.materialize DIR

`DIR/must_fail/NAME/` and `DIR/must_pass/NAME/` have the files of a case and `case.json`:

    {"name": …, "attack": …, "why": …, "given": {"path": …, "key": …, …}, "expect": {"exit": …, "code": …}}

`given` has paths relative to the folder of the case, and `level` where one is asked for. What is
not in `given` is not given. `code` is that of the first failure, or null where nothing is refused.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.must_fail import world
from tests.must_fail.suite import MUST_FAIL, MUST_PASS


def materialize(folder: Path) -> list[Path]:
    """Write all cases into a folder; return the folders of the cases.

    Cases that need a time-stamp authority are left out where there is none.
    """
    made = []
    with tempfile.TemporaryDirectory() as temporary:
        good = world.build(Path(temporary))
        for kind, cases in (("must_fail", MUST_FAIL), ("must_pass", MUST_PASS)):
            for case in cases:
                if case.needs_tsa and not world.can_stamp():
                    continue
                place = folder / kind / case.name
                given = world.run(good, place, case)
                text = json.dumps(case.to_json(given), ensure_ascii=False, indent=2)
                (place / "case.json").write_text(text + "\n", encoding="utf-8")
                made.append(place)
    return made


def main(arguments: list[str]) -> int:
    """Be a program."""
    if len(arguments) != 1 or Path(arguments[0]).exists():
        sys.stdout.write("usage: python -m tests.must_fail.materialize DIR, which is not there\n")
        return 2
    sys.stdout.write(f"{len(materialize(Path(arguments[0])))} cases\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
