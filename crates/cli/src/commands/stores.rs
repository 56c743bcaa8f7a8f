//! `kernel merge` and `kernel export`.

use std::path::Path;
use std::time::Instant;

use widelimit::data::StoreState;
use widelimit::{Run, export_store, merge_stores};

use super::{data, files};
use crate::answer::Answer;
use crate::args::{ExportArgs, MergeArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::session::Session;
use crate::text::seconds;

/// Joins stores of parts of one job.
pub fn merge(args: &MergeArgs, session: &Session) -> Result<(), Failure> {
    data::expect_ending(&args.out, ".store")?;
    let out = args.out.display().to_string();
    if args.out.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!("{out} is there already; merge makes a new store")));
    }
    let bar = session.bar_of_tiles("merge");
    let report = |progress| bar.report(progress);
    let run = Run { progress: Some(&report), ..session.run() };
    let start = Instant::now();
    let store = {
        // A signal stops the copying, which takes its temporary folder with it.
        let _finish = interrupt::writing();
        merge_stores(&args.parts, &args.out, &run)?
    };
    drop(bar);
    state(Answer::new(), &store, "copied")
        .with("seconds", seconds(start.elapsed().as_secs_f64()), start.elapsed().as_secs_f64())
        .with("file", out.clone(), out)
        .print(session.json)
}

/// Writes a complete store to one file.
pub fn export(args: &ExportArgs, session: &Session) -> Result<(), Failure> {
    let endings = [".npz", ".npy"].map(|ending| data::expect_ending(&args.out, ending).is_ok());
    let out = args.out.display().to_string();
    if endings == [false, false] {
        return Err(Failure::usage(format!("{out}: a name ending in .npz or .npy is expected")));
    }
    let arrays = ["ntk.npy", "nngp.npy", "kernel.npy"].map(|name| args.store.join(name));
    let inputs: Vec<&Path> = arrays.iter().map(|path| path.as_path()).collect();
    files::ready(&[&args.out], &inputs)?;
    let bar = session.bar_of_tiles("export");
    let report = |progress| bar.report(progress);
    let run = Run { progress: Some(&report), ..session.run() };
    let start = Instant::now();
    {
        let _finish = interrupt::writing();
        export_store(&args.store, &args.out, &run)?;
    }
    drop(bar);
    Answer::new()
        .with("seconds", seconds(start.elapsed().as_secs_f64()), start.elapsed().as_secs_f64())
        .with("file", out.clone(), out)
        .print(session.json)
}

/// How a store stands after a call that `had` tiles (found or copied) without computing them.
pub fn state(answer: Answer, store: &StoreState, had: &str) -> Answer {
    let StoreState { tiles, found, damaged, missing, complete } = *store;
    let mut text = format!("{tiles}, {found} {had}");
    if damaged > 0 {
        text += &format!(", {damaged} damaged");
    }
    let stands = match missing {
        _ if complete => "complete".to_owned(),
        missing => format!(
            "{missing} of {tiles} tiles are missing; other shards, --resume or `kernel merge` bring them"
        ),
    };
    answer
        .with("tiles", text, tiles)
        .for_programs(&format!("tiles_{had}"), found)
        .for_programs("tiles_damaged", damaged)
        .for_programs("tiles_missing", missing)
        .with("store", stands, complete)
}
