//! A server: a queue in front of a bounded number of places, whose requests share its CPU.
//!
//! Two ways lead to the same departures. [`Recursion`] is for servers that have a vCPU for each
//! place: who starts when follows from when places become free, as Lindley (1952) and Kiefer and
//! Wolfowitz (1955) have it, so nothing is scheduled, and departures are written down when somebody
//! looks. [`Sharing`] is for all others and schedules an event for the next request that has had
//! its CPU; which one that is does not change while the CPU is shared evenly, so requests stand in
//! a heap by the *virtual time* at which they finish: the CPU time that each has got since all
//! began.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::engine::{Id, Ix, Table};
use crate::units::{SimTime, Span};

use super::life::{Ask, Request};
use super::model::ServerSpec;
use super::tally::{Account, Exit, Experience, Flow, Usage};
use super::{Class, Client, Group};

/// A server: a task, as requests see it.
#[derive(Clone, Debug)]
pub struct Server {
    pub(super) group: Ix<Group>,
    /// Servers that came later have a greater number.
    pub(super) order: u64,
    /// Which place it has in the router of its group, if it gets requests.
    pub(super) seat: Option<u32>,
    pub(super) is_draining: bool,
    pub(super) spec: ServerSpec,
    pub(super) flow: Flow,
    pub(super) in_system: u32,
    pub(super) in_service: u32,
    /// Up to `changed`; a recursion adds the whole of a request when it ends.
    usage: Usage,
    changed: SimTime,
    pub(super) lane: Lane,
}

/// How departures are found.
#[derive(Clone, Debug)]
pub(super) enum Lane {
    Recursion(Recursion),
    Sharing(Sharing),
}

/// Requests of a server that has a vCPU for each place.
#[derive(Clone, Debug, Default)]
pub(super) struct Recursion {
    /// When places become free, and which.
    busy: BinaryHeap<Reverse<(SimTime, u32)>>,
    places: Vec<Held>,
    free: Vec<u32>,
    waiting: VecDeque<Held>,
}

/// A request in a recursion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) ask: Ask,
    /// CPU time that it takes here.
    pub(super) cpu: Span,
    pub(super) arrived: SimTime,
    /// When it got a place; not said of those that wait.
    pub(super) started: SimTime,
}

/// Requests of a server that share its CPU.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharing {
    /// CPU time that each request has got that has been at it all along, in microseconds.
    virtual_us: f64,
    /// How many requests are at the CPU.
    active: u32,
    /// Requests at the CPU by the virtual time at which they have had theirs, as the bits of a
    /// number that is not negative, which are in its order. Some may be gone.
    finishes: BinaryHeap<Reverse<(u64, Id<Request>)>>,
    /// Those without a place; some may be gone.
    waiting: VecDeque<Id<Request>>,
    waiting_count: u32,
    /// When the server is looked at next.
    wake: Option<SimTime>,
    /// Events with another stamp are of a time that no longer holds.
    stamp: u32,
}

/// Where completed requests are written down.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub(super) groups: Table<Account, Group>,
    pub(super) classes: Table<Account, Class>,
    pub(super) clients: Table<Experience, Client>,
}

/// What becomes of a request that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Admitted,
    Waits,
    Rejected,
}

impl Server {
    pub(super) fn new(group: Ix<Group>, order: u64, spec: ServerSpec, now: SimTime) -> Server {
        Server {
            group,
            order,
            seat: None,
            is_draining: false,
            spec,
            flow: Flow::default(),
            in_system: 0,
            in_service: 0,
            usage: Usage::default(),
            changed: now,
            lane: Lane::Sharing(Sharing::default()),
        }
    }

    /// Says whether each place has a vCPU of its own.
    pub(super) fn has_full_cpus(&self) -> bool {
        self.spec.cpu >= f64::from(self.spec.concurrency)
    }

    /// Returns how long CPU work takes here at full speed.
    #[inline]
    pub(super) fn cpu_time(&self, work: Span) -> Span {
        if self.spec.speed == 1.0 {
            return work;
        }
        // A speed of nothing takes forever.
        let time = Span::from_secs_f64(work.as_secs_f64() / self.spec.speed.max(0.0));
        time.clamp(Span::micros(u64::from(!work.is_zero())), super::LONGEST)
    }

    /// Says whether one request more is more than should pass unnoticed.
    #[inline]
    pub(super) fn becomes_crowded(&self) -> bool {
        self.spec.crowded_above.is_some_and(|bound| self.in_system == bound.saturating_add(1))
    }

