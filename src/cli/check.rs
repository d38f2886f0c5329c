//! `ecsim check`: what is wrong, what is filled in, and what the answer rests on.

use std::collections::BTreeSet;
use std::io::{self, Write};

use clap::Args;

use crate::billing::{Per, Rate};
use crate::ecs::model::{InstanceLaunchType, TaskDefinition};
use crate::scenario::keys::Evidence;
use crate::scenario::{Filled, Scenario};

use super::{Exit, ScenarioArgs, complain};

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Print nothing but problems
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> io::Result<Exit> {
    let scenarios = match args.scenario.read(&args.scenario.overrides()) {
        Ok(scenarios) => scenarios,
        Err(exit) => return Ok(exit),
    };
    for scenario in &scenarios {
        complain(&scenario.document.problems);
        if !args.quiet {
            print(scenario, out)?;
        }
    }
    Ok(Exit::Fine)
}

fn print(scenario: &Scenario, out: &mut dyn Write) -> io::Result<()> {
    let filled = scenario.document.filled_in();
    writeln!(out, "{}: fine, digest {:032x}\n", scenario.name, scenario.digest)?;
    writeln!(out, "WRITTEN")?;
    let is_idle = |it: &Filled| without_effect(scenario, it);
    for it in filled.iter().filter(|it| it.place.is_some() && !is_idle(it)) {
        writeln!(out, "  {} = {}", it.path, it.value)?;
    }
    let defaults = [
        (Some(Evidence::Documented), "DEFAULTS, documented by AWS"),
        (Some(Evidence::Measured), "DEFAULTS, measured by somebody"),
        (Some(Evidence::Assumed), "DEFAULTS, assumed: change them if you know better"),
        (None, "DEFAULTS of this program"),
    ];
    for (evidence, title) in defaults {
        let mut of_kind = filled
            .iter()
            .filter(|it| it.place.is_none() && it.key.evidence == evidence && !is_idle(it))
            .peekable();
        if of_kind.peek().is_none() {
            continue;
        }
        writeln!(out, "\n{title}")?;
        if evidence == Some(Evidence::Assumed) {
            print_images(scenario, out)?;
        }
        for it in of_kind {
            match it.key.source {
                "" => writeln!(out, "  {} = {}", it.path, it.value)?,
                source => writeln!(out, "  {} = {}   ({source})", it.path, it.value)?,
            }
        }
    }
    print_assumed(scenario, out)?;
    let mut unused = filled.iter().filter(|it| it.place.is_some() && is_idle(it)).peekable();
    if unused.peek().is_some() {
        writeln!(out, "\nUNDERSTOOD, without effect on the simulation")?;
        for it in unused {
            writeln!(out, "  {}", it.path)?;
        }
    }
    Ok(())
}

/// Images that containers name and the scenario does not describe have a size all the same.
fn print_images(scenario: &Scenario, out: &mut dyn Write) -> io::Result<()> {
    let root = scenario.document.root();
    for (_, image) in scenario.model.images.iter() {
        if root.entry("image", &image.name).is_none() {
            writeln!(out, "  image.\"{}\".size = \"{}\"", image.name, image.size)?;
        }
    }
    Ok(())
}

/// Says whether the simulation has no use for a key.
///
/// A new target of an Application Load Balancer is healthy after one check, whatever the threshold.
fn without_effect(scenario: &Scenario, filled: &Filled) -> bool {
    if filled.is_idle {
        return true;
    }
    let mut groups = scenario.model.target_groups.iter().map(|(_, group)| group);
    filled.key.name == "healthy_threshold"
        && groups.any(|group| {
            let root = scenario.document.root();
            let view = root.entry("target_group", &group.name).map(|it| it.table("health_check"));
            view.is_some_and(|it| it.path_of("healthy_threshold") == filled.path)
                && group.first_healthy_checks == 1
        })
}

/// Writes an amount to the nano-dollar, without zeros at the end.
fn dollars(nanos: i64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("${}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Lists prices that are our guess and on the bill.
fn print_assumed(scenario: &Scenario, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = BTreeSet::new();
    let mut add = |what: String, rate: &Rate| {
        if rate.assumed {
            let price = dollars(rate.nanos);
            let per = match rate.per {
                Per::Hour => "hour",
                Per::Month => "month",
            };
            let note =
                if rate.note.is_empty() { String::new() } else { format!("   ({})", rate.note) };
            lines.insert(format!("{what}: {price} per {per}{note}"));
        }
    };
    let prices = &scenario.prices;
    for (class, rates) in prices.classes.iter() {
        let class = &scenario.model.classes[class];
        add(format!("{} with {:?}", class.instance_type, class.os_family.os()), &rates.instance);
        if rates.root_volume_gib > 0 {
            add("GiB of root volume".to_string(), &rates.root_volume);
        }
        if class.launch_type == InstanceLaunchType::External {
            add("external instance".to_string(), &prices.ecs_anywhere);
        }
    }
    for it in &prices.fargate {
        let spot = if it.spot { " Spot" } else { "" };
        let name = format!("Fargate{spot}, {:?} on {:?}", it.os, it.architecture);
        add(format!("vCPU of {name}"), &it.vcpu);
        add(format!("GB of {name}"), &it.memory);
        let has_storage = |(_, definition): (_, &TaskDefinition)| {
            definition.fargate.is_some_and(|size| size.ephemeral_storage_gib > 20)
        };
        if scenario.model.task_definitions.iter().any(has_storage) {
            add(format!("GB of ephemeral storage of {name}"), &it.ephemeral_storage);
        }
    }
    let has_address = prices.classes.iter().any(|(_, rates)| rates.public_ip)
        || scenario.model.launches.iter().any(|(_, launch)| launch.public_ip);
    if has_address {
        add("public IPv4 address".to_string(), &prices.public_ipv4);
    }
    for it in &prices.standing {
        add(format!("{} {}, {}", it.category.name(), it.item, it.unit), &it.rate);
    }
    if !lines.is_empty() {
        writeln!(out, "\nPRICES, assumed: `[prices]` takes better ones")?;
    }
    lines.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
    writeln!(out, "\nNOT MODELLED on the bill\n  {}", prices.not_modelled.join(", "))
}
