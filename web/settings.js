// What a person chooses: devices, pauses, quiet hours, and what is sent where. Loaded when it is looked at.
import { button, el, pictured } from "./order-bell.js";
import { disablePush, enablePush, pushSubscription, pushSupported } from "./push.js";
import { MUTED } from "./sound.js";

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
.choices { padding: 0 16px 16px; outline: none; }
.choices > * { padding-block: 12px; }
.choices > * + * { border-block-start: 1px solid var(--line); }
small { display: block; white-space: normal; }
h3 { font-weight: 600; }
.switch { display: flex; gap: 14px; align-items: center; cursor: pointer; }
.switch span { flex: 1; font-weight: 600; }
.switch small { font-weight: 400; }
input { accent-color: var(--accent); }
[role=switch] { appearance: none; width: 38px; height: 22px; border-radius: 99px; background: light-dark(#878e9b, #666e7d); flex: none; cursor: pointer; }
[role=switch]::before { content: ""; display: block; width: 16px; height: 16px; margin: 3px; border-radius: 50%; background: #fff; }
[role=switch]:checked { background: var(--accent); }
[role=switch]:checked::before { margin-inline-start: 19px; background: var(--bg); }
section .chip { margin-block-start: 6px; margin-inline-end: 6px; }
.choices li { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; padding-block: 8px; }
.choices li:hover { background: none; }
.choices li > .icon { margin-inline-start: auto; }
.choices .link { margin-inline-end: 14px; }
input[type=time] { background: var(--bg); border: 1px solid var(--line); border-radius: 8px; padding: 3px 6px; }
.days { display: flex; gap: 4px; flex-basis: 100%; }
.day { width: 30px; height: 30px; border-radius: 50%; border: 1px solid var(--line); font-size: 12.5px; text-align: center; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 6px 4px; text-align: center; vertical-align: middle; }
tr:first-child th { font-size: 12.5px; color: var(--dim); }
th[scope=row] { text-align: start; padding-inline-start: 0; }
td input { width: 18px; height: 18px; vertical-align: middle; }
`);
const WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONDAY = Date.UTC(2024, 0, 1);
const DAY = 86_400_000;

export class Settings {
  element = el("div", { className: "choices", tabIndex: -1 });
  #last = Promise.resolve();

  /** `push`: what enablePush takes, or null; `sounds`: whether the bell does. */
  constructor(client, words, push, sounds) {
    Object.assign(this, { client, words, push, sounds });
    this.#load();
  }

  /** One change after the other: each is answered with what holds, and shown unless there is another to come. */
  #load(...request) {
    const asked = this.#last.catch(() => {}).then(() => this.#ask(() => asked === this.#last, ...request));
    this.#last = asked;
    return asked;
  }

  async #ask(isLast, method = "GET", path = "", body = undefined) {
    const { t, words, spoken } = this.words;
    Object.assign(words, (await import(`./settings.${spoken}.js`)).words);
    const root = this.element.getRootNode();
    root.adoptedStyleSheets = [...new Set([...root.adoptedStyleSheets, sheet])];
    let shown;
    try {
      const settings = await this.client.request(method, `api/settings${path}`, body);
      shown = [...(await this.#device()), ...this.#rest(settings)];
    } catch {
      shown = [
        el(
          "div",
          { className: "note" },
          t("failed"),
          button(t("again"), () => this.#load()),
        ),
      ];
    }
    if (!isLast()) return;
    // The focus stays where it is, unless somebody has gone on meanwhile.
    const before = root.activeElement;
    const here = this.element.contains(before);
    this.element.replaceChildren(...shown);
    if (here) (this.element.querySelector(`[data-at="${before.dataset.at}"]`) ?? this.element).focus();
  }

  async #device() {
    const { push } = this;
    const parts = [];
    if (push && pushSupported()) {
      const denied = Notification.permission === "denied";
      const set = async (on) => {
        await (on ? enablePush : disablePush)(push).catch(() => null);
        await this.#load();
      };
      parts.push(
        this.#switch("push", Boolean(await pushSubscription()), set, denied ? "pushDenied" : "pushHint", denied),
      );
    }
    const sound = (on) => (on ? localStorage.removeItem(MUTED) : localStorage.setItem(MUTED, "1"));
    if (this.sounds) parts.push(this.#switch("sound", !localStorage.getItem(MUTED), sound));
    return parts;
  }

  #rest({
    do_not_disturb: dnd,
    snoozed_until: until,
    quiet_hours: quiet,
    time_zone: zone,
    preferences,
    not_declined: kept,
  }) {
    const disturb = (on) => this.#load("PATCH", "", { do_not_disturb: on });
    return [
      this.#switch("dnd", dnd, disturb, "dndHint"),
      this.#snooze(until),
      this.#quiet(quiet, zone),
      this.#matrix(preferences, kept),
    ];
  }

  #switch(name, checked, set, hint, disabled = false) {
    const { t } = this.words;
    const input = el("input", {
      type: "checkbox",
      role: "switch",
      checked,
      disabled,
      onchange: () => set(input.checked),
    });
    input.dataset.at = name;
    return el(
      "label",
      { className: "switch" },
      el("span", {}, t(name), hint && el("small", { textContent: t(hint) })),
      input,
    );
  }

  #section(name, hint, ...children) {
    const { t } = this.words;
    return el(
      "section",
      {},
      el("h3", { textContent: t(name) }),
      hint && el("small", { textContent: hint }),
      ...children,
    );
  }

  #snooze(until) {
    const { t, date } = this.words;
    if (until) {
      const paused = t("snoozed", date(until, { weekday: "short", hour: "numeric", minute: "2-digit" }));
      return this.#section(
        "snooze",
        paused,
        button(t("resume"), () => this.#load("DELETE", "/snooze"), { className: "chip" }),
      );
    }
    const chip = (text, body) => button(text, () => this.#load("POST", "/snooze", body()), { className: "chip" });
    const morning = () => ({ until: new Date(new Date().setHours(32, 0, 0, 0)) }); // eight o'clock of the next day
    const hours = [1, 3, 8].map((number) => chip(t("hours", number), () => ({ minutes: number * 60 })));
    return this.#section("snooze", null, ...hours, chip(t("morning"), morning));
  }

  #quiet({ windows, own }, { value: zone }) {
    const { t, date } = this.words;
    // As it is chosen, not as it was answered: somebody may choose again before the answer comes.
    let chosen = windows.map((window) => ({ ...window }));
    const put = (changed) => {
      chosen = changed ?? chosen;
      return this.#load("PUT", "/quiet-hours", { windows: structuredClone(changed) });
    };
    const rows = chosen.map((window) => {
      const change = (fields) => {
        Object.assign(window, fields);
        return put(chosen);
      };
      const clock = (edge, name) =>
        el("input", {
          type: "time",
          value: window[edge].replace("24:", "00:"),
          ariaLabel: t(name),
          onchange: ({ target: { value } }) => value && change({ [edge]: value }),
        });
      const days = WEEK.map((day, index) => {
        const called = (weekday) => date(MONDAY + index * DAY, { weekday, timeZone: "UTC" });
        const on = window.days.includes(day);
        const toggle = () => {
          const days = WEEK.filter((one) => (one === day) !== window.days.includes(one));
          return days.length && change({ days });
        };
        return button(called("narrow"), toggle, { className: "day", ariaLabel: called("long"), ariaPressed: on });
      });
      const remove = pictured("delete", t("remove"), () => put(chosen.filter((one) => one !== window)));
      return el(
        "li",
        {},
        clock("start", "from"),
        t("to"),
        clock("end", "to"),
        remove,
        el("div", { className: "days" }, ...days),
      );
    });
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return this.#section(
      "quiet",
      t("quietHint"),
      el("ul", { role: "list" }, ...rows),
      button(t("add"), () => put([...chosen, { start: "22:00", end: "07:00", days: WEEK }])),
      own && button(t("standard"), () => put(null)),
      el("small", { textContent: t("zone", zone) }),
      zone !== here && button(t("use", here), () => this.#load("PATCH", "", { time_zone: here })),
    );
  }

  #matrix(preferences, kept) {
    const { t } = this.words;
    const channels = new Set(preferences.map(({ channel }) => channel));
    const box = ({ category, channel, enabled }) => {
      const set = () => this.#load("PUT", "/preferences", [{ category, channel, enabled: input.checked }]);
      const name = `${t(category)}: ${t(channel)}`;
      const input = el("input", {
        type: "checkbox",
        checked: enabled,
        disabled: enabled && kept.includes(category),
        ariaLabel: name,
        onchange: set,
      });
      input.dataset.at = `${category} ${channel}`;
      return el("td", {}, input);
    };
    const rows = [...new Set(preferences.map(({ category }) => category))].map((category) =>
      el(
        "tr",
        {},
        el("th", { scope: "row", textContent: t(category) }),
        ...preferences.filter((one) => one.category === category).map(box),
      ),
    );
    return this.#section(
      "channels",
      null,
      el(
        "table",
        { ariaLabel: t("channels") },
        el("tr", {}, el("td"), ...[...channels].map((channel) => el("th", { scope: "col", textContent: t(channel) }))),
        ...rows,
      ),
    );
  }
}
