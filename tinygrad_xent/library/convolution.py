"""Convolution and pooling of signals and images."""
