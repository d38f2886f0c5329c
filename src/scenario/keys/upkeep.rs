//! Keys of what an Auto Scaling group does besides keeping its capacity.

use super::*;

const USER_GUIDE: &str = "Amazon EC2 Auto Scaling User Guide";

pub(super) const KEYS: &[Key] = &[
    key(
        "suspended_processes",
        Kind::List { of: &Kind::Choice(&["AZRebalance", "AlarmNotification"]), min: 0, max: 2 },
        "What the group does not do: with `AZRebalance` its zones stay out of balance after an \
         outage, where otherwise instances are launched where it has fewest, and then others go; \
         with `AlarmNotification` its scaling policies do nothing.",
    )
    .or("[]")
    .documented("EC2 Auto Scaling API, SuspendProcesses"),
    key(
        "scheduled_action",
        Kind::Named { thing: "scheduled action", of: &Kind::Table(&[SCHEDULED_ACTION]) },
        "Scheduled scaling: other sizes at stated times, up to 125 of them.",
    )
    .documented(USER_GUIDE),
    key(
        "max_instance_lifetime",
        seconds(86_400, 31_536_000),
        "How old an instance becomes before it is replaced, a day to a year; without it, any age.",
    )
    .documented("EC2 Auto Scaling API, MaxInstanceLifetime"),
    key(
        "new_instances_protected_from_scale_in",
        Kind::Boolean,
        "Whether instances are protected from scale-in once they are in service: the desired \
         capacity falls and none goes, unless managed termination protection lifts it. Without \
         it: true with managed termination protection, which requires it, and false otherwise. \
         An unhealthy, interrupted or too old instance goes all the same.",
    )
    .documented("EC2 Auto Scaling API, NewInstancesProtectedFromScaleIn; age is assumed"),
    key(
        "user_data",
        Kind::Distribution,
        "What else an instance does after it has booted and before its agent starts; one of a warm \
         pool has done so.",
    )
    .or("\"0 s\""),
    key(
        "warm_pool",
        Kind::Table(&[WARM_POOL]),
        "Instances launched ahead of time, as many as are missing from the maximum size.",
    )
    .documented(USER_GUIDE),
    key(
        "lifecycle_hook",
        Kind::Named { thing: "lifecycle hook", of: &Kind::Table(&[LIFECYCLE_HOOK]) },
        "What instances wait for, while they are paid for, before they register or are terminated.",
    )
    .documented(USER_GUIDE),
];

const WARM_POOL: &[Key] = &[
    key("min_size", integer(0, 1_000_000), "How many it holds at the least.")
        .or("0")
        .documented("EC2 Auto Scaling API, PutWarmPool"),
    key(
        "max_group_prepared_capacity",
        integer(0, 1_000_000),
        "How many it holds together with the group's desired capacity; without it `max_size`.",
    )
    .documented("EC2 Auto Scaling API, PutWarmPool"),
    key(
        "pool_state",
        Kind::Choice(&["Stopped", "Running", "Hibernated"]),
        "How its instances wait: of those that do not run, only the volumes are paid for.",
    )
    .or("\"Stopped\"")
    .documented("EC2 Auto Scaling API, PutWarmPool"),
    key(
        "reuse_on_scale_in",
        Kind::Boolean,
        "Whether instances go back to it, which container instances cannot.",
    )
    .or("false")
    .documented("ECS Developer Guide, warm pools"),
    key(
        "ecs_warm_pools_check",
        Kind::Boolean,
        "ECS_WARM_POOLS_CHECK: the agent registers only when the instance leaves the pool.",
    )
    .or("true"),
    key(
        "images_pulled",
        Kind::Boolean,
        "Whether its instances have all images when they leave it, as when user data pull them.",
    )
    .or("false"),
];

const LIFECYCLE_HOOK: &[Key] = &[
    key(
        "transition",
        Kind::Choice(&["launching", "terminating"]),
        "Whether it is for instances that come, after they have booted, or for those that go.",
    )
    .required(),
    key("heartbeat_timeout", seconds(30, 7200), "How long an instance waits without a heartbeat.")
        .or("\"1 h\"")
        .documented("EC2 Auto Scaling API, PutLifecycleHook"),
    key(
        "heartbeats",
        Kind::Boolean,
        "Whether heartbeats are recorded until the action is completed: an instance then waits for \
         up to 100 times the timeout, and 48 h at most.",
    )
    .or("false"),
    key(
        "completes_after",
        Kind::Distribution,
        "How long an instance waits until its action is completed; without it, it never is.",
    ),
    key(
        "default_result",
        Kind::Choice(&["ABANDON", "CONTINUE"]),
        "What happens at the timeout: a launch that is abandoned ends, and another begins; an \
         instance that is to go does so anyway.",
    )
    .or("\"ABANDON\"")
    .documented("EC2 Auto Scaling API, PutLifecycleHook"),
];

const SCHEDULED_ACTION: &[Key] = &[
    key(
        "recurrence",
        Kind::Text("five fields, such as \"0 9 * * MON-FRI\""),
        "When, again and again: minute, hour, day of month, month and day of week, as in Unix.",
    )
    .documented(USER_GUIDE),
    key(
        "time",
        Kind::Text("a time, such as \"2026-03-03T14:00\", \"Tue 14:00\" or \"+38 h\""),
        "When, once: civil time, the first such weekday and time, or since the start.",
    ),
    key(
        "time_zone",
        Kind::Text("a time zone, such as \"Europe/Dublin\""),
        "The zone of `recurrence`; without it that of the scenario.",
    ),
    key("min_size", integer(0, 1_000_000), "The least it may have from then on."),
    key("max_size", integer(0, 1_000_000), "The most it may have from then on."),
    key("desired_capacity", integer(0, 1_000_000), "How many instances it should have then."),
];

const API: &str = "EC2 Auto Scaling API, RefreshPreferences";

pub(super) const REFRESH: &[Key] = &[
    key("auto_scaling_group", reference("auto_scaling_group"), "Which group.").required(),
    key(
        "min_healthy_percentage",
        integer(0, 100),
        "Percent of its instances that stay in service and warm.",
    )
    .or("90")
    .documented(API),
    key(
        "max_healthy_percentage",
        integer(100, 200),
        "Percent that it may have meanwhile: above 100 replacements are launched before others go.",
    )
    .or("100")
    .documented(API),
    key(
        "checkpoint_percentages",
        list(&integer(1, 100), 100),
        "Percents replaced at which it waits, ascending; it ends at the last of them.",
    )
    .or("[]")
    .documented(API),
    key("checkpoint_delay", seconds(0, 172_800), "How long it waits there.")
        .or("\"1 h\"")
        .documented(API),
    key(
        "instance_warmup",
        SPAN,
        "From when a new instance is in service until it counts as replaced.",
    )
    .or("\"300 s\"")
    .assumed("the health check grace period of a group, 300 s in the console and 0 by the API"),
];
