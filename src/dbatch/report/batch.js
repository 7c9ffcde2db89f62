// The page of a batch: failures, what it cost, where it comes from, and all sections in their order.

function failuresSection() {
  const { causes } = DATA;
  if (!causes.length) return section("failures", "Failures", "Every job that was begun has succeeded.");
  const columns = [
    { name: "status", text: (one) => one.status },
    { name: "cause", look: "error", text: (one) => one.error || NONE },
    { name: "jobs", number: true, text: (one) => write(one.count, "count"), value: (one) => one.count },
    { name: "runs", number: true, text: (one) => write(one.runs, "count"), value: (one) => one.runs },
    { name: "for example", look: "name", text: (one) => one.examples.map((job) => `run ${job.run}, ${job.security}`).join("; ") },
  ];
  return section("failures", "Failures by cause",
    "Numbers that differ between errors alike are written N, the security's name SECURITY. 'dbatch logs DIR RUN' has the traceback and what was printed; 'dbatch retry DIR' tries again.",
    sortedTable(columns, causes).node);
}

function effortSection() {
  const { effort } = DATA;
  const rate = effort.elapsed_sec ? effort.jobs / effort.elapsed_sec : NaN;
  const boxes = { seconds: el("div", { class: "chart" }), memory: el("div", { class: "chart" }), jobs: el("div", { class: "chart" }), rss: el("div", { class: "chart" }) };
  const course = Object.fromEntries(["at", "jobs", "rss_mb"].map((name) => [name, unpack(effort.course[name])]));
  const since = course.at.map((at) => at - course.at[0]);
  const draw = () => {
    histogramChart(boxes.seconds, effort.seconds, { height: 160, form: "seconds", log: true });
    histogramChart(boxes.memory, effort.memory, { height: 160, form: "mebibytes", log: true });
    if (since.length < 2) return;
    lineChart(boxes.jobs, [{ name: "jobs done", x: since, y: course.jobs, colour: colour("accent") }], { height: 160, days: false, form: "count", withZero: true });
    lineChart(boxes.rss, [{ name: "MiB", x: since, y: course.rss_mb, colour: colour("doubtful") }], { height: 160, days: false, form: "mebibytes", withZero: true });
  };
  setTimeout(() => keepDrawn(draw));
  const slow = sortedTable([
    { name: "run", number: true, text: (job) => String(job.run), value: (job) => job.run },
    { name: "security", text: (job) => job.security }, { name: "status", text: (job) => job.status },
    { name: "seconds", number: true, text: (job) => write(job.runtime_sec, "seconds"), value: (job) => job.runtime_sec },
    { name: "peak memory", number: true, text: (job) => write(job.peak_rss_mb, "mebibytes"), value: (job) => job.peak_rss_mb },
    { name: "events", number: true, text: (job) => write(job.rows, "count"), value: (job) => job.rows },
  ], effort.slowest).node;
  const charts = [["seconds of a job (logarithmic counts)", boxes.seconds], ["peak memory of the process of a job", boxes.memory],
    ...(since.length > 1 ? [["jobs done, over seconds", boxes.jobs], ["memory of all processes in MiB, over seconds", boxes.rss]] : [])];
  return section("effort", "Time and memory", null,
    facts([["jobs", write(effort.jobs, "count")], ["elapsed", effort.elapsed_sec ? `${duration(effort.elapsed_sec)}, ${write(rate, "plain")} jobs a second` : NONE],
      ["all jobs together", effort.cpu_sec === null ? NONE : duration(effort.cpu_sec)], ["events replayed", write(effort.events, "count")],
      ["highest memory of a process", write(effort.peak_rss_mb, "mebibytes")]]),
    el("p"), el("div", { class: "two" }, ...charts.map(([title, box]) => el("div", {}, el("h3", {}, title), box))), el("h3", {}, "the slowest jobs"), slow);
}

function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${String(text).replaceAll("'", "'\\''")}'`;
}

function originSection() {
  const { origin, folder } = DATA;
  const where = quoted(folder);
  const best = DATA.best[0];
  const commands = [
    `dbatch stats ${where}          # how far the results can be believed`,
    `dbatch show ${where} --top 20  # the best runs`,
    best ? `dbatch logs ${where} ${best.run}       # what the best run said` : null,
    `dbatch resume ${where}         # computes what is missing, and nothing twice`,
  ].filter(Boolean).join("\n");
  const versions = Object.entries(origin.versions || {}).map(([name, version]) => `${name} ${version}`).join(", ");
  const machine = Object.entries(origin.machine || {}).map(([name, value]) => `${name} ${write(value)}`).join(", ");
  const git = origin.git && origin.git.commit ? `${origin.git.commit}${origin.git.dirty ? ", with changes" : ""}` : NONE;
  const inputs = origin.inputs.map((one) => el("div", {},
    facts([["strategy", `${one.strategy || NONE} (${one.origin || "?"})`], ["code", one.code || NONE], ["data", `${one.data || NONE}, ${plural(one.securities, "security").replace("securitys", "securities")}`]]),
    el("details", {}, el("summary", {}, "content hashes of the data"), el("pre", {}, Object.entries(one.fingerprints).map(([name, hash]) => `${hash}  ${name}`).join("\n")))));
  return section("origin", "How to reproduce",
    "The same code, data and parameters give the same bits, however many workers there are. Save the batch file below and run 'dbatch batch FILE'; 'dbatch compare' says whether the results are equal.",
    facts([["folder", folder], ["configuration", origin.config_hash || NONE], ["seed", write(origin.seed)], ["bootstrap seed", String(DATA.statistics.seed)],
      ["git", git], ["versions", versions || NONE], ["machine", machine || NONE]]),
    el("p"), ...inputs, el("pre", {}, commands),
    best ? el("details", {}, el("summary", {}, "all parameters of the best run"), el("pre", {}, JSON.stringify(best.spec, null, 2))) : null,
    origin.config ? el("details", {}, el("summary", {}, "the batch file (JSON is YAML)"), el("pre", {}, JSON.stringify(origin.config, null, 2))) : null);
}

function contents(sections) {
  return el("nav", {}, ...sections.filter(Boolean).map((one) => el("a", { href: `#${one.id}` }, one.querySelector("h2").textContent)));
}

function start() {
  const sections = [bestTable(), curvesSection(), distributionSection(), heatSection(), sensitivitySection(), sourcesSection(), likenessSection(),
    failuresSection(), allRunsSection(), effortSection(), originSection()].filter(Boolean);
  document.getElementById("page").append(head(), contents(sections), el("div", { class: `verdict ${DATA.verdict.level}` }, DATA.verdict.sentence), threeAnswers(), ...sections);
}

start();
