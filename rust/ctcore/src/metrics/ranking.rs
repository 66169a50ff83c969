//! Ranking metrics of every query, all of them from one look at its rows.

use std::ops::Range;

use super::cut::Cut;
use super::definition::{Convention, Empty, Gain, Grades, Measure, Metric, Negative, Ties, flag};

use super::grades::{Grade, Ideal, real_gain, table};
use super::groups::Groups;
use super::places::{Frame, Places, put};
use super::plan::{Holds, Plan};
use super::select::{Score, Selection};
use super::sums::{Series, Sums};
use crate::num::{CHUNK, Sum, WeightedMean, check_weights};
use crate::{Error, Result, par};

/// Metrics that are computed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// What to measure.
    pub metrics: Vec<Metric>,
    /// How.
    pub convention: Convention,
}

/// What counts more. Scaling all weights of a kind changes nothing, nor does it for the items of one query.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Weights<'a> {
    /// One a query: its share of the mean.
    pub query: Option<&'a [f64]>,
    /// One a row, for DCG and NDCG: its gain is multiplied by it, in the best order too, so that
    /// NDCG stays in [0, 1]. Within a query they are taken relative to their mean.
    pub item: Option<&'a [f64]>,
}

/// One metric over all queries.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Column {
    /// Queries that have a value.
    pub count: u64,
    /// The weighted mean of the values; NaN where every query is left out.
    pub mean: f64,
    /// The mean in the worst order of equal scores.
    pub pessimistic: f64,
    /// The mean in the best order of equal scores.
    pub optimistic: f64,
}

/// The result of an evaluation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluated {
    /// One for each metric.
    pub columns: Vec<Column>,
    /// Bits of [`flag`], one byte a query.
    pub flags: Vec<u8>,
    /// The place, from 0, in which the first block of equal scores and different grades begins;
    /// `u32::MAX` where there is none within the largest cutoff. A metric depends on `ties` in
    /// those queries in which this is below its cutoff.
    pub tied_from: Vec<u32>,
}

impl Ranking {
    /// Every metric of every query, with means. `values` gets one value for each metric and query,
    /// metric by metric, each in the order of the groups; NaN where the query is left out. Documents are ranked by descending score; a score
    /// of -infinity says that a document was not retrieved: it has no rank, but belongs to its
    /// query's relevant documents and to the best order.
    ///
    /// # Errors
    /// [`Error::Argument`] for a NaN score, a grade that is not finite, or negative where
    /// `negative` says so; gains that overflow; a gain table that falls or misses a grade; rows,
    /// weights or values that do not match; item weights for metrics other than DCG and NDCG; a cutoff of
    /// 0; and for a query without relevant documents where `empty` says so.
    ///
    /// ```
    /// use ctcore::metrics::definition::{Convention, Grades, Measure, Metric};
    /// use ctcore::metrics::{groups::Groups, ranking::{Ranking, Weights}};
    /// let ranking = Ranking {
    ///     metrics: vec![Metric { measure: Measure::Ndcg, k: Some(2) }],
    ///     convention: Convention::default(),
    /// };
    /// let (grades, scores, mut values) = (Grades::Whole(&[1, 0, 2]), [0.9, 0.5, 0.1], [0.0]);
    /// let found = ranking.evaluate(grades, &scores, &Groups::single(3), Weights::default(), &mut values)?;
    /// // DCG = 1, IDCG = 2 + 1 / log2(3)
    /// assert!((found.columns[0].mean - 1.0 / (2.0 + 1.0 / 3.0_f64.log2())).abs() < 1e-15);
    /// # Ok::<(), ctcore::Error>(())
    /// ```
    pub fn evaluate<S: Score>(
        &self,
        relevance: Grades<'_>,
        scores: &[S],
        groups: &Groups,
        weight: Weights<'_>,
        values: &mut [f64],
    ) -> Result<Evaluated> {
        let [found] = self.checked(
            relevance,
            [Model::new("score", scores, values)],
            groups,
            weight,
            true,
        )?;
        Ok(found)
    }

    /// [`Self::evaluate`] without the worst and the best order of equal scores: their means are NaN.
    ///
    /// # Errors
    /// Those of [`Self::evaluate`].
    pub fn evaluate_unbounded<S: Score>(
        &self,
        relevance: Grades<'_>,
        scores: &[S],
        groups: &Groups,
        weight: Weights<'_>,
        values: &mut [f64],
    ) -> Result<Evaluated> {
        let [found] = self.checked(
            relevance,
            [Model::new("score", scores, values)],
            groups,
            weight,
            false,
        )?;
        Ok(found)
    }

    /// [`Self::evaluate_unbounded`] of two models from one look at the grades.
    ///
    /// # Errors
    /// Those of [`Self::evaluate`].
    pub fn evaluate_pair<S: Score>(
        &self,
        relevance: Grades<'_>,
        candidate: &[S],
        production: &[S],
        groups: &Groups,
        weight: Weights<'_>,
        values: [&mut [f64]; 2],
    ) -> Result<[Evaluated; 2]> {
        let [first, second] = values;
        let models = [
            Model::new("candidate", candidate, first),
            Model::new("production", production, second),
        ];
        self.checked(relevance, models, groups, weight, false)
    }

