//! Which measures a result can have, by name, and what each is counted in.
//!
//! The names are those that `study` gives to figures; a test of the whole holds the two together.

use crate::ecs::FailureReason;
use crate::ecs::model::{HostPort, Protocol};
use crate::record::failure_code;

use super::View;
use super::problems::listed;
use super::suggest::did_you_mean;

/// What a measure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    /// A part of a whole.
    Share,
    /// A length of time.
    Time,
    /// US dollars.
    Money,
    /// A number of things.
    Count,
    /// Hours of instances.
    Hours,
}

impl Quantity {
    /// Says what it is, with its article.
    pub const fn name(self) -> &'static str {
        match self {
            Quantity::Share => "a share",
            Quantity::Time => "a length of time",
            Quantity::Money => "money",
            Quantity::Count => "a plain number",
            Quantity::Hours => "hours of instances",
        }
    }

    /// Shows how a bound of it is written.
    pub const fn example(self) -> &'static str {
        match self {
            Quantity::Share => ">= 99.95 %",
            Quantity::Time => "<= 60 s",
            Quantity::Money => "< $400",
            Quantity::Count => "<= 3",
            Quantity::Hours => "<= 100 h",
        }
    }
}

/// Why a name is no measure: the fact, and what to do.
pub(super) struct Unknown {
    pub fact: String,
    pub hint: String,
}

/// Names with what they are; of a name that ends in `_` there are several.
type Names = &'static [(&'static str, Quantity)];

use Quantity::{Count, Hours, Money, Share, Time};

/// Endings of levels, and of lengths of time.
const OF_LEVELS: [&str; 3] = ["min", "mean", "max"];
const OF_TIMES: [&str; 5] = ["mean", "p50", "p95", "p99", "max"];

const OF_SERVICES: Names = &[
    ("availability", Share),
    ("desired_", Count),
    ("running_", Count),
    ("healthy_", Count),
    ("started", Count),
    ("unable_to_place", Count),
    ("pending_", Time),
    ("pull_", Time),
    ("health_", Time),
    ("cpu_utilization", Share),
    ("memory_utilization", Share),
    ("requests", Count),
    ("requests_served", Count),
    ("requests_failed", Count),
    ("requests_rejected", Count),
    ("requests_without_target", Count),
    ("requests_unreachable", Count),
    ("requests_lost", Count),
    ("request_success", Share),
    ("request_latency_mean", Time),
    ("request_latency_worst", Time),
    ("request_latency_p50", Time),
    ("request_latency_p95", Time),
    ("request_latency_p99", Time),
    ("request_latency_p99_9", Time),
    ("requests_timed_out", Count),
    ("requests_retried", Count),
    ("requests_given_up", Count),
    ("cost_per_1000_requests", Money),
];

const OF_SCALABLE_TARGETS: Names = &[
    ("scale_outs", Count),
    ("scale_ins", Count),
    ("not_scaled", Count),
    ("flaps", Count),
    ("overshoot", Count),
    ("at_min_capacity", Time),
    ("at_max_capacity", Time),
];

const OF_SUBMITTERS: Names = &[
    ("submitted", Count),
    ("launched", Count),
    ("started", Count),
    ("failed_calls", Count),
    ("given_up", Count),
    ("unfinished", Count),
    ("lost_tasks", Count),
    ("lost_work", Time),
    ("wait_", Time),
    ("pending_", Time),
    ("makespan", Time),
    ("waiting_tasks_", Count),
    ("running_", Count),
];

const OF_CAPACITY: Names = &[
    ("instances_", Count),
    ("instance_hours", Hours),
    ("empty_instance_hours", Hours),
    ("packing_efficiency", Share),
    ("reserved_cpu", Share),
    ("reserved_memory", Share),
    ("reserved_gpus", Share),
    ("used_cpu", Share),
    ("used_memory", Share),
    ("used_gpus", Share),
    ("stranded_cpu", Share),
    ("stranded_memory", Share),
    ("stranded_gpus", Share),
];

