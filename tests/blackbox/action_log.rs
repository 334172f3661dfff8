//! Lines about what is done in rooms, without what is nobody's business.

use serde_json::{Value, json};
use uringcast_tests::{Http, Options, Server, Zps};

fn lines(errors: &str) -> Vec<Value> {
    let lines = errors.lines().filter_map(|line| serde_json::from_str(line).ok());
    lines.filter(|line: &Value| line.get("action").is_some()).collect()
}

fn talk(server: &Server) {
    let mut zps = Zps::connect(server, "ann");
    zps.subscribe("r:1");
    let payload = json!({"card": {"cardNumber": "4111", "Name": "Ann"}, "password": "secret-1"});
    zps.publish("r:1", "paid", &payload);
    assert_eq!(zps.expect_event("r:1", 1)["payload"], payload, "who subscribes sees it all");
    let body = r#"{"room":"r:1","type":"t","payload":{"token":"secret-2","cvv":"123"}}"#;
    let mut http = Http::connect(server.address());
    let head = "POST /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer app-secret\r\n";
    http.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    assert_eq!(http.response().status, 200);
    zps.expect_event("r:1", 2);
}

#[test]
fn what_is_done_in_rooms_is_written_with_fields_masked() {
    let config = "[zps]\nallow_client_publish = true\n\
                  [logging]\nactions = true\nmask_fields = \"password, cardnumber, token\"\n";
    let mut server = Server::start(Options::new().config(config));
    talk(&server);
    server.until_metric("uringcast_action_log_lines_total", 6);
    let errors = server.said();
    for secret in ["secret-1", "secret-2", "4111"] {
        assert!(!errors.contains(secret), "{errors}");
    }
    let lines = lines(&errors);
    let actions: Vec<&str> = lines.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["subscribe", "publish", "deliver", "publish", "deliver", "close"]);
    let publish = &lines[1];
    assert_eq!(
        (&publish["app"], &publish["room"], &publish["subscriberId"]),
        (&json!("app-id"), &json!("r:1"), &json!("ann"))
    );
    let shown = json!({"card": {"cardNumber": "***", "Name": "Ann"}, "password": "***"});
    assert_eq!(publish["message"]["event"]["payload"], shown);
    assert_eq!(lines[2]["message"]["data"]["payload"], shown);
    assert_eq!(lines[4]["message"]["data"]["payload"], json!({"token": "***", "cvv": "123"}));
}

#[test]
fn nothing_that_clients_say_is_written_by_default() {
    let mut server = Server::start(Options::new().config("[zps]\nallow_client_publish = true\n"));
    talk(&server);
    let errors = server.said();
    assert!(!errors.contains("secret-") && lines(&errors).is_empty(), "{errors}");
}
