//! Data sets of graphs: what comes out, and what is refused with its place.

use ndarray::{ArrayD, IxDyn, array};
use std::path::{Path, PathBuf};
use widelimit_data::{
    Array, Classes, CsvOptions, CsvTable, Error, GraphSet, GraphTables, Npz, Targets, TuFiles,
    graphs_from_npz, read_graphs_npz, write_npz,
};

/// A path of three nodes and a pair, as text; nodes of the two graphs in turns.
fn tu() -> TuFiles {
    TuFiles {
        edges: b"1, 3\n3, 1\n3, 5\n5 3\n2,4\r\n4, 2\n\n".to_vec(),
        graph_indicator: b"1\n2\n1\n2\n1\n".to_vec(),
        graph_labels: Some(b"1\n-1\n".to_vec()),
        node_labels: Some(b"7\n8\n9\n8\n6\n".to_vec()),
        node_attributes: Some(b"0.5, 1\n1, 1e2\n2, 1\n3, 1\n4, -1\n".to_vec()),
        edge_labels: Some(b"1\n1\n2\n2\n3\n3\n".to_vec()),
        ..TuFiles::new("DIR/SET")
    }
}

fn table(text: &str, name: &str) -> CsvTable {
    CsvTable::from_bytes(text.as_bytes().to_vec(), name, CsvOptions::default()).unwrap()
}

/// The same graphs as tables.
fn tables() -> [&'static str; 3] {
    [
        "graph,source,target,label\npath,a,b,1\npath,b,c,2\npair,x,y,3\npair,y,x,3\n",
        "graph,node,label,u,v\npath,a,7,0.5,1\npair,x,8,1,1e2\npath,b,9,2,1\npair,y,8,3,1\npath,c,6,4,-1\n",
        "graph,label,fold\npath,1,0\npair,-1,-1\n",
    ]
}

fn read([edges, nodes, graphs]: [&str; 3]) -> Result<GraphSet, Error> {
    let given = |text: &str, name| (!text.is_empty()).then(|| table(text, name));
    let (nodes, graphs) = (given(nodes, "nodes.csv"), given(graphs, "graphs.csv"));
    GraphTables { nodes, graphs, ..GraphTables::new(table(edges, "edges.csv")) }.read()
}

