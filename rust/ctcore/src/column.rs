//! One reading of Arrow columns for all statistics: numbers as `f64`, everything else that can be
//! told apart as categories, and what is missing counted by kind.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{AnyDictionaryArray, Array, ArrayRef, Float64Array, RecordBatch, make_array};
use arrow_buffer::ScalarBuffer;
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, SchemaRef, TimeUnit};
use arrow_select::concat::concat_batches;
use ctcore_simd::widest;

use crate::num::{CHUNK, LANES, all_finite};
use crate::{Error, Result, par};

/// How the statistics see a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Integers, floats, decimals; dates and times as seconds (of the epoch or of the day).
    Number,
    /// Strings and booleans, plain or dictionary-encoded.
    Category,
}

impl Kind {
    /// The kind of a column of type `data_type`.
    ///
    /// # Errors
    /// [`Error::Type`] for lists, structs, binary and other types that have no one value to
    /// compare.
    pub fn of(name: &str, data_type: &DataType) -> Result<Self> {
        use DataType as D;
        match data_type {
            D::Boolean | D::Utf8 | D::LargeUtf8 | D::Utf8View => Ok(Self::Category),
            D::Dictionary(_, value) => Self::of(name, value),
            D::Null
            | D::Timestamp(..)
            | D::Date32
            | D::Date64
            | D::Time32(_)
            | D::Time64(_)
            | D::Duration(_) => Ok(Self::Number),
            numeric if numeric.is_numeric() => Ok(Self::Number),
            other => Err(Error::Type {
                name: name.to_owned(),
                message: format!(
                    "a column of type {other} cannot be read as numbers or categories; leave it out, or turn it \
                     into a number, a string or a boolean first"
                ),
            }),
        }
    }

    /// What a column of this kind holds.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Category => "categories",
        }
    }
}

/// How many rows there are and how many of them hold no finite value, by kind: null, NaN and the
/// infinities are different things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    /// All rows.
    pub rows: u64,
    /// Rows without a value.
    pub nulls: u64,
    /// Rows that hold NaN.
    pub nans: u64,
    /// Rows that hold +infinity.
    pub positive_infinities: u64,
    /// Rows that hold -infinity.
    pub negative_infinities: u64,
}

impl Rows {
    /// Adds the rows of `later`.
    pub fn merge(&mut self, later: &Self) {
        self.rows += later.rows;
        self.nulls += later.nulls;
        self.nans += later.nans;
        self.positive_infinities += later.positive_infinities;
        self.negative_infinities += later.negative_infinities;
    }

    /// Null and NaN rows together: the rows that say nothing.
    pub fn missing(&self) -> u64 {
        self.nulls + self.nans
    }

    /// Rows with a value that can be ordered and averaged.
    pub fn finite(&self) -> u64 {
        self.rows - self.missing() - self.positive_infinities - self.negative_infinities
    }
}

/// Numbers of one chunk or column: the finite values in row order, the rest counted. Where they lie together
/// already, as doubles with nothing between them, they are not copied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Numbers {
    /// What the rows hold.
    pub rows: Rows,
    /// The finite values, in row order.
    pub finite: ScalarBuffer<f64>,
}

impl Numbers {
    fn of_chunk(name: &str, chunk: &dyn Array) -> Result<Self> {
        let floats = as_f64(name, chunk)?;
        let floats = floats.as_primitive::<Float64Type>();
        let mut rows = Rows {
            rows: floats.len() as u64,
            nulls: floats.null_count() as u64,
            ..Rows::default()
        };
        let mut finite = Vec::new();
        let mut take = |value: f64| {
            if value.is_finite() {
                finite.push(value);
            } else if value.is_nan() {
                rows.nans += 1;
            } else if value > 0.0 {
                rows.positive_infinities += 1;
            } else {
                rows.negative_infinities += 1;
            }
        };
        if floats.null_count() == 0 {
            let values = floats.values();
            if all_finite(values) {
                let finite = values.clone();
                return Ok(Self { rows, finite });
            }
            values.iter().copied().for_each(&mut take);
        } else {
            floats.iter().flatten().for_each(&mut take);
        }
        let finite = finite.into();
        Ok(Self { rows, finite })
    }

