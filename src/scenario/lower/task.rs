//! Task definitions: AWS's rules of registration, and what a task reserves.

use std::collections::BTreeSet;

use crate::ecs::model::{
    Architecture, Behaviour, Condition, Container, Dependency, FargateSize, HealthCheck, HostPort,
    Os, OsFamily, PlacementConstraint, Protocol, Requirement, RestartPolicy, TaskDefinition,
};
use crate::ecs::placement::query::Query;
use crate::engine::{Distribution, Ix};
use crate::units::{Resources, Span};

use super::super::View;
use super::super::codes::Code;
use super::super::keys::Kind;
use super::super::problems::{listed, number, shortened};
use super::super::suggest::did_you_mean;
use super::super::trace::LEAST_MEMORY;
use super::super::value::{self, CpuUnits, Mib, PerSecond, Share};
use super::launch::{goes_to_fargate, goes_to_managed};
use super::{Lower, requests};

/// Containers of a task definition. Source: AWS General Reference, ECS quotas.
const CONTAINERS: usize = 10;

/// CPU units of a whole task on instances. Source: ECS API, RegisterTaskDefinition, `cpu`.
const TASK_CPU: std::ops::RangeInclusive<u32> = 128..=196_608;

/// Facts about a definition that only launches ask for.
#[derive(Clone, Debug)]
pub(super) struct DefinitionFacts {
    /// `networkMode`.
    pub network_mode: String,
    /// The task's own CPU and memory, as Fargate wants them.
    pub task_size: (Option<u32>, Option<u32>),
    /// Whether a volume is on EFS.
    pub efs: bool,
    /// Whether every container's memory is known without the task's.
    pub has_memory: bool,
    /// `requiresCompatibilities`.
    pub compatibilities: Vec<String>,
    /// Constraints of the definition.
    pub constraints: Vec<PlacementConstraint>,
}

/// Lowers every named task definition, used or not: what is wrong is said.
pub(super) fn definitions(lower: &mut Lower) {
    let fargate = named_on(lower, goes_to_fargate);
    let managed = named_on(lower, goes_to_managed);
    for (name, view) in lower.root().entries("task_definition") {
        let launched =
            Launched { fargate: fargate.contains(name), managed: managed.contains(name) };
        let definition = definition(lower, name, &view, launched);
        lower.definitions.insert(name.to_string(), definition);
    }
    for (name, view) in lower.root().entries("behaviour") {
        let inline = ["service", "task", "job"].iter().any(|table| {
            lower.root().entry(table, name).is_some_and(|owner| {
                owner.child("task_definition").is_some_and(|child| is_inline(&child))
            })
        });
        let job = lower.root().entry("job", name).is_some();
        let is_sure =
            lower.root().is_sound_at(&["task_definition", "service", "task", "job", "behaviour"]);
        if !lower.definitions.contains_key(name) && !inline && !job && is_sure {
            let problem = view.error_here("there is no task definition of this name");
            if lower.is_full() {
                lower.problems.push(problem);
                continue;
            }
            let root = lower.root();
            let mut names: Vec<&str> = lower.definitions.keys().map(String::as_str).collect();
            for table in ["service", "task", "job"] {
                let owners = root.entries(table).into_iter();
                names.extend(owners.filter(|(_, it)| is_owner(it)).map(|(name, _)| name));
            }
            names.sort_unstable();
            names.dedup();
            lower.problems.push(match did_you_mean(name, names.iter().copied()) {
                Some(meant) => problem.hint(format!("did you mean `behaviour.{meant}`?")),
                None => problem.hint(format!("task definitions here: {}", listed(&names))),
            });
        }
    }
}

/// Where something launches a definition.
#[derive(Clone, Copy, Debug)]
struct Launched {
    fargate: bool,
    /// On Managed Instances.
    managed: bool,
}

/// Returns the names of the definitions that something launches there.
fn named_on(lower: &Lower, goes_there: impl Fn(&View, &View) -> bool) -> BTreeSet<String> {
    let root = lower.root();
    let owners = ["service", "task", "job"].into_iter().flat_map(|table| root.entries(table));
    owners
        .filter(|(_, owner)| goes_there(&root, owner))
        .filter_map(|(_, owner)| owner.child("task_definition"))
        .filter(|child| !is_inline(child))
        .map(|child| child.value())
        .collect()
}

/// Says whether behaviour may have the name of a service, a task or a job: its definition has it.
fn is_owner(owner: &View) -> bool {
    owner.child("task_definition").is_none_or(|child| is_inline(&child))
}

/// Says what is wrong with a text in a language of AWS's, and where in it.
pub(super) fn mistake(text: &str, part: &str, message: &str) -> String {
    let text = shortened(text);
    if part.is_empty() || part == text {
        format!("`{text}`: {message}")
    } else {
        format!("`{text}`, at `{}`: {message}", shortened(part))
    }
}

/// Says whether a task definition is written in place.
pub(super) fn is_inline(view: &View) -> bool {
    matches!(view.kind(), Kind::Table(_))
}

/// Returns the definition that `owner.task_definition` names or holds; `None` if it is wrong.
pub(super) fn definition_of(
    lower: &mut Lower,
    name: &str,
    owner: &View,
) -> Option<Ix<TaskDefinition>> {
    let child = owner.child("task_definition")?;
    if !is_inline(&child) {
        return lower.definitions.get(&child.value::<String>()).copied().flatten();
    }
    if lower.definitions.contains_key(name) {
        let message = format!(
            "its task definition is written in place, and there is another of the name `{name}`"
        );
        let hint = "name one of them otherwise: behaviour is found by the name of the definition";
        lower.problems.push(owner.error("task_definition", message).hint(hint));
        return None;
    }
    let root = lower.root();
    let launched =
        Launched { fargate: goes_to_fargate(&root, owner), managed: goes_to_managed(&root, owner) };
    let made = definition(lower, name, &child, launched);
    // A second owner of the same name (a service and a job) would share behaviour unseen.
    lower.definitions.insert(name.to_string(), made);
    made
}

