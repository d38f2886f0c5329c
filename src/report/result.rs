//! All that a run leaves on disk, as one thing: begun before the run, finished after it.

use std::path::{Path, PathBuf};

use crate::scenario::Record;

use super::chart::{ChartError, Figure, render_png, render_svg};
use super::directory::{MANIFEST, OutputDirectory, OutputError};
use super::figures::figures;
use super::files::{self, Asked, COMMITMENTS, COST, Finished, SUMMARY, TIMESERIES};
use super::rows::CsvSink;
use super::what_if::{WHAT_IF, WhatIf};

/// The files of a result that is being written.
#[derive(Debug)]
pub struct Report {
    directory: OutputDirectory,
}

/// Whether pictures are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plots {
    /// They are.
    Drawn,
    /// They are not.
    LeftOut,
}

impl Report {
    /// Begins a result that will be at `path`, and returns what takes the rows of the run.
    ///
    /// # Errors
    /// If a result cannot be written there; it is better known before the run than after it.
    pub fn begin(path: &Path, record: Record) -> Result<(Report, CsvSink), OutputError> {
        let directory = OutputDirectory::begin(path)?;
        let sink = CsvSink::new(record, |name| directory.create(name))?;
        Ok((Report { directory }, sink))
    }

    /// Writes everything else, puts the result in its place, and returns where that is.
    ///
    /// A run that was cut short goes to `<path>.partial`, and leaves the last result as it was.
    ///
    /// # Errors
    /// The first thing that could not be written; the last result is then as it was.
    pub fn finish(
        self,
        (finished, what_if): (&Finished, Option<&WhatIf>),
        (asked, plots): (&Asked, Plots),
        sink: CsvSink,
    ) -> Result<PathBuf, OutputError> {
        let Report { directory } = self;
        let rows = sink.finish().map_err(|(name, error)| directory.error(name, &error))?;
        let mut names: Vec<String> = rows.into_iter().map(str::to_string).collect();
        let mut write = |name: &str, bytes: &[u8]| {
            names.push(name.to_string());
            directory.write(name, bytes)
        };
        let (outcome, model) = (finished.outcome, &*finished.scenario.model);
        write(TIMESERIES, &files::timeseries(&outcome.recording, model))?;
        write(COST, &files::cost(&outcome.bill, model))?;
        if let Some(rows) = files::commitments(&outcome.bill) {
            write(COMMITMENTS, &rows)?;
        }
        write(SUMMARY, files::summary(finished).as_bytes())?;
        if let Some(what_if) = what_if {
            write(WHAT_IF, what_if.file().as_bytes())?;
        }
        if plots == Plots::Drawn {
            for (name, drawn) in drawn(figures(finished.scenario, outcome)) {
                let undrawn = |error: ChartError| {
                    OutputError::new(Path::new(name), format!("cannot be drawn: {error}"))
                };
                let (svg, png) = drawn.map_err(undrawn)?;
                write(&format!("{name}.svg"), svg.as_bytes())?;
                write(&format!("{name}.png"), &png)?;
            }
        }
        let names = names.iter().map(String::as_str).collect();
        let manifest = files::manifest(finished, asked, names);
        directory.write(MANIFEST, manifest.as_bytes())?;
        match outcome.recording.partial {
            None => directory.finish(),
            Some(_) => directory.finish_partial(),
        }
    }
}

type Drawn = Result<(String, Vec<u8>), ChartError>;

/// Draws figures side by side: each takes a while, and none needs another.
fn drawn(figures: Vec<(&'static str, Figure)>) -> Vec<(&'static str, Drawn)> {
    let draw = |figure: &Figure| Ok((render_svg(figure)?, render_png(figure)?));
    std::thread::scope(|scope| {
        let threads: Vec<_> = figures
            .iter()
            .map(|(name, figure)| (*name, scope.spawn(move || draw(figure))))
            .collect();
        threads
            .into_iter()
            .map(|(name, thread)| (name, thread.join().expect("drawing does not panic")))
            .collect()
    })
}
