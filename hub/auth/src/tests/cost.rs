//! What a verification costs; run by hand:
//! `cargo test -p agentos-auth -- --ignored --nocapture cost`.

use super::support::{Issuer, Signer, with};

const ROUNDS: usize = 1000;
const REPEATS: usize = 10;

/// The processor time of this thread, in nanoseconds (Linux).
fn processor_nanos() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// The microseconds of verifying each of `tokens`.
async fn micros(issuer: &Issuer, tokens: &[String]) -> f64 {
    let start = processor_nanos();
    for token in tokens {
        issuer.verify(token).await.unwrap();
    }
    (processor_nanos() - start) / tokens.len() as f64 / 1000.0
}

#[tokio::test]
#[ignore = "a measurement, not a test"]
async fn cost_of_a_verification() {
    let issuer = Issuer::new();
    let sign = |signer: &Signer, kid, n| signer.sign(kid, &with("sub", format!("user-{n}")));
    for (signer, kid) in [(&issuer.hs, "hs"), (&issuer.ec, "ec"), (&issuer.rsa, "rsa")] {
        issuer.verify(&sign(signer, kid, ROUNDS)).await.unwrap();
        let fresh: Vec<_> = (0..ROUNDS).map(|n| sign(signer, kid, n)).collect();
        let first = micros(&issuer, &fresh).await;
        let again = micros(&issuer, &vec![sign(signer, kid, ROUNDS); ROUNDS * REPEATS]).await;
        let name = signer.algorithm();
        println!("{name}: {first:.2} µs of processor time, {again:.2} µs when remembered");
    }
}
