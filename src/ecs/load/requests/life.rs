//! The life of a request: sent, routed, admitted, served, answered; or given up and tried again.

use crate::engine::{Id, Ix, Luck, Purpose, Stream};
use crate::units::{SimTime, Span};

use super::model::{Abandoned, ClassSpec};
use super::server::{Entry, Held, Lane};
use super::source::WORK;
use super::tally::Exit;
use super::{Class, Client, Event, Group, LONGEST, Notice, Rank, Requests, Server, Source};

const FRACTION: Purpose = Purpose::new("one call more");
const BACKOFF: Purpose = Purpose::new("wait before a retry");

/// What a client wants; the same in each attempt, so that luck stays with the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) client: Ix<Client>,
    pub(super) class: Ix<Class>,
    /// The request that waits for the answer, if it is a call.
    pub(super) parent: Option<Id<Request>>,
    /// When it was sent first.
    pub(super) began: SimTime,
    pub(super) luck: Luck,
    /// CPU time of a vCPU of speed 1.
    pub(super) cpu: Span,
    pub(super) wait: Span,
    /// How many attempts came before.
    pub(super) attempt: u32,
}

/// An attempt that is at a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    ask: Ask,
    pub(super) server: Id<Server>,
    arrived: SimTime,
    /// Whether nobody waits for the answer any more.
    is_abandoned: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Queued,
    Cpu,
    Wait,
    /// Waits for the answer of a call, and makes so many more of its kind.
    Calling {
        call: u32,
        left: u32,
        child: Option<Id<Request>>,
    },
}

/// Why an attempt brought no answer, as its client sees it.
#[derive(Clone, Copy, Debug)]
enum Failure {
    TimedOut,
    Rejected,
    Error,
    Lost,
}

/// Draws what a request of a class needs: CPU time and time to wait, together at least 1 µs.
#[inline]
pub(super) fn work(class: &ClassSpec, stream: &mut Stream) -> (Span, Span) {
    let cpu = Span::from_secs_f64(class.cpu_seconds.sample(stream)).min(LONGEST);
    let wait = Span::from_secs_f64(class.wait_seconds.sample(stream)).min(LONGEST);
    if cpu.is_zero() && wait.is_zero() { (Span::micros(1), wait) } else { (cpu, wait) }
}

impl Requests {
    #[inline]
    pub(super) fn on_arrival(&mut self, source: Ix<Source>, stamp: u32) {
        let it = &mut self.sources[source];
        if it.stamp != stamp {
            return;
        }
        let ask = it.draw(self.now, &self.classes);
        it.next(self.now);
        let due = it.due();
        if let Some(at) = due {
            self.queue.schedule(at, Rank::ARRIVES, Event::Arrival { source, stamp });
        }
        self.books.clients[ask.client].sent += 1;
        self.send(ask);
    }

    /// Sends an attempt; returns it if it is at a server that shares its CPU.
    #[inline]
    pub(super) fn send(&mut self, ask: Ask) -> Option<Id<Request>> {
        let group = self.clients[ask.client].to;
        self.attempts += 1;
        self.books.clients[ask.client].attempts += 1;
        self.books.groups[group].flow.arrived += 1;
        self.books.classes[ask.class].flow.arrived += 1;
        if self.groups[group].is_stale {
            self.renew_router(group);
        }
        let Some(id) = self.groups[group].router.choose(ask.luck, ask.attempt) else {
            self.rejected(ask, Exit::NoServer);
            return None;
        };
        let server = &mut self.servers[id];
        if let Lane::Sharing(_) = server.lane {
            return self.enter_sharing(id, ask);
        }
        server.settle(self.now, &mut self.books);
        match server.enter_recursion(self.now, ask) {
            Entry::Admitted | Entry::Waits if server.becomes_crowded() => {
                let in_system = server.in_system;
                self.notices.push_back(Notice::Crowded { at: self.now, server: id, in_system });
            }
            Entry::Admitted | Entry::Waits => {}
            Entry::Rejected => self.rejected(ask, Exit::QueueFull),
        }
        None
    }

