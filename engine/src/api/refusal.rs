//! What a refused request counts as.

use super::error::RestError;
use super::zintrust::ZinTrustError;
use super::zps::ZpsError;
use crate::shard::{Budget, Refusal};

/// The limit or rule that `error` is about; `None` where the channel's log has counted it.
pub fn counted_as(error: &RestError) -> Option<Refusal> {
    let refusal = match error {
        RestError::PathUnknown
        | RestError::AppUnknown
        | RestError::Method { .. }
        | RestError::UpgradeRequired { .. } => Refusal::Route,
        RestError::SocketKeyUnknown => Refusal::UnknownKey,
        RestError::Signature(_) | RestError::OtherApp => Refusal::Signature,
        RestError::AppDisabled => Refusal::AppDisabled,
        RestError::BodyLength { .. } => Refusal::BodyBytes,
        RestError::DataLength { .. } => Refusal::EventDataBytes,
        RestError::ChannelName(_)
        | RestError::ChannelNameLength { .. }
        | RestError::EventNameEmpty
        | RestError::EventNameLength { .. } => Refusal::ChannelName,
        RestError::ZinTrust(error) => zintrust(error),
        RestError::Zps(error) => return zps(error),
        RestError::Overloaded => Refusal::MailboxBytes,
        RestError::NoLog(_)
        | RestError::LogEventLength { .. }
        | RestError::LogBacklogged
        | RestError::LogWrite => return None,
        RestError::RateLimited(Budget::Publish, _) => Refusal::PublishRate,
        RestError::RateLimited(Budget::Read, _) => Refusal::ReadRate,
        RestError::IdempotencyRunning | RestError::IdempotencyBody => Refusal::Idempotency,
        RestError::Body(_)
        | RestError::BodyIncomplete
        | RestError::BodyEncoding
        | RestError::PathEncoding
        | RestError::SocketId(_)
        | RestError::ChannelsCount { .. }
        | RestError::BatchCount { .. }
        | RestError::NotPresence
        | RestError::InfoUnknown
        | RestError::UserCountUnfit
        | RestError::CacheUnfit
        | RestError::UserIdLength { .. }
        | RestError::IdempotencyKey { .. }
        | RestError::IdempotencyKeyEncoding
        | RestError::IdempotencyKeys => Refusal::Request,
    };
    Some(refusal)
}

const fn zps(error: &ZpsError) -> Option<Refusal> {
    let refusal = match error {
        ZpsError::SecretMissing | ZpsError::SecretUnknown | ZpsError::SecretShared => {
            Refusal::Signature
        }
        ZpsError::Room(_) | ZpsError::Length { .. } => Refusal::ChannelName,
        ZpsError::Payload(_) => Refusal::EventDataBytes,
        ZpsError::Tenant | ZpsError::Middleware(_) => Refusal::PublishPolicy,
        ZpsError::Body(_)
        | ZpsError::Event(_)
        | ZpsError::SnapshotBody(_)
        | ZpsError::Query(_)
        | ZpsError::Empty
        | ZpsError::Batch { .. }
        | ZpsError::EventTypes { .. }
        | ZpsError::ReplayEvents { .. }
        | ZpsError::Replay { .. }
        | ZpsError::Subscriber => Refusal::Request,
        ZpsError::Unkept(_)
        | ZpsError::Snapshot(_)
        | ZpsError::SnapshotsFull
        | ZpsError::Ack(_)
        | ZpsError::NoLog(_)
        | ZpsError::Append(_) => return None,
    };
    Some(refusal)
}

const fn zintrust(error: &ZinTrustError) -> Refusal {
    match error {
        ZinTrustError::AppUnknown => Refusal::Route,
        ZinTrustError::Secret => Refusal::Signature,
        ZinTrustError::AuthAppUnknown => Refusal::UnknownKey,
        ZinTrustError::Fields
        | ZinTrustError::ScopeUnknown
        | ZinTrustError::Scope { .. }
        | ZinTrustError::AuthFields
        | ZinTrustError::UserAuthFields
        | ZinTrustError::AuthAppUnnamed => Refusal::Request,
        ZinTrustError::PolicyRefused { .. }
        | ZinTrustError::PolicyEmptied
        | ZinTrustError::PolicyUnavailable => Refusal::PublishPolicy,
        ZinTrustError::Forbidden | ZinTrustError::AuthUnavailable => Refusal::Authorization,
    }
}
