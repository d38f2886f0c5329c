//! Which free capacity is stranded: nothing that the run could place fits beside what is there.

use super::check::{fits_kind, subnet_in_zone};
use super::query::Subject;
use crate::ecs::cluster::Instance;
use crate::ecs::model::{
    HostPort, InstanceClass, Launch, Model, PlacementConstraint, Requirement, Scheduling, Source,
};
use crate::engine::{Ix, Table};
use crate::units::Resources;

/// The smallest things that may ever be placed on instances of a class.
///
/// Each asks for less of something than any other does, so an instance has room for some task of
/// the run if and only if it has room for one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SmallestAsks(Vec<Needs>);

/// What a task takes of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Needs {
    resources: Resources,
    /// Whether it takes a network interface.
    eni: bool,
    /// Static host ports, sorted.
    ports: Vec<HostPort>,
}

impl Needs {
    /// Says whether whoever has room for `other` has room for this.
    fn is_within(&self, other: &Needs) -> bool {
        other.resources.fits(&self.resources)
            && self.eni <= other.eni
            && self.ports.iter().all(|port| other.ports.binary_search(port).is_ok())
    }

    #[inline]
    fn fit(&self, host: &Instance) -> bool {
        host.remaining().fits(&self.resources)
            && (!self.eni || host.free_enis() > 0)
            && (self.ports.is_empty() || self.ports_fit(host))
    }

    fn ports_fit(&self, host: &Instance) -> bool {
        host.ports_left() >= self.ports.len()
            && !self.ports.iter().any(|port| host.port_taken(*port))
    }
}

impl SmallestAsks {
    /// Returns those of every class.
    ///
    /// What counts is what replica services and submitters of the class's cluster may place on
    /// it: by operating system and architecture, subnets, and constraints on attributes. Daemons
    /// do not: their room is set aside. What changes with tasks apart from room is not looked at:
    /// `distinctInstance`, other constraints, and free addresses of subnets.
    pub(crate) fn by_class(model: &Model) -> Table<SmallestAsks, InstanceClass> {
        let asks = all_asks(model);
        let of_class = |class: &InstanceClass| {
            let mut smallest = SmallestAsks::default();
            for &(launch, requirement) in &asks {
                let (launch, wanted) = (&model.launches[launch], &model.requirements[requirement]);
                let reaches = !wanted.awsvpc || subnet_in_zone(model, launch, class);
                if may_host(model, launch, class) && fits_kind(class, wanted) && reaches {
                    let (resources, eni) = (wanted.resources, wanted.awsvpc);
                    smallest.include(Needs { resources, eni, ports: wanted.ports.clone() });
                }
            }
            smallest
        };
        model.classes.iter().map(|(_, class)| of_class(class)).collect()
    }

    fn include(&mut self, ask: Needs) {
        if self.0.iter().any(|other| other.is_within(&ask)) {
            return; // one that is no larger is there
        }
        self.0.retain(|other| !ask.is_within(other));
        self.0.push(ask);
    }

    /// Returns what is stranded of what is free on an instance: all, if no task of the run would
    /// find room there now, otherwise nothing.
    #[inline]
    pub(crate) fn stranded(&self, host: &Instance) -> Resources {
        match self.0.iter().any(|ask| ask.fit(host)) {
            true => Resources::ZERO,
            false => host.remaining(),
        }
    }
}

/// Says whether instances of a class are among those that a launch may choose from.
///
/// Constraints that depend on what happens in a run are taken to hold.
pub(crate) fn may_host(model: &Model, launch: &Launch, class: &InstanceClass) -> bool {
    let holds = |constraint: &PlacementConstraint| match constraint {
        PlacementConstraint::MemberOf(query) if query.depends_on_attributes_only() => {
            query.matches(&Blank(class))
        }
        PlacementConstraint::MemberOf(_) | PlacementConstraint::DistinctInstance => true,
    };
    class.cluster == launch.cluster
        && launch.providers.iter().any(|item| model.uses(item, class))
        && launch.constraints.iter().all(holds)
}

/// Says whether constraints of a launch hold on a new instance of a class, on which no task is.
///
/// Those that ask for neither attributes nor tasks are taken to hold.
pub(super) fn allows_empty(launch: &Launch, class: &InstanceClass) -> bool {
    launch.constraints.iter().all(|constraint| match constraint {
        PlacementConstraint::MemberOf(query) => {
            let is_known = query.depends_on_attributes_only() || query.depends_on_tasks();
            !is_known || query.matches(&Blank(class))
        }
        PlacementConstraint::DistinctInstance => true,
    })
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

/// An instance of a class, of which nothing is known but its attributes.
struct Blank<'a>(&'a InstanceClass);

