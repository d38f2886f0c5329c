//! The vendored font, how wide text is in it, and how text is made fit to draw.

use plotters::style::{FontFamily, FontStyle, IntoFont, TextStyle, register_font};
use std::sync::Once;

/// Regular or bold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// What the SVG names, and therefore the name under which the vendored font is known to `plotters`.
/// Verdana has nearly DejaVu's widths, so that a machine without DejaVu shows nearly the same.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// `plotters` with `ab_glyph` takes a size as ascent plus descent; DejaVu's are 1,901 and 483 of
/// 2,048 units to the em.
pub(super) const HEIGHT_PER_EM: f64 = (1901.0 + 483.0) / 2048.0;

static REGULAR: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");
static BOLD: &[u8] = include_bytes!("font/DejaVuSans-Bold-subset.ttf");

/// Text longer than this is cut in the middle: it is an accident, not a name.
const CHARS_MAX: usize = 400;

/// The font as `plotters` wants it; `size` is in its own measure (see [`HEIGHT_PER_EM`]).
pub(super) fn font(size: f64, weight: Weight) -> TextStyle<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        for (style, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
            assert!(register_font(FAMILY, style, bytes).is_ok(), "the vendored font is valid");
        }
    });
    let style = match weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    (FontFamily::Name(FAMILY), size, style).into_font().into()
}

/// Returns the width of `text` in pixels at `size` pixels to the em.
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    // Measured large, because the answer is cut to whole pixels.
    const EM: f64 = 1000.0;
    let style = font(EM * HEIGHT_PER_EM, weight);
    let (width, _) = style.font.box_size(text).expect("the vendored font is registered");
    f64::from(width) * size / EM
}

/// Makes text fit to draw: one line, no control characters, not endless.
pub(super) fn clean(text: &str) -> String {
    let mut words = String::new();
    for c in text.chars() {
        match c {
            c if c.is_whitespace() => {
                if !words.is_empty() && !words.ends_with(' ') {
                    words.push(' ');
                }
            }
            // Neither may stand in XML.
            '\u{FFFE}' | '\u{FFFF}' => words.push('\u{FFFD}'),
            c if c.is_control() || turns(c) => words.push('\u{FFFD}'),
            c => words.push(c),
        }
    }
    let words = words.trim_end();
    let count = words.chars().count();
    if count <= CHARS_MAX {
        return words.to_owned();
    }
    let keep = CHARS_MAX / 2;
    let head: String = words.chars().take(keep).collect();
    let tail: String = words.chars().skip(count - keep).collect();
    format!("{head}…{tail}")
}

/// Says whether a character changes the direction in which text runs.
fn turns(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Breaks text into lines no wider than `limit`, at spaces; a word that is too wide after `-`, `_`,
/// `/`, `.` or `:`, and only what is still too wide anywhere.
///
/// Every line has at least one character, however narrow the limit; empty text has no lines.
pub(super) fn wrap(text: &str, limit: f64, width: impl Fn(&str) -> f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&longer) <= limit {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for part in word.split_inclusive(['-', '_', '/', '.', ':']) {
            if !line.is_empty() && width(&format!("{line}{part}")) > limit {
                lines.push(std::mem::take(&mut line));
            }
            for c in part.chars() {
                line.push(c);
                if width(&line) > limit && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_published_font() {
        // DejaVu Sans 2.37: the advance of a digit is 1,303 of 2,048 units, bold 1,425.
        assert!((width("0000", 16.0, Weight::Regular) - 4.0 * 16.0 * 1303.0 / 2048.0).abs() < 0.1);
        assert!((width("0000", 16.0, Weight::Bold) - 4.0 * 16.0 * 1425.0 / 2048.0).abs() < 0.1);
        assert_eq!(width("", 16.0, Weight::Regular), 0.0);
    }

    #[test]
    fn the_subset_has_what_labels_need() {
        // A character without a glyph gets the box, whose advance is 1,229 units; look for equals.
        let missing = width("\u{4E00}", 1000.0, Weight::Regular);
        for c in "AZaz09ÀßÿŁžΑωµ×÷±≤≥≈≠…–—−→←↑↓∞∑√°·¹⁰⁻⁶₂€$%&<>\"'\u{FFFD}".chars()
        {
            let here = width(&c.to_string(), 1000.0, Weight::Regular);
            assert!((here - missing).abs() > 0.5, "`{c}` is not in the font");
        }
    }

    #[test]
    fn text_is_cleaned() {
        let check = |dirty: &str, expected: &str| assert_eq!(clean(dirty), expected);
        check("  two\n\twords ", "two words");
        check("bell\u{7}", "bell\u{FFFD}");
        check("\u{FFFE}<&\">", "\u{FFFD}<&\">");
        check("\u{202E}txt", "\u{FFFD}txt");
        check("", "");
        let long = clean(&"ab".repeat(500));
        assert_eq!(long.chars().count(), CHARS_MAX + 1);
        assert!(long.contains("b…a"));
    }

    #[test]
    fn text_is_wrapped() {
        // One unit a character, so that the expected lines can be counted.
        let check = |text: &str, limit: f64, expected: &[&str]| {
            assert_eq!(wrap(text, limit, |part| part.chars().count() as f64), expected);
        };
        check("", 10.0, &[]);
        check("one two three", 100.0, &["one two three"]);
        check("one two three", 7.0, &["one two", "three"]);
        check("one two three", 4.0, &["one", "two", "thre", "e"]);
        check("pay-worker_eu", 8.0, &["pay-", "worker_", "eu"]);
        check("abcdefgh ij", 3.0, &["abc", "def", "gh", "ij"]);
        check("abc", 0.0, &["a", "b", "c"]);
    }
}
