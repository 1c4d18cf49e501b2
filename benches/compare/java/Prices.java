import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.LongDeserializer;

/** The price out of an order's bytes, in the fastest way that each format has in Java. */
final class Prices {
    static Deserializer<Long> of(String format) {
        return switch (format) {
            case "long" -> new LongDeserializer();
            case "json" -> new FromJson();
            case "avro" -> new FromAvro();
            default -> throw new IllegalArgumentException(format);
        };
    }

    /** A streaming parser that stops at the field it wants. */
    private static final class FromJson implements Deserializer<Long> {
        private final JsonFactory json = new JsonFactory();

        @Override
        public Long deserialize(String topic, byte[] value) {
            try (JsonParser parser = json.createParser(value)) {
                while (parser.nextToken() != null) {
                    if (parser.currentToken() == JsonToken.FIELD_NAME && parser.currentName().equals("price")) {
                        parser.nextToken();
                        return parser.getLongValue();
                    }
                }
                throw new IllegalArgumentException("no price");
            } catch (IOException broken) {
                throw new UncheckedIOException(broken);
            }
        }
    }

    /** A reader's schema of the one field; decoder and record are used again. */
    private static final class FromAvro implements Deserializer<Long> {
        private final GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(
            new Schema.Parser().parse(Orders.SCHEMA),
            new Schema.Parser().parse("{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"price\",\"type\":\"long\"}]}"));
        private BinaryDecoder decoder;
        private GenericRecord order;

        @Override
        public Long deserialize(String topic, byte[] value) {
            try {
                decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, decoder);
                order = reader.read(order, decoder);
                return (Long) order.get(0);
            } catch (IOException broken) {
                throw new UncheckedIOException(broken);
            }
        }
    }
}
