// What is best, how far it can be believed, what failed; the best runs as a table and as curves.

const RUNS = {
  total: DATA.runs.total, ids: DATA.runs.ids, number: unpack(DATA.runs.numbers), status: unpackWords(DATA.runs.status),
  strategy: unpackWords(DATA.runs.strategy), error: unpackWords(DATA.runs.error),
  metrics: DATA.runs.metrics.map((one) => ({ ...one, data: unpack(one.data) })),
  parameters: DATA.runs.parameters.map((one) => ({ name: one.name, ...unpackWords(one) })),
};
const METRIC = Object.fromEntries(RUNS.metrics.map((one) => [one.name, one]));
const PLACE = new Map(Array.from(RUNS.number, (number, place) => [number, place]));
const DAYS = unpack(DATA.curves.days);
const CURVES = new Map(DATA.curves.runs.map((one) => [one.run, {
  ...one, securities: one.securities.map((security) => ({ name: security.name, pnl: unpack(security.pnl) })),
}]));

function metricOf(name, place) {
  const metric = METRIC[name];
  return metric ? metric.data[place] : NaN;
}

function parametersOf(best) {
  const names = Object.keys(best.varying);
  return names.length ? names.map((name) => `${name} ${write(best.varying[name])}`).join(" · ") : best.id;
}

function head() {
  const { about } = DATA;
  const line = [DATA.state.toLowerCase(), about.started_at ? moment(about.started_at) : null,
    DATA.effort.elapsed_sec ? `took ${duration(DATA.effort.elapsed_sec)}` : null, ...about.tags].filter(Boolean).join(" · ");
  return el("div", { class: "head" },
    el("div", {}, el("h1", {}, DATA.name), about.description ? el("p", {}, about.description) : null, el("p", { class: "soft small" }, line),
      DATA.is_final ? null : el("p", { class: "doubtful" }, "The batch has not ended: all of this is as of the moment it was written.")),
    themeButton());
}

function threeAnswers() {
  return el("div", { class: "three" }, whatIsBest(), canItBeBelieved(), whatFailed());
}

function whatIsBest() {
  const best = DATA.best[0];
  if (!best) return section("best-one", "What is best?", null, el("p", { class: "soft" }, "No run has succeeded."));
  const place = PLACE.get(best.run);
  const rows = Object.entries(best.varying).map(([name, value]) => [name, write(value), "big"]);
  const results = ["total_pnl", "sharpe", "max_dd_pct", "fills"].filter((name) => METRIC[name]);
  return section("best-one", "What is best?", null, facts([
    ...(best.spec.strategy ? [["strategy", best.spec.strategy]] : []), ...(rows.length ? rows : [["run", best.id, "big"]]),
    ...results.map((name) => [METRIC[name].label, write(metricOf(name, place), METRIC[name].form)]),
  ]), best.same > 1 ? el("p", { class: "soft small" }, `${plural(best.same - 1, "other run")} had exactly the same results.`) : null);
}

const SIGNS = { good: "✓", doubtful: "?", bad: "✗", unknown: "·" };

function canItBeBelieved() {
  const { checks } = DATA.verdict;
  const table = el("table", {}, el("tbody", {}, ...checks.map((check) => el("tr", {},
    el("td", { class: check.level }, SIGNS[check.level]), el("td", { class: "keep" }, check.name), el("td", { class: "n" }, check.value),
    el("td", { class: "soft small" }, check.wanted)))));
  return section("believed", "Can it be believed?", null, table);
}

function whatFailed() {
  const { jobs, runs } = DATA.counts;
  const bad = Object.entries(runs).filter(([status]) => !["success"].includes(status));
  const pending = jobs.pending || 0;
  const all = Object.values(runs).reduce((sum, count) => sum + count, 0);
  const lines = facts([["runs", write(all, "count")], ["succeeded", write(runs.success || 0, "count")],
    ...bad.map(([status, count]) => [status, write(count, "count"), "bad"]), ...(pending ? [["jobs not done", write(pending, "count")]] : [])]);
  const top = DATA.causes.slice(0, 4).map((one) => el("p", { class: "small" },
    el("span", { class: "bad" }, `${write(one.count, "count")} × ${one.status} `), one.error || "no reason given"));
  const rest = DATA.causes.length ? el("p", { class: "small" }, el("a", { href: "#failures" }, "All causes, with examples"))
    : el("p", { class: "soft small" }, "Nothing failed.");
  return section("failed", "What failed?", null, lines, el("p"), ...top, rest);
}

