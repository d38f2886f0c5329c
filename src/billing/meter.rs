//! The meter: watches a run and adds up what is paid for, in integers and in bounded memory.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::ecs::capacity::spot::FREE_IF_RECLAIMED_WITHIN;
use crate::ecs::model::{
    Architecture, FargateSize, InstanceClass, InstanceLaunchType, Model, Os, Provider, Service,
    SpotSupply, Submitter, TaskDefinition, Zone,
};
use crate::ecs::placement::SmallestAsks;
use crate::ecs::{Fact, Instance, Observer, Owner, Task, TaskStatus, TerminationReason, World};
use crate::engine::{Id, Ix, Table, TimeWeighted};
use crate::units::{Resources, SimTime, Span};

use super::hourly::{Coverable, HourMeter, HourlyUsage, is_coverable};
use super::spot::{PricePath, SpotUsage};

/// The shortest time a Fargate task on Linux is billed for.
///
/// Source: AWS Fargate pricing page, read 2026.
const FARGATE_MINIMUM_LINUX: Span = Span::secs(60);
/// The shortest time a Fargate task on Windows is billed for. Source: the same page.
const FARGATE_MINIMUM_WINDOWS: Span = Span::secs(300);
/// The shortest time an EC2 instance is billed for.
///
/// Source: EC2 User Guide, concepts, read 2023-05.
const EC2_MINIMUM: Span = Span::secs(60);
/// The shortest time an external instance is billed for; by the second after it (Assumption).
///
/// Source: Amazon ECS pricing page, ECS Anywhere, 2026-09-20.
const ECS_ANYWHERE_MINIMUM: Span = Span::HOUR;

/// Whoever launched tasks that cost money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payer {
    /// A service.
    Service(Ix<Service>),
    /// A job trace or a schedule.
    Submitter(Ix<Submitter>),
}

/// Amounts of resources times time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceTime {
    /// CPU units times µs.
    pub cpu_unit_micros: u128,
    /// MiB of memory times µs.
    pub memory_mib_micros: u128,
    /// GPUs times µs.
    pub gpu_micros: u128,
}

/// What was used in a run, up to its end; tasks and instances alive then are metered to the end.
#[derive(Clone, Debug)]
pub struct Usage {
    /// From the beginning of the run to its end.
    pub span: Span,
    /// Fargate tasks, by what decides their price and who pays; sorted.
    pub fargate: Vec<FargateUsage>,
    /// Public IPv4 addresses of tasks; sorted.
    pub task_addresses: Vec<AddressUsage>,
    /// Container instances of each class.
    pub instances: Table<InstanceUsage, InstanceClass>,
    /// What commitments can cover, by the hour; sorted.
    pub hourly: Vec<HourlyUsage>,
}

/// What decides the price of a Fargate task, and who pays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FargateKey {
    /// Whose task it is.
    pub payer: Payer,
    /// Whether it runs on Fargate Spot.
    pub spot: bool,
    /// Operating system.
    pub os: Os,
    /// CPU architecture.
    pub architecture: Architecture,
    /// CPU, memory and storage.
    pub size: FargateSize,
    /// The zone.
    pub zone: Ix<Zone>,
}

/// Fargate tasks of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FargateUsage {
    /// Which tasks.
    pub key: FargateKey,
    /// How many of them began to pull an image.
    pub tasks: u64,
    /// Σ of what each is billed for in µs: from pull start to STOPPED, rounded up to the second,
    /// at least 60 s on Linux and 300 s on Windows.
    pub billed_micros: u128,
}

/// Public IPv4 addresses of the tasks of one payer in one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressUsage {
    /// Whose tasks.
    pub payer: Payer,
    /// Where.
    pub zone: Ix<Zone>,
    /// Addresses times µs, each from the task's creation to STOPPED.
    pub address_micros: u128,
}

