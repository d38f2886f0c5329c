//! Requests as a fluid: rates, a backlog, and the delay that queueing theory gives.
//!
//! A [`Station`] is what the tasks of one service make of the requests that reach them. Tasks of
//! one [`Capacity`] are one group with one state, so a thousand tasks cost as much as one. Between
//! two changes everything is linear in time and is integrated exactly: while a group is asked for
//! more than it can do its backlog grows, up to what its tasks admit and queue; afterwards it
//! shrinks. Where there is no backlog, requests still wait, since they do not come evenly: that
//! delay is the stationary one ([`stationary`]).
//!
//! Assumptions: the backlog of a group is shared evenly by its tasks, new ones at once; a group
//! that has just become busy is as slow as if it had been so for long.

use crate::units::SimTime;

/// What a request asks of a task, and how many a task takes at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// CPU time of a request, in seconds of a vCPU.
    pub cpu: Moments,
    /// How long it waits besides, for disks or for others, in seconds.
    pub wait: Moments,
    /// How many requests a task works at: at least 1.
    pub concurrency: u32,
    /// How many more it lets wait, first in first out.
    pub queue_limit: u32,
}

/// A mean, and how much single values differ from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// The mean, at least 0.
    pub mean: f64,
    /// Variance ÷ mean²: 0 if all are equal, 1 for an exponential distribution.
    pub scv: f64,
}

/// What one task can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// CPU that it may use, in vCPUs: above 0.
    pub vcpus: f64,
    /// How fast one is: 1 takes as long as the work says.
    pub speed: f64,
    /// Where it is, as the driver numbers places.
    pub place: u32,
}

/// What tasks of one capacity use for requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Use {
    /// Where they are.
    pub place: u32,
    /// CPU, in vCPUs.
    pub cpu: f64,
    /// Requests that they work at.
    pub in_service: f64,
}

/// How requests are spread over tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// One after the other.
    #[default]
    RoundRobin,
    /// To whoever has fewest in flight.
    LeastOutstanding,
    /// Each to any.
    Random,
    /// Tasks fetch what waits in one queue of all: messages wait while there is no task, and are
    /// not lost with one.
    Queue,
}

/// Requests that have come to a station, and what became of them; fractions are the fluid's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Arrived.
    pub arrived: f64,
    /// Answered.
    pub served: f64,
    /// Refused, since tasks were full.
    pub rejected: f64,
    /// Refused, since there was no task.
    pub no_target: f64,
    /// Sent to tasks that do nothing.
    pub unreachable: f64,
    /// Lost with tasks that died.
    pub lost: f64,
    /// Seconds that the admitted ones take from arrival to answer, together.
    pub response_seconds: f64,
    /// The admitted ones.
    pub admitted: f64,
    /// Seconds of a vCPU used.
    pub cpu_seconds: f64,
}

/// What holds at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// Requests that arrive, a second.
    pub arrivals: f64,
    /// Requests that are answered, a second.
    pub served: f64,
    /// Requests that are refused since tasks are full, a second.
    pub rejected: f64,
    /// Requests that find no task, a second.
    pub no_target: f64,
    /// Requests that are sent to tasks that do nothing, a second.
    pub unreachable: f64,
    /// Requests that are there.
    pub in_system: f64,
    /// Those that tasks work at.
    pub in_service: f64,
    /// Seconds that a request takes that is admitted now, if nothing changes meanwhile; of a queue
    /// with a backlog those that the one took that is answered now; 0 if there is none.
    pub response: f64,
    /// CPU in use, in vCPUs of the tasks.
    pub cpu: f64,
    /// What arrives ÷ what could be served; infinite where nothing can.
    pub utilization: f64,
}

/// The requests of a service, and its tasks that serve them.
#[derive(Clone, Debug)]
pub struct Station {
    work: Work,
    routing: Routing,
    arrivals: f64,
    groups: Vec<Group>,
    /// Tasks that get requests and do nothing.
    dead: u32,
    /// Of messages in a queue, those that wait while there is no task.
    waiting: f64,
    totals: Totals,
    updated: SimTime,
}

