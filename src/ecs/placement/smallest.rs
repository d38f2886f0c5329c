//! Which free capacity is stranded: nothing that the run could place fits beside what is there.

use super::check::fits_kind;
use crate::ecs::model::{
    InstanceClass, InstanceLaunchType, Launch, Model, Provider, Requirement, Scheduling, Source,
};
use crate::engine::{Ix, Table};
use crate::units::Resources;

/// The smallest things that may ever be placed on instances of a class.
///
/// None of them is larger than another in every dimension, so a free amount holds some task of
/// the run if and only if it holds one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SmallestAsks(Vec<Resources>);

impl SmallestAsks {
    /// Returns those of every class.
    ///
    /// What counts is what replica services and submitters of the class's cluster may place on
    /// its kind of instance, by operating system and architecture. Daemons do not: their room is
    /// set aside. Ports, network interfaces and placement constraints are not looked at.
    pub(crate) fn by_class(model: &Model) -> Table<SmallestAsks, InstanceClass> {
        let asks = all_asks(model);
        let of_class = |class: &InstanceClass| {
            let mut smallest = SmallestAsks::default();
            for &(launch, requirement) in &asks {
                let wanted = &model.requirements[requirement];
                if may_run(&model.launches[launch], wanted, class) {
                    smallest.include(wanted.resources);
                }
            }
            smallest
        };
        model.classes.iter().map(|(_, class)| of_class(class)).collect()
    }

    fn include(&mut self, ask: Resources) {
        if self.0.iter().any(|other| ask.fits(other)) {
            return; // one that is no larger is there
        }
        self.0.retain(|other| !other.fits(&ask));
        self.0.push(ask);
    }

    /// Returns what of `free` is stranded: all of it if no task of the run fits, otherwise nothing.
    ///
    /// On an instance that no task of the run may use, free capacity is idle, not stranded.
    #[inline]
    pub(crate) fn stranded(&self, free: &Resources) -> Resources {
        if self.0.is_empty() || self.0.iter().any(|ask| free.fits(ask)) {
            return Resources::ZERO;
        }
        *free
    }
}

/// Returns everything that may be asked for: how it is launched and what it needs, each once.
fn all_asks(model: &Model) -> Vec<(Ix<Launch>, Ix<Requirement>)> {
    let mut asks = Vec::new();
    for (_, service) in model.services.iter() {
        if let Scheduling::Replica { .. } = service.scheduling {
            let definition = &model.task_definitions[service.task_definition];
            asks.push((service.launch, definition.requirement));
        }
    }
    for (_, submitter) in model.submitters.iter() {
        match &submitter.source {
            Source::Trace(trace) => {
                let mut seen = vec![false; model.requirements.len()];
                for &requirement in &trace.requirement {
                    if !std::mem::replace(&mut seen[requirement.index()], true) {
                        asks.push((submitter.launch, requirement));
                    }
                }
            }
            Source::Schedule { .. } => {
                let definition = &model.task_definitions[submitter.task_definition];
                asks.push((submitter.launch, definition.requirement));
            }
        }
    }
    asks
}

fn may_run(launch: &Launch, wanted: &Requirement, class: &InstanceClass) -> bool {
    let uses = |provider| match provider {
        Provider::Ec2 => class.launch_type == InstanceLaunchType::Ec2,
        Provider::External => class.launch_type == InstanceLaunchType::External,
        Provider::Fargate | Provider::FargateSpot => false,
    };
    launch.cluster == class.cluster
        && launch.providers.iter().any(|item| uses(item.provider))
        && fits_kind(class, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(cpu_units: u32, memory_mib: u32) -> Resources {
        Resources { cpu_units, memory_mib, gpus: 0 }
    }

    #[test]
    fn free_capacity_is_stranded_if_no_size_of_the_run_fits() {
        let mut asks = SmallestAsks::default();
        for ask in [resources(512, 512), resources(256, 1024), resources(1024, 4096)] {
            asks.include(ask);
        }
        assert_eq!(asks.0, [resources(512, 512), resources(256, 1024)]);
        let check = |free, stranded| assert_eq!(asks.stranded(&free), stranded, "free: {free:?}");
        check(resources(2048, 511), resources(2048, 511)); // short of memory
        check(resources(255, 9000), resources(255, 9000)); // short of CPU
        check(resources(256, 1023), resources(256, 1023)); // neither of the two fits
        check(resources(256, 1024), Resources::ZERO);
        check(resources(4096, 512), Resources::ZERO);
        check(Resources::ZERO, Resources::ZERO);
    }

    #[test]
    fn what_no_task_may_use_is_not_stranded() {
        assert_eq!(SmallestAsks::default().stranded(&resources(1, 1)), Resources::ZERO);
    }
}
