//! The future-event list: what happens next, in an order that is decided and never inherited.

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

/// The future-event list: a binary heap over one packed key.
///
/// Events come by time, then round, then rank, then insertion. An event scheduled for the present
/// instant with a rank below the one being handled runs in the next round of the same instant.
#[derive(Clone, Debug)]
pub struct HeapQueue<E> {
    heap: BinaryHeap<Entry<E>>,
    now: SimTime,
    round: u16,
    rank: Rank,
    sequence: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    key: u128,
    event: E,
}

const ROUND_SHIFT: u32 = 48;
const RANK_SHIFT: u32 = 40;
const TIME_SHIFT: u32 = 64;
const SEQUENCE_MASK: u64 = (1 << RANK_SHIFT) - 1;

impl<E: Copy> HeapQueue<E> {
    /// Makes an empty queue at the beginning of time.
    pub fn new() -> HeapQueue<E> {
        HeapQueue { heap: BinaryHeap::new(), now: SimTime::ZERO, round: 0, rank: 0, sequence: 0 }
    }

    /// Returns the instant of the event popped last.
    pub fn now(&self) -> SimTime {
        self.now
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
    pub fn schedule(&mut self, at: SimTime, rank: Rank, event: E) {
        assert!(at >= self.now, "an event for {at:?} was scheduled at {:?}", self.now);
        let round = match at == self.now {
            true if rank < self.rank => self.round + 1,
            true => self.round,
            false => 0,
        };
        let key = (u128::from(at.as_micros()) << TIME_SHIFT)
            | (u128::from(round) << ROUND_SHIFT)
            | (u128::from(rank) << RANK_SHIFT)
            | u128::from(self.sequence & SEQUENCE_MASK);
        self.sequence += 1;
        self.heap.push(Entry { key, event });
    }

    /// Takes the next event if it is due at or before `until`, and moves time to it.
    ///
    /// # Errors
    /// [`Livelock`] if the present instant has had too many rounds.
    pub fn pop_until(&mut self, until: SimTime) -> Result<Option<E>, Livelock> {
        let Some(first) = self.heap.peek() else { return Ok(None) };
        let at = SimTime::from_micros((first.key >> TIME_SHIFT) as u64);
        if at > until {
            return Ok(None);
        }
        let Entry { key, event } = self.heap.pop().expect("it was just seen");
        self.now = at;
        self.round = (key >> ROUND_SHIFT) as u16;
        self.rank = (key >> RANK_SHIFT) as Rank;
        if self.round >= MAX_ROUNDS {
            return Err(Livelock { at });
        }
        Ok(Some(event))
    }
}

impl<E: Copy> Default for HeapQueue<E> {
    fn default() -> Self {
        HeapQueue::new()
    }
}

// `BinaryHeap` gives the greatest first, so the order is turned round: the smallest key is greatest.
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