/// Tasks of one capacity.
#[derive(Clone, Copy, Debug)]
struct Group {
    capacity: Capacity,
    tasks: u32,
    /// Requests beyond those that are always in service, of all tasks together.
    backlog: f64,
    /// Requests that arrive at a task, a second.
    asked: f64,
    /// Requests that a task can answer, a second; infinite where they take no time.
    can: f64,
    /// Requests that are at a task without a backlog.
    usual: f64,
}

impl Moments {
    /// Makes those of values that are all equal.
    pub const fn constant(mean: f64) -> Moments {
        Moments { mean, scv: 0.0 }
    }

    /// Makes those of an exponential distribution.
    pub const fn exponential(mean: f64) -> Moments {
        Moments { mean, scv: 1.0 }
    }

    /// Returns those of a mix: so many requests of which all take `cost` times as long together,
    /// `square` times with the squares; `None`: there are none.
    pub fn mixed(self, requests: f64, cost: f64, square: f64) -> Option<Moments> {
        let (mean, squared) = (cost / requests, square / requests);
        let scv = (1.0 + self.scv) * squared / (mean * mean) - 1.0;
        (requests > 0.0 && mean > 0.0)
            .then(|| Moments { mean: self.mean * mean, scv: scv.max(0.0) })
    }

    fn plus(self, other: Moments) -> Moments {
        let mean = self.mean + other.mean;
        let variance = self.scv * self.mean * self.mean + other.scv * other.mean * other.mean;
        Moments { mean, scv: if mean > 0.0 { variance / (mean * mean) } else { 0.0 } }
    }

    fn times(self, factor: f64) -> Moments {
        Moments { mean: self.mean * factor, ..self }
    }
}

impl Work {
    /// Returns how many requests a task can answer a second; infinite if they take no time.
    ///
    /// As many as its CPU has time for, and no more than its `concurrency` allows when each takes
    /// as long as it does alone.
    pub fn rate(&self, capacity: Capacity) -> f64 {
        let by_cpu = capacity.vcpus * capacity.speed / self.cpu.mean;
        let by_slots = f64::from(self.concurrency) / self.alone(capacity).mean;
        // Nothing ÷ nothing does not come up: both are above zero before they are divided.
        by_cpu.min(by_slots)
    }

    /// Returns how long a request takes that is alone.
    pub fn alone(&self, capacity: Capacity) -> Moments {
        self.cpu.times(1.0 / (capacity.speed * capacity.vcpus.min(1.0))).plus(self.wait)
    }

    fn most(&self) -> f64 {
        f64::from(self.concurrency) + f64::from(self.queue_limit)
    }
}

/// Returns how many requests are at a task on average that so many arrive at, a second, at random;
/// `variability` is the squared coefficient of variation of the times between them.
///
/// A task is a queue whose CPU serves `min(n, vcpus)` of n requests at a time, which is solved
/// exactly for exponential times (a birth and death process). Two corrections are for others. The
/// part of the queue that waits for one of `concurrency` places is first-in-first-out, where the
/// spread of service times matters, as Pollaczek and Khinchine have it for one server and
/// Allen and Cunneen, approximately, for several; those at work share the CPU, where it does not.
/// With one vCPU that is the approximation of Avi-Itzhak and Halfin (1988) for limited processor
/// sharing. Time that is spent waiting besides is added, and takes its places.
///
/// Where what arrives is more than can be served, it is infinite.
pub fn stationary(work: &Work, capacity: Capacity, arrivals: f64, variability: f64) -> f64 {
    if arrivals <= 0.0 {
        return 0.0;
    }
    let alone = work.alone(capacity);
    let places = f64::from(work.concurrency);
    let by_cpu = capacity.vcpus * capacity.speed / work.cpu.mean;
    if places <= capacity.vcpus || places / alone.mean < by_cpu {
        // Whoever has a place is served as if alone.
        let queue = Queue::new(arrivals * alone.mean, places);
        let spread = (variability - 1.0 + alone.scv - 1.0) / 2.0;
        return (queue.number + queue.waiting(places) * spread).max(arrivals * alone.mean);
    }
    let queue = Queue::new(arrivals * work.cpu.mean / capacity.speed, capacity.vcpus);
    let waits = arrivals * work.wait.mean;
    let places = (places - waits.ceil()).max(queue.servers);
    let shared = queue.number + queue.waiting(queue.servers) * (variability - 1.0) / 2.0;
    let queued = queue.waiting(places) * (work.cpu.scv - 1.0) / 2.0;
    (shared + queued + waits).max(arrivals * alone.mean)
}

