//! Which defaults a scenario rests on: those of keys that something in it uses.

use std::collections::BTreeSet;

use crate::billing::SHORTEST_RUN;
use crate::catalogue::{Catalogue, OfferingClass, Term};
use crate::ecs::model::{InstanceLaunchType, Os, Provider};
use crate::units::Span;

use super::keys::{OF_CURVES, OF_FILES};
use super::{Filled, Scenario};

/// What there is in a scenario that a default could be about.
struct Uses {
    fargate: bool,
    spot: bool,
    instances: bool,
    services: bool,
    submitters: bool,
    windows: bool,
    targets: bool,
    /// Whether some rate of a commitment to Fargate is a guess, or to instances.
    fargate_discount: bool,
    instance_discount: bool,
    groups: bool,
    /// Whether instances boot as those of Auto Scaling groups do.
    boots: bool,
    policies: bool,
    group_policies: bool,
    fast_policies: bool,
    service_actions: bool,
    ec2_spot: bool,
    trunks: bool,
    requests: bool,
}

/// Keys of load balancers and target groups that only requests make a difference to.
const OF_REQUESTS: [&str; 3] =
    [".bytes_per_request", ".requests_per_connection", ".load_balancing_algorithm"];

/// Finds what is written of rates over time: files and curves, by the path of the rate.
fn rates(filled: &[Filled]) -> BTreeSet<(String, bool)> {
    let mut found = BTreeSet::new();
    for it in filled.iter().filter(|it| it.place.is_some()) {
        for (form, is_file) in [
            ("file", true),
            ("cloudwatch", true),
            ("daily", false),
            ("ramp", false),
            ("spike", false),
        ] {
            let Some(at) = it.path.find("_per_second.") else { continue };
            let (rate, rest) = it.path.split_at(at + "_per_second".len());
            if rest.split('.').nth(1) == Some(form) {
                found.insert((rate.to_string(), is_file));
            }
        }
    }
    found
}

/// Says whether a default is of use to the rate that it belongs to, if it belongs to one.
fn is_used_by_rate(rates: &BTreeSet<(String, bool)>, it: &Filled) -> bool {
    let Some((rate, key)) = it.path.rsplit_once('.') else { return true };
    if !rate.ends_with("_per_second") {
        return true;
    }
    let needs = |is_file: bool| rates.contains(&(rate.to_string(), is_file));
    if OF_FILES.contains(&key) {
        return needs(true);
    }
    !OF_CURVES.contains(&key) || needs(false)
}

impl Uses {
    /// Says whether a default that only requests make a difference to is used; nothing if it is of
    /// something else.
    fn of_requests(&self, path: &str) -> Option<bool> {
        let of_tasks = path.starts_with("behaviour.") && path.contains(".requests.");
        let of_balancers = path.starts_with("load_balancer.") || path.starts_with("target_group.");
        let is_theirs = of_balancers && OF_REQUESTS.iter().any(|key| path.ends_with(key));
        let is_fidelity = path == "traffic.fidelity";
        (of_tasks || is_theirs || is_fidelity).then_some(self.requests)
    }

    /// Says whether a time of metrics, alarms and what they lead to is used; nothing if it is of
    /// something else.
    fn of_scaling(&self, path: &str) -> Option<bool> {
        match path {
            "timing.metric_delay" | "timing.alarm_delay" => Some(self.policies),
            "timing.scale_in_settle" => Some(self.group_policies),
            "timing.high_resolution_metric_delay" => Some(self.fast_policies),
            "timing.service_action_delay" => Some(self.service_actions),
            _ => None,
        }
    }
}

impl Scenario {
    /// Lists every key that has a value, but for defaults of what is not in the scenario: quotas
    /// that nothing can reach, times of a kind of launch that nothing uses, lists of nothing.
    pub fn in_use(&self) -> Vec<Filled> {
        let model = &self.model;
        let uses = |provider: Provider| {
            let mut launches = model.launches.iter();
            launches.any(|(_, it)| it.providers.iter().any(|item| item.provider == provider))
        };
        let targets = || model.services.iter().filter_map(|(_, it)| it.auto_scaling.as_deref());
        let group_policies =
            model.auto_scaling_groups.iter().any(|(_, it)| !it.policies.is_empty());
        let uses = Uses {
            fargate: uses(Provider::Fargate) || uses(Provider::FargateSpot),
            spot: uses(Provider::FargateSpot),
            instances: uses(Provider::Ec2) || uses(Provider::External),
            services: !model.services.is_empty(),
            submitters: !model.submitters.is_empty(),
            windows: model.classes.iter().any(|(_, class)| class.os_family.os() == Os::Windows),
            targets: !model.target_groups.is_empty(),
            fargate_discount: self.is_weighed() && uses(Provider::Fargate),
            instance_discount: self.is_weighed() && self.has_unlisted_types(),
            groups: !model.auto_scaling_groups.is_empty(),
            boots: model.auto_scaling_groups.iter().any(|(_, it)| it.managed_instances.is_none()),
            policies: group_policies || targets().any(|it| !it.policies.is_empty()),
            group_policies,
            fast_policies: targets()
                .flat_map(|it| &it.policies)
                .any(|it| it.watch.period < Span::MINUTE),
            service_actions: targets().any(|it| !it.scheduled_actions.is_empty()),
            trunks: model.classes.iter().any(|(_, class)| class.has_trunk),
            ec2_spot: !model.spot_pools.is_empty(),
            requests: !model.loads.is_empty() || !model.queues.is_empty(),
        };
        let filled = self.document.filled_in();
        let of_rates = rates(&filled);
        let of_model = |it: &Filled| {
            let known = uses.of_scaling(&it.path).or_else(|| uses.of_requests(&it.path));
            known.unwrap_or_else(|| self.is_used(&uses, it))
        };
        let is_used =
            |it: &&Filled| it.place.is_some() || (is_used_by_rate(&of_rates, it) && of_model(it));
        filled.iter().filter(is_used).cloned().collect()
    }

