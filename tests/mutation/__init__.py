"""Damage to everything that is verified: none of it may be believed, none may surprise us."""
