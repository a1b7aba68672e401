// situation describes the state of play in plain words, as the page of the latest event showed
// it. It returns "" if the match is not in play, or if nothing is known.
export function situation(m) {
  const s = m.match.situation;
  const playing = ["live", "interrupted", "suspended"].includes(m.match.status) || (m.match.status === "break" && m.sport === "cricket");
  if (!s || !playing || m.match.stale) return "";
  const team = (side) => m.match[side];
  const text = [
    s.points && points(s.points, team),
    s.serving && team(s.serving) + " serves",
    s.batting && team(s.batting) + " batting",
    s.balls != null && count(s.balls, "ball"),
    s.strikes != null && count(s.strikes, "strike"),
    s.outs != null && count(s.outs, "out"),
    s.bases && runners(s.bases),
    s.down && down(s),
    s.ball_on && !s.down && "ball on " + s.ball_on,
    s.target && "target " + s.target,
    s.required_rate && `needs ${s.required_rate} an over`,
    s.power_play && `power play ${team(s.power_play)}${s.strength ? " " + dashed(s.strength) : ""}`,
    s.strength && !s.power_play && dashed(s.strength) + " on the ice",
    s.possession && "ball with " + team(s.possession),
  ].filter(Boolean).join(", ");
  return text && text[0].toUpperCase() + text.slice(1);
}

// nth returns an ordinal number, such as 2nd.
export const nth = (i) => i + ({ 1: "st", 2: "nd", 3: "rd" }[i > 10 && i < 20 ? 0 : i % 10] ?? "th");

const count = (n, noun) => n + " " + noun + (n === 1 ? "" : "s");

const dashed = (s) => s.replace("-", "–");

// runners returns the occupied bases, such as runners on 1st and 3rd.
function runners(bases) {
  switch (bases.length) {
    case 0: return "bases empty";
    case 1: return "runner on " + nth(bases[0]);
    case 3: return "bases loaded";
    default: return "runners on " + bases.map(nth).join(" and ");
  }
}

// down returns the down, the distance and where the ball is, such as 3rd & 7 at KC 35 or 1st & goal.
const down = (s) => nth(s.down) + (s.goal_to_go ? " & goal" : s.distance ? " & " + s.distance : " down") + (s.ball_on ? " at " + s.ball_on : "");

// points returns the points in a game of tennis.
function points({ home, away }, team) {
  if (home === "A") return "advantage " + team("home");
  if (away === "A") return "advantage " + team("away");
  return home === "40" && away === "40" ? "deuce" : home + "–" + away;
}
