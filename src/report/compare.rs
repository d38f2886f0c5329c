//! One table for several runs.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::study::{Measure, Unit, Verdict};

use super::words::alike;

/// A run in the table.
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its measures.
    pub measures: &'a [Measure],
    /// Its objectives.
    pub verdicts: &'a [Verdict],
}

/// Measures that decide between clusters, by how their names end; others are in the files.
const TOLD: [&str; 14] = [
    ".availability",
    ".wait_p95",
    ".pending_p99",
    ".given_up",
    ".unfinished",
    ".makespan",
    ".instances_mean",
    ".empty_instance_hours",
    ".packing_efficiency",
    ".reserved_cpu",
    ".reserved_memory",
    ".stranded_cpu",
    ".stranded_memory",
    "placement_failures.total",
];

/// Writes a table with a column for each run and a row for each measure that decides and differs.
pub fn comparison(columns: &[Column]) -> String {
    let mut table = plain_table();
    let mut header = vec![String::new()];
    header.extend(columns.iter().map(|column| column.name.to_string()));
    table.add_row(header);
    let mut names: Vec<(&str, Unit)> = Vec::new();
    for measure in columns.iter().flat_map(|column| column.measures) {
        // What a cluster says, its fleets say in the files.
        let told = !measure.name.starts_with("container_instances.")
            && (measure.name.starts_with("cost.") && !measure.name.starts_with("cost.of.")
                || TOLD.iter().any(|end| measure.name.ends_with(end)));
        if told && !names.iter().any(|(name, _)| *name == measure.name) {
            names.push((&measure.name, measure.unit));
        }
    }
    let mut same = 0;
    for (name, unit) in names {
        let value =
            |column: &Column| column.measures.iter().find(|it| it.name == name).map(|it| it.value);
        let values: Vec<Option<f64>> = columns.iter().map(value).collect();
        let cells = alike(unit, &values);
        if name != "cost.total" && cells.iter().all(|cell| *cell == cells[0]) {
            same += 1;
            continue;
        }
        table.add_row(std::iter::once(name.to_string()).chain(cells));
    }
    if columns.iter().any(|column| !column.verdicts.is_empty()) {
        let mut row = vec!["objectives met".to_string()];
        row.extend(columns.iter().map(|column| {
            let met =
                column.verdicts.iter().filter(|verdict| verdict.is_met() == Some(true)).count();
            format!("{met} of {}", column.verdicts.len())
        }));
        table.add_row(row);
    }
    let rest = match same {
        0 => String::new(),
        1 => "  one more measure is the same in all\n".to_string(),
        same => format!("  {same} more measures are the same in all\n"),
    };
    finished(table) + &rest
}

/// Makes a table without lines, for measures.
pub(super) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Writes such a table: the first column to the left, the others to the right.
pub(super) fn finished(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        let side = if column.index == 0 { CellAlignment::Left } else { CellAlignment::Right };
        column.set_cell_alignment(side);
        column.set_padding((if column.index == 0 { 2 } else { 1 }, 1));
    }
    table.trim_fmt() + "\n"
}
