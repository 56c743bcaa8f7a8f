//! Which graphs are told apart, and by what.

use widelimit_graph::wl::{Certificate, Scheme, certificate};
use widelimit_graph::{Budget, Error, Graphs};
use widelimit_sketch::random::Stream;

use crate::brute;
use crate::common::{Plain, SCHEMES, batch, random, ring, threads, triangles};

fn between(left: &Plain, right: &Plain, scheme: Scheme) -> Certificate {
    let graphs = batch(&[left.clone(), right.clone()], true);
    certificate(&graphs.graph(0), &graphs.graph(1), scheme, &threads(2)).unwrap()
}

fn told_apart(left: &Plain, right: &Plain, scheme: Scheme) -> bool {
    matches!(between(left, right, scheme), Certificate::Distinguished { .. })
}

#[test]
fn a_ring_of_six_and_two_triangles() {
    let hexagon = Plain::new(6, &ring(6));
    let found = SCHEMES.map(|scheme| told_apart(&hexagon, &triangles(), scheme));
    // oblivious refinement of pairs is no stronger than that of nodes
    assert_eq!(found, [false, true, true, false, true, true, true]);
    assert_eq!(
        between(&hexagon, &triangles(), Scheme::Vertices),
        Certificate::Undecided { rounds: 0 }
    );
}

/// Two strongly regular graphs with parameters (16, 6, 2, 2): the rook's graph and Shrikhande's.
#[test]
fn strongly_regular_graphs_need_folklore_refinement_of_triples() {
    let grid = |adjacent: &dyn Fn(usize, usize) -> bool| {
        let mut edges = Vec::new();
        for u in 0..16 {
            for v in u + 1..16 {
                if adjacent((v / 4 + 4 - u / 4) % 4, (v % 4 + 4 - u % 4) % 4) {
                    edges.push((u, v));
                }
            }
        }
        Plain::new(16, &edges)
    };
    let rook = grid(&|down, right| (down == 0) != (right == 0));
    let near = [(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)];
    let shrikhande = grid(&|down, right| near.contains(&(down, right)));
    assert_eq!((rook.edges.len(), shrikhande.edges.len()), (48, 48));
    assert!(!told_apart(&rook, &shrikhande, Scheme::Vertices));
    assert!(!told_apart(&rook, &shrikhande, Scheme::Folklore { k: 2 }));
    assert!(!told_apart(&rook, &shrikhande, Scheme::Oblivious { k: 3 }));
    assert!(told_apart(&rook, &shrikhande, Scheme::Folklore { k: 3 }));
}

/// The text of a tree from a root: the sorted texts of its branches.
fn rooted(tree: &Plain, node: usize, parent: Option<usize>) -> String {
    let ends = tree.arcs().into_iter().filter(|arc| arc.0 == node && Some(arc.1) != parent);
    let mut branches: Vec<String> = ends.map(|arc| rooted(tree, arc.1, Some(node))).collect();
    branches.sort();
    format!("({})", branches.concat())
}

/// Trees are isomorphic exactly where the sorted texts from all roots are equal.
fn shape(tree: &Plain) -> Vec<String> {
    let mut texts: Vec<String> = (0..tree.nodes()).map(|root| rooted(tree, root, None)).collect();
    texts.sort();
    texts
}

#[test]
fn trees_are_told_apart_exactly_where_they_differ() {
    let stream = Stream::new(1, 0, 0);
    let tree = |index: u32| {
        let own = stream.child(index);
        let parent = |node: usize| own.below(node as u64, node as u64).unwrap() as usize;
        let edges: Vec<(usize, usize)> = (1..7).map(|node| (node, parent(node))).collect();
        Plain::new(7, &edges).permuted(&own)
    };
    let (mut same, mut different) = (0, 0);
    for pair in 0..400 {
        let (left, right) = (tree(2 * pair), tree(2 * pair + 1));
        let isomorphic = shape(&left) == shape(&right);
        assert_eq!(told_apart(&left, &right, Scheme::Vertices), !isomorphic, "{left:?} {right:?}");
        *(if isomorphic { &mut same } else { &mut different }) += 1;
    }
    assert!(same > 20 && different > 20, "{same} {different}");
}

