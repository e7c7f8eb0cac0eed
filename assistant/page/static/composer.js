// The length of the question, told when it nears the limit; what is blank or too long is not sent, and not lost.
// "/" leads to the question from anywhere.

const told = element.querySelector("[data-limit]");
const limit = Number(told.dataset.limit);
const field = () => document.querySelector("#composer textarea"); // mounted after this, as all of #composer may be

function tellLength() {
  const length = [...(field()?.value.trim() ?? "")].length; // as the server counts: characters, not halves of them
  const isLong = length > limit;
  const number = (count) => count.toLocaleString("en");
  told.textContent = length > limit * 0.8
    ? `${number(length)} of ${number(limit)} characters${isLong ? ": shorten the question" : ""}`
    : "";
  told.toggleAttribute("data-over", isLong);
  return isLong;
}

function holdBack(event) {
  if (field().value.trim() === "" || tellLength()) {
    event.preventDefault();
    event.stopImmediatePropagation();
    field().focus();
  }
}

document.addEventListener("input", (event) => {
  if (event.target.closest("#composer")) {
    tellLength();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && event.target.closest("#composer")) {
    holdBack(event);
  }
}, true);
document.addEventListener("click", (event) => {
  if (event.target.closest("#send")) {
    holdBack(event);
  }
}, true);
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("career:tab", { detail: { tab: "talk" } }));
    document.dispatchEvent(new CustomEvent("career:close"));
    field().focus();
  }
});
// Gradio empties the box without an event when the question is under way.
new MutationObserver(() => setTimeout(tellLength)).observe(document.getElementById("thread"), { childList: true, subtree: true });
