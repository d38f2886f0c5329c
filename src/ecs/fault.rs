//! What fails, and when: instances, agents, zones, launches. Who notices is in `detect.rs`.
//!
//! Faults are exogenous: when and whom they hit depends on the seed, the fault's name, and the seat
//! that an instance has in its fleet, never on what runs there. They hit whoever sits there then.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use smallvec::SmallVec;

use crate::engine::{Arena, Distribution, Id, Ix, Luck, Purpose, Rank, Table};
use crate::units::{SimTime, Span};

use super::cluster::Instance;
use super::model::{Fault, FaultKind, FaultTime, HostFailure, Model, Zone};
use super::{
    ContainerStep, Cx, Event, Fact, FaultEvent, Owner, Task, TerminationReason, World,
    auto_scaling, cpu_credits, detect, instance, life, provisioning, rank, service, submit,
};

const MOMENT: Purpose = Purpose::new("fault moment");
const LASTS: Purpose = Purpose::new("fault lasts");
const HIT: Purpose = Purpose::new("fault hit");

/// What has failed, and what will.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    sources: Table<Source, Fault>,
    outages: Arena<Outage>,
    /// How many outages forbid launches in each zone.
    zones_refuse: Table<u32, Zone>,
    /// How many failures forbid launches of instances in the Region.
    region_refuses: u32,
}

/// When a fault strikes next: of all seats the first, of one pending event.
type Source = BinaryHeap<Reverse<Moment>>;

/// When which seat is hit, and how often it was before.
type Moment = (SimTime, u32, u64);

/// A failure that ends.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    fault: Ix<Fault>,
    hosts: Vec<Id<Instance>>,
}

/// What has failed of an instance, and what waits until it works.
#[derive(Clone, Debug, Default)]
pub(super) struct Away {
    /// How many failures make it hang.
    hung: u16,
    /// How many failures keep its agent from ECS.
    disconnected: u16,
    hung_since: SimTime,
    /// How long it hung each time: so much later is what was under way.
    hangs: SmallVec<[Span; 1]>,
    /// What was due meanwhile, and how long after it works again it comes.
    parked: Vec<(Span, Rank, Event)>,
}

impl Away {
    pub(super) fn agent_connected(&self) -> bool {
        self.hung == 0 && self.disconnected == 0
    }

    pub(super) fn is_hung(&self) -> bool {
        self.hung > 0
    }

    /// Returns how often it hung before.
    pub(super) fn times_hung(&self) -> usize {
        self.hangs.len()
    }

    fn park(&mut self, now: SimTime, rank: Rank, event: Event) {
        let left = if self.is_hung() { now.since(self.hung_since) } else { Span::ZERO };
        self.parked.push((left, rank, event));
    }
}

impl Faults {
    pub(super) fn new(model: &Model) -> Faults {
        Faults {
            sources: model.faults.iter().map(|_| Source::new()).collect(),
            outages: Arena::new(),
            zones_refuse: model.zones.iter().map(|_| 0).collect(),
            region_refuses: 0,
        }
    }

    /// Says whether no task can be started on Fargate in a zone now.
    pub(super) fn refuses_in(&self, zone: Ix<Zone>) -> bool {
        self.zones_refuse[zone] > 0
    }

    /// Says whether no instance can be launched in a zone now.
    pub(super) fn refuses(&self, zone: Ix<Zone>) -> bool {
        self.region_refuses > 0 || self.refuses_in(zone)
    }
}

fn luck(cx: &Cx, ix: Ix<Fault>) -> Luck {
    let fault = &cx.model.faults[ix];
    let luck = cx.seed.luck("fault").named(&fault.name);
    match fault.kind {
        FaultKind::Instances { fleet, .. } => luck.named(&cx.model.fleets[fleet].name),
        FaultKind::Zone { zone, .. } => luck.named(&cx.model.zones[zone].name),
        FaultKind::Launches { .. } => luck,
    }
}

/// Faults are foreseen: each has one event that is pending, the next.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    for (ix, fault) in cx.model.faults.iter() {
        match fault.when {
            FaultTime::At(at) => world.faults.sources[ix].push(Reverse((at, 0, 0))),
            FaultTime::Random { .. } => {
                for seat in 0..seats(cx.model, &fault.kind) {
                    foresee(cx, world, ix, (SimTime::ZERO, seat, 0));
                }
            }
        }
        schedule(cx, world, ix);
    }
}

/// Returns how many instances a fleet may have at once, each with its own luck; 1 for the rest.
///
/// A group that drains some may have more for a while: those are not hit.
fn seats(model: &Model, kind: &FaultKind) -> u32 {
    let FaultKind::Instances { fleet, .. } = *kind else { return 1 };
    let fleet = &model.fleets[fleet];
    fleet.group.map_or(fleet.count, |group| model.auto_scaling_groups[group].max_size)
}

