//! Tiles written by several threads, read back whole.

use ndarray::{Array2, s};
use widelimit_data::{Array, FloatType, Npz, TileFile, TileSpec};

fn spec(name: &str, shape: &[usize], float_type: FloatType) -> TileSpec {
    TileSpec { name: name.to_owned(), shape: shape.to_vec(), float_type }
}

fn numbers(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| (i * 1000 + j) as f64 + 0.5)
}

#[test]
fn tiles_from_several_threads_make_the_arrays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.npz");
    let (a, b) = (numbers(37, 53), numbers(20, 11).mapv(|v| v as f32));
    let specs = [spec("ntk", &[37, 53], FloatType::F64), spec("größe", &[20, 11], FloatType::F32)];
    let file = TileFile::create(&path, &specs).unwrap();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let (file, a, b) = (&file, &a, &b);
            scope.spawn(move || {
                for r in (0..37).step_by(8).skip(part).step_by(4) {
                    for c in (0..53).step_by(10) {
                        let tile = a.slice(s![r..(r + 8).min(37), c..(c + 10).min(53)]);
                        file.write(0, r, c, tile).unwrap();
                    }
                }
                // Whole rows, handed over in Fortran order.
                let rows = b.slice(s![5 * part..5 * part + 5, ..]).t().to_owned();
                file.write(1, 5 * part, 0, rows.t()).unwrap();
            });
        }
    });
    assert!(!path.exists());
    file.finish().unwrap();
    let npz = Npz::open(&path).unwrap();
    assert_eq!(npz.names(), ["ntk", "größe"]);
    assert_eq!(npz.read("ntk").unwrap(), Array::F64(a.into_dyn()));
    assert_eq!(npz.read("größe").unwrap(), Array::F32(b.into_dyn()));
}

/// More than is written at a time, in whole rows and in parts of rows.
#[test]
fn large_tiles_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.npy");
    let a = numbers(90, 1100);
    let file = TileFile::create(&path, &[spec("", &[90, 1100], FloatType::F64)]).unwrap();
    file.write(0, 0, 0, a.slice(s![..70, ..])).unwrap();
    file.write(0, 70, 0, a.slice(s![70.., ..1000])).unwrap();
    file.write(0, 70, 1000, a.slice(s![70.., 1000..])).unwrap();
    file.finish().unwrap();
    let read = widelimit_data::ArrayFile::open(&path).unwrap().read().unwrap();
    assert_eq!(read, Array::F64(a.into_dyn()));
}
