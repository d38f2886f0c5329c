//! What went wrong in a run, gathered by who and what, for the one screen that shows it.

use std::collections::BTreeMap;

use crate::ecs::{AfterFailure, Model};
use crate::record::{
    EventRow, Happening, InstanceRow, RowSink, Speaker, TaskRow, failure_code, sentence,
};
use crate::units::SimTime;

/// Events of a run that somebody should know of, gathered as they come.
#[derive(Clone, Debug, Default)]
pub struct Happenings {
    gathered: BTreeMap<(Kind, String, &'static str), Gathered>,
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
    /// Tasks concerned, all together.
    pub tasks: u64,
    /// The first of them in words.
    pub sentence: String,
}

/// What is gathered, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    GaveUp,
    StartImpaired,
    UnableToPlace,
    RunTaskFailed,
    Throttled,
}

impl Happenings {
    /// Lists what was gathered, the worst first.
    pub fn worst(&self) -> impl ExactSizeIterator<Item = &Gathered> {
        self.gathered.values()
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

impl RowSink for Happenings {
    fn task(&mut self, _: &TaskRow, _: &Model) {}

    fn instance(&mut self, _: &InstanceRow, _: &Model) {}

    fn event(&mut self, row: &EventRow, model: &Model) {
        let (kind, reason, tasks) = match row.happening {
            Happening::UnableToPlace { refusal, .. } => {
                (Kind::UnableToPlace, failure_code(refusal.reason), 1)
            }
            Happening::RunTaskFailed { refusal, missing, then, .. } => {
                let kind = match then {
                    AfterFailure::GivesUp => Kind::GaveUp,
                    AfterFailure::RetryIn(_) | AfterFailure::Waits => Kind::RunTaskFailed,
                };
                (kind, failure_code(refusal.reason), u64::from(missing))
            }
            Happening::StartImpaired { .. } => (Kind::StartImpaired, "", 0),
            Happening::Throttled => (Kind::Throttled, "", 0),
            Happening::StartedTasks { .. }
            | Happening::StoppedTasks { .. }
            | Happening::RegisteredTargets { .. }
            | Happening::DeregisteredTargets { .. }
            | Happening::DrainingConnections { .. }
            | Happening::SteadyState
            | Happening::DesiredCount { .. } => return,
        };
        let speaker = match row.speaker {
            Speaker::Service(service) => &model.services[service].name,
            Speaker::Submitter(submitter) => &model.submitters[submitter].name,
        };
        let gathered =
            self.gathered.entry((kind, speaker.clone(), reason)).or_insert_with(|| Gathered {
                first: row.at,
                last: row.at,
                count: 0,
                tasks: 0,
                sentence: sentence(row, model),
            });
        gathered.last = row.at;
        gathered.count += 1;
        gathered.tasks += tasks;
    }
}
