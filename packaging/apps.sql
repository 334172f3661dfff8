-- The apps of uringcast in a database, PostgreSQL or SQLite: `registry.url` names it.
--
-- The table is read whole when the server starts, and again every `registry.refresh_s` seconds: no
-- index is needed but for what must be unique. What cannot be used is reported, changes nothing, and
-- is counted as uringcast_refusals_total{limit="reload"}; so is a database that cannot be read. The
-- server only reads, so a role with SELECT on this table is enough.

CREATE TABLE apps (
    -- In the path of the HTTP API. 1 to 128 letters, digits or any of - . _ ~
    id TEXT PRIMARY KEY,
    -- In the path of websockets; as for id. NULL if the settings have `keys`.
    "key" TEXT UNIQUE,
    -- Signs requests and subscriptions, 1 to 256 bytes. NULL if the settings have `keys`.
    secret TEXT,
    -- Whether anybody may connect or publish; clients are closed with 4003 when it becomes false.
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    -- Every other key of an app's table in uringcast.example.toml, in TOML, or in JSON if it begins
    -- with a brace. With PostgreSQL it may be JSONB.
    settings TEXT NOT NULL DEFAULT ''
);

-- For example:
--   INSERT INTO apps (id, "key", secret, settings)
--   VALUES ('my-app', 'my-key', 'change-me', '{"client_event_rate": 50}');
-- Keys are rotated in the settings:
--   UPDATE apps SET "key" = NULL, secret = NULL, settings = '{"keys": [
--     {"key": "new-key", "secret": "new-secret"}, {"key": "my-key", "secret": "change-me"}]}'
--   WHERE id = 'my-app';
