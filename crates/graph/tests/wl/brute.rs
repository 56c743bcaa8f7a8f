//! The definitions, with colours as text.

use std::collections::BTreeMap;

use crate::common::Plain;
use widelimit_graph::wl::{Scheme, WlKind, WlParams};

/// Colours of all tuples of all graphs, round after round: `[round][graph][tuple]`.
///
/// A colour is the text of what it is made of, which is replaced by a number so as not to grow.
pub fn colours(
    graphs: &[Plain],
    scheme: Scheme,
    rounds: usize,
    labelled: bool,
) -> Vec<Vec<Vec<usize>>> {
    let tuples: Vec<Vec<Vec<usize>>> =
        graphs.iter().map(|g| tuples(g.nodes(), scheme.k())).collect();
    let first = graphs.iter().zip(&tuples);
    let first = first.map(|(graph, all)| all.iter().map(|t| start(graph, t, labelled)).collect());
    let mut found = vec![numbered(first.collect())];
    for _ in 0..rounds {
        let before = &found[found.len() - 1];
        let next = graphs.iter().zip(&tuples).zip(before).map(|((graph, all), colours)| {
            let of: BTreeMap<&Vec<usize>, usize> =
                all.iter().zip(colours.iter().copied()).collect();
            all.iter().map(|t| step(graph, t, &of, scheme, labelled)).collect()
        });
        let next = numbered(next.collect());
        found.push(next);
    }
    found
}

fn numbered(texts: Vec<Vec<String>>) -> Vec<Vec<usize>> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    texts
        .into_iter()
        .map(|graph| {
            let number = |text| {
                let next = numbers.len();
                *numbers.entry(text).or_insert(next)
            };
            graph.into_iter().map(number).collect()
        })
        .collect()
}

fn tuples(nodes: usize, k: usize) -> Vec<Vec<usize>> {
    (0..k).fold(vec![vec![]], |all, _| {
        let longer = |t: Vec<usize>| (0..nodes).map(move |node| [t.clone(), vec![node]].concat());
        all.into_iter().flat_map(longer).collect()
    })
}

fn start(graph: &Plain, tuple: &[usize], labelled: bool) -> String {
    let arcs = graph.arcs();
    let label = |&node: &usize| {
        if labelled {
            graph.labels[node]
        } else {
            arcs.iter().filter(|arc| arc.0 == node).count() as u32
        }
    };
    let labels: Vec<u32> = tuple.iter().map(label).collect();
    if tuple.len() == 1 {
        return format!("{labels:?}");
    }
    let mut pairs = Vec::new();
    for &u in tuple {
        for &v in tuple {
            let edge = arcs.iter().find(|arc| (arc.0, arc.1) == (u, v));
            pairs.push((u == v, edge.map(|arc| if labelled { arc.2 } else { 0 })));
        }
    }
    format!("{labels:?} {pairs:?}")
}

fn step(
    graph: &Plain,
    tuple: &[usize],
    of: &BTreeMap<&Vec<usize>, usize>,
    scheme: Scheme,
    labelled: bool,
) -> String {
    let own = of[&tuple.to_vec()];
    let replaced = |place: usize, node: usize| {
        let mut other = tuple.to_vec();
        other[place] = node;
        of[&other]
    };
    let everywhere = |place: usize| {
        let mut all: Vec<usize> = (0..graph.nodes()).map(|node| replaced(place, node)).collect();
        all.sort();
        format!("{all:?}")
    };
    let nearby = |place: usize| {
        let (mut out, mut back) = (Vec::new(), Vec::new());
        for (u, v, label) in graph.arcs() {
            let label = if labelled { label } else { 0 };
            if u == tuple[place] {
                out.push((label, replaced(place, v)));
            }
            if v == tuple[place] && graph.directed {
                back.push((label, replaced(place, u)));
            }
        }
        out.sort();
        back.sort();
        format!("{out:?} {back:?}")
    };
    let places = 0..tuple.len();
    let rest: Vec<String> = match scheme {
        Scheme::Vertices | Scheme::Local { .. } => places.map(nearby).collect(),
        Scheme::Oblivious { .. } => places.map(everywhere).collect(),
        Scheme::Folklore { .. } => {
            let vector = |node| (0..tuple.len()).map(|place| replaced(place, node)).collect();
            let mut all: Vec<Vec<usize>> = (0..graph.nodes()).map(vector).collect();
            all.sort();
            vec![format!("{all:?}")]
        }
    };
    format!("{own} {rest:?}")
}

