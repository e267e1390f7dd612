import pytest

from hepatica.compiler import jacobian as room
from hepatica.compiler.jacobian import build_jacobian, plan_elimination
from hepatica.compiler.system import build_system
from hepatica.errors import UnsupportedError

from .networks import robertson


def test_a_dense_factorisation_is_refused_before_it_is_planned():
    with pytest.raises(
        UnsupportedError, match=r"^the 400 states of the model depend on each other so densely that a step"
    ):
        plan_elimination(400, ((i, j) for i in range(400) for j in range(400)))


def test_a_factorisation_within_the_limit_is_planned(monkeypatch):
    monkeypatch.setattr(room, "MAX_OPERATIONS", 5)
    assert len(plan_elimination(3, ((i, j) for i in range(3) for j in range(3))).slot) == 9
    with pytest.raises(UnsupportedError):
        plan_elimination(4, ((i, j) for i in range(4) for j in range(4)))


def test_too_many_partial_derivatives_are_refused(monkeypatch):
    system = build_system(robertson())
    monkeypatch.setattr(room, "MAX_PARTIALS", 6)
    with pytest.raises(
        UnsupportedError, match=r"^the rates of the model name 7 states and parameters together; at most 6"
    ):
        build_jacobian(system)
    monkeypatch.setattr(room, "MAX_PARTIALS", 7)
    assert build_jacobian(system).partials
