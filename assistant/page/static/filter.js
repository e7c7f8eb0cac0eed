// The articles that a question is asked of. What is chosen stands in the body's data-chosen, as JSON, "" for all: it
// travels with each question and comes back with a conversation that is opened (chats.js).

const button = element.querySelector("[data-filter]");
const choice = () => document.getElementById("choice"); // mounted after this
const search = () => choice().querySelector("[type=search]");
const read = () => JSON.parse(document.body.dataset.chosen || "[]");
let waiting = 0;

function write(chosen) {
  document.body.dataset.chosen = chosen.length ? JSON.stringify(chosen) : "";
  draw();
}

function draw() {
  const chosen = read();
  element.querySelector(".chosen").textContent = chosen.length
    ? chosen.length === 1 ? chosen[0].title : `${chosen.length} articles`
    : "All articles";
  element.querySelector("[data-all]").hidden = !chosen.length;
  element.querySelector(".filter").toggleAttribute("data-on", chosen.length > 0);
  const ids = new Set(chosen.map((each) => each.id));
  for (const box of choice()?.querySelectorAll("[type=checkbox]") ?? []) {
    box.checked = ids.has(box.value);
  }
}

function list(words = "") {
  trigger("input", { words, chosen: read().map((each) => each.id) });
}

function open() {
  choice().setAttribute("role", "dialog");
  choice().setAttribute("aria-label", "Answer from");
  choice().toggleAttribute("data-open", true);
  button.setAttribute("aria-expanded", "true");
  search().value = "";
  list();
  search().focus();
}

function close({ returns = true } = {}) {
  if (choice()?.hasAttribute("data-open")) {
    choice().removeAttribute("data-open");
    button.setAttribute("aria-expanded", "false");
    if (returns) {
      button.focus();
    }
  }
}

function choose(box) {
  const others = read().filter((each) => each.id !== box.value);
  const title = box.parentElement.querySelector("span").textContent;
  write(box.checked ? [...others, { id: box.value, title }] : others);
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("#filter button, #choice button");
  if (pressed === button) {
    choice().hasAttribute("data-open") ? close() : open();
  } else if (pressed?.matches("[data-all]")) {
    write([]);
    if (element.contains(pressed)) {
      button.focus();
    }
  } else if (pressed?.matches("[data-done]")) {
    close({ returns: false });
    document.querySelector("#question textarea")?.focus();
  } else if (!event.target.closest("#choice")) {
    close({ returns: false });
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("#choice [type=checkbox]")) {
    choose(event.target);
  }
});
document.addEventListener("input", (event) => {
  if (event.target.matches("#choice [type=search]")) {
    clearTimeout(waiting);
    waiting = setTimeout(() => list(event.target.value), 120);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && choice()?.hasAttribute("data-open")) {
    event.stopImmediatePropagation(); // this Escape closes the list, the next one the source
    close();
  }
}, true);
document.addEventListener("career:chosen", draw);
draw();
