"""What holds for every test.

Every run of the properties sees the same examples; a new one is found by changing the tests, not by chance in CI. Models
are read and compiled in this process, where coverage sees it; the tests of the sandbox and of hostile files switch it on.
"""

import os
import sys

import pytest
from hypothesis import settings

from hepatica import cli

os.environ.setdefault("HEPATICA_SANDBOX", "off")

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command and give its exit code and what it wrote."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hepatica", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        written = capsys.readouterr()
        return caught.value.code or 0, written.out, written.err

    return run
