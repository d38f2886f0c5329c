//! Keys of durations that AWS does not publish, with what was measured or must be assumed.

use super::*;

pub(super) const TABLES: &[Key] = &[key(
    "timing",
    Kind::Table(&[SCHEDULER, THROTTLE, START, STOP, DETECTION]),
    "Durations that AWS does not publish.",
)
.or("{}")];

const RETRY: &str =
    "reproio/ecs_deploy#53: after about 50 s of failures the next try is 5 min later";
const FARGATE: &str = "five starts of a small image, 2026: 10.8-17.3 s until the pull starts";
const PULL: &str = "918 MiB in 29.1 s, 1.86 GiB in 32.9 s: 31-58 MiB/s with unpacking, on Fargate";

const METRIC_DELAY: &str =
    "AWS News Blog, June 2026: 363 s from a load to its scale-out, 180 s of which are the alarm's";

const REBALANCING: &str =
    "ECS Developer Guide, service-rebalancing, gives no number; events seen are of one task";

const SCHEDULER: &[Key] = &[
    key(
        "reconcile_delay",
        Kind::Distribution,
        "From a task's end until the service scheduler acts.",
    )
    .or("{ uniform = { min = \"10 s\", max = \"20 s\" } }")
    .measured("aws/amazon-ecs-agent#322: 13-23 s between starts of a container that exits at once"),
    key("placement_retry", POSITIVE_SPAN, "Between tries to place a task that does not fit.")
        .or("\"15 s\"")
        .assumed(RETRY),
    key("placement_retry_window", SPAN, "How long tries come at that pace.")
        .or("\"50 s\"")
        .measured(RETRY),
    key("placement_retry_slow", POSITIVE_SPAN, "Between tries after that.")
        .or("\"300 s\"")
        .measured(RETRY),
    key(
        "provisioning_timeout",
        POSITIVE_SPAN,
        "How long a task waits in PROVISIONING for its capacity provider before it is STOPPED.",
    )
    .or("\"30 min\"")
    .assumed("AWS containers blog, deep dive on cluster auto scaling: between 10 and 30 minutes"),
    key(
        "managed_scaling_delay",
        Kind::Distribution,
        "From the metric CapacityProviderReservation, made once a minute, to the change of the \
         group's desired capacity.",
    )
    .or("{ uniform = { min = \"0 s\", max = \"60 s\" } }")
    .assumed("alarms are evaluated once a minute; how long after the metric is not published"),
    key("settle", SPAN, "From RUNNING until a task without any health check counts as healthy.")
        .or("\"40 s\"")
        .documented("ECS API, DeploymentConfiguration"),
    key(
        "rebalancing_delay",
        SPAN,
        "How long a steady service is out of balance over zones before the first task moves.",
    )
    .or("\"60 s\"")
    .assumed(REBALANCING),
    key(
        "rebalancing_tasks",
        integer(1, 5000),
        "How many tasks of a service move at once to a zone with fewer.",
    )
    .or("1")
    .assumed(REBALANCING),
];

const THROTTLE: &[Key] = &[
    key("throttle_after", integer(1, 1000), "Failed starts in a row before starts are delayed.")
        .or("3")
        .assumed("ECS Developer Guide, service throttle logic, gives no number"),
    key("throttle_first", POSITIVE_SPAN, "The first delay; each further one is twice as long.")
        .or("\"60 s\"")
        .assumed("ECS Developer Guide, service throttle logic, gives no number"),
    key("throttle_cap", POSITIVE_SPAN, "The longest delay.")
        .or("\"27 min\"")
        .documented("ECS Developer Guide, service throttle logic"),
];

