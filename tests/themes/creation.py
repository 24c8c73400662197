"""New tensors: of nothing, or of one number, so they have tests of their own."""

from tests.themes import apart

apart("tensor", "asarray", "zeros", "ones", "full", "zeros_like", "ones_like", "full_like")
apart("eye", "arange", "linspace", "rand", "randn")
