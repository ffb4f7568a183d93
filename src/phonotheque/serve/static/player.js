// The player: a queue made of the play buttons of a page, one <audio>, and pages that change
// underneath while it plays. Nothing is loaded but pages and streams of this site.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const bar = byId("player"), audio = byId("audio"), toggle = byId("toggle");
  const position = byId("position"), said = byId("said"), box = byId("queue-box");
  let queue = [], current = -1, seeking = false;

  const clock = (seconds) => {
    const whole = Number.isFinite(seconds) ? Math.floor(seconds) : 0;
    const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
    const tail = String(whole % 60).padStart(2, "0");
    return h ? `${h}:${String(m).padStart(2, "0")}:${tail}` : `${m}:${tail}`;
  };
  const entry = ({ dataset }) => (
    { id: dataset.id, title: dataset.title, artist: dataset.artist, licence: dataset.licence }
  );

  function markButtons() {
    const playing = !audio.paused && current >= 0;
    for (const button of document.querySelectorAll("button.play")) {
      const on = current >= 0 && button.dataset.id === queue[current].id;
      button.classList.toggle("on", on);
      button.classList.toggle("running", on && playing);
      const verb = on && playing ? "Pause" : "Play";
      button.setAttribute("aria-label", `${verb} ${button.dataset.title} by ${button.dataset.artist}`);
    }
    toggle.classList.toggle("running", playing);
    toggle.setAttribute("aria-label", playing ? "Pause" : "Play");
    byId("previous").disabled = current < 0;
    byId("next").disabled = current + 1 >= queue.length;
  }

  function drawQueue() {
    byId("queue").replaceChildren(...queue.map((item, index) => {
      const line = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.dir = "auto";
      button.textContent = `${item.title} – ${item.artist}`;
      if (index === current) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => start(index));
      const away = document.createElement("button");
      away.type = "button";
      away.className = "away";
      away.textContent = "×";
      away.setAttribute("aria-label", `Take ${item.title} out of the queue`);
      away.disabled = index === current;
      away.addEventListener("click", () => take(index));
      line.append(button, away);
      return line;
    }));
    byId("queue-count").textContent = queue.length > 1 ? `${current + 1}/${queue.length}` : "";
  }

  // The queue of this tab outlives a page that could not be exchanged; it does not play by itself.
  const STORE = "phonotheque-queue";
  function keep() {
    if (current < 0) return;
    try {
      const kept = { queue, current, at: audio.currentTime || 0 };
      sessionStorage.setItem(STORE, JSON.stringify(kept));
    } catch { /* no storage here, or no room: the queue ends with the page */ }
  }
  function restore() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(STORE) || "null");
      if (!kept || !kept.queue[kept.current]) return;
      queue = kept.queue;
      load(kept.current);
      if (kept.at > 1) audio.addEventListener("loadedmetadata", () => { audio.currentTime = kept.at; }, { once: true });
    } catch { /* of another version */ }
  }

  function take(index) {
    queue.splice(index, 1);
    if (index < current) current -= 1;
    drawQueue();
    markButtons();
    keep();
    byId("queue").querySelectorAll("button")[Math.max(0, 2 * (index - 1))]?.focus();
  }
  function enqueue(button) {
    queue.push(entry(button));
    said.textContent = `${button.dataset.title} is in the queue.`;
    if (current < 0) return start(0);
    drawQueue();
    markButtons();
    keep();
  }

  function describe(item) {
    byId("now-title").textContent = item.title;
    byId("now-title").href = `/recording/${item.id}`;
    byId("now-artist").textContent = item.artist;
    byId("now-licence").textContent = item.licence;
    const cover = byId("now-cover");
    cover.src = `/cover/${encodeURIComponent(item.id)}`;
    cover.hidden = false;
    if ("mediaSession" in navigator) {
      const artwork = [{ src: new URL(cover.src, location).href, sizes: "300x300" }];
      navigator.mediaSession.metadata = new MediaMetadata({ title: item.title, artist: item.artist, artwork });
    }
  }

  function load(index) {
    current = index;
    bar.hidden = false;
    document.body.classList.add("playing");
    describe(queue[index]);
    audio.src = `/stream/${encodeURIComponent(queue[index].id)}`;
    position.value = 0;
    drawQueue();
    markButtons();
  }
  function start(index) {
    load(index);
    play();
    keep();
  }
  const step = (seconds) => {
    if (audio.duration > 0) audio.currentTime = Math.min(Math.max(audio.currentTime + seconds, 0), audio.duration);
  };

  function play() {
    audio.play().catch((error) => {
      if (error.name !== "AbortError") said.textContent = "This cannot be played here.";
      markButtons();
    });
  }
  const flip = () => (audio.paused ? play() : audio.pause());
  const next = () => { if (current + 1 < queue.length) start(current + 1); };
  function previous() {
    if (audio.currentTime > 3 || current < 1) audio.currentTime = 0;
    else start(current - 1);
  }

  function choose(button) {
    if (current >= 0 && queue[current].id === button.dataset.id) return flip();
    const all = [...document.querySelectorAll("#main button.play")];
    queue = all.map(entry);
    start(all.indexOf(button));
  }

  function showTime() {
    byId("elapsed").textContent = clock(audio.currentTime);
    byId("length").textContent = clock(audio.duration);
    if (!seeking && audio.duration > 0) position.value = (1000 * audio.currentTime) / audio.duration;
    position.setAttribute("aria-valuetext", `${clock(audio.currentTime)} of ${clock(audio.duration)}`);
  }

  toggle.addEventListener("click", flip);
  byId("next").addEventListener("click", next);
  byId("previous").addEventListener("click", previous);
  position.addEventListener("input", () => { seeking = true; });
  position.addEventListener("change", () => {
    if (audio.duration > 0) audio.currentTime = (position.value / 1000) * audio.duration;
    seeking = false;
  });
  function tellPosition() {
    if (!("mediaSession" in navigator) || !(audio.duration > 0) || !Number.isFinite(audio.duration)) return;
    const { duration, playbackRate } = audio;
    navigator.mediaSession.setPositionState({ duration, playbackRate, position: Math.min(audio.currentTime, duration) });
  }
  for (const event of ["durationchange", "seeked", "play"]) audio.addEventListener(event, tellPosition);
  for (const event of ["timeupdate", "durationchange"]) audio.addEventListener(event, showTime);
  for (const event of ["play", "pause"]) audio.addEventListener(event, markButtons);
  audio.addEventListener("ended", () => { markButtons(); next(); });
  audio.addEventListener("error", () => {
    said.textContent = "This cannot be played here.";
    byId("now-licence").textContent = "cannot be played here";
    markButtons();
  });
  if ("mediaSession" in navigator) {
    const session = navigator.mediaSession;
    session.setActionHandler("play", play);
    session.setActionHandler("pause", () => audio.pause());
    session.setActionHandler("nexttrack", next);
    session.setActionHandler("previoustrack", previous);
    session.setActionHandler("seekbackward", (how) => step(-(how.seekOffset || 10)));
    session.setActionHandler("seekforward", (how) => step(how.seekOffset || 10));
    session.setActionHandler("seekto", (how) => { audio.currentTime = how.seekTime; });
  }

  const usesSpace = "input, textarea, select, button, a, summary, audio, [tabindex='0']";
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && box.open) {
      box.open = false;
      box.querySelector("summary").focus();
    }
    const arrow = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (arrow && current >= 0 && !event.target.closest(usesSpace) && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      if (!event.shiftKey) step(5 * arrow);
      else if (arrow > 0) next();
      else previous();
      return;
    }
    if (event.key !== " " || event.target.closest(usesSpace) || event.ctrlKey || event.altKey || event.metaKey) return;
    if (current >= 0) {
      event.preventDefault();
      flip();
      return;
    }
    const first = document.querySelector("#main button.play");
    if (first) {
      event.preventDefault();
      choose(first);
    }
  });

  // While something is loaded, pages are exchanged in place, so that a link does not end the music.
  const pages = /^\/($|recording\/|release\/|artist\/|(edition|mirror|statistics|about)$|notices)/;
  const here = () => location.pathname + location.search;
  let shown = here();
  let visits = 0;
  async function visit(address, push) {
    const mine = ++visits; // an answer that comes after a later click is not shown any more
    let fresh;
    try {
      const answer = await fetch(address, { headers: { accept: "text/html" } });
      if (!(answer.headers.get("content-type") || "").startsWith("text/html")) throw new Error("no page");
      fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== visits) return;
      if (push) history.pushState(null, "", answer.redirected ? answer.url : address);
    } catch {
      if (mine === visits) location.assign(address);
      return;
    }
    shown = here();
    document.title = fresh.title;
    for (const part of ["header.top", "#main"]) {
      document.querySelector(part).replaceWith(document.adoptNode(fresh.querySelector(part)));
    }
    box.open = false;
    markButtons();
    const target = location.hash && document.querySelector(location.hash);
    if (target) target.scrollIntoView();
    else if (push) scrollTo(0, 0);
    byId("main").focus({ preventScroll: true });
    said.textContent = fresh.title;
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.play");
    if (button) return choose(button);
    const adding = event.target.closest("button.enqueue");
    if (adding) return enqueue(adding);
    const link = event.target.closest("a[href]");
    if (!link || current < 0 || event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.hasAttribute("download")) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || !pages.test(to.pathname)) return;
    if (to.hash && to.pathname === location.pathname && to.search === location.search) return;
    event.preventDefault();
    visit(to.href, true);
  });
  document.addEventListener("submit", (event) => {
    if (current < 0 || event.target.method !== "get" || event.defaultPrevented) return;
    event.preventDefault();
    const to = new URL(event.target.action);
    to.search = new URLSearchParams(new FormData(event.target)).toString();
    visit(to.href, true);
  });
  addEventListener("pagehide", keep);
  addEventListener("popstate", () => { if (here() !== shown) visit(location.href, false); });
  document.documentElement.classList.add("js");
  restore();
})();
