//! Task definitions in AWS's JSON: every field, both forms, and those that others have published.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Disk, Files, InMemory, Scenario, lines};
use crate::engine::Ix;

/// Every field of RegisterTaskDefinition, of September 2026.
///
/// Source: ECS API, RegisterTaskDefinition, ContainerDefinition and Volume.
const REGISTER: &str = r#"{
  "family": "all", "taskRoleArn": "arn:aws:iam::1:role/t", "executionRoleArn": null,
  "networkMode": "awsvpc", "requiresCompatibilities": ["EC2", "EXTERNAL"],
  "cpu": "1 vCPU", "memory": "2GB", "pidMode": "task", "ipcMode": "none",
  "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
  "ephemeralStorage": { "sizeInGiB": 100 }, "enableFaultInjection": true,
  "inferenceAccelerators": [], "placementConstraints": [],
  "tags": [{ "key": "team", "value": "web" }],
  "proxyConfiguration": { "type": "APPMESH", "containerName": "app", "properties": [] },
  "volumes": [
    { "name": "a", "host": { "sourcePath": null }, "configuredAtLaunch": false },
    { "name": "b", "dockerVolumeConfiguration": { "scope": "task", "driverOpts": { "k": "v" } } },
    { "name": "c", "efsVolumeConfiguration": { "fileSystemId": "fs-1" } },
    { "name": "d", "fsxWindowsFileServerVolumeConfiguration": { "fileSystemId": "fs-2" } },
    { "name": "e", "s3filesVolumeConfiguration": { "fileSystemArn": "arn:aws:s3files:1" } }
  ],
  "containerDefinitions": [{
    "name": "app", "image": "shop/app:7", "repositoryCredentials": { "credentialsParameter": "x" },
    "cpu": 512, "memory": 1024, "memoryReservation": 512, "links": [], "essential": true,
    "portMappings": [
      { "containerPort": 80, "hostPort": 80, "protocol": "tcp", "name": "web",
        "appProtocol": "http" },
      { "containerPortRange": "8000-8010" }
    ],
    "restartPolicy": { "enabled": true, "ignoredExitCodes": [0], "restartAttemptPeriod": 60 },
    "entryPoint": ["sh"], "command": ["-c", "run"], "environment": [{ "name": "A", "value": "1" }],
    "environmentFiles": [{ "value": "arn:aws:s3:::b/f.env", "type": "s3" }],
    "mountPoints": [{ "sourceVolume": "a", "containerPath": "/a", "readOnly": true }],
    "volumesFrom": [], "linuxParameters": { "initProcessEnabled": true, "tmpfs": [] },
    "secrets": [{ "name": "S", "valueFrom": "arn:aws:ssm:::parameter/s" }],
    "dependsOn": [{ "containerName": "init", "condition": "SUCCESS" }],
    "startTimeout": 60, "stopTimeout": 120, "versionConsistency": "disabled", "hostname": "h",
    "user": "1000", "workingDirectory": "/", "disableNetworking": false, "privileged": false,
    "readonlyRootFilesystem": true, "dnsServers": [], "dnsSearchDomains": [], "extraHosts": [],
    "dockerSecurityOptions": [], "interactive": false, "pseudoTerminal": false,
    "dockerLabels": { "l": "v" }, "ulimits": [{ "name": "nofile", "softLimit": 1, "hardLimit": 2 }],
    "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "g" } },
    "healthCheck": { "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3,
                     "startPeriod": 10 },
    "systemControls": [{ "namespace": "net.core.somaxconn", "value": "1024" }],
    "resourceRequirements": [], "credentialSpecs": [],
    "firelensConfiguration": { "type": "fluentbit", "options": {} }
  }, { "name": "init", "image": "shop/init", "essential": false }]
}"#;

