"""Which documents of versions other versions have too: a matrix, computed pair by pair.

Every number of a pair is about the documents of these two versions alone, so that nothing else
in the catalogue changes it, and what was computed can be kept.
"""
