//! What people read is what the program does: the reference page and the README.

use std::fs;

use super::{files, read, repository};

#[test]
fn the_reference_page_is_fresh() {
    const RENEW: &str = "cargo run -- schema --reference > docs/reference.md";
    let page = ecsim::scenario::reference_markdown();
    let written = fs::read_to_string(repository("docs/reference.md")).unwrap_or_default();
    let stale = written.lines().zip(page.lines()).position(|(written, page)| written != page);
    let line = stale.unwrap_or(written.lines().count().min(page.lines().count())) + 1;
    assert!(
        written == page,
        "docs/reference.md:{line}: the page is stale; renew it with\n    {RENEW}"
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
