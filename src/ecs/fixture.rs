//! Small models for tests: a cluster in a few lines, every time constant unless a test says so.

use std::sync::Arc;

use crate::engine::{Distribution, Ix, Seed};
use crate::units::{Bytes, Calendar, HourlyRate, Resources, SimTime, Span};

use super::capacity::group::{GroupPolicy, PurchaseOption};
use super::capacity::reservation::{Combine, EmptyGroup, ManagedScaling};
use super::capacity::spot::{Hazard, OnDemandShare, SpotMarket, SpotParameters, SpotPool};
use super::load::fluid::Routing;
use super::model::*;
use super::{Fact, Instance, Observer, Sim, Task, TaskStatus, World};

/// A model under construction.
pub(crate) struct Fixture {
    pub model: Model,
}

/// Nothing happens at random, and nothing takes time but what a test sets.
pub(crate) fn constant(seconds: f64) -> Distribution {
    Distribution::constant(seconds).expect("a test's constant is a number")
}

pub(crate) fn quiet_timing() -> Timing {
    Timing {
        provisioning_timeout: Span::secs(1800),
        managed_scaling_delay: constant(0.0),
        reconcile_delay: constant(0.0),
        placement_retry: Span::secs(15),
        placement_retry_window: Span::secs(50),
        placement_retry_slow: Span::secs(300),
        rebalancing_delay: Span::secs(60),
        rebalancing_tasks: 1,
        throttle_after: 3,
        throttle_first: Span::secs(60),
        throttle_cap: Span::secs(27 * 60),
        eni_attach: constant(0.0),
        eni_detach: constant(0.0),
        agent_latency: constant(0.0),
        container_start: constant(0.0),
        fargate_start: constant(0.0),
        fargate_provision: constant(0.0),
        fargate_pull_bandwidth: Bytes::mib(10),
        cached_pull: constant(0.0),
        instance_launch_call: constant(0.0),
        instance_pending: constant(17.0),
        instance_boot: constant(3.0),
        agent_registration: constant(10.0),
        trunk_attach: constant(5.0),
        launch_retry: Span::secs(60),
        warm_start: constant(8.0),
        warm_resume: constant(6.0),
        scheduled_action_delay: constant(0.0),
        service_action_delay: constant(0.0),
        metric_delay: Span::ZERO,
        high_resolution_metric_delay: Span::ZERO,
        alarm_delay: Span::ZERO,
        scale_in_settle: Span::ZERO,
        zone_rebalancing_interval: Span::secs(300),
        pull_state: PullState::Activating,
        settle: Span::secs(40),
        health_check_response: constant(0.0),
        status_check: constant(180.0),
        termination_check: constant(30.0),
        fargate_host_check: constant(90.0),
    }
}

/// AWS's defaults.
pub(crate) const DEFAULT_SCALING: ManagedScaling = ManagedScaling {
    target_capacity: 100,
    minimum_scaling_step_size: 1,
    maximum_scaling_step_size: 10_000,
    instance_warmup_period: Span::secs(300),
    combine: Combine::Max,
    scale_in_percent: 50,
    scale_in_every_minutes: 1,
    empty_group: EmptyGroup::Rests,
};

pub(crate) fn quiet_behaviour() -> Behaviour {
    Behaviour {
        run_time: None,
        failure_rate: 0.0,
        failure_exit_code: 1,
        crash_rate_per_hour: 0.0,
        start_failure_rate: 0.0,
        start_time: None,
        ready_time: constant(0.0),
        stop_time: constant(0.0),
        usage: None,
        start_up: None,
    }
}

pub(crate) fn container(name: &str) -> Container {
    Container {
        name: name.into(),
        image: Ix::new(0),
        essential: true,
        depends_on: Vec::new(),
        start_timeout: None,
        stop_timeout: Span::secs(30),
        restart: None,
        health_check: None,
        behaviour: quiet_behaviour(),
    }
}

