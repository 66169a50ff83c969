//! What stands in each place of a ranking, in expectation over the orders of equal scores.

use super::grades::Grade;

/// Which columns of [`Places`] the metrics of an evaluation read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each column")]
pub(super) struct Needs {
    pub(super) gain: bool,
    pub(super) hit: bool,
    pub(super) precision: bool,
    pub(super) first: bool,
    pub(super) stop: bool,
    pub(super) pairs: bool,
}

/// Queries side by side, each in a lane: one number a place and lane, best place first, 0 below the last
/// document. Every order of a block of equal scores is equally likely.
pub(super) struct Places<const L: usize> {
    /// The gain.
    pub(super) gain: Vec<[f64; L]>,
    /// The probability of a relevant document.
    pub(super) hit: Vec<[f64; L]>,
    /// The precision down to here where the document is relevant, else 0.
    pub(super) precision: Vec<[f64; L]>,
    /// The probability that the first relevant document stands here.
    pub(super) first: Vec<[f64; L]>,
    /// The probability that a user of ERR stops here.
    pub(super) stop: Vec<[f64; L]>,
    /// The sum of bpref's terms.
    pub(super) preferred: [f64; L],
    /// Twice the pairs (relevant, not relevant) in the right order, equal scores once.
    pub(super) ordered: [f64; L],
    /// The hits in as many places as the query has relevant documents; see [`super::cut`].
    pub(super) at_relevant: [f64; L],
    lane: usize,
    pairs: u128,
    // What is known of the documents above.
    place: usize,
    relevant: usize,
    judged_irrelevant: usize,
    going_on: f64,
    products: Vec<f64>,
}

/// What the places need to know of the query and of the definition.
pub(super) struct Frame<'a, F> {
    pub(super) needs: Needs,
    pub(super) gain: &'a F,
    pub(super) relevant_from: f64,
    /// ERR's `2^highest_grade`.
    pub(super) stop_scale: f64,
    /// Places that the columns have.
    pub(super) limit: usize,
    /// Places that are looked at, at least as many.
    pub(super) depth: usize,
    /// Relevant documents of the query, ranked or not.
    pub(super) relevant: usize,
    /// Documents of the query that are not relevant, judged or not.
    pub(super) irrelevant: usize,
    /// Documents of the query that were judged not relevant.
    pub(super) judged_irrelevant: usize,
}

/// Writes a lane's numbers from a place on.
pub(super) fn put<const L: usize>(
    column: &mut Vec<[f64; L]>,
    lane: usize,
    place: usize,
    numbers: impl ExactSizeIterator<Item = f64>,
) {
    if numbers.len() == 0 {
        return; // the place may lie beyond the last one of all
    }
    let end = place + numbers.len();
    if column.len() < end {
        column.resize(end, [0.0; L]);
    }
    for (to, number) in column[place..end].iter_mut().zip(numbers) {
        to[lane] = number;
    }
}

impl<const L: usize> Places<L> {
    pub(super) fn new() -> Self {
        Self {
            gain: Vec::new(),
            hit: Vec::new(),
            precision: Vec::new(),
            first: Vec::new(),
            stop: Vec::new(),
            preferred: [0.0; L],
            ordered: [0.0; L],
            at_relevant: [0.0; L],
            lane: 0,
            pairs: 0,
            place: 0,
            relevant: 0,
            judged_irrelevant: 0,
            going_on: 1.0,
            products: Vec::new(),
        }
    }

    /// Forgets the queries of all lanes.
    pub(super) fn clear(&mut self) {
        for column in [
            &mut self.gain,
            &mut self.hit,
            &mut self.precision,
            &mut self.first,
            &mut self.stop,
        ] {
            column.clear();
        }
    }

    /// Begins the ranking of the query of a lane.
    pub(super) fn begin(&mut self, lane: usize) {
        (self.lane, self.pairs) = (lane, 0);
        (self.preferred[lane], self.ordered[lane], self.at_relevant[lane]) = (0.0, 0.0, 0.0);
        (self.place, self.relevant, self.judged_irrelevant) = (0, 0, 0);
        self.going_on = 1.0;
    }

