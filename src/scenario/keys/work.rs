//! Keys of what starts tasks: services, scheduled tasks, job traces.

use super::*;

pub(super) const TABLES: &[Key] = &[
    key(
        "service",
        Kind::Named { thing: "service", of: &Kind::Table(&[SERVICE, LAUNCH, PLACEMENT]) },
        "Services.",
    ),
    key(
        "fallback",
        Kind::Named { thing: "fallback", of: &Kind::Table(&[FALLBACK]) },
        "Controllers of your own, which AWS does not have: one service stands in for another \
         while there is no capacity for it.",
    ),
    key(
        "task",
        Kind::Named { thing: "task", of: &Kind::Table(&[TASK, GROUP, LAUNCH, PLACEMENT]) },
        "Tasks on a schedule, as RunTask starts them.",
    ),
    key(
        "job",
        Kind::Named { thing: "job", of: &Kind::Table(&[JOB, CONSTANTS, GROUP, LAUNCH, PLACEMENT]) },
        "Jobs from a trace, as RunTask starts them.",
    ),
];

/// An expression of the cluster query language.
pub(super) const EXPRESSION: Kind = Kind::Text(
    "an expression of the cluster query language; `ec2InstanceId` is the name of the instance \
     here, such as `fleet-0`",
);

/// A capacity provider strategy.
pub(super) const STRATEGY: Kind =
    Kind::List { of: &Kind::Table(&[STRATEGY_ITEM]), min: 1, max: 20 };

const STRATEGY_API: &str = "ECS API, CapacityProviderStrategyItem";

const STRATEGY_ITEM: &[Key] = &[
    key(
        "capacity_provider",
        Kind::Reference { table: "capacity_provider", also: &["FARGATE", "FARGATE_SPOT"] },
        "The capacity provider; those with an Auto Scaling group do not mix with Fargate's.",
    )
    .required(),
    key("base", integer(0, 100_000), "Tasks that go there first; one item only.")
        .or("0")
        .documented(STRATEGY_API),
    key("weight", integer(0, 1000), "Its share of the tasks beyond the base.")
        .or("0")
        .documented(STRATEGY_API),
];

/// Where tasks run.
const LAUNCH: &[Key] = &[
    key("cluster", Kind::Reference { table: "cluster", also: &["default"] }, "The cluster.")
        .or("\"default\"")
        .documented("ECS API, CreateService"),
    key(
        "launch_type",
        Kind::Choice(&["EC2", "FARGATE", "EXTERNAL"]),
        "Where tasks run; without it and without a strategy, as the cluster says, else EC2. With \
         `extends`, `like` and `--set` it replaces a strategy.",
    )
    .documented("ECS API, CreateService; that EC2 is the last resort is assumed"),
    key(
        "capacity_provider_strategy",
        STRATEGY,
        "How tasks are divided among capacity providers; not together with `launch_type`, which it \
         replaces with `extends`, `like` and `--set`.",
    )
    .documented(STRATEGY_API),
    key("platform_version", Kind::Text("a platform version"), "Of Fargate.")
        .or("\"LATEST\"")
        .documented("ECS API, CreateService"),
    key("network_configuration", Kind::Table(&[NETWORK]), "For tasks in network mode awsvpc.")
        .or("{}"),
];

const NETWORK: &[Key] = &[
    key(
        "subnets",
        list(&reference("subnet"), 16),
        "Subnets; without them those of the cluster's instances, if all have some, or any zone.",
    )
    .documented("ECS API, AwsVpcConfiguration"),
    key(
        "assign_public_ip",
        Kind::Choice(&["ENABLED", "DISABLED"]),
        "Whether each Fargate task has a public IPv4 address, which costs.",
    )
    .or("\"DISABLED\"")
    .documented("ECS API, AwsVpcConfiguration"),
    unused("security_groups"),
];

/// Which instance a task goes to.
const PLACEMENT: &[Key] = &[
    key(
        "placement_strategy",
        list(&STRATEGY_RULE, 5),
        "Rules that choose among instances, in order; without them, as AWS does for this launcher.",
    )
    .documented("ECS API, PlacementStrategy"),
    key("placement_constraints", list(&CONSTRAINT, 10), "Conditions instances must meet.")
        .or("[]")
        .documented("ECS API, PlacementConstraint"),
];

const SPREAD: Kind = Kind::Text("instanceId, host, or attribute:<name>");

