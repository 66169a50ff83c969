//! Normalised discounted cumulative gain.

use super::groups::Groups;
use crate::num::CHUNK;
use crate::{Error, Result, par};

/// How a grade becomes a gain. Every gain is at least 0 and grows with the grade.
#[derive(Debug, Clone, PartialEq)]
pub enum Gain {
    /// The grade itself (Järvelin and Kekäläinen, 2002).
    Linear,
    /// `2^grade - 1` (Burges et al., 2005).
    Exp2,
    /// `table[grade]`, for whole grades.
    Table(Vec<f64>),
}

/// In which order documents of equal score count as ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The mean over all their orders (`McSherry` and Najork, 2008).
    Average,
    /// The order of the rows.
    Input,
    /// The worst order.
    Pessimistic,
    /// The best order.
    Optimistic,
}

/// What a query without any gain is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// 0.
    Zero,
    /// 1.
    One,
    /// Nothing: its value is NaN and it is left out of the mean.
    Skip,
    /// An error.
    Error,
}

/// The definition of a value of NDCG.
#[derive(Debug, Clone, PartialEq)]
pub struct Ndcg {
    /// The cutoff; `None` counts every document.
    pub k: Option<usize>,
    /// Grades to gains.
    pub gain: Gain,
    /// The order of equal scores.
    pub ties: Ties,
    /// Queries without gain.
    pub empty: Empty,
}

/// The grades of all rows.
#[derive(Debug, Clone, Copy)]
pub enum Grades<'a> {
    /// Whole grades from 0 to 255.
    Whole(&'a [u8]),
    /// Any finite grades that are at least 0.
    Real(&'a [f64]),
}

impl Grades<'_> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Whole(grades) => grades.len(),
            Self::Real(grades) => grades.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is particular about a query, as bits.
pub mod flag {
    /// No document has a gain.
    pub const EMPTY: u8 = 1;
    /// All grades are equal: every ranking is worth the same.
    pub const CONSTANT: u8 = 2;
    /// At most one document.
    pub const SINGLE: u8 = 4;
    /// Documents of equal score and different gain reach into the top k: the value depends on
    /// `ties`.
    pub const TIED: u8 = 8;
}

/// One value a query, in the order of the groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PerQuery {
    /// The metric, NaN where the query is skipped.
    pub values: Vec<f64>,
    /// Bits of [`flag`].
    pub flags: Vec<u8>,
}

impl Ndcg {
    /// NDCG of each query: `DCG / IDCG`, `DCG = sum_{i <= k} gain_i / log2(i + 1)` over the
    /// documents in descending order of score, `IDCG` the same in descending order of gain. In
    /// `[0, 1]`; a list shorter than `k` is taken whole.
    ///
    /// # Errors
    /// [`Error::Argument`] for `k = 0`, a NaN score, a negative or non-finite grade, a gain table
    /// that falls or misses a grade, rows that do not match; and for a query without gain where
    /// `empty` says so.
    ///
    /// ```
    /// use ctcore::metrics::{groups::Groups, ndcg::{Empty, Gain, Grades, Ndcg, Ties}};
    /// let ndcg = Ndcg { k: Some(2), gain: Gain::Linear, ties: Ties::Average, empty: Empty::Zero };
    /// let result = ndcg.per_query(Grades::Whole(&[1, 0, 2]), &[0.9, 0.5, 0.1], &Groups::single(3))?;
    /// // DCG = 1, IDCG = 2 + 1 / log2(3)
    /// assert!((result.values[0] - 1.0 / (2.0 + 1.0 / 3.0_f64.log2())).abs() < 1e-15);
    /// # Ok::<(), ctcore::Error>(())
    /// ```
    pub fn per_query<S: Score>(
        &self,
        relevance: Grades<'_>,
        scores: &[S],
        groups: &Groups,
    ) -> Result<PerQuery> {
        if self.k == Some(0) {
            return Err(Error::argument("k", "must be at least 1, found 0"));
        }
        let rows = groups.ends().last().copied().unwrap_or(0);
        if relevance.len() != scores.len() || scores.len() != rows {
            return Err(Error::argument(
                "score",
                format!(
                    "relevance, score and groups must have the same number of rows, found {}, {} and {rows}",
                    relevance.len(),
                    scores.len()
                ),
            ));
        }
        match relevance {
            Grades::Whole(grades) => {
                let highest = grades.iter().copied().max().unwrap_or(0);
                let table = self.table(highest)?;
                self.run(grades, &|grade: u8| table[usize::from(grade)], scores, groups)
            }
            Grades::Real(grades) => {
                if let Some((row, grade)) = grades
                    .iter()
                    .enumerate()
                    .find(|(_, g)| !(g.is_finite() && **g >= 0.0))
                {
                    return Err(Error::argument(
                        "relevance",
                        format!("grades must be finite and at least 0, found {grade} in row {row}"),
                    ));
                }
                match &self.gain {
                    Gain::Linear => self.run(grades, &|grade| grade, scores, groups),
                    Gain::Exp2 => self.run(grades, &|grade: f64| grade.exp2() - 1.0, scores, groups),
                    Gain::Table(_) => Err(Error::argument(
                        "relevance",
                        "a gain table needs whole grades from 0 to 255",
                    )),
                }
            }
        }
    }

