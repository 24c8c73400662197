"""Normalisation: numbers brought to mean 0 and variance 1, vectors to length 1."""
