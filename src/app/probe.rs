//! Tries every outside party, for `budstikke check`.

use std::sync::Arc;
use std::time::Duration;

use crate::adapters::amqp::Publisher;
use crate::config::Config;
use crate::domain::kinds::Channel;

use super::build::{self, Opening};

/// What one party answered.
#[derive(Debug)]
pub struct Finding {
    /// Who.
    pub party: String,
    /// What it said, or what is wrong.
    pub result: Result<String, String>,
}

/// Tries them all, each for `limit` at most.
pub async fn probe_all(config: &Config, limit: Duration) -> Vec<Finding> {
    let mut findings = store_and_register(config, limit).await;
    findings.extend(broker(config, limit).await);
    findings.extend(login(config, limit).await);
    match build::routes(config, &build::clock()) {
        Ok(routes) => {
            for channel in Channel::ALL {
                for route in routes.on(*channel) {
                    findings.push(Finding {
                        party: format!("{channel} {}", route.name),
                        result: route.gateway.probe(limit).await,
                    });
                }
                if routes.on(*channel).is_empty() {
                    findings.push(Finding {
                        party: format!("{channel}"),
                        result: Ok(
                            "no gateway is configured: nothing can be sent on this channel".into(),
                        ),
                    });
                }
            }
        }
        Err(error) => {
            findings.push(Finding {
                party: "gateways".into(),
                result: Err(format!("{error:#}")),
            });
        }
    }
    findings
}

async fn store_and_register(config: &Config, limit: Duration) -> Vec<Finding> {
    let opened = tokio::time::timeout(limit, build::store(config, build::clock(), Opening::Shared));
    let store = match opened.await {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => {
            return vec![Finding {
                party: "database".into(),
                result: Err(format!("{error:#}")),
            }];
        }
        Err(_late) => {
            let why = format!("no answer in {} s", limit.as_secs());
            return vec![Finding {
                party: "database".into(),
                result: Err(why),
            }];
        }
    };
    let database = match store.ping().await {
        Ok(()) => Ok("answers, at the current schema".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let mut findings = vec![Finding {
        party: "database".into(),
        result: database,
    }];
    let register = match build::register(config, &store, &build::clock()) {
        Ok(register) => match tokio::time::timeout(limit, register.probe()).await {
            Ok(Ok(())) => Ok("answers".to_owned()),
            Ok(Err(error)) => Err(format!("{:#}", anyhow::Error::new(error))),
            Err(_late) => Err(format!("no answer in {} s", limit.as_secs())),
        },
        Err(error) => Err(format!("{error:#}")),
    };
    findings.push(Finding {
        party: "register".into(),
        result: register,
    });
    findings
}

async fn login(config: &Config, limit: Duration) -> Option<Finding> {
    let page = config.page.as_ref()?;
    let result = match super::page::provider(page, &build::clock()) {
        Ok(provider) => match tokio::time::timeout(limit, provider.probe()).await {
            Ok(Ok(())) => Ok("describes itself as it must, and has keys".to_owned()),
            Ok(Err(error)) => Err(format!("{:#}", anyhow::Error::new(error))),
            Err(_late) => Err(format!("no answer in {} s", limit.as_secs())),
        },
        Err(error) => Err(format!("{error:#}")),
    };
    Some(Finding {
        party: "log-in for the page".into(),
        result,
    })
}

async fn broker(config: &Config, limit: Duration) -> Option<Finding> {
    let settings = match build::amqp_settings(config) {
        Ok(None) => return None,
        Ok(Some(settings)) => settings,
        Err(error) => {
            return Some(Finding {
                party: "broker".into(),
                result: Err(format!("{error:#}")),
            });
        }
    };
    let address = settings.address();
    let publisher = Arc::new(Publisher::start(settings, None));
    let result = match publisher.ready(limit).await {
        Ok(()) => Ok(format!("{address} answers and lets us in")),
        Err(error) => Err(format!("{address}: {error}")),
    };
    publisher.close().await;
    Some(Finding {
        party: "broker".into(),
        result,
    })
}
