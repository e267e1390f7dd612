"""The stages in order: model -> system -> Jacobian -> programs -> IR -> machine code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from hepatica.compiler import cache as disk
from hepatica.compiler.graph import Node
from hepatica.compiler.hoist import hoist
from hepatica.compiler.jacobian import build_jacobian, plan_elimination, straight_until
from hepatica.compiler.kernel import Conditions, EventTable, Kernel, Reference
from hepatica.compiler.lower import Program, lower_factor, lower_outputs, lower_rhs, lower_solve
from hepatica.compiler.processor import Processor, assemble, this_processor
from hepatica.compiler.schedule import schedule
from hepatica.compiler.system import CLOCK, System, build_system
from hepatica.compiler.tableaux import TABLEAUX
from hepatica.compiler.targets.llvm import functions_of, write_ir
from hepatica.compiler.targets.llvm_layout import layout_for
from hepatica.compiler.targets.llvm_read import Readout
from hepatica.errors import ModelError
from hepatica.model import Model
from hepatica.model.codec import to_json
from hepatica.sandbox import run

METHODS = tuple(TABLEAUX.values())


def compile_model(
    model: Model,
    observables: Sequence[str] | None = None,
    *,
    lanes: int | None = None,
    cached: bool = True,
    processor: Processor | None = None,
) -> Kernel:
    """Compile a model.

    Parameters
    ----------
    model
        The network.
    observables
        What will be read out; all of the model's observables when ``None``.
    lanes
        Parameter sets in one vector; chosen for the processor when ``None``. One suits single runs: it has the shortest
        way through a step, and gives the same bits.
    cached
        Whether object code may come from, and go to, the cache on disk.
    processor
        What to make use of; this processor when ``None``.

    Returns
    -------
    Kernel
        Ready to run; the same arguments give the same digest.

    Raises
    ------
    ModelError, NotFoundError, UnsupportedError
        As :func:`~hepatica.compiler.system.build_system`.
    """
    wanted = None if observables is None else tuple(dict.fromkeys(observables))
    chosen = processor or this_processor()
    width = lanes or chosen.lanes
    try:
        key = key_of(model, wanted, width, chosen)
        found = disk.load(key) if cached else None
        description, code = found or (_generate_apart if model.foreign else generate)(model, wanted, width, chosen)
    except RecursionError as error:
        raise ModelError(
            f"a formula of model '{model.id}' is nested too deeply; split it into assignment rules."
        ) from error
    if cached and found is None:
        disk.store(key, description, code)
    return _link(key, description, code, chosen, cache(lambda: Reference(model, wanted)))


def programs_of(system: System) -> tuple[tuple[Program, ...], dict[str, int]]:
    """Lower a system to its programs, with the lengths of the work arrays."""
    graph, jacobian = system.graph, build_jacobian(system)
    plan = plan_elimination(len(system.states), jacobian.entries)
    given = len(system.parameters)
    hoisted = hoist(graph, (*system.rates, *jacobian.partials), given, given + conditions_of(system).hidden)
    rates, partials = hoisted.roots[: len(system.rates)], hoisted.roots[len(system.rates) :]
    rhs, rhs_scratch = schedule(lower_rhs(replace(system, rates=rates)), free=True)
    factor, factor_scratch = schedule(
        lower_factor(system, replace(jacobian, partials=partials), plan, straight_until(plan))
    )
    programs = (
        rhs,
        factor,
        lower_solve(plan),
        lower_outputs("observe", graph, system.observed, ("y", "p", "o")),
        lower_outputs("initial", graph, system.initial, ("p", "o")),
        lower_outputs("prepare", graph, hoisted.prepared, ("p", "o")),
        lower_outputs("watch", graph, _watched(system), ("y", "p", "o")),
        lower_outputs("happen", graph, _happening(system), ("y", "p", "o")),
        lower_outputs("remember", graph, (*system.delayed, *system.delays, *system.before), ("y", "p", "o")),
    )
    sizes = {"lu": len(plan.slot), "w": max(1, rhs_scratch, factor_scratch), "prepared": len(hoisted.prepared)}
    return programs, sizes


def readout_of(system: System) -> Readout:
    """Tell which states are read out, or are named by what is."""
    graph, observed = system.graph, system.observed
    needed = {i for node in observed for kind, i in graph.leaves(node) if kind == "y"}
    plain = all(graph.nodes[node][0] == "y" for node in observed)
    return Readout(
        count=len(observed),
        states=tuple(int(graph.nodes[node][1]) for node in observed) if plain else None,
        needed=tuple(sorted(needed)),
    )


def _watched(system: System) -> tuple[Node, ...]:
    watch = system.watch
    return (*watch.switches, *watch.triggers, *watch.times, *watch.levels)


def _happening(system: System) -> tuple[Node, ...]:
    """Delay and priority of each event, then the new values of all events, then their factors."""
    events = system.happenings
    return (
        *(n for e in events for n in (e.delay, e.priority)),
        *(n for e in events for _, n, _ in e.assignments),
        *(n for e in events for _, _, n in e.assignments),
    )


def conditions_of(system: System) -> Conditions:
    """Tell what is watched during a run."""
    events = tuple(
        EventTable(
            initial_value=e.initial_value, persistent=e.persistent, at_trigger=e.at_trigger, states=tuple(i for i, _, _ in e.assignments)
        )
        for e in system.happenings
    )  # fmt: skip
    watch = system.watch
    return Conditions(
        switches=len(watch.switches),
        times=len(watch.times),
        sampled=watch.sampled,
        levels=len(watch.levels),
        events=events,
        delayed=len(system.delayed),
        delays=len(system.delays),
        past=system.past,
        fast=system.fast,
        powers=system.powers,
    )


def write_model(
    model: Model, observables: tuple[str, ...] | None, lanes: int, processor: Processor
) -> tuple[dict[str, Any], str]:
    """Give the description of a compiled model, and its IR."""
    system = build_system(model, observables)
    programs, sizes = programs_of(system)
    layout = layout_for(lanes, METHODS, processor.kind)
    clock = system.states.index(CLOCK) if CLOCK in system.states else -1
    text = write_ir(programs, layout, METHODS, len(system.states), system.differential, clock, readout_of(system))
    description = {
        "states": system.states, "parameters": system.parameters, "observables": system.observables,
        "differential": system.differential, "indirect": system.indirect,
        "conditions": asdict(conditions_of(system)), "plain": bool(readout_of(system).states), "functions": functions_of(text),
        "p0": system.p0, "lanes": layout.lanes, "slots": layout.slots, "sizes": sizes,
    }  # fmt: skip
    return description, text


def generate(
    model: Model, observables: tuple[str, ...] | None, lanes: int, processor: Processor
) -> tuple[dict[str, Any], bytes]:
    """Give the description of a compiled model, and its object code."""
    description, text = write_model(model, observables, lanes, processor)
    return description, assemble(text, processor)


def _generate_apart(
    model: Model, observables: tuple[str, ...] | None, lanes: int, processor: Processor
) -> tuple[dict[str, Any], bytes]:
    """Generate in the child process, which may crash, or take more time or memory than allowed, on a foreign model."""
    arguments = {"observables": observables, "lanes": lanes, "processor": asdict(processor)}
    description, code = run("generate", arguments, to_json(model), subject=f"model '{model.id}'", doing="compiling")
    return dict(description), code


def link(key: str, code: bytes, processor: Processor, names: Sequence[str]) -> tuple[dict[str, int], Any]:
    """Load object code; gives the address of each function, and what must stay alive."""
    engine = llvm.create_lljit_compiler(processor.machine(), use_jit_link=False)
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in names:
        builder = builder.export_symbol(name)
    library = builder.link(engine, f"hepatica_{key[:16]}")
    return {name: library[name] for name in names}, (engine, library)


def _link(
    key: str, description: dict[str, Any], code: bytes, processor: Processor, reference: Callable[[], Reference]
) -> Kernel:
    addresses, keep = link(key, code, processor, description["functions"])
    return Kernel(
        digest=key, states=tuple(description["states"]), parameters=tuple(description["parameters"]),
        observables=tuple(description["observables"]), differential=description["differential"],
        indirect=tuple(description["indirect"]), conditions=_read_conditions(description["conditions"]),
        plain=description["plain"], p0=np.array(description["p0"], dtype=float),
        lanes=description["lanes"], slots=description["slots"], sizes=description["sizes"],
        addresses=addresses, reference=reference, keep=keep,
    )  # fmt: skip


def _read_conditions(data: Mapping[str, Any]) -> Conditions:
    events = tuple(EventTable(**{**e, "states": tuple(e["states"])}) for e in data["events"])
    return Conditions(**{**data, "events": events})


def key_of(model: Model, observables: tuple[str, ...] | None, lanes: int, processor: Processor, *more: object) -> str:
    """Identify what is compiled, for which processor, and the compiler."""
    # without observables of its own, a model reads out everything when nothing is asked for
    parts = (model.digest, observables, model.observables, lanes, processor, _fingerprint(), *more)
    return sha256(repr(parts).encode()).hexdigest()


@cache
def _fingerprint() -> str:
    """Identify the compiler's own text, and llvmlite."""
    folder = Path(__file__).parent
    own = sha256(b"".join(p.read_bytes() for p in sorted(folder.rglob("*.py")))).hexdigest()
    return repr((own, llvmlite.__version__))
