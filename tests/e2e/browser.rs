//! As much of a browser as a page without scripts needs: cookies, forms, redirects one by one.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};

/// A page that was shown.
pub struct Shown {
    pub status: u16,
    pub html: String,
    pub headers: reqwest::header::HeaderMap,
    /// Where it sends one on to.
    pub to: Option<String>,
}

impl Shown {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    /// The token of the first form.
    pub fn token(&self) -> String {
        let (_, rest) = self
            .html
            .split_once("name=\"token\" value=\"")
            .expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// A browser that thinks the worker is at `origin`.
pub struct Browser {
    client: reqwest::Client,
    pub cookies: BTreeMap<String, String>,
    origin: String,
    worker: String,
}

impl Browser {
    pub fn new(origin: &str, worker: &str) -> Self {
        let client = reqwest::Client::builder()
            .timeout(crate::support::LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            client,
            cookies: BTreeMap::new(),
            origin: origin.to_owned(),
            worker: worker.to_owned(),
        }
    }

    fn real(&self, url: &str) -> String {
        match url.strip_prefix(&self.origin) {
            Some(path) => format!("{}{path}", self.worker),
            None if url.starts_with('/') => format!("{}{url}", self.worker),
            None => url.to_owned(),
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder, ours: bool) -> Shown {
        let jar: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = match ours && !jar.is_empty() {
            true => request.header(COOKIE, jar.join("; ")),
            false => request,
        };
        let answer = request.send().await.expect("an answer");
        for set in answer.headers().get_all(SET_COOKIE) {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"));
            if set.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Shown {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            to: answer
                .headers()
                .get(LOCATION)
                .map(|to| to.to_str().unwrap().to_owned()),
            html: answer.text().await.unwrap(),
        }
    }

    /// One page, without following.
    pub async fn get(&mut self, url: &str) -> Shown {
        let real = self.real(url);
        let request = self.client.get(&real);
        let ours = real.starts_with(&self.worker);
        self.send(request, ours).await
    }

    /// One page and wherever it sends one.
    pub async fn open(&mut self, url: &str) -> Shown {
        let mut shown = self.get(url).await;
        for _ in 0..10 {
            let Some(to) = shown.to.clone() else {
                return shown;
            };
            shown = self.get(&to).await;
        }
        panic!("redirects without end");
    }

    /// A form as a browser sends it, without following.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let request = self
            .client
            .post(self.real(path))
            .header("origin", "null")
            .header("sec-fetch-site", "same-origin")
            .form(fields);
        self.send(request, true).await
    }

    /// A form with headers of one's own.
    pub async fn post_with(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Shown {
        let mut request = self.client.post(self.real(path)).form(fields);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, true).await
    }
}
