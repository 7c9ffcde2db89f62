// All runs: any metric over any two parameters, what each parameter does, and every run in a table.

const MOST_VALUES = 60;

/** Return the metrics that a parameter can be judged by, the first choice first. */
function judged() {
  const better = RUNS.metrics.filter((metric) => metric.better !== 0);
  const first = ["sharpe", "dsr", "total_pnl"].filter((name) => METRIC[name]);
  return [...first.map((name) => METRIC[name]), ...RUNS.metrics.filter((metric) => !first.includes(metric.name) && (better.includes(metric) || metric.data.some((value) => !Number.isNaN(value))))];
}

function metricMenu(chosen, changed) {
  return menu("metric", judged().map((metric) => [metric.name, metric.label === "Sharpe" ? "raw Sharpe" : metric.label]), chosen, changed);
}

/** Return the parameter with its values in at most `MOST_VALUES` classes: {name, labels, codes}. */
function axisOf(parameter) {
  const { values, codes, name } = parameter;
  if (values.length <= MOST_VALUES || typeof values[0] !== "number") return { name, labels: values.map((value) => write(value)), codes };
  const known = values.filter((value) => typeof value === "number");
  const classes = 24;
  const classOf = values.map((value, place) => (typeof value === "number" ? Math.floor((place * classes) / known.length) : classes));
  const labels = Array.from({ length: classes }, (_, at) => {
    const members = known.filter((_value, place) => classOf[place] === at);
    return `${write(members[0])} … ${write(members[members.length - 1])}`;
  });
  if (known.length < values.length) labels.push(NONE);
  return { name, labels, codes: codes.map((code) => classOf[code]) };
}

const WAYS = {
  median: (values) => quantile(values, 0.5),
  mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  best: null,
  worst: null,
};

