//! Lays out panels on a shared time axis.

use super::colour::Rgb;
use super::legend::{self, BAND_ALPHA, Entry, LINE_WIDTH, Legend};
use super::scale::{Scale, drawable};
use super::scene::{Anchor, Column, Ink, Point, Scene};
use super::trace::{Frame, dashes};
use super::{
    ChartError, Join, Layer, MARGIN_PX, Mark, Panel, Style, Tick, TimeAxis, check_length, text,
};

/// Height of the plot of a panel of weight 1.
const PLOT_HEIGHT: f64 = 190.0;
/// Between a plot and the heading of the next panel.
const PANEL_GAP: f64 = 18.0;
/// Between a heading and its plot, so that it does not touch the topmost value label.
const HEADING_GAP: f64 = 10.0;
/// One value tick for so many pixels.
const TICK_DISTANCE: f64 = 36.0;
const LEGEND_GAP: f64 = 20.0;
/// A legend takes at most this part of the width; longer names wrap.
const LEGEND_SHARE_MAX: f64 = 0.26;
/// It takes up to this part where that keeps a word whole.
const LEGEND_SHARE_OF_WORDS: f64 = 0.4;
/// Free part of a value axis beyond its data, so that no curve lies on the edge of the plot.
const HEADROOM: f64 = 0.06;
/// Labels of events above a plot take at most so many rows.
const FLAG_ROWS_MAX: usize = 4;
/// Between the line of an event and its label.
const FLAG_GAP: f64 = 4.0;
/// Longer labels of events are listed in the legend instead.
const FLAG_WIDTH_MAX: f64 = 260.0;

const GRID: Ink = Ink::solid(Rgb(0xEC, 0xEC, 0xEC));
const GRID_MAJOR: Ink = Ink::solid(Rgb(0xD2, 0xD2, 0xD2));
/// On both sides of an event's line, so that it is seen on any area; curves are drawn over it.
const HALO: Ink = Ink { rgb: Rgb(0xFF, 0xFF, 0xFF), alpha: 0.6 };
/// Grid lines over areas: seen through, so that the areas keep their colour.
const GRID_OVER: Ink = Ink { rgb: Rgb(0xFF, 0xFF, 0xFF), alpha: 0.28 };

/// Draws the panels from `top` down, then the axis, and returns where it ends.
///
/// # Errors
/// [`ChartError`] if the axis or the series are not well formed.
pub(super) fn draw(
    scene: &mut Scene,
    top: f64,
    axis: &TimeAxis,
    panels: &[Panel],
) -> Result<f64, ChartError> {
    if !(axis.from.is_finite() && axis.to.is_finite() && axis.from <= axis.to) {
        return Err(ChartError::Axis { from: axis.from, to: axis.to });
    }
    for mark in panels.iter().flat_map(|panel| &panel.marks) {
        check(mark)?;
    }
    let scales: Vec<Scale> = panels.iter().map(scale).collect();
    let ticks = scales.iter().flat_map(|scale| &scale.ticks);
    let value_width = ticks.map(|(_, label)| Style::LABEL.width(label)).fold(30.0, f64::max);
    let left = (MARGIN_PX + value_width + 8.0).ceil();
    let legend_width = legend_width(panels, scene.width);
    // Without a legend there is still half a tick label at the right.
    let beside = if legend_width > 0.0 { LEGEND_GAP + legend_width } else { 16.0 };
    let right = (scene.width - MARGIN_PX - beside).floor();
    let page = Page { axis, left, right, legend_width };

    let mut y = top;
    for (panel, scale) in panels.iter().zip(scales) {
        y = page.draw_panel(scene, y + PANEL_GAP, panel, scale);
    }
    Ok(page.draw_axis(scene, y))
}

/// How wide the column of legends is, in a picture of a width.
fn legend_width(panels: &[Panel], picture: f64) -> f64 {
    let most = |width: fn(&[Entry]) -> f64| {
        let of = |panel| width(&legend::of_panel(panel)).max(width(&legend::of_events(panel)));
        panels.iter().map(of).fold(0.0, f64::max)
    };
    let words = most(legend::word_width).min(picture * LEGEND_SHARE_OF_WORDS);
    most(legend::width).min(f64::max(picture * LEGEND_SHARE_MAX, words))
}

