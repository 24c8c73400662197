"""PyTorch is the judge here. Where it is not installed these tests skip; in CI they must run.

Each test file begins with `torch = pytest.importorskip("torch")`.
"""

import os

if os.environ.get("CI"):
    import torch  # noqa: F401 -- in CI a missing judge is a failure, not a skip
