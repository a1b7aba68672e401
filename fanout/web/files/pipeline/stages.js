// The stages of the pipeline after the sources: the parser, the outboxes, the exchanges with their queues and consumers,
// and the fan-out nodes.
import { html, useState } from "../dist/preact.js";
import { call } from "./api.js";
import { count, numberText, rateText } from "./format.js";
import { Spark } from "./history.js";
import { mayChange } from "./session.js";
import { t } from "./words.js";

// Name is a name that breaks after a dot if it is too long for a line.
const Name = ({ name }) => name.split(".").map((part, n) => (n ? html`.<wbr />${part}` : part));

// Instances says how many processes run a part, and names them.
function Instances({ list }) {
  if (!list.length) return html`<span class="warn-text">${t("noInstance")}</span>`;
  return html`<details class="instances"><summary>${count(list.length, "instances")}${list.some((i) => i.status === "fail") && html` <span class="warn-text">fail</span>`}</summary>
    <ul>${list.map((i) => html`<li key=${i.name}>${i.name} <span class="small">${i.status}${i.rate != null ? ", " + rateText(i.rate) : i.clients != null ? ", " + count(i.clients, "sockets") : ""}</span></li>`)}</ul></details>`;
}

// Parser shows the parser and the outboxes.
export function Parser({ o }) {
  const parser = o.consumers.find((c) => c.name === "parser");
  const waiting = o.outboxes.list.reduce((sum, b) => sum + b.messages, 0);
  return html`<section class="stage parser" aria-labelledby="parser"><header><h2 id="parser">${t("parser")}</h2></header>
    <div class="part"><p class="name">${t("parser.what")}</p>
      ${parser ? html`<p class="figure">${rateText(parser.rate)} <span class="small">${t("polls")}</span></p><${Spark} series="rate parser" what=${t("polls.rate")} /><${Instances} list=${parser.instances} />`
        : html`<p class="small">${t("parser.replay")}</p>`}</div>
    <div class=${"part down" + (waiting ? " busy" : "")}><p class="name">${t("outboxes")}</p>
      <p class="figure">${numberText(waiting)} <span class="small">${t("toPublish", { n: waiting })}</span></p>
      <${Spark} series="outboxes" what=${t("toPublish.chart")} />
      ${o.outboxes.list.slice(0, 3).map((b) => html`<p key=${b.name} class="small">${b.name}: ${count(b.messages, "events")}</p>`)}</div>
  </section>`;
}

// Exchange shows an exchange, with a row for each of its queues. dead opens the dead letters of a queue. changed is
// called after an action, with its result.
export function Exchange({ o, exchange, dead, changed }) {
  const queues = o.queues.filter((q) => q.exchange === exchange.name);
  const id = "exchange-" + exchange.name;
  return html`<section class="stage exchange" aria-labelledby=${id}><header><h2 id=${id}>${exchange.name}</h2> <span class="small">${t("exchange." + exchange.type)}</span></header>
    <ul class="rows">${queues.map((q) => html`<${QueueRow} key=${q.name} q=${q} c=${o.consumers.find((c) => c.queue === q.name)} dead=${dead} changed=${changed} />`)}
      ${exchange.type === "topic" && html`<${FanoutRow} o=${o} />`}</ul>
  </section>`;
}

// QueueRow shows a queue, its consumer, its retries and its dead letters.
function QueueRow({ q, c, dead, changed }) {
  const s = q.state;
  const idle = s && s.subscribers === 0;
  return html`<li class=${"queue-row" + (c.rate > 0 ? " flows" : "")} data-queue=${q.name}>
    <p class="binding"><span class="sr">${t("boundTo")} </span>${q.bindings.map((b) => html`<code key=${b}>${b}</code> `)}</p>
    <div class=${"part queue" + (s?.messages && idle ? " busy" : "")}><h3 class="name"><${Name} name=${q.name} /></h3>
      ${s ? html`<p class="figure">${numberText(s.messages)} <span class="small">${t("queue.messages", { n: s.messages })}</span></p>`
        : html`<p class="small">${t("queue.unknown")}</p>`}
      <${Spark} series=${"messages " + q.name} what=${t("queue.chart", { queue: q.name })} /></div>
    <div class="part consumer"><p class="name"><${Name} name=${c.name} /></p>
      <p class="figure">${rateText(c.rate)} <span class="small">${t("handled", { n: numberText(c.handled) })}</span></p>
      <${Spark} series=${"rate " + c.name} what=${t("rate.chart", { consumer: c.name })} />
      <${Instances} list=${c.instances} />
      ${c.tests && mayChange() && html`<${Test} c=${c} changed=${changed} />`}</div>
    <p class="failed">${s?.retries > 0 && html`<span class="badge-retry">${count(s.retries, "retries")}</span>`}
      ${s?.dead > 0 ? html`<button type="button" class="badge-dead" aria-haspopup="dialog" onClick=${() => dead(q.name)}>${count(s.dead, "dead")}</button>`
        : s && html`<span class="small">${t("noDead")}</span>`}</p>
  </li>`;
}

// Test is the button that sends a test message through a consumer.
function Test({ c, changed }) {
  const [sending, send] = useState(false);
  const test = async () => {
    if (sending) return;
    send(true);
    try {
      const r = await call("POST", ["test", c.name], { timeout: 30e3 });
      changed(t("test.accepted", { consumer: c.name, accepted: r.accepted, n: r.recipients }) + " " + (r.reason ? t("test.refused", { reason: r.reason }) : `“${r.text}”`));
    } catch (reason) {
      changed(`${c.name}: ${reason.message}`);
    }
    send(false);
  };
  return html`<p class="buttons"><button type="button" aria-busy=${sending} aria-label=${sending ? undefined : t("of", { action: t("test"), what: c.name })} onClick=${test}>${t(sending ? "test.sending" : "test")}</button></p>`;
}

// FanoutRow shows the stream of all events, and the nodes that send it to clients.
function FanoutRow({ o }) {
  const clients = o.fanout.reduce((sum, n) => sum + n.clients, 0);
  return html`<li class=${"queue-row" + (clients ? " flows" : "")} data-queue=${o.log}>
    <p class="binding"><span class="sr">${t("boundTo")} </span><code>#</code></p>
    <div class="part queue"><h3 class="name"><${Name} name=${o.log} /></h3><p class="small">${t("log")}</p></div>
    <div class="part consumer"><p class="name">fanout</p><p class="figure">${numberText(clients)} <span class="small">${t("sockets", { n: clients })}</span></p>
      <${Spark} series="clients" what=${t("sockets.chart")} /><${Instances} list=${o.fanout} /></div>
    <p class="failed"><span class="small">WebSocket, SSE</span></p>
  </li>`;
}
