//! A folder for one test, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndarray::{Array1, Array2, Ix2};
use tempfile::TempDir;
use widelimit_data::{ArrayFile, Npz, write_npy};

/// A temporary folder in which the program runs.
pub struct Place {
    folder: TempDir,
}

/// What a run gave.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command that runs here and hears nothing of the tester's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_widelimit"));
        command.args(arguments).current_dir(self.folder.path()).env_remove("WIDELIMIT_SHARED");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Runs and insists on success.
    pub fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.err);
        run
    }

    /// Runs and insists on this exit code, an error in one sentence on standard error that holds
    /// all of `words`, nothing on standard output, and no file made or changed.
    pub fn fails(&self, code: i32, arguments: &[&str], words: &[&str]) {
        let before = self.files();
        let run = self.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.err);
        assert_eq!(run.out, "", "{arguments:?}");
        assert_eq!(self.files(), before, "{arguments:?} left files behind");
        assert!(!run.err.contains("panicked"), "{}", run.err);
        for word in words {
            assert!(run.err.contains(word), "{arguments:?}: {word:?} is not in {:?}", run.err);
        }
    }

    /// Names and contents of all files, temporary ones too.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub fn npy(&self, name: &str, array: &Array2<f64>) {
        write_npy(self.path(name), array.view()).unwrap();
    }

    pub fn npy_vector(&self, name: &str, array: &Array1<f64>) {
        write_npy(self.path(name), array.view()).unwrap();
    }

    pub fn read_npy(&self, name: &str) -> Array2<f64> {
        let array = ArrayFile::open(self.path(name)).unwrap().read().unwrap().into_f64();
        match array.ndim() {
            1 => array.insert_axis(ndarray::Axis(1)).into_dimensionality::<Ix2>().unwrap(),
            _ => array.into_dimensionality::<Ix2>().unwrap(),
        }
    }

    pub fn read_npz(&self, file: &str, name: &str) -> Array2<f64> {
        read_npz(&self.path(file), name)
    }
}

pub fn read_npz(file: &Path, name: &str) -> Array2<f64> {
    Npz::open(file).unwrap().read(name).unwrap().into_f64().into_dimensionality::<Ix2>().unwrap()
}

impl Run {
    fn of(output: Output) -> Run {
        Run {
            code: output.status.code().expect("an exit code"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

/// Smooth pseudo-random numbers in (-1, 1), the same every time.
pub fn noise(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    Array2::from_shape_simple_fn((rows, columns), || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}
