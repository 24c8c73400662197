"""Attention, and the tables that precede it."""
