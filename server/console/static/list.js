// The worklist: how many calls are ticked.
"use strict";
(() => {
  const picked = document.getElementById("picked");
  if (!picked) return;
  document.addEventListener("change", (e) => {
    if (e.target.name !== "call") return;
    const n = document.querySelectorAll('input[name="call"]:checked').length;
    picked.textContent = n ? `${n} ${window.timbre.words.picked}` : "";
  });
})();