    fn checked<S: Score, const N: usize>(
        &self,
        relevance: Grades<'_>,
        models: [Model<'_, S>; N],
        groups: &Groups,
        weight: Weights<'_>,
        bounds: bool,
    ) -> Result<[Evaluated; N]> {
        self.convention.check()?;
        self.metrics.iter().try_for_each(|metric| metric.check())?;
        let rows = groups.ends().last().copied().unwrap_or(0);
        let room = self.metrics.len() * groups.len();
        for Model { name, scores, values } in &models {
            if relevance.len() != scores.len() || scores.len() != rows {
                let message = format!(
                    "relevance, {name} and groups must have the same number of rows, found {}, {} and {rows}",
                    relevance.len(),
                    scores.len()
                );
                return Err(Error::argument(name, message));
            }
            if values.len() != room {
                let message = format!(
                    "must have room for {room}, one a metric and query, found {}",
                    values.len()
                );
                return Err(Error::argument("values", message));
            }
        }
        match relevance {
            Grades::Whole(grades) => {
                let gains = table(&self.convention.gain, highest(grades))?;
                let gain = |grade: u8| gains[usize::from(grade)];
                self.weighed(grades, &gain, models, groups, weight, bounds)
            }
            Grades::Real(grades) => {
                self.check_grades(grades, groups)?;
                let gain = real_gain(&self.convention.gain);
                self.weighed(grades, &gain, models, groups, weight, bounds)
            }
        }
    }

    /// Weighed gains are real grades whose gain is themselves.
    fn weighed<G: Grade, S: Score, const N: usize>(
        &self,
        grades: &[G],
        gain: &(impl Fn(G) -> f64 + Sync),
        models: [Model<'_, S>; N],
        groups: &Groups,
        weight: Weights<'_>,
        bounds: bool,
    ) -> Result<[Evaluated; N]> {
        let Some(items) = weight.item else {
            return self.run(grades, gain, models, groups, weight.query, bounds);
        };
        self.check_items(items, grades.len(), groups)?;
        let mut gains = Vec::with_capacity(grades.len());
        for query in 0..groups.len() {
            let rows = groups.rows(query);
            let mean: f64 = items[rows.clone()]
                .iter()
                .map(|item| item / rows.len() as f64)
                .sum();
            let mean = if mean > 0.0 { mean } else { 1.0 };
            let pairs = items[rows.clone()].iter().zip(&grades[rows]);
            gains.extend(pairs.map(|(item, &grade)| item / mean * gain(grade)));
        }
        self.run(&gains, &|gain: f64| gain, models, groups, weight.query, bounds)
    }

    fn check_items(&self, items: &[f64], rows: usize, groups: &Groups) -> Result<()> {
        let wrong = |message| Err(Error::argument("item_weight", message));
        let of_gains = |metric: &&Metric| !matches!(metric.measure, Measure::Dcg | Measure::Ndcg);
        if let Some(metric) = self.metrics.iter().find(of_gains) {
            let message = format!(
                "items weigh in DCG and NDCG, which have gains, found {:?}",
                metric.measure
            );
            return wrong(message);
        }
        if items.len() != rows {
            return wrong(format!(
                "must have one value for each of the {rows} rows, found {}",
                items.len()
            ));
        }
        match items.iter().position(|&item| !(item.is_finite() && item >= 0.0)) {
            None => Ok(()),
            Some(at) => wrong(format!(
                "must be finite and at least 0, found {} in row {}",
                items[at],
                groups.input_row(at)
            )),
        }
    }

    fn check_grades(&self, grades: &[f64], groups: &Groups) -> Result<()> {
        let least = match self.convention.negative {
            Negative::Error => 0.0,
            Negative::Unjudged => f64::NEG_INFINITY,
        };
        if let Gain::Table(table) = &self.convention.gain {
            let known = |grade: f64| grade < 0.0 || (grade.fract() == 0.0 && grade < table.len() as f64);
            if let Some(at) = grades.iter().position(|&grade| !known(grade)) {
                let message = format!(
                    "a gain table of {} entries holds whole grades below that, found {} in row {}",
                    table.len(),
                    grades[at],
                    groups.input_row(at)
                );
                return Err(Error::argument("relevance", message));
            }
        }
        let bad = |grade: &f64| !(grade.is_finite() && *grade >= least);
        match grades.iter().position(bad) {
            None => Ok(()),
            Some(at) => Err(Error::argument(
                "relevance",
                format!(
                    "grades must be finite and at least {}, found {} in row {}",
                    if least == 0.0 {
                        "0"
                    } else {
                        "negative for unjudged"
                    },
                    grades[at],
                    groups.input_row(at)
                ),
            )),
        }
    }

    fn run<G: Grade, S: Score, const N: usize>(
        &self,
        grades: &[G],
        gain: &(impl Fn(G) -> f64 + Sync),
        models: [Model<'_, S>; N],
        groups: &Groups,
        weight: Option<&[f64]>,
        bounds: bool,
    ) -> Result<[Evaluated; N]> {
        let longest = groups.longest();
        if u32::try_from(longest).is_err() {
            let message = format!(
                "a query of {longest} rows is too long: at most {} can be ranked",
                u32::MAX
            );
            return Err(Error::argument("group", message));
        }
        if let Some(weight) = weight {
            check_weights(groups.len(), weight)?;
        }
        let plan = Plan::new(self, longest, bounds);
        if longest.min(plan.places) < DEEP {
            self.measured::<_, _, N, LANES>(&plan, grades, gain, models, groups, weight)
        } else {
            self.measured::<_, _, N, 1>(&plan, grades, gain, models, groups, weight)
        }
    }

    fn measured<G: Grade, S: Score, const N: usize, const L: usize>(
        &self,
        plan: &Plan<'_>,
        grades: &[G],
        gain: &(impl Fn(G) -> f64 + Sync),
        models: [Model<'_, S>; N],
        groups: &Groups,
        weight: Option<&[f64]>,
    ) -> Result<[Evaluated; N]> {
        let runs = par::balanced(groups.ends(), CHUNK);
        let scores = models.each_ref().map(|model| (model.name, model.scores));
        let mut measured = models.map(|model| Measured::new(groups.len(), model.values));
        let mut rest = measured.each_mut().map(Measured::part);
        let parts = runs.into_iter().map(|run| {
            let parts = rest.each_mut().map(|rest| rest.split(run.len()));
            (run, parts)
        });
        let tallies = par::each(
            parts.collect(),
            |(queries, parts): (Range<usize>, [Part<'_>; N])| {
                let longest = queries.clone().map(|query| groups.rows(query).len()).max();
                let mut work = Work::<_, _, _, N, L>::new(plan, gain, longest.unwrap_or(0), parts);
                let describe = |(at, fault): (usize, Fault)| {
                    let query = queries.start + at;
                    fault.describe(query, groups)
                };
                for query in queries.clone() {
                    let rows = groups.rows(query);
                    let scores = scores.map(|(name, scores)| (name, &scores[rows.clone()]));
                    let weight = weight.map_or(1.0, |weight| weight[query]);
                    work.query(&grades[rows], scores, weight).map_err(describe)?;
                }
                work.finish(weight.map(|weight| &weight[queries.clone()]))
                    .map_err(describe)?;
                Ok::<_, Error>(work.tallies)
            },
        );
        let mut total = [(); N].map(|()| vec![Tally::default(); self.metrics.len()]);
        for tallies in tallies {
            for (total, later) in total.iter_mut().flatten().zip(tallies?.iter().flatten()) {
                total.merge(later);
            }
        }
        for (model, total) in measured.iter_mut().zip(&total) {
            let columns = total.iter().map(|tally| tally.column(plan.bounds));
            model.found.columns = columns.collect::<Result<_>>()?;
        }
        Ok(measured.map(|model| model.found))
    }
}

/// Scores, and what an error calls them.
type Named<'a, S> = (&'static str, &'a [S]);

/// What is asked of one model.
struct Model<'a, S> {
    name: &'static str,
    scores: &'a [S],
    /// Where its values are written.
    values: &'a mut [f64],
}

impl<'a, S> Model<'a, S> {
    fn new(name: &'static str, scores: &'a [S], values: &'a mut [f64]) -> Self {
        Self { name, scores, values }
    }
}

/// The result of one model.
struct Measured<'v> {
    found: Evaluated,
    values: &'v mut [f64],
}

impl<'v> Measured<'v> {
    fn new(queries: usize, values: &'v mut [f64]) -> Self {
        let found = Evaluated {
            columns: Vec::new(),
            flags: vec![0; queries],
            tied_from: vec![0; queries],
        };
        Self { found, values }
    }

    fn part(&mut self) -> Part<'_> {
        let queries = self.found.flags.len().max(1);
        Part {
            values: self.values.chunks_exact_mut(queries).collect(),
            flags: &mut self.found.flags,
            tied_from: &mut self.found.tied_from,
        }
    }
}

/// The highest of all grades, on all threads.
fn highest(grades: &[u8]) -> u8 {
    let parts = grades.len().div_ceil(16 * CHUNK);
    par::map(parts, |part| {
        let end = grades.len().min((part + 1) * 16 * CHUNK);
        u8::range(&grades[part * 16 * CHUNK..end]).map_or(0, |(_, highest)| highest)
    })
    .into_iter()
    .max()
    .unwrap_or(0)
}

/// Where one run of queries is written.
struct Part<'o> {
    /// One slice for each metric.
    values: Vec<&'o mut [f64]>,
    flags: &'o mut [u8],
    tied_from: &'o mut [u32],
}

impl Part<'_> {
    /// Takes the first `count` queries off.
    fn split(&mut self, count: usize) -> Self {
        let values = self.values.iter_mut();
        Self {
            values: values
                .map(|rest| rest.split_off_mut(..count).unwrap_or_default())
                .collect(),
            flags: self.flags.split_off_mut(..count).unwrap_or_default(),
            tied_from: self.tied_from.split_off_mut(..count).unwrap_or_default(),
        }
    }
}

