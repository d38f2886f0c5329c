//! Requests of a service one by one: which servers of the inner simulation are its tasks.
//!
//! A [`Desk`] drives its part of [`Requests`]: sources follow the loads, tasks are servers from
//! when they are targets first until their process ends. One that gets no more requests answers
//! those it has; what is there when it ends is lost. A task whose host has failed is a server
//! without CPU: what is sent to it waits there for nothing, and load balancers that count requests
//! in flight soon avoid it.
//!
//! What happened is known afterwards, so levels are means over the time since the last look.

use std::collections::BTreeMap;

use crate::ecs::load::fluid::{self, Capacity, Level, Station, Totals, Use, Work};
use crate::ecs::load::requests::{
    ClassSpec, Flow, Group, GroupSpec, Histogram, Requests, Routing, Server, ServerSpec, Source,
    SourceSpec, Usage,
};
use crate::ecs::model::{Load, Model, Serving, TargetGroup};
use crate::engine::{Id, Ix, Luck};
use crate::units::SimTime;

use super::Task;

/// How many requests a dead task takes; what more comes is refused at once, so that memory ends.
const DEAD_QUEUE: u32 = 100_000;

/// What becomes of the requests of a service, however they are simulated.
#[derive(Clone, Copy, Debug)]
pub enum Served<'a> {
    /// As a fluid.
    Fluid(&'a Station),
    /// One by one, as part of a simulation of all of them.
    Requests(&'a Desk, &'a Requests),
}

/// The requests of a service, each an event.
#[derive(Clone, Debug)]
pub struct Desk {
    group: Ix<Group>,
    inflows: Vec<Inflow>,
    /// What a task is, but for its CPU.
    server: ServerSpec,
    work: Work,
    /// CPU time of a usual request.
    cpu: fluid::Moments,
    places: BTreeMap<Id<Task>, Place>,
    /// Requests that were sent to dead tasks which are gone, and how many of them were refused.
    unreachable: [u64; 2],
    /// By place, what tasks used that are gone.
    past: Vec<(u32, Usage)>,
    /// How it stood when it was looked at.
    looked: Reading,
    /// How it stood when that was told, and before.
    told: Reading,
    told_before: SimTime,
    uses: Vec<Use>,
    /// Whether somebody comes back to look.
    pub(super) is_watched: bool,
}

/// A load, the share of it that comes here, and how much of that by which target group.
pub(super) type Part = (Ix<Load>, f64, Vec<(Ix<TargetGroup>, f64)>);

/// What comes of a load.
#[derive(Clone, Debug)]
struct Inflow {
    load: Ix<Load>,
    /// Its share of the load.
    share: f64,
    /// How much of that comes by which target group.
    groups: Vec<(Ix<TargetGroup>, f64)>,
    source: Ix<Source>,
    /// Requests a second: now, and as many as came lately.
    rate: f64,
    lately: f64,
    /// How many had been sent when it was looked at.
    attempts: u64,
}

/// A task and the server that it is.
#[derive(Clone, Copy, Debug)]
struct Place {
    server: Id<Server>,
    capacity: Capacity,
    is_dead: bool,
    gets_requests: bool,
}

/// What a task is to be for requests.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// It gets none; what it has is lost, or it answers that first.
    Away { is_lost: bool },
    /// It gets requests and does nothing.
    Dead,
    /// It serves them.
    Serves(Capacity),
}

/// How a service stands at an instant, counted from the beginning.
#[derive(Clone, Debug, Default)]
struct Reading {
    at: SimTime,
    flow: Flow,
    /// Of those that arrived, sent to dead tasks.
    unreachable: u64,
    /// Those that were refused and those that were lost, but by dead tasks.
    rejected: u64,
    lost: u64,
    /// Microseconds that those completed took, together.
    response_us: u128,
    /// By place.
    usage: Vec<(u32, Usage)>,
}

/// What clients made of it, counted from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clients {
    /// Attempts that took longer than the client waits.
    pub timed_out: u64,
    /// Attempts after the first.
    pub retried: u64,
    /// Requests whose last attempt failed.
    pub gave_up: u64,
}

fn add(usages: &mut Vec<(u32, Usage)>, place: u32, usage: Usage) {
    match usages.iter_mut().find(|it| it.0 == place) {
        Some((_, sum)) => *sum += usage,
        None => usages.push((place, usage)),
    }
}

/// Returns how many there are a second if so many come in such a time.
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

impl Reading {
    fn seconds_since(&self, earlier: &Reading) -> f64 {
        self.at.since(earlier.at).as_secs_f64()
    }

