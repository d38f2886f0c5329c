//! Keyed randomness: every draw is addressed by what it is for, never by when it happens.
//!
//! So variants of a scenario meet the same luck, and a change that cannot matter changes nothing.

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A stream of random numbers: Xoshiro256++, named and portable.
pub type Stream = Xoshiro256PlusPlus;

/// The luck of one run: a master seed and the number of the replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// What the user chose.
    pub master: u64,
    /// Which replication; 0 is the first.
    pub replication: u64,
}

/// The luck of one thing with an exogenous name: `(service, slot, incarnation)`, `(source, row)`.
///
/// Names are what a user could say; arena ids, variant names and digests are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Luck(u64);

/// What a draw is for. One key a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose(u64);

impl Seed {
    /// Returns the luck of whatever bears `name`.
    pub fn luck(self, name: &str) -> Luck {
        Luck(mix(mix(self.master, self.replication), hash(name.as_bytes())))
    }
}

impl Luck {
    /// Returns the luck of the part of this thing that bears `name`.
    pub fn named(self, name: &str) -> Luck {
        Luck(mix(self.0, hash(name.as_bytes())))
    }

    /// Returns the luck of part `number` of this thing.
    #[inline]
    pub fn part(self, number: u64) -> Luck {
        Luck(mix(self.0, number))
    }

    /// Opens the stream of one purpose.
    #[inline]
    pub fn stream(self, purpose: Purpose) -> Stream {
        let mut state = mix(self.0, purpose.0);
        let mut seed = [0; 32];
        for word in seed.chunks_exact_mut(8) {
            state = state.wrapping_add(GOLDEN);
            word.copy_from_slice(&finish(state).to_le_bytes());
        }
        Stream::from_seed(seed)
    }

    /// Draws a number from 0 to 1, 1 excluded.
    #[inline]
    pub fn unit(self, purpose: Purpose) -> f64 {
        self.stream(purpose).random::<f64>()
    }

    /// Says yes with this probability; at most 0 is never, at least 1 is always.
    ///
    /// What happens with one probability happens with every greater one too.
    #[inline]
    pub fn chance(self, purpose: Purpose, probability: f64) -> bool {
        self.unit(purpose) < probability
    }

    /// Chooses a number from 0 to `n - 1`, all alike.
    ///
    /// Takes one draw of 64 bits, so a number is preferred by less than one in four billion.
    ///
    /// # Panics
    /// If there is nothing to choose from.
    #[inline]
    pub fn below(self, purpose: Purpose, n: u32) -> u32 {
        assert!(n > 0, "a number below 0 was asked for");
        ((u128::from(self.stream(purpose).next_u64()) * u128::from(n)) >> 64) as u32
    }
}

impl Purpose {
    /// Names a purpose.
    pub const fn new(name: &str) -> Purpose {
        Purpose(hash(name.as_bytes()))
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes `value` into `state` (two rounds of SplitMix64's finisher); fixed forever.
#[inline]
const fn mix(state: u64, value: u64) -> u64 {
    finish(finish(state.wrapping_add(GOLDEN)) ^ value.wrapping_mul(GOLDEN).rotate_left(31))
}

#[inline]
const fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a over the bytes; fixed forever.
const fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325u64;
    let mut i = 0;
    while i < bytes.len() {
        state = (state ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    const PULL: Purpose = Purpose::new("image pull");
    const START: Purpose = Purpose::new("container start");
    const SEED: Seed = Seed { master: 1, replication: 0 };

    #[test]
    fn a_stream_depends_on_its_key_alone() {
        let luck = SEED.luck("service.web").part(3).part(0);
        let first = luck.stream(PULL).next_u64();
        assert_eq!(first, SEED.luck("service.web").part(3).part(0).stream(PULL).next_u64());
        for other in [
            luck.stream(START).next_u64(),
            luck.part(0).stream(PULL).next_u64(),
            SEED.luck("service.api").part(3).part(0).stream(PULL).next_u64(),
            Seed { master: 1, replication: 1 }
                .luck("service.web")
                .part(3)
                .part(0)
                .stream(PULL)
                .next_u64(),
            Seed { master: 2, replication: 0 }
                .luck("service.web")
                .part(3)
                .part(0)
                .stream(PULL)
                .next_u64(),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn the_first_numbers_of_a_key_are_pinned() {
        // A change here changes every published result: it must be announced.
        let mut stream = SEED.luck("service.web").stream(PULL);
        let drawn = [stream.next_u64(), stream.next_u64()];
        assert_eq!(drawn, [8_252_681_631_961_069_273, 1_901_754_437_796_147_983]);
    }

    #[test]
    fn first_draws_of_neighbouring_keys_are_uniform() {
        // 10,000 keys, 16 cells, 15 degrees of freedom: chi-square above 37.7 has p = 0.001.
        let mut cells = [0u32; 16];
        for part in 0..10_000 {
            cells[(SEED.luck("job").part(part).stream(PULL).next_u64() >> 60) as usize] += 1;
        }
        let chi: f64 = cells.iter().map(|&n| (f64::from(n) - 625.0).powi(2) / 625.0).sum();
        assert!(chi < 37.7, "chi-square {chi}");
    }
    #[test]
    fn a_chance_comes_as_often_as_it_should_and_grows_with_its_probability() {
        let happened = |probability: f64| -> Vec<u64> {
            let luck = SEED.luck("crash");
            (0..10_000).filter(|&part| luck.part(part).chance(START, probability)).collect()
        };
        let mut fewer = Vec::new();
        for probability in [-1.0, 0.0, 0.01, 0.3, 0.99, 1.0, 2.0] {
            let more = happened(probability);
            assert!(fewer.iter().all(|part| more.binary_search(part).is_ok()));
            // Four standard errors of a binomial count; none where the outcome is certain.
            let sure = probability.clamp(0.0, 1.0);
            let error = 4.0 * (10_000.0 * sure * (1.0 - sure)).sqrt();
            assert!((more.len() as f64 - 10_000.0 * sure).abs() <= error, "{probability}");
            fewer = more;
        }
        assert!(!SEED.luck("crash").chance(START, f64::NAN));
    }

    #[test]
    fn numbers_below_n_are_uniform() {
        let luck = SEED.luck("choice");
        for n in [1, 2, 3, 7, 16] {
            let mut counts = vec![0.0; n as usize];
            for part in 0..10_000 {
                counts[luck.part(part).below(START, n) as usize] += 1.0;
            }
            let mean = 10_000.0 / f64::from(n);
            let chi: f64 = counts.iter().map(|count: &f64| (count - mean).powi(2) / mean).sum();
            // 15 degrees of freedom: above 37.7 has p = 0.001; fewer have less.
            assert!(chi < 37.7, "chi-square {chi} for {n}");
        }
        assert!(luck.below(START, u32::MAX) < u32::MAX);
    }

    #[test]
    #[should_panic(expected = "a number below 0")]
    fn nothing_cannot_be_chosen_from() {
        SEED.luck("choice").below(START, 0);
    }
}
