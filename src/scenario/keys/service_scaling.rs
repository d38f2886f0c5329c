//! Keys of Application Auto Scaling of services.

use super::scaling::{
    ADJUSTMENT_TYPES, COMPARISON, DATAPOINTS, EVALUATION_PERIODS, MAGNITUDE, MISSING_DATA,
    STATISTIC, STEP,
};
use super::*;

const API: &str = "Application Auto Scaling API, PutScalingPolicy";
const TARGET_API: &str = "Application Auto Scaling API, RegisterScalableTarget";
const ACTION_API: &str = "Application Auto Scaling API, PutScheduledAction";
const GUIDE: &str = "Application Auto Scaling User Guide, target tracking scaling policies";
const OBSERVED: &str = "observed by third parties: 30 and 27, 70 and 63";
const ALARMS: &str = "observed by third parties: 3 of 3 above, 15 of 15 below";

const NUMBER: Kind = Kind::Number { min: -1e9, max: 1e9 };

/// What is suspended.
const SUSPENDED: Kind = Kind::List {
    of: &Kind::Choice(&["DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling"]),
    min: 0,
    max: 3,
};

/// What `[service.….auto_scaling]` says.
pub(super) const TARGET: &[Key] = &[
    key("min_capacity", integer(0, 1_000_000), "The least desired count.")
        .required()
        .documented(TARGET_API),
    key("max_capacity", integer(0, 1_000_000), "The greatest desired count.")
        .required()
        .documented(TARGET_API),
    key("suspended", SUSPENDED, "What it does not do; `at` can change that.")
        .or("[]")
        .documented("Application Auto Scaling API, SuspendedState"),
    key(
        "target_tracking",
        Kind::Named { thing: "target tracking policy", of: &Kind::Table(&[TRACKING]) },
        "Scaling policies that keep a metric near a value.",
    )
    .documented(API),
    key(
        "step_scaling",
        Kind::Named { thing: "step scaling policy", of: &Kind::Table(&[STEPS]) },
        "Scaling policies that add or remove by how far a metric is from a threshold.",
    )
    .documented(API),
    key(
        "predictive_scaling",
        Kind::Named { thing: "predictive scaling policy", of: &Kind::Table(&[PREDICTIVE]) },
        "Scaling policies that start tasks ahead of the load of an hour.",
    )
    .documented(API),
    key(
        "scheduled_action",
        Kind::Named { thing: "scheduled action", of: &Kind::Table(&[SCHEDULED]) },
        "Other bounds at stated times, by name.",
    )
    .documented(ACTION_API),
];

/// What an expression may name.
const EXPRESSION: Key = key(
    "expression",
    Kind::Text("such as `queue.orders.visible / max(service.worker.running, 1)`"),
    "In place of `metric`, a metric math expression, each minute: `+ - * /`, `min(a, b)`, \
     `max(a, b)` of `service.….cpu`, `.memory` and `.running`, `target_group.….requests` and \
     `.requests_per_target` (in a minute), and `queue.….visible`.",
);

const TARGET_GROUP: Key = key(
    "target_group",
    reference("target_group"),
    "Whose requests are counted; without it the only one of the service.",
);

const TRACKING: &[Key] = &[
    key(
        "metric",
        Kind::Choice(&[
            "ECSServiceAverageCPUUtilization",
            "ECSServiceAverageMemoryUtilization",
            "ALBRequestCountPerTarget",
            "ECSServiceAverageCPUUtilizationHighResolution",
            "ECSServiceAverageMemoryUtilizationHighResolution",
        ]),
        "What is kept near the target: percents of what tasks reserve, or requests in a minute.",
    )
    .documented("Application Auto Scaling API, PredefinedMetricSpecification"),
    EXPRESSION,
    TARGET_GROUP,
    key("target_value", NUMBER, "Near which value.").required().documented(API),
    key(
        "scale_out_cooldown",
        seconds(0, 1_000_000),
        "How long nothing but a larger scale-out follows a scale-out.",
    )
    .or("\"300 s\"")
    .documented(GUIDE),
    key(
        "scale_in_cooldown",
        seconds(0, 1_000_000),
        "How long no scale-in follows a scale-in; a scale-out ends it.",
    )
    .or("\"300 s\"")
    .documented(GUIDE),
    key("disable_scale_in", Kind::Boolean, "Whether it never scales in.")
        .or("false")
        .documented(API),
    key(
        "low_alarm_factor",
        Kind::Number { min: 0.0, max: 1.0 },
        "The part of the target below which it scales in.",
    )
    .or("0.9")
    .measured(OBSERVED),
    key("high_datapoints", integer(1, 1440), "Periods in a row above the target that scale out.")
        .or("3")
        .measured(ALARMS),
    key(
        "low_datapoints",
        integer(1, 1440),
        "Periods in a row so far below that scale in; without it 15, and 45 of 20 s.",
    )
    .measured("15 of 15 was observed; 45 of 45, the same time, is assumed"),
];

