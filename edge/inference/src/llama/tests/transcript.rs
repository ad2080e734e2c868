//! Conversations: what stays in the cache, and that nobody can tell.

use super::*;

fn in_conversation(key: &str, messages: Vec<Message>, max_tokens: u32) -> GenerateRequest {
    GenerateRequest { conversation: Some(key.into()), ..request(messages, max_tokens) }
}

fn reply(completion: &Completion) -> Message {
    let text = Message::text(Role::Assistant, completion.text.clone());
    Message { tool_calls: completion.tool_calls.clone(), ..text }
}

/// A first turn with a tool call, as text and as tokens the same.
fn call_now(messages: Vec<Message>) -> GenerateRequest {
    GenerateRequest {
        tools: vec![tool("now", json!({ "type": "object", "properties": {} }))],
        tool_choice: ToolChoice::Required("now".parse().unwrap()),
        ..in_conversation("a", messages, 200)
    }
}

#[tokio::test]
async fn a_continued_conversation_computes_only_what_is_new() {
    let (cached, fresh) = (fixture().await, fixture().await);
    let mut messages = vec![Message::text(Role::System, "Be brief."), user("what time is it?")];
    let first = ask(&cached.engine, call_now(messages.clone())).await;
    assert_eq!(first.finish, FinishReason::ToolCalls);
    assert_eq!(first.usage.cached_tokens, 0);
    messages.push(reply(&first));
    let result = Message::text(Role::Tool, "12:00");
    messages.push(Message { tool_call_id: Some(first.tool_calls[0].id.clone()), ..result });

    let second = GenerateRequest { tool_choice: ToolChoice::Auto, ..call_now(messages.clone()) };
    let continued = ask(&cached.engine, second.clone()).await;
    // All but the last generated token, which was never decoded.
    let known = first.usage.input_tokens + first.usage.output_tokens - 1;
    assert_eq!(continued.usage.cached_tokens, known);
    let alone = ask(&fresh.engine, second).await;
    assert_eq!(alone.usage.cached_tokens, 0);
    assert_eq!(alone.usage.input_tokens, continued.usage.input_tokens);
    assert_eq!(alone.text, continued.text);
    assert!(!continued.text.is_empty());

    messages.extend([reply(&continued), user("sure?")]);
    let third = GenerateRequest { tool_choice: ToolChoice::Auto, ..call_now(messages) };
    let (continued, alone) =
        (ask(&cached.engine, third.clone()).await, ask(&fresh.engine, third).await);
    assert!(continued.usage.cached_tokens > known);
    assert_eq!(alone.text, continued.text);
}

#[tokio::test]
async fn what_does_not_continue_starts_over_but_keeps_the_common_beginning() {
    let fixture = fixture().await;
    let ask = async |messages| ask(&fixture.engine, in_conversation("a", messages, 10)).await;
    let first = ask(vec![user("one two three")]).await;
    let again = ask(vec![user("one two three")]).await;
    assert_eq!(again.text, first.text);
    assert_eq!(again.usage.cached_tokens, first.usage.input_tokens - 1);
    let other = ask(vec![user("one two four")]).await;
    assert!(other.usage.cached_tokens > 0);
    assert!(other.usage.cached_tokens < first.usage.input_tokens);
    let forged = vec![user("one two four"), Message::text(Role::Assistant, "no"), user("so?")];
    let forged = ask(forged).await;
    assert!(forged.usage.cached_tokens <= other.usage.input_tokens);
    fixture.engine.end_conversation("a").await;
    assert_eq!(ask(vec![user("one two three")]).await.usage.cached_tokens, 0);
}

#[tokio::test]
async fn an_evicted_conversation_goes_on_as_if_it_had_stayed() {
    let fixture = fixture().await;
    let ask =
        async |key: &str, messages| ask(&fixture.engine, in_conversation(key, messages, 10)).await;
    let first = vec![user("hello")];
    let (one, two) = (ask("one", first.clone()).await, ask("two", first.clone()).await);
    assert_eq!(one.text, two.text);
    let next =
        |completion: &Completion| [first.clone(), vec![reply(completion), user("and?")]].concat();
    let stayed = ask("two", next(&two)).await;
    for key in ["three", "four", "five"] {
        ask(key, first.clone()).await;
    }
    let evicted = ask("one", next(&one)).await;
    assert!(stayed.usage.cached_tokens > 0);
    assert_eq!(evicted.usage.cached_tokens, 0);
    assert_eq!(evicted.usage.input_tokens, stayed.usage.input_tokens);
    assert_eq!(evicted.text, stayed.text);
}

#[tokio::test]
async fn conversations_share_the_context_and_a_prompt_beyond_it_is_refused() {
    let fixture = fixture_with(|config| config.context_tokens = 1024).await;
    let long = "x".repeat(600);
    for key in ["a", "b", "c", "a"] {
        let completion = ask(&fixture.engine, in_conversation(key, vec![user(&long)], 5)).await;
        assert!(completion.usage.input_tokens > 600);
    }
    let too_long = in_conversation("a", vec![user(&"x".repeat(2000))], 5);
    let error = finish(start(&fixture.engine, too_long).await).await.unwrap_err();
    assert_eq!(error.code(), "context_full");
    assert!(error.to_string().contains("context of 1024"), "{error}");
    let after = ask(&fixture.engine, in_conversation("a", vec![user(&long)], 5)).await;
    assert_eq!(after.usage.cached_tokens, 0);
}

#[tokio::test]
async fn the_end_of_the_context_ends_an_answer() {
    let fixture = fixture_with(|config| config.context_tokens = 512).await;
    let completion = ask(&fixture.engine, endless()).await;
    assert_eq!(completion.finish, FinishReason::Length);
    let total = completion.usage.input_tokens + completion.usage.output_tokens;
    assert_eq!(total, 513, "the last token needs no place");
}

#[tokio::test]
async fn two_conversations_take_turns() {
    let fixture = fixture().await;
    let mut running = start(&fixture.engine, endless()).await;
    running.recv().await.unwrap().unwrap();
    let mut calls = Vec::new();
    for (key, text) in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2")] {
        let request = in_conversation(key, vec![user(text)], 3);
        calls.push((text, start(&fixture.engine, request).await));
    }
    let (done, mut order) = tokio::sync::mpsc::channel(4);
    let mut waiting = tokio::task::JoinSet::new();
    for (text, events) in calls {
        let done = done.clone();
        waiting.spawn(async move {
            finish(events).await.unwrap();
            done.send(text).await.unwrap();
        });
    }
    drop(done);
    // All of them wait already when the engine gets to the first.
    tokio::task::yield_now().await;
    drop(running);
    let mut ended = Vec::new();
    while let Some(text) = timeout(DEADLINE, order.recv()).await.unwrap() {
        ended.push(text);
    }
    assert_eq!(ended, ["a1", "b1", "a2", "b2"]);
}
