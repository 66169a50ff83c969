//! Drift statistics.

use arrow_buffer::ScalarBuffer;
use ctcore::column::Numbers;
use ctcore::drift::against::{Against, Effect};
use ctcore::drift::between::Counts;
use ctcore::drift::cells::Smoothing;
use ctcore::drift::chi2::Homogeneity;
use ctcore::drift::{Method, PValue};
use ctcore::rank::Sorted;
use ctcore::{Error, Result, drift};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::border::{Column, run};

fn finite(name: &str, column: &Column) -> Result<ScalarBuffer<f64>> {
    Ok(Numbers::of_column(name, &column.0)?.finite)
}

fn both(reference: &Column, current: &Column) -> Result<(ScalarBuffer<f64>, ScalarBuffer<f64>)> {
    Ok((finite("reference", reference)?, finite("current", current)?))
}

fn both_sorted(reference: &Column, current: &Column) -> Result<(Sorted, Sorted)> {
    let (reference, current) = both(reference, current)?;
    Ok((Sorted::new(&reference), Sorted::new(&current)))
}

fn method(word: &str) -> Result<Method> {
    match word {
        "auto" => Ok(Method::Auto),
        "exact" => Ok(Method::Exact),
        "asymptotic" => Ok(Method::Asymptotic),
        other => {
            let message = format!("must be \"auto\", \"exact\" or \"asymptotic\", found {other:?}");
            Err(Error::argument("method", message))
        }
    }
}

fn smoothing(word: &str) -> Result<Smoothing> {
    match word {
        "none" => Ok(Smoothing::None),
        "jeffreys" => Ok(Smoothing::Jeffreys),
        other => {
            let message = format!("must be \"jeffreys\" or \"none\", found {other:?}");
            Err(Error::argument("smoothing", message))
        }
    }
}

fn ends(effect: Effect) -> (f64, f64, f64) {
    (effect.statistic, effect.lower, effect.upper)
}

