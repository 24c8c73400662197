"""New tensors: of one number, of ranges, of random numbers, of what is given."""
