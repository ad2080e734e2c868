//! `document_parser`, with the program that does the work.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its paths are its own"
)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use lopdf::content::{Content, Operation};
use lopdf::{Document, Object, Stream, dictionary};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use agentos_domain::{ToolCall, ToolError, ToolOutcome};
use agentos_sandbox::GrantedRoot;
use agentos_tools::{DocumentParser, ParserProgram, Registry, ToolContext};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

struct Place {
    _temp: TempDir,
    inside: PathBuf,
    registry: Registry,
    context: ToolContext,
}

fn place() -> Place {
    let temp = TempDir::new().unwrap();
    let inside = temp.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::create_dir(temp.path().join("outside")).unwrap();
    fs::write(temp.path().join("outside/secret.html"), "CANARY").unwrap();
    let context = ToolContext {
        root: Arc::new(GrantedRoot::grant(&inside).unwrap()),
        idempotency_key: "key".to_owned(),
        cancel: CancellationToken::new(),
    };
    let program = ParserProgram::new(env!("CARGO_BIN_EXE_agentos-document-parser").into());
    let mut registry = Registry::new();
    registry.insert(Arc::new(DocumentParser::new(program))).unwrap();
    Place { _temp: temp, inside, registry, context }
}

impl Place {
    fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::write(self.inside.join(path), content).unwrap();
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        let call = ToolCall { id: "1".to_owned(), name: tool.parse().unwrap(), arguments };
        match self.registry.call(&call, &self.context).await {
            ToolOutcome::Ok(value) => Ok(value),
            ToolOutcome::Err(error) => Err(error),
        }
    }

    async fn ok(&self, tool: &str, arguments: Value) -> Value {
        self.call(tool, arguments).await.unwrap()
    }

    async fn code(&self, tool: &str, arguments: Value) -> String {
        self.call(tool, arguments).await.unwrap_err().code
    }
}

async fn parse(place: &Place, path: &str) -> Value {
    place.ok("document_parser", json!({ "path": path })).await
}

/// A file with such content streams, a page each.
fn pdf_of(contents: Vec<Stream>) -> Vec<u8> {
    let mut document = Document::with_version("1.5");
    let pages_id = document.new_object_id();
    let font = dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Courier" };
    let font = document.add_object(font);
    let resources = dictionary! { "Font" => dictionary! { "F1" => font } };
    let resources = document.add_object(resources);
    let pages: Vec<Object> = contents
        .into_iter()
        .map(|content| {
            let content = document.add_object(content);
            let page = dictionary! {
                "Type" => "Page", "Parent" => pages_id, "Contents" => content,
            };
            document.add_object(page).into()
        })
        .collect();
    let count = pages.len() as i64;
    let pages = dictionary! {
        "Type" => "Pages", "Kids" => pages, "Count" => count, "Resources" => resources,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    };
    document.objects.insert(pages_id, Object::Dictionary(pages));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages_id });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn shows(text: &str) -> Stream {
    let operations = vec![
        Operation::new("BT", vec![]),
        Operation::new("Tf", vec!["F1".into(), 12.into()]),
        Operation::new("Td", vec![100.into(), 600.into()]),
        Operation::new("Tj", vec![Object::string_literal(text)]),
        Operation::new("ET", vec![]),
    ];
    Stream::new(dictionary! {}, Content { operations }.encode().unwrap())
}

fn packed(content: &[u8], times: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..times {
        encoder.write_all(content).unwrap();
    }
    encoder.finish().unwrap()
}

