// Writes transactions of two producers, interleaved, with Apache Kafka's own client:
//
//     java -cp 'KAFKA/libs/*' WriteTransactions.java BOOTSTRAP TOPIC ROUNDS
//
// In each round the first producer writes its round 15 times and the second 100 + round 3 times between
// them; in even rounds the first one commits and the second one aborts, in odd rounds the other way round.
// Then the first one writes 99 four times, says `open`, waits for the end of its standard input and aborts.

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class WriteTransactions {
    static String topic;

    public static void main(String[] args) throws Exception {
        topic = args[1];
        try (var one = producer(args[0], "one"); var two = producer(args[0], "two")) {
            for (int round = 0; round < Integer.parseInt(args[2]); round++) {
                one.beginTransaction();
                two.beginTransaction();
                write(one, 10, round);
                write(two, 3, 100 + round);
                write(one, 5, round);
                end(one, round % 2 == 0);
                end(two, round % 2 != 0);
            }
            awaitMarkers(args[0]);
            one.beginTransaction();
            write(one, 4, 99);
            System.out.println("open");
            System.in.readAllBytes();
            one.abortTransaction();
        }
    }

    static KafkaProducer<byte[], byte[]> producer(String bootstrap, String name) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "transactional.id", topic + "-" + name);
        var bytes = new ByteArraySerializer();
        var producer = new KafkaProducer<>(settings, bytes, bytes);
        producer.initTransactions();
        return producer;
    }

    static void write(KafkaProducer<byte[], byte[]> producer, int count, int value) {
        for (int n = 0; n < count; n++) producer.send(new ProducerRecord<>(topic, 0, null, new byte[] {(byte) value}));
        producer.flush();
    }

    /** A commit is answered before its marker is written; what the other producer writes may come first. */
    static void awaitMarkers(String bootstrap) throws Exception {
        var partition = new TopicPartition(topic, 0);
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            while (admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().stream()
                    .anyMatch(producer -> producer.currentTransactionStartOffset().isPresent())) {
                Thread.sleep(20);
            }
        }
    }

    static void end(KafkaProducer<byte[], byte[]> producer, boolean committed) {
        if (committed) producer.commitTransaction();
        else producer.abortTransaction();
    }
}
