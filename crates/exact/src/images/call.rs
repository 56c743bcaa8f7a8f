//! A kernel between images, tile by tile.

use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;
use widelimit_arch::{Network, Shape};
use widelimit_dual::Isa;

use crate::crew::{self, Engine, Grid};
use crate::error::Error;
use crate::images::geometry::{Offsets, positions};
use crate::images::graph::{Graph, Make, Node};
use crate::images::known::{Images, Known, Looking, slots};
use crate::images::runner::{Pairs, Recipe, Results, Runner};
use crate::images::schedule::{Purpose, Schedule};
use crate::images::side::Side;
use crate::inputs::Inputs;
use crate::options::{Options, Quantity, Spatial};
use crate::plan::{Plan, activation_cost};
use crate::program::Program;
use crate::scalar::{Scalar, round, widen};
use crate::sink::Sink;

/// Edge of a tile of pairs that take long each: little is lost when a job is stopped.
const SMALL_TILE: usize = 16;

/// Edge of a tile where they do not: a left image is brought along for many right ones.
const LARGE_TILE: usize = 64;

/// Left images that go through the layers in turns, at most: what is known of the right ones is then fetched
/// once for all of them.
const TURNS: usize = 4;

/// Vectors that may be kept for all of them.
const ROOM: usize = 8 << 10;

/// Share of a pair's entries that single precision may leave unresolved: their tangent kernels are off
/// by 1e-4 at most, the pair's by 1e-6.
const UNRESOLVED: f64 = 1.0 / 1024.0;

/// Seconds a pair that count as long.
const LONG: f64 = 1e-3;

/// A network compiled for images of one shape.
pub(crate) struct Draft {
    program: Program,
    graph: Graph,
    kernel: Schedule,
    variances: Schedule,
    /// Spatial axes of an entry of the kernel; empty for a number.
    pub entry: Vec<usize>,
    channels: usize,
    size: usize,
}

impl Draft {
    /// Compiles a network for inputs of this shape.
    pub fn new(network: &Network, shape: &Shape, options: &Options) -> Result<Self, Error> {
        let program = Program::compile(network, shape, options.want)?;
        let output = network.output_shape(shape)?;
        let graph = Graph::new(&program, &shape.spatial);
        let end = &graph.nodes[graph.output];
        let wanted = match options.spatial {
            Spatial::Full => Offsets::all(end.size),
            Spatial::Diagonal => Offsets::here(),
        };
        let mut entry = output.spatial.clone();
        if options.spatial == Spatial::Full {
            entry.extend(output.spatial);
        }
        let kernel = Schedule::new(&graph, &[(graph.output, wanted)], Purpose::Kernel);
        let variances = Schedule::new(&graph, &graph.variances(), Purpose::Variances);
        let size = shape.spatial.iter().product();
        let channels = shape.channels;
        Ok(Self { program, graph, kernel, variances, entry, channels, size })
    }

    /// Whether every entry has the digits of `T`: with kinks, some that f32 does not resolve may count.
    fn resolves<T: Scalar>(&self) -> bool {
        let kinked = |node: &Node| match node.make {
            Make::Activation { dual, .. } => self.program.dual(dual).counts_near(),
            _ => false,
        };
        !<T as widelimit_dual::Element>::SINGLE || !self.graph.nodes.iter().any(kinked)
    }

    /// Numbers of an entry of the kernel.
    fn entry_len(&self) -> usize {
        self.entry.iter().product()
    }

    /// Left images that take turns.
    fn turns(&self) -> usize {
        (ROOM / self.kernel.space.max(1)).clamp(1, TURNS)
    }

