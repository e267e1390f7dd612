"""The error tree."""

import inspect

import pytest

from hepatica import errors
from hepatica.errors import ComputationError, HepaticaError, InputError, StorageError, did_you_mean

ALL_ERRORS = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, HepaticaError)]


@pytest.mark.parametrize("error", ALL_ERRORS)
def test_every_error_is_a_hepatica_error_with_a_docstring_and_stands_in_the_drawn_tree(error):
    assert issubclass(error, HepaticaError)
    assert error.__doc__
    assert error.__name__ in errors.__doc__


@pytest.mark.parametrize("error", ALL_ERRORS)
def test_exit_codes(error):
    wrong_input = issubclass(error, InputError | StorageError)
    assert error.exit_code == (2 if wrong_input else 1)


def test_computation_failure_is_not_the_users_fault():
    with pytest.raises(ComputationError, match=r"^the matrix is singular\.$") as caught:
        raise ComputationError("the matrix is singular.")
    assert caught.value.exit_code == 1


def test_did_you_mean_names_what_is_near():
    assert did_you_mean("pMEKK", ["pMEK", "pERK", "pAKT"]) == " Did you mean 'pMEK'?"


def test_did_you_mean_ignores_case():
    assert did_you_mean("HEPG2", ["HepG2", "Huh7"]) == " Did you mean 'HepG2'?"


def test_did_you_mean_joins_two():
    assert did_you_mean("pMEX", ["pMEK", "pMET"]) in {
        " Did you mean 'pMEK' or 'pMET'?",
        " Did you mean 'pMET' or 'pMEK'?",
    }


def test_did_you_mean_lists_few_names_when_nothing_is_near():
    assert did_you_mean("zzz", ["b", "a"]) == " Known: a, b."


def test_did_you_mean_is_silent_when_nothing_is_near_among_many_or_none():
    assert did_you_mean("zzz", [f"name{i}" for i in range(13)]) == ""
    assert did_you_mean("zzz", []) == ""
