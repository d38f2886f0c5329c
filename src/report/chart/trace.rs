//! From values over time to places in a plot: steps, gaps, clipping and dashes.

use super::scale::Scale;
use super::scene::{Column, Point};

/// A plot's place on the page and what its edges mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    /// The times of the left and the right edge; the second is later.
    pub from: f64,
    pub to: f64,
    pub scale: Scale,
}

impl Frame {
    pub fn x(&self, at: f64) -> f64 {
        self.left + (self.right - self.left) * ((at - self.from) / (self.to - self.from))
    }

    pub fn y(&self, value: f64) -> f64 {
        let share = (value - self.scale.low) / (self.scale.high - self.scale.low);
        self.bottom - (self.bottom - self.top) * share
    }

    /// When value `i` of a step shape begins and ends, within the frame; nothing if outside.
    fn period(&self, at: &[f64], i: usize) -> Option<(f64, f64)> {
        let start = at[i].max(self.from);
        let end = at.get(i + 1).copied().unwrap_or(self.to).min(self.to);
        (start < end).then_some((start, end))
    }

    /// The columns between `low(i)` and `high(i)`; a pair with a gap has none.
    pub fn columns(&self, at: &[f64], edges: impl Fn(usize) -> Option<(f64, f64)>) -> Vec<Column> {
        let column = |i: usize| {
            let (start, end) = self.period(at, i)?;
            let (a, b) = edges(i)?;
            let (a, b) = (self.y(a), self.y(b));
            Some(Column {
                left: self.x(start),
                right: self.x(end),
                top: a.min(b),
                bottom: a.max(b),
            })
        };
        (0..at.len()).filter_map(column).collect()
    }

    /// The corners of a step line, a list for each stretch without gaps.
    pub fn steps(&self, at: &[f64], value: impl Fn(usize) -> Option<f64>) -> Vec<Vec<Point>> {
        let mut lines = Vec::new();
        let mut line: Vec<Point> = Vec::new();
        for i in 0..at.len() {
            let Some((start, end)) = self.period(at, i) else { continue };
            let Some(value) = value(i) else {
                lines.push(std::mem::take(&mut line));
                continue;
            };
            let y = self.y(value);
            match line.last_mut() {
                // The same value goes on: one longer step.
                Some(last) if last.y == y => last.x = self.x(end),
                Some(_) | None => {
                    line.push(Point { x: self.x(start), y });
                    line.push(Point { x: self.x(end), y });
                }
            }
        }
        lines.push(line);
        lines.retain(|line| !line.is_empty());
        lines
    }

    /// The points of a straight line, cut at the frame's sides, a list for each stretch.
    pub fn straight(&self, at: &[f64], value: impl Fn(usize) -> Option<f64>) -> Vec<Vec<Point>> {
        let mut stretches = vec![Vec::new()];
        for (i, at) in at.iter().enumerate() {
            match (value(i), stretches.last_mut()) {
                (Some(value), Some(line)) => line.push(Point { x: self.x(*at), y: self.y(value) }),
                (Some(_), None) | (None, _) => stretches.push(Vec::new()),
            }
        }
        stretches.iter().flat_map(|line| cut(line, self.left, self.right)).collect()
    }
}

/// Cuts a line that runs from left to right to the part between two verticals.
///
/// A single point stays if it lies between them. Nothing left gives an empty list.
pub(super) fn cut(line: &[Point], left: f64, right: f64) -> Option<Vec<Point>> {
    if let [only] = line {
        return (left..=right).contains(&only.x).then(|| vec![*only]);
    }
    let mut part: Vec<Point> = Vec::new();
    for pair in line.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        // A pair that merely touches a side adds nothing, unless it runs along it.
        if b.x < left || a.x > right || (a.x < b.x && (b.x == left || a.x == right)) {
            continue;
        }
        let on = |x: f64| Point { x, y: a.y + (b.y - a.y) * ((x - a.x) / (b.x - a.x)) };
        let start = if a.x < left { on(left) } else { a };
        let end = if b.x > right { on(right) } else { b };
        if part.last() != Some(&start) {
            part.push(start);
        }
        part.push(end);
    }
    (!part.is_empty()).then_some(part)
}

