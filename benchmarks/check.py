"""What `check` costs: as a ratio to decoding and sketching the same files, and as catalogues grow.

    python -m benchmarks.check /tmp/syn1m [--data FILES…] [--sizes 100000,1000000] [--work DIR]

Registers documents of `tools/make_synthetic.py` once for each size, and checks other files against
them: each in a process of its own, whose CPU time and peak of memory are printed. The ratio is to
a process that reads the same files, hashes each text and sketches it with passages.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path, help="a folder of part-*.parquet")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="what is checked")
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        _part(given.part, [str(it) for it in given.data])
        return
    with tempfile.TemporaryDirectory(dir=given.work, prefix="bench-check-") as folder:
        _run(given.documents, given.data, [int(it) for it in given.sizes.split(",")], Path(folder))


def _run(documents: Path, data: Sequence[Path], sizes: Sequence[int], folder: Path) -> None:
    parts = sorted(documents.glob("*.parquet"))
    for size in sizes:
        home, chosen = folder / f"home-{size}", _first(parts, size, folder / f"docs-{size}")
        _firsthand(home, "init")
        begin = time.monotonic()
        _firsthand(home, "register", *chosen, "--name", "docs", "--origin", "ai")
        print(f"{size:>9,} documents registered in {time.monotonic() - begin:.1f} s")
        for what in data or [folder / "unlike.parquet"]:
            if not what.exists():
                _unlike(parts[-1], what)
            floor = _measured("floor", [what])
            cost = _measured(f"check:{home}", [what])
            print(
                f"{size:>9,} documents, {what.name}: {floor['bytes'] / 1e6:.0f} MB of text · "
                f"floor {floor['cpu']:.2f} CPU s, {floor['rss']} MB · "
                f"check {cost['cpu']:.2f} CPU s "
                f"({cost['cpu'] / floor['cpu']:.2f} x), {cost['wall']:.2f} s, {cost['rss']} MB · "
                f"{cost['matches']:,} matches"
            )


def _first(parts: Sequence[Path], size: int, folder: Path) -> list[Path]:
    """Return files that have so many documents."""
    chosen, left = [], size
    folder.mkdir()
    for part in parts:
        rows = pq.read_metadata(part).num_rows
        if rows <= left:
            chosen.append(part)
        elif left:
            chosen.append(folder / part.name)
            pq.write_table(pq.read_table(part, columns=["id", "text"]).slice(0, left), chosen[-1])
        left = max(0, left - rows)
    return chosen


def _unlike(part: Path, out: Path) -> None:
    """Write texts that share nothing with others: their words stand in another order."""
    texts = pq.read_table(part, columns=["text"]).column("text").to_pylist()
    turned = [" ".join(reversed(str(text).split(" "))) for text in texts]
    import pyarrow as pa

    pq.write_table(pa.table({"text": turned * 2}), out, compression="zstd")


def _firsthand(home: Path, *words: object) -> None:
    program = "import sys; from cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "--home", str(home), *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _measured(part: str, data: Sequence[Path]) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.check",
        ".",
        "--part",
        part,
        "--data",
        *map(str, data),
    ]
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _part(part: str, data: Sequence[str]) -> None:
    """Do one of the things that are measured, after what every command loads was loaded."""
    import numpy as np

    from registry import documents, readers
    from registry.core.sketch import SketchParams, sketch
    from registry.core.source import ReadOptions

    sketch(np.zeros(1, np.uint8), np.array([0, 1]))
    begin, cpu, size, matches = time.monotonic(), time.process_time(), 0, 0
    if part == "floor":
        found = readers.discover(data, ReadOptions())
        for batch in readers.documents(found.files, ReadOptions()):
            texts = batch.column("text")
            documents.hash_texts(texts)
            values, offsets = readers.text_buffers(texts)
            sketch(values, offsets, params=SketchParams())
            size += int(offsets[-1] - offsets[0])
    else:
        matches = _checked(Path(part.partition(":")[2]), data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        json.dumps(
            {
                "cpu": time.process_time() - cpu,
                "wall": time.monotonic() - begin,
                "rss": peak,
                "bytes": size,
                "matches": matches,
            }
        )
    )


def _checked(home: Path, data: Sequence[str]) -> int:
    from registry import check
    from registry import home as homes
    from registry.blobs import Store
    from registry.core.caller import OPERATOR
    from registry.core.source import ReadOptions
    from registry.query.whereis.finder import Finder
    from registry.settings import Settings

    settings = Settings.load(home)
    database, store = homes.open_database(settings), Store(settings.storage)
    finder = Finder(store)
    with database.read() as session, finder.look(session, OPERATOR) as looking:
        against = check.selected(database, looking, ["all"], OPERATOR)
        report = check.check(check.from_paths(data, ReadOptions()), [against], check.Wanted())
    finder.close()
    database.dispose()
    return report.matches


if __name__ == "__main__":
    main()
