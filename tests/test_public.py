import subprocess
import sys
from pathlib import Path

import pytest

import hepatica


def test_public_names_are_sorted_exist_and_are_documented() -> None:
    assert hepatica.__all__ == sorted(hepatica.__all__)
    assert dir(hepatica) == hepatica.__all__
    for name in hepatica.__all__:
        assert name == "__version__" or getattr(hepatica, name).__doc__, name


def test_no_public_name_is_also_a_module() -> None:
    folder = Path(hepatica.__file__).parent
    modules = {p.stem for p in folder.iterdir() if p.suffix == ".py" or p.is_dir()}
    assert modules & set(hepatica.__all__) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulte'"):
        hepatica.simulte  # noqa: B018


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = "import hepatica, sys; print([m for m in ('numba', 'pandas', 'xarray', 'matplotlib', 'libsbml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
