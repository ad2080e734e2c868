//! Anthropic's administration API.

use jiff::Timestamp;

use crate::asked::Asked;
use crate::world::{FakeDay, Refusal, Report, World};

const DAY: i64 = 86_400;
const PARAMETERS: [&str; 6] =
    ["starting_at", "ending_at", "bucket_width", "group_by[]", "limit", "page"];

pub(crate) fn answer(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let wrong = |world: &World, what: &str| (400, world.error("invalid_request_error", what));
    match asked.header("x-api-key") {
        Some(key) if key == world.key => {}
        _ => return Err((401, world.error("authentication_error", "invalid x-api-key"))),
    }
    if asked.header("anthropic-version") != Some("2023-06-01") {
        return Err(wrong(world, "anthropic-version: header is required"));
    }
    if asked.header("user-agent").is_none_or(str::is_empty) {
        return Err(wrong(world, "user-agent: header is required"));
    }
    let is_cost = match asked.path.as_str() {
        "/v1/organizations/cost_report" => true,
        "/v1/organizations/usage_report/messages" => false,
        _ => return Err((404, world.error("not_found_error", "Not found"))),
    };
    if let Some(name) = asked.unknown(&PARAMETERS) {
        return Err(wrong(world, &format!("{name}: Extra inputs are not permitted")));
    }
    let time = |name| {
        let time = asked.one(name)?.parse::<Timestamp>().ok()?.as_second();
        Some(time).filter(|time| time % DAY == 0)
    };
    let Some(from) = time("starting_at") else {
        return Err(wrong(world, "starting_at: must be the midnight of a day"));
    };
    let Some(to) = time("ending_at").filter(|to| *to > from) else {
        return Err(wrong(world, "ending_at: must be a midnight after starting_at"));
    };
    if asked.one("bucket_width") != Some("1d") {
        return Err(wrong(world, "bucket_width: must be 1d"));
    }
    let limit = asked.one("limit").map_or(Some(7), |text| text.parse().ok());
    let Some(limit) = limit.filter(|limit| (1..=31).contains(limit)) else {
        return Err(wrong(world, "limit: must be from 1 to 31"));
    };
    let groups: Vec<_> = asked.all("group_by[]").collect();
    let known: &[&str] = match is_cost {
        true => &["workspace_id", "description"],
        false => &["api_key_id", "workspace_id", "model", "service_tier"],
    };
    if groups.iter().any(|group| !known.contains(group)) {
        return Err(wrong(world, "group_by: unknown value"));
    }
    let split = groups.contains(&"description");
    let days = world.told(from / DAY, to / DAY).collect::<Vec<_>>();
    let buckets = days.into_iter().map(|day| bucket(world, is_cost, split, day)).collect();
    let (identity, page) = (asked.identity(), asked.one("page").map(str::to_owned));
    world.page(Report { buckets, identity, limit, page, opening: "" })
}

fn bucket(world: &World, is_cost: bool, split: bool, number: i64) -> String {
    let midnight = |day: i64| Timestamp::from_second(day * DAY).unwrap_or_default();
    let results = match world.days.get(&number) {
        None => Vec::new(),
        Some(day) if is_cost => costs(day, split, world.split_extra.as_deref()),
        Some(day) => usage(day),
    };
    format!(
        "{{\"starting_at\":\"{}\",\"ending_at\":\"{}\",\"results\":[{}]}}",
        midnight(number),
        midnight(number + 1),
        results.join(",")
    )
}

fn costs(day: &FakeDay, split: bool, extra: Option<&str>) -> Vec<String> {
    let line = |(number, amount): (usize, &str)| {
        let text = format!("\"Model {number} Usage - Input Tokens\"");
        let description = if split { text } else { "null".to_owned() };
        format!(
            "{{\"currency\":\"{}\",\"amount\":\"{amount}\",\"workspace_id\":null,\
             \"description\":{description},\"cost_type\":null,\"model\":null}}",
            day.currency
        )
    };
    match (split, day.sum()) {
        (_, _) if day.amounts.is_empty() => Vec::new(),
        (false, Some(sum)) => vec![line((0, &sum))],
        _ => day.amounts.iter().map(String::as_str).chain(extra).enumerate().map(line).collect(),
    }
}

/// Cached tokens are beside the input.
fn usage(day: &FakeDay) -> Vec<String> {
    if !day.has_usage() {
        return Vec::new();
    }
    vec![format!(
        "{{\"uncached_input_tokens\":{},\"cache_creation\":{{\"ephemeral_1h_input_tokens\":{},\
         \"ephemeral_5m_input_tokens\":{}}},\"cache_read_input_tokens\":{},\"output_tokens\":{},\
         \"server_tool_use\":{{\"web_search_requests\":10}},\"api_key_id\":null,\
         \"workspace_id\":null,\"model\":\"claude-opus-5\",\"service_tier\":\"{}\",\
         \"context_window\":\"0-200k\"}}",
        day.uncached,
        day.cache_write - day.cache_write / 3,
        day.cache_write / 3,
        day.cached,
        day.output,
        day.tier
    )]
}
