"""Write what a plan draws as Parquet files with a signed certificate and a proof from the log."""

from __future__ import annotations

from registry.export.proving import PROOF, Log
from registry.export.recording import Superseded
from registry.export.run import MAX_INPUTS, Exported, snapshot
from registry.export.writing import Clock

__all__ = ["MAX_INPUTS", "PROOF", "Clock", "Exported", "Log", "Superseded", "snapshot"]
