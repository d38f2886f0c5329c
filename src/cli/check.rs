//! `ecsim check`: what is wrong, what is filled in, and what the answer rests on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use clap::Args;

use crate::billing::{Per, Rate};
use crate::ecs::model::{Image, InstanceLaunchType, TaskDefinition};
use crate::scenario::keys::Evidence;
use crate::scenario::{Code, Filled, ReadRate, Scenario, codes};
use crate::units::{SimTime, with_thousands};

use super::{Exit, ScenarioArgs, complain, tell};

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Print only mistakes and warnings
    #[arg(long, short)]
    quiet: bool,
    /// Explain warnings by their codes, such as W050, instead; without a code list all there are
    #[arg(long, value_name = "CODE", num_args = 0.., exclusive = true)]
    explain: Option<Vec<String>>,
}

pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> io::Result<Exit> {
    if let Some(codes) = &args.explain {
        return explain(codes, out);
    }
    let mut exit = Exit::Fine;
    let mut apart = "";
    for read in &args.scenario.read(&args.scenario.overrides()) {
        match read {
            Ok(scenario) => {
                complain(&scenario.document.problems);
                if !args.quiet {
                    write!(out, "{apart}{}", page(scenario))?;
                    apart = "\n";
                }
            }
            Err(problems) => {
                complain(problems);
                exit = Exit::BadInput;
            }
        }
    }
    Ok(exit)
}

/// Writes what there is to know about these warnings, or lists all.
fn explain(words: &[String], out: &mut dyn Write) -> io::Result<Exit> {
    if matches!(words, [] | [_]) && words.iter().all(|word| word == "list") {
        write!(out, "{}", codes::list())?;
        return Ok(Exit::Fine);
    }
    let mut pages = Vec::new();
    let mut exit = Exit::Fine;
    for word in words {
        match Code::find(word) {
            Ok(code) => pages.push(code.explained()),
            Err(meant) => {
                let hint = match meant {
                    Some(meant) => format!("did you mean {meant}?"),
                    None => "`ecsim check --explain` lists all there are".to_string(),
                };
                let word = word.escape_debug();
                tell(&format!("there is no warning `{word}`\nhint: {hint}"));
                exit = Exit::BadInput;
            }
        }
    }
    if exit == Exit::Fine {
        write!(out, "{}", pages.join("\n"))?;
    }
    Ok(exit)
}

/// Columns of the page.
const WIDTH: usize = 100;

/// Writes what is wrong with nothing, what is written, and what the rest rests on.
fn page(scenario: &Scenario) -> String {
    let filled = scenario.in_use();
    let mut text = format!("{}: fine, digest {:032x}\n", scenario.name, scenario.digest);
    let (idle, filled): (Vec<&Filled>, Vec<&Filled>) =
        filled.iter().partition(|it| without_effect(scenario, it));
    text += "\nWRITTEN\n";
    let written = filled.iter().filter(|it| it.place.is_some());
    for (thing, items) in grouped(written.map(|it| by_thing(it))) {
        text += &wrapped(&format!("  {thing}"), &items);
    }
    let defaults = [
        (Some(Evidence::Assumed), "DEFAULTS, assumed: change them if you know better"),
        (Some(Evidence::Measured), "DEFAULTS, measured by somebody"),
        (Some(Evidence::Documented), "DEFAULTS, documented by AWS"),
        (None, "DEFAULTS of this program"),
    ];
    for (evidence, title) in defaults {
        let of_kind = |it: &&&Filled| it.place.is_none() && it.key.evidence == evidence;
        let of_kind: Vec<&Filled> = filled.iter().filter(of_kind).copied().collect();
        let mut merged = merged(&of_kind);
        if evidence == Some(Evidence::Assumed) {
            merged.extend(images(scenario));
        }
        if !merged.is_empty() {
            text += &format!("\n{title}\n");
        }
        for (source, items) in grouped(merged.into_iter()) {
            text += &wrapped("  ", &items);
            if !source.is_empty() {
                text += &format!("      ({source})\n");
            }
        }
    }
    text += &rates(scenario);
    text += &assumed_prices(scenario);
    let idle: Vec<&&Filled> = idle.iter().filter(|it| it.place.is_some()).collect();
    if !idle.is_empty() {
        text += "\nUNDERSTOOD, without effect on the simulation\n";
        idle.iter().for_each(|it| text += &format!("  {}\n", it.path));
    }
    text
}

