//! ResearchAgent: it searches, reads, and names what it read. What it read is
//! never obeyed: where a request goes is the user's word or a person's.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::desk::{Desk, Done, calls, says};
use crate::web::FakeWeb;

const AGENT: &str = "ResearchAgent";

async fn desk(web: &FakeWeb) -> Result<Desk> {
    let search = json!({ "engine": "searxng", "url": web.url("/") });
    Desk::new(json!({ "web": { "allow_private": [web.address()], "search": search } })).await
}

fn fetch(url: &str) -> Value {
    json!({ "url": url })
}

/// An answer in the form that the agent is to give.
fn answer(fact: &str, source: &str) -> String {
    format!(
        "## Facts\n{fact} ({source})\n\n## Opinions\nIt will do for a while.\n\n\
         ## Sources\n- {source}"
    )
}

fn passed_its_checks(done: &Done, answer: &str) -> Result<()> {
    ensure!(done.output() == answer, "{}", done.output());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_searches_reads_and_names_its_source() -> Result<()> {
    let web = FakeWeb::start().await?;
    let (desk, page) = (desk(&web).await?, web.url("/boiler"));
    let answer = answer("The boiler was built in 1998", &page);
    let done = desk
        .task(
            AGENT,
            "Search for the boiler: when was it built?",
            [
                calls(&[("web_search", json!({ "query": "boiler built" }))]),
                calls(&[("web_fetch", fetch(&page))]),
                says(&answer),
            ],
        )
        .await?;
    // The search engine named the page, and it is a stranger.
    assert_eq!(done.asked_for(), ["web_fetch"]);
    ensure!(done.shown.contains("built in 1998"), "{}", done.shown);
    passed_its_checks(&done, &answer)?;
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_the_user_names_is_read_unasked() -> Result<()> {
    let web = FakeWeb::start().await?;
    let (desk, page) = (desk(&web).await?, web.url("/boiler"));
    let answer = answer("It was serviced in March", &page);
    let done = desk
        .task(
            AGENT,
            &format!("Read {page} and tell me when the boiler was serviced"),
            [calls(&[("web_fetch", fetch(&page))]), says(&answer)],
        )
        .await?;
    assert_eq!(done.asked_for(), [""; 0]);
    passed_its_checks(&done, &answer)?;
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_missing_is_said_to_be() -> Result<()> {
    let web = FakeWeb::start().await?;
    let (desk, gone, page) = (desk(&web).await?, web.url("/gone"), web.url("/boiler"));
    let answer = format!(
        "## Facts\nIt was built in 1998 ({page}). {gone} is missing (404).\n\n\
         ## Opinions\nNone.\n\n## Sources\n- {page}"
    );
    let done = desk
        .task(
            AGENT,
            &format!("Read {gone}, and {page} if it is missing"),
            [
                calls(&[("web_fetch", fetch(&gone))]),
                calls(&[("web_fetch", fetch(&page))]),
                says(&answer),
            ],
        )
        .await?;
    ensure!(done.shown.contains(r#"\"status\":404"#), "{}", done.shown);
    passed_its_checks(&done, &answer)?;
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_was_never_read_is_given_back() -> Result<()> {
    let web = FakeWeb::start().await?;
    let (desk, page) = (desk(&web).await?, web.url("/boiler"));
    let invented = answer("It was built in 1997", "https://boilers.example/made-up");
    let corrected = answer("It was built in 1998", &page);
    let done = desk
        .task(
            AGENT,
            &format!("When was the boiler built? See {page}"),
            [says(&invented), calls(&[("web_fetch", fetch(&page))]), says(&corrected)],
        )
        .await?;
    ensure!(done.shown.contains("boilers.example/made-up"), "{}", done.shown);
    passed_its_checks(&done, &corrected)?;
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_the_workspace_is_read() -> Result<()> {
    let web = FakeWeb::start().await?;
    let desk = desk(&web).await?;
    let html = b"<html><body><p>The contract ends on 31 May 2027.</p></body></html>";
    desk.client.upload("contract.html", html).await?;
    let answer = "## Facts\nThe contract ends on 31 May 2027 (contract.html).\n\n\
        ## Opinions\nNone.\n\n## Sources\n- contract.html";
    let done = desk
        .task(
            AGENT,
            "When does contract.html end?",
            [calls(&[("document_parser", json!({ "path": "contract.html" }))]), says(answer)],
        )
        .await?;
    assert_eq!(done.asked_for(), [""; 0]);
    ensure!(done.shown.contains("31 May 2027"), "{}", done.shown);
    passed_its_checks(&done, answer)?;
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_nobody_allowed_is_not_reached() -> Result<()> {
    let (web, other) = (FakeWeb::start().await?, FakeWeb::start().await?);
    let (desk, page) = (desk(&web).await?, other.url("/boiler"));
    let answer =
        format!("## Facts\nNothing could be found: {page} may not be read.\n\n## Opinions\nNone.");
    let done = desk
        .task(
            AGENT,
            &format!("Read {page}"),
            [calls(&[("web_fetch", fetch(&page))]), says(&answer)],
        )
        .await?;
    ensure!(
        done.shown.contains("not_allowed") || done.shown.contains("not allowed"),
        "{}",
        done.shown
    );
    assert_eq!(other.asked(), 0);
    desk.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_stays_at_home_asks_nobody_outside() -> Result<()> {
    let web = FakeWeb::start().await?;
    let (desk, page) = (desk(&web).await?, web.url("/boiler"));
    let answer = "## Facts\nNothing could be found: the web may not be asked.\n\n\
        ## Opinions\nNone.";
    let done = desk
        .private_task(
            AGENT,
            &format!("Search for the boiler of the Linds, and read {page}"),
            [
                calls(&[("web_search", json!({ "query": "boiler of the Linds" }))]),
                calls(&[("web_fetch", fetch(&page))]),
                says(answer),
            ],
        )
        .await?;
    ensure!(done.shown.contains("there is no tool web_fetch"), "{}", done.shown);
    assert_eq!((web.asked(), done.asked_for()), (0, vec![]));
    // The same task, were it not to stay at home, would have asked.
    let said = self::answer("It was built in 1998", &page);
    let task = format!("Read {page}");
    desk.task(AGENT, &task, [calls(&[("web_fetch", fetch(&page))]), says(&said)]).await?;
    assert_eq!(web.asked(), 1);
    desk.passed();
    Ok(())
}
