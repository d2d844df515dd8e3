// "Check my file": the SHA-256 of a chosen file is computed here and compared with the digest on
// this page. The file never leaves the browser.
"use strict";
(() => {
  const box = document.getElementById("check-file");
  if (!box || !window.crypto || !window.crypto.subtle) return;
  const input = box.querySelector("input[type=file]");
  const states = [...box.querySelectorAll("[data-result]")];
  const show = (name) => states.forEach((state) => { state.hidden = state.dataset.result !== name; });
  box.hidden = false;
  input.addEventListener("change", async () => {
    const file = input.files && input.files[0];
    if (!file) return show("none");
    try {
      const digest = await window.crypto.subtle.digest("SHA-256", await file.arrayBuffer());
      const hex = [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
      show(hex === box.dataset.digest ? "same" : "other");
    } catch {
      show("unread");
    }
  });
})();
