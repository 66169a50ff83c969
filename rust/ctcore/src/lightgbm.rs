//! `LightGBM`'s text format of a model, read strictly.
//!
//! `LightGBM`'s own reader trusts the text: a truncated or altered file ends the process or reads
//! foreign memory. [`Model::parse`] admits what the writer of version 4 writes and nothing else:
//! every key in its place, every list of its length, every number in its range, every tree a tree.
//! [`Model::probes`] gives rows that feel each split and each leaf, so that a text that passes and
//! yet predicts something else can be told by its predictions.

use std::collections::BTreeMap;

use crate::{Error, Result};

/// More leaves than `LightGBM` itself allows in one tree.
const MAX_LEAVES: usize = 131_072;

const OBJECTIVES: &[&str] = &[
    "binary",
    "cross_entropy",
    "cross_entropy_lambda",
    "custom",
    "fair",
    "gamma",
    "huber",
    "lambdarank",
    "mape",
    "multiclass",
    "multiclassova",
    "poisson",
    "quantile",
    "rank_xendcg",
    "regression",
    "regression_l1",
    "tweedie",
];

/// A model: its trees, and what they read.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The names of the features, in the order of the columns.
    pub features: Vec<String>,
    /// Values that a prediction has: the classes of a multiclass model, else 1.
    pub outputs: usize,
    /// A usual value of each feature.
    usual: Vec<f64>,
    trees: Vec<Tree>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tree {
    splits: Vec<Split>,
    /// The features of each leaf's linear model; empty where the leaves are constants.
    linear: Vec<Vec<usize>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Split {
    feature: usize,
    test: Test,
    missing: Missing,
    /// Where missing values go.
    missing_left: bool,
    left: Child,
    right: Child,
}

/// What a split on numbers takes for missing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Missing {
    /// Nothing: NaN is read as 0.
    Nothing,
    /// 0, and NaN, which is read as 0.
    Zero,
    Nan,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// At most the threshold goes left.
    AtMost(f64),
    /// Set bits go left, 32 categories a word.
    OneOf(Vec<u32>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Child {
    Split(usize),
    Leaf(usize),
}

impl Model {
    /// Reads a model's text.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the place and what is wrong there.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(text).map_err(|error| bad("the text", error))?;
        if let Some(strange) = text.chars().find(|c| c.is_control() && *c != '\n') {
            return Err(bad("the text", format!("it holds the character {strange:?}")));
        }
        let (head, rest) = text
            .split_once("\n\n")
            .ok_or_else(|| bad("the header", "it has no end"))?;
        let header = Header::parse(head)?;
        let mut trees = Vec::with_capacity(header.tree_sizes.len());
        let mut rest = rest;
        for (index, &size) in header.tree_sizes.iter().enumerate() {
            let place = format!("tree {index}");
            let (tree, later) = rest
                .split_at_checked(size)
                .ok_or_else(|| bad(&place, format!("its size {size} is not that of its text")))?;
            let body = tree
                .strip_prefix(&format!("Tree={index}\n"))
                .and_then(|tree| tree.strip_suffix("\n\n\n"))
                .ok_or_else(|| bad(&place, format!("its size {size} is not that of its text")))?;
            trees.push(Tree::parse(&place, body, header.features.len())?);
            rest = later;
        }
        tail(rest)?;
        Ok(Self {
            features: header.features,
            outputs: header.outputs,
            usual: header.usual,
            trees,
        })
    }

    /// Rows, one after the other, each with a value a feature: for each split one on its threshold,
    /// one just above, one missing and one 0 (of categories each that it names), and for each leaf
    /// one, or one for each coefficient. Each tree gets an equal part of `limit` rows.
    pub fn probes(&self, limit: usize) -> Vec<f64> {
        let share = limit / self.trees.len().max(1);
        let mut rows = Vec::new();
        for tree in &self.trees {
            let end = rows.len() + share * self.features.len();
            tree.probe(&self.usual, end, &mut rows);
            rows.truncate(end);
        }
        rows
    }
}

struct Header {
    features: Vec<String>,
    outputs: usize,
    usual: Vec<f64>,
    tree_sizes: Vec<usize>,
}

impl Header {
    fn parse(head: &str) -> Result<Self> {
        const PLACE: &str = "the header";
        let lines = head
            .strip_prefix("tree\n")
            .ok_or_else(|| bad(PLACE, "a model begins with the line \"tree\""))?;
        // The one line without a value: the trees' mean, not their sum.
        let lines = lines.split('\n').filter(|&line| line != "average_output");
        let mut fields = Fields::of(PLACE, lines)?;
        if fields.take("version")? != "v4" {
            return Err(bad(PLACE, "the version must be v4"));
        }
        let outputs = fields.number::<usize>("num_class", 1..=100_000)?;
        let together = fields.number::<usize>("num_tree_per_iteration", 1..=100_000)?;
        fields.number::<usize>("label_index", 0..=0)?;
        let last = fields.number::<usize>("max_feature_idx", 0..=9_999_999)?;
        if let Some(objective) = fields.optional("objective") {
            let mut words = objective.split(' ');
            let name = words.next().unwrap_or_default();
            if !OBJECTIVES.contains(&name) || !words.all(plain_word) {
                return Err(bad(PLACE, format!("the objective {objective:?} is not known")));
            }
        }
        let features: Vec<String> = fields
            .take("feature_names")?
            .split(' ')
            .map(str::to_owned)
            .collect();
        let infos: Vec<&str> = fields.take("feature_infos")?.split(' ').collect();
        if features.len() != last + 1 || infos.len() != last + 1 {
            return Err(bad(
                PLACE,
                format!(
                    "{} features, {} names and {} ranges do not agree",
                    last + 1,
                    features.len(),
                    infos.len()
                ),
            ));
        }
        if features.iter().any(String::is_empty) {
            return Err(bad(PLACE, "a feature has no name"));
        }
        let usual = infos.iter().map(|info| usual(info)).collect::<Result<_>>()?;
        if let Some(constraints) = fields.optional("monotone_constraints") {
            list::<i8>(PLACE, "monotone_constraints", constraints, last + 1, |c| {
                (-1..=1).contains(c)
            })?;
        }
        let sizes = fields.take("tree_sizes")?;
        let count = sizes.split(' ').filter(|word| !word.is_empty()).count();
        let tree_sizes = list::<usize>(PLACE, "tree_sizes", sizes, count, |_| true)?;
        fields.end()?;
        if !count.is_multiple_of(together) || (outputs != together && together != 1) {
            return Err(bad(
                PLACE,
                format!("{count} trees are no whole number of iterations of {together}"),
            ));
        }
        Ok(Self {
            features,
            outputs,
            usual,
            tree_sizes,
        })
    }
}

/// The range of a feature's values, `[low:high]`, its categories, `a:b:c`, or `none`.
fn usual(info: &str) -> Result<f64> {
    const PLACE: &str = "the feature_infos";
    if info == "none" {
        return Ok(0.0);
    }
    if let Some((low, high)) = info
        .strip_prefix('[')
        .and_then(|info| info.strip_suffix(']'))
        .and_then(|info| info.split_once(':'))
    {
        let (low, high): (f64, f64) = (number(PLACE, low)?, number(PLACE, high)?);
        if !(low.is_finite() && high.is_finite() && low <= high) {
            return Err(bad(PLACE, format!("{info} is no range")));
        }
        return Ok(low + 0.382 * (high - low));
    }
    let categories = info
        .split(':')
        .map(|category| number::<i64>(PLACE, category))
        .collect::<Result<Vec<_>>>()?;
    Ok(categories
        .into_iter()
        .find(|&category| category >= 0)
        .unwrap_or(0) as f64)
}

impl Tree {
    fn parse(place: &str, body: &str, features: usize) -> Result<Self> {
        let mut fields = Fields::of(place, body.split('\n'))?;
        let leaves = fields.number::<usize>("num_leaves", 1..=MAX_LEAVES)?;
        let inner = leaves - 1;
        let categorical = fields.number::<usize>("num_cat", 0..=inner)?;
        let feature = fields.list::<usize>("split_feature", inner, |&f| f < features)?;
        // Infinite: the split is on missing or not.
        let threshold = fields.list::<f64>("threshold", inner, |&t| t > f64::NEG_INFINITY)?;
        // Bit 0: by category. Bit 1: missing goes left. Bits 2 and 3: what counts as missing.
        let decision = fields.list::<u8>("decision_type", inner, |&d| d < 16 && d >> 2 < 3)?;
        let left = fields.list::<i64>("left_child", inner, |_| true)?;
        let right = fields.list::<i64>("right_child", inner, |_| true)?;
        fields.list::<f64>("leaf_value", leaves, |value| value.is_finite())?;
        for (key, count) in [
            ("split_gain", inner),
            ("internal_value", inner),
            ("internal_weight", inner),
            ("internal_count", inner),
            ("leaf_weight", leaves),
            ("leaf_count", leaves),
        ] {
            // What nobody reads may be infinite, and is left out for a tree of one leaf.
            let text = fields.take(key)?;
            if !(leaves == 1 && text.is_empty()) {
                list::<f64>(place, key, text, count, |_| true)?;
            }
        }
        let words = if categorical > 0 {
            fields.categories(categorical)?
        } else {
            Vec::new()
        };
        let linear = if fields.number::<u8>("is_linear", 0..=1)? == 1 {
            fields.linear(leaves, features)?
        } else {
            Vec::new()
        };
        fields.list::<f64>("shrinkage", 1, |value| value.is_finite())?;
        fields.end()?;

        let children = [&left, &right];
        check_tree(place, children, leaves)?;
        let child = |index: i64| match usize::try_from(index) {
            Ok(split) => Child::Split(split),
            Err(_) => Child::Leaf(!index as usize),
        };
        let mut splits = Vec::with_capacity(inner);
        for i in 0..inner {
            let test = if decision[i] & 1 == 1 {
                let words = words
                    .get(threshold[i] as usize)
                    .filter(|_| threshold[i].fract() == 0.0 && threshold[i] >= 0.0);
                Test::OneOf(
                    words
                        .ok_or_else(|| {
                            bad(
                                place,
                                format!(
                                    "split {i} names the categories {}, there are {categorical}",
                                    threshold[i]
                                ),
                            )
                        })?
                        .clone(),
                )
            } else {
                Test::AtMost(threshold[i])
            };
            splits.push(Split {
                feature: feature[i],
                test,
                missing: match decision[i] >> 2 {
                    0 => Missing::Nothing,
                    1 => Missing::Zero,
                    _ => Missing::Nan,
                },
                missing_left: decision[i] & 2 == 2,
                left: child(left[i]),
                right: child(right[i]),
            });
        }
        Ok(Self { splits, linear })
    }

    fn root(&self) -> Child {
        if self.splits.is_empty() {
            Child::Leaf(0)
        } else {
            Child::Split(0)
        }
    }

    /// Whether a row comes by a split or ends in a leaf.
    fn reaches(&self, row: &[f64], place: Child) -> bool {
        let mut at = self.root();
        while at != place {
            match at {
                Child::Leaf(_) => return false,
                Child::Split(index) => at = self.splits[index].next(row),
            }
        }
        true
    }

    /// The split that leads to each split; the first has none.
    fn parents(&self) -> Vec<Option<usize>> {
        let mut parents = vec![None; self.splits.len()];
        for (parent, split) in self.splits.iter().enumerate() {
            for child in [split.left, split.right] {
                if let Child::Split(child) = child {
                    parents[child] = Some(parent);
                }
            }
        }
        parents
    }

    /// Walks the tree with a row that lies where it walks, and leaves rows that feel each turn.
    fn probe(&self, usual: &[f64], end: usize, rows: &mut Vec<f64>) {
        let parents = self.parents();
        let mut open = vec![(self.root(), usual.to_vec())];
        while let Some((at, row)) = open.pop() {
            if rows.len() >= end {
                return;
            }
            let with = |feature: usize, value: f64| {
                let mut row = row.clone();
                row[feature] = value;
                row
            };
            match at {
                Child::Leaf(leaf) => {
                    rows.extend_from_slice(&row);
                    for &feature in self.linear.get(leaf).into_iter().flatten() {
                        // Small enough to stay in the leaf, and large enough to be felt.
                        let step = 1e-3 * (1.0 + row[feature].abs());
                        let [down, up] = [-step, step].map(|step| with(feature, row[feature] + step));
                        rows.extend(if self.reaches(&up, at) { up } else { down });
                    }
                }
                Child::Split(index) => {
                    let split = &self.splits[index];
                    let (lefts, rights) = split.test.sides();
                    for &value in lefts.iter().chain(&rights).chain(&[f64::NAN, 0.0]) {
                        rows.extend(with(split.feature, value));
                    }
                    for (child, side) in [(split.right, rights), (split.left, lefts)] {
                        // A side may lie beyond what led here; then a value of a split above does.
                        let above = std::iter::successors(parents[index], |&above| parents[above])
                            .map(|above| &self.splits[above])
                            .filter(|above| above.feature == split.feature)
                            .flat_map(|above| {
                                let (lefts, rights) = above.test.sides();
                                lefts.into_iter().chain(rights)
                            });
                        let reaching = [row[split.feature]]
                            .into_iter()
                            .filter(|_| split.test == Test::AtMost(f64::INFINITY))
                            .chain(side)
                            .chain([row[split.feature], f64::NAN, 0.0])
                            .chain(above)
                            .map(|value| with(split.feature, value))
                            .find(|row| self.reaches(row, child));
                        open.extend(reaching.map(|row| (child, row)));
                    }
                }
            }
        }
    }
}

/// What lies within is read as 0.
const ZERO: f64 = 1e-35_f32 as f64;

/// A value as `LightGBM` reads it from a row.
fn read(value: f64) -> f64 {
    if value.abs() <= ZERO { 0.0 } else { value }
}

impl Split {
    /// Where a row goes, as `LightGBM` decides.
    fn next(&self, row: &[f64]) -> Child {
        let value = read(row[self.feature]);
        let left = match &self.test {
            // No category is missing: NaN and negative ones are in no set.
            Test::OneOf(words) => {
                value >= 0.0
                    && words
                        .get(value as usize / 32)
                        .is_some_and(|word| word >> (value as usize % 32) & 1 == 1)
            }
            Test::AtMost(threshold) => {
                let missing = match self.missing {
                    Missing::Nothing => false,
                    Missing::Zero => value == 0.0 || value.is_nan(),
                    Missing::Nan => value.is_nan(),
                };
                if missing {
                    self.missing_left
                } else {
                    (if value.is_nan() { 0.0 } else { value }) <= *threshold
                }
            }
        };
        if left { self.left } else { self.right }
    }
}

impl Test {
    /// Values that go left, and values that go right.
    fn sides(&self) -> (Vec<f64>, Vec<f64>) {
        match self {
            Self::AtMost(f64::INFINITY) => (vec![f64::MAX], Vec::new()),
            Self::AtMost(threshold) => {
                let (below, above) = (*threshold, threshold.next_up());
                let below = if read(below) <= *threshold {
                    below
                } else {
                    (-ZERO).next_down()
                };
                let above = if read(above) > *threshold {
                    above
                } else {
                    ZERO.next_up()
                };
                (vec![below], vec![above])
            }
            Self::OneOf(words) => {
                let count = words.len() * 32;
                let (lefts, mut rights): (Vec<usize>, Vec<usize>) =
                    (0..count).partition(|category| words[category / 32] >> (category % 32) & 1 == 1);
                rights.push(count);
                let values = |side: Vec<usize>| side.into_iter().map(|category| category as f64).collect();
                (values(lefts), values(rights))
            }
        }
    }
}

/// Every split but the first and every leaf is the child of one split, and children come after
/// their parents: so it is one tree.
fn check_tree(place: &str, children: [&Vec<i64>; 2], leaves: usize) -> Result<()> {
    let mut seen = vec![false; 2 * leaves - 1];
    for (parent, &child) in children.iter().flat_map(|side| side.iter().enumerate()) {
        let slot = match usize::try_from(child) {
            Ok(split) if split > parent && split < leaves - 1 => leaves + split,
            Err(_) if (!child as usize) < leaves => !child as usize,
            _ => return Err(bad(place, format!("split {parent} leads to {child}"))),
        };
        if std::mem::replace(&mut seen[slot], true) {
            return Err(bad(place, format!("two splits lead to {child}")));
        }
    }
    Ok(())
}

/// What follows the trees: importances, the parameters of the training, categories of pandas.
fn tail(text: &str) -> Result<()> {
    const PLACE: &str = "the end";
    let wrong = |what: &str| bad(PLACE, format!("{what} is not where it should be"));
    let rest = text
        .strip_prefix("end of trees\n\nfeature_importances:\n")
        .ok_or_else(|| wrong("\"end of trees\""))?;
    let (importances, rest) = rest
        .split_once("\nparameters:\n")
        .ok_or_else(|| wrong("\"parameters:\""))?;
    for line in importances.lines() {
        let (_, count) = line
            .rsplit_once('=')
            .ok_or_else(|| bad(PLACE, format!("{line:?} is no importance")))?;
        number::<f64>(PLACE, count)?;
    }
    let (parameters, rest) = rest
        .split_once("\nend of parameters\n\n")
        .ok_or_else(|| wrong("\"end of parameters\""))?;
    if let Some(line) = parameters
        .lines()
        .find(|line| !(line.starts_with('[') && line.ends_with(']') && line.contains(": ")))
    {
        return Err(bad(PLACE, format!("{line:?} is no parameter")));
    }
    match rest.strip_prefix("pandas_categorical:") {
        Some(line) if line.ends_with('\n') && line.matches('\n').count() == 1 => Ok(()),
        _ => Err(wrong("\"pandas_categorical\"")),
    }
}

/// Lines of `key=value`, each key once.
struct Fields<'a> {
    place: &'a str,
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Fields<'a> {
    fn of(place: &'a str, lines: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut values = BTreeMap::new();
        for line in lines {
            let (key, value) = line
                .split_once('=')
                .ok_or_else(|| bad(place, format!("the line {line:?} has no \"=\"")))?;
            if values.insert(key, value).is_some() {
                return Err(bad(place, format!("{key} is there twice")));
            }
        }
        Ok(Self { place, values })
    }

    fn optional(&mut self, key: &str) -> Option<&'a str> {
        self.values.remove(key)
    }

    fn take(&mut self, key: &str) -> Result<&'a str> {
        self.optional(key)
            .ok_or_else(|| bad(self.place, format!("{key} is missing")))
    }

    fn number<T: Number>(&mut self, key: &str, range: std::ops::RangeInclusive<T>) -> Result<T> {
        let value = number(self.place, self.take(key)?)?;
        if !range.contains(&value) {
            return Err(bad(self.place, format!("{key} is out of its range")));
        }
        Ok(value)
    }

    fn list<T: Number>(&mut self, key: &str, count: usize, good: impl Fn(&T) -> bool) -> Result<Vec<T>> {
        list(self.place, key, self.take(key)?, count, good)
    }

    /// The categories of each categorical split, as words of 32 bits.
    fn categories(&mut self, count: usize) -> Result<Vec<Vec<u32>>> {
        let ends = self.list::<usize>("cat_boundaries", count + 1, |_| true)?;
        if ends[0] != 0 || ends.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(bad(self.place, "cat_boundaries must ascend from 0"));
        }
        let words = self.list::<u32>("cat_threshold", ends[count], |_| true)?;
        Ok(ends
            .windows(2)
            .map(|pair| words[pair[0]..pair[1]].to_vec())
            .collect())
    }

    /// The features of each leaf's linear model.
    fn linear(&mut self, leaves: usize, features: usize) -> Result<Vec<Vec<usize>>> {
        self.list::<f64>("leaf_const", leaves, |value| value.is_finite())?;
        let counts = self.list::<usize>("num_features", leaves, |&count| count <= features)?;
        let total = counts.iter().sum();
        // The writer sets two spaces between leaves.
        let squeeze = |text: &str| {
            text.split(' ')
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let used = list::<usize>(
            self.place,
            "leaf_features",
            &squeeze(self.take("leaf_features")?),
            total,
            |&f| f < features,
        )?;
        list::<f64>(
            self.place,
            "leaf_coeff",
            &squeeze(self.take("leaf_coeff")?),
            total,
            |value| value.is_finite(),
        )?;
        let mut used = used.into_iter();
        Ok(counts
            .into_iter()
            .map(|count| used.by_ref().take(count).collect())
            .collect())
    }

    fn end(self) -> Result<()> {
        match self.values.keys().next() {
            Some(key) => Err(bad(self.place, format!("{key:?} is not known"))),
            None => Ok(()),
        }
    }
}

