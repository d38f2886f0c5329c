//! Runs and what they say: one run of a scenario, its measures, its objectives, what differs.

mod measure;
mod run;
mod what_if;

pub use measure::{Measure, Unit, Verdict, measures, per_thousand, verdicts};
pub use run::{Control, Outcome, Progress, run};
pub use what_if::{Difference, FirstDifference, differences, first_difference};
