// One call on one time axis: waveform, segments, pauses, alerts and the customer's curve, with a playhead over all of them.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const { words, clock, say } = window.timbre;
  const data = JSON.parse(document.getElementById("timeline-data").textContent);
  const timeline = document.getElementById("timeline"), axis = document.getElementById("axis"), scroll = document.getElementById("scroll"), inner = document.getElementById("inner");
  const gutter = timeline.querySelector(".gutter"), now = document.getElementById("now");
  const total = data.duration_ms, base = `/calls/${encodeURIComponent(data.call)}`;
  const css = getComputedStyle(document.documentElement);
  // Colours of the style sheet are pairs for light and dark: an element resolves them.
  const probe = document.createElement("i");
  document.body.append(probe);
  const colour = (name) => { probe.style.color = css.getPropertyValue(name); return getComputedStyle(probe).color; };
  const glyphs = { angry: "▲", happy: "●", neutral: "–", sad: "▼" };
  let at = 0, wave = null, loop = null, chosen = null;

  const make = (tag, className, parent) => {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (parent) parent.append(e);
    return e;
  };
  const place = (e, start, end) => {
    e.style.left = `${100 * start / total}%`;
    if (end !== undefined) e.style.width = `${Math.max(0, 100 * (end - start) / total)}%`;
  };
  const lane = (name, height, className) => {
    const l = make("div", `lane ${className || ""}`, inner);
    l.style.height = `${height}px`;
    const label = make("div", "", gutter);
    label.style.height = `${height}px`;
    label.textContent = name;
    return l;
  };

  // The lanes, from what is heard down to what is derived.
  const waveHeight = 54, waves = lane("", waveHeight * data.channels.length, "lane-wave");
  gutter.lastChild.remove();
  for (const c of data.channels) {
    const label = make("div", "", gutter);
    label.style.height = `${waveHeight}px`;
    label.textContent = c.name;
  }
  const strokes = [];
  for (const c of data.channels) {
    const l = lane(c.name, 34, "lane-strokes");
    for (const s of data.segments) {
      if (s.ch !== c.channel) continue;
      const b = make("button", `stroke tone-${s.label && glyphs[s.label] ? s.label : "speech"}${s.corrected ? " corrected" : ""}`, l);
      b.type = "button";
      b.tabIndex = -1;
      b.dataset.id = s.id;
      place(b, s.s, s.e);
      if (s.label) {
        b.style.setProperty("--shade", String(0.3 + 0.7 * (s.conf || 0)));
        if (100 * (s.e - s.s) / total > 0.9) b.dataset.glyph = glyphs[s.label] || "";
      }
      const sure = s.label ? `, ${words.confidence} ${Math.round(100 * (s.conf || 0))} %` : "";
      b.setAttribute("aria-label", `${clock(s.s)} ${s.word}${sure}${s.corrected ? `, ${words.corrected}` : ""}`);
      b.title = b.getAttribute("aria-label");
      b.setAttribute("aria-pressed", "false");
      b.addEventListener("click", (e) => { e.stopPropagation(); choose(s, b); seek(s.s); });
      strokes.push({ s, b });
    }
  }
  strokes.sort((a, b) => a.s.s - b.s.s);
  const pauses = lane(words.lane_events, 26, "lane-pauses");
  for (const p of data.quiet) {
    const e = make("span", `pause span-${p.kind}`, pauses);
    place(e, p.s, p.e);
    e.title = `${p.word} ${clock(p.s)}–${clock(p.e)}`;
  }
  if (data.alerts.length) {
    const l = lane(words.lane_alerts, 30, "lane-alerts");
    for (const a of data.alerts) {
      const b = make("button", `flag sev-${a.severity}`, l);
      b.type = "button";
      b.tabIndex = -1;
      place(b, a.s);
      b.textContent = "!";
      b.title = `${a.word} ${clock(a.s)}: ${a.said}`;
      b.setAttribute("aria-label", b.title);
      b.addEventListener("click", (e) => { e.stopPropagation(); seek(a.s); });
    }
  }
  let plot = null;
  if (data.curve) {
    const l = lane(words.lane_curve, 120, "lane-curve");
    const seconds = data.curve.t.map((t) => t / 1000);
    const line = (name, dash, width, fill) => ({ stroke: () => colour(name), width, dash, fill, points: { show: seconds.length < 60, size: 4 } });
    plot = new uPlot({
      width: 300, height: 120, padding: [6, 0, 6, 0], legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [0, total / 1000] }, y: { range: [0, 1] } },
      axes: [{ show: false }, { show: false }],
      series: [{}, line("--angry", undefined, 2.5, () => colour("--angry").replace("rgb(", "rgba(").replace(")", ", 0.14)")), line("--arousal", [6, 4], 2), { ...line("--soft", [2, 3], 1.5), show: false }],
    }, [seconds, data.curve.anger, data.curve.arousal, data.curve.valence], l);
    const box = document.getElementById("valence");
    if (box) box.addEventListener("change", () => plot.setSeries(3, { show: box.checked }));
  }
  if (data.peak_ms !== undefined) place(make("div", "peak-mark", inner), data.peak_ms);
  const ticks = make("div", "ticks", inner);
  const tickLabel = make("div", "", gutter);
  tickLabel.style.height = "22px";
  inner.append(axis); // over the lanes

  const drawTicks = () => {
    ticks.replaceChildren();
    const wanted = Math.max(2, Math.floor(inner.clientWidth / 90));
    const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find((s) => total / 1000 / s <= wanted) || 14400;
    for (let t = 0; t * 1000 < total; t += step) {
      const e = make("span", "", ticks);
      place(e, t * 1000);
      e.textContent = clock(t * 1000);
    }
  };
  const fit = () => {
    drawTicks();
    if (plot) plot.setSize({ width: inner.clientWidth, height: 120 });
  };
  new ResizeObserver(fit).observe(inner);

  // The playhead. Where nothing can be played it is a mark that jumps.
  const move = (ms) => {
    at = Math.min(Math.max(ms, 0), total);
    place(axis, at);
    now.textContent = clock(at);
    axis.setAttribute("aria-valuenow", String(Math.round(at)));
    axis.setAttribute("aria-valuetext", clock(at));
    const note = document.getElementById("note-at");
    if (note) { note.value = String(Math.round(at)); document.getElementById("note-time").textContent = clock(at); }
  };
  const seek = (ms) => {
    move(ms);
    if (wave && data.audio) wave.setTime(at / 1000);
    const x = at / total * inner.clientWidth;
    if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = x - scroll.clientWidth / 3;
  };
  inner.addEventListener("click", (e) => {
    const r = inner.getBoundingClientRect();
    seek((e.clientX - r.left) / r.width * total);
  });
  document.addEventListener("click", (e) => {
    const b = e.target.closest("[data-seek]");
    if (!b) return;
    seek(Number(b.dataset.seek));
    if (b.dataset.until && wave && data.audio) { loop = null; wave.play(Number(b.dataset.seek) / 1000, Number(b.dataset.until) / 1000); }
    timeline.scrollIntoView({ block: "nearest" });
  });

  const choose = (s, b) => {
    for (const x of strokes) x.b.setAttribute("aria-pressed", "false");
    b.setAttribute("aria-pressed", "true");
    chosen = s;
    if (loop) loop = s;
    window.htmx.ajax("GET", `${base}/segments/${encodeURIComponent(s.id)}`, { target: "#segment", swap: "innerHTML" });
  };
  const step = (direction) => {
    let i = chosen ? strokes.findIndex((x) => x.s === chosen) + direction : strokes.findIndex((x) => x.s.e >= at);
    i = Math.min(Math.max(i, 0), strokes.length - 1);
    if (strokes[i]) { choose(strokes[i].s, strokes[i].b); seek(strokes[i].s.s); say(strokes[i].b.getAttribute("aria-label")); }
  };
  const jump = {
    alert: (direction) => {
      const list = direction < 0 ? [...data.alerts].reverse() : data.alerts;
      const a = list.find((x) => direction < 0 ? x.s < at - 1 : x.s > at + 1) || (direction < 0 ? null : list[0]);
      if (!a) { say(words.at_end); return; }
      seek(a.s);
      say(`${a.word} ${clock(a.s)}: ${a.said}`);
    },
    peak: () => { if (data.peak_ms !== undefined) seek(data.peak_ms); },
    silence: () => { if (data.silence_ms !== undefined) seek(data.silence_ms); },
  };
  for (const b of document.querySelectorAll("[data-jump]")) b.addEventListener("click", () => jump[b.dataset.jump](1));

  const playButton = document.getElementById("play"), loopButton = document.getElementById("loop");
  const toggle = () => { if (wave && data.audio) wave.playPause(); };
  if (playButton) playButton.addEventListener("click", toggle);
  const setLoop = () => {
    if (!loopButton) return;
    loop = loop ? null : chosen || (strokes.find((x) => x.s.e >= at) || {}).s || null;
    loopButton.setAttribute("aria-pressed", String(Boolean(loop)));
    if (loop) seek(loop.s);
  };
  if (loopButton) loopButton.addEventListener("click", setLoop);
  const speed = document.getElementById("speed");
  if (speed) speed.addEventListener("change", () => { if (wave) wave.setPlaybackRate(Number(speed.value), true); });
  document.getElementById("zoom").addEventListener("input", (e) => {
    inner.style.width = `${100 * Number(e.target.value)}%`;
    scroll.scrollLeft = at / total * inner.clientWidth - scroll.clientWidth / 2;
  });

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    const field = e.target.closest("input, textarea, select, [contenteditable]");
    if (field && field.type !== "range") return;
    const onControl = e.target.closest("button, a, summary");
    const keys = {
      ArrowLeft: () => seek(at - 5000), ArrowRight: () => seek(at + 5000), Home: () => seek(0), End: () => seek(total),
      n: () => jump.alert(1), b: () => jump.alert(-1), p: jump.peak, s: jump.silence, j: () => step(-1), k: () => step(1), l: setLoop,
      "?": () => document.getElementById("keys").showModal(),
    };
    if (e.key === " " && !onControl) { e.preventDefault(); toggle(); return; }
    if ((e.key === "Home" || e.key === "End") && e.target !== axis) return;
    if (field && e.key.startsWith("Arrow")) return;
    const f = keys[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (f) { e.preventDefault(); f(); }
  });

  // Levels of segments stand in for a waveform where there is no audio to draw.
  const fromLevels = () => data.channels.map((c) => {
    const x = new Float32Array(1500);
    for (const s of data.segments) {
      if (s.ch !== c.channel) continue;
      const height = Math.min(1, Math.max(0.08, 1 + (s.level === undefined ? -30 : s.level) / 50));
      const from = Math.floor(s.s / total * x.length), to = Math.max(from + 1, Math.ceil(s.e / total * x.length));
      for (let i = from; i < to && i < x.length; i++) x[i] = height;
    }
    return x;
  });
  const decode = (text) => Float32Array.from(atob(text), (c) => c.charCodeAt(0) / 255);
  const draw = (peaks) => {
    wave = WaveSurfer.create({
      container: waves, height: waveHeight, cspNonce: timeline.dataset.nonce, interact: false, cursorWidth: 0, hideScrollbar: true, normalize: false,
      peaks, duration: total / 1000, url: data.audio ? `${base}/audio` : undefined, barWidth: data.peaks ? undefined : 2, barGap: data.peaks ? undefined : 1,
      splitChannels: data.channels.map((c) => {
        const tone = colour(c.role === "customer" ? "--brand" : "--soft");
        return { waveColor: tone, progressColor: tone };
      }),
    });
    wave.on("timeupdate", (t) => {
      if (!data.audio) return;
      move(t * 1000);
      if (loop && (t * 1000 >= loop.e || t * 1000 < loop.s - 300)) wave.setTime(loop.s / 1000);
    });
    const playing = (yes) => { if (playButton) playButton.classList.toggle("playing", yes); };
    wave.on("play", () => playing(true));
    wave.on("pause", () => playing(false));
    wave.on("finish", () => playing(false));
    wave.on("ready", () => { timeline.dataset.ready = "yes"; });
    wave.on("error", () => { timeline.dataset.ready = "yes"; });
  };
  if (data.peaks) {
    fetch(`${base}/peaks`).then((r) => r.ok ? r.json() : Promise.reject(r.status))
      .then((p) => draw(data.channels.map((c) => decode(p.channels[c.channel] || ""))))
      .catch(() => draw(fromLevels()));
  } else draw(fromLevels());

  fit();
  const asked = /^#at=(\d{1,9})$/.exec(location.hash);
  seek(asked ? Number(asked[1]) : 0);
});