/// Foresees the next failure of a seat, if it comes before the run ends.
fn foresee(cx: &Cx, world: &mut World, ix: Ix<Fault>, (after, seat, number): Moment) {
    let FaultTime::Random { mean_time_between } = cx.model.faults[ix].when else { return };
    let unit = luck(cx, ix).part(u64::from(seat)).part(number).unit(MOMENT);
    let gap = Span::from_secs_f64(-mean_time_between.as_secs_f64() * (1.0 - unit).ln());
    // Not twice in one instant, however short the mean.
    let at = after.saturating_add(gap.max(Span::micros(1)));
    if at <= SimTime::ZERO + cx.model.duration {
        world.faults.sources[ix].push(Reverse((at, seat, number)));
    }
}

fn schedule(cx: &mut Cx, world: &World, ix: Ix<Fault>) {
    if let Some(Reverse((at, ..))) = world.faults.sources[ix].peek() {
        cx.at(*at, rank::ENDED, Event::Fault(ix));
    }
}

/// A fault strikes.
pub(super) fn on_fault(cx: &mut Cx, world: &mut World, ix: Ix<Fault>) {
    let Some(Reverse((at, seat, number))) = world.faults.sources[ix].pop() else { return };
    foresee(cx, world, ix, (at, seat, number + 1));
    schedule(cx, world, ix);
    let luck = luck(cx, ix).part(u64::from(seat)).part(number);
    match &cx.model.faults[ix].kind {
        FaultKind::Instances { fleet, count, failure, lasts } => {
            let all = auto_scaling::seats(cx.model, world, *fleet);
            let hosts = match cx.model.faults[ix].when {
                FaultTime::At(_) => some_of(all, *count, luck),
                FaultTime::Random { .. } => {
                    all.into_iter().filter(|it| it.0 == seat).map(|it| it.1).collect()
                }
            };
            if hosts.is_empty() {
                return; // nobody sits there
            }
            fail(cx, world, (ix, *failure), &hosts);
            let lasts = lasts.as_ref().filter(|_| *failure != HostFailure::Terminated);
            end_after(cx, world, (ix, hosts), (lasts, luck));
        }
        FaultKind::Zone { zone, share, failure, launches_fail, lasts } => {
            world.faults.zones_refuse[*zone] += u32::from(*launches_fail);
            let hosts = hit_in_zone(cx, world, (*zone, *share), luck);
            let tasks = hit_on_fargate(cx, world, (*zone, *share), luck);
            let (instances, lost) = (hosts.len() as u32, tasks.len() as u32);
            let what = FaultEvent::Zone { zone: *zone, instances, tasks: lost };
            cx.tell(world, Fact::Fault { fault: ix, what });
            fail(cx, world, (ix, *failure), &hosts);
            for task in tasks {
                detect::fargate_host_fails(cx, world, task);
            }
            end_after(cx, world, (ix, hosts), (Some(lasts), luck));
        }
        FaultKind::Launches { lasts } => {
            world.faults.region_refuses += 1;
            cx.tell(world, Fact::Fault { fault: ix, what: FaultEvent::Launches });
            end_after(cx, world, (ix, Vec::new()), (Some(lasts), luck));
        }
    }
}

/// Chooses so many of those who sit somewhere, by the luck of their seats.
fn some_of(all: Vec<(u32, Id<Instance>)>, count: u32, luck: Luck) -> Vec<Id<Instance>> {
    let mut all: Vec<_> = all
        .into_iter()
        .map(|(seat, host)| (luck.part(u64::from(seat)).unit(HIT), seat, host))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.into_iter().take(count as usize).map(|(.., host)| host).collect()
}

/// Returns the instances in a zone that fail: each with the same probability, by its seat.
fn hit_in_zone(
    cx: &Cx,
    world: &World,
    (zone, share): (Ix<Zone>, f64),
    luck: Luck,
) -> Vec<Id<Instance>> {
    let mut hosts = Vec::new();
    for (fleet, spec) in cx.model.fleets.iter() {
        let luck = luck.named(&spec.name);
        for (seat, host) in auto_scaling::seats(cx.model, world, fleet) {
            let class = &cx.model.classes[world.cluster.instance(host).class];
            if class.zone == zone && luck.part(u64::from(seat)).chance(HIT, share) {
                hosts.push(host);
            }
        }
    }
    hosts
}

