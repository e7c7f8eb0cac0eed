// The page before the first question speaks of the library as it is now.

document.addEventListener("career:changed", () => trigger("select"));
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-to-articles]")) {
    document.dispatchEvent(new CustomEvent("career:tab", { detail: { tab: "articles" } }));
    document.dispatchEvent(new CustomEvent("career:add"));
  }
});