/// What all panels share.
struct Page<'a> {
    axis: &'a TimeAxis,
    /// The sides of all plots.
    left: f64,
    right: f64,
    legend_width: f64,
}

/// The label of an event above the plot, in row 0 (lowest) and up.
#[derive(Clone, Debug, PartialEq)]
struct Flag {
    x: f64,
    end: f64,
    row: usize,
    text: String,
}

impl Page<'_> {
    /// Where a moment lies; nothing if it is outside the axis, or the axis has no length.
    fn x(&self, at: f64) -> Option<f64> {
        let TimeAxis { from, to, .. } = self.axis;
        let inside = from < to && (*from..=*to).contains(&at);
        inside.then(|| self.left + (self.right - self.left) * ((at - from) / (to - from)))
    }

    /// The ticks within the axis and where they lie.
    fn ticks(&self) -> Vec<(f64, &Tick)> {
        self.axis.ticks.iter().filter_map(|tick| Some((self.x(tick.at)?, tick))).collect()
    }

    /// Draws one panel from `top` down and returns where its plot ends.
    fn draw_panel(&self, scene: &mut Scene, top: f64, panel: &Panel, scale: Scale) -> f64 {
        let mut entries = legend::of_panel(panel);
        let flags = self.place_flags(panel, scene.width - MARGIN_PX);
        if flags.is_none() {
            entries.extend(legend::of_events(panel));
        }
        let flags = flags.unwrap_or_default();
        let rows = flags.iter().map(|flag| flag.row + 1).max().unwrap_or(0);
        let flags_height = rows as f64 * Style::LABEL.line_height();
        let top = (heading(scene, top, panel) + HEADING_GAP + flags_height).ceil();
        let legend = Legend::new(entries, self.legend_width);
        let bottom = (top + plot_height(panel).max(legend.height)).ceil();
        legend.draw(scene, self.right + LEGEND_GAP, top - 2.0);

        let TimeAxis { from, to, .. } = *self.axis;
        let frame = Frame { left: self.left, right: self.right, top, bottom, from, to, scale };
        draw_value_axis(scene, &frame);
        for (x, tick) in self.ticks() {
            let ink = if tick.major { GRID_MAJOR } else { GRID };
            scene.hairline_down(x, top, bottom, ink);
        }
        let events = self.events(panel);
        if from >= to || !draw_marks(scene, &frame, panel, &events) {
            let (x, y) = ((self.left + self.right) / 2.0, (top + bottom) / 2.0);
            scene.text(Style::DETAIL.label(x, y, Anchor::Middle, "no data"));
        }
        scene.hairline_across(self.left, self.right, frame.y(0.0), Ink::AXIS);
        self.draw_events(scene, (top, bottom), panel, &flags);
        bottom
    }

    /// Where the events of a panel lie.
    fn events(&self, panel: &Panel) -> Vec<f64> {
        let at = panel.marks.iter().filter_map(|mark| match mark {
            Mark::Event { at, .. } => Some(*at),
            Mark::Stack { .. } | Mark::Band { .. } | Mark::Line { .. } | Mark::Rule { .. } => None,
        });
        at.filter_map(|at| self.x(at)).collect()
    }

    /// Finds rows for the labels of events, so that no label meets a label or another event's line.
    ///
    /// Going from right to left, each flag goes one row above all those that begin under it.
    /// Returns `None` if that takes too many rows, or a label is too long.
    fn place_flags(&self, panel: &Panel, limit: f64) -> Option<Vec<Flag>> {
        let mut flags: Vec<Flag> = Vec::new();
        for mark in &panel.marks {
            let Mark::Event { label, at, .. } = mark else { continue };
            let Some(x) = self.x(*at) else { continue };
            let text = text::clean(label);
            let width = Style::LABEL.width(&text);
            let end = x + FLAG_GAP + width;
            if width > FLAG_WIDTH_MAX || end > limit {
                return None;
            }
            flags.push(Flag { x, end, row: 0, text });
        }
        flags.sort_by(|a, b| b.x.total_cmp(&a.x));
        for i in 0..flags.len() {
            let (placed, rest) = flags.split_at_mut(i);
            let flag = &mut rest[0];
            let under = placed.iter().filter(|other| other.x <= flag.end + FLAG_GAP);
            flag.row = under.map(|other| other.row + 1).max().unwrap_or(0);
            if flag.row >= FLAG_ROWS_MAX {
                return None;
            }
        }
        Some(flags)
    }

    /// Draws the lines of events over a plot from `top` to `bottom`, and their flags above it.
    fn draw_events(
        &self,
        scene: &mut Scene,
        (top, bottom): (f64, f64),
        panel: &Panel,
        flags: &[Flag],
    ) {
        let row_bottom = |row: usize| top - 2.0 - row as f64 * Style::LABEL.line_height();
        for mark in &panel.marks {
            let Mark::Event { at, colour, .. } = mark else { continue };
            let Some(x) = self.x(*at) else { continue };
            let mine = flags.iter().filter(|flag| flag.x == x).map(|flag| flag.row + 1);
            let pole = mine.map(|row| row_bottom(row) + 2.0).fold(top, f64::min);
            scene.hairline_down(x, pole, bottom, Ink::solid(colour.rgb()));
        }
        for flag in flags {
            let baseline = row_bottom(flag.row) - 3.0;
            scene.text(Style::LABEL.label(flag.x + FLAG_GAP, baseline, Anchor::Start, &flag.text));
        }
    }

    /// Draws tick marks and labels under the last panel and returns where they end.
    fn draw_axis(&self, scene: &mut Scene, top: f64) -> f64 {
        let ticks = self.ticks();
        for (x, tick) in &ticks {
            let length = if tick.major { 6.0 } else { 3.0 };
            scene.hairline_down(*x, top, top + length, Ink::AXIS);
        }
        let mut y = top + 7.0;
        let upper = ticks.iter().map(|(x, tick)| (*x, tick.label.as_str(), tick.major));
        let lower =
            ticks.iter().filter_map(|(x, tick)| Some((*x, tick.below.as_deref()?, tick.major)));
        for labels in [upper.collect::<Vec<_>>(), lower.collect()] {
            if !labels.is_empty() {
                draw_tick_labels(scene, y, labels);
                y += Style::LABEL.line_height();
            }
        }
        let label = self.axis.label.as_deref().unwrap_or_default();
        for line in Style::FOOTNOTE.wrap(label, self.right - self.left) {
            let middle = (self.left + self.right) / 2.0;
            let baseline = y + 2.0 + Style::FOOTNOTE.size;
            scene.text(Style::FOOTNOTE.label(middle, baseline, Anchor::Middle, line));
            y += Style::FOOTNOTE.line_height();
        }
        y
    }
}

