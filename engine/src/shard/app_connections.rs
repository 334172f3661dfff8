//! How many websockets each app has on one core.

use crate::id::AppIndex;

/// Websockets by app: open ones and those that are being closed.
#[derive(Debug, Default)]
pub(super) struct AppConnections(Vec<u32>);

impl AppConnections {
    /// How many are here.
    pub(super) fn of(&self, app: AppIndex) -> u32 {
        self.0.get(usize::from(app.0)).copied().unwrap_or_default()
    }

    /// There is one more.
    pub(super) fn enter(&mut self, app: AppIndex) {
        let index = usize::from(app.0);
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        self.0[index] += 1;
    }

    /// One has gone.
    pub(super) fn leave(&mut self, app: AppIndex) {
        self.0[usize::from(app.0)] -= 1;
    }
}
