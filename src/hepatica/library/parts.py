"""The parts of a model in words: where each is written, and the formulas that make it."""

from dataclasses import dataclass

from hepatica.model import Model, Reaction, Rule, Species, moieties, to_infix


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A species, reaction, rule or whole model as a reader looks for it.

    Parameters
    ----------
    id, kind, name, unit
        What it is called, and what it is.
    model, where
        The model it belongs to, and the file and line where it is written.
    annotations
        MIRIAM identifiers.
    formulas
        (what, formula): the reactions that change a species with their rates, a rule's or a reaction's own.
    """

    id: str
    kind: str
    name: str = ""
    unit: str = ""
    model: str
    where: str = ""
    annotations: tuple[str, ...] = ()
    formulas: tuple[tuple[str, str], ...] = ()


def parts_of(model: Model) -> dict[str, Part]:
    """Give every species, reaction and computed quantity of a model, and the model itself, by id."""
    units = {p.id: (p.name, p.unit) for p in model.parameters}
    found = {model.id: _model(model)}
    found |= {r.variable: _rule(model, r, *units.get(r.variable, ("", ""))) for r in model.rules}
    found |= {r.id: _reaction(model, r) for r in model.reactions}
    return found | {s.id: _species(model, s) for s in model.species}


def _model(model: Model) -> Part:
    computed = sum(r.kind == "assignment" for r in model.rules)
    counts = (
        ("species", str(len(model.species))),
        ("reactions", str(len(model.reactions))),
        ("rate rules", str(len(model.rules) - computed)),
        ("computed quantities", str(computed)),
        ("conserved pools", str(len(moieties(model)))),
    )
    return Part(id=model.id, kind="model", name=model.name, model=model.id, formulas=counts)


def _species(model: Model, species: Species) -> Part:
    changed = [r for r in model.reactions if any(species.id == name for name, _ in (*r.reactants, *r.products))]
    own = [r for r in model.rules if r.variable == species.id]
    formulas = [(f"{r.id}: {equation(r)}", to_infix(r.rate)) for r in changed]
    formulas += [(species.id if r.kind == "assignment" else f"d {species.id}/dt", to_infix(r.expression)) for r in own]
    return Part(
        id=species.id, kind="species", name=species.name, unit=species.unit, model=model.id,
        where=model.origin.get(species.id, ""), annotations=species.annotations, formulas=tuple(formulas),
    )  # fmt: skip


def _reaction(model: Model, reaction: Reaction) -> Part:
    formulas = ((equation(reaction), to_infix(reaction.rate)),)
    where = model.origin.get(reaction.id, "")
    return Part(id=reaction.id, kind="reaction", name=reaction.name, model=model.id, where=where, formulas=formulas)


def _rule(model: Model, rule: Rule, name: str, unit: str) -> Part:
    what = rule.variable if rule.kind == "assignment" else f"d {rule.variable}/dt"
    kind = "computed quantity" if rule.kind == "assignment" else "state with a rate rule"
    where = model.origin.get(rule.variable, "")
    formulas = ((what, to_infix(rule.expression)),)
    return Part(id=rule.variable, kind=kind, name=name, unit=unit, model=model.id, where=where, formulas=formulas)


def equation(reaction: Reaction) -> str:
    """Give a reaction as chemists write it.

    Examples
    --------
    >>> from hepatica.model import Number
    >>> equation(Reaction(id="r", reactants=(("A", 2.0),), products=(("B", 1.0),), rate=Number(1.0)))
    '2 A -> B'
    """
    sides = (
        " + ".join(name if n == 1 else f"{n:g} {name}" for name, n in side)
        for side in (reaction.reactants, reaction.products)
    )
    return " -> ".join(sides).strip()
