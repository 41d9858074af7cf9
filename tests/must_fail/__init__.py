"""Attacks on what `firsthand verify` promises: each is named, and each has one right answer."""
