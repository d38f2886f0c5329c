//! Clusters, subnets, fixed fleets of container instances, and what all instances have.

use std::collections::BTreeMap;

use crate::catalogue::InstanceType;
use crate::ecs::model::{
    Architecture, ClusterSpec, Fleet, HostPort, InstanceClass, InstanceLaunchType, Os, OsFamily,
    Protocol, PullBehavior, Subnet, Zone,
};
use crate::engine::Ix;
use crate::units::{Bytes, Resources};

use super::super::View;
use super::super::problems::number;
use super::super::value::{BytesPerSecond, CpuUnits, Mib};
use super::task::family_of;
use super::{Lower, cpu_credits};

/// Container instances that a cluster may have. Source: AWS General Reference, ECS quotas.
pub(super) const INSTANCES_PER_CLUSTER: u64 = 5000;

/// Addresses of a subnet that AWS keeps. Source: Amazon VPC User Guide, subnet CIDR blocks.
const ADDRESSES_AWS_KEEPS: u32 = 5;

/// Clusters by name; one called `default` is always there.
pub(super) fn clusters(lower: &mut Lower) {
    let mut names = vec!["default"];
    names.extend(
        lower
            .root()
            .entries("cluster")
            .into_iter()
            .map(|(name, _)| name)
            .filter(|n| *n != "default"),
    );
    for name in names {
        let ix = lower.model.clusters.push(ClusterSpec { name: name.to_string() });
        lower.clusters.insert(name.to_string(), ix);
    }
}

/// Subnets with their free addresses.
pub(super) fn subnets(lower: &mut Lower) {
    for (name, view) in lower.root().entries("subnet") {
        let zone_name: String = view.get("availability_zone");
        let zone = lower.zone(&view, "availability_zone", &zone_name);
        let given: Option<u32> = view.find("free_addresses");
        if given.is_some() && view.is_written("cidr") {
            let message = "`free_addresses` does not go with `cidr`, which says how many there are";
            let hint = "leave one of them out";
            lower.problems.push(view.error("free_addresses", message).hint(hint));
        }
        let by_cidr = view.find::<String>("cidr").and_then(|cidr| {
            let addresses = addresses_of(&cidr);
            if addresses.is_none() {
                let message = format!("`{cidr}` is not a block of addresses");
                let hint = "a block looks like `10.0.1.0/24`, with 16 to 28 bits";
                lower.problems.push(view.error("cidr", message).hint(hint));
            }
            addresses
        });
        let free_addresses = given.or(by_cidr).unwrap_or(u32::MAX);
        let subnet = Subnet { name: name.to_string(), zone, free_addresses };
        let ix = lower.model.subnets.push(subnet);
        lower.subnets.insert(name.to_string(), ix);
    }
}

/// Returns the usable addresses of an IPv4 block: those in it less the five AWS keeps.
///
/// Source: Amazon VPC User Guide: a block has 16 to 28 bits.
fn addresses_of(cidr: &str) -> Option<u32> {
    let (address, bits) = cidr.split_once('/')?;
    address.parse::<std::net::Ipv4Addr>().ok()?;
    let bits: u32 = bits.parse().ok().filter(|bits| (16..=28).contains(bits))?;
    Some((1 << (32 - bits)) - ADDRESSES_AWS_KEEPS)
}

/// Fixed fleets of container instances.
pub(super) fn fleets(lower: &mut Lower) {
    for (name, view) in lower.root().entries("container_instances") {
        let Some(kind) = kind_of(lower, &view) else {
            lower.has_unknown_instances = true;
            continue;
        };
        let count: u32 = view.get("count");
        fleet(lower, (name, &view), &kind, (count, "count"));
    }
}

/// A fleet of instances that are alike, zones apart, of so many by this key.
fn fleet(
    lower: &mut Lower,
    (name, view): (&str, &View),
    kind: &KindOfInstance,
    (count, key): (u32, &str),
) {
    let cluster = cluster_of(lower, view, (count, key));
    let places = places(lower, view, count);
    check_attributes(lower, view, kind.launch_type == InstanceLaunchType::External);
    let fleet = Ix::new(lower.model.fleets.len());
    let agent = agent(lower, view, kind.os_family.os());
    let classes = places
        .into_iter()
        .map(|place| {
            let class = class(lower, &agent, kind, (fleet, cluster, place));
            lower.model.classes.push(class)
        })
        .collect();
    lower.model.fleets.push(Fleet { name: name.to_string(), count, classes, group: None });
}

