//! The filters: does an instance fit a task, and if none does, by how much not.

use crate::engine::{Id, Ix};

use super::super::cluster::{Cluster, Instance};
use super::super::model::{InstanceClass, Launch, Model, PlacementConstraint, Requirement};
use super::super::{FailedChecks, FailureReason, PlacementFailure};
use super::query::Subject;
use super::{Ask, View, free_subnet};

/// Returns the first check that the instance fails; `None`: the task can go there.
pub(super) fn failure(view: &View, ask: &Ask, instance: Id<Instance>) -> Option<FailureReason> {
    let model = view.model;
    let launch = &model.launches[ask.launch];
    let host = view.cluster.instance(instance);
    let class = &model.classes[host.class];
    let wanted = &model.requirements[ask.requirement];
    if !fits_kind(class, wanted) {
        return Some(FailureReason::Attribute);
    }
    if !host.accepts_tasks() {
        return Some(FailureReason::Agent);
    }
    if wanted.awsvpc && !subnet_in_zone(model, launch, class) {
        return Some(FailureReason::Location);
    }
    shortage(view, ask, instance).or_else(|| {
        let group = Group { model, cluster: view.cluster, launch };
        violated(&group, instance)
    })
}

/// Says whether operating system, its version, and architecture are right.
pub(super) fn fits_kind(class: &InstanceClass, wanted: &Requirement) -> bool {
    class.os_family == wanted.os_family
        && wanted.architecture.is_none_or(|arch| arch == class.architecture)
}

/// Says whether a launch's subnets, if it names any, reach the zone of the instance.
pub(super) fn subnet_in_zone(model: &Model, launch: &Launch, class: &InstanceClass) -> bool {
    launch.subnets.is_empty()
        || launch.subnets.iter().any(|&subnet| model.subnets[subnet].zone == class.zone)
}

/// Returns the first resource that the instance is short of.
fn shortage(view: &View, ask: &Ask, instance: Id<Instance>) -> Option<FailureReason> {
    let host = view.cluster.instance(instance);
    let wanted = &view.model.requirements[ask.requirement];
    let free = host.remaining();
    if wanted.resources.cpu_units > free.cpu_units {
        return Some(FailureReason::Cpu);
    }
    if wanted.resources.memory_mib > free.memory_mib {
        return Some(FailureReason::Memory);
    }
    if wanted.resources.gpus > free.gpus {
        return Some(FailureReason::Gpu);
    }
    if let Some(port) = wanted.ports.iter().find(|port| host.port_taken(**port)) {
        return Some(FailureReason::Ports(*port));
    }
    if let Some(first) = wanted.ports.first().filter(|_| host.ports_left() < wanted.ports.len()) {
        return Some(FailureReason::Ports(*first));
    }
    if !wanted.awsvpc {
        return None;
    }
    if host.free_enis() == 0 {
        return Some(FailureReason::Eni);
    }
    no_address(view, ask, instance)
}

/// Says that no subnet of the launch has an address left in the zone of the instance.
pub(super) fn no_address(view: &View, ask: &Ask, instance: Id<Instance>) -> Option<FailureReason> {
    let launch = &view.model.launches[ask.launch];
    let zone = view.model.classes[view.cluster.instance(instance).class].zone;
    let needs_one = view.model.requirements[ask.requirement].awsvpc && !launch.subnets.is_empty();
    (needs_one && free_subnet(view, launch, zone).is_none()).then_some(FailureReason::Address)
}

/// What constraints look at: the launch, and where the tasks of its group are.
pub(super) struct Group<'a> {
    pub model: &'a Model,
    pub cluster: &'a Cluster,
    pub launch: &'a Launch,
}

/// Returns the first constraint that does not hold on the instance.
fn violated(group: &Group, instance: Id<Instance>) -> Option<FailureReason> {
    let broken = |constraint: &&PlacementConstraint| !holds(group, constraint, instance);
    group.launch.constraints.iter().find(broken).map(|constraint| match constraint {
        PlacementConstraint::DistinctInstance => FailureReason::DistinctInstance,
        PlacementConstraint::MemberOf(_) => FailureReason::MemberOf,
    })
}

