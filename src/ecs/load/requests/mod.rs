//! Requests, each an event: arrival, routing, queue, CPU, calls, time-out and retry.
//!
//! [`Requests`] is a simulation inside the simulation. It knows sources, groups and servers, and
//! nothing of ECS: whoever drives it says what changes ([`Requests::set_rate`],
//! [`Requests::add_server`], …), lets time pass ([`Requests::advance`]) and reads what has happened
//! ([`Requests::group`], [`Requests::source`], …). How often it is asked changes nothing: advancing
//! in two steps is advancing in one, and a clone goes on as the original does.
//!
//! A server admits so many requests at once (`concurrency`), lets more wait first-in-first-out
//! (`queue_limit`) and rejects the rest. An admitted request needs CPU time, for which those
//! admitted share the CPU evenly, a vCPU each at most; then it may wait, and make calls. So a
//! server with one place and a vCPU is M/G/1, one with c places and c vCPUs M/G/c, and one with
//! many places and a vCPU is (limited) processor sharing.
//!
//! Times are whole microseconds. Memory grows with what is in the system, not with what has passed.
//!
//! Assumptions: a request uses its CPU first, then waits, then calls one after the other, and all
//! of it takes at least a microsecond; a request and its retries need the same; a server works at
//! what its client has given up, unless its group says otherwise ([`Abandoned`]).

mod histogram;
mod life;
mod model;
mod router;
mod server;
mod source;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::engine::{Arena, Id, Ix, Queue, Table};
use crate::units::{SimTime, Span};

pub use self::histogram::Histogram;
pub use self::model::{
    Abandoned, Backoff, BadClass, CallSpec, ClassSpec, DependencySpec, Destination, GroupSpec,
    MAX_DEPTH, Patience, Routing, ServerSpec, SourceSpec,
};
pub use self::server::Server;
pub use self::source::Source;
pub use self::tally::{Account, Experience, Flow, GroupTally, ServerTally, Usage};

use self::life::{Ask, Request};
use self::router::{Router, Target};
use self::server::{Books, Lane};

/// The longest that anything takes: some 30 years.
const LONGEST: Span = Span::secs(1_000_000_000);

/// The requests of a run.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    now: SimTime,
    queue: Queue<Event>,
    classes: Table<Class>,
    groups: Table<Group>,
    sources: Table<Source>,
    clients: Table<Client>,
    servers: Arena<Server>,
    requests: Arena<Request>,
    /// Those that wait for their next attempt.
    retries: Arena<Ask>,
    books: Books,
    notices: VecDeque<Notice>,
    /// How many servers there have been.
    server_count: u64,
    /// How many attempts there have been.
    attempts: u64,
    /// Whether all recursions have been settled up to now.
    is_settled: bool,
    /// Whether each departure is an event.
    is_plain: bool,
}

/// Something that must be known at once: [`Requests::advance`] stops for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A server holds one request more than its bound ([`ServerSpec::crowded_above`]).
    ///
    /// Told again when it has had fewer in between.
    Crowded {
        /// When the request came.
        at: SimTime,
        /// Which server.
        server: Id<Server>,
        /// How many requests are there.
        in_system: u32,
    },
}

/// Requests that do the same.
#[derive(Clone, Debug)]
pub struct Class {
    spec: ClassSpec,
    calls: Vec<Call>,
    /// How deep its calls are nested; 0 if there are none.
    depth: u32,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    client: Ix<Client>,
    class: Ix<Class>,
    per_request: f64,
}

/// Servers that share a stream of requests.
#[derive(Clone, Debug)]
pub struct Group {
    spec: GroupSpec,
    router: Router,
    /// In the order in which they came.
    servers: Vec<Id<Server>>,
    /// What servers used that are gone.
    past: Usage,
    /// Whether requests come from sources that wait forever and try once, and call nobody.
    is_simple: bool,
    /// Whether the router must be told who gets requests, before it is asked next.
    is_stale: bool,
}

/// Those who wait for answers of one kind: a source, or those who make a call.
#[derive(Clone, Debug)]
struct Client {
    to: Ix<Group>,
    patience: model::Patience,
    /// When whom is given up, in this order; some have been answered.
    deadlines: VecDeque<(SimTime, Id<Request>)>,
    /// Whether an event is pending for the first of them.
    is_armed: bool,
}

