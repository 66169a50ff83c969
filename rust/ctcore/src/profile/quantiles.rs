//! The distribution of numbers in one pass and bounded memory: counts in about a thousand cells that
//! follow the data, with bounds of the rank of every border.
//!
//! The first values freeze cells of equal mass. A later chunk that makes a cell too heavy splits it
//! between its own values, before they are counted; of the rows that the cell held already, only
//! their number is known then, and the new border's rank carries that as its slack. Nothing is
//! drawn at random, and the bounds hold for every input: data in random order or in ascending order
//! leave no slack at all. Borders never move, so counts stay whole numbers.

use super::edges::{Edges, Places, add};
use crate::rank::Sorted;
use crate::{Error, Result};

/// Cells that the distribution is cut into: a multiple of the cells that decisions use, so that
/// their borders are among these.
pub const FINE: usize = 1_000;
/// Light neighbours are put together above this many cells. Each of a thousand distinct values may
/// have a cell of its own and one before it.
const MOST: usize = 3 * FINE;

/// How far the true number of values at or below an edge may lie from the counted one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slack {
    /// At most so many fewer.
    pub under: u64,
    /// At most so many more.
    pub over: u64,
}

/// Counts in fine cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quantiles {
    edges: Edges,
    counts: Vec<u64>,
    slack: Vec<Slack>,
}

impl Quantiles {
    /// Takes what was stored.
    ///
    /// # Errors
    /// [`Error::Argument`] where the lengths do not fit each other.
    pub fn new(edges: Edges, counts: Vec<u64>, slack: Vec<Slack>) -> Result<Self> {
        if counts.len() != edges.cells() || slack.len() + 1 != edges.cells() {
            let message = format!(
                "{} counts and {} slacks do not fit {} cells",
                counts.len(),
                slack.len(),
                edges.cells()
            );
            return Err(Error::argument("quantiles", message));
        }
        let whole = Self { edges, counts, slack };
        let n = whole
            .counts
            .iter()
            .try_fold(0_u64, |sum, &count| sum.checked_add(count));
        let fits = n.is_some_and(|n| {
            let mut rank = 0;
            whole.slack.iter().zip(&whole.counts).all(|(slack, count)| {
                rank += count;
                slack.under <= rank && slack.over <= n - rank
            })
        });
        if !fits {
            let message = "a border's slack goes beyond the values that there are";
            return Err(Error::argument("quantiles", message));
        }
        Ok(whole)
    }

    /// No values yet, in the cells of `like`: what is counted there is exact.
    pub fn like(like: &Self) -> Self {
        Self {
            counts: vec![0; like.counts.len()],
            slack: vec![Slack::default(); like.slack.len()],
            edges: like.edges.clone(),
        }
    }

    /// The borders of the cells.
    pub fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Values in each cell.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The slack of each edge.
    pub fn slack(&self) -> &[Slack] {
        &self.slack
    }

    /// The number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Bounds of the number of values at or below each edge, and at the end of all values.
    pub fn ranks(&self) -> Vec<(u64, u64)> {
        let mut rank = 0;
        let mut ranks = Vec::with_capacity(self.counts.len());
        for (cell, count) in self.counts.iter().enumerate() {
            rank += count;
            let slack = self.slack.get(cell).copied().unwrap_or_default();
            ranks.push((rank - slack.under, rank + slack.over));
        }
        ranks
    }

    /// The largest share of the values between two neighbouring edges, slack included, where they are
    /// more than one point: no quantile is known worse than that.
    pub fn rank_error(&self) -> f64 {
        let ranks = self.ranks();
        let before = [(0, 0)].into_iter().chain(ranks.iter().copied());
        let widest = before
            .zip(&ranks)
            .enumerate()
            .filter(|&(cell, _)| !self.is_point(cell))
            .map(|(_, ((low, _), (_, high)))| high - low)
            .max();
        widest.unwrap_or(0) as f64 / self.count().max(1) as f64
    }