    /// Counts time up to `now`, in which nothing has changed.
    #[inline]
    pub(super) fn pass(&mut self, now: SimTime) {
        let Lane::Sharing(sharing) = &mut self.lane else { return };
        let lasted = now.since(self.changed).as_micros();
        if lasted == 0 {
            return;
        }
        self.changed = now;
        self.usage.in_system_us += u128::from(self.in_system) * u128::from(lasted);
        self.usage.in_service_us += u128::from(self.in_service) * u128::from(lasted);
        let lasted = lasted as f64;
        self.usage.cpu_us += sharing.busy_cpus(self.spec.cpu) * lasted;
        sharing.virtual_us += sharing.rate(self.spec.cpu) * lasted;
    }

    /// Returns what has been in use up to `now`; a recursion has been settled up to then.
    pub(super) fn usage(&self, now: SimTime) -> Usage {
        let mut usage = self.usage;
        match &self.lane {
            Lane::Sharing(sharing) => {
                let lasted = now.since(self.changed).as_micros();
                usage.in_system_us += u128::from(self.in_system) * u128::from(lasted);
                usage.in_service_us += u128::from(self.in_service) * u128::from(lasted);
                usage.cpu_us += sharing.busy_cpus(self.spec.cpu) * lasted as f64;
            }
            Lane::Recursion(recursion) => {
                for held in &recursion.waiting {
                    usage.in_system_us += u128::from(now.since(held.arrived).as_micros());
                }
                for &Reverse((_, place)) in &recursion.busy {
                    let held = &recursion.places[place as usize];
                    let served = now.since(held.started);
                    usage.in_system_us += u128::from(now.since(held.arrived).as_micros());
                    usage.in_service_us += u128::from(served.as_micros());
                    usage.cpu_us += served.min(held.cpu).as_micros() as f64;
                }
            }
        }
        usage
    }

    /// Writes down who has left a recursion at or before `now`.
    #[inline]
    pub(super) fn settle(&mut self, now: SimTime, books: &mut Books) {
        let Lane::Recursion(recursion) = &mut self.lane else { return };
        while let Some(&Reverse((at, place))) = recursion.busy.peek()
            && at <= now
        {
            recursion.busy.pop();
            let held = recursion.places[place as usize];
            let response = at.since(held.arrived);
            self.usage.in_system_us += u128::from(response.as_micros());
            self.usage.in_service_us += u128::from(at.since(held.started).as_micros());
            self.usage.cpu_us += held.cpu.as_micros() as f64;
            self.flow.completed += 1;
            self.in_system -= 1;
            books.groups[self.group].completed(response);
            books.classes[held.ask.class].completed(response);
            books.clients[held.ask.client].succeeded(at.since(held.ask.began));
            match recursion.waiting.pop_front() {
                Some(next) => recursion.start(at, place, next),
                None => {
                    recursion.free.push(place);
                    self.in_service -= 1;
                }
            }
        }
    }

    /// Lets a request into a recursion that has been settled up to now.
    #[inline]
    pub(super) fn enter_recursion(&mut self, now: SimTime, ask: Ask) -> Entry {
        let cpu = self.cpu_time(ask.cpu);
        let Lane::Recursion(recursion) = &mut self.lane else { return Entry::Rejected };
        self.flow.arrived += 1;
        let held = Held { ask, cpu, arrived: now, started: now };
        if self.in_service < self.spec.concurrency {
            self.in_service += 1;
            self.in_system += 1;
            let place = recursion.free.pop().unwrap_or_else(|| {
                recursion.places.push(held);
                recursion.places.len() as u32 - 1
            });
            recursion.start(now, place, held);
            return Entry::Admitted;
        }
        if (recursion.waiting.len() as u64) < u64::from(self.spec.queue_limit) {
            self.in_system += 1;
            recursion.waiting.push_back(held);
            return Entry::Waits;
        }
        self.flow.left(Exit::QueueFull);
        Entry::Rejected
    }

    /// Changes from the recursion, settled up to now, to sharing; returns who is there: those with
    /// a place, by departure, and those who wait.
    pub(super) fn begin_sharing(&mut self, now: SimTime) -> (Vec<Held>, Vec<Held>) {
        let usage = self.usage(now);
        let Lane::Recursion(recursion) = &mut self.lane else { return (Vec::new(), Vec::new()) };
        let recursion = std::mem::take(recursion);
        let places = recursion.busy.into_sorted_vec().into_iter().rev();
        let served = places.map(|Reverse((_, place))| recursion.places[place as usize]).collect();
        (self.usage, self.changed) = (usage, now);
        self.lane = Lane::Sharing(Sharing::default());
        (served, recursion.waiting.into())
    }
}

