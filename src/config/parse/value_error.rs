//! Why a value of proxy.toml is not what its key needs. The reader of the key adds the place.

use toml::de::DeValue;

/// Why a value is not what its key needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct ValueError {
    /// What is wrong, as a whole sentence about the value.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: Option<String>,
}

impl ValueError {
    pub(in crate::config) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(in crate::config) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The value is of another TOML type than `wanted`, which reads as `a string`.
    pub(in crate::config) fn wrong_type(wanted: &str, found: &DeValue<'_>) -> Self {
        let article = if found.type_str().starts_with(['a', 'i']) { "an" } else { "a" };
        Self::new(format!("expected {wanted}, found {article} {}", found.type_str()))
    }
}
