//! What runs between two gatherings, and in which units.

use std::collections::HashMap;
use std::ops::Range;

use super::Purpose;
use super::rows::leading;
use crate::images::geometry::{AXES, HERE, Offset, Offsets, opposite, sign};
use crate::images::graph::{Graph, Make};

/// Who receives the images of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A value of a later stage.
    Node(usize),
    /// The kernel.
    Output,
}

/// A value of a stage that is handed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handover {
    pub value: usize,
    pub target: Target,
}

/// Offsets that go through a stage together.
#[derive(Clone, Debug)]
pub(crate) struct Unit(pub Vec<(usize, Offset)>);

/// Everything between two gatherings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stage {
    level: usize,
    /// Gathered values that it begins with.
    pub sources: Vec<usize>,
    /// Values made in it, every one behind those it is made of.
    pub nodes: Vec<usize>,
    pub handovers: Vec<Handover>,
    /// In the order they run.
    pub units: Vec<Unit>,
    /// Runs of units with one leading offset.
    pub(super) bands: Vec<Range<usize>>,
}

impl Stage {
    pub(super) fn new(graph: &Graph, demand: &[Offsets], level: usize, purpose: Purpose) -> Self {
        let here = |node: &usize| graph.nodes[*node].level == level && !demand[*node].is_empty();
        let (sources, nodes): (Vec<_>, Vec<_>) =
            (0..graph.nodes.len()).filter(here).partition(|&node| graph.nodes[node].make.gathers());
        let mut handovers = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            let gathers = node.make.gathers() && !matches!(node.make, Make::Mix { .. });
            if gathers && !demand[index].is_empty() && graph.nodes[node.inputs[0]].level == level {
                handovers.push(Handover { value: node.inputs[0], target: Target::Node(index) });
            }
        }
        if purpose == Purpose::Kernel && graph.nodes[graph.output].level == level {
            handovers.push(Handover { value: graph.output, target: Target::Output });
        }
        let (units, bands) = (Vec::new(), Vec::new());
        let mut stage = Self { level, sources, nodes, handovers, units, bands };
        stage.cut(graph, demand);
        stage
    }

    /// Cuts the offsets into units that share nothing, in the order they run.
    fn cut(&mut self, graph: &Graph, demand: &[Offsets]) {
        let mut tasks = Vec::new();
        for (index, handover) in self.handovers.iter().enumerate() {
            let offsets = match handover.target {
                Target::Output => demand[handover.value].clone(),
                Target::Node(node) => graph.asks(&graph.nodes[node], &demand[node], handover.value),
            };
            tasks.extend(offsets.iter().map(|offset| (index, offset)));
        }
        let mut units: Vec<Unit> = if self.handovers.len() == 1 && !self.wraps(graph) {
            tasks.into_iter().map(|task| Unit(vec![task])).collect()
        } else {
            self.join(graph, tasks)
        };
        let axis = self
            .handovers
            .first()
            .map_or(AXES - 1, |handover| leading(graph.nodes[handover.value].size));
        let order = |unit: &Unit| {
            let offset = unit.0.first().map_or(HERE, |(_, offset)| *offset);
            let turned = if sign(offset) < 0 { opposite(offset) } else { offset };
            let band = match (offset[axis], sign(offset)) {
                (lead, _) if lead > 0 => 0,
                (lead, _) if lead < 0 => 1,
                (_, 1) => 2,
                (_, -1) => 3,
                _ => 4,
            };
            (band, turned[axis], turned)
        };
        units.sort_by_key(order);
        self.units = units;
        let mut start = 0;
        for index in 1..=self.units.len() {
            let same = |unit: &Unit| {
                let (band, row, _) = order(unit);
                (band, row)
            };
            if index == self.units.len() || same(&self.units[index]) != same(&self.units[start]) {
                self.bands.push(start..index);
                start = index;
            }
        }
    }

    /// Tasks that need a common image go together.
    fn join(&self, graph: &Graph, tasks: Vec<(usize, Offset)>) -> Vec<Unit> {
        let mut groups: Vec<Option<Vec<(usize, Offset)>>> = Vec::new();
        let mut owner: HashMap<(usize, Offset), usize> = HashMap::new();
        // follows groups that were merged into others
        let mut merged: Vec<usize> = Vec::new();
        let find = |merged: &[usize], mut group: usize| {
            while merged[group] != group {
                group = merged[group];
            }
            group
        };
        let mut needs = vec![Vec::new(); graph.nodes.len()];
        for task in tasks {
            let own = groups.len();
            groups.push(Some(vec![task]));
            merged.push(own);
            self.needs(graph, &[task], &mut needs);
            for node in self.nodes.iter().chain(&self.sources) {
                for &offset in &needs[*node] {
                    let other = *owner.entry((*node, offset)).or_insert(own);
                    let (a, b) = (find(&merged, other), find(&merged, own));
                    if a != b {
                        let (to, from) = (a.min(b), a.max(b));
                        let moved = groups[from].take().unwrap_or_default();
                        merged[from] = to;
                        groups[to].get_or_insert_default().extend(moved);
                    }
                }
            }
        }
        let sorted = |mut tasks: Vec<(usize, Offset)>| {
            tasks.sort_unstable();
            Unit(tasks)
        };
        groups.into_iter().flatten().map(sorted).collect()
    }

    /// The offsets of every value of the stage that some tasks need.
    pub fn needs(&self, graph: &Graph, tasks: &[(usize, Offset)], needs: &mut [Vec<Offset>]) {
        for node in self.nodes.iter().chain(&self.sources) {
            needs[*node].clear();
        }
        for (handover, offset) in tasks {
            add(&mut needs[self.handovers[*handover].value], *offset);
        }
        self.needs_below(graph, needs);
    }

    /// The same for offset 0 of what goes into activations and normalisations.
    pub fn variance_needs(&self, graph: &Graph, needs: &mut [Vec<Offset>]) {
        for node in self.nodes.iter().chain(&self.sources) {
            needs[*node].clear();
        }
        for (_, value) in self.normalised(graph) {
            add(&mut needs[value], HERE);
        }
        self.needs_below(graph, needs);
    }

    /// Activations and normalisations of the stage, and the values that go into them.
    pub fn normalised<'a>(&self, graph: &'a Graph) -> impl Iterator<Item = (usize, usize)> + 'a {
        let level = self.level;
        graph.nodes.iter().enumerate().filter_map(move |(index, node)| {
            let kind = matches!(node.make, Make::Activation { .. } | Make::LayerNorm { .. });
            (kind && node.level == level).then(|| (index, node.inputs[0]))
        })
    }

    fn needs_below(&self, graph: &Graph, needs: &mut [Vec<Offset>]) {
        for &node in self.nodes.iter().rev() {
            let own = std::mem::take(&mut needs[node]);
            let made = &graph.nodes[node];
            for &input in &made.inputs {
                for offset in &own {
                    match &made.make {
                        Make::Conv { windows, .. } if is_plain_conv(&made.make) => {
                            let moved = |axis: usize| offset[axis] * windows[axis].stride as i32;
                            add(&mut needs[input], std::array::from_fn(moved));
                        }
                        Make::Conv { windows, .. } => {
                            let moved: [_; AXES] =
                                std::array::from_fn(|axis| windows[axis].moved(offset[axis]));
                            for offset in Offsets(moved).iter() {
                                add(&mut needs[input], offset);
                            }
                        }
                        Make::Local if *offset != HERE => {}
                        _ => add(&mut needs[input], *offset),
                    }
                }
            }
            needs[node] = own;
        }
    }

    /// Whether a convolution joins the ends of an axis.
    pub(super) fn wraps(&self, graph: &Graph) -> bool {
        self.nodes.iter().any(|&node| match &graph.nodes[node].make {
            Make::Conv { windows, .. } => windows.iter().any(|window| window.wraps),
            _ => false,
        })
    }
}

fn add(offsets: &mut Vec<Offset>, offset: Offset) {
    if !offsets.contains(&offset) {
        offsets.push(offset);
    }
}

/// Whether the image of an offset is made of that of one other.
pub(super) fn is_plain_conv(make: &Make) -> bool {
    matches!(make, Make::Conv { windows, .. } if windows.iter().all(|window| window.is_plain()))
}
