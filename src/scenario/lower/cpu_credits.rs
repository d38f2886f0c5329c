//! CPU credits of T instances: what holds for them, what they cost, and what people regret.

use crate::catalogue::{Charge, Filter, InstanceType};
use crate::ecs::capacity::credits::CreditTerms;
use crate::ecs::model::{
    Fleet, InstanceClass, InstanceLaunchType, Launch, Model, Os, Scheduling, TaskDefinition,
};
use crate::units::{Money, Span};

use super::super::codes::Code;
use super::super::problems::listed;
use super::super::value::Share;
use super::super::{Problem, View};
use super::Lower;
use super::capacity_warnings::desired_counts;
use super::cluster::KindOfInstance;
use super::job::tasks_per_instance;
use super::launch::{may_host, may_take};

/// Hours of AWS's month.
const MONTH: f64 = 730.0;

/// Keys that only T instances have.
const KEYS: [&str; 2] = ["credit_specification", "initial_cpu_credits"];

/// What is said of CPU credits of instances.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// Whether they are in unlimited mode; `None`: as AWS has it.
    unlimited: Option<bool>,
    /// Of the credits they can accrue, those they have when the run begins.
    initial: Share,
}

impl Said {
    pub fn of(view: &View) -> Said {
        let said: Option<String> = view.find("credit_specification");
        let unlimited = said.map(|it| it == "unlimited");
        Said { unlimited, initial: view.get("initial_cpu_credits") }
    }

    /// Nothing is said: instances are launched, and begin as AWS has it.
    pub fn nothing() -> Said {
        Said { unlimited: None, initial: Share(1.0) }
    }
}

/// Returns what holds for the CPU credits of a kind of instance; `None`: it has none.
///
/// Source: EC2 User Guide, "Unlimited mode concepts": T2 gets launch credits in standard mode only.
pub(super) fn terms(lower: &Lower, said: &Said, kind: &KindOfInstance) -> Option<CreditTerms> {
    let instance_type = lower.catalogue.instance_type(&kind.name)?;
    let known = instance_type.cpu_credits?;
    let unlimited = said.unlimited.unwrap_or(known.unlimited_by_default);
    Some(CreditTerms {
        tenths_per_hour: known.tenths_per_hour,
        cpu_units: instance_type.registered_cpu_units(),
        unlimited,
        launch_credits: if unlimited { 0 } else { known.launch_credits },
        survives_stop: known.survives_stop,
        initial_millionths: (said.initial.0 * 1e6).round() as u32,
    })
}

/// Finds keys of T instances where there are none.
pub(super) fn check_keys(lower: &mut Lower) {
    let names: Vec<_> = lower.model.fleets.indices().collect();
    for ix in names {
        let fleet = &lower.model.fleets[ix];
        let of_ec2 = |it: &InstanceClass| it.launch_type == InstanceLaunchType::Ec2;
        // Of external instances it is said that such keys belong to EC2.
        let has_own = |it: &InstanceClass| it.cpu_credits.is_some() || !of_ec2(it);
        if classes(&lower.model, fleet).any(has_own) {
            continue;
        }
        let types = classes(&lower.model, fleet).map(|it| it.instance_type.clone());
        let types: Vec<String> = types.collect();
        let Some(view) = lower.fleet_view(ix) else { continue };
        for key in KEYS.into_iter().filter(|key| view.is_written(key)) {
            let first = types.first().map_or("", String::as_str);
            let message = format!("`{key}` is of T instances, and `{first}` has no CPU credits");
            let hint = "leave it out, or choose a type such as `t3.large`";
            lower.problems.push(view.error(key, message).hint(hint));
        }
        lower.idle(&view, &KEYS);
    }
}

/// Returns what a vCPU-hour of surplus credits costs.
///
/// Source: Amazon EC2 On-Demand Pricing, T2/T3/T4g unlimited mode pricing, read 2026-09.
pub(super) fn charge(class: &InstanceClass) -> Option<Charge> {
    class.cpu_credits.filter(|terms| terms.unlimited)?;
    let is_t4g = class.instance_type.starts_with("t4g.");
    Some(match class.os_family.os() {
        Os::Windows => Charge::TUnlimitedCreditWindows,
        Os::Linux if is_t4g => Charge::T4gUnlimitedCredit,
        Os::Linux => Charge::TUnlimitedCredit,
    })
}