/// What is scheduled.
#[derive(Clone, Copy, Debug)]
enum Event {
    Arrival { source: Ix<Source>, stamp: u32 },
    Cpu { server: Id<Server>, stamp: u32 },
    Waited(Id<Request>),
    Deadline(Ix<Client>),
    Retry(Id<Ask>),
}

const _: () = assert!(size_of::<Event>() <= 16, "events are copied through the queue");

/// What comes first of what happens at one instant.
struct Rank;

impl Rank {
    /// Who leaves makes room for who arrives, and is not too late.
    const ENDS: crate::engine::Rank = 0;
    const TIMES_OUT: crate::engine::Rank = 1;
    const ARRIVES: crate::engine::Rank = 2;
}

impl Requests {
    /// Begins at `now`, with nothing.
    pub fn new(now: SimTime) -> Requests {
        Requests { now, ..Requests::default() }
    }

    /// Makes every departure an event, also where a recursion would find the same: the slow twin.
    ///
    /// For servers that are added from now on.
    pub fn without_recursion(mut self) -> Requests {
        self.is_plain = true;
        self
    }

    /// Adds a class of requests; it can call what has been added before.
    ///
    /// # Errors
    /// [`BadClass`] if calls are nested too deep.
    pub fn add_class(&mut self, spec: ClassSpec) -> Result<Ix<Class>, BadClass> {
        let deepest = spec.calls.iter().map(|call| self.classes[call.to.class].depth + 1).max();
        let depth = deepest.unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(BadClass::TooDeep { depth });
        }
        let mut calls = Vec::with_capacity(spec.calls.len());
        for call in &spec.calls {
            let Destination { group, class } = call.to;
            let client = self.add_client(group, call.patience);
            self.complicate(group);
            calls.push(Call { client, class, per_request: call.per_request });
        }
        self.books.classes.push(Account::default());
        Ok(self.classes.push(Class { spec, calls, depth }))
    }

    /// Adds a group, without servers yet.
    pub fn add_group(&mut self, spec: GroupSpec) -> Ix<Group> {
        self.books.groups.push(Account::default());
        self.groups.push(Group {
            spec,
            router: Router::new(spec.routing),
            servers: Vec::new(),
            past: Usage::default(),
            is_simple: spec.routing != Routing::LeastOutstandingRequests,
            is_stale: false,
        })
    }

    /// Adds something outside that is called: a group with one server that needs no CPU.
    pub fn add_dependency(&mut self, spec: DependencySpec) -> (Destination, Id<Server>) {
        let abandoned = spec.abandoned;
        let group = self.add_group(GroupSpec { routing: Routing::RoundRobin, abandoned });
        let server = ServerSpec {
            cpu: f64::INFINITY,
            concurrency: spec.max_concurrency,
            queue_limit: spec.queue_limit,
            ..ServerSpec::default()
        };
        let server = self.add_server(group, server);
        let none = crate::engine::Distribution::constant(0.0).expect("0 is not negative");
        let class =
            ClassSpec { cpu_seconds: none, wait_seconds: spec.latency_seconds, calls: Vec::new() };
        let class = self.add_class(class).expect("it calls nobody");
        (Destination { group, class }, server)
    }

    /// Adds a source, silent until it is given a rate.
    pub fn add_source(&mut self, spec: &SourceSpec) -> Ix<Source> {
        let client = self.add_client(spec.to, spec.patience);
        let is_patient = spec.patience.timeout.is_none() && spec.patience.retries == 0;
        let calls = |&(_, class): &(f64, Ix<Class>)| !self.classes[class].calls.is_empty();
        if !is_patient || spec.mix.iter().any(calls) {
            self.complicate(spec.to);
        }
        self.sources.push(Source::new(spec, client, self.now))
    }

    /// Changes how many requests a second come from a source, on average; at most 10⁹.
    ///
    /// What has passed of the gap before the next request has passed, whatever the rate: the luck
    /// of a source is that of a process of rate one whose time runs at this rate.
    pub fn set_rate(&mut self, source: Ix<Source>, per_second: f64) {
        let it = &mut self.sources[source];
        if !it.set_rate(self.now, per_second) {
            return;
        }
        if let Some(at) = it.due() {
            let stamp = it.stamp;
            let at = at.max(self.now);
            self.queue.schedule(at, Rank::ARRIVES, Event::Arrival { source, stamp });
        }
    }

    /// Adds a server to a group.
    pub fn add_server(&mut self, group: Ix<Group>, spec: ServerSpec) -> Id<Server> {
        let order = self.server_count;
        self.server_count += 1;
        let spec = ServerSpec { cpu: spec.cpu.max(0.0), ..spec };
        let id = self.servers.insert(Server::new(group, order, spec, self.now));
        self.groups[group].servers.push(id);
        self.choose_lane(id);
        self.groups[group].is_stale = true;
        id
    }

    /// Changes how much CPU a server has (vCPUs) and its weight; says whether it is still there.
    pub fn set_server(&mut self, id: Id<Server>, cpu: f64, weight: f64) -> bool {
        let Some(server) = self.servers.get_mut(id) else { return false };
        let (group, is_reweighted) = (server.group, server.spec.weight != weight);
        server.spec.weight = weight;
        let cpu = cpu.max(0.0);
        if server.spec.cpu != cpu {
            server.settle(self.now, &mut self.books);
            server.pass(self.now);
            server.spec.cpu = cpu;
            self.choose_lane(id);
            self.plan(id);
        }
        if is_reweighted {
            self.groups[group].is_stale = true;
        }
        true
    }

    /// Changes how many requests a server admits at once; those beyond go on. Says whether it is
    /// still there.
    pub fn set_concurrency(&mut self, id: Id<Server>, concurrency: u32) -> bool {
        let Some(server) = self.servers.get_mut(id) else { return false };
        if server.spec.concurrency == concurrency {
            return true;
        }
        // A recursion has decided who starts when already.
        self.make_sharing(id);
        self.servers[id].pass(self.now);
        self.servers[id].spec.concurrency = concurrency;
        self.admit(id);
        self.choose_lane(id);
        true
    }

    /// Changes what a server may hold without notice; says whether it is still there.
    pub fn set_crowded_above(&mut self, id: Id<Server>, bound: Option<u32>) -> bool {
        let Some(server) = self.servers.get_mut(id) else { return false };
        server.spec.crowded_above = bound;
        true
    }

    /// Sends a server no more requests; it goes on with those it has. Says whether it is still
    /// there.
    pub fn drain_server(&mut self, id: Id<Server>) -> bool {
        let Some(server) = self.servers.get_mut(id) else { return false };
        server.is_draining = true;
        let group = server.group;
        self.groups[group].is_stale = true;
        true
    }

    /// Takes a server away; what is in it is lost. Returns its last figures, if it was still there.
    pub fn remove_server(&mut self, id: Id<Server>) -> Option<ServerTally> {
        self.make_sharing(id);
        let mut tally = self.server(id)?;
        let group = self.servers[id].group;
        self.servers.remove(id);
        self.groups[group].past += tally.usage;
        self.groups[group].servers.retain(|&server| server != id);
        self.groups[group].is_stale = true;
        tally.flow.lost = self.lose(id, group);
        (tally.in_system, tally.in_service) = (0, 0);
        Some(tally)
    }

    /// Lets all happen that happens at or before `until`, or up to the next notice.
    ///
    /// After a notice the present is its instant: change what is to be changed, and go on.
    pub fn advance(&mut self, until: SimTime) -> Option<Notice> {
        let until = until.max(self.now);
        self.is_settled = false;
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Some(notice);
            }
            let next = self.queue.pop_until(until);
            let Some(event) = next.expect("nothing comes before what scheduled it") else {
                self.now = until;
                return None;
            };
            self.now = self.queue.now();
            match event {
                Event::Arrival { source, stamp } => self.on_arrival(source, stamp),
                Event::Cpu { server, stamp } => self.on_cpu(server, stamp),
                Event::Waited(request) => self.worked(request),
                Event::Deadline(client) => self.on_deadline(client),
                Event::Retry(retry) => self.on_retry(retry),
            }
        }
    }

    /// Returns how many requests have been sent, retries and calls too.
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Returns up to when time has passed.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Returns the figures of a server up to now, if it is still there.
    pub fn server(&mut self, id: Id<Server>) -> Option<ServerTally> {
        let server = self.servers.get_mut(id)?;
        server.settle(self.now, &mut self.books);
        let Server { flow, in_system, in_service, .. } = *server;
        Some(ServerTally { flow, usage: server.usage(self.now), in_system, in_service })
    }

    /// Returns the figures of a group up to now.
    pub fn group(&mut self, group: Ix<Group>) -> GroupTally {
        self.settle();
        let Group { servers, past, .. } = &self.groups[group];
        let flow = self.books.groups[group].flow;
        let mut tally = GroupTally { flow, usage: *past, in_system: 0, in_service: 0 };
        for server in servers.iter().filter_map(|&id| self.servers.get(id)) {
            tally.usage += server.usage(self.now);
            tally.in_system += u64::from(server.in_system);
            tally.in_service += u64::from(server.in_service);
        }
        tally
    }

    /// Returns how long a group took to serve requests, from their arrival at a server.
    pub fn responses(&mut self, group: Ix<Group>) -> &Histogram {
        self.settle();
        &self.books.groups[group].responses
    }

    /// Returns the figures of a class up to now, wherever it was served.
    pub fn class(&mut self, class: Ix<Class>) -> &Account {
        self.settle();
        &self.books.classes[class]
    }

    /// Returns flow and responses of a group as they were seen last: up to now if they have been
    /// settled since time passed.
    pub fn account(&self, group: Ix<Group>) -> &Account {
        &self.books.groups[group]
    }

    /// Returns the figures of a server as they were seen last, if it is still there.
    pub fn seen(&self, id: Id<Server>) -> Option<ServerTally> {
        let Server { flow, in_system, in_service, .. } = *self.servers.get(id)?;
        let usage = self.servers[id].usage(self.now);
        Some(ServerTally { flow, usage, in_system, in_service })
    }

    /// Returns what the clients of a source have met, as it was seen last.
    pub fn met(&self, source: Ix<Source>) -> &Experience {
        &self.books.clients[self.sources[source].client]
    }

    /// Returns what the clients of a source have met up to now.
    pub fn source(&mut self, source: Ix<Source>) -> &Experience {
        self.settle();
        &self.books.clients[self.sources[source].client]
    }

    /// Returns what those have met who make a call of a class, by its position there.
    pub fn call_of(&mut self, class: Ix<Class>, call_index: usize) -> Option<&Experience> {
        self.settle();
        let call = self.classes[class].calls.get(call_index)?;
        Some(&self.books.clients[call.client])
    }

    fn add_client(&mut self, to: Ix<Group>, patience: model::Patience) -> Ix<Client> {
        self.books.clients.push(Experience::default());
        let deadlines = VecDeque::new();
        self.clients.push(Client { to, patience, deadlines, is_armed: false })
    }

    /// Learns that requests of a group need more than a recursion.
    fn complicate(&mut self, group: Ix<Group>) {
        if !self.groups[group].is_simple {
            return;
        }
        self.groups[group].is_simple = false;
        for server in self.groups[group].servers.clone() {
            self.choose_lane(server);
        }
    }

    /// Chooses how departures of a server are found: by recursion where that is possible and the
    /// server is empty, by events where they must be.
    fn choose_lane(&mut self, id: Id<Server>) {
        let Some(server) = self.servers.get_mut(id) else { return };
        let is_simple = self.groups[server.group].is_simple && !self.is_plain;
        let may_recur = is_simple && server.has_full_cpus();
        match server.lane {
            Lane::Recursion(_) if !may_recur => self.make_sharing(id),
            Lane::Sharing(_) if may_recur && server.in_system == 0 => {
                server.pass(self.now);
                server.lane = Lane::Recursion(Default::default());
            }
            Lane::Recursion(_) | Lane::Sharing(_) => {}
        }
    }

    /// Tells the router of a group who gets requests.
    fn renew_router(&mut self, group: Ix<Group>) {
        let mut targets = Vec::new();
        for &id in &self.groups[group].servers {
            let server = &mut self.servers[id];
            let weight = server.spec.weight;
            let gets = !server.is_draining && weight > 0.0 && weight.is_finite();
            server.seat = gets.then_some(targets.len() as u32);
            if gets {
                let (order, outstanding) = (server.order, server.in_system);
                targets.push(Target { server: id, order, weight, outstanding });
            }
        }
        self.groups[group].router.set(&targets);
        self.groups[group].is_stale = false;
    }

    /// Writes down all departures up to now.
    pub fn settle(&mut self) {
        if self.is_settled {
            return;
        }
        self.is_settled = true;
        for slot in 0..self.servers.slot_count() {
            let Some((id, _)) = self.servers.in_slot(slot) else { continue };
            self.servers[id].settle(self.now, &mut self.books);
        }
    }
}