    fn enter_sharing(&mut self, id: Id<Server>, ask: Ask) -> Option<Id<Request>> {
        let now = self.now;
        let server = &mut self.servers[id];
        server.pass(now);
        server.flow.arrived += 1;
        let Lane::Sharing(sharing) = &mut server.lane else { return None };
        let is_admitted = server.in_service < server.spec.concurrency;
        if !is_admitted && sharing.waiting_count() >= server.spec.queue_limit {
            server.flow.left(Exit::QueueFull);
            self.tell_router(id);
            self.rejected(ask, Exit::QueueFull);
            return None;
        }
        let (is_abandoned, stage) = (false, Stage::Queued);
        let request = Request { ask, server: id, arrived: now, is_abandoned, stage };
        let request = self.requests.insert(request);
        server.in_system += 1;
        if !is_admitted {
            sharing.queue_up(request);
        }
        if server.becomes_crowded() {
            let in_system = server.in_system;
            self.notices.push_back(Notice::Crowded { at: now, server: id, in_system });
        }
        if is_admitted {
            server.in_service += 1;
            self.begin(id, request);
        }
        self.tell_router(id);
        self.set_deadline(ask.client, request);
        Some(request)
    }

    fn rejected(&mut self, ask: Ask, exit: Exit) {
        let group = self.clients[ask.client].to;
        self.books.groups[group].flow.left(exit);
        self.books.classes[ask.class].flow.left(exit);
        self.attempt_failed(ask, Failure::Rejected);
    }

    fn set_deadline(&mut self, client: Ix<Client>, request: Id<Request>) {
        let it = &mut self.clients[client];
        let Some(timeout) = it.patience.timeout else { return };
        let at = self.now.saturating_add(timeout.max(Span::micros(1)));
        let is_over = |&(_, request): &(SimTime, Id<Request>)| {
            self.requests.get(request).is_none_or(|it| it.is_abandoned)
        };
        while it.deadlines.front().is_some_and(is_over) {
            it.deadlines.pop_front();
        }
        it.deadlines.push_back((at, request));
        if !it.is_armed {
            it.is_armed = true;
            self.queue.schedule(at, Rank::TIMES_OUT, Event::Deadline(client));
        }
    }

    /// Gives up requests of a client whose time has passed, and plans for the next.
    pub(super) fn on_deadline(&mut self, client: Ix<Client>) {
        loop {
            let Some(&(at, request)) = self.clients[client].deadlines.front() else {
                self.clients[client].is_armed = false;
                return;
            };
            let waits = self.requests.get(request).is_some_and(|it| !it.is_abandoned);
            if waits && at > self.now {
                self.queue.schedule(at, Rank::TIMES_OUT, Event::Deadline(client));
                return;
            }
            self.clients[client].deadlines.pop_front();
            if waits {
                self.expire(request);
            }
        }
    }

    fn expire(&mut self, id: Id<Request>) {
        let request = &mut self.requests[id];
        request.is_abandoned = true;
        let (ask, server) = (request.ask, request.server);
        let group = self.servers[server].group;
        if self.groups[group].spec.abandoned == Abandoned::Cancelled {
            self.cancel(id);
        }
        self.attempt_failed(ask, Failure::TimedOut);
    }

    /// Begins to serve a request that has a place.
    fn begin(&mut self, server: Id<Server>, id: Id<Request>) {
        let request = &mut self.requests[id];
        if request.ask.cpu.is_zero() {
            return self.wait(id);
        }
        request.stage = Stage::Cpu;
        let it = &mut self.servers[server];
        let work = it.cpu_time(request.ask.cpu);
        if let Lane::Sharing(sharing) = &mut it.lane {
            sharing.join_cpu(id, work);
        }
        self.plan(server);
    }

