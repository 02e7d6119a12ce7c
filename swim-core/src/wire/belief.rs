//! A belief as one varint: 0 for none, else 1 + status + 4 * incarnation. Nearly always one byte,
//! and it is in every ping.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

use crate::member::{Incarnation, Status};

use super::message::Belief;

pub(super) fn serialize<S: Serializer>(
    belief: &Option<Belief>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    belief.map_or(0, code).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Belief>, D::Error> {
    let Some(code) = u64::deserialize(deserializer)?.checked_sub(1) else { return Ok(None) };
    let status = match code & 3 {
        0 => Status::Alive,
        1 => Status::Suspect,
        2 => Status::Dead,
        _ => Status::Left,
    };
    let incarnation = u32::try_from(code >> 2).map_err(|_| D::Error::custom("incarnation"))?;
    Ok(Some(Belief { incarnation: Incarnation::new(incarnation), status }))
}

fn code(belief: Belief) -> u64 {
    let status = match belief.status {
        Status::Alive => 0,
        Status::Suspect => 1,
        Status::Dead => 2,
        Status::Left => 3,
    };
    (u64::from(belief.incarnation.number()) << 2 | status).wrapping_add(1)
}