    fn used_since(&self, earlier: &Reading) -> impl Iterator<Item = (u32, Usage)> {
        self.usage.iter().map(|&(place, is)| {
            let was = earlier.usage.iter().find(|it| it.0 == place);
            (place, is - was.map_or_else(Usage::default, |it| it.1))
        })
    }

    /// Returns what held since an earlier one, on average.
    fn level_since(&self, earlier: &Reading) -> Level {
        let seconds = self.seconds_since(earlier);
        let flow = self.flow - earlier.flow;
        let mut level = Level {
            arrivals: rate(flow.arrived, seconds),
            served: rate(flow.completed, seconds),
            rejected: rate(self.rejected - earlier.rejected, seconds),
            no_target: rate(flow.no_server, seconds),
            unreachable: rate(self.unreachable - earlier.unreachable, seconds),
            ..Level::default()
        };
        for (_, used) in self.used_since(earlier) {
            level.in_system += used.in_system_us as f64 / 1e6 / seconds;
            level.in_service += used.in_service_us as f64 / 1e6 / seconds;
            level.cpu += used.cpu_seconds() / seconds;
        }
        let took = self.response_us.saturating_sub(earlier.response_us);
        level.response = took as f64 / 1e6 / flow.completed.max(1) as f64;
        level
    }
}

impl Desk {
    /// Makes that of a service to which loads come in such shares, by which target groups.
    pub(super) fn new(
        requests: &mut Requests,
        model: &Model,
        (serving, routing): (&Serving, fluid::Routing),
        loads: Vec<Part>,
        luck: Luck,
    ) -> Desk {
        let routing = match routing {
            fluid::Routing::RoundRobin => Routing::RoundRobin,
            fluid::Routing::LeastOutstanding => Routing::LeastOutstandingRequests,
            fluid::Routing::Random | fluid::Routing::Queue => Routing::WeightedRandom,
        };
        let group = requests.add_group(GroupSpec { routing, ..GroupSpec::default() });
        let mut inflows = Vec::new();
        for (load, share, groups) in loads {
            let spec = &model.loads[load];
            let one = |cost: f64| ClassSpec {
                cpu_seconds: serving.cpu.times(cost),
                wait_seconds: serving.wait.clone(),
                calls: Vec::new(),
            };
            let kinds = spec.classes.iter().map(|it| (it.share, one(it.cost)));
            let kinds: Vec<(f64, ClassSpec)> =
                if spec.classes.is_empty() { vec![(1.0, one(1.0))] } else { kinds.collect() };
            let mut mix = Vec::new();
            for (part, class) in kinds {
                mix.push((part, requests.add_class(class).expect("it calls nobody")));
            }
            let luck = luck.named(&spec.name);
            let source = SourceSpec { luck, to: group, mix, patience: spec.patience };
            let source = requests.add_source(&source);
            let (rate, lately, attempts) = (0.0, 0.0, 0);
            inflows.push(Inflow { load, share, groups, source, rate, lately, attempts });
        }
        // A task that works at fewer requests than its memory is enough for never runs out of it.
        let fatal = serving.fatal.filter(|&it| it < serving.concurrency);
        Desk {
            group,
            inflows,
            server: ServerSpec {
                concurrency: serving.concurrency,
                queue_limit: serving.queue_limit,
                crowded_above: fatal,
                ..ServerSpec::default()
            },
            work: serving.work(),
            cpu: serving.work().cpu,
            places: BTreeMap::new(),
            unreachable: [0; 2],
            past: Vec::new(),
            looked: Reading::default(),
            told: Reading::default(),
            told_before: SimTime::ZERO,
            uses: Vec::new(),
            is_watched: false,
        }
    }

    /// Loads have other rates from now on; says whether any request comes.
    pub(super) fn set_rates(
        &mut self,
        requests: &mut Requests,
        model: &Model,
        of_load: impl Fn(Ix<Load>) -> f64,
    ) -> bool {
        let (mut arrivals, mut cost, mut square) = (0.0, 0.0, 0.0);
        for it in &mut self.inflows {
            it.rate = of_load(it.load) * it.share;
            requests.set_rate(it.source, it.rate);
            let (mean, squared) = model.loads[it.load].cost();
            arrivals += it.rate;
            cost += it.rate * mean;
            square += it.rate * squared;
        }
        self.work.cpu = self.cpu.mixed(arrivals, cost, square).unwrap_or(self.cpu);
        arrivals > 0.0
    }

    /// Says whether requests of a load come here.
    pub(super) fn gets(&self, load: Ix<Load>) -> bool {
        self.inflows.iter().any(|it| it.load == load)
    }

