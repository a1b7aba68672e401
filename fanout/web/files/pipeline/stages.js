// The stages of the pipeline after the sources: the parser, the outboxes, the exchanges with their queues and consumers,
// and the fan-out nodes.
import { html } from "../dist/preact.js";
import { plural, rateText } from "./format.js";
import { Spark } from "./history.js";

// Instances says how many processes run a part, and names them.
function Instances({ list }) {
  if (!list.length) return html`<span class="warn-text">no instance</span>`;
  return html`<details class="instances"><summary>${plural(list.length, "instance")}${list.some((i) => i.status === "fail") && html` <span class="warn-text">fail</span>`}</summary>
    <ul>${list.map((i) => html`<li key=${i.name}>${i.name} <span class="small">${i.status}${i.rate != null ? ", " + rateText(i.rate) : i.clients != null ? ", " + plural(i.clients, "socket") : ""}</span></li>`)}</ul></details>`;
}

// Parser shows the parser and the outboxes.
export function Parser({ o }) {
  const parser = o.consumers.find((c) => c.name === "parser");
  const waiting = o.outboxes.list.reduce((sum, b) => sum + b.messages, 0);
  return html`<section class="stage parser" aria-labelledby="parser"><header><h2 id="parser">Parser</h2></header>
    <div class="part"><p class="name">Pages to events</p>
      ${parser ? html`<p class="figure">${rateText(parser.rate)} <span class="small">polls</span></p><${Spark} series="rate parser" what="Polls per second" /><${Instances} list=${parser.instances} />`
        : html`<p class="small">plays a recording</p>`}</div>
    <div class=${"part down" + (waiting ? " busy" : "")}><p class="name">Outboxes</p>
      <p class="figure">${waiting.toLocaleString("en")} <span class="small">${waiting === 1 ? "event" : "events"} to publish</span></p>
      <${Spark} series="outboxes" what="Events to publish" />
      ${o.outboxes.list.slice(0, 3).map((b) => html`<p key=${b.name} class="small">${b.name}: ${plural(b.messages, "event")}</p>`)}</div>
  </section>`;
}

// Exchange shows an exchange, with a row for each of its queues. dead opens the dead letters of a queue.
export function Exchange({ o, exchange, dead }) {
  const queues = o.queues.filter((q) => q.exchange === exchange.name);
  const id = "exchange-" + exchange.name;
  return html`<section class="stage exchange" aria-labelledby=${id}><header><h2 id=${id}>${exchange.name}</h2> <span class="small">${exchange.type} exchange</span></header>
    <ul class="rows">${queues.map((q) => html`<${QueueRow} key=${q.name} q=${q} c=${o.consumers.find((c) => c.queue === q.name)} dead=${dead} />`)}
      ${exchange.type === "topic" && html`<${FanoutRow} o=${o} />`}</ul>
  </section>`;
}

// QueueRow shows a queue, its consumer, its retries and its dead letters.
function QueueRow({ q, c, dead }) {
  const s = q.state;
  const idle = s && s.subscribers === 0;
  return html`<li class=${"queue-row" + (c.rate > 0 ? " flows" : "")} data-queue=${q.name}>
    <p class="binding"><span class="sr">Bound to </span>${q.bindings.map((b) => html`<code key=${b}>${b}</code> `)}</p>
    <div class=${"part queue" + (s?.messages && idle ? " busy" : "")}><h3 class="name">${q.name}</h3>
      ${s ? html`<p class="figure">${s.messages.toLocaleString("en")} <span class="small">${s.messages === 1 ? "message" : "messages"}</span></p>`
        : html`<p class="small">no queue yet, or its state is unknown</p>`}
      <${Spark} series=${"messages " + q.name} what=${"Messages in " + q.name} /></div>
    <div class="part consumer"><p class="name">${c.name}</p>
      <p class="figure">${rateText(c.rate)} <span class="small">${c.handled.toLocaleString("en")} handled</span></p>
      <${Spark} series=${"rate " + c.name} what=${"Messages per second of " + c.name} />
      <${Instances} list=${c.instances} /></div>
    <p class="failed">${s?.retries > 0 && html`<span class="badge-retry">${plural(s.retries, "retry").replace("retrys", "retries")}</span>`}
      ${s?.dead > 0 ? html`<button type="button" class="badge-dead" aria-haspopup="dialog" onClick=${() => dead(q.name)}>${plural(s.dead, "dead letter")}</button>`
        : s && html`<span class="small">no dead letters</span>`}</p>
  </li>`;
}

// FanoutRow shows the stream of all events, and the nodes that send it to clients.
function FanoutRow({ o }) {
  const clients = o.fanout.reduce((sum, n) => sum + n.clients, 0);
  return html`<li class=${"queue-row" + (clients ? " flows" : "")} data-queue=${o.log}>
    <p class="binding"><span class="sr">Bound to </span><code>#</code></p>
    <div class="part queue"><h3 class="name">${o.log}</h3><p class="small">stream with all events</p></div>
    <div class="part consumer"><p class="name">fanout</p><p class="figure">${clients.toLocaleString("en")} <span class="small">${clients === 1 ? "socket" : "sockets"}</span></p>
      <${Spark} series="clients" what="Sockets" /><${Instances} list=${o.fanout} /></div>
    <p class="failed"><span class="small">WebSocket, SSE</span></p>
  </li>`;
}
