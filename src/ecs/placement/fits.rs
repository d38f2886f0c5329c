//! Which of many requirements an instance fits, all at once: a bit for each of up to 64 kinds.

use std::collections::BTreeSet;

use crate::engine::Ix;
use crate::units::Resources;

use super::super::cluster::Instance;
use super::super::model::{HostPort, Model, Requirement};
use super::check::fits_kind;

/// As many kinds as there are bits.
const MOST: usize = 64;

/// Levels of CPU, memory and GPUs when there are more requirements than bits.
const COARSE: [usize; 3] = [8, 8, 1];
/// The same where some requirements ask for GPUs.
const COARSE_WITH_GPUS: [usize; 3] = [4, 4, 4];

/// Kinds of requirement, and what an instance must have to fit each.
///
/// As long as there are few requirements each is a kind by itself. Beyond that, kinds are a coarse
/// grid over the sizes in the model: whoever fits a requirement fits its kind, not the reverse.
#[derive(Clone, Debug)]
pub(super) struct Fits {
    asked: BTreeSet<Ix<Requirement>>,
    exact: bool,
    /// The kind of each requirement that was asked for.
    kind_of: Vec<Option<u8>>,
    /// What each kind needs at least.
    least: Vec<Resources>,
    cpu: Levels,
    memory: Levels,
    gpus: Levels,
    /// For each kind of instance, what it could ever fit.
    by_class: Vec<u64>,
    /// Kinds that need a network interface.
    awsvpc: u64,
    /// Kinds that need a host port.
    ports: Vec<(HostPort, u64)>,
    /// Kinds that need so many host ports or more.
    port_counts: Vec<(usize, u64)>,
}

/// A number of thresholds, ascending, and which kinds need no more than each.
#[derive(Clone, Debug, Default)]
struct Levels {
    thresholds: Vec<u32>,
    /// One more than thresholds: the first is for what reaches none.
    kinds: Vec<u64>,
}

impl Levels {
    fn new(needs: &[(u32, u64)]) -> Levels {
        let thresholds: BTreeSet<u32> = needs.iter().map(|(need, _)| *need).collect();
        let within = |most: u32| {
            let reached = needs.iter().filter(|(need, _)| *need <= most);
            reached.fold(0, |all, (_, kinds)| all | kinds)
        };
        let kinds = std::iter::once(0).chain(thresholds.iter().map(|&t| within(t))).collect();
        Levels { thresholds: thresholds.into_iter().collect(), kinds }
    }

    fn reached(&self, amount: u32) -> u64 {
        // There are few: comparing all at once takes less than searching.
        self.kinds[self.thresholds.iter().filter(|&&threshold| threshold <= amount).count()]
    }
}

impl Fits {
    /// Makes the kinds for one requirement.
    pub fn new(model: &Model, first: Ix<Requirement>) -> Fits {
        Fits::of(model, BTreeSet::from([first]))
    }

    /// Makes the kinds for one more.
    pub fn with(&self, model: &Model, another: Ix<Requirement>) -> Fits {
        let mut asked = self.asked.clone();
        asked.insert(another);
        Fits::of(model, asked)
    }

    fn of(model: &Model, asked: BTreeSet<Ix<Requirement>>) -> Fits {
        let exact = asked.len() <= MOST;
        let mut kind_of = vec![None; model.requirements.len()];
        let least: Vec<Resources> = if exact {
            for (kind, requirement) in asked.iter().enumerate() {
                kind_of[requirement.index()] = Some(kind as u8);
            }
            asked.iter().map(|&requirement| model.requirements[requirement].resources).collect()
        } else {
            grid(model)
        };
        let needs = |part: fn(&Resources) -> u32| -> Vec<(u32, u64)> {
            least.iter().enumerate().map(|(kind, least)| (part(least), 1 << kind)).collect()
        };
        let mut fits = Fits {
            exact,
            kind_of,
            cpu: Levels::new(&needs(|least| least.cpu_units)),
            memory: Levels::new(&needs(|least| least.memory_mib)),
            gpus: Levels::new(&needs(|least| least.gpus)),
            by_class: vec![0; model.classes.len()],
            awsvpc: 0,
            ports: Vec::new(),
            port_counts: Vec::new(),
            asked,
            least,
        };
        fits.add_rest(model);
        fits
    }

