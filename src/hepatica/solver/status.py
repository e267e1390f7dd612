"""How a simulation ended."""

from enum import IntEnum


class Status(IntEnum):
    """Why a trajectory ended; each value is a sentence through :meth:`sentence`."""

    OK = 0
    STEP_LIMIT = 1
    STEP_TOO_SMALL = 2
    NOT_FINITE = 3
    NO_STEADY_STATE = 4
    BAD_INPUT = 5
    NOT_RUN = 6
    ENDLESS_EVENTS = 7
    NO_CONSISTENT_START = 8
    SLIDING = 9

    @property
    def sentence(self) -> str:
        """The status in words."""
        return _SENTENCES[self]

    @property
    def blames_state(self) -> bool:
        """Whether it was a state that ended the run: its error, or that it was not finite."""
        return self in _BLAMES_STATE


_SENTENCES = {
    Status.OK: "completed",
    Status.STEP_LIMIT: "stopped: more steps than the limit were needed",
    Status.STEP_TOO_SMALL: "stopped: the step size fell below what time can resolve",
    Status.NOT_FINITE: "stopped: a state became infinite or undefined",
    Status.NO_STEADY_STATE: "not started: no steady state was reached in pre-equilibration",
    Status.BAD_INPUT: "not started: an initial value or parameter is not finite",
    Status.NOT_RUN: "not started: the run was interrupted",
    Status.ENDLESS_EVENTS: "stopped: events set each other off without end, or more than 256 were pending",
    Status.NO_CONSISTENT_START: "stopped: the algebraic equations have no solution that was found",
    Status.SLIDING: "stopped: the solution slides along a condition, which would change back and forth without end; make it smooth",
}
_BLAMES_STATE = frozenset(
    {Status.STEP_LIMIT, Status.STEP_TOO_SMALL, Status.NOT_FINITE, Status.NO_STEADY_STATE, Status.SLIDING}
)
