from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.query.whereis.shared import longest_run


def naive(one: list[str], two: list[str]) -> int:
    """The length of the longest run of words that two texts share."""
    best = 0
    lengths = [0] * (len(two) + 1)
    for word in one:
        lengths = [0, *(lengths[at] + 1 if word == other else 0 for at, other in enumerate(two))]
        best = max(best, *lengths)
    return best


words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=60)


@settings(max_examples=200, deadline=None)
@given(one=words, two=words)
def test_the_longest_run_is_that_of_every_pair_of_places(one: list[str], two: list[str]) -> None:
    found = longest_run(" ".join(one).encode(), " ".join(two).encode())
    expected = naive(one, two)
    if expected < 8:
        assert found is None
    else:
        assert found is not None
        assert found.tokens == expected
        assert " ".join(found.words.split()) in " ".join(one)


@pytest.mark.parametrize("seed", range(5))
def test_a_run_is_found_in_the_middle_of_long_texts(seed: int) -> None:
    rng = random.Random(seed)
    text = [f"w{rng.randrange(3000)}" for _ in range(20_000)]
    begin, size = rng.randrange(19_000), rng.randrange(8, 60)
    cut = text[begin : begin + size]
    question = [*(f"x{at}" for at in range(30)), *cut, *(f"y{at}" for at in range(30))]
    found = longest_run(" ".join(question).encode(), " ".join(text).encode())
    assert found is not None
    assert (found.tokens, found.words) == (size, " ".join(cut))


def test_case_and_what_is_between_words_do_not_matter_and_are_given_as_they_stand() -> None:
    text = "He said: “The QUICK brown fox — jumps over\nthe lazy, lazy dog!” And then he left."
    found = longest_run(b"the quick brown fox jumps over the lazy lazy dog", text.encode())
    assert found is not None
    assert found.tokens == 10
    assert found.words == "The QUICK brown fox — jumps over\nthe lazy, lazy dog"


def test_scripts_without_spaces_are_compared_by_character() -> None:
    found = longest_run("天地玄黃宇宙洪荒日月盈昃".encode(), "說:天地玄黃、宇宙洪荒。".encode())
    assert found is not None
    assert (found.tokens, found.words) == (8, "天地玄黃、宇宙洪荒")


@pytest.mark.parametrize("text", ["", "...", "one two three", "\u0301", "🙂 " * 20])
def test_texts_without_eight_words_share_nothing(text: str) -> None:
    assert longest_run(text.encode(), text.encode()) is None
