"""Small networks with known answers, for the tests of compiler and solver."""

from hepatica.model import (
    TIME,
    Apply,
    Compartment,
    Event,
    Expression,
    InitialAssignment,
    Model,
    Number,
    Parameter,
    Reaction,
    Rule,
    Species,
    Symbol,
)


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


def hill() -> Model:
    """Production of X under a Hill term of a decaying drug, with a parameter as exponent, and a rule to read."""
    power = Apply("pow", (Symbol("D"), Symbol("n")))
    half = Apply("pow", (Symbol("K"), Symbol("n")))
    effect = Apply("/", (times("top", power), Apply("+", (half, power))))
    return Model(
        id="hill",
        compartments=(Compartment(id="c", size=1.0),),
        species=(Species(id="D", compartment="c", initial=2.0), Species(id="X", compartment="c", initial=0.5)),
        parameters=(
            *(
                Parameter(id=k, value=v)
                for k, v in (("top", 3.0), ("K", 1.5), ("n", 2.5), ("off", 0.3), ("decay", 0.2))
            ),
            Parameter(id="effect", value=0.0, constant=False),
        ),
        reactions=(
            Reaction(id="clear", reactants=(("D", 1),), products=(), rate=times("off", "D")),
            Reaction(id="make", reactants=(), products=(("X", 1),), rate=Symbol("effect")),
            Reaction(id="lose", reactants=(("X", 1),), products=(), rate=times("decay", "X")),
        ),
        rules=(Rule(kind="assignment", variable="effect", expression=effect),),
    )


