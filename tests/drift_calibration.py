"""How often drift decisions are wrong, and how often they decide: `python tests/drift_calibration.py`.

Each line is one cell: a statistic, a kind of column, rows of the reference and of the current data. Counted are wrong
fails and wrong passes where the effect equals the tolerance, fails and passes where nothing moved, and fails at twice
the tolerance. Lines go to a file as they are done, and a run that was stopped goes on where it was.

Statistics of cells: the reference of numbers is frozen at its own ten quantiles, so its counts are known and the shares
of the population between such quantiles are Dirichlet; the current data is multinomial on shares that are tilted along
the cells until the effect is what it should be. Categories are multinomial on both sides. The effect is that of the
cells that are compared, after rare ones were pooled.

Statistics of values: a population of a thousand quantiles, tilted along them; continuous kinds are spread between
quantiles. Days: each day has a shift of its own, and the effect is that of the mixture of all days.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy import stats

from ctcore import _core, drift
from ctcore.drift import Tolerances, _days
from ctcore.drift._primary import cells_against, decide, ranks_against
from ctcore.drift._shares import judge_share
from ctcore.drift._tolerances import RANKS
from ctcore.verdict import Verdict

SIZES = [30, 100, 300, 1_000, 5_000, 50_000, 1_000_000]
NUMBERS = {"normal": 10, "lognormal(3)": 10, "ties 0-9": 10, "zero-inflated": 5}
"""The number of cells: a zero that holds 60% of the rows is one of five; ranks do not see the lognormal's tail."""
CATEGORIES = {"2 categories": 2, "10 categories": 10, "200 Zipf": 200, "1,000 Zipf": 1_000}
MISSING = {"missing 0%": 0.0, "missing 5%": 0.05}
TOLERANCES = Tolerances()
DEFAULTS = [("psi", kind) for kind in NUMBERS] + [("jensen_shannon", kind) for kind in CATEGORIES]
DEFAULTS += [("missing", kind) for kind in MISSING] + [("out_of_range", "numbers")]
OTHERS = [(name, kind) for name in ("ks", "auc", "wasserstein") for kind in NUMBERS]
OTHERS += [(name, kind) for name in ("jensen_shannon", "hellinger", "total_variation") for kind in NUMBERS]
OTHERS += [(name, kind) for name in ("psi", "hellinger", "total_variation", "cramers_v") for kind in CATEGORIES]
SPREAD = 0.3
"""The standard deviation of a day's own shift, where rows of a day have 1."""
ROWS_A_DAY = 100


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


class Counted:
    """Decisions of one cell."""

    def __init__(self):
        self.hits = dict.fromkeys(("wrong_fail", "wrong_pass", "null_fail", "null_pass", "found", "covered"), 0)
        self.at_tolerance = 0

    def add(self, times, check, left, tolerance):
        """Count a decision at so many times the tolerance; ``left`` is the effect that pooling left."""
        failed, passed = check.verdict is Verdict.FAIL, check.verdict is Verdict.PASS
        if times == 0:
            self.hits["null_fail"] += failed
            self.hits["null_pass"] += passed
        elif times == 1:
            self.at_tolerance += 1
            self.hits["covered"] += check.lower <= left <= check.upper
            self.hits["wrong_fail"] += failed
            self.hits["wrong_pass"] += passed and left >= tolerance * (1 - 1e-9)
        else:
            self.hits["found"] += failed

    def rates(self, repetitions):
        assert self.at_tolerance, "no repetition had the effect"
        return Rates(**{name: hits / repetitions for name, hits in self.hits.items()}, repetitions=repetitions)


# ------------------------------------------------------------------------------------- counted cells


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
    of, root = _days._CELLS[statistic]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = float(of(p, q))
    return np.sqrt(found) if root else found


