//! Grades of one query: counted where they are whole, sorted where they are real.

use super::definition::Gain;
use super::select::Selection;
use crate::{Error, Result};

/// A grade: `u8` or `f64`.
pub(super) trait Grade: Copy + PartialOrd + Send + Sync {
    fn value(self) -> f64;

    /// `2^grade`.
    fn exp2(self) -> f64;

    /// The lowest grade that is at least `value`, which is above 0; `None` where none can be.
    fn lowest_from(value: f64) -> Option<Self>;

    /// The lowest and the highest grade; `None` without rows.
    fn range(grades: &[Self]) -> Option<(Self, Self)>;

    /// How many grades are at least `least`, which is above 0.
    fn reaching(grades: &[Self], least: f64) -> usize;

    /// The gains of the best order, best first, at most `k` of them; `highest` is the highest grade.
    fn ideal(grades: &[Self], highest: Self, k: usize, scratch: &mut Ideal, gain: &impl Fn(Self) -> f64);
}

/// Scratch memory and result of [`Grade::ideal`].
pub(super) struct Ideal {
    pub(super) gains: Vec<f64>,
    counts: [usize; 256],
    selection: Selection<f64>,
}

impl Ideal {
    pub(super) fn new(longest: usize) -> Self {
        Self {
            gains: Vec::new(),
            counts: [0; 256],
            selection: Selection::new(longest),
        }
    }
}

/// Above this grade one pass with a counter for each grade is cheaper than a pass for each grade.
const FEW_GRADES: u8 = 12;

impl Grade for u8 {
    fn value(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn exp2(self) -> f64 {
        f64::from_bits((1023 + u64::from(self)) << 52) // the exponent of a number is its bits 52 to 62
    }

    fn lowest_from(value: f64) -> Option<Self> {
        let value = value.ceil();
        (value <= 255.0).then_some(value as Self)
    }

    fn range(grades: &[Self]) -> Option<(Self, Self)> {
        // Two loops: together they would not be vectorised.
        let lowest = grades.iter().fold(Self::MAX, |lowest, &grade| lowest.min(grade));
        let highest = grades.iter().fold(0, |highest: Self, &grade| highest.max(grade));
        (!grades.is_empty()).then_some((lowest, highest))
    }

    fn reaching(grades: &[Self], least: f64) -> usize {
        Self::lowest_from(least).map_or(0, |least| at_least(grades, least))
    }

    fn ideal(grades: &[Self], highest: Self, k: usize, scratch: &mut Ideal, gain: &impl Fn(Self) -> f64) {
        scratch.gains.clear();
        let k = k.min(grades.len());
        if highest <= FEW_GRADES {
            for grade in (0..=highest).rev() {
                let places = at_least(grades, grade).min(k);
                scratch.gains.resize(places, gain(grade));
                if places == k {
                    return;
                }
            }
            return;
        }
        for &grade in grades {
            scratch.counts[usize::from(grade)] += 1;
        }
        for grade in (0..=highest).rev() {
            let count = std::mem::take(&mut scratch.counts[usize::from(grade)]);
            let count = count.min(k - scratch.gains.len());
            scratch.gains.extend(std::iter::repeat_n(gain(grade), count));
        }
    }
}

/// How many grades are at least `least`: eight-bit counters, so that sixteen rows and more count at
/// once. A function of its own, because inlined it is not vectorised.
#[inline(never)]
fn at_least(grades: &[u8], least: u8) -> usize {
    let mut total = 0;
    for chunk in grades.chunks(255) {
        let mut count = 0_u8;
        for &grade in chunk {
            count += u8::from(grade >= least);
        }
        total += usize::from(count);
    }
    total
}

impl Grade for f64 {
    fn value(self) -> f64 {
        self
    }

    fn exp2(self) -> f64 {
        self.exp2()
    }

    fn lowest_from(value: f64) -> Option<Self> {
        Some(value)
    }

    fn range(grades: &[Self]) -> Option<(Self, Self)> {
        let lowest = grades.iter().copied().reduce(Self::min)?;
        Some((lowest, grades.iter().copied().fold(lowest, Self::max)))
    }

    fn reaching(grades: &[Self], least: f64) -> usize {
        grades.iter().filter(|&&grade| grade >= least).count()
    }

    fn ideal(grades: &[Self], _: Self, k: usize, scratch: &mut Ideal, gain: &impl Fn(Self) -> Self) {
        scratch.gains.clear();
        // Grades are finite, so the selection refuses none of them.
        if let Ok(best) = scratch.selection.best(grades, k) {
            let best = best.iter().take(k);
            scratch
                .gains
                .extend(best.map(|&key| gain(grades[<Self as super::select::Score>::row(key)])));
        }
    }
}

/// The gain of each whole grade up to `highest`.
///
/// # Errors
/// [`Error::Argument`] where a table ends before it.
pub(super) fn table(gain: &Gain, highest: u8) -> Result<Vec<f64>> {
    let mut gains: Vec<f64> = match gain {
        Gain::Linear => (0..=u32::from(highest)).map(f64::from).collect(),
        Gain::Exp2 => (0..=u32::from(highest))
            .map(|g| f64::from(g).exp2() - 1.0)
            .collect(),
        Gain::Table(table) => table.clone(),
    };
    if gains.len() <= usize::from(highest) {
        let message = format!(
            "the table ends before grade {highest}: it has {} entries",
            gains.len()
        );
        return Err(Error::argument("gain", message));
    }
    gains.resize(256, 0.0);
    Ok(gains)
}

/// The gain of a real grade, which a table holds only where it is whole. A document that nobody judged (a
/// negative grade) has none.
pub(super) fn real_gain(gain: &Gain) -> impl Fn(f64) -> f64 + Sync {
    move |grade| match gain {
        Gain::Linear => grade.max(0.0),
        Gain::Exp2 => grade.max(0.0).exp2() - 1.0,
        Gain::Table(_) if grade < 0.0 => 0.0,
        Gain::Table(table) => table[grade as usize],
    }
}
