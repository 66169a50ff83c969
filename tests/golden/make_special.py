"""Reference values for the special functions, with mpmath.

Every value is computed at 60 digits or more and checked by a second route:

* gamma: continued fraction of Q against 1 - (series of P), the latter with as many additional
  digits as the subtraction cancels; below the mean the series against mpmath's own function where
  that is fast, else against the same series at 30 more digits;
* beta: Gauss continued fraction (DLMF 8.17.22) against the power series of all-positive terms
  (DLMF 8.17.8), or against the complement's series with as many additional digits as cancel;
* t and F through the beta function with exact rational arguments; t for one and two degrees of
  freedom also against the closed forms;
* normal and erfc: mpmath.erfc at 60 digits against the incomplete gamma function above;
* Kolmogorov and Kuiper: the sum against the theta form, both at 400 digits or more;
* Cramer-von Mises: Smirnov's arcs by quadrature against 1 - the Bessel series of Csorgo
  and Faraway (1996), the latter at 420 digits;
* Anderson-Darling: Smirnov's arcs against 1 - the series of Anderson and Darling (1952, section
  4.3) up to x = 60, beyond against the arcs on more nodes at 20 more digits;
* ln Gamma: mpmath.loggamma at 60 digits against log(gamma(x)) or Stirling's series at 90;
* quantiles: Newton iteration at 60 digits on the checked functions, then substituted back.

Usage: python make_special.py [output file]
"""

import json
import math
import random
import sys
import time
from pathlib import Path

import mpmath
from mpmath import mp, mpf

DIGITS = 60
AGREE = mpf(10) ** -45
DF = [0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1e3, 1e4, 1e5, 1e6]
mp.dps = DIGITS
rng = random.Random(20240229)
routes = {}


def count(route):
    routes[route] = routes.get(route, 0) + 1


def check(first, second, label):
    if not abs(first - second) <= AGREE * abs(first):
        raise AssertionError(f"{label}: {mpmath.nstr(first, 30)} != {mpmath.nstr(second, 30)}")
    return first


# ------------------------------------------------------------------------------- gamma and beta


def lentz(b0, term):
    tiny = mpf(10) ** (-4 * mp.dps)
    eps = mpf(10) ** (-mp.dps)
    value = c = b0 or tiny
    d = mpf(0)
    n = 0
    while True:
        n += 1
        a_n, b_n = term(n)
        d = b_n + a_n * d
        d = 1 / (d or tiny)
        c = b_n + a_n / c
        c = c or tiny
        value *= c * d
        if abs(c * d - 1) < eps:
            return value


def gamma_p_series(a, x):
    eps = mpf(10) ** (-mp.dps - 3)
    total = term = mpf(1)
    n = 0
    while term > eps * total:
        n += 1
        term = term * x / (a + n)
        total += term
    return mpmath.exp(a * mpmath.log(x) - x - mpmath.loggamma(a + 1)) * total


def gamma_q_fraction(a, x):
    value = lentz(x + 1 - a, lambda n: (n * (a - n), x + 2 * n + 1 - a))
    return mpmath.exp(a * mpmath.log(x) - x - mpmath.loggamma(a)) / value


def complement(function, digits_lost, *arguments):
    with mp.workdps(DIGITS + digits_lost + 10):
        value = 1 - function(*arguments)
    return +value


def digits_below_one(p):
    return max(0, int(-mpmath.log10(p))) if p > 0 else 400


def ref_gamma_q(a, x):
    a, x = mpf(a), mpf(x)
    if x == 0:
        return mpf(1)
    if x > a and x > 1:
        first = gamma_q_fraction(a, x)
        second = complement(gamma_p_series, digits_below_one(first), a, x)
        count("gamma: fraction / complement of series")
        return check(first, second, ("gamma_q", a, x))
    first = complement(gamma_p_series, 30, a, x)
    if a <= 50:
        second = mpmath.gammainc(a, x, mpmath.inf, regularized=True)
        count("gamma: series / mpmath.gammainc")
    else:
        second = complement(gamma_p_series, 60, a, x)
        count("gamma: series at 100 / at 130 digits")
    return check(first, second, ("gamma_q", a, x))