impl Fixture {
    /// A cluster in the zones `a`, `b`, … with nothing in it; images have no bytes.
    pub fn new(zones: usize) -> Fixture {
        let model = Model {
            name: "fixture".into(),
            calendar: Calendar::new("2026-01-05T00:00", "UTC").expect("a good date"),
            duration: Span::DAY,
            initial_state: InitialState::Cold,
            zones: (0..zones)
                .map(|n| Zone { name: format!("test-1{}", char::from(b'a' + n as u8)) })
                .collect(),
            clusters: [ClusterSpec { name: "default".into() }].into_iter().collect(),
            fleets: Default::default(),
            auto_scaling_groups: Default::default(),
            capacity_providers: Default::default(),
            pools: Default::default(),
            spot_market: SpotMarket::new("test-1", SpotParameters::default())
                .expect("the defaults are in range"),
            fargate_spot_hazard: Hazard::per_hour(0.0).expect("no hazard"),
            fargate_spot_deregistration: Deregistration::default(),
            spot_pools: Default::default(),
            shortages: Vec::new(),
            refreshes: Vec::new(),
            classes: Default::default(),
            subnets: Default::default(),
            images: [Image { name: "app".into(), size: Bytes(0) }].into_iter().collect(),
            task_definitions: Default::default(),
            requirements: Default::default(),
            launches: Default::default(),
            groups: Default::default(),
            target_groups: Default::default(),
            queues: Default::default(),
            services: Default::default(),
            fidelity: Default::default(),
            loads: Default::default(),
            fargate_cpu_speed: 1.0,
            fallbacks: Default::default(),
            submitters: Default::default(),
            actions: Vec::new(),
            faults: Default::default(),
            account: Account::UNLIMITED,
            timing: quiet_timing(),
            limits: Limits { events: 10_000_000, tasks: 1_000_000 },
        };
        Fixture { model }
    }

    /// Adds `count` instances, round the zones.
    pub fn fleet(&mut self, name: &str, count: u32, registered: (u32, u32)) -> Ix<Fleet> {
        let zones: Vec<_> = self.model.zones.indices().collect();
        self.fleet_in(name, count, registered, &zones)
    }

    /// Adds `count` instances, round the named zones.
    pub fn fleet_in(
        &mut self,
        name: &str,
        count: u32,
        (cpu_units, memory_mib): (u32, u32),
        zones: &[Ix<Zone>],
    ) -> Ix<Fleet> {
        let fleet = Ix::new(self.model.fleets.len());
        let classes = zones
            .iter()
            .map(|&zone| {
                let zone_name = self.model.zones[zone].name.clone();
                self.model.classes.push(InstanceClass {
                    fleet,
                    cluster: Ix::new(0),
                    launch_type: InstanceLaunchType::Ec2,
                    spot: None,
                    zone,
                    instance_type: "m5.large".into(),
                    registered: Resources { cpu_units, memory_mib, gpus: 0 },
                    task_enis: 2,
                    has_trunk: false,
                    reserved_ports: Vec::new(),
                    os_family: OsFamily::Linux,
                    architecture: Architecture::X86_64,
                    attributes: vec![
                        ("ecs.availability-zone".into(), zone_name),
                        ("ecs.instance-type".into(), "m5.large".into()),
                    ],
                    pull_bandwidth: Bytes::mib(10),
                    pull_behavior: PullBehavior::Default,
                    cpu_credits: None,
                    cpu_speed: 1.0,
                })
            })
            .collect();
        self.model.fleets.push(Fleet { name: name.into(), count, classes, group: None })
    }

    /// Adds an Auto Scaling group in all zones: its minimum, desired capacity and maximum.
    pub fn group(
        &mut self,
        name: &str,
        sizes: (u32, u32, u32),
        registered: (u32, u32),
    ) -> Ix<AutoScalingGroup> {
        let zones: Vec<_> = self.model.zones.indices().collect();
        self.group_in(name, sizes, registered, &zones)
    }

    /// Adds an Auto Scaling group in the named zones.
    pub fn group_in(
        &mut self,
        name: &str,
        (min_size, desired_capacity, max_size): (u32, u32, u32),
        registered: (u32, u32),
        zones: &[Ix<Zone>],
    ) -> Ix<AutoScalingGroup> {
        let fleet = self.fleet_in(name, desired_capacity, registered, zones);
        let group = Ix::new(self.model.auto_scaling_groups.len());
        let classes = self.model.fleets[fleet].classes.clone();
        let pools = classes.into_iter().map(|class| {
            self.model.pools.push(CapacityPool {
                group,
                zone: self.model.classes[class].zone,
                instance_type: 0,
                classes: vec![class],
                on_demand: HourlyRate::nanos_per_hour(100_000_000),
                spot: None,
            })
        });
        let pools = pools.collect();
        self.model.fleets[fleet].group = Some(group);
        self.model.auto_scaling_groups.push(AutoScalingGroup {
            name: name.into(),
            fleet,
            min_size,
            max_size,
            desired_capacity,
            policy: GroupPolicy::of_zones(zones.to_vec()),
            pools,
            managed_draining: false,
            managed_termination_protection: false,
            new_instances_protected_from_scale_in: false,
            spot_instance_draining: false,
            capacity_rebalance: false,
            health_check_grace_period: Span::ZERO,
            scheduled_actions: Vec::new(),
            max_instance_lifetime: None,
            lifecycle_hooks: Vec::new(),
            user_data: constant(0.0),
            warm_pool: None,
            managed_instances: None,
            zone_rebalancing: true,
            policies: Vec::new(),
            metric_period: Span::MINUTE,
        })
    }

