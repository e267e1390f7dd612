"""Third-party models with expected numbers: how each is run, compared and reported; used by the tests and by run.py."""

import os
from pathlib import Path

ROOT = Path(os.environ.get("HEPATICA_CONFORMANCE", Path(__file__).parents[4] / "shared" / "conformance"))
"""Where the collections lie; its README tells how each is compared."""
