"""Scalings, offsets and noise in closed form: a likelihood of the other parameters, with these at their best.

Of an observable ``scaling * f + offset`` with normal noise the best scaling and offset are those of linear least squares, and the
best standard deviation is the root of the mean square of what is left; with a logarithmic scale the logarithm of the scaling is
an intercept. The gradient by the other parameters is that of the whole likelihood at the best values, and the information is
what remains of it when the closed-form parameters are not known (Schur complement).

Source: C. Loos, S. Krause, J. Hasenauer, Bioinformatics 2018;34:4266-4273, doi:10.1093/bioinformatics/bty514; L. Schmiester et al.,
Bioinformatics 2020;36:594-602, doi:10.1093/bioinformatics/btz581. Parameters are marked as pyPESTO does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from hepatica.errors import InputError, UnsupportedError
from hepatica.inference.likelihood import Likelihood
from hepatica.inference.problem import Estimate, Problem, to_scale
from hepatica.model import Apply, Expression, Symbol
from hepatica.model.expression import symbols
from hepatica.solver import Tolerances

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Measurements that share closed-form parameters.

    ``here``: which they are; ``scalings``, ``offsets``: of each the column of the group's parameters, -1 without one; ``columns``:
    the places of these among the estimated; ``sigma``: that of the noise, -1 where it is given; ``logs``: on a logarithmic scale.
    """

    here: Indices
    scalings: Indices
    offsets: Indices
    columns: Indices
    sigma: int
    logs: bool


