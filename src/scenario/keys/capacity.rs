//! Keys of what tasks run on: the account, clusters, container instances, instance types.

use super::*;

pub(super) const TABLES: &[Key] = &[
    key("account", Kind::Table(&[ACCOUNT]), "The account: quotas and rates of the API.").or("{}"),
    key(
        "cluster",
        Kind::Named { thing: "cluster", of: &Kind::Table(&[CLUSTER]) },
        "Clusters; one called `default` is always there.",
    ),
    key(
        "container_instances",
        Kind::Named { thing: "container instances", of: &Kind::Table(&[FLEET, HOST]) },
        "Fixed fleets of container instances.",
    ),
    key(
        "auto_scaling_group",
        Kind::Named {
            thing: "Auto Scaling group",
            of: &Kind::Table(&[GROUP, scaling::KEYS, upkeep::KEYS, HOST]),
        },
        "EC2 Auto Scaling groups: container instances that come and go.",
    ),
    key(
        "capacity_provider",
        Kind::Named { thing: "capacity provider", of: &Kind::Table(&[CAPACITY_PROVIDER]) },
        "Capacity providers: with an Auto Scaling group, or of ECS Managed Instances; `FARGATE` \
         and `FARGATE_SPOT` are there.",
    ),
    key(
        "instance_type",
        Kind::Named { thing: "instance type", of: &Kind::Table(&[INSTANCE_TYPE]) },
        "Instance types that the catalogue does not have, or other figures for those it has.",
    ),
];

const QUOTAS: &str = "AWS General Reference, Amazon ECS endpoints and quotas";

const ACCOUNT: &[Key] = &[
    key(
        "quotas",
        Kind::Choice(&["raised", "documented"]),
        "`raised`: adjustable quotas do not bind; `documented`: a new account's hold.",
    )
    .or("\"raised\""),
    key(
        "override",
        Kind::Boolean,
        "Whether quotas that AWS does not adjust may be changed here all the same.",
    )
    .or("false"),
    key(
        "ec2_on_demand_vcpu",
        integer(0, 100_000_000),
        "vCPUs that may run on EC2 on demand at one time, all families together; adjustable.",
    )
    .or("5")
    .documented("EC2 User Guide, On-Demand Instance quotas: of the usual families"),
    key(
        "ec2_spot_vcpu",
        integer(0, 100_000_000),
        "vCPUs that may run as EC2 Spot at one time, all families together; adjustable.",
    )
    .or("5")
    .documented("EC2 User Guide, Spot Instance quotas: of the usual families"),
    key(
        "fargate_on_demand_vcpu",
        integer(0, 100_000_000),
        "vCPUs that may run on Fargate at one time; adjustable.",
    )
    .or("6")
    .documented(QUOTAS),
    key(
        "fargate_spot_vcpu",
        integer(0, 100_000_000),
        "vCPUs that may run on Fargate Spot at one time; adjustable.",
    )
    .or("6")
    .documented(QUOTAS),
    key("fargate_launch_burst", POSITIVE_COUNT, "Fargate launches at once; adjustable.")
        .or("100")
        .documented(QUOTAS),
    key("fargate_launch_rate", Kind::Rate, "Fargate launches after the burst; adjustable.")
        .or("\"20 per s\"")
        .documented(QUOTAS),
    key("fargate_spot_launch_burst", POSITIVE_COUNT, "Fargate Spot launches at once; adjustable.")
        .or("100")
        .documented(QUOTAS),
    key("fargate_spot_launch_rate", Kind::Rate, "Fargate Spot launches after that; adjustable.")
        .or("\"20 per s\"")
        .documented(QUOTAS),
    key("api_burst", POSITIVE_COUNT, "Calls that change cluster resources, at once; adjustable.")
        .or("100")
        .documented(
            "ECS Developer Guide, request throttling; that RunTask is among them is assumed",
        ),
    key("api_rate", Kind::Rate, "Calls that change cluster resources, after that; adjustable.")
        .or("\"40 per s\"")
        .documented(
            "ECS Developer Guide, request throttling; that RunTask is among them is assumed",
        ),
    key(
        "fargate_run_task_calls",
        POSITIVE_COUNT,
        "RunTask calls in a second that can start tasks on Fargate; not adjustable.",
    )
    .or("20")
    .documented("ECS Developer Guide, AWS Fargate throttling quotas: burst and sustained"),
    key(
        "service_tasks_per_minute_ec2",
        POSITIVE_COUNT,
        "Tasks a service launches in any minute on EC2 and external instances; not adjustable.",
    )
    .or("500")
    .documented(QUOTAS),
    key(
        "provisioning_tasks",
        POSITIVE_COUNT,
        "Tasks of a cluster that may wait in PROVISIONING for capacity; not adjustable.",
    )
    .or("500")
    .documented(QUOTAS),
    key(
        "service_tasks_per_minute_fargate",
        POSITIVE_COUNT,
        "Tasks a service launches in any minute on Fargate; not adjustable. Where it is not \
         written, Regions newer than the catalogue's have a quarter of it, and of the launches \
         of Fargate.",
    )
    .or("500")
    .documented(QUOTAS),
];

