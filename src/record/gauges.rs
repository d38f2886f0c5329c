//! The levels a recorder keeps of each thing, changed by difference and never by walking.

use crate::ecs::TaskStatus;
use crate::ecs::model::{InstanceClass, Usage};
use crate::units::{Resources, SimTime};

use super::recording::{Metric, UsageGiven};
use super::series::{Buckets, Gauge};

/// Statuses of tasks that are not STOPPED.
pub(super) const ALIVE: usize = TaskStatus::Stopped as usize;

/// A number of gauges that begin and end together.
pub(super) trait Group {
    /// Visits each with its name.
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge));
}

/// Container instances: of a fleet or of a whole cluster.
#[derive(Clone, Debug)]
pub(super) struct Capacity {
    registered: [Gauge; 3],
    reserved: [Gauge; 3],
    used: [Gauge; 2],
    pub stranded: [Gauge; 3],
    pub instances: Gauge,
    pub empty: Gauge,
    pub needed: Gauge,
    /// Instances that are not ACTIVE yet.
    pub launching: Gauge,
    /// Instances that are DRAINING.
    pub draining: Gauge,
    /// Instances bought as Spot.
    pub spot: Gauge,
    /// Up to when the extremes are known.
    changed: SimTime,
    pub reserved_extremes: [Option<Extremes>; 3],
    pub used_extremes: [Option<Extremes>; 2],
    pub usage: UsageSeen,
}

/// Whether containers that ran say what they use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UsageSeen {
    given: bool,
    missing: bool,
}

/// The least and the greatest share, as fractions: nothing is divided while the run goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extremes {
    least: (u64, u64),
    greatest: (u64, u64),
}

/// A cluster.
#[derive(Clone, Debug)]
pub(super) struct ClusterGauges {
    pub capacity: Capacity,
    pub tasks: [Gauge; ALIVE],
    pub waiting: Gauge,
}

/// A service.
#[derive(Clone, Debug)]
pub(super) struct ServiceGauges {
    desired: Gauge,
    active: Gauge,
    pub running: Gauge,
    healthy: Gauge,
    /// Of those that count as healthy, the ones whose host has failed.
    unreachable: Gauge,
    available: Gauge,
    /// Healthy tasks of services that stand in for it, on hosts that work.
    standing_in: u64,
    used: [Gauge; 2],
    pub usage: UsageSeen,
}

/// A submitter.
#[derive(Clone, Debug)]
pub(super) struct SubmitterGauges {
    pub waiting: Gauge,
    pub running: Gauge,
}

/// A provider.
#[derive(Clone, Debug)]
pub(super) struct ProviderGauges {
    pub tasks: Gauge,
    pub cpu_units: Gauge,
    pub memory_mib: Gauge,
}

/// A capacity provider with managed scaling.
#[derive(Clone, Debug)]
pub(super) struct ManagedScalingGauges {
    /// M.
    pub needed: Gauge,
    /// N.
    pub instances: Gauge,
    /// Tasks that wait in PROVISIONING.
    pub waiting: Gauge,
    /// CapacityProviderReservation, in percent, rounded.
    pub reservation: Gauge,
    /// Instances beyond M ÷ target capacity.
    pub surplus: Gauge,
}

fn amounts(resources: &Resources) -> [u64; 3] {
    [resources.cpu_units.into(), resources.memory_mib.into(), resources.gpus.into()]
}

fn change(gauges: &mut [Gauge], at: SimTime, amounts: &[u64], more: bool) {
    for (gauge, &amount) in gauges.iter_mut().zip(amounts) {
        if more {
            gauge.add(at, amount);
        } else {
            gauge.subtract(at, amount);
        }
    }
}

impl Extremes {
    /// Takes in a share that has lasted.
    fn include(extremes: &mut Option<Extremes>, part: u64, whole: u64) {
        if whole == 0 {
            return;
        }
        let now = (part, whole);
        let Some(known) = extremes else {
            *extremes = Some(Extremes { least: now, greatest: now });
            return;
        };
        let less = |a: (u64, u64), b: (u64, u64)| {
            u128::from(a.0) * u128::from(b.1) < u128::from(b.0) * u128::from(a.1)
        };
        if less(now, known.least) {
            known.least = now;
        }
        if less(known.greatest, now) {
            known.greatest = now;
        }
    }

