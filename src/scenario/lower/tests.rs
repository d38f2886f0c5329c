//! AWS's rules as a table of scenarios and the lines they get, and what models are made of.

use std::path::Path;

use crate::catalogue::Catalogue;
use crate::ecs::Model;
use crate::ecs::model::{
    InstanceClass, Protocol, Provider, Requirement, Scheduling, Source, StrategyItem,
    TaskDefinition,
};
use crate::engine::Ix;
use crate::scenario::tests::InMemory;
use crate::scenario::{Code, Override, Scenario};

use super::capacity_warnings;

const FILES: [(&str, &str); 36] = [
    ("rate.csv", "seconds,requests_per_second\n0,1\n60,2\n120,3\n"),
    ("coarse.csv", "seconds,requests_per_second\n0,1\n300,2\n"),
    (
        "gaps.csv",
        "time,requests\n2026-03-02 00:00,60\n2026-03-02 00:01,60\n2026-03-02 00:02,6\n\
         2026-03-02 00:05,60\n2026-03-02 00:06,60\n2026-03-02 00:08,60\n",
    ),
    ("hole.csv", "seconds,requests_per_second\n0,1\n60,\n120,2\n"),
    (
        "odd.csv",
        "time,requests\n0,-1\n60,NaN\n120,inf\n180,many\n240,1e13\nsoon,1\n-5,1\n1e300,1\n\
         2026-02-30 00:00,1\n",
    ),
    ("twins.csv", "seconds,requests_per_second\n0,1\n60,2\n120,3\n60,4\n"),
    ("jumbled.csv", "seconds,requests_per_second\n0,1\n120,3\n60,2\n"),
    ("mixed.csv", "time,requests\n0,1\n2026-03-02 00:01,2\n"),
    ("nameless.csv", "a,b\n0,1\n60,2\n"),
    ("columns.csv", "time,requests,hits\n0,1,1\n60,2,1\n"),
    ("single.csv", "seconds,requests\n0,1\n"),
    ("none.csv", "seconds,requests\n"),
    (
        "two.json",
        "{\"MetricDataResults\":[{\"Id\":\"a\",\"Timestamps\":[],\"Values\":[]},\
      {\"Id\":\"b\",\"Timestamps\":[],\"Values\":[]}]}",
    ),
    (
        "uneven.json",
        "{\"MetricDataResults\":[{\"Id\":\"a\",\"Timestamps\":[1772409600],\
      \"Values\":[]}]}",
    ),
    ("lists.json", "{\"MetricDataResults\":[{\"Id\":\"a\"}]}"),
    ("average.json", "{\"Datapoints\":[{\"Timestamp\":1772409600,\"Average\":1}]}"),
    (
        "odd.json",
        "{\"Datapoints\":[{\"Timestamp\":1772409600,\"Sum\":-1},{\"Timestamp\":\"soon\",\
         \"Sum\":1},{\"Timestamp\":7,\"Sum\":null},{\"Sum\":1}]}",
    ),
    ("cut.json", "{\"Datapoints\":["),
    ("alarm.json", "{\"MetricAlarms\":[]}"),
    ("console.csv", "Label,a,b\n2026/03/02 00:01:00,1,2\n2026/03/02 00:00:00,1,2\n"),
    ("bare.csv", "Label\n2026/03/02 00:01:00\n"),
    ("levels.csv", "seconds,pool,capacity\n0,us-east-1f/c5.large,3\n60,us-east-1f/c5.large,1\n"),
    ("nodes.csv", "seconds,pool,node,event\n0,us-east-1a/c5.large,i-1,add\n"),
    ("unlevel.csv", "seconds,pool,capacity\n0,us-east-1a/c5.large,many\n"),
    ("descending.csv", "seconds,pool,capacity\n0,p,1\n9,p,2\n8,p,3\n"),
    ("late.csv", "arrival_s\n5\n"),
    ("t.csv", "arrival_s,m\n0,512\n1,1000000\n2,999999\n"),
    ("bad.csv", "arrival_s\n0\nx\n"),
    ("d.csv", "y\n1\n"),
    ("semicolons.csv", "arrival_s;cpu;memory\n0;256;512\n"),
    ("tabs.csv", "arrival_s\tcpu\n0\t256\n"),
    ("vcpu.csv", "arrival_s,cpu\n0,0.5\n"),
    ("dates.csv", "arrival_s\n2026-03-01T00:00:00Z\n"),
    (
        "modeless.json",
        "{\"containerDefinitions\":[{\"name\":\"a\",\"image\":\"x\"}],\
      \"requiresCompatibilities\":[\"FARGATE\"],\"cpu\":\"256\",\"memory\":\"512\"}",
    ),
    (
        "plain.json",
        "{\"containerDefinitions\":[{\"name\":\"a\",\"image\":\"x\"}],\
      \"cpu\":\"256\",\"memory\":\"512\"}",
    ),
    (
        "null.json",
        "{\"networkMode\":null,\"containerDefinitions\":[{\"name\":\"a\",\
      \"image\":\"x\"}],\"cpu\":\"256\",\"memory\":\"512\"}",
    ),
];

