//! The settings of what tools may do, on the hub and on edges.

use crate::format::Format;
use crate::kind::{Alias, Kind, Setting};

pub(super) const SANDBOX: &[Setting] = &[
    Setting::new(
        "programs",
        Kind::Text(Format::Path),
        "null",
        "Folder of agentos-launcher and agentos-document-parser; without it, that of this program",
    )
    .samples("/usr/local/libexec/agentos", "/opt/agentos/bin"),
    Setting::new(
        "minimum",
        Kind::Choice(&["launcher", "bubblewrap", "never"]),
        "launcher",
        "The weakest confinement in which agents' commands are run: that of the launcher alone, \
         with bubblewrap around it, or none is good enough (never)",
    ),
];

pub(super) const WEB: &[Setting] = &[
    Setting::new(
        "allow",
        Kind::List(&Kind::Text(Format::HostPattern)),
        "[]",
        "Hosts that agents may fetch pages from; none by default, \"*\" is every public one",
    )
    .samples(r#"["en.wikipedia.org", "*.debian.org"]"#, r#"["*"]"#),
    Setting::new(
        "allow_private",
        Kind::List(&Kind::Text(Format::HostPort)),
        "[]",
        "Hosts of the home network, each with its port, that agents may fetch pages from too",
    )
    .samples(r#"["wiki.home:80"]"#, r#"["10.0.0.5:8080", "wiki.home:443"]"#),
    Setting::section("search", SEARCH, "The search engine that agents ask; none by default"),
];

const SEARCH: &[Setting] = &[
    Setting::new(
        "engine",
        Kind::Choice(&["searxng", "brave"]),
        "null",
        "SearXNG with its JSON format switched on, or the Brave Search API",
    ),
    Setting::new(
        "url",
        Kind::Text(Format::HttpUrl),
        "null",
        "Its address; Brave has one of its own",
    )
    .samples("http://search.home:8888/", "https://searx.example/"),
    Setting::new("key", Kind::Text(Format::Any), "null", "The key for it, which Brave needs")
        .env(&[Alias::new("AGENT_OS_SEARCH_KEY")])
        .secret()
        .samples("key-one", "key-two"),
];