/// Container instances of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceUsage {
    /// How many there were.
    pub count: u64,
    /// Σ of what each is billed for in µs: rounded up to the second, at least 60 s (EC2) or one
    /// hour (external).
    pub billed_micros: u128,
    /// Σ of how long each was stopped in µs: only its volume is billed for.
    pub stopped_micros: u128,
    /// Of Spot instances, what they themselves are charged for; volumes and addresses are billed
    /// like all others.
    pub spot: SpotUsage,
    /// Surplus CPU credits that they are charged for, in parts of CPU units times µs
    /// ([`Credits::PARTS`](crate::ecs::capacity::credits::Credits::PARTS)): in unlimited mode what
    /// exceeds 24 h of earning, and the rest when they end.
    pub charged_credits: u128,
    /// What they registered, times how long they were there.
    pub registered: ResourceTime,
    /// Free where no task of the run would have fitted.
    pub stranded: ResourceTime,
    /// What the tasks of each payer reserved and used; sorted by payer.
    pub shares: Vec<Share>,
}

/// What the tasks of one payer had of the instances of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Whose tasks.
    pub payer: Payer,
    /// Reserved, by the scheduler's ledger.
    pub reserved: ResourceTime,
    /// Really used; `None`: not given, by at least one container of the task definition.
    pub used: Option<ResourceTime>,
}

/// Watches a run and adds up what is paid for.
///
/// Its memory depends on the model, on the hours of the run and on how many instances there are at
/// once, not on tasks.
#[derive(Clone, Debug)]
pub struct Meter {
    fargate: BTreeMap<FargateKey, (u64, u128)>,
    addresses: BTreeMap<(Payer, Ix<Zone>), u128>,
    classes: Table<ClassMeter, InstanceClass>,
    hourly: BTreeMap<Coverable, HourMeter>,
    /// What each instance contributes to its class's stranded capacity, by slot.
    stranded: Vec<Resources>,
    smallest: Table<SmallestAsks, InstanceClass>,
    /// Made when they are first asked for.
    spot_prices: Table<Option<PricePath>, SpotSupply>,
    gives_usage: Table<bool, TaskDefinition>,
}

#[derive(Clone, Debug)]
struct ClassMeter {
    usage: InstanceUsage,
    stranded: [TimeWeighted; 3],
    /// By position of the payer; made when it first places a task here.
    shares: Vec<Option<Box<ShareMeter>>>,
}

#[derive(Clone, Debug)]
struct ShareMeter {
    payer: Payer,
    reserved: ResourceTime,
    /// CPU units and MiB in use; `None`: not given.
    used: Option<[TimeWeighted; 2]>,
}

impl Payer {
    /// Returns who pays for a task.
    pub fn of(owner: Owner) -> Payer {
        match owner {
            Owner::Service { service, .. } => Payer::Service(service),
            Owner::Submission { submitter, .. } => Payer::Submitter(submitter),
        }
    }

    /// Returns its name.
    pub fn name(self, model: &Model) -> &str {
        match self {
            Payer::Service(service) => &model.services[service].name,
            Payer::Submitter(submitter) => &model.submitters[submitter].name,
        }
    }

    /// Services first, then submitters.
    fn position(self, model: &Model) -> usize {
        match self {
            Payer::Service(service) => service.index(),
            Payer::Submitter(submitter) => model.services.len() + submitter.index(),
        }
    }
}

impl ResourceTime {
    /// Returns an amount held for a time.
    pub fn of(resources: &Resources, held: Span) -> ResourceTime {
        let micros = u128::from(held.as_micros());
        ResourceTime {
            cpu_unit_micros: u128::from(resources.cpu_units) * micros,
            memory_mib_micros: u128::from(resources.memory_mib) * micros,
            gpu_micros: u128::from(resources.gpus) * micros,
        }
    }

