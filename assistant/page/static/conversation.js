// Runs when the conversation is mounted: the exchanges before the newest, and beside it the newest one.
// Events carry names that Gradio knows, "submit" and "like": its gr.on() takes no names of our own.

const thread = document.getElementById("thread");
const status = document.createElement("div"); // what a screen reader is told: an answer once, when it is whole
status.className = "hidden";
status.setAttribute("role", "status");
document.getElementById("chat").append(status);

async function copyText(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    copyBySelection(button.dataset.copy); // no clipboard without https, except on this machine
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy answer"; }, 2000);
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function askAnew(exchange, question) {
  trigger("submit", { question, from: [...thread.querySelectorAll(".exchange")].indexOf(exchange) });
}

function editQuestion(exchange) {
  const { question } = JSON.parse(exchange.dataset.exchange);
  const asked = exchange.querySelector(".asked");
  if (asked.querySelector("textarea")) {
    return;
  }
  const editor = document.createElement("div");
  editor.className = "editor";
  const area = document.createElement("textarea");
  area.value = question;
  area.rows = 2;
  area.setAttribute("aria-label", "Your question, edited");
  const send = addButton(editor, "Ask", "send");
  const cancel = addButton(editor, "Cancel", "cancel");
  editor.prepend(area);
  const close = () => {
    editor.remove();
    asked.firstElementChild.hidden = false;
    exchange.querySelector("[data-edit]")?.focus();
  };
  const finish = () => {
    if (area.value.trim()) {
      close();
      askAnew(exchange, area.value);
    }
  };
  send.addEventListener("click", finish);
  cancel.addEventListener("click", close);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      finish();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
  });
  asked.firstElementChild.hidden = true;
  asked.append(editor);
  area.focus();
}

function addButton(parent, words, className) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.textContent = words;
  parent.append(button);
  return button;
}

thread.addEventListener("click", (event) => {
  const mark = event.target.closest("a[data-number]");
  const button = event.target.closest("button");
  const exchange = event.target.closest(".exchange");
  if (mark) {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("career:open", { detail: { mark } }));
  } else if (button?.matches("[data-question]")) {
    trigger("submit", { question: button.dataset.question });
  } else if (button?.matches("[data-copy]")) {
    copyText(button);
  } else if (button?.matches("[data-rating]")) {
    trigger("like", { turn: Number(button.dataset.turn), rating: button.dataset.rating });
  } else if (button?.matches("[data-again]")) {
    askAnew(exchange, JSON.parse(exchange.dataset.exchange).question);
  } else if (button?.matches("[data-edit]")) {
    editQuestion(exchange);
  }
});

function tell(isBusy) {
  const last = [...thread.querySelectorAll(".exchange")].at(-1);
  if (isBusy) {
    status.textContent = thread.querySelector(".progress")?.textContent ?? "Searching the articles"; // or the place in line
  } else if (last) {
    const answer = last.querySelector(".answer-text, .refusal, .error")?.cloneNode(true);
    answer?.querySelectorAll("sup").forEach((mark) => mark.remove());
    const sources = last.querySelectorAll(".sources li").length;
    const counted = sources ? ` ${sources} ${sources === 1 ? "source" : "sources"}.` : "";
    status.textContent = `${answer?.textContent ?? "Stopped."}${counted}`;
  }
}

// A new question goes to the top and stays there, so that what is being read does not move while the answer grows; until
// it is long enough for that, its end is in view. Whoever scrolls decides from then on, until the next question.
let follows = true;
let exchanges = 0;
let wasBusy = false;

function stopFollowing() {
  follows = false;
}

for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
  thread.addEventListener(name, stopFollowing, { passive: true });
}

new MutationObserver(() => {
  const shown = thread.querySelectorAll(".exchange").length;
  const isBusy = thread.querySelector("[aria-busy=true]") !== null;
  follows = follows || shown > exchanges;
  exchanges = shown;
  document.body.toggleAttribute("data-talking", shown > 0);
  document.body.toggleAttribute("data-busy", isBusy);
  if (isBusy !== wasBusy) {
    wasBusy = isBusy;
    tell(isBusy);
  }
  if (follows && shown) {
    const newest = [...thread.querySelectorAll(".exchange")].at(-1);
    thread.scrollTop += newest.getBoundingClientRect().top - thread.getBoundingClientRect().top;
  }
}).observe(thread, { childList: true, subtree: true, characterData: true, attributes: true });
