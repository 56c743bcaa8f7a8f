//! What a command found out: lines for people or one JSON object for programs.

use std::io::Write;

use serde_json::{Map, Value};

use crate::failure::Failure;

/// Named results in order.
#[derive(Default)]
pub struct Answer {
    lines: Vec<(String, String)>,
    json: Map<String, Value>,
}

impl Answer {
    /// No results yet.
    pub fn new() -> Answer {
        Answer::default()
    }

    /// Adds a result: `text` for people, `value` under `key` for programs. People read the key with
    /// spaces for its underscores.
    pub fn with(mut self, key: &str, text: impl Into<String>, value: impl Into<Value>) -> Answer {
        self.lines.push((key.replace('_', " "), text.into()));
        self.json.insert(key.into(), value.into());
        self
    }

    /// Adds a result that only programs get.
    pub fn for_programs(mut self, key: &str, value: impl Into<Value>) -> Answer {
        self.json.insert(key.into(), value.into());
        self
    }

    /// Adds a line that only people get.
    pub fn for_people(mut self, label: &str, text: impl Into<String>) -> Answer {
        self.lines.push((label.into(), text.into()));
        self
    }

    /// Prints to standard output; a reader that has gone away is no failure.
    pub fn print(self, json: bool) -> Result<(), Failure> {
        if json {
            write_out(&format!("{}\n", Value::Object(self.json)))
        } else {
            write_out(&self.text())
        }
    }

    fn text(&self) -> String {
        let width = self.lines.iter().map(|(k, _)| k.chars().count()).max().unwrap_or(0);
        self.lines.iter().map(|(k, v)| format!("{k:width$}  {v}\n")).collect()
    }
}

/// Writes `text` to standard output; a reader that has gone away is no failure.
pub fn write_out(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::resource(format!("cannot write to standard output: {e}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_columns_and_programs_get_numbers() {
        let a = Answer::new()
            .with("result_bytes", "1.00 KiB", 1024)
            .with("x", "y", "z")
            .for_programs("n", 3);
        assert_eq!(a.text(), "result bytes  1.00 KiB\nx             y\n");
        assert_eq!(Value::Object(a.json).to_string(), r#"{"n":3,"result_bytes":1024,"x":"z"}"#);
    }
}