/// Says whether a constraint of the launch holds on the instance.
pub(super) fn holds(
    group: &Group,
    constraint: &PlacementConstraint,
    instance: Id<Instance>,
) -> bool {
    match constraint {
        PlacementConstraint::DistinctInstance => {
            group.cluster.group_on_instance(group.launch.group, instance) == 0
        }
        PlacementConstraint::MemberOf(query) => {
            let subject = InstanceSubject { model: group.model, cluster: group.cluster, instance };
            query.matches(&subject)
        }
    }
}

/// Says whether a daemon belongs on the instance, resources apart.
pub(super) fn qualifies(
    model: &Model,
    cluster: &Cluster,
    launch: &Launch,
    requirement: Ix<Requirement>,
    instance: Id<Instance>,
) -> bool {
    let host = cluster.instance(instance);
    let class = &model.classes[host.class];
    let wanted = &model.requirements[requirement];
    class.cluster == launch.cluster
        && launch.providers.iter().any(|item| model.uses(item, class))
        && fits_kind(class, wanted)
        && (!wanted.awsvpc || subnet_in_zone(model, launch, class))
        && violated(&Group { model, cluster, launch }, instance).is_none()
}

/// Says whether constraints that neither tasks nor the kind decide hold on some ACTIVE instance of
/// a kind.
pub(super) fn allows_some(group: &Group, class: Ix<InstanceClass>) -> bool {
    let is_of_instance = |it: &&PlacementConstraint| match it {
        PlacementConstraint::MemberOf(query) => {
            !query.depends_on_attributes_only() && !query.depends_on_tasks()
        }
        PlacementConstraint::DistinctInstance => false,
    };
    let constraints: Vec<_> = group.launch.constraints.iter().filter(is_of_instance).collect();
    let is_allowed = |&instance: &Id<Instance>| {
        let host = group.cluster.instance(instance);
        host.accepts_tasks()
            && host.class == class
            && constraints.iter().all(|it| holds(group, it, instance))
    };
    let cluster = group.model.classes[class].cluster;
    constraints.is_empty() || group.cluster.members(cluster).iter().any(is_allowed)
}

/// Goes through the instances that could be meant: the ACTIVE ones of the cluster and provider.
pub(super) fn candidates<'a>(
    view: &'a View<'a>,
    ask: &'a Ask,
) -> impl Iterator<Item = Id<Instance>> + use<'a> {
    let members = view.cluster.members(view.model.launches[ask.launch].cluster);
    let is_meant = |it: &Id<Instance>| is_candidate(view, ask, view.cluster.instance(*it));
    members.iter().copied().filter(is_meant)
}

/// Says whether an instance could be meant.
pub(super) fn is_candidate(view: &View, ask: &Ask, host: &Instance) -> bool {
    let class = &view.model.classes[host.class];
    let launch = &view.model.launches[ask.launch];
    host.is_active()
        && class.cluster == launch.cluster
        && view.model.uses(&launch.providers[usize::from(ask.item)], class)
}

/// Says why no instance was found: how many failed which check first, and which came closest.
///
/// The closest is the one that passes most checks in their order; among those short of the same
/// thing, the one short by the smallest share of what is asked; then the one registered first.
pub(super) fn explain(view: &View, ask: &Ask) -> PlacementFailure {
    let mut failed = FailedChecks::default();
    let mut closest: Option<(u32, u64, Id<Instance>, FailureReason)> = None;
    for instance in candidates(view, ask) {
        let Some(reason) = failure(view, ask, instance) else { continue };
        *counter(&mut failed, reason) += 1;
        let distance = distance(view, ask, (instance, reason));
        let closer = closest.is_none_or(|(late, missing, ..)| {
            distance.0 > late || (distance.0 == late && distance.1 < missing)
        });
        if closer {
            closest = Some((distance.0, distance.1, instance, reason));
        }
    }
    PlacementFailure {
        reason: closest.map_or(FailureReason::NoInstances, |(.., reason)| reason),
        closest: closest.map(|(_, _, instance, _)| instance),
        failed,
    }
}

/// Why a task that belongs on one instance is not placed there.
pub(super) fn failure_on(instance: Id<Instance>, reason: FailureReason) -> PlacementFailure {
    let mut failed = FailedChecks::default();
    *counter(&mut failed, reason) += 1;
    PlacementFailure { reason, closest: Some(instance), failed }
}

