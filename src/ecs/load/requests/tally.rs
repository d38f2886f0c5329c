//! What requests have become so far, counted and integrated over time.

use std::ops::{AddAssign, Sub};

use crate::units::Span;

use super::histogram::Histogram;

/// How many attempts came to a server, group or class since the beginning, and how they left.
///
/// `arrived` is the sum of all others and of those still there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Attempts that came; each retry is one.
    pub arrived: u64,
    /// Served to the end, whether or not the client was still there.
    pub completed: u64,
    /// Answered with an error, as a call they made failed for good.
    pub failed: u64,
    /// Rejected since the queue was full.
    pub queue_full: u64,
    /// Rejected since there was no server.
    pub no_server: u64,
    /// Vanished since the client gave up ([`Abandoned::Cancelled`](super::Abandoned)).
    pub cancelled: u64,
    /// Lost with their server.
    pub lost: u64,
}

/// How long how much was in use, exactly up to the present instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// The integral over time of requests that are in the server, in request-microseconds.
    pub in_system_us: u128,
    /// The integral over time of requests that hold a place, in request-microseconds.
    pub in_service_us: u128,
    /// CPU time used, in vCPU-microseconds.
    pub cpu_us: f64,
}

/// What clients of one kind have met since the beginning: those of a source, or those who make a
/// certain call.
///
/// `sent` is `succeeded`, `gave_up`, `dropped` and those still waiting for their answer or their
/// next attempt. `attempts` is `sent` and `retried`, less those that wait for their next attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experience {
    /// Requests that clients wanted to be served.
    pub sent: u64,
    /// Requests sent, retries too.
    pub attempts: u64,
    /// Requests that got an answer without an error.
    pub succeeded: u64,
    /// Requests whose last attempt failed.
    pub gave_up: u64,
    /// Calls that nobody waited for any more when they ended or should be tried again.
    pub dropped: u64,
    /// Decisions to try again.
    pub retried: u64,
    /// Attempts that timed out.
    pub timed_out: u64,
    /// Attempts that were rejected.
    pub rejected: u64,
    /// Attempts that were answered with an error.
    pub errors: u64,
    /// Attempts that were lost with their server.
    pub lost: u64,
    /// From the first attempt to the answer, of those that succeeded.
    pub latency: Histogram,
}

/// Figures of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerTally {
    /// What came and left.
    pub flow: Flow,
    /// What was in use.
    pub usage: Usage,
    /// How many requests are there now.
    pub in_system: u32,
    /// How many of them hold a place now.
    pub in_service: u32,
}

/// Figures of a group: of all servers it has and had.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GroupTally {
    /// What came and left.
    pub flow: Flow,
    /// What was in use.
    pub usage: Usage,
    /// How many requests are there now.
    pub in_system: u64,
    /// How many of them hold a place now.
    pub in_service: u64,
}

/// What is told of a group and of a class: flow, and time from arrival to completion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What came and left.
    pub flow: Flow,
    /// From arrival at a server to completion, of those completed.
    pub responses: Histogram,
}

/// How an attempt left without being served to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Failed,
    QueueFull,
    NoServer,
    Cancelled,
    Lost,
}

impl Flow {
    /// Returns how many are there now.
    pub fn in_system(&self) -> u64 {
        let Flow { arrived, completed, failed, queue_full, no_server, cancelled, lost } = *self;
        arrived - (completed + failed + queue_full + no_server + cancelled + lost)
    }

    /// Returns how many were rejected, for whatever reason.
    pub fn rejected(&self) -> u64 {
        self.queue_full + self.no_server
    }

    pub(super) fn left(&mut self, exit: Exit) {
        match exit {
            Exit::Failed => self.failed += 1,
            Exit::QueueFull => self.queue_full += 1,
            Exit::NoServer => self.no_server += 1,
            Exit::Cancelled => self.cancelled += 1,
            Exit::Lost => self.lost += 1,
        }
    }
}

impl Sub for Flow {
    type Output = Flow;
    /// Returns what happened between two readings, the earlier one being subtracted.
    fn sub(self, earlier: Flow) -> Flow {
        Flow {
            arrived: self.arrived - earlier.arrived,
            completed: self.completed - earlier.completed,
            failed: self.failed - earlier.failed,
            queue_full: self.queue_full - earlier.queue_full,
            no_server: self.no_server - earlier.no_server,
            cancelled: self.cancelled - earlier.cancelled,
            lost: self.lost - earlier.lost,
        }
    }
}

impl Usage {
    /// Returns CPU time used, in vCPU-seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.cpu_us / 1e6
    }

    /// Returns the mean number of requests in the server, if this is the usage of so long a time.
    pub fn mean_in_system(&self, over: Span) -> f64 {
        self.in_system_us as f64 / over.as_micros() as f64
    }

    /// Returns the mean number of requests that wait, if this is the usage of so long a time.
    pub fn mean_waiting(&self, over: Span) -> f64 {
        (self.in_system_us - self.in_service_us) as f64 / over.as_micros() as f64
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Usage) {
        self.in_system_us += more.in_system_us;
        self.in_service_us += more.in_service_us;
        self.cpu_us += more.cpu_us;
    }
}

impl Sub for Usage {
    type Output = Usage;
    /// Returns what was used between two readings, the earlier one being subtracted.
    fn sub(self, earlier: Usage) -> Usage {
        Usage {
            in_system_us: self.in_system_us - earlier.in_system_us,
            in_service_us: self.in_service_us - earlier.in_service_us,
            cpu_us: self.cpu_us - earlier.cpu_us,
        }
    }
}

impl Account {
    #[inline]
    pub(super) fn completed(&mut self, response: Span) {
        self.flow.completed += 1;
        self.responses.record(response);
    }
}
