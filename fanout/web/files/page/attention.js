// How the page is noticed in the background: the count in the title and in the icon, and a sound.
import { isGoal } from "./incidents.js";
import { settings } from "./settings.js";
import { t } from "./words.js";

let count = 0;

// notice counts the goals among the news while the page is hidden, and plays the sound if the reader wants it.
export function notice(news) {
  const goals = news.filter(({ event }) => event.data.action === "new" && isGoal(event.data)).length;
  if (!goals) return;
  if (settings.peek().sound) play();
  if (document.hidden) show(count + goals);
}

// show shows a count in the title and in the icon. The server draws the icon.
function show(n) {
  count = n;
  document.title = (n ? `(${n}) ` : "") + t("title");
  document.querySelector("link[rel=icon]").href = "icon.svg" + (n ? "?n=" + Math.min(n, 10) : "");
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
