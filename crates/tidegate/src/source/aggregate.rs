//! Kinesis records in which the Kinesis Producer Library (KPL) put several user records.
//!
//! The format is published with the library (`aggregation-format.md`): four magic bytes, a protobuf
//! message, and the message's MD5 digest. If the digest or the message is wrong, or there is no
//! user record, the record counts as a plain record. Only its handler can know what it is.
//!
//! For example, an aggregate of two user records with the key `a` is, in bytes: `f3 89 9a c2`, the
//! protobuf message with the key table `["a"]` and two records with key index 0, then 16 bytes of
//! MD5.
//!
//! The Kinesis Client Library (KCL) drops user records whose hash key is in another shard than the
//! aggregate. The reason: after a shard is split, the KPL notices that such records went to the
//! wrong shard, and puts them again. Lambda does not report the hash keys of a shard, and dropping
//! records by a guess would lose some. So all of them are delivered here. The second copy has
//! another position. Its cause shows that it is a duplicate, as for any event that was put twice.

use md5::{Digest, Md5};
use prost::Message;

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES: usize = 16;

/// A user record of an aggregate.
#[derive(Debug)]
pub(super) struct UserRecord {
    /// Partition key. `None` if the aggregate does not contain the key to which the record refers.
    pub(super) partition_key: Option<String>,
    pub(super) data: Vec<u8>,
}

/// The library's `AggregatedRecord`, without the explicit hash keys, which only choose the shard.
#[derive(Clone, PartialEq, Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Record>,
}

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(bytes = "vec", required, tag = "3")]
    data: Vec<u8>,
}

/// Returns the user records in the data of a Kinesis record, or `None` if it is not an aggregate.
pub(super) fn user_records(data: &[u8]) -> Option<Vec<UserRecord>> {
    let (message, digest) = data.strip_prefix(&MAGIC)?.split_last_chunk::<DIGEST_BYTES>()?;
    if Md5::digest(message).as_slice() != digest {
        return None;
    }
    let AggregatedRecord { partition_key_table: keys, records } =
        AggregatedRecord::decode(message).ok()?;
    let key = |index| keys.get(usize::try_from(index).ok()?).cloned();
    let records = records.into_iter().map(|record| UserRecord {
        partition_key: key(record.partition_key_index),
        data: record.data,
    });
    Some(records.collect::<Vec<_>>()).filter(|records| !records.is_empty())
}

/// Returns an aggregate of these user records. Each has the index of its partition key in `keys`.
#[cfg(test)]
pub(crate) fn aggregated(keys: &[&str], records: &[(u64, &[u8])]) -> Vec<u8> {
    let message = AggregatedRecord {
        partition_key_table: keys.iter().map(|key| (*key).to_owned()).collect(),
        records: records
            .iter()
            .map(|(index, data)| Record { partition_key_index: *index, data: data.to_vec() })
            .collect(),
    };
    sealed(&message.encode_to_vec())
}

/// Adds magic bytes and digest to a message.
#[cfg(test)]
pub(crate) fn sealed(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, Md5::digest(message).as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written byte by byte from the published format: keys `a` and `b`, explicit hash keys, tags,
    /// and three user records.
    const MESSAGE: &[u8] = b"\x0a\x01a\x0a\x01b\x12\x011\x1a\x0a\x08\x01\x10\x00\x1a\x01x\x22\x01t\x1a\x05\x08\x00\x1a\x01y\x1a\x04\x08\x07\x1a\x00";

    #[test]
    fn an_aggregate_is_taken_apart_with_the_partition_key_of_each_user_record() {
        // `t` is not a tag message. Unknown fields are skipped without decoding.
        let records = user_records(&sealed(MESSAGE)).unwrap();
        let records: Vec<_> = records
            .iter()
            .map(|record| (record.partition_key.as_deref(), record.data.as_slice()))
            .collect();
        assert_eq!(records, [(Some("b"), &b"x"[..]), (Some("a"), b"y"), (None, b"")]);
    }

    #[test]
    fn the_digest_decides_and_the_magic_bytes_do_not() {
        let mut wrong_digest = sealed(MESSAGE);
        *wrong_digest.last_mut().unwrap() ^= 1;
        assert!(user_records(&wrong_digest).is_none());
        assert!(user_records(MESSAGE).is_none());
        assert!(user_records(&MAGIC).is_none());
        assert!(user_records(&sealed(b"\x0a\x7fshort")).is_none(), "no protobuf message");
        assert!(user_records(&sealed(b"")).is_none(), "nothing in it");
    }
}
