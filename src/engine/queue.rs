//! The order of future events, decided and never inherited, and the plain list that keeps it.
//!
//! Events come by time, then round, then rank, then insertion. An event scheduled for the present
//! instant with a rank below the one being handled runs in the next round of the same instant.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::units::SimTime;

/// Why events of one instant come in the order they do; the lowest rank goes first.
pub type Rank = u8;

/// How many rounds one instant may have before the run is declared to be going in circles.
pub const MAX_ROUNDS: u16 = 10_000;

/// An instant that never ends: handlers keep scheduling events for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_ROUNDS} rounds of events at {at:?} and still more: the model goes in circles")]
pub struct Livelock {
    /// The instant that never ends.
    pub at: SimTime,
}

/// The future-event list as a binary heap: the plain one, by which the fast [`Queue`] is judged.
///
/// [`Queue`]: super::Queue
#[derive(Clone, Debug)]
pub struct HeapQueue<E> {
    clock: Clock,
    heap: BinaryHeap<Entry<E>>,
}

impl<E: Copy> HeapQueue<E> {
    /// Makes an empty queue at the beginning of time.
    pub fn new() -> HeapQueue<E> {
        HeapQueue { clock: Clock::START, heap: BinaryHeap::new() }
    }

    /// Returns the instant of the event popped last.
    pub fn now(&self) -> SimTime {
        self.clock.now
    }

    /// Returns how many events are pending.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Says whether no event is pending.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Schedules `event`.
    ///
    /// # Panics
    /// If `at` is in the past.
    #[track_caller]
    pub fn schedule(&mut self, at: SimTime, rank: Rank, event: E) {
        let key = self.clock.stamp(at, rank);
        self.heap.push(Entry { key, event });
    }

    /// Takes the next event if it is due at or before `until`, and moves time to it.
    ///
    /// # Errors
    /// [`Livelock`] if the present instant has had too many rounds.
    pub fn pop_until(&mut self, until: SimTime) -> Result<Option<E>, Livelock> {
        let Some(first) = self.heap.peek() else { return Ok(None) };
        if first.key.at() > until {
            return Ok(None);
        }
        let Entry { key, event } = self.heap.pop().expect("it was just seen");
        self.clock.advance(key)?;
        Ok(Some(event))
    }
}

impl<E: Copy> Default for HeapQueue<E> {
    fn default() -> Self {
        HeapQueue::new()
    }
}

/// The place of an event in the order of all: time, round, rank and sequence in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u128);

const TIME_SHIFT: u32 = 64;
const ROUND_SHIFT: u32 = 48;
const RANK_SHIFT: u32 = 40;
const SEQUENCE_MASK: u64 = (1 << RANK_SHIFT) - 1;

impl Key {
    #[inline]
    fn new(at: SimTime, round: u16, rank: Rank, sequence: u64) -> Key {
        Key((u128::from(at.as_micros()) << TIME_SHIFT)
            | (u128::from(round) << ROUND_SHIFT)
            | (u128::from(rank) << RANK_SHIFT)
            | u128::from(sequence & SEQUENCE_MASK))
    }

    /// Returns the instant.
    #[inline]
    pub(super) fn at(self) -> SimTime {
        SimTime::from_micros((self.0 >> TIME_SHIFT) as u64)
    }

    fn round(self) -> u16 {
        (self.0 >> ROUND_SHIFT) as u16
    }

    fn rank(self) -> Rank {
        (self.0 >> RANK_SHIFT) as Rank
    }
}

/// Where a run stands: hands out keys, and moves to the key of each event taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// The instant of the event taken last.
    pub(super) now: SimTime,
    round: u16,
    rank: Rank,
    sequence: u64,
}

impl Clock {
    /// The beginning of time.
    pub(super) const START: Clock = Clock { now: SimTime::ZERO, round: 0, rank: 0, sequence: 0 };

    /// Makes the key of an event that is scheduled now.
    #[inline]
    #[track_caller]
    pub(super) fn stamp(&mut self, at: SimTime, rank: Rank) -> Key {
        assert!(at >= self.now, "an event for {at:?} was scheduled at {:?}", self.now);
        let round = match at == self.now {
            true if rank < self.rank => self.round + 1,
            true => self.round,
            false => 0,
        };
        let key = Key::new(at, round, rank, self.sequence);
        self.sequence += 1;
        key
    }

    /// Moves to the event that is taken now.
    #[inline]
    pub(super) fn advance(&mut self, key: Key) -> Result<(), Livelock> {
        self.now = key.at();
        self.round = key.round();
        self.rank = key.rank();
        if self.round >= MAX_ROUNDS {
            return Err(Livelock { at: self.now });
        }
        Ok(())
    }
}

/// A pending event with its key; the *greatest* entry is the one that comes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<E> {
    pub(super) key: Key,
    pub(super) event: E,
}

// `BinaryHeap` gives the greatest first, so the order is turned round: the smallest key is the
// greatest entry.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut HeapQueue<&'static str>) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Ok(Some(event)) = queue.pop_until(SimTime::MAX) {
            order.push(event);
        }
        order
    }

    #[test]
    fn events_come_by_time_then_rank_then_insertion() {
        let mut queue = HeapQueue::new();
        queue.schedule(SimTime::from_secs(2), 0, "later");
        queue.schedule(SimTime::from_secs(1), 1, "second rank");
        queue.schedule(SimTime::from_secs(1), 0, "first");
        queue.schedule(SimTime::from_secs(1), 0, "first, inserted after");
        assert_eq!(drain(&mut queue), ["first", "first, inserted after", "second rank", "later"]);
    }

    #[test]
    fn an_event_for_now_with_a_lower_rank_waits_for_the_next_round() {
        let mut queue = HeapQueue::new();
        queue.schedule(SimTime::ZERO, 2, "controller");
        queue.schedule(SimTime::ZERO, 3, "metrics");
        assert_eq!(queue.pop_until(SimTime::MAX), Ok(Some("controller")));
        queue.schedule(SimTime::ZERO, 0, "ended");
        queue.schedule(SimTime::ZERO, 2, "controller again");
        assert_eq!(drain(&mut queue), ["controller again", "metrics", "ended"]);
    }

    #[test]
    fn an_instant_that_never_ends_is_an_error() {
        let mut queue = HeapQueue::new();
        queue.schedule(SimTime::ZERO, 1, 1);
        let error = loop {
            match queue.pop_until(SimTime::MAX) {
                Ok(Some(rank)) => queue.schedule(SimTime::ZERO, 1 - rank, 1 - rank),
                Ok(None) => panic!("the queue is never empty here"),
                Err(error) => break error,
            }
        };
        assert_eq!(error, Livelock { at: SimTime::ZERO });
    }
}