/// A queue with random arrivals, exponential service, and a rate of `min(n, vcpus)`.
struct Queue {
    /// On average there.
    number: f64,
    /// From how many on the rate does not grow.
    servers: f64,
    /// The probability of so many.
    full: f64,
    load: f64,
}

impl Queue {
    /// `offered` is the CPU that is asked for, on average.
    fn new(offered: f64, vcpus: f64) -> Queue {
        let load = offered / vcpus;
        let servers = vcpus.ceil();
        if load >= 1.0 {
            return Queue { number: f64::INFINITY, servers, full: 1.0, load };
        }
        let (mut weight, mut sum, mut number) = (1.0, 0.0, 0.0);
        let mut n = 0.0;
        while n < servers {
            sum += weight;
            number += n * weight;
            n += 1.0;
            weight *= offered / n.min(vcpus);
        }
        // From here on each is less likely than the one before by the same factor.
        let rest = weight / (1.0 - load);
        number += rest * (servers + load / (1.0 - load));
        sum += rest;
        Queue { number: number / sum, servers, full: weight / sum, load }
    }

    /// Returns how many are there beyond `places`, of which there are no fewer than servers.
    fn waiting(&self, places: f64) -> f64 {
        if self.load >= 1.0 {
            return f64::INFINITY;
        }
        let rest = 1.0 - self.load;
        self.full * power(self.load, (places - self.servers) as u32) * self.load / (rest * rest)
    }
}

/// A whole power, the same on every machine.
fn power(base: f64, mut exponent: u32) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result *= square;
        }
        square *= square;
        exponent /= 2;
    }
    result
}

impl Group {
    fn new(work: &Work, capacity: Capacity) -> Group {
        let can = work.rate(capacity);
        Group { capacity, tasks: 0, backlog: 0.0, asked: 0.0, can, usual: 0.0 }
    }

    fn all(&self, of_one: f64) -> f64 {
        f64::from(self.tasks) * of_one
    }

    fn most(&self, work: &Work) -> f64 {
        self.all(work.most())
    }

    fn is_full(&self, work: &Work) -> bool {
        self.backlog >= self.most(work) * (1.0 - 1e-9)
    }

    /// Returns what is answered, and what is refused, a second.
    fn flow(&self, work: &Work) -> (f64, f64) {
        let (asked, can) = (self.all(self.asked), self.all(self.can));
        let refused = if self.is_full(work) { (asked - can).max(0.0) } else { 0.0 };
        let served = if self.backlog > 0.0 { can } else { asked.min(can) };
        (served, refused)
    }

    /// Returns how long a request takes that is admitted now.
    fn response(&self, work: &Work) -> f64 {
        let alone = work.alone(self.capacity).mean;
        if self.tasks == 0 {
            return 0.0;
        }
        let queued = alone + self.backlog / f64::from(self.tasks) / self.can;
        let usual = if self.asked > 0.0 { self.usual / self.asked } else { alone };
        if self.asked < self.can { queued.max(usual) } else { queued }
    }

    /// Returns how many are there, of all tasks together.
    fn in_system(&self, work: &Work) -> f64 {
        let rate = if self.backlog > 0.0 { self.can } else { self.asked.min(self.can) };
        let least = self.all(rate * work.alone(self.capacity).mean);
        let usual = if self.asked < self.can { self.all(self.usual) } else { least };
        usual.max(self.backlog + least).min(self.most(work))
    }
}

impl Station {
    /// Makes a station without tasks, to which nothing comes.
    pub fn new(work: Work, routing: Routing) -> Station {
        // A queue has no end.
        let queue_limit = if routing == Routing::Queue { u32::MAX } else { work.queue_limit };
        let work = Work { queue_limit, ..work };
        Station {
            work,
            routing,
            arrivals: 0.0,
            groups: Vec::new(),
            dead: 0,
            waiting: 0.0,
            totals: Totals::default(),
            updated: SimTime::ZERO,
        }
    }