    /// Reads a whole column, chunk by chunk on all threads.
    ///
    /// # Errors
    /// [`Error::Type`] where the column holds no numbers.
    pub fn of_column(name: &str, chunks: &[ArrayRef]) -> Result<Self> {
        let pieces = Self::pieces(name, chunks)?;
        let parts = par::map(pieces.len(), |i| Self::of_pieces(name, &pieces[i]));
        let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
        let mut rows = Rows::default();
        for part in &parts {
            rows.merge(&part.rows);
        }
        if let [only] = chunks
            && let Some(floats) = only.as_primitive_opt::<Float64Type>()
            && rows.finite() == rows.rows
        {
            let finite = floats.values().clone();
            return Ok(Self { rows, finite });
        }
        Ok(Self::joined(parts))
    }

    /// A column of numbers in absolute chunks, each as the slices that it lies in: what a sum over
    /// chunks may be cut by.
    pub(crate) fn pieces(name: &str, chunks: &[ArrayRef]) -> Result<Vec<Vec<ArrayRef>>> {
        if let Some(array) = chunks.first()
            && Kind::of(name, array.data_type())? != Kind::Number
        {
            return Err(Error::Type {
                name: name.to_owned(),
                message: format!("expected numbers, found a column of type {}", array.data_type()),
            });
        }
        let mut pieces: Vec<Vec<ArrayRef>> = Vec::new();
        let mut room = 0;
        for array in chunks {
            let mut start = 0;
            while start < array.len() {
                if room == 0 {
                    pieces.push(Vec::new());
                    room = CHUNK;
                }
                let rows = room.min(array.len() - start);
                if let Some(piece) = pieces.last_mut() {
                    piece.push(array.slice(start, rows));
                }
                (start, room) = (start + rows, room - rows);
            }
        }
        Ok(pieces)
    }

    /// The smallest and the largest finite value, or `None` where there is none.
    pub fn range(&self) -> Option<(f64, f64)> {
        (!self.finite.is_empty()).then(|| extremes(&self.finite))
    }

    /// The numbers of one of [`Numbers::pieces`].
    pub(crate) fn of_pieces(name: &str, pieces: &[ArrayRef]) -> Result<Self> {
        let parts = pieces.iter().map(|piece| Self::of_chunk(name, piece));
        Ok(Self::joined(parts.collect::<Result<_>>()?))
    }

    fn joined(mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 {
            return parts.swap_remove(0);
        }
        let mut rows = Rows::default();
        for part in &parts {
            rows.merge(&part.rows);
        }
        let finite: Vec<&[f64]> = parts.iter().map(|part| &*part.finite).collect();
        let finite = finite.concat().into();
        Self { rows, finite }
    }
}

/// The smallest and the largest of some values, in lanes.
fn extremes(values: &[f64]) -> (f64, f64) {
    let (low, high) = widest(|| {
        let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        let mut take = |block: &[f64]| {
            for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(block) {
                *low = if value < *low { value } else { *low };
                *high = if value > *high { value } else { *high };
            }
        };
        // Blocks of a known length are what the compiler makes vectors of.
        let (blocks, rest) = values.as_chunks::<LANES>();
        for block in blocks {
            take(block);
        }
        take(rest);
        (low, high)
    });
    let pick = |lanes: [f64; LANES], better: fn(f64, f64) -> f64| lanes.into_iter().fold(lanes[0], better);
    (pick(low, f64::min), pick(high, f64::max))
}

/// Categories of one chunk or column: how often each occurs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Categories {
    /// What the rows hold.
    pub rows: Rows,
    /// The count of each category. A null is no category.
    pub counts: HashMap<String, u64>,
}

/// Texts of so many bytes lie in their views (Arrow's columnar format, "Variable-size Binary View Layout").
const INLINE: u32 = 12;

/// The hash of the view of a short text: both halves multiplied, the product folded.
#[derive(Default)]
struct ViewHasher(u64);