    /// Ends it: the documents that were not retrieved come last, all together.
    pub(super) fn end<F>(&mut self, frame: &Frame<'_, F>) {
        if frame.needs.pairs {
            let left = frame.irrelevant - (self.place - self.relevant);
            let pairs = self.pairs + (frame.relevant - self.relevant) as u128 * left as u128;
            self.ordered[self.lane] = pairs as f64;
        }
    }

    /// Adds documents of different scores: [`Self::push`] of each alone, column by column.
    pub(super) fn push_different<G: Grade>(&mut self, grades: &[G], frame: &Frame<'_, impl Fn(G) -> f64>) {
        let (needs, lane, at) = (frame.needs, self.lane, self.place);
        let shown = &grades[..grades.len().min(frame.limit.saturating_sub(self.place))];
        let is_relevant = |grade: &G| grade.value() >= frame.relevant_from;
        if needs.gain {
            put(
                &mut self.gain,
                lane,
                at,
                shown.iter().map(|&grade| (frame.gain)(grade)),
            );
        }
        if needs.hit {
            let hits = shown.iter().map(|grade| f64::from(u8::from(is_relevant(grade))));
            put(&mut self.hit, lane, at, hits);
        }
        if needs.precision {
            let mut relevant = self.relevant;
            let precisions = shown.iter().enumerate().map(|(below, grade)| {
                relevant += usize::from(is_relevant(grade));
                if is_relevant(grade) {
                    relevant as f64 / (at + below + 1) as f64
                } else {
                    0.0
                }
            });
            put(&mut self.precision, lane, at, precisions);
        }
        if needs.first {
            let mut none_before = self.relevant == 0;
            let firsts = shown.iter().map(|grade| {
                let first = none_before && is_relevant(grade);
                none_before &= !first;
                f64::from(u8::from(first))
            });
            put(&mut self.first, lane, at, firsts);
        }
        if needs.stop {
            for (place, grade) in (at..).zip(shown) {
                self.push_stop(std::slice::from_ref(grade), place, 1, frame.stop_scale);
            }
        }
        if needs.pairs {
            for grade in grades {
                let relevant = is_relevant(grade);
                self.push_pairs(std::slice::from_ref(grade), usize::from(relevant), frame);
                self.relevant += usize::from(relevant);
                self.place += 1;
            }
            return;
        }
        if needs.hit || needs.precision || needs.first {
            self.relevant += G::reaching(grades, frame.relevant_from);
        }
        self.place += grades.len();
    }

    /// Adds the documents of equal score that follow.
    pub(super) fn push<G: Grade>(&mut self, block: &[G], frame: &Frame<'_, impl Fn(G) -> f64>) {
        let places = block.len().min(frame.limit.saturating_sub(self.place));
        let (needs, lane, at) = (frame.needs, self.lane, self.place);
        let count = block.len() as f64;
        if needs.gain {
            let mean = block.iter().map(|&grade| (frame.gain)(grade)).sum::<f64>() / count;
            put(&mut self.gain, lane, at, std::iter::repeat_n(mean, places));
        }
        if needs.hit || needs.precision || needs.first || needs.pairs {
            let relevant = G::reaching(block, frame.relevant_from);
            if needs.hit {
                let share = relevant as f64 / count;
                put(&mut self.hit, lane, at, std::iter::repeat_n(share, places));
            }
            if needs.precision {
                self.push_precision(block.len(), relevant, places);
            }
            if needs.first {
                self.push_first(block.len(), relevant, places);
            }
            if needs.pairs {
                self.push_pairs(block, relevant, frame);
            }
            self.relevant += relevant;
        }
        if needs.stop {
            self.push_stop(block, at, places, frame.stop_scale);
        }
        self.place += block.len();
    }