fn docx(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in parts {
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn a_pdf_is_read_page_by_page() {
    let place = place();
    place.file("a.pdf", pdf_of(vec![shows("First page"), shows("Second page"), shows("Third")]));
    let got = parse(&place, "a.pdf").await;
    assert_eq!(
        (&got["format"], &got["pages"], &got["truncated"]),
        (&json!("pdf"), &json!(3), &json!(false))
    );
    let text = got["text"].as_str().unwrap();
    let expected =
        "--- page 1 ---\nFirst page\n--- page 2 ---\nSecond page\n--- page 3 ---\nThird\n";
    assert_eq!(text, expected);
    let later = place.ok("document_parser", json!({ "path": "a.pdf", "first_page": 3 })).await;
    assert_eq!(later["text"], "--- page 3 ---\nThird\n");
    let past = json!({ "path": "a.pdf", "first_page": 4 });
    assert_eq!(place.code("document_parser", past).await, "offset_past_end");
}

#[tokio::test]
async fn a_long_pdf_is_read_in_parts() {
    let place = place();
    let line = "word ".repeat(100);
    place.file("a.pdf", pdf_of((0..150).map(|_| shows(&line)).collect()));
    let (mut arguments, mut pages, mut calls) = (json!({ "path": "a.pdf" }), 0, 0);
    loop {
        let got = place.ok("document_parser", arguments.clone()).await;
        pages += got["text"].as_str().unwrap().matches("--- page ").count();
        calls += 1;
        let Some(next) = got["next"].as_str() else { break };
        let rest = next.strip_prefix("document_parser with ").unwrap();
        for pair in rest.split(" and ") {
            let (name, value) = pair.split_once(' ').unwrap();
            arguments[name] = value.parse::<u64>().unwrap().into();
        }
    }
    assert_eq!(pages, 150);
    assert!((3..20).contains(&calls), "{calls}");
}

#[tokio::test]
async fn a_docx_is_read() {
    let xml = r#"<?xml version="1.0"?><w:document xmlns:w="http://x"><w:body>
        <w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Title</w:t></w:r></w:p>
        <w:p><w:r><w:t xml:space="preserve">One </w:t></w:r><w:r><w:t>&lt;two&gt; &#252;</w:t><w:br/><w:t>three</w:t></w:r></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
        <w:p><w:instrText>not shown</w:instrText></w:p></w:body></w:document>"#;
    let place = place();
    place.file("a.docx", docx(&[("word/document.xml", xml.as_bytes()), ("x", b"y")]));
    let got = parse(&place, "a.docx").await;
    assert_eq!(got["format"], "docx");
    assert_eq!(got["text"], "# Title\nOne <two> ü\nthree\na\tb");
}

#[tokio::test]
async fn an_html_file_is_read() {
    let place = place();
    place.file("a.html", "<title>T</title><p>Hello <a href=https://x.test/>x</a>");
    place.file("noname", "\n<!DOCTYPE HTML><p>Hello");
    let got = parse(&place, "a.html").await;
    assert_eq!((&got["title"], &got["text"]), (&json!("T"), &json!("Hello [x](https://x.test/)")));
    assert_eq!(parse(&place, "noname").await["text"], "Hello");
}

#[tokio::test]
async fn bombs_are_refused() {
    let place = place();
    // 64 MiB of spaces in the main part, and a lie about its size is no help.
    let spaces = vec![b' '; 64 << 20];
    place.file("bomb.docx", docx(&[("word/document.xml", &spaces)]));
    assert_eq!(
        place.code("document_parser", json!({ "path": "bomb.docx" })).await,
        "document_too_large"
    );
    // A page that unpacks to 256 MiB beside one that is honest.
    let bomb = packed(&vec![b' '; 1 << 20], 256);
    let bomb = Stream::new(dictionary! { "Filter" => "FlateDecode" }, bomb);
    place.file("bomb.pdf", pdf_of(vec![bomb, shows("honest")]));
    let text = parse(&place, "bomb.pdf").await["text"].as_str().unwrap().to_owned();
    assert_eq!(
        text,
        "--- page 1 ---\n(no text: a picture, or too large)\n--- page 2 ---\nhonest\n"
    );
    // Two layers of packing.
    let layers = packed(&packed(&vec![b' '; 1 << 20], 256), 1);
    let filters = vec![Object::from("FlateDecode"), Object::from("FlateDecode")];
    let layers = Stream::new(dictionary! { "Filter" => filters }, layers);
    place.file("layers.pdf", pdf_of(vec![layers]));
    let text = parse(&place, "layers.pdf").await["text"].as_str().unwrap().to_owned();
    assert_eq!(text, "--- page 1 ---\n(no text: a picture, or too large)\n");
    // Entities that multiply are not expanded.
    let laughs = "<!DOCTYPE d [<!ENTITY a \"haha\"><!ENTITY b \"&a;&a;&a;&a;\">]><w:d xmlns:w=\"x\"><w:t>&b;x</w:t></w:d>";
    place.file("laughs.docx", docx(&[("word/document.xml", laughs.as_bytes())]));
    assert_eq!(parse(&place, "laughs.docx").await["text"], "x");
    // A file that is too large, without reading it all: it is sparse.
    let file = fs::File::create(place.inside.join("huge.html")).unwrap();
    file.set_len(10 << 30).unwrap();
    assert_eq!(
        place.code("document_parser", json!({ "path": "huge.html" })).await,
        "document_too_large"
    );
}

/// One object stream whose index names the same large array again and again:
/// a few kilobytes that become many gigabytes.
fn multiplying_pdf() -> Vec<u8> {
    let mut index = String::new();
    for number in 10..100_010 {
        index.push_str(&format!("{number} 0 "));
    }
    let content = format!("{index}[{}]", "0 ".repeat(1_000_000));
    let packed = packed(content.as_bytes(), 1);
    let head = format!(
        "%PDF-1.5\n1 0 obj\n<</Type/ObjStm/N 100000/First {}/Filter/FlateDecode/Length {}>>\nstream\n",
        index.len(),
        packed.len()
    );
    let tail = "\nendstream\nendobj\n2 0 obj\n<</Type/Catalog/Pages 3 0 R>>\nendobj\n\
        3 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\ntrailer\n<</Root 2 0 R/Size 4>>\nstartxref\n9\n%%EOF\n";
    [head.as_bytes(), &packed, tail.as_bytes()].concat()
}

#[tokio::test]
async fn a_document_that_takes_all_memory_takes_its_own_process_with_it() {
    let place = place();
    let bomb = multiplying_pdf();
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    place.file("bomb.pdf", bomb);
    place.file("fine.pdf", pdf_of(vec![shows("fine")]));
    let code = place.code("document_parser", json!({ "path": "bomb.pdf" })).await;
    assert_eq!(code, "document_too_large");
    assert!(parse(&place, "fine.pdf").await["text"].as_str().unwrap().contains("fine"));
}

#[tokio::test]
async fn a_cancelled_call_ends_its_process() {
    let place = place();
    place.file("a.html", "<p>x");
    place.context.cancel.cancel();
    assert_eq!(place.code("document_parser", json!({ "path": "a.html" })).await, "cancelled");
}

#[tokio::test]
async fn what_is_damaged_or_something_else_says_so() {
    let place = place();
    let whole = pdf_of(vec![shows("x")]);
    place.file("cut.pdf", &whole[..40]);
    place.file("deep.pdf", [b"%PDF-1.5\n1 0 obj\n".as_slice(), &vec![b'['; 200_000]].concat());
    place.file("loop.pdf", b"%PDF-1.5\n1 0 obj <</Type/Pages/Kids[1 0 R]/Count 9>> endobj\n2 0 obj <</Type/Catalog/Pages 1 0 R>> endobj\ntrailer <</Root 2 0 R>>\nstartxref\n0\n%%EOF");
    place.file("cut.docx", &docx(&[("word/document.xml", b"<x/>")])[..60]);
    place.file("other.zip", docx(&[("x", b"y")]));
    place.file("plain.txt", "hello");
    for (path, codes) in [
        ("cut.pdf", &["damaged_document"][..]),
        ("deep.pdf", &["damaged_document"]),
        ("loop.pdf", &["damaged_document", "offset_past_end"]),
        ("cut.docx", &["damaged_document"]),
        ("other.zip", &["unknown_document"]),
        ("plain.txt", &["unknown_document"]),
        ("absent.pdf", &["not_found"]),
        ("../outside/secret.html", &["path_outside_grant"]),
    ] {
        let code = place.code("document_parser", json!({ "path": path })).await;
        assert!(codes.contains(&code.as_str()), "{path}: {code}");
    }
    let all: Vec<_> = (1..40).map(|cut| whole[..whole.len() * cut / 40].to_vec()).collect();
    for (number, bytes) in all.into_iter().enumerate() {
        let path = format!("part{number}.pdf");
        place.file(&path, bytes);
        // Whatever it says: it ends, and the process lives.
        let _ = place.call("document_parser", json!({ "path": path })).await;
    }
}
