//! What a change makes different, on the screen and as `what-if.json`.

use serde::Serialize;

use crate::study::{Difference, FirstDifference, Unit};
use crate::units::{SimTime, TimeFormat};

use super::compare::{finished, plain_table};
use super::files::{Finished, Object, SCHEMA_VERSION, SummaryFile, pretty};
use super::words::{alike, decimals, lines};

/// The file of what a change makes different.
pub(super) const WHAT_IF: &str = "what-if.json";

/// Columns of the screen, tables apart.
const WIDTH: usize = 100;

/// A run, and a changed one on the same luck.
#[derive(Clone, Copy, Debug)]
pub struct WhatIf<'a> {
    /// What was changed, as `path=value`.
    pub changes: &'a [String],
    /// The run as it is.
    pub base: Finished<'a>,
    /// The run as it would be.
    pub changed: Finished<'a>,
    /// What differs; `None`: one of them was cut short, and they are not compared.
    pub compared: Option<&'a Compared>,
}

/// What two runs do not have alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Measures.
    pub differences: Vec<Difference>,
    /// The first moment; `None`: all that happens is the same. Or why it was not found.
    pub first: Result<Option<FirstDifference>, String>,
}

impl WhatIf<'_> {
    /// Writes the measures that moved enough to see, and the first event that differs.
    pub fn screen(&self) -> String {
        let name = &self.base.scenario.name;
        let head = format!("WHAT IF {}   {name}", self.changes.join(", "));
        let Some(compared) = self.compared else {
            return format!("{head}: not compared, a run was cut short\n");
        };
        let mut text = format!("{head}, on the same luck\n");
        text += &self.measures(&compared.differences);
        text += &self.objectives();
        match &compared.first {
            Err(why) => text += &format!("  the first difference was not found: {why}\n"),
            Ok(None) if compared.differences.is_empty() => {
                text += "  every event is the same: the change does not matter here\n";
            }
            Ok(None) => {
                text += "  every event is the same: only what is counted or paid for it differs\n";
            }
            Ok(Some(first)) => text += &self.first(first),
        }
        text
    }

    fn measures(&self, differences: &[Difference]) -> String {
        if differences.is_empty() {
            return "  no measure differs\n".to_string();
        }
        let mut table = plain_table();
        table.add_row(["", "base", "what if", "difference"]);
        let told: Vec<Vec<String>> =
            differences.iter().filter(|it| is_told(it, differences)).filter_map(row).collect();
        let rest = differences.len() - told.len();
        let text = if told.is_empty() {
            String::new()
        } else {
            for row in told {
                table.add_row(row);
            }
            finished(table)
        };
        match rest {
            0 => text,
            1 => text + "  1 more measure differs little, or as one above does\n",
            rest => text + &format!("  {rest} more measures differ little, or as one above does\n"),
        }
    }

    /// Says how many objectives are met, if that is another number or not all.
    fn objectives(&self) -> String {
        let met = |it: &Finished| {
            it.verdicts.iter().filter(|verdict| verdict.is_met() == Some(true)).count()
        };
        let (base, changed) = (met(&self.base), met(&self.changed));
        let of = self.changed.verdicts.len();
        if base == changed && changed == of {
            return String::new();
        }
        let missed = self.changed.verdicts.iter().filter(|verdict| verdict.is_missed());
        let missed: Vec<&str> = missed.map(|it| it.objective.measure.as_str()).collect();
        let names = match missed.as_slice() {
            [] => String::new(),
            missed => format!("; MISSED: {}", missed.join(", ")),
        };
        format!("  objectives met: base {base} of {of}, what if {changed} of {of}{names}\n")
    }

    fn first(&self, first: &FirstDifference) -> String {
        let mut text = "FIRST DIFFERENCE\n".to_string();
        for (side, event) in [("base", &first.base), ("what if", &first.changed)] {
            let told = match event {
                Some((at, words)) => format!("{}  {words}", self.at(*at, TimeFormat::DateAndTime)),
                None => "nothing more happens".to_string(),
            };
            for (n, line) in lines(&told, WIDTH - 11).into_iter().enumerate() {
                let side = if n == 0 { side } else { "" };
                text += &format!("  {side:<8} {line}\n");
            }
        }
        text
    }

    fn at(&self, at: SimTime, format: TimeFormat) -> String {
        self.base.scenario.model.calendar.format(at, format)
    }

    /// Writes `what-if.json`.
    pub(super) fn file(&self) -> String {
        pretty(&WhatIfFile::new(self))
    }

    /// Writes the same as one line of JSON, without the end of the line.
    pub fn line(&self) -> String {
        serde_json::to_string(&WhatIfFile::new(self)).expect("text and numbers become JSON")
    }
}