#[test]
fn a_set_is_the_same_in_every_format() {
    let set = tu().read(false).unwrap();
    assert_eq!(set.graphs.node_offsets(), &[0, 3, 5]);
    assert_eq!(set.graphs.labels(), Some(&[7, 9, 6, 8, 8][..]));
    let features = array![[0.5, 1.0], [2.0, 1.0], [4.0, -1.0], [1.0, 100.0], [3.0, 1.0]];
    assert_eq!(set.graphs.features().unwrap().dense(), features);
    let path = set.graphs.graph(0);
    assert_eq!(path.adjacency(), array![[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]);
    assert_eq!(path.edge_labels(1), Some(&[1, 2][..]));
    let classes = Classes::Integers(vec![-1, 1]);
    assert_eq!(set.labels, Some(Targets::Labels { codes: vec![1, 0], classes }));
    let other = read(tables()).unwrap();
    assert_eq!((&other.graphs, &other.labels), (&set.graphs, &set.labels));
    assert_eq!(other.folds, Some(vec![Some(0), None]));
    assert_eq!((other.split(0), other.split(1)), ((vec![1], vec![0]), (vec![0, 1], vec![])));

    let list = |values: &[f64]| {
        Array::F64(ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap())
    };
    let edges = array![[0.0, 1.0, 1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 2.0, 1.0, 4.0, 3.0]];
    let arrays = [
        ("node_offsets", list(&[0.0, 3.0, 5.0])),
        ("edge_offsets", list(&[0.0, 4.0, 6.0])),
        ("edge_index", Array::F64(edges.into_dyn())),
        ("node_labels", list(&[7.0, 9.0, 6.0, 8.0, 8.0])),
        ("node_features", Array::F64(features.into_dyn())),
        ("edge_labels", list(&[1.0, 1.0, 2.0, 2.0, 3.0, 3.0])),
        ("test_fold", list(&[0.0, -1.0])),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.npz");
    let write = |arrays: &[(&str, &Array)]| {
        write_npz(&path, arrays).unwrap();
        read_graphs_npz(&path, false)
    };
    let all: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (*name, array)).collect();
    let found = write(&all).unwrap();
    assert_eq!((&found.graphs, &found.folds), (&set.graphs, &other.folds));

    let with = |name: &str, array: &Array| {
        let mut changed = all.clone();
        changed.iter_mut().find(|(other, _)| *other == name).unwrap().1 = array;
        write(&changed).unwrap_err().to_string()
    };
    let fails = |name: &str, array: Array, text: &str| {
        let message = with(name, &array);
        assert!(message.contains("set.npz") && message.contains(text), "{message}");
    };
    fails("node_offsets", list(&[0.0, 2.5]), "holds 2.5 at place 1");
    fails("node_offsets", list(&[0.0, 3.0, 9e15]), "speaks of 9000000000000000 nodes, the labels");
    fails("node_offsets", list(&[0.0, 5.0]), "must have 2 numbers");
    fails(
        "edge_offsets",
        list(&[0.0, 3.0, 6.0]),
        "gives edge 3 to graph 1, but it begins at node 2",
    );
    fails("edge_index", list(&[0.0, 1.0]), "two rows are expected");
    let far = array![[0.0, 1.0, 1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 2.0, 1.0, 4.0, 5.0]];
    fails(
        "edge_index",
        Array::F64(far.into_dyn()),
        "edge_index, column 5 (counted from 0): edge 5",
    );
    let one_way = array![[0.0, 1.0, 1.0, 2.0, 3.0, 3.0], [1.0, 0.0, 2.0, 1.0, 4.0, 3.0]];
    fails("edge_index", Array::F64(one_way.into_dyn()), "column 4 (counted from 0): graph 1");
    fails("node_labels", list(&[7.0, 9.0, -6.0, 8.0, 8.0]), "holds -6 at place 2");
    fails("test_fold", list(&[0.0]), "has 1 folds for 2 graphs");
    // an edge in one direction, in an archive that says so
    let one_way = Array::F64(array![[0.0], [1.0]].into_dyn());
    let two = list(&[0.0, 2.0]);
    let scalar = |value: f64| Array::F64(ArrayD::from_elem(IxDyn(&[]), value));
    let (yes, no, folds) = (scalar(1.0), scalar(0.0), list(&[3.0]));
    let base = [("node_offsets", &two), ("edge_index", &one_way)];
    let found = write(&[base[0], base[1], ("directed", &yes), ("folds", &folds)]).unwrap();
    assert!(found.graphs.is_directed());
    assert_eq!(found.folds, Some(vec![Some(3)]));
    assert!(write(&[base[0], base[1], ("directed", &no)]).is_err());
    let message = write(&[base[0], base[1], ("directed", &two)]).unwrap_err().to_string();
    assert!(message.contains("directed holds 2 at place 1"), "{message}");
    // nodes that the file says nothing of must not fill the memory
    let bare = [("node_offsets", &list(&[0.0, 4e9])), all[2]];
    let message = write(&bare).unwrap_err().to_string();
    assert!(message.contains("speaks of 4000000000 nodes, and has 6 edges"), "{message}");
}

#[test]
fn a_wrong_line_of_text_is_named() {
    let fails = |change: &dyn Fn(&mut TuFiles), text: &str| {
        let mut files = tu();
        change(&mut files);
        let message = files.read(false).unwrap_err().to_string();
        assert!(message.starts_with("DIR/SET") && message.contains(text), "{message}");
    };
    let some = |text: &str| Some(text.as_bytes().to_vec());
    fails(
        &|f| f.edges = b"1, 3\n\n3, x\n".to_vec(),
        "A.txt is not a valid TU file: line 3: `3, x`",
    );
    fails(&|f| f.edges = b"1, 3\n3\n".to_vec(), "line 2: 2 numbers are expected, got 1");
    fails(&|f| f.edges = b"1,, 3\n".to_vec(), "line 1: `1,, 3` is not a list");
    fails(&|f| f.edges = b"1, 3\n0, 1\n".to_vec(), "line 2: node 0 is not one of 1 to 5");
    fails(&|f| f.edges = b"1, 3\n1, 6\n".to_vec(), "line 2: node 6 is not one of 1 to 5");
    fails(
        &|f| f.edges = b"1, 3\n3, 1\n1, 2\n2, 1\n3, 3\n4, 4\n".to_vec(),
        "SET_A.txt, line 3: edge 2",
    );
    fails(
        &|f| f.edges = b"1, 3\n3, 1\n\n3, 1\n4, 4\n3, 3\n2, 2\n".to_vec(),
        "SET_A.txt, line 4: the edge",
    );
    fails(
        &|f| f.edges = b"1, 3\n3, 1\n5, 3\n1, 1\n2, 2\n3, 3\n".to_vec(),
        "SET_A.txt, line 3: graph 0 is",
    );
    fails(
        &|f| f.graph_indicator = b"1\n2\n1\n2\n0\n".to_vec(),
        "indicator.txt is not a valid TU file: line 5",
    );
    fails(
        &|f| f.graph_indicator = b"1\n2\n1\n99\n1\n".to_vec(),
        "line 4: there are 5 nodes, too few for a graph 99",
    );
    fails(&|f| f.graph_indicator = b"1\n3\n1\n3\n1\n".to_vec(), "graph 1 has no nodes");
    fails(&|f| f.graph_labels = some("1\n"), "has 1 labels for 2 graphs");
    fails(
        &|f| f.graph_labels = some("1\n1.5\n"),
        "graph_labels.txt is not a valid TU file: line 2",
    );
    fails(&|f| f.node_labels = some("1\n2\n"), "it has 2 lines of numbers; 5 are expected");
    fails(&|f| f.node_labels = some("1\n2\n3\n-4\n5\n"), "line 4: `-4`");
    fails(&|f| f.edge_labels = some("1\n1\n2\n2\n3\n4\n"), "SET_A.txt, line");
    let attributes = |f: &mut TuFiles, text| f.node_attributes = some(text);
    fails(&|f| attributes(f, "1\n2\n3\nnan\n5\n"), "line 4: NaN is not a finite number");
    let mut ragged = tu();
    attributes(&mut ragged, "1,2\n2,2\n3\n1,1\n5,5\n");
    assert!(matches!(ragged.read(false), Err(Error::Ragged { line: 3, expected: 2, got: 1, .. })));
}

#[test]
fn a_folder_is_searched_for_its_set() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    let none = TuFiles::open(dir.path()).unwrap_err().to_string();
    assert!(none.contains("no file NAME_A.txt"), "{none}");
    put("SET_A.txt", &tu().edges);
    put("SET_graph_indicator.txt", &tu().graph_indicator);
    put("SET_graph_labels.txt", &tu().graph_labels.unwrap());
    let set = TuFiles::open(dir.path()).unwrap();
    assert_eq!(set, TuFiles::open(dir.path().join("SET_A.txt")).unwrap());
    assert_eq!((&set.edges, &set.node_labels), (&tu().edges, &None));
    assert!(set.read(false).is_ok());
    put("OTHER_A.txt", b"");
    let several = TuFiles::open(dir.path()).unwrap_err().to_string();
    assert!(several.contains("it has 2 files NAME_A.txt"), "{several}");
    let missing = TuFiles::open(dir.path().join("OTHER_A.txt")).unwrap_err().to_string();
    assert!(missing.contains("OTHER_graph_indicator.txt"), "{missing}");
    assert!(TuFiles::open(dir.path().join("SET.txt")).is_err());
}

