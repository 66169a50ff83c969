//! Rules about single rows: which rows of a batch break them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{AnyDictionaryArray, Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_cast::display::array_value_to_string;
use arrow_cast::parse::Parser;
use arrow_schema::{DataType, Schema, TimeUnit};
use arrow_select::filter::filter;
use arrow_select::take::take;
use ctcore_simd::widest;
use regex::Regex;

use crate::column::{Kind, as_f64};
use crate::num::bits;
use crate::validate::keys::{KeySet, RowKeys};
use crate::validate::order::{Direction, each_key};
use crate::validate::view::items_of;
use crate::{Error, Result};

/// A bound, as the contract wrote it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// A whole number: compared exactly with whole numbers.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Microseconds of the epoch, or of the day for a time of day.
    Micros(i64),
}

/// Bounds of ordered values, each inclusive or exclusive.
///
/// Whole numbers and times are compared exactly. A bound of single-precision numbers is rounded to
/// single precision first, so that a stored 0.1 does not lie above a bound of 0.1. NaN breaks no
/// bound; an infinity breaks the bound that it lies beyond.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Range {
    /// The lower bound and whether the bound itself is allowed.
    pub minimum: Option<(Limit, bool)>,
    /// The upper bound and whether the bound itself is allowed.
    pub maximum: Option<(Limit, bool)>,
}

/// The values that a vocabulary holds. A column is compared with the values of its own kind.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// Text.
    pub strings: Vec<String>,
    /// Whole numbers.
    pub integers: Vec<i64>,
    /// Other numbers.
    pub reals: Vec<f64>,
    /// Truth values.
    pub booleans: Vec<bool>,
}

/// What a text can be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal {
    /// A whole number of 64 bits.
    Integer,
    /// A number, NaN and infinities excepted.
    Number,
    /// `true`, `false`, in any case.
    Boolean,
    /// A date, ISO 8601.
    Date,
    /// A date with a time, ISO 8601.
    Timestamp,
}

/// How two columns compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `a < b`
    Less,
    /// `a <= b`
    LessOrEqual,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
}

/// What is asked of a row's value. A null breaks nothing but [`Test::NotNull`].
#[derive(Debug, Clone)]
pub enum Test {
    /// There is a value.
    NotNull,
    /// There is no value.
    Null,
    /// The value is neither NaN nor infinite.
    Finite,
    /// The value lies within bounds.
    Range(Range),
    /// The text has so many characters (Unicode code points), the list so many items.
    Length {
        /// At least so many.
        minimum: u64,
        /// At most so many.
        maximum: u64,
    },
    /// The pattern is found in the text.
    Pattern(Regex),
    /// The value is one of these.
    Within(Vocabulary),
    /// The value is none of these.
    Without(Vocabulary),
    /// There is a value, and it is none of these.
    Present(Vocabulary),
    /// The text can be read as such.
    Reads(Literal),
    /// The bytes are UTF-8.
    Utf8,
    /// The number is a multiple of this one.
    MultipleOf(f64),
    /// The first column compares with the second.
    Compare(Comparison),
    /// The columns' key is in this set.
    Known(Arc<KeySet>),
    /// No item of the list occurs in it twice; a null is an item, all NaN are one.
    UniqueItems,
    /// The items of the list come in this order; nulls and NaN are passed over.
    OrderedItems(Direction),
}

/// A test of columns.
#[derive(Debug, Clone)]
pub struct Predicate {
    /// The columns, by name.
    pub columns: Vec<String>,
    /// The test.
    pub test: Test,
}

/// A rule about rows: where all conditions hold, the predicate must.
#[derive(Debug, Clone)]
pub struct RowRule {
    /// The conditions. One on a null does not hold, unless it asks for nulls.
    pub when: Vec<Predicate>,
    /// What must hold.
    pub predicate: Predicate,
    /// Columns that hold a list for each row, all of one length: the rule is asked of their items, one after the other,
    /// with what the other columns hold in the row. A row breaks it where an item does; one without items does not.
    pub items: Vec<String>,
}

impl RowRule {
    /// The rule without conditions, of whole rows.
    pub fn of(columns: &[String], test: Test) -> Self {
        let columns = columns.to_vec();
        Self {
            when: Vec::new(),
            predicate: Predicate { columns, test },
            items: Vec::new(),
        }
    }

    /// The only column that the rule looks at, where there is one.
    pub fn column(&self) -> Option<&str> {
        let mut columns = self.columns();
        let first = columns.next()?;
        (self.items.is_empty() && columns.all(|other| other == first)).then_some(first)
    }

