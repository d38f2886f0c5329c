//! Tasks that wait in PROVISIONING: their capacity provider has no room and is to grow.
//!
//! Only a capacity provider with managed scaling, or of Managed Instances, lets tasks wait;
//! anywhere else a task that finds no room does not come to be. Source: ECS Developer Guide,
//! "Amazon ECS managed scaling behavior"; AWS containers blog, "Deep Dive on Amazon ECS Cluster
//! Auto Scaling".
//! Assumption: Managed Instances let as many tasks wait, and as long.

use std::collections::VecDeque;

use crate::engine::{Id, Ix};

use super::model::{ClusterSpec, Launch, Requirement};
use super::placement::{self, Ask};
use super::{
    Cx, Event, FailedChecks, FailureReason, PlacementFailure, Task, TaskStep, World, life,
    managed_instances, rank,
};

/// The tasks of a cluster that wait, in order of creation.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    tasks: VecDeque<Id<Task>>,
    is_looked_at: bool,
}

impl Waiting {
    /// Goes through those who wait, in order of creation.
    pub(super) fn tasks(&self) -> impl Iterator<Item = Id<Task>> {
        self.tasks.iter().copied()
    }
}

/// Says whether a task may be made for which there is no room: its provider is to grow, and fewer
/// tasks of the cluster wait than may.
pub(super) fn may_wait(cx: &Cx, world: &World, (launch, item): (Ix<Launch>, u8)) -> bool {
    let provider = &cx.model.launches[launch].providers[usize::from(item)];
    cx.model.lets_wait(provider) && !is_full(cx, world, launch)
}

/// Returns why a task was refused although its group grows: as many wait as may.
///
/// Of Managed Instances RunTask says what instances are short of, as seen where a thousand tasks
/// came at once (PrefectHQ/prefect#20765). Assumption: it is this limit that they met.
pub(super) fn refusal(cx: &Cx, ask: &Ask) -> Option<PlacementFailure> {
    let reason = FailureReason::ProvisioningLimit;
    let failed = FailedChecks::default();
    let item = &cx.model.launches[ask.launch].providers[usize::from(ask.item)];
    let scales = cx.model.managed_scaling(item).is_some();
    scales.then_some(PlacementFailure { reason, closest: None, failed })
}

/// Says whether as many tasks of the launch's cluster wait as may.
fn is_full(cx: &Cx, world: &World, launch: Ix<Launch>) -> bool {
    let cluster = cx.model.launches[launch].cluster;
    world.provisioning[cluster].tasks.len() >= cx.model.account.provisioning_tasks as usize
}

/// The task waits from now on, for as long as it may.
pub(super) fn wait(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let cluster = cx.model.launches[world.tasks[task].launch].cluster;
    world.provisioning[cluster].tasks.push_back(task);
    let timeout = cx.model.timing.provisioning_timeout;
    cx.after(timeout, rank::ENDED, Event::Task(task, TaskStep::CapacityTimeout));
    managed_instances::task_waits(cx, world, task);
}

/// The task waits no more: it is to stop.
pub(super) fn give_up(cx: &Cx, world: &mut World, task: Id<Task>) {
    let cluster = cx.model.launches[world.tasks[task].launch].cluster;
    world.provisioning[cluster].tasks.retain(|other| *other != task);
    managed_instances::waits_no_more(cx, world, task);
}

/// There is room that was not there before: those who wait are looked at, after all that ends now.
pub(super) fn room_appeared(cx: &mut Cx, world: &mut World) {
    for cluster in cx.model.clusters.indices() {
        let waiting = &mut world.provisioning[cluster];
        if !waiting.tasks.is_empty() && !waiting.is_looked_at {
            waiting.is_looked_at = true;
            let now = cx.now();
            cx.at(now, rank::CONTROLLERS, Event::PlaceWaiting(cluster));
        }
    }
}

/// Places those who fit, in order of creation.
///
/// Assumption: at once, and one that does not fit does not hold up those behind it.
pub(super) fn on_place_waiting(cx: &mut Cx, world: &mut World, cluster: Ix<ClusterSpec>) {
    world.provisioning[cluster].is_looked_at = false;
    let mut refused: Vec<(Ix<Launch>, u8, Ix<Requirement>)> = Vec::new();
    let mut left = VecDeque::new();
    for task in std::mem::take(&mut world.provisioning[cluster].tasks) {
        let entry = &world.tasks[task];
        let kind = (entry.launch, entry.item, entry.requirement);
        let ask = Ask::again(entry);
        let place = match managed_instances::promised(cx, world, task) {
            Some(instance) => managed_instances::keep_promise(cx, world, (task, instance), &ask),
            None if refused.contains(&kind) => None,
            None => {
                let place = placement::choose(cx.model, world, &ask);
                if place.is_none() {
                    refused.push(kind);
                }
                place
            }
        };
        match place {
            Some(place) => life::place(cx, world, task, place),
            None => left.push_back(task),
        }
    }
    world.provisioning[cluster].tasks = left;
}
