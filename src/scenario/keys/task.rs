//! Keys of tasks: AWS's task definition, and the images and behaviour that AWS's text lacks.

use super::*;

pub(super) const TABLES: &[Key] = &[
    key(
        "task_definition",
        Kind::Named { thing: "task definition", of: &Kind::Table(TASK_DEFINITION) },
        "Task definitions: AWS's fields, here or in a JSON file.",
    ),
    key(
        "image",
        Kind::Named { thing: "image", of: &Kind::Table(&[IMAGE]) },
        "Images by the name that container definitions give.",
    ),
    key(
        "behaviour",
        Kind::Named { thing: "behaviour", of: &Kind::Table(&[BEHAVIOUR, TASK_BEHAVIOUR]) },
        "What tasks do, by the name of their task definition.",
    ),
    CPU_SPEED,
];

const CONTAINER_API: &str = "ECS API, ContainerDefinition";
const HEALTH_API: &str = "ECS API, HealthCheck";
const TASK_API: &str = "ECS API, RegisterTaskDefinition";

/// The keys of a task definition.
pub(super) const TASK_DEFINITION: Fields = &[DEFINITION, DEFINITION_UNUSED];

/// The network mode of a definition that says nothing and is launched on Fargate, or on Managed
/// Instances.
pub(in super::super) static ON_FARGATE: Key = key(
    "network_mode",
    Kind::Choice(&["awsvpc"]),
    "What Fargate knows, where AWS wants it written, and the default of Managed Instances.",
)
.or("\"awsvpc\"");

const DEFINITION: &[Key] = &[
    key("like", reference("task_definition"), "Copies another task definition, then changes it."),
    key(
        "file",
        Kind::File,
        "JSON as `aws ecs register-task-definition` takes or `describe-task-definition` prints; \
         keys beside it replace its own.",
    ),
    key(
        "family",
        Kind::Text("a name"),
        "The family, of letters, digits, `-` and `_`; without it the name in the scenario.",
    )
    .documented(TASK_API),
    key(
        "network_mode",
        Kind::Choice(&["awsvpc", "bridge", "host", "none", "default"]),
        "How containers are reached. A definition has one, wherever it runs: Fargate takes awsvpc \
         only, so a definition that runs there has it without its being written, on EC2 too; in \
         a JSON file it must be written. Managed Instances know awsvpc, the default there, \
         host and none.",
    )
    .or("\"bridge\"")
    .documented(TASK_API),
    key("cpu", Kind::Cpu, "CPU of the whole task; required on Fargate.").documented(TASK_API),
    key("memory", Kind::Memory, "Memory of the whole task; required on Fargate.")
        .documented(TASK_API),
    key(
        "requires_compatibilities",
        list(&Kind::Choice(&["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"]), 4),
        "What the definition is checked against when registered.",
    )
    .or("[]")
    .documented(TASK_API),
    key("runtime_platform", Kind::Table(&[PLATFORM]), "Operating system and architecture.")
        .or("{}"),
    key(
        "ephemeral_storage",
        Kind::Table(&[&[key("size_in_gib", integer(21, 200), "GiB in all.")
            .required()
            .documented("ECS API, EphemeralStorage")]]),
        "Storage of a Fargate task above the 20 GiB that are free.",
    ),
    key(
        "placement_constraints",
        list(&MEMBER_OF, 10),
        "Which instances may be used; only memberOf.",
    )
    .or("[]")
    .documented("ECS API, TaskDefinitionPlacementConstraint"),
    key(
        "volumes",
        list(&Kind::Table(&[VOLUME]), 100),
        "Volumes; accepted, they cost nothing here, and take no time.",
    )
    .or("[]")
    .idle(),
    key(
        "container_definitions",
        Kind::Named { thing: "container", of: &Kind::Table(&[CONTAINER, CONTAINER_UNUSED]) },
        "Containers by name, one to ten; here or in `file`; without them one, called `app`, that \
         has what the task has.",
    )
    .documented(TASK_API),
];

