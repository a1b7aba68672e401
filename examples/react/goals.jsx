// The page of ../web in React. It shows the matches in play, with a line for each goal, correction and retraction.
//
// http://localhost:8080 is the address of the matchwire server, here and in index.html.

import { memo, StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { follow } from "matchwire/live.js";
import { Matches } from "matchwire/matches.js";
import "../web/goals.css";

// useStream follows the stream while the component is on the page. It returns the states of the matches and the state
// of the connection.
function useStream() {
  const [list, setList] = useState([]);
  const [connection, setConnection] = useState({ name: "connecting", seconds: 0, reason: "" });
  useEffect(() => {
    const matches = new Matches();
    const stream = follow("http://localhost:8080/ws", {
      topics: ["soccer.#", "ice_hockey.#"],
      snapshot(all) {
        matches.replace(all);
        setList(matches.list());
      },
      event(event) {
        if (matches.apply(event)) setList(matches.list());
      },
      state: (name, seconds, reason) => setConnection({ name, seconds, reason }),
    });
    return () => stream.close();
  }, []);
  return [list, connection];
}

function Page() {
  const [list, connection] = useStream();
  const playing = list.filter((m) => ["live", "break", "interrupted"].includes(m.match.status));
  return <>
    <h1>Goals</h1>
    <p id="connection" role="status"><Connection {...connection} /></p>
    <div id="matches">
      {playing.length ? playing.map((m) => <Card key={m.match.id} state={m} />) : <p>No match is in play.</p>}
    </div>
  </>;
}

function Connection({ name, seconds, reason }) {
  switch (name) {
    case "live": return "Live";
    case "connecting": return "Connecting…";
    case "waiting": return `Not connected${reason && ": " + reason}. Scores can be out of date. Next try in ${seconds} s.`;
    case "ended": return `The server refuses the connection: ${reason}`;
  }
}

// With memo, an event draws only the card of its match, because Matches keeps the objects of all other matches.
const Card = memo(function Card({ state: { match, score, incidents, retracted = [] } }) {
  const isGoal = (incident) => incident.kind === "goal";
  return <article>
    <h2>{match.home} {score?.home ?? 0}–{score?.away ?? 0} {match.away}</h2>
    {match.stale && <p>No news since {new Date(match.stale.since).toLocaleTimeString()}: {match.stale.reason}</p>}
    <ul>
      {incidents.filter(isGoal).map((goal) => [
        <li key={goal.incident} className="goal"><Goal {...goal} /></li>,
        ...Object.entries(goal.changes ?? {}).map(([name, change]) => (
          <li key={goal.incident + name} className="correction">
            Correction: {name} {change.new || "unknown"}, not {change.old || "unknown"}
          </li>
        )),
      ])}
      {retracted.filter(isGoal).map((goal) => <li key={goal.incident} className="retraction">
        Taken back: <del><Goal {...goal} /></del> ({goal.retraction.reason ?? "no reason"})
      </li>)}
    </ul>
  </article>;
});

function Goal({ time, team, player, detail }) {
  return `${time ?? ""} ${team ?? ""}: ${player || "scorer unknown"}${detail ? ` (${detail.replace("_", " ")})` : ""}`;
}

createRoot(document.getElementById("root")).render(<StrictMode><Page /></StrictMode>);
