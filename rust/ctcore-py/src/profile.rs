//! Profiles: the core's states to and from plain dictionaries, which Python stores as JSON.

use std::collections::BTreeMap;

use ctcore::Error;
use ctcore::column::Rows;
use ctcore::drift::{self, bounds};
use ctcore::num::Moments;
use ctcore::profile::cells::Cells;
use ctcore::profile::distinct::Distinct;
use ctcore::profile::quantiles::{Quantiles, Slack};
use ctcore::profile::{self, CategoryProfile, ColumnProfile, Edges, Freeze, NumberProfile};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_arrow::input::AnyRecordBatch;

use crate::border::{ArgumentError, Column, run, to_python};
use crate::drift::{Judged, judged};

/// One pass over record batches: (profiles by name; for each other column why it has none, or `None`
/// where it is missing; rows). Cells are frozen on the batches, or are those of the profiles in `like`.
#[pyfunction]
#[pyo3(signature = (data, *, columns, like, cells, categories))]
pub(crate) fn profile_stream<'py>(
    py: Python<'py>,
    data: AnyRecordBatch,
    columns: Option<Vec<String>>,
    like: Option<Bound<'py, PyDict>>,
    cells: usize,
    categories: usize,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>, u64)> {
    let reader = data.into_reader()?;
    let schema = reader.schema();
    let (profiles, skipped) = (PyDict::new(py), PyDict::new(py));
    let frozen: Option<BTreeMap<String, ColumnProfile>> = like
        .as_ref()
        .map(|like| {
            like.iter()
                .map(|(name, column)| Ok((name.extract()?, from_dict(column.cast()?)?)))
                .collect::<PyResult<_>>()
        })
        .transpose()?;
    let all: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let known: Vec<String> = like.map_or(Ok(Vec::new()), |like| like.keys().extract())?;
    let new = all.into_iter().filter(|name| !known.contains(name)).collect();
    let names = columns.unwrap_or_else(|| [known, new].concat());
    let mut asked = Vec::new();
    for name in names {
        let mut places = schema
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| *field.name() == name);
        let Some((index, _)) = places.next() else {
            skipped.set_item(name, py.None())?;
            continue;
        };
        if places.next().is_some() {
            return Err(to_python(Error::argument(
                "data",
                format!("has more than one column {name:?}"),
            )));
        }
        let freeze = match frozen.as_ref().map(|frozen| frozen.get(&name)) {
            None => Freeze::Here { cells, categories },
            Some(Some(like)) => Freeze::Like(like),
            Some(None) => {
                skipped.set_item(name, "the reference does not have this column")?;
                continue;
            }
        };
        asked.push((index, freeze));
    }
    let found = run(py, || profile::profile(reader, &schema, &asked))?;
    for ((index, _), profile) in asked.iter().zip(found.profiles) {
        let name = schema.field(*index).name();
        match profile {
            Ok(profile) => {
                let column = to_dict(py, &profile)?;
                column.set_item("type", schema.field(*index).data_type().to_string())?;
                profiles.set_item(name, column)?;
            }
            Err(error @ Error::Type { .. }) => skipped.set_item(name, error.to_string())?,
            Err(error) => return Err(to_python(error)),
        }
    }
    Ok((profiles, skipped, found.rows))
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

/// Whether a stored profile is one: what it holds must fit together.
#[pyfunction]
#[pyo3(signature = (column))]
pub(crate) fn check_profile(column: &Bound<'_, PyDict>) -> PyResult<()> {
    from_dict(column).map(drop)
}

/// Bounds of the value at rank `ceil(share n)` of a profiled column; `None` where it has no finite value.
#[pyfunction]
#[pyo3(signature = (column, share))]
pub(crate) fn quantile(column: &Bound<'_, PyDict>, share: f64) -> PyResult<Option<(f64, f64)>> {
    let number = numbers(column)?;
    Ok(number.range.map(|range| number.quantiles.quantile(share, range)))
}

/// Bounds of a statistic of values of two profiled columns: (low, high).
#[pyfunction]
#[pyo3(signature = (statistic, reference, current))]
pub(crate) fn rank_bounds(
    py: Python<'_>,
    statistic: &str,
    reference: &Bound<'_, PyDict>,
    current: &Bound<'_, PyDict>,
) -> PyResult<(f64, f64)> {
    let (reference, current) = (numbers(reference)?, numbers(current)?);
    let (before, after) = (&reference.quantiles, &current.quantiles);
    let found = run(py, || match statistic {
        "ks" => bounds::ks(before, after),
        "auc" => bounds::auc(before, after),
        "wasserstein" => bounds::wasserstein(&reference, &current),
        other => Err(not_of_values(other)),
    })?;
    Ok((found.low, found.high))
}