/// What is added up of a metric.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tally {
    mean: WeightedMean,
    /// Weighted, how far the worst order of equal scores moves it.
    down: Sum,
    /// The same of the best order.
    up: Sum,
}

impl Tally {
    fn merge(&mut self, later: &Self) {
        self.mean.merge(&later.mean);
        self.down.merge(&later.down);
        self.up.merge(&later.up);
    }

    /// Adds how far an order moves the metric of a query; NaN where the query is left out.
    fn moved(&mut self, ties: Ties, moved: f64) {
        match ties {
            _ if moved.is_nan() => {}
            Ties::Pessimistic => self.down.add(moved),
            _ => self.up.add(moved),
        }
    }

    fn column(&self, bounds: bool) -> Result<Column> {
        let mean = self.mean.mean()?;
        let moved = |shift: Sum| match shift.total() {
            _ if !bounds => f64::NAN,
            0.0 => mean,
            shift => mean + shift / self.mean.weights(),
        };
        Ok(Column {
            mean,
            count: self.mean.count,
            pessimistic: moved(self.down),
            optimistic: moved(self.up),
        })
    }
}

/// Why a query has no value.
enum Fault {
    NanScore { name: &'static str, row: usize },
    Overflow,
    Empty,
    AboveScale { grade: f64, highest: f64 },
}

impl Fault {
    fn describe(&self, query: usize, groups: &Groups) -> Error {
        let start = groups.rows(query).start;
        let from = groups.input_row(start);
        match self {
            Self::NanScore { name, row } => Error::argument(
                name,
                format!(
                    "NaN in row {} (query {query}) has no place in a ranking; find out why the model gives it",
                    groups.input_row(start + row)
                ),
            ),
            Self::Overflow => Error::argument(
                "gain",
                format!(
                    "the gains of query {query} (from row {from}) are too large to add up; use smaller grades"
                ),
            ),
            Self::Empty => Error::argument(
                "relevance",
                format!("query {query} (from row {from}) has no relevant document, and empty=\"error\""),
            ),
            Self::AboveScale { grade, highest } => Error::argument(
                "highest_grade",
                format!(
                    "ERR takes {highest} as the highest grade of the scale, found {grade} in query {query} \
                     (from row {from})"
                ),
            ),
        }
    }
}

/// Queries that are measured side by side: a cache line of each metric, and vectors of any width.
const LANES: usize = 8;
/// Places from which a query is measured alone: many of them side by side would leave the cache.
const DEEP: usize = 1_000;

/// The work on queries, with scratch memory that lives as long as the run. They are ranked one by one, each
/// in a lane, and measured when all lanes are full.
struct Work<'a, 'o, G: Grade, S: Score, F, const N: usize, const L: usize> {
    plan: &'a Plan<'a>,
    gain: &'a F,
    selection: Selection<S>,
    ideal: Ideal,
    block: Vec<G>,
    cut_scores: Vec<S>,
    lanes: Lanes<N, L>,
    sums: Sums<L>,
    /// The values of the lanes, and those in another order of equal scores.
    values: [Vec<[f64; L]>; 2],
    parts: [Part<'o>; N],
    tallies: [Vec<Tally>; N],
}

/// Queries that wait to be measured.
struct Lanes<const N: usize, const L: usize> {
    /// The first of them, in the run.
    first: usize,
    count: usize,
    weights: [f64; L],
    /// The gains of the best order.
    best: Vec<[f64; L]>,
    ranked: [Ranked<L>; N],
}

/// What one model makes of the queries.
struct Ranked<const L: usize> {
    holds: [Holds; L],
    /// In the order that was asked for.
    places: Places<L>,
    /// In the worst and in the best order of equal scores.
    bounds: [Places<L>; 2],
    tied: [bool; L],
}

impl<const N: usize, const L: usize> Lanes<N, L> {
    fn new() -> Self {
        let ranked = |()| Ranked {
            holds: [Holds::default(); L],
            places: Places::new(),
            bounds: [(); 2].map(|()| Places::new()),
            tied: [false; L],
        };
        Self {
            first: 0,
            count: 0,
            weights: [0.0; L],
            best: Vec::new(),
            ranked: [(); N].map(ranked),
        }
    }

