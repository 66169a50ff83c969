//! What exactly a ranking metric's number means.

use crate::{Error, Result};

/// How a grade becomes a gain. Every gain is at least 0 and does not fall with the grade.
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
    /// The worst order: grades ascending.
    Pessimistic,
    /// The best order: grades descending.
    Optimistic,
}

/// What a query without relevant documents (for DCG and NDCG: without gain; for ERR: without a grade
/// above 0) is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// 0.
    Zero,
    /// 1, for metrics that are relative to what the query holds ([`Measure::is_relative`]); else 0.
    One,
    /// Nothing: its value is NaN and it is left out of the mean.
    Skip,
    /// An error.
    Error,
}

/// What average precision is divided by. The field uses both under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApDenominator {
    /// All relevant documents of the query.
    Relevant,
    /// As many of them as fit above the cutoff.
    Reachable,
}

/// What precision is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrecisionDenominator {
    /// The cutoff, also where the list is shorter.
    Cutoff,
    /// The cutoff or the length of the list, whichever is smaller.
    List,
}

/// A negative grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Negative {
    /// An error.
    Error,
    /// A document that nobody judged: ranked, without gain, not relevant, ignored by bpref.
    Unjudged,
}

/// The parts of a definition that all metrics of one evaluation share.
#[derive(Debug, Clone, PartialEq)]
pub struct Convention {
    /// Grades to gains, for DCG and NDCG.
    pub gain: Gain,
    /// The order of equal scores.
    pub ties: Ties,
    /// Queries without relevant documents.
    pub empty: Empty,
    /// The lowest grade that is relevant, for the metrics that know only relevant or not; above 0.
    pub relevant_from: f64,
    /// The denominator of average precision.
    pub ap_denominator: ApDenominator,
    /// The denominator of precision.
    pub precision_denominator: PrecisionDenominator,
    /// Negative grades.
    pub negative: Negative,
    /// RBP: the probability that a user who saw a document goes on to the next; in (0, 1).
    pub persistence: f64,
    /// ERR: the highest grade of the scale; a document of grade `g` satisfies a user with the
    /// probability `(2^g - 1) / 2^highest`.
    pub highest_grade: f64,
}

impl Default for Convention {
    fn default() -> Self {
        Self {
            gain: Gain::Linear,
            ties: Ties::Average,
            empty: Empty::Zero,
            relevant_from: 1.0,
            ap_denominator: ApDenominator::Relevant,
            precision_denominator: PrecisionDenominator::Cutoff,
            negative: Negative::Error,
            persistence: 0.8,
            highest_grade: 4.0,
        }
    }
}

impl Convention {
    pub(super) fn check(&self) -> Result<()> {
        let positive = |name, value: f64| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(Error::argument(
                name,
                format!("must be finite and above 0, found {value}"),
            ))
        };
        positive("relevant_from", self.relevant_from)?;
        positive("highest_grade", self.highest_grade)?;
        if self.highest_grade > f64::from(u8::MAX) {
            let message = format!("must be at most 255, found {}", self.highest_grade);
            return Err(Error::argument("highest_grade", message));
        }
        if !(self.persistence > 0.0 && self.persistence < 1.0) {
            let message = format!("must be above 0 and below 1, found {}", self.persistence);
            return Err(Error::argument("persistence", message));
        }
        if let Gain::Table(table) = &self.gain
            && (!table.is_sorted() || table.iter().any(|gain| !(gain.is_finite() && *gain >= 0.0)))
        {
            return Err(Error::argument(
                "gain",
                "the table must hold finite gains of at least 0 that do not fall with the grade",
            ));
        }
        Ok(())
    }
}

/// A measure of one query's ranking. `rel_i` is 1 where the document in place `i` (from 1) is
/// relevant, else 0; `R` is the number of relevant documents of the query, ranked or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// `sum_i gain_i / log2(i + 1)`.
    Dcg,
    /// DCG over the DCG of the best order.
    Ndcg,
    /// `sum_i rel_i precision@i`, over [`ApDenominator`].
    AveragePrecision,
    /// `1 / i` for the first relevant document, 0 without one.
    ReciprocalRank,
    /// The relevant documents above the cutoff, over [`PrecisionDenominator`].
    Precision,
    /// The relevant documents above the cutoff, over `R`.
    Recall,
    /// The harmonic mean of precision and recall.
    F1,
    /// Whether any document above the cutoff is relevant.
    HitRate,
    /// Precision at `R`.
    RPrecision,
    /// Buckley and Voorhees, "Retrieval evaluation with incomplete information", SIGIR 2004:
    /// `1/R sum over ranked relevant documents of 1 - min(N_above, R) / min(N, R)`, where `N`
    /// counts documents judged not relevant.
    Bpref,
    /// Rank-biased precision, Moffat and Zobel, TOIS 27 (2008): `(1 - p) sum_i rel_i p^(i - 1)`.
    Rbp,
    /// Expected reciprocal rank, Chapelle et al., CIKM 2009: `sum_i P(a user stops at i) / i`.
    Err,
    /// The share of pairs (relevant, not relevant) in the right order, equal scores counting half.
    /// Without a value (NaN) where all documents, or none, are relevant.
    Auc,
}

impl Measure {
    /// Whether it is relative to what the query holds, so that it is 0 / 0 where that is nothing.
    pub fn is_relative(self) -> bool {
        matches!(
            self,
            Self::Ndcg | Self::AveragePrecision | Self::Recall | Self::F1 | Self::RPrecision | Self::Bpref
        )
    }

    /// Whether it looks at grades rather than at relevance.
    pub fn is_graded(self) -> bool {
        matches!(self, Self::Dcg | Self::Ndcg | Self::Err)
    }

    /// Whether a cutoff would make another metric of it that has no definition.
    fn refuses_cutoff(self) -> bool {
        matches!(self, Self::RPrecision | Self::Bpref | Self::Auc)
    }
}

/// A measure with its cutoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// What is measured.
    pub measure: Measure,
    /// How many documents count; `None` counts all.
    pub k: Option<usize>,
}

impl Metric {
    pub(super) fn check(self) -> Result<()> {
        if self.k == Some(0) {
            return Err(Error::argument("k", "must be at least 1, found 0"));
        }
        if let Some(k) = self.k
            && self.measure.refuses_cutoff()
        {
            let message = format!("{:?} has no cutoff, found {k}", self.measure);
            return Err(Error::argument("k", message));
        }
        Ok(())
    }

    /// How many places of a ranking it reads one by one; what has no cutoff by definition reads none.
    pub(super) fn places(self) -> usize {
        if self.measure.refuses_cutoff() {
            0
        } else {
            self.k.unwrap_or(usize::MAX)
        }
    }
}

/// The grades of all rows.
#[derive(Debug, Clone, Copy)]
pub enum Grades<'a> {
    /// Whole grades from 0 to 255.
    Whole(&'a [u8]),
    /// Any finite grades.
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
    /// No document is relevant.
    pub const IRRELEVANT: u8 = 1;
    /// All grades are equal: every ranking is worth the same.
    pub const CONSTANT: u8 = 2;
    /// At most one document.
    pub const SINGLE: u8 = 4;
    /// All scores are equal although there are several documents: no ranking was made.
    pub const CONSTANT_SCORE: u8 = 8;
    /// No document has a gain.
    pub const GAINLESS: u8 = 16;
}
