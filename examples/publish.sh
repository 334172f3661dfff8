#!/usr/bin/env bash
# Publishes one event with curl, signed as Pusher's documentation says.
#
#   examples/publish.sh
#
# prints the answer, `{}`; whoever has subscribed to room-1 hears `greeting`. uringcast must run with
# its development app; PORT names another port than 6001.
set -euo pipefail

path=/apps/app-id/events
body='{"name":"greeting","channel":"room-1","data":"{\"text\":\"hello from curl\"}"}'
md5=$(printf %s "$body" | openssl md5 -r | cut -d ' ' -f 1)
query="auth_key=app-key&auth_timestamp=$(date +%s)&auth_version=1.0&body_md5=$md5"
signature=$(printf 'POST\n%s\n%s' "$path" "$query" |
    openssl dgst -sha256 -hmac app-secret -r | cut -d ' ' -f 1)
curl --silent --show-error --fail-with-body --json "$body" \
    "http://127.0.0.1:${PORT:-6001}$path?$query&auth_signature=$signature"
echo
