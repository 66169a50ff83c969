//! Leakage: how well a feature alone predicts the label, and rows that occur more than once.

use ctcore::validate::duplicates::{self, Likeness};
use ctcore::validate::leakage::{self, Predictiveness};
use ctcore::{Error, Result};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::border::{Column, floats, integers, run};

/// The ordered classes of a label.
#[pyfunction]
#[pyo3(signature = (label))]
pub(crate) fn label_classes<'py>(py: Python<'py>, label: Column) -> PyResult<Bound<'py, PyArray1<u8>>> {
    let classes = run(py, || leakage::classes(floats("label", &label)?.values()))?;
    Ok(classes.into_pyarray(py))
}

/// How well a column alone predicts the label: in the whole, in each span, and in each span by what
/// the others taught.
#[pyfunction]
#[pyo3(signature = (name, column, label_class, span, spans))]
pub(crate) fn predictiveness<'py>(
    py: Python<'py>,
    name: &str,
    column: Column,
    label_class: Column,
    span: Column,
    spans: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let found = run(py, || {
        let class = narrow("label_class", &label_class, 255)?;
        let class: Vec<u8> = class.iter().map(|&class| class as u8).collect();
        let span = narrow("span", &span, i64::from(u32::MAX))?;
        let span: Vec<u32> = span.iter().map(|&span| span as u32).collect();
        leakage::predictiveness(name, &column.0, &class, &span, spans)
    })?;
    let dict = PyDict::new(py);
    dict.set_item("whole", to_dict(py, &found.whole)?)?;
    let each: Vec<_> = found
        .spans
        .iter()
        .map(|one| to_dict(py, one))
        .collect::<PyResult<_>>()?;
    dict.set_item("spans", each)?;
    dict.set_item("transferred", found.transferred)?;
    Ok(dict)
}

fn narrow(name: &'static str, column: &Column, most: i64) -> Result<Vec<i64>> {
    let values = integers(name, column)?.values().to_vec();
    match values.iter().find(|&&value| value < 0 || value > most) {
        Some(bad) => Err(Error::argument(
            name,
            format!("must be from 0 to {most}, found {bad}"),
        )),
        None => Ok(values),
    }
}

fn to_dict<'py>(py: Python<'py>, found: &Predictiveness) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("auc", found.auc)?;
    dict.set_item("standard_error", found.standard_error)?;
    dict.set_item("null_error", found.null_error)?;
    dict.set_item("spearman", found.spearman)?;
    dict.set_item("eta_squared", found.eta_squared)?;
    dict.set_item("missing_auc", found.missing_auc)?;
    dict.set_item("rows", found.rows)?;
    dict.set_item("missing", found.missing)?;
    Ok(dict)
}

/// Hashes of rows, 16 bytes each: those of parts, one after the other, are those of the whole.
#[pyfunction]
#[pyo3(signature = (columns, near))]
pub(crate) fn row_hashes<'py>(
    py: Python<'py>,
    columns: Vec<(String, Column)>,
    near: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let likeness = if near { Likeness::Near } else { Likeness::Exact };
    let columns: Vec<_> = columns
        .into_iter()
        .map(|(name, column)| (name, column.0))
        .collect();
    let hashes = run(py, || duplicates::row_hashes(&columns, likeness))?;
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    Ok(PyBytes::new(py, &bytes))
}

/// For each row whether an earlier row has its hash.
#[pyfunction]
#[pyo3(signature = (hashes))]
pub(crate) fn repeated_rows<'py>(py: Python<'py>, hashes: &[u8]) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let found = run(py, || Ok(duplicates::repeated(&words(hashes)?)))?;
    Ok(found.into_pyarray(py))
}

/// For each row whether its hash is among others.
#[pyfunction]
#[pyo3(signature = (hashes, others))]
pub(crate) fn known_rows<'py>(
    py: Python<'py>,
    hashes: &[u8],
    others: &[u8],
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let found = run(py, || Ok(duplicates::known(&words(hashes)?, &words(others)?)))?;
    Ok(found.into_pyarray(py))
}

/// For each row whether another row has its hash and not its label.
#[pyfunction]
#[pyo3(signature = (hashes, label))]
pub(crate) fn conflicting_rows<'py>(
    py: Python<'py>,
    hashes: &[u8],
    label: Column,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let found = run(py, || {
        duplicates::conflicting(&words(hashes)?, floats("label", &label)?.values())
    })?;
    Ok(found.into_pyarray(py))
}

fn words(hashes: &[u8]) -> Result<Vec<u128>> {
    let (words, rest) = hashes.as_chunks::<16>();
    if rest.is_empty() {
        return Ok(words.iter().map(|word| u128::from_le_bytes(*word)).collect());
    }
    let message = format!("must be 16 bytes a row, found {} bytes", hashes.len());
    Err(Error::argument("hashes", message))
}
