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

/// Columns of a screen that a table of several runs may take.
const WIDTH: usize = 110;

/// Writes a table with a column for each run and a row for each measure that decides and differs.
///
/// What only one run has comes last. Runs that do not fit beside each other get tables one below
/// the other.
pub fn comparison(columns: &[Column]) -> String {
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
    let (mut rows, mut of_one) = (Vec::new(), Vec::new());
    for (name, unit) in names {
        let value =
            |column: &Column| column.measures.iter().find(|it| it.name == name).map(|it| it.value);
        let values: Vec<Option<f64>> = columns.iter().map(value).collect();
        let cells = alike(unit, &values);
        if name != "cost.total" && cells.iter().all(|cell| *cell == cells[0]) {
            same += 1;
            continue;
        }
        let is_of_one = values.iter().flatten().count() == 1;
        let row = std::iter::once(name.to_string()).chain(cells).collect();
        if is_of_one { of_one.push(row) } else { rows.push(row) }
    }
    if columns.iter().any(|column| !column.verdicts.is_empty()) {
        let mut row = vec!["objectives met".to_string()];
        row.extend(columns.iter().map(|column| {
            let met =
                column.verdicts.iter().filter(|verdict| verdict.is_met() == Some(true)).count();
            format!("{met} of {}", column.verdicts.len())
        }));
        rows.push(row);
    }
    let header = columns.iter().map(|column| column.name.to_string());
    rows.insert(0, std::iter::once(String::new()).chain(header).collect());
    rows.append(&mut of_one);
    let rest = match same {
        0 => String::new(),
        1 => "  one more measure is the same in all\n".to_string(),
        same => format!("  {same} more measures are the same in all\n"),
    };
    in_blocks(&rows) + &rest
}

/// Writes rows as tables of so many columns as fit, each with the first column.
fn in_blocks(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut tables = Vec::new();
    let mut begin = 1;
    while begin < columns {
        // Two spaces before the first column, and two between any others.
        let mut taken = 2 + width(0) + 1;
        let fit = (begin..columns).take_while(|&column| {
            taken += width(column) + 2;
            taken <= WIDTH
        });
        let end = (begin + fit.count()).max(begin + 1);
        let mut table = plain_table();
        for row in rows {
            let cells = row[begin..end].iter().map(String::as_str);
            table.add_row(std::iter::once(row[0].as_str()).chain(cells));
        }
        tables.push(finished(table));
        begin = end;
    }
    tables.join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_runs_are_compared_within_the_width_of_a_screen() {
        let value = |name: &str, value| Measure { name: name.into(), value, unit: Unit::Count };
        let of: Vec<(String, Vec<Measure>)> = (0..9u8)
            .map(|n| {
                let mut measures = vec![value("cluster.shop.instances_mean", f64::from(n))];
                if n == 4 {
                    measures.insert(0, value("job.alone.given_up", 3.0));
                }
                (format!("a-rather-long-name-{n}"), measures)
            })
            .collect();
        let columns: Vec<Column> =
            of.iter().map(|(name, measures)| Column { name, measures, verdicts: &[] }).collect();
        let text = comparison(&columns);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        for (name, _) in &of {
            assert_eq!(text.matches(name.as_str()).count(), 1, "{text}");
        }
        let first: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
        assert!(first[1].contains("instances_mean") && first[2].contains("alone"), "{text}");
    }
}