impl Subject for Blank<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.0.attribute(name)
    }
    fn agent_connected(&self) -> bool {
        true
    }
    fn ec2_instance_id(&self) -> String {
        String::new()
    }
    fn agent_version(&self) -> &str {
        ""
    }
    fn registered_at(&self) -> i64 {
        0
    }
    fn running_tasks_count(&self) -> u32 {
        0
    }
    fn hosts_task_of_group(&self, _: &str) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::fixture::Fixture;
    use crate::ecs::model::{OsFamily, Protocol, TaskDefinition};
    use crate::ecs::placement::query::Query;

    fn needs(cpu_units: u32, memory_mib: u32, eni: bool) -> Needs {
        let resources = Resources { cpu_units, memory_mib, gpus: 0 };
        Needs { resources, eni, ports: Vec::new() }
    }

    #[test]
    fn of_asks_only_those_are_kept_that_need_less_of_something() {
        let mut asks = SmallestAsks::default();
        let sizes = [(512, 512), (256, 1024), (1024, 4096), (512, 512)];
        sizes.iter().for_each(|&(cpu, memory)| asks.include(needs(cpu, memory, false)));
        assert_eq!(asks.0, [needs(512, 512, false), needs(256, 1024, false)]);
        // With an interface it takes more than without one, and so it does with a port.
        asks.include(needs(512, 512, true));
        let port = HostPort { protocol: Protocol::Tcp, number: 80 };
        asks.include(Needs { ports: vec![port], ..needs(512, 512, false) });
        assert_eq!(asks.0.len(), 2);
        asks.include(needs(64, 64, true));
        assert_eq!(asks.0.len(), 3);
        asks.include(needs(64, 64, false));
        assert_eq!(asks.0, [needs(64, 64, false)]);
    }

    /// What is stranded of the one instance of 1,024 CPU units and 4,096 MiB, after a minute.
    fn stranded(
        desired_count: u32,
        (cpu, memory): (u32, u32),
        change: impl Fn(&mut Fixture, Ix<TaskDefinition>),
    ) -> (u32, u32) {
        let mut fixture = Fixture::new(1);
        fixture.fleet("f", 1, (1024, 4096));
        let definition = fixture.definition("web", cpu, memory);
        fixture.service("web", definition, desired_count);
        change(&mut fixture, definition);
        let smallest = SmallestAsks::by_class(&fixture.model);
        let sim = fixture.run(60);
        let (_, host) = sim.world().cluster.instances().next().unwrap();
        let free = smallest[host.class].stranded(host);
        (free.cpu_units, free.memory_mib)
    }

    #[test]
    fn free_capacity_is_stranded_if_a_resource_is_short() {
        let as_it_is = |_: &mut Fixture, _| {};
        assert_eq!(stranded(1, (512, 1024), as_it_is), (0, 0));
        assert_eq!(stranded(2, (512, 1024), as_it_is), (0, 2048), "no CPU is left");
        assert_eq!(stranded(1, (400, 3000), as_it_is), (624, 1096), "memory is short");
        assert_eq!(stranded(1, (1024, 4096), as_it_is), (0, 0), "nothing is free");
    }

    /// An instance of the fixture has two network interfaces for tasks.
    #[test]
    fn free_capacity_is_stranded_if_no_network_interface_is_left() {
        let awsvpc = |f: &mut Fixture, web| f.requirement(web).awsvpc = true;
        assert_eq!(stranded(1, (128, 128), awsvpc), (0, 0));
        assert_eq!(stranded(5, (128, 128), awsvpc), (768, 3840));
        let beside_another = |f: &mut Fixture, web| {
            awsvpc(f, web);
            let small = f.definition("small", 64, 64);
            f.service("small", small, 1);
        };
        assert_eq!(stranded(5, (128, 128), beside_another), (0, 0), "one without would fit");
    }

    #[test]
    fn free_capacity_is_stranded_if_the_host_port_is_taken() {
        let port = |f: &mut Fixture, web| {
            f.requirement(web).ports = vec![HostPort { protocol: Protocol::Tcp, number: 80 }];
        };
        assert_eq!(stranded(0, (128, 128), port), (0, 0));
        assert_eq!(stranded(3, (128, 128), port), (896, 3968));
    }

    #[test]
    fn free_capacity_is_stranded_where_constraints_or_kind_keep_all_tasks_away() {
        let only = |query: &'static str| {
            move |f: &mut Fixture, _| {
                let query = Query::parse(query).unwrap();
                f.launch_of(Ix::new(0)).constraints.push(PlacementConstraint::MemberOf(query));
            }
        };
        let fits = "attribute:ecs.instance-type == m5.large";
        assert_eq!(stranded(1, (128, 128), only(fits)), (0, 0));
        let fits_not = "attribute:ecs.instance-type == c5.large";
        assert_eq!(stranded(1, (128, 128), only(fits_not)), (1024, 4096));
        // What depends on tasks is taken to hold.
        assert_eq!(stranded(1, (128, 128), only("runningTasksCount < 1")), (0, 0));
        let windows =
            |f: &mut Fixture, web| f.requirement(web).os_family = OsFamily::Windows2022Core;
        assert_eq!(stranded(1, (128, 128), windows), (1024, 4096));
    }
}
