//! In which order offsets go through the stages, and where their values lie meanwhile.
//!
//! The schedule of a pair is the same for all pairs and made once. A stage takes its offsets in bands
//! of one leading offset; what a later stage gathers from them is held in rows of that kind, which
//! come into being with the first band that contributes and are given back behind the last that reads.
//! Later stages run as soon as their rows are complete, so that of a deep network with pooling only a few
//! rows exist at a time.
//!
//! Exchanging the two images turns every offset round. Bands are ordered so that positive offsets and
//! their opposites come in the same order, and what both contribute is summed apart until all of it is
//! there: the result is then the same to the last bit (unless positions wrap).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crate::images::geometry::{
    AXES, HERE, Image, Offset, Offsets, Size, opposite, positions, sign,
};
use crate::images::graph::{Graph, Make};
use crate::images::space::Space;

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
    bands: Vec<Range<usize>>,
}

/// Where a value lies while its unit runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the place of this input, which nothing else reads.
    Over(usize),
    /// In scratch, one image of this many vectors behind the other.
    Scratch { base: usize, each: usize },
    /// In rows ([`Rows`]).
    Rows,
}

/// A range of vectors in a thread's memory.
pub(crate) type Span = Range<usize>;

/// What a thread does for a pair, in order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Runs a stage at offset 0 to find variances; nothing is handed on.
    Prepare { stage: usize },
    /// Runs units of a stage.
    Run { stage: usize, units: Range<usize> },
    /// Sets memory to zero.
    Clear(Span),
    /// Adds the second to the first.
    Merge(Span, Span),
    /// Sums become a value.
    Finish { node: usize },
    /// Mixes what was kept.
    Mix { node: usize },
}

/// Where the images of a gathered value lie.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    size: Size,
    /// The axis whose offset numbers the rows.
    pub axis: usize,
    /// Base of every row, and of the sums of negative offsets while they are apart.
    slots: Vec<Option<(usize, Option<usize>)>>,
    /// Entries of the images before one of a row, without the factor of the leading axis.
    prefix: Vec<Option<usize>>,
    /// All of them.
    total: usize,
}

impl Rows {
    fn new(size: Size, demand: &Offsets) -> Self {
        let axis = leading(size);
        let mut flat = size.map(|n| 2 * n - 1);
        let slots = vec![None; flat[axis]];
        flat[axis] = 1;
        let mut rows = Self { size, axis, slots, prefix: vec![None; positions(flat)], total: 0 };
        let mut others = demand.clone();
        others.0[axis] = vec![0];
        for offset in others.iter() {
            let place = rows.place(offset);
            rows.prefix[place] = Some(rows.total);
            rows.total += positions(Image::new(size, offset).len) / size[axis];
        }
        rows
    }

    /// Number of an offset's image in its row.
    fn place(&self, offset: Offset) -> usize {
        (0..AXES).filter(|&axis| axis != self.axis).fold(0, |place, axis| {
            place * (2 * self.size[axis] - 1) + self.number(axis, offset[axis])
        })
    }

    fn number(&self, axis: usize, offset: i32) -> usize {
        (self.size[axis] - 1).wrapping_add_signed(offset as isize)
    }

    fn slot(&self, row: i32) -> Option<(usize, Option<usize>)> {
        self.slots[self.number(self.axis, row)]
    }

    fn slot_mut(&mut self, row: i32) -> &mut Option<(usize, Option<usize>)> {
        let number = self.number(self.axis, row);
        &mut self.slots[number]
    }

    /// The first vector of the image of an offset; `negative` asks for what negative offsets
    /// contribute, while that is apart.
    pub fn at(&self, image: &Image, negative: bool) -> Option<usize> {
        let (base, minus) = self.slot(image.offset[self.axis])?;
        let base = match minus {
            Some(minus) if negative => minus,
            _ => base,
        };
        let before = self.prefix[self.place(image.offset)]?;
        Some(base + image.len[self.axis] * before)
    }

    /// Vectors of a row.
    fn row_len(&self, row: i32) -> usize {
        self.total * (self.size[self.axis] - row.unsigned_abs() as usize)
    }
}

