// A small device that runs in a page: over MQTT on a WebSocket it logs in to this very server, installs what it is offered
// and reports, as devices in the field do. Sentences and the device's names stand in the page.
"use strict";

(() => {
  const KEEPALIVE_SECONDS = 300; // tabs in the background wake once a minute
  const RESTART_MS = 1000;
  const STEPS = 4;
  const STEP_MS = 300; // somebody watches: a small file would be there at once
  const MOST_LINES = 200;
  const FAILED = { upgrade: -1, download: -2, verification: -3 };
  const UNREACHABLE = "the page cannot download from there"; // what a device says of itself, in English as they all do

  const place = document.querySelector("[data-device]");
  const identity = JSON.parse(place.dataset.device);
  const sentences = JSON.parse(place.dataset.sentences);
  const [start, stop] = place.querySelectorAll("button");
  const version = place.querySelector("[name=version]");
  const bar = place.querySelector("progress");
  const log = place.querySelector("[role=log] ol");
  const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

  function say(name, values = {}) {
    const line = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = new Date().toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
    line.append(time, ` ${sentences[name].replace(/\{(\w+)\}/g, (_, key) => values[key])}`);
    log.append(line);
    while (log.children.length > MOST_LINES) {
      log.firstElementChild.remove();
    }
  }

  class Failure extends Error {
    constructor(step, description) {
      super(description);
      this.step = step;
    }
  }

  // What the device runs, by module; it outlives connections.
  const running = new Map();
  let client = null;
  let installing = false;
  let messages = 0;

  const topic = (name) => `/ota/device/${name}/${identity.productKey}/${identity.deviceName}`;

  function credentials() {
    const base = `${identity.productKey}.${identity.deviceName}`;
    const content = `clientId${base}deviceName${identity.deviceName}productKey${identity.productKey}`;
    return {
      clientId: `${base}|securemode=3,signmethod=hmacsha256,_ss=1,_v=skyferry-page|`,
      username: `${identity.deviceName}&${identity.productKey}`,
      password: sha256.hmac(identity.deviceSecret, content),
    };
  }

  function connect() {
    say("connecting");
    const made = mqtt.connect(`${location.origin.replace(/^http/, "ws")}/mqtt`, {
      ...credentials(),
      protocolVersion: 4,
      keepalive: KEEPALIVE_SECONDS,
      reconnectPeriod: 0, // a real device may have taken this one's place
      timerVariant: "native", // the other one runs a script that the page's policy forbids
    });
    made.on("connect", () => {
      say("connected");
      running.forEach((number, module) => reportVersion(module, number));
    });
    made.on("message", (heard, payload) => {
      if (heard === topic("upgrade")) {
        hear(payload);
      }
    });
    made.on("error", (error) => error.code && say("refused", { code: error.code }));
    made.on("close", () => made === client && ended());
    client = made;
  }

  function disconnect() {
    const made = client;
    client = null;
    return made ? made.endAsync() : Promise.resolve();
  }

  async function restart() {
    say("restarting");
    await disconnect();
    await pause(RESTART_MS);
    if (!client && start.hidden) {
      connect();
    }
  }

  function ended() {
    client = null;
    say("lost");
    show(false);
  }

  function show(isRunning) {
    start.hidden = isRunning;
    stop.hidden = !isRunning;
    version.readOnly = isRunning;
    (isRunning ? stop : start).focus();
  }

  function publish(name, params, module) {
    messages += 1;
    const named = module === "default" ? params : { ...params, module };
    client?.publish(topic(name), JSON.stringify({ id: String(messages), params: named }), { qos: 1 });
  }

  function reportVersion(module, number) {
    publish("inform", { version: number }, module);
    say("reported", { version: number, module });
  }

  function reportProgress(module, step, desc) {
    publish("progress", { step: String(step), desc }, module);
  }

  async function hear(payload) {
    const notice = JSON.parse(new TextDecoder().decode(payload)).data;
    const module = notice.module ?? "default";
    if (installing) {
      return;
    }
    if (running.get(module) === notice.version) {
      reportVersion(module, notice.version);
      return;
    }
    installing = true;
    say("offered", { version: notice.version, module });
    try {
      await install(notice, module);
      running.set(module, notice.version);
      if (module === "default") {
        version.value = notice.version;
      }
      if (client) {
        await restart();
      }
    } catch (error) {
      reportProgress(module, error.step ?? FAILED.upgrade, error.message);
      say("failed", { reason: error.message });
    } finally {
      installing = false;
      bar.hidden = true;
    }
  }

  async function install(notice, module) {
    const files = notice.files ?? [notice];
    const total = files.reduce((sum, file) => sum + (file.fileSize ?? file.size), 0);
    bar.hidden = false;
    bar.value = 0;
    let received = 0;
    let step = 0;
    for (const file of files) {
      const digest = (notice.signMethod === "SHA256" ? sha256 : md5).create();
      const before = received;
      for await (const piece of download(file.fileUrl ?? file.url)) {
        digest.update(piece);
        received += piece.length;
        while (step < STEPS && received * STEPS >= total * (step + 1)) {
          step += 1;
          bar.value = (100 * step) / STEPS;
          reportProgress(module, bar.value, "");
          say("progress", { share: (step / STEPS).toLocaleString(document.documentElement.lang, { style: "percent" }) });
          await pause(STEP_MS);
        }
      }
      if (received - before !== (file.fileSize ?? file.size)) {
        throw new Failure(FAILED.verification, "the file has another size");
      }
      if (digest.hex() !== (file.fileSign ?? file.sign)) {
        throw new Failure(FAILED.verification, "the file has another digest");
      }
    }
    say("verified", { method: notice.signMethod });
  }

  // The file's own host may be one that this page cannot ask, but the server behind it serves the page as well.
  async function* download(url) {
    const { pathname, search } = new URL(url ?? "mqtt:");
    if (!pathname.includes("/objects/")) {
      say("elsewhere");
      throw new Failure(FAILED.download, UNREACHABLE);
    }
    try {
      const response = await fetch(pathname + search);
      if (!response.ok) {
        throw new Error(`HTTP ${response.status}`);
      }
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        yield part.value;
      }
    } catch (error) {
      throw new Failure(FAILED.download, `the download failed: ${error.message}`);
    }
  }

  start.addEventListener("click", () => {
    if (version.reportValidity()) {
      running.set("default", version.value);
      show(true);
      connect();
    }
  });

  stop.addEventListener("click", async () => {
    show(false);
    await disconnect();
    say("stopped");
  });

  window.addEventListener("beforeunload", (event) => {
    if (client) {
      event.preventDefault(); // with the page the device would end
    }
  });

  place.hidden = false;
})();