/// Lowers a definition.
fn definition(
    lower: &mut Lower,
    name: &str,
    view: &View,
    launched: Launched,
) -> Option<Ix<TaskDefinition>> {
    let before = lower.problems.len();
    let platform = view.table("runtime_platform");
    let os_family = family_of(&platform.get::<String>("operating_system_family"));
    let os = os_family.os();
    let architecture = platform.find::<String>("cpu_architecture");
    let architecture = architecture.map(|name| architecture_of(&name));
    let containers = containers(lower, name, view);
    let family = view.find::<String>("family").unwrap_or_else(|| name.to_string());
    check_names(lower, view, &family);
    let network_mode = network_mode(lower, view, (os, launched));
    let requirement = requirement(lower, view, (&network_mode, os_family));
    let facts = facts(lower, view, network_mode);
    check_sums(lower, view, os);
    check_size(lower, view);
    match os {
        Os::Linux => check_linux(lower, view, launched.fargate),
        Os::Windows => check_windows(lower, view, (&facts.network_mode, os_family)),
    }
    if facts.compatibilities.iter().any(|one| one == "FARGATE") {
        check_fargate(lower, view, &facts);
        check_fargate_size(lower, view, (&facts, os));
    }
    let requirement = lower.requirement(Requirement { architecture, ..requirement });
    let storage = view.child("ephemeral_storage").map(|it| it.get::<u32>("size_in_gib"));
    let fargate = match facts.task_size {
        (Some(cpu_units), Some(memory_mib)) => Some(FargateSize {
            cpu_units,
            memory_mib,
            ephemeral_storage_gib: storage.unwrap_or(20),
        }),
        _ => None,
    };
    let limit = match os {
        Os::Linux => facts.task_size.0,
        // Source: Amazon ECS task definition differences for Windows: there it is a quota.
        Os::Windows => Some(requirement_units(lower, requirement)),
    };
    let serving = requests::serving(lower, (name, view), (limit, &containers));
    if lower.problems[before..].iter().any(|p| p.severity == super::super::Severity::Error) {
        return None;
    }
    let ix = lower.model.task_definitions.push(TaskDefinition {
        name: name.to_string(),
        family,
        requirement,
        fargate,
        os,
        architecture: architecture.unwrap_or(Architecture::X86_64),
        containers,
        serving,
    });
    lower.definition_facts.push(facts);
    Some(ix)
}

fn requirement_units(lower: &Lower, requirement: Ix<Requirement>) -> u32 {
    lower.model.requirements[requirement].resources.cpu_units
}

/// Returns the family of a word of the table of keys.
pub(super) fn family_of(name: &str) -> OsFamily {
    OsFamily::from_name(name).unwrap_or(OsFamily::Linux)
}

fn architecture_of(name: &str) -> Architecture {
    if name == "ARM64" { Architecture::Arm64 } else { Architecture::X86_64 }
}

/// Returns the network mode: as written, else `bridge`, on Windows `default`.
///
/// A definition has one, wherever it is launched, and Fargate takes `awsvpc` only: AWS does not
/// register one for Fargate that says nothing. What is written in a scenario may leave it out all
/// the same, and has `awsvpc` then; what AWS wrote or is to read may not. On Managed Instances
/// `awsvpc` is AWS's own default.
///
/// Source: ECS API, RegisterTaskDefinition, `networkMode`; ECS Developer Guide, task definition
/// parameters for Managed Instances.
fn network_mode(lower: &mut Lower, view: &View, (os, launched): (Os, Launched)) -> String {
    let mut compatibilities = view.items("requires_compatibilities").into_iter();
    let on_fargate =
        launched.fargate || compatibilities.any(|it| it.value::<String>() == "FARGATE");
    match os {
        _ if view.is_written("network_mode") => view.get("network_mode"),
        _ if launched.managed || (on_fargate && !view.is_written("file")) => {
            lower.on_fargate.insert(view.path_of("network_mode"));
            "awsvpc".to_string()
        }
        Os::Windows => "default".to_string(),
        Os::Linux => view.get("network_mode"),
    }
}

/// Letters of the name of a family and of a container. Source: ECS API, RegisterTaskDefinition
/// and ContainerDefinition.
const NAME: usize = 255;

/// Names that AWS takes: letters, digits, hyphens and underscores.
fn check_names(lower: &mut Lower, view: &View, family: &str) {
    const HINT: &str = "use 1 to 255 letters, digits, `-` and `_`";
    let is_name = |name: &str| {
        let is_fine = |it: u8| it.is_ascii_alphanumeric() || b"-_".contains(&it);
        (1..=NAME).contains(&name.len()) && name.bytes().all(is_fine)
    };
    if !is_name(family) {
        let shown = shortened(family);
        let problem = if view.is_written("family") {
            let message = format!("`{shown}` cannot be the `family` of a task definition");
            view.error("family", message).hint(HINT)
        } else {
            let message = format!("its name, `{shown}`, cannot be the family of a task definition");
            view.error_here(message).hint(format!("write `family = …`, or {HINT}"))
        };
        lower.problems.push(problem);
    }
    for (name, container) in view.entries("container_definitions") {
        if !is_name(name) {
            let message = format!("`{}` cannot be the name of a container", shortened(name));
            lower.problems.push(container.error_here(message).hint(HINT));
        }
    }
}

