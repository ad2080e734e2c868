//! Server-sent events as providers write them: lines, in chunks that end
//! anywhere. Bounded, for what comes in is not ours.

use bytes::{Buf as _, Bytes, BytesMut};

/// The longest event, in bytes.
const MAX_EVENT: usize = 8 * 1024 * 1024;

/// An event is longer than any that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Cuts a stream of bytes into the texts of its events' `data`.
///
/// The names of events are passed over: both providers say in the data what it
/// is.
#[derive(Debug, Default)]
pub(crate) struct Events {
    rest: BytesMut,
    /// How much of `rest` holds no end of a line.
    searched: usize,
    data: Vec<u8>,
    any: bool,
}

impl Events {
    /// Takes what has arrived.
    pub(crate) fn push(&mut self, bytes: &Bytes) -> Result<(), TooLong> {
        if self.rest.len() + bytes.len() > MAX_EVENT {
            return Err(TooLong);
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    /// The data of the next event that has arrived whole.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            let Some(end) = self.rest[self.searched..].iter().position(|byte| *byte == b'\n')
            else {
                self.searched = self.rest.len();
                return Ok(None);
            };
            let end = self.searched + end;
            let line = self.rest.split_to(end);
            self.rest.advance(1);
            self.searched = 0;
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.is_empty() {
                if std::mem::take(&mut self.any) {
                    return Ok(Some(std::mem::take(&mut self.data)));
                }
            } else if let Some(value) = line.strip_prefix(b"data:") {
                if self.data.len() + value.len() > MAX_EVENT {
                    return Err(TooLong);
                }
                if self.any {
                    self.data.push(b'\n');
                }
                self.any = true;
                self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        let mut found = Vec::new();
        for chunk in chunks {
            events.push(&Bytes::copy_from_slice(chunk)).unwrap();
            while let Some(data) = events.next().unwrap() {
                found.push(String::from_utf8(data).unwrap());
            }
        }
        found
    }

    #[test]
    fn names_comments_and_several_lines() {
        let text = b": hi\n\nevent: ping\ndata: {\"a\":\ndata: 1}\r\n\r\ndata:[DONE]\n\nid: 3\n\n";
        assert_eq!(events(&[text]), ["{\"a\":\n1}", "[DONE]"]);
    }

    #[test]
    fn what_has_no_end_is_no_event() {
        assert!(events(&[b"data: half"]).is_empty());
        assert!(events(&[b"data: half\n"]).is_empty());
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut events = Events::default();
        let chunk = Bytes::from(vec![b'x'; 1 << 20]);
        let refused = (0..9).any(|_| events.push(&chunk).is_err());
        assert!(refused);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_chunks_end(cuts in prop::collection::vec(0_usize..60, 0..6)) {
            let text = "data: {\"é\":1}\n\nevent: x\r\ndata: two\r\n\r\ndata: a\ndata: b\n\n".as_bytes();
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                let cut = cut.min(text.len()).max(from);
                chunks.push(&text[from..cut]);
                from = cut;
            }
            chunks.push(&text[from..]);
            prop_assert_eq!(events(&chunks), events(&[text]));
        }
    }
}
