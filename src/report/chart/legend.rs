//! Legends: a column beside the plot, so that no datum is ever hidden by its explanation.

use super::colour::{Colour, Rgb};
use super::scene::{Anchor, Column, Ink, Point, Scene};
use super::{Mark, Panel, Style};

/// How an entry's colour is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Swatch {
    Area,
    Band,
    Line { dashed: bool, banded: bool },
    Upright,
}

/// One explained colour.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub swatch: Swatch,
    pub colour: Colour,
    pub name: String,
}

pub(super) const BAND_ALPHA: f64 = 0.22;
pub(super) const LINE_WIDTH: f64 = 1.75;
const SWATCH_WIDTH: f64 = 20.0;
const SWATCH_GAP: f64 = 8.0;
const ENTRY_GAP: f64 = 4.0;
/// So many kinds of events are listed; further ones are counted.
const EVENT_KINDS_MAX: usize = 12;

/// The entries of a panel, in the order in which the eye meets them: stacks from the top down.
pub(super) fn of_panel(panel: &Panel) -> Vec<Entry> {
    let has_line = |wanted: &str| {
        panel.marks.iter().any(|mark| matches!(mark, Mark::Line { name, .. } if name == wanted))
    };
    let has_band = |wanted: &str| {
        panel.marks.iter().any(|mark| matches!(mark, Mark::Band { name, .. } if name == wanted))
    };
    let mut entries = Vec::new();
    let mut add = |swatch, colour, name: &str| {
        entries.push(Entry { swatch, colour, name: name.to_owned() });
    };
    for mark in &panel.marks {
        match mark {
            Mark::Line { name, colour, dashed, .. } => {
                add(Swatch::Line { dashed: *dashed, banded: has_band(name) }, *colour, name);
            }
            Mark::Rule { name, colour, .. } => {
                add(Swatch::Line { dashed: true, banded: false }, *colour, name);
            }
            Mark::Band { name, colour, .. } if !has_line(name) => {
                add(Swatch::Band, *colour, name);
            }
            Mark::Stack { .. } | Mark::Band { .. } | Mark::Event { .. } => {}
        }
    }
    for mark in &panel.marks {
        if let Mark::Stack { layers, .. } = mark {
            for layer in layers.iter().rev() {
                add(Swatch::Area, layer.colour, &layer.name);
            }
        }
    }
    entries
}

/// Entries for events that found no room above the plot: each kind once, with its count.
pub(super) fn of_events(panel: &Panel) -> Vec<Entry> {
    let mut kinds: Vec<(&str, Colour, usize)> = Vec::new();
    for mark in &panel.marks {
        let Mark::Event { label, colour, .. } = mark else { continue };
        match kinds.iter_mut().find(|(name, of, _)| name == label && of == colour) {
            Some((_, _, count)) => *count += 1,
            None => kinds.push((label, *colour, 1)),
        }
    }
    let rest = kinds.split_off(kinds.len().min(EVENT_KINDS_MAX));
    let entry = |name, colour| Entry { swatch: Swatch::Upright, colour, name };
    let mut entries: Vec<Entry> = kinds
        .iter()
        .map(|(name, colour, count)| match count {
            1 => entry((*name).to_owned(), *colour),
            _ => entry(format!("{name} ×{count}"), *colour),
        })
        .collect();
    if let Some((_, colour, _)) = rest.first() {
        let events: usize = rest.iter().map(|(_, _, count)| count).sum();
        entries.push(entry(format!("{} further kinds ×{events}", rest.len()), *colour));
    }
    entries
}

/// The width the entries would like to have.
pub(super) fn width(entries: &[Entry]) -> f64 {
    let name = |entry: &Entry| Style::LEGEND.width(&super::text::clean(&entry.name));
    match entries.iter().map(name).reduce(f64::max) {
        // A pixel more, so that rounding does not wrap the widest name.
        Some(widest) => SWATCH_WIDTH + SWATCH_GAP + widest.ceil() + 1.0,
        None => 0.0,
    }
}

/// Entries broken into lines.
pub(super) struct Legend {
    entries: Vec<(Entry, Vec<String>)>,
    pub height: f64,
}

impl Legend {
    /// Breaks the names of `entries` so that the legend is no wider than `width`.
    pub fn new(entries: Vec<Entry>, width: f64) -> Legend {
        let room = width - SWATCH_WIDTH - SWATCH_GAP;
        let entries: Vec<(Entry, Vec<String>)> = entries
            .into_iter()
            .map(|entry| {
                let lines = Style::LEGEND.wrap(&entry.name, room);
                (entry, lines)
            })
            .collect();
        let height = entries.iter().map(|(_, lines)| entry_height(lines)).sum();
        Legend { entries, height }
    }

