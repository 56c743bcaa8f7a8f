//! Tables as text.
//!
//! Fields are separated by commas, semicolons or tabs and may be quoted (RFC 4180). Which of the
//! three it is, and whether the first line names the columns, is found out from the file.

mod detect;
mod table;

pub use table::{CsvOptions, CsvTable};
