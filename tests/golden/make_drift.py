"""What a peer says of the cases below: `PEER_PYTHON make_drift.py evidently > drift_evidently.json`.

Run with the Python of an environment that holds the peer alone (`make parity` makes them): their pins exclude each
other. The inputs are formulas, so the files carry results only, with the versions that gave them.
"""

import json
import os
import sys
import warnings
from importlib.metadata import version
from statistics import NormalDist

import numpy as np

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
warnings.filterwarnings("ignore")


def normal(n, mean=0.0, scale=1.0):
    inverse = NormalDist().inv_cdf
    return mean + scale * np.array([inverse((i + 0.5) / n) for i in range(n)])


def weyl(n, step):
    """Fractions that fill (0, 1) evenly in an order without pattern."""
    return (0.5 + step * np.arange(1, n + 1)) % 1.0


def categories(**counts):
    return np.repeat(np.array(list(counts)), list(counts.values()))


def numbers():
    golden, moved = normal(2000), normal(1500, 0.25, 1.2)
    skewed = np.exp(3 * normal(9_999))
    return {
        "normal": (golden, moved),
        "normal down": (golden, normal(1500, -0.25, 1.2)),
        "equal": (golden, golden.copy()),
        "outside": (golden, normal(700, 6.0)),
        "20 values": (np.floor(20 * weyl(900, 0.618034)), np.floor(20 * weyl(700, 0.414214) ** 1.2)),
        "21 values": (np.floor(21 * weyl(900, 0.618034)), np.floor(21 * weyl(700, 0.414214) ** 1.2)),
        "whole numbers": (np.arange(500) % 37, np.arange(300) % 41),
        "zero-inflated": (np.maximum(golden, 0), np.maximum(moved, 0)),
        "9,999 lognormal": (skewed, np.exp(3 * normal(4000, 0.1))),
        "10,000 lognormal": (np.exp(3 * normal(10_000)), np.exp(3 * normal(4000, 0.1))),
        "10,000 normal": (normal(10_000), normal(3000, 0.3, 2.0)),
        "small": (normal(6), normal(9, 0.7)),
        "tiny scale": (golden * 1e-5, moved * 1e-5),
    }


def words():
    zipf = np.array([f"c{i:03d}" for i in range(200)])
    return {
        "four": (categories(a=500, b=300, c=200), categories(a=350, b=350, c=250, d=50)),
        "two": (categories(a=500, b=300), categories(a=450, b=350)),
        "equal sizes": (categories(a=50, b=30, c=20), categories(a=40, b=30, c=30)),
        "lost": (categories(a=500, b=300, c=200), categories(a=400, b=300)),
        "rare": (categories(a=900, b=95, c=3, d=2), categories(a=400, b=80, c=20, d=0)),
        "zipf": (
            zipf[(200 ** weyl(4000, 0.618034)).astype(int) - 1],
            zipf[(180 ** weyl(2500, 0.414214)).astype(int) - 1],
        ),
    }


def evidently():
    import pandas as pd
    from evidently.legacy.calculations.stattests.registry import get_registered_stattest
    from evidently.legacy.core import ColumnType

    def score(kind, name, sides):
        sides = [pd.Series(side, name="x") for side in sides]
        return get_registered_stattest(name, kind)(*sides, kind, None).drift_score

    number = {
        "psi": "psi",
        "jensen_shannon": "jensenshannon",
        "kullback_leibler": "kl_div",
        "hellinger": "hellinger",
        "wasserstein": "wasserstein",
        "energy": "ed",
        "ks.p_value": "ks",
        "anderson_darling.p_value": "anderson",
        "mann_whitney.p_value": "mannw",
        "welch_t.p_value": "t_test",
    }
    word = {name: number[name] for name in ("psi", "jensen_shannon", "kullback_leibler", "hellinger")}
    word["chi2.p_value"] = "chisquare"
    return (
        lambda name, sides: score(ColumnType.Numerical, name, sides),
        number,
        lambda name, sides: score(ColumnType.Categorical, name, sides),
        word,
    )


