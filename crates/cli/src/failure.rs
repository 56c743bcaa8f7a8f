//! What went wrong, as one sentence with a hint, and the exit code it means.

use std::fmt;

use widelimit::Kind;

/// One failure.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), hint: None }
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
        let failure = Failure::new(kind, error.to_string());
        match kind {
            Kind::Numerical => failure.hint("a larger --ridge or inputs of smaller scale may help"),
            Kind::Resource => {
                failure.hint("allow more with --memory, or ask `widelimit plan` what is needed")
            }
            _ => failure,
        }
    }
}

impl From<widelimit::data::Error> for Failure {
    fn from(error: widelimit::data::Error) -> Failure {
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
