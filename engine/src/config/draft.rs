//! A configuration in the making: the layers are laid over each other, lowest first.
//!
//! A draft never stops at a problem. It keeps the value below, notes the problem and goes on, so
//! that all of them are reported together.
//!
//! Invariant: `sources` and `doubtful` have one entry per entry of [`KEYS`].

use super::apps::{self, SourcedApp};
use super::flags::Options;
use super::keys::KEYS;
use super::problem::{Fault, Problem, Problems, Source};
use super::rules::RULES;
use super::values::Written;
use super::{Config, Effective};

/// What the layers so far add up to.
pub(super) struct Draft {
    config: Config,
    sources: Vec<Source>,
    /// Keys that somebody set to a value that cannot be used: no rule may judge them.
    doubtful: Vec<bool>,
    /// `None` until some layer names an app, even one that cannot be used.
    apps: Option<Vec<SourcedApp>>,
    problems: Vec<Problem>,
}

impl Draft {
    /// The defaults.
    pub(super) fn new() -> Self {
        Self {
            config: Config::default(),
            sources: vec![Source::Default; KEYS.len()],
            doubtful: vec![false; KEYS.len()],
            apps: None,
            problems: Vec::new(),
        }
    }

    /// Note that something is wrong.
    pub(super) fn report(&mut self, source: Source, fault: Fault) {
        self.problems.push(Problem { origin: source, fault });
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
        self.problems.extend(apps::problems(&apps));
        self.apps = Some(apps);
    }

    /// Lay the flags on top.
    pub(super) fn set_flags(&mut self, options: &Options) {
        for (index, key) in KEYS.iter().enumerate() {
            let Some(flag) = &key.flag else { continue };
            if let Some(text) = (flag.text)(options) {
                self.set(index, Written::Text(text), Source::Flag(flag.name));
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
        self.check_rules();
        self.check_development_app();
        if !self.problems.is_empty() {
            self.problems.sort_by_key(Problem::rank);
            return Err(Problems(self.problems));
        }
        let mut app_sources = Vec::new();
        if let Some(apps) = self.apps {
            (self.config.apps, app_sources) =
                apps.into_iter().map(|SourcedApp { app, source }| (app, source)).unzip();
        }
        for app in &mut self.config.apps {
            app.policy = self.config.pusher.clone();
        }
        Ok(Effective { config: self.config, sources: self.sources, app_sources })
    }

    fn app_flag(&mut self, text: &str) -> Option<SourcedApp> {
        let source = Source::Flag("app");
        let app = apps::from_flag(text);
        if app.is_none() {
            self.report(source.clone(), Fault::AppForm);
        }
        app.map(|app| SourcedApp { app, source })
    }

    /// A drain timeout of one second is usable without another key.
    fn shorten_drain_window(&mut self) {
        if self.sources[index_of("server.drain_window_ms")] == Source::Default {
            let server = &mut self.config.server;
            let half_ms = u32::from(server.drain_timeout_s) * 500;
            server.drain_window_ms = server.drain_window_ms.min(half_ms);
        }
    }

    fn check_rules(&mut self) {
        for rule in RULES {
            let [left, right] = [index_of(rule.key), index_of(rule.other_key)];
            if self.doubtful[left] || self.doubtful[right] || (rule.holds)(&self.config) {
                continue;
            }
            let fault = Fault::Rule {
                key: rule.key,
                value: KEYS[left].value(&self.config).to_string(),
                relation: rule.relation,
                other_key: rule.other_key,
                other_value: KEYS[right].value(&self.config).to_string(),
                other: self.sources[right].clone(),
            };
            self.report(self.sources[left].clone(), fault);
        }
    }

    fn check_development_app(&mut self) {
        let host = index_of("server.host");
        let address = self.config.server.host;
        if self.apps.is_none() && !self.doubtful[host] && !address.is_loopback() {
            let source = self.sources[host].clone();
            self.report(source, Fault::PublicDevelopmentApp { host: address });
        }
    }
}

fn index_of(path: &str) -> usize {
    KEYS.iter().position(|key| key.path() == path).expect("rules name keys of the table")
}
