"""A module whose attribute a function reads."""

FACTOR = 2.0
