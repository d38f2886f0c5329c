//! Container instances and who is on them: the one place that moves resources.
//!
//! Each instance has two ledgers. The *scheduler's* view is released when a task begins to stop
//! (What's New, 2023-07-02, "faster task launches on container instances that have tasks with
//! prolonged shutdown"); the *agent's* when its containers have exited. A task that the scheduler
//! places too early waits in the agent's first-in-first-out queue
//! (amazon-ecs-agent `agent/engine/host_resource_manager.go`, `docker_task_engine.go`).

use std::collections::{BTreeMap, VecDeque};

use smallvec::SmallVec;

use crate::engine::{Arena, Id, Ix, Table};
use crate::units::{Resources, SimTime, Span};

use super::cpu_credits::CpuCredits;
use super::fault::Away;
use super::model::{
    ClusterSpec, HostPort, InstanceClass, Model, PlacementStrategy, Provider, Requirement, Service,
    TaskGroup, Zone,
};
use super::pull::Puller;
use super::task::{ContainerId, Task};

/// All container instances, and where the tasks of each group are.
#[derive(Clone, Debug)]
pub struct Cluster {
    instances: Arena<Instance>,
    /// Instances of each cluster, in order of registration.
    members: Table<Vec<Id<Instance>>, ClusterSpec>,
    /// How many instances of each kind accept tasks.
    active: Table<u32, InstanceClass>,
    groups: Table<GroupCounts, TaskGroup>,
    spread: SpreadValues,
    /// How many instances ever registered.
    registered: u32,
    /// How often an instance became occupied, or unoccupied.
    occupancy_changes: u64,
    changes: Changes,
}

/// The values that strategies spread over: which of them each kind of instance has.
///
/// Instances of different clusters never share a value; those without the attribute count as
/// one value of their cluster (Assumption).
#[derive(Clone, Debug, Default)]
struct SpreadValues {
    attributes: Vec<String>,
    /// For each kind, the number of its value of each attribute.
    of_class: Vec<SmallVec<[u32; 2]>>,
    len: usize,
}

/// The slots of instances whose room or tasks have changed, in order: for whoever keeps an index.
#[derive(Clone, Debug, Default)]
struct Changes {
    slots: Vec<u32>,
    /// How many changes were noted before the first that is kept.
    forgotten: u64,
}

/// A container instance.
///
/// What placement and the agent look at and change comes first, in this order, so that it is in
/// few lines of the processor's cache.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Instance {
    /// Tasks that are placed and wait until the agent has room, first in first out.
    pub waiting: VecDeque<Id<Task>>,
    /// Its kind.
    pub class: Ix<InstanceClass>,
    /// How many instances registered before it, of all clusters.
    order: u32,
    /// Network interfaces left for tasks in `awsvpc` mode.
    free_enis: u32,
    /// Tasks with `desiredStatus` RUNNING, the API's `runningTasksCount`.
    running_tasks: u32,
    /// Tasks that are not STOPPED yet.
    tasks: u32,
    /// How many of those are of daemon services.
    daemon_tasks: u32,
    /// What tasks can have of it: registered, less what daemons set aside.
    scheduler: Ledger,
    /// What is really free, by the agent's books.
    agent: Ledger,
    /// What has failed of it; `None`: nothing ever has.
    pub(super) away: Option<Box<Away>>,
    /// Its `status`, or what comes before it registers.
    status: InstanceStatus,
    /// Number within its fleet, from 0, in order of launch.
    pub number: u32,
    /// When it was launched: it is paid for from then on.
    pub launched_at: SimTime,
    /// When it registered.
    pub registered_at: SimTime,
    /// Since when it runs, or is stopped.
    pub power_since: SimTime,
    is_stopped: bool,
    /// Images that are there, being pulled, or wanted.
    pub puller: Puller<ContainerId>,
    /// Daemon services that have room set aside here.
    daemons: SmallVec<[SetAside; 2]>,
    /// Its CPU credits; `None`: its type has none.
    pub credits: Option<Box<CpuCredits>>,
}

