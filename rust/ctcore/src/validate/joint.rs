//! How often a feature's values meet a label's, day by day: a state of bounded size that merges exactly.
//!
//! Values are keys of 64 bits: of a number its order key, so that keys which share their first bits are neighbours;
//! of a category a hash, so that they are anything. Where there are more different keys than fit, the last bit is
//! dropped of all of them, and again until they do. A key's first bits follow from the key alone: so many bits as the
//! whole has to drop are never fewer than a part had to, and parts that dropped fewer can still drop the rest. The
//! counts of parts therefore add up to exactly those of the whole, for any parts in any order.

use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, ListArray, PrimitiveArray, RecordBatch, UInt32Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_cast::cast;
use arrow_schema::{DataType, Field};
use siphasher::sip::SipHasher13;

use crate::column::{Kind, as_f64, codes};
use crate::num::{CHUNK, from_order_key, order_key};
use crate::rank::Sorted;
use crate::{Error, Result, par};

/// Different values of a feature that are told apart.
const VALUES: usize = 4_096;
/// Different values of a label that are told apart.
const LABELS: usize = 256;
/// No value: no key of a number or category, whatever is dropped of them.
const MISSING: u64 = u64::MAX;

/// The first bits of a key.
fn shortened(key: u64, dropped: u32) -> u64 {
    if key == MISSING {
        key
    } else {
        key & (u64::MAX << dropped)
    }
}

/// The value nearest to zero of those whose order key begins so: whole numbers that are told apart are themselves.
fn value(key: u64, dropped: u32) -> f64 {
    let negative = key < order_key(0.0);
    from_order_key(if negative {
        key | !(u64::MAX << dropped)
    } else {
        key
    })
}

/// The fewest bits to drop of ascending keys so that at most `limit` different ones are left, at least `dropped`.
fn to_drop(keys: impl Iterator<Item = u64>, limit: usize, dropped: u32) -> u32 {
    // Two neighbours are told apart until their highest differing bit is dropped.
    let mut apart = [0_usize; 64];
    let mut before = None;
    for key in keys.filter(|&key| key != MISSING) {
        if let Some(before) = before.replace(key)
            && before != key
        {
            apart[(before ^ key).ilog2() as usize] += 1;
        }
    }
    let mut different = 1 + apart.iter().sum::<usize>();
    let mut bits = 0;
    while different > limit || bits < dropped {
        different -= apart[bits as usize];
        bits += 1;
    }
    bits
}

/// The different keys that are left of ascending ones.
fn different(keys: impl Iterator<Item = u64>, dropped: u32) -> Vec<u64> {
    let mut left: Vec<u64> = keys.map(|key| shortened(key, dropped)).collect();
    left.dedup();
    left
}

/// Rows with their day, their label and the half that they are in: what every feature is counted by.
pub struct Labelled {
    /// The place of each row among `places`.
    rows: Vec<u32>,
    places: Vec<Place>,
    days: Vec<i32>,
    labels: Vec<u64>,
    label_dropped: u32,
}

/// A day and a label by their numbers, and a half.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    day: usize,
    label: usize,
    half: usize,
}

impl Labelled {
    /// Puts rows in their places. The halves are drawn anew on each day, by the row's number on it, so that they do
    /// not depend on the days before.
    ///
    /// # Errors
    /// [`Error::Argument`] for a label that is not finite, or where lengths differ.
    pub fn of(label: &[f64], day: &[i32]) -> Result<Self> {
        if label.len() != day.len() {
            let message = format!("has {} rows, the days are {}", label.len(), day.len());
            return Err(Error::argument("label", message));
        }
        if let Some(row) = label.iter().position(|value| !value.is_finite()) {
            return Err(Error::argument(
                "label",
                format!("must be finite, found {} in row {row}", label[row]),
            ));
        }
        let sorted = Sorted::new(label);
        let sorted = || sorted.keys().iter().copied();
        let label_dropped = to_drop(sorted(), LABELS, 0);
        let labels = different(sorted(), label_dropped);
        let mut days = day.to_vec();
        days.sort_unstable();
        days.dedup();
        let mut on_day = vec![0_u64; days.len()];
        let mut places = Vec::new();
        let mut known: HashMap<Place, u32> = HashMap::new();
        let mut last = 0;
        let rows = label.iter().zip(day).map(|(&label, &day)| {
            if days[last] != day {
                last = number(&days, &day); // rows of a day mostly follow each other
            }
            let place = Place {
                day: last,
                label: number(&labels, &shortened(order_key(label), label_dropped)),
                half: half(day, on_day[last]),
            };
            on_day[last] += 1;
            *known.entry(place).or_insert_with(|| {
                places.push(place);
                places.len() as u32 - 1
            })
        });
        Ok(Self {
            rows: rows.collect(),
            places,
            days,
            labels,
            label_dropped,
        })
    }