    fn wait(&mut self, id: Id<Request>) {
        let request = &mut self.requests[id];
        request.stage = Stage::Wait;
        let at = self.now.saturating_add(request.ask.wait);
        self.queue.schedule(at, Rank::ENDS, Event::Waited(id));
    }

    /// Plans to look at a server when its next request has had its CPU.
    #[inline]
    pub(super) fn plan(&mut self, id: Id<Server>) {
        let requests = &self.requests;
        let Some(server) = self.servers.get_mut(id) else { return };
        let Lane::Sharing(sharing) = &mut server.lane else { return };
        let cpu = server.spec.cpu;
        if let Some((at, stamp)) = sharing.plan(self.now, cpu, |it| requests.get(it).is_some()) {
            self.queue.schedule(at, Rank::ENDS, Event::Cpu { server: id, stamp });
        }
    }

    pub(super) fn on_cpu(&mut self, id: Id<Server>, stamp: u32) {
        let Some(server) = self.servers.get_mut(id) else { return };
        let Lane::Sharing(sharing) = &mut server.lane else { return };
        if !sharing.wakes(stamp) {
            return;
        }
        server.pass(self.now);
        while let Some(done) = self.pop_done(id) {
            match self.requests[done].ask.wait.is_zero() {
                true => self.worked(done),
                false => self.wait(done),
            }
        }
        self.plan(id);
    }

    fn pop_done(&mut self, id: Id<Server>) -> Option<Id<Request>> {
        let requests = &self.requests;
        let server = self.servers.get_mut(id)?;
        let Lane::Sharing(sharing) = &mut server.lane else { return None };
        sharing.pop_done(server.spec.cpu, |it| requests.get(it).is_some())
    }

    /// Goes on with a request that has had its CPU and waited.
    pub(super) fn worked(&mut self, id: Id<Request>) {
        let Some(request) = self.requests.get_mut(id) else { return };
        if self.classes[request.ask.class].calls.is_empty() {
            return self.finish(id, true);
        }
        let (luck, class) = (request.ask.luck, request.ask.class);
        let left = self.calls(luck, class, 0);
        self.requests[id].stage = Stage::Calling { call: 0, left, child: None };
        self.call(id);
    }

    /// Draws how often a request makes a call.
    fn calls(&self, luck: Luck, class: Ix<Class>, call: u32) -> u32 {
        let per_request = self.classes[class].calls[call as usize].per_request.max(0.0);
        let (whole, fraction) = (per_request.trunc(), per_request.fract());
        let more = fraction > 0.0 && luck.part(1 + u64::from(call)).chance(FRACTION, fraction);
        // `as` saturates, and sends NaN to zero.
        (whole as u32).saturating_add(u32::from(more))
    }

    /// Makes the next call of a request, or finishes it if there is none.
    fn call(&mut self, id: Id<Request>) {
        loop {
            let Some(request) = self.requests.get_mut(id) else { return };
            let Stage::Calling { call, left, child } = &mut request.stage else { return };
            let (luck, class) = (request.ask.luck, request.ask.class);
            if *left == 0 {
                let next = *call + 1;
                if next as usize == self.classes[class].calls.len() {
                    return self.finish(id, true);
                }
                let left = self.calls(luck, class, next);
                self.requests[id].stage = Stage::Calling { call: next, left, child: None };
                continue;
            }
            *left -= 1;
            *child = None;
            let luck = luck.part(1 + u64::from(*call)).part(u64::from(*left));
            let plan = self.classes[class].calls[*call as usize];
            let (cpu, wait) = work(&self.classes[plan.class].spec, &mut luck.stream(WORK));
            let (client, class, began) = (plan.client, plan.class, self.now);
            let ask = Ask { client, class, parent: Some(id), began, luck, cpu, wait, attempt: 0 };
            self.books.clients[client].sent += 1;
            return self.send_call(ask);
        }
    }

    fn send_call(&mut self, ask: Ask) {
        let sent = self.send(ask);
        let parent = ask.parent.and_then(|parent| self.requests.get_mut(parent));
        if let (Some(_), Some(Request { stage: Stage::Calling { child, .. }, .. })) = (sent, parent)
        {
            *child = sent;
        }
    }

