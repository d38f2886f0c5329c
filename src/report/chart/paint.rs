//! Paints a scene with `plotters`, as SVG or as PNG.

use super::ChartError;
use super::scene::{Anchor, Column, Ink, Label, Point, Scene, Shape};
use super::text::{HEIGHT_PER_EM, font};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write as _;

/// Both media are painted on a grid four times finer than logical pixels: `plotters` draws at
/// whole coordinates only. The SVG's view box says so; the PNG is halved to twice logical size.
const FINE: f64 = 4.0;

/// Rows of logical pixels painted at a time, so that a large PNG needs little memory.
const STRIP_PX: u32 = 256;
/// Painted above and below a strip, thrown away: `plotters` fills polygons that cross the edge of
/// a bitmap wrongly.
const SPARE_PX: u32 = 4;

/// What differs between the media.
#[derive(Clone, Copy)]
enum Medium {
    Vector,
    /// Only what lies from this fine row on is painted.
    Raster {
        top: i32,
    },
}

/// Paints a scene as an SVG document; `title` is for those who cannot see it.
pub(super) fn svg(scene: &Scene, title: &str) -> Result<String, ChartError> {
    let (width, height) = (scene.width as u32, scene.height as u32);
    let fine = (fine(scene.width) as u32, fine(scene.height) as u32);
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, fine).into_drawing_area();
    paint(&area, scene, Medium::Vector)?;
    drop(area);
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    let mut document = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" stroke-linejoin=\"round\" role=\"img\" aria-label=\"",
        fine.0, fine.1
    );
    for c in title.chars() {
        match c {
            '<' | '>' | '&' | '"' => {
                write!(document, "&#{};", u32::from(c)).map_err(draw_error)?;
            }
            c => document.push(c),
        }
    }
    document.push_str("\">\n");
    document.push_str(body);
    Ok(document)
}

/// Paints a scene as a PNG file.
pub(super) fn png(scene: &Scene) -> Result<Vec<u8>, ChartError> {
    let pixels = pixels(scene, STRIP_PX)?;
    encode(&pixels, scene.width as u32 * 2, scene.height as u32 * 2).map_err(draw_error)
}

/// Paints strips of so many rows of logical pixels; the height of strips changes nothing.
fn pixels(scene: &Scene, strip_px: u32) -> Result<Vec<u8>, ChartError> {
    let height = scene.height as u32;
    let mut halved: Vec<u8> = Vec::new();
    for top in (0..height).step_by(strip_px as usize) {
        let rows = strip_px.min(height - top);
        let fine_width = fine(scene.width) as u32;
        let fine_height = fine(f64::from(rows + 2 * SPARE_PX)) as u32;
        let mut strip = vec![0; (fine_width * fine_height * 3) as usize];
        let area =
            BitMapBackend::with_buffer(&mut strip, (fine_width, fine_height)).into_drawing_area();
        let fine_top = fine(f64::from(top)) - fine(f64::from(SPARE_PX));
        paint(&area, scene, Medium::Raster { top: fine_top })?;
        drop(area);
        let spare = fine(f64::from(SPARE_PX)) as usize * fine_width as usize * 3;
        halve(&strip[spare..strip.len() - spare], fine_width as usize, &mut halved);
    }
    Ok(halved)
}

/// Appends the picture at half its size: each pixel is the mean of four.
fn halve(pixels: &[u8], width: usize, halved: &mut Vec<u8>) {
    let row_bytes = width * 3;
    for pair in pixels.chunks_exact(row_bytes * 2) {
        let (upper, lower) = pair.split_at(row_bytes);
        for (above, below) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for i in 0..3 {
                let four = [above[i], above[i + 3], below[i], below[i + 3]];
                let sum: u16 = four.into_iter().map(u16::from).sum();
                halved.push(((sum + 2) / 4) as u8);
            }
        }
    }
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Plain areas and few colours: filters make the file larger and take longer.
    encoder.set_compression(png::Compression::Balanced);
    encoder.set_filter(png::Filter::NoFilter);
    // Two pixels for each of the usual 96 to the inch, in metres.
    let per_metre = 7559;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

fn draw_error(error: impl std::fmt::Display) -> ChartError {
    ChartError::Draw(error.to_string())
}

fn fine(logical: f64) -> i32 {
    (logical * FINE).round() as i32
}

fn colour(ink: Ink) -> RGBAColor {
    RGBAColor(ink.rgb.0, ink.rgb.1, ink.rgb.2, ink.alpha)
}

