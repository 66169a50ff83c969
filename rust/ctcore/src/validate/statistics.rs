//! What the row groups of files say of themselves, and which questions that answers unread.
//!
//! Statistics are believed here: whether to is the caller's decision.

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;

use crate::column::{Kind, Rows, as_f64};
use crate::validate::facts::ColumnFacts;
use crate::validate::rule::{RowRule, Test};
use crate::{Error, Result};

/// What is known of row groups before they are read.
#[derive(Debug, Clone)]
pub struct Statistics {
    rows: Vec<u64>,
    columns: HashMap<String, ColumnStatistics>,
}

/// One value for each group; null where nothing is known.
#[derive(Debug, Clone)]
struct ColumnStatistics {
    minimum: ArrayRef,
    maximum: ArrayRef,
    nulls: UInt64Array,
}

impl Statistics {
    /// Reads a batch with one row for each group. Its first column counts the group's rows, as `UInt64`. Each other
    /// one is a struct about the column of its name: `minimum` and `maximum` in the column's type, and `nulls`, their
    /// number, as `UInt64`. NaN and nulls are neither minimum nor maximum. A null says nothing, nor does a bound that
    /// is not finite.
    ///
    /// # Errors
    /// [`Error::Argument`] where the batch is not of this form.
    pub fn of(batch: &RecordBatch) -> Result<Self> {
        let malformed =
            |what: &str| Error::argument("statistics", format!("{what} is missing or of another type"));
        let counts = |array: &ArrayRef, what: &str| {
            array
                .as_primitive_opt::<UInt64Type>()
                .cloned()
                .ok_or_else(|| malformed(what))
        };
        let (first, others) = batch.columns().split_first().ok_or_else(|| malformed("rows"))?;
        let rows = counts(first, "rows")?;
        if rows.null_count() > 0 {
            return Err(malformed("rows"));
        }
        let mut columns = HashMap::new();
        for (field, array) in batch.schema_ref().fields().iter().skip(1).zip(others) {
            let name = field.name();
            let told = array.as_struct_opt().ok_or_else(|| malformed(name))?;
            let part = |part: &str| {
                told.column_by_name(part)
                    .cloned()
                    .ok_or_else(|| malformed(&format!("{name}.{part}")))
            };
            let column = ColumnStatistics {
                minimum: part("minimum")?,
                maximum: part("maximum")?,
                nulls: counts(&part("nulls")?, name)?,
            };
            columns.insert(name.clone(), column);
        }
        Ok(Self {
            rows: rows.values().to_vec(),
            columns,
        })
    }

    /// The rows of each group.
    pub fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// The groups whose rows all keep a rule and meet its conditions.
    ///
    /// # Errors
    /// Those of the tests.
    pub(crate) fn kept(&self, rule: &RowRule) -> Result<BooleanBuffer> {
        let mut kept = BooleanBuffer::new_set(self.rows.len());
        for condition in &rule.when {
            // Of bounds it is not known whether a null hides between them, which meets no condition.
            kept = match (condition.columns.as_slice(), &condition.test) {
                ([column], Test::NotNull) => &kept & &self.passes(column, &Test::NotNull)?,
                _ => return Ok(BooleanBuffer::new_unset(self.rows.len())),
            };
        }
        match rule.predicate.columns.as_slice() {
            [column] => Ok(&kept & &self.passes(column, &rule.predicate.test)?),
            _ => Ok(BooleanBuffer::new_unset(self.rows.len())),
        }
    }

    /// The groups in which no row of a column breaks a test.
    ///
    /// # Errors
    /// Those of the test.
    fn passes(&self, name: &str, test: &Test) -> Result<BooleanBuffer> {
        let Some(column) = self.columns.get(name) else {
            return Ok(BooleanBuffer::new_unset(self.rows.len()));
        };
        let of_nulls = |holds: fn(u64, u64) -> bool| {
            let known = |group: usize| column.nulls.is_valid(group);
            BooleanBuffer::collect_bool(self.rows.len(), |group| {
                known(group) && holds(column.nulls.value(group), self.rows[group])
            })
        };
        let type_ = column.minimum.data_type();
        Ok(match test {
            Test::NotNull => of_nulls(|nulls, _| nulls == 0),
            Test::Present(_) => BooleanBuffer::new_unset(self.rows.len()),
            Test::Finite if !type_.is_floating() && !matches!(type_, DataType::Dictionary(..)) => {
                BooleanBuffer::new_set(self.rows.len())
            }
            // What lies between two values that keep a range keeps it; NaN breaks none.
            Test::Range(_) => {
                let inside =
                    &!&test.broken(name, &column.minimum)? & &!&test.broken(name, &column.maximum)?;
                &(&inside & &column.bounded(name)?) | &of_nulls(|nulls, rows| nulls == rows)
            }
            // A null breaks no other test.
            _ => of_nulls(|nulls, rows| nulls == rows),
        })
    }

