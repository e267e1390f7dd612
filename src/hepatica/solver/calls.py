"""How the control loop is compiled, and how it calls a model's machine code: by address, so that it is model-independent."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

from hepatica.compiler.kernel import cache_folder

# places in `code` (addresses of functions) and `data` (addresses of arrays)
(
    STEP, DENSE, AT, COMMIT, OBSERVE, PACE, DRIFT, INITIAL, FLUSH, RESTORE, WATCH, HAPPEN, REMEMBER, RHS, FACTOR, SOLVE,
    PREPARE, READ_DENSE, READ_AT, UNPACK, ROW,
) = range(21)  # fmt: skip
(
    S, P, IH, IHG, LU, W, ERR, TOL, MASK, THETA, POINT, OBS, DRIFTS, CONTROL, SEEN, NEWS, PAST, STAGE, PREPARED, ROWS,
) = range(20)  # fmt: skip


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of the control loop with Numba, and cache it.

    Numba's own cache looks at the file of a function only, and would keep machine code that other files have outdated: here
    the folder changes with every file of the solver.
    """
    kept = vars(config)["CACHE_DIR"]
    vars(config)["CACHE_DIR"] = str(_folder())
    try:
        return njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        vars(config)["CACHE_DIR"] = kept


def loop_is_ready() -> bool:
    """Tell whether the control loop was compiled on this machine before; else the first run takes half a minute longer."""
    return any(_folder().glob("**/*advance*.nbi"))


def _folder() -> Path:
    return cache_folder() / f"loop-{_fingerprint()}"


@cache
def _fingerprint() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:16]


def caller(count: int) -> Any:
    """Make an intrinsic that calls a machine-code address with ``count`` pointers; keeps the loop cacheable."""

    @intrinsic
    def call(_context: Any, address: Any, arguments: Any) -> Any:
        if len(arguments) != count:  # machine code would read what is not there
            raise TypeError(f"{len(arguments)} pointers for a function that takes {count}")

        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            word = ir.IntType(64)
            function = ir.FunctionType(ir.VoidType(), [word] * count)
            pointer = builder.inttoptr(values[0], function.as_pointer())
            builder.call(pointer, [builder.extract_value(values[1], k) for k in range(count)])
            return context.get_dummy_value()

        return types.void(types.intp, arguments), generate

    return call


call1, call2, call3, call4, call5, call8 = (caller(n) for n in (1, 2, 3, 4, 5, 8))
