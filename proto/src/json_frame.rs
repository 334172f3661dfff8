//! Text frames that are written as JSON, piece by piece.

use bytes::Bytes;

use crate::json::escape_into;
use crate::ws::encode::TextFrame;

/// A text frame under construction, whose pieces are JSON.
pub(crate) struct JsonFrame(TextFrame);

impl JsonFrame {
    /// An empty frame; what it is announced to hold is what it costs one allocation to hold.
    pub(crate) fn with_capacity(payload_bytes: usize) -> Self {
        Self(TextFrame::with_capacity(payload_bytes))
    }

    /// Append JSON as it is.
    pub(crate) fn raw(mut self, json: &str) -> Self {
        self.0.buffer().extend_from_slice(json.as_bytes());
        self
    }

    /// Append text as it stands between the quotes of a JSON string.
    pub(crate) fn text(mut self, text: &str) -> Self {
        escape_into(self.0.buffer(), text);
        self
    }

    /// Append a number.
    pub(crate) fn number(mut self, number: u64) -> Self {
        let mut digits = itoa::Buffer::new();
        self.0.buffer().extend_from_slice(digits.format(number).as_bytes());
        self
    }

    /// Append JSON that is written by `write`.
    pub(crate) fn with(mut self, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(self.0.buffer());
        self
    }

    /// The frame, header included.
    pub(crate) fn finish(self) -> Bytes {
        self.0.finish()
    }
}