    /// Counts a feature.
    ///
    /// # Errors
    /// [`Error::Type`] for a column that is neither numbers nor categories, [`Error::Argument`] where it has not as
    /// many rows.
    pub fn count(&self, name: &str, chunks: &[ArrayRef]) -> Result<Joint> {
        let length: usize = chunks.iter().map(Array::len).sum();
        if length != self.rows.len() {
            let message = format!("{name} has {length} rows, the label has {}", self.rows.len());
            return Err(Error::argument("label", message));
        }
        let (ordered, mut keys) = keys(name, chunks)?;
        let sorted = Sorted::from_keys(&keys);
        let dropped = to_drop(sorted.keys().iter().copied(), VALUES, 0);
        let values = different(sorted.keys().iter().copied(), dropped);
        drop(sorted);
        let mut joint = Joint {
            ordered,
            dropped,
            label_dropped: self.label_dropped,
            days: self.days.clone(),
            values,
            labels: self.labels.clone(),
            counts: Vec::new(),
        };
        // Each key becomes the number of its cell, twice over for the halves.
        par::each(
            self.rows.chunks(CHUNK).zip(keys.chunks_mut(CHUNK)).collect(),
            |(rows, keys)| {
                for (&row, key) in rows.iter().zip(keys) {
                    let Place { day, label, half } = self.places[row as usize];
                    let cell = joint.cell(day, number(&joint.values, &shortened(*key, dropped)), label);
                    *key = 2 * cell + half as u64;
                }
            },
        );
        par::sort(&mut keys);
        let counted = keys.chunk_by(|a, b| a == b).map(|same| {
            let mut rows = [0, 0];
            rows[(same[0] % 2) as usize] = same.len();
            (same[0] / 2, rows)
        });
        joint.counts = summed(counted)?;
        Ok(joint)
    }
}

/// The place of what is there in ascending order.
fn number<T: Ord>(ascending: &[T], one: &T) -> usize {
    ascending.partition_point(|each| each < one)
}

/// Whether the values of a column have an order, and the key of each row.
fn keys(name: &str, chunks: &[ArrayRef]) -> Result<(bool, Vec<u64>)> {
    let kind = match chunks.first() {
        Some(array) => Kind::of(name, array.data_type())?,
        None => Kind::Number,
    };
    let pieces: Vec<ArrayRef> = chunks
        .iter()
        .flat_map(|array| {
            (0..array.len())
                .step_by(CHUNK)
                .map(|start| array.slice(start, CHUNK.min(array.len() - start)))
        })
        .collect();
    let parts = par::map(pieces.len(), |i| match kind {
        Kind::Number => number_keys(name, &pieces[i]),
        Kind::Category => category_keys(&pieces[i]),
    });
    let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
    Ok((kind == Kind::Number, parts.concat()))
}

fn number_keys(name: &str, chunk: &dyn Array) -> Result<Vec<u64>> {
    let numbers = as_f64(name, chunk)?;
    let key = |value: Option<f64>| value.filter(|value| !value.is_nan()).map_or(MISSING, order_key);
    Ok(numbers.as_primitive::<Float64Type>().iter().map(key).collect())
}

fn category_keys(chunk: &dyn Array) -> Result<Vec<u64>> {
    let Some(dictionary) = chunk.as_any_dictionary_opt() else {
        let texts = cast(chunk, &DataType::Utf8View)?;
        let key = |text: Option<&str>| text.map_or(MISSING, category_key);
        return Ok(texts.as_string_view().iter().map(key).collect());
    };
    let words = category_keys(dictionary.values())?;
    let keys = dictionary.keys();
    let key = |(row, code): (usize, usize)| if keys.is_valid(row) { words[code] } else { MISSING };
    Ok(codes(dictionary).into_iter().enumerate().map(key).collect())
}