def tilted(value, p, effect, direction):
    """Shares ``p exp(s direction)`` whose distance ``value(q)`` from ``p`` is the effect."""
    if effect == 0:
        return p
    low, high = 0.0, 1.0

    def at(size):
        weights = p * np.exp(size * (direction - direction.max()))
        return weights / weights.sum()

    while value(at(high)) < effect:
        high *= 2
        if high > 1e3:
            return None
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if value(at(middle)) < effect else (low, middle)
    return at(high)


def direction_of(kind, cells, rng):
    """A shift along the cells for numbers; for categories every cell goes its own way."""
    return np.linspace(-1, 1, cells) if kind in NUMBERS else rng.normal(size=cells)


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


def of_cells(statistic, kind, n, m, times, rng):
    """Draw counts at so many times the tolerance and decide: the check and the effect that pooling left."""
    tolerance = getattr(TOLERANCES, statistic)
    base, frozen = reference_shares(kind), kind in NUMBERS
    direction = direction_of(kind, len(base), rng)
    if frozen:
        reference = np.round(base * n).astype(int)
        p = rng.dirichlet(np.maximum(reference, 1))
    else:
        p = base
        reference = rng.multinomial(n, p)
    q = tilted(lambda q: value(statistic, p, q), p, times * tolerance, direction)
    if q is None:
        return None
    current = rng.multinomial(m, q)
    against, hidden = cells_against(statistic, reference.tolist(), current.tolist(), tolerance, frozen=frozen)
    check = decide("x", statistic, against, tolerance, (n, m), hidden=hidden)
    left = times * tolerance if frozen else value(statistic, *pooled_shares(p, q, reference, current))
    return check, left, tolerance


# ----------------------------------------------------------------------------------- values themselves


@cache
def population(kind):
    """Support points, their shares, and how far a value may lie beyond its point."""
    steps = (np.arange(1000) + 0.5) / 1000
    if kind == "normal":
        return stats.norm.ppf(steps), np.full(1000, 1e-3), True
    if kind == "lognormal(3)":
        return np.exp(3 * stats.norm.ppf(steps)), np.full(1000, 1e-3), True
    if kind == "ties 0-9":
        return np.arange(10.0), np.full(10, 0.1), False
    return np.append(0.0, -np.log(1 - steps)), np.append(0.6, np.full(1000, 4e-4)), False


def value_of_ranks(statistic, points, p, q):
    if statistic == "ks":
        return float(np.abs(np.cumsum(p - q)).max())
    if statistic == "auc":
        below = np.cumsum(p) - p / 2
        return abs(float(q @ below) - 0.5)
    scale = np.sqrt(p @ points**2 - (p @ points) ** 2)
    return float(np.abs(np.cumsum(p - q))[:-1] @ np.diff(points)) / scale


@cache
def moved(statistic, kind, effect):
    points, p, _ = population(kind)
    return tilted(lambda q: value_of_ranks(statistic, points, p, q), p, effect, np.linspace(-1, 1, len(p)))


def sample(points, shares, size, rng, *, spread):
    values = np.repeat(points, rng.multinomial(size, shares))
    # Continuous kinds: no two values are equal, and the order of the points stays.
    return values * (1 + 1e-9 * rng.random(size)) if spread else values


def of_ranks(statistic, kind, n, m, times, rng):
    tolerance = getattr(TOLERANCES, statistic)
    points, p, spread = population(kind)
    reference = sample(points, p, n, rng, spread=spread)
    current = sample(points, moved(statistic, kind, times * tolerance), m, rng, spread=spread)
    against = ranks_against(statistic, reference, current, tolerance)
    return decide("x", statistic, against, tolerance, (n, m)), times * tolerance, tolerance


def of_missing(_, kind, n, m, times, rng):
    tolerance, share = TOLERANCES.missing_share, MISSING[kind]
    hits = int(rng.binomial(n, share)), int(rng.binomial(m, share + times * tolerance))
    return judge_share("x", "missing", hits, (n, m), tolerance), times * tolerance, tolerance


