//! OpenAI's administration API.

use crate::asked::Asked;
use crate::world::{FakeDay, Refusal, Report, World};

const DAY: i64 = 86_400;
const PARAMETERS: [&str; 6] =
    ["start_time", "end_time", "bucket_width", "group_by[]", "limit", "page"];

/// Which report it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Costs,
    Completions,
    Embeddings,
    Moderations,
}

pub(crate) fn answer(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let shown = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    match shown {
        Some(key) if key == world.key => {}
        Some(key) if key.starts_with("sk-proj-") => {
            let message = "You have insufficient permissions for this operation. Missing scopes: \
                           api.usage.read.";
            return Err((403, world.error("invalid_request_error", message)));
        }
        Some(key) => {
            let message = format!("Incorrect API key provided: {key}");
            return Err((401, world.error("invalid_api_key", &message)));
        }
        None => return Err((401, world.error("missing_key", "You didn't provide an API key"))),
    }
    let kind = match asked.path.as_str() {
        "/v1/organization/costs" => Kind::Costs,
        "/v1/organization/usage/completions" => Kind::Completions,
        "/v1/organization/usage/embeddings" => Kind::Embeddings,
        "/v1/organization/usage/moderations" => Kind::Moderations,
        _ => return Err((404, world.error("not_found", "Unknown request URL"))),
    };
    let wrong = |world: &World, what: &str| (400, world.error("invalid_request_error", what));
    if let Some(name) = asked.unknown(&PARAMETERS) {
        return Err(wrong(world, &format!("Unknown parameter: {name}")));
    }
    let seconds = |name| asked.one(name)?.parse::<i64>().ok().filter(|time| time % DAY == 0);
    let Some(from) = seconds("start_time") else {
        return Err(wrong(world, "start_time must be the midnight of a day"));
    };
    let Some(to) = seconds("end_time").filter(|to| *to > from) else {
        return Err(wrong(world, "end_time must be a midnight after start_time"));
    };
    if asked.one("bucket_width") != Some("1d") {
        return Err(wrong(world, "bucket_width must be 1d"));
    }
    let most = if kind == Kind::Costs { 180 } else { 31 };
    let limit = asked.one("limit").map_or(Some(7), |text| text.parse().ok());
    let Some(limit) = limit.filter(|limit| (1..=most).contains(limit)) else {
        return Err(wrong(world, "limit is out of range"));
    };
    let groups: Vec<_> = asked.all("group_by[]").collect();
    let known =
        if kind == Kind::Costs { ["line_item", "project_id"] } else { ["model", "user_id"] };
    if groups.iter().any(|group| !known.contains(group)) {
        return Err(wrong(world, "unknown group_by"));
    }
    let split = groups.contains(&"line_item");
    let days = world.told(from / DAY, to / DAY).collect::<Vec<_>>();
    let buckets = days.into_iter().map(|day| bucket(world, kind, split, day)).collect();
    let (identity, page) = (asked.identity(), asked.one("page").map(str::to_owned));
    world.page(Report { buckets, identity, limit, page, opening: "\"object\":\"page\"," })
}

fn bucket(world: &World, kind: Kind, split: bool, day: i64) -> String {
    let results = match world.days.get(&day) {
        None => Vec::new(),
        Some(day) if kind == Kind::Costs => costs(day, split, world.split_extra.as_deref()),
        Some(day) => usage(day, kind),
    };
    format!(
        "{{\"object\":\"bucket\",\"start_time\":{},\"end_time\":{},\"results\":[{}]}}",
        day * DAY,
        (day + 1) * DAY,
        results.join(",")
    )
}

fn costs(day: &FakeDay, split: bool, extra: Option<&str>) -> Vec<String> {
    let currency = day.currency.to_ascii_lowercase();
    let line = |(number, amount): (usize, &str)| {
        let item = if split { format!("\"model {number}, input\"") } else { "null".to_owned() };
        format!(
            "{{\"object\":\"organization.costs.result\",\"amount\":{{\"value\":{amount},\
             \"currency\":\"{currency}\"}},\"line_item\":{item},\"project_id\":null}}"
        )
    };
    match (split, day.sum()) {
        (_, _) if day.amounts.is_empty() => Vec::new(),
        (false, Some(sum)) => vec![line((0, &sum))],
        _ => day.amounts.iter().map(String::as_str).chain(extra).enumerate().map(line).collect(),
    }
}

/// Cached tokens are inside the input.
fn usage(day: &FakeDay, kind: Kind) -> Vec<String> {
    let requests = "\"num_model_requests\":5,\"project_id\":null,\"model\":null";
    match kind {
        Kind::Completions if day.has_usage() => {
            let input = day.uncached + day.cached + day.cache_write;
            vec![format!(
                "{{\"object\":\"organization.usage.completions.result\",\"input_tokens\":{input},\
                 \"input_cached_tokens\":{},\"input_cache_write_tokens\":{},\
                 \"input_uncached_tokens\":{},\"output_tokens\":{},{requests}}}",
                day.cached, day.cache_write, day.uncached, day.output
            )]
        }
        Kind::Embeddings if day.embedded > 0 => vec![format!(
            "{{\"object\":\"organization.usage.embeddings.result\",\"input_tokens\":{},{requests}}}",
            day.embedded
        )],
        _ => Vec::new(),
    }
}