fn category_key(text: &str) -> u64 {
    SipHasher13::new().hash(text.as_bytes()) >> 1
}

/// Half of a day's rows, by a hash of the row's number: neither alternating nor in blocks.
fn half(day: i32, number: u64) -> usize {
    let mut hasher = SipHasher13::new();
    hasher.write_i32(day);
    hasher.write_u64(number);
    (hasher.finish() & 1) as usize
}

/// The rows of one day that have one value and one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    cell: u64,
    /// Of each half.
    rows: [u32; 2],
}

/// Puts counts of ascending cells together.
fn summed(counts: impl Iterator<Item = (u64, [usize; 2])>) -> Result<Vec<Count>> {
    let mut kept: Vec<Count> = Vec::new();
    for (cell, rows) in counts {
        let before = kept
            .pop_if(|last| last.cell == cell)
            .map_or([0, 0], |last| last.rows);
        let mut both = [0, 0];
        for (sum, (before, rows)) in both.iter_mut().zip(before.into_iter().zip(rows)) {
            let message =
                "more than 2^32 - 1 rows of one day have one value and one label; count parts of it";
            *sum = u32::try_from(before as usize + rows).map_err(|_| Error::argument("rows", message))?;
        }
        kept.push(Count { cell, rows: both });
    }
    Ok(kept)
}

/// How often a feature's values meet a label's, day by day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joint {
    /// Whether the feature's values have an order.
    pub(super) ordered: bool,
    dropped: u32,
    label_dropped: u32,
    /// All days, keys of values and keys of labels, ascending.
    days: Vec<i32>,
    values: Vec<u64>,
    labels: Vec<u64>,
    /// In the order of days, values, labels.
    counts: Vec<Count>,
}

/// The rows of one day that have one value and one label, each by its number.
pub(super) struct Cell {
    pub(super) day: usize,
    pub(super) value: usize,
    pub(super) label: usize,
    /// Of each half.
    pub(super) rows: [u64; 2],
}

impl Joint {
    fn cell(&self, day: usize, value: usize, label: usize) -> u64 {
        ((day * self.values.len() + value) * self.labels.len() + label) as u64
    }

    /// The counts that are not 0.
    pub(super) fn cells(&self) -> impl Iterator<Item = Cell> {
        let (values, labels) = (self.values.len() as u64, self.labels.len() as u64);
        self.counts.iter().map(move |count| Cell {
            day: (count.cell / labels / values) as usize,
            value: (count.cell / labels % values) as usize,
            label: (count.cell % labels) as usize,
            rows: count.rows.map(u64::from),
        })
    }

    /// The days.
    pub(super) fn days(&self) -> &[i32] {
        &self.days
    }

    /// The values of numbers, or anything that tells categories apart; `None` for rows without one, the last.
    pub(super) fn values(&self) -> impl Iterator<Item = Option<f64>> {
        let known = self.values.iter().map(|&key| (key != MISSING).then_some(key));
        known.map(|key| {
            key.map(|key| {
                if self.ordered {
                    value(key, self.dropped)
                } else {
                    0.0
                }
            })
        })
    }

    /// The labels.
    pub(super) fn labels(&self) -> impl Iterator<Item = f64> {
        self.labels.iter().map(|&key| value(key, self.label_dropped))
    }