/// A rule of a placement strategy: a word, our short form or AWS's long one.
const STRATEGY_RULE: Kind = Kind::OneOf(&[
    Kind::Choice(&["random"]),
    Kind::Tagged(&[
        key("spread", SPREAD, "Over what tasks are spread evenly."),
        key("binpack", Kind::Choice(&["cpu", "memory"]), "What is to be used up first."),
        key("random", Kind::Boolean, "Any instance."),
    ]),
    Kind::Table(&[&[
        key("type", Kind::Choice(&["random", "spread", "binpack"]), "The type, as AWS writes it.")
            .required(),
        key("field", Kind::Text("cpu, memory, instanceId, host or attribute:<name>"), "The field."),
    ]]),
]);

/// A placement constraint: a word, our short form or AWS's long one.
const CONSTRAINT: Kind = Kind::OneOf(&[
    Kind::Choice(&["distinctInstance"]),
    Kind::Tagged(&[key("member_of", EXPRESSION, "An expression instances must meet.")]),
    Kind::Table(&[&[
        key("type", Kind::Choice(&["distinctInstance", "memberOf"]), "The type.").required(),
        key("expression", EXPRESSION, "An expression instances must meet; for memberOf."),
    ]]),
]);

/// A task definition by name, or written in place.
const DEFINITION: Kind =
    Kind::OneOf(&[reference("task_definition"), Kind::Table(task::TASK_DEFINITION)]);

const SERVICE: &[Key] = &[
    key("like", reference("service"), "Copies another service, then changes it."),
    key("task_definition", DEFINITION, "What it runs: a name, or a definition in place.")
        .required(),
    key(
        "desired_count",
        integer(0, 1_000_000),
        "Tasks it should have; required but for DAEMON services; more than 5,000 need \
         `account.override`. With `auto_scaling` it may be left out: it is what target tracking \
         makes of the load at the start, or `min_capacity`.",
    )
    .documented("AWS General Reference, Amazon ECS endpoints and quotas"),
    key(
        "minimum_healthy_percent",
        integer(0, 100),
        "How many percent of the desired tasks stay healthy while tasks leave draining \
         instances, rounded up; without it 100, for DAEMON services 0.",
    )
    .documented("ECS API, DeploymentConfiguration"),
    key(
        "maximum_percent",
        integer(100, 200),
        "How many percent of the desired tasks there may be meanwhile, rounded down; without it \
         200, for DAEMON services 100.",
    )
    .documented("ECS API, DeploymentConfiguration"),
    key(
        "scheduling_strategy",
        Kind::Choice(&["REPLICA", "DAEMON"]),
        "A number of tasks, or one on each instance.",
    )
    .or("\"REPLICA\"")
    .documented("ECS API, CreateService"),
    key(
        "availability_zone_rebalancing",
        Kind::Choice(&["ENABLED", "DISABLED"]),
        "Whether tasks of a steady service move to zones that have fewer; without it wherever AWS \
         allows it, as with services made since September 2025.",
    )
    .documented("ECS API, CreateService; ECS Developer Guide, service-rebalancing"),
    key("load_balancers", list(&Kind::Table(&[TARGET]), 5), "Target groups its tasks join.")
        .or("[]")
        .documented("ECS API, LoadBalancer"),
    key(
        "load",
        Kind::Table(&[load::RATE]),
        "Requests for this service alone: they arrive at its only target group or, without a load \
         balancer, find its tasks by service discovery. `[load.…]` divides requests among several.",
    ),
    key(
        "auto_scaling",
        Kind::Table(&[service_scaling::TARGET]),
        "Application Auto Scaling: its bounds, policies and scheduled actions.",
    )
    .documented("Application Auto Scaling API, RegisterScalableTarget"),
];

const YOURS: &str = "the controller is not AWS's, but a function of your own";

const FALLBACK: &[Key] = &[
    key("like", reference("fallback"), "Copies another fallback, then changes it."),
    key("service", reference("service"), "The service whose tasks may find no capacity.")
        .required(),
    key(
        "standby",
        reference("service"),
        "The service that stands in, with another capacity provider and `desired_count = 0`. Its \
         healthy tasks count for the availability of the first.",
    )
    .required(),
    key("interval", POSITIVE_SPAN, "Time between two looks at the service.")
        .or("\"1 min\"")
        .assumed(YOURS),
    key(
        "after",
        SPAN,
        "How long tasks must have been without a place before as many of the standby are started.",
    )
    .or("\"1 min\"")
    .assumed(YOURS),
    key(
        "back_after",
        SPAN,
        "How long all desired tasks must have been healthy before those of the standby are \
         stopped, all at once.",
    )
    .or("\"5 min\"")
    .assumed(YOURS),
];

