//! What went wrong in a run, gathered by who and what, for the one screen that shows it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::ecs::capacity::credits::Stage;
use crate::ecs::capacity::group::PurchaseOption;
use crate::ecs::{AfterFailure, GroupEvent, Model, Owner, StopCode, StopReason};
use crate::record::{
    EventRow, Happening, InstanceRow, RowSink, Speaker, TaskRow, failure_code, sentence,
};
use crate::units::SimTime;

/// Events of a run that somebody should know of, gathered as they come.
#[derive(Clone, Debug, Default)]
pub struct Happenings {
    gathered: BTreeMap<(Kind, String, Reason), Gathered>,
}

/// Events of one kind by one speaker for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// When first.
    pub first: SimTime,
    /// When last.
    pub last: SimTime,
    /// How often.
    pub count: u64,
    /// What happened in words.
    pub sentence: String,
    /// Whether the sentence is about the first of them only.
    pub is_of_first: bool,
}

/// Why it happened: a code or a sentence, and an exit code.
type Reason = (&'static str, Option<i32>);

/// What is gathered, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Fault,
    LaunchAbandoned,
    LaunchFailed,
    GaveUp,
    StartImpaired,
    UnableToPlace,
    FailedToStart,
    Crashed,
    HostGone,
    Interrupted,
    Unhealthy,
    RunTaskFailed,
    Throttled,
    OutOfCredits,
    Unbalanced,
    StandsIn,
}

impl Happenings {
    /// Lists what was gathered, the worst kind first, and of one kind what was most often.
    pub fn worst(&self) -> impl ExactSizeIterator<Item = &Gathered> {
        let mut all: Vec<_> = self.gathered.iter().collect();
        all.sort_by_key(|((kind, ..), it)| (*kind, Reverse(it.count)));
        all.into_iter().map(|(_, it)| it)
    }

    fn add(
        &mut self,
        key: (Kind, &str, Reason),
        at: SimTime,
        tell: impl FnOnce() -> (String, bool),
    ) {
        let (kind, name, reason) = key;
        let gathered = self.gathered.entry((kind, name.to_string(), reason)).or_insert_with(|| {
            let (sentence, is_of_first) = tell();
            Gathered { first: at, last: at, count: 0, sentence, is_of_first }
        });
        gathered.first = gathered.first.min(at);
        gathered.last = gathered.last.max(at);
        gathered.count += 1;
    }
}

/// Takes rows for two.
#[derive(Clone, Debug, Default)]
pub struct Tee<A, B>(pub A, pub B);

impl<A: RowSink, B: RowSink> RowSink for Tee<A, B> {
    fn task(&mut self, row: &TaskRow, model: &Model) {
        self.0.task(row, model);
        self.1.task(row, model);
    }

    fn instance(&mut self, row: &InstanceRow, model: &Model) {
        self.0.instance(row, model);
        self.1.instance(row, model);
    }

    fn event(&mut self, row: &EventRow, model: &Model) {
        self.0.event(row, model);
        self.1.event(row, model);
    }
}

/// Says what a task's end is, if it is not as it should be: a job's task may exit with 0, and a
/// service may take its own away.
fn failure(stop: StopReason, owner: Owner) -> Option<(Kind, Option<i32>)> {
    let kind = match stop.code() {
        StopCode::TaskFailedToStart => Kind::FailedToStart,
        StopCode::EssentialContainerExited => Kind::Crashed,
        StopCode::InfrastructureHealth => Kind::HostGone,
        StopCode::SpotInterruption => Kind::Interrupted,
        StopCode::ServiceSchedulerInitiated => return None,
    };
    match (stop, owner) {
        (StopReason::EssentialContainerExited { exit_code: 0, .. }, Owner::Submission { .. }) => {
            None
        }
        (StopReason::EssentialContainerExited { exit_code, .. }, _) => {
            Some((kind, Some(exit_code)))
        }
        _ => Some((kind, None)),
    }
}

