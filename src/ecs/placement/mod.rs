//! Which instance a task goes to: filters, constraints, strategies.
//!
//! The order is AWS's: what is not ACTIVE or not fit is filtered out, then what the constraints
//! forbid, then the strategy ranks what is left. Source: ECS Developer Guide,
//! "How Amazon ECS places tasks on container instances" (2026).

mod check;
mod explained;
mod fits;
mod index;
mod ladder;
mod lottery;
pub mod query;
#[doc(hidden)]
pub mod rig;
mod scan;
mod smallest;
#[cfg(test)]
mod twins;

pub(crate) use smallest::{SmallestAsks, may_host};

use crate::engine::{Id, Ix, Luck, Purpose};

use super::account::AccountState;
use super::cluster::{Cluster, Instance};
use super::model::{
    FargateSize, InstanceClass, Launch, Model, Provider, Requirement, Service, Subnet, TaskGroup,
    Zone,
};
use super::{FailedChecks, FailureReason, PlacementFailure, Task, World};

pub use self::index::Method;
pub(super) use self::index::Placer;

const RANDOM_PLACEMENT: Purpose = Purpose::new("random placement");

/// What is to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// How it is launched.
    pub launch: Ix<Launch>,
    /// What it needs.
    pub requirement: Ix<Requirement>,
    /// Its size on Fargate.
    pub fargate: Option<FargateSize>,
    /// Position of its provider in the launch's strategy.
    pub item: u8,
    /// What it is to run on.
    pub provider: Provider,
    /// The luck of the task, for what is decided at random.
    pub luck: Luck,
}

impl Ask {
    /// Asks for what a task asked for when it was made; it is not on Fargate.
    pub(super) fn again(task: &Task) -> Ask {
        Ask {
            launch: task.launch,
            requirement: task.requirement,
            fargate: None,
            item: task.item,
            provider: task.provider,
            luck: task.luck,
        }
    }
}

/// Where a task goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the task runs on.
    pub provider: Provider,
    /// The instance; `None` on Fargate.
    pub instance: Option<Id<Instance>>,
    /// The zone.
    pub zone: Ix<Zone>,
    /// The subnet that gives it an address, if it needs one.
    pub subnet: Option<Ix<Subnet>>,
}

/// What placement looks at: nothing else of the world counts.
struct View<'a> {
    model: &'a Model,
    cluster: &'a Cluster,
    account: &'a AccountState,
}

/// Chooses a place for a task, if there is one.
///
/// Changes nothing but what is remembered to choose faster, and what a launch rate has gained
/// meanwhile. A No is cheap; [`explain`] says why, by looking at every instance.
pub(super) fn choose(model: &Model, world: &mut World, ask: &Ask) -> Option<Place> {
    if !ask.provider.uses_instances() {
        return choose_on_fargate(model, world, ask, None).ok();
    }
    let view = View { model, cluster: &world.cluster, account: &world.account };
    let instance = world.placer.choose(&view, ask)?;
    Some(place_on(model, world, ask, instance))
}

/// Chooses a place in one zone, if there is one.
///
/// It looks at every instance: moves between zones are rare.
pub(super) fn choose_in_zone(
    model: &Model,
    world: &mut World,
    ask: &Ask,
    zone: Ix<Zone>,
) -> Option<Place> {
    if !ask.provider.uses_instances() {
        return choose_on_fargate(model, world, ask, Some(zone)).ok();
    }
    let view = View { model, cluster: &world.cluster, account: &world.account };
    let instance = scan::choose_in(&view, ask, Some(zone))?;
    Some(place_on(model, world, ask, instance))
}

/// Returns the zones that tasks of an item of a launch may go to, in order: on Fargate those of the
/// launch, otherwise those with instances that accept tasks and fit in kind, size and constraints,
/// with or without room.
pub(super) fn zones(
    model: &Model,
    cluster: &Cluster,
    (launch, requirement): (Ix<Launch>, Ix<Requirement>),
    item: u8,
) -> Vec<Ix<Zone>> {
    let launch = &model.launches[launch];
    let item = &launch.providers[usize::from(item)];
    if !item.provider.uses_instances() {
        return launch.zones.clone();
    }
    let wanted = &model.requirements[requirement];
    let hosts = |(ix, class): &(Ix<InstanceClass>, &InstanceClass)| {
        cluster.active_of(*ix) > 0
            && model.uses(item, class)
            && may_host(model, launch, class)
            && check::fits_kind(class, wanted)
            && class.registered.fits(&wanted.resources)
            && (!wanted.awsvpc || check::subnet_in_zone(model, launch, class))
            && check::allows_some(&check::Group { model, cluster, launch }, *ix)
    };
    let mut zones: Vec<_> = model.classes.iter().filter(hosts).map(|(_, it)| it.zone).collect();
    zones.sort_unstable();
    zones.dedup();
    zones
}

