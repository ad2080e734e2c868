//! Credentials that are written in code.

use std::sync::LazyLock;

use regex::Regex;

use crate::finding::Finding;

/// Forms that providers give their keys, and what they are called.
const PROVIDERS: &[(&str, &str)] = &[
    (r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", "an AWS access key"),
    (r"\bgh[pousr]_[A-Za-z0-9]{36,}\b", "a GitHub token"),
    (r"\bgithub_pat_[A-Za-z0-9_]{40,}\b", "a GitHub token"),
    (r"\bglpat-[A-Za-z0-9_-]{20,}\b", "a GitLab token"),
    (r"\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{20,}\b", "a key of a model provider"),
    (r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}\b", "a Slack token"),
    (r"\bhooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}", "a Slack webhook"),
    (r"\bAIza[A-Za-z0-9_-]{35}\b", "a Google key"),
    (r"\bya29\.[A-Za-z0-9_-]{20,}", "a Google token"),
    (r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b", "a Stripe key"),
    (r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", "a SendGrid key"),
    (r"\bnpm_[A-Za-z0-9]{36}\b", "an npm token"),
    (r"\bpypi-[A-Za-z0-9_-]{50,}", "a PyPI token"),
    (r"\bhf_[A-Za-z0-9]{30,}\b", "a Hugging Face token"),
    (r"\bdop_v1_[a-f0-9]{64}\b", "a DigitalOcean token"),
    (r"\baos_live_[A-Za-z0-9_-]{20,}", "a key of Agent OS"),
    (r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", "a signed token"),
    (r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----", "a private key"),
    (r"\bAGE-SECRET-KEY-1[A-Z0-9]{50,}", "a private key"),
    (r"[a-z][a-z0-9+.-]*://[^/\s:@'\x22{}$<]+:[^/\s:@'\x22{}$<]{3,}@", "a password in an address"),
];

#[expect(clippy::expect_used, reason = "constants, checked by a test")]
static FORMS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let compile =
        |(form, what): &(&str, &'static str)| (Regex::new(form).expect("a valid constant"), *what);
    PROVIDERS.iter().map(compile).collect()
});

/// `api_key = "…"`, `"password": "…"`, `export TOKEN=…`.
#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    let form = r#"(?ix)
        (?: passwo?r?d | passwd | pwd | secret | token | api_?-?key | access_?key
          | auth_?key | private_?key | credential s? ) [a-z0-9_]* ["']? \s*
        (?: : \s* [a-z]+ \s* )? (?: = | : | => ) \s* ["'] ([^"'\s]{8,}) ["']"#;
    Regex::new(form).expect("a valid constant")
});

/// Long runs of characters as keys are made of.
#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
static OPAQUE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_=-]{32,}").expect("a valid constant"));

/// The longest text without spaces whose meaning nobody can see. Beyond it,
/// something is carried along that no check has read.
const MAX_OPAQUE: usize = 400;

/// Shannon's entropy of the characters of a text, in bits for each.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = text.len() as f64;
    let of = |count: &u32| {
        let share = f64::from(*count) / length;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(of).sum()
}

/// How many neighbouring characters follow one another, as in an alphabet:
/// none of them is drawn at random.
fn in_sequence(text: &str) -> usize {
    text.as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.checked_add(1) == Some(*b)))
        .count()
}

/// Whether a text looks drawn at random: letters of both cases and digits,
/// and as many different ones as chance gives. Hexadecimal digits alone may be
/// a hash, which is no secret.
fn is_random(text: &str) -> bool {
    let has = |test: fn(&u8) -> bool| text.bytes().any(|byte| test(&byte));
    let mixed =
        has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let words = text.contains('/') || text.matches(['-', '_']).count() > 3;
    mixed && !words && in_sequence(text) * 4 < text.len() && entropy(text) > 4.3
}

/// What a person writes in place of a secret.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let words = [
        "example",
        "changeme",
        "change-me",
        "placeholder",
        "your",
        "xxxx",
        "****",
        "dummy",
        "<",
        "{",
        "$",
        "%",
        "todo",
    ];
    words.iter().any(|word| lower.contains(word)) || value.chars().all(|c| value.starts_with(c))
}

/// Credentials in a file, and what is too opaque to be judged. Their values
/// are not repeated.
pub(crate) fn check(code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (text, line) in code.lines().zip(1_u32..) {
        let known = FORMS.iter().find(|(form, _)| form.is_match(text));
        if let Some((_, what)) = known {
            let message =
                format!("looks like {what}: name a credential, which is attached outside");
            findings.push(Finding::at(line, "secret", message));
            continue;
        }
        let assigned = ASSIGNED.captures_iter(text).filter_map(|found| found.get(1));
        let mut assigned =
            assigned.map(|value| value.as_str()).filter(|value| !is_placeholder(value));
        let drawn = assigned
            .any(|value| entropy(value) > 3.0 && value.bytes().any(|byte| byte.is_ascii_digit()));
        if drawn
            || OPAQUE
                .find_iter(text)
                .any(|found| found.len() < MAX_OPAQUE && is_random(found.as_str()))
        {
            let message = "looks like a secret: name a credential, which is attached outside";
            findings.push(Finding::at(line, "secret", message));
        }
        if OPAQUE.find_iter(text).any(|found| found.len() >= MAX_OPAQUE) {
            let message = "holds encoded data that cannot be judged: put it in a file as it is";
            findings.push(Finding::at(line, "encoded", message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> bool {
        !check(line).is_empty()
    }

    #[test]
    fn keys_are_seen_and_what_looks_like_them_is_not() {
        for line in [
            "KEY = 'AKIAIOSFODNN7EXAMPLQ'".to_owned(),
            format!("t = \"ghp_{}\"", "a1B2c3D4e5F6".repeat(3)),
            "password = 'hunter2-is-9-long'".to_owned(),
            "{\"api_key\": \"9f8e7d6c5b4a39281706\"}".to_owned(),
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
            "url = 'postgres://admin:s3cr3tpw@db/x'".to_owned(),
            "x = 'q8Zt3LmV0bXc7RwKp2Yd9HsJf5GnTa4E'".to_owned(),
            format!("blob = '{}'", "QUJD".repeat(200)),
        ] {
            assert!(found(&line), "{line}");
        }
        for line in [
            "password = input('password: ')",
            "token = tokens[index]",
            "api_key = 'your-api-key-here'",
            "ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'",
            "digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
            "id = '123e4567-e89b-12d3-a456-426614174000'",
            "this_is_a_long_function_name_of_somebody_2 = 1",
            "url = f'https://{user}:{password}@host'",
        ] {
            assert!(!found(line), "{line}");
        }
    }
}
