// The little that htmx does not do: watch for changes, and ask before what cannot be taken back.
"use strict";

document.querySelectorAll("[data-watch]").forEach((part) => {
  const live = document.getElementById("live");
  const stream = new EventSource(part.dataset.watch);
  stream.addEventListener("watching", () => { live.textContent = "live"; });
  stream.addEventListener("changed", () => { htmx.trigger(part, "changed"); });
  stream.onerror = () => { live.textContent = "not connected"; };
  window.addEventListener("pagehide", () => stream.close());
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirm]");
  if (button && button.form.reportValidity() && !window.confirm(button.dataset.confirm)) {
    event.preventDefault();
  }
});
