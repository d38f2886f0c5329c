//! The directory of a result: written beside its place, and moved there in one go.
//!
//! A reader never sees half a result, and a run that fails never harms the last good one.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The file that says what a result is; a directory without it is not replaced.
pub(super) const MANIFEST: &str = "manifest.json";
/// What every manifest of this program holds.
pub(super) const PROGRAM: &str = "ecsim";

/// Largest manifest that is looked at.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// A result that is being written.
///
/// Dropped without being finished, it leaves nothing behind and the last result as it was.
#[derive(Debug)]
pub struct OutputDirectory {
    /// Where the result will be.
    target: PathBuf,
    /// Where it is until then.
    temporary: PathBuf,
    /// Keeps other runs out as long as it lives.
    _lock: Lock,
}

/// Why a result could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputError {
    /// What could not be written.
    pub path: PathBuf,
    /// Why, in lower case, without a full stop.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl OutputError {
    pub(super) fn new(path: &Path, message: impl Into<String>) -> OutputError {
        OutputError { path: path.to_path_buf(), message: message.into(), hint: None }
    }

    /// Says what the operating system said.
    pub(super) fn io(path: &Path, error: &io::Error) -> OutputError {
        OutputError::new(path, format!("cannot be written: {error}"))
    }

    fn hint(mut self, hint: &str) -> OutputError {
        self.hint = Some(hint.to_string());
        self
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.display(), self.message)
    }
}

impl std::error::Error for OutputError {}

impl OutputDirectory {
    /// Makes room for a result that will be at `path`, and for its parents.
    ///
    /// What is at `path` stays as it is until [`finish`](Self::finish).
    ///
    /// # Errors
    /// If another run writes there, if what is there is not a result, or if the operating system
    /// says no.
    pub fn begin(path: &Path) -> Result<OutputDirectory, OutputError> {
        let target = if path.is_symlink() {
            fs::canonicalize(path).map_err(|error| OutputError::io(path, &error))?
        } else {
            path.to_path_buf()
        };
        if target.file_name().is_none() {
            return Err(OutputError::new(path, "has no name of its own that a result could take")
                .hint("give a directory, such as `output/shop`"));
        }
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            fs::create_dir_all(parent).map_err(|error| {
                let reason = format!("cannot be made in `{}`: {error}", parent.display());
                OutputError::new(&target, reason)
            })?;
        }
        let lock = Lock::take(&target)?;
        for place in [target.clone(), partial(&target)] {
            recover(&place).map_err(|error| OutputError::io(&place, &error))?;
            check_replaceable(&place)?;
        }
        // Nobody else is here, so what lies there was left by a run that was killed.
        let temporary = hidden(&target, ".tmp");
        remove(&temporary)
            .and_then(|()| fs::create_dir(&temporary))
            .map_err(|error| OutputError::io(&target, &error))?;
        Ok(OutputDirectory { target, temporary, _lock: lock })
    }

    /// Creates a file of the result.
    ///
    /// # Errors
    /// If the operating system says no.
    pub fn create(&self, name: &str) -> Result<File, OutputError> {
        File::create(self.temporary.join(name)).map_err(|error| self.error(name, &error))
    }

    /// Writes a whole file of the result.
    ///
    /// # Errors
    /// If the operating system says no: a full disk, for example.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        self.create(name)?.write_all(bytes).map_err(|error| self.error(name, &error))
    }

    /// Says that a file of the result could not be written.
    pub fn error(&self, name: &str, error: &io::Error) -> OutputError {
        OutputError::io(&self.target.join(name), error)
    }

    /// Puts the result in its place, instead of the last one, and returns the place.
    ///
    /// A partial result beside it is from an earlier run, and goes.
    ///
    /// # Errors
    /// If the operating system says no; the last result is then where it was.
    pub fn finish(self) -> Result<PathBuf, OutputError> {
        let place = self.put(&self.target)?;
        // The result is complete; the next run tries again.
        let _ = remove(&partial(&self.target));
        Ok(place)
    }

    /// Puts what there is of a result into `<name>.partial`, and returns that place.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_partial(self) -> Result<PathBuf, OutputError> {
        self.put(&partial(&self.target))
    }

    fn put(&self, place: &Path) -> Result<PathBuf, OutputError> {
        let error = |error: io::Error| OutputError::io(place, &error);
        let old = hidden(place, ".old");
        let replaces = place.exists();
        if replaces {
            fs::rename(place, &old).map_err(error)?;
        }
        if let Err(reason) = fs::rename(&self.temporary, place) {
            if replaces {
                // If this fails too, the next run brings it back.
                let _ = fs::rename(&old, place);
            }
            return Err(error(reason));
        }
        if replaces {
            // The result is complete; the next run removes what is left of the old one.
            let _ = remove(&old);
        }
        Ok(place.to_path_buf())
    }
}