/// Returns the tasks on Fargate in a zone whose hosts fail, as above.
fn hit_on_fargate(
    cx: &Cx,
    world: &World,
    (zone, share): (Ix<Zone>, f64),
    luck: Luck,
) -> Vec<Id<Task>> {
    let is_hit = |task: &Task| {
        let of = |name: &str| luck.named(name);
        let luck = match task.owner {
            Owner::Service { service, slot } => {
                of(&cx.model.services[service].name).part(u64::from(slot))
            }
            Owner::Submission { submitter, row, ordinal } => {
                let luck = of(&cx.model.submitters[submitter].name);
                luck.part(u64::from(row)).part(u64::from(ordinal))
            }
        };
        luck.chance(HIT, share)
    };
    let there = |task: &Task| task.instance.is_none() && task.zone == Some(zone) && task.works;
    let tasks = world.tasks.iter().filter(|(_, task)| there(task) && is_hit(task));
    tasks.map(|(id, _)| id).collect()
}

/// Instances fail.
fn fail(
    cx: &mut Cx,
    world: &mut World,
    (fault, failure): (Ix<Fault>, HostFailure),
    hosts: &[Id<Instance>],
) {
    let now = cx.now();
    let mut hung = Vec::new();
    for &instance in hosts {
        let what = FaultEvent::Instance { instance, failure };
        cx.tell(world, Fact::Fault { fault, what });
        match failure {
            HostFailure::Terminated => {
                detect::instance_dies(cx, world, instance);
                instance::terminate(cx, world, instance, TerminationReason::Failed);
            }
            HostFailure::Hung => {
                let was_hung = world.cluster.instance(instance).is_hung();
                world.cluster.change_away(instance, |away| {
                    away.hung += 1;
                    if !was_hung {
                        away.hung_since = now;
                    }
                });
                if !was_hung {
                    hung.push(instance);
                    cpu_credits::hangs(cx, world, instance);
                    detect::instance_hangs(cx, world, instance);
                }
            }
            HostFailure::AgentDisconnected => {
                world.cluster.change_away(instance, |away| away.disconnected += 1);
            }
        }
    }
    for task in tasks_on(world, &mut hung) {
        detect::task_stops_working(cx, world, task);
    }
}

/// Returns the tasks on some instances, in order of their slots.
fn tasks_on(world: &World, hosts: &mut [Id<Instance>]) -> Vec<Id<Task>> {
    if hosts.is_empty() {
        return Vec::new();
    }
    hosts.sort_unstable_by_key(|host| host.slot());
    let slots: Vec<usize> = hosts.iter().map(|host| host.slot()).collect();
    let on =
        |task: &Task| task.instance.is_some_and(|host| slots.binary_search(&host.slot()).is_ok());
    world.tasks.iter().filter(|(_, task)| on(task)).map(|(id, _)| id).collect()
}

/// Foresees the end of a failure, if it has one.
fn end_after(
    cx: &mut Cx,
    world: &mut World,
    (fault, hosts): (Ix<Fault>, Vec<Id<Instance>>),
    (lasts, luck): (Option<&Distribution>, Luck),
) {
    let Some(lasts) = lasts else { return };
    let lasts = lasts.sample_span(luck, LASTS);
    let outage = world.faults.outages.insert(Outage { fault, hosts });
    cx.after(lasts, rank::ENDED, Event::FaultEnds(outage));
}

/// A failure ends.
///
/// Assumption: groups that could not launch try again at once.
pub(super) fn on_end(cx: &mut Cx, world: &mut World, outage: Id<Outage>) {
    let Some(Outage { fault, hosts }) = world.faults.outages.get(outage).cloned() else { return };
    world.faults.outages.remove(outage);
    match cx.model.faults[fault].kind {
        FaultKind::Instances { failure, .. } => works_again(cx, world, (fault, failure), hosts),
        FaultKind::Zone { zone, failure, launches_fail, .. } => {
            world.faults.zones_refuse[zone] -= u32::from(launches_fail);
            cx.tell(world, Fact::Fault { fault, what: FaultEvent::ZoneBack { zone } });
            works_again(cx, world, (fault, failure), hosts);
            launches_work_again(cx, world);
        }
        FaultKind::Launches { .. } => {
            world.faults.region_refuses -= 1;
            cx.tell(world, Fact::Fault { fault, what: FaultEvent::LaunchesBack });
            launches_work_again(cx, world);
        }
    }
}

fn launches_work_again(cx: &mut Cx, world: &mut World) {
    for group in cx.model.auto_scaling_groups.indices() {
        auto_scaling::adjust(cx, world, group);
    }
    there_is_room(cx, world);
}

fn there_is_room(cx: &mut Cx, world: &mut World) {
    submit::room_appeared(cx, world);
    provisioning::room_appeared(cx, world);
    service::room_appeared(cx, world);
}

