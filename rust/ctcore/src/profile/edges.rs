//! Frozen cell borders, and the counts of values between them.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use ctcore_simd::widest;

use crate::column::{Numbers, as_f64};
use crate::num::{CHUNK, all_finite, order_key};
use crate::rank::Ranked;
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
    pub fn equal_mass(sample: &impl Ranked, cells: usize) -> Self {
        let n = sample.rows();
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
/// Values that stay in the first-level cache while they are looked at again.
const BLOCK: usize = 2_048;
/// Bins of a scale for each edge: most hold none or one, and their table stays in the cache.
const BINS: usize = 4;
/// Edges at each end that a scale of equal widths need not tell apart.
const THIN: usize = 2;
/// Of bins of equal width so many halvings are good enough to look for no better ones.
const FEW_HALVINGS: u32 = 2;

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
            Self::Many(places) if all_finite(values) => places.count(values),
            Self::Many(places) => {
                let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
                places.count(&finite)
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

/// Where values lie among many edges: a table over a scale of values leaves a few edges to halve.
#[derive(Debug, Clone)]
pub(super) struct Places {
    scale: Scale,
    /// For each bin of the scale, the first edge that its values may lie at or below.
    first: Vec<u32>,
    /// The edges, and infinities after them, which halving may look at.
    edges: Vec<f64>,
    cells: usize,
    /// So often are the edges of a bin halved until one is left.
    halvings: u32,
}

impl Places {
    pub(super) fn of(edges: &Edges) -> Self {
        let octaves = || Self::on(Scale::octaves(&edges.0), &edges.0);
        let Some(even) = Scale::even(&edges.0).map(|scale| Self::on(scale, &edges.0)) else {
            return octaves();
        };
        if even.halvings <= FEW_HALVINGS {
            return even;
        }
        let octaves = octaves();
        if even.halvings <= octaves.halvings {
            even
        } else {
            octaves
        }
    }

    fn on(scale: Scale, edges: &[f64]) -> Self {
        let mut first = vec![0; scale.len()];
        let (mut passed, mut most) = (0, 0);
        for (bin, first) in first.iter_mut().enumerate() {
            *first = passed as u32;
            let inside = edges[passed..]
                .iter()
                .take_while(|&&edge| scale.bin(edge) == bin)
                .count();
            passed += inside;
            most = inside.max(most);
        }
        let halvings = usize::BITS - most.leading_zeros();
        let beyond = std::iter::repeat_n(f64::INFINITY, 1 << halvings);
        Self {
            scale,
            first,
            edges: edges.iter().copied().chain(beyond).collect(),
            cells: edges.len() + 1,
            halvings,
        }
    }

    /// The cell of a finite value.
    pub(super) fn cell(&self, value: f64) -> usize {
        self.halve(value, self.scale.bin(value), self.halvings)
    }

    /// How many of the finite values fall into each cell.
    pub(super) fn count(&self, values: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; self.cells];
        let mut bins = [0; BLOCK];
        for chunk in values.chunks(CHUNK) {
            let mut here = vec![0_u32; self.cells];
            for block in chunk.chunks(BLOCK) {
                let bins = &mut bins[..block.len()];
                self.scale.bins(block, bins);
                // A loop for each of the usual numbers of halvings, which it then does without a branch.
                match self.halvings {
                    0 | 1 => self.tally(block, bins, 1, &mut here),
                    2 => self.tally(block, bins, 2, &mut here),
                    3 => self.tally(block, bins, 3, &mut here),
                    more => self.tally(block, bins, more, &mut here),
                }
            }
            for (sum, count) in counts.iter_mut().zip(here) {
                *sum += u64::from(count);
            }
        }
        counts
    }

    #[expect(
        clippy::inline_always,
        reason = "each number of halvings is a loop of its own"
    )]
    #[inline(always)]
    fn tally(&self, values: &[f64], bins: &[u32], halvings: u32, counts: &mut [u32]) {
        for (&value, &bin) in values.iter().zip(bins) {
            counts[self.halve(value, bin as usize, halvings)] += 1;
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "each number of halvings is a loop of its own"
    )]
    #[inline(always)]
    fn halve(&self, value: f64, bin: usize, halvings: u32) -> usize {
        let mut cell = self.first[bin] as usize;
        for halving in (0..halvings).rev() {
            let half = 1 << halving;
            cell += usize::from(self.edges[cell + half - 1] < value) << halving;
        }
        cell
    }
}

