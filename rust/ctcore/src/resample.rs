//! Random numbers by counter: the draw at (seed, stream, index) is a pure function of the three,
//! so resamples are the same for any number of threads and any order of work, and can be asked
//! for again one by one.
//!
//! Philox4x64-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
//! (SC 2011): the generator behind `numpy.random.Philox`, whose output is the golden vector here.

const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const ROUNDS: usize = 10;

/// A seeded family of streams of random words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u64; 2],
}

impl Stream {
    /// The stream numbered `stream` of the family `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { key: [seed, stream] }
    }

    /// The four words at `counter`.
    ///
    /// ```
    /// use ctcore::resample::Stream;
    /// let stream = Stream::new(7, 0);
    /// assert_eq!(stream.words(3), stream.words(3));
    /// assert_ne!(stream.words(3), stream.words(4));
    /// ```
    #[inline]
    pub fn words(&self, counter: u64) -> [u64; 4] {
        philox(self.key, [counter, 0, 0, 0])
    }

    /// A uniform number in [0, 1) with 53 random bits.
    #[inline]
    pub fn uniform(&self, index: u64) -> f64 {
        let word = self.words(index / 4)[(index % 4) as usize];
        (word >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[inline]
fn philox(mut key: [u64; 2], mut counter: [u64; 4]) -> [u64; 4] {
    for _ in 0..ROUNDS {
        let (high0, low0) = wide(MULTIPLIERS[0], counter[0]);
        let (high1, low1) = wide(MULTIPLIERS[1], counter[2]);
        counter = [
            high1 ^ counter[1] ^ key[0],
            low1,
            high0 ^ counter[3] ^ key[1],
            low0,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[inline]
fn wide(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    ((product >> 64) as u64, product as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.Philox(key=[7, 5], counter=[2, 0, 0, 0]).random_raw(4)`: numpy adds one to the
    /// counter before it draws, hence `words(3)`.
    #[test]
    fn the_words_are_those_of_numpy() {
        assert_eq!(Stream::new(7, 5).words(3), NUMPY_PHILOX_7_5_AT_3);
    }
    const NUMPY_PHILOX_7_5_AT_3: [u64; 4] = [
        9_996_188_689_645_661_781,
        6_290_011_124_573_713_829,
        7_331_952_336_594_871_162,
        11_867_430_682_991_556_614,
    ];

    #[test]
    fn uniforms_fill_their_range() {
        let stream = Stream::new(1, 2);
        let mean: f64 = (0..100_000).map(|i| stream.uniform(i)).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
    }
}
