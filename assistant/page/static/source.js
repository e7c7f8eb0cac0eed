// Runs when the source panel is mounted. Gradio hands in `element` and `trigger`.

const panel = document.getElementById("source");
const coversPage = window.matchMedia("(max-width: 60rem)"); // as in page.css
let openedFrom = null;
let quotedIn = null; // the element with the reply that the panel shows quotes of

function openArticle(name, from) {
  openedFrom = from;
  document.body.setAttribute("data-reading", "");
  panel.setAttribute("data-waiting", "");
  keepFocusInside();
  trigger("select", { article: name });
}

function openPanel(mark) {
  if (!panel.contains(mark)) {
    openedFrom = mark;
    quotedIn = mark.closest("[data-exchange]");
  }
  if (!quotedIn) {
    return;
  }
  document.body.setAttribute("data-reading", "");
  panel.setAttribute("data-waiting", "");
  keepFocusInside();
  const { turn, number } = mark.dataset;
  trigger("select", { turn: Number(turn), number: Number(number), exchange: JSON.parse(quotedIn.dataset.exchange) });
}

function closePanel() {
  if (!document.body.hasAttribute("data-reading")) {
    return;
  }
  document.body.removeAttribute("data-reading");
  keepFocusInside();
  if (openedFrom && openedFrom.isConnected) {
    openedFrom.focus();
  }
  openedFrom = null;
}

function keepFocusInside() {
  const isCovered = coversPage.matches && document.body.hasAttribute("data-reading");
  for (const part of document.querySelectorAll("#top, #career > .tab")) {
    part.inert = isCovered;
  }
}

function showChosen() {
  panel.removeAttribute("data-waiting");
  if (!document.body.hasAttribute("data-reading")) {
    return;
  }
  const target = element.querySelector("mark.chosen") ?? element.querySelector(".pages");
  if (!element.querySelector(".steps")?.contains(document.activeElement)) {
    target?.focus({ preventScroll: true }); // who steps from one to the next stays on the button
  }
  target?.scrollIntoView({ block: target.matches("mark") ? "center" : "start" });
}

coversPage.addEventListener("change", keepFocusInside);
document.addEventListener("career:open", ({ detail }) => {
  if (detail.mark) {
    openPanel(detail.mark);
  } else {
    openArticle(detail.article, detail.from);
  }
});
document.addEventListener("career:close", closePanel);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    closePanel();
  }
});

element.addEventListener("click", (event) => {
  const leads = event.target.closest("[data-number]");
  if (leads) {
    event.preventDefault();
    openPanel(leads);
  } else if (event.target.closest("button[data-close]")) {
    closePanel();
  }
});

// Every opening writes another data-opened, so that choosing the same quote again scrolls to it again.
new MutationObserver(showChosen).observe(element, { childList: true, subtree: true, attributeFilter: ["data-opened"] });
