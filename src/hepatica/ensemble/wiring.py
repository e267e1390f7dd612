"""Rival wirings: mechanisms that are disputed, each a switch of the one model."""

from dataclasses import dataclass

from hepatica.errors import InputError
from hepatica.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """A disputed mechanism as a 0/1 parameter.

    Parameters
    ----------
    id
        Short name.
    parameter
        The switch in the model; 1 when the mechanism is present.
    sentence
        The mechanism in words.
    probability
        Prior probability that it is present, 0 to 1.
    evidence
        What the probability rests on.

    Raises
    ------
    InputError
        When the probability is not between 0 and 1.

    Examples
    --------
    >>> Wiring(id="paradox", parameter="wiring_paradox", sentence="half-occupied RAF dimers signal",
    ...        probability=0.5, evidence=Evidence(basis="assumed", source="assumption")).probability
    0.5
    """

    id: str
    parameter: str
    sentence: str
    probability: float
    evidence: Evidence

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise InputError(f"wiring '{self.id}': the probability is {self.probability}; expected 0 to 1.")
