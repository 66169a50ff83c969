//! Ranking metrics and losses.

use arrow_array::PrimitiveArray;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt32Type};
use ctcore::metrics::classification::Binary;
use ctcore::metrics::definition::{
    ApDenominator, Convention, Empty, Gain, Grades, Measure, Metric, Negative, PrecisionDenominator, Ties,
};
use ctcore::metrics::groups::Groups;
use ctcore::metrics::kendall::tau_b;
use ctcore::metrics::pointwise::{Loss, Rows, losses as row_losses};
use ctcore::metrics::ranking::{Evaluated, Ranking, Weights};
use ctcore::metrics::select::Score;
use ctcore::{Error, Result};
use numpy::{IntoPyArray, PyArray1, PyReadwriteArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::border::{
    Column, Relevance, Scores, classes, contiguous, floats, integers, numeric, ordered, ranked,
    relevance as grades, run, scores,
};

/// Sizes of the groups of equal ids, in order of first occurrence, and the permutation that brings
/// the rows of each together (`None` where they lie together already).
#[pyfunction]
#[pyo3(signature = (query))]
#[expect(clippy::type_complexity, reason = "two arrays, the second optional")]
pub(crate) fn group_ids<'py>(
    py: Python<'py>,
    query: Column,
) -> PyResult<(Bound<'py, PyArray1<i64>>, Option<Bound<'py, PyArray1<u32>>>)> {
    let groups = run(py, || {
        let ids = contiguous("query", &query)?;
        match ids.as_primitive_opt::<Int32Type>() {
            Some(ids) => Groups::from_ids(ids.values()),
            None => Groups::from_ids(integers("query", &query)?.values()),
        }
    })?;
    let sizes: Vec<i64> = (0..groups.len())
        .map(|query| groups.rows(query).len() as i64)
        .collect();
    let order = groups.order().map(|order| PyArray1::from_slice(py, order));
    Ok((sizes.into_pyarray(py), order))
}

/// A convention as Python holds it: an object with these attributes.
#[derive(FromPyObject)]
pub(crate) struct Definition {
    gain: GainChoice,
    ties: String,
    empty: String,
    relevant_from: f64,
    ap_denominator: String,
    precision_denominator: String,
    negative: String,
    persistence: f64,
    highest_grade: f64,
}

#[derive(FromPyObject)]
enum GainChoice {
    Named(String),
    Table(Vec<f64>),
}

impl Definition {
    fn convention(&self) -> Result<Convention> {
        Ok(Convention {
            gain: match &self.gain {
                GainChoice::Table(table) => Gain::Table(table.clone()),
                GainChoice::Named(name) => {
                    choose("gain", name, &[("linear", Gain::Linear), ("exp2", Gain::Exp2)])?
                }
            },
            ties: choose(
                "ties",
                &self.ties,
                &[
                    ("average", Ties::Average),
                    ("input", Ties::Input),
                    ("pessimistic", Ties::Pessimistic),
                    ("optimistic", Ties::Optimistic),
                ],
            )?,
            empty: choose(
                "empty",
                &self.empty,
                &[
                    ("zero", Empty::Zero),
                    ("one", Empty::One),
                    ("skip", Empty::Skip),
                    ("error", Empty::Error),
                ],
            )?,
            relevant_from: self.relevant_from,
            ap_denominator: choose(
                "ap_denominator",
                &self.ap_denominator,
                &[
                    ("relevant", ApDenominator::Relevant),
                    ("reachable", ApDenominator::Reachable),
                ],
            )?,
            precision_denominator: choose(
                "precision_denominator",
                &self.precision_denominator,
                &[
                    ("cutoff", PrecisionDenominator::Cutoff),
                    ("list", PrecisionDenominator::List),
                ],
            )?,
            negative: choose(
                "negative",
                &self.negative,
                &[("error", Negative::Error), ("unjudged", Negative::Unjudged)],
            )?,
            persistence: self.persistence,
            highest_grade: self.highest_grade,
        })
    }
}