/// Returns the task definitions, without those that say what all of their containers use, that may
/// run on instances of a class.
pub(super) fn without_usage<'m>(model: &'m Model, class: &InstanceClass) -> Vec<&'m str> {
    let silent = |definition: &TaskDefinition| {
        definition.containers.iter().any(|it| it.behaviour.usage.is_none())
    };
    let launched = launched(model).filter(|(launch, definition)| {
        silent(definition) && may_run(model, (launch, definition), class)
    });
    let mut names: Vec<&str> = launched.map(|(_, it)| it.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn launched(model: &Model) -> impl Iterator<Item = (&Launch, &TaskDefinition)> {
    let services = model.services.iter().map(|(_, it)| (it.launch, it.task_definition));
    let submitters = model.submitters.iter().map(|(_, it)| (it.launch, it.task_definition));
    services
        .chain(submitters)
        .map(|(launch, definition)| (&model.launches[launch], &model.task_definitions[definition]))
}

fn may_run(
    model: &Model,
    (launch, definition): (&Launch, &TaskDefinition),
    class: &InstanceClass,
) -> bool {
    let wanted = &model.requirements[definition.requirement];
    may_host(model, launch, class)
        && may_take(class, launch, wanted)
        && tasks_per_instance(class, launch, wanted) > 0
}

fn classes<'m>(model: &'m Model, fleet: &Fleet) -> impl Iterator<Item = &'m InstanceClass> {
    fleet.classes.iter().map(|&it| &model.classes[it])
}

/// Looks at the instances of each fleet that has credits.
pub(super) fn check(lower: &mut Lower) {
    let mut problems = Vec::new();
    // Of Managed Instances it is AWS that chooses the type.
    let is_chosen = |ix| lower.model.managed_instances_of(ix).is_none();
    for (ix, fleet) in lower.model.fleets.iter().filter(|(ix, _)| is_chosen(*ix)) {
        let mut with_credits = classes(&lower.model, fleet).filter(|it| it.cpu_credits.is_some());
        let Some(class) = with_credits.next() else { continue };
        let Some(view) = lower.fleet_view(ix) else { continue };
        problems.extend(says_nothing(lower, class, &view));
        // Types of several sizes have several baselines, and one of them cannot stand for all.
        let is_alike =
            classes(&lower.model, fleet).all(|it| it.instance_type == class.instance_type);
        if is_alike {
            problems.extend(above_baseline(lower, (fleet, class), &view));
        }
    }
    lower.problems.extend(problems);
}

fn key_of_types(view: &View) -> &'static str {
    if view.is_written("instance_type") { "instance_type" } else { "instance_types" }
}

/// Containers that do not say what they use spend no credits.
fn says_nothing(lower: &Lower, class: &InstanceClass, view: &View) -> Option<Problem> {
    let names = without_usage(&lower.model, class);
    if names.is_empty() {
        return None;
    }
    let message = format!(
        "containers of {} do not say what CPU they use: they spend no CPU credits, and never run \
         slower",
        listed(&names)
    );
    let hint = format!(
        "write what they use, such as \
         `behaviour.{}.usage.app = {{ cpu = 256, memory = \"1 GiB\" }}`",
        names[0]
    );
    let code = Code::CreditsWithoutUsage;
    Some(view.warning(code, key_of_types(view), message).hint(hint))
}

/// Returns what services ask of each instance of a fleet at all times, in vCPU, spread evenly; only
/// those count that can run nowhere else.
fn steady_vcpu(model: &Model, fleet: &Fleet) -> f64 {
    let count = match fleet.group {
        Some(group) => model.auto_scaling_groups[group].most(),
        None => fleet.count,
    };
    let mut units = 0.0;
    for (_, service) in model.services.iter() {
        let launch = &model.launches[service.launch];
        let definition = &model.task_definitions[service.task_definition];
        let runs_on = |class: &InstanceClass| may_run(model, (launch, definition), class);
        let hosts = || model.classes.iter().filter(|(_, class)| runs_on(class));
        let on_instances = launch.providers.iter().all(|it| it.provider.uses_instances());
        let is_here = hosts().all(|(ix, _)| fleet.classes.contains(&ix));
        if !on_instances || !is_here || hosts().next().is_none() {
            continue;
        }
        let tasks = match service.scheduling {
            Scheduling::Daemon => count,
            Scheduling::Replica { .. } => {
                desired_counts(model, &service.name).into_iter().min().unwrap_or(0)
            }
        };
        let used = definition.containers.iter().filter_map(|it| it.behaviour.usage);
        units += f64::from(tasks) * used.map(|it| f64::from(it.cpu_units)).sum::<f64>();
    }
    units / 1024.0 / f64::from(count.max(1))
}

