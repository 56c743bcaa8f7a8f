//! Features of graphs against the exact kernels of the same networks, and what they promise.

use ndarray::{Array2, Array3, Axis, s};
use widelimit_arch::Network;
use widelimit_embed::{Error, GraphFeatureMap, Neighbourhoods, Par, Quantity, Settings, Strategy};
use widelimit_exact::{Inputs, Options, Want};
use widelimit_sketch::Csr;
use widelimit_sketch::random::Stream;

/// Graphs as lists: what `Neighbourhoods` borrows.
struct Lists {
    node_offsets: Vec<usize>,
    row_offsets: Vec<usize>,
    columns: Vec<usize>,
    weights: Vec<f64>,
    x: Array2<f64>,
}

impl Lists {
    /// Graphs of these sizes with random weights, not symmetric, and random numbers at the nodes.
    fn random(sizes: &[usize], channels: usize) -> Self {
        let stream = Stream::new(5, 0, 0);
        let mut lists = Self {
            node_offsets: vec![0],
            row_offsets: vec![0],
            columns: Vec::new(),
            weights: Vec::new(),
            x: Array2::zeros((sizes.iter().sum(), channels)),
        };
        let mut drawn = 0;
        for &nodes in sizes {
            let first = lists.node_offsets[lists.node_offsets.len() - 1];
            for node in 0..nodes {
                for other in 0..nodes {
                    drawn += 1;
                    if other == node || stream.unit(2 * drawn) < 0.4 {
                        lists.columns.push(first + other);
                        lists.weights.push(stream.unit(2 * drawn + 1));
                    }
                }
                lists.row_offsets.push(lists.columns.len());
            }
            lists.node_offsets.push(first + nodes);
        }
        let normal = Stream::new(5, 0, 1);
        for (i, x) in lists.x.iter_mut().enumerate() {
            *x = 0.4 + normal.normal(i as u64);
        }
        lists
    }

    fn graphs(&self) -> Neighbourhoods<'_> {
        let (offsets, columns) = (&self.row_offsets, &self.columns);
        let weights = Csr::new(self.x.nrows(), offsets, columns, &self.weights).unwrap();
        Neighbourhoods::new(&self.node_offsets, weights).unwrap()
    }

    /// One of the graphs, with its nodes in this order.
    fn alone(&self, graph: usize, order: impl Fn(usize) -> usize) -> Self {
        let (first, end) = (self.node_offsets[graph], self.node_offsets[graph + 1]);
        let mut alone = Self {
            node_offsets: vec![0, end - first],
            row_offsets: vec![0],
            columns: Vec::new(),
            weights: Vec::new(),
            x: Array2::zeros((end - first, self.x.ncols())),
        };
        for node in 0..end - first {
            let old = first + order(node);
            alone.x.row_mut(node).assign(&self.x.row(old));
            for other in 0..end - first {
                let row = self.row_offsets[old]..self.row_offsets[old + 1];
                let at = self.columns[row.clone()].iter().position(|&c| c == first + order(other));
                if let Some(at) = at {
                    alone.columns.push(other);
                    alone.weights.push(self.weights[row.start + at]);
                }
            }
            alone.row_offsets.push(alone.columns.len());
        }
        alone
    }

    /// The kernel by the engine of images, to which graphs of equal size are lines of nodes.
    fn exact(&self, network: &Network, quantity: Quantity) -> Array2<f64> {
        let graphs = self.node_offsets.len() - 1;
        let nodes = self.node_offsets[1];
        let x = self.x.to_shape((graphs, nodes, self.x.ncols())).unwrap();
        // there vertex p receives sum_q A[q, p] x_q
        let mut adjacency = Array3::zeros((graphs, nodes, nodes));
        for (row, ends) in self.row_offsets.windows(2).enumerate() {
            for entry in ends[0]..ends[1] {
                let (column, weight) = (self.columns[entry], self.weights[entry]);
                adjacency[[row / nodes, column % nodes, row % nodes]] = weight;
            }
        }
        let want = if quantity == Quantity::Ntk { Want::NTK } else { Want::NNGP };
        let inputs = Inputs::new(x.view().into_dyn()).with_adjacency(adjacency.view());
        let options = Options::new().want(want);
        let kernel = widelimit_exact::kernel(network, inputs, None, &options).unwrap();
        kernel.ntk.or(kernel.nngp).unwrap()
    }
}

fn network(json: &str) -> Network {
    Network::from_json(json).unwrap()
}

const LEVELS: &str = r#"[{"layer": "aggregate"}, {"layer": "dense", "w_std": 1.4}, {"layer": "relu"},
    {"layer": "dense", "w_std": 1.4, "b_std": 0.3}, {"layer": "aggregate"}, {"layer": "gelu"}, {"layer": "dense"},
    {"layer": "global_sum_pool"}]"#;

fn settings(strategy: Strategy, quantity: Quantity) -> Settings {
    Settings { dim: 64, quantity, strategy, seed: 0 }
}