const CLUSTER: &[Key] = &[
    key(
        "default_capacity_provider_strategy",
        work::STRATEGY,
        "For services and tasks that name neither a launch type nor a strategy.",
    ),
    key(
        "awsvpc_trunking",
        Kind::Boolean,
        "Whether instances have trunk interfaces, so that more awsvpc tasks fit.",
    )
    .or("false")
    .documented("ECS Developer Guide, container-instance-eni: off until the account opts in"),
];

const CUSTOM_ATTRIBUTE: Kind =
    Kind::Named { thing: "attribute", of: &Kind::Text("an attribute's value") };

/// What is said of a fixed fleet only.
const FLEET: &[Key] = &[
    key("like", reference("container_instances"), "Copies another fleet, then changes it."),
    key("launch_type", Kind::Choice(&["EC2", "EXTERNAL"]), "EC2, or on premises (ECS Anywhere).")
        .or("\"EC2\""),
    key("count", integer(1, 1_000_000), "How many.").or("1"),
    key(
        "architecture",
        Kind::Choice(&["X86_64", "ARM64"]),
        "Of external instances; an EC2 type has its own, and it may only be said again.",
    )
    .or("\"X86_64\""),
    key("cpu", Kind::Cpu, "CPU of an external instance."),
    key("memory", Kind::Memory, "Memory that an external instance registers."),
    key("gpus", integer(0, 1024), "GPUs of an external instance; an EC2 type has its own.").or("0"),
];

const AUTO_SCALING: &str = "EC2 Auto Scaling API, CreateAutoScalingGroup";

/// What is said of an Auto Scaling group only.
const GROUP: &[Key] = &[
    key("like", reference("auto_scaling_group"), "Copies another group, then changes it."),
    key("min_size", integer(0, 1_000_000), "The least it may have.").required(),
    key("max_size", integer(0, 1_000_000), "The most it may have.").required(),
    key(
        "desired_capacity",
        integer(0, 1_000_000),
        "How many instances it should have when the run begins; without it `min_size`.",
    )
    .documented(AUTO_SCALING),
    key(
        "health_check_grace_period",
        SPAN,
        "How long after an instance is in service its status check is not looked at; the console \
         suggests 300 s.",
    )
    .or("\"0 s\"")
    .documented(AUTO_SCALING),
    key(
        "instance_types",
        Kind::List { of: &Kind::Text("an instance type"), min: 1, max: 40 },
        "Several types in place of `instance_type`, the preferred first.",
    )
    .documented("EC2 Auto Scaling API, LaunchTemplateOverrides: at most 40"),
    key(
        "purchase_option",
        Kind::Choice(&["on_demand", "spot"]),
        "How all its instances are bought; `mixed_instances_policy` can say it more closely.",
    )
    .or("\"on_demand\""),
    key(
        "mixed_instances_policy",
        Kind::Table(&[MIXED]),
        "How instances are bought, and which types are preferred.",
    )
    .or("{}"),
    key(
        "termination_policies",
        Kind::List { of: &Kind::Choice(TERMINATION_POLICIES), min: 1, max: 7 },
        "Which instances go first, after purchase options and zones are balanced; each policy \
         narrows what the ones before have left. `Default` is the last.",
    )
    .or("[\"Default\"]")
    .documented(AUTO_SCALING),
    key(
        "capacity_distribution_strategy",
        Kind::Choice(&["balanced-best-effort", "balanced-only"]),
        "Whether another zone is tried where the emptiest has no capacity.",
    )
    .or("\"balanced-best-effort\"")
    .documented("EC2 Auto Scaling API, AvailabilityZoneDistribution"),
    key(
        "capacity_rebalance",
        Kind::Boolean,
        "Whether another instance is launched when a Spot instance is said to be at risk, which \
         goes when that one is in service.",
    )
    .or("false")
    .documented(AUTO_SCALING),
    key(
        "spot_instance_draining",
        Kind::Boolean,
        "ECS_ENABLE_SPOT_INSTANCE_DRAINING: whether the agent drains its instance at an \
         interruption notice.",
    )
    .or("false")
    .documented("ECS agent README"),
];

