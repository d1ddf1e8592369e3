//! Random bytes: the system's for every key, nonce and id; a seeded stream for the simulation.
//!
//! Not here: distributions, sampling. Always: a [`SeededRandom`] of one seed gives the same bytes, and it is no source of keys.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroize;

/// Where a crate gets random bytes from. Never fails: a process without randomness stops.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// `N` random bytes.
pub fn array<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// The 16 bytes of a random UUID (version 4, RFC 9562).
pub fn uuid_v4(random: &dyn Random) -> [u8; 16] {
    let mut bytes: [u8; 16] = array(random);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// Bytes that a thread draws from the system's generator at once. A call of it costs half a microsecond whatever it is asked for.
const POOL_BYTES: usize = 4096;
/// Requests above this many bytes go to the system's generator directly.
const POOLED_REQUEST_BYTES_MAX: usize = 256;
/// After this long what is left of a pool is thrown away: a machine's image taken at rest holds none that is ever used.
const POOL_AGE_MAX: Duration = Duration::from_millis(10);

/// The cryptographic generator of aws-lc, drawn from [`POOL_BYTES`] at a time by each thread.
///
/// Every byte is handed out once, and wiped from the pool as it goes; what is left is wiped when the thread ends. A pool is never shared:
/// threads have their own. A *process* that is copied would hand out the rest of the pool twice. `fork` is out of reach of safe Rust, which
/// is all that this workspace has outside the vault's locking of memory. A machine's image that is started twice could seal two things under
/// one nonce; a pool is therefore thrown away [`POOL_AGE_MAX`] after it was drawn, so that only an image taken in the midst of those
/// milliseconds repeats anything, and no more than one pool a thread.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        if buffer.len() > POOLED_REQUEST_BYTES_MAX {
            return from_system(buffer);
        }
        // While a thread ends its pool is gone; it draws directly then.
        if POOL
            .try_with(|pool| pool.borrow_mut().take(buffer))
            .is_err()
        {
            from_system(buffer);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the system's randomness is read"
)]
fn from_system(buffer: &mut [u8]) {
    aws_lc_rs::rand::fill(buffer).expect("aws-lc ends the process rather than run without entropy");
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::new(Pool::empty());
}

/// Random bytes that nobody has had yet; those before `next` are zeros.
struct Pool {
    bytes: Box<[u8; POOL_BYTES]>,
    next: usize,
    drawn: Option<Instant>,
}

impl Pool {
    fn empty() -> Pool {
        Pool {
            bytes: Box::new([0; POOL_BYTES]),
            next: POOL_BYTES,
            drawn: None,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the age of a pool is no time that anything else sees"
    )]
    fn take(&mut self, buffer: &mut [u8]) {
        let now = Instant::now();
        let fresh = |drawn: Instant| now.duration_since(drawn) <= POOL_AGE_MAX;
        if buffer.len() > POOL_BYTES - self.next || !self.drawn.is_some_and(fresh) {
            from_system(&mut self.bytes[..]);
            self.next = 0;
            self.drawn = Some(now);
        }
        let taken = &mut self.bytes[self.next..][..buffer.len()];
        buffer.copy_from_slice(taken);
        taken.zeroize();
        self.next += buffer.len();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// A reproducible stream (xoshiro256++ seeded by splitmix64) for simulations and tests only: whoever knows the seed knows every byte.
#[derive(Debug)]
pub struct SeededRandom {
    state: Mutex<[u64; 4]>,
}

impl SeededRandom {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> SeededRandom {
        let mut mixer = seed;
        let state = [
            splitmix(&mut mixer),
            splitmix(&mut mixer),
            splitmix(&mut mixer),
            splitmix(&mut mixer),
        ];
        SeededRandom {
            state: Mutex::new(state),
        }
    }

    /// A stream of its own, named by `label`: what is drawn from it never shifts what others draw. Takes one draw from this stream.
    #[must_use]
    pub fn split(&self, label: &str) -> SeededRandom {
        let mut seed = self.next_u64();
        for byte in label.bytes() {
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        SeededRandom::new(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        step(&mut state)
    }

    /// A number below `bound` (0 where `bound` is 0). The bias is below `bound` / 2^64.
    pub fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("a 128-bit number shifted by 64 fits")
    }

    /// True in `per_thousand` of 1,000 draws.
    pub fn chance(&self, per_thousand: u64) -> bool {
        self.below(1_000) < per_thousand
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buffer.chunks_mut(8) {
            let bytes = step(&mut state).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

fn step(state: &mut [u64; 4]) -> u64 {
    let result = state[0]
        .wrapping_add(state[3])
        .rotate_left(23)
        .wrapping_add(state[0]);
    let shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = state[3].rotate_left(45);
    result
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_one_stream() {
        let (a, b, c) = (
            SeededRandom::new(7),
            SeededRandom::new(7),
            SeededRandom::new(8),
        );
        let (x, y, z): ([u8; 100], [u8; 100], [u8; 100]) = (array(&a), array(&b), array(&c));
        assert!(x == y && x != z);
    }

    #[test]
    fn a_split_stream_is_its_own() {
        let (a, b) = (SeededRandom::new(7), SeededRandom::new(7));
        let (left, right) = (a.split("disk"), b.split("driver"));
        assert_ne!(left.next_u64(), right.next_u64());
        assert_eq!(a.next_u64(), b.next_u64());
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let random = SeededRandom::new(1);
        let mut seen = [false; 10];
        for _ in 0..1_000 {
            seen[usize::try_from(random.below(10)).expect("below ten")] = true;
        }
        assert!(seen.iter().all(|was| *was));
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn the_pool_hands_out_every_byte_once_and_keeps_none() {
        let mut pool = Pool::empty();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..4 * POOL_BYTES / 24 {
            let mut bytes = [0; 24];
            pool.take(&mut bytes);
            assert!(seen.insert(bytes), "drawn twice");
            assert!(pool.bytes[..pool.next].iter().all(|byte| *byte == 0));
            let left = &pool.bytes[pool.next..];
            assert!(!left.windows(24).any(|window| window == bytes));
        }
    }

    #[test]
    fn every_length_is_filled_on_every_thread() {
        let draw = || {
            let mut drawn = Vec::new();
            for length in (0..2 * POOLED_REQUEST_BYTES_MAX).chain([POOL_BYTES, POOL_BYTES + 1]) {
                let mut bytes = vec![0; length];
                SystemRandom.fill(&mut bytes);
                if length >= 32 {
                    assert!(bytes.iter().any(|byte| *byte != 0), "{length} not filled");
                    drawn.push(bytes[..32].to_vec());
                }
            }
            drawn
        };
        let other = std::thread::spawn(draw);
        let mut all = draw();
        all.append(&mut other.join().expect("draws"));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "two threads drew the same");
    }

    #[test]
    fn a_uuid_names_its_version_and_variant() {
        let id = uuid_v4(&SystemRandom);
        assert_eq!((id[6] >> 4, id[8] >> 6), (4, 2));
        assert_ne!(id, uuid_v4(&SystemRandom));
    }
}
