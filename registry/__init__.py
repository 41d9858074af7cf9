"""Firsthand: where training text comes from, and certificates that say so."""

__version__ = "0.1.0"