/// A number in the plainest spelling: Rust alone would take `+1`, `.5` and `1.` too, which other
/// readers take for something else.
trait Number: std::str::FromStr + PartialOrd {
    const WHOLE: bool = true;
}
impl Number for u8 {}
impl Number for i8 {}
impl Number for u32 {}
impl Number for usize {}
impl Number for i64 {}
impl Number for f64 {
    const WHOLE: bool = false;
}

fn number<T: Number>(place: &str, text: &str) -> Result<T> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let good = if T::WHOLE {
        digits(unsigned)
    } else {
        (digits(whole) && digits(part) && digits(exponent)) || matches!(unsigned, "inf" | "nan")
    };
    let value = if good { text.parse().ok() } else { None };
    value.ok_or_else(|| bad(place, format!("{:?} is no number", shortened(text))))
}

fn list<T: Number>(
    place: &str,
    key: &str,
    text: &str,
    count: usize,
    good: impl Fn(&T) -> bool,
) -> Result<Vec<T>> {
    let words = if text.is_empty() {
        0
    } else {
        text.split(' ').count()
    };
    if words != count {
        return Err(bad(
            place,
            format!("{key} holds {words} values, {count} belong there"),
        ));
    }
    let values = text
        .split(' ')
        .take(count)
        .map(|word| number(place, word))
        .collect::<Result<Vec<T>>>()?;
    if let Some(index) = values.iter().position(|value| !good(value)) {
        return Err(bad(place, format!("{key}[{index}] is out of its range")));
    }
    Ok(values)
}

