// Prints what Kafka's own assignors make of groups that change from round to round:
//
//     java -cp 'KAFKA/libs/*' AssignorVectors.java > tests/golden/assignors/vectors.jsonl
//
// Each line is one assignment by a group's leader. Members are called m0 to m9, because Kafka decides
// some ties by the order of its hash maps, in which these names stand in the order of their letters.

import java.nio.ByteBuffer;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.internals.AbstractPartitionAssignor;
import org.apache.kafka.common.TopicPartition;

class AssignorVectors {
    static final Random RANDOM = new Random(42);

    public static void main(String[] args) {
        for (int group = 0; group < 12; group++) {
            for (String name : List.of("range", "roundrobin", "sticky", "cooperative-sticky")) {
                play(name, group % 3 == 2);
            }
        }
    }

    static AbstractPartitionAssignor assignor(String name) {
        return switch (name) {
            case "range" -> new RangeAssignor();
            case "roundrobin" -> new RoundRobinAssignor();
            case "sticky" -> new StickyAssignor();
            default -> new CooperativeStickyAssignor();
        };
    }

    /** One group over six rounds; members come and go, topics grow. */
    static void play(String name, boolean differ) {
        SortedMap<String, Integer> topics = new TreeMap<>();
        for (int i = 0; i <= RANDOM.nextInt(3); i++) topics.put("t" + i, 1 + RANDOM.nextInt(7));
        SortedMap<String, AbstractPartitionAssignor> members = new TreeMap<>();
        SortedMap<String, List<TopicPartition>> owned = new TreeMap<>();
        SortedMap<String, List<String>> subscribed = new TreeMap<>();
        SortedMap<String, Integer> generations = new TreeMap<>();
        int generation = 0;
        for (int round = 0; round < 6; round++) {
            change(name, differ, topics, members, owned, subscribed);
            generations.keySet().retainAll(members.keySet());
            generation++;
            Map<String, Subscription> subscriptions = new TreeMap<>();
            for (String member : members.keySet()) {
                Set<String> wanted = new TreeSet<>(subscribed.get(member));
                ByteBuffer data = members.get(member).subscriptionUserData(wanted);
                boolean eager = !name.startsWith("coop");
                List<TopicPartition> holds = eager ? List.of() : owned.getOrDefault(member, List.of());
                Subscription subscription = new Subscription(subscribed.get(member), data, holds,
                    generations.getOrDefault(member, -1), Optional.empty());
                boolean isStatic = name.equals("range") && member.charAt(1) % 3 == 0;
                if (isStatic) subscription.setGroupInstanceId(Optional.of("s" + (9 - (member.charAt(1) - '0'))));
                subscriptions.put(member, subscription);
            }
            // As the consumer does, which asks for the topics that somebody subscribes to.
            SortedMap<String, Integer> sizes = new TreeMap<>(topics);
            sizes.keySet().retainAll(subscribed.values().stream().flatMap(List::stream).toList());
            String before = line(name, sizes, subscriptions);
            Map<String, List<TopicPartition>> shares = assignor(name).assign(sizes, subscriptions);
            System.out.println(before + ",\"shares\":" + shares(shares) + "}");
            for (String member : members.keySet()) {
                List<TopicPartition> share = shares.get(member);
                owned.put(member, share);
                generations.put(member, generation);
                members.get(member).onAssignment(new Assignment(share),
                    new ConsumerGroupMetadata("g", generation, member, Optional.empty()));
            }
        }
    }

    static void change(String name, boolean differ, SortedMap<String, Integer> topics,
            SortedMap<String, AbstractPartitionAssignor> members, SortedMap<String, List<TopicPartition>> owned,
            SortedMap<String, List<String>> subscribed) {
        int what = members.isEmpty() ? 0 : RANDOM.nextInt(5);
        if (what == 1 && members.size() > 1) {
            String gone = new ArrayList<>(members.keySet()).get(RANDOM.nextInt(members.size()));
            members.remove(gone);
            owned.remove(gone);
            subscribed.remove(gone);
        } else if (what == 2) {
            String topic = "t" + RANDOM.nextInt(4);
            topics.merge(topic, 1 + RANDOM.nextInt(3), Integer::sum);
        } else if (what < 4) {
            for (int i = 0; i <= RANDOM.nextInt(2) && members.size() < 10; i++) {
                String member = "m" + RANDOM.nextInt(10);
                members.putIfAbsent(member, assignor(name));
            }
        }
        for (String member : members.keySet()) {
            List<String> all = new ArrayList<>(topics.keySet());
            if (!differ) {
                subscribed.put(member, all);
            } else if (!subscribed.containsKey(member)) {
                Collections.shuffle(all, RANDOM);
                subscribed.put(member, new ArrayList<>(all.subList(0, 1 + RANDOM.nextInt(all.size()))));
            }
        }
    }

    static String line(String name, SortedMap<String, Integer> topics, Map<String, Subscription> members) {
        String sizes = topics.entrySet().stream().map(e -> "\"" + e.getKey() + "\":" + e.getValue())
            .collect(Collectors.joining(",", "{", "}"));
        String rows = members.entrySet().stream().map(e -> member(e.getKey(), e.getValue()))
            .collect(Collectors.joining(",", "[", "]"));
        return "{\"assignor\":\"" + name + "\",\"topics\":" + sizes + ",\"members\":" + rows;
    }

    static String member(String id, Subscription member) {
        String topics = member.topics().stream().map(t -> "\"" + t + "\"").collect(Collectors.joining(",", "[", "]"));
        String instance = member.groupInstanceId().map(i -> ",\"instance\":\"" + i + "\"").orElse("");
        String data = member.userData() == null ? "" : ",\"user_data\":\"" + hex(member.userData()) + "\"";
        return "{\"id\":\"" + id + "\"" + instance + ",\"topics\":" + topics + ",\"owned\":"
            + partitions(member.ownedPartitions()) + ",\"generation\":" + member.generationId().orElse(-1) + data + "}";
    }

    static String shares(Map<String, List<TopicPartition>> shares) {
        return new TreeMap<>(shares).entrySet().stream()
            .map(e -> "\"" + e.getKey() + "\":" + partitions(e.getValue())).collect(Collectors.joining(",", "{", "}"));
    }

    static String partitions(List<TopicPartition> partitions) {
        return partitions.stream().map(p -> "\"" + p + "\"").collect(Collectors.joining(",", "[", "]"));
    }

    static String hex(ByteBuffer bytes) {
        return HexFormat.of().formatHex(bytes.array(), bytes.arrayOffset() + bytes.position(),
            bytes.arrayOffset() + bytes.limit());
    }
}
