// What makes pages quicker to use: the slider of "mirror this", and suggestions while one types.
// Everything works without it. Listeners hang on the document, since the player changes pages.
"use strict";
(() => {
  // The slider: each step stands in the page, as the server reckoned it.
  document.addEventListener("input", ({ target }) => {
    if (target.id !== "disk-slider") return;
    const step = JSON.parse(target.dataset.steps)[Number(target.value)];
    if (!step) return;
    document.getElementById("disk").value = step.amount;
    document.getElementById("unit").value = step.unit;
    target.setAttribute("aria-valuetext", `${step.amount} ${step.unit}: ${step.share} of all listens`);
    for (const place of document.querySelectorAll("[data-of]")) place.textContent = step[place.dataset.of];
    const meter = document.querySelector("meter.share");
    if (meter) meter.value = parseFloat(step.share);
    const commands = document.querySelector("#commands-text code");
    commands.textContent = commands.textContent.replace(/--disk \S+/, `--disk ${step.disk}`);
  });

  // Suggestions: a list under the field, walked with the arrow keys (ARIA's combobox). What is
  // typed stays as it is, and Enter without a choice searches for it.
  const PAUSE_MS = 120;
  let waiting = 0, asked = 0, chosen = -1;
  const listOf = (field) => field.form.querySelector(".suggestions");
  function close(field) {
    clearTimeout(waiting);
    asked += 1;
    chosen = -1;
    listOf(field)?.remove();
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }
  function mark(field, index) {
    const options = [...listOf(field).children];
    chosen = index;
    options.forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    if (index < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", options[index].id);
    options[index].scrollIntoView({ block: "nearest" });
  }
  function open(field, found) {
    close(field);
    if (!found.length || document.activeElement !== field) return;
    const list = document.createElement("ul");
    list.id = "suggestions";
    list.className = "suggestions";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Recordings");
    list.append(...found.map((one, index) => {
      const option = document.createElement("li"), title = document.createElement("bdi");
      const artist = document.createElement("bdi");
      option.id = `suggestion-${index}`;
      option.dataset.url = one.url;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      title.textContent = one.title;
      artist.textContent = one.artist;
      artist.className = "by";
      option.append(title, " ", artist);
      return option;
    }));
    field.form.append(list);
    field.setAttribute("aria-expanded", "true");
  }
  async function ask(field) {
    const mine = ++asked, words = field.value.trim();
    if (words.length < 2) return close(field);
    try {
      const answer = await fetch(`/suggest?q=${encodeURIComponent(field.value)}`);
      const { suggestions } = await answer.json();
      if (mine === asked) open(field, suggestions);
    } catch {
      if (mine === asked) close(field);
    }
  }
  function go(option) {
    const link = document.createElement("a"); // a link, so that the player may take it over
    link.href = option.dataset.url;
    document.querySelector("#main").append(link);
    link.click();
    link.remove();
  }
  const suggests = (target) => target instanceof HTMLInputElement && "suggest" in target.dataset;
  document.addEventListener("focusin", ({ target }) => {
    if (!suggests(target)) return;
    target.setAttribute("role", "combobox");
    target.setAttribute("aria-autocomplete", "list");
    target.setAttribute("aria-controls", "suggestions");
    target.setAttribute("aria-expanded", String(Boolean(listOf(target))));
  });
  document.addEventListener("focusout", ({ target }) => { if (suggests(target)) close(target); });
  document.addEventListener("input", ({ target, isComposing }) => {
    if (!suggests(target) || isComposing) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => ask(target), PAUSE_MS);
  });
  document.addEventListener("compositionend", ({ target }) => { if (suggests(target)) ask(target); });
  document.addEventListener("keydown", (event) => {
    const field = event.target, list = suggests(field) && listOf(field);
    if (!list || event.isComposing) return;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown") mark(field, chosen < last ? chosen + 1 : -1);
    else if (event.key === "ArrowUp") mark(field, chosen < 0 ? last : chosen - 1);
    else if (event.key === "Escape") close(field);
    else if (event.key === "Enter" && chosen >= 0) go(list.children[chosen]);
    else return;
    event.preventDefault();
    if (event.key === "Enter") close(field);
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest?.(".suggestions")) event.preventDefault(); // the field keeps the focus
  });
  document.addEventListener("click", (event) => {
    const option = event.target.closest?.(".suggestions li");
    if (!option) return;
    const field = option.closest("form").querySelector("[data-suggest]");
    go(option);
    close(field);
  });
  document.addEventListener("submit", ({ target }) => {
    const field = target.querySelector("[data-suggest]");
    if (field) close(field);
  });

  document.addEventListener("change", ({ target }) => {
    if (target.name === "prefer" && target.form) target.form.requestSubmit();
  });
})();