def beta_front(a, b, x, y):
    ln_beta = mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)
    return mpmath.exp(a * mpmath.log(x) + b * mpmath.log(y) - ln_beta)


def beta_series(a, b, x, y):
    x, y = +x, +y  # to working precision: the arguments may carry many more digits
    eps = mpf(10) ** (-mp.dps - 3)
    total = term = mpf(1)
    n = 0
    s = a + b
    while not (term < eps * total and (s + n) * x < a + 1 + n):
        term = term * (s + n) * x / (a + 1 + n)
        total += term
        n += 1
    return beta_front(a, b, x, y) / a * total


def beta_fraction(a, b, x, y):
    x, y = +x, +y

    def term(n):
        m = n // 2
        if n % 2:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), mpf(1)
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), mpf(1)

    return beta_front(a, b, x, y) / a / lentz(mpf(1), term)


def ref_beta(a, b, x, y, checked=True):
    """I_x(a, b) for mpf arguments with x + y = 1 at high precision."""
    low = (a + b + 2) * x <= a + 1
    if low:
        first = beta_fraction(a, b, x, y)
    else:
        first = complement(beta_fraction, 30, b, a, y, x)
        if first < mpf(10) ** -10:
            first = complement(beta_fraction, 30 + 2 * digits_below_one(first), b, a, y, x)
    if not checked:
        return first
    if x < 0.9:
        second = beta_series(a, b, x, y)
        count("beta: fraction / series")
    else:
        second = complement(beta_series, digits_below_one(first) + 5, b, a, y, x)
        count("beta: fraction / complement of series")
    return check(first, second, ("beta", a, b, x))


def ref_beta_inc(a, b, x, y):
    with mp.workdps(DIGITS + 340):
        exact_x, exact_y = (mpf(x), 1 - mpf(x)) if x <= y else (1 - mpf(y), mpf(y))
    return ref_beta(mpf(a), mpf(b), exact_x, exact_y)


def split(odds_x, odds_y):
    with mp.workdps(DIGITS + 700):
        total = odds_x + odds_y
        return odds_x / total, odds_y / total


def ref_f_sf(f, d1, d2):
    with mp.workdps(DIGITS + 700):
        x, y = split(mpf(d1) * mpf(f), mpf(d2))
    return ref_beta(mpf(d2) / 2, mpf(d1) / 2, y, x)


def ref_t_sf(t, df):
    with mp.workdps(DIGITS + 700):
        x, y = split(mpf(df), mpf(t) ** 2)
    upper = ref_beta(mpf(df) / 2, mpf(1) / 2, x, y) / 2
    value = upper if t >= 0 else 1 - upper
    if df in (1.0, 2.0):
        with mp.workdps(DIGITS + 700):
            s = mpf(t)
            closed = mpf(1) / 2 - mpmath.atan(s) / mpmath.pi if df == 1.0 else (1 - s / mpmath.sqrt(2 + s * s)) / 2
        check(value, closed, ("t closed form", t, df))
        count("t: closed form")
    return value


# ------------------------------------------------------------------------------ other functions


def ref_erfc(x):
    first = mpmath.erfc(mpf(x))
    if x > 0:
        check(first, ref_gamma_q(0.5, mpf(x) ** 2), ("erfc", x))
    return first


def ref_normal_sf(x):
    first = mpmath.erfc(mpf(x) / mpmath.sqrt(2)) / 2
    if x > 0:
        check(first, ref_gamma_q(0.5, mpf(x) ** 2 / 2) / 2, ("normal", x))
    return first