const OF_MANAGED_SCALING: Names = &[
    ("reservation_", Count),
    ("waiting_tasks_", Count),
    ("scale_outs", Count),
    ("scale_ins", Count),
    ("minutes_at_maximum", Count),
    ("surplus_instance_hours", Hours),
];

const OF_LAUNCHES: Names = &[
    ("draining_instance_hours", Hours),
    ("spot_recommendations", Count),
    ("spot_notices", Count),
    ("spot_interruptions", Count),
    ("spot_tasks_moved", Count),
    ("spot_tasks_killed", Count),
    ("launch_failures", Count),
];

const OF_CPU_CREDITS: Names = &[
    ("cpu_credit_balance_", Count),
    ("cpu_surplus_credit_balance_", Count),
    ("cpu_credits_earned", Count),
    ("cpu_credits_spent", Count),
    ("cpu_credits_discarded", Count),
    ("cpu_surplus_credits_charged", Count),
    ("cpu_surplus_credits_owed", Count),
    ("throttled_vcpu_hours", Count),
    ("throttled_instance_hours", Hours),
];

const OF_THE_RUN: Names = &[
    ("tasks.created", Count),
    ("tasks.started", Count),
    ("tasks.stopped", Count),
    ("tasks.alive_at_end", Count),
    ("tasks.container_restarts", Count),
    ("tasks.stopped.TaskFailedToStart", Count),
    ("tasks.stopped.EssentialContainerExited", Count),
    ("tasks.stopped.ServiceSchedulerInitiated", Count),
    ("tasks.stopped.InfrastructureHealth", Count),
    ("tasks.stopped.SpotInterruption", Count),
    ("placement_failures.total", Count),
    ("cost.total", Money),
    ("cost.per_month", Money),
    ("cost.idle", Money),
    ("cost.shared", Money),
    ("provider.ec2.tasks_", Count),
    ("provider.external.tasks_", Count),
    ("provider.fargate.tasks_", Count),
    ("provider.fargate_spot.tasks_", Count),
];

/// What has measures of its own, by its table.
const SUBJECTS: [(&str, &[Names]); 7] = [
    ("service", &[OF_SERVICES, OF_SCALABLE_TARGETS]),
    ("task", &[OF_SUBMITTERS]),
    ("job", &[OF_SUBMITTERS]),
    ("cluster", &[OF_CAPACITY]),
    ("container_instances", &[OF_CAPACITY, OF_CPU_CREDITS]),
    ("auto_scaling_group", &[OF_CAPACITY, OF_LAUNCHES, OF_CPU_CREDITS]),
    ("capacity_provider", &[OF_MANAGED_SCALING, OF_CAPACITY, OF_LAUNCHES, OF_CPU_CREDITS]),
];

/// Writes out the names of a list.
fn written_out(names: &[Names]) -> Vec<(String, Quantity)> {
    let mut all = Vec::new();
    for &(name, quantity) in names.iter().copied().flatten() {
        let endings: &[&str] = match quantity {
            _ if !name.ends_with('_') => &[""],
            Time => &OF_TIMES,
            Share | Money | Count | Hours => &OF_LEVELS,
        };
        all.extend(endings.iter().map(|ending| (format!("{name}{ending}"), quantity)));
    }
    all
}

/// Says what a measure is counted in; nothing if what it is about is wrong in form.
///
/// # Errors
/// [`Unknown`] if no result has such a measure.
pub(super) fn quantity(measure: &str, root: &View) -> Result<Option<Quantity>, Unknown> {
    let (kind, rest) = measure.split_once('.').unwrap_or((measure, ""));
    let subject = SUBJECTS.into_iter().find(|(table, _)| *table == kind);
    if let Some((table, names)) = subject {
        if !root.has_names(&[table]) {
            return Ok(None);
        }
        return of_subject(measure, (table, rest), names, root).map(Some);
    }
    if let Some(owner) = measure.strip_prefix("cost.of.") {
        return of_owner(owner, root);
    }
    let mut names = written_out(&[OF_THE_RUN]);
    for category in crate::billing::Category::ALL {
        let name = category.name().to_lowercase().replace(' ', "_");
        names.push((format!("cost.{name}"), Money));
    }
    let reasons = [
        FailureReason::Cpu,
        FailureReason::Memory,
        FailureReason::Gpu,
        FailureReason::Ports(HostPort { protocol: Protocol::Tcp, number: 1 }),
        FailureReason::Eni,
        FailureReason::Address,
        FailureReason::Agent,
        FailureReason::Attribute,
        FailureReason::Location,
        FailureReason::MemberOf,
        FailureReason::DistinctInstance,
        FailureReason::NoInstances,
        FailureReason::VcpuQuota,
        FailureReason::ProvisioningLimit,
        FailureReason::Capacity,
    ];
    names.extend(reasons.map(|it| (format!("placement_failures.{}", failure_code(it)), Count)));
    one_of(measure, "", &names).map(Some)
}

