// Reads a code with the camera of this device and hands its text to the form of the page.
// Nothing leaves the browser but the text of the code that is being checked.
import { prepareZXingModule, readBarcodes } from "./vendor/zxing/reader/index.js";

const EVERY_MS = 150;      // pause between two looks: leaves the page responsive on old phones
const GIVE_UP_MS = 60_000; // a camera left alone is switched off

const form = document.getElementById("check-form");
const field = document.getElementById("text");
const stage = document.getElementById("camera");
const video = document.getElementById("camera-video");
const start = document.getElementById("camera-start");
const stop = document.getElementById("camera-stop");
const torch = document.getElementById("camera-torch");
const picker = document.getElementById("camera-picker");
const status = document.getElementById("camera-status");

const words = document.getElementById("camera-words").dataset;
const options = { formats: ["QRCode"], tryHarder: true, maxNumberOfSymbols: 2 };
const canvas = document.createElement("canvas");
let stream = null;
let deadline = 0;

prepareZXingModule({
  overrides: {
    locateFile: (path) => new URL(`./vendor/zxing/reader/${path}`, import.meta.url).href,
  },
});

function say(text) {
  status.textContent = text;
}

function end() {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
  stage.hidden = true;
  start.hidden = false;
}

async function look() {
  if (!stream) return;
  if (Date.now() > deadline) {
    end();
    say(words.timeout);
    return;
  }
  if (video.readyState >= 2 && video.videoWidth > 0) {
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    const found = await readBarcodes(
      context.getImageData(0, 0, canvas.width, canvas.height), options,
    );
    const texts = [...new Set(found.filter((code) => code.isValid).map((code) => code.text))];
    if (texts.length > 1) {
      say(words.several);
    } else if (texts.length === 1) {
      end();
      say(words.found);
      field.value = texts[0];
      form.requestSubmit();
      return;
    }
  }
  setTimeout(() => look().catch(fail), EVERY_MS);
}

function fail() {
  end();
  say(words.failed);
}

async function listCameras() {
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(
    (device) => device.kind === "videoinput",
  );
  picker.parentElement.hidden = cameras.length < 2;
  picker.replaceChildren(
    ...cameras.map((camera, position) => {
      const option = document.createElement("option");
      option.value = camera.deviceId;
      option.textContent = camera.label || `${position + 1}`;
      option.selected = stream.getVideoTracks()[0].getSettings().deviceId === camera.deviceId;
      return option;
    }),
  );
}

async function begin(deviceId) {
  end();
  say(words.starting);
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        ...(deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: "environment" } }),
        width: { ideal: 1920 },
        height: { ideal: 1080 },
      },
    });
  } catch {
    end();
    say(words.refused);
    return;
  }
  video.srcObject = stream;
  await video.play();
  stage.hidden = false;
  start.hidden = true;
  deadline = Date.now() + GIVE_UP_MS;
  const [track] = stream.getVideoTracks();
  torch.hidden = !(track.getCapabilities && track.getCapabilities().torch);
  await listCameras();
  say(words.looking);
  look().catch(fail);
}

if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) {
  start.hidden = false;
  start.addEventListener("click", () => begin().catch(fail));
  stop.addEventListener("click", () => {
    end();
    say("");
  });
  picker.addEventListener("change", () => begin(picker.value).catch(fail));
  torch.addEventListener("click", async () => {
    const on = torch.getAttribute("aria-pressed") !== "true";
    await stream.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: on }] });
    torch.setAttribute("aria-pressed", String(on));
  });
} else {
  say(words.unsupported);
}
