//! How well one feature alone predicts the label: too well is a leak.
//!
//! The state is a table of counts on frozen cells, so the states of days, shards and machines merge
//! exactly, and every number here is a function of the counts: the area under the curve, its
//! standard error, Spearman's rank correlation, the correlation ratio.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::DataType;
use siphasher::sip::SipHasher13;

use crate::column::{Categories, Kind, Numbers, as_f64};
use crate::num::{CHUNK, sum};
use crate::profile::Edges;
use crate::rank::Sorted;
use crate::{Error, Result, par};

/// Cells of a feature with more different values than that: of equal mass for numbers, the most
/// frequent categories one by one otherwise.
const CELLS: usize = 64;
/// Classes of a label with more different values than that.
const CLASSES: usize = 16;

/// Edges that give each different value a cell of its own where there are at most `limit`, else
/// cells of equal mass.
fn edges(sorted: &Sorted, limit: usize) -> Edges {
    let mut distinct: Vec<f64> = Vec::new();
    let mut rank = 0;
    while let Some(value) = sorted.get(rank) {
        if distinct.len() == limit {
            return Edges::equal_mass(sorted, limit);
        }
        distinct.push(value);
        rank += sorted.equal(value);
    }
    distinct.pop();
    Edges::new(distinct).unwrap_or_else(|_| Edges::equal_mass(sorted, limit))
}

/// The ordered classes of a label: its different values where there are at most 16, else 16 of
/// equal mass.
///
/// # Errors
/// [`Error::Argument`] for a label that is not finite.
///
/// ```
/// use ctcore::validate::leakage::classes;
/// assert_eq!(classes(&[0.0, 4.0, 0.0, 2.0])?, vec![0, 2, 0, 1]);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn classes(label: &[f64]) -> Result<Vec<u8>> {
    if let Some(row) = label.iter().position(|value| !value.is_finite()) {
        return Err(Error::argument(
            "label",
            format!("must be finite, found {} in row {row}", label[row]),
        ));
    }
    let edges = edges(&Sorted::new(label), CLASSES);
    Ok(label.iter().map(|&value| edges.cell(value) as u8).collect())
}

/// The frozen cells of a feature. The last one is for rows without a value.
enum Cells {
    Numbers(Edges),
    Categories(HashMap<String, u32>),
}

impl Cells {
    /// Freezes cells on a column.
    fn of(name: &str, chunks: &[ArrayRef]) -> Result<Self> {
        let kind = match chunks.first() {
            Some(array) => Kind::of(name, array.data_type())?,
            None => Kind::Number,
        };
        if kind == Kind::Number {
            let finite = Numbers::of_column(name, chunks)?.finite;
            return Ok(Self::Numbers(edges(&Sorted::new(&finite), CELLS)));
        }
        let mut counts: Vec<(String, u64)> =
            Categories::of_column(name, chunks)?.counts.into_iter().collect();
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        // A category that is there once says nothing about the next row that has it.
        let known = counts.into_iter().filter(|&(_, count)| count > 1).take(CELLS - 1);
        Ok(Self::Categories(
            known.map(|(category, _)| category).zip(0..).collect(),
        ))
    }

    fn count(&self) -> usize {
        1 + match self {
            Self::Numbers(edges) => edges.cells(),
            Self::Categories(known) => known.len() + 1,
        }
    }

    /// The cell of each row of a chunk.
    fn assign(&self, name: &str, chunk: &dyn Array) -> Result<Vec<u32>> {
        let missing = self.count() as u32 - 1;
        Ok(match self {
            Self::Numbers(edges) => as_f64(name, chunk)?
                .as_primitive::<Float64Type>()
                .iter()
                .map(|value| match value {
                    Some(value) if !value.is_nan() => edges.cell(value) as u32,
                    _ => missing,
                })
                .collect(),
            Self::Categories(known) => cast(chunk, &DataType::Utf8View)?
                .as_string_view()
                .iter()
                .map(|value| {
                    let rest = known.len() as u32;
                    value.map_or(missing, |value| known.get(value).copied().unwrap_or(rest))
                })
                .collect(),
        })
    }
}

