// Asks again and again what became of a request, and shows the next page when there is news.
const live = document.getElementById("live");
const words = document.getElementById("live-words");
const known = live.dataset.state;
const PAUSE = 1500;
let last = null;

async function look() {
  let value;
  try {
    const reply = await fetch(live.dataset.url, { cache: "no-store", credentials: "same-origin" });
    if (reply.status >= 500) throw new Error("not now");
    value = reply.ok ? await reply.json() : { state: "expired" };
  } catch {
    words.textContent = live.dataset.lost;
    return true;
  }
  const text = JSON.stringify(value);
  const changed = last !== null && last !== text;
  last = text;
  if (value.state === "fetched" && known !== "not_accepted") {
    words.textContent = live.dataset.fetched;
    return true;
  }
  if (value.state === known && !changed) return true;
  window.location.reload();
  return false;
}

async function wait() {
  if (await look()) setTimeout(wait, PAUSE);
}

wait();
