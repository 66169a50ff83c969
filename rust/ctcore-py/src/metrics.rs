//! Ranking metrics, losses and their paired intervals.

use ctcore::metrics::groups::Groups;
use ctcore::metrics::ndcg::{Empty, Gain, Grades, Ndcg, PerQuery, Ties};
use ctcore::metrics::pointwise::{Loss, losses as row_losses};
use ctcore::{Error, Result};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::border::{Column, Relevance, Scores, floats, integers, relevance as grades, run, scores};

/// Sizes of the groups of equal ids, in order of first occurrence, and the permutation that brings
/// the rows of each together (`None` where they lie together already).
#[pyfunction]
#[pyo3(signature = (query))]
#[expect(clippy::type_complexity, reason = "two arrays, the second optional")]
pub(crate) fn group_ids<'py>(
    py: Python<'py>,
    query: Column,
) -> PyResult<(Bound<'py, PyArray1<i64>>, Option<Bound<'py, PyArray1<usize>>>)> {
    let (sizes, order) = run(py, || {
        let ids = integers("query", &query)?;
        let (groups, order) = Groups::from_ids(ids.values());
        let sizes: Vec<i64> = (0..groups.len())
            .map(|query| groups.rows(query).len() as i64)
            .collect();
        Ok((sizes, order))
    })?;
    Ok((sizes.into_pyarray(py), order.map(|order| order.into_pyarray(py))))
}

/// NDCG of each query, and flag bits: 1 empty, 2 constant, 4 single, 8 tied.
#[pyfunction]
#[pyo3(signature = (relevance, score, group, *, k, gain, gain_table, ties, empty))]
#[expect(
    clippy::too_many_arguments,
    reason = "the definition of the metric, spelled out"
)]
#[expect(clippy::type_complexity, reason = "two arrays")]
pub(crate) fn ndcg<'py>(
    py: Python<'py>,
    relevance: Column,
    score: Column,
    group: Column,
    k: Option<usize>,
    gain: &str,
    gain_table: Option<Vec<f64>>,
    ties: &str,
    empty: &str,
) -> PyResult<(Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<u8>>)> {
    let PerQuery { values, flags } = run(py, || {
        let definition = definition(k, gain, gain_table, ties, empty)?;
        let (relevance, score) = (grades(&relevance)?, scores(&score)?);
        let rows = match &score {
            Scores::Single(values) => values.values().len(),
            Scores::Double(values) => values.values().len(),
        };
        let groups = Groups::from_sizes(integers("group", &group)?.values(), rows)?;
        let relevance = match &relevance {
            Relevance::Whole(values) => Grades::Whole(values.values()),
            Relevance::Real(values) => Grades::Real(values.values()),
        };
        match &score {
            Scores::Single(values) => definition.per_query(relevance, values.values(), &groups),
            Scores::Double(values) => definition.per_query(relevance, values.values(), &groups),
        }
    })?;
    Ok((values.into_pyarray(py), flags.into_pyarray(py)))
}

fn definition(
    k: Option<usize>,
    gain: &str,
    gain_table: Option<Vec<f64>>,
    ties: &str,
    empty: &str,
) -> Result<Ndcg> {
    let unknown = |name, choices: &str, found: &str| {
        Err(Error::argument(
            name,
            format!("must be one of {choices}; found {found:?}"),
        ))
    };
    Ok(Ndcg {
        k,
        gain: match (gain, gain_table) {
            ("linear", None) => Gain::Linear,
            ("exp2", None) => Gain::Exp2,
            ("table", Some(table)) => Gain::Table(table),
            _ => return unknown("gain", "\"linear\", \"exp2\" or a sequence of gains", gain),
        },
        ties: match ties {
            "average" => Ties::Average,
            "input" => Ties::Input,
            "pessimistic" => Ties::Pessimistic,
            "optimistic" => Ties::Optimistic,
            other => {
                return unknown(
                    "ties",
                    "\"average\", \"input\", \"pessimistic\", \"optimistic\"",
                    other,
                );
            }
        },
        empty: match empty {
            "zero" => Empty::Zero,
            "one" => Empty::One,
            "skip" => Empty::Skip,
            "error" => Empty::Error,
            other => return unknown("empty", "\"zero\", \"one\", \"skip\", \"error\"", other),
        },
    })
}

/// The loss of each row: `"absolute"` or `"squared"`.
#[pyfunction]
#[pyo3(signature = (target, prediction, loss))]
pub(crate) fn losses<'py>(
    py: Python<'py>,
    target: Column,
    prediction: Column,
    loss: &str,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let values = run(py, || {
        let loss = match loss {
            "absolute" => Loss::Absolute,
            "squared" => Loss::Squared,
            other => {
                let message = format!("must be \"absolute\" or \"squared\", found {other:?}");
                return Err(Error::argument("loss", message));
            }
        };
        row_losses(
            loss,
            floats("target", &target)?.values(),
            floats("prediction", &prediction)?.values(),
        )
    })?;
    Ok(values.into_pyarray(py))
}

/// The interval of `sum advantage / sum against` by sign flips of whole clusters.
#[pyfunction]
#[pyo3(signature = (advantage, against, cluster, *, margin, confidence, seed))]
pub(crate) fn sign_flip<'py>(
    py: Python<'py>,
    advantage: Column,
    against: Column,
    cluster: Column,
    margin: f64,
    confidence: f64,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let interval = run(py, || {
        let cluster = integers("cluster", &cluster)?
            .values()
            .iter()
            .map(|&id| {
                usize::try_from(id)
                    .map_err(|_| Error::argument("cluster", format!("must be numbered from 0, found {id}")))
            })
            .collect::<Result<Vec<_>>>()?;
        let (advantage, against) = (floats("advantage", &advantage)?, floats("against", &against)?);
        ctcore::metrics::paired::sign_flip(
            advantage.values(),
            against.values(),
            &cluster,
            margin,
            confidence,
            seed,
        )
    })?;
    let result = PyDict::new(py);
    result.set_item("gain", interval.gain)?;
    result.set_item("lower", interval.lower)?;
    result.set_item("upper", interval.upper)?;
    result.set_item("p_value", interval.p_value)?;
    result.set_item("units", interval.units)?;
    result.set_item("clusters", interval.clusters)?;
    result.set_item("subsets", interval.subsets)?;
    result.set_item("exact", interval.exact)?;
    Ok(result)
}

/// The mean, weighted where weights are given; the same bits on every machine. NaN values are left
/// out with their weights.
#[pyfunction]
#[pyo3(signature = (values, weight=None))]
pub(crate) fn mean(py: Python<'_>, values: Column, weight: Option<Column>) -> PyResult<f64> {
    run(py, || {
        let values = floats("values", &values)?;
        let weight = weight
            .as_ref()
            .map(|weight| floats("weight", weight))
            .transpose()?;
        ctcore::num::weighted_mean(
            values.values(),
            weight.as_ref().map(|weight| weight.values().as_ref()),
        )
    })
}
