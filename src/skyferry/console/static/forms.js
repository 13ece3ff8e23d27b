// What forms do besides being sent: files are uploaded with progress, all rows of a table are selected.
"use strict";

(() => {
  function show() {
    for (const place of document.querySelectorAll("[data-upload], [data-all]")) {
      place.hidden = false;
    }
  }
  show();
  document.addEventListener("htmx:afterSwap", show);

  // A table that changes by itself waits while rows of it are selected, or something in it has the focus.
  const isInUse = (place) =>
    place.matches("[data-live]") && (place.querySelector(":checked") || place.contains(document.activeElement));
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isInUse(event.target)) {
      event.preventDefault();
    }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (isInUse(event.detail.target)) {
      event.detail.shouldSwap = false;
    }
  });

  // Uploads: the server gives a ticket, the file goes straight to the object store, its URL into the field behind.
  const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-Form-Token"];

  async function ticketFor(purpose, name) {
    const body = new URLSearchParams({ purpose, name });
    const response = await fetch("/console/uploads", { method: "POST", body, headers: { "X-Form-Token": token() } });
    const answer = await response.json();
    if (!response.ok) {
      throw new Error(answer.problem);
    }
    return answer;
  }

  function send(ticket, file, progress) {
    const form = new FormData();
    for (const [name, value] of Object.entries(ticket.fields)) {
      form.append(name, value);
    }
    form.append("success_action_status", "204");
    form.append("file", file, "file");
    // The console's own origin serves uploads too, and needs no leave of the browser.
    const target = location.origin + new URL(ticket.host).pathname;
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.upload.addEventListener("progress", (event) => {
        progress.value = event.lengthComputable ? (100 * event.loaded) / event.total : 0;
      });
      request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(new Error(reason(request)))));
      request.addEventListener("error", () => reject(new Error("")));
      request.open("POST", target);
      request.send(form);
    });
  }

  const reason = (request) => request.responseXML?.querySelector("Message")?.textContent ?? "";

  async function upload(place) {
    const [input, progress, status] = place.children;
    const file = input.files[0];
    const field = place.parentElement.querySelector("input[name]");
    const name = place.closest(".file")?.querySelector("[name=file_name]");
    const buttons = place.closest("form").querySelectorAll("button");
    buttons.forEach((button) => { button.disabled = true; });
    progress.hidden = false;
    status.textContent = "";
    try {
      const ticket = await ticketFor(place.dataset.upload, file.name);
      await send(ticket, file, progress);
      field.value = ticket.url;
      if (name && !name.value) {
        name.value = file.name.slice(-name.maxLength);
      }
      status.textContent = `${place.dataset.done}: ${file.name}`;
    } catch (error) {
      field.value = "";
      status.textContent = `${place.dataset.failed} ${error.message}`;
    }
    progress.hidden = true;
    buttons.forEach((button) => { button.disabled = false; });
  }

  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-all]");
    if (all) {
      all.form.querySelectorAll(`[name="${all.dataset.all}"]`).forEach((box) => { box.checked = all.checked; });
    }
    const place = event.target.closest("[data-upload]");
    if (place && event.target.files.length) {
      upload(place);
    }
  });
})();