fn not_of_values(statistic: &str) -> Error {
    Error::argument("statistic", format!("{statistic:?} is not of values"))
}

/// A statistic of values against a tolerance, as far as two profiled columns tell: as [`ranks_against`],
/// and the bounds of the statistic itself.
#[pyfunction]
#[pyo3(signature = (statistic, reference, current, tolerance))]
pub(crate) fn profiles_against(
    py: Python<'_>,
    statistic: &str,
    reference: &Bound<'_, PyDict>,
    current: &Bound<'_, PyDict>,
    tolerance: f64,
) -> PyResult<(Judged, (f64, f64))> {
    let (reference, current) = (numbers(reference)?, numbers(current)?);
    let (before, after) = (&reference.quantiles, &current.quantiles);
    let (found, bounds) = run(py, || match statistic {
        "ks" => drift::ks::profiled_against(before, after, tolerance),
        "auc" => drift::mann_whitney::profiled_against(before, after, tolerance),
        "wasserstein" => drift::wasserstein::profiled_against(&reference, &current, tolerance),
        other => Err(not_of_values(other)),
    })?;
    Ok((judged(found), (bounds.low, bounds.high)))
}

fn numbers(column: &Bound<'_, PyDict>) -> PyResult<NumberProfile> {
    match from_dict(column)? {
        ColumnProfile::Number(number) => Ok(number),
        ColumnProfile::Category(_) => Err(ArgumentError::new_err(
            "column: it holds categories, which have no order",
        )),
    }
}

/// Freezes cells on a column that lies in memory and counts it: `cells` of equal mass for numbers, the
/// `limit` most frequent categories otherwise.
#[pyfunction]
#[pyo3(signature = (name, column, *, cells, limit))]
pub(crate) fn profile_column<'py>(
    py: Python<'py>,
    name: &str,
    column: Column,
    cells: usize,
    limit: usize,
) -> PyResult<Bound<'py, PyDict>> {
    cells_dict(py, &run(py, || Cells::of(name, &column.0, cells, limit))?)
}

/// Counts a column on the cells of another, or of a profile.
#[pyfunction]
#[pyo3(signature = (name, column, like))]
pub(crate) fn profile_column_like<'py>(
    py: Python<'py>,
    name: &str,
    column: Column,
    like: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let like = match kind(like)? {
        Kind::Number => Cells::Number {
            edges: edges(like, "edges")?,
            counts: Vec::new(),
            moments: Moments::default(),
            range: None,
        },
        Kind::Category => Cells::Category(item(like, "counts")?, 0),
    };
    cells_dict(py, &run(py, || like.like(name, &column.0))?)
}

/// Counts finite numbers on given edges.
#[pyfunction]
#[pyo3(signature = (name, column, edges))]
pub(crate) fn count_cells(py: Python<'_>, name: &str, column: Column, edges: Vec<f64>) -> PyResult<Vec<u64>> {
    run(py, || Edges::new(edges)?.count_column(name, &column.0))
}

fn cells_dict<'py>(py: Python<'py>, cells: &Cells) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    match cells {
        Cells::Number {
            edges,
            counts,
            moments,
            range,
        } => {
            dict.set_item("kind", "number")?;
            dict.set_item("minimum", range.map(|range| range.0))?;
            dict.set_item("maximum", range.map(|range| range.1))?;
            dict.set_item("finite", moments.count)?;
            dict.set_item("mean", moments.mean)?;
            dict.set_item("squares", moments.squares)?;
            dict.set_item("edges", edges.as_slice())?;
            dict.set_item("counts", counts)?;
        }
        Cells::Category(counts, rest) => {
            dict.set_item("kind", "category")?;
            dict.set_item("counts", counts)?;
            dict.set_item("rest", rest)?;
        }
    }
    Ok(dict)
}

fn to_dict<'py>(py: Python<'py>, profile: &ColumnProfile) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let (rows, distinct) = match profile {
        ColumnProfile::Number(number) => {
            dict.set_item("kind", "number")?;
            dict.set_item("minimum", number.range.map(|range| range.0))?;
            dict.set_item("maximum", number.range.map(|range| range.1))?;
            dict.set_item("finite", number.moments.count)?;
            dict.set_item("mean", number.moments.mean)?;
            dict.set_item("squares", number.moments.squares)?;
            dict.set_item("edges", number.edges.as_slice())?;
            dict.set_item("counts", number.counts())?;
            dict.set_item("quantiles", quantiles_dict(py, &number.quantiles)?)?;
            (number.rows, &number.distinct)
        }
        ColumnProfile::Category(category) => {
            dict.set_item("kind", "category")?;
            dict.set_item("counts", &category.counts)?;
            dict.set_item("rest", category.rest)?;
            dict.set_item("short", category.short)?;
            (category.rows, &category.distinct)
        }
    };
    dict.set_item("distinct", distinct.estimate())?;
    match distinct {
        Distinct::Few(hashes) => dict.set_item("hashes", hashes)?,
        Distinct::Many(registers) => dict.set_item(
            "registers",
            registers.iter().map(|&r| u64::from(r)).collect::<Vec<_>>(),
        )?,
    }
    dict.set_item("rows", rows.rows)?;
    dict.set_item("nulls", rows.nulls)?;
    dict.set_item("nans", rows.nans)?;
    dict.set_item("positive_infinities", rows.positive_infinities)?;
    dict.set_item("negative_infinities", rows.negative_infinities)?;
    Ok(dict)
}

