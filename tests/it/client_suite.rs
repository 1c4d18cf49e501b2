//! What the client promises, on whatever broker it is pointed at: the embedded one and Apache
//! Kafka run the same functions.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use tidemill::client::ErrorKind;
use tidemill::client::address::BrokerAddress;
use tidemill::client::admin::Admin;
use tidemill::client::admin::Change;
use tidemill::client::admin::NewTopic;
use tidemill::client::call::Failure;
use tidemill::client::cluster::Cluster;
use tidemill::client::config::Config;
use tidemill::client::config::Isolation;
use tidemill::client::config::OffsetReset;
use tidemill::client::fetcher::FetchError;
use tidemill::client::fetcher::Fetcher;
use tidemill::client::offsets::ByPartition;
use tidemill::client::offsets::CommittedOffset;
use tidemill::client::offsets::OffsetSpec;
use tidemill::client::offsets::Offsets;
use tidemill::client::producer::NewRecord;
use tidemill::client::producer::Outcome;
use tidemill::client::producer::Outcomes;
use tidemill::client::producer::Placement;
use tidemill::client::producer::Producer;
use tidemill::client::producer::SendError;
use tidemill::client::topic_config::ConfigChange;
use tidemill::client::topic_config::ConfigSource;
use tidemill::client::topic_config::Resource;
use tidemill::protocol::compression::Compression;
use tidemill::protocol::compression::Decompressor;
use tidemill::record::Header;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::Record;
use tidemill::record::Timestamp;
use tidemill::record::TopicPartition;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::transactions;

/// The longest that any step may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Runs everything.
pub(crate) async fn suite(bootstrap: &str) {
    topics_are_created_described_and_deleted(bootstrap).await;
    a_topic_that_does_not_exist_is_not_created_by_asking(bootstrap).await;
    partitions_are_added(bootstrap).await;
    settings_of_topics_are_read_and_changed(bootstrap).await;
    records_come_back_as_they_were_written(bootstrap).await;
    records_of_a_partition_keep_their_order(bootstrap).await;
    a_paused_partition_waits_and_a_seek_goes_back(bootstrap).await;
    a_batch_above_the_fetch_limit_still_comes(bootstrap).await;
    a_batch_above_our_own_limit_is_named_and_the_other_partitions_go_on(bootstrap).await;
    offsets_are_found_by_place_and_by_time(bootstrap).await;
    committed_offsets_come_back(bootstrap).await;
    a_position_below_the_log_obeys_the_policy(bootstrap).await;
    oversize_records_are_refused_and_oversize_batches_split(bootstrap).await;
    a_fetch_at_the_end_waits_no_longer_than_its_deadline(bootstrap).await;
    transactions::suite(bootstrap).await;
}

pub(crate) fn config(bootstrap: &str) -> Config {
    let mut config = Config::with_brokers(BrokerAddress::parse_list(bootstrap).expect("addresses"));
    config.fetch.wait_max = Duration::from_millis(100);
    config
}

async fn connect(bootstrap: &str) -> Cluster {
    Cluster::connect(config(bootstrap))
        .await
        .expect("connected")
}

/// A topic name that nobody else uses.
fn fresh(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("suite-{what}-{}-{number}", now.as_micros())
}

