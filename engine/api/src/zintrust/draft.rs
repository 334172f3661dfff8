//! One event before it is encoded, so that a policy can still change it.

use std::borrow::Cow;

use uringcast_proto::pusher::channel::ChannelKind;
use uringcast_proto::pusher::rest::{
    BatchEvent, EventBody, PublishBody, ZinTrustBody, stringified,
};
use uringcast_shard::app::App;

use super::error::ZinTrustError;
use crate::error::ApiError;
use crate::publish::{ChannelEvent, Publication, Tell, publish};

/// One event and its channels, in the words of its publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZinTrustDraft {
    pub(super) name: String,
    /// The JSON token that came in, of any kind.
    pub(super) data_json: String,
    pub(super) channels: Vec<String>,
    pub(super) socket_id: Option<String>,
    /// What to tell about each channel, not checked yet.
    info: Option<String>,
    form: Form,
}

/// In whose form the publish came, and is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Pusher,
    PusherChannel,
    ZinTrust,
}

impl ZinTrustDraft {
    /// The event of Pusher's publish.
    pub(crate) fn of_pusher(body: &PublishBody<'_>) -> Self {
        Self {
            name: body.event.name.to_string(),
            data_json: body.event.data_json.to_owned(),
            channels: body.channels.iter().map(ToString::to_string).collect(),
            socket_id: body.socket_id.as_ref().map(ToString::to_string),
            info: body.info.as_ref().map(ToString::to_string),
            form: Form::Pusher,
        }
    }

    /// One event of Pusher's batch.
    pub(crate) fn of_batch(event: &BatchEvent<'_>) -> Self {
        Self {
            name: event.event.name.to_string(),
            data_json: event.event.data_json.to_owned(),
            channels: vec![event.channel.to_string()],
            socket_id: event.socket_id.as_ref().map(ToString::to_string),
            info: event.info.as_ref().map(ToString::to_string),
            form: Form::Pusher,
        }
    }

    /// The event of Pusher's deprecated publish, whose body is the data.
    pub(crate) fn of_channel(event: &ChannelEvent, data: &[u8]) -> Result<Self, ApiError> {
        let data = std::str::from_utf8(data).map_err(|_| ApiError::BodyEncoding)?;
        Ok(Self {
            name: event.name.clone(),
            data_json: token(data),
            channels: vec![event.channel.clone()],
            socket_id: event.socket_id.clone(),
            info: None,
            form: Form::PusherChannel,
        })
    }

    /// The event of ZinTrust's publish, its channels with the prefix of its scope.
    pub(crate) fn of_zintrust(body: &[u8]) -> Result<Self, ApiError> {
        let body = ZinTrustBody::parse(body)?;
        if body.name.is_empty() || body.channels.is_empty() {
            return Err(ZinTrustError::Fields.into());
        }
        let scope = body.scope.as_deref().map(Scope::parse).transpose()?;
        let qualified = |channel: &Cow<'_, str>| match scope {
            Some(scope) => scope.qualify(channel),
            None => Ok(channel.to_string()),
        };
        Ok(Self {
            name: body.name.to_string(),
            data_json: body.data_json.to_owned(),
            channels: body.channels.iter().map(qualified).collect::<Result<_, _>>()?,
            socket_id: body.socket_id.as_ref().map(ToString::to_string),
            info: None,
            form: Form::ZinTrust,
        })
    }

    /// Check and encode it.
    pub(crate) fn publish(&self, app: &App) -> Result<(Vec<Publication>, Tell), ApiError> {
        let (name_json, data_json) = (token(&self.name), stringified(&self.data_json));
        let event = EventBody {
            name_json: &name_json,
            name: self.name.as_str().into(),
            data_json: &data_json,
        };
        let channels = self.channels.iter().map(|channel| channel.as_str().into()).collect();
        let [socket_id, info] =
            [&self.socket_id, &self.info].map(|text| text.as_deref().map(Cow::Borrowed));
        let body = PublishBody { event, channels, socket_id, info, id: None };
        let (publications, reply) = publish(app, &body)?;
        let reply = match self.form {
            Form::Pusher => reply,
            Form::PusherChannel => Tell::Accepted,
            Form::ZinTrust => {
                Tell::Deliveries { channels: self.channels.clone(), event: self.name.clone() }
            }
        };
        Ok((publications, reply))
    }
}

/// A kind of channel as ZinTrust names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Public,
    Private,
    Presence,
    /// A public channel here: its name alone says that it is meant to be remembered.
    Persistent,
}

impl Scope {
    fn parse(text: &str) -> Result<Self, ZinTrustError> {
        match text {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            "presence" => Ok(Self::Presence),
            "persistent" => Ok(Self::Persistent),
            _ => Err(ZinTrustError::ScopeUnknown),
        }
    }

    /// The scope that a name has by its prefix.
    fn of(channel: &str) -> Self {
        match ChannelKind::of(channel) {
            ChannelKind::Private | ChannelKind::PrivateEncrypted => Self::Private,
            ChannelKind::Presence => Self::Presence,
            ChannelKind::Public if channel.starts_with(Self::Persistent.prefix()) => {
                Self::Persistent
            }
            ChannelKind::Public => Self::Public,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Presence => "presence",
            Self::Persistent => "persistent",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Public => "",
            Self::Private => "private-",
            Self::Presence => "presence-",
            Self::Persistent => "persistent-",
        }
    }

    /// `channel` with this scope's prefix, which it may have already; another's is a contradiction.
    fn qualify(self, channel: &str) -> Result<String, ZinTrustError> {
        match Self::of(channel) {
            found if found == self => Ok(channel.to_owned()),
            Self::Public => Ok(format!("{}{channel}", self.prefix())),
            Self::Private | Self::Presence | Self::Persistent => {
                Err(ZinTrustError::Scope { scope: self.name(), channel: channel.to_owned() })
            }
        }
    }
}

/// `text` as a JSON string.
fn token(text: &str) -> String {
    serde_json::to_string(text).expect("a string always has a JSON form")
}