    /// Bounds of the value at rank `ceil(share n)`, between the smallest and the largest of `range`.
    pub fn quantile(&self, share: f64, range: (f64, f64)) -> (f64, f64) {
        let rank = ((share * self.count() as f64).ceil() as u64).clamp(1, self.count().max(1));
        let ranks = self.ranks();
        let edges = self.edges.as_slice();
        let below = ranks.iter().zip(edges).rev().find(|((_, high), _)| *high < rank);
        let above = ranks.iter().zip(edges).find(|((low, _), _)| *low >= rank);
        let lower = below.map_or(range.0, |(_, &edge)| edge.next_up().max(range.0));
        let upper = above.map_or(range.1, |(_, &edge)| edge.min(range.1));
        (lower, upper)
    }

    /// About `cells` cells of equal mass: for each share, the first edge with at least so many values
    /// at or below it. What alone fills a cell keeps the edge under it too.
    pub(super) fn equal_mass(&self, cells: usize) -> Edges {
        let n = self.count();
        let mut chosen: Vec<f64> = Vec::new();
        let (mut cell, mut to, mut chosen_to) = (0, self.counts[0], 0);
        for i in 1..cells as u64 {
            let rank = (i * n).div_ceil(cells as u64).max(1);
            while to < rank && cell + 1 < self.counts.len() {
                cell += 1;
                to += self.counts[cell];
            }
            let Some(&edge) = self.edges.as_slice().get(cell) else {
                break;
            };
            let count = self.counts[cell];
            let is_atom = count * cells as u64 >= n && self.is_point(cell);
            if is_atom && (chosen.is_empty() || to - count != chosen_to) {
                chosen.push(edge.next_down());
            }
            if is_atom || to < n {
                chosen.push(edge);
                chosen_to = to;
            }
        }
        Edges::sorted(chosen)
    }

    /// Counts in the cells between some of these edges.
    pub(super) fn counts_on(&self, edges: &Edges) -> Vec<u64> {
        let mut counts = vec![0; edges.cells()];
        let mut to = 0;
        for (index, &count) in self.counts.iter().enumerate() {
            counts[to] += count;
            if edges.as_slice().get(to) == self.edges.as_slice().get(index) {
                to = (to + 1).min(edges.as_slice().len());
            }
        }
        counts
    }

    /// Whether a cell holds one value alone, whatever comes.
    pub(crate) fn is_point(&self, cell: usize) -> bool {
        let edges = self.edges.as_slice();
        cell > 0 && cell < edges.len() && edges[cell - 1].next_up() == edges[cell]
    }

    /// Adds counts on the same edges.
    pub(super) fn merge(&mut self, later: &Self) {
        add(&mut self.counts, &later.counts);
        for (slack, later) in self.slack.iter_mut().zip(&later.slack) {
            slack.under += later.under;
            slack.over += later.over;
        }
    }

    /// Splits cells at edges that lie inside them, in ascending order. The values counted so far lie
    /// in `range`.
    fn split(&mut self, cuts: &[Cut], range: Option<(f64, f64)>) {
        let ranks = self.ranks();
        let (mut edges, mut counts, mut slack) = (Vec::new(), Vec::new(), Vec::new());
        let mut cuts = cuts.iter().peekable();
        let mut rank = 0;
        for (cell, &held) in self.counts.iter().enumerate() {
            // The true ranks of the cell's ends, as wide apart as they may be.
            let (from, to) = (
                cell.checked_sub(1).map_or(0, |before| ranks[before].0),
                ranks[cell].1,
            );
            let mut placed = 0;
            while let Some(cut) = cuts.next_if(|cut| cut.cell == cell) {
                let (below, known) = match range {
                    Some((low, _)) if cut.edge < low => (0, true),
                    Some((_, high)) if cut.edge >= high => (held, true),
                    _ => (cut.below(held), false),
                };
                let known = Slack {
                    under: if known { 0 } else { rank + below - from },
                    over: if known { 0 } else { to - (rank + below) },
                };
                edges.push(cut.edge);
                counts.push(below - placed);
                slack.push(known);
                placed = below;
            }
            counts.push(held - placed);
            rank += held;
            if let Some(&edge) = self.edges.as_slice().get(cell) {
                edges.push(edge);
                slack.push(self.slack[cell]);
            }
        }
        *self = Self {
            edges: Edges::sorted(edges),
            counts,
            slack,
        };
    }

