//! Whether what is committed stays: what the server can be set to, and what to say about it.

use sqlx::{PgConnection, Row};

use super::error::classify;
use crate::ports::store::StoreError;

/// What the server, and this session of ours, are set to.
const ASK: &str = "SELECT name, setting FROM pg_settings
    WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')";

/// What is wrong with the server's settings, in words for an operator; nothing if all is well.
///
/// # Errors
/// [`StoreError::Unavailable`] when the server does not tell.
pub(super) async fn weaknesses(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(ASK)
        .fetch_all(connection)
        .await
        .map_err(classify)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let name: String = row.try_get("name").map_err(classify)?;
        let setting: String = row.try_get("setting").map_err(classify)?;
        found.extend(weakness(&name, &setting));
    }
    Ok(found)
}

fn weakness(name: &str, setting: &str) -> Option<String> {
    let cost = match (name, setting) {
        ("fsync", "off") => "a power cut can lose or destroy all accepted work",
        ("full_page_writes", "off") => "a power cut can leave pages that cannot be read any more",
        ("synchronous_commit", "off") => "a crash of the server loses what was accepted last",
        _ => return None,
    };
    Some(format!(
        "PostgreSQL runs with {name} = off: {cost}; set it to on"
    ))
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;
    use crate::adapters::postgres::PostgresSettings;
    use crate::adapters::postgres::connect::session;

    #[test]
    fn only_what_can_lose_work_is_told() {
        for (name, setting, told) in [
            ("fsync", "on", false),
            ("fsync", "off", true),
            ("full_page_writes", "on", false),
            ("full_page_writes", "off", true),
            ("synchronous_commit", "on", false),
            ("synchronous_commit", "remote_apply", false),
            ("synchronous_commit", "local", false),
            ("synchronous_commit", "off", true),
        ] {
            let said = weakness(name, setting);
            assert_eq!(said.is_some(), told, "{name} {setting}");
            assert!(said.is_none_or(|said| said.contains(name)), "{name}");
        }
    }

    #[tokio::test]
    #[ignore = "needs TEST_POSTGRES_URL"]
    async fn every_session_commits_for_good_and_neither_statement_nor_transaction_hangs() {
        let url = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL must be set");
        let session = session(&PostgresSettings::new(url)).unwrap();
        let mut connection = PgConnection::connect_with(&session).await.unwrap();
        for (show, wanted) in [
            ("SHOW synchronous_commit", "on"),
            ("SHOW default_transaction_isolation", "read committed"),
            ("SHOW statement_timeout", "30s"),
            ("SHOW idle_in_transaction_session_timeout", "10s"),
            ("SHOW application_name", "budstikke"),
        ] {
            let found: String = sqlx::query_scalar(show)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(found, wanted, "{show}");
        }
        assert_eq!(
            weaknesses(&mut connection).await.unwrap(),
            [] as [String; 0]
        );
    }
}
