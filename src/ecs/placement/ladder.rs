//! Instances in the order in which a strategy takes them, searched for the first that fits.
//!
//! A sorted list in three levels of small arrays. Each level keeps, for what is below it, which of
//! up to 64 kinds of requirement may still fit somewhere: a bit for each. Bits come at once and go
//! when a search finds that they promise too much, so taking an instance out costs next to
//! nothing. Instances that fit no kind are not in the list at all.

use std::ops::ControlFlow;

/// The rank of an instance: what the rules look at, then the order of registration, which makes
/// every key different. Smaller is better.
///
/// Functions that hand keys around are `inline(always)`: 16 bytes that are written in two halves
/// and read as a whole right after make the processor wait.
pub(super) type Key = u128;

/// Entries in a leaf; small in tests, so that small clusters have many leaves.
const LEAF: usize = if cfg!(test) { 4 } else { 16 };
/// Leaves in a shelf.
const SHELF: usize = if cfg!(test) { 4 } else { 64 };
/// How full a leaf is when all are built anew.
const FILL: usize = LEAF * 3 / 4;

const NOWHERE: u32 = u32::MAX;

/// A sorted list for each part of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    parts: Vec<Part>,
    leaves: Vec<Leaf>,
    unused: Vec<u32>,
    /// For each slot, the leaf that its instance is in.
    leaf_of: Vec<u32>,
}

/// An instance in the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The part of the cluster it belongs to.
    pub part: usize,
    /// Its rank.
    pub key: Key,
    /// Which kinds of requirement it fits.
    pub fits: u64,
}

/// A sorted list of shelves.
#[derive(Clone, Debug, Default)]
struct Part {
    lows: Vec<Key>,
    fits: Vec<u64>,
    shelves: Vec<Shelf>,
}

/// A sorted list of leaves. What is below the first low is in the first leaf, too.
#[derive(Clone, Debug, Default)]
struct Shelf {
    lows: Vec<Key>,
    fits: Vec<u64>,
    leaves: Vec<u32>,
}

/// A few entries in no order: sorting them would cost more than looking through them.
///
/// What is beyond the last fits nothing and is of no slot, so that loops go over whole arrays:
/// what does not depend on the length is not guessed wrong by the processor.
#[derive(Clone, Debug)]
struct Leaf {
    len: usize,
    fits: [u64; LEAF],
    keys: [Key; LEAF],
    slots: [u32; LEAF],
}

impl Leaf {
    const EMPTY: Leaf = Leaf { len: 0, fits: [0; LEAF], keys: [0; LEAF], slots: [NOWHERE; LEAF] };

    fn push(&mut self, slot: u32, key: Key, fits: u64) {
        (self.fits[self.len], self.keys[self.len], self.slots[self.len]) = (fits, key, slot);
        self.len += 1;
    }

    fn position(&self, slot: u32) -> usize {
        let found = (0..LEAF).fold(0, |at, i| if self.slots[i] == slot { i } else { at });
        assert!(self.slots[found] == slot, "slot {slot} is not in the leaf noted for it");
        found
    }

    fn remove(&mut self, at: usize) {
        self.len -= 1;
        self.fits[at] = self.fits[self.len];
        self.keys[at] = self.keys[self.len];
        self.slots[at] = self.slots[self.len];
        (self.fits[self.len], self.slots[self.len]) = (0, NOWHERE);
    }

    fn any_fits(&self) -> u64 {
        union(&self.fits)
    }

    /// Returns a bit for each entry that fits the kind.
    fn fitting(&self, kind: u32) -> u32 {
        let bit = |at: usize| ((self.fits[at] >> kind & 1) as u32) << at;
        (0..LEAF).fold(0, |all, at| all | bit(at))
    }

    /// Returns the best of these entries, of which there is at least one.
    fn best(&self, among: u32) -> usize {
        let mut best = among.trailing_zeros() as usize;
        let mut others = among & (among - 1);
        while others != 0 {
            let at = others.trailing_zeros() as usize;
            others &= others - 1;
            // Not an `if`, as which of two is better cannot be guessed.
            let change = usize::from(self.keys[at] < self.keys[best]).wrapping_neg();
            best ^= (best ^ at) & change;
        }
        best
    }