/// Bins for finite values. A larger value never has a smaller bin.
#[derive(Debug, Clone)]
enum Scale {
    /// Bins of equal width from `low` on; what lies beyond is in the first and the last one.
    Even { low: f64, per_one: f64, last: f64 },
    /// For each sign and exponent its first bin, and the bits of the mantissa that its bins leave off.
    Octaves(Vec<(u32, u32)>, usize),
}

/// The bits of a double below its exponent.
const MANTISSA: u32 = f64::MANTISSA_DIGITS - 1;
/// Doubles of this size have no bits for fractions: what is added is rounded, and the lowest bits hold it.
const WHOLE: f64 = (1_u64 << MANTISSA) as f64;

impl Scale {
    /// Bins of equal width between the edges, but for some at the ends, where data is thin; `None` where they have no
    /// width that a double can hold.
    fn even(edges: &[f64]) -> Option<Self> {
        let ends = THIN.min(edges.len() / 16);
        let (&low, &high) = edges
            .get(ends)
            .zip(edges.get(edges.len().checked_sub(ends + 1)?))?;
        let last = ((BINS * edges.len()).next_power_of_two() - 1) as f64;
        let per_one = last / (high - low);
        (per_one.is_normal() && per_one > 0.0).then_some(Self::Even { low, per_one, last })
    }

    fn octaves(edges: &[f64]) -> Self {
        let mut inside = vec![0; 1 << (u64::BITS - MANTISSA)];
        for &edge in edges {
            inside[(order_key(edge) >> MANTISSA) as usize] += 1;
        }
        let mut total = 0;
        let octaves = inside.iter().map(|&edges: &usize| {
            let bits = (BINS * edges).max(1).next_power_of_two().ilog2().min(MANTISSA);
            let first = total;
            total += 1 << bits;
            (first as u32, MANTISSA - bits)
        });
        let octaves = octaves.collect();
        Self::Octaves(octaves, total)
    }

    fn len(&self) -> usize {
        match self {
            Self::Even { last, .. } => *last as usize + 1,
            Self::Octaves(_, total) => *total,
        }
    }

    #[inline]
    fn bin(&self, value: f64) -> usize {
        match self {
            Self::Even { low, per_one, last } => even_bin(value, *low, *per_one, *last) as usize,
            Self::Octaves(octaves, _) => octave_bin(value, octaves) as usize,
        }
    }

    fn bins(&self, values: &[f64], bins: &mut [u32]) {
        match self {
            Self::Even { low, per_one, last } => widest(|| {
                for (bin, &value) in bins.iter_mut().zip(values) {
                    *bin = even_bin(value, *low, *per_one, *last);
                }
            }),
            Self::Octaves(octaves, _) => {
                for (bin, &value) in bins.iter_mut().zip(values) {
                    *bin = octave_bin(value, octaves);
                }
            }
        }
    }
}

#[expect(clippy::inline_always, reason = "what is inlined alone becomes wide vectors")]
#[inline(always)]
fn even_bin(value: f64, low: f64, per_one: f64, last: f64) -> u32 {
    let place = ((value - low) * per_one).max(0.0).min(last);
    (place + WHOLE).to_bits() as u32
}

#[inline]
fn octave_bin(value: f64, octaves: &[(u32, u32)]) -> u32 {
    let key = order_key(value);
    let (first, left_off) = octaves[(key >> MANTISSA) as usize];
    first + ((key & ((1 << MANTISSA) - 1)) >> left_off) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::Sorted;
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
        /// Few edges are compared with, many are looked up on either scale: all are what halving finds.
        #[test]
        fn a_cell_is_where_halving_finds_it(
            edges in prop::collection::vec(
                prop_oneof![
                    -50.0..50.0f64,
                    1e9..1.000_001e9f64,
                    prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
                ],
                0..80,
            ),
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
            let scales = [Some(Scale::octaves(&edges.0)), Scale::even(&edges.0)];
            let places = scales.into_iter().flatten().map(|scale| Places::on(scale, &edges.0));
            for places in places.chain([Places::of(&edges)]) {
                for &value in values.iter().filter(|value| value.is_finite()) {
                    prop_assert_eq!(places.cell(value), edges.cell(value));
                }
                prop_assert_eq!(&Counter::Many(places).count(&values), &expected);
            }
        }
    }
}
