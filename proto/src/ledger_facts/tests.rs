//! Every constructor makes its fact, and what is sealed in it stays out of the clear half.

use super::*;
use crate::{EventId, Fact, SlotNumber, facts, split};

fn staff() -> StaffReference {
    StaffReference::from_random([7; 16])
}

fn envelope() -> Envelope {
    by_staff(&staff(), "dpo", "accountability")
}

fn check(name: &str, made: Made, sealed: &[&str]) {
    let data = made.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(data.fact().name, name);
    let split = split(data, &EventId::new(Personal::from("id")));
    assert_eq!(split.clear.role, "dpo");
    assert_eq!(split.clear.actor, staff().as_str());
    let slot = split
        .slots
        .first()
        .expect("slot 0 always exists")
        .values
        .expose();
    let shown = crate::slot_to_json(split.fact, SlotNumber(0), slot).expect("our slot");
    for value in sealed {
        assert!(shown.expose().contains(value), "{name}: {value} is sealed");
        assert!(
            !String::from_utf8_lossy(&split.body).contains(value),
            "{name}"
        );
    }
}

#[test]
fn the_ledgers_own_facts() {
    let key = "test.example/0+c1726d2b+AepK".to_owned();
    let origin = Origin::new("test.example/counterfoil").expect("an origin");
    let chain = ChainKeys {
        chain: ChainNumber(0),
        checkpoint_key: key.clone(),
        foil_key: key.clone(),
    };
    let software = Software {
        version: "0.1.0",
        catalogue: Hash([0xc0; 32]),
    };
    check(
        "ledger.opened",
        opened(envelope(), &origin, vec![chain], &software, 50_000),
        &[],
    );
    let rotation = KeyRotation {
        kind: KeyKind::Foil,
        chain: ChainNumber(0),
        old_key: key.clone(),
        new_key: key,
        generation: 2,
        reason: "scheduled".to_owned(),
    };
    check("ledger.key-rotated", key_rotated(envelope(), rotation), &[]);
}

#[test]
fn publishers_refusals_and_upkeep() {
    let publisher = PublisherCode::new("crm").expect("a code");
    let scope = PublisherScope {
        publisher: publisher.clone(),
        sources: vec!["//crm.example".to_owned()],
        families: vec!["collection".to_owned()],
        map_ids: true,
        changed: false,
    };
    check(
        "ledger.publisher-registered",
        publisher_registered(envelope(), scope),
        &[],
    );
    check(
        "ledger.publisher-revoked",
        publisher_revoked(envelope(), &publisher, "ended", false),
        &[],
    );
    let reason = Personal::from("waits for Alex");
    let place = (ChainNumber(0), Index(9));
    check(
        "ledger.event-parked",
        event_parked(envelope(), place, ("customer", 1), &reason),
        &["waits for Alex"],
    );
    let arrival = Arrival {
        reason: "unknown-field",
        publisher: Some(&publisher),
        event_type: "",
        field_path: "subject",
        count: 1,
        coordinates: Some(&Personal::from("inbox/3/9")),
    };
    check(
        "ledger.arrival-refused",
        arrival_refused(envelope(), &arrival),
        &["inbox/3/9"],
    );
    check(
        "ledger.command-refused",
        command_refused(envelope(), "rebuild", "role-missing"),
        &[],
    );
    let body = clear::LedgerViewRebuilt {
        view: "customer".to_owned(),
        ..Default::default()
    };
    check("ledger.view-rebuilt", view_rebuilt(envelope(), body), &[]);
    let body = clear::LedgerBackupTaken {
        backup: "b1".to_owned(),
        ..Default::default()
    };
    check("ledger.backup-taken", backup_taken(envelope(), body), &[]);
    let body = clear::LedgerRestored {
        backup: "b1".to_owned(),
        ..Default::default()
    };
    check("ledger.restored", restored(envelope(), body), &[]);
}

#[test]
fn accesses_findings_and_roles() {
    let publisher = PublisherCode::new("crm").expect("a code");
    let reason = Personal::from("caller asked");
    let items = [OpenedItem {
        chain: ChainNumber(0),
        index: Index(4_711),
        slot: SlotNumber(1),
        field_path: "subject.name".to_owned(),
    }];
    let access = Access {
        question: "trail",
        surface: Surface::Cli,
        count: 1,
        items: &items,
        reason: Some(&reason),
    };
    let sealed = ["4711", "subject.name", "caller asked"];
    check(
        "access.record-viewed",
        record_viewed(envelope(), &access),
        &sealed,
    );
    check(
        "access.values-revealed",
        values_revealed(envelope(), &access),
        &sealed,
    );
    let kinds = [QueryKind::Name, QueryKind::Postcode];
    let searched = person_searched(envelope(), &kinds, Surface::Console, 2, Some(&reason));
    check("access.person-searched", searched, &["caller asked"]);
    check(
        "access.signed-in",
        signed_in(envelope(), clear::SignInMethod::Token, Surface::Cli),
        &[],
    );
    check(
        "access.refused",
        access_refused(envelope(), "person", "role-missing", Surface::Api),
        &[],
    );
    let finding = Finding {
        publisher: &publisher,
        field_path: "details",
        list_version: "2026.1",
        event_type: "uk.counterfoil.collection.collected.v1",
    };
    check(
        "collection.card-data-blocked",
        card_data_blocked(envelope(), &finding),
        &[],
    );
    let health = special_category_detected(envelope(), &finding, SpecialCategory::Health, 3);
    check("collection.special-category-detected", health, &[]);
    let person = PersonValues {
        name: Some(Personal::from("Robin Officer")),
        ..Default::default()
    };
    let granted = role_granted(envelope(), &staff(), "dpo", "2027-11-02", &person);
    check("assurance.role-granted", granted, &["Robin Officer"]);
    check(
        "assurance.role-revoked",
        role_revoked(envelope(), &staff(), "dpo", "left"),
        &[],
    );
}

#[test]
fn a_wrong_code_is_an_error_and_never_a_fact() {
    let refused = command_refused(envelope(), "Rebuild View", "x")
        .err()
        .map(|e| e.to_string());
    assert_eq!(refused.as_deref(), Some("BAD_CODE at command"));
    let fact = clear::Fact::LedgerCommandRefused(clear::LedgerCommandRefused::default());
    let other: &'static Fact = &facts()[0];
    assert!(FactData::assemble(&fact, &SealedValues::of(other)).is_err());
    let wrong = sealed(&fact).text("command", &Personal::from("x"));
    assert!(FactData::assemble(&fact, &wrong).is_err());
}
