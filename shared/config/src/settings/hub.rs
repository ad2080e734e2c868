//! The settings of the hub.

use super::billing::{COLLECTOR, EXPORT, SCHEDULE};
use super::engine::ENGINE;
use super::logging::{LOGGING, TELEMETRY};
use super::models::{MODELS, ROUTER};
use super::toolbox::{SANDBOX, WEB};
use crate::format::Format;
use crate::kind::{Alias, AliasForm, Kind, Setting};

/// All sections of `agent_os.yaml`.
pub(crate) const HUB: &[Setting] = &[
    Setting::section("server", SERVER, "The API"),
    Setting::section("auth", AUTH, "Who may use the API, beside those with an API key"),
    Setting::section("limits", LIMITS, "What one client may ask for"),
    Setting::section("logging", LOGGING, "Log lines"),
    Setting::section("telemetry", TELEMETRY, "Traces of what requests set off"),
    Setting::section("storage", STORAGE, "Where the hub keeps what it owns"),
    Setting::section("database", DATABASE, "The database"),
    Setting::section("link", LINK, "Where edges dial in"),
    Setting::section("engine", ENGINE, "How runs are handed to edges"),
    Setting::section("approvals", APPROVALS, "What a person has to confirm"),
    Setting::section("agents", AGENTS, "Agents are files, read again when they change"),
    Setting::section("models", MODELS, "Models beside those that the edges run"),
    Setting::section("router", ROUTER, "Which model answers; also read from config/litellm.yaml"),
    Setting::section("security", SECURITY, "Secrets that the hub keeps"),
    Setting::section("providers", PROVIDERS, "Keys and addresses of the models' providers"),
    Setting::section("schedule", SCHEDULE, "The daily report"),
    Setting {
        samples: None,
        ..Setting::new(
            "collectors",
            Kind::Map(&Kind::Record(COLLECTOR)),
            "{openai: {}, anthropic: {}}",
            "What fetches a provider's usage, by its name",
        )
    },
    Setting::section("export", EXPORT, "Files with results"),
    Setting::section("tools", TOOLS, "Tools are files, read again when they change"),
    Setting::section("sandbox", SANDBOX, "What confines the programs that agents run on the hub"),
    Setting::section("web", WEB, "What agents may reach of the web from the hub"),
    Setting::section("memory", MEMORY, "What is remembered of finished tasks"),
    Setting::section("self_improvement", SELF_IMPROVEMENT, "Proposals made from the history"),
    Setting::section("notifications", NOTIFICATIONS, "Who is told of what"),
    Setting::section("control_plane", CONTROL_PLANE, "A control plane that the hub reports to"),
];