    /// Adds pools to a group: types with their prices on demand in $ ÷ 1000, beside those it has,
    /// bought as Spot where a hazard per hour is given.
    pub fn add_pools(
        &mut self,
        group: Ix<AutoScalingGroup>,
        hazard: Option<f64>,
        types: &[(&str, i64)],
    ) {
        let fleet = self.model.auto_scaling_groups[group].fleet;
        let zones: Vec<_> = self.model.zones.indices().collect();
        let like = self.model.fleets[fleet].classes[0];
        for (position, &(name, price)) in types.iter().enumerate() {
            for &zone in &zones {
                let spot = hazard.map(|hazard| self.supply(name, zone, hazard));
                let mut class = self.model.classes[like].clone();
                (class.zone, class.spot, class.instance_type) = (zone, spot, name.into());
                class.attributes[0].1 = self.model.zones[zone].name.clone();
                let class = self.model.classes.push(class);
                self.model.fleets[fleet].classes.push(class);
                let pool = self.model.pools.push(CapacityPool {
                    group,
                    zone,
                    instance_type: position as u32,
                    classes: vec![class],
                    on_demand: HourlyRate::nanos_per_hour(price * 1_000_000),
                    spot,
                });
                self.model.auto_scaling_groups[group].pools.push(pool);
            }
        }
    }

    /// Returns the Spot capacity of a type in a zone, which costs 0.4 of the price on demand.
    pub fn supply(&mut self, name: &str, zone: Ix<Zone>, hazard: f64) -> Ix<SpotSupply> {
        let name = format!("{}/{name}", self.model.zones[zone].name);
        if let Some(supply) = self.model.spot_pools.position(|it| it.pool.name == name) {
            return supply;
        }
        let hazard = Hazard::per_hour(hazard).expect("a test's hazard is a rate");
        let usual = OnDemandShare::from_ratio(0.4);
        let pool = SpotPool { name, hazard };
        self.model.spot_pools.push(SpotSupply { pool, usual, availability: None })
    }

    /// Adds a group that buys Spot capacity of these types only.
    pub fn spot_group(
        &mut self,
        name: &str,
        sizes: (u32, u32, u32),
        (hazard, types): (f64, &[&str]),
    ) -> Ix<AutoScalingGroup> {
        let group = self.group(name, sizes, (1024, 2048));
        let types: Vec<(&str, i64)> = types.iter().map(|&name| (name, 100)).collect();
        self.add_pools(group, Some(hazard), &types);
        let pools = &self.model.pools;
        let spec = &mut self.model.auto_scaling_groups[group];
        spec.pools.retain(|&it| pools[it].purchase_option() == PurchaseOption::Spot);
        spec.policy.on_demand_percentage_above_base_capacity = 0;
        group
    }

    /// Adds a capacity provider of Managed Instances in all zones, of types with CPU, memory and
    /// price in $ ÷ 1000: what waits is gathered for 5 s, and an instance takes 180 s.
    pub fn managed(&mut self, name: &str, types: &[(&str, u32, u32, i64)]) -> Ix<CapacityProvider> {
        let group = self.group(name, (0, 0, 5000), (0, 0));
        let prices: Vec<(&str, i64)> = types.iter().map(|it| (it.0, it.3)).collect();
        let none = std::mem::take(&mut self.model.auto_scaling_groups[group].pools).len();
        self.add_pools(group, None, &prices);
        let fleet = self.model.auto_scaling_groups[group].fleet;
        self.model.fleets[fleet].classes.drain(..none);
        for &class in &self.model.fleets[fleet].classes {
            let class = &mut self.model.classes[class];
            let known = types.iter().find(|it| it.0 == class.instance_type);
            let &(_, cpu_units, memory_mib, _) = known.expect("it is one of them");
            class.registered = Resources { cpu_units, memory_mib, gpus: 0 };
        }
        let spec = &mut self.model.auto_scaling_groups[group];
        (spec.managed_draining, spec.max_instance_lifetime) = (true, Some(Span::DAY * 14));
        spec.managed_instances = Some(ManagedInstances {
            provider: Ix::new(self.model.capacity_providers.len()),
            scale_in_after: Some(Span::secs(300)),
            batching_window: Span::secs(5),
            launch_time: constant(180.0),
            drain_deadline: Span::DAY * 7,
            auto_repair: false,
        });
        let (name, managed_scaling) = (name.into(), None);
        self.model.capacity_providers.push(CapacityProvider { name, group, managed_scaling })
    }