    /// Returns how much of an instance this is, as split cost allocation weighs it: a vCPU counts
    /// as 9 GB of memory. The unit is MiB·µs, roughly; only ratios mean something.
    ///
    /// Source: AWS Data Exports User Guide, "Example of split cost allocation data", read 2026.
    /// Assumption: a GPU has no weight of its own.
    pub fn weight(&self) -> u128 {
        9 * self.cpu_unit_micros + self.memory_mib_micros
    }
}

impl AddAssign for ResourceTime {
    fn add_assign(&mut self, other: ResourceTime) {
        self.cpu_unit_micros += other.cpu_unit_micros;
        self.memory_mib_micros += other.memory_mib_micros;
        self.gpu_micros += other.gpu_micros;
    }
}

impl InstanceUsage {
    /// Returns what tasks reserved, all payers together.
    pub fn reserved(&self) -> ResourceTime {
        let mut sum = ResourceTime::default();
        for share in &self.shares {
            sum += share.reserved;
        }
        sum
    }
}

impl Observer for Meter {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        match *fact {
            Fact::InstanceActive { instance } => self.instance_comes(at, instance, world),
            Fact::InstanceTerminated { instance, reason } => {
                self.instance_goes(at, (instance, reason), (world, model))
            }
            Fact::InstanceStopped { instance, ran } => {
                self.instance_stops(at, (instance, ran), (world, model));
            }
            Fact::InstanceStarted { instance, stopped } => {
                self.bill_stop(world.cluster.instance(instance).class, stopped);
            }
            Fact::TaskCreated { task } | Fact::TaskPlaced { task } => {
                if let Some(instance) = world.tasks[task].instance {
                    self.update_stranded(at, instance, world);
                }
            }
            Fact::ReservationReleased { task } => {
                let entry = &world.tasks[task];
                self.add_reservation(at, entry, world, model);
                if let Some(instance) = entry.instance {
                    self.update_stranded(at, instance, world);
                }
            }
            Fact::ContainerStarted { task, container } => {
                self.use_resources(at, (task, container), true, (world, model));
            }
            Fact::ContainerStopped { task, container, exit_code } => {
                if exit_code.is_some() {
                    self.use_resources(at, (task, container), false, (world, model));
                }
            }
            Fact::TaskMoved { task, to, .. } => {
                if to == TaskStatus::Stopped {
                    self.task_goes(at, &world.tasks[task], (world, model));
                }
            }
            Fact::InstanceLaunched { .. }
            | Fact::InstanceDraining { .. }
            | Fact::ManagedScaling { .. }
            | Fact::WarmPool { .. }
            | Fact::SpotRebalanceRecommended { .. }
            | Fact::SpotInterruptionNotice { .. }
            | Fact::LaunchFailed { .. }
            | Fact::GroupEvent { .. }
            | Fact::Fallback { .. }
            | Fact::ManagedInstance { .. }
            | Fact::ScalingMetric { .. }
            | Fact::Traffic { .. }
            | Fact::StartUp { .. }
            | Fact::ServiceScaling { .. }
            | Fact::TaskPullStarted { .. }
            | Fact::TaskHealthy { .. }
            | Fact::TaskStopRequested { .. }
            | Fact::ContainerRestarted { .. }
            | Fact::ServiceEvent { .. }
            | Fact::Submitted { .. }
            | Fact::RunTaskFailed { .. }
            | Fact::Fault { .. }
            | Fact::TaskReach { .. }
            | Fact::CpuCredits { .. }
            | Fact::TaskUnhealthy { .. } => {}
        }
    }
}

impl Meter {
    fn instance_stops(
        &mut self,
        at: SimTime,
        (instance, ran): (Id<Instance>, Span),
        (world, model): (&World, &Model),
    ) {
        let host = world.cluster.instance(instance);
        let from = SimTime::from_micros(at.as_micros() - ran.as_micros());
        self.bill_run(host.class, (from, at), false, (world, model));
    }

