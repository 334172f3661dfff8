//! What the operator has decided about zps connections of all apps; what apps differ in is on
//! their policies.

use uringcast_proto::zps::Provider;

use super::access::Access;
use super::verdicts::RoomAuthLimits;

/// Rooms one connection may enter users into, for each that it may subscribe to.
pub(super) const ENTERED_PER_SUBSCRIPTION: usize = 1;

/// The most types that one subscription may ask for; each is compared with every event.
pub const EVENT_TYPES_MAX: usize = 64;

/// The longest name of a subscriber, in bytes: cursors are kept by it.
pub(super) const SUBSCRIBER_ID_BYTES_MAX: usize = 200;

/// The longest `sub` of a token, in bytes, as `OpenID` has it: cursors are kept by it, too.
pub const SUB_BYTES_MAX: usize = 255;

/// What is the same for all apps.
#[derive(Clone, Debug)]
pub struct RoomRules {
    /// What keeps the logs, as every event's metadata says.
    pub provider: Provider,
    /// Who may use which room.
    pub access: Access,
    /// How apps' own servers are asked, too.
    pub room_auth: RoomAuthLimits,
}

impl Default for RoomRules {
    /// What the configuration has when nothing is configured.
    fn default() -> Self {
        Self {
            provider: Provider("memory"),
            access: Access::default(),
            room_auth: RoomAuthLimits::default(),
        }
    }
}
