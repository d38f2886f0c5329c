//! The future-event list that runs use: a timing wheel, nearly as fast at a million as at ten.

use std::collections::BinaryHeap;
use std::mem;

use super::queue::{Clock, Entry, Livelock, Rank};
use crate::units::SimTime;

/// The future-event list: what happens next, in the order that [`HeapQueue`] defines.
///
/// Time is written in digits of six bits. A far event waits in the bucket of the highest digit in
/// which its instant differs from the horizon, so that scheduling is one append. When a bucket is
/// reached, it is sorted by the full key if it is small, and dealt out to lower digits if not. An
/// event is thus moved a few times in its life, however many others are pending.
///
/// [`HeapQueue`]: super::HeapQueue
#[derive(Clone, Debug)]
pub struct Queue<E> {
    clock: Clock,
    /// Every event at or before this instant (µs) is in `near` or `late`, every other in `buckets`.
    horizon: u64,
    /// The bucket reached last, sorted; the next event is at the end.
    near: Vec<Entry<E>>,
    /// Events for instants up to the horizon that were scheduled after it had been set.
    late: BinaryHeap<Entry<E>>,
    /// `LEVELS` times `SLOTS` buckets, the lowest digit first.
    buckets: Vec<Bucket<E>>,
    /// Which slots of a level hold events. All of them lie beyond the horizon's own slot.
    occupied: [u64; LEVELS],
    /// Which levels hold events. All events of a level come before all of the next.
    occupied_levels: u16,
    len: usize,
}

#[derive(Clone, Debug)]
struct Bucket<E> {
    entries: Vec<Entry<E>>,
    /// The earliest instant (µs) among the entries; the end of time if there are none.
    earliest: u64,
}

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// Up to how many events a bucket is sorted at once. Measured: 8 to 32 are alike, 64 is slower.
const SMALL: usize = 16;

/// Up to how many events of a bucket are shown ahead of time: what they are about should still be
/// near the processor when they come, a line of 64 bytes each.
const AHEAD: usize = 256;

/// The greatest room (in events) an emptied bucket keeps for its next use.
///
/// Below it nothing is allocated in steady state; above it one allocation serves a thousand events,
/// and a queue that was long once does not hold on to the memory in every bucket.
const KEPT_CAPACITY: usize = 1024;

impl<E: Copy> Queue<E> {
    /// Makes an empty queue at the beginning of time.
    pub fn new() -> Queue<E> {
        const {
            assert!(size_of::<Entry<E>>() <= 32, "events are copied often: 16 bytes at most");
        }
        let empty = Bucket { entries: Vec::new(), earliest: u64::MAX };
        Queue {
            clock: Clock::START,
            horizon: 0,
            near: Vec::new(),
            late: BinaryHeap::new(),
            buckets: vec![empty; LEVELS * SLOTS],
            occupied: [0; LEVELS],
            occupied_levels: 0,
            len: 0,
        }
    }

    /// Returns the instant of the event popped last.
    pub fn now(&self) -> SimTime {
        self.clock.now
    }

    /// Returns how many events are pending.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether no event is pending.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Schedules `event`.
    ///
    /// # Panics
    /// If `at` is in the past.
    #[inline]
    #[track_caller]
    pub fn schedule(&mut self, at: SimTime, rank: Rank, event: E) {
        let entry = Entry { key: self.clock.stamp(at, rank), event };
        self.len += 1;
        if at.as_micros() <= self.horizon {
            self.late.push(entry);
        } else {
            self.file(entry);
        }
    }

    /// Takes the next event if it is due at or before `until`, and moves time to it.
    ///
    /// Shows `ahead` events that come a little later, in no order, most of them once, so that
    /// what they are about can be fetched from memory together.
    ///
    /// # Errors
    /// [`Livelock`] if the present instant has had too many rounds.
    #[inline]
    pub fn pop_ahead(
        &mut self,
        until: SimTime,
        ahead: impl FnMut(&E),
    ) -> Result<Option<E>, Livelock> {
        if self.near.is_empty() && self.late.is_empty() && !self.reach_next_bucket(until, ahead) {
            return Ok(None);
        }
        // An entry is greater if it comes first, and nothing is less than an entry.
        let next_is_late = self.late.peek() > self.near.last();
        let next = if next_is_late { self.late.peek() } else { self.near.last() };
        if next.is_none_or(|entry| entry.key.at() > until) {
            return Ok(None);
        }
        let taken = if next_is_late { self.late.pop() } else { self.near.pop() };
        let Entry { key, event } = taken.expect("it was just seen");
        self.len -= 1;
        self.clock.advance(key)?;
        Ok(Some(event))
    }

    /// Takes the next event if it is due at or before `until`, and moves time to it.
    ///
    /// # Errors
    /// [`Livelock`] if the present instant has had too many rounds.
    #[inline]
    pub fn pop_until(&mut self, until: SimTime) -> Result<Option<E>, Livelock> {
        self.pop_ahead(until, |_| {})
    }

