"""Machine code of the tangent and of the adjoint of a step, made only when derivatives are asked for."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.compiler import cache as disk
from hepatica.compiler.compile import METHODS, key_of, link
from hepatica.compiler.differentiate import Description, adjoint_of, differentiable, tangent_of
from hepatica.compiler.kernel import Adjoint, Tangent
from hepatica.compiler.processor import assemble, this_processor
from hepatica.compiler.targets.llvm_layout import layout_for
from hepatica.model import Model
from hepatica.model.codec import to_json
from hepatica.sandbox import run

MOST_VECTORS = 4
TABLES = {"first": 2, "source": 2, "observed": 3, "initial": 2, "rooted": 3, "assigned": 3}  # columns of each


def compile_adjoint(
    model: Model, observables: Sequence[str] | None = None, *, lanes: int | None = None, cached: bool = True
) -> Adjoint:
    """Compile the adjoint of a step for all parameters.

    Parameters
    ----------
    model, observables, lanes, cached
        As for :func:`~hepatica.compiler.compile.compile_model`.

    Raises
    ------
    UnsupportedError
        When the model has what hepatica can simulate, but not differentiate.
    """
    width = lanes or this_processor().lanes
    arguments = {"what": "adjoint", "observables": _unique(observables), "lanes": width}
    description, addresses, keep = _compile(model, arguments, cached=cached)
    return Adjoint(
        lanes=width, sizes=description["sizes"], conserved=_matrix(description), addresses=addresses, keep=keep
    )  # fmt: skip


def compile_tangent(
    model: Model, parameters: Sequence[int], directions: int, observables: Sequence[str] | None = None, *,
    lanes: int | None = None, cached: bool = True,
) -> Tangent:  # fmt: skip
    """Compile the tangent of a step.

    Parameters
    ----------
    model, observables, lanes, cached
        As for :func:`~hepatica.compiler.compile.compile_model`.
    parameters
        Places in p of the parameters that some direction changes.
    directions
        How many directions will be followed; sets how many are worked on together.

    Raises
    ------
    UnsupportedError
        When the model has what hepatica can simulate, but not differentiate.
    """
    width = lanes or this_processor().lanes
    columns = tuple(sorted({int(k) for k in parameters}))
    vectors = max(1, min(MOST_VECTORS, -(-directions // width)))
    arguments = {
        "what": "tangent", "observables": _unique(observables), "lanes": width, "parameters": columns, "vectors": vectors,
    }  # fmt: skip
    description, addresses, keep = _compile(model, arguments, cached=cached)
    tables = {name: np.array(description[name], np.int64).reshape(-1, columns) for name, columns in TABLES.items()}
    return Tangent(
        parameters=columns, lanes=width, width=vectors, sizes=description["sizes"], conserved=_matrix(description),
        addresses=addresses, keep=keep, **tables,
    )  # fmt: skip


def generate_derivative(model: Model, arguments: Mapping[str, Any]) -> tuple[Description, bytes]:
    """Give the description of an adjoint or a tangent, as JSON knows it, and its object code."""
    processor = this_processor()
    layout = layout_for(arguments["lanes"], METHODS, processor.kind)
    equations = differentiable(model, arguments["observables"])
    if arguments["what"] == "adjoint":
        description, text = adjoint_of(equations, layout)
    else:
        description, text = tangent_of(equations, layout, arguments["parameters"], arguments["vectors"])
    known: Description = json.loads(json.dumps(description))
    return known, assemble(text, processor)


def _compile(
    model: Model, arguments: Mapping[str, Any], *, cached: bool
) -> tuple[Mapping[str, Any], Mapping[str, int], Any]:
    processor = this_processor()
    key = key_of(model, arguments["observables"], arguments["lanes"], processor, tuple(sorted(arguments.items())))
    found = disk.load(key) if cached else None
    if found is None:
        found = _generate_apart(model, arguments) if model.foreign else generate_derivative(model, arguments)
        if cached:
            disk.store(key, *found)
    description, code = found
    addresses, keep = link(key, code, processor, description["functions"])
    return description, addresses, keep


def _generate_apart(model: Model, arguments: Mapping[str, Any]) -> tuple[Description, bytes]:
    """Generate in the child process, which may crash, or take more time or memory than allowed, on a foreign model."""
    description, code = run(
        "generate_derivative", arguments, to_json(model), subject=f"model '{model.id}'", doing="differentiating"
    )
    return dict(description), code


def _unique(observables: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if observables is None else tuple(dict.fromkeys(observables))


def _matrix(description: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.array(description["conserved"], float).reshape(-1, description["states"])