    /// The gain of each whole grade up to `highest`.
    fn table(&self, highest: u8) -> Result<Vec<f64>> {
        let grades = 0..=u32::from(highest);
        match &self.gain {
            Gain::Linear => Ok(grades.map(f64::from).collect()),
            Gain::Exp2 => Ok(grades.map(|grade| f64::from(grade).exp2() - 1.0).collect()),
            Gain::Table(table) => {
                if table.len() <= usize::from(highest) {
                    return Err(Error::argument(
                        "gain",
                        format!(
                            "the table ends before grade {highest}: it has {} entries",
                            table.len()
                        ),
                    ));
                }
                if !table.is_sorted() || table.iter().any(|gain| !(gain.is_finite() && *gain >= 0.0)) {
                    return Err(Error::argument(
                        "gain",
                        "the table must hold finite gains of at least 0 that do not fall with the grade",
                    ));
                }
                Ok(table.clone())
            }
        }
    }

    fn run<G: Grade, S: Score>(
        &self,
        grades: &[G],
        gain: &(impl Fn(G) -> f64 + Sync),
        scores: &[S],
        groups: &Groups,
    ) -> Result<PerQuery> {
        let longest = (0..groups.len())
            .map(|query| groups.rows(query).len())
            .max()
            .unwrap_or(0);
        let discounts = Discounts::new(self.k.unwrap_or(longest).min(longest));
        let runs = par::balanced(groups.ends(), CHUNK);
        let parts: Vec<Result<PerQuery>> = par::map(runs.len(), |run| {
            let mut query = Query {
                definition: self,
                discounts: &discounts,
                gain,
                top: Vec::new(),
                block: Vec::new(),
                ideal: G::Ideal::default(),
            };
            let mut part = PerQuery::default();
            for index in runs[run].clone() {
                let rows = groups.rows(index);
                let (value, flags) = query
                    .value(&grades[rows.clone()], &scores[rows.clone()])
                    .map_err(|fault| fault.describe(index, rows.start))?;
                part.values.push(value);
                part.flags.push(flags);
            }
            Ok(part)
        });
        let mut all = PerQuery::default();
        for part in parts {
            let part = part?;
            all.values.extend(part.values);
            all.flags.extend(part.flags);
        }
        Ok(all)
    }
}

/// A score: `f32` or `f64`. Ranking happens in the type that the model gave.
pub trait Score: Copy + PartialOrd + Send + Sync {
    /// Whether it is NaN, which has no rank.
    fn is_nan(self) -> bool;
}