    /// Begins with the next queries.
    fn clear(&mut self) {
        self.first += self.count;
        self.count = 0;
        self.best.clear();
        for ranked in &mut self.ranked {
            ranked.places.clear();
            ranked.bounds.iter_mut().for_each(Places::clear);
            ranked.tied = [false; L];
        }
    }
}

impl<'a, 'o, G: Grade, S: Score, F: Fn(G) -> f64, const N: usize, const L: usize>
    Work<'a, 'o, G, S, F, N, L>
{
    fn new(plan: &'a Plan<'a>, gain: &'a F, longest: usize, parts: [Part<'o>; N]) -> Self {
        let metrics = plan.ranking.metrics.len();
        Self {
            plan,
            gain,
            selection: Selection::new(longest),
            ideal: Ideal::new(longest),
            block: Vec::new(),
            cut_scores: Vec::new(),
            lanes: Lanes::new(),
            sums: Sums::new(),
            values: [(); 2].map(|()| vec![[0.0; L]; metrics]),
            parts,
            tallies: [(); N].map(|()| vec![Tally::default(); metrics]),
        }
    }

    /// The next query of the run. An error says which query it is of.
    fn query(
        &mut self,
        grades: &[G],
        scores: [Named<'_, S>; N],
        weight: f64,
    ) -> std::result::Result<(), (usize, Fault)> {
        let at = self.lanes.first + self.lanes.count;
        let holds = self.hold(grades).map_err(|fault| (at, fault))?;
        for (model, scores) in scores.into_iter().enumerate() {
            self.rank(model, grades, scores, holds)
                .map_err(|fault| (at, fault))?;
        }
        self.lanes.weights[self.lanes.count] = weight;
        self.lanes.count += 1;
        if self.lanes.count == L {
            self.measure()
        } else {
            Ok(())
        }
    }

    /// Measures the queries that wait.
    fn measure(&mut self) -> std::result::Result<(), (usize, Fault)> {
        let (plan, lanes) = (self.plan, &mut self.lanes);
        let [values, others] = &mut self.values;
        self.sums.fill_ideal(&lanes.best, &plan.discounts);
        let queries = lanes.first..lanes.first + lanes.count;
        for (model, ranked) in lanes.ranked.iter().enumerate() {
            plan.sum(&ranked.places, &mut self.sums);
            plan.values(&ranked.places, &self.sums, &ranked.holds, values);
            let gains = [Series::Gain, Series::Ideal].map(|series| self.sums.at(series, usize::MAX));
            let overflown = (0..lanes.count).find(|&lane| gains.iter().any(|gain| gain[lane].is_infinite()));
            if let Some(lane) = overflown {
                return Err((lanes.first + lane, Fault::Overflow));
            }
            for (column, value) in self.parts[model].values.iter_mut().zip(&*values) {
                column[queries.clone()].copy_from_slice(&value[..lanes.count]);
            }
            if !plan.bounds || !ranked.tied.contains(&true) {
                continue;
            }
            for (places, ties) in ranked.bounds.iter().zip(BOUNDS) {
                plan.sum(places, &mut self.sums);
                plan.values(places, &self.sums, &ranked.holds, others);
                let moved = others.iter().zip(&*values).zip(&mut self.tallies[model]);
                for ((other, value), tally) in moved {
                    for lane in (0..lanes.count).filter(|&lane| ranked.tied[lane]) {
                        tally.moved(ties, lanes.weights[lane] * (other[lane] - value[lane]));
                    }
                }
            }
        }
        self.lanes.clear();
        Ok(())
    }

    /// Measures the last queries, and adds up the values of the run while they are in the cache.
    fn finish(&mut self, weight: Option<&[f64]>) -> std::result::Result<(), (usize, Fault)> {
        self.measure()?;
        for (part, tallies) in self.parts.iter().zip(&mut self.tallies) {
            for (values, tally) in part.values.iter().zip(tallies) {
                tally.mean.add(values, weight);
            }
        }
        Ok(())
    }

    /// Looks at the grades, and adds up the best order.
    fn hold(&mut self, grades: &[G]) -> std::result::Result<Holds, Fault> {
        let (plan, convention) = (self.plan, &self.plan.ranking.convention);
        let mut flags = if grades.len() <= 1 { flag::SINGLE } else { 0 };
        let range = G::range(grades);
        let highest = range.map(|(_, highest)| highest);
        if range.is_none_or(|(lowest, highest)| lowest == highest) {
            flags |= flag::CONSTANT;
        }
        if plan.needs.stop
            && let Some(grade) = highest.map(G::value)
            && grade > convention.highest_grade
        {
            let highest = convention.highest_grade;
            return Err(Fault::AboveScale { grade, highest });
        }
        let relevant = if plan.binary {
            G::reaching(grades, convention.relevant_from)
        } else {
            0
        };
        if plan.ideal {
            self.ideal.gains.clear();
            if let Some(highest) = highest {
                G::ideal(grades, highest, plan.places, &mut self.ideal, self.gain);
            }
            put(
                &mut self.lanes.best,
                self.lanes.count,
                0,
                self.ideal.gains.iter().copied(),
            );
        }
        let gainless = plan.graded && highest.is_none_or(|highest| (self.gain)(highest) == 0.0);
        let irrelevant = plan.binary && relevant == 0;
        flags |= if gainless { flag::GAINLESS } else { 0 } | if irrelevant { flag::IRRELEVANT } else { 0 };
        if convention.empty == Empty::Error && (gainless || irrelevant) {
            return Err(Fault::Empty);
        }
        let judged = || grades.iter().filter(|grade| grade.value() >= 0.0).count();
        Ok(Holds {
            flags,
            gainless,
            gradeless: highest.is_none_or(|highest| highest.value() <= 0.0),
            relevant,
            irrelevant: grades.len() - relevant,
            judged_irrelevant: if plan.needs.pairs { judged() - relevant } else { 0 },
            ranked: 0,
        })
    }

    /// Ranks by the scores of one model.
    fn rank(
        &mut self,
        model: usize,
        grades: &[G],
        (name, scores): Named<'_, S>,
        mut holds: Holds,
    ) -> std::result::Result<(), Fault> {
        let (plan, convention) = (self.plan, &self.plan.ranking.convention);
        let depth = plan.depth();
        let keys = self
            .selection
            .best(scores, depth.max(1))
            .map_err(|row| Fault::NanScore { name, row })?;
        if let (Some(&first), Some(&last)) = (keys.first(), keys.last())
            && keys.len() == scores.len()
            && keys.len() > 1
            && S::same(first, last)
        {
            holds.flags |= flag::CONSTANT_SCORE;
        }
        holds.ranked = keys.len();
        let frame = Frame {
            needs: plan.needs,
            gain: self.gain,
            relevant_from: convention.relevant_from,
            stop_scale: plan.stop_scale,
            limit: plan.places,
            depth,
            relevant: holds.relevant,
            irrelevant: holds.irrelevant,
            judged_irrelevant: holds.judged_irrelevant,
        };
        let cut = match G::lowest_from(convention.relevant_from) {
            Some(least) if plan.at_relevant && holds.relevant > 0 => {
                Cut::of(scores, grades, least, holds.relevant, &mut self.cut_scores)
            }
            _ => Cut::default(),
        };
        let (lane, ranked, part) = (
            self.lanes.count,
            &mut self.lanes.ranked[model],
            &mut self.parts[model],
        );
        let at = self.lanes.first + lane;
        let mut ranking = |ties, places: &mut Places<L>| {
            places.begin(lane);
            let tied_from = rank::<G, S, L>(ties, keys, grades, &frame, places, &mut self.block);
            places.end(&frame);
            places.at_relevant[lane] = cut.hits(ties);
            tied_from
        };
        let mut tied_from = ranking(convention.ties, &mut ranked.places);
        if cut.is_tied() {
            tied_from = tied_from.min(cut.shared_from(holds.relevant) as u32);
        }
        ranked.holds[lane] = holds;
        part.flags[at] = holds.flags;
        part.tied_from[at] = tied_from;
        if plan.bounds && tied_from < u32::MAX {
            ranked.tied[lane] = true;
            for (places, ties) in ranked.bounds.iter_mut().zip(BOUNDS) {
                ranking(ties, places);
            }
        }
        Ok(())
    }
}

/// The orders of equal scores between which a metric can move.
const BOUNDS: [Ties; 2] = [Ties::Pessimistic, Ties::Optimistic];

/// Fills `places` from the ranked rows, with equal scores in the order of `ties`. Returns the place
/// of the first block whose order matters.
fn rank<G: Grade, S: Score, const L: usize>(
    ties: Ties,
    keys: &[S::Key],
    grades: &[G],
    frame: &Frame<'_, impl Fn(G) -> f64>,
    places: &mut Places<L>,
    block: &mut Vec<G>,
) -> u32 {
    let (mut start, mut tied_from) = (0, u32::MAX);
    let limit = keys.len().min(frame.depth);
    let grade = |at: usize| grades[S::row(keys[at])];
    let is_tied = |at: usize| keys.get(at + 1).is_some_and(|&next| S::same(keys[at], next));
    while start < limit {
        block.clear();
        let mut end = start;
        while end < limit && !is_tied(end) {
            block.push(grade(end));
            end += 1;
        }
        places.push_different(block, frame);
        start = end;
        if start == limit {
            break;
        }
        block.clear();
        block.push(grade(end));
        while is_tied(end) {
            end += 1;
            block.push(grade(end));
        }
        end += 1;
        if block.iter().any(|&grade| grade != block[0]) && tied_from == u32::MAX {
            tied_from = start as u32;
        }
        let order = |a: &G, b: &G| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
        match ties {
            Ties::Average => places.push(block, frame),
            Ties::Input => {}
            Ties::Pessimistic => block.sort_unstable_by(order),
            Ties::Optimistic => block.sort_unstable_by(|a, b| order(b, a)),
        }
        if ties != Ties::Average {
            places.push_different(block, frame);
        }
        start = end;
    }
    tied_from
}

#[cfg(test)]
mod tests {
    use super::super::definition::Gain;
    use super::*;
    use Measure as M;
    use proptest::prelude::*;

