//! Packets cut into their frames, as the specification describes them.

use std::collections::BTreeSet;

use proptest::sample::Index;

/// Bytes of the header before the sender: version, flags, label.
pub const HEADER_FIXED_LEN: usize = 6;

/// Bytes of the header after the incarnation: the round.
pub const ROUND_LEN: usize = 2;

/// A packet cut into its header and its frames, as the specification describes them.
#[derive(Clone, Debug)]
pub struct Cut {
    pub header: Vec<u8>,
    pub frames: Vec<(u8, Vec<u8>)>,
}

impl Cut {
    pub fn new(bytes: &[u8]) -> Self {
        let sender_end = HEADER_FIXED_LEN + varint_len(&bytes[HEADER_FIXED_LEN..]);
        let header_end = sender_end + varint_len(&bytes[sender_end..]) + ROUND_LEN;
        let (header, mut rest) = bytes.split_at(header_end);
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let length_len = varint_len(rest);
            let high = if length_len == 2 { usize::from(rest[1]) << 7 } else { 0 };
            let body_len = usize::from(rest[0] & 0x7f) | high;
            let body_end = length_len + 1 + body_len;
            frames.push((rest[length_len], rest[length_len + 1..body_end].to_vec()));
            rest = &rest[body_end..];
        }
        Self { header: header.to_vec(), frames }
    }

    pub fn insert(&mut self, place: Index, kind: u8, body: Vec<u8>) {
        self.frames.insert(place.index(self.frames.len() + 1), (kind, body));
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        for (kind, body) in &self.frames {
            match body.len() {
                len @ 0..128 => bytes.push(len as u8),
                len => bytes.extend([len as u8 | 0x80, (len >> 7) as u8]),
            }
            bytes.push(*kind);
            bytes.extend(body);
        }
        bytes
    }

    /// Where one frame ends and another begins, or the packet ends.
    pub fn boundaries(&self) -> BTreeSet<usize> {
        let heads = |count| Self { frames: self.frames[..count].to_vec(), ..self.clone() };
        (0..=self.frames.len()).map(|count| heads(count).bytes().len()).collect()
    }
}

pub fn varint_len(bytes: &[u8]) -> usize {
    1 + bytes.iter().position(|byte| byte & 0x80 == 0).expect("the end of a varint")
}

/// The same numbers, spelt in as many bytes each, or as few as it takes.
pub fn longer_varints(mut bytes: &[u8], lens: &[usize]) -> Vec<u8> {
    let mut longer = Vec::new();
    for &len in lens {
        let (varint, rest) = bytes.split_at(varint_len(bytes));
        longer.extend(varint);
        for _ in varint.len()..len {
            *longer.last_mut().expect("a varint") |= 0x80;
            longer.push(0);
        }
        bytes = rest;
    }
    assert!(bytes.is_empty());
    longer
}