/// Instances that are asked for more than they earn all the time crawl, or cost more than others.
fn above_baseline(
    lower: &Lower,
    (fleet, class): (&Fleet, &InstanceClass),
    view: &View,
) -> Option<Problem> {
    let known = lower.catalogue.instance_type(&class.instance_type)?;
    let (credits, terms) = (known.cpu_credits?, class.cpu_credits?);
    let asked = steady_vcpu(&lower.model, fleet).min(f64::from(known.vcpus));
    let baseline = credits.baseline_vcpu();
    if asked <= baseline {
        return None;
    }
    let name = &class.instance_type;
    let over = asked - baseline;
    let asks = format!(
        "services ask for {asked:.2} vCPU of each instance at all times, and `{name}` earns \
         {baseline:.2}"
    );
    if terms.unlimited {
        return costs_more(lower, (known, class), view, (over, asks));
    }
    let has = credits.most() * f64::from(terms.initial_millionths) / 1e6;
    let lasts = Span::from_secs_f64((has / over).round() * 60.0);
    let then = match has > 0.0 {
        true => format!("{has:.0} credits are gone after {lasts}, and then they get"),
        false => "they get".to_string(),
    };
    let message = format!("{asks}: {then} {:.0} % of it", 100.0 * baseline / asked);
    let other = fixed(lower, known, class);
    let hint = match other {
        Some((other, _)) => format!(
            "take a type without CPU credits, such as `{other}`, or more instances, or write \
             `credit_specification = \"unlimited\"` and pay"
        ),
        None => "take more instances, or write `credit_specification = \"unlimited\"`".to_string(),
    };
    let key = match view.is_written("credit_specification") {
        true => "credit_specification",
        false => key_of_types(view),
    };
    Some(view.warning(Code::CrawlsAtBaseline, key, message).hint(hint))
}

/// Surplus credits at all times may cost more than another type.
///
/// Source: EC2 User Guide, "When to use unlimited mode versus fixed CPU".
fn costs_more(
    lower: &Lower,
    (known, class): (&InstanceType, &InstanceClass),
    view: &View,
    (over, asks): (f64, String),
) -> Option<Problem> {
    let per_month = |hourly: f64| Money::from_dollars_f64(hourly * MONTH);
    let price = lower.catalogue.on_demand(&lower.region, &known.name, class.os_family.os()).ok()?;
    let own = price.rate.as_dollars_f64();
    let surplus = over * lower.catalogue.charge(&lower.region, charge(class)?).as_dollars_f64();
    let (other, others) = fixed(lower, known, class)?;
    if others >= own + surplus {
        return None;
    }
    let message = format!(
        "{asks}: the rest costs {} a month beside {} of the instance itself, and `{other}` is to \
         be had for {}",
        per_month(surplus),
        per_month(own),
        per_month(others)
    );
    let hint = format!("write `instance_type = \"{other}\"`, unless it is busy for a while only");
    Some(view.warning(Code::SurplusCostsMore, key_of_types(view), message).hint(hint))
}

/// Returns the cheapest type without CPU credits that has as much, and its price per hour.
fn fixed(lower: &Lower, known: &InstanceType, class: &InstanceClass) -> Option<(String, f64)> {
    let filter = Filter {
        cpu_units: known.registered_cpu_units()..=u32::MAX,
        memory_mib: known.memory_mib..=u32::MAX,
        architecture: Some(known.architecture),
        gpus: 0..=0,
        ..Filter::default()
    };
    let found = lower.catalogue.search(&lower.region, &filter).ok()?;
    let found = found.into_iter().find(|it| it.instance_type.cpu_credits.is_none())?;
    let name = &found.instance_type.name;
    let price = lower.catalogue.on_demand(&lower.region, name, class.os_family.os()).ok()?;
    Some((name.clone(), price.rate.as_dollars_f64()))
}