    const ALL: [Measure; 13] = [
        M::Dcg,
        M::Ndcg,
        M::AveragePrecision,
        M::ReciprocalRank,
        M::Precision,
        M::Recall,
        M::F1,
        M::HitRate,
        M::RPrecision,
        M::Bpref,
        M::Rbp,
        M::Err,
        M::Auc,
    ];

    fn all_at(k: Option<usize>) -> Vec<Metric> {
        let cut = |measure: Measure| matches!(measure, M::RPrecision | M::Bpref | M::Auc);
        let metrics = ALL.iter().map(|&measure| Metric {
            measure,
            k: if cut(measure) { None } else { k },
        });
        metrics.collect()
    }

    /// [`Ranking::evaluate`] and the values.
    fn evaluate<S: Score>(
        ranking: &Ranking,
        relevance: Grades<'_>,
        scores: &[S],
        groups: &Groups,
        weight: Weights<'_>,
    ) -> Result<(Evaluated, Vec<f64>)> {
        let mut values = vec![0.5; ranking.metrics.len() * groups.len()];
        let found = ranking.evaluate(relevance, scores, groups, weight, &mut values)?;
        Ok((found, values))
    }

    fn one(metric: Metric, convention: &Convention, grades: &[u8], scores: &[f64]) -> (f64, u8) {
        let ranking = Ranking {
            metrics: vec![metric],
            convention: convention.clone(),
        };
        let groups = Groups::single(grades.len());
        let (found, values) = evaluate(
            &ranking,
            Grades::Whole(grades),
            scores,
            &groups,
            Weights::default(),
        )
        .unwrap();
        (values[0], found.flags[0])
    }

    fn ndcg_at_3() -> Metric {
        Metric {
            measure: M::Ndcg,
            k: Some(3),
        }
    }

    fn with(change: impl FnOnce(&mut Convention)) -> Convention {
        let mut convention = Convention::default();
        change(&mut convention);
        convention
    }

