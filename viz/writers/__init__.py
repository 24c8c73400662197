"""The formats that a drawing is saved in: one module for each, which registers its writer."""

from . import svg, png, pdf, dot, mermaid, tikz  # noqa: F401, I001 -- in the order of the lists of endings
