//! Pictures from plain data: time panels and horizontal bars, as SVG text and as PNG bytes.
//!
//! The caller says what is to be seen (names, values, units, calendar ticks); this module decides
//! how: layout, colours, legends, number formats. It knows nothing of simulation and needs no font
//! on the machine. The same figure always gives the same bytes.
//!
//! Inside, a figure becomes a `Scene` (shapes in logical pixels), and the scene is painted
//! by `plotters` onto either medium. Everything that can be wrong with a picture is therefore
//! visible in the scene, without decoding an image.

mod bars;
mod colour;
mod legend;
mod paint;
mod panels;
mod scale;
mod scene;
mod text;
mod trace;

#[cfg(test)]
mod gallery;

pub use colour::Colour;
pub use scale::Unit;

use scene::{Anchor, Ink, Label, Scene};
use text::Weight;

/// A picture: headings around one kind of content.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What the picture shows, in bold above it; wrapped when long.
    pub title: String,
    /// One or two sentences under the title.
    pub subtitle: Option<String>,
    /// Small print under the picture, for example what the shading means.
    pub footnote: Option<String>,
    /// Width in logical pixels, taken into 480–4,000; 1,200 suits most. The height follows.
    pub width_px: u32,
    /// What is drawn.
    pub content: Content,
}

/// The two kinds of figure.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Panels from top to bottom over one shared time axis.
    Time {
        /// The shared axis.
        axis: TimeAxis,
        /// The panels, the first on top.
        panels: Vec<Panel>,
    },
    /// Stacked horizontal bars.
    Bars(Bars),
}

/// The shared horizontal axis, in any unit of time the caller likes.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeAxis {
    /// Left end.
    pub from: f64,
    /// Right end, not before `from`; data outside are outside the picture.
    pub to: f64,
    /// Marks along the axis, from the caller's calendar.
    pub ticks: Vec<Tick>,
    /// What the ticks mean, for example the time zone.
    pub label: Option<String>,
}

/// One mark on the time axis.
///
/// A label that would touch another one is left out (major ticks go first); the mark stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where.
    pub at: f64,
    /// The text under the mark; may be empty.
    pub label: String,
    /// A second line, for example the date under the hour.
    pub below: Option<String>,
    /// Whether the grid line is drawn stronger and the label goes before others.
    pub major: bool,
}

/// One plot on the time axis, with a value axis and a legend of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What the panel shows, in bold above it.
    pub title: String,
    /// What exactly is counted, in grey after the title, for example "share of registered CPU".
    pub detail: Option<String>,
    /// How values are written on the value axis.
    pub unit: Unit,
    /// Height in proportion to other panels; 1 is usual, taken into 0.3–4.
    pub weight: f64,
    /// The value axis reaches at least here (and further if the data do), for example 1.0 for
    /// shares. It always contains zero.
    pub y_at_least: Option<f64>,
    /// What is drawn; stacks lie under bands, bands under lines, lines under rules and events.
    pub marks: Vec<Mark>,
}

/// Something drawn in a panel.
///
/// A value that is not finite, or beyond ±10¹⁰⁰, is a gap. A value of a step shape holds from its
/// time to the next one, the last to the end of the axis; a gap ends it earlier.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// Layers upon each other with step edges; negative values stack downwards, gaps count as zero.
    Stack {
        /// When each value begins, ascending.
        at: Vec<f64>,
        /// The layers, the lowest first. The legend lists the highest first.
        layers: Vec<Layer>,
    },
    /// The area between two step lines, lightly shaded.
    Band {
        /// Name in the legend; a line of the same name in the panel shares its entry.
        name: String,
        /// Colour.
        colour: Colour,
        /// When each pair of values begins, ascending.
        at: Vec<f64>,
        /// Lower edge.
        low: Vec<f64>,
        /// Upper edge.
        high: Vec<f64>,
    },
    /// A line.
    Line {
        /// Name in the legend.
        name: String,
        /// Colour.
        colour: Colour,
        /// How points are joined.
        join: Join,
        /// Whether the line is dashed.
        dashed: bool,
        /// When each value begins ([`Join::Step`]) or holds ([`Join::Straight`]), ascending.
        at: Vec<f64>,
        /// Values.
        values: Vec<f64>,
    },
    /// A dashed horizontal line, for example a limit.
    Rule {
        /// Name in the legend.
        name: String,
        /// Colour.
        colour: Colour,
        /// At which value.
        value: f64,
    },
    /// A vertical line at a moment, labelled above the plot. Where labels find no room there, the
    /// panel's legend lists them with counts instead; more than three of a kind by their kind.
    Event {
        /// What happened, in few words.
        label: String,
        /// What it is one of, in the plural.
        kind: String,
        /// Colour.
        colour: Colour,
        /// When.
        at: f64,
    },
}

/// One layer of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name in the legend.
    pub name: String,
    /// Colour.
    pub colour: Colour,
    /// A value for each time of the stack.
    pub values: Vec<f64>,
}

/// How the points of a line are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Each value holds until the next.
    Step,
    /// Straight from point to point.
    Straight,
}

/// Horizontal bars, each a stack of the same parts, with its total at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// How values are written.
    pub unit: Unit,
    /// The parts of every bar, the leftmost first.
    pub parts: Vec<Part>,
    /// The bars, the first on top.
    pub rows: Vec<BarRow>,
}

/// A part that every bar has.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Name in the legend.
    pub name: String,
    /// Colour.
    pub colour: Colour,
}

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub struct BarRow {
    /// Name at its left.
    pub name: String,
    /// A value for each part; one that is not finite counts as zero.
    pub values: Vec<f64>,
}

