//! Pages as text.

use url::Url;

use crate::web::html::{Page, read};

fn text(html: &str) -> String {
    let base = Url::parse("https://site.test/folder/page").unwrap();
    read(html, Some(&base)).text
}

#[test]
fn a_page_keeps_its_headings_lists_tables_and_links() {
    let html = "<!DOCTYPE html><html><head><title> A\n title </title><style>p{}</style></head><body>\
        <h1>Head &amp; shoulders</h1><p>One <b>two</b>\n three.</p><p>Four<br>five</p>\
        <ul><li>first<li><a href='../x?y=1#z'>second <i>item</i></a></ul>\
        <table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>\
        <pre>  kept\n  as is</pre><img src=x alt='a cat'></body></html>";
    let page = read(html, Some(&Url::parse("https://site.test/folder/page").unwrap()));
    let expected = "# Head & shoulders\n\nOne two three.\n\nFour\nfive\n\n- first\n\
        - [second item](https://site.test/x?y=1#z)\na\tb\t\nc\t\n  kept\n  as is\n[image: a cat]";
    assert_eq!(page, Page { title: Some("A title".to_owned()), text: expected.to_owned() });
}

#[test]
fn what_nobody_reads_is_left_out() {
    for html in [
        "a<script>if (1 < 2) { '<p>no</p>' }</script>b",
        "a<style>no</style>b",
        "a<!-- no -->b",
        "a<template><template>no</template>no</template>b",
        "a<svg><title>no</title><text>no</text></svg>b",
        "a<iframe src=no>no</iframe>b",
    ] {
        assert_eq!(text(html), "ab", "{html}");
    }
}

#[test]
fn links_lead_to_the_web_or_nowhere() {
    for (html, expected) in [
        ("<a href='javascript:alert(1)'>x</a>", "x"),
        ("<a href='data:text/html,x'>x</a>", "x"),
        ("<a href='#top'>x</a>", "x"),
        ("<a href=''></a>x", "x"),
        ("<a>x</a>", "x"),
        ("<a href='/y'>x", "[x](https://site.test/y)"),
        ("<a href='/y'>x<a href='/z'>w</a>", "[x](https://site.test/y)[w](https://site.test/z)"),
        ("<p>one <a href='/y'> two </a> three", "one [two](https://site.test/y) three"),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn soup_is_read_as_far_as_it_goes() {
    for html in
        ["", "<", "<p", "</", "<a href", "&", "&#xD800;", "<!", "<![CDATA[", "<script>x", "\0"]
    {
        let _ = text(html);
    }
    assert_eq!(text(&"<div>".repeat(50_000)), "");
    assert_eq!(text(&format!("{}x", "<b><a href=/>".repeat(20_000))), "[x](https://site.test/)");
    assert!(text(&"<p>x</p>".repeat(2_000_000)).len() < 5 * 1024 * 1024);
}