    /// Says whether commitments are made, or looked for after the run.
    fn is_weighed(&self) -> bool {
        self.model.duration >= SHORTEST_RUN || !self.prices.commitments.is_empty()
    }

    /// Says whether instances are of a type whose reserved price is not known.
    fn has_unlisted_types(&self) -> bool {
        let classes = self.model.classes.iter().map(|(_, class)| class);
        let mut on_ec2 = classes.filter(|class| class.launch_type == InstanceLaunchType::Ec2);
        on_ec2.any(|class| {
            let (region, name) = (&self.region, &class.instance_type);
            let class = OfferingClass::Standard;
            Catalogue::builtin().reserved(region, name, class, Term::OneYear).is_none()
        })
    }

    fn is_used(&self, uses: &Uses, it: &Filled) -> bool {
        let account = &self.model.account;
        let (table, rest) = it.path.split_once('.').unwrap_or(("", &it.path));
        match (table, rest) {
            ("account", "fargate_on_demand_vcpu") => {
                uses.fargate && account.fargate_cpu_units.is_some()
            }
            ("account", "fargate_spot_vcpu") => {
                uses.spot && account.fargate_spot_cpu_units.is_some()
            }
            ("account", "fargate_launch_burst" | "fargate_launch_rate") => {
                uses.fargate && account.fargate_launches.is_some()
            }
            ("account", "fargate_spot_launch_burst" | "fargate_spot_launch_rate") => {
                uses.spot && account.fargate_spot_launches.is_some()
            }
            ("account", "api_burst" | "api_rate") => uses.submitters && account.api_calls.is_some(),
            ("account", "fargate_run_task_calls") => uses.submitters && uses.fargate,
            ("account", "service_tasks_per_minute_ec2") => uses.services && uses.instances,
            ("account", "service_tasks_per_minute_fargate") => uses.services && uses.fargate,
            ("account", "ec2_on_demand_vcpu") => uses.groups && account.ec2_cpu_units.is_some(),
            ("account", "ec2_spot_vcpu") => uses.ec2_spot && account.ec2_spot_cpu_units.is_some(),
            ("spot", key) if key.starts_with("fargate_") => uses.spot,
            (
                "spot",
                "alone_share"
                | "reclaim_probability"
                | "reclaim_delay"
                | "drought"
                | "shared_share"
                | "notice",
            ) => uses.ec2_spot || uses.spot,
            ("spot", _) => uses.ec2_spot,
            (
                "timing",
                "instance_launch_call"
                | "instance_pending"
                | "instance_boot"
                | "agent_registration",
            ) => uses.boots,
            ("timing", "launch_retry" | "zone_rebalancing_interval") => uses.groups,
            ("timing", "trunk_attach") => uses.boots && uses.trunks,
            ("network", "fargate_availability_zones") => uses.fargate,
            ("prices", "windows_vcpu_hour") => uses.windows,
            ("prices", "commitment_discount.fargate_1y" | "commitment_discount.fargate_3y") => {
                uses.fargate_discount
            }
            ("prices", key) if key.starts_with("commitment_discount.") => uses.instance_discount,
            ("timing", "health_check_response") => uses.targets,
            ("timing", "eni_attach" | "container_start" | "cached_pull" | "pull_bandwidth") => {
                uses.instances
            }
            ("timing", key) if key.starts_with("fargate_") => uses.fargate,
            (
                "timing",
                "reconcile_delay"
                | "settle"
                | "placement_retry"
                | "placement_retry_window"
                | "placement_retry_slow"
                | "throttle_after"
                | "throttle_first"
                | "throttle_cap",
            ) => uses.services,
            ("", "placement_ties") => uses.instances,
            (_, rest) if rest.ends_with("platform_version") => uses.fargate,
            (_, rest) if rest.ends_with("initial_cpu_credits") => !it.is_idle,
            _ => it.value != "[]",
        }
    }
}