    fn task_goes(&mut self, at: SimTime, task: &Task, (world, model): (&World, &Model)) {
        self.bill_task(at, task, model);
        if model.requirements[task.requirement].awsvpc
            && let Some(instance) = task.instance
        {
            // Its network interface is free again.
            self.update_stranded(at, instance, world);
        }
    }

    /// Makes a meter for a run that has not begun.
    pub fn new(model: &Model) -> Meter {
        let gauge = TimeWeighted::new(SimTime::ZERO, 0);
        let class = ClassMeter {
            usage: InstanceUsage::default(),
            stranded: [gauge; 3],
            shares: Vec::new(),
        };
        let gives_usage = |definition: &TaskDefinition| {
            definition.containers.iter().all(|container| container.behaviour.usage.is_some())
        };
        Meter {
            fargate: BTreeMap::new(),
            addresses: BTreeMap::new(),
            classes: model.classes.iter().map(|_| class.clone()).collect(),
            hourly: BTreeMap::new(),
            stranded: Vec::new(),
            smallest: SmallestAsks::by_class(model),
            spot_prices: model.spot_pools.iter().map(|_| None).collect(),
            gives_usage: model.task_definitions.iter().map(|(_, def)| gives_usage(def)).collect(),
        }
    }

    /// Returns the usage up to `end`, the end of the run.
    pub fn finish(mut self, end: SimTime, world: &World, model: &Model) -> Usage {
        for (_, task) in world.tasks.iter() {
            self.bill_task(end, task, model);
            // From STOPPING on the reservation is released, and added already.
            if task.times.stopping.is_none() {
                self.add_reservation(end, task, world, model);
            }
        }
        for (_, instance) in world.cluster.instances() {
            self.bill_instance(instance, (end, false), (world, model));
        }
        let span = end.since(SimTime::ZERO);
        let hourly = self.hourly.into_iter();
        Usage {
            span,
            hourly: hourly
                .map(|(what, meter)| HourlyUsage { what, unit_micros: meter.finish(span) })
                .collect(),
            fargate: self
                .fargate
                .into_iter()
                .map(|(key, (tasks, billed_micros))| FargateUsage { key, tasks, billed_micros })
                .collect(),
            task_addresses: self
                .addresses
                .into_iter()
                .map(|((payer, zone), micros)| AddressUsage { payer, zone, address_micros: micros })
                .collect(),
            instances: self
                .classes
                .indices()
                .map(|class| self.classes[class].finish(end))
                .collect(),
        }
    }

    /// Adds what a Fargate task cost in time, and how long it had a public address.
    ///
    /// Source: AWS Fargate pricing page: from the start of the image download until the task
    /// terminates, rounded up to the second. Assumption: an address is paid for from the task's
    /// creation to STOPPED; tasks on EC2 cannot have one of their own (ECS API,
    /// AwsVpcConfiguration).
    fn bill_task(&mut self, until: SimTime, task: &Task, model: &Model) {
        let spot = match task.provider {
            Provider::Fargate => false,
            Provider::FargateSpot => true,
            Provider::Ec2 | Provider::External => return,
        };
        let Some(zone) = task.zone else { return };
        let payer = Payer::of(task.owner);
        if model.launches[task.launch].public_ip {
            let micros = until.since(task.times.created).as_micros();
            *self.addresses.entry((payer, zone)).or_default() += u128::from(micros);
        }
        let (Some(from), Some(size)) = (task.times.pull_started, task.fargate()) else { return };
        let definition = &model.task_definitions[task.task_definition];
        let (os, architecture) = (definition.os, definition.architecture);
        let minimum = match os {
            Os::Linux => FARGATE_MINIMUM_LINUX,
            Os::Windows => FARGATE_MINIMUM_WINDOWS,
        };
        let key = FargateKey { payer, spot, os, architecture, size, zone };
        let (tasks, micros) = self.fargate.entry(key).or_default();
        let billed = billed_micros(until.since(from), minimum);
        *tasks += 1;
        *micros += billed;
        if !spot {
            let mut add = |what, units| {
                self.hourly.entry(what).or_default().add(units, from, billed);
            };
            add(Coverable::FargateCpu(os, architecture), size.cpu_units);
            add(Coverable::FargateMemory(os, architecture), size.memory_mib);
        }
    }