fn one_of(measure: &str, prefix: &str, names: &[(String, Quantity)]) -> Result<Quantity, Unknown> {
    let part = measure.strip_prefix(prefix).unwrap_or(measure);
    if let Some((_, quantity)) = names.iter().find(|(name, _)| name == part) {
        return Ok(*quantity);
    }
    let all: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    let hint = match did_you_mean(part, all.iter().copied()) {
        Some(meant) => format!("did you mean `{prefix}{meant}`?"),
        None => format!("measures here are {}", listed(&all)),
    };
    Err(Unknown { fact: format!("there is no measure `{part}`"), hint })
}

/// Finds a measure of a thing that has a name, which may have points of its own.
fn of_subject(
    measure: &str,
    (table, rest): (&str, &str),
    names: &[Names],
    root: &View,
) -> Result<Quantity, Unknown> {
    let is_there =
        |name: &str| root.entry(table, name).is_some() || (table == "cluster" && name == "default");
    if is_there(rest) {
        let all = written_out(names);
        let all: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let fact = format!("`{measure}` is no measure, but has measures");
        return Err(Unknown {
            fact,
            hint: format!("write one of them behind it: {}", listed(&all)),
        });
    }
    let mut ends = rest.match_indices('.').map(|(at, _)| at);
    if let Some(end) = ends.rfind(|&end| is_there(&rest[..end])) {
        let prefix = &measure[..table.len() + 1 + end + 1];
        return one_of(measure, prefix, &written_out(names));
    }
    let name = rest.rsplit_once('.').map_or(rest, |(name, _)| name);
    Err(no_such(table, name, root))
}

fn no_such(table: &str, name: &str, root: &View) -> Unknown {
    let known: Vec<&str> = root.entries(table).into_iter().map(|(name, _)| name).collect();
    let verb = if table.ends_with('s') { "are" } else { "is" };
    let thing = table.replace('_', " ");
    let hint = match (did_you_mean(name, known.iter().copied()), known.as_slice()) {
        (Some(meant), _) => format!("did you mean `{table}.{meant}`?"),
        (None, []) => format!("write a table [{table}.{name}]"),
        (None, known) => format!("known: {}", listed(known)),
    };
    Unknown { fact: format!("there {verb} no {thing} `{name}`"), hint }
}

/// What something costs: a service by its name, a task or a job with the name of its table.
fn of_owner(owner: &str, root: &View) -> Result<Option<Quantity>, Unknown> {
    if !root.has_names(&["service", "task", "job"]) {
        return Ok(None);
    }
    let submitter = owner.split_once('.').filter(|(table, _)| ["task", "job"].contains(table));
    if root.entry("service", owner).is_some()
        || submitter.is_some_and(|(table, name)| root.entry(table, name).is_some())
    {
        return Ok(Some(Money));
    }
    let mut known: Vec<String> = Vec::new();
    for (table, prefix) in [("service", ""), ("task", "task."), ("job", "job.")] {
        known.extend(root.entries(table).iter().map(|(name, _)| format!("{prefix}{name}")));
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let hint = match did_you_mean(owner, known.iter().copied()) {
        Some(meant) => format!("did you mean `cost.of.{meant}`?"),
        None => format!("known: {}", listed(&known)),
    };
    Err(Unknown { fact: format!("nothing called `{owner}` has a cost of its own"), hint })
}