/// Checks that the parts of a mark fit together.
fn check(mark: &Mark) -> Result<(), ChartError> {
    let times = |name: &str, at: &[f64]| {
        // Written so that a NaN fails too.
        let ascending = at.windows(2).all(|pair| pair[0] <= pair[1]);
        if ascending && at.iter().all(|at| at.is_finite()) {
            return Ok(());
        }
        Err(ChartError::Unordered { name: name.to_owned() })
    };
    match mark {
        Mark::Stack { at, layers } => {
            for layer in layers {
                times(&layer.name, at)?;
                check_length(&layer.name, at.len(), layer.values.len())?;
            }
            Ok(())
        }
        Mark::Band { name, at, low, high, .. } => {
            times(name, at)?;
            check_length(name, at.len(), low.len())?;
            check_length(name, at.len(), high.len())
        }
        Mark::Line { name, at, values, .. } => {
            times(name, at)?;
            check_length(name, at.len(), values.len())
        }
        Mark::Rule { .. } | Mark::Event { .. } => Ok(()),
    }
}

/// The value axis of a panel: zero, all its data, and what the caller wants to see.
fn scale(panel: &Panel) -> Scale {
    let (mut low, mut high) = (0.0, panel.y_at_least.and_then(drawable).unwrap_or(0.0));
    let mut reach = |value: f64| {
        if let Some(value) = drawable(value) {
            low = f64::min(low, value);
            high = f64::max(high, value);
        }
    };
    for mark in &panel.marks {
        match mark {
            Mark::Stack { at, layers } => {
                for i in 0..at.len() {
                    let (below, above) = ends(layers, i);
                    reach(below);
                    reach(above);
                }
            }
            Mark::Band { low, high, .. } => low.iter().chain(high).for_each(|value| reach(*value)),
            Mark::Line { values, .. } => values.iter().for_each(|value| reach(*value)),
            Mark::Rule { value, .. } => reach(*value),
            Mark::Event { .. } => {}
        }
    }
    let mut scale =
        Scale::new(low, high, panel.unit, (plot_height(panel) / TICK_DISTANCE) as usize);
    let room = (high - low) * HEADROOM;
    scale.high = scale.high.max(high + room);
    if low < 0.0 {
        scale.low = scale.low.min(low - room);
    }
    scale
}

