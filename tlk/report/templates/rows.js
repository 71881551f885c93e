// One row of the table of queries: its line of words at once, its pictures when it comes near the screen.
const reportRows = (() => {
  function element(name, className, text) {
    const made = document.createElement(name);
    made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function cell(className, number, id, below, words, also) {
    const item = element("li", className);
    const thumb = element("span", "thumb");
    reportPictures.fill(thumb, number, words);
    const name = element("span", "id", id);
    name.title = id;
    item.append(thumb, name, below);
    if (also) item.append(also);
    return item;
  }

  function score(value) {
    return value === null ? "no score" : value.toFixed(3).replace(/^-(?=.*[1-9])/, "−").replace("-", ""); // no −0.000
  }

  // The words above a query's pictures. `view` has the run, perhaps another one, and the pairs they speak of.
  function heading(view, query) {
    const { pairs, run, other, picks } = view;
    const line = element("h3", "");
    const hit = run.rank[query] <= picks;
    line.append(
      element("b", hit ? "hit" : "miss", `${hit ? "✓ hit" : "✗ miss"}: ${pairs.left[query]}`),
      element("span", "", `rank ${run.rank[query]} of ${run.order[query].length}`),
      element("span", "", `margin ${score(run.margin[query])}`),
      element("span", "", `rank ${run.gallery[query]} of ${run.images[query]} in the gallery`),
    );
    if (other) line.append(element("span", "", `rank ${other.rank[query]} with ${other.name}`));
    return line;
  }

  // A badge where the other run picks the same candidate, too: which of its picks.
  function picked(view, query, pair) {
    const place = view.other ? view.other.order[query].indexOf(pair) : -1;
    if (place < 0 || place >= view.picks) return null;
    const badge = element("span", "also", String(place + 1));
    badge.title = `pick ${place + 1} of ${view.other.name}`;
    badge.setAttribute("role", "img");
    badge.setAttribute("aria-label", badge.title);
    return badge;
  }

  // The query and its candidates, the highest score first.
  function strip(view, query) {
    const { pairs, run, picks } = view;
    const list = element("ul", "strip");
    list.append(cell("query", pairs.leftPicture[query], pairs.left[query], "query", `query ${pairs.left[query]}`));
    run.order[query].forEach((pair, place) => {
      const truth = pair === query;
      const kind = (truth ? "truth" : "") + (place + 1 === picks ? " last" : "");
      const words = `${place + 1}: ${pairs.right[pair]}${truth ? ", the truth" : ""}`;
      list.append(cell(kind, pairs.rightPicture[pair], pairs.right[pair], score(run.scores[query][place]), words, picked(view, query, pair)));
    });
    return list;
  }

  return { element, heading, strip };
})();
