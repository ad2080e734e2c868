//! What a file is, told from its first bytes.

/// Where in a file which bytes say what it is. The first that fits counts.
const MAGIC: &[(usize, &[u8], &str)] = &[
    (0, b"%PDF-", "pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xFF\xD8\xFF", "jpeg"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (8, b"WEBP", "webp"),
    (8, b"WAVE", "wav"),
    (0, b"BM", "bmp"),
    (0, b"GGUF", "gguf"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"\x1F\x8B", "gzip"),
    (0, b"\x28\xB5\x2F\xFD", "zstd"),
    (0, b"\xFD7zXZ\0", "xz"),
    (0, b"BZh", "bzip2"),
    (0, b"7z\xBC\xAF\x27\x1C", "7z"),
    (257, b"ustar", "tar"),
    (0, b"SQLite format 3\0", "sqlite"),
    (0, b"\x7FELF", "elf"),
    (0, b"\xCF\xFA\xED\xFE", "mach-o"),
    (0, b"\0asm", "wasm"),
    (0, b"OggS", "ogg"),
    (0, b"ID3", "mp3"),
    (0, b"fLaC", "flac"),
    (4, b"ftyp", "mp4"),
];

/// A short name of the format: one of the table, else `empty`, `text`
/// (UTF-8 without NUL) or `binary`.
pub(crate) fn format_of(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "empty";
    }
    let text = is_text(head);
    let fits = |(offset, magic, _): &&(usize, &[u8], &str)| {
        // Two or three letters do not make a text a picture.
        let certain = magic.len() > 3 || !text;
        certain && head.get(*offset..).is_some_and(|rest| rest.starts_with(magic))
    };
    let known = MAGIC.iter().find(fits).map(|(_, _, name)| *name);
    known.unwrap_or(if text { "text" } else { "binary" })
}

fn is_text(head: &[u8]) -> bool {
    let utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        // A character that the head's end cuts off.
        Err(error) => error.error_len().is_none(),
    };
    utf8 && !head.contains(&0)
}

/// Width and height in pixels of a PNG, GIF or JPEG.
pub(crate) fn dimensions(format: &str, head: &[u8]) -> Option<(u32, u32)> {
    match format {
        "png" => Some((be32(head, 16)?, be32(head, 20)?)),
        "gif" => Some((le16(head, 6)?, le16(head, 8)?)),
        "jpeg" => jpeg(head),
        _ => None,
    }
}

/// Walks the segments up to the one that begins the picture (SOF).
fn jpeg(head: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *head.get(at)? != 0xFF {
            return None;
        }
        match *head.get(at + 1)? {
            0xFF => at += 1,
            0xC4 | 0xC8 | 0xCC => at += 2 + be16(head, at + 2)? as usize,
            0xC0..=0xCF => return Some((be16(head, at + 7)?, be16(head, at + 5)?)),
            _ => at += 2 + be16(head, at + 2)? as usize,
        }
    }
}

fn bytes<const N: usize>(head: &[u8], at: usize) -> Option<[u8; N]> {
    head.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn be32(head: &[u8], at: usize) -> Option<u32> {
    bytes(head, at).map(u32::from_be_bytes)
}

fn be16(head: &[u8], at: usize) -> Option<u32> {
    bytes(head, at).map(u16::from_be_bytes).map(u32::from)
}

fn le16(head: &[u8], at: usize) -> Option<u32> {
    bytes(head, at).map(u16::from_le_bytes).map(u32::from)
}