    /// The counts of all rows of some parts.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no part; [`Error::Type`] where one part's values are numbers, another's
    /// categories.
    pub fn merge(name: &str, parts: &[Self]) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(Error::argument("parts", "must be at least 1"));
        };
        // Where nothing is, it may be of any kind.
        let holds = |part: &&Self| part.values.iter().any(|&key| key != MISSING);
        let ordered = parts.iter().find(holds).unwrap_or(first).ordered;
        if parts.iter().filter(holds).any(|part| part.ordered != ordered) {
            return Err(Error::Type {
                name: name.to_owned(),
                message: "some parts hold numbers, others categories".to_owned(),
            });
        }
        let keys = |of: fn(&Self) -> (&Vec<u64>, u32), limit| {
            let most = parts.iter().map(|part| of(part).1).max().unwrap_or(0);
            let mut keys: Vec<u64> = parts.iter().flat_map(|part| of(part).0).copied().collect();
            for key in &mut keys {
                *key = shortened(*key, most);
            }
            keys.sort_unstable();
            let dropped = to_drop(keys.iter().copied(), limit, most);
            (different(keys.into_iter(), dropped), dropped)
        };
        let (values, dropped) = keys(|part| (&part.values, part.dropped), VALUES);
        let (labels, label_dropped) = keys(|part| (&part.labels, part.label_dropped), LABELS);
        let mut days: Vec<i32> = parts.iter().flat_map(|part| &part.days).copied().collect();
        days.sort_unstable();
        days.dedup();
        let mut whole = Self {
            ordered,
            dropped,
            label_dropped,
            days,
            values,
            labels,
            counts: Vec::new(),
        };
        let mut counts: Vec<(u64, [usize; 2])> = Vec::new();
        for part in parts {
            let day: Vec<usize> = part.days.iter().map(|day| number(&whole.days, day)).collect();
            let value = numbers(&part.values, &whole.values, dropped);
            let label = numbers(&part.labels, &whole.labels, label_dropped);
            counts.extend(part.cells().map(|cell| {
                let place = whole.cell(day[cell.day], value[cell.value], label[cell.label]);
                (place, cell.rows.map(|rows| rows as usize))
            }));
        }
        par::sort(&mut counts);
        whole.counts = summed(counts.into_iter())?;
        Ok(whole)
    }

    /// The counts as a record batch of one row, which [`Joint::of_batch`] reads.
    ///
    /// # Errors
    /// None that counts could cause.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        let rows = |half: usize| -> Vec<u32> { self.counts.iter().map(|count| count.rows[half]).collect() };
        let cells: Vec<u64> = self.counts.iter().map(|count| count.cell).collect();
        Ok(RecordBatch::try_from_iter([
            (
                "ordered",
                Arc::new(BooleanArray::from(vec![self.ordered])) as ArrayRef,
            ),
            ("dropped", Arc::new(UInt32Array::from(vec![self.dropped]))),
            (
                "label_dropped",
                Arc::new(UInt32Array::from(vec![self.label_dropped])),
            ),
            ("days", listed::<Int32Type>(self.days.clone())?),
            ("values", listed::<UInt64Type>(self.values.clone())?),
            ("labels", listed::<UInt64Type>(self.labels.clone())?),
            ("cells", listed::<UInt64Type>(cells)?),
            ("first", listed::<UInt32Type>(rows(0))?),
            ("second", listed::<UInt32Type>(rows(1))?),
        ])?)
    }

    /// Reads what [`Joint::to_batch`] gave.
    ///
    /// # Errors
    /// [`Error::Argument`] for another record batch.
    pub fn of_batch(batch: &RecordBatch) -> Result<Self> {
        Self::read(batch).ok_or_else(|| Error::argument("batch", "holds no counts of a feature and a label"))
    }

    fn read(batch: &RecordBatch) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name).filter(|column| column.len() == 1);
        let bits = |name: &str| {
            let bits = column(name)?.as_primitive_opt::<UInt32Type>()?.value(0);
            (bits < 64).then_some(bits)
        };
        let cells = unlisted::<UInt64Type>(column("cells")?)?;
        let (first, second) = (
            unlisted::<UInt32Type>(column("first")?)?,
            unlisted::<UInt32Type>(column("second")?)?,
        );
        let counts = cells.iter().zip(first.iter().zip(&second));
        let joint = Self {
            ordered: column("ordered")?.as_boolean_opt()?.value(0),
            dropped: bits("dropped")?,
            label_dropped: bits("label_dropped")?,
            days: unlisted::<Int32Type>(column("days")?)?,
            values: unlisted::<UInt64Type>(column("values")?)?,
            labels: unlisted::<UInt64Type>(column("labels")?)?,
            counts: counts
                .map(|(&cell, (&first, &second))| Count {
                    cell,
                    rows: [first, second],
                })
                .collect(),
        };
        let ascend = joint.days.is_sorted_by(|a, b| a < b)
            && joint.values.is_sorted_by(|a, b| a < b)
            && joint.labels.is_sorted_by(|a, b| a < b)
            && cells.is_sorted_by(|a, b| a < b);
        let inside = cells
            .last()
            .is_none_or(|&last| last < joint.cell(joint.days.len(), 0, 0));
        let whole = cells.len() == first.len() && cells.len() == second.len();
        (ascend && inside && whole).then_some(joint)
    }
}

