//! What `uringcast gateway` does by default, and what configures it otherwise.

use super::*;

fn load_gateway(variables: &[(&str, &str)], options: Options) -> Effective {
    let gateway = Gateway { key: "random-key".to_owned(), secret: "random-secret".into() };
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Config::load(&Options { gateway: Some(gateway), ..options }, variables).unwrap()
}

/// The development app, whose secret everybody knows, is never reachable.
#[test]
fn everybody_reaches_an_app_that_nobody_knows() {
    let config = load_gateway(&[], Options::default()).config;
    let server = &config.server;
    assert_eq!((server.host.to_string().as_str(), server.port), ("0.0.0.0", 8080));
    assert_eq!(server.metrics_port, None);
    assert_eq!(config.apps, [App::new("app-id", "random-key", "random-secret")]);
    assert!(!config.is_development());
}

#[test]
fn it_is_configured_as_serve_is() {
    let app = "id:key:secret".to_owned();
    let options = Options { apps: vec![app], cores: Some("1".to_owned()), ..Options::default() };
    let config = load_gateway(&[("PORT", "9000"), ("HOST", "127.0.0.1")], options).config;
    let server = &config.server;
    assert_eq!((server.host.to_string().as_str(), server.port), ("127.0.0.1", 9000));
    assert_eq!((&*config.apps, server.cores), (&[App::new("id", "key", "secret")][..], 1));
}
