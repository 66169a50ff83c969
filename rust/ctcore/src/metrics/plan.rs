//! What the metrics of an evaluation need, and their values on ranked queries.

use super::definition::{ApDenominator, Empty, Measure, Metric, PrecisionDenominator};
use super::places::{Needs, Places};
use super::ranking::Ranking;
use super::sums::{Series, Sums};

/// What is the same for all queries.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the metrics need, each on its own"
)]
pub(super) struct Plan<'a> {
    pub(super) ranking: &'a Ranking,
    pub(super) needs: Needs,
    /// Whether the hits in as many places as there are relevant documents are read.
    pub(super) at_relevant: bool,
    /// Whether the worst and the best order are measured, too.
    pub(super) bounds: bool,
    /// The metrics in their order, neighbours of one measure together.
    measures: Vec<(Measure, Vec<usize>)>,
    /// What is summed for the metrics, without the best order.
    series: Vec<Series>,
    pub(super) ideal: bool,
    pub(super) graded: bool,
    pub(super) binary: bool,
    /// The places that metrics read one by one; `usize::MAX` where every document counts.
    pub(super) places: usize,
    /// `1 / log2(i + 2)` for place `i` from 0.
    pub(super) discounts: Vec<f64>,
    /// ERR's `2^highest_grade`.
    pub(super) stop_scale: f64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(ranking: &'a Ranking, longest: usize, bounds: bool) -> Self {
        use Measure as M;
        let mut needs = Needs::default();
        let mut at_relevant = false;
        let mut series = Vec::new();
        for metric in &ranking.metrics {
            let (need, read) = match metric.measure {
                M::Dcg | M::Ndcg => (&mut needs.gain, Some(Series::Gain)),
                M::AveragePrecision => (&mut needs.precision, Some(Series::Precision)),
                M::ReciprocalRank => (&mut needs.first, Some(Series::Reciprocal)),
                M::HitRate => (&mut needs.first, Some(Series::Found)),
                M::Precision | M::Recall | M::F1 => (&mut needs.hit, Some(Series::Hits)),
                M::Rbp => (&mut needs.hit, Some(Series::Persistent)),
                M::Err => (&mut needs.stop, Some(Series::Stop)),
                M::Bpref | M::Auc => (&mut needs.pairs, None),
                M::RPrecision => (&mut at_relevant, None),
            };
            *need = true;
            series.extend(read.filter(|read| !series.contains(read)));
        }
        let any = |test: fn(&Metric) -> bool| ranking.metrics.iter().any(test);
        let places = ranking.metrics.iter().map(|metric| metric.places()).max();
        let places = places.unwrap_or(0);
        let discounts = if needs.gain { longest.min(places) } else { 0 };
        Self {
            ranking,
            needs,
            at_relevant,
            bounds,
            measures: by_measure(&ranking.metrics),
            series,
            ideal: any(|metric| metric.measure == M::Ndcg),
            graded: any(|metric| metric.measure.is_graded()),
            binary: any(|metric| !metric.measure.is_graded()),
            places,
            discounts: (0..discounts).map(|i| 1.0 / (i as f64 + 2.0).log2()).collect(),
            stop_scale: ranking.convention.highest_grade.exp2(),
        }
    }

    /// How many documents must be in order.
    pub(super) fn depth(&self) -> usize {
        if self.needs.pairs { usize::MAX } else { self.places }
    }

    /// Adds up what the metrics read.
    pub(super) fn sum<const L: usize>(&self, places: &Places<L>, sums: &mut Sums<L>) {
        for &series in &self.series {
            sums.fill(
                series,
                places,
                &self.discounts,
                self.ranking.convention.persistence,
            );
        }
    }

    /// The values of every metric on ranked queries, lane by lane.
    pub(super) fn values<const L: usize>(
        &self,
        places: &Places<L>,
        sums: &Sums<L>,
        holds: &[Holds; L],
        values: &mut [[f64; L]],
    ) {
        let mut rest = values;
        for (measure, cutoffs) in &self.measures {
            let (values, others) = rest.split_at_mut(cutoffs.len());
            self.measure(*measure, cutoffs, places, sums, holds, values);
            for (lane, holds) in holds.iter().enumerate() {
                if let Some(nothing) = self.nothing(*measure, holds) {
                    for value in &mut *values {
                        value[lane] = nothing;
                    }
                }
            }
            rest = others;
        }
    }

    /// The value of a measure on a query that has nothing to measure it by.
    fn nothing(&self, measure: Measure, holds: &Holds) -> Option<f64> {
        use Measure as M;
        let empty = match measure {
            M::Dcg | M::Ndcg => holds.gainless,
            M::Err => holds.gradeless,
            M::Auc => holds.relevant == 0 || holds.irrelevant == 0,
            _ => holds.relevant == 0,
        };
        let value = || match self.ranking.convention.empty {
            _ if measure == M::Auc => f64::NAN,
            Empty::Skip => f64::NAN,
            Empty::One if measure.is_relative() => 1.0,
            _ => 0.0,
        };
        empty.then(value)
    }

    /// The values of one measure at each cutoff.
    fn measure<const L: usize>(
        &self,
        measure: Measure,
        cutoffs: &[usize],
        places: &Places<L>,
        sums: &Sums<L>,
        holds: &[Holds; L],
        values: &mut [[f64; L]],
    ) {
        use Measure as M;
        let convention = &self.ranking.convention;
        let relevant = each::<L>(|lane| holds[lane].relevant as f64);
        let ranked = each::<L>(|lane| holds[lane].ranked.max(1) as f64);
        let shown = |k: usize| match convention.precision_denominator {
            PrecisionDenominator::Cutoff if k < usize::MAX => [k as f64; L],
            _ => each(|lane| ranked[lane].min(k as f64)),
        };
        let reachable = |k: usize| match convention.ap_denominator {
            ApDenominator::Relevant => relevant,
            ApDenominator::Reachable => each(|lane| relevant[lane].min(k as f64)),
        };
        for (value, &k) in values.iter_mut().zip(cutoffs) {
            let sum = |series| sums.at(series, k);
            *value = match measure {
                M::Dcg => sum(Series::Gain),
                M::Ndcg => {
                    let (gain, best) = (sum(Series::Gain), sum(Series::Ideal));
                    each(|lane| (gain[lane] / best[lane]).min(1.0))
                }
                M::AveragePrecision => {
                    let (sum, reachable) = (sum(Series::Precision), reachable(k));
                    each(|lane| sum[lane] / reachable[lane])
                }
                M::ReciprocalRank => sum(Series::Reciprocal),
                M::HitRate => sum(Series::Found).map(|found| found.min(1.0)),
                M::Precision => {
                    let (hits, shown) = (sum(Series::Hits), shown(k));
                    each(|lane| hits[lane] / shown[lane])
                }
                M::Recall => {
                    let hits = sum(Series::Hits);
                    each(|lane| hits[lane] / relevant[lane])
                }
                M::F1 => {
                    let (hits, shown) = (sum(Series::Hits), shown(k));
                    each(|lane| 2.0 * hits[lane] / (shown[lane] + relevant[lane]))
                }
                M::RPrecision => each(|lane| places.at_relevant[lane] / relevant[lane]),
                M::Bpref => each(|lane| places.preferred[lane] / relevant[lane]),
                M::Rbp => sum(Series::Persistent).map(|sum| (1.0 - convention.persistence) * sum),
                M::Err => sum(Series::Stop),
                M::Auc => {
                    each(|lane| places.ordered[lane] / (2.0 * relevant[lane] * holds[lane].irrelevant as f64))
                }
            };
        }
    }
}

/// What a query holds, whatever its ranking.
#[derive(Clone, Copy, Default)]
pub(super) struct Holds {
    pub(super) flags: u8,
    pub(super) gainless: bool,
    pub(super) gradeless: bool,
    pub(super) relevant: usize,
    pub(super) irrelevant: usize,
    pub(super) judged_irrelevant: usize,
    /// Documents with a rank, as far as they were selected.
    pub(super) ranked: usize,
}

/// The values of one measure at one cutoff, lane by lane.
fn each<const L: usize>(value: impl Fn(usize) -> f64) -> [f64; L] {
    std::array::from_fn(value)
}

/// The cutoffs of each measure, `usize::MAX` for none.
fn by_measure(metrics: &[Metric]) -> Vec<(Measure, Vec<usize>)> {
    let neighbours = metrics.chunk_by(|a, b| a.measure == b.measure);
    neighbours
        .map(|metrics| {
            (
                metrics[0].measure,
                metrics
                    .iter()
                    .map(|metric| metric.k.unwrap_or(usize::MAX))
                    .collect(),
            )
        })
        .collect()
}
