"""Python's Kafka clients behind one command line.

clients.py CLIENT produce BOOTSTRAP TOPIC CODEC COUNT
clients.py CLIENT consume BOOTSTRAP COUNT TOPIC...
clients.py CLIENT group   BOOTSTRAP GROUP TOPIC         until SIGTERM

CLIENT is confluent-kafka, kafka-python or aiokafka. Records read are printed as JSON lines.
"""

import asyncio
import json
import signal
import sys
import uuid

CLIENT, VERB, BOOTSTRAP, *REST = sys.argv[1:]
DEADLINE_SECONDS = 60


class Stopped(Exception):
    """SIGTERM came: leave the group and end."""


def stop(*_):
    raise Stopped


def records(topic: str, count: int):
    """What every client sends: the same keys and values, so that every reader can check them."""
    for i in range(count):
        yield f"{topic}/{i}".encode(), f"value {i} {'x' * (i % 100)}".encode(), [("from", CLIENT.encode())]


def show(topic, partition, key, value, headers):
    headers = [[name, value.decode()] for name, value in headers or []]
    line = {"topic": topic, "partition": partition, "key": key.decode(), "value": value.decode(), "headers": headers}
    print(json.dumps(line), flush=True)


def confluent_produce(topic, codec, count):
    from confluent_kafka import Producer

    failures = []
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "compression.type": codec, "linger.ms": 20})
    for key, value, headers in records(topic, count):
        producer.produce(topic, value, key, headers=headers, on_delivery=lambda error, _: error and failures.append(error))
    left = producer.flush(DEADLINE_SECONDS)
    if left or failures:
        sys.exit(f"{left} not sent, failures {failures[:3]}")


def confluent_read(group, topics, count):
    from confluent_kafka import Consumer, KafkaException

    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe(topics)
    try:
        while count > 0:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            show(message.topic(), message.partition(), message.key(), message.value(), message.headers())
            count -= 1
    finally:
        consumer.close()


def kafka_python_produce(topic, codec, count):
    from kafka import KafkaProducer

    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP, compression_type=None if codec == "none" else codec, linger_ms=20
    )
    sent = [producer.send(topic, value, key, headers=headers) for key, value, headers in records(topic, count)]
    producer.flush(DEADLINE_SECONDS)
    for one in sent:
        one.get(timeout=DEADLINE_SECONDS)
    producer.close()


def kafka_python_read(group, topics, count):
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest")
    try:
        while count > 0:
            for batch in consumer.poll(timeout_ms=1000).values():
                for record in batch:
                    show(record.topic, record.partition, record.key, record.value, record.headers)
                    count -= 1
    finally:
        consumer.close()


async def aiokafka_produce(topic, codec, count):
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP, compression_type=None if codec == "none" else codec, linger_ms=20
    )
    async with producer:
        sent = [await producer.send(topic, value, key, headers=headers) for key, value, headers in records(topic, count)]
        await asyncio.gather(*sent)


async def aiokafka_read(group, topics, count):
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest")
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with consumer:
        while count > 0:
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                for record in batch:
                    show(record.topic, record.partition, record.key, record.value, record.headers)
                    count -= 1


PRODUCE = {
    "confluent-kafka": confluent_produce,
    "kafka-python": kafka_python_produce,
    "aiokafka": lambda *what: asyncio.run(aiokafka_produce(*what)),
}
READ = {
    "confluent-kafka": confluent_read,
    "kafka-python": kafka_python_read,
    "aiokafka": lambda *what: asyncio.run(aiokafka_read(*what)),
}


def main():
    signal.signal(signal.SIGTERM, stop)
    try:
        if VERB == "produce":
            topic, codec, count = REST
            PRODUCE[CLIENT](topic, codec, int(count))
        elif VERB == "consume":
            count, *topics = REST
            READ[CLIENT](f"alone-{uuid.uuid4()}", topics, int(count))
        else:
            group, topic = REST
            READ[CLIENT](group, [topic], float("inf"))
    except (Stopped, asyncio.CancelledError):
        pass


main()