    /// Puts neighbours together that hold no more than a fine cell should.
    fn thin(&mut self) {
        let most = self.count().div_ceil(FINE as u64);
        let (mut edges, mut counts, mut slack) = (Vec::new(), Vec::new(), Vec::new());
        let mut held = self.counts[0];
        for ((&edge, &edge_slack), &next) in self
            .edges
            .as_slice()
            .iter()
            .zip(&self.slack)
            .zip(&self.counts[1..])
        {
            if held + next > most {
                edges.push(edge);
                slack.push(edge_slack);
                counts.push(std::mem::take(&mut held));
            }
            held += next;
        }
        counts.push(held);
        *self = Self {
            edges: Edges::sorted(edges),
            counts,
            slack,
        };
    }
}

/// A new edge inside a cell.
#[derive(Debug)]
struct Cut {
    cell: usize,
    edge: f64,
    /// The share of the chunk's values in the cell that lie at or below it: so many, of so many.
    share: (u64, u64),
}

impl Cut {
    fn below(&self, held: u64) -> u64 {
        (u128::from(held) * u128::from(self.share.0) / u128::from(self.share.1)) as u64
    }
}

/// Quantiles that values are being added to.
pub(super) struct Counting {
    quantiles: Quantiles,
    places: Places,
    /// The smallest and the largest value so far.
    range: Option<(f64, f64)>,
    frozen: bool,
}

impl Counting {
    /// Cells that follow the data.
    pub(super) fn new() -> Self {
        let edges = Edges::default();
        Self {
            places: Places::of(&edges),
            quantiles: Quantiles {
                edges,
                counts: vec![0],
                slack: Vec::new(),
            },
            range: None,
            frozen: false,
        }
    }

    /// The cells of `like`, which stay.
    pub(super) fn like(like: &Quantiles) -> Self {
        Self {
            places: Places::of(like.edges()),
            quantiles: Quantiles::like(like),
            range: None,
            frozen: true,
        }
    }

    /// Adds the finite values of one absolute chunk, which lie in `range`.
    pub(super) fn add(&mut self, values: &[f64], range: (f64, f64)) {
        let mut here = self.places.count(values);
        if !self.frozen {
            let heavy = self.heavy(&here, values.len() as u64);
            if heavy.contains(&true) {
                self.split(&heavy, values);
                here = self.places.count(values);
            }
        }
        add(&mut self.quantiles.counts, &here);
        let (low, high) = self.range.unwrap_or(range);
        self.range = Some((low.min(range.0), high.max(range.1)));
        if !self.frozen && self.quantiles.counts.len() > MOST {
            self.quantiles.thin();
            self.places = Places::of(&self.quantiles.edges);
        }
    }

    /// The counts; of cells that followed the data, the first holds what lies below its smallest value and
    /// the last what lies above its largest: nothing yet.
    pub(super) fn finish(mut self) -> Quantiles {
        if let (false, Some((low, high))) = (self.frozen, self.range) {
            let ends = [low.next_down().max(f64::MIN), high];
            let new = ends
                .into_iter()
                .filter(|end| !self.quantiles.edges.as_slice().contains(end));
            let cuts: Vec<Cut> = new
                .map(|edge| Cut {
                    cell: self.places.cell(edge),
                    edge,
                    share: (0, 1),
                })
                .collect();
            self.quantiles.split(&cuts, self.range);
        }
        self.quantiles
    }

    /// The cells that would hold twice what a fine cell should, and can be split.
    fn heavy(&self, here: &[u64], values: u64) -> Vec<bool> {
        let most = 2 * (self.quantiles.count() + values);
        let heavy = |(cell, (&held, &here)): (usize, (&u64, &u64))| {
            here > 0 && (held + here) * FINE as u64 > most && !self.quantiles.is_point(cell)
        };
        self.quantiles
            .counts
            .iter()
            .zip(here)
            .enumerate()
            .map(heavy)
            .collect()
    }

