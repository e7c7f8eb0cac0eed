// Runs when the welcome is mounted. Gradio hands in `element` and `trigger`.

element.addEventListener("click", (event) => {
  const question = event.target.closest("button[data-question]");
  if (question) {
    trigger("submit", { question: question.dataset.question });
  }
});
