// What everything here stands on: the data, elements made of text alone, numbers as people write them.

const DATA = JSON.parse(document.getElementById("data").textContent);
const PALETTE = ["#3b6fc4", "#d9822b", "#2f9e75", "#b5478f", "#7a67c7", "#b08d1f", "#3f9fb5", "#c4574c", "#7d8b3a", "#8a6f5c"];
const MINUS = "−";
const NONE = "–";

/** Return an element; texts become text nodes, so that nothing in them is ever markup. */
function el(name, about = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(about)) {
    if (key === "on") for (const [event, call] of Object.entries(value)) made.addEventListener(event, call);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function svg(name, about = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(about)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Return the numbers that report/pack.py packed. */
function unpack(packed) {
  const kind = packed.f8 === undefined ? "f4" : "f8";
  const bytes = Uint8Array.from(atob(packed[kind]), (character) => character.charCodeAt(0));
  return kind === "f8" ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
}

/** Return {values, codes}: the texts or numbers that differ, and of each row the place of its own among them. */
function unpackWords(packed) {
  return { values: packed.values, codes: unpack(packed.codes) };
}

function grouped(value, digits) {
  const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (value < 0 && /[1-9]/.test(text) ? MINUS : "") + text;
}

const FORMS = {
  share: (value) => grouped(100 * value, 1) + " %",
  percent: (value) => grouped(value, Math.abs(value) < 1 ? 3 : 2) + " %",
  ratio: (value) => grouped(value, 2),
  money: (value) => grouped(value, Math.abs(value) < 1000 ? 2 : 0),
  count: (value) => grouped(value, 0),
  days: (value) => grouped(value, 0),
  bps: (value) => grouped(value, 2) + " bps",
  seconds: (value) => (value < 60 ? grouped(value, value < 1 ? 3 : 1) + " s" : duration(value)),
  mebibytes: (value) => grouped(value, 0) + " MiB",
  plain: (value) => (Number.isInteger(value) ? grouped(value, 0) : String(Number(value.toPrecision(5))).replace("-", MINUS)),
};

function write(value, form = "plain") {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? (Number.isFinite(value) ? FORMS[form](value) : NONE) : String(value);
}

/** Return a number in few characters, for axes. */
function brief(value) {
  const size = Math.abs(value);
  const sign = value < 0 ? MINUS : "";
  if (Number.isNaN(value)) return NONE;
  for (const [unit, letter] of [[1e9, "bn"], [1e6, "m"], [1e4, "k"]]) {
    if (size >= unit) return sign + Number((size / (letter === "k" ? 1e3 : unit)).toPrecision(4)) + letter;
  }
  return sign + Number(size.toPrecision(4));
}

function duration(seconds) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = parts.findIndex(([, unit]) => seconds >= unit);
  if (first < 0) return write(seconds, "seconds");
  const [name, unit] = parts[first];
  const rest = parts[first + 1];
  const whole = Math.floor(seconds / unit);
  const more = rest ? Math.round((seconds - whole * unit) / rest[1]) : 0;
  return `${whole} ${name}` + (more ? ` ${more} ${rest[0]}` : "");
}

function day(days) {
  return new Date(days * 86400000).toISOString().slice(0, 10);
}

function clock(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}

function moment(text) {
  return text ? text.slice(0, 16).replace("T", " ") + " UTC" : NONE;
}

function plural(count, word) {
  return `${write(count, "count")} ${word}${count === 1 ? "" : "s"}`;
}

function facts(rows) {
  const list = el("dl", { class: "facts" });
  for (const [name, value, look] of rows) list.append(el("dt", {}, name), el("dd", look ? { class: look } : {}, value));
  return list;
}

function section(id, title, why, ...children) {
  return el("section", { id }, el("h2", {}, title), why ? el("p", { class: "why" }, why) : null, ...children);
}

function menu(label, options, chosen, changed) {
  const select = el("select", { on: { change: () => changed(select.value) } });
  for (const [value, text] of options) select.append(el("option", { value, selected: value === chosen }, text));
  return el("label", {}, label, select);
}

const TIP = el("div", { id: "tip" });
document.body.append(TIP);

function tip(event, text) {
  TIP.textContent = text;
  TIP.style.display = text ? "block" : "none";
  const right = event.clientX + 14 + TIP.offsetWidth < window.innerWidth;
  TIP.style.left = `${right ? event.clientX + 14 : Math.max(4, event.clientX - 14 - TIP.offsetWidth)}px`;
  TIP.style.top = `${Math.min(event.clientY + 14, window.innerHeight - TIP.offsetHeight - 6)}px`;
}

function untip() {
  TIP.style.display = "none";
}

const REDRAWN = [];

/** Call `draw` now, and whenever the page gets another width or other colours. */
function keepDrawn(draw) {
  REDRAWN.push(draw);
  draw();
}

function redraw() {
  for (const draw of REDRAWN) draw();
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

function themeButton() {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => { setTheme(dark.matches ? "dark" : "light"); redraw(); });
  const turn = () => { setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"); redraw(); };
  return el("button", { id: "theme", title: "light or dark", on: { click: turn } }, "◐");
}

let resized = 0;
window.addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(redraw, 150); });
