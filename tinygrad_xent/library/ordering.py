"""Sorting, and where things stand: values carry their gradient, places have none."""