/// Returns the cluster of a fleet of at most so many instances by this key, if it takes them.
pub(super) fn cluster_of(
    lower: &mut Lower,
    view: &View,
    (count, key): (u32, &str),
) -> Ix<ClusterSpec> {
    let cluster = lower.clusters[&view.get::<String>("cluster")];
    let there: u64 = lower
        .model
        .fleets
        .iter()
        .filter(|(_, fleet)| {
            fleet.classes.first().is_some_and(|&it| lower.model.classes[it].cluster == cluster)
        })
        .map(|(_, fleet)| match fleet.group {
            Some(group) => u64::from(lower.model.auto_scaling_groups[group].most()),
            None => u64::from(fleet.count),
        })
        .sum();
    let total = there + u64::from(count);
    let allowed = lower.root().table("account").get::<bool>("override");
    if total > INSTANCES_PER_CLUSTER && !allowed {
        let message = format!(
            "`{key}` is {}, which makes {} container instances in the cluster `{}`; AWS allows {}",
            number(count),
            number(total),
            lower.model.clusters[cluster].name,
            number(INSTANCES_PER_CLUSTER)
        );
        let hint = "use several clusters, or set `account.override = true` to ask what if";
        lower.problems.push(view.error(key, message).hint(hint));
    }
    cluster
}

/// What a fleet's instances are, zones apart.
pub(super) struct KindOfInstance {
    launch_type: InstanceLaunchType,
    pub name: String,
    registered: Resources,
    task_enis: u32,
    has_trunk: bool,
    pub os_family: OsFamily,
    pub architecture: Architecture,
}

fn kind_of(lower: &mut Lower, view: &View) -> Option<KindOfInstance> {
    let kind = match view.get::<String>("launch_type").as_str() {
        "EXTERNAL" => external(lower, view)?,
        _ => {
            for key in ["cpu", "memory"] {
                if view.is_written(key) {
                    let message = format!(
                        "`{key}` belongs to external instances; an EC2 instance type has its own"
                    );
                    let hint = "leave it out, or write `launch_type = \"EXTERNAL\"`";
                    lower.problems.push(view.error(key, message).hint(hint));
                }
            }
            let kind = on_ec2(lower, view, None)?;
            check_said(lower, view, &kind);
            kind
        }
    };
    Some(keep_back(lower, view, kind))
}

/// Takes off what the instance keeps for itself.
pub(super) fn keep_back(
    lower: &mut Lower,
    view: &View,
    mut kind: KindOfInstance,
) -> KindOfInstance {
    let reserved = view.get::<Mib>("reserved_memory").0;
    match kind.registered.memory_mib.checked_sub(reserved).filter(|left| *left > 0) {
        Some(left) => kind.registered.memory_mib = left,
        None => {
            let message = format!(
                "`reserved_memory` keeps {reserved} MiB back of {} MiB, and nothing is left to \
                 register",
                kind.registered.memory_mib
            );
            let hint = "keep back what the system needs beside containers, such as `\"256 MiB\"`";
            lower.problems.push(view.error("reserved_memory", message).hint(hint));
        }
    }
    kind
}

/// Returns the kind of an EC2 instance: of `instance_type`, or of an item of a list of types.
pub(super) fn on_ec2(
    lower: &mut Lower,
    view: &View,
    item: Option<&View>,
) -> Option<KindOfInstance> {
    let os_family = family_of(&view.get::<String>("operating_system"));
    let os = os_family.os();
    let name = item.map(View::value).or_else(|| view.find::<String>("instance_type"));
    let Some(name) = name else {
        let hint =
            "add, for example, `instance_type = \"m7g.large\"`; `ecsim catalogue` lists them";
        lower.problems.push(view.error("instance_type", "`instance_type` is missing").hint(hint));
        return None;
    };
    let Some(known) = lower.catalogue.instance_type(&name).cloned() else {
        let nearest = lower.nearest_instance_types(&name);
        let message = format!("`{name}` is not in the catalogue of instance types");
        let hint =
            format!("did you mean {nearest}? or describe it in `[instance_type.\"{name}\"]`");
        let problem = match item {
            Some(item) => item.error_here(message),
            None => view.error("instance_type", message),
        };
        lower.problems.push(problem.hint(hint));
        return None;
    };
    let trunks = trunks(lower, view, os, &known);
    Some(KindOfInstance::of_type(&known, os_family, trunks))
}