    fn entries(&self) -> impl Iterator<Item = (u64, Key, u32)> {
        let (fits, keys) = (&self.fits[..self.len], &self.keys[..self.len]);
        let slots = &self.slots[..self.len];
        fits.iter().zip(keys).zip(slots).map(|((&fits, &key), &slot)| (fits, key, slot))
    }
}

/// Returns the last position whose low is at most `key`; what is below all of them is at the first.
fn position(lows: &[Key], key: Key) -> usize {
    lows.get(1..).map_or(0, |lows| lows.partition_point(|low| *low <= key))
}

fn union(fits: &[u64]) -> u64 {
    fits.iter().fold(0, |all, fits| all | fits)
}

impl Ladder {
    /// Builds the lists; `entries` are slots with what is known of their instances.
    pub fn new(parts: usize, mut entries: Vec<(u32, Entry)>) -> Ladder {
        entries.sort_unstable_by_key(|(_, entry)| (entry.part, entry.key));
        let mut ladder = Ladder {
            parts: vec![Part::default(); parts],
            leaves: Vec::with_capacity(entries.len() / FILL + parts),
            unused: Vec::new(),
            leaf_of: Vec::new(),
        };
        for chunk in entries.chunk_by(|(_, a), (_, b)| a.part == b.part) {
            ladder.fill(chunk[0].1.part, chunk);
        }
        ladder
    }

    fn fill(&mut self, part: usize, entries: &[(u32, Entry)]) {
        for shelf_entries in entries.chunks(FILL * SHELF * 3 / 4) {
            let mut shelf = Shelf::default();
            for leaf_entries in shelf_entries.chunks(FILL) {
                let mut leaf = Leaf::EMPTY;
                for (slot, entry) in leaf_entries {
                    leaf.push(*slot, entry.key, entry.fits);
                }
                shelf.lows.push(leaf_entries[0].1.key);
                shelf.fits.push(leaf.any_fits());
                shelf.leaves.push(self.store(leaf));
            }
            let part = &mut self.parts[part];
            part.lows.push(shelf.lows[0]);
            part.fits.push(union(&shelf.fits));
            part.shelves.push(shelf);
        }
    }

    fn store(&mut self, leaf: Leaf) -> u32 {
        let id = self.unused.pop().unwrap_or(self.leaves.len() as u32);
        for at in 0..leaf.len {
            self.note(leaf.slots[at], id);
        }
        match self.leaves.get_mut(id as usize) {
            Some(unused) => *unused = leaf,
            None => self.leaves.push(leaf),
        }
        id
    }

    fn note(&mut self, slot: u32, leaf: u32) {
        if self.leaf_of.len() <= slot as usize {
            self.leaf_of.resize(slot as usize + 1, NOWHERE);
        }
        self.leaf_of[slot as usize] = leaf;
    }

    /// Says what is known of a slot's instance now; `None`: it fits nothing, or is gone.
    ///
    /// Equal keys are of the same instance, which is in one part for all its life.
    #[inline(always)]
    pub fn set(&mut self, slot: u32, entry: Option<Entry>) {
        let place = self.leaf_of.get(slot as usize).copied().unwrap_or(NOWHERE);
        if place != NOWHERE {
            let leaf = &mut self.leaves[place as usize];
            let at = leaf.position(slot);
            if let Some(new) = entry
                && leaf.keys[at] == new.key
            {
                let gained = new.fits & !leaf.fits[at];
                leaf.fits[at] = new.fits;
                if gained != 0 {
                    self.promise(&new);
                }
                return;
            }
            leaf.remove(at);
            self.leaf_of[slot as usize] = NOWHERE;
        }
        if let Some(new) = entry {
            self.insert(slot, &new);
        }
    }

    /// Notes above an entry what it fits now; returns where it is, or belongs.
    fn promise(&mut self, entry: &Entry) -> Option<(usize, usize)> {
        let part = &mut self.parts[entry.part];
        if part.shelves.is_empty() {
            return None;
        }
        let s = position(&part.lows, entry.key);
        part.fits[s] |= entry.fits;
        let shelf = &mut part.shelves[s];
        let l = position(&shelf.lows, entry.key);
        shelf.fits[l] |= entry.fits;
        Some((s, l))
    }