    /// Worked by hand: grades 3 2 3 0 1 2 in the order of the scores, k = 3.
    /// Linear: DCG = 3 + 2/log2(3) + 3/2 = 5.761859507142915, IDCG = 3 + 3/log2(3) + 2/2
    /// = 5.892789260714372, ratio .9777813601811.
    /// 2^g - 1: DCG = 7 + 3/log2(3) + 7/2 = 12.392789260714372, IDCG = 7 + 7/log2(3) + 3/2
    /// = 12.916508275000202, ratio .9594535166...
    #[test]
    fn the_golden_vectors() {
        let (grades, scores) = ([3, 2, 3, 0, 1, 2], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        let (linear, _) = one(ndcg_at_3(), &Convention::default(), &grades, &scores);
        assert!((linear - 5.761_859_507_142_915 / 5.892_789_260_714_372).abs() < 1e-15);
        let exp2 = with(|c| c.gain = Gain::Exp2);
        let (value, _) = one(ndcg_at_3(), &exp2, &grades, &scores);
        assert!((value - 12.392_789_260_714_372 / 12.916_508_275_000_202).abs() < 1e-15);
    }

    /// Scores 2 2 1 1, grades 0 3 1 0, k = 3, by hand: the first block gives 1.5 at both places,
    /// the second 0.5 at place 3: DCG = 1.5 (1 + 1/log2(3)) + .5/2; IDCG = 3 + 1/log2(3).
    #[test]
    fn ties_count_in_the_order_that_was_asked_for() {
        let (grades, scores) = ([0, 3, 1, 0], [2.0, 2.0, 1.0, 1.0]);
        let second = 1.0 / 3.0_f64.log2();
        let ideal = 3.0 + second;
        for (ties, dcg) in [
            (Ties::Average, 1.5 * (1.0 + second) + 0.25),
            (Ties::Input, 3.0 * second + 0.5),
            (Ties::Pessimistic, 3.0 * second),
            (Ties::Optimistic, 3.0 + 0.5),
        ] {
            let ranking = Ranking {
                metrics: vec![ndcg_at_3()],
                convention: with(|c| c.ties = ties),
            };
            let (found, _) = evaluate(
                &ranking,
                Grades::Whole(&grades),
                &scores,
                &Groups::single(4),
                Weights::default(),
            )
            .unwrap();
            let column = &found.columns[0];
            assert!((column.mean - dcg / ideal).abs() < 1e-15, "{ties:?}: {column:?}");
            assert!((column.pessimistic - 3.0 * second / ideal).abs() < 1e-15);
            assert!((column.optimistic - 3.5 / ideal).abs() < 1e-15);
            assert_eq!(found.tied_from, [0]);
        }
    }

    /// The definitions, word for word, on one order of the documents.
    fn of_order(measure: Measure, k: usize, grades: &[u8], convention: &Convention) -> f64 {
        let relevant = |grade: u8| f64::from(u8::from(f64::from(grade) >= convention.relevant_from));
        let total: f64 = grades.iter().map(|&grade| relevant(grade)).sum();
        let others = grades.len() as f64 - total;
        let gain = |grade: u8| f64::from(grade);
        let dcg = |grades: &[u8]| -> f64 {
            let places = grades.iter().take(k).enumerate();
            places
                .map(|(i, &grade)| gain(grade) / (i as f64 + 2.0).log2())
                .sum()
        };
        let hits = |to: usize| grades.iter().take(to).map(|&grade| relevant(grade)).sum::<f64>();
        let places = || {
            grades
                .iter()
                .enumerate()
                .take(k)
                .filter(|&(_, &grade)| relevant(grade) == 1.0)
        };
        let cut = if k == usize::MAX { grades.len() } else { k } as f64;
        let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
        match measure {
            M::Dcg => dcg(grades),
            M::Ndcg => {
                let mut best = grades.to_vec();
                best.sort_unstable_by(|a, b| b.cmp(a));
                share(dcg(grades), dcg(&best))
            }
            M::AveragePrecision => share(places().map(|(i, _)| hits(i + 1) / (i + 1) as f64).sum(), total),
            M::ReciprocalRank => places().next().map_or(0.0, |(i, _)| 1.0 / (i + 1) as f64),
            M::Precision => hits(k) / cut,
            M::Recall => share(hits(k), total),
            M::F1 => {
                let (p, r) = (hits(k) / cut, share(hits(k), total));
                share(2.0 * p * r, p + r)
            }
            M::HitRate => f64::from(u8::from(hits(k) > 0.0)),
            M::RPrecision => share(hits(total as usize), total),
            M::Bpref => {
                let terms = grades
                    .iter()
                    .enumerate()
                    .filter(|&(_, &grade)| relevant(grade) == 1.0);
                let terms = terms.map(|(i, _)| {
                    let above = i as f64 - hits(i);
                    1.0 - share(above.min(total), others.min(total))
                });
                share(terms.sum(), total)
            }
            M::Rbp => {
                let p = convention.persistence;
                (1.0 - p) * places().map(|(i, _)| p.powi(i as i32)).sum::<f64>()
            }
            M::Err => {
                let stop = |grade: u8| (f64::from(grade).exp2() - 1.0) / convention.highest_grade.exp2();
                let (mut on, mut sum) = (1.0, 0.0);
                for (i, &grade) in grades.iter().take(k).enumerate() {
                    sum += on * stop(grade) / (i + 1) as f64;
                    on *= 1.0 - stop(grade);
                }
                sum
            }
            M::Auc => {
                let above = places().map(|(i, _)| others - (i as f64 - hits(i))).sum::<f64>();
                if total * others == 0.0 {
                    f64::NAN
                } else {
                    above / (total * others)
                }
            }
        }
    }

    /// Every order of the rows that the scores allow, each as often as the others.
    fn orders(scores: &[i32]) -> Vec<Vec<usize>> {
        fn grow(left: &[usize], scores: &[i32], done: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
            let Some(best) = left.iter().map(|&row| scores[row]).max() else {
                all.push(done.clone());
                return;
            };
            for &row in left.iter().filter(|&&row| scores[row] == best) {
                let rest: Vec<usize> = left.iter().copied().filter(|&other| other != row).collect();
                done.push(row);
                grow(&rest, scores, done, all);
                done.pop();
            }
        }
        let rows: Vec<usize> = (0..scores.len()).collect();
        let mut all = Vec::new();
        grow(&rows, scores, &mut Vec::new(), &mut all);
        all
    }

    proptest! {
        /// The heart of it: every measure with averaged ties is the mean of its definition over all
        /// orders that the scores allow, and the range goes from the least of them to the greatest.
        #[test]
        fn averaged_ties_are_the_mean_over_all_orders(
            rows in prop::collection::vec((0..4_u8, 0..3_i32), 1..7),
            k in prop::option::of(1..8_usize),
            relevant_from in 1..3_u8,
        ) {
            let (grades, scores): (Vec<u8>, Vec<i32>) = rows.into_iter().unzip();
            let convention = with(|c| c.relevant_from = f64::from(relevant_from));
            let ranking = Ranking { metrics: all_at(k), convention: convention.clone() };
            let wide: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
            let groups = Groups::single(grades.len());
            let (found, values) = evaluate(&ranking, Grades::Whole(&grades), &wide, &groups, Weights::default()).unwrap();
            let orders = orders(&scores);
            for (metric, column) in ranking.metrics.iter().zip(&found.columns) {
                let values: Vec<f64> = orders.iter().map(|order| {
                    let ranked: Vec<u8> = order.iter().map(|&row| grades[row]).collect();
                    of_order(metric.measure, metric.k.unwrap_or(usize::MAX), &ranked, &convention)
                }).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                if mean.is_nan() {
                    prop_assert!(column.mean.is_nan());
                    continue;
                }
                let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                prop_assert!((column.mean - mean).abs() < 1e-13, "{metric:?} {} {mean}", column.mean);
                prop_assert!((column.pessimistic - least).abs() < 1e-13, "{metric:?} {column:?} {least}");
                prop_assert!((column.optimistic - most).abs() < 1e-13, "{metric:?} {column:?} {most}");
            }
            // Two models at once are each as alone.
            let other: Vec<f64> = wide.iter().map(|score| (score * 7.0) % 3.0).collect();
            let relevance = Grades::Whole(&grades);
            let (mut first, mut second) = (vec![0.0; values.len()], vec![0.0; values.len()]);
            let both = [&mut first[..], &mut second[..]];
            let pair = ranking.evaluate_pair(relevance, &wide, &other, &groups, Weights::default(), both);
            for (each, (both, scores)) in pair.unwrap().iter().zip([(&first, &wide), (&second, &other)]) {
                let mut alone = vec![0.0; values.len()];
                let found = ranking.evaluate_unbounded(relevance, scores, &groups, Weights::default(), &mut alone);
                prop_assert_eq!(format!("{each:?} {both:?}"), format!("{:?} {alone:?}", found.unwrap())); // NaN equals NaN as text
            }
            // Without the range of the orders it is the same number.
            let unbounded = ranking.evaluate_unbounded(relevance, &wide, &groups, Weights::default(), &mut first).unwrap();
            for (a, b) in found.columns.iter().zip(&unbounded.columns) {
                prop_assert!(a.mean.to_bits() == b.mean.to_bits() || (a.mean.is_nan() && b.mean.is_nan()));
                prop_assert!(b.pessimistic.is_nan() && b.optimistic.is_nan());
            }
            // Real grades and single precision take other paths to the same numbers.
            let real: Vec<f64> = grades.iter().map(|&grade| f64::from(grade)).collect();
            let single: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
            let (other, _) = evaluate(&ranking, Grades::Real(&real), &single, &groups, Weights::default()).unwrap();
            prop_assert_eq!(&other.flags, &found.flags);
            for (a, b) in found.columns.iter().zip(&other.columns) {
                prop_assert!(a.mean == b.mean || (a.mean.is_nan() && b.mean.is_nan()));
            }
        }

        /// One pass gives what each metric gives alone, on queries long enough for every selection.
        #[test]
        fn metrics_do_not_see_each_other(
            rows in prop::collection::vec((0..20_u8, 0..300_i32), 1..400),
            ks in prop::collection::vec(1..60_usize, 1..4),
        ) {
            let (grades, scores): (Vec<u8>, Vec<f64>) = rows.iter().map(|&(g, s)| (g, f64::from(s))).unzip();
            let metrics = ks.iter().flat_map(|&k| all_at(Some(k))).collect();
            let convention = with(|c| c.highest_grade = 20.0);
            let groups = Groups::single(grades.len());
            let together = Ranking { metrics, convention };
            let (found, _) = evaluate(&together, Grades::Whole(&grades), &scores, &groups, Weights::default()).unwrap();
            for (metric, column) in together.metrics.iter().zip(&found.columns) {
                let (alone, _) = one(*metric, &together.convention, &grades, &scores);
                prop_assert!(alone == column.mean || (alone.is_nan() && column.mean.is_nan()), "{metric:?}");
                prop_assert!(column.mean.is_nan() || column.mean < 1.0 + 1e-13 || metric.measure == M::Dcg);
            }
        }
    }

    /// By hand: grades 1 2, weights 3 1, the second document first. Gains 3 and 2 over the mean weight
    /// of 2: DCG = 1 + 1.5 / log2(3), IDCG = 1.5 + 1 / log2(3).
    #[test]
    fn item_weights_multiply_gains_in_the_best_order_too() {
        let second = 1.0 / 3.0_f64.log2();
        let of = |items: &[f64]| {
            let metrics = vec![
                Metric {
                    measure: M::Dcg,
                    k: None,
                },
                Metric {
                    measure: M::Ndcg,
                    k: None,
                },
            ];
            let ranking = Ranking {
                metrics,
                convention: Convention::default(),
            };
            let weight = Weights {
                query: None,
                item: Some(items),
            };
            evaluate(
                &ranking,
                Grades::Whole(&[1, 2]),
                &[1.0, 2.0],
                &Groups::single(2),
                weight,
            )
            .map(|(found, _)| found)
        };
        for scale in [1.0, 0.1, 1e6] {
            let found = of(&[3.0 * scale, scale]).unwrap();
            assert!((found.columns[0].mean - (1.0 + 1.5 * second)).abs() < 1e-14);
            assert!((found.columns[1].mean - (1.0 + 1.5 * second) / (1.5 + second)).abs() < 1e-14);
        }
        assert_eq!(of(&[0.0, 0.0]).unwrap().flags, [flag::GAINLESS | flag::CONSTANT]);
        assert!(of(&[1.0]).is_err() && of(&[1.0, -1.0]).is_err() && of(&[1.0, f64::NAN]).is_err());
        let map = Metric {
            measure: M::AveragePrecision,
            k: None,
        };
        let ranking = Ranking {
            metrics: vec![map],
            convention: Convention::default(),
        };
        let weight = Weights {
            query: None,
            item: Some(&[1.0, 1.0]),
        };
        let found = evaluate(
            &ranking,
            Grades::Whole(&[1, 2]),
            &[1.0, 2.0],
            &Groups::single(2),
            weight,
        );
        assert!(found.unwrap_err().to_string().contains("found AveragePrecision"));
    }

    #[test]
    fn queries_that_say_nothing_are_flagged() {
        let nothing = flag::CONSTANT | flag::GAINLESS;
        let default = Convention::default();
        assert_eq!(one(ndcg_at_3(), &default, &[0, 0], &[1.0, 2.0]), (0.0, nothing));
        let single = flag::SINGLE | flag::CONSTANT;
        assert_eq!(one(ndcg_at_3(), &default, &[2], &[1.0]), (1.0, single));
        let same = one(ndcg_at_3(), &default, &[2, 0], &[1.0, 1.0]);
        assert_eq!(same.1, flag::CONSTANT_SCORE);
        let worth = |measure, empty| {
            let convention = with(|c| c.empty = empty);
            one(Metric { measure, k: Some(3) }, &convention, &[0, 0], &[1.0, 2.0]).0
        };
        assert!(worth(M::Ndcg, Empty::Skip).is_nan() && worth(M::HitRate, Empty::Skip).is_nan());
        assert_eq!(worth(M::Ndcg, Empty::One), 1.0);
        assert_eq!(worth(M::HitRate, Empty::One), 0.0);
    }

    #[test]
    fn what_was_not_retrieved_counts_but_has_no_rank() {
        let scores = [2.0, 1.0, f64::NEG_INFINITY, f64::NEG_INFINITY];
        let value = |measure, k| {
            one(
                Metric { measure, k },
                &Convention::default(),
                &[0, 1, 1, 0],
                &scores,
            )
            .0
        };
        assert_eq!(value(M::Recall, Some(4)), 0.5);
        assert_eq!(value(M::AveragePrecision, None), 0.25);
        assert_eq!(value(M::Precision, None), 0.5);
        // Pairs: the ranked relevant one loses to one and beats one; the other ties with one.
        assert_eq!(value(M::Auc, None), (1.0 + 0.5) / 4.0);
    }

    #[test]
    fn nonsense_is_an_error_that_names_the_row() {
        let fails = |convention: Convention, relevance: Grades<'_>, scores: &[f64], words: &str| {
            let metrics = vec![
                ndcg_at_3(),
                Metric {
                    measure: M::Err,
                    k: None,
                },
            ];
            let ranking = Ranking { metrics, convention };
            let found = evaluate(
                &ranking,
                relevance,
                scores,
                &Groups::single(2),
                Weights::default(),
            );
            let error = found.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        let default = Convention::default;
        fails(default(), Grades::Whole(&[1, 0]), &[1.0, f64::NAN], "row 1");
        fails(
            default(),
            Grades::Real(&[1.0, -1.0]),
            &[1.0, 2.0],
            "found -1 in row 1",
        );
        fails(default(), Grades::Whole(&[1]), &[1.0, 2.0], "found 1, 2 and 2");
        fails(
            default(),
            Grades::Whole(&[1, 5]),
            &[1.0, 2.0],
            "found 5 in query 0",
        );
        let falling = with(|c| c.gain = Gain::Table(vec![1.0, 0.0]));
        fails(falling, Grades::Whole(&[1, 0]), &[1.0, 2.0], "do not fall");
        let short = with(|c| c.gain = Gain::Table(vec![0.0]));
        fails(short, Grades::Whole(&[1, 0]), &[1.0, 2.0], "ends before grade 1");
        let strict = with(|c| c.empty = Empty::Error);
        fails(
            strict,
            Grades::Whole(&[0, 0]),
            &[1.0, 2.0],
            "no relevant document",
        );
        let none = Ranking {
            metrics: vec![Metric {
                measure: M::Ndcg,
                k: Some(0),
            }],
            convention: default(),
        };
        assert!(
            evaluate(
                &none,
                Grades::Whole(&[1]),
                &[1.0],
                &Groups::single(1),
                Weights::default()
            )
            .is_err()
        );
        let (grades, scores, mut room) = (Grades::Whole(&[1]), [1.0], [0.0; 2]);
        let small = Ranking {
            metrics: vec![ndcg_at_3()],
            convention: default(),
        };
        let found = small.evaluate(grades, &scores, &Groups::single(1), Weights::default(), &mut room);
        assert!(found.unwrap_err().to_string().contains("room for 1"));
        let cut = Ranking {
            metrics: vec![Metric {
                measure: M::Bpref,
                k: Some(1),
            }],
            convention: default(),
        };
        assert!(
            evaluate(
                &cut,
                Grades::Whole(&[1]),
                &[1.0],
                &Groups::single(1),
                Weights::default()
            )
            .is_err()
        );
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let stream = crate::resample::Stream::new(3, 0);
        let rows = 11 * CHUNK;
        let uniforms = |from: u64| (0..rows as u64).map(move |i| stream.uniform(i + from));
        let grades: Vec<u8> = uniforms(0).map(|u| (u * 5.0) as u8).collect();
        let scores: Vec<f64> = uniforms(rows as u64).map(|u| (u * 50.0).floor()).collect();
        let weight: Vec<f64> = uniforms(7).take(rows / 64).collect();
        let groups = Groups::from_sizes(&vec![64; rows / 64], rows).unwrap();
        let ranking = Ranking {
            metrics: all_at(Some(5)),
            convention: Convention::default(),
        };
        let all: Vec<String> = [1, 2, 7]
            .map(|threads| {
                par::set_threads(std::num::NonZeroUsize::new(threads));
                let found = evaluate(
                    &ranking,
                    Grades::Whole(&grades),
                    &scores,
                    &groups,
                    Weights {
                        query: Some(&weight),
                        item: None,
                    },
                );
                format!("{:?}", found.unwrap()) // NaN equals NaN as text
            })
            .into();
        par::set_threads(None);
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(all[0].len() > rows / 64);
    }
}
