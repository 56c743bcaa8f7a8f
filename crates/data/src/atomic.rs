//! Files that appear whole or not at all.

use crate::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Writes a file through `fill`: into a temporary file beside it, flushed to disk, then renamed.
///
/// If anything fails, the temporary file is removed and a file that was there before is untouched.
///
/// # Errors
/// [`Error::Io`] from the file system; [`Error::NotAFile`] if `path` is a folder or a device.
///
/// ```
/// use std::io::Write;
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("note.txt");
/// widelimit_data::write_atomically(&path, |file| file.write_all(b"whole"))?;
/// assert_eq!(std::fs::read(&path)?, b"whole");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_atomically(
    path: impl AsRef<Path>,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<(), Error> {
    Draft::filled(path, fill)?.publish()
}

/// Succeeds if a file of this name can be written: its folder is there and takes new files.
///
/// Called before a long computation, so that its result does not fail for a slip in the name.
///
/// # Errors
/// As [`write_atomically`].
///
/// ```
/// let dir = tempfile::tempdir()?;
/// assert!(widelimit_data::check_writable(dir.path().join("k.npz")).is_ok());
/// assert!(widelimit_data::check_writable(dir.path().join("no/folder/k.npz")).is_err());
/// assert_eq!(std::fs::read_dir(dir.path())?.count(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn check_writable(path: impl AsRef<Path>) -> Result<(), Error> {
    Draft::create(path.as_ref()).map(drop)
}

/// A file that is written but takes its name only when published; dropped before, it is removed.
///
/// Several drafts, published when all are written, make several files that appear together.
#[derive(Debug)]
pub struct Draft {
    temporary: NamedTempFile<File>,
    /// Where it goes, links followed.
    target: PathBuf,
    /// The name as it was given, for errors.
    path: PathBuf,
}

impl Draft {
    /// A draft of `path` with the content that `fill` writes, on disk.
    ///
    /// # Errors
    /// As [`write_atomically`].
    pub fn filled(
        path: impl AsRef<Path>,
        fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
    ) -> Result<Self, Error> {
        let draft = Draft::create(path.as_ref())?;
        let mut writer = BufWriter::with_capacity(1 << 16, draft.file());
        fill(&mut writer)
            .and_then(|()| writer.flush())
            .and_then(|()| draft.file().sync_all())
            .map_err(Error::io("write", &draft.path))?;
        drop(writer);
        Ok(draft)
    }

    /// A temporary file in the folder of `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let target = followed(path);
        let there = target.symlink_metadata().ok();
        if there.as_ref().is_some_and(|m| !m.is_file()) || target.file_name().is_none() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // A file that replaces another is kept from strangers until it has the other's permissions.
        let temporary = temporary_in(folder, if there.is_some() { 0o600 } else { 0o666 })
            .map_err(Error::io("create", path))?;
        #[cfg(unix)]
        if let Some(old) = there {
            // Where the file system knows no permissions, there are none to keep.
            temporary.as_file().set_permissions(old.permissions()).ok();
        }
        Ok(Draft { temporary, target, path: path.to_owned() })
    }

    pub(crate) fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// The name as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes the content to disk and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Io`] from the file system.
    pub fn publish(self) -> Result<(), Error> {
        let Draft { temporary, target, path } = self;
        temporary.as_file().sync_all().map_err(Error::io("write", &path))?;
        temporary.persist(&target).map_err(|e| Error::io("write", &path)(e.error))?;
        // The new name itself survives a power cut only once the folder is on disk, too. Not all
        // file systems can do this; the content is safe either way.
        #[cfg(unix)]
        if let Some(folder) = target.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder).and_then(|f| f.sync_all()).ok();
        }
        Ok(())
    }
}

/// The file a path means: a link is followed, even to a file that is not there yet, so that the
/// file it names is replaced and not the link.
fn followed(path: &Path) -> PathBuf {
    if let Ok(target) = path.canonicalize() {
        return target;
    }
    let mut target = path.to_owned();
    // Linux gives up after as many; what still is a link then is refused as no file.
    for _ in 0..40 {
        let Ok(link) = target.read_link() else { break };
        target = target.parent().map(|folder| folder.join(&link)).unwrap_or(link);
    }
    target
}

/// A temporary file, readable as any new file of this user, less what the umask takes, if `mode`
/// is `0o666`. Errors are those of the system and name no temporary file.
fn temporary_in(folder: &Path, mode: u32) -> io::Result<NamedTempFile<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut code = None;
    let mut builder = Builder::new();
    let made = builder
        .prefix(".widelimit-")
        .suffix(".tmp")
        .make_in(folder, |path| options.open(path).inspect_err(|e| code = e.raw_os_error()));
    made.map_err(|e| code.map_or(e, io::Error::from_raw_os_error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn failure_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.bin");
        write_atomically(&path, |f| f.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |f| {
            f.write_all(b"new, but")?;
            Err(io::Error::other("no more"))
        });
        assert!(failed.unwrap_err().to_string().contains("no more"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["out.bin"]);
    }

    #[test]
    fn refuses_folders_and_missing_folders() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(write_atomically(dir.path(), |_| Ok(())), Err(Error::NotAFile { .. })));
        let missing = dir.path().join("no").join("x.npy");
        let error = write_atomically(missing, |_| Ok(())).unwrap_err();
        assert!(matches!(error, Error::Io { .. }));
        let text = error.to_string();
        assert!(text.contains("x.npy") && !text.contains(".widelimit-"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn follows_links_respects_the_umask_and_spares_devices() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, |f| f.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink());

        let plain = dir.path().join("plain");
        File::create(&plain).unwrap();
        let mode = |p: &Path| p.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), mode(&plain));

        assert!(matches!(write_atomically("/dev/null", |_| Ok(())), Err(Error::NotAFile { .. })));

        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        write_atomically(&link, |f| f.write_all(b"newer")).unwrap();
        assert_eq!((mode(&file), std::fs::read(&file).unwrap()), (0o640, b"newer".to_vec()));
    }

    #[cfg(unix)]
    #[test]
    fn links_to_nothing_yet_are_followed_and_circles_refused() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("there")).unwrap();
        symlink("second", at("first")).unwrap();
        symlink("there/file", at("second")).unwrap();
        write_atomically(at("first"), |f| f.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(at("there/file")).unwrap(), b"new");
        assert!(at("first").symlink_metadata().unwrap().is_symlink());

        symlink("circle", at("circle")).unwrap();
        let refused = write_atomically(at("circle"), |_| Ok(()));
        assert!(matches!(refused, Err(Error::NotAFile { .. })));
        assert!(at("circle").symlink_metadata().unwrap().is_symlink());
    }

    #[test]
    fn drafts_appear_when_they_are_published() {
        let dir = tempfile::tempdir().unwrap();
        let fill = |f: &mut BufWriter<&File>| f.write_all(b"x");
        let first = Draft::filled(dir.path().join("a"), fill).unwrap();
        let second = Draft::filled(dir.path().join("b"), fill).unwrap();
        assert!(!names(dir.path()).iter().any(|name| name == "a" || name == "b"));
        first.publish().unwrap();
        drop(second);
        assert_eq!(names(dir.path()), ["a"]);
    }
}
