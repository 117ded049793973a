"""The quantile of the beta law, in float64 and without a statistics library.

Pure numbers. Source: the continued fraction is DLMF 8.17.22, evaluated by Lentz's method as modified by
Thompson & Barnett 1986; the inverse is Newton's method in logit(x), kept inside a shrinking bracket.
"""

from __future__ import annotations

import math

from ..errors import UserError

__all__ = ["beta_cumulative", "beta_quantile"]


def beta_cumulative(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b). x: 0..1; a, b: > 0. Raises: UserError V131."""
    _check(a, b)
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    return _cumulative(math.log(x), math.log1p(-x), x, 1 - x, a, b)


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = p. p: 0..1; a, b: > 0. Raises: UserError V131."""
    _check(a, b)
    if not 0 <= p <= 1:
        raise UserError("V131", "beta quantile", "a probability, 0 to 1", f"{p}", "Bring it into the range.")
    if p in (0.0, 1.0):
        return p
    if a == b and p == 0.5:
        return p  # to the last bit: a schedule rounds this middle to a table entry
    # exp(-700) is the smallest x a float64 can hold.
    low, high, y = -700.0, 700.0, math.log(a / b)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    for _ in range(200):
        log_x, log_rest = -_softplus(-y), -_softplus(y)
        error = _cumulative(log_x, log_rest, math.exp(log_x), math.exp(log_rest), a, b) - p
        if error > 0:
            high = y
        else:
            low = y
        slope = math.exp(a * log_x + b * log_rest - log_beta)  # dI / d logit(x)
        step = error / slope if slope > 1e-300 else math.inf
        proposed = y - step
        y_next = proposed if low < proposed < high else (low + high) / 2
        if abs(y_next - y) <= 1e-15 * max(1.0, abs(y)) or high - low <= 1e-15 * max(1.0, abs(y)):
            y = y_next
            break
        y = y_next
    return math.exp(-_softplus(-y))


def _softplus(y: float) -> float:
    return max(y, 0.0) + math.log1p(math.exp(-abs(y)))


def _cumulative(log_x: float, log_rest: float, x: float, rest: float, a: float, b: float) -> float:
    """Return I_x(a, b) from x, rest = 1 - x and their logarithms, each exact at its own small end."""
    front = math.exp(a * log_x + b * log_rest - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b))
    # The fraction converges fast below the mean; above it the symmetry I_x(a, b) = 1 - I_{1-x}(b, a) is used.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(rest, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c = 1.0
    d = 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 + term * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + term / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value


def _check(a: float, b: float) -> None:
    if not (0 < a < math.inf and 0 < b < math.inf):
        raise UserError("V131", "beta law", "alpha > 0 and beta > 0", f"{a}, {b}", "Raise them.")