    /// A place `j` (from 0) of the block is relevant with probability `r/n`; if it is, then
    /// `j (r - 1)/(n - 1)` of the `j` documents of the block above it are, on average.
    fn push_precision(&mut self, count: usize, relevant: usize, places: usize) {
        let share = relevant as f64 / count as f64;
        let others = (relevant.max(1) - 1) as f64 / (count.max(2) - 1) as f64;
        let (at, above) = (self.place, self.relevant);
        let precisions = (0..places).map(|j| {
            let hits = (above + 1) as f64 + j as f64 * others;
            share * hits / (at + j + 1) as f64
        });
        put(&mut self.precision, self.lane, at, precisions);
    }

    /// Drawing without replacement: the first relevant one comes at draw `j`.
    fn push_first(&mut self, count: usize, relevant: usize, places: usize) {
        let mut none_before = if self.relevant == 0 { 1.0 } else { 0.0 };
        let firsts = (0..places).map(|j| {
            let left = (count - j) as f64;
            let first = none_before * relevant as f64 / left;
            none_before *= (count - j).saturating_sub(relevant) as f64 / left;
            first
        });
        put(&mut self.first, self.lane, self.place, firsts);
    }

    /// The mean over all orders of `prod_{i < j} (1 - stop_i)` is the mean product of `j` of the
    /// documents, built up document by document: `m_j(t) = (t-j)/t m_j(t-1) + j/t x_t m_{j-1}(t-1)`.
    fn push_stop<G: Grade>(&mut self, block: &[G], at: usize, places: usize, scale: f64) {
        let passing = |grade: G| {
            let raised = if grade.value() > 0.0 { grade.exp2() } else { 1.0 };
            1.0 - (raised - 1.0) / scale
        };
        if let [only] = block {
            let pass = passing(*only);
            let stop = self.going_on * (1.0 - pass);
            put(&mut self.stop, self.lane, at, std::iter::repeat_n(stop, places));
            self.going_on *= pass;
            return;
        }
        let products = &mut self.products;
        products.clear();
        products.resize(places + 1, 0.0);
        products[0] = 1.0;
        let mut all = 1.0;
        for (t, &grade) in (1..).zip(block) {
            let pass = passing(grade);
            all *= pass;
            for j in (1..=places.min(t)).rev() {
                let (t, chosen) = (t as f64, j as f64);
                products[j] = (t - chosen) / t * products[j] + chosen / t * pass * products[j - 1];
            }
        }
        let stops = products
            .windows(2)
            .map(|pair| self.going_on * (pair[0] - pair[1]));
        put(&mut self.stop, self.lane, at, stops);
        self.going_on *= all;
    }

    /// bpref and pairs. In a random order each number of the block's irrelevant documents, from
    /// none to all, is equally likely to stand above a given relevant one.
    fn push_pairs<G: Grade>(&mut self, block: &[G], relevant: usize, frame: &Frame<'_, impl Fn(G) -> f64>) {
        let judged = block.iter().filter(|grade| grade.value() >= 0.0).count() - relevant;
        if relevant > 0 {
            let bound = frame.relevant.min(frame.judged_irrelevant);
            let above = self.judged_irrelevant;
            if above + judged == 0 {
                self.preferred[self.lane] += relevant as f64;
            } else {
                let below_bound = frame.relevant.saturating_sub(above).min(judged + 1) as f64;
                let over = (judged + 1) as f64 - below_bound;
                let sum = below_bound * above as f64
                    + below_bound * (below_bound - 1.0) / 2.0
                    + over * frame.relevant as f64;
                let mean = sum / (judged + 1) as f64;
                self.preferred[self.lane] += relevant as f64 * (1.0 - mean / bound as f64);
            }
        }
        let irrelevant = block.len() - relevant;
        let irrelevant_above = self.place - self.relevant;
        let below = frame.irrelevant - irrelevant_above - irrelevant;
        self.pairs += relevant as u128 * (2 * below + irrelevant) as u128;
        self.judged_irrelevant += judged;
    }
}
