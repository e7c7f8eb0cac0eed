// Runs when the conversation is mounted. Gradio hands in `element`, `trigger` and `watch`.
// Events carry names that Gradio knows, "submit", "select" and "like": its gr.on() takes no names of our own.

function openCitation(mark) {
  document.dispatchEvent(new CustomEvent("career:open", { detail: { mark } }));
  trigger("select", { turn: Number(mark.dataset.turn), number: Number(mark.dataset.number) });
}

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

element.addEventListener("click", (event) => {
  const mark = event.target.closest("a[data-number]");
  const question = event.target.closest("button[data-question]");
  const copy = event.target.closest("button[data-copy]");
  const rate = event.target.closest("button[data-rating]");
  if (mark) {
    event.preventDefault();
    openCitation(mark);
  } else if (question) {
    trigger("submit", { question: question.dataset.question });
  } else if (copy) {
    copyText(copy);
  } else if (rate) {
    trigger("like", { turn: Number(rate.dataset.turn), rating: rate.dataset.rating });
  }
});

// The newest words stay in view, unless the reader has scrolled up to read something else. Only an upward move tells:
// by the time a scroll event comes, the answer may have grown.
const scroller = document.getElementById("thread");
let follows = true;
let scrolledTo = 0;
let exchanges = 0;
scroller.addEventListener("scroll", () => {
  const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  follows = below < 80 || (follows && scroller.scrollTop >= scrolledTo);
  scrolledTo = scroller.scrollTop;
});
new MutationObserver(() => {
  const shown = element.querySelectorAll(".exchange").length;
  follows = follows || shown > exchanges;
  exchanges = shown;
  document.body.toggleAttribute("data-talking", shown > 0);
  document.body.toggleAttribute("data-busy", element.querySelector("[aria-busy=true]") !== null);
  if (follows) {
    scroller.scrollTop = scroller.scrollHeight;
  }
}).observe(element, { childList: true, subtree: true, characterData: true, attributes: true });
