//! What metrics read at their cutoffs: sums down to each place of a ranking.

use super::places::Places;

/// What is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Series {
    /// `gain_i / log2(i + 1)`.
    Gain,
    /// The same of the best order.
    Ideal,
    /// Hits.
    Hits,
    /// The precision at each hit.
    Precision,
    /// The probability that the first relevant document stands here or above.
    Found,
    /// The expected reciprocal rank of the first relevant document.
    Reciprocal,
    /// `hit_i p^(i - 1)`.
    Persistent,
    /// ERR: the probability of stopping here, over the place.
    Stop,
}

/// The sums of queries side by side, each in a lane.
pub(super) struct Sums<const L: usize> {
    columns: [Vec<[f64; L]>; 8],
}

impl<const L: usize> Sums<L> {
    pub(super) fn new() -> Self {
        Self {
            columns: [(); 8].map(|()| Vec::new()),
        }
    }

    /// The sums above the cutoff.
    #[inline]
    pub(super) fn at(&self, series: Series, k: usize) -> [f64; L] {
        let column = &self.columns[series as usize];
        let places = k.min(column.len());
        if places == 0 { [0.0; L] } else { column[places - 1] }
    }

    /// Adds up one series; that of the best order has [`Self::fill_ideal`].
    pub(super) fn fill(&mut self, series: Series, places: &Places<L>, discounts: &[f64], persistence: f64) {
        let to = &mut self.columns[series as usize];
        let (by, as_it_is, place) = (|a: f64, b: f64| a * b, |_| 1.0, |place| (place + 1) as f64);
        match series {
            Series::Ideal => {}
            Series::Gain => running(to, &places.gain, |place| discounts[place], by),
            Series::Hits => running(to, &places.hit, as_it_is, by),
            Series::Precision => running(to, &places.precision, as_it_is, by),
            Series::Found => running(to, &places.first, as_it_is, by),
            Series::Reciprocal => running(to, &places.first, place, |first, place| first / place),
            Series::Stop => running(to, &places.stop, place, |stop, place| stop / place),
            Series::Persistent => {
                let mut next = 1.0;
                let power = |_| {
                    let power = next;
                    next *= persistence;
                    power
                };
                running(to, &places.hit, power, by);
            }
        }
    }

    /// Adds up the gains of the best order.
    pub(super) fn fill_ideal(&mut self, gains: &[[f64; L]], discounts: &[f64]) {
        let to = &mut self.columns[Series::Ideal as usize];
        running(
            to,
            gains,
            |place| discounts[place],
            |gain, discount| gain * discount,
        );
    }
}

/// Running sums of what each place's number is with the place's factor.
#[inline]
fn running<const L: usize>(
    to: &mut Vec<[f64; L]>,
    column: &[[f64; L]],
    mut factor: impl FnMut(usize) -> f64,
    with: impl Fn(f64, f64) -> f64,
) {
    let mut sums = [0.0; L];
    to.clear();
    to.extend(column.iter().enumerate().map(|(place, numbers)| {
        let factor = factor(place);
        for (sum, &number) in sums.iter_mut().zip(numbers) {
            *sum += with(number, factor);
        }
        sums
    }));
}
