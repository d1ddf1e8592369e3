//! Every event that is invented here is one that the catalogue takes: each is decoded with proto, the
//! mix's and the story's, every fact of them.

use people::{Event, Mix, Story};

#[track_caller]
fn check(event: &Event) {
    let mut bytes = Vec::new();
    event.write(&mut bytes);
    let text = String::from_utf8(bytes).expect("an event is text");
    let fact = proto::fact_by_type(event.fact.type_name()).expect("the type is in the catalogue");
    let (_, data) = text.split_once("\"data\":").expect("an event carries data");
    let data = data
        .strip_suffix('}')
        .expect("the data are the last member");
    if let Err(error) = proto::decode_json(fact, data.as_bytes()) {
        panic!("{error}: {text}");
    }
}

#[test]
fn the_catalogue_takes_every_event() {
    let mut mix = Mix::new(1, 100, 1_795_325_000);
    (0..500).for_each(|_| check(&mix.next_event()));
    Story::new(1, 2_000, 1_750_000_000, 1_795_000_000).for_each(|event| check(&event));
}
