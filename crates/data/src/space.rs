//! Room on disk, looked at before a large file is begun.

use std::path::Path;

use crate::Error;

/// Refuses a file of `needed` bytes at `path` where the file system says that it has no room for it.
///
/// # Errors
/// [`Error::NoRoom`]. Where the file system does not tell, nothing is refused.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// assert!(widelimit_data::check_room(dir.path().join("small"), 1).is_ok());
/// let error = widelimit_data::check_room(dir.path().join("large"), 1 << 60);
/// assert!(cfg!(not(unix)) || error.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_room(path: impl AsRef<Path>, needed: u64) -> Result<(), Error> {
    let path = path.as_ref();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match free(folder) {
        Some(free) if free < needed => Err(Error::NoRoom { path: path.to_owned(), needed, free }),
        _ => Ok(()),
    }
}

/// Bytes that this user may still write in a folder.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    system.f_bavail.checked_mul(system.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}