    /// The counts and extremes of a column, for each group that tells all of them.
    ///
    /// # Errors
    /// [`Error::Type`] where bounds of numbers cannot be read.
    pub(crate) fn facts(&self, name: &str) -> Result<Vec<Option<ColumnFacts>>> {
        let Some(column) = self.columns.get(name) else {
            return Ok(vec![None; self.rows.len()]);
        };
        let type_ = column.minimum.data_type();
        let number = Kind::of(name, type_).is_ok_and(|kind| kind == Kind::Number);
        let ranges = if number && !matches!(type_, DataType::Dictionary(..)) {
            let (low, high) = (as_f64(name, &column.minimum)?, as_f64(name, &column.maximum)?);
            let (low, high) = (
                low.as_primitive::<Float64Type>(),
                high.as_primitive::<Float64Type>(),
            );
            let bounded = column.bounded(name)?;
            let range = |group| {
                bounded
                    .value(group)
                    .then(|| (low.value(group) + 0.0, high.value(group) + 0.0))
            };
            Some((0..self.rows.len()).map(range).collect::<Vec<_>>())
        } else {
            None
        };
        let facts = |group: usize| {
            let (rows, nulls) = (
                self.rows[group],
                column.nulls.is_valid(group).then(|| column.nulls.value(group))?,
            );
            let range = ranges.as_ref().and_then(|ranges| ranges[group]);
            let told = ranges.is_none() || range.is_some() || nulls == rows;
            told.then(|| ColumnFacts {
                rows: Rows {
                    rows,
                    nulls,
                    ..Rows::default()
                },
                range,
                ..ColumnFacts::default()
            })
        };
        Ok((0..self.rows.len()).map(facts).collect())
    }
}

impl ColumnStatistics {
    /// The groups of which both bounds are known.
    fn bounded(&self, name: &str) -> Result<BooleanBuffer> {
        let mut known = BooleanBuffer::new_set(self.minimum.len());
        for bound in [&self.minimum, &self.maximum] {
            for test in [Test::NotNull, Test::Finite] {
                known = &known & &!&test.broken(name, bound)?;
            }
        }
        Ok(known)
    }
}

/// The row groups of a stream, which may be fewer than the data has.
#[derive(Debug)]
pub(crate) struct Groups(Vec<Group>);

#[derive(Debug)]
struct Group {
    /// Its place among the groups of the data.
    index: usize,
    /// Its first row in the stream.
    start: u64,
    /// Its first row in the data.
    first: u64,
    rows: u64,
}

impl Group {
    /// The row of the stream after its last one.
    fn end(&self) -> u64 {
        self.start.saturating_add(self.rows)
    }
}

/// Some rows of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) rows: Range<usize>,
    /// The number of the first row in the data.
    pub(crate) first: u64,
}

impl Groups {
    /// A stream of which nothing is known: one group.
    pub(crate) fn unknown() -> Self {
        let all = Group {
            index: 0,
            start: 0,
            first: 0,
            rows: u64::MAX,
        };
        Self(vec![all])
    }

    /// The groups of so many rows each, of which a stream holds some.
    pub(crate) fn of(rows: &[u64], held: impl Fn(usize) -> bool) -> Self {
        let (mut start, mut first) = (0, 0);
        let mut groups = Vec::new();
        for (index, &rows) in rows.iter().enumerate() {
            if rows > 0 && held(index) {
                groups.push(Group {
                    index,
                    start,
                    first,
                    rows,
                });
                start += rows;
            }
            first += rows;
        }
        Self(groups)
    }