def ref_kolmogorov(x):
    with mp.workdps(420):
        x = mpf(x)
        bound = mpf(10) ** -425
        first, k = mpf(0), 1
        while (term := mpmath.exp(-2 * k * k * x * x)) > bound:
            first += -2 * term if k % 2 == 0 else 2 * term
            k += 1
        lower, k = mpf(0), 1
        while (term := mpmath.exp(-(((2 * k - 1) * mpmath.pi / x) ** 2) / 8)) > bound:
            lower += term
            k += 1
        return check(first, 1 - mpmath.sqrt(2 * mpmath.pi) / x * lower, ("kolmogorov", x))


def ref_kuiper(x):
    with mp.workdps(420):
        x = mpf(x)
        bound = mpf(10) ** -425
        first, k = mpf(0), 1
        while (term := mpmath.exp(-2 * k * k * x * x)) > bound:
            first += 2 * (4 * k * k * x * x - 1) * term
            k += 1
        lower, k = mpf(0), 1
        while (term := mpmath.exp(-((k * mpmath.pi / x) ** 2) / 2)) > bound:
            lower += k * k * term
            k += 1
        return check(first, 1 - mpmath.sqrt(2 * mpmath.pi) * mpmath.pi**2 / x**3 * lower, ("kuiper", x))


def arcs(integrand, nodes=420):
    """Smirnov's alternating integrals, freed of their singular ends by s = sin(t / 2)^2: midpoint rule."""
    half = [mpmath.pi * (2 * i + 1) / (4 * nodes) for i in range(nodes)]
    places = [
        (mpmath.sin(t) ** 2, mpmath.sin(2 * t) / mpmath.sqrt(mpmath.sin(mpmath.pi * mpmath.sin(t) ** 2))) for t in half
    ]
    total, k = mpf(0), 1
    while True:
        arc = sum(integrand(k, s) * weight for s, weight in places) * mpmath.pi / nodes
        total += arc if k % 2 else -arc
        k += 1
        if arc < total * mpf(10) ** -50:
            return total


def ref_cramer_von_mises(x):
    with mp.workdps(70):
        x = mpf(x)

        def integrand(k, s):
            u = mpmath.pi * (2 * k - 1 + s)
            return mpmath.exp(-x * u * u / 2) / mpmath.sqrt(u)

        first = arcs(integrand)
    with mp.workdps(420):
        lower, k = mpf(0), 0
        while True:
            q = mpf(4 * k + 1) ** 2 / (16 * x)
            term = mpmath.gamma(k + mpf(1) / 2) / mpmath.factorial(k) * mpmath.sqrt(4 * k + 1)
            term *= mpmath.exp(-q) * mpmath.besselk(mpf(1) / 4, q)
            lower += term
            k += 1
            if term < mpf(10) ** -425:
                break
        return check(first, 1 - lower / (mpmath.pi ** mpf(1.5) * mpmath.sqrt(x)), ("cramer_von_mises", x))


def ref_anderson_darling(x):
    x = mpf(x)

    def integrand(k, s):
        r = 4 * k - 1 + 2 * s
        y = (r * r - 1) / 4
        return mpmath.exp(-x * y / 2) * r / 2 / mpmath.sqrt(mpmath.pi * y)

    with mp.workdps(70):
        first = arcs(integrand)
    if x > 60:
        with mp.workdps(90):
            second = arcs(integrand, nodes=610)
        count("anderson-darling: arcs on 420 / on 610 nodes")
        return check(first, second, ("anderson_darling", x))
    with mp.workdps(100):
        lower, j = mpf(0), 0
        while True:
            c = mpf(4 * j + 1) ** 2 * mpmath.pi**2 / (8 * x)
            scale = mpmath.sqrt(1 / c)
            area = mpmath.quad(
                lambda w: mpmath.exp(x / (8 * (1 + w * w)) - c * w * w), [i * scale for i in range(0, 18, 2)]
            )
            term = mpmath.gamma(j + mpf(1) / 2) / mpmath.gamma(mpf(1) / 2) / mpmath.factorial(j)
            term *= (4 * j + 1) * mpmath.exp(-c) * area
            lower += -term if j % 2 else term
            j += 1
            if term < mpf(10) ** -90:
                break
        count("anderson-darling: arcs / complement of the series")
        return check(first, 1 - mpmath.sqrt(2 * mpmath.pi) / x * lower, ("anderson_darling", x))


