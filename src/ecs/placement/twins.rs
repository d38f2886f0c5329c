//! The index against the scan: the same choice, always.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::fixture::{Fixture, az_spread};
use super::super::model::*;
use super::query::Query;
use super::rig::Rig;
use super::{Ask, Place, View, check, scan};
use crate::engine::{Ix, Luck, Purpose, Seed};
use crate::units::{Resources, SimTime};

const DICE: Purpose = Purpose::new("dice");

/// Numbers for one case, one after the other.
#[derive(Clone)]
pub(super) struct Dice(Luck, u64);

impl Dice {
    pub fn new(case: u64) -> Dice {
        Dice(Seed { master: case, replication: 0 }.luck("twins"), 0)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.1 += 1;
        self.0.part(self.1).below(DICE, n as u32) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

fn port(number: u16) -> HostPort {
    HostPort { protocol: Protocol::Tcp, number }
}

/// Mostly one, for else nothing fits.
const FAMILIES: [OsFamily; 6] = [
    OsFamily::Linux,
    OsFamily::Linux,
    OsFamily::Linux,
    OsFamily::Linux,
    OsFamily::Windows2022Core,
    OsFamily::Windows2022Full,
];

fn add_fleets(f: &mut Fixture, dice: &mut Dice) {
    let zones: Vec<_> = f.model.zones.indices().collect();
    let most = dice.of(&[12, 12, 12, 150]);
    for number in 0..dice.below(5) {
        let registered = (1024 * (1 + dice.below(4) as u32), 2048 * (1 + dice.below(4) as u32));
        let count = dice.below(most) as u32;
        let zones = &zones[..1 + dice.below(zones.len())];
        let fleet = f.fleet_in(&format!("fleet-{number}"), count, registered, zones);
        let (cluster, external) = (dice.below(f.model.clusters.len()), dice.one_in(5));
        let arm = dice.one_in(4);
        let (gpus, enis) = (dice.of(&[0, 0, 2]), dice.below(4) as u32);
        let rack = dice.of(&[None, Some("a"), Some("b")]);
        let family = dice.of(&FAMILIES);
        for class in f.model.fleets[fleet].classes.clone() {
            let class = &mut f.model.classes[class];
            class.cluster = Ix::new(cluster);
            class.registered.gpus = gpus;
            class.task_enis = enis;
            class.os_family = family;
            if external {
                class.launch_type = InstanceLaunchType::External;
            }
            if arm {
                class.architecture = Architecture::Arm64;
            }
            if rack == Some("b") {
                class.reserved_ports.push(port(81));
            }
            if rack == Some("a") {
                // So many that one more host port can be reserved, and not two.
                class.reserved_ports.extend((1000..1099).map(port));
            }
            class.attributes.extend(rack.map(|rack| ("rack".to_string(), rack.to_string())));
        }
    }
}

fn add_requirements(f: &mut Fixture, dice: &mut Dice) {
    // Now and then more than an index can tell apart.
    let count = if dice.one_in(4) { 60 + dice.below(60) } else { 1 + dice.below(6) };
    let plain = dice.one_in(3);
    for _ in 0..count {
        let mut requirement = Requirement {
            resources: Resources {
                cpu_units: if count > 6 { dice.below(900) as u32 } else { dice.of(&[0, 256, 512]) },
                memory_mib: if count > 6 {
                    1 + dice.below(900) as u32
                } else {
                    dice.of(&[256, 1024])
                },
                gpus: 0,
            },
            ports: Vec::new(),
            awsvpc: false,
            os_family: OsFamily::Linux,
            architecture: None,
        };
        if !plain {
            requirement.resources.gpus = dice.of(&[0, 0, 0, 1]);
            requirement.awsvpc = dice.one_in(4);
            requirement.architecture = dice.of(&[None, None, Some(Architecture::Arm64)]);
            requirement.os_family = dice.of(&FAMILIES);
            for number in [80, 81] {
                if dice.one_in(5) {
                    requirement.ports.push(port(number));
                }
            }
        }
        f.model.requirements.push(requirement);
    }
}

fn add_launches(f: &mut Fixture, dice: &mut Dice) {
    let rules = [
        PlacementStrategy::BinpackCpu,
        PlacementStrategy::BinpackMemory,
        PlacementStrategy::SpreadInstance,
        az_spread(),
        PlacementStrategy::SpreadAttribute("rack".into()),
        PlacementStrategy::Random,
    ];
    for _ in 0..1 + dice.below(4) {
        let group = dice.of(&["service:a", "service:b", "family:c"]);
        let strategy = (0..dice.below(6)).map(|_| rules[dice.below(rules.len())].clone()).collect();
        let launch = f.launch(group, Provider::Ec2, strategy);
        let launch = &mut f.model.launches[launch];
        for provider in [Provider::Ec2, Provider::External] {
            let item = launch.providers[0];
            launch.providers.push(StrategyItem { provider, ..item });
        }
        launch.cluster = Ix::new(dice.below(f.model.clusters.len()));
        if dice.one_in(5) {
            launch.constraints.push(PlacementConstraint::DistinctInstance);
        }
        let expressions = [
            "attribute:rack exists",
            "not (attribute:rack == b)",
            "ec2InstanceId =~ fleet-[01]-.*",
            "runningTasksCount < 4",
            "task:group != service:b or attribute:rack == a",
        ];
        for text in expressions {
            if dice.one_in(10) {
                let query = Query::parse(text).expect("a good expression");
                launch.constraints.push(PlacementConstraint::MemberOf(query));
            }
        }
        for subnet in f.model.subnets.indices() {
            if dice.one_in(2) {
                launch.subnets.push(subnet);
            }
        }
    }
}

fn model(dice: &mut Dice) -> Model {
    let mut f = Fixture::new(1 + dice.below(3));
    if dice.one_in(3) {
        f.model.clusters.push(ClusterSpec { name: "other".into() });
    }
    for zone in f.model.zones.indices() {
        if dice.one_in(2) {
            let name = format!("subnet-{}", zone.index());
            f.model.subnets.push(Subnet { name, zone, free_addresses: dice.of(&[2, 200]) });
        }
    }
    add_fleets(&mut f, dice);
    add_requirements(&mut f, dice);
    add_launches(&mut f, dice);
    f.model
}

/// A rig, the tasks in it, and the numbers that decide what happens next.
#[derive(Clone)]
struct Case {
    rig: Rig,
    tasks: VecDeque<(Ask, Place)>,
    dice: Dice,
    /// How many tasks are kept before old ones go.
    full: usize,
    story: Vec<Option<Place>>,
}

impl Case {
    fn new(number: u64) -> Case {
        let mut dice = Dice::new(number);
        let rig = Rig::new(Arc::new(model(&mut dice)));
        let full = 1 + dice.below(200);
        Case { rig, tasks: VecDeque::new(), dice, full, story: Vec::new() }
    }

    fn ask(&mut self) -> Ask {
        let launch = Ix::new(self.dice.below(self.rig.model.launches.len()));
        let requirement = Ix::new(self.dice.below(self.rig.model.requirements.len()));
        let item = self.dice.below(3) as u8;
        let provider = self.rig.model.launches[launch].providers[usize::from(item)].provider;
        let luck = self.dice.0.part(self.dice.1).named("task");
        Ask { launch, requirement, fargate: None, item, provider, luck }
    }

    /// Chooses both ways, compares, and changes something.
    fn step(&mut self) {
        let ask = self.ask();
        let chosen = self.rig.choose(&ask);
        let world = &self.rig.world;
        let view =
            View { model: &self.rig.model, cluster: &world.cluster, account: &world.account };
        let judge = scan::choose(&view, &ask);
        let strategy = &self.rig.model.launches[ask.launch].strategy;
        assert_eq!(chosen.and_then(|place| place.instance), judge, "{strategy:?} {ask:?}");
        if chosen.is_none() {
            let slow = check::explain(&view, &ask);
            let of_index = self.rig.explain(&ask);
            assert_eq!(of_index, slow, "{ask:?}");
        }
        self.story.push(chosen);
        if let Some(place) = chosen
            && !self.dice.one_in(10)
        {
            self.rig.reserve(&ask, place);
            self.tasks.push_back((ask, place));
        }
        while self.tasks.len() > self.full || (!self.tasks.is_empty() && self.dice.one_in(4)) {
            let any = self.dice.below(self.tasks.len());
            if let Some((ask, place)) = self.tasks.remove(any) {
                self.rig.cancel(&ask, place);
            }
        }
        if self.dice.one_in(60) {
            self.grow();
        }
        if self.dice.one_in(90) {
            self.shrink();
        }
    }

    /// An instance drains, or one that has drained is gone.
    fn shrink(&mut self) {
        let cluster = &mut self.rig.world.cluster;
        let gone = cluster.instances().find(|(_, host)| !host.is_active() && host.tasks() == 0);
        if let Some(gone) = gone.map(|(id, _)| id) {
            return cluster.remove(&self.rig.model, gone);
        }
        let active: Vec<_> =
            cluster.instances().filter(|(_, host)| host.is_active()).map(|(id, _)| id).collect();
        if !active.is_empty() {
            cluster.set_draining(active[self.dice.below(active.len())]);
        }
    }

    /// One more instance registers; a daemon sets room aside on it.
    fn grow(&mut self) {
        let classes = self.rig.model.classes.len();
        if classes == 0 {
            return;
        }
        let class = Ix::new(self.dice.below(classes));
        let cluster = &mut self.rig.world.cluster;
        let instance = cluster.launch(&self.rig.model, class, 1000, SimTime::ZERO);
        cluster.register(&self.rig.model, instance, SimTime::ZERO);
        let wanted = &self.rig.model.requirements[Ix::new(0)];
        cluster.set_aside(instance, Ix::new(0), wanted);
    }

    /// Counts the tasks of each group by each value that is spread over, the slow way.
    fn check_values(&self) {
        let (model, cluster) = (&self.rig.model, &self.rig.world.cluster);
        let names = ["ecs.availability-zone", "rack"].into_iter().filter(|name| {
            let rule = PlacementStrategy::SpreadAttribute((*name).into());
            model.launches.iter().any(|(_, launch)| launch.strategy.contains(&rule))
        });
        for name in names {
            for (group, (ix, class)) in model
                .groups
                .indices()
                .flat_map(|group| model.classes.iter().map(move |c| (group, c)))
            {
                let same = cluster.instances().filter(|(_, host)| {
                    let other = &model.classes[host.class];
                    other.cluster == class.cluster && other.attribute(name) == class.attribute(name)
                });
                let slow: u32 = same.map(|(id, _)| cluster.group_on_instance(group, id)).sum();
                assert_eq!(super::group_on_value(cluster, (group, name), ix), slow);
            }
        }
    }
}

#[test]
fn the_index_chooses_what_the_scan_chooses() {
    for number in 0..400 {
        let mut case = Case::new(number);
        for _ in 0..150 {
            case.step();
        }
        case.check_values();
        // A copy made in the middle goes on as the original does.
        let mut copy = case.clone();
        for _ in 0..150 {
            case.step();
            copy.step();
        }
        assert_eq!(case.story, copy.story);
    }
}