const START: &[Key] = &[
    key(
        "pull_state",
        Kind::Choice(&["PENDING", "ACTIVATING"]),
        "The state a task is in while its images are pulled.",
    )
    .or("\"ACTIVATING\"")
    .documented("ECS Developer Guide, task life cycle, 2026; its text of 2023 implies PENDING"),
    key("eni_attach", Kind::Distribution, "To attach a network interface to an instance.")
        .or("\"10 s\"")
        .assumed("users report 5-15 s"),
    key(
        "instance_launch_call",
        Kind::Distribution,
        "From a group's launch of an EC2 instance until it is `pending`: the call of the API.",
    )
    .or("\"4.9 s\"")
    .measured("brevdev/ec2-coldboot-research, 2026-01: 19 % of 25.8 s"),
    key(
        "instance_pending",
        Kind::Distribution,
        "From `pending` until an EC2 instance is `running`.",
    )
    .or("{ uniform = { min = \"16 s\", max = \"18 s\" } }")
    .measured("brevdev/ec2-coldboot-research, 2026-01: 16.4-17.9 s by type and Region"),
    key("instance_boot", Kind::Distribution, "From `running` until the ECS agent starts.")
        .or("\"3.2 s\"")
        .measured("brevdev/ec2-coldboot-research, 2026-01: 3.2 s until SSH answers"),
    key(
        "agent_registration",
        Kind::Distribution,
        "From the agent's start until the container instance is ACTIVE.",
    )
    .or("{ uniform = { min = \"5 s\", max = \"20 s\" } }")
    .assumed("no distribution of launch to registration is published"),
    key(
        "trunk_attach",
        Kind::Distribution,
        "To attach the trunk interface of an instance that has one, before it is ACTIVE.",
    )
    .or("\"10 s\"")
    .assumed("not published; as for the interface of a task"),
    key(
        "launch_retry",
        POSITIVE_SPAN,
        "From a launch that failed until an Auto Scaling group tries again.",
    )
    .or("\"60 s\"")
    .assumed("not published"),
    key(
        "warm_start",
        Kind::Distribution,
        "From the start of a stopped instance of a warm pool until the ECS agent starts.",
    )
    .or("\"21 s\"")
    .measured("brevdev/ec2-coldboot-research, 2026-01: 21 s"),
    key("warm_resume", Kind::Distribution, "The same of a hibernated instance.")
        .or("\"20.7 s\"")
        .measured("brevdev/ec2-coldboot-research, 2026-01: 20.7 s"),
    key(
        "scheduled_action_delay",
        Kind::Distribution,
        "From the time of a group's scheduled action until it is executed.",
    )
    .or("\"0 s\"")
    .assumed("Amazon EC2 Auto Scaling User Guide: seconds, and up to two minutes"),
    key(
        "metric_delay",
        seconds(0, 3600),
        "From the end of a period of a CloudWatch metric until it is published.",
    )
    .or("\"110 s\"")
    .assumed(METRIC_DELAY),
    key(
        "high_resolution_metric_delay",
        seconds(0, 3600),
        "From the end of a period of 20 s of a CloudWatch metric until it is published.",
    )
    .or("\"5 s\"")
    .assumed(METRIC_DELAY),
    key(
        "service_action_delay",
        Kind::Distribution,
        "How late a scheduled action of a service is executed.",
    )
    .or("{ uniform = { min = \"0 s\", max = \"5 s\" } }")
    .assumed("a few seconds (Application Auto Scaling User Guide)"),
    key(
        "alarm_delay",
        seconds(0, 3600),
        "From the publication of a metric until its alarms are evaluated and a policy acts.",
    )
    .or("\"20 s\"")
    .assumed(METRIC_DELAY),
    key(
        "scale_in_settle",
        seconds(0, 3600),
        "How long an instance that is gone counts as terminating for scaling policies, which take \
         from what terminates as well.",
    )
    .or("\"5 min\"")
    .assumed("Amazon EC2 Auto Scaling User Guide: no more go than necessary; longer than metrics"),
    key(
        "zone_rebalancing_interval",
        POSITIVE_SPAN,
        "How long the zones of an Auto Scaling group are out of balance before it looks at them, \
         and how often it looks again until they are not.",
    )
    .or("\"5 min\"")
    .assumed("not published; \"gradually\", Amazon EC2 Auto Scaling User Guide"),
    key("agent_latency", Kind::Distribution, "Until the agent learns of a task and acts.")
        .or("\"1 s\"")
        .assumed("the agent holds an open connection; its polls are every second"),
    key(
        "fargate_provision",
        Kind::Distribution,
        "From a Fargate task's launch until its pull starts: placing, interface.",
    )
    .or("{ lognormal = { median = \"15 s\", sigma = 0.2 } }")
    .measured(FARGATE),
    key("fargate_start", Kind::Distribution, "From the end of a Fargate pull until RUNNING.")
        .or("\"2.5 s\"")
        .measured("five starts, 2026: 1.0-3.2 s"),
    key(
        "fargate_pull_bandwidth",
        Kind::Bandwidth,
        "Compressed image bytes a Fargate task pulls a second.",
    )
    .or("\"45 MiB/s\"")
    .measured(PULL),
    key("container_start", Kind::Distribution, "To create and start a container on an instance.")
        .or("\"1 s\"")
        .assumed("not published"),
    key("cached_pull", Kind::Distribution, "To find that an image is in an instance's cache.")
        .or("\"500 ms\"")
        .assumed("not published"),
    key(
        "pull_bandwidth",
        Kind::Bandwidth,
        "Compressed image bytes an instance pulls a second, shared by tasks starting together.",
    )
    .or("\"45 MiB/s\"")
    .assumed("as measured on Fargate, 31-58 MiB/s"),
    key(
        "health_check_response",
        Kind::Distribution,
        "From a load balancer's check of a new target until its answer counts.",
    )
    .or("\"1 s\"")
    .assumed("not published"),
];

const STOP: &[Key] =
    &[key("eni_detach", Kind::Distribution, "To detach and delete a network interface.")
        .or("\"5 s\"")
        .assumed("\"seconds\"; not published")];

const DETECTION: &[Key] = &[
    key(
        "status_check",
        Kind::Distribution,
        "From an instance hanging until its Auto Scaling group counts it as unhealthy, by the \
         status check of Amazon EC2.",
    )
    .or("{ uniform = { min = \"2 min\", max = \"5 min\" } }")
    .assumed("status checks run every minute; how many must fail, and how soon, is not published"),
    key(
        "termination_check",
        Kind::Distribution,
        "From the unwanted end of an instance until its Auto Scaling group launches another.",
    )
    .or("{ uniform = { min = \"0 s\", max = \"60 s\" } }")
    .assumed("groups look at their instances about once a minute"),
    key(
        "fargate_host_check",
        Kind::Distribution,
        "From the failure of a Fargate task's host until the task is stopped.",
    )
    .or("{ uniform = { min = \"1 min\", max = \"3 min\" } }")
    .assumed("\"without notice\"; how soon is not published"),
];
