"""Small networks with known answers, for the tests of compiler and solver."""

from hepatica.model import Apply, Compartment, Expression, Model, Number, Parameter, Reaction, Rule, Species, Symbol


def times(*factors: Expression | str | float) -> Expression:
    """Multiply names, numbers and expressions."""
    return Apply("*", tuple(wrap(f) for f in factors))


def wrap(x: Expression | str | float) -> Expression:
    if isinstance(x, str):
        return Symbol(x)
    return Number(float(x)) if isinstance(x, int | float) else x


def robertson() -> Model:
    """Robertson's stiff kinetics in a compartment of size 2, with the conserved total as a rule."""
    square = Apply("pow", (Symbol("B"), Number(2.0)))
    return Model(
        id="robertson",
        compartments=(Compartment(id="c", size=2.0),),
        species=tuple(Species(id=s, compartment="c", initial=v) for s, v in (("A", 1.0), ("B", 0.0), ("C", 0.0))),
        parameters=tuple(Parameter(id=n, value=v) for n, v in (("k1", 0.04), ("k2", 3e7), ("k3", 1e4))),
        reactions=(
            Reaction(id="r1", reactants=(("A", 1),), products=(("B", 1),), rate=times("c", "k1", "A")),
            Reaction(id="r2", reactants=(("B", 2),), products=(("B", 1), ("C", 1)), rate=times("c", "k2", square)),
            Reaction(
                id="r3", reactants=(("B", 1), ("C", 1)), products=(("A", 1), ("C", 1)), rate=times("c", "k3", "B", "C")
            ),
        ),
        rules=(
            Rule(kind="assignment", variable="total", expression=Apply("+", (Symbol("A"), Symbol("B"), Symbol("C")))),
        ),
    )


def turnover() -> Model:
    """``dX/dt = make - decay X``: steady state make/decay, closed form at all times."""
    return Model(
        id="turnover",
        compartments=(Compartment(id="cell", size=1.0),),
        species=(Species(id="X", compartment="cell", initial=0.0, unit="nM"),),
        parameters=(Parameter(id="make", value=2.0, unit="nM/min"), Parameter(id="decay", value=0.1, unit="1/min")),
        reactions=(
            Reaction(id="in", reactants=(), products=(("X", 1),), rate=times("cell", "make")),
            Reaction(id="out", reactants=(("X", 1),), products=(), rate=times("cell", "decay", "X")),
        ),
    )


def growth(rate: float = 0.01) -> Model:
    """``dN/dt = rate N``: no steady state."""
    return Model(
        id="growth",
        species=(Species(id="N", compartment="c", initial=1.0),),
        compartments=(Compartment(id="c"),),
        parameters=(Parameter(id="rate", value=rate),),
        reactions=(Reaction(id="g", reactants=(), products=(("N", 1),), rate=times("rate", "N")),),
    )


def oscillator() -> Model:
    """``x'' = -x`` driven by nothing: ``x = cos t``."""
    return Model(
        id="oscillator",
        parameters=(Parameter(id="x", value=1.0, constant=False), Parameter(id="v", value=0.0, constant=False)),
        rules=(
            Rule(kind="rate", variable="x", expression=Symbol("v")),
            Rule(kind="rate", variable="v", expression=Apply("neg", (Symbol("x"),))),
        ),
    )


def predator() -> Model:
    """Lotka and Volterra's predator and prey: nonlinear, periodic."""
    names = ("x", "v")
    born, eaten = times(1.5, "x"), times("x", "v")
    return Model(
        id="predator",
        parameters=tuple(Parameter(id=n, value=1.0, constant=False) for n in names),
        rules=(
            Rule(kind="rate", variable="x", expression=Apply("-", (born, eaten))),
            Rule(kind="rate", variable="v", expression=Apply("-", (eaten, times(3.0, "v")))),
        ),
    )


def rate_of(expression: Expression, **values: float) -> Model:
    """``dx/dt = expression`` with x(0) = 0 and the given parameters."""
    parameters = tuple(Parameter(id=k, value=v) for k, v in values.items())
    return Model(
        id="one",
        parameters=(Parameter(id="x", value=0.0, constant=False), *parameters),
        rules=(Rule(kind="rate", variable="x", expression=expression),),
    )