/// The first axis with more than one position.
fn leading(size: [usize; AXES]) -> usize {
    (0..AXES).find(|&axis| size[axis] > 1).unwrap_or(AXES - 1)
}

/// Convolutions over neighbours, each with the activation behind it, one made of the other and of nothing
/// else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chain {
    /// The input of the network, where its products are still to be made.
    pub input: Option<usize>,
    pub links: Vec<(usize, Option<usize>)>,
}

impl Chain {
    /// The value it ends with.
    pub fn last(&self) -> Option<usize> {
        self.links.last().map(|&(conv, activation)| activation.unwrap_or(conv))
    }
}

/// How a pair is computed.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub stages: Vec<Stage>,
    pub steps: Vec<Step>,
    /// Where every value lies.
    pub places: Vec<Place>,
    /// By their first value.
    pub chains: Vec<Option<Chain>>,
    /// The rows of gathered values.
    pub rows: Vec<Option<Rows>>,
    /// Offsets of every value that are computed.
    pub demand: Vec<Offsets>,
    /// Vectors of memory for covariances; as much again for tangent kernels.
    pub space: usize,
    /// Entries that go through activations.
    pub activations: u64,
    /// The same for each value, whatever makes it.
    pub entries: Vec<u64>,
}

/// What a schedule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Variances of images alone, found on the way.
    Variances,
    /// A kernel, variances known.
    Kernel,
}

impl Schedule {
    pub fn new(graph: &Graph, wanted: &[(usize, Offsets)], purpose: Purpose) -> Self {
        let demand = graph.demand(wanted);
        let stages: Vec<_> =
            (0..graph.levels).map(|level| Stage::new(graph, &demand, level, purpose)).collect();
        let rows = (0..graph.nodes.len())
            .map(|node| {
                let gathers = graph.nodes[node].make.gathers() && !demand[node].is_empty();
                gathers.then(|| Rows::new(graph.nodes[node].size, &demand[node]))
            })
            .collect();
        let mut planner = Planner::new(
            graph,
            Self {
                stages,
                steps: Vec::new(),
                places: vec![Place::Rows; graph.nodes.len()],
                chains: vec![None; graph.nodes.len()],
                rows,
                demand,
                space: 0,
                activations: 0,
                entries: vec![0; graph.nodes.len()],
            },
        );
        planner.scratch(purpose);
        planner.run(purpose);
        if purpose == Purpose::Kernel {
            planner.schedule.chain(graph);
        }
        planner.schedule
    }
}

impl Schedule {
    /// Finds chains: values that only the next one is made of.
    fn chain(&mut self, graph: &Graph) {
        for stage in &self.stages {
            let over = |node: usize, input: usize| self.places[node] == Place::Over(input);
            let mut index = 0;
            while index < stage.nodes.len() {
                let head = index;
                let first = stage.nodes[head];
                let input = matches!(graph.nodes[first].make, Make::Input { .. }).then_some(first);
                index += usize::from(input.is_some());
                let mut links: Vec<(usize, Option<usize>)> = Vec::new();
                let mut last = input;
                while let Some(&conv) = stage.nodes.get(index)
                    && graph.nodes[conv].make.is_neighbours()
                    && last.is_none_or(|last| over(conv, last))
                {
                    let next = stage.nodes.get(index + 1).copied();
                    let activation = next.filter(|&next| {
                        let make = &graph.nodes[next].make;
                        matches!(make, Make::Activation { .. }) && over(next, conv)
                    });
                    index += 1 + usize::from(activation.is_some());
                    last = Some(activation.unwrap_or(conv));
                    links.push((conv, activation));
                }
                if links.is_empty() {
                    index = head + 1;
                } else {
                    self.chains[first] = Some(Chain { input, links });
                }
            }
        }
    }
}

impl Stage {
    fn new(graph: &Graph, demand: &[Offsets], level: usize, purpose: Purpose) -> Self {
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
}

fn add(offsets: &mut Vec<Offset>, offset: Offset) {
    if !offsets.contains(&offset) {
        offsets.push(offset);
    }
}

/// What a band writes and reads, as (value, row).
#[derive(Clone, Debug, Default)]
struct Traffic {
    /// Rows contributed to, with the signs of the offsets that do.
    writes: BTreeMap<(usize, i32), BTreeSet<i32>>,
    reads: BTreeSet<(usize, i32)>,
}

/// What is still to come for a row.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// Contributions by sign of their offsets: negative, none, positive.
    writes: [usize; 3],
    reads: usize,
}

