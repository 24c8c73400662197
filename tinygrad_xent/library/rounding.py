"""Rounding, remainders and what else jumps, of single numbers."""
