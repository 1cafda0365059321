"""Comparisons with the best: recipes × seeds under one model."""

import math
from functools import lru_cache

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import optimize, stats

LEVEL = 0.95
Table = NDArray[np.float64]  # [recipes, seeds], more is better


@frozen(eq=False)
class Comparison:
    """Each recipe against the leader.

    Parameters: `behind`, the mean difference to the leader; `needed`, the smallest difference that counts as real;
    `pooled`, whether one residual serves all; `p_spread`, the p-value of equal spreads (None: it cannot be tested).
    """

    leader: int
    behind: Table  # [recipes]
    needed: Table  # [recipes]; infinite where nothing can be said
    pooled: bool
    p_spread: float | None

    @property
    def tied(self) -> list[int]:
        """The recipes that could be the best, the leader among them."""
        return [i for i in range(len(self.behind)) if i == self.leader or self.behind[i] <= self.needed[i]]


def compare_with_best(y: Table) -> Comparison:
    """Which recipes could be the best.

    Model: y_ij = μ + recipe_i + seed_j + ε_ij; rows of one seed share weights, order and masks, so the seed's effect is
    taken out. With equal spreads (Brown–Forsythe on the residuals) one residual variance s², ν = (R − 1)(S − 1), serves
    all, and recipe i could be the best where its mean is within d·s·√(2/S) of the leader's, d the one-sided Dunnett
    quantile. Otherwise each is held against the leader by its own paired differences, with Holm's correction.

    Source: Hsu, "Multiple Comparisons" (1996), ch. 4, multiple comparisons with the best; Holm (1979).
    """
    recipes, seeds = y.shape
    means = y.mean(axis=1)
    leader = int(means.argmax())
    behind = means[leader] - means
    if seeds == 1 or recipes == 1:
        return Comparison(leader, behind, np.full(recipes, np.inf), True, None)
    residual = y - means[:, None] - y.mean(axis=0) + y.mean()
    p_spread = _equal_spread(residual)
    if p_spread is not None and p_spread < 1 - LEVEL:
        return Comparison(leader, behind, _paired(y, leader), False, p_spread)
    freedom = (recipes - 1) * (seeds - 1)
    variance = float((residual**2).sum()) / freedom
    least = dunnett(recipes - 1, freedom) * math.sqrt(2 * variance / seeds)
    return Comparison(leader, behind, np.full(recipes, least), True, p_spread)


@lru_cache(maxsize=256)
def dunnett(k: int, freedom: int, level: float = LEVEL) -> float:
    """One-sided quantile d of Dunnett's distribution: P(max of k Student variables with correlations ½ ≤ d) = level.

    Equation: P = E_s E_z Φ(z + √2·d·s)^k with z normal and s² a χ²/ν variable, by quadrature.

    Source: Dunnett (1955), "A multiple comparison procedure for comparing several treatments with a control".

    >>> round(dunnett(1, 10), 3), round(dunnett(4, 20), 2)
    (1.812, 2.3)
    """
    z = np.linspace(-8, 8, 321)
    weights = stats.norm.pdf(z) * (z[1] - z[0])
    s = stats.chi.ppf((np.arange(512) + 0.5) / 512, freedom) / math.sqrt(freedom)

    def excess(d: float) -> float:
        inner = stats.norm.cdf(z[None, :] + math.sqrt(2) * d * s[:, None]) ** k
        return float((inner @ weights).mean()) - level

    return float(optimize.brentq(excess, 0, 60, xtol=1e-6))


def _equal_spread(residual: Table) -> float | None:
    if residual.shape[1] < 3 or np.ptp(residual) == 0:
        return None
    return float(stats.levene(*residual, center="median").pvalue)


def _paired(y: Table, leader: int) -> Table:
    """The difference each recipe would need: Holm's steps turned into the quantile that its place in the order has."""
    differences = y[leader] - y
    seeds = y.shape[1]
    error = differences.std(axis=1, ddof=1) / math.sqrt(seeds)
    ratio = np.divide(differences.mean(axis=1), error, out=np.full(len(y), np.inf), where=error > 0)
    others = [i for i in np.argsort(-ratio) if i != leader]
    needed, tied = np.zeros(len(y)), False
    for place, i in enumerate(others):
        alpha = (1 - LEVEL) / (len(others) - place)
        needed[i] = float(stats.t.ppf(1 - alpha, seeds - 1)) * error[i]
        # Holm stops at the first that is not significant: those after it are not either.
        tied = tied or differences[i].mean() <= needed[i]
        if tied:
            needed[i] = max(needed[i], differences[i].mean())
    return needed
