//! The ledger's own facts on their way in: opened, keys, publishers, roles, access, screening.
//!
//! They pass the same sequence as everyone's. Not here: what they say (`proto::ledger_facts`), whether they must be said.
//! Always: their publisher code is the ledger's own, which no publisher may register; their ids are random.

use ground::Random;
use proto::{
    EnvelopeClear, EventId, FactData, NumberInStream, Personal, PublisherCode, UnixMillis,
};

use crate::admit::{Admitted, Finding};
use crate::append::Name;

/// Activity of the streams that hold who looked at whom; no publisher may name it.
pub const ACCESS: &str = "access";
/// The publisher code of the ledger itself.
pub const LEDGER_PUBLISHER: &str = "counterfoil";

/// Makes one of the ledger's own facts ready for the sequence.
pub fn own_event(
    name: &Name,
    data: FactData,
    now: UnixMillis,
    random: &dyn Random,
) -> Box<Admitted> {
    let id = uuid::Builder::from_random_bytes(ground::array(random)).into_uuid();
    let id = EventId::new(Personal::new(id.to_string()));
    let split = proto::split(data, &id);
    Admitted::from_split(
        PublisherCode::new(LEDGER_PUBLISHER).expect("the ledger's own code has the right shape"),
        format!("//{}", chain::origin_line(&name.origin, name.chain)),
        id,
        now,
        split,
        random,
    )
}

/// The fact that screening asks for, in the words of the stream it goes to.
pub fn finding_event(
    name: &Name,
    finding: &Finding,
    beside: Option<(&EnvelopeClear, NumberInStream)>,
    now: UnixMillis,
    random: &dyn Random,
) -> Box<Admitted> {
    let mut data = finding.data(beside.map(|(_, number)| number));
    if let (Some((clear, _)), Some(data)) = (beside, data.as_object_mut()) {
        let envelope = serde_json::json!({
            "activity": clear.activity.as_str(),
            "party": clear.party.as_str(),
        });
        data.insert("envelope".to_owned(), envelope);
    }
    let fact =
        proto::fact_by_type(finding.type_name()).expect("screening names facts of the catalogue");
    let data = proto::decode_json(fact, data.to_string().as_bytes())
        .expect("screening words its findings as the catalogue wants them");
    own_event(name, data, now, random)
}
