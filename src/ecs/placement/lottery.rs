//! Instances of which any may be taken: counted by kind of requirement, and drawn by number.

/// Positions counted together.
const BLOCK: usize = if cfg!(test) { 128 } else { 2048 };
const WORDS: usize = BLOCK / 64;

/// Which instances fit which kinds, in order of registration.
#[derive(Clone, Debug, Default)]
pub(super) struct Lottery {
    parts: usize,
    /// For each slot, its instance.
    tickets: Vec<Ticket>,
    /// For each position, the slot of the instance that has or had it.
    slots: Vec<u32>,
    /// The order of registration of the last position.
    last: u32,
    /// For each kind a bit for each position.
    fits: Vec<Vec<u64>>,
    /// For each part a bit for each position.
    of_part: Vec<Vec<u64>>,
    /// For each kind and part, how many fit, by block.
    counts: Vec<Vec<u16>>,
    /// For each kind and part, how many fit.
    totals: Vec<u32>,
    live: usize,
    out_of_order: bool,
}

/// An instance: its position, and what it fits.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    position: u32,
    order: u32,
    part: u32,
    fits: u64,
}

const NOWHERE: u32 = u32::MAX;

impl Ticket {
    const NONE: Ticket = Ticket { position: NOWHERE, order: 0, part: 0, fits: 0 };
}

impl Lottery {
    /// Makes an empty one.
    pub fn new(parts: usize, kinds: usize) -> Lottery {
        Lottery {
            parts,
            fits: vec![Vec::new(); kinds],
            of_part: vec![Vec::new(); parts],
            counts: vec![Vec::new(); kinds * parts],
            totals: vec![0; kinds * parts],
            ..Lottery::default()
        }
    }

    /// Says what the instance in a slot fits now: its part, its order of registration, the kinds.
    ///
    /// `None`: it is gone.
    pub fn set(&mut self, slot: u32, entry: Option<(usize, u32, u64)>) {
        let slot = slot as usize;
        if self.tickets.len() <= slot {
            self.tickets.resize(slot + 1, Ticket::NONE);
        }
        let known = self.tickets[slot];
        let same = entry.is_some_and(|(_, order, _)| order == known.order);
        if known.position != NOWHERE && !same {
            self.change(slot, 0);
            self.tickets[slot] = Ticket::NONE;
            self.live -= 1;
        }
        let Some((part, order, fits)) = entry else { return };
        if self.tickets[slot].position == NOWHERE {
            self.add(slot, part, order);
        }
        self.change(slot, fits);
    }

    /// Gives the instance in a slot the next position.
    fn add(&mut self, slot: usize, part: usize, order: u32) {
        let position = self.slots.len();
        self.out_of_order |= position > 0 && self.last > order;
        self.last = order;
        self.live += 1;
        self.slots.push(slot as u32);
        self.tickets[slot] =
            Ticket { position: position as u32, order, part: part as u32, fits: 0 };
        if position.is_multiple_of(BLOCK) {
            let words = (position / BLOCK + 1) * WORDS;
            self.fits.iter_mut().for_each(|bits| bits.resize(words, 0));
            self.of_part.iter_mut().for_each(|bits| bits.resize(words, 0));
            self.counts.iter_mut().for_each(|blocks| blocks.push(0));
        }
        self.of_part[part][position / 64] |= 1 << (position % 64);
    }

    fn change(&mut self, slot: usize, fits: u64) {
        let ticket = &mut self.tickets[slot];
        let at = ticket.position as usize;
        let mut changed = ticket.fits ^ fits;
        ticket.fits = fits;
        while changed != 0 {
            let kind = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            self.fits[kind][at / 64] ^= 1 << (at % 64);
            let group = kind * self.parts + ticket.part as usize;
            if fits >> kind & 1 == 1 {
                self.counts[group][at / BLOCK] += 1;
                self.totals[group] += 1;
            } else {
                self.counts[group][at / BLOCK] -= 1;
                self.totals[group] -= 1;
            }
        }
    }