/// A statistic, its p-value and how that was computed.
type Test = (f64, f64, &'static str);

fn test(statistic: f64, p: PValue) -> Test {
    let method = if p.method == Method::Exact {
        "exact"
    } else {
        "asymptotic"
    };
    (statistic, p.p_value, method)
}

fn homogeneity(found: Homogeneity) -> (f64, usize, f64) {
    (found.statistic, found.df, found.p_value())
}

/// The population stability index of two counts: (statistic, lower, upper).
#[pyfunction]
#[pyo3(signature = (reference, current, smoothing))]
pub(crate) fn psi(
    py: Python<'_>,
    reference: Vec<u64>,
    current: Vec<u64>,
    smoothing: &str,
) -> PyResult<(f64, f64, f64)> {
    run(py, || {
        drift::psi::psi(&reference, &current, self::smoothing(smoothing)?).map(ends)
    })
}

/// The Jensen-Shannon distance of two counts: (statistic, lower, upper).
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn jensen_shannon(
    py: Python<'_>,
    reference: Vec<u64>,
    current: Vec<u64>,
) -> PyResult<(f64, f64, f64)> {
    run(py, || {
        drift::jensen_shannon::jensen_shannon(&reference, &current).map(ends)
    })
}

/// A statistic of counted cells against a tolerance: (statistic, lower, upper, `p_above`, `rows_to_pass`,
/// `smallest_found`).
#[pyfunction]
#[pyo3(signature = (statistic, reference, current, tolerance))]
pub(crate) fn cells_against(
    py: Python<'_>,
    statistic: &str,
    reference: Vec<u64>,
    current: Vec<u64>,
    tolerance: f64,
) -> PyResult<Judged> {
    run(py, || {
        let against = match statistic {
            "psi" => drift::psi::against,
            "jensen_shannon" => drift::jensen_shannon::against,
            "hellinger" => drift::hellinger::against,
            "total_variation" => drift::total_variation::against,
            "cramers_v" => drift::cramers_v::against,
            other => return Err(Error::argument("statistic", format!("{other:?} is not of cells"))),
        };
        against(&reference, &current, tolerance).map(judged)
    })
}

/// The same where the reference's counts are each known between two; and bounds of the statistic itself.
#[pyfunction]
#[pyo3(signature = (statistic, reference, least, most, current, tolerance))]
pub(crate) fn cells_between(
    py: Python<'_>,
    statistic: &str,
    reference: Vec<u64>,
    least: Vec<u64>,
    most: Vec<u64>,
    current: Vec<u64>,
    tolerance: f64,
) -> PyResult<(Judged, (f64, f64))> {
    let (found, bounds) = run(py, || {
        let between = match statistic {
            "psi" => drift::psi::between,
            "jensen_shannon" => drift::jensen_shannon::between,
            "hellinger" => drift::hellinger::between,
            "total_variation" => drift::total_variation::between,
            "cramers_v" => drift::cramers_v::between,
            other => return Err(Error::argument("statistic", format!("{other:?} is not of cells"))),
        };
        between(&Counts::new(reference, least, most)?, &current, tolerance)
    })?;
    Ok((judged(found), (bounds.low, bounds.high)))
}

/// A statistic of ranks against a tolerance, as [`cells_against`].
#[pyfunction]
#[pyo3(signature = (statistic, reference, current, tolerance))]
pub(crate) fn ranks_against(
    py: Python<'_>,
    statistic: &str,
    reference: Column,
    current: Column,
    tolerance: f64,
) -> PyResult<Judged> {
    run(py, || {
        if statistic == "ks" {
            let (reference, current) = both(&reference, &current)?;
            return Ok(judged(
                drift::ks::ks_unsorted(&reference, &current)?.against(tolerance),
            ));
        }
        let against = match statistic {
            "auc" => drift::mann_whitney::against,
            "wasserstein" => drift::wasserstein::against,
            other => return Err(Error::argument("statistic", format!("{other:?} is not of ranks"))),
        };
        let (reference, current) = both_sorted(&reference, &current)?;
        against(&reference, &current, tolerance).map(judged)
    })
}

pub(crate) type Judged = (f64, f64, f64, f64, f64, f64);

pub(crate) fn judged(against: Against) -> Judged {
    let Effect {
        statistic,
        lower,
        upper,
    } = against.effect;
    (
        statistic,
        lower,
        upper,
        against.p_above,
        against.rows_to_pass,
        against.smallest_found,
    )
}

/// The Kullback-Leibler divergence of two counts.
#[pyfunction]
#[pyo3(signature = (reference, current, smoothing))]
pub(crate) fn kullback_leibler(
    py: Python<'_>,
    reference: Vec<u64>,
    current: Vec<u64>,
    smoothing: &str,
) -> PyResult<f64> {
    run(py, || {
        drift::kullback_leibler::kullback_leibler(&reference, &current, self::smoothing(smoothing)?)
    })
}

/// The Hellinger distance of two counts.
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn hellinger(py: Python<'_>, reference: Vec<u64>, current: Vec<u64>) -> PyResult<f64> {
    run(py, || drift::hellinger::hellinger(&reference, &current))
}

/// The total variation distance of two counts.
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn total_variation(py: Python<'_>, reference: Vec<u64>, current: Vec<u64>) -> PyResult<f64> {
    run(py, || {
        drift::total_variation::total_variation(&reference, &current)
    })
}

/// The largest change of a share of two counts: (statistic, cell).
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn l_infinity(py: Python<'_>, reference: Vec<u64>, current: Vec<u64>) -> PyResult<(f64, usize)> {
    run(py, || drift::l_infinity::l_infinity(&reference, &current))
}

/// The two-sample Kolmogorov-Smirnov statistic: (statistic, `p_value`, method, location, sign).
#[pyfunction]
#[pyo3(signature = (reference, current, method))]
pub(crate) fn ks(
    py: Python<'_>,
    reference: Column,
    current: Column,
    method: &str,
) -> PyResult<(f64, f64, &'static str, f64, i8)> {
    run(py, || {
        let method = self::method(method)?;
        let (reference, current) = both(&reference, &current)?;
        Ok(located(&drift::ks::ks_unsorted(&reference, &current)?, method))
    })
}

fn located(ks: &drift::ks::Ks, method: Method) -> (f64, f64, &'static str, f64, i8) {
    let (statistic, p_value, method) = test(ks.statistic, ks.p_value(method));
    (statistic, p_value, method, ks.location, ks.sign)
}

/// The two-sample Kuiper statistic: (statistic, `p_value`, method).
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn kuiper(py: Python<'_>, reference: Column, current: Column) -> PyResult<Test> {
    run(py, || {
        let (reference, current) = both_sorted(&reference, &current)?;
        let found = drift::kuiper::kuiper(&reference, &current)?;
        Ok(test(found.statistic, found.p_value()))
    })
}

/// The two-sample Cramer-von Mises statistic: (statistic, `p_value`, method).
#[pyfunction]
#[pyo3(signature = (reference, current, method))]
pub(crate) fn cramer_von_mises(
    py: Python<'_>,
    reference: Column,
    current: Column,
    method: &str,
) -> PyResult<Test> {
    run(py, || {
        let method = self::method(method)?;
        let (reference, current) = both_sorted(&reference, &current)?;
        let found = drift::cramer_von_mises::cramer_von_mises(&reference, &current)?;
        Ok(test(found.statistic, found.p_value(method)?))
    })
}

/// The two-sample Anderson-Darling statistic: (statistic, `p_value`, method).
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn anderson_darling(py: Python<'_>, reference: Column, current: Column) -> PyResult<Test> {
    run(py, || {
        let (reference, current) = both_sorted(&reference, &current)?;
        let found = drift::anderson_darling::anderson_darling(&reference, &current)?;
        Ok(test(found.statistic, found.p_value()))
    })
}

/// The Wasserstein distance of order 1.
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn wasserstein(py: Python<'_>, reference: Column, current: Column) -> PyResult<f64> {
    run(py, || {
        let (reference, current) = both_sorted(&reference, &current)?;
        drift::wasserstein::wasserstein(&reference, &current)
    })
}

/// The energy distance.
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn energy(py: Python<'_>, reference: Column, current: Column) -> PyResult<f64> {
    run(py, || {
        let (reference, current) = both_sorted(&reference, &current)?;
        drift::energy::energy(&reference, &current)
    })
}

/// The Mann-Whitney U statistic: (statistic, `p_value`, method, auc).
#[pyfunction]
#[pyo3(signature = (reference, current, method))]
pub(crate) fn mann_whitney(
    py: Python<'_>,
    reference: Column,
    current: Column,
    method: &str,
) -> PyResult<(f64, f64, &'static str, f64)> {
    run(py, || {
        let method = self::method(method)?;
        let (reference, current) = both_sorted(&reference, &current)?;
        let found = drift::mann_whitney::mann_whitney(&reference, &current)?;
        Ok(effected(&found, method))
    })
}

fn effected(found: &drift::mann_whitney::MannWhitney, method: Method) -> (f64, f64, &'static str, f64) {
    let (statistic, p_value, method) = test(found.statistic, found.p_value(method));
    (statistic, p_value, method, found.auc)
}

/// All rank statistics from one sort, each as its own function gives it.
#[pyfunction]
#[pyo3(signature = (reference, current, method))]
pub(crate) fn rank_statistics<'py>(
    py: Python<'py>,
    reference: Column,
    current: Column,
    method: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let (found, method, von_mises) = run(py, || {
        let method = self::method(method)?;
        let (reference, current) = both_sorted(&reference, &current)?;
        let found = drift::rank_statistics::rank_statistics(&reference, &current)?;
        Ok((found, method, found.cramer_von_mises.p_value(method)?))
    })?;
    let dict = PyDict::new(py);
    dict.set_item("ks", located(&found.ks, method))?;
    dict.set_item("kuiper", test(found.kuiper.statistic, found.kuiper.p_value()))?;
    dict.set_item(
        "cramer_von_mises",
        test(found.cramer_von_mises.statistic, von_mises),
    )?;
    let anderson = found
        .anderson_darling
        .map(|each| test(each.statistic, each.p_value()));
    dict.set_item("anderson_darling", anderson)?;
    dict.set_item("wasserstein", found.wasserstein)?;
    dict.set_item("energy", found.energy)?;
    dict.set_item("mann_whitney", effected(&found.mann_whitney, method))?;
    Ok(dict)
}