/// Rows counted by fold, cell of the feature and class of the label.
///
/// The folds are for honesty: cells are put in the order of the label's mean in one half of the
/// rows and judged on the other, so that a feature with many values (an id) earns nothing by
/// knowing its own labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    classes: usize,
    /// Whether neighbouring cells hold neighbouring values.
    ordered: bool,
    /// For each fold, cell after cell, the rows of each class.
    counts: [Vec<u64>; 2],
}

/// What a feature alone says about the label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predictiveness {
    /// The probability that of two rows with different labels the one with the higher label is told
    /// by the feature, its cells ordered by the mean label of the other half of the rows; ties count
    /// half. For a label of two values the area under the ROC curve. Any shape of relation counts. NaN
    /// where all labels are equal.
    pub auc: f64,
    /// The standard error of `auc`. Each half teaches the other, so what is noise errs in both alike: two halves count
    /// as one.
    pub standard_error: f64,
    /// The standard error that an `auc` of 1/2 would have: how much the rows can tell at all.
    pub null_error: f64,
    /// Spearman's rank correlation with the label, signed; NaN for categories.
    pub spearman: f64,
    /// The correlation ratio: the share of the variance of the label's ranks that lies between cells.
    pub eta_squared: f64,
    /// The area under the curve of "has no value", at least 1/2.
    pub missing_auc: f64,
    /// Rows.
    pub rows: u64,
    /// Rows without a value.
    pub missing: u64,
}

impl Association {
    fn new(cells: usize, classes: usize, ordered: bool) -> Self {
        Self {
            classes,
            ordered,
            counts: [vec![0; cells * classes], vec![0; cells * classes]],
        }
    }

    /// Counts a column, one state for each span of rows, all on cells that are frozen on the whole column.
    ///
    /// # Errors
    /// [`Error::Type`] for a column that is neither numbers nor categories, [`Error::Argument`] where
    /// lengths differ or a span is not below `spans`.
    pub fn of_column(
        name: &str,
        chunks: &[ArrayRef],
        class: &[u8],
        span: &[u32],
        spans: usize,
    ) -> Result<Vec<Self>> {
        let rows: usize = chunks.iter().map(Array::len).sum();
        if class.len() != rows || span.len() != rows {
            return Err(Error::argument(
                "label",
                format!(
                    "{name}, label and span must have the same number of rows, found {rows}, {} and {}",
                    class.len(),
                    span.len()
                ),
            ));
        }
        if let Some(bad) = span.iter().find(|&&span| span as usize >= spans) {
            return Err(Error::argument(
                "span",
                format!("must be below {spans}, found {bad}"),
            ));
        }
        let cells = Cells::of(name, chunks)?;
        let ordered = matches!(cells, Cells::Numbers(_));
        let classes = class.iter().max().map_or(1, |&most| usize::from(most) + 1);
        let mut pieces = Vec::new();
        let mut start = 0;
        for array in chunks {
            for offset in (0..array.len()).step_by(CHUNK) {
                pieces.push((
                    start + offset,
                    array.slice(offset, CHUNK.min(array.len() - offset)),
                ));
            }
            start += array.len();
        }
        let empty = vec![Self::new(cells.count(), classes, ordered); spans];
        let parts: Vec<Result<Vec<Self>>> = par::map(pieces.len(), |i| {
            let (first, piece) = &pieces[i];
            let mut part = empty.clone();
            for (row, cell) in (*first..).zip(cells.assign(name, piece)?) {
                let state: &mut Self = &mut part[span[row] as usize];
                state.counts[fold(row)][cell as usize * classes + usize::from(class[row])] += 1;
            }
            Ok(part)
        });
        let mut whole = empty;
        for part in parts {
            for (state, later) in whole.iter_mut().zip(part?) {
                state.merge(&later);
            }
        }
        Ok(whole)
    }

    /// Adds rows that were counted on the same cells.
    fn merge(&mut self, later: &Self) {
        for (counts, later) in self.counts.iter_mut().zip(&later.counts) {
            for (count, later) in counts.iter_mut().zip(later) {
                *count += later;
            }
        }
    }

    /// The cells' counts of both folds together.
    fn both(&self) -> Vec<u64> {
        self.counts[0]
            .iter()
            .zip(&self.counts[1])
            .map(|(a, b)| a + b)
            .collect()
    }

