// What a bell sounds like. Only a page that wants to hear it loads this.

export const MUTED = "orderbell muted";
const APART = 2000;

/** Once, though several tabs are open. `file` where it is not to be our own. */
export function ring(id, file) {
  if (localStorage.getItem(MUTED)) return;
  const sound = async (lock) => {
    if (!lock) return;
    if (file)
      new Audio(file).play().catch(() => null); // not before somebody has clicked on the page
    else chime();
    await new Promise((done) => setTimeout(done, APART));
  };
  if (navigator.locks) navigator.locks.request(`orderbell ${id}`, { ifAvailable: true }, sound);
  else sound(true);
}

/** Two notes, made here: no file, and nothing that a Content-Security-Policy must allow. */
function chime() {
  const audio = new AudioContext();
  for (const [number, pitch] of [660, 880].entries()) {
    const tone = new OscillatorNode(audio, { frequency: pitch });
    const loudness = new GainNode(audio, { gain: 0.12 });
    const at = audio.currentTime + number / 8;
    loudness.gain.setTargetAtTime(0, at, 0.1);
    tone.connect(loudness).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.5);
  }
}