    /// Brings it up to an instant, which must not be before the last one.
    ///
    /// What holds has held since then: whoever drives it comes back by [`Station::next_change`].
    pub fn advance(&mut self, now: SimTime) {
        let seconds = now.since(self.updated).as_secs_f64();
        self.updated = now;
        if seconds <= 0.0 {
            return;
        }
        let Station { work, totals, .. } = self;
        totals.arrived += self.arrivals * seconds;
        let mut reached = 0.0;
        for group in &mut self.groups {
            let asked = group.all(group.asked) * seconds;
            let (served, refused) = group.flow(work);
            let (served, refused) = (served * seconds, refused * seconds);
            let before = group.response(work);
            let was = group.backlog;
            // The rounding of the driver's clock is all that is cut off here.
            group.backlog = (was + asked - refused - served).clamp(0.0, group.most(work));
            let served = was + asked - refused - group.backlog;
            totals.served += served;
            totals.rejected += refused;
            totals.admitted += asked - refused;
            totals.response_seconds += (asked - refused) * (before + group.response(work)) / 2.0;
            totals.cpu_seconds += served * work.cpu.mean / group.capacity.speed;
            reached += asked;
        }
        let missed = (self.arrivals * seconds - reached).max(0.0);
        if self.routing == Routing::Queue {
            self.waiting += missed;
        } else if self.groups.is_empty() && self.dead == 0 {
            totals.no_target += missed;
        } else {
            totals.unreachable += missed;
        }
    }

    /// So many requests a second arrive from now on.
    pub fn set_arrivals(&mut self, per_second: f64) {
        self.arrivals = per_second;
        self.settle();
    }

    /// Requests need other CPU time from now on.
    pub fn set_cpu(&mut self, cpu: Moments) {
        self.work.cpu = cpu;
        for group in &mut self.groups {
            group.can = self.work.rate(group.capacity);
        }
        self.settle();
    }

    /// A task more serves requests.
    pub fn add(&mut self, capacity: Capacity) {
        match self.groups.iter_mut().find(|it| it.capacity == capacity) {
            Some(group) => group.tasks += 1,
            None => {
                let group = Group { tasks: 1, ..Group::new(&self.work, capacity) };
                self.groups.push(group);
            }
        }
        self.settle();
    }

    /// A task gets no more requests. It answers those it has, or they are lost with it; so many are
    /// returned, which in a queue are not lost for good.
    pub fn remove(&mut self, capacity: Capacity, is_lost: bool) -> f64 {
        let Some(at) = self.groups.iter().position(|it| it.capacity == capacity) else {
            return 0.0;
        };
        let is_queue = self.routing == Routing::Queue;
        let group = &mut self.groups[at];
        let share = group.backlog / f64::from(group.tasks);
        let there = group.in_system(&self.work) / f64::from(group.tasks);
        // Those in service count as answered already, those in the backlog do not.
        let in_service = (there - share).max(0.0).min(f64::from(self.work.concurrency));
        group.backlog -= share;
        group.tasks -= 1;
        let lost = match (is_lost, is_queue) {
            (false, _) => 0.0,
            (true, true) => in_service,
            (true, false) => there.max(share),
        };
        self.totals.lost += lost;
        match (is_lost, is_queue) {
            (true, _) => self.totals.served -= lost - if is_queue { 0.0 } else { share },
            (false, true) => {}
            (false, false) => self.totals.served += share,
        }
        if is_queue {
            self.waiting += share;
        }
        if group.tasks == 0 {
            self.groups.remove(at);
        }
        self.settle();
        lost
    }

    /// Messages that were lost with a task are there again.
    pub fn give_back(&mut self, messages: f64) {
        self.totals.lost -= messages;
        self.waiting += messages;
        self.settle();
    }

    /// Returns how many messages of a queue wait, those apart that tasks work at.
    pub fn visible(&self) -> f64 {
        self.waiting + self.groups.iter().map(|it| it.backlog).sum::<f64>()
    }

    /// A task has another capacity than it had; what waits for it still does.
    pub fn change_one(&mut self, from: Capacity, to: Capacity) {
        let Some(at) = self.groups.iter().position(|it| it.capacity == from) else { return };
        let group = &mut self.groups[at];
        let share = group.backlog / f64::from(group.tasks);
        group.backlog -= share;
        group.tasks -= 1;
        if group.tasks == 0 {
            self.groups.remove(at);
        }
        self.add(to);
        if let Some(group) = self.groups.iter_mut().find(|it| it.capacity == to) {
            group.backlog += share;
        }
    }