/// Whoever asks for so few CPU units means vCPUs, and for so few MiB, GB: Fargate's most.
const MOST_VCPUS: u32 = 32;
const MOST_GB: u32 = 244;

/// What AWS wants of Linux tasks. Source: ECS API, RegisterTaskDefinition.
fn check_linux(lower: &mut Lower, view: &View, on_fargate: bool) {
    if view.is_written("network_mode") && view.get::<String>("network_mode") == "default" {
        let message = "network mode `default` is that of Windows";
        let hint = "leave `network_mode` out: Linux tasks are in mode `bridge`";
        lower.problems.push(view.error("network_mode", message).hint(hint));
    }
    if let Some(CpuUnits(units)) = view.find("cpu")
        && !TASK_CPU.contains(&units)
    {
        let hint = match (units, on_fargate) {
            (1..=MOST_VCPUS, true) => {
                format!("1,024 units are a vCPU: write `cpu = \"{units} vCPU\"`")
            }
            (1..=MOST_VCPUS, false) => format!(
                "1,024 units are a vCPU: write `cpu = \"{units} vCPU\"`, or leave `cpu` of the \
                 task out"
            ),
            (_, true) => "such as `cpu = \"0.5 vCPU\"`".to_string(),
            (_, false) => {
                let hint = "give less, or none, to the containers and leave `cpu` of the task out";
                hint.to_string()
            }
        };
        let (units, least) = (number(units), number(*TASK_CPU.start()));
        let most = number(*TASK_CPU.end());
        let message = format!("`cpu` is {units}; a task takes {least} to {most} units");
        lower.problems.push(view.error("cpu", message).hint(hint));
    }
}

/// What is different with Windows. Source: ECS Developer Guide, "Windows task considerations";
/// ECS API, RegisterTaskDefinition and ContainerDefinition.
fn check_windows(lower: &mut Lower, view: &View, (mode, os_family): (&str, OsFamily)) {
    let platform = view.table("runtime_platform");
    if platform.find::<String>("cpu_architecture").as_deref() == Some("ARM64") {
        let message = "`cpu_architecture` is `ARM64`, and Windows tasks run on `X86_64` only";
        let problem = platform.error("cpu_architecture", message).hint("leave it out");
        lower.problems.push(problem);
    }
    if !["default", "awsvpc"].contains(&mode) {
        let message = format!("`network_mode` is `{mode}`; Windows knows `default` and `awsvpc`");
        lower.problems.push(view.error("network_mode", message).hint("leave it out"));
    }
    // Source: ECS Developer Guide, "Allocate a network interface for an Amazon ECS task".
    if mode == "awsvpc" && os_family == OsFamily::Windows2016Full && view.is_written("network_mode")
    {
        let message = "`network_mode` is `awsvpc`, which Windows Server 2016 does not have";
        let hint = "leave it out, or use Windows Server 2019 or later";
        lower.problems.push(view.error("network_mode", message).hint(hint));
    }
    for item in view.items("volumes") {
        check_docker_volume(lower, &item);
    }
    for (_, container) in view.entries("container_definitions") {
        if container.is_written("memory_reservation") {
            let message = "Windows containers have no `memory_reservation`: it is reserved, and \
                           the agent ignores it as a limit";
            let hint = "set `memory`, the hard limit, instead";
            let code = Code::WindowsMemoryReservation;
            let problem = container.warning(code, "memory_reservation", message);
            lower.problems.push(problem.hint(hint));
        }
        if gpus(lower, &container) > 0 {
            let message = "Windows tasks cannot have GPUs";
            let hint = "leave `resource_requirements` out, or use Linux";
            lower.problems.push(container.error("resource_requirements", message).hint(hint));
        }
    }
}

/// Source: ECS API, Volume: Windows containers only support the `local` driver.
fn check_docker_volume(lower: &mut Lower, item: &View) {
    let Some(volume) = item.child("docker_volume_configuration") else { return };
    let driver: Option<String> = volume.find("driver");
    if let Some(driver) = driver.filter(|it| it != "local") {
        let message = format!("`driver` is `{}`; Windows knows `local` only", shortened(&driver));
        lower.problems.push(volume.error("driver", message).hint("leave it out"));
    }
}

fn facts(lower: &mut Lower, view: &View, network_mode: String) -> DefinitionFacts {
    let cpu: Option<CpuUnits> = view.find("cpu");
    let memory: Option<Mib> = view.find("memory");
    let entries = view.entries("container_definitions");
    let has_memory = entries.iter().all(|(_, container)| {
        container.is_written("memory") || container.is_written("memory_reservation")
    });
    let constraints = view
        .items("placement_constraints")
        .iter()
        .filter_map(|item| member_of(lower, item))
        .collect();
    DefinitionFacts {
        network_mode,
        task_size: (cpu.map(|cpu| cpu.0), memory.map(|memory| memory.0)),
        efs: uses_efs(view),
        has_memory: has_memory && !entries.is_empty(),
        compatibilities: view.items("requires_compatibilities").iter().map(View::value).collect(),
        constraints,
    }
}

/// Says whether a volume of a definition is on EFS.
pub(super) fn uses_efs(view: &View) -> bool {
    view.items("volumes").iter().any(|it| it.is_written("efs_volume_configuration"))
}