/// Says what loads and queues get over the run, and what was read for them.
fn rates(scenario: &Scenario) -> String {
    let model = &scenario.model;
    let end = SimTime::ZERO + model.duration;
    let root = scenario.document.root();
    let loads = model.loads.iter().filter_map(|(_, it)| {
        let service = it.name.strip_prefix("service.").and_then(|it| root.entry("service", it));
        let load = service.and_then(|it| it.child("load")).or_else(|| root.entry("load", &it.name));
        Some((load?.path_of("requests_per_second"), &it.rate))
    });
    let queues = model.queues.iter().filter_map(|(_, it)| {
        let queue = root.entry("queue", &it.name)?;
        Some((queue.path_of("messages_per_second"), &it.arrivals))
    });
    let mut text = String::new();
    for (path, rate) in loads.chain(queues) {
        if text.is_empty() {
            text += "\nRATES over the run, every noise at its mean\n";
        }
        let (mean, peak) = (in_short(rate.mean(end)), in_short(rate.peak(end)));
        text += &format!("  {path}: mean {mean}, peak {peak} per second\n");
        let is_its = |it: &&ReadRate| it.path.starts_with(&path);
        scenario.rates.iter().filter(is_its).for_each(|it| text += &record(it));
    }
    text
}

/// Says what was read of the record of a rate.
fn record(read: &ReadRate) -> String {
    let ReadRate { record: it, lies, .. } = read;
    let points = match it.point_count {
        1 => "1 point".to_string(),
        count => format!("{} points", with_thousands(count as u128)),
    };
    let mended = match it.mended_count {
        0 => String::new(),
        count => format!(", {} mended", with_thousands(count.into())),
    };
    let (mean, peak) = (in_short(it.steps.mean()), in_short(it.steps.peak()));
    let (period, length) = (it.period, it.steps.length());
    format!(
        "      {}: {points} of {period}{mended}, {length}, mean {mean}, peak {peak}; {lies}\n",
        it.file
    )
}

/// Writes a number with four digits that count.
fn in_short(value: f64) -> String {
    let decimals = match value {
        _ if value >= 1000.0 => 0,
        _ if value >= 100.0 => 1,
        _ if value >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.parse().map_or(text.clone(), with_thousands),
    }
}

/// Splits a key into the thing it belongs to and the rest with its value.
fn by_thing(it: &Filled) -> (String, String) {
    let thing = match (it.pattern.split_once(".*."), it.names.first()) {
        (Some((table, _)), Some(name)) if !table.contains('.') => format!("{table}.{name}"),
        (_, _) => it.path.split_once('.').map_or("", |(table, _)| table).to_string(),
    };
    let rest = it.path.strip_prefix(&thing).unwrap_or(&it.path).trim_start_matches('.');
    let title = if thing.is_empty() { String::new() } else { format!("[{thing}] ") };
    (title, format!("{rest} = {}", it.value))
}

