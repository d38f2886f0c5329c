//! Keys of what fails: at a stated time, or at random.

use super::*;

/// A fault at random.
pub(super) const RANDOM: &[Key] = &[
    key(
        "mean_time_between",
        POSITIVE_SPAN,
        "The mean time from one failure to the next: of each instance, of each zone, or of the \
         Region; without memory.",
    )
    .required(),
    INSTANCES,
    ZONE,
    LAUNCHES,
];

const FOR: Key =
    key("for", Kind::Distribution, "How long it lasts; without it, until the end of the run.");

const WHICH: &[Key] = &[
    key("auto_scaling_group", reference("auto_scaling_group"), "Of which group."),
    key("container_instances", reference("container_instances"), "Or of which fixed fleet."),
    key(
        "capacity_provider",
        reference("capacity_provider"),
        "Or of which capacity provider of Managed Instances.",
    ),
    key(
        "kind",
        Kind::Choice(&["terminated", "hung", "agent_disconnected"]),
        "Gone for good; running without doing anything; or working, with its agent away.",
    )
    .or("\"terminated\""),
    FOR,
];

const COUNT_AT_ONCE: &[Key] =
    &[key("count", integer(1, 1_000_000), "How many at once, by luck.").or("1")];

/// Instances that fail at a time.
pub(super) const INSTANCES_AT_ONCE: Key = key(
    "instance_failure",
    Kind::Table(&[WHICH, COUNT_AT_ONCE]),
    "Container instances fail; `docs/faults.md` says who notices.",
);

const INSTANCES: Key = key(
    "instance_failure",
    Kind::Table(&[WHICH]),
    "Container instances fail, each by itself; `docs/faults.md` says who notices.",
);

/// A zone that is out.
pub(super) const ZONE: Key = key(
    "availability_zone_outage",
    Kind::Table(&[&[
        key(
            "zone",
            Kind::Text("a zone, such as \"b\""),
            "Which; at random, without it, each zone of the scenario by itself.",
        ),
        key("for", Kind::Distribution, "How long it lasts.").required(),
        key(
            "share",
            Kind::Share,
            "How likely each instance, and each task on Fargate, in the zone fails.",
        )
        .or("1.0"),
        key(
            "instances",
            Kind::Choice(&["hung", "terminated"]),
            "Whether instances hang until it ends, or are gone for good; Fargate's tasks are lost.",
        )
        .or("\"hung\""),
        key(
            "launches",
            Kind::Choice(&["fail", "succeed"]),
            "Whether instances and Fargate tasks can be launched there meanwhile.",
        )
        .or("\"fail\""),
    ]]),
    "An Availability Zone, or a share of it, is out.",
);

/// Launches that fail.
pub(super) const LAUNCHES: Key = key(
    "launch_failure",
    Kind::Table(&[&[key("for", Kind::Distribution, "How long it lasts.").required()]]),
    "No EC2 instance can be launched in the Region; what runs goes on, and so does Fargate.",
);
