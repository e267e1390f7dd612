"""What each name of a model is to the solver: a state, a parameter, or computed from them."""

import math
from collections.abc import Iterator

from hepatica.errors import ModelError
from hepatica.model import Apply, Expression, Model, Number, Species, Symbol, symbols
from hepatica.model.expression import walk
from hepatica.model.structure import formulas, require_operators

CLOCK = "(time)"
"""Name of the state that is time itself; no id looks like it."""
WAVE = "(wave {})"
"""Names of the states that follow periodic functions; they stand behind the clock."""


def is_hidden(state: str) -> bool:
    """Tell whether a state is the solver's own: the clock, or a wave."""
    return state.startswith("(")


class Names:
    """The roles that the names of a model play.

    Parameters
    ----------
    model
        The network.
    waves
        Number of periodic functions to follow.

    Raises
    ------
    ModelError
        When a formula holds an unknown operator, or an algebraic rule determines nothing.
    """

    def __init__(self, model: Model, waves: int = 0) -> None:
        require_operators(model)
        self.model = model
        self.species = {s.id: s for s in model.species}
        self.sizes = {c.id: c.size for c in model.compartments}
        self.reactions = {r.id: r for r in model.reactions}
        self.assigned = {r.variable: r.expression for r in model.rules if r.kind == "assignment"}
        self.rate_rules = {r.variable: r.expression for r in model.rules if r.kind == "rate"}
        self.changed = {name: None for e in model.events for name, _ in e.assignments if name not in self.assigned}
        touched = {name for r in model.reactions for name, _ in (*r.reactants, *r.products)}
        self.moving = [s.id for s in model.species if s.id in touched and self._floats(s)]
        self.floating = frozenset(self.moving)
        self.algebraic = self._match()
        self.swelling = {
            c.id for c in model.compartments
            if c.id in self.assigned or c.id in self.rate_rules or c.id in self.changed or c.id in self.algebraic
        }  # fmt: skip
        self.initials = {a.symbol: a.expression for a in model.initial_assignments}
        self.initials |= dict(self._resized())
        kept = [s.id for s in model.species if self.by_amount(s.id)]
        moved = dict.fromkeys([*self.moving, *self.rate_rules, *self.changed, *kept])
        self.fast = any(r.fast for r in model.reactions)
        self.differential = [name for name in moved if name not in self.algebraic]
        used = {n.operator for _, _, x in formulas(model) for n in walk(x) if isinstance(n, Apply)}
        self.delays = "delay" in used
        if used & {"time", "delay"} or waves or not (moved or self.algebraic):
            self.differential.append(CLOCK)
        self.waves = [WAVE.format(k + 1) for k in range(waves)]
        self.differential += self.waves
        self.states = [*self.differential, *self.algebraic]
        self.index = {name: i for i, name in enumerate(self.states)}

    def by_amount(self, name: str) -> bool:
        """Tell whether a concentration is kept as an amount, because its compartment changes."""
        species = self.species.get(name)
        if species is None or name in self.assigned or name in self.algebraic:
            return False
        ruled = name in self.rate_rules and species.compartment in self.algebraic
        return species.compartment in self.swelling and not species.substance_only and not ruled

    def derived(self, name: str) -> bool:
        """Tell whether a name is given by an initial assignment only: an expression of the parameters."""
        return name in self.initials and name not in self.index and name not in self.assigned

    def initial_value(self, name: str) -> float:
        """Give the value of a name at time zero as a formula sees it, where it is a number."""
        if name in self.species:
            species = self.species[name]
            if species.amount == species.substance_only:
                return species.initial
            size = self.sizes[species.compartment]
            if not species.amount:
                return species.initial * size
            return species.initial / size if size else math.nan
        if name in self.sizes:
            return self.sizes[name]
        return next(p.value for p in self.model.parameters if p.id == name)

    def values(self) -> Iterator[str]:
        """Give the names that are numbers at time zero: parameters and compartments, then the initial values of states."""
        free = [*self.sizes, *(p.id for p in self.model.parameters), *self.species]
        plain = [n for n in free if not (n in self.assigned or n in self.initials)]
        yield from (n for n in plain if n not in self.index)
        yield from (n for n in plain if n in self.index)

    def _floats(self, species: Species) -> bool:
        return not (
            species.boundary or species.constant or species.id in self.assigned or species.id in self.rate_rules
        )

    def _resized(self) -> Iterator[tuple[str, Expression]]:
        """Initial values in the other unit than the species' own, where the size of the compartment is computed."""
        computed = {a.symbol for a in self.model.initial_assignments}
        sized = computed | set(self.assigned) | set(self.algebraic)
        for s in self.model.species:
            if s.compartment in sized and s.id not in computed | set(self.assigned) and s.amount != s.substance_only:
                yield s.id, Apply("/" if s.amount else "*", (Number(s.initial), Symbol(s.compartment)))

    def _match(self) -> dict[str, Expression]:
        """Give each algebraic rule a variable that nothing else determines (augmenting paths)."""
        rules = [r.expression for r in self.model.rules if r.kind == "algebraic"]
        free = self._undetermined()
        # best one that events leave alone
        candidates = [sorted(self._reach(x) & free, key=lambda n: (n in self.changed, n)) for x in rules]
        owner: dict[str, int] = {}

        def find(rule: int, seen: set[str]) -> bool:
            for name in candidates[rule]:
                if name not in seen:
                    seen.add(name)
                    if name not in owner or find(owner[name], seen):
                        owner[name] = rule
                        return True
            return False

        for k in range(len(rules)):
            if not find(k, set()):
                raise ModelError(
                    f"{self.model.where(self.model.id)}algebraic rule {k + 1} of model '{self.model.id}' determines no variable;"
                    " remove it, or declare one of its variables as not constant."
                )
        return {name: rules[k] for name, k in sorted(owner.items())}

    def _undetermined(self) -> set[str]:
        model, settled = self.model, {*self.assigned, *self.rate_rules, *self.moving}
        free = {c.id for c in model.compartments if not c.constant} | {p.id for p in model.parameters if not p.constant}
        return (free | {s.id for s in model.species if not s.constant}) - settled

    def _reach(self, expression: Expression) -> set[str]:
        """Give the names that an expression depends on, also through assignment rules and rates."""
        found: set[str] = set()
        stack = list(symbols(expression))
        while stack:
            name = stack.pop()
            if name in found:
                continue
            found.add(name)
            if name in self.assigned:
                stack.extend(symbols(self.assigned[name]))
            elif name in self.reactions:
                stack.extend(symbols(self.reactions[name].rate))
        return found
