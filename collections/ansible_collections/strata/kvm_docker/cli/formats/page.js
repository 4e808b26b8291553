"use strict";
const all = (selector) => Array.from(document.querySelectorAll(selector));
const leaves = all(".leaf").map((row) => [row, (row.title + " " + row.textContent).toLowerCase()]);
const nodes = all("main details").reverse();

document.getElementById("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const [row, text] of leaves) row.hidden = !text.includes(wanted);
  for (const node of nodes) {
    node.hidden = wanted !== "" && !node.querySelector(".leaf:not([hidden])");
    if (wanted !== "" && !node.hidden) node.open = true;
  }
});
document.getElementById("only").addEventListener("change", (event) => {
  document.body.classList.toggle("only", event.target.checked);
});
document.getElementById("open").addEventListener("click", () => nodes.forEach((node) => { node.open = true; }));
document.getElementById("shut").addEventListener("click", () => nodes.forEach((node) => { node.open = false; }));
