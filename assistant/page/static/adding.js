// The tools above the table: what adds articles, and the question before one is removed.
// Gradio hands in `element`, `trigger` and `upload`. Every word that comes from a file or an article is written as text.

const find = (selector) => element.querySelector(selector);
const isWorking = () => document.body.hasAttribute("data-working");

function open(isOpen) {
  const section = find("#adding");
  if (section) {
    section.hidden = !isOpen;
    find("[data-add]").setAttribute("aria-expanded", String(isOpen));
  }
}

function tellSending(done, files) {
  const detail = { told: `Sending ${done + 1} of ${files.length}: ${files[done].name}`, done, total: files.length };
  document.dispatchEvent(new CustomEvent("career:sending", { detail }));
}

async function sendFiles(list) {
  const files = [...list];
  if (!files.length || isWorking()) {
    return;
  }
  const { limit, files: most } = find("form.link").dataset;
  const sent = [];
  for (const [place, file] of files.entries()) {
    tellSending(place, files);
    sent.push({ name: file.name, path: files.length > most || file.size > limit ? "" : await sendFile(file) });
  }
  trigger("upload", { files: sent });
}

async function sendFile(file) {
  try {
    return (await upload(file)).path;
  } catch {
    return ""; // the server says what that means
  }
}

function askRemoval({ article, title }) {
  const dialog = find("dialog");
  if (dialog && !isWorking()) {
    dialog.querySelector("h2").textContent = `Remove “${title}”?`;
    dialog.dataset.article = article;
    dialog.showModal();
    dialog.querySelector("[data-keep]").focus(); // Enter alone removes nothing
  }
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches("[data-add]")) {
    open(find("#adding").hidden);
    find("#adding").hidden || find("[data-choose]").focus();
  } else if (button?.matches("[data-choose]")) {
    find("input[type=file]").click();
  } else if (button?.matches("[data-keep]")) {
    find("dialog").close();
  } else if (button?.matches("[data-confirm]")) {
    trigger("delete", { article: find("dialog").dataset.article });
    find("dialog").close();
  }
});
element.addEventListener("change", (event) => {
  if (event.target.matches("input[type=file]")) {
    sendFiles(event.target.files).finally(() => { event.target.value = ""; });
  }
});
element.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = find("#links");
  if (field.value.trim() && !isWorking()) {
    trigger("submit", { links: field.value });
    field.value = "";
  } else {
    field.focus();
  }
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest("#adding")) {
    open(false);
    find("[data-add]").focus();
  }
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  element.addEventListener(name, (event) => {
    const drop = event.target.closest?.(".drop");
    event.preventDefault();
    find(".drop")?.toggleAttribute("data-over", Boolean(drop) && name !== "dragleave" && name !== "drop");
    if (drop && name === "drop") {
      sendFiles(event.dataTransfer.files);
    }
  });
}
document.addEventListener("career:remove", (event) => askRemoval(event.detail));
// The empty library's welcome leads here; the tools may still be on their way.
let isWanted = false;
document.addEventListener("career:add", () => {
  isWanted = !find("#adding");
  open(true);
});
new MutationObserver(() => {
  if (isWanted && find("#adding")) {
    isWanted = false;
    open(true);
  }
}).observe(element, { childList: true });