impl KindOfInstance {
    /// Makes the kind of an EC2 instance type.
    pub(super) fn of_type(known: &InstanceType, os_family: OsFamily, trunks: bool) -> Self {
        let os = os_family.os();
        // Source: ECS Developer Guide, "Allocate a network interface for an Amazon ECS task":
        // instances of Windows Server 2016 do not host tasks in network mode awsvpc.
        let has_enis = os_family != OsFamily::Windows2016Full;
        KindOfInstance {
            launch_type: InstanceLaunchType::Ec2,
            task_enis: if has_enis { known.awsvpc_tasks(trunks) } else { 0 },
            has_trunk: trunks && known.awsvpc_tasks_trunked.is_some(),
            registered: Resources {
                cpu_units: known.registered_cpu_units(),
                memory_mib: known.registered_memory(os).mib,
                gpus: if os == Os::Linux { known.gpus } else { 0 },
            },
            architecture: known.architecture,
            name: known.name.clone(),
            os_family,
        }
    }
}

/// What an instance type says may be said again; said otherwise it is a mistake.
fn check_said(lower: &mut Lower, view: &View, known: &KindOfInstance) {
    let architecture = match known.architecture {
        Architecture::X86_64 => "X86_64",
        Architecture::Arm64 => "ARM64",
    };
    let said: String = view.get("architecture");
    if view.is_written("architecture") && said != architecture {
        let message =
            format!("`architecture` is `{said}`, and `{}` is `{architecture}`", known.name);
        let hint = "leave it out, or choose another type";
        lower.problems.push(view.error("architecture", message).hint(hint));
    }
    let said: u32 = view.get("gpus");
    let has = lower.catalogue.instance_type(&known.name).map_or(0, |it| it.gpus);
    if view.is_written("gpus") && said != has {
        let message = format!("`gpus` is {said}, and `{}` has {has}", known.name);
        let hint = "leave it out, or choose another type";
        lower.problems.push(view.error("gpus", message).hint(hint));
    }
    lower.idle(view, &["architecture", "gpus"]);
}

/// Says whether instances have trunk interfaces; never on Windows.
///
/// Source: ECS Developer Guide, "Increasing Amazon ECS Linux container instance
/// network interfaces".
fn trunks(lower: &mut Lower, view: &View, os: Os, known: &InstanceType) -> bool {
    let cluster: String = view.get("cluster");
    let of_cluster = lower
        .root()
        .entry("cluster", &cluster)
        .is_some_and(|cluster| cluster.get::<bool>("awsvpc_trunking"));
    let wanted = view.find::<bool>("awsvpc_trunking").unwrap_or(of_cluster);
    if wanted && view.is_written("awsvpc_trunking") && known.awsvpc_tasks_trunked.is_none() {
        let message = format!("`{}` does not support trunk interfaces", known.name);
        let hint = "`ecsim catalogue --trunking --awsvpc-tasks 8` lists types that do";
        lower.problems.push(view.error("awsvpc_trunking", message).hint(hint));
    }
    if os == Os::Windows {
        if wanted && view.is_written("awsvpc_trunking") {
            let message = "Windows instances have no trunk interfaces";
            let hint = "leave `awsvpc_trunking` out";
            lower.problems.push(view.error("awsvpc_trunking", message).hint(hint));
        }
        lower.idle(view, &["awsvpc_trunking"]);
    }
    wanted && os == Os::Linux
}

/// What only EC2 instances have, and what is not said of others.
const OF_EC2: [&str; 8] = [
    "instance_type",
    "subnets",
    "awsvpc_trunking",
    "root_volume",
    "volume_type",
    "public_ip",
    "credit_specification",
    "initial_cpu_credits",
];

fn external(lower: &mut Lower, view: &View) -> Option<KindOfInstance> {
    let os_family = family_of(&view.get::<String>("operating_system"));
    let cpu: Option<CpuUnits> = view.find("cpu");
    let memory: Option<Mib> = view.find("memory");
    for (key, given) in [("cpu", cpu.is_some()), ("memory", memory.is_some())] {
        if !given {
            let hint = "say what each machine registers, such as `cpu = \"8 vCPU\"`";
            lower.problems.push(
                view.error(key, format!("`{key}` is missing for external instances")).hint(hint),
            );
        }
    }
    lower.idle(view, &OF_EC2);
    for key in OF_EC2 {
        if view.is_written(key) {
            let message = format!("`{key}` does not go with `launch_type = \"EXTERNAL\"`");
            let hint = "leave it out: it belongs to EC2";
            lower.problems.push(view.error(key, message).hint(hint));
        }
    }
    let architecture = match view.get::<String>("architecture").as_str() {
        "ARM64" => Architecture::Arm64,
        _ => Architecture::X86_64,
    };
    Some(KindOfInstance {
        launch_type: InstanceLaunchType::External,
        name: "external".to_string(),
        registered: Resources { cpu_units: cpu?.0, memory_mib: memory?.0, gpus: view.get("gpus") },
        task_enis: 0,
        has_trunk: false,
        os_family,
        architecture,
    })
}

