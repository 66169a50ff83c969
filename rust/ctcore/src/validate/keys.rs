//! Keys of rows: whether they are unique, how they are spread, whether another table knows them.
//!
//! A key is 128 bits: of one whole number, time or truth value exactly its value, of everything
//! else an XXH3 hash. Among `n` hashed keys two different ones are taken for equal with a
//! probability below `n^2 / 2^129`: 1e-20 at a billion rows.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use xxhash_rust::xxh3::xxh3_128;

use crate::column::{as_f64, codes};
use crate::validate::rule::ticks;
use crate::validate::tally::{KeyCount, Table, Tally};
use crate::{Error, Result, par};

/// The keys of some rows. A row with a null in any of its columns has none, as in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowKeys {
    /// The key of each row; anything where there is none.
    pub hashes: Vec<u128>,
    /// The rows that have a key; all of them without it.
    pub valid: Option<NullBuffer>,
}

impl RowKeys {
    /// Whether values of this type can be part of a key.
    pub(crate) fn take(data_type: &DataType) -> bool {
        use DataType as D;
        match data_type {
            D::Dictionary(_, values) => Self::take(values),
            D::Boolean
            | D::Utf8
            | D::LargeUtf8
            | D::Utf8View
            | D::Binary
            | D::LargeBinary
            | D::BinaryView
            | D::FixedSizeBinary(_)
            | D::Decimal128(..)
            | D::Date32
            | D::Date64
            | D::Timestamp(..)
            | D::Time32(_)
            | D::Time64(_)
            | D::Null => true,
            other => other.is_integer() || other.is_floating(),
        }
    }

    /// The keys of rows over some columns.
    ///
    /// # Errors
    /// [`Error::Type`] for lists, structs and other types without one value to compare.
    pub fn of(names: &[String], columns: &[ArrayRef]) -> Result<Self> {
        let mut valid = None;
        let mut parts = Vec::with_capacity(columns.len());
        for (name, column) in names.iter().zip(columns) {
            valid = NullBuffer::union(valid.as_ref(), column.logical_nulls().as_ref());
            parts.push(column_keys(name, column)?);
        }
        let hashes = match parts.as_slice() {
            [only] => only.clone(),
            many => {
                let rows = many.first().map_or(0, Vec::len);
                let mut bytes = vec![0_u8; 16 * many.len()];
                (0..rows)
                    .map(|row| {
                        for (place, part) in bytes.chunks_exact_mut(16).zip(many) {
                            place.copy_from_slice(&part[row].to_le_bytes());
                        }
                        xxh3_128(&bytes)
                    })
                    .collect()
            }
        };
        Ok(Self { hashes, valid })
    }
}

/// A whole number as a key: its bits, spread over the upper half by a bijection (`SplitMix64`'s
/// finaliser), so that partitions by the first bits are even.
fn spread(value: u64) -> u128 {
    let mut bits = value;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    (u128::from(bits) << 64) | u128::from(value)
}

fn column_keys(name: &str, column: &ArrayRef) -> Result<Vec<u128>> {
    if let Some(dictionary) = column.as_any_dictionary_opt() {
        let values = column_keys(name, dictionary.values())?;
        return Ok(codes(dictionary)
            .into_iter()
            .map(|code| values.get(code).copied().unwrap_or(0))
            .collect());
    }
    let rows = 0..column.len();
    if let Some((_, whole)) = ticks(column) {
        return Ok(whole.into_iter().map(|value| spread(value as u64)).collect());
    }
    let keys = match column.data_type() {
        DataType::Null => vec![0; column.len()],
        DataType::Boolean => {
            let column = column.as_boolean();
            rows.map(|row| spread(u64::from(column.value(row)))).collect()
        }
        DataType::Utf8 => {
            let column = column.as_string::<i32>();
            rows.map(|row| xxh3_128(column.value(row).as_bytes())).collect()
        }
        DataType::LargeUtf8 => {
            let column = column.as_string::<i64>();
            rows.map(|row| xxh3_128(column.value(row).as_bytes())).collect()
        }
        DataType::Utf8View => {
            let column = column.as_string_view();
            rows.map(|row| xxh3_128(column.value(row).as_bytes())).collect()
        }
        DataType::Binary => {
            let column = column.as_binary::<i32>();
            rows.map(|row| xxh3_128(column.value(row))).collect()
        }
        DataType::LargeBinary => {
            let column = column.as_binary::<i64>();
            rows.map(|row| xxh3_128(column.value(row))).collect()
        }
        DataType::BinaryView => {
            let column = column.as_binary_view();
            rows.map(|row| xxh3_128(column.value(row))).collect()
        }
        DataType::FixedSizeBinary(_) => {
            let column = column.as_fixed_size_binary();
            rows.map(|row| xxh3_128(column.value(row))).collect()
        }
        DataType::Decimal128(..) => {
            let values = column.as_primitive::<Decimal128Type>().values();
            values
                .iter()
                .map(|value| xxh3_128(&value.to_le_bytes()))
                .collect()
        }
        DataType::UInt64 => {
            let values = column.as_primitive::<arrow_array::types::UInt64Type>().values();
            values.iter().map(|&value| spread(value)).collect()
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>().values();
            values.iter().map(|&value| real(f64::from(value))).collect()
        }
        data_type if RowKeys::take(data_type) => {
            let floats = as_f64(name, column)?;
            floats
                .as_primitive::<Float64Type>()
                .values()
                .iter()
                .map(|&value| real(value))
                .collect()
        }
        other => {
            return Err(Error::Type {
                name: name.to_owned(),
                message: format!("a column of type {other} cannot be part of a key"),
            });
        }
    };
    Ok(keys)
}