impl Hasher for ViewHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, view: u128) {
        let [low, high] = [view as u64, (view >> 64) as u64];
        let product = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xD1B5_4A32_D192_ED03);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Categories {
    fn of_chunk(chunk: &dyn Array) -> Result<Self> {
        let mut counts = HashMap::new();
        let rows = Self::each(chunk, |name, rows| match counts.get_mut(name) {
            Some(count) => *count += rows,
            None => drop(counts.insert(name.to_owned(), rows)),
        })?;
        Ok(Self { rows, counts })
    }

    /// Gives `take` each category of a chunk with its rows; of dictionaries that name one twice, twice.
    pub(crate) fn each(chunk: &dyn Array, mut take: impl FnMut(&str, u64)) -> Result<Rows> {
        let nulls;
        if let Some(flags) = chunk.as_boolean_opt() {
            nulls = flags.null_count() as u64;
            let known = [("true", flags.true_count()), ("false", flags.false_count())];
            for (name, count) in known.into_iter().filter(|&(_, count)| count > 0) {
                take(name, count as u64);
            }
        } else if let Some(dictionary) = chunk.as_any_dictionary_opt() {
            // A dictionary's values are looked at once each, however many rows point to them.
            let values = cast(dictionary.values(), &DataType::Utf8)?;
            let values = values.as_string::<i32>();
            let by_code = by_code(dictionary);
            let mut known = 0;
            for (code, &count) in by_code.iter().enumerate().filter(|&(_, &count)| count > 0) {
                if values.is_valid(code) {
                    take(values.value(code), count);
                    known += count;
                }
            }
            nulls = chunk.len() as u64 - known;
        } else {
            let values = cast(chunk, &DataType::Utf8View)?;
            let values = values.as_string_view();
            // The view of a short text is the text and its length: as a number it tells texts apart.
            let mut short: HashMap<u128, u64, BuildHasherDefault<ViewHasher>> = HashMap::default();
            let mut long: HashMap<&str, u64> = HashMap::new();
            for (row, &view) in values.views().iter().enumerate() {
                if values.is_null(row) {
                    continue;
                }
                if view as u32 <= INLINE {
                    *short.entry(view).or_insert(0) += 1;
                } else {
                    *long.entry(values.value(row)).or_insert(0) += 1;
                }
            }
            for (view, count) in short {
                let bytes = &view.to_le_bytes()[4..][..view as u32 as usize];
                take(&String::from_utf8_lossy(bytes), count);
            }
            for (text, count) in long {
                take(text, count);
            }
            nulls = values.null_count() as u64;
        }
        Ok(Rows {
            rows: chunk.len() as u64,
            nulls,
            ..Rows::default()
        })
    }

    /// Adds the rows of `later`.
    pub fn merge(&mut self, later: Self) {
        if self.counts.is_empty() {
            self.counts = later.counts;
            self.rows.merge(&later.rows);
            return;
        }
        self.rows.merge(&later.rows);
        for (category, count) in later.counts {
            *self.counts.entry(category).or_insert(0) += count;
        }
    }

    /// Reads a whole column, chunk by chunk on all threads.
    ///
    /// # Errors
    /// [`Error::Type`] where the column holds no categories.
    pub fn of_column(name: &str, chunks: &[ArrayRef]) -> Result<Self> {
        if let Some(array) = chunks.first()
            && Kind::of(name, array.data_type())? != Kind::Category
        {
            return Err(Error::Type {
                name: name.to_owned(),
                message: format!(
                    "expected strings or booleans, found a column of type {}",
                    array.data_type()
                ),
            });
        }
        let pieces = pieces(chunks);
        let mut whole = Self::default();
        for part in par::map(pieces.len(), |i| Self::of_chunk(&pieces[i])) {
            whole.merge(part?);
        }
        Ok(whole)
    }
}

/// Slices of at most [`CHUNK`] rows: the unit of work of a column that lies in memory. Counts do
/// not care where a slice begins.
fn pieces(chunks: &[ArrayRef]) -> Vec<ArrayRef> {
    chunks
        .iter()
        .flat_map(|array| {
            (0..array.len())
                .step_by(CHUNK)
                .map(|start| array.slice(start, CHUNK.min(array.len() - start)))
        })
        .collect()
}

