import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Count and sum of {@code price} per key in windows, with Kafka Streams and its defaults:
 * {@code Windows KIND FORMAT BOOTSTRAP IN OUT RECORDS STATE_DIR}. KIND is {@code tumbling} (1 min),
 * {@code hopping} (1 min by 5 s), {@code sliding} (1 min) or {@code session} (30 s), each with a grace of
 * 10 s. Ends when it has seen RECORDS records and written what it has. Results are JSON, as Tidemill's;
 * a session that became part of a larger one is written with a count of 0.
 */
final class Windows {
    private static final Duration SIZE = Duration.ofMinutes(1), GRACE = Duration.ofSeconds(10);
    private static final Serde<byte[]> TOTALS = Serdes.ByteArray();

    public static void main(String[] words) throws Exception {
        long records = Long.parseLong(words[5]);
        CountDownLatch seen = new CountDownLatch(1);
        long[] count = {0};
        StreamsBuilder builder = new StreamsBuilder();
        Serde<Long> prices = Serdes.serdeFrom(new LongSerializer(), Prices.of(words[1]));
        var grouped = builder.stream(words[3], Consumed.with(Serdes.String(), prices))
            .peek((key, value) -> {
                if (++count[0] == records) {
                    seen.countDown();
                }
            })
            .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()));
        totals(words[0], grouped).toStream()
            .map((window, total) -> KeyValue.pair(window.key(), result(window, total)))
            .to(words[4], Produced.with(Serdes.String(), Serdes.String()));
        run(builder, words, seen);
    }

    private static KTable<Windowed<String>, byte[]> totals(String kind, KGroupedStream<String, Long> grouped) {
        Initializer<byte[]> nothing = () -> new byte[16];
        Aggregator<String, Long, byte[]> add = (key, price, total) -> sum(total, 1, price);
        var store = Materialized.<String, byte[], WindowStore<Bytes, byte[]>>with(Serdes.String(), TOTALS);
        TimeWindows time = TimeWindows.ofSizeAndGrace(SIZE, GRACE);
        return switch (kind) {
            case "tumbling" -> grouped.windowedBy(time).aggregate(nothing, add, store);
            case "hopping" -> grouped.windowedBy(time.advanceBy(Duration.ofSeconds(5))).aggregate(nothing, add, store);
            case "sliding" -> grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(SIZE, GRACE)).aggregate(nothing, add, store);
            case "session" -> grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofSeconds(30), GRACE)).aggregate(
                nothing, add, (key, one, other) -> sum(one, ByteBuffer.wrap(other).getLong(), ByteBuffer.wrap(other).getLong(8)),
                Materialized.<String, byte[], SessionStore<Bytes, byte[]>>with(Serdes.String(), TOTALS));
            default -> throw new IllegalArgumentException(kind);
        };
    }

    private static byte[] sum(byte[] total, long count, long price) {
        ByteBuffer in = ByteBuffer.wrap(total);
        return ByteBuffer.allocate(16).putLong(in.getLong() + count).putLong(in.getLong() + price).array();
    }

    private static void run(StreamsBuilder builder, String[] words, CountDownLatch seen) throws Exception {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, words[4] + "-job");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, words[2]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Path.of(words[6]).toString());
        settings.put("auto.offset.reset", "earliest");
        try (KafkaStreams streams = new KafkaStreams(builder.build(), settings)) {
            streams.start();
            seen.await();
        }
    }

    private static String result(Windowed<String> at, byte[] total) {
        ByteBuffer in = ByteBuffer.wrap(total == null ? new byte[16] : total);
        return "{\"key\":\"" + at.key() + "\",\"window\":{\"start\":" + at.window().start() + ",\"end\":"
            + at.window().end() + "},\"count\":" + in.getLong() + ",\"sum\":" + in.getLong() + "}";
    }
}