    fn instance_comes(&mut self, at: SimTime, instance: Id<Instance>, world: &World) {
        let slot = instance.slot();
        if self.stranded.len() <= slot {
            self.stranded.resize(slot + 1, Resources::ZERO);
        }
        self.stranded[slot] = Resources::ZERO;
        self.update_stranded(at, instance, world);
    }

    /// An instance is gone: it is paid for up to now, and strands nothing any more.
    ///
    /// Source: Amazon EC2 Auto Scaling User Guide: billing starts at the launch, not in service.
    fn instance_goes(
        &mut self,
        at: SimTime,
        (instance, reason): (Id<Instance>, TerminationReason),
        (world, model): (&World, &Model),
    ) {
        let host = world.cluster.instance(instance);
        if let Some(stranded) = self.stranded.get_mut(instance.slot()) {
            let before = std::mem::replace(stranded, Resources::ZERO);
            self.note_stranded(at, host.class, (before, Resources::ZERO));
        }
        let is_reclaimed = reason == TerminationReason::SpotInterrupted;
        self.bill_instance(host, (at, is_reclaimed), (world, model));
    }

    fn bill_instance(
        &mut self,
        host: &Instance,
        (until, is_reclaimed): (SimTime, bool),
        (world, model): (&World, &Model),
    ) {
        let usage = &mut self.classes[host.class].usage;
        usage.count += 1;
        if let Some(credits) = &host.credits {
            usage.charged_credits += credits.account().at(until).totals().charged.parts();
        }
        if host.is_stopped() {
            self.bill_stop(host.class, until.since(host.power_since));
        } else {
            let times = (host.power_since, until);
            self.bill_run(host.class, times, is_reclaimed, (world, model));
        }
    }

    /// An instance was stopped for so long: only its volume is paid for.
    fn bill_stop(&mut self, class: Ix<InstanceClass>, stopped: Span) {
        self.classes[class].usage.stopped_micros += u128::from(stopped.as_micros());
    }

    /// An instance has run without being stopped.
    fn bill_run(
        &mut self,
        class: Ix<InstanceClass>,
        (from, until): (SimTime, SimTime),
        is_reclaimed: bool,
        (world, model): (&World, &Model),
    ) {
        let lived = until.since(from);
        let kind = &model.classes[class];
        let minimum = match kind.launch_type {
            InstanceLaunchType::Ec2 => EC2_MINIMUM,
            InstanceLaunchType::External => ECS_ANYWHERE_MINIMUM,
        };
        let usage = &mut self.classes[class].usage;
        let billed = billed_micros(lived, minimum);
        usage.billed_micros += billed;
        if is_coverable(kind) {
            let hourly = self.hourly.entry(Coverable::Instances(class)).or_default();
            hourly.add(1, from, billed);
        }
        usage.registered += ResourceTime::of(&kind.registered, lived);
        if let Some(supply) = kind.spot
            && !(is_reclaimed && lived < FREE_IF_RECLAIMED_WITHIN)
        {
            let path = self.spot_prices[supply]
                .get_or_insert_with(|| PricePath::new(world.spot_prices(supply)));
            let charged = billed_micros(lived, minimum);
            let lasts = Span::micros(u64::try_from(charged).unwrap_or(u64::MAX));
            usage.spot.charged_micros += charged;
            usage.spot.share_micros += path.share_micros(from, lasts);
        }
    }

    /// Adds what a task on an instance reserved, from when it had a place until now.
    fn add_reservation(&mut self, until: SimTime, task: &Task, world: &World, model: &Model) {
        let Some(instance) = task.instance else { return };
        let resources = &model.requirements[task.requirement].resources;
        let from = task.times.placed.unwrap_or(task.times.created);
        let held = ResourceTime::of(resources, until.since(from));
        let class = world.cluster.instance(instance).class;
        self.share(class, task, model).reserved += held;
    }

