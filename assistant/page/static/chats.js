// Conversations kept in this browser: each under a key of its own, so that two tabs never overwrite one another.
// The page's own exchanges (data-exchange, written by the server) are what is kept, and what is handed back to open one.
// Gradio hands in `element` and `trigger`. Every word of a conversation is written as text.

const PREFIX = "career:chat:";
const list = element.querySelector("ul");
const drawer = document.getElementById("chats");
const setCovered = (isCovered) => {
  for (const part of document.querySelectorAll("#top, #chat")) {
    part.inert = isCovered;
  }
};
const coversPage = window.matchMedia("(max-width: 60rem)"); // as in page.css
const toggle = () => document.querySelector("#top [data-chats]"); // mounted after this
const store = openStore();
let opened = store.session.getItem("career:open"); // the key of the conversation on the page; one for each tab

// A browser may forbid storage: then conversations last as long as the page.
function openStore() {
  try {
    localStorage.setItem("career:probe", "");
    localStorage.removeItem("career:probe");
    return { local: localStorage, session: sessionStorage };
  } catch {
    const memory = new Map();
    const storage = {
      getItem: (key) => memory.get(key) ?? null,
      setItem: (key, value) => { memory.set(key, value); },
      removeItem: (key) => { memory.delete(key); },
      get length() { return memory.size; },
      key: (place) => [...memory.keys()][place],
    };
    element.querySelector(".kept").textContent = "This browser keeps nothing: conversations end with the page.";
    return { local: storage, session: storage };
  }
}

function readChat(key) {
  try {
    return JSON.parse(store.local.getItem(key));
  } catch {
    return null;
  }
}

function readChats() {
  const keys = Array.from({ length: store.local.length }, (_, place) => store.local.key(place));
  return keys
    .filter((key) => key?.startsWith(PREFIX))
    .map((key) => ({ key, ...readChat(key) }))
    .filter((chat) => Array.isArray(chat.exchanges))
    .sort((one, other) => other.changed - one.changed);
}

function keep(key, chat) {
  try {
    store.local.setItem(key, JSON.stringify(chat));
    return;
  } catch {
    const oldest = readChats().reverse().find((other) => other.key !== key);
    if (oldest) {
      store.local.removeItem(oldest.key); // the browser's space is full: the oldest makes room
      keep(key, chat);
    }
  }
}

function readPage() {
  return [...document.querySelectorAll(".exchange")].map((exchange) => JSON.parse(exchange.dataset.exchange));
}

