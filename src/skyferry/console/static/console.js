// What the console's pages do besides htmx: copy buttons, the viewer's time zone, keys, charts. All of it is an extra.
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

  // Links that look like buttons do what buttons do.
  document.addEventListener("keydown", (event) => {
    const link = event.key === " " && event.target.closest("a[role=button]");
    if (link) {
      event.preventDefault();
      link.click();
    }
  });

  // Charts: options stand in the page, colours in the style sheet.
  function coloured(value, style) {
    if (typeof value === "string") {
      const name = value.match(/^var\((--[\w-]+)\)$/);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) {
      return value.map((item) => coloured(item, style));
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
    }
    return value;
  }

  function draw(place) {
    const drawn = window.echarts.getInstanceByDom(place) || window.echarts.init(place);
    drawn.setOption(coloured(JSON.parse(place.dataset.chart), getComputedStyle(place)));
  }

  function drawAll() {
    if (window.echarts) {
      document.querySelectorAll("[data-chart]").forEach(draw);
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.addEventListener("resize", () => {
    for (const place of window.echarts ? document.querySelectorAll("[data-chart]") : []) {
      window.echarts.getInstanceByDom(place)?.resize();
    }
  });

  document.addEventListener("htmx:afterSwap", (event) => prepare(event.target));
  prepare(document);
  document.addEventListener("DOMContentLoaded", drawAll); // the library is loaded after this file
})();
