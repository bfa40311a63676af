// The live page: events over a websocket that comes back by itself; without one the list is asked for again and again.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const live = document.getElementById("live"), link = document.getElementById("link");
  const { words, clock } = window.timbre;
  let due = null;
  const refresh = () => {
    if (due !== null) return;
    due = setTimeout(() => { due = null; window.htmx.trigger(live, "refresh"); }, 400);
  };
  const show = (state, text) => { link.dataset.state = state; link.querySelector(".words").textContent = text; };
  if (!live.dataset.socket) {
    setInterval(refresh, 5000);
    return;
  }
  let wait = 500;
  const connect = () => {
    const at = new URL(live.dataset.socket, location.href);
    at.protocol = at.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(at);
    socket.addEventListener("open", () => { wait = 500; show("on", words.live_on); refresh(); });
    socket.addEventListener("message", (m) => take(JSON.parse(m.data)));
    socket.addEventListener("close", () => {
      show("lost", words.live_off);
      setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, 15000);
    });
  };
  const take = (e) => {
    if (e.type === "events_lost") { show("on", words.live_lost); refresh(); return; }
    const card = live.querySelector(`[data-call="${CSS.escape(e.call_id || "")}"]`);
    if (!card) { refresh(); return; }
    if (e.time_ms) card.querySelector("[data-time]").textContent = clock(e.time_ms);
    switch (e.type) {
      case "affect": {
        const a = (e.affect || [])[0], meter = card.querySelector("[data-anger]");
        if (a && meter) {
          meter.value = a.end.anger;
          card.querySelector("[data-anger-text]").textContent = `${Math.round(100 * a.end.anger)} %`;
        } else refresh();
        break;
      }
      case "alert":
        window.timbre.say(e.alert.evidence);
        refresh();
        break;
      case "session_started": case "session_ended": case "call_updated": case "call_summary": case "voice":
        refresh();
    }
  };
  connect();
});
