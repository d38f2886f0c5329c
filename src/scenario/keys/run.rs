//! Keys of the run as a whole: what, when, how long, what is recorded, what is bounded.

use super::*;

/// Every key that may stand at the top of a scenario.
pub const ROOT: Fields = &[
    RUN,
    capacity::TABLES,
    task::TABLES,
    work::TABLES,
    network::TABLES,
    timing::TABLES,
    ROUND_ABOUT,
];

const RUN: &[Key] = &[
    key("name", Kind::Name, "Names the output folder; without it the file's name does."),
    key(
        "extends",
        Kind::File,
        "Another scenario that this one adds to: tables are merged, everything else is replaced.",
    ),
    key(
        "region",
        Kind::Text("an AWS Region, such as \"eu-west-1\""),
        "Decides the prices. Those of EC2 are built in for us-east-1, us-east-2, us-west-2, \
         eu-west-1, eu-central-1, ap-northeast-1 and ap-southeast-1; elsewhere give `prices.ec2`.",
    )
    .or("\"us-east-1\""),
    key(
        "time_zone",
        Kind::Text("a time zone, such as \"Europe/Dublin\""),
        "The zone of every local time in the scenario.",
    )
    .or("\"UTC\""),
    key(
        "start",
        Kind::Text("a civil time, such as \"2026-03-02T00:00\""),
        "When the run begins, in civil time of `time_zone`; a fixed date, never today.",
    )
    .or("\"2026-01-05T00:00\""),
    key("duration", POSITIVE_SPAN, "How long the run is.").or("\"1 d\""),
    key("seed", integer(0, u64::MAX), "The luck of the run: same seed, same bytes.").or("1"),
    key(
        "warm_up",
        Kind::Text("a length of time, or \"steady\""),
        "What is left out of the metrics: a length of time, or until every service was steady \
         once; without it nothing is.",
    ),
    key(
        "initial_state",
        Kind::Choice(&["steady", "cold"]),
        "Whether services run at the start, or start then.",
    )
    .or("\"steady\""),
    key(
        "placement_ties",
        Kind::Choice(&["registered", "random"]),
        "Which of the instances that are equal by the placement strategy and hold as few tasks of \
         the group gets a task: the one registered first, or any.",
    )
    .or("\"registered\"")
    .assumed("AWS does not publish it; the first fills instances in order, as people rarely see"),
];

const ROUND_ABOUT: &[Key] = &[
    key(
        "at",
        Kind::Named { thing: "at", of: &Kind::Table(&[AT]) },
        "What happens when: changes by a time, and failures.",
    ),
    key(
        "fault",
        Kind::Named { thing: "fault", of: &Kind::Table(&[fault::RANDOM]) },
        "What fails at random; at a stated time it is in `at`.",
    ),
    key("prices", Kind::Table(&[PRICES]), "Prices that replace those of the catalogue.").or("{}"),
    key(
        "objective",
        Kind::Named {
            thing: "objective",
            of: &Kind::Text("a bound, such as \">= 99.95 %\" or \"<= 60 s\""),
        },
        "What must hold of a result, by the result's path: `\"service.web.availability\"`.",
    ),
    key("record", Kind::Table(&[RECORD]), "What a run leaves.").or("{}"),
    key("limits", Kind::Table(&[LIMITS]), "What a run may take before it stops with a message.")
        .or("{}"),
];

const AT: &[Key] = &[
    key(
        "time",
        Kind::Text("a time, such as \"2026-03-03T14:00\", \"Tue 14:00\" or \"+38 h\""),
        "When: civil time, the first such weekday and time, or since the start.",
    )
    .required(),
    key(
        "update_service",
        Kind::Table(&[&[
            key("service", reference("service"), "Which service.").required(),
            key("desired_count", integer(0, 1_000_000), "How many tasks it should have then.")
                .required(),
        ]]),
        "Changes a service, as `UpdateService` does.",
    ),
    key(
        "set_desired_capacity",
        Kind::Table(&[&[
            key("auto_scaling_group", reference("auto_scaling_group"), "Which group.").required(),
            key(
                "desired_capacity",
                integer(0, 1_000_000),
                "How many instances it should have then.",
            )
            .required(),
        ]]),
        "Changes an Auto Scaling group, as `SetDesiredCapacity` does.",
    ),
    fault::INSTANCES_AT_ONCE,
    fault::ZONE,
    fault::LAUNCHES,
];

const PRICES: &[Key] = &[
    key(
        "ec2",
        Kind::Named { thing: "instance type", of: &Kind::Money },
        "Per hour of an instance type, on demand, Linux.",
    ),
    key(
        "fargate",
        Kind::Table(&[&[
            key("vcpu_hour", Kind::Money, "Per vCPU and hour."),
            key("gb_hour", Kind::Money, "Per GB of memory and hour."),
            key(
                "ephemeral_gb_hour",
                Kind::Money,
                "Per GB of ephemeral storage above 20, and hour.",
            ),
            key("spot_vcpu_hour", Kind::Money, "Per vCPU and hour on Fargate Spot."),
            key("spot_gb_hour", Kind::Money, "Per GB of memory and hour on Fargate Spot."),
        ]]),
        "Fargate, for every operating system and architecture of the scenario.",
    )
    .or("{}"),
    key(
        "charges",
        Kind::Named { thing: "charge", of: &Kind::Money },
        "Any other charge by its name in the catalogue, such as `nat_gateway`.",
    ),
    key("windows_vcpu_hour", Kind::Money, "What Windows adds per vCPU and hour of an instance.")
        .or("0.046")
        .assumed("the surcharge seen on Fargate and on common instance types"),
];

const RECORD: &[Key] = &[
    key(
        "interval",
        POSITIVE_SPAN,
        "Length of a bucket of the series; without it 1 s for a run of up to 30 min, 10 s for one \
         of up to 5 h, else 60 s, doubled until some 2,000 do, or as many as \
         `limits.record_memory` holds.",
    ),
    key("task_log", Kind::Boolean, "Whether a row for every task is written.").or("true"),
    key("event_log", Kind::Boolean, "Whether a row for every service event is written.").or("true"),
];

const LIMITS: &[Key] = &[
    key("instances", POSITIVE_COUNT, "Container instances that may exist.").or("200_000"),
    key("tasks", POSITIVE_COUNT, "Tasks that may exist at one time.").or("5_000_000"),
    key("events", integer(1, u64::MAX), "Events that may be handled.").or("10_000_000_000"),
    key(
        "record_memory",
        Kind::Bytes,
        "Memory that series and statistics may take, by a generous estimate.",
    )
    .or("\"1 GiB\""),
    key("trace_memory", Kind::Bytes, "Memory that all job traces together may take once read.")
        .or("\"256 MB\""),
    key("trace_rows", integer(1, u64::MAX), "Rows a job trace may have.").or("100_000_000"),
    key("task_sizes", POSITIVE_COUNT, "Different sizes of task that job traces may have.")
        .or("100_000"),
    key("wall_time", POSITIVE_SPAN, "Real time the run may take; without it, any."),
];