const PROVIDER_API: &str = "ECS API, AutoScalingGroupProvider";
const SCALING_API: &str = "ECS API, ManagedScaling";
const ON_OR_OFF: Kind = Kind::Choice(&["ENABLED", "DISABLED"]);

/// A capacity provider.
const CAPACITY_PROVIDER: &[Key] = &[
    key("like", reference("capacity_provider"), "Copies another provider, then changes it."),
    key(
        "auto_scaling_group",
        reference("auto_scaling_group"),
        "Its group, which no other has; without it, it has `managed_instances`.",
    ),
    key(
        "managed_instances",
        Kind::Table(&[MANAGED_INSTANCES]),
        "In place of a group, instances that Amazon ECS chooses for tasks that wait, launches and \
         ends.",
    ),
    key(
        "managed_scaling",
        Kind::Table(&[MANAGED_SCALING]),
        "Whether and how Amazon ECS scales the group; tasks wait in PROVISIONING meanwhile.",
    )
    .or("{}"),
    key(
        "managed_termination_protection",
        ON_OR_OFF,
        "Whether instances with tasks, daemons' apart, are protected from scale-in.",
    )
    .or("\"DISABLED\"")
    .documented(PROVIDER_API),
    key(
        "managed_draining",
        ON_OR_OFF,
        "Whether an instance that is to go is drained first, for 48 h at most: tasks of services \
         are replaced elsewhere, others run to their end.",
    )
    .or("\"ENABLED\"")
    .documented(PROVIDER_API),
];

const MANAGED_SCALING: &[Key] = &[
    key("status", ON_OR_OFF, "Whether Amazon ECS scales the group.")
        .or("\"ENABLED\"")
        .documented("the console's default, ECS Developer Guide, asg-capacity-providers"),
    key(
        "target_capacity",
        integer(1, 100),
        "The share of instances in use that is aimed at, in percent; less keeps whole instances \
         free.",
    )
    .or("100")
    .documented(SCALING_API),
    key("minimum_scaling_step_size", integer(1, 10_000), "The least that is launched at once.")
        .or("1")
        .documented(SCALING_API),
    key("maximum_scaling_step_size", integer(1, 10_000), "The most that is launched at once.")
        .or("10000")
        .documented(SCALING_API),
    key(
        "instance_warmup_period",
        seconds(0, 10_000),
        "How long after an instance's launch the group does not scale again.",
    )
    .or("\"300 s\"")
    .documented(SCALING_API),
    key(
        "combine",
        Kind::Choice(&["max", "sum"]),
        "How the instances that groups of waiting tasks need become one number.",
    )
    .or("\"max\"")
    .assumed("the guide speaks of the maximum calculated instance count, and of no sum"),
    key(
        "scale_in_percent",
        integer(1, 100),
        "The part of the group that goes in one step at most; before September 2022 it was 5.",
    )
    .or("50")
    .documented("AWS What's New, 2022-09-16: faster scale-in"),
    key("scale_in_every_minutes", integer(1, 60), "Minutes from one step in to the next.")
        .or("1")
        .assumed("the guide says each minute; an announcement shows four steps in ten minutes"),
    key(
        "empty_group",
        Kind::Choice(&["rests", "follows-metric"]),
        "What a group without instances does while no task waits and the target is below 100 %.",
    )
    .or("\"rests\"")
    .assumed("containers-roadmap#653 was closed after a fix that is not described"),
];

