//! The mergeable summary of a column: what a later comparison needs of it, and nothing of its rows.
//!
//! Edges and dictionaries are frozen on the reference. On frozen cells the counts are integers, so
//! profiles of days, shards and machines merge exactly and in any order.

use std::collections::BTreeMap;

use arrow_array::ArrayRef;

use crate::column::{Categories, Kind, Numbers, Rows};
use crate::num::{CHUNK, LANES, Moments};
use crate::rank::Sorted;
use crate::{Error, Result, par};

/// Cell borders, ascending and distinct. Cell `i` holds the values in `(edge[i-1], edge[i]]`; the
/// first and the last cell are open, so every finite value has a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Edges(Vec<f64>);

impl Edges {
    /// Takes edges as they are.
    ///
    /// # Errors
    /// [`Error::Argument`] unless they are finite and strictly ascending.
    pub fn new(edges: Vec<f64>) -> Result<Self> {
        if let Some(bad) = edges.iter().find(|edge| !edge.is_finite()) {
            return Err(Error::argument("edges", format!("must be finite, found {bad}")));
        }
        if let Some((before, after)) = edges.iter().zip(edges.iter().skip(1)).find(|(a, b)| a >= b) {
            return Err(Error::argument(
                "edges",
                format!("must ascend strictly, found {before} before {after}"),
            ));
        }
        Ok(Self(edges))
    }

    /// Edges that put about the same number of the sample's values in each of `cells` cells: the
    /// order statistics of ranks `ceil(i n / cells)`. A value that alone fills a cell (an atom: a
    /// flag, a default, a zero) gets a cell of its own, closed on both sides, so that no move away
    /// from it stays in its cell; elsewhere ties make fewer cells.
    ///
    /// ```
    /// use ctcore::{profile::Edges, rank::Sorted};
    /// let sample = Sorted::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    /// assert_eq!(Edges::equal_mass(&sample, 4).as_slice(), &[2.0, 4.0, 6.0]);
    /// ```
    pub fn equal_mass(sample: &Sorted, cells: usize) -> Self {
        let n = sample.len();
        let mut edges: Vec<f64> = Vec::with_capacity(2 * cells);
        for i in 1..cells {
            let Some(value) = (i * n)
                .div_ceil(cells)
                .checked_sub(1)
                .and_then(|rank| sample.get(rank))
            else {
                continue;
            };
            let (below, equal) = (sample.below(value), sample.equal(value));
            if equal * cells >= n {
                // Just under the atom, unless the value before it is an edge already.
                let before = below.checked_sub(1).and_then(|rank| sample.get(rank));
                if before.is_none() || edges.last().copied() != before {
                    edges.push(value.next_down());
                }
                edges.push(value);
            } else if below + equal < n {
                edges.push(value);
            }
        }
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        edges.retain(|edge| edge.is_finite());
        Self(edges)
    }

    /// The borders.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The number of cells: one more than there are edges.
    pub fn cells(&self) -> usize {
        self.0.len() + 1
    }

    /// The cell of a finite value.
    #[inline]
    pub(crate) fn cell(&self, value: f64) -> usize {
        self.0.partition_point(|&edge| edge < value)
    }

    /// How many of the finite `values` fall into each cell.
    pub fn count(&self, values: &[f64]) -> Vec<u64> {
        let chunks: Vec<&[f64]> = values.chunks(CHUNK).collect();
        let parts = par::map(chunks.len(), |i| self.count_chunk(chunks[i]));
        parts.iter().fold(vec![0; self.cells()], |mut total, part| {
            add(&mut total, part);
            total
        })
    }