    /// Returns the least and the greatest share.
    pub fn shares(&self) -> (f64, f64) {
        let share = |(part, whole): (u64, u64)| part as f64 / whole as f64;
        (share(self.least), share(self.greatest))
    }
}

impl UsageSeen {
    /// Notes a container that starts.
    pub fn note(&mut self, usage: Option<Usage>) {
        self.given |= usage.is_some();
        self.missing |= usage.is_none();
    }

    /// Says what was seen.
    pub fn given(self) -> UsageGiven {
        match (self.given, self.missing) {
            (false, _) => UsageGiven::Nothing,
            (true, true) => UsageGiven::Partly,
            (true, false) => UsageGiven::Fully,
        }
    }
}

impl Capacity {
    pub fn new(buckets: Buckets) -> Capacity {
        let gauge = Gauge::new(buckets);
        let three = [gauge.clone(), gauge.clone(), gauge.clone()];
        Capacity {
            registered: three.clone(),
            reserved: three.clone(),
            used: [gauge.clone(), gauge.clone()],
            stranded: three,
            instances: gauge.clone(),
            empty: gauge.clone(),
            needed: gauge.clone(),
            launching: gauge.clone(),
            draining: gauge.clone(),
            spot: gauge,
            changed: SimTime::ZERO,
            reserved_extremes: [None; 3],
            used_extremes: [None; 2],
            usage: UsageSeen::default(),
        }
    }

    /// An instance comes, and is empty.
    pub fn register(&mut self, at: SimTime, class: &InstanceClass) {
        self.note_extremes(at);
        change(&mut self.registered, at, &amounts(&class.registered), true);
        self.instances.add(at, 1);
        self.empty.add(at, 1);
        self.spot.add(at, class.spot.is_some().into());
    }

    /// An instance goes; it was empty.
    pub fn deregister(&mut self, at: SimTime, class: &InstanceClass) {
        self.note_extremes(at);
        change(&mut self.registered, at, &amounts(&class.registered), false);
        self.instances.subtract(at, 1);
        self.empty.subtract(at, 1);
        self.spot.subtract(at, class.spot.is_some().into());
    }

    /// A task reserves something, or gives it back.
    pub fn reserve(&mut self, at: SimTime, reserved: &Resources, more: bool) {
        self.note_extremes(at);
        change(&mut self.reserved, at, &amounts(reserved), more);
    }

    /// A container begins or ends to use something.
    pub fn use_resources(&mut self, at: SimTime, usage: Usage, more: bool) {
        self.note_extremes(at);
        let amounts = [usage.cpu_units.into(), usage.memory_mib.into()];
        change(&mut self.used, at, &amounts, more);
    }

    /// Requests use other CPU units and MiB than before.
    pub fn change_use(&mut self, at: SimTime, (was, is): ([u64; 2], [u64; 2])) {
        self.note_extremes(at);
        for (n, gauge) in self.used.iter_mut().enumerate() {
            gauge.set(at, gauge.level() - was[n] + is[n]);
        }
    }

    /// An instance is held to its baseline: so many CPU units are asked for and not got.
    pub fn withhold(&mut self, at: SimTime, was: u64, is: u64) {
        self.note_extremes(at);
        let used = &mut self.used[0];
        used.set(at, used.level() + was - is);
    }

    /// Returns how many instances with so much would be full with what is reserved; `None`: with as
    /// much as those that are there have on average.
    pub fn bound(&self, instance: Option<&Resources>) -> u64 {
        let there = self.instances.level();
        let on_average = || [0, 1, 2].map(|resource: usize| self.registered[resource].level());
        let (has, of) = instance.map_or_else(|| (on_average(), there), |it| (amounts(it), 1));
        let shares = self.reserved.iter().zip(has);
        let counts = shares.map(|(gauge, has)| match has {
            0 => 0,
            has => (gauge.level() * of).div_ceil(has),
        });
        counts.max().unwrap_or(0)
    }

