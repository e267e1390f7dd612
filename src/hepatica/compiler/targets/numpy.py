"""The plain reference: programs interpreted with NumPy, lanes as the last axis."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler.graph import FOLD
from hepatica.compiler.lower import Program

Lanes = NDArray[np.float64]

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "neg": np.negative, "inv": lambda a: np.divide(1.0, a), "div": np.divide,
    "fma": lambda a, b, c: a * b + c,
    "fms": lambda a, b, c: a * b - c, "fnma": lambda a, b, c: c - a * b, "pow": FOLD["pow"],
    "exp": np.exp, "ln": np.log, "sqrt": np.sqrt, "abs": np.abs,
    "floor": np.floor, "ceil": np.ceil, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin,
    "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "min": np.minimum,
    "max": np.maximum, "select": lambda c, a, b: np.where(c != 0, a, b),
    "lt": lambda a, b: np.where(a < b, 1.0, 0.0), "le": lambda a, b: np.where(a <= b, 1.0, 0.0),
    "gt": lambda a, b: np.where(a > b, 1.0, 0.0), "ge": lambda a, b: np.where(a >= b, 1.0, 0.0),
    "eq": lambda a, b: np.where(a == b, 1.0, 0.0), "ne": lambda a, b: np.where(a != b, 1.0, 0.0),
    "and": lambda a, b: np.where((a != 0) & (b != 0), 1.0, 0.0), "or": lambda a, b: np.where((a != 0) | (b != 0), 1.0, 0.0),
    "not": lambda a: np.where(a == 0, 1.0, 0.0), "factorial": np.vectorize(lambda a: FOLD["factorial"](a), otypes=[float]),
}  # fmt: skip


def interpret(program: Program, arrays: Mapping[str, Lanes]) -> None:
    """Run a program.

    Parameters
    ----------
    program
        What to run.
    arrays
        Every array that the program touches, shape (length, lanes); stored to in place.
    """
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for name, *arguments in program.code:
            if name == "load":
                values.append(arrays[arguments[0]][arguments[1]].copy())
            elif name == "store":
                arrays[arguments[0]][arguments[1]] = values[arguments[2]]
                values.append(None)
            elif name == "const":
                values.append(arguments[0])
            else:
                values.append(OPERATIONS[str(name)](*(values[k] for k in arguments)))
        if program.tail:
            _eliminate(program.tail, arrays["lu"])


def _eliminate(table: Sequence[int], lu: Lanes) -> None:
    """The end of an elimination: see :func:`~hepatica.compiler.lower.lower_elimination`."""
    at = 0
    while at < len(table):
        diagonal, right, below = table[at : at + 3]
        lu[diagonal] = 1.0 / lu[diagonal]
        at += 3
        for _ in range(below):
            slot, *targets = table[at : at + 1 + right]
            lu[slot] *= lu[diagonal]
            for k, target in enumerate(targets):
                lu[target] -= lu[slot] * lu[diagonal + 1 + k]
            at += 1 + right
