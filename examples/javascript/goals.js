// Writes every goal into a file, a line each: a consumer that speaks AMQP itself
// and needs nothing of matchwire but what asyncapi.yaml says.
//
//   AMQP_URL=amqp://guest:guest@localhost:5672 node goals.js goals.txt
//
// NAMESPACE is that of matchwire.yaml, if it has one.

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import amqp from "amqplib";

const file = process.argv[2] ?? "goals.txt";
const prefix = process.env.NAMESPACE ? process.env.NAMESPACE + "." : "";
const exchange = prefix + "live_events";
const queue = prefix + "goals.js";

// Events may come twice, after a connection was lost or this program was killed:
// what the file has already is not written again.
const written = new Set();
if (existsSync(file)) {
  for (const line of readFileSync(file, "utf8").split("\n").slice(0, -1)) written.add(line.split(" ")[1]);
}

function write(message) {
  const event = JSON.parse(message.content.toString());
  if (written.has(event.id)) return;
  const { team, player, time } = event.data;
  appendFileSync(file, `${event.tid} ${event.id} ${team}: ${player}, ${time}\n`);
  written.add(event.id);
}

// consume returns when the connection is lost.
async function consume() {
  const connection = await amqp.connect(process.env.AMQP_URL ?? "amqp://guest:guest@localhost:5672");
  const lost = new Promise((resolve) => connection.on("close", resolve));
  connection.on("error", (error) => console.error("connection:", error.message));
  const channel = await connection.createChannel();
  // The exchange is matchwire's; to declare it as it is does no harm, and lets
  // this program start first. The queue is ours: durable, so that it keeps
  // what comes while no consumer listens.
  await channel.assertExchange(exchange, "topic", { durable: true });
  await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum", "x-max-length-bytes": 1 << 28 } });
  await channel.bindQueue(queue, exchange, "*.*.goal");
  await channel.prefetch(16);
  await channel.consume(queue, (message) => {
    if (!message) return;
    try {
      write(message);
    } catch (error) {
      console.error("not written:", error.message);
      return void pause(1000).then(() => channel.nack(message)).catch(() => {}); // again, after a while
    }
    channel.ack(message);
  });
  console.error("listening");
  await lost;
}

for (;;) {
  try {
    await consume();
  } catch (error) {
    console.error("no connection:", error.message);
  }
  await pause(1000 + Math.random() * 1000);
}
