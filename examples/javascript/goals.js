// A consumer that uses AMQP directly, as asyncapi.yaml describes. It appends a
// line to a file for every goal.
//
//   AMQP_URL=amqp://guest:guest@localhost:5672 node goals.js goals.txt
//
// If matchwire.yaml sets a namespace, set NAMESPACE to the same value.

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import amqp from "amqplib";

const file = process.argv[2] ?? "goals.txt";
const prefix = process.env.NAMESPACE ? process.env.NAMESPACE + "." : "";
const exchange = prefix + "live_events";
const queue = prefix + "goals.js";

// An event is delivered again if the connection was lost or this program was
// killed before the acknowledgement. So write skips events that are already in
// the file.
const written = new Set();
if (existsSync(file)) {
  for (const line of readFileSync(file, "utf8").split("\n").slice(0, -1)) written.add(line.split(" ")[1]);
}

// write appends the goal of a message to the file.
function write(message) {
  const event = JSON.parse(message.content.toString());
  if (written.has(event.id)) return;
  const { team, player, time } = event.data;
  appendFileSync(file, `${event.tid} ${event.id} ${team}: ${player}, ${time}\n`);
  written.add(event.id);
}

// consume handles events until the connection is lost.
async function consume() {
  const connection = await amqp.connect(process.env.AMQP_URL ?? "amqp://guest:guest@localhost:5672");
  const lost = new Promise((resolve) => connection.on("close", resolve));
  connection.on("error", (error) => console.error("connection:", error.message));
  const channel = await connection.createChannel();
  // matchwire declares the exchange with the same arguments. This program
  // declares the exchange too, so that it can start before matchwire. The queue
  // is durable and stores the events that arrive while this program is down.
  await channel.assertExchange(exchange, "topic", { durable: true });
  await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum", "x-max-length-bytes": 1 << 28 } });
  await channel.bindQueue(queue, exchange, "*.*.goal");
  await channel.prefetch(16);
  await channel.consume(queue, (message) => {
    if (!message) return;
    try {
      write(message);
    } catch (error) {
      console.error("cannot write the goal, retrying in a second:", error.message);
      return void pause(1000).then(() => channel.nack(message)).catch(() => {});
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
    console.error("cannot connect:", error.message);
  }
  await pause(1000 + Math.random() * 1000);
}
