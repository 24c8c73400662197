"""Jupyter and sphinx-gallery are the judges here.

Where one is not installed its tests skip and say which; in CI they must run.
"""

import os

if os.environ.get("CI"):
    import ipykernel  # noqa: F401 -- in CI a missing judge is a failure, not a skip
    import nbclient  # noqa: F401
    import sphinx_gallery  # noqa: F401