/// What `describe-task-definition` prints besides.
///
/// Source: ECS API, DescribeTaskDefinition and TaskDefinition.
const DESCRIBED: &str = r#"{
  "taskDefinition": {
    "taskDefinitionArn": "arn:aws:ecs:us-east-1:1:task-definition/web:3", "revision": 3,
    "status": "ACTIVE", "requiresAttributes": [{ "name": "ecs.capability.task-eni" }],
    "compatibilities": ["EC2", "FARGATE"], "registeredAt": "2026-03-01T00:00:00Z",
    "deregisteredAt": null, "deleteRequestedAt": null, "registeredBy": "arn:aws:iam::1:user/u",
    "family": "web", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
    "requiresCompatibilities": ["FARGATE"], "volumes": [], "placementConstraints": [],
    "containerDefinitions": [{ "name": "web", "image": "nginx", "cpu": 0, "memory": null,
      "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "tcp" }],
      "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [] }]
  },
  "tags": []
}"#;

const SCENARIO: &str = "[task_definition.t]\nfile = \"t.json\"\n[service.s]\n\
                        task_definition = \"t\"\ndesired_count = 1\nlaunch_type = \"FARGATE\"\n";

/// Docker volumes and those of FSx are not for Fargate.
const ON_EC2: &str = "[task_definition.t]\nfile = \"t.json\"\n[service.s]\n\
                      task_definition = \"t\"\ndesired_count = 1\n\
                      [container_instances.od]\ninstance_type = \"m5.large\"\n";

#[test]
fn every_field_of_aws_is_understood_in_both_forms() {
    let check = |text: &str, json: &str, size: (u32, u32, u32), containers: usize| {
        let files = InMemory::new(&[("a.toml", text), ("t.json", json)]);
        let scenario = Scenario::read(&files, Path::new("a.toml"), &[]);
        let scenario = scenario.unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
        assert_eq!(scenario.document.problems.to_lines(), "");
        let definition = &scenario.model.task_definitions[Ix::new(0)];
        let fargate = definition.fargate.expect("it has a size");
        let storage = fargate.ephemeral_storage_gib;
        assert_eq!((fargate.cpu_units, fargate.memory_mib, storage), size);
        assert_eq!(definition.containers.len(), containers);
    };
    check(ON_EC2, REGISTER, (1024, 2048, 100), 2);
    check(SCENARIO, DESCRIBED, (256, 512, 20), 1);
}

#[test]
fn unknown_fields_are_errors_at_their_place_and_files_that_fail_are_said_once() {
    let check = |json: &str, expected: &str| {
        assert_eq!(lines(&[("a.toml", SCENARIO), ("t.json", json)], &[]), expected);
    };
    check(
        "{ \"familly\": \"x\", \"containerDefinitions\": [{ \"name\": \"a\", \"image\": \"x\",\n\
         \"stop_timeout\": 3, \"healthCheck\": { \"intervall\": 3 } }] }",
        "t.json:1:3: unknown field `familly`\nhint: did you mean `family`?\n\
         t.json:2:1: unknown field `stop_timeout`\nhint: did you mean `stopTimeout`?\n\
         t.json:2:37: unknown field `intervall`\nhint: did you mean `interval`?\n",
    );
    check(
        "{ \"family\": \"x\" }",
        "t.json:1:1: `containerDefinitions` is missing\n\
         hint: a task definition has one to ten containers\n",
    );
    check(
        "[]",
        "t.json:1:1: a task definition is a list, not a table\n\
         hint: write it as `aws ecs register-task-definition` takes it\n",
    );
    check("{", "t.json:1:2: the text ends inside `{ … }`\nhint: is the file whole?\n");
}

/// A scenario in memory, its task definitions on the disk.
struct OnDisk(String);

impl Files for OnDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        match path == Path::new("a.toml") {
            true => Ok(Box::new(io::Cursor::new(self.0.clone()))),
            false => Disk.open(path),
        }
    }
}

fn json_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            json_files(&path, found);
        } else if path.extension().is_some_and(|it| it == "json") {
            found.push(path);
        }
    }
}

#[test]
fn task_definitions_that_others_have_published_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/task-definitions");
    if !folder.is_dir() {
        println!("skipped: there is no folder `../shared/task-definitions` beside this one");
        return;
    }
    let mut files = Vec::new();
    json_files(&folder, &mut files);
    files.sort();
    assert!(files.len() > 20, "{} files", files.len());
    let mut wrong = String::new();
    // AWS does not register these two: in mode awsvpc they map a port to another.
    let is_refused = |path: &Path| {
        ["kibana_ec2.json", "tomcat_ec2.json"].iter().any(|name| path.ends_with(name))
    };
    let mut refused = 0;
    for path in files {
        let json = fs::read_to_string(&path).expect("it was listed");
        let launch_type = if json.contains("FARGATE") { "FARGATE" } else { "EC2" };
        // Some leave memory to whoever runs them.
        let has_memory = json.contains("\"memory\"") || json.contains("memoryReservation");
        let beside = if has_memory { "" } else { "cpu = 1024\nmemory = 2048" };
        let text = format!(
            "[container_instances.od]\ninstance_type = \"m5.4xlarge\"\n[task_definition.t]\n\
             file = {:?}\n{beside}\n[service.s]\ntask_definition = \"t\"\ndesired_count = 1\n\
             launch_type = \"{launch_type}\"\n",
            path.display().to_string()
        );
        if let Err(problems) = Scenario::read(&OnDisk(text), Path::new("a.toml"), &[]) {
            let lines = problems.to_lines();
            if is_refused(&path) && lines.contains("must equal `container_port`") {
                refused += 1;
                continue;
            }
            wrong += &lines;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(refused, 2);
}

#[test]
fn a_definition_has_64_kib_at_the_most_unless_one_asks_what_if() {
    // Source: AWS General Reference, ECS quotas.
    let check = |letters: usize, before: &str, expected: &str| {
        let value = "x".repeat(letters);
        let json = REGISTER.replace("\"value\": \"1\"", &format!("\"value\": \"{value}\""));
        let text = format!("{before}{ON_EC2}");
        let files = InMemory::new(&[("a.toml", &text), ("t.json", &json)]);
        let read = Scenario::read(&files, Path::new("a.toml"), &[]);
        let lines = read.map_or_else(|problems| problems.to_lines(), |_| String::new());
        assert_eq!(lines.lines().next().unwrap_or(""), expected, "{letters}");
    };
    check(60_000, "", "");
    check(
        70_000,
        "",
        "a.toml:1:18: task definition `t`: the task definition has about 71.06 KiB; AWS takes \
         64 KiB",
    );
    check(70_000, "account.override = true\n", "");
}
