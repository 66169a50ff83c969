//! The data-validation scan over a stream of record batches.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use ctcore::validate::facts::Asked;
use ctcore::validate::keys::{KeySet, KeyedRow, RowKeys, Spill};
use ctcore::validate::order::Direction;
use ctcore::validate::rule::{Comparison, Limit, Literal, Predicate, Range, RowRule, Test, Vocabulary};
use ctcore::validate::scan as core;
use ctcore::validate::scan::{Plan, Rule};
use ctcore::validate::statistics::Statistics;
use ctcore::validate::tally::Table;
use ctcore::validate::view::nested;
use ctcore::{Error, Result, par};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};
use pyo3_arrow::PySchema;
use pyo3_arrow::input::AnyRecordBatch;
use regex::Regex;

use crate::border::{ArgumentError, run, to_python};
use crate::scanned::{Facts, outcome_dict, reader};

/// Keys of rows: of a table that others refer to, or those that a scan found more than once.
#[pyclass(frozen, name = "Keys", module = "ctcore._core")]
pub(crate) struct PyKeys(Arc<KeySet>);

impl PyKeys {
    pub(crate) fn of(keys: KeySet) -> Self {
        Self(Arc::new(keys))
    }
}

#[pymethods]
impl PyKeys {
    fn __len__(&self) -> usize {
        self.0.len()
    }
}