/// Reads a `memberOf` constraint, in its short form or AWS's.
pub(super) fn member_of(lower: &mut Lower, item: &View) -> Option<PlacementConstraint> {
    let expression: String = match item.alternative() {
        Some((_, view)) => view.value(),
        None => match item.find("expression") {
            Some(expression) => expression,
            None => {
                let hint = "such as `expression = \"attribute:ecs.instance-type =~ m5.*\"`";
                lower.problems.push(item.error_here("`expression` is missing").hint(hint));
                return None;
            }
        },
    };
    match Query::parse(&expression) {
        Ok(query) => Some(PlacementConstraint::MemberOf(query)),
        Err(error) => {
            let part = expression.get(error.range.clone()).unwrap_or("");
            let message = mistake(&expression, part, &error.message);
            let problem = item.error_here(message);
            lower.problems.push(match error.hint {
                hint if hint.is_empty() => problem,
                hint => problem.hint(hint),
            });
            None
        }
    }
}

/// What a task reserves on an instance.
///
/// Source: amazon-ecs-agent `task.go`, `ToHostResources`; on Windows the task's own CPU and memory
/// are ignored (ECS Developer Guide, "Windows task considerations").
fn requirement(
    lower: &mut Lower,
    view: &View,
    (network_mode, os_family): (&str, OsFamily),
) -> Requirement {
    let entries = view.entries("container_definitions");
    let cpu: u32 = entries.iter().map(|(_, c)| c.get::<CpuUnits>("cpu").0).sum();
    let memory: u32 = entries.iter().map(|(_, c)| reserved_memory(c)).sum();
    let own = |value: u32| Some(value).filter(|_| os_family == OsFamily::Linux);
    let cpu_units = view.find("cpu").and_then(|CpuUnits(units)| own(units)).unwrap_or(cpu);
    let memory_mib = view.find("memory").and_then(|Mib(mib)| own(mib)).unwrap_or(memory);
    let awsvpc = network_mode == "awsvpc";
    let mut ports = Vec::new();
    for (_, container) in &entries {
        for mapping in container.items("port_mappings") {
            check_port(lower, &mapping, network_mode);
            ports.extend(host_port(&mapping, network_mode));
        }
    }
    ports.sort_unstable();
    if let Some(pair) = ports.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = format!("the task takes the host port `{}` twice", pair[0].number);
        let hint = "leave `host_port` out of one: it then gets a free port";
        lower.problems.push(view.error("container_definitions", message).hint(hint));
        ports.dedup();
    }
    let gpus = entries.iter().map(|(_, container)| gpus(lower, container)).sum();
    Requirement {
        resources: Resources { cpu_units, memory_mib, gpus },
        ports,
        awsvpc,
        os_family,
        architecture: None,
    }
}

/// S-E40: the soft limit is what is reserved, if it is given.
fn reserved_memory(container: &View) -> u32 {
    let soft: Option<Mib> = container.find("memory_reservation");
    let hard: Option<Mib> = container.find("memory");
    soft.or(hard).map_or(0, |memory| memory.0)
}

fn gpus(lower: &mut Lower, container: &View) -> u32 {
    let mut gpus = 0;
    for item in container.items("resource_requirements") {
        if item.get::<String>("type") != "GPU" {
            let message = "inference accelerators are not modelled, and nothing is reserved";
            let problem = item.warning(Code::InferenceAccelerator, "type", message);
            lower.problems.push(problem.hint("leave it out"));
            continue;
        }
        let value = item.table("value");
        let written = match matches!(value.kind(), Kind::Text(_)) {
            true => value.value::<String>(),
            false => value.value::<u32>().to_string(),
        };
        if written.trim() == "ALL" {
            gpus += all_gpus(lower, &item);
            continue;
        }
        match written.trim().parse::<u32>().ok().filter(|count| *count <= 1024) {
            Some(count) => gpus += count,
            None => {
                let message = format!("`{}` is not a whole number of GPUs", shortened(&written));
                let hint = "write how many, or `ALL`";
                lower.problems.push(item.error("value", message).hint(hint));
            }
        }
    }
    gpus
}

/// Returns how many GPUs all of an instance's are, where all instances that have some have as many.
///
/// Source: ECS API, ResourceRequirement: `ALL` allocates all GPUs of the instance. Which instance
/// that is, a run decides; here it must be known before.
fn all_gpus(lower: &mut Lower, item: &View) -> u32 {
    let with_gpus = lower.model.classes.iter().map(|(_, class)| class.registered.gpus);
    let counts: BTreeSet<u32> = with_gpus.filter(|gpus| *gpus > 0).collect();
    let counts: Vec<u32> = counts.into_iter().collect();
    if let [count] = counts[..] {
        return count;
    }
    let is_sure =
        lower.root().is_sound_at(&["container_instances", "auto_scaling_group", "instance_type"]);
    if !is_sure || lower.has_unknown_instances {
        return 0;
    }
    let problem = match counts.as_slice() {
        [] => item
            .error("value", "`ALL` takes every GPU of an instance, and no instance has any")
            .hint("add `[container_instances.…]` with GPUs, such as `p3.2xlarge`"),
        counts => {
            let counts: Vec<String> = counts.iter().map(u32::to_string).collect();
            let message = format!(
                "`ALL` is not modelled where instances have different numbers of GPUs: here {}",
                counts.join(" and ")
            );
            item.error("value", message).hint("write how many")
        }
    };
    lower.problems.push(problem);
    0
}