/// The place of each row's value among a dictionary's values; anything where the row is null. A
/// dictionary without values has null rows alone.
pub(crate) fn codes(dictionary: &dyn AnyDictionaryArray) -> Vec<usize> {
    if dictionary.values().is_empty() {
        return vec![0; dictionary.keys().len()];
    }
    dictionary.normalized_keys()
}

/// How many rows point to each value of a dictionary.
fn by_code(dictionary: &dyn AnyDictionaryArray) -> Vec<u64> {
    let keys = dictionary.keys();
    let mut counts = vec![0; dictionary.values().len()];
    match keys.as_primitive_opt::<Int32Type>() {
        // What files come as.
        Some(codes) if codes.null_count() == 0 => {
            codes.values().iter().for_each(|&code| counts[code as usize] += 1);
        }
        _ => {
            let codes = codes(dictionary).into_iter().enumerate();
            codes
                .filter(|&(row, _)| keys.is_valid(row))
                .for_each(|(_, code)| counts[code] += 1);
        }
    }
    counts
}

/// The values of a number column as f64. Integers beyond 2^53 are rounded to the nearest double.
///
/// # Errors
/// [`Error::Type`] where they are no numbers.
pub fn as_f64(name: &str, array: &dyn Array) -> Result<ArrayRef> {
    let cast_to = |array: &dyn Array, data_type: &DataType| {
        cast(array, data_type).map_err(|error| Error::Type {
            name: name.to_owned(),
            message: error.to_string(),
        })
    };
    let seconds = |array: &dyn Array, unit: TimeUnit| -> Result<ArrayRef> {
        let ticks = cast_to(array, &DataType::Int64)?;
        let ticks = ticks.as_primitive::<Int64Type>();
        // A time need not fit a finer unit than its own; nanoseconds beyond the microsecond are left off, so that
        // equal times are equal in both.
        let seconds: Float64Array = match unit {
            TimeUnit::Second => ticks.unary(|tick| tick as f64),
            TimeUnit::Millisecond => ticks.unary(|tick| tick as f64 / 1e3),
            TimeUnit::Microsecond => ticks.unary(|tick| tick as f64 / 1e6),
            TimeUnit::Nanosecond => ticks.unary(|tick| (tick / 1000) as f64 / 1e6),
        };
        Ok(Arc::new(seconds))
    };
    match array.data_type() {
        DataType::Timestamp(unit, _) | DataType::Duration(unit) => seconds(array, *unit),
        DataType::Date32 | DataType::Date64 => {
            let millis = cast_to(array, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
            seconds(&millis, TimeUnit::Millisecond)
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let micros = cast_to(array, &DataType::Time64(TimeUnit::Microsecond))?;
            seconds(&micros, TimeUnit::Microsecond)
        }
        DataType::Float64 => Ok(make_array(array.to_data())),
        _ => widen(array).map_or_else(|| cast_to(array, &DataType::Float64), Ok),
    }
}

/// The common number types by a plain loop; `None` for the rare ones.
#[expect(
    clippy::cast_lossless,
    reason = "one loop serves the types that fit and those that are rounded"
)]
fn widen(array: &dyn Array) -> Option<ArrayRef> {
    macro_rules! first_of {
        ($($rust:ty => $arrow:ty),+) => {
            $(if let Some(numbers) = array.as_primitive_opt::<$arrow>() {
                let floats = numbers.unary::<_, Float64Type>(|value: $rust| value as f64);
                return Some(Arc::new(floats));
            })+
        };
    }
    first_of!(
        i64 => Int64Type, i32 => Int32Type, i16 => Int16Type, i8 => Int8Type,
        u64 => UInt64Type, u32 => UInt32Type, u16 => UInt16Type, u8 => UInt8Type, f32 => Float32Type
    );
    None
}

