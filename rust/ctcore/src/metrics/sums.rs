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

/// The sums of one ranking.
#[derive(Default)]
pub(super) struct Sums {
    columns: [Vec<f64>; 8],
}

impl Sums {
    /// The sum above the cutoff.
    #[inline]
    pub(super) fn at(&self, series: Series, k: usize) -> f64 {
        let column = &self.columns[series as usize];
        let places = k.min(column.len());
        if places == 0 { 0.0 } else { column[places - 1] }
    }

    /// A metric at each cutoff, made of the sum above it.
    #[inline]
    pub(super) fn read(
        &self,
        series: Series,
        cutoffs: &[usize],
        values: &mut [f64],
        metric: impl Fn(f64, usize) -> f64,
    ) {
        for (value, &k) in values.iter_mut().zip(cutoffs) {
            *value = metric(self.at(series, k), k);
        }
    }

    /// Adds up one series; that of the best order has [`Self::fill_ideal`].
    pub(super) fn fill(&mut self, series: Series, places: &Places, discounts: &[f64], persistence: f64) {
        let to = &mut self.columns[series as usize];
        match series {
            Series::Ideal => {}
            Series::Gain => running(to, products(&places.gain, discounts)),
            Series::Hits => running(to, places.hit.iter().copied()),
            Series::Precision => running(to, places.precision.iter().copied()),
            Series::Found => running(to, places.first.iter().copied()),
            Series::Reciprocal => running(to, by_place(&places.first)),
            Series::Stop => running(to, by_place(&places.stop)),
            Series::Persistent => {
                let mut power = 1.0;
                running(
                    to,
                    places.hit.iter().map(|hit| {
                        let term = hit * power;
                        power *= persistence;
                        term
                    }),
                );
            }
        }
    }

    /// Adds up the gains of the best order.
    pub(super) fn fill_ideal(&mut self, gains: &[f64], discounts: &[f64]) {
        running(
            &mut self.columns[Series::Ideal as usize],
            products(gains, discounts),
        );
    }
}

fn products<'a>(gains: &'a [f64], discounts: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    gains
        .iter()
        .zip(discounts)
        .map(|(gain, discount)| gain * discount)
}

fn by_place(probabilities: &[f64]) -> impl Iterator<Item = f64> + '_ {
    let places = (1..=probabilities.len()).map(|place| place as f64);
    probabilities.iter().zip(places).map(|(p, place)| p / place)
}

#[inline]
fn running(to: &mut Vec<f64>, terms: impl Iterator<Item = f64>) {
    let mut sum = 0.0;
    to.clear();
    to.extend(terms.map(|term| {
        sum += term;
        sum
    }));
}
