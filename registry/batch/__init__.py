"""Whole versions against themselves or one another: SQL over Parquet, stage by stage.

`run.find` takes versions and gives pairs of documents that are alike, and clusters of them, as
Parquet files. Nothing is written to the catalogue, and texts are never shuffled.
"""

from registry.batch.run import Asked, Compared, Found, find, pairs, texts
from registry.batch.sources import ROW_BITS, Source

__all__ = ["ROW_BITS", "Asked", "Compared", "Found", "Source", "find", "pairs", "texts"]
