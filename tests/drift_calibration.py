"""How often the default drift decisions are wrong, and how often they decide: `python tests/drift_calibration.py`.

Each line is one cell: a distribution, rows of the reference and of the current data. Counted are wrong fails and wrong
passes where the effect equals the tolerance, fails and passes where nothing moved, and fails at twice the tolerance.

Numbers are drawn by their cells: the reference is frozen at its own ten quantiles, so its counts are known and the
shares of the population between such quantiles are Dirichlet; the current data is multinomial on shares that are tilted
along the cells until the effect is what it should be. Categories are multinomial on both sides. The effect is that of
the cells that are compared, after rare ones were pooled.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from ctcore import _core
from ctcore.drift import Tolerances
from ctcore.drift._compare import _decide, _settled
from ctcore.verdict import Verdict

SIZES = [30, 100, 300, 1_000, 5_000, 50_000, 1_000_000]
NUMBERS = {"normal": 10, "lognormal(3)": 10, "ties 0-9": 10, "zero-inflated": 5}
"""The number of cells: a zero that holds 60% of the rows is one of five; ranks do not see the lognormal's tail."""
CATEGORIES = {"2 categories": 2, "10 categories": 10, "200 Zipf": 200, "1,000 Zipf": 1_000}
TOLERANCES = Tolerances()


@dataclass(frozen=True)
class Rates:
    """Shares of the repetitions."""

    wrong_fail: float
    wrong_pass: float
    null_fail: float
    null_pass: float
    found: float
    covered: float
    repetitions: int


def reference_shares(kind):
    if kind == "zero-inflated":
        return np.array([0.6, 0.1, 0.1, 0.1, 0.1])
    cells = (NUMBERS | CATEGORIES)[kind]
    if kind in CATEGORIES and cells > 2:
        zipf = 1 / np.arange(1, cells + 1)
        return zipf / zipf.sum()
    return np.full(cells, 1 / cells) if cells > 2 else np.array([0.7, 0.3])


def value(statistic, p, q):
    """The population's statistic of shares without zeros."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if statistic == "psi":
            return float(np.sum((p - q) * np.log(p / q)))
        middle = (p + q) / 2
        halves = np.where(p > 0, p * np.log2(p / middle), 0) + np.where(q > 0, q * np.log2(q / middle), 0)
        return float(np.sqrt(max(np.sum(halves) / 2, 0)))


def tilted(statistic, p, effect, direction):
    """Shares ``p exp(s direction)`` whose distance from ``p`` is the effect."""
    if effect == 0:
        return p
    low, high = 0.0, 1.0

    def at(size):
        weights = p * np.exp(size * direction)
        return weights / weights.sum()

    while value(statistic, p, at(high)) < effect:
        high *= 2
        if high > 1e3:
            return None
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if value(statistic, p, at(middle)) < effect else (low, middle)
    return at(high)


def direction_of(kind, cells, rng):
    """A shift along the cells for numbers; for categories every cell goes its own way."""
    return np.linspace(-1, 1, cells) if kind in NUMBERS else rng.normal(size=cells)


def decided(statistic, tolerance, reference, current):
    settled = _settled(reference.tolist(), current.tolist(), frozen=statistic == "psi")
    sides = settled.reference, settled.current
    effect = _core.psi(*sides, "jeffreys") if statistic == "psi" else _core.jensen_shannon(*sides)
    return _decide("x", statistic, effect, tolerance, settled)


def pooled_shares(p, q, reference, current):
    """The population's shares on the categories that these counts are pooled to."""
    both, least = reference + current, 5 * (reference.sum() + current.sum()) / min(reference.sum(), current.sum())
    rare = both < least
    if not rare.any():
        return p, q
    kept, rest = both[~rare], (p[rare].sum(), q[rare].sum())
    if both[rare].sum() >= least or len(kept) < 2:
        return np.append(p[~rare], rest[0]), np.append(q[~rare], rest[1])
    p, q, smallest = p[~rare].copy(), q[~rare].copy(), len(kept) - 1 - np.argmin(kept[::-1])
    p[smallest] += rest[0]
    q[smallest] += rest[1]
    return p, q


def rates(kind, n, m, repetitions, seed=0):
    statistic = "psi" if kind in NUMBERS else "jensen_shannon"
    tolerance = TOLERANCES.psi if statistic == "psi" else TOLERANCES.jensen_shannon
    rng = np.random.default_rng([seed, n, m, len(kind)])
    base = reference_shares(kind)
    counted = dict.fromkeys(("wrong_fail", "wrong_pass", "null_fail", "null_pass", "found", "covered"), 0)
    at_tolerance = 0
    for _ in range(repetitions):
        direction = direction_of(kind, len(base), rng)
        for effect in (0.0, tolerance, 2 * tolerance):
            if statistic == "psi":
                reference = np.round(base * n).astype(int)
                p = rng.dirichlet(np.maximum(reference, 1))
            else:
                p = base
                reference = rng.multinomial(n, p)
            q = tilted(statistic, p, effect, direction)
            if q is None:
                continue
            current = rng.multinomial(m, q)
            check = decided(statistic, tolerance, reference, current)
            failed, passed = check.verdict is Verdict.FAIL, check.verdict is Verdict.PASS
            if effect == 0:
                counted["null_fail"] += failed
                counted["null_pass"] += passed
            elif effect == tolerance:
                # Pooling can only lessen the effect: what is left is what the interval speaks of.
                left = effect if statistic == "psi" else value(statistic, *pooled_shares(p, q, reference, current))
                at_tolerance += 1
                counted["covered"] += check.lower <= left <= check.upper
                counted["wrong_fail"] += failed
                counted["wrong_pass"] += passed and left >= tolerance * (1 - 1e-9)
            else:
                counted["found"] += failed
    assert at_tolerance, f"{kind}: no repetition had the effect"
    return Rates(**{name: hits / repetitions for name, hits in counted.items()}, repetitions=repetitions)


def repetitions_of(n):
    return 2_000 if n <= 5_000 else 400 if n <= 50_000 else 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1.0, help="of the repetitions")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="rows")
    options = parser.parse_args()
    print("| kind | reference | current | wrong fail | wrong pass | null fail | null pass | found at 2x | covered |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in NUMBERS | CATEGORIES:
        for n in SIZES:
            for m in (n, n // 10):
                if n > options.largest or m < 3:
                    continue
                found = rates(kind, n, m, max(int(repetitions_of(n) * options.share), 50))
                shares = (
                    found.wrong_fail,
                    found.wrong_pass,
                    found.null_fail,
                    found.null_pass,
                    found.found,
                    found.covered,
                )
                print(f"| {kind} | {n:,} | {m:,} |", " | ".join(f"{share:.1%}" for share in shares), "|")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
