"""Reading ahead: decoding the next batches while the last one is worked on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def read_ahead(items: Iterable[T], depth: int = 2) -> Generator[T, None, None]:
    """Yield the same items in the same order, made by another thread up to `depth` ahead.

    The thread starts with the first item asked for, and has ended when this generator has: at
    the last item, at an error, or when it is closed early. A generator given as `items` is then
    closed too, in that thread. An error of `items` is raised here, after the items before it.

    Args:
        items: What to read; nothing else may iterate over it meanwhile.
        depth: How many items may wait, at least 1; one more is in the making.
    """
    if depth < 1:
        raise ValueError("depth must be at least 1")
    return _taken(_Shelf(depth), items)


def _taken(shelf: _Shelf[T], items: Iterable[T]) -> Generator[T, None, None]:
    # A daemon, so that a generator nobody closes does not keep the process from ending.
    thread = threading.Thread(target=shelf.fill, args=(items,), name="read-ahead", daemon=True)
    thread.start()
    try:
        yield from shelf.take()
    finally:
        shelf.stop()
        thread.join()


class _Shelf(Generic[T]):
    """A bounded queue between two threads that either side can end."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._done = False
        self._error: BaseException | None = None

    def fill(self, items: Iterable[T]) -> None:
        """Put every item on the shelf, until there are none or nobody wants them."""
        error: BaseException | None = None
        iterator = iter(items)
        try:
            while not self._is_stopped():
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                self._put(item)
                del item
        except BaseException as caught:  # noqa: BLE001 - raised again by the consumer
            error = caught
        finally:
            close = getattr(iterator, "close", None)
            try:
                if close is not None:
                    close()
            except BaseException as caught:  # noqa: BLE001 - raised again by the consumer
                error = error or caught
            with self._changed:
                self._error = error
                self._done = True
                self._changed.notify_all()

    def take(self) -> Iterator[T]:
        """Yield the items, then raise the error if there was one."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._done)
                if not self._items:
                    if self._error is not None:
                        raise self._error
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item

    def stop(self) -> None:
        """Say that no more items are wanted."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    def _is_stopped(self) -> bool:
        with self._changed:
            return self._stopped

    def _put(self, item: T) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._items) < self._depth)
            if not self._stopped:
                self._items.append(item)
                self._changed.notify_all()
