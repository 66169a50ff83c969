//! `LightGBM`'s model text, read strictly.

use ctcore::lightgbm::Model;
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::border::run;

/// Reads a model's text and gives the names of its features, and its outputs a row.
#[pyfunction]
#[pyo3(signature = (text))]
pub(crate) fn lightgbm_model(py: Python<'_>, text: &[u8]) -> PyResult<(Vec<String>, usize)> {
    let model = run(py, || Model::parse(text))?;
    Ok((model.features, model.outputs))
}

/// Rows that feel every split and leaf of a model, at most `limit`: one row after the other.
#[pyfunction]
#[pyo3(signature = (text, limit))]
pub(crate) fn lightgbm_probes<'py>(
    py: Python<'py>,
    text: &[u8],
    limit: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let rows = run(py, || Model::parse(text).map(|model| model.probes(limit)))?;
    Ok(PyArray1::from_vec(py, rows))
}
