"""Intake: files become a document table, on all cores, and not twice.

The data flow, in an order without circles:

1. `units` cuts the files into units of bounded size;
2. `part` reads one unit: each document is hashed, counted and sketched, its rows become one file
   of the document table, beside it go its sketches and sorted runs for the index, and what was
   seen is summed up in `gathered`;
3. `pool` lets other processes (`worker`) do the same beside this one;
4. `journal` notes each finished part, so that an interrupted run continues;
5. `earlier` takes rows from a table that is there already, for files that have not changed;
6. `run` does all of it and folds the parts, in order, into what identifies the content.

Nothing here knows the catalogue.
"""