    pub fn draw(&self, scene: &mut Scene, left: f64, top: f64) {
        let mut y = top;
        for (entry, lines) in &self.entries {
            entry.draw_swatch(scene, left, y + Style::LEGEND.line_height() / 2.0);
            for (i, line) in lines.iter().enumerate() {
                let baseline = y + i as f64 * Style::LEGEND.line_height() + Style::LEGEND.size;
                let x = left + SWATCH_WIDTH + SWATCH_GAP;
                scene.text(Style::LEGEND.label(x, baseline, Anchor::Start, line));
            }
            y += entry_height(lines);
        }
    }
}

fn entry_height(lines: &[String]) -> f64 {
    lines.len().max(1) as f64 * Style::LEGEND.line_height() + ENTRY_GAP
}

impl Entry {
    fn draw_swatch(&self, scene: &mut Scene, left: f64, middle: f64) {
        let rgb = self.colour.rgb();
        let (left, middle) = (left.round(), middle.round());
        let right = left + SWATCH_WIDTH;
        let area = Column { left, right, top: middle - 6.0, bottom: middle + 6.0 };
        match self.swatch {
            Swatch::Area => scene.rect(area, Ink::solid(rgb)),
            Swatch::Band => scene.rect(area, Ink { rgb, alpha: BAND_ALPHA }),
            Swatch::Line { dashed, banded } => {
                if banded {
                    scene.rect(area, Ink { rgb, alpha: BAND_ALPHA });
                }
                line_swatch(scene, (left, right), middle, (rgb, dashed));
            }
            Swatch::Upright => {
                scene.hairline_down(
                    left + SWATCH_WIDTH / 2.0,
                    area.top,
                    area.bottom,
                    Ink::solid(rgb),
                );
            }
        }
    }
}

fn line_swatch(scene: &mut Scene, (left, right): (f64, f64), y: f64, (rgb, dashed): (Rgb, bool)) {
    let line = vec![Point { x: left, y }, Point { x: right, y }];
    if !dashed {
        scene.line(line, LINE_WIDTH, rgb);
        return;
    }
    for dash in super::trace::dashes(&line, left, right) {
        scene.line(dash, LINE_WIDTH, rgb);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layer, Unit};
    use super::*;

    fn panel(marks: Vec<Mark>) -> Panel {
        Panel {
            title: "Tasks".into(),
            detail: None,
            unit: Unit::Count,
            weight: 1.0,
            y_at_least: None,
            marks,
        }
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn stacks_are_listed_from_the_top_and_bands_join_their_line() {
        let layer =
            |name: &str| Layer { name: name.into(), colour: Colour::Running, values: Vec::new() };
        let line = |name: &str| Mark::Line {
            name: name.into(),
            colour: Colour::Used,
            join: super::super::Join::Step,
            dashed: false,
            at: Vec::new(),
            values: Vec::new(),
        };
        let band = |name: &str| Mark::Band {
            name: name.into(),
            colour: Colour::Used,
            at: Vec::new(),
            low: Vec::new(),
            high: Vec::new(),
        };
        let stack = Mark::Stack { at: Vec::new(), layers: vec![layer("low"), layer("high")] };
        let entries = of_panel(&panel(vec![stack, band("mean"), line("mean"), band("alone")]));
        assert_eq!(names(&entries), ["mean", "alone", "high", "low"]);
        assert_eq!(entries[0].swatch, Swatch::Line { dashed: false, banded: true });
    }

    #[test]
    fn events_are_counted_by_kind_and_none_is_lost() {
        let event = |label: String| Mark::Event { label, colour: Colour::Failed, at: 0.0 };
        let same = (0..17).map(|_| event("notice".into()));
        let entries = of_events(&panel(same.chain([event("release".into())]).collect()));
        assert_eq!(names(&entries), ["notice ×17", "release"]);
        let many = (0..40).flat_map(|i| [event(format!("e{i}")), event(format!("e{i}"))]);
        let entries = of_events(&panel(many.collect()));
        assert_eq!(entries.len(), EVENT_KINDS_MAX + 1);
        assert_eq!(entries[EVENT_KINDS_MAX].name, "28 further kinds ×56");
    }

    #[test]
    fn long_names_wrap_and_make_the_legend_higher() {
        let entry =
            |name: &str| Entry { swatch: Swatch::Area, colour: Colour::Used, name: name.into() };
        let long = "a name of some sixty characters that nobody would want to read";
        let one = Legend::new(vec![entry("short")], 200.0);
        let three = Legend::new(vec![entry(long)], 200.0);
        let (_, lines) = &three.entries[0];
        assert!(lines.len() >= 3, "{lines:?}");
        assert_eq!(lines.join(" "), long);
        assert!(lines.iter().all(|line| Style::LEGEND.width(line) <= 172.0));
        let more = (lines.len() - 1) as f64 * Style::LEGEND.line_height();
        assert_eq!(three.height, one.height + more);
    }
}