    /// Returns the task that a server is.
    pub(super) fn task_of(&self, server: Id<Server>) -> Option<Id<Task>> {
        self.places.iter().find(|it| it.1.server == server).map(|it| *it.0)
    }

    /// A task is something else for requests from now on.
    pub(super) fn set_role(&mut self, requests: &mut Requests, task: Id<Task>, role: Role) {
        let place = self.places.get(&task).copied();
        match (place, role) {
            (Some(place), Role::Away { is_lost: false }) if !place.is_dead => {
                requests.set_server(place.server, place.capacity.vcpus, 0.0);
                self.places.insert(task, Place { gets_requests: false, ..place });
            }
            (Some(_), Role::Away { .. }) => self.remove(requests, task),
            (None, Role::Away { .. }) => {}
            (Some(place), Role::Serves(capacity))
                if !place.is_dead
                    && (place.capacity.speed, place.capacity.place)
                        == (capacity.speed, capacity.place) =>
            {
                requests.set_server(place.server, capacity.vcpus, 1.0);
                self.places.insert(task, Place { capacity, gets_requests: true, ..place });
            }
            (_, Role::Serves(capacity)) => {
                self.remove(requests, task);
                let Capacity { vcpus: cpu, speed, .. } = capacity;
                self.add(requests, task, (ServerSpec { cpu, speed, ..self.server }, capacity));
            }
            (_, Role::Dead) => {
                self.remove(requests, task);
                let dead = ServerSpec {
                    cpu: 0.0,
                    concurrency: 0,
                    queue_limit: DEAD_QUEUE,
                    crowded_above: None,
                    ..self.server
                };
                let nothing = Capacity { vcpus: 0.0, speed: 1.0, place: 0 };
                self.add(requests, task, (dead, nothing));
            }
        }
    }

    fn add(
        &mut self,
        requests: &mut Requests,
        task: Id<Task>,
        (spec, capacity): (ServerSpec, Capacity),
    ) {
        let server = requests.add_server(self.group, spec);
        let is_dead = spec.concurrency == 0;
        self.places.insert(task, Place { server, capacity, is_dead, gets_requests: true });
    }

    /// The process of a task has ended: what it had is lost. Another one may take its place.
    pub(super) fn process_ended(&mut self, requests: &mut Requests, task: Id<Task>) {
        let Some(place) = self.places.get(&task).copied() else { return };
        self.remove(requests, task);
        if place.gets_requests && !place.is_dead {
            self.set_role(requests, task, Role::Serves(place.capacity));
        }
    }

    /// Takes a task away, with all that is in it.
    pub(super) fn remove(&mut self, requests: &mut Requests, task: Id<Task>) {
        let Some(place) = self.places.remove(&task) else { return };
        let Some(tally) = requests.remove_server(place.server) else { return };
        match place.is_dead {
            true => {
                self.unreachable[0] += tally.flow.arrived;
                self.unreachable[1] += tally.flow.queue_full;
            }
            false => add(&mut self.past, place.capacity.place, tally.usage),
        }
    }

    /// Reads how it stands now, if departures have been settled.
    fn read(&self, requests: &Requests) -> Reading {
        let account = requests.account(self.group);
        let ([mut unreachable, mut refused], mut usage) = (self.unreachable, self.past.clone());
        for place in self.places.values() {
            let Some(seen) = requests.seen(place.server) else { continue };
            match place.is_dead {
                true => {
                    unreachable += seen.flow.arrived;
                    refused += seen.flow.queue_full;
                }
                false => add(&mut usage, place.capacity.place, seen.usage),
            }
        }
        let flow = account.flow;
        Reading {
            at: requests.now(),
            flow,
            unreachable,
            rejected: flow.queue_full - refused,
            lost: flow.lost - (self.unreachable[0] - self.unreachable[1]),
            response_us: account.responses.sum_us(),
            usage,
        }
    }

    /// Looks what came since it was looked at; `tells`: and notes what is to be told of the time
    /// since that was done. Returns what held since either, on average; `None`: no time passed.
    pub(super) fn look(&mut self, requests: &mut Requests, tells: bool) -> Option<Level> {
        requests.settle();
        let now = self.read(requests);
        let since = now.seconds_since(&self.looked);
        for it in &mut self.inflows {
            let attempts = requests.met(it.source).attempts;
            it.lately = if since > 0.0 { rate(attempts - it.attempts, since) } else { it.rate };
            it.attempts = attempts;
        }
        let earlier = if tells { &self.told } else { &self.looked };
        let seconds = now.seconds_since(earlier);
        let mut level = (seconds > 0.0).then(|| now.level_since(earlier));
        let serving = self.places.values().filter(|it| it.gets_requests && !it.is_dead);
        let can: f64 = serving.map(|it| self.work.rate(it.capacity)).sum();
        if let Some(level) = &mut level
            && level.arrivals > 0.0
        {
            level.utilization = level.arrivals / can;
        }
        if tells && level.is_some() {
            let of_place = |(place, used): (u32, Usage)| Use {
                place,
                cpu: used.cpu_seconds() / seconds,
                in_service: used.in_service_us as f64 / 1e6 / seconds,
            };
            self.uses = now.used_since(&self.told).map(of_place).collect();
            self.told_before = self.told.at;
            self.told = now.clone();
        }
        self.looked = now;
        level
    }