    /// Ends a request that has a place, well or with an error, and answers its client.
    fn finish(&mut self, id: Id<Request>, is_well: bool) {
        let Some(&request) = self.requests.get(id) else { return };
        self.requests.remove(id);
        let Request { ask, server, arrived, is_abandoned, stage: _ } = request;
        let it = &mut self.servers[server];
        it.pass(self.now);
        it.in_system -= 1;
        it.in_service -= 1;
        let (group, response) = (it.group, self.now.since(arrived));
        if is_well {
            it.flow.completed += 1;
            self.books.groups[group].completed(response);
            self.books.classes[ask.class].completed(response);
        } else {
            it.flow.left(Exit::Failed);
            self.books.groups[group].flow.left(Exit::Failed);
            self.books.classes[ask.class].flow.left(Exit::Failed);
        }
        self.admit(server);
        self.tell_router(server);
        if is_abandoned {
            return;
        }
        if !is_well {
            return self.attempt_failed(ask, Failure::Error);
        }
        if self.is_orphan(ask) {
            self.books.clients[ask.client].dropped += 1;
            return;
        }
        self.books.clients[ask.client].succeeded(self.now.since(ask.began));
        if let Some(parent) = ask.parent {
            self.call(parent);
        }
    }

    /// Says whether it is a call whose caller is gone.
    fn is_orphan(&self, ask: Ask) -> bool {
        ask.parent.is_some_and(|parent| self.requests.get(parent).is_none())
    }

    /// Gives free places to those who wait.
    pub(super) fn admit(&mut self, id: Id<Server>) {
        loop {
            let requests = &self.requests;
            let Some(server) = self.servers.get_mut(id) else { return };
            if server.in_service >= server.spec.concurrency {
                return;
            }
            let Lane::Sharing(sharing) = &mut server.lane else { return };
            let Some(next) = sharing.next_waiting(|it| requests.get(it).is_some()) else { return };
            server.in_service += 1;
            self.begin(id, next);
        }
    }

    fn attempt_failed(&mut self, ask: Ask, failure: Failure) {
        let is_orphan = self.is_orphan(ask);
        let tally = &mut self.books.clients[ask.client];
        match failure {
            Failure::TimedOut => tally.timed_out += 1,
            Failure::Rejected => tally.rejected += 1,
            Failure::Error => tally.errors += 1,
            Failure::Lost => tally.lost += 1,
        }
        if is_orphan {
            tally.dropped += 1;
            return;
        }
        let patience = &self.clients[ask.client].patience;
        if ask.attempt < patience.retries {
            tally.retried += 1;
            let mut wait = patience.backoff.after(ask.attempt);
            if patience.backoff.jitter {
                let share = ask.luck.part(u64::from(ask.attempt)).unit(BACKOFF);
                wait = Span::from_secs_f64(wait.as_secs_f64() * share);
            }
            let at = self.now.saturating_add(wait.max(Span::micros(1)));
            let retry = self.retries.insert(Ask { attempt: ask.attempt + 1, ..ask });
            self.queue.schedule(at, Rank::ARRIVES, Event::Retry(retry));
            return;
        }
        tally.gave_up += 1;
        if let Some(parent) = ask.parent {
            self.finish(parent, false);
        }
    }

    pub(super) fn on_retry(&mut self, id: Id<Ask>) {
        let Some(&ask) = self.retries.get(id) else { return };
        self.retries.remove(id);
        if self.is_orphan(ask) {
            self.books.clients[ask.client].dropped += 1;
            return;
        }
        self.send_call(ask);
    }

