"""Why a point has no log-likelihood, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.inference.problem import Problem
from hepatica.solver import Status

Array = NDArray[np.float64]

NEAR = 1e-6  # part of the distance of the bounds within which a parameter is at one
HUGE = 1e6  # times its start, which a state grows when that is what ends its run
MOST = 3  # of the runs and measurements of a point that are named; the others are counted
_ADVICE: Mapping[Status, str] = {
    Status.STEP_LIMIT: "narrower bounds for the fastest rates, or a looser tolerance",
    Status.STEP_TOO_SMALL: "narrower bounds for the fastest rates",
    Status.NOT_FINITE: "narrower bounds for what makes it grow, or a rate that saturates",
    Status.NO_STEADY_STATE: "a loss for whatever is made, or narrower bounds for what makes it",
    Status.BAD_INPUT: "bounds within which every initial value and formula has a value",
    Status.ENDLESS_EVENTS: "triggers that do not set each other off",
    Status.NO_CONSISTENT_START: "bounds within which the algebraic rules have a solution",
    Status.SLIDING: "a smooth function in place of the condition",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that did not complete.

    Parameters
    ----------
    where
        What it is a run of.
    status, stopped
        How it ended, and at which time.
    state
        The state that stopped it; empty without one.
    began, reached
        Its value at the start and shortly before the end; NaN where unknown.
    """

    where: str
    status: Status
    stopped: float
    state: str = ""
    began: float = np.nan
    reached: float = np.nan

    def sentence(self, unit: str) -> str:
        """Say what happened, and what to try."""
        head, _, reason = self.status.sentence.partition(": ")
        timed = np.isfinite(self.stopped) and head == "stopped"
        when = f" at t = {self.stopped:.4g} {unit}".rstrip() if timed else ""
        verb = "stopped" if head == "stopped" else "failed"
        if self.status is Status.NO_STEADY_STATE:
            reason = "no steady state was reached"
        grew = abs(self.reached) > HUGE * abs(self.began)
        advice = _ADVICE.get(Status.NOT_FINITE if grew else self.status)
        return f"{self.where} {verb}{when}: {reason}{self._blame()}" + (f"; try {advice}" if advice else "")

    def _blame(self) -> str:
        if not self.state:
            return ""
        if np.isfinite(self.reached) and abs(self.reached) > abs(self.began):
            return f"; {self.state} grew from {self.began:.3g} to {self.reached:.3g}"
        if self.status is Status.NO_STEADY_STATE:
            return f"; {self.state} still moved"
        return (
            f"; it was {self.state}" if self.status is Status.NOT_FINITE else f"; the largest error was in {self.state}"
        )


def unlikely(problem: Problem, expected: Array, sigma: Array) -> list[str]:
    """Say which measurements have no density, though everything was simulated.

    Parameters
    ----------
    problem
        What is fitted.
    expected, sigma
        What each measurement should be, and the scale of its noise, shape (measurement,).
    """
    found: dict[int, str] = {}
    for k, (mean, noise) in enumerate(zip(expected, sigma, strict=True)):
        o = problem.observables[problem.observable[k]]
        where = f"observable '{o.id}' in trial '{problem.trials[problem.trial[k]].id}' at t = {problem.times[k]:.4g}"
        if not np.isfinite(mean):
            text = f"{where} is {mean:g}; try bounds within which its formula has a value"
        elif o.scale != "lin" and mean <= 0.0:
            text = f"{where} is {mean:.3g}, which has no logarithm; try an offset, or noise on a linear scale"
        elif not (np.isfinite(noise) and noise > 0.0):
            text = f"{where} has the noise {noise:.3g}; try a lower bound above zero for what makes it"
        elif o.scale != "lin" and problem.values[k] <= 0.0:
            text = f"measurement {k + 1} of observable '{o.id}' is {problem.values[k]:.3g}, which has no logarithm; leave it out"
        else:
            continue
        found.setdefault(int(problem.observable[k]), text)
    return list(found.values())


def at_bounds(problem: Problem, x: Array) -> str:
    """Say which parameters are at a bound.

    Parameters
    ----------
    problem
        What is fitted.
    x
        The estimated parameters, linear.
    """
    words = []
    for p, value in zip(problem.estimated, x, strict=True):
        for side, bound in (("lower", p.lower), ("upper", p.upper)):
            size = abs(bound) if p.scale != "lin" or not np.isfinite(p.upper - p.lower) else p.upper - p.lower
            if np.isfinite(bound) and abs(value - bound) <= NEAR * size:
                words.append(f"{p.id} is at its {side} bound {bound:g}")
    return "; ".join(words)


def few(sentences: Sequence[str]) -> list[str]:
    """Give the first sentences, and how many more there are."""
    rest = len(sentences) - MOST
    return [*sentences[:MOST], *([f"and {rest} more"] if rest > 0 else [])]
