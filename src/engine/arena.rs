//! Typed handles: positions in fixed tables, and generational ids of things that come and go.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::hint::black_box;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// A position in a [`Table`] of `T`: for things that exist from the start of a run to its end.
pub struct Ix<T>(u32, PhantomData<fn() -> T>);

/// A generational id of a `T` in an [`Arena`]: once the thing is removed, the id finds nothing.
///
/// Generations begin with one, so that an `Option` of an id is no larger than the id.
pub struct Id<T> {
    slot: u32,
    generation: NonZeroU32,
    of: PhantomData<fn() -> T>,
}

/// A list of `T` read by [`Ix`]; a list of what goes with each `K` is read by the `Ix` of the `K`.
#[derive(Clone, Debug)]
pub struct Table<T, K = T>(Vec<T>, PhantomData<fn() -> K>);

/// A store of `T` that come and go; slots are used again, ids are not.
#[derive(Clone, Debug)]
pub struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    len: usize,
}

/// What is in a slot.
///
/// The generation stands beside the tag and right before the value: whoever reads the first
/// fields of a value has the whole check in the same line of the processor's cache.
#[derive(Clone, Debug)]
#[repr(u32)]
enum Slot<T> {
    /// Nothing: the generation of what comes next.
    Free(NonZeroU32),
    /// A value, and its generation.
    Taken(NonZeroU32, T),
}

impl<T> Ix<T> {
    /// Makes the handle of position `index`.
    pub const fn new(index: usize) -> Ix<T> {
        Ix(index as u32, PhantomData)
    }

    /// Returns the position.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl<T> Id<T> {
    /// Returns the slot: small, dense, used again after the thing is gone.
    pub const fn slot(self) -> usize {
        self.slot as usize
    }
}

impl<T, K> Table<T, K> {
    /// Makes an empty table.
    pub const fn new() -> Table<T, K> {
        Table(Vec::new(), PhantomData)
    }

    /// Adds `value` and returns its handle.
    pub fn push(&mut self, value: T) -> Ix<K> {
        self.0.push(value);
        Ix::new(self.0.len() - 1)
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes through all with their handles, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Ix<K>, &T)> + ExactSizeIterator {
        self.0.iter().enumerate().map(|(i, value)| (Ix::new(i), value))
    }

    /// Goes through all handles, in order; borrows nothing.
    pub fn indices(&self) -> impl DoubleEndedIterator<Item = Ix<K>> + use<T, K> {
        (0..self.0.len()).map(Ix::new)
    }

    /// Returns the value at `ix`, if there is one.
    pub fn get(&self, ix: Ix<K>) -> Option<&T> {
        self.0.get(ix.index())
    }

    /// Finds the first that satisfies `test`.
    pub fn position(&self, test: impl FnMut(&T) -> bool) -> Option<Ix<K>> {
        self.0.iter().position(test).map(Ix::new)
    }
}

impl<T, K> Default for Table<T, K> {
    fn default() -> Self {
        Table::new()
    }
}

impl<T, K> FromIterator<T> for Table<T, K> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Table(values.into_iter().collect(), PhantomData)
    }
}

impl<T, K> Index<Ix<K>> for Table<T, K> {
    type Output = T;
    fn index(&self, ix: Ix<K>) -> &T {
        &self.0[ix.index()]
    }
}

impl<T, K> IndexMut<Ix<K>> for Table<T, K> {
    fn index_mut(&mut self, ix: Ix<K>) -> &mut T {
        &mut self.0[ix.index()]
    }
}

