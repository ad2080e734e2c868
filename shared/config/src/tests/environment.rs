//! Variables in values, `.env`, and settings in the environment.

use super::support::Place;
use crate::{EdgeConfig, Environment as _, ProcessEnvironment};

#[test]
fn variables_are_replaced() {
    let place = Place::with_file(
        "server:\n  port: ${PORT}\n  public_url: \"https://${NAME}.${DOMAIN:-home.arpa}:${PORT}\"\n\
         auth:\n  audience: $${NAME}\n  issuer: ${EMPTY:-}\n\
         link: {names: ['${NAME}.local', other]}\n",
    )
    .set("PORT", "8080")
    .set("NAME", "nas");
    let config = place.hub().config;
    assert_eq!(config.server.port, 8080);
    assert_eq!(config.server.public_url.as_deref(), Some("https://nas.home.arpa:8080"));
    assert_eq!(config.auth.audience.as_deref(), Some("${NAME}"));
    assert_eq!(config.auth.issuer, None, "what is replaced by nothing is absent");
    assert_eq!(config.link.names, ["nas.local", "other"]);
}

#[test]
fn a_text_of_digits_from_a_variable_is_a_text() {
    let place = Place::with_file("auth: {audience: '${WHO}', issuer: \"${FLAG}\"}\n")
        .set("WHO", "123")
        .set("FLAG", "true");
    let auth = place.hub().config.auth;
    assert_eq!((auth.audience.as_deref(), auth.issuer.as_deref()), (Some("123"), Some("true")));
}

#[test]
fn dotenv_has_comments_quotes_and_escapes() {
    let place = Place::with_file(
        "auth: {audience: '${A}', issuer: '${B}'}\nserver: {port: \"${P}\", public_url: \"${U}\"}\n",
    );
    place.write(
        ".env",
        "# comment\n\nexport A=plain text # comment\nB=\"a \\\"b\\\" c\" # comment\n\
         P='80'\nU=https://x/#part\nP=81\n",
    );
    let config = place.hub().config;
    assert_eq!(config.auth.audience.as_deref(), Some("plain text"));
    assert_eq!(config.auth.issuer.as_deref(), Some("a \"b\" c"));
    assert_eq!(config.server.port, 81, "the last line counts");
    assert_eq!(config.server.public_url.as_deref(), Some("https://x/#part"));
}

#[test]
fn wrong_lines_of_dotenv_are_all_named() {
    let place = Place::new();
    place.write(".env", "A=1\nno assignment\n1B=2\nC='open\nD=\"open\nE=\"x\" y\n");
    let errors = place.errors();
    let lines: Vec<_> = errors.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(lines, [".env:2:1", ".env:3:1", ".env:4:1", ".env:5:1", ".env:6:1"]);
    assert!(errors.contains("allowed: NAME=text"));
}