/// Where an instance is in its life.
///
/// Source: ECS API, ContainerInstance, `status`; before it registers an instance is Amazon EC2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceStatus {
    /// Launched and not registered yet.
    Pending,
    /// ACTIVE: tasks can be placed on it.
    Active,
    /// DRAINING: tasks run on it, and none is placed.
    Draining,
    /// It is going: nothing runs any more.
    Terminating,
}

/// What is set aside for a daemon service, besides its part of the scheduler's ledger.
#[derive(Clone, Copy, Debug)]
struct SetAside {
    service: Ix<Service>,
    /// Whether a network interface is kept for it that none of its tasks has now.
    eni: bool,
}

/// Host ports that may be reserved on an instance at a time, the agent's own among them.
///
/// Source: ECS API, PortMapping: "up to 100 reserved ports".
const HOST_PORTS: usize = 100;

/// CPU, memory, GPUs and host ports that are free.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
struct Ledger {
    free: Resources,
    /// Ports taken, sorted.
    ports: Vec<HostPort>,
}

/// How many tasks of a group are where; tasks with `desiredStatus` RUNNING count.
///
/// Tasks of all revisions count (observed: amazon-ecs-agent#685).
#[derive(Clone, Debug, Default)]
struct GroupCounts {
    by_instance: Vec<u32>,
    /// By value that a strategy spreads over.
    by_value: Vec<u32>,
    /// Tasks without an instance, by provider and zone.
    on_fargate: [Vec<u32>; 2],
}

impl Ledger {
    fn fits(&self, wanted: &Requirement) -> bool {
        self.free.fits(&wanted.resources)
            && (wanted.ports.is_empty() || self.ports_fit(&wanted.ports))
    }

    fn ports_fit(&self, wanted: &[HostPort]) -> bool {
        !wanted.iter().any(|port| self.taken(*port)) && self.ports_left() >= wanted.len()
    }

    /// Returns how many more host ports may be reserved.
    fn ports_left(&self) -> usize {
        HOST_PORTS.saturating_sub(self.ports.len())
    }

    fn taken(&self, port: HostPort) -> bool {
        self.ports.binary_search(&port).is_ok()
    }

    fn take(&mut self, wanted: &Requirement) {
        self.free.take(&wanted.resources);
        for port in &wanted.ports {
            let at = self.ports.binary_search(port).expect_err("a host port is taken once");
            self.ports.insert(at, *port);
        }
    }

    fn give(&mut self, wanted: &Requirement, total: &Resources) {
        self.free.give(&wanted.resources);
        assert!(total.fits(&self.free), "{:?} is free of {total:?}", self.free);
        for port in &wanted.ports {
            let at = self.ports.binary_search(port).expect("a host port is given back once");
            self.ports.remove(at);
        }
    }
}

impl SpreadValues {
    fn new(model: &Model) -> SpreadValues {
        let mut spread = SpreadValues::default();
        for rule in model.launches.iter().flat_map(|(_, launch)| &launch.strategy) {
            if let PlacementStrategy::SpreadAttribute(name) = rule
                && !spread.attributes.contains(name)
            {
                spread.attributes.push(name.clone());
            }
        }
        spread.of_class = vec![SmallVec::new(); model.classes.len()];
        for name in &spread.attributes {
            let mut values = BTreeMap::new();
            for (ix, class) in model.classes.iter() {
                let next = spread.len + values.len();
                let value = (class.cluster, class.attribute(name));
                spread.of_class[ix.index()].push(*values.entry(value).or_insert(next) as u32);
            }
            spread.len += values.len();
        }
        spread
    }
}

impl Changes {
    /// Beyond twice the instances, whoever looks again does better to look at all of them.
    fn note(&mut self, slot: usize, instances: usize) {
        if self.slots.len() >= 4 * instances.max(64) {
            let old = self.slots.len() / 2;
            self.slots.drain(..old);
            self.forgotten += old as u64;
        }
        self.slots.push(slot as u32);
    }
}

impl Instance {
    /// Returns how many instances registered before this one.
    pub(super) fn order(&self) -> u32 {
        self.order
    }

    /// Returns CPU, memory and GPUs that the scheduler counts as free.
    pub fn remaining(&self) -> Resources {
        self.scheduler.free
    }

