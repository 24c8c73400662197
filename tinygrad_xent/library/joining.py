"""Arrays put together, cut into parts, repeated and padded."""
