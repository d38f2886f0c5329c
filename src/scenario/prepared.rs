//! A scenario that is ready to run: its model, its prices, and what to do with the result.

use std::path::Path;
use std::sync::Arc;

use crate::billing::PriceBook;
use crate::ecs::Model;
use crate::record::Buckets;
use crate::units::{Span, parse_span};

use super::lower::{ReadRate, lower};
use super::objective::{Objective, objectives};
use super::problems::{Problem, Problems};
use super::{Document, Files, Override, load};

/// A scenario that is ready to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name; that of its file if it has none.
    pub name: String,
    /// The region.
    pub region: String,
    /// What is simulated.
    pub model: Arc<Model>,
    /// What it is priced by.
    pub prices: PriceBook,
    /// The luck.
    pub seed: u64,
    /// What is left out of the statistics.
    pub warm_up: WarmUp,
    /// What a run leaves.
    pub record: Record,
    /// What must hold of the result.
    pub objectives: Vec<Objective>,
    /// Real time the run may take.
    pub wall_time: Option<Span>,
    /// A digest of everything that decides the result, the luck apart.
    pub digest: u128,
    /// Records of rates that were read.
    pub rates: Vec<ReadRate>,
    /// The text, checked, with its warnings.
    pub document: Document,
}

/// What is left out of the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// This much of the beginning; zero: nothing.
    For(Span),
    /// Until every service has been in steady state once.
    Steady,
}

/// What a run leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// How fine series are.
    pub buckets: Buckets,
    /// Whether a row for every task is written.
    pub task_log: bool,
    /// Whether a row for every service event is written.
    pub event_log: bool,
}

impl Scenario {
    /// Reads a scenario with all it names, and checks everything.
    ///
    /// # Errors
    /// All [`Problems`] at once.
    pub fn read(
        files: &dyn Files,
        path: &Path,
        overrides: &[Override],
    ) -> Result<Scenario, Problems> {
        let mut document = load::read(files, path, overrides)?;
        let lowered = lower(&document, files);
        let mut found = lowered.problems;
        let warm_up = warm_up(&document, &mut found);
        let objectives = objectives(&document, &mut found);
        document.problems.extend(found);
        document.on_fargate = lowered.on_fargate;
        document.without_effect = lowered.without_effect;
        let prices = match lowered.prices {
            Some(prices) if !document.problems.has_errors() => prices,
            Some(_) | None => return Err(document.problems),
        };
        let root = document.root();
        let record = root.table("record");
        let stem = path.file_stem().map_or("scenario".into(), |stem| stem.to_string_lossy());
        let name = root.find::<String>("name").unwrap_or_else(|| stem.into_owned());
        let mut model = lowered.model;
        model.name.clone_from(&name);
        let digest = digest(&document, &model);
        Ok(Scenario {
            name,
            region: root.get("region"),
            prices,
            seed: root.get("seed"),
            warm_up,
            record: Record {
                buckets: lowered.buckets,
                task_log: record.get("task_log"),
                event_log: record.get("event_log"),
            },
            objectives,
            wall_time: root.table("limits").find("wall_time"),
            digest,
            rates: lowered.rates,
            model: Arc::new(model),
            document,
        })
    }
}

fn warm_up(document: &Document, problems: &mut Vec<Problem>) -> WarmUp {
    let root = document.root();
    let Some(text) = root.find::<String>("warm_up") else { return WarmUp::For(Span::ZERO) };
    if text == "steady" {
        return WarmUp::Steady;
    }
    let problem = match parse_span(&text) {
        Ok(span) if span < root.get("duration") || !root.is_sound_at(&["duration"]) => {
            return WarmUp::For(span);
        }
        Ok(span) => {
            let duration: Span = root.get("duration");
            let message = format!("`warm_up` is {span}, and the run lasts {duration}");
            root.error("warm_up", message).hint("leave some of the run to be measured")
        }
        Err(fault) => {
            let hint = "write a length of time such as `\"2 h\"`, or `\"steady\"`";
            root.error("warm_up", format!("`warm_up` {}", fault.fact)).hint(hint)
        }
    };
    problems.push(problem);
    WarmUp::For(Span::ZERO)
}

/// Digests every value that can decide the result, written or default, and what is in files.
///
/// The seed is left out: it is the luck, not the scenario.
fn digest(document: &Document, model: &Model) -> u128 {
    let mut digest = Digest::default();
    let mut is_seed = false;
    document.root().values(&mut |text| {
        // The path of a value comes before it.
        if !is_seed && text != "seed" {
            digest.add(text.as_bytes());
        }
        is_seed = text == "seed";
    });
    // Distributions may be drawn from files.
    digest.add(format!("{:?}", model.timing).as_bytes());
    for (_, definition) in model.task_definitions.iter() {
        for container in &definition.containers {
            digest.add(format!("{:?}", container.behaviour).as_bytes());
        }
    }
    for (_, submitter) in model.submitters.iter() {
        let crate::ecs::model::Source::Trace(trace) = &submitter.source else { continue };
        for row in 0..trace.arrival.len() {
            let size = model.requirements[trace.requirement[row]].resources;
            let run = trace.duration.get(row).map_or(0, |span| span.as_micros());
            digest.number(trace.arrival[row].as_micros());
            digest.number(u64::from(trace.count[row]));
            digest.number(u64::from(size.cpu_units) << 32 | u64::from(size.memory_mib));
            digest.number(u64::from(size.gpus));
            digest.number(run);
        }
    }
    let loads = model.loads.iter().map(|(_, load)| &load.rate);
    let queues = model.queues.iter().map(|(_, queue)| &queue.arrivals);
    loads.chain(queues).for_each(|rate| rate.tell(&mut |it| digest.number(it)));
    digest.0
}

/// FNV-1a, 128 bits; fixed forever.
struct Digest(u128);

impl Default for Digest {
    fn default() -> Digest {
        Digest(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        for &byte in bytes {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(PRIME);
        }
        // So that `ab`, `c` differs from `a`, `bc`.
        self.0 = (self.0 ^ 0x1ff).wrapping_mul(PRIME);
    }

    fn number(&mut self, number: u64) {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        self.0 = (self.0 ^ u128::from(number)).wrapping_mul(PRIME);
    }
}
