//! What requests do and who sends and serves them: the settings of the simulation.

use crate::engine::{Distribution, Ix, Luck};
use crate::units::Span;

use super::{Class, Group};

/// What requests of a class do where they are served: use CPU, then wait, then call others.
#[derive(Clone, Debug)]
pub struct ClassSpec {
    /// CPU time of a request, in vCPU-seconds.
    pub cpu_seconds: Distribution,
    /// How long it waits besides (for disks, for others), in seconds; it holds its place meanwhile.
    pub wait_seconds: Distribution,
    /// Whom it calls, one after the other, once it has had its CPU and waited.
    pub calls: Vec<CallSpec>,
}

/// A call that requests of a class make; they hold their place until it is answered.
#[derive(Clone, Debug)]
pub struct CallSpec {
    /// Who is called, and with what.
    pub to: Destination,
    /// How often, on average: the whole part always, and once more with the rest as probability.
    pub per_request: f64,
    /// How long the caller waits for an answer, and what it does then.
    pub patience: Patience,
}

/// A group and what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Who serves.
    pub group: Ix<Group>,
    /// What requests do there.
    pub class: Ix<Class>,
}

/// How long a client waits for an answer, and how often it tries again.
///
/// An attempt fails if it times out, is rejected, is lost with its server, or is answered with an
/// error. The default waits forever and never tries again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Patience {
    /// How long an attempt may take; `None` is forever.
    pub timeout: Option<Span>,
    /// How many attempts may follow the first.
    pub retries: u32,
    /// How long the client waits before it tries again.
    pub backoff: Backoff,
}

/// How long a client waits before it tries again; never less than a microsecond.
///
/// Attempt n + 1 comes after `first` times `factor` to the power of n - 1, at most `longest`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// Before the second attempt.
    pub first: Span,
    /// How much longer each next wait is.
    pub factor: f64,
    /// The longest wait.
    pub longest: Span,
    /// Whether the wait is drawn evenly from nothing to that length instead ("full jitter").
    ///
    /// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    pub jitter: bool,
}

impl Default for Backoff {
    /// Tries again at once.
    fn default() -> Backoff {
        Backoff { first: Span::ZERO, factor: 2.0, longest: Span::MAX, jitter: false }
    }
}

/// Where requests of the outside come from.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// Whose luck decides when requests come and what they need.
    pub luck: Luck,
    /// Which group they go to.
    pub to: Ix<Group>,
    /// The classes and how much of each there is; shares are relative to their sum.
    pub mix: Vec<(f64, Ix<Class>)>,
    /// How long a client waits, and how often it tries again.
    pub patience: Patience,
}

/// How a group chooses a server.
///
/// Source: Elastic Load Balancing, "Edit target group attributes for your Application Load
/// Balancer", routing algorithm, read 2026-12-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// One after the other; one of half the weight has every second turn.
    #[default]
    RoundRobin,
    /// To whoever has fewest requests, the one that was chosen longest ago among equals.
    ///
    /// Weights above zero are all alike, as slow start does not go with it. Assumption: requests
    /// that their client has given up count as long as the server works at them.
    LeastOutstandingRequests,
    /// To any, with a probability that is its share of the weights.
    WeightedRandom,
}

/// What happens to a request that its client has given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Abandoned {
    /// The server does not notice, and works at it all the same: so retry storms arise.
    #[default]
    Served,
    /// It vanishes at once, wherever it is, and what it called as well, if that is of such a group.
    Cancelled,
}

/// A target group, or whoever else hands requests to servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupSpec {
    /// How a server is chosen.
    pub routing: Routing,
    /// What happens to a request that its client has given up.
    pub abandoned: Abandoned,
}

/// A server: a task, as requests see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerSpec {
    /// How much CPU it has, in vCPUs; less than nothing counts as nothing.
    pub cpu: f64,
    /// How much work a vCPU does, relative to the one in which classes count; above 0.
    pub speed: f64,
    /// Its share of requests relative to others: 0 is none, as if it were not healthy.
    pub weight: f64,
    /// How many requests are admitted at once.
    pub concurrency: u32,
    /// How many more may wait, first-in-first-out; what comes then is rejected.
    pub queue_limit: u32,
    /// More requests than this in the server are told: [`Notice::Crowded`](super::Notice).
    pub crowded_above: Option<u32>,
}

impl Default for ServerSpec {
    /// One vCPU, 64 at once, any number waiting.
    fn default() -> ServerSpec {
        ServerSpec {
            cpu: 1.0,
            speed: 1.0,
            weight: 1.0,
            concurrency: 64,
            queue_limit: u32::MAX,
            crowded_above: None,
        }
    }
}

/// Something outside that is called, as a database: it serves so many at once and takes its time.
#[derive(Clone, Debug)]
pub struct DependencySpec {
    /// How many calls it serves at once; others wait, first-in-first-out.
    pub max_concurrency: u32,
    /// How many may wait; what comes then is rejected.
    pub queue_limit: u32,
    /// How long it serves a call, in seconds.
    pub latency_seconds: Distribution,
    /// What happens to a call that its caller has given up.
    pub abandoned: Abandoned,
}

/// Why a class cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadClass {
    /// Calls of calls of calls go too far.
    #[error("calls are nested {depth} deep, and at most {max} are simulated", max = MAX_DEPTH)]
    TooDeep {
        /// How deep they would be.
        depth: u32,
    },
}

/// How deep calls may be nested.
pub const MAX_DEPTH: u32 = 16;

impl Backoff {
    /// Returns the longest wait after attempt `number`, counted from 0.
    pub(super) fn after(&self, number: u32) -> Span {
        let factor = self.factor.max(0.0).powi(number.min(1000) as i32);
        Span::from_secs_f64(self.first.as_secs_f64() * factor).min(self.longest)
    }
}