    /// Bytes of what is known of one image.
    fn image_bytes<T: Scalar>(&self) -> Result<u64, Error> {
        let mut numbers = self.size * self.channels;
        let mut bytes = 0;
        for node in &self.graph.nodes {
            match node.make {
                Make::Activation { dual, .. } => {
                    let prepare = |points: &[T]| match self.program.dual(dual).prepare(points) {
                        Ok(prepared) => Ok(prepared.bytes() as u64),
                        Err(source) => Err(Error::Activation { layer: node.layer.clone(), source }),
                    };
                    // columns are whole vectors
                    const MANY: usize = 64;
                    let each = prepare(&[round(1.0); 2 * MANY])? - prepare(&[round(1.0); MANY])?;
                    bytes += each * positions(node.size) as u64 / MANY as u64;
                }
                Make::LayerNorm { .. } => numbers += positions(node.size),
                Make::Mix { .. } => numbers += positions(node.size) * positions(node.size),
                _ => {}
            }
        }
        Ok(bytes + (numbers * size_of::<T>()) as u64)
    }

    /// Operations and nanoseconds of one pair in f32 with tangents.
    fn pair_cost(&self) -> (f64, f64) {
        let (mut flops, mut nanoseconds) = (0.0, 0.0);
        for (node, entries) in self.graph.nodes.iter().zip(&self.kernel.entries) {
            let (each, time) = match &node.make {
                Make::Activation { dual, .. } => activation_cost(self.program.activation(*dual)),
                Make::Conv { windows, .. } => {
                    let taps: usize = windows.iter().map(|window| window.filter).sum();
                    (2.0 * (taps - 3) as f64 + 6.0, 0.1 * taps as f64)
                }
                Make::Input { .. } => (2.0 * self.channels as f64, 0.03 * self.channels as f64),
                _ => (4.0, 0.1),
            };
            flops += each * *entries as f64;
            nanoseconds += time * *entries as f64;
        }
        (flops, nanoseconds)
    }

    /// Sizes and cost of a kernel.
    pub fn plan<T: Scalar>(
        &self,
        n1: usize,
        n2: Option<usize>,
        options: &Options,
        streams: bool,
    ) -> Result<Plan, Error> {
        let columns = n2.unwrap_or(n1);
        let width = isa(options).width::<T>();
        let (flops, nanoseconds) = self.pair_cost();
        let entries = n2.map_or((n1 * (n1 + 1) / 2) as f64, |n2| n1 as f64 * n2 as f64);
        let single = <T as widelimit_dual::Element>::SINGLE;
        let pair = nanoseconds * 1e-9 * if single { 1.0 } else { 2.0 };
        let default = if pair > LONG { SMALL_TILE } else { LARGE_TILE };
        let pieces = if default == SMALL_TILE { 4 } else { 1 };
        let share = n1.min(columns).div_ceil(pieces * options.par.threads().max(1));
        let tile = share.next_multiple_of(SMALL_TILE).min(default);
        let tile = options.tile.unwrap_or(tile).max(1);
        let entry = self.entry_len() as u64;
        let result_bytes = (n1 as u64)
            .saturating_mul(columns as u64)
            .saturating_mul(entry)
            .saturating_mul((options.want.count() * size_of::<T>()) as u64);
        let images = (n1 + n2.unwrap_or(0)).next_multiple_of(width) as u64;
        let tangents = options.want.ntk;
        // a tile of results and its mirror
        let tiles = (tile.min(n1) * tile.min(columns)) as u64
            * entry
            * ((options.want.count() + 1) * size_of::<T>()) as u64;
        let turns = self.turns();
        let worker = Runner::<T>::bytes(&self.graph, &self.kernel, tangents, (width, turns))
            + (self.image_bytes::<T>()? + entry * (2 * width * size_of::<T>()) as u64)
                * turns as u64
            + tiles;
        let held = if streams { 0 } else { result_bytes };
        let scratch_bytes = self
            .image_bytes::<T>()?
            .saturating_mul(images)
            .saturating_add(worker.saturating_mul(options.par.threads() as u64));
        let bands = |n: usize| n.div_ceil(tile);
        Ok(Plan {
            rows: n1,
            columns,
            entry: self.entry.clone(),
            result_bytes,
            scratch_bytes,
            bytes: held.saturating_add(scratch_bytes),
            flops: flops * entries,
            seconds: pair * entries / options.par.threads() as f64,
            pair_activations: self.kernel.activations,
            engine: "images",
            tiles: Grid::count(bands(n1), bands(columns), n2.is_none()),
            tile,
            packed: false,
            streams,
        })
    }
}

