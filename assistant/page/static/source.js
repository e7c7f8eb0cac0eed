// Runs when the source panel is mounted. Gradio hands in `element` and `trigger`.

const panel = document.getElementById("source");
let openedFrom = null;

function openPanel(mark) {
  if (!panel.contains(mark)) {
    openedFrom = mark;
  }
  document.body.setAttribute("data-reading", "");
}

function closePanel() {
  document.body.removeAttribute("data-reading");
  if (openedFrom && openedFrom.isConnected) {
    openedFrom.focus();
  }
  openedFrom = null;
}

function showChosen() {
  const chosen = element.querySelector("mark.chosen");
  if (chosen && document.body.hasAttribute("data-reading")) {
    chosen.focus({ preventScroll: true });
    chosen.scrollIntoView({ block: "center" });
  }
}

document.addEventListener("career:open", (event) => openPanel(event.detail.mark));
document.addEventListener("career:close", closePanel);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.hasAttribute("data-reading")) {
    closePanel();
  }
});

element.addEventListener("click", (event) => {
  const mark = event.target.closest("a[data-number]");
  if (mark) {
    event.preventDefault();
    trigger("select", { turn: Number(mark.dataset.turn), number: Number(mark.dataset.number) });
  } else if (event.target.closest("button[data-close]")) {
    closePanel();
  }
});

// Every opening writes another data-opened, so that choosing the same quote again scrolls to it again.
new MutationObserver(showChosen).observe(element, { childList: true, subtree: true, attributeFilter: ["data-opened"] });
