//! Keys of the scaling policies of Auto Scaling groups.

use super::*;

const API: &str = "EC2 Auto Scaling API, PutScalingPolicy";
const GROUP_API: &str = "EC2 Auto Scaling API, CreateAutoScalingGroup";
const CLOUDWATCH: &str = "CloudWatch API, PutMetricAlarm";
const OBSERVED: &str = "observed by third parties: 40 and 28, 50 and 35, 30 and 21";
const ALARMS: &str = "observed by third parties: 3 of 3 above, 15 of 15 below";

pub(super) const PERCENT: Kind = Kind::Number { min: -1e6, max: 1e6 };
pub(super) const ADJUSTMENT_TYPES: Kind =
    Kind::Choice(&["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"]);

/// What is said of a group.
pub(super) const KEYS: &[Key] = &[
    key(
        "target_tracking",
        Kind::Named { thing: "target tracking policy", of: &Kind::Table(&[TARGET_TRACKING]) },
        "Scaling policies that keep a metric near a value.",
    )
    .documented(API),
    key(
        "step_scaling",
        Kind::Named { thing: "step scaling policy", of: &Kind::Table(&[STEP_SCALING]) },
        "Scaling policies that add or remove by how far a metric is from a threshold.",
    )
    .documented(API),
    key(
        "simple_scaling",
        Kind::Named { thing: "simple scaling policy", of: &Kind::Table(&[SIMPLE_SCALING]) },
        "Scaling policies that add or remove once, and then wait.",
    )
    .documented(API),
    key(
        "default_cooldown",
        seconds(0, 1_000_000),
        "How long simple scaling waits after an activity, and how long instances warm up for other \
         policies where neither they nor the group say so.",
    )
    .or("\"300 s\"")
    .documented(GROUP_API),
    key(
        "default_instance_warmup",
        seconds(0, 3600),
        "How long new instances are left out of the group's metrics; without it, as policies say.",
    )
    .documented(GROUP_API),
    key(
        "detailed_monitoring",
        Kind::Boolean,
        "Whether metrics of its instances have a point each minute; otherwise each 5 minutes.",
    )
    .or("false")
    .documented("Amazon EC2 Auto Scaling User Guide, configure monitoring: basic by default"),
];

const WARMUP: Key = key(
    "estimated_instance_warmup",
    seconds(0, 1_000_000),
    "How long an instance warms up; without it `default_instance_warmup`, else \
     `default_cooldown`.",
)
.documented(API);

pub(super) const MAGNITUDE: Key = key(
    "min_adjustment_magnitude",
    integer(1, 1_000_000),
    "By how many instances percents change at the least.",
)
.documented(API);

const TARGET_TRACKING: &[Key] = &[
    key(
        "metric",
        Kind::Choice(&["ASGAverageCPUUtilization", "CPUReservation", "MemoryReservation"]),
        "What is kept near the target: of the group's instances, or of their cluster.",
    )
    .required(),
    key("target_value", PERCENT, "Near which value, in percent.").required().documented(API),
    WARMUP,
    key("disable_scale_in", Kind::Boolean, "Whether it never scales in.")
        .or("false")
        .documented(API),
    key(
        "low_alarm_factor",
        Kind::Number { min: 0.0, max: 1.0 },
        "The part of the target below which it scales in.",
    )
    .or("0.7")
    .measured(OBSERVED),
    key("high_datapoints", integer(1, 1440), "Minutes in a row above the target that scale out.")
        .or("3")
        .measured(ALARMS),
    key("low_datapoints", integer(1, 1440), "Minutes in a row so far below that scale in.")
        .or("15")
        .measured(ALARMS),
];

const STEP_SCALING: &[Key] = &[
    key("alarm", Kind::Table(&[ALARM]), "When it acts, each minute again.").required(),
    key("adjustment_type", ADJUSTMENT_TYPES, "What adjustments are of.").required(),
    key(
        "step_adjustments",
        Kind::List { of: &Kind::Table(&[STEP]), min: 1, max: 20 },
        "What is done by how far the metric is from the threshold: no gaps, no overlaps.",
    )
    .required()
    .documented(API),
    MAGNITUDE,
    key(
        "metric_aggregation_type",
        Kind::Choice(&["Average", "Minimum", "Maximum"]),
        "What makes one value of the data points of the alarm.",
    )
    .or("\"Average\"")
    .documented(API),
    WARMUP,
];

pub(super) const STEP: &[Key] = &[
    key("lower_bound", PERCENT, "Where it begins, from the threshold; without it, at no end."),
    key("upper_bound", PERCENT, "Where it ends, from the threshold; without it, nowhere."),
    key("adjustment", PERCENT, "By how many instances, or percents, or to how many.").required(),
];

const SIMPLE_SCALING: &[Key] = &[
    key("alarm", Kind::Table(&[ALARM]), "When it acts.").required(),
    key("adjustment_type", ADJUSTMENT_TYPES, "What the adjustment is of.").required(),
    key("scaling_adjustment", PERCENT, "By how many instances, or percents, or to how many.")
        .required(),
    MAGNITUDE,
    key(
        "cooldown",
        seconds(0, 1_000_000),
        "How long simple scaling waits after it; without it `default_cooldown`.",
    )
    .documented(API),
];

const ALARM: &[Key] = &[
    key(
        "metric",
        Kind::Choice(&["CPUUtilization", "CPUReservation", "MemoryReservation"]),
        "What it watches: of the group's instances, or of their cluster.",
    )
    .required(),
    COMPARISON,
    key("threshold", PERCENT, "What data points are compared with, in percent.").required(),
    key(
        "period",
        seconds(60, 86_400),
        "How long a data point is about: a multiple of 60 s; shorter ones are not modelled.",
    )
    .or("\"60 s\""),
    EVALUATION_PERIODS,
    DATAPOINTS,
    STATISTIC,
    MISSING_DATA,
];

/// Keys that alarms of services have, too.
pub(super) const COMPARISON: Key = key(
    "comparison_operator",
    Kind::Choice(&[
        "GreaterThanThreshold",
        "GreaterThanOrEqualToThreshold",
        "LessThanThreshold",
        "LessThanOrEqualToThreshold",
    ]),
    "When a data point breaches.",
)
.required();

pub(super) const EVALUATION_PERIODS: Key =
    key("evaluation_periods", integer(1, 1440), "How many data points are looked at.")
        .required()
        .documented(CLOUDWATCH);

pub(super) const DATAPOINTS: Key =
    key("datapoints_to_alarm", integer(1, 1440), "How many of them must breach; without it, all.")
        .documented(CLOUDWATCH);

pub(super) const STATISTIC: Key = key(
    "statistic",
    Kind::Choice(&["Average", "Minimum", "Maximum"]),
    "What makes one data point of what is published in a period.",
)
.or("\"Average\"");

pub(super) const MISSING_DATA: Key = key(
    "treat_missing_data",
    Kind::Choice(&["missing", "ignore", "breaching", "notBreaching"]),
    "What a missing data point counts as.",
)
.or("\"missing\"")
.documented(CLOUDWATCH);
