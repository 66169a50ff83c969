//! Frozen cell borders, and the counts of values between them.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use ctcore_simd::widest;

use crate::column::{Numbers, as_f64};
use crate::num::{CHUNK, all_finite, order_key};
use crate::rank::Sorted;
use crate::rank::bins::Bins;
use crate::{Error, Result, par};

/// Cell borders, ascending and distinct. Cell `i` holds the values in `(edge[i-1], edge[i]]`; the
/// first and the last cell are open, so every finite value has a cell.
#[derive(Debug, Clone, Default, PartialEq)]
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

    /// Takes finite edges in any order.
    pub(super) fn sorted(mut edges: Vec<f64>) -> Self {
        edges.retain(|edge| edge.is_finite());
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        Self(edges)
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
        Self::sorted(edges)
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
        let counter = Counter::of(self);
        self.total(par::map(chunks.len(), |i| counter.count(chunks[i])))
    }

    /// How many finite values of a column fall into each cell.
    ///
    /// # Errors
    /// [`Error::Type`] where the column holds no numbers.
    pub fn count_column(&self, name: &str, chunks: &[ArrayRef]) -> Result<Vec<u64>> {
        let pieces: Vec<ArrayRef> = Numbers::pieces(name, chunks)?.into_iter().flatten().collect();
        let counter = Counter::of(self);
        let parts: Result<Vec<_>> = par::map(pieces.len(), |i| {
            let floats = as_f64(name, &pieces[i])?;
            let floats = floats.as_primitive::<Float64Type>();
            if floats.null_count() == 0 {
                return Ok(counter.count(floats.values()));
            }
            Ok(counter.count(&floats.iter().flatten().collect::<Vec<_>>()))
        })
        .into_iter()
        .collect();
        Ok(self.total(parts?))
    }

    fn total(&self, parts: Vec<Vec<u64>>) -> Vec<u64> {
        parts.into_iter().fold(vec![0; self.cells()], |mut total, part| {
            add(&mut total, &part);
            total
        })
    }
}

pub(super) fn add(total: &mut [u64], part: &[u64]) {
    for (sum, count) in total.iter_mut().zip(part) {
        *sum += count;
    }
}

/// Edges that are compared with at once: those of ten cells, which stay in registers.
const GROUP: usize = 9;
/// Up to this many edges a value is compared with all of them.
const COMPARED: usize = 3 * GROUP;
/// Values that stay in the first-level cache while they are compared with one group after the other.
const BLOCK: usize = 2_048;
/// Bins of the table for each edge: so many that most hold none, and the comparison is foreseen.
const BINS: usize = 8;

/// What counts values between edges: by comparing with each where there are few, which has no
/// branch to predict, else by a table.
pub(super) enum Counter {
    Few(Vec<[f64; GROUP]>, usize),
    Many(Places),
}

impl Counter {
    pub(super) fn of(edges: &Edges) -> Self {
        if edges.0.len() > COMPARED {
            return Self::Many(Places::of(edges));
        }
        let groups = edges.0.chunks(GROUP).map(|group| {
            // Nothing is above infinity but what is counted away.
            let mut padded = [f64::INFINITY; GROUP];
            padded[..group.len()].copy_from_slice(group);
            padded
        });
        Self::Few(groups.collect(), edges.0.len())
    }

    /// How many of the values that are finite fall into each cell.
    pub(super) fn count(&self, values: &[f64]) -> Vec<u64> {
        match self {
            Self::Few(groups, edges) => few(groups, *edges, values),
            Self::Many(places) => {
                let mut counts = vec![0; places.edges.len()];
                for &value in values.iter().filter(|value| value.is_finite()) {
                    counts[places.cell(value)] += 1;
                }
                counts
            }
        }
    }
}

fn few(groups: &[[f64; GROUP]], edges: usize, values: &[f64]) -> Vec<u64> {
    let mut above = vec![0; groups.len() * GROUP];
    let mut finite = 0;
    let mut count = |block: &[f64]| {
        for (above, group) in above.chunks_mut(GROUP).zip(groups) {
            add(above, &above_each(block, group));
        }
        finite += block.len() as u64;
    };
    for block in values.chunks(BLOCK) {
        if all_finite(block) {
            count(block);
        } else {
            count(
                &block
                    .iter()
                    .copied()
                    .filter(|value| value.is_finite())
                    .collect::<Vec<_>>(),
            );
        }
    }
    above.truncate(edges);
    above.push(0);
    let mut over = finite;
    for count in &mut above {
        let next = *count;
        *count = over - next;
        over = next;
    }
    above
}

/// How many values lie above each edge of a group.
fn above_each(values: &[f64], group: &[f64; GROUP]) -> [u64; GROUP] {
    widest(|| {
        let mut above = [0; GROUP];
        for &value in values {
            for (i, &edge) in group.iter().enumerate() {
                above[i] += u64::from(value > edge);
            }
        }
        above
    })
}

/// Where values lie among many edges: a table over order keys leaves one or two edges to compare with.
#[derive(Debug, Clone)]
pub(super) struct Places {
    bins: Bins,
    /// The first edge that a value of the bin may lie at or below.
    first: Vec<u32>,
    /// The edges, and infinity at the end.
    edges: Vec<f64>,
}

impl Places {
    pub(super) fn of(edges: &Edges) -> Self {
        let keys: Vec<u64> = edges.0.iter().map(|&edge| order_key(edge)).collect();
        let bins = Bins::of(&keys, BINS * keys.len());
        let mut first = vec![0; bins.len()];
        let mut passed = 0;
        for (bin, first) in first.iter_mut().enumerate() {
            *first = passed as u32;
            while passed < keys.len() && bins.bin(keys[passed]) == bin {
                passed += 1;
            }
        }
        let edges = edges.0.iter().copied().chain([f64::INFINITY]).collect();
        Self { bins, first, edges }
    }

    /// The cell of a finite value.
    #[inline]
    pub(super) fn cell(&self, value: f64) -> usize {
        let mut cell = self.first[self.bins.bin(order_key(value))] as usize;
        while self.edges[cell] < value {
            cell += 1;
        }
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

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

    proptest! {
        /// Few edges are compared with, many are looked up: both are what halving finds.
        #[test]
        fn a_cell_is_where_halving_finds_it(
            edges in prop::collection::vec(-50.0..50.0f64, 0..80),
            near in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8), 0..50),
            mut values in prop::collection::vec(prop::num::f64::ANY, 0..300),
        ) {
            let edges = Edges::sorted(edges);
            for (index, side) in near {
                if !edges.as_slice().is_empty() {
                    let edge = *index.get(edges.as_slice());
                    values.push([edge, edge.next_up(), edge.next_down()][usize::from(side)]);
                }
            }
            values.extend([0.0, -0.0, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
            let mut expected = vec![0; edges.cells()];
            for &value in values.iter().filter(|value| value.is_finite()) {
                expected[edges.cell(value)] += 1;
            }
            let column: Vec<ArrayRef> = vec![Arc::new(arrow_array::Float64Array::from(values.clone()))];
            prop_assert_eq!(&edges.count_column("x", &column).unwrap(), &expected);
            prop_assert_eq!(&Counter::Many(Places::of(&edges)).count(&values), &expected);
        }
    }
}
