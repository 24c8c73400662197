"""Activation functions of neural networks, of single numbers."""
