// Makes the wall smaller until all of it stands on the screen: how high a tile is depends on its words. A phone scrolls.
"use strict";

(() => {
  const LEAST = 0.5;
  const STEP = 0.05;
  const wide = window.matchMedia("(min-width: 861px)");
  const live = document.getElementById("live");

  const isCutOff = () => document.body.scrollHeight > document.body.clientHeight + 1;

  function fit() {
    live.style.zoom = "";
    for (let zoom = 1; wide.matches && zoom > LEAST && isCutOff(); ) {
      zoom -= STEP;
      live.style.zoom = zoom.toFixed(2);
    }
  }

  // Attributes are left out: the zoom itself is one.
  new MutationObserver(fit).observe(live, { childList: true, subtree: true, characterData: true });
  window.addEventListener("resize", fit);
  fit();
})();
