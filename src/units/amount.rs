//! Amounts of compute: CPU units, memory, GPUs, bytes.

use std::fmt;

/// What a task reserves or an instance offers: CPU units (1,024 are 1 vCPU), MiB, whole GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resources {
    /// CPU units; 1,024 units are one vCPU.
    pub cpu_units: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Whole GPUs.
    pub gpus: u32,
}

impl Resources {
    /// Nothing.
    pub const ZERO: Resources = Resources { cpu_units: 0, memory_mib: 0, gpus: 0 };

    /// Says whether `wanted` fits into this, dimension by dimension.
    pub fn fits(&self, wanted: &Resources) -> bool {
        wanted.cpu_units <= self.cpu_units
            && wanted.memory_mib <= self.memory_mib
            && wanted.gpus <= self.gpus
    }

    /// Takes `part` away.
    ///
    /// # Panics
    /// If there is less than `part`: the caller did not check.
    #[track_caller]
    pub fn take(&mut self, part: &Resources) {
        assert!(self.fits(part), "{part:?} was taken from {self:?}, which is less");
        self.cpu_units -= part.cpu_units;
        self.memory_mib -= part.memory_mib;
        self.gpus -= part.gpus;
    }

    /// Gives `part` back.
    pub fn give(&mut self, part: &Resources) {
        self.cpu_units += part.cpu_units;
        self.memory_mib += part.memory_mib;
        self.gpus += part.gpus;
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Makes a number of bytes from MiB.
    pub const fn mib(mib: u64) -> Bytes {
        Bytes(mib << 20)
    }

    /// Returns MiB.
    pub fn as_mib_f64(self) -> f64 {
        self.0 as f64 / (1u64 << 20) as f64
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] =
            [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (unit, size) in UNITS {
            if self.0 >= size {
                let value = format!("{:.2}", self.0 as f64 / size as f64);
                let value = value.trim_end_matches('0').trim_end_matches('.');
                return f.pad(&format!("{value} {unit}"));
            }
        }
        f.pad(&format!("{} B", self.0))
    }
}
