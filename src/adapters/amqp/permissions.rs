//! What `budstikke broker` prints: users and permissions to set up on the broker (R-2, C-15). Pure.

use serde::Serialize;

use super::names;
use super::topology::AgencyRoute;

/// What one broker user may do on the virtual host. The fields are regular expressions, as
/// `rabbitmqctl set_permissions` takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserPermissions {
    /// The log-in.
    pub user: String,
    /// The agency it speaks for; `None` for budstikke itself.
    pub agency: Option<String>,
    /// May declare and delete.
    pub configure: String,
    /// May publish to.
    pub write: String,
    /// May consume from.
    pub read: String,
    /// Which routing keys; `None`: any.
    pub topic: Option<TopicPermission>,
    /// The same as commands, to be run in this order. `add_user` reads the password from standard
    /// input; leave it out for a user that exists.
    pub commands: Vec<String>,
}

/// Which routing keys a user may use on a topic exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicPermission {
    /// The exchange.
    pub exchange: String,
    /// Keys to publish with.
    pub write: String,
    /// Keys to bind with; consuming a queue is governed by `read` above.
    pub read: String,
}

/// Everything to set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokerSetup {
    /// The virtual host.
    pub vhost: String,
    /// budstikke itself first, then the agencies.
    pub users: Vec<UserPermissions>,
}

impl BrokerSetup {
    /// What these agencies need, and `own_user`, budstikke's log-in.
    pub fn new(vhost: &str, own_user: &str, agencies: &[AgencyRoute]) -> Self {
        let mut users = vec![own(vhost, own_user)];
        users.extend(agencies.iter().map(|route| agency(vhost, route)));
        Self {
            vhost: vhost.to_owned(),
            users,
        }
    }

    /// For a person: the commands, with what else must be known.
    pub fn to_text(&self) -> String {
        let mut text = String::from(
            "# Each command is safe to repeat, except add_user for a user that exists.\n\
             # add_user reads the password from standard input.\n\
             #\n\
             # No agency's user may have a tag: `impersonator` would let it set another's user_id\n\
             # and `administrator` lets it do anything. budstikke cannot see tags over AMQP; look\n\
             # with `rabbitmqctl list_users`. A federation upstream with trust-user-id switches the\n\
             # check of user_id off, too.\n",
        );
        for user in &self.users {
            text.push('\n');
            match &user.agency {
                Some(agency) => text.push_str(&format!("# agency {agency}\n")),
                None => text.push_str("# budstikke itself\n"),
            }
            for command in &user.commands {
                text.push_str(command);
                text.push('\n');
            }
        }
        text
    }
}

fn own(vhost: &str, user: &str) -> UserPermissions {
    let all = r"^budstikke\.".to_owned();
    finish(
        vhost,
        UserPermissions {
            user: user.to_owned(),
            agency: None,
            configure: all.clone(),
            write: all.clone(),
            read: all,
            topic: None,
            commands: Vec::new(),
        },
    )
}

fn agency(vhost: &str, route: &AgencyRoute) -> UserPermissions {
    let AgencyRoute {
        agency,
        broker_user,
    } = route;
    finish(
        vhost,
        UserPermissions {
            user: broker_user.clone(),
            agency: Some(agency.to_string()),
            configure: "^$".to_owned(),
            write: exactly(names::JOBS_EXCHANGE),
            read: exactly(&names::events_queue(agency)),
            topic: Some(TopicPermission {
                exchange: names::JOBS_EXCHANGE.to_owned(),
                write: format!(r"^{agency}\.(urgent|normal)$"),
                read: "^$".to_owned(),
            }),
            commands: Vec::new(),
        },
    )
}

fn finish(vhost: &str, mut user: UserPermissions) -> UserPermissions {
    let (vhost, name) = (quote(vhost), quote(&user.user));
    user.commands = vec![
        format!("rabbitmqctl add_user {name}"),
        format!(
            "rabbitmqctl set_permissions -p {vhost} {name} {} {} {}",
            quote(&user.configure),
            quote(&user.write),
            quote(&user.read)
        ),
    ];
    user.commands.extend(user.topic.as_ref().map(|topic| {
        format!(
            "rabbitmqctl set_topic_permissions -p {vhost} {name} {} {} {}",
            quote(&topic.exchange),
            quote(&topic.write),
            quote(&topic.read)
        )
    }));
    user
}

/// Names hold nothing but letters, digits, `-` and `.`, so the dots are all there is to escape.
fn exactly(name: &str) -> String {
    format!("^{}$", name.replace('.', r"\."))
}

/// One word of a POSIX shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AgencyId;

    fn setup(user: &str) -> BrokerSetup {
        let route = AgencyRoute {
            agency: AgencyId::parse("oslo").unwrap(),
            broker_user: user.to_owned(),
        };
        BrokerSetup::new("/", "budstikke", &[route])
    }

    #[test]
    fn an_agency_may_publish_its_jobs_and_read_its_events_and_nothing_else() {
        let setup = setup("oslo-mq");
        assert_eq!(
            setup.users[1].commands,
            [
                r"rabbitmqctl add_user 'oslo-mq'",
                r"rabbitmqctl set_permissions -p '/' 'oslo-mq' '^$' '^budstikke\.jobs$' '^budstikke\.events\.oslo$'",
                r"rabbitmqctl set_topic_permissions -p '/' 'oslo-mq' 'budstikke.jobs' '^oslo\.(urgent|normal)$' '^$'",
            ]
        );
    }

    #[test]
    fn the_text_warns_of_tags() {
        let text = setup("oslo").to_text();
        assert!(text.contains("impersonator"), "{text}");
        assert!(text.contains("# agency oslo\n"), "{text}");
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let setup = setup("o'slo; rm");
        assert_eq!(
            setup.users[1].commands[0],
            r"rabbitmqctl add_user 'o'\''slo; rm'"
        );
    }

    #[test]
    fn the_json_form_has_the_same_rights() {
        let json = serde_json::to_value(setup("oslo")).unwrap();
        assert_eq!(json["users"][1]["topic"]["exchange"], "budstikke.jobs");
        assert_eq!(json["users"][0]["agency"], serde_json::Value::Null);
    }
}