    /// Says whether the scheduler counts this host port as taken.
    pub fn port_taken(&self, port: HostPort) -> bool {
        self.scheduler.taken(port)
    }

    /// Returns how many more host ports the scheduler may reserve.
    pub fn ports_left(&self) -> usize {
        self.scheduler.ports_left()
    }

    /// Returns how many network interfaces are left for tasks.
    pub fn free_enis(&self) -> u32 {
        self.free_enis
    }

    /// Returns the API's `runningTasksCount`.
    pub fn running_tasks(&self) -> u32 {
        self.running_tasks
    }

    /// Returns how many tasks on it are not STOPPED yet.
    pub fn tasks(&self) -> u32 {
        self.tasks
    }

    /// Says whether tasks are on it that are not STOPPED yet, those of daemon services apart.
    pub fn is_occupied(&self) -> bool {
        self.tasks > self.daemon_tasks
    }

    /// Says whether the agent could start a task with these needs now.
    pub fn agent_has_room(&self, wanted: &Requirement) -> bool {
        self.status != InstanceStatus::Terminating && self.agent.fits(wanted)
    }

    /// Returns where it is in its life.
    pub fn status(&self) -> InstanceStatus {
        self.status
    }

    /// Says whether it is stopped, as in a warm pool.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Says whether it is ACTIVE.
    pub fn is_active(&self) -> bool {
        self.status == InstanceStatus::Active
    }

    /// Returns the API's `agentConnected`; an instance that hangs has no agent that is.
    pub fn agent_connected(&self) -> bool {
        self.away.as_ref().is_none_or(|away| away.agent_connected())
    }

    /// Says whether it hangs: it runs, and does nothing.
    pub fn is_hung(&self) -> bool {
        self.away.as_ref().is_some_and(|away| away.is_hung())
    }

    /// Says whether tasks can be placed on it: ACTIVE, and its agent is connected.
    pub fn accepts_tasks(&self) -> bool {
        self.is_active() && self.agent_connected()
    }

    /// Says whether a daemon service has room set aside here.
    pub fn hosts_daemon(&self, service: Ix<Service>) -> bool {
        self.set_aside_for(Some(service)).is_some()
    }

    fn set_aside_for(&self, daemon: Option<Ix<Service>>) -> Option<&SetAside> {
        self.daemons.iter().find(|room| Some(room.service) == daemon)
    }

    fn set_aside_for_mut(&mut self, daemon: Option<Ix<Service>>) -> Option<&mut SetAside> {
        self.daemons.iter_mut().find(|room| Some(room.service) == daemon)
    }

    /// Says whether a network interface is left for the task, or for a daemon its own.
    fn has_eni(&self, daemon: Option<Ix<Service>>) -> bool {
        self.free_enis > 0 || self.set_aside_for(daemon).is_some_and(|room| room.eni)
    }
}

impl Cluster {
    /// Makes a cluster without instances.
    pub fn new(model: &Model) -> Cluster {
        let zones = model.zones.len();
        let spread = SpreadValues::new(model);
        let counts = GroupCounts {
            by_instance: Vec::new(),
            by_value: vec![0; spread.len],
            on_fargate: [vec![0; zones], vec![0; zones]],
        };
        Cluster {
            instances: Arena::new(),
            members: model.clusters.indices().map(|_| Vec::new()).collect(),
            active: model.classes.indices().map(|_| 0).collect(),
            groups: model.groups.indices().map(|_| counts.clone()).collect(),
            spread,
            registered: 0,
            occupancy_changes: 0,
            changes: Changes::default(),
        }
    }

    /// Launches an instance: it is paid for, and not there yet.
    pub fn launch(
        &mut self,
        model: &Model,
        class: Ix<InstanceClass>,
        number: u32,
        now: SimTime,
    ) -> Id<Instance> {
        let kind = &model.classes[class];
        let mut ports = kind.reserved_ports.clone();
        ports.sort_unstable();
        let ledger = Ledger { free: kind.registered, ports };
        let id = self.instances.insert(Instance {
            class,
            status: InstanceStatus::Pending,
            number,
            launched_at: now,
            registered_at: now,
            power_since: now,
            is_stopped: false,
            order: 0,
            scheduler: ledger.clone(),
            agent: ledger,
            free_enis: kind.task_enis,
            running_tasks: 0,
            tasks: 0,
            daemon_tasks: 0,
            waiting: VecDeque::new(),
            puller: Puller::new(model.images.len()),
            daemons: SmallVec::new(),
            credits: CpuCredits::new(kind, now),
            away: None,
        });
        for counts in model.groups.indices() {
            let by_instance = &mut self.groups[counts].by_instance;
            if by_instance.len() <= id.slot() {
                by_instance.resize(id.slot() + 1, 0);
            }
            by_instance[id.slot()] = 0;
        }
        id
    }