function keepPage() {
  const exchanges = readPage();
  if (!exchanges.length) {
    return;
  }
  if (!opened) {
    opened = `${PREFIX}${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
    store.session.setItem("career:open", opened);
  }
  const known = readChat(opened);
  if (JSON.stringify(known?.exchanges) === JSON.stringify(exchanges)) {
    return;
  }
  keep(opened, { title: known?.title ?? exchanges[0].question, changed: Date.now(), exchanges });
  drawList();
}

function openChat(key) {
  const exchanges = key ? readChat(key)?.exchanges ?? [] : [];
  opened = exchanges.length ? key : null;
  if (opened) {
    store.session.setItem("career:open", opened);
  } else {
    store.session.removeItem("career:open");
  }
  document.dispatchEvent(new CustomEvent("career:close"));
  const chosen = exchanges.at(-1)?.articles ?? []; // the conversation goes on with the articles that it was about
  document.body.dataset.chosen = chosen.length ? JSON.stringify(chosen) : "";
  document.dispatchEvent(new CustomEvent("career:chosen"));
  trigger("select", { exchanges });
  drawList();
}

function startChat() {
  openChat(null);
  closeDrawer();
  document.querySelector("#question textarea")?.focus();
}

function makeButton(words, name, act, className = "") {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = words;
  button.className = className;
  if (name !== words) {
    button.setAttribute("aria-label", name);
    button.title = name;
  }
  button.addEventListener("click", act);
  return button;
}

function drawList() {
  list.replaceChildren(...readChats().map(drawChat));
  element.querySelector(".none")?.remove();
  if (!list.children.length) {
    const none = document.createElement("p");
    none.className = "none";
    none.textContent = "No conversation yet.";
    list.after(none);
  }
}

function drawChat(chat) {
  const item = document.createElement("li");
  const open = makeButton(chat.title, chat.title, () => { openChat(chat.key); closeDrawer(); }, "chat");
  if (chat.key === opened) {
    open.setAttribute("aria-current", "true");
  }
  const rename = makeButton("✎", `Rename “${chat.title}”`, () => askName(item, chat), "tool");
  const remove = makeButton("✕", `Delete “${chat.title}”`, () => askRemoval(item, chat), "tool");
  item.append(open, rename, remove);
  return item;
}

function askName(item, chat) {
  const field = document.createElement("input");
  field.value = chat.title;
  field.maxLength = 200;
  field.setAttribute("aria-label", "Name of the conversation");
  const finish = (isNamed) => {
    const title = field.value.trim();
    if (isNamed && title) {
      keep(chat.key, { ...readChat(chat.key), title });
    }
    drawList();
    list.querySelectorAll(".chat")[readChats().findIndex((other) => other.key === chat.key)]?.focus();
  };
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") {
      finish(event.key === "Enter");
    }
  });
  item.replaceChildren(field, makeButton("Save", "Save", () => finish(true), "tool word"));
  field.select();
}

function askRemoval(item, chat) {
  const question = document.createElement("span");
  question.textContent = "Delete it?";
  const yes = makeButton("Delete", `Delete “${chat.title}” for good`, () => removeChat(chat.key), "tool word danger");
  item.replaceChildren(question, yes, makeButton("Keep", "Keep", drawList, "tool word"));
  yes.focus();
}

function removeChat(key) {
  store.local.removeItem(key);
  if (key === opened) {
    openChat(null);
  }
  drawList();
}

function exportChat() {
  const title = readChat(opened)?.title ?? "Conversation";
  const parts = [...document.querySelectorAll(".exchange")].map((exchange) => exchange.dataset.markdown);
  const address = URL.createObjectURL(new Blob([`${parts.filter(Boolean).join("\n\n")}\n`], { type: "text/markdown" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${title.replace(/[^\p{L}\p{N} -]/gu, "").trim().slice(0, 60) || "conversation"}.md`;
  link.click();
  URL.revokeObjectURL(address);
}

function openDrawer() {
  document.body.setAttribute("data-chats", "");
  toggle().setAttribute("aria-expanded", "true");
  setCovered(coversPage.matches);
  if (coversPage.matches) {
    element.querySelector("button")?.focus();
  }
}

function closeDrawer({ always = false } = {}) {
  if (always || coversPage.matches) {
    const wasOpen = document.body.hasAttribute("data-chats");
    document.body.removeAttribute("data-chats");
    toggle().setAttribute("aria-expanded", "false");
    setCovered(false);
    if (wasOpen) {
      toggle().focus();
    }
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("#top button");
  if (button?.matches("[data-chats]")) {
    document.body.hasAttribute("data-chats") ? closeDrawer({ always: true }) : openDrawer();
  } else if (button?.matches("[data-new]")) {
    startChat();
  } else if (button?.matches("[data-export]")) {
    exportChat();
  }
});
element.querySelector("[data-close]").addEventListener("click", closeDrawer);
drawer.addEventListener("click", (event) => {
  if (event.target === drawer) {
    closeDrawer(); // beside the list, on the shade
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.hasAttribute("data-chats") && coversPage.matches) {
    closeDrawer();
  }
});
window.addEventListener("storage", drawList); // another tab has kept, renamed or deleted one

let waiting = 0;
new MutationObserver(() => {
  clearTimeout(waiting);
  waiting = setTimeout(keepPage, 300);
}).observe(document.getElementById("thread"), { childList: true, subtree: true, attributeFilter: ["data-exchange"] });
window.addEventListener("pagehide", keepPage);

drawList();
if (opened) {
  openChat(opened);
}
