"""Products summed over axes that are named or placed."""
