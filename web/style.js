// Adopted: no 'unsafe-inline' is needed.
export const sheet = globalThis.CSSStyleSheet && new CSSStyleSheet();
sheet?.replaceSync(`
:host { display: inline-block; color-scheme: light dark; font: 14px/1.45 var(--ob-font, system-ui, sans-serif); }
:host([theme=light]) { color-scheme: light; }
:host([theme=dark]) { color-scheme: dark; }
:host([page]) { display: block; }
:host([hidden]), [hidden] { display: none !important; }
.root {
  --accent: var(--ob-accent, light-dark(#4338ca, #a5b4fc));
  --bg: var(--ob-background, light-dark(#fff, #17191f));
  --text: var(--ob-text, light-dark(#15181e, #eceef2));
  --dim: var(--ob-dim, light-dark(#59606d, #a2a9b8));
  --line: var(--ob-line, light-dark(#e3e6ec, #2c303a));
  --soft: var(--ob-hover, light-dark(#f3f4f7, #22252d));
  --alert: var(--ob-badge, #d1242f);
  --radius: var(--ob-radius, 14px);
  display: contents; color: var(--text);
}
* { box-sizing: border-box; margin: 0; font: inherit; color: inherit; }
button, a { background: none; border: 0; padding: 0; text-align: start; text-decoration: none; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
svg { width: 20px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
h2 { font-size: 16px; font-weight: 650; white-space: nowrap; margin-inline-end: 10px; }
b { font-weight: 600; }
b, p { overflow-wrap: anywhere; unicode-bidi: plaintext; }
[dir=rtl] :is(b, p) { text-align: right; }
small, time, #state { font-size: 12.5px; color: var(--dim); white-space: nowrap; }
ul { list-style: none; padding: 0; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.icon, .bell { display: grid; place-items: center; flex: none; border-radius: 9px; width: 34px; height: 34px; color: var(--dim); }
.icon:hover, .bell:hover, .chip:hover { background: var(--soft); color: var(--text); }
.icon svg { width: 18px; }
.link { color: var(--accent); font-weight: 600; font-size: 13px; }
.chip { padding: 4px 11px; border: 1px solid var(--line); border-radius: 99px; font-size: 13px; white-space: nowrap; }
[aria-pressed=true] { background: var(--accent) !important; border-color: var(--accent); color: var(--bg) !important; }

.bell { position: relative; width: var(--ob-size, 40px); height: var(--ob-size, 40px); border-radius: 50%; color: var(--ob-icon, var(--text)); }
.bell svg { width: 58%; }
.badge { position: absolute; inset-block-start: 0; inset-inline-start: 52%; min-width: 18px; padding: 0 5px; border-radius: 9px; background: var(--alert); color: #fff; font: 700 11px/18px system-ui, sans-serif; text-align: center; }
.badge:empty { display: none; }
.root:not(.live) .bell::after { content: ""; position: absolute; inset-block-end: 6px; inset-inline-end: 6px; width: 9px; height: 9px; border-radius: 50%; background: var(--dim); border: 2px solid var(--bg); animation: late 3s; }
#state { flex: 1; overflow: hidden; text-overflow: ellipsis; animation: late 3s; }
.live #state { clip-path: inset(50%); }
@keyframes late { from, 99% { visibility: hidden; } }

.panel, .toast { background: var(--bg); color: var(--text); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: 0 10px 36px rgb(0 0 0 / 20%); }
.panel { inset: auto; padding: 0; width: min(var(--ob-width, 400px), 100vw - 16px); max-height: 640px; overflow: hidden; outline: none; }
.panel:popover-open, .panel:not([popover]) { display: flex; flex-direction: column; }
.panel:not([popover]) { width: auto; height: 100%; max-height: none; box-shadow: none; }
header, .banner { display: flex; align-items: center; gap: 2px; padding: 8px; padding-inline-start: 16px; }
header .badge { position: static; }
header .back { margin-inline-start: -8px; }
[dir=rtl] .back svg { transform: scaleX(-1); }
.inbox, .choices { overflow: auto; overscroll-behavior: contain; flex: 1; min-height: 0; }
.filters { display: flex; align-items: center; gap: 6px; padding: 6px 14px 10px; position: sticky; inset-block-start: 0; background: var(--bg); z-index: 1; border-block-end: 1px solid var(--line); }
select { margin-inline-start: auto; min-width: 0; padding: 4px 8px; background: var(--bg); border: 1px solid var(--line); border-radius: 99px; font-size: 13px; }

.inbox li { position: relative; border-block-end: 1px solid var(--line); }
.inbox .main { display: grid; grid-template-columns: 1fr auto; gap: 1px 10px; width: 100%; padding: 11px 16px; padding-inline-start: 30px; }
.main:focus-visible { outline-offset: -3px; }
.main p { grid-column: 1 / -1; color: var(--dim); white-space: pre-line; }
.main .link { grid-column: 1 / -1; padding-block-start: 3px; }
.inbox b { font-weight: 500; }
.unread { background: color-mix(in srgb, var(--accent) 6%, transparent); }
.unread b { font-weight: 650; }
.unread::before { content: ""; position: absolute; inset-block-start: 17px; inset-inline-start: 13px; width: 8px; height: 8px; border-radius: 50%; background: var(--accent); }
.urgent::before { background: var(--alert); }
:not(.unread) > .main .sr { display: none; }
.acts { display: flex; justify-content: end; padding: 0 8px 4px; margin-block-start: -8px; }
.main:has(.link) + .acts { margin-block-start: -40px; margin-inline-start: 50%; }
.acts .icon { width: 44px; height: 36px; }
@media (hover: hover) {
  li:hover { background: var(--soft); }
  .acts { position: absolute; inset-block-start: 6px; inset-inline-end: 8px; margin: 0 !important; padding: 0; background: var(--bg); border: 1px solid var(--line); border-radius: 10px; opacity: 0; }
  .acts .icon { width: 34px; height: 28px; }
  li:hover .acts, .acts:focus-within, .main:focus-visible + .acts { opacity: 1; }
}
.note:not(:empty) { display: grid; justify-items: center; gap: 10px; padding: 44px 20px; color: var(--dim); }
.note svg { width: 38px; stroke-width: 1.2; }
.end { min-height: 1px; text-align: center; color: var(--dim); }

.banner { align-items: start; background: var(--soft); border-block-end: 1px solid var(--line); border-inline-start: 3px solid var(--accent); }
.banner :first-child { flex: 1; }
.warning { border-inline-start-color: #d97706; }
.critical { border-inline-start-color: var(--alert); }

.toasts { inset: auto; inset-block-end: 16px; inset-inline-end: 16px; width: min(370px, 100vw - 32px); border: 0; padding: 0; background: none; overflow: visible; }
.toast { display: flex; gap: 12px; align-items: start; margin-block-start: 10px; padding: 12px 8px; padding-inline-start: 14px; animation: come .25s; }
.toast > svg { color: var(--accent); }
.urgent > svg { color: var(--alert); }
.toast .main { flex: 1; min-width: 0; }
@keyframes come { from { opacity: 0; transform: translateY(12px); } }
@media (prefers-reduced-motion) { .toast { animation: none; } }
@media (max-width: 480px) { .panel[popover] { inset: 0 !important; width: 100%; height: 100%; max-height: none !important; border: 0; border-radius: 0; } }
`);
