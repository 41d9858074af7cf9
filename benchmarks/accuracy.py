"""Hold estimated similarities and candidates of `sketch/v1` to the exact truth of real pairs.

    python -m benchmarks.accuracy CORPORA [--pairs 20000]

CORPORA are the shared corpora; their `truth/` lists pairs of documents whose shingles overlap. The
Jaccard similarity printed there is that of other shingles, so it is computed anew: exactly, over
the sets of shingles of `sketch/v1`, by the code of `docs/sketch-v1.md`. Of a list with more pairs a
random sample is taken, always the same.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.texts import documents
from registry.core import sketch

Floats = npt.NDArray[np.float64]
_PAGE: Final = Path(__file__).parents[1] / "docs" / "sketch-v1.md"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of documents of a corpus, measured."""

    listed: Floats
    """The similarity that the list says, of its own shingles."""
    exact: Floats
    """The similarity of their shingles under `sketch/v1`."""
    estimated: Floats
    candidates: npt.NDArray[np.bool_]
    """Whether they share a band key."""

    def where(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        """Return some of the pairs."""
        return Pairs(
            self.listed[chosen], self.exact[chosen], self.estimated[chosen], self.candidates[chosen]
        )

    @property
    def error(self) -> float:
        """The mean absolute error of the estimates."""
        return float(np.abs(self.estimated - self.exact).mean())

    @property
    def bias(self) -> float:
        """The mean error of the estimates, with its sign."""
        return float((self.estimated - self.exact).mean())

    @property
    def recall(self) -> float:
        """The share of the pairs that are candidates."""
        return float(self.candidates.mean())

    @property
    def promised(self) -> float:
        """What `SketchParams.recall` says of pairs as similar as these."""
        return float(np.mean([sketch.SketchParams().recall(each) for each in self.exact]))


def joined(several: Sequence[Pairs]) -> Pairs:
    """Return the pairs of several lists as one."""
    names = ("listed", "exact", "estimated", "candidates")
    return Pairs(*(np.concatenate([getattr(each, name) for each in several]) for name in names))


def lists(corpora: Path) -> list[Path]:
    """Return the lists of pairs."""
    return sorted((corpora / "truth").glob("*.jsonl.gz"))


def measure(path: Path, most: int) -> Pairs:
    """Measure the pairs of a list, or a sample of so many."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        listed: list[dict[str, Any]] = [json.loads(line) for line in file]
    if len(listed) > most:
        listed = random.Random(7).sample(listed, most)
    corpus = path.parent.parent / path.name.partition(".")[0]
    wanted = {pair[side] for pair in listed for side in ("a", "b")}
    texts = {name: text for name, text in documents(corpus) if name in wanted}
    rows = {name: row for row, name in enumerate(texts)}

    encoded = [text.encode() for text in texts.values()]
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    made = sketch.sketch(data, np.cumsum([0, *map(len, encoded)], dtype=np.int64))
    recipe: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", _PAGE.read_text("utf-8"), flags=re.DOTALL)
    exec(code, recipe)
    mapping = sketch.lower_case()
    sets = [set(recipe["hashes"](recipe["tokens"](text, mapping))) for text in texts.values()]

    one = np.array([rows[pair["a"]] for pair in listed])
    two = np.array([rows[pair["b"]] for pair in listed])
    common = [len(sets[a] & sets[b]) for a, b in zip(one, two, strict=True)]
    every = [len(sets[a] | sets[b]) for a, b in zip(one, two, strict=True)]
    return Pairs(
        listed=np.array([pair["jaccard"] for pair in listed]),
        exact=np.array(common) / np.maximum(every, 1),
        estimated=sketch.similarity(made.signatures[one], made.signatures[two]),
        candidates=(made.bands[one] == made.bands[two]).any(axis=1),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--pairs", type=int, default=20_000)
    options = parser.parse_args()
    print(
        f"{'list':<34}{'pairs':>8}{'error':>8}{'bias':>9}{'recall':>8}{'promised':>10}{'at .8':>15}"
    )
    several = {path.name: measure(path, options.pairs) for path in lists(options.corpora)}
    for name, pairs in [*several.items(), ("all", joined(list(several.values())))]:
        near = pairs.where(pairs.exact >= 0.8)
        found = f"{near.candidates.sum():,} of {len(near.exact):,}"
        print(
            f"{name.removesuffix('.jsonl.gz'):<34}{len(pairs.exact):>8,}{pairs.error:>8.4f}"
            f"{pairs.bias:>9.4f}{pairs.recall:>8.4f}{pairs.promised:>10.4f}{found:>18}"
        )
    history = several["peps_history.pairs.jsonl.gz"]
    listed = history.where(history.listed >= 0.8)
    print(
        f"peps_history: of {len(listed.exact):,} pairs with at least .8 by `str.split`, "
        f"{listed.candidates.sum():,} are found"
    )


if __name__ == "__main__":
    main()