fn read(text: &str) -> Result<Scenario, String> {
    let mut files = vec![("a.toml", text)];
    files.extend(FILES);
    let read = Scenario::read(&InMemory::new(&files), Path::new("a.toml"), &[] as &[Override]);
    read.map_err(|problems| problems.to_lines())
}

fn lines(text: &str) -> String {
    match read(text) {
        Ok(scenario) => scenario.document.problems.to_lines(),
        Err(lines) => lines,
    }
}

#[test]
fn every_rule_of_aws_has_its_message_and_a_hint() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario/lower/rules.txt");
    let table = std::fs::read_to_string(&path).expect("it is there");
    let mut renewed = table.clone();
    let mut rows = 0;
    let mut wrong = String::new();
    for row in table.split("\n--- ").skip(1) {
        let (name, rest) = row.split_once('\n').expect("a row has a name");
        let (text, expected) = rest.split_once(">>>\n").expect("a row says what it gets");
        let expected = expected.split("\n=== ").next().unwrap_or("").trim();
        let found = lines(text);
        let lines: Vec<&str> = found.lines().filter(|line| !line.starts_with('…')).collect();
        for pair in lines.chunks(2) {
            let is_hinted = pair.get(1).is_some_and(|hint| hint.starts_with("hint: "));
            assert!(is_hinted && !pair[0].starts_with("hint: "), "{name}: no hint: {pair:?}");
        }
        if found.trim() != expected {
            wrong += &format!("--- {name}\n{text}>>>\n{found}\ninstead of\n{expected}\n\n");
            let row = |lines: &str| format!("--- {name}\n{text}>>>\n{}", lines.trim());
            renewed = renewed.replacen(&row(expected), &row(&found), 1);
        }
        rows += 1;
    }
    if std::env::var_os("ECSIM_RENEW").is_some() {
        std::fs::write(&path, renewed).expect("it can be written");
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(rows > 100, "the table has {rows} rows");
}

/// Codes whose warning needs more than one scenario and a few files, and is tested elsewhere.
const WITHOUT_ROW: [Code; 2] = [Code::ReplacedByFlag, Code::UnlikelyCpuUnit];

#[test]
fn every_code_of_a_warning_has_a_row() {
    let table = include_str!("rules.txt");
    for code in Code::ALL {
        let has_row = table.contains(&format!("warning[{}]: ", code.page().id));
        assert_eq!(has_row, !WITHOUT_ROW.contains(code), "{code:?}");
    }
}

/// S-E73: in a group of a t3.medium and an m5.4xlarge, nothing is launched for tasks of 8 GiB.
#[test]
fn tasks_too_big_for_the_smallest_type_are_ignored_by_managed_scaling() {
    let group = "min_size = 0\nmax_size = 9\n";
    let text = format!(
        "[auto_scaling_group.small]\ninstance_type = \"t3.medium\"\n{group}\
         [auto_scaling_group.large]\ninstance_type = \"m5.4xlarge\"\n{group}\
         [capacity_provider.large]\nauto_scaling_group = \"large\"\n\
         [service.s]\ndesired_count = 1\ncapacity_provider_strategy = [{{ capacity_provider = \
         \"large\" }}]\ntask_definition = {{ cpu = 256, memory = \"8 GiB\" }}\n"
    );
    let model = model(&text);
    let scaling = model.capacity_providers[Ix::new(0)].managed_scaling.expect("by default");
    let wanted = &model.requirements[Ix::new(0)];
    let [small, large] = [0, 1].map(|class| &model.classes[Ix::new(class)]);
    let is_ignored = |kinds: &[&InstanceClass], wanted: &Requirement| {
        capacity_warnings::is_ignored(&scaling, kinds, (&model.launches[Ix::new(0)], wanted))
    };
    assert!(is_ignored(&[small, large], wanted));
    assert!(!is_ignored(&[large], wanted));
    let mut less = wanted.clone();
    less.resources.memory_mib = 2048;
    assert!(!is_ignored(&[small, large], &less));
    // What fits none of them is an error, told otherwise.
    assert!(!is_ignored(&[small], wanted));
}

#[track_caller]
fn model(text: &str) -> Model {
    let scenario = read(text).unwrap_or_else(|lines| panic!("{lines}"));
    Model::clone(&scenario.model)
}

#[test]
fn a_task_group_belongs_to_its_cluster() {
    let model = model(
        "[cluster.dev]\n[cluster.prod]\n\
         [task_definition.report]\ncpu = 256\nmemory = 512\n\
         [task.a]\ncluster = \"dev\"\nlaunch_type = \"FARGATE\"\n\
         task_definition = \"report\"\nschedule = \"rate(1 hour)\"\n\
         [task.b]\nlike = \"a\"\ncluster = \"prod\"\n",
    );
    let groups: Vec<_> = model.launches.iter().map(|(_, launch)| launch.group).collect();
    assert_ne!(groups[0], groups[1], "their tasks are spread apart from each other");
    let name = |n: usize| model.groups[groups[n]].name.as_str();
    assert_eq!((name(0), name(1)), ("family:report", "family:report"));
}