#[test]
fn a_wrong_line_of_a_table_is_named() {
    let fails = |at: usize, text: &'static str, part: &str| {
        let mut changed = tables();
        changed[at] = text;
        let message = read(changed).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    fails(0, "graph,source\na,b\n", "edges.csv has no column `target`");
    fails(
        0,
        "graph,source,target,label\npath,a,b,1\npath,b,d,1\n",
        "edges.csv is not a valid graph file: line 3: node `d`",
    );
    fails(
        0,
        "graph,source,target,label\npath,a,b,1\nring,b,d,1\n",
        "line 3: graph `ring` is not in",
    );
    fails(
        0,
        "graph,source,target,label\npath,a,b,1\npath,b,a,2\n",
        "edges.csv, line 2: graph 0 is declared",
    );
    fails(
        0,
        "graph,source,target\npath,a,b\npath,a,b\n",
        "edges.csv, line 3: the edge from node 0",
    );
    fails(
        0,
        "graph,source,target,weight\npath,a,b,1\npath,b,c,-1\n",
        "edges.csv, line 3: edge 1 has the weight -1",
    );
    fails(
        0,
        "graph,source,target,label\npath,a,b,1\npath,b,c,1.5\n",
        "line 3: `1.5` in column `label`",
    );
    fails(
        1,
        "graph,node\npath,a\npath,b\npath,a\n",
        "nodes.csv is not a valid graph file: line 4: node `a`",
    );
    fails(1, "graph,node,u\npath,a,0\npath,b,x\n", "`x` at line 3, column `u` of nodes.csv");
    fails(
        2,
        "graph,label\npath,1\npair,2\npath,1\n",
        "graphs.csv is not a valid graph file: line 4: graph `path`",
    );
    fails(2, "graph,fold\npath,1\npair,x\n", "line 3: `x` in column `fold`");
    fails(2, "graph,label\npath,1\npair,1\nempty,0\n", "graph 2 has no nodes");
}

