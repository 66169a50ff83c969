//! The one way in and out: Python objects become Arrow arrays, work runs without the GIL, errors
//! become exceptions.

use std::cell::RefCell;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::DataType;
use ctcore::column::Kind;
use ctcore::par::watched;
use ctcore::{Error, Result};
use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyArray;

pyo3::import_exception!(ctcore.errors, ArgumentError);
pyo3::import_exception!(ctcore.errors, ColumnTypeError);
pyo3::import_exception!(ctcore.errors, DataError);

/// Runs `work` without the GIL, and ends it at a Ctrl-C. Every call of the core goes through here:
/// worker threads never touch Python, so nobody can wait for a lock that its waiter holds.
pub(crate) fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| watched(interrupted, work)).map_err(to_python)
}

thread_local! {
    /// What a signal's handler raised while this thread worked: `KeyboardInterrupt`, or its own.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

fn interrupted() -> bool {
    let raised = Python::attach(|py| -> PyResult<()> {
        py.check_signals()?;
        Ok(())
    })
    .err();
    let stop = raised.is_some();
    RAISED.set(raised);
    stop
}

pub(crate) fn to_python(error: Error) -> PyErr {
    match error {
        Error::Argument { .. } => ArgumentError::new_err(error.to_string()),
        Error::Type { .. } => ColumnTypeError::new_err(error.to_string()),
        Error::Arrow(_) => DataError::new_err(error.to_string()),
        Error::Interrupted => RAISED.take().unwrap_or_else(|| PyKeyboardInterrupt::new_err(())),
    }
}

/// A column that came in: a numpy array by the buffer protocol, anything Arrow by its capsule.
pub(crate) struct Column(pub(crate) Vec<ArrayRef>);

impl<'py> FromPyObject<'_, 'py> for Column {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let array = object.extract::<AnyArray>().map_err(|_| {
            PyTypeError::new_err(format!(
                "expected a one-dimensional, contiguous numpy array of numbers, or an Arrow array (pyarrow, polars, \
                 duckdb, pandas with Arrow types); found {}. numpy.ascontiguousarray(x) makes a strided array \
                 contiguous",
                object
                    .get_type()
                    .fully_qualified_name()
                    .map_or_else(|_| "an unnamed type".to_owned(), |name| name.to_string())
            ))
        })?;
        let (chunks, _) = array.into_chunked_array()?.into_inner();
        Ok(Self(chunks))
    }
}

/// One contiguous array of a column that has no nulls.
pub(crate) fn contiguous(name: &'static str, column: &Column) -> Result<ArrayRef> {
    let array = match column.0.as_slice() {
        [only] => only.clone(),
        [] => {
            return Ok(std::sync::Arc::new(PrimitiveArray::<Float64Type>::from(
                Vec::<f64>::new(),
            )));
        }
        many => {
            let parts: Vec<&dyn Array> = many.iter().map(AsRef::as_ref).collect();
            arrow_select::concat::concat(&parts)?
        }
    };
    // Of dictionaries the values may be null, and of the type Null all are, without a bitmap.
    if let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
        let row = (0..array.len()).find(|&row| nulls.is_null(row)).unwrap_or(0);
        let message = format!(
            "row {row} is null; drop or fill the {} null rows first",
            nulls.null_count()
        );
        return Err(Error::argument(name, message));
    }
    Ok(array)
}

/// One contiguous array of a column that holds numbers, or truth values as 0 and 1, in the type that they came in.
pub(crate) fn numeric(name: &'static str, column: &Column) -> Result<ArrayRef> {
    let array = contiguous(name, column)?;
    if Kind::of(name, array.data_type())? != Kind::Number && !array.data_type().eq(&DataType::Boolean) {
        return Err(Error::Type {
            name: name.to_owned(),
            message: format!("must hold numbers, found {}", array.data_type()),
        });
    }
    Ok(array)
}

/// Numbers of a column as f64.
pub(crate) fn floats(name: &'static str, column: &Column) -> Result<PrimitiveArray<Float64Type>> {
    let array = numeric(name, column)?;
    ctcore::column::as_f64(name, &array).map(|array| array.as_primitive().clone())
}

/// Whole numbers of a column as i64.
pub(crate) fn integers(name: &'static str, column: &Column) -> Result<PrimitiveArray<Int64Type>> {
    let array = contiguous(name, column)?;
    if !array.is_empty() && !array.data_type().is_integer() {
        return Err(Error::Type {
            name: name.to_owned(),
            message: format!("must hold whole numbers, found {}", array.data_type()),
        });
    }
    let whole = arrow_cast::cast(&array, &DataType::Int64)?;
    // The cast makes null of what does not fit.
    if whole.null_count() > 0
        && let Some(row) = (0..whole.len()).find(|&row| whole.is_null(row))
    {
        return Err(Error::argument(
            name,
            format!("the number in row {row} is too large, at most 2^63 - 1"),
        ));
    }
    Ok(whole.as_primitive().clone())
}