    /// The columns that the rule looks at, those of the conditions first.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &String> {
        let predicates = self.when.iter().chain([&self.predicate]);
        predicates.flat_map(|predicate| &predicate.columns)
    }

    /// Whether the rule can be judged on this schema.
    ///
    /// # Errors
    /// The reason why not, as [`Error::Type`].
    pub fn fits(&self, schema: &Schema) -> Result<()> {
        let fits = |schema: &Schema| {
            let mut predicates = self.when.iter().chain([&self.predicate]);
            predicates.try_for_each(|predicate| predicate.fits(schema))
        };
        if self.items.is_empty() {
            return fits(schema);
        }
        let mut fields = Vec::new();
        for name in self.columns() {
            let field = schema.field_with_name(name).map_err(|_| missing(name))?;
            fields.push(if self.items.contains(name) {
                let items = items_of(field.data_type());
                let items = items.ok_or_else(|| without_items(name, field.data_type()))?;
                items.as_ref().clone().with_name(name)
            } else {
                field.clone()
            });
        }
        fits(&Schema::new(fields))
    }

    /// The rows of a batch that break the rule, and how many it was asked of.
    ///
    /// # Errors
    /// [`Error::Type`] where [`RowRule::fits`] would have said so.
    pub fn broken(&self, batch: &RecordBatch) -> Result<(BooleanBuffer, u64)> {
        let (mut broken, mut asked);
        if self.items.is_empty() {
            (broken, asked) = self.judged(batch)?;
        } else {
            let (ends, items) = self.one_by_one(batch)?;
            (broken, asked) = self.judged(&items)?;
            let any = |found: &BooleanBuffer| {
                BooleanBuffer::collect_bool(batch.num_rows(), |row| {
                    (ends[row]..ends[row + 1]).any(|item| found.value(item))
                })
            };
            (broken, asked) = (any(&broken), asked.as_ref().map(any));
        }
        let rows = batch.num_rows();
        Ok((broken, asked.map_or(rows, |asked| asked.count_set_bits()) as u64))
    }

    /// The rows that break the rule, and those that meet its conditions where it has any.
    fn judged(&self, batch: &RecordBatch) -> Result<(BooleanBuffer, Option<BooleanBuffer>)> {
        let broken = self.predicate.broken(batch)?;
        if self.when.is_empty() {
            return Ok((broken, None));
        }
        let mut holds = BooleanBuffer::new_set(batch.num_rows());
        for condition in &self.when {
            holds = &holds & &condition.holds(batch)?;
        }
        Ok((&broken & &holds, Some(holds)))
    }

    /// The items of all rows, with what the other columns hold beside them, and where each row's end, that of no row
    /// first.
    fn one_by_one(&self, batch: &RecordBatch) -> Result<(Vec<usize>, RecordBatch)> {
        let mut lengths: Option<Vec<usize>> = None;
        for name in &self.items {
            let list = batch.column_by_name(name).ok_or_else(|| missing(name))?;
            let (ends, _) = items(list).ok_or_else(|| without_items(name, list.data_type()))?;
            let length = |row| {
                if list.is_null(row) {
                    0
                } else {
                    ends[row + 1] - ends[row]
                }
            };
            let found: Vec<usize> = (0..list.len()).map(length).collect();
            if lengths.as_ref().is_some_and(|lengths| *lengths != found) {
                let message = "its lists are of other lengths than those beside it".to_owned();
                return Err(Error::Type {
                    name: name.clone(),
                    message,
                });
            }
            lengths = Some(found);
        }
        let lengths = lengths.unwrap_or_default();
        let rows = lengths.iter().zip(0..);
        let rows: UInt64Array = rows
            .flat_map(|(&length, row)| std::iter::repeat_n(row, length))
            .collect();
        let mut columns: Vec<(&String, ArrayRef)> = Vec::new();
        for name in self.columns() {
            let column = batch.column_by_name(name).ok_or_else(|| missing(name))?;
            if columns.iter().all(|(known, _)| *known != name) {
                let column = if self.items.contains(name) {
                    flat(name, column)?
                } else {
                    take(column, &rows, None)?
                };
                columns.push((name, column));
            }
        }
        let mut ends = vec![0];
        ends.extend(lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        }));
        Ok((ends, RecordBatch::try_from_iter(columns)?))
    }

    /// What a row that breaks the rule holds, for people: of lists the first item that does, and its place.
    pub(crate) fn example(&self, batch: &RecordBatch, row: usize) -> String {
        let all = |batch: &RecordBatch, row| {
            let columns = self.columns().filter_map(|name| batch.column_by_name(name));
            columns
                .map(|column| shown(column, row))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if !self.items.is_empty()
            && let Ok((_, items)) = self.one_by_one(&batch.slice(row, 1))
            && let Ok((broken, _)) = self.judged(&items)
            && let Some(item) = broken.set_indices().next()
        {
            return format!("item {item}: {}", all(&items, item));
        }
        all(batch, row)
    }
}

impl Predicate {
    fn arrays(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.columns
            .iter()
            .map(|name| batch.column_by_name(name).cloned().ok_or_else(|| missing(name)))
            .collect()
    }