/// Returns the static host port of a mapping; dynamic ones do not count.
fn host_port(mapping: &View, network_mode: &str) -> Option<HostPort> {
    let container_port = mapping.find::<u64>("container_port");
    let number = match network_mode {
        "host" => mapping.find::<u64>("host_port").or(container_port)?,
        "bridge" | "default" => mapping.find::<u64>("host_port")?,
        _ => return None,
    };
    let protocol = match mapping.get::<String>("protocol").as_str() {
        "udp" => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    (number > 0).then_some(HostPort { protocol, number: number as u16 })
}

/// Source: ECS API, PortMapping.
fn check_port(lower: &mut Lower, mapping: &View, network_mode: &str) {
    let host = mapping.find::<u64>("host_port").filter(|port| *port > 0);
    let container = mapping.find::<u64>("container_port");
    match network_mode {
        "awsvpc" | "host" if host.is_some() && host != container => {
            let message = format!(
                "`host_port` is {}, and must equal `container_port`, {}, in network mode \
                 `{network_mode}`",
                host.unwrap_or_default(),
                container.map_or("which is missing".to_string(), |port| port.to_string())
            );
            let hint = "leave `host_port` out; on instances network mode `bridge` maps ports";
            lower.problems.push(mapping.error("host_port", message).hint(hint));
        }
        "none" => {
            let message = "network mode `none` has no ports";
            let hint = "leave `port_mappings` out, or use network mode `bridge`";
            lower.problems.push(mapping.error("container_port", message).hint(hint));
        }
        _ => {}
    }
}

/// Bytes that a task definition may have. Source: AWS General Reference, ECS quotas: 64 KB.
const DEFINITION_BYTES: usize = 64 << 10;

/// AWS counts the JSON that is registered; written as TOML, a definition has about that many bytes.
fn check_size(lower: &mut Lower, view: &View) {
    let allowed = lower.root().table("account").get::<bool>("override");
    let size = view.text_size();
    if size > DEFINITION_BYTES && !allowed {
        let message = format!(
            "the task definition has about {}; AWS takes 64 KiB",
            crate::units::Bytes(size as u64)
        );
        let hint = "put environment and the like into files (`environment_files`, `secrets`)";
        lower.problems.push(view.error_here(message).hint(hint));
    }
}

/// Container sums must fit into the task. Source: ECS API, RegisterTaskDefinition.
fn check_sums(lower: &mut Lower, view: &View, os: Os) {
    let entries = view.entries("container_definitions");
    for (_, container) in &entries {
        let soft: Option<Mib> = container.find("memory_reservation");
        let hard: Option<Mib> = container.find("memory");
        if let (Some(soft), Some(hard)) = (soft, hard)
            && hard.0 <= soft.0
        {
            let message = format!(
                "`memory` is {} MiB, and must be more than `memory_reservation`, {} MiB",
                hard.0, soft.0
            );
            let hint = "`memory` is the hard limit, `memory_reservation` what is reserved";
            lower.problems.push(container.error("memory", message).hint(hint));
        }
        for (key, memory) in [("memory", hard), ("memory_reservation", soft)] {
            if let Some(Mib(mib)) = memory.filter(|memory| memory.0 < LEAST_MEMORY) {
                let message =
                    format!("`{key}` is {mib} MiB; a container needs {LEAST_MEMORY} at least");
                let hint = format!("write {LEAST_MEMORY} or more");
                lower.problems.push(container.error(key, message).hint(hint));
            }
        }
    }
    if os == Os::Windows {
        return;
    }
    let cpu: u32 = entries.iter().map(|(_, c)| c.get::<CpuUnits>("cpu").0).sum();
    let memory: u32 = entries.iter().map(|(_, c)| reserved_memory(c)).sum();
    if let Some(CpuUnits(task)) = view.find("cpu")
        && cpu > task
    {
        let message = format!("`cpu` is {task} units, and its containers reserve {cpu}");
        let hint = "give the task as much as its containers together, or more";
        lower.problems.push(view.error("cpu", message).hint(hint));
    }
    if let Some(Mib(task)) = view.find("memory")
        && memory > task
    {
        let message = format!("`memory` is {task} MiB, and its containers reserve {memory}");
        let hint = "give the task as much as its containers together, or more";
        lower.problems.push(view.error("memory", message).hint(hint));
    }
}

/// What Fargate wants of a definition. Source: ECS Developer Guide, "Amazon ECS task definition
/// differences for Fargate".
pub(super) fn check_fargate(lower: &mut Lower, view: &View, facts: &DefinitionFacts) {
    check_fargate_network(lower, view, facts);
    check_fargate_platform(lower, view);
    check_fargate_volumes(lower, view);
    if !facts.constraints.is_empty() {
        let message = "Fargate knows no placement constraints";
        let hint = "leave `placement_constraints` out: there are no instances to choose";
        lower.problems.push(view.error("placement_constraints", message).hint(hint));
    }
    for (_, container) in view.entries("container_definitions") {
        if gpus(lower, &container) > 0 {
            let message = "Fargate has no GPUs";
            let hint = "run it on EC2";
            lower.problems.push(container.error("resource_requirements", message).hint(hint));
        }
        for key in ["start_timeout", "stop_timeout"] {
            let span = container.find::<Span>(key).filter(|_| container.is_written(key));
            if let Some(span) = span.filter(|it| !FARGATE_TIMEOUT.contains(it)) {
                let message = format!("`{key}` is {span}; Fargate takes 2 s to 120 s");
                let hint = "on instances it may be longer";
                lower.problems.push(container.error(key, message).hint(hint));
            }
        }
    }
}

/// Fargate tasks are in mode `awsvpc`; [`network_mode`] fills in what a scenario leaves out.
fn check_fargate_network(lower: &mut Lower, view: &View, facts: &DefinitionFacts) {
    let mode = &facts.network_mode;
    if view.is_written("network_mode") && mode != "awsvpc" {
        let message = format!("`network_mode` is `{mode}`, and Fargate knows `awsvpc` only");
        let hint = "write `network_mode = \"awsvpc\"`";
        lower.problems.push(view.error("network_mode", message).hint(hint));
    } else if mode != "awsvpc" {
        let message = "`networkMode` is missing, which makes it `bridge`, and Fargate knows \
                       `awsvpc` only";
        let hint = "write `\"networkMode\": \"awsvpc\"` there, or `network_mode = \"awsvpc\"` \
                    beside `file`";
        lower.problems.push(view.error("file", message).hint(hint));
    }
}

/// Versions of Windows on Fargate.
///
/// Source: ECS Developer Guide, "Windows containers on Fargate considerations".
fn check_fargate_platform(lower: &mut Lower, view: &View) {
    use OsFamily as F;
    let platform = view.table("runtime_platform");
    let name: String = platform.get("operating_system_family");
    let is_there = match family_of(&name) {
        F::Linux
        | F::Windows2019Core
        | F::Windows2019Full
        | F::Windows2022Core
        | F::Windows2022Full => true,
        F::Windows2016Full
        | F::Windows2004Core
        | F::Windows20H2Core
        | F::Windows2025Core
        | F::Windows2025Full => false,
    };
    if !is_there {
        let message = format!("Fargate does not have `{name}`");
        let hint = "of Windows it has `WINDOWS_SERVER_2019_` and `WINDOWS_SERVER_2022_`, each \
                    `CORE` and `FULL`; EC2 has others";
        lower.problems.push(platform.error("operating_system_family", message).hint(hint));
    }
}

/// Volumes that need an instance.
///
/// Source: ECS API, Volume and HostVolumeProperties; ECS Developer Guide, "Storage options for
/// Amazon ECS tasks".
fn check_fargate_volumes(lower: &mut Lower, view: &View) {
    for item in view.items("volumes") {
        let kinds = [
            ("docker_volume_configuration", "Docker volumes"),
            ("fsx_windows_file_server_volume_configuration", "FSx for Windows File Server volumes"),
        ];
        for (key, what) in kinds {
            if item.is_written(key) {
                let message = format!("Fargate has no {what}: they are for EC2");
                let hint = "leave it out, for a volume as long as the task, or run it on EC2";
                lower.problems.push(item.error(key, message).hint(hint));
            }
        }
        if let Some(host) = item.child("host").filter(|host| host.is_written("source_path")) {
            let message = "Fargate has no host whose folder `source_path` could be";
            let hint =
                "leave `source_path` out, for a volume as long as the task, or run it on EC2";
            lower.problems.push(host.error("source_path", message).hint(hint));
        }
    }
}

/// Timeouts of containers on Fargate. Source: ECS API, ContainerDefinition.
const FARGATE_TIMEOUT: std::ops::RangeInclusive<Span> = Span::secs(2)..=Span::secs(120);

/// Reports a size that Fargate does not have.
pub(super) fn check_fargate_size(
    lower: &mut Lower,
    view: &View,
    (facts, os): (&DefinitionFacts, Os),
) {
    match facts.task_size {
        (Some(cpu), Some(memory)) => {
            if let Err(error) = lower.catalogue.fargate_size(cpu, memory, os) {
                let problem = match error.memory_sizes_mib.as_slice() {
                    [] => view.error("cpu", format!("`cpu` is {cpu} units, no size of Fargate's")),
                    _ if memory <= MOST_GB => {
                        let message = format!("`memory` is {memory} MiB, no size of Fargate's");
                        view.error("memory", message)
                    }
                    _ => view.error("memory", error.to_string()),
                };
                let hint = error.hint();
                lower.problems.push(match memory {
                    1..=MOST_GB => problem.hint(format!(
                        "a number without a unit is in MiB: did you mean \"{memory} GB\"? {hint}"
                    )),
                    _ => problem.hint(hint),
                });
            }
        }
        (cpu, memory) => {
            for (key, given) in [("cpu", cpu), ("memory", memory)] {
                if given.is_none() {
                    let message =
                        format!("`{key}` is missing, and Fargate sizes a task as a whole");
                    let hint = "such as `cpu = \"0.5 vCPU\"` and `memory = \"1 GB\"`";
                    lower.problems.push(view.error(key, message).hint(hint));
                }
            }
        }
    }
}

fn containers(lower: &mut Lower, name: &str, view: &View) -> Vec<Container> {
    let entries = view.entries("container_definitions");
    let task_behaviour = lower.root().entry("behaviour", name);
    if entries.is_empty() {
        if view.is_written("file") {
            let message = "the file has no `containerDefinitions`; at least one is needed";
            let hint = "write it as `aws ecs register-task-definition` takes it";
            lower.problems.push(view.error("file", message).hint(hint));
        }
        // The short form: one container, which has what the task has.
        let names = [("app", view.clone())];
        check_behaviour_names(lower, view, task_behaviour.as_ref(), &names);
        let behaviour = behaviour(lower, (None, task_behaviour.as_ref()), ("app", true));
        return vec![Container {
            name: "app".to_string(),
            image: lower.image("app"),
            essential: true,
            depends_on: Vec::new(),
            start_timeout: None,
            stop_timeout: Span::secs(30),
            restart: None,
            health_check: None,
            behaviour,
        }];
    }
    if entries.len() > CONTAINERS {
        let message = format!("the task has {} containers; AWS allows {CONTAINERS}", entries.len());
        let hint = "make two task definitions of it";
        lower.problems.push(view.error("container_definitions", message).hint(hint));
    }
    if entries.len() > 10 * CONTAINERS {
        return Vec::new();
    }
    if !entries.iter().any(|(_, container)| container.get("essential")) {
        let message = "the task has no essential container; at least one must be";
        let hint = "leave `essential = false` out for the container that does the work";
        lower.problems.push(view.error("container_definitions", message).hint(hint));
    }
    check_behaviour_names(lower, view, task_behaviour.as_ref(), &entries);
    let main = entries.iter().position(|(_, container)| container.get("essential")).unwrap_or(0);
    let containers: Vec<Container> = entries
        .iter()
        .enumerate()
        .map(|(n, (name, container))| {
            let own = task_behaviour.as_ref().and_then(|it| it.entry("containers", name));
            let whose = (own.as_ref(), task_behaviour.as_ref());
            let behaviour = behaviour(lower, whose, (name, n == main));
            self::container(lower, (name, container), &entries, behaviour)
        })
        .collect();
    check_cycles(lower, view, &containers);
    containers
}

fn check_behaviour_names(
    lower: &mut Lower,
    definition: &View,
    behaviour: Option<&View>,
    entries: &[(&str, View)],
) {
    let Some(behaviour) = behaviour.filter(|_| definition.is_sound()) else { return };
    check_usage(lower, definition, behaviour, entries);
    for table in ["containers", "usage"] {
        for (name, view) in behaviour.entries(table) {
            if !entries.iter().any(|(other, _)| *other == name) {
                let names: Vec<&str> = entries.iter().map(|(name, _)| *name).collect();
                let message = format!("`{name}` is not a container of the task definition");
                let hint = format!("it has {}", listed(&names));
                lower.problems.push(view.error_here(message).hint(hint));
            }
        }
    }
}

/// The kernel ends a container that goes above its hard limit, and a task above that of the task.
///
/// Source: ECS API, ContainerDefinition and RegisterTaskDefinition, `memory`.
fn check_usage(lower: &mut Lower, definition: &View, behaviour: &View, entries: &[(&str, View)]) {
    const HINT: &str = "raise the limit: ECS would kill it, and the simulation does not";
    let mut all = 0u64;
    let mut is_said = false;
    for (name, used) in behaviour.entries("usage") {
        let used_mib = requests::idle(&used).memory_mib;
        all += u64::from(used_mib);
        let container = entries.iter().find(|(other, _)| *other == name);
        let hard: Option<Mib> = container.and_then(|(_, container)| container.find("memory"));
        if let Some(Mib(hard)) = hard.filter(|hard| hard.0 < used_mib) {
            let message = format!(
                "`{name}` uses {used_mib} MiB, more than its hard limit of memory, {hard} MiB"
            );
            let problem = used.warning(Code::UsageAboveLimit, "memory", message);
            lower.problems.push(problem.hint(HINT));
            is_said = true;
        }
    }
    let platform = definition.table("runtime_platform").get::<String>("operating_system_family");
    // Windows ignores the memory of the whole task.
    if is_said || family_of(&platform).os() == Os::Windows {
        return;
    }
    if let Some(Mib(hard)) = definition.find("memory").filter(|hard: &Mib| u64::from(hard.0) < all)
    {
        let message = format!(
            "its containers use {} MiB together, more than the memory of the task, {hard} MiB",
            number(all)
        );
        let problem = behaviour.warning_here(Code::UsageAboveLimit, message);
        lower.problems.push(problem.hint(HINT));
    }
}

fn container(
    lower: &mut Lower,
    (name, view): (&str, &View),
    all: &[(&str, View)],
    behaviour: Behaviour,
) -> Container {
    let image = lower.image(&view.get::<String>("image"));
    let depends_on = view
        .items("depends_on")
        .iter()
        .filter_map(|item| dependency(lower, name, item, all))
        .collect();
    let restart =
        view.child("restart_policy").filter(|it| it.get("enabled")).map(|policy| RestartPolicy {
            attempt_period: policy.get("restart_attempt_period"),
            ignored_exit_codes: policy
                .items("ignored_exit_codes")
                .iter()
                .map(|code| code.value::<u32>() as i32)
                .collect(),
        });
    let health_check = view.child("health_check").map(|check| HealthCheck {
        interval: check.get("interval"),
        timeout: check.get("timeout"),
        retries: check.get("retries"),
        start_period: check.get("start_period"),
    });
    Container {
        name: name.to_string(),
        image,
        essential: view.get("essential"),
        depends_on,
        start_timeout: view.find("start_timeout"),
        stop_timeout: view.get("stop_timeout"),
        restart,
        health_check,
        behaviour,
    }
}

/// Source: ECS API, ContainerDependency.
fn dependency(
    lower: &mut Lower,
    name: &str,
    item: &View,
    all: &[(&str, View)],
) -> Option<Dependency> {
    let other: String = item.get("container_name");
    let condition: String = item.get("condition");
    let Some(on) = all.iter().position(|(known, _)| *known == other) else {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let message = format!("`{other}` is not a container of this task");
        let hint = format!("it has {}", listed(&names));
        lower.problems.push(item.error("container_name", message).hint(hint));
        return None;
    };
    let (_, target) = &all[on];
    let condition = match condition.as_str() {
        "START" => Condition::Start,
        "COMPLETE" => Condition::Complete,
        "SUCCESS" => Condition::Success,
        _ => Condition::Healthy,
    };
    let ends = matches!(condition, Condition::Complete | Condition::Success);
    if ends && target.get("essential") && target.is_sound_at(&["essential"]) {
        let message = format!("`{name}` waits for the end of `{other}`, which is essential");
        let hint = "when an essential container ends, the task ends: set `essential = false` there";
        lower.problems.push(item.error("condition", message).hint(hint));
    }
    let has_check = target.is_written("health_check") || !target.is_sound_at(&["health_check"]);
    if condition == Condition::Healthy && !has_check {
        let message =
            format!("`{name}` waits for the health of `{other}`, which has no health check");
        let hint = "give it a `health_check`, or wait for `START`";
        lower.problems.push(item.error("condition", message).hint(hint));
    }
    if other == name {
        let problem = item.error("container_name", format!("`{name}` waits for itself"));
        lower.problems.push(problem.hint("leave it out"));
        return None;
    }
    Some(Dependency { on, condition })
}

fn check_cycles(lower: &mut Lower, view: &View, containers: &[Container]) {
    // Whoever waits for nobody unfinished is finished; what remains goes in circles.
    let mut finished = vec![false; containers.len()];
    loop {
        let next = containers.iter().enumerate().position(|(n, container)| {
            !finished[n] && container.depends_on.iter().all(|on| finished[on.on])
        });
        match next {
            Some(n) => finished[n] = true,
            None => break,
        }
    }
    let stuck: Vec<&str> = containers
        .iter()
        .zip(&finished)
        .filter(|(_, finished)| !**finished)
        .map(|(container, _)| container.name.as_str())
        .collect();
    if !stuck.is_empty() {
        let message = format!("containers wait for each other: {}", listed(&stuck));
        let hint = "take one `depends_on` away";
        lower.problems.push(view.error("container_definitions", message).hint(hint));
    }
}

/// Times that every container of a task has, if they are given for the task.
const OF_EVERY_CONTAINER: [&str; 3] = ["start_time", "ready_time", "stop_time"];

/// Reads behaviour: a container's own keys, then the task's, then the defaults.
///
/// That a task ends, crashes or fails to start is said of the task: its main container, the first
/// essential one, does it, and the task with it.
fn behaviour<'d>(
    lower: &mut Lower<'d>,
    (own, task): (Option<&View<'d>>, Option<&View<'d>>),
    (name, is_main): (&str, bool),
) -> Behaviour {
    let files = lower.files;
    let values_read = &mut lower.values_read;
    let mut problems = Vec::new();
    let pick = |key: &str| -> Option<View<'d>> {
        let task = task.filter(|_| is_main || OF_EVERY_CONTAINER.contains(&key));
        [own, task].into_iter().flatten().find(|view| view.is_written(key)).cloned()
    };
    let mut dist = |key: &str| -> Option<Distribution> {
        let view = pick(key)?;
        let written: value::Distribution = view.get(key);
        let source = (files, &mut *values_read);
        Some(super::distribution(&written, (&view, key), source, &mut problems))
    };
    let constant = |seconds| Distribution::constant(seconds).expect("a length of time");
    let run_time = dist("run_time");
    let start_time = dist("start_time");
    let ready_time = dist("ready_time").unwrap_or_else(|| constant(0.0));
    let stop_time = dist("stop_time").unwrap_or_else(|| constant(1.0));
    let share = |key: &str| pick(key).map_or(0.0, |view| view.get::<Share>(key).0);
    let usage_view = task.and_then(|it| it.entry("usage", name));
    let usage = usage_view.as_ref().map(requests::idle);
    let made = Behaviour {
        run_time,
        failure_rate: share("failure_rate"),
        failure_exit_code: pick("exit_code").map_or(1, |view| view.get::<u32>("exit_code") as u8),
        crash_rate_per_hour: pick("crash_rate")
            .map_or(0.0, |view| view.get::<PerSecond>("crash_rate").0 * 3600.0),
        start_failure_rate: share("start_failure_rate"),
        start_time,
        ready_time,
        stop_time,
        usage,
        start_up: usage_view.and_then(|it| requests::start_up(&it)),
    };
    lower.problems.append(&mut problems);
    made
}