/// Says whether a difference tells something that no other one does.
///
/// Of a level the mean does, of times the quantiles; a group that is alone in its cluster has the
/// same figures as that.
fn is_told(it: &Difference, all: &[Difference]) -> bool {
    let is_there = |name: &str| all.iter().any(|other| other.name == name);
    let sibling = |ending: &str, other: &str| {
        it.name.strip_suffix(ending).is_some_and(|stem| is_there(&format!("{stem}{other}")))
    };
    let of_level =
        it.unit == Unit::Count && ["_min", "_max"].iter().any(|end| sibling(end, "_mean"));
    let of_times = ["_mean", "_max"].iter().any(|end| sibling(end, "_p50") || sibling(end, "_p99"));
    let of_cluster = it.name.starts_with("container_instances.") && {
        let figure = |name: &str| name.rsplit('.').next().map(str::to_string);
        let same = |other: &&Difference| {
            other.name.starts_with("cluster.")
                && figure(&other.name) == figure(&it.name)
                && (other.base, other.changed) == (it.base, it.changed)
        };
        all.iter().any(|other| same(&other))
    };
    !(of_level || of_times || of_cluster)
}

/// Writes a row of the table; none if both sides look the same.
fn row(it: &Difference) -> Option<Vec<String>> {
    let by = it.base.zip(it.changed).map(|(base, changed)| changed - base);
    // The difference of shares is told in points.
    let by = by.filter(|_| it.unit != Unit::Share).map(f64::abs);
    let mut cells = alike(it.unit, &[it.base, it.changed, by]);
    let amount = cells.pop()?;
    if cells[0] == cells[1] {
        return None;
    }
    cells.insert(0, it.name.clone());
    cells.push(moved(it, &amount));
    Some(cells)
}

/// Writes by how much a measure moved: in its unit, and in percent where there is a base.
fn moved(it: &Difference, amount: &str) -> String {
    let (Some(base), Some(changed)) = (it.base, it.changed) else { return String::new() };
    let by = changed - base;
    let sign = if by > 0.0 { "+" } else { "-" };
    if it.unit == Unit::Share {
        let near_all = base.min(changed) > 0.9;
        let decimals = if near_all { 3 } else { 1 };
        return format!("{sign}{:.decimals$} points", (by * 100.0).abs());
    }
    if base == 0.0 {
        return format!("{sign}{amount}");
    }
    let percent = decimals((by / base).abs() * 100.0, 1);
    if percent.starts_with('<') {
        return format!("{sign}{amount} ({percent} %)");
    }
    format!("{sign}{amount} ({sign}{percent} %)")
}

#[derive(Serialize)]
struct WhatIfFile<'a> {
    schema_version: u32,
    /// What was changed.
    what_if: &'a [String],
    base: Side<'a>,
    changed: Side<'a>,
    /// Nothing if a run was cut short.
    differences: Option<Object<DifferenceEntry>>,
    first_difference: Option<FirstEntry<'a>>,
    /// Why the search for it ended early.
    first_difference_not_found: Option<&'a str>,
    /// Of the changed run; that of the base is in `summary.json`.
    summary: SummaryFile<'a>,
}

/// One of the two runs.
#[derive(Serialize)]
struct Side<'a> {
    name: &'a str,
    scenario_digest: String,
    fingerprint: Option<String>,
    partial: Option<&'a str>,
}

#[derive(Serialize)]
struct DifferenceEntry {
    base: Option<f64>,
    changed: Option<f64>,
    /// Changed less base; nothing if one of them has no such measure.
    difference: Option<f64>,
    unit: &'static str,
}

/// Nothing on a side: nothing more happens there.
#[derive(Serialize)]
struct FirstEntry<'a> {
    base: Option<EventEntry<'a>>,
    changed: Option<EventEntry<'a>>,
}