#[test]
fn tables_of_edges_need_no_others() {
    let text = "graph,source,target,weight\n1,0,1,2\n1,1,2,1\n0,0,1,4\n0,1,1,3\n";
    let set = read([text, "", ""]).unwrap();
    assert_eq!((set.labels, set.folds), (None, None));
    // graphs come in the order of their names in the file
    assert_eq!(set.graphs.node_offsets(), &[0, 3, 5]);
    assert_eq!(set.graphs.graph(1).adjacency(), array![[0.0, 4.0], [4.0, 3.0]]);
    let directed = GraphTables { directed: true, ..GraphTables::new(table(text, "e")) };
    let graphs = directed.read().unwrap().graphs;
    assert_eq!(graphs.graph(1).adjacency(), array![[0.0, 4.0], [0.0, 3.0]]);
    assert!(graphs.is_directed());
}

/// The shared folder, if this machine has it.
fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("WIDELIMIT_SHARED").map(PathBuf::from).unwrap_or_else(|| {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).to_owned()
    });
    if !path.is_dir() {
        println!("skipped: {} not found", path.display());
        return None;
    }
    Some(path)
}

/// Sizes that are published for these sets, counted by the readers.
#[test]
fn published_sets_have_their_published_sizes() {
    let Some(shared) = shared() else { return };
    let sizes = [
        ("MUTAG", 188, 3371, 7442, 2, 8),
        ("PTC", 344, 8792, 17862, 2, 4),
        ("PROTEINS", 1113, 43471, 162_088, 2, 3),
        ("NCI1", 4110, 122_747, 265_506, 2, 0),
        ("IMDB-BINARY", 1000, 19773, 193_062, 2, 0),
    ];
    for (name, graphs, nodes, edges, classes, untested) in sizes {
        let path = shared.join("data/tu").join(name).with_extension("npz");
        let set = read_graphs_npz(&path, false).unwrap();
        let found = (set.graphs.len(), set.graphs.nodes(), set.graphs.edges());
        assert_eq!(found, (graphs, nodes, edges), "{name}");
        let Some(Targets::Labels { classes: found, .. }) = &set.labels else { panic!("{name}") };
        assert_eq!(found.len(), classes, "{name}");
        let folds = set.folds.as_ref().unwrap();
        assert_eq!(folds.iter().filter(|fold| fold.is_none()).count(), untested, "{name}");
        assert!(set.graphs.labels().is_some() && !set.graphs.is_weighted());
        let npz = Npz::open(&path).unwrap();
        assert_eq!(graphs_from_npz(&npz, name, false).unwrap(), set);
    }
}
