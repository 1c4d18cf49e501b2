import java.nio.charset.StandardCharsets;

/**
 * The generated input. Record i depends on i alone: about 156 bytes of JSON under a 12-byte key, five
 * of a hundred up to five seconds out of order. All arithmetic wraps at 64 bits.
 */
final class Orders {
    static final long FIRST_MS = 1_700_000_040_000L;
    private static final long SEED = 42, SPAN_MS = 600_000, LATE_MS = 5_000;
    private static final String[] STATUS = {"placed", "packed", "shipped", "delivered"};

    private final long records;
    private final long keys;

    Orders(long records, long keys) {
        this.records = records;
        this.keys = keys;
    }

    String key(long i) {
        return "k" + padded(Long.remainderUnsigned(draw(i, 0), keys), 11);
    }

    long timestamp(long i) {
        long at = FIRST_MS + i * SPAN_MS / records;
        boolean late = Long.remainderUnsigned(draw(i, 1), 100) < 5;
        return late ? Math.max(FIRST_MS, at - Long.remainderUnsigned(draw(i, 2), LATE_MS + 1)) : at;
    }

    byte[] value(long i) {
        return ("{\"order_id\":\"order-" + padded(i, 16)
            + "\",\"product\":\"product-" + padded(Long.remainderUnsigned(draw(i, 5), 1000), 4)
            + "\",\"customer\":\"" + key(i)
            + "\",\"price\":" + Long.remainderUnsigned(draw(i, 3), 100_000)
            + ",\"qty\":" + (1 + Long.remainderUnsigned(draw(i, 4), 9))
            + ",\"status\":\"" + STATUS[(int) Long.remainderUnsigned(draw(i, 6), 4)]
            + "\",\"ordered_at\":" + timestamp(i) + "}").getBytes(StandardCharsets.US_ASCII);
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
