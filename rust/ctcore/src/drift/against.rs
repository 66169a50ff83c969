//! A statistic held against a tolerance: what a verdict needs.

/// The standard normal quantile of a two-sided 90% interval: each side is wrong 5% of the time.
pub(super) const Z_90: f64 = 1.644_853_626_951_472_7;
/// Nine of ten lie below.
pub(super) const Z_80: f64 = 1.281_551_565_544_600_4;

/// A statistic with its two-sided 90% interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The statistic of the two samples.
    pub statistic: f64,
    /// The lower end of the interval of the statistic of the two populations.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

/// A statistic held against a tolerance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// The statistic and its interval.
    pub effect: Effect,
    /// The p-value of the hypothesis that the populations' value is at most the tolerance.
    pub p_above: f64,
    /// The rows a side with which nine of ten samples pass where nothing moved; infinite where none do.
    pub rows_to_pass: f64,
    /// The smallest value that these samples find above the tolerance nine times in ten.
    pub smallest_found: f64,
}

impl Effect {
    /// The same effect on another, increasing scale.
    pub(super) fn map(self, scale: impl Fn(f64) -> f64) -> Self {
        Self {
            statistic: scale(self.statistic),
            lower: scale(self.lower),
            upper: scale(self.upper),
        }
    }
}

impl Against {
    /// The same on another, increasing scale.
    pub(super) fn map(self, scale: impl Fn(f64) -> f64) -> Self {
        Self {
            smallest_found: scale(self.smallest_found),
            effect: self.effect.map(scale),
            ..self
        }
    }
}
