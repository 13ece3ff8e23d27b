// What the console's pages do besides htmx: copy buttons, the viewer's time zone, charts, uploads. All of it is an extra.
"use strict";

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = document.cookie.split("; ").find((part) => part.startsWith("skyferry_zone="));
  if (zone && known !== `skyferry_zone=${encodeURIComponent(zone)}`) {
    document.cookie = `skyferry_zone=${encodeURIComponent(zone)}; path=/console; max-age=31536000; samesite=lax`;
    if (!known && navigator.cookieEnabled && document.querySelector("time")) {
      location.reload();
    }
  }

  function prepare(root) {
    for (const button of root.querySelectorAll("[data-copy]")) {
      if (navigator.clipboard) {
        button.hidden = false;
      }
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) {
      return;
    }
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  });

  document.addEventListener("htmx:afterSwap", (event) => prepare(event.target));
  prepare(document);
})();