/// Equal numbers have equal keys: one zero, one NaN.
fn real(value: f64) -> u128 {
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    spread(value.to_bits())
}

/// The hash of a key is the key.
#[derive(Debug, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = (key >> 64) as u64;
    }
}

/// A set of keys: what a table knows.
#[derive(Debug, Clone, Default)]
pub struct KeySet(HashSet<u128, BuildHasherDefault<KeyHasher>>);

impl KeySet {
    /// Adds the keys of some rows.
    pub fn add(&mut self, keys: &RowKeys) {
        let valid = |row: &usize| keys.valid.as_ref().is_none_or(|valid| valid.is_valid(*row));
        self.0
            .extend((0..keys.hashes.len()).filter(valid).map(|row| keys.hashes[row]));
    }

    /// Whether the set holds a key.
    pub fn contains(&self, key: u128) -> bool {
        self.0.contains(&key)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<u128> for KeySet {
    fn from_iter<I: IntoIterator<Item = u128>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// A key and the row that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyedRow {
    /// The upper half of the key.
    pub high: u64,
    /// The lower half.
    pub low: u64,
    /// The row, counted from 0 over the whole stream.
    pub row: u64,
}

impl KeyedRow {
    pub(crate) fn key(&self) -> u128 {
        (u128::from(self.high) << 64) | u128::from(self.low)
    }
}

/// Where keys go that memory has no room for.
pub trait Spill: Send {
    /// Appends rows to a partition.
    ///
    /// # Errors
    /// What the store answers.
    fn write(&mut self, partition: usize, rows: &[KeyedRow]) -> Result<()>;

    /// Everything that was written to a partition.
    ///
    /// # Errors
    /// What the store answers.
    fn read(&mut self, partition: usize) -> Result<Vec<KeyedRow>>;
}

/// Keys are parted by their first byte.
const PARTITIONS: usize = 256;
/// Rows that are held in memory before they spill: 24 bytes each.
const HELD: usize = 1 << 22;

/// How often keys occur: exact, in memory up to 4,194,304 rows, beyond that in spilled partitions.
pub struct KeyCounts {
    parts: Vec<Vec<KeyedRow>>,
    held: usize,
    /// Rows without a key.
    nulls: u64,
    spill: Option<Box<dyn Spill>>,
    spilled: bool,
}

/// What is known of the keys of all rows.
#[derive(Debug, Clone, Default)]
pub struct KeyFacts {
    /// Rows that have a key.
    pub keyed: u64,
    /// Rows that have none.
    pub nulls: u64,
    /// Different keys.
    pub distinct: u64,
    /// Keys that occur once.
    pub once: u64,
    /// The Shannon entropy of the keys' distribution, in nats.
    pub entropy: f64,
    /// The first rows that repeat an earlier one, and the row that they repeat.
    pub examples: Vec<(u64, u64)>,
    /// The keys that occur more than once.
    pub repeated: KeySet,
}

impl KeyCounts {
    /// No rows yet. Without a `spill` all keys stay in memory.
    pub fn new(spill: Option<Box<dyn Spill>>) -> Self {
        Self {
            parts: vec![Vec::new(); PARTITIONS],
            held: 0,
            nulls: 0,
            spill,
            spilled: false,
        }
    }

    /// Adds rows that begin at row `start` of the stream.
    ///
    /// # Errors
    /// What the spill's store answers.
    pub fn add(&mut self, keys: &RowKeys, start: u64) -> Result<()> {
        for (row, &key) in keys.hashes.iter().enumerate() {
            if keys.valid.as_ref().is_some_and(|valid| valid.is_null(row)) {
                self.nulls += 1;
                continue;
            }
            self.parts[(key >> 120) as usize].push(KeyedRow {
                high: (key >> 64) as u64,
                low: key as u64,
                row: start + row as u64,
            });
            self.held += 1;
        }
        if self.held > HELD
            && let Some(spill) = &mut self.spill
        {
            for (partition, rows) in self.parts.iter_mut().enumerate() {
                spill.write(partition, rows)?;
                rows.clear();
            }
            (self.held, self.spilled) = (0, true);
        }
        Ok(())
    }

    /// Counts. The order of the rows and of the threads does not matter.
    ///
    /// # Errors
    /// What the spill's store answers.
    pub fn finish(self) -> Result<KeyFacts> {
        let nulls = self.nulls;
        let mut whole = Tally::default();
        if self.spilled {
            for rows in self.partitions() {
                par::checkpoint();
                whole.merge(tallied(rows?));
            }
        } else {
            let parts = &self.parts;
            for part in par::map(PARTITIONS, |i| tallied(parts[i].clone())) {
                whole.merge(part);
            }
        }
        Ok(whole.finish(nulls))
    }

    /// The table of the keys, and the rows without one. It is made as it is read.
    pub fn into_table(self) -> (Table, u64) {
        let nulls = self.nulls;
        let parts = self.partitions().map(|rows| {
            let mut rows = rows?;
            rows.sort_unstable();
            Ok(groups(&rows).map(KeyCount::of).collect())
        });
        (Box::new(parts), nulls)
    }

    /// The rows of each partition, what was spilled and what was not.
    fn partitions(self) -> impl Iterator<Item = Result<Vec<KeyedRow>>> + Send {
        let mut spill = self.spill.filter(|_| self.spilled);
        self.parts
            .into_iter()
            .enumerate()
            .map(move |(partition, mut rows)| {
                if let Some(spill) = &mut spill {
                    rows.extend(spill.read(partition)?);
                }
                Ok(rows)
            })
    }
}

/// Examples that are kept.
pub(crate) const EXAMPLES: usize = 3;

fn tallied(mut rows: Vec<KeyedRow>) -> Tally {
    rows.sort_unstable();
    let mut tally = Tally::default();
    groups(&rows).for_each(|group| tally.add(&KeyCount::of(group)));
    tally
}

/// The rows of each key, of sorted ones.
fn groups(rows: &[KeyedRow]) -> impl Iterator<Item = &[KeyedRow]> {
    rows.chunk_by(|a, b| (a.high, a.low) == (b.high, b.low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, StringArray};
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    /// A spill that keeps what it is given.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<HashMap<usize, Vec<KeyedRow>>>>);

    impl Spill for Kept {
        fn write(&mut self, partition: usize, rows: &[KeyedRow]) -> Result<()> {
            self.0.lock().unwrap().entry(partition).or_default().extend(rows);
            Ok(())
        }

        fn read(&mut self, partition: usize) -> Result<Vec<KeyedRow>> {
            Ok(self.0.lock().unwrap().remove(&partition).unwrap_or_default())
        }
    }

    fn keys(values: &[Option<i64>]) -> RowKeys {
        RowKeys::of(&["x".into()], &[Arc::new(Int64Array::from(values.to_vec()))]).unwrap()
    }

    #[test]
    fn entropy_and_repeats_of_a_known_distribution() {
        let mut counts = KeyCounts::new(None);
        counts
            .add(&keys(&[Some(1), Some(1), Some(2), Some(3), None]), 10)
            .unwrap();
        let facts = counts.finish().unwrap();
        assert_eq!(
            (facts.keyed, facts.nulls, facts.distinct, facts.once),
            (4, 1, 3, 2)
        );
        assert_eq!(facts.examples, [(11, 10)]);
        // -(1/2 ln 1/2 + 2 (1/4 ln 1/4)) = 3/2 ln 2
        assert!((facts.entropy - 1.5 * 2.0_f64.ln()).abs() < 1e-15);
        assert!(facts.repeated.contains(spread(1)) && facts.repeated.len() == 1);
    }

    #[test]
    fn keys_of_several_columns_do_not_run_together() {
        let texts = |values: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let names = ["a".to_owned(), "b".to_owned()];
        let found = RowKeys::of(&names, &[texts(["ab", "a"]), texts(["c", "bc"])]).unwrap();
        assert_ne!(found.hashes[0], found.hashes[1]);
    }

    #[test]
    fn what_spilled_is_counted_with_what_did_not() {
        let rows = HELD as i64 + 100_000;
        let values: Vec<Option<i64>> = (0..rows).map(|row| Some(row % (rows - 5))).collect();
        let store = Kept::default();
        let mut counts = KeyCounts::new(Some(Box::new(store)));
        for (chunk, part) in values.chunks(1 << 20).enumerate() {
            counts.add(&keys(part), (chunk << 20) as u64).unwrap();
        }
        assert!(counts.spilled);
        let facts = counts.finish().unwrap();
        assert_eq!((facts.keyed, facts.distinct), (rows as u64, rows as u64 - 5));
        assert_eq!(facts.examples[0], (rows as u64 - 5, 0));
    }

    proptest! {
        #[test]
        fn whole_numbers_have_keys_of_their_own(a: u64, b: u64) {
            prop_assert_eq!(spread(a) == spread(b), a == b);
            prop_assert_eq!(spread(a) >> 64 == spread(b) >> 64, a == b);
        }
    }
}