/// The value of the choice that is named `found`.
fn choose<T: Clone>(name: &'static str, found: &str, choices: &[(&str, T)]) -> Result<T> {
    let chosen = choices.iter().find(|(choice, _)| *choice == found);
    chosen.map(|(_, value)| value.clone()).ok_or_else(|| {
        let names: Vec<String> = choices.iter().map(|(choice, _)| format!("{choice:?}")).collect();
        let or_table = if name == "gain" {
            " or a sequence of gains"
        } else {
            ""
        };
        Error::argument(
            name,
            format!("must be one of {}{or_table}; found {found:?}", names.join(", ")),
        )
    })
}

const MEASURES: &[(&str, Measure)] = &[
    ("dcg", Measure::Dcg),
    ("ndcg", Measure::Ndcg),
    ("map", Measure::AveragePrecision),
    ("mrr", Measure::ReciprocalRank),
    ("precision", Measure::Precision),
    ("recall", Measure::Recall),
    ("f1", Measure::F1),
    ("hit_rate", Measure::HitRate),
    ("success", Measure::HitRate),
    ("r_precision", Measure::RPrecision),
    ("bpref", Measure::Bpref),
    ("rbp", Measure::Rbp),
    ("err", Measure::Err),
    ("gauc", Measure::Auc),
];

/// Ranking metrics, each a name and a cutoff, of each query and on average, for the scores of one
/// model or of two; and whether all grades are whole numbers below 256. `order` brings the rows of
/// each query together, where they do not lie so. `values` has an array of metrics x queries for
/// each model, which is filled. Flag bits of a query: 1 no relevant document, 2 equal grades, 4 at
/// most one document, 8 equal scores, 16 no gain. Without `bounds`, which two models never have, the
/// means in the worst and the best order of equal scores are NaN.
#[pyfunction]
#[pyo3(signature = (relevance, models, group, order=None, *, metrics, definition, values, weight=None, item_weight=None, bounds=true))]
#[expect(clippy::too_many_arguments, reason = "named in Python")]
pub(crate) fn ranking<'py>(
    py: Python<'py>,
    relevance: Column,
    models: Vec<Column>,
    group: Column,
    order: Option<Column>,
    metrics: Vec<(String, Option<usize>)>,
    definition: Definition,
    mut values: Vec<PyReadwriteArray2<'py, f64>>,
    weight: Option<Column>,
    item_weight: Option<Column>,
    bounds: bool,
) -> PyResult<(Vec<Bound<'py, PyDict>>, bool)> {
    let mut values = values
        .iter_mut()
        .map(PyReadwriteArray2::as_slice_mut)
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let (found, whole) = run(py, || {
        let metrics = metrics
            .iter()
            .map(|(name, k)| {
                let measure = choose("metric", name, MEASURES)?;
                Ok(Metric { measure, k: *k })
            })
            .collect::<Result<Vec<_>>>()?;
        let convention = definition.convention()?;
        let ranking = Ranking { metrics, convention };
        let order = places(order.as_ref())?;
        let bring = |name, column: &Column| ordered(name, column, order.as_ref());
        let relevance = grades(&bring("relevance", &relevance)?)?;
        let rows = models
            .first()
            .map_or(0, |model| model.0.iter().map(|part| part.len()).sum());
        let groups = grouped(&group, order.as_ref(), rows)?;
        let whole = matches!(relevance, Relevance::Whole(_));
        let relevance = match &relevance {
            Relevance::Whole(values) => Grades::Whole(values.values()),
            Relevance::Real(values) => Grades::Real(values.values()),
        };
        let optional = |name, column: Option<&Column>| column.map(|column| floats(name, column)).transpose();
        let item_weight = item_weight
            .map(|weight| bring("item_weight", &weight))
            .transpose()?;
        let (query, item) = (
            optional("weight", weight.as_ref())?,
            optional("item_weight", item_weight.as_ref())?,
        );
        let weight = Weights {
            query: query.as_ref().map(|weight| weight.values().as_ref()),
            item: item.as_ref().map(|weight| weight.values().as_ref()),
        };
        let ask = |relevance| (&ranking, relevance, &groups, weight);
        let found = match (models.as_slice(), values.as_mut_slice()) {
            ([only], [values]) => match scores("score", &bring("score", only)?)? {
                Scores::Single(only) => one(ask(relevance), only.values(), bounds, values),
                Scores::Double(only) => one(ask(relevance), only.values(), bounds, values),
            },
            ([candidate, production], [first, second]) => {
                let values = [&mut **first, &mut **second];
                let (candidate, production) =
                    (bring("candidate", candidate)?, bring("production", production)?);
                match (
                    scores("candidate", &candidate)?,
                    scores("production", &production)?,
                ) {
                    (Scores::Single(a), Scores::Single(b)) => {
                        two(ask(relevance), a.values(), b.values(), values)
                    }
                    (Scores::Double(a), Scores::Double(b)) => {
                        two(ask(relevance), a.values(), b.values(), values)
                    }
                    // Each is ranked in its own precision: f64 holds every f32.
                    _ => two(
                        ask(relevance),
                        ranked("candidate", &candidate)?.values(),
                        ranked("production", &production)?.values(),
                        values,
                    ),
                }
            }
            (models, values) => {
                let message = format!(
                    "must be one or two, found {} with {} values",
                    models.len(),
                    values.len()
                );
                Err(Error::argument("models", message))
            }
        }?;
        Ok((found, whole))
    })?;
    let found = found
        .into_iter()
        .map(|evaluated| ranking_dict(py, evaluated))
        .collect::<PyResult<_>>()?;
    Ok((found, whole))
}

