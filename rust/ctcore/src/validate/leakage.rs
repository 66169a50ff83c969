//! How well one feature alone predicts the label: too well is a leak.
//!
//! Every number here is a function of counts by half, cell and class, one table for each span of days: the area under
//! the curve, its standard error, Spearman's rank correlation, the correlation ratio. Cells, classes and spans are set
//! on all rows together, once their [`Joint`] counts have been added up.

use crate::num::sum;
use crate::profile::Edges;
use crate::rank::{Counted, Ranked};
use crate::validate::joint::{Cell, Joint};
use crate::{Error, Result};

/// Cells of a feature with more different values than that: of equal mass for numbers, the most
/// frequent categories one by one otherwise.
const CELLS: usize = 64;
/// Classes of a label with more different values than that.
const CLASSES: usize = 16;

/// Runs of days, the newest last: all of one length, but for the first, which has all days before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// The last day of the newest span.
    pub last_day: i32,
    /// The days of a span.
    pub days: u32,
    /// How many spans there are.
    pub spans: usize,
}

impl Calendar {
    fn span(&self, day: i32) -> usize {
        let back = (i64::from(self.last_day) - i64::from(day)).max(0) / i64::from(self.days);
        self.spans - 1 - (back as usize).min(self.spans - 1)
    }

    fn checked(&self) -> Result<()> {
        if self.days == 0 || self.spans == 0 {
            return Err(Error::argument(
                "spans",
                "must be at least one, of at least one day",
            ));
        }
        Ok(())
    }
}