def of_out_of_range(_, __, n, m, times, rng):
    """Beyond the range of a reference lie two of the ``n + 1`` spacings of whatever it was drawn from."""
    tolerance = TOLERANCES.out_of_range_share
    beyond = rng.beta(2, n - 1)
    hits = 0, int(rng.binomial(m, min(beyond + times * tolerance, 1.0)))
    return judge_share("x", "out_of_range", hits, (n, m), tolerance), times * tolerance, tolerance


SHARES = {"missing": of_missing, "out_of_range": of_out_of_range}


def rates(statistic, kind, n, m, repetitions, seed=0):
    draw = SHARES.get(statistic) or (of_ranks if statistic in RANKS else of_cells)
    rng = np.random.default_rng([seed, n, m, zlib.crc32(f"{statistic} {kind}".encode())])
    counted = Counted()
    for _ in range(repetitions):
        for times in (0, 1, 2):
            drawn = draw(statistic, kind, n, m, times, rng)
            if drawn is not None:
                check, left, tolerance = drawn
                counted.add(times, check, left, tolerance)
    return counted.rates(repetitions)


# ----------------------------------------------------------------------------------------------- days


def rates_of_days(days, other_days, repetitions, seed=0):
    """PSI of a normal whose days have shifts of their own: by days, and by rows as if they were independent."""
    rng = np.random.default_rng([seed, days, other_days])
    tolerance, marginal = TOLERANCES.psi, np.hypot(1, SPREAD)
    by_days, by_rows = Counted(), Counted()
    for _ in range(repetitions):
        for times in (0, 1, 2):
            first = rng.normal(size=(days, ROWS_A_DAY)) + rng.normal(0, SPREAD, (days, 1))
            edges = np.quantile(first, np.arange(1, 10) / 10)
            p = np.diff(stats.norm.cdf(edges / marginal), prepend=0, append=1)
            shift = shift_of(edges / marginal, p, times * tolerance) * marginal
            second = shift + rng.normal(size=(other_days, ROWS_A_DAY)) + rng.normal(0, SPREAD, (other_days, 1))
            sides = [counts_of_days(side, edges) for side in (first, second)]
            totals = [side.sum(axis=0).astype(int).tolist() for side in sides]
            against, hidden = cells_against("psi", *totals, tolerance, frozen=True)
            sizes = (first.size, second.size)
            alone = decide("x", "psi", against, tolerance, sizes, hidden=hidden)
            found = _days.cells_against("psi", tuple(sides), tolerance, against.statistic)
            check = decide("x", "psi", found, tolerance, (days, other_days), unit="days", hidden=hidden)
            by_days.add(times, check, times * tolerance, tolerance)
            by_rows.add(times, alone, times * tolerance, tolerance)
    return by_days.rates(repetitions), by_rows.rates(repetitions)


def counts_of_days(side, edges):
    cell = np.searchsorted(edges, side)
    return np.stack([np.bincount(day, minlength=len(edges) + 1) for day in cell]).astype(float)


