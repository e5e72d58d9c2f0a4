//! `budstikke status` without a job: how the gateways are doing, and why.

use std::process::ExitCode;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::app::build;
use crate::domain::health::{Circuit, Share};
use crate::domain::time::Timestamp;
use crate::ports::store::{FleetView, GatewayRow, GatewayStep};

use super::args::Global;
use super::context::{Failure, load, say, say_json};

/// Lines of the history that are read.
const HISTORY: u32 = 1_000;

/// A gateway or relay as configured.
struct Configured {
    name: String,
    channel: &'static str,
    weight: u32,
}

/// Shows circuit, weight and since when of every gateway and relay of the configuration, and the last
/// `list` steps of their history.
///
/// # Errors
/// [`Failure`]: the configuration, or the store.
pub async fn show(global: &Global, list: usize) -> Result<ExitCode, Failure> {
    let config = load(global)?;
    let sms = config.sms_gateway.iter().map(|gateway| Configured {
        name: gateway.name.as_str().to_owned(),
        channel: "sms",
        weight: gateway.weight,
    });
    let email = config.email_relay.iter().map(|relay| Configured {
        name: config.known_as(relay),
        channel: "email",
        weight: relay.weight,
    });
    let configured: Vec<Configured> = sms.chain(email).collect();
    let store = build::store(&config, build::clock(), build::Opening::Shared).await?;
    let window = crate::domain::health::Rules::default().window;
    let view = store
        .fleet_view(window)
        .await
        .map_err(anyhow::Error::from)?;
    let mut history = store
        .gateway_history(HISTORY)
        .await
        .map_err(anyhow::Error::from)?;
    history.retain(|step| configured.iter().any(|one| one.name == step.gateway));
    if global.json {
        say_json(&to_json(&configured, &view, &history, list));
    } else {
        say(gateways(&configured, &view, &history));
        if !history.is_empty() && list > 0 {
            say(format!(
                "\nWhat was decided last:\n{}",
                steps(&history, list)
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row_of(view: &FleetView, name: &str) -> GatewayRow {
    let known = view.gateways.iter().find(|row| row.gateway == name);
    known.cloned().unwrap_or_default()
}

fn weight(configured: u32, share: Share) -> String {
    match share {
        Share::Whole => configured.to_string(),
        Share::Half | Share::Fifth | Share::Tenth => {
            let effective = f64::from(configured * share.tenths()) / 10.0;
            format!("{effective} of {configured}")
        }
    }
}

fn since(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "always".to_owned(), |at| at.to_string())
}

fn gateways(configured: &[Configured], view: &FleetView, history: &[GatewayStep]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["gateway", "channel", "circuit", "weight", "since", "why"]);
    for one in configured {
        let row = row_of(view, &one.name);
        let why = history.iter().find(|step| step.gateway == one.name);
        table.add_row([
            one.name.clone(),
            one.channel.to_owned(),
            row.state.circuit.as_str().to_owned(),
            weight(one.weight, row.state.share),
            since(row.state.since()),
            why.map(|step| step.reason.clone()).unwrap_or_default(),
        ]);
    }
    table.trim_fmt()
}

fn steps(history: &[GatewayStep], list: usize) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["at", "gateway", "from", "to", "why"]);
    let side = |(circuit, share): (Circuit, Share)| {
        format!("{}, {} %", circuit.as_str(), share.tenths() * 10)
    };
    for step in history.iter().take(list) {
        table.add_row([
            step.at.to_string(),
            step.gateway.clone(),
            side(step.from),
            side(step.to),
            step.reason.clone(),
        ]);
    }
    table.trim_fmt()
}

fn to_json(
    configured: &[Configured],
    view: &FleetView,
    history: &[GatewayStep],
    list: usize,
) -> Value {
    let gateways: Vec<Value> = configured
        .iter()
        .map(|one| {
            let row = row_of(view, &one.name);
            json!({
                "gateway": one.name,
                "channel": one.channel,
                "circuit": row.state.circuit.as_str(),
                "weight": f64::from(one.weight * row.state.share.tenths()) / 10.0,
                "configured_weight": one.weight,
                "since": row.state.since().map(|at| at.to_string()),
            })
        })
        .collect();
    let side = |(circuit, share): (Circuit, Share)| json!({"circuit": circuit.as_str(), "share": f64::from(share.tenths()) / 10.0});
    let history: Vec<Value> = history
        .iter()
        .take(list)
        .map(|step| {
            json!({
                "at": step.at.to_string(),
                "gateway": step.gateway,
                "from": side(step.from),
                "to": side(step.to),
                "reason": step.reason,
                "taken": step.figures.taken,
                "failed": step.figures.failed,
                "mean_seconds": step.figures.mean().map(|mean| mean.as_secs_f64()),
            })
        })
        .collect();
    json!({"gateways": gateways, "history": history})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::{GatewayState, Tally};

    #[test]
    fn a_table_tells_circuit_weight_since_and_why() {
        let at = Timestamp(1_893_456_000_000_000);
        let open = GatewayState {
            circuit: Circuit::Open,
            circuit_since: at,
            share: Share::Tenth,
            shifted_at: at,
            worse_at: at,
        };
        let view = FleetView {
            now: at,
            workers: 1,
            gateways: vec![GatewayRow {
                gateway: "primary".to_owned(),
                version: 1,
                state: open,
                ..GatewayRow::default()
            }],
        };
        let history = [GatewayStep {
            at,
            gateway: "primary".to_owned(),
            from: (Circuit::Closed, Share::Whole),
            to: (open.circuit, open.share),
            reason: "40 of 50 tries failed in 30 s (80 %; the limit is 50 %)".to_owned(),
            figures: Tally::default(),
        }];
        let configured = ["primary", "reserve"].map(|name| Configured {
            name: name.to_owned(),
            channel: "sms",
            weight: 3,
        });
        let text = gateways(&configured, &view, &history);
        let words: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|w| !w.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(
            words,
            [
                vec!["gateway", "channel", "circuit", "weight", "since", "why"],
                vec![
                    "primary",
                    "sms",
                    "open",
                    "0.3 of 3",
                    "2030-01-01T00:00:00.000Z",
                    "40 of 50 tries failed in 30 s (80 %; the limit is 50 %)",
                ],
                vec!["reserve", "sms", "closed", "3", "always"],
            ]
        );
        let document = to_json(&configured, &view, &history, 10);
        assert_eq!(document["gateways"][0]["weight"], json!(0.3));
        assert_eq!(document["gateways"][1]["since"], Value::Null);
        assert_eq!(
            document["history"][0]["to"],
            json!({"circuit": "open", "share": 0.1})
        );
    }
}
