from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from registry.core.sketch import sketch
from registry.matching.runs import Hashed, shared
from registry.readers import text_buffers
from tests.matching.scanning import array, longest_common_run

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), max_size=60)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
def test_the_longest_shared_run_is_that_of_a_look_at_all_tokens(
    pairs: list[tuple[list[str], list[str]]],
) -> None:
    one = Hashed.of(array([" ".join(left) for left, _ in pairs]))
    two = Hashed.of(array([" ".join(right) for _, right in pairs]))
    every = np.arange(len(pairs))
    found = shared(one, two, every, every)
    for at, (left, right) in enumerate(pairs):
        longest = longest_common_run(left, right)
        # A text of six different words repeats itself so much that runs of 16 places are left out.
        assert found.run[at] <= longest
        if longest < 8:
            assert found.run[at] == found.covered[at] == 0
        else:
            assert found.run[at] >= 8
        run = left[found.token[at] : found.token[at] + found.run[at]]
        assert " ".join(run) in " ".join(right)


def test_runs_of_prose_are_exact_and_tokens_that_they_cover_are_counted_once() -> None:
    rng = random.Random(4)
    text = [f"w{rng.randrange(10**6)}" for _ in range(200)]
    page = ["x"] * 30 + text[10:40] + ["y"] * 5 + text[60:70] + ["z"] * 9 + text[30:45]
    found = shared(
        Hashed.of(array(["", " ".join(page)])),
        Hashed.of(array([" ".join(text)])),
        np.array([0, 1]),
        np.array([0, 0]),
    )
    assert found.run.tolist() == [0, 30]
    assert found.token.tolist() == [0, 30]
    # 10..44 once, although 30..39 stand there twice, and 60..69.
    assert found.covered.tolist() == [0, 35 + 10]


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_what_a_small_window_selects_has_all_that_a_larger_one_does(seed: int, window: int) -> None:
    rng = random.Random(seed)
    texts = [" ".join(f"w{rng.randrange(40)}" for _ in range(rng.randrange(120))) for _ in range(3)]
    data, offsets = text_buffers(array(texts))
    every, six, other = (sketch(data, offsets, window=it) for it in (1, 6, window))
    for row in range(len(texts)):
        chosen = set(other.passages[other.passage_rows == row].tolist())
        assert chosen <= set(every.passages[every.passage_rows == row].tolist())
        if window >= 6:
            assert chosen <= set(six.passages[six.passage_rows == row].tolist())