const BEST_COLUMNS = ["dsr", "psr", "interval", "min_trl_days", "break_even_bps", "max_dd_pct", "turnover", "fills", "total_pnl", "sharpe"];
const MOST_PARAMETERS = 6;

function bestTable() {
  const names = RUNS.parameters.map((one) => one.name);
  const parameters = names.length && names.length <= MOST_PARAMETERS
    ? names.map((name) => ({ name, number: typeof DATA.best[0]?.varying[name] === "number", text: (best) => write(best.varying[name]), value: (best) => best.varying[name] }))
    : [{ name: names.length ? "parameters" : "run", look: "name", text: parametersOf }];
  const columns = [
    { name: "#", number: true, text: (best) => String(DATA.best.indexOf(best) + 1), value: (best) => DATA.best.indexOf(best) },
    ...parameters,
    ...(DATA.best.some((best) => best.same > 1) ? [{ name: "alike", number: true, title: "runs with exactly these results", text: (best) => write(best.same), value: (best) => best.same }] : []),
    ...BEST_COLUMNS.filter((name) => (name === "interval" ? METRIC.sharpe_low : METRIC[name])).map(bestColumn),
  ];
  const { splits, trials, reasons } = DATA.statistics;
  const pbo = splits ? `${write(splits.pbo, "share")} (in so many splits of the days, the best of one half is below the median in the other)` : `not known (${reasons.pbo})`;
  return section("best", "The best runs",
    `The best of ${write(trials.total, "count")} trials; of runs with equal results the first. DSR counts all trials, PSR would hold for one alone; MinTRL is how many days `
    + `this Sharpe ratio needs, of those there are. The raw Sharpe ratio comes last: it is what the search made large. PBO of the whole batch: ${pbo}.`,
    sortedTable(columns, DATA.best, { most: 10 }).node);
}

function bestColumn(name) {
  const at = (best) => PLACE.get(best.run);
  const metric = METRIC[name === "interval" ? "sharpe_low" : name];
  const value = (best) => metric.data[at(best)];
  const number = (best, one = name, form = metric.form) => write(metricOf(one, at(best)), form);
  if (name === "interval") {
    const title = "of the P&L as the strategy books it: net of the costs that it was given";
    return { name: "net Sharpe, 95 %", number: true, title, value, text: (best) => `${number(best, "sharpe_low")} to ${number(best, "sharpe_high")}` };
  }
  if (name === "min_trl_days") return { name: "MinTRL of days", number: true, value, text: (best) => `${number(best)} of ${number(best, "days", "days")}` };
  if (name === "turnover") return { name: "turnover", number: true, value, text: (best) => brief(value(best)) };
  return { name: name === "sharpe" ? "raw Sharpe" : metric.label, number: true, value, text: (best) => number(best) };
}

function running(values, from = 0) {
  let total = from;
  return Float64Array.from(values, (value) => (total += value));
}

function portfolio(run) {
  const sum = new Float64Array(DAYS.length);
  for (const security of CURVES.get(run).securities) security.pnl.forEach((value, at) => { sum[at] += value; });
  return sum;
}

function fall(equity, capital) {
  let peak = capital;
  return Float64Array.from(equity, (value) => { peak = Math.max(peak, value); return -100 * (1 - value / peak); });
}

function capitalText(runs) {
  const capitals = new Set(runs.map((best) => CURVES.get(best.run).capital));
  return capitals.size === 1 ? `Capital ${write([...capitals][0], "count")}` : "The capital of each run";
}

const TOGETHER = "mean of these ten";

