import numpy as np
import pytest
import xarray as xr

from hepatica.analysis import identifiability, posterior_identifiability
from hepatica.errors import InputError


def profiles(
    paths: dict[str, tuple[list[float], list[float]]], others: dict[str, dict[str, list[float]]], known: np.ndarray,
    ends: dict[str, tuple[float, float]], why: tuple[str, str] = ("threshold", "threshold"), scale: str = "log10",
) -> xr.Dataset:  # fmt: skip
    """Profiles as the optimizer gives them; ``paths``: value and twice the rise; ``others``: what else moves."""
    names = list(paths)
    points = len(next(iter(paths.values()))[0])
    x = np.zeros((len(names), points, len(names)))
    for k, name in enumerate(names):
        x[k, :, k] = paths[name][0]
        for other, values in others.get(name, {}).items():
            x[k, :, names.index(other)] = values
    bounds = np.array([[np.nan, ends[n][0]] for n in names]), np.array([[np.nan, ends[n][1]] for n in names])
    data = {
        "value": (("parameter", "point"), np.array([paths[n][0] for n in names])),
        "objective": (("parameter", "point"), 0.5 * np.array([paths[n][1] for n in names])),
        "x": (("parameter", "point", "other"), x), "lower": (("parameter", "level"), bounds[0]),
        "upper": (("parameter", "level"), bounds[1]), "end": (("parameter", "side"), np.array([why] * len(names))),
        "optimum": ("other", np.zeros(len(names))), "information": (("other", "along"), known),
        "lower_bound": ("other", np.full(len(names), -2.0)), "upper_bound": ("other", np.full(len(names), 2.0)),
        "scale": ("other", [scale] * len(names)),
    }  # fmt: skip
    return xr.Dataset(
        data, coords={"parameter": names, "other": names, "along": names, "level": [0.68, 0.95], "side": ["down", "up"]}
    )


WAY = [-2.0, -1.0, 0.0, 1.0, 2.0]
FLAT = [0.0] * 5
STEEP = [5.0, 1.0, 0.0, 1.0, 5.0]
SQUARE = np.log(10.0) ** 2


def test_only_the_product() -> None:
    known = 1e4 * SQUARE * np.array([[1.0, 1.0], [1.0, 1.0]])
    falling = [-v for v in WAY]
    open_ = {"a": (np.nan, np.nan), "b": (np.nan, np.nan)}
    table = identifiability(
        profiles({"a": (WAY, FLAT), "b": (WAY, FLAT)}, {"a": {"b": falling}, "b": {"a": falling}}, known, open_)
    )
    assert table["kind"].tolist() == ["not determined"] * 2
    assert (
        table["words"][0]
        == "not determined by these data: anything from 0.01 to 100; only the product a*b is determined"
    )
    assert table["moves"][0] == "when it rises tenfold, b falls 10-fold"


def test_a_product_that_does_not_last_along_the_profiles_is_not_claimed() -> None:
    known = 1e4 * SQUARE * np.array([[1.0, 1.0], [1.0, 1.0]])
    open_ = {"a": (np.nan, np.nan), "b": (np.nan, np.nan)}
    bent = [0.0, 0.0, 0.0, -1.0, -2.0]
    table = identifiability(
        profiles({"a": (WAY, FLAT), "b": (WAY, FLAT)}, {"a": {"b": bent}, "b": {"a": bent}}, known, open_)
    )
    assert table["words"][0] == "not determined by these data: anything from 0.01 to 100"


@pytest.mark.parametrize(
    ("ends", "kind", "words"),
    [
        ((-0.1, 0.2), "determined", "determined within a factor 1.6 (95 %: 0.794 to 1.58)"),
        ((-1.5, 1.0), "hardly determined", "hardly determined: within a factor 32 (95 %: 0.0316 to 10)"),
        ((np.nan, -0.5), "bounded above", "only bounded from above: below 0.316 (95 %)"),
        ((1.0, np.nan), "bounded below", "only bounded from below: above 10 (95 %)"),
    ],
)
def test_each_kind_has_its_sentence(ends: tuple[float, float], kind: str, words: str) -> None:
    table = identifiability(profiles({"k": (WAY, STEEP)}, {}, np.eye(1), {"k": ends}))
    assert table.loc[0, "kind"] == kind
    assert table.loc[0, "words"] == words


