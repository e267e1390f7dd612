"""Kernel -> trajectories."""

from hepatica.solver.plan import Operation, Plan, plan_after, plan_before
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
    "plan_after",
    "plan_before",
]
