// The length of the question, told when it nears the limit; what is blank or too long is not sent, and not lost.
// "/" leads to the question from anywhere.

const composer = document.getElementById("composer");
const told = element.querySelector("[data-limit]");
const limit = Number(told.dataset.limit);
const field = () => composer.querySelector("textarea"); // mounted after this

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

composer.addEventListener("input", tellLength);
composer.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    holdBack(event);
  }
}, true);
composer.addEventListener("click", (event) => {
  if (event.target.closest("#send")) {
    holdBack(event);
  }
}, true);
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("career:close"));
    field().focus();
  }
});
// Gradio empties the box without an event when the question is under way.
new MutationObserver(() => setTimeout(tellLength)).observe(document.getElementById("thread"), { childList: true, subtree: true });