fn quantiles_dict<'py>(py: Python<'py>, quantiles: &Quantiles) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("edges", quantiles.edges().as_slice())?;
    dict.set_item("counts", quantiles.counts())?;
    dict.set_item("rank_error", quantiles.rank_error())?;
    let slack = quantiles.slack().iter().enumerate();
    let slack: Vec<[u64; 3]> = slack
        .filter(|(_, slack)| **slack != Slack::default())
        .map(|(edge, slack)| [edge as u64, slack.under, slack.over])
        .collect();
    dict.set_item("slack", slack)?;
    Ok(dict)
}

enum Kind {
    Number,
    Category,
}

fn kind(dict: &Bound<'_, PyDict>) -> PyResult<Kind> {
    match item::<String>(dict, "kind")?.as_str() {
        "number" => Ok(Kind::Number),
        "category" => Ok(Kind::Category),
        other => Err(ArgumentError::new_err(format!(
            "profile: kind must be \"number\" or \"category\", found {other:?}"
        ))),
    }
}

fn from_dict(dict: &Bound<'_, PyDict>) -> PyResult<ColumnProfile> {
    let rows = Rows {
        rows: item(dict, "rows")?,
        nulls: item(dict, "nulls")?,
        nans: item(dict, "nans")?,
        positive_infinities: item(dict, "positive_infinities")?,
        negative_infinities: item(dict, "negative_infinities")?,
    };
    let distinct = match dict.get_item("registers")? {
        None => Distinct::Few(item(dict, "hashes")?),
        Some(_) => Distinct::many(item(dict, "registers")?).map_err(to_python)?,
    };
    Ok(match kind(dict)? {
        Kind::Number => {
            let range: (Option<f64>, Option<f64>) = (item(dict, "minimum")?, item(dict, "maximum")?);
            let number = NumberProfile {
                rows,
                range: range.0.zip(range.1),
                moments: Moments {
                    count: item(dict, "finite")?,
                    mean: item(dict, "mean")?,
                    squares: item(dict, "squares")?,
                },
                edges: edges(dict, "edges")?,
                quantiles: stored_quantiles(entry(dict, "quantiles")?.cast()?)?,
                distinct,
            };
            if item::<Vec<u64>>(dict, "counts")? != number.counts() {
                return Err(ArgumentError::new_err(
                    "profile: the counts are not those of the quantiles",
                ));
            }
            ColumnProfile::Number(number)
        }
        Kind::Category => ColumnProfile::Category(CategoryProfile {
            rows,
            counts: item::<BTreeMap<String, u64>>(dict, "counts")?,
            rest: item(dict, "rest")?,
            short: item(dict, "short")?,
            distinct,
        }),
    })
}

fn stored_quantiles(dict: &Bound<'_, PyDict>) -> PyResult<Quantiles> {
    let edges = edges(dict, "edges")?;
    let mut slack = vec![Slack::default(); edges.as_slice().len()];
    for [edge, under, over] in item::<Vec<[u64; 3]>>(dict, "slack")? {
        *slack
            .get_mut(usize::try_from(edge)?)
            .ok_or_else(|| ArgumentError::new_err(format!("profile: slack: there is no edge {edge}")))? =
            Slack { under, over };
    }
    Quantiles::new(edges, item(dict, "counts")?, slack).map_err(to_python)
}

fn edges(dict: &Bound<'_, PyDict>, key: &str) -> PyResult<Edges> {
    Edges::new(item(dict, key)?).map_err(to_python)
}

fn item<T: for<'a> FromPyObject<'a, 'a, Error = PyErr>>(dict: &Bound<'_, PyDict>, key: &str) -> PyResult<T> {
    entry(dict, key)?
        .extract()
        .map_err(|error: PyErr| ArgumentError::new_err(format!("profile: {key}: {error}")))
}

fn entry<'py>(dict: &Bound<'py, PyDict>, key: &str) -> PyResult<Bound<'py, PyAny>> {
    dict.get_item(key)?
        .ok_or_else(|| ArgumentError::new_err(format!("profile: the key {key:?} is missing")))
}
