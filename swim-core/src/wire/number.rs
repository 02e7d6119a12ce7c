//! The numbers that tell questions and answers apart: four bytes, little-endian.

use serde::{Deserializer, Serializer};

#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(super) fn serialize<S: Serializer>(number: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    postcard::fixint::le::serialize(number, serializer)
}

#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    postcard::fixint::le::deserialize(deserializer)
}
