"""Statistics along an axis: spread, quantiles, covariance, and reductions that leave nan out."""
