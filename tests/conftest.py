"""Every run of the properties sees the same examples; a new one is found by changing the tests, not by chance in CI."""

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
