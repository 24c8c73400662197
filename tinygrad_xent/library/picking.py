"""Parts of arrays: diagonals, triangles, chosen places; and copies with some places changed."""
