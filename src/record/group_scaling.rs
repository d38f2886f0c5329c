//! Scaling policies of Auto Scaling groups: what they see, and what they have done.

use std::collections::BTreeMap;

use crate::ecs::model::AutoScalingGroup;
use crate::ecs::scaling::alarm::MetricValue;
use crate::ecs::{Fact, GroupEvent};
use crate::units::SimTime;

use super::gauges::Group;
use super::recording::Metric;
use super::scaling::{AlarmGauges, StepCounts};
use super::series::{Buckets, Gauge};

/// A group with scaling policies: what is desired, between its sizes.
#[derive(Clone, Debug)]
pub(super) struct GroupScalingGauges {
    desired: Gauge,
    min_size: Gauge,
    max_size: Gauge,
    pub policies: Vec<GroupPolicyGauges>,
}

/// What a policy of a group sees and does.
#[derive(Clone, Debug)]
pub(super) struct GroupPolicyGauges {
    /// What it watches, in percent, rounded, as it was published last.
    metric: Gauge,
    alarms: AlarmGauges,
    last: Option<MetricValue>,
    counts: StepCounts,
}

/// A scaling policy of an Auto Scaling group over the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupPolicySummary {
    /// Times that it scaled out.
    pub scale_outs: u64,
    /// Times that it scaled in.
    pub scale_ins: u64,
    /// Times that it did nothing for a new reason although its alarm was in ALARM, by the reason.
    pub held: BTreeMap<&'static str, u64>,
    /// The metric as it was published last, in percent; `None`: without data.
    pub last: Option<MetricValue>,
}

impl GroupScalingGauges {
    /// Makes those of a group, unless it has no policies.
    pub fn new(group: &AutoScalingGroup, buckets: Buckets) -> Option<GroupScalingGauges> {
        let gauge = Gauge::new(buckets);
        let policy = GroupPolicyGauges {
            metric: gauge.clone(),
            alarms: AlarmGauges::new(buckets),
            last: None,
            counts: StepCounts::default(),
        };
        (!group.policies.is_empty()).then(|| GroupScalingGauges {
            desired: gauge.clone(),
            min_size: gauge.clone(),
            max_size: gauge,
            policies: vec![policy; group.policies.len()],
        })
    }

    /// Takes in what is desired now, and the sizes it is between.
    ///
    /// Whoever changes it, instances come or go at the same instant, or a metric is published soon.
    pub fn set(&mut self, at: SimTime, desired: u32, (min_size, max_size): (u32, u32)) {
        self.desired.set(at, desired.into());
        self.min_size.set(at, min_size.into());
        self.max_size.set(at, max_size.into());
    }

    /// Takes in what a policy has seen, done, or not done.
    pub fn note(&mut self, at: SimTime, fact: &Fact) {
        let (Fact::ScalingMetric { policy, .. }
        | Fact::GroupEvent {
            event:
                GroupEvent::Alarm { policy, .. }
                | GroupEvent::PolicyActs { policy, .. }
                | GroupEvent::PolicyHolds { policy, .. },
            ..
        }) = *fact
        else {
            return;
        };
        let Some(gauges) = self.policies.get_mut(usize::from(policy)) else { return };
        if let Fact::ScalingMetric { value, .. } = *fact {
            gauges.see(at, value);
        } else if let Fact::GroupEvent { event, .. } = fact {
            gauges.note(at, event);
        }
    }

    /// The window begins: what was before does not count.
    pub fn begin_window(&mut self, at: SimTime) {
        self.each(&mut |_, gauge| gauge.begin_window(at));
        for policy in &mut self.policies {
            policy.counts = StepCounts::default();
            policy.each(&mut |_, gauge| gauge.begin_window(at));
        }
    }
}

impl GroupPolicyGauges {
    /// A period of its metric is published.
    fn see(&mut self, at: SimTime, value: Option<MetricValue>) {
        self.last = value;
        if let Some(value) = value {
            self.metric.set(at, value.rounded());
        }
    }

    fn note(&mut self, at: SimTime, event: &GroupEvent) {
        if let GroupEvent::Alarm { side, state, .. } = *event {
            self.alarms.set(at, side, state);
        } else if let GroupEvent::PolicyActs { from, proposal, .. } = *event {
            self.counts.step(from, proposal.to);
        } else if let GroupEvent::PolicyHolds { why, .. } = *event {
            self.counts.hold(why.words());
        }
    }

    pub fn summary(&self) -> GroupPolicySummary {
        GroupPolicySummary {
            scale_outs: self.counts.outs,
            scale_ins: self.counts.ins,
            held: self.counts.not_scaled.clone(),
            last: self.last,
        }
    }
}

impl Group for GroupScalingGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::DesiredCapacity, &mut self.desired);
        visit(Metric::MinSize, &mut self.min_size);
        visit(Metric::MaxSize, &mut self.max_size);
    }
}

impl Group for GroupPolicyGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::ScalingMetric, &mut self.metric);
        self.alarms.each(visit);
    }
}
