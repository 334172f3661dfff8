//! The section `logging`: what the process writes to standard error about what clients do.

/// What is written, and what of it is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingConfig {
    /// Whether everything that is done in rooms is a line of JSON. Default false: it reads every
    /// message once more.
    pub actions: bool,
    /// Fields whose values are not shown, between commas, whatever case they are written in and
    /// however deep they are. Default those that the original masks.
    pub mask_fields: String,
    /// Lines that wait to be written; more are left out, and counted. Default 1024: 4 MiB at most.
    pub lines_max: u32,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        Self { actions: false, mask_fields: "password,cardNumber,cvv".to_owned(), lines_max: 1024 }
    }
}