    fn insert(&mut self, slot: u32, entry: &Entry) {
        let Some((s, l)) = self.promise(entry) else {
            return self.fill(entry.part, &[(slot, *entry)]);
        };
        let mut id = self.parts[entry.part].shelves[s].leaves[l];
        if self.leaves[id as usize].len == LEAF {
            id = self.split_leaf(entry, (s, l));
        }
        self.leaves[id as usize].push(slot, entry.key, entry.fits);
        self.note(slot, id);
    }

    /// Makes two leaves of a full one; returns that in which the entry belongs, promises made.
    fn split_leaf(&mut self, entry: &Entry, (s, l): (usize, usize)) -> u32 {
        let id = self.parts[entry.part].shelves[s].leaves[l];
        let old = &mut self.leaves[id as usize];
        let mut sorted = old.keys;
        sorted.sort_unstable();
        let low = sorted[LEAF / 2];
        let (mut lower, mut upper) = (Leaf::EMPTY, Leaf::EMPTY);
        for (fits, key, slot) in old.entries() {
            if key < low { &mut lower } else { &mut upper }.push(slot, key, fits);
        }
        let above = entry.key >= low;
        let lower_fits = lower.any_fits() | if above { 0 } else { entry.fits };
        let upper_fits = upper.any_fits() | if above { entry.fits } else { 0 };
        *old = lower;
        let new_id = self.store(upper);
        let shelf = &mut self.parts[entry.part].shelves[s];
        shelf.fits[l] = lower_fits;
        shelf.lows.insert(l + 1, low);
        shelf.fits.insert(l + 1, upper_fits);
        shelf.leaves.insert(l + 1, new_id);
        if shelf.leaves.len() == SHELF {
            self.parts[entry.part].split_shelf(s);
        }
        if above { new_id } else { id }
    }

    /// Returns the best instance of the part that fits the kind and passes the test.
    #[inline(always)]
    pub fn first(
        &mut self,
        part: usize,
        kind: u32,
        mut test: impl FnMut(u32) -> bool,
    ) -> Option<(Key, u32)> {
        self.each_leaf((part, 0), kind, |leaf| {
            let mut fitting = leaf.fitting(kind);
            while fitting != 0 {
                let at = leaf.best(fitting);
                if test(leaf.slots[at]) {
                    return ControlFlow::Break((leaf.keys[at], leaf.slots[at]));
                }
                fitting &= !(1 << at);
            }
            ControlFlow::Continue(())
        })
    }