impl Score for f32 {
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Score for f64 {
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

/// A grade, with the fastest way to its ideal ranking.
trait Grade: Copy + PartialEq + Send + Sync {
    type Ideal: Ideal<Self>;
}

/// Computes IDCG; holds its scratch memory between queries.
trait Ideal<G>: Default {
    fn dcg(&mut self, grades: &[G], gain: &impl Fn(G) -> f64, discounts: &Discounts) -> f64;
}

/// Whole grades are counted: no sort.
struct Counted([usize; 256]);

impl Default for Counted {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Grade for u8 {
    type Ideal = Counted;
}

impl Ideal<u8> for Counted {
    fn dcg(&mut self, grades: &[u8], gain: &impl Fn(u8) -> f64, discounts: &Discounts) -> f64 {
        let mut highest = 0;
        for &grade in grades {
            self.0[usize::from(grade)] += 1;
            highest = highest.max(grade);
        }
        let (mut total, mut rank) = (0.0, 0);
        for grade in (0..=highest).rev() {
            let count = std::mem::take(&mut self.0[usize::from(grade)]);
            if count > 0 {
                total += gain(grade) * discounts.between(rank, rank + count);
                rank += count;
            }
        }
        total
    }
}

/// Real grades are sorted.
#[derive(Default)]
struct Ordered(Vec<f64>);

impl Grade for f64 {
    type Ideal = Ordered;
}

impl Ideal<f64> for Ordered {
    fn dcg(&mut self, grades: &[f64], gain: &impl Fn(f64) -> f64, discounts: &Discounts) -> f64 {
        self.0.clear();
        self.0.extend(grades.iter().map(|&grade| gain(grade)));
        self.0.sort_unstable_by(|a, b| b.total_cmp(a));
        self.0
            .iter()
            .enumerate()
            .take(discounts.k())
            .map(|(rank, gain)| gain * discounts.between(rank, rank + 1))
            .sum()
    }
}

/// Cumulative discounts: entry `i` is the sum of `1 / log2(r + 1)` over ranks `r <= i`.
struct Discounts(Vec<f64>);

impl Discounts {
    fn new(k: usize) -> Self {
        let mut cumulative = Vec::with_capacity(k + 1);
        let mut total = 0.0;
        cumulative.push(total);
        for rank in 1..=k {
            total += 1.0 / (rank as f64 + 1.0).log2();
            cumulative.push(total);
        }
        Self(cumulative)
    }

    fn k(&self) -> usize {
        self.0.len() - 1
    }

    /// The discounts of the places `from..to`, counted from 0; places beyond k weigh nothing.
    #[inline]
    fn between(&self, from: usize, to: usize) -> f64 {
        self.0[to.min(self.k())] - self.0[from.min(self.k())]
    }
}

/// Why a query has no value.
enum Fault {
    NanScore { row: usize },
    Overflow,
    Empty,
}

impl Fault {
    fn describe(&self, query: usize, start: usize) -> Error {
        match self {
            Self::NanScore { row } => Error::argument(
                "score",
                format!(
                    "NaN in row {} (query {query}) has no place in a ranking; find out why the model gives it",
                    start + row
                ),
            ),
            Self::Overflow => Error::argument(
                "gain",
                format!(
                    "the gains of query {query} (from row {start}) are too large to add up; use smaller grades"
                ),
            ),
            Self::Empty => Error::argument(
                "relevance",
                format!("query {query} (from row {start}) has no document with a gain, and empty=\"error\""),
            ),
        }
    }
}

/// The work on one query, with scratch memory that lives as long as the thread's run.
struct Query<'a, G: Grade, F> {
    definition: &'a Ndcg,
    discounts: &'a Discounts,
    gain: &'a F,
    /// The best k rows, best first; rows of equal score in row order.
    top: Vec<usize>,
    /// The gains of one block of equal scores.
    block: Vec<f64>,
    ideal: G::Ideal,
}

impl<G: Grade, F: Fn(G) -> f64> Query<'_, G, F> {
    fn value<S: Score>(&mut self, grades: &[G], scores: &[S]) -> std::result::Result<(f64, u8), Fault> {
        if scores.iter().any(|score| score.is_nan()) {
            let row = scores.iter().position(|score| score.is_nan()).unwrap_or(0);
            return Err(Fault::NanScore { row });
        }
        let mut flags = 0;
        if grades.len() <= 1 {
            flags |= flag::SINGLE;
        }
        if grades.windows(2).all(|pair| pair[0] == pair[1]) {
            flags |= flag::CONSTANT;
        }
        let ideal = self.ideal.dcg(grades, self.gain, self.discounts);
        let complete = self.select(scores);
        let (dcg, tied) = self.dcg(grades, scores, complete);
        if tied {
            flags |= flag::TIED;
        }
        if !(ideal.is_finite() && dcg.is_finite()) {
            return Err(Fault::Overflow);
        }
        if ideal > 0.0 {
            return Ok(((dcg / ideal).min(1.0), flags));
        }
        flags |= flag::EMPTY;
        match self.definition.empty {
            Empty::Zero => Ok((0.0, flags)),
            Empty::One => Ok((1.0, flags)),
            Empty::Skip => Ok((f64::NAN, flags)),
            Empty::Error => Err(Fault::Empty),
        }
    }

    /// Fills `top`. Returns whether every row that equals the last score in it is in it.
    fn select<S: Score>(&mut self, scores: &[S]) -> bool {
        let k = self.discounts.k();
        self.top.clear();
        if scores.len() <= k {
            self.top.extend(0..scores.len());
            self.top.sort_by(|&a, &b| descending(scores[a], scores[b]));
            return true;
        }
        let mut complete = true;
        let (head, tail) = scores.split_at(k);
        self.top.extend(0..k);
        self.top.sort_by(|&a, &b| descending(head[a], head[b]));
        let mut least = scores[self.top[k - 1]];
        for (row, &score) in (k..).zip(tail) {
            if score > least {
                let place = self.top.partition_point(|&other| scores[other] >= score);
                self.top.pop();
                self.top.insert(place, row);
                let dropped = std::mem::replace(&mut least, scores[self.top[k - 1]]);
                complete = dropped != least && (complete || dropped < least);
            } else if score == least {
                complete = false;
            }
        }
        complete
    }

    /// DCG of the ranking in `top`, and whether equal scores of different gain take part in it.
    fn dcg<S: Score>(&mut self, grades: &[G], scores: &[S], complete: bool) -> (f64, bool) {
        let (mut total, mut tied, mut start) = (0.0, false, 0);
        while start < self.top.len() {
            let score = scores[self.top[start]];
            let same = self.top[start..]
                .iter()
                .take_while(|&&row| scores[row] == score)
                .count();
            let mut end = start + same;
            if same == 1 && (complete || end < self.top.len()) {
                total += (self.gain)(grades[self.top[start]]) * self.discounts.between(start, end);
                start = end;
                continue;
            }
            self.block.clear();
            if end == self.top.len() && !complete {
                // The block of equal scores goes on beyond the cut: its other rows count as well.
                let rows = scores.iter().zip(grades).filter(|&(&other, _)| other == score);
                self.block.extend(rows.map(|(_, &grade)| (self.gain)(grade)));
                end = start + self.block.len();
            } else {
                let rows = self.top[start..end].iter();
                self.block.extend(rows.map(|&row| (self.gain)(grades[row])));
            }
            tied |= self.block.windows(2).any(|pair| pair[0] != pair[1]);
            total += self.block_dcg(start);
            start = end;
        }
        (total, tied)
    }

    /// DCG of the block that begins at place `start`.
    fn block_dcg(&mut self, start: usize) -> f64 {
        match self.definition.ties {
            Ties::Average => {
                let mean = self.block.iter().sum::<f64>() / self.block.len() as f64;
                return mean * self.discounts.between(start, start + self.block.len());
            }
            Ties::Input => {}
            Ties::Pessimistic => self.block.sort_unstable_by(f64::total_cmp),
            Ties::Optimistic => self.block.sort_unstable_by(|a, b| b.total_cmp(a)),
        }
        (start..)
            .zip(&self.block)
            .map(|(place, gain)| gain * self.discounts.between(place, place + 1))
            .sum()
    }
}

fn descending<S: Score>(a: S, b: S) -> std::cmp::Ordering {
    b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal) // NaN has been refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINEAR_AT_3: Ndcg = Ndcg {
        k: Some(3),
        gain: Gain::Linear,
        ties: Ties::Average,
        empty: Empty::Zero,
    };

    fn one(ndcg: &Ndcg, grades: &[u8], scores: &[f64]) -> (f64, u8) {
        let result = ndcg
            .per_query(Grades::Whole(grades), scores, &Groups::single(grades.len()))
            .unwrap();
        (result.values[0], result.flags[0])
    }

    /// Worked by hand: grades 3 2 3 0 1 2 in the order of the scores, k = 3.
    /// Linear: DCG = 3 + 2/log2(3) + 3/2 = 5.761859507142915, IDCG = 3 + 3/log2(3) + 2/2
    /// = 5.892789260714372, ratio .9777813601811.
    /// 2^g - 1: DCG = 7 + 3/log2(3) + 7/2 = 12.392789260714372, IDCG = 7 + 7/log2(3) + 3/2
    /// = 12.916508275000202, ratio .9594535166...
    #[test]
    fn the_golden_vectors() {
        let (grades, scores) = ([3, 2, 3, 0, 1, 2], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        let (linear, _) = one(&LINEAR_AT_3, &grades, &scores);
        assert!((linear - 5.761_859_507_142_915 / 5.892_789_260_714_372).abs() < 1e-15);
        let exp2 = Ndcg {
            gain: Gain::Exp2,
            ..LINEAR_AT_3
        };
        let (value, _) = one(&exp2, &grades, &scores);
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
            let (value, flags) = one(&Ndcg { ties, ..LINEAR_AT_3 }, &grades, &scores);
            assert!((value - dcg / ideal).abs() < 1e-15, "{ties:?}: {value}");
            assert_eq!(flags & flag::TIED, flag::TIED);
        }
    }

    #[test]
    fn queries_that_say_nothing_are_flagged() {
        let (value, flags) = one(&LINEAR_AT_3, &[0, 0], &[1.0, 2.0]);
        assert_eq!((value, flags), (0.0, flag::EMPTY | flag::CONSTANT));
        assert_eq!(
            one(&LINEAR_AT_3, &[2], &[1.0]),
            (1.0, flag::SINGLE | flag::CONSTANT)
        );
        let skip = Ndcg {
            empty: Empty::Skip,
            ..LINEAR_AT_3
        };
        assert!(one(&skip, &[0, 0], &[1.0, 2.0]).0.is_nan());
    }

    #[test]
    fn nonsense_is_an_error_that_names_the_row() {
        let ndcg = &LINEAR_AT_3;
        let groups = Groups::single(2);
        let nan = ndcg
            .per_query(Grades::Whole(&[1, 0]), &[1.0, f64::NAN], &groups)
            .unwrap_err();
        assert!(nan.to_string().contains("row 1"), "{nan}");
        let negative = ndcg
            .per_query(Grades::Real(&[1.0, -1.0]), &[1.0, 2.0], &groups)
            .unwrap_err();
        assert!(negative.to_string().contains("found -1 in row 1"), "{negative}");
        assert!(ndcg.per_query(Grades::Whole(&[1]), &[1.0, 2.0], &groups).is_err());
        let none = Ndcg {
            k: Some(0),
            ..LINEAR_AT_3
        };
        assert!(
            none.per_query(Grades::Whole(&[1, 0]), &[1.0, 2.0], &groups)
                .is_err()
        );
        let falling = Ndcg {
            gain: Gain::Table(vec![1.0, 0.0]),
            ..LINEAR_AT_3
        };
        assert!(
            falling
                .per_query(Grades::Whole(&[1, 0]), &[1.0, 2.0], &groups)
                .is_err()
        );
        let strict = Ndcg {
            empty: Empty::Error,
            ..LINEAR_AT_3
        };
        assert!(
            strict
                .per_query(Grades::Whole(&[0, 0]), &[1.0, 2.0], &groups)
                .is_err()
        );
    }

    /// The slow twin: the mean over every order of equal scores, by sorting.
    fn slow(grades: &[u8], scores: &[f64], k: usize, gain: fn(u8) -> f64) -> f64 {
        let discount = |place: usize| {
            if place < k {
                1.0 / (place as f64 + 2.0).log2()
            } else {
                0.0
            }
        };
        let dcg = |order: &[usize], keys: &dyn Fn(usize, usize) -> bool| -> f64 {
            let (mut total, mut start) = (0.0, 0);
            while start < order.len() {
                let end = (start..order.len())
                    .find(|&i| !keys(order[start], order[i]))
                    .unwrap_or(order.len());
                let mean =
                    order[start..end].iter().map(|&i| gain(grades[i])).sum::<f64>() / (end - start) as f64;
                total += mean * (start..end).map(discount).sum::<f64>();
                start = end;
            }
            total
        };
        let mut order: Vec<usize> = (0..grades.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let ours = dcg(&order, &|a, b| scores[a] == scores[b]);
        order.sort_by(|&a, &b| grades[b].cmp(&grades[a]));
        let ideal = dcg(&order, &|a, b| grades[a] == grades[b]);
        if ideal > 0.0 { ours / ideal } else { 0.0 }
    }

    proptest! {
        #[test]
        fn it_equals_its_slow_twin(
            rows in prop::collection::vec((0..5_u8, 0..12_i32), 1..60),
            k in 1..20_usize,
        ) {
            let (grades, scores): (Vec<u8>, Vec<f64>) = rows.iter().map(|&(g, s)| (g, f64::from(s))).unzip();
            let ndcg = Ndcg { k: Some(k), gain: Gain::Exp2, ..LINEAR_AT_3 };
            let expected = slow(&grades, &scores, k, |g| f64::from(g).exp2() - 1.0);
            prop_assert!((one(&ndcg, &grades, &scores).0 - expected).abs() < 1e-13);
            // real grades and single-precision scores take other paths to the same number
            let real: Vec<f64> = grades.iter().map(|&g| f64::from(g)).collect();
            let single: Vec<f32> = scores.iter().map(|&s| s as f32).collect();
            let groups = Groups::single(grades.len());
            let other = ndcg.per_query(Grades::Real(&real), &single, &groups).unwrap();
            prop_assert!((other.values[0] - expected).abs() < 1e-13);
        }

        #[test]
        fn averaged_ties_do_not_see_row_order_and_lie_between_the_extremes(
            rows in prop::collection::vec((0..4_u8, 0..4_i32), 2..40),
            k in 1..12_usize,
        ) {
            let value = |rows: &[(u8, i32)], ties| {
                let (grades, scores): (Vec<u8>, Vec<f64>) = rows.iter().map(|&(g, s)| (g, f64::from(s))).unzip();
                one(&Ndcg { k: Some(k), ties, ..LINEAR_AT_3 }, &grades, &scores).0
            };
            let mut turned = rows.clone();
            turned.reverse();
            let average = value(&rows, Ties::Average);
            prop_assert!((average - value(&turned, Ties::Average)).abs() < 1e-13);
            prop_assert!(value(&rows, Ties::Pessimistic) <= average + 1e-13);
            prop_assert!(average <= value(&rows, Ties::Optimistic) + 1e-13);
            let input = value(&rows, Ties::Input);
            prop_assert!(value(&rows, Ties::Pessimistic) <= input + 1e-13 && input <= value(&rows, Ties::Optimistic) + 1e-13);
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let stream = crate::resample::Stream::new(3, 0);
        let rows = 11 * CHUNK;
        let grades: Vec<u8> = (0..rows as u64)
            .map(|i| (stream.uniform(i) * 5.0) as u8)
            .collect();
        let scores: Vec<f64> = (0..rows as u64)
            .map(|i| (stream.uniform(i + rows as u64) * 50.0).floor())
            .collect();
        let groups = Groups::from_sizes(&vec![64; rows / 64], rows).unwrap();
        let all: Vec<PerQuery> = [1, 2, 7]
            .map(|threads| {
                par::set_threads(std::num::NonZeroUsize::new(threads));
                LINEAR_AT_3
                    .per_query(Grades::Whole(&grades), &scores, &groups)
                    .unwrap()
            })
            .into();
        par::set_threads(None);
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(all[0].values.len(), rows / 64);
    }
}
