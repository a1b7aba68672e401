// A page with the matches in play. It shows a line for each goal, correction and retraction.
//
// http://localhost:8080 is the address of the matchwire server, here and in index.html.

import { follow } from "http://localhost:8080/live.js";
import { Matches } from "http://localhost:8080/matches.js";

const matches = new Matches(); // the state of all matches

follow("http://localhost:8080/ws", {
  topics: ["soccer.#", "ice_hockey.#"],
  snapshot(list) {
    matches.replace(list);
    drawSoon();
  },
  event(event) {
    if (matches.apply(event)) drawSoon();
  },
  state(name, seconds, reason) {
    document.getElementById("connection").textContent = connectionText(name, seconds, reason);
  },
});

function connectionText(name, seconds, reason) {
  switch (name) {
    case "live": return "Live";
    case "connecting": return "Connecting…";
    case "waiting": return `Not connected${reason && ": " + reason}. Scores can be out of date. Next try in ${seconds} s.`;
    case "ended": return `The server refuses the connection: ${reason}`;
  }
}

let waits = false; // whether draw will be called

// drawSoon draws the matches at the next frame of the screen, with all events that arrive until then.
function drawSoon() {
  if (!waits) requestAnimationFrame(draw);
  waits = true;
}

function draw() {
  waits = false;
  const playing = matches.list().filter((m) => ["live", "break", "interrupted"].includes(m.match.status));
  const cards = playing.length ? playing.map(card) : [element("p", "", "No match is in play.")];
  document.getElementById("matches").replaceChildren(...cards);
}

function card({ match, score, incidents, retracted = [] }) {
  const isGoal = (incident) => incident.kind === "goal";
  const lines = incidents.filter(isGoal).flatMap((goal) => [
    element("li", "goal", goalText(goal)),
    ...Object.entries(goal.changes ?? {}).map(([name, change]) => element("li", "correction", changeText(name, change))),
  ]);
  for (const goal of retracted.filter(isGoal)) {
    const reason = ` (${goal.retraction.reason ?? "no reason"})`;
    lines.push(element("li", "retraction", "Taken back: ", element("del", "", goalText(goal)), reason));
  }
  const title = `${match.home} ${score?.home ?? 0}–${score?.away ?? 0} ${match.away}`;
  const stale = match.stale ? [element("p", "", staleText(match.stale))] : [];
  return element("article", "", element("h2", "", title), ...stale, element("ul", "", ...lines));
}

function goalText({ time, team, player, detail }) {
  return `${time ?? ""} ${team ?? ""}: ${player || "scorer unknown"}${detail ? ` (${detail.replace("_", " ")})` : ""}`;
}

function changeText(name, change) {
  return `Correction: ${name} ${change.new || "unknown"}, not ${change.old || "unknown"}`;
}

function staleText({ since, reason }) {
  return `No news since ${new Date(since).toLocaleTimeString()}: ${reason}`;
}

// element returns an element with children. Strings become text, never HTML, because the names in events come from
// pages of other sites.
function element(name, className, ...children) {
  const e = document.createElement(name);
  e.className = className;
  e.append(...children);
  return e;
}
