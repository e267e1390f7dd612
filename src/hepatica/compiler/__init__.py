"""Model -> machine code."""

from hepatica.compiler.compile import compile_model
from hepatica.compiler.kernel import Kernel

__all__ = ["Kernel", "compile_model"]