def ref_ln_gamma(x):
    first = mpmath.loggamma(mpf(x))
    if first == 0:
        return first
    with mp.workdps(90):
        if x < 1e4:
            second = mpmath.log(mpmath.gamma(mpf(x)))
        else:
            s = mpf(x)
            second = (s - 0.5) * mpmath.log(s) - s + mpmath.log(2 * mpmath.pi) / 2
            for k in range(1, 30):
                second += mpmath.bernoulli(2 * k) / (2 * k * (2 * k - 1) * s ** (2 * k - 1))
    return check(first, second, ("ln_gamma", x))


# ---------------------------------------------------------------- approximate inverses (floats)
# Only to spread the arguments over the range of results; nothing is read from these as a value.


def ln_normal_sf(z):
    if z < 30:
        return math.log(0.5 * math.erfc(z / math.sqrt(2)))
    return -0.5 * z * z - math.log(z * math.sqrt(2 * math.pi)) - 1 / (z * z)


def deviance(u):
    """u - ln(1 + u)."""
    if abs(u) < 1e-4:
        return u * u * (0.5 - u / 3)
    return u - math.log1p(u)


def ln_tail(z2, w):
    z = math.copysign(math.sqrt(z2), w)
    if abs(z) < 1e-3:
        return ln_normal_sf(z)
    return ln_normal_sf(min(max(z + math.log(w / z) / z, -8.0), 60.0))


def bisect(function, target, low, high):
    """Argument at which the decreasing function meets the target."""
    for _ in range(100):
        mid = 0.5 * (low + high)
        low, high = (mid, high) if function(mid) > target else (low, mid)
    return 0.5 * (low + high)


def near_gamma(ln_q, a):
    def tail(s):
        u = math.expm1(s)
        return ln_tail(2 * a * (u - s if abs(s) > 1e-4 else s * s / 2), u * math.sqrt(a))

    return a * math.exp(bisect(tail, ln_q, -700 / max(a, 1), math.log(1 + 1500 / a + 60 / math.sqrt(a))))


def near_ratio(ln_p, a, b):
    """F ratio whose upper tail (2a and 2b degrees of freedom) is about exp(ln_p)."""

    def tail(s):
        # Shortfall of the y side: (f - 1) a b / (a f + b).
        big = s > 0
        q = math.exp(-abs(s))
        w = -math.expm1(-abs(s)) * a * b / ((a + b * q) if big else (a * q + b))
        w = w if big else -w
        ratio_x = (a + b) / ((a + b * q) if big else (a + b / q))
        ratio_y = (a + b) / ((a / q + b) if big else (a * q + b))
        terms = 0.0
        for shape, u, ratio in ((a, w / a, ratio_x), (b, -w / b, ratio_y)):
            terms += shape * (deviance(u) if abs(u) < 0.5 else u - math.log(ratio))
        return ln_tail(2 * max(terms, 1e-300), w * math.sqrt(1 / a + 1 / b))

    return math.exp(bisect(tail, ln_p, -650.0, 650.0))


def targets(far, mid, bulk):
    """Natural logarithms of tail probabilities in the three ranges of the tests."""
    ten = math.log(10)
    out = [-rng.uniform(30, 299) * ten for _ in range(far)]
    out += [-rng.uniform(2, 30) * ten for _ in range(mid)]
    out += [math.log(rng.uniform(0.01, 0.999)) for _ in range(bulk)]
    return out


# ------------------------------------------------------------------------------------- quantiles