/// Breaks a line into dashes of equal width.
///
/// Dashes are counted along x, so that a line that jumps up and down gets no more of them.
pub(super) fn dashes(line: &[Point], left: f64, right: f64) -> Vec<Vec<Point>> {
    const ON: f64 = 7.0;
    const PERIOD: f64 = 11.0;
    let count = ((right - left) / PERIOD).ceil().max(0.0) as usize;
    (0..count)
        .filter_map(|n| {
            let start = left + n as f64 * PERIOD;
            cut(line, start, (start + ON).min(right))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten units of time over 100 px, ten units of value over 50 px.
    fn frame() -> Frame {
        let scale = Scale { low: 0.0, high: 10.0, ticks: Vec::new() };
        Frame { left: 100.0, right: 200.0, top: 10.0, bottom: 60.0, from: 0.0, to: 10.0, scale }
    }

    fn points(lines: &[Vec<Point>]) -> Vec<Vec<(f64, f64)>> {
        lines.iter().map(|line| line.iter().map(|p| (p.x, p.y)).collect()).collect()
    }

    #[test]
    fn a_step_holds_until_the_next_and_the_last_to_the_end() {
        let columns = frame().columns(&[-2.0, 4.0, 6.0, 11.0], |i| Some((0.0, i as f64)));
        let expected = [
            Column { left: 100.0, right: 140.0, top: 60.0, bottom: 60.0 },
            Column { left: 140.0, right: 160.0, top: 55.0, bottom: 60.0 },
            Column { left: 160.0, right: 200.0, top: 50.0, bottom: 60.0 },
        ];
        assert_eq!(columns, expected);
    }

    #[test]
    fn gaps_break_lines() {
        let values = [Some(2.0), Some(2.0), None, Some(4.0), Some(6.0)];
        let at = [0.0, 2.0, 4.0, 6.0, 8.0];
        let steps = frame().steps(&at, |i| values[i]);
        let expected: [&[_]; 2] = [
            &[(100.0, 50.0), (140.0, 50.0)],
            &[(160.0, 40.0), (180.0, 40.0), (180.0, 30.0), (200.0, 30.0)],
        ];
        assert_eq!(points(&steps), expected);
        let straight = frame().straight(&at, |i| values[i]);
        let expected: [&[_]; 2] =
            [&[(100.0, 50.0), (120.0, 50.0)], &[(160.0, 40.0), (180.0, 30.0)]];
        assert_eq!(points(&straight), expected);
    }

    #[test]
    fn lines_are_cut_at_the_sides_where_they_cross_them() {
        let straight = frame().straight(&[-10.0, 10.0, 30.0], |i| Some([0.0, 10.0, 0.0][i]));
        assert_eq!(points(&straight), [[(100.0, 35.0), (200.0, 10.0)]]);
        assert!(frame().straight(&[20.0], |_| Some(1.0)).is_empty());
        assert_eq!(points(&frame().straight(&[5.0], |_| Some(1.0))), [[(150.0, 55.0)]]);
    }

    #[test]
    fn dashes_cover_their_share_whatever_the_line_does() {
        let line: Vec<Point> = (0..1000)
            .map(|i| Point { x: f64::from(i) * 0.11, y: f64::from(i % 2) * 50.0 })
            .collect();
        let dashes = dashes(&line, 0.0, 110.0);
        assert_eq!(dashes.len(), 10);
        for (n, dash) in dashes.iter().enumerate() {
            let (first, last) = (dash[0].x, dash[dash.len() - 1].x);
            assert!((first - n as f64 * 11.0).abs() < 1e-9, "{first}");
            assert!((last - first - 7.0).abs() < 1e-6 || n == 9, "{n}: {first}..{last}");
        }
    }
}