/// What is not compatible is off without a word, as with AWS.
#[test]
fn s_e56_services_are_rebalanced_wherever_aws_allows_it() {
    let is_rebalanced = |keys: &str| {
        let text = "[container_instances.od]\ninstance_type = \"m5.large\"\n[service.s]\n\
                    task_definition = { cpu = 256, memory = 512 }\n";
        let model = model(&format!("{text}{keys}\n"));
        model.services[Ix::new(0)].availability_zone_rebalancing
    };
    let replica = |keys: &str| is_rebalanced(&format!("desired_count = 2\n{keys}"));
    assert!(replica(""));
    assert!(replica("launch_type = \"FARGATE\""));
    assert!(replica("maximum_percent = 101"));
    assert!(replica("placement_constraints = [\"distinctInstance\"]"));
    assert!(!replica("availability_zone_rebalancing = \"DISABLED\""));
    assert!(!replica("maximum_percent = 100"));
    assert!(!replica("placement_strategy = [{ binpack = \"memory\" }]"));
    assert!(!replica("placement_strategy = [\"random\"]"));
    let constraint = "attribute:ecs.availability-zone == us-east-1a";
    assert!(!replica(&format!("placement_constraints = [{{ member_of = \"{constraint}\" }}]")));
    assert!(!is_rebalanced("scheduling_strategy = \"DAEMON\""));
}

#[test]
fn awsvpc_tasks_without_a_network_configuration_take_addresses_of_their_instances_subnets() {
    let subnets = "[subnet.a]\navailability_zone = \"a\"\ncidr = \"10.0.0.0/28\"\n";
    let service = "[service.s]\ndesired_count = 1\n\
                   task_definition = { cpu = 256, memory = 512, network_mode = \"awsvpc\" }\n";
    let launch = |fleets: &str| {
        let model = model(&format!("{subnets}{fleets}{service}"));
        model.launches[Ix::new(0)].subnets.len()
    };
    let within = format!("{FLEET}subnets = [\"a\"]\n");
    assert_eq!(launch(&within), 1);
    let mixed = format!("{within}[container_instances.x]\ninstance_type = \"c5.large\"\n");
    assert_eq!(launch(&mixed), 0, "not all of them have one");
}

const FLEET: &str = "[container_instances.od]\ninstance_type = \"c5.large\"\n";

#[test]
fn instances_register_what_the_agent_reports_and_hold_so_many_interfaces() {
    let check = |fleet: &str, reserved_mib: u32| {
        let model = model(&format!("[container_instances.x]\n{fleet}\n"));
        let class = &model.classes[Ix::new(0)];
        let known = Catalogue::builtin().instance_type(&class.instance_type);
        let known = known.expect("it is in the catalogue");
        let memory = known.registered_memory(class.os_family.os()).mib - reserved_mib;
        let task_enis = known.awsvpc_tasks(fleet.contains("trunking"));
        assert_eq!((class.registered.memory_mib, class.task_enis), (memory, task_enis), "{fleet}");
        assert_eq!(class.registered.cpu_units, known.vcpus * 1024, "{fleet}");
        (memory, task_enis)
    };
    // S-E36: 8192 MiB do not fit; S-E41: two interfaces for tasks, ten with trunking.
    assert_eq!(check("instance_type = \"c5.large\"", 0).1, 2);
    assert_eq!(check("instance_type = \"c5.large\"\nawsvpc_trunking = true", 0).1, 10);
    assert!(check("instance_type = \"m4.large\"", 0).0 < 8192);
    check("instance_type = \"m4.large\"\noperating_system = \"WINDOWS_SERVER_2022_CORE\"", 0);
    check("instance_type = \"m5.large\"\nreserved_memory = \"180 MiB\"", 180);
    // Windows never trunks, and its version of 2016 has no interfaces for tasks.
    let trunks = "cluster.default.awsvpc_trunking = true";
    let enis = |version: &str| {
        let text = format!("{trunks}\n{FLEET}operating_system = \"WINDOWS_SERVER_{version}\"\n");
        model(&text).classes[Ix::new(0)].task_enis
    };
    assert_eq!((enis("2022_CORE"), enis("2016_FULL")), (2, 0));
    // A cluster's setting holds for all its instances.
    let text = format!("cluster.default.awsvpc_trunking = true\n{FLEET}");
    assert_eq!(model(&text).classes[Ix::new(0)].task_enis, 10);
}

fn requirement(task_definition: &str) -> (u32, u32, u32, usize, bool) {
    let text = format!(
        "[container_instances.od]\ninstance_type = \"p3.8xlarge\"\n[service.s]\n\
         desired_count = 1\ntask_definition = {{ {task_definition} }}\n"
    );
    let model = model(&text);
    let wanted = &model.requirements[model.task_definitions[Ix::new(0)].requirement];
    let it = wanted.resources;
    (it.cpu_units, it.memory_mib, it.gpus, wanted.ports.len(), wanted.awsvpc)
}

