//! Why nothing fits, counted by instance and kept up to date by what changes.
//!
//! Whoever is refused often gets the same answer as from a look at every instance, for the price of
//! looking again at those that have changed since the last refusal.

use std::cmp::Reverse;

use crate::engine::{Id, Ix};

use super::super::cluster::Instance;
use super::super::model::{Launch, Requirement};
use super::super::{FailedChecks, FailureReason, PlacementFailure};
use super::{Ask, View, check};

/// At most so many instances are in all explanations together; about 40 bytes each.
const MOST_ENTRIES: usize = 1_000_000;
/// And at most so many explanations are kept.
const MOST: usize = 64;

/// Explanations that were asked for, the one asked for last at the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Explanations(Vec<Explanation>);

#[derive(Clone, Debug)]
struct Explanation {
    of: (Ix<Launch>, u8, Ix<Requirement>),
    /// Changes of the cluster that are taken in.
    seen: u64,
    /// What each instance fails, by slot; `None`: nothing, or it is not one of those in question.
    failures: Vec<Option<Failure>>,
    failed: FailedChecks,
}

/// The first check that an instance fails; the least of these is of the closest instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Failure {
    lateness: Reverse<u32>,
    missing_ppm: u64,
    order: u32,
    slot: u32,
    reason: FailureReason,
}

impl Explanations {
    /// Says why there is no instance, as [`check::explain`] does.
    pub fn explain(&mut self, view: &View, ask: &Ask) -> PlacementFailure {
        let launch = &view.model.launches[ask.launch];
        // Addresses run out with no change of an instance.
        let counts_addresses = view.model.requirements[ask.requirement].awsvpc;
        if counts_addresses && !launch.subnets.is_empty() {
            return check::explain(view, ask);
        }
        let of = (ask.launch, ask.item, ask.requirement);
        let mut explanation = match self.0.iter().position(|it| it.of == of) {
            Some(at) => self.0.remove(at),
            None => {
                let members = view.cluster.members(launch.cluster).len();
                let most = (MOST_ENTRIES / members.max(1)).clamp(1, MOST);
                if self.0.len() >= most {
                    self.0.remove(0);
                }
                Explanation::new(of, view, ask)
            }
        };
        explanation.catch_up(view, ask);
        let failure = explanation.failure(view);
        self.0.push(explanation);
        failure
    }
}

impl Explanation {
    fn new(of: (Ix<Launch>, u8, Ix<Requirement>), view: &View, ask: &Ask) -> Explanation {
        let mut explanation = Explanation {
            of,
            seen: view.cluster.change_count(),
            failures: Vec::new(),
            failed: FailedChecks::default(),
        };
        explanation.look_at_all(view, ask);
        explanation
    }

    fn look_at_all(&mut self, view: &View, ask: &Ask) {
        self.failures.clear();
        self.failed = FailedChecks::default();
        for instance in check::candidates(view, ask) {
            self.look(view, ask, instance);
        }
    }

    fn catch_up(&mut self, view: &View, ask: &Ask) {
        let members = view.cluster.members(view.model.launches[ask.launch].cluster).len();
        let changed = view.cluster.changed_since(self.seen);
        match changed.filter(|slots| slots.len() < members) {
            Some(slots) => {
                for run in slots.chunk_by(|a, b| a == b) {
                    let slot = run[0];
                    self.forget(slot as usize);
                    if let Some((instance, host)) = view.cluster.occupant(slot)
                        && check::is_candidate(view, ask, host)
                    {
                        self.look(view, ask, instance);
                    }
                }
            }
            None => self.look_at_all(view, ask),
        }
        self.seen = view.cluster.change_count();
    }

    fn forget(&mut self, slot: usize) {
        if let Some(known) = self.failures.get_mut(slot).and_then(Option::take) {
            *check::counter(&mut self.failed, known.reason) -= 1;
        }
    }

    fn look(&mut self, view: &View, ask: &Ask, instance: Id<Instance>) {
        let Some(reason) = check::failure(view, ask, instance) else { return };
        let (lateness, missing_ppm) = check::distance(view, ask, (instance, reason));
        let failure = Failure {
            lateness: Reverse(lateness),
            missing_ppm,
            order: view.cluster.instance(instance).order(),
            slot: instance.slot() as u32,
            reason,
        };
        if self.failures.len() <= instance.slot() {
            self.failures.resize(instance.slot() + 1, None);
        }
        self.failures[instance.slot()] = Some(failure);
        *check::counter(&mut self.failed, reason) += 1;
    }

    fn failure(&self, view: &View) -> PlacementFailure {
        let closest = self.failures.iter().flatten().min();
        PlacementFailure {
            reason: closest.map_or(FailureReason::NoInstances, |it| it.reason),
            closest: closest.and_then(|it| view.cluster.occupant(it.slot)).map(|(id, _)| id),
            failed: self.failed,
        }
    }
}
