from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.readers.ahead import read_ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "read-ahead"]


@given(st.lists(st.integers()), st.integers(1, 4))
def test_same_items_in_the_same_order(items: list[int], depth: int) -> None:
    assert list(read_ahead(items, depth)) == items
    assert not threads()


def test_no_thread_before_the_first_item() -> None:
    unread = read_ahead(range(3))
    assert not threads()
    assert next(unread) == 0
    unread.close()
    assert not threads()


def test_an_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("third")

    numbers = read_ahead(failing())
    assert [next(numbers), next(numbers)] == [1, 2]
    with pytest.raises(KeyError, match="third"):
        next(numbers)
    assert not threads()


def test_a_consumer_that_stops_early_closes_the_producer() -> None:
    closed_in: list[str] = []

    def endless() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed_in.append(threading.current_thread().name)

    numbers = read_ahead(endless())
    assert [next(numbers), next(numbers)] == [0, 1]
    numbers.close()
    assert closed_in == ["read-ahead"]
    assert not threads()


def test_a_failing_consumer_ends_the_thread() -> None:
    def consume() -> None:
        for item in read_ahead(iter(range(1000))):
            if item == 3:
                raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        consume()
    assert not threads()


def test_at_most_depth_items_and_one_more_are_made_ahead() -> None:
    made: list[int] = []
    third = threading.Event()

    def counting() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 3:
                third.set()
            yield number

    numbers = read_ahead(counting(), depth=2)
    next(numbers)
    # One is taken, two wait, and one is made but finds no place.
    assert third.wait(10)
    assert made == [0, 1, 2, 3]
    numbers.close()


def test_depth_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        read_ahead([], 0)