fn isa(options: &Options) -> Isa {
    options.isa.unwrap_or_else(Isa::best)
}

/// A kernel to compute.
pub(crate) struct Call<'a, 'o, T> {
    pub draft: Draft,
    pub x1: Inputs<'a, T>,
    pub x2: Option<Inputs<'a, T>>,
    pub options: &'o Options<'o>,
}

impl<T: Scalar> Call<'_, '_, T> {
    /// Looks at all images, then computes all tiles; returns the stated error of numerical duals.
    pub fn run(&self, plan: &Plan, sink: &dyn Sink<T>) -> Result<Option<f64>, Error> {
        let left = self.look(&self.x1, "x1", self.x2.is_none())?;
        let right = self.x2.as_ref().map(|x2| self.look(x2, "x2", false)).transpose()?;
        let error = left.error.into_iter().chain(right.as_ref().and_then(|right| right.error));
        let error = error.reduce(f64::max);
        let task = Task { call: self, left: &left, right: right.as_ref(), tile: plan.tile, sink };
        let bands = |n: usize| n.div_ceil(plan.tile);
        let (n1, n2) = (self.x1.len(), self.x2.as_ref().map(Inputs::len));
        let columns = n2.unwrap_or(n1);
        let grid = Grid::new(bands(n1), bands(columns), n2.is_none());
        let entries = n2.map_or((n1 * (n1 + 1) / 2) as u64, |n2| (n1 * n2) as u64);
        crew::run(&task, grid, entries, self.options, sink)?;
        Ok(error)
    }

    /// Entries of all images with themselves, one row an image.
    pub fn diagonal(&self) -> Result<[Vec<f64>; 2], Error> {
        let known = self.look(&self.x1, "x1", true)?;
        let length = self.x1.len() * self.draft.entry_len();
        let mut all: [Vec<f64>; 2] = Default::default();
        for group in known.groups {
            for (all, values) in all.iter_mut().zip(group.diagonal.into_iter().flatten()) {
                all.extend(values);
            }
        }
        all.iter_mut().for_each(|values| values.truncate(length));
        Ok(all)
    }

    /// How images are looked at, with the schedule of the kernel where its diagonal is wanted.
    fn looking<'b>(&'b self, diagonal: Option<&'b Schedule>) -> Looking<'b> {
        let Draft { program, graph, variances, .. } = &self.draft;
        Looking {
            program,
            graph,
            variances,
            diagonal,
            tangents: self.options.want.ntk && program.has_ntk(),
            entry: self.draft.entry_len(),
            isa: isa(self.options),
        }
    }

    /// The images of an argument; those of `x2` are `x1` in symmetric calls.
    fn images(&self, input: &'static str) -> Images<'_, T> {
        let second = self.x2.as_ref().filter(|_| input == "x2");
        let inputs = second.unwrap_or(&self.x1);
        Images { values: inputs.values(), adjacency: inputs.adjacency(), input }
    }

    fn look(
        &self,
        inputs: &Inputs<T>,
        input: &'static str,
        diagonal: bool,
    ) -> Result<Everything<T>, Error> {
        let graph = &self.draft.graph;
        inputs.check_finite(input)?;
        let aggregates = graph.nodes.iter().any(|node| {
            matches!(node.make, Make::Mix { mixing: crate::program::Mixing::Adjacency, .. })
        });
        if aggregates {
            inputs.checked_adjacency(input)?;
        }
        let isa = isa(self.options);
        let looking = self.looking(diagonal.then_some(&self.draft.kernel));
        let images = self.images(input);
        let width = isa.width::<T>();
        let one = |group: usize| {
            self.options.check_cancelled()?;
            looking.look(&images, group * width)
        };
        let count = inputs.len().div_ceil(width);
        let groups: Vec<_> = self
            .options
            .par
            .install(|| (0..count).into_par_iter().with_max_len(1).map(one).collect());
        let groups = groups.into_iter().collect::<Result<Vec<Known<T>>, Error>>()?;
        let error = groups.iter().filter_map(|group| group.error).reduce(f64::max);
        Ok(Everything { groups, width, count: inputs.len(), error })
    }
}

/// All images of one argument.
struct Everything<T: Scalar> {
    groups: Vec<Known<T>>,
    width: usize,
    count: usize,
    error: Option<f64>,
}

struct Task<'t, 'a, 'o, T: Scalar> {
    call: &'t Call<'a, 'o, T>,
    left: &'t Everything<T>,
    right: Option<&'t Everything<T>>,
    tile: usize,
    sink: &'t dyn Sink<T>,
}

