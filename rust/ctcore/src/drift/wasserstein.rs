//! The Wasserstein distance of order 1.

use super::against::{Against, Effect, Z_80, Z_90};
use super::bounds::{self, Bounds};
use super::cells::{normal_score, quantile};
use super::sizes;
use crate::Result;
use crate::num::{Sum, sum};
use crate::profile::{NumberProfile, joined};
use crate::rank::{Sorted, State, Tie, fold};
use crate::special::normal_sf;

/// The Wasserstein distance of order 1, or earth mover's distance, of two samples on the line:
///
/// `W1 = integral |F(x) - G(x)| dx`
///
/// in the unit of the values: how far the average value has to move. Exact, in `[0, inf]`; this is
/// `scipy.stats.wasserstein_distance`.
///
/// # Errors
/// As [`super::ks::ks`].
///
/// ```
/// use ctcore::{drift::wasserstein::wasserstein, rank::Sorted};
/// assert_eq!(wasserstein(&Sorted::new(&[0.0, 1.0]), &Sorted::new(&[5.0, 6.0]))?, 5.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn wasserstein(reference: &Sorted, current: &Sorted) -> Result<f64> {
    let (n, m) = sizes(reference.len(), current.len())?;
    let found = fold(reference, current, || Between::new(n, m));
    Ok(found.unwrap_or(Between::new(n, m)).wasserstein())
}

/// Places at which the noise of the distribution functions is looked at.
const PLACES: usize = 128;
/// The relative error of the reference's standard deviation above which it is no scale.
const VAGUE: f64 = 0.15;

/// The distance in standard deviations of the reference, against a tolerance.
///
/// By the triangle inequality the distance of the samples exceeds that of the populations by no more
/// than `integral |noise of F - G|`, which is a gamma in good measure; its mean and variance come from
/// the Brownian bridges of the pooled sample (lower end). And it falls short of it by no more than the
/// noise of a mean: some function of slope at most 1 has means that lie as far apart as the populations
/// do, and it varies no more than the values themselves (upper end). So both ends are wrong at most 5%
/// of the time, mostly less. The noise of the standard deviation itself is added to both.
///
/// Where a few values carry most of the spread, the standard deviation is no scale: then the interval is
/// everything.
///
/// # Errors
/// As [`super::ks::ks`].
pub fn against(reference: &Sorted, current: &Sorted, tolerance: f64) -> Result<Against> {
    let distance = Bounds::exact(wasserstein(reference, current)?);
    let sides = [Spread::of(reference), Spread::of(current)];
    let (found, _) = judged(distance, sides, &steps(reference, current), tolerance);
    Ok(found)
}

/// As [`against`], of two profiles on the same cells, with the bounds that they give the statistic
/// ([`bounds::wasserstein`]).
///
/// The fourth moment and the Brownian bridges are taken as large as the cells allow.
///
/// # Errors
/// As [`bounds::wasserstein`].
pub fn profiled_against(
    reference: &NumberProfile,
    current: &NumberProfile,
    tolerance: f64,
) -> Result<(Against, Bounds)> {
    let distance = bounds::wasserstein(reference, current)?;
    let sides = [Spread::at_most(reference), Spread::at_most(current)];
    Ok(judged(
        distance,
        sides,
        &profiled_steps(reference, current),
        tolerance,
    ))
}

/// A distance against a tolerance in standard deviations of the first side, and the distance in these.
fn judged(
    distance: Bounds,
    [spread, other]: [Spread; 2],
    steps: &[Step],
    tolerance: f64,
) -> (Against, Bounds) {
    let (n, m) = (spread.count, other.count);
    let scaled = |distance: f64| {
        if distance == 0.0 {
            0.0
        } else {
            distance / spread.deviation
        }
    };
    let distance = Bounds {
        low: scaled(distance.low),
        high: scaled(distance.high),
    };
    let vague = ((spread.kurtosis - 1.0).max(0.0) / (4.0 * n)).sqrt();
    let unit = (1.0 / n + 1.0 / m).sqrt();
    let (mean, variance) = noise(steps, unit);
    let (mean, variance) = (mean / spread.deviation, variance / spread.deviation.powi(2));
    let of_scale = (tolerance * vague).powi(2);
    let deviation = (variance + of_scale).sqrt();
    let shape = if deviation > 0.0 {
        2.0 * variance / (mean * deviation)
    } else {
        0.0
    };
    let reach = |z: f64| mean + deviation * quantile(z, shape);
    let other = other.deviation / spread.deviation;
    let of_mean = (1.0 / n + other * other / m + of_scale).sqrt();
    // All of it falls with the root of the rows.
    let rows = 2.0 * ((reach(Z_80) + Z_90 * of_mean) / (distance.room(tolerance) * unit)).powi(2);
    let rows_for_scale = n * (vague / VAGUE).powi(2);
    let believed = vague <= VAGUE && distance.high.is_finite();
    let found = Against {
        effect: Effect {
            statistic: distance.middle(),
            lower: if believed {
                (distance.low - reach(Z_90)).max(0.0)
            } else {
                0.0
            },
            upper: if believed {
                distance.high + Z_90 * of_mean
            } else {
                f64::INFINITY
            },
        },
        p_above: if believed {
            normal_sf(normal_score((distance.low - tolerance - mean) / deviation, shape))
        } else {
            1.0
        },
        rows_to_pass: rows.max(rows_for_scale).ceil(),
        smallest_found: tolerance + distance.width() + reach(Z_90) + Z_80 * of_mean,
    };
    (found, distance)
}

