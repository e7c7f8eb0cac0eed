// What is being done to the library, and what became of it. A screen reader hears each step once.

const told = document.createElement("div");
told.className = "hidden";
told.setAttribute("role", "status");
element.parentElement.append(told);

function drawSending({ told: words, done, total }) {
  const section = document.createElement("section");
  section.className = "work";
  const line = document.createElement("p");
  line.className = "told";
  line.textContent = words;
  const bar = document.createElement("progress");
  bar.max = total;
  bar.value = done;
  bar.setAttribute("aria-label", "Files sent");
  section.append(line, bar);
  element.replaceChildren(section);
}

let finished = null;

new MutationObserver(() => {
  const work = element.querySelector(".work");
  const isDone = work?.hasAttribute("data-done") ?? true;
  document.body.toggleAttribute("data-working", !isDone);
  const words = [...(work?.querySelectorAll(".told, .state + .error, .work > .error") ?? [])].map((part) => part.textContent);
  if (told.textContent !== words.join(" ")) {
    told.textContent = words.join(" ");
  }
  if (work && isDone && work !== finished) {
    finished = work;
    document.dispatchEvent(new CustomEvent("career:changed"));
  }
}).observe(element, { childList: true, subtree: true });

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches("[data-stop]")) {
    button.textContent = "Stopping";
    trigger("clear", { name: button.closest(".work").dataset.name });
  } else if (button?.matches("[data-dismiss]")) {
    element.replaceChildren();
    document.querySelector("#shelf-tools [type=search]")?.focus();
  }
});
document.addEventListener("career:sending", (event) => drawSending(event.detail));
