"""How fast words are counted, next to SHA-256 of the same texts and to `str.split`.

Run from the repository: `python -m benchmarks.words [folder …]`. A folder's files, read as plain
text, become documents of about 2 kB; without a folder only made-up text is counted. Ratios are of
CPU time, the best of several interleaved rounds in one process: below 1 means that `words.count`
takes less than the other.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from registry.core import words

TARGET_BYTES = 8_000_000
ROUNDS = 9
MADE_UP = {
    "English, ASCII": "The quick brown fox - it's 7 years old - jumps over the dog's back. ",
    "English, curly": "The “quick” brown fox – it’s 7 years old – jumps over the dog’s back. ",
    "German": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. ",
    "Russian": "Съешь же ещё этих мягких французских булок, да выпей чаю. ",
    "Arabic": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق، وقد وهبوا عقلا وضميرا. ",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है। ",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳とについて平等である。",
    "emoji": "Good work 👍🏽 see you later 😀 bye. ",
}


def documents(folder: Path) -> list[str]:
    """Return the text of a folder's files, cut into documents of about 2 kB."""

    def pieces() -> Iterator[str]:
        left = TARGET_BYTES
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or left <= 0:
                continue
            text = path.read_bytes()[:left].decode("utf-8", "ignore")
            if "\0" in text:
                continue
            left -= len(text)
            yield from (text[start : start + 2000] for start in range(0, len(text), 2000))

    return list(pieces())


def measure(name: str, texts: list[str]) -> None:
    encoded = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    rivals: list[Callable[[], object]] = [
        lambda: words.count(data, offsets),
        lambda: [hashlib.sha256(text).digest() for text in encoded],
        lambda: [len(text.split()) for text in texts],
    ]
    best = [float("inf")] * len(rivals)
    for _ in range(ROUNDS):
        for index, work in enumerate(rivals):
            begun = time.process_time_ns()
            work()
            best[index] = min(best[index], time.process_time_ns() - begun)
    ours, sha256, split = best
    print(
        f"{name:24} {len(texts):>8,} {len(data) / len(texts):>8,.0f} "
        f"{len(data) / ours * 1000:>8,.0f} {ours / sha256:>10.2f} {ours / split:>10.3f}"
    )


def main() -> None:
    words.count(np.frombuffer("é".encode(), dtype=np.uint8), np.array([0, 2]))
    print(f"{'text':24} {'docs':>8} {'bytes':>8} {'MB/s':>8} {'x sha256':>10} {'x split':>10}")
    for name, sentence in MADE_UP.items():
        for size in (100, 2_000):
            text = sentence * max(1, round(size / len(sentence.encode())))
            measure(name, [text] * (TARGET_BYTES // len(text.encode())))
    measure("one document", [MADE_UP["English, curly"] * 200_000])
    for folder in map(Path, sys.argv[1:]):
        measure(folder.name, documents(folder))


if __name__ == "__main__":
    main()
