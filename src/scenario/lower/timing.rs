//! Durations that AWS does not publish, and the account's quotas.

use crate::ecs::model::{PullState, RateLimit, Timing};
use crate::engine::Distribution;
use crate::units::Bytes;

use super::super::View;
use super::super::keys::MAX_SPAN_US;
use super::super::load::Files;
use super::super::problems::Problem;
use super::super::value::{self, BytesPerSecond, PerSecond};
use super::Lower;

/// Reads `[timing]`.
pub(super) fn timing(view: &View, files: &dyn Files, problems: &mut Vec<Problem>) -> Timing {
    let mut values_read = 0;
    let mut dist = |key: &str| -> Distribution {
        let written: value::Distribution = view.get(key);
        super::distribution(&written, (view, key), (files, &mut values_read), problems)
    };
    Timing {
        provisioning_timeout: view.get("provisioning_timeout"),
        managed_scaling_delay: dist("managed_scaling_delay"),
        reconcile_delay: dist("reconcile_delay"),
        eni_attach: dist("eni_attach"),
        eni_detach: dist("eni_detach"),
        agent_latency: dist("agent_latency"),
        container_start: dist("container_start"),
        fargate_start: dist("fargate_start"),
        fargate_provision: dist("fargate_provision"),
        cached_pull: dist("cached_pull"),
        instance_launch_call: dist("instance_launch_call"),
        instance_pending: dist("instance_pending"),
        instance_boot: dist("instance_boot"),
        agent_registration: dist("agent_registration"),
        trunk_attach: dist("trunk_attach"),
        launch_retry: view.get("launch_retry"),
        warm_start: dist("warm_start"),
        warm_resume: dist("warm_resume"),
        scheduled_action_delay: dist("scheduled_action_delay"),
        service_action_delay: dist("service_action_delay"),
        metric_delay: view.get("metric_delay"),
        high_resolution_metric_delay: view.get("high_resolution_metric_delay"),
        alarm_delay: view.get("alarm_delay"),
        scale_in_settle: view.get("scale_in_settle"),
        zone_rebalancing_interval: view.get("zone_rebalancing_interval"),
        health_check_response: dist("health_check_response"),
        status_check: dist("status_check"),
        termination_check: dist("termination_check"),
        fargate_host_check: dist("fargate_host_check"),
        placement_retry: view.get("placement_retry"),
        placement_retry_window: view.get("placement_retry_window"),
        placement_retry_slow: view.get("placement_retry_slow"),
        throttle_after: view.get("throttle_after"),
        throttle_first: view.get("throttle_first"),
        throttle_cap: view.get("throttle_cap"),
        fargate_pull_bandwidth: Bytes(view.get::<BytesPerSecond>("fargate_pull_bandwidth").0),
        pull_state: match view.get::<String>("pull_state").as_str() {
            "PENDING" => PullState::Pending,
            _ => PullState::Activating,
        },
        settle: view.get("settle"),
        rebalancing_delay: view.get("rebalancing_delay"),
        rebalancing_tasks: view.get("rebalancing_tasks"),
    }
}

/// Quotas that AWS does not adjust; changing them needs `account.override`.
const FIXED: [(&str, u32); 4] = [
    ("provisioning_tasks", 500),
    ("service_tasks_per_minute_ec2", 500),
    ("service_tasks_per_minute_fargate", 500),
    ("fargate_run_task_calls", 20),
];

/// Regions with the larger quotas of Fargate: 500 tasks a minute for a service instead of 125,
/// launches of 100 and 20 a second instead of 25 and 5.
///
/// Source of the numbers: AWS General Reference, Amazon ECS endpoints and quotas, which has "each
/// of the other supported Regions". Assumption: those with more are the first that had Fargate.
const OLDER_REGIONS: [&str; 16] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Quotas that bind only where `account.quotas` is "documented", unless one is written.
const ADJUSTABLE: [&str; 10] = [
    "ec2_on_demand_vcpu",
    "ec2_spot_vcpu",
    "fargate_on_demand_vcpu",
    "fargate_spot_vcpu",
    "fargate_launch_burst",
    "fargate_launch_rate",
    "fargate_spot_launch_burst",
    "fargate_spot_launch_rate",
    "api_burst",
    "api_rate",
];

/// Reads `[account]`.
///
/// A quota that is written holds, whatever `quotas` says: who writes it means it.
pub(super) fn account(lower: &mut Lower) {
    let view = lower.root().table("account");
    if !view.get::<bool>("override") {
        for (key, most) in FIXED {
            let limit: u32 = view.get(key);
            if view.is_written(key) && limit > most {
                let message = format!("`{key}` is {limit}, and AWS does not raise it above {most}");
                let hint = "set `account.override = true` to ask what if it did";
                lower.problems.push(view.error(key, message).hint(hint));
            }
        }
    }
    for key in ADJUSTABLE.into_iter().filter(|key| key.ends_with("_rate")) {
        // The wait for one token must be a length of time.
        if view.get::<PerSecond>(key).0 * (MAX_SPAN_US as f64 / 1e6) < 1.0 {
            let message = format!("`{key}` is next to nothing: not one in a hundred years");
            let hint = "to allow few, write, for example, `\"1 per d\"`";
            lower.problems.push(view.error(key, message).hint(hint));
        }
    }
    let documented = view.get::<String>("quotas") == "documented";
    let binds = |keys: &[&str]| {
        debug_assert!(keys.iter().all(|key| ADJUSTABLE.contains(key)));
        documented || keys.iter().any(|key| view.is_written(key))
    };
    let units = |key: &str| binds(&[key]).then(|| view.get::<u32>(key).saturating_mul(1024));
    let rate = |burst: &str, rate: &str| {
        binds(&[burst, rate]).then(|| RateLimit {
            burst: view.get(burst),
            per_second: view.get::<PerSecond>(rate).0,
        })
    };
    let newer = !OLDER_REGIONS.contains(&lower.region.as_str());
    // What is not written is a quarter in newer Regions.
    let of_fargate = |burst: &str, per_second: &str| {
        rate(burst, per_second).map(|limit| RateLimit {
            burst: limit.burst / if newer && !view.is_written(burst) { 4 } else { 1 },
            per_second: limit.per_second
                / if newer && !view.is_written(per_second) { 4.0 } else { 1.0 },
        })
    };
    let per_minute = |key: &str, is_quartered: bool| {
        let limit: u32 = view.get(key);
        Some(if is_quartered && !view.is_written(key) { limit / 4 } else { limit })
    };
    let account = &mut lower.model.account;
    account.ec2_cpu_units = units("ec2_on_demand_vcpu");
    account.ec2_spot_cpu_units = units("ec2_spot_vcpu");
    account.fargate_cpu_units = units("fargate_on_demand_vcpu");
    account.fargate_spot_cpu_units = units("fargate_spot_vcpu");
    account.fargate_launches = of_fargate("fargate_launch_burst", "fargate_launch_rate");
    account.fargate_spot_launches =
        of_fargate("fargate_spot_launch_burst", "fargate_spot_launch_rate");
    account.api_calls = rate("api_burst", "api_rate");
    account.fargate_run_task_calls = Some(RateLimit {
        burst: view.get("fargate_run_task_calls"),
        per_second: f64::from(view.get::<u32>("fargate_run_task_calls")),
    });
    account.service_launches_on_instances = per_minute("service_tasks_per_minute_ec2", false);
    account.provisioning_tasks = view.get("provisioning_tasks");
    account.service_launches_on_fargate = per_minute("service_tasks_per_minute_fargate", newer);
}
