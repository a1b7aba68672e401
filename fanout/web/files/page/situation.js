// situation describes the state of play in plain words, as the page of the latest event showed
// it. It returns "" if the match is not in play, or if nothing is known.
import { capital, t } from "./words.js";

export function situation(m) {
  const s = m.match.situation;
  const playing = ["live", "interrupted", "suspended"].includes(m.match.status) || (m.match.status === "break" && m.sport === "cricket");
  if (!s || !playing || m.match.stale) return "";
  const team = (side) => m.match[side];
  return capital([
    s.points && points(s.points, team),
    s.serving && t("serves", { team: team(s.serving) }),
    s.batting && t("batting", { team: team(s.batting) }),
    s.balls != null && t("balls", { n: s.balls }),
    s.strikes != null && t("strikes", { n: s.strikes }),
    s.outs != null && t("outs", { n: s.outs }),
    s.bases && t("bases." + s.bases.length, { bases: s.bases.map((b) => t("base." + b)).join(t("and")) }),
    s.down && down(s),
    s.ball_on && !s.down && t("ballOn", { place: s.ball_on }),
    s.target && t("target", { n: s.target }),
    s.required_rate && t("rate", { n: s.required_rate }),
    s.power_play && t("powerPlay", { team: team(s.power_play) }) + (s.strength ? " " + dashed(s.strength) : ""),
    s.strength && !s.power_play && t("onIce", { strength: dashed(s.strength) }),
    s.possession && t("possession", { team: team(s.possession) }),
  ].filter(Boolean).join(", "));
}

const dashed = (s) => s.replace("-", "–");

// down returns the down, the distance and where the ball is, such as 3rd & 7 at KC 35 or 1st & goal.
function down(s) {
  const distance = s.goal_to_go ? t("goal") : s.distance;
  const which = t("down." + s.down);
  const text = distance ? t("down.distance", { down: which, distance }) : t("down", { down: which });
  return text + (s.ball_on ? " " + t("ballAt", { place: s.ball_on }) : "");
}

// points returns the points in a game of tennis.
function points({ home, away }, team) {
  if (home === "A") return t("advantage", { team: team("home") });
  if (away === "A") return t("advantage", { team: team("away") });
  return home === "40" && away === "40" ? t("deuce") : home + "–" + away;
}