const DEFINITION_UNUSED: &[Key] = &[
    unused("task_role_arn"),
    unused("execution_role_arn"),
    unused("tags"),
    unused("pid_mode"),
    unused("ipc_mode"),
    unused("proxy_configuration"),
    unused("inference_accelerators"),
    unused("enable_fault_injection"),
    unused("task_definition_arn"),
    unused("revision"),
    unused("status"),
    unused("requires_attributes"),
    unused("compatibilities"),
    unused("registered_at"),
    unused("deregistered_at"),
    unused("delete_requested_at"),
    unused("registered_by"),
];

/// An operating system, on Windows with its version, in AWS's words.
pub(super) const OS_FAMILY: Kind = Kind::Choice(&[
    "LINUX",
    "WINDOWS_SERVER_2019_CORE",
    "WINDOWS_SERVER_2019_FULL",
    "WINDOWS_SERVER_2022_CORE",
    "WINDOWS_SERVER_2022_FULL",
    "WINDOWS_SERVER_2025_CORE",
    "WINDOWS_SERVER_2025_FULL",
    "WINDOWS_SERVER_2004_CORE",
    "WINDOWS_SERVER_20H2_CORE",
    "WINDOWS_SERVER_2016_FULL",
]);

const PLATFORM: &[Key] = &[
    key(
        "operating_system_family",
        OS_FAMILY,
        "The operating system, on Windows with its version: that of the instance must be the same.",
    )
    .or("\"LINUX\"")
    .documented("ECS API, RuntimePlatform"),
    key(
        "cpu_architecture",
        Kind::Choice(&["X86_64", "ARM64"]),
        "The CPU architecture: on instances only those that have it. Where it is not said, tasks \
         go to instances of any, and Fargate takes `X86_64`.",
    )
    .documented("ECS API, RuntimePlatform"),
];

/// A constraint of a task definition: our short form or AWS's long one.
const MEMBER_OF: Kind = Kind::OneOf(&[
    Kind::Tagged(&[key("member_of", work::EXPRESSION, "An expression instances must meet.")]),
    Kind::Table(&[&[
        key("type", Kind::Choice(&["memberOf"]), "The type, as AWS writes it.").required(),
        key("expression", work::EXPRESSION, "An expression instances must meet; required."),
    ]]),
]);

const VOLUME: &[Key] = &[
    key("name", Kind::Text("a name"), "The volume's name.").required(),
    key(
        "host",
        Kind::Table(&[&[unused("source_path")]]),
        "A folder of the host, which Fargate does not have.",
    )
    .idle(),
    key(
        "docker_volume_configuration",
        Kind::Table(&[DOCKER_VOLUME]),
        "A Docker volume, which Fargate does not have.",
    )
    .idle(),
    key(
        "efs_volume_configuration",
        Kind::WithoutEffect,
        "An EFS file system; it rules out external instances, and is not modelled on the bill.",
    ),
    unused("fsx_windows_file_server_volume_configuration"),
    unused("s3files_volume_configuration"),
    unused("configured_at_launch"),
];

const DOCKER_VOLUME: &[Key] = &[
    key("driver", Kind::Text("a driver, such as \"local\""), "On Windows `local` only.")
        .or("\"local\"")
        .documented("ECS API, DockerVolumeConfiguration")
        .idle(),
    unused("scope"),
    unused("autoprovision"),
    unused("driver_opts"),
    unused("labels"),
];

const CONTAINER: &[Key] = &[
    key("image", Kind::Text("an image, such as \"nginx:1.27\""), "The image.").required(),
    key("cpu", Kind::Cpu, "CPU reserved for the container.").or("0").documented(CONTAINER_API),
    key("memory", Kind::Memory, "Hard limit of memory.").documented(CONTAINER_API),
    key("memory_reservation", Kind::Memory, "Soft limit: what is reserved if it is given.")
        .documented(CONTAINER_API),
    key("essential", Kind::Boolean, "Whether its end ends the task.")
        .or("true")
        .documented(CONTAINER_API),
    key("port_mappings", list(&Kind::Table(&[PORT]), 100), "Ports.")
        .or("[]")
        .documented(CONTAINER_API),
    key("depends_on", list(&Kind::Table(&[DEPENDS_ON]), 10), "Containers it waits for.")
        .or("[]")
        .documented("ECS API, ContainerDependency"),
    key(
        "start_timeout",
        seconds(1, 86_400),
        "How long its condition is waited for; on Fargate 2-120 s; without it there is no bound.",
    )
    .documented(CONTAINER_API),
    key("stop_timeout", seconds(1, 86_400), "From SIGTERM to SIGKILL; on Fargate 2-120 s.")
        .or("\"30 s\"")
        .documented(CONTAINER_API),
    key("restart_policy", Kind::Table(&[RESTART]), "Whether it is restarted within its task."),
    key("health_check", Kind::Table(&[HEALTH_CHECK]), "Its own health check."),
    key("resource_requirements", list(&Kind::Table(&[REQUIREMENT]), 10), "GPUs.")
        .or("[]")
        .documented("ECS API, ResourceRequirement"),
];

