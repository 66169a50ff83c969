//! How often each key occurs: tables in ascending order of keys, which merge.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Peekable;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::validate::keys::{EXAMPLES, KeyFacts, KeyedRow};
use crate::{Error, Result, par};

/// Rows that are kept of a key: its first, and the first that repeat it.
const ROWS: usize = EXAMPLES + 1;
/// Keys in a batch of a table.
const BATCH: usize = 1 << 16;

/// How often a key occurs, and where first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCount {
    /// The key.
    pub key: u128,
    /// Rows that have it, at least 1.
    pub count: u64,
    /// The first of them in ascending order; nothing beyond `count`.
    rows: [u64; ROWS],
}

impl KeyCount {
    /// Some rows of one key, in ascending order.
    pub(crate) fn of(group: &[KeyedRow]) -> Self {
        let mut rows = [0; ROWS];
        for (place, row) in rows.iter_mut().zip(group) {
            *place = row.row;
        }
        Self {
            key: group.first().map_or(0, KeyedRow::key),
            count: group.len() as u64,
            rows,
        }
    }

    /// The first rows that have the key.
    pub fn rows(&self) -> &[u64] {
        &self.rows[..ROWS.min(self.count as usize)]
    }

    /// Adds rows of the same key that follow.
    fn merge(&mut self, later: &Self) {
        let known = self.rows().len();
        for (place, &row) in self.rows[known..].iter_mut().zip(later.rows()) {
            *place = row;
        }
        self.count = self.count.saturating_add(later.count);
    }

    /// The same rows where `before` others precede them.
    fn after(mut self, before: u64) -> Self {
        let known = self.rows().len();
        for row in &mut self.rows[..known] {
            *row = row.saturating_add(before);
        }
        self
    }
}

/// A table of keys, a part after the other.
pub type Table = Box<dyn Iterator<Item = Result<Vec<KeyCount>>> + Send>;

/// The facts of a table of keys.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    facts: KeyFacts,
    /// The sum of `n ln n` over the keys' counts.
    logs: f64,
    repeated: Vec<u128>,
}

impl Tally {
    pub(crate) fn add(&mut self, each: &KeyCount) {
        let facts = &mut self.facts;
        facts.keyed += each.count;
        facts.distinct += 1;
        let Some((first, repeats)) = each.rows().split_first().filter(|_| each.count > 1) else {
            facts.once += 1;
            return;
        };
        let count = each.count as f64;
        self.logs += count * count.ln();
        self.repeated.push(each.key);
        for &row in repeats {
            let place = facts.examples.partition_point(|example| example.0 < row);
            if place < EXAMPLES {
                facts.examples.insert(place, (row, *first));
                facts.examples.truncate(EXAMPLES);
            }
        }
    }

    /// Adds the facts of other keys.
    pub(crate) fn merge(&mut self, other: Self) {
        let (facts, other_facts) = (&mut self.facts, other.facts);
        facts.keyed += other_facts.keyed;
        facts.distinct += other_facts.distinct;
        facts.once += other_facts.once;
        self.logs += other.logs;
        self.repeated.extend(other.repeated);
        facts.examples.extend(other_facts.examples);
        facts.examples.sort_unstable();
        facts.examples.truncate(EXAMPLES);
    }

    pub(crate) fn finish(mut self, nulls: u64) -> KeyFacts {
        self.facts.nulls = nulls;
        self.facts.repeated = self.repeated.into_iter().collect();
        if self.facts.keyed > 0 {
            let n = self.facts.keyed as f64;
            self.facts.entropy = (n.ln() - self.logs / n).max(0.0);
        }
        self.facts
    }
}

/// What a table of keys says; `nulls` rows have no key.
///
/// # Errors
/// Those of the table.
pub fn facts(table: impl Iterator<Item = Result<Vec<KeyCount>>>, nulls: u64) -> Result<KeyFacts> {
    let mut tally = Tally::default();
    for part in table {
        par::checkpoint();
        part?.iter().for_each(|each| tally.add(each));
    }
    Ok(tally.finish(nulls))
}

/// One table of many: of tables of the same data's parts, in the order of the parts, each with the rows before it.
///
/// Holds a part of each table at a time.
///
/// # Errors
/// Those of the tables.
pub fn merge(tables: Vec<(Table, u64)>) -> Result<Merge> {
    let mut sides = Vec::with_capacity(tables.len());
    let mut next = BinaryHeap::with_capacity(tables.len());
    for (side, (table, before)) in tables.into_iter().enumerate() {
        let mut rows = Entries {
            table,
            part: Vec::new().into_iter(),
            before,
        }
        .peekable();
        if let Some(key) = peeked(&mut rows)? {
            next.push(Reverse((key, side)));
        }
        sides.push(rows);
    }
    Ok(Merge { sides, next })
}

