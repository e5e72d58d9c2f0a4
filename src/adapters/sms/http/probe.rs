//! Asking a gateway for anything at all, without a message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderMap;
use tokio::time::timeout;
use url::Url;

use super::answer::Exchange;
use super::client::{Call, HttpClient, chain};
use crate::ports::slot::Slot;

impl HttpClient {
    /// Asks `url` for anything at all with a method that sends no message.
    ///
    /// # Errors
    /// That it cannot be reached, that it refuses the credentials, or that it has moved.
    pub(in crate::adapters::sms) async fn probe(
        &self,
        method: Method,
        url: Url,
        deadline: Duration,
    ) -> Result<String, String> {
        let at = self.origin();
        let started = Instant::now();
        let unanswered = || {
            Err(format!(
                "{at} gave no answer within {deadline:?}; check url and firewall"
            ))
        };
        match timeout(deadline, self.pool.take()).await {
            Ok(Ok((connection, _))) => self.pool.give_back(connection),
            Ok(Err(error)) => {
                let cause = chain(&error);
                return Err(format!(
                    "{at} cannot be reached ({cause}); check url, DNS, firewall and certificate"
                ));
            }
            Err(_elapsed) => return unanswered(),
        }
        let call = Call {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let anytime = Slot::unbounded(Arc::clone(&self.clock));
        let status = match self.exchange(call, anytime, deadline).await {
            Exchange::Answered(answer) => answer.status,
            Exchange::NotStarted | Exchange::Late => return unanswered(),
            Exchange::Broken => {
                return Err(format!(
                    "{at} gave no whole answer; check that url is that of an HTTP gateway"
                ));
            }
        };
        match status {
            401 | 403 => Err(format!(
                "{at} refuses our credentials (HTTP {status}); check auth, and whether the gateway lets this machine's address in"
            )),
            301 | 302 | 303 | 307 | 308 => Err(format!(
                "{at} sends us elsewhere (HTTP {status}); put the new address into url"
            )),
            _ => Ok(format!(
                "{at} answers (HTTP {status}, {} ms)",
                started.elapsed().as_millis()
            )),
        }
    }
}