impl Pending {
    fn is_complete(&self) -> bool {
        self.writes == [0; 3]
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    schedule: Schedule,
    space: Space,
    traffic: Vec<Vec<Traffic>>,
    pending: HashMap<(usize, i32), Pending>,
    /// Rows that offsets of both signs contribute to.
    both_signs: BTreeSet<(usize, i32)>,
    next: Vec<usize>,
    mixed: Vec<bool>,
}

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph, schedule: Schedule) -> Self {
        let mut planner = Self {
            graph,
            space: Space::default(),
            traffic: Vec::new(),
            pending: HashMap::new(),
            both_signs: BTreeSet::new(),
            next: vec![0; schedule.stages.len()],
            mixed: vec![false; graph.nodes.len()],
            schedule,
        };
        planner.count();
        planner
    }

    /// What every band reads and writes, and how much work there is.
    fn count(&mut self) {
        let graph = self.graph;
        let mut needs = vec![Vec::new(); graph.nodes.len()];
        let mut reached: HashMap<(usize, usize, i32), Vec<i32>> = HashMap::new();
        for stage in &self.schedule.stages {
            let mut bands = Vec::new();
            for band in &stage.bands {
                let mut traffic = Traffic::default();
                for unit in &stage.units[band.clone()] {
                    stage.needs(graph, &unit.0, &mut needs);
                    for &source in &stage.sources {
                        let axis = leading(graph.nodes[source].size);
                        traffic.reads.extend(needs[source].iter().map(|o| (source, o[axis])));
                    }
                    for &node in &stage.nodes {
                        let size = graph.nodes[node].size;
                        let entries = |o: &Offset| Image::new(size, *o).entries() as u64;
                        self.schedule.entries[node] += needs[node].iter().map(entries).sum::<u64>();
                    }
                    for &(handover, offset) in &unit.0 {
                        let Target::Node(node) = stage.handovers[handover].target else { continue };
                        let axis = leading(graph.nodes[node].size);
                        let rows = reached
                            .entry((node, axis, offset[axis]))
                            .or_insert_with(|| reaches(graph, node, axis, offset[axis]));
                        let demanded = &self.schedule.demand[node].0[axis];
                        for row in rows.iter().filter(|row| demanded.binary_search(row).is_ok()) {
                            let signs = traffic.writes.entry((node, *row)).or_default();
                            signs.insert(sign(offset));
                        }
                    }
                }
                for (row, signs) in &traffic.writes {
                    let pending = self.pending.entry(*row).or_default();
                    signs.iter().for_each(|sign| pending.writes[(sign + 1) as usize] += 1);
                    if pending.writes[0] > 0 && pending.writes[2] > 0 {
                        self.both_signs.insert(*row);
                    }
                }
                for row in &traffic.reads {
                    self.pending.entry(*row).or_default().reads += 1;
                }
                bands.push(traffic);
            }
            self.traffic.push(bands);
        }
        for (node, made) in graph.nodes.iter().enumerate() {
            if matches!(made.make, Make::Activation { .. }) {
                self.schedule.activations += self.schedule.entries[node];
            }
            if let (Make::Mix { .. }, Some(_)) = (&made.make, &self.schedule.rows[node]) {
                for row in self.rows_of(made.inputs[0]) {
                    self.pending.entry(row).or_default().reads += 1;
                }
                for row in self.rows_of(node) {
                    self.pending.entry(row).or_default().writes[1] += 1;
                }
            }
        }
    }

    /// All rows of a gathered value.
    fn rows_of(&self, node: usize) -> Vec<(usize, i32)> {
        let Some(rows) = &self.schedule.rows[node] else { return Vec::new() };
        self.schedule.demand[node].0[rows.axis].iter().map(|&row| (node, row)).collect()
    }

    /// Gives every value of a stage its place; stages follow one another in the same memory.
    fn scratch(&mut self, purpose: Purpose) {
        let graph = self.graph;
        let uses = graph.uses();
        let mut needs = vec![Vec::new(); graph.nodes.len()];
        let mut end = 0;
        for stage in &self.schedule.stages {
            let mut count = vec![1; graph.nodes.len()];
            for unit in stage.units.iter().filter(|unit| unit.0.len() > 1 || stage.wraps(graph)) {
                stage.needs(graph, &unit.0, &mut needs);
                for &node in &stage.nodes {
                    count[node] = count[node].max(needs[node].len());
                }
            }
            let mut space = Space::default();
            let mut left = uses.clone();
            let mut spans: HashMap<usize, Span> = HashMap::new();
            for &node in &stage.nodes {
                let made = &graph.nodes[node];
                let over = made.inputs.first().filter(|&&input| {
                    let from = &graph.nodes[input];
                    // where variances are found on the way, offset 0 goes through a stage twice
                    let lasts = purpose == Purpose::Kernel || !from.make.gathers();
                    uses[input] == 1 && from.level == made.level && lasts && in_place(&made.make)
                });
                let place = match over {
                    Some(&input) => {
                        if let Some(span) = spans.remove(&input) {
                            spans.insert(node, span);
                        }
                        Place::Over(input)
                    }
                    None => {
                        // a convolution works on a copy of its input
                        let input = made.inputs.first().filter(|_| is_plain_conv(&made.make));
                        let copied = input.map_or(0, |&input| positions(graph.nodes[input].size));
                        let each = positions(made.size).max(copied);
                        let span = space.reserve(each * count[node]);
                        spans.insert(node, span.clone());
                        Place::Scratch { base: span.start, each }
                    }
                };
                self.schedule.places[node] = place;
                for &input in &made.inputs {
                    left[input] -= 1;
                    if left[input] == 0
                        && let Some(span) = spans.remove(&input)
                    {
                        space.give(span);
                    }
                }
            }
            end = end.max(space.end());
        }
        self.space = Space::behind(end);
    }

    fn run(&mut self, purpose: Purpose) {
        if purpose == Purpose::Variances {
            for stage in 0..self.schedule.stages.len() {
                self.mix(stage);
                self.schedule.steps.push(Step::Prepare { stage });
                while self.next[stage] < self.traffic[stage].len() {
                    self.band(stage);
                }
            }
        } else {
            while let Some(stage) = self.ready() {
                self.band(stage);
            }
        }
        self.schedule.space = self.space.end();
    }

    /// The latest stage that can go on.
    fn ready(&mut self) -> Option<usize> {
        for stage in (0..self.next.len()).rev() {
            self.mix(stage);
            let Some(traffic) = self.traffic[stage].get(self.next[stage]) else { continue };
            if traffic.reads.iter().all(|row| self.is_complete(row)) {
                return Some(stage);
            }
        }
        None
    }

    fn is_complete(&self, row: &(usize, i32)) -> bool {
        self.pending.get(row).is_none_or(Pending::is_complete)
    }

    /// Mixes what a stage begins with, once all of it is there.
    fn mix(&mut self, stage: usize) {
        for index in 0..self.schedule.stages[stage].sources.len() {
            let node = self.schedule.stages[stage].sources[index];
            let Make::Mix { .. } = self.graph.nodes[node].make else { continue };
            let kept = self.rows_of(self.graph.nodes[node].inputs[0]);
            if self.mixed[node] || !kept.iter().all(|row| self.is_complete(row)) {
                continue;
            }
            self.mixed[node] = true;
            let rows = self.rows_of(node);
            rows.iter().for_each(|row| self.open(*row, false));
            self.schedule.steps.push(Step::Mix { node });
            rows.iter().for_each(|row| self.contributed(*row, 0));
            kept.iter().for_each(|row| self.was_read(*row));
        }
    }

    fn band(&mut self, stage: usize) {
        let index = self.next[stage];
        self.next[stage] += 1;
        let traffic = std::mem::take(&mut self.traffic[stage][index]);
        for (row, signs) in &traffic.writes {
            signs.iter().for_each(|sign| self.open(*row, *sign < 0));
        }
        let units = self.schedule.stages[stage].bands[index].clone();
        self.schedule.steps.push(Step::Run { stage, units });
        for (row, signs) in &traffic.writes {
            signs.iter().for_each(|sign| self.contributed(*row, *sign));
        }
        traffic.reads.iter().for_each(|row| self.was_read(*row));
        self.traffic[stage][index] = traffic;
    }

    /// Makes room for a row, and for the sums of negative offsets beside it.
    fn open(&mut self, (node, row): (usize, i32), negative: bool) {
        let accumulates = matches!(self.graph.nodes[node].make, Make::Pool { .. });
        // sums of one sign need no second place
        let apart = accumulates && negative && self.both_signs.contains(&(node, row));
        let Some(rows) = &mut self.schedule.rows[node] else { return };
        let len = rows.row_len(row);
        let mut cleared = Vec::new();
        let slot = rows.slot_mut(row);
        if slot.is_none() {
            let span = self.space.reserve(len);
            *slot = Some((span.start, None));
            cleared.push(span);
        }
        if apart && let Some((_, minus @ None)) = slot {
            let span = self.space.reserve(len);
            *minus = Some(span.start);
            cleared.push(span);
        }
        if accumulates {
            self.schedule.steps.extend(cleared.into_iter().map(Step::Clear));
        }
    }

    /// A band has contributed offsets of this sign to a row.
    fn contributed(&mut self, (node, row): (usize, i32), sign: i32) {
        let pending = self.pending.entry((node, row)).or_default();
        pending.writes[(sign + 1) as usize] -= 1;
        let signed = pending.writes[0] + pending.writes[2];
        let complete = pending.is_complete();
        let unread = pending.reads == 0;
        if let Some(rows) = &self.schedule.rows[node]
            && let Some((base, Some(minus))) = rows.slot(row)
            && signed == 0
            && sign != 0
        {
            let len = rows.row_len(row);
            self.schedule.steps.push(Step::Merge(base..base + len, minus..minus + len));
            self.space.give(minus..minus + len);
        }
        if complete
            && matches!(self.graph.nodes[node].make, Make::Global { .. } | Make::Flatten { .. })
        {
            self.schedule.steps.push(Step::Finish { node });
        }
        if complete && unread {
            self.close((node, row));
        }
    }

    fn was_read(&mut self, row: (usize, i32)) {
        let pending = self.pending.entry(row).or_default();
        pending.reads -= 1;
        if pending.reads == 0 {
            self.close(row);
        }
    }

    fn close(&mut self, (node, row): (usize, i32)) {
        if let Some(rows) = &self.schedule.rows[node]
            && let Some((base, _)) = rows.slot(row)
        {
            self.space.give(base..base + rows.row_len(row));
        }
    }
}