const CONTAINER_UNUSED: &[Key] = &[
    unused("repository_credentials"),
    unused("links"),
    unused("entry_point"),
    unused("command"),
    unused("environment"),
    unused("environment_files"),
    unused("mount_points"),
    unused("volumes_from"),
    unused("linux_parameters"),
    unused("secrets"),
    unused("version_consistency"),
    unused("hostname"),
    unused("user"),
    unused("working_directory"),
    unused("disable_networking"),
    unused("privileged"),
    unused("readonly_root_filesystem"),
    unused("dns_servers"),
    unused("dns_search_domains"),
    unused("extra_hosts"),
    unused("docker_security_options"),
    unused("interactive"),
    unused("pseudo_terminal"),
    unused("docker_labels"),
    unused("ulimits"),
    unused("log_configuration"),
    unused("system_controls"),
    unused("firelens_configuration"),
    unused("credential_specs"),
];

const PORT: &[Key] = &[
    key("container_port", integer(0, 65_535), "The port in the container.")
        .documented("ECS API, PortMapping"),
    key(
        "host_port",
        integer(0, 65_535),
        "The port on the instance; 0 or nothing is dynamic in bridge mode.",
    )
    .documented("ECS API, PortMapping"),
    key("protocol", Kind::Choice(&["tcp", "udp"]), "The protocol.")
        .or("\"tcp\"")
        .documented("ECS API, PortMapping"),
    unused("name"),
    unused("app_protocol"),
    unused("container_port_range"),
];

const DEPENDS_ON: &[Key] = &[
    key("container_name", Kind::Text("a container of this task"), "Which container.").required(),
    key(
        "condition",
        Kind::Choice(&["START", "COMPLETE", "SUCCESS", "HEALTHY"]),
        "What it must have reached.",
    )
    .required(),
];

const RESTART: &[Key] = &[
    key("enabled", Kind::Boolean, "Whether it is restarted.").required(),
    key("restart_attempt_period", seconds(60, 1800), "How long it must have run to be restarted.")
        .or("\"300 s\"")
        .documented("ECS API, ContainerRestartPolicy"),
    key("ignored_exit_codes", list(&integer(0, 255), 50), "Exit codes that do not restart it.")
        .or("[]")
        .documented("ECS API, ContainerRestartPolicy"),
];

const HEALTH_CHECK: &[Key] = &[
    key("interval", seconds(5, 300), "Between checks.").or("\"30 s\"").documented(HEALTH_API),
    key(
        "timeout",
        seconds(2, 60),
        "Until a check counts as failed; checks here pass once it is ready.",
    )
    .or("\"5 s\"")
    .documented(HEALTH_API)
    .idle(),
    key(
        "retries",
        integer(1, 10),
        "Failures in a row that make it unhealthy; no check fails later.",
    )
    .or("3")
    .documented(HEALTH_API)
    .idle(),
    key("start_period", seconds(0, 300), "In which failures do not count; none do.")
        .or("\"0 s\"")
        .documented(HEALTH_API)
        .idle(),
    unused("command"),
];

const REQUIREMENT: &[Key] = &[
    key("type", Kind::Choice(&["GPU", "InferenceAccelerator"]), "The kind of resource.").required(),
    key("value", Kind::OneOf(&[integer(0, 1024), Kind::Text("a number")]), "How many.").required(),
];

const IMAGE: &[Key] = &[key("size", Kind::Bytes, "Compressed size, as the registry lists it.")
    .or("\"150 MiB\"")
    .assumed("of the order of common service images")];