/// A fresh topic whose records no retention deletes, however old their timestamps are.
pub(crate) async fn topic(
    cluster: &Cluster,
    what: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> String {
    let name = fresh(what);
    let configs = [("retention.ms", "-1")].iter().chain(configs);
    let topic = NewTopic {
        name: name.clone(),
        partitions: Some(partitions),
        replicas: Some(1),
        configs: configs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    Admin::new(cluster.clone())
        .create_topic(&topic, Change::Apply)
        .await
        .expect("created");
    name
}

pub(crate) fn text(value: &str) -> Record {
    Record {
        key: None,
        value: Some(value.to_owned().into()),
        headers: Vec::new(),
        timestamp: Some(Timestamp(1_000)),
    }
}

pub(crate) async fn send(producer: &Producer, topic: &str, partition: i32, records: &[Record]) {
    let topic = producer.topic(topic).await.expect("known");
    for record in records {
        let new = NewRecord {
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: record.headers().collect::<Vec<_>>().into_iter(),
        };
        let placement = Placement::Partition(PartitionId(partition));
        producer.send(&topic, placement, new).await.expect("taken");
    }
}

pub(crate) async fn write(cluster: &Cluster, topic: &str, partition: i32, records: &[Record]) {
    let producer = Producer::new(
        cluster.clone(),
        cluster.config().produce.clone(),
        Outcomes::Count,
    );
    send(&producer, topic, partition, records).await;
    let delivery = producer.flush(Instant::now() + PATIENCE).await;
    assert_eq!(
        (delivery.written, delivery.outstanding()),
        (records.len() as u64, 0),
        "{delivery:?}"
    );
}

pub(crate) fn fetcher(cluster: &Cluster) -> Fetcher {
    Fetcher::new(cluster.clone(), cluster.config().fetch.clone())
}

/// Reads until `count` records of each partition that is read have come.
pub(crate) async fn read(fetcher: &mut Fetcher, count: usize) -> BTreeMap<i32, Vec<(i64, Record)>> {
    let deadline = Instant::now() + PATIENCE;
    let mut got: BTreeMap<i32, Vec<(i64, Record)>> = BTreeMap::new();
    let partitions = fetcher.partitions().count();
    let mut decompressor = Decompressor::new();
    while got
        .values()
        .filter(|records| records.len() >= count)
        .count()
        < partitions
    {
        assert!(
            Instant::now() < deadline,
            "only {:?} of {count}, trouble {:?}",
            got.values().map(Vec::len).collect::<Vec<_>>(),
            fetcher
                .partitions()
                .map(|partition| fetcher.trouble(partition))
                .collect::<Vec<_>>()
        );
        let fetched = fetcher.poll(deadline).await.expect("readable");
        for part in fetched.partitions() {
            let records = got.entry(part.topic_partition.partition.0).or_default();
            let all = part.for_each(&mut decompressor, |record| {
                records.push((record.offset.0, Record::from(&record)));
                ControlFlow::<()>::Continue(())
            });
            assert!(all.expect("readable").is_continue());
        }
    }
    got
}

async fn topics_are_created_described_and_deleted(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let admin = Admin::new(cluster.clone());
    let name = topic(&cluster, "made", 3, &[]).await;
    let described = admin.describe_topic(&name).await.expect("there");
    assert_eq!(described.partitions.len(), 3);
    assert!(described.is_led() && !described.is_internal);
    let again = NewTopic {
        name: name.clone(),
        ..NewTopic::default()
    };
    let error = admin
        .create_topic(&again, Change::Apply)
        .await
        .expect_err("there already");
    assert_eq!(
        error.code().map(|code| code.name()),
        Some("TOPIC_ALREADY_EXISTS")
    );
    let validated = NewTopic {
        name: fresh("validated"),
        partitions: Some(1),
        replicas: Some(1),
        ..NewTopic::default()
    };
    admin
        .create_topic(&validated, Change::Validate)
        .await
        .expect("possible");
    let names = |topics: Vec<std::sync::Arc<_>>| -> Vec<String> {
        let name = |topic: &std::sync::Arc<tidemill::client::metadata::TopicMetadata>| {
            topic.name.to_string()
        };
        topics.iter().map(name).collect()
    };
    let listed = names(admin.list_topics().await.expect("listed"));
    assert!(listed.contains(&name) && !listed.contains(&validated.name));
    admin.delete_topic(&name).await.expect("deleted");
    let error = admin.delete_topic(&name).await.expect_err("gone");
    assert!(
        matches!(error.failure, Failure::UnknownTopic { .. }),
        "{error:?}"
    );
    // The controller has deleted it; the broker that lists hears of it a moment later.
    let deadline = Instant::now() + PATIENCE;
    while names(admin.list_topics().await.expect("listed")).contains(&name) {
        assert!(Instant::now() < deadline, "still listed");
    }
    let described = admin.describe_cluster().await.expect("described");
    assert!(!described.brokers.is_empty() && !described.cluster_id.is_empty());
}

async fn a_topic_that_does_not_exist_is_not_created_by_asking(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let name = topic(&cluster, "near", 1, &[]).await;
    let typo = format!("{name}x");
    let error = cluster.topic(&typo).await.expect_err("not there");
    assert_eq!(error.kind(), ErrorKind::Usage);
    let shown = error.failure.to_string();
    assert_eq!(
        shown,
        format!("topic \"{typo}\" does not exist (did you mean \"{name}\"?)")
    );
    let all = cluster.refresh_all().await.expect("listed");
    assert!(!all.topics.contains_key(&*typo));
}

async fn partitions_are_added(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let admin = Admin::new(cluster.clone());
    let name = topic(&cluster, "grown", 1, &[]).await;
    admin
        .create_partitions(&name, 4, Change::Apply)
        .await
        .expect("grown");
    assert_eq!(
        admin
            .describe_topic(&name)
            .await
            .expect("there")
            .partitions
            .len(),
        4
    );
    let error = admin
        .create_partitions(&name, 2, Change::Apply)
        .await
        .expect_err("fewer");
    assert_eq!(
        error.code().map(|code| code.name()),
        Some("INVALID_PARTITIONS")
    );
}

async fn settings_of_topics_are_read_and_changed(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let admin = Admin::new(cluster.clone());
    let name = topic(&cluster, "set", 1, &[("max.message.bytes", "5000")]).await;
    let value_of = async |setting: &str| {
        let configs = admin
            .describe_configs(Resource::Topic(&name))
            .await
            .expect("described");
        let found = configs
            .into_iter()
            .find(|config| config.name == setting)
            .expect("listed");
        (found.value.expect("not a secret"), found.source)
    };
    assert_eq!(
        value_of("max.message.bytes").await,
        ("5000".to_owned(), ConfigSource::Topic)
    );
    let set = [ConfigChange::Set("max.message.bytes".into(), "6000".into())];
    admin
        .alter_configs(Resource::Topic(&name), &set, Change::Apply)
        .await
        .expect("changed");
    // A broker of a real cluster hears of a change a moment after it was taken.
    let told = async |expected: fn(&(String, ConfigSource)) -> bool| {
        let told = async { while !expected(&value_of("max.message.bytes").await) {} };
        timeout(PATIENCE, told).await.expect("told in time");
    };
    told(|found| *found == ("6000".to_owned(), ConfigSource::Topic)).await;
    assert_eq!(value_of("retention.ms").await.0, "-1", "the others stay");
    let unset = [ConfigChange::Unset("max.message.bytes".into())];
    admin
        .alter_configs(Resource::Topic(&name), &unset, Change::Apply)
        .await
        .expect("changed");
    told(|(_, source)| *source != ConfigSource::Topic).await;
    let wrong = [ConfigChange::Set("max.message.bytes".into(), "many".into())];
    let error = admin
        .alter_configs(Resource::Topic(&name), &wrong, Change::Apply)
        .await;
    let code = error.expect_err("no number").code();
    assert!(code.is_some(), "the broker's reason");
}

fn varied() -> Vec<Record> {
    let header =
        |name: &'static str, value: Option<&'static str>| (name.into(), value.map(Into::into));
    let mut records: Vec<Record> = (0..500)
        .map(|number| text(&format!("value {number}")))
        .collect();
    records.push(Record {
        key: Some("".into()),
        value: None,
        headers: vec![
            header("a", Some("1")),
            header("b", None),
            header("a", Some("")),
            header("", Some("x")),
        ],
        timestamp: Some(Timestamp(0)),
    });
    records.push(Record {
        key: Some("k".into()),
        value: Some("".into()),
        headers: Vec::new(),
        timestamp: Some(Timestamp(i64::from(u32::MAX))),
    });
    records.push(text(&"long ".repeat(20_000)));
    records
}

async fn records_come_back_as_they_were_written(bootstrap: &str) {
    for compression in Compression::ALL {
        let mut config = config(bootstrap);
        config.produce.compression = compression;
        config.produce.batch_bytes = 4_000;
        let cluster = Cluster::connect(config).await.expect("connected");
        let name = topic(&cluster, compression.name(), 2, &[]).await;
        let records = varied();
        for partition in 0..2 {
            write(&cluster, &name, partition, &records).await;
        }
        for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
            let mut settings = cluster.config().fetch.clone();
            settings.isolation = isolation;
            let mut fetcher = Fetcher::new(cluster.clone(), settings);
            for partition in 0..2 {
                fetcher.assign(TopicPartition::new(name.as_str(), partition), Offset(0));
            }
            for (partition, got) in read(&mut fetcher, records.len()).await {
                let (offsets, got): (Vec<i64>, Vec<Record>) = got.into_iter().unzip();
                assert!(
                    offsets
                        .iter()
                        .copied()
                        .eq(0..i64::try_from(records.len()).unwrap()),
                    "{compression} {partition}"
                );
                assert!(got == records, "{compression} {partition}");
            }
            let first = TopicPartition::new(name.as_str(), 0);
            assert_eq!(
                fetcher.position(&first),
                Some(Offset(i64::try_from(records.len()).unwrap()))
            );
            let watermarks = fetcher.watermarks(&first).expect("read");
            assert_eq!(
                watermarks.high_watermark,
                Some(Offset(i64::try_from(records.len()).unwrap()))
            );
        }
    }
}

async fn records_of_a_partition_keep_their_order(bootstrap: &str) {
    let mut config = config(bootstrap);
    config.produce.batch_bytes = 300;
    config.produce.linger = Duration::ZERO;
    let cluster = Cluster::connect(config).await.expect("connected");
    let name = topic(&cluster, "order", 4, &[]).await;
    let producer = Producer::new(
        cluster.clone(),
        cluster.config().produce.clone(),
        Outcomes::Keep,
    );
    let handle = producer.topic(&name).await.expect("known");
    for number in 0..4_000_u32 {
        let value = number.to_string();
        let record = NewRecord {
            timestamp: Some(Timestamp(number.into())),
            key: Some(&[u8::try_from(number % 7).expect("small")]),
            value: Some(value.as_bytes()),
            headers: std::iter::empty::<Header<'_>>(),
        };
        producer
            .send(&handle, Placement::ByKey, record)
            .await
            .expect("taken");
    }
    let delivery = producer.flush(Instant::now() + PATIENCE).await;
    assert_eq!(
        (delivery.sent, delivery.written),
        (4_000, 4_000),
        "{delivery:?}"
    );
    let mut next: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    for outcome in producer.take_outcomes() {
        let expected = next.entry(outcome.topic_partition).or_default();
        assert!(
            matches!(outcome.outcome, Outcome::Written { base_offset: Some(base) } if base.0 == *expected),
            "{:?}",
            outcome.outcome
        );
        *expected += i64::try_from(outcome.records).expect("few");
    }
    assert_eq!(next.values().sum::<i64>(), 4_000);
    let mut fetcher = fetcher(&cluster);
    for partition in next.keys() {
        fetcher.assign(partition.clone(), Offset(0));
    }
    let least = *next.values().min().expect("some");
    for records in read(&mut fetcher, usize::try_from(least).expect("few"))
        .await
        .values()
    {
        assert!(
            records.is_sorted_by_key(|(_, record)| record.timestamp),
            "in the order of sending"
        );
    }
}

async fn a_paused_partition_waits_and_a_seek_goes_back(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let name = topic(&cluster, "paused", 2, &[]).await;
    let [zero, one] = [0, 1].map(|partition| TopicPartition::new(name.as_str(), partition));
    for partition in 0..2 {
        write(
            &cluster,
            &name,
            partition,
            &[text("a"), text("b"), text("c")],
        )
        .await;
    }
    let mut fetcher = fetcher(&cluster);
    fetcher.assign(zero.clone(), Offset(1));
    fetcher.assign(one.clone(), Offset(0));
    fetcher.pause(&zero);
    let mut got = 0;
    while got < 3 {
        let fetched = fetcher
            .poll(Instant::now() + PATIENCE)
            .await
            .expect("readable");
        for part in fetched.partitions() {
            assert_eq!(part.topic_partition, &one, "the other one is paused");
            got += part
                .batches()
                .map(|batch| batch.expect("whole").header().record_count)
                .sum::<i32>();
        }
    }
    fetcher.resume(&zero);
    fetcher.release(&one);
    let records = &read(&mut fetcher, 2).await[&0];
    assert_eq!(
        records
            .iter()
            .map(|(offset, _)| *offset)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    fetcher.seek(&zero, Offset(2));
    let records = &read(&mut fetcher, 1).await[&0];
    assert_eq!(records[0].0, 2);
    assert_eq!(fetcher.position(&one), None, "released");
}

async fn a_batch_above_the_fetch_limit_still_comes(bootstrap: &str) {
    let mut config = config(bootstrap);
    config.fetch.partition_bytes_max = 1;
    config.fetch.bytes_max = 1;
    let cluster = Cluster::connect(config).await.expect("connected");
    let name = topic(&cluster, "larger", 1, &[]).await;
    let records = vec![text(&"x".repeat(50_000)); 5];
    for record in &records {
        write(&cluster, &name, 0, std::slice::from_ref(record)).await;
    }
    let mut fetcher = fetcher(&cluster);
    fetcher.assign(TopicPartition::new(name.as_str(), 0), Offset(0));
    assert_eq!(read(&mut fetcher, 5).await[&0].len(), 5);
}

async fn a_batch_above_our_own_limit_is_named_and_the_other_partitions_go_on(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let name = topic(&cluster, "above", 3, &[]).await;
    for partition in [0, 2] {
        write(&cluster, &name, partition, &[text("a"), text("b")]).await;
    }
    write(&cluster, &name, 1, &[text("a")]).await;
    write(&cluster, &name, 1, &[text(&"x".repeat(200_000))]).await;
    let mut config = config(bootstrap);
    config.frame_bytes_max = 100_000;
    let cluster = Cluster::connect(config).await.expect("connected");
    let mut fetcher = fetcher(&cluster);
    for partition in 0..3 {
        fetcher.assign(TopicPartition::new(name.as_str(), partition), Offset(0));
    }
    let (mut read, mut error) = (0, None);
    while read < 5 || error.is_none() {
        match fetcher.poll(Instant::now() + PATIENCE).await {
            Ok(fetched) => {
                assert!(!fetched.is_empty(), "only {read}, {error:?}");
                let batches = fetched.partitions().flat_map(|part| part.batches());
                read += batches
                    .map(|batch| batch.expect("whole").header().record_count)
                    .sum::<i32>();
            }
            Err(found) => error = Some(found),
        }
    }
    let error = error.expect("told").to_string();
    let said = format!("the batch {name}-1@1 takes 200");
    assert!(error.starts_with(&said), "{error}");
}

async fn offsets_are_found_by_place_and_by_time(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let name = topic(&cluster, "offsets", 1, &[]).await;
    let at = |millis: i64| Record {
        timestamp: Some(Timestamp(millis)),
        ..text("x")
    };
    write(&cluster, &name, 0, &[at(100), at(200), at(300)]).await;
    let partition = TopicPartition::new(name.as_str(), 0);
    let offsets = Offsets::new(cluster);
    let find = async |spec| {
        let asked = std::slice::from_ref(&partition);
        let found = offsets
            .list(asked, spec, Isolation::ReadCommitted)
            .await
            .expect("answered");
        found[&partition].offset.map(|offset| offset.0)
    };
    assert_eq!(find(OffsetSpec::Earliest).await, Some(0));
    assert_eq!(find(OffsetSpec::Latest).await, Some(3));
    assert_eq!(
        find(OffsetSpec::At(Timestamp(200))).await,
        Some(1),
        "not below"
    );
    assert_eq!(find(OffsetSpec::At(Timestamp(201))).await, Some(2));
    assert_eq!(find(OffsetSpec::At(Timestamp(301))).await, None);
}

async fn committed_offsets_come_back(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let name = topic(&cluster, "committed", 3, &[]).await;
    let group = fresh("group");
    let partitions: Vec<_> = (0..3)
        .map(|partition| TopicPartition::new(name.as_str(), partition))
        .collect();
    let offsets = Offsets::new(cluster);
    let none = offsets
        .committed(&group, Some(&partitions))
        .await
        .expect("answered");
    assert_eq!(none, ByPartition::new());
    let mut committed = ByPartition::new();
    committed.insert(partitions[0].clone(), CommittedOffset::new(Offset(7)));
    committed.insert(
        partitions[2].clone(),
        CommittedOffset {
            metadata: "α β".to_owned(),
            ..CommittedOffset::new(Offset(0))
        },
    );
    offsets.commit(&group, &committed).await.expect("committed");
    assert_eq!(
        offsets
            .committed(&group, Some(&partitions))
            .await
            .expect("answered"),
        committed
    );
    assert_eq!(
        offsets.committed(&group, None).await.expect("answered"),
        committed
    );
}

async fn a_position_below_the_log_obeys_the_policy(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let name = topic(&cluster, "cut", 1, &[]).await;
    write(&cluster, &name, 0, &vec![text("x"); 10]).await;
    let partition = TopicPartition::new(name.as_str(), 0);
    let admin = Admin::new(cluster.clone());
    let start = admin
        .delete_records(&partition, Some(Offset(4)))
        .await
        .expect("deleted");
    assert_eq!(start, Offset(4));
    let with = |policy| {
        let mut settings = cluster.config().fetch.clone();
        settings.offset_reset = policy;
        let mut fetcher = Fetcher::new(cluster.clone(), settings);
        fetcher.assign(partition.clone(), Offset(1));
        fetcher
    };
    let mut failing = with(OffsetReset::Fail);
    let error = failing
        .poll(Instant::now() + PATIENCE)
        .await
        .expect_err("outside");
    let range = matches!(
        error,
        FetchError::OutOfRange {
            position: Offset(1),
            log_start: Offset(4),
            log_end: Offset(10),
            ..
        }
    );
    assert!(range, "{error}");
    failing.seek(&partition, Offset(9));
    assert_eq!(read(&mut failing, 1).await[&0][0].0, 9, "a seek goes on");
    assert_eq!(read(&mut with(OffsetReset::Earliest), 6).await[&0][0].0, 4);
    let mut latest = with(OffsetReset::Latest);
    let none = latest
        .poll(Instant::now() + Duration::from_millis(700))
        .await
        .expect("readable");
    assert!(none.is_empty());
    assert_eq!(latest.position(&partition), Some(Offset(10)));
}

async fn oversize_records_are_refused_and_oversize_batches_split(bootstrap: &str) {
    let mut config = config(bootstrap);
    config.produce.request_bytes_max = 100_000;
    config.produce.linger = Duration::from_millis(50);
    let cluster = Cluster::connect(config).await.expect("connected");
    let name = topic(&cluster, "oversize", 1, &[("max.message.bytes", "2000")]).await;
    let producer = Producer::new(
        cluster.clone(),
        cluster.config().produce.clone(),
        Outcomes::Count,
    );
    let handle = producer.topic(&name).await.expect("known");
    let try_send = |value: &[u8]| {
        let record = NewRecord {
            timestamp: None,
            key: None,
            value: Some(value),
            headers: std::iter::empty::<Header<'_>>(),
        };
        producer.try_send(&handle, Placement::ByKey, record)
    };
    let refused = try_send(&[0; 100_001]).expect_err("too large");
    assert!(
        matches!(refused, SendError::TooLarge { limit: 100_000, .. }),
        "{refused}"
    );
    for _ in 0..40 {
        try_send(&[1; 500]).expect("taken");
    }
    try_send(&[2; 3_000]).expect("taken");
    try_send(&[3; 500]).expect("taken");
    let delivery = producer.flush(Instant::now() + PATIENCE).await;
    assert_eq!(
        (delivery.written, delivery.not_written, delivery.unknown),
        (41, 1, 0),
        "{delivery:?}"
    );
    let error = delivery.first_error.expect("told");
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    let mut fetcher = fetcher(&cluster);
    fetcher.assign(TopicPartition::new(name.as_str(), 0), Offset(0));
    let got = read(&mut fetcher, 41).await;
    let values: Vec<u8> = got[&0]
        .iter()
        .map(|(_, record)| record.value.as_ref().expect("a value")[0])
        .collect();
    assert_eq!(values, [vec![1; 40], vec![3]].concat());
}

async fn a_fetch_at_the_end_waits_no_longer_than_its_deadline(bootstrap: &str) {
    let cluster = connect(bootstrap).await;
    let name = topic(&cluster, "idle", 1, &[]).await;
    write(&cluster, &name, 0, &[text("x")]).await;
    let mut fetcher = fetcher(&cluster);
    fetcher.assign(TopicPartition::new(name.as_str(), 0), Offset(0));
    read(&mut fetcher, 1).await;
    let begun = Instant::now();
    let none = fetcher
        .poll(begun + Duration::from_millis(300))
        .await
        .expect("readable");
    assert!(none.is_empty());
    assert!(
        (300..1_000).contains(&begun.elapsed().as_millis()),
        "{:?}",
        begun.elapsed()
    );
    write(&cluster, &name, 0, &[text("y")]).await;
    assert_eq!(
        read(&mut fetcher, 1).await[&0][0].0,
        1,
        "what comes later is read"
    );
}
