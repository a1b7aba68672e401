// How the page is noticed in the background: the count in the title and in the icon, and a sound.
import { isGoal } from "./incidents.js";
import { settings } from "./settings.js";
import { t } from "./words.js";

let count = 0;
let place = ""; // what the page shows, or "" for the list

// notice counts the goals among the news while the page is hidden, and plays the sound if the reader wants it. If the
// reader has hidden the scores, a goal is not noticed.
export function notice(news) {
  const goals = news.filter(({ event }) => event.data.action === "new" && isGoal(event.data)).length;
  if (!goals || settings.peek().scores === "hidden") return;
  if (settings.peek().sound) play();
  if (document.hidden) show(count + goals);
}

// show shows a count in the title and in the icon. The server draws the icon.
function show(n) {
  count = n;
  showTitle();
  document.querySelector("link[rel=icon]").href = "icon.svg" + (n ? "?n=" + Math.min(n, 10) : "");
}

function showTitle() {
  document.title = (count ? `(${count}) ` : "") + (place && place + " · ") + t("title");
}

// named sets what the page shows, for its title.
export function named(name) {
  place = name;
  showTitle();
}

export const seen = () => document.hidden || show(0);

let audio;

// play plays two short tones. A browser allows it only after a click in the page.
export function play() {
  try {
    audio ??= new AudioContext();
    [660, 880].forEach((frequency, n) => {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      const at = audio.currentTime + n * 0.14;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.12, at);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.25);
      tone.connect(volume).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.3);
    });
  } catch { // this browser plays no sound
  }
}