/// What a task or one of its containers does.
const BEHAVIOUR: &[Key] = &[
    key(
        "run_time",
        Kind::Distribution,
        "From running until it exits by itself; without it, it runs until it is stopped.",
    ),
    key("failure_rate", Kind::Share, "Share of such exits with the exit code of a failure.")
        .or("0")
        .assumed("nothing fails unless the scenario says so"),
    key("exit_code", integer(1, 255), "The exit code of a failure.").or("1"),
    key("crash_rate", Kind::Rate, "How often it crashes while running.")
        .or("\"0 per h\"")
        .assumed("nothing fails unless the scenario says so"),
    key("start_failure_rate", Kind::Share, "Share of starts that fail.")
        .or("0")
        .assumed("nothing fails unless the scenario says so"),
    key(
        "start_time",
        Kind::Distribution,
        "From the start of its process until it runs; without it `timing` says.",
    ),
    key("ready_time", Kind::Distribution, "From running until its health checks succeed.")
        .or("\"0 s\"")
        .assumed("it answers as soon as it runs"),
    key("stop_time", Kind::Distribution, "From SIGTERM until it exits; SIGKILL cuts it short.")
        .or("\"1 s\"")
        .assumed("it ends when asked to"),
];

const TASK_BEHAVIOUR: &[Key] = &[
    key(
        "containers",
        Kind::Named { thing: "container", of: &Kind::Table(&[BEHAVIOUR]) },
        "The same for single containers, by name. What is given for the task holds for its first \
         essential container; times to start, get ready and stop hold for every container.",
    ),
    key(
        "usage",
        Kind::Named { thing: "container", of: &Kind::Table(&[USAGE]) },
        "What containers use, apart from what they reserve, by name; without it usage is reported \
         as not given.",
    ),
    key(
        "requests",
        Kind::Table(&[REQUESTS]),
        "How a task takes the requests of which `usage` says what they need.",
    )
    .or("{}"),
];

const USAGE: &[Key] = &[
    key(
        "cpu",
        Kind::OneOf(&[Kind::Cpu, Kind::Table(&[CPU_USE])]),
        "CPU in use while it runs: as much all the time, or what requests make of it.",
    )
    .required(),
    key(
        "memory",
        Kind::OneOf(&[Kind::Memory, Kind::Table(&[MEMORY_USE])]),
        "Memory in use while it runs: as much all the time, or what requests make of it.",
    )
    .required(),
];

const CPU_USE: &[Key] = &[
    key("idle", Kind::Cpu, "CPU in use without requests.")
        .or("0")
        .assumed("what idles needs next to nothing"),
    key(
        "per_request",
        Kind::Distribution,
        "CPU time of a request: the seconds that one vCPU of speed 1 (`cpu_speed`) needs for it. \
         One container of a task serves requests.",
    ),
    key("at_start", Kind::Cpu, "CPU in use when it begins to run, if that is more."),
    key("at_start_for", SPAN, "For how long it uses that.")
        .or("\"30 s\"")
        .assumed("of the order of what frameworks and just-in-time compilers take"),
];

const MEMORY_USE: &[Key] = &[
    key("idle", Kind::Memory, "Memory in use without requests.").required(),
    key(
        "per_concurrent_request",
        Kind::Bytes,
        "Memory that a request takes while the task works at it.",
    )
    .or("\"0 MiB\"")
    .assumed("requests need little beside what is there"),
];

/// How a task takes requests.
const REQUESTS: &[Key] = &[
    key(
        "concurrency",
        integer(1, 100_000),
        "Requests that a task works at; others wait, first in first out.",
    )
    .or("64")
    .assumed("of the order of the worker threads of common servers"),
    key(
        "queue_limit",
        integer(0, 100_000_000),
        "Requests that may wait at a task; what comes then is refused.",
    )
    .or("1000")
    .assumed("of the order of the accept queues of common servers"),
    key(
        "wait",
        Kind::Distribution,
        "How long a request waits besides, for disks or for others: it keeps its place and uses no \
         CPU.",
    )
    .or("\"0 s\"")
    .assumed("nothing waits unless the scenario says so"),
];

/// How fast vCPUs are.
const CPU_SPEED: Key = key(
    "cpu_speed",
    Kind::Named { thing: "instance type", of: &Kind::Number { min: 0.01, max: 100.0 } },
    "How fast a vCPU serves requests, by instance type, by family, or of FARGATE: one of speed 2 \
     needs half as long. Without it all are alike, at 1.",
);
