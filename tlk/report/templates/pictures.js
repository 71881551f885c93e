"use strict";
// The pictures of the page, by number: each stands in the page once, whoever shows it.
const reportPictures = (() => {
  const text = document.getElementById("report-pictures").textContent.trim();
  const lines = text ? text.split("\n") : [];

  // Fill a .thumb with picture `number`, or where there is none with nothing but its words.
  function fill(thumb, number, text) {
    if (number < 0 || number >= lines.length) {
      const words = document.createElement("span");
      words.className = "none";
      words.setAttribute("role", "img");
      words.setAttribute("aria-label", text);
      thumb.replaceChildren(words);
      return;
    }
    const image = new Image();
    image.alt = text;
    image.decoding = "async";
    image.src = "data:image/webp;base64," + lines[number];
    thumb.replaceChildren(image);
  }

  for (const thumb of document.querySelectorAll(".thumb[data-picture]")) {
    fill(thumb, Number(thumb.dataset.picture), thumb.dataset.text);
  }
  return { fill };
})();