    /// So many tasks get requests and do nothing.
    pub fn set_dead(&mut self, tasks: u32) {
        self.dead = tasks;
        self.settle();
    }

    /// Spreads what arrives over the groups.
    fn settle(&mut self) {
        let alive: u32 = self.groups.iter().map(|it| it.tasks).sum();
        let all = f64::from(alive) + f64::from(self.dead);
        // Assumption: one that answers nothing soon has more in flight than the others, and gets
        // no more.
        let avoids = matches!(self.routing, Routing::LeastOutstanding | Routing::Queue);
        let avoids_dead = avoids && alive > 0;
        let all = if avoids_dead { f64::from(alive) } else { all };
        let can: f64 = self.groups.iter().map(|it| it.all(it.can)).sum();
        if self.routing == Routing::Queue && !self.groups.is_empty() {
            // Shared so that all groups come to its end together.
            let waiting = self.visible();
            self.waiting = 0.0;
            for group in &mut self.groups {
                group.backlog =
                    if can.is_finite() { waiting * group.all(group.can) / can } else { 0.0 };
            }
        }
        for group in &mut self.groups {
            let evenly = self.arrivals / all;
            group.asked = match self.routing {
                Routing::LeastOutstanding | Routing::Queue if can.is_finite() => {
                    self.arrivals * group.can / can
                }
                Routing::LeastOutstanding
                | Routing::Queue
                | Routing::RoundRobin
                | Routing::Random => evenly,
            };
            // Every n-th of a random stream comes the more evenly the greater n is. Assumption: to
            // whoever has fewest in flight is as good.
            let variability = match self.routing {
                Routing::Random => 1.0,
                Routing::RoundRobin | Routing::LeastOutstanding | Routing::Queue => {
                    1.0 / all.max(1.0)
                }
            };
            group.usual = match group.asked < group.can {
                true => stationary(&self.work, group.capacity, group.asked, variability)
                    .min(self.work.most()),
                false => f64::INFINITY,
            };
        }
    }

    /// Returns after how many seconds something changes by itself: a backlog is worked off, or as
    /// long as it can be.
    pub fn next_change(&self) -> Option<f64> {
        if self.routing == Routing::Queue && self.groups.is_empty() && self.arrivals > 0.0 {
            return Some(f64::MAX); // it grows until there is a task
        }
        let change = |group: &Group| {
            let grows = group.all(group.asked) - group.all(group.can);
            if grows > 0.0 && !group.is_full(&self.work) {
                Some((group.most(&self.work) - group.backlog) / grows)
            } else if grows < 0.0 && group.backlog > 0.0 {
                Some(group.backlog / -grows)
            } else {
                None
            }
        };
        self.groups.iter().filter_map(change).min_by(f64::total_cmp)
    }

    /// Says whether requests wait that were not served in time.
    pub fn has_backlog(&self) -> bool {
        self.waiting > 0.0 || self.groups.iter().any(|it| it.backlog > 0.0)
    }

    /// Returns what holds so many seconds from now, if nothing changes until then.
    pub fn level(&self, ahead: f64) -> Level {
        let work = &self.work;
        let mut level = Level { arrivals: self.arrivals, ..Level::default() };
        let (mut admitted, mut reached, mut can) = (0.0, 0.0, 0.0);
        for group in &self.groups {
            let (served, refused) = group.flow(work);
            let asked = group.all(group.asked);
            let left = (group.backlog + (asked - refused - served) * ahead).max(0.0);
            let group = &Group { backlog: left.min(group.most(work)), ..*group };
            let there = group.in_system(work);
            level.served += served;
            level.rejected += refused;
            level.in_system += there;
            level.in_service += there.min(group.all(f64::from(work.concurrency)));
            level.cpu += served * work.cpu.mean / group.capacity.speed;
            level.response += (asked - refused) * group.response(work);
            admitted += asked - refused;
            reached += asked;
            can += group.all(group.can);
        }
        let missed = (self.arrivals - reached).max(0.0);
        if self.routing == Routing::Queue {
            level.in_system += self.waiting + missed * ahead;
        } else if self.groups.is_empty() && self.dead == 0 {
            level.no_target = missed;
        } else {
            level.unreachable = missed;
        }
        level.response = if admitted > 0.0 { level.response / admitted } else { 0.0 };
        if self.routing == Routing::Queue && self.has_backlog() {
            // As old as the message is that is fetched now: what waits has come at this rate.
            let rate = self.arrivals.max(level.served);
            level.response = if rate > 0.0 { level.in_system / rate } else { 0.0 };
        }
        level.utilization = if self.arrivals > 0.0 { self.arrivals / can } else { 0.0 };
        level
    }

