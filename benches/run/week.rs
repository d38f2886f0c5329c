//! A week of Spot instances under managed scaling, and what managed scaling costs where it has
//! nothing to do.

use std::io::{self, Read};
use std::path::Path;

use criterion::{BenchmarkId, Criterion, SamplingMode};
use ecsim::engine::Seed;
use ecsim::report::Happenings;
use ecsim::scenario::{Files, Scenario};
use ecsim::study;

const SEED: Seed = Seed { master: 1, replication: 0 };

struct Text(String);

impl Files for Text {
    fn open(&self, _: &Path) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(io::Cursor::new(self.0.clone().into_bytes())))
    }
}

fn scenario(text: String) -> Scenario {
    match Scenario::read(&Text(text), Path::new("bench.toml"), &[]) {
        Ok(scenario) => scenario,
        Err(problems) => panic!("{}", problems.to_lines()),
    }
}

/// Five services of as many tasks as there are instances, on a group of them.
///
/// A task needs a little less than a fifth of an instance, so that few are not full.
fn text(instances: u32, group: &str, provider: &str) -> String {
    let mut text = format!(
        r#"
        duration = "7 d"
        region = "eu-west-1"
        account = {{ override = true }}
        [auto_scaling_group.fleet]
        availability_zones = ["a", "b", "c"]
        min_size = 0
        max_size = {}
        {group}
        [capacity_provider.fleet]
        auto_scaling_group = "fleet"
        {provider}
        [load_balancer.public]
        type = "application"
        lcu = 1
        [target_group.web]
        load_balancer = "public"
        deregistration_delay = "30 s"
        [task_definition.web.container_definitions.web]
        image = "web"
        cpu = "0.39 vCPU"
        memory = "1 GiB"
        port_mappings = [{{ container_port = 8080, host_port = 0 }}]
        "#,
        2 * instances
    );
    for service in 0..5 {
        text += &format!(
            r#"
            [service.web-{service}]
            task_definition = "web"
            desired_count = {instances}
            minimum_healthy_percent = 90
            capacity_provider_strategy = [{{ capacity_provider = "fleet", weight = 1 }}]
            placement_strategy = [{{ binpack = "memory" }}]
            availability_zone_rebalancing = "DISABLED"
            load_balancers = [
                {{ target_group = "web", container_name = "web", container_port = 8080 }},
            ]
            "#
        );
    }
    text
}

const SPOT: &str = r#"
    instance_types = ["m7g.large", "m6g.large", "r7g.large"]
    purchase_option = "spot"
    spot_instance_draining = true
"#;

const ON_DEMAND: &str = r#"
    instance_type = "m7g.large"
"#;

const PROTECTED: &str = r#"managed_termination_protection = "ENABLED""#;

/// Measures a recorded and priced week, in simulated instances and not in tasks: most of them stay.
pub fn week(criterion: &mut Criterion) {
    let (sizes, _) = crate::sizes();
    let instances = sizes[sizes.len() / 2];
    let there = format!("{ON_DEMAND}\ndesired_capacity = {instances}");
    let cases = [
        ("spot, managed scaling", text(instances, SPOT, PROTECTED)),
        ("on demand, managed scaling", text(instances, &there, PROTECTED)),
        ("on demand, no scaling", text(instances, &there, "managed_scaling.status = \"DISABLED\"")),
    ];
    let mut group = criterion.benchmark_group("week");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, text) in cases {
        let scenario = scenario(text);
        group.bench_function(BenchmarkId::new(name, instances), |bencher| {
            bencher.iter(|| {
                let sink = Happenings::default();
                study::run(&scenario, SEED, sink, (&mut (), &mut ())).0.recording.events
            });
        });
    }
    group.finish();
}