const MANAGED: &str = "ECS Developer Guide, Architect for Amazon ECS Managed Instances";
const LAUNCH_TEMPLATE: &str = "ECS API, InstanceLaunchTemplate";
const REQUIREMENTS_API: &str = "ECS API, InstanceRequirementsRequest";

/// Instances that Amazon ECS chooses, launches and ends.
const MANAGED_INSTANCES: &[Key] = &[
    CLUSTER_OF,
    ZONES,
    SUBNETS,
    key(
        "capacity_option_type",
        Kind::Choice(&["on_demand", "spot", "reserved"]),
        "How instances are bought; reserved capacity is not modelled.",
    )
    .or("\"on_demand\"")
    .documented(LAUNCH_TEMPLATE),
    key(
        "instance_requirements",
        Kind::Table(&[INSTANCE_REQUIREMENTS]),
        "Which types may be launched; without it those of the M families, of the current \
         generation, neither burstable nor bare metal, that have a price in the Region.",
    )
    .assumed("the guide says general-purpose types, and not which"),
    key(
        "infrastructure_optimization",
        ON_OR_OFF,
        "Whether instances that are idle or underutilized are ended; AWS writes a `scaleInAfter` \
         of -1 for DISABLED.",
    )
    .or("\"ENABLED\"")
    .documented("ECS API, InfrastructureOptimization"),
    key(
        "scale_in_after",
        seconds(0, 3600),
        "How long after the last task came or stopped an instance without tasks, daemons' apart, \
         is ended, and one whose tasks, all of services, fit elsewhere is drained.",
    )
    .or("\"300 s\"")
    .assumed("where it is left out AWS decides by a heuristic that is not published"),
    key(
        "storage_size",
        Kind::Bytes,
        "Size of the EBS data volume of an instance, 30 to 16,384 GiB; gp3 is assumed.",
    )
    .or("\"80 GiB\"")
    .documented(MANAGED),
    key(
        "drain_deadline",
        SPAN,
        "How long an instance drains before what still runs on it is stopped; draining begins when \
         it is 14 days old, which cannot be changed.",
    )
    .or("\"7 d\"")
    .documented("ECS Developer Guide, container-instance-draining: typically seven days"),
    key(
        "auto_repair",
        ON_OR_OFF,
        "Whether an instance that is IMPAIRED is replaced, after `timing.status_check`.",
    )
    .or("\"DISABLED\"")
    .assumed("ECS API, AutoRepairConfiguration, is optional and names no default"),
    key(
        "batching_window",
        SPAN,
        "How long tasks that wait are gathered before instances are chosen for them.",
    )
    .or("\"5 s\"")
    .assumed("instances are seen to be launched in batches (PrefectHQ/prefect#20765)"),
    key("launch_time", Kind::Distribution, "From an instance's launch until it is ACTIVE.")
        .or("{ uniform = { min = \"2 min\", max = \"5 min\" } }")
        .measured("PrefectHQ/prefect#20765: 2-5 min for each batch"),
    PULL_BANDWIDTH,
    PUBLIC_IP,
];

const INCLUDED: Kind = Kind::Choice(&["included", "excluded", "required"]);

