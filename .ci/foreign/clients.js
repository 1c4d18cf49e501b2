// Node's Kafka clients behind the command line of clients.py: kafkajs and platformatic.
'use strict'

const [client, verb, bootstrap, ...rest] = process.argv.slice(2)
const brokers = bootstrap.split(',')
const id = () => `alone-${process.pid}-${Math.random().toString(36).slice(2)}`

// What every client sends: the same keys and values, so that every reader can check them.
function records (topic, count) {
  return Array.from({ length: count }, (_, i) => ({
    key: `${topic}/${i}`, value: `value ${i} ${'x'.repeat(i % 100)}`, headers: { from: client }
  }))
}

function show (topic, partition, key, value, headers) {
  const line = { topic, partition, key: String(key), value: String(value), headers }
  process.stdout.write(JSON.stringify(line) + '\n')
}

// kafkajs has gzip only and takes the others as plug-ins.
async function kafkajs () {
  const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
  const { lz4Compress, lz4Decompress } = require('@platformatic/wasm-utils')
  const zstd = require('@bokuweb/zstd-wasm')
  await zstd.init()
  CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async encoder => lz4Compress(encoder.buffer), decompress: async bytes => lz4Decompress(bytes)
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async encoder => Buffer.from(zstd.compress(encoder.buffer, 3)),
    decompress: async bytes => Buffer.from(zstd.decompress(bytes))
  })
  const kafka = new Kafka({ brokers, logLevel: logLevel.ERROR })
  return {
    async produce (topic, codec, count) {
      const compression = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }[codec]
      const producer = kafka.producer()
      await producer.connect()
      await producer.send({ topic, compression, messages: records(topic, count) })
      await producer.disconnect()
    },
    async read (groupId, topics, count) {
      const consumer = kafka.consumer({ groupId })
      await consumer.connect()
      await consumer.subscribe({ topics, fromBeginning: true })
      await new Promise((resolve, reject) => {
        process.once('SIGTERM', resolve)
        consumer.on(consumer.events.CRASH, event => reject(event.payload.error))
        consumer.run({
          eachMessage: async ({ topic, partition, message: { key, value, headers } }) => {
            show(topic, partition, key, value, Object.entries(headers).map(([n, v]) => [n, String(v)]))
            if (--count === 0) resolve()
          }
        }).catch(reject)
      })
      await consumer.disconnect()
    }
  }
}

async function platformatic () {
  const { Producer, Consumer, stringSerializers } = require('@platformatic/kafka')
  return {
    async produce (topic, codec, count) {
      const producer = new Producer({ clientId: 'foreign', bootstrapBrokers: brokers, serializers: stringSerializers })
      const messages = records(topic, count).map(record => ({ topic, ...record }))
      await producer.send({ messages, compression: codec, acks: -1 })
      await producer.close()
    },
    async read (groupId, topics, count) {
      const consumer = new Consumer({ clientId: 'foreign', groupId, bootstrapBrokers: brokers })
      const stream = await consumer.consume({ topics, mode: 'committed', fallbackMode: 'earliest', autocommit: 100 })
      process.once('SIGTERM', () => stream.close())
      for await (const { topic, partition, key, value, headers } of stream) {
        show(topic, partition, key, value, [...headers].map(([n, v]) => [String(n), String(v)]))
        if (--count === 0) break
      }
      await consumer.close(true)
    }
  }
}

async function main () {
  const { produce, read } = await { kafkajs, platformatic }[client]()
  if (verb === 'produce') await produce(rest[0], rest[1], Number(rest[2]))
  else if (verb === 'consume') await read(id(), rest.slice(1), Number(rest[0]))
  else await read(rest[0], [rest[1]], Infinity)
}

// What is still on its way to standard output goes out first.
const end = () => process.stdout.write('', () => process.exit(0))

main().then(end, error => { console.error(error); process.exit(1) })