/// A stream of record batches, cut anew into absolute chunks of [`CHUNK`] rows, so that what is
/// computed from it does not depend on how it arrived.
pub struct Rechunk<I> {
    batches: I,
    schema: SchemaRef,
    held: Vec<RecordBatch>,
    held_rows: usize,
    ended: bool,
}

impl<I: Iterator<Item = std::result::Result<RecordBatch, ArrowError>>> Rechunk<I> {
    /// Cuts `batches`, all of `schema`.
    pub fn new(batches: I, schema: SchemaRef) -> Self {
        Self {
            batches,
            schema,
            held: Vec::new(),
            held_rows: 0,
            ended: false,
        }
    }

    /// Takes `rows` rows off what is held.
    fn take(&mut self, rows: usize) -> Vec<RecordBatch> {
        let mut taken = Vec::new();
        let mut missing = rows;
        while missing > 0 {
            let batch = self.held.remove(0);
            if batch.num_rows() > missing {
                self.held
                    .insert(0, batch.slice(missing, batch.num_rows() - missing));
            }
            let batch = batch.slice(0, missing.min(batch.num_rows()));
            missing -= batch.num_rows();
            taken.push(batch);
        }
        self.held_rows -= rows;
        taken
    }

    /// The next chunk as the slices that it lies in: nothing is copied.
    pub fn next_slices(&mut self) -> Option<Result<Vec<RecordBatch>>> {
        while self.held_rows < CHUNK && !self.ended {
            match self.batches.next() {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => {
                    self.held_rows += batch.num_rows();
                    self.held.push(batch);
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
                None => self.ended = true,
            }
        }
        (self.held_rows > 0).then(|| Ok(self.take(self.held_rows.min(CHUNK))))
    }
}

impl<I: Iterator<Item = std::result::Result<RecordBatch, ArrowError>>> Iterator for Rechunk<I> {
    type Item = Result<RecordBatch>;

