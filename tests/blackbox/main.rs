//! The server seen from outside, one module per chapter of the wire's description.
//!
//! Every test starts a server of its own on free ports, so all of them run side by side. A test
//! that claims that something does *not* arrive sends a marker after it and finds the marker
//! first: order per channel and per connection makes that a proof, and no test sleeps for it.

mod action_log;
mod activity;
mod admission;
mod bad_frames;
mod bad_input;
mod cache;
mod client_events;
mod closing;
mod cores;
mod deflate;
mod drain;
mod echo;
mod floods;
mod handshake;
mod http_auth;
mod http_channels;
mod http_cors;
mod http_health;
mod http_idempotency;
mod http_info;
mod http_publish;
mod http_rates;
mod http_routes;
mod http_users;
mod later_requests;
mod leaks;
mod lifecycle;
mod limits;
mod log_disk;
mod log_file;
mod log_http;
mod log_limits;
mod metrics;
mod order;
mod presence;
mod pusher_log;
mod pusher_log_slow;
mod registry;
mod registry_sql;
mod slow_and_alive;
mod slow_consumer;
mod subscribe;
mod subscription_count;
mod users;
mod watchlist;
mod zintrust;
mod zps_authorize;
mod zps_gateway;
mod zps_golden;
mod zps_health;
mod zps_http;
mod zps_identity;
mod zps_limits;
mod zps_paths;
mod zps_policy;
mod zps_presence;
mod zps_rooms;
mod zps_sinks;
mod zps_slow;
mod zps_sse;
