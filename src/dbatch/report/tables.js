// Tables whose columns sort: rows are places, a column says what stands in one and what it sorts by.

/**
 * Return a table of `columns` {name, title, number, look, text(row), value(row), node(row)} over `rows`, `most` at a time.
 * Where `sorted` = {column, down} is given the rows come in that order first.
 */
function sortedTable(columns, rows, { most = 50, sorted = null } = {}) {
  const body = el("tbody");
  const heads = columns.map((column, place) => el("th", {
    class: `sorts${column.number ? " n" : ""}`, tabindex: 0, title: column.title || null,
    on: { click: () => sort(place), keydown: (event) => { if (event.key === "Enter") sort(place); } },
  }, heading(column.name)));
  const state = { rows: [...rows], order: sorted, page: 0 };
  const pager = el("div", { class: "bar" });

  function sort(place) {
    const down = state.order && state.order.column === place ? !state.order.down : Boolean(columns[place].number);
    state.order = { column: place, down };
    arrange();
  }

  function arrange() {
    if (state.order) {
      const { column, down } = state.order;
      const value = columns[column].value || columns[column].text;
      const keys = new Map(state.rows.map((row) => [row, value(row)]));
      state.rows.sort((one, other) => compared(keys.get(one), keys.get(other), down));
    }
    heads.forEach((head, place) => {
      const on = state.order && state.order.column === place;
      head.textContent = heading(columns[place].name) + (on ? (state.order.down ? " ↓" : " ↑") : "");
      head.setAttribute("aria-sort", on ? (state.order.down ? "descending" : "ascending") : "none");
    });
    show(0);
  }

  function show(page) {
    state.page = page;
    const seen = state.rows.slice(page * most, (page + 1) * most);
    body.replaceChildren(...seen.map((row) => el("tr", {}, ...columns.map((column) => el(
      "td", { class: column.look || (column.number ? "n" : "") }, column.node ? column.node(row) : column.text(row),
    )))));
    const pages = Math.ceil(state.rows.length / most);
    pager.replaceChildren();
    if (pages < 2) return;
    pager.append(
      el("button", { disabled: page === 0, on: { click: () => show(page - 1) } }, "‹"),
      el("span", { class: "soft" }, `${write(page * most + 1, "count")} to ${write(Math.min((page + 1) * most, state.rows.length), "count")} of ${write(state.rows.length, "count")}`),
      el("button", { disabled: page === pages - 1, on: { click: () => show(page + 1) } }, "›"),
    );
  }

  arrange();
  const node = el("div", {}, el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), body)), pager);
  return { node, setRows(found) { state.rows = [...found]; arrange(); } };
}

/** Return a name that may be broken after its underlines. */
function heading(name) {
  return name.replaceAll("_", "_\u200b");
}

/** Return which of two values comes first; a missing one is last in either direction. */
function compared(one, other, down) {
  const missing = (value) => value === null || value === undefined || Number.isNaN(value) || value === NONE;
  if (missing(one) || missing(other)) return missing(one) - missing(other);
  const found = typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
  return down ? -found : found;
}