/// Where an instance is: its zone, and its subnet where the scenario names subnets.
pub(super) type Location = (Ix<Zone>, Option<Ix<Subnet>>);

/// Returns where a fleet's instances are, in turn; they take addresses of their subnets.
pub(super) fn places(lower: &mut Lower, view: &View, count: u32) -> Vec<Location> {
    let subnets: Vec<Ix<Subnet>> =
        view.items("subnets").iter().map(|item| lower.subnets[&item.value::<String>()]).collect();
    if subnets.is_empty() {
        let zones = lower.zones_at(view, "availability_zones");
        return zones.into_iter().map(|zone| (zone, None)).collect();
    }
    if view.is_written("availability_zones") {
        let message = "`availability_zones` does not go with `subnets`, which have zones";
        let hint = "leave one of them out";
        lower.problems.push(view.error("availability_zones", message).hint(hint));
    }
    for (position, &subnet) in subnets.iter().enumerate() {
        let share = (count as usize + subnets.len() - 1 - position) / subnets.len();
        let subnet = &mut lower.model.subnets[subnet];
        if subnet.free_addresses == u32::MAX {
            continue;
        }
        match subnet.free_addresses.checked_sub(share as u32) {
            Some(left) => subnet.free_addresses = left,
            None => {
                let message = format!(
                    "the instances need {share} addresses of the subnet `{}`, which has {}",
                    subnet.name, subnet.free_addresses
                );
                let hint = "name more subnets, or give it a larger `cidr`";
                lower.problems.push(view.error("subnets", message).hint(hint));
            }
        }
    }
    subnets.iter().map(|&subnet| (lower.model.subnets[subnet].zone, Some(subnet))).collect()
}

/// What is said of the agent of instances, and what it tells of them.
pub(super) struct Agent {
    pub reserved_ports: Vec<HostPort>,
    pub pull_bandwidth: Bytes,
    pub pull_behavior: PullBehavior,
    /// The user's own.
    pub attributes: Vec<(String, String)>,
    pub cpu_credits: cpu_credits::Said,
}

pub(super) fn agent(lower: &Lower, view: &View, os: Os) -> Agent {
    let attributes = view.entries("attributes").into_iter();
    Agent {
        reserved_ports: reserved_ports(view, os),
        pull_bandwidth: pull_bandwidth(lower, view),
        pull_behavior: match view.get::<String>("image_pull_behavior").as_str() {
            "always" => PullBehavior::Always,
            "once" => PullBehavior::Once,
            "prefer-cached" => PullBehavior::PreferCached,
            _ => PullBehavior::Default,
        },
        attributes: attributes.map(|(name, value)| (name.to_string(), value.value())).collect(),
        cpu_credits: cpu_credits::Said::of(view),
    }
}

pub(super) fn pull_bandwidth(lower: &Lower, view: &View) -> Bytes {
    let usual: BytesPerSecond = lower.root().table("timing").get("pull_bandwidth");
    Bytes(view.find::<BytesPerSecond>("pull_bandwidth").unwrap_or(usual).0)
}

pub(super) fn class(
    lower: &Lower,
    agent: &Agent,
    kind: &KindOfInstance,
    (fleet, cluster, place): (Ix<Fleet>, Ix<ClusterSpec>, Location),
) -> InstanceClass {
    InstanceClass {
        fleet,
        cluster,
        launch_type: kind.launch_type,
        spot: None,
        zone: place.0,
        instance_type: kind.name.clone(),
        registered: kind.registered,
        task_enis: kind.task_enis,
        has_trunk: kind.has_trunk,
        reserved_ports: agent.reserved_ports.clone(),
        os_family: kind.os_family,
        architecture: kind.architecture,
        attributes: attributes(lower, agent, kind, place),
        pull_bandwidth: agent.pull_bandwidth,
        pull_behavior: agent.pull_behavior,
        cpu_credits: cpu_credits::terms(lower, &agent.cpu_credits, kind),
        cpu_speed: 1.0,
    }
}

/// Host ports that the agent keeps on Linux. Source: amazon-ecs-agent README, `ECS_RESERVED_PORTS`.
const LINUX: [u16; 5] = [22, 2375, 2376, 51678, 51679];