    /// What the feature says about the label.
    pub fn predictiveness(&self) -> Predictiveness {
        let first = self.concordance(&self.counts[0], &self.counts[1]);
        let second = self.concordance(&self.counts[1], &self.counts[0]);
        let both = self.both();
        let missing = both.len().saturating_sub(self.classes);
        let collapsed: Vec<u64> = (0..2 * self.classes)
            .map(|i| {
                if i < self.classes {
                    both[..missing].iter().skip(i).step_by(self.classes).sum()
                } else {
                    both[missing + i - self.classes]
                }
            })
            .collect();
        let by_missing = Concordance::of(&collapsed, self.classes, &[0.0, 1.0]).area;
        let rows = both.iter().sum();
        Predictiveness {
            auc: f64::midpoint(first.area, second.area),
            standard_error: f64::midpoint(first.variance, second.variance).sqrt(),
            null_error: null_error(&self.class_rows(&both)),
            spearman: if self.ordered {
                self.spearman(&both[..missing])
            } else {
                f64::NAN
            },
            eta_squared: self.eta_squared(&both),
            missing_auc: by_missing.max(1.0 - by_missing),
            rows,
            missing: both[missing..].iter().sum(),
        }
    }

    /// The area under the curve on these rows of the order that was learned on others: a relation
    /// that was turned round is as far below 1/2 as it was above.
    fn transferred(&self, learned: &Self) -> f64 {
        self.concordance(&learned.both(), &self.both()).area
    }

    fn concordance(&self, learn: &[u64], judge: &[u64]) -> Concordance {
        Concordance::of(judge, self.classes, &self.means(learn))
    }

    /// The mean class of each cell, drawn to the mean of all rows as if by one row more: rare cells
    /// are not put first or last on the word of few.
    fn means(&self, counts: &[u64]) -> Vec<f64> {
        let weigh = |counts: &[u64]| -> (f64, f64) {
            let rows: u64 = counts.iter().sum();
            let total: u64 = (0..).zip(counts).map(|(class, &count)| class * count).sum();
            (rows as f64, total as f64)
        };
        let (rows, total) = weigh(&self.class_rows(counts));
        let mean = if rows > 0.0 { total / rows } else { 0.0 };
        counts
            .chunks(self.classes)
            .map(|cell| {
                let (rows, total) = weigh(cell);
                (total + mean) / (rows + 1.0)
            })
            .collect()
    }

    fn class_rows(&self, counts: &[u64]) -> Vec<u64> {
        (0..self.classes)
            .map(|class| counts.iter().skip(class).step_by(self.classes).sum())
            .collect()
    }

    fn spearman(&self, counts: &[u64]) -> f64 {
        let cell_rows: Vec<u64> = counts
            .chunks(self.classes)
            .map(|cell| cell.iter().sum())
            .collect();
        let (x, y) = (mid_ranks(&cell_rows), mid_ranks(&self.class_rows(counts)));
        let weighted = |term: &dyn Fn(f64, f64) -> f64| {
            let terms: Vec<f64> = (0..counts.len())
                .map(|i| counts[i] as f64 * term(x[i / self.classes], y[i % self.classes]))
                .collect();
            sum(&terms, |term| term)
        };
        weighted(&|x, y| x * y) / (weighted(&|x, _| x * x) * weighted(&|_, y| y * y)).sqrt()
    }

    fn eta_squared(&self, counts: &[u64]) -> f64 {
        let class_rows = self.class_rows(counts);
        let ranks = mid_ranks(&class_rows);
        let all: Vec<f64> = ranks
            .iter()
            .zip(&class_rows)
            .map(|(rank, &rows)| rank * rank * rows as f64)
            .collect();
        let between: Vec<f64> = counts
            .chunks(self.classes)
            .filter(|cell| cell.iter().any(|&count| count > 0))
            .map(|cell| {
                let rows: u64 = cell.iter().sum();
                let total: f64 = cell
                    .iter()
                    .zip(&ranks)
                    .map(|(&count, rank)| count as f64 * rank)
                    .sum();
                total * total / rows as f64
            })
            .collect();
        sum(&between, |term| term) / sum(&all, |term| term)
    }
}

