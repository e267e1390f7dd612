"""What holds for every test.

Every run of the properties sees the same examples; a new one is found by changing the tests, not by chance in CI. Models
are read and compiled in this process, where coverage sees it; the tests of the sandbox and of hostile files switch it on.
"""

import os

from hypothesis import settings

os.environ.setdefault("HEPATICA_SANDBOX", "off")

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
