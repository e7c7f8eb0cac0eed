// The table of articles: which of them are shown and in which order is kept here, the rows come from the server.

const view = { words: "", column: "title", descending: false, page: 0 };
let hasTools = false;
let waiting = 0;

function show(changed) {
  Object.assign(view, changed);
  clearTimeout(waiting);
  trigger("input", view);
}

function begin() {
  if (!hasTools) {
    hasTools = true;
    trigger("focus"); // the tools depend on who looks
  }
  show({});
}

function sort(column) {
  const first = column === "published" || column === "added_at" || column === "passages"; // the newest, the longest
  show({ column, descending: column === view.column ? !view.descending : first, page: 0 });
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const { column, page, open, reread, remove, title } = button?.dataset ?? {};
  if (column) {
    sort(column);
  } else if (page !== undefined) {
    show({ page: Number(page) });
    element.closest(".tab").scrollTop = 0;
  } else if (open) {
    document.dispatchEvent(new CustomEvent("career:open", { detail: { article: open, from: button } }));
  } else if (reread && !document.body.hasAttribute("data-working")) {
    trigger("edit", { article: reread });
    element.closest(".tab").scrollTop = 0;
  } else if (remove) {
    document.dispatchEvent(new CustomEvent("career:remove", { detail: { article: remove, title } }));
  }
});
document.addEventListener("input", (event) => {
  if (event.target.matches("#shelf-tools [type=search]")) {
    clearTimeout(waiting);
    waiting = setTimeout(() => show({ words: event.target.value, page: 0 }), 120);
  }
});
document.addEventListener("career:changed", () => show({}));
document.addEventListener("career:shown", (event) => {
  if (event.detail.tab === "articles") {
    begin();
  }
});
// What had the focus has it again after the rows came anew.
let focused = "";
element.addEventListener("focusin", (event) => {
  const data = event.target.closest("button")?.dataset ?? {};
  const [name, value] = Object.entries(data).find(([key]) => ["column", "open", "reread", "remove"].includes(key)) ?? [];
  focused = name ? `[data-${name}="${CSS.escape(value)}"]` : "";
});
new MutationObserver(() => {
  if (document.activeElement === document.body && focused) {
    element.querySelector(focused)?.focus({ preventScroll: true });
  }
}).observe(element, { childList: true });

if (document.body.dataset.tab === "articles") {
  begin();
}
