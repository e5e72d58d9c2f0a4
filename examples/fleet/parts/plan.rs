//! What a fleet is like: its agencies, gateways and relays, as configuration.

/// An agency.
#[derive(Debug, Clone)]
pub(crate) struct Agency {
    /// Letters and digits, at most 11: it is the sender that phones show, too.
    pub(crate) id: String,
    /// Its weight.
    pub(crate) weight: u32,
    /// More lines of its entry.
    pub(crate) more: String,
}

/// A gateway or relay of the sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    /// Its name.
    pub(crate) name: String,
    /// Parts or messages per second.
    pub(crate) rate: f64,
    /// More lines of its entry.
    pub(crate) more: String,
}

/// A fleet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Of its database, virtual host and folder: `[a-z0-9_]`.
    pub(crate) name: String,
    /// Who enqueues.
    pub(crate) agencies: Vec<Agency>,
    /// SMS gateways.
    pub(crate) gateways: Vec<Outlet>,
    /// E-mail relays.
    pub(crate) relays: Vec<Outlet>,
    /// Whether there is a broker.
    pub(crate) broker: bool,
    /// A further configuration file, stronger than the rest.
    pub(crate) more: String,
}

impl Plan {
    /// A fleet without anything.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// With agencies of weight 1.
    pub(crate) fn agencies(mut self, ids: &[&str]) -> Self {
        for id in ids {
            self = self.agency(id, 1, "");
        }
        self
    }

    /// With an agency.
    pub(crate) fn agency(mut self, id: &str, weight: u32, more: &str) -> Self {
        self.agencies.push(Agency {
            id: id.to_owned(),
            weight,
            more: more.to_owned(),
        });
        self
    }

    /// With a gateway.
    pub(crate) fn gateway(mut self, name: &str, rate: f64, more: &str) -> Self {
        self.gateways.push(outlet(name, rate, more));
        self
    }

    /// With a relay.
    pub(crate) fn relay(mut self, name: &str, rate: f64, more: &str) -> Self {
        self.relays.push(outlet(name, rate, more));
        self
    }

    /// With RabbitMQ.
    pub(crate) fn with_broker(mut self) -> Self {
        self.broker = true;
        self
    }

    /// With a further configuration file.
    pub(crate) fn more(mut self, text: &str) -> Self {
        text.clone_into(&mut self.more);
        self
    }

    /// The configuration file of every worker; the URLs are in the order of gateways and relays.
    pub(crate) fn configuration(
        &self,
        database: &str,
        amqp: Option<(&str, &str)>,
        gateways: &[String],
        relays: &[String],
    ) -> String {
        let mut text = format!(
            r#"[database]
url = "{database}"
max_connections = 8
[http]
listen = "127.0.0.1:0"
rate_per_key = 100000.0
burst_per_key = 100000
[register]
allow_synthetic = true
[recovery]
worker_dead = "5s"
[limits]
identical_per_hour = 0
any_per_hour = 0
[log]
format = "json"
filter = "info,budstikke::wire=debug,lettre=off,sqlx=error,hyper=warn,lapin=off"
"#
        );
        if let Some((url, _users)) = amqp {
            text.push_str(&format!("[amqp]\nurl = \"{url}\"\n"));
        }
        for (index, agency) in self.agencies.iter().enumerate() {
            let (id, org) = (&agency.id, org_number(index));
            let user = amqp.map_or(id.clone(), |(_url, users)| format!("{users}-{id}"));
            text.push_str(&format!(
                "[[agency]]\nid = \"{id}\"\nname = \"{id}\"\norg_number = \"{org}\"\n\
                 kind = \"municipality\"\nbroker_user = \"{user}\"\n\
                 email_from = \"{id} <varsel@{id}.example>\"\nweight = {}\n{}\n",
                agency.weight, agency.more
            ));
        }
        for (section, outlets, urls) in [
            ("sms_gateway", &self.gateways, gateways),
            ("email_relay", &self.relays, relays),
        ] {
            for (outlet, url) in outlets.iter().zip(urls) {
                text.push_str(&format!(
                    "[[{section}]]\nname = \"{}\"\nurl = \"{url}\"\nrate = {:?}\n{}\n",
                    outlet.name, outlet.rate, outlet.more
                ));
            }
        }
        text
    }
}

fn outlet(name: &str, rate: f64, more: &str) -> Outlet {
    Outlet {
        name: name.to_owned(),
        rate,
        more: more.to_owned(),
    }
}

/// The `index`-th organisation number that nobody has: eight digits with their check digit.
fn org_number(index: usize) -> String {
    const WEIGHTS: [u32; 8] = [3, 2, 7, 6, 5, 4, 3, 2];
    let mut found = (89_000_000_u32..).filter_map(|number| {
        let digits = number.to_string();
        let sum: u32 = digits
            .chars()
            .filter_map(|digit| digit.to_digit(10))
            .zip(WEIGHTS)
            .map(|(digit, weight)| digit * weight)
            .sum();
        match 11 - sum % 11 {
            10 => None,
            11 => Some(format!("{digits}0")),
            check => Some(format!("{digits}{check}")),
        }
    });
    found.nth(index).unwrap_or_default()
}