    /// Stops an instance or starts it; returns for how long it was the other.
    pub fn set_stopped(&mut self, id: Id<Instance>, is_stopped: bool, now: SimTime) -> Span {
        let host = &mut self.instances[id];
        host.is_stopped = is_stopped;
        now.since(std::mem::replace(&mut host.power_since, now))
    }

    /// Registers a launched instance: ACTIVE, and empty.
    pub fn register(&mut self, model: &Model, id: Id<Instance>, now: SimTime) {
        let host = &mut self.instances[id];
        assert!(host.status == InstanceStatus::Pending, "{id:?} registers once");
        host.status = InstanceStatus::Active;
        host.registered_at = now;
        host.order = self.registered;
        self.registered += 1;
        self.active[host.class] += u32::from(host.accepts_tasks());
        self.members[model.classes[host.class].cluster].push(id);
        self.note(id);
    }

    /// Places no more tasks on an instance: DRAINING.
    pub fn set_draining(&mut self, id: Id<Instance>) {
        self.set_inactive(id, InstanceStatus::Draining);
        self.note(id);
    }

    /// Ends an instance: nothing starts on it from now on; its tasks are the caller's business.
    pub fn begin_termination(&mut self, id: Id<Instance>) {
        self.set_inactive(id, InstanceStatus::Terminating);
        self.note(id);
    }

    fn set_inactive(&mut self, id: Id<Instance>, status: InstanceStatus) {
        let host = &mut self.instances[id];
        self.active[host.class] -= u32::from(host.accepts_tasks());
        host.status = status;
    }

    /// Changes what has failed of an instance.
    pub(super) fn change_away(&mut self, id: Id<Instance>, change: impl FnOnce(&mut Away)) {
        let host = &mut self.instances[id];
        self.active[host.class] -= u32::from(host.accepts_tasks());
        change(host.away.get_or_insert_default());
        self.active[host.class] += u32::from(host.accepts_tasks());
        self.note(id);
    }

    /// Removes an instance, on which no task is left.
    ///
    /// # Panics
    /// If a task still holds something of it.
    pub fn remove(&mut self, model: &Model, id: Id<Instance>) {
        let host = &self.instances[id];
        assert!(host.tasks == 0, "{id:?} still has tasks");
        self.members[model.classes[host.class].cluster].retain(|other| *other != id);
        self.note(id);
        self.instances.remove(id);
    }

    /// Sets aside what a daemon service needs, ahead of replicas and while its task is not there.
    ///
    /// Returns whether there was room. Source: ECS Developer Guide, ecs_service-options (2026).
    pub fn set_aside(
        &mut self,
        instance: Id<Instance>,
        service: Ix<Service>,
        wanted: &Requirement,
    ) -> bool {
        let host = &mut self.instances[instance];
        if !host.scheduler.fits(wanted) || (wanted.awsvpc && host.free_enis == 0) {
            return false;
        }
        host.scheduler.take(wanted);
        host.free_enis -= u32::from(wanted.awsvpc);
        host.daemons.push(SetAside { service, eni: wanted.awsvpc });
        self.note(instance);
        true
    }

    /// Returns the instance, unless it is gone.
    pub fn get(&self, id: Id<Instance>) -> Option<&Instance> {
        self.instances.get(id)
    }

    /// Returns an instance that is known to be there.
    pub fn instance(&self, id: Id<Instance>) -> &Instance {
        &self.instances[id]
    }

    /// Returns an instance that is known to be there, for changing what is public in it.
    pub fn instance_mut(&mut self, id: Id<Instance>) -> &mut Instance {
        &mut self.instances[id]
    }