#[test]
fn s_e40_tasks_reserve_what_the_agent_counts() {
    // Source: amazon-ecs-agent `task.go`, `ToHostResources`.
    let check = |definition: &str, expected| assert_eq!(requirement(definition), expected);
    check("cpu = 256, memory = 512", (256, 512, 0, 0, false));
    // S-E40: the soft limit is what is reserved.
    let app = "image = \"x\", memory_reservation = 128, memory = 300";
    check(&format!("container_definitions.a = {{ {app} }}"), (0, 128, 0, 0, false));
    let two = "a = { image = \"x\", cpu = 10, memory = 64 }, b = { image = \"x\", cpu = 20, \
               memory_reservation = 32, resource_requirements = [{ type = \"GPU\", value = 2 }] }";
    check(&format!("container_definitions = {{ {two} }}"), (30, 96, 2, 0, false));
    // What the task itself says wins.
    let both = format!("cpu = 512, memory = 1024, container_definitions = {{ {two} }}");
    check(&both, (512, 1024, 2, 0, false));
    // Dynamic host ports do not count, nor any with an interface of its own.
    let ports = |mode: &str| {
        format!(
            "memory = 64, network_mode = \"{mode}\", container_definitions.a = {{ image = \"x\", \
             port_mappings = [{{ container_port = 80, host_port = 80 }}, \
             {{ container_port = 81 }}, \
             {{ container_port = 82, host_port = 0 }}] }}"
        )
    };
    check(&ports("bridge"), (0, 64, 0, 1, false));
    check(&ports("awsvpc").replace("host_port = 0", "host_port = 82"), (0, 64, 0, 0, true));
    // In mode host every container port is a host port.
    let host = ports("host").replace("host_port = 0", "host_port = 82");
    check(&host, (0, 64, 0, 3, false));
}

#[test]
fn windows_counts_containers_only() {
    // Source: ECS Developer Guide, "Windows task considerations".
    let text = "[container_instances.w]\ninstance_type = \"m5.large\"\n\
                operating_system = \"WINDOWS_SERVER_2022_CORE\"\n[service.s]\ndesired_count = 1\n\
                [service.s.task_definition]\ncpu = 1024\nmemory = 4096\n\
                runtime_platform.operating_system_family = \"WINDOWS_SERVER_2022_CORE\"\n\
                container_definitions.a = { image = \"x\", cpu = 256, memory = 512 }\n";
    let model = model(text);
    let wanted = &model.requirements[model.task_definitions[Ix::new(0)].requirement];
    assert_eq!((wanted.resources.cpu_units, wanted.resources.memory_mib), (256, 512));
}

#[test]
fn what_happens_to_a_task_happens_to_its_first_essential_container() {
    let text = format!(
        "{FLEET}[service.s]\ndesired_count = 1\n[service.s.task_definition]\nmemory = 64\n\
         [service.s.task_definition.container_definitions]\n\
         log = {{ image = \"x\", essential = false }}\napp = {{ image = \"x\" }}\n\
         proxy = {{ image = \"x\" }}\n[behaviour.s]\nrun_time = \"10 s\"\n\
         crash_rate = \"1 per h\"\n\
         start_failure_rate = 0.5\nexit_code = 7\nstop_time = \"3 s\"\n\
         containers.proxy.run_time = \"20 s\"\ncontainers.log.stop_time = \"4 s\"\n\
         usage.app = {{ cpu = 100, memory = 50 }}\n"
    );
    let model = model(&text);
    let definition: &TaskDefinition = &model.task_definitions[Ix::new(0)];
    let facts: Vec<_> = definition
        .containers
        .iter()
        .map(|it| {
            let b = &it.behaviour;
            let run = b.run_time.as_ref().and_then(|time| time.is_constant());
            let stop = b.stop_time.is_constant();
            (it.name.as_str(), run, b.crash_rate_per_hour.round(), b.start_failure_rate, stop)
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("log", None, 0.0, 0.0, Some(4.0)),
            ("app", Some(10.0), 1.0, 0.5, Some(3.0)),
            ("proxy", Some(20.0), 0.0, 0.0, Some(3.0)),
        ]
    );
    let usage = definition.containers[1].behaviour.usage.expect("it is given");
    assert_eq!((usage.cpu_units, usage.memory_mib), (100, 50));
    assert!(definition.containers[0].behaviour.usage.is_none());
    assert_eq!(definition.containers[1].behaviour.failure_exit_code, 7);
}