const TARGET: &[Key] = &[
    key("target_group", reference("target_group"), "The target group.").required(),
    key("container_name", Kind::Text("a container of its task"), "The container.").required(),
    key("container_port", integer(0, 65_535), "The port of the container.").required(),
];

const TASK: &[Key] = &[
    key("like", reference("task"), "Copies another scheduled task, then changes it."),
    key(
        "schedule",
        Kind::Text("a schedule, such as \"rate(5 minutes)\" or \"cron(0 3 * * ? *)\""),
        "When it runs, in AWS's syntax.",
    )
    .required(),
    key(
        "time_zone",
        Kind::Text("a time zone, such as \"Europe/Dublin\""),
        "The zone of the schedule; without it that of the scenario.",
    ),
    key("task_definition", DEFINITION, "What it runs: a name, or a definition in place.")
        .required(),
    key("count", integer(1, 1_000_000), "Tasks each time, in RunTask calls of at most ten.")
        .or("1"),
];

/// What RunTask takes besides, and what the submitter does when nothing fits.
const GROUP: &[Key] = &[
    key("group", Kind::Text("a task group"), "The task group; without it `family:<family>`.")
        .documented("ECS Developer Guide, task groups"),
    key(
        "when_full",
        Kind::Choice(&["retry", "fail", "queue"]),
        "What the submitter does when nothing fits, for ECS has no queue: tries again later, gives \
         up, or waits in line until there is room.",
    )
    .or("\"retry\""),
    key("retry_initial", POSITIVE_SPAN, "The first pause before trying again; doubled each time.")
        .or("\"1 s\"")
        .assumed("the submitter is the user's"),
    key("retry_max", POSITIVE_SPAN, "The longest pause.")
        .or("\"60 s\"")
        .assumed("the submitter is the user's"),
];

const COLUMN: Kind = Kind::Text("the name of a column");

const JOB: &[Key] = &[
    key("like", reference("job"), "Copies another job, then changes it."),
    key("trace", Kind::File, "A CSV file with a header and a row for each submission.").required(),
    key(
        "columns",
        Kind::Table(&[&[
            key("arrival", COLUMN, "Seconds since the start of the run.").or("\"arrival_s\""),
            key("count", COLUMN, "Tasks of the row."),
            key("cpu", COLUMN, "CPU of each task, in `cpu_unit`."),
            key(
                "cpu_unit",
                Kind::Choice(&["unit", "vCPU"]),
                "What the CPU column is in: CPU units, of which a vCPU has 1,024, or vCPUs, \
                 rounded to units.",
            )
            .or("\"unit\""),
            key("memory", COLUMN, "Memory of each task, in `memory_unit`; 6 MiB at least.")
                .documented("ECS API, ContainerDefinition"),
            key(
                "memory_unit",
                Kind::Choice(&["MiB", "GiB"]),
                "What the memory column is in: MiB, or GiB, rounded to MiB.",
            )
            .or("\"MiB\""),
            key("gpus", COLUMN, "GPUs of each task."),
            key("duration", COLUMN, "Seconds each task runs."),
        ]]),
        "Which columns say what; what no column says is given beside, for all rows alike.",
    )
    .or("{}"),
    key(
        "task_definition",
        DEFINITION,
        "What it runs, with the CPU, memory and GPUs of the row; without it one such container.",
    ),
    key(
        "gang",
        Kind::Boolean,
        "Whether the tasks of a row start together or not at all; they start at one instant, and \
         what they take from the rates of the account beyond what is there, later calls wait for.",
    )
    .or("false")
    .assumed("RunTask itself starts what fits; all or nothing is the submitter's own doing"),
    key(
        "fargate_size",
        Kind::Choice(&["round_up", "exact"]),
        "Whether a row that is no Fargate size becomes the next larger one, or is an error.",
    )
    .or("\"round_up\""),
    key("rows", POSITIVE_COUNT, "Reads only so many rows; without it all."),
    key(
        "time_scale",
        POSITIVE,
        "Multiplies arrival times: 0.5 sends the same jobs in half the time.",
    )
    .or("1"),
];

/// What all rows have in common.
const CONSTANTS: &[Key] = &[
    key("count", integer(1, 1_000_000), "Tasks of each row, if no column says.").or("1"),
    key("cpu", Kind::Cpu, "CPU of each task, if no column says."),
    key("memory", Kind::Memory, "Memory of each task, if no column says."),
    key("gpus", integer(0, 1024), "GPUs of each task, if no column says.").or("0"),
    key("duration", POSITIVE_SPAN, "How long each task runs, if no column says."),
];
