//! Gram products by layout, and faer's general product beside them.
//!
//! The trap: `X Xᵀ` by a general product loses half its speed where X is
//! column-major with a leading dimension that is a power of two. A packed product
//! must show the same rate in every row of this table.
//!
//! ```text
//! cargo bench -p widelimit-linalg --bench layouts
//! ```

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, ArrayView2, Axis, ShapeBuilder, Slice};
use widelimit_linalg::{GramScratch, PackedRows, Par, Scalar, gram, gram_tile, matmul};

/// Points; the leading dimension of a column-major array.
const N: usize = 1024;

/// A matrix with the given layout: the storage, and how much of it is seen.
struct Layout {
    name: &'static str,
    fortran: bool,
    /// Columns of the storage beyond those of the matrix.
    padding: usize,
}

const LAYOUTS: [Layout; 4] = [
    Layout { name: "rows", fortran: false, padding: 0 },
    Layout { name: "rows, stride 1024", fortran: false, padding: 1024 - 784 },
    Layout { name: "columns, stride 1024", fortran: true, padding: 0 },
    Layout { name: "rows with gaps", fortran: false, padding: 7 },
];

fn storage<T: Scalar>(layout: &Layout, d: usize) -> Array2<T> {
    let shape = (N, d + layout.padding).set_f(layout.fortran);
    let mut state = 1_u64;
    Array2::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        T::from_f64((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    })
}

fn view<T>(storage: &Array2<T>, d: usize) -> ArrayView2<'_, T> {
    storage.slice_axis(Axis(1), Slice::from(..d))
}

fn layouts<T: Scalar>(criterion: &mut Criterion) {
    let par = Par::single();
    for d in [784, 32] {
        let mut group = criterion.benchmark_group(format!("{} n={N} d={d}", T::NAME));
        group.throughput(Throughput::Elements((2 * N * N * d) as u64)).sample_size(20);
        for layout in &LAYOUTS {
            let storage = storage::<T>(layout, d);
            let x = view(&storage, d);
            let id = |what| BenchmarkId::new(what, layout.name);
            group.bench_function(id("gram, two operands"), |bench| {
                bench.iter(|| gram(x, Some(x), &par));
            });
            group.bench_function(id("faer"), |bench| bench.iter(|| matmul(x, x.t(), &par)));
        }
        group.finish();
    }
}

/// What a tile engine sees: tiles of 240 × 480 of rows packed once, or each time.
fn tiles<T: Scalar>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("{} tile of 240 x 480, d=784", T::NAME));
    let storage = storage::<T>(&LAYOUTS[0], 784);
    let packed = PackedRows::new(storage.view(), &Par::single());
    let mut out = Array2::from_elem((240, 480), T::from_f64(0.0));
    group.throughput(Throughput::Elements(2 * 240 * 480 * 784)).sample_size(20);
    group.bench_function("packed once", |bench| {
        bench.iter(|| packed.tile(0..240, &packed, 480..960, out.view_mut()));
    });
    let (x1, x2) =
        (storage.view().split_at(Axis(0), 240).0, storage.view().split_at(Axis(0), 480).1);
    let x2 = x2.split_at(Axis(0), 480).0;
    let mut scratch = GramScratch::new();
    group.bench_function("packed each time", |bench| {
        bench.iter(|| gram_tile(x1, x2, &mut scratch, out.view_mut()));
    });
    group.finish();
}

criterion_group!(benches, layouts::<f32>, layouts::<f64>, tiles::<f32>, tiles::<f64>);
criterion_main!(benches);
