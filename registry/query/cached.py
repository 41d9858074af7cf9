"""Things that a long-lived server keeps, the most recently used ones, up to a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Cached(Generic[_Key, _Value]):
    """Values by key; those not used for longest give way. Threads may share it.

    Args:
        most: How much the weights of all values may come to. One that weighs more is not kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._weight = 0

    @property
    def weight(self) -> int:
        """Return what the weights of all values come to."""
        return self._weight

    def get(self, key: _Key, make: Callable[[], tuple[_Value, int]]) -> _Value:
        """Return the value of a key, made if need be; `make` returns it with its weight.

        Two threads that need the same one at once both make it.
        """
        with self._lock:
            found = self._values.get(key)
            if found is not None:
                self._values.move_to_end(key)
                return found[0]
        value, weight = make()
        if weight <= self._most:
            with self._lock:
                self._drop(key)
                self._values[key] = value, weight
                self._weight += weight
                while self._weight > self._most:
                    self._drop(next(iter(self._values)))
        return value

    def forget(self, key: _Key) -> None:
        """Let go of a value."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        gone = self._values.pop(key, None)
        if gone is not None:
            self._weight -= gone[1]