    /// Returns when the next event is due, if that is at or before `until`.
    pub fn next_until(&mut self, until: SimTime) -> Option<SimTime> {
        if self.near.is_empty() && self.late.is_empty() && !self.reach_next_bucket(until, |_| {}) {
            return None;
        }
        let next = self.late.peek().max(self.near.last())?;
        Some(next.key.at()).filter(|&at| at <= until)
    }

    /// Puts an entry beyond the horizon into its bucket.
    #[inline]
    fn file(&mut self, entry: Entry<E>) {
        let at = entry.key.at().as_micros();
        let level = (at ^ self.horizon).ilog2() / DIGIT_BITS;
        let slot = (at >> (level * DIGIT_BITS)) as usize % SLOTS;
        let level = level as usize;
        let bucket = &mut self.buckets[level * SLOTS + slot];
        bucket.earliest = bucket.earliest.min(at);
        bucket.entries.push(entry);
        self.occupied[level] |= 1 << slot;
        self.occupied_levels |= 1 << level;
    }

    /// Moves the horizon into the next bucket, if an event of it is due at or before `until`.
    ///
    /// Afterwards `near` holds the earliest pending event. It was empty before, and so was `late`.
    fn reach_next_bucket(&mut self, until: SimTime, mut ahead: impl FnMut(&E)) -> bool {
        if self.occupied_levels == 0 {
            return false;
        }
        let level = self.occupied_levels.trailing_zeros() as usize;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let bucket = &mut self.buckets[level * SLOTS + slot];
        if bucket.earliest > until.as_micros() {
            return false;
        }
        let earliest = mem::replace(&mut bucket.earliest, u64::MAX);
        self.occupied[level] &= !(1 << slot);
        if self.occupied[level] == 0 {
            self.occupied_levels &= !(1 << level);
        }
        // The horizon may go anywhere inside the slot: seen from there, the highest digit in which
        // a later event differs is the same, because everything on lower levels is gone.
        if level > 0 && bucket.entries.len() <= AHEAD {
            for entry in &bucket.entries {
                ahead(&entry.event);
            }
        }
        if level == 0 || bucket.entries.len() <= SMALL {
            mem::swap(&mut self.near, &mut bucket.entries);
            self.near.sort_unstable();
            self.horizon = self.near[0].key.at().as_micros();
        } else {
            self.horizon = earliest;
            let mut entries = mem::take(&mut bucket.entries);
            for &entry in &entries {
                if entry.key.at().as_micros() == earliest {
                    self.near.push(entry);
                } else {
                    self.file(entry);
                }
            }
            self.near.sort_unstable();
            if entries.capacity() <= KEPT_CAPACITY {
                entries.clear();
                self.buckets[level * SLOTS + slot].entries = entries;
            }
        }
        true
    }
}

