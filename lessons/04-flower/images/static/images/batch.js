// Follow one task until it is finished: show its progress in a bar, then its result.

const WAITING = "Waiting for a worker. If this takes long, no worker may be running for this queue.";
const WORDS = { PENDING: WAITING, STARTED: "A worker has started.", RETRY: "It failed and will be retried.", REVOKED: "It was canceled." };
const LABELS = { photos: "Photos", megapixels: "Megapixels", bytes: "Bytes", formats: "Formats", failed: "Not readable" };

const section = document.querySelector("[data-batch]");
follow();

async function follow() {
  const answer = await ask();
  if (answer) {
    showProgress(answer);
    if (answer.state === "SUCCESS") return showResult(answer.result);
    if (answer.state === "FAILURE") return say(`It failed. ${answer.error}`);
    if (answer.state === "REVOKED") return;
  }
  setTimeout(follow, 500);
}

async function ask() {
  try {
    const response = await fetch(section.dataset.batch, { signal: AbortSignal.timeout(10_000) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

function say(text) {
  const phase = section.querySelector(".phase");
  if (phase.textContent !== text) phase.textContent = text;
}

function showProgress({ state, progress }) {
  const bar = section.querySelector("progress");
  const known = progress?.total; // a task may end while its state is read: then this is its result
  if (known) Object.assign(bar, { max: progress.total, value: progress.done });
  else if (state !== "SUCCESS") bar.removeAttribute("value"); // running, but the progress is unknown
  say(known ? `${progress.done} of ${progress.total} photos` : WORDS[state] ?? state);
}

function showResult({ url, ...figures }) {
  Object.assign(section.querySelector("progress"), { max: 1, value: 1 });
  say("Done.");
  for (const [name, value] of Object.entries(figures)) {
    const entry = document.createElement("div");
    entry.append(
      Object.assign(document.createElement("dt"), { textContent: LABELS[name] ?? name }),
      Object.assign(document.createElement("dd"), { textContent: asText(value) }),
    );
    section.querySelector(".figures").append(entry);
  }
  if (url) {
    const link = Object.assign(document.createElement("a"), { href: url, textContent: "Download the ZIP file" });
    link.className = "button";
    section.querySelector(".outcome").append(link);
  }
}

function asText(value) {
  if (Array.isArray(value)) return value.length ? value.map(({ id, error }) => `photo ${id}: ${error}`).join("; ") : "none";
  if (value && typeof value === "object") return Object.entries(value).map(([name, count]) => `${count} ${name}`).join(", ");
  return typeof value === "number" ? value.toLocaleString("en") : value;
}
