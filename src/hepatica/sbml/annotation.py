"""What SBML keeps beside the mathematics: MIRIAM identifiers, evidence, priors, observables."""

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import libsbml

from hepatica.errors import FormatError, InputError
from hepatica.evidence import Evidence
from hepatica.model.network import Parameter, Prior

HEPATICA = "urn:hepatica:model:1"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
BQBIOL = "http://biomodels.net/biology-qualifiers/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What stands behind a parameter."""

    prior: Prior | None = None
    bounds: tuple[float, float] | None = None
    evidence: Evidence | None = None


def read_annotations(element: Any) -> tuple[str, ...]:
    """Give the MIRIAM resources of an element.

    Returns
    -------
    tuple of str
        URIs; one whose biological qualifier is not ``is`` has it in front: ``hasPart https://...``.
    """
    out: list[str] = []
    for term in element.getCVTerms() or ():
        if term.getQualifierType() != libsbml.BIOLOGICAL_QUALIFIER:
            continue
        qualifier = str(libsbml.BiolQualifierType_toString(term.getBiologicalQualifierType()))
        prefix = "" if qualifier == "is" else f"{qualifier} "
        out.extend(f"{prefix}{term.getResourceURI(i)}" for i in range(term.getNumResources()))
    return tuple(dict.fromkeys(out))


def _own(element: Any, tag: str) -> dict[str, str]:
    """Give the attributes of hepatica's own annotation."""
    annotation = element.getAnnotation()
    if annotation is None:
        return {}
    for i in range(annotation.getNumChildren()):
        child = annotation.getChild(i)
        if child.getURI() == HEPATICA and child.getName() == tag:
            return {child.getAttrName(k): child.getAttrValue(k) for k in range(child.getAttributesLength())}
    return {}


def read_evidence(element: Any) -> Behind:
    """Give prior, bounds and evidence of a parameter, as :func:`annotation_element` wrote them."""
    values = _own(element, "parameter")
    if not values:
        return Behind()
    try:
        lower, upper, first, second = (float(values.get(k, "nan")) for k in ("lower", "upper", "prior1", "prior2"))
        distribution = values.get("prior", "")
        return Behind(
            prior=make_prior(distribution, (first, second)) if distribution else None,
            bounds=(lower, upper) if "lower" in values else None,
            evidence=Evidence(basis=values["basis"], source=values["source"], note=values.get("note", ""))  # type: ignore[arg-type]
            if "basis" in values
            else None,
        )
    except (ValueError, KeyError, InputError) as error:
        raise FormatError(
            f"line {element.getLine()}: the hepatica annotation of '{element.getId()}' cannot be read."
        ) from error


def make_prior(distribution: str, arguments: tuple[float, float]) -> Prior:
    """Give a prior; raise :class:`InputError` for an unknown distribution."""
    for known in ("log-normal", "uniform", "normal"):
        if distribution == known:
            return Prior(distribution=known, arguments=arguments)
    raise InputError(f"the prior '{distribution}' is none of log-normal, uniform, normal.")


def read_observables(model: Any) -> tuple[str, ...]:
    """Give the ids that the model's annotation lists as observables."""
    return tuple(_own(model, "model").get("observables", "").split())


def annotation_element(
    meta_id: str, uris: tuple[str, ...], own: dict[str, str], tag: str
) -> ElementTree.Element | None:
    """Give the ``annotation`` children of an element: identifiers as RDF, the rest in hepatica's namespace.

    Each child declares its namespaces, since other tools take it out of the file and read it by itself.

    Parameters
    ----------
    meta_id
        The element's metaid, which RDF points to.
    uris
        As :func:`read_annotations` gives them.
    own
        Attributes of hepatica's own annotation.
    tag
        Its name, ``parameter`` or ``model``.
    """
    if not uris and not own:
        return None
    annotation = ElementTree.Element("annotation")
    if own:
        ElementTree.SubElement(annotation, f"hepatica:{tag}", {"xmlns:hepatica": HEPATICA} | own)
    if uris:
        rdf = ElementTree.SubElement(annotation, "rdf:RDF", {"xmlns:rdf": RDF, "xmlns:bqbiol": BQBIOL})
        description = ElementTree.SubElement(rdf, "rdf:Description", {"rdf:about": f"#{meta_id}"})
        last = ""
        for uri in uris:
            head, _, tail = uri.rpartition(" ")
            qualifier = head or "is"
            if qualifier != last:
                bag = ElementTree.SubElement(ElementTree.SubElement(description, f"bqbiol:{qualifier}"), "rdf:Bag")
                last = qualifier
            ElementTree.SubElement(bag, "rdf:li", {"rdf:resource": tail})
    return annotation


def own_attributes(parameter: Parameter) -> dict[str, str]:
    """Give what hepatica's annotation of a parameter says."""
    out: dict[str, str] = {}
    if parameter.evidence:
        out |= {"basis": parameter.evidence.basis, "source": parameter.evidence.source}
        out |= {"note": parameter.evidence.note} if parameter.evidence.note else {}
    if parameter.prior:
        first, second = parameter.prior.arguments
        out |= {"prior": parameter.prior.distribution, "prior1": repr(float(first)), "prior2": repr(float(second))}
    if parameter.bounds:
        out |= {"lower": repr(float(parameter.bounds[0])), "upper": repr(float(parameter.bounds[1]))}
    return out
