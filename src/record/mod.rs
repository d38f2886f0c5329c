//! From facts to series, logs and summaries, in bounded memory.
//!
//! [`Recorder`] watches a run and leaves a [`Recording`]: series and a summary. [`RowLog`] hands
//! out a row for each task, instance and event while the run goes. [`Fingerprint`] tells whether
//! two runs were the same. All of them are [`Clone`] at any instant, and none changes a run.

mod credits;
mod fingerprint;
mod gauges;
mod group_scaling;
mod histogram;
mod log;
mod pools;
mod recorder;
mod recording;
mod scaling;
mod sentence;
mod series;
mod summary;
#[cfg(test)]
mod tests;
mod traffic;

pub use fingerprint::Fingerprint;
pub use group_scaling::GroupPolicySummary;
pub use histogram::{Histogram, Quantiles};
pub use log::{
    EventRow, Happening, InstanceName, InstanceRow, Refusal, RowLog, RowSink, Rows, Speaker,
    TaskRow,
};
pub use recorder::{Ending, Recorder, RecorderOptions, WarmUp, why_partial};
pub use recording::{
    CapacitySummary, ClusterSummary, CreditSummary, LaunchCounts, Metric, Pending, PerResource,
    ProviderSummary, Range, Ratio, Recording, RequestSummary, Scope, Series, ServiceEvents,
    ServiceSummary, SingleRequests, SubmitterSummary, Summary, TaskTotals, UsageGiven, Window,
};
pub use scaling::{AutoScalingSummary, scaling_event};
pub use sentence::{credit_stage, failure_code, group_event, managed_instance, sentence, task_id};
pub use series::Buckets;