/// The permutation that brings rows together, where there is one.
fn places(order: Option<&Column>) -> Result<Option<PrimitiveArray<UInt32Type>>> {
    let array = order.map(|order| contiguous("order", order)).transpose()?;
    let wrong = || Error::argument("order", "must hold u32");
    array
        .map(|array| array.as_primitive_opt().cloned().ok_or_else(wrong))
        .transpose()
}

fn grouped(group: &Column, order: Option<&PrimitiveArray<UInt32Type>>, rows: usize) -> Result<Groups> {
    let groups = Groups::from_sizes(integers("group", group)?.values(), rows)?;
    Ok(groups.ordered(order.map(|order| order.values().clone())))
}

/// What is asked of each model.
type Ask<'a> = (&'a Ranking, Grades<'a>, &'a Groups, Weights<'a>);

fn one<S: Score>(ask: Ask<'_>, scores: &[S], bounds: bool, values: &mut [f64]) -> Result<Vec<Evaluated>> {
    let (ranking, relevance, groups, weight) = ask;
    Ok(vec![if bounds {
        ranking.evaluate(relevance, scores, groups, weight, values)?
    } else {
        ranking.evaluate_unbounded(relevance, scores, groups, weight, values)?
    }])
}

fn two<S: Score>(
    ask: Ask<'_>,
    candidate: &[S],
    production: &[S],
    values: [&mut [f64]; 2],
) -> Result<Vec<Evaluated>> {
    let (ranking, relevance, groups, weight) = ask;
    let found = ranking.evaluate_pair(relevance, candidate, production, groups, weight, values)?;
    Ok(found.into())
}