#[test]
fn strategies_zones_and_groups_are_filled_in() {
    let text = "[service.s]\ncapacity_provider_strategy = [{ capacity_provider = \"FARGATE\", \
                base = 2 }, { capacity_provider = \"FARGATE_SPOT\", weight = 3 }]\n\
                desired_count = 1\ntask_definition = { cpu = 256, memory = 512 }\n\
                [task.t]\nschedule = \"rate(1 hour)\"\nlaunch_type = \"FARGATE\"\n\
                task_definition = { cpu = 256, memory = 512, family = \"web\" }\n";
    let model = model(text);
    let launch = &model.launches[Ix::new(0)];
    let item =
        |provider, base, weight| StrategyItem { base, weight, ..StrategyItem::only(provider) };
    assert_eq!(
        launch.providers,
        [item(Provider::Fargate, 2, 0), item(Provider::FargateSpot, 0, 3)]
    );
    // Assumption, shown by `check`: three zones.
    let zones: Vec<&str> = launch.zones.iter().map(|&it| model.zones[it].name.as_str()).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
    let groups: Vec<&str> = model.groups.iter().map(|(_, it)| it.name.as_str()).collect();
    assert_eq!(groups, ["service:s", "family:web"]);
    let text = format!("network.fargate_availability_zones = [\"d\"]\n{text}");
    let other = self::model(&text);
    let zone = other.launches[Ix::new(0)].zones[0];
    assert_eq!(other.zones[zone].name, "us-east-1d");
    // A fleet that names no zone is in the first.
    let fleet = self::model(FLEET);
    assert_eq!(fleet.zones[fleet.classes[Ix::new(0)].zone].name, "us-east-1a");
}

#[test]
fn a_trace_has_one_requirement_for_each_size_and_its_fargate_size() {
    let job = "[job.j]\ntrace = \"t.csv\"\nrows = 1\nlaunch_type = \"FARGATE\"\n\
               columns.memory = \"m\"\ncpu = 300\nduration = \"1 min\"\n";
    let model = model(job);
    let Source::Trace(trace) = &model.submitters[Ix::new(0)].source else { panic!("a trace") };
    let size = trace.fargate[trace.requirement[0].index()].expect("it runs on Fargate");
    assert_eq!((size.cpu_units, size.memory_mib, size.ephemeral_storage_gib), (512, 1024, 20));
    let wanted = &model.requirements[trace.requirement[0]];
    assert_eq!((wanted.resources.cpu_units, wanted.resources.memory_mib), (300, 512));
}

#[test]
fn subnets_count_addresses_and_hosts_keep_their_ports() {
    let text = "[subnet.a]\navailability_zone = \"b\"\ncidr = \"10.0.0.0/28\"\n[subnet.c]\n\
                availability_zone = \"us-east-1-bos-1a\"\n[container_instances.od]\n\
                instance_type = \"m5.large\"\ncount = 4\nsubnets = [\"a\", \"c\"]\n";
    let model = model(text);
    // 16 addresses less the five AWS keeps, less two of the four instances.
    assert_eq!(model.subnets[Ix::new(0)].free_addresses, 16 - 5 - 2);
    assert_eq!(model.subnets[Ix::new(1)].free_addresses, u32::MAX);
    assert_eq!(model.classes.len(), 2);
    let ports = &model.classes[Ix::new(0)].reserved_ports;
    let tcp: Vec<u16> =
        ports.iter().filter(|it| it.protocol == Protocol::Tcp).map(|it| it.number).collect();
    assert_eq!(tcp, [22, 2375, 2376, 51678, 51679]);
}

#[test]
fn problems_of_meaning_point_at_flags_and_at_bases() {
    let base = "[service.web]\nlaunch_type = \"FARGATE\"\ndesired_count = 1\n\
                task_definition = { cpu = 512, memory = \"8 GB\" }\n";
    let files = [("b.toml", base), ("a.toml", "extends = \"b.toml\"\n")];
    let flags = [Override::set("service.web.desired_count=5001")];
    let read = Scenario::read(&InMemory::new(&files), Path::new("a.toml"), &flags);
    assert_eq!(
        read.unwrap_err().to_lines(),
        "warning[W036]: account: services want 2500.5 vCPU on Fargate; a new account has 6 until \
         it asks\nhint: `account.quotas = \"documented\"` simulates a new account\n\
         b.toml:4:41: service `web`: `8 GB` is not a Fargate memory size for 0.5 vCPU\n\
         hint: sizes for 0.5 vCPU are 1, 2, 3 and 4 GB; the next size up is 1 vCPU and 8 GB\n\
         --set service.web.desired_count=5001: service `web`: `desired_count` is 5,001; AWS \
         allows 5,000 tasks a service\n\
         hint: split the service, or set `account.override = true` to ask what if\n"
    );
}