/// One thread's memory.
struct Worker<T: Scalar> {
    runner: Runner<T>,
    /// The left images of the pairs in progress.
    ones: Vec<Side<T>>,
    /// Results of the vectors of pairs of each of them, by lane.
    lanes: [Vec<T>; 2],
    /// A tile of results, and its mirror where an entry is more than a number.
    tile: [Vec<T>; 2],
    mirror: Vec<T>,
    /// For pairs that single precision does not resolve.
    precise: Option<Runner<f64>>,
}

impl<T: Scalar> Task<'_, '_, '_, T> {
    fn rows(&self, band: usize, count: usize) -> Range<usize> {
        band * self.tile..((band + 1) * self.tile).min(count)
    }

    fn recipe(&self) -> Recipe<'_> {
        let Draft { program, graph, kernel, .. } = &self.call.draft;
        Recipe {
            program,
            graph,
            schedule: kernel,
            tangents: self.call.options.want.ntk && program.has_ntk(),
            isa: isa(self.call.options),
        }
    }

    fn right(&self) -> &Everything<T> {
        self.right.unwrap_or(self.left)
    }
}

impl<T: Scalar> Engine<T> for Task<'_, '_, '_, T> {
    type Worker = Worker<T>;

    fn worker(&self) -> Worker<T> {
        let recipe = self.recipe();
        let width = self.left.width;
        let draft = &self.call.draft;
        let entry = draft.entry_len();
        let zeros = |numbers: usize| vec![round::<T>(0.0); numbers];
        let want = self.call.options.want;
        let tile = self.tile.min(self.left.count) * self.tile.min(self.right().count) * entry;
        let tangents = if want.ntk { 1 } else { 0 };
        let turns = draft.turns();
        Worker {
            runner: Runner::new(&recipe, width, turns),
            ones: (0..turns).map(|_| Side::empty(1, slots(&draft.graph))).collect(),
            lanes: [zeros(turns * width * entry), zeros(turns * width * entry * tangents)],
            tile: [zeros(if want.nngp { tile } else { 0 }), zeros(tile * tangents)],
            mirror: Vec::new(),
            precise: None,
        }
    }

    fn tile(&self, worker: &mut Worker<T>, row: usize, column: usize) -> Result<(), Error> {
        let options = self.call.options;
        let (left, right) = (self.left, self.right());
        let entry = self.call.draft.entry_len();
        let (rows, columns) = (self.rows(row, left.count), self.rows(column, right.count));
        let (height, width) = (rows.len(), columns.len());
        let symmetric = self.right.is_none();
        let diagonal = symmetric && row == column;
        for start in rows.clone().step_by(worker.ones.len()) {
            options.check_cancelled()?;
            let lefts = start..(start + worker.ones.len()).min(rows.end);
            for (one, i) in worker.ones.iter_mut().zip(lefts.clone()) {
                one.take_lane(&left.groups[i / left.width].side, i % left.width);
            }
            // below the diagonal entries are mirrored, on it they are known
            let first = |i: usize| if diagonal { i + 1 } else { columns.start };
            if first(start) >= columns.end {
                continue;
            }
            for group in first(start) / right.width..columns.end.div_ceil(right.width) {
                self.vectors(worker, lefts.clone(), group, diagonal)?;
                let at = group * right.width;
                for (turn, i) in lefts.clone().enumerate() {
                    for j in at.max(first(i))..(at + right.width).min(columns.end) {
                        let to = ((i - rows.start) * width + j - columns.start) * entry;
                        let from = (turn * right.width + j - at) * entry;
                        for (tile, lanes) in worker.tile.iter_mut().zip(&worker.lanes) {
                            if !tile.is_empty() {
                                tile[to..to + entry].copy_from_slice(&lanes[from..from + entry]);
                            }
                        }
                    }
                }
            }
        }
        for quantity in options.want.quantities() {
            let which = usize::from(quantity == Quantity::Ntk);
            let send = |row: usize, column: usize, tile: ArrayView2<T>| {
                self.sink.write(quantity, row, column, tile).map_err(Error::Sink)
            };
            let tile = &mut worker.tile[which][..height * width * entry];
            if diagonal {
                self.complete(tile, rows.clone(), which);
            }
            let shape = (height, width * entry);
            send(rows.start, columns.start * entry, view(tile, shape))?;
            if symmetric && !diagonal {
                if entry == 1 {
                    let mirrored = view(tile, shape).reversed_axes();
                    send(columns.start, rows.start, mirrored)?;
                } else {
                    worker.mirror.resize(tile.len(), round(0.0));
                    for i in 0..height {
                        for j in 0..width {
                            let from = &tile[(i * width + j) * entry..][..entry];
                            let to = &mut worker.mirror[(j * height + i) * entry..][..entry];
                            self.turn(from, to);
                        }
                    }
                    let shape = (width, height * entry);
                    send(columns.start, rows.start * entry, view(&worker.mirror, shape))?;
                }
            }
        }
        Ok(())
    }

    fn entries(&self, row: usize, column: usize) -> u64 {
        let (left, right) = (self.left, self.right());
        let height = self.rows(row, left.count).len() as u64;
        let width = self.rows(column, right.count).len() as u64;
        if self.right.is_none() && row == column {
            height * (height + 1) / 2
        } else {
            height * width
        }
    }
}

