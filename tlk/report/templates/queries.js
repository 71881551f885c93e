// The table of queries: choose a run, filter, sort; pictures are built near the screen and taken away far from it.
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  if (!data) return;
  const at = (id) => document.getElementById(id);
  const feed = at("feed"), { element } = reportRows;
  const names = ["run", "other", "order", "show", "kind", "size", "text"];
  const controls = Object.fromEntries(names.map((name) => [name, at(name)]));
  const PRINTED = 40; // rows
  let view, articles = [], shown = [];

  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) isIntersecting ? build(target) : clear(target);
  }, { rootMargin: "1200px 0px" });

  function build(article) {
    if (!article.querySelector(".query")) {
      article.querySelector(".strip").replaceWith(reportRows.strip(view, article.query));
    }
  }

  function clear(article) {
    article.querySelector(".strip").replaceChildren(); // its height stays: it hangs on the number of lines alone
  }

  function option(value, text) {
    const made = element("option", "", text);
    made.value = value;
    return made;
  }

  // The kinds that the pairs of the chosen run are of; what was chosen stays chosen where these have it, too.
  function chooseKinds() {
    const { kinds } = data.pairs[data.runs[controls.run.value].pairs], before = controls.kind.value;
    const groups = kinds.map(({ name, words, kind }, number) => {
      const group = element("optgroup", "");
      group.label = name;
      words.forEach((word, place) => {
        const count = kind.filter((own) => own === place).length;
        if (count) group.append(option(`${number} ${place}`, `${name}: ${word} (${count})`));
      });
      return group;
    });
    controls.kind.replaceChildren(option("", "all"), ...groups);
    controls.kind.value = before;
    if (controls.kind.selectedIndex < 0) controls.kind.selectedIndex = 0;
    at("kinds").hidden = !kinds.length;
  }

  // The runs that answer the same lists as the chosen one can stand beside it.
  function chooseRun() {
    const chosen = data.runs[controls.run.value], before = controls.other.value;
    const fits = (run) => run !== chosen && run.pairs === chosen.pairs;
    const fitting = [...data.runs.keys()].filter((number) => fits(data.runs[number]));
    controls.other.replaceChildren(option("", "no other"), ...fitting.map((number) => option(number, data.runs[number].name)));
    controls.other.value = fitting.map(String).includes(before) ? before : fitting[0] ?? "";
    controls.other.disabled = !fitting.length;
    chooseKinds();
    draw();
  }

  function draw() {
    const run = data.runs[controls.run.value], other = data.runs[controls.other.value] || null;
    view = { run, other, pairs: data.pairs[run.pairs], picks: data.picks };
    for (const two of document.querySelectorAll("#filters .two")) two.disabled = !other;
    for (const select of [controls.order, controls.show]) {
      if (select.selectedOptions[0].disabled) select.selectedIndex = 0;
    }
    near.disconnect();
    articles = run.rank.map((_, query) => {
      const article = element("article", "");
      const line = reportRows.heading(view, query);
      article.query = query;
      article.id = `query-${query}`;
      line.id = `query-${query}-line`;
      article.setAttribute("aria-labelledby", line.id);
      article.append(line, element("ul", "strip"));
      return article;
    });
    measure();
    arrange();
  }

  const WORTH = {
    margin: (run, other, q) => run.margin[q] ?? -1e9,
    rank: (run, other, q) => run.rank[q],
    gallery: (run, other, q) => run.gallery[q],
    place: (run, other, q) => q,
    apart: (run, other, q) => Math.abs(run.rank[q] - other.rank[q]),
    better: (run, other, q) => run.rank[q] - other.rank[q],
    worse: (run, other, q) => other.rank[q] - run.rank[q],
  };

  function wanted(query) {
    const { run, other, pairs, picks } = view;
    const hit = run.rank[query] <= picks, text = controls.text.value.trim().toLowerCase();
    if (text && !`${pairs.left[query]}\n${pairs.right[query]}`.toLowerCase().includes(text)) return false;
    if (controls.kind.value) {
      const [number, place] = controls.kind.value.split(" ").map(Number);
      if (pairs.kinds[number].kind[query] !== place) return false;
    }
    if (controls.show.value === "one") return hit !== other.rank[query] <= picks;
    return controls.show.value === "all" || hit === (controls.show.value === "hit");
  }

  function arrange() {
    const falling = controls.order.value.startsWith("-"), worth = WORTH[controls.order.value.replace("-", "")];
    const sign = falling ? -1 : 1, value = (article) => sign * worth(view.run, view.other, article.query);
    shown = articles.filter((article) => wanted(article.query));
    shown.sort((one, two) => value(one) - value(two) || one.query - two.query);
    feed.replaceChildren(...shown);
    shown.forEach((article, place) => {
      article.setAttribute("aria-posinset", place + 1);
      article.setAttribute("aria-setsize", shown.length);
      article.tabIndex = place ? -1 : 0;
      near.observe(article);
    });
    const [some, all] = [shown.length, articles.length].map((count) => count.toLocaleString("en"));
    at("count").textContent = `${some} of ${all} queries of run ${view.run.name}, ${controls.order.selectedOptions[0].text}`;
  }

  // How many lines a list takes: every row is as tall, built or not, so that nothing jumps.
  function measure() {
    feed.classList.toggle("large", controls.size.value === "large");
    const cell = parseFloat(getComputedStyle(feed).getPropertyValue("--cell"));
    const columns = Math.max(1, Math.floor(feed.clientWidth / cell));
    feed.style.setProperty("--lines", Math.ceil((view.run.order[0].length + 1) / columns));
  }

  function move(event) {
    const step = { ArrowDown: 1, j: 1, PageDown: 1, ArrowUp: -1, k: -1, PageUp: -1 }[event.key];
    const here = shown.indexOf(event.target.closest("article"));
    const next = shown[here + step];
    if (!step || here < 0 || !next || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    shown[here].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  controls.run.replaceChildren(...data.runs.map((run, number) => option(number, run.name)));
  controls.run.addEventListener("change", chooseRun);
  controls.other.addEventListener("change", draw);
  for (const name of ["order", "show", "kind"]) controls[name].addEventListener("change", arrange);
  controls.size.addEventListener("change", measure);
  controls.text.addEventListener("input", arrange);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  feed.addEventListener("keydown", move);
  addEventListener("resize", measure);
  addEventListener("beforeprint", () => {
    feed.classList.add("printing");
    shown.forEach((article, place) => {
      article.classList.toggle("printed", place < PRINTED);
      if (place < PRINTED) build(article);
    });
  });
  addEventListener("afterprint", () => feed.classList.remove("printing"));
  chooseRun();
})();
