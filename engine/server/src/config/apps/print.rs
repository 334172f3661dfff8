//! An app as a table of the file, with its secrets masked.

use std::fmt::{self, Write};

use uringcast_proto::secret::Secret;

use super::super::form::SECRET_MASK;
use super::super::keys::KEYS;
use super::super::print::{one_line, quoted};
use super::AppOrigin;
use crate::app::{
    App, AuthPolicy, Flow, HistoryRule, JwtKey, RetryPolicy, Sink, Webhook, WebhookEvent,
};

/// Write `app`, which is from `origin`.
pub(in super::super) fn write(out: &mut impl Write, app: &App, origin: &AppOrigin) -> fmt::Result {
    writeln!(out, "\n[[apps]] # {}", one_line(&origin.source))?;
    writeln!(out, "id = {}", quoted(&app.id))?;
    if !app.id_aliases.is_empty() {
        writeln!(out, "id_aliases = [{}]", list(app.id_aliases.iter().map(String::as_str)))?;
    }
    write_keys(out, app)?;
    write_own(out, app, origin, None)?;
    writeln!(out, "origins = [{}]", list(app.origins.iter().map(String::as_str)))?;
    writeln!(out, "connection_count_threshold = {}", app.connection_count_threshold)?;
    write_auth(out, &app.auth, origin.public_key_file.as_deref())?;
    if let Some(url) = &app.publish_policy_url {
        writeln!(out, "publish_policy_url = {}", quoted(url))?;
    }
    if let Some(url) = &app.room_auth_url {
        writeln!(out, "room_auth_url = {}", quoted(url))?;
    }
    write_history(out, &app.history)?;
    if origin.own.iter().any(|(index, _)| KEYS[*index].app_table() == Some("zps")) {
        out.write_str("\n[apps.zps]\n")?;
        write_own(out, app, origin, Some("zps"))?;
    }
    app.webhooks.iter().try_for_each(|webhook| write_webhook(out, webhook))?;
    app.sinks.iter().try_for_each(|sink| write_sink(out, sink))
}

/// Write the keys of its own that stand in its table called `table`, or in its own.
fn write_own(
    out: &mut impl Write,
    app: &App,
    origin: &AppOrigin,
    table: Option<&str>,
) -> fmt::Result {
    for (index, source) in &origin.own {
        let key = &KEYS[*index];
        if key.app_table() != table {
            continue;
        }
        let field = key.policy_field().expect("own keys are keys of the policy");
        writeln!(out, "{} = {} # {}", key.name, field.shown(&app.policy), one_line(source))?;
    }
    Ok(())
}

fn write_keys(out: &mut impl Write, app: &App) -> fmt::Result {
    if let [only] = &*app.keys {
        writeln!(out, "key = {}\nsecret = \"{SECRET_MASK}\"", quoted(&only.key))?;
    } else {
        out.write_str("keys = [\n")?;
        for key in &app.keys {
            writeln!(out, "  {{ key = {}, secret = \"{SECRET_MASK}\" }},", quoted(&key.key))?;
        }
        out.write_str("]\n")?;
    }
    match &app.publish_secret {
        Some(_) => writeln!(out, "publish_secret = \"{SECRET_MASK}\""),
        None => Ok(()),
    }
}

fn write_auth(out: &mut impl Write, auth: &AuthPolicy, file: Option<&str>) -> fmt::Result {
    match auth {
        AuthPolicy::Deny => writeln!(out, "auth = \"deny\""),
        AuthPolicy::AllowAll => writeln!(out, "auth = \"allow-all\""),
        AuthPolicy::Jwt(JwtKey::Hs256(_)) => {
            writeln!(out, "auth = \"jwt\"\njwt_secret = \"{SECRET_MASK}\"")
        }
        AuthPolicy::Jwt(JwtKey::Rs256(_)) => {
            let file = quoted(file.unwrap_or_default());
            writeln!(out, "auth = \"jwt\"\njwt_public_key_file = {file}")
        }
        AuthPolicy::Webhook(url) => {
            writeln!(out, "auth = \"webhook\"\nauth_url = {}", quoted(url))
        }
    }
}

fn write_history(out: &mut impl Write, rules: &[HistoryRule]) -> fmt::Result {
    out.write_str("history = [\n")?;
    for HistoryRule { pattern, events_max, bytes_max, ttl_s, catch_up } in rules {
        write!(out, "  {{ pattern = {}, events_max = {events_max}, ", quoted(pattern))?;
        writeln!(out, "bytes_max = {bytes_max}, ttl_s = {ttl_s}, catch_up = {catch_up} }},")?;
    }
    out.write_str("]\n")
}

fn write_webhook(out: &mut impl Write, webhook: &Webhook) -> fmt::Result {
    let name = |event: &WebhookEvent| event.name();
    writeln!(out, "\n[[apps.webhooks]]\nurl = {}", quoted(&webhook.url))?;
    writeln!(out, "events = [{}]", list(webhook.events.iter().map(name)))?;
    writeln!(out, "channel_prefix = {}", quoted(&webhook.channel_prefix))?;
    writeln!(out, "channel_suffix = {}", quoted(&webhook.channel_suffix))?;
    write_headers(out, &webhook.headers)?;
    webhook.retry.iter().try_for_each(|retry| write_retry(out, retry))
}

fn write_sink(out: &mut impl Write, sink: &Sink) -> fmt::Result {
    let Sink { name, url, rooms, headers, retry, flow, batch_events_max } = sink;
    writeln!(out, "\n[[apps.sinks]]\nname = {}\nurl = {}", quoted(name), quoted(url))?;
    writeln!(out, "rooms = {}", quoted(rooms))?;
    write_headers(out, headers)?;
    write_retry(out, retry)?;
    match flow {
        Flow::Pause => writeln!(out, "flow = \"pause\"")?,
        Flow::Drop => writeln!(out, "flow = \"drop\"")?,
        Flow::Buffer { events_max } => {
            writeln!(out, "flow = \"buffer\"\nbuffer_events_max = {events_max}")?;
        }
    }
    writeln!(out, "batch_events_max = {batch_events_max}")
}

fn write_retry(out: &mut impl Write, retry: &RetryPolicy) -> fmt::Result {
    let RetryPolicy { backoff, attempts_max, delay_base_ms, delay_max_ms } = retry;
    writeln!(out, "retry = {}\nattempts_max = {attempts_max}", quoted(backoff.name()))?;
    writeln!(out, "delay_base_ms = {delay_base_ms}\ndelay_max_ms = {delay_max_ms}")
}

fn write_headers(out: &mut impl Write, headers: &[(String, Secret)]) -> fmt::Result {
    // A header may be a token.
    let header = |(name, _): &(String, Secret)| format!("{} = \"{SECRET_MASK}\"", quoted(name));
    let headers: Vec<String> = headers.iter().map(header).collect();
    writeln!(out, "headers = {{ {} }}", headers.join(", "))
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(quoted).collect::<Vec<_>>().join(", ")
}
