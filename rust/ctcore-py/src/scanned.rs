//! What a scan found: the core's states to and from plain dictionaries, which Python stores, and tables of keys.

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use ctcore::Error;
use ctcore::column::Rows;
use ctcore::num::Moments;
use ctcore::validate::facts::ColumnFacts;
use ctcore::validate::keys::KeyFacts;
use ctcore::validate::order::{Direction, Order};
use ctcore::validate::scan::{Broken, Outcome, Rule};
use ctcore::validate::tally::{self, Table};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_arrow::PyRecordBatchReader;
use pyo3_arrow::input::AnyRecordBatch;

use crate::border::run;
use crate::validate::PyKeys;

/// The facts of a column.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Facts {
    rows: u64,
    nulls: u64,
    nans: u64,
    positive_infinities: u64,
    negative_infinities: u64,
    minimum: Option<f64>,
    maximum: Option<f64>,
    zeros: u64,
    finite: u64,
    mean: f64,
    squares: f64,
    variance: Option<f64>,
    min_length: Option<u64>,
    max_length: Option<u64>,
}

impl From<&ColumnFacts> for Facts {
    fn from(facts: &ColumnFacts) -> Self {
        Self {
            rows: facts.rows.rows,
            nulls: facts.rows.nulls,
            nans: facts.rows.nans,
            positive_infinities: facts.rows.positive_infinities,
            negative_infinities: facts.rows.negative_infinities,
            minimum: facts.range.map(|range| range.0),
            maximum: facts.range.map(|range| range.1),
            zeros: facts.zeros,
            finite: facts.moments.count,
            mean: facts.moments.mean,
            squares: facts.moments.squares,
            variance: facts.moments.variance(1),
            min_length: facts.lengths.map(|lengths| lengths.0),
            max_length: facts.lengths.map(|lengths| lengths.1),
        }
    }
}

impl From<Facts> for ColumnFacts {
    fn from(facts: Facts) -> Self {
        Self {
            rows: Rows {
                rows: facts.rows,
                nulls: facts.nulls,
                nans: facts.nans,
                positive_infinities: facts.positive_infinities,
                negative_infinities: facts.negative_infinities,
            },
            range: facts.minimum.zip(facts.maximum),
            zeros: facts.zeros,
            moments: Moments {
                count: facts.finite,
                mean: facts.mean,
                squares: facts.squares,
            },
            lengths: facts.min_length.zip(facts.max_length),
        }
    }
}

/// What became of a rule about each row by itself.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Counted {
    asked: u64,
    count: u64,
    examples: Vec<(u64, String)>,
}

/// What became of a rule about order.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Ordered {
    count: u64,
    examples: Vec<(u64, String)>,
    first: Option<(u64, i128)>,
    last: Option<i128>,
    descending: bool,
    strict: bool,
}

impl From<&Broken> for Counted {
    fn from(broken: &Broken) -> Self {
        Self {
            asked: broken.asked,
            count: broken.count,
            examples: broken.examples.clone(),
        }
    }
}

impl From<Counted> for Broken {
    fn from(counted: Counted) -> Self {
        Self {
            asked: counted.asked,
            count: counted.count,
            examples: counted.examples,
        }
    }
}

impl Ordered {
    fn of(order: &Order, direction: Direction) -> Self {
        let unlike = |&row| (row, "does not follow its predecessor".to_owned());
        Self {
            count: order.breaks,
            examples: order.examples.iter().map(unlike).collect(),
            first: order.first,
            last: order.last,
            descending: direction.descending,
            strict: direction.strict,
        }
    }

    fn direction(&self) -> Direction {
        Direction {
            descending: self.descending,
            strict: self.strict,
        }
    }
}

impl From<Ordered> for Order {
    fn from(ordered: Ordered) -> Self {
        Self {
            first: ordered.first,
            last: ordered.last,
            breaks: ordered.count,
            examples: ordered.examples.into_iter().map(|(row, _)| row).collect(),
        }
    }
}