/// Welch's t-test: (statistic, `p_value`, df).
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn welch_t(py: Python<'_>, reference: Column, current: Column) -> PyResult<(f64, f64, f64)> {
    run(py, || {
        let (reference, current) = both(&reference, &current)?;
        let found = drift::welch_t::welch_t(&reference, &current)?;
        Ok((found.statistic, found.p_value, found.df))
    })
}

/// Levene's test with medians: (statistic, `p_value`).
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn levene(py: Python<'_>, reference: Column, current: Column) -> PyResult<(f64, f64)> {
    run(py, || {
        let (reference, current) = both(&reference, &current)?;
        let found = drift::levene::levene(&reference, &current)?;
        Ok((found.statistic, found.p_value))
    })
}

/// Pearson's chi-square of homogeneity of two counts: (statistic, df, `p_value`).
#[pyfunction]
#[pyo3(signature = (reference, current, correction))]
pub(crate) fn chi2(
    py: Python<'_>,
    reference: Vec<u64>,
    current: Vec<u64>,
    correction: bool,
) -> PyResult<(f64, usize, f64)> {
    run(py, || {
        drift::chi2::chi2(&reference, &current, correction).map(homogeneity)
    })
}

/// The G statistic of homogeneity of two counts: (statistic, df, `p_value`).
#[pyfunction]
#[pyo3(signature = (reference, current, correction))]
pub(crate) fn g_test(
    py: Python<'_>,
    reference: Vec<u64>,
    current: Vec<u64>,
    correction: bool,
) -> PyResult<(f64, usize, f64)> {
    run(py, || {
        drift::g_test::g_test(&reference, &current, correction).map(homogeneity)
    })
}

