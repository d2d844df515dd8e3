// Takes a result off the screen after a while, so that the next person does not read it.
const bar = document.getElementById("auto-clear");
const left = document.getElementById("auto-clear-left");
const hold = document.getElementById("auto-clear-hold");
let seconds = Number(bar.dataset.seconds);
let held = false;
let timer;

function show() {
  const shown = Math.max(seconds, 0);
  left.textContent = (shown === 1 ? left.dataset.one : left.dataset.many).replace("%d", shown);
}

function tick() {
  if (held) return;
  seconds -= 1;
  show();
  if (seconds > 0) return;
  clearInterval(timer);
  // What is kept is forgotten as well; where nothing is, the next page comes at once.
  const form = document.getElementById(bar.dataset.form ?? "");
  if (form) form.requestSubmit();
  else window.location.replace(bar.dataset.next);
}

if (seconds > 0) {
  bar.hidden = false;
  show();
  timer = setInterval(tick, 1000);
  hold.addEventListener("click", () => {
    held = true;
    clearInterval(timer);
    bar.hidden = true;
  });
}
