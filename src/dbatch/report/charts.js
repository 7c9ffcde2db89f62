// Charts: lines, bars, a matrix of colours. Each draws into a box of its own width and again when that changes.

const MARGIN = { top: 10, right: 16, bottom: 26, left: 62 };

/** Return about `count` round numbers from `low` to `high`. */
function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((size) => size * unit >= raw) * unit;
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) found.push(Number((at * step).toPrecision(12)));
  return found.length < 3 && count < 12 ? ticks(low, high, count * 2) : found;
}

function dayTicks(low, high, count) {
  const months = [];
  const first = new Date(low * 86400000);
  const span = (high - low) / 30.4;
  if (span < 2) return ticks(low, high, Math.min(count, 4)).filter(Number.isInteger).map((at) => [at, day(at).slice(5)]);
  const step = [1, 2, 3, 6, 12, 24, 60].find((size) => span / size <= count) || 120;
  for (let month = 0; month < span + 2; month += 1) {
    const at = Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + month, 1) / 86400000;
    if (at < low || at > high) continue;
    const date = day(at);
    const number = Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1;
    if (number % step === 0) months.push([at, step >= 12 ? date.slice(0, 4) : date.slice(0, 7)]);
  }
  return months;
}

function frame(box, height) {
  const width = Math.max(280, box.clientWidth);
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  box.replaceChildren(picture);
  return { picture, width, height, left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
}

function scale(low, high, from, to) {
  const span = high > low ? high - low : 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

function yAxis(area, low, high, y, form) {
  for (const at of ticks(low, high, Math.max(2, Math.round((area.bottom - area.top) / 45)))) {
    area.picture.append(
      svg("line", { class: at === 0 ? "axis" : "grid", x1: area.left, x2: area.right, y1: y(at), y2: y(at) }),
      svg("text", { x: area.left - 8, y: y(at) + 4, "text-anchor": "end" }, form(at)),
    );
  }
}

function xAxis(area, places, x) {
  for (const [at, label] of places) {
    area.picture.append(svg("text", { x: x(at), y: area.bottom + 17, "text-anchor": "middle" }, label));
  }
}

/** Return [least, greatest] of the finite values among `lists`, with 0 where `withZero`. */
function extent(lists, withZero = false) {
  let low = withZero ? 0 : Infinity;
  let high = withZero ? 0 : -Infinity;
  for (const list of lists) for (const value of list) if (Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  return low <= high ? [low, high] : [0, 1];
}

/** Draw series {name, x, y, colour, width, dash} into `box`; dragging zooms into `view` = {from, to}, a double click out. */
function lineChart(box, series, { height = 260, days = true, form = "money", withZero = false, view = {}, changed = () => {} } = {}) {
  const area = frame(box, height);
  const [first, last] = extent(series.map((one) => one.x));
  const from = view.from ?? first;
  const to = view.to ?? last;
  const seen = series.map((one) => one.y.filter((_, at) => one.x[at] >= from && one.x[at] <= to));
  let [low, high] = extent(seen, withZero);
  if (low === high) [low, high] = [low - 1, high + 1];
  const x = scale(from, to, area.left, area.right);
  const y = scale(low, high, area.bottom, area.top + 2);
  yAxis(area, low, high, y, brief);
  xAxis(area, days ? dayTicks(from, to, Math.round(area.width / 110)) : ticks(from, to, 6).map((at) => [at, brief(at)]), x);
  for (const one of series) {
    let path = "";
    for (let at = 0; at < one.x.length; at += 1) {
      if (one.x[at] < from || one.x[at] > to || !Number.isFinite(one.y[at])) continue;
      path += `${path ? "L" : "M"}${x(one.x[at]).toFixed(1)},${y(one.y[at]).toFixed(1)}`;
    }
    area.picture.append(svg("path", {
      d: path, fill: "none", stroke: one.colour, "stroke-width": one.width || 1.5, "stroke-dasharray": one.dash || "none",
      "stroke-linejoin": "round",
    }));
  }
  lineTips(area, series, { x, from, to, days, form, view, changed });
}

function lineTips(area, series, { x, from, to, days, form, view, changed }) {
  const line = svg("line", { class: "axis", y1: area.top, y2: area.bottom, visibility: "hidden" });
  const band = svg("rect", { y: area.top, height: area.bottom - area.top, fill: colour("accent"), "fill-opacity": 0.15, visibility: "hidden" });
  area.picture.append(band, line);
  let start = null;
  const valueAt = (event) => {
    const at = event.clientX - area.picture.getBoundingClientRect().left;
    return Math.min(to, Math.max(from, from + ((at - area.left) / (area.right - area.left)) * (to - from)));
  };
  area.picture.addEventListener("pointerdown", (event) => { start = valueAt(event); });
  area.picture.addEventListener("pointermove", (event) => {
    const value = valueAt(event);
    if (start !== null) {
      const [left, right] = [x(Math.min(start, value)), x(Math.max(start, value))];
      for (const [name, one] of [["x", left], ["width", right - left], ["visibility", "visible"]]) band.setAttribute(name, one);
    }
    const rows = series.map((one) => [one, nearest(one.x, value)]).filter(([one, at]) => at >= 0 && Number.isFinite(one.y[at]));
    if (!rows.length) return;
    const where = rows[0][0].x[rows[0][1]];
    for (const name of ["x1", "x2"]) line.setAttribute(name, x(where));
    line.setAttribute("visibility", "visible");
    rows.sort(([one, at], [other, to2]) => other.y[to2] - one.y[at]);
    const texts = rows.slice(0, 12).map(([one, at]) => `${write(one.y[at], form)}  ${one.name} ${one.title || ""}`);
    tip(event, [days ? day(where) : write(where), ...texts].join("\n"));
  });
  area.picture.addEventListener("pointerup", (event) => {
    const value = valueAt(event);
    const enough = start !== null && Math.abs(x(value) - x(start)) > 8;
    if (enough) { view.from = Math.min(start, value); view.to = Math.max(start, value); changed(); }
    start = null;
  });
  area.picture.addEventListener("dblclick", () => { delete view.from; delete view.to; changed(); });
  area.picture.addEventListener("pointerleave", () => { untip(); start = null; line.setAttribute("visibility", "hidden"); band.setAttribute("visibility", "hidden"); });
}

function nearest(list, value) {
  let [low, high] = [0, list.length - 1];
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle] <= value) low = middle; else high = middle;
  }
  return value - list[low] <= list[high] - value ? low : high;
}