/// The tables that are merged; see [`merge`].
pub struct Merge {
    sides: Vec<Peekable<Entries>>,
    /// The next key of each table that has one; of equal keys the earlier table's first.
    next: BinaryHeap<Reverse<(u128, usize)>>,
}

impl Merge {
    /// The next key with all of its rows.
    fn entry(&mut self) -> Result<Option<KeyCount>> {
        let mut whole: Option<KeyCount> = None;
        while let Some(&Reverse((key, side))) = self.next.peek()
            && whole.is_none_or(|whole| whole.key == key)
        {
            self.next.pop();
            let rows = &mut self.sides[side];
            if let Some(each) = rows.next().transpose()? {
                match &mut whole {
                    Some(whole) => whole.merge(&each),
                    None => whole = Some(each),
                }
            }
            if let Some(after) = peeked(rows)? {
                if after <= key {
                    return Err(Error::argument("table", "its keys must ascend"));
                }
                self.next.push(Reverse((after, side)));
            }
        }
        Ok(whole)
    }
}

impl Iterator for Merge {
    type Item = Result<Vec<KeyCount>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut part = Vec::new();
        while part.len() < BATCH {
            match self.entry() {
                Ok(Some(each)) => part.push(each),
                Ok(None) => break,
                Err(error) => return Some(Err(error)),
            }
        }
        (!part.is_empty()).then_some(Ok(part))
    }
}

fn peeked(rows: &mut Peekable<Entries>) -> Result<Option<u128>> {
    match rows.peek() {
        Some(Ok(each)) => Ok(Some(each.key)),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(None),
    }
}

/// The keys of one table, their rows counted on from those before it.
struct Entries {
    table: Table,
    part: std::vec::IntoIter<KeyCount>,
    before: u64,
}

impl Iterator for Entries {
    type Item = Result<KeyCount>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(each) = self.part.next() {
                return Some(Ok(each.after(self.before)));
            }
            match self.table.next()? {
                Ok(part) => self.part = part.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The columns of a table: `key`, 16 bytes that order as numbers do; `count`; `rows`, the first that have it.
pub fn schema() -> SchemaRef {
    let rows = Field::new("item", DataType::UInt64, true);
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::FixedSizeBinary(16), false),
        Field::new("count", DataType::UInt64, false),
        Field::new("rows", DataType::List(Arc::new(rows)), false),
    ]))
}