#[test]
fn what_comes_with_things_on_the_bill_and_has_no_key_is_named() {
    let named = |text: &str| -> Vec<String> {
        let scenario = read(text).unwrap_or_else(|lines| panic!("{lines}"));
        let always = ["NAT gateways", "CloudWatch Logs", "traffic between zones"];
        let rest = scenario.prices.not_modelled.iter().filter(|it| !always.contains(&it.as_str()));
        rest.take_while(|it| *it != "Container Insights").cloned().collect()
    };
    assert_eq!(named(FLEET), Vec::<String>::new());
    let t3 = "[container_instances.od]\ninstance_type = \"t3.large\"\n";
    assert_eq!(named(t3), Vec::<String>::new());
    let app = "[service.s]\ndesired_count = 1\n\
               task_definition.container_definitions.app = { image = \"x\", memory = 512 }\n";
    let usage = "behaviour.s.usage.app = { cpu = 256, memory = 256 }\n";
    assert_eq!(named(&format!("{t3}{app}")), ["CPU credits of containers without `usage`"]);
    assert_eq!(named(&format!("{usage}{t3}{app}")), Vec::<String>::new());
    let lb = "[load_balancer.a]\nlcu = 1\n";
    assert_eq!(named(lb), ["public IPv4 addresses of load balancers"]);
    let network = "network = { nat_gateways = 1, log_gb_per_month = 3 }\n";
    assert_eq!(named(network), ["public IPv4 addresses of NAT gateways", "log storage"]);
    assert_eq!(named("network.nat_gateways = 0\n"), Vec::<String>::new());
}

#[test]
fn a_network_mode_that_is_left_out_on_fargate_is_shown_as_it_holds() {
    let shown = |text: &str| {
        let scenario = read(text).unwrap_or_else(|lines| panic!("{lines}"));
        let filled = scenario.document.filled_in();
        let found = filled.iter().find(|it| it.path.ends_with("network_mode"));
        let it = found.unwrap_or_else(|| panic!("{text} has a definition"));
        (it.value.clone(), it.key.evidence.is_some())
    };
    let service = "[service.s]\ndesired_count = 1\n\
                   task_definition = { cpu = 256, memory = 512 }\n";
    let fargate = format!("{service}launch_type = \"FARGATE\"\n");
    assert_eq!(shown(&fargate), ("\"awsvpc\"".to_string(), false));
    assert_eq!(shown(&format!("{service}{FLEET}")), ("\"bridge\"".to_string(), true));
}

#[test]
fn instances_have_the_family_of_their_operating_system_as_an_attribute() {
    // Source: amazon-ecs-agent, `ecs.os-family`; ECS Developer Guide, "attributes".
    for (family, os) in [("LINUX", "linux"), ("WINDOWS_SERVER_2025_FULL", "windows")] {
        let model = model(&format!("{FLEET}operating_system = \"{family}\"\n"));
        let class = &model.classes[Ix::new(0)];
        assert_eq!(class.attribute("ecs.os-family"), Some(family));
        assert_eq!(class.attribute("ecs.os-type"), Some(os));
        assert_eq!(class.os_family.name(), family);
    }
    let words = crate::scenario::keys::find(&["container_instances", "*"]);
    let words = words.and_then(|it| it.field("operating_system")).expect("it is a key");
    let crate::scenario::keys::Kind::Choice(words) = words.kind else { panic!("it is a choice") };
    for word in words {
        let family = crate::ecs::model::OsFamily::from_name(word);
        assert_eq!(family.map(|it| it.name()), Some(*word));
    }
}

#[test]
fn what_has_no_effect_here_is_known_and_what_has_is_not() {
    let idle = |text: &str, written: bool| -> Vec<String> {
        let scenario = read(text).unwrap_or_else(|lines| panic!("{lines}"));
        let filled = scenario.document.filled_in();
        let idle = filled.into_iter().filter(|it| it.is_idle && it.place.is_some() == written);
        idle.map(|it| it.path).filter(|it| !it.contains("timing.")).collect()
    };
    let own = "[instance_type.\"x1.big\"]\nvcpu = 2\nmemory = \"8 GiB\"\nprice = \"$1\"\n";
    let fleet = "[container_instances.od]\ninstance_type = \"m5.large\"\n";
    let service = "[service.s]\ndesired_count = 1\n[service.s.task_definition]\ncpu = 256\n\
                   memory = 512\nephemeral_storage.size_in_gib = 30\n";
    let job = "[job.j]\ntrace = \"late.csv\"\ncpu = 256\nmemory = 512\nduration = \"1 min\"\n\
               fargate_size = \"exact\"\n";
    let prices = "[prices]\nec2 = { \"m5.large\" = \"$1\", \"c5.large\" = \"$1\" }\n\
                  fargate.vcpu_hour = \"$1\"\nwindows_vcpu_hour = \"$1\"\n";
    let text = format!("{own}{fleet}architecture = \"X86_64\"\ngpus = 0\n{service}{job}{prices}");
    assert_eq!(
        idle(&text, true),
        [
            "container_instances.od.architecture",
            "container_instances.od.gpus",
            "instance_type.\"x1.big\".vcpu",
            "instance_type.\"x1.big\".memory",
            "instance_type.\"x1.big\".price",
            "service.s.task_definition.ephemeral_storage.size_in_gib",
            "job.j.fargate_size",
            "prices.ec2.\"c5.large\"",
            "prices.fargate.vcpu_hour",
            "prices.windows_vcpu_hour",
        ]
    );
    // The same things have an effect where they are used.
    let windows = "[container_instances.w]\ninstance_type = \"x1.big\"\n\
                   operating_system = \"WINDOWS_SERVER_2022_CORE\"\n[container_instances.c]\n\
                   instance_type = \"c5.large\"\n[cluster.default]\n\
                   default_capacity_provider_strategy = [{ capacity_provider = \"FARGATE\" }]\n";
    let text = format!("{own}{windows}{service}{job}{prices}");
    assert_eq!(idle(&text, true), ["prices.ec2.\"m5.large\""]);
    // Nor is a default shown as if it held.
    let external = "[container_instances.x]\nlaunch_type = \"EXTERNAL\"\ncpu = 1024\n\
                    memory = 1024\n";
    assert_eq!(
        idle(external, false),
        [
            "container_instances.x.root_volume",
            "container_instances.x.volume_type",
            "container_instances.x.public_ip",
            "container_instances.x.initial_cpu_credits",
            "prices.windows_vcpu_hour",
        ]
    );
}