/// Why a figure could not be drawn.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChartError {
    /// The time axis has no direction or no end.
    #[error("a time axis from `{from}` to `{to}` cannot be drawn")]
    Axis {
        /// Its left end.
        from: f64,
        /// Its right end.
        to: f64,
    },
    /// A series has more or fewer values than places for them.
    #[error("`{name}` has {values} values for {places} places")]
    Ragged {
        /// The series.
        name: String,
        /// How many times (or parts of a bar) there are.
        places: usize,
        /// How many values there are.
        values: usize,
    },
    /// The times of a series are not finite and ascending.
    #[error("the times of `{name}` are not ascending")]
    Unordered {
        /// The series.
        name: String,
    },
    /// The picture would be too high to be of use.
    #[error("a picture {height_px} pixels high is too large; at most {HEIGHT_PX_MAX} are drawn")]
    TooLarge {
        /// Its height in logical pixels.
        height_px: u64,
    },
    /// The drawing library or the PNG encoder failed.
    #[error("cannot draw: {0}")]
    Draw(String),
}

/// Draws a figure as an SVG document.
///
/// # Errors
/// [`ChartError`] if the data of a series do not fit together or the picture would be too large.
pub fn render_svg(figure: &Figure) -> Result<String, ChartError> {
    paint::svg(&compose(figure)?, &text::clean(&figure.title))
}

/// Draws a figure as a PNG file, at twice the logical size for sharp screens.
///
/// # Errors
/// As [`render_svg`].
pub fn render_png(figure: &Figure) -> Result<Vec<u8>, ChartError> {
    paint::png(&compose(figure)?)
}

/// Logical pixels; far above any sensible figure, low enough for coordinates and memory.
const HEIGHT_PX_MAX: u32 = 10_000;
const MARGIN_PX: f64 = 24.0;

/// Lays a whole figure out.
fn compose(figure: &Figure) -> Result<Scene, ChartError> {
    let mut scene = Scene::new(f64::from(figure.width_px.clamp(480, 4000)));
    let mut y = MARGIN_PX - 6.0;
    y = paragraph(&mut scene, y, &figure.title, &Style::TITLE);
    if let Some(subtitle) = &figure.subtitle {
        y = paragraph(&mut scene, y + 2.0, subtitle, &Style::SUBTITLE);
    }
    y = match &figure.content {
        Content::Time { axis, panels } => panels::draw(&mut scene, y + 6.0, axis, panels)?,
        Content::Bars(bars) => bars::draw(&mut scene, y + 14.0, bars)?,
    };
    if let Some(footnote) = &figure.footnote {
        y = paragraph(&mut scene, y + 8.0, footnote, &Style::FOOTNOTE);
    }
    scene.height = (y + MARGIN_PX - 8.0).ceil();
    if scene.height > f64::from(HEIGHT_PX_MAX) {
        return Err(ChartError::TooLarge { height_px: scene.height as u64 });
    }
    Ok(scene)
}

/// The look of a run of text.
struct Style {
    size: f64,
    weight: Weight,
    ink: Ink,
}

impl Style {
    const TITLE: Style = Style { size: 20.0, weight: Weight::Bold, ink: Ink::TEXT };
    const SUBTITLE: Style = Style { size: 14.0, weight: Weight::Regular, ink: Ink::SOFT_TEXT };
    const FOOTNOTE: Style = Style { size: 12.0, weight: Weight::Regular, ink: Ink::SOFT_TEXT };
    const HEADING: Style = Style { size: 14.0, weight: Weight::Bold, ink: Ink::TEXT };
    const DETAIL: Style = Style { size: 12.75, weight: Weight::Regular, ink: Ink::SOFT_TEXT };
    const LABEL: Style = Style { size: 12.5, weight: Weight::Regular, ink: Ink::TEXT };
    const LEGEND: Style = Style { size: 12.75, weight: Weight::Regular, ink: Ink::TEXT };

    fn line_height(&self) -> f64 {
        (self.size * 1.35).round()
    }

    /// The baseline of text whose letters are centred on `y`.
    fn baseline_around(&self, y: f64) -> f64 {
        y + self.size * 0.36
    }

    fn width(&self, text: &str) -> f64 {
        text::width(text, self.size, self.weight)
    }

    fn wrap(&self, text: &str, width: f64) -> Vec<String> {
        text::wrap(&text::clean(text), width, |part| self.width(part))
    }

    fn label(&self, x: f64, baseline: f64, anchor: Anchor, text: impl Into<String>) -> Label {
        Label {
            x,
            baseline,
            anchor,
            text: text.into(),
            size: self.size,
            weight: self.weight,
            ink: self.ink,
        }
    }
}

/// Writes text over the figure's whole width from `top` and returns where it ends.
fn paragraph(scene: &mut Scene, top: f64, text: &str, style: &Style) -> f64 {
    let mut y = top;
    for line in style.wrap(text, scene.width - 2.0 * MARGIN_PX) {
        let baseline = y + style.size;
        scene.text(style.label(MARGIN_PX, baseline, Anchor::Start, line));
        y += style.line_height();
    }
    y
}

/// Checks that a series has as many values as places.
fn check_length(name: &str, places: usize, values: usize) -> Result<(), ChartError> {
    if places == values {
        return Ok(());
    }
    Err(ChartError::Ragged { name: name.to_owned(), places, values })
}
