//! The folder of a store: its files, and how it comes into being.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::StoreSpec;
use crate::npy::header_bytes;
use crate::storage::write_all_at;
use crate::tile_file::data_bytes;
use crate::{Error, TileSpec};

/// The description of a store in its folder.
pub(super) const DESCRIPTION: &str = "store.json";

/// The names of an array with missing tiles, and without.
pub(super) fn names(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{name}.npy.part")), folder.join(format!("{name}.npy")))
}

/// The record of one writer.
pub(super) fn log_name(folder: &Path, writer: &str) -> PathBuf {
    folder.join(format!("done-{writer}.log"))
}

/// What the store in a folder holds.
pub(super) fn read_spec(folder: &Path) -> Result<StoreSpec, Error> {
    let path = folder.join(DESCRIPTION);
    let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    StoreSpec::from_json(&text, &path.display().to_string())
}

/// Gives complete arrays their final names.
pub(super) fn name_complete(folder: &Path, spec: &StoreSpec) -> Result<(), Error> {
    for array in &spec.arrays {
        let (part, whole) = names(folder, &array.name);
        match std::fs::rename(&part, &whole) {
            Ok(()) => {}
            // It has its name already, or another writer was first.
            Err(error) if error.kind() == io::ErrorKind::NotFound && whole.exists() => {}
            Err(error) => return Err(Error::io("rename", &part)(error)),
        }
    }
    sync(folder);
    Ok(())
}

/// Makes a store of missing tiles beside its place, lets `fill` do more with it there, and moves it,
/// so that nobody sees half of one. A failure leaves nothing.
///
/// Whoever makes the same store at the same time must be expected: `Ok(false)` if somebody was first.
pub(super) fn create(
    folder: &Path,
    spec: &StoreSpec,
    fill: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<bool, Error> {
    spec.grid(&folder.display().to_string())?;
    let parent = parent(folder);
    let draft = tempfile::Builder::new()
        .prefix(".widelimit-")
        .suffix(".tmp")
        .tempdir_in(parent)
        .map_err(Error::io("create", folder))?;
    for array in &spec.arrays {
        create_array(draft.path(), array).map_err(Error::io("create", folder))?;
    }
    let text = format!("{:#}\n", spec.to_json());
    std::fs::write(draft.path().join(DESCRIPTION), text).map_err(Error::io("create", folder))?;
    share(draft.path());
    fill(draft.path())?;
    match std::fs::rename(draft.path(), folder) {
        Ok(()) => {
            // The draft has moved: nothing is left to be removed.
            let _ = draft.keep();
            sync(parent);
            Ok(true)
        }
        Err(_) if folder.join(DESCRIPTION).exists() => Ok(false),
        Err(error) => Err(Error::io("create", folder)(error)),
    }
}

/// An array whose entries read as zeros; they take room as they are written.
fn create_array(folder: &Path, array: &TileSpec) -> io::Result<()> {
    let header = header_bytes(array.float_type, &array.shape);
    let file = File::create(names(folder, &array.name).0)?;
    write_all_at(&file, &header, 0)?;
    file.set_len(header.len() as u64 + data_bytes(array).unwrap_or(u64::MAX))
}

/// A temporary folder is private; a store is as open as the umask lets new folders be.
#[cfg(unix)]
fn share(draft: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let like = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o777))
        .tempdir_in(draft)
        .and_then(|probe| probe.path().metadata());
    if let Ok(like) = like {
        std::fs::set_permissions(draft, like.permissions()).ok();
    }
}

#[cfg(not(unix))]
fn share(_: &Path) {}

fn parent(folder: &Path) -> &Path {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Puts the names in a folder on disk. Not all file systems can do this; contents are safe either way.
pub(super) fn sync(folder: &Path) {
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).ok();
    #[cfg(not(unix))]
    let _ = folder;
}