impl<T> Arena<T> {
    /// Makes an empty arena.
    pub const fn new() -> Arena<T> {
        Arena { slots: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// Stores `value` in the slot freed last, or in a new one.
    pub fn insert(&mut self, value: T) -> Id<T> {
        self.len += 1;
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.slots[slot as usize];
            let (Slot::Free(generation) | Slot::Taken(generation, _)) = *entry;
            *entry = Slot::Taken(generation, value);
            return Id { slot, generation, of: PhantomData };
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 4 billion things at once");
        let generation = NonZeroU32::MIN;
        self.slots.push(Slot::Taken(generation, value));
        Id { slot, generation, of: PhantomData }
    }

    /// Ends the value; the id and its copies find nothing from now on. Says whether it was there.
    pub fn remove(&mut self, id: Id<T>) -> bool {
        let Some(entry) = self.slots.get_mut(id.slot()) else { return false };
        match entry {
            Slot::Taken(generation, _) if *generation == id.generation => {}
            Slot::Taken(..) | Slot::Free(_) => return false,
        }
        *entry = Slot::Free(id.generation.checked_add(1).unwrap_or(NonZeroU32::MIN));
        self.free.push(id.slot);
        self.len -= 1;
        true
    }

    /// Returns the value, unless it is gone.
    #[inline]
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        match self.slots.get(id.slot())? {
            Slot::Taken(generation, value) if *generation == id.generation => Some(value),
            Slot::Taken(..) | Slot::Free(_) => None,
        }
    }

    /// Returns the value for changing, unless it is gone.
    #[inline]
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        match self.slots.get_mut(id.slot())? {
            Slot::Taken(generation, value) if *generation == id.generation => Some(value),
            Slot::Taken(..) | Slot::Free(_) => None,
        }
    }

    /// Returns what is in a slot now, if anything is.
    #[inline]
    pub fn in_slot(&self, slot: usize) -> Option<(Id<T>, &T)> {
        match self.slots.get(slot)? {
            Slot::Taken(generation, value) => {
                let generation = *generation;
                Some((Id { slot: slot as u32, generation, of: PhantomData }, value))
            }
            Slot::Free(_) => None,
        }
    }

    /// Looks at a value that will be wanted soon, so that the processor has it by then.
    ///
    /// Changes nothing. Memory takes as long as a hundred steps of a program, which can go on
    /// meanwhile.
    #[inline]
    pub fn expect_soon(&self, id: Id<T>) {
        black_box(self.slots.get(id.slot()).is_some_and(|slot| matches!(slot, Slot::Free(_))));
    }

    /// Returns how many slots there are: the most things there ever were at once.
    pub fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// Returns how many there are now.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether there are none now.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Goes through those present, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        (0..self.slots.len()).filter_map(|slot| self.in_slot(slot))
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena::new()
    }
}

impl<T> Index<Id<T>> for Arena<T> {
    type Output = T;
    fn index(&self, id: Id<T>) -> &T {
        self.get(id).expect("the caller knows that this one is still there")
    }
}

impl<T> IndexMut<Id<T>> for Arena<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        self.get_mut(id).expect("the caller knows that this one is still there")
    }
}

// Derived implementations would ask the same of `T`, which a handle does not hold.
impl<T> Clone for Ix<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ix<T> {}
impl<T> PartialEq for Ix<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Ix<T> {}
impl<T> PartialOrd for Ix<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Ix<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Ix<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Ix<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.slot, self.generation) == (other.slot, other.generation)
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.slot, self.generation).cmp(&(other.slot, other.generation))
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.slot.hash(state);
        self.generation.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.slot, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_something_gone_finds_nothing_although_its_slot_is_used_again() {
        let mut arena = Arena::new();
        let first = arena.insert("first");
        assert!(arena.remove(first));
        let second = arena.insert("second");
        assert_eq!(second.slot(), first.slot());
        assert_eq!(arena.get(first), None);
        assert!(!arena.remove(first));
        assert_eq!(arena[second], "second");
        assert_eq!(arena.len(), 1);
        assert_eq!(arena.in_slot(second.slot()), Some((second, &"second")));
        assert!(arena.remove(second));
        assert_eq!(arena.in_slot(second.slot()), None);
        assert_eq!((arena.iter().count(), arena.slot_count()), (0, 1));
    }
}
