import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;

/**
 * The generated input. Record i depends on i alone, five of them a millisecond of event time, five of a
 * hundred up to five seconds out of order, under 12-byte keys: about 156 bytes of JSON, about 72 of Avro
 * behind the id of its schema, or the price alone as 8 bytes. All arithmetic wraps at 64 bits.
 */
final class Orders {
    static final long FIRST_MS = 1_700_000_040_000L;
    static final String SCHEMA = "{\"type\":\"record\",\"name\":\"Order\",\"fields\":["
        + "{\"name\":\"order_id\",\"type\":\"string\"},{\"name\":\"product\",\"type\":\"string\"},"
        + "{\"name\":\"customer\",\"type\":\"string\"},{\"name\":\"price\",\"type\":\"long\"},"
        + "{\"name\":\"qty\",\"type\":\"int\"},{\"name\":\"status\",\"type\":\"string\"},"
        + "{\"name\":\"ordered_at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}]}";
    private static final long SEED = 42, PER_MS = 5, LATE_MS = 5_000;
    private static final String[] STATUS = {"placed", "packed", "shipped", "delivered"};

    private final long keys;

    Orders(long keys) {
        this.keys = keys;
    }

    String key(long i) {
        return "k" + padded(Long.remainderUnsigned(draw(i, 0), keys), 11);
    }

    long timestamp(long i) {
        long at = FIRST_MS + i / PER_MS;
        boolean late = Long.remainderUnsigned(draw(i, 1), 100) < 5;
        return late ? Math.max(FIRST_MS, at - Long.remainderUnsigned(draw(i, 2), LATE_MS + 1)) : at;
    }

    byte[] value(String format, long i) {
        return switch (format) {
            case "json" -> json(i);
            case "avro" -> avro(i);
            case "long" -> ByteBuffer.allocate(8).putLong(price(i)).array();
            default -> throw new IllegalArgumentException(format);
        };
    }

    private byte[] json(long i) {
        return ("{\"order_id\":\"" + orderId(i) + "\",\"product\":\"" + product(i) + "\",\"customer\":\"" + key(i)
            + "\",\"price\":" + price(i) + ",\"qty\":" + quantity(i) + ",\"status\":\"" + status(i)
            + "\",\"ordered_at\":" + timestamp(i) + "}").getBytes(StandardCharsets.US_ASCII);
    }

    /** Behind the prefix of schema 1. */
    private byte[] avro(long i) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(80);
        out.writeBytes(new byte[] {0, 0, 0, 0, 1});
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        try {
            for (String text : new String[] {orderId(i), product(i), key(i)}) {
                encoder.writeString(text);
            }
            encoder.writeLong(price(i));
            encoder.writeInt((int) quantity(i));
            encoder.writeString(status(i));
            encoder.writeLong(timestamp(i));
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
        return out.toByteArray();
    }

    private static String orderId(long i) {
        return "order-" + padded(i, 16);
    }

    private static String product(long i) {
        return "product-" + padded(Long.remainderUnsigned(draw(i, 5), 1000), 4);
    }

    private static long price(long i) {
        return Long.remainderUnsigned(draw(i, 3), 100_000);
    }

    private static long quantity(long i) {
        return 1 + Long.remainderUnsigned(draw(i, 4), 9);
    }

    private static String status(long i) {
        return STATUS[(int) Long.remainderUnsigned(draw(i, 6), 4)];
    }

    /** The finalizer of splitmix64 over a counter: draw j of record i. */
    private static long draw(long i, int j) {
        long z = SEED + (8 * i + j + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    private static String padded(long number, int digits) {
        String text = Long.toString(number);
        return "0".repeat(digits - text.length()) + text;
    }
}