    /// Goes through what requests use, by capacity of tasks.
    pub fn uses(&self) -> impl Iterator<Item = Use> {
        self.groups.iter().map(|group| Use {
            place: group.capacity.place,
            cpu: group.flow(&self.work).0 * self.work.cpu.mean / group.capacity.speed,
            in_service: group
                .in_system(&self.work)
                .min(group.all(f64::from(self.work.concurrency))),
        })
    }

    /// Returns the capacities whose tasks work at more than so many requests each.
    pub fn crowded(&self, most: u32) -> impl Iterator<Item = Capacity> {
        let places = f64::from(self.work.concurrency);
        let is_crowded = move |it: &&Group| {
            let each = it.in_system(&self.work) / f64::from(it.tasks.max(1));
            each.min(places) > f64::from(most)
        };
        self.groups.iter().filter(is_crowded).map(|it| it.capacity)
    }

    /// Returns what has come so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Capacity = Capacity { vcpus: 1.0, speed: 1.0, place: 0 };

    fn work(cpu: Moments, concurrency: u32) -> Work {
        Work { cpu, wait: Moments::default(), concurrency, queue_limit: 1_000_000 }
    }

    fn near(found: f64, expected: f64) {
        let close = (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
        assert!(close, "{found} is not {expected}");
    }

    /// Mean number in a queue by adding up the probabilities of each number.
    fn by_states(arrivals: f64, rate: impl Fn(u32) -> f64) -> f64 {
        let (mut weight, mut sum, mut number) = (1.0, 1.0, 0.0);
        for n in 1..20_000 {
            weight *= arrivals / rate(n);
            sum += weight;
            number += f64::from(n) * weight;
        }
        number / sum
    }

    /// Pollaczek and Khinchine: mean wait is λ E\[S²\] ÷ 2(1 − ρ).
    #[test]
    fn one_place_and_one_vcpu_are_m_g_1() {
        for scv in [0.0, 0.5, 1.0, 4.0] {
            for load in [0.1, 0.5, 0.9, 0.99] {
                let work = work(Moments { mean: 0.1, scv }, 1);
                let arrivals = load / 0.1;
                let wait = arrivals * 0.01 * (1.0 + scv) / (2.0 * (1.0 - load));
                near(stationary(&work, ONE, arrivals, 1.0), arrivals * (wait + 0.1));
            }
        }
    }

    /// Erlang C, by the states of the queue.
    #[test]
    fn several_places_with_a_vcpu_each_are_m_m_c() {
        for (c, arrivals) in [(1, 7.0), (2, 15.0), (8, 70.0), (8, 79.0), (64, 600.0)] {
            let work = work(Moments::exponential(0.1), c);
            let capacity = Capacity { vcpus: f64::from(c), ..ONE };
            let expected = by_states(arrivals, |n| f64::from(n.min(c)) / 0.1);
            near(stationary(&work, capacity, arrivals, 1.0), expected);
            // More vCPUs than places are of no use.
            let more = Capacity { vcpus: f64::from(c) * 3.0, ..ONE };
            near(stationary(&work, more, arrivals, 1.0), expected);
        }
    }

    #[test]
    fn parts_of_a_vcpu_are_shared_as_a_birth_and_death_process_says() {
        for vcpus in [0.25, 0.5, 1.5, 2.75, 4.0] {
            let work = work(Moments::exponential(0.1), 1_000_000);
            let arrivals = 0.8 * vcpus / 0.1;
            let expected = by_states(arrivals, |n| f64::from(n).min(vcpus) / 0.1);
            near(stationary(&work, Capacity { vcpus, ..ONE }, arrivals, 1.0), expected);
        }
    }

    /// M/G/1 with processor sharing: only the mean matters.
    #[test]
    fn shared_cpu_is_insensitive_to_the_spread_of_service_times() {
        for scv in [0.0, 1.0, 9.0] {
            let work = work(Moments { mean: 0.01, scv }, 100_000);
            near(stationary(&work, ONE, 80.0, 1.0), 0.8 / 0.2);
        }
    }

    /// Avi-Itzhak and Halfin: T = E\[S\] ÷ (1 − ρ) × (1 + ρ^K ((1 + scv) ÷ 2 − 1)).
    #[test]
    fn limited_processor_sharing_is_as_its_approximation() {
        for (places, scv, load) in [(2, 4.0, 0.7), (5, 0.0, 0.9), (10, 9.0, 0.95)] {
            let work = work(Moments { mean: 0.01, scv }, places);
            let arrivals = load / 0.01;
            let factor = 1.0 + power(load, places) * ((1.0 + scv) / 2.0 - 1.0);
            near(stationary(&work, ONE, arrivals, 1.0), load / (1.0 - load) * factor);
        }
    }

    #[test]
    fn time_that_is_waited_takes_places_and_no_cpu() {
        let work = Work { wait: Moments::constant(0.09), ..work(Moments::exponential(0.01), 64) };
        // An infinite server beside a shared CPU: the numbers add up.
        near(stationary(&work, ONE, 50.0, 1.0), 0.5 / 0.5 + 50.0 * 0.09);
        near(work.rate(ONE), 100.0);
        // With few places it is these that are full first.
        near(Work { concurrency: 5, ..work }.rate(ONE), 50.0);
        near(work.rate(Capacity { vcpus: 0.25, speed: 2.0, ..ONE }), 50.0);
    }

    fn run(station: &mut Station, until: f64) {
        let end = SimTime::from_micros((until * 1e6) as u64);
        while station.updated < end {
            let left = end.since(station.updated).as_secs_f64();
            let step = station.next_change().unwrap_or(left).clamp(1e-6, left);
            let at = station.updated.as_micros() + (step * 1e6).ceil() as u64;
            station.advance(SimTime::from_micros(at).min(end));
        }
    }

    fn conserves(station: &Station) {
        let totals = station.totals();
        let backlog = station.visible();
        let out = totals.served + totals.rejected + totals.no_target + totals.unreachable;
        let all = out + totals.lost + backlog;
        assert!((totals.arrived - all).abs() < 1e-6 * all.max(1.0), "{totals:?} {backlog}");
    }

    /// Nine of ten take 10 ms, one takes 100: a mean of 19 ms, and E\[S²\] of 1090 (ms)².
    #[test]
    fn kinds_of_requests_mix_by_their_moments() {
        let usual = Moments::constant(0.01);
        let mixed = usual.mixed(50.0, 50.0 * 1.9, 50.0 * (0.9 + 10.0)).unwrap();
        near(mixed.mean, 0.019);
        near((1.0 + mixed.scv) * mixed.mean * mixed.mean, 1090e-6);
        assert_eq!(usual.mixed(0.0, 0.0, 0.0), None);
    }

    /// Two tasks answer 20 a second: 30 for 10 s leave 100, which 10 a second work off in 10 s.
    #[test]
    fn a_backlog_grows_and_is_worked_off() {
        let mut station = Station::new(work(Moments::constant(0.1), 64), Routing::RoundRobin);
        station.add(ONE);
        station.add(ONE);
        station.set_arrivals(30.0);
        run(&mut station, 10.0);
        near(station.groups[0].backlog, 100.0);
        assert_eq!(station.level(0.0).served, 20.0);
        near(station.level(0.0).response, 0.1 + 50.0 / 10.0);
        near(station.totals().cpu_seconds, 20.0);
        station.set_arrivals(10.0);
        near(station.next_change().unwrap(), 10.0);
        run(&mut station, 19.0);
        assert!(station.has_backlog());
        run(&mut station, 30.0);
        assert!(!station.has_backlog());
        near(station.totals().served, 500.0);
        // Of 300 the mean wait is 2.5 s, of 100 the same, of the others none worth mentioning.
        let mean = station.totals().response_seconds / station.totals().admitted;
        assert!((2.05..2.15).contains(&mean), "{mean}");
        conserves(&station);
    }

    #[test]
    fn tasks_that_are_full_refuse_what_they_cannot_serve() {
        let work = Work { queue_limit: 36, ..work(Moments::constant(0.1), 64) };
        let mut station = Station::new(work, Routing::RoundRobin);
        station.add(ONE);
        station.set_arrivals(15.0);
        // 100 find a place: after 20 s of 5 too many.
        near(station.next_change().unwrap(), 20.0);
        run(&mut station, 60.0);
        near(station.totals().rejected, 200.0);
        near(station.level(0.0).rejected, 5.0);
        assert_eq!(station.next_change(), None);
        conserves(&station);
        // When it dies, what it has is lost with it.
        station.remove(ONE, true);
        near(station.totals().lost, 100.0);
        run(&mut station, 70.0);
        near(station.totals().no_target, 150.0);
        conserves(&station);
    }

    #[test]
    fn tasks_that_do_nothing_get_their_share_unless_the_fewest_in_flight_are_looked_for() {
        for (routing, failed) in [(Routing::RoundRobin, 5.0), (Routing::LeastOutstanding, 0.0)] {
            let mut station = Station::new(work(Moments::constant(0.01), 64), routing);
            (0..3).for_each(|_| station.add(ONE));
            station.set_dead(1);
            station.set_arrivals(20.0);
            near(station.level(0.0).unreachable, failed);
            run(&mut station, 10.0);
            near(station.totals().unreachable, failed * 10.0);
            conserves(&station);
        }
    }

    /// 10 a second, two tasks of 20 and 5 a second: whatever comes and goes, nothing is lost.
    #[test]
    fn messages_wait_in_their_queue_and_outlive_tasks() {
        let work = Work { queue_limit: 0, ..work(Moments::constant(0.05), 1) };
        let mut station = Station::new(work, Routing::Queue);
        station.set_arrivals(10.0);
        run(&mut station, 30.0);
        near(station.visible(), 300.0);
        let slow = Capacity { speed: 0.25, ..ONE };
        station.add(ONE);
        station.add(slow);
        // 15 a second more than come: both come to its end after 20 s.
        near(station.next_change().unwrap(), 20.0);
        run(&mut station, 40.0);
        near(station.visible(), 150.0);
        // One of each message is worked at; that of the one that dies comes back.
        let lost = station.remove(ONE, true);
        near(lost, 1.0);
        near(station.visible(), 150.0);
        station.give_back(lost);
        near(station.visible(), 151.0);
        station.remove(slow, false);
        near(station.visible(), 151.0);
        conserves(&station);
        station.add(ONE);
        run(&mut station, 100.0);
        near(station.totals().lost, 0.0);
        assert_eq!(station.visible(), 0.0);
        conserves(&station);
    }

    /// The slow twin: small steps of Euler's.
    #[test]
    fn steps_to_the_next_change_equal_small_ones() {
        for case in 0..40_u32 {
            let work = Work {
                queue_limit: 10 + case * 3,
                ..work(Moments::exponential(0.02 + f64::from(case % 7) * 0.01), 1 + case % 5)
            };
            let half = Capacity { vcpus: 0.5, speed: 1.3, ..ONE };
            let routing = [Routing::RoundRobin, Routing::LeastOutstanding][case as usize % 2];
            let mut fast = Station::new(work, routing);
            let rates = [20.0, 90.0, 5.0, 400.0, 0.0, 60.0];
            (0..3).for_each(|_| fast.add(ONE));
            fast.add(half);
            let mut slow = fast.clone();
            for (n, rate) in (0..).zip(rates) {
                fast.set_arrivals(rate);
                slow.set_arrivals(rate);
                let end = f64::from(n + 1) * 7.0;
                run(&mut fast, end);
                while slow.updated < SimTime::from_micros((end * 1e6) as u64) {
                    slow.advance(SimTime::from_micros(slow.updated.as_micros() + 1000));
                }
                conserves(&fast);
                let (a, b) = (fast.totals(), slow.totals());
                for (a, b) in [(a.served, b.served), (a.rejected, b.rejected)] {
                    assert!((a - b).abs() <= 0.01 * a + 1.0, "case {case}: {a} or {b}");
                }
            }
        }
    }
}