def ln_ratio_root(p, a, b, start):
    """ln f at which the lower tail of the F ratio is p: Newton on ln(tail)."""
    a, b = mpf(a), mpf(b)
    s = mpf(start)
    for _ in range(60):
        f = mpmath.exp(s)
        x, y = split(a * f, b)
        value = ref_beta(a, b, x, y, checked=False)
        residual = mpmath.log(value / p)
        s -= residual * value / beta_front(a, b, x, y)
        if abs(residual) < mpf(10) ** -24:
            break
    f = mpmath.exp(s)
    x, y = split(a * f, b)
    if abs(ref_beta(a, b, x, y) / p - 1) > mpf(10) ** -40:
        raise AssertionError(("quantile", p, a, b))
    return s, x


def ref_t_quantile(p, df):
    with mp.workdps(DIGITS + 340):
        lower = mpf(p) <= mpf(1) / 2
        tail = mpf(p) if lower else 1 - mpf(p)
    if tail == mpf(1) / 2:
        return mpf(0)
    if tail > 0.25:
        start = -math.log(near_ratio(math.log(float(1 - 2 * tail)), df / 2, 0.5))
        s, _ = ln_ratio_root(1 - 2 * tail, 0.5, mpf(df) / 2, start)
        t = mpmath.exp(s / 2)
    else:
        start = -math.log(near_ratio(float(mpmath.log(2 * tail)), 0.5, df / 2))
        s, _ = ln_ratio_root(2 * tail, mpf(df) / 2, 0.5, start)
        t = mpmath.exp(-s / 2)
    return -t if lower else t


def ref_beta_quantile(p, a, b):
    with mp.workdps(DIGITS + 340):
        tail = mpf(p) if p <= 0.5 else 1 - mpf(p)
    if p > 0.5:
        a, b = b, a
    start = -math.log(near_ratio(float(mpmath.log(tail)), b, a))
    _, x = ln_ratio_root(tail, a, b, start)
    return x if p <= 0.5 else 1 - x


def ref_normal_quantile(p):
    tail = mpf(p) if p <= 0.5 else 1 - mpf(p)
    z = mpf(bisect(ln_normal_sf, float(mpmath.log(tail)), -1.0, 40.0))
    density = lambda v: mpmath.exp(-v * v / 2) / mpmath.sqrt(2 * mpmath.pi)
    for _ in range(60):
        value = mpmath.erfc(z / mpmath.sqrt(2)) / 2
        step = mpmath.log(value / tail) * value / density(z)
        z += step
        if abs(step) < mpf(10) ** -50:
            break
    check(mpmath.erfc(z / mpmath.sqrt(2)) / 2, tail, ("normal_quantile", p))
    return -z if p <= 0.5 else z


# ------------------------------------------------------------------------------------------ points


def text(value):
    return mpmath.nstr(value, 25, min_fixed=-3, max_fixed=25)


