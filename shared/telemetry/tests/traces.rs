//! What really goes to a collector. Run with
//! `cargo test -p agentos-telemetry --features otel`.
#![cfg(feature = "otel")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Read as _;
use std::net::TcpListener;

use agentos_domain::RequestId;
use agentos_telemetry::{LogFormat, LogOptions, Traces, join_trace, names, start_logging};

/// A collector that listens and never answers: it gathers bytes until `enough`.
fn gather(listener: TcpListener, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
    while !enough(&all) {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(read) => all.extend_from_slice(&chunk[..read]),
        }
    }
    all
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_one_request_share_the_trace_that_its_id_names() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let guard = start_logging(LogOptions {
        level: "info",
        format: LogFormat::Text,
        file: None,
        traces: Traces { service: "agentos-test", endpoint: Some(&endpoint) },
    })
    .unwrap();
    let request = RequestId::generate();
    {
        let run = tracing::info_span!("invoke_agent", { names::AGENT } = "FileOpsAgent");
        join_trace(&run, &request);
        let _run = run.entered();
        let _tool = tracing::info_span!("execute_tool", { names::TOOL } = "file_read").entered();
    }
    let trace = *request.as_bytes();
    let collector = std::thread::spawn(move || {
        gather(listener, move |bytes| holds(bytes, b"invoke_agent") && holds(bytes, &trace))
    });
    // Sends what is left. The collector hangs up, so this ends with an error.
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
    let bytes = collector.join().unwrap();
    for expected in ["agentos-test", "invoke_agent", "execute_tool", names::TOOL, "file_read"] {
        assert!(holds(&bytes, expected.as_bytes()), "{expected} was not sent");
    }
    let spans = bytes.windows(trace.len()).filter(|window| *window == trace).count();
    assert!(spans >= 2, "both spans are of the trace of {request}, {spans} were");
}
