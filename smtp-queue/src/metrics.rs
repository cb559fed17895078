//! What happens to messages in the queue, counted for Prometheus.
//!
//! * **In**: [`QueueEvent`]s, and how many rows wait where. **Out**: counters, gauges and a histogram as text.
//! * **Promises**: each outcome is counted once. No label holds what came over the network: its values are words of this
//!   file, and transports, which the embedder names. **Limits**: none of its own. **Panics**: never.
//! * **Spec**: the `OpenMetrics` text format 1.0.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::events::{QueueEvent, QueueObserver};
use crate::manager::Counts;

/// From ten milliseconds to more than seven days.
const SECONDS_MIN: f64 = 0.01;
const BUCKETS: u16 = 14;

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Counts what a queue does; clones count together.
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # mod example {
/// use smtp_queue::{Queue, QueueMetrics};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let metrics = QueueMetrics::default();
/// let builder = Queue::builder("mx.example.org")?.observer(metrics.clone());
/// // Once there is a queue, for whoever asks over HTTP:
/// let answer = |queue: &Queue| metrics.text(queue.counts());
/// # let _ = (builder, answer);
/// # Ok(())
/// # }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct QueueMetrics {
    registry: Arc<Registry>,
    messages: Counter,
    rows: Family<Labels<1>, Gauge<i64, AtomicI64>>,
    outcomes: Family<Vec<(&'static str, String)>, Counter>,
    delay_seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    reports: Family<Labels<1>, Counter>,
    events: Family<Labels<1>, Counter>,
}

impl Default for QueueMetrics {
    fn default() -> Self {
        let mut all = Self {
            registry: Arc::default(),
            messages: Counter::default(),
            rows: Family::default(),
            outcomes: Family::default(),
            delay_seconds: Family::new_with_constructor(histogram),
            reports: Family::default(),
            events: Family::default(),
        };
        all.registry = Arc::new(all.registered());
        all
    }
}

impl QueueMetrics {
    /// All that was counted so far, in the text format of `OpenMetrics`. `counts` are those of
    /// [`Queue::counts`](crate::Queue::counts).
    #[must_use]
    pub fn text(&self, counts: Counts) -> String {
        let mut text = String::new();
        self.append_to(&mut text, counts);
        // Writing to a string does not fail.
        let _ = text::encode_eof(&mut text);
        text
    }

    /// The same behind what else there is to tell, such as the server's, and without the line `# EOF`.
    pub fn append_to(&self, text: &mut String, counts: Counts) {
        let Counts { incoming, active, deferred, hold } = counts;
        for (queue, rows) in
            [("incoming", incoming), ("active", active), ("deferred", deferred), ("hold", hold)]
        {
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            self.rows.get_or_create(&[("queue", queue)]).set(rows);
        }
        let _ = text::encode_registry(text, &self.registry);
    }

    fn registered(&self) -> Registry {
        let mut all = Registry::with_prefix("smtp_queue");
        all.register("messages", "Messages that the queue took over", self.messages.clone());
        let rows = "What waits now: a message counts once for each domain of its recipients";
        all.register("rows", rows, self.rows.clone());
        let outcomes = "What became of a recipient in an attempt";
        all.register("recipients", outcomes, self.outcomes.clone());
        let delay = "From a message's arrival to the end of an attempt for a recipient";
        all.register("delay_seconds", delay, self.delay_seconds.clone());
        all.register("reports", "Reports that were sent, by what they tell", self.reports.clone());
        let events = "Messages that were held, released, expired, removed when done, or deleted";
        all.register("message_events", events, self.events.clone());
        all
    }

    fn count_event(&self, event: &'static str) {
        self.events.get_or_create(&[("event", event)]).inc();
    }
}

impl QueueObserver for QueueMetrics {
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        match event {
            QueueEvent::Accepted { .. } => {
                self.messages.inc();
            }
            QueueEvent::Active { .. } => {}
            QueueEvent::Attempted { next_hop, report, before_active, in_active, .. } => {
                let outcome = report.outcome.as_str();
                let labels = vec![
                    ("transport", next_hop.transport.to_string()),
                    ("outcome", outcome.to_owned()),
                ];
                self.outcomes.get_or_create(&labels).inc();
                let delay: Duration =
                    [*before_active, *in_active, report.set_up, report.transmission].iter().sum();
                let by_outcome = [("outcome", outcome)];
                self.delay_seconds.get_or_create(&by_outcome).observe(delay.as_secs_f64());
            }
            QueueEvent::Reported { action, .. } => {
                self.reports.get_or_create(&[("action", action.as_str())]).inc();
            }
            QueueEvent::Expired { .. } => self.count_event("expired"),
            QueueEvent::Held { .. } => self.count_event("held"),
            QueueEvent::Released { .. } => self.count_event("released"),
            QueueEvent::Removed { .. } => self.count_event("removed"),
            QueueEvent::Deleted { .. } => self.count_event("deleted"),
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(SECONDS_MIN, 4.0, BUCKETS))
}

#[cfg(test)]
mod tests {
    use smtp_server::QueueId;

    use super::*;

    #[test]
    fn what_waits_is_told_beside_what_happened() {
        let metrics = QueueMetrics::default();
        let id = QueueId(7);
        for event in [
            QueueEvent::Held { id, reason: "look at it" },
            QueueEvent::Released { id },
            QueueEvent::Held { id, reason: "" },
            QueueEvent::Deleted { id },
        ] {
            metrics.clone().on_queue_event(&event);
        }
        let text = metrics.text(Counts { incoming: 1, active: 2, deferred: 3, hold: 4 });
        for line in [
            "# TYPE smtp_queue_rows gauge\n",
            "smtp_queue_rows{queue=\"incoming\"} 1\n",
            "smtp_queue_rows{queue=\"active\"} 2\n",
            "smtp_queue_rows{queue=\"deferred\"} 3\n",
            "smtp_queue_rows{queue=\"hold\"} 4\n",
            "smtp_queue_message_events_total{event=\"held\"} 2\n",
            "smtp_queue_message_events_total{event=\"released\"} 1\n",
            "smtp_queue_message_events_total{event=\"deleted\"} 1\n",
            "smtp_queue_messages_total 0\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        let now = metrics.text(Counts::default());
        assert!(now.contains("smtp_queue_rows{queue=\"hold\"} 0\n"), "{now}");
    }
}