    /// Returns how many instances of a part fit the kind.
    pub fn count(&self, part: usize, kind: u32) -> u32 {
        self.totals[kind as usize * self.parts + part]
    }

    /// Returns the slot of the `nth` instance, from 0, of these parts that fits the kind.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn nth(&self, parts: impl Iterator<Item = usize> + Clone, kind: u32, nth: u32) -> u32 {
        let (kind, mut nth) = (kind as usize, nth);
        for block in 0..self.counts[kind * self.parts].len() {
            let counts = |part: usize| u32::from(self.counts[kind * self.parts + part][block]);
            let count: u32 = parts.clone().map(counts).sum();
            if nth >= count {
                nth -= count;
                continue;
            }
            for word in block * WORDS..(block + 1) * WORDS {
                let mine = parts.clone().fold(0, |all, part| all | self.of_part[part][word]);
                let fits = self.fits[kind][word] & mine;
                if nth >= fits.count_ones() {
                    nth -= fits.count_ones();
                    continue;
                }
                let before = (0..nth).fold(fits, |fits, _| fits & (fits - 1));
                return self.slots[word * 64 + before.trailing_zeros() as usize];
            }
        }
        unreachable!("the caller knows how many fit");
    }

    /// Says whether it must be built anew: instances are not in order of registration, or most
    /// positions belong to some that are gone.
    pub fn is_worn(&self) -> bool {
        self.out_of_order || self.slots.len() > 2 * self.live + BLOCK
    }
}

#[cfg(test)]
mod tests {
    use super::super::twins::Dice;
    use super::*;

    /// Changes a lottery at random and asks it what a list of all entries answers as well.
    fn check(case: u64, slots: usize) {
        let mut dice = Dice::new(case);
        let (parts, kinds) = (1 + dice.below(3), 1 + dice.below(5));
        let mut all: Vec<Option<(usize, u32, u64)>> = vec![None; slots];
        let mut lottery = Lottery::new(parts, kinds);
        for order in 0..slots as u32 {
            all[order as usize] = Some((dice.below(parts), order, dice.below(1 << kinds) as u64));
            lottery.set(order, all[order as usize]);
        }
        for _ in 0..300 {
            let slot = dice.below(slots);
            if let Some((_, _, fits)) = &mut all[slot] {
                *fits = dice.below(1 << kinds) as u64;
            }
            if dice.one_in(50) {
                all[slot] = None;
            }
            lottery.set(slot as u32, all[slot]);
            let kind = dice.below(kinds);
            let asked: Vec<usize> = (0..parts).filter(|_| !dice.one_in(3)).collect();
            let fitting: Vec<u32> = (0..)
                .zip(&all)
                .filter_map(|(slot, it)| Some((slot, (*it)?)))
                .filter(|(_, (part, _, fits))| asked.contains(part) && fits >> kind & 1 == 1)
                .map(|(slot, _)| slot)
                .collect();
            let count: u32 = asked.iter().map(|&part| lottery.count(part, kind as u32)).sum();
            assert_eq!(count as usize, fitting.len());
            for (nth, slot) in (0..).zip(&fitting) {
                assert_eq!(lottery.nth(asked.iter().copied(), kind as u32, nth), *slot);
            }
        }
    }

    #[test]
    fn a_lottery_draws_what_a_plain_list_draws() {
        for case in 0..12 {
            check(case, 1 + 30 * case as usize);
        }
    }

    #[test]
    fn slots_that_are_used_again_stand_at_the_end() {
        let mut lottery = Lottery::new(1, 1);
        for slot in 0..3 {
            lottery.set(slot, Some((0, slot, 1)));
        }
        // The instance in slot 0 is gone, and another one has its slot.
        lottery.set(0, Some((0, 3, 1)));
        let drawn: Vec<u32> = (0..3).map(|nth| lottery.nth(std::iter::once(0), 0, nth)).collect();
        assert_eq!(drawn, [1, 2, 0]);
        assert!(!lottery.is_worn());
        // One that registered before others that are here is not in order.
        lottery.set(1, Some((0, 2, 1)));
        assert!(lottery.is_worn());
    }
}