/// The rows of a column, each in its new place: row `order[i]` comes to place `i`.
pub(crate) fn ordered(
    name: &'static str,
    column: &Column,
    order: Option<&PrimitiveArray<UInt32Type>>,
) -> Result<Column> {
    let array = contiguous(name, column)?;
    let Some(order) = order else {
        return Ok(Column(vec![array]));
    };
    if array.len() != order.len() {
        let message = format!(
            "must have one value for each of the {} rows, found {}",
            order.len(),
            array.len()
        );
        return Err(Error::argument(name, message));
    }
    Ok(Column(vec![arrow_select::take::take(&array, order, None)?]))
}

/// Numbers that will be ranked, as f64: what a double would round, it would tie.
pub(crate) fn ranked(name: &'static str, column: &Column) -> Result<PrimitiveArray<Float64Type>> {
    let array = contiguous(name, column)?;
    let beyond = |value: u64| value > 1 << f64::MANTISSA_DIGITS;
    let row = match array.data_type() {
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>().values();
            values.iter().position(|value| beyond(value.unsigned_abs()))
        }
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().values();
            values.iter().position(|&value| beyond(value))
        }
        _ => None,
    };
    match row {
        None => floats(name, column),
        Some(row) => Err(Error::argument(
            name,
            format!(
                "row {row} holds a whole number beyond 2^53, where different ones are equal as doubles; give scores of \
                 a smaller scale, or their ranks"
            ),
        )),
    }
}

/// Scores in the type that they came in.
pub(crate) enum Scores {
    Single(PrimitiveArray<Float32Type>),
    Double(PrimitiveArray<Float64Type>),
}

pub(crate) fn scores(name: &'static str, column: &Column) -> Result<Scores> {
    let array = contiguous(name, column)?;
    match array.as_primitive_opt::<Float32Type>() {
        Some(single) => Ok(Scores::Single(single.clone())),
        None => Ok(Scores::Double(ranked(name, column)?)),
    }
}

/// Grades as small whole numbers where they are, else as f64.
pub(crate) enum Relevance {
    Whole(PrimitiveArray<UInt8Type>),
    Real(PrimitiveArray<Float64Type>),
}

pub(crate) fn relevance(column: &Column) -> Result<Relevance> {
    let array = contiguous("relevance", column)?;
    if let Some(whole) = array.as_primitive_opt::<UInt8Type>() {
        return Ok(Relevance::Whole(whole.clone()));
    }
    if let Some(whole) = small(&array) {
        return Ok(Relevance::Whole(whole));
    }
    Ok(Relevance::Real(floats("relevance", column)?))
}

/// Classes, 0 or 1, as bytes.
pub(crate) fn classes(name: &'static str, column: &Column) -> Result<PrimitiveArray<UInt8Type>> {
    let array = contiguous(name, column)?;
    if let Some(bytes) = array.as_primitive_opt::<UInt8Type>() {
        return Ok(bytes.clone());
    }
    if let Some(bytes) = small(&array) {
        return Ok(bytes);
    }
    let floats = floats(name, column)?;
    match floats
        .values()
        .iter()
        .position(|&class| class != 0.0 && class != 1.0)
    {
        None => Ok(floats.unary(|class| class as u8)),
        Some(row) => Err(Error::argument(
            name,
            format!("must be 0 or 1, found {} in row {row}", floats.value(row)),
        )),
    }
}

/// Whole numbers from 0 to 255 as bytes; `None` for other types and other values.
fn small(array: &ArrayRef) -> Option<PrimitiveArray<UInt8Type>> {
    fn floats<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<PrimitiveArray<UInt8Type>>
    where
        T::Native: Into<f64>,
    {
        let values = array.as_primitive_opt::<T>()?.values().iter();
        let mut bytes = values.clone().map(|&value| value.into());
        let whole = |value: f64| (0.0..=255.0).contains(&value) && value.fract() == 0.0;
        bytes
            .all(whole)
            .then(|| PrimitiveArray::from_iter_values(values.map(|&value| value.into() as u8)))
    }
    fn narrow<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<PrimitiveArray<UInt8Type>>
    where
        T::Native: Into<i64>,
    {
        let values = array.as_primitive_opt::<T>()?.values();
        // Negative numbers and numbers above 255 leave a bit outside the lowest byte.
        let bits = values.iter().fold(0, |bits: i64, &value| bits | value.into());
        let bytes = values.iter().map(|&value| value.into() as u8);
        (bits & !0xFF == 0).then(|| PrimitiveArray::from_iter_values(bytes))
    }
    narrow::<Int64Type>(array)
        .or_else(|| narrow::<Int32Type>(array))
        .or_else(|| narrow::<Int16Type>(array))
        .or_else(|| narrow::<Int8Type>(array))
        .or_else(|| floats::<Float32Type>(array))
        .or_else(|| floats::<Float64Type>(array))
}