/// What a feature says about the label in the whole and span by span.
#[derive(Debug, Clone, PartialEq)]
pub struct Spans {
    /// In all spans together.
    pub whole: Predictiveness,
    /// In each span alone.
    pub spans: Vec<Predictiveness>,
    /// The area under the curve in each span of the order that was learned on all the other spans: below 1/2
    /// where the relation is turned round.
    pub transferred: Vec<f64>,
}

/// Looks at a column in spans of rows.
///
/// # Errors
/// As [`Association::of_column`].
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::Float64Array;
/// use ctcore::validate::leakage::predictiveness;
/// let class: Vec<u8> = (0..200).map(|row| row % 2).collect();
/// let leak = Float64Array::from_iter_values(class.iter().map(|&class| f64::from(class)));
/// let found = predictiveness("x", &[Arc::new(leak)], &class, &[0; 200], 1)?;
/// assert_eq!((found.whole.auc, found.whole.spearman), (1.0, 1.0));
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn predictiveness(
    name: &str,
    chunks: &[ArrayRef],
    class: &[u8],
    span: &[u32],
    spans: usize,
) -> Result<Spans> {
    let states = Association::of_column(name, chunks, class, span, spans)?;
    let sum_without = |left_out: usize| {
        let mut states = states.iter().enumerate().filter(|&(span, _)| span != left_out);
        let mut total = states.next().map(|(_, state)| state.clone())?;
        states.for_each(|(_, state)| total.merge(state));
        Some(total)
    };
    let Some(whole) = sum_without(spans) else {
        return Err(Error::argument("spans", "must be at least 1"));
    };
    Ok(Spans {
        whole: whole.predictiveness(),
        spans: states.iter().map(Association::predictiveness).collect(),
        transferred: (0..spans)
            .map(|span| sum_without(span).map_or(f64::NAN, |others| states[span].transferred(&others)))
            .collect(),
    })
}

/// Half of all rows, by a hash of the row's number: neither alternating nor in blocks.
fn fold(row: usize) -> usize {
    (SipHasher13::new().hash(&(row as u64).to_le_bytes()) & 1) as usize
}

/// The mid-rank of each cell, less the mean rank.
fn mid_ranks(rows: &[u64]) -> Vec<f64> {
    let middle = rows.iter().sum::<u64>() as f64 / 2.0;
    let mut below = 0;
    rows.iter()
        .map(|&rows| {
            below += rows;
            below as f64 - rows as f64 / 2.0 - middle
        })
        .collect()
}

/// `sqrt(1 / (3 n T))`, with `T` the share of pairs whose labels differ: for two classes
/// `sqrt((1/n1 + 1/n0) / 6)`, the Mann-Whitney statistic's of half the rows; for more classes at least theirs.
fn null_error(class_rows: &[u64]) -> f64 {
    let rows = class_rows.iter().sum::<u64>() as f64;
    let equal: f64 = class_rows.iter().map(|&rows| (rows as f64).powi(2)).sum();
    (rows / (3.0 * (rows * rows - equal))).sqrt()
}

/// The share of ordered pairs, and the variance of that share.
struct Concordance {
    area: f64,
    variance: f64,
}

