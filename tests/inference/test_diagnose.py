"""Each finding is provoked in draws that are otherwise fine."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from hepatica.inference import check_samples, choice_probabilities, describe_samples, diagnose, diagnostics

CHAINS, DRAWS = 4, 500


def tree(k: np.ndarray | None = None, *, choices: tuple[str, ...] = (), **stages: object) -> xr.DataTree:
    """Draws of k and a, and one stage for each chain."""
    random = np.random.default_rng(1)
    bounds = {"scale": "log10", "lower": 1e-4, "upper": 1e4}
    posterior = {
        "k": (("chain", "draw"), random.normal(size=(CHAINS, DRAWS)) if k is None else k, bounds),
        "a": (("chain", "draw"), random.normal(size=(CHAINS, DRAWS)), bounds),
    }
    given = {"beta": 1.0, "acceptance": 0.8, "failed": 0.0, "evaluations": 1000.0, **stages}
    evidence = np.broadcast_to(np.asarray(given.pop("log_evidence", -3.0), float), (CHAINS,))
    tempering = {n: (("chain", "stage"), np.full((CHAINS, 2), v, float)) for n, v in given.items()}
    groups = {
        "posterior": xr.Dataset(posterior), "prior": xr.Dataset(posterior),
        "tempering": xr.Dataset(tempering | {"log_evidence": ("chain", evidence)}, coords={"chain": range(CHAINS)}),
    }  # fmt: skip
    made = xr.DataTree.from_dict(groups)
    made.attrs["choices"] = list(choices)
    return made


def drawn(**given: float) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(CHAINS, DRAWS))


def test_good_draws_have_no_issues() -> None:
    assert diagnose(tree()) == []
    assert check_samples(tree()) == ()
    table = diagnostics(tree())
    assert float(table["rhat"].max()) < 1.01
    assert float(table["ess_bulk"].min()) > 1000.0
    lines = describe_samples(tree())
    assert lines[0].startswith("2,000 draws of 4 chains, 4,000 evaluations; largest R-hat 1.00")
    assert lines[1] == "log-evidence -3.00, by chain -3.00, -3.00, -3.00, -3.00"


def test_chains_that_disagree_block_a_report() -> None:
    apart = drawn() + np.array([0.0, 0.0, 0.0, 2.0])[:, None]
    reasons = check_samples(tree(apart))
    assert any(r.startswith("k: R-hat is 1.") and "the chains do not agree" in r for r in reasons)
    assert describe_samples(tree(apart))[0].startswith("BLOCKED: ")
    slightly = drawn() + np.array([0.0, 0.0, 0.0, 0.3])[:, None]
    assert check_samples(tree(slightly)) == ()
    assert any(i.severity == "warning" and "R-hat" in i.message for i in diagnose(tree(slightly)))


def test_few_effective_draws_block_a_report() -> None:
    slow = np.repeat(np.random.default_rng(3).normal(size=(CHAINS, DRAWS // 50)), 50, axis=1)
    assert any("effective draws" in r for r in check_samples(tree(slow)))


def test_draws_of_one_value_block_a_report() -> None:
    assert check_samples(tree(np.ones((CHAINS, DRAWS)))) == (
        "k: all draws have one value; draw more, or do not estimate it.",
    )


@pytest.mark.parametrize(("side", "sign"), [("lower", -1.0), ("upper", 1.0)])
def test_a_parameter_at_its_bound_is_named(side: str, sign: float) -> None:
    piled = np.where(np.random.default_rng(4).random((CHAINS, DRAWS)) < 0.4, sign * 3.99, drawn())
    assert [str(i) for i in diagnose(tree(piled))] == [
        f"k: {100 * (np.abs(piled) > 3.9).mean():.0f} % of the draws lie at its {side} bound; widen it, or say why it is there."
    ]


def test_what_went_wrong_on_the_way_is_said() -> None:
    assert any("did not come to the posterior" in r for r in check_samples(tree(beta=0.4)))
    assert any("10 % of the moves were accepted" in r for r in check_samples(tree(acceptance=0.1)))
    assert any("30% of the points could not be simulated" in i.message for i in diagnose(tree(failed=300.0)))
    assert check_samples(tree(failed=300.0)) == ()


def test_uncertain_evidence_blocks_choices_only() -> None:
    apart = (-3.0, -3.0, -3.0, -9.0)
    assert [i.severity for i in diagnose(tree(log_evidence=apart))] == ["warning"]
    picked = (np.random.default_rng(5).random((CHAINS, DRAWS)) < 0.3).astype(float)
    assert check_samples(tree(picked, choices=("k",), log_evidence=apart))[0].startswith("chains: their log-evidences")


def test_choices_have_probabilities_weighed_by_evidence() -> None:
    picked = np.zeros((CHAINS, DRAWS))
    picked[0, :] = 1.0
    even = tree(picked, choices=("k",))
    assert choice_probabilities(even) == {"k": {0.0: pytest.approx(0.75), 1.0: pytest.approx(0.25)}}
    assert "standard error of 0.25" in check_samples(even)[0]
    first = tree(picked, choices=("k",), log_evidence=(-1.0, -50.0, -50.0, -50.0))
    assert choice_probabilities(first)["k"][1.0] == pytest.approx(1.0)
    assert any(line.startswith("k: P(0) = ") for line in describe_samples(first))


def test_one_chain_alone_blocks_a_report() -> None:
    alone = xr.DataTree.from_dict({n: g.to_dataset().isel(chain=[0]) for n, g in tree().children.items()})
    assert any("there is one chain only" in r for r in check_samples(alone))
    assert np.isnan(diagnostics(alone)["rhat"]).all()


def test_chains_that_began_near_a_fit_have_no_evidence() -> None:
    def near(acceptance: float, failed: int) -> xr.DataTree:
        groups = {n: g.to_dataset() for n, g in tree().children.items() if n != "tempering"}
        groups["iterations"] = xr.Dataset(
            {"acceptance": ("iteration", np.array([np.nan, 0.1, acceptance, acceptance]))}
        )
        made = xr.DataTree.from_dict(groups)
        made.attrs |= {"evaluations": 1000, "failed": failed}
        return made

    assert diagnose(near(0.8, 0)) == []
    assert describe_samples(near(0.8, 0))[0].startswith("2,000 draws of 4 chains, 1,000 evaluations; ")
    assert check_samples(near(0.1, 300)) == ("chains: 10 % of the moves were accepted (at least 30 % are wanted).",)
    assert any("30% of the points could not be simulated" in i.message for i in diagnose(near(0.8, 300)))


def test_arviz_is_loaded_when_it_is_needed() -> None:
    code = "import hepatica, sys; hepatica.sample, hepatica.diagnose; print('arviz_stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