    /// Goes through all instances of all clusters, in slot order.
    pub fn instances(&self) -> impl Iterator<Item = (Id<Instance>, &Instance)> {
        self.instances.iter()
    }

    /// Returns the instances of one cluster, in order of registration.
    pub fn members(&self, cluster: Ix<ClusterSpec>) -> &[Id<Instance>] {
        &self.members[cluster]
    }

    /// Returns how many instances of a kind accept tasks.
    pub(super) fn active_of(&self, class: Ix<InstanceClass>) -> u32 {
        self.active[class]
    }

    /// Returns who is in a slot now.
    pub(super) fn occupant(&self, slot: u32) -> Option<(Id<Instance>, &Instance)> {
        self.instances.in_slot(slot as usize)
    }

    /// Returns how many changes of instances were noted so far: of their room, or their tasks.
    pub(super) fn change_count(&self) -> u64 {
        self.changes.forgotten + self.changes.slots.len() as u64
    }

    /// Returns the slots that have changed since there were `seen` changes, in order.
    ///
    /// `None`: so many have changed that the first are forgotten.
    pub(super) fn changed_since(&self, seen: u64) -> Option<&[u32]> {
        let skip = seen.checked_sub(self.changes.forgotten)?;
        Some(&self.changes.slots[skip as usize..])
    }

    fn note(&mut self, instance: Id<Instance>) {
        self.changes.note(instance.slot(), self.instances.slot_count());
    }

    /// Returns how many tasks of the group run, or are to run, on the instance.
    pub fn group_on_instance(&self, group: Ix<TaskGroup>, instance: Id<Instance>) -> u32 {
        self.groups[group].by_instance[instance.slot()]
    }

    /// Returns the number of an attribute that a strategy of the model spreads over.
    pub(super) fn spread_attribute(&self, name: &str) -> usize {
        let found = self.spread.attributes.iter().position(|other| other == name);
        found.expect("strategies of the model are known when the cluster is made")
    }

    /// Returns how many tasks of the group are on instances that have the value with this number.
    #[inline]
    pub(super) fn group_on_value(&self, group: Ix<TaskGroup>, value: u32) -> u32 {
        self.groups[group].by_value[value as usize]
    }

    /// Returns the number of the kind's value of an attribute.
    pub(super) fn spread_value(&self, attribute: usize, class: Ix<InstanceClass>) -> u32 {
        self.spread.of_class[class.index()][attribute]
    }

    /// Returns how many tasks of the group run, or are to run, on Fargate in the zone.
    pub fn group_on_fargate(
        &self,
        group: Ix<TaskGroup>,
        provider: Provider,
        zone: Ix<Zone>,
    ) -> u32 {
        fargate_column(provider)
            .map_or(0, |column| self.groups[group].on_fargate[column][zone.index()])
    }

    /// Says whether the scheduler sees room for the task; for a daemon's own, what is set aside.
    pub fn has_room(
        &self,
        instance: Id<Instance>,
        wanted: &Requirement,
        daemon: Option<Ix<Service>>,
    ) -> bool {
        let host = &self.instances[instance];
        (host.set_aside_for(daemon).is_some() || host.scheduler.fits(wanted))
            && (!wanted.awsvpc || host.has_eni(daemon))
    }

    /// Reserves what a task needs in the scheduler's ledger, and counts it as one of its group.
    ///
    /// # Panics
    /// If there is no room: the caller did not check.
    pub fn place(
        &mut self,
        instance: Id<Instance>,
        (wanted, daemon): (&Requirement, Option<Ix<Service>>),
        group: Ix<TaskGroup>,
    ) {
        let host = &mut self.instances[instance];
        if host.set_aside_for(daemon).is_none() {
            host.scheduler.take(wanted);
        }
        if wanted.awsvpc {
            assert!(host.has_eni(daemon), "no network interface is left on {instance:?}");
            match host.set_aside_for_mut(daemon).filter(|room| room.eni) {
                Some(room) => room.eni = false,
                None => host.free_enis -= 1,
            }
        }
        let was_occupied = host.is_occupied();
        host.tasks += 1;
        host.daemon_tasks += u32::from(daemon.is_some());
        self.occupancy_changes += u64::from(host.is_occupied() != was_occupied);
        self.count_in(Location::Instance(instance), group);
    }