function quantile(values, share) {
  const sorted = values.slice().sort((one, other) => one - other);
  const at = (sorted.length - 1) * share;
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

function summed(values, way, better) {
  if (!values.length) return NaN;
  if (WAYS[way]) return WAYS[way](values);
  const most = (better < 0) !== (way === "best");
  return values.reduce((one, other) => (most ? Math.max(one, other) : Math.min(one, other)));
}

function heatSection() {
  const { parameters } = RUNS;
  if (!parameters.length) return null;
  const ranked = influences(judged()[0]).map((one) => one.parameter);
  const state = { metric: judged()[0].name, x: ranked[0].name, y: (ranked[1] || ranked[0]).name, way: "median" };
  const box = el("div", { class: "chart" });
  const names = parameters.map((one) => [one.name, one.name]);
  const draw = () => heat(box, state);
  setTimeout(() => keepDrawn(draw));
  const choose = (name) => (value) => { state[name] = value; draw(); };
  return section("heat", "Any metric over any two parameters",
    "A believable optimum lies on a broad hill, not on a single peak. A cell has many runs, of all values of the other parameters. Click one to see its runs below.",
    el("div", { class: "bar" }, metricMenu(state.metric, choose("metric")), menu("across", names, state.x, choose("x")), menu("down", names, state.y, choose("y")),
      menu("of a cell's runs", Object.keys(WAYS).map((way) => [way, way]), state.way, choose("way"))), box);
}

function heat(box, { metric: name, x, y, way }) {
  const metric = METRIC[name];
  const [across, down] = [x, y].map((one) => axisOf(RUNS.parameters.find((parameter) => parameter.name === one)));
  const cells = across.labels.map(() => down.labels.map(() => []));
  metric.data.forEach((value, place) => { if (!Number.isNaN(value)) cells[across.codes[place]][down.codes[place]].push(value); });
  const found = cells.map((column) => column.map((values) => summed(values, way, metric.better)));
  const [low, high] = extent(found);
  matrixChart(box, {
    columns: across.labels, rows: down.labels, low, high, form: metric.form, stops: metric.better < 0 ? [...COLD].reverse() : COLD,
    cell: (column, row) => found[column][row],
    told: (column, row) => `${x} ${across.labels[column]}\n${y} ${down.labels[row]}\n${way} ${metric.label}: ${write(found[column][row], metric.form)}\n${plural(cells[column][row].length, "run")}`,
    clicked: (column, row) => {
      const places = Array.from(across.codes.keys()).filter((place) => across.codes[place] === column && down.codes[place] === row);
      ALL.show(places, `${x} ${across.labels[column]}, ${y} ${down.labels[row]}`);
    },
  });
}

/** Return the parameters by how much of the metric's variance lies between their values, the most first. */
function influences(metric) {
  const found = RUNS.parameters.map((parameter) => {
    const axis = axisOf(parameter);
    const groups = axis.labels.map(() => []);
    metric.data.forEach((value, place) => { if (Number.isFinite(value)) groups[axis.codes[place]].push(value); });
    const all = groups.flat();
    const mean = all.reduce((sum, value) => sum + value, 0) / Math.max(all.length, 1);
    const total = all.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const between = groups.filter((group) => group.length).reduce((sum, group) => sum + group.length * (WAYS.mean(group) - mean) ** 2, 0);
    return { parameter, axis, groups, share: total > 0 ? between / total : 0 };
  });
  return found.sort((one, other) => other.share - one.share);
}

function sensitivitySection() {
  if (!RUNS.parameters.length) return null;
  const state = { metric: judged()[0].name };
  const box = el("div", { class: "two" });
  const draw = () => {
    const metric = METRIC[state.metric];
    const boxes = influences(metric).slice(0, 12).map((one) => {
      const chart = el("div", { class: "chart" });
      return [el("div", {}, el("h3", {}, `${one.parameter.name}  (explains ${write(one.share, "share")} of the variance)`), chart), () => bandChart(chart, one, metric)];
    });
    box.replaceChildren(...boxes.map(([node]) => node));
    boxes.forEach(([, drawOne]) => drawOne());
  };
  setTimeout(() => keepDrawn(draw));
  return section("sensitivity", "What each parameter does",
    "For every value of a parameter: the median over all runs with it, the middle half of them, and the lowest and highest. What explains nothing need not be searched.",
    el("div", { class: "bar" }, metricMenu(state.metric, (value) => { state.metric = value; draw(); })), box);
}

function bandChart(box, { axis, groups }, metric) {
  const area = frame(box, 190);
  const rows = groups.map((values, place) => ({ name: axis.labels[place], values })).filter((row) => row.values.length)
    .map((row) => ({ ...row, marks: [0, 0.25, 0.5, 0.75, 1].map((share) => quantile(row.values, share)) }));
  let [low, high] = extent(rows.map((row) => row.marks));
  if (low === high) [low, high] = [low - 1, high + 1];
  const y = scale(low, high, area.bottom, area.top);
  yAxis(area, low, high, y, brief);
  const step = (area.right - area.left) / Math.max(rows.length, 1);
  const every = Math.ceil(rows.length / Math.max(1, Math.floor((area.right - area.left) / 64)));
  const tone = colour("accent");
  rows.forEach((row, place) => {
    const [least, lower, middle, upper, most] = row.marks;
    const centre = area.left + step * (place + 0.5);
    const half = Math.min(14, step * 0.32);
    area.picture.append(
      svg("line", { x1: centre, x2: centre, y1: y(least), y2: y(most), stroke: tone, "stroke-opacity": 0.45 }),
      svg("rect", { x: centre - half, width: 2 * half, y: y(upper), height: Math.max(1, y(lower) - y(upper)), fill: tone, "fill-opacity": 0.28 }),
      svg("line", { x1: centre - half, x2: centre + half, y1: y(middle), y2: y(middle), stroke: tone, "stroke-width": 2.5 }),
    );
    const seen = svg("rect", { x: area.left + step * place, width: step, y: area.top, height: area.bottom - area.top, fill: "transparent" });
    const names = ["lowest", "lower quarter", "median", "upper quarter", "highest"];
    const text = [`${row.name}: ${plural(row.values.length, "run")}`, ...names.map((name, at) => `${name} ${write(row.marks[at], metric.form)}`)].join("\n");
    seen.addEventListener("pointermove", (event) => tip(event, text));
    seen.addEventListener("pointerleave", untip);
    area.picture.append(seen);
    const label = row.name.length > 11 ? `${row.name.slice(0, 10)}…` : row.name;
    if (place % every === 0) area.picture.append(svg("text", { x: centre, y: area.bottom + 17, "text-anchor": "middle" }, label));
  });
}

const ALL = {};
const ALL_COLUMNS = ["dsr", "psr", "sharpe_low", "total_pnl", "max_dd_pct", "win_rate", "profit_factor", "fills", "turnover", "runtime_sec", "sharpe"];

function allRunsSection() {
  const every = Array.from(RUNS.number.keys());
  const wordOf = ({ values, codes }) => (place) => values[codes[place]];
  const named = ALL_COLUMNS.filter((name) => METRIC[name]);
  const status = wordOf(RUNS.status);
  const columns = [
    { name: "run", number: true, text: (place) => String(RUNS.number[place]), value: (place) => RUNS.number[place] },
    ...(RUNS.status.values.length > 1 ? [{ name: "status", text: status, node: (place) => el("span", { class: status(place) === "success" ? "" : "bad", title: wordOf(RUNS.error)(place) || null }, status(place)) }] : []),
    ...(RUNS.strategy.values.length > 1 ? [{ name: "strategy", text: wordOf(RUNS.strategy) }] : []),
    ...(RUNS.parameters.length ? RUNS.parameters.slice(0, 8).map((one) => ({ name: one.name, number: typeof one.values[0] === "number", text: (place) => write(wordOf(one)(place)), value: wordOf(one) }))
      : [{ name: "id", look: "name", text: (place) => RUNS.ids[place] }]),
    ...named.map((name) => ({ name: name === "sharpe" ? "raw Sharpe" : METRIC[name].label, number: true,
      text: (place) => (name === "turnover" ? brief : (value) => write(value, METRIC[name].form))(METRIC[name].data[place]), value: (place) => METRIC[name].data[place] })),
  ];
  const table = sortedTable(columns, every, { most: 25 });
  const said = el("span", { class: "soft" });
  const search = el("input", { type: "search", placeholder: "part of an id, status or error", on: { input: () => { clearTimeout(ALL.wait); ALL.wait = setTimeout(filter, 200); } } });
  const filter = () => {
    const sought = search.value.trim().toLowerCase();
    const texts = (place) => [RUNS.ids[place], status(place), wordOf(RUNS.error)(place) || ""];
    const found = sought ? every.filter((place) => texts(place).some((text) => text.toLowerCase().includes(sought))) : every;
    table.setRows(found);
    said.textContent = sought ? plural(found.length, "run") : "";
  };
  ALL.show = (places, name) => { search.value = ""; table.setRows(places); said.textContent = `${plural(places.length, "run")} of ${name}`; document.getElementById("runs").scrollIntoView({ behavior: "smooth" }); };
  const missing = RUNS.total - every.length;
  return section("runs", "All runs", "The best first; a heading sorts." + (missing ? ` ${write(missing, "count")} of ${write(RUNS.total, "count")} runs are left out, evenly among the worse half: dbatch show has all.` : ""),
    el("div", { class: "bar" }, search, el("button", { on: { click: () => { search.value = ""; filter(); } } }, "all"), said), table.node);
}
