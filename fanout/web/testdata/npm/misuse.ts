// Each line after a @ts-expect-error is a wrong use of the package. The compiler reports a directive whose line has no error.
import { follow } from "matchwire/live.js";
import { apply, Matches } from "matchwire/matches.js";
// @ts-expect-error: live.js has no such function
import { connect } from "matchwire/live.js";
// @ts-expect-error: the package does not export its other files
import { signal } from "matchwire/dist/preact.js";

// @ts-expect-error: the URL is missing
follow();
// @ts-expect-error: topics is a list
follow("/ws", { topics: "soccer.mls.*" });
// @ts-expect-error: the option is topics
follow("/ws", { topic: ["soccer.mls.*"] });
// @ts-expect-error: the delay is a number
follow("/ws", { delay: "30s" });
// @ts-expect-error: a snapshot has a list of matches
follow("/ws", { snapshot: (match: { id: string }) => match.id });
// @ts-expect-error: no state has this name
follow("/ws", { state: (name) => name === "closed" });

const stream = follow("/ws");
// @ts-expect-error: the stream sets the cursor
stream.cursor = "";
// @ts-expect-error: a filter has lists
stream.subscribe(["soccer.mls.*"]);

const matches = new Matches();
const event = { id: "1", type: "soccer.mls.goal", time: "2016-11-06T23:41:40Z", tid: "2", data: {} };
// @ts-expect-error: replace needs a list
matches.replace();
// @ts-expect-error: a text is not an event
matches.apply("soccer.mls.goal");
// @ts-expect-error: an event can change nothing
matches.apply(event).score;
// @ts-expect-error: the match may be unknown
matches.get("mls-42").score;
// @ts-expect-error: the score may be unknown
matches.list()[0].score.home;
// @ts-expect-error: size is computed
matches.size = 0;
// @ts-expect-error: apply needs the state before the event
apply(event);