/// Says whether an empty instance of a class takes tasks of a kind, whatever their size.
pub(super) fn takes(
    model: &Model,
    world: &World,
    (launch, requirement): (Ix<Launch>, Ix<Requirement>),
    class: Ix<InstanceClass>,
) -> bool {
    let (launch, wanted) = (&model.launches[launch], &model.requirements[requirement]);
    let class = &model.classes[class];
    let view = View { model, cluster: &world.cluster, account: &world.account };
    let has_address =
        || launch.subnets.is_empty() || free_subnet(&view, launch, class.zone).is_some();
    may_host(model, launch, class)
        && smallest::allows_empty(launch, class)
        && check::fits_kind(class, wanted)
        && !wanted.ports.iter().any(|port| class.reserved_ports.contains(port))
        && (!wanted.awsvpc || has_address())
}

/// Says whether a task could be placed on an instance of its capacity provider now.
pub(super) fn could_be_on(model: &Model, world: &World, ask: &Ask, instance: Id<Instance>) -> bool {
    let view = View { model, cluster: &world.cluster, account: &world.account };
    check::failure(&view, ask, instance).is_none()
}

/// Says why there is no place for a task that was refused just now.
pub(super) fn explain(model: &Model, world: &mut World, ask: &Ask) -> PlacementFailure {
    if !ask.provider.uses_instances() {
        let refused =
            choose_on_fargate(model, world, ask, None).expect_err("it was refused just now");
        let failed = FailedChecks::default();
        return PlacementFailure { reason: refused, closest: None, failed };
    }
    check::explain(&View { model, cluster: &world.cluster, account: &world.account }, ask)
}

/// Says why there was no place, for those who are refused often: it costs what has changed since.
pub(super) fn explain_often(model: &Model, world: &mut World, ask: &Ask) -> PlacementFailure {
    if !ask.provider.uses_instances() {
        return explain(model, world, ask);
    }
    let view = View { model, cluster: &world.cluster, account: &world.account };
    world.placer.explain(&view, ask)
}

/// Chooses the place of a daemon's task, which is on one instance or nowhere.
pub(super) fn choose_for_daemon(
    model: &Model,
    world: &World,
    ask: &Ask,
    (service, instance): (Ix<Service>, Id<Instance>),
) -> Result<Place, PlacementFailure> {
    let wanted = &model.requirements[ask.requirement];
    let view = View { model, cluster: &world.cluster, account: &world.account };
    let is_set_aside = world.cluster.instance(instance).hosts_daemon(service);
    let missing = if !world.cluster.instance(instance).agent_connected() {
        Some(FailureReason::Agent)
    } else if !is_set_aside {
        check::failure(&view, ask, instance)
    } else if !world.cluster.has_room(instance, wanted, Some(service)) {
        Some(FailureReason::Eni)
    } else {
        check::no_address(&view, ask, instance)
    };
    match missing {
        None => Ok(place_on(model, world, ask, instance)),
        Some(reason) => Err(check::failure_on(instance, reason)),
    }
}

/// Returns the place on an instance that has been chosen.
fn place_on(model: &Model, world: &World, ask: &Ask, instance: Id<Instance>) -> Place {
    let zone = model.classes[world.cluster.instance(instance).class].zone;
    let awsvpc = model.requirements[ask.requirement].awsvpc;
    let launch = &model.launches[ask.launch];
    let view = View { model, cluster: &world.cluster, account: &world.account };
    let subnet = if awsvpc { free_subnet(&view, launch, zone) } else { None };
    Place { provider: ask.provider, instance: Some(instance), zone, subnet }
}

/// Returns the first of the launch's subnets in the zone that has a free address.
fn free_subnet(view: &View, launch: &Launch, zone: Ix<Zone>) -> Option<Ix<Subnet>> {
    launch.subnets.iter().copied().find(|&subnet| {
        view.model.subnets[subnet].zone == zone && view.account.free_addresses(subnet) > 0
    })
}

