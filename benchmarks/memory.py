"""Measure how much memory each command takes per document.

    python -m benchmarks.memory [--small 1000000] [--large 10000000] [--folder FOLDER]

Documents of some 20 bytes are made for the purpose: three in ten by a model, one in a hundred a
repetition, each with a date, one of them long, so that no column is narrower than in real data.
Every command runs in a process of its own, once with fewer documents and once with more; printed
are the peak resident memory of each (children included), and the slope between the two in bytes per
document. The bound: 400 MB and 120 bytes per document.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

BASE, PER_DOCUMENT = 400e6, 120

MAKE = """
import sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
path, begin, end, origin = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
schema = pa.schema([("text", pa.string()), ("origin", pa.string()), ("made", pa.timestamp("s"))])
with pq.ParquetWriter(path, schema) as writer:
    for at in range(begin, end, 1 << 18):
        ids = np.arange(at, min(at + (1 << 18), end))
        ids -= ids % 100 == 99
        texts = [f"the text of {one:09d}" + " x" * (one % 4) for one in ids.tolist()]
        if at == begin:
            texts[0] = f"{origin} {begin}" + " x" * 50_000
        labels = np.where(ids % 10 < 3, "ai", "human") if origin == "both" else [origin] * len(ids)
        made = pa.array(1_000_000_000 + ids, pa.timestamp("s"))
        columns = [pa.array(texts), pa.array(labels, pa.string()), made]
        writer.write_table(pa.table(columns, schema=schema))
"""


def peak(command: list[str], environment: dict[str, str]) -> float:
    """Return the peak resident memory of a command and its children, in bytes.

    Raises:
        SystemExit: The command failed.
    """
    pid = os.fork()
    if pid == 0:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a child about to exec
            os.dup2(nowhere.fileno(), 1)
        os.execve(command[0], command, environment)
    highest, done = 0.0, 0
    while not done:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if not done:
            highest = max(highest, _with_children(pid))
            time.sleep(0.02)
    if status:
        raise SystemExit(f"{command} failed with {status}")
    # The process itself knows its peak exactly; what is looked at now and then is the sum.
    return max(usage.ru_maxrss * 1024.0, highest)


def _with_children(pid: int) -> float:
    try:
        one = psutil.Process(pid)
        return float(sum(p.memory_info().rss for p in [one, *one.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return 0.0


def measure(documents: int, folder: Path) -> dict[str, float]:
    """Return the peak of every command for so many documents."""
    environment = {**os.environ, "FIRSTHAND_HOME": str(folder / "home"), "FIRSTHAND_ACTOR": "me"}
    firsthand = [sys.executable, "-m", "cli.main"]
    subprocess.run([*firsthand, "init"], env=environment, check=True, capture_output=True)
    human = documents * 7 // 10
    parts = {
        "one": (0, documents, "both"),
        "people": (documents, documents + human, "human"),
        "models": (documents + human, 2 * documents, "ai"),
        "small": (2 * documents, 2 * documents + 1000, "human"),
    }
    found: dict[str, float] = {}

    def run(name: str, *arguments: str) -> None:
        found[name] = peak([*firsthand, *arguments], environment)
        print(f"  {documents:>12,}  {name:<32}{found[name] / 1e6:>8.0f} MB", file=sys.stderr)

    for name, (begin, end, origin) in parts.items():
        data = str(folder / f"{name}.parquet")
        command = [sys.executable, "-c", MAKE, data, str(begin), str(end), origin]
        subprocess.run(command, check=True)
        labels = ["--origin-field", "origin", "--date-field", "published=made"]
        step = "register" if name == "one" else f"register {name}"
        run(step, "register", data, "--name", name, *labels)
    for name, sources in (("one", "[one]"), ("two", "[people, models]"), ("small", "[small]")):
        recipe = folder / f"{name}.yaml"
        recipe.write_text(f"sources: {sources}\nhuman: {{at_least: 0.8}}\n", "utf-8")
    key = ["--key", str(folder / "home" / "issuer.pub")]
    run("show", "show", "one")
    run("plan", "plan", str(folder / "one.yaml"))
    run("plan of two datasets", "plan", str(folder / "two.yaml"))
    run("plan of 1,000 documents", "plan", str(folder / "small.yaml"))
    for name in ("one", "two"):
        more = " of two datasets" if name == "two" else ""
        snap = str(folder / f"snap-{name}")
        run(f"export{more}", "export", str(folder / f"{name}.yaml"), "--out", snap)
        run(f"verify --level content{more}", "verify", snap, "--level", "content", *key)
    run("verify", "verify", str(folder / "snap-one"), *key)
    return found


def main() -> None:
    """Measure twice and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where to work; some 3 GB for ten million")
    options = parser.parse_args()
    peaks = []
    for documents in (options.small, options.large):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            peaks.append(measure(documents, Path(folder)))
    small, large = peaks
    more = options.large - options.small
    sizes = f"{options.small:>14,}{options.large:>14,}"
    print(f"{'peak memory, MB':<36}{sizes}{'bytes a document':>18}  within the bound")
    for name, high in large.items():
        low = small[name]
        kept = all(
            size <= BASE + PER_DOCUMENT * documents
            for size, documents in ((low, options.small), (high, options.large))
        )
        slope = (high - low) / more
        print(
            f"{name:<36}{low / 1e6:>14.0f}{high / 1e6:>14.0f}{slope:>18.0f}"
            f"  {'yes' if kept and slope <= PER_DOCUMENT else 'NO'}"
        )


if __name__ == "__main__":
    main()
