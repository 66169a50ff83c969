//! Drift statistics.

use ctcore::drift::cells::{Effect, Smoothing};
use ctcore::drift::ks::Method;
use ctcore::rank::Sorted;
use ctcore::{Error, column::Numbers};
use pyo3::prelude::*;

use crate::border::{Column, run};

fn ends(effect: Effect) -> (f64, f64, f64) {
    (effect.statistic, effect.lower, effect.upper)
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
        let smoothing = match smoothing {
            "none" => Smoothing::None,
            "jeffreys" => Smoothing::Jeffreys,
            other => {
                let message = format!("must be \"jeffreys\" or \"none\", found {other:?}");
                return Err(Error::argument("smoothing", message));
            }
        };
        ctcore::drift::psi::psi(&reference, &current, smoothing).map(ends)
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
        ctcore::drift::jensen_shannon::jensen_shannon(&reference, &current).map(ends)
    })
}

/// The two-sample Kolmogorov-Smirnov statistic: (statistic, location, sign, `p_value`, method).
#[pyfunction]
#[pyo3(signature = (reference, current, method))]
pub(crate) fn ks(
    py: Python<'_>,
    reference: Column,
    current: Column,
    method: &str,
) -> PyResult<(f64, f64, i8, f64, &'static str)> {
    run(py, || {
        let method = match method {
            "auto" => Method::Auto,
            "exact" => Method::Exact,
            "asymptotic" => Method::Asymptotic,
            other => {
                let message = format!("must be \"auto\", \"exact\" or \"asymptotic\", found {other:?}");
                return Err(Error::argument("method", message));
            }
        };
        let sort = |name, column: &Column| {
            Numbers::of_column(name, &column.0).map(|numbers| Sorted::new(&numbers.finite))
        };
        let ks = ctcore::drift::ks::ks(&sort("reference", &reference)?, &sort("current", &current)?)?;
        let p = ks.p_value(method);
        let method = if p.method == Method::Exact {
            "exact"
        } else {
            "asymptotic"
        };
        Ok((ks.statistic, ks.location, ks.sign, p.p_value, method))
    })
}