/// How far down the list of checks an instance came, and by how much it failed the next.
pub(super) fn distance(
    view: &View,
    ask: &Ask,
    (instance, reason): (Id<Instance>, FailureReason),
) -> (u32, u64) {
    (lateness(reason), missing_ppm(view, ask, (instance, reason)))
}

/// How far down the list of checks an instance came before it failed.
const fn lateness(reason: FailureReason) -> u32 {
    match reason {
        FailureReason::NoInstances
        | FailureReason::VcpuQuota
        | FailureReason::ProvisioningLimit
        | FailureReason::Capacity => 0,
        FailureReason::Attribute => 1,
        FailureReason::Agent => 2,
        FailureReason::Location => 3,
        FailureReason::Cpu => 4,
        FailureReason::Memory => 5,
        FailureReason::Gpu => 6,
        FailureReason::Ports(_) => 7,
        FailureReason::Eni => 8,
        FailureReason::Address => 9,
        FailureReason::MemberOf => 10,
        FailureReason::DistinctInstance => 11,
    }
}

/// What the instance is short of, in millionths of what is asked; 0 where that has no measure.
fn missing_ppm(view: &View, ask: &Ask, (instance, reason): (Id<Instance>, FailureReason)) -> u64 {
    let wanted = view.model.requirements[ask.requirement].resources;
    let free = view.cluster.instance(instance).remaining();
    let (wanted, free) = match reason {
        FailureReason::Cpu => (wanted.cpu_units, free.cpu_units),
        FailureReason::Memory => (wanted.memory_mib, free.memory_mib),
        FailureReason::Gpu => (wanted.gpus, free.gpus),
        FailureReason::NoInstances
        | FailureReason::VcpuQuota
        | FailureReason::ProvisioningLimit
        | FailureReason::Capacity
        | FailureReason::Attribute
        | FailureReason::Agent
        | FailureReason::Location
        | FailureReason::Ports(_)
        | FailureReason::Eni
        | FailureReason::Address
        | FailureReason::MemberOf
        | FailureReason::DistinctInstance => return 0,
    };
    u64::from(wanted - free) * 1_000_000 / u64::from(wanted)
}

/// Returns the count of instances that failed this check first.
pub(super) fn counter(failed: &mut FailedChecks, reason: FailureReason) -> &mut u32 {
    match reason {
        FailureReason::Cpu => &mut failed.cpu,
        FailureReason::Memory => &mut failed.memory,
        FailureReason::Gpu => &mut failed.gpu,
        FailureReason::Ports(_) => &mut failed.ports,
        FailureReason::Eni | FailureReason::Address => &mut failed.eni,
        FailureReason::Agent
        | FailureReason::NoInstances
        | FailureReason::VcpuQuota
        | FailureReason::ProvisioningLimit
        | FailureReason::Capacity => &mut failed.agent,
        FailureReason::Attribute => &mut failed.attribute,
        FailureReason::Location => &mut failed.location,
        FailureReason::MemberOf => &mut failed.member_of,
        FailureReason::DistinctInstance => &mut failed.distinct_instance,
    }
}

/// What `agentVersion` says of every instance: the version the reference was read from.
const AGENT_VERSION: &str = "1.99.0";

/// An instance as the query language sees it.
struct InstanceSubject<'a> {
    model: &'a Model,
    cluster: &'a Cluster,
    instance: Id<Instance>,
}

impl Subject for InstanceSubject<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.model.classes[self.cluster.instance(self.instance).class].attribute(name)
    }

    fn agent_connected(&self) -> bool {
        self.cluster.instance(self.instance).agent_connected()
    }

    fn ec2_instance_id(&self) -> String {
        self.model.instance_name(self.cluster.instance(self.instance))
    }

    fn agent_version(&self) -> &str {
        AGENT_VERSION
    }

    fn registered_at(&self) -> i64 {
        self.model.calendar.unix_micros(self.cluster.instance(self.instance).registered_at)
    }

    fn running_tasks_count(&self) -> u32 {
        self.cluster.instance(self.instance).running_tasks()
    }

    fn hosts_task_of_group(&self, group: &str) -> bool {
        let cluster = self.model.classes[self.cluster.instance(self.instance).class].cluster;
        let groups = &self.model.groups;
        groups
            .position(|other| other.cluster == cluster && other.name == group)
            .is_some_and(|group| self.cluster.group_on_instance(group, self.instance) > 0)
    }
}