#[test]
fn lists_and_maps_are_json_or_commas() {
    let place = Place::with_file("collectors: {openai: {timeout: 9}, other: {}}\n")
        .set("AGENT_OS_LINK__NAMES", "a.local, b.local")
        .set("AGENT_OS_SERVER__CORS_ORIGINS", r#"["https://a", "https://b:1"]"#)
        .set("AGENT_OS_SERVER__TLS", r#"{"mode": "files", "cert": "c"}"#)
        .set("AGENT_OS_SERVER__TLS__KEY", "k")
        .set("AGENT_OS_COLLECTORS__OPENAI", r#"{"retry_count": 1}"#)
        .set("AGENT_OS_COLLECTORS__MISTRAL__ENABLED", "false");
    let config = place.hub().config;
    assert_eq!(config.link.names, ["a.local", "b.local"]);
    assert_eq!(config.server.cors_origins, ["https://a", "https://b:1"]);
    assert_eq!(config.server.tls.key.as_deref(), Some("k".as_ref()));
    let names: Vec<_> = config.collectors.keys().map(String::as_str).collect();
    assert_eq!(names, ["anthropic", "mistral", "openai", "other"]);
    let openai = &config.collectors["openai"];
    assert_eq!((openai.timeout.as_secs(), openai.retry_count), (9, 1));
    assert!(!config.collectors["mistral"].enabled);
}

#[test]
fn null_and_nothing_in_the_environment() {
    let place = Place::with_file("server: {port: 1}\n")
        .set("AGENT_OS_LOGGING__PATH", "null")
        .set("AGENTOS_PORT", "");
    let config = place.hub().config;
    assert_eq!(config.logging.path, None);
    assert_eq!(config.server.port, 1, "an empty variable is not set");
}

#[test]
fn wrong_variables_are_refused_all_at_once() {
    let place = Place::new()
        .set("AGENT_OS_SERVER__PROT", "1")
        .set("AGENT_OS_SERVER__PORT", "many")
        .set("AGENT_OS_LINK__NAMES", "[oops")
        .set("AGENT_OS_SERVER__", "x")
        .set("AGENT_OS_MODELS__MODEL_LIST", r#"[{"model_name": 5}]"#)
        .set("DATABASE_URL", "postgres://u:hunter2@db/x")
        .set("AGENTOS_HOST", "nas");
    insta::assert_snapshot!(place.errors());
    assert!(!place.errors().contains("hunter2"));
}

#[test]
fn variables_that_are_no_settings_are_left_alone() {
    let place = Place::new()
        .set("AGENT_OS_URL", "http://hub")
        .set("AGENT_OS_API_KEY", "k")
        .set("AGENT_OS_INTEGRATION_TESTS", "1")
        .set("AGENT_OS_MODEL__THREADS", "2")
        .set("REDIS_URL", "redis://x");
    let loaded = place.hub();
    assert_eq!(loaded.notices, ["REDIS_URL is set and not needed: the hub uses no Redis"]);
    assert_eq!(place.load::<EdgeConfig>().unwrap().config.model.threads, Some(2));
}

#[test]
fn database_urls_are_sqlite() {
    for (url, path) in [
        ("sqlite:a.db", "a.db"),
        ("sqlite://a.db?mode=rwc", "a.db"),
        ("sqlite:///data/a.db", "/data/a.db"),
    ] {
        let place = Place::new().set("DATABASE_URL", url);
        assert_eq!(place.hub().config.database.path, std::path::Path::new(path));
    }
    let place = Place::new().set("DATABASE_URL", "mysql://x").set("AGENT_OS_DB_PATH", "b.db");
    assert_eq!(place.hub().config.database.path, std::path::Path::new("b.db"));
}

#[test]
fn the_process_has_an_environment() {
    assert!(ProcessEnvironment.get("PATH").is_some());
    assert!(ProcessEnvironment.names().contains(&"PATH".to_owned()));
    assert_eq!(ProcessEnvironment.get("AGENT_OS_NO_SUCH_VARIABLE"), None);
}

#[test]
fn a_file_of_litellm_lies_under_ours() {
    let place = Place::with_file("router: {cache_ttl_seconds: 60}\n").set("KEY", "sk-canary");
    place.write(
        "config/litellm.yaml",
        "model_list:\n- model_name: cloud-smart\n  litellm_params:\n    \
         model: anthropic/claude\n    api_key: os.environ/KEY\n    temperature: 0.7\n\
         router_settings:\n  cache_ttl_seconds: 5\n  cache_responses: false\n  fallbacks:\n  \
         - model: local-fast\n    fallback: cloud-smart\n    conditions:\n    \
         - error_type: timeout\n    - confidence_score: < 0.7\n\
         general_settings: {x: y}\n",
    );
    let loaded = place.hub();
    let model = &loaded.config.models.model_list[0].litellm_params;
    assert_eq!(model.api_key.as_ref().map(crate::Secret::expose), Some("sk-canary"));
    assert_eq!(loaded.config.router.cache_ttl.as_secs(), 60);
    assert!(!loaded.config.router.cache_responses);
    let conditions = &loaded.config.router.fallbacks[0].conditions;
    assert_eq!(conditions[1].confidence_below, Some(0.7));
    assert_eq!(
        loaded.notices.iter().map(|notice| place.strip(notice)).collect::<Vec<_>>(),
        ["config/litellm.yaml:16:1: general_settings of LiteLLM is passed over"]
    );
    assert!(!crate::show(&loaded).contains("canary"));
    place.write("config/litellm.yaml", "model_list:\n- model_name: x\n");
    assert!(place.errors().starts_with(
        "config/litellm.yaml:2:3: models.model_list[0].litellm_params: missing: it must be given"
    ));
}