/// Where stacked layers end below and above zero at time `i`.
fn ends(layers: &[Layer], i: usize) -> (f64, f64) {
    layers
        .iter()
        .filter_map(|layer| drawable(layer.values[i]))
        .fold((0.0, 0.0), |(low, high), v| (low + v.min(0.0), high + v.max(0.0)))
}

fn plot_height(panel: &Panel) -> f64 {
    let weight = if panel.weight.is_nan() { 1.0 } else { panel.weight.clamp(0.3, 4.0) };
    (PLOT_HEIGHT * weight).round()
}

/// Writes a panel's title with its detail behind it, or under it where both are too long.
fn heading(scene: &mut Scene, top: f64, panel: &Panel) -> f64 {
    let room = scene.width - 2.0 * MARGIN_PX;
    let mut y = top;
    let mut end = MARGIN_PX;
    for line in Style::HEADING.wrap(&panel.title, room) {
        end = MARGIN_PX + Style::HEADING.width(&line) + 10.0;
        let baseline = y + Style::HEADING.size;
        scene.text(Style::HEADING.label(MARGIN_PX, baseline, Anchor::Start, line));
        y += Style::HEADING.line_height();
    }
    let detail = panel.detail.as_deref().unwrap_or_default();
    let beside = scene.width - MARGIN_PX - end;
    match &Style::DETAIL.wrap(detail, beside)[..] {
        [only] if y > top => {
            let baseline = y - Style::HEADING.line_height() + Style::HEADING.size;
            scene.text(Style::DETAIL.label(end, baseline, Anchor::Start, only));
            y
        }
        _ => super::paragraph(scene, y, detail, &Style::DETAIL),
    }
}

fn draw_value_axis(scene: &mut Scene, frame: &Frame) {
    for (value, label) in &frame.scale.ticks {
        let y = frame.y(*value);
        scene.hairline_across(frame.left, frame.right, y, GRID);
        let baseline = Style::LABEL.baseline_around(y);
        scene.text(Style::LABEL.label(frame.left - 8.0, baseline, Anchor::End, label));
    }
}