/// Makes the definition of a job that names none: one container that has what the task has.
pub(super) fn plain(lower: &mut Lower, name: &str) -> Ix<TaskDefinition> {
    let behaviour_view = lower.root().entry("behaviour", name);
    let behaviour = behaviour(lower, (None, behaviour_view.as_ref()), ("app", true));
    let requirement = lower.requirement(Requirement {
        resources: Resources::ZERO,
        ports: Vec::new(),
        awsvpc: false,
        os_family: OsFamily::Linux,
        architecture: None,
    });
    let image = lower.image("app");
    let ix = lower.model.task_definitions.push(TaskDefinition {
        name: name.to_string(),
        family: name.to_string(),
        requirement,
        fargate: None,
        os: Os::Linux,
        architecture: Architecture::X86_64,
        containers: vec![Container {
            name: "app".to_string(),
            image,
            essential: true,
            depends_on: Vec::new(),
            start_timeout: None,
            stop_timeout: Span::secs(30),
            restart: None,
            health_check: None,
            behaviour,
        }],
        serving: None,
    });
    lower.definition_facts.push(DefinitionFacts {
        network_mode: "bridge".to_string(),
        task_size: (None, None),
        efs: false,
        has_memory: true,
        compatibilities: Vec::new(),
        constraints: Vec::new(),
    });
    ix
}
