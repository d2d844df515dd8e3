// Comforts only: every page works without this file.
"use strict";

(() => {
  // A batch that is being issued: numbers come without reloading; at the end, and when trouble comes
  // or goes, the page is reloaded.
  const progress = document.querySelector("[data-progress]");
  if (progress) {
    const bar = progress.querySelector("progress");
    const words = progress.querySelector("[data-progress-words]");
    const look = async () => {
      try {
        const answer = await fetch(progress.dataset.progress, { headers: { Accept: "application/json" } });
        if (answer.ok) {
          const numbers = await answer.json();
          bar.max = Math.max(numbers.total, 1);
          bar.value = numbers.done;
          words.textContent = `${numbers.done} / ${numbers.total}`;
          if (numbers.state === "issued" || numbers.trouble !== progress.dataset.trouble) {
            location.reload();
            return;
          }
        }
      } catch {
        // No answer now: look again.
      }
      setTimeout(look, 1000);
    };
    setTimeout(look, 600);
  }

  // One click is one deed.
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
      }
      form.dataset.sent = "yes";
    });
  }
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
    }
  });

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = button.dataset.copied;
    });
  }

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }

  const summary = document.querySelector(".summary");
  if (summary) {
    summary.focus();
  }
})();
