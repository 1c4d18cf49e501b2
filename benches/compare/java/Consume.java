import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads partition 0 of a topic from its start to its end and prints how many records there are:
 * {@code Consume BOOTSTRAP TOPIC [checksum]}. With a checksum, also the sum over all records of
 * {@code (crc32c(key) << 32) + crc32c(value)}, which does not depend on their order.
 */
final class Consume {
    public static void main(String[] words) {
        boolean sums = words.length > 2;
        TopicPartition partition = new TopicPartition(words[1], 0);
        Map<String, Object> settings = Map.of("bootstrap.servers", words[0], "enable.auto.commit", false);
        long records = 0, sum = 0;
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    records++;
                    if (sums) {
                        sum += (crc(record.key()) << 32) + crc(record.value());
                    }
                }
            }
        }
        System.out.println(sums ? String.format("%d %016x", records, sum) : Long.toString(records));
    }

    private static long crc(byte[] bytes) {
        if (bytes == null) {
            return 0;
        }
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return crc.getValue();
    }
}
