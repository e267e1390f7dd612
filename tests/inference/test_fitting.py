from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hepatica.errors import NotFoundError
from hepatica.inference.fitting import fit_petab, profile_petab

from .conftest import Writer


@pytest.fixture
def toy(written: Writer) -> Path:
    parameters = (
        "parameterId parameterScale lowerBound upperBound nominalValue estimate\n"
        "k1 log10 1e-3 1e3 0.8 1\nk2 log 1e-3 1e3 0.6 1\nsd lin 0 10 0.3 0\n"
    )
    return written(parameters=parameters)


def test_profiles_lie_beside_their_fit_and_go_on(toy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(NotFoundError, match=r"holds no fit\.nc; fit the problem first"):
        profile_petab(toy, out)
    fit_petab(toy, out, starts=4)

    def stopping(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        profile_petab(toy, out, progress=stopping)
    assert not (out / "profiles.nc").exists()
    made = profile_petab(toy, out, parameters=["k1"])
    with xr.open_dataset(out / "profiles.nc", engine="h5netcdf") as read:
        np.testing.assert_array_equal(read["value"], made["value"])
    assert made["parameter"].values.tolist() == ["k1"]
    assert sorted(p.name for p in out.iterdir()) == ["fit.json", "fit.nc", "journal", "profiles.nc"]
