"""The memory that machine code and solver share: all lanes of a value side by side.

States, stage vectors and dense-output coefficients interleave in one array ``s[state][slot][lane]``: slot 0 is y, slot 1 the
stage argument, then the stages U, then the dense coefficients K.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from hepatica.compiler.tableaux import Tableau

Y, ARGUMENT, STAGES = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Lanes, the slots of the interleaved state array, and the kind of processor: ``avx512``, ``x86``, ``aarch64``, ``any``."""

    lanes: int
    slots: int
    processor: str = "any"

    @property
    def vector(self) -> str:
        """The LLVM type of one value over all lanes."""
        return f"<{self.lanes} x double>"

    @property
    def mangled(self) -> str:
        """The type's name in intrinsics."""
        return f"v{self.lanes}f64"

    @property
    def bytes(self) -> int:
        """Size of one value over all lanes."""
        return 8 * self.lanes

    def splat(self, x: float) -> str:
        """A constant in every lane."""
        if x == 0.0:
            return "zeroinitializer"
        bits = struct.unpack("<Q", struct.pack("<d", x))[0]
        return f"splat (double 0x{bits:016X})"


def layout_for(lanes: int, tableaux: Sequence[Tableau], processor: str) -> Layout:
    """Slots for the largest method; an odd number keeps neighbouring states off the same cache set."""
    slots = STAGES + max(t.stages for t in tableaux) + max(len(t.dense) for t in tableaux)
    return Layout(lanes, slots | 1, processor)