#[test]
fn a_definition_has_one_network_mode_wherever_it_is_launched() {
    let text = format!(
        "{FLEET}[task_definition.t]\ncpu = 256\nmemory = 512\n[service.e]\ndesired_count = 1\n\
         task_definition = \"t\"\n"
    );
    let takes_eni = |text: &str| model(text).requirements[Ix::new(0)].awsvpc;
    assert!(!takes_eni(&text));
    let fargate = "[task.f]\nschedule = \"rate(1 day)\"\nlaunch_type = \"FARGATE\"\n\
                   task_definition = \"t\"\nbehaviour.t.run_time = \"1 min\"\n";
    let fargate = fargate.replace("behaviour.t.", "[behaviour.t]\n");
    assert!(takes_eni(&format!("{text}{fargate}")));
}

#[test]
fn flags_cannot_change_what_is_read_before_them() {
    let files = [("a.toml", FLEET), ("b.toml", FLEET)];
    let flags = [Override::set("extends=b.toml")];
    let read = Scenario::read(&InMemory::new(&files), Path::new("a.toml"), &flags);
    assert_eq!(
        read.unwrap_err().to_lines(),
        "--set extends=b.toml: `extends` is read before any flag, and cannot be changed by one\n\
         hint: write a scenario that extends the other file, and run that\n"
    );
}

#[test]
fn a_group_has_a_pool_for_each_option_type_and_zone_with_prices_and_hazards() {
    let text = "[auto_scaling_group.g]\nmin_size = 1\nmax_size = 9\n\
                instance_types = [\"c5.large\", \"m5.large\"]\n\
                availability_zones = [\"a\", \"b\"]\n\
                mixed_instances_policy = { on_demand_base_capacity = 2, \
                on_demand_percentage_above_base_capacity = 25 }\n\
                [spot.instance_type.\"m5.large\"]\nprice = \"$0.024\"\n\
                interruption_rate = \"0.5 per h\"\n\
                [service.s]\ndesired_count = 1\ntask_definition = { cpu = 256, memory = 512 }\n";
    let model = model(text);
    let group = &model.auto_scaling_groups[Ix::new(0)];
    let policy = &group.policy;
    assert_eq!([10, 3, 1].map(|total| policy.on_demand_of(total)), [4, 3, 1]);
    assert_eq!((group.pools.len(), model.classes.len(), model.spot_pools.len()), (8, 8, 4));
    let named = |name: &str| {
        let found = model.spot_pools.iter().find(|(_, it)| it.pool.name == name);
        let (_, supply) = found.expect("it is a pool");
        (supply.usual.as_millionths(), supply.pool.hazard.as_per_hour_f64())
    };
    let (share, hazard) = named("us-east-1b/m5.large");
    assert_eq!(share, 250_000, "of $0.096");
    assert!((hazard - 0.5).abs() < 1e-12);
    let known = Catalogue::builtin().spot("us-east-1", "c5.large").expect("it is known");
    let (share, _) = named("us-east-1a/c5.large");
    let usual = known.price.rate.as_nanos_per_hour() as f64 / 0.085e9;
    assert!((f64::from(share) / 1e6 - usual).abs() < 1e-6, "{share} and {usual}");
}

