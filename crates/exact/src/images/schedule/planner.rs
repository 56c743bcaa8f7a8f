//! The order of bands, and the places of values.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::rows::leading;
use super::stage::{Target, is_plain_conv};
use super::{Place, Purpose, Schedule, Span, Step};
use crate::images::geometry::{Image, Offset, positions, sign};
use crate::images::graph::{Graph, Make};
use crate::images::space::Space;

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

/// Lets bands run as soon as what they read is complete, and finds room for what they write.
pub(super) struct Planner<'a> {
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
    /// Fills in the steps, the places and the counts of a schedule that has its stages.
    pub(super) fn plan(graph: &'a Graph, stages: Schedule, purpose: Purpose) -> Schedule {
        let mut planner = Self::new(graph, stages);
        planner.scratch(purpose);
        planner.run(purpose);
        planner.schedule
    }

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
