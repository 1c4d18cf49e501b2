import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Count and sum of {@code price} per key in one-minute windows, with Kafka Streams and its defaults:
 * {@code Tumble BOOTSTRAP IN OUT RECORDS STATE_DIR}. Ends when it has seen RECORDS records and written
 * what it has. Results are JSON, as Tidemill's.
 */
final class Tumble {
    private static final Duration SIZE = Duration.ofMinutes(1), GRACE = Duration.ofSeconds(10);
    private static final JsonFactory JSON = new JsonFactory();

    public static void main(String[] words) throws Exception {
        long records = Long.parseLong(words[3]);
        CountDownLatch seen = new CountDownLatch(1);
        long[] count = {0};
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(words[1], Consumed.with(Serdes.String(), Serdes.ByteArray()))
            .peek((key, value) -> {
                if (++count[0] == records) {
                    seen.countDown();
                }
            })
            .mapValues(Tumble::price)
            .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
            .windowedBy(TimeWindows.ofSizeAndGrace(SIZE, GRACE))
            .aggregate(
                () -> new byte[16],
                (key, price, total) -> {
                    ByteBuffer in = ByteBuffer.wrap(total);
                    return ByteBuffer.allocate(16).putLong(in.getLong() + 1).putLong(in.getLong() + price).array();
                },
                Materialized.<String, byte[], WindowStore<Bytes, byte[]>>with(Serdes.String(), Serdes.ByteArray()))
            .toStream()
            .map((window, total) -> KeyValue.pair(window.key(), result(window, total)))
            .to(words[2], Produced.with(Serdes.String(), Serdes.String()));
        run(builder, words, seen);
    }

    private static void run(StreamsBuilder builder, String[] words, CountDownLatch seen) throws Exception {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, words[2] + "-job");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, words[0]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Path.of(words[4]).toString());
        settings.put("auto.offset.reset", "earliest");
        try (KafkaStreams streams = new KafkaStreams(builder.build(), settings)) {
            streams.start();
            seen.await();
        }
    }

    private static String result(Windowed<String> at, byte[] total) {
        ByteBuffer in = ByteBuffer.wrap(total);
        return "{\"key\":\"" + at.key() + "\",\"window\":{\"start\":" + at.window().start() + ",\"end\":"
            + at.window().end() + "},\"count\":" + in.getLong() + ",\"sum\":" + in.getLong() + "}";
    }

    /** The fastest way with JSON: a streaming parser that stops at the field it wants. */
    private static long price(byte[] value) {
        try (JsonParser parser = JSON.createParser(value)) {
            while (parser.nextToken() != null) {
                if (parser.currentToken() == JsonToken.FIELD_NAME && parser.currentName().equals("price")) {
                    parser.nextToken();
                    return parser.getLongValue();
                }
            }
            throw new IllegalArgumentException("no price");
        } catch (java.io.IOException broken) {
            throw new java.io.UncheckedIOException(broken);
        }
    }
}
