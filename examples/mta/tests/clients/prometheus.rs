//! Prometheus' client for Python, which reads what `--metrics` tells.
//!
//! * **In**: the metrics of a message. **Out**: what the parser makes of them. **Promises**: the parser is strict: a fault in the
//!   text fails the test. **Limits**: as `tool`. **Panics**: if the text is no `OpenMetrics`.
//! * **Spec**: `OpenMetrics` 1.0.

use std::path::Path;

use super::tool;
use crate::client::Client;
use crate::harness::Mta;
use crate::metrics::body;

#[test]
fn metrics_are_read_by_the_client_of_prometheus() {
    let mta = Mta::start(&["--metrics", "127.0.0.1:0"]);
    let mut client = Client::hello(mta.smtp());
    let reply = client.deliver("<kim@localhost>", "counted");
    assert!(reply.starts_with("250 "), "{reply}");
    // A message is counted once its reply is written, before the next command is read.
    assert!(client.ask("NOOP").starts_with("250 "));
    let mut command = tool::installed("python3");
    command
        .arg("-B")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/openmetrics.py"));
    command.arg(tool::peer("prometheus_client"));
    let outcome = tool::run_with_input(&mut command, body(&mta).as_bytes()).expect_code(0);
    outcome
        .expect_said("smtp_connections counter 1")
        .expect_said("smtp_connections_open gauge 1")
        .expect_said("smtp_messages counter 1")
        .expect_said("smtp_message_duration_seconds histogram ");
}
