//! Recorded availability instead of the market: how many instances a pool held, and when.

use crate::units::SimTime;

/// How many instances of a pool can run at once, from instant to instant.
///
/// Where it falls, as many as are too many are reclaimed; launches that would exceed it are
/// refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// The first at the beginning of the run; instants ascend and neighbours differ.
    steps: Vec<(SimTime, u32)>,
}

/// A node that a recording says was granted or taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeChange {
    /// When.
    pub at: SimTime,
    /// Which node, as the recording names it.
    pub node: String,
    /// Whether it was granted; otherwise it was taken back.
    pub is_added: bool,
}

/// Why a recording makes no availability. Rows count from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAvailability {
    /// There is no row.
    #[error("a recording of availability needs at least one row")]
    Empty,
    /// The capacity at the beginning of the run is not said.
    #[error("a recording of availability begins at 0 s")]
    BeginsLate,
    /// A row is before, or at the instant of, the one above.
    #[error("rows of availability ascend in time")]
    Disordered {
        /// Which.
        row: usize,
    },
    /// A node is added that is there.
    #[error("node `{node}` is added a second time")]
    AddedTwice {
        /// Which.
        row: usize,
        /// The node.
        node: String,
    },
    /// A node is removed that is not there.
    #[error("node `{node}` is removed and was not there")]
    NotThere {
        /// Which.
        row: usize,
        /// The node.
        node: String,
    },
}

impl Availability {
    /// Makes an availability from what the capacity was, and from when on.
    ///
    /// # Errors
    /// [`BadAvailability`] if there are no rows, the first is not at the beginning of the run, or
    /// instants do not ascend.
    pub fn new(rows: &[(SimTime, u32)]) -> Result<Availability, BadAvailability> {
        match rows.first() {
            None => return Err(BadAvailability::Empty),
            Some(&(first, _)) if first > SimTime::ZERO => return Err(BadAvailability::BeginsLate),
            Some(_) => {}
        }
        if let Some(row) = rows.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
            return Err(BadAvailability::Disordered { row: row + 1 });
        }
        let mut steps = rows.to_vec();
        steps.dedup_by_key(|step| step.1);
        Ok(Availability { steps })
    }

    /// Makes an availability from nodes that came and went; changes at one instant are one.
    ///
    /// Such a recording mixes demand with supply. How many nodes somebody held is a lower bound of
    /// what there was to have: a node that was not asked for is not in it, and one that its owner
    /// gave back looks reclaimed.
    ///
    /// # Errors
    /// [`BadAvailability`] if there are no rows, instants descend, a node comes that is there or
    /// goes that is not.
    pub fn from_nodes(changes: &[NodeChange]) -> Result<Availability, BadAvailability> {
        if changes.is_empty() {
            return Err(BadAvailability::Empty);
        }
        let mut held = std::collections::BTreeSet::new();
        let mut rows = vec![(SimTime::ZERO, 0)];
        for (row, NodeChange { at, node, is_added }) in changes.iter().enumerate() {
            let last = rows.len() - 1;
            if *at < rows[last].0 {
                return Err(BadAvailability::Disordered { row });
            }
            match is_added {
                true if !held.insert(node.as_str()) => {
                    return Err(BadAvailability::AddedTwice { row, node: node.clone() });
                }
                false if !held.remove(node.as_str()) => {
                    return Err(BadAvailability::NotThere { row, node: node.clone() });
                }
                true | false => {}
            }
            let capacity = u32::try_from(held.len()).unwrap_or(u32::MAX);
            if *at == rows[last].0 {
                rows[last].1 = capacity;
            } else {
                rows.push((*at, capacity));
            }
        }
        Availability::new(&rows)
    }

    /// Returns how many instances can run at an instant; the last row holds ever after.
    pub fn capacity_at(&self, at: SimTime) -> u32 {
        // The first step is at the beginning of the run, so one is never after `at`.
        let after = self.steps.partition_point(|&(from, _)| from <= at);
        self.steps[after.saturating_sub(1)].1
    }

    /// Returns when the capacity next differs, and what it is then.
    pub fn next_change_after(&self, at: SimTime) -> Option<(SimTime, u32)> {
        let after = self.steps.partition_point(|&(from, _)| from <= at);
        self.steps.get(after).copied()
    }
}