    /// A task on the instance is STOPPED, or was never made.
    pub fn leave(&mut self, instance: Id<Instance>, daemon: Option<Ix<Service>>) {
        let host = &mut self.instances[instance];
        let was_occupied = host.is_occupied();
        host.tasks -= 1;
        host.daemon_tasks -= u32::from(daemon.is_some());
        self.occupancy_changes += u64::from(host.is_occupied() != was_occupied);
    }

    /// Returns how often an instance became occupied, or unoccupied: where it has not changed, the
    /// same are.
    pub(super) fn occupancy_changes(&self) -> u64 {
        self.occupancy_changes
    }

    /// Gives back the scheduler's reservation of CPU, memory, GPUs and ports: the task is stopping.
    pub fn release(
        &mut self,
        model: &Model,
        instance: Id<Instance>,
        wanted: &Requirement,
        daemon: Option<Ix<Service>>,
    ) {
        let host = &mut self.instances[instance];
        if host.set_aside_for(daemon).is_some() {
            return;
        }
        let class = &model.classes[host.class];
        host.scheduler.give(wanted, &class.registered);
        self.note(instance);
    }

    /// Gives back a task's network interface: it is detached.
    ///
    /// Assumption: the interface counts until then; the documented early release names CPU,
    /// memory and ports.
    pub fn release_eni(
        &mut self,
        model: &Model,
        instance: Id<Instance>,
        daemon: Option<Ix<Service>>,
    ) {
        let host = &mut self.instances[instance];
        match host.set_aside_for_mut(daemon).filter(|room| !room.eni) {
            Some(room) => room.eni = true,
            None => host.free_enis += 1,
        }
        let class = &model.classes[host.class];
        assert!(host.free_enis <= class.task_enis, "more interfaces than {instance:?} has");
        self.note(instance);
    }

    /// Takes what a task needs from the agent's ledger: it begins to start.
    pub fn agent_take(&mut self, instance: Id<Instance>, wanted: &Requirement) {
        self.instances[instance].agent.take(wanted);
    }

    /// Gives it back: its containers have exited.
    pub fn agent_give(&mut self, model: &Model, instance: Id<Instance>, wanted: &Requirement) {
        let host = &mut self.instances[instance];
        host.agent.give(wanted, &model.classes[host.class].registered);
    }

    /// Counts a task with `desiredStatus` RUNNING.
    pub fn count_in(&mut self, at: Location, group: Ix<TaskGroup>) {
        let counts = &mut self.groups[group];
        match at {
            Location::Instance(instance) => {
                let host = &mut self.instances[instance];
                host.running_tasks += 1;
                counts.by_instance[instance.slot()] += 1;
                for &value in &self.spread.of_class[host.class.index()] {
                    counts.by_value[value as usize] += 1;
                }
                self.note(instance);
            }
            Location::Fargate(provider, zone) => {
                if let Some(column) = fargate_column(provider) {
                    counts.on_fargate[column][zone.index()] += 1;
                }
            }
        }
    }

    /// Counts it no more.
    pub fn count_out(&mut self, at: Location, group: Ix<TaskGroup>) {
        let counts = &mut self.groups[group];
        match at {
            Location::Instance(instance) => {
                let host = &mut self.instances[instance];
                host.running_tasks -= 1;
                counts.by_instance[instance.slot()] -= 1;
                for &value in &self.spread.of_class[host.class.index()] {
                    counts.by_value[value as usize] -= 1;
                }
                self.note(instance);
            }
            Location::Fargate(provider, zone) => {
                if let Some(column) = fargate_column(provider) {
                    counts.on_fargate[column][zone.index()] -= 1;
                }
            }
        }
    }
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// On a container instance.
    Instance(Id<Instance>),
    /// On Fargate, in a zone.
    Fargate(Provider, Ix<Zone>),
}

fn fargate_column(provider: Provider) -> Option<usize> {
    match provider {
        Provider::Fargate => Some(0),
        Provider::FargateSpot => Some(1),
        Provider::Ec2 | Provider::External => None,
    }
}