    /// [`Edges::count`] on this thread: by comparing with every edge where there are few, which has no
    /// branch to predict, else by halving.
    fn count_chunk(&self, values: &[f64]) -> Vec<u64> {
        let mut counts = vec![0_u64; self.cells()];
        if self.cells() > COMPARED {
            for &value in values {
                counts[self.cell(value)] += 1;
            }
            return counts;
        }
        for block in values.chunks(BLOCK) {
            let mut above_last = block.len() as u64;
            for (cell, &edge) in self.0.iter().enumerate() {
                let above = above(block, edge);
                counts[cell] += above_last - above;
                above_last = above;
            }
            counts[self.0.len()] += above_last;
        }
        counts
    }
}

/// Up to this many cells a value is compared with every edge.
const COMPARED: usize = 24;
/// Values that stay in the first-level cache while they are compared.
const BLOCK: usize = 2_048;

/// How many values lie above an edge.
fn above(values: &[f64], edge: f64) -> u64 {
    let mut lanes = [0_u64; LANES];
    let mut blocks = values.chunks_exact(LANES);
    for block in &mut blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane += u64::from(value > edge);
        }
    }
    let rest = blocks.remainder().iter().filter(|&&value| value > edge).count();
    lanes.iter().sum::<u64>() + rest as u64
}

fn add(total: &mut [u64], part: &[u64]) {
    for (sum, count) in total.iter_mut().zip(part) {
        *sum += count;
    }
}

/// The summary of a column of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberProfile {
    /// What the rows hold.
    pub rows: Rows,
    /// The smallest and the largest finite value.
    pub range: Option<(f64, f64)>,
    /// Moments of the finite values.
    pub moments: Moments,
    /// The frozen cells.
    pub edges: Edges,
    /// Finite values per cell.
    pub counts: Vec<u64>,
}

impl NumberProfile {
    /// Summarises a column that is in memory as numbers already, on given edges.
    pub fn on(numbers: &Numbers, edges: Edges) -> Self {
        let chunks: Vec<&[f64]> = numbers.finite.chunks(CHUNK).collect();
        let parts = par::map(chunks.len(), |i| {
            Self::of_chunk(Rows::default(), chunks[i], &edges)
        });
        let mut whole = Self::empty(edges);
        for part in &parts {
            whole.add(part);
        }
        whole.rows = numbers.rows;
        whole
    }

    /// Summarises a column on given edges, chunk by chunk: nothing of the column is kept.
    ///
    /// # Errors
    /// [`Error::Type`] where the column holds no numbers.
    pub fn of_column(name: &str, chunks: &[ArrayRef], edges: &Edges) -> Result<Self> {
        let pieces = Numbers::pieces(name, chunks)?;
        let parts: Vec<Result<Self>> = par::map(pieces.len(), |i| {
            let numbers = Numbers::of_pieces(name, &pieces[i])?;
            Ok(Self::of_chunk(numbers.rows, &numbers.finite, edges))
        });
        let mut whole = Self::empty(edges.clone());
        for part in parts {
            whole.add(&part?);
        }
        Ok(whole)
    }

    fn empty(edges: Edges) -> Self {
        Self {
            rows: Rows::default(),
            range: None,
            moments: Moments::default(),
            counts: vec![0; edges.cells()],
            edges,
        }
    }

    fn of_chunk(rows: Rows, finite: &[f64], edges: &Edges) -> Self {
        let range = (!finite.is_empty()).then(|| extremes(finite));
        Self {
            rows,
            range,
            moments: Moments::of_chunk(finite),
            counts: edges.count_chunk(finite),
            edges: Edges(Vec::new()),
        }
    }

    /// Adds a part that was counted on the same edges.
    fn add(&mut self, later: &Self) {
        self.rows.merge(&later.rows);
        self.moments.merge(&later.moments);
        self.range = match (self.range, later.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (range, None) | (None, range) => range,
        };
        add(&mut self.counts, &later.counts);
    }

