//! Rows that occur more than once: hashed by what they hold, found by sorting.
//!
//! Hashes of parts are those of the whole, so states merge by being put one after the other.

use std::hash::Hasher;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::DataType;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::column::{Kind, as_f64};
use crate::{Error, Result, par};

/// When two values are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// When they are equal: numbers by value whatever their type (-0 is 0, every NaN is one), times to the
    /// microsecond, text and bytes to the byte. A null is equal to a null.
    Exact,
    /// When they differ by less than is meant: numbers rounded to three significant digits, text without
    /// regard to case and white space.
    Near,
}

/// Rows that are hashed together.
const ROWS: usize = 8_192;

/// A hash of each row: `SipHash` 1-3 of 128 bits over its values, column after column.
///
/// # Errors
/// [`Error::Type`] for a column that is neither numbers nor categories; [`Error::Argument`] where columns differ in
/// length.
pub fn row_hashes(columns: &[(String, Vec<ArrayRef>)], likeness: Likeness) -> Result<Vec<u128>> {
    let length = |chunks: &[ArrayRef]| chunks.iter().map(Array::len).sum::<usize>();
    let rows = columns.first().map_or(0, |(_, chunks)| length(chunks));
    if let Some((name, chunks)) = columns.iter().find(|(_, chunks)| length(chunks) != rows) {
        let message = format!(
            "{name} has {} rows, the columns before it have {rows}",
            length(chunks)
        );
        return Err(Error::argument("data", message));
    }
    let blocks: Vec<Result<Vec<u128>>> = par::map(rows.div_ceil(ROWS), |block| {
        let first = block * ROWS;
        let mut hashers = vec![SipHasher13::new(); ROWS.min(rows - first)];
        for (name, chunks) in columns {
            add_column(&mut hashers, name, chunks, first, likeness)?;
        }
        Ok(hashers
            .iter()
            .map(|hasher| hasher.finish128().as_u128())
            .collect())
    });
    let mut hashes = Vec::with_capacity(rows);
    for block in blocks {
        hashes.extend(block?);
    }
    Ok(hashes)
}

/// Adds the rows of a column from `first` on, one for each hasher.
fn add_column(
    hashers: &mut [SipHasher13],
    name: &str,
    chunks: &[ArrayRef],
    first: usize,
    likeness: Likeness,
) -> Result<()> {
    let (mut skip, mut done) = (first, 0);
    for chunk in chunks {
        if skip >= chunk.len() {
            skip -= chunk.len();
            continue;
        }
        let take = (chunk.len() - skip).min(hashers.len() - done);
        add_values(
            &mut hashers[done..done + take],
            name,
            &chunk.slice(skip, take),
            likeness,
        )?;
        (skip, done) = (0, done + take);
        if done == hashers.len() {
            break;
        }
    }
    Ok(())
}

fn add_values(hashers: &mut [SipHasher13], name: &str, values: &dyn Array, likeness: Likeness) -> Result<()> {
    // The first byte says what follows, so that no value runs into the next.
    let number = |hasher: &mut SipHasher13, value: f64| {
        let value = if likeness == Likeness::Near {
            rounded(value)
        } else {
            value
        };
        if value.fract() == 0.0 && value.abs() < 9e15 {
            hasher.write_u8(1);
            hasher.write_i64(value as i64);
        } else {
            hasher.write_u8(2);
            hasher.write_u64(if value.is_nan() { f64::NAN } else { value }.to_bits());
        }
    };
    let text = |hasher: &mut SipHasher13, value: &str| {
        hasher.write_u8(3);
        if likeness == Likeness::Near {
            for word in value.split_whitespace() {
                hasher.write(word.to_lowercase().as_bytes());
                hasher.write_u8(b' ');
            }
        } else {
            hasher.write(value.as_bytes());
        }
        hasher.write_u8(0xFF); // no byte of UTF-8
    };
    if let DataType::Binary | DataType::LargeBinary = values.data_type() {
        let values = cast(values, &DataType::BinaryView)?;
        for (hasher, value) in hashers.iter_mut().zip(values.as_binary_view()) {
            match value {
                None => hasher.write_u8(0),
                Some(value) => {
                    hasher.write_u8(4);
                    hasher.write_u64(value.len() as u64);
                    hasher.write(value);
                }
            }
        }
    } else if Kind::of(name, values.data_type())? == Kind::Category {
        let values = cast(values, &DataType::Utf8View)?;
        for (hasher, value) in hashers.iter_mut().zip(values.as_string_view()) {
            match value {
                None => hasher.write_u8(0),
                Some(value) => text(hasher, value),
            }
        }
    } else if let (Likeness::Exact, Some(values)) = (likeness, values.as_primitive_opt::<Int64Type>()) {
        for (hasher, value) in hashers.iter_mut().zip(values) {
            match value {
                None => hasher.write_u8(0),
                // Beyond what a double tells apart, but not what a whole number does.
                Some(value) => {
                    hasher.write_u8(1);
                    hasher.write_i64(value);
                }
            }
        }
    } else {
        let values = as_f64(name, values)?;
        for (hasher, value) in hashers.iter_mut().zip(values.as_primitive::<Float64Type>()) {
            match value {
                None => hasher.write_u8(0),
                Some(value) => number(hasher, value),
            }
        }
    }
    Ok(())
}

