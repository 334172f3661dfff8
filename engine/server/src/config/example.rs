//! The example file: every key at its default, and what an app's table may hold.

use super::Config;
use super::print::write_sections;

/// The text of `uringcast.example.toml`.
pub(super) fn example() -> String {
    let mut text = String::from(HEAD);
    write_sections(&mut text, &Config::default(), |_| None).expect("a string takes any text");
    text.push_str(APPS);
    text
}

const HEAD: &str = "\
# The configuration of uringcast: every key with its default.
#
# Start with `uringcast serve --config FILE`. A flag wins over the environment, the environment over
# this file, this file over the defaults; keep only the keys you change. Unknown keys and values
# that cannot be used are all reported at once, and the server does not start (exit code 64).
# `uringcast config --print` takes the same options and shows each value with its source.
";

const APPS: &str = r#"
# The apps served, one table each. Unit: none. Default: the development app, whose id is app-id, key
# app-key and secret app-secret, and which is served on loopback only. Allowed: 1 to 1000 apps.
# Flag: --app id:key:secret. Environment, for one app, the first of each line that is set:
#   id: PUSHER_APP_ID, BROADCAST_APP_ID, REVERB_APP_ID, SOKETI_DEFAULT_APP_ID
#   key: PUSHER_APP_KEY, BROADCAST_AUTH_KEY, BROADCAST_APP_KEY, REVERB_APP_KEY,
#     SOKETI_DEFAULT_APP_KEY
#   secret: PUSHER_APP_SECRET, BROADCAST_SECRET, BROADCAST_APP_SECRET, REVERB_APP_SECRET,
#     SOKETI_DEFAULT_APP_SECRET
#   publish_secret: BROADCAST_BRIDGE_SECRET, X_ZINTRUST_SOCKET_SEC, BROADCAST_SECRET,
#     PUSHER_APP_SECRET, BROADCAST_APP_SECRET
# A flag or the environment replaces all apps of this file; those of a database (registry.url) are
# served besides. On SIGHUP, and when this file changes, the apps, the section pusher and those keys
# of the section zps that an app may have are read again: what cannot be used changes nothing, and
# connections of apps that have not changed are not touched. Clients of an app that is gone are
# closed with 4001, of a disabled one with 4003. Every other key needs a restart.
#[[apps]]

# In the path of the HTTP API. 1 to 128 letters, digits or any of - . _ ~; no two apps share one.
#id = "my-app"

# Other ids under which publishers know the app, such as the one that a library falls back to.
# Default: []. At most 16.
#id_aliases = ["internal", "local"]

# Key: in the path of websockets; public; as for id. Secret: signs requests and subscriptions; never
# leaves the server; 1 to 256 bytes. Either `key` and `secret`, or `keys` with 1 to 8 of them, all
# good at the same time: to rotate, add the new pair in front, move clients and publishers over,
# then take the old one out. The first is the one this server signs with.
#keys = [{ key = "my-key", secret = "change-me" }, { key = "old-key", secret = "old-secret" }]

# Lets publishers in that send it as a bearer token. Default: the secret of the first key.
#publish_secret = "change-me-too"

# Any key of the section pusher may stand here, too, for this app alone: it wins over the section,
# its flag and its variable.
#client_event_rate = 50

# So may the keys of the section zps from max_connections to cursor_fast_forward, in a table.
#zps = { max_subscriptions = 1000, allow_client_publish = true }

# Where browsers may come from: hosts, * for any part of one, with a port or http:// or https:// or
# without. Default: [], from anywhere. At most 100.
#origins = ["https://example.com", "*.example.org"]

# Connections of the app at which webhooks are told connection_count, on the way up and down; 0 is
# never. Unit: connections. Default: 0. Allowed: 0 to 100000000.
#connection_count_threshold = 1000

# Who decides at POST /broadcasting/auth and /broadcasting/user-auth. Default: "deny". "allow-all":
# everybody, for development. "jwt": a bearer token, signed with jwt_secret (HS256) or for the key
# in PEM of the file jwt_public_key_file (RS256). "webhook": your own server, asked at auth_url.
# Encrypted channels are signed without the shared_secret that their clients need.
#auth = "jwt"
#jwt_secret = "change-me-as-well"

# The URL that is asked before an event of the HTTP API is published, about each event of a batch.
# Default: none.
#publish_policy_url = "https://example.com/publish-policy"

# The server that is asked who may do what with which room of zero-pub-sub, besides what tokens
# say. It is posted {"appId", "subscriberId", "room", "action", "token", "claims"} and allows by
# {"authorized": true}; its answers are kept for zps.authorize_cache_ttl_ms.
#room_auth_url = "https://example.com/rooms"

# Channels with a log: their events are numbered, kept, and sent again to who has missed them. Of
# those that match (* is any part of a name), the first wins. Rooms of zero-pub-sub have one anyway.
# Default: those of log.history. At most 100. events_max: 1 to 100000000, default 10000. bytes_max
# with bookkeeping: 65536 to 4294967295, default 8388608. ttl_s: 1 to 31536000, default 86400.
# catch_up, whether slow subscribers read the log and are not closed: default true.
#history = [{ pattern = "orders-*", events_max = 1000, bytes_max = 1048576, ttl_s = 3600 }]

# Endpoints that are told of what happens, in the form of Pusher's webhooks. At most 20.
#[[apps.webhooks]]

# http:// or https://, without a user or a password.
#url = "https://example.com/webhooks"

# Any of channel_occupied, channel_vacated, member_added, member_removed, client_event, cache_miss,
# subscription_count, connection_count. Default: [], all of them.
#events = ["channel_occupied", "channel_vacated"]

# What the channel's name begins and ends with. Default: "", anything.
#channel_prefix = "private-"
#channel_suffix = "-orders"

# Sent with every request, besides X-Pusher-Key and X-Pusher-Signature. Default: none. At most 32.
#headers = { Authorization = "Bearer change-me" }

# How a request is tried again, if not with pauses from a second to a minute for
# webhook.retry_max_s: any of retry, attempts_max, delay_base_ms and delay_max_ms, as sinks have
# them below. Default: none of them.
#retry = "fixed"

# Servers that are posted every event of rooms of zero-pub-sub, each room's in their order, as
# {"room": "...", "events": [...]}, signed like webhooks; any status from 200 to 299 takes them. At
# most 20. How far a sink has come is remembered under its name.
#[[apps.sinks]]
#name = "orders"

# http:// or https://, without a user or a password.
#url = "https://example.com/orders"

# Names of rooms, * for any part of one. Default: "*", all.
#rooms = "orders:*"

# Sent with every request. Default: none. At most 32.
#headers = { Authorization = "Bearer change-me" }

# Events in one request. Default: 100. Allowed: 1 to 10000. Those of a request that fails are sent
# one by one.
#batch_events_max = 100

# How an event is tried again, and the pauses: "fixed", "linear" or "exponential" (default), the
# first and the longest in milliseconds (0 to 86400000, default 100 and 30000). Given up after
# attempts_max (1 to 1000, default 5), it is a dead letter of its room: GET /rooms/{room}/dlq.
#retry = "exponential"
#attempts_max = 5
#delay_base_ms = 100
#delay_max_ms = 30000

# What becomes of events that come faster than the sink takes them. "pause" (default): they wait in
# the room's log for as long as that keeps them. "drop": they are left out. "buffer": so many wait
# besides those in flight, and the oldest beyond are left out (1 to 100000000, default 1000).
#flow = "buffer"
#buffer_events_max = 1000
"#;
