//! A picture as shapes in logical pixels: what layout makes and painting consumes.

use super::colour::Rgb;
use super::text::Weight;

/// A colour and how much of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ink {
    pub rgb: Rgb,
    pub alpha: f64,
}

impl Ink {
    pub const TEXT: Ink = Ink::solid(Rgb(0x22, 0x22, 0x22));
    pub const SOFT_TEXT: Ink = Ink::solid(Rgb(0x5F, 0x5F, 0x5F));
    pub const AXIS: Ink = Ink::solid(Rgb(0x66, 0x66, 0x66));

    pub const fn solid(rgb: Rgb) -> Ink {
        Ink { rgb, alpha: 1.0 }
    }
}

/// A place; y grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub x: f64,
    pub y: f64,
}

/// An upright rectangle; `left <= right` and `top <= bottom`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// Which point of a text its `x` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    pub x: f64,
    pub baseline: f64,
    pub anchor: Anchor,
    pub text: String,
    /// Pixels to the em.
    pub size: f64,
    pub weight: Weight,
    pub ink: Ink,
}

/// Something to paint.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// Columns from left to right; those that touch become one area without seams.
    Columns { columns: Vec<Column>, ink: Ink },
    /// A line through points, opaque.
    Line { points: Vec<Point>, width: f64, rgb: Rgb },
    /// Text.
    Text(Label),
}

/// A picture, painted in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
}

impl Scene {
    pub fn new(width: f64) -> Scene {
        Scene { width, height: 0.0, shapes: Vec::new() }
    }

    pub fn columns(&mut self, columns: Vec<Column>, ink: Ink) {
        if !columns.is_empty() {
            self.shapes.push(Shape::Columns { columns, ink });
        }
    }

    pub fn rect(&mut self, column: Column, ink: Ink) {
        self.columns(vec![column], ink);
    }

    /// A horizontal line one pixel thick, on whole pixels so that it is sharp.
    pub fn hairline_across(&mut self, left: f64, right: f64, y: f64, ink: Ink) {
        let top = y.round();
        self.rect(Column { left, right, top, bottom: top + 1.0 }, ink);
    }

    /// A vertical line one pixel thick.
    pub fn hairline_down(&mut self, x: f64, top: f64, bottom: f64, ink: Ink) {
        let left = x.round();
        self.rect(Column { left, right: left + 1.0, top, bottom }, ink);
    }

    pub fn line(&mut self, points: Vec<Point>, width: f64, rgb: Rgb) {
        self.shapes.push(Shape::Line { points, width, rgb });
    }

    pub fn text(&mut self, label: Label) {
        if !label.text.is_empty() {
            self.shapes.push(Shape::Text(label));
        }
    }
}
