//! Counting what is done in rooms, and asking the operator's own code whether it may be.

use super::Shard;
use crate::id::AppIndex;
use crate::middleware::{self, Blocked, Call, Chain, Operation};

impl Shard {
    /// Ask `chain` about every operation from here on.
    pub fn set_middleware(&mut self, chain: Chain) {
        self.middleware = Some(chain).filter(|chain| !chain.is_empty());
    }

    /// Count an operation that is about to be carried out, and ask whether it may be.
    ///
    /// # Errors
    /// If the operator's own code blocks it.
    pub fn judge(
        &mut self,
        operation: Operation,
        app: AppIndex,
        room: &str,
        subscriber_id: Option<&str>,
        message: &[u8],
    ) -> Result<(), Blocked> {
        self.counters.operations[operation as usize] += 1;
        let Some(chain) = &self.middleware else { return Ok(()) };
        let app_id = &self.apps.app(app).id;
        let call = Call { operation, app_id, room, subscriber_id, message };
        middleware::judge(chain, &call)
    }
}
