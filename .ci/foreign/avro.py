"""confluent-kafka's Avro serializer and deserializer against a registry.

avro.py produce BOOTSTRAP REGISTRY TOPIC COUNT    registers the schema, writes orders
avro.py consume BOOTSTRAP REGISTRY TOPIC COUNT    reads orders, whoever wrote them, as JSON lines
"""

import json
import sys
import uuid
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

SCHEMA = Path(__file__).with_name("order.avsc").read_text()


def order(i: int) -> dict:
    return {"product": f"product-{i % 7}", "price": i / 4, "qty": i % 5, "note": None if i % 2 else f"note {i}"}


verb, bootstrap, registry, topic, count = sys.argv[1:]
client = SchemaRegistryClient({"url": registry})
context = SerializationContext(topic, MessageField.VALUE)

if verb == "produce":
    serialize = AvroSerializer(client, SCHEMA)
    producer = Producer({"bootstrap.servers": bootstrap})
    for i in range(int(count)):
        producer.produce(topic, serialize(order(i), context), str(i))
    if producer.flush(60):
        sys.exit("not all orders were sent")
else:
    deserialize = AvroDeserializer(client)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    for _ in range(int(count)):
        message = consumer.poll(30)
        if message is None:
            sys.exit("no record within 30 s")
        if message.error():
            raise KafkaException(message.error())
        print(json.dumps(deserialize(message.value(), context)))
    consumer.close()