/// A part of a table as a batch.
///
/// # Errors
/// None that a part of a table could cause.
pub fn to_batch(part: &[KeyCount]) -> Result<RecordBatch> {
    let mut keys = FixedSizeBinaryBuilder::with_capacity(part.len(), 16);
    let mut counts = UInt64Builder::with_capacity(part.len());
    let mut rows = ListBuilder::with_capacity(UInt64Builder::new(), part.len());
    for each in part {
        keys.append_value(each.key.to_be_bytes())?;
        counts.append_value(each.count);
        rows.values().append_slice(each.rows());
        rows.append(true);
    }
    let columns: Vec<arrow_array::ArrayRef> = vec![
        Arc::new(keys.finish()),
        Arc::new(counts.finish()),
        Arc::new(rows.finish()),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// What [`to_batch`] gave.
///
/// # Errors
/// [`Error::Argument`] for a batch that is no part of a table.
pub fn of_batch(batch: &RecordBatch) -> Result<Vec<KeyCount>> {
    let no_table = || Error::argument("table", "it holds no keys with their counts");
    if *batch.schema() != *schema() || batch.columns().iter().any(|column| column.null_count() > 0) {
        return Err(no_table());
    }
    let (keys, counts) = (
        batch.column(0).as_fixed_size_binary(),
        batch.column(1).as_primitive::<UInt64Type>(),
    );
    let lists = batch.column(2).as_list::<i32>();
    let all = lists.values().as_primitive::<UInt64Type>();
    let mut part = Vec::with_capacity(batch.num_rows());
    for place in 0..batch.num_rows() {
        let (start, end) = (
            lists.value_offsets()[place] as usize,
            lists.value_offsets()[place + 1] as usize,
        );
        let (first, count) = (&all.values()[start..end], counts.value(place));
        let key = <[u8; 16]>::try_from(keys.value(place)).map_err(|_| no_table())?;
        if count == 0 || first.len() != ROWS.min(count as usize) || !first.is_sorted_by(|a, b| a < b) {
            return Err(no_table());
        }
        let mut rows = [0; ROWS];
        rows[..first.len()].copy_from_slice(first);
        part.push(KeyCount {
            key: u128::from_be_bytes(key),
            count,
            rows,
        });
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::keys::{KeyCounts, RowKeys};
    use arrow_array::{Int64Array, UInt64Array};
    use proptest::prelude::*;

    type Values = [Option<i64>];

    fn counts(values: &Values, batch: usize) -> KeyCounts {
        let mut counts = KeyCounts::new(None);
        for (place, part) in values.chunks(batch).enumerate() {
            let keys = RowKeys::of(&["x".into()], &[Arc::new(Int64Array::from(part.to_vec()))]);
            counts.add(&keys.unwrap(), (place * batch) as u64).unwrap();
        }
        counts
    }

    /// The table of some rows, through batches as a file would give it back.
    fn table(values: &Values) -> (Table, u64) {
        let (table, nulls) = counts(values, 7).into_table();
        (Box::new(table.map(|part| of_batch(&to_batch(&part?)?))), nulls)
    }

    /// How often each key occurs, and its first rows, by looking at each row in turn.
    fn seen(values: &Values) -> Vec<(i64, u64, Vec<u64>)> {
        let mut seen: Vec<(i64, u64, Vec<u64>)> = Vec::new();
        for (row, value) in values.iter().enumerate() {
            let Some(value) = *value else { continue };
            match seen.iter_mut().find(|each| each.0 == value) {
                Some(each) => {
                    each.1 += 1;
                    each.2.extend((each.2.len() < ROWS).then_some(row as u64));
                }
                None => seen.push((value, 1, vec![row as u64])),
            }
        }
        seen.sort_unstable();
        seen
    }

    proptest! {
        #[test]
        fn tables_of_parts_merge_to_that_of_the_whole(
            values in prop::collection::vec(prop::option::of(-4..4_i64), 0..80),
            mut cuts in prop::collection::vec(0.0..1.0_f64, 0..4),
        ) {
            cuts.sort_unstable_by(f64::total_cmp);
            let cuts: Vec<usize> = cuts.iter().map(|cut| (cut * values.len() as f64) as usize).collect();
            let ends = cuts.iter().copied().chain([values.len()]);
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let (mut tables, mut nulls) = (Vec::new(), 0);
            for (start, end) in starts.zip(ends) {
                let (part, without) = table(&values[start..end]);
                tables.push((part, start as u64));
                nulls += without;
            }
            let merged: Vec<KeyCount> = merge(tables)
                .unwrap()
                .collect::<Result<Vec<_>>>()
                .unwrap()
                .concat();
            prop_assert!(merged.is_sorted_by(|a, b| a.key < b.key));
            let mut found: Vec<(i64, u64, Vec<u64>)> = merged
                .iter()
                .map(|each| (each.key as u64 as i64, each.count, each.rows().to_vec()))
                .collect();
            found.sort_unstable();
            prop_assert_eq!(found, seen(&values));

            let told = facts([Ok(merged)].into_iter(), nulls).unwrap();
            let whole = counts(&values, 5).finish().unwrap();
            prop_assert_eq!(
                (told.keyed, told.nulls, told.distinct, told.once, &told.examples),
                (whole.keyed, whole.nulls, whole.distinct, whole.once, &whole.examples)
            );
            prop_assert!((told.entropy - whole.entropy).abs() < 1e-12);
            prop_assert_eq!(told.repeated.len(), whole.repeated.len());
        }
    }

    #[test]
    fn a_long_table_is_read_in_parts() {
        let values: Vec<Option<i64>> = (0..2 * BATCH as i64 + 5).map(Some).collect();
        let parts = merge(vec![(table(&values[..9]).0, 0), (table(&values[9..]).0, 9)]).unwrap();
        let lengths: Vec<usize> = parts.map(|part| part.unwrap().len()).collect();
        assert_eq!(lengths, [BATCH, BATCH, 5]);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let keys: Vec<KeyCount> = table(&[Some(1), Some(2)]).0.flat_map(Result::unwrap).collect();
        let good = to_batch(&keys).unwrap();
        assert_eq!(of_batch(&good).unwrap(), keys);
        let mut columns = good.columns().to_vec();
        columns[1] = Arc::new(UInt64Array::from(vec![0; good.num_rows()]));
        assert!(of_batch(&RecordBatch::try_new(schema(), columns).unwrap()).is_err());
        assert!(of_batch(&good.project(&[0, 1]).unwrap()).is_err());
        let twice: Table = Box::new([Ok(keys.clone()), Ok(keys)].into_iter());
        assert!(merge(vec![(twice, 0)]).unwrap().any(|part| part.is_err()));
    }
}
