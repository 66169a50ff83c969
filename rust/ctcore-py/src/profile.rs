//! Profiles: the core's states to and from plain dictionaries, which Python stores as JSON.

use std::collections::BTreeMap;

use ctcore::column::{Kind, Rows};
use ctcore::num::Moments;
use ctcore::profile::{CategoryProfile, ColumnProfile, Edges, NumberProfile};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::border::{ArgumentError, Column, run};
use crate::drift::Finite;

/// Profiles a column and freezes its cells on it: `cells` of equal mass for numbers, the `limit`
/// most frequent categories otherwise.
#[pyfunction]
#[pyo3(signature = (name, column, *, cells, limit))]
pub(crate) fn profile_column<'py>(
    py: Python<'py>,
    name: &str,
    column: Column,
    cells: usize,
    limit: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let profile = run(py, || {
        let kind = match column.0.first() {
            Some(array) => Kind::of(name, array.data_type())?,
            None => Kind::Number,
        };
        ColumnProfile::of(name, &column.0, kind, cells, limit)
    })?;
    to_dict(py, &profile)
}

/// Profiles a column on the cells of another profile.
#[pyfunction]
#[pyo3(signature = (name, column, like))]
pub(crate) fn profile_column_like<'py>(
    py: Python<'py>,
    name: &str,
    column: Column,
    like: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let like = from_dict(like)?;
    let profile = run(py, || ColumnProfile::on(name, &column.0, &like))?;
    to_dict(py, &profile)
}

/// Counts finite numbers on given edges: what a distance from a stored profile needs.
#[pyfunction]
#[pyo3(signature = (name, column, edges))]
pub(crate) fn count_cells(py: Python<'_>, name: &str, column: Column, edges: Vec<f64>) -> PyResult<Vec<u64>> {
    run(py, || {
        let edges = Edges::new(edges)?;
        Ok(edges.count(&Finite::of(name, &column)?))
    })
}

/// Adds two profiles of the same cells.
#[pyfunction]
#[pyo3(signature = (first, second))]
pub(crate) fn merge_profiles<'py>(
    py: Python<'py>,
    first: &Bound<'py, PyDict>,
    second: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let (mut merged, second) = (from_dict(first)?, from_dict(second)?);
    run(py, || merged.merge(&second))?;
    to_dict(py, &merged)
}

fn to_dict<'py>(py: Python<'py>, profile: &ColumnProfile) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let rows = match profile {
        ColumnProfile::Number(number) => {
            dict.set_item("kind", "number")?;
            dict.set_item("minimum", number.range.map(|range| range.0))?;
            dict.set_item("maximum", number.range.map(|range| range.1))?;
            dict.set_item("finite", number.moments.count)?;
            dict.set_item("mean", number.moments.mean)?;
            dict.set_item("squares", number.moments.squares)?;
            dict.set_item("edges", number.edges.as_slice())?;
            dict.set_item("counts", &number.counts)?;
            number.rows
        }
        ColumnProfile::Category(category) => {
            dict.set_item("kind", "category")?;
            dict.set_item("counts", &category.counts)?;
            dict.set_item("rest", category.rest)?;
            category.rows
        }
    };
    dict.set_item("rows", rows.rows)?;
    dict.set_item("nulls", rows.nulls)?;
    dict.set_item("nans", rows.nans)?;
    dict.set_item("positive_infinities", rows.positive_infinities)?;
    dict.set_item("negative_infinities", rows.negative_infinities)?;
    Ok(dict)
}

fn from_dict(dict: &Bound<'_, PyDict>) -> PyResult<ColumnProfile> {
    let rows = Rows {
        rows: item(dict, "rows")?,
        nulls: item(dict, "nulls")?,
        nans: item(dict, "nans")?,
        positive_infinities: item(dict, "positive_infinities")?,
        negative_infinities: item(dict, "negative_infinities")?,
    };
    match item::<String>(dict, "kind")?.as_str() {
        "number" => {
            let range: (Option<f64>, Option<f64>) = (item(dict, "minimum")?, item(dict, "maximum")?);
            let edges = Edges::new(item(dict, "edges")?)
                .map_err(|error| ArgumentError::new_err(error.to_string()))?;
            let counts: Vec<u64> = item(dict, "counts")?;
            if counts.len() != edges.cells() {
                return Err(ArgumentError::new_err(format!(
                    "profile: {} counts do not fit {} cells",
                    counts.len(),
                    edges.cells()
                )));
            }
            Ok(ColumnProfile::Number(NumberProfile {
                rows,
                range: range.0.zip(range.1),
                moments: Moments {
                    count: item(dict, "finite")?,
                    mean: item(dict, "mean")?,
                    squares: item(dict, "squares")?,
                },
                edges,
                counts,
            }))
        }
        "category" => Ok(ColumnProfile::Category(CategoryProfile {
            rows,
            counts: item::<BTreeMap<String, u64>>(dict, "counts")?,
            rest: item(dict, "rest")?,
        })),
        other => Err(ArgumentError::new_err(format!(
            "profile: kind must be \"number\" or \"category\", found {other:?}"
        ))),
    }
}

fn item<T: for<'a> FromPyObject<'a, 'a, Error = PyErr>>(dict: &Bound<'_, PyDict>, key: &str) -> PyResult<T> {
    dict.get_item(key)?
        .ok_or_else(|| ArgumentError::new_err(format!("profile: the key {key:?} is missing")))?
        .extract()
        .map_err(|error: PyErr| ArgumentError::new_err(format!("profile: {key}: {error}")))
}
