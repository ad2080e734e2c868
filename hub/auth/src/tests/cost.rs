//! What a verification costs; run by hand:
//! `cargo test -p agentos-auth -- --ignored --nocapture cost`.

use super::support::{Issuer, claims};

const ROUNDS: u32 = 10_000;

/// The processor time of this thread, in nanoseconds (Linux).
fn processor_nanos() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "a measurement, not a test"]
async fn cost_of_a_verification() {
    let issuer = Issuer::new();
    for (signer, kid) in [(&issuer.hs, "hs"), (&issuer.ec, "ec"), (&issuer.rsa, "rsa")] {
        let token = signer.sign(kid, &claims());
        issuer.verify(&token).await.unwrap();
        let start = processor_nanos();
        for _ in 0..ROUNDS {
            issuer.verify(&token).await.unwrap();
        }
        let each = (processor_nanos() - start) / f64::from(ROUNDS) / 1000.0;
        println!("{}: {each:.2} µs of processor time each", signer.algorithm());
    }
}
