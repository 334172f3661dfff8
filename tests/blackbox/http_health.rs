//! What load balancers and the operator ask.

use serde_json::json;
use uringcast_tests::{Client, Http, Opcode, Options, Raw, Server};

#[test]
fn a_server_that_is_up_and_ready_says_so_on_both_ports() {
    let server = Server::start(Options::new());
    let mut public = Http::connect(server.address());
    let up = public.get("/up");
    assert_eq!((up.status, up.json()), (200, json!({"health": "OK"})));
    let ready = public.get("/ready");
    assert_eq!((ready.status, ready.json()), (200, json!({"ready": true})));
    let ready = Http::connect(server.metrics_address()).get("/ready");
    assert_eq!((ready.status, ready.json()), (200, json!({"ready": true})));
}

/// The client does not answer its close frame, so the drain takes its whole time.
#[test]
fn a_server_that_drains_is_up_and_not_ready() {
    let server = Server::start(Options::new().config("connection.close_timeout_s = 60"));
    let mut client = Raw::upgrade(server.address(), "/app/app-key?protocol=7");
    client.expect_event("pusher:connection_established");
    let mut http = Http::connect(server.address());
    let mut last = Http::connect(server.address());
    assert_eq!([http.get("/ready").status, last.get("/ready").status], [200, 200]);
    server.signal(libc::SIGTERM);
    assert_eq!(client.frame().opcode, Opcode::CLOSE);
    let ready = http.get("/ready");
    assert_eq!((ready.status, ready.json()), (503, json!({"ready": false, "cause": "draining"})));
    assert_eq!(ready.header("connection"), Some("close"));
    assert_eq!(last.get("/up").status, 200);
}

/// Any process takes more than 1 MiB.
#[test]
fn a_server_over_its_memory_is_not_ready() {
    let server = Server::start(Options::new().config("server.memory_mib_max = 1"));
    let ready = Http::connect(server.address()).get("/ready");
    assert_eq!((ready.status, ready.json()), (503, json!({"ready": false, "cause": "memory"})));
    assert_eq!(Http::connect(server.address()).get("/up").status, 200);
    let roomy = Server::start(Options::new().config("server.memory_mib_max = 100000"));
    assert_eq!(Http::connect(roomy.address()).get("/ready").status, 200);
}

#[test]
fn the_usage_is_for_the_operator_alone() {
    let server = Server::start(Options::new().cores(2).config("server.memory_mib_max = 1000"));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.subscribe("room");
    }
    let response = Http::connect(server.metrics_address()).get("/usage");
    assert_eq!(response.header("content-type"), Some("application/json"));
    let usage = response.json();
    assert_eq!((&usage["connections"], &usage["subscriptions"]), (&json!(3), &json!(3)));
    assert_eq!(usage["channels"], 1);
    let memory = &usage["memory"];
    assert_eq!(memory["total"], 1000 << 20);
    assert!(memory["used"].as_u64().unwrap() > 1 << 20, "{memory}");
    let cores = usage["cores"].as_array().unwrap();
    assert_eq!([&cores[0]["core"], &cores[1]["core"]], [0, 1]);
    let sum: u64 = cores.iter().map(|core| core["connections"].as_u64().unwrap()).sum();
    assert_eq!(sum, 3);
    assert_eq!(Http::connect(server.address()).get("/usage").status, 404);
}