    /// The next chunk in one piece: a slice where it lies in one batch, else a copy.
    fn next(&mut self) -> Option<Self::Item> {
        let slices = match self.next_slices()? {
            Ok(slices) => slices,
            Err(error) => return Some(Err(error)),
        };
        Some(match slices.as_slice() {
            [only] => Ok(only.clone()),
            many => concat_batches(&self.schema, many).map_err(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        BooleanArray, Decimal128Array, DictionaryArray, DurationMillisecondArray, Float64Array, Int64Array,
        LargeStringArray, StringArray, StringViewArray, TimestampMillisecondArray, TimestampSecondArray,
    };
    use arrow_schema::{Field, Schema};

    fn column(array: impl Array + 'static) -> Vec<ArrayRef> {
        vec![Arc::new(array)]
    }

    #[test]
    fn a_dictionary_without_values_is_null_everywhere() {
        let keys = arrow_array::Int32Array::from(vec![None, None]);
        let empty = StringArray::from(Vec::<&str>::new());
        let found = Categories::of_column("x", &column(DictionaryArray::new(keys, Arc::new(empty)))).unwrap();
        assert_eq!((found.rows.rows, found.rows.nulls, found.counts.len()), (2, 2, 0));
    }

    #[test]
    fn texts_of_any_length_are_told_apart() {
        let longest = "abcdefghijklmnopqrst";
        let mut texts: Vec<Option<&str>> = (0..=longest.len()).map(|end| Some(&longest[..end])).collect();
        texts.extend([
            None,
            Some("é"),
            Some("\0"),
            Some("\0\0"),
            Some("a"),
            Some(longest),
            None,
            Some("é"),
        ]);
        let mut expected: HashMap<String, u64> = HashMap::new();
        for text in texts.iter().flatten() {
            *expected.entry((*text).to_owned()).or_insert(0) += 1;
        }
        let columns: [ArrayRef; 3] = [
            Arc::new(StringArray::from(texts.clone())),
            Arc::new(LargeStringArray::from(texts.clone())),
            Arc::new(StringViewArray::from(texts)),
        ];
        for column in columns {
            let found = Categories::of_column("x", &[column]).unwrap();
            assert_eq!(found.counts, expected);
            assert_eq!((found.rows.rows, found.rows.nulls), (29, 2));
        }
    }

    #[test]
    fn null_nan_and_infinities_are_counted_apart() {
        let array = Float64Array::from(vec![
            Some(1.0),
            None,
            Some(f64::NAN),
            Some(f64::INFINITY),
            Some(f64::NEG_INFINITY),
            Some(f64::NAN),
        ]);
        let numbers = Numbers::of_column("x", &column(array)).unwrap();
        let rows = numbers.rows;
        assert_eq!(
            (
                rows.rows,
                rows.nulls,
                rows.nans,
                rows.positive_infinities,
                rows.negative_infinities
            ),
            (6, 1, 2, 1, 1)
        );
        assert_eq!((rows.missing(), rows.finite()), (3, 1));
        assert_eq!(numbers.finite, vec![1.0]);
    }

    #[test]
    fn times_are_seconds_whatever_their_unit() {
        let seconds = Numbers::of_column("t", &column(TimestampSecondArray::from(vec![60]))).unwrap();
        let millis = Numbers::of_column("t", &column(TimestampMillisecondArray::from(vec![60_000]))).unwrap();
        assert_eq!(seconds.finite, vec![60.0]);
        assert_eq!(seconds, millis);
    }

    #[test]
    fn a_time_that_no_finer_unit_holds_is_a_number_still() {
        let far = TimestampSecondArray::from(vec![Some(i64::MAX), None, Some(i64::MIN)]);
        let numbers = Numbers::of_column("t", &column(far)).unwrap();
        assert_eq!(numbers.rows.nulls, 1);
        assert_eq!(numbers.finite, vec![i64::MAX as f64, i64::MIN as f64]);
        let spans = DurationMillisecondArray::from(vec![i64::MAX]);
        assert_eq!(
            Numbers::of_column("t", &column(spans)).unwrap().finite,
            vec![i64::MAX as f64 / 1e3]
        );
    }

    #[test]
    fn decimals_are_read_at_their_scale() {
        let array = Decimal128Array::from(vec![1_250])
            .with_precision_and_scale(9, 2)
            .unwrap();
        assert_eq!(
            Numbers::of_column("d", &column(array)).unwrap().finite,
            vec![12.5]
        );
    }

    #[test]
    fn plain_and_dictionary_strings_count_alike() {
        let words = vec![Some("a"), None, Some("b"), Some("a")];
        let plain = Categories::of_column("c", &column(StringArray::from(words.clone()))).unwrap();
        let dictionary: DictionaryArray<Int8Type> = words.into_iter().collect();
        let encoded = Categories::of_column("c", &column(dictionary)).unwrap();
        assert_eq!(plain, encoded);
        assert_eq!(plain.counts["a"], 2);
        assert_eq!(plain.rows.nulls, 1);
        let flags = Categories::of_column("f", &column(BooleanArray::from(vec![true, false, true]))).unwrap();
        assert_eq!(flags.counts["true"], 2);
    }

    #[test]
    fn a_list_column_is_named_in_the_error() {
        let error = Kind::of("tags", &DataType::new_list(DataType::Int8, true)).unwrap_err();
        assert!(
            error.to_string().starts_with("tags: a column of type List"),
            "{error}"
        );
    }

    #[test]
    fn a_stream_is_cut_into_the_same_chunks_however_it_arrives() {
        let rows = 2 * CHUNK + 17;
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, false)]));
        let values = Int64Array::from_iter_values(0..rows as i64);
        let whole = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(values)]).unwrap();
        let expected: Vec<_> = (0..rows)
            .step_by(CHUNK)
            .map(|start| whole.slice(start, CHUNK.min(rows - start)))
            .collect();
        for size in [999, CHUNK - 1, CHUNK, CHUNK + 1, rows] {
            let batches: Vec<_> = (0..rows)
                .step_by(size)
                .map(|start| Ok(whole.slice(start, size.min(rows - start))))
                .collect();
            let cut: Vec<_> = Rechunk::new(batches.into_iter(), Arc::clone(&schema))
                .collect::<Result<_>>()
                .unwrap();
            assert_eq!(cut, expected, "batches of {size}");
        }
    }
}