fn ranking_dict(py: Python<'_>, found: Evaluated) -> PyResult<Bound<'_, PyDict>> {
    let columns = found
        .columns
        .into_iter()
        .map(|column| {
            let entry = PyDict::new(py);
            entry.set_item("value", column.mean)?;
            entry.set_item("count", column.count)?;
            entry.set_item("pessimistic", column.pessimistic)?;
            entry.set_item("optimistic", column.optimistic)?;
            Ok(entry)
        })
        .collect::<PyResult<Vec<_>>>()?;
    let result = PyDict::new(py);
    result.set_item("columns", columns)?;
    result.set_item("flags", found.flags.into_pyarray(py))?;
    result.set_item("tied_from", found.tied_from.into_pyarray(py))?;
    Ok(result)
}

/// Kendall's tau-b of two rankings, for each query; NaN where one of them ties all documents.
#[pyfunction]
#[pyo3(signature = (first, second, group, order=None))]
pub(crate) fn kendall<'py>(
    py: Python<'py>,
    first: Column,
    second: Column,
    group: Column,
    order: Option<Column>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let values = run(py, || {
        let order = places(order.as_ref())?;
        let bring = |name, column| ranked(name, &ordered(name, column, order.as_ref())?);
        let (first, second) = (bring("first", &first)?, bring("second", &second)?);
        let groups = grouped(&group, order.as_ref(), first.len())?;
        tau_b(first.values(), second.values(), &groups)
    })?;
    Ok(values.into_pyarray(py))
}

/// The loss that is called `name`. `level` is the quantile of `"quantile"`, the threshold of `"correct"`.
fn loss(name: &str, level: f64) -> Result<Loss> {
    let choices = [
        ("absolute", Loss::Absolute),
        ("squared", Loss::Squared),
        ("brier", Loss::Brier),
        ("absolute_percentage", Loss::AbsolutePercentage),
        ("log", Loss::Log),
        ("quantile", Loss::Quantile(level)),
        ("correct", Loss::Correct(level)),
    ];
    choose("loss", name, &choices)
}

/// The loss of each row.
#[pyfunction]
#[pyo3(signature = (target, prediction, loss, level=0.5))]
pub(crate) fn losses<'py>(
    py: Python<'py>,
    target: Column,
    prediction: Column,
    loss: &str,
    level: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let values = run(py, || {
        row_losses(
            self::loss(loss, level)?,
            floats("target", &target)?.values(),
            floats("prediction", &prediction)?.values(),
        )
    })?;
    Ok(values.into_pyarray(py))
}