    /// The rows that the stream must have, where that is known.
    pub(crate) fn rows(&self) -> u64 {
        self.0.last().map_or(0, Group::end)
    }

    /// The parts of a chunk, `rows` rows of the stream from `start` on, that are in groups which are not `answered`.
    pub(crate) fn open(&self, answered: impl Fn(usize) -> bool, start: u64, rows: usize) -> Vec<Piece> {
        let end = start + rows as u64;
        let before = self.0.partition_point(|group| group.end() <= start);
        let mut pieces: Vec<Piece> = Vec::new();
        for group in self.0[before..].iter().take_while(|group| group.start < end) {
            if answered(group.index) {
                continue;
            }
            let from = group.start.max(start);
            let to = group.end().min(end);
            let rows = (from - start) as usize..(to - start) as usize;
            let first = group.first + (from - group.start);
            match pieces.last_mut() {
                Some(last) if last.rows.end == rows.start && last.first + last.rows.len() as u64 == first => {
                    last.rows.end = rows.end;
                }
                _ => pieces.push(Piece { rows, first }),
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::rule::{Limit, Predicate, Range as Bounds};
    use arrow_array::{Float32Array, Int64Array, StringArray, StructArray};
    use arrow_schema::{Field, Schema};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn told(minimum: ArrayRef, maximum: ArrayRef, nulls: Vec<Option<u64>>) -> Statistics {
        let rows: ArrayRef = Arc::new(UInt64Array::from(vec![4; nulls.len()]));
        let field =
            |name: &str, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
        let nulls: ArrayRef = Arc::new(UInt64Array::from(nulls));
        let parts = [("minimum", minimum), ("maximum", maximum), ("nulls", nulls)];
        let column: ArrayRef = Arc::new(StructArray::from(
            parts.map(|(name, array)| (field(name, &array), array)).to_vec(),
        ));
        let schema = Schema::new(vec![field("rows", &rows), field("x", &column)]);
        Statistics::of(&RecordBatch::try_new(Arc::new(schema), vec![rows, column]).unwrap()).unwrap()
    }

    fn passes(told: &Statistics, test: &Test) -> Vec<usize> {
        told.passes("x", test).unwrap().set_indices().collect()
    }

    fn between(low: i64, high: i64) -> Test {
        let bound = |value| Some((Limit::Integer(value), true));
        Test::Range(Bounds {
            minimum: bound(low),
            maximum: bound(high),
        })
    }

    #[test]
    fn nulls_answer_what_is_asked_of_nulls_and_a_group_of_nulls_nearly_all() {
        let texts = || Arc::new(StringArray::new_null(4)) as ArrayRef;
        let told = told(texts(), texts(), vec![Some(0), Some(1), Some(4), None]);
        assert_eq!(passes(&told, &Test::NotNull), [0]);
        assert_eq!(passes(&told, &Test::Null), [2]);
        assert_eq!(
            passes(
                &told,
                &Test::Length {
                    minimum: 1,
                    maximum: 1
                }
            ),
            [2]
        );
        assert_eq!(
            passes(
                &told,
                &Test::Present(crate::validate::rule::Vocabulary::default())
            ),
            [0_usize; 0]
        );
        let facts = told.facts("x").unwrap();
        let nulls: Vec<_> = facts
            .iter()
            .map(|facts| facts.as_ref().map(|facts| facts.rows.nulls))
            .collect();
        assert_eq!(nulls, [Some(0), Some(1), Some(4), None]);
    }

    #[test]
    fn bounds_answer_a_range_where_both_are_known() {
        let low = Int64Array::from(vec![Some(0), Some(-1), None, Some(0)]);
        let high = Int64Array::from(vec![Some(9), Some(9), None, None]);
        let told = told(
            Arc::new(low),
            Arc::new(high),
            vec![Some(0), Some(0), Some(4), Some(0)],
        );
        assert_eq!(passes(&told, &between(0, 9)), [0, 2]);
        assert_eq!(passes(&told, &between(0, 8)), [2]);
        assert_eq!(passes(&told, &Test::Finite), [0, 1, 2, 3]);
        let facts = told.facts("x").unwrap();
        let ranges: Vec<_> = facts
            .iter()
            .map(|facts| facts.as_ref().map(|facts| facts.range))
            .collect();
        assert_eq!(
            ranges,
            [Some(Some((0.0, 9.0))), Some(Some((-1.0, 9.0))), Some(None), None]
        );
    }

    #[test]
    fn a_condition_is_met_where_no_row_is_without_a_value() {
        let numbers = || Arc::new(Int64Array::from(vec![5, 5, 5])) as ArrayRef;
        let told = told(numbers(), numbers(), vec![Some(0), Some(1), None]);
        let predicate = |column: &str, test| Predicate {
            columns: vec![column.to_owned()],
            test,
        };
        let kept = |when: Vec<Predicate>, test| {
            let predicate = predicate("x", test);
            let kept = told
                .kept(&RowRule {
                    when,
                    ..RowRule::of(&predicate.columns, predicate.test)
                })
                .unwrap();
            kept.set_indices().collect::<Vec<_>>()
        };
        let there = || vec![predicate("x", Test::NotNull)];
        assert_eq!(kept(vec![], between(0, 9)), [0, 1, 2]);
        assert_eq!(kept(there(), between(0, 9)), [0]);
        assert_eq!(kept(there(), between(0, 4)), [0_usize; 0]);
        assert_eq!(
            kept(vec![predicate("x", between(0, 9))], Test::NotNull),
            [0_usize; 0]
        );
        assert_eq!(
            kept(vec![predicate("y", Test::NotNull)], Test::NotNull),
            [0_usize; 0]
        );
    }

    #[test]
    fn a_bound_that_is_not_finite_says_nothing_and_nan_may_hide() {
        let low = Float32Array::from(vec![1.0, f32::NAN, f32::NEG_INFINITY, -0.0]);
        let high = Float32Array::from(vec![2.0, 2.0, 2.0, 0.0]);
        let told = told(Arc::new(low), Arc::new(high), vec![Some(0); 4]);
        assert_eq!(passes(&told, &Test::Finite), [0_usize; 0]);
        assert_eq!(passes(&told, &between(0, 9)), [0, 3]);
        let facts = told.facts("x").unwrap();
        assert_eq!(
            facts.iter().map(Option::is_some).collect::<Vec<_>>(),
            [true, false, false, true]
        );
        assert!(facts[3].as_ref().unwrap().range.unwrap().0.is_sign_positive());
    }

    #[test]
    fn a_malformed_batch_is_refused() {
        let schema = Schema::new(vec![Field::new("rows", DataType::Int64, true)]);
        let rows: ArrayRef = Arc::new(Int64Array::from(vec![4]));
        let error = Statistics::of(&RecordBatch::try_new(Arc::new(schema), vec![rows]).unwrap()).unwrap_err();
        assert!(
            error.to_string().starts_with("statistics: rows is missing"),
            "{error}"
        );
    }

    proptest! {
        /// The pieces of all chunks are the rows of the open groups, in order and once each.
        #[test]
        fn pieces_are_the_rows_that_are_open(
            groups in prop::collection::vec((0..9_u64, 0..3_u8), 0..8),
            size in 1..12_usize,
        ) {
            let rows: Vec<u64> = groups.iter().map(|group| group.0).collect();
            let held = |group: usize| groups[group].1 > 0;
            let answered = |group: usize| groups[group].1 < 2;
            let stream = Groups::of(&rows, held);
            let mut expected = Vec::new();
            let mut first = 0;
            for (group, &rows) in rows.iter().enumerate() {
                if held(group) && !answered(group) {
                    expected.extend(first..first + rows);
                }
                first += rows;
            }
            let mut found = Vec::new();
            let total = stream.rows() as usize;
            for start in (0..total).step_by(size) {
                let pieces = stream.open(answered, start as u64, size.min(total - start));
                for pair in pieces.windows(2) {
                    prop_assert!(pair[0].rows.end < pair[1].rows.start || pair[0].first < pair[1].first);
                }
                for piece in pieces {
                    prop_assert!(!piece.rows.is_empty() && piece.rows.end <= size);
                    found.extend(piece.first..piece.first + piece.rows.len() as u64);
                }
            }
            prop_assert_eq!(found, expected);
            let whole = Groups::unknown().open(|_| false, 7, size);
            prop_assert_eq!(whole, vec![Piece { rows: 0..size, first: 7 }]);
        }
    }
}