impl Drop for OutputDirectory {
    fn drop(&mut self) {
        // Nobody is left to tell; the next run removes what is left.
        let _ = remove(&self.temporary);
    }
}

/// Returns the place of a partial result.
fn partial(target: &Path) -> PathBuf {
    sibling(target, "", ".partial")
}

/// Returns a place beside `target` that listings do not show.
fn hidden(target: &Path, after: &str) -> PathBuf {
    sibling(target, ".", after)
}

fn sibling(target: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = OsString::from(before);
    name.push(target.file_name().unwrap_or_default());
    name.push(after);
    target.with_file_name(name)
}

/// Removes a directory that may not be there.
fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Clears up after a run that was killed while it put its result in place.
fn recover(place: &Path) -> io::Result<()> {
    let old = hidden(place, ".old");
    if !old.exists() {
        return Ok(());
    }
    if place.exists() { remove(&old) } else { fs::rename(&old, place) }
}

/// Checks that nothing is at `place` that is not a result.
fn check_replaceable(place: &Path) -> Result<(), OutputError> {
    let Ok(found) = fs::metadata(place) else { return Ok(()) };
    if !found.is_dir() {
        return Err(OutputError::new(place, "is a file, and a result is a directory")
            .hint("give another directory, or move the file away"));
    }
    let mut entries = fs::read_dir(place).map_err(|error| OutputError::io(place, &error))?;
    if entries.next().is_none() || is_result(place) {
        return Ok(());
    }
    let message = format!("holds files, but no `{MANIFEST}` of a result, and is not replaced");
    Err(OutputError::new(place, message).hint("give another directory, or move it away"))
}

/// Says whether a directory holds a result of this program.
fn is_result(directory: &Path) -> bool {
    let path = directory.join(MANIFEST);
    let small = fs::metadata(&path).is_ok_and(|found| found.len() <= MANIFEST_BYTES_MAX);
    let text = if small { fs::read_to_string(&path).ok() } else { None };
    let manifest = text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    manifest.is_some_and(|it| it.get("program").and_then(|it| it.as_str()) == Some(PROGRAM))
}

