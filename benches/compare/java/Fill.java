import java.io.BufferedOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes the generated orders: {@code Fill topic BOOTSTRAP TOPIC FORMAT CODEC RECORDS KEYS} to a topic,
 * {@code Fill lines FILE RECORDS KEYS} as lines of key, tab, value. {@code Fill schema} prints that of Avro.
 */
final class Fill {
    public static void main(String[] words) throws Exception {
        if (words[0].equals("topic")) {
            topic(words[1], words[2], words[3], words[4], Long.parseLong(words[5]), Long.parseLong(words[6]));
        } else if (words[0].equals("schema")) {
            System.out.println(Orders.SCHEMA);
        } else {
            lines(Path.of(words[1]), Long.parseLong(words[2]), Long.parseLong(words[3]));
        }
    }

    private static void topic(String bootstrap, String topic, String format, String codec, long records, long keys) {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", bootstrap, "compression.type", codec, "linger.ms", 20, "batch.size", 262_144);
        Orders orders = new Orders(keys);
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (long i = 0; i < records; i++) {
                byte[] key = orders.key(i).getBytes(StandardCharsets.US_ASCII);
                producer.send(new ProducerRecord<>(topic, null, orders.timestamp(i), key, orders.value(format, i)), (sent, failure) -> {
                    if (failure != null) {
                        failure.printStackTrace();
                        Runtime.getRuntime().halt(1);
                    }
                });
            }
        }
    }

    private static void lines(Path file, long records, long keys) throws Exception {
        Orders orders = new Orders(keys);
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 20)) {
            for (long i = 0; i < records; i++) {
                out.write(orders.key(i).getBytes(StandardCharsets.US_ASCII));
                out.write('\t');
                out.write(orders.value("json", i));
                out.write('\n');
            }
        }
    }
}