/** Draw a histogram {edges, counts} with vertical `marks` {at, name, colour}. */
function histogramChart(box, { edges, counts }, { height = 230, form = "ratio", marks = [], log = false } = {}) {
  const area = frame(box, height);
  const known = marks.filter((one) => Number.isFinite(one.at));
  const [low, high] = extent([edges, known.map((one) => one.at)]);
  const room = (high - low || 1) * 0.02;
  const top = area.top + 16 * known.length;
  const x = scale(low - room, high + room, area.left, area.right);
  const sized = (count) => (log ? Math.log10(1 + count) : count);
  const y = scale(0, sized(Math.max(...counts, 1)), area.bottom, top);
  yAxis({ ...area, top }, 0, sized(Math.max(...counts, 1)), y, (at) => (log ? brief(Math.round(10 ** at - 1)) : brief(at)));
  xAxis(area, ticks(low, high, Math.round(area.width / 100)).map((at) => [at, brief(at)]), x);
  counts.forEach((count, place) => {
    const [left, right] = [x(edges[place]), x(edges[place + 1])];
    const bar = svg("rect", {
      x: left, width: Math.max(1, right - left - 1), y: count ? Math.min(y(sized(count)), area.bottom - 1) : area.bottom,
      height: count ? Math.max(1, area.bottom - y(sized(count))) : 0, fill: colour("accent"), "fill-opacity": 0.65,
    });
    const text = `${write(edges[place], form)} to ${write(edges[place + 1], form)}\n${write(count, "count")}`;
    bar.addEventListener("pointermove", (event) => tip(event, text));
    bar.addEventListener("pointerleave", untip);
    area.picture.append(bar);
  });
  known.forEach((one, place) => {
    const at = x(one.at);
    const toLeft = at > (area.left + area.right) / 2;
    area.picture.append(
      svg("line", { class: "mark", x1: at, x2: at, y1: area.top + 16 * place, y2: area.bottom, stroke: one.colour }),
      svg("text", { class: "label", x: at + (toLeft ? -5 : 5), y: area.top + 16 * place + 10, "text-anchor": toLeft ? "end" : "start" }, one.name),
    );
  });
}

/** Draw a bar for each of `rows` {name, value}, below zero in red. */
function barChart(box, rows, { height = 200, form = "money" } = {}) {
  const area = frame(box, height);
  const [low, high] = extent([rows.map((row) => row.value)], true);
  const y = scale(low, high === low ? low + 1 : high, area.bottom, area.top);
  yAxis(area, low, high === low ? low + 1 : high, y, brief);
  const step = (area.right - area.left) / Math.max(rows.length, 1);
  const every = Math.ceil(rows.length / Math.max(1, Math.floor((area.right - area.left) / 58)));
  rows.forEach((row, place) => {
    const value = Number.isFinite(row.value) ? row.value : 0;
    const bar = svg("rect", {
      x: area.left + step * (place + 0.12), width: Math.max(1, step * 0.76), y: Math.min(y(0), y(value)),
      height: Math.max(0.5, Math.abs(y(value) - y(0))), fill: colour(value < 0 ? "bad" : "good"), "fill-opacity": 0.8,
    });
    bar.addEventListener("pointermove", (event) => tip(event, `${row.name}\n${write(row.value, form)}`));
    bar.addEventListener("pointerleave", untip);
    area.picture.append(bar);
    const label = row.name.length > 12 ? `${row.name.slice(0, 11)}…` : row.name;
    if (place % every === 0) area.picture.append(svg("text", { x: area.left + step * (place + 0.5), y: area.bottom + 17, "text-anchor": "middle" }, label));
  });
}