    /// Begins to count anew after a time in which nothing happened.
    pub(super) fn wake(&mut self, now: SimTime) {
        self.looked.at = now;
        self.told.at = now;
        self.is_watched = true;
    }

    /// Says whether nothing comes and nothing is there.
    pub(super) fn is_idle(&self) -> bool {
        let Reading { flow, unreachable, rejected, .. } = &self.looked;
        let alive = flow.arrived - flow.completed - flow.no_server - unreachable - rejected;
        alive == self.looked.lost && self.inflows.iter().all(|it| it.rate <= 0.0)
    }

    /// Goes through the target groups by which requests came lately, and how many a second.
    pub(super) fn at_target_groups(&self) -> impl Iterator<Item = (Ix<TargetGroup>, f64)> {
        let of = |it: &Inflow| {
            let lately = it.lately;
            it.groups.iter().map(move |&(group, share)| (group, lately * share)).collect::<Vec<_>>()
        };
        self.inflows.iter().flat_map(of)
    }
}

impl Served<'_> {
    /// Returns what has come so far; of requests one by one those that are still there are neither
    /// served nor anything else.
    pub fn totals(&self) -> Totals {
        let (desk, requests) = match *self {
            Served::Fluid(station) => return *station.totals(),
            Served::Requests(desk, requests) => (desk, requests),
        };
        let read = desk.read(requests);
        let Reading { flow, unreachable, rejected, lost, response_us, usage, at: _ } = read;
        Totals {
            arrived: flow.arrived as f64,
            served: flow.completed as f64,
            rejected: rejected as f64,
            no_target: flow.no_server as f64,
            unreachable: unreachable as f64,
            lost: lost as f64,
            response_seconds: response_us as f64 / 1e6,
            admitted: flow.completed as f64,
            cpu_seconds: usage.iter().map(|it| it.1.cpu_seconds()).sum(),
        }
    }

    /// Returns how many single requests are at tasks that work; `None`: a fluid has a level.
    pub fn there(&self) -> Option<u64> {
        let Served::Requests(desk, requests) = self else { return None };
        let alive = desk.places.values().filter(|it| !it.is_dead);
        let seen = alive.filter_map(|it| requests.seen(it.server));
        Some(seen.map(|it| u64::from(it.in_system)).sum())
    }

    /// Goes through what requests use, by place, as it was told.
    pub fn uses(&self) -> Vec<Use> {
        match self {
            Served::Fluid(station) => station.uses().collect(),
            Served::Requests(desk, _) => desk.uses.clone(),
        }
    }

    /// Returns since when that holds which is told now; `None`: from now on.
    pub fn since(&self) -> Option<SimTime> {
        match self {
            Served::Fluid(_) => None,
            Served::Requests(desk, _) => Some(desk.told_before),
        }
    }

    /// Returns what held on average since something was told, and since when; `None`: nothing is
    /// to be added to what was told.
    pub fn untold(&self) -> Option<(SimTime, Level)> {
        let Served::Requests(desk, requests) = *self else { return None };
        let now = desk.read(requests);
        let is_later = desk.is_watched && now.at > desk.told.at;
        is_later.then(|| (desk.told.at, now.level_since(&desk.told)))
    }

    /// Returns how long requests took from their arrival at the load balancer to the answer of the
    /// task, each attempt by itself; `None`: as a fluid they have only a mean.
    pub fn responses(&self) -> Option<&Histogram> {
        let Served::Requests(desk, requests) = self else { return None };
        Some(&requests.account(desk.group).responses)
    }

    /// Returns what clients made of it; `None`: as a fluid they wait for ever.
    pub fn clients(&self) -> Option<Clients> {
        let Served::Requests(desk, requests) = self else { return None };
        let mut clients = Clients::default();
        for met in desk.inflows.iter().map(|it| requests.met(it.source)) {
            clients.timed_out += met.timed_out;
            clients.retried += met.retried;
            clients.gave_up += met.gave_up;
        }
        Some(clients)
    }
}
