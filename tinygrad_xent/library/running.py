"""What goes along an axis step by step: products, running sums, differences."""
