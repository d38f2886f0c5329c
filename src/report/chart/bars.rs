//! Lays out stacked horizontal bars.

use super::colour::Rgb;
use super::legend::{self, Entry, Legend, Swatch};
use super::scale::{self, Scale, drawable};
use super::scene::{Anchor, Column, Ink, Scene};
use super::{Bars, ChartError, MARGIN_PX, Style, check_length};

const BAR_HEIGHT: f64 = 22.0;
const BAR_GAP: f64 = 12.0;
/// One value tick for so many pixels.
const TICK_DISTANCE: f64 = 110.0;
/// Names and legend take at most these parts of the width; longer names wrap.
const NAMES_SHARE_MAX: f64 = 0.28;
const LEGEND_SHARE_MAX: f64 = 0.24;
const GRID: Ink = Ink::solid(Rgb(0xE6, 0xE6, 0xE6));

/// Draws the bars from `top` down and returns where they end.
///
/// # Errors
/// [`ChartError::Ragged`] if a bar has more or fewer values than there are parts.
pub(super) fn draw(scene: &mut Scene, top: f64, bars: &Bars) -> Result<f64, ChartError> {
    for row in &bars.rows {
        check_length(&row.name, bars.parts.len(), row.values.len())?;
    }
    let entries: Vec<Entry> = bars
        .parts
        .iter()
        .map(|part| Entry { swatch: Swatch::Area, colour: part.colour, name: part.name.clone() })
        .collect();
    let legend_width = legend::width(&entries).min(scene.width * LEGEND_SHARE_MAX);
    let legend = Legend::new(entries, legend_width);

    let names: Vec<Vec<String>> = bars
        .rows
        .iter()
        .map(|row| Style::LABEL.wrap(&row.name, scene.width * NAMES_SHARE_MAX))
        .collect();
    let widths = names.iter().flatten().map(|line| Style::LABEL.width(line));
    let left = (MARGIN_PX + widths.fold(0.0, f64::max) + 10.0).ceil();
    let totals = totals(bars);
    let total_width = totals.iter().map(|text| Style::LABEL.width(text)).fold(0.0, f64::max);
    let right = scene.width - MARGIN_PX - legend_width - 20.0 - total_width - 8.0;

    let row_height = |lines: &Vec<String>| {
        BAR_HEIGHT.max(lines.len() as f64 * Style::LABEL.line_height()) + BAR_GAP
    };
    let height: f64 = names.iter().map(row_height).sum();
    let bottom = (top + BAR_GAP + height.max(legend.height)).ceil();
    legend.draw(scene, scene.width - MARGIN_PX - legend_width, top + BAR_GAP);
    let axis = Axis::new(bars, left, right.max(left + 40.0));
    axis.draw_grid(scene, top, bottom);
    if bars.rows.is_empty() || bars.parts.is_empty() {
        let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
        scene.text(Style::DETAIL.label(x, y, Anchor::Middle, "no data"));
    }
    let mut y = top + BAR_GAP;
    for ((row, lines), total) in bars.rows.iter().zip(&names).zip(&totals) {
        let middle = y + (row_height(lines) - BAR_GAP) / 2.0;
        draw_name(scene, left - 10.0, middle, lines);
        let end = axis.draw_bar(scene, middle, bars, &row.values);
        let baseline = Style::LABEL.baseline_around(middle);
        scene.text(Style::LABEL.label(end + 6.0, baseline, Anchor::Start, total));
        y += row_height(lines);
    }
    scene.hairline_down(axis.x(0.0), top, bottom, Ink::AXIS);
    Ok(bottom + 4.0 + Style::LABEL.line_height())
}

fn totals(bars: &Bars) -> Vec<String> {
    let total = |values: &[f64]| values.iter().filter_map(|value| drawable(*value)).sum();
    let totals: Vec<f64> = bars.rows.iter().map(|row| total(&row.values)).collect();
    scale::write_alike(&totals, bars.unit)
}

fn draw_name(scene: &mut Scene, right: f64, middle: f64, lines: &[String]) {
    let top = middle - lines.len() as f64 * Style::LABEL.line_height() / 2.0;
    for (i, line) in lines.iter().enumerate() {
        let row_middle = top + (i as f64 + 0.5) * Style::LABEL.line_height();
        let baseline = Style::LABEL.baseline_around(row_middle);
        scene.text(Style::LABEL.label(right, baseline, Anchor::End, line));
    }
}

/// The horizontal value axis.
struct Axis {
    left: f64,
    right: f64,
    scale: Scale,
}

impl Axis {
    fn new(bars: &Bars, left: f64, right: f64) -> Axis {
        let (mut low, mut high) = (0.0, 0.0);
        for row in &bars.rows {
            let values = || row.values.iter().filter_map(|value| drawable(*value));
            low = f64::min(low, values().filter(|value| *value < 0.0).sum());
            high = f64::max(high, values().filter(|value| *value > 0.0).sum());
        }
        let tick_count = ((right - left) / TICK_DISTANCE) as usize;
        Axis { left, right, scale: Scale::new(low, high, bars.unit, tick_count) }
    }

    fn x(&self, value: f64) -> f64 {
        let share = (value - self.scale.low) / (self.scale.high - self.scale.low);
        self.left + (self.right - self.left) * share
    }

    fn draw_grid(&self, scene: &mut Scene, top: f64, bottom: f64) {
        for (value, label) in &self.scale.ticks {
            let x = self.x(*value);
            scene.hairline_down(x, top, bottom, GRID);
            let baseline = bottom + 4.0 + Style::LABEL.size;
            scene.text(Style::LABEL.label(x, baseline, Anchor::Middle, label));
        }
    }

    /// Draws the parts of one bar and returns its right end.
    fn draw_bar(&self, scene: &mut Scene, middle: f64, bars: &Bars, values: &[f64]) -> f64 {
        let (top, bottom) = (middle - BAR_HEIGHT / 2.0, middle + BAR_HEIGHT / 2.0);
        let (mut low, mut high) = (0.0, 0.0);
        for (part, value) in bars.parts.iter().zip(values) {
            let Some(value) = drawable(*value) else { continue };
            let end = if value < 0.0 { &mut low } else { &mut high };
            let (a, b) = (self.x(*end), self.x(*end + value));
            *end += value;
            if a != b {
                let bar = Column { left: a.min(b), right: a.max(b), top, bottom };
                scene.rect(bar, Ink::solid(part.colour.rgb()));
            }
        }
        self.x(high)
    }
}