def build():
    points = {}

    def add(name, reference, *arguments):
        arguments = [float(v) for v in arguments]
        if not all(math.isfinite(v) for v in arguments):
            return
        value = reference(*arguments)
        if value != 0 and abs(value) < mpf(10) ** -300 and name != "ln_gamma":
            return
        points.setdefault(name, []).append([*arguments, text(value)])

    def note(name):
        print(f"{name}: {len(points[name])} points, {time.process_time():.0f} s", flush=True)

    for df in DF:
        for ln_p in targets(18, 16, 16):
            add("chi2_sf", ref_gamma_q_of_chi2, 2 * near_gamma(ln_p, df / 2), df)
        for delta in (-1e-3, 0.0, 1e-6, 0.01):
            add("chi2_sf", ref_gamma_q_of_chi2, df * (1 + delta), df)
    note("chi2_sf")

    for df in DF:
        for ln_p in targets(18, 16, 14):
            t = math.sqrt(near_ratio(ln_p, 0.5, df / 2))
            add("t_sf", ref_t_sf, t if rng.random() < 0.9 else -t, df)
        for t in (0.0, 1e-8, 1e-3, 1.0, -0.7, 1e5, 1e30, 1e150, 1e280):
            add("t_sf", ref_t_sf, t, df)
    note("t_sf")

    for d1 in DF:
        for d2 in DF:
            for ln_p in targets(4, 3, 3):
                add("f_sf", ref_f_sf, near_ratio(ln_p, d1 / 2, d2 / 2), d1, d2)
            add("f_sf", ref_f_sf, 1.0 + rng.uniform(-1e-3, 1e-3), d1, d2)
    note("f_sf")

    shapes = [0.25, 0.7, 1.0, 1.5, 3.3, 5.0, 12.5, 50.0, 500.1, 5e3, 5.4321e4, 5e5]
    for a in shapes:
        for b in shapes:
            for ln_p in targets(3, 2, 2):
                f = near_ratio(ln_p, b, a)
                small, large = a / (a + b * f), b * f / (a + b * f)
                x, y = (small, 1 - small) if small <= large else (1 - large, large)
                add("beta_inc", ref_beta_inc, a, b, x, y)
    for tiny in (1e-6, 1e-3, 0.05):
        for other in (1e-3, 0.3, 2.0, 700.0, 1e5):
            for power in (0.3, 0.5, 3, 8, 20):
                small = 2.0**-power if power < 1 else 10.0**-power
                x, y = small, 1 - small
                add("beta_inc", ref_beta_inc, tiny, other, x, y)
                add("beta_inc", ref_beta_inc, other, tiny, x, y)
                add("beta_inc", ref_beta_inc, other, tiny, y, x)
    for a, b in ((9.9e7, 1.2e8), (1.3e8, 1.1e8), (1e8, 8e8)):
        for ln_p in targets(1, 1, 1) + [math.log(0.50001)]:
            f = near_ratio(ln_p, b, a)
            x, y = a / (a + b * f), b * f / (a + b * f)
            x, y = (x, 1 - x) if x <= y else (1 - y, y)
            add("beta_inc", ref_beta_inc, a, b, x, y)
    note("beta_inc")

    for _ in range(300):
        a = 10 ** rng.uniform(-0.6, 5.7)
        (ln_p,) = rng.choice([targets(1, 0, 0), targets(0, 1, 0), targets(0, 0, 1)])
        add("gamma_q", ref_gamma_q, a, near_gamma(ln_p, a))
    for a in (9.9e7, 1.01e8, 1e9):  # both sides of the switch to the uniform expansion
        for ln_p in [*targets(2, 1, 2), math.log(0.50001)]:
            add("gamma_q", ref_gamma_q, a, near_gamma(ln_p, a))
    for a in (1e-6, 1e-3, 0.1, 0.4, 0.9):
        for x in (1e-200, 1e-20, 1e-3, 0.1, 0.5, 0.9999, 1.0001, 3.0, 20.0, 300.0):
            add("gamma_q", ref_gamma_q, a, x)
    note("gamma_q")

    for i in range(260):
        z = rng.uniform(0, 37.0) if i % 2 else rng.uniform(-5, 5)
        add("normal_sf", ref_normal_sf, z)
        add("erfc", ref_erfc, z / math.sqrt(2))
    for z in (0.0, 1e-10, 0.5, 1.0, 1.3, 1.2999999, 2.0, 5.0, 37.0):
        add("normal_sf", ref_normal_sf, z)
        add("erfc", ref_erfc, z / math.sqrt(2))
    note("normal_sf")
    note("erfc")

    for i in range(300):
        add("kolmogorov_sf", ref_kolmogorov, rng.uniform(0.1, 2) if i % 2 else rng.uniform(0.6, 18.5))
    for x in (0.2, 0.5, 0.79999, 0.8, 0.80001, 1.0, 1.36, 5.0, 18.5):
        add("kolmogorov_sf", ref_kolmogorov, x)
    note("kolmogorov_sf")

    for _ in range(200):
        add("ln_gamma", ref_ln_gamma, 10 ** rng.uniform(-10, 7))
    for _ in range(60):
        add("ln_gamma", ref_ln_gamma, rng.uniform(0.4, 12))
    for zero in (1.0, 2.0):
        for _ in range(30):
            add("ln_gamma", ref_ln_gamma, zero + rng.choice((-1, 1)) * 10 ** rng.uniform(-15, -0.5))
    for x in (0.5, 1.5, 2.5, 3.0, 10.0, 1e-300, 1e100, 1e300):
        add("ln_gamma", ref_ln_gamma, x)
    note("ln_gamma")

    for ln_p in targets(25, 25, 20):
        add("normal_quantile", ref_normal_quantile, math.exp(ln_p))
    for p in (0.5 + 1e-12, 0.5 - 1e-6, 0.25, 0.25000001, 0.75, 0.9999, 1 - 1e-12):
        add("normal_quantile", ref_normal_quantile, p)
    note("normal_quantile")

    for df in DF:
        for ln_p in targets(3, 4, 4):
            p = math.exp(ln_p)
            if df > 1 or p > 1e-140:
                add("t_quantile", ref_t_quantile, p, df)
        for p in (0.5 + 1e-9, 0.975, 1 - 1e-10):
            add("t_quantile", ref_t_quantile, p, df)
    note("t_quantile")

    for a in (0.25, 0.5, 1.0, 2.5, 15.0, 500.0, 2e4, 5e5):
        for b in (0.25, 0.5, 1.0, 2.5, 15.0, 500.0, 2e4, 5e5):
            for ln_p in [*targets(1, 1, 1), math.log1p(-(10 ** rng.uniform(-12, -1)))]:
                if a > 1 or ln_p / a > -600:
                    add("beta_quantile", ref_beta_quantile, math.exp(ln_p), a, b)
    note("beta_quantile")

    for i in range(200):
        add("kuiper_sf", ref_kuiper, rng.uniform(0.1, 2) if i % 2 else rng.uniform(0.6, 18.5))
    for x in (0.3, 0.5, 0.89999, 0.9, 0.90001, 1.0, 1.747, 5.0, 18.5):
        add("kuiper_sf", ref_kuiper, x)
    note("kuiper_sf")

    for i in range(60):
        add("cramer_von_mises_sf", ref_cramer_von_mises, rng.uniform(0.02, 2) if i % 2 else rng.uniform(0.1, 138))
    for x in (0.004, 0.01, 0.46136, 1.0, 139.0):
        add("cramer_von_mises_sf", ref_cramer_von_mises, x)
    note("cramer_von_mises_sf")

    for i in range(40):
        add("anderson_darling_sf", ref_anderson_darling, rng.uniform(0.1, 10) if i % 2 else rng.uniform(1, 680))
    for x in (0.04, 0.1, 1.0, 2.4924, 59.0, 61.0, 685.0):
        add("anderson_darling_sf", ref_anderson_darling, x)
    note("anderson_darling_sf")
    return points


def ref_gamma_q_of_chi2(x, df):
    return ref_gamma_q(mpf(df) / 2, mpf(x) / 2)


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("special.json")
    points = build()
    lines = []
    for name, rows in points.items():
        body = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        lines.append(f'"{name}": [\n{body}\n]')
    made_by = f"make_special.py, mpmath {mpmath.__version__}, 50 digits"
    output.write_text(f'{{"made_by": "{made_by}",\n"points": {{\n' + ",\n".join(lines) + "\n}}\n", encoding="ascii")
    print("total", sum(len(rows) for rows in points.values()))
    for route, number in sorted(routes.items()):
        print(f"  {number:5} {route}")


if __name__ == "__main__":
    main()
