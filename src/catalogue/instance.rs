//! What an EC2 instance type offers, and what of it an instance registers with ECS.

use std::fmt;

use crate::ecs::model::{Architecture, Os};

use super::Evidence;

/// What runs between the hardware and the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hypervisor {
    /// AWS Nitro, all families since 2017.
    Nitro,
    /// Xen, the older families.
    Xen,
    /// Nothing: a bare-metal instance.
    BareMetal,
}

/// An EC2 instance type, without its prices.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    /// The name, for example `m5.large`.
    pub name: String,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory as AWS lists it, in MiB; an instance registers less, see [`Self::registered_memory`].
    pub memory_mib: u32,
    /// Memory that a Linux instance registers with ECS, where it is published or given.
    pub registered: Option<RegisteredMemory>,
    /// CPU architecture.
    pub architecture: Architecture,
    /// Whole GPUs.
    pub gpus: u32,
    /// Memory of all GPUs together, in MiB.
    pub gpu_memory_mib: u32,
    /// Network bandwidth that an instance can always use, all cards together, in Mbit/s.
    pub network_mbps_baseline: u32,
    /// Elastic network interfaces, all cards together.
    pub enis_max: u32,
    /// Tasks in `awsvpc` mode an instance holds without ENI trunking.
    pub awsvpc_tasks: u32,
    /// Tasks in `awsvpc` mode with ENI trunking; `None` where trunking is not supported.
    pub awsvpc_tasks_trunked: Option<u32>,
    /// How the trunking figure (or its absence) is known.
    pub trunking_evidence: Evidence,
    /// Hypervisor.
    pub hypervisor: Hypervisor,
    /// Whether CPU beyond a baseline is paid with credits (the T families).
    pub burstable: bool,
    /// Its CPU credits, where it is burstable.
    pub cpu_credits: Option<CpuCredits>,
    /// Whether AWS lists it as current generation.
    pub current_generation: bool,
}

/// CPU credits of a burstable performance instance; one is a vCPU for a minute.
///
/// Source: Amazon EC2 User Guide, "Key concepts for burstable performance instances", 2023.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuCredits {
    /// Tenths of a credit earned in an hour.
    pub tenths_per_hour: u32,
    /// Whether it is `unlimited` unless asked otherwise.
    pub unlimited_by_default: bool,
    /// Given at each launch and start in standard mode.
    pub launch_credits: u32,
    /// Whether the balance is kept while the instance is stopped.
    pub survives_stop: bool,
}

impl CpuCredits {
    /// Returns credits earned in an hour.
    pub fn per_hour(&self) -> f64 {
        f64::from(self.tenths_per_hour) / 10.0
    }

    /// Returns the most credits that can be accrued: those of 24 h.
    pub fn most(&self) -> f64 {
        24.0 * self.per_hour()
    }

    /// Returns the baseline of the whole instance in vCPU.
    pub fn baseline_vcpu(&self) -> f64 {
        self.per_hour() / 60.0
    }
}

/// The memory an instance registers with ECS, before `ECS_RESERVED_MEMORY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisteredMemory {
    /// In MiB.
    pub mib: u32,
    /// How it is known.
    pub evidence: Evidence,
}

impl InstanceType {
    /// Returns the family, the name's part before the point: `m5`.
    pub fn family(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }

    /// Returns the CPU units an instance registers: 1,024 a vCPU, nothing deducted.
    ///
    /// Source: ECS Developer Guide, "Amazon ECS container instances", Apr 2023.
    pub fn registered_cpu_units(&self) -> u32 {
        self.vcpus.saturating_mul(1024)
    }

    /// Says whether it is a bare-metal type.
    pub fn is_bare_metal(&self) -> bool {
        self.hypervisor == Hypervisor::BareMetal
    }

    /// Returns how many tasks in `awsvpc` mode an instance holds.
    ///
    /// With `trunking` (the account setting `awsvpcTrunking`) a type that does not support it keeps
    /// the figure without. Windows instances never trunk: pass `false`.
    /// Source: ECS Developer Guide, "Elastic network interface trunking", Apr 2023.
    pub fn awsvpc_tasks(&self, trunking: bool) -> u32 {
        match (trunking, self.awsvpc_tasks_trunked) {
            (true, Some(tasks)) => tasks,
            (true, None) | (false, _) => self.awsvpc_tasks,
        }
    }

    /// Returns the memory an instance registers with ECS, `ECS_RESERVED_MEMORY` being 0.
    ///
    /// Linux: the published figure; where there is none, a rule.
    /// Windows: all but 1 MiB, as the ECS Developer Guide ("Container instance memory management",
    /// Apr 2023) documents for m4.large. Assumption: the same for every other type.
    pub fn registered_memory(&self, os: Os) -> RegisteredMemory {
        match os {
            Os::Linux => self.registered.unwrap_or_else(|| self.registered_memory_by_rule()),
            Os::Windows => {
                let documented = self.name == "m4.large";
                let evidence = if documented { Evidence::Documented } else { Evidence::Assumed };
                RegisteredMemory { mib: self.memory_mib.saturating_sub(1), evidence }
            }
        }
    }

    /// Returns what a Linux instance registers by rule.
    ///
    /// - T below 8 GiB: 94 %.
    /// - Other Nitro with 2 vCPU or more: MiB − (213 + 0.0291 · MiB + 30.3 · vCPU), a fit to the
    ///   published figures of twelve m5 and c5 types, each met within 0.1 %.
    /// - Xen: 98 %.
    /// - Assumption: Nitro with 1 vCPU, and T from 8 GiB: MiB − (150 + 0.028 · MiB), within 2 % of
    ///   the memory that Kubernetes nodes report on twenty such types (generated overheads in
    ///   aws/karpenter-provider-aws, commit 33450d8f).
    /// - Assumption: bare metal 98 %, within 0.5 % of the same source on 29 types.
    fn registered_memory_by_rule(&self) -> RegisteredMemory {
        let mib = f64::from(self.memory_mib);
        let vcpus = f64::from(self.vcpus);
        let small_t = self.burstable && self.memory_mib < 8192;
        let (left, evidence) = match self.hypervisor {
            Hypervisor::Nitro | Hypervisor::Xen if small_t => (mib * 0.94, Evidence::Derived),
            Hypervisor::Xen => (mib * 0.98, Evidence::Derived),
            Hypervisor::Nitro if self.vcpus >= 2 && !self.burstable => {
                (mib - (213.0 + 0.0291 * mib + 30.3 * vcpus), Evidence::Derived)
            }
            Hypervisor::Nitro => (mib - (150.0 + 0.028 * mib), Evidence::Assumed),
            Hypervisor::BareMetal => (mib * 0.98, Evidence::Assumed),
        };
        // `as` sends what would be negative (a type of a few MiB, given by a user) to zero.
        RegisteredMemory { mib: left.round() as u32, evidence }
    }
}

/// Returns the operating system's name as people write it: `Linux`.
pub(super) fn os_name(os: Os) -> &'static str {
    match os {
        Os::Linux => "Linux",
        Os::Windows => "Windows",
    }
}

/// Returns the EC2 API's word for an architecture: `x86_64`, `arm64`.
pub fn architecture_name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}

/// Finds an architecture by the EC2 API's word.
pub fn architecture_from_name(name: &str) -> Option<Architecture> {
    let all = [Architecture::X86_64, Architecture::Arm64];
    all.into_iter().find(|&architecture| architecture_name(architecture) == name)
}

impl fmt::Display for Hypervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Hypervisor::Nitro => "Nitro",
            Hypervisor::Xen => "Xen",
            Hypervisor::BareMetal => "bare metal",
        })
    }
}