/// Fargate spreads the tasks of a service over the zones of its subnets, for each provider by
/// itself; strategies and constraints do not exist there.
///
/// Source: ECS Developer Guide, service-rebalancing (2026). A tie goes to the zone named first.
fn choose_on_fargate(
    model: &Model,
    world: &mut World,
    ask: &Ask,
    only: Option<Ix<Zone>>,
) -> Result<Place, FailureReason> {
    let size = ask.fargate.expect("checked in scenario: a task on Fargate has a size");
    if !world.account.fargate_has_room(ask.provider, size) {
        return Err(FailureReason::VcpuQuota);
    }
    let launch = &model.launches[ask.launch];
    let view = View { model, cluster: &world.cluster, account: &world.account };
    let has_address =
        |zone| launch.subnets.is_empty() || free_subnet(&view, launch, zone).is_some();
    let is_dry = |zone| {
        world.faults.refuses_in(zone)
            || ask.provider == Provider::FargateSpot && world.fargate_spot.is_dry(zone)
    };
    let asked = || launch.zones.iter().copied().filter(|&zone| only.is_none_or(|it| it == zone));
    let open = asked().filter(|&zone| has_address(zone) && !is_dry(zone));
    let count = |zone| world.cluster.group_on_fargate(launch.group, ask.provider, zone);
    let Some(zone) = open.min_by_key(|&zone| count(zone)) else {
        let is_short = asked().any(is_dry);
        return Err(if is_short { FailureReason::Capacity } else { FailureReason::Address });
    };
    let subnet = free_subnet(&view, launch, zone);
    Ok(Place { provider: ask.provider, instance: None, zone, subnet })
}

/// Holds a place for a task that is not made yet, so that others see it as taken.
pub(super) fn reserve(model: &Model, world: &mut World, ask: &Ask, place: Place) {
    let group = model.launches[ask.launch].group;
    match (place.instance, ask.fargate) {
        (Some(instance), _) => {
            let requirement = &model.requirements[ask.requirement];
            world.cluster.place(instance, (requirement, None), group);
        }
        (None, size) => {
            let size = size.expect("checked in scenario: a task on Fargate has a size");
            world.account.fargate_starts(place.provider, size, false);
            world.cluster.count_in(place.location(), group);
        }
    }
    if let Some(subnet) = place.subnet {
        world.account.take_address(subnet);
    }
}

/// Gives a held place up.
pub(super) fn cancel(model: &Model, world: &mut World, ask: &Ask, place: Place) {
    let group = model.launches[ask.launch].group;
    let requirement = &model.requirements[ask.requirement];
    world.cluster.count_out(place.location(), group);
    match (place.instance, ask.fargate) {
        (Some(instance), _) => {
            world.cluster.release(model, instance, requirement, None);
            world.cluster.leave(instance, None);
            if requirement.awsvpc {
                world.cluster.release_eni(model, instance, None);
            }
        }
        (None, size) => {
            let size = size.expect("checked in scenario: a task on Fargate has a size");
            world.account.fargate_stops(place.provider, size);
        }
    }
    if let Some(subnet) = place.subnet {
        world.account.give_address(subnet);
    }
}

impl Place {
    /// Returns where that is.
    pub fn location(&self) -> super::Location {
        match self.instance {
            Some(instance) => super::Location::Instance(instance),
            None => super::Location::Fargate(self.provider, self.zone),
        }
    }
}

/// Says whether a daemon service runs on the instance: it fits it in kind and the constraints hold.
pub(super) fn qualifies_for_daemon(
    model: &Model,
    cluster: &Cluster,
    launch: &Launch,
    requirement: Ix<Requirement>,
    instance: Id<Instance>,
) -> bool {
    check::qualifies(model, cluster, launch, requirement, instance)
}

/// Returns how many tasks of the group are on instances that share a value of an attribute that
/// strategies of the model spread over.
pub(super) fn group_on_value(
    cluster: &Cluster,
    (group, attribute): (Ix<TaskGroup>, &str),
    class: Ix<InstanceClass>,
) -> u32 {
    let value = cluster.spread_value(cluster.spread_attribute(attribute), class);
    cluster.group_on_value(group, value)
}