/// How far the values of a sample spread.
struct Spread {
    count: f64,
    /// The standard deviation, of `n`.
    deviation: f64,
    /// The fourth central moment over the squared variance: 3 for a normal.
    kurtosis: f64,
}

impl Spread {
    fn of(sample: &Sorted) -> Self {
        let values: Vec<f64> = (0..sample.len()).filter_map(|i| sample.get(i)).collect();
        let count = values.len() as f64;
        let mean = sum(&values, |x| x) / count;
        let variance = sum(&values, |x| (x - mean).powi(2)) / count;
        let fourth = sum(&values, |x| (x - mean).powi(4)) / count;
        Self {
            count,
            deviation: variance.sqrt(),
            kurtosis: fourth / (variance * variance),
        }
    }

    /// With every value at the end of its cell that is further from the mean.
    fn at_most(profile: &NumberProfile) -> Self {
        let count = profile.moments.count as f64;
        let variance = profile.moments.squares / count;
        let ends = places(profile, profile.range);
        let counts = profile.quantiles.counts();
        let cells: Vec<(f64, f64)> = counts
            .iter()
            .zip(ends.iter().zip(&ends[1..]))
            .map(|(&count, (from, to))| {
                let furthest = (from - profile.moments.mean)
                    .abs()
                    .max((to - profile.moments.mean).abs());
                (count as f64, furthest)
            })
            .collect();
        let fourth = sum(&cells, |(count, furthest)| count * furthest.powi(4)) / count;
        Self {
            count,
            deviation: variance.sqrt(),
            kurtosis: fourth / (variance * variance),
        }
    }
}

/// The ends of a profile's cells inside a range.
fn places(profile: &NumberProfile, range: Option<(f64, f64)>) -> Vec<f64> {
    let (first, last) = range.unwrap_or_default();
    let inside = profile.quantiles.edges().as_slice().iter();
    let inside = inside.map(|edge| edge.clamp(first, last));
    [first].into_iter().chain(inside).chain([last]).collect()
}

/// A piece of the line: the share of the pooled values that is not above it, and its width.
type Step = (f64, f64);

/// The pieces between places of two samples.
fn steps(reference: &Sorted, current: &Sorted) -> Vec<Step> {
    let mut places: Vec<f64> = [reference, current]
        .iter()
        .flat_map(|sample| {
            let last = sample.len() - 1;
            (0..=PLACES).filter_map(move |i| sample.get(i * last / PLACES))
        })
        .collect();
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    let (n, m) = (reference.len() as f64, current.len() as f64);
    // Between two places lies the share of the values that is not above the first.
    places
        .iter()
        .zip(places.iter().skip(1))
        .map(|(&from, &to)| {
            let to_share = |sample: &Sorted| (sample.below(from) + sample.equal(from)) as f64;
            let here = (to_share(reference) + to_share(current)) / (n + m);
            let before_next = (reference.below(to) + current.below(to)) as f64 / (n + m);
            (f64::midpoint(here, before_next), to - from)
        })
        .collect()
}

/// The pieces that cells of two profiles make, each with the share nearest to 1/2 that lies in it: there
/// the noise is largest.
fn profiled_steps(reference: &NumberProfile, current: &NumberProfile) -> Vec<Step> {
    let ends = places(reference, joined(reference.range, current.range));
    let whole = (reference.quantiles.count() + current.quantiles.count()) as f64;
    let ranks = reference
        .quantiles
        .ranks()
        .into_iter()
        .zip(current.quantiles.ranks());
    let shares = ranks.map(|((a, b), (c, d))| (a + b + c + d) as f64 / (2.0 * whole));
    let shares: Vec<f64> = [0.0].into_iter().chain(shares).collect();
    let together = shares.len().div_ceil(2 * PLACES);
    (0..shares.len() - 1)
        .step_by(together)
        .map(|from| {
            let to = (from + together).min(shares.len() - 1);
            (0.5_f64.max(shares[from]).min(shares[to]), ends[to] - ends[from])
        })
        .collect()
}

