// Runs when the list of prompts is mounted. What is chosen, and the file to send along, are kept here: the server draws
// the list anew whenever the tab is shown. Gradio hands in `element` and `trigger`.

const outcome = document.getElementById("outcome");
const status = document.createElement("div"); // what a screen reader is told: that it runs, and what came of it
status.className = "hidden";
status.setAttribute("role", "status");
element.parentElement.append(status);

const choices = new Map(); // key -> whether it is checked, for those that somebody touched
let upload = null; // { name, text, isChosen }
let isBusy = false;
let isSeen = false; // the run came into view; from then on whoever scrolls decides
let begun = ""; // the stamp of what was shown when the run began: with another one, it is of this run
let address = ""; // of the report, within this browser

const find = (what) => element.querySelector(what);
const boxes = () => [...element.querySelectorAll("input[type=checkbox]")];
const stampOf = () => outcome.querySelector(".outcome")?.dataset.stamp ?? "";
const count = (number) => `${number.toLocaleString("en")} ${number === 1 ? "prompt" : "prompts"}`;

function drawAgain() {
  for (const box of boxes()) {
    box.checked = choices.get(box.value) ?? box.checked;
    box.disabled = isBusy;
  }
  drawUpload();
  tellChoice();
}

function tellChoice() {
  const run = find("[data-run]");
  if (!run) {
    return;
  }
  const chosen = boxes().filter((box) => box.checked);
  const prompts = chosen.reduce((sum, box) => sum + Number(box.dataset.prompts ?? 0), 0);
  const hasFile = chosen.some((box) => box.dataset.file !== undefined);
  const sum = hasFile ? (prompts ? `${count(prompts)} and the file` : "the file") : prompts ? count(prompts) : "";
  const words = sum ? `Run ${sum}` : "Choose prompts to run";
  if (run.textContent !== words) {
    run.textContent = words;
  }
  run.setAttribute("aria-disabled", String(!chosen.length || isBusy));
}

function drawUpload() {
  const list = find(".upload ul");
  if (!list || (list.querySelector("input")?.value ?? "") === (upload?.name ?? "")) {
    return;
  }
  list.replaceChildren();
  find(".upload .file span").textContent = upload ? "Choose another" : "Choose a file";
  if (upload) {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: upload.name, checked: upload.isChosen });
    box.dataset.file = "";
    const name = Object.assign(document.createElement("span"), { className: "name", textContent: upload.name });
    const label = document.createElement("label");
    label.append(box, name);
    const item = document.createElement("li");
    item.append(label);
    list.append(item);
  }
}

async function readFile(field) {
  const [file] = field.files;
  field.value = ""; // the same file may be chosen again, once it is mended
  if (!file) {
    return;
  }
  try {
    upload = { name: file.name, text: await readText(file, field), isChosen: true };
    tellTrouble("");
  } catch (error) {
    tellTrouble(error.message);
  }
  find(".upload ul")?.replaceChildren();
  drawAgain();
}

async function readText(file, { accept, dataset }) {
  if (!accept.split(", ").some((end) => file.name.toLowerCase().endsWith(end))) {
    throw new Error(`${file.name}: not a kind of file that is read. Name it ${accept}.`);
  }
  if (file.size > Number(dataset.most)) {
    const [size, most] = [file.size, Number(dataset.most)].map((bytes) => bytes.toLocaleString("en"));
    throw new Error(`${file.name}: ${size} bytes; the page reads at most ${most}. Divide it, or run: career evaluate FILE.`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name}: not UTF-8 text. Save the test prompts as UTF-8.`);
  }
}

function tellTrouble(words) {
  const trouble = find(".upload .error");
  trouble.textContent = words;
  trouble.hidden = !words;
}

function run() {
  const chosen = boxes().filter((box) => box.checked);
  if (!chosen.length || isBusy) {
    return;
  }
  begun = stampOf();
  isSeen = false;
  setBusy(true);
  const keys = chosen.filter((box) => box.dataset.file === undefined).map((box) => box.value);
  const file = chosen.length > keys.length ? { name: upload.name, text: upload.text } : null;
  trigger("submit", { chosen: keys, upload: file });
  find("[data-stop]").focus(); // the button that was pressed is gone
}

function stop() {
  const key = outcome.querySelector("[data-run]")?.dataset.run;
  if (key) {
    trigger("stop", { run: key });
    find("[data-stop]").textContent = "Stopping";
  } else {
    setBusy(false); // it never began: the server was too busy, or is gone
  }
}

function setBusy(isRunning) {
  isBusy = isRunning;
  element.toggleAttribute("data-busy", isBusy);
  for (const field of element.querySelectorAll("input")) {
    field.disabled = isBusy;
  }
  if (isBusy) {
    status.textContent = "The prompts are being asked";
  } else {
    find("[data-stop]").textContent = "Stop";
  }
  tellChoice();
}

function noteOutcome() {
  const shown = outcome.querySelector(".outcome");
  if (isBusy && stampOf() !== begun) {
    const isRunning = shown.dataset.state === "running";
    if (!isRunning) {
      endRun(shown);
    }
    if (!isRunning || !isSeen) {
      shown.scrollIntoView({ block: isRunning ? "nearest" : "start" });
      isSeen = true;
    }
  }
  handOverReport();
}

function endRun(shown) {
  const hadFocus = element.contains(document.activeElement);
  setBusy(false);
  if (hadFocus) {
    find("[data-run]").focus({ preventScroll: true });
  }
  status.textContent = shown.querySelector(".error, h3, .notice")?.textContent ?? "";
}

function handOverReport() {
  const links = outcome.querySelector("[data-report]");
  if (!links) {
    return;
  }
  const page = new Blob([links.dataset.report], { type: "text/html;charset=utf-8" });
  links.removeAttribute("data-report");
  URL.revokeObjectURL(address);
  address = URL.createObjectURL(page);
  for (const link of links.querySelectorAll("a")) {
    link.href = address;
  }
}

element.addEventListener("change", (event) => {
  const field = event.target;
  if (field.type === "file") {
    readFile(field);
  } else if (field.dataset.file !== undefined) {
    upload.isChosen = field.checked;
  } else {
    choices.set(field.value, field.checked);
  }
  tellChoice();
});
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-run]")) {
    run();
  } else if (event.target.closest("[data-stop]")) {
    stop();
  }
});
outcome.addEventListener("click", (event) => {
  const mark = event.target.closest("a[data-number]");
  if (mark) {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("career:open", { detail: { mark } }));
  }
});

new MutationObserver(drawAgain).observe(element, { childList: true, subtree: true });
new MutationObserver(noteOutcome).observe(outcome, { childList: true, subtree: true });
new IntersectionObserver((seen) => {
  if (seen.some((one) => one.isIntersecting) && !isBusy) {
    trigger("expand", {});
  }
}).observe(element);