    /// Collects the instances of the part from `low` to `high` that fit the kind and pass the
    /// test.
    pub fn collect(
        &mut self,
        (part, low, high): (usize, Key, Key),
        kind: u32,
        mut test: impl FnMut(u32) -> bool,
    ) -> Vec<(Key, u32)> {
        let mut found = Vec::new();
        self.each_leaf((part, low), kind, |leaf| {
            let mut beyond = leaf.len > 0;
            for (fits, key, slot) in leaf.entries() {
                beyond &= key > high;
                if (low..=high).contains(&key) && fits >> kind & 1 == 1 && test(slot) {
                    found.push((key, slot));
                }
            }
            if beyond { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }

    /// Visits, in order from `low`, the leaves of a part in which something fits the kind.
    ///
    /// Corrects what promised too much on the way.
    #[inline(always)]
    fn each_leaf<T>(
        &mut self,
        (part, low): (usize, Key),
        kind: u32,
        mut visit: impl FnMut(&Leaf) -> ControlFlow<T>,
    ) -> Option<T> {
        let bit = 1 << kind;
        let part = &mut self.parts[part];
        let mut s = if low == 0 { 0 } else { position(&part.lows, low) };
        while let Some(at) = part.fits[s..].iter().position(|fits| fits & bit != 0) {
            s += at;
            let shelf = &mut part.shelves[s];
            let mut l = 0;
            while let Some(at) = shelf.fits[l..].iter().position(|fits| fits & bit != 0) {
                l += at;
                let leaf = &self.leaves[shelf.leaves[l] as usize];
                if let ControlFlow::Break(found) = visit(leaf) {
                    return Some(found);
                }
                shelf.fits[l] = leaf.any_fits();
                if leaf.len > 0 {
                    l += 1;
                } else {
                    self.unused.push(shelf.remove(l));
                }
            }
            part.fits[s] = union(&shelf.fits);
            if shelf.leaves.is_empty() {
                part.remove(s);
            } else {
                s += 1;
            }
        }
        None
    }

    /// Says whether leaves have become so many and so empty that building anew is better.
    pub fn is_worn(&self, instances: usize) -> bool {
        (self.leaves.len() - self.unused.len()) * FILL > 2 * (instances + self.parts.len() * LEAF)
    }
}

impl Part {
    fn remove(&mut self, s: usize) {
        self.lows.remove(s);
        self.fits.remove(s);
        self.shelves.remove(s);
    }

    fn split_shelf(&mut self, s: usize) {
        let shelf = &mut self.shelves[s];
        let upper = Shelf {
            lows: shelf.lows.split_off(SHELF / 2),
            fits: shelf.fits.split_off(SHELF / 2),
            leaves: shelf.leaves.split_off(SHELF / 2),
        };
        self.fits[s] = union(&shelf.fits);
        self.lows.insert(s + 1, upper.lows[0]);
        self.fits.insert(s + 1, union(&upper.fits));
        self.shelves.insert(s + 1, upper);
    }
}

impl Shelf {
    fn remove(&mut self, l: usize) -> u32 {
        self.lows.remove(l);
        self.fits.remove(l);
        self.leaves.remove(l)
    }
}

#[cfg(test)]
mod tests {
    use super::super::twins::Dice;
    use super::*;

    /// Changes a ladder at random and asks it what a list of all entries answers as well.
    fn check(case: u64, slots: usize, steps: usize) {
        let mut dice = Dice::new(case);
        let (parts, kinds) = (1 + dice.below(3), 1 + dice.below(5));
        let mut all: Vec<Option<Entry>> = vec![None; slots];
        let mut ladder = Ladder::new(parts, Vec::new());
        for _ in 0..steps {
            let slot = dice.below(slots);
            let part = slot % parts;
            // Few ranks, so that many instances share one; the slot makes keys different.
            let key = (dice.below(6) as Key) << 32 | slot as Key;
            let fits = dice.below(1 << kinds) as u64;
            all[slot] = (fits != 0).then_some(Entry { part, key, fits });
            ladder.set(slot as u32, all[slot]);
            if dice.one_in(200) {
                let known = (0..).zip(&all).filter_map(|(slot, it)| Some((slot, (*it)?)));
                ladder = Ladder::new(parts, known.collect());
            }
            let kind = dice.below(kinds) as u32;
            let odd_only = dice.one_in(4);
            let test = |slot: u32| !odd_only || slot % 2 == 1;
            let mut fitting: Vec<(Key, u32)> = (0..)
                .zip(&all)
                .filter_map(|(slot, it)| Some((slot, (*it)?)))
                .filter(|(slot, it)| it.part == part && it.fits >> kind & 1 == 1 && test(*slot))
                .map(|(slot, it)| (it.key, slot))
                .collect();
            fitting.sort_unstable();
            assert_eq!(ladder.first(part, kind, test), fitting.first().copied());
            let (low, high) = (key >> 32 << 32, key | Key::from(u32::MAX));
            fitting.retain(|(key, _)| (low..=high).contains(key));
            let mut tier = ladder.collect((part, low, high), kind, test);
            tier.sort_unstable();
            assert_eq!(tier, fitting);
        }
    }

    #[test]
    fn a_ladder_answers_what_a_plain_list_answers() {
        for case in 0..30 {
            check(case, 1 + 7 * case as usize, 600);
        }
    }

    #[test]
    fn leaves_that_are_left_behind_are_used_again() {
        // The whole cluster goes up step by step, as it does when tasks are spread over it.
        let mut ladder = Ladder::new(1, Vec::new());
        for rank in 0..50 {
            for slot in 0..100 {
                let key = rank << 32 | Key::from(slot);
                ladder.set(slot, Some(Entry { part: 0, key, fits: 1 }));
                assert!(ladder.first(0, 0, |_| true).is_some());
            }
        }
        assert!(!ladder.is_worn(100));
    }
}