def nannyml():
    import pandas as pd
    from nannyml.chunk import DefaultChunker
    from nannyml.drift.univariate.methods import FeatureType, MethodFactory
    from nannyml.thresholds import ConstantThreshold

    def score(kind, name, sides):
        reference, current = (pd.Series(side, name="x") for side in sides)
        options = {"chunker": DefaultChunker(), "threshold": ConstantThreshold(upper=1), "computation_params": {}}
        return MethodFactory.create(name, kind, **options).fit(reference).calculate(current)

    number = {
        "jensen_shannon": "jensen_shannon",
        "hellinger": "hellinger",
        "ks": "kolmogorov_smirnov",
        "wasserstein": "wasserstein",
    }
    word = {"jensen_shannon": "jensen_shannon", "hellinger": "hellinger", "chi2": "chi2", "l_infinity": "l_infinity"}
    return (
        lambda name, sides: score(FeatureType.CONTINUOUS, name, sides),
        number,
        lambda name, sides: score(FeatureType.CATEGORICAL, name, sides),
        word,
    )


def deepchecks():
    import pandas as pd
    from deepchecks.utils.distribution.drift import calc_drift_and_plot

    def score(kind, options, sides):
        train, test = (pd.Series(side) for side in sides)
        found = calc_drift_and_plot(train, test, "x", kind, with_display=False, min_samples=1, **options)
        return found[0]

    number = {"ks": {"numerical_drift_method": "KS"}, "wasserstein": {"numerical_drift_method": "EMD"}}
    word = {"cramers_v": {"categorical_drift_method": "cramers_v"}, "psi": {"categorical_drift_method": "PSI"}}
    return (
        lambda options, sides: score("numerical", options, sides),
        number,
        lambda options, sides: score("categorical", options, sides),
        word,
    )


def scipy():
    from scipy import stats
    from scipy.spatial import distance

    def table(sides):
        names = np.unique(np.concatenate(sides))
        return np.array([[np.sum(side == name) for name in names] for side in sides])

    def shares(sides):
        return [side / side.sum() for side in table(sides)]

    number = {
        "ks": lambda a, b: stats.ks_2samp(a, b).statistic,
        "ks.p_value": lambda a, b: stats.ks_2samp(a, b, method="exact").pvalue if max(len(a), len(b)) <= 2000 else None,
        "cramer_von_mises": lambda a, b: stats.cramervonmises_2samp(a, b).statistic,
        "anderson_darling": lambda a, b: stats.anderson_ksamp([a, b]).statistic,
        "anderson_darling.p_value": lambda a, b: stats.anderson_ksamp([a, b]).pvalue,
        "wasserstein": stats.wasserstein_distance,
        "energy": stats.energy_distance,
        "mann_whitney": lambda a, b: stats.mannwhitneyu(a, b).statistic,
        "mann_whitney.p_value": lambda a, b: stats.mannwhitneyu(a, b).pvalue,
        "welch_t": lambda a, b: stats.ttest_ind(a, b, equal_var=False).statistic,
        "welch_t.p_value": lambda a, b: stats.ttest_ind(a, b, equal_var=False).pvalue,
    }
    word = {
        "jensen_shannon": lambda *sides: distance.jensenshannon(*shares(sides)) if known(sides) else None,
        "kullback_leibler": lambda *sides: stats.entropy(*shares(sides)) if known(sides) else None,
        "chi2": lambda *sides: stats.chi2_contingency(table(sides)).statistic,
        "chi2.p_value": lambda *sides: stats.chi2_contingency(table(sides)).pvalue,
        "g_test": lambda *sides: stats.chi2_contingency(table(sides), lambda_="log-likelihood").statistic,
    }

    def known(sides):
        return set(sides[1]) <= set(sides[0])

    return lambda function, sides: function(*sides), number, lambda function, sides: function(*sides), word


PEERS = {"evidently": evidently, "nannyml": nannyml, "deepchecks": deepchecks, "scipy": scipy}


def build(peer):
    of_numbers, number, of_words, word = PEERS[peer]()
    results = {}
    for cases, function, statistics in ((numbers(), of_numbers, number), (words(), of_words, word)):
        for case, sides in cases.items():
            for name, theirs in statistics.items():
                try:
                    found = function(theirs, [side.copy() for side in sides])
                except Exception as error:  # what a peer refuses is not compared, and is said
                    print(f"{peer} {name} of {case}: {type(error).__name__}: {error}", file=sys.stderr)
                    continue
                if found is not None:
                    results.setdefault(name, {})[case] = repr(float(found))
    versions = {name: version(name) for name in (peer, "numpy", "scipy")}
    return {"made_by": "make_drift.py", "versions": versions, "results": results}


if __name__ == "__main__":
    json.dump(build(sys.argv[1]), sys.stdout, indent=1)
    print()
