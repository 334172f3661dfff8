//! Which attributes of a channel a request asks for with `info`, and which it may ask for.
//!
//! Asking for what a channel cannot have is a mistake, and hosted Pusher says so with a 400.

use uringcast_proto::pusher::channel::{ChannelKind, is_cache_channel};
use uringcast_proto::pusher::rest::{CachedEvent, ChannelAttributes};
use uringcast_shard as shard;

use super::error::ApiError;

/// The attributes that a request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Info {
    /// Subscribed connections.
    pub subscription_count: bool,
    /// Users; told for presence channels only.
    pub user_count: bool,
    /// The event that a cache channel holds.
    pub cache: bool,
}

/// What the engine knows about one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChannelInfo {
    /// The channel's name.
    pub name: String,
    /// Subscribed connections, 0 if nobody is there.
    pub subscription_count: u32,
    /// Users of a presence channel; `None` for other kinds.
    pub user_count: Option<u32>,
    /// What a cache channel holds: `data` as the JSON token that was published, and the seconds
    /// until it is forgotten.
    pub cache: Option<(String, u32)>,
}

/// How many were in a channel when an event was published to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Occupancy {
    /// Subscribed connections.
    pub subscription_count: u32,
    /// Users of a presence channel; `None` for other kinds.
    pub user_count: Option<u32>,
}

impl Info {
    /// Read the comma-separated names of the `info` parameter.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, ApiError> {
        let mut info = Self::default();
        let names = text.unwrap_or_default().split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            match name {
                "subscription_count" => info.subscription_count = true,
                "user_count" => info.user_count = true,
                "cache" => info.cache = true,
                _ => return Err(ApiError::InfoUnknown),
            }
        }
        Ok(info)
    }

    /// What a publish may ask for: a channel without users is just not counted.
    pub(super) fn parse_for_publish(text: Option<&str>) -> Result<Self, ApiError> {
        let info = Self::parse(text)?;
        if info.cache { Err(ApiError::CacheUnfit) } else { Ok(info) }
    }

    /// What a list of the channels that begin with `prefix` may tell.
    pub(super) fn parse_for_list(
        text: Option<&str>,
        prefix: Option<&str>,
    ) -> Result<Self, ApiError> {
        let info = Self::parse_for_publish(text)?;
        let is_presence = prefix.is_some_and(|prefix| prefix.starts_with(PRESENCE_PREFIX));
        if info.user_count && !is_presence { Err(ApiError::UserCountUnfit) } else { Ok(info) }
    }

    /// What one channel may tell.
    pub(super) fn parse_for_channel(
        text: Option<&str>,
        name: &str,
        kind: ChannelKind,
    ) -> Result<Self, ApiError> {
        let info = Self::parse(text)?;
        if info.user_count && kind != ChannelKind::Presence {
            return Err(ApiError::UserCountUnfit);
        }
        if info.cache && !is_cache_channel(name) {
            return Err(ApiError::CacheUnfit);
        }
        Ok(info)
    }

    /// Whether anything is asked for.
    pub(super) fn is_any(self) -> bool {
        self != Self::default()
    }
}

impl From<shard::ChannelInfo> for ChannelInfo {
    fn from(it: shard::ChannelInfo) -> Self {
        Self {
            name: it.name.to_string(),
            subscription_count: it.subscription_count,
            user_count: it.user_count,
            cache: it.cache.map(|cached| (cached.data_json.into(), cached.ttl_s)),
        }
    }
}

impl ChannelInfo {
    pub(super) fn attributes(&self, info: Info) -> ChannelAttributes<'_> {
        let cached = self.cache.as_ref();
        let cached = cached.map(|(data_json, ttl_s)| CachedEvent { data_json, ttl_s: *ttl_s });
        let occupancy =
            Occupancy { subscription_count: self.subscription_count, user_count: self.user_count };
        ChannelAttributes { cache: info.cache.then_some(cached), ..occupancy.attributes(info) }
    }
}

impl Occupancy {
    pub(super) fn attributes(self, info: Info) -> ChannelAttributes<'static> {
        ChannelAttributes {
            subscription_count: info.subscription_count.then_some(self.subscription_count),
            user_count: self.user_count.filter(|_| info.user_count),
            cache: None,
        }
    }
}

const PRESENCE_PREFIX: &str = "presence-";

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: Info = Info { subscription_count: false, user_count: true, cache: false };

    fn check_refused(result: Result<Info, ApiError>, words: &str) {
        let error = result.unwrap_err();
        assert_eq!((error.status(), error.to_string().contains(words)), (400, true), "{error}");
    }

    #[test]
    fn names_are_separated_by_commas_and_may_have_spaces() {
        let all = Info { subscription_count: true, user_count: true, cache: true };
        assert_eq!(Info::parse(Some("user_count, subscription_count,cache")).unwrap(), all);
        assert_eq!(Info::parse(Some("user_count,user_count,")).unwrap(), USERS);
        assert_eq!(Info::parse(Some("")).unwrap(), Info::default());
        assert_eq!(Info::parse(None).unwrap(), Info::default());
    }

    #[test]
    fn a_name_that_no_attribute_has_is_refused() {
        for text in ["user_counts", "user_count,occupied", "User_count", "user_count subscriptions"]
        {
            check_refused(Info::parse(Some(text)), "no such attribute");
        }
    }

    #[test]
    fn a_publish_and_a_list_have_no_cache() {
        check_refused(Info::parse_for_publish(Some("cache")), "cache channel");
        check_refused(Info::parse_for_list(Some("cache"), Some("cache-")), "cache channel");
        assert_eq!(Info::parse_for_publish(Some("user_count")).unwrap(), USERS);
    }

    #[test]
    fn a_list_counts_users_only_if_all_its_channels_have_some() {
        let list = |prefix| Info::parse_for_list(Some("user_count"), prefix);
        assert_eq!(list(Some("presence-")).unwrap(), USERS);
        assert_eq!(list(Some("presence-room")).unwrap(), USERS);
        check_refused(list(Some("presence")), "presence channels");
        check_refused(list(Some("private-")), "presence channels");
        check_refused(list(None), "presence channels");
    }

    #[test]
    fn one_channel_tells_what_its_kind_has() {
        let ask = |text, name| Info::parse_for_channel(Some(text), name, ChannelKind::of(name));
        assert!(ask("user_count,subscription_count", "presence-a").is_ok());
        check_refused(ask("user_count", "a"), "presence channels");
        check_refused(ask("user_count", "private-a"), "presence channels");
        for name in ["cache-a", "private-cache-a", "private-encrypted-cache-a", "presence-cache-a"]
        {
            assert!(ask("cache", name).is_ok(), "{name}");
        }
        for name in ["a", "a-cache-b", "private-a-cache-b", "presence-private-cache-a", "cache"] {
            check_refused(ask("cache", name), "cache channel");
        }
    }
}
