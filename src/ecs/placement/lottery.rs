//! Instances of which any may be taken: counted by kind of requirement, and drawn by number.

/// Positions counted together.
const BLOCK: usize = if cfg!(test) { 64 } else { 512 };
const WORDS: usize = BLOCK / 64;

/// Which instances fit which kinds, in order of registration.
#[derive(Clone, Debug, Default)]
pub(super) struct Lottery {
    parts: usize,
    tickets: Vec<Ticket>,
    /// For each slot, the position of its instance.
    position: Vec<u32>,
    /// For each kind a bit for each position.
    fits: Vec<Vec<u64>>,
    /// For each kind and part, how many fit, by block.
    counts: Vec<Vec<u16>>,
    /// For each kind and part, how many fit.
    totals: Vec<u32>,
    live: usize,
    out_of_order: bool,
}

/// A position: whose it is, and what fits there.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    slot: u32,
    order: u32,
    part: u32,
    fits: u64,
}

const NOWHERE: u32 = u32::MAX;

impl Lottery {
    /// Makes an empty one.
    pub fn new(parts: usize, kinds: usize) -> Lottery {
        Lottery {
            parts,
            fits: vec![Vec::new(); kinds],
            counts: vec![Vec::new(); kinds * parts],
            totals: vec![0; kinds * parts],
            ..Lottery::default()
        }
    }

    /// Says what the instance in a slot fits now: its part, its order of registration, the kinds.
    ///
    /// `None`: it is gone.
    pub fn set(&mut self, slot: u32, entry: Option<(usize, u32, u64)>) {
        if self.position.len() <= slot as usize {
            self.position.resize(slot as usize + 1, NOWHERE);
        }
        let mut at = self.position[slot as usize];
        let same = |ticket: &Ticket| entry.is_some_and(|(_, order, _)| order == ticket.order);
        if at != NOWHERE && !same(&self.tickets[at as usize]) {
            self.change(at as usize, 0);
            self.position[slot as usize] = NOWHERE;
            self.live -= 1;
            at = NOWHERE;
        }
        let Some((part, order, fits)) = entry else { return };
        if at == NOWHERE {
            at = self.tickets.len() as u32;
            self.position[slot as usize] = at;
            self.live += 1;
            self.out_of_order |= self.tickets.last().is_some_and(|last| last.order > order);
            self.tickets.push(Ticket { slot, order, part: part as u32, fits: 0 });
            if self.tickets.len() % BLOCK == 1 {
                self.fits.iter_mut().for_each(|words| words.resize(words.len() + WORDS, 0));
                self.counts.iter_mut().for_each(|blocks| blocks.push(0));
            }
        }
        self.change(at as usize, fits);
    }

    fn change(&mut self, at: usize, fits: u64) {
        let ticket = &mut self.tickets[at];
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
    pub fn nth(&self, parts: &[usize], kind: u32, mut nth: u32) -> u32 {
        let kind = kind as usize;
        let blocks = self.counts[kind * self.parts].len();
        for block in 0..blocks {
            let counts = |&part: &usize| u32::from(self.counts[kind * self.parts + part][block]);
            let count: u32 = parts.iter().map(counts).sum();
            if nth < count {
                return self.nth_of_block(block, parts, kind, nth);
            }
            nth -= count;
        }
        unreachable!("the caller knows how many fit");
    }

    fn nth_of_block(&self, block: usize, parts: &[usize], kind: usize, mut nth: u32) -> u32 {
        for word in block * WORDS..(block + 1) * WORDS {
            let mut fits = self.fits[kind][word];
            if parts.len() == self.parts && nth >= fits.count_ones() {
                nth -= fits.count_ones();
                continue;
            }
            while fits != 0 {
                let ticket = &self.tickets[word * 64 + fits.trailing_zeros() as usize];
                if parts.contains(&(ticket.part as usize)) {
                    if nth == 0 {
                        return ticket.slot;
                    }
                    nth -= 1;
                }
                fits &= fits - 1;
            }
        }
        unreachable!("the count of a block is right");
    }

    /// Says whether it must be built anew: instances are not in order of registration, or most
    /// positions belong to some that are gone.
    pub fn is_worn(&self) -> bool {
        self.out_of_order || self.tickets.len() > 2 * self.live + BLOCK
    }
}