/// The keys of a table over some columns.
#[pyfunction]
#[pyo3(signature = (data, columns))]
pub(crate) fn keys(py: Python<'_>, data: AnyRecordBatch, columns: Vec<String>) -> PyResult<PyKeys> {
    let reader = data.into_reader()?;
    let set = run(py, || {
        let mut set = KeySet::default();
        for batch in reader {
            par::checkpoint();
            let batch: RecordBatch = batch?;
            let arrays = columns
                .iter()
                .map(|name| {
                    batch.column_by_name(name).cloned().ok_or_else(|| {
                        Error::argument("columns", format!("the referenced data has no column {name:?}"))
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            set.add(&RowKeys::of(&columns, &arrays)?);
        }
        Ok(set)
    })?;
    Ok(PyKeys(Arc::new(set)))
}

/// Column names with what is asked of their facts: moments, lengths.
type Columns = HashMap<String, (bool, bool)>;

fn plan(
    schema: SchemaRef,
    columns: Columns,
    rules: &[Bound<'_, PyDict>],
    statistics: Option<AnyRecordBatch>,
) -> PyResult<Plan> {
    let statistics = match statistics {
        Some(told) => {
            let reader = told.into_reader()?;
            let form = reader.schema();
            let batches = reader.collect::<std::result::Result<Vec<_>, _>>();
            let told = batches.and_then(|batches| arrow_select::concat::concat_batches(&form, &batches));
            let told = told.map_err(Error::from).and_then(|batch| Statistics::of(&batch));
            Some(told.map_err(to_python)?)
        }
        None => None,
    };
    let asked = |(moments, lengths)| Asked { moments, lengths };
    Ok(Plan {
        schema,
        columns: columns
            .into_iter()
            .map(|(name, flags)| (name, asked(flags)))
            .collect(),
        rules: rules.iter().map(rule).collect::<PyResult<_>>()?,
        statistics,
        keep: false,
    })
}

/// For each row group the columns that a scan must read: the others have no rules, or statistics answer them. One group
/// where there are no statistics.
#[pyfunction]
#[pyo3(signature = (schema, columns, rules, statistics = None))]
pub(crate) fn needed_columns(
    py: Python<'_>,
    schema: PySchema,
    columns: Columns,
    rules: Vec<Bound<'_, PyDict>>,
    statistics: Option<AnyRecordBatch>,
) -> PyResult<Vec<Vec<String>>> {
    let plan = plan(schema.into_inner(), columns, &rules, statistics)?;
    run(py, || plan.needed())
}

/// One pass over record batches: the facts of the columns that are asked for, by name, and the outcome of each rule.
/// `schema` is that of the whole data, where the batches hold no more of it than `needed_columns` says. Keys that
/// memory has no room for go to files in `spill`. With `keep`, rules about keys give a table of them, to be read while
/// `spill` is there, and the number of rows without one.
#[pyfunction]
#[pyo3(signature = (data, columns, rules, *, schema = None, statistics = None, spill = None, keep = false))]
#[expect(clippy::too_many_arguments, reason = "named in Python")]
pub(crate) fn scan<'py>(
    py: Python<'py>,
    data: AnyRecordBatch,
    columns: Columns,
    rules: Vec<Bound<'py, PyDict>>,
    schema: Option<PySchema>,
    statistics: Option<AnyRecordBatch>,
    spill: Option<PathBuf>,
    keep: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let reader = data.into_reader()?;
    let streamed = reader.schema();
    let whole = schema.map_or_else(|| Arc::clone(&streamed), PySchema::into_inner);
    let plan = Plan {
        keep,
        ..plan(whole, columns, &rules, statistics)?
    };
    let room = |index: usize| {
        let folder = spill.clone()?;
        Some(Box::new(Files { folder, index }) as Box<dyn Spill>)
    };
    let mut found = run(py, || core::scan(reader, &streamed, &plan, room))?;
    let result = PyDict::new(py);
    let types: Vec<(&String, String)> = plan
        .schema
        .fields()
        .iter()
        .map(|field| (field.name(), field.data_type().to_string()))
        .collect();
    result.set_item("schema", types)?;
    let nested: Vec<(String, String)> = nested(&plan.schema)
        .into_iter()
        .map(|(name, data_type)| (name, data_type.to_string()))
        .collect();
    result.set_item("nested", nested)?;
    result.set_item("rows", found.rows)?;
    let facts = PyDict::new(py);
    for (name, each) in &found.facts {
        facts.set_item(name, Facts::from(each))?;
    }
    result.set_item("columns", facts)?;
    let mut outcomes = Vec::with_capacity(plan.rules.len());
    for (place, (rule, outcome)) in plan.rules.iter().zip(&found.outcomes).enumerate() {
        outcomes.push(match found.tables.remove(&place) {
            Some((table, nulls)) => table_dict(py, table, nulls)?.into_any(),
            None => outcome_dict(py, rule, outcome)?,
        });
    }
    result.set_item("rules", outcomes)?;
    Ok(result)
}

fn table_dict(py: Python<'_>, table: Table, nulls: u64) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("table", reader(table).into_pyobject(py)?)?;
    dict.set_item("nulls", nulls)?;
    Ok(dict)
}

/// For each rule the rows of one batch that break it, as booleans. `repeated` gives the keys that
/// occur more than once, for the rules about keys.
#[pyfunction]
#[pyo3(signature = (batch, rules, repeated))]
pub(crate) fn broken_rows<'py>(
    py: Python<'py>,
    batch: AnyRecordBatch,
    rules: Vec<Bound<'py, PyDict>>,
    repeated: Vec<Option<PyRef<'py, PyKeys>>>,
) -> PyResult<Vec<Bound<'py, PyArray1<bool>>>> {
    let reader = batch.into_reader()?;
    let schema = reader.schema();
    let rules: Vec<Rule> = rules.iter().map(rule).collect::<PyResult<_>>()?;
    let repeated: Vec<_> = repeated
        .into_iter()
        .map(|keys| keys.map(|keys| Arc::clone(&keys.0)))
        .collect();
    let found = run(py, || {
        let batches: Vec<RecordBatch> = reader.collect::<std::result::Result<_, _>>()?;
        let batch = arrow_select::concat::concat_batches(&schema, &batches)?;
        core::broken_rows(&batch, &rules, &repeated)
    })?;
    Ok(found.iter().map(|rows| PyArray1::from_iter(py, rows)).collect())
}

/// Checks that a pattern can be judged, without data.
#[pyfunction]
#[pyo3(signature = (pattern))]
pub(crate) fn check_pattern(pattern: &str) -> PyResult<()> {
    regex(pattern).map(|_| ())
}

fn regex(pattern: &str) -> PyResult<Regex> {
    Regex::new(pattern).map_err(|error| ArgumentError::new_err(format!("pattern: {error}")))
}

/// A value of a rule.
fn given<'py, T>(rule: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<T>>
where
    T: for<'a> FromPyObject<'a, 'py>,
    for<'a> <T as FromPyObject<'a, 'py>>::Error: Into<PyErr>,
{
    match rule.get_item(name)? {
        Some(value) if !value.is_none() => value.extract().map(Some).map_err(Into::into),
        _ => Ok(None),
    }
}

fn needed<'py, T>(rule: &Bound<'py, PyDict>, name: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
    for<'a> <T as FromPyObject<'a, 'py>>::Error: Into<PyErr>,
{
    given(rule, name)?.ok_or_else(|| ArgumentError::new_err(format!("rules: {rule} needs {name:?}")))
}

fn rule(given_rule: &Bound<'_, PyDict>) -> PyResult<Rule> {
    let test: String = needed(given_rule, "test")?;
    let columns: Vec<String> = needed(given_rule, "columns")?;
    match test.as_str() {
        "keys" if given_rule.contains("items")? => only(columns).map(Rule::Items),
        "keys" => Ok(Rule::Keys(columns)),
        "order" => Ok(Rule::Order(only(columns)?, direction(given_rule)?)),
        _ => {
            let when: Vec<Bound<'_, PyDict>> = given(given_rule, "when")?.unwrap_or_default();
            Ok(Rule::Row(RowRule {
                when: when.iter().map(predicate).collect::<PyResult<_>>()?,
                predicate: predicate(given_rule)?,
                items: given(given_rule, "items")?.unwrap_or_default(),
            }))
        }
    }
}

fn only(columns: Vec<String>) -> PyResult<String> {
    let first = columns.into_iter().next();
    first.ok_or_else(|| ArgumentError::new_err("rules: this one needs a column"))
}

fn direction(rule: &Bound<'_, PyDict>) -> PyResult<Direction> {
    Ok(Direction {
        descending: given(rule, "descending")?.unwrap_or(false),
        strict: given(rule, "strict")?.unwrap_or(false),
    })
}

fn predicate(rule: &Bound<'_, PyDict>) -> PyResult<Predicate> {
    let name: String = needed(rule, "test")?;
    let test = match name.as_str() {
        "not_null" => Test::NotNull,
        "null" => Test::Null,
        "finite" => Test::Finite,
        "utf8" => Test::Utf8,
        "range" => Test::Range(Range {
            minimum: side(rule, "minimum", "exclusive_minimum")?,
            maximum: side(rule, "maximum", "exclusive_maximum")?,
        }),
        "length" => Test::Length {
            minimum: given(rule, "minimum")?.unwrap_or(0),
            maximum: given(rule, "maximum")?.unwrap_or(u64::MAX),
        },
        "pattern" => Test::Pattern(regex(&needed::<String>(rule, "pattern")?)?),
        "within" => Test::Within(vocabulary(rule)?),
        "without" if given(rule, "nulls")?.unwrap_or(false) => Test::Present(vocabulary(rule)?),
        "without" => Test::Without(vocabulary(rule)?),
        "multiple_of" => Test::MultipleOf(needed(rule, "unit")?),
        "unique_items" => Test::UniqueItems,
        "ordered_items" => Test::OrderedItems(direction(rule)?),
        "reads" => Test::Reads(match needed::<String>(rule, "literal")?.as_str() {
            "integer" => Literal::Integer,
            "number" => Literal::Number,
            "boolean" => Literal::Boolean,
            "date" => Literal::Date,
            "timestamp" => Literal::Timestamp,
            other => return Err(ArgumentError::new_err(format!("literal: unknown {other:?}"))),
        }),
        "compare" => Test::Compare(match needed::<String>(rule, "operator")?.as_str() {
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            other => return Err(ArgumentError::new_err(format!("operator: unknown {other:?}"))),
        }),
        "known" => {
            let keys: Bound<'_, PyKeys> = rule
                .get_item("keys")?
                .ok_or_else(|| ArgumentError::new_err("rules: a foreign key needs keys"))?
                .cast_into()?;
            Test::Known(Arc::clone(&keys.get().0))
        }
        other => return Err(ArgumentError::new_err(format!("test: unknown {other:?}"))),
    };
    let columns = needed(rule, "columns")?;
    Ok(Predicate { columns, test })
}

/// A bound and whether it is inclusive: a number, or `("micros", n)` for an instant.
fn side(rule: &Bound<'_, PyDict>, inclusive: &str, exclusive: &str) -> PyResult<Option<(Limit, bool)>> {
    for (name, allowed) in [(inclusive, true), (exclusive, false)] {
        let Some(value) = rule.get_item(name)?.filter(|value| !value.is_none()) else {
            continue;
        };
        let limit = if let Ok((_, micros)) = value.extract::<(String, i64)>() {
            Limit::Micros(micros)
        } else if value.is_instance_of::<PyInt>() && value.extract::<i64>().is_ok() {
            Limit::Integer(value.extract()?)
        } else {
            Limit::Real(value.extract()?)
        };
        return Ok(Some((limit, allowed)));
    }
    Ok(None)
}

fn vocabulary(rule: &Bound<'_, PyDict>) -> PyResult<Vocabulary> {
    let mut vocabulary = Vocabulary::default();
    for value in needed::<Vec<Bound<'_, PyAny>>>(rule, "values")? {
        if value.is_instance_of::<PyBool>() {
            vocabulary.booleans.push(value.extract()?);
        } else if value.is_instance_of::<PyInt>() {
            vocabulary.integers.push(value.extract()?);
        } else if value.is_instance_of::<PyFloat>() {
            vocabulary.reals.push(value.extract()?);
        } else if value.is_instance_of::<PyString>() {
            vocabulary.strings.push(value.extract()?);
        } else {
            return Err(ArgumentError::new_err(format!(
                "values: a vocabulary holds text, numbers and truth values, found {value}"
            )));
        }
    }
    Ok(vocabulary)
}

/// Spilled keys: a file for each partition of each rule.
struct Files {
    folder: PathBuf,
    index: usize,
}

/// The bytes of one spilled row.
const ROW: usize = 24;

impl Files {
    fn path(&self, partition: usize) -> PathBuf {
        self.folder.join(format!("{}-{partition}", self.index))
    }
}

fn failed(path: &std::path::Path, error: &std::io::Error) -> Error {
    Error::argument("spill", format!("{}: {error}", path.display()))
}

impl Spill for Files {
    fn write(&mut self, partition: usize, rows: &[KeyedRow]) -> Result<()> {
        let path = self.path(partition);
        let bytes: Vec<u8> = rows
            .iter()
            .flat_map(|row| [row.high, row.low, row.row])
            .flat_map(u64::to_le_bytes)
            .collect();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(&bytes))
            .map_err(|error| failed(&path, &error))
    }

    fn read(&mut self, partition: usize) -> Result<Vec<KeyedRow>> {
        let path = self.path(partition);
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|error| failed(&path, &error))?;
        let word = |row: &[u8], at: usize| {
            row[at..at + 8]
                .iter()
                .rev()
                .fold(0, |word, &byte| (word << 8) | u64::from(byte))
        };
        Ok(bytes
            .chunks_exact(ROW)
            .map(|row| KeyedRow {
                high: word(row, 0),
                low: word(row, 8),
                row: word(row, 16),
            })
            .collect())
    }
}