    fn fits(&self, schema: &Schema) -> Result<()> {
        for name in &self.columns {
            let field = schema.field_with_name(name).map_err(|_| missing(name))?;
            self.test.takes(name, field.data_type())?;
        }
        if matches!(self.test, Test::Compare(_)) {
            let [a, b] = self.columns.as_slice() else {
                return Err(Error::argument("columns", "a comparison takes two columns"));
            };
            let kind = |name: &str| {
                let field = schema.field_with_name(name).map_err(|_| missing(name))?;
                Kind::of(name, field.data_type())
            };
            if kind(a)? != kind(b)? {
                return Err(Error::Type {
                    name: format!("{a}, {b}"),
                    message: "one is a number or time, the other a text: they have no order".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn broken(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        match (&self.test, self.arrays(batch)?.as_slice()) {
            (Test::Compare(comparison), [a, b]) => compare(&self.columns[0], a, b, *comparison),
            (Test::Known(set), arrays) => unknown(&self.columns, arrays, set),
            (test, [array]) => test.broken(&self.columns[0], array),
            _ => Err(Error::argument("columns", "the test takes one column")),
        }
    }

    /// The rows where the predicate holds as a condition: a null does not, unless it is asked for.
    fn holds(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let mut holds = !&self.broken(batch)?;
        if !matches!(self.test, Test::Null) {
            for array in self.arrays(batch)? {
                if let Some(nulls) = array.logical_nulls() {
                    holds = &holds & nulls.inner();
                }
            }
        }
        Ok(holds)
    }
}

fn missing(name: &str) -> Error {
    Error::Type {
        name: name.to_owned(),
        message: "the column is missing".to_owned(),
    }
}

/// Whether values of a type are numbers or times, not behind a dictionary.
fn ordered(name: &str, data_type: &DataType) -> bool {
    !matches!(data_type, DataType::Dictionary(..)) && matches!(Kind::of(name, data_type), Ok(Kind::Number))
}

fn without_items(name: &str, data_type: &DataType) -> Error {
    Error::Type {
        name: name.to_owned(),
        message: format!("a column of type {data_type} has no items"),
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

impl Test {
    /// Whether the test can be asked of a column of this type.
    fn takes(&self, name: &str, data_type: &DataType) -> Result<()> {
        use DataType as D;
        let inner = match data_type {
            D::Dictionary(_, values) => values,
            plain => plain,
        };
        let good = *inner == D::Null
            || match self {
                Self::NotNull | Self::Null | Self::Utf8 | Self::Finite => true,
                Self::Range(_) | Self::MultipleOf(_) => ordered(name, data_type),
                Self::Length { .. } => is_text(inner) || items_of(data_type).is_some(),
                Self::Pattern(_) | Self::Reads(_) => is_text(inner),
                Self::Within(_) | Self::Without(_) | Self::Present(_) | Self::Compare(_) => {
                    Kind::of(name, inner).is_ok()
                }
                Self::Known(_) => RowKeys::take(inner),
                Self::UniqueItems => items_of(inner).is_some_and(|items| RowKeys::take(items.data_type())),
                Self::OrderedItems(_) => {
                    items_of(inner).is_some_and(|items| ordered(name, items.data_type()))
                }
            };
        if good {
            return Ok(());
        }
        Err(self.refused(name, data_type))
    }

    fn what(&self) -> &'static str {
        match self {
            Self::NotNull | Self::Null => "whether there is a value",
            Self::Finite => "whether it is finite",
            Self::Range(_) => "a range",
            Self::Length { .. } => "a length",
            Self::Pattern(_) => "a pattern",
            Self::Within(_) | Self::Without(_) | Self::Present(_) => "a vocabulary",
            Self::Reads(_) => "what the text reads as",
            Self::Utf8 => "UTF-8",
            Self::MultipleOf(_) => "a multiple",
            Self::Compare(_) => "a comparison",
            Self::Known(_) => "a key",
            Self::UniqueItems => "whether items occur twice",
            Self::OrderedItems(_) => "an order of items",
        }
    }

    /// The rows of one column that break the test. A dictionary's values are judged once each.
    pub(crate) fn broken(&self, name: &str, array: &ArrayRef) -> Result<BooleanBuffer> {
        let nulls = array.logical_nulls();
        let nulls = nulls.as_ref();
        match self {
            Self::NotNull => {
                return Ok(
                    nulls.map_or_else(|| BooleanBuffer::new_unset(array.len()), |nulls| !nulls.inner())
                );
            }
            Self::Null => {
                return Ok(nulls.map_or_else(
                    || BooleanBuffer::new_set(array.len()),
                    |nulls| nulls.inner().clone(),
                ));
            }
            Self::Known(set) => return unknown(&[name.to_owned()], std::slice::from_ref(array), set),
            Self::Present(vocabulary) => {
                let barred = Self::Without(vocabulary.clone()).broken(name, array)?;
                return Ok(&barred | &Self::NotNull.broken(name, array)?);
            }
            _ => {}
        }
        if *array.data_type() == DataType::Null {
            return Ok(BooleanBuffer::new_unset(array.len()));
        }
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let values = dictionary.values();
            if values.is_empty() {
                return Ok(BooleanBuffer::new_unset(array.len()));
            }
            if values.len() > array.len() {
                return self.broken(name, &take(values, dictionary.keys(), None)?);
            }
            let broken = self.broken(name, values)?;
            return Ok(of_codes(dictionary, nulls, &broken));
        }
        match self {
            Self::Finite => finite(array),
            Self::Range(range) => range.broken(name, array),
            Self::Length { minimum, maximum } => {
                lengths(array, |length| length < *minimum || length > *maximum)
                    .ok_or_else(|| self.refused(name, array.data_type()))
            }
            Self::Pattern(pattern) => texts(array, |text| !pattern.is_match(text))
                .ok_or_else(|| self.refused(name, array.data_type())),
            Self::Reads(literal) => {
                texts(array, |text| !literal.reads(text)).ok_or_else(|| self.refused(name, array.data_type()))
            }
            Self::Within(vocabulary) => vocabulary.found(name, array, false),
            Self::Without(vocabulary) => vocabulary.found(name, array, true),
            Self::UniqueItems => self.broken_by_repeats(name, array),
            Self::OrderedItems(direction) => self.broken_by_order(name, array, *direction),
            Self::Utf8 => Ok(bytes(array, |bytes| std::str::from_utf8(bytes).is_err())),
            Self::MultipleOf(unit) => {
                let floats = as_f64(name, array)?;
                let values = floats.as_primitive::<Float64Type>().values();
                Ok(collect(values.len(), nulls, |row| {
                    let quotient = values[row] / unit;
                    values[row].is_finite()
                        && (quotient - quotient.round()).abs() > 1e-9 * quotient.abs().max(1.0)
                }))
            }
            _ => Err(self.refused(name, array.data_type())),
        }
    }

    /// The rows of lists in which an item occurs twice.
    fn broken_by_repeats(&self, name: &str, array: &ArrayRef) -> Result<BooleanBuffer> {
        let (ends, items) = items(array).ok_or_else(|| self.refused(name, array.data_type()))?;
        let (first, last) = (ends[0], ends[array.len()]);
        let keys = RowKeys::of(&[name.to_owned()], &[items.slice(first, last - first)])?;
        let key = |item: usize| {
            let there = keys.valid.as_ref().is_none_or(|valid| valid.is_valid(item));
            there.then(|| keys.hashes[item])
        };
        Ok(collect(array.len(), array.nulls(), |row| {
            let mut found: Vec<_> = (ends[row] - first..ends[row + 1] - first).map(key).collect();
            found.sort_unstable();
            found.windows(2).any(|pair| pair[0] == pair[1])
        }))
    }

    /// The rows of lists with an item that does not follow the one before it.
    fn broken_by_order(&self, name: &str, array: &ArrayRef, direction: Direction) -> Result<BooleanBuffer> {
        let (ends, items) = items(array).ok_or_else(|| self.refused(name, array.data_type()))?;
        let (first, end) = (ends[0], ends[array.len()]);
        let mut broken = vec![false; array.len()];
        let (mut row, mut last) = (0, None);
        each_key(name, &items.slice(first, end - first), |item, key| {
            while ends[row + 1] - first <= item {
                (row, last) = (row + 1, None);
            }
            broken[row] |= last.is_some_and(|last| !direction.follows(last, key));
            last = Some(key);
        })?;
        Ok(collect(array.len(), array.nulls(), |row| broken[row]))
    }

    fn refused(&self, name: &str, data_type: &DataType) -> Error {
        Error::Type {
            name: name.to_owned(),
            message: format!("{} cannot be asked of a column of type {data_type}", self.what()),
        }
    }
}

/// Where the items of each list end, that of no list first, and the items.
fn items(array: &ArrayRef) -> Option<(Vec<usize>, &ArrayRef)> {
    if let Some(list) = array.as_list_opt::<i32>() {
        let ends = list.offsets().iter().map(|&end| end as usize);
        return Some((ends.collect(), list.values()));
    }
    if let Some(list) = array.as_list_opt::<i64>() {
        let ends = list.offsets().iter().map(|&end| end as usize);
        return Some((ends.collect(), list.values()));
    }
    let list = array.as_fixed_size_list_opt()?;
    let size = list.value_length() as usize;
    Some(((0..=list.len()).map(|row| row * size).collect(), list.values()))
}

/// The items of all lists, one after the other. What stands behind a null is none of them.
///
/// # Errors
/// [`Error::Type`] where the column holds no lists.
pub(crate) fn flat(name: &str, lists: &ArrayRef) -> Result<ArrayRef> {
    let (ends, items) = items(lists).ok_or_else(|| without_items(name, lists.data_type()))?;
    let all = items.slice(ends[0], ends[lists.len()] - ends[0]);
    let length = |row: usize| ends[row + 1] - ends[row];
    if (0..lists.len()).all(|row| lists.is_valid(row) || length(row) == 0) {
        return Ok(all);
    }
    let there: BooleanBuffer = (0..lists.len())
        .flat_map(|row| std::iter::repeat_n(lists.is_valid(row), length(row)))
        .collect();
    Ok(filter(&all, &BooleanArray::new(there, None))?)
}

/// The characters of a value that an example shows.
const SHOWN: usize = 60;

/// A value, for people.
pub(crate) fn shown(column: &dyn Array, row: usize) -> String {
    if column.slice(row, 1).logical_null_count() > 0 {
        return "null".to_owned();
    }
    let value = array_value_to_string(column, row).unwrap_or_else(|_| "?".to_owned());
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value,
    }
}

/// The rows that are valid and for which `broken` holds.
fn collect(rows: usize, valid: Option<&NullBuffer>, broken: impl Fn(usize) -> bool) -> BooleanBuffer {
    match valid {
        Some(valid) if valid.null_count() > 0 => {
            BooleanBuffer::collect_bool(rows, |row| valid.is_valid(row) && broken(row))
        }
        _ => BooleanBuffer::collect_bool(rows, broken),
    }
}

/// The rows whose key is not in a set.
fn unknown(names: &[String], columns: &[ArrayRef], set: &KeySet) -> Result<BooleanBuffer> {
    let keys = RowKeys::of(names, columns)?;
    Ok(collect(keys.hashes.len(), keys.valid.as_ref(), |row| {
        !set.contains(keys.hashes[row])
    }))
}

/// The same for values that are cheap to judge: all of them without a branch, then the mask.
fn collect_values<T: Copy>(
    values: &[T],
    valid: Option<&NullBuffer>,
    broken: impl Fn(T) -> bool,
) -> BooleanBuffer {
    let mut flags: Vec<u8> = widest(|| values.iter().map(|&value| u8::from(broken(value))).collect());
    flags.resize(values.len().next_multiple_of(64), 0);
    let words: Vec<u64> = flags.as_chunks().0.iter().map(bits).collect();
    let found = BooleanBuffer::new(words.into(), 0, values.len());
    match valid {
        Some(valid) if valid.null_count() > 0 => &found & valid.inner(),
        _ => found,
    }
}

/// The rows whose value in the dictionary is broken.
fn of_codes(
    dictionary: &dyn AnyDictionaryArray,
    valid: Option<&NullBuffer>,
    broken: &BooleanBuffer,
) -> BooleanBuffer {
    let keys = dictionary.keys();
    let broken: Vec<bool> = broken.iter().collect();
    if !broken.contains(&true) {
        return BooleanBuffer::new_unset(keys.len());
    }
    let last = broken.len() - 1; // what stands behind a null may be any number
    macro_rules! of {
        ($($arrow:ty),+) => {
            $(if let Some(keys) = keys.as_primitive_opt::<$arrow>() {
                return collect_values(keys.values(), valid, |key| broken[(key as usize).min(last)]);
            })+
        };
    }
    of!(
        Int32Type, Int8Type, Int16Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type
    );
    BooleanBuffer::new_unset(keys.len())
}

fn texts(array: &ArrayRef, broken: impl Fn(&str) -> bool) -> Option<BooleanBuffer> {
    let (rows, valid) = (array.len(), array.nulls());
    if let Some(array) = array.as_string_opt::<i32>() {
        return Some(collect(rows, valid, |row| broken(array.value(row))));
    }
    if let Some(array) = array.as_string_opt::<i64>() {
        return Some(collect(rows, valid, |row| broken(array.value(row))));
    }
    let array = array.as_string_view_opt()?;
    Some(collect(rows, valid, |row| broken(array.value(row))))
}

/// Text in Arrow is UTF-8 by its type; only bytes can be something else.
fn bytes(array: &ArrayRef, broken: impl Fn(&[u8]) -> bool) -> BooleanBuffer {
    let (rows, valid) = (array.len(), array.nulls());
    if let Some(array) = array.as_binary_opt::<i32>() {
        return collect(rows, valid, |row| broken(array.value(row)));
    }
    if let Some(array) = array.as_binary_opt::<i64>() {
        return collect(rows, valid, |row| broken(array.value(row)));
    }
    if let Some(array) = array.as_binary_view_opt() {
        return collect(rows, valid, |row| broken(array.value(row)));
    }
    if let Some(array) = array.as_fixed_size_binary_opt() {
        return collect(rows, valid, |row| broken(array.value(row)));
    }
    BooleanBuffer::new_unset(rows)
}

fn lengths(array: &ArrayRef, broken: impl Fn(u64) -> bool) -> Option<BooleanBuffer> {
    let (rows, valid) = (array.len(), array.nulls());
    if let Some(array) = array.as_list_opt::<i32>() {
        return Some(collect(rows, valid, |row| {
            broken(u64::from(array.value_length(row).unsigned_abs()))
        }));
    }
    if let Some(array) = array.as_list_opt::<i64>() {
        return Some(collect(rows, valid, |row| {
            broken(array.value_length(row).unsigned_abs())
        }));
    }
    if let Some(array) = array.as_fixed_size_list_opt() {
        let length = u64::from(array.value_length().unsigned_abs());
        return Some(collect(rows, valid, |_| broken(length)));
    }
    texts(array, |text| broken(text.chars().count() as u64))
}

fn finite(array: &ArrayRef) -> Result<BooleanBuffer> {
    let valid = array.nulls();
    if let Some(array) = array.as_primitive_opt::<Float64Type>() {
        return Ok(collect_values(array.values(), valid, |value| !value.is_finite()));
    }
    if let Some(array) = array.as_primitive_opt::<Float32Type>() {
        return Ok(collect_values(array.values(), valid, |value| !value.is_finite()));
    }
    if *array.data_type() == DataType::Float16 {
        let floats = as_f64("", array)?;
        return Ok(collect_values(
            floats.as_primitive::<Float64Type>().values(),
            valid,
            |value| !value.is_finite(),
        ));
    }
    Ok(BooleanBuffer::new_unset(array.len()))
}

impl Literal {
    fn reads(self, text: &str) -> bool {
        let text = text.trim();
        match self {
            Self::Integer => text.parse::<i64>().is_ok(),
            Self::Number => text.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Boolean => ["true", "false"]
                .iter()
                .any(|word| text.eq_ignore_ascii_case(word)),
            Self::Date => Date32Type::parse(text).is_some(),
            Self::Timestamp => TimestampMicrosecondType::parse(text).is_some(),
        }
    }
}

impl Range {
    fn broken(&self, name: &str, array: &ArrayRef) -> Result<BooleanBuffer> {
        macro_rules! whole {
            ($($arrow:ty),+) => {
                $(if let Some(array) = array.as_primitive_opt::<$arrow>() {
                    return Ok(self.whole(array.values(), array.nulls(), |limit| limit.as_whole()));
                })+
            };
        }
        macro_rules! ticks {
            ($($arrow:ty => $per_second:expr),+) => {
                $(if let Some(array) = array.as_primitive_opt::<$arrow>() {
                    return Ok(self.whole(array.values(), array.nulls(), |limit| limit.as_ticks($per_second)));
                })+
            };
        }
        whole!(
            Int64Type, Int32Type, Int16Type, Int8Type, UInt64Type, UInt32Type, UInt16Type, UInt8Type
        );
        ticks!(
            TimestampSecondType => 1.0, TimestampMillisecondType => 1e3, TimestampMicrosecondType => 1e6,
            TimestampNanosecondType => 1e9, Date32Type => DAY, Date64Type => 1e3, Time32SecondType => 1.0,
            Time32MillisecondType => 1e3, Time64MicrosecondType => 1e6, Time64NanosecondType => 1e9
        );
        if let Some(array) = array.as_primitive_opt::<Float32Type>() {
            return Ok(
                self.real(array.values(), array.nulls(), |limit, side| match side {
                    Side::At => limit as f32,
                    Side::Above => (limit as f32).next_up(),
                    Side::Below => (limit as f32).next_down(),
                }),
            );
        }
        let floats = as_f64(name, array)?;
        let array = floats.as_primitive::<Float64Type>();
        Ok(
            self.real(array.values(), array.nulls(), |limit, side| match side {
                Side::At => limit,
                Side::Above => limit.next_up(),
                Side::Below => limit.next_down(),
            }),
        )
    }

    /// Numbers: each bound becomes the outermost allowed one. NaN lies beyond none.
    fn real<T: Copy + PartialOrd>(
        &self,
        values: &[T],
        valid: Option<&NullBuffer>,
        nearest: impl Fn(f64, Side) -> T,
    ) -> BooleanBuffer {
        let bound = |limit: Option<(Limit, bool)>, side, open| match limit {
            None => nearest(open, Side::At),
            Some((limit, true)) => nearest(limit.as_real(), Side::At),
            Some((limit, false)) => nearest(limit.as_real(), side),
        };
        let low = bound(self.minimum, Side::Above, f64::NEG_INFINITY);
        let high = bound(self.maximum, Side::Below, f64::INFINITY);
        collect_values(values, valid, move |value| outside(value, low, high))
    }

    /// Whole values: each bound becomes the outermost allowed whole value.
    fn whole<T: Copy + PartialOrd + TryFrom<i128> + Into<i128>>(
        &self,
        values: &[T],
        valid: Option<&NullBuffer>,
        exact: impl Fn(Limit) -> Bracket,
    ) -> BooleanBuffer {
        let low = self.minimum.map(|(limit, inclusive)| {
            let Bracket { floor, ceil } = exact(limit);
            if inclusive { ceil } else { floor + 1 }
        });
        let high = self.maximum.map(|(limit, inclusive)| {
            let Bracket { floor, ceil } = exact(limit);
            if inclusive { floor } else { ceil - 1 }
        });
        // A bound beyond what the type can hold is broken by all of its values or by none.
        let narrow = |bound: Option<i128>| bound.map(|bound| (bound, T::try_from(bound).ok()));
        match (narrow(low), narrow(high)) {
            (Some((_, Some(low))), Some((_, Some(high)))) => {
                collect_values(values, valid, move |value| outside(value, low, high))
            }
            (Some((_, Some(low))), None) => collect_values(values, valid, move |value| value < low),
            (None, Some((_, Some(high)))) => collect_values(values, valid, move |value| value > high),
            _ => collect_values(values, valid, |value| {
                let value: i128 = value.into();
                low.is_some_and(|low| value < low) || high.is_some_and(|high| value > high)
            }),
        }
    }
}

/// Whether a value lies beyond one of the bounds.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a branch would keep the loop over the values from being vectorised"
)]
fn outside<T: Copy + PartialOrd>(value: T, low: T, high: T) -> bool {
    (value < low) | (value > high)
}

/// A number, or its neighbour.
#[derive(Clone, Copy)]
enum Side {
    At,
    Above,
    Below,
}

/// The whole numbers around a bound.
struct Bracket {
    floor: i128,
    ceil: i128,
}

impl Bracket {
    fn of(value: f64) -> Self {
        Self {
            floor: value.floor() as i128,
            ceil: value.ceil() as i128,
        }
    }
}

impl Limit {
    fn as_real(self) -> f64 {
        match self {
            Self::Integer(whole) => whole as f64,
            Self::Real(real) => real,
            Self::Micros(micros) => micros as f64 / 1e6,
        }
    }

    fn as_whole(self) -> Bracket {
        match self {
            Self::Integer(whole) => Bracket {
                floor: whole.into(),
                ceil: whole.into(),
            },
            other => Bracket::of(other.as_real()),
        }
    }

    fn as_ticks(self, per_second: f64) -> Bracket {
        let Self::Micros(micros) = self else {
            return Bracket::of(self.as_real() * per_second);
        };
        let micros = i128::from(micros);
        if per_second >= 1e6 {
            let exact = micros * (per_second / 1e6) as i128;
            return Bracket {
                floor: exact,
                ceil: exact,
            };
        }
        let divisor = (1e6 / per_second).round() as i128;
        Bracket {
            floor: micros.div_euclid(divisor),
            ceil: -((-micros).div_euclid(divisor)),
        }
    }
}

/// Days in a second: a date counts days.
const DAY: f64 = 1.0 / 86_400.0;

/// A vocabulary this small is searched from one end to the other.
const FEW: usize = 8;

impl Vocabulary {
    /// The rows whose value is in the vocabulary (`inside`), or is not.
    fn found(&self, name: &str, array: &ArrayRef, inside: bool) -> Result<BooleanBuffer> {
        let valid = array.nulls();
        if is_text(array.data_type()) {
            let words: Vec<&str> = self.strings.iter().map(String::as_str).collect();
            let found = if words.len() <= FEW {
                texts(array, |text| words.contains(&text) == inside)
            } else {
                let words: HashSet<&str> = words.into_iter().collect();
                texts(array, |text| words.contains(text) == inside)
            };
            return found.ok_or_else(|| missing(name));
        }
        if let Some(array) = array.as_boolean_opt() {
            return Ok(collect(array.len(), valid, |row| {
                self.booleans.contains(&array.value(row)) == inside
            }));
        }
        macro_rules! whole {
            ($($arrow:ty),+) => {
                $(if let Some(array) = array.as_primitive_opt::<$arrow>() {
                    return Ok(self.whole::<$arrow>(array.values(), valid, inside));
                })+
            };
        }
        whole!(
            Int64Type, Int32Type, Int16Type, Int8Type, UInt64Type, UInt32Type, UInt16Type, UInt8Type
        );
        let single = *array.data_type() == DataType::Float32;
        let numbers = self
            .reals
            .iter()
            .copied()
            .chain(self.integers.iter().map(|&whole| whole as f64));
        let mut numbers: Vec<f64> = numbers
            .map(|number| if single { f64::from(number as f32) } else { number })
            .collect();
        numbers.sort_unstable_by(f64::total_cmp);
        let floats = as_f64(name, array)?;
        Ok(collect_values(
            floats.as_primitive::<Float64Type>().values(),
            valid,
            |value| {
                !value.is_nan()
                    && numbers
                        .binary_search_by(|number| number.total_cmp(&(value + 0.0)))
                        .is_ok()
                        == inside
            },
        ))
    }

    fn whole<T: ArrowPrimitiveType>(
        &self,
        values: &[T::Native],
        valid: Option<&NullBuffer>,
        inside: bool,
    ) -> BooleanBuffer
    where
        T::Native: TryFrom<i64> + Ord,
    {
        let reals = self
            .reals
            .iter()
            .filter(|real| real.fract() == 0.0)
            .map(|&real| real as i64);
        let all = self.integers.iter().copied().chain(reals);
        let mut numbers: Vec<T::Native> = all.filter_map(|whole| T::Native::try_from(whole).ok()).collect();
        numbers.sort_unstable();
        if numbers.len() <= FEW {
            return collect_values(values, valid, |value| numbers.contains(&value) == inside);
        }
        collect_values(values, valid, |value| {
            numbers.binary_search(&value).is_ok() == inside
        })
    }
}

/// The rows in which a comparison of two columns does not hold. A null or NaN compares with nothing.
fn compare(name: &str, a: &ArrayRef, b: &ArrayRef, comparison: Comparison) -> Result<BooleanBuffer> {
    let valid = NullBuffer::union(a.logical_nulls().as_ref(), b.logical_nulls().as_ref());
    let valid = valid.as_ref();
    if let (Some(a), Some(b)) = (ticks(a), ticks(b))
        && a.0 == b.0
    {
        return Ok(collect(a.1.len(), valid, |row| {
            !comparison.holds(&a.1[row], &b.1[row])
        }));
    }
    if Kind::of(name, a.data_type())? == Kind::Number {
        let (a, b) = (as_f64(name, a)?, as_f64(name, b)?);
        let (a, b) = (a.as_primitive::<Float64Type>(), b.as_primitive::<Float64Type>());
        return Ok(collect(a.len(), valid, |row| {
            let (a, b) = (a.value(row), b.value(row));
            !a.is_nan() && !b.is_nan() && !comparison.holds(&a, &b)
        }));
    }
    let text = |array: &ArrayRef| arrow_cast::cast(array, &DataType::Utf8View);
    let (a, b) = (text(a)?, text(b)?);
    let (a, b) = (a.as_string_view(), b.as_string_view());
    Ok(collect(a.len(), valid, |row| {
        !comparison.holds(a.value(row), b.value(row))
    }))
}

/// Whole numbers and times as integers with their unit, which must agree for a comparison.
pub(crate) fn ticks(array: &ArrayRef) -> Option<(Option<TimeUnit>, Vec<i64>)> {
    macro_rules! first_of {
        ($($arrow:ty => $unit:expr),+) => {
            $(if let Some(array) = array.as_primitive_opt::<$arrow>() {
                return Some(($unit, array.values().iter().map(|&value| i64::from(value)).collect()));
            })+
        };
    }
    first_of!(
        Int64Type => None, Int32Type => None, Int16Type => None, Int8Type => None, UInt32Type => None,
        UInt16Type => None, UInt8Type => None,
        TimestampSecondType => Some(TimeUnit::Second), TimestampMillisecondType => Some(TimeUnit::Millisecond),
        TimestampMicrosecondType => Some(TimeUnit::Microsecond),
        TimestampNanosecondType => Some(TimeUnit::Nanosecond)
    );
    None
}

impl Comparison {
    fn holds<T: PartialOrd + ?Sized>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Less => a < b,
            Self::LessOrEqual => a <= b,
            Self::Equal => a == b,
            Self::NotEqual => a != b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        FixedSizeListArray, Float64Array, Int8Array, ListArray, StringArray, TimestampMillisecondArray,
    };

    fn broken(test: &Test, array: impl Array + 'static) -> Vec<usize> {
        let array: ArrayRef = Arc::new(array);
        test.broken("x", &array).unwrap().set_indices().collect()
    }

    fn range(minimum: Option<(Limit, bool)>, maximum: Option<(Limit, bool)>) -> Test {
        Test::Range(Range { minimum, maximum })
    }

    #[test]
    fn whole_numbers_are_compared_exactly_with_any_bound() {
        let values = || Int8Array::from(vec![Some(-128), Some(0), None, Some(127)]);
        let inside = |low, high| broken(&range(Some((low, true)), Some((high, true))), values());
        assert_eq!(inside(Limit::Integer(-128), Limit::Integer(127)), [0_usize; 0]);
        assert_eq!(inside(Limit::Real(-127.5), Limit::Real(126.5)), [0, 3]);
        assert_eq!(inside(Limit::Integer(-1000), Limit::Integer(1000)), [0_usize; 0]);
        assert_eq!(inside(Limit::Integer(1000), Limit::Integer(2000)), [0, 1, 3]);
        assert_eq!(
            broken(&range(Some((Limit::Integer(0), false)), None), values()),
            [0, 1]
        );
        assert_eq!(
            inside(Limit::Real(f64::NEG_INFINITY), Limit::Real(f64::INFINITY)),
            [0_usize; 0]
        );
    }

    #[test]
    fn an_instant_is_compared_in_the_unit_of_the_column() {
        let values = TimestampMillisecondArray::from(vec![-2, -1, 0, 1]);
        // -1.5 ms: the first tick inside is -1.
        let test = range(
            Some((Limit::Micros(-1_500), true)),
            Some((Limit::Micros(500), true)),
        );
        assert_eq!(broken(&test, values), [0, 3]);
    }

    #[test]
    fn nan_breaks_no_bound_and_infinity_does() {
        let values = Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0]);
        let test = range(Some((Limit::Real(0.0), true)), Some((Limit::Real(1.0), true)));
        assert_eq!(broken(&test, values.clone()), [1, 2]);
        assert_eq!(broken(&Test::Finite, values), [0, 1, 2]);
    }

    #[test]
    fn a_null_breaks_nothing_but_not_null() {
        let texts = || StringArray::from(vec![Some("a"), None, Some("")]);
        let vocabulary = Vocabulary {
            strings: vec![String::new()],
            ..Vocabulary::default()
        };
        assert_eq!(broken(&Test::NotNull, texts()), [1]);
        assert_eq!(broken(&Test::Null, texts()), [0, 2]);
        assert_eq!(broken(&Test::Within(vocabulary.clone()), texts()), [0]);
        assert_eq!(broken(&Test::Without(vocabulary.clone()), texts()), [2]);
        assert_eq!(broken(&Test::Present(vocabulary), texts()), [1, 2]);
    }

    fn lists(values: &[Option<Vec<Option<i64>>>]) -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(values.to_vec()))
    }

    /// The rows in which an item breaks a rule over columns of these names, and how many it was asked of.
    fn broken_items(rule: &RowRule, columns: [(&str, ArrayRef); 2]) -> (Vec<usize>, u64) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        rule.fits(batch.schema_ref()).unwrap();
        let (broken, asked) = rule.broken(&batch).unwrap();
        (broken.set_indices().collect(), asked)
    }

    #[test]
    fn a_list_breaks_a_rule_that_one_of_its_items_breaks() {
        let values = [
            Some(vec![Some(1), Some(9)]),
            None,
            Some(vec![]),
            Some(vec![None]),
            Some(vec![Some(1)]),
        ];
        let of_items = |test: Test| RowRule {
            items: vec!["x".to_owned()],
            ..RowRule::of(&["x".to_owned()], test)
        };
        let rows: ArrayRef = Arc::new(Int8Array::from(vec![0; 5]));
        let found = |test: Test, from: usize, count: usize| {
            let columns = [
                ("x", lists(&values).slice(from, count)),
                ("y", rows.slice(0, count)),
            ];
            broken_items(&of_items(test), columns).0
        };
        let small = || range(None, Some((Limit::Integer(5), true)));
        assert_eq!(found(small(), 0, 5), [0]);
        assert_eq!(found(Test::NotNull, 0, 5), [3]);
        assert_eq!(found(small(), 1, 4), [0_usize; 0]);
        assert_eq!(found(Test::NotNull, 2, 2), [1]);
        let pairs = FixedSizeListArray::from_iter_primitive::<Int64Type, _, _>(
            [Some(vec![Some(1), Some(2)]), None, Some(vec![Some(3), Some(9)])],
            2,
        );
        let pairs: ArrayRef = Arc::new(pairs.slice(1, 2));
        assert_eq!(
            broken_items(&of_items(small()), [("x", pairs), ("y", rows.slice(0, 2))]).0,
            [1]
        );
        let schema = |data_type| Schema::new(vec![arrow_schema::Field::new("x", data_type, true)]);
        let numbers = || DataType::new_list(DataType::Int64, true);
        assert!(of_items(small()).fits(&schema(numbers())).is_ok());
        assert!(of_items(small()).fits(&schema(DataType::Int64)).is_err());
        assert!(
            of_items(Test::Reads(Literal::Date))
                .fits(&schema(numbers()))
                .is_err()
        );
    }

    #[test]
    fn items_are_compared_side_by_side_and_with_their_row() {
        let left = lists(&[Some(vec![Some(1), Some(5)]), None, Some(vec![Some(3), None])]);
        let right = || lists(&[Some(vec![Some(2), Some(4)]), None, Some(vec![Some(1), Some(1)])]);
        let names = ["x".to_owned(), "y".to_owned()];
        let ordered = RowRule {
            items: names.to_vec(),
            ..RowRule::of(&names, Test::Compare(Comparison::LessOrEqual))
        };
        assert_eq!(
            broken_items(&ordered, [("x", Arc::clone(&left)), ("y", right())]),
            (vec![0, 2], 3)
        );
        let batch = RecordBatch::try_from_iter([("x", Arc::clone(&left)), ("y", right())]).unwrap();
        assert_eq!(ordered.example(&batch, 0), "item 1: 5, 4");
        // Asked of the rows with an item that meets the condition.
        let large = Predicate {
            columns: vec!["y".to_owned()],
            test: range(Some((Limit::Integer(3), true)), None),
        };
        let rule = RowRule {
            when: vec![large],
            ..ordered.clone()
        };
        assert_eq!(
            broken_items(&rule, [("x", Arc::clone(&left)), ("y", right())]),
            (vec![0], 1)
        );
        let of_row = RowRule {
            items: vec!["x".to_owned()],
            ..ordered.clone()
        };
        let bounds: ArrayRef = Arc::new(Int8Array::from(vec![5, 0, 2]));
        assert_eq!(
            broken_items(&of_row, [("x", Arc::clone(&left)), ("y", bounds)]),
            (vec![2], 3)
        );
        let other = lists(&[Some(vec![Some(2)]), None, None]);
        let batch = RecordBatch::try_from_iter([("x", left), ("y", other)]).unwrap();
        assert!(
            ordered
                .broken(&batch)
                .unwrap_err()
                .to_string()
                .contains("other lengths")
        );
    }

    #[test]
    fn the_items_of_a_list_may_have_to_differ_or_to_come_in_order() {
        let lists = [
            Some(vec![Some(1), None, Some(3), Some(3)]),
            None,
            Some(vec![]),
            Some(vec![Some(4), Some(2), None, None]),
            Some(vec![Some(2), Some(5), None]),
            Some(vec![Some(9)]),
        ];
        let list = || ListArray::from_iter_primitive::<Int64Type, _, _>(lists.clone());
        let increasing = |strict| {
            let descending = false;
            Test::OrderedItems(Direction { descending, strict })
        };
        assert_eq!(broken(&Test::UniqueItems, list()), [0, 3]);
        assert_eq!(broken(&Test::UniqueItems, list().slice(1, 4)), [2]);
        assert_eq!(broken(&increasing(false), list()), [3]);
        assert_eq!(broken(&increasing(true), list()), [0, 3]);
        assert_eq!(broken(&increasing(true), list().slice(3, 3)), [0]);
        let texts = DataType::new_list(DataType::Utf8, true);
        assert!(Test::UniqueItems.takes("x", &texts).is_ok());
        assert!(increasing(true).takes("x", &texts).is_err());
        assert!(Test::UniqueItems.takes("x", &DataType::Int64).is_err());
    }

    #[test]
    fn what_stands_behind_a_null_is_no_item() {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]));
        let field = Arc::new(arrow_schema::Field::new("item", DataType::Float64, true));
        let offsets = arrow_buffer::OffsetBuffer::new(vec![0, 1, 3, 4].into());
        let nulls = Some(NullBuffer::from(vec![true, false, true]));
        let lists: ArrayRef = Arc::new(ListArray::new(field, offsets, values, nulls));
        let flat = |lists: ArrayRef| {
            flat("x", &lists)
                .unwrap()
                .as_primitive::<Float64Type>()
                .values()
                .to_vec()
        };
        assert_eq!(flat(Arc::clone(&lists)), [1.0, 4.0]);
        assert_eq!(flat(lists.slice(2, 1)), [4.0]);
        assert_eq!(flat(lists.slice(1, 1)), [0.0; 0]);
    }

    #[test]
    fn a_test_that_does_not_fit_is_refused() {
        let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        let pattern = Test::Pattern(Regex::new("a").unwrap());
        assert!(pattern.broken("x", &array).is_err());
        assert!(pattern.takes("x", array.data_type()).is_err());
    }
}
