//! The task sizes of AWS Fargate, and what is wrong with a size it does not have.

use std::fmt;

use crate::ecs::model::{Architecture, Os};

use super::Priced;
use super::instance::{architecture_name, os_name};

/// A pair of CPU and memory that a Fargate task may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FargateSize {
    /// CPU units; 1,024 are one vCPU.
    pub cpu_units: u32,
    /// Memory in MiB. Fargate's GB are GiB.
    pub memory_mib: u32,
    /// Whether Windows tasks may have it too.
    pub windows: bool,
}

/// What is bought from Fargate: for which tasks, and whether from spare capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FargateOffer {
    /// Operating system of the tasks.
    pub os: Os,
    /// CPU architecture of the tasks.
    pub architecture: Architecture,
    /// Fargate Spot instead of on demand.
    pub spot: bool,
}

/// What a Fargate task costs per hour, by part.
#[derive(Clone, Debug, PartialEq)]
pub struct FargatePrice {
    /// A vCPU. For Windows it includes the licence.
    pub vcpu_hour: Priced,
    /// A GB (GiB) of memory.
    pub gb_hour: Priced,
    /// A GB of ephemeral storage above the 20 GB included. Assumption: Spot pays the same.
    pub ephemeral_gb_hour: Priced,
}

/// A CPU and memory pair that Fargate does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.fact())]
pub struct NoFargateSize {
    /// CPU units asked for.
    pub cpu_units: u32,
    /// Memory asked for, in MiB.
    pub memory_mib: u32,
    /// Operating system of the task.
    pub os: Os,
    /// The memory sizes for that CPU, in MiB, ascending; empty where it is no CPU size.
    pub memory_sizes_mib: Vec<u32>,
    /// The CPU sizes for that operating system, ascending.
    pub cpu_sizes: Vec<u32>,
    /// The smallest size with at least that much of both.
    pub next_size_up: Option<FargateSize>,
}

impl FargateSize {
    /// Says whether tasks of this size need Linux platform version 1.4.0: from 8 vCPU.
    pub fn needs_platform_1_4_0(self) -> bool {
        self.cpu_units >= 8192
    }

    fn suits(self, os: Os) -> bool {
        match os {
            Os::Linux => true,
            Os::Windows => self.windows,
        }
    }
}

impl fmt::Display for FargateSize {
    /// Writes the size as AWS does: `0.5 vCPU and 2 GB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} vCPU and {} GB", vcpus(self.cpu_units), gb(self.memory_mib)))
    }
}

impl fmt::Display for FargateOffer {
    /// Writes the offer as `Windows on x86_64 on Spot`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.spot { "on Spot" } else { "on demand" };
        f.pad(&format!("{} on {} {how}", os_name(self.os), architecture_name(self.architecture)))
    }
}

/// Finds a size among `sizes`, which ascend by CPU, then memory.
pub(super) fn find(
    sizes: &[FargateSize],
    cpu_units: u32,
    memory_mib: u32,
    os: Os,
) -> Result<FargateSize, NoFargateSize> {
    let suitable = || sizes.iter().copied().filter(|size| size.suits(os));
    let wanted = |size: &FargateSize| size.cpu_units == cpu_units && size.memory_mib == memory_mib;
    if let Some(size) = suitable().find(wanted) {
        return Ok(size);
    }
    let mut cpu_sizes: Vec<u32> = suitable().map(|size| size.cpu_units).collect();
    cpu_sizes.dedup();
    let of_that_cpu = suitable().filter(|size| size.cpu_units == cpu_units);
    Err(NoFargateSize {
        cpu_units,
        memory_mib,
        os,
        memory_sizes_mib: of_that_cpu.map(|size| size.memory_mib).collect(),
        cpu_sizes,
        next_size_up: smallest_for(sizes, cpu_units, memory_mib, os),
    })
}

/// Finds the smallest size with at least that much CPU and memory: least CPU first, then memory.
pub(super) fn smallest_for(
    sizes: &[FargateSize],
    cpu_units: u32,
    memory_mib: u32,
    os: Os,
) -> Option<FargateSize> {
    let enough = |size: &&FargateSize| {
        size.suits(os) && size.cpu_units >= cpu_units && size.memory_mib >= memory_mib
    };
    sizes.iter().find(enough).copied()
}

impl NoFargateSize {
    fn fact(&self) -> String {
        let of = match self.os {
            Os::Linux => "",
            Os::Windows => " for Windows",
        };
        let cpu = vcpus(self.cpu_units);
        if self.memory_sizes_mib.is_empty() {
            format!("`{cpu} vCPU` is not a Fargate CPU size{of}")
        } else {
            let memory = gb(self.memory_mib);
            format!("`{memory} GB` is not a Fargate memory size for {cpu} vCPU{of}")
        }
    }

    /// Says which sizes there are and which is the next one up.
    pub fn hint(&self) -> String {
        let sizes = if self.memory_sizes_mib.is_empty() {
            let names: Vec<String> = self.cpu_sizes.iter().map(|&cpu| vcpus(cpu)).collect();
            format!("CPU sizes are {} vCPU", and(&names))
        } else {
            let cpu = vcpus(self.cpu_units);
            format!("sizes for {cpu} vCPU are {} GB", series(&self.memory_sizes_mib))
        };
        match self.next_size_up {
            Some(size) => format!("{sizes}; the next size up is {size}"),
            None => format!("{sizes}; no size has as much as that"),
        }
    }
}

/// Writes memory sizes in GB: `1, 2, 3 and 4`, or `2 to 16 in steps of 1` where they are many.
fn series(sizes_mib: &[u32]) -> String {
    match sizes_mib {
        [first, second, .., last] if sizes_mib.len() > 4 => {
            format!("{} to {} in steps of {}", gb(*first), gb(*last), gb(second - first))
        }
        few => and(&few.iter().map(|&mib| gb(mib)).collect::<Vec<_>>()),
    }
}

fn and(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn vcpus(cpu_units: u32) -> String {
    format!("{}", f64::from(cpu_units) / 1024.0)
}

fn gb(memory_mib: u32) -> String {
    format!("{}", f64::from(memory_mib) / 1024.0)
}