const STEPS: &[Key] = &[
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
    key("cooldown", seconds(0, 1_000_000), "How long no step follows that is not larger.")
        .or("\"300 s\"")
        .documented(API),
];

const ALARM: &[Key] = &[
    key(
        "metric",
        Kind::Choice(&["CPUUtilization", "MemoryUtilization", "RequestCountPerTarget"]),
        "What it watches: of the service, or of its target group.",
    ),
    EXPRESSION,
    TARGET_GROUP,
    COMPARISON,
    key("threshold", NUMBER, "What data points are compared with.").required(),
    key(
        "period",
        seconds(20, 86_400),
        "How long a data point is about: a multiple of 60 s, or 20 s, which ECS publishes of \
         services.",
    )
    .or("\"60 s\""),
    EVALUATION_PERIODS,
    DATAPOINTS,
    STATISTIC,
    MISSING_DATA,
];

const PREDICTIVE_API: &str = "Application Auto Scaling API, PredictiveScalingPolicyConfiguration";

const PREDICTIVE: &[Key] = &[
    key(
        "metric_pair",
        Kind::Choice(&[
            "ECSServiceCPUUtilization",
            "ECSServiceMemoryUtilization",
            "ALBRequestCount",
        ]),
        "The load that is forecast, and what of it each task is to have.",
    )
    .required()
    .documented(PREDICTIVE_API),
    TARGET_GROUP,
    key("target_value", NUMBER, "How much each task is to have: percent, or requests in a minute.")
        .required()
        .documented(PREDICTIVE_API),
    key("mode", Kind::Choice(&["ForecastOnly", "ForecastAndScale"]), "Whether it scales.")
        .or("\"ForecastOnly\"")
        .documented(PREDICTIVE_API),
    key(
        "scheduling_buffer_time",
        seconds(0, 3599),
        "How long before an hour its tasks are started.",
    )
    .or("\"300 s\"")
    .documented(PREDICTIVE_API),
    key(
        "max_capacity_breach_behavior",
        Kind::Choice(&["HonorMaxCapacity", "IncreaseMaxCapacity"]),
        "What a forecast above `max_capacity` does.",
    )
    .or("\"HonorMaxCapacity\"")
    .documented(PREDICTIVE_API),
    key(
        "max_capacity_buffer",
        integer(0, 100),
        "With `IncreaseMaxCapacity`, how many percent of the forecast are added to it.",
    )
    .documented(PREDICTIVE_API),
    key(
        "history",
        Kind::List { of: &Kind::Number { min: 0.0, max: 1e12 }, min: 0, max: 336 },
        "The load of the hours before the run, the last one last: CPU or memory in percent of one \
         task, or requests in a minute. Without it, forecasts begin when a day of the run is over.",
    )
    .or("[]"),
];

const SCHEDULED: &[Key] = &[
    key(
        "schedule",
        Kind::Text("`at(2026-03-03T14:00:00)`, `rate(5 hours)` or `cron(0 9 ? * MON-FRI *)`"),
        "When.",
    )
    .required()
    .documented(ACTION_API),
    key("time_zone", Kind::Text("a time zone, such as \"Europe/Dublin\""), "Of `at` and `cron`.")
        .or("\"UTC\"")
        .documented(ACTION_API),
    key("start_time", Kind::Text("a time, as in `at`"), "Executed then, and as scheduled later.")
        .documented(ACTION_API),
    key("end_time", Kind::Text("a time, as in `at`"), "Not executed after it.")
        .documented(ACTION_API),
    key("min_capacity", integer(0, 1_000_000), "The least desired count from then on.")
        .documented(ACTION_API),
    key("max_capacity", integer(0, 1_000_000), "The greatest desired count from then on.")
        .documented(ACTION_API),
];

/// RegisterScalableTarget, at a time.
pub(super) const REGISTER: &[Key] = &[
    key("service", reference("service"), "Which service, which has `auto_scaling`.").required(),
    key("min_capacity", integer(0, 1_000_000), "The least desired count from then on."),
    key("max_capacity", integer(0, 1_000_000), "The greatest desired count from then on."),
    key("suspended", SUSPENDED, "What is suspended from then on: all else is resumed."),
];