/// A number to three significant digits.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let unit = 10_f64.powi(value.abs().log10().floor() as i32 - 2);
    if unit > 0.0 && unit.is_finite() {
        (value / unit).round() * unit
    } else {
        value
    }
}

/// For each row whether an earlier row has its hash.
///
/// ```
/// use ctcore::validate::duplicates::repeated;
/// assert_eq!(repeated(&[7, 5, 7]), vec![false, false, true]);
/// ```
pub fn repeated(hashes: &[u128]) -> Vec<bool> {
    let mut found = vec![false; hashes.len()];
    for group in groups(hashes).chunk_by(|a, b| a.0 == b.0) {
        for &(_, row) in &group[1..] {
            found[row] = true;
        }
    }
    found
}

/// For each row whether its hash is among `others`.
///
/// ```
/// use ctcore::validate::duplicates::known;
/// assert_eq!(known(&[7, 5], &[5, 5]), vec![false, true]);
/// ```
pub fn known(hashes: &[u128], others: &[u128]) -> Vec<bool> {
    let mut others = others.to_vec();
    others.sort_unstable();
    hashes
        .iter()
        .map(|hash| others.binary_search(hash).is_ok())
        .collect()
}

/// For each row whether another row has its hash and not its label. A label that is NaN is a label of its own.
///
/// # Errors
/// [`Error::Argument`] where the lengths differ.
///
/// ```
/// use ctcore::validate::duplicates::conflicting;
/// assert_eq!(conflicting(&[7, 5, 7], &[1.0, 1.0, 0.0])?, vec![true, false, true]);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn conflicting(hashes: &[u128], label: &[f64]) -> Result<Vec<bool>> {
    if hashes.len() != label.len() {
        let message = format!(
            "must have one value a row: {}, found {}",
            hashes.len(),
            label.len()
        );
        return Err(Error::argument("label", message));
    }
    let mut found = vec![false; hashes.len()];
    for group in groups(hashes).chunk_by(|a, b| a.0 == b.0) {
        let first = label[group[0].1];
        let differs = |row: usize| label[row] != first && !(label[row].is_nan() && first.is_nan());
        if group.iter().any(|&(_, row)| differs(row)) {
            for &(_, row) in group {
                found[row] = true;
            }
        }
    }
    Ok(found)
}

