// The tabs: one is shown, the others are hidden. Arrow keys go from one to the next (WAI-ARIA, tabs with automatic
// activation). The address names the one that is open, so that a reload and a link lead to it.

const tabs = [...element.querySelectorAll("[role=tab]")];
const panelOf = (tab) => document.getElementById(tab.dataset.tab);
const find = (name) => tabs.find((tab) => tab.dataset.tab === name);

function choose(chosen) {
  if (document.body.dataset.tab && document.body.dataset.tab !== chosen.dataset.tab) {
    document.dispatchEvent(new CustomEvent("career:close")); // a source belongs to what it was opened from
  }
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", String(tab === chosen));
    tab.tabIndex = tab === chosen ? 0 : -1;
    panelOf(tab).hidden = tab !== chosen;
  }
  document.body.dataset.tab = chosen.dataset.tab;
  const hash = chosen === tabs[0] ? "" : `#${chosen.dataset.tab}`;
  history.replaceState(history.state, "", `${location.pathname}${location.search}${hash}`);
  document.dispatchEvent(new CustomEvent("career:shown", { detail: { tab: chosen.dataset.tab } }));
}

function begin() {
  if (!tabs.every(panelOf)) {
    requestAnimationFrame(begin); // the panels are mounted after this
    return;
  }
  for (const tab of tabs) {
    panelOf(tab).setAttribute("role", "tabpanel");
    panelOf(tab).setAttribute("aria-labelledby", tab.id);
  }
  choose(find(location.hash.slice(1)) ?? tabs[0]);
}

element.addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (tab) {
    choose(tab);
  }
});
element.addEventListener("keydown", (event) => {
  const place = tabs.indexOf(event.target);
  const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (place >= 0 && next !== undefined) {
    event.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length];
    choose(tab);
    tab.focus();
  }
});
document.addEventListener("career:tab", (event) => {
  const tab = find(event.detail.tab);
  if (tab && document.body.dataset.tab !== tab.dataset.tab) {
    choose(tab);
  }
});
window.addEventListener("hashchange", () => choose(find(location.hash.slice(1)) ?? tabs[0]));

if (tabs.length) {
  begin();
}