    /// Returns what a provider of Managed Instances says.
    pub fn managed_spec(&mut self, provider: Ix<CapacityProvider>) -> &mut ManagedInstances {
        let group = self.model.capacity_providers[provider].group;
        let managed = self.model.auto_scaling_groups[group].managed_instances.as_mut();
        managed.expect("a provider of a test is of Managed Instances")
    }

    /// Adds a capacity provider to a group, with AWS's defaults of managed scaling.
    pub fn provider(&mut self, group: Ix<AutoScalingGroup>) -> Ix<CapacityProvider> {
        let name = self.model.auto_scaling_groups[group].name.clone();
        let managed_scaling = Some(DEFAULT_SCALING);
        self.model.capacity_providers.push(CapacityProvider { name, group, managed_scaling })
    }

    pub fn scaling(&mut self, provider: Ix<CapacityProvider>) -> &mut ManagedScaling {
        let provider = &mut self.model.capacity_providers[provider];
        provider.managed_scaling.as_mut().expect("a provider of a test scales")
    }

    /// Gives a launch a strategy of capacity providers, each with its base and weight.
    pub fn strategy(&mut self, launch: Ix<Launch>, items: &[(Ix<CapacityProvider>, u32, u32)]) {
        let item = |&(provider, base, weight): &(Ix<CapacityProvider>, u32, u32)| StrategyItem {
            capacity_provider: Some(provider),
            base,
            weight,
            ..StrategyItem::only(Provider::Ec2)
        };
        self.model.launches[launch].providers = items.iter().map(item).collect();
    }

    /// Sets the desired capacity of a group at a time.
    pub fn set_capacity(&mut self, secs: u64, group: Ix<AutoScalingGroup>, desired_capacity: u32) {
        let action = Action::SetDesiredCapacity { group, desired_capacity };
        self.model.actions.push((SimTime::from_secs(secs), action));
    }

    /// Adds a task definition with one container.
    pub fn definition(&mut self, name: &str, cpu: u32, memory: u32) -> Ix<TaskDefinition> {
        let requirement = self.model.requirements.push(Requirement {
            resources: Resources { cpu_units: cpu, memory_mib: memory, gpus: 0 },
            ports: Vec::new(),
            awsvpc: false,
            os_family: OsFamily::Linux,
            architecture: None,
        });
        self.model.task_definitions.push(TaskDefinition {
            name: name.into(),
            family: name.into(),
            requirement,
            fargate: Some(FargateSize {
                cpu_units: cpu,
                memory_mib: memory,
                ephemeral_storage_gib: 20,
            }),
            os: Os::Linux,
            architecture: Architecture::X86_64,
            containers: vec![container("app")],
            serving: None,
        })
    }

    pub fn requirement(&mut self, definition: Ix<TaskDefinition>) -> &mut Requirement {
        let ix = self.model.task_definitions[definition].requirement;
        &mut self.model.requirements[ix]
    }

    pub fn launch(
        &mut self,
        group: &str,
        provider: Provider,
        strategy: Vec<PlacementStrategy>,
    ) -> Ix<Launch> {
        let group = match self.model.groups.position(|other| other.name == group) {
            Some(group) => group,
            None => self.model.groups.push(TaskGroup { cluster: Ix::new(0), name: group.into() }),
        };
        self.model.launches.push(Launch {
            cluster: Ix::new(0),
            providers: vec![StrategyItem::only(provider)],
            group,
            strategy,
            constraints: Vec::new(),
            subnets: Vec::new(),
            zones: self.model.zones.indices().collect(),
            public_ip: false,
        })
    }

    /// Adds a service on EC2 with the default strategy.
    pub fn service(
        &mut self,
        name: &str,
        definition: Ix<TaskDefinition>,
        desired_count: u32,
    ) -> Ix<Service> {
        let strategy = vec![az_spread(), PlacementStrategy::SpreadInstance];
        self.service_with(name, definition, desired_count, strategy)
    }

