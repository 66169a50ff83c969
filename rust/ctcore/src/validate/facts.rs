//! What a column holds, whatever the rules say.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::Result;
use crate::column::{Kind, Rows, as_f64};
use crate::num::Moments;

/// Counts, extremes and moments of a column: the state of the scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnFacts {
    /// Rows by what they hold; NaN and infinities where moments were asked for.
    pub rows: Rows,
    /// The smallest and the largest finite value, for columns of numbers; times in seconds. Zero has no sign.
    pub range: Option<(f64, f64)>,
    /// Values that equal 0, for columns of numbers, where moments were asked for.
    pub zeros: u64,
    /// Moments of the finite values, where they were asked for.
    pub moments: Moments,
    /// The lengths of the shortest and the longest text (in characters) or list, where asked for.
    pub lengths: Option<(u64, u64)>,
}

/// What is asked of a column beyond counts and extremes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// [`ColumnFacts::moments`] and [`ColumnFacts::zeros`], NaN and infinities.
    pub moments: bool,
    /// [`ColumnFacts::lengths`].
    pub lengths: bool,
}

impl ColumnFacts {
    /// The facts of one chunk. A column that holds no numbers has counts alone.
    ///
    /// # Errors
    /// [`crate::Error::Type`] where a column of numbers cannot be read.
    pub fn of_chunk(name: &str, chunk: &ArrayRef, asked: Asked) -> Result<Self> {
        let mut facts = Self {
            rows: Rows {
                rows: chunk.len() as u64,
                nulls: chunk.logical_null_count() as u64,
                ..Rows::default()
            },
            ..Self::default()
        };
        if asked.lengths {
            facts.lengths = lengths(chunk);
        }
        let plain = !matches!(chunk.data_type(), DataType::Dictionary(..));
        if !plain || !matches!(Kind::of(name, chunk.data_type()), Ok(Kind::Number)) {
            return Ok(facts);
        }
        if !asked.moments && chunk.null_count() == 0 {
            facts.range = whole_range(chunk);
            if facts.range.is_some() {
                return Ok(facts);
            }
        }
        let mut finite = dense(name, chunk)?;
        if finite.iter().any(|value| !value.is_finite()) {
            if asked.moments {
                let count =
                    |holds: fn(f64) -> bool| finite.iter().filter(|&&value| holds(value)).count() as u64;
                facts.rows.nans = count(f64::is_nan);
                facts.rows.positive_infinities = count(|value| value == f64::INFINITY);
                facts.rows.negative_infinities = count(|value| value == f64::NEG_INFINITY);
            }
            finite.retain(|value| value.is_finite());
        }
        facts.range = extremes(&finite);
        if asked.moments {
            facts.zeros = finite.iter().filter(|&&value| value == 0.0).count() as u64;
            facts.moments = Moments::of(&finite);
        }
        Ok(facts)
    }

    /// Adds the rows of `later`, which follow the rows of `self`.
    pub fn merge(&mut self, later: &Self) {
        self.rows.merge(&later.rows);
        self.range = match (self.range, later.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (range, None) | (None, range) => range,
        };
        self.lengths = match (self.lengths, later.lengths) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (lengths, None) | (None, lengths) => lengths,
        };
        self.zeros += later.zeros;
        self.moments.merge(&later.moments);
    }
}

/// The values that are not null, in row order.
fn dense(name: &str, chunk: &ArrayRef) -> Result<Vec<f64>> {
    let mut dense = Vec::with_capacity(chunk.len());
    if let Some(single) = chunk.as_primitive_opt::<Float32Type>() {
        dense.extend(single.iter().flatten().map(f64::from));
        return Ok(dense);
    }
    let floats = as_f64(name, chunk)?;
    let floats = floats.as_primitive::<Float64Type>();
    match floats.nulls() {
        Some(nulls) => {
            for (start, end) in nulls.valid_slices() {
                dense.extend_from_slice(&floats.values()[start..end]);
            }
        }
        None => dense.extend_from_slice(floats.values()),
    }
    Ok(dense)
}

fn extremes(values: &[f64]) -> Option<(f64, f64)> {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = values.iter().fold(start, |(low, high), &value| {
        (
            if value < low { value } else { low },
            if value > high { value } else { high },
        )
    });
    (low <= high).then_some((low + 0.0, high + 0.0))
}

/// The range of a column of whole numbers without nulls, in its own type.
#[expect(
    clippy::cast_lossless,
    reason = "one loop serves the types that fit and those that are rounded"
)]
fn whole_range(chunk: &ArrayRef) -> Option<(f64, f64)> {
    macro_rules! first_of {
        ($($arrow:ident),+) => {
            $(if let Some(array) = chunk.as_primitive_opt::<arrow_array::types::$arrow>() {
                let (low, high) = array
                    .values()
                    .iter()
                    .fold((None, None), |(low, high), &value| {
                        (
                            Some(low.map_or(value, |low| if value < low { value } else { low })),
                            Some(high.map_or(value, |high| if value > high { value } else { high })),
                        )
                    });
                return Some((low? as f64, high? as f64));
            })+
        };
    }
    first_of!(
        Int64Type, Int32Type, Int16Type, Int8Type, UInt32Type, UInt16Type, UInt8Type
    );
    None
}

fn lengths(chunk: &ArrayRef) -> Option<(u64, u64)> {
    let extremes = |lengths: &mut dyn Iterator<Item = u64>| {
        lengths.fold(None, |found: Option<(u64, u64)>, length| {
            Some(found.map_or((length, length), |(low, high)| {
                (low.min(length), high.max(length))
            }))
        })
    };
    let count = |text: &str| text.chars().count() as u64;
    if let Some(dictionary) = chunk.as_any_dictionary_opt() {
        // Values that no row points to are looked at too: a dictionary is as long as its values.
        return lengths(dictionary.values());
    }
    if let Some(array) = chunk.as_string_opt::<i32>() {
        return extremes(&mut array.iter().flatten().map(count));
    }
    if let Some(array) = chunk.as_string_opt::<i64>() {
        return extremes(&mut array.iter().flatten().map(count));
    }
    if let Some(array) = chunk.as_string_view_opt() {
        return extremes(&mut array.iter().flatten().map(count));
    }
    if let Some(array) = chunk.as_list_opt::<i32>() {
        return extremes(&mut array.iter().flatten().map(|list| list.len() as u64));
    }
    let array = chunk.as_list_opt::<i64>()?;
    extremes(&mut array.iter().flatten().map(|list| list.len() as u64))
}
