//! All rank statistics of two samples from one sort and one walk.

use super::anderson_darling::{AndersonDarling, Weighted};
use super::cramer_von_mises::{CramerVonMises, Shifts};
use super::ks::{Extremes, Ks};
use super::kuiper::Kuiper;
use super::mann_whitney::{MannWhitney, Pairs};
use super::wasserstein::Between;
use super::{energy, sizes};
use crate::Result;
use crate::rank::{Sorted, State, Tie, fold};

/// Every rank statistic; each is what its own function gives, to the bit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankStatistics {
    /// [`super::ks::ks`].
    pub ks: Ks,
    /// [`super::kuiper::kuiper`].
    pub kuiper: Kuiper,
    /// [`super::cramer_von_mises::cramer_von_mises`].
    pub cramer_von_mises: CramerVonMises,
    /// [`super::anderson_darling::anderson_darling`]; `None` where it has no value.
    pub anderson_darling: Option<AndersonDarling>,
    /// [`super::wasserstein::wasserstein`].
    pub wasserstein: f64,
    /// [`super::energy::energy`].
    pub energy: f64,
    /// [`super::mann_whitney::mann_whitney`].
    pub mann_whitney: MannWhitney,
}

/// All rank statistics of two sorted samples.
///
/// # Errors
/// As [`super::ks::ks`].
pub fn rank_statistics(reference: &Sorted, current: &Sorted) -> Result<RankStatistics> {
    let (n, m) = sizes(reference.len(), current.len())?;
    let all = fold(reference, current, || All::new(n, m)).unwrap_or_else(|| All::new(n, m));
    Ok(RankStatistics {
        ks: all.extremes.ks(),
        kuiper: Kuiper::of(&all.extremes, n, m),
        cramer_von_mises: all.shifts.finish(n, m),
        anderson_darling: all.weighted.finish().ok(),
        wasserstein: all.between.wasserstein(),
        energy: energy::of(&all.between),
        mann_whitney: all.pairs.finish(n, m),
    })
}

struct All {
    extremes: Extremes,
    shifts: Shifts,
    weighted: Weighted,
    between: Between,
    pairs: Pairs,
}

impl All {
    fn new(n: usize, m: usize) -> Self {
        Self {
            extremes: Extremes::new(n, m),
            shifts: Shifts::default(),
            weighted: Weighted::new(n, m),
            between: Between::new(n, m),
            pairs: Pairs::default(),
        }
    }
}

impl State for All {
    #[inline]
    fn update(&mut self, tie: Tie) {
        self.extremes.update(tie);
        self.shifts.update(tie);
        self.weighted.update(tie);
        self.between.update(tie);
        self.pairs.update(tie);
    }

    fn merge(&mut self, later: Self) {
        self.extremes.merge(later.extremes);
        self.shifts.merge(later.shifts);
        self.weighted.merge(later.weighted);
        self.between.merge(later.between);
        self.pairs.merge(later.pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::super::anderson_darling::anderson_darling;
    use super::super::cramer_von_mises::cramer_von_mises;
    use super::super::kuiper::kuiper;
    use super::super::mann_whitney::mann_whitney;
    use super::super::wasserstein::wasserstein;
    use super::super::{energy::energy, ks::ks};
    use super::*;
    use crate::num::CHUNK;
    use crate::resample::Stream;

    /// Eleven chunks and some rows: many parts, and ties across their borders.
    fn sample(stream: u64, shift: f64) -> Sorted {
        let stream = Stream::new(3, stream);
        let values = (0..11 * CHUNK as u64 + 5).map(|i| ((stream.uniform(i) + shift) * 1e6).floor() / 64.0);
        Sorted::new(&values.collect::<Vec<_>>())
    }

    #[test]
    fn one_walk_gives_what_each_gives_alone_for_any_number_of_threads() {
        let (a, b) = (sample(0, 0.0), sample(1, 0.01));
        let mut seen = Vec::new();
        for threads in [1, 2, 7] {
            crate::par::set_threads(std::num::NonZeroUsize::new(threads));
            let all = rank_statistics(&a, &b).unwrap();
            assert_eq!(all.ks, ks(&a, &b).unwrap());
            assert_eq!(all.kuiper, kuiper(&a, &b).unwrap());
            assert_eq!(all.cramer_von_mises, cramer_von_mises(&a, &b).unwrap());
            assert_eq!(all.anderson_darling, anderson_darling(&a, &b).ok());
            assert_eq!(all.wasserstein, wasserstein(&a, &b).unwrap());
            assert_eq!(all.energy, energy(&a, &b).unwrap());
            assert_eq!(all.mann_whitney, mann_whitney(&a, &b).unwrap());
            seen.push(all);
        }
        crate::par::set_threads(None);
        assert!(seen.iter().all(|all| all == &seen[0]));
        assert!((seen[0].wasserstein - 0.01 * 1e6 / 64.0).abs() < 30.0);
    }
}