/// Kernels of all numbers of rounds: sums over pairs of objects that are alike, and for assignments the largest
/// sum over all ways to assign.
pub fn kernel(graphs: &[Plain], params: &WlParams, labelled: bool) -> Vec<Vec<Vec<f64>>> {
    let colours = colours(graphs, params.scheme, params.rounds, labelled);
    let mut sums = vec![vec![0.0; graphs.len()]; graphs.len()];
    colours
        .iter()
        .enumerate()
        .map(|(round, now)| {
            for i in 0..graphs.len() {
                for j in 0..graphs.len() {
                    sums[i][j] = if params.kind == WlKind::OptimalAssignment {
                        assignment(&colours[..=round], i, j)
                    } else {
                        let (a, b) = (items(&graphs[i], &now[i], params.kind, labelled), &now[j]);
                        let b = items(&graphs[j], b, params.kind, labelled);
                        let alike = |x: &Item| b.iter().filter(|y| *y == x).count();
                        sums[i][j] + a.iter().map(alike).sum::<usize>() as f64
                    };
                }
            }
            sums.clone()
        })
        .collect()
}

type Item = (usize, usize, usize);

/// What is counted.
fn items(graph: &Plain, colours: &[usize], kind: WlKind, labelled: bool) -> Vec<Item> {
    let pair = |u: usize, middle: usize, v: usize| {
        let (a, b) = (colours[u], colours[v]);
        if graph.directed || a <= b { (a, middle, b) } else { (b, middle, a) }
    };
    match kind {
        WlKind::Subtree | WlKind::OptimalAssignment => colours.iter().map(|&c| (c, 0, 0)).collect(),
        WlKind::Edges => {
            let label = |label: u32| if labelled { label as usize } else { 0 };
            graph.edges.iter().map(|&(u, v, l)| pair(u, label(l), v)).collect()
        }
        WlKind::ShortestPath => {
            let n = graph.nodes();
            // no path is as long as the number of nodes
            let mut far = vec![vec![n; n]; n];
            (0..n).for_each(|u| far[u][u] = 0);
            graph.arcs().iter().for_each(|&(u, v, _)| far[u][v] = far[u][v].min(1));
            for via in 0..n {
                for u in 0..n {
                    for v in 0..n {
                        far[u][v] = far[u][v].min(far[u][via] + far[via][v]);
                    }
                }
            }
            let mut found = Vec::new();
            for (u, row) in far.iter().enumerate() {
                for (v, &distance) in row.iter().enumerate() {
                    if u != v && distance < n && (graph.directed || u < v) {
                        found.push(pair(u, distance, v));
                    }
                }
            }
            found
        }
    }
}

/// The best assignment of the objects of a graph to those of another, where a pair counts the rounds that it
/// has one colour in. Agreement is nested, so that the best that is left for each object in turn, most rounds
/// first, is best in all.
fn assignment(rounds: &[Vec<Vec<usize>>], i: usize, j: usize) -> f64 {
    let worth = |a: usize, b: usize| rounds.iter().filter(|now| now[i][a] == now[j][b]).count();
    let (left, right) = (rounds[0][i].len(), rounds[0][j].len());
    if left.max(right) <= 6 {
        return search(&worth, (0..left).collect(), (0..right).collect()) as f64;
    }
    let (mut free_left, mut free_right) = (vec![true; left], vec![true; right]);
    let mut sum = 0;
    for level in (1..=rounds.len()).rev() {
        for (a, free) in free_left.iter_mut().enumerate() {
            let fits = |b: &usize| free_right[*b] && worth(a, *b) == level;
            if let Some(b) = (0..right).find(fits).filter(|_| *free) {
                (*free, free_right[b]) = (false, false);
                sum += level;
            }
        }
    }
    sum as f64
}

/// All assignments.
fn search(worth: &dyn Fn(usize, usize) -> usize, left: Vec<usize>, right: Vec<usize>) -> usize {
    if left.len() > right.len() {
        return search(&|a, b| worth(b, a), right, left);
    }
    let Some((&a, rest)) = left.split_first() else { return 0 };
    let one = |&b: &usize| {
        let others = right.iter().copied().filter(|other| *other != b).collect();
        worth(a, b) + search(worth, rest.to_vec(), others)
    };
    right.iter().map(one).max().unwrap_or(0)
}
