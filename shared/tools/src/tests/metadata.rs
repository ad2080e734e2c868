use agentos_domain::BlobHash;
use serde_json::json;

use super::{Place, keys};

#[tokio::test]
async fn a_text_is_counted_and_named() {
    let place = Place::new();
    let text = "intro\n```\n# code\n```\n## The *title* ##\nwords and words\n";
    place.file_of("a.md", text, 1_772_619_300_000);
    let mut expected = json!({
        "path": "a.md", "type": "text", "size": text.len(), "modified": "2026-03-04T10:15Z",
        "lines": 6, "words": 12, "title": "The *title*",
    });
    for arguments in [json!({ "path": "a.md" }), json!({ "path": "a.md", "hash": false })] {
        let found = place.ok("metadata_extract", arguments).await;
        assert_eq!(found.to_string(), expected.to_string());
    }
    let found = place.ok("metadata_extract", json!({ "path": "a.md", "hash": true })).await;
    let order = ["path", "type", "size", "modified", "blake3", "lines", "words", "title"];
    assert_eq!(keys(&found), order);
    expected["blake3"] = BlobHash::of(text.as_bytes()).to_string().into();
    assert_eq!(found, expected);
    place.file("large.txt", "word ".repeat(300_000));
    let large = json!({ "path": "large.txt", "hash": true });
    let large = place.ok("metadata_extract", large).await;
    assert_eq!((&large["type"], &large["size"]), (&json!("text"), &json!(1_500_000)));
    assert_eq!((large.get("words"), large.get("blake3")), (None, None));
}

#[tokio::test]
async fn a_format_is_told_by_the_content() {
    let place = Place::new();
    let cases: [(&[u8], &str); 12] = [
        (b"%PDF-1.7\n", "pdf"),
        (b"GGUF\x03\0\0\0", "gguf"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"\x1F\x8B\x08", "gzip"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "webp"),
        (b"SQLite format 3\0", "sqlite"),
        (b"BM and BMW are text", "text"),
        (b"BM\x10\0\0\0", "bmp"),
        ("grüße".as_bytes(), "text"),
        (b"\0\x01\x02", "binary"),
        (b"\xFF\xFE", "binary"),
        (b"", "empty"),
    ];
    for (content, expected) in cases {
        place.file("file.png", content);
        let found = place.ok("metadata_extract", json!({ "path": "file.png" })).await;
        assert_eq!(found["type"], expected, "{content:?}");
    }
}

#[tokio::test]
async fn pictures_have_dimensions_and_broken_ones_do_not() {
    let place = Place::new();
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR".to_vec();
    png.extend([0, 0, 2, 128, 0, 0, 1, 224, 8, 2, 0, 0, 0]);
    let gif = b"GIF89a\x40\x01\xF0\0\0\0\0".to_vec();
    let mut jpeg = b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    jpeg.extend([0xFF, 0xC0, 0, 17, 8, 0x04, 0x38, 0x07, 0x80, 3]);
    for (content, kind, width, height) in
        [(png, "png", 640, 480), (gif, "gif", 320, 240), (jpeg, "jpeg", 1920, 1080)]
    {
        place.file("picture", &content);
        let found = place.ok("metadata_extract", json!({ "path": "picture" })).await;
        assert_eq!(found["type"], kind);
        assert_eq!((&found["width"], &found["height"]), (&json!(width), &json!(height)), "{kind}");
        assert_eq!(keys(&found), ["path", "type", "size", "modified", "width", "height"]);
        // However much is missing, the answer comes.
        for length in 8..content.len() {
            place.file("picture", &content[..length]);
            place.ok("metadata_extract", json!({ "path": "picture" })).await;
        }
    }
    place.file("folder/a", "");
    let folder = place.code("metadata_extract", json!({ "path": "folder" })).await;
    assert_eq!(folder, "is_a_directory");
}
