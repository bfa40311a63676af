// What every page needs: times in the viewer's zone, seek buttons' hub, dialogs, and words for the scripts.
"use strict";
(() => {
  const words = JSON.parse(document.getElementById("words").textContent);
  const status = document.getElementById("status");
  const timbre = {
    words,
    // say tells a screen reader.
    say(text) { status.textContent = ""; requestAnimationFrame(() => { status.textContent = text; }); },
    clock(ms) {
      const s = Math.floor(ms / 1000), two = (n) => String(n).padStart(2, "0");
      return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
    },
  };
  window.timbre = timbre;

  const lang = document.documentElement.lang;
  const forms = {
    minute: new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" }),
    day: new Intl.DateTimeFormat(lang, { dateStyle: "medium" }),
  };
  const exact = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "long" });
  const localTimes = (root) => {
    for (const t of root.querySelectorAll("time[data-precision]")) {
      const at = new Date(t.dateTime);
      t.textContent = forms[t.dataset.precision].format(at);
      t.title = exact.format(at);
    }
  };
  localTimes(document);
  document.addEventListener("htmx:after:swap", () => localTimes(document));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.cookie = `timbre_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;

  document.addEventListener("click", (e) => {
    const opener = e.target.closest("[data-dialog]");
    const seek = e.target.closest("[data-of] [data-seek]");
    if (seek && !document.getElementById("timeline")) location.assign(`/calls/${encodeURIComponent(seek.closest("[data-of]").dataset.of)}#at=${seek.dataset.seek}`);
    if (opener) document.getElementById(opener.dataset.dialog).showModal();
  });
  for (const name of ["htmx:error", "htmx:response:error"]) {
    document.addEventListener(name, () => timbre.say(words.failed));
  }
})();
