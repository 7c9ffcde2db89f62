// The page of one run: its fills over the price, equity, where the P&L comes from, its jobs, its origin.

const RUN_DAYS = unpack(DATA.days.days);
const OF_SECURITY = DATA.days.securities.map((one) => ({ name: one.name, pnl: unpack(one.pnl) }));

function together() {
  const sum = new Float64Array(RUN_DAYS.length);
  for (const one of OF_SECURITY) one.pnl.forEach((value, at) => { sum[at] += value; });
  return sum;
}

function equityOf(pnl) {
  let total = DATA.days.capital;
  return Float64Array.from(pnl, (value) => (total += value));
}

function head() {
  const line = [DATA.status, DATA.batch === null ? null : `run ${DATA.number} of ${DATA.batch}`].filter(Boolean).join(" · ");
  return el("div", { class: "head" }, el("div", {}, el("h1", {}, DATA.name), el("p", { class: "soft small" }, line),
    DATA.error ? el("p", { class: "bad" }, DATA.error) : null), themeButton());
}

function summary() {
  const varying = Object.entries(DATA.varying).map(([name, value]) => [name, write(value), "big"]);
  const half = Math.ceil(DATA.metrics.length / 2);
  const rows = DATA.metrics.map((one) => [one.label, write(one.value, one.form)]);
  return section("summary", "What it came to", null, el("div", { class: "two" }, facts([...varying, ...rows.slice(0, half)]), facts(rows.slice(half))));
}

function fillsSection() {
  const { securities } = DATA;
  if (!securities.length) return section("fills", "Fills over the price", "This run has no fills, or they were not kept: --fills all of a batch keeps those of every run.");
  const box = el("div", { class: "chart" });
  const note = el("p", { class: "why" });
  const show = (name) => {
    const chosen = securities[Number(name)];
    note.textContent = chosen.note ? `The line joins the fills, without the market's price: ${chosen.note}.` : "The line is the market's price (each stretch by its lowest and highest trade).";
    REDRAWN.length = 0;
    fillsChart(box, chosen);
    drawDays();
  };
  setTimeout(() => show("0"));
  return section("fills", "Fills over the price",
    "▲ bought, ▼ sold; below, the position in shares and the realised P&L. The wheel zooms, dragging moves, a double click shows all; time without events takes no room.",
    el("div", { class: "bar" }, menu("security", securities.map((one, place) => [String(place), one.name]), "0", show)), note, box);
}

const BOXES = Object.fromEntries(["equity", "drawdown", "security", "weekday", "hour"].map((name) => [name, el("div", { class: "chart" })]));
const ZOOM = {};
const OFF = new Set();
const LEGEND = el("div");

function drawDays() {
  if (RUN_DAYS.length > 1) keepDrawn(drawCurves);
  keepDrawn(drawSources);
}

function drawCurves() {
  const largest = OF_SECURITY.length > 1 ? OF_SECURITY.slice(0, 9) : [];
  const series = [{ name: "all securities", x: RUN_DAYS, y: equityOf(together()), colour: colour("ink"), width: 2.2 },
    ...largest.map((one, place) => ({ name: one.name, x: RUN_DAYS, y: equityOf(one.pnl), colour: PALETTE[place], width: 1.3 }))];
  LEGEND.replaceChildren(legend(series, OFF, drawCurves));
  const shown = series.filter((one) => !OFF.has(one.name));
  lineChart(BOXES.equity, shown, { height: 240, view: ZOOM, changed: drawCurves });
  const falls = shown.map((one) => { let peak = DATA.days.capital; return { ...one, y: Float64Array.from(one.y, (value) => { peak = Math.max(peak, value); return -100 * (1 - value / peak); }) }; });
  lineChart(BOXES.drawdown, falls, { height: 130, form: "percent", withZero: true, view: ZOOM, changed: drawCurves });
}

function drawSources() {
  barChart(BOXES.security, OF_SECURITY.map((one) => ({ name: one.name, value: one.pnl.reduce((sum, value) => sum + value, 0) })));
  barChart(BOXES.weekday, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map((name, at) => ({ name, value: DATA.days.weekdays[at] || 0 })).filter((row) => row.value));
  const used = DATA.hours.map((value, at) => (value ? at : -1)).filter((at) => at >= 0);
  const rows = DATA.hours.map((value, at) => ({ name: `${String(at).padStart(2, "0")}h`, value }));
  barChart(BOXES.hour, used.length ? rows.slice(used[0], used[used.length - 1] + 1) : []);
}

function curvesSection() {
  if (RUN_DAYS.length < 2) return null;
  return section("curves", "Equity and drawdown", `Capital ${write(DATA.days.capital, "count")} and all P&L by day. Drag to zoom, double-click to see all, click a name to hide it.`,
    LEGEND, BOXES.equity, el("h3", {}, "drawdown, %"), BOXES.drawdown);
}

function sourcesSection() {
  const titles = { security: "by security", weekday: "by weekday", hour: "by hour of the exchange's day, of the fills kept" };
  return section("sources", "Where the P&L comes from", null, el("div", { class: "two" }, ...Object.entries(titles).map(([name, title]) => el("div", {}, el("h3", {}, title), BOXES[name]))));
}

function jobsSection() {
  const columns = [{ name: "security", text: (job) => job.security },
    ...DATA.jobs.columns.map((column, place) => ({ name: column.label, number: column.form !== "plain", look: column.label === "error" ? "error" : null,
      text: (job) => write(job.cells[place], column.form), value: (job) => job.cells[place] }))];
  return section("jobs", "Its securities", null, sortedTable(columns, DATA.jobs.rows).node);
}

function originSection() {
  const { origin } = DATA;
  const versions = Object.entries(origin.versions || {}).map(([name, version]) => `${name} ${version}`).join(", ");
  const inputs = origin.inputs.slice(0, 5).flatMap((one) => [["strategy", `${one.strategy || NONE} (${one.origin || "?"})`], ["code", one.code || NONE], ["data", one.data || NONE]]);
  return section("origin", "How to reproduce", "The same code, data and parameters give the same bits.", facts([["folder", DATA.folder], ...inputs, ["versions", versions || NONE]]),
    el("details", {}, el("summary", {}, "all that was asked"), el("pre", {}, JSON.stringify(DATA.spec, null, 2))));
}

const SECTIONS = [summary(), fillsSection(), curvesSection(), sourcesSection(), jobsSection(), originSection()].filter(Boolean);
document.getElementById("page").append(head(), el("nav", {}, ...SECTIONS.map((one) => el("a", { href: `#${one.id}` }, one.querySelector("h2").textContent))), ...SECTIONS);
if (!DATA.securities.length) setTimeout(drawDays);
