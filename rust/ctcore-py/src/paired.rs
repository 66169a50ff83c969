//! Paired intervals.

use ctcore::metrics::paired::delong::{self, Placements};
use ctcore::metrics::paired::{Interval, Pairs, Question, bootstrap, cluster_t, sign_flip};
use ctcore::{Error, Result};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::border::{Column, floats, integers, run};

/// The interval of `sum advantage / sum against`, by cluster: `"sign_flip"`, `"cluster_t"` or
/// `"bootstrap"`.
#[pyfunction]
#[pyo3(signature = (advantage, against, cluster, *, weight=None, method, margin, confidence, resamples, seed))]
#[expect(
    clippy::too_many_arguments,
    reason = "the definition of the interval, spelled out"
)]
pub(crate) fn paired<'py>(
    py: Python<'py>,
    advantage: Column,
    against: Column,
    cluster: Column,
    weight: Option<Column>,
    method: &str,
    margin: f64,
    confidence: f64,
    resamples: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let (pairs, interval) = run(py, || {
        let weight = weight
            .as_ref()
            .map(|weight| floats("weight", weight))
            .transpose()?;
        let pairs = Pairs::new(
            floats("advantage", &advantage)?.values(),
            floats("against", &against)?.values(),
            weight.as_ref().map(|weight| weight.values().as_ref()),
            &clusters(&cluster)?,
        )?;
        let question = Question::new(margin, confidence)?;
        let interval = match method {
            "sign_flip" => sign_flip::interval(&pairs, question, seed),
            "cluster_t" => cluster_t::interval(&pairs, question),
            "bootstrap" => bootstrap::interval(&pairs, question, resamples, seed),
            other => {
                let message =
                    format!("must be \"sign_flip\", \"cluster_t\" or \"bootstrap\", found {other:?}");
                return Err(Error::argument("method", message));
            }
        };
        Ok((pairs, interval))
    })?;
    let result = as_dict(py, &interval)?;
    result.set_item("units", pairs.units)?;
    result.set_item("effective", pairs.effective)?;
    result.set_item("clusters", pairs.clusters())?;
    result.set_item("design_effect", pairs.design_effect)?;
    Ok(result)
}

/// Both AUCs, the interval of their difference where rows are independent (`DeLong`), and the
/// difference as a mean over rows, for clustered intervals.
#[pyfunction]
#[pyo3(signature = (label, candidate, production, *, margin, confidence))]
#[expect(clippy::type_complexity, reason = "two numbers, an interval, an array")]
pub(crate) fn auc_delong<'py>(
    py: Python<'py>,
    label: Column,
    candidate: Column,
    production: Column,
    margin: f64,
    confidence: f64,
) -> PyResult<(f64, f64, Bound<'py, PyDict>, Bound<'py, PyArray1<f64>>)> {
    let (placements, interval, influence) = run(py, || {
        let placements = Placements::new(
            floats("label", &label)?.values(),
            floats("candidate", &candidate)?.values(),
            floats("production", &production)?.values(),
        )?;
        let interval = placements.interval(Question::new(margin, confidence)?);
        let influence = placements.influence();
        Ok((placements, interval, influence))
    })?;
    Ok((
        placements.candidate,
        placements.production,
        as_dict(py, &interval)?,
        influence.into_pyarray(py),
    ))
}

/// The interval of the difference of two AUCs by a bootstrap of clusters.
#[pyfunction]
#[pyo3(signature = (label, candidate, production, cluster, *, margin, confidence, resamples, seed))]
#[expect(
    clippy::too_many_arguments,
    reason = "the definition of the interval, spelled out"
)]
pub(crate) fn auc_bootstrap<'py>(
    py: Python<'py>,
    label: Column,
    candidate: Column,
    production: Column,
    cluster: Column,
    margin: f64,
    confidence: f64,
    resamples: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let interval = run(py, || {
        delong::bootstrap(
            floats("label", &label)?.values(),
            floats("candidate", &candidate)?.values(),
            floats("production", &production)?.values(),
            &clusters(&cluster)?,
            Question::new(margin, confidence)?,
            resamples,
            seed,
        )
    })?;
    as_dict(py, &interval)
}

fn clusters(cluster: &Column) -> Result<Vec<usize>> {
    integers("cluster", cluster)?
        .values()
        .iter()
        .map(|&id| {
            usize::try_from(id)
                .map_err(|_| Error::argument("cluster", format!("must be numbered from 0, found {id}")))
        })
        .collect()
}

fn as_dict<'py>(py: Python<'py>, interval: &Interval) -> PyResult<Bound<'py, PyDict>> {
    let result = PyDict::new(py);
    result.set_item("gain", interval.gain)?;
    result.set_item("lower", interval.lower)?;
    result.set_item("upper", interval.upper)?;
    result.set_item("p_value", interval.p_value)?;
    result.set_item("p_not_better", interval.p_not_better)?;
    result.set_item("p_not_worse", interval.p_not_worse)?;
    result.set_item("resamples", interval.resamples)?;
    result.set_item("exact", interval.exact)?;
    Ok(result)
}