    /// Adds the rows of `later`.
    ///
    /// # Errors
    /// [`Error::Argument`] where the edges differ: counts on different cells have no sum.
    pub fn merge(&mut self, later: &Self) -> Result<()> {
        if self.edges != later.edges {
            return Err(Error::argument(
                "profile",
                format!(
                    "profiles merge on the same edges only; one has {} cells, the other {}, or their borders differ. \
                     Make both with like= the same reference",
                    self.edges.cells(),
                    later.edges.cells()
                ),
            ));
        }
        self.add(later);
        Ok(())
    }
}

/// The smallest and the largest of some values, in lanes.
fn extremes(values: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    for block in values.chunks(LANES) {
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(block) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
        }
    }
    let pick = |lanes: [f64; LANES], better: fn(f64, f64) -> f64| lanes.into_iter().fold(lanes[0], better);
    (pick(low, f64::min), pick(high, f64::max))
}

/// The summary of a column of categories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryProfile {
    /// What the rows hold.
    pub rows: Rows,
    /// Rows per category of the dictionary. A category may count 0.
    pub counts: BTreeMap<String, u64>,
    /// Rows in categories that are not in the dictionary.
    pub rest: u64,
}

impl CategoryProfile {
    /// Summarises a column, keeping the `limit` most frequent categories (equal counts in the
    /// order of their names) and the rest as one number.
    pub fn of(categories: Categories, limit: usize) -> Self {
        let mut by_count: Vec<(String, u64)> = categories.counts.into_iter().collect();
        by_count.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rest = by_count.iter().skip(limit).map(|(_, count)| count).sum();
        by_count.truncate(limit);
        Self {
            rows: categories.rows,
            counts: by_count.into_iter().collect(),
            rest,
        }
    }

    /// Summarises a column on the dictionary of `like`.
    pub fn on(categories: &Categories, like: &Self) -> Self {
        let counts: BTreeMap<String, u64> = like
            .counts
            .keys()
            .map(|name| (name.clone(), categories.counts.get(name).copied().unwrap_or(0)))
            .collect();
        let known: u64 = counts.values().sum();
        let all: u64 = categories.counts.values().sum();
        Self {
            rows: categories.rows,
            counts,
            rest: all - known,
        }
    }

    /// Adds the rows of `later`.
    ///
    /// # Errors
    /// [`Error::Argument`] where the dictionaries differ.
    pub fn merge(&mut self, later: &Self) -> Result<()> {
        if !self.counts.keys().eq(later.counts.keys()) {
            return Err(Error::argument(
                "profile",
                "profiles merge on the same dictionary only; make both with like= the same reference",
            ));
        }
        self.rows.merge(&later.rows);
        for (sum, count) in self.counts.values_mut().zip(later.counts.values()) {
            *sum += count;
        }
        self.rest += later.rest;
        Ok(())
    }
}

/// The summary of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnProfile {
    /// Of numbers.
    Number(NumberProfile),
    /// Of categories.
    Category(CategoryProfile),
}

impl ColumnProfile {
    /// Summarises a column and freezes its cells: `cells` of equal mass for numbers, the `limit`
    /// most frequent categories for the rest.
    ///
    /// # Errors
    /// [`Error::Type`] for a column that is neither.
    pub fn of(name: &str, chunks: &[ArrayRef], kind: Kind, cells: usize, limit: usize) -> Result<Self> {
        Ok(match kind {
            Kind::Number => {
                let numbers = Numbers::of_column(name, chunks)?;
                let edges = Edges::equal_mass(&Sorted::new(&numbers.finite), cells);
                Self::Number(NumberProfile::on(&numbers, edges))
            }
            Kind::Category => {
                Self::Category(CategoryProfile::of(Categories::of_column(name, chunks)?, limit))
            }
        })
    }

    /// Summarises a column on the cells of `like`.
    ///
    /// # Errors
    /// [`Error::Type`] where the column is of another kind than `like`.
    pub fn on(name: &str, chunks: &[ArrayRef], like: &Self) -> Result<Self> {
        Ok(match like {
            Self::Number(like) => Self::Number(NumberProfile::of_column(name, chunks, &like.edges)?),
            Self::Category(like) => {
                Self::Category(CategoryProfile::on(&Categories::of_column(name, chunks)?, like))
            }
        })
    }