/// Gathers what has one title, in the order in which titles come first.
fn grouped(pairs: impl Iterator<Item = (String, String)>) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    let mut places = BTreeMap::new();
    for (title, item) in pairs {
        let place = *places.entry(title.clone()).or_insert_with(|| {
            groups.push((title, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(item);
    }
    groups
}

/// Says an equal default of several things once; returns the source and the sentence.
fn merged(filled: &[&Filled]) -> Vec<(String, String)> {
    let alike = |it: &&Filled| (it.pattern.clone(), it.value.clone());
    let mut things: BTreeMap<(String, String), Vec<&Filled>> = BTreeMap::new();
    for it in filled {
        things.entry(alike(it)).or_default().push(it);
    }
    let mut all = Vec::new();
    for it in filled {
        let Some(things) = things.remove(&alike(it)) else { continue };
        let sentence = match things.len() {
            1 => format!("{} = {}", it.path, it.value),
            count => format!("{} = {} ({count} times)", it.pattern, it.value),
        };
        all.push((it.key.source.to_string(), sentence));
    }
    all
}

/// Images that containers name and the scenario does not describe have a size all the same.
fn images(scenario: &Scenario) -> Vec<(String, String)> {
    let root = scenario.document.root();
    let images = scenario.model.images.iter().map(|(_, image)| image);
    let silent = images.filter(|image| root.entry("image", &image.name).is_none());
    let line = |image: &Image| format!("image.\"{}\".size = \"{}\"", image.name, image.size);
    silent.map(|image| ("nothing says how large they are".to_string(), line(image))).collect()
}

/// Writes items one after the other, as many to a line as there is room for.
fn wrapped(title: &str, items: &[String]) -> String {
    let mut text = title.to_string();
    let mut used = title.chars().count();
    let mut is_first = true;
    for (position, item) in items.iter().enumerate() {
        let comma = if position + 1 < items.len() { "," } else { "" };
        let length = item.chars().count() + comma.len();
        if !is_first && used + 1 + length > WIDTH {
            text += "\n      ";
            used = 6;
            is_first = true;
        }
        let blank = if is_first { "" } else { " " };
        text += &format!("{blank}{item}{comma}");
        used += blank.len() + length;
        is_first = false;
    }
    text + "\n"
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

/// Writes a price with why it is assumed, on a line of its own where the page is too narrow.
fn price_line(what: String, rate: &Rate) -> String {
    let per = match rate.per {
        Per::Hour => "hour",
        Per::Month => "month",
    };
    let line = format!("{what}: {} per {per}", dollars(rate.nanos));
    if rate.note.is_empty() {
        return line;
    }
    let note = format!("({})", rate.note);
    let apart = if line.len() + note.len() + 5 > WIDTH { "\n      " } else { "   " };
    line + apart + &note
}

/// Lists prices that are our guess and on the bill.
fn assumed_prices(scenario: &Scenario) -> String {
    let mut lines = BTreeSet::new();
    let mut add = |what: String, rate: &Rate| {
        if rate.assumed {
            lines.insert(price_line(what, rate));
        }
    };
    let prices = &scenario.prices;
    for (class, rates) in prices.classes.iter() {
        let class = &scenario.model.classes[class];
        let name = format!("{} with {:?}", class.instance_type, class.os_family.os());
        match &rates.spot {
            Some(usual) => add(format!("{name} as Spot, usually"), usual),
            None => add(name, &rates.instance),
        }
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
    for commitment in &prices.commitments {
        let by = format!("by `{}`", commitment.name);
        for (class, rate) in commitment.rates.classes.iter() {
            let Some(rate) = rate else { continue };
            add(format!("{} {by}", scenario.model.classes[class].instance_type), rate);
        }
        for it in &commitment.rates.fargate {
            let name = format!("Fargate, {:?} on {:?}, {by}", it.os, it.architecture);
            add(format!("vCPU of {name}"), &it.vcpu);
            add(format!("GB of {name}"), &it.memory);
        }
    }
    let mut text = String::new();
    if !lines.is_empty() {
        text += "\nPRICES, assumed: `[prices]` takes better ones\n";
    }
    lines.iter().for_each(|line| text += &format!("  {line}\n"));
    text + "\nNOT MODELLED on the bill\n" + &wrapped("  ", &prices.not_modelled)
}