impl<T: Scalar> Task<'_, '_, '_, T> {
    /// Left images, one a turn of the worker, with a vector of right ones.
    fn vectors(
        &self,
        worker: &mut Worker<T>,
        images: Range<usize>,
        group: usize,
        diagonal: bool,
    ) -> Result<(), Error> {
        let lefts = images.len();
        let recipe = self.recipe();
        let right = &self.right().groups[group].side;
        let entry = self.call.draft.entry_len();
        let length = right.width * entry;
        let pairs = |left| Pairs { left, right, itself: false };
        let all: Vec<_> = worker.ones[..lefts].iter().map(pairs).collect();
        let [k, t] = &mut worker.lanes;
        let mut t: Vec<&mut [T]> = if recipe.tangents {
            t.chunks_exact_mut(length).collect()
        } else {
            // a network without trained parameters has a tangent kernel of 0
            (0..lefts).map(|_| &mut [][..]).collect()
        };
        let mut results: Vec<_> = k
            .chunks_exact_mut(length)
            .zip(t.drain(..))
            .take(lefts)
            .map(|(k, t)| Results { k, t, entry })
            .collect();
        worker.runner.run(&recipe, &all, &mut results);
        if !self.call.draft.resolves::<T>() {
            let bound = self.call.draft.kernel.activations as f64 * UNRESOLVED;
            for (turn, image) in images.enumerate() {
                // an image meets itself, and mirrors, in lanes that nobody reads
                let read = |lane: usize| !diagonal || group * right.width + lane > image;
                let near = worker.runner.unresolved(turn).iter().enumerate();
                let near = near.filter(|(lane, x)| widen(**x) > bound && read(*lane));
                let lanes: Vec<_> = near.map(|(lane, _)| lane).collect();
                self.refine(worker, (turn, image), group, &lanes)?;
            }
        }
        Ok(())
    }

    /// Computes the tangent kernels of some pairs of a left image with a vector of right ones once more,
    /// in f64.
    fn refine(
        &self,
        worker: &mut Worker<T>,
        (turn, image): (usize, usize),
        group: usize,
        lanes: &[usize],
    ) -> Result<(), Error> {
        let recipe = self.recipe();
        let draft = &self.call.draft;
        let (width, entry) = (recipe.isa.width::<f64>(), draft.entry_len());
        let right = self.right();
        let first = group * right.width;
        // what fills up a vector is no pair of its own
        let lanes: Vec<_> = lanes.iter().filter(|lane| first + **lane < right.count).collect();
        if lanes.is_empty() {
            return Ok(());
        }
        let looking = self.call.looking(None);
        let (x1, x2) = (self.call.images("x1"), self.call.images("x2"));
        let mut one = Side::empty(1, slots(&draft.graph));
        one.take_lane(&looking.precisely(&x1, &vec![image; width])?, 0);
        for lanes in lanes.chunks(width) {
            let filled = (0..width).map(|lane| first + *lanes[lane.min(lanes.len() - 1)]);
            let side = looking.precisely(&x2, &filled.collect::<Vec<_>>())?;
            let mut k = vec![0.0; width * entry];
            let mut t = vec![0.0; if recipe.tangents { width * entry } else { 0 }];
            let results = Results { k: &mut k, t: &mut t, entry };
            let pairs = Pairs { left: &one, right: &side, itself: false };
            let runner = worker.precise.get_or_insert_with(|| Runner::new(&recipe, width, 1));
            runner.run(&recipe, &[pairs], &mut [results]);
            // the covariances themselves have all their digits
            let [_, tangents] = &mut worker.lanes;
            for (lane, values) in lanes.iter().zip(t.chunks_exact(entry)) {
                let to = (turn * right.width + **lane) * entry;
                let to = tangents[to..to + entry].iter_mut();
                to.zip(values).for_each(|(to, x)| *to = round(*x));
            }
        }
        Ok(())
    }

    /// Fills a tile on the diagonal: what is known, and mirrors of what is above.
    fn complete(&self, tile: &mut [T], rows: Range<usize>, which: usize) {
        let entry = self.call.draft.entry_len();
        let width = rows.len();
        for i in 0..width {
            for j in 0..i {
                let (head, tail) = tile.split_at_mut(i * width * entry);
                let from = &head[(j * width + i) * entry..][..entry];
                self.turn(from, &mut tail[j * entry..][..entry]);
            }
            let image = rows.start + i;
            let (group, lane) = (image / self.left.width, image % self.left.width);
            let to = &mut tile[(i * width + i) * entry..][..entry];
            let known = self.left.groups[group].diagonal.as_ref().map(|both| &both[which]);
            match known {
                Some(known) if !known.is_empty() => {
                    let from = &known[lane * entry..(lane + 1) * entry];
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = round(*from));
                }
                _ => to.fill(round(0.0)),
            }
        }
    }

    /// The entry with its images exchanged: positions change places.
    fn turn(&self, from: &[T], to: &mut [T]) {
        let output = &self.call.draft.graph.nodes[self.call.draft.graph.output];
        let count = positions(output.size);
        if from.len() != count * count {
            to.copy_from_slice(from);
            return;
        }
        for p in 0..count {
            for q in 0..count {
                to[q * count + p] = from[p * count + q];
            }
        }
    }
}

/// A buffer as a matrix of so many rows and columns.
fn view<T>(buffer: &[T], shape: (usize, usize)) -> ArrayView2<'_, T> {
    match ArrayView2::from_shape(shape, buffer) {
        Ok(view) => view,
        Err(_) => unreachable!("the buffer has {} x {} elements", shape.0, shape.1),
    }
}