/// A file beside a result that one run at a time can lock; the lock dies with its process.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(target: &Path) -> Result<Lock, OutputError> {
        let path = hidden(target, ".lock");
        let failed = |error: io::Error| {
            let told = OutputError::io(target, &error);
            if error.kind() != ErrorKind::PermissionDenied {
                return told;
            }
            told.hint("it is made beside its place: the folder above must be writable")
        };
        loop {
            let options = File::options().create(true).truncate(false).write(true).clone();
            let file = options.open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => return Ok(Lock { path, _file: file }),
                // Whoever had it removed it meanwhile: this lock keeps nobody out.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(OutputError::new(target, "is being written by another run")
                        .hint("wait for it, or give another directory with `--out`"));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(OutputError::new(target, format!("cannot be locked: {error}")));
                }
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is still locked, so nobody who locks it later takes it for the one in
        // use; where that cannot be told, it stays.
        if cfg!(unix) {
            // An empty hidden file does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Says whether `path` still leads to the open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(directory: &OutputDirectory, text: &str) {
        directory.write("data.csv", text.as_bytes()).unwrap();
        directory.write(MANIFEST, br#"{"program": "ecsim"}"#).unwrap();
    }

    /// What is in a directory, hidden files too.
    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn data(directory: &Path) -> String {
        fs::read_to_string(directory.join("data.csv")).unwrap()
    }

    #[test]
    fn a_result_replaces_the_last_one_and_leaves_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a/b/shop");
        for text in ["one", "two"] {
            let directory = OutputDirectory::begin(&place).unwrap();
            result(&directory, text);
            assert!(text == "one" || data(&place) == "one", "the last one is still there");
            assert_eq!(directory.finish().unwrap(), place);
            assert_eq!(data(&place), text);
            assert_eq!(names(place.parent().unwrap()), ["shop"]);
        }
    }

    #[test]
    fn what_is_given_up_or_partial_leaves_the_last_result_alone() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("shop");
        let directory = OutputDirectory::begin(&place).unwrap();
        result(&directory, "good");
        directory.finish().unwrap();

        let directory = OutputDirectory::begin(&place).unwrap();
        result(&directory, "given up");
        drop(directory);
        assert_eq!((data(&place).as_str(), names(root.path())), ("good", vec!["shop".into()]));

        for text in ["half", "half again"] {
            let directory = OutputDirectory::begin(&place).unwrap();
            result(&directory, text);
            let partial = directory.finish_partial().unwrap();
            assert_eq!(partial, root.path().join("shop.partial"));
            assert_eq!((data(&place).as_str(), data(&partial).as_str()), ("good", text));
        }
        assert_eq!(names(root.path()), ["shop", "shop.partial"]);

        let directory = OutputDirectory::begin(&place).unwrap();
        result(&directory, "good again");
        directory.finish().unwrap();
        assert_eq!(names(root.path()), ["shop"], "what is partial is no longer the latest");
    }

    #[test]
    fn two_runs_cannot_write_into_one_place() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("shop");
        let first = OutputDirectory::begin(&place).unwrap();
        let error = OutputDirectory::begin(&place).unwrap_err();
        assert_eq!(error.path, place);
        assert_eq!(error.message, "is being written by another run");
        OutputDirectory::begin(&root.path().join("other")).unwrap();
        result(&first, "first");
        first.finish().unwrap();
        OutputDirectory::begin(&place).unwrap();
    }

    #[test]
    fn what_is_not_a_result_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let check = |name: &str, message: &str| {
            let place = root.path().join(name);
            let before = names(root.path());
            let error = OutputDirectory::begin(&place).unwrap_err();
            assert!(error.message.contains(message), "{error}");
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(names(root.path()), before);
        };
        fs::create_dir(root.path().join("photos")).unwrap();
        fs::write(root.path().join("photos/1.jpg"), "dear").unwrap();
        check("photos", "no `manifest.json` of a result");
        fs::write(root.path().join("photos/manifest.json"), r#"{"name": "another's"}"#).unwrap();
        check("photos", "no `manifest.json` of a result");
        fs::write(root.path().join("file"), "dear").unwrap();
        check("file", "is a file");
        check("file/below", "cannot be made in");
        fs::create_dir(root.path().join("run.partial")).unwrap();
        fs::write(root.path().join("run.partial/notes"), "dear").unwrap();
        check("run", "no `manifest.json` of a result");
        assert!(OutputDirectory::begin(Path::new("/")).unwrap_err().message.contains("no name"));
        fs::create_dir(root.path().join("empty")).unwrap();
        OutputDirectory::begin(&root.path().join("empty")).unwrap();
    }

    #[test]
    fn what_a_killed_run_left_is_cleared_up() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("shop");
        let directory = OutputDirectory::begin(&place).unwrap();
        result(&directory, "good");
        directory.finish().unwrap();
        // Killed after the old result was moved away and before the new one came.
        fs::rename(&place, root.path().join(".shop.old")).unwrap();
        fs::create_dir(root.path().join(".shop.tmp")).unwrap();
        fs::write(root.path().join(".shop.tmp/data.csv"), "half").unwrap();
        fs::write(root.path().join(".shop.lock"), "").unwrap();
        drop(OutputDirectory::begin(&place).unwrap());
        assert_eq!((data(&place).as_str(), names(root.path())), ("good", vec!["shop".into()]));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("far")).unwrap();
        std::os::unix::fs::symlink(root.path().join("far"), root.path().join("link")).unwrap();
        let directory = OutputDirectory::begin(&root.path().join("link")).unwrap();
        result(&directory, "good");
        directory.finish().unwrap();
        assert_eq!(data(&root.path().join("far")), "good");
        assert!(root.path().join("link").is_symlink());
    }
}