    /// Adds what is not a number. On the grid only what all that were asked need can be told.
    fn add_rest(&mut self, model: &Model) {
        let all = u64::MAX >> (MOST - self.least.len());
        let bit = |fits: &Fits, requirement: Ix<Requirement>| {
            fits.kind_of[requirement.index()].filter(|_| fits.exact).map_or(all, |bit| 1 << bit)
        };
        let asked = || self.asked.iter().map(|&ix| (ix, &model.requirements[ix]));
        let mut by_class = vec![0; model.classes.len()];
        for (ix, class) in model.classes.iter() {
            let fit = asked().filter(|(_, wanted)| fits_kind(class, wanted));
            by_class[ix.index()] = fit.fold(0, |kinds, (ix, _)| kinds | bit(self, ix));
        }
        let without = |test: &dyn Fn(&Requirement) -> bool| {
            let others = asked().filter(|(_, wanted)| !test(wanted));
            let others = others.fold(0, |kinds, (ix, _)| kinds | bit(self, ix));
            all & !others
        };
        let awsvpc = without(&|wanted| wanted.awsvpc);
        let ports: BTreeSet<HostPort> =
            asked().flat_map(|(_, wanted)| wanted.ports.iter().copied()).collect();
        let ports = ports
            .into_iter()
            .map(|port| (port, without(&|wanted| wanted.ports.contains(&port))))
            .filter(|(_, kinds)| *kinds != 0)
            .collect();
        let counts: BTreeSet<usize> =
            asked().map(|(_, wanted)| wanted.ports.len()).filter(|&count| count > 0).collect();
        self.port_counts = counts
            .into_iter()
            .map(|count| (count, without(&|wanted| wanted.ports.len() >= count)))
            .filter(|(_, kinds)| *kinds != 0)
            .collect();
        (self.by_class, self.awsvpc, self.ports) = (by_class, awsvpc, ports);
    }

    /// Returns the kind of a requirement, if there is one that tells about it.
    pub fn kind(&mut self, model: &Model, requirement: Ix<Requirement>) -> Option<u32> {
        let known = self.kind_of[requirement.index()].map(u32::from);
        if known.is_some() || self.exact {
            return known;
        }
        let wanted = &model.requirements[requirement];
        let told = (self.awsvpc == 0 || wanted.awsvpc)
            && self.ports.iter().all(|(port, _)| wanted.ports.contains(port))
            && self.port_counts.iter().all(|(count, _)| wanted.ports.len() >= *count)
            && model
                .classes
                .iter()
                .all(|(ix, class)| self.by_class[ix.index()] != 0 || !fits_kind(class, wanted));
        if !told {
            return None;
        }
        // Of the steps of the grid that are no higher, the last is highest in all directions.
        let kind = self.least.iter().rposition(|least| wanted.resources.fits(least))?;
        self.kind_of[requirement.index()] = Some(kind as u8);
        self.asked.insert(requirement);
        Some(kind as u32)
    }

    /// Says whether whoever fits a kind fits the requirement, too.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Returns how many kinds there are.
    pub fn kinds(&self) -> usize {
        self.least.len()
    }

    /// Returns the kinds that this instance fits, constraints and addresses apart.
    pub fn of_instance(&self, host: &Instance) -> u64 {
        let free = host.remaining();
        let mut kinds = self.by_class[host.class.index()]
            & self.cpu.reached(free.cpu_units)
            & self.memory.reached(free.memory_mib)
            & self.gpus.reached(free.gpus);
        if host.free_enis() == 0 {
            kinds &= !self.awsvpc;
        }
        for (port, needing) in &self.ports {
            if kinds & needing != 0 && host.port_taken(*port) {
                kinds &= !needing;
            }
        }
        for (count, needing) in &self.port_counts {
            if host.ports_left() < *count {
                kinds &= !needing;
            }
        }
        kinds
    }
}

/// Returns the steps of a grid over the sizes in the model, the highest last.
fn grid(model: &Model) -> Vec<Resources> {
    let any_gpus = model.requirements.iter().any(|(_, wanted)| wanted.resources.gpus > 0);
    let count = if any_gpus { COARSE_WITH_GPUS } else { COARSE };
    let steps = |part: fn(&Resources) -> u32, count: usize| -> BTreeSet<u32> {
        let mut sizes: Vec<u32> =
            model.requirements.iter().map(|(_, wanted)| part(&wanted.resources)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        (0..count).map(|step| sizes[step * sizes.len() / count]).collect()
    };
    let mut kinds = Vec::new();
    for &cpu_units in &steps(|size| size.cpu_units, count[0]) {
        for &memory_mib in &steps(|size| size.memory_mib, count[1]) {
            for &gpus in &steps(|size| size.gpus, count[2]) {
                kinds.push(Resources { cpu_units, memory_mib, gpus });
            }
        }
    }
    kinds
}
