//! Loops compiled for the vectors that the machine has.
//!
//! What ships is compiled for every x86-64, which is vectors of 128 bits. [`widest`] compiles one
//! loop once more for 256 bits and asks the machine which to run. Rust makes such a call `unsafe`,
//! since a machine without the instructions would fail on them; it stands here alone, so that the
//! numeric core can forbid the word.

/// Does the work with the widest vectors of this machine: the same operations on the same numbers,
/// so the same bits. Only what the compiler can inline into `work` is compiled so, and it must be a
/// loop that it vectorises. The call itself costs some nanoseconds.
///
/// ```
/// let values: Vec<f64> = (0..100).map(f64::from).collect();
/// let above = ctcore_simd::widest(|| values.iter().filter(|&&value| value > 49.5).count());
/// assert_eq!(above, 50);
/// ```
#[inline]
pub fn widest<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has just said that it has the instructions.
        return unsafe { with_avx2(work) };
    }
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}