/// The number of each of a part's keys among those of the whole.
fn numbers(part: &[u64], whole: &[u64], dropped: u32) -> Vec<usize> {
    let places = part.iter().map(|&key| number(whole, &shortened(key, dropped)));
    places.collect()
}

fn listed<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> Result<ArrayRef> {
    let values = PrimitiveArray::<T>::from_iter_values(values);
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let field = Arc::new(Field::new_list_field(T::DATA_TYPE, false));
    Ok(Arc::new(ListArray::try_new(
        field,
        offsets,
        Arc::new(values),
        None,
    )?))
}

fn unlisted<T: ArrowPrimitiveType>(column: &ArrayRef) -> Option<Vec<T::Native>> {
    let list = column.as_list_opt::<i32>()?.value(0);
    let values = list.as_primitive_opt::<T>()?;
    (values.null_count() == 0).then(|| values.values().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{DictionaryArray, Float64Array, StringArray};
    use proptest::prelude::*;

    fn joint(values: &[Option<f64>], label: &[f64], day: &[i32]) -> Joint {
        let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        Labelled::of(label, day).unwrap().count("x", &[column]).unwrap()
    }

    fn texts(values: &[String], day: &[i32]) -> Joint {
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(values));
        let label = vec![0.0; day.len()];
        Labelled::of(&label, day).unwrap().count("x", &[column]).unwrap()
    }

    fn any_number() -> impl Strategy<Value = Option<f64>> {
        prop_oneof![
            8 => any::<f64>().prop_map(Some),
            4 => (-9..9_i32).prop_map(|whole| Some(f64::from(whole))),
            1 => Just(Some(f64::INFINITY)),
            1 => Just(Some(f64::NEG_INFINITY)),
            1 => Just(None),
        ]
    }

    proptest! {
        /// Enough different values and labels that both must be put together; days in any parts, in any order.
        #[test]
        fn parts_of_whole_days_add_up_to_the_whole(
            rows in prop::collection::vec((any_number(), -1e6..1e6_f64, 0..6_i32), 1..30),
            many in prop::collection::vec(any::<u64>(), 0..3),
            part_of_day in prop::collection::vec(0..3_usize, 6),
        ) {
            let mut rows = rows;
            for seed in many {
                let stream = crate::resample::Stream::new(seed, 0);
                rows.extend((0..2_500).map(|row| {
                    let day = (stream.uniform(row) * 6.0) as i32;
                    (Some(stream.uniform(9_000 + row) - 0.3), (stream.uniform(row) * 400.0).floor(), day)
                }));
            }
            let of = |wanted: &dyn Fn(i32) -> bool| {
                let rows: Vec<_> = rows.iter().filter(|row| wanted(row.2)).collect();
                let values: Vec<_> = rows.iter().map(|row| row.0).collect();
                let label: Vec<_> = rows.iter().map(|row| row.1).collect();
                let day: Vec<_> = rows.iter().map(|row| row.2).collect();
                joint(&values, &label, &day)
            };
            let whole = of(&|_| true);
            let parts = [2, 0, 1].map(|part| of(&|day| part_of_day[day as usize] == part));
            let stored = parts.map(|part| Joint::of_batch(&part.to_batch().unwrap()).unwrap());
            let [a, b, c] = stored;
            let nested = Joint::merge("x", &[a.clone(), Joint::merge("x", &[b.clone(), c.clone()]).unwrap()]);
            prop_assert_eq!(&whole, &Joint::merge("x", &[a, b, c]).unwrap());
            prop_assert_eq!(&whole, &nested.unwrap());
            let counted: u64 = whole.cells().map(|cell| cell.rows[0] + cell.rows[1]).sum();
            prop_assert_eq!(counted as usize, rows.len());
        }

        #[test]
        fn a_shortened_number_is_near_and_no_farther_from_zero(number in any::<f64>(), dropped in 0..=52_u32) {
            prop_assume!(!number.is_nan());
            let near = value(shortened(order_key(number), dropped), dropped);
            if number.is_infinite() {
                prop_assert_eq!(near, number);
            } else {
                prop_assert!(near.abs() <= number.abs() && (near == 0.0 || near.signum() == number.signum()));
                let apart = 2_f64.powi(dropped as i32 - 52) * number.abs().max(f64::MIN_POSITIVE);
                prop_assert!((near - number).abs() <= apart, "{near} for {number}");
            }
        }
    }

    #[test]
    fn few_values_are_kept_as_they_are_and_many_by_their_first_bits() {
        let few: Vec<_> = (0..9_000).map(|row| Some(f64::from(row % 4_096) / 7.0)).collect();
        let zeros = vec![0.0; 9_000];
        let days = vec![0; 9_000];
        let found = joint(&few, &zeros, &days);
        assert_eq!((found.dropped, found.counts.len()), (0, 4_096));
        let many: Vec<_> = (0..9_000)
            .map(|row| Some(1.0 + f64::from(row) / 9_000.0))
            .collect();
        let found = joint(&many, &zeros, &days);
        // 4,096 cells between 1 and 2 are 12 bits of a fraction of 52.
        assert_eq!((found.dropped, found.counts.len()), (40, 4_096));
        assert_eq!(found.values().nth(1), Some(Some(1.0 + 1.0 / 4_096.0)));
    }

    #[test]
    fn as_many_cells_as_there_are_magnitudes_hold_every_number() {
        let every = (-1_100..1_023).flat_map(|power| {
            let number = 2_f64.powi(power) * 1.7;
            [Some(number), Some(-number), Some(0.0)]
        });
        let every: Vec<_> = every
            .chain([Some(f64::INFINITY), Some(f64::NEG_INFINITY)])
            .collect();
        let found = joint(&every, &vec![0.0; every.len()], &vec![0; every.len()]);
        assert!(
            found.dropped <= 52 && found.counts.len() <= VALUES,
            "{}",
            found.dropped
        );
        let ends = (found.values().next().flatten(), found.values().last().flatten());
        assert_eq!(ends, (Some(f64::NEG_INFINITY), Some(f64::INFINITY)));
    }

    #[test]
    fn texts_and_dictionaries_of_them_are_one_and_too_many_are_put_together() {
        let words: Vec<String> = (0..10_000).map(|row| format!("word {row}")).collect();
        let days = vec![7; words.len()];
        let found = texts(&words, &days);
        assert!(found.counts.len() > VALUES / 3 && found.counts.len() <= VALUES);
        let coded: DictionaryArray<Int32Type> = words.iter().map(|word| Some(word.as_str())).collect();
        let label = vec![0.0; words.len()];
        let coded = Labelled::of(&label, &days)
            .unwrap()
            .count("x", &[Arc::new(coded)])
            .unwrap();
        assert_eq!(coded, found);
    }

    #[test]
    fn what_cannot_be_counted_or_merged_is_an_error() {
        assert!(Labelled::of(&[1.0, f64::NAN], &[0, 0]).is_err());
        assert!(Labelled::of(&[1.0], &[0, 0]).is_err());
        let column: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        assert!(
            Labelled::of(&[1.0, 2.0], &[0, 0])
                .unwrap()
                .count("x", &[column])
                .is_err()
        );
        let (numbers, words) = (joint(&[Some(1.0)], &[0.0], &[0]), texts(&["a".to_owned()], &[0]));
        assert!(Joint::merge("x", &[numbers.clone(), words.clone()]).is_err());
        let nothing = joint(&[None], &[0.0], &[1]);
        assert!(!Joint::merge("x", &[nothing, words]).unwrap().ordered);
        assert!(Joint::merge("x", &[]).is_err());
        let batch = numbers.to_batch().unwrap();
        assert_eq!(Joint::of_batch(&batch).unwrap(), numbers);
        assert!(Joint::of_batch(&batch.project(&[0, 1]).unwrap()).is_err());
        let beyond = Joint {
            counts: vec![Count {
                cell: 1,
                rows: [1, 1],
            }],
            ..numbers
        };
        assert!(Joint::of_batch(&beyond.to_batch().unwrap()).is_err());
    }
}
