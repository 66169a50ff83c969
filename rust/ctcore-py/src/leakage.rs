//! Leakage: how well a feature alone predicts the label, and rows that occur more than once.

use ctcore::validate::duplicates::{self, Likeness};
use ctcore::validate::joint::{Joint, Labelled};
use ctcore::validate::leakage::{self, Calendar, Predictiveness, Scale};
use ctcore::{Error, Result};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use pyo3_arrow::PyRecordBatch;

use crate::border::{Column, floats, integers, run};

/// Rows with their label and their day: what features are counted by.
#[pyclass(frozen, name = "Labelled", module = "ctcore._core")]
pub(crate) struct PyLabelled(Labelled);

#[pymethods]
impl PyLabelled {
    #[new]
    #[pyo3(signature = (label, day))]
    fn new(py: Python<'_>, label: Column, day: Column) -> PyResult<Self> {
        run(py, || {
            let days = integers("day", &day)?;
            let days: Vec<i32> = days
                .values()
                .iter()
                .map(|&day| narrow(day))
                .collect::<Result<_>>()?;
            Ok(Self(Labelled::of(floats("label", &label)?.values(), &days)?))
        })
    }

    /// How often the values of a column meet the label, day by day.
    #[pyo3(signature = (name, column))]
    fn count(&self, py: Python<'_>, name: &str, column: Column) -> PyResult<PyJoint> {
        run(py, || Ok(PyJoint(self.0.count(name, &column.0)?)))
    }
}

fn narrow(day: i64) -> Result<i32> {
    i32::try_from(day).map_err(|_| Error::argument("day", format!("must be of 32 bits, found {day}")))
}

/// How often a feature's values meet a label's, day by day.
#[pyclass(frozen, name = "Joint", module = "ctcore._core")]
pub(crate) struct PyJoint(Joint);

#[pymethods]
impl PyJoint {
    /// The counts of all rows of some parts.
    #[staticmethod]
    #[pyo3(signature = (name, parts))]
    fn merge(py: Python<'_>, name: &str, parts: Vec<PyRecordBatch>) -> PyResult<Self> {
        run(py, || {
            let parts = parts.iter().map(|part| Joint::of_batch(part.as_ref()));
            Ok(Self(Joint::merge(name, &parts.collect::<Result<Vec<_>>>()?)?))
        })
    }

    /// A record batch of one row, which `of_batch` reads.
    fn to_batch(&self, py: Python<'_>) -> PyResult<PyRecordBatch> {
        Ok(PyRecordBatch::new(run(py, || self.0.to_batch())?))
    }

    #[staticmethod]
    #[pyo3(signature = (batch))]
    fn of_batch(py: Python<'_>, batch: PyRecordBatch) -> PyResult<Self> {
        run(py, || Ok(Self(Joint::of_batch(batch.as_ref())?)))
    }
}

/// How well a feature alone predicts the label: in the whole, in each span, and in each span by what
/// the others taught.
#[pyfunction]
#[pyo3(signature = (counts, last_day, days, spans))]
pub(crate) fn predictiveness<'py>(
    py: Python<'py>,
    counts: &PyJoint,
    last_day: i32,
    days: u32,
    spans: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let calendar = Calendar {
        last_day,
        days,
        spans,
    };
    let found = run(py, || leakage::predictiveness(&counts.0, calendar))?;
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

/// The deciles before the newest span and in it, and the medians of the spans.
type Scales<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
);

/// How large a feature's numbers are.
#[pyfunction]
#[pyo3(signature = (counts, last_day, days, spans, few))]
pub(crate) fn scale<'py>(
    py: Python<'py>,
    counts: &PyJoint,
    last_day: i32,
    days: u32,
    spans: usize,
    few: usize,
) -> PyResult<Option<Scales<'py>>> {
    let calendar = Calendar {
        last_day,
        days,
        spans,
    };
    let found = run(py, || leakage::scale(&counts.0, calendar, few))?;
    Ok(found.map(|Scale { old, new, medians }| {
        (
            old.into_pyarray(py),
            new.into_pyarray(py),
            medians.into_pyarray(py),
        )
    }))
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