    fn split(&mut self, heavy: &[bool], values: &[f64]) {
        let mut inside: Vec<Vec<f64>> = vec![Vec::new(); heavy.len()];
        for &value in values {
            let cell = self.places.cell(value);
            if heavy[cell] {
                inside[cell].push(value);
            }
        }
        let total = self.quantiles.count() + values.len() as u64;
        let mut cuts = Vec::new();
        for (cell, inside) in inside.iter().enumerate().filter(|(_, inside)| !inside.is_empty()) {
            let held = self.quantiles.counts[cell] + inside.len() as u64;
            let parts = (held * FINE as u64).div_ceil(total).max(2) as usize;
            cuts.extend(self.cuts(cell, &Sorted::new(inside), parts));
        }
        self.quantiles.split(&cuts, self.range);
        self.places = Places::of(&self.quantiles.edges);
    }

    /// Edges that cut a cell into `parts` of equal mass by the values that a chunk has in it.
    fn cuts(&self, cell: usize, inside: &Sorted, parts: usize) -> Vec<Cut> {
        let edges = self.quantiles.edges.as_slice();
        let lower = cell
            .checked_sub(1)
            .map_or(f64::NEG_INFINITY, |before| edges[before]);
        let upper = edges.get(cell).copied().unwrap_or(f64::INFINITY);
        let n = inside.len();
        let mut new = Vec::new();
        for i in 1..parts {
            let Some(value) = (i * n)
                .div_ceil(parts)
                .checked_sub(1)
                .and_then(|rank| inside.get(rank))
            else {
                continue;
            };
            new.push(value);
            if inside.equal(value) * parts >= n {
                new.push(value.next_down());
            }
        }
        new.retain(|&edge| edge > lower && edge < upper);
        let cut = |&edge: &f64| Cut {
            cell,
            edge,
            share: ((inside.below(edge) + inside.equal(edge)) as u64, n as u64),
        };
        Edges::sorted(new).as_slice().iter().map(cut).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::CHUNK;
    use crate::resample::Stream;
    use proptest::prelude::*;

    fn of(chunks: &[Vec<f64>]) -> Quantiles {
        let mut counting = Counting::new();
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            counting.add(chunk, extent(chunk));
        }
        counting.finish()
    }

    fn extent(values: &[f64]) -> (f64, f64) {
        let sorted = Sorted::new(values);
        (sorted.get(0).unwrap(), sorted.get(sorted.len() - 1).unwrap())
    }

    fn uniform(n: usize) -> Vec<f64> {
        (0..n as u64).map(|i| Stream::new(7, 0).uniform(i)).collect()
    }

    /// Everything that is said of the values is so.
    fn holds(quantiles: &Quantiles, values: &[f64]) {
        let sorted = Sorted::new(values);
        let to = |edge: f64| (sorted.below(edge) + sorted.equal(edge)) as u64;
        assert_eq!(quantiles.count(), values.len() as u64);
        for (&edge, (low, high)) in quantiles.edges().as_slice().iter().zip(quantiles.ranks()) {
            assert!(
                (low..=high).contains(&to(edge)),
                "{} in [{low}, {high}] at {edge}",
                to(edge)
            );
        }
        for share in [0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.999, 1.0] {
            let rank = ((share * values.len() as f64).ceil() as usize).max(1) - 1;
            let (low, high) = quantiles.quantile(share, extent(values));
            let exact = sorted.get(rank).unwrap();
            assert!(
                low <= exact && exact <= high,
                "{share}: {exact} in [{low}, {high}]"
            );
        }
        assert!(quantiles.counts.len() <= MOST + 2);
        let ends = (quantiles.counts.first(), quantiles.counts.last());
        assert_eq!(
            ends,
            (Some(&0), Some(&0)),
            "nothing lies outside of the data's own range"
        );
        assert!((0.0..=1.0).contains(&quantiles.rank_error()));
    }

    #[test]
    fn random_and_ascending_data_are_counted_exactly() {
        let random = uniform(4 * CHUNK);
        let mut ascending = random.clone();
        ascending.sort_by(f64::total_cmp);
        let mut descending = ascending.clone();
        descending.reverse();
        for values in [random, ascending, descending] {
            let chunks: Vec<Vec<f64>> = values.chunks(CHUNK).map(<[f64]>::to_vec).collect();
            let found = of(&chunks);
            holds(&found, &values);
            assert!(found.slack.iter().all(|slack| *slack == Slack::default()));
            assert!(found.rank_error() <= 0.004, "{}", found.rank_error());
            let tenth = values.len() as u64 / 10;
            let counts = found.counts_on(&found.equal_mass(10));
            let even = |count: &u64| count.abs_diff(tenth) <= tenth / 20;
            assert!(counts.iter().all(even), "{counts:?}");
        }
    }