class AnalyticLikelihood:
    """The log-likelihood of a problem with scalings, offsets and noise at their best for each point.

    Parameters
    ----------
    problem
        What is fitted; the parameters with a ``role`` are computed and not estimated.
    tolerances, threads
        As for :class:`~hepatica.inference.likelihood.Likelihood`.

    Raises
    ------
    InputError
        When no parameter has a role, or one has a prior.
    UnsupportedError
        When there is no closed form.
    """

    def __init__(self, problem: Problem, *, tolerances: Tolerances | None = None, threads: int = 1) -> None:
        self.whole = Likelihood(problem, tolerances=tolerances, threads=threads)
        estimated = problem.estimated
        inner = np.array([p.role is not None for p in estimated])
        if not inner.any():
            raise InputError(
                f"problem '{problem.id}' has no parameter with a role; mark one as scaling, offset or sigma."
            )
        self.problem = replace(
            problem, parameters=tuple(replace(p, estimated=p.estimated and p.role is None) for p in problem.parameters)
        )
        self._inner, self._outer = np.flatnonzero(inner), np.flatnonzero(~inner)
        self.factors = self.whole.factors[self._outer]
        self._groups = _groups(problem)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the estimated parameters."""
        return tuple(p.id for p in self.problem.estimated)

    @property
    def inner_names(self) -> tuple[str, ...]:
        """Names of the parameters that are computed."""
        return tuple(self.whole.names[k] for k in self._inner)

    def linear(self, points: Array) -> Array:
        """Give points, on the parameters' scales, as plain values."""
        return self.whole.linear(self._at_reference(points))[:, self._outer]

    def __call__(self, points: Array) -> Array:
        """Give the log-likelihood of points, shape (point, estimated), on the parameters' scales; NaN where a run failed."""
        whole, fine = self.completed(points)
        return np.where(fine, self.whole(whole), np.nan)

    def inner(self, points: Array) -> Array:
        """Give the best values of the computed parameters, linear, shape (point, computed); NaN where a run failed."""
        whole, fine = self.completed(points)
        return np.where(fine[:, None], self.whole.linear(whole)[:, self._inner], np.nan)

    def simulate(self, points: Array) -> tuple[Array, Array]:
        """Give what each measurement should be and the scale of its noise, both of shape (point, measurement)."""
        return self.whole.simulate(self.completed(points)[0])

    def residuals(self, points: Array) -> Array:
        """Give the normalised differences of measurements from expectations, shape (point, measurement)."""
        return self.whole.residuals(self.completed(points)[0])

    def explain(self, point: Array) -> tuple[str, ...]:
        """Say why a point has no log-likelihood; see :meth:`~hepatica.inference.likelihood.Likelihood.explain`."""
        return self.whole.explain(self.completed(np.asarray(point, float)[None])[0][0])

    def gradient(self, points: Array) -> tuple[Array, Array]:
        """Give the log-likelihood (point,) and its gradient (point, estimated), both NaN where a run failed."""
        whole, fine = self.completed(points)
        value, gradient = self.whole.gradient(whole)
        value[~fine], gradient[~fine] = np.nan, np.nan
        return value, gradient[:, self._outer]

    def curvature(self, points: Array) -> tuple[Array, Array, Array]:
        """Give the log-likelihood (point,), its gradient (point, estimated), and the information (point, estimated, estimated)."""
        whole, fine = self.completed(points)
        value, gradient, known = self.whole.curvature(whole)
        value[~fine], gradient[~fine] = np.nan, np.nan
        lower, upper = (np.array([to_scale(b, p.scale) for p, b in ends]) for ends in self._ends())
        out = np.full((len(whole), len(self._outer), len(self._outer)), np.nan)
        for k in np.flatnonzero(fine & np.isfinite(known).all(axis=(1, 2))):
            at = whole[k, self._inner]
            free = self._inner[(at > lower) & (at < upper)]  # one at its bound is known
            cross = known[k][np.ix_(self._outer, free)]
            rest = cross @ np.linalg.pinv(known[k][np.ix_(free, free)], hermitian=True) @ cross.T
            out[k] = known[k][np.ix_(self._outer, self._outer)] - rest
        return value, gradient[:, self._outer], out

    def _ends(self) -> tuple[list[tuple[Estimate, float]], list[tuple[Estimate, float]]]:
        estimates = [self.whole.problem.estimated[k] for k in self._inner]
        return [(p, _lowest(p)) for p in estimates], [(p, p.upper) for p in estimates]

    def _at_reference(self, points: Array) -> Array:
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != len(self._outer):
            raise InputError(f"the points have shape {points.shape}; expected (point, {len(self._outer)}).")
        whole = np.empty((len(points), len(self.whole.factors)))
        whole[:, self._outer] = points
        for k in self._inner:
            p = self.whole.problem.estimated[k]
            whole[:, k] = to_scale(0.0 if p.role == "offset" else 1.0, p.scale)
        return whole

    def completed(self, points: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Give points of all parameters, on their scales, and whether the computed ones have a value.

        Where they have none they are at 1, and 0 for offsets.
        """
        whole = self._at_reference(points)
        expected, sigma = self.whole.simulate(whole)
        fine = np.ones(len(whole), bool)
        for k in range(len(whole)):
            for group in self._groups:
                best = _best(self.whole.problem, group, expected[k, group.here], sigma[k, group.here])
                fine[k] &= all(np.isfinite(x) for x in best.values())
                if fine[k]:
                    whole[k, list(best)] = list(best.values())
        whole[~fine] = self._at_reference(np.asarray(points, float)[~fine])
        return whole, fine


def _lowest(p: Estimate) -> float:
    return p.lower if p.scale == "lin" else max(p.lower, 0.0)


def _best(problem: Problem, group: _Group, seen: Array, sigma: Array) -> dict[int, float]:
    """The best values of a group's parameters, on their scales, by place; ``seen``: what is expected at scaling 1, offset 0."""
    estimates = [problem.estimated[c] for c in group.columns]
    values, rows = problem.values[group.here], np.arange(len(group.here))
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = {"lin": 1.0, "log": 1.0, "log10": np.log(10.0)}[
            problem.observables[problem.observable[group.here[0]]].scale
        ]
        seen, values = (np.log(seen) / unit, np.log(values) / unit) if group.logs else (seen, values)
        design, left = np.zeros((len(rows), len(estimates))), values.copy()
        scaled, moved = group.scalings >= 0, group.offsets >= 0
        design[rows[scaled], group.scalings[scaled]] = 1.0 if group.logs else seen[scaled]
        design[rows[moved], group.offsets[moved]] += 1.0
        left[~scaled | group.logs] -= seen[~scaled | group.logs]
        weight = 1.0 / sigma if group.sigma < 0 else np.ones(len(rows))
        matrix, target = design * weight[:, None], left * weight
        if not (np.isfinite(matrix).all() and np.isfinite(target).all()):
            return dict.fromkeys([*group.columns.tolist(), *([group.sigma] if group.sigma >= 0 else [])], np.nan)
        ends = np.array([[_lowest(p), p.upper] for p in estimates]).reshape(-1, 2)
        ends = np.log(ends) / unit if group.logs else ends
        found = np.linalg.lstsq(matrix, target)[0]
        if ((found < ends[:, 0]) | (found > ends[:, 1])).any():
            found = lsq_linear(matrix, target, (ends[:, 0], ends[:, 1]), tol=1e-14).x
        plain = np.exp(unit * found) if group.logs else found
        best = {int(c): to_scale(float(x), p.scale) for c, x, p in zip(group.columns, plain, estimates, strict=True)}
        if group.sigma >= 0:
            p = problem.estimated[group.sigma]
            spread = float(np.sqrt(np.mean((left - design @ found) ** 2)))
            best[group.sigma] = to_scale(min(max(spread, _lowest(p)), p.upper), p.scale)
    return best


def _groups(problem: Problem) -> list[_Group]:
    """Put measurements that share parameters together, and see that each has a closed form."""
    roles = {p.id: p.role for p in problem.estimated if p.role is not None}
    place = {p.id: k for k, p in enumerate(problem.estimated)}
    _require_free(problem, roles)
    parts = [_parts(o.id, o.formula, o.noise, roles) for o in problem.observables]
    of: dict[str, set[str]] = {}
    for used in parts:
        names = {n for n in used if n}
        joined = names.union(*(of[n] for n in names if n in of))
        of |= dict.fromkeys(joined, joined)
    groups = []
    for names in {id(n): n for n in of.values()}.values():
        kinds = [k for k, used in enumerate(parts) if names & set(used)]
        here = np.flatnonzero(np.isin(problem.observable, kinds))
        if not len(here):
            continue
        sigmas = {parts[k][2] for k in kinds}
        styles = {(problem.observables[k].scale, problem.observables[k].distribution) for k in kinds}
        exact = problem.censored is None or not problem.censored[here].any()
        offsets = sorted(n for n in names if roles[n] == "offset")
        (scale, distribution), *others = styles
        told = ", ".join(sorted(names))
        if others or distribution != "normal" or not exact or (scale != "lin" and offsets) or len(sigmas) > 1:
            raise UnsupportedError(
                f"the parameters {told} have no closed form together: that needs normal noise on one scale (for offsets the linear "
                "one), one parameter of the noise or none, and no censored measurement; estimate them."
            )
        linear = [*sorted(n for n in names if roles[n] == "scaling"), *offsets]
        column = {n: k for k, n in enumerate(linear)} | {"": -1}
        used_by = [parts[k] for k in problem.observable[here]]
        (sigma,) = sigmas
        groups.append(_Group(
            here=here, scalings=np.array([column[u[0]] for u in used_by]), offsets=np.array([column[u[1]] for u in used_by]),
            columns=np.array([place[n] for n in linear], np.int64), sigma=place[sigma] if sigma else -1, logs=scale != "lin",
        ))  # fmt: skip
    return groups


def _require_free(problem: Problem, roles: Mapping[str, str | None]) -> None:
    """See that parameters with a role are in observables alone, and flat."""
    used = {s for t in problem.trials for c in t.conditions for v in c.values() for s in symbols(v)}
    used |= {target for t in problem.trials for c in t.conditions for target in c} | problem.model.by_id.keys()
    for p in problem.estimated:
        if p.id in roles and p.id in used:
            raise UnsupportedError(
                f"parameter '{p.id}' is a {p.role}, and the model or a condition names it; estimate it."
            )
        if p.id in roles and p.prior is not None and p.prior.distribution != "uniform":
            raise InputError(
                f"parameter '{p.id}' is a {p.role} with a prior, which its closed form leaves out; estimate it."
            )


def _parts(name: str, formula: Expression, noise: Expression, roles: Mapping[str, str | None]) -> tuple[str, str, str]:
    """Names of an observable's scaling, offset and sigma; empty where it has none."""
    terms, scaling, offset = _flat(formula, "+"), "", ""
    for k, term in enumerate(terms):
        if isinstance(term, Symbol) and roles.get(term.name) == "offset":
            offset, terms = term.name, [*terms[:k], *terms[k + 1 :]]
            break
    factors = _flat(terms[0], "*") if len(terms) == 1 else []
    for k, factor in enumerate(factors):
        if isinstance(factor, Symbol) and roles.get(factor.name) == "scaling":
            scaling, factors = factor.name, [*factors[:k], *factors[k + 1 :]]
            break
    left = {s for x in (factors if len(terms) == 1 else terms) for s in symbols(x)} & roles.keys()
    own = symbols(noise) & roles.keys()
    sigma = noise.name if isinstance(noise, Symbol) and roles.get(noise.name) == "sigma" else ""
    if left or own - {sigma}:
        raise UnsupportedError(
            f"observable '{name}' has no closed form for {', '.join(sorted(left | (own - {sigma})))}; expected "
            "'scaling * (...) + offset' and a sigma that is the whole noise."
        )
    return scaling, offset, sigma


def _flat(expression: Expression, operator: str) -> Sequence[Expression]:
    if isinstance(expression, Apply) and expression.operator == operator:
        return [part for argument in expression.arguments for part in _flat(argument, operator)]
    return [expression]
