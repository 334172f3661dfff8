# The commands that people need, for `just`; each is one line that works without it, too.

# Serve the development app on 127.0.0.1:6001.
serve *FLAGS:
    cargo run --release -- serve {{FLAGS}}

# The quick tests: what needs no server process.
test *FILTER:
    cargo nextest run --workspace -E 'not binary(blackbox)' {{FILTER}}

# The tests that talk to a server process, or those of them whose name has FILTER in it.
blackbox *FILTER:
    cargo build
    cargo nextest run -p uringcast-tests --test blackbox {{FILTER}}

# One micro-benchmark: acks, client_events, log, many_cores, rest, shard or ws.
bench NAME *FILTER:
    cargo bench -p uringcast-bench --bench {{NAME}} -- {{FILTER}}

# What is known to be wrong with the crates that we build with; it needs the network.
advisories:
    cargo deny --locked check advisories

# All that must hold before anything is merged.
ci:
    .ci/run
