"""Texts that are not registered, compared with documents that are: exact, near, and in passages.

A batch of texts is sketched and looked up at once (`scanner`): most keys are known to be nowhere
without a look (`sieve`). Documents that share a passage are compared with the texts of both sides
where those are at hand (`runs`). What is found are rows of numbers (`matches`): what is known of
the documents, and what follows from it, is said elsewhere.
"""

from __future__ import annotations

from registry.matching.matches import Kind, Matches
from registry.matching.scanner import Scanner
from registry.matching.targets import Reach, Target, Texts, reach

__all__ = ["Kind", "Matches", "Reach", "Scanner", "Target", "Texts", "reach"]
