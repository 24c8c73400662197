"""Exponentials and logarithms to other bases, roots, and the error function, of single numbers."""
