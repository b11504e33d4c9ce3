"""Quantiles of a normal error plus one whose variance was itself estimated."""

import math
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95
"""The level of every interval in a table."""


def two_sided_p(t: float, df: int) -> float:
    """P(|T| ≥ t) for Student's t with an integer number of degrees of freedom.

    The finite series of Abramowitz & Stegun 26.7.3 (odd) and 26.7.4 (even), with θ = atan(t / √df).
    """
    theta = math.atan(t / math.sqrt(df))
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = df % 2
    term, total = (cosine, cosine) if odd else (1.0, 1.0)
    for k in range(2 + odd, df, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    if not odd:
        return max(0.0, 1 - sine * total)
    inside = theta + (sine * total if df > 1 else 0.0)
    return max(0.0, 1 - 2 / math.pi * inside)


def two_sided_z(p: float) -> float:
    """The z at which P(|Z| ≥ z) = p for a standard normal; 40 where p is too small to tell."""
    return -NormalDist().inv_cdf(p / 2) if p > 1e-300 else 40.0


@lru_cache(maxsize=256)
def t_quantile(df: int, confidence: float = CONFIDENCE) -> float:
    """The t at which P(|T| < t) = `confidence`, by bisection."""
    low, high = 0.0, 1.0
    while two_sided_p(high, df) > 1 - confidence:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided_p(middle, df) > 1 - confidence else (low, middle)
    return high


def half_width(known: float, estimated: float, df: int, confidence: float = CONFIDENCE) -> float:
    """Half the interval of a sum of two independent errors: √(z²·known + t²·estimated).

    `known` is a variance that is as good as known (a bootstrap over many items), `estimated` one with `df` degrees of
    freedom; with `df` = 0 there is none. Source: Howe 1974, JASA 69, 789 (intervals for the mean of X + Y).
    """
    z = two_sided_z(1 - confidence)
    t = t_quantile(df, confidence) if df else 0.0
    return math.sqrt(z**2 * known + t**2 * estimated)


def p_value(difference: float, known: float, estimated: float, df: int) -> float:
    """The level at which the interval of `half_width` around `difference` just reaches 0; nan where a variance is."""
    size = abs(difference)
    if math.isnan(known + estimated):
        return math.nan
    if df == 0 or estimated == 0:
        return math.erfc(size / math.sqrt(2 * known)) if known > 0 else float(size == 0)
    low, high = 0.0, size / math.sqrt(estimated)
    for _ in range(50):
        middle = (low + high) / 2
        reached = math.hypot(two_sided_z(two_sided_p(middle, df)) * math.sqrt(known), middle * math.sqrt(estimated))
        low, high = (middle, high) if reached < size else (low, middle)
    return two_sided_p(high, df)
