import importlib.util
from pathlib import Path

import pytest

from hepatica.evidence import Source
from hepatica.sbml import assemble

_SPEC = importlib.util.spec_from_file_location("toy", Path(__file__).with_name("toy.py"))
_TOY = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_TOY)


@pytest.fixture(scope="session")
def toy():
    return _TOY


@pytest.fixture(scope="session")
def sources():
    return (Source(key="assumption", reference="assumed"), Source(key="fritsche2021", reference="doi:10.1/x"))


@pytest.fixture(scope="session")
def model(sources):
    return assemble("toy", _TOY.MODULES, _TOY.ROWS, name="A toy", sources=sources)


@pytest.fixture
def isolated(monkeypatch):
    """Run the reader in its child process, as users have it."""
    monkeypatch.setenv("HEPATICA_SANDBOX", "on")