const INSTANCE_REQUIREMENTS: &[Key] = &[
    key(
        "vcpu_count",
        Kind::Table(&[&[
            key("min", integer(0, 4096), "The least.").required(),
            key("max", integer(1, 4096), "The most."),
        ]]),
        "vCPUs of a type.",
    )
    .required()
    .documented(REQUIREMENTS_API),
    key(
        "memory",
        Kind::Table(&[&[
            key("min", Kind::Memory, "The least.").required(),
            key("max", Kind::Memory, "The most."),
        ]]),
        "Memory of a type, as AWS lists it.",
    )
    .required()
    .documented(REQUIREMENTS_API),
    key(
        "accelerator_count",
        Kind::Table(&[&[
            key("min", integer(0, 1024), "The least.").or("0"),
            key("max", integer(0, 1024), "The most."),
        ]]),
        "GPUs of a type; without it any number.",
    )
    .documented(REQUIREMENTS_API),
    key(
        "allowed_instance_types",
        list(&Kind::Text("a type, a family, or a pattern such as \"m7g.*\""), 400),
        "The only types that may be launched, of those that meet all else.",
    )
    .or("[]")
    .documented(REQUIREMENTS_API),
    key(
        "excluded_instance_types",
        list(&Kind::Text("a type, a family, or a pattern such as \"m7g.*\""), 400),
        "Types that are not launched.",
    )
    .or("[]")
    .documented(REQUIREMENTS_API),
    key(
        "cpu_manufacturers",
        list(&Kind::Choice(&["intel", "amd", "amazon-web-services"]), 3),
        "Whose CPUs.",
    )
    .or("[\"intel\", \"amd\", \"amazon-web-services\"]")
    .documented(REQUIREMENTS_API),
    key("instance_generations", list(&Kind::Choice(&["current", "previous"]), 2), "Of when.")
        .or("[\"current\", \"previous\"]")
        .documented(REQUIREMENTS_API),
    key("burstable_performance", INCLUDED, "Whether types of the T families may, or must, be.")
        .or("\"excluded\"")
        .documented(REQUIREMENTS_API),
    key("bare_metal", INCLUDED, "Whether bare-metal types may, or must, be.")
        .or("\"excluded\"")
        .documented(REQUIREMENTS_API),
];

const TERMINATION_POLICIES: &[&str] = &[
    "Default",
    "AllocationStrategy",
    "OldestLaunchTemplate",
    "OldestLaunchConfiguration",
    "ClosestToNextInstanceHour",
    "NewestInstance",
    "OldestInstance",
];

const DISTRIBUTION: &str = "EC2 Auto Scaling API, InstancesDistribution";

const MIXED: &[Key] = &[
    key("on_demand_base_capacity", integer(0, 1_000_000), "So many are bought on demand first.")
        .or("0")
        .documented(DISTRIBUTION),
    key(
        "on_demand_percentage_above_base_capacity",
        integer(0, 100),
        "Per cent of all others that are bought on demand, rounded up; the rest is Spot.",
    )
    .or("100")
    .documented(DISTRIBUTION),
    key(
        "on_demand_allocation_strategy",
        Kind::Choice(&["prioritized", "lowest-price"]),
        "Which type is bought on demand: the first of the list, or the cheapest.",
    )
    .or("\"prioritized\"")
    .documented(DISTRIBUTION),
    key(
        "spot_allocation_strategy",
        Kind::Choice(&[
            "lowest-price",
            "capacity-optimized",
            "capacity-optimized-prioritized",
            "price-capacity-optimized",
        ]),
        "Which type is bought as Spot.",
    )
    .or("\"lowest-price\"")
    .documented(DISTRIBUTION),
    key(
        "spot_instance_pools",
        integer(1, 20),
        "With `lowest-price`: over how many of the cheapest types of a zone.",
    )
    .or("2")
    .documented(DISTRIBUTION),
];

const CLUSTER_OF: Key = key(
    "cluster",
    Kind::Reference { table: "cluster", also: &["default"] },
    "The cluster they are registered in.",
)
.or("\"default\"")
.documented("ECS agent README, ECS_CLUSTER");

const ZONES: Key = key(
    "availability_zones",
    Kind::List { of: &Kind::Text("a zone, such as \"a\" or \"us-east-1a\""), min: 1, max: 26 },
    "Zones they are spread over in turn.",
)
.or("[\"a\"]");

const SUBNETS: Key = key(
    "subnets",
    list(&reference("subnet"), 16),
    "Subnets they are in, in turn; they decide the zones and count addresses.",
);

const PULL_BANDWIDTH: Key = key(
    "pull_bandwidth",
    Kind::Bandwidth,
    "Image bytes per second an instance pulls and unpacks, shared by tasks starting together; \
     without it `timing.pull_bandwidth`.",
);

const PUBLIC_IP: Key = key(
    "public_ip",
    Kind::Boolean,
    "Whether each EC2 instance has a public IPv4 address, which costs.",
)
.or("false");