    /// Stranded capacity of an instance changes.
    pub fn strand(&mut self, at: SimTime, before: &Resources, now: &Resources) {
        let changes = amounts(before).into_iter().zip(amounts(now));
        for (gauge, (before, now)) in self.stranded.iter_mut().zip(changes) {
            gauge.set(at, gauge.level() - before + now);
        }
    }

    /// Forgets the shares that have been until now: the window begins.
    pub fn forget_extremes(&mut self, at: SimTime) {
        self.note_extremes(at);
        self.reserved_extremes = [None; 3];
        self.used_extremes = [None; 2];
    }

    /// Takes in the shares as they have been until now.
    pub fn note_extremes(&mut self, at: SimTime) {
        if at <= self.changed {
            return; // a level that lasted no time counts for nothing
        }
        self.changed = at;
        for (n, extremes) in self.reserved_extremes.iter_mut().enumerate() {
            Extremes::include(extremes, self.reserved[n].level(), self.registered[n].level());
        }
        for (n, extremes) in self.used_extremes.iter_mut().enumerate() {
            Extremes::include(extremes, self.used[n].level(), self.registered[n].level());
        }
    }
}

impl ClusterGauges {
    pub fn new(buckets: Buckets) -> ClusterGauges {
        ClusterGauges {
            capacity: Capacity::new(buckets),
            tasks: std::array::from_fn(|_| Gauge::new(buckets)),
            waiting: Gauge::new(buckets),
        }
    }
}

impl ServiceGauges {
    pub fn new(buckets: Buckets) -> ServiceGauges {
        let gauge = Gauge::new(buckets);
        ServiceGauges {
            desired: gauge.clone(),
            active: gauge.clone(),
            running: gauge.clone(),
            healthy: gauge.clone(),
            unreachable: gauge.clone(),
            available: gauge.clone(),
            standing_in: 0,
            used: [gauge.clone(), gauge],
            usage: UsageSeen::default(),
        }
    }

    pub fn set_desired(&mut self, at: SimTime, desired: u32) {
        self.desired.set(at, desired.into());
        self.update_available(at);
    }

    pub fn task_comes(&mut self, at: SimTime) {
        self.active.add(at, 1);
    }

    pub fn task_is_healthy(&mut self, at: SimTime, works: bool) {
        self.healthy.add(at, 1);
        self.unreachable.add(at, (!works).into());
        self.update_available(at);
    }

    pub fn task_is_unhealthy(&mut self, at: SimTime, works: bool) {
        self.healthy.subtract(at, 1);
        self.unreachable.subtract(at, (!works).into());
        self.update_available(at);
    }

    /// What a task runs on has failed, or works again.
    pub fn task_works(&mut self, at: SimTime, (healthy, works): (bool, bool)) {
        if works {
            self.unreachable.subtract(at, healthy.into());
        } else {
            self.unreachable.add(at, healthy.into());
        }
        self.update_available(at);
    }

    pub fn task_is_to_stop(&mut self, at: SimTime, (healthy, works): (bool, bool)) {
        self.active.subtract(at, 1);
        self.healthy.subtract(at, healthy.into());
        self.unreachable.subtract(at, (healthy && !works).into());
        self.update_available(at);
    }

    pub fn use_resources(&mut self, at: SimTime, usage: Usage, more: bool) {
        let amounts = [usage.cpu_units.into(), usage.memory_mib.into()];
        change(&mut self.used, at, &amounts, more);
    }

    /// Requests use other CPU units and MiB than before.
    pub fn change_use(&mut self, at: SimTime, (was, is): ([u64; 2], [u64; 2])) {
        for (n, gauge) in self.used.iter_mut().enumerate() {
            gauge.set(at, gauge.level() - was[n] + is[n]);
        }
    }

    /// Returns how many tasks are healthy and on hosts that work.
    pub fn working(&self) -> u64 {
        self.healthy.level() - self.unreachable.level()
    }

    /// So many healthy tasks of another service stand in.
    pub fn stand_in(&mut self, at: SimTime, tasks: u64) {
        self.standing_in = tasks;
        self.update_available(at);
    }

    fn update_available(&mut self, at: SimTime) {
        let there = self.working() + self.standing_in;
        self.available.set(at, there.min(self.desired.level()));
    }
}