/// What became of a rule.
pub(crate) fn outcome_dict<'py>(
    py: Python<'py>,
    rule: &Rule,
    outcome: &Outcome,
) -> PyResult<Bound<'py, PyAny>> {
    match (outcome, rule) {
        (Outcome::NotRun(reason), _) => {
            let dict = PyDict::new(py);
            dict.set_item("reason", reason.to_string())?;
            Ok(dict.into_any())
        }
        (Outcome::Row(broken), _) => Ok(Counted::from(broken).into_pyobject(py)?.into_any()),
        (Outcome::Order(order), Rule::Order(_, direction)) => {
            Ok(Ordered::of(order, *direction).into_pyobject(py)?.into_any())
        }
        (Outcome::Keys(facts), _) => Ok(keys_dict(py, facts)?.into_any()),
        (Outcome::Order(_), _) => Err(PyValueError::new_err("an order has a direction")),
    }
}

fn keys_dict<'py>(py: Python<'py>, facts: &KeyFacts) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("keyed", facts.keyed)?;
    dict.set_item("nulls", facts.nulls)?;
    dict.set_item("distinct", facts.distinct)?;
    dict.set_item("once", facts.once)?;
    dict.set_item("count", facts.keyed - facts.distinct)?;
    dict.set_item("entropy", facts.entropy)?;
    let repeats = |&(row, first): &(u64, u64)| (row, format!("repeats row {first}"));
    let examples: Vec<(u64, String)> = facts.examples.iter().map(repeats).collect();
    dict.set_item("examples", examples)?;
    dict.set_item("repeated", PyKeys::of(facts.repeated.clone()).into_pyobject(py)?)?;
    Ok(dict)
}

/// The facts of a column in two parts of the data together.
#[pyfunction]
#[pyo3(signature = (earlier, later))]
pub(crate) fn merge_facts(earlier: Facts, later: Facts) -> Facts {
    let mut whole = ColumnFacts::from(earlier);
    whole.merge(&later.into());
    Facts::from(&whole)
}

#[derive(FromPyObject)]
pub(crate) enum Stored {
    Row(Counted),
    Order(Ordered),
}

/// What became of a rule that is not about keys in two parts of the data together; `before` rows are in the earlier.
#[pyfunction]
#[pyo3(signature = (earlier, later, before))]
pub(crate) fn merge_outcomes(
    py: Python<'_>,
    earlier: Stored,
    later: Stored,
    before: u64,
) -> PyResult<Bound<'_, PyAny>> {
    match (earlier, later) {
        (Stored::Row(earlier), Stored::Row(later)) => {
            let mut whole = Broken::from(earlier);
            whole.merge(Broken::from(later).after(before));
            Ok(Counted::from(&whole).into_pyobject(py)?.into_any())
        }
        (Stored::Order(earlier), Stored::Order(later)) => {
            let direction = earlier.direction();
            let mut whole = Order::from(earlier);
            whole.merge(Order::from(later).after(before), direction);
            Ok(Ordered::of(&whole, direction).into_pyobject(py)?.into_any())
        }
        _ => Err(PyValueError::new_err("these are outcomes of different rules")),
    }
}

/// A table of keys as a stream of batches, made as it is read.
pub(crate) fn reader(table: Table) -> PyRecordBatchReader {
    PyRecordBatchReader::new(Box::new(Batches(table)))
}

struct Batches(Table);

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let part = self.0.next()?;
        let batch = part.and_then(|part| tally::to_batch(&part));
        Some(batch.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        tally::schema()
    }
}

fn table(stream: AnyRecordBatch) -> PyResult<Table> {
    let parts = stream
        .into_reader()?
        .map(|batch| tally::of_batch(&batch.map_err(Error::from)?));
    Ok(Box::new(parts))
}

/// One table of the keys of the data's parts, in the order of the parts. `before` counts the rows before each.
#[pyfunction]
#[pyo3(signature = (tables, before))]
pub(crate) fn merge_keys(
    py: Python<'_>,
    tables: Vec<AnyRecordBatch>,
    before: Vec<u64>,
) -> PyResult<PyRecordBatchReader> {
    let tables = tables.into_iter().map(table).collect::<PyResult<Vec<_>>>()?;
    let tables = tables.into_iter().zip(before).collect();
    let merged = run(py, || tally::merge(tables))?;
    Ok(reader(Box::new(merged)))
}

/// What a table of keys says; `nulls` rows have no key.
#[pyfunction]
#[pyo3(signature = (keys, nulls))]
pub(crate) fn key_facts(py: Python<'_>, keys: AnyRecordBatch, nulls: u64) -> PyResult<Bound<'_, PyDict>> {
    let table = table(keys)?;
    let facts = run(py, || tally::facts(table, nulls))?;
    keys_dict(py, &facts)
}
