//! Quotas of vCPUs on EC2 against what Auto Scaling groups may grow to.

use crate::ecs::capacity::group::PurchaseOption;
use crate::ecs::model::{AutoScalingGroup, InstanceClass, InstanceLaunchType, Model};
use crate::engine::Ix;

use super::super::Problem;
use super::super::codes::Code;
use super::super::problems::{listed, number};
use super::Lower;
use super::launch::instances_of;

/// Warns of groups that need more vCPUs at their greatest size than the account may run.
///
/// Quotas that do not bind are no reason: a new account's are so small that nearly every group is
/// beyond them. Source: EC2 User Guide, On-Demand Instance quotas and Spot Instance quotas.
pub(super) fn check(lower: &mut Lower) {
    let account = &lower.model.account;
    let quotas = [
        (PurchaseOption::OnDemand, "ec2_on_demand_vcpu", account.ec2_cpu_units),
        (PurchaseOption::Spot, "ec2_spot_vcpu", account.ec2_spot_cpu_units),
    ];
    for (option, key, quota) in quotas {
        let problem = quota.and_then(|quota| beyond(lower, option, (key, quota)));
        lower.problems.extend(problem);
    }
}

fn beyond(lower: &Lower, option: PurchaseOption, (key, quota): (&str, u32)) -> Option<Problem> {
    let model = &lower.model;
    // Managed Instances have no greatest size.
    let groups = model.auto_scaling_groups.iter().filter(|it| it.1.managed_instances.is_none());
    let needs = groups.map(|(ix, group)| (group.name.as_str(), of_group(model, ix, option)));
    let needs: Vec<(&str, u64)> = needs.filter(|(_, units)| *units > 0).collect();
    let units = needs.iter().fold(0u64, |sum, (_, units)| sum.saturating_add(*units));
    let fixed = of_fixed_fleets(model, option);
    if needs.is_empty() || units.saturating_add(fixed) <= u64::from(quota) {
        return None;
    }
    let names: Vec<&str> = needs.iter().map(|(name, _)| *name).collect();
    let (group, need) = if names.len() == 1 { ("group", "needs") } else { ("groups", "need") };
    let bought = match option {
        PurchaseOption::OnDemand => "on demand",
        PurchaseOption::Spot => "as Spot",
    };
    let beside = match fixed {
        0 => String::new(),
        fixed => format!(" beside {} of container instances", number(fixed / 1024)),
    };
    let message = format!(
        "the Auto Scaling {group} {} {need} {} vCPU {bought} at `max_size`{beside}, and the quota \
         is {}: launches beyond it fail",
        listed(&names),
        number(units / 1024),
        number(u64::from(quota / 1024))
    );
    let hint = format!("set `account.{key}` higher, or `max_size` lower");
    Some(lower.root().table("account").warning(Code::GroupsBeyondQuota, key, message).hint(hint))
}

/// Returns how many CPU units a group needs at its greatest size, if it has its smallest types.
fn of_group(model: &Model, ix: Ix<AutoScalingGroup>, option: PurchaseOption) -> u64 {
    let group = &model.auto_scaling_groups[ix];
    let on_demand = group.policy.on_demand_of(group.most());
    let count = match option {
        PurchaseOption::OnDemand => on_demand,
        PurchaseOption::Spot => group.most() - on_demand,
    };
    let pools = group.pools.iter().map(|&pool| &model.pools[pool]);
    let pools = pools.filter(|pool| pool.purchase_option() == option);
    let classes = pools.flat_map(|pool| &pool.classes).map(|&class| &model.classes[class]);
    let smallest = classes.map(|class| class.registered.cpu_units).min().unwrap_or(0);
    u64::from(count) * u64::from(smallest)
}

/// Returns how many CPU units the instances have that are always there.
fn of_fixed_fleets(model: &Model, option: PurchaseOption) -> u64 {
    let is_fixed = |class: &InstanceClass| {
        class.launch_type == InstanceLaunchType::Ec2
            && class.purchase_option() == option
            && model.fleets[class.fleet].group.is_none()
    };
    let classes = model.classes.iter().filter(|(_, class)| is_fixed(class));
    let units =
        classes.map(|(ix, class)| instances_of(model, ix) * u64::from(class.registered.cpu_units));
    units.fold(0, u64::saturating_add)
}
