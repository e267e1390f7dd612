"""Wirings."""

import pytest

from hepatica.ensemble import Wiring
from hepatica.errors import InputError
from hepatica.evidence import Evidence

ASSUMED = Evidence(basis="assumed", source="assumption")


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_probability_is_checked(probability):
    with pytest.raises(InputError, match=rf"^wiring 'w': the probability is {probability}; expected 0 to 1\.$"):
        Wiring(id="w", parameter="w", sentence="s", probability=probability, evidence=ASSUMED)