impl<E: Copy> Default for Queue<E> {
    fn default() -> Self {
        Queue::new()
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::super::{HeapQueue, Purpose, Seed, Stream};
    use super::*;
    use crate::units::Span;

    const ACTIONS: Purpose = Purpose::new("actions");

    /// The wheel and the heap, which must agree about everything at every step.
    #[derive(Clone, Default)]
    struct Twins {
        wheel: Queue<u64>,
        heap: HeapQueue<u64>,
        scheduled: u64,
    }

    impl Twins {
        fn schedule(&mut self, at: SimTime, rank: Rank) {
            self.wheel.schedule(at, rank, self.scheduled);
            self.heap.schedule(at, rank, self.scheduled);
            self.scheduled += 1;
            self.agree();
        }

        fn pop_until(&mut self, until: SimTime) -> Option<u64> {
            let due = self.wheel.next_until(until);
            let popped = self.wheel.pop_until(until).unwrap();
            assert_eq!(Ok(popped), self.heap.pop_until(until));
            assert_eq!(due, popped.map(|_| self.heap.now()));
            self.agree();
            popped
        }

        fn agree(&self) {
            assert_eq!(self.wheel.now(), self.heap.now());
            assert_eq!(self.wheel.len(), self.heap.len());
            assert_eq!(self.wheel.is_empty(), self.heap.is_empty());
        }

        /// Does something at random: mostly near the present, at times years away.
        fn act(&mut self, stream: &mut Stream, growth: u32) {
            let reach = stream.random_range(0..=64);
            let far = stream.random::<u64>().checked_shr(reach).unwrap_or(0);
            let then = self.heap.now().saturating_add(Span::micros(far));
            match stream.random_range(0..16 + growth) {
                0..10 => drop(self.pop_until(then)),
                10 => drop(self.pop_until(SimTime::from_micros(far))),
                11..15 => drop(self.pop_until(SimTime::MAX)),
                15 => {
                    // Many at once, so that buckets are dealt out and equal instants meet.
                    let shift = stream.random_range(0..64);
                    for _ in 0..stream.random_range(1..100) {
                        let delay = Span::micros(stream.random_range(0..100) << shift);
                        let at = self.heap.now().saturating_add(delay);
                        self.schedule(at, stream.random_range(0..5));
                    }
                }
                _ => self.schedule(then, stream.random_range(0..5)),
            }
        }

        fn drain(&mut self) -> Vec<u64> {
            std::iter::from_fn(|| self.pop_until(SimTime::MAX)).collect()
        }
    }

    fn stream(name: &str, part: u64) -> Stream {
        Seed { master: 1, replication: 0 }.luck(name).part(part).stream(ACTIONS)
    }

    #[test]
    fn the_wheel_does_at_every_step_what_the_heap_does() {
        for part in 0..3000 {
            let mut stream = stream("twins", part);
            let mut twins = Twins::default();
            let growth = stream.random_range(0..16);
            for _ in 0..stream.random_range(0..100) {
                twins.act(&mut stream, growth);
            }
            twins.drain();
        }
    }

    #[test]
    fn a_long_queue_keeps_the_order_too() {
        let mut stream = stream("long", 0);
        let mut twins = Twins::default();
        for _ in 0..50_000 {
            // Three in four within a minute, the others within the hour.
            let within = if stream.random_bool(0.75) { 60_000_000 } else { 3_600_000_000 };
            twins.schedule(SimTime::from_micros(stream.random_range(0..within)), 0);
        }
        for _ in 0..50_000 {
            twins.pop_until(SimTime::MAX);
            let delay = Span::micros(stream.random_range(0..60_000_000));
            twins.schedule(twins.heap.now() + delay, stream.random_range(0..5));
        }
        assert_eq!(twins.drain().len(), 50_000);
    }

    #[test]
    fn a_clone_in_the_middle_continues_like_the_original() {
        for part in 0..200 {
            let mut stream = stream("clones", part);
            let mut original = Twins::default();
            for _ in 0..stream.random_range(0..200) {
                original.act(&mut stream, 16);
            }
            let mut copy = original.clone();
            let mut same = stream.clone();
            for _ in 0..50 {
                original.act(&mut stream, 0);
            }
            let rest = original.drain();
            for _ in 0..50 {
                copy.act(&mut same, 0);
            }
            assert_eq!(copy.drain(), rest);
        }
    }

    #[test]
    fn events_of_the_far_future_keep_their_instants() {
        let years = |n: u64| SimTime::ZERO + Span::DAY * 365 * n;
        let mut twins = Twins::default();
        let far = [SimTime::MAX, years(500_000), years(1), SimTime::from_micros(u64::MAX - 2)];
        for at in far.into_iter().chain([SimTime::MAX]) {
            twins.schedule(at, 1);
        }
        assert_eq!(twins.drain(), [2, 1, 3, 0, 4]);
        assert_eq!(twins.wheel.now(), SimTime::MAX);
        twins.schedule(SimTime::MAX, 0);
        twins.schedule(SimTime::MAX, 1);
        assert_eq!(twins.drain(), [6, 5], "the lower rank has to wait for the next round");
    }

    #[test]
    fn looking_ahead_in_vain_does_not_forbid_earlier_events() {
        let mut twins = Twins::default();
        twins.schedule(SimTime::from_secs(1000), 0);
        twins.schedule(SimTime::from_secs(1001), 0);
        assert_eq!(twins.pop_until(SimTime::from_secs(999)), None);
        assert_eq!(
            twins.wheel.horizon, 0,
            "earlier events must still find the wheel, not the heap"
        );
        twins.schedule(SimTime::ZERO, 0);
        twins.schedule(SimTime::from_secs(1), 0);
        assert_eq!(twins.drain(), [2, 3, 0, 1]);
    }

    #[test]
    fn an_instant_that_never_ends_is_the_same_error() {
        let mut wheel = Queue::new();
        let mut heap = HeapQueue::new();
        for at in [5, 6] {
            wheel.schedule(SimTime::from_secs(at), 1, 1);
            heap.schedule(SimTime::from_secs(at), 1, 1);
        }
        let error = loop {
            let popped = wheel.pop_until(SimTime::MAX);
            assert_eq!(popped, heap.pop_until(SimTime::MAX));
            match popped {
                Ok(Some(rank)) => {
                    wheel.schedule(wheel.now(), 1 - rank, 1 - rank);
                    heap.schedule(heap.now(), 1 - rank, 1 - rank);
                }
                Ok(None) => panic!("the queue is never empty here"),
                Err(error) => break error,
            }
        };
        assert_eq!(error, Livelock { at: SimTime::from_secs(5) });
    }

    #[test]
    fn an_emptied_queue_does_not_hold_on_to_the_memory_of_its_best_days() {
        let mut queue = Queue::new();
        let mut stream = stream("memory", 0);
        for event in 0..200_000u64 {
            let at = SimTime::from_micros(stream.random_range(0..3_600_000_000));
            queue.schedule(at, 0, event);
        }
        while queue.pop_until(SimTime::MAX).unwrap().is_some() {}
        let kept: usize = queue.buckets.iter().map(|bucket| bucket.entries.capacity()).sum();
        assert!(kept < 100_000, "room for {kept} events is kept");
    }
}
