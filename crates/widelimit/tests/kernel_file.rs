//! Kernels written as they are computed.

use ndarray::Array2;
use widelimit::data::Npz;
use widelimit::exact::{Budget, Options, Want, kernel};
use widelimit::{Kind, Network, Run, kernel_to_file};

#[test]
fn the_file_holds_the_kernel() {
    let x = Array2::from_shape_fn((150, 4), |(i, j)| ((i * 4 + j) as f32 * 0.613).cos());
    let z = x.slice(ndarray::s![..40, ..]).mapv(|v| v + 0.5);
    let network = Network::preset("mlp:3:relu").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.npz");
    for second in [None, Some(z.view())] {
        let second = || second.map(Into::into);
        let options = Options::new().want(Want::BOTH);
        let expected = kernel(&network, x.view(), second(), &options).unwrap();
        let run = Run { budget: Budget::bytes(1 << 20), ..Run::default() };
        kernel_to_file(&network, x.view(), second(), Want::BOTH, &path, &run).unwrap();
        let file = Npz::open(&path).unwrap();
        let read = |name| file.read(name).unwrap().into_matrix::<f32>(name).unwrap();
        assert_eq!(Some(read("nngp")), expected.nngp);
        assert_eq!(Some(read("ntk")), expected.ntk);
    }
}

#[test]
fn nothing_is_left_behind_by_a_failure() {
    let mut x = Array2::<f64>::ones((10, 2));
    x[[3, 1]] = f64::INFINITY;
    let network = Network::preset("mlp:1:relu").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.npz");
    let run = Run::default();
    assert!(kernel_to_file(&network, x.view(), None, Want::NTK, &path, &run).is_err());
    let run = Run { budget: Budget::bytes(10), ..Run::default() };
    x[[3, 1]] = 0.0;
    let error = kernel_to_file(&network, x.view(), None, Want::NTK, &path, &run).unwrap_err();
    assert_eq!(error.kind(), Kind::Resource);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
