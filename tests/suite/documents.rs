//! What people read is what the program does: the reference page and the README.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use ecsim::study::measures;

use super::scenarios::{outcome, scenario};
use super::{files, read, repository};

#[test]
fn the_reference_page_is_fresh() {
    check_fresh("docs/reference.md", &ecsim::scenario::reference_markdown(), "--reference");
}

#[test]
fn the_page_of_warnings_is_fresh() {
    check_fresh("docs/warnings.md", &ecsim::scenario::codes::markdown(), "--warnings");
}

#[track_caller]
fn check_fresh(path: &str, page: &str, flag: &str) {
    let written = fs::read_to_string(repository(path)).unwrap_or_default();
    let stale = written.lines().zip(page.lines()).position(|(written, page)| written != page);
    let line = stale.unwrap_or(written.lines().count().min(page.lines().count())) + 1;
    assert!(
        written == page,
        "{path}:{line}: the page is stale; renew it with\n    cargo run -- schema {flag} > {path}"
    );
}

#[test]
fn the_scenario_in_the_readme_is_a_shipped_one() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("```toml\n").expect("the README shows a scenario");
    let (shown, _) = rest.split_once("```").expect("its block ends");
    let shipped = read("scenarios/fargate-service.toml");
    assert!(shipped.ends_with(shown), "scenarios/fargate-service.toml ends otherwise:\n{shown}");
    assert_eq!(shown.lines().count(), 5);
}

#[test]
fn the_screen_in_the_readme_is_what_its_command_prints() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once("<!-- SCREEN: begin").expect("the README shows it");
    let (mark, rest) = rest.split_once("```text\n").expect("it is a block of text");
    let (shown, after) = rest.split_once("```\n<!-- SCREEN: end -->").expect("it ends");
    let (_, command) = before.rsplit_once("cargo run --release -- ").expect("a command is shown");
    let arguments = command.lines().next().unwrap().split(' ');
    let mut ecsim = Command::new(env!("CARGO_BIN_EXE_ecsim"));
    ecsim.current_dir(repository("")).args(arguments).arg("--no-output");
    let printed = String::from_utf8(ecsim.output().unwrap().stdout).unwrap();
    if std::env::var_os("ECSIM_RENEW").is_some() {
        let renewed = format!(
            "{before}<!-- SCREEN: begin{mark}```text\n{printed}```\n<!-- SCREEN: end -->{after}"
        );
        fs::write(repository("README.md"), renewed).unwrap();
        return;
    }
    assert!(shown == printed, "the README's screen is stale: `ECSIM_RENEW=1 cargo test readme`");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = vec!["README.md".to_string(), "CONTRIBUTING.md".to_string()];
    documents.extend(["docs", "scenarios"].into_iter().flat_map(|it| files(it, &[".md"])));
    documents.push("output/README.md".to_string());
    let mut links = 0;
    for document in &documents {
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in read(document).split("](").skip(1).filter_map(|it| it.split(')').next()) {
            let path = target.split('#').next().unwrap_or("");
            if path.is_empty() || path.contains("://") {
                continue;
            }
            links += 1;
            assert!(repository(folder).join(path).exists(), "{document}: {target} is not there");
        }
    }
    assert!(links > 5, "only {links} links were found");
}

/// Returns what stands in backticks in the section of the legend under a heading.
fn defined(heading: &str) -> BTreeSet<String> {
    let page = read("output/README.md");
    let (_, legend) = page.split_once("<!-- LEGEND: begin").expect("the legend begins");
    let (legend, _) = legend.split_once("<!-- LEGEND: end -->").expect("the legend ends");
    let found = legend.split("\n### ").find(|section| section.starts_with(heading));
    let section = found.unwrap_or_else(|| panic!("output/README.md has no section {heading}"));
    section.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

/// Takes the ending away that says which of a level or of times it is.
fn level(name: &str) -> &str {
    let endings = ["_min", "_mean", "_max", "_p50", "_p95", "_p99"];
    endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

#[test]
fn every_measure_has_a_definition() {
    let mut seen = BTreeSet::new();
    for path in ["scenarios/hybrid.toml", "scenarios/batch.toml", "scenarios/microservices.toml"] {
        let scenario = scenario(path);
        for measure in measures(&scenario.model, &outcome(&scenario)) {
            let (area, rest) = measure.name.split_once('.').unwrap();
            let last = rest.rsplit('.').next().unwrap();
            let (heading, name) = match area {
                "cost" if rest.starts_with("of.") => ("`cost.`", "of.NAME"),
                "cost" => ("`cost.`", rest),
                "tasks" if rest.starts_with("stopped.") => ("`tasks.`", "stopped.CODE"),
                "placement_failures" if rest != "total" => ("`tasks.`", "CODE"),
                "tasks" | "placement_failures" => ("`tasks.`", rest),
                "service" => ("`service.NAME.`", level(last)),
                "job" | "task" => ("`job.NAME.`", level(last)),
                "cluster" | "container_instances" => ("`cluster.NAME.`", level(last)),
                "provider" => ("`provider.NAME.`", level(last)),
                other => panic!("what is a measure of `{other}`? say so in output/README.md"),
            };
            let is_defined = defined(heading).contains(name);
            assert!(is_defined, "output/README.md, {heading} lacks `{name}` of {}", measure.name);
            seen.insert(format!("{heading}{name}"));
        }
    }
    assert!(seen.len() > 40, "{seen:?}");
}

#[test]
fn every_column_and_every_metric_has_a_definition() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecsim"));
    let arguments = ["run", "scenarios/hybrid.toml", "--quiet", "--no-plots", "--out"];
    command.current_dir(repository("")).args(arguments).arg(folder.path().join("hybrid"));
    assert!(command.status().unwrap().success());
    let mut columns = 0;
    let files = ["timeseries.csv", "tasks.csv", "instances.csv", "events.csv", "cost.csv"];
    for file in files.into_iter().chain(["commitments.csv"]) {
        let text = fs::read_to_string(folder.path().join("hybrid").join(file)).unwrap();
        let defined = defined(&format!("`{file}`"));
        let mut names: BTreeSet<&str> = text.lines().next().unwrap().split(',').collect();
        if file == "timeseries.csv" {
            names.extend(text.lines().skip(1).filter_map(|line| line.split(',').nth(4)));
        }
        for name in names {
            assert!(defined.contains(name), "output/README.md does not define `{name}` of {file}");
            columns += 1;
        }
    }
    assert!(columns > 90, "{columns}");
}

#[test]
fn regions_with_prices_are_those_that_people_are_told() {
    let catalogue = ecsim::catalogue::Catalogue::builtin();
    let told: [(&str, String); 2] =
        [("README.md", read("README.md")), ("docs/reference.md", read("docs/reference.md"))];
    let key =
        |line: &&str| line.contains("EC2 prices are built in for") || line.contains("`region`");
    for (document, text) in told {
        let mut lines = text.lines().skip_while(|line| !key(line));
        let paragraph: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let paragraph = paragraph.join("\n");
        let count = catalogue.ec2_regions().count();
        assert!(document != "README.md" || paragraph.contains(&format!("{count} Regions")));
        for region in catalogue.ec2_regions() {
            assert!(paragraph.contains(region), "{document} does not name {region}");
        }
    }
    let more = catalogue.fargate_regions().count() - catalogue.ec2_regions().count();
    assert!(read("README.md").contains(&format!("for these and {more} more")));
}