def test_parameters_on_a_linear_scale_have_a_width() -> None:
    table = identifiability(profiles({"k": (WAY, STEEP)}, {}, np.eye(1), {"k": (-0.1, 0.2)}, scale="lin"))
    assert table.loc[0, "words"] == "determined within ± 0.2 (95 %: −0.1 to 0.2)"


def test_where_a_profile_failed_is_said() -> None:
    table = identifiability(
        profiles({"k": (WAY, FLAT)}, {}, np.eye(1), {"k": (np.nan, np.nan)}, why=("failed", "points"))
    )
    assert table.loc[0, "words"].endswith("; cannot be simulated below 0.01; was not followed above 100")


def test_the_data_that_a_parameter_is_known_by() -> None:
    made = profiles(
        {"a": (WAY, STEEP), "b": (WAY, STEEP)}, {}, np.diag([101.0, 100.0]), {"a": (-0.2, 0.2), "b": (-0.2, 0.2)}
    )
    parts = np.array([np.diag([100.0, 50.0]), np.diag([1.0, 50.0])])
    names = ["a", "b"]
    groups = xr.DataArray(
        parts, dims=("group", "other", "along"), coords={"group": ["blot", "array"], "other": names, "along": names}
    )
    table = identifiability(made, groups=groups)
    assert table["data"].tolist() == ["known mostly by blot", "known by all data together"]
    with pytest.raises(InputError, match=r"^the information of groups has other parameters"):
        identifiability(made, groups=groups.assign_coords(other=["a", "c"]))


def test_draws_of_a_posterior() -> None:
    random = np.random.default_rng(1)
    a = random.uniform(-2.0, 2.0, (2, 2000))
    table = {
        "a": a, "b": -a + 0.01 * random.normal(size=a.shape), "k": 0.05 * random.normal(size=a.shape),
        "c": random.uniform(-2.0, 2.0, a.shape), "low": random.uniform(-2.0, -1.0, a.shape),
        "beyond": 2.5 + 0.2 * random.normal(size=a.shape), "wiring": np.ones(a.shape),
    }  # fmt: skip
    dims = ("chain", "draw")
    posterior = xr.Dataset({n: (dims, v, {"scale": "lin" if n == "wiring" else "log10"}) for n, v in table.items()})
    prior = xr.Dataset({n: (dims, random.uniform(-2.0, 2.0, a.shape)) for n in table})
    found = posterior_identifiability(posterior, prior).set_index("parameter")
    assert found["kind"].to_dict() == {
        "a": "not determined",
        "b": "not determined",
        "c": "not determined",
        "k": "determined",
        "low": "bounded above",
        "beyond": "determined",
    }
    assert found.loc["a", "words"].endswith("only the product a*b is determined")
    assert "only" not in found.loc["low", "words"].removeprefix("only bounded")
    assert "only" not in found.loc["c", "words"]
    assert found.loc["a", "moves"] == "moves with b (correlation −1)"
    assert found.loc["k", "words"].startswith("determined within a factor 1.2")
    assert "; before the data 0.01" in found.loc["low", "words"]
    assert (found["data"] == "").all()


def test_the_data_that_draws_know_a_parameter_by() -> None:
    random = np.random.default_rng(1)
    dims = ("chain", "draw")
    posterior, prior = (
        xr.Dataset({n: (dims, w * random.normal(size=(2, 4000)), {"scale": "log"}) for n, w in widths.items()})
        for widths in ({"a": 0.1, "b": 0.1, "c": 1.0}, {"a": 1.0, "b": 1.0, "c": 1.0})
    )
    parts = np.array([np.diag([99.0, 50.0, 0.0]), np.diag([1.0, 50.0, 0.0])])
    names = ["a", "b", "c"]
    groups = xr.DataArray(
        parts, dims=("group", "other", "along"), coords={"group": ["blot", "array"], "other": names, "along": names}
    )
    found = posterior_identifiability(posterior, prior, groups=groups)
    assert found["data"].tolist() == ["known mostly by blot", "known by all data together", ""]
    with pytest.raises(InputError, match=r"lacks parameters of the draws, such as 'c'"):
        posterior_identifiability(
            posterior, prior, groups=groups.assign_coords(other=["a", "b", "d"], along=["a", "b", "d"])
        )
