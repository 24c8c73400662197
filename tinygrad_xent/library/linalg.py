"""Linear algebra of matrices and stacks of them: `tx.linalg`."""