impl Recursion {
    #[inline]
    fn start(&mut self, at: SimTime, place: u32, held: Held) {
        self.places[place as usize] = Held { started: at, ..held };
        let ends = at.saturating_add(held.cpu.saturating_add(held.ask.wait));
        self.busy.push(Reverse((ends, place)));
    }
}

impl Sharing {
    /// Returns how much CPU each request at it gets, in vCPUs.
    #[inline]
    fn rate(&self, cpu: f64) -> f64 {
        if self.active == 0 { 0.0 } else { (cpu / f64::from(self.active)).min(1.0) }
    }

    #[inline]
    fn busy_cpus(&self, cpu: f64) -> f64 {
        f64::from(self.active).min(cpu)
    }

    /// Brings a request to the CPU, of which it needs so much; time has been counted up to now.
    #[inline]
    pub(super) fn join_cpu(&mut self, request: Id<Request>, work: Span) {
        if self.active == 0 {
            // So that the sum stays small, and whole where no CPU is shared.
            self.virtual_us = 0.0;
            self.finishes.clear();
        }
        self.active += 1;
        let finish = self.virtual_us + work.as_micros() as f64;
        self.finishes.push(Reverse((finish.to_bits(), request)));
    }

    /// Takes away a request that was at the CPU and has just gone.
    pub(super) fn leave_cpu(&mut self, is_there: impl Fn(Id<Request>) -> bool) {
        self.active -= 1;
        // Those gone must not pile up behind others that take long.
        if self.finishes.len() > 64 + 2 * self.active as usize {
            self.finishes.retain(|&Reverse((_, request))| is_there(request));
        }
    }

    /// Takes the next request that has had its CPU, to the nearest microsecond.
    #[inline]
    pub(super) fn pop_done(
        &mut self,
        cpu: f64,
        is_there: impl Fn(Id<Request>) -> bool,
    ) -> Option<Id<Request>> {
        let rate = self.rate(cpu);
        while let Some(&Reverse((finish, request))) = self.finishes.peek() {
            if !is_there(request) {
                self.finishes.pop();
                continue;
            }
            if rate <= 0.0 || f64::from_bits(finish) - self.virtual_us >= 0.5 * rate {
                return None;
            }
            self.finishes.pop();
            self.active -= 1;
            return Some(request);
        }
        None
    }

    /// Returns when the server must be looked at and the stamp of that event, if it is sooner than
    /// was planned.
    #[inline]
    pub(super) fn plan(
        &mut self,
        now: SimTime,
        cpu: f64,
        is_there: impl Fn(Id<Request>) -> bool,
    ) -> Option<(SimTime, u32)> {
        let rate = self.rate(cpu);
        if rate <= 0.0 {
            return None;
        }
        while let Some(&Reverse((finish, request))) = self.finishes.peek() {
            if !is_there(request) {
                self.finishes.pop();
                continue;
            }
            let left = (f64::from_bits(finish) - self.virtual_us) / rate;
            let next = now.saturating_add(Span::micros((left.round() as u64).max(1)));
            if self.wake.is_some_and(|planned| planned <= next) {
                return None;
            }
            self.wake = Some(next);
            self.stamp = self.stamp.wrapping_add(1);
            return Some((next, self.stamp));
        }
        None
    }

    /// Says whether an event with this stamp is the one that was planned; if so it is over.
    pub(super) fn wakes(&mut self, stamp: u32) -> bool {
        let is_planned = self.wake.is_some() && self.stamp == stamp;
        if is_planned {
            self.wake = None;
        }
        is_planned
    }

    pub(super) fn waiting_count(&self) -> u32 {
        self.waiting_count
    }

    pub(super) fn queue_up(&mut self, request: Id<Request>) {
        self.waiting.push_back(request);
        self.waiting_count += 1;
    }

    /// Takes away a request that waits and has just gone.
    pub(super) fn leave_queue(&mut self, is_there: impl Fn(Id<Request>) -> bool) {
        self.waiting_count -= 1;
        // Those gone must not pile up behind one that waits forever.
        if self.waiting.len() > 64 + 2 * self.waiting_count as usize {
            self.waiting.retain(|&request| is_there(request));
        }
    }

    /// Takes the request that waits longest.
    pub(super) fn next_waiting(
        &mut self,
        is_there: impl Fn(Id<Request>) -> bool,
    ) -> Option<Id<Request>> {
        if self.waiting_count == 0 {
            return None;
        }
        while let Some(request) = self.waiting.pop_front() {
            if is_there(request) {
                self.waiting_count -= 1;
                return Some(request);
            }
        }
        None
    }
}

impl Experience {
    #[inline]
    pub(super) fn succeeded(&mut self, latency: Span) {
        self.succeeded += 1;
        self.latency.record(latency);
    }
}