def every_function() -> Model:
    """Two states whose rates name every differentiable function, and time; no kink is near where it starts."""
    x, v = Symbol("x"), Symbol("v")
    inner = times("a", "x")
    terms = [
        Apply(name, (inner,)) for name in ("exp", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")
    ]
    terms += [
        Apply("ln", (Apply("+", (Number(2.0), inner)),)),
        Apply("sqrt", (Apply("+", (Number(1.0), times(v, v))),)),
    ]
    above = Apply("+", (v, Number(2.0)))
    terms += [
        Apply("abs", (Apply("-", (v, Number(3.0))),)),
        Apply("min", (x, above)),
        Apply("max", (x, times("a", above))),
    ]
    terms += [Apply("pow", (Apply("+", (Number(1.0), x)), Symbol("b"))), Apply("/", (x, Apply("+", (v, Symbol("b")))))]
    pieces = Apply(
        "piecewise", (times("b", "v"), Apply("gt", (v, Number(9.0))), times(x, v), Apply("lt", (x, Number(5.0))), inner)
    )
    total = Apply("+", (*terms, pieces, times(0.1, Apply("sin", (TIME,)))))
    return Model(
        id="functions",
        parameters=(
            Parameter(id="x", value=0.3, constant=False),
            Parameter(id="v", value=0.6, constant=False),
            Parameter(id="a", value=0.7),
            Parameter(id="b", value=1.3),
        ),
        rules=(
            Rule(kind="rate", variable="x", expression=Apply("-", (times(0.02, total), times(2.0, "x")))),
            Rule(kind="rate", variable="v", expression=Apply("-", (times("a", "x"), times("b", "v")))),
        ),
    )


def bound_pair() -> Model:
    """``A + B <-> C`` with a slow synthesis-free tail: two conserved sums, started by initial assignments."""
    return Model(
        id="pair",
        compartments=(Compartment(id="c", size=1.0),),
        species=tuple(
            Species(id=s, compartment="c", initial=v) for s, v in (("A", 1.0), ("B", 0.0), ("C", 0.0), ("X", 0.1))
        ),
        parameters=tuple(
            Parameter(id=n, value=v)
            for n, v in (("on", 2.0), ("off", 0.5), ("total", 3.0), ("make", 0.4), ("lose", 0.25), ("dose", 1.0))
        ),
        initial_assignments=(
            InitialAssignment(symbol="B", expression=Apply("-", (Symbol("total"), Number(0.5)))),
            InitialAssignment(symbol="C", expression=times(0.5, "total")),
        ),
        reactions=(
            Reaction(id="bind", reactants=(("A", 1), ("B", 1)), products=(("C", 1),), rate=times("on", "A", "B")),
            Reaction(id="part", reactants=(("C", 1),), products=(("A", 1), ("B", 1)), rate=times("off", "C")),
            Reaction(id="made", reactants=(), products=(("X", 1),), rate=times("make", "dose", "C", "C")),
            Reaction(id="lost", reactants=(("X", 1),), products=(), rate=times("lose", "X", "X")),
        ),
        rules=(Rule(kind="assignment", variable="signal", expression=times("X", "dose", "A")),),
    )


def thermostat() -> Model:
    """X is made while below a threshold and lost faster while above another; both are parameters."""
    made = Apply("piecewise", (Symbol("make"), Apply("lt", (Symbol("X"), Symbol("high"))), times(0.6, "make")))
    lost = times(
        "lose", "X", Apply("piecewise", (Number(1.5), Apply("gt", (Symbol("Y"), Symbol("limit"))), Number(1.0)))
    )
    return Model(
        id="thermostat",
        parameters=(
            Parameter(id="X", value=0.2, constant=False),
            Parameter(id="Y", value=0.0, constant=False),
            *(
                Parameter(id=n, value=v)
                for n, v in (("make", 2.0), ("lose", 0.3), ("high", 1.5), ("limit", 0.9), ("slow", 0.4))
            ),
        ),
        rules=(
            Rule(kind="rate", variable="X", expression=Apply("-", (made, lost))),
            Rule(kind="rate", variable="Y", expression=times("slow", Apply("-", (Symbol("X"), Symbol("Y"))))),
        ),
    )


def lit() -> Model:
    """X is made by day; how fast the days go and how dark counts as night are parameters."""
    wave = Apply("sin", (times("pace", TIME),))
    made = Apply("piecewise", (Symbol("make"), Apply("gt", (wave, Symbol("dusk"))), Number(0.0)))
    return Model(
        id="lit",
        parameters=(
            Parameter(id="X", value=0.2, constant=False),
            *(Parameter(id=n, value=v) for n, v in (("make", 2.0), ("lose", 0.3), ("pace", 1.5), ("dusk", 0.2))),
        ),
        rules=(Rule(kind="rate", variable="X", expression=Apply("-", (made, times("lose", "X")))),),
    )


def clinic() -> Model:
    """Doses at a time that is a parameter and whenever X falls below a threshold, and a counter that other events set off."""
    late = Apply("ge", (TIME, Symbol("when")))
    low = Apply("lt", (Symbol("X"), Symbol("low")))
    many = Apply("gt", (Symbol("Z"), Number(1.5)))
    return Model(
        id="clinic",
        parameters=(
            Parameter(id="X", value=2.0, constant=False),
            Parameter(id="Y", value=0.3, constant=False),
            Parameter(id="Z", value=0.0, constant=False),
            *(Parameter(id=n, value=v) for n, v in (("off", 0.5), ("when", 1.3), ("dose", 1.7), ("low", 0.6), ("gain", 0.8))),
        ),
        rules=(
            Rule(kind="rate", variable="X", expression=Apply("neg", (times("off", "X"),))),
            Rule(kind="rate", variable="Y", expression=Apply("-", (times("gain", "X"), times("off", "Y", "Y")))),
            Rule(kind="rate", variable="Z", expression=Apply("+", (Number(0.0), times(0.01, "X")))),
        ),
        events=(
            Event(id="given", trigger=late, assignments=(
                ("X", Apply("+", (Symbol("X"), times("dose", "Y")))), ("Y", times("gain", "X", TIME)),
            )),
            Event(id="topped", trigger=low, assignments=(
                ("X", Apply("+", (Symbol("X"), Symbol("dose")))), ("Z", Apply("+", (Symbol("Z"), Number(1.0)))),
            )),
            Event(id="also", trigger=low, at_trigger=False, assignments=(("Y", Apply("+", (Symbol("Y"), times(0.1, "X", "Z")))),)),
            Event(id="counted", trigger=many, assignments=(("Z", times(0.1, "Y")), ("Y", Apply("+", (Symbol("Y"), Symbol("Z")))))),
        ),
    )  # fmt: skip


def buffered() -> Model:
    """Slow exchange beside an equilibrium that an algebraic rule keeps: ``K free^2 = bound`` with ``free + bound`` in X."""
    kept = Apply("-", (times("K", "free", "free"), Apply("-", (Symbol("X"), Symbol("free")))))
    return Model(
        id="buffered",
        parameters=(
            Parameter(id="X", value=2.0, constant=False),
            Parameter(id="free", value=0.5, constant=False),
            *(Parameter(id=n, value=v) for n, v in (("K", 1.4), ("off", 0.3), ("make", 0.2))),
        ),
        rules=(
            Rule(kind="rate", variable="X", expression=Apply("-", (Symbol("make"), times("off", "free")))),
            Rule(kind="algebraic", variable="", expression=kept),
        ),
    )


def absent() -> Model:
    """A and B exchange; what would make and lose them is absent, so that their sum rests without being conserved."""
    names = (
        ("there", 0.7),
        ("back", 0.2),
        ("enzyme", 0.0),
        ("make", 1.0),
        ("lose", 2.0),
        ("read", 0.5),
        ("decay", 0.1),
    )
    return Model(
        id="absent",
        compartments=(Compartment(id="c", size=1.0),),
        species=tuple(
            Species(id=s, compartment="c", initial=v) for s, v in (("A", 2.0), ("B", 0.5), ("X", 0.0), ("D", 0.0))
        ),
        parameters=tuple(Parameter(id=n, value=v) for n, v in names),
        reactions=(
            Reaction(id="there_", reactants=(("A", 1),), products=(("B", 1),), rate=times("there", "A")),
            Reaction(id="back_", reactants=(("B", 1),), products=(("A", 1),), rate=times("back", "B")),
            Reaction(id="made", reactants=(), products=(("A", 1),), rate=times("make", "enzyme")),
            Reaction(id="lost", reactants=(("B", 1),), products=(("D", 1),), rate=times("lose", "enzyme", "B")),
            Reaction(id="read_", reactants=(), products=(("X", 1),), rate=times("read", "B")),
            Reaction(id="decayed", reactants=(("X", 1),), products=(), rate=times("decay", "X")),
        ),
    )
