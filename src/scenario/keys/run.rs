//! Keys of the run as a whole: what, when, how long, what is recorded, what is bounded.

use super::*;

/// Every key that may stand at the top of a scenario.
pub const ROOT: Fields = &[
    RUN,
    capacity::TABLES,
    spot::TABLES,
    task::TABLES,
    work::TABLES,
    network::TABLES,
    load::TABLES,
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
        "register_scalable_target",
        Kind::Table(&[service_scaling::REGISTER]),
        "Changes the bounds of a service, or suspends or resumes its scaling, as \
         `RegisterScalableTarget` does.",
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
    key(
        "start_instance_refresh",
        Kind::Table(&[upkeep::REFRESH]),
        "Replaces the instances of an Auto Scaling group, as `StartInstanceRefresh` does.",
    ),
    key(
        "insufficient_capacity",
        Kind::Table(&[&[
            key("availability_zone", Kind::Text("a zone"), "Where; without it in all zones."),
            key("instance_type", Kind::Text("an instance type"), "Which; without it all types."),
            key("for", POSITIVE_SPAN, "For how long.").required(),
        ]]),
        "EC2 has no On-Demand capacity for launches of Auto Scaling groups.",
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
    key(
        "savings_plan",
        Kind::Named { thing: "Savings Plan", of: &Kind::Table(&[SAVINGS_PLAN]) },
        "A commitment per hour to EC2 and Fargate, never Spot: what an hour covers of it costs the \
         plan's rates, what it does not cover is on demand, what is unused is lost.",
    ),
    key(
        "reserved",
        Kind::Named { thing: "reservation", of: &Kind::Table(&[RESERVED]) },
        "Reserved Instances, in any zone of the Region; they are used up before any Savings Plan.",
    ),
    key(
        "commitment_discount",
        Kind::Table(&[COMMITMENT_DISCOUNT]),
        "What commitments take off on-demand prices where their rates are not known.",
    )
    .or("{}"),
];

/// How long a commitment is for.
const TERM: Key =
    key("term", Kind::Choice(&["1 y", "3 y"]), "For how long it is; nothing is paid upfront.")
        .or("\"1 y\"");

const SAVINGS_PLAN: &[Key] = &[
    key("commitment", Kind::Money, "What is paid per hour, at the plan's rates.").required(),
    key(
        "type",
        Kind::Choice(&["compute", "ec2_instance"]),
        "For all instances and Fargate, or for one family of instances, which is covered first.",
    )
    .or("\"compute\""),
    key(
        "instance_family",
        Kind::Text("a family, such as \"m7g\""),
        "The family of an `ec2_instance` plan.",
    ),
    TERM,
    key(
        "ec2",
        Kind::Named { thing: "instance type", of: &Kind::Money },
        "The plan's rate per hour of an instance type, where you know a better one, such as that \
         of a plan paid upfront.",
    ),
    key(
        "fargate",
        Kind::Table(&[&[
            key("vcpu_hour", Kind::Money, "Per vCPU and hour."),
            key("gb_hour", Kind::Money, "Per GB of memory and hour."),
        ]]),
        "The plan's rates of Fargate, on every operating system and architecture.",
    )
    .or("{}"),
];

const RESERVED: &[Key] = &[
    key(
        "instance_type",
        Kind::Text("an instance type, such as \"m7g.large\""),
        "What is reserved, with Linux; instances of other sizes are not covered.",
    )
    .required(),
    key("count", POSITIVE_COUNT, "How many.").or("1"),
    key(
        "offering_class",
        Kind::Choice(&["standard", "convertible"]),
        "Whether it can be exchanged for others.",
    )
    .or("\"standard\""),
    TERM,
    key("price", Kind::Money, "Per hour of one, instead of that of the catalogue."),
];

/// What stands for the rates of commitments that are not known.
const COMMITMENT_DISCOUNT: &[Key] = &[
    key("fargate_1y", Kind::Share, "Off Fargate, by a Compute Savings Plan of a year.")
        .or("\"20 %\"")
        .assumed("told by several public repositories; AWS says up to 50 %, of three years"),
    key("fargate_3y", Kind::Share, "Off Fargate, by a Compute Savings Plan of three years.")
        .or("\"45 %\"")
        .assumed("that of ap-south-1, x86_64, nothing upfront"),
    key("standard_1y", Kind::Share, "Off a type of instance without a known reserved price.")
        .or("\"37 %\"")
        .assumed(MEDIAN),
    key("standard_3y", Kind::Share, "The same for three years.").or("\"56.8 %\"").assumed(MEDIAN),
    key("convertible_1y", Kind::Share, "The same for a year, and for Compute Savings Plans.")
        .or("\"25.5 %\"")
        .assumed(MEDIAN),
    key("convertible_3y", Kind::Share, "The same for three years.")
        .or("\"48.8 %\"")
        .assumed(MEDIAN),
];

const MEDIAN: &str = "the median of types with a known price";

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
    key("events", integer(1, u64::MAX), "Events that may be handled, and single requests.")
        .or("10_000_000_000"),
    key(
        "record_memory",
        Kind::Bytes,
        "Memory that series and statistics may take, by a generous estimate.",
    )
    .or("\"1 GiB\""),
    key(
        "trace_memory",
        Kind::Bytes,
        "Memory that all job traces and rates together may take once read.",
    )
    .or("\"256 MB\""),
    key("trace_rows", integer(1, u64::MAX), "Rows a job trace or the file of a rate may have.")
        .or("100_000_000"),
    key("task_sizes", POSITIVE_COUNT, "Different sizes of task that job traces may have.")
        .or("100_000"),
    key("wall_time", POSITIVE_SPAN, "Real time the run may take; without it, any."),
];