/// Edges that give each different value a cell of its own where there are at most `limit`, else
/// cells of equal mass.
fn edges(sorted: &Counted, limit: usize) -> Edges {
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

impl Joint {
    /// The rows of each value, or of each label.
    fn totals(&self, many: usize, of: impl Fn(&Cell) -> usize) -> Vec<u64> {
        let mut rows = vec![0; many];
        for cell in self.cells() {
            rows[of(&cell)] += cell.rows[0] + cell.rows[1];
        }
        rows
    }

    /// The ordered class of each label: its different values where there are at most 16, else 16 of equal mass.
    fn classes(&self) -> Vec<usize> {
        let labels: Vec<f64> = self.labels().collect();
        let rows = self.totals(labels.len(), |cell| cell.label);
        let edges = edges(&Counted::of(labels.iter().copied().zip(rows)), CLASSES);
        labels.into_iter().map(|label| edges.cell(label)).collect()
    }

    /// The group of each value, and how many there are. The last one is for rows without a value.
    fn groups(&self) -> (Vec<usize>, usize) {
        let values: Vec<Option<f64>> = self.values().collect();
        let rows = self.totals(values.len(), |cell| cell.value);
        if self.ordered {
            let finite = values
                .iter()
                .zip(&rows)
                .filter_map(|(value, &rows)| Some(((*value)?, rows)));
            let edges = edges(&Counted::of(finite.filter(|(value, _)| value.is_finite())), CELLS);
            let group = |value: Option<f64>| value.map_or(edges.cells(), |value| edges.cell(value));
            return (values.into_iter().map(group).collect(), edges.cells() + 1);
        }
        let mut frequent: Vec<usize> = (0..values.len())
            .filter(|&place| values[place].is_some())
            .collect();
        frequent.sort_by_key(|&place| std::cmp::Reverse(rows[place]));
        // A category that is there once says nothing about the next row that has it.
        frequent.retain(|&place| rows[place] > 1);
        frequent.truncate(CELLS - 1);
        let rest = frequent.len();
        let mut groups: Vec<usize> = values
            .iter()
            .map(|value| rest + usize::from(value.is_none()))
            .collect();
        for (group, place) in frequent.into_iter().enumerate() {
            groups[place] = group;
        }
        (groups, rest + 2)
    }

    /// The rows of each span, counted by group and class.
    fn associations(&self, calendar: Calendar) -> Vec<Association> {
        let (classes, (groups, count)) = (self.classes(), self.groups());
        let width = classes.last().map_or(1, |&most| most + 1);
        let mut spans = vec![Association::new(count, width, self.ordered); calendar.spans];
        let span_of: Vec<usize> = self.days().iter().map(|&day| calendar.span(day)).collect();
        for cell in self.cells() {
            let place = groups[cell.value] * width + classes[cell.label];
            let span = &mut spans[span_of[cell.day]];
            for (counts, rows) in span.counts.iter_mut().zip(cell.rows) {
                counts[place] += rows;
            }
        }
        spans
    }
}

/// Rows counted by half, cell of the feature and class of the label.
///
/// The halves are for honesty: cells are put in the order of the label's mean in one half of the
/// rows and judged on the other, so that a feature with many values (an id) earns nothing by
/// knowing its own labels.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Association {
    classes: usize,
    /// Whether neighbouring cells hold neighbouring values.
    ordered: bool,
    /// For each half, cell after cell, the rows of each class.
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

    /// Adds rows that were counted on the same cells.
    fn merge(&mut self, later: &Self) {
        for (counts, later) in self.counts.iter_mut().zip(&later.counts) {
            for (count, later) in counts.iter_mut().zip(later) {
                *count += later;
            }
        }
    }

    /// The cells' counts of both halves together.
    fn both(&self) -> Vec<u64> {
        self.counts[0]
            .iter()
            .zip(&self.counts[1])
            .map(|(a, b)| a + b)
            .collect()
    }

    /// What the feature says about the label.
    fn predictiveness(&self) -> Predictiveness {
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

/// What a feature says about the label.
///
/// # Errors
/// [`Error::Argument`] for a calendar without a span or a day.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Float64Array};
/// use ctcore::validate::joint::Labelled;
/// use ctcore::validate::leakage::{Calendar, predictiveness};
/// let label: Vec<f64> = (0..200).map(|row| f64::from(row % 2)).collect();
/// let leak: ArrayRef = Arc::new(Float64Array::from(label.clone()));
/// let counts = Labelled::of(&label, &[0; 200])?.count("x", &[leak])?;
/// let found = predictiveness(&counts, Calendar { last_day: 0, days: 1, spans: 1 })?;
/// assert_eq!((found.whole.auc, found.whole.spearman), (1.0, 1.0));
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn predictiveness(counts: &Joint, calendar: Calendar) -> Result<Spans> {
    calendar.checked()?;
    let states = counts.associations(calendar);
    let without = |left_out: usize| {
        let mut states = states.iter().enumerate().filter(|&(span, _)| span != left_out);
        let mut total = states.next().map(|(_, state)| state.clone())?;
        states.for_each(|(_, state)| total.merge(state));
        Some(total)
    };
    let whole = without(calendar.spans).unwrap_or_else(|| Association::new(1, 1, counts.ordered));
    Ok(Spans {
        whole: whole.predictiveness(),
        spans: states.iter().map(Association::predictiveness).collect(),
        transferred: (0..calendar.spans)
            .map(|span| without(span).map_or(f64::NAN, |others| states[span].transferred(&others)))
            .collect(),
    })
}

/// How large a feature's numbers are.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// The deciles in the spans before the newest.
    pub old: Vec<f64>,
    /// Those in the newest span.
    pub new: Vec<f64>,
    /// The medians of the spans, the newest last.
    pub medians: Vec<f64>,
}

/// How large a feature's finite numbers are in the newest span and before it. Spans of fewer than `few` numbers are left
/// out; `None` where the newest is such a span, no other is left, or the values are categories.
///
/// # Errors
/// [`Error::Argument`] for a calendar without a span or a day.
pub fn scale(counts: &Joint, calendar: Calendar, few: usize) -> Result<Option<Scale>> {
    calendar.checked()?;
    if !counts.ordered {
        return Ok(None);
    }
    let values: Vec<Option<f64>> = counts.values().collect();
    let mut spans = vec![vec![0; values.len()]; calendar.spans];
    for cell in counts.cells() {
        spans[calendar.span(counts.days()[cell.day])][cell.value] += cell.rows[0] + cell.rows[1];
    }
    let counted = |rows: Vec<u64>| {
        let numbers = values
            .iter()
            .zip(rows)
            .filter_map(|(value, rows)| Some(((*value)?, rows)));
        Counted::of(numbers.filter(|(number, _)| number.is_finite()))
    };
    let Some(newest) = spans.pop().map(counted).filter(|newest| newest.rows() >= few) else {
        return Ok(None);
    };
    let mut medians = Vec::new();
    let mut before = vec![0; values.len()];
    for rows in spans {
        let span = counted(rows.clone());
        if span.rows() >= few {
            medians.push(span.quantile(0.5));
            before.iter_mut().zip(rows).for_each(|(sum, rows)| *sum += rows);
        }
    }
    if medians.is_empty() {
        return Ok(None);
    }
    medians.push(newest.quantile(0.5));
    let before = counted(before);
    let deciles = |numbers: &Counted| {
        (1..10)
            .map(|tenth| numbers.quantile(f64::from(tenth) / 10.0))
            .collect()
    };
    Ok(Some(Scale {
        old: deciles(&before),
        new: deciles(&newest),
        medians,
    }))
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
    use crate::validate::joint::Labelled;
    use arrow_array::{ArrayRef, Float64Array, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn numbers(values: impl IntoIterator<Item = f64>) -> Vec<ArrayRef> {
        vec![Arc::new(Float64Array::from_iter_values(values))]
    }

    fn spans(column: &[ArrayRef], class: &[u8], span: &[i32], spans: usize) -> Spans {
        let label: Vec<f64> = class.iter().map(|&class| f64::from(class)).collect();
        let counts = Labelled::of(&label, span).unwrap().count("x", column).unwrap();
        let last_day = spans as i32 - 1;
        predictiveness(
            &counts,
            Calendar {
                last_day,
                days: 1,
                spans,
            },
        )
        .unwrap()
    }

    fn whole(column: &[ArrayRef], class: &[u8]) -> Predictiveness {
        spans(column, class, &vec![0; class.len()], 1).whole
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
        let span: Vec<i32> = (0..4_000).map(|row| row / 1_000).collect();
        let class: Vec<u8> = (0..4_000)
            .map(|row| {
                let likely = 0.25 + 0.5 * values[row];
                u8::from(
                    stream.uniform(10_000 + row as u64) < if span[row] == 3 { 1.0 - likely } else { likely },
                )
            })
            .collect();
        let found = spans(&numbers(values), &class, &span, 4);
        assert!(
            found.transferred[0] > 0.5 && found.transferred[3] < 0.4,
            "{:?}",
            found.transferred
        );
        assert!(found.spans[3].auc > 0.55 && found.spans[3].spearman < -0.2);
    }

    #[test]
    fn many_labels_become_classes_of_equal_mass() {
        let many: Vec<f64> = (0..1_600).map(|row| f64::from(row % 200)).collect();
        let column = numbers(many.iter().copied());
        let counts = Labelled::of(&many, &[0; 1_600])
            .unwrap()
            .count("x", &column)
            .unwrap();
        let state = &counts.associations(Calendar {
            last_day: 0,
            days: 1,
            spans: 1,
        })[0];
        assert_eq!(state.classes, 16);
        let rows = state.class_rows(&state.both());
        assert!(rows.iter().all(|rows| (96..=104).contains(rows)), "{rows:?}");
    }

    #[test]
    fn spans_are_counted_from_the_last_day_and_the_first_has_all_before_it() {
        let weeks = Calendar {
            last_day: 20,
            days: 7,
            spans: 3,
        };
        let span = |day| weeks.span(day);
        assert_eq!([20, 14, 13, 7, 6, -900, 21].map(span), [2, 2, 1, 1, 0, 0, 2]);
        let column = numbers([1.0]);
        let counts = Labelled::of(&[1.0], &[0]).unwrap().count("x", &column).unwrap();
        assert!(predictiveness(&counts, Calendar { spans: 0, ..weeks }).is_err());
        assert!(scale(&counts, Calendar { days: 0, ..weeks }, 1).is_err());
    }

    #[test]
    fn scales_are_deciles_and_medians_of_spans_with_numbers_enough() {
        let column = numbers((0..404).map(|row| {
            if row < 400 {
                f64::from(row % 101)
            } else {
                f64::INFINITY
            }
        }));
        let day: Vec<i32> = (0..404)
            .map(|row| if row < 300 { row / 100 } else { 3 })
            .collect();
        let counts = Labelled::of(&[0.0; 404], &day)
            .unwrap()
            .count("x", &column)
            .unwrap();
        let days = Calendar {
            last_day: 3,
            days: 1,
            spans: 4,
        };
        let found = scale(&counts, days, 100).unwrap().unwrap();
        assert_eq!(found.medians.len(), 4);
        assert!((found.new[4] - 49.5).abs() < 1.5, "{found:?}");
        assert_eq!(scale(&counts, days, 101).unwrap(), None);
    }
}
