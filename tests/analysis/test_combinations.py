import numpy as np
import pytest

from hepatica.analysis.combinations import combinations, describe_combination, formula


def information(*known: list[float], weight: float = 1e4) -> np.ndarray:
    """What measurements of these combinations of logarithms tell."""
    rows = np.array(known)
    return weight * rows.T @ rows


def test_a_chain_of_two_rates_and_a_scale() -> None:
    found = combinations(information([1, 1, 0, 0], [0, -1, 1, 0], [0, 0, 0, 1]), list("abcd"))
    assert [members for members, _ in found] == [("a", "b", "c")]
    assert [describe_combination(c) for c in found[0][1]] == ["the product a*c", "the ratio b/c"]


def test_of_three_factors_only_the_product_is_known() -> None:
    ((members, table),) = combinations(information([1, 1, 1]), list("abc"))
    assert members == ("a", "b", "c")
    assert [describe_combination(c) for c in table] == ["the product a*b*c"]


def test_powers_are_kept() -> None:
    ((_, table),) = combinations(information([1, 2]), ["a", "b"])
    assert table == [{"a": pytest.approx(1.0), "b": pytest.approx(2.0)}]
    assert formula(table[0]) == "a*b^2"
    assert describe_combination(table[0]) == "the combination a*b^2"


def test_two_sets_are_two_and_what_is_free_alone_is_no_set() -> None:
    found = combinations(information([1, 1, 0, 0, 0], [0, 0, 1, -1, 0]), list("abcde"))
    assert [(m, [describe_combination(c) for c in t]) for m, t in found] == [
        (("a", "b"), ["the product a*b"]), (("c", "d"), ["the ratio c/d"]),
    ]  # fmt: skip
    assert combinations(information([1, 0], [0, 1]), ["a", "b"]) == []


def test_what_is_known_to_a_factor_of_ten_is_not_flat() -> None:
    near = information([1, 1]) + np.eye(2) * (1.96 / np.log(10.0)) ** 2
    assert combinations(near, ["a", "b"]) == []
