//! One run of a scenario: simulated, recorded, priced.

use crate::billing::{Bill, Meter, price};
use crate::ecs::{Observer, Sim, Stop};
use crate::engine::Seed;
use crate::record::{
    Ending, Fingerprint, Recorder, RecorderOptions, Recording, RowLog, RowSink, WarmUp, why_partial,
};
use crate::scenario::{self, Scenario};
use crate::units::SimTime;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The luck it had.
    pub seed: Seed,
    /// Series and summary.
    pub recording: Recording,
    /// What it cost.
    pub bill: Bill,
}

/// Is asked now and then whether the run should go on.
pub trait Control {
    /// Says why to stop; `None`: go on.
    fn check(&mut self, progress: Progress) -> Option<String>;
}

/// Never stops a run.
impl Control for () {
    fn check(&mut self, _: Progress) -> Option<String> {
        None
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Simulated time.
    pub at: SimTime,
    /// Where it ends.
    pub end: SimTime,
    /// Events handled.
    pub events: u64,
}

/// Parts into which a run is cut, between which control is asked.
///
/// How a run is cut does not change it: a run continued equals the whole.
const PARTS: u64 = 2000;

/// Events after which control is asked within a part: a fraction of a second's.
const EVENTS_PER_PART: u64 = 100_000;

/// Runs to an instant, asking control on the way; says why it did not come there.
pub(super) fn run_part(
    sim: &mut Sim,
    (until, end): (SimTime, SimTime),
    observer: &mut dyn Observer,
    control: &mut dyn Control,
) -> Result<(), String> {
    loop {
        let stop = sim.run_some(until, EVENTS_PER_PART, observer);
        if let Some(why) = why_partial(stop) {
            return Err(why);
        }
        let at = if stop == Stop::Reached { until } else { sim.now() };
        if let Some(why) = control.check(Progress { at, end, events: sim.events() }) {
            return Err(why);
        }
        if stop == Stop::Reached {
            return Ok(());
        }
    }
}

/// Runs a scenario once, hands rows to `sink` as they come, and prices what it used.
///
/// `watch` is told every fact as well; pass `&mut ()` where nobody watches.
pub fn run<S: RowSink>(
    scenario: &Scenario,
    seed: Seed,
    sink: S,
    (control, watch): (&mut dyn Control, &mut dyn Observer),
) -> (Outcome, S) {
    let model = &scenario.model;
    let end = SimTime::ZERO + model.duration;
    let mut sim = Sim::new(model.clone(), seed);
    let recorder = Recorder::new(model, options(scenario));
    let mut observers =
        (((recorder, Meter::new(model)), (RowLog::new(sink), Fingerprint::new())), watch);
    let mut partial = None;
    for part in 1..=PARTS {
        let micros = u128::from(end.as_micros()) * u128::from(part) / u128::from(PARTS);
        let until = SimTime::from_micros(micros as u64);
        partial = run_part(&mut sim, (until, end), &mut observers, control).err();
        if partial.is_some() {
            break;
        }
    }
    let (((recorder, meter), (rows, fingerprint)), _) = observers;
    let at = if partial.is_some() { sim.now() } else { end };
    let sink = rows.finish(at, sim.world(), model);
    let usage = meter.finish(at, sim.world(), model);
    let ending = Ending { at, partial, fingerprint: Some(fingerprint) };
    let recording = recorder.finish(&sim, ending);
    let bill = price(&usage, &scenario.prices, model)
        .expect("the price book has every platform that a launch of the scenario can use");
    (Outcome { seed, recording, bill }, sink)
}

fn options(scenario: &Scenario) -> RecorderOptions {
    RecorderOptions {
        buckets: scenario.record.buckets,
        warm_up: match scenario.warm_up {
            scenario::WarmUp::For(span) => WarmUp::Until(SimTime::ZERO + span),
            scenario::WarmUp::Steady => WarmUp::Steady,
        },
    }
}
