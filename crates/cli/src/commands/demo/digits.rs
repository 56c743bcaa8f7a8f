//! The demo's data: MNIST where it is found, else a file that the user names.

use std::fmt;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Axis};
use widelimit::data::{Array, Npz, write_npz};

use crate::args::DemoArgs;
use crate::commands::data;
use crate::commands::inputs::as_rows;
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;

/// Training rows: what all three methods manage in two minutes on two cores.
const MOST_TRAIN: usize = 5000;
/// Test rows.
const MOST_TEST: usize = 5000;

/// What the data are.
pub struct About {
    name: String,
    /// Training rows.
    pub train: usize,
    /// Test rows.
    pub test: usize,
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Where inputs and targets lie.
struct Place {
    name: String,
    x_train: (PathBuf, &'static str),
    y_train: (PathBuf, &'static str),
    x_test: (PathBuf, &'static str),
    y_test: (PathBuf, &'static str),
}

/// Writes the rows that are used into one small file.
pub fn prepare(args: &DemoArgs, session: &Session, target: &Path) -> Result<About, Failure> {
    let place = find(args)?;
    let (x, y) = (inputs(&place.x_train)?, targets(&place.y_train)?);
    let rows = chosen(x.nrows().min(y.len()), MOST_TRAIN, session.seed);
    let (x, y) = (x.select(Axis(0), &rows), y.select(Axis(0), &rows));
    let test: Vec<usize> = (0..MOST_TEST).collect();
    let (xt, yt) = (inputs(&place.x_test)?, targets(&place.y_test)?);
    let test = &test[..MOST_TEST.min(xt.nrows()).min(yt.len())];
    let (xt, yt) = (xt.select(Axis(0), test), yt.select(Axis(0), test));
    let about = About { name: place.name, train: x.nrows(), test: xt.nrows() };
    let arrays = [
        ("x_train", Array::F32(x.into_dyn())),
        ("y_train", Array::F64(y.into_dyn())),
        ("x_test", Array::F32(xt.into_dyn())),
        ("y_test", Array::F64(yt.into_dyn())),
    ];
    let _finish = interrupt::writing();
    std::fs::create_dir_all(&args.out).map_err(|e| {
        Failure::data(format!("cannot make the folder {}: {e}", args.out.display()))
    })?;
    write_npz(target, &arrays.each_ref().map(|(name, array)| (*name, array)))?;
    Ok(about)
}

fn find(args: &DemoArgs) -> Result<Place, Failure> {
    if let Some(file) = &args.data {
        return Ok(single(file));
    }
    if let Some(folder) =
        folders().into_iter().find(|f| f.join(TRAIN).is_file() && f.join(TEST).is_file())
    {
        let (train, test) = (folder.join(TRAIN), folder.join(TEST));
        return Ok(Place {
            name: "MNIST digits".into(),
            x_train: (train.clone(), "x"),
            y_train: (train, "y"),
            x_test: (test.clone(), "x"),
            y_test: (test, "y"),
        });
    }
    args.fallback.as_deref().map(single).ok_or_else(|| {
        Failure::data(format!("MNIST was not found: no {TRAIN} and {TEST} in the folders searched"))
            .hint("name the folder in WIDELIMIT_SHARED, or give an npz with x_train, y_train, x_test, y_test as --data")
    })
}

const TRAIN: &str = "images/mnist_train60k.npz";
const TEST: &str = "images/mnist_test_a5k.npz";

fn folders() -> Vec<PathBuf> {
    let named = std::env::var_os("WIDELIMIT_SHARED").map(PathBuf::from);
    named
        .into_iter()
        .flat_map(|f| [f.join("data"), f])
        .chain([PathBuf::from("../shared/data")])
        .collect()
}

fn single(file: &Path) -> Place {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let mut name: String = stem.chars().take(1).flat_map(char::to_uppercase).collect();
    name.extend(stem.chars().skip(1));
    let array = |name| (file.to_owned(), name);
    Place {
        name,
        x_train: array("x_train"),
        y_train: array("y_train"),
        x_test: array("x_test"),
        y_test: array("y_test"),
    }
}

fn inputs((file, array): &(PathBuf, &'static str)) -> Result<Array2<f32>, Failure> {
    let name = format!("{}:{array}", file.display());
    Ok(as_rows(data::inputs(&name)?, &name)?.into_matrix::<f32>(&name)?)
}

/// Class numbers; the file keeps them as floating-point numbers.
fn targets((file, array): &(PathBuf, &'static str)) -> Result<Array1<f64>, Failure> {
    let name = format!("{}:{array}", file.display());
    let y = Npz::open(file)?.read(array)?.into_f64();
    let n = y.len();
    y.into_shape_with_order(n).map_err(|e| Failure::data(format!("{name}: {e}")))
}

/// The first `most` of `count` rows, or as many drawn at random with a seed.
fn chosen(count: usize, most: usize, seed: Option<u64>) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..count).collect();
    let keep = most.min(count);
    if let Some(seed) = seed {
        let mut state = seed;
        for k in 0..keep {
            let range = (count - k) as u64;
            let drawn =
                k + ((u128::from(split_mix(&mut state)) * u128::from(range)) >> 64) as usize;
            rows.swap(k, drawn);
        }
    }
    rows.truncate(keep);
    rows
}

/// SplitMix64 (Steele, Lea, Flood 2014): plenty for a draw without replacement.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_without_replacement_and_follow_the_seed() {
        assert_eq!(chosen(5, 3, None), [0, 1, 2]);
        assert_eq!(chosen(2, 3, None), [0, 1]);
        let one = chosen(1000, 300, Some(1));
        let mut sorted = one.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 300);
        assert_eq!(one, chosen(1000, 300, Some(1)));
        assert_ne!(one, chosen(1000, 300, Some(2)));
        // Evenly: the mean of 300 of 0..1000 lies within four standard errors of 499.5.
        let mean = one.iter().sum::<usize>() as f64 / 300.0;
        assert!((mean - 499.5).abs() < 4.0 * 288.7 / 300f64.sqrt(), "{mean}");
    }
}
