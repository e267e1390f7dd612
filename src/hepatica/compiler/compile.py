"""The stages in order: model -> system -> Jacobian -> programs -> IR -> machine code."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from hepatica.compiler import cache as disk
from hepatica.compiler.jacobian import build_jacobian, plan_elimination
from hepatica.compiler.kernel import Kernel, Reference
from hepatica.compiler.lower import Program, lower_factor, lower_outputs, lower_rhs, lower_solve
from hepatica.compiler.system import System, build_system
from hepatica.compiler.tableaux import TABLEAUX
from hepatica.compiler.targets.llvm import Layout, exported, layout_for, write_ir
from hepatica.errors import ComputationError, UnsupportedError
from hepatica.model import Model

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
        description, code = _generate(model, wanted, width)
        if cached:
            disk.store(key, description, code)
    else:
        description, code = found
    return _link(key, description, code, cache(lambda: Reference(model, wanted)))


def programs_of(system: System) -> tuple[tuple[Program, ...], dict[str, int]]:
    """Lower a system to its five programs, with the lengths of the work arrays."""
    jacobian = build_jacobian(system)
    plan = plan_elimination(len(system.states), jacobian.entries)
    programs = (
        lower_rhs(system),
        lower_factor(system, jacobian, plan),
        lower_solve(plan),
        lower_outputs("observe", system.graph, system.observed, ("y", "p", "o")),
        lower_outputs("initial", system.graph, system.initial, ("p", "o")),
    )
    return programs, {"lu": len(plan.slot), "w": max(1, len(system.rates), len(jacobian.partials))}


def _generate(model: Model, observables: tuple[str, ...] | None, lanes: int) -> tuple[dict[str, Any], bytes]:
    system = build_system(model, observables)
    if not system.states:
        raise UnsupportedError(f"model '{model.id}' has nothing that changes with time; there is nothing to simulate.")
    programs, sizes = programs_of(system)
    layout = layout_for(lanes, METHODS)
    text = write_ir(programs, layout, METHODS, len(system.states), x86=_is_x86())
    description = {
        "states": system.states, "parameters": system.parameters, "observables": system.observables,
        "p0": system.p0, "lanes": layout.lanes, "slots": layout.slots, "sizes": sizes,
    }  # fmt: skip
    return description, _assemble(text)


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
        observables=tuple(description["observables"]), p0=np.array(description["p0"], dtype=float),
        lanes=description["lanes"], slots=description["slots"], sizes=description["sizes"],
        addresses={name: library[name] for name in names}, reference=reference, keep=(engine, library),
    )  # fmt: skip


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
