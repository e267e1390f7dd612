import dataclasses

from hepatica.model import Model, Parameter, Prior, Species


def test_the_digest_sees_numbers_and_not_words():
    model = Model(id="m", species=(Species(id="A", compartment="c"),), parameters=(Parameter(id="k", value=1.0),))
    renamed = dataclasses.replace(model, species=(Species(id="A", compartment="c", name="a", annotations=("urn:x",)),))
    changed = dataclasses.replace(model, parameters=(Parameter(id="k", value=1.5),))
    drawn = dataclasses.replace(
        model, parameters=(Parameter(id="k", value=1.0, prior=Prior(distribution="normal", arguments=(0.0, 1.0))),)
    )
    assert model.digest == renamed.digest
    assert len({model.digest, changed.digest, drawn.digest}) == 3


def test_places():
    model = Model(id="m", parameters=(Parameter(id="k", value=1.0),), origin={"k": "a.ant:3"})
    assert model.where("k") == "a.ant:3: "
    assert model.where("q") == ""
    assert model.by_id["k"].value == 1.0