fn paint<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    scene: &Scene,
    medium: Medium,
) -> Result<(), ChartError> {
    area.fill(&WHITE).map_err(draw_error)?;
    for shape in &scene.shapes {
        match shape {
            Shape::Columns { columns, ink } => paint_columns(area, columns, *ink, medium),
            Shape::Line { points, width, rgb } => {
                paint_line(area, points, (*width, Ink::solid(*rgb)), medium)
            }
            Shape::Text(label) => paint_text(area, label, medium),
        }
        .map_err(draw_error)?;
    }
    area.present().map_err(draw_error)
}

type Painted<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

fn paint_columns<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    columns: &[Column],
    ink: Ink,
    medium: Medium,
) -> Painted<DB> {
    let style = colour(ink).filled();
    match medium {
        // Rectangles meet exactly on the grid; polygons of plotters would blend their edges twice.
        Medium::Raster { top } => {
            for column in columns {
                let (left, right) = sides(column);
                let (upper, lower) = (fine(column.top) - top, fine(column.bottom) - top);
                if upper < lower && lower > 0 && upper < area.dim_in_pixel().1 as i32 {
                    area.draw(&Rectangle::new([(left, upper), (right, lower)], style))?;
                }
            }
            Ok(())
        }
        Medium::Vector => {
            for run in columns.chunk_by(|a, b| fine(a.right) == fine(b.left)) {
                match run {
                    [only] => {
                        let (left, right) = sides(only);
                        let corners = [(left, fine(only.top)), (right, fine(only.bottom))];
                        area.draw(&Rectangle::new(corners, style))?;
                    }
                    _ => area.draw(&Polygon::new(outline(run), style))?,
                }
            }
            Ok(())
        }
    }
}

/// A column's sides on the fine grid; the narrowest column is still seen.
fn sides(column: &Column) -> (i32, i32) {
    let left = fine(column.left);
    (left, fine(column.right).max(left + 1))
}

/// The outline of adjoining columns: along the tops, and back along the bottoms.
fn outline(run: &[Column]) -> Vec<(i32, i32)> {
    let mut corners: Vec<(i32, i32)> = Vec::new();
    let mut add = |x: f64, y: f64| {
        let corner = (fine(x), fine(y));
        // Corners in the middle of a straight edge say nothing.
        if let [.., before, last] = corners[..] {
            let level = before.1 == last.1 && last.1 == corner.1;
            if last == corner || level {
                corners.pop();
            }
        }
        corners.push(corner);
    };
    for column in run {
        add(column.left, column.top);
        add(column.right, column.top);
    }
    for column in run.iter().rev() {
        add(column.right, column.bottom);
        add(column.left, column.bottom);
    }
    corners
}

fn paint_line<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    points: &[Point],
    (width, ink): (f64, Ink),
    medium: Medium,
) -> Painted<DB> {
    let mut corners: Vec<(i32, i32)> = points.iter().map(|p| (fine(p.x), fine(p.y))).collect();
    corners.dedup();
    let style = colour(ink).filled();
    let width = fine(width);
    let Medium::Raster { top } = medium else {
        return area.draw(&PathElement::new(corners, style.stroke_width(width as u32)));
    };
    let seen = (width, area.dim_in_pixel().1 as i32 - width);
    for pair in corners.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(|(x, y)| (x, y - top));
        let Some([a, b]) = cut_rows(a, b, seen) else { continue };
        let (before, after) = (width / 2, width - width / 2);
        if a.0 == b.0 || a.1 == b.1 {
            let first = (a.0.min(b.0) - before, a.1.min(b.1) - before);
            let last = (a.0.max(b.0) + after, a.1.max(b.1) + after);
            area.draw(&Rectangle::new([first, last], style))?;
        } else {
            area.draw(&Polygon::new(slanted(a, b, width), style))?;
            area.draw(&Circle::new(b, before, style))?;
        }
    }
    Ok(())
}

/// Cuts a segment to rows `first..=last`; nothing if it lies outside.
fn cut_rows(a: (i32, i32), b: (i32, i32), (first, last): (i32, i32)) -> Option<[(i32, i32); 2]> {
    if a.1.max(b.1) < first || a.1.min(b.1) > last {
        return None;
    }
    let slope = f64::from(b.0 - a.0) / f64::from(b.1 - a.1);
    let cut = |(x, y): (i32, i32)| match y.clamp(first, last) {
        row if row == y => (x, y),
        row => (a.0 + (f64::from(row - a.1) * slope).round() as i32, row),
    };
    Some([cut(a), cut(b)])
}

