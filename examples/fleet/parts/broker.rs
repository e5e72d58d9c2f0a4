//! A virtual host of the fleet's own, with a user for each agency.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::env::Env;

/// The password of every agency's user.
const PASSWORD: &str = "hemmelig";

/// A virtual host.
#[derive(Debug, Clone)]
pub(crate) struct Broker {
    /// The workers' URL.
    pub(crate) url: String,
    /// What the names of the agencies' users begin with.
    pub(crate) vhost: String,
}

impl Broker {
    /// Makes the virtual host and a user `<vhost>-<agency>` for each agency, with the permissions
    /// that `budstikke broker` prints.
    ///
    /// # Errors
    /// There is no broker, or it refuses.
    pub(crate) async fn start(env: &Env, vhost: &str, agencies: &[&str]) -> anyhow::Result<Self> {
        let (amqp, api) = env
            .broker
            .as_ref()
            .context("this needs RabbitMQ: TEST_AMQP_URL and TEST_RABBITMQ_API")?;
        let put = async |path: String, body: Value| -> anyhow::Result<()> {
            let answer = env
                .http
                .put(format!("{api}/api/{path}"))
                .json(&body)
                .send()
                .await?;
            let status = answer.status();
            ensure!(status.is_success(), "{path}: {status}");
            Ok(())
        };
        put(format!("vhosts/{vhost}"), json!({})).await?;
        let everything = json!({"configure": ".*", "write": ".*", "read": ".*"});
        put(format!("permissions/{vhost}/admin"), everything).await?;
        for agency in agencies {
            let user = format!("{vhost}-{agency}");
            put(
                format!("users/{user}"),
                json!({"password": PASSWORD, "tags": ""}),
            )
            .await?;
            let rights = json!({"configure": "^$", "write": r"^budstikke\.jobs$",
                "read": format!(r"^budstikke\.events\.{agency}$")});
            put(format!("permissions/{vhost}/{user}"), rights).await?;
            let topics = json!({"exchange": "budstikke.jobs", "read": "^$",
                "write": format!(r"^{agency}\.(urgent|normal)$")});
            put(format!("topic-permissions/{vhost}/{user}"), topics).await?;
        }
        let (before, _vhost) = amqp.rsplit_once('/').context("TEST_AMQP_URL")?;
        Ok(Self {
            url: format!("{before}/{vhost}"),
            vhost: vhost.to_owned(),
        })
    }

    /// The URL of an agency's user.
    ///
    /// # Errors
    /// The administrator's URL is none.
    pub(crate) fn url_of(&self, agency: &str) -> anyhow::Result<String> {
        let host = self.url.split('@').nth(1).context("TEST_AMQP_URL")?;
        Ok(format!("amqp://{}-{agency}:{PASSWORD}@{host}", self.vhost))
    }
}