/// Hashes with their rows, equal ones together, rows ascending.
fn groups(hashes: &[u128]) -> Vec<(u128, usize)> {
    let mut pairs: Vec<(u128, usize)> = hashes.iter().copied().zip(0..).collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{BinaryArray, Float32Array, Float64Array, Int64Array, LargeBinaryArray, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn hashes(column: impl Array + 'static, likeness: Likeness) -> Vec<u128> {
        row_hashes(&[("x".into(), vec![Arc::new(column)])], likeness).unwrap()
    }

    #[test]
    fn values_are_equal_whatever_their_type() {
        let exact = |column: Float64Array| hashes(column, Likeness::Exact);
        let whole = hashes(Int64Array::from(vec![Some(3), None, Some(0)]), Likeness::Exact);
        assert_eq!(
            whole,
            exact(Float64Array::from(vec![Some(3.0), None, Some(-0.0)]))
        );
        assert_eq!(
            whole[0],
            hashes(Float32Array::from(vec![3.0]), Likeness::Exact)[0]
        );
        let nans = exact(Float64Array::from(vec![f64::NAN, -f64::NAN]));
        assert_eq!(nans[0], nans[1]);
        assert_ne!(nans[0], whole[1]); // NaN is not null
        let large = hashes(Int64Array::from(vec![i64::MAX, i64::MAX - 1]), Likeness::Exact);
        assert_ne!(large[0], large[1]);
        let bytes = vec![Some(&b"a"[..]), Some(b""), None, Some(b"a\xFF")];
        let large = hashes(LargeBinaryArray::from(bytes.clone()), Likeness::Exact);
        assert_eq!(large, hashes(BinaryArray::from(bytes), Likeness::Exact));
        assert_eq!(large.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(large[2], whole[1]);
    }

    #[test]
    fn near_values_are_those_that_differ_by_less_than_is_meant() {
        let near = hashes(
            Float64Array::from(vec![1.2341e-7, 1.2339e-7, 1.24e-7, 1234.0]),
            Likeness::Near,
        );
        assert_eq!(near[0], near[1]);
        assert_ne!(near[0], near[2]);
        assert_ne!(near[0], near[3]);
        let text = hashes(StringArray::from(vec![" A  b", "a B ", "ab"]), Likeness::Near);
        assert_eq!(text[0], text[1]);
        assert_ne!(text[0], text[2]);
        assert_eq!(rounded(5e-324), 5e-324); // no unit is that small
    }

    #[test]
    fn columns_do_not_run_into_each_other_and_must_be_of_one_length() {
        let row = |a: &'static str, b: &'static str| {
            let column = |value: &'static str| vec![Arc::new(StringArray::from(vec![value])) as ArrayRef];
            row_hashes(
                &[("a".into(), column(a)), ("b".into(), column(b))],
                Likeness::Exact,
            )
            .unwrap()
        };
        assert_ne!(row("ab", "c"), row("a", "bc"));
        let uneven: Vec<(String, Vec<ArrayRef>)> = vec![
            ("a".into(), vec![Arc::new(Int64Array::from(vec![1]))]),
            ("b".into(), vec![Arc::new(Int64Array::from(vec![1, 2]))]),
        ];
        let error = row_hashes(&uneven, Likeness::Exact).unwrap_err().to_string();
        assert!(error.contains("b has 2 rows"), "{error}");
    }

    proptest! {
        #[test]
        fn duplicates_are_those_of_a_plain_search(
            values in prop::collection::vec(0..30_i64, 0..100),
            others in prop::collection::vec(0..30_i64, 0..20),
            label in prop::collection::vec(0..3_i8, 100),
            cut in 0.0..1.0f64,
        ) {
            let cut = (cut * values.len() as f64) as usize;
            let whole: ArrayRef = Arc::new(Int64Array::from(values.clone()));
            let parts = vec![whole.slice(0, cut), whole.slice(cut, values.len() - cut)];
            let found = row_hashes(&[("x".into(), parts)], Likeness::Exact).unwrap();
            prop_assert_eq!(&found, &hashes(Int64Array::from(values.clone()), Likeness::Exact));
            let other = hashes(Int64Array::from(others.clone()), Likeness::Exact);
            let label: Vec<f64> = label[..values.len()].iter().map(|&l| f64::from(l)).collect();
            let (again, among) = (repeated(&found), known(&found, &other));
            let against = conflicting(&found, &label).unwrap();
            for (row, value) in values.iter().enumerate() {
                prop_assert_eq!(again[row], values[..row].contains(value));
                prop_assert_eq!(among[row], others.contains(value));
                let conflict = (0..values.len()).any(|i| values[i] == *value && label[i] != label[row]);
                prop_assert_eq!(against[row], conflict);
            }
        }
    }
}