/// Mean and variance of `integral |B(x)| dx`, with `B` the noise of `F - G` where both samples come from
/// one population: normal at each place, two places together as a Brownian bridge.
fn noise(steps: &[Step], unit: f64) -> (f64, f64) {
    let weight = |&(share, width): &Step| width * unit * (share * (1.0 - share)).max(0.0).sqrt();
    let mean = (2.0 / std::f64::consts::PI).sqrt() * steps.iter().map(weight).sum::<f64>();
    let mut variance = 0.0;
    for (i, first) in steps.iter().enumerate() {
        for second in &steps[i..] {
            let both = weight(first) * weight(second);
            if both == 0.0 {
                continue;
            }
            let (u, v) = (first.0, second.0);
            let r = (u * (1.0 - v) / (v * (1.0 - u))).sqrt().min(1.0);
            let common = 2.0 / std::f64::consts::PI * ((1.0 - r * r).max(0.0).sqrt() + r * r.asin() - 1.0);
            let times = if std::ptr::eq(first, second) { 1.0 } else { 2.0 };
            variance += times * both * common;
        }
    }
    (mean, variance)
}

/// What lies between the two distribution functions: its area and its second moment. What
/// Wasserstein and energy share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    n: usize,
    m: usize,
    part: [f64; 2],
    area: Sum,
    squares: Sum,
    first: Option<f64>,
    /// The last value and the steps behind it, in units of `1 / (n m)`.
    last: (f64, f64),
}

impl Between {
    pub(super) fn new(n: usize, m: usize) -> Self {
        Self {
            n,
            m,
            part: [0.0; 2],
            area: Sum::default(),
            squares: Sum::default(),
            first: None,
            last: (f64::NAN, 0.0),
        }
    }

    #[inline]
    fn reach(&mut self, value: f64) {
        let (from, steps) = self.last;
        let width = value - from;
        self.part[0] += steps.abs() * width;
        self.part[1] += steps * steps * width;
    }

    fn close(&mut self) {
        let [area, squares] = std::mem::take(&mut self.part);
        self.area.add(area);
        self.squares.add(squares);
    }

    pub(super) fn wasserstein(mut self) -> f64 {
        self.close();
        self.area.total() / (self.n as f64 * self.m as f64)
    }

    /// `integral (F - G)^2 dx`.
    pub(super) fn squares(mut self) -> f64 {
        self.close();
        self.squares.total() / (self.n as f64 * self.m as f64).powi(2)
    }
}

impl State for Between {
    #[inline]
    fn update(&mut self, tie: Tie) {
        if self.first.is_some() {
            self.reach(tie.value);
        } else {
            self.first = Some(tie.value);
        }
        let steps = tie.first_to as i64 * self.m as i64 - tie.second_to as i64 * self.n as i64;
        self.last = (tie.value, steps as f64);
    }

    fn merge(&mut self, later: Self) {
        if let (Some(_), Some(first)) = (self.first, later.first) {
            self.reach(first);
        }
        self.close();
        self.area.merge(&later.area);
        self.squares.merge(&later.squares);
        self.area.add(later.part[0]);
        self.squares.add(later.part[1]);
        if later.first.is_some() {
            self.first = self.first.or(later.first);
            self.last = later.last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_moves_with_its_unit_and_is_a_mean_of_sorted_differences(
            pairs in prop::collection::vec((-50..50_i32, -50..50_i32), 1..60),
            scale in 0.1..10.0f64,
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).unzip();
            let (sorted_a, sorted_b) = (Sorted::new(&a), Sorted::new(&b));
            let expected: f64 = (0..a.len())
                .map(|i| (sorted_a.get(i).unwrap() - sorted_b.get(i).unwrap()).abs())
                .sum::<f64>() / a.len() as f64;
            let found = wasserstein(&sorted_a, &sorted_b).unwrap();
            prop_assert!((found - expected).abs() < 1e-11);
            let scaled = |values: &[f64]| Sorted::new(&values.iter().map(|x| 3.0 + scale * x).collect::<Vec<_>>());
            let found_scaled = wasserstein(&scaled(&a), &scaled(&b)).unwrap();
            prop_assert!((found_scaled - scale * found).abs() < 1e-9);
        }
    }
}