    /// What arrives inside a cell that was thought to be thin is found, and what is not known is said.
    #[test]
    fn a_crowd_in_a_thin_place_is_resolved() {
        let wide = uniform(5_000);
        let crowd: Vec<Vec<f64>> = (0..30)
            .map(|part| {
                uniform(5_000)
                    .iter()
                    .map(|x| 0.5 + 1e-6 * (x + f64::from(part)) / 31.0)
                    .collect()
            })
            .collect();
        let chunks = [vec![wide], crowd].concat();
        let found = of(&chunks);
        holds(&found, &chunks.concat());
        assert!(found.slack.iter().any(|slack| *slack != Slack::default()));
        assert!(found.rank_error() < 0.02, "{}", found.rank_error());
    }

    #[test]
    fn few_distinct_values_are_points() {
        let values: Vec<f64> = uniform(30_000).iter().map(|x| (x * 10.0).floor()).collect();
        let found = of(&values.chunks(4_000).map(<[f64]>::to_vec).collect::<Vec<_>>());
        holds(&found, &values);
        assert_eq!(found.rank_error(), 0.0);
        assert_eq!(found.quantile(0.45, (0.0, 9.0)), (4.0, 4.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let edges = || Edges::new(vec![1.0]).unwrap();
        let slack = |under, over| vec![Slack { under, over }];
        assert!(Quantiles::new(edges(), vec![1, 2], slack(1, 2)).is_ok());
        assert!(Quantiles::new(edges(), vec![1], slack(0, 0)).is_err());
        assert!(Quantiles::new(edges(), vec![1, 2], slack(2, 0)).is_err());
        assert!(Quantiles::new(edges(), vec![1, 2], slack(0, 3)).is_err());
        assert!(Quantiles::new(edges(), vec![u64::MAX, 2], slack(0, 0)).is_err());
    }

    fn chunks() -> impl Strategy<Value = Vec<Vec<f64>>> {
        let value = prop_oneof![
            -1e3..1e3f64,
            (0..6_i8).prop_map(f64::from),
            0.5..0.500_01f64,
            prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        ];
        prop::collection::vec(prop::collection::vec(value, 1..400), 1..12)
    }

    proptest! {
        #[test]
        fn bounds_hold_for_any_chunks(mut chunks in chunks(), sorted in any::<bool>()) {
            if sorted {
                for chunk in &mut chunks {
                    chunk.sort_by(f64::total_cmp);
                }
                chunks.sort_by(|a, b| a[0].total_cmp(&b[0]));
            }
            holds(&of(&chunks), &chunks.concat());
        }

        #[test]
        fn one_chunk_gives_the_exact_cells(
            values in prop::collection::vec(prop_oneof![-1e3..1e3f64, (0..6_i8).prop_map(f64::from)], 1..3_000),
            cells in prop::sample::select(vec![2_usize, 10, 20]),
        ) {
            let found = of(std::slice::from_ref(&values));
            let exact = Edges::equal_mass(&Sorted::new(&values), cells);
            let chosen = found.equal_mass(cells);
            prop_assert_eq!(&chosen, &exact);
            prop_assert_eq!(found.counts_on(&chosen), exact.count(&values));
        }

        #[test]
        fn parts_on_frozen_cells_merge_to_the_whole(chunks in chunks(), cut in any::<prop::sample::Index>()) {
            let frozen = of(&chunks);
            let count = |chunks: &[Vec<f64>]| {
                let mut counting = Counting::like(&frozen);
                for chunk in chunks {
                    counting.add(chunk, extent(chunk));
                }
                counting.finish()
            };
            let (first, second) = chunks.split_at(cut.index(chunks.len() + 1));
            let mut merged = count(first);
            merged.merge(&count(second));
            prop_assert_eq!(&merged, &count(&chunks));
            let exact = frozen.edges().count(&chunks.concat());
            prop_assert_eq!(merged.counts(), exact.as_slice());
        }
    }
}
