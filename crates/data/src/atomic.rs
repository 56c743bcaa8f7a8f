//! Files that appear whole or not at all.

use crate::Error;
use std::fs::File;
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
    let draft = Draft::create(path.as_ref())?;
    let mut writer = BufWriter::with_capacity(1 << 16, draft.file());
    fill(&mut writer).and_then(|()| writer.flush()).map_err(Error::io("write", &draft.target))?;
    drop(writer);
    draft.publish()
}

/// A temporary file that takes its name only when published; dropped before, it is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl Draft {
    /// A temporary file in the folder of `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        // A link is followed, so that the file it names is replaced and not the link.
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(_) => path.to_owned(),
        };
        if target.metadata().is_ok_and(|m| !m.is_file()) || target.file_name().is_none() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".widelimit-").suffix(".tmp");
        #[cfg(unix)]
        {
            // Readable as any new file of this user would be, less what the umask takes.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let temporary = builder.tempfile_in(folder).map_err(Error::io("create", &target))?;
        Ok(Draft { temporary, target })
    }

    pub(crate) fn file(&self) -> &File {
        self.temporary.as_file()
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Flushes the content to disk and gives the file its name.
    pub(crate) fn publish(self) -> Result<(), Error> {
        let Draft { temporary, target } = self;
        temporary.as_file().sync_all().map_err(Error::io("write", &target))?;
        temporary.persist(&target).map_err(|e| Error::io("write", &target)(e.error))?;
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
        assert!(matches!(write_atomically(missing, |_| Ok(())), Err(Error::Io { .. })));
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
    }
}