/// A thick line as a polygon, because the wide lines of plotters leave holes where they turn.
fn slanted(a: (i32, i32), b: (i32, i32), width: i32) -> Vec<(i32, i32)> {
    let (dx, dy) = (f64::from(b.0 - a.0), f64::from(b.1 - a.1));
    let half = f64::from(width) / 2.0 / dx.hypot(dy);
    let (across_x, across_y) = ((-dy * half).round() as i32, (dx * half).round() as i32);
    vec![
        (a.0 + across_x, a.1 + across_y),
        (b.0 + across_x, b.1 + across_y),
        (b.0 - across_x, b.1 - across_y),
        (a.0 - across_x, a.1 - across_y),
    ]
}

fn paint_text<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    label: &Label,
    medium: Medium,
) -> Painted<DB> {
    let em = label.size * FINE;
    // How each backend of plotters understands sizes, and how far under the top anchor it sets the
    // baseline: the SVG one divides by 1.24 and says dy="0.76em", the bitmap one takes ascent plus
    // descent and sets the baseline at half of it.
    let (size, drop, top) = match medium {
        Medium::Vector => (em * 1.24, em * 0.76, 0),
        Medium::Raster { top } => (em * HEIGHT_PER_EM, em * HEIGHT_PER_EM / 2.0, top),
    };
    let y = (label.baseline * FINE - drop).round() as i32 - top;
    let horizontal = match label.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let colour = colour(label.ink);
    let style = font(size, label.weight).pos(Pos::new(horizontal, VPos::Top)).color(&colour);
    let far = 2 * em as i32;
    if matches!(medium, Medium::Raster { .. })
        && (y < -far || y > area.dim_in_pixel().1 as i32 + far)
    {
        return Ok(());
    }
    area.draw_text(&label.text, &style, (fine(label.x), y))
}

#[cfg(test)]
mod tests {
    use super::super::colour::Rgb;
    use super::*;

    const RED: Ink = Ink::solid(Rgb(200, 0, 0));

    #[test]
    fn the_picture_is_the_same_however_it_is_cut_into_strips() {
        let mut scene = Scene { height: 90.0, ..Scene::new(120.0) };
        let zigzag =
            (0..11).map(|i| Point { x: 5.0 + f64::from(i) * 10.0, y: f64::from(i % 2) * 90.0 });
        scene.line(zigzag.collect(), 1.75, Rgb(0, 0, 200));
        let band = Column { left: 10.0, right: 100.0, top: 20.0, bottom: 70.0 };
        scene.rect(band, Ink { alpha: 0.3, ..RED });
        scene.text(super::super::Style::TITLE.label(5.0, 50.0, Anchor::Start, "Text"));
        let whole = pixels(&scene, 90).unwrap();
        assert_eq!(whole.len(), 240 * 180 * 3);
        assert!(whole.iter().any(|part| *part != 255));
        for strip_px in [8, 16, 64] {
            let cut = pixels(&scene, strip_px).unwrap();
            assert_eq!(cut.len(), whole.len());
            let most = whole.iter().zip(&cut).map(|(a, b)| a.abs_diff(*b)).max();
            // Slanted lines are cut at whole coordinates, which may move an edge by a quarter of a
            // logical pixel; a piece too few or too many would differ by 255.
            assert!(most < Some(200), "{strip_px}: {most:?}");
        }
    }

    #[test]
    fn columns_cover_exactly_their_area() {
        let mut scene = Scene { height: 20.0, ..Scene::new(20.0) };
        let column = |left, right, top| Column { left, right, top, bottom: 15.0 };
        scene.columns(vec![column(2.0, 5.0, 10.0), column(5.0, 9.0, 5.0)], RED);
        let pixels = pixels(&scene, 20).unwrap();
        let red = pixels.chunks(3).filter(|pixel| *pixel == [200, 0, 0]).count();
        let white = pixels.chunks(3).filter(|pixel| *pixel == [255, 255, 255]).count();
        assert_eq!(red, 2 * 2 * (3 * 5 + 4 * 10));
        assert_eq!(white, 2 * 2 * 20 * 20 - red);

        let svg = svg(&scene, "").unwrap();
        let outline = "8,40 20,40 20,20 36,20 36,60 8,60 ";
        assert!(svg.contains(&format!("points=\"{outline}\"")), "{svg}");
    }

    #[test]
    fn a_png_is_read_back_as_it_was_painted() {
        let mut scene = Scene { height: 10.0, ..Scene::new(20.0) };
        scene.rect(Column { left: 0.0, right: 10.0, top: 0.0, bottom: 5.0 }, RED);
        let file = png(&scene).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut read = vec![0; 40 * 20 * 3];
        let info = reader.next_frame(&mut read).unwrap();
        assert_eq!((info.width, info.height), (40, 20));
        assert_eq!(read, pixels(&scene, 256).unwrap());
    }
}