    /// Adds the rows of `later`.
    ///
    /// # Errors
    /// [`Error::Argument`] where the cells or kinds differ.
    pub fn merge(&mut self, later: &Self) -> Result<()> {
        match (self, later) {
            (Self::Number(a), Self::Number(b)) => a.merge(b),
            (Self::Category(a), Self::Category(b)) => a.merge(b),
            _ => Err(Error::argument(
                "profile",
                "one profile is of numbers, the other of categories",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(values: &[f64]) -> Numbers {
        Numbers {
            rows: Rows {
                rows: values.len() as u64,
                ..Rows::default()
            },
            finite: values.to_vec(),
        }
    }

    #[test]
    fn ties_make_fewer_cells_and_no_empty_one() {
        let sample = Sorted::new(&[0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
        let edges = Edges::equal_mass(&sample, 3);
        assert_eq!(edges.as_slice(), &[0.0_f64.next_down(), 0.0]);
        assert_eq!(edges.count(&[-5.0, 0.0, 0.5, 1.0, 9.0]), vec![1, 1, 3]);
        assert_eq!(Edges::equal_mass(&Sorted::new(&[]), 10).cells(), 1);
    }

    /// Whatever moves off a value that most rows hold must change a count.
    #[test]
    fn a_move_off_an_atom_is_seen() {
        for reference in [
            vec![5.0; 100],
            [vec![1.0; 95], vec![0.0; 5]].concat(),
            [vec![0.0; 60], vec![1.0; 40]].concat(),
        ] {
            let edges = Edges::equal_mass(&Sorted::new(&reference), 10);
            let before = edges.count(&reference);
            for moved in [-1000.0, 0.3, 4.999, 5.001, 1000.0] {
                let after = edges.count(&vec![moved; reference.len()]);
                let apart: u64 = before.iter().zip(&after).map(|(a, b)| a.abs_diff(*b)).sum();
                assert!(
                    apart as usize >= reference.len(),
                    "{reference:?} to {moved}: {edges:?}"
                );
            }
        }
    }

    #[test]
    fn edges_must_ascend() {
        assert!(Edges::new(vec![1.0, 1.0]).is_err());
        assert!(Edges::new(vec![1.0, f64::NAN]).is_err());
        assert!(Edges::new(vec![]).is_ok());
    }

    #[test]
    fn the_dictionary_keeps_the_most_frequent_and_counts_the_rest() {
        let categories = Categories {
            rows: Rows {
                rows: 9,
                ..Rows::default()
            },
            counts: [("a".into(), 5), ("b".into(), 1), ("c".into(), 3)].into(),
        };
        let profile = CategoryProfile::of(categories.clone(), 2);
        assert_eq!(profile.counts.keys().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(profile.rest, 1);
        assert_eq!(CategoryProfile::on(&categories, &profile), profile);
    }

    proptest! {
        #[test]
        fn profiles_of_parts_merge_to_the_profile_of_the_whole(
            values in prop::collection::vec(-100.0..100.0f64, 1..300),
            cut in 0.0..1.0f64,
        ) {
            let cut = (cut * values.len() as f64) as usize;
            let edges = Edges::equal_mass(&Sorted::new(&values), 10);
            let whole = NumberProfile::on(&numbers(&values), edges.clone());
            let mut parts = NumberProfile::on(&numbers(&values[..cut]), edges.clone());
            parts.merge(&NumberProfile::on(&numbers(&values[cut..]), edges)).unwrap();
            prop_assert_eq!(&parts.counts, &whole.counts);
            prop_assert_eq!(parts.range, whole.range);
            prop_assert_eq!(parts.rows, whole.rows);
            prop_assert!((parts.moments.mean - whole.moments.mean).abs() < 1e-10);
        }
    }
}