function curvesSection() {
  const runs = DATA.best.filter((best) => CURVES.get(best.run).securities.length);
  if (!runs.length || DAYS.length < 2) return section("curves", "Equity and drawdown", "No run has daily P&L over two days or more.");
  const off = new Set();
  const view = {};
  const state = { what: "best" };
  const made = { legend: el("div"), equity: el("div", { class: "chart" }), drawdown: el("div", { class: "chart" }) };
  const draw = () => {
    const series = state.what === "best" ? bestCurves(runs) : securityCurves(Number(state.what));
    const shown = series.filter((one) => !off.has(one.name));
    made.legend.replaceChildren(legend(series, off, draw));
    const options = { view, changed: draw, days: true };
    lineChart(made.equity, shown, { ...options, height: 280 });
    lineChart(made.drawdown, shown.map((one) => ({ ...one, y: fall(one.y, one.capital) })), { ...options, height: 150, form: "percent", withZero: true });
  };
  const options = [["best", "the best ten runs"], ...runs.map((best, place) => [String(best.run), `#${place + 1} by security: ${parametersOf(best)}`])];
  const made2 = section("curves", "Equity and drawdown",
    `${capitalText(runs)} and all P&L by day, all securities of a run together as one portfolio; below, the fall from the highest equity so far in per cent. `
    + "Drag to zoom, double-click to see all, click a name to hide it. Numbers are those of the table above.",
    el("div", { class: "bar" }, menu("show", options, "best", (value) => { state.what = value; off.clear(); draw(); })),
    made.legend, el("h3", {}, "equity"), made.equity, el("h3", {}, "drawdown, %"), made.drawdown);
  setTimeout(() => keepDrawn(draw));
  return made2;
}

function bestCurves(runs) {
  const ten = runs.slice(0, 10);
  const parts = ten.map((best) => portfolio(best.run));
  const capitals = ten.map((best) => CURVES.get(best.run).capital);
  const capital = capitals.reduce((sum, one) => sum + one, 0) / capitals.length;
  const mean = DAYS.map((_, at) => parts.reduce((sum, part) => sum + part[at], 0) / parts.length);
  return [
    ...ten.map((best, place) => ({ name: `#${place + 1}`, title: parametersOf(best), x: DAYS, y: running(parts[place], capitals[place]), capital: capitals[place], colour: PALETTE[place], width: place ? 1.3 : 2.4 })),
    ...(ten.length > 1 ? [{ name: ten.length === 10 ? TOGETHER : "mean of these", x: DAYS, y: running(mean, capital), capital, colour: colour("ink"), dash: "5 4", width: 1.8 }] : []),
  ];
}

function securityCurves(run) {
  const { securities, capital } = CURVES.get(run);
  const largest = [...securities].sort((one, other) => size(other.pnl) - size(one.pnl)).slice(0, 9);
  return [
    { name: "portfolio", x: DAYS, y: running(portfolio(run), capital), capital, colour: colour("ink"), width: 2.4 },
    ...largest.map((one, place) => ({ name: one.name, x: DAYS, y: running(one.pnl, capital), capital, colour: PALETTE[place], width: 1.3 })),
  ];
}

function size(values) {
  return values.reduce((sum, value) => sum + Math.abs(value), 0);
}

function distributionSection() {
  const box = el("div", { class: "chart" });
  const { expected_maximum: chance, trials } = DATA.statistics;
  const best = DATA.best[0] ? metricOf("sharpe", PLACE.get(DATA.best[0].run)) : NaN;
  const reason = chance === null ? ` The expected maximum is not known: ${DATA.statistics.reasons.expected_maximum}.` : "";
  const state = { log: false };
  const draw = () => histogramChart(box, DATA.sharpe, { log: state.log, marks: [
    { at: chance ?? NaN, name: `best of ${write(trials.total, "count")} by chance: ${write(chance, "ratio")}`, colour: colour("bad") },
    { at: best, name: `best run: ${write(best, "ratio")}`, colour: colour("good") },
  ] });
  setTimeout(() => keepDrawn(draw));
  return section("distribution", "Sharpe ratios of all trials",
    `What the best of so many trials would have without any skill is marked: a best run left of it says nothing.${reason}`,
    el("div", { class: "bar" }, menu("counts", [["", "as they are"], ["log", "logarithmic"]], "", (value) => { state.log = value === "log"; draw(); })), box);
}

