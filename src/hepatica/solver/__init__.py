"""Kernel -> trajectories."""

from hepatica.solver.calls import loop_is_ready
from hepatica.solver.plan import Operation, Plan, plan_after, plan_before, plan_from
from hepatica.solver.run import Tolerances, Trajectories, find_steady_states, integrate
from hepatica.solver.status import Status

__all__ = [
    "Operation",
    "Plan",
    "Status",
    "Tolerances",
    "Trajectories",
    "find_steady_states",
    "integrate",
    "loop_is_ready",
    "plan_after",
    "plan_before",
    "plan_from",
]
