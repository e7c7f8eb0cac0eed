// Shows the prompts that the controls ask for. Nothing is loaded, sent or kept.

const form = document.querySelector(".filters");
const prompts = [...document.querySelectorAll(".prompt")];

function belongs(prompt, wanted) {
  const { outcome, tags, step, kind } = prompt.dataset;
  return (
    (wanted.outcome === "all" || outcome.split(" ").includes(wanted.outcome)) &&
    (!wanted.tag || tags.split("\n").includes(wanted.tag)) &&
    (!wanted.step || step === wanted.step) &&
    (!wanted.kind || kind === wanted.kind) &&
    wanted.words.every((word) => prompt.words.includes(word))
  );
}

function filter() {
  const given = Object.fromEntries(new FormData(form));
  const wanted = { outcome: "all", ...given, words: (given.words || "").toLowerCase().split(/\s+/).filter(Boolean) };
  let shown = 0;
  for (const prompt of prompts) {
    prompt.hidden = !belongs(prompt, wanted);
    shown += !prompt.hidden;
  }
  const all = prompts.length;
  form.querySelector("output").textContent = shown === all ? `${all} prompts` : `${shown} of ${all} prompts`;
}

if (form) {
  for (const prompt of prompts) {
    const read = [...prompt.querySelectorAll(".question, .history, .answer, .where")];
    prompt.words = read.map((part) => part.textContent).join(" ").toLowerCase();
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter(); // a browser fills a form in again after a reload
  for (const button of document.querySelectorAll("button[data-step]")) {
    button.addEventListener("click", () => {
      form.elements.step.value = button.dataset.step;
      filter();
      document.getElementById("prompts").scrollIntoView();
    });
  }
}