/// What is said of all instances.
const HOST: &[Key] = &[
    CLUSTER_OF,
    key(
        "instance_type",
        Kind::Text("an instance type, such as \"m7g.large\""),
        "Of EC2 instances; from the catalogue or `instance_type`.",
    ),
    ZONES,
    SUBNETS,
    key(
        "operating_system",
        task::OS_FAMILY,
        "The operating system, on Windows with its version, as the attribute `ecs.os-family` has \
         it: only tasks of the same `operating_system_family` run there.",
    )
    .or("\"LINUX\""),
    key(
        "attributes",
        CUSTOM_ATTRIBUTE,
        "Custom attributes, the same on each; of AWS's own those that nothing here says, \
         `ecs.ami-id` and `ecs.vpc-id`, on EC2.",
    ),
    key("reserved_memory", Kind::Memory, "ECS_RESERVED_MEMORY: kept back when registering.")
        .or("0")
        .documented("ECS agent README"),
    key(
        "reserved_ports",
        list(&integer(1, 65_535), 100),
        "TCP ports kept back, in place of the default for the operating system.",
    )
    .documented(
        "ECS agent README: 22, 2375, 2376, 51678, 51679, on Windows also 53, 135, 139, \
                 445, 3389, 5985, 5986",
    ),
    key("reserved_udp_ports", list(&integer(1, 65_535), 100), "UDP ports kept back.")
        .or("[]")
        .documented("ECS agent README"),
    key(
        "image_pull_behavior",
        Kind::Choice(&["default", "always", "once", "prefer-cached"]),
        "ECS_IMAGE_PULL_BEHAVIOR: when an image is pulled although it is there.",
    )
    .or("\"default\"")
    .documented("ECS agent README"),
    PULL_BANDWIDTH,
    key("root_volume", Kind::Bytes, "Size of the EBS volume of an EC2 instance.")
        .or("\"30 GiB\"")
        .documented("ECS Developer Guide: the volume of the ECS-optimized Linux images"),
    key("volume_type", Kind::Choice(&["gp3", "gp2"]), "Type of that volume.")
        .or("\"gp3\"")
        .assumed("recent images use gp3, older ones gp2"),
    PUBLIC_IP,
    key(
        "credit_specification",
        Kind::Choice(&["standard", "unlimited"]),
        "Of T instances: whether one without CPU credits is held to its baseline, or spends more \
         than it earns and pays; without it T2 is `standard`, and T3, T3a and T4g are `unlimited`.",
    )
    .documented("EC2 API, CreditSpecificationRequest"),
    key(
        "initial_cpu_credits",
        Kind::Share,
        "Of the CPU credits that a T instance can accrue, those that it has when the run begins; \
         of one that is launched later AWS says what it has.",
    )
    .or("1.0")
    .assumed("an instance that was idle for a day has all it can have"),
    key(
        "awsvpc_trunking",
        Kind::Boolean,
        "Whether these have trunk interfaces, which Windows does not; without it, as the cluster \
         says.",
    ),
];

const INSTANCE_TYPE: &[Key] = &[
    key("vcpu", integer(1, 4096), "vCPUs.").required(),
    key("memory", Kind::Memory, "Memory as AWS lists it.").required(),
    key(
        "registered_memory",
        Kind::Memory,
        "Memory the agent registers; without it the rule of the catalogue.",
    ),
    key("gpus", integer(0, 1024), "GPUs.").or("0"),
    key("architecture", Kind::Choice(&["X86_64", "ARM64"]), "The architecture.").or("\"X86_64\""),
    key("max_enis", integer(1, 1024), "Network interfaces an instance can have.")
        .or("4")
        .assumed("common among sizes with 4 vCPU"),
    key(
        "awsvpc_tasks",
        integer(0, 1024),
        "Tasks in network mode awsvpc without trunking; without it one less than `max_enis`.",
    ),
    key(
        "awsvpc_tasks_trunking",
        integer(0, 1024),
        "Tasks in network mode awsvpc with trunking; without it trunking is not supported.",
    ),
    key("price", Kind::Money, "Per hour, on demand, Linux.").required(),
];
