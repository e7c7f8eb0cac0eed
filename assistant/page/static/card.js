// A card beside a citation mark with what it stands for: under the pointer after a moment, on keyboard focus at once.
// Everything in it is written as text. A finger opens the source itself and needs no card.

const SHOW_AFTER = 150; // milliseconds: a pointer that only passes shows nothing
const HIDE_AFTER = 200; // time to move from the mark onto the card

const card = document.createElement("div");
card.id = "card";
card.setAttribute("role", "tooltip");
card.hidden = true;
document.body.append(card);

let shownFor = null;
let timer = 0;

function addLine(name, text) {
  if (text) {
    const line = document.createElement("p");
    line.className = name;
    line.textContent = text;
    card.append(line);
  }
}

function fillCard({ title, date, heading, page, quote }) {
  card.replaceChildren();
  addLine("title", title);
  addLine("place", [heading, page, date].filter(Boolean).join(" · "));
  addLine("quote", quote);
}

function showCard(mark) {
  if (!mark.isConnected || !mark.dataset.quote) {
    return;
  }
  hideCard();
  fillCard(mark.dataset);
  card.hidden = false;
  placeCard(mark.getClientRects()[0]);
  mark.setAttribute("aria-describedby", card.id);
  shownFor = mark;
}

function placeCard(mark) {
  const gap = 8;
  const { offsetWidth: width, offsetHeight: height } = card;
  const below = mark.bottom + gap + height <= window.innerHeight;
  card.style.top = `${below ? mark.bottom + gap : Math.max(gap, mark.top - gap - height)}px`;
  card.style.left = `${Math.max(gap, Math.min(mark.left - 24, window.innerWidth - width - gap))}px`;
}

function hideCard() {
  clearTimeout(timer);
  shownFor?.removeAttribute("aria-describedby");
  shownFor = null;
  card.hidden = true;
}

function later(what, milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(what, milliseconds);
}

document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest("a.mark");
  if (event.pointerType === "mouse" && mark && mark !== shownFor) {
    later(() => showCard(mark), SHOW_AFTER);
  } else if (mark || card.contains(event.target)) {
    if (shownFor) clearTimeout(timer);
  } else if (shownFor) {
    later(hideCard, HIDE_AFTER);
  } else {
    clearTimeout(timer);
  }
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches("a.mark:focus-visible")) {
    showCard(event.target);
  } else if (shownFor) {
    hideCard();
  }
});
document.addEventListener("click", hideCard, true);
document.addEventListener("scroll", (event) => { if (!card.contains(event.target)) hideCard(); }, true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && shownFor) {
    event.stopImmediatePropagation(); // this Escape closes the card, the next one the panel
    hideCard();
  }
}, true);
