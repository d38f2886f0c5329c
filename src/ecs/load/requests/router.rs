//! Which server a request goes to.

use crate::engine::{Id, Luck, Purpose};

use super::Server;
use super::model::Routing;

const ROUTE: Purpose = Purpose::new("routing of a request");

/// A server that gets requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) server: Id<Server>,
    /// Those that came later have a greater number.
    pub(super) order: u64,
    /// Above 0.
    pub(super) weight: f64,
    /// How many requests are there.
    pub(super) outstanding: u32,
}

/// Chooses among servers that get requests.
#[derive(Clone, Debug)]
pub(super) struct Router {
    routing: Routing,
    seats: Vec<Seat>,
    /// Whose turn it is.
    cursor: usize,
    /// Whether all weights are alike.
    is_even: bool,
    greatest: f64,
    /// Weights of the seats up to each.
    sums: Vec<f64>,
    least: Tournament,
    /// How many choices there have been.
    choices: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    server: Id<Server>,
    order: u64,
    weight: f64,
    /// What is left of a turn, in weights of the greatest.
    credit: f64,
    /// Which choice this was last.
    chosen: u64,
}

/// The least of some keys that change: a tree of winners over them.
#[derive(Clone, Debug, Default)]
struct Tournament {
    /// Node 1 is the root, the children of n are 2n and 2n + 1; `width` leaves.
    nodes: Vec<Key>,
    width: usize,
}

/// Requests outstanding, when it was chosen last, and the seat, the first in the highest bits: one
/// number is compared without a branch.
type Key = u128;
const NOBODY: Key = u128::MAX;

fn key(outstanding: u32, chosen: u64, seat: u32) -> Key {
    (u128::from(outstanding) << 96) | (u128::from(chosen) << 32) | u128::from(seat)
}

impl Router {
    pub(super) fn new(routing: Routing) -> Router {
        Router {
            routing,
            seats: Vec::new(),
            cursor: 0,
            is_even: true,
            greatest: 0.0,
            sums: Vec::new(),
            least: Tournament::default(),
            choices: 0,
        }
    }

    /// Changes who gets requests; `targets` are in their order. Those who stay keep their turns.
    pub(super) fn set(&mut self, targets: &[Target]) {
        let turn = self.seats.get(self.cursor).map(|seat| seat.order);
        let mut old = self.seats.iter().peekable();
        let mut seats = Vec::with_capacity(targets.len());
        for &Target { server, order, weight, outstanding: _ } in targets {
            while old.next_if(|it| it.order < order).is_some() {}
            let before = old.next_if(|it| it.order == order);
            let (credit, chosen) = before.map_or((0.0, 0), |it| (it.credit, it.chosen));
            seats.push(Seat { server, order, weight, credit, chosen });
        }
        let after = turn.and_then(|turn| seats.iter().position(|seat| seat.order >= turn));
        self.cursor = after.unwrap_or(0);
        self.seats = seats;
        self.greatest = targets.iter().map(|it| it.weight).fold(0.0, f64::max);
        self.is_even = targets.iter().all(|it| it.weight == self.greatest);
        let mut sum = 0.0;
        self.sums = targets.iter().map(|it| (sum += it.weight, sum).1).collect();
        let keys = targets.iter().zip(&self.seats).zip(0..targets.len() as u32);
        let keys = keys.map(|((target, it), seat)| key(target.outstanding, it.chosen, seat));
        self.least = Tournament::new(keys);
    }

    /// Chooses a server for an attempt of a request, unless there is none.
    #[inline]
    pub(super) fn choose(&mut self, luck: Luck, attempt: u32) -> Option<Id<Server>> {
        if self.seats.len() <= 1 {
            return Some(self.seats.first()?.server);
        }
        let seat = match self.routing {
            Routing::RoundRobin => self.next_in_turn(),
            // Its key is renewed when it is told what has become of the request.
            Routing::LeastOutstandingRequests => {
                let seat = self.least.first() as u32 as usize;
                self.choices += 1;
                self.seats[seat].chosen = self.choices;
                seat
            }
            Routing::WeightedRandom => {
                let drawn =
                    luck.part(u64::from(attempt)).unit(ROUTE) * self.sums[self.sums.len() - 1];
                self.sums.partition_point(|&sum| sum <= drawn).min(self.seats.len() - 1)
            }
        };
        Some(self.seats[seat].server)
    }

    #[inline]
    fn next_in_turn(&mut self) -> usize {
        // At the latest the one of the greatest weight is reached after one round.
        loop {
            let seat = self.cursor;
            self.cursor = if seat + 1 == self.seats.len() { 0 } else { seat + 1 };
            if self.is_even {
                return seat;
            }
            let it = &mut self.seats[seat];
            it.credit += it.weight / self.greatest;
            if it.credit >= 1.0 - 1e-9 {
                it.credit -= 1.0;
                return seat;
            }
        }
    }

    /// Says whether it must be told how many requests a server has.
    #[inline]
    pub(super) fn looks(&self) -> bool {
        self.routing == Routing::LeastOutstandingRequests
    }

    /// Learns how many requests the server in a seat has.
    pub(super) fn tell(&mut self, seat: u32, server: Id<Server>, outstanding: u32) {
        let index = seat as usize;
        if self.seats.get(index).is_some_and(|it| it.server == server) {
            self.least.set(index, key(outstanding, self.seats[index].chosen, seat));
        }
    }
}

impl Tournament {
    fn new(keys: impl ExactSizeIterator<Item = Key>) -> Tournament {
        let width = keys.len().next_power_of_two();
        let mut nodes = vec![NOBODY; width];
        nodes.extend(keys);
        nodes.resize(2 * width, NOBODY);
        for node in (1..width).rev() {
            nodes[node] = nodes[2 * node].min(nodes[2 * node + 1]);
        }
        Tournament { nodes, width }
    }

    fn first(&self) -> Key {
        self.nodes[1]
    }

    fn set(&mut self, leaf: usize, key: Key) {
        let mut node = self.width + leaf;
        self.nodes[node] = key;
        while node > 1 {
            let least = self.nodes[node].min(self.nodes[node ^ 1]);
            node /= 2;
            if self.nodes[node] == least {
                return;
            }
            self.nodes[node] = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::engine::Seed;

    #[test]
    fn the_tournament_is_won_by_the_least_of_all() {
        let mut stream = Seed { master: 1, replication: 0 }.luck("least").stream(ROUTE);
        for count in [1, 2, 3, 5, 8, 13] {
            let mut keys: Vec<Key> = (0..count).map(|seat| key(0, 0, seat)).collect();
            let mut least = Tournament::new(keys.iter().copied());
            for choice in 0..200 {
                let first = keys.iter().copied().min().unwrap();
                assert_eq!(least.first(), first);
                let seat = if choice % 2 == 0 { first as u32 } else { choice as u32 % count };
                keys[seat as usize] = key(stream.random_range(0..4), choice, seat);
                least.set(seat as usize, keys[seat as usize]);
            }
        }
    }
}