/// Returns TCP ports that the agent keeps on Linux where nothing else is said, in order.
pub(super) fn ports_of_agent() -> Vec<HostPort> {
    LINUX.into_iter().map(|number| HostPort { protocol: Protocol::Tcp, number }).collect()
}

/// Host ports that the agent keeps. Source: as above.
fn reserved_ports(view: &View, os: Os) -> Vec<HostPort> {
    const WINDOWS: [u16; 11] = [53, 135, 139, 445, 2375, 2376, 3389, 5985, 5986, 51678, 51679];
    let written = |key: &str| -> Vec<u16> {
        view.items(key).iter().map(|item| item.value::<u64>() as u16).collect()
    };
    let tcp = match (view.is_written("reserved_ports"), os) {
        (true, _) => written("reserved_ports"),
        (false, Os::Linux) => LINUX.to_vec(),
        (false, Os::Windows) => WINDOWS.to_vec(),
    };
    let port = |protocol| move |number| HostPort { protocol, number };
    let mut ports: Vec<HostPort> = tcp.into_iter().map(port(Protocol::Tcp)).collect();
    ports.extend(written("reserved_udp_ports").into_iter().map(port(Protocol::Udp)));
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Attributes that AWS puts on every EC2 instance, and that only whoever runs it knows.
///
/// Source: ECS Developer Guide, "Amazon ECS container instance attributes".
pub(super) const GIVEN_ATTRIBUTES: [&str; 2] = ["ecs.ami-id", "ecs.vpc-id"];

/// Checks the names and values of the user's own attributes.
///
/// Source: ECS API, Attribute: 1 to 128 letters, digits, `-`, `_`, `/`, `\\` and `.`; values of up
/// to 128 may have `@`, `:` and spaces inside as well. Names that begin with `ecs.` are AWS's.
pub(super) fn check_attributes(lower: &mut Lower, view: &View, on_premises: bool) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_/\\.".contains(c);
    for (name, value) in view.entries("attributes") {
        let text = value.value::<String>();
        let fits = |text: &str, more: &str| {
            text.chars().count() <= 128 && text.chars().all(|c| is_name(c) || more.contains(c))
        };
        let (message, hint) = if name.starts_with("ecs.") && !GIVEN_ATTRIBUTES.contains(&name) {
            (
                format!("`{name}` is an attribute of AWS's own"),
                "give yours a name that does not begin with `ecs.`; of AWS's own `ecs.ami-id` and \
                 `ecs.vpc-id` are given here",
            )
        } else if name.starts_with("ecs.") && on_premises {
            (
                format!("`{name}` belongs to EC2, and these instances are external"),
                "leave it out, or give them an attribute of your own",
            )
        } else if name.is_empty() || !fits(name, "") {
            (
                format!("{name:?} is no name for an attribute"),
                "use 1 to 128 letters, digits, `-`, `_`, `/`, `\\` and `.`",
            )
        } else if !fits(&text, "@: ") || text.trim() != text {
            (
                format!("{text:?} is no value of an attribute"),
                "use at most 128 letters, digits, `-_/\\.@:`, and spaces inside",
            )
        } else {
            continue;
        };
        lower.problems.push(value.error_here(message).hint(hint));
    }
}

/// Built-in attributes and the user's own, sorted by name.
///
/// Source: ECS Developer Guide, "Amazon ECS container instance attributes".
fn attributes(
    lower: &Lower,
    agent: &Agent,
    kind: &KindOfInstance,
    (zone, subnet): Location,
) -> Vec<(String, String)> {
    let os = match kind.os_family.os() {
        Os::Linux => "linux",
        Os::Windows => "windows",
    };
    let architecture = match kind.architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    };
    let mut pairs = vec![
        ("ecs.availability-zone", lower.model.zones[zone].name.as_str()),
        ("ecs.os-type", os),
        ("ecs.os-family", kind.os_family.name()),
        ("ecs.cpu-architecture", architecture),
    ];
    match kind.launch_type {
        InstanceLaunchType::Ec2 => pairs.push(("ecs.instance-type", &kind.name)),
        InstanceLaunchType::External => pairs.push(("ecs.capability.external", "")),
    }
    if let Some(subnet) = subnet {
        pairs.push(("ecs.subnet-id", &lower.model.subnets[subnet].name));
    }
    let mut attributes: BTreeMap<String, String> =
        pairs.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    attributes.extend(agent.attributes.iter().cloned());
    attributes.into_iter().collect()
}
