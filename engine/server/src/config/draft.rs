//! A configuration in the making: the layers are laid over each other, lowest first.
//!
//! A draft never stops at a problem. It keeps the value below, notes the problem and goes on, so
//! that all of them are reported together.
//!
//! Invariant: `sources` and `doubtful` have one entry per entry of [`KEYS`].

use std::net::{IpAddr, Ipv4Addr};

use super::apps::{self, AppOrigin, SourcedApp};
use super::field::Written;
use super::flags::{Gateway, Options};
use super::keys::KEYS;
use super::problem::{Fault, Problem, Problems, Source};
use super::rules::{Judged, index_of};
use super::{APPS_MAX, Config, Effective, development_app};
use crate::app::{App, AuthPolicy};

/// What zero-pub-sub's gateway listens on by default (spec seeds.md, S3-37).
const GATEWAY_PORT: u16 = 8080;

/// What the layers so far add up to.
pub(super) struct ConfigDraft {
    config: Config,
    sources: Vec<Source>,
    /// Keys that somebody set to a value that cannot be used: no rule may judge them.
    doubtful: Vec<bool>,
    /// `None` until some layer names an app, even one that cannot be used.
    apps: Option<Vec<SourcedApp>>,
    problems: Vec<Problem>,
    notices: Vec<String>,
}

impl ConfigDraft {
    /// The defaults.
    pub(super) fn new() -> Self {
        Self {
            config: Config::default(),
            sources: vec![Source::Default; KEYS.len()],
            doubtful: vec![false; KEYS.len()],
            apps: None,
            problems: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// The defaults of `uringcast gateway`: those of zero-pub-sub's own, which everybody reaches.
    ///
    /// The app that is served if none is configured has a key and a secret of this process alone,
    /// so being reachable gives nobody more than zero-pub-sub's clients have.
    pub(super) fn for_gateway(gateway: &Gateway) -> Self {
        let mut draft = Self::new();
        draft.config.server.host = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        draft.config.server.port = GATEWAY_PORT;
        draft.config.server.metrics_port = None; // The original has none.
        let App { id, .. } = development_app();
        draft.config.apps = vec![App::new(id, gateway.key.clone(), &*gateway.secret)];
        draft
    }

    /// Note that something is wrong.
    pub(super) fn report(&mut self, source: Source, fault: Fault) {
        self.problems.push(Problem { origin: source, fault });
    }

    /// Tell the operator something that is no problem.
    pub(super) fn note(&mut self, notice: String) {
        self.notices.push(notice);
    }

    /// Note all that is wrong with a part.
    pub(super) fn report_all(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// Set the key at `index` of [`KEYS`].
    pub(super) fn set(&mut self, index: usize, written: Written<'_>, source: Source) {
        match KEYS[index].write(&mut self.config, written) {
            Ok(()) => self.sources[index] = source,
            Err(fault) => {
                self.doubtful[index] = true;
                self.report(source, fault.into());
            }
        }
    }

    /// Replace the apps of the layers below; those that cannot be used are reported.
    pub(super) fn set_apps(&mut self, apps: Vec<SourcedApp>) {
        self.problems.extend(apps::problems(&apps, APPS_MAX));
        self.apps = Some(apps);
    }

    /// An app of `source`, which is no table; its parts are judged.
    pub(super) fn app(&mut self, app: App, source: Source) -> SourcedApp {
        for fault in apps::part_faults(&app) {
            self.problems.push(Problem { origin: source.clone(), fault });
        }
        SourcedApp { app, origin: AppOrigin::new(source) }
    }

    /// Lay the flags on top.
    pub(super) fn set_flags(&mut self, options: &Options) {
        for (index, key) in KEYS.iter().enumerate() {
            let Some(flag) = key.row.flag else { continue };
            if let Some(text) = options.text(flag) {
                self.set(index, Written::Text(text), Source::Flag(flag));
            }
        }
        if !options.apps.is_empty() {
            let apps = options.apps.iter().filter_map(|text| self.app_flag(text)).collect();
            self.set_apps(apps);
        }
    }

    /// The finished configuration, or all that is wrong with it.
    pub(super) fn finish(mut self) -> Result<Effective, Problems> {
        self.shorten_drain_window();
        for app in self.apps.iter_mut().flatten() {
            app.settle(&self.config);
        }
        let apps = self.apps.as_deref().unwrap_or_default();
        let judged = Judged { config: &self.config, sources: &self.sources };
        self.problems.extend(judged.breaches(&self.doubtful));
        self.problems.extend(judged.app_breaches(&self.doubtful, apps));
        self.check_development_app();
        if !self.problems.is_empty() {
            self.problems.sort_by_key(Problem::rank);
            return Err(Problems(self.problems));
        }
        let mut app_origins = Vec::new();
        match self.apps {
            Some(apps) => {
                (self.config.apps, app_origins) =
                    apps.into_iter().map(|SourcedApp { app, origin }| (app, origin)).unzip();
            }
            None if self.config.has_database() => self.config.apps.clear(),
            None => {
                let history = self.config.log.history_rules();
                let app = &mut self.config.apps[0];
                (app.policy, app.history) = (self.config.pusher.clone(), history);
            }
        }
        let Self { config, sources, mut notices, .. } = self;
        let open = config.apps.iter().filter(|app| app.auth == AuthPolicy::AllowAll);
        notices.extend(open.map(|app| {
            let id = &app.id;
            format!("app {id}: auth = \"allow-all\" lets anybody into every channel")
        }));
        Ok(Effective { config, sources, app_origins, notices })
    }

    fn app_flag(&mut self, text: &str) -> Option<SourcedApp> {
        let source = Source::Flag("app");
        let Some(app) = apps::from_flag(text) else {
            self.report(source, Fault::AppForm);
            return None;
        };
        Some(self.app(app, source))
    }

    /// A drain timeout of one second is usable without another key.
    fn shorten_drain_window(&mut self) {
        if self.sources[index_of("server.drain_window_ms")] == Source::Default {
            let server = &mut self.config.server;
            let half_ms = u32::from(server.drain_timeout_s) * 500;
            server.drain_window_ms = server.drain_window_ms.min(half_ms);
        }
    }

    fn check_development_app(&mut self) {
        let host = index_of("server.host");
        let address = self.config.server.host;
        let is_served =
            self.apps.is_none() && !self.config.has_database() && self.config.is_development();
        if is_served && !self.doubtful[host] && !address.is_loopback() {
            let source = self.sources[host].clone();
            self.report(source, Fault::PublicDevelopmentApp { host: address });
        }
    }
}