impl Concordance {
    /// Of all pairs of rows with different classes, the share in which the row with the higher class lies in the cell
    /// with the higher score; equal scores count half. The variance is that of the ratio of two U-statistics by
    /// their influence functions (Sen, "On some convergence properties of U-statistics", 1960); for two
    /// classes `DeLong`'s.
    fn of(counts: &[u64], classes: usize, score: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..score.len()).collect();
        order.sort_by(|&a, &b| score[a].total_cmp(&score[b]));
        // Cells of equal score are one: the table is walked from the lowest score to the highest.
        let mut table: Vec<Vec<u64>> = Vec::new();
        let mut last = None;
        for cell in order {
            let rows = &counts[cell * classes..(cell + 1) * classes];
            if last != Some(score[cell]) {
                table.push(vec![0; classes]);
                last = Some(score[cell]);
            }
            if let Some(tied) = table.last_mut() {
                tied.iter_mut().zip(rows).for_each(|(sum, count)| *sum += count);
            }
        }
        let class_rows: Vec<u64> = (0..classes)
            .map(|class| table.iter().map(|row| row[class]).sum())
            .collect();
        let n = class_rows.iter().sum::<u64>();
        // Twice the pairs that a row is on the right side of: those below it with a lower class, those above with a
        // higher one; a tie is once, not twice.
        let mut below = vec![0_u64; classes];
        let mut terms: Vec<(f64, f64, f64)> = Vec::with_capacity(table.len() * classes);
        let mut twice_all: u128 = 0;
        for tied in &table {
            for class in 0..classes {
                let lower: u64 = (0..class).map(|c| 2 * below[c] + tied[c]).sum();
                let higher: u64 = (class + 1..classes)
                    .map(|c| 2 * (class_rows[c] - below[c] - tied[c]) + tied[c])
                    .sum();
                twice_all += u128::from(tied[class]) * u128::from(lower + higher);
                let comparable = n - class_rows[class];
                terms.push((
                    tied[class] as f64,
                    (lower + higher) as f64 / 2.0,
                    comparable as f64,
                ));
            }
            below.iter_mut().zip(tied).for_each(|(sum, count)| *sum += count);
        }
        let comparable: u128 = class_rows
            .iter()
            .map(|&rows| u128::from(rows) * u128::from(n - rows))
            .sum();
        let area = twice_all as f64 / (2.0 * comparable as f64);
        let squares = sum(&terms, |(rows, right, pairs)| {
            rows * (right - area * pairs).powi(2)
        });
        Self {
            area,
            variance: 4.0 * squares / (comparable as f64).powi(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Stream;
    use arrow_array::{Float64Array, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn numbers(values: impl IntoIterator<Item = f64>) -> Vec<ArrayRef> {
        vec![Arc::new(Float64Array::from_iter_values(values))]
    }

    fn whole(column: &[ArrayRef], class: &[u8]) -> Predictiveness {
        predictiveness("x", column, class, &vec![0; class.len()], 1)
            .unwrap()
            .whole
    }

    fn coin(rows: u64, seed: u64) -> Vec<u8> {
        let stream = Stream::new(seed, 0);
        (0..rows).map(|row| u8::from(stream.uniform(row) < 0.5)).collect()
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_ordered_pairs(
            rows in prop::collection::vec((0..5_usize, 0..3_usize), 2..40),
        ) {
            prop_assume!(rows.iter().any(|row| row.1 != rows[0].1));
            let mut counts = vec![0; 5 * 3];
            for &(cell, class) in &rows {
                counts[cell * 3 + class] += 1;
            }
            let score = [0.5, 0.1, 0.5, 0.9, 0.0]; // two cells are tied
            let found = Concordance::of(&counts, 3, &score);
            let (mut right, mut pairs) = (0.0, 0.0);
            for a in &rows {
                for b in rows.iter().filter(|b| b.1 > a.1) {
                    pairs += 1.0;
                    right += match score[b.0].total_cmp(&score[a.0]) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            prop_assert!((found.area - right / pairs).abs() < 1e-12);
        }

        #[test]
        fn spans_add_up_to_the_whole_in_any_cut(
            rows in prop::collection::vec((-3.0..3.0f64, 0..4_u8, 0..3_u32), 5..200),
            cut in 0.0..1.0f64,
        ) {
            let class: Vec<u8> = rows.iter().map(|row| row.1).collect();
            let span: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let column = numbers(rows.iter().map(|row| row.0));
            let cut = (cut * rows.len() as f64) as usize;
            let halves = vec![column[0].slice(0, cut), column[0].slice(cut, rows.len() - cut)];
            let states = |column: &[ArrayRef], span: &[u32], spans| {
                Association::of_column("x", column, &class, span, spans).unwrap()
            };
            let mut total = states(&column, &span, 3);
            prop_assert_eq!(&total, &states(&halves, &span, 3));
            let mut sum = total.remove(0);
            for state in &total {
                sum.merge(state);
            }
            prop_assert_eq!(&sum, &states(&column, &vec![0; rows.len()], 1)[0]);
        }
    }

    /// Scores 1, 2, 3, 4 with labels 0, 1, 0, 1: three of four pairs are right. The placements are
    /// (1, 1/2) above and (1/2, 1) below, so `DeLong`'s variance with divisor n is (1/16)/2 + (1/16)/2.
    #[test]
    fn the_variance_of_two_classes_is_that_of_delong() {
        let found = Concordance::of(&[1, 0, 0, 1, 1, 0, 0, 1], 2, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(found.area, 0.75);
        assert!((found.variance - 1.0 / 16.0).abs() < 1e-15);
    }

    #[test]
    fn noise_is_a_half_and_its_error_is_as_said() {
        let mut z_squared = 0.0;
        for seed in 0..200 {
            let class = coin(500, seed);
            let stream = Stream::new(seed, 1);
            let found = whole(&numbers((0..500).map(|row| stream.uniform(row))), &class);
            z_squared += ((found.auc - 0.5) / found.standard_error).powi(2);
            assert!((found.null_error - 0.0365).abs() < 1e-3);
        }
        assert!((0.7..1.3).contains(&(z_squared / 200.0)), "{}", z_squared / 200.0);
    }

    #[test]
    fn an_id_says_nothing_and_a_name_for_the_label_says_all() {
        let class = coin(4_000, 1);
        let ids = StringArray::from_iter_values((0..4_000).map(|row| format!("row {row}")));
        assert_eq!(whole(&[Arc::new(ids)], &class).auc, 0.5);
        let few = StringArray::from_iter_values((0..4_000).map(|row| format!("user {}", row % 1_000)));
        let few = whole(&[Arc::new(few)], &class);
        assert!((few.auc - 0.5).abs() < 4.0 * few.standard_error, "{few:?}");
        let name = StringArray::from_iter_values(class.iter().map(|&c| if c == 1 { "a" } else { "b" }));
        let name = whole(&[Arc::new(name)], &class);
        assert_eq!((name.auc, name.eta_squared), (1.0, 1.0));
        assert!(name.spearman.is_nan());
    }

    #[test]
    fn any_shape_of_relation_counts_and_missing_values_speak() {
        let stream = Stream::new(2, 0);
        let values: Vec<f64> = (0..4_000).map(|row| stream.uniform(row) - 0.5).collect();
        let class: Vec<u8> = values.iter().map(|x| u8::from(x.abs() > 0.25)).collect();
        let found = whole(&numbers(values.clone()), &class);
        assert!(found.auc > 0.97 && found.spearman.abs() < 0.05, "{found:?}");
        let absent = values.iter().map(|&x| (x.abs() > 0.25).then_some(1.0));
        let absent: Vec<ArrayRef> = vec![Arc::new(absent.collect::<Float64Array>())];
        let found = whole(&absent, &class);
        assert_eq!(
            (found.missing_auc, found.missing),
            (1.0, class.iter().map(|&c| u64::from(c == 0)).sum())
        );
    }

    #[test]
    fn a_span_that_is_turned_round_is_below_a_half() {
        let stream = Stream::new(4, 0);
        let values: Vec<f64> = (0..4_000).map(|row| stream.uniform(row)).collect();
        let span: Vec<u32> = (0..4_000).map(|row| row / 1_000).collect();
        let class: Vec<u8> = (0..4_000)
            .map(|row| {
                let likely = 0.25 + 0.5 * values[row];
                u8::from(
                    stream.uniform(10_000 + row as u64) < if span[row] == 3 { 1.0 - likely } else { likely },
                )
            })
            .collect();
        let found = predictiveness("x", &numbers(values), &class, &span, 4).unwrap();
        assert!(
            found.transferred[0] > 0.5 && found.transferred[3] < 0.4,
            "{:?}",
            found.transferred
        );
        assert!(found.spans[3].auc > 0.55 && found.spans[3].spearman < -0.2);
    }

    #[test]
    fn many_labels_become_classes_of_equal_mass() {
        let many: Vec<f64> = (0..1_600).map(f64::from).collect();
        let found = classes(&many).unwrap();
        assert_eq!((found[0], found[1_599]), (0, 15));
        assert_eq!(found.iter().map(|&class| u32::from(class == 7)).sum::<u32>(), 100);
        assert!(classes(&[1.0, f64::NAN]).is_err());
    }

    #[test]
    fn lengths_and_spans_are_checked() {
        let fails =
            |class: &[u8], span: &[u32]| predictiveness("x", &numbers([1.0, 2.0]), class, span, 1).is_err();
        assert!(fails(&[0], &[0, 0]) && fails(&[0, 1], &[0, 1]) && !fails(&[0, 1], &[0, 0]));
    }
}