def shift_of(edges, p, effect):
    """The shift of a standard normal whose PSI in these cells is the effect."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        q = np.diff(stats.norm.cdf(edges - middle), prepend=0, append=1)
        low, high = (middle, high) if value("psi", p, q) < effect else (low, middle)
    return 0.0 if effect == 0 else high


# --------------------------------------------------------------------------------- many columns, peers


def found_among(columns, n, repetitions, seed=0):
    """How often a PSI of .10 in ten frozen cells is found after the false discovery rate over so many columns."""
    rng = np.random.default_rng([seed, n, columns])
    found = 0
    for _ in range(repetitions):
        reference = np.full(10, n // 10)
        p_values, failed = [], False
        for column in range(columns):
            p = rng.dirichlet(reference)
            effect = 0.10 if column == 0 else 0.0
            q = tilted(lambda q, p=p: value("psi", p, q), p, effect, np.linspace(-1, 1, 10))
            current = rng.multinomial(n, q)
            against, _ = cells_against("psi", reference.tolist(), current.tolist(), TOLERANCES.psi, frozen=True)
            p_values.append(against.p_above)
            failed |= column == 0 and against.lower > TOLERANCES.psi
        found += failed and stats.false_discovery_control(p_values)[0] <= TOLERANCES.false_discovery_rate
    return found / repetitions


def alarms(n, m, repetitions, seed=0):
    """How often each rule alarms on normals that are 0, 0.2 and 0.4 standard deviations apart."""
    rng = np.random.default_rng([seed, n, m])
    counted = {name: [0, 0, 0] for name in ("ctcore", "Evidently", "Evidently PSI", "NannyML", "scipy p < .05")}
    for _ in range(repetitions):
        reference = rng.normal(size=n)
        chunks = [
            drift.jensen_shannon(reference, chunk, definition="nannyml").statistic for chunk in chunked(reference)
        ]
        highest = np.mean(chunks) + 3 * np.std(chunks)
        frozen = _core.profile_column("x", reference, cells=10, limit=1)
        for index, shift in enumerate((0.0, 0.2, 0.4)):
            current = rng.normal(shift, size=m)
            cells = _core.count_cells("x", current, frozen["edges"])
            against, _ = cells_against("psi", frozen["counts"], cells, TOLERANCES.psi, frozen=True)
            if n > 1000:  # Evidently's own choice of a test, by the rows of the reference
                evidently = drift.wasserstein(reference, current, definition="evidently").statistic >= 0.1
            else:
                evidently = drift.ks(reference, current, definition="scipy").p_value <= 0.05
            counted["ctcore"][index] += against.lower > TOLERANCES.psi
            counted["Evidently"][index] += evidently
            counted["Evidently PSI"][index] += drift.psi(reference, current, definition="evidently").statistic >= 0.1
            js = drift.jensen_shannon(reference, current, definition="nannyml").statistic
            counted["NannyML"][index] += js > highest
            counted["scipy p < .05"][index] += drift.ks(reference, current, definition="scipy").p_value < 0.05
    return {name: [hits / repetitions for hits in each] for name, each in counted.items()}


def chunked(values):
    return np.array_split(values, 10)


# ------------------------------------------------------------------------------------------ the whole run


def repetitions_of(n):
    return 2_000 if n <= 5_000 else 400 if n <= 50_000 else 100


def cells(largest, share):
    """Every cell of the run: its key, and how to compute it."""
    yield from columns(DEFAULTS, largest, share)
    for days in (7, 14, 30, 90):
        for other in sorted({7, days}, reverse=True):
            yield (
                ["psi", "days", days, other],
                lambda d=days, o=other: [asdict(each) for each in rates_of_days(d, o, max(int(1_000 * share), 50))],
            )
    yield ["psi", "found among 20", 5_000, 5_000], lambda: {"found": found_among(20, 5_000, max(int(400 * share), 50))}
    for n, m in ((500, 500), (1_000, 100), (5_000, 500), (5_000, 5_000), (50_000, 50_000)):
        if n <= largest:
            yield ["alarms", "normal", n, m], lambda n=n, m=m: alarms(n, m, max(int(400 * share), 50))
    yield from columns(OTHERS, largest, share)


def columns(kinds, largest, share):
    for statistic, kind in kinds:
        for n in SIZES:
            for m in (n, n // 10):
                if n <= largest and m >= 3:
                    repetitions = max(int(repetitions_of(n) * share), 50)
                    yield (
                        [statistic, kind, n, m],
                        lambda s=statistic, k=kind, n=n, m=m, r=repetitions: asdict(rates(s, k, n, m, r)),
                    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the repetitions")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="rows")
    parser.add_argument("--results", type=Path, default=Path("calibration.jsonl"), help="what is done, a line a cell")
    parser.add_argument("--table", action="store_true", help="print what is done as a table, and compute nothing")
    options = parser.parse_args()
    done = [json.loads(line) for line in options.results.read_text().splitlines()] if options.results.exists() else []
    if options.table:
        print("\n".join(table(done)))
        return
    known = {json.dumps(line["cell"]) for line in done}
    todo = [each for each in cells(options.largest, options.share) if json.dumps(each[0]) not in known]
    with options.results.open("a") as file:
        for number, (key, compute) in enumerate(todo, 1):
            print(f"{number} of {len(todo)}: {key}", file=sys.stderr, flush=True)
            file.write(json.dumps({"cell": key, "rates": compute()}) + "\n")
            file.flush()


def table(done):
    """The whole run as a page: what it comes to, then every line; a rate that falls short is marked."""
    lines = sorted({json.dumps(line["cell"]): line for line in done}.values(), key=place)
    rows = [each for line in lines for each in rated(line)]
    yield "| statistic | lines | above 5% | nearest: wrong fails | nearest: wrong passes |\n|---|---|---|---|---|"
    for title in dict.fromkeys(map(titled, rows)):
        of_it = [each for each in rows if titled(each) == title]
        short = sum(any(falls_short(found, which, len(rows)) for which in WRONG) for *_, found in of_it)
        nearest = (nearest_to_short(of_it, which) for which in WRONG)
        yield f"| {title} | {len(of_it)} | {short or ''} | {' | '.join(nearest)} |"
    yield ""
    yield "| statistic | kind | reference | current | " + " | ".join(name.replace("_", " ") for name in RATES) + " |"
    yield "|---" * (4 + len(RATES)) + "|"
    for name, kind, n, m, found in rows:
        shares = (f"{found[rate]:.1%}{' (!)' if falls_short(found, rate, len(rows)) else ''}" for rate in RATES)
        yield f"| {name} | {kind} | {n:,} | {m:,} | " + " | ".join(shares) + " |"
    yield ""
    for line in lines:
        if not [*rated(line)]:
            yield json.dumps(line)


RATES = ("wrong_fail", "wrong_pass", "null_fail", "null_pass", "found", "covered")
WRONG = RATES[:2]


def place(line):
    """Where a line stands on the page: as the run computes them, the defaults first."""
    name, kind, n, m = line["cell"]
    kinds = [*DEFAULTS, *OTHERS]
    return (kinds.index((name, kind)) if (name, kind) in kinds else len(kinds), name, kind, n, -m)


def rated(line):
    """The rates of a line: statistic, kind, rows of the reference, current rows, rates."""
    name, kind, n, m = line["cell"]
    if kind == "days":
        for which, found in zip(("by days", "by rows"), line["rates"], strict=True):
            yield name, f"{n} x {m} days, {which}", n * ROWS_A_DAY, m * ROWS_A_DAY, found
    elif "wrong_fail" in line["rates"]:
        yield name, kind, n, m, line["rates"]


def titled(row):
    """What a line is summed up under."""
    name, kind, *_ = row
    return f"{name}, days judged {kind.rpartition(', ')[2]}" if "days" in kind else name


def nearest_to_short(rows, rate):
    """The line whose rate is the most surprising if it were 5%."""
    _, kind, n, m, found = min(rows, key=lambda each: surprise(each[-1], rate))
    return f"{found[rate]:.1%} ({kind}, {n:,} x {m:,}; p = {surprise(found, rate):.2g})"


def surprise(found, rate):
    hits = round(found[rate] * found["repetitions"])
    return stats.binomtest(hits, found["repetitions"], 0.05, "greater").pvalue


def falls_short(found, rate, comparisons):
    """Whether an error is above 5%, by a binomial test at .05 over the number of lines."""
    return rate in WRONG and surprise(found, rate) < 0.05 / comparisons


if __name__ == "__main__":
    main()
