//! Legends: a column beside the plot, so that no datum is ever hidden by its explanation.

use super::colour::{Colour, Rgb};
use super::scene::{Anchor, Column, Ink, Point, Scene};
use super::{Layer, Mark, Panel, Style, scale::drawable};

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
/// Of one kind of event so many are listed by their labels; more are counted.
const EVENT_LABELS_MAX: usize = 3;
/// A layer that is nowhere more than this part of its stack, and on average not a fifth of that, is
/// no line of pixels, and not listed.
const SEEN_FROM: f64 = 0.01;

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
            for layer in layers.iter().rev().filter(|layer| is_seen(layer, layers)) {
                add(Swatch::Area, layer.colour, &layer.name);
            }
        }
    }
    entries
}

/// Says whether a layer can be seen in its stack.
fn is_seen(layer: &Layer, stack: &[Layer]) -> bool {
    fn heights(layer: &Layer) -> impl Iterator<Item = f64> {
        layer.values.iter().filter_map(|value| drawable(*value)).map(f64::abs)
    }
    let greatest = |layer| heights(layer).fold(0.0, f64::max);
    let mean = heights(layer).sum::<f64>() / layer.values.len().max(1) as f64;
    let seen = stack.iter().map(greatest).fold(0.0, f64::max) * SEEN_FROM;
    greatest(layer) >= seen || mean * 5.0 >= seen
}

/// Entries for events that found no room above the plot: each label once, with its count; a kind
/// with many labels once, because their marks look alike.
pub(super) fn of_events(panel: &Panel) -> Vec<Entry> {
    type Labels<'a> = Vec<(&'a str, usize)>;
    let mut kinds: Vec<(&str, Colour, Labels)> = Vec::new();
    for mark in &panel.marks {
        let Mark::Event { label, kind, colour, .. } = mark else { continue };
        let place = kinds.iter().position(|(name, of, _)| name == kind && of == colour);
        let place = place.unwrap_or_else(|| {
            kinds.push((kind, *colour, Vec::new()));
            kinds.len() - 1
        });
        let labels = &mut kinds[place].2;
        match labels.iter_mut().find(|(name, _)| name == label) {
            Some((_, count)) => *count += 1,
            None => labels.push((label, 1)),
        }
    }
    let mut entries = Vec::new();
    for (kind, colour, labels) in kinds {
        let mut add = |name: &str, count: usize| {
            let name = if count == 1 { name.to_owned() } else { format!("{name} ({count})") };
            entries.push(Entry { swatch: Swatch::Upright, colour, name });
        };
        if labels.len() > EVENT_LABELS_MAX {
            add(kind, labels.iter().map(|(_, count)| count).sum());
        } else {
            labels.iter().for_each(|(label, count)| add(label, *count));
        }
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

/// The width of the longest word of the entries, which is not to be broken.
pub(super) fn word_width(entries: &[Entry]) -> f64 {
    let word = |name: &str| {
        let name = super::text::clean(name);
        name.split(' ').map(|word| Style::LEGEND.width(word)).fold(0.0, f64::max)
    };
    let widest = entries.iter().map(|entry| word(&entry.name)).fold(0.0, f64::max);
    SWATCH_WIDTH + SWATCH_GAP + widest.ceil() + 1.0
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
    use super::super::Unit;
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
        let event = |label: String| Mark::Event {
            label,
            kind: "changes".into(),
            colour: Colour::Failed,
            at: 0.0,
        };
        let same = (0..17).map(|_| event("notice".into()));
        let entries = of_events(&panel(same.chain([event("release".into())]).collect()));
        assert_eq!(names(&entries), ["notice (17)", "release"]);
        let many = (0..4).flat_map(|i| [event(format!("e{i}")), event(format!("e{i}"))]);
        assert_eq!(names(&of_events(&panel(many.collect()))), ["changes (8)"]);
    }

    #[test]
    fn what_cannot_be_seen_is_not_listed() {
        let layer = |name: &str, value| Layer {
            name: name.into(),
            colour: Colour::Running,
            values: vec![0.0, value],
        };
        let layers = vec![layer("much", 30.0), layer("hair", 0.01), layer("some", 0.5)];
        let stack = Mark::Stack { at: vec![0.0, 1.0], layers };
        assert_eq!(names(&of_panel(&panel(vec![stack]))), ["some", "much"]);
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
