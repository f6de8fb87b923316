//! Why a value of proxy.toml is not what its key needs. Never knows where it stands: whoever reads the key does.

use toml::de::DeValue;

/// Why a value is not what its key needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What is wrong, as a whole sentence about the value.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: Option<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The value is of another TOML type than `wanted`, which reads as `a string`.
    pub(super) fn wrong_type(wanted: &str, found: &DeValue<'_>) -> Self {
        let article = if found.type_str().starts_with(['a', 'i']) { "an" } else { "a" };
        Self::new(format!("expected {wanted}, found {article} {}", found.type_str()))
    }
}