/// Instances work again, those that are still there and that nothing else keeps.
fn works_again(
    cx: &mut Cx,
    world: &mut World,
    (fault, failure): (Ix<Fault>, HostFailure),
    mut hosts: Vec<Id<Instance>>,
) {
    hosts.retain(|host| world.cluster.get(*host).is_some_and(|it| it.away.is_some()));
    let now = cx.now();
    for &instance in &hosts {
        world.cluster.change_away(instance, |away| match failure {
            HostFailure::Terminated => {}
            HostFailure::AgentDisconnected => away.disconnected -= 1,
            HostFailure::Hung => {
                away.hung -= 1;
                if away.hung == 0 {
                    away.hangs.push(now.since(away.hung_since));
                }
            }
        });
        cpu_credits::hangs(cx, world, instance);
    }
    hosts.retain(|host| world.cluster.instance(*host).agent_connected());
    if hosts.is_empty() {
        return;
    }
    for &instance in &hosts {
        let what = FaultEvent::InstanceBack { instance };
        cx.tell(world, Fact::Fault { fault, what });
        unpark(cx, world, instance);
    }
    for task in tasks_on(world, &mut hosts) {
        detect::task_works_again(cx, world, task);
        life::agent_is_back(cx, world, task);
    }
    for instance in hosts {
        life::admit_waiting(cx, world, instance);
    }
    there_is_room(cx, world);
}

/// What was due on the instance while it was away comes now, or when what was left of it is done.
fn unpark(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(away) = &mut world.cluster.instance_mut(instance).away else { return };
    let hangs = away.hangs.len() as u16;
    for (left, rank, event) in std::mem::take(&mut away.parked) {
        let event = if let Event::Container { task, container, start, step, .. } = event {
            Event::Container { task, container, start, step, hangs }
        } else {
            event
        };
        cx.after(left, rank, event);
    }
}

/// Keeps an event about an instance that is away until it works again; says whether it was kept.
pub(super) fn keeps(
    cx: &Cx,
    world: &mut World,
    instance: Option<Id<Instance>>,
    (rank, event): (Rank, Event),
) -> bool {
    let Some(instance) = instance.filter(|_| !cx.model.faults.is_empty()) else { return false };
    if world.cluster.get(instance).is_none_or(Instance::agent_connected) {
        return false;
    }
    if let Some(away) = &mut world.cluster.instance_mut(instance).away {
        away.park(cx.now(), rank, event);
    }
    true
}

/// Says whether a step of a container cannot be now: its host is away, or hung meanwhile, in which
/// case it comes so much later; or it is lost with its host.
///
/// Assumption: ECS learns of what containers do without an agent when that is back.
pub(super) fn delays(cx: &mut Cx, world: &mut World, event: Event) -> bool {
    if cx.model.faults.is_empty() {
        return false;
    }
    let Event::Container { task, container, start, step, hangs } = event else { return false };
    let Some(entry) = world.tasks.get(task) else { return false };
    if entry.is_lost() {
        return true;
    }
    let Some(instance) = entry.instance else { return false };
    let rank = match step {
        ContainerStep::Exits { .. } | ContainerStep::Stopped { .. } => rank::ENDED,
        ContainerStep::PullChecked
        | ContainerStep::Started
        | ContainerStep::StartFailed
        | ContainerStep::Healthy
        | ContainerStep::StartTimeout
        | ContainerStep::StartUpOver => rank::PROGRESSED,
    };
    if keeps(cx, world, Some(instance), (rank, event)) {
        if let ContainerStep::Exits { .. } = step
            && life::is_essential(cx, &world.tasks[task], container)
        {
            detect::task_stops_working(cx, world, task);
        }
        return true;
    }
    let Some(away) = &world.cluster.instance(instance).away else { return false };
    // The number wraps, long after what was foreseen then has come.
    let times = (away.hangs.len() as u16).wrapping_sub(hangs);
    let last = away.hangs.iter().rev().take(times.into());
    let missed = last.fold(Span::ZERO, |sum, &it| sum + it);
    if missed.is_zero() {
        return false;
    }
    let hangs = away.hangs.len() as u16;
    cx.after(missed, rank, Event::Container { task, container, start, step, hangs });
    true
}

/// Returns how often the host of a task has hung so far.
pub(super) fn hangs_of(cx: &Cx, world: &World, task: &Task) -> u16 {
    let instance = task.instance.filter(|_| !cx.model.faults.is_empty());
    let away = instance.and_then(|it| world.cluster.instance(it).away.as_ref());
    away.map_or(0, |away| away.hangs.len() as u16)
}