/// `work` on rows of targets and predictions, which are not copied.
fn by_chunks<T: Send>(
    py: Python<'_>,
    target: &Column,
    prediction: &Column,
    weight: Option<&Column>,
    work: impl FnOnce(Rows<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    run(py, || {
        let (target, prediction) = (numeric("target", target)?, numeric("prediction", prediction)?);
        let weight = weight.map(|weight| numeric("weight", weight)).transpose()?;
        work(Rows::new(&target, &prediction, weight.as_ref())?)
    })
}

/// The mean loss of the rows.
#[pyfunction]
#[pyo3(signature = (target, prediction, loss, level=0.5, weight=None))]
pub(crate) fn mean_loss(
    py: Python<'_>,
    target: Column,
    prediction: Column,
    loss: &str,
    level: f64,
    weight: Option<Column>,
) -> PyResult<f64> {
    by_chunks(py, &target, &prediction, weight.as_ref(), |rows| {
        rows.mean_loss(self::loss(loss, level)?)
    })
}

/// The coefficient of determination.
#[pyfunction]
#[pyo3(signature = (target, prediction, weight=None))]
pub(crate) fn r2(
    py: Python<'_>,
    target: Column,
    prediction: Column,
    weight: Option<Column>,
) -> PyResult<f64> {
    by_chunks(py, &target, &prediction, weight.as_ref(), |rows| rows.r2())
}

/// True positives, false positives, false negatives and true negatives, as weights.
#[pyfunction]
#[pyo3(signature = (target, score, threshold, weight=None))]
pub(crate) fn confusion(
    py: Python<'_>,
    target: Column,
    score: Column,
    threshold: f64,
    weight: Option<Column>,
) -> PyResult<(f64, f64, f64, f64)> {
    let found = by_chunks(py, &target, &score, weight.as_ref(), |rows| {
        rows.confusion(threshold)
    })?;
    Ok((
        found.true_positive,
        found.false_positive,
        found.false_negative,
        found.true_negative,
    ))
}

/// The area under a curve, `"roc"` or `"pr"`, and whether the scores rank at all.
#[pyfunction]
#[pyo3(signature = (target, score, curve, weight=None))]
pub(crate) fn auc(
    py: Python<'_>,
    target: Column,
    score: Column,
    curve: &str,
    weight: Option<Column>,
) -> PyResult<(f64, bool)> {
    fn area<S: Score>(rows: Binary<'_, S>, roc: bool) -> (f64, bool) {
        let area = if roc { rows.roc_auc() } else { rows.pr_auc() };
        (area, rows.ranks())
    }
    run(py, || {
        let roc = choose("curve", curve, &[("roc", true), ("pr", false)])?;
        let target = classes("target", &target)?;
        let weight = weight.map(|weight| floats("weight", &weight)).transpose()?;
        let weight = weight.as_ref().map(|weight| weight.values().as_ref());
        Ok(match scores("score", &score)? {
            Scores::Single(score) => area(Binary::new(target.values(), score.values(), weight)?, roc),
            Scores::Double(score) => area(Binary::new(target.values(), score.values(), weight)?, roc),
        })
    })
}

/// The expected calibration error over bins of equal mass.
#[pyfunction]
#[pyo3(signature = (target, probability, bins, weight=None))]
pub(crate) fn calibration_error(
    py: Python<'_>,
    target: Column,
    probability: Column,
    bins: usize,
    weight: Option<Column>,
) -> PyResult<f64> {
    run(py, || {
        let target = classes("target", &target)?;
        let weight = weight.map(|weight| floats("weight", &weight)).transpose()?;
        let weight = weight.as_ref().map(|weight| weight.values().as_ref());
        match scores("probability", &probability)? {
            Scores::Single(score) => {
                Binary::new(target.values(), score.values(), weight)?.calibration_error(bins)
            }
            Scores::Double(score) => {
                Binary::new(target.values(), score.values(), weight)?.calibration_error(bins)
            }
        }
    })
}

/// Coverage, Gini index and entropy of the showings of each item.
#[pyfunction]
#[pyo3(signature = (counts))]
pub(crate) fn exposure(py: Python<'_>, counts: Vec<u64>) -> PyResult<(f64, f64, f64)> {
    let found = run(py, || ctcore::metrics::exposure::exposure(&counts))?;
    Ok((found.coverage, found.gini, found.entropy))
}

/// How much more popular the showings are than the history.
#[pyfunction]
#[pyo3(signature = (shown, history))]
pub(crate) fn popularity_lift(py: Python<'_>, shown: Vec<u64>, history: Vec<u64>) -> PyResult<f64> {
    run(py, || {
        ctcore::metrics::exposure::popularity_lift(&shown, &history)
    })
}

/// IPS, SNIPS, clipped IPS, effective sample size and the number of clipped rows.
#[pyfunction]
#[pyo3(signature = (reward, propensity, target, clip))]
pub(crate) fn off_policy(
    py: Python<'_>,
    reward: Column,
    propensity: Column,
    target: Column,
    clip: f64,
) -> PyResult<(f64, f64, f64, f64, u64)> {
    let found = run(py, || {
        ctcore::metrics::off_policy::off_policy(
            floats("reward", &reward)?.values(),
            floats("propensity", &propensity)?.values(),
            floats("target", &target)?.values(),
            clip,
        )
    })?;
    Ok((
        found.ips,
        found.snips,
        found.clipped,
        found.effective_sample_size,
        found.n_clipped,
    ))
}

/// The mean, weighted where weights are given; the same bits on every machine. NaN values are left
/// out with their weights.
#[pyfunction]
#[pyo3(signature = (values, weight=None))]
pub(crate) fn mean(py: Python<'_>, values: Column, weight: Option<Column>) -> PyResult<f64> {
    run(py, || {
        let values = floats("values", &values)?;
        let weight = weight
            .as_ref()
            .map(|weight| floats("weight", weight))
            .transpose()?;
        ctcore::num::weighted_mean(
            values.values(),
            weight.as_ref().map(|weight| weight.values().as_ref()),
        )
    })
}
