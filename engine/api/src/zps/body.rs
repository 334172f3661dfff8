//! Events as a publisher sends them, and the limits of what it may name.

use bytes::Bytes;
use uringcast_dialect::zps::kept;
use uringcast_proto::zps::Provider;
use uringcast_proto::zps::client::Event;
use uringcast_proto::zps::http::{Events, EventsError, has_tenant};
use uringcast_shard::app::AppPolicy;
use uringcast_shard::id::AppIndex;
use uringcast_shard::log::Draft;

use super::error::ZpsError;
use super::room::check_room;
use crate::config::ZpsApiConfig;
use crate::error::ApiError;

/// Events as they came, for one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZpsEvents {
    /// The app.
    pub(super) app: AppIndex,
    pub(super) limits: Limits,
    pub(super) body: Bytes,
}

/// What the app's events may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of a room's name.
    pub(super) room: u32,
    /// Bytes of a type.
    event_type: u32,
    /// Bytes of one event.
    payload: u32,
    is_tenant_required: bool,
}

impl Limits {
    pub(super) const fn of(policy: &AppPolicy) -> Self {
        Self {
            room: policy.channel_name_max,
            event_type: policy.event_name_max,
            payload: policy.zps.max_payload_bytes,
            is_tenant_required: policy.zps.require_tenant,
        }
    }
}

impl ZpsEvents {
    /// The events, each with its room; whether they came as an array.
    ///
    /// `random` names those without an id, as of `now_unix_ms`.
    pub(super) fn drafts(
        &self,
        config: &ZpsApiConfig,
        now_unix_ms: u64,
        random: u64,
    ) -> Result<(Vec<(String, Draft)>, bool), ApiError> {
        let (events, is_array) = self.read(config)?;
        let randoms = (0_u64..).map(|index| random.wrapping_add(index << 1));
        let drafts = events.iter().zip(randoms).map(|(event, random)| {
            let draft = event.draft(now_unix_ms, random, Provider(config.provider));
            Ok((event.room.to_string(), kept(draft.map_err(ZpsError::Event)?)))
        });
        Ok((drafts.collect::<Result<_, ApiError>>()?, is_array))
    }

    /// The one event that is not kept: its room and its frame.
    pub(super) fn ephemeral(
        &self,
        config: &ZpsApiConfig,
        now_unix_ms: u64,
        random: u64,
    ) -> Result<(String, Bytes), ApiError> {
        let events_max = 1;
        let (events, _) = self.read(&ZpsApiConfig { events_max, ..config.clone() })?;
        let event = events.first().ok_or(ZpsError::Empty)?;
        let frame = event.ephemeral(now_unix_ms, random).map_err(ZpsError::Event)?;
        Ok((event.room.to_string(), frame))
    }

    fn read(&self, config: &ZpsApiConfig) -> Result<(Vec<Event<'_>>, bool), ApiError> {
        let body = Events::parse(text(&self.body)?, config.events_max);
        let Events { events, is_array } = body.map_err(|error| match error {
            EventsError::Event(error) => ZpsError::Body(error),
            EventsError::Count { events_max } => ZpsError::Batch { events_max },
        })?;
        if events.is_empty() {
            return Err(ZpsError::Empty.into());
        }
        for (event, bytes) in &events {
            if *bytes > self.limits.payload as usize {
                return Err(ZpsError::Payload(*bytes).into());
            }
            check_room(&event.room, self.limits.room)?;
            check_length("event.type", &event.event_type, self.limits.event_type)?;
            if self.limits.is_tenant_required && !has_tenant(event) {
                return Err(ZpsError::Tenant.into());
            }
        }
        Ok((events.into_iter().map(|(event, _)| event).collect(), is_array))
    }
}

pub(super) fn check_length(
    field: &'static str,
    text: &str,
    bytes_max: u32,
) -> Result<(), ZpsError> {
    if text.len() > bytes_max as usize {
        return Err(ZpsError::Length { field, bytes_max });
    }
    Ok(())
}

pub(super) fn text(body: &[u8]) -> Result<&str, ApiError> {
    std::str::from_utf8(body).map_err(|_| ApiError::BodyEncoding)
}
