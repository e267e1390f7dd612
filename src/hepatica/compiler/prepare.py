"""What depends on parameters alone, taken out of finished programs.

:mod:`hepatica.compiler.hoist` does the same to expressions before they are lowered. Derivatives are lowered as they are made, and
share few expressions; here their programs are searched for operations on nothing but parameters and numbers.
"""

from hepatica.compiler.lower import Operation, Program


class Preparation:
    """Collects what some programs need of the parameters alone, as further entries of ``p``.

    Parameters
    ----------
    given
        Number of parameters; what follows them in ``p`` may change during a run.
    first
        Entries of ``p`` before those that are prepared.
    """

    def __init__(self, given: int, first: int) -> None:
        self.given, self.first = given, first
        self._made = Program("prepare", ("p", "o"))
        self._index: dict[Operation, int] = {}
        self._slots: dict[int, int] = {}

    @property
    def size(self) -> int:
        """Number of prepared entries."""
        return len(self._slots)

    def program(self) -> Program:
        """Give the program that fills the prepared entries, ``o``, from the parameters."""
        made = Program("prepare", ("p", "o"), list(self._made.code))
        for value, slot in self._slots.items():
            made.emit("store", "o", slot, value)
        return made

    def without(self, program: Program) -> Program:
        """Give a program in which operations on parameters alone are replaced by what is prepared."""
        out = Program(program.name, program.arguments, tail=program.tail)
        fixed: dict[int, int] = {}  # operation -> its value in the preparation
        new: dict[int, int] = {}

        def operand(k: int) -> int:
            if k not in new:
                if program.code[k][0] in {"load", "const"}:
                    new[k] = out.emit(*program.code[k])
                else:
                    new[k] = out.emit("load", "p", self.first + self._slot(fixed[k]))
            return new[k]

        for k, operation in enumerate(program.code):
            name = operation[0]
            if name == "const" or (name == "load" and operation[1] == "p" and operation[2] < self.given):
                fixed[k] = self._share(operation)
            elif name == "load":
                new[k] = out.emit(*operation)
            elif name == "store":
                out.emit("store", operation[1], operation[2], operand(operation[3]))
            elif all(a in fixed for a in operation[1:]):
                fixed[k] = self._share((name, *(fixed[a] for a in operation[1:])))
            else:
                new[k] = out.emit(name, *[operand(a) for a in operation[1:]])
        return out

    def _share(self, operation: Operation) -> int:
        if operation not in self._index:
            self._index[operation] = self._made.emit(*operation)
        return self._index[operation]

    def _slot(self, value: int) -> int:
        return self._slots.setdefault(value, len(self._slots))