/// The first round with different counts is that of the definition.
#[test]
fn rounds_are_those_of_the_definition() {
    let stream = Stream::new(2, 0, 0);
    let mut found = [0; 4];
    for pair in 0..60 {
        let directed = pair % 2 == 1;
        let mut left = random(&stream.child(pair), 6, 0.4, directed);
        if pair % 4 < 2 {
            left.labels.fill(0);
            left.edges.iter_mut().for_each(|edge| edge.2 = 0);
        }
        let mut right = left.permuted(&stream.child(1000 + pair));
        if pair % 3 > 0 && right.edges.len() > 2 {
            // another end of an edge, or the ends of two edges swapped
            let last = right.edges.len() - 1;
            let (a, b) = (right.edges[0], right.edges[last]);
            let taken = |u, v| right.arcs().iter().any(|arc| (arc.0, arc.1) == (u, v)) || u == v;
            if !taken(a.0, b.1) && !taken(b.0, a.1) {
                right.edges[0].1 = b.1;
                right.edges[last].1 = a.1;
            }
        }
        for scheme in SCHEMES {
            let rounds = brute::colours(&[left.clone(), right.clone()], scheme, 6, true);
            let sorted = |colours: &[usize]| {
                let mut colours = colours.to_vec();
                colours.sort();
                colours
            };
            let differs = |round: &Vec<Vec<usize>>| sorted(&round[0]) != sorted(&round[1]);
            let expected = rounds.iter().position(differs);
            match between(&left, &right, scheme) {
                Certificate::Distinguished { round } => {
                    assert_eq!(Some(round), expected, "{scheme:?} {left:?} {right:?}");
                    found[round.min(2)] += 1;
                }
                Certificate::Undecided { .. } => {
                    assert_eq!(expected, None, "{scheme:?} {left:?} {right:?}");
                    found[3] += 1;
                }
            }
        }
    }
    assert!(found[0] > 0 && found[1] > 5 && found[3] > 100, "{found:?}");
}

#[test]
fn what_is_too_large_or_unlike_is_refused() {
    let path = Plain::new(200, &(1..200).map(|v| (v - 1, v)).collect::<Vec<_>>());
    let graphs = batch(&[path], false);
    let graph = graphs.graph(0);
    let by = |scheme, memory| {
        certificate(&graph, &graph, scheme, &threads(2).budget(Budget::bytes(memory)))
    };
    // twice 8 million triples with two colours of four bytes each
    let error = by(Scheme::Folklore { k: 3 }, 100 << 20).unwrap_err();
    let Error::MemoryLimit { needed, limit } = error else { panic!("{error}") };
    assert!(needed >= 128_000_000 && limit == 100 << 20, "{needed}");
    // colours of pairs fit, what they are made of does not
    assert!(matches!(by(Scheme::Folklore { k: 2 }, 20 << 20), Err(Error::MemoryLimit { .. })));
    assert!(matches!(by(Scheme::Local { k: 2 }, 20 << 20), Ok(Certificate::Undecided { .. })));
    assert!(matches!(by(Scheme::Local { k: 4 }, 1), Err(Error::Parameter { got: 4, .. })));
    assert!(matches!(by(Scheme::Oblivious { k: 1 }, 1), Err(Error::Parameter { got: 1, .. })));
    let labelled: Graphs = batch(&[Plain::new(3, &[(0, 1)])], true);
    let unlike = certificate(&graph, &labelled.graph(0), Scheme::Vertices, &threads(1));
    assert!(matches!(unlike, Err(Error::Unlike { what: "node labels" })));
}