    /// Takes away a request that its client has given up.
    fn cancel(&mut self, id: Id<Request>) {
        let Some(&request) = self.requests.get(id) else { return };
        self.requests.remove(id);
        let requests = &self.requests;
        let server = &mut self.servers[request.server];
        server.pass(self.now);
        server.in_system -= 1;
        server.flow.left(Exit::Cancelled);
        let group = server.group;
        if let Lane::Sharing(sharing) = &mut server.lane {
            match request.stage {
                Stage::Queued => sharing.leave_queue(|it| requests.get(it).is_some()),
                Stage::Cpu => sharing.leave_cpu(|it| requests.get(it).is_some()),
                Stage::Wait | Stage::Calling { .. } => {}
            }
            server.in_service -= u32::from(!matches!(request.stage, Stage::Queued));
        }
        self.books.groups[group].flow.left(Exit::Cancelled);
        self.books.classes[request.ask.class].flow.left(Exit::Cancelled);
        self.admit(request.server);
        self.plan(request.server);
        self.tell_router(request.server);
        self.forget_call(&request);
    }

    /// Gives up the call that a request waits for, which has gone.
    fn forget_call(&mut self, request: &Request) {
        let Stage::Calling { call: _, left: _, child: Some(id) } = request.stage else { return };
        let Some(child) = self.requests.get_mut(id) else { return };
        if child.is_abandoned {
            return;
        }
        child.is_abandoned = true;
        self.books.clients[child.ask.client].dropped += 1;
        let group = self.clients[child.ask.client].to;
        if self.groups[group].spec.abandoned == Abandoned::Cancelled {
            self.cancel(id);
        }
    }

    fn tell_router(&mut self, id: Id<Server>) {
        let Some(server) = self.servers.get(id) else { return };
        let router = &mut self.groups[server.group].router;
        if router.looks()
            && let Some(seat) = server.seat
        {
            router.tell(seat, id, server.in_system);
        }
    }

    /// Ends all requests of a server that is gone, and tells their clients.
    pub(super) fn lose(&mut self, id: Id<Server>, group: Ix<Group>) -> u64 {
        let of_server = self.requests.iter().filter(|(_, it)| it.server == id);
        let lost: Vec<(Id<Request>, Request)> = of_server.map(|(id, it)| (id, *it)).collect();
        for (id, _) in &lost {
            self.requests.remove(*id);
        }
        for (_, request) in &lost {
            self.books.groups[group].flow.left(Exit::Lost);
            self.books.classes[request.ask.class].flow.left(Exit::Lost);
            self.forget_call(request);
        }
        for (_, request) in lost.iter().filter(|(_, it)| !it.is_abandoned) {
            self.attempt_failed(request.ask, Failure::Lost);
        }
        lost.len() as u64
    }

    /// Makes a server share its CPU, whose departures have been found by recursion so far.
    pub(super) fn make_sharing(&mut self, id: Id<Server>) {
        let now = self.now;
        let Some(server) = self.servers.get_mut(id) else { return };
        server.settle(now, &mut self.books);
        let (served, waiting) = server.begin_sharing(now);
        for held in served {
            let (ask, arrived, is_abandoned) = (held.ask, held.arrived, false);
            let had = now.since(held.started);
            let stage = if had < held.cpu { Stage::Cpu } else { Stage::Wait };
            let request = Request { ask, server: id, arrived, is_abandoned, stage };
            let request = self.requests.insert(request);
            if had < held.cpu {
                let Some(Server { lane: Lane::Sharing(sharing), .. }) = self.servers.get_mut(id)
                else {
                    return;
                };
                sharing.join_cpu(request, held.cpu.saturating_sub(had));
            } else {
                let ends = held.started.saturating_add(held.cpu.saturating_add(ask.wait));
                self.queue.schedule(ends, Rank::ENDS, Event::Waited(request));
            }
        }
        for Held { ask, arrived, .. } in waiting {
            let (is_abandoned, stage) = (false, Stage::Queued);
            let request = Request { ask, server: id, arrived, is_abandoned, stage };
            let request = self.requests.insert(request);
            if let Some(Server { lane: Lane::Sharing(sharing), .. }) = self.servers.get_mut(id) {
                sharing.queue_up(request);
            }
        }
        self.plan(id);
    }
}