function sourcesSection() {
  const runs = DATA.best.filter((best) => CURVES.get(best.run).securities.length);
  if (!runs.length) return null;
  const state = { run: runs[0].run };
  const boxes = Object.fromEntries(["security", "month", "weekday", "hour"].map((name) => [name, el("div", { class: "chart" })]));
  const draw = () => {
    const best = runs.find((one) => one.run === state.run);
    const curve = CURVES.get(state.run);
    barChart(boxes.security, curve.securities.map((one) => ({ name: one.name, value: one.pnl.reduce((sum, value) => sum + value, 0) })));
    barChart(boxes.month, byMonth(portfolio(state.run)));
    barChart(boxes.weekday, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map((name, at) => ({ name, value: curve.weekdays[at] || 0 })).filter((row) => row.value));
    if (best.hours) barChart(boxes.hour, workingHours(best.hours));
    else boxes.hour.replaceChildren(el("p", { class: "soft small" }, "The fills of this run were not kept: --fills all of a batch keeps those of every run."));
  };
  setTimeout(() => keepDrawn(draw));
  const titles = { security: "by security", month: "by month, or day where they are few", weekday: "by weekday", hour: "by hour of the exchange's day" };
  return section("sources", "Where the P&L comes from", "Realised P&L of one run. One security, one day or one hour that earns everything is a reason to doubt.",
    el("div", { class: "bar" }, menu("run", runs.map((best, place) => [String(best.run), `#${place + 1} ${parametersOf(best)}`]), String(state.run),
      (value) => { state.run = Number(value); draw(); })),
    el("div", { class: "two" }, ...Object.entries(titles).map(([name, title]) => el("div", {}, el("h3", {}, title), boxes[name]))));
}

function byMonth(pnl) {
  if (DAYS.length <= 25) return Array.from(pnl, (value, at) => ({ name: day(DAYS[at]).slice(5), value }));
  const found = new Map();
  pnl.forEach((value, at) => { const name = day(DAYS[at]).slice(0, 7); found.set(name, (found.get(name) || 0) + value); });
  return [...found].map(([name, value]) => ({ name, value }));
}

function workingHours(values) {
  const known = values.map((value, at) => (value ? at : -1)).filter((at) => at >= 0);
  const [first, last] = known.length ? [known[0], known[known.length - 1]] : [0, 23];
  return values.map((value, at) => ({ name: `${String(at).padStart(2, "0")}h`, value })).slice(first, last + 1);
}

function likenessSection() {
  if (DATA.likeness.length < 2) return null;
  const box = el("div", { class: "chart" });
  const names = DATA.best.map((_, place) => `#${place + 1}`);
  const told = (column, row) => `#${row + 1} ${parametersOf(DATA.best[row])}\n#${column + 1} ${parametersOf(DATA.best[column])}\ncorrelation ${write(DATA.likeness[row][column], "ratio")}`;
  const draw = () => matrixChart(box, { columns: names, rows: names, cell: (column, row) => DATA.likeness[row][column] ?? NaN, told, low: -1, high: 1, form: "ratio", stops: BOTH, square: true });
  setTimeout(() => keepDrawn(draw));
  const { effective } = DATA.statistics;
  const say = effective ? ` All ${write(effective.trials, "count")} runs amount to ${write(Number(effective.by_rank.toFixed(1)))} independent ones by effective rank`
    + (effective.by_clusters === null ? "." : `, ${write(effective.by_clusters, "count")} by clusters.`) : "";
  return section("likeness", "Are the best runs one idea?", `Correlation of the daily P&L of the best runs. Near 1 they are one idea in many settings, and no spread of risk.${say}`, box);
}
