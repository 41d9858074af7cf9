"""The index: which documents have a content hash, a band key, a passage.

What registration writes (`parts`) is merged into sorted files (`merge`, `segment`) and looked up
(`reading`). All of them are files of checked blocks (`blocks`); `docs/index.md` has the format.
"""