    /// A container's process begins to use what it says it uses, or ends.
    fn use_resources(
        &mut self,
        at: SimTime,
        (task, container): (Id<Task>, u8),
        runs: bool,
        (world, model): (&World, &Model),
    ) {
        let task = &world.tasks[task];
        let Some(instance) = task.instance else { return };
        let definition = &model.task_definitions[task.task_definition];
        let Some(usage) = definition.containers[container as usize].behaviour.usage else { return };
        let class = world.cluster.instance(instance).class;
        let Some(used) = &mut self.share(class, task, model).used else { return };
        for (gauge, amount) in used.iter_mut().zip([usage.cpu_units, usage.memory_mib]) {
            if runs {
                gauge.add(at, u64::from(amount));
            } else {
                gauge.subtract(at, u64::from(amount));
            }
        }
    }

    fn share(&mut self, class: Ix<InstanceClass>, task: &Task, model: &Model) -> &mut ShareMeter {
        let payer = Payer::of(task.owner);
        let position = payer.position(model);
        let gives_usage = self.gives_usage[task.task_definition];
        let shares = &mut self.classes[class].shares;
        if shares.len() <= position {
            shares.resize_with(position + 1, || None);
        }
        shares[position].get_or_insert_with(|| {
            let gauge = TimeWeighted::new(SimTime::ZERO, 0);
            let used = gives_usage.then_some([gauge; 2]);
            Box::new(ShareMeter { payer, reserved: ResourceTime::default(), used })
        })
    }

    /// Brings the stranded capacity of an instance up to date: what is free of it has changed.
    fn update_stranded(&mut self, at: SimTime, instance: Id<Instance>, world: &World) {
        let host = world.cluster.instance(instance);
        let now = self.smallest[host.class].stranded(host);
        let before = std::mem::replace(&mut self.stranded[instance.slot()], now);
        self.note_stranded(at, host.class, (before, now));
    }

    fn note_stranded(
        &mut self,
        at: SimTime,
        class: Ix<InstanceClass>,
        (before, now): (Resources, Resources),
    ) {
        if now == before {
            return;
        }
        let gauges = &mut self.classes[class].stranded;
        for (gauge, (old, new)) in gauges.iter_mut().zip(pairs(&before, &now)) {
            if old != new {
                gauge.set(at, gauge.level() - u64::from(old) + u64::from(new));
            }
        }
    }
}

impl ClassMeter {
    fn finish(&self, end: SimTime) -> InstanceUsage {
        let [cpu, memory, gpus] = self.stranded.map(|gauge| gauge.until(end).integral);
        let used = |[cpu, memory]: [TimeWeighted; 2]| ResourceTime {
            cpu_unit_micros: cpu.until(end).integral,
            memory_mib_micros: memory.until(end).integral,
            gpu_micros: 0,
        };
        let shares = self.shares.iter().flatten().map(|share| Share {
            payer: share.payer,
            reserved: share.reserved,
            used: share.used.map(used),
        });
        InstanceUsage {
            stranded: ResourceTime {
                cpu_unit_micros: cpu,
                memory_mib_micros: memory,
                gpu_micros: gpus,
            },
            shares: shares.collect(),
            ..self.usage.clone()
        }
    }
}

fn pairs(a: &Resources, b: &Resources) -> [(u32, u32); 3] {
    [(a.cpu_units, b.cpu_units), (a.memory_mib, b.memory_mib), (a.gpus, b.gpus)]
}

/// Rounds a time up to the second and to its minimum.
fn billed_micros(lived: Span, minimum: Span) -> u128 {
    let second = Span::SECOND.as_micros();
    u128::from((lived.as_micros().div_ceil(second) * second).max(minimum.as_micros()))
}