impl RowSink for Happenings {
    fn task(&mut self, row: &TaskRow, model: &Model) {
        let Some(stop) = row.stop else { return };
        let Some((kind, exit_code)) = failure(stop, row.owner) else { return };
        let Some(at) = row.times.stop_requested.or(row.stopped) else { return };
        let (speaker, name) = match row.owner {
            Owner::Service { service, .. } => ("service", &model.services[service].name),
            Owner::Submission { submitter, .. } => ("RunTask", &model.submitters[submitter].name),
        };
        self.add((kind, name, (stop.sentence(), exit_code)), at, || {
            let code = exit_code.map(|it| format!(", exit code {it}")).unwrap_or_default();
            let (word, why) = (stop.code().word(), stop.sentence());
            let why = why.strip_prefix(word).map_or(why, |rest| rest.trim_start_matches(": "));
            (format!("({speaker} {name}) {word}: {why}{code}"), false)
        });
    }

    fn instance(&mut self, _: &InstanceRow, _: &Model) {}

    fn event(&mut self, row: &EventRow, model: &Model) {
        let (kind, reason) = match row.happening {
            Happening::UnableToPlace { refusal, .. } => {
                (Kind::UnableToPlace, failure_code(refusal.reason))
            }
            Happening::RunTaskFailed { refusal, then, .. } => {
                let kind = match then {
                    AfterFailure::GivesUp => Kind::GaveUp,
                    AfterFailure::RetryIn(_) | AfterFailure::Waits => Kind::RunTaskFailed,
                };
                (kind, failure_code(refusal.reason))
            }
            Happening::StartImpaired { .. } => (Kind::StartImpaired, ""),
            Happening::Throttled => (Kind::Throttled, ""),
            Happening::UnableToRebalance { .. } => (Kind::Unbalanced, ""),
            Happening::TargetUnhealthy { .. } => (Kind::Unhealthy, ""),
            Happening::InstanceFailed { .. } => (Kind::Fault, "instance"),
            Happening::ZoneOut { .. } => (Kind::Fault, "zone"),
            Happening::LaunchesFail => (Kind::Fault, "launches"),
            Happening::LaunchFailed { reason, .. } => {
                (Kind::LaunchFailed, reason.code(PurchaseOption::OnDemand))
            }
            Happening::GroupEvent(GroupEvent::LaunchAbandoned) => (Kind::LaunchAbandoned, ""),
            Happening::Fallback { from: 0, .. } => (Kind::StandsIn, ""),
            Happening::CpuCredits { stage, .. } => match stage {
                Stage::Throttled => (Kind::OutOfCredits, "throttled"),
                Stage::Charged => (Kind::OutOfCredits, "charged"),
                Stage::Covered | Stage::Surplus => return,
            },
            Happening::StartedTasks { .. }
            | Happening::StoppedTasks { .. }
            | Happening::StoppedPendingTasks { .. }
            | Happening::RegisteredTargets { .. }
            | Happening::DeregisteredTargets { .. }
            | Happening::DrainingConnections { .. }
            | Happening::SteadyState
            | Happening::NotAzBalanced { .. }
            | Happening::AzBalanced { .. }
            | Happening::StartedToRebalance { .. }
            | Happening::StoppedToRebalance { .. }
            | Happening::RebalancingStopped
            | Happening::InstanceBack { .. }
            | Happening::ZoneBack { .. }
            | Happening::LaunchesBack
            | Happening::DesiredCount { .. }
            | Happening::ManagedScaling { .. }
            | Happening::Fallback { .. }
            | Happening::ManagedInstance { .. }
            | Happening::Scaling(_)
            | Happening::GroupEvent(_) => return,
        };
        let name = match row.speaker {
            Speaker::Service(service) => &model.services[service].name,
            Speaker::Submitter(submitter) => &model.submitters[submitter].name,
            Speaker::CapacityProvider(ix) => &model.capacity_providers[ix].name,
            Speaker::Fault(ix) => &model.faults[ix].name,
            Speaker::AutoScalingGroup(ix) => &model.auto_scaling_groups[ix].name,
            Speaker::Fallback(ix) => &model.fallbacks[ix].name,
            Speaker::Fleet(ix) => &model.fleets[ix].name,
        };
        self.add((kind, name, (reason, None)), row.at, || (sentence(row, model), true));
    }
}
