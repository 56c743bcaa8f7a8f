//! What went wrong, as one sentence with a hint, and the exit code it means.

use std::fmt;
use std::path::Path;

use widelimit::Kind;
use widelimit::arch::Error as NetworkError;
use widelimit::data::Error as DataError;
use widelimit::learn::Error as LearnError;
use widelimit::linalg::Error as LinalgError;

use crate::args::{Command, GraphCommand};

/// One failure.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
    remedy: Option<Remedy>,
}

/// What would help; how to do it depends on the command.
#[derive(Clone, Copy, Debug)]
enum Remedy {
    Memory,
    Ridge,
    Scale,
}

impl Failure {
    fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), hint: None, remedy: None }
    }

    /// A memory limit that is too small (exit code 5).
    pub fn memory(message: impl Into<String>) -> Failure {
        Failure { remedy: Some(Remedy::Memory), ..Failure::resource(message) }
    }

    /// A file that the system does not let be written.
    pub fn writing(path: &Path, source: std::io::Error) -> Failure {
        DataError::Io { action: "write", path: path.to_owned(), source }.into()
    }

    /// A usage error (exit code 2).
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Usage, message)
    }

    /// Bad data (exit code 3).
    pub fn data(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Data, message)
    }

    /// A limit reached (exit code 5).
    pub fn resource(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Resource, message)
    }

    /// A numerical failure (exit code 4).
    pub fn numerical(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Numerical, message)
    }

    /// What a failed process of our own meant by its exit code.
    pub fn of_process(code: Option<i32>, message: impl Into<String>) -> Failure {
        let kind = match code {
            Some(2) => Kind::Usage,
            Some(3) => Kind::Data,
            Some(4) => Kind::Numerical,
            Some(6) => return Failure::interrupted(),
            _ => Kind::Resource,
        };
        Failure::new(kind, message)
    }

    /// Stopped by the user (exit code 6).
    pub fn interrupted() -> Failure {
        Failure::new(Kind::Interrupted, "interrupted; nothing was left half-written")
    }

    /// The same with a hint on what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the hint that this command allows.
    pub fn in_command(self, command: &Command) -> Failure {
        let hint = match (self.remedy, command) {
            (None, _) => return self,
            (Some(Remedy::Memory), Command::Kernel(_)) => {
                "allow more with --memory, or ask `widelimit plan` what is needed"
            }
            (Some(Remedy::Memory), Command::Graph(GraphCommand::Kernel(_))) => {
                "allow more with --memory, or ask `widelimit graph plan` what is needed"
            }
            (Some(Remedy::Memory), _) => "allow more with --memory",
            (Some(Remedy::Ridge), Command::Fit(_) | Command::Graph(GraphCommand::Fit(_))) => {
                "a larger --ridge may help"
            }
            (Some(Remedy::Ridge), _) => "a model fitted with a larger --ridge may help",
            (Some(Remedy::Scale), Command::Graph(_)) => {
                "--scale degree and fewer --layers keep numbers small"
            }
            (Some(Remedy::Scale), _) => "inputs of smaller scale may help",
        };
        if self.hint.is_some() { self } else { self.hint(hint) }
    }

    /// What the process returns.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Data => 3,
            Kind::Numerical => 4,
            Kind::Resource | Kind::Storage => 5,
            Kind::Interrupted => 6,
        }
    }
}

impl From<widelimit::Error> for Failure {
    fn from(error: widelimit::Error) -> Failure {
        let kind = error.kind();
        if kind == Kind::Interrupted {
            return Failure::interrupted();
        }
        let remedy = match &error {
            widelimit::Error::MemoryLimit { .. } => Some(Remedy::Memory),
            widelimit::Error::Learn(LearnError::NotPositiveDefinite { .. })
            | widelimit::Error::Linalg(LinalgError::NotPositiveDefinite { .. }) => {
                Some(Remedy::Ridge)
            }
            _ if kind == Kind::Numerical => Some(Remedy::Scale),
            _ => None,
        };
        let failure = Failure { remedy, ..Failure::new(kind, error.to_string()) };
        match error {
            widelimit::Error::Network(NetworkError::WrongAxes { .. }) => failure.hint(
                "images are arrays (n, height, width, channels), sequences (n, length, channels)",
            ),
            _ => failure,
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Failure {
        widelimit::Error::from(error).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}