/// Draws all but events, of which only the halos, and says whether there was anything.
fn draw_marks(scene: &mut Scene, frame: &Frame, panel: &Panel, events: &[f64]) -> bool {
    let mut any = false;
    for mark in &panel.marks {
        if let Mark::Stack { at, layers } = mark {
            any |= draw_stack(scene, frame, at, layers);
        }
    }
    if any {
        for (value, _) in &frame.scale.ticks {
            scene.hairline_across(frame.left, frame.right, frame.y(*value), GRID_OVER);
        }
        for x in events {
            let (left, right) = (x.round() - 1.0, x.round() + 2.0);
            scene.rect(Column { left, right, top: frame.top, bottom: frame.bottom }, HALO);
        }
    }
    for mark in &panel.marks {
        if let Mark::Band { at, low, high, colour, .. } = mark {
            let columns = frame.columns(at, |i| Some((drawable(low[i])?, drawable(high[i])?)));
            any |= !columns.is_empty();
            scene.columns(columns, Ink { rgb: colour.rgb(), alpha: BAND_ALPHA });
        }
    }
    for mark in &panel.marks {
        match mark {
            Mark::Line { colour, join, dashed, at, values, .. } => {
                let value = |i: usize| drawable(values[i]);
                let lines = match join {
                    Join::Step => frame.steps(at, value),
                    Join::Straight => frame.straight(at, value),
                };
                any |= !lines.is_empty();
                draw_lines(scene, lines, *dashed, colour.rgb());
            }
            Mark::Rule { colour, value, .. } => {
                let Some(value) = drawable(*value) else { continue };
                let y = frame.y(value);
                let line = vec![Point { x: frame.left, y }, Point { x: frame.right, y }];
                any = true;
                draw_lines(scene, vec![line], true, colour.rgb());
            }
            Mark::Stack { .. } | Mark::Band { .. } | Mark::Event { .. } => {}
        }
    }
    any
}

fn draw_lines(scene: &mut Scene, lines: Vec<Vec<Point>>, dashed: bool, rgb: Rgb) {
    for line in lines {
        match &line[..] {
            [Point { x, y }] => {
                let dot = Column { left: x - 2.5, right: x + 2.5, top: y - 2.5, bottom: y + 2.5 };
                scene.rect(dot, Ink::solid(rgb));
            }
            [first, .., last] if dashed => {
                for dash in dashes(&line, first.x, last.x) {
                    scene.line(dash, LINE_WIDTH, rgb);
                }
            }
            _ => scene.line(line, LINE_WIDTH, rgb),
        }
    }
}

/// Draws layers from the outermost to the one at zero.
///
/// Each reaches half a pixel under its inner neighbour, which is drawn over it: edges that merely
/// touched would let the background shine through.
fn draw_stack(scene: &mut Scene, frame: &Frame, at: &[f64], layers: &[Layer]) -> bool {
    const OVERLAP: f64 = 0.5;
    let zero = frame.y(0.0);
    let mut any = false;
    for (n, layer) in layers.iter().enumerate().rev() {
        any |= layer.values.iter().any(|value| drawable(*value).is_some());
        let mut columns = frame.columns(at, |i| {
            let value = drawable(layer.values[i])?;
            let (low, high) = ends(&layers[..n], i);
            match value {
                value if value > 0.0 => Some((high, high + value)),
                value if value < 0.0 => Some((low + value, low)),
                _ => None,
            }
        });
        for column in &mut columns {
            if column.bottom <= zero {
                column.bottom = (column.bottom + OVERLAP).min(zero);
            } else {
                column.top = (column.top - OVERLAP).max(zero);
            }
        }
        scene.columns(columns, Ink::solid(layer.colour.rgb()));
    }
    any
}

/// Writes a row of labels, each centred on its place but within the picture; major ones first.
fn draw_tick_labels(scene: &mut Scene, top: f64, labels: Vec<(f64, &str, bool)>) {
    const BETWEEN: f64 = 10.0;
    let mut taken: Vec<(f64, f64)> = Vec::new();
    let (major, minor): (Vec<_>, Vec<_>) = labels.into_iter().partition(|(_, _, major)| *major);
    for (x, label, _) in major.into_iter().chain(minor) {
        let label = text::clean(label);
        let width = Style::LABEL.width(&label);
        let start = (x - width / 2.0).min(scene.width - 6.0 - width).max(6.0);
        let end = start + width;
        if taken.iter().any(|(from, to)| start < to + BETWEEN && end > from - BETWEEN) {
            continue;
        }
        taken.push((start, end));
        let middle = start + width / 2.0;
        let baseline = top + Style::LABEL.size;
        scene.text(Style::LABEL.label(middle, baseline, Anchor::Middle, label));
    }
}