/// Mean of 400 draws of 64 features within 4.5 standard errors in every entry, for networks with one random
/// layer.
#[test]
fn every_layer_is_unbiased() {
    let body = r#"{"layer": "dense", "w_std": 1.3}, {"layer": "relu"}, {"layer": "dense", "w_std": 0.7, "b_std": 0.5}"#;
    let sum = r#"{"layer": "aggregate"}"#;
    let pool = r#"{"layer": "global_sum_pool"}"#;
    let lists = Lists::random(&[4, 4, 4], 3);
    for json in [
        format!("[{sum}, {body}, {sum}, {pool}]"),
        format!(
            r#"[{body}, {sum}, {{"layer": "global_avg_pool"}}, {{"layer": "dense", "b_std": 0.2}}]"#
        ),
        format!(
            r#"[{{"layer": "dense"}}, {sum}, {{"layer": "gelu"}}, {{"layer": "dense"}}, {pool}]"#
        ),
        format!(
            r#"[{{"layer": "residual", "body": [{sum}, {body}], "shortcut": []}}, {sum}, {pool}]"#
        ),
        format!(r#"[{{"layer": "dense"}}, {sum}, {{"layer": "layer_norm"}}, {body}, {pool}]"#),
        format!(
            r#"[{{"layer": "dense"}}, {{"layer": "layer_norm", "axes": ["channel", "spatial"]}}, {sum}, {body}, {pool}]"#
        ),
        format!(
            r#"[{{"layer": "parallel", "combine": "product", "branches": [[{sum}, {body}], [{{"layer": "dense", "b_std": 0.1}}]]}}, {pool}]"#
        ),
        // features behind the sum over the nodes
        format!(
            r#"[{sum}, {{"layer": "dense"}}, {pool}, {{"layer": "relu"}}, {{"layer": "dense"}}]"#
        ),
        // units that are a bias and nothing else
        format!(
            r#"[{{"layer": "dense", "w_std": 0, "b_std": 1}}, {sum}, {{"layer": "relu"}}, {{"layer": "dense"}}, {pool}]"#
        ),
    ] {
        let network = network(&json);
        for strategy in [Strategy::Centred, Strategy::Random] {
            for quantity in [Quantity::Ntk, Quantity::Nngp] {
                let kernel = lists.exact(&network, quantity);
                let map = GraphFeatureMap::new(&network, 3, &settings(strategy, quantity)).unwrap();
                let draws = 400;
                let (mut sum, mut squares) =
                    (Array2::zeros(kernel.dim()), Array2::zeros(kernel.dim()));
                for seed in 0..draws {
                    let map = map.reseeded(seed).unwrap();
                    let z = map.transform(&lists.graphs(), lists.x.view(), &Par::single()).unwrap();
                    let product = z.dot(&z.t());
                    sum += &product;
                    squares += &(&product * &product);
                }
                let mean: Array2<f64> = sum / draws as f64;
                let variance = squares / draws as f64 - &mean * &mean;
                for (at, &k) in kernel.indexed_iter() {
                    let error = (variance[at].max(0.0) / draws as f64).sqrt();
                    let floor = 2e-6 * (kernel[[at.0, at.0]] * kernel[[at.1, at.1]]).sqrt();
                    assert!(
                        (mean[at] - k).abs() < 4.5 * error + floor,
                        "{json} {strategy:?} {quantity:?} {at:?}: {} for {k}, standard error {error}",
                        mean[at]
                    );
                }
            }
        }
    }
}

/// What every strategy that goes layer by layer gives for the same graphs: alone, in a batch of any size, on any
/// number of threads.
#[test]
fn graphs_do_not_depend_on_their_batch() {
    let sizes = [3, 1, 150, 40, 120, 2, 7];
    let lists = Lists::random(&sizes, 3);
    let strategies = [Strategy::Centred, Strategy::Random, Strategy::Polynomial { degree: 4 }];
    for strategy in strategies {
        let settings = Settings { dim: 200, ..settings(strategy, Quantity::Ntk) };
        let map = GraphFeatureMap::new(&network(LEVELS), 3, &settings).unwrap();
        let all = map.transform(&lists.graphs(), lists.x.view(), &Par::single()).unwrap();
        let threads = map.transform(&lists.graphs(), lists.x.view(), &Par::new(3)).unwrap();
        assert_eq!(all, threads, "{strategy:?}");
        let columns = lists.x.t().as_standard_layout().into_owned().reversed_axes();
        assert!(!columns.is_standard_layout());
        let turned = map.transform(&lists.graphs(), columns.view(), &Par::single()).unwrap();
        assert_eq!(all, turned, "{strategy:?}");
        let narrow = lists.x.mapv(|x| x as f32);
        let single = map.transform(&lists.graphs(), narrow.view(), &Par::single()).unwrap();
        for graph in 0..sizes.len() {
            let alone = lists.alone(graph, |node| node);
            let z = map.transform(&alone.graphs(), alone.x.view(), &Par::single()).unwrap();
            assert_eq!(z.row(0), all.row(graph), "{strategy:?} {graph}");
            let norm = all.row(graph).dot(&all.row(graph)).sqrt();
            let off = |other: f64, z: f64| (other - z).abs() < 1e-4 * norm;
            assert!(
                single.row(graph).iter().zip(all.row(graph)).all(|(&s, &z)| off(f64::from(s), z))
            );
        }
    }
}

/// Other numbers for the nodes change the order of sums, and rounding with it.
#[test]
fn numbers_of_nodes_do_not_matter() {
    let lists = Lists::random(&[9, 6], 3);
    let map = GraphFeatureMap::new(&network(LEVELS), 3, &Settings::new(300)).unwrap();
    for (graph, nodes) in [(0, 9), (1, 6)] {
        let one = lists.alone(graph, |node| node);
        let two = lists.alone(graph, |node| (5 * node + 1) % nodes);
        assert_ne!(one.columns, two.columns);
        let of =
            |lists: &Lists| map.transform(&lists.graphs(), lists.x.view(), &Par::single()).unwrap();
        let (one, two) = (of(&one), of(&two));
        let norm = one.row(0).dot(&one.row(0)).sqrt();
        assert!((&one - &two).iter().all(|off| off.abs() < 1e-13 * norm));
    }
}

/// Numbers of nodes by the hundred are sketched where features are few.
#[test]
fn many_numbers_a_node_are_sketched() {
    let lists = Lists::random(&[4, 4], 300);
    let network = network(LEVELS);
    let kernel = lists.exact(&network, Quantity::Ntk);
    let mut errors = [0.0; 2];
    for (error, dim) in errors.iter_mut().zip([128, 4096]) {
        let map = GraphFeatureMap::new(&network, 300, &Settings::new(dim)).unwrap();
        let z = map.transform(&lists.graphs(), lists.x.view(), &Par::single()).unwrap();
        let off = z.dot(&z.t()) - &kernel;
        *error = (off.iter().map(|x| x * x).sum::<f64>()
            / kernel.iter().map(|x| x * x).sum::<f64>())
        .sqrt();
    }
    assert!(errors[0] < 0.5 && errors[1] < 0.05, "{errors:?}");
}

#[test]
fn what_has_no_rule_is_refused() {
    let refused = |json: &str, strategy: Strategy| {
        GraphFeatureMap::new(&network(json), 3, &settings(strategy, Quantity::Ntk)).unwrap_err()
    };
    let centred = Strategy::Centred;
    let conv =
        r#"[{"layer": "conv", "filter": [1], "strides": [1]}, {"layer": "global_sum_pool"}]"#;
    assert!(refused(conv, centred).to_string().contains("in no order"));
    let flat = r#"[{"layer": "aggregate"}, {"layer": "dense"}, {"layer": "flatten"}]"#;
    assert!(matches!(refused(flat, centred), Error::NoRule { .. }));
    let open = refused(r#"[{"layer": "aggregate"}, {"layer": "dense"}]"#, centred).to_string();
    assert!(open.contains("global_sum_pool"), "{open}");
    for strategy in [Strategy::Zonal, Strategy::NtkSketch { degree: 4 }] {
        assert!(matches!(refused(LEVELS, strategy), Error::NotApplicable { .. }));
    }
    let new = |channels, dim| {
        GraphFeatureMap::new(&network(LEVELS), channels, &Settings::new(dim)).unwrap_err()
    };
    assert!(matches!(new(0, 64), Error::Empty { .. }));
    assert!(matches!(new(3, 0), Error::NoFeatures));
    assert!(matches!(new(3, 5), Error::TooFewFeatures { got: 5, .. }));
}

#[test]
fn wrong_inputs_are_refused() {
    let lists = Lists::random(&[3, 2], 3);
    let map = GraphFeatureMap::new(&network(LEVELS), 3, &Settings::new(64)).unwrap();
    let of = |x: Array2<f64>| map.transform(&lists.graphs(), x.view(), &Par::single()).unwrap_err();
    let short = lists.x.slice(s![..4, ..]).to_owned();
    assert!(matches!(of(short), Error::Nodes { expected: 5, got: 4 }));
    let narrow = lists.x.slice(s![.., ..2]).to_owned();
    assert!(matches!(of(narrow), Error::Channels { expected: 3, got: 2 }));
    let mut holed = lists.x.clone();
    holed[[4, 1]] = f64::NAN;
    assert!(matches!(of(holed), Error::NonFinite { row: 1, entry: 4, .. }));
    let mut huge = lists.x.clone();
    huge.index_axis_mut(Axis(0), 3).fill(1e200);
    assert!(matches!(of(huge), Error::Overflow { row: 1, format: "f64" }));
    let mut out = Array2::<f64>::zeros((2, 63));
    let wrong = map.transform_into(&lists.graphs(), lists.x.view(), out.view_mut(), &Par::single());
    assert!(matches!(wrong, Err(Error::Output { expected: (2, 64), got: (2, 63) })));
}