const COLD = [[68, 76, 138], [42, 120, 142], [53, 160, 126], [140, 195, 84], [250, 222, 70]];
const BOTH = [[179, 54, 43], [236, 176, 160], [242, 242, 240], [160, 190, 228], [47, 95, 179]];

function shade(stops, share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1);
  const [one, other, part] = [stops[Math.floor(at)], stops[Math.floor(at) + 1], at - Math.floor(at)];
  return one.map((value, place) => Math.round(value + part * (other[place] - value)));
}

function ink([red, green, blue]) {
  return 0.3 * red + 0.59 * green + 0.11 * blue > 140 ? "#1c2024" : "#ffffff";
}

/** Draw a matrix of colours: `cell(column, row)` gives a number or NaN, `told(column, row)` what a pointer there reads. */
function matrixChart(box, { columns, rows, cell, told, low, high, form = "plain", stops = COLD, square = false, clicked = null }) {
  const width = Math.max(280, box.clientWidth);
  const left = Math.min(190, 24 + 6.6 * Math.max(...rows.map((name) => name.length), 3));
  const wide = Math.min((width - left - 12) / columns.length, square ? 34 : Infinity);
  const high1 = square ? wide : Math.max(2, Math.min(34, 480 / rows.length));
  const height = Math.round(high1 * rows.length) + 34;
  const ratio = window.devicePixelRatio || 1;
  const canvas = el("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  canvas.style.height = `${height}px`;
  box.replaceChildren(canvas);
  const draw = canvas.getContext("2d");
  draw.scale(ratio, ratio);
  draw.font = "11.5px system-ui, sans-serif";
  const space = wide > 3 && high1 > 3 ? 1 : 0;
  rows.forEach((_, row) => columns.forEach((_name, column) => {
    const value = cell(column, row);
    const known = Number.isFinite(value);
    const tone = known ? shade(stops, high > low ? (value - low) / (high - low) : 0.5) : null;
    draw.fillStyle = known ? `rgb(${tone.join(" ")})` : colour("hover");
    draw.fillRect(left + column * wide, row * high1, wide - space, high1 - space);
    const label = known ? write(value, form) : "";
    if (known && wide > 26 && high1 > 15 && draw.measureText(label).width < wide - 3) {
      draw.fillStyle = ink(tone);
      draw.textAlign = "center";
      draw.fillText(label, left + (column + 0.5) * wide, row * high1 + high1 / 2 + 4);
    }
  }));
  draw.fillStyle = colour("soft");
  labels(draw, rows, high1, 14, (name, at) => { draw.textAlign = "right"; draw.fillText(clip(draw, name, left - 12), left - 8, at * high1 + high1 / 2 + 4); });
  const widest = Math.max(...columns.map((name) => Math.min(90, draw.measureText(name).width)));
  labels(draw, columns, wide, widest + 10, (name, at) => { draw.textAlign = "center"; draw.fillText(clip(draw, name, Math.max(wide, 90)), left + (at + 0.5) * wide, rows.length * high1 + 17); });
  const at = (event) => {
    const where = canvas.getBoundingClientRect();
    const found = [Math.floor((event.clientX - where.left - left) / wide), Math.floor((event.clientY - where.top) / high1)];
    return found[0] >= 0 && found[0] < columns.length && found[1] >= 0 && found[1] < rows.length ? found : null;
  };
  canvas.addEventListener("pointermove", (event) => { const found = at(event); if (found) tip(event, told(...found)); else untip(); });
  canvas.addEventListener("pointerleave", untip);
  if (clicked) canvas.addEventListener("click", (event) => { const found = at(event); if (found) clicked(...found); });
}

/** Call `put(name, place)` for as many of `names` as have room. */
function labels(draw, names, step, room, put) {
  const every = Math.max(1, Math.ceil(room / step));
  names.forEach((name, place) => { if (place % every === 0) put(name, place); });
}

function clip(draw, text, room) {
  let short = text;
  while (short.length > 2 && draw.measureText(short).width > room) short = `${short.slice(0, -2)}…`;
  return short;
}

function legend(series, off, changed) {
  const made = el("div", { class: "legend" });
  for (const one of series) {
    const swatch = el("span", { class: "swatch" });
    swatch.style.background = one.colour;
    const turn = () => { if (off.has(one.name)) off.delete(one.name); else off.add(one.name); changed(); };
    made.append(el("button", { class: off.has(one.name) ? "off" : "", title: one.title || null, on: { click: turn } }, swatch, one.name));
  }
  return made;
}