    pub fn service_with(
        &mut self,
        name: &str,
        definition: Ix<TaskDefinition>,
        desired_count: u32,
        strategy: Vec<PlacementStrategy>,
    ) -> Ix<Service> {
        let launch = self.launch(&format!("service:{name}"), Provider::Ec2, strategy);
        self.model.services.push(Service {
            name: name.into(),
            task_definition: definition,
            launch,
            scheduling: Scheduling::Replica { desired_count },
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            target_groups: Vec::new(),
            availability_zone_rebalancing: false,
            auto_scaling: None,
        })
    }

    pub fn launch_of(&mut self, service: Ix<Service>) -> &mut Launch {
        let ix = self.model.services[service].launch;
        &mut self.model.launches[ix]
    }

    /// Adds a job: rows of (arrival s, tasks, run time s).
    pub fn job(
        &mut self,
        name: &str,
        definition: Ix<TaskDefinition>,
        rows: &[(u64, u32, u64)],
        when_full: WhenFull,
    ) -> Ix<Submitter> {
        let launch = self.launch(
            &format!("family:{name}"),
            Provider::Ec2,
            vec![PlacementStrategy::BinpackMemory],
        );
        let requirement = self.model.task_definitions[definition].requirement;
        let trace = JobTrace {
            arrival: rows.iter().map(|row| SimTime::from_secs(row.0)).collect(),
            count: rows.iter().map(|row| row.1).collect(),
            requirement: vec![requirement; rows.len()],
            duration: rows.iter().map(|row| Span::secs(row.2)).collect(),
            fargate: Vec::new(),
            file_rows: Vec::new(),
        };
        self.model.submitters.push(Submitter {
            name: name.into(),
            task_definition: definition,
            launch,
            source: Source::Trace(Arc::new(trace)),
            when_full,
            gang: false,
        })
    }

    /// Something fails at a time.
    pub fn fault(&mut self, secs: u64, kind: FaultKind) -> Ix<Fault> {
        let name = format!("fault-{}", self.model.faults.len());
        let when = FaultTime::At(SimTime::from_secs(secs));
        self.model.faults.push(Fault { name, when, kind })
    }

    /// Adds a target group with checks every ten seconds that time out at once, and a service's
    /// tasks to it.
    pub fn balance(&mut self, service: Ix<Service>) -> Ix<TargetGroup> {
        let group = self.model.target_groups.push(TargetGroup {
            name: "web".into(),
            deregistration_delay: Span::secs(20),
            health_check_interval: Span::secs(10),
            health_check_timeout: Span::ZERO,
            first_healthy_checks: 1,
            healthy_checks: 5,
            unhealthy_checks: 2,
            routing: Routing::RoundRobin,
        });
        self.model.services[service].target_groups.push(group);
        group
    }

    pub fn sim(self) -> Sim {
        Sim::new(Arc::new(self.model), Seed { master: 1, replication: 0 })
    }

    /// Runs for so many seconds and returns the run.
    pub fn run(self, secs: u64) -> Sim {
        let mut sim = self.sim();
        let stop = sim.run_until(SimTime::from_secs(secs), &mut ());
        assert_eq!(stop, super::Stop::Reached);
        sim
    }

    /// Runs for so many seconds and returns the run with its story: a line a fact.
    pub fn story(self, secs: u64) -> (Sim, Vec<(f64, Fact)>) {
        let mut sim = self.sim();
        let mut story = Story::default();
        sim.run_until(SimTime::from_secs(secs), &mut story);
        (sim, story.facts)
    }
}

pub(crate) fn az_spread() -> PlacementStrategy {
    PlacementStrategy::SpreadAttribute("ecs.availability-zone".into())
}

/// Keeps every fact.
#[derive(Clone, Default)]
pub(crate) struct Story {
    pub facts: Vec<(f64, Fact)>,
}

impl Observer for Story {
    fn observe(&mut self, at: SimTime, fact: &Fact, _: &World, _: &Model) {
        self.facts.push((at.as_secs_f64(), *fact));
    }
}

/// Returns how many tasks of each instance are RUNNING, instances in order of registration.
pub(crate) fn running_by_instance(sim: &Sim) -> Vec<usize> {
    count_by_instance(sim, |task| task.last_status == TaskStatus::Running)
}

pub(crate) fn count_by_instance(sim: &Sim, test: impl Fn(&Task) -> bool) -> Vec<usize> {
    let world = sim.world();
    let on = |id| world.tasks.iter().filter(|(_, t)| t.instance == Some(id) && test(t)).count();
    world.cluster.instances().map(|(id, _): (_, &Instance)| on(id)).collect()
}