const SERVER: &[Setting] = &[
    Setting::new(
        "host",
        Kind::Text(Format::Ip),
        "127.0.0.1",
        "Address that the API listens on; 0.0.0.0 is every address of this machine",
    )
    .env(&[Alias::new("AGENTOS_HOST")])
    .samples("0.0.0.0", "::1"),
    Setting::new(
        "port",
        Kind::Integer(0, 65_535, "a port"),
        "7777",
        "Port that the API listens on; 0 takes any free one",
    )
    .env(&[Alias::new("AGENTOS_PORT")]),
    Setting::new(
        "public_url",
        Kind::Text(Format::HttpUrl),
        "null",
        "The address by which clients reach the API, where it is another; \
         a certificate of the hub's own authority carries its name",
    )
    .samples("https://nas.local:7777", "https://agents.example"),
    Setting::new(
        "cors_origins",
        Kind::List(&Kind::Text(Format::WebOrigin)),
        "[]",
        "Web pages of other origins that may call the API; none by default",
    )
    .samples(r#"["https://home.example:8443"]"#, r#"["*"]"#),
    Setting::section("tls", TLS, "How the API proves who it is"),
];

const TLS: &[Setting] = &[
    Setting::new(
        "mode",
        Kind::Choice(&["off", "hub_ca", "files"]),
        "off",
        "Plain HTTP (off), HTTPS with a certificate of the hub's own authority, which it renews \
         (hub_ca), or HTTPS with a given one (files)",
    ),
    Setting::new(
        "cert",
        Kind::Text(Format::Path),
        "null",
        "Certificate chain in PEM, for files; read again when it changes",
    )
    .samples("tls/cert.pem", "/etc/ssl/hub.pem"),
    Setting::new(
        "key",
        Kind::Text(Format::Path),
        "null",
        "Private key in PEM, for files; read again when it changes",
    )
    .samples("tls/key.pem", "/etc/ssl/hub.key"),
];

const AUTH: &[Setting] = &[
    Setting::new(
        "jwt_secret",
        Kind::Text(Format::Key),
        "null",
        "Key of tokens that are signed with HS256; without it there are none",
    )
    .env(&[Alias::new("BETTER_AUTH_SECRET")])
    .secret()
    .samples("one-secret-of-at-least-32-bytes-aaaa", "two-secret-of-at-least-32-bytes-bbbb"),
    Setting::section("jwks", JWKS, "Keys of tokens that are signed with RS256 or ES256"),
    Setting::new("audience", Kind::Text(Format::Any), "null", "What a token's aud must be")
        .samples("agent-os", "home"),
    Setting::new("issuer", Kind::Text(Format::Any), "null", "What a token's iss must be")
        .samples("https://id.example", "better-auth"),
    Setting::new(
        "leeway_seconds",
        Kind::Integer(0, 5, "seconds"),
        "5",
        "How far the clocks of issuer and hub may be apart",
    ),
];

const JWKS: &[Setting] = &[
    Setting::new("url", Kind::Text(Format::HttpUrl), "null", "Address of the key set")
        .samples("https://id.example/jwks.json", "http://127.0.0.1:3000/jwks"),
    Setting::new("file", Kind::Text(Format::Path), "null", "File with the key set")
        .samples("jwks.json", "/etc/agentos/jwks.json"),
];

const LIMITS: &[Setting] = &[
    Setting::new(
        "body_bytes",
        Kind::Integer(1024, 1_073_741_824, "bytes"),
        "1048576",
        "The largest JSON body",
    ),
    Setting::new(
        "file_bytes",
        Kind::Integer(1024, 1_099_511_627_776, "bytes"),
        "268435456",
        "The largest file",
    ),
    Setting::new(
        "wait_seconds",
        Kind::Integer(0, 3600, "seconds"),
        "120",
        "The longest that a request waits for its task",
    ),
    Setting::new(
        "connections",
        Kind::Integer(1, 100_000, "connections"),
        "512",
        "Connections at once",
    ),
    Setting::new(
        "requests_per_minute_per_key",
        Kind::Integer(1, 1_000_000, "requests"),
        "600",
        "Requests that a key or token may make in a minute",
    ),
    Setting::new(
        "requests_per_minute_per_address",
        Kind::Integer(1, 1_000_000, "requests"),
        "1200",
        "Requests that an address may make in a minute",
    ),
    Setting::new(
        "burst",
        Kind::Integer(1, 100_000, "requests"),
        "60",
        "Requests that may come at once, on top of the rate",
    ),
];

const STORAGE: &[Setting] = &[
    Setting::new(
        "data",
        Kind::Text(Format::Path),
        "null",
        "Folder for the database, the files and the keys; \
         without it $XDG_DATA_HOME/agentos/hub or ~/.local/share/agentos/hub",
    )
    .env(&[Alias::new("AGENT_OS_DATA")])
    .samples("/data", "~/hub"),
    Setting::new(
        "workspace",
        Kind::Text(Format::Path),
        "null",
        "Folder of the files of the workspaces; without it, in the data folder",
    )
    .env(&[Alias::new("WORKSPACE_PATH")])
    .samples("/data/workspaces", "files")
    .planned(),
];

const DATABASE: &[Setting] = &[
    Setting::new(
        "path",
        Kind::Text(Format::Path),
        "agent_os.db",
        "The SQLite file, relative to the data folder",
    )
    .env(&[
        Alias::new("AGENT_OS_DB_PATH"),
        Alias::new("AGENT_OS_DB"),
        Alias::new("DATABASE_PATH"),
        Alias { name: "DATABASE_URL", form: AliasForm::SqliteUrl },
    ])
    .samples("/data/other.db", "hub.db"),
    Setting::new(
        "timeout",
        Kind::Integer(1, 600, "seconds"),
        "30",
        "The longest that a query waits for the database",
    )
    .planned(),
];

const LINK: &[Setting] = &[
    Setting::new(
        "listen",
        Kind::Text(Format::SocketAddr),
        "0.0.0.0:7443",
        "Address and port, UDP and TCP, where edges dial in",
    )
    .env(&[Alias::new("AGENT_OS_LINK_LISTEN")])
    .samples("127.0.0.1:7443", r#""[::]:8443""#),
    Setting::new(
        "names",
        Kind::List(&Kind::Text(Format::HostName)),
        "[]",
        "Further names and addresses under which edges, and clients over HTTPS, reach this hub",
    )
    .env(&[Alias::new("AGENT_OS_LINK_NAMES")])
    .samples(r#"["nas.local"]"#, r#"["10.0.0.2", "nas.example"]"#),
    Setting::new(
        "certificate_days",
        Kind::Integer(1, 825, "days"),
        "30",
        "How long an edge's certificate is good; it is renewed in time",
    ),
];

const AGENTS: &[Setting] = &[
    Setting::new(
        "path",
        Kind::Text(Format::Path),
        "config/agents",
        "Folder of the agents' files, relative to this file",
    )
    .samples("agents", "/etc/agentos/agents"),
    Setting::new(
        "reload_seconds",
        Kind::Integer(1, 3600, "seconds"),
        "2",
        "How often the files are looked at",
    ),
];

const SECURITY: &[Setting] = &[
    Setting::new(
        "secrets_key",
        Kind::Text(Format::SecretsKey),
        "null",
        "The master key that encrypts the workspaces' provider keys, in place of a file",
    )
    .env(&[Alias::new("AGENT_OS_SECRETS_KEY")])
    .secret()
    .samples(
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ),
    Setting::new(
        "secrets_key_file",
        Kind::Text(Format::Path),
        "secrets.key",
        "File with the master key, relative to the data folder; made when first needed",
    )
    .samples("/run/secrets/agentos", "other.key"),
    Setting::new(
        "webhook_secret",
        Kind::Text(Format::Any),
        "null",
        "Whoever signs a webhook with it, as Standard Webhooks has it, may run plugins: whsec_ and \
         base64; without it nobody may",
    )
    .env(&[Alias::new("AGENT_OS_WEBHOOK_SECRET")])
    .secret()
    .samples("whsec_b25lLXNlY3JldA==", "whsec_dHdvLXNlY3JldA=="),
];

const PROVIDERS: &[Setting] = &[
    Setting::new("anthropic_api_key", Kind::Text(Format::Any), "null", "Anthropic's key")
        .env(&[Alias::new("ANTHROPIC_API_KEY")])
        .secret()
        .samples("key-one", "key-two"),
    Setting::new("openai_api_key", Kind::Text(Format::Any), "null", "OpenAI's key")
        .env(&[Alias::new("OPENAI_API_KEY")])
        .secret()
        .samples("key-one", "key-two"),
    Setting::new(
        "anthropic_admin_key",
        Kind::Text(Format::Any),
        "null",
        "Anthropic's administration key, for usage and cost",
    )
    .env(&[Alias::new("ANTHROPIC_ADMIN_KEY"), Alias::new("ANTHROPIC_ADMIN_API_KEY")])
    .secret()
    .samples("key-one", "key-two"),
    Setting::new(
        "openai_admin_key",
        Kind::Text(Format::Any),
        "null",
        "OpenAI's administration key, for usage and cost",
    )
    .env(&[Alias::new("OPENAI_ADMIN_KEY"), Alias::new("OPENAI_ADMIN_API_KEY")])
    .secret()
    .samples("key-one", "key-two"),
    Setting::new("ollama_host", Kind::Text(Format::Any), "null", "Ollama's address")
        .env(&[Alias::new("OLLAMA_HOST")])
        .samples("http://127.0.0.1:11434", "ollama.local:11434"),
];

const TOOLS: &[Setting] = &[Setting::new(
    "path",
    Kind::Text(Format::Path),
    "tools",
    "Folder of the tools' files, relative to this file",
)
.samples("my-tools", "/etc/agentos/tools")
.planned()];

const MEMORY: &[Setting] =
    &[Setting::new("enabled", Kind::Bool, "true", "Whether finished tasks are remembered")
        .planned()];

const SELF_IMPROVEMENT: &[Setting] = &[
    Setting::new("enabled", Kind::Bool, "false", "Whether proposals are made").planned(),
    Setting::new(
        "interval_hours",
        Kind::Integer(1, 8760, "hours"),
        "6",
        "Time between two looks at the history",
    )
    .planned(),
];

const APPROVALS: &[Setting] = &[Setting::new(
    "expire_after_hours",
    Kind::Integer(1, 8760, "hours"),
    "null",
    "After so long a call that nobody confirmed is denied; null waits for ever",
)];

const NOTIFICATIONS: &[Setting] = &[
    Setting::new(
        "webhook_url",
        Kind::Text(Format::HttpUrl),
        "null",
        "Where a JSON document is sent when something waits for a person; it says what kind of \
         thing and its id, and nothing of its content",
    )
    .env(&[Alias::new("AGENT_OS_WEBHOOK_URL")])
    .secret()
    .samples("https://hooks.example/agentos", "https://hooks.example/other"),
    Setting::new(
        "discord_webhook_url",
        Kind::Text(Format::HttpUrl),
        "null",
        "Discord's webhook for alerts and proposals",
    )
    .env(&[Alias::new("DISCORD_WEBHOOK_URL")])
    .secret()
    .samples("https://discord.example/api/webhooks/1", "https://discord.example/api/webhooks/2"),
    Setting::new(
        "monthly_threshold_usd",
        Kind::Number(0.0, 1_000_000.0),
        "50",
        "A month's cost in USD above which an alert is sent",
    ),
];

const CONTROL_PLANE: &[Setting] = &[
    Setting::new("url", Kind::Text(Format::HttpUrl), "null", "Its address")
        .env(&[Alias::new("CONTROL_PLANE_URL")])
        .samples("https://plane.example", "https://plane.example/two")
        .planned(),
    Setting::new("api_key", Kind::Text(Format::Any), "null", "Its key")
        .env(&[Alias::new("CONTROL_PLANE_API_KEY")])
        .secret()
        .samples("key-one", "key-two")
        .planned(),
];
