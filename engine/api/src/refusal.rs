//! What a refused request counts as.

use uringcast_shard::{Budget, Refusal};

use super::error::ApiError;
use super::zintrust::ZinTrustError;
use super::zps::ZpsError;

/// The limit or rule that `error` is about; `None` where the channel's log has counted it.
pub fn counted_as(error: &ApiError) -> Option<Refusal> {
    let refusal = match error {
        ApiError::PathUnknown
        | ApiError::AppUnknown
        | ApiError::Method { .. }
        | ApiError::UpgradeRequired { .. } => Refusal::Route,
        ApiError::SocketKeyUnknown => Refusal::UnknownKey,
        ApiError::Signature(_) | ApiError::OtherApp => Refusal::Signature,
        ApiError::AppDisabled => Refusal::AppDisabled,
        ApiError::BodyLength { .. } => Refusal::BodyBytes,
        ApiError::DataLength { .. } => Refusal::EventDataBytes,
        ApiError::ChannelName(_)
        | ApiError::ChannelNameLength { .. }
        | ApiError::EventNameEmpty
        | ApiError::EventNameLength { .. } => Refusal::ChannelName,
        ApiError::ZinTrust(error) => zintrust(error),
        ApiError::Zps(error) => return zps(error),
        ApiError::Overloaded => Refusal::MailboxBytes,
        ApiError::NoLog(_)
        | ApiError::LogEventLength { .. }
        | ApiError::LogBacklogged
        | ApiError::LogWrite => return None,
        ApiError::RateLimited(Budget::Publish, _) => Refusal::PublishRate,
        ApiError::RateLimited(Budget::Read, _) => Refusal::ReadRate,
        ApiError::IdempotencyRunning | ApiError::IdempotencyBody => Refusal::Idempotency,
        ApiError::Body(_)
        | ApiError::BodyIncomplete
        | ApiError::BodyEncoding
        | ApiError::PathEncoding
        | ApiError::SocketId(_)
        | ApiError::ChannelsCount { .. }
        | ApiError::BatchCount { .. }
        | ApiError::NotPresence
        | ApiError::InfoUnknown
        | ApiError::UserCountUnfit
        | ApiError::CacheUnfit
        | ApiError::UserIdLength { .. }
        | ApiError::IdempotencyKey { .. }
        | ApiError::IdempotencyKeyEncoding
        | ApiError::IdempotencyKeys => Refusal::Request,
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