impl SubmitterGauges {
    pub fn new(buckets: Buckets) -> SubmitterGauges {
        SubmitterGauges { waiting: Gauge::new(buckets), running: Gauge::new(buckets) }
    }
}

impl ProviderGauges {
    /// A task of so many CPU units and MiB comes or goes.
    pub fn task(&mut self, at: SimTime, (cpu_units, memory_mib): (u32, u32), comes: bool) {
        let gauges = [&mut self.tasks, &mut self.cpu_units, &mut self.memory_mib];
        for (gauge, amount) in gauges.into_iter().zip([1, cpu_units, memory_mib]) {
            if comes {
                gauge.add(at, amount.into());
            } else {
                gauge.subtract(at, amount.into());
            }
        }
    }

    pub fn new(buckets: Buckets) -> ProviderGauges {
        let gauge = Gauge::new(buckets);
        ProviderGauges { tasks: gauge.clone(), cpu_units: gauge.clone(), memory_mib: gauge }
    }
}

impl ManagedScalingGauges {
    pub fn new(buckets: Buckets) -> ManagedScalingGauges {
        let gauge = Gauge::new(buckets);
        ManagedScalingGauges {
            needed: gauge.clone(),
            instances: gauge.clone(),
            waiting: gauge.clone(),
            reservation: gauge.clone(),
            surplus: gauge,
        }
    }
}

impl Group for ManagedScalingGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::NeededInstances, &mut self.needed);
        visit(Metric::Instances, &mut self.instances);
        visit(Metric::WaitingTasks, &mut self.waiting);
        visit(Metric::CapacityProviderReservation, &mut self.reservation);
        visit(Metric::SurplusInstances, &mut self.surplus);
    }
}

impl Group for Capacity {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        use Metric as M;
        let [cpu, memory, gpus] = &mut self.registered;
        visit(M::RegisteredCpu, cpu);
        visit(M::RegisteredMemory, memory);
        visit(M::RegisteredGpus, gpus);
        let [cpu, memory, gpus] = &mut self.reserved;
        visit(M::ReservedCpu, cpu);
        visit(M::ReservedMemory, memory);
        visit(M::ReservedGpus, gpus);
        let [cpu, memory] = &mut self.used;
        visit(M::UsedCpu, cpu);
        visit(M::UsedMemory, memory);
        let [cpu, memory, gpus] = &mut self.stranded;
        visit(M::StrandedCpu, cpu);
        visit(M::StrandedMemory, memory);
        visit(M::StrandedGpus, gpus);
        visit(M::Instances, &mut self.instances);
        visit(M::EmptyInstances, &mut self.empty);
        visit(M::NeededInstances, &mut self.needed);
        visit(M::LaunchingInstances, &mut self.launching);
        visit(M::DrainingInstances, &mut self.draining);
        visit(M::SpotInstances, &mut self.spot);
    }
}

impl Group for ClusterGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        self.capacity.each(visit);
        for (status, gauge) in TaskStatus::ALL.into_iter().zip(&mut self.tasks) {
            visit(Metric::Tasks(status), gauge);
        }
        visit(Metric::WaitingTasks, &mut self.waiting);
    }
}

impl Group for ServiceGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::DesiredCount, &mut self.desired);
        visit(Metric::ActiveTasks, &mut self.active);
        visit(Metric::RunningTasks, &mut self.running);
        visit(Metric::HealthyTasks, &mut self.healthy);
        visit(Metric::UnreachableTasks, &mut self.unreachable);
        visit(Metric::AvailableTasks, &mut self.available);
        let [cpu, memory] = &mut self.used;
        visit(Metric::UsedCpu, cpu);
        visit(Metric::UsedMemory, memory);
    }
}

impl Group for SubmitterGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::WaitingTasks, &mut self.waiting);
        visit(Metric::RunningTasks, &mut self.running);
    }
}

impl Group for ProviderGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::AliveTasks, &mut self.tasks);
        visit(Metric::AliveCpu, &mut self.cpu_units);
        visit(Metric::AliveMemory, &mut self.memory_mib);
    }
}
