// Makes the wall smaller until all of it stands on the screen: how high a tile is depends on its words. A phone scrolls.
"use strict";

(() => {
  const LEAST = 50; // %
  const STEP = 5;
  const wide = window.matchMedia("(min-width: 861px)");
  const live = document.getElementById("live");

  const isCutOff = () => document.body.scrollHeight > document.body.clientHeight + 1;

  function fit() {
    live.style.zoom = "";
    for (let zoom = 100; wide.matches && zoom > LEAST && isCutOff(); ) {
      zoom -= STEP;
      live.style.zoom = `${zoom}%`;
    }
  }

  // Attributes are left out: the zoom itself is one.
  const observer = new MutationObserver(fit);
  observer.observe(live, { childList: true, subtree: true, characterData: true });
  // It takes its room from the rest: what it says is new each time it appears.
  observer.observe(document.getElementById("no-contact"), { childList: true });
  window.addEventListener("resize", fit);
  fit();
})();