#[derive(Serialize)]
struct EventEntry<'a> {
    seconds: f64,
    time: String,
    event: &'a str,
}

impl<'a> Side<'a> {
    fn new(run: &Finished<'a>) -> Side<'a> {
        let recording = &run.outcome.recording;
        Side {
            name: &run.scenario.name,
            scenario_digest: format!("{:032x}", run.scenario.digest),
            fingerprint: recording.fingerprint.map(|it| it.to_string()),
            partial: recording.partial.as_deref(),
        }
    }
}

impl<'a> WhatIfFile<'a> {
    fn new(it: &WhatIf<'a>) -> WhatIfFile<'a> {
        let entry = |it: &Difference| DifferenceEntry {
            base: it.base,
            changed: it.changed,
            difference: it.base.zip(it.changed).map(|(base, changed)| changed - base),
            unit: it.unit.name(),
        };
        let entries = |compared: &Compared| {
            let all = compared.differences.iter();
            Object(all.map(|it| (it.name.clone(), entry(it))).collect())
        };
        let event = |event: &'a Option<(SimTime, String)>| {
            event.as_ref().map(|(at, words)| EventEntry {
                seconds: at.as_secs_f64(),
                time: it.at(*at, TimeFormat::Iso8601),
                event: words,
            })
        };
        let first = it.compared.map(|compared| compared.first.as_ref());
        WhatIfFile {
            schema_version: SCHEMA_VERSION,
            what_if: it.changes,
            base: Side::new(&it.base),
            changed: Side::new(&it.changed),
            differences: it.compared.map(entries),
            first_difference_not_found: first.and_then(|it| it.err().map(String::as_str)),
            first_difference: first
                .and_then(|it| it.ok()?.as_ref())
                .map(|it| FirstEntry { base: event(&it.base), changed: event(&it.changed) }),
            summary: SummaryFile::new(&it.changed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(name: &str, unit: Unit, base: f64, changed: f64) -> Difference {
        Difference { name: name.to_string(), unit, base: Some(base), changed: Some(changed) }
    }

    #[test]
    fn what_is_told_is_told_once() {
        let all = [
            difference("cost.total", Unit::Dollars, 20.0, 23.0),
            difference("service.web.running_min", Unit::Count, 9.0, 11.0),
            difference("service.web.running_mean", Unit::Count, 9.5, 11.5),
            difference("service.api.running_max", Unit::Count, 9.0, 11.0),
            difference("service.web.pending_mean", Unit::Seconds, 9.0, 11.0),
            difference("service.web.pending_p99", Unit::Seconds, 9.0, 11.0),
            difference("cluster.shop.used_cpu", Unit::Share, 0.2, 0.3),
            difference("container_instances.fleet.used_cpu", Unit::Share, 0.2, 0.3),
            difference("container_instances.other.used_cpu", Unit::Share, 0.2, 0.31),
        ];
        let told = all.iter().filter(|it| is_told(it, &all)).map(|it| it.name.as_str());
        let expected = [
            "cost.total",
            "service.web.running_mean",
            "service.api.running_max",
            "service.web.pending_p99",
            "cluster.shop.used_cpu",
            "container_instances.other.used_cpu",
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_row_shows_what_can_be_seen() {
        let row = |unit, base, changed| row(&difference("it", unit, base, changed));
        let check = |unit, (base, changed), cells: [&str; 3]| {
            assert_eq!(row(unit, base, changed).unwrap()[1..], cells);
        };
        check(Unit::Dollars, (20.0, 23.0), ["$20.00", "$23.00", "+$3.00 (+15.0 %)"]);
        check(Unit::Dollars, (2000.0, 1999.5), ["$2,000.00", "$1,999.50", "-$0.50 (<0.1 %)"]);
        check(Unit::Share, (0.5, 2.0 / 3.0), ["50.0 %", "66.7 %", "+16.7 points"]);
        check(Unit::Share, (0.999, 0.998), ["99.900 %", "99.800 %", "-0.100 points"]);
        check(Unit::Count, (0.0, 3.0), ["0", "3", "+3"]);
        check(Unit::Count, (9.9, 12.0), ["9.9", "12.0", "+2.1 (+21.2 %)"]);
        assert_eq!(row(Unit::Dollars, 20.0, 20.000_055), None);
    }
}