fn plain_word(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_:.,-+".contains(&byte))
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

fn bad(place: &str, what: impl std::fmt::Display) -> Error {
    Error::argument("model", format!("{place}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `LightGBM` 4.7 writes: a split on a number, one on categories (word 0b101: 0 and 2 go
    /// left), and a linear tree.
    const TEXT: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n\
        objective=binary sigmoid:1\nfeature_names=a b\nfeature_infos=[-1:3] 0:2:1\ntree_sizes=SIZES\n\n\
        Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nsplit_gain=2 1\nthreshold=0.5 0\ndecision_type=2 1\n\
        left_child=1 -2\nright_child=-1 -3\nleaf_value=0.1 -0.25 3e-05\nleaf_weight=1 2 3\nleaf_count=1 2 3\n\
        internal_value=0 0\ninternal_weight=6 5\ninternal_count=6 5\ncat_boundaries=0 1\ncat_threshold=5\n\
        is_linear=0\nshrinkage=0.1\n\n\n\
        Tree=1\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\nthreshold=1.0000000180025095e-35\n\
        decision_type=10\nleft_child=-1\nright_child=-2\nleaf_value=0.5 -0.5\nleaf_weight=1 2\nleaf_count=1 2\n\
        internal_value=0\ninternal_weight=3\ninternal_count=3\nis_linear=1\nleaf_const=0.5 -0.5\nnum_features=1 2\n\
        leaf_features=0  0 1 \nleaf_coeff=0.25  -0.5 1e-3 \nshrinkage=0.1\n\n\n\
        end of trees\n\nfeature_importances:\na=2\nb=1\n\nparameters:\n[boosting: gbdt]\n[data: ]\n\n\
        end of parameters\n\npandas_categorical:null\n";

    fn parse(text: &str) -> Result<Model> {
        Model::parse(text.as_bytes())
    }

    /// The text with the sizes of its trees filled in.
    fn sized(text: &str) -> String {
        let trees = text.split("Tree=").skip(1);
        let sizes: Vec<String> = trees
            .map(|tree| ("Tree=".len() + tree.find("\n\n\n").unwrap() + 3).to_string())
            .collect();
        text.replacen("SIZES", &sizes.join(" "), 1)
    }

    #[test]
    fn a_genuine_text_is_read() {
        let model = parse(&sized(TEXT)).unwrap();
        assert_eq!(model.features, ["a", "b"]);
        assert_eq!((model.trees.len(), model.outputs), (2, 1));
        assert_eq!(model.usual, [-1.0 + 0.382 * 4.0, 0.0]);
        assert_eq!(model.trees[0].splits[1].test, Test::OneOf(vec![5]));
        assert_eq!(model.trees[1].linear, [vec![0], vec![0, 1]]);
    }

    #[test]
    fn what_the_writer_would_not_write_is_refused() {
        for (old, new, words) in [
            ("version=v4", "version=v3", "version must be v4"),
            ("num_class=1\n", "", "num_class is missing"),
            ("num_class=1\n", "num_class=1\nnum_class=1\n", "twice"),
            ("num_class=1\n", "num_class=1\nevil=1\n", "\"evil\" is not known"),
            ("binary", "pickle", "objective"),
            ("feature_names=a b", "feature_names=a", "do not agree"),
            ("SIZES", "99999999 1", "tree 0: its size"),
            ("left_child=1 -2", "left_child=0 -2", "split 0 leads to 0"),
            ("left_child=1 -2", "left_child=1 -9", "split 1 leads to -9"),
            ("left_child=1 -2", "left_child=1 -3", "two splits lead to -3"),
            (
                "split_feature=0 1",
                "split_feature=0 7",
                "split_feature[1] is out",
            ),
            ("threshold=0.5 0", "threshold=0.5 3", "names the categories 3"),
            ("threshold=0.5 0", "threshold=nan 0", "threshold[0] is out"),
            ("leaf_value=0.1", "leaf_value=+.1", "is no number"),
            ("leaf_value=0.1 ", "leaf_value=0.1  ", "4 values, 3 belong"),
            (
                "decision_type=2 1",
                "decision_type=2 13",
                "decision_type[1] is out",
            ),
            ("cat_boundaries=0 1", "cat_boundaries=0 0", "must ascend"),
            (
                "num_features=1 2",
                "num_features=1 1",
                "leaf_features holds 3 values, 2",
            ),
            ("[data: ]", "data", "is no parameter"),
            ("end of trees", "end of tree", "end of trees"),
            ("null\n", "null\nmore\n", "pandas_categorical"),
        ] {
            assert!(TEXT.contains(old), "{old}");
            let error = parse(&sized(&TEXT.replacen(old, new, 1)))
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{new}: {error}");
        }
    }

    #[test]
    fn a_split_on_missing_values_alone_is_read() {
        let text = TEXT.replacen("threshold=0.5 0", "threshold=inf 0", 1);
        let rows = parse(&sized(&text)).unwrap().probes(1_000);
        assert!(rows.chunks(2).any(|row| row[0] == f64::MAX));
        assert!(rows.chunks(2).any(|row| row[0].is_nan()));
    }

    /// What lies beyond an infinite threshold is missing, and what is felt there is not drowned by
    /// a row that is as large as numbers are.
    #[test]
    fn each_side_is_walked_with_a_row_that_goes_there() {
        let below = "split_feature=0 0\nsplit_gain=2 1\nthreshold=0.5 7\ndecision_type=8 10";
        let old = "split_feature=0 1\nsplit_gain=2 1\nthreshold=0.5 0\ndecision_type=2 1";
        assert!(TEXT.contains(old));
        // Of what is at most 0.5, or missing, the second split sends what is missing or at most 7 left.
        let text = TEXT.replacen(old, below, 1).replacen("num_cat=1", "num_cat=0", 1);
        let text = text.replacen("cat_boundaries=0 1\ncat_threshold=5\n", "", 1);
        let model = parse(&sized(&text)).unwrap();
        let tree = &model.trees[0];
        let rows = model.probes(1_000);
        let met = |leaf| {
            rows.chunks(2)
                .filter(|row| tree.reaches(row, Child::Leaf(leaf)))
                .count()
        };
        assert!(
            (0..2).all(|leaf| met(leaf) > 0),
            "a leaf that rows can reach is not felt"
        );
        let infinite = TEXT.replacen("threshold=1.0000000180025095e-35", "threshold=inf", 1);
        let rows = parse(&sized(&infinite)).unwrap().probes(1_000);
        assert!(
            rows.chunks(2)
                .any(|row| row[0] == -1.0 + 0.382 * 4.0 + 1e-3 * 1.528)
        );
    }

    #[test]
    fn rows_go_where_lightgbm_sends_them() {
        let split = |threshold, missing, missing_left| Split {
            feature: 0,
            test: Test::AtMost(threshold),
            missing,
            missing_left,
            left: Child::Leaf(0),
            right: Child::Leaf(1),
        };
        for (split, value, left) in [
            (split(0.5, Missing::Nothing, false), 0.5, true),
            (split(0.5, Missing::Nothing, true), 0.5_f64.next_up(), false),
            (split(0.5, Missing::Nothing, false), f64::NAN, true), // read as 0
            (split(0.5, Missing::Zero, false), f64::NAN, false),
            (split(0.5, Missing::Zero, false), 1e-36, false),
            (split(-1.0, Missing::Nan, true), f64::NAN, true),
            (split(-ZERO, Missing::Nothing, false), -ZERO, false), // read as 0
        ] {
            assert_eq!(split.next(&[value]) == Child::Leaf(0), left, "{split:?} {value}");
        }
        let test = Test::OneOf(vec![5]);
        let split = Split {
            test,
            ..split(0.0, Missing::Nan, true)
        };
        let left: Vec<f64> = [0.0, 1.0, 2.5, 31.0, 32.0, -1.0, f64::NAN]
            .into_iter()
            .filter(|&value| split.next(&[value]) == Child::Leaf(0))
            .collect();
        assert_eq!(left, [0.0, 2.5]);
    }

    /// Every split of the text is met from both sides, on its threshold and off it.
    #[test]
    fn probes_feel_every_turn() {
        let rows = parse(&sized(TEXT)).unwrap().probes(1_000);
        let rows: Vec<&[f64]> = rows.chunks(2).collect();
        for wanted in [0.5, 0.5_f64.next_up(), 1.000_000_018_002_509_5e-35] {
            assert!(rows.iter().any(|row| row[0] == wanted), "{wanted}");
        }
        for category in 0..=32 {
            assert!(
                rows.iter()
                    .any(|row| row[1] == f64::from(category) && row[0] <= 0.5)
            );
        }
        assert_eq!(parse(&sized(TEXT)).unwrap().probes(10).len(), 10 * 2);
        assert!(parse(&sized(TEXT)).unwrap().probes(0).is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics(at in 0..TEXT.len(), byte in any::<u8>(), cut in 0..TEXT.len()) {
            let mut text = sized(TEXT).into_bytes();
            text[at] = byte;
            let _ = Model::parse(&text).map(|model| model.probes(100));
            let _ = Model::parse(&text[..cut]);
        }
    }
}
