"""A process that reads units for another one, until that one hangs up."""

from __future__ import annotations

import contextlib
import signal
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any, Final

import numpy as np
import pyarrow as pa

from registry.core import sketch
from registry.errors import RegistryError
from registry.intake.memory import keep_freed
from registry.intake.part import Asked, read
from registry.intake.units import Unit

SECONDS: Final = 0.2
"""How often a worker says how far it is, and so notices that nobody listens any more."""


class Crash(Exception):  # noqa: N818 - a defect of ours, which no one is to catch
    """What a worker did not expect, as text: not every exception can be sent."""


def main(handle: int) -> None:
    """Read what comes through a connection: how to read, then unit after unit.

    Sends back the number of the unit with each `Step`, and at last with its `Part`, or with what
    was raised.
    """
    # The terminal tells every process that it is interrupted; the other one decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # There is a process for each core already.
    pa.set_cpu_count(1)
    with contextlib.suppress(NotImplementedError):
        # It gives memory back sooner than others, and there may be many such processes.
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    keep_freed()
    # What started this process has things to load as well; meanwhile this one loads the kernel.
    sketch.sketch(np.empty(0, np.uint8), np.zeros(1, np.int64))
    with Connection(handle) as other:
        try:
            asked: Asked | None = None
            while True:
                said: Asked | Unit = other.recv()
                if isinstance(said, Asked):
                    asked = said
                elif asked is not None:
                    other.send((said.number, _outcome(other, said, asked)))
        except (EOFError, OSError):
            return


def _outcome(other: Connection[Any, Any], unit: Unit, asked: Asked) -> Any:
    """Read a unit and return its part, or what was raised."""
    said = time.monotonic()
    reading = read(unit, asked, ahead=False)
    try:
        while True:
            step = next(reading)
            if time.monotonic() - said > SECONDS:
                said = time.monotonic()
                other.send((unit.number, step))
    except StopIteration as end:
        return end.value
    except BrokenPipeError:
        raise
    except (RegistryError, OSError) as error:
        return error
    except Exception:  # noqa: BLE001 - raised again in the other process
        return Crash(traceback.format_exc())
    finally:
        reading.close()
