//! The scan: for each column, what it holds and what of it breaks its bounds.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};

use crate::Result;
use crate::column::{Kind, Rows, as_f64};

/// Examples of rows out of bounds that a scan keeps.
const EXAMPLES: usize = 3;

/// Inclusive bounds of a column of numbers. Nulls, NaN and infinities are counted apart and break
/// no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// The smallest allowed value.
    pub minimum: Option<f64>,
    /// The largest allowed value.
    pub maximum: Option<f64>,
}

/// A row that breaks a bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Example {
    /// The row, counted from 0 over the whole stream.
    pub row: u64,
    /// Its value.
    pub value: f64,
}

/// What a column holds: the state of the scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnScan {
    /// Rows by what they hold.
    pub rows: Rows,
    /// The smallest and the largest finite value, for columns of numbers.
    pub range: Option<(f64, f64)>,
    /// Finite values below the minimum.
    pub below: u64,
    /// Finite values above the maximum.
    pub above: u64,
    /// The first rows out of bounds.
    pub examples: Vec<Example>,
}

impl ColumnScan {
    /// Scans one chunk whose first row is `start`. Columns that hold no numbers are counted for
    /// nulls alone.
    ///
    /// # Errors
    /// [`crate::Error::Type`] where a column of numbers cannot be read.
    pub fn of_chunk(name: &str, chunk: &ArrayRef, bounds: Bounds, start: u64) -> Result<Self> {
        let mut scan = Self {
            rows: Rows {
                rows: chunk.len() as u64,
                nulls: chunk.logical_null_count() as u64,
                ..Rows::default()
            },
            ..Self::default()
        };
        if !matches!(Kind::of(name, chunk.data_type()), Ok(Kind::Number)) {
            return Ok(scan);
        }
        let floats = as_f64(name, chunk)?;
        let floats = floats.as_primitive::<Float64Type>();
        let (low, high) = (
            bounds.minimum.unwrap_or(f64::NEG_INFINITY),
            bounds.maximum.unwrap_or(f64::INFINITY),
        );
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut look = |row: usize, value: f64| {
            if value.is_finite() {
                least = least.min(value);
                most = most.max(value);
                if value < low || value > high {
                    scan.below += u64::from(value < low);
                    scan.above += u64::from(value > high);
                    if scan.examples.len() < EXAMPLES {
                        scan.examples.push(Example {
                            row: start + row as u64,
                            value,
                        });
                    }
                }
            } else if value.is_nan() {
                scan.rows.nans += 1;
            } else if value > 0.0 {
                scan.rows.positive_infinities += 1;
            } else {
                scan.rows.negative_infinities += 1;
            }
        };
        if floats.null_count() == 0 {
            for (row, &value) in floats.values().iter().enumerate() {
                look(row, value);
            }
        } else {
            for (row, value) in floats.iter().enumerate() {
                if let Some(value) = value {
                    look(row, value);
                }
            }
        }
        scan.range = (least <= most).then_some((least, most));
        Ok(scan)
    }

    /// Adds the rows of `later`, which follow the rows of `self`.
    pub fn merge(&mut self, later: Self) {
        self.rows.merge(&later.rows);
        self.range = match (self.range, later.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (range, None) | (None, range) => range,
        };
        self.below += later.below;
        self.above += later.above;
        let room = EXAMPLES - self.examples.len();
        self.examples.extend(later.examples.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int32Array, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    const BOUNDS: Bounds = Bounds {
        minimum: Some(0.0),
        maximum: Some(10.0),
    };

    #[test]
    fn bounds_are_inclusive_and_examples_name_the_row() {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![
            Some(0),
            Some(10),
            Some(-1),
            None,
            Some(11),
        ]));
        let scan = ColumnScan::of_chunk("x", &column, BOUNDS, 100).unwrap();
        assert_eq!((scan.below, scan.above, scan.rows.nulls), (1, 1, 1));
        assert_eq!(scan.range, Some((-1.0, 11.0)));
        let rows: Vec<_> = scan.examples.iter().map(|example| example.row).collect();
        assert_eq!(rows, [102, 104]);
    }

    #[test]
    fn nan_and_infinity_break_no_bound() {
        let column: ArrayRef = Arc::new(Float64Array::from(vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ]));
        let scan = ColumnScan::of_chunk("x", &column, BOUNDS, 0).unwrap();
        assert_eq!((scan.below, scan.above, scan.range), (0, 0, None));
        assert_eq!(
            (
                scan.rows.nans,
                scan.rows.positive_infinities,
                scan.rows.negative_infinities
            ),
            (1, 1, 1)
        );
    }

    #[test]
    fn strings_are_counted_for_nulls() {
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        let scan = ColumnScan::of_chunk("s", &column, Bounds::default(), 0).unwrap();
        assert_eq!((scan.rows.rows, scan.rows.nulls, scan.range), (2, 1, None));
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            values in prop::collection::vec(prop::option::of(-20.0..20.0f64), 0..200),
            cut in 0.0..1.0f64,
        ) {
            let cut = (cut * values.len() as f64) as usize;
            let column: ArrayRef = Arc::new(Float64Array::from(values.clone()));
            let scan = |from: usize, to: usize| {
                ColumnScan::of_chunk("x", &column.slice(from, to - from), BOUNDS, from as u64).unwrap()
            };
            let mut parts = scan(0, cut);
            parts.merge(scan(cut, values.len()));
            prop_assert_eq!(parts, scan(0, values.len()));
        }
    }
}