/// Source: as the charge has it: 12 % of the price on demand, of GPU types 7.8 %, for Spot too.
#[test]
fn the_fee_of_managed_instances_goes_by_the_price_on_demand_however_they_are_bought() {
    for option in ["on_demand", "spot"] {
        let text = format!(
            "[capacity_provider.mi.managed_instances]\ncapacity_option_type = \"{option}\"\n\
             [capacity_provider.mi.managed_instances.instance_requirements]\n\
             vcpu_count.min = 8\nmemory.min = \"16 GiB\"\n\
             allowed_instance_types = [\"c6a.2xlarge\", \"g4dn.2xlarge\"]\n\
             [service.s]\ndesired_count = 1\n\
             capacity_provider_strategy = [{{ capacity_provider = \"mi\" }}]\n\
             task_definition = {{ cpu = 256, memory = 512 }}\n"
        );
        let scenario = read(&text).unwrap_or_else(|lines| panic!("{lines}"));
        let fees: Vec<(&str, f64, i64)> = scenario
            .model
            .classes
            .iter()
            .map(|(ix, class)| {
                let rates = &scenario.prices.classes[ix];
                assert_eq!(rates.root_volume_gib, 80);
                let fee = rates.managed_fee.as_ref().expect("it is of Managed Instances").nanos;
                (class.instance_type.as_str(), rates.instance.nanos as f64 / 1e9, fee)
            })
            .collect();
        let [(c6a, price, fee), (g4dn, of_gpu, fee_of_gpu)] = fees[..] else { panic!("{fees:?}") };
        assert_eq!((c6a, price, fee), ("c6a.2xlarge", 0.306, 36_720_000));
        assert_eq!(g4dn, "g4dn.2xlarge");
        assert!((fee_of_gpu as f64 / 1e9 - of_gpu * 0.078).abs() < 1e-9, "{fee_of_gpu}");
    }
}

/// Without requirements: M, of the current generation, with a price.
#[test]
fn managed_instances_are_chosen_among_general_purpose_types_or_as_required() {
    let types = |requirements: &str| {
        let text = format!(
            "[capacity_provider.mi]\nmanaged_instances = {{ {requirements} }}\n\
             [service.s]\ndesired_count = 1\n\
             capacity_provider_strategy = [{{ capacity_provider = \"mi\" }}]\n\
             task_definition = {{ cpu = 256, memory = 512 }}\n"
        );
        let model = model(&text);
        let classes = model.classes.iter().map(|(_, it)| it.instance_type.clone());
        classes.collect::<Vec<String>>()
    };
    let usual = types("");
    let known = |name: &String| Catalogue::builtin().instance_type(name).cloned().unwrap();
    assert!(usual.iter().map(known).all(|it| it.current_generation && !it.burstable));
    assert!(usual.iter().all(|it| it.starts_with('m')), "{usual:?}");
    assert!(
        ["m7g.medium", "m7i.large", "m7a.4xlarge"].iter().all(|it| usual.contains(&it.to_string()))
    );
    let some = types(
        "instance_requirements = { vcpu_count = { min = 2, max = 2 }, memory = { min = \"8 GiB\", \
         max = \"8 GiB\" }, cpu_manufacturers = [\"amd\"], instance_generations = [\"current\"] }",
    );
    assert!(some.contains(&"m7a.large".to_string()), "{some:?}");
    let right = |it: crate::catalogue::InstanceType| (it.vcpus, it.memory_mib) == (2, 8192);
    assert!(some.iter().map(known).all(right), "{some:?}");
    let burstable = types(
        "instance_requirements = { vcpu_count = { min = 0 }, memory = { min = 0 }, \
         burstable_performance = \"required\", allowed_instance_types = [\"t4g\"] }",
    );
    assert!(!burstable.is_empty() && burstable.iter().all(|it| it.starts_with("t4g.")));
}

/// 100 requests a second of 12 ms are 1.2 vCPU; at 60 % of a vCPU, of which 2 % idle, a task has
/// 0.58 for them: 2.07 tasks. At 3,000 requests a minute each, 2 tasks have as many.
#[test]
fn a_service_that_scales_begins_as_the_load_at_the_start_asks() {
    let count = |policy: &str, bounds: (u32, u32)| {
        let (least, most) = bounds;
        let text = format!(
            "duration = \"1 h\"\naccount.fargate_on_demand_vcpu = 100\n[load_balancer.b]\n\
             [target_group.g]\nload_balancer = \"b\"\n[service.s]\nlaunch_type = \"FARGATE\"\n\
             load_balancers = [{{ target_group = \"g\", container_name = \"app\", container_port \
             = 80 }}]\ntask_definition = {{ cpu = 1024, memory = 2048 }}\n\
             load.requests_per_second = 100\n[behaviour.s.usage.app]\nmemory = 100\n\
             cpu = {{ idle = \"0.02 vCPU\", per_request = \"12 ms\" }}\n\
             [service.s.auto_scaling]\nmin_capacity = {least}\nmax_capacity = {most}\n{policy}\n"
        );
        let files = InMemory::new(&[("a.toml", &text)]);
        let scenario = Scenario::read(&files, Path::new("a.toml"), &[]);
        let scenario = scenario.unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
        let (_, service) = scenario.model.services.iter().next().expect("there is one");
        service.scheduling
    };
    let cpu = "target_tracking.t = { metric = \"ECSServiceAverageCPUUtilization\", target_value = \
               60 }";
    let requests = "target_tracking.t = { metric = \"ALBRequestCountPerTarget\", target_value = \
                    3000 }";
    for (policy, bounds, desired_count) in [
        (cpu, (1, 50), 3),
        (requests, (1, 50), 2),
        (cpu, (5, 50), 5),
        (cpu, (1, 2), 2),
        ("", (4, 9), 4),
    ] {
        assert_eq!(count(policy, bounds), Scheduling::Replica { desired_count }, "{policy}");
    }
}
