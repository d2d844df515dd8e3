// Takes a result off the screen after a while, so that the next person does not read it.
const bar = document.getElementById("auto-clear");
const left = document.getElementById("auto-clear-left");
const hold = document.getElementById("auto-clear-hold");
let seconds = Number(bar.dataset.seconds);
let held = false;

function tick() {
  if (held) return;
  seconds -= 1;
  left.textContent = String(Math.max(seconds, 0));
  if (seconds <= 0) window.location.replace(bar.dataset.next);
}

if (seconds > 0) {
  bar.hidden = false;
  left.textContent = String(seconds);
  const timer = setInterval(tick, 1000);
  hold.addEventListener("click", () => {
    held = true;
    clearInterval(timer);
    bar.hidden = true;
  });
}