impl Stage {
    fn wraps(&self, graph: &Graph) -> bool {
        self.nodes.iter().any(|&node| match &graph.nodes[node].make {
            Make::Conv { windows, .. } => windows.iter().any(|window| window.wraps),
            _ => false,
        })
    }
}

fn is_plain_conv(make: &Make) -> bool {
    matches!(make, Make::Conv { windows, .. } if windows.iter().all(|window| window.is_plain()))
}

/// Whether a value can be written over its first input.
fn in_place(make: &Make) -> bool {
    match make {
        Make::Conv { .. } => is_plain_conv(make),
        Make::Affine(_)
        | Make::Activation { .. }
        | Make::LayerNorm { .. }
        | Make::Dropout { .. }
        | Make::Add(_)
        | Make::Mul(_) => true,
        _ => false,
    }
}

/// The offsets on an axis of a gathered value that an offset of its input contributes to.
fn reaches(graph: &Graph, node: usize, axis: usize, offset: i32) -> Vec<i32> {
    match &graph.nodes[node].make {
        Make::Pool { windows, .. } => {
            let n = windows[axis].output as i32;
            (1 - n..n).filter(|&o| windows[axis].pooled(o).contains(&offset)).collect()
        }
        Make::Global { .. } | Make::Flatten { .. } => vec![0],
        _ => vec![offset],
    }
}
