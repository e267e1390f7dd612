"""The processor that code is written for: this one by default; another one for a look at what it would run."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from hepatica.errors import ComputationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """A processor as LLVM names it.

    Parameters
    ----------
    triple
        Architecture and system, ``x86_64-unknown-linux-gnu``.
    cpu
        Its kind, ``haswell``.
    features
        Further features, ``+avx2,-avx512f``.
    kind
        What the code makes use of: ``avx512``, ``x86``, ``aarch64``, or ``any``.
    """

    triple: str
    cpu: str
    features: str
    kind: str

    @property
    def lanes(self) -> int:
        """Parameter sets in one vector that suit it: what fills its registers, or two of them."""
        return 8 if self.kind == "avx512" else 4

    def machine(self) -> Any:
        """Give LLVM's code generator for it."""
        _initialise()
        target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(cpu=self.cpu, features=self.features, opt=2, jit=True)


@cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def this_processor() -> Processor:
    """Give the processor that this process runs on."""
    _initialise()
    triple, features = llvm.get_process_triple(), llvm.get_host_cpu_features()
    architecture, kind = triple.split("-")[0], "any"
    if architecture == "x86_64":
        kind = "avx512" if features.get("avx512f", False) and features.get("avx512vl", False) else "x86"
    elif architecture in {"aarch64", "arm64"}:
        kind = "aarch64"
    return Processor(triple=triple, cpu=llvm.get_host_cpu_name(), features=features.flatten(), kind=kind)


def assemble(text: str, processor: Processor) -> bytes:
    """Turn IR into object code.

    Raises
    ------
    ComputationError
        When LLVM refuses the code.
    """
    machine = processor.machine()
    try:
        module = llvm.parse_assembly(text)
    except RuntimeError as error:
        raise ComputationError(f"the generated code was refused by LLVM: {error}") from error
    module.triple = processor.triple
    module.data_layout = str(machine.target_data)
    return bytes(machine.emit_object(module))