/// Cramer's V of two counts, bias-corrected.
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn cramers_v(py: Python<'_>, reference: Vec<u64>, current: Vec<u64>) -> PyResult<f64> {
    run(py, || drift::cramers_v::cramers_v(&reference, &current))
}

/// Fisher's exact test of two counts of two cells: (odds ratio, `p_value`).
#[pyfunction]
#[pyo3(signature = (reference, current))]
pub(crate) fn fisher_exact(py: Python<'_>, reference: Vec<u64>, current: Vec<u64>) -> PyResult<(f64, f64)> {
    run(py, || {
        let found = drift::fisher_exact::fisher_exact(&reference, &current)?;
        Ok((found.odds_ratio, found.p_value))
    })
}

/// The quantile of the beta distribution.
#[pyfunction]
#[pyo3(signature = (p, a, b))]
pub(crate) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    ctcore::special::beta_quantile(p, a, b)
}

/// The quantile of Student's t distribution.
#[pyfunction]
#[pyo3(signature = (p, df))]
pub(crate) fn t_quantile(p: f64, df: f64) -> f64 {
    ctcore::special::t_quantile(p, df)
}

/// The upper tail of the chi-square distribution.
#[pyfunction]
#[pyo3(signature = (x, df))]
pub(crate) fn chi2_sf(x: f64, df: f64) -> f64 {
    ctcore::special::chi2_sf(x, df)
}

/// The upper tail of Student's t distribution.
#[pyfunction]
#[pyo3(signature = (t, df))]
pub(crate) fn t_sf(t: f64, df: f64) -> f64 {
    ctcore::special::t_sf(t, df)
}

/// The upper tail of the standard normal distribution.
#[pyfunction]
#[pyo3(signature = (x))]
pub(crate) fn normal_sf(x: f64) -> f64 {
    ctcore::special::normal_sf(x)
}
