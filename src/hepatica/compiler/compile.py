"""The stages in order: model -> system -> Jacobian -> programs -> IR -> machine code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from hepatica.compiler import cache as disk
from hepatica.compiler.graph import Node
from hepatica.compiler.jacobian import build_jacobian, plan_elimination
from hepatica.compiler.kernel import Conditions, EventTable, Kernel, Reference
from hepatica.compiler.lower import Program, lower_factor, lower_outputs, lower_rhs, lower_solve
from hepatica.compiler.system import System, build_system
from hepatica.compiler.tableaux import TABLEAUX
from hepatica.compiler.targets.llvm import Layout, exported, layout_for, write_ir
from hepatica.errors import ComputationError
from hepatica.model import Model
from hepatica.model.codec import to_json
from hepatica.sandbox import run

METHODS = tuple(TABLEAUX.values())


def compile_model(
    model: Model, observables: Sequence[str] | None = None, *, lanes: int | None = None, cached: bool = True
) -> Kernel:
    """Compile a model for this processor.

    Parameters
    ----------
    model
        The network.
    observables
        What will be read out; all of the model's observables when ``None``.
    lanes
        Parameter sets in one vector; chosen for the processor when ``None``.
    cached
        Whether object code may come from, and go to, the cache on disk.

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
    width = lanes or native_lanes()
    key = _key(model, wanted, width)
    found = disk.load(key) if cached else None
    if found is None:
        description, code = (_generate_apart if model.foreign else generate)(model, wanted, width)
        if cached:
            disk.store(key, description, code)
    else:
        description, code = found
    return _link(key, description, code, cache(lambda: Reference(model, wanted)))


def programs_of(system: System) -> tuple[tuple[Program, ...], dict[str, int]]:
    """Lower a system to its programs, with the lengths of the work arrays."""
    jacobian = build_jacobian(system)
    plan = plan_elimination(len(system.states), jacobian.entries)
    programs = (
        lower_rhs(system),
        lower_factor(system, jacobian, plan),
        lower_solve(plan),
        lower_outputs("observe", system.graph, system.observed, ("y", "p", "o")),
        lower_outputs("initial", system.graph, system.initial, ("p", "o")),
        lower_outputs("watch", system.graph, _watched(system), ("y", "p", "o")),
        lower_outputs("happen", system.graph, _happening(system), ("y", "p", "o")),
        lower_outputs("remember", system.graph, (*system.delayed, *system.delays, *system.before), ("y", "p", "o")),
    )
    return programs, {"lu": len(plan.slot), "w": max(1, len(system.rates), len(jacobian.partials))}


def _watched(system: System) -> tuple[Node, ...]:
    return (*system.watch.switches, *system.watch.triggers, *system.watch.times)


def _happening(system: System) -> tuple[Node, ...]:
    """Delay and priority of each event, then the new values of all events, then their factors."""
    events = system.happenings
    return (
        *(n for e in events for n in (e.delay, e.priority)),
        *(n for e in events for _, n, _ in e.assignments),
        *(n for e in events for _, _, n in e.assignments),
    )


def _conditions(system: System) -> Conditions:
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
        events=events,
        delayed=len(system.delayed),
        delays=len(system.delays),
        past=system.past,
        fast=system.fast,
    )


def generate(model: Model, observables: tuple[str, ...] | None, lanes: int) -> tuple[dict[str, Any], bytes]:
    """Give the description of a kernel, as JSON knows it, and its object code."""
    system = build_system(model, observables)
    programs, sizes = programs_of(system)
    layout = layout_for(lanes, METHODS)
    text = write_ir(programs, layout, METHODS, len(system.states), system.differential, x86=_is_x86())
    description = {
        "states": system.states, "parameters": system.parameters, "observables": system.observables,
        "differential": system.differential, "indirect": system.indirect,
        "conditions": asdict(_conditions(system)),
        "p0": system.p0, "lanes": layout.lanes, "slots": layout.slots, "sizes": sizes,
    }  # fmt: skip
    return description, _assemble(text)


def _generate_apart(model: Model, observables: tuple[str, ...] | None, lanes: int) -> tuple[dict[str, Any], bytes]:
    """Generate in the child process, which may crash, or take more time or memory than allowed, on a foreign model."""
    arguments = {"observables": observables, "lanes": lanes}
    description, code = run("generate", arguments, to_json(model), subject=f"model '{model.id}'", doing="compiling")
    return dict(description), code


def _assemble(text: str) -> bytes:
    machine = _machine()
    try:
        module = llvm.parse_assembly(text)
    except RuntimeError as error:
        raise ComputationError(f"the generated code was refused by LLVM: {error}") from error
    module.triple = llvm.Target.from_default_triple().triple
    module.data_layout = str(machine.target_data)
    return bytes(machine.emit_object(module))


def _link(key: str, description: dict[str, Any], code: bytes, reference: Callable[[], Reference]) -> Kernel:
    engine = llvm.create_lljit_compiler(_new_machine(), use_jit_link=False)
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    names = exported(METHODS)
    for name in names:
        builder = builder.export_symbol(name)
    library = builder.link(engine, f"hepatica_{key[:16]}")
    return Kernel(
        digest=key, states=tuple(description["states"]), parameters=tuple(description["parameters"]),
        observables=tuple(description["observables"]), differential=description["differential"],
        indirect=tuple(description["indirect"]), conditions=_read_conditions(description["conditions"]),
        p0=np.array(description["p0"], dtype=float),
        lanes=description["lanes"], slots=description["slots"], sizes=description["sizes"],
        addresses={name: library[name] for name in names}, reference=reference, keep=(engine, library),
    )  # fmt: skip


def _read_conditions(data: Mapping[str, Any]) -> Conditions:
    events = tuple(EventTable(**{**e, "states": tuple(e["states"])}) for e in data["events"])
    return Conditions(**{**data, "events": events})


def _key(model: Model, observables: tuple[str, ...] | None, lanes: int) -> str:
    parts = (model.digest, model.observables if observables is None else observables, lanes, _fingerprint())
    return sha256(repr(parts).encode()).hexdigest()


@cache
def _fingerprint() -> str:
    """Identify the compiler's own text, llvmlite and the processor."""
    _initialise()
    folder = Path(__file__).parent
    own = sha256(b"".join(p.read_bytes() for p in sorted(folder.rglob("*.py")))).hexdigest()
    return repr((own, llvmlite.__version__, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()))


@cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _new_machine() -> Any:
    _initialise()
    features = llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True
    )


@cache
def _machine() -> Any:
    return _new_machine()


def _is_x86() -> bool:
    return bool(llvm.get_default_triple().startswith(("x86_64", "i386", "i686")))


def native_lanes() -> int:
    """Give the lanes that suit this processor: 8 with AVX-512, else 4."""
    _initialise()
    return 8 if llvm.get_host_cpu_features().get("avx512f", False) else 4


def layout_of(kernel: Kernel) -> Layout:
    """Give the memory layout of a kernel."""
    return Layout(kernel.lanes, kernel.slots)
