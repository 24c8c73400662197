"""Axes rearranged, and arrays with more or fewer of them."""
